//! The `pyproject.toml` of a directory of the plugin, looked at once whatever it is then used for.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::pyproject::Pyproject;
use std::path::Path;

/// A `pyproject.toml` that was looked at, once, whatever it is then used for.
#[derive(Debug)]
pub struct Project {
    label: String,
    pub(crate) parsed: Option<Result<Pyproject>>,
}

impl Project {
    /// Looks at the `pyproject.toml` of a directory of the plugin.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn look(root: &Path, directory: &str) -> Result<Self> {
        let label = join(directory, "pyproject.toml");
        let bytes = fs::read_optional(&root.join(&label)).map_err(as_manifest_error)?;
        let parsed = bytes.map(|bytes| Pyproject::parse(&label, &bytes));
        Ok(Self { label, parsed })
    }

    /// The parsed file, when it is there and well-formed.
    pub fn get(&self) -> Option<&Pyproject> {
        self.parsed.as_ref()?.as_ref().ok()
    }

    /// The parsed file, or the error that it is malformed or missing.
    ///
    /// # Errors
    /// It is malformed or missing.
    pub fn into_parsed(self) -> Result<Pyproject> {
        let missing =
            || Error::new(Kind::ManifestInvalid, format!("read `{}`", self.label)).because("there is no such file");
        self.parsed.unwrap_or_else(|| Err(missing()))
    }
}

/// Joins a directory of the plugin and a name in it.
pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// The directory of a script in the plugin, and its name there.
pub fn split(script: &str) -> (&str, &str) {
    script.rsplit_once('/').unwrap_or(("", script))
}

/// An error about a file of the plugin is one about its manifest.
pub fn as_manifest_error(mut error: Error) -> Error {
    error.kind = Kind::ManifestInvalid;
    error
}
