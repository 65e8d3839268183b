//! The log of one build: everything the installers say, credentials redacted, the last ten kept.

use crate::credentials::Known;
use crate::error::{Result, is_stack_of_npm, names_error};
use crate::fs;
use crate::output::harmless;
use crate::process::Terminal;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many logs are kept.
const KEPT: usize = 10;
/// How much of the end is kept in memory to find out why a build failed, in bytes.
const TAIL: usize = 64 * 1024;

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    line: Vec<u8>,
    shown: Vec<u8>,
    tail: String,
    live: bool,
    secrets: Known,
}

impl Log {
    /// Starts a log in `directory` and removes the oldest ones. With `live`, a person is watching:
    /// what is written goes to standard error as well.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn create(directory: &Path, live: bool) -> Result<Self> {
        fs::create_directory(directory)?;
        let names: Vec<String> = fs::names(directory).into_iter().filter(|name| is_a_logs(name)).collect();
        for old in names.iter().take(names.len().saturating_sub(KEPT - 1)) {
            fs::remove_file(&directory.join(old))?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let path = directory.join(format!("{now:015}-{}.log", std::process::id()));
        let file = fs::create_new(&path)?;
        let secrets = Known::in_environment();
        Ok(Self { path, file, line: Vec::new(), shown: Vec::new(), tail: String::new(), live, secrets })
    }

    /// From now on the credentials in these texts are in the log nowhere, however an installer shows them.
    pub fn hide<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        texts.into_iter().for_each(|text| self.secrets.learn_from(text));
    }

    /// The same of the settings of package managers, whose keys tell what is secret.
    pub fn hide_settings(&mut self, texts: &[String]) {
        texts.iter().for_each(|text| self.secrets.learn_settings(text));
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a person is watching.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Whether installers may show progress as on a terminal.
    pub fn terminal(&self) -> Terminal {
        match (self.live, std::io::stderr().is_terminal()) {
            (true, true) => Terminal::Live,
            (true, false) => Terminal::Shared,
            (false, _) => Terminal::None,
        }
    }

    /// Adds a line of ours.
    pub fn say(&mut self, line: &str) {
        self.feed(line.as_bytes());
        self.feed(b"\n");
    }

    /// Adds what an installer said. A line is redacted once it is whole, since a secret may come in two pieces.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.live {
            self.show(bytes);
        }
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' {
                self.flush();
            }
        }
    }

    /// Shows it to a person, up to the last space: an address with a secret in it may come in two pieces.
    fn show(&mut self, bytes: &[u8]) {
        self.shown.extend_from_slice(bytes);
        let end = self.shown.iter().rposition(u8::is_ascii_whitespace).map_or(0, |last| last + 1);
        let whole: Vec<u8> = self.shown.drain(..end).collect();
        let text = self.secrets.redact(&String::from_utf8_lossy(&whole));
        let text = if self.terminal() == Terminal::Live { text } else { harmless(&text) };
        // A terminal that is gone must not end a build.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// Writes what is left of an unfinished line.
    pub fn flush(&mut self) {
        let line = self.secrets.redact(&plain(&String::from_utf8_lossy(&self.line)));
        self.line.clear();
        // A full disk ends the build in the installer; that its log is cut short is no further news.
        let _ = fs::append(&mut self.file, &self.path, line.as_bytes());
        self.tail.push_str(&line);
        if self.tail.len() > 2 * TAIL {
            let mut cut = self.tail.len() - TAIL;
            while !self.tail.is_char_boundary(cut) {
                cut += 1;
            }
            self.tail.drain(..cut);
        }
    }

    /// Shows the last word, which no space followed.
    fn show_rest(&mut self) {
        if self.live && !self.shown.is_empty() {
            self.show(b"\n");
        }
    }

    /// Begins a step: only what comes now explains its failure.
    pub fn begin_step(&mut self, title: &str) {
        self.flush();
        self.show_rest();
        let live = std::mem::replace(&mut self.live, false);
        self.say(title);
        self.live = live;
        self.tail.clear();
    }

    /// The last lines that the installer said in this step, as a cause.
    pub fn last_words(&mut self) -> Option<String> {
        let telling: Vec<&str> = self.tail().lines().filter(|line| !is_stack_of_npm(line)).collect();
        let said = last_lines(&telling.join("\n"), 12).join("\n");
        (!said.is_empty()).then(|| format!("the installer said:\n{said}"))
    }

    /// The end of what was said in this step.
    pub fn tail(&mut self) -> &str {
        self.flush();
        &self.tail
    }
}

/// Whether a name is one that [`Log::create`] gives: nothing else that may lie there is removed.
fn is_a_logs(name: &str) -> bool {
    let numbers = name.strip_suffix(".log").and_then(|stem| stem.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(time, process)| is_number(time) && is_number(process))
}

/// A line as a terminal would have left it: without what steers the terminal, and of what was
/// written over, only the last.
fn plain(line: &str) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let last = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    let mut plain = String::with_capacity(line.len());
    let mut chars = last.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // ECMA-48: a control sequence ends with a character from `@` to `~`.
            let is_sequence = chars.next() == Some('[');
            while is_sequence && !chars.next().is_none_or(|c| ('@'..='~').contains(&c)) {}
        } else if !c.is_control() || c == '\t' {
            plain.push(c);
        }
    }
    plain + end
}

/// The last lines of a text that say something, at most `count`.
pub fn last_lines(text: &str, count: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(count)).map(|line| (*line).to_owned()).collect()
}

/// The same, but from the last line on that names an error, if that stands above them: below it a stack is told, and
/// Node ends with its version.
pub fn telling_lines(text: &str, count: usize) -> Vec<String> {
    let all = last_lines(text, usize::MAX);
    let from = all.len().saturating_sub(count);
    let error = all.iter().rposition(|line| names_error(line)).map_or(from, |error| error.min(from));
    all.into_iter().skip(error).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_written_over_is_kept_as_it_was_left() {
        assert_eq!(plain("\u{1b}[?25l 10 %\r 100 %\u{1b}[2K done\r\n"), " 100 % done\n");
        assert_eq!(plain("plain\ttext"), "plain\ttext");
        assert_eq!(plain("cut off \u{1b}["), "cut off ");
    }

    #[test]
    fn an_error_that_stands_above_its_stack_is_told_first() {
        let node =
            "node:internal/x:1\n  throw err\n  ^\n\nTypeError [ERR_X]: broken\n    at a\n    at b\n\nNode.js v20\n";
        assert_eq!(telling_lines(node, 3), ["TypeError [ERR_X]: broken", "    at a", "    at b"]);
        assert_eq!(telling_lines("Traceback\n  a\nValueError: b\n", 2), ["  a", "ValueError: b"]);
        assert_eq!(telling_lines("a\nb\nc\n", 2), ["b", "c"]);
    }
}
