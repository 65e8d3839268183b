//! What a plugin carries of its packages, for a first start without a network. `plugdeps bundle` puts it there.
//!
//! `plugdeps-bundle/NAME.lock` says in its first line of what it was made, and then what belongs into the environment
//! NAME, every package with its hash: in the words of pip, or as a lock of npm. The packages lie in
//! `plugdeps-bundle/wheels` and `plugdeps-bundle/npm`.

use crate::fs;
use crate::manifest::Manifest;
use crate::provenance::Provenance;
use crate::runtime::Runtime;
use std::path::{Path, PathBuf};

/// The directory in the plugin.
pub const DIRECTORY: &str = "plugdeps-bundle";

/// The command that writes it.
pub const COMMAND: &str = "bundle";

/// What a plugin carries for one environment.
#[derive(Debug)]
pub struct Bundle {
    /// What belongs into it.
    pub list: String,
    /// Where the packages are.
    pub packages: PathBuf,
}

/// Where a list is, below the directory.
pub fn list_name(environment: &str) -> String {
    format!("{environment}.lock")
}

/// Where the packages of a runtime are, below the directory.
pub fn packages_name(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Python => "wheels",
        Runtime::Node => "npm",
    }
}

/// What the plugin carries for this environment, if it was made of this manifest.
pub fn of(root: &Path, environment: &str, manifest: &Manifest) -> Option<Bundle> {
    let (provenance, list) = read(root, environment)?;
    let packages = root.join(DIRECTORY).join(packages_name(manifest.format.runtime()));
    (provenance == Provenance::of(manifest)).then_some(Bundle { list, packages })
}

/// Whether it was made of another one, in words.
pub fn note(root: &Path, environment: &str, manifest: &Manifest) -> Option<String> {
    let (provenance, _) = read(root, environment)?;
    let label = format!("{DIRECTORY}/{}", list_name(environment));
    let stale = format!("`{label}` is out of date: `{}` is no longer what it was", manifest.label);
    (provenance != Provenance::of(manifest)).then(|| format!("{stale}; `plugdeps {COMMAND}` writes it anew"))
}

fn read(root: &Path, environment: &str) -> Option<(Provenance, String)> {
    let text = String::from_utf8(fs::read(&root.join(DIRECTORY).join(list_name(environment))).ok()?).ok()?;
    let provenance = Provenance::read_by(COMMAND, text.as_bytes())?;
    let (_, list) = text.split_once('\n')?;
    Some((provenance, list.to_owned()))
}
