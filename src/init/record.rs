//! What was there before, so that `--undo` can bring it back.
//!
//! It is kept in the user's own data, under a name of the plugin's directory: in the plugin it would be shipped. A plugin
//! that was moved is known by its name and by being as it was left. What is kept is whole before anything is changed, and
//! names files by what is in them: whoever is stopped in the middle finds of each file either what was there or what was to
//! be there.
//!
//! What an author changed since is as much an original as what was there at first: a further `init` then begins anew on top
//! of what is kept, and each `--undo` takes away one such layer.

use super::draft::{After, Draft, content, staged};
use super::place::PLUGIN;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::json::readable;
use crate::plugin::{own_name, user_data};
use serde::Serialize;
use std::mem::take;
use std::path::{Path, PathBuf};

/// Number of the form of `record.json`.
const SCHEMA: u32 = 1;
const FILE: &str = "record.json";

/// What `init` changed in a plugin.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    schema: u32,
    /// The plugin, for whoever reads this.
    root: String,
    /// As it calls itself: that it begins sessions with the same program, many others have as well.
    name: Option<String>,
    files: Vec<File>,
    /// Directories that were not there, the outer ones first; the plugin's own is the empty path.
    directories: Vec<String>,
    /// What it had changed before its author changed that, the oldest first.
    earlier: Vec<Layer>,
}

/// What was changed until the author changed some of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Layer {
    files: Vec<File>,
    directories: Vec<String>,
}

/// A file that it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct File {
    path: String,
    /// What was in it, which is also the name of the copy; nothing where it was not there.
    before: Option<String>,
    /// What it was to be.
    after: Option<String>,
}

readable!(Record { schema, root, name, files, directories } or { earlier });
readable!(Layer { files, directories });
readable!(File { path, before, after });

impl Record {
    /// Puts what is known beneath what comes now.
    fn begin_layer(&mut self) {
        let (files, directories) = (take(&mut self.files), take(&mut self.directories));
        self.earlier.push(Layer { files, directories });
    }

    /// The names of all copies that it needs.
    fn copies(&self) -> impl Iterator<Item = &String> {
        let layers = self.earlier.iter().flat_map(|layer| &layer.files);
        layers.chain(&self.files).filter_map(|file| file.before.as_ref())
    }

    /// Whether it is of a directory that is gone. What cannot be looked at is not.
    fn is_lost(&self) -> bool {
        matches!(fs::read_optional(Path::new(&self.root)), Ok(None))
    }

    /// Whether this directory is that plugin, as it was left.
    fn fits(&self, root: &Path) -> bool {
        self.name == name_of(&Draft::new(root))
            && self.files.iter().all(|file| content(&root.join(&file.path)) == file.after)
    }
}

impl File {
    /// Whether it is as it was left, or as it was found.
    fn is_ours(&self, root: &Path) -> bool {
        let now = content(&root.join(&self.path));
        now == self.after || now == self.before
    }
}

/// The name that a plugin has once the draft is applied.
fn name_of(draft: &Draft) -> Option<String> {
    draft.json(PLUGIN).ok()??.root.get("name")?.as_str().map(str::to_owned)
}

/// Where the records of all plugins are.
fn base() -> Result<PathBuf> {
    let base = user_data().ok_or_else(|| {
        let error = Error::new(Kind::NoPlugin, "find a place for what was there before");
        error.hint("set HOME, or on Windows LOCALAPPDATA")
    })?;
    Ok(base.join("undo"))
}

/// Where the record of a plugin is: under its own name, or still under that of the directory that it was moved from.
///
/// # Errors
/// There is no place for it.
pub fn place(root: &Path) -> Result<PathBuf> {
    let base = base()?;
    let own = base.join(own_name(root));
    if fs::is_taken(&own.join(FILE)) {
        return Ok(own);
    }
    let found = lost(&base).find(|(_, record)| record.fits(root));
    Ok(found.map_or(own, |(place, _)| place))
}

/// The records of directories that are gone, with their places.
fn lost(base: &Path) -> impl Iterator<Item = (PathBuf, Record)> {
    let places = fs::names(base).into_iter().map(|name| base.join(name));
    let known = places.filter_map(|place| Some((read(&place).ok()??, place)));
    known.filter(|(record, _)| record.is_lost()).map(|(record, place)| (place, record))
}

/// Has the record of a plugin that was moved be under its own name from now on.
fn claim(root: &Path) -> Result<PathBuf> {
    let (found, own) = (place(root)?, base()?.join(own_name(root)));
    let Some(mut record) = read(&found)?.filter(|_| found != own) else { return Ok(own) };
    // Without a record it is what a killed run left.
    fs::remove_tree(&own)?;
    fs::rename(&found, &own)?;
    record.root = root.display().to_string();
    fs::replace_state(&own.join(FILE), &record, true)?;
    Ok(own)
}

/// Writes down what is there, before the draft is applied. While the plugin is as an earlier run left it, both are undone
/// together.
///
/// # Errors
/// It cannot be written, or what is known already cannot be read.
pub fn keep(draft: &Draft, place: &Path) -> Result<()> {
    let mut record = read(place)?.unwrap_or_default();
    if !record.files.iter().all(|file| file.is_ours(&draft.root)) {
        record.begin_layer();
    }
    fs::create_directory(place)?;
    record.schema = SCHEMA;
    record.root = draft.root.display().to_string();
    record.name = name_of(draft);
    if !fs::is_directory(&draft.root) {
        record.directories.push(String::new());
    }
    record.directories.extend(draft.new_directories());
    for (path, after) in draft.changes() {
        let after = will_be(draft, path, after);
        match record.files.iter_mut().find(|file| file.path == path) {
            Some(file) => file.after = after,
            None => {
                let before = copy_of(&draft.root.join(path), place)?;
                record.files.push(File { path: path.to_owned(), before, after });
            }
        }
    }
    fs::replace_state(&place.join(FILE), &record, true)
}

/// What is known of a plugin. What cannot be read is not passed over: there may be no other copy of what it names.
fn read(place: &Path) -> Result<Option<Record>> {
    let path = place.join(FILE);
    let record = fs::read_state::<Record>(&path).filter(|record| record.schema == SCHEMA);
    if record.is_some() || !fs::is_taken(&path) {
        return Ok(record);
    }
    let error = Error::new(Kind::Io, format!("read `{}`", path.display()));
    let error = error.because("it is damaged, or written by a newer plugdeps");
    Err(error.hint("use that one, or move the directory in which it is: what `init` changed so far is then not undone"))
}

fn will_be(draft: &Draft, path: &str, after: &After) -> Option<String> {
    match after {
        After::Gone => None,
        After::Copy(from) => content(from),
        After::Text(text) => {
            let hash = crate::fingerprint::Part::new("", text.as_bytes()).sha256;
            Some(if fs::is_executable(&draft.root.join(path)) { format!("{hash}+x") } else { hash })
        }
    }
}

/// Keeps a copy of a file; its name.
fn copy_of(path: &Path, place: &Path) -> Result<Option<String>> {
    let Some(name) = content(path) else { return Ok(None) };
    let kept = place.join(&name);
    if !fs::is_file(&kept) {
        let staged = place.join(".new-copy");
        fs::copy(path, &staged)?;
        fs::rename(&staged, &kept)?;
    }
    Ok(Some(name))
}

/// What brings back what was there.
///
/// # Errors
/// Nothing is known of this plugin, or a file was changed since: it is named, and all stay.
pub fn undoing(root: &Path, place: &Path) -> Result<Draft> {
    let failed = || Error::new(Kind::Usage, format!("undo what `init` changed in `{}`", root.display()));
    let Some(record) = read(place)? else {
        let error = failed().because("nothing is known of it: it was undone already, or done elsewhere");
        let lost: Vec<String> = lost(&base()?).map(|(_, record)| format!("`{}`", record.root)).collect();
        let hint = || format!("if it was {} before, move it back there first", lost.join(" or "));
        return Err(if lost.is_empty() { error } else { error.hint(hint()) });
    };
    let foreign = record.files.iter().filter(|file| !file.is_ours(root));
    let causes: Vec<String> = foreign.map(|file| changed_since(file, place)).collect();
    if !causes.is_empty() {
        let error = causes.iter().fold(failed(), |error, cause| error.because(cause));
        let hint = "nothing was undone; put yours elsewhere and what was there before in its place, then undo again";
        return Err(error.hint(hint));
    }
    let kept = record.files.iter().filter_map(|file| Some((&file.path, place.join(file.before.as_ref()?))));
    if let Some((path, copy)) = kept.into_iter().find(|(_, copy)| !fs::is_file(copy)) {
        return Err(failed().because(format!("what `{path}` was is no longer at `{}`", copy.display())));
    }
    let mut draft = Draft::new(root);
    for file in &record.files {
        match &file.before {
            Some(name) => draft.copy(&file.path, &place.join(name))?,
            None => draft.remove(&file.path),
        }
    }
    Ok(draft)
}

fn changed_since(file: &File, place: &Path) -> String {
    let was = match &file.before {
        Some(name) => format!("before it was `{}`", place.join(name).display()),
        None => "before it was not there".to_owned(),
    };
    format!("`{}` was changed since; {was}", file.path)
}

/// Before anything is changed: what is known of the plugin is put under its own name, and what an earlier run, stopped in
/// the middle, had not put in its place yet is removed.
///
/// # Errors
/// That cannot be done, or what is known cannot be read.
pub fn begin(root: &Path) -> Result<()> {
    let files = read(&claim(root)?)?.map(|record| record.files).unwrap_or_default();
    let left = files.iter().map(|file| staged(&root.join(&file.path)));
    left.filter(|path| fs::is_file(path)).try_for_each(|path| fs::remove_file(&path))
}

/// Forgets what is undone, and removes the directories that were not there; whether there is more to undo.
///
/// # Errors
/// It cannot be removed.
pub fn forget(root: &Path, place: &Path) -> Result<bool> {
    let Some(mut record) = read(place)? else { return Ok(false) };
    record.directories.iter().rev().for_each(|path| fs::remove_empty_directory(&root.join(path)));
    let Some(layer) = record.earlier.pop() else {
        // What names the copies goes before they do.
        fs::remove_file(&place.join(FILE))?;
        fs::remove_tree(place)?;
        return Ok(false);
    };
    (record.files, record.directories) = (layer.files, layer.directories);
    fs::replace_state(&place.join(FILE), &record, true)?;
    let is_needed = |name: &String| name == FILE || record.copies().any(|copy| copy == name);
    let gone = fs::names(place).into_iter().filter(|name| !is_needed(name));
    gone.map(|name| place.join(name)).try_for_each(|path| fs::remove_file(&path))?;
    Ok(true)
}
