//! Which environments a plugin needs: for each directory with manifests one for its Python and one for its JavaScript,
//! and one for each script that says itself what it needs.

use crate::config::{Config, Settings};
use crate::error::{Error, Kind, Result};
use crate::manifest::Manifest;
use crate::node_manifest;
use crate::package;
use crate::project::split;
use crate::project::{Project, join};
use crate::runtime::Runtime;
use crate::script_manifest;
use crate::server::Server;
use std::path::Path;

/// Name of the environment of the plugin's own directory.
pub const MAIN: &str = "main";

/// The same for its JavaScript.
pub const NODE: &str = "node";

/// One environment: a name, and what says what belongs into it.
#[derive(Debug)]
pub struct Environment {
    /// Name of its state directory.
    pub name: String,
    /// Directory of its manifest in the plugin; empty for the plugin's own.
    pub directory: String,
    /// The author's settings.
    pub settings: Settings,
    /// Its manifest, or why it cannot be read.
    pub manifest: Result<Manifest>,
}

impl Environment {
    /// Whether `[project.scripts]` of its project or `bin` of its package names a command.
    pub fn has_script(&self, command: &str) -> bool {
        let manifest = self.manifest.as_ref().ok();
        manifest.and_then(Manifest::project).is_some_and(|project| project.script(command).is_some())
            || manifest.and_then(Manifest::package).is_some_and(|package| package.bin(command).is_some())
    }

    /// Whether it probably brings a program of this name.
    pub fn suggests(&self, command: &str) -> bool {
        let package = self.manifest.as_ref().ok().and_then(Manifest::package);
        package.is_some_and(|package| package.suggests(command))
    }

    /// What runs in it.
    pub fn runtime(&self) -> Option<Runtime> {
        self.manifest.as_ref().ok().map(|manifest| manifest.format.runtime())
    }

    /// The script that it is made for, which says itself what it needs; a name in its directory.
    fn script(&self) -> Option<&str> {
        self.settings.manifest.as_deref().filter(|name| script_manifest::is_script(name))
    }

    /// Whether it is made for this script of the plugin.
    pub fn is_of(&self, script: &Path) -> bool {
        self.script().is_some_and(|own| Path::new(&join(&self.directory, own)) == script)
    }

    /// Whether nothing has to be installed, since the host has done so.
    pub fn is_provided(&self) -> bool {
        self.manifest.as_ref().is_ok_and(|manifest| manifest.is_provided)
    }
}

/// Finds and reads them: those that the configuration names, or else that of the plugin's own directory and those of its
/// servers' scripts.
pub fn all(root: &Path, config: &Config, servers: &[Server], project: Project) -> Vec<Environment> {
    if !config.environments.is_empty() {
        return config.environments.iter().map(|(name, settings)| named(root, name, settings)).collect();
    }
    let settings = &config.main;
    let directory = settings.directory.clone().unwrap_or_default();
    let own = if directory.is_empty() { Ok(project) } else { Project::look(root, &directory) };
    let scripts = script_manifest::scripts(servers);
    let of_directory: Vec<&str> = scripts.iter().map(String::as_str).filter(|s| split(s).0 == directory).collect();
    let mut found = Vec::new();
    Directory { root, path: &directory, settings, scripts: &of_directory }.add(own, &mut found);
    let settings = Settings { directory: None, manifest: None, ..settings.clone() };
    scripts.iter().for_each(|script| add_beside(root, script, &settings, &mut found));
    found
}

fn named(root: &Path, name: &str, settings: &Settings) -> Environment {
    let path = settings.directory.clone().unwrap_or_default();
    let mut found = Vec::new();
    Directory { root, path: &path, settings, scripts: &[] }.add(Project::look(root, &path), &mut found);
    let missing = || {
        let error = Error::new(Kind::ManifestInvalid, format!("find a manifest in `{}`", join(&path, ".")));
        error.because(format!("the configuration names it for the environment `{name}`"))
    };
    let manifest = found.into_iter().next().map_or_else(|| Err(missing()), |environment| environment.manifest);
    Environment { name: name.into(), directory: path, settings: settings.clone(), manifest }
}

/// Adds the environments of a script: by its own block, or by what its directory or the nearest above it says, short of
/// the plugin's own.
fn add_beside(root: &Path, script: &str, settings: &Settings, found: &mut Vec<Environment>) {
    let (own, _) = split(script);
    let known: Vec<&Environment> = found.iter().filter(|environment| environment.directory == own).collect();
    if !known.is_empty() {
        // Another script speaks for itself, and whatever else there is for the whole directory.
        let is_new = known.iter().any(|e| e.script().is_some()) && known.iter().all(|e| !e.is_of(Path::new(script)));
        let name = || name_of(script.trim_end_matches(".py"), MAIN, found);
        let added = is_new.then(|| of_script(root, script, name(), settings)).flatten();
        found.extend(added);
        return;
    }
    let mut path = own;
    while !path.is_empty() && found.iter().all(|environment| environment.directory != path) {
        let scripts = if path == own { &[script][..] } else { &[] };
        if (Directory { root, path, settings, scripts }).add(Project::look(root, path), found) {
            return;
        }
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

/// A directory of the plugin that may hold manifests.
struct Directory<'a> {
    root: &'a Path,
    path: &'a str,
    settings: &'a Settings,
    /// Scripts in it that servers are started from.
    scripts: &'a [&'a str],
}

impl Directory<'_> {
    /// Adds its environments; says whether it has any.
    fn add(&self, project: Result<Project>, found: &mut Vec<Environment>) -> bool {
        let before = found.len();
        let is_package = self.settings.manifest.as_deref() == Some(package::FILE);
        if !is_package {
            self.add_python(project, found);
        }
        if is_package || self.settings.manifest.is_none() {
            let manifest = node_manifest::read(self.root, self.path, self.settings).transpose();
            found.extend(manifest.map(|manifest| self.environment(self.name(NODE, found), manifest)));
        }
        found.len() > before
    }

    fn add_python(&self, project: Result<Project>, found: &mut Vec<Environment>) {
        let read = |project| script_manifest::read_any(self.root, self.path, self.settings, project);
        let name = self.name(MAIN, found);
        let environment = match project.and_then(read).transpose() {
            Some(manifest) => Some(self.environment(name, manifest)),
            None => self.scripts.iter().find_map(|script| of_script(self.root, script, name.clone(), self.settings)),
        };
        found.extend(environment);
    }

    fn environment(&self, name: String, manifest: Result<Manifest>) -> Environment {
        Environment { name, directory: self.path.to_owned(), settings: self.settings.clone(), manifest }
    }

    /// The plugin's own has the usual name, also where the configuration says which directory that is.
    fn name(&self, usual: &str, found: &[Environment]) -> String {
        let is_own = self.path == self.settings.directory.as_deref().unwrap_or_default();
        if is_own { usual.to_owned() } else { name_of(self.path, usual, found) }
    }
}

/// The environment of a script that says itself what it needs.
fn of_script(root: &Path, script: &str, name: String, settings: &Settings) -> Option<Environment> {
    let (directory, file) = split(script);
    let settings = Settings { manifest: Some(file.to_owned()), ..settings.clone() };
    let manifest = script_manifest::read(root, script, &settings).transpose()?;
    Some(Environment { name, directory: directory.to_owned(), settings, manifest })
}

/// A name that is safe as a directory's and nobody else's.
fn name_of(directory: &str, usual: &str, found: &[Environment]) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let base: String = directory.chars().map(safe).take(35).collect();
    let base = if usual == NODE { format!("{base}-{NODE}") } else { base };
    let is_usual = |name: &String| name == MAIN || name == NODE || name.starts_with('-');
    let taken = |name: &String| is_usual(name) || found.iter().any(|environment| environment.name == *name);
    let numbered = (2..).map(|n| format!("e{n}-{base}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base)
}
