//! What a plugin carries for npm: a lock in which every package that is carried has an address of its own, with the hash
//! of its archive in it.
//!
//! npm takes from its cache, and out of no network, whatever lies there under the hash that the lock demands. So the
//! archives are put there, in npm's own layout (`content-v2` of cacache, since npm 5), into a cache that nobody else
//! uses. An npm with another layout finds nothing, and the network is asked.

use super::Need;
use crate::bundled::Bundle;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::Generation;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How the address of a package begins that is carried; `HASH/FILE` follows. Nothing is ever asked there.
pub const CARRIED: &str = "https://localhost/plugdeps-bundle/";
/// Where a lock says for which systems everything is carried.
pub const SYSTEMS: &str = "plugdepsBundle";

/// Fills a cache for npm and says where it is.
///
/// # Errors
/// An archive is missing or is another one, or not everything is carried that this system needs.
pub fn cache(bundle: &Bundle, need: &Need<'_>, generation: &Generation) -> Result<PathBuf> {
    let lock: Value = serde_json::from_slice(bundle.list.as_bytes()).map_err(|e| refused("its lock").because(e))?;
    let system = &need.interpreter.identity.platform;
    if !lock[SYSTEMS].as_array().is_some_and(|systems| systems.iter().any(|known| known == system)) {
        return Err(refused("it").because(format!("it was made for other systems than {system}")));
    }
    let cache = generation.scratch().join("npm-cache");
    let packages = lock["packages"].as_object().into_iter().flatten();
    let addresses = packages.filter_map(|(_, package)| package["resolved"].as_str()?.strip_prefix(CARRIED));
    for (hash, name) in addresses.filter_map(|address| address.split_once('/')) {
        place(&bundle.packages.join(name), hash, &cache)?;
    }
    Ok(cache)
}

fn refused(what: &str) -> Error {
    Error::new(Kind::InstallFailed, format!("use {what}"))
}

fn place(archive: &Path, hash: &str, cache: &Path) -> Result<()> {
    let failed = || refused(&format!("`{}`", archive.display()));
    let (Some(first), Some(second), Some(rest)) = (hash.get(..2), hash.get(2..4), hash.get(4..)) else {
        return Err(failed().because("the lock names no hash for it"));
    };
    let directory = cache.join("_cacache/content-v2/sha512").join(first).join(second);
    fs::create_directory(&directory)?;
    fs::copy(archive, &directory.join(rest)).map_err(|error| failed().because(error.sentence()))
}

/// npm goes to the registry for an archive that is another one than the lock says, and does without it where it may.
///
/// # Errors
/// It said so of one.
pub fn demand_genuine(said: &str) -> Result<()> {
    match said.lines().find(|line| line.contains("seems to be corrupted")) {
        Some(line) => Err(refused("an archive").because("it is not what the lock says").because(line.trim())),
        None => Ok(()),
    }
}
