//! The builder: a process that outlives whoever started it.
//!
//! The host kills the whole process tree of a hook that runs out of time and of a server that is slow to
//! answer. A build inside either would be cut off at each start and never end. So a door hands the lock to a
//! process of its own that no tree-kill reaches, and waits for what it does.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::lock::Lock;
use crate::plugin::Place;
use crate::process::{self, Hold};
use crate::store::Store;
use crate::threads::Inbox;
use std::ffi::OsString;
use std::path::PathBuf;

/// The command that only [`start`] writes.
pub const COMMAND: &str = "__build";

/// What a builder may have to say, and a part of what it will write, in bytes.
const ROOM_FOR_WORDS: usize = 64 * 1024;

/// Where a builder's last words are: what it says when it cannot even write its log.
pub fn log_path(store: &Store) -> PathBuf {
    store.directory().join("builder.log")
}

/// This program, to be started once more. Under a process that has lived for a while an update may have put another one
/// in its place: then what runs is started again, where the system keeps it, or else what stands there now.
///
/// # Errors
/// The system does not say which program this is, and none is where it was started.
pub fn own_program() -> std::io::Result<PathBuf> {
    let named = std::env::current_exe();
    let started = std::env::args_os().next().and_then(|name| std::path::absolute(name).ok());
    let kept = cfg!(target_os = "linux").then(|| "/proc/self/exe".into());
    let mut places = [named.as_ref().ok().cloned(), kept, started].into_iter().flatten();
    places.find(|path| fs::is_file(path)).map_or(named, Ok)
}

/// Starts a builder for an environment and gives it the lock. Without one, nobody could tell by it whether the builder
/// lives: its end is told to whoever started it.
///
/// # Errors
/// This program cannot be started once more.
pub fn start(place: &Place, name: &str, store: &Store, lock: Option<Lock>) -> Result<Option<Inbox<()>>> {
    // Where it could not even write down why it failed, as on a full disk, it would end without a word.
    let log = fs::create_with_room(&log_path(store), ROOM_FOR_WORDS)?;
    let args: [OsString; 7] = [
        COMMAND.into(),
        "--root".into(),
        place.root.clone().into(),
        "--data".into(),
        place.data.clone().into(),
        "--environment".into(),
        name.into(),
    ];
    let failed = |e: std::io::Error| Error::new(Kind::Io, "start a builder").because(e);
    let program = own_program().map_err(failed)?;
    let (hold, end) = match lock {
        Some(lock) if process::HANDS_LOCKS_ON => (Hold::Lock(lock), None),
        lock => process::watched(lock).map(|(hold, end)| (hold, Some(end))).map_err(failed)?,
    };
    process::spawn_detached(&program, &args, hold, &log).map_err(failed)?;
    Ok(end)
}
