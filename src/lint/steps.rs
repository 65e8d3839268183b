//! What hooks and servers install when they are started: in their own line, in the scripts that it starts, in the scripts
//! of `package.json` that it names.

use super::entries::Entry;
use super::scripts;
use super::variables::{in_plugin, plain};
use crate::fs;
use crate::hooks::Hook;
use crate::install_line::{self, Guard, Install, Installing};
use crate::old_form::{self, Start, Way};
use crate::shell_line::{After, Command, commands, commands_of, joined};
use serde_json::Value;
use std::path::Path;

/// Whose line it is, by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Hook(usize),
    Server(usize),
}

/// Installations that stand together: in one line, or in one script.
#[derive(Debug)]
pub struct Step {
    pub origin: Origin,
    /// The file in which they stand.
    pub file: String,
    /// The line of a hook or a server; in a script each installation has its own.
    line: Option<usize>,
    pub installs: Vec<Install>,
    /// The line on which it tells standard output of that.
    pub told: Option<usize>,
}

/// A program that a script of a server starts, from an index.
#[derive(Debug)]
pub struct Fetch {
    /// The server, by its place in the list.
    pub server: usize,
    pub file: String,
    pub line: usize,
    pub start: Start,
}

/// `plugdeps session-start` in a text, and what happens to its standard output.
#[derive(Debug)]
pub struct Door {
    /// The hook, by its place in the list.
    pub hook: usize,
    pub file: String,
    pub line: usize,
    pub output: Output,
}

/// What happens to standard output that the host reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Another command writes as well.
    Mixed,
    /// It goes elsewhere.
    Elsewhere,
    /// Nobody waits for it.
    Unawaited,
}

/// What hooks and servers do when they are started.
#[derive(Default)]
pub struct Walked {
    pub steps: Vec<Step>,
    pub doors: Vec<Door>,
    pub fetches: Vec<Fetch>,
}

/// The largest script that is looked at.
const LARGEST: usize = 262_144;
/// How many scripts deep.
const DEEPEST: usize = 3;

impl Step {
    pub fn place_of(&self, install: &Install) -> (&str, usize) {
        self.place(install.line)
    }

    /// The place of a line of its text.
    pub fn place(&self, line: usize) -> (&str, usize) {
        (&self.file, self.line.unwrap_or(line))
    }

    /// Whether it is the line of a hook or a server itself.
    pub fn is_line(&self) -> bool {
        self.line.is_some()
    }

    /// The installation that the others are for: the first that brings more than an empty environment and its installer.
    pub fn main(&self) -> &Install {
        self.installs.iter().find(|install| !install.is_of_tools()).unwrap_or(&self.installs[0])
    }

    /// What tells it that there is nothing to do.
    pub fn guard(&self) -> Guard {
        self.main().guard
    }
}

/// Every step of every hook and server.
pub fn all(root: &Path, hooks: &[Hook], entries: &[Entry]) -> Walked {
    let mut walk = Walk { root, found: Vec::new(), doors: Vec::new(), fetches: Vec::new() };
    for (at, hook) in hooks.iter().enumerate() {
        walk.commands(Origin::Hook(at), &hook.file, Some(hook.line), &scripts::with_variables(hook.commands()), 0);
    }
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_ours()) {
        let (file, line) = entry.place();
        walk.commands(Origin::Server(at), file, Some(line), &commands_of(&entry.plain_words()), 0);
    }
    Walked { steps: walk.found, doors: walk.doors, fetches: walk.fetches }
}

struct Walk<'a> {
    root: &'a Path,
    found: Vec<Step>,
    doors: Vec<Door>,
    fetches: Vec<Fetch>,
}

impl Walk<'_> {
    fn commands(&mut self, origin: Origin, file: &str, line: Option<usize>, commands: &[Command], depth: usize) {
        self.add(origin, file, line, install_line::read(commands), told(commands));
        for command in commands {
            self.add(origin, file, line, scripts::of_code(command), None);
        }
        if let (Origin::Hook(hook), Some((own, output))) = (origin, spoilt(commands)) {
            self.doors.push(Door { hook, file: file.to_owned(), line: line.unwrap_or(own), output });
        }
        if depth < DEEPEST {
            commands.iter().for_each(|command| self.follow(origin, command, depth + 1));
        }
    }

    fn add(&mut self, origin: Origin, file: &str, line: Option<usize>, installing: Installing, told: Option<usize>) {
        if !installing.installs.is_empty() {
            self.found.push(Step { origin, file: file.to_owned(), line, installs: installing.installs, told });
        }
    }

    /// Looks into the script that a command starts.
    fn follow(&mut self, origin: Origin, command: &Command, depth: usize) {
        let start = old_form::of_command(command);
        if start.way == Way::PackageScript {
            return self.package_script(origin, command, start.project.as_deref(), depth);
        }
        let Some(label) = start.script.as_deref().and_then(here) else { return };
        let Some(text) = self.text(&label) else { return };
        if self.found.iter().any(|step| step.origin == origin && step.file == label) {
            return;
        }
        match start.way {
            Way::Python | Way::Node | Way::Environment => {
                self.add(origin, &label, None, scripts::of_calls(&text), None);
            }
            _ if is_shell(&text) => {
                let mut inner = scripts::of_shell(&text);
                for one in &mut inner {
                    one.is_silent |= command.is_silent;
                    one.is_background |= command.is_background;
                }
                self.fetch(origin, &label, &inner);
                // What it is given may be the command itself: `exec "$@"`.
                self.commands(origin, &label, None, &inner, depth);
                self.handed_on(origin, command, depth);
            }
            _ => {}
        }
    }

    /// What the script of a server starts from an index.
    fn fetch(&mut self, origin: Origin, label: &str, commands: &[Command]) {
        let Origin::Server(server) = origin else { return };
        for command in commands {
            let start = old_form::of_command(command);
            // Without being told so, `npx` takes what the plugin has installed.
            let asks = command.words.iter().any(|word| ["-y", "--yes", "dlx"].contains(&word.as_str()));
            if start.is_fetched() && (asks || start.way == Way::Uvx) {
                self.fetches.push(Fetch { server, file: label.to_owned(), line: command.line, start });
            }
        }
    }

    /// A script that is given another command as its arguments, or a script for what it finds itself.
    fn handed_on(&mut self, origin: Origin, command: &Command, depth: usize) {
        let at =
            command.words.iter().skip(1).position(|word| ["node", "python3", "python", "bun"].contains(&word.as_str()));
        let words = match at {
            Some(at) => command.words.get(at + 1..).map(<[String]>::to_vec),
            None => {
                command.words.iter().skip(2).find_map(|word| Some(vec![interpreter(word)?.to_owned(), word.clone()]))
            }
        };
        if let Some(words) = words.filter(|_| depth < DEEPEST) {
            commands_of(&words).iter().for_each(|inner| self.follow(origin, inner, depth + 1));
        }
    }

    /// `npm start`: the line of that name in `package.json`.
    fn package_script(&mut self, origin: Origin, command: &Command, place: Option<&str>, depth: usize) {
        let Some(directory) = place.and_then(|place| here(&format!("{place}/package.json"))) else { return };
        let package = self.text(&directory).and_then(|text| serde_json::from_slice::<Value>(text.as_bytes()).ok());
        let Some(scripts) = package.as_ref().and_then(|package| package["scripts"].as_object()) else { return };
        let Some(name) = command.words.iter().skip(1).find(|word| scripts.contains_key(*word)) else { return };
        let Some(line) = scripts[name].as_str() else { return };
        let mut inner = commands(line);
        inner.iter_mut().for_each(|one| {
            one.directory = Some(joined(place, one.directory.as_deref().unwrap_or(".")));
        });
        let number = self.text(&directory).map_or(1, |text| line_of(&text, &format!("\"{name}\"")));
        self.commands(origin, &directory, Some(number), &inner, depth);
    }

    fn text(&self, label: &str) -> Option<String> {
        let bytes = fs::read_optional(&self.root.join(label)).ok().flatten().filter(|bytes| bytes.len() <= LARGEST)?;
        String::from_utf8(bytes).ok()
    }
}

/// What is to run a script of this name.
fn interpreter(script: &str) -> Option<&'static str> {
    let is_node = [".js", ".mjs", ".cjs"].iter().any(|ending| script.ends_with(ending));
    if script.ends_with(".py") { Some("python3") } else { is_node.then_some("node") }
}

/// The line on which commands tell standard output that they install.
fn told(commands: &[Command]) -> Option<usize> {
    let speaks = |command: &&Command| ["echo", "printf"].contains(&command.program()) && !command.is_silent;
    let is_of_it = |command: &&Command| {
        let text = command.words[1..].join(" ").to_lowercase();
        !text.starts_with('{') && ["install", "dependenc"].iter().any(|word| text.contains(word))
    };
    commands.iter().filter(speaks).find(is_of_it).map(|command| command.line)
}

/// Whether a command is the hook of plugdeps.
pub fn is_session_start(command: &Command) -> bool {
    command.program() == "plugdeps" && command.words.iter().any(|word| word == "session-start")
}

/// The line on which something comes between `session-start` and the host, and what.
fn spoilt(commands: &[Command]) -> Option<(usize, Output)> {
    let at = commands.iter().position(is_session_start)?;
    let (own, behind) = (&commands[at], &commands[at + 1..]);
    let is_handed_on = own.is_inner || behind.first().is_some_and(|next| next.after == After::Pipe);
    if own.is_background && behind.iter().all(|next| next.program() != "wait") {
        return Some((own.line, Output::Unawaited));
    }
    if own.is_silent {
        return (!is_handed_on).then_some((own.line, Output::Elsewhere));
    }
    let speaks = |at: &usize| {
        let (command, next) = (&commands[*at], commands.get(at + 1));
        let is_loud = ["echo", "printf", "cat"].contains(&command.program()) && command.words.len() > 1;
        let ends = next.is_some_and(|next| ["exit", "return"].contains(&next.program()));
        is_loud && !command.is_silent && !command.is_inner && command.after != After::Or && !ends
    };
    // What is in such a function is not told apart.
    if commands.iter().any(|command| command.program() == "function") {
        return None;
    }
    (0..commands.len()).find(speaks).map(|at| (commands[at].line, Output::Mixed))
}

/// The line on which something stands for the first time.
pub fn line_of(text: &str, part: &str) -> usize {
    text.lines().position(|line| line.contains(part)).map_or(1, |at| at + 1)
}

/// The file of the plugin that a script's path names, also where the script finds its own directory itself.
pub fn here(path: &str) -> Option<String> {
    let path = path.replace("${CLAUDE_PLUGIN_ROOT:-", "${CLAUDE_PLUGIN_ROOT}\u{0}");
    let path = match path.split_once('\u{0}') {
        // The default may have braces and slashes of its own; what follows its end is the path.
        Some((root, rest)) => format!("{root}{}", &rest[end_of_default(rest)..]),
        None => path,
    };
    plain(&in_plugin(&path)?)
}

fn end_of_default(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    !first.starts_with("#!") || ["sh", "bash", "zsh", "dash"].iter().any(|shell| first.contains(shell))
}
