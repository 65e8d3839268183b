//! The one error type: what was tried, on what, what came back, what to do next.
//!
//! Every kind has a code, an exit status and a sentence. They are API: `docs/errors.md` lists the
//! table below and a test compares the two.

use crate::credentials::redacted_to;
use std::fmt;

/// What a caller may have to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line is wrong.
    Usage,
    /// No plugin, or no place for its data, can be found.
    NoPlugin,
    /// The data directory cannot be used.
    DataUnusable,
    /// `plugdeps.toml` or `[tool.plugdeps]` is wrong.
    ConfigInvalid,
    /// A manifest cannot be read or understood.
    ManifestInvalid,
    /// No interpreter satisfies the plugin.
    NoInterpreter,
    /// No installer can serve the manifest.
    NoInstaller,
    /// The installer ran and failed.
    InstallFailed,
    /// The same inputs failed a moment ago.
    InstallRefused,
    /// Somebody else's build did not end in time.
    WaitTimeout,
    /// The environment has never been built.
    NotReady,
    /// The command to start does not exist.
    CommandNotFound,
    /// The command to start exists and cannot be started.
    CommandUnusable,
    /// The server ended before it answered.
    ServerEnded,
    /// A lock is missing or older than what it was made of.
    LockOutdated,
    /// `lint` found what will hurt users.
    LintFindings,
    /// Nobody agreed to a change.
    NotAgreed,
    /// A file operation failed.
    Io,
}

/// One row of the table of kinds.
pub struct KindInfo {
    /// The kind described.
    pub kind: Kind,
    /// The stable code, shown in brackets and in `--json`.
    pub code: &'static str,
    /// The exit status of every command but `session-start`, which never fails a session.
    pub exit: u8,
    /// One sentence for `docs/errors.md`.
    pub sentence: &'static str,
}

/// Exit status of `--check` when a start would build first.
pub const EXIT_WOULD_BUILD: u8 = 10;
/// Exit status of `--check` when a start could not build.
pub const EXIT_CANNOT_BUILD: u8 = 11;

const fn row(kind: Kind, code: &'static str, exit: u8, sentence: &'static str) -> KindInfo {
    KindInfo { kind, code, exit, sentence }
}

/// Every kind, its code, its exit status and its sentence.
pub const KINDS: &[KindInfo] = &[
    row(Kind::Io, "io", 1, "A file or directory could not be read, written, renamed or removed."),
    row(Kind::Usage, "usage", 2, "The command line has an unknown command or flag, or lacks a value."),
    row(Kind::NoPlugin, "no-plugin", 3, "No plugin directory was found, or no place to keep its data."),
    row(
        Kind::DataUnusable,
        "data-unusable",
        4,
        "The data directory cannot be written, lies inside the plugin, has too long a path, or belongs to another user.",
    ),
    row(Kind::ConfigInvalid, "config-invalid", 5, "`plugdeps.toml` or `[tool.plugdeps]` has a mistake."),
    row(
        Kind::ManifestInvalid,
        "manifest-invalid",
        6,
        "A manifest is missing, malformed, too large, leads out of the plugin, or lacks a hash that is demanded.",
    ),
    row(Kind::NoInterpreter, "no-interpreter", 7, "No interpreter was found that the plugin accepts."),
    row(Kind::NoInstaller, "no-installer", 8, "No installer was found that can serve the manifest."),
    row(
        Kind::InstallFailed,
        "install-failed",
        9,
        "The installer failed; the last good environment, if any, is untouched.",
    ),
    row(
        Kind::InstallRefused,
        "install-refused",
        12,
        "The same inputs failed a short while ago and nothing has changed since.",
    ),
    row(Kind::WaitTimeout, "wait-timeout", 13, "A build by another process did not end within the time to wait."),
    row(Kind::NotReady, "not-ready", 14, "The environment is not built yet, and the command does not build it."),
    row(
        Kind::ServerEnded,
        "server-ended",
        15,
        "The server ended before it answered, and no earlier environment serves.",
    ),
    row(Kind::LockOutdated, "lock-outdated", 16, "A lock is missing, or what it was made of is no longer what it was."),
    row(Kind::NotAgreed, "not-agreed", 17, "A change was shown, nobody agreed to it, and nothing was written."),
    row(Kind::LintFindings, "lint-findings", 18, "`lint` found errors, or warnings where those count."),
    row(Kind::CommandUnusable, "command-unusable", 126, "The command after `--` exists and cannot be started."),
    row(
        Kind::CommandNotFound,
        "command-not-found",
        127,
        "The command after `--` is neither in the environment nor on PATH.",
    ),
];

impl Kind {
    /// The row of this kind.
    pub fn info(self) -> &'static KindInfo {
        KINDS.iter().find(|row| row.kind == self).unwrap_or(&KINDS[0])
    }
}

/// An error that a person can act on. It takes credentials out of whatever it is told: what was found where something
/// else was expected may be an address with a password.
#[derive(Debug, Clone)]
pub struct Error {
    /// What a caller may have to tell apart.
    pub kind: Kind,
    /// What was tried, and on what: lowercase, no full stop.
    pub message: String,
    /// What came back, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Class of an installer's failure, for [`Kind::InstallFailed`] alone.
    pub class: Option<&'static str>,
}

/// The result of everything that can fail in a way a person should read about.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// More than the last words of an installer, and less than a variable can be.
const LONGEST: usize = 20_000;

fn told(text: &str) -> String {
    redacted_to(LONGEST, text)
}

impl Error {
    /// An error of `kind` that says what was tried.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: told(&message.into()), causes: Vec::new(), hint: None, class: None }
    }

    /// Adds what came back.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(told(&cause.to_string()));
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(told(&hint.into()));
        self
    }

    /// The whole error on one line, for `systemMessage`.
    pub fn sentence(&self) -> String {
        let mut text = self.message.clone();
        for cause in self.causes.iter().take(SENTENCE_CAUSES) {
            text.push_str(": ");
            text.push_str(cause.lines().next().unwrap_or_default());
            for line in telling_words(cause).into_iter().flatten() {
                text.push(' ');
                text.push_str(line.trim());
            }
        }
        if self.causes.len() > SENTENCE_CAUSES {
            text.push_str(&format!(", and {} more, see `plugdeps --check`", self.causes.len() - SENTENCE_CAUSES));
        }
        if let Some(hint) = &self.hint {
            text.push_str("; ");
            text.push_str(hint);
        }
        text
    }
}

/// How many causes a sentence has room for.
const SENTENCE_CAUSES: usize = 3;

/// Of what a program said below the first line, the one line that tells; of uv, whose causes stand below what failed,
/// that and the last of them.
fn telling_words(cause: &str) -> [Option<&str>; 2] {
    let said = || cause.lines().skip(1);
    let is_cause = |line: &&str| ["cause:", "Caused by:"].iter().any(|word| line.trim_start().starts_with(word));
    let (failed, causes) = (said().filter(|line| line.starts_with("error:")).last(), said().filter(is_cause).last());
    match failed.zip(causes) {
        Some((failed, cause)) => [Some(failed), Some(cause)],
        None => [telling_line(&mut said()), None],
    }
}

/// Of what a program said, npm's reason, the last line that calls itself an error or its cause, or else the last.
pub fn telling_line<'a>(said: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut told = None;
    for line in said {
        if is_reason_of_npm(line) {
            return Some(line);
        }
        let is_more = names_error(line) || !told.is_some_and(names_error);
        told = if is_more { Some(line) } else { told };
    }
    told
}

/// npm's reason stands behind codes, of one word, and a place; what follows is advice, and why it wrote no log.
fn is_reason_of_npm(line: &str) -> bool {
    let mut words = of_npm(line).unwrap_or_default().split(' ');
    // What is indented is a stack.
    !matches!(words.next(), Some("" | "path")) && words.nth(1).is_some()
}

/// Whether npm shows with it where in its own code something failed, and with what.
pub fn is_stack_of_npm(line: &str) -> bool {
    of_npm(line).is_some_and(|said| {
        let first = said.split_whitespace().next().unwrap_or("}");
        first == "}" || said.starts_with(' ') && (first == "at" || first.ends_with(':'))
    })
}

fn of_npm(line: &str) -> Option<&str> {
    let said = line.strip_prefix("npm error").or_else(|| line.strip_prefix("npm ERR!"))?;
    Some(said.strip_prefix(' ').unwrap_or(said))
}

/// Whether a line calls itself an error, or its first word is the name of one: in Python and JavaScript that ends so.
pub fn names_error(line: &str) -> bool {
    let line = line.trim_start();
    let first = line.split([':', ' ', '[']).next().unwrap_or_default();
    let begins = |word: &str| line.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    begins("error") || begins("cause:") || first.ends_with("Error") || first.ends_with("Exception")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.kind.info().code, self.message)?;
        for cause in &self.causes {
            for (number, line) in cause.lines().enumerate() {
                write!(f, "\n  {}{line}", if number == 0 { "cause: " } else { "  " })?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_npm_said_its_reason_is_told() {
        let lines = "npm warn deprecated alpha@1.0.0: use beta\nnpm error code ENOTFOUND\nnpm error syscall getaddrinfo\n\
                     npm error errno ENOTFOUND\nnpm error path /a b/c d\n\
                     npm error network request to https://h/a failed, reason: getaddrinfo ENOTFOUND h\n\
                     npm error network In most cases you are behind a proxy or have bad network settings.\n\
                     npm error Log files were not written due to the config logs-max=0";
        let reason = "network request to https://h/a failed, reason: getaddrinfo ENOTFOUND h";
        for (lines, start) in [(lines.to_owned(), "npm error "), (lines.replace("npm error", "npm ERR!"), "npm ERR! ")]
        {
            assert_eq!(telling_line(&mut lines.lines()), Some(format!("{start}{reason}").as_str()));
        }
        let stack = "npm error code E\nnpm error     at f (node:internal/g:1:2) {\nnpm error   code: 'a b c'\nnpm error }\nnpm error\n\
                     npm error FetchError: request to h failed";
        assert_eq!(telling_line(&mut stack.lines()), Some("npm error FetchError: request to h failed"));
        let rest: Vec<_> = stack.lines().filter(|line| !is_stack_of_npm(line)).collect();
        assert_eq!(rest, ["npm error code E", "npm error FetchError: request to h failed"]);
        assert!(!is_stack_of_npm("npm error   peer a@\"1\" from b@2"), "what cannot be resolved is told so");
        assert_eq!(telling_line(&mut "a\nValueError: b\nc\nTypeError: d\ne".lines()), Some("TypeError: d"));
        assert_eq!(telling_line(&mut "a\nb".lines()), Some("b"));
        assert_eq!(telling_line(&mut "".lines()), None);
    }

    #[test]
    fn an_error_tells_no_credentials_whatever_it_was_told() {
        let text = "found `https://me:pw@h/s`";
        let error = Error::new(Kind::Io, text).because(text).hint(text);
        assert_eq!(error.sentence(), "found `https://****@h/s`: found `https://****@h/s`; found `https://****@h/s`");
    }
}
