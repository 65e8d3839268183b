//! In which generation a server's command is started.

use crate::backoff;
use crate::config::Config;
use crate::entry_point;
use crate::error::{Error, Kind, Result};
use crate::generation::Generation;
use crate::lock::Lock;
use crate::output;
use crate::plugin::{Place, Plugin};
use crate::proof::{self, Files, Key};
use crate::provision::{self, Door, Ready};
use crate::store::Sealed;
use crate::work::{Decision, Work};
use std::ffi::OsString;
use std::time::Duration;

/// How often a launcher looks again because a sweep was faster than its lease.
const LEASE_TRIES: u32 = 20;

/// A command that wants a home.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The plugin.
    pub place: Place,
    /// Its environment.
    pub environment: String,
    /// The command.
    pub words: Vec<OsString>,
    /// The command, wherever the plugin is.
    pub key: Key,
}

/// A generation that a command can live in.
#[derive(Debug)]
pub struct Home {
    /// The generation.
    pub sealed: Sealed,
    /// What keeps it there.
    pub lease: Option<Lock>,
    /// The command as it is started there.
    pub words: Vec<OsString>,
}

/// The time of a whole build, and a little for its start and end.
pub fn whole_build(config: &Config) -> Duration {
    Duration::from_secs(config.deadline.saturating_add(30))
}

impl Wanted {
    /// Loads the plugin as it is now and does something with the environment.
    ///
    /// # Errors
    /// The plugin or its manifest cannot be read, or what is done fails.
    pub fn with_work<T>(&self, act: impl FnOnce(&Work<'_>) -> Result<T>) -> Result<T> {
        let plugin = Plugin::load(self.place.clone())?;
        let environment = plugin.environment_for(Some(&self.environment), &[])?;
        let gone = || Error::new(Kind::NotReady, format!("find the environment `{}`", self.environment));
        act(&Work::new(&plugin, environment.ok_or_else(gone)?)?)
    }

    /// Makes a home ready, however long that takes.
    ///
    /// # Errors
    /// It cannot be made ready, and there is no earlier one.
    pub fn find(&self, work: &Work<'_>) -> Result<Home> {
        let patience = whole_build(&work.plugin.config);
        let door = Door { patience, by_hand: false, settles: false, rebuild: false };
        self.settle(work, || provision::ensure(work, &door))
    }

    /// A home that is there, or can be had without waiting for anybody. `None`: there is none.
    pub fn at_hand(&self, work: &Work<'_>) -> Option<Home> {
        self.settle(work, || provision::at_hand(work).ok_or_else(|| Error::new(Kind::NotReady, "wait"))).ok()
    }

    fn settle(&self, work: &Work<'_>, look: impl Fn() -> Result<Ready>) -> Result<Home> {
        let words = self.started(work)?;
        for _ in 0..LEASE_TRIES {
            let ready = look()?;
            let sealed = self.fitting(work, ready.sealed, &words);
            if let Some(lease) = provision::lease(&sealed) {
                if let Some(error) = &ready.stale {
                    output::error(error);
                    let name = &work.plugin.name;
                    output::note(&format!("{name} starts with its previous packages, which may not fit"));
                }
                return Ok(Home { sealed, lease, words });
            }
        }
        let error = Error::new(Kind::NotReady, "keep the environment");
        Err(error.because("it was removed again and again while it was taken"))
    }

    /// The command as it is started.
    fn started(&self, work: &Work<'_>) -> Result<Vec<OsString>> {
        entry_point::expand(work.plugin, work.environment, &self.words)
    }

    /// The files of the plugin that a command names, as it is started.
    pub fn files(&self, words: &[OsString]) -> Files {
        proof::files(words, &self.place.root)
    }

    /// The generation itself, or the one that took its place because the command does not start in it.
    fn fitting(&self, work: &Work<'_>, sealed: Sealed, words: &[OsString]) -> Sealed {
        if self.key.is_proven(&sealed.generation) {
            return sealed;
        }
        match self.key.failed(&sealed.generation).filter(|failed| failed.excuses(&self.files(words))) {
            Some(_) => proven_besides(work, &sealed.generation).unwrap_or(sealed),
            None => sealed,
        }
    }

    /// Another generation, in which a server has proved to start.
    pub fn another(&self, than: &Generation) -> Option<Home> {
        let find = |work: &Work<'_>| {
            let words = self.started(work)?;
            Ok(proven_besides(work, than).and_then(|sealed| {
                let lease = provision::lease(&sealed)?;
                Some(Home { sealed, lease, words })
            }))
        };
        self.with_work(find).ok().flatten()
    }

    /// Everything that decides about the home, in short: when it changes, another attempt may end otherwise.
    pub fn state(&self) -> String {
        let state = |work: &Work<'_>| {
            let words = self.started(work)?;
            let there = match work.decide() {
                Decision::Reuse { sealed, .. } => self.fitting(work, *sealed, &words).generation.name(),
                Decision::Build(_) => String::new(),
            };
            let surroundings = backoff::surroundings(&work.plugin.config);
            Ok(format!("{} {there} {surroundings} {:?}", work.request.digest(), self.files(&words)))
        };
        self.with_work(state).unwrap_or_default()
    }
}

fn proven_besides(work: &Work<'_>, than: &Generation) -> Option<Sealed> {
    let mut others = work.store.sealed().filter(|other| other.generation != *than && other.generation.is_proven());
    others.find_map(|other| work.startable(other))
}
