//! Which manager of Node packages serves a lock, in which version, and where it is.

use super::Need;
use crate::fs;
use crate::interpreter::FOREIGN_NODE;
use crate::manifest::{Format, Manifest};
use crate::node_range::Range;
use crate::process::Job;
use crate::tool;
use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The managers that are fetched: package, version, program in it, hash.
const PINS: &str = include_str!("node_pins.txt");
/// How long a manager may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// npm.
    Npm,
    /// pnpm.
    Pnpm,
    /// yarn 1.
    Yarn,
    /// yarn 2 and later, which is another program.
    Berry,
    /// bun.
    Bun,
}

/// A version of a manager on the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Its package on the registry.
    pub package: String,
    /// The version.
    pub version: String,
    /// The program in the package.
    pub file: String,
    /// What its archive must hash to; the author named a version that we know nothing of where there is none.
    pub integrity: Option<String>,
}

impl Manager {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Manager::Npm => "npm",
            Manager::Pnpm => "pnpm",
            Manager::Yarn | Manager::Berry => "yarn",
            Manager::Bun => "bun",
        }
    }
}

/// Whose lock it is.
pub fn manager(manifest: &Manifest) -> Manager {
    let is_berry = || lock_text(manifest).contains("\n__metadata:");
    match manifest.format {
        Format::PnpmLock => Manager::Pnpm,
        Format::YarnLock if is_berry() => Manager::Berry,
        Format::YarnLock => Manager::Yarn,
        Format::BunLock => Manager::Bun,
        _ => Manager::Npm,
    }
}

fn lock_text(manifest: &Manifest) -> Cow<'_, str> {
    manifest.sources().first().map(|lock| String::from_utf8_lossy(&lock.bytes)).unwrap_or_default()
}

/// Which versions of a manager serve a lock, and which one is fetched where there is none.
pub struct Wanted {
    manager: Manager,
    versions: Option<Range>,
    /// The one to fetch.
    pub pin: Option<Pin>,
}

impl Wanted {
    /// The version that the author names, or those that read such a lock.
    pub fn of(manager: Manager, need: &Need<'_>) -> Self {
        let old = manager == Manager::Pnpm && lock_text(need.manifest).starts_with("lockfileVersion: '6");
        let platform = &need.interpreter.identity.platform;
        let (package, range) = match manager {
            Manager::Pnpm if old => ("pnpm".to_owned(), "8"),
            Manager::Pnpm => ("pnpm".to_owned(), ">=9"),
            Manager::Yarn => ("yarn".to_owned(), "1"),
            Manager::Berry => ("@yarnpkg/cli-dist".to_owned(), ">=4"),
            Manager::Bun => (bun_package(platform), ">=1.2"),
            Manager::Npm => ("npm".to_owned(), "*"),
        };
        let pins = || pins().filter(|pin| pin.package == package);
        let pin = pins().find(|pin| Range::parse(range).is_ok_and(|range| range.admits(&pin.version)));
        let named = need.manifest.package().and_then(|package| package.manager());
        match named.filter(|(name, version)| *name == manager.name() && Range::parse(version).is_ok()) {
            Some((_, version)) => {
                let same = pins().find(|pin| pin.version == version);
                let other = pin.map(|pin| Pin { version: version.to_owned(), integrity: None, ..pin });
                Self { manager, versions: Range::parse(version).ok(), pin: same.or(other) }
            }
            None => Self { manager, versions: Range::parse(range).ok(), pin },
        }
    }

    /// One of those that is there. A shim of corepack would fetch one that nobody checks.
    pub fn there(&self, need: &Need<'_>) -> Option<(Vec<OsString>, String)> {
        let found = tool::everywhere(self.manager.name(), need.interpreter.path.parent());
        let own = found
            .into_iter()
            .filter(|path| !fs::resolved(path).components().any(|part| part.as_os_str() == "corepack"));
        own.into_iter().find_map(|path| {
            let words = vec![path.into_os_string()];
            let version = version(need, &words)?;
            self.versions.as_ref().is_none_or(|range| range.admits(&version)).then_some((words, version))
        })
    }
}

fn pins() -> impl Iterator<Item = Pin> {
    PINS.lines().filter_map(|line| {
        let mut fields = line.split(' ').map(str::to_owned);
        let (package, version, file) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Pin { package, version, file, integrity: fields.next() })
    })
}

/// bun comes as one package for each system; for x64 the one that every processor runs.
fn bun_package(platform: &str) -> String {
    let musl = if platform.ends_with("musl") { "-musl" } else { "" };
    match platform.rsplit_once('-').map_or(platform, |(system, _)| system) {
        "linux-x64" => format!("@oven/bun-linux-x64{musl}-baseline"),
        "linux-arm64" => format!("@oven/bun-linux-aarch64{musl}"),
        "darwin-arm64" => "@oven/bun-darwin-aarch64".into(),
        "darwin-x64" => "@oven/bun-darwin-x64-baseline".into(),
        "win32-x64" => "@oven/bun-windows-x64-baseline".into(),
        other => format!("bun for {other}"),
    }
}

/// The words that start npm: the script itself, since what lies on PATH is a link, or on Windows a batch file.
///
/// # Errors
/// There is none.
pub fn npm(need: &Need<'_>) -> Result<Vec<OsString>, String> {
    let node = &need.interpreter.path;
    let beside = node.parent().unwrap_or(Path::new(""));
    let script = Path::new("node_modules/npm/bin/npm-cli.js");
    let above = beside.parent().unwrap_or(beside).join("lib");
    let own = [beside.join(script), above.join(script)];
    let on_path = tool::everywhere("npm", Some(beside)).into_iter().map(|path| fs::resolved(&path));
    let is_script = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "js") && fs::is_file(path);
    let found = own.into_iter().chain(on_path).find(is_script);
    let script = found.ok_or("`npm` is neither beside this Node nor on PATH")?;
    Ok(vec![node.clone().into_os_string(), script.into_os_string()])
}

/// What a manager says of its version, with nothing of the user's project around.
pub fn version(need: &Need<'_>, words: &[OsString]) -> Option<String> {
    let (program, args) = words.split_first()?;
    let job = Job::new(PathBuf::from(program)).args(args).arg("--version").unset(FOREIGN_NODE);
    let job = job.set("PATH", with_node(need)).directory(Path::new(std::path::MAIN_SEPARATOR_STR));
    let (ended, said) = job.ask(PATIENCE).ok()?;
    let version = said.lines().rev().find(|line| !line.trim().is_empty())?.trim().to_owned();
    ended.status.success().then_some(version)
}

/// Managers are scripts that look for `node` on PATH, which a desktop's lacks.
pub fn with_node(need: &Need<'_>) -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let beside = need.interpreter.path.parent().map(Path::to_path_buf);
    std::env::join_paths(beside.into_iter().chain(std::env::split_paths(&old))).unwrap_or(old)
}
