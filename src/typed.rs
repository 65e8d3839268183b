//! What was typed, and what it means.

use crate::error::{Error, Result};
use crate::mistyped::{second_word, unknown_command, unknown_flag, usage};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The names of all commands for people; the program of a plugin has not even a word for the last two.
#[rustfmt::skip]
pub const COMMANDS: &[&str] = &[
    "session-start", "run", "sync", "check", "env", "prune", "init", "lint", "lock", "bundle", "snapshot",
    #[cfg(feature = "author")] "completions",
    #[cfg(feature = "author")] "man",
];
const FLAGS: &[&str] =
    &["--root", "--data", "--environment", "--json", "--format", "--rebuild", "--help", "--version", "--check"];

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The hook.
    SessionStart,
    /// The server's door.
    Run,
    /// By hand.
    Sync,
    /// Look.
    Check,
    /// Print variables.
    Env,
    /// Sweep.
    Prune,
    /// Put the packages into the plugin.
    Bundle,
    /// Write a lock.
    Lock,
    /// Write down what servers announce.
    Snapshot,
    /// Find what will hurt users.
    Lint,
    /// Wire a plugin.
    Init,
    /// Print what completes words in a shell, or the words.
    Completions,
    /// Print the manual.
    Man,
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// A builder.
    Build,
    /// The process between a door and its builder.
    Detach,
}

/// Flags that mean something to some commands only.
const OWN_FLAGS: &[(&str, &[Command])] = &[
    ("--json", &[Command::Check, Command::Lint]),
    ("--format", &[Command::Env, Command::Lint]),
    ("--rebuild", &[Command::Sync]),
    (
        "--environment",
        &[Command::Run, Command::Sync, Command::Env, Command::Prune, Command::Lock, Command::Snapshot, Command::Build],
    ),
];

/// Flags that only commands for authors have, and which of them.
const AUTHORS_OWN_FLAGS: &[(&str, &[Command])] = &[
    ("--all", &[Command::Check, Command::Prune]),
    ("--dry-run", &[Command::Init, Command::Prune]),
    ("--yes", &[Command::Init, Command::Prune]),
    ("--undo", &[Command::Init]),
    ("--dir", &[Command::Init]),
    ("--binary", &[Command::Init]),
    ("--platform", &[Command::Bundle]),
    ("--python", &[Command::Bundle]),
    ("--strict", &[Command::Lint]),
];

/// Whether this program has commands for authors. The one that a plugin ships has none, to keep it small.
const HAS_AUTHORS: bool = cfg!(feature = "author");

/// What was typed.
#[derive(Debug, Default)]
pub struct Typed {
    /// The command.
    pub command: Option<Command>,
    /// `--root`.
    pub root: Option<PathBuf>,
    /// The directory behind `init` and `lint`.
    pub directory: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--environment`.
    pub environment: Option<String>,
    /// `--platform`.
    pub platforms: Vec<String>,
    /// `--python`.
    pub pythons: Vec<String>,
    /// `--format`.
    pub format: Option<String>,
    /// `--json`.
    pub json: bool,
    /// `--rebuild`.
    pub rebuild: bool,
    /// `--strict`.
    pub strict: bool,
    /// `--check` of `lock`.
    pub check: bool,
    /// `--all`.
    all: bool,
    /// What is typed for `init`, and for what else asks before it changes anything.
    pub init: Wish,
    /// What stands behind the command.
    pub words: Vec<OsString>,
    own_flags: Vec<&'static str>,
}

/// What is typed for `init`; `prune --all` knows two of them.
#[derive(Debug, Default)]
pub struct Wish {
    /// The directory, in the plugin, for its programs.
    pub programs: Option<String>,
    /// The program that the plugin is to ship, if it is not beside this one.
    pub binary: Option<PathBuf>,
    /// Show, and write nothing.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
    /// Bring back what was there.
    pub undo: bool,
}

impl Typed {
    /// Whether the next word is a plugin's directory.
    fn takes_directory(&self) -> bool {
        matches!(self.command, Some(Command::Init | Command::Lint)) && self.directory.is_none()
    }

    /// Whether it is for every plugin on this machine.
    pub fn is_for_all(&self) -> bool {
        HAS_AUTHORS && self.all
    }

    /// A flag that means nothing with `--all`, which finds the plugins itself; or nothing without it, since only what is
    /// removed of several plugins is asked about.
    fn misplaced(&self) -> Option<&'static str> {
        if !HAS_AUTHORS {
            return None;
        }
        let typed = |flag: &&'static str| self.own_flags.contains(flag);
        match (self.all, self.command) {
            (true, _) if self.root.is_some() => Some("--root"),
            (true, _) if self.data.is_some() => Some("--data"),
            (true, _) => Some("--environment").filter(typed),
            (false, Some(Command::Prune)) => ["--dry-run", "--yes"].into_iter().find(typed),
            _ => None,
        }
    }

    /// The directory that is meant where an author names one, or stands in it.
    pub fn own_directory(&self) -> &Path {
        let named = self.directory.as_deref().or(self.root.as_deref());
        named.unwrap_or(Path::new("."))
    }
}

/// Understands what was typed.
///
/// # Errors
/// A flag or a command is unknown, lacks its value, or means nothing here.
pub fn parse(mut parser: Parser) -> Result<Typed> {
    let mut typed = Typed::default();
    while let Some(arg) = parser.next().map_err(|e| usage("read the command line").because(e))? {
        match arg {
            Arg::Value(word)
                if matches!(typed.command, Some(Command::Run | Command::Snapshot | Command::Completions)) =>
            {
                typed.words.push(word);
                typed.words.extend(parser.raw_args().map_err(|e| usage("read the command line").because(e))?);
            }
            Arg::Value(word) if typed.command.is_none() => {
                typed.command = Some(command(&word)?);
                demand_here(typed.command)?;
                if typed.command == Some(Command::Detach) {
                    typed.words.extend(parser.raw_args().map_err(|e| usage("read the command line").because(e))?);
                }
            }
            Arg::Value(word) if typed.takes_directory() => typed.directory = Some(word.into()),
            Arg::Value(word) => {
                let is_it = |name: &str| named(name) == typed.command;
                return Err(second_word(&word.to_string_lossy(), is_it, COMMANDS));
            }
            Arg::Long(name) => {
                let name = name.to_owned();
                flag(&name, &mut parser, &mut typed)?;
            }
            Arg::Short('h') => typed.command = Some(Command::Help),
            Arg::Short('V') => typed.command = Some(Command::Version),
            Arg::Short(letter) => return Err(unknown_flag(&format!("-{letter}"), FLAGS)),
        }
    }
    check_flags(&typed)?;
    Ok(typed)
}

/// Refuses a command for authors where there is none.
fn demand_here(command: Option<Command>) -> Result<()> {
    use Command::{Bundle, Init, Lint, Lock, Snapshot};
    match command {
        Some(Init | Lint | Lock | Bundle | Snapshot) if !HAS_AUTHORS => Err(for_authors()),
        _ => Ok(()),
    }
}

fn for_authors() -> Error {
    let error = usage("find the command").because("the program that a plugin ships has none for authors");
    error.hint("build your own from its source: `cargo install --path .`")
}

fn own_flags() -> impl Iterator<Item = &'static (&'static str, &'static [Command])> {
    OWN_FLAGS.iter().chain(if HAS_AUTHORS { AUTHORS_OWN_FLAGS } else { &[] })
}

/// The flags that mean something to a command, or without one.
#[cfg(feature = "author")]
pub fn flags_of(command: Option<Command>) -> impl Iterator<Item = &'static str> {
    let is_own = |flag: &str| own_flags().any(|(own, _)| *own == flag);
    let of_all = FLAGS.iter().copied().filter(move |flag| !is_own(flag));
    let of_all = of_all.filter(move |flag| *flag != "--check" || matches!(command, None | Some(Command::Lock)));
    let takes = move |by: &[Command]| command.is_some_and(|command| by.contains(&command));
    of_all.chain(own_flags().filter(move |(_, by)| takes(by)).map(|(own, _)| *own))
}

/// A flag that does nothing is a mistake that nobody notices.
fn check_flags(typed: &Typed) -> Result<()> {
    let takes = |flag: &str| {
        own_flags().any(|(own, by)| *own == flag && typed.command.is_some_and(|command| by.contains(&command)))
    };
    match typed.own_flags.iter().copied().find(|flag| !takes(flag)).or_else(|| typed.misplaced()) {
        Some(flag) => {
            let error = usage(format!("understand `{flag}`")).because("it means nothing to this command");
            Err(error.hint("see `plugdeps --help`"))
        }
        None => Ok(()),
    }
}

fn flag(name: &str, parser: &mut Parser, typed: &mut Typed) -> Result<()> {
    let mut value = || {
        let value = parser.value().map_err(|e| usage(format!("read `--{name}`")).because(e))?;
        if value.is_empty() { Err(usage(format!("read `--{name}`")).because("its value is empty")) } else { Ok(value) }
    };
    typed.own_flags.extend(own_flags().map(|(own, _)| *own).filter(|own| own[2..] == *name));
    match name {
        "root" => typed.root = Some(value()?.into()),
        "data" => typed.data = Some(value()?.into()),
        "environment" => typed.environment = Some(value()?.to_string_lossy().into_owned()),
        "format" => typed.format = Some(value()?.to_string_lossy().into_owned()),
        "json" => typed.json = true,
        "rebuild" => typed.rebuild = true,
        "check" if typed.command == Some(Command::Lock) => typed.check = true,
        "check" => typed.command = Some(Command::Check),
        "help" => typed.command = Some(Command::Help),
        "version" => typed.command = Some(Command::Version),
        "all" if !HAS_AUTHORS => return Err(for_authors()),
        other if HAS_AUTHORS => return authors_flag(other, &mut value, typed),
        other => return Err(no_flag(other)),
    }
    Ok(())
}

fn authors_flag(name: &str, value: &mut dyn FnMut() -> Result<OsString>, typed: &mut Typed) -> Result<()> {
    match name {
        "strict" => typed.strict = true,
        "all" => typed.all = true,
        "platform" => typed.platforms.extend(several(&value()?)),
        "python" => typed.pythons.extend(several(&value()?)),
        "dry-run" => typed.init.dry_run = true,
        "yes" => typed.init.yes = true,
        "undo" => typed.init.undo = true,
        "dir" => typed.init.programs = Some(value()?.to_string_lossy().into_owned()),
        "binary" => typed.init.binary = Some(value()?.into()),
        other => return Err(no_flag(other)),
    }
    Ok(())
}

fn no_flag(name: &str) -> Error {
    let known: Vec<&str> = FLAGS.iter().copied().chain(own_flags().map(|(own, _)| *own)).collect();
    unknown_flag(&format!("--{name}"), &known)
}

/// What a flag names that may name several.
fn several(value: &OsString) -> Vec<String> {
    value.to_string_lossy().split(',').map(|name| name.trim().to_owned()).collect()
}

fn command(word: &OsString) -> Result<Command> {
    let word = word.to_string_lossy();
    named(&word).ok_or_else(|| unknown_command(&word, COMMANDS))
}

/// The command of this name.
pub fn named(word: &str) -> Option<Command> {
    Some(match word {
        "session-start" => Command::SessionStart,
        "run" => Command::Run,
        "sync" => Command::Sync,
        "check" => Command::Check,
        "env" => Command::Env,
        "prune" => Command::Prune,
        "bundle" => Command::Bundle,
        "lock" => Command::Lock,
        "snapshot" => Command::Snapshot,
        "lint" => Command::Lint,
        "init" => Command::Init,
        "completions" if HAS_AUTHORS => Command::Completions,
        "man" if HAS_AUTHORS => Command::Man,
        "help" => Command::Help,
        crate::builder::COMMAND => Command::Build,
        crate::process::DETACH => Command::Detach,
        _ => return None,
    })
}
