//! The words of the command line as `--help` explains them, read from its text: what completes them and the manual have
//! no list of their own that could be out of date.

use crate::help::{FOR_AUTHORS, HELP};
use crate::typed::{self, Command};

/// A line of `--help`.
#[derive(Debug, Default)]
pub struct Entry {
    /// What it explains: commands or flags, each with what is to stand behind it, as in `--root` and `DIR`.
    words: Vec<(&'static str, &'static str)>,
    /// The commands that the sentence is about alone, if it says so.
    commands: Vec<Command>,
    sentence: String,
}

/// All lines that explain a word.
pub fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in HELP.lines().chain(FOR_AUTHORS.lines()) {
        match line.strip_prefix("  ") {
            Some(line) if !line.starts_with(' ') => entries.push(entry(line)),
            Some(rest) => entries.iter_mut().last().into_iter().for_each(|last| last.goes_on(rest.trim())),
            None => {}
        }
    }
    entries
}

fn entry(line: &'static str) -> Entry {
    let (words, sentence) = line.split_once("  ").unwrap_or((line, ""));
    let words = words.split(", ").map(|word| word.split_once(' ').unwrap_or((word, ""))).collect();
    let mut entry = Entry { words, ..Entry::default() };
    entry.goes_on(sentence.trim());
    entry
}

/// The commands that are named in front of a sentence, as in `init, prune --all`.
fn commands(names: &str) -> Option<Vec<Command>> {
    names.split(", ").map(|name| typed::named(name.split(' ').next().unwrap_or_default())).collect()
}

impl Entry {
    fn goes_on(&mut self, text: &'static str) {
        let about = text.split_once(": ").filter(|_| self.sentence.is_empty());
        let about = about.and_then(|(names, sentence)| Some((commands(names)?, sentence)));
        let text = about.map_or(text, |(commands, sentence)| {
            self.commands = commands;
            sentence
        });
        self.sentence = format!("{} {text}", self.sentence).trim().to_owned();
    }

    /// What is to stand behind the word, if this explains it.
    fn behind(&self, word: &str) -> Option<&'static str> {
        self.words.iter().find(|(known, _)| *known == word).map(|(_, behind)| *behind)
    }
}

/// What is to stand behind a command or a flag, as in `DIR`; nothing of a word that nobody knows.
pub fn behind(word: &str) -> &'static str {
    let all = entries();
    all.iter().filter_map(|entry| entry.behind(word)).max_by_key(|behind| behind.len()).unwrap_or_default()
}

/// What `--help` says of a command.
pub fn of_command(name: &str) -> Option<String> {
    entries().iter().find(|entry| entry.behind(name).is_some()).map(|entry| entry.sentence_of(name))
}

/// What `--help` says of a flag of this command.
pub fn of_flag(flag: &str, command: Option<Command>) -> Option<String> {
    let entries = entries();
    let own = entries.iter().find(|entry| entry.explains(flag, command));
    let of_all = || entries.iter().find(|entry| entry.behind(flag).is_some() && entry.commands.is_empty());
    own.or_else(of_all).map(|entry| entry.sentence_of(flag))
}

impl Entry {
    /// Whether this explains the flag for that command alone, in a line of its own or in brackets behind the command.
    fn explains(&self, flag: &str, command: Option<Command>) -> bool {
        let is_it = |name: &str| command.is_some() && typed::named(name) == command;
        let behind_command = || self.words.iter().any(|(word, behind)| is_it(word) && behind.contains(flag));
        let is_for = command.is_some_and(|command| self.commands.contains(&command));
        (self.behind(flag).is_some() && is_for) || behind_command()
    }

    /// Of a line with two words and two halves of a sentence each word has its own.
    fn sentence_of(&self, word: &str) -> String {
        let parts: Vec<&str> = self.sentence.split("; ").collect();
        let place = self.words.iter().position(|(known, _)| *known == word).filter(|_| parts.len() == self.words.len());
        place.map_or(self.sentence.as_str(), |place| parts[place]).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_explains_every_command_and_every_flag_of_each() {
        for &name in typed::COMMANDS {
            assert!(of_command(name).is_some_and(|sentence| !sentence.is_empty()), "`{name}` is not explained");
            for flag in typed::flags_of(typed::named(name)) {
                let sentence = of_flag(flag, typed::named(name)).unwrap_or_default();
                let speaks_for_itself = ["--help", "--version"].contains(&flag);
                assert!(speaks_for_itself || !sentence.is_empty(), "`{name} {flag}` is not explained");
            }
        }
    }

    #[test]
    fn help_explains_nothing_that_is_not_there() {
        let takes = |command, word: &str| typed::flags_of(Some(command)).any(|flag| flag == word);
        for entry in entries() {
            for (word, _) in &entry.words {
                let by_any =
                    || typed::COMMANDS.iter().copied().filter_map(typed::named).any(|command| takes(command, word));
                let by_all = entry.commands.iter().all(|command| takes(*command, word));
                let known = typed::named(word).is_some() || by_all && (!entry.commands.is_empty() || by_any());
                assert!(known, "`{word}` is explained for {:?}, which does not know it", entry.commands);
            }
        }
    }

    #[test]
    fn what_stands_behind_a_word_is_read_from_its_line() {
        assert_eq!((behind("--root"), behind("init"), behind("--json"), behind("--no")), ("DIR", "[DIR]", "", ""));
        assert_eq!(of_flag("--json", Some(Command::Check)).as_deref(), Some("for programs"));
        assert_eq!(of_flag("--check", Some(Command::Lock)), of_command("lock"));
        let sentence = |flag| of_flag(flag, Some(Command::Lint));
        assert_eq!(sentence("--format").as_deref(), Some("text, json or github (default: text)"));
        assert_eq!(sentence("--json").as_deref(), Some("for programs"));
    }
}
