//! Rules of paths and variables in what the host reads.

use super::Spot;
use super::entries::{Entry, Text};
use super::invalid::is_file;
use super::subject::Subject;
use super::variables::{DATA, ROOT, braced, in_plugin, of_shell, plain};
use crate::fs;
use crate::hooks::DESCRIPTION;
use crate::old_form::{Way, environment_of, of_command};
use std::path::Path;

/// What the host sets itself.
const OF_HOST: [&str; 3] = ["CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA", "CLAUDE_PROJECT_DIR"];
/// What is set on every machine.
const USUAL: [&str; 8] = ["HOME", "USER", "PATH", "PWD", "SHELL", "LANG", "TMPDIR", "USERPROFILE"];
/// What other hosts have, and this one leaves as it is.
const OF_OTHERS: [&str; 7] =
    ["workspaceFolder", "workspaceRoot", "extensionPath", "__dirname", "pluginRoot", "pluginDir", "userHome"];

/// Every text that the host expands for a server, with what it is.
fn texts(entry: &Entry) -> impl Iterator<Item = &Text> {
    entry.words.iter().chain(entry.env.iter().map(|(_, value)| value))
}

pub fn root_with_default(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        for text in texts(entry) {
            let own = braced(&text.text).into_iter().find(|v| v.default.is_some() && OF_HOST[..2].contains(&v.name));
            found.extend(own.map(|variable| {
                let default = variable.default.unwrap_or_default();
                let why = format!(
                    "the host knows `${{{0}}}` and nothing else: `${{{0}:-{default}}}` becomes `{default}` everywhere",
                    variable.name
                );
                Spot::new((&entry.file, text.line), why, format!("write `${{{}}}`", variable.name))
            }));
        }
    }
    found
}

pub fn unexpanded(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        let words = entry.words.iter().enumerate().filter(|(at, _)| *at == 0 || !entry.is_line()).map(|(_, word)| word);
        for text in words.chain(entry.env.iter().map(|(_, value)| value)) {
            found.extend(of_shell(&text.text).map(|form| {
                let why = format!("no shell reads this: the server `{}` gets `{form}` as it is written", entry.name);
                let name = form.trim_matches(['$', '%', '~']);
                let name = if name.is_empty() { "HOME" } else { name };
                Spot::new((&entry.file, text.line), why, format!("write `${{{name}}}`"))
            }));
        }
        found.extend(texts(entry).filter_map(|text| foreign(subject, entry, text)));
    }
    found
}

/// A variable of another host, or a setting that the plugin does not ask for.
fn foreign(subject: &Subject, entry: &Entry, text: &Text) -> Option<Spot> {
    let place = (entry.file.as_str(), text.line);
    braced(&text.text).into_iter().find_map(|variable| {
        if OF_OTHERS.contains(&variable.name) {
            let why =
                format!("the host does not know `${{{0}}}`, and the server gets it as it is written", variable.name);
            return Some(Spot::new(place, why, format!("write `{ROOT}` for the plugin's directory")));
        }
        let setting = variable.name.strip_prefix("user_config.")?;
        let why = format!("`userConfig` of `plugin.json` has no `{setting}`, so the server gets this as it is written");
        (!subject.settings.iter().any(|known| known == setting))
            .then(|| Spot::new(place, why, format!("add `{setting}` to `userConfig`")))
    })
}

pub fn unset_variable(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        for text in texts(entry) {
            let is_unknown = |name: &str| {
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                is_name && !name.is_empty() && ![&OF_HOST[..], &USUAL, &OF_OTHERS].concat().contains(&name)
            };
            let own = braced(&text.text).into_iter().find(|v| v.default.is_none() && is_unknown(v.name));
            found.extend(own.filter(|_| !text.text.contains(":-")).map(|variable| {
                let name = variable.name;
                let why = format!("where `{name}` is not set, the server `{}` gets the text `${{{name}}}`", entry.name);
                Spot::new(
                    (&entry.file, text.line),
                    why,
                    format!("write `${{{name}:-}}`, and have the server say what is missing"),
                )
            }));
        }
    }
    found
}

pub fn overridden_root(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        for name in &OF_HOST[..2] {
            let other = entry.variable(name).filter(|value| value.text != format!("${{{name}}}"));
            found.extend(other.map(|value| {
                let why =
                    format!("the host sets `{name}` itself, and this takes its place for the server `{}`", entry.name);
                Spot::new((&entry.file, value.line), why, "remove the line")
            }));
        }
    }
    found
}

/// The home of a person, or a Windows drive's.
fn personal(text: &str) -> bool {
    let text = text.trim_start_matches(['"', '\'']);
    let below = |start: &str| text.strip_prefix(start).is_some_and(|rest| rest.split('/').next().is_some_and(is_user));
    let windows = text.get(1..).is_some_and(|rest| rest.replace('\\', "/").starts_with(":/Users/"));
    below("/Users/") || below("/home/") || windows
}

/// Not what stands for any user.
fn is_user(name: &str) -> bool {
    !name.is_empty() && !["user", "you", "username", "linuxbrew", "Shared", "<user>"].contains(&name)
}

pub fn absolute_path(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    let fix = format!("name files of the plugin from `{ROOT}`, and programs without a directory");
    for entry in &subject.entries {
        for text in texts(entry).filter(|text| text.text.split(['=', ' ', ':']).any(personal) || personal(&text.text)) {
            let why = format!("`{}` is a path of its author's machine", text.text);
            found.push(Spot::new((&entry.file, text.line), why, fix.clone()));
        }
        let program = entry.words.first().filter(|word| is_somewhere(&word.text) && !personal(&word.text));
        found.extend(program.map(|word| {
            let why = format!("`{}` lies elsewhere on other machines", word.text);
            Spot::new((&entry.file, word.line), why, fix.clone())
        }));
    }
    for hook in &subject.hooks {
        let words = hook.commands().into_iter().flat_map(|command| command.words);
        found.extend(words.into_iter().find(|word| personal(word)).map(|word| {
            Spot::new((&hook.file, hook.line), format!("`{word}` is a path of its author's machine"), fix.clone())
        }));
    }
    found
}

/// A program in a directory that is not on every machine.
fn is_somewhere(program: &str) -> bool {
    let usual = ["/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/python3", "/bin/zsh"];
    program.starts_with('/') && !usual.contains(&program)
}

/// The words of a server that name files of the plugin's own to start: the program, if it is a path, and the script.
fn started(entry: &Entry) -> Vec<String> {
    let start = &entry.start;
    let mut named: Vec<String> = start.script.iter().cloned().collect();
    let program = &start.program;
    if program.contains(['/', '\\']) && environment_of(program).is_none() {
        named.push(program.clone());
    }
    named.dedup();
    named
}

pub fn relative_path(subject: &Subject) -> Vec<Spot> {
    let mut named = Vec::new();
    for entry in &subject.entries {
        named.extend(started(entry).into_iter().map(|path| (entry.place_of(&path), entry.cwd.is_some(), path)));
    }
    for hook in &subject.hooks {
        let scripts = hook.commands().into_iter().filter_map(|command| of_command(&command).script);
        named.extend(scripts.map(|path| ((hook.file.as_str(), hook.line), false, path)));
    }
    let relative = named.into_iter().filter(|(.., path)| is_relative(path));
    relative.filter_map(|(place, is_meant, path)| from_session(subject, place, is_meant, &path)).collect()
}

fn is_relative(path: &str) -> bool {
    !path.starts_with(['/', '$', '~', '%']) && path.as_bytes().get(1) != Some(&b':')
}

/// A path that is seen from the session's directory, and is meant to be one of the plugin's.
fn from_session(subject: &Subject, place: (&str, usize), is_meant: bool, path: &str) -> Option<Spot> {
    let plain = plain(&path.replace('\\', "/"))?;
    let is_here = fs::is_taken(&subject.root.join(&plain));
    let why = format!("the host starts it in the session's directory, where there is no `{path}`");
    (is_here || is_meant && path.contains('/')).then(|| Spot::new(place, why, format!("write `{ROOT}/{plain}`")))
}

/// Files of the plugin that `plugin.json` names, and those that servers and hooks start, each with its place, and whether it
/// is the program itself.
fn named_files(subject: &Subject) -> Vec<(String, (&str, usize), bool)> {
    let named = subject.files.iter().filter(|file| file.text.starts_with('.') && is_file(&file.text));
    let mut found: Vec<_> = named.map(|file| (file.text.clone(), (DESCRIPTION, file.line), false)).collect();
    for entry in &subject.entries {
        let program = entry.start.program.as_str();
        for path in started(entry).into_iter().filter_map(|path| Some((in_plugin(&path)?, path))) {
            found.push((path.0, entry.place_of(&path.1), path.1 == program));
        }
    }
    for hook in &subject.hooks {
        for command in hook.commands() {
            let start = of_command(&command);
            let is_checked = matches!(start.way, Way::Program | Way::Shell | Way::Python | Way::Node | Way::Plugdeps);
            let path = start.script.as_deref().filter(|_| is_checked).and_then(in_plugin);
            let is_program = start.script.as_deref() == command.words.first().map(String::as_str);
            found.extend(path.map(|path| (path, (hook.file.as_str(), hook.line), is_program)));
        }
    }
    found
}

pub fn outside_plugin(subject: &Subject) -> Vec<Spot> {
    let outside = named_files(subject).into_iter().filter(|(path, ..)| plain(path).is_none());
    let why = |path: &str| format!("`{ROOT}/{path}` lies above the plugin: a host copies the plugin's directory alone");
    outside.map(|(path, place, _)| Spot::new(place, why(&path), "move the file into the plugin's directory")).collect()
}

pub fn missing_file(subject: &Subject) -> Vec<Spot> {
    let files = named_files(subject).into_iter().filter_map(|(path, place, _)| Some((plain(&path)?, place)));
    let missing = files.filter(|(path, _)| !subject.ships(path) && !is_elsewhere(subject, path));
    missing
        .map(|(path, place)| {
            let is_here = fs::is_taken(&subject.root.join(&path));
            let state = if is_here { "git ignores it" } else { "there is none" };
            let fix = match path.as_str() {
                _ if is_here => "commit it",
                _ if path.ends_with(".json") => "write it, or name one that is there",
                _ => "commit what is to be started, built if it has to be built",
            };
            Spot::new(place, format!("`{path}` does not reach the users: {state}"), fix)
        })
        .collect()
}

/// Windows starts `x.exe` for `x`; what an environment or packages bring is another rule's.
fn is_elsewhere(subject: &Subject, path: &str) -> bool {
    let exe = subject.ships(&format!("{path}.exe"));
    exe || path.split('/').any(|part| part == "node_modules" || part.contains("venv"))
}

pub fn not_executable(subject: &Subject) -> Vec<Spot> {
    let programs = named_files(subject).into_iter().filter(|(.., is_program)| *is_program);
    let programs = programs.filter_map(|(path, place, _)| Some((plain(&path)?, place)));
    let closed = programs.filter(|(path, _)| {
        let path = subject.root.join(path);
        fs::is_file(&path) && !fs::is_executable(&path) && !is_windows(&path)
    });
    closed
        .map(|(path, place)| {
            let fix = format!("`git update-index --chmod=+x {path}`, or start it by its interpreter");
            Spot::new(place, format!("`{path}` may not be executed: it ends with status 126"), fix)
        })
        .collect()
}

fn is_windows(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["exe", "cmd", "bat", "ps1"].iter().any(|known| ending == *known))
}

pub fn cwd_ignored(subject: &Subject) -> Vec<Spot> {
    let with = subject.entries.iter().filter_map(|entry| Some((entry, entry.cwd.as_ref()?)));
    with.map(|(entry, cwd)| {
        let why = format!("the host ignores `cwd`: the server `{}` is started in the session's directory", entry.name);
        let fix = format!("remove it, and name files from `{ROOT}` or `{DATA}`");
        Spot::new((&entry.file, cwd.line), why, fix)
    })
    .collect()
}
