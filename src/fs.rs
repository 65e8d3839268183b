//! The seam to the file system: every operation names its verb and path when it fails.
//!
//! Nothing else in the crate calls `std::fs` (`clippy.toml` forbids it), so that one place adds
//! context, and one place passes a [`fault::point`] before each step that changes something.

#![allow(clippy::disallowed_methods)]

use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::json::{self, readable};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
#[path = "fs_unix.rs"]
mod os;
#[cfg(windows)]
#[path = "fs_windows.rs"]
mod os;

pub use os::{
    HAS_LINKS, boot, copy, create_private_directory, is_executable, is_habitable, is_writable, link_directory, owner,
    sync_file_system, user, validator,
};

/// The largest manifest, lock or state file that is read, in bytes.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What tells that a file is still the one that was asked who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Validator {
    /// Size in bytes.
    pub size: u64,
    /// Time of last modification, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode number; 0 where there is none.
    pub inode: u64,
}

readable!(Validator { size, mtime_ns, inode });

fn failed(verb: &str, path: &Path, cause: &io::Error) -> Error {
    let error = Error::new(Kind::Io, format!("{verb} `{}`", path.display())).because(os::explain(cause));
    if cause.kind() == ErrorKind::StorageFull { error.hint("free some space") } else { error }
}

/// Reads a regular file of at most [`MAX_FILE`] bytes; `None` when there is none.
///
/// # Errors
/// The file is a directory, device or fifo, is too large, or cannot be read.
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match os::open_without_waiting(path).and_then(read_bounded) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(failed("read", path, &e)),
    }
}

/// Reads a regular file of at most [`MAX_FILE`] bytes.
///
/// # Errors
/// As [`read_optional`], and when there is no such file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_optional(path)?.ok_or_else(|| failed("read", path, &ErrorKind::NotFound.into()))
}

fn read_bounded(mut file: File) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > MAX_FILE {
        return Err(io::Error::other(format!("{} bytes, and at most {MAX_FILE} are read", metadata.len())));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    Read::by_ref(&mut file).take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a state file of ours. What cannot be read or parsed is absent: it is built anew, never reported.
pub fn read_state<T: json::Read>(path: &Path) -> Option<T> {
    T::read(&serde_json::from_slice(&read_optional(path).ok()??).ok()?)
}

/// Replaces `path` by `value` as JSON: whoever reads sees the old content or the new, whole.
///
/// With `durable`, content and name survive a power loss once this returns, where the system can promise that.
///
/// # Errors
/// The directory cannot be written.
pub fn replace_state<T: Serialize>(path: &Path, value: &T, durable: bool) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::new(Kind::Io, format!("write `{}`", path.display())).because(e))?;
    text.push(b'\n');
    replace(path, &text, durable).map_err(|e| failed("write", path, &e))
}

fn replace(path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fault::point("create", path)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    append(file.as_file_mut(), path, content)?;
    if durable {
        fault::point("sync", path)?;
        // Before the rename: a crash of the machine must not leave the name on an empty file.
        file.as_file().sync_all()?;
    }
    if is_directory(path) {
        // Nobody of ours made it, and no rename replaces it: out of the way, where a sweep finds it.
        fs::rename(path, create_aside(directory)?)?;
    }
    fault::point("publish", path)?;
    os::persist(file, path)?;
    if durable {
        // Everybody sees the new content by now: an error here would have the caller undo what others already use.
        // Without this a power loss may bring back the old content, whole.
        let _ = os::sync_directory(directory);
    }
    Ok(())
}

fn create_aside(directory: &Path) -> io::Result<PathBuf> {
    fault::point("put aside what is in", directory)?;
    tempfile::Builder::new().prefix(".new-").tempdir_in(directory).map(|aside| aside.keep().join("aside"))
}

/// Writes a small file where nobody else looks yet.
///
/// # Errors
/// The directory cannot be written.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let create = || fault::point("create", path).and_then(|()| File::create(path));
    create().and_then(|mut file| append(&mut file, path, content)).map_err(|e| failed("write", path, &e))
}

/// Adds to the end of a file that is open for that.
///
/// # Errors
/// The file cannot be written.
pub fn append(file: &mut File, path: &Path, content: &[u8]) -> io::Result<()> {
    for part in fault::halves(content) {
        fault::point("write", path)?;
        file.write_all(part)?;
    }
    Ok(())
}

/// Creates a directory and its parents.
///
/// # Errors
/// A parent cannot be written, or the name is taken by a file.
pub fn create_directory(path: &Path) -> Result<()> {
    fault::point("create", path).and_then(|()| os::create_directories(path)).map_err(|e| failed("create", path, &e))
}

/// Creates a directory with a name that nobody had before, at the address where it will stay.
///
/// # Errors
/// `parent` cannot be written.
pub fn create_unique_directory(parent: &Path, prefix: &str) -> Result<PathBuf> {
    let create = || tempfile::Builder::new().prefix(prefix).rand_bytes(8).tempdir_in(parent);
    let directory = fault::point("create a directory in", parent).and_then(|()| create());
    directory.map(tempfile::TempDir::keep).map_err(|e| failed("create a directory in", parent, &e))
}

/// Opens a file of ours for reading and writing, creating it when it is not there, never emptying it.
///
/// # Errors
/// The file cannot be opened or created, or its name is a link's.
pub fn open_or_create(path: &Path) -> Result<File> {
    let mut options = os::our_own();
    options.read(true).write(true).create(true).truncate(false);
    fault::point("open", path).and_then(|()| options.open(path)).map_err(|e| failed("open", path, &e))
}

/// Opens a file of ours that exists for reading and writing, changing nothing; `None` when there is none.
///
/// # Errors
/// It is there and cannot be opened, or its name is a link's.
pub fn open_existing(path: &Path) -> Result<Option<File>> {
    match os::our_own().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("open", path, &e)),
    }
}

/// Whether it is a directory itself, and no link to one.
pub fn is_own_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.is_dir())
}

/// Opens a file for reading; `None` when it cannot be.
pub fn open(path: &Path) -> Option<File> {
    os::open_without_waiting(path).ok()
}

/// Creates a file of ours, or empties the one that is there, if there is room for so many bytes.
///
/// # Errors
/// There is not, or the file cannot be created, or its name is a link's or a fifo's.
pub fn create_with_room(path: &Path, bytes: usize) -> Result<File> {
    let create = || os::our_own().write(true).create(true).truncate(true).open(path);
    let fill = |file: &mut File| append(file, path, &vec![b'\n'; bytes]).and(file.set_len(0)).and(file.rewind());
    let mut file = fault::point("create", path).and_then(|()| create()).map_err(|e| failed("create", path, &e))?;
    fill(&mut file).map(|()| file).map_err(|e| failed("write", path, &e))
}

/// Creates a file that must not exist, for appending.
///
/// # Errors
/// The file exists or cannot be created.
pub fn create_new(path: &Path) -> Result<File> {
    let create = || File::options().append(true).create_new(true).open(path);
    fault::point("create", path).and_then(|()| create()).map_err(|e| failed("create", path, &e))
}

/// Renames within one file system.
///
/// # Errors
/// The rename is refused.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    let renamed = fault::point("rename", from).and_then(|()| os::patiently(|| fs::rename(from, to)));
    renamed.map_err(|e| failed("rename", from, &e).because(format!("to `{}`", to.display())))
}

/// Removes a file; one that is already gone is no error.
///
/// # Errors
/// The directory cannot be written.
pub fn remove_file(path: &Path) -> Result<()> {
    match fault::point("remove", path).and_then(|()| os::patiently(|| fs::remove_file(path))) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("remove", path, &e)),
        _ => Ok(()),
    }
}

/// Removes a file and says whether it was this call that did: of several at once, one.
pub fn take_file(path: &Path) -> bool {
    fault::point("take", path).and_then(|()| fs::remove_file(path)).is_ok()
}

/// Removes a directory if nothing is in it.
pub fn remove_empty_directory(path: &Path) {
    // Somebody may just have put something into it.
    let _ = fault::point("remove", path).and_then(|()| fs::remove_dir(path));
}

/// Removes a directory and all in it; one that is already gone is no error.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove_tree(path: &Path) -> Result<()> {
    for tries in 0.. {
        match fault::removal(path).and_then(|()| os::patiently(|| fs::remove_dir_all(path))) {
            // Somebody still writes there, or left directories that even their owner may not change.
            Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty && tries < os::TRIES => {}
            Err(e) if e.kind() == ErrorKind::PermissionDenied && tries < 1 => os::make_removable(path),
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("remove", path, &e)),
            _ => break,
        }
    }
    Ok(())
}

/// Removes a directory in which somebody may still be at work: it is out of the way at once and as a whole, then gone.
///
/// An environment that loses `pyvenv.cfg` before its interpreter is no environment any more, and an installer that
/// was left running would put packages into the user's own Python. What a crash leaves is named as a sweep expects.
///
/// # Errors
/// Something in it cannot be removed.
pub fn discard_tree(path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = path.with_file_name(format!(".new-{name}"));
    match fault::point("rename", path).and_then(|()| fs::rename(path, &aside)) {
        Ok(()) => remove_tree(&aside),
        Err(_) => remove_tree(path),
    }
}

/// The names in a directory, sorted; none when it cannot be read.
pub fn names(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Whether a file is there, links followed.
pub fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file())
}

/// Whether a directory is there, links followed.
pub fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_dir())
}

/// Whether the name is taken by anything, a dangling link included.
pub fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Where a symbolic link points; `None` when it is none.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

/// The path with every link resolved, or the path itself when it cannot be.
pub fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).map_or_else(|_| path.to_path_buf(), os::as_people_write_it)
}

/// Bytes in a tree, links not followed.
pub fn tree_size(path: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(path).into_iter().flatten();
    entries.filter_map(|e| e.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

/// The first bytes of a file, at most `length`; none when it cannot be read.
pub fn head(path: &Path, length: u64) -> Vec<u8> {
    let mut head = Vec::new();
    // What was read until an error is as good as any head.
    let _ = os::open_without_waiting(path).and_then(|file| file.take(length).read_to_end(&mut head));
    head
}

/// The last bytes of a file, at most `length`; none when it cannot be read.
pub fn tail(path: &Path, length: u64) -> Vec<u8> {
    let mut tail = Vec::new();
    let read = |mut file: File| {
        let size = file.metadata()?.len();
        file.seek(io::SeekFrom::Start(size.saturating_sub(length)))?;
        file.take(length).read_to_end(&mut tail)
    };
    // What was read until an error is as good as any tail.
    let _ = os::open_without_waiting(path).and_then(read);
    tail
}

/// Whether a file begins with these bytes.
pub fn begins_with(path: &Path, bytes: &[u8]) -> bool {
    head(path, bytes.len() as u64) == bytes
}
