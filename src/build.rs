//! A build: a new generation is staged at its final address, filled, probed, sealed and published.
//!
//! Nothing that anyone can see changes until the profile is replaced by one rename, so every failure before it
//! is the rollback.

use crate::backend::{self, Backend, Need, Session};
use crate::backoff;
use crate::error::{Error, Kind, Result};
use crate::failure;
use crate::fs;
use crate::gc;
use crate::generation::{BaseInterpreter, Entry, Generation, Inputs, Receipt, SCHEMA};
use crate::interpreter;
use crate::lock::{self, Attempt, Lock};
use crate::log::Log;
use crate::plugin::{Place, Plugin};
use crate::process;
use crate::reason::Reason;
use crate::runtime::Runtime;
use crate::store::{Builder, Failure, Sealed, Store, now_ms};
use crate::work::{Decision, Work, tools};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// With what an environment will be built.
#[derive(Debug)]
pub struct Plan {
    interpreter: BaseInterpreter,
    backend: Backend,
}

impl Plan {
    /// Chooses interpreter and installer. Nothing is written.
    ///
    /// # Errors
    /// There is none that serves, or a hash is missing that the author demands.
    pub fn make(work: &Work<'_>) -> Result<Self> {
        backend::hashes::demand(&work.plugin.place.root, work.manifest)?;
        let interpreter = interpreter::choose(&work.wish())?.interpreter;
        let backend = backend::choose(&work.need(&interpreter))?.backend;
        Ok(Self { interpreter, backend })
    }
}

/// What a builder process does: takes over the lock and builds. Its failure is in `failure.json` for those who wait.
///
/// # Errors
/// The build failed.
pub fn run_builder(place: &Place, name: &str) -> Result<()> {
    let store = Store::new(&place.data, name);
    let lock = match process::inherited_lock(&store.lock_path()) {
        Attempt::Held(lock) => Some(lock),
        Attempt::Unsupported => None,
        // Where it is let go and taken again, somebody was faster, and builds.
        Attempt::Busy => return Ok(()),
    };
    let log = Log::create(&store.logs(), false)?;
    build(place, name, lock, None, false, log).map(drop)
}

/// Builds one environment to its end, publishes it and sweeps. Remembers why, when it fails.
///
/// # Errors
/// A step failed; the last good environment is untouched.
pub fn build(
    place: &Place,
    name: &str,
    lock: Option<Lock>,
    mut plan: Option<Plan>,
    rebuild: bool,
    mut log: Log,
) -> Result<Sealed> {
    if let Some(right) = &lock {
        // A dead builder may have left manifests with credentials, or most of a full disk. Its installer may live on
        // for a moment and write there still: then the next sweep has it.
        if let Err(error) = gc::sweep(&Store::new(&place.data, name), &tools(&place.data), name, right) {
            log.begin_step(&error.to_string());
        }
    }
    for _ in 0..2 {
        let plugin = Plugin::load(place.clone())?;
        let environment = plugin.environment_for(Some(name), &[])?;
        let environment =
            environment.ok_or_else(|| Error::new(Kind::NoPlugin, format!("find the environment `{name}`")))?;
        let work = Work::new(&plugin, environment)?;
        if let (Decision::Reuse { sealed, .. }, false) = (work.decide(), rebuild) {
            // Somebody changed the manifests back between our starter's look and ours.
            return Ok(*sealed);
        }
        log.hide(work.manifest.texts().iter().map(AsRef::as_ref));
        log.hide_settings(&backend::node_files::settings(&plugin.place.root, work.manifest));
        // Until the files are known to be on the disk. Without locks two might say so at once, and the profile of one of
        // them would be lost.
        let boot = lock.as_ref().and_then(|_| fs::boot());
        match build_once(&work, plan.take(), boot, &mut log) {
            Ok(Some(sealed)) => {
                finish(&work, &sealed, lock.as_ref(), &mut log);
                return Ok(sealed);
            }
            Ok(None) => log.say("the manifests changed during the build; starting over"),
            Err(error) => return Err(remember(&work, error, &mut log)),
        }
    }
    let error = Error::new(Kind::InstallFailed, "build the environment")
        .because("the manifests changed during the build, twice");
    Err(error.hint("try again when nobody edits them"))
}

/// Stages, installs, probes, reads the manifests again, seals and publishes. `None`: the manifests moved.
fn build_once(work: &Work<'_>, plan: Option<Plan>, boot: Option<String>, log: &mut Log) -> Result<Option<Sealed>> {
    let deadline = Duration::from_secs(work.plugin.config.deadline);
    let since = now_ms() / 1000;
    let hollow = work.store.was_cut_off() || matches!(work.decide(), Decision::Build(Reason::PowerLost));
    let (pid, until, log_path) = (std::process::id(), since + deadline.as_secs(), log.path().to_path_buf());
    work.store.note_builder(&Builder { pid, since, until, log: log_path, boot: fs::boot() })?;
    let generation = work.store.stage()?;
    let lease = match lock::try_shared(&generation.lease_path()) {
        Some(Attempt::Held(lock)) => Some(Arc::new(lock.into_file())),
        _ => None,
    };
    let mut session = Session { log, deadline: Instant::now() + deadline, lease, hollow };
    let outcome =
        install(work, plan, &generation, &mut session).and_then(|receipt| publish(work, &generation, receipt, boot));
    // Where a file is open its directory cannot be renamed on every system.
    drop(session);
    if !matches!(outcome, Ok(Some(_))) {
        // Nobody has seen it; what cannot be removed now is swept later.
        let _ = fs::discard_tree(generation.directory());
    }
    outcome
}

fn install(work: &Work<'_>, plan: Option<Plan>, generation: &Generation, session: &mut Session<'_>) -> Result<Receipt> {
    let Plan { interpreter, backend } = plan.map_or_else(|| Plan::make(work), Ok)?;
    let filled = fill(&work.need(&interpreter), backend, generation, session);
    let installer = filled.map_err(|error| if fs::is_file(&interpreter.path) { error } else { gone(error) })?;
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

/// Makes the environment and installs into it; says with what.
fn fill(need: &Need<'_>, backend: Backend, generation: &Generation, session: &mut Session<'_>) -> Result<String> {
    let backend = backend.prepare(need, generation, session)?;
    backend.make_environment(need, generation, session)?;
    let there = || fs::names(&generation.site_packages(&need.interpreter.identity));
    let before = there();
    // Beside the installation, which takes longer: a start that has to wait need not wait for this.
    std::thread::scope(|scope| {
        let probed = std::thread::Builder::new().spawn_scoped(scope, || probe(generation, need.interpreter));
        let probed = probed.map_err(|e| Error::new(Kind::InstallFailed, "start a thread").because(e))?;
        let installed = backend.install_packages(need, generation, session);
        installed.and(probed.join().unwrap_or_else(|_| Err(Error::new(Kind::InstallFailed, "probe the environment"))))
    })?;
    // A setting of the user's that we do not know may have sent it all elsewhere.
    if before == there() && need.manifest.asks_for_packages() {
        return Err(session.failed(&failure::NOT_THERE, "no package was added to the environment".into()));
    }
    Ok(backend.version(generation))
}

/// Whatever failed, it failed because the interpreter is no longer there.
fn gone(mut error: Error) -> Error {
    let class = &failure::INTERPRETER_GONE;
    error.causes.insert(0, std::mem::replace(&mut error.message, class.sentence.into()));
    error.class = Some(class.code);
    error.hint(class.hint)
}

/// The environment's own interpreter starts and is the one that was chosen. One for Node has no other than that.
fn probe(generation: &Generation, base: &BaseInterpreter) -> Result<()> {
    if base.identity.runtime() == Runtime::Node {
        return Ok(());
    }
    let program = generation.interpreter(base);
    let error = || Error::new(Kind::InstallFailed, format!("start the new environment's `{}`", program.display()));
    match interpreter::ask_again(&program, base.identity.runtime()) {
        Some(identity) if identity == base.identity => Ok(()),
        Some(other) => Err(error().because(format!("it is {} and {} was chosen", other.abi, base.identity.abi))),
        None => Err(error().because("it does not say who it is")),
    }
}

fn publish(work: &Work<'_>, generation: &Generation, receipt: Receipt, boot: Option<String>) -> Result<Option<Sealed>> {
    if work.is_outdated() {
        return Ok(None);
    }
    let unsealed = || gone(Error::new(Kind::InstallFailed, "seal the environment"));
    let validator = generation.validator(&receipt.interpreter).ok_or_else(unsealed)?;
    let packages = generation.packages(&receipt.interpreter.identity);
    let inputs = Inputs { request: work.request.clone(), items: work.manifest.items(), packages };
    work.store.seal(generation, &receipt, &inputs)?;
    let entry = Entry { generation: generation.name(), validator, boot };
    work.store.publish(entry.clone())?;
    Ok(Some(Sealed { generation: generation.clone(), receipt, entry, current: true }))
}

/// What follows a publication. None of it can make the environment less ready, so it is only told.
fn finish(work: &Work<'_>, sealed: &Sealed, lock: Option<&Lock>, log: &mut Log) {
    let links = work.link(sealed);
    let swept = lock.map_or(Ok(gc::Swept::default()), |right| {
        gc::sweep(&work.store, &tools(&work.plugin.place.data), &work.environment.name, right)
    });
    let cleared = [work.store.clear_failure().err(), work.store.clear_builder().err()];
    let kept = lock.filter(|_| sealed.entry.boot.is_some()).map_or(Ok(()), |_| keep(work, sealed));
    for error in cleared.into_iter().chain([links.err(), swept.err(), kept.err()]).flatten() {
        log.begin_step(&error.to_string());
    }
}

/// Sees to it that the files reach the disk, and only then says so: a power loss in between costs one more build.
fn keep(work: &Work<'_>, sealed: &Sealed) -> Result<()> {
    fs::sync_file_system(sealed.generation.directory())?;
    work.store.refresh(&Entry { boot: None, ..sealed.entry.clone() })
}

fn remember(work: &Work<'_>, error: Error, log: &mut Log) -> Error {
    let class = error.class.unwrap_or_default();
    // Who reads the note has not seen what a person who watched has.
    let unsaid = log.last_words().filter(|_| log.is_live() && error.class.is_some());
    let before = work.failure().filter(|failure| failure.class == class);
    let failure = Failure {
        schema: SCHEMA,
        request: work.request.digest(),
        code: error.kind.info().code.into(),
        class: class.into(),
        message: error.message.clone(),
        causes: error.causes.iter().cloned().chain(unsaid).collect(),
        hint: error.hint.clone(),
        log: log.path().to_path_buf(),
        at_ms: now_ms(),
        tries: before.map_or(0, |failure| failure.tries).saturating_add(1),
        surroundings: backoff::surroundings(&work.plugin.config),
    };
    match work.store.note_failure(&failure).and_then(|()| work.store.clear_builder()) {
        Ok(()) => error,
        Err(e) => error.because(format!("nor could that be noted: {}", e.sentence())),
    }
}
