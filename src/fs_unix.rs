//! What Unix has of its own: inodes, links, directories that can be synced.

#![allow(clippy::disallowed_methods)]

use super::Validator;
use crate::fault;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Opens for reading. A fifo in the place of a file must not block a session, so it is not waited for.
pub(super) fn open_without_waiting(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    // Not through std, whose C library asks the kernel twice to close the file on `exec`.
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    Ok(File::from(file))
}

/// How files of our own are opened. A link that somebody put in the place of one is not followed, lest what it leads to
/// be emptied or created, and a fifo is not waited for.
pub(super) fn our_own() -> OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    options
}

/// What came back, in words of ours where the system's say little.
pub(super) fn explain(cause: &io::Error) -> String {
    use rustix::io::Errno;
    match Errno::from_io_error(cause) {
        Some(Errno::LOOP) => "a symbolic link is in the way, which is not followed".into(),
        Some(Errno::NXIO) => "it is a fifo or a device".into(),
        _ => cause.to_string(),
    }
}

/// Creates a directory and its parents, which not everybody may write whatever the user's mask says: what is in them
/// is started.
pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o775).create(path)
}

/// To whom a directory itself belongs, no link followed, and whether everybody may write in it.
pub fn owner(path: &Path) -> Option<(u32, bool)> {
    let m = std::fs::symlink_metadata(path).ok()?;
    Some((m.uid(), m.is_dir() && m.mode() & 0o002 != 0))
}

/// The user that runs this.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether directories can be linked.
pub const HAS_LINKS: bool = true;

/// Creates a directory that only its owner can look into.
///
/// # Errors
/// The name is taken, or the parent cannot be written.
pub fn create_private_directory(path: &Path) -> crate::error::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let create = || std::fs::DirBuilder::new().mode(0o700).create(path);
    fault::point("create", path).and_then(|()| create()).map_err(|e| super::failed("create", path, &e))
}

/// The validator of a file, links followed; `None` when it is gone.
pub fn validator(path: &Path) -> Option<Validator> {
    let m = std::fs::metadata(path).ok()?;
    let mtime_ns = m.mtime().saturating_mul(1_000_000_000).saturating_add(m.mtime_nsec());
    Some(Validator { size: m.size(), mtime_ns, inode: m.ino() })
}

/// Makes `link` point to `target` in one step; what a crash leaves of it is in `staging`. A directory that is no link is left alone.
pub fn link_directory(target: &Path, link: &Path, staging: &Path) -> io::Result<bool> {
    if std::fs::symlink_metadata(link).is_ok_and(|m| !m.is_symlink()) {
        return Ok(false);
    }
    if std::fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(true);
    }
    fault::point("link", link)?;
    let new =
        tempfile::Builder::new().prefix(".new-").make_in(staging, |path| std::os::unix::fs::symlink(target, path))?;
    fault::point("publish", link)?;
    std::fs::rename(new.path(), link)?;
    Ok(true)
}

/// How often a directory is emptied again into which somebody writes.
pub(super) const TRIES: u32 = 5;

/// Nothing is refused here because a file is open elsewhere.
pub(super) fn patiently<T>(mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    action()
}

/// Whether a program can be started in a directory of this name.
pub fn is_habitable(_path: impl FnOnce() -> PathBuf) -> bool {
    true
}

/// Gives a file its name, which may be another's until then.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist(path).map(drop).map_err(|e| e.error)
}

/// A path has one form here.
pub(super) fn as_people_write_it(path: PathBuf) -> PathBuf {
    path
}

/// Gives the owner back the right to change the directories of a tree.
pub(super) fn make_removable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // On the way down: a directory must be opened before what is in it is seen. What fails, the removal will tell.
    for entry in walkdir::WalkDir::new(path).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
        let _ = std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o700));
    }
}

/// Makes the names in a directory survive a power loss.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    fault::point("sync", path)?;
    File::open(path)?.sync_all()
}

/// What tells this boot of the machine from every other; `None` where the system does not say.
pub fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// Waits until everything in the file system of `path` is on its disk.
///
/// # Errors
/// The disk refuses.
#[cfg(target_os = "linux")]
pub fn sync_file_system(path: &Path) -> crate::error::Result<()> {
    let sync = || fault::point("sync all beside", path).and_then(|()| Ok(rustix::fs::syncfs(File::open(path)?)?));
    sync().map_err(|e| super::failed("sync all beside", path, &e))
}

/// Where [`boot`] does not say which boot it is, nothing is gained by it.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn sync_file_system(_path: &Path) -> crate::error::Result<()> {
    Ok(())
}

/// Whether a file may be started.
pub fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.mode() & 0o111 != 0)
}

/// Copies a file, with its mode, to a place where nobody else looks yet.
///
/// # Errors
/// It cannot be read, or the directory not be written.
pub fn copy(from: &Path, to: &Path) -> crate::error::Result<()> {
    super::remove_file(to)?;
    let copied = fault::point("copy to", to).and_then(|()| std::fs::copy(from, to));
    copied.map(drop).map_err(|e| super::failed("copy", from, &e).because(format!("to `{}`", to.display())))
}

/// Whether the running user may write in a directory.
pub fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}
