//! Which file says what a plugin needs, read into memory once.
//!
//! In one directory the first of [`PREFERENCE`] that exists is used: the more exactly a file says
//! what to install, the earlier it stands.

use crate::config::{Scripts, Settings};
use crate::error::{Error, Kind, Result};
use crate::fingerprint::{Part, Request, SCHEMA};
use crate::fs;
use crate::lockfile::locked_packages;
pub use crate::manifest_format::Format;
use crate::manifest_format::{PREFERENCE, format_of};
use crate::node_lock;
use crate::package::{self, Package};
use crate::project::{Project, as_manifest_error, join};
use crate::pyproject::{DynamicDependencies, Pyproject};
use crate::requirement_line::asks_everywhere;
use crate::requirements::{self, Closure, Item, Source};
use crate::runtime::Runtime;
use std::borrow::Cow;
use std::path::Path;

/// The manifest of one environment.
#[derive(Debug)]
pub struct Manifest {
    /// How it is written.
    pub format: Format,
    /// Path of the file in the plugin.
    pub label: String,
    /// The files to hand to an installer; they name the rest.
    pub tops: Vec<String>,
    /// Extras to install, sorted.
    pub extras: Vec<String>,
    /// Groups to install, sorted.
    pub groups: Vec<String>,
    /// Whether what has no hash is refused.
    pub require_hashes: bool,
    /// The moment after which nothing that was uploaded counts.
    pub exclude_newer: Option<String>,
    /// Packages whose own scripts run when they are installed.
    pub scripts: Scripts,
    /// Whether the host has installed all of it beside the manifest, so that nothing is left to do.
    pub is_provided: bool,
    /// What was seen and not used, in words.
    pub notes: Vec<String>,
    pub(crate) closure: Closure,
    project: Option<Pyproject>,
    pub(crate) package: Option<Package>,
    pub(crate) relevant: Option<String>,
    wanted: Option<String>,
}

/// Finds and reads the manifest of a directory; `None` when it has none.
///
/// # Errors
/// The manifest is malformed, or leads out of the plugin, or names a file that is not there.
pub fn read(root: &Path, directory: &str, settings: &Settings, project: Project) -> Result<Option<Manifest>> {
    let Some((label, format, bytes)) = find(root, directory, settings, &project)? else {
        return no_manifest(project);
    };
    let mut manifest = Manifest::new(label, format, settings);
    match format {
        Format::UvLock | Format::Pyproject => manifest.project = Some(project.into_parsed()?),
        _ => manifest.take_advice(project),
    }
    manifest.read_sources(root, bytes)?;
    Ok(Some(manifest))
}

/// A directory whose only file is a broken `pyproject.toml` has a manifest that cannot be read.
fn no_manifest(project: Project) -> Result<Option<Manifest>> {
    match project.parsed {
        Some(Err(e)) => Err(e.hint("no other manifest is there to be used instead")),
        _ => Ok(None),
    }
}

type Found = (String, Format, Vec<u8>);

fn find(root: &Path, directory: &str, settings: &Settings, project: &Project) -> Result<Option<Found>> {
    if let Some(name) = &settings.manifest {
        let label = join(directory, name);
        let format = format_of(name);
        return fs::read(&root.join(&label)).map(|bytes| Some((label, format, bytes))).map_err(as_manifest_error);
    }
    for (name, format) in PREFERENCE {
        if name == "pyproject.toml" {
            let project = project.get().filter(|p| p.has_project());
            return Ok(project.map(|_| (join(directory, name), format, Vec::new())));
        }
        let label = join(directory, name);
        // A uv.lock says what is locked, its pyproject.toml says for what.
        if format == Format::UvLock && project.parsed.is_none() {
            continue;
        }
        if let Some(bytes) = fs::read_optional(&root.join(&label)).map_err(as_manifest_error)? {
            return Ok(Some((label, format, bytes)));
        }
    }
    Ok(None)
}

fn sorted(list: &[String]) -> Vec<String> {
    let mut list = list.to_vec();
    list.sort();
    list.dedup();
    list
}

impl Manifest {
    /// One of which nothing but its place is known yet.
    pub(crate) fn new(label: String, format: Format, settings: &Settings) -> Self {
        Self {
            format,
            tops: vec![label.clone()],
            label,
            extras: sorted(&settings.extras),
            groups: sorted(&settings.groups),
            require_hashes: settings.require_hashes.unwrap_or_default(),
            exclude_newer: settings.exclude_newer.clone(),
            scripts: settings.scripts.clone(),
            is_provided: false,
            notes: Vec::new(),
            closure: Closure { sources: Vec::new() },
            project: None,
            package: None,
            relevant: None,
            wanted: match format.runtime() {
                Runtime::Python => settings.python.clone(),
                Runtime::Node => settings.node.clone(),
            },
        }
    }

    /// The manifest of a script, whose block is `project`, or whose lock is these bytes.
    pub(crate) fn of_script(project: Pyproject, lock: Option<Vec<u8>>, settings: &Settings) -> Result<Self> {
        let script = project.label().to_owned();
        let (format, label) = match lock {
            Some(_) => (Format::ScriptLock, format!("{script}.lock")),
            None => (Format::Script, script),
        };
        let mut manifest = Self::new(label, format, settings);
        manifest.project = Some(project);
        manifest.read_sources(Path::new(""), lock.unwrap_or_default())?;
        Ok(manifest)
    }

    /// From a `pyproject.toml` beside another manifest only `requires-python` is taken.
    fn take_advice(&mut self, project: Project) {
        match project.parsed {
            Some(Ok(parsed)) => self.project = Some(parsed),
            Some(Err(e)) => self.notes.push(format!("{}; `{}` is used instead", e.sentence(), self.label)),
            None => {}
        }
    }

    fn read_sources(&mut self, root: &Path, bytes: Vec<u8>) -> Result<()> {
        match self.format {
            Format::Requirements => self.closure = requirements::read_closure(root, &self.label, bytes)?,
            Format::Pylock => self.closure.sources.push(Source { label: self.label.clone(), bytes }),
            Format::UvLock | Format::ScriptLock => {
                self.closure.sources.push(Source { label: self.label.clone(), bytes });
                self.relevant = Some(self.take_relevant()?);
            }
            Format::Pyproject => self.read_project(root)?,
            Format::Script => self.relevant = Some(self.take_relevant()?),
            // Read where it is found.
            Format::NpmLock | Format::PnpmLock | Format::YarnLock | Format::BunLock | Format::Package => {}
        }
        if self.is_lock() && self.exclude_newer.take().is_some() {
            self.notes.push(format!("`exclude-newer` means nothing to `{}`: what is locked is installed", self.label));
        }
        Ok(())
    }

    /// Whether it names every package itself.
    pub fn is_lock(&self) -> bool {
        match self.format {
            Format::Requirements | Format::Pyproject | Format::Script | Format::Package => false,
            Format::UvLock | Format::Pylock | Format::ScriptLock => true,
            Format::NpmLock | Format::PnpmLock | Format::YarnLock | Format::BunLock => true,
        }
    }

    fn read_project(&mut self, root: &Path) -> Result<()> {
        match self.project.as_ref().and_then(Pyproject::dynamic_dependencies) {
            None => self.relevant = Some(self.take_relevant()?),
            Some(DynamicDependencies::Files(files)) => self.read_dynamic(root, &files)?,
            Some(DynamicDependencies::Unknown) => {
                let error = Error::new(Kind::ManifestInvalid, format!("read `{}`", self.label));
                return Err(error
                    .because("`project.dynamic` contains `dependencies`, which only the plugin's own build could tell")
                    .hint("list them in `project.dependencies`, or add a `requirements.txt`"));
            }
        }
        Ok(())
    }

    /// Dependencies that setuptools reads from requirements files are those files, as if `-r` named them.
    fn read_dynamic(&mut self, root: &Path, files: &[String]) -> Result<()> {
        let named: String = files.iter().map(|file| format!("-r {file}\n")).collect();
        let mut closure = requirements::read_closure(root, &self.label, named.into_bytes())?;
        closure.sources.remove(0);
        let directory = self.label.rsplit_once('/').map_or("", |(directory, _)| directory);
        self.tops = files.iter().map(|file| join(directory, file)).collect();
        self.closure = closure;
        self.format = Format::Requirements;
        if let Some(project) = self.ruling_project().filter(|project| project.is_for_uv_alone()) {
            self.relevant = Some(project.relevant(&[], &[])?);
        }
        Ok(())
    }

    fn take_relevant(&self) -> Result<String> {
        let project = self.project.as_ref();
        project.map_or(Ok(String::new()), |project| project.relevant(&self.extras, &self.groups))
    }

    /// What of it decides which packages are installed.
    pub fn request(&self) -> Request {
        let mut parts: Vec<Part> = self.closure.sources.iter().map(|s| Part::new(&s.label, &s.bytes)).collect();
        if let Some(relevant) = &self.relevant {
            parts.push(Part::new(self.project_label(), relevant.as_bytes()));
        } else if let Some(version) = self.requires() {
            parts.push(Part::new("requires-python", version.as_bytes()));
        }
        // Only where they are said, so that every other environment stays as it is.
        parts.extend(
            self.package
                .as_ref()
                .and_then(|_| self.scripts.as_part())
                .map(|names| Part::new("scripts", names.as_bytes())),
        );
        parts.extend(self.require_hashes.then(|| Part::new("require-hashes", b"true")));
        parts.extend(self.exclude_newer.iter().map(|moment| Part::new("exclude-newer", moment.as_bytes())));
        Request {
            schema: SCHEMA,
            kind: self.format.name().into(),
            parts,
            python: self.wanted.clone(),
            extras: self.extras.clone(),
            groups: self.groups.clone(),
        }
    }

    fn project_label(&self) -> String {
        if let (Format::Script | Format::ScriptLock, Some(script)) = (self.format, &self.project) {
            return script.label().to_owned();
        }
        let directory = self.label.rsplit_once('/').map_or("", |(directory, _)| directory);
        join(directory, if self.package.is_some() { package::FILE } else { "pyproject.toml" })
    }

    /// What counts of the project, as it is hashed.
    pub(crate) fn relevant(&self) -> Option<&str> {
        self.relevant.as_deref()
    }

    /// Which versions of the interpreter serve it: `requires-python` of the project or `engines.node`.
    pub fn requires(&self) -> Option<&str> {
        let node = self.package.as_ref().and_then(Package::engine);
        node.or_else(|| self.project.as_ref()?.requires_python())
    }

    /// The interpreter the author asked for.
    pub fn wanted(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    /// The `package.json` that it is or that stands beside its lock.
    pub fn package(&self) -> Option<&Package> {
        self.package.as_ref()
    }

    /// The `pyproject.toml` that is part of it or stands beside it.
    pub fn project(&self) -> Option<&Pyproject> {
        self.project.as_ref()
    }

    /// The project whose `[tool.uv]` counts: not one that merely stands beside another manifest.
    pub fn ruling_project(&self) -> Option<&Pyproject> {
        self.project.as_ref().filter(|_| self.label == self.project_label())
    }

    /// Facts about the requirements files, when it is made of such.
    pub fn facts(&self) -> requirements::Facts {
        self.closure.facts()
    }

    /// Whether it certainly asks pip, or uv in pip's place, for a package. uv is told itself where a lock of its own goes.
    pub fn asks_for_packages(&self) -> bool {
        match self.format {
            Format::Requirements => self.closure.facts().asks,
            Format::Pyproject | Format::Script => self.items().iter().any(|item| asks_everywhere(&item.text)),
            _ => false,
        }
    }

    /// The requirements files it is made of, or the lock.
    pub fn sources(&self) -> &[Source] {
        &self.closure.sources
    }

    /// The text of every file that it is made of, credentials and all.
    pub fn texts(&self) -> Vec<Cow<'_, str>> {
        let projects = self.project.iter().map(Pyproject::text).chain(self.package.iter().map(|p| p.text().as_bytes()));
        let sources = self.closure.sources.iter().map(|source| source.bytes.as_slice());
        sources.chain(projects).map(String::from_utf8_lossy).collect()
    }

    /// What it asks for, one entry each, for a person to compare.
    pub fn items(&self) -> Vec<Item> {
        match self.format {
            Format::Requirements => self.closure.items(),
            Format::UvLock | Format::Pylock | Format::ScriptLock => {
                self.closure.sources.iter().flat_map(locked_packages).collect()
            }
            Format::NpmLock => self.closure.sources.iter().flat_map(node_lock::locked_packages).collect(),
            Format::PnpmLock | Format::YarnLock | Format::BunLock | Format::Package => {
                self.package.as_ref().map(Package::items).unwrap_or_default()
            }
            Format::Pyproject | Format::Script => {
                let project = self.project.as_ref();
                project.and_then(|p| p.requirements(&self.extras, &self.groups).ok()).unwrap_or_default()
            }
        }
    }
}
