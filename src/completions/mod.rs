//! `completions`: what a shell offers where Tab is pressed.
//!
//! The script for a shell knows no word: it asks this program, with the words that were typed, so that it fits whatever
//! program is installed. What is offered comes from `--help` and from the tables that understand what was typed.

use crate::error::Result;
use crate::export;
use crate::lint;
use crate::mistyped::usage;
use crate::nearest::nearest;
use crate::output;
use crate::platform::PLATFORMS;
use crate::typed::{self, Command};
use crate::vocabulary::{behind, of_command, of_flag};
use std::ffi::OsString;

/// A shell: its name, its script, and what it wants between a word and what is said of it.
struct Shell {
    name: &'static str,
    script: &'static str,
    separator: Option<char>,
}

const SHELLS: [Shell; 4] = [
    Shell { name: "bash", script: include_str!("plugdeps.bash"), separator: None },
    Shell { name: "zsh", script: include_str!("plugdeps.zsh"), separator: Some(':') },
    Shell { name: "fish", script: include_str!("plugdeps.fish"), separator: Some('\t') },
    Shell { name: "powershell", script: include_str!("plugdeps.ps1"), separator: Some('\t') },
];

/// What can stand at a place.
#[derive(Debug, PartialEq, Eq)]
enum Offer {
    /// One of these words, with what is said of each.
    Words(Vec<(String, String)>),
    /// What the shell itself finds, under the name that bash has for it.
    Outside(&'static str),
}

/// Prints the script for a shell, or with words behind the shell what can stand in place of the last one.
///
/// # Errors
/// There is no such shell.
pub fn complete(words: &[OsString]) -> Result<()> {
    let Some((name, typed)) = words.split_first() else {
        return Err(usage("find a shell").hint(all()));
    };
    let shell = shell(&name.to_string_lossy())?;
    let typed: Vec<String> = typed.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match typed.split_last() {
        Some((last, before)) => output::data(&shell.text(offer(before, last))),
        None => output::data(shell.script),
    }
    Ok(())
}

fn shell(name: &str) -> Result<&'static Shell> {
    SHELLS.iter().find(|shell| shell.name == name).ok_or_else(|| {
        let error = usage(format!("complete words in `{name}`")).because("there is no such shell here");
        let near = nearest(name, SHELLS.iter().map(|shell| shell.name));
        error.hint(near.map_or_else(all, |near| format!("did you mean `{near}`?")))
    })
}

fn all() -> String {
    format!("write one of: {}", SHELLS.map(|shell| shell.name).join(", "))
}

impl Shell {
    fn text(&self, offer: Offer) -> String {
        let line = |(word, sentence): (String, String)| match self.separator {
            Some(':') => format!("{}:{sentence}\n", word.replace(':', "\\:")),
            Some(separator) => format!("{word}{separator}{sentence}\n"),
            None => format!("{word}\n"),
        };
        match offer {
            Offer::Words(words) => words.into_iter().map(line).collect(),
            Offer::Outside(kind) => format!(":{kind}\n"),
        }
    }
}

/// What can stand where `last` is being typed, behind these words.
fn offer(before: &[String], last: &str) -> Offer {
    // bash takes `--flag=value` for three words, and hands over an empty one as it may be typed.
    let before: Vec<&str> = before.iter().map(String::as_str).filter(|word| *word != "=").collect();
    let last = if ["=", "''", "\"\""].contains(&last) { "" } else { last };
    let Read { command, flag, words } = read(&before);
    if let (true, Some((flag, value))) = (last.starts_with("--"), last.split_once('=')) {
        return value_of(flag, command, value).with_prefix(&format!("{flag}="));
    }
    match (flag, command) {
        (Some(flag), _) => value_of(flag, command, last),
        (None, Some(Command::Run | Command::Snapshot)) if words > 0 => Offer::Outside("file"),
        (None, _) if last.starts_with('-') => flags(command, last),
        (None, None) => fitting(typed::COMMANDS.iter().copied().map(|name| (name.into(), of_command(name))), last),
        (None, Some(_)) if words == 0 => first_word(&before, last),
        (None, Some(_)) => Offer::Words(Vec::new()),
    }
}

/// What stands before: the command, a flag that still lacks its value, and how many words the command has had.
struct Read<'a> {
    command: Option<Command>,
    flag: Option<&'a str>,
    words: usize,
}

fn read<'a>(before: &[&'a str]) -> Read<'a> {
    let mut read = Read { command: None, flag: None, words: 0 };
    for word in before {
        let is_value = read.flag.take().is_some();
        match word {
            _ if is_value => {}
            flag if flag.starts_with('-') && read.words == 0 => {
                read.flag = Some(*flag).filter(|flag| flag.starts_with("--") && !behind(flag).is_empty());
            }
            _ if read.command.is_some() => read.words += 1,
            name => read.command = typed::named(name),
        }
    }
    read
}

fn flags(command: Option<Command>, last: &str) -> Offer {
    fitting(typed::flags_of(command).map(|flag| (flag.into(), of_flag(flag, command))), last)
}

/// The word behind a command, by what `--help` says that it is.
fn first_word(before: &[&str], last: &str) -> Offer {
    let name = before.iter().find(|word| typed::named(word).is_some()).copied().unwrap_or_default();
    match behind(name) {
        "[DIR]" => Offer::Outside("directory"),
        "SHELL" => fitting(SHELLS.iter().map(|shell| (shell.name.into(), None)), last),
        words if words.contains("CMD") => Offer::Outside("command"),
        _ => Offer::Words(Vec::new()),
    }
}

fn value_of(flag: &str, command: Option<Command>, value: &str) -> Offer {
    let bare = |name: &str| (name.to_owned(), None);
    match (flag, command, behind(flag)) {
        ("--format", Some(Command::Env), _) => fitting(export::NAMES.iter().map(|(name, _)| bare(name)), value),
        ("--format", Some(Command::Lint), _) => fitting(lint::STYLES.iter().map(|(name, _)| bare(name)), value),
        ("--platform", ..) => {
            let (listed, value) = value.rsplit_once(',').map_or(("", value), |(listed, value)| (listed, value));
            let listed = if listed.is_empty() { String::new() } else { format!("{listed},") };
            fitting(PLATFORMS.iter().map(|platform| bare(platform.name)), value).with_prefix(&listed)
        }
        (_, _, "DIR") => Offer::Outside("directory"),
        (_, _, "FILE") => Offer::Outside("file"),
        _ => Offer::Words(Vec::new()),
    }
}

/// Those that go on from what was typed.
fn fitting(words: impl Iterator<Item = (String, Option<String>)>, typed: &str) -> Offer {
    let words = words.filter(|(word, _)| word.starts_with(typed));
    Offer::Words(words.map(|(word, sentence)| (word, sentence.unwrap_or_default())).collect())
}

impl Offer {
    fn with_prefix(self, prefix: &str) -> Self {
        match self {
            Self::Words(words) => {
                Self::Words(words.into_iter().map(|(word, sentence)| (format!("{prefix}{word}"), sentence)).collect())
            }
            outside @ Self::Outside(_) => outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is offered in place of the last of these words.
    fn at(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let (last, before) = words.split_last().unwrap();
        match offer(before, last) {
            Offer::Words(words) => words.into_iter().map(|(word, _)| word).collect(),
            Offer::Outside(kind) => vec![format!(":{kind}")],
        }
    }

    #[test]
    fn every_command_and_every_flag_of_it_is_offered_and_no_other() {
        let names = typed::COMMANDS;
        assert_eq!(at(&[""]), names);
        for name in names {
            let flags: Vec<&str> = typed::flags_of(typed::named(name)).collect();
            assert_eq!(at(&[name, "-"]), flags, "`{name}`");
        }
        assert_eq!(at(&["--root", "sync", "pr"]), ["prune"]);
        assert_eq!(at(&["--json", "sync", "--re"]), ["--rebuild"]);
        assert_eq!(at(&["lint", "--re"]), [""; 0]);
    }

    #[test]
    fn values_are_those_of_the_flag_and_of_the_command() {
        assert_eq!(at(&["env", "--format", "p"]), ["powershell"]);
        assert_eq!(at(&["lint", "--format", ""]), ["text", "json", "github"]);
        assert_eq!(at(&["lint", "--format=j"]), ["--format=json"]);
        assert_eq!(at(&["lint", "--format", "=", "j"]), ["json"]);
        assert_eq!(at(&["lint", "--format", "="]), ["text", "json", "github"]);
        assert_eq!(at(&["bundle", "--platform", "linux-x64,darwin-a"]), ["linux-x64,darwin-arm64"]);
        assert_eq!(at(&["completions", "''"]), ["bash", "zsh", "fish", "powershell"]);
    }

    #[test]
    fn what_lies_outside_is_for_the_shell_to_find() {
        for words in [&["--root", ""][..], &["sync", "--data=x"], &["init", ""], &["lint", "--strict", "x"]] {
            assert_eq!(at(words), [":directory"], "{words:?}");
        }
        assert_eq!(at(&["run", "--", "py"]), [":command"]);
        assert_eq!(at(&["run", "--", "python", "--"]), [":file"]);
        assert_eq!(at(&["init", "--binary", ""]), [":file"]);
        assert_eq!(at(&["init", "x", ""]), [""; 0]);
    }
}
