//! The story: how a plugin's environment becomes ready, whichever door asks.
//!
//! [`ensure`] looks; if an environment fits, that is all. Otherwise a builder makes a new one while the
//! doors wait: [`build`]. Nothing that anyone can see changes until the profile is replaced by one rename,
//! so every failure before it is the rollback.

use crate::backend::{self, Need, Session};
use crate::builder;
use crate::error::{Error, Kind, Result};
use crate::failure;
use crate::fingerprint::Request;
use crate::fs;
use crate::gc;
use crate::generation::{BaseInterpreter, Entry, Generation, Inputs, Receipt, SCHEMA};
use crate::interpreter::{self, Wish};
use crate::lock::{self, Attempt, Lock};
use crate::log::Log;
use crate::manifest::Manifest;
use crate::plugin::{Environment, MAIN, Place, Plugin, data_inside};
use crate::process;
use crate::reason::{InterpreterState, Reason, misfit};
use crate::store::{Builder, Failure, Sealed, Store, now_ms};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a waiter looks. A look costs a few small reads.
const TICK: Duration = Duration::from_millis(10);
/// How often a waiter replaces a builder that died without a word.
const BUILDERS: u32 = 3;

/// One environment of a plugin, its manifest read, its state located.
#[derive(Debug)]
pub struct Work<'a> {
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The environment.
    pub environment: &'a Environment,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// What the manifest asks for.
    pub request: Request,
    /// Where the state is.
    pub store: Store,
}

/// How long a door waits for somebody else's build, and whom it tells.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// How long it waits at most.
    pub patience: Duration,
    /// Whether a person watches: waits are announced, installers show their progress, failures are no reason not to try.
    pub watched: bool,
    /// Build even if an environment fits.
    pub rebuild: bool,
}

/// An environment that can be used now.
#[derive(Debug)]
pub struct Ready {
    /// The generation.
    pub sealed: Sealed,
    /// Whether it fits, and if not, why the one that would fit is not there.
    pub stale: Option<Error>,
    /// Whether it was built just now.
    pub built: bool,
}

/// What a look found.
#[derive(Debug)]
pub enum Decision {
    /// A generation fits. With `refresh`, its interpreter had to be asked again who it is.
    Reuse {
        /// The generation.
        sealed: Box<Sealed>,
        /// Whether the profile should remember the answer.
        refresh: bool,
    },
    /// None fits, for this reason.
    Build(Reason),
}

impl<'a> Work<'a> {
    /// Begins work on an environment.
    ///
    /// # Errors
    /// Its manifest cannot be read.
    pub fn new(plugin: &'a Plugin, environment: &'a Environment) -> Result<Self> {
        let manifest = environment.manifest.as_ref().map_err(Error::clone)?;
        let store = Store::new(&plugin.place.data, &environment.name);
        Ok(Self { plugin, environment, manifest, request: manifest.request(), store })
    }

    /// Looks for a generation that fits. Takes no lock and writes nothing; starts a process only if the
    /// file of the interpreter is no longer the one that was asked.
    pub fn decide(&self) -> Decision {
        let mut reason = Reason::FirstTime;
        for mut sealed in self.store.sealed() {
            let now = sealed.generation.validator(&sealed.receipt.interpreter);
            let state = match now {
                None => InterpreterState::Gone,
                Some(now) if now == sealed.entry.validator => InterpreterState::Unchanged,
                Some(_) => interpreter::ask_again(&sealed.generation.python())
                    .map_or(InterpreterState::Gone, InterpreterState::Says),
            };
            match misfit(&self.request, &sealed.receipt, &same_place(&sealed), &state) {
                None => {
                    let refresh = state != InterpreterState::Unchanged;
                    sealed.entry.validator = now.unwrap_or(sealed.entry.validator);
                    return Decision::Reuse { sealed: Box::new(sealed), refresh };
                }
                Some(why) if reason == Reason::FirstTime => reason = why,
                Some(_) => {}
            }
        }
        Decision::Build(reason)
    }

    /// The last failure, if it was of this very request.
    pub fn failure(&self) -> Option<Failure> {
        self.store.failure().filter(|failure| failure.request == self.request.digest())
    }

    /// The generation to serve when the one that would fit cannot be had: the newest that still starts.
    pub fn last_good(&self) -> Option<Sealed> {
        let mut sealed = self.store.sealed();
        sealed.find(|s| s.receipt.prefix == same_place(s) && s.generation.validator(&s.receipt.interpreter).is_some())
    }

    /// What was seen and is not used as it stands, in words.
    pub fn notes(&self) -> Vec<String> {
        let remarks = backend::handover::remarks(&self.plugin.place.root, self.manifest);
        self.manifest.notes.iter().cloned().chain(remarks).collect()
    }

    /// As [`crate::plugin::locate`] did by name, now with links resolved: the plugin's directory is never written.
    ///
    /// # Errors
    /// The data lies inside the plugin.
    pub fn check_place(&self) -> Result<()> {
        let place = &self.plugin.place;
        let existing = place.data.ancestors().find(|path| fs::is_taken(path)).unwrap_or(&place.data);
        if fs::resolved(existing).starts_with(fs::resolved(&place.root)) { Err(data_inside(place)) } else { Ok(()) }
    }

    fn tools(&self) -> PathBuf {
        tools(&self.plugin.place.data)
    }
}

/// Where installers are installed that had to be fetched.
pub fn tools(data: &Path) -> PathBuf {
    data.join("plugdeps").join(".tools")
}

/// Where a generation is, spelt as its receipt spells it if that is the same place.
fn same_place(sealed: &Sealed) -> PathBuf {
    let prefix = sealed.generation.prefix();
    let recorded = &sealed.receipt.prefix;
    if prefix != *recorded && fs::resolved(&prefix) == fs::resolved(recorded) { recorded.clone() } else { prefix }
}

/// Makes the environment ready for a door: looks, and if nothing fits has it built, or waits for whoever builds it.
///
/// # Errors
/// It cannot be made ready, and there is no earlier one to serve.
pub fn ensure(work: &Work<'_>, door: &Door) -> Result<Ready> {
    if let (Decision::Reuse { sealed, refresh: false }, false) = (work.decide(), door.rebuild) {
        return Ok(Ready { sealed: *sealed, stale: None, built: false });
    }
    match wait_or_build(work, door) {
        Ok((sealed, built)) => Ok(Ready { sealed, stale: None, built }),
        Err(error) => match work.last_good() {
            Some(sealed) => Ok(Ready { sealed, stale: Some(error), built: false }),
            None => Err(error),
        },
    }
}

fn wait_or_build(work: &Work<'_>, door: &Door) -> Result<(Sealed, bool)> {
    work.check_place()?;
    work.store.create()?;
    let since = now_ms();
    let until = Instant::now() + door.patience;
    let mut announcement = Announcement::new(door);
    let mut builders = 0;
    loop {
        match lock::try_exclusive(&work.store.lock_path())? {
            Attempt::Busy => announcement.wait(work, until),
            Attempt::Held(lock) => {
                if let Some(done) = with_lock(work, door, Some(lock), since, &mut builders)? {
                    return Ok(done);
                }
            }
            Attempt::Unsupported => {
                if let Some(done) = with_lock(work, door, None, since, &mut builders)? {
                    return Ok(done);
                }
            }
        }
        if Instant::now() >= until {
            return Err(out_of_patience(work, door));
        }
        std::thread::sleep(TICK);
        // While a builder holds the lock its result can be there already: it sweeps after publishing.
        if let (Decision::Reuse { sealed, refresh: false }, false) = (work.decide(), door.rebuild) {
            return Ok((*sealed, builders > 0));
        }
    }
}

/// With the lock nobody else builds: look again, then build here or hand the lock to a builder.
fn with_lock(
    work: &Work<'_>,
    door: &Door,
    lock: Option<Lock>,
    since: u64,
    builders: &mut u32,
) -> Result<Option<(Sealed, bool)>> {
    if let (Decision::Reuse { sealed, refresh }, false) = (work.decide(), door.rebuild) {
        if refresh {
            work.store.refresh(&sealed.entry)?;
        }
        return Ok(Some((*sealed, *builders > 0)));
    }
    if door.watched {
        let log = Log::create(&work.store.logs(), true)?;
        return build(&work.plugin.place, &work.environment.name, lock, log).map(|sealed| Some((sealed, true)));
    }
    if let Some(failure) = work.failure() {
        refuse(&failure, since)?;
    }
    *builders += 1;
    if *builders > BUILDERS {
        let error = Error::new(Kind::InstallFailed, "build the environment").because("the builder died without a word");
        return Err(
            error.hint(format!("see `{}` and the newest file in `logs`", builder::log_path(&work.store).display()))
        );
    }
    builder::start(&work.plugin.place, &work.environment.name, &work.store, lock)?;
    Ok(None)
}

/// What failed since we came is our answer; what failed shortly before is not tried again so soon.
fn refuse(failure: &Failure, since: u64) -> Result<()> {
    if failure.at_ms >= since {
        return Err(failure.to_error());
    }
    // What the installer did not decide costs nothing to try again.
    let pause = if failure.class.is_empty() { Duration::ZERO } else { failure::by_code(&failure.class).pause };
    let age = Duration::from_millis(now_ms().saturating_sub(failure.at_ms));
    if age >= pause {
        return Ok(());
    }
    let mut error = failure.to_error();
    error.kind = Kind::InstallRefused;
    let left = (pause - age).as_secs() + 1;
    Err(error
        .because(format!("it failed {} s ago and is tried again in {left} s, or by `plugdeps sync`", age.as_secs())))
}

fn out_of_patience(work: &Work<'_>, door: &Door) -> Error {
    let what = format!("wait {} s for the packages of `{}`", door.patience.as_secs(), work.plugin.name);
    let error = Error::new(Kind::WaitTimeout, what);
    let error = match work.store.builder() {
        Some(builder) => {
            error.because(format!("process {} still builds; its log is `{}`", builder.pid, builder.log.display()))
        }
        None => error.because("another process holds the lock"),
    };
    error.hint("it goes on by itself; see `plugdeps --check`")
}

/// Tells a person after a second what is waited for.
struct Announcement {
    started: Instant,
    told: bool,
}

impl Announcement {
    fn new(door: &Door) -> Self {
        Self { started: Instant::now(), told: !door.watched }
    }

    fn wait(&mut self, work: &Work<'_>, until: Instant) {
        if self.told || self.started.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.told = true;
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        let who = work.store.builder().map_or("another process".to_owned(), |builder| {
            let age = (now_ms() / 1000).saturating_sub(builder.since);
            format!("process {}, which has been building for {age} s", builder.pid)
        });
        crate::output::note(&format!(
            "waiting for {who}, for at most {left} s (lock: `{}`)",
            work.store.lock_path().display()
        ));
    }
}

/// What a builder process does: takes over the lock and builds. Its failure is in `failure.json` for those who wait.
///
/// # Errors
/// The build failed.
pub fn run_builder(place: &Place, name: &str) -> Result<()> {
    let store = Store::new(&place.data, name);
    let lock = process::inherited_lock(&store.lock_path());
    let log = Log::create(&store.logs(), false)?;
    build(place, name, lock, log).map(drop)
}

/// Builds one environment to its end, publishes it and sweeps. Remembers why, when it fails.
///
/// # Errors
/// A step failed; the last good environment is untouched.
pub fn build(place: &Place, name: &str, lock: Option<Lock>, mut log: Log) -> Result<Sealed> {
    for _ in 0..2 {
        let plugin = Plugin::load(place.clone())?;
        let environment = plugin.environment_for(Some(name), &[])?;
        let environment =
            environment.ok_or_else(|| Error::new(Kind::NoPlugin, format!("find the environment `{name}`")))?;
        let work = Work::new(&plugin, environment)?;
        match build_once(&work, &mut log) {
            Ok(Some(sealed)) => {
                finish(&work, &sealed, lock.as_ref(), &mut log);
                return Ok(sealed);
            }
            Ok(None) => log.say("the manifests changed during the build; starting over"),
            Err(error) => return Err(remember(&work, error, &log)),
        }
    }
    let error = Error::new(Kind::InstallFailed, "build the environment")
        .because("the manifests changed during the build, twice");
    Err(error.hint("try again when nobody edits them"))
}

/// Stages, installs, probes, reads the manifests again, seals and publishes. `None`: the manifests moved.
fn build_once(work: &Work<'_>, log: &mut Log) -> Result<Option<Sealed>> {
    let deadline = Duration::from_secs(work.plugin.config.deadline);
    let since = now_ms() / 1000;
    let builder =
        Builder { pid: std::process::id(), since, until: since + deadline.as_secs(), log: log.path().to_path_buf() };
    work.store.note_builder(&builder)?;
    let generation = work.store.stage()?;
    let mut session = Session { log, deadline: Instant::now() + deadline };
    let outcome = install(work, &generation, &mut session).and_then(|receipt| publish(work, &generation, receipt));
    if !matches!(outcome, Ok(Some(_))) {
        // Nobody has seen it; what cannot be removed now is swept later.
        let _ = fs::remove_tree(generation.directory());
    }
    outcome
}

fn install(work: &Work<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<Receipt> {
    let wish = Wish { requires: work.manifest.requires_python(), python: work.manifest.python() };
    let interpreter = interpreter::choose(&wish)?.interpreter;
    let need = need(work, &interpreter);
    let backend = backend::choose(&need)?.backend.prepare(&need, generation, session)?;
    backend.make_environment(&need, generation, session)?;
    // Beside the installation, which takes longer: a start that has to wait need not wait for this.
    std::thread::scope(|scope| {
        let probed = scope.spawn(|| probe(generation, &interpreter));
        let installed = backend.install_packages(&need, generation, session);
        installed.and(probed.join().unwrap_or_else(|_| Err(Error::new(Kind::InstallFailed, "probe the environment"))))
    })?;
    let installer = backend.version(generation);
    Ok(Receipt {
        schema: SCHEMA,
        fingerprint: work.request.fingerprint(&interpreter.identity),
        prefix: generation.prefix(),
        interpreter,
        installer,
        written_by: env!("CARGO_PKG_VERSION").into(),
        built_at: now_ms() / 1000,
    })
}

/// What a backend is asked to serve.
pub fn need<'a>(work: &'a Work<'_>, interpreter: &'a BaseInterpreter) -> Need<'a> {
    Need {
        root: &work.plugin.place.root,
        environment: &work.environment.name,
        manifest: work.manifest,
        installer: work.environment.settings.installer,
        interpreter,
        tools: work.tools(),
    }
}

/// The environment's own interpreter starts and is the one that was chosen.
fn probe(generation: &Generation, base: &BaseInterpreter) -> Result<()> {
    let error =
        || Error::new(Kind::InstallFailed, format!("start the new environment's `{}`", generation.python().display()));
    match interpreter::ask_again(&generation.python()) {
        Some(identity) if identity == base.identity => Ok(()),
        Some(other) => Err(error().because(format!("it is {} and {} was chosen", other.abi, base.identity.abi))),
        None => Err(error().because("it does not say who it is")),
    }
}

fn publish(work: &Work<'_>, generation: &Generation, receipt: Receipt) -> Result<Option<Sealed>> {
    if moved(work)? {
        return Ok(None);
    }
    let gone = || {
        Error::new(Kind::InstallFailed, "seal the environment").because("its interpreter went away during the build")
    };
    let validator = generation.validator(&receipt.interpreter).ok_or_else(gone)?;
    let packages = generation.packages(&receipt.interpreter.identity);
    let inputs = Inputs { request: work.request.clone(), items: work.manifest.items(), packages };
    work.store.seal(generation, &receipt, &inputs)?;
    let entry = Entry { generation: generation.name(), validator };
    work.store.publish(entry.clone())?;
    Ok(Some(Sealed { generation: generation.clone(), receipt, entry }))
}

/// Whether the manifests are no longer those that were installed.
fn moved(work: &Work<'_>) -> Result<bool> {
    let plugin = Plugin::load(work.plugin.place.clone())?;
    let environment = plugin.environments.iter().find(|e| e.name == work.environment.name);
    let request = environment.and_then(|e| e.manifest.as_ref().ok()).map(Manifest::request);
    Ok(request.as_ref() != Some(&work.request))
}

/// What follows a publication. None of it can make the environment less ready, so it is only told.
fn finish(work: &Work<'_>, sealed: &Sealed, lock: Option<&Lock>, log: &mut Log) {
    let links = if work.environment.name == MAIN { link(work, sealed) } else { Ok(()) };
    let swept = lock
        .map_or(Ok(gc::Swept::default()), |right| gc::sweep(&work.store, &work.tools(), &work.environment.name, right));
    let cleared = [work.store.clear_failure().err(), work.store.clear_builder().err()];
    for error in cleared.into_iter().chain([links.err(), swept.err()]).flatten() {
        log.begin_step(&error.to_string());
    }
}

/// Keeps `DATA/venv` and `DATA/site-packages` on the current environment, for a `.mcp.json` that names them.
fn link(work: &Work<'_>, sealed: &Sealed) -> Result<()> {
    let data = &work.plugin.place.data;
    let site_packages = sealed.generation.site_packages(&sealed.receipt.interpreter.identity);
    for (target, name) in [(sealed.generation.prefix(), "venv"), (site_packages, "site-packages")] {
        let link = data.join(name);
        fs::link_directory(&target, &link)
            .map_err(|e| Error::new(Kind::Io, format!("link `{}`", link.display())).because(e))?;
    }
    Ok(())
}

fn remember(work: &Work<'_>, error: Error, log: &Log) -> Error {
    let tries = work.failure().map_or(0, |failure| failure.tries) + 1;
    let failure = Failure {
        schema: SCHEMA,
        request: work.request.digest(),
        code: error.kind.info().code.into(),
        class: error.class.unwrap_or_default().into(),
        message: error.message.clone(),
        causes: error.causes.clone(),
        hint: error.hint.clone(),
        log: log.path().to_path_buf(),
        at_ms: now_ms(),
        tries,
    };
    match work.store.note_failure(&failure).and_then(|()| work.store.clear_builder()) {
        Ok(()) => error,
        Err(e) => error.because(format!("nor could that be noted: {}", e.sentence())),
    }
}

/// Makes sure that nobody removes a generation while we live in it. `None`: it has just been removed, look again.
pub fn lease(sealed: &Sealed) -> Option<Option<Lock>> {
    let lock = match lock::try_shared(&sealed.generation.lease_path())? {
        Attempt::Held(lock) => Some(lock),
        Attempt::Unsupported => None,
        Attempt::Busy => return None,
    };
    // A sweep that was faster removed the receipt before anything else.
    fs::is_file(&sealed.generation.receipt_path()).then_some(lock)
}
