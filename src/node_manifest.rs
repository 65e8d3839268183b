//! `package.json` and the lock beside it: what a plugin's JavaScript needs.

use crate::config::Settings;
use crate::error::Result;
use crate::fs;
use crate::manifest::{Format, Manifest};
use crate::node_lock;
use crate::package::{self, Package};
use crate::project::{as_manifest_error, join, split};
use crate::requirements::Source;
use std::path::Path;

/// Locks that stand beside a `package.json`, the preferred first, and whose they are.
pub const LOCKS: [(&str, Format, &str); 6] = [
    ("npm-shrinkwrap.json", Format::NpmLock, "npm"),
    ("package-lock.json", Format::NpmLock, "npm"),
    ("pnpm-lock.yaml", Format::PnpmLock, "pnpm"),
    ("yarn.lock", Format::YarnLock, "yarn"),
    ("bun.lock", Format::BunLock, "bun"),
    ("bun.lockb", Format::BunLock, "bun"),
];

/// Files beside it that decide as well, where the format has them.
const BESIDE: [(&str, Format); 2] = [("pnpm-workspace.yaml", Format::PnpmLock), (".pnpmfile.cjs", Format::PnpmLock)];

/// What is said where there is none.
const NO_LOCK: &str = "there is no lock beside it, so that its packages may be others tomorrow: `npm install \
                       --package-lock-only` writes one";

/// Finds and reads the manifest of a directory; `None` when it has none, or one that asks for nothing.
///
/// # Errors
/// It is malformed, or leads out of the plugin.
pub fn read(root: &Path, directory: &str, settings: &Settings) -> Result<Option<Manifest>> {
    let label = join(directory, package::FILE);
    let Some(bytes) = fs::read_optional(&root.join(&label)).map_err(as_manifest_error)? else { return Ok(None) };
    let package = Package::parse(&label, &bytes)?;
    if !package.asks_for_packages() {
        return Ok(None);
    }
    demand_inside(root, directory, &package)?;
    // That of the manager that the author names, or the first there is.
    let named = package.manager().map(|(name, _)| name);
    let preferred = LOCKS.iter().filter(|(_, _, manager)| Some(*manager) == named);
    let used = preferred.chain(&LOCKS).find(|(name, ..)| is_there(root, directory, name));
    let mut manifest = match used {
        Some((name, format, _)) => locked(root, directory, name, *format, settings)?,
        None => Manifest::new(label, Format::Package, settings),
    };
    manifest.notes.extend((manifest.format == Format::Package).then(|| NO_LOCK.to_owned()));
    let installed = |lock: &Source| node_lock::is_installed(&root.join(directory), lock);
    manifest.is_provided = manifest.closure.sources.first().is_some_and(installed);
    manifest.relevant = Some(package.relevant());
    manifest.package = Some(package);
    Ok(Some(manifest))
}

/// The archives that it names lie in the plugin, links resolved.
fn demand_inside(root: &Path, directory: &str, package: &Package) -> Result<()> {
    for archive in package.archives()? {
        let path = root.join(directory).join(&archive);
        if fs::is_file(&path) && !fs::resolved(&path).starts_with(fs::resolved(root)) {
            return Err(package.outside(&format!("`{}`", archive.display())));
        }
    }
    Ok(())
}

fn is_there(root: &Path, directory: &str, name: &str) -> bool {
    fs::is_taken(&root.join(directory).join(name))
}

/// What a start need not know, in words: locks that are not used, and scripts that do not run.
pub fn notes(root: &Path, manifest: &Manifest) -> Vec<String> {
    let mut notes = unused_locks(root, manifest);
    let locks = manifest.sources().iter().filter(|_| manifest.format == Format::NpmLock);
    let mut silent: Vec<String> = locks.flat_map(node_lock::with_scripts).collect();
    silent.retain(|name| !manifest.scripts.admits(name));
    silent.sort();
    silent.dedup();
    notes.extend(silent.into_iter().map(|name| {
        format!(
            "`{name}` has a script for its installation, which does not run: `scripts = [\"{name}\"]` in the \
                 configuration would allow it"
        )
    }));
    notes
}

fn unused_locks(root: &Path, manifest: &Manifest) -> Vec<String> {
    let (directory, used) = split(&manifest.label);
    let locks = LOCKS.iter().map(|(name, ..)| *name).filter(|_| manifest.package().is_some());
    let unused = locks.filter(|name| *name != used && is_there(root, directory, name));
    unused
        .map(|name| format!("`{}` is not used: `{}` is there as well", join(directory, name), manifest.label))
        .collect()
}

fn locked(root: &Path, directory: &str, name: &str, format: Format, settings: &Settings) -> Result<Manifest> {
    let mut manifest = Manifest::new(join(directory, name), format, settings);
    let beside = BESIDE.iter().filter(|(_, of)| *of == format).map(|(name, _)| *name);
    for name in std::iter::once(name).chain(beside) {
        let label = join(directory, name);
        if let Some(bytes) = fs::read_optional(&root.join(&label)).map_err(as_manifest_error)? {
            manifest.closure.sources.push(Source { label, bytes });
        }
    }
    Ok(manifest)
}
