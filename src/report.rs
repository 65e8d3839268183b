//! What `--check` says, as values: the page and `--json` are two views of them.

use crate::error::{EXIT_CANNOT_BUILD, EXIT_WOULD_BUILD, Error};
use crate::fingerprint::Part;
use crate::reason::Reason;
use serde::Serialize;
use std::path::PathBuf;

/// Number of the format of `--check --json`.
pub const SCHEMA: u32 = 1;

/// Everything that `--check` knows.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of this program.
    pub version: &'static str,
    /// Name of the plugin.
    pub plugin: String,
    /// Its directory, and who named it.
    pub root: Named,
    /// Its data, and who named it.
    pub data: Named,
    /// State of the whole: the worst of its environments.
    pub state: State,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// The servers that it names to its host.
    pub servers: Vec<ServerReport>,
    /// Its environments; empty when it needs nothing.
    pub environments: Vec<EnvironmentReport>,
}

/// What `--check --json` says of a plugin that cannot be read at all.
#[derive(Debug, Serialize)]
pub struct Unreadable<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of this program.
    pub version: &'static str,
    /// [`State::CannotBuild`].
    pub state: State,
    /// Code of the error.
    pub error: &'static str,
    /// What was tried.
    pub message: &'a str,
    /// What came back.
    pub causes: &'a [String],
    /// What to do.
    pub hint: Option<&'a str>,
}

impl<'a> Unreadable<'a> {
    /// The same as the error.
    pub fn new(error: &'a Error) -> Self {
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            state: State::CannotBuild,
            error: error.kind.info().code,
            message: &error.message,
            causes: &error.causes,
            hint: error.hint.as_deref(),
        }
    }
}

/// A directory, and who named it.
#[derive(Debug, Serialize)]
pub struct Named {
    /// The directory.
    pub path: PathBuf,
    /// A flag, a variable, or the place of this program.
    pub from: String,
}

/// A server that the plugin names to its host.
#[derive(Debug, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub name: String,
    /// `local`, `container` or `remote`.
    pub kind: &'static str,
    /// How the host speaks to it.
    pub transport: String,
    /// The program that runs the container.
    pub engine: Option<String>,
    /// The image, where the command tells it.
    pub image: Option<String>,
    /// Of a container: `present`, `missing`, `untold`, `no-engine`, `no-answer`.
    pub state: Option<&'static str>,
    /// The same in words; none of a local server, whose packages are an environment's.
    pub note: Option<String>,
}

/// What a start would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing.
    Ready,
    /// Build first.
    WouldBuild,
    /// Fail, or serve an earlier environment.
    CannotBuild,
}

/// One environment.
#[derive(Debug, Serialize)]
pub struct EnvironmentReport {
    /// Its name.
    pub name: String,
    /// What a start would do.
    pub state: State,
    /// Why, in words.
    pub why: Vec<String>,
    /// Why, as data.
    pub reason: Option<Reason>,
    /// What says what it needs.
    pub manifest: Option<ManifestReport>,
    /// What would be used, and what would not.
    pub interpreter: Candidates,
    /// What would be used, and what would not.
    pub installer: Candidates,
    /// Who names an extra index that could replace a package.
    pub extra_indexes: Vec<String>,
    /// The environment that is there.
    pub current: Option<Current>,
    /// Servers that do not start in it.
    pub not_started: Vec<NotStarted>,
    /// Who holds the lock.
    pub lock: LockReport,
    /// Why the last build failed.
    pub last_failure: Option<FailureReport>,
    /// What to do.
    pub to_do: String,
}

/// A manifest.
#[derive(Debug, Serialize)]
pub struct ManifestReport {
    /// Its path in the plugin.
    pub path: String,
    /// Its kind.
    pub kind: String,
    /// What counts, and what it hashes to.
    pub parts: Vec<Part>,
    /// Hash of all of it.
    pub digest: String,
    /// What was seen and not used.
    pub notes: Vec<String>,
}

/// A choice among candidates.
#[derive(Debug, Default, Serialize)]
pub struct Candidates {
    /// The one chosen.
    pub chosen: Option<String>,
    /// The others, with reasons.
    pub rejected: Vec<String>,
    /// Why none was chosen.
    pub error: Option<String>,
}

/// The environment that is there.
#[derive(Debug, Serialize)]
pub struct Current {
    /// Its directory.
    pub prefix: PathBuf,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its interpreter.
    pub interpreter: PathBuf,
    /// What that is: `Python` or `Node`.
    pub runtime: &'static str,
    /// Version of that.
    pub python: String,
    /// What built it.
    pub installer: String,
    /// When, in seconds since 1970.
    pub built_at: u64,
    /// What is in it.
    pub packages: Vec<String>,
}

/// A server that ended before it answered.
#[derive(Debug, Serialize)]
pub struct NotStarted {
    /// What of its command may be written down.
    pub command: String,
    /// How it ended.
    pub end: String,
    /// The last it said on standard error.
    pub said: Vec<String>,
    /// Seconds ago.
    pub age: u64,
    /// The generation that it is started in instead.
    pub instead: Option<String>,
}

/// The lock.
#[derive(Debug, Serialize)]
pub struct LockReport {
    /// Its file.
    pub path: PathBuf,
    /// `free`, `held`, or `unsupported`.
    pub state: &'static str,
    /// Process that builds.
    pub pid: Option<u32>,
    /// Since when, in seconds since 1970.
    pub since: Option<u64>,
}

/// The last failure.
#[derive(Debug, Serialize)]
pub struct FailureReport {
    /// Code of the error.
    pub code: String,
    /// Class of an installer's failure.
    pub class: String,
    /// What was tried.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Seconds ago.
    pub age: u64,
    /// How often in a row.
    pub tries: u32,
    /// Seconds until a session tries again, 0 for the next start; `None` where it was of other manifests.
    pub again_in: Option<u64>,
    /// Whether it was of the manifests as they are now.
    pub of_these_inputs: bool,
    /// The log.
    pub log: PathBuf,
    /// Its last lines.
    pub log_end: Vec<String>,
}

impl State {
    /// The exit status that tells it.
    pub fn exit(self) -> u8 {
        match self {
            State::Ready => 0,
            State::WouldBuild => EXIT_WOULD_BUILD,
            State::CannotBuild => EXIT_CANNOT_BUILD,
        }
    }
}
