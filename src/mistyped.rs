//! What is said of a command line that is not understood. The program that a plugin ships says little: no person types it.

use crate::error::{Error, Kind};
use crate::fs;
use crate::nearest::nearest;
use std::path::Path;

/// Whether this program has commands for authors, and so is typed by people.
const HAS_AUTHORS: bool = cfg!(feature = "author");

const SEE: &str = "see `plugdeps --help`";

/// An error of the command line.
pub fn usage(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}

/// There is no flag of this name.
pub fn unknown_flag(word: &str, known: &[&str]) -> Error {
    unknown("flag", word, known, SEE)
}

/// There is no command of this name.
pub fn unknown_command(word: &str, known: &[&str]) -> Error {
    if !HAS_AUTHORS {
        return unknown("command", word, known, SEE);
    }
    let is_plugin = fs::is_directory(Path::new(word));
    let named = || format!("a plugin is named behind a command: `plugdeps check --root {word}`");
    unknown("command", word, known, &if is_plugin { named() } else { all(known) })
}

/// No command was typed.
pub fn no_command(known: &[&str]) -> Error {
    let error = usage("find a command");
    if HAS_AUTHORS { error.because("there is none in what was typed").hint(all(known)) } else { error.hint(SEE) }
}

/// A word stands behind a command that has no place for it; `command` tells its name.
pub fn second_word(word: &str, command: impl Fn(&str) -> bool, known: &[&str]) -> Error {
    let error = usage(format!("understand `{word}`"));
    let named = |name: &&str| command(name) && *name != "man" && !known.contains(&word);
    let Some(command) = (if HAS_AUTHORS { known.iter().copied().find(named) } else { None }) else {
        return error.because("there is a command already").hint("give one command; see `plugdeps --help`");
    };
    let takes = if matches!(command, "init" | "lint") { "one directory" } else { "no word" };
    let named = if fs::is_directory(Path::new(word)) { word } else { "DIR" };
    let error = error.because(format!("`{command}` takes {takes}"));
    error.hint(format!("name another plugin than the one here by a flag: `plugdeps {command} --root {named}`"))
}

fn all(known: &[&str]) -> String {
    format!("the commands are {}; `plugdeps --help` says what each does", known.join(", "))
}

fn unknown(what: &str, word: &str, known: &[&str], other: &str) -> Error {
    let error = usage(format!("understand `{word}`")).because(format!("there is no such {what}"));
    match nearest(word, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(other),
    }
}
