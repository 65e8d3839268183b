//! `--check`: looks at what is needed, what is there, why it would be rebuilt and what failed, and changes nothing.

use crate::backend;
use crate::backoff;
use crate::engine;
use crate::environments::Environment;
use crate::error::{Error, Kind};
use crate::fs;
use crate::indexes;
use crate::interpreter;
use crate::lock::{self, Attempt};
use crate::log::last_lines;
use crate::plugin::{OWN_DATA, Plugin};
use crate::proof::{self, Failed};
use crate::reason::{Reason, changes};
use crate::report::{
    Candidates, Current, EnvironmentReport, FailureReport, LockReport, ManifestReport, Named, NotStarted, Report,
    SCHEMA, State,
};
use crate::script_manifest;
use crate::store::{Failure, Sealed, Store, now_ms};
use crate::trust;
use crate::unpinned;
use crate::work::{Decision, Work};
use std::collections::BTreeSet;
use std::path::Path;

/// What is said of an environment for which nothing has to be done.
pub const PROVIDED: &str =
    "the host has installed all that the lock names into `node_modules` beside it, which is used";

/// Looks at the environments of a plugin. With what one that is ready would be built is asked for a person alone: it
/// takes processes.
pub fn environments(plugin: &Plugin, is_for_a_person: bool) -> Vec<EnvironmentReport> {
    plugin.environments.iter().map(|environment| look_at(plugin, environment, is_for_a_person)).collect()
}

/// Looks at a plugin.
pub fn look(plugin: &Plugin) -> Report {
    let environments = environments(plugin, true);
    let place = &plugin.place;
    Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        plugin: plugin.name.clone(),
        root: Named { path: place.root.clone(), from: place.root_from.clone() },
        data: Named { path: place.data.clone(), from: place.data_from.clone() },
        state: environments.iter().map(|e| e.state).max().unwrap_or(State::Ready),
        notes: notes(plugin),
        servers: plugin.servers.iter().map(engine::look).collect(),
        environments,
    }
}

fn notes(plugin: &Plugin) -> Vec<String> {
    let mut notes = plugin.place.skipped.clone();
    if plugin.place.data_from == OWN_DATA {
        notes.push("no host says where its data is: name it with `--data` to see what the host sees".into());
    }
    notes.extend(unused_blocks(plugin));
    let whose: BTreeSet<String> =
        plugin.environments.iter().flat_map(|e| trust::remarks(&plugin.place.data, &e.name)).collect();
    notes.extend(whose);
    for name in ["site-packages", "venv"] {
        let path = plugin.place.data.join(name);
        if fs::is_directory(&path) && fs::link_target(&path).is_none() {
            notes.push(format!(
                "`{}` is a directory that plugdeps did not make, left by an older installer; it is never touched: \
                 remove it yourself and the next build puts a link there",
                path.display()
            ));
        }
    }
    notes
}

/// Scripts that say what they need, where something else is asked.
fn unused_blocks(plugin: &Plugin) -> Vec<String> {
    let root = &plugin.place.root;
    let told = |script: String| {
        let environment = plugin.environment_for(None, &[root.join(&script).into()]).ok()??;
        let used = environment.manifest.as_ref().ok().map(|manifest| manifest.label.as_str())?;
        let is_unused = !environment.is_of(Path::new(&script)) && script_manifest::has_block(root, &script);
        is_unused.then(|| format!("`{script}` has a `script` block, which is not used: `{used}` is"))
    };
    script_manifest::scripts(&plugin.servers).into_iter().filter_map(told).collect()
}

fn look_at(plugin: &Plugin, environment: &Environment, is_for_a_person: bool) -> EnvironmentReport {
    let store = Store::new(&plugin.place.data, &environment.name);
    let mut report = EnvironmentReport {
        name: environment.name.clone(),
        state: State::CannotBuild,
        why: Vec::new(),
        reason: None,
        manifest: None,
        interpreter: Candidates::default(),
        installer: Candidates::default(),
        extra_indexes: Vec::new(),
        current: store.sealed().next().map(|sealed| current(&sealed)),
        not_started: store.sealed().next().map(|sealed| not_started(&sealed)).unwrap_or_default(),
        lock: lock_report(&store),
        last_failure: None,
        to_do: String::new(),
    };
    match Work::new(plugin, environment) {
        Ok(work) => look_at_work(&work, &mut report, is_for_a_person),
        Err(error) => {
            report.why.push(error.sentence());
            report.last_failure = store.failure().map(|failure| failure_report(&failure, None));
        }
    }
    report.to_do = to_do(&report);
    report
}

fn look_at_work(work: &Work<'_>, report: &mut EnvironmentReport, is_for_a_person: bool) {
    let digest = work.request.digest();
    report.last_failure = work.store.failure().map(|failure| failure_report(&failure, Some(work)));
    report.manifest = Some(ManifestReport {
        path: work.manifest.label.clone(),
        kind: work.request.kind.clone(),
        parts: work.request.parts.clone(),
        digest,
        notes: work.notes().into_iter().chain(unpinned(work)).collect(),
    });
    if work.manifest.is_provided {
        report.state = State::Ready;
        report.why.push(PROVIDED.into());
        return;
    }
    let decision = work.decide();
    let is_asked = is_for_a_person || matches!(decision, Decision::Build(_));
    let can = if is_asked { choose(work, report) } else { Ok(()) };
    match decision {
        Decision::Reuse { sealed, .. } => {
            report.state = State::Ready;
            report.current = Some(current(&sealed));
            report.not_started = not_started(&sealed);
        }
        Decision::Build(reason) => {
            report.state = if can.is_ok() { State::WouldBuild } else { State::CannotBuild };
            report.why = why(work, &reason);
            report.why.extend(can.err().map(|error| match error.kind {
                // The causes stand below, with the candidates.
                Kind::NoInterpreter | Kind::NoInstaller => error.message,
                _ => error.sentence(),
            }));
            report.reason = Some(reason);
        }
    }
}

fn unpinned(work: &Work<'_>) -> Option<String> {
    let built = work.store.sealed().next().and_then(|sealed| sealed.generation.inputs());
    unpinned::note(work.manifest, built.as_ref())
}

fn why(work: &Work<'_>, reason: &Reason) -> Vec<String> {
    let inputs = work.store.sealed().next().and_then(|sealed| sealed.generation.inputs());
    let changed = match (reason, inputs) {
        (Reason::InputsChanged, Some(old)) => changes(&old, &work.request, &work.manifest.items()),
        _ => Vec::new(),
    };
    if changed.is_empty() { vec![reason.to_string()] } else { changed }
}

/// Chooses as a build would, and says whether one could begin.
fn choose(work: &Work<'_>, report: &mut EnvironmentReport) -> Result<(), Error> {
    let chosen = interpreter::choose(&work.wish()).inspect_err(|e| report.interpreter.error = Some(e.to_string()))?;
    let interpreter = &chosen.interpreter;
    report.interpreter.chosen = Some(format!("`{}` ({})", interpreter.path.display(), interpreter.full_version));
    report.interpreter.rejected = chosen.rejected.iter().map(|r| format!("`{}`: {}", r.candidate, r.reason)).collect();
    let choice = backend::choose(&work.need(interpreter));
    let choice = choice.inspect_err(|e| report.installer.error = Some(e.to_string()))?;
    report.installer.chosen = Some(choice.backend.name());
    report.installer.rejected = choice.rejected.iter().map(|r| format!("{}: {}", r.candidate, r.reason)).collect();
    let root = &work.plugin.place.root;
    if let Some(exposed) = indexes::exposed(&choice.backend, root, work.manifest) {
        report.extra_indexes = exposed.by;
        report.manifest.iter_mut().for_each(|manifest| manifest.notes.push(exposed.note.clone()));
    }
    backend::hashes::demand(root, work.manifest)?;
    writable(work)
}

/// The nearest directory that exists must be writable.
fn writable(work: &Work<'_>) -> Result<(), Error> {
    work.check_place()?;
    let existing = work.store.directory().ancestors().find(|path| fs::is_taken(path)).unwrap_or(work.store.directory());
    if fs::is_directory(existing) && fs::is_writable(existing) {
        return Ok(());
    }
    let error = Error::new(Kind::DataUnusable, format!("write in `{}`", existing.display()));
    Err(error.hint("make the plugin's data directory writable, or name another one with `--data`"))
}

fn not_started(sealed: &Sealed) -> Vec<NotStarted> {
    let now = now_ms() / 1000;
    let report = |failed: Failed| NotStarted {
        command: failed.command,
        end: failed.end,
        said: failed.said,
        age: now.saturating_sub(failed.at),
        instead: failed.instead,
    };
    proof::failures(&sealed.generation).into_iter().map(report).collect()
}

fn current(sealed: &Sealed) -> Current {
    let receipt = &sealed.receipt;
    Current {
        prefix: receipt.prefix.clone(),
        fingerprint: receipt.fingerprint.0.clone(),
        interpreter: receipt.interpreter.path.clone(),
        runtime: receipt.interpreter.identity.runtime().name(),
        python: receipt.interpreter.full_version.clone(),
        installer: receipt.installer.clone(),
        built_at: receipt.built_at,
        packages: sealed.generation.inputs().map(|inputs| inputs.packages).unwrap_or_default(),
    }
}

fn lock_report(store: &Store) -> LockReport {
    let path = store.lock_path();
    let state = match lock::try_shared(&path) {
        Some(Attempt::Busy) => "held",
        Some(Attempt::Unsupported) => "unsupported",
        Some(Attempt::Held(_)) | None => "free",
    };
    let builder = store.builder().filter(|_| state == "held");
    LockReport { path, state, pid: builder.as_ref().map(|b| b.pid), since: builder.map(|b| b.since) }
}

fn failure_report(failure: &Failure, work: Option<&Work<'_>>) -> FailureReport {
    let of_these_inputs = work.is_some_and(|work| work.request.digest() == failure.request);
    let left = work.filter(|_| of_these_inputs).map(|work| backoff::left(failure, &work.plugin.config));
    let log = fs::read_optional(&failure.log).ok().flatten().unwrap_or_default();
    FailureReport {
        code: failure.code.clone(),
        class: failure.class.clone(),
        message: failure.message.clone(),
        hint: failure.hint.clone(),
        age: now_ms().saturating_sub(failure.at_ms) / 1000,
        tries: failure.tries,
        again_in: left.map(|left| left.map_or(0, |left| left.as_secs() + 1)),
        of_these_inputs,
        log: failure.log.clone(),
        log_end: last_lines(&String::from_utf8_lossy(&log), 8),
    }
}

fn to_do(report: &EnvironmentReport) -> String {
    let failure = report.last_failure.as_ref().filter(|f| f.of_these_inputs);
    match report.state {
        State::Ready if !report.not_started.is_empty() => "mend the server, or pin the packages it worked with".into(),
        State::Ready => "nothing".into(),
        State::WouldBuild if report.lock.state == "held" => "wait: a build is under way".into(),
        State::WouldBuild => match failure.and_then(|f| f.hint.as_ref()) {
            Some(hint) => format!("{hint}, then `plugdeps sync`"),
            None => "nothing: the next start builds it, or `plugdeps sync` now".into(),
        },
        State::CannotBuild => "mend what is named above, then `plugdeps sync`".into(),
    }
}
