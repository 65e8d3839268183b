//! The files of a plugin as they will be. Nothing is written before all of them are known.

use crate::error::{Error, Kind, Result};
use crate::fingerprint::Part;
use crate::fs;
use crate::json_text::Document;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a file will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// This text.
    Text(String),
    /// A copy of another file, with its mode.
    Copy(PathBuf),
    /// Not there.
    Gone,
}

/// The files that will not be as they are.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The plugin's directory.
    pub root: PathBuf,
    changes: BTreeMap<String, After>,
}

impl Draft {
    /// In which nothing changes.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), changes: BTreeMap::new() }
    }

    /// What changes, by path in the plugin.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &After)> {
        self.changes.iter().map(|(path, after)| (path.as_str(), after))
    }

    /// Whether nothing does.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What a file will be, as far as it is text; `None` where there will be none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.changes.get(path) {
            Some(After::Text(text)) => Ok(Some(text.clone().into_bytes())),
            Some(After::Copy(from)) => fs::read_optional(from),
            Some(After::Gone) => Ok(None),
            None => fs::read_optional(&self.root.join(path)),
        }
    }

    /// The same of JSON.
    ///
    /// # Errors
    /// It cannot be read, or is no JSON: the line is named.
    pub fn json(&self, path: &str) -> Result<Option<Document>> {
        self.read(path)?.map(|bytes| Document::parse(path, &bytes)).transpose()
    }

    /// The same of a file that holds an object.
    ///
    /// # Errors
    /// As [`Draft::json`], or it holds something else.
    pub fn object(&self, path: &str) -> Result<Option<Document>> {
        let document = self.json(path)?;
        if let Some(root) = document.as_ref().map(|document| &document.root).filter(|root| !root.is_object()) {
            let error = Error::new(Kind::ManifestInvalid, format!("read `{path}`"));
            return Err(error.because(format!("line {}: expected an object", root.line)));
        }
        Ok(document)
    }

    /// Has a file be this text.
    ///
    /// # Errors
    /// Writing it would write through a link.
    pub fn write(&mut self, path: &str, text: String) -> Result<()> {
        self.refuse_link(path)?;
        let is_same = fs::read_optional(&self.root.join(path))?.is_some_and(|old| old == text.as_bytes());
        self.change(path, After::Text(text), is_same);
        Ok(())
    }

    /// Has a file be a copy of another one.
    ///
    /// # Errors
    /// Writing it would write through a link.
    pub fn copy(&mut self, path: &str, from: &Path) -> Result<()> {
        self.refuse_link(path)?;
        let own = self.root.join(path);
        let is_same = content(&own) == content(from);
        self.change(path, After::Copy(from.to_owned()), is_same);
        Ok(())
    }

    /// Has a file not be there.
    pub fn remove(&mut self, path: &str) {
        let is_same = !fs::is_taken(&self.root.join(path));
        self.change(path, After::Gone, is_same);
    }

    fn change(&mut self, path: &str, after: After, is_same: bool) {
        if is_same {
            self.changes.remove(path);
        } else {
            self.changes.insert(path.to_owned(), after);
        }
    }

    /// What is written goes into the plugin: behind a link to one of its own directories as well, and in the place of none.
    fn refuse_link(&self, path: &str) -> Result<()> {
        let own = self.root.join(path);
        let mut above = own.ancestors().skip(1).take_while(|directory| directory.starts_with(&self.root));
        let above = above.find(|directory| fs::is_directory(directory));
        let is_inside = above.is_none_or(|above| fs::resolved(above).starts_with(fs::resolved(&self.root)));
        if is_inside && fs::link_target(&own).is_none() {
            return Ok(());
        }
        let error = Error::new(Kind::Usage, format!("change `{path}`"));
        let error = error
            .because("it is a link, or lies behind one that leads out of the plugin: nothing is written through those");
        Err(error.hint("put the file itself there, or name the directory in which it is"))
    }

    /// The directories that will have to be made, the outer ones first.
    pub fn new_directories(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, _) in self.changes().filter(|(_, after)| **after != After::Gone) {
            let mut above: Vec<&str> = path.match_indices('/').map(|(at, _)| &path[..at]).collect();
            above.retain(|directory| !fs::is_directory(&self.root.join(directory)));
            found.extend(above.into_iter().map(str::to_owned));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Writes it all, each file whole. Whoever is stopped in the middle may do it again.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn apply(&self) -> Result<()> {
        if !self.is_empty() && !fs::is_directory(&self.root) {
            fs::create_directory(&self.root)?;
        }
        self.new_directories().iter().try_for_each(|path| fs::create_directory(&self.root.join(path)))?;
        self.changes().try_for_each(|(path, after)| put(&self.root.join(path), after))
    }
}

/// Replaces a file as a whole; one that was there keeps its mode.
fn put(path: &Path, after: &After) -> Result<()> {
    let staged = staged(path);
    match after {
        After::Gone => return fs::remove_file(path),
        After::Copy(from) => fs::copy(from, &staged)?,
        After::Text(text) => {
            if fs::is_file(path) {
                fs::copy(path, &staged)?;
            }
            fs::write(&staged, text.as_bytes())?;
        }
    }
    fs::rename(&staged, path)
}

/// Where a file is written before it takes its place.
pub fn staged(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.plugdeps"))
}

/// What is in a file, as a hash that also tells whether it may be started; `None` where there is none.
pub fn content(path: &Path) -> Option<String> {
    let hash = || Part::new("", &fs::head(path, u64::MAX)).sha256;
    fs::is_file(path).then(|| if fs::is_executable(path) { format!("{}+x", hash()) } else { hash() })
}
