//! Holding alone whatever tells that an environment is used, so that nobody uses it and nobody begins to.

use crate::error::Result;
use crate::fs;
use crate::lock::{self, Attempt, Lock};
use crate::prune;
use crate::store::Store;
use std::path::Path;

/// The lock, the desk and every lease of an environment, until it is dropped.
#[derive(Debug)]
pub struct Hold {
    _locks: Vec<Lock>,
}

impl Hold {
    /// Holds it for a look, and writes nothing. `None`: somebody uses it.
    ///
    /// # Errors
    /// The file system has no locks, or a file cannot be opened.
    pub fn for_a_look(store: &Store) -> Result<Option<Self>> {
        let mut held = Vec::new();
        if alone(&store.lock_path(), &mut held)? { Self::with(held, store) } else { Ok(None) }
    }

    /// Holds it to remove it: waits a little for whoever only looks. `None`: somebody uses it.
    ///
    /// # Errors
    /// As [`Self::for_a_look`].
    pub fn to_remove(store: &Store) -> Result<Option<Self>> {
        match prune::right(store) {
            // Somebody else has just removed it, and nothing is left to hold.
            Err(_) if !fs::is_own_directory(store.directory()) => Ok(Some(Self { _locks: Vec::new() })),
            right => right?.map_or(Ok(None), |right| Self::with(vec![right], store)),
        }
    }

    fn with(mut held: Vec<Lock>, store: &Store) -> Result<Option<Self>> {
        let leases = store.generations().into_iter().map(|generation| generation.lease_path());
        for path in std::iter::once(store.desk_path()).chain(leases) {
            if !alone(&path, &mut held)? {
                return Ok(None);
            }
        }
        Ok(Some(Self { _locks: held }))
    }
}

/// Takes a lock where there is one; whether nobody else has it.
///
/// # Errors
/// The file system has no locks, or the file cannot be opened.
pub fn alone(path: &Path, held: &mut Vec<Lock>) -> Result<bool> {
    match lock::try_exclusive_existing(path)? {
        None => Ok(true),
        Some(Attempt::Held(lock)) => {
            held.push(lock);
            Ok(true)
        }
        Some(Attempt::Busy) => Ok(false),
        Some(Attempt::Unsupported) => Err(prune::no_locks(path)),
    }
}
