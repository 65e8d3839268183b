//! What an `--undo` leaves in a plugin: files of other commands, which `init` did not write.

use super::draft::Draft;
use super::uses::SKIPPED;
use crate::bundled;
use crate::fs;
use crate::proof::SHIPPED;
use crate::provenance::Provenance;
use std::path::Path;
use walkdir::{DirEntry, WalkDir};

/// The longest first line of a lock that tells who wrote it.
const FIRST_LINE: u64 = 1024;
/// How deep in a plugin locks are looked for.
const DEPTH: usize = 4;

/// Of each such file who wrote it, a line each.
pub fn by_others(draft: &Draft) -> Vec<String> {
    let root = &draft.root;
    let is_there = |(name, _): &(&str, &str)| fs::is_taken(&root.join(name));
    let others = [(SHIPPED, "snapshot"), (bundled::DIRECTORY, "bundle")].into_iter().filter(is_there);
    let others = others.map(|(name, command)| (name.to_owned(), command));
    let left = locks(root).into_iter().map(|name| (name, "lock")).chain(others);
    let said = left.map(|(name, command)| {
        format!("`{name}` stays: `plugdeps {command}` wrote it, not `init`; remove it if you do not ship it")
    });
    said.collect()
}

fn locks(root: &Path) -> Vec<String> {
    let is_read = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !name.starts_with('.') && !SKIPPED.contains(&name.as_ref())
    };
    let entries = WalkDir::new(root).max_depth(DEPTH).sort_by_file_name().into_iter().filter_entry(is_read).flatten();
    let files = entries.filter(|entry| entry.file_type().is_file()).map(DirEntry::into_path);
    let is_lock = |path: &Path| path.extension().is_some_and(|ending| ending == "lock");
    let is_ours = |path: &Path| Provenance::read(&fs::head(path, FIRST_LINE)).is_some();
    let locks = files.filter(|path| is_lock(path) && is_ours(path));
    locks.filter_map(|path| Some(path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/"))).collect()
}
