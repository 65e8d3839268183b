//! What managers of Node packages are shown, and what is left of it.
//!
//! The manifest and its lock as they were read and hashed, and the settings that stand beside them in the plugin. They
//! may hold credentials, so nothing of it is left in a sealed generation.

use super::{Need, Session};
use crate::credentials::redact;
use crate::error::{Error, Kind, Result};
use crate::failure;
use crate::fs;
use crate::generation::Generation;
use crate::manifest::{Format, Manifest};
use crate::package;
use crate::runtime::Runtime;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Settings of managers, read from the plugin at the build: where packages come from is not part of the fingerprint.
const SETTINGS: [&str; 4] = [".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"];
/// Directories of patches and of yarn itself, which locks and settings name.
const DIRECTORIES: [&str; 4] = ["patches", ".yarn/patches", ".yarn/plugins", ".yarn/releases"];
/// What managers write into a finished tree for themselves, addresses with credentials among it.
const NOTES: [&str; 6] = [
    "node_modules/.package-lock.json",
    "node_modules/.modules.yaml",
    "node_modules/.pnpm/lock.yaml",
    "node_modules/.pnpm-workspace-state-v1.json",
    "node_modules/.yarn-integrity",
    "node_modules/.yarn-state.yml",
];

/// Where npm writes what it resolved.
const LOCK: &str = "package-lock.json";

/// The settings of managers that may hold credentials: those beside the manifest, and the user's own. What cannot be
/// read is read by no manager either.
pub fn settings(root: &Path, manifest: &Manifest) -> Vec<String> {
    const OF_USER: [&str; 2] = [".bunfig.toml", ".config/pnpm/rc"];
    if manifest.format.runtime() != Runtime::Node {
        return Vec::new();
    }
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
    let named = ["npm_config_userconfig", "NPM_CONFIG_USERCONFIG"].into_iter().filter_map(std::env::var_os);
    let places = std::iter::once(own_directory(root, manifest)).chain(home);
    let names = || SETTINGS.into_iter().chain(OF_USER);
    let files = places.flat_map(|place| names().map(move |name| place.join(name))).chain(named.map(PathBuf::from));
    let read = |path: PathBuf| fs::read_optional(&path).ok().flatten();
    files.filter_map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// Writes the files that a manager works on.
///
/// # Errors
/// The data directory cannot be written, or the manifest names what cannot be handed over.
pub fn hand_over(need: &Need<'_>, generation: &Generation) -> Result<()> {
    let prefix = generation.prefix();
    let own = own_directory(need.root, need.manifest);
    if let Some(package) = need.manifest.package() {
        fs::write(&prefix.join(package::FILE), without_manager(package.text()).as_bytes())?;
        for archive in package.archives()? {
            copy(&own.join(&archive), &prefix.join(&archive))?;
        }
    }
    for source in need.manifest.sources() {
        fs::write(&prefix.join(file_name(&source.label)), &source.bytes)?;
    }
    for name in SETTINGS {
        copy(&own.join(name), &prefix.join(name))?;
    }
    let root = fs::resolved(need.root);
    DIRECTORIES.iter().try_for_each(|name| copy_directory(&root, &own.join(name), &prefix.join(name)))
}

/// Writes another lock in the place of the one that was read, or where there is none.
///
/// # Errors
/// The data directory cannot be written.
pub fn hand_over_lock(need: &Need<'_>, generation: &Generation, lock: &[u8]) -> Result<()> {
    let name = need.manifest.sources().first().map_or(LOCK, |source| file_name(&source.label));
    fs::write(&generation.prefix().join(name), lock)
}

fn own_directory(root: &Path, manifest: &Manifest) -> PathBuf {
    let label = Path::new(&manifest.label);
    root.join(label.parent().unwrap_or(Path::new("")))
}

fn file_name(label: &str) -> &str {
    label.rsplit('/').next().unwrap_or(label)
}

/// Managers that find another version of themselves there fetch that one. Which one serves was decided already.
fn without_manager(text: &str) -> String {
    match serde_json::from_slice::<Value>(text.as_bytes()) {
        Ok(Value::Object(mut fields)) if fields.contains_key("packageManager") || fields.contains_key("devEngines") => {
            fields.remove("packageManager");
            fields.remove("devEngines");
            Value::Object(fields).to_string()
        }
        _ => text.to_owned(),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let Some(bytes) = fs::read_optional(from)? else { return Ok(()) };
    fs::create_directory(to.parent().unwrap_or(to))?;
    fs::write(to, &bytes)
}

/// Copies the files below a directory, but for those that a link leads out of the plugin to.
fn copy_directory(root: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut left = vec![PathBuf::new()];
    while let Some(directory) = left.pop() {
        for path in fs::names(&from.join(&directory)).into_iter().map(|name| directory.join(name)) {
            let file = from.join(&path);
            if fs::is_own_directory(&file) {
                left.push(path);
            } else if fs::is_file(&file) && fs::resolved(&file).starts_with(root) {
                copy(&file, &to.join(&path))?;
            }
        }
    }
    Ok(())
}

/// pnpm looks for a workspace above the directory it runs in, which is not the plugin's.
pub fn ignores_workspaces(need: &Need<'_>) -> Option<&'static str> {
    let own = need.manifest.sources().iter().any(|source| file_name(&source.label) == "pnpm-workspace.yaml");
    (!own).then_some("--ignore-workspace")
}

/// yarn resolves anew what is not in the lock where it leaves out dev dependencies, and does not say so.
///
/// # Errors
/// The lock does not lock what the manifest asks for.
pub fn demand_locked(manifest: &Manifest) -> Result<()> {
    let texts = manifest.texts();
    let lock = texts.first().map(AsRef::as_ref).unwrap_or_default();
    let Some(package) = manifest.package() else { return Ok(()) };
    match package.dependencies().find(|(name, wanted)| !locks(lock, name, wanted)) {
        None => Ok(()),
        Some((name, wanted)) => {
            let class = failure::by_code("lock-outdated");
            let mut error = Error::new(Kind::InstallFailed, class.sentence);
            error.class = Some(class.code);
            let wanted = redact(wanted);
            Err(error.because(format!("`{}` has no `{name}@{wanted}`", manifest.label)).hint(class.hint))
        }
    }
}

fn locks(lock: &str, name: &str, wanted: &str) -> bool {
    let descriptors = [format!("{name}@npm:{wanted}"), format!("{name}@{wanted}")];
    wanted.contains(':') || descriptors.iter().any(|descriptor| lock.contains(descriptor))
}

/// A manager may end well that was told, by settings we do not know, to put packages elsewhere.
///
/// # Errors
/// What is asked for is not there.
pub fn demand_there(manifest: &Manifest, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
    let Some(package) = manifest.package() else { return Ok(()) };
    let texts = manifest.texts();
    let lock = texts.first().map(AsRef::as_ref).unwrap_or_default();
    let is_there = |name: &str| fs::is_directory(&generation.node_modules().join(name));
    let Some(name) = package.required().find(|name| !is_there(name) && !is_for_some_systems(lock, name)) else {
        return Ok(());
    };
    let missing = format!("`{name}` is not in `node_modules`");
    let error = session.failed(&failure::NOT_THERE, missing.clone());
    session.log.say(&missing);
    Err(error)
}

/// Whether a lock of yarn 2 or bun has a package for some systems only: those two leave it out on others, and end well.
fn is_for_some_systems(lock: &str, name: &str) -> bool {
    const CONDITIONS: [&str; 3] = ["\n  conditions: ", "\"os\": ", "\"cpu\": "];
    let own = [format!("\"{name}\": ["), format!("\"{name}@")];
    let mut entries = lock.split("\n\n").filter(|entry| own.iter().any(|own| entry.contains(own)));
    entries.any(|entry| CONDITIONS.iter().any(|condition| entry.contains(condition)))
}

/// Removes what is not needed to run. The lock that npm made where there was none is kept, to be looked at.
///
/// # Errors
/// The data directory cannot be written.
pub fn tidy(manifest: &Manifest, generation: &Generation) -> Result<()> {
    let prefix = generation.prefix();
    if manifest.format == Format::Package {
        let made = fs::read_optional(&prefix.join(LOCK))?.unwrap_or_default();
        fs::write(&generation.directory().join(LOCK), redact(&String::from_utf8_lossy(&made)).as_bytes())?;
    }
    let shown = manifest.sources().iter().map(|source| file_name(&source.label));
    let files = [package::FILE, LOCK].into_iter().chain(shown).chain(SETTINGS).chain(NOTES);
    files.into_iter().try_for_each(|name| fs::remove_file(&prefix.join(name)))?;
    let archives = manifest.package().map_or(Ok(Vec::new()), package::Package::archives)?;
    archives.iter().try_for_each(|archive| fs::remove_file(&prefix.join(archive)))?;
    DIRECTORIES.iter().chain(&[".yarn"]).try_for_each(|name| fs::remove_tree(&prefix.join(name)))
}
