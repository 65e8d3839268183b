//! What Windows has of its own: no inodes, links only for the privileged, renames refused for a while.

#![allow(clippy::disallowed_methods)]

use super::Validator;
use crate::fault;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::NamedTempFile;

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION` and `ERROR_DIR_NOT_EMPTY`, which a directory still is while somebody
/// has a file open that was removed from it: a virus scanner, or a reader, holds the file.
const HELD: [i32; 3] = [5, 32, 145];

/// Opens for reading. What is held by somebody for a moment is not absent, or an environment would be built again for it.
pub(super) fn open_without_waiting(path: &Path) -> io::Result<File> {
    // What the system says of a directory, "access denied", it says of a held file as well.
    if path.is_dir() {
        return Err(io::Error::other("not a regular file"));
    }
    repeat(&PAUSES[..4], || File::open(path))
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

/// How long somebody may hold a file, in steps of milliseconds.
const PAUSES: [u64; 7] = [1, 10, 50, 100, 300, 500, 1000];

/// How often a directory is emptied again into which somebody writes; each time is a [`patiently`].
pub(super) const TRIES: u32 = 1;

/// Repeats what is refused for two seconds while somebody holds the file.
pub(super) fn patiently<T>(action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    repeat(&PAUSES, action)
}

fn repeat<T>(pauses: &[u64], mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for pause in pauses {
        match action() {
            Err(e) if is_held(&e) => std::thread::sleep(Duration::from_millis(*pause)),
            outcome => return outcome,
        }
    }
    action()
}

/// Whether a program can be started in a directory of this name: where it is too long, the system refuses.
pub fn is_habitable(path: impl FnOnce() -> PathBuf) -> bool {
    path().to_string_lossy().encode_utf16().count() < LONGEST - 1
}

/// Gives a file its name, which may be another's until then.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    let mut file = Some(file);
    patiently(|| match file.take().map(|file| file.persist(path)) {
        Some(Err(e)) => {
            file = Some(e.file);
            Err(e.error)
        }
        _ => Ok(()),
    })
}

fn is_held(cause: &io::Error) -> bool {
    cause.raw_os_error().is_some_and(|code| HELD.contains(&code))
}

/// The longest path that every program understands without a prefix.
const LONGEST: usize = 259;

/// Without the prefix `\\?\`, which many programs do not know; a path that is too long without it keeps it.
pub(super) fn as_people_write_it(path: PathBuf) -> PathBuf {
    let plain = match path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(rest) if rest.starts_with(r"UNC\") => format!(r"\\{}", &rest[4..]),
        Some(rest) if rest.as_bytes().get(1) == Some(&b':') => rest.to_owned(),
        _ => return path,
    };
    if plain.encode_utf16().count() <= LONGEST { PathBuf::from(plain) } else { path }
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
    true
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
pub fn is_writable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| !m.permissions().readonly())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_people_write_it_unless_it_is_too_long_for_that() {
        let long = format!(r"\\?\C:\{}", "x".repeat(300));
        let cases = [
            (r"\\?\C:\a b\c", r"C:\a b\c"),
            (r"\\?\UNC\server\share\x", r"\\server\share\x"),
            (r"C:\a", r"C:\a"),
            (r"\\?\Volume{1}\x", r"\\?\Volume{1}\x"),
            (long.as_str(), long.as_str()),
        ];
        cases.into_iter().for_each(|(path, plain)| assert_eq!(as_people_write_it(path.into()), Path::new(plain)));
    }
}
