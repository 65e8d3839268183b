//! Which plugin this is, and where its data is.
//!
//! Everything that every door begins with is read here, once: the configuration, the host's own files,
//! the manifests.

use crate::config::{self, Config};
use crate::environments::{self, Environment};
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::host_files::{Description, plugin_above};
use crate::output::harmless;
use crate::project::Project;
use crate::runtime::Runtime;
use crate::server::{self, Server};
use std::path::{Path, PathBuf};

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
        (None, None) => unnamed(&skipped)?,
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

/// Where nobody says it: the plugin that this program lies in, or else the one that its author is in.
fn unnamed(skipped: &[String]) -> Result<(PathBuf, String)> {
    let beside = beside_program().map(|root| (root, "the program's own place".to_owned()));
    beside.or_else(|| around_author(skipped)).ok_or_else(|| no_root(skipped))
}

fn beside_program() -> Option<PathBuf> {
    let program = fs::resolved(&std::env::current_exe().ok()?);
    plugin_above(&program)
}

/// A host starts programs in the user's project; what a plugin ships must not take that for the plugin. Nor must this
/// program where a host named something.
#[cfg(feature = "author")]
fn around_author(skipped: &[String]) -> Option<(PathBuf, String)> {
    let directory = std::env::current_dir().ok().filter(|_| skipped.is_empty())?;
    Some((plugin_above(&directory.join("any"))?, "the directory that one is in".into()))
}

#[cfg(not(feature = "author"))]
fn around_author(_skipped: &[String]) -> Option<(PathBuf, String)> {
    None
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
    Some(user_data()?.join(own_name(root)))
}

/// Where what is the user's own is kept.
pub fn user_data() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("plugdeps"))
}

/// The name there of what belongs to a plugin's directory.
pub fn own_name(root: &Path) -> String {
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = crate::fingerprint::Part::new("", root.as_os_str().as_encoded_bytes()).sha256;
    format!("{name}-{}", &key[..12])
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
        let described = Description::read(root)?;
        let is_for_claude = described.as_ref().is_none_or(|described| described.for_claude);
        let servers = server::all(root, described.as_ref().map(|described| &described.value), is_for_claude)?;
        let project = Project::look(root, "")?;
        let file = fs::read_optional(&root.join(config::FILE));
        let file = file.map_err(|error| Error { kind: Kind::ConfigInvalid, ..error })?;
        let config = Config::read(file.as_deref(), project.get().and_then(|p| p.plugdeps()))?;
        let environments = environments::all(root, &config, &servers, project);
        if described.is_none() && servers.is_empty() && environments.is_empty() {
            return Err(not_a_plugin(root));
        }
        let fallback = || root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name =
            described.as_ref().and_then(|d| d.value["name"].as_str().map(str::to_owned)).unwrap_or_else(fallback);
        // Clients and terminals show it.
        Ok(Self { name: harmless(&name), place, config, servers, environments })
    }

    /// What has to be installed, the rest being there.
    pub fn to_install(&self) -> Vec<&Environment> {
        self.environments.iter().filter(|environment| !environment.is_provided()).collect()
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
        let runtime = Runtime::of_command(words);
        let own = |file| self.environments.iter().find(|environment| environment.is_of(file));
        let above = |file| self.nearest_above(file, runtime);
        let nearest = files.clone().find_map(own).or_else(|| files.clone().find_map(above));
        let command = words.first().and_then(|word| word.to_str()).unwrap_or_default();
        let all = || self.environments.iter();
        let named = || all().find(|one| one.has_script(command)).or_else(|| all().find(|one| one.suggests(command)));
        let fitting = || all().find(|one| runtime.is_some() && one.runtime() == runtime);
        Ok(nearest.or_else(named).or_else(fitting).or(self.environments.first()))
    }

    fn nearest_above(&self, file: &Path, runtime: Option<Runtime>) -> Option<&Environment> {
        let above = self.environments.iter().filter(|e| file.starts_with(&e.directory) || e.directory.is_empty());
        // Of several in one directory the first.
        above.rev().max_by_key(|e| (runtime.is_none() || e.runtime() == runtime, e.directory.len()))
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
