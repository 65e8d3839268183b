//! A picture of a whole directory, to prove that something changed nothing.

use super::encode::sha256;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Everything below a directory; access times are not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: &'static str,
    size: u64,
    mode: u32,
    modified: (i64, i64),
    /// The hash of a file, or the target of a link.
    content: String,
}

impl Tree {
    /// The tree as it is now; empty when there is no such directory.
    pub fn of(directory: &Path) -> Self {
        let entries = WalkDir::new(directory).into_iter().filter_map(Result::ok);
        Self(entries.map(|entry| (relative(entry.path(), directory), Entry::of(entry.path()))).collect())
    }

    /// The paths in it, relative to the directory; the directory itself is the empty path.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    fn differences(&self, after: &Self) -> String {
        let mut text = String::new();
        for (path, entry) in &self.0 {
            match after.0.get(path) {
                None => writeln!(text, "removed  {}", path.display()).unwrap(),
                Some(now) if now != entry => {
                    writeln!(text, "changed  {}\n  before {entry:?}\n  after  {now:?}", path.display()).unwrap();
                }
                Some(_) => {}
            }
        }
        for path in after.0.keys().filter(|path| !self.0.contains_key(*path)) {
            writeln!(text, "added    {}", path.display()).unwrap();
        }
        text
    }
}

impl Entry {
    fn of(path: &Path) -> Self {
        let meta = fs::symlink_metadata(path).unwrap_or_else(|e| panic!("look at `{}`: {e}", path.display()));
        let kind = match meta.file_type() {
            kind if kind.is_dir() => "directory",
            kind if kind.is_file() => "file",
            kind if kind.is_symlink() => "link",
            _ => "special",
        };
        let content = match kind {
            "file" => sha256(path),
            "link" => fs::read_link(path).unwrap().display().to_string(),
            _ => String::new(),
        };
        Self { kind, size: meta.len(), mode: meta.mode(), modified: (meta.mtime(), meta.mtime_nsec()), content }
    }
}

fn relative(path: &Path, directory: &Path) -> PathBuf {
    path.strip_prefix(directory).unwrap_or(path).to_path_buf()
}

/// Panics with every difference between the two pictures.
#[track_caller]
pub fn assert_same(before: &Tree, after: &Tree) {
    assert!(before == after, "the tree has changed:\n{}", before.differences(after));
}
