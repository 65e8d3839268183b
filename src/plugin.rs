//! Which plugin this is, where its data is, and which environments it needs.
//!
//! Everything that every door begins with is read here, once: the configuration, the host's own files,
//! the manifests.

use crate::config::{self, Config, Settings};
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::manifest::{self, Manifest, Project, join};
use crate::output::harmless;
use crate::script_manifest;
use crate::server::{self, Server, read_json};
use std::path::{Path, PathBuf};

/// Name of the environment of the plugin's own directory.
pub const MAIN: &str = "main";

/// Who names the data directory when no flag and no host does.
pub const OWN_DATA: &str = "the user's data directory";

/// Names under which hosts say where the plugin is.
const ROOT_NAMES: [&str; 5] =
    ["CLAUDE_PLUGIN_ROOT", "PLUGIN_ROOT", "CURSOR_PLUGIN_ROOT", "COPILOT_PLUGIN_ROOT", "GROK_PLUGIN_ROOT"];
/// Names under which hosts say where its data is.
const DATA_NAMES: [&str; 3] = ["CLAUDE_PLUGIN_DATA", "PLUGIN_DATA", "GROK_PLUGIN_DATA"];

/// Where the plugin and its data are, and who said so.
#[derive(Debug, Clone)]
pub struct Place {
    /// The plugin's directory: never written.
    pub root: PathBuf,
    /// Who named it.
    pub root_from: String,
    /// The plugin's data directory.
    pub data: PathBuf,
    /// Who named it.
    pub data_from: String,
    /// Values that were there and could not be used.
    pub skipped: Vec<String>,
}

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
    /// The script that it is made for, which says itself what it needs; a name in its directory.
    fn script(&self) -> Option<&str> {
        self.settings.manifest.as_deref().filter(|name| script_manifest::is_script(name))
    }

    /// Whether it is made for this script of the plugin.
    pub fn is_of(&self, script: &Path) -> bool {
        self.script().is_some_and(|own| Path::new(&join(&self.directory, own)) == script)
    }

    /// Whether `[project.scripts]` of its project names a command.
    fn has_script(&self, command: Option<&std::ffi::OsString>) -> bool {
        let project = self.manifest.as_ref().ok().and_then(Manifest::project);
        let name = command.and_then(|name| name.to_str());
        project.zip(name).is_some_and(|(project, name)| project.scripts().contains_key(name))
    }
}

/// A plugin as it is now.
#[derive(Debug)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The author's configuration.
    pub config: Config,
    /// The servers that the host starts for it.
    pub servers: Vec<Server>,
    /// What it needs; empty when it needs nothing.
    pub environments: Vec<Environment>,
}

/// Finds the plugin and its data: flags first, then the host's variables, then where this program is.
///
/// # Errors
/// Neither says where the plugin is, or the data would lie inside it.
pub fn locate(root: Option<&Path>, data: Option<&Path>) -> Result<Place> {
    let mut skipped = Vec::new();
    let named = variable(&ROOT_NAMES, &mut skipped);
    let (root, root_from) = match (root, &named) {
        (Some(path), _) => (path.to_path_buf(), "--root".to_owned()),
        (None, Some((path, name))) => (path.clone(), (*name).to_owned()),
        (None, None) => (beside_program().ok_or_else(|| no_root(&skipped))?, "the program's own place".to_owned()),
    };
    let root = absolute(&root)?;
    // The host's data directory is that of the host's plugin, which `--root` may not have named.
    let same_plugin = named.is_none_or(|(path, _)| path == root);
    let from_host = variable(&DATA_NAMES, &mut skipped).filter(|_| same_plugin);
    let (data, data_from) = match (data, from_host) {
        (Some(path), _) => (path.to_path_buf(), "--data".to_owned()),
        (None, Some((path, name))) => (path, name.to_owned()),
        (None, None) => (default_data(&root).ok_or_else(|| no_data(&skipped))?, OWN_DATA.to_owned()),
    };
    let data = absolute(&data)?;
    let place = Place { root, root_from, data, data_from, skipped };
    if place.data.starts_with(&place.root) { Err(data_inside(&place)) } else { Ok(place) }
}

fn variable(names: &[&'static str], skipped: &mut Vec<String>) -> Option<(PathBuf, &'static str)> {
    for name in names {
        let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { continue };
        if value.to_string_lossy().contains("${") {
            skipped.push(format!("{name}={} was not expanded by the host", value.to_string_lossy()));
            continue;
        }
        // From where it would be seen is the user's project.
        if !Path::new(&value).is_absolute() {
            skipped.push(format!("{name}={} is no full path", value.to_string_lossy()));
            continue;
        }
        return Some((PathBuf::from(value), name));
    }
    None
}

fn beside_program() -> Option<PathBuf> {
    let program = fs::resolved(&std::env::current_exe().ok()?);
    program.ancestors().find(|path| fs::is_directory(&path.join(".claude-plugin"))).map(Path::to_path_buf)
}

fn with_causes(error: Error, skipped: &[String]) -> Error {
    skipped.iter().fold(error, |error, cause| error.because(cause))
}

fn no_root(skipped: &[String]) -> Error {
    let error = Error::new(Kind::NoPlugin, "find the plugin");
    with_causes(error, skipped).hint("name its directory with `--root`, or set CLAUDE_PLUGIN_ROOT")
}

fn no_data(skipped: &[String]) -> Error {
    let error = Error::new(Kind::NoPlugin, "find a place for the plugin's data");
    with_causes(error, skipped).hint("name one with `--data`, or set CLAUDE_PLUGIN_DATA")
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path);
    absolute.map_err(|e| Error::new(Kind::NoPlugin, format!("use `{}` as a directory", path.display())).because(e))
}

/// Where a host without data directories leaves them to us: the user's own, one for each plugin directory.
fn default_data(root: &Path) -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = crate::fingerprint::Part::new("", root.as_os_str().as_encoded_bytes()).sha256;
    base.map(|base| base.join("plugdeps").join(format!("{name}-{}", &key[..12])))
}

/// The plugin's directory is replaced at each update and may be the author's checkout: no data in it.
pub fn data_inside(place: &Place) -> Error {
    let error = Error::new(Kind::DataUnusable, format!("use `{}` for data", place.data.display()));
    let error = error.because(format!("it lies inside the plugin, `{}`", place.root.display()));
    error.hint("name a directory outside the plugin with `--data`")
}

impl Plugin {
    /// Reads what the plugin says of itself.
    ///
    /// # Errors
    /// It is no plugin, or its configuration is wrong. A manifest that cannot be read is an error of
    /// its environment alone.
    pub fn load(place: Place) -> Result<Self> {
        let root = &place.root;
        let described = read_json(&root.join(".claude-plugin/plugin.json"))?;
        let servers = server::all(root, described.as_ref())?;
        let project = Project::look(root, "")?;
        let file = fs::read_optional(&root.join(config::FILE));
        let file = file.map_err(|error| Error { kind: Kind::ConfigInvalid, ..error })?;
        let config = Config::read(file.as_deref(), project.get().and_then(|p| p.plugdeps()))?;
        let environments = environments(root, &config, &servers, project);
        if described.is_none() && servers.is_empty() && environments.is_empty() {
            return Err(not_a_plugin(root));
        }
        let fallback = || root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = described.as_ref().and_then(|d| d["name"].as_str().map(str::to_owned)).unwrap_or_else(fallback);
        // Clients and terminals show it.
        Ok(Self { name: harmless(&name), place, config, servers, environments })
    }

    /// The environment that a command is to run in: the named one, or the one whose manifest is nearest
    /// above a file of the plugin that the command mentions (or is that file), or whose project has such a script, or the first.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn environment_for(&self, named: Option<&str>, words: &[std::ffi::OsString]) -> Result<Option<&Environment>> {
        if let Some(name) = named {
            let found = self.environments.iter().find(|e| e.name == name);
            let names: Vec<&str> = self.environments.iter().map(|e| e.name.as_str()).collect();
            let error = || Error::new(Kind::Usage, format!("find the environment `{name}`"));
            let hint =
                || format!("the plugin has: {}", if names.is_empty() { "none".into() } else { names.join(", ") });
            return found.map(Some).ok_or_else(|| error().hint(hint()));
        }
        let files = words.iter().filter_map(|word| Path::new(word).strip_prefix(&self.place.root).ok());
        let own = |file| self.environments.iter().find(|environment| environment.is_of(file));
        let nearest = files.clone().find_map(own).or_else(|| files.filter_map(|file| self.nearest_above(file)).next());
        let script = || self.environments.iter().find(|environment| environment.has_script(words.first()));
        Ok(nearest.or_else(script).or(self.environments.first()))
    }

    fn nearest_above(&self, file: &Path) -> Option<&Environment> {
        let above = self.environments.iter().filter(|e| file.starts_with(&e.directory) || e.directory.is_empty());
        // Of several in one directory the first.
        above.rev().max_by_key(|e| e.directory.len())
    }
}

fn not_a_plugin(root: &Path) -> Error {
    let error = Error::new(Kind::NoPlugin, format!("read `{}` as a plugin", root.display()));
    let cause = if fs::is_directory(root) {
        "it has no `.claude-plugin/plugin.json`, no `.mcp.json` and no manifest"
    } else {
        "there is no such directory"
    };
    error.because(cause).hint("name the plugin's directory with `--root`")
}

fn environments(root: &Path, config: &Config, servers: &[Server], project: Project) -> Vec<Environment> {
    if !config.environments.is_empty() {
        let named = config.environments.iter();
        return named.filter_map(|(name, settings)| named_environment(root, name, settings)).collect();
    }
    let settings = config.main.clone();
    let directory = settings.directory.clone().unwrap_or_default();
    let own = if directory.is_empty() { Ok(project) } else { Project::look(root, &directory) };
    let main = own.and_then(|project| script_manifest::read_any(root, &directory, &settings, project)).transpose();
    let scripts = script_manifest::scripts(servers);
    let own_script = || {
        let mut own = scripts.iter().filter(|script| script_manifest::split(script).0 == directory);
        own.find_map(|script| of_script(root, script, MAIN.into(), &settings))
    };
    let of = |manifest| Environment {
        name: MAIN.into(),
        directory: directory.clone(),
        settings: settings.clone(),
        manifest,
    };
    let mut found: Vec<Environment> = Vec::new();
    found.extend(main.map(of).or_else(own_script));
    for script in &scripts {
        if let Some(environment) = beside_script(root, script, &settings, &found) {
            found.push(environment);
        }
    }
    found
}

fn named_environment(root: &Path, name: &str, settings: &Settings) -> Option<Environment> {
    let directory = settings.directory.clone().unwrap_or_default();
    let project = Project::look(root, &directory);
    let missing = || {
        let error = Error::new(Kind::ManifestInvalid, format!("find a manifest in `{}`", join(&directory, ".")));
        error.because(format!("the configuration names it for the environment `{name}`"))
    };
    let read = project.and_then(|project| script_manifest::read_any(root, &directory, settings, project));
    let manifest = read.and_then(|manifest| manifest.ok_or_else(missing));
    Some(Environment { name: name.into(), directory, settings: settings.clone(), manifest })
}

/// The environment of a script, by its own block or by what its directory or the nearest above it says, short of the
/// plugin's own.
fn beside_script(root: &Path, script: &str, settings: &Settings, found: &[Environment]) -> Option<Environment> {
    let mut settings = settings.clone();
    settings.directory = None;
    settings.manifest = None;
    let (own, _) = script_manifest::split(script);
    if let Some(environment) = found.iter().find(|e| e.directory == own) {
        // Another script speaks for itself, and whatever else there is for the whole directory.
        let is_new = environment.script().is_some() && found.iter().all(|e| !e.is_of(Path::new(script)));
        let name = || name_of(script.trim_end_matches(".py"), found);
        return is_new.then(|| of_script(root, script, name(), &settings)).flatten();
    }
    let mut directory = own;
    while !directory.is_empty() {
        if found.iter().any(|e| e.directory == directory) {
            return None;
        }
        let name = name_of(directory, found);
        let project = Project::look(root, directory);
        let manifest = project.and_then(|project| manifest::read(root, directory, &settings, project)).transpose();
        if let Some(manifest) = manifest {
            return Some(Environment { name, directory: directory.to_owned(), settings, manifest });
        }
        if let Some(environment) =
            Some(script).filter(|_| directory == own).and_then(|script| of_script(root, script, name, &settings))
        {
            return Some(environment);
        }
        directory = directory.rsplit_once('/').map_or("", |(above, _)| above);
    }
    None
}

/// The environment of a script that says itself what it needs.
fn of_script(root: &Path, script: &str, name: String, settings: &Settings) -> Option<Environment> {
    let (directory, file) = script_manifest::split(script);
    let settings = Settings { manifest: Some(file.to_owned()), ..settings.clone() };
    let manifest = script_manifest::read(root, script, &settings).transpose()?;
    Some(Environment { name, directory: directory.to_owned(), settings, manifest })
}

/// A name that is safe as a directory's and nobody else's.
fn name_of(directory: &str, found: &[Environment]) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let base: String = directory.chars().map(safe).take(40).collect();
    let taken = |name: &String| name == MAIN || name.starts_with('-') || found.iter().any(|e| e.name == *name);
    let numbered = (2..).map(|n| format!("e{n}-{base}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base)
}
