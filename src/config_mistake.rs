//! What authors write into the configuration that means something else there. What a plugin ships does not tell: it has
//! been tried by then.

use crate::error::{Error, Kind, Result};

/// Locks for Node, which stand beside a `package.json`.
const NODE_LOCKS: [&str; 6] =
    ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"];

/// Refuses a lock for Node as the manifest: it would be read as requirements of Python.
///
/// # Errors
/// It is one.
pub fn refuse_lock(manifest: Option<&str>) -> Result<()> {
    let named = manifest.map(|manifest| (manifest, manifest.rsplit('/').next().unwrap_or(manifest)));
    let Some((manifest, lock)) = named.filter(|(_, name)| NODE_LOCKS.contains(name)) else { return Ok(()) };
    let error = Error::new(Kind::ConfigInvalid, format!("use `{manifest}` as the manifest"));
    let error = error.because("it is the lock of a `package.json`, and followed because it lies beside that");
    Err(error.hint(format!("write `manifest = \"{}\"`", manifest.replace(lock, "package.json"))))
}

/// Refuses what is neither one version of Python nor a path.
///
/// # Errors
/// It is something else, such as a range.
pub fn refuse_range(python: Option<&str>) -> Result<()> {
    let is_version =
        |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let is_path = |text: &str| text.contains(['/', '\\']);
    let Some(python) = python.filter(|text| !is_version(text) && !is_path(text)) else { return Ok(()) };
    let error = Error::new(Kind::ConfigInvalid, format!("use `{python}` as `python`"));
    let error = error.because("expected one version such as `3.12`, or the path of an interpreter");
    Err(error.hint("a range stands in `pyproject.toml`, as `requires-python` below `[project]`"))
}
