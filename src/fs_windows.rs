//! What Windows has of its own: no inodes, links only for the privileged, renames refused for a while.

#![allow(clippy::disallowed_methods)]

use super::Validator;
use crate::fault;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// `ERROR_ACCESS_DENIED` and `ERROR_SHARING_VIOLATION`: a virus scanner, or a reader, holds the file.
const OPEN_ELSEWHERE: [i32; 2] = [5, 32];

/// Opens for reading.
pub(super) fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// How files of our own are opened: to make links needs a privilege.
pub(super) fn our_own() -> OpenOptions {
    File::options()
}

/// What came back.
pub(super) fn explain(cause: &io::Error) -> String {
    cause.to_string()
}

/// Creates a directory and its parents; who may write there is inherited.
pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Access is by lists, not by owner: there is nothing to say.
pub fn owner(_path: &Path) -> Option<(u32, bool)> {
    None
}

/// Nobody has a number.
pub fn user() -> u32 {
    0
}

/// Whether directories can be linked.
pub const HAS_LINKS: bool = false;

/// Creates a directory; the user's profile, where data lies, is the user's alone.
///
/// # Errors
/// The name is taken, or the parent cannot be written.
pub fn create_private_directory(path: &Path) -> crate::error::Result<()> {
    fault::point("create", path).and_then(|()| std::fs::create_dir(path)).map_err(|e| super::failed("create", path, &e))
}

/// The validator of a file, links followed; `None` when it is gone.
pub fn validator(path: &Path) -> Option<Validator> {
    let m = std::fs::metadata(path).ok()?;
    let since = m.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Validator { size: m.len(), mtime_ns: i64::try_from(since.as_nanos()).ok()?, inode: 0 })
}

/// Links to directories need a privilege that users lack: there is none, and nobody is told there is.
pub fn link_directory(_target: &Path, _link: &Path, _staging: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Repeats a rename for two seconds while somebody holds the file it replaces.
pub(super) fn retry_while_open_elsewhere<T>(
    mut value: T,
    mut action: impl FnMut(T) -> Result<(), (io::Error, T)>,
) -> io::Result<()> {
    for pause in [1, 10, 50, 100, 300, 500, 1000] {
        match action(value) {
            Ok(()) => return Ok(()),
            Err((e, back)) if e.raw_os_error().is_some_and(|code| OPEN_ELSEWHERE.contains(&code)) => value = back,
            Err((e, _)) => return Err(e),
        }
        std::thread::sleep(Duration::from_millis(pause));
    }
    action(value).map_err(|(e, _)| e)
}

/// The right to remove is that of the directory above; there is nothing to give back.
pub(super) fn make_removable(_path: &Path) {}

/// NTFS journals names; there is nothing to call.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Nothing that can be asked without `unsafe` tells one boot from another.
pub fn boot() -> Option<String> {
    None
}

/// Where [`boot`] does not say which boot it is, nothing is gained by it.
///
/// # Errors
/// None.
#[allow(clippy::unnecessary_wraps)]
pub fn sync_file_system(_path: &Path) -> crate::error::Result<()> {
    Ok(())
}

/// Whether a file may be started: its name tells, and no mode.
pub fn is_executable(_path: &Path) -> bool {
    false
}

/// Copies a file, with its attributes, to a place where nobody else looks yet.
///
/// # Errors
/// It cannot be read, or the directory not be written.
pub fn copy(from: &Path, to: &Path) -> crate::error::Result<()> {
    super::remove_file(to)?;
    let copied = fault::point("copy to", to).and_then(|()| std::fs::copy(from, to));
    copied.map(drop).map_err(|e| super::failed("copy", from, &e).because(format!("to `{}`", to.display())))
}

/// Whether the directory is not marked read-only; access lists are found out by writing.
pub(super) fn is_writable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| !m.permissions().readonly())
}
