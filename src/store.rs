//! The state of one environment in the data directory: where each file is, and in what order it is written.
//!
//! ```text
//! DATA/plugdeps/NAME/lock            the right to build and sweep; never removed
//!                    profile.json    which generations starts may use
//!                    builder.json    who builds, since when; means nothing while the lock is free
//!                    failure.json    why the last build failed
//!                    logs/           the last ten builds
//!                    servers/        how servers started in each generation
//!                    news/           what the user is told once
//!                    desk            locked by those who answer a client until its server is there
//!                    g-xxxxxxxx/     a generation
//! ```

use crate::error::{Error, KINDS, Kind, Result};
use crate::failure;
use crate::fs;
use crate::generation::{Entry, Generation, Inputs, PREFIX, Profile, Receipt, SCHEMA, SERVERS};
use crate::json::readable;
use crate::lock::{self, Attempt, Lock};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The directory of an environment's state.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// `builder.json`: for people who wait.
#[derive(Debug, Clone, Serialize)]
pub struct Builder {
    /// Process that builds.
    pub pid: u32,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// When it will be ended, in seconds since 1970.
    pub until: u64,
    /// Its log.
    pub log: PathBuf,
    /// In which boot of the machine, where the system says.
    pub boot: Option<String>,
}

readable!(Builder { pid, since, until, log, boot });

/// `failure.json`: what the last build died of.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Digest of the request that failed.
    pub request: String,
    /// Code of the error's kind.
    pub code: String,
    /// Class of an installer's failure.
    pub class: String,
    /// What was tried.
    pub message: String,
    /// What came back.
    pub causes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
    /// The build's log.
    pub log: PathBuf,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often in a row it failed in this way.
    pub tries: u32,
    /// Hash of what else may have decided, see [`crate::backoff`].
    pub surroundings: String,
}

readable!(Failure { schema, request, code, class, message, causes, hint, log, at_ms, tries } or { surroundings });

impl Failure {
    /// The error as its builder had it.
    pub fn to_error(&self) -> Error {
        let row = KINDS.iter().find(|row| row.code == self.code);
        let mut error = Error::new(row.map_or(Kind::InstallFailed, |row| row.kind), self.message.clone());
        error.causes.clone_from(&self.causes);
        error.hint.clone_from(&self.hint);
        error.class = (!self.class.is_empty()).then(|| failure::by_code(&self.class).code);
        error
    }
}

/// A sealed generation that the profile names.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Where it is.
    pub generation: Generation,
    /// What it is.
    pub receipt: Receipt,
    /// Its interpreter as it was when it last said who it is.
    pub entry: Entry,
    /// Whether it is the current one.
    pub current: bool,
}

fn unusable(cause: Error) -> Error {
    let mut error = Error::new(Kind::DataUnusable, cause.message);
    error.causes = cause.causes;
    let usual = || "make the plugin's data directory writable, or name another one with `--data`".to_owned();
    error.hint(cause.hint.unwrap_or_else(usual))
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Store {
    /// The state of the environment `name` of the plugin whose data is here. Nothing is created.
    pub fn new(data: &Path, name: &str) -> Self {
        Self { directory: data.join("plugdeps").join(name) }
    }

    /// Creates the directory.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn create(&self) -> Result<()> {
        fs::create_directory(&self.directory).map_err(unusable)
    }

    /// Asks for the right to build and sweep.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn lock(&self) -> Result<Attempt> {
        lock::try_exclusive(&self.lock_path()).map_err(unusable)
    }

    /// Shares the lock of those who answer a client in a server's place. `None` while nothing is built here, since what
    /// cannot be built leaves no trace, or when somebody looks at the lock.
    pub fn share_desk(&self) -> Option<Lock> {
        let path = self.desk_path();
        let there = fs::is_directory(&self.directory) && fs::open_or_create(&path).is_ok();
        match lock::try_shared(&path).filter(|_| there) {
            Some(Attempt::Held(lock)) => Some(lock),
            _ => None,
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The lock's file.
    pub fn lock_path(&self) -> PathBuf {
        self.directory.join("lock")
    }

    /// The file that is locked by whoever still answers a client in a server's place.
    pub fn desk_path(&self) -> PathBuf {
        self.directory.join("desk")
    }

    /// Where is written of each generation how servers started in it.
    pub fn servers(&self) -> PathBuf {
        self.directory.join(SERVERS)
    }

    /// Where is what the user is to be told once.
    pub fn news(&self) -> PathBuf {
        self.directory.join("news")
    }

    /// Where the logs are.
    pub fn logs(&self) -> PathBuf {
        self.directory.join("logs")
    }

    fn profile_path(&self) -> PathBuf {
        self.directory.join("profile.json")
    }

    fn failure_path(&self) -> PathBuf {
        self.directory.join("failure.json")
    }

    fn builder_path(&self) -> PathBuf {
        self.directory.join("builder.json")
    }

    /// The profile; `None` when there is none that can be read.
    pub fn profile(&self) -> Option<Profile> {
        fs::read_state(&self.profile_path()).filter(|profile: &Profile| profile.schema == SCHEMA)
    }

    /// The generations the profile names that are sealed, the current one first.
    pub fn sealed(&self) -> impl Iterator<Item = Sealed> + '_ {
        let entries = self.profile().map(|profile| profile.generations).unwrap_or_default();
        entries.into_iter().enumerate().filter_map(|(index, entry)| {
            let generation = self.generation(&entry.generation)?;
            let receipt = generation.receipt()?;
            Some(Sealed { generation, receipt, entry, current: index == 0 })
        })
    }

    /// The generation of this name; `None` for a name that is no generation's, so that a damaged
    /// profile leads nowhere else.
    pub fn generation(&self, name: &str) -> Option<Generation> {
        let plain = name.starts_with(PREFIX) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain.then(|| Generation::at(self.directory.join(name)))
    }

    /// Every generation there is, sealed or not.
    pub fn generations(&self) -> Vec<Generation> {
        let named =
            fs::names(&self.directory).into_iter().filter_map(|name| self.generation(&name)).collect::<Vec<_>>();
        named.into_iter().filter(|generation| fs::is_own_directory(generation.directory())).collect()
    }

    /// A fresh directory for a build, at its final address.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn stage(&self) -> Result<Generation> {
        let generation = fs::create_unique_directory(&self.directory, PREFIX).map(Generation::at)?;
        fs::write(&generation.lease_path(), b"")?;
        Ok(generation)
    }

    /// Makes a built generation usable. The receipt is written last: a crash before it leaves leftovers.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn seal(&self, generation: &Generation, receipt: &Receipt, inputs: &Inputs) -> Result<()> {
        // It may hold manifests with credentials.
        fs::remove_tree(&generation.scratch())?;
        fs::remove_file(&generation.pip_settings())?;
        fs::replace_state(&generation.inputs_path(), inputs, false)?;
        fs::replace_state(&generation.receipt_path(), receipt, true)
    }

    /// Makes a sealed generation the current one, and the one that was current the previous one, unless no server
    /// has proved to start in that and one has in the other. One that may be hollow is not kept.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn publish(&self, entry: Entry) -> Result<()> {
        let serves = |other: &Sealed| other.entry.generation != entry.generation && !other.entry.may_be_hollow();
        let others: Vec<Sealed> = self.sealed().filter(serves).collect();
        let proven = others.iter().find(|other| other.generation.is_proven());
        let previous = proven.or(others.first()).map(|other| other.entry.clone());
        let generations = std::iter::once(entry).chain(previous).collect();
        fs::replace_state(&self.profile_path(), &Profile { schema: SCHEMA, generations }, true)
    }

    /// Keeps the profile's order and replaces one entry: its interpreter said again who it is.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn refresh(&self, entry: &Entry) -> Result<()> {
        let Some(mut profile) = self.profile() else { return Ok(()) };
        for old in profile.generations.iter_mut().filter(|old| old.generation == entry.generation) {
            old.clone_from(entry);
        }
        fs::replace_state(&self.profile_path(), &profile, true)
    }

    /// The last failure; `None` when the last build succeeded.
    pub fn failure(&self) -> Option<Failure> {
        fs::read_state(&self.failure_path()).filter(|failure: &Failure| failure.schema == SCHEMA)
    }

    /// Remembers a failure.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn note_failure(&self, failure: &Failure) -> Result<()> {
        fs::replace_state(&self.failure_path(), failure, false)
    }

    /// Forgets the last failure.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn clear_failure(&self) -> Result<()> {
        fs::remove_file(&self.failure_path())
    }

    /// Who builds, or built last.
    pub fn builder(&self) -> Option<Builder> {
        fs::read_state(&self.builder_path())
    }

    /// Whether the machine went down during a build: the note that says who built was left, of another boot, or its
    /// content did not reach the disk.
    pub fn was_cut_off(&self) -> bool {
        fs::is_taken(&self.builder_path()) && self.builder().is_none_or(|builder| builder.boot != fs::boot())
    }

    /// Says that nobody builds any more.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn clear_builder(&self) -> Result<()> {
        fs::remove_file(&self.builder_path())
    }

    /// Says who builds.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn note_builder(&self, builder: &Builder) -> Result<()> {
        fs::replace_state(&self.builder_path(), builder, false)
    }
}
