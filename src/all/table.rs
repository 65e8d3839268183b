//! What `--check --all` found, as a table for a person.

use super::os;
use super::report::{LeftoverReport, PluginReport, Report, VersionReport};
use super::survey::Missing;
use crate::output::harmless;
use crate::page::{Paint, ago};
use crate::report::{EnvironmentReport, FailureReport, State};

/// How wide a table is where no terminal says how wide it may be.
const USUAL_WIDTH: usize = 120;
/// The least that the last column has, however narrow the terminal is.
const LEAST: usize = 24;
/// Names are no longer than this in a table.
const LONGEST_NAME: usize = 48;
const HEADINGS: [&str; 5] = ["plugin", "environment", "state", "size", "what"];

/// A row, all but the state as it is shown.
struct Row {
    plugin: String,
    environment: String,
    state: Shown,
    size: String,
    what: String,
}

/// What stands under `state`.
enum Shown {
    Of(State),
    Other(&'static str),
}

impl Shown {
    fn text(&self, paint: Paint) -> String {
        match self {
            Self::Of(state) => paint.state(*state),
            Self::Other(text) => (*text).to_owned(),
        }
    }
}

/// The report as a table, as wide as the terminal is.
pub fn render(report: &Report, paint: Paint) -> String {
    let mut rows: Vec<Row> = report.plugins.iter().flat_map(of_plugin).collect();
    rows.extend(report.missing.iter().map(of_missing));
    rows.extend(report.leftovers.iter().map(of_leftover));
    let mut text =
        if rows.is_empty() { String::new() } else { table(&rows, paint, os::width().unwrap_or(USUAL_WIDTH)) };
    for line in remarks(report) {
        text.push_str(&format!("{}\n", harmless(&line)));
    }
    text
}

fn of_plugin(plugin: &PluginReport) -> Vec<Row> {
    let mut rows: Vec<Row> = plugin.versions.iter().flat_map(|version| of_version(plugin, version)).collect();
    if rows.is_empty() {
        rows.push(Row {
            plugin: plugin.id.clone(),
            environment: String::new(),
            state: Shown::Other("unknown"),
            size: in_bytes(plugin.bytes),
            what: "the host's list does not say where it is".into(),
        });
    }
    for disk in plugin.disk.iter().filter(|disk| disk.unused) {
        rows.push(Row {
            plugin: plugin.id.clone(),
            environment: disk.name.clone(),
            state: Shown::Other("unused"),
            size: in_bytes(disk.bytes),
            what: "no version that is here has this environment".into(),
        });
    }
    rows
}

fn of_version(plugin: &PluginReport, version: &VersionReport) -> Vec<Row> {
    let place = if version.in_place { " (in place)" } else { "" };
    let name = format!("{} {}{place}", plugin.id, version.version);
    let row = |environment: &str, state, what| Row {
        plugin: name.clone(),
        environment: environment.to_owned(),
        state: Shown::Of(state),
        size: plugin.disk.iter().find(|disk| disk.name == environment).map_or("".into(), |disk| in_bytes(disk.bytes)),
        what,
    };
    if version.environments.is_empty() {
        let nothing = || "it has no manifest, so nothing is installed".to_owned();
        return vec![row("", version.state, version.error.clone().unwrap_or_else(nothing))];
    }
    version.environments.iter().map(|one| row(&one.name, one.state, what(one))).collect()
}

fn of_missing(missing: &Missing) -> Row {
    Row {
        plugin: format!("{} {}", missing.id, missing.version),
        environment: String::new(),
        state: Shown::Other("gone"),
        size: String::new(),
        what: format!("installed, but its directory `{}` is missing", missing.root.display()),
    }
}

fn of_leftover(leftover: &LeftoverReport) -> Row {
    let name = leftover.data.file_name().unwrap_or_default().to_string_lossy();
    Row {
        plugin: name.into_owned(),
        environment: String::new(),
        state: Shown::Other(leftover.kind),
        size: in_bytes(leftover.bytes),
        what: leftover.note.clone(),
    }
}

/// What a person wants to know of an environment: what failed, or else what is there.
fn what(environment: &EnvironmentReport) -> String {
    match (environment.state, &environment.current) {
        (State::WouldBuild, _) if environment.lock.state == "held" => "a build is under way".into(),
        _ if environment.last_failure.is_some() => environment.last_failure.iter().map(failed).collect(),
        _ if !environment.not_started.is_empty() => {
            let commands: Vec<String> =
                environment.not_started.iter().map(|one| format!("`{}`", one.command)).collect();
            format!("{} does not start in it", commands.join(", "))
        }
        (State::Ready, Some(current)) => {
            let count = current.packages.len();
            format!("{count} packages, {} {}, by {}", current.runtime, current.python, current.installer)
        }
        _ => environment.why.join("; "),
    }
}

fn failed(failure: &FailureReport) -> String {
    let class = if failure.class.is_empty() { &failure.code } else { &failure.class };
    format!("failed {} ({class}): {}", ago(failure.age), failure.message)
}

fn table(rows: &[Row], paint: Paint, width: usize) -> String {
    let cells: Vec<[String; 5]> = rows.iter().map(Row::cells).collect();
    let widest = |column: usize| {
        let texts = cells.iter().map(|row| row[column].as_str()).chain([HEADINGS[column]]);
        texts.map(|text| text.chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; 4] = std::array::from_fn(widest);
    let left = width.saturating_sub(widths.iter().map(|width| width + 2).sum()).max(LEAST);
    let line = |cells: &[String; 5], state: &str| {
        let padding = |column: usize| " ".repeat(widths[column] - cells[column].chars().count());
        let [plugin, environment, _, size, what] = cells;
        let line = format!(
            "{plugin}{}  {environment}{}  {state}{}  {}{size}  {}",
            padding(0),
            padding(1),
            padding(2),
            padding(3),
            cut(what, left)
        );
        format!("{}\n", line.trim_end())
    };
    let mut text = line(&HEADINGS.map(str::to_owned), HEADINGS[2]);
    for (row, cells) in rows.iter().zip(&cells) {
        text.push_str(&line(cells, &row.state.text(paint)));
    }
    text
}

impl Row {
    /// What names and installers say must not steer the terminal, nor end the line.
    fn cells(&self) -> [String; 5] {
        let plain = |text: &str| harmless(&text.replace(['\n', '\t'], " "));
        let name = |text: &str| cut(&plain(text), LONGEST_NAME);
        [
            name(&self.plugin),
            name(&self.environment),
            self.state.text(Paint(false)),
            self.size.clone(),
            plain(&self.what),
        ]
    }
}

/// As much of a text as there is room for.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// Bytes as a person says them.
pub fn in_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

/// What is said below the table.
fn remarks(report: &Report) -> Vec<String> {
    let mut said = Vec::new();
    let directory = report.plugins_directory.display();
    match (report.list, &report.list_error) {
        (_, Some(error)) => said.push(error.clone()),
        ("missing", _) => said.push(format!("`{directory}` has no list of plugins, so none is installed there")),
        _ => {}
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if report.others > 0 {
        said.push(format!("{} other plugin{}, without plugdeps", report.others, plural(report.others)));
    }
    said.extend(
        report.plugins.iter().flat_map(|plugin| plugin.notes.iter().map(|note| format!("{}: {note}", plugin.id))),
    );
    let is_elsewhere = |leftover: &&LeftoverReport| !leftover.data.starts_with(&report.plugins_directory);
    let elsewhere: u64 = report.leftovers.iter().filter(is_elsewhere).map(|leftover| leftover.bytes).sum();
    if report.bytes > elsewhere {
        said.push(format!("{} on disk in `{directory}`", in_bytes(report.bytes - elsewhere)));
    }
    if let Some(own) = report.leftovers.iter().find(is_elsewhere).and_then(|leftover| leftover.data.parent()) {
        said.push(format!("{} on disk in `{}`", in_bytes(elsewhere), own.display()));
    }
    if report.has_unused() {
        said.push("`plugdeps prune --all` removes what is unused and orphaned, after asking".into());
    }
    said
}
