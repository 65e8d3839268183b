//! Which environment each server is to live in, and what has to be said so that it does.

use super::draft::Draft;
use super::old_install::ROOT;
use super::wiring::Wiring;
use crate::config::{self, Config, Settings};
use crate::environments::{self, Environment, MAIN, NODE};
use crate::error::Result;
use crate::json_text::quoted;
use crate::package;
use crate::plugin::{Place, Plugin};
use crate::project::Project;
use crate::runtime::Runtime;
use crate::server::Server;
use std::ffi::OsString;
use std::path::Path;

/// The plugin as it would be with these servers, but for manifests that are not written yet.
///
/// # Errors
/// Its configuration is wrong.
pub fn simulated(draft: &Draft, servers: Vec<Server>) -> Result<Plugin> {
    let root = &draft.root;
    let project = Project::look(root, "")?;
    let file = draft.read(config::FILE)?;
    let config = Config::read(file.as_deref(), project.get().and_then(|project| project.plugdeps()))?;
    let environments = environments::all(root, &config, &servers, project);
    Ok(Plugin { name: String::new(), place: here(root), config, servers, environments })
}

/// A plugin that is looked at, and of whose data nothing is asked.
pub fn here(root: &Path) -> Place {
    let [root, data] = [root, root].map(Path::to_owned);
    Place { root, root_from: String::new(), data, data_from: String::new(), skipped: Vec::new() }
}

/// The environment that a server is to live in, among those that there are.
pub fn wanted<'a>(plugin: &'a Plugin, wiring: &Wiring) -> Option<&'a Environment> {
    let is_for_it = |one: &&Environment| one.runtime() == Some(wiring.runtime);
    match &wiring.directory {
        Some(directory) => plugin.environments.iter().filter(is_for_it).find(|one| one.directory == *directory),
        None => {
            let chosen = plugin.environment_for(None, &expanded(plugin, &wiring.command)).ok().flatten();
            chosen.filter(is_for_it).or_else(|| plugin.environments.iter().find(is_for_it))
        }
    }
}

/// Whether a command finds this environment by itself.
pub fn finds(plugin: &Plugin, wiring: &Wiring, name: &str) -> bool {
    let chosen = plugin.environment_for(None, &expanded(plugin, &wiring.command)).ok().flatten();
    chosen.is_some_and(|chosen| chosen.name == name)
}

fn expanded(plugin: &Plugin, command: &[String]) -> Vec<OsString> {
    let root = plugin.place.root.to_string_lossy();
    command.iter().map(|word| word.replace(ROOT, &root).into()).collect()
}

/// The name of the environment of the plugin's own directory.
pub fn own_name(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Python => MAIN,
        Runtime::Node => NODE,
    }
}

/// Whether a directory of the plugin says what a server of this kind needs.
pub fn has_manifest(draft: &Draft, directory: &str, runtime: Runtime) -> bool {
    let settings = Settings { directory: Some(directory.to_owned()), ..Settings::default() };
    let config = Config { main: settings, ..Config::default() };
    let Ok(project) = Project::look(&draft.root, "") else { return false };
    let found = environments::all(&draft.root, &config, &[], project);
    found.iter().any(|one| one.runtime() == Some(runtime))
}

/// Has the configuration name directories that nothing else leads to. `false` where there is one already: that is its
/// author's to change.
///
/// # Errors
/// The file cannot be written.
pub fn configure(draft: &mut Draft, known: &[&Environment], missing: &[(String, Runtime)]) -> Result<bool> {
    let has_table = Project::look(&draft.root, "")?.get().is_some_and(|project| project.plugdeps().is_some());
    if has_table || draft.read(config::FILE)?.is_some() {
        return Ok(false);
    }
    let text = match missing {
        [(directory, _)] if known.is_empty() => format!("directory = {}\n", quoted(directory)),
        _ => tables(known, missing),
    };
    draft.write(config::FILE, text)?;
    Ok(true)
}

/// With any table, those are all environments there are: so each that there is has one.
fn tables(known: &[&Environment], missing: &[(String, Runtime)]) -> String {
    let mut tables: Vec<(String, String)> = Vec::new();
    for one in known {
        let manifest = one.settings.manifest.clone().or_else(|| of(one.runtime()));
        tables.push((one.name.clone(), lines(&one.directory, manifest.as_deref())));
    }
    for (directory, runtime) in missing {
        let usual = if directory.is_empty() { own_name(*runtime) } else { directory };
        let name = name_of(usual, |name| tables.iter().any(|(other, _)| other == name));
        tables.push((name, lines(directory, of(Some(*runtime)).as_deref())));
    }
    let text: Vec<String> = tables.iter().map(|(name, lines)| format!("[environments.{name}]\n{lines}")).collect();
    text.join("\n")
}

/// The manifest that must be named, since another may lie beside it.
fn of(runtime: Option<Runtime>) -> Option<String> {
    (runtime == Some(Runtime::Node)).then(|| package::FILE.to_owned())
}

fn lines(directory: &str, manifest: Option<&str>) -> String {
    let manifest = manifest.map(|name| format!("manifest = {}\n", quoted(name))).unwrap_or_default();
    let directory = if directory.is_empty() { String::new() } else { format!("directory = {}\n", quoted(directory)) };
    directory + &manifest
}

fn name_of(directory: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let last = directory.rsplit('/').next().unwrap_or_default();
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let base: String = last.chars().take(36).map(safe).collect();
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(base)
}
