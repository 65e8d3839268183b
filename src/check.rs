//! `--check`: what is needed, what is there, why it would be rebuilt, what failed, what to do.
//!
//! [`look`] gathers values; [`Report`] is those values; [`render`] makes a page of them. Nothing here is
//! handed anything that it could change.

use crate::backend;
use crate::error::{EXIT_CANNOT_BUILD, EXIT_WOULD_BUILD, Error};
use crate::fs;
use crate::interpreter::{self, Wish};
use crate::lock::{self, Attempt};
use crate::log::last_lines;
use crate::output::harmless;
use crate::plugin::{Environment, Plugin};
use crate::provision::{Decision, Work, need};
use crate::reason::{Reason, changes};
use crate::store::{Failure, Sealed, Store, now_ms};
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
    /// The environment that is there.
    pub current: Option<Current>,
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
    pub parts: Vec<crate::fingerprint::Part>,
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
    /// Version of that.
    pub python: String,
    /// What built it.
    pub installer: String,
    /// When, in seconds since 1970.
    pub built_at: u64,
    /// What is in it.
    pub packages: Vec<String>,
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

/// Looks at a plugin.
pub fn look(plugin: &Plugin) -> Report {
    let environments: Vec<EnvironmentReport> = plugin.environments.iter().map(|e| look_at(plugin, e)).collect();
    let place = &plugin.place;
    Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        plugin: plugin.name.clone(),
        root: Named { path: place.root.clone(), from: place.root_from.clone() },
        data: Named { path: place.data.clone(), from: place.data_from.clone() },
        state: environments.iter().map(|e| e.state).max().unwrap_or(State::Ready),
        notes: notes(plugin),
        environments,
    }
}

fn notes(plugin: &Plugin) -> Vec<String> {
    let mut notes = plugin.place.skipped.clone();
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

fn look_at(plugin: &Plugin, environment: &Environment) -> EnvironmentReport {
    let store = Store::new(&plugin.place.data, &environment.name);
    let mut report = EnvironmentReport {
        name: environment.name.clone(),
        state: State::CannotBuild,
        why: Vec::new(),
        reason: None,
        manifest: None,
        interpreter: Candidates::default(),
        installer: Candidates::default(),
        current: store.sealed().next().map(|sealed| current(&sealed)),
        lock: lock_report(&store),
        last_failure: None,
        to_do: String::new(),
    };
    match Work::new(plugin, environment) {
        Ok(work) => look_at_work(&work, &mut report),
        Err(error) => {
            report.why.push(error.sentence());
            report.last_failure = store.failure().map(|failure| failure_report(&failure, None));
        }
    }
    report.to_do = to_do(&report);
    report
}

fn look_at_work(work: &Work<'_>, report: &mut EnvironmentReport) {
    let digest = work.request.digest();
    report.last_failure = work.store.failure().map(|failure| failure_report(&failure, Some(&digest)));
    report.manifest = Some(ManifestReport {
        path: work.manifest.label.clone(),
        kind: work.request.kind.clone(),
        parts: work.request.parts.clone(),
        digest,
        notes: work.notes(),
    });
    let can = choose(work, report);
    match work.decide() {
        Decision::Reuse { sealed, .. } => {
            report.state = State::Ready;
            report.current = Some(current(&sealed));
        }
        Decision::Build(reason) => {
            report.state = if can.is_ok() { State::WouldBuild } else { State::CannotBuild };
            report.why = why(work, &reason);
            report.why.extend(can.err().map(|error| error.sentence()));
            report.reason = Some(reason);
        }
    }
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
    let wish = Wish { requires: work.manifest.requires_python(), python: work.manifest.python() };
    let chosen = interpreter::choose(&wish).inspect_err(|e| report.interpreter.error = Some(e.to_string()))?;
    let interpreter = &chosen.interpreter;
    report.interpreter.chosen = Some(format!("`{}` ({})", interpreter.path.display(), interpreter.full_version));
    report.interpreter.rejected = chosen.rejected.iter().map(|r| format!("`{}`: {}", r.candidate, r.reason)).collect();
    let choice = backend::choose(&need(work, interpreter));
    let choice = choice.inspect_err(|e| report.installer.error = Some(e.to_string()))?;
    report.installer.chosen = Some(choice.backend.name());
    report.installer.rejected = choice.rejected.iter().map(|r| format!("{}: {}", r.candidate, r.reason)).collect();
    writable(work)
}

/// The nearest directory that exists must be writable.
fn writable(work: &Work<'_>) -> Result<(), Error> {
    work.check_place()?;
    let existing = work.store.directory().ancestors().find(|path| fs::is_taken(path)).unwrap_or(work.store.directory());
    if fs::is_directory(existing) && fs::is_writable(existing) {
        return Ok(());
    }
    let error = Error::new(crate::error::Kind::DataUnusable, format!("write in `{}`", existing.display()));
    Err(error.hint("make the plugin's data directory writable, or name another one with `--data`"))
}

fn current(sealed: &Sealed) -> Current {
    let receipt = &sealed.receipt;
    Current {
        prefix: receipt.prefix.clone(),
        fingerprint: receipt.fingerprint.0.clone(),
        interpreter: receipt.interpreter.path.clone(),
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

fn failure_report(failure: &Failure, digest: Option<&str>) -> FailureReport {
    let log = fs::read_optional(&failure.log).ok().flatten().unwrap_or_default();
    FailureReport {
        code: failure.code.clone(),
        class: failure.class.clone(),
        message: failure.message.clone(),
        hint: failure.hint.clone(),
        age: now_ms().saturating_sub(failure.at_ms) / 1000,
        tries: failure.tries,
        of_these_inputs: digest == Some(failure.request.as_str()),
        log: failure.log.clone(),
        log_end: last_lines(&String::from_utf8_lossy(&log), 8),
    }
}

fn to_do(report: &EnvironmentReport) -> String {
    let failure = report.last_failure.as_ref().filter(|f| f.of_these_inputs);
    match report.state {
        State::Ready => "nothing".into(),
        State::WouldBuild if report.lock.state == "held" => "wait: a build is under way".into(),
        State::WouldBuild => match failure.and_then(|f| f.hint.as_ref()) {
            Some(hint) => format!("{hint}, then `plugdeps sync`"),
            None => "nothing: the next start builds it, or `plugdeps sync` now".into(),
        },
        State::CannotBuild => "mend what is named above, then `plugdeps sync`".into(),
    }
}

/// Sets words off on a terminal, and only there.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    fn state(self, state: State) -> String {
        let (text, colour) = match state {
            State::Ready => ("ready", "32"),
            State::WouldBuild => ("would build", "33"),
            State::CannotBuild => ("cannot build", "31"),
        };
        if self.0 { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.into() }
    }
}

/// The report as a page for a person.
pub fn render(report: &Report, paint: Paint) -> String {
    let mut page = Page(String::new());
    page.line(&format!("{}: {}", harmless(&report.plugin), paint.state(report.state)));
    page.row("plugin", &format!("{} (from {})", report.root.path.display(), report.root.from));
    page.row("data", &format!("{} (from {})", report.data.path.display(), report.data.from));
    report.notes.iter().for_each(|note| page.row("note", note));
    if report.environments.is_empty() {
        page.row("to do", "nothing: the plugin has no manifest, so nothing is installed");
    }
    for environment in &report.environments {
        page.line("");
        page.line(&format!("environment {}: {}", environment.name, paint.state(environment.state)));
        page.environment(environment);
    }
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn row(&mut self, label: &str, text: &str) {
        for (number, line) in text.lines().enumerate() {
            let label = if number == 0 { label } else { "" };
            // What a manifest or an installer says must not steer the terminal.
            self.line(&format!("  {label:<13}{}", harmless(line)));
        }
    }

    fn environment(&mut self, report: &EnvironmentReport) {
        report.why.iter().for_each(|why| self.row("because", why));
        if let Some(manifest) = &report.manifest {
            self.manifest(manifest);
        }
        self.candidates("interpreter", &report.interpreter);
        self.candidates("installer", &report.installer);
        match &report.current {
            Some(current) => self.current(current),
            None => self.row("environment", "none"),
        }
        self.lock(&report.lock);
        if let Some(failure) = &report.last_failure {
            self.failure(failure);
        }
        self.row("to do", &report.to_do);
    }

    fn manifest(&mut self, manifest: &ManifestReport) {
        self.row("manifest", &format!("{} ({})", manifest.path, manifest.kind));
        for part in &manifest.parts {
            self.row("", &format!("{}  {}", &part.sha256[..part.sha256.len().min(12)], part.label));
        }
        manifest.notes.iter().for_each(|note| self.row("note", note));
    }

    fn candidates(&mut self, label: &str, candidates: &Candidates) {
        if let Some(chosen) = &candidates.chosen {
            self.row(label, chosen);
        }
        if let Some(error) = &candidates.error {
            self.row(label, error);
        }
        candidates.rejected.iter().for_each(|rejected| self.row("", &format!("not {rejected}")));
    }

    fn current(&mut self, current: &Current) {
        let age = ago((now_ms() / 1000).saturating_sub(current.built_at));
        self.row("environment", &current.prefix.display().to_string());
        let count = current.packages.len();
        let plural = if count == 1 { "" } else { "s" };
        self.row(
            "",
            &format!("{count} package{plural}, built {age} by {} for Python {}", current.installer, current.python),
        );
    }

    fn lock(&mut self, lock: &LockReport) {
        match (lock.state, lock.pid, lock.since) {
            ("held", Some(pid), Some(since)) => {
                let age = ago((now_ms() / 1000).saturating_sub(since));
                self.row("lock", &format!("held by process {pid}, which began {age}"));
            }
            ("unsupported", ..) => {
                self.row("lock", "this file system has no locks: builds may be done twice, nothing is swept")
            }
            (state, ..) => self.row("lock", state),
        }
    }

    fn failure(&mut self, failure: &FailureReport) {
        let class = if failure.class.is_empty() { &failure.code } else { &failure.class };
        let of = if failure.of_these_inputs { "" } else { ", with other manifests" };
        self.row(
            "last failure",
            &format!("{} ({class}), {}{of}, try {}", failure.message, ago(failure.age), failure.tries),
        );
        failure.log_end.iter().for_each(|line| self.row("", &format!("| {line}")));
        self.row("log", &failure.log.display().to_string());
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
