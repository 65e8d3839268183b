//! The words of the command line as `--help` explains them, read from its text: what completes them and the manual have
//! no list of their own that could be out of date.

use crate::help::{FOR_AUTHORS, HELP};
use crate::typed::{self, Command};

/// A line of `--help`.
#[derive(Debug, Default)]
pub struct Entry {
    /// What it explains: commands or flags, each with what is to stand behind it, as in `--root` and `DIR`.
    words: Vec<(&'static str, &'static str)>,
    /// The command that the sentence is about alone.
    command: Option<&'static str>,
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

impl Entry {
    fn goes_on(&mut self, text: &'static str) {
        let about = text.split_once(": ").filter(|(name, _)| self.sentence.is_empty() && typed::named(name).is_some());
        let text = about.map_or(text, |(name, sentence)| {
            self.command = Some(name);
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
    let of_all = || entries.iter().find(|entry| entry.behind(flag).is_some() && entry.command.is_none());
    own.or_else(of_all).map(|entry| entry.sentence_of(flag))
}

impl Entry {
    /// Whether this explains the flag for that command alone, in a line of its own or in brackets behind the command.
    fn explains(&self, flag: &str, command: Option<Command>) -> bool {
        let is_it = |name: &str| command.is_some() && typed::named(name) == command;
        let behind_command = || self.words.iter().any(|(word, behind)| is_it(word) && behind.contains(flag));
        (self.behind(flag).is_some() && self.command.is_some_and(is_it)) || behind_command()
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
        for name in typed::commands() {
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
        for entry in entries() {
            let command = entry.command.and_then(typed::named);
            for (word, _) in &entry.words {
                let is_flag = || typed::flags_of(command).any(|flag| flag == *word);
                let of_any = || typed::commands().any(|name| typed::flags_of(typed::named(name)).any(|f| f == *word));
                let known = typed::named(word).is_some() || if command.is_some() { is_flag() } else { of_any() };
                assert!(known, "`{word}` is explained for {command:?}, which does not know it");
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
