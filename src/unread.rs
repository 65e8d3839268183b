//! Files in which other tools write down what a project in Python needs, and which are not read.

use crate::fs;
use crate::project::{join, split};
use std::path::Path;

/// The line, from 0, if there is one.
type Sign = fn(&[&str]) -> Option<usize>;

/// A file, where its text says that it asks for packages, and what is to be written instead.
const FILES: [(&str, Sign, &str); 4] = [
    ("pyproject.toml", of_poetry, "name its packages in `[project]`, which Poetry reads from 2.0 on"),
    ("Pipfile", |_| Some(0), "`pipenv requirements > requirements.txt` writes what is read"),
    ("setup.py", of_setuptools, "name its packages in `requirements.txt`, or in `[project]` of `pyproject.toml`"),
    ("setup.cfg", of_setuptools, "name its packages in `requirements.txt`, or in `[project]` of `pyproject.toml`"),
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
        let line = sign(&text.lines().map(str::trim).collect::<Vec<_>>())?;
        Some(Unread { file, line: line + 1, instead })
    });
    found.or_else(|| if directory.is_empty() { None } else { above(root, directory) })
}

/// Python itself is no package.
fn of_poetry(lines: &[&str]) -> Option<usize> {
    let at = lines.iter().position(|line| line.starts_with("[tool.poetry.dependencies]"))?;
    let mut table = lines[at + 1..].iter().take_while(|line| !line.starts_with('['));
    let is_package = |line: &&str| {
        let name = line.split_once('=').filter(|_| !line.starts_with('#')).map(|(name, _)| name.trim());
        name.is_some_and(|name| name != "python")
    };
    table.any(is_package).then_some(at)
}

fn of_setuptools(lines: &[&str]) -> Option<usize> {
    let asks = |line: &&str| {
        let value = line.split_once("install_requires").filter(|_| !line.starts_with('#'));
        value.is_some_and(|(_, value)| !value.trim_start_matches([' ', '=']).starts_with("[]"))
    };
    lines.iter().position(asks)
}
