//! Lines that install packages by themselves: whether plugdeps does all that they do.

use super::draft::Draft;
use super::line::{braced, script_text};
use super::wiring::inside;
use crate::fs;
use crate::hooks::Hook;
use crate::install_line::{self, Install, Tool};
use crate::old_form::{Way, of_command};
use crate::project::join;
use crate::shell_line::{Command, commands};

/// What is to become of a line.
#[derive(Debug)]
pub enum Fate {
    /// It installs nothing, and what it runs besides, if anything.
    Other(Option<String>),
    /// Nothing is lost without it.
    Replaced(Vec<Install>),
    /// It installs, and something stands in the way of leaving it out.
    Stays(String),
}

/// The variables of the host in a line for a shell, where they may be written in two ways.
const PLACES: [(&str, &str); 2] =
    [("$CLAUDE_PLUGIN_ROOT", "${CLAUDE_PLUGIN_ROOT}"), ("$CLAUDE_PLUGIN_DATA", "${CLAUDE_PLUGIN_DATA}")];
/// The plugin's directory, as the host puts it in.
pub const ROOT: &str = "${CLAUDE_PLUGIN_ROOT}";
/// The directory of its data.
pub const DATA: &str = "${CLAUDE_PLUGIN_DATA}";
/// Files that an installation may copy before it begins.
const MANIFESTS: [&str; 9] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "pyproject.toml",
    "uv.lock",
];
/// What keeps installers up to date and is no requirement of a server.
const TOOLS: [&str; 4] = ["pip", "setuptools", "wheel", "uv"];
/// How much of a command is shown, in characters.
const LONGEST: usize = 60;
/// Commands that change nothing but what a script knows.
const LOOKING: &str = " pwd uname dirname basename readlink realpath break continue shift date head tail grep sort local \
    declare readonly umask type hash sleep stat find wc ls id ";

/// What is to become of a hook.
pub fn of_hook(draft: &Draft, hook: &Hook) -> Fate {
    of_commands(draft, &hook.command, &hook.commands())
}

/// What is to become of the commands of a text.
pub fn of_commands(draft: &Draft, text: &str, line: &[Command]) -> Fate {
    let Some((text, commands)) = with_scripts(draft, text, line) else { return Fate::Other(None) };
    let read = install_line::read(&commands);
    let other = read.rest.iter().find(|command| !is_harmless(command, &read.installs));
    let around = commands.iter().find_map(|command| hindrance_around(command, &read.installs));
    let other = other.map(runs).or(around);
    if read.installs.is_empty() {
        return Fate::Other(other);
    }
    let hindrance = text.contains("CLAUDE_ENV_FILE").then(|| "it sets variables for the session".to_owned());
    let install = read.installs.iter().find_map(|install| hindrance_of(draft, install));
    match hindrance.or(other).or(install) {
        Some(hindrance) => Fate::Stays(hindrance),
        None => Fate::Replaced(read.installs),
    }
}

/// The commands with those of the plugin's own scripts in their place; `None` where a script cannot be read.
fn with_scripts(draft: &Draft, text: &str, line: &[Command]) -> Option<(String, Vec<Command>)> {
    let (mut all, mut found) = (text.to_owned(), Vec::new());
    for command in line {
        let mut command = command.clone();
        braced(&mut command);
        let start = of_command(&command);
        match start.script.filter(|_| start.way == Way::Shell) {
            Some(script) => {
                let text = script_text(draft, &inside(&script)?)?;
                found.extend(commands(&text));
                all.push_str(&text);
            }
            None => found.push(command),
        }
    }
    found.iter_mut().for_each(|command| {
        braced(command);
        name_python(command);
    });
    Some((all, found))
}

/// That a command is run besides, in words for a person.
fn runs(command: &Command) -> String {
    format!("it also runs `{}`", shown(&command.words.join(" ")))
}

/// As much of a line as is shown.
pub fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(LONGEST).collect();
    if shown.len() < text.len() { shown + "…" } else { shown }
}

/// A text in which the host's variables are written as the host itself knows them.
pub fn with_braces(text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, (plain, braced)| text.replace(plain, braced))
}

/// Whatever a variable leads to that is told to run `pip` or `venv`, is Python.
fn name_python(command: &mut Command) {
    if let [program, option, module, ..] = command.words.as_mut_slice() {
        let is_module = option == "-m" && ["pip", "venv", "virtualenv", "ensurepip"].contains(&module.as_str());
        if is_module && program.starts_with('$') && !program.contains('/') {
            *program = "python3".to_owned();
        }
    }
}

/// Whether a command does nothing that is missed, beside an installation.
fn is_harmless(command: &Command, installs: &[Install]) -> bool {
    let program = command.program();
    let links = || {
        let ends = command.words.last().is_some_and(|word| word.ends_with("node_modules") || word.contains("venv"));
        program == "ln" && ends && !installs.is_empty()
    };
    LOOKING.contains(&format!(" {program} ")) || links()
}

/// Why an installation is not one that plugdeps does.
fn hindrance_of(draft: &Draft, install: &Install) -> Option<String> {
    if install.is_global || install.tool == Tool::UvTool {
        return Some("it installs for all programs of the user".into());
    }
    if install.tool == Tool::Other {
        return Some("it installs in a way that plugdeps does not know".into());
    }
    let named = install.packages.iter().find(|package| !TOOLS.contains(&package.name.as_str()));
    if let Some(package) = named {
        return Some(format!("it names `{}` itself, which belongs into a manifest", package.text));
    }
    let missing =
        install.manifests.iter().chain(&install.directories).find(|path| !is_there(draft, path, install.tool));
    missing.map(|path| format!("it installs from `{path}`, and the plugin has no such manifest"))
}

/// Whether a manifest, or its original, is in the plugin.
fn is_there(draft: &Draft, path: &str, tool: Tool) -> bool {
    let own = inside(path);
    let in_root = own.clone().unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned());
    let has = |path: &str| matches!(draft.read(path), Ok(Some(_)));
    match tool {
        Tool::Npm | Tool::Pnpm | Tool::Yarn | Tool::Bun => has(&join(&own.unwrap_or_default(), "package.json")),
        _ if fs::is_directory(&draft.root.join(&in_root)) => has(&join(&in_root, "pyproject.toml")),
        _ => has(&in_root),
    }
}

/// Why a command around an installation is more than that.
fn hindrance_around(command: &Command, installs: &[Install]) -> Option<String> {
    let paths: Vec<&String> = command.words.iter().skip(1).filter(|word| !word.starts_with('-')).collect();
    let sources = &paths[..paths.len().saturating_sub(1)];
    let is_fine = match command.program() {
        "cp" | "mv" => sources.iter().all(|path| is_manifest(path, installs)),
        "mkdir" => paths.iter().all(|path| is_for(path, installs)),
        "source" | "." => paths.iter().all(|path| path.ends_with("/activate")),
        _ => true,
    };
    (!is_fine).then(|| runs(command))
}

fn is_manifest(path: &str, installs: &[Install]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_named = |one: &String| one.rsplit('/').next() == Some(name);
    MANIFESTS.contains(&name)
        || name.starts_with("requirements")
        || installs.iter().flat_map(|install| &install.manifests).any(is_named)
}

/// Whether a directory is made for what is installed.
fn is_for(path: &str, installs: &[Install]) -> bool {
    let path = path.trim_end_matches('/');
    let mut targets = installs.iter().flat_map(|install| install.target.iter().chain(&install.manifests));
    path == DATA || targets.any(|target| target.starts_with(path))
}
