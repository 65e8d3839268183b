//! `require-hashes = true`: what has no hash is refused before anything is written.

use super::handover::own_lines;
use crate::error::{Error, Kind, Result};
use crate::lockfile;
use crate::manifest::{Format, Manifest};
use crate::node_lock;
use crate::pyproject::Pyproject;
use crate::requirement_line::Line;
use crate::requirements::Item;
use std::collections::BTreeSet;
use std::path::Path;

/// Refuses a manifest that does not name the hash of all it asks for, where the author wants it to.
///
/// # Errors
/// `ManifestInvalid`, naming file and line of each.
pub fn demand(root: &Path, manifest: &Manifest) -> Result<()> {
    let missing = if manifest.require_hashes { missing(root, manifest) } else { Vec::new() };
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("install `{}`, of which `require-hashes` demands hashes", manifest.label);
    let error = Error::new(Kind::ManifestInvalid, what);
    Err(missing.into_iter().fold(error, Error::because).hint(hint(manifest.format)))
}

/// Whether something is installed of which nothing says what it must contain.
pub fn is_open(root: &Path, manifest: &Manifest) -> bool {
    !manifest.require_hashes && !manifest.is_lock() && !missing(root, manifest).is_empty()
}

/// What has no hash, each with its place.
fn missing(root: &Path, manifest: &Manifest) -> Vec<String> {
    match manifest.format {
        Format::Requirements => requirements(root, manifest),
        Format::Pyproject | Format::Script => {
            // uv, which reads the script itself then, would not demand the hash of what a package needs.
            let by_uv = || manifest.format == Format::Script && manifest.project().is_some_and(Pyproject::speaks_to_uv);
            let items = manifest.items().into_iter().filter(|item| !Line::parse(&item.text).has_hash() || by_uv());
            items.map(|item| told(&item, NO_HASH)).collect()
        }
        Format::UvLock | Format::Pylock | Format::ScriptLock => {
            let items = manifest.sources().iter().flat_map(lockfile::unhashed);
            items.map(|item| told(&item, NO_HASH)).collect()
        }
        Format::NpmLock => {
            let items = manifest.sources().iter().flat_map(node_lock::unhashed);
            items.map(|item| told(&item, NO_HASH)).collect()
        }
        Format::Package => manifest.items().iter().map(|item| told(item, NO_HASH)).collect(),
        // These managers write a hash of each archive, and check it.
        Format::PnpmLock | Format::YarnLock | Format::BunLock => Vec::new(),
    }
}

const NO_HASH: &str = "has no hash";

fn requirements(root: &Path, manifest: &Manifest) -> Vec<String> {
    let own = own_lines(root, manifest);
    let facts = manifest.facts();
    let is_own = |item: &&Item| own.iter().any(|(file, line, _)| (file, *line) == (&item.file, item.line));
    let unhashed = facts.unhashed.iter().filter(|item| !is_own(item));
    // A set, since there may be many of both.
    let named: BTreeSet<(&str, usize)> = facts.unhashed.iter().map(|item| (item.file.as_str(), item.line)).collect();
    let unpinned = facts.unpinned.iter().filter(|item| !named.contains(&(item.file.as_str(), item.line)));
    let unpinned = unpinned.map(|item| told(item, "has hashes, and no one version (`==`) that they are of"));
    unhashed.map(|item| told(item, NO_HASH)).chain(unpinned).collect()
}

fn told(item: &Item, what: &str) -> String {
    format!("`{}` line {} `{}` {what}", item.file, item.line, item.text)
}

fn hint(format: Format) -> &'static str {
    match format {
        Format::Requirements => "write it with `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`",
        Format::Pyproject => "ship a lock: `uv lock` writes one with hashes",
        Format::Script => "ship a lock: `uv lock --script` writes one with hashes",
        Format::UvLock | Format::Pylock | Format::ScriptLock => "name an archive of an index instead, and lock again",
        _ => "ship a lock: `npm install --package-lock-only` writes one with hashes",
    }
}
