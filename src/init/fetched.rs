//! Servers that were fetched by name at each start: what they need is put into a manifest, and their program is told.

use super::draft::Draft;
use super::npm;
use super::packages::{self, Added};
use super::settle;
use super::wiring::Wiring;
use crate::config::Settings;
use crate::error::Result;
use crate::package_name::Package;
use crate::plugin::Plugin;
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
    let is_known = new.contains(&wiring.runtime) || settle::has_manifest(draft, &directory, wiring.runtime);
    let settings = own.map_or(&plugin.config.main, |own| &own.settings);
    if let Some(what) = hindrance(&wiring, &directory, is_known, settings, plugin) {
        return Ok(Provided::ByHand(what));
    }
    let mut newest = None;
    if let Some(package) = fetched(&wiring) {
        let Some(known) = npm::look(draft, &directory, package)? else {
            return Ok(Provided::ByHand(unknown(package, &directory)));
        };
        if known.has_scripts {
            wiring.notes.push(scripts(package));
        }
        wiring.command[0] = known.program;
        newest = known.version;
    }
    let mut next = Vec::new();
    for package in &wiring.packages {
        match packages::add(draft, &directory, wiring.runtime, package, newest.as_deref())? {
            Added::ByHand(what) => return Ok(Provided::ByHand(what)),
            Added::Now(command) => next.push(format!("`{command}` pins `{}`{}", package.name, within(&directory))),
            Added::Already => {}
        }
    }
    wiring.directory = Some(directory);
    Ok(Provided::Manifest { wiring, next, is_new: !is_known })
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
