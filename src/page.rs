//! What `--check` found, as a page for a person.

use crate::output::{harmless, in_words};
use crate::report::{
    Candidates, Current, EnvironmentReport, FailureReport, LockReport, ManifestReport, NotStarted, Report, State,
};
use crate::store::now_ms;

/// Sets words off on a terminal, and only there.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// A state, in its colour.
    pub fn state(self, state: State) -> String {
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
    for (server, note) in report.servers.iter().filter_map(|server| Some((server, server.note.as_ref()?))) {
        page.row("server", &format!("`{}`: {note}", server.name));
    }
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
        self.row("to do", &report.to_do);
        if let Some(manifest) = &report.manifest {
            self.manifest(manifest);
        }
        self.candidates("interpreter", &report.interpreter);
        self.candidates("installer", &report.installer);
        match &report.current {
            Some(current) => self.current(current),
            None => self.row("environment", "none"),
        }
        report.not_started.iter().for_each(|server| self.not_started(server));
        self.lock(&report.lock);
        if let Some(failure) = &report.last_failure {
            self.failure(failure);
        }
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
            &format!(
                "{count} package{plural}, built {age} by {} for {} {}",
                current.installer, current.runtime, current.python
            ),
        );
    }

    fn not_started(&mut self, server: &NotStarted) {
        self.row("server", &format!("`{}` does not start in it", server.command));
        self.row("", &format!("ended before it answered, {}: {}", ago(server.age), server.end));
        server.said.iter().for_each(|line| self.row("", &format!("| {}", shortened(line))));
        if let Some(instead) = &server.instead {
            self.row("", &format!("starts use the packages of {instead} until something changes"));
        }
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
        match failure.again_in {
            Some(0) => self.row("next try", "at the next start, or by `plugdeps sync`"),
            Some(left) => self.row("next try", &format!("by a start in {}, or by `plugdeps sync`", in_words(left))),
            None => {}
        }
        // Of other manifests it explains nothing that is true now.
        for line in failure.log_end.iter().filter(|_| failure.of_these_inputs) {
            self.row("", &format!("| {}", shortened(line)));
        }
        self.row("log", &failure.log.display().to_string());
    }
}

/// As much of a line as a page has room for.
fn shortened(line: &str) -> String {
    const LONGEST: usize = 160;
    let mut short: String = line.chars().take(LONGEST).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// How long ago that was.
pub fn ago(seconds: u64) -> String {
    format!("{} ago", in_words(seconds))
}
