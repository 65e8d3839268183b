//! Files in which other tools write down what a project in Python needs, and which are not read.

use crate::fs;
use crate::project::{join, split};
use std::path::Path;

/// A file, what of its text says that it asks for packages, and what is to be written instead.
const FILES: [(&str, &str, &str); 4] = [
    (
        "pyproject.toml",
        "[tool.poetry.dependencies]",
        "name its packages in `[project]`, which Poetry reads from 2.0 on",
    ),
    ("Pipfile", "", "`pipenv requirements > requirements.txt` writes what is read"),
    ("setup.py", "install_requires", "name its packages in `requirements.txt`, or in `[project]` of `pyproject.toml`"),
    ("setup.cfg", "install_requires", "name its packages in `requirements.txt`, or in `[project]` of `pyproject.toml`"),
];

/// Such a file of a plugin.
#[derive(Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its path in the plugin.
    pub file: String,
    /// The line that says it, from 1.
    pub line: usize,
    /// What is to be written instead.
    pub instead: &'static str,
}

/// The nearest one above a file of the plugin.
pub fn above(root: &Path, path: &str) -> Option<Unread> {
    let (directory, _) = split(path);
    let found = FILES.iter().find_map(|(name, sign, instead)| {
        let file = join(directory, name);
        let text = String::from_utf8(fs::read_optional(&root.join(&file)).ok()??).ok()?;
        let line = if sign.is_empty() { Some(0) } else { text.lines().position(|line| line.contains(sign)) };
        Some(Unread { file, line: line? + 1, instead })
    });
    found.or_else(|| if directory.is_empty() { None } else { above(root, directory) })
}
