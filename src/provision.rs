//! The story: how a plugin's environment becomes ready, whichever door asks.
//!
//! [`ensure`] looks; if a generation fits, that is all: no lock, no process, nothing written. Otherwise a builder
//! makes a new one ([`crate::build`]) while the doors wait, however many they are. [`lease`] keeps a generation in
//! place for as long as a server lives in it. When the one that would fit cannot be had, the last good one serves.

use crate::build::{Plan, build};
use crate::builder;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::lock::{self, Attempt, Lock};
use crate::log::Log;
use crate::output::{self, in_words};
use crate::plugin::Plugin;
use crate::store::{Sealed, now_ms};
use crate::threads::Inbox;
use crate::work::{Decision, Work};
use std::time::{Duration, Instant};

/// How often a waiter looks. A look costs a few small reads.
const TICK: Duration = Duration::from_millis(10);
/// How often a waiter replaces a builder that died without a word.
const BUILDERS: u32 = 3;

/// How long a door waits for somebody else's build, and whom it tells.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// How long it waits at most.
    pub patience: Duration,
    /// Whether a person asked by hand: waits are announced, installers show their progress, a failure is no reason
    /// not to try, and the build ends with the command.
    pub by_hand: bool,
    /// Whether the generation that fits becomes the current one, and the stable links are led to it.
    pub settles: bool,
    /// Build even if an environment fits.
    pub rebuild: bool,
}

/// An environment that can be used now.
#[derive(Debug)]
pub struct Ready {
    /// The generation.
    pub sealed: Sealed,
    /// Why the one that would fit is not there, when this is an earlier one.
    pub stale: Option<Error>,
    /// Whether it was built while we waited.
    pub built: bool,
}

/// Makes the environment ready for a door: looks, and if nothing fits has it built, or waits for whoever builds it.
///
/// # Errors
/// It cannot be made ready, and there is no earlier one to serve.
pub fn ensure(work: &Work<'_>, door: &Door) -> Result<Ready> {
    if let Some(sealed) = ready(work, door) {
        return Ok(Ready { sealed, stale: None, built: false });
    }
    match Wait::begin(work, door).and_then(Wait::finish) {
        Ok((sealed, built)) => Ok(Ready { sealed, stale: None, built }),
        Err(error) if work.is_outdated() => ensure_anew(work, door, error),
        Err(error) => fall_back(work, door, error),
    }
}

/// What a door need not wait for: a generation that fits, or the last good one while the failure of the one that would
/// fit is too fresh to try again. `None`: there is neither, or somebody builds.
pub fn at_hand(work: &Work<'_>) -> Option<Ready> {
    let builds = || matches!(lock::try_shared(&work.store.lock_path()), Some(Attempt::Busy));
    match work.decide() {
        Decision::Reuse { sealed, refresh: false } => Some(Ready { sealed: *sealed, stale: None, built: false }),
        // The profile is to remember what the interpreter said, unless that would take somebody else's turn.
        Decision::Reuse { refresh: true, .. } => {
            let door = Door { patience: Duration::ZERO, by_hand: false, settles: false, rebuild: false };
            ensure(work, &door).ok()
        }
        Decision::Build(_) => {
            let stale = refuse(work).err();
            let sealed = work.last_good().filter(|_| stale.is_some() && !builds())?;
            Some(Ready { sealed, stale, built: false })
        }
    }
}

/// The manifests changed while we waited: what was built meanwhile is for the new ones, and so are we, once.
fn ensure_anew(work: &Work<'_>, door: &Door, error: Error) -> Result<Ready> {
    let plugin = Plugin::load(work.plugin.place.clone())?;
    let Some(environment) = plugin.environment_for(Some(&work.environment.name), &[])? else { return Err(error) };
    let work = Work::new(&plugin, environment)?;
    match Wait::begin(&work, door).and_then(Wait::finish) {
        Ok((sealed, built)) => Ok(Ready { sealed, stale: None, built }),
        Err(error) => fall_back(&work, door, error),
    }
}

/// A generation that fits, though it could not be made the current one, or else the last good one.
fn fall_back(work: &Work<'_>, door: &Door, error: Error) -> Result<Ready> {
    match work.decide() {
        Decision::Reuse { sealed, .. } if !door.rebuild => Ok(Ready { sealed: *sealed, stale: None, built: false }),
        _ => match work.last_good() {
            Some(sealed) => Ok(Ready { sealed, stale: Some(error), built: false }),
            None => Err(error),
        },
    }
}

/// The generation that fits and needs nothing written. A builder publishes before it makes the links: who leads them
/// waits for that too.
fn ready(work: &Work<'_>, door: &Door) -> Option<Sealed> {
    match work.decide() {
        Decision::Reuse { sealed, refresh: false } if !door.rebuild && (!door.settles || work.is_settled(&sealed)) => {
            Some(*sealed)
        }
        _ => None,
    }
}

/// Makes sure that nobody removes a generation while we live in it. `None`: it has just been removed, look again.
pub fn lease(sealed: &Sealed) -> Option<Option<Lock>> {
    let lock = match lock::try_shared(&sealed.generation.lease_path()) {
        Some(Attempt::Held(lock)) => Some(lock),
        Some(Attempt::Unsupported) | None => None,
        Some(Attempt::Busy) => return None,
    };
    // A sweep that was faster removed the receipt before anything else.
    fs::is_file(&sealed.generation.receipt_path()).then_some(lock)
}

/// A door that waits for an environment.
struct Wait<'a> {
    work: &'a Work<'a>,
    door: &'a Door,
    /// With what to build by hand. A builder chooses for itself, when it is its turn; here the choice only tells in
    /// time that there is none.
    plan: Option<Plan>,
    /// Keeps others from making a plan as well, until the lock tells them that this one is carried out.
    turn: Option<Lock>,
    /// When the last failure was, that was there when we came.
    seen: Option<u64>,
    began: Instant,
    builders: u32,
    /// Where the end of the last of them is told, if no lock tells it.
    end: Option<Inbox<()>>,
    announced: bool,
}

impl<'a> Wait<'a> {
    fn begin(work: &'a Work<'a>, door: &'a Door) -> Result<Self> {
        work.check_place()?;
        let (began, seen) = (Instant::now(), work.failure().map(|failure| failure.at_ms));
        let (plan, turn) = Self::plan(work, door, began)?;
        work.store.create()?;
        #[cfg(feature = "author")]
        crate::origin::write_down(&work.plugin.place)?;
        Ok(Self { work, door, plan, turn, seen, began, builders: 0, end: None, announced: !door.by_hand })
    }

    /// Before anything is written: what cannot be built leaves no trace. Whoever builds already knows that it can.
    /// To find out takes processes, so of a crowd one does it at a time, and the others see by then that it builds.
    fn plan(work: &Work<'_>, door: &Door, began: Instant) -> Result<(Option<Plan>, Option<Lock>)> {
        loop {
            // Before the look: who had the turn before us has the lock by now.
            let turn = lock::try_turn(&work.manifest_directory());
            let building = matches!(lock::try_shared(&work.store.lock_path()), Some(Attempt::Busy));
            if building || (!door.rebuild && matches!(work.decide(), Decision::Reuse { .. })) {
                return Ok((None, None));
            }
            if !door.by_hand {
                // Before an interpreter is asked: what was tried a moment ago costs nothing to refuse.
                refuse(work)?;
            }
            match turn {
                Some(Attempt::Busy) if began.elapsed() < door.patience => std::thread::sleep(TICK),
                Some(Attempt::Held(turn)) => return Ok((Some(Plan::make(work)?), Some(turn))),
                _ => return Ok((Some(Plan::make(work)?), None)),
            }
        }
    }

    /// Waits until a generation fits; says whether it was built meanwhile.
    fn finish(mut self) -> Result<(Sealed, bool)> {
        loop {
            let attempt = self.work.store.lock()?;
            if !matches!(attempt, Attempt::Busy) {
                self.turn = None;
            }
            let done = match attempt {
                Attempt::Busy => {
                    self.announce();
                    None
                }
                // Without locks everybody waits for a builder of their own; and where a lock cannot be handed on, one that
                // is free is about to be taken.
                Attempt::Held(_) | Attempt::Unsupported if self.builds() => self.failed_meanwhile()?,
                Attempt::Held(lock) => self.alone(Some(lock))?,
                Attempt::Unsupported => self.alone(None)?,
            };
            if let Some(done) = done {
                return Ok(done);
            }
            if self.began.elapsed() >= self.door.patience {
                return Err(self.out_of_patience());
            }
            std::thread::sleep(TICK);
            // A builder still holds the lock when its result is there already: it sweeps after publishing.
            if let Some(sealed) = ready(self.work, self.door) {
                return Ok((sealed, true));
            }
        }
    }

    /// With the lock nobody else builds: look again, then build here or hand the lock to a builder.
    fn alone(&mut self, lock: Option<Lock>) -> Result<Option<(Sealed, bool)>> {
        if let (Decision::Reuse { sealed, refresh }, false) = (self.work.decide(), self.door.rebuild) {
            if refresh {
                self.work.store.refresh(&sealed.entry)?;
            }
            if self.door.settles && !self.work.is_settled(&sealed) {
                self.work.store.publish(sealed.entry.clone())?;
                self.work.link(&sealed)?;
            }
            return Ok(Some((*sealed, self.builders > 0)));
        }
        let (place, name) = (&self.work.plugin.place, &self.work.environment.name);
        if self.door.by_hand {
            let log = Log::create(&self.work.store.logs(), true)?;
            return build(place, name, lock, self.plan.take(), self.door.rebuild, log)
                .map(|sealed| Some((sealed, true)));
        }
        self.refuse()?;
        self.builders += 1;
        self.end = builder::start(place, name, &self.work.store, lock)?;
        Ok(None)
    }

    /// Whether a builder still lives that was not handed the lock.
    fn builds(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.take(Some(Instant::now())).is_none())
    }

    /// What failed since we came is our answer.
    fn failed_meanwhile(&self) -> Result<Option<(Sealed, bool)>> {
        match self.work.failure() {
            Some(failure) if Some(failure.at_ms) != self.seen => Err(failure.to_error()),
            _ => Ok(None),
        }
    }

    /// What failed shortly before we came is not tried again so soon, nor is a builder that dies again and again
    /// replaced for ever.
    fn refuse(&self) -> Result<()> {
        self.failed_meanwhile()?;
        if self.builders > 0 && self.work.is_outdated() {
            return Err(Error::new(Kind::ManifestInvalid, "install what the manifests said").because("they changed"));
        }
        if self.builders >= BUILDERS {
            let log = builder::log_path(&self.work.store);
            let error = Error::new(Kind::InstallFailed, "build the environment");
            let error = error.because(format!("{BUILDERS} builders ended without a result"));
            let words = String::from_utf8_lossy(&fs::head(&log, 4096)).trim().to_owned();
            let error = if words.is_empty() { error } else { error.because(words) };
            return Err(error.hint(format!("see `{}` and the newest file in `logs` beside it", log.display())));
        }
        refuse(self.work)
    }

    fn out_of_patience(&self) -> Error {
        let what = format!("wait {} s for the packages of `{}`", self.door.patience.as_secs(), self.work.plugin.name);
        let error = Error::new(Kind::WaitTimeout, what);
        let error = match self.work.store.builder() {
            Some(by) => error.because(format!("process {} still builds; its log is `{}`", by.pid, by.log.display())),
            None => error.because("another process holds the lock"),
        };
        error.hint("it goes on by itself; see `plugdeps --check`")
    }

    /// Tells a person after a second what is waited for, since when, and until when.
    fn announce(&mut self) {
        let waited = self.began.elapsed();
        if self.announced || waited < Duration::from_secs(1) {
            return;
        }
        self.announced = true;
        let left = self.door.patience.saturating_sub(waited).as_secs();
        let who = self.work.store.builder().map_or("another process".to_owned(), |builder| {
            let age = (now_ms() / 1000).saturating_sub(builder.since);
            format!("process {}, which has been building for {age} s", builder.pid)
        });
        let lock = self.work.store.lock_path();
        output::note(&format!("waiting for {who}, for at most {left} s (lock: `{}`)", lock.display()));
    }
}

/// What failed a moment ago is not tried again so soon.
fn refuse(work: &Work<'_>) -> Result<()> {
    let Some((failure, left)) = work.pause() else { return Ok(()) };
    let mut error = failure.to_error();
    error.kind = Kind::InstallRefused;
    let age = now_ms().saturating_sub(failure.at_ms) / 1000;
    let left = in_words(left.as_secs() + 1);
    Err(error.because(format!("it failed {} ago and is tried again in {left}, or by `plugdeps sync`", in_words(age))))
}
