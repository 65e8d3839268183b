//! Kernel locks on files that are never removed.
//!
//! The kernel releases them when their holder ends, however it ends: there is no stale lock and no
//! time stamp to judge. `fs2` is reached here and nowhere else.

#![allow(clippy::disallowed_methods)]

use crate::error::Result;
use crate::fault;
use crate::fs;
use std::fs::File;
use std::io;
use std::path::Path;

/// A lock that is held until it is dropped, or until the last process that inherited its file ends.
#[derive(Debug)]
pub struct Lock(File);

/// What came of asking for a lock.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Held(Lock),
    /// Somebody else has it.
    Busy,
    /// This file system has no locks: two builders waste work, and nothing is swept.
    Unsupported,
}

impl Lock {
    /// The file that carries the lock, to be inherited.
    pub fn into_file(self) -> File {
        self.0
    }

    /// The lock that an inherited file carries.
    pub fn from_file(file: File) -> Self {
        Self(file)
    }
}

/// Asks for the sole right to build or sweep.
///
/// # Errors
/// The lock file cannot be created.
pub fn try_exclusive(path: &Path) -> Result<Attempt> {
    let file = fs::open_or_create(path)?;
    let attempt = attempt(fs2::FileExt::try_lock_exclusive(&file), file);
    fault::passed("lock", path);
    Ok(attempt)
}

/// Asks for a share, which keeps everyone from having the sole right. `None`: there is no such file.
pub fn try_shared(path: &Path) -> Option<Attempt> {
    let file = fs::open(path)?;
    Some(attempt(fs2::FileExt::try_lock_shared(&file), file))
}

/// Asks for a turn at something that one at a time should do, by a directory that is there anyway: nothing is written.
/// `None`: a directory has no locks on this system.
pub fn try_turn(directory: &Path) -> Option<Attempt> {
    let file = fs::open(directory)?;
    Some(attempt(fs2::FileExt::try_lock_exclusive(&file), file))
}

/// Asks for the sole right where the file exists. `None`: there is no such file.
///
/// # Errors
/// The file is there and cannot be opened.
pub fn try_exclusive_existing(path: &Path) -> Result<Option<Attempt>> {
    // For writing too: over NFS a sole lock needs it.
    let file = fs::open_existing(path)?;
    Ok(file.map(|file| attempt(fs2::FileExt::try_lock_exclusive(&file), file)))
}

fn attempt(outcome: io::Result<()>, file: File) -> Attempt {
    match outcome {
        Ok(()) if fault::has_locks() => Attempt::Held(Lock(file)),
        // By raw code: on Windows the error is 33, which std does not call `WouldBlock`.
        Err(e) if e.raw_os_error() == fs2::lock_contended_error().raw_os_error() => Attempt::Busy,
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Attempt::Busy,
        _ => Attempt::Unsupported,
    }
}
