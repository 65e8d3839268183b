//! Rules of how servers are started.

use super::Spot;
use super::entries::Entry;
use super::imports;
use super::subject::Subject;
use super::variables::{DATA, ROOT};
use crate::environments::Environment;
use crate::install_line::Tool;
use crate::manifest::{Format, Manifest};
use crate::old_form::{Start, Way};
use crate::package_name::Package;
use crate::requirement_line::Named;
use crate::runtime::Runtime;

/// What is to be written instead of most of it.
const RUN: &str =
    "start it by `plugdeps run -- …`, which installs once and answers meanwhile (`plugdeps init` writes it)";

/// Modules of Python itself that serve something.
const OF_PYTHON: [&str; 2] = ["http.server", "pydoc"];

/// Packages that a manifest asks for, by name.
fn packages(manifest: &Manifest) -> Vec<String> {
    if let Some(package) = manifest.package() {
        return package.dependencies().map(|(name, _)| name.to_owned()).collect();
    }
    let items = manifest.items();
    items.iter().map(|item| Named::parse(&item.text).name.to_owned()).filter(|name| !name.is_empty()).collect()
}

pub fn nothing_installs(subject: &Subject) -> Vec<Spot> {
    let plain = |entry: &&Entry| matches!(entry.start.way, Way::Python | Way::Node | Way::Environment);
    subject.entries.iter().filter(plain).filter_map(|entry| lacking(subject, entry)).collect()
}

/// What a server needs and nobody installs.
fn lacking(subject: &Subject, entry: &Entry) -> Option<Spot> {
    let has_steps = !subject.steps.is_empty();
    if let Some(environment) = entry.start.environment.as_deref().filter(|_| !has_steps) {
        let inside = super::variables::in_plugin(environment);
        let is_there = inside.is_some_and(|path| subject.ships(&path));
        let why =
            format!("nothing makes the environment `{environment}` that the server `{}` is started in", entry.name);
        return (!is_there).then(|| Spot::new(entry.place(), why, RUN));
    }
    if let Some(spot) = foreign_module(subject, entry).filter(|_| !has_steps) {
        return Some(spot);
    }
    let environment = subject.environment_of(entry).filter(|_| !has_steps)?;
    let manifest = environment.manifest.as_ref().ok()?;
    if is_installed(subject, entry, environment, manifest) {
        return None;
    }
    let script = subject.script_of(entry)?;
    let import = match environment.runtime()? {
        Runtime::Python => imports::of_python(subject, &script, &packages(manifest)),
        Runtime::Node => imports::of_node(subject, &script, &packages(manifest)),
    }?;
    let why = format!(
        "nothing installs `{}`, which `{}` imports on line {}: the server `{}` ends at once where it is not there by chance",
        import.package, import.file, import.line, entry.name
    );
    Some(Spot::new(entry.place(), why, RUN))
}

/// A module that Python looks for in the session's directory and among the user's own packages, and nowhere else.
fn foreign_module(subject: &Subject, entry: &Entry) -> Option<Spot> {
    let module = entry.start.module.as_deref().filter(|_| entry.start.way == Way::Python)?;
    let is_led = ["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"].iter().any(|name| entry.variable(name).is_some());
    let is_led = is_led || entry.start.variables.iter().any(|(name, _)| name == "PYTHONPATH");
    let is_there = entry.start.directory.is_some() || OF_PYTHON.contains(&module);
    let is_own = imports::lies_in(subject, module);
    let why = match is_own {
        true => format!("`-m {module}` is looked for in the session's directory, and not in the plugin's"),
        false => format!("`-m {module}` is no module of the plugin, and nothing installs it"),
    };
    (!is_led && !is_there).then(|| Spot::new(entry.place_of(module), why, RUN))
}

/// Whether the host installs it, or the packages are among the files, or the program fetches them by itself.
fn is_installed(subject: &Subject, entry: &Entry, environment: &Environment, manifest: &Manifest) -> bool {
    let directory = &environment.directory;
    let of_host = matches!(manifest.format, Format::NpmLock | Format::BunLock) && directory.is_empty();
    let modules = if directory.is_empty() { "node_modules".to_owned() } else { format!("{directory}/node_modules") };
    let is_bun = crate::shell_line::program_name(&entry.start.program) == "bun";
    let vendored = entry
        .variable("PYTHONPATH")
        .is_some_and(|path| path.text.contains("site-packages") || path.text.contains("vendor"));
    of_host || subject.ships(&modules) || is_bun || vendored
}

pub fn installs_at_start(subject: &Subject) -> Vec<Spot> {
    let steps =
        subject.server_steps().filter(|(_, step)| step.installs.iter().any(|install| install.tool != Tool::Venv));
    steps
        .map(|(entry, step)| {
            let why = format!(
                "the server `{}` installs its packages when it is started: a host waits 30 s for its first \
                 answer, two sessions install at once, and one that is killed leaves half of them",
                entry.name
            );
            Spot::new(step.place_of(step.main()), why, RUN)
        })
        .collect()
}

pub fn uv_at_start(subject: &Subject) -> Vec<Spot> {
    let of_plugin = |entry: &&Entry| match entry.start.way {
        Way::UvRun => true,
        Way::Uvx => entry.start.project.is_some(),
        _ => false,
    };
    subject
        .entries
        .iter()
        .filter(of_plugin)
        .map(|entry| Spot::new(entry.place(), uv_why(subject, entry), RUN))
        .collect()
}

fn uv_why(subject: &Subject, entry: &Entry) -> String {
    let way = if entry.start.way == Way::UvRun { "uv run" } else { "uvx" };
    let elsewhere = entry.variable("UV_PROJECT_ENVIRONMENT").is_some_and(|place| place.text.starts_with(DATA));
    let words = entry.plain_words();
    let has = |option: &str| words.iter().any(|word| word == option);
    let path = format!("`{way}` needs uv on a PATH that may be a desktop's");
    let asks = |script: String| subject.text(&script).is_some_and(|text| text.contains("# /// script"));
    if has("--no-project") && !has("--with") && !subject.script_of(entry).is_some_and(asks) {
        return path;
    }
    let more = if has("--no-sync") {
        ", and `--no-sync` never makes it"
    } else if way == "uv run" && !elsewhere && entry.start.script.as_deref().is_none_or(|s| !s.ends_with(".py")) {
        ", into the plugin's directory, which the next update replaces"
    } else {
        ""
    };
    format!("{path}, and makes the environment while the host waits 30 s{more}")
}

/// Every start from an index: of a server itself, or in a script that it is.
fn fetched(subject: &Subject) -> Vec<(&Entry, &Start, (&str, usize))> {
    let own = subject.entries.iter().filter(|entry| entry.start.is_fetched());
    let own = own.map(|entry| {
        let text = entry.start.packages.first().map_or("", |package| package.text.as_str());
        (entry, &entry.start, entry.place_of(text))
    });
    let inner = subject.fetches.iter();
    let inner = inner.map(|fetch| (&subject.entries[fetch.server], &fetch.start, (fetch.file.as_str(), fetch.line)));
    own.chain(inner).collect()
}

/// The package of a start that may be another one tomorrow.
fn open(start: &Start) -> Option<&Package> {
    let mut named = start.packages.iter().filter(|package| !package.is_directory());
    named.find(|package| package.exact().is_none() && !has_revision(package))
}

pub fn unpinned_start(subject: &Subject) -> Vec<Spot> {
    let starts = fetched(subject).into_iter().filter_map(|(entry, start, place)| Some((entry, open(start)?, place)));
    starts
        .map(|(entry, package, place)| {
            let why = format!(
                "the server `{}` is whatever `{}` is at the moment, for all users at once",
                entry.name,
                shown(package)
            );
            Spot::new(place, why, "name one version, or ship it as a dependency with a lock")
        })
        .collect()
}

/// As it is written, but for what a script makes of it.
fn shown(package: &Package) -> &str {
    if package.text.contains("$(") { &package.name } else { &package.text }
}

/// A commit or tag of a repository.
fn has_revision(package: &Package) -> bool {
    package.is_repository() && package.text.rsplit('/').next().is_some_and(|last| last.contains(['@', '#']))
}

pub fn fetched_at_start(subject: &Subject) -> Vec<Spot> {
    let pinned = fetched(subject).into_iter().filter(|(_, start, _)| open(start).is_none());
    pinned
        .map(|(entry, start, place)| {
            let why = format!(
                "the server `{}` is fetched at its first start, while the host waits 30 s, and needs `{}`",
                entry.name, start.program
            );
            Spot::new(place, why, "ship it as a dependency with a lock, and start it by `plugdeps run -- …`")
        })
        .collect()
}

pub fn loader_from_session(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in subject.entries.iter().filter(|entry| !entry.is_ours() || entry.start.way == Way::Plugdeps) {
        let is_name = |loader: &&String| !loader.starts_with(['/', '$', 'f']) || loader.starts_with('.');
        found.extend(entry.start.loaders.iter().find(is_name).map(|loader| {
            let why = format!("Node looks for `{loader}` in the session's directory and above, not beside the server");
            Spot::new(entry.place_of(loader), why, format!("start a built file, or name `{ROOT}/…` by its full path"))
        }));
    }
    found
}

pub fn bare_python(subject: &Subject) -> Vec<Spot> {
    let bare = |entry: &&Entry| entry.start.way == Way::Python && entry.start.program == "python";
    let why = |entry: &Entry| {
        format!("macOS and many Linux systems have no `python`: the server `{}` is not found there", entry.name)
    };
    let found = subject.entries.iter().filter(bare);
    found
        .map(|entry| Spot::new(entry.place(), why(entry), "write `python3`, or start it by `plugdeps run -- python …`"))
        .collect()
}

pub fn environment_unsaid(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in subject.entries.iter().filter(|entry| entry.is_ours() && entry.start.environment.is_none()) {
        let Some(module) = &entry.start.module else { continue };
        let names: Vec<&str> = (subject.plugin.environments.iter())
            .filter(|environment| environment.runtime() == Some(Runtime::Python))
            .map(|environment| environment.name.as_str())
            .collect();
        if names.len() > 1 {
            let why =
                format!("`-m {module}` names no file, and there are {} environments: the first is taken", names.len());
            let fix = format!("write `plugdeps run --environment NAME -- …`: {}", names.join(", "));
            found.push(Spot::new(entry.place_of(module), why, fix));
        }
    }
    found
}

pub fn env_shadows(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in subject.entries.iter().filter(|entry| entry.is_ours()) {
        for (name, value) in &entry.env {
            if let Some(why) = shadowed(name, &value.text) {
                let fix = "remove the line: `plugdeps run` gives the server its packages";
                found.push(Spot::new((&entry.file, value.line), format!("`{name}` {why}"), fix));
            }
        }
    }
    found
}

/// What a variable does to a server that plugdeps starts.
fn shadowed(name: &str, value: &str) -> Option<&'static str> {
    let is_packages = ["site-packages", "node_modules", DATA].iter().any(|part| value.contains(part));
    match name {
        "PYTHONPATH" | "NODE_PATH" if is_packages => {
            Some("puts packages of another place before those of the environment")
        }
        "PYTHONHOME" | "VIRTUAL_ENV" => Some("is taken away or set anew by `plugdeps run`"),
        "UV_PROJECT_ENVIRONMENT" => Some("means nothing to `plugdeps run`"),
        _ if name.starts_with("PIP_") || name.starts_with("UV_") => {
            Some("is seen by this server alone, while the hook installs without it")
        }
        _ => None,
    }
}
