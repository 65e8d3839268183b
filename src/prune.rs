//! `prune`: what nothing uses of an environment's state.

use crate::error::{Error, Kind, Result};
use crate::gc;
use crate::lock::{Attempt, Lock};
use crate::store::Store;
use crate::trust;
use crate::work;
use std::path::Path;
use std::time::Duration;

/// How often it asks for the lock, every 10 ms.
const LOCK_TRIES: u32 = 500;

/// Sweeps one environment of the plugin whose data is here, and says what came of it.
///
/// # Errors
/// The data belong to somebody else, something cannot be removed, or the file system has no locks.
pub fn one(data: &Path, name: &str) -> Result<String> {
    trust::check(data, name)?;
    let store = Store::new(data, name);
    let Some(right) = right(&store)? else { return Ok("a build is under way, left alone".into()) };
    let swept = gc::sweep(&store, &work::tools(data), name, &right)?;
    let size = if swept.bytes == 0 { String::new() } else { format!(" ({} kB)", swept.bytes.div_ceil(1000)) };
    Ok(format!("{} removed{size}, {} in use", swept.removed.len(), swept.in_use.len()))
}

/// The right to sweep; `None` where somebody keeps it to himself.
///
/// # Errors
/// The file system has no locks, or the lock's file cannot be had.
pub fn right(store: &Store) -> Result<Option<Lock>> {
    // More than once: whoever looks at the lock holds it for a moment, and a builder while its files reach the disk.
    for _ in 0..LOCK_TRIES {
        match store.lock()? {
            Attempt::Held(right) => return Ok(Some(right)),
            Attempt::Busy => std::thread::sleep(Duration::from_millis(10)),
            Attempt::Unsupported => return Err(no_locks(&store.lock_path())),
        }
    }
    Ok(None)
}

/// Where there are no locks it cannot be known what is used.
pub fn no_locks(path: &Path) -> Error {
    let error = Error::new(Kind::Io, format!("lock `{}`", path.display()));
    error.because("this file system has no locks, so nothing can be known to be unused")
}
