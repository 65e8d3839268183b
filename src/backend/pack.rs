//! Archives of the packages that a lock of npm names, for the systems that an author names.

use super::node::{NPM, npm_command};
use super::node_bundle::{CARRIED, SYSTEMS};
use super::node_files;
use super::node_manager::npm;
use super::{Need, Session, make_scratch};
use crate::error::{Error, Kind, Result};
use crate::fingerprint::hex;
use crate::fs;
use crate::generation::Generation;
use crate::manifest::Format;
use crate::platform::Platform;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use sha2::{Digest, Sha512};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;

/// How many packages one npm is asked for: a command line has its limits.
const AT_ONCE: usize = 100;

/// Fetches the archives; returns the lock that leads to them, and their number.
///
/// # Errors
/// The lock is none of npm's, something in it has no hash, or npm failed.
pub fn archives(
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    platforms: &[Platform],
    into: &Path,
) -> Result<(String, usize)> {
    make_scratch(generation)?;
    if !matches!(need.manifest.format, Format::NpmLock | Format::Package) {
        let error = Error::new(Kind::Usage, format!("carry the packages of `{}`", need.manifest.label));
        return Err(error.because("its manager has no way to be handed packages").hint("use npm's lock"));
    }
    let npm = npm(need).map_err(|reason| Error::new(Kind::NoInstaller, "find npm").because(reason))?;
    fs::create_private_directory(&generation.prefix())?;
    node_files::hand_over(need, generation)?;
    let mut lock = lock(&npm, need, generation, session)?;
    let wanted = wanted(&lock, platforms).map_err(|error| named(error, need))?;
    let fetched = fetch(&npm, need, generation, session, &wanted)?;
    for package in &wanted {
        let Some(archive) = fetched.get(&package.hash) else {
            let error = Error::new(Kind::InstallFailed, format!("carry `{}`", package.spec));
            return Err(error.because("what npm fetched has another hash than the lock says"));
        };
        let place = into.join(archive);
        if !fs::is_file(&place) {
            fs::rename(&generation.scratch().join("archives").join(archive), &place)?;
        }
        lock["packages"][&package.path]["resolved"] = format!("{CARRIED}{}/{archive}", package.hash).into();
    }
    forget_places(&mut lock);
    lock[SYSTEMS] = platforms.iter().map(Platform::node_name).collect();
    Ok((format!("{lock:#}\n"), wanted.len()))
}

/// Where the author's npm found what is not carried is nobody's business.
fn forget_places(lock: &mut Value) {
    let packages = lock["packages"].as_object_mut().into_iter().flat_map(|packages| packages.values_mut());
    for package in packages.filter_map(Value::as_object_mut) {
        let place = package.get("resolved").and_then(Value::as_str);
        if place.is_some_and(|place| place.starts_with("http") && !place.starts_with(CARRIED)) {
            package.remove("resolved");
        }
    }
}

fn named(error: Error, need: &Need<'_>) -> Error {
    error.because(format!("`{}` locks it", need.manifest.label))
}

/// The lock that there is, or the one that npm makes.
fn lock(npm: &[OsString], need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<Value> {
    let own = need.manifest.sources().first();
    let bytes = match own {
        Some(source) => source.bytes.clone(),
        None => {
            let job = npm_command(npm, need, generation).args(["install", "--package-lock-only"]).args(NPM);
            session.step(&job)?;
            fs::read(&generation.prefix().join("package-lock.json"))?
        }
    };
    let lock: Option<Value> = serde_json::from_slice(&bytes).ok();
    lock.filter(|lock| lock["packages"].is_object()).ok_or_else(|| {
        let error = Error::new(Kind::ManifestInvalid, format!("carry the packages of `{}`", need.manifest.label));
        error.because("it has no `packages`").hint("`npm install --package-lock-only` of npm 7 or later writes them")
    })
}

/// A package of the lock.
struct Wanted {
    /// Where it belongs.
    path: String,
    /// What npm is asked for.
    spec: String,
    /// SHA-512 of its archive, in hexadecimal digits.
    hash: String,
}

fn wanted(lock: &Value, platforms: &[Platform]) -> Result<Vec<Wanted>> {
    let packages = lock["packages"].as_object().into_iter().flatten();
    let counts = |(path, package): &(&String, &Value)| {
        let is = |mark: &str| package[mark].as_bool() == Some(true);
        let is_local = package["resolved"].as_str().is_some_and(|place| place.starts_with("file:"));
        let left_out = path.is_empty() || is("dev") || is("link") || is("inBundle") || is_local;
        !left_out && platforms.iter().any(|platform| is_for(package, platform))
    };
    packages.filter(counts).map(|(path, package)| wanted_one(path, package)).collect()
}

fn is_for(package: &Value, platform: &Platform) -> bool {
    ["os", "cpu", "libc"].into_iter().all(|field| {
        let names: Vec<&str> = package[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        names.is_empty() || platform.admits(field, &names)
    })
}

fn wanted_one(path: &str, package: &Value) -> Result<Wanted> {
    let name = package["name"].as_str().or_else(|| path.rsplit("node_modules/").next()).unwrap_or_default();
    let version = package["version"].as_str().unwrap_or_default();
    let place = package["resolved"].as_str().unwrap_or_default();
    let is_elsewhere = !place.is_empty() && !place.contains("/-/");
    let spec = if is_elsewhere { place.to_owned() } else { format!("{name}@{version}") };
    let strong = |hash: &str| Some(hex(&BASE64_STANDARD.decode(hash.strip_prefix("sha512-")?).ok()?));
    let hash = package["integrity"].as_str().into_iter().flat_map(str::split_whitespace).find_map(strong);
    let hash = hash.ok_or_else(|| {
        let error = Error::new(Kind::ManifestInvalid, format!("carry `{name}@{version}`"));
        error.because("it has no hash of the kind `sha512`").hint("packages out of repositories cannot be carried")
    })?;
    Ok(Wanted { path: path.to_owned(), spec, hash })
}

/// Fetches the archives into the scratch directory; their names by their hashes.
fn fetch(
    npm: &[OsString],
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    wanted: &[Wanted],
) -> Result<BTreeMap<String, String>> {
    let archives = generation.scratch().join("archives");
    fs::create_directory(&archives)?;
    let specs: Vec<&str> =
        wanted.iter().map(|package| package.spec.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    for some in specs.chunks(AT_ONCE) {
        let job = npm_command(npm, need, generation).arg("pack").args(some).arg("--pack-destination").arg(&archives);
        session.step(&job.args(["--ignore-scripts", "--loglevel=warn", "--no-update-notifier"]))?;
    }
    let failed = |name: &str, e: std::io::Error| Error::new(Kind::Io, format!("read `{name}`")).because(e);
    let hashed = |name: String| {
        let hash = hash(&archives.join(&name)).map_err(|e| failed(&name, e))?;
        Ok((hash, name))
    };
    fs::names(&archives).into_iter().map(hashed).collect()
}

fn hash(archive: &Path) -> std::io::Result<String> {
    let mut file = fs::open(archive).ok_or(std::io::ErrorKind::NotFound)?;
    let (mut hashed, mut buffer) = (Sha512::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hashed.finalize())),
            read => hashed.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_system_does_not_need_is_not_carried() {
        let hash = format!("sha512-{}", BASE64_STANDARD.encode([7; 64]));
        let lock = json!({ "packages": {
            "": { "name": "x" },
            "node_modules/a": { "version": "1.0.0", "integrity": hash },
            "node_modules/@b/c": { "version": "2.0.0", "integrity": hash, "os": ["linux"], "optional": true },
            "node_modules/d": { "version": "1.0.0", "integrity": hash, "os": ["darwin"], "optional": true },
            "node_modules/e": { "version": "1.0.0", "integrity": hash, "dev": true },
            "node_modules/f": { "resolved": "packages/f", "link": true },
            "node_modules/g": { "version": "1.0.0", "resolved": "file:g.tgz", "integrity": hash },
            "node_modules/h": { "name": "i", "version": "3.0.0", "integrity": format!("sha1-0 {hash}") },
            "node_modules/j": { "version": "1.0.0", "resolved": "https://h/j.tgz", "integrity": hash },
        } });
        let linux = Platform::named("linux-x64").unwrap();
        let specs: Vec<String> = wanted(&lock, &[linux]).unwrap().into_iter().map(|package| package.spec).collect();
        assert_eq!(specs, ["@b/c@2.0.0", "a@1.0.0", "i@3.0.0", "https://h/j.tgz"]);
        let lock = json!({ "packages": { "node_modules/k": { "version": "1.0.0", "resolved": "git+ssh://h/k" } } });
        assert!(wanted(&lock, &[linux]).is_err());
    }
}
