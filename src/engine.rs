//! What `--check` says of a plugin's servers: of those in containers also whether the engine and the image are there.

use crate::credentials::Known;
use crate::process::Job;
use crate::report::ServerReport;
use crate::server::{Container, Server};
use crate::tool;
use std::path::PathBuf;
use std::time::Duration;

/// How long an engine may take for its answer: one that does not answer lets its clients wait for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// In whose words an engine says that it has no such image: Docker's, Podman's.
const MISSING: [&str; 3] = ["No such image", "image not known", "no such image"];

/// What an engine says of an image.
enum Answer {
    Present,
    Missing,
    NoEngine,
    /// In its own words, or in ours if it has none.
    Refused(String),
    /// Which image, the command does not tell.
    Untold,
}

/// Looks at a server: it says how the host comes to it, and asks the engine of a container.
pub fn look(server: &Server) -> ServerReport {
    let report = ServerReport {
        name: server.name.clone(),
        kind: if server.is_remote() { "remote" } else { "local" },
        transport: server.transport.clone(),
        engine: None,
        image: None,
        state: None,
        note: server.is_remote().then(|| format!("reached by {}: nothing to install", server.transport)),
    };
    match server.container() {
        Some(container) => in_container(report, &container),
        None => report,
    }
}

fn in_container(report: ServerReport, container: &Container<'_>) -> ServerReport {
    let engine = &container.engine[0];
    let image = container.image.map(str::to_owned);
    let name = image.clone().unwrap_or_default();
    let (state, note) = match ask(container) {
        Answer::Present => ("present", format!("the image `{name}` is there")),
        Answer::Missing => (
            "missing",
            format!("the image `{name}` is not there: `{engine} pull {name}` fetches it before a host waits for it"),
        ),
        Answer::NoEngine => ("no-engine", format!("`{engine}` is not there: install it")),
        Answer::Refused(why) => ("no-answer", format!("`{engine}` does not answer: {why}")),
        Answer::Untold => ("untold", "its command does not tell which image".into()),
    };
    let note = Some(format!("in a container, nothing to install; {note}"));
    ServerReport { kind: "container", engine: Some(engine.clone()), image, state: Some(state), note, ..report }
}

fn ask(container: &Container<'_>) -> Answer {
    let Some(program) = program(&container.engine[0]) else { return Answer::NoEngine };
    let Some(image) = container.image else { return Answer::Untold };
    let job = Job::new(program).args(&container.engine[1..]).args(["image", "inspect", "--format", "{{.Id}}", image]);
    match job.ask(PATIENCE) {
        Ok((ended, _)) if ended.out_of_time => Answer::Refused(format!("nothing within {} s", PATIENCE.as_secs())),
        Ok((ended, _)) if ended.status.success() => Answer::Present,
        Ok((_, said)) if MISSING.iter().any(|words| said.contains(words)) => Answer::Missing,
        Ok((_, said)) => Answer::Refused(first_line(&said)),
        Err(error) => Answer::Refused(error.to_string()),
    }
}

/// Where the host would find the engine: a name is on PATH, a full path is itself.
fn program(word: &str) -> Option<PathBuf> {
    let path = PathBuf::from(word);
    if path.is_absolute() { crate::fs::is_file(&path).then_some(path) } else { tool::on_path(word).into_iter().next() }
}

fn first_line(said: &str) -> String {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing");
    Known::in_environment().redact(line)
}
