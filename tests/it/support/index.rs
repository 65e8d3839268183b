//! A package index (PEP 503) on 127.0.0.1 that misbehaves as it is told to.
//!
//! It serves a directory of wheels and source distributions as it is at the moment of each request. `latency`, `rate`
//! and the like apply to requests that begin after they were set; `truncate` and `corrupt` to files only, never to pages.

use super::encode::{base64, sha256};
use super::http::{Answer, Request, Server};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A running index; it stops listening when dropped.
pub struct Index {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    behaviour: Mutex<Behaviour>,
    log: Mutex<Vec<String>>,
    facts: Mutex<HashMap<(PathBuf, SystemTime), Facts>>,
}

#[derive(Clone, Default)]
struct Behaviour {
    latency: Duration,
    rate: Option<u64>,
    failures_left: usize,
    status: Option<u16>,
    truncate: bool,
    corrupt: bool,
    portal: bool,
    drop: bool,
    files_only: bool,
    bare: bool,
    login: Option<String>,
    holds: BTreeMap<String, Hold>,
    uploads: BTreeMap<String, String>,
}

/// How long the files of one package are held, and until when, once the first of them was asked for.
#[derive(Clone, Copy)]
struct Hold {
    duration: Duration,
    until: Option<Instant>,
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
        let shared = Arc::new(Shared {
            directory: directory.to_path_buf(),
            behaviour: Mutex::default(),
            log: Mutex::default(),
            facts: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        Self { server: Server::start(move |request| served.converse(request)), shared }
    }

    /// What `PIP_INDEX_URL` and `UV_DEFAULT_INDEX` are set to.
    pub fn url(&self) -> String {
        format!("http://{}/simple", self.server.address())
    }

    /// The same with a login in it, `USER:PASS`.
    pub fn url_with_login(&self, login: &str) -> String {
        format!("http://{login}@{}/simple", self.server.address())
    }

    /// Waits before each answer.
    pub fn latency(&self, latency: Duration) -> &Self {
        self.change(|behaviour| behaviour.latency = latency)
    }

    /// Sends so many bytes a second and connection; `None` for no limit.
    pub fn rate(&self, bytes_per_second: Option<u64>) -> &Self {
        self.change(|behaviour| behaviour.rate = bytes_per_second)
    }

    /// Answers the next `count` requests with 503.
    pub fn fail_first(&self, count: usize) -> &Self {
        self.change(|behaviour| behaviour.failures_left = count)
    }

    /// Answers every request with this status; `None` for the right one.
    pub fn status(&self, status: Option<u16>) -> &Self {
        self.change(|behaviour| behaviour.status = status)
    }

    /// Sends only half of each file, having promised all of it.
    pub fn truncate(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.truncate = on)
    }

    /// Flips a bit in the middle of each file.
    pub fn corrupt(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.corrupt = on)
    }

    /// Sends a page instead of each file, as a network does that wants a login first.
    pub fn portal(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.portal = on)
    }

    /// Closes each connection without an answer.
    pub fn drop_connections(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.drop = on)
    }

    /// Whether latency, statuses and closed connections are for files only, and pages arrive.
    pub fn files_only(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.files_only = on)
    }

    /// Pages say nothing of a file but its name: no hash, no Python.
    pub fn bare(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.bare = on)
    }

    /// Demands basic authentication as `USER:PASS`; `None` for nobody's.
    pub fn login(&self, login: Option<&str>) -> &Self {
        self.change(|behaviour| behaviour.login = login.map(str::to_owned))
    }

    /// Has the files of this package arrive so long after the first request for one, byte by byte: no client gives it
    /// up, and each build waits once, however many requests it makes.
    pub fn hold(&self, package: &str, duration: Duration) -> &Self {
        self.change(|behaviour| behaviour.holds.extend([(normalised(package), Hold { duration, until: None })]))
    }

    /// Says when this file was uploaded, in RFC 3339; from now on pages are JSON, which alone can say it (PEP 700).
    pub fn uploaded(&self, file: &str, at: &str) -> &Self {
        self.change(|behaviour| drop(behaviour.uploads.insert(file.to_owned(), at.to_owned())))
    }

    /// Stops listening for good: from now on connections are refused.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.log().len()
    }

    /// Every request so far, as `GET /simple/alpha/`.
    pub fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) -> &Self {
        self.shared.log.lock().unwrap().clear();
        self
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) -> &Self {
        change(&mut self.shared.behaviour.lock().unwrap());
        self
    }
}

impl Shared {
    fn converse(&self, request: &Request) -> Answer {
        let mut behaviour = self.begin(request);
        if behaviour.files_only && file_of(&request.path).is_none() {
            behaviour = Behaviour { latency: Duration::ZERO, status: None, drop: false, ..behaviour };
        }
        thread::sleep(behaviour.latency);
        if behaviour.drop {
            return Answer::none();
        }
        self.answer(request, &behaviour).at_rate(behaviour.rate)
    }

    /// Notes the request and fixes how it will be treated.
    fn begin(&self, request: &Request) -> Behaviour {
        self.log.lock().unwrap().push(format!("{} {}", request.method, request.path));
        let mut current = self.behaviour.lock().unwrap();
        let held = file_of(&request.path).and_then(|name| current.holds.get_mut(&project_of(name)));
        if let Some(hold) = held {
            hold.until.get_or_insert(Instant::now() + hold.duration);
        }
        let behaviour = current.clone();
        current.failures_left = current.failures_left.saturating_sub(1);
        behaviour
    }

    fn answer(&self, request: &Request, behaviour: &Behaviour) -> Answer {
        if behaviour.failures_left > 0 {
            return Answer::status(503);
        }
        if let Some(status) = behaviour.status {
            return Answer::status(status);
        }
        let expected = behaviour.login.as_ref().map(|login| format!("Basic {}", base64(login.as_bytes())));
        if expected.is_some() && request.header("authorization") != expected.as_deref() {
            return Answer::status(401).header("WWW-Authenticate", "Basic realm=\"packages\"");
        }
        match request.path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["simple"] => self.page(self.projects().iter().map(|name| format!("<a href=\"{name}/\">{name}</a>"))),
            ["simple", project] if request.path.ends_with('/') && !behaviour.uploads.is_empty() => {
                self.project_as_json(project, &behaviour.uploads)
            }
            ["simple", project] if request.path.ends_with('/') => self.project(project, behaviour.bare),
            ["simple", project] => Answer::status(301).header("Location", format!("/simple/{project}/")),
            ["files", name] => self.file(name, request.header("range"), behaviour),
            _ => Answer::status(404),
        }
    }

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
                let hashes = serde_json::json!({ "sha256": self.facts(&self.directory.join(&name)).hash });
                let url = format!("/files/{name}");
                serde_json::json!({ "filename": name, "url": url, "hashes": hashes, "upload-time": uploads.get(&name) })
            })
            .collect();
        let page = serde_json::json!({ "meta": { "api-version": "1.1" }, "name": normalised(project), "files": files });
        let answer = Answer::new(200, page.to_string()).header("Cache-Control", "no-cache");
        answer.header("Content-Type", "application/vnd.pypi.simple.v1+json")
    }

    fn link(&self, name: &str) -> String {
        let facts = self.facts(&self.directory.join(name));
        let python = facts.requires_python.map(|range| range.replace('<', "&lt;").replace('>', "&gt;"));
        let attribute = python.map(|range| format!(" data-requires-python=\"{range}\"")).unwrap_or_default();
        format!("<a href=\"/files/{name}#sha256={}\"{attribute}>{name}</a>", facts.hash)
    }

    fn file(&self, name: &str, range: Option<&str>, behaviour: &Behaviour) -> Answer {
        let Ok(mut bytes) = fs::read(self.directory.join(name)) else {
            return Answer::status(404);
        };
        if behaviour.portal {
            bytes = b"<html>log in to this network</html>".to_vec();
        }
        let middle = bytes.len() / 2;
        if behaviour.corrupt && !bytes.is_empty() {
            bytes[middle] ^= 1;
        }
        let held = behaviour.holds.get(&project_of(name)).and_then(|hold| hold.until);
        let answer = part(bytes, range).held_until(held);
        let answer = if behaviour.truncate { answer.truncated() } else { answer };
        answer.header("Content-Type", "application/octet-stream").header("Accept-Ranges", "bytes")
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
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

/// The file, or the part of it that was asked for: uv reads only the directory at a wheel's end.
fn part(bytes: Vec<u8>, range: Option<&str>) -> Answer {
    let Some((from, to)) = range.and_then(|range| bounds(range, bytes.len())) else {
        return Answer::new(200, bytes);
    };
    let place = format!("bytes {from}-{}/{}", to - 1, bytes.len());
    Answer::new(206, &bytes[from..to]).header("Content-Range", place)
}

/// The half-open bounds that `bytes=FROM-TO`, `bytes=FROM-` or `bytes=-LAST` mean.
fn bounds(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => (from, (to + 1).min(length)),
        (Ok(from), Err(_)) => (from, length),
        (Err(_), Ok(last)) => (length.saturating_sub(last), length),
        (Err(_), Err(_)) => return None,
    };
    (from < to).then_some((from, to))
}

/// The file that a path of the index names, if it names one.
fn file_of(path: &str) -> Option<&str> {
    path.strip_prefix("/files/")
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
