//! A package index (PEP 503) on 127.0.0.1 that misbehaves as it is told to.
//!
//! It serves a directory of wheels and source distributions as it is at the moment of each request.

use super::encode::sha256;
use super::faults::{Behaviour, Faulty, Shelf};
use super::http::{Answer, Request};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

/// A running index; it stops listening when dropped. How it misbehaves is told to the [`Faulty`] that it is.
pub struct Index(Faulty);

struct Directory {
    path: PathBuf,
    facts: Mutex<HashMap<(PathBuf, SystemTime), Facts>>,
}

/// What a page says about a file.
#[derive(Clone)]
struct Facts {
    hash: String,
    requires_python: Option<String>,
}

impl Index {
    /// Serves `directory` on a free port.
    pub fn serve(directory: &Path) -> Self {
        Self(Faulty::serve(Directory { path: directory.to_path_buf(), facts: Mutex::default() }))
    }

    /// What `PIP_INDEX_URL` and `UV_DEFAULT_INDEX` are set to.
    pub fn url(&self) -> String {
        self.address(None) + "/simple"
    }

    /// The same with a login in it, `USER:PASS`.
    pub fn url_with_login(&self, login: &str) -> String {
        self.address(Some(login)) + "/simple"
    }
}

impl Deref for Index {
    type Target = Faulty;

    fn deref(&self) -> &Faulty {
        &self.0
    }
}

impl Shelf for Directory {
    fn package_of(&self, path: &str) -> Option<String> {
        path.strip_prefix("/files/").map(project_of)
    }

    fn answer(&self, request: &Request, behaviour: &Behaviour) -> Answer {
        match request.path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["simple"] => self.page(self.projects().iter().map(|name| format!("<a href=\"{name}/\">{name}</a>"))),
            ["simple", project] if request.path.ends_with('/') && !behaviour.uploads.is_empty() => {
                self.project_as_json(project, &behaviour.uploads)
            }
            ["simple", project] if request.path.ends_with('/') => self.project(project, behaviour.bare),
            ["simple", project] => Answer::status(301).header("Location", format!("/simple/{project}/")),
            ["files", name] => match fs::read(self.path.join(name)) {
                Ok(bytes) => behaviour.file(&project_of(name), bytes, request),
                Err(_) => Answer::status(404),
            },
            _ => Answer::status(404),
        }
    }
}

impl Directory {
    fn page(&self, links: impl Iterator<Item = String>) -> Answer {
        let body = links.fold(String::from("<!DOCTYPE html>\n"), |page, link| page + &link + "<br>\n");
        // Tests add files and expect them to be seen at once.
        Answer::new(200, body).header("Content-Type", "text/html").header("Cache-Control", "no-cache")
    }

    fn project(&self, project: &str, bare: bool) -> Answer {
        let mut files: Vec<_> =
            self.files().into_iter().filter(|name| project_of(name) == normalised(project)).collect();
        files.sort();
        match files.is_empty() {
            true => Answer::status(404),
            false if bare => self.page(files.iter().map(|name| format!("<a href=\"/files/{name}\">{name}</a>"))),
            false => self.page(files.iter().map(|name| self.link(name))),
        }
    }

    /// The same page as JSON (PEP 691), with the times of upload.
    fn project_as_json(&self, project: &str, uploads: &BTreeMap<String, String>) -> Answer {
        let names = self.files().into_iter().filter(|name| project_of(name) == normalised(project));
        let files: Vec<_> = names
            .map(|name| {
                let hashes = serde_json::json!({ "sha256": self.facts(&self.path.join(&name)).hash });
                let url = format!("/files/{name}");
                serde_json::json!({ "filename": name, "url": url, "hashes": hashes, "upload-time": uploads.get(&name) })
            })
            .collect();
        let page = serde_json::json!({ "meta": { "api-version": "1.1" }, "name": normalised(project), "files": files });
        let answer = Answer::new(200, page.to_string()).header("Cache-Control", "no-cache");
        answer.header("Content-Type", "application/vnd.pypi.simple.v1+json")
    }

    fn link(&self, name: &str) -> String {
        let facts = self.facts(&self.path.join(name));
        let python = facts.requires_python.map(|range| range.replace('<', "&lt;").replace('>', "&gt;"));
        let attribute = python.map(|range| format!(" data-requires-python=\"{range}\"")).unwrap_or_default();
        format!("<a href=\"/files/{name}#sha256={}\"{attribute}>{name}</a>", facts.hash)
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| !name.starts_with('.') && (name.ends_with(".whl") || name.ends_with(".tar.gz"))).collect()
    }

    fn projects(&self) -> BTreeSet<String> {
        self.files().iter().map(|name| project_of(name)).collect()
    }

    /// Hashing a large wheel at every request would cost more than what the tests measure.
    fn facts(&self, path: &Path) -> Facts {
        let modified = fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let key = (path.to_path_buf(), modified);
        if let Some(known) = self.facts.lock().unwrap().get(&key) {
            return known.clone();
        }
        let facts = Facts { hash: sha256(path), requires_python: requires_python(path) };
        self.facts.lock().unwrap().insert(key, facts.clone());
        facts
    }
}

/// The project that a file belongs to, by its name.
fn project_of(file: &str) -> String {
    let name = match file.strip_suffix(".tar.gz") {
        Some(stem) => stem.rsplit_once('-').map_or(stem, |(name, _)| name),
        None => file.split('-').next().unwrap_or(file),
    };
    normalised(name)
}

fn normalised(name: &str) -> String {
    let words: Vec<_> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

fn requires_python(path: &Path) -> Option<String> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).ok()?).ok()?;
    let name = archive.file_names().find(|name| name.ends_with(".dist-info/METADATA"))?.to_owned();
    let mut text = String::new();
    archive.by_name(&name).ok()?.read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Requires-Python: ")).map(str::to_owned)
}
