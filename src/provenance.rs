//! Of what a lock was made that `plugdeps lock` or `plugdeps bundle` wrote, and whether that is still so. It stands in the
//! lock's first line, so that nothing has to be resolved to tell.

use crate::config::Settings;
use crate::environments::Environment;
use crate::error::Result;
use crate::fingerprint::hash_of;
use crate::manifest::{Format, Manifest};
use crate::project::split;
use crate::project::{Project, join};
use crate::script_manifest::{self, is_script};
use std::path::Path;

const BEGIN: &str = "# written by `plugdeps ";
const FROM: &str = "` from ";
const MIDDLE: &str = ", sha256:";

/// The first line of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The file beside the lock that it was made of.
    pub from: String,
    /// SHA-256 of what of that file counts.
    pub sha256: String,
}

impl Provenance {
    /// That of a lock made of this manifest now.
    pub fn of(manifest: &Manifest) -> Self {
        Self { from: split(&manifest.label).1.to_owned(), sha256: digest(manifest) }
    }

    /// What the first line of a lock says that `plugdeps lock` wrote.
    pub fn read(lock: &[u8]) -> Option<Self> {
        Self::read_by("lock", lock)
    }

    /// What it says if that command wrote it.
    pub fn read_by(command: &str, lock: &[u8]) -> Option<Self> {
        let line = lock.split(|&byte| byte == b'\n').next()?;
        let line = std::str::from_utf8(line).ok()?.trim_end();
        let rest = line.strip_prefix(BEGIN)?.strip_prefix(command)?.strip_prefix(FROM)?;
        let (from, sha256) = rest.rsplit_once(MIDDLE)?;
        let is_name = !from.is_empty() && from != ".." && !from.contains(['/', '\\']);
        is_name.then(|| Self { from: from.to_owned(), sha256: sha256.to_owned() })
    }

    /// The first line of what a command writes.
    pub fn line(&self, command: &str) -> String {
        format!("{BEGIN}{command}{FROM}{}{MIDDLE}{}\n", self.from, self.sha256)
    }
}

/// Not of bytes: comments and line ends of a checkout decide nothing.
fn digest(manifest: &Manifest) -> String {
    let items = manifest.items().into_iter().flat_map(|item| [item.file, item.text]);
    let choices = [manifest.relevant(), manifest.requires(), manifest.exclude_newer.as_deref()];
    let choices = choices.map(|choice| choice.unwrap_or_default().to_owned());
    hash_of(&items.chain(choices).collect::<Vec<_>>())
}

/// The manifest that a lock of `plugdeps lock` was, or would be, made of, with what the lock that is in use says of it.
/// `None`: the environment has another lock.
///
/// # Errors
/// That manifest cannot be read.
pub fn source(root: &Path, environment: &Environment) -> Result<Option<(Manifest, Option<Provenance>)>> {
    let manifest = environment.manifest.as_ref().map_err(Clone::clone)?;
    let provenance = manifest.sources().first().and_then(|lock| Provenance::read(&lock.bytes));
    let from = match (&provenance, manifest.format) {
        (Some(provenance), _) => provenance.from.clone(),
        (None, Format::Requirements | Format::Pyproject | Format::Script) if !is_locked(manifest) => {
            split(&manifest.label).1.to_owned()
        }
        (None, _) => return Ok(None),
    };
    let (directory, _) = split(&manifest.label);
    let settings = Settings { manifest: Some(from.clone()), ..environment.settings.clone() };
    if is_script(&from) {
        let source = script_manifest::read_block(root, &join(directory, &from), &settings)?;
        return Ok(Some((source, provenance)));
    }
    let source = script_manifest::read_any(root, directory, &settings, Project::look(root, directory)?)?;
    Ok(source.map(|source| (source, provenance)))
}

/// Whether every requirement has one version and its hash already.
fn is_locked(manifest: &Manifest) -> bool {
    let facts = manifest.facts();
    let named = manifest.label.ends_with(".lock");
    manifest.format == Format::Requirements && (named || facts.any_hash && facts.unpinned.is_empty())
}

/// Whether the lock is older than what it was made of, in words.
pub fn note(root: &Path, environment: &Environment) -> Option<String> {
    let lock = environment.manifest.as_ref().ok()?;
    let provenance = Provenance::read(&lock.sources().first()?.bytes)?;
    let stale = match source(root, environment) {
        Ok(Some((source, _))) if Provenance::of(&source) == provenance => return None,
        Ok(_) => format!("`{}` is no longer what it was", provenance.from),
        // Whoever ships the lock alone has nothing that could be newer.
        Err(_) if !crate::fs::is_taken(&root.join(join(split(&lock.label).0, &provenance.from))) => return None,
        Err(error) => error.sentence(),
    };
    Some(format!("`{}` is out of date: {stale}; `plugdeps lock` writes it anew", lock.label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_in_its_first_line_of_what_it_was_made() {
        let provenance = Provenance { from: "a, b.txt".into(), sha256: "0a".into() };
        let line = provenance.line("lock");
        assert_eq!(Provenance::read_by("bundle", line.as_bytes()), None);
        assert_eq!(line, "# written by `plugdeps lock` from a, b.txt, sha256:0a\n");
        assert_eq!(Provenance::read(format!("{line}six==1\n").as_bytes()), Some(provenance.clone()));
        assert_eq!(Provenance::read(line.replace('\n', "\r\n").as_bytes()), Some(provenance));
        let outside = Provenance { from: "../x".into(), ..Provenance::read(line.as_bytes()).unwrap() };
        assert_eq!(Provenance::read(outside.line("lock").as_bytes()), None);
        for other in ["", "six\n", "# written by uv\n", "\n# written by `plugdeps lock` from a, sha256:0\n"] {
            assert_eq!(Provenance::read(other.as_bytes()), None);
        }
    }
}
