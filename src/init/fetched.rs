//! Servers that were fetched by name at each start: what they need is put into a manifest, and their program is told.

use super::draft::Draft;
use super::npm;
use super::packages::{self, Added};
use super::settle;
use super::wiring::Wiring;
use crate::config::Settings;
use crate::error::Result;
use crate::fs;
use crate::json_text::Node;
use crate::package_name::Package;
use crate::plugin::Plugin;
use crate::project::{Project, join};
use crate::pyproject::Pyproject;
use crate::requirement_line::normalised_name;
use crate::runtime::Runtime;
use crate::script_manifest::is_script;

/// Whether a manifest asks for all that a server needs.
#[derive(Debug)]
pub enum Provided {
    /// One does.
    Manifest {
        /// The server, which is in the directory of that by now.
        wiring: Box<Wiring>,
        /// What is to be done afterwards.
        next: Vec<String>,
        /// Whether that was not there before; then it is the plugin's own.
        is_new: bool,
    },
    /// That is left to be done by hand.
    ByHand(String),
}

/// Has the packages of a server be in a manifest; `new` are those that are not on the disk yet.
///
/// # Errors
/// A file cannot be read, or is malformed.
pub fn provide(draft: &mut Draft, plugin: &Plugin, mut wiring: Box<Wiring>, new: &[Runtime]) -> Result<Provided> {
    if wiring.packages.is_empty() {
        return Ok(Provided::Manifest { wiring, next: Vec::new(), is_new: false });
    }
    let own = settle::wanted(plugin, &wiring);
    let directory = wiring.directory.clone().or(own.map(|own| own.directory.clone())).unwrap_or_default();
    match itself(draft, &directory, &wiring)? {
        Itself::Other => {}
        Itself::ByHand(what) => return Ok(Provided::ByHand(what)),
        Itself::Program(program) => {
            wiring.command[0] = program;
            wiring.directory = Some(directory);
            return Ok(Provided::Manifest { wiring, next: Vec::new(), is_new: false });
        }
    }
    let is_known = new.contains(&wiring.runtime) || settle::has_manifest(draft, &directory, wiring.runtime);
    let settings = own.map_or(&plugin.config.main, |own| &own.settings);
    if let Some(what) = hindrance(&wiring, &directory, is_known, settings, plugin) {
        return Ok(Provided::ByHand(what));
    }
    match told(draft, &mut wiring, &directory)? {
        Ok(newest) => put(draft, wiring, directory, newest.as_deref(), !is_known),
        Err(what) => Ok(Provided::ByHand(what)),
    }
}

/// Has the command be what the package calls its program; its newest version, where that was asked. Or why not.
fn told(draft: &Draft, wiring: &mut Wiring, directory: &str) -> Result<std::result::Result<Option<String>, String>> {
    let Some(package) = fetched(wiring).cloned() else { return Ok(Ok(None)) };
    if let Some(what) = packages::conflict(draft, directory, wiring.runtime, &package)? {
        return Ok(Err(what));
    }
    let Some(known) = npm::look(draft, directory, &package)? else { return Ok(Err(unknown(&package, directory))) };
    if known.has_scripts {
        wiring.notes.push(scripts(&package));
    }
    wiring.command[0] = known.program;
    Ok(Ok(known.version))
}

fn put(
    draft: &mut Draft,
    mut wiring: Box<Wiring>,
    directory: String,
    newest: Option<&str>,
    is_new: bool,
) -> Result<Provided> {
    let mut next = Vec::new();
    // Of a server that is left, no package stays behind.
    let mut provided = draft.clone();
    for package in &wiring.packages {
        if let Some(what) = packages::conflict(&provided, &directory, wiring.runtime, package)? {
            return Ok(Provided::ByHand(what));
        }
        match packages::add(&mut provided, &directory, wiring.runtime, package, newest)? {
            Added::ByHand(what) => return Ok(Provided::ByHand(what)),
            Added::Now(command) => next.push(format!("`{command}` pins `{}`{}", package.name, within(&directory))),
            Added::Already => {}
        }
    }
    *draft = provided;
    if !is_new && wiring.script.is_none() {
        let manifest = packages::manifest(&directory, wiring.runtime);
        wiring.notes.push(format!("had an environment of its own, and now shares one with what `{manifest}` asks for"));
    }
    wiring.directory = Some(directory);
    Ok(Provided::Manifest { wiring, next, is_new })
}

/// Whether a server is fetched that is the plugin's own project or package.
enum Itself {
    /// It is not.
    Other,
    /// It is, and runs from its source by this program.
    Program(String),
    /// It is; what stands in the way.
    ByHand(String),
}

fn itself(draft: &Draft, directory: &str, wiring: &Wiring) -> Result<Itself> {
    let (Some(package), Some(command)) = (wiring.packages.first(), wiring.command.first()) else {
        return Ok(Itself::Other);
    };
    match wiring.runtime {
        Runtime::Python => Ok(own_project(Project::look(&draft.root, directory)?.get(), package, command)),
        Runtime::Node => Ok(own_package(draft, directory, package)?),
    }
}

fn own_project(project: Option<&Pyproject>, package: &Package, command: &str) -> Itself {
    let is_own = |project: &&Pyproject| {
        project.name().is_some_and(|name| normalised_name(name) == normalised_name(&package.name))
    };
    let Some(project) = project.filter(is_own) else { return Itself::Other };
    let label = project.label();
    if let Some((_, extras)) = package.text.split_once('[') {
        let extras = extras.split(']').next().unwrap_or_default();
        let how = format!("`extras = [\"{extras}\"]` in `plugdeps.toml` and `{command}` behind `run --`");
        return Itself::ByHand(format!("it is the plugin's own project: write {how}"));
    }
    match project.script(command) {
        Some(_) => Itself::Program(command.to_owned()),
        None => Itself::ByHand(format!("it is the plugin's own project, and `{label}` has no script `{command}`")),
    }
}

fn own_package(draft: &Draft, directory: &str, package: &Package) -> Result<Itself> {
    let label = join(directory, "package.json");
    let Some(own) =
        draft.json(&label)?.filter(|own| own.root.get("name").and_then(Node::as_str) == Some(&package.name))
    else {
        return Ok(Itself::Other);
    };
    let bin = own.root.get("bin");
    let Some(program) = bin.and_then(|bin| npm::program_in(bin, &package.name)) else {
        return Ok(Itself::ByHand(format!("it is the plugin's own package, and `{label}` names no `bin`")));
    };
    let file = bin.and_then(|bin| bin.get(&program).unwrap_or(bin).as_str()).unwrap_or_default();
    let file = join(directory, file.trim_start_matches("./"));
    Ok(match fs::is_file(&draft.root.join(&file)) {
        true => Itself::Program(program),
        false => {
            Itself::ByHand(format!("it is the plugin's own package, whose `{file}` is not there: build and ship it"))
        }
    })
}

/// Why a package cannot be put into a manifest without its author.
fn hindrance(wiring: &Wiring, directory: &str, is_known: bool, settings: &Settings, plugin: &Plugin) -> Option<String> {
    let package = &wiring.packages.first()?.text;
    if let Some(name) = settings.manifest.as_deref() {
        let place = if is_script(name) { "the `script` block of " } else { "" };
        return Some(format!("add `{package}` to {place}`{name}`"));
    }
    if is_known {
        return None;
    }
    let is_configured = settings.directory.is_some() || !plugin.config.environments.is_empty();
    let what = if is_configured { "the configuration of plugdeps names no manifest" } else { "it has no manifest" };
    let place = if directory.is_empty() { String::new() } else { format!("in `{directory}`: ") };
    (is_configured || !directory.is_empty()).then(|| format!("{place}{what} to put `{package}` into"))
}

/// The package whose program is started, where that is not what the package is called.
fn fetched(wiring: &Wiring) -> Option<&Package> {
    let is_program = wiring.runtime == Runtime::Node && wiring.script.is_none();
    let package = wiring.packages.first().filter(|_| is_program)?;
    (wiring.command.first()? == package.program()).then_some(package)
}

fn unknown(package: &Package, directory: &str) -> String {
    let (name, text) = (&package.name, &package.text);
    let command = format!("npm install --package-lock-only {text}");
    format!(
        "npm does not say here what `{name}` calls its program: after `{command}`{} run this again",
        within(directory)
    )
}

fn scripts(package: &Package) -> String {
    let name = &package.name;
    format!(
        "needs `{name}`, which runs a script when it is installed: `scripts = [\"{name}\"]` in `plugdeps.toml` allows that"
    )
}

fn within(directory: &str) -> String {
    if directory.is_empty() { String::new() } else { format!(" in `{directory}`") }
}
