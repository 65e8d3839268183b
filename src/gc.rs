//! Removes generations that are neither named by the profile nor lived in.
//!
//! Whoever sweeps holds the lock, so an unsealed generation is a dead builder's. A sealed one is removed
//! under the sole lock of its lease, its receipt first: a launcher that leased it a moment too late
//! sees that it no longer stands and looks for another.

use crate::error::Result;
use crate::fs;
use crate::generation::Generation;
use crate::lock::{self, Attempt, Lock};
use crate::store::Store;
use std::path::Path;

/// What a sweep did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Names of the generations removed.
    pub removed: Vec<String>,
    /// Bytes that were in them.
    pub bytes: u64,
    /// Names of those that something still lives in.
    pub in_use: Vec<String>,
}

/// How the name of a tool begins that a builder of this environment has not finished. No environment has a dot in
/// its name, so none is taken for another.
pub fn unfinished_tool(environment: &str) -> String {
    format!(".new-{environment}.")
}

/// The generations that the profile does not name.
pub fn unnamed(store: &Store) -> impl Iterator<Item = Generation> {
    let named: Vec<String> = store.sealed().map(|sealed| sealed.generation.name()).collect();
    store.generations().into_iter().filter(move |generation| !named.contains(&generation.name()))
}

/// Sweeps one environment's state, and what its builders left among the tools. One generation that cannot be removed
/// does not keep the others.
///
/// # Errors
/// Something cannot be removed.
pub fn sweep(store: &Store, tools: &Path, name: &str, _right: &Lock) -> Result<Swept> {
    let mut swept = Swept::default();
    let mut failed = None;
    for generation in unnamed(store) {
        match remove(&generation) {
            Ok(Some(bytes)) => {
                swept.removed.push(generation.name());
                swept.bytes += bytes;
            }
            Ok(None) => swept.in_use.push(generation.name()),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    forget_servers(store)?;
    // Servers write down how they start, and sessions what they told, without the lock. One that is just doing so fails
    // and is not worse off than if it had been killed.
    let servers = store.generations().into_iter().map(|generation| generation.servers());
    for directory in servers.chain([store.directory().to_path_buf(), store.news()]) {
        remove_unfinished(&directory, ".new-")?;
    }
    remove_unfinished(tools, &unfinished_tool(name))?;
    failed.map_or(Ok(swept), Err)
}

/// Removes a generation and says how large it was; `None` if something lives in it.
fn remove(generation: &Generation) -> Result<Option<u64>> {
    let sole = match lock::try_exclusive_existing(&generation.lease_path())? {
        None => None,
        Some(Attempt::Held(lock)) => Some(lock),
        Some(Attempt::Busy | Attempt::Unsupported) => return Ok(None),
    };
    let bytes = fs::tree_size(generation.directory());
    fs::remove_file(&generation.receipt_path())?;
    // From here on it is nobody's, and where a file is open its directory cannot be renamed on every system.
    drop(sole);
    fs::discard_tree(generation.directory())?;
    Ok(Some(bytes))
}

/// Removes what is known of servers in generations that are gone.
fn forget_servers(store: &Store) -> Result<()> {
    if !fs::is_own_directory(&store.servers()) {
        return Ok(());
    }
    let known = fs::names(&store.servers()).into_iter().filter_map(|name| store.generation(&name));
    let mut gone = known.filter(|generation| !fs::is_own_directory(generation.directory()));
    gone.try_for_each(|generation| fs::remove_tree(&generation.servers()))
}

fn remove_unfinished(directory: &Path, prefix: &str) -> Result<()> {
    for name in fs::names(directory).iter().filter(|name| name.starts_with(prefix)) {
        let path = directory.join(name);
        if fs::is_directory(&path) { fs::remove_tree(&path)? } else { fs::remove_file(&path)? }
    }
    Ok(())
}
