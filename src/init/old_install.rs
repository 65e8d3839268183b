//! Lines that install packages by themselves: whether plugdeps does all that they do.

use super::draft::Draft;
use crate::fs;
use crate::hooks::Hook;
use crate::install_line::{self, Install, Tool};
use crate::old_form::{Way, of_command};
use crate::shell_line::{Command, commands};

/// What is to become of a line.
#[derive(Debug)]
pub enum Fate {
    /// It installs nothing.
    Other,
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

/// What is to become of a hook.
pub fn of_hook(draft: &Draft, hook: &Hook) -> Fate {
    of_text(draft, &hook.command, &hook.commands())
}

/// What is to become of the commands of a line; `text` is the line itself.
pub fn of_text(draft: &Draft, text: &str, line: &[Command]) -> Fate {
    let Some((text, commands)) = with_scripts(draft, text, line) else { return Fate::Other };
    let read = install_line::read(&commands);
    if read.installs.is_empty() {
        return Fate::Other;
    }
    let hindrance = text.contains("CLAUDE_ENV_FILE").then(|| "it sets variables for the session".to_owned());
    let other = read.rest.first().map(|command| format!("it also runs `{}`", command.words.join(" ")));
    let install = read.installs.iter().find_map(|install| hindrance_of(draft, install));
    let around = commands.iter().find_map(|command| hindrance_around(command, &read.installs));
    match hindrance.or(other).or(install).or(around) {
        Some(hindrance) => Fate::Stays(hindrance),
        None => Fate::Replaced(read.installs),
    }
}

/// The commands with those of the plugin's own scripts in their place; `None` where a script cannot be read.
fn with_scripts(draft: &Draft, text: &str, line: &[Command]) -> Option<(String, Vec<Command>)> {
    let (mut all, mut found) = (text.to_owned(), Vec::new());
    for command in line {
        let command = with_places(command);
        let start = of_command(&command);
        match start.script.filter(|_| start.way == Way::Shell) {
            Some(script) => {
                let bytes = draft.read(script.strip_prefix(ROOT)?.strip_prefix('/')?).ok()??;
                let script = with_braces(&String::from_utf8(bytes).ok()?);
                found.extend(commands(&script));
                all.push_str(&script);
            }
            None => found.push(command),
        }
    }
    Some((all, found))
}

fn with_places(command: &Command) -> Command {
    let mut command = command.clone();
    command.words.iter_mut().for_each(|word| *word = with_braces(word));
    command.directory = command.directory.map(|path| with_braces(&path));
    command.variables.iter_mut().for_each(|(_, value)| *value = with_braces(value));
    command
}

/// A text in which the host's variables are written as the host itself knows them.
pub fn with_braces(text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, (plain, braced)| text.replace(plain, braced))
}

/// Why an installation is not one that plugdeps does.
fn hindrance_of(draft: &Draft, install: &Install) -> Option<String> {
    if install.is_global || install.tool == Tool::UvTool {
        return Some("it installs for all programs of the user".into());
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
    let inside = path.strip_prefix(ROOT).map(|path| path.trim_start_matches('/'));
    let in_root = inside.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default());
    let has = |path: &str| matches!(draft.read(path), Ok(Some(_)));
    match tool {
        Tool::Npm | Tool::Pnpm | Tool::Yarn | Tool::Bun => {
            let directory = inside.unwrap_or_default();
            has(&crate::project::join(directory, "package.json"))
        }
        _ if fs::is_directory(&draft.root.join(in_root)) => has(&crate::project::join(in_root, "pyproject.toml")),
        _ => has(in_root),
    }
}

/// Why a command around an installation is more than that.
fn hindrance_around(command: &Command, installs: &[Install]) -> Option<String> {
    let paths: Vec<&String> = command.words.iter().skip(1).filter(|word| !word.starts_with('-')).collect();
    let told = || Some(format!("it also runs `{}`", command.words.join(" ")));
    match command.program() {
        "cp" | "mv" => {
            let sources = paths.len().saturating_sub(1);
            if paths.iter().take(sources).all(|path| is_manifest(path, installs)) { None } else { told() }
        }
        "mkdir" => {
            if paths.iter().all(|path| is_for(path, installs)) {
                None
            } else {
                told()
            }
        }
        _ => None,
    }
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
    let targets = installs.iter().flat_map(|install| install.target.iter().chain(&install.manifests));
    path == DATA || targets.into_iter().any(|target| target.starts_with(path))
}
