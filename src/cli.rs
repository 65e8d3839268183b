//! The command line: what was typed, what it means, and which door it opens.

use crate::check::{self, Paint};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::{self, Format};
use crate::gc;
use crate::hook;
use crate::launch;
use crate::lock::{self, Attempt, Lock};
use crate::nearest::nearest;
use crate::output;
use crate::plugin::{Environment, Plugin, locate};
use crate::provision::{self, Decision, Door, Ready, Work};
use crate::store::{Sealed, Store};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Text of `--help`.
pub const HELP: &str = "\
plugdeps installs the packages that a plugin's MCP server needs, and starts it

usage: plugdeps [FLAG…] COMMAND

commands
  session-start          the SessionStart hook: make ready, say nothing or one JSON object
  run [--] CMD [ARG…]    make ready, then become CMD in the environment
  sync                   make ready by hand, with progress and an exit status that tells
  check, --check         look, explain, change nothing
  env                    print the environment's variables
  prune                  remove what nothing uses

flags
  --root DIR             the plugin (default: CLAUDE_PLUGIN_ROOT, or above this program)
  --data DIR             its data (default: CLAUDE_PLUGIN_DATA, or the user's data directory)
  --environment NAME     one of several environments
  --json                 check: for programs
  --format FORMAT        env: sh, fish, powershell, json, dotenv or mcp (default: sh)
  --rebuild              sync: build even if the environment fits
  --help, --version

exit status of check: 0 ready, 10 a start would build, 11 it could not; of the rest: docs/errors.md
";

/// How often a launcher looks again because a sweep was faster than its lease.
const LEASE_TRIES: u32 = 20;

/// How often `prune` asks for the lock, every 10 ms.
const LOCK_TRIES: u32 = 50;

const COMMANDS: [&str; 6] = ["session-start", "run", "sync", "check", "env", "prune"];
const FLAGS: [&str; 9] =
    ["--root", "--data", "--environment", "--json", "--format", "--rebuild", "--help", "--version", "--check"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    SessionStart,
    Run,
    Sync,
    Check,
    Env,
    Prune,
    Help,
    Version,
    Build,
    Detach,
}

/// Flags that mean something to some commands only.
const OWN_FLAGS: [(&str, &[Command]); 4] = [
    ("--json", &[Command::Check]),
    ("--format", &[Command::Env]),
    ("--rebuild", &[Command::Sync]),
    ("--environment", &[Command::Run, Command::Sync, Command::Env, Command::Prune, Command::Build]),
];

/// What was typed.
#[derive(Debug, Default)]
struct Typed {
    command: Option<Command>,
    root: Option<PathBuf>,
    data: Option<PathBuf>,
    environment: Option<String>,
    format: Format,
    json: bool,
    rebuild: bool,
    words: Vec<OsString>,
    own_flags: Vec<&'static str>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    match parse(Parser::from_env()).and_then(run) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.kind.info().exit)
        }
    }
}

fn run(typed: Typed) -> Result<u8> {
    let command = typed.command.ok_or_else(|| usage("find a command").hint("see `plugdeps --help`"))?;
    let place = || locate(typed.root.as_deref(), typed.data.as_deref());
    match command {
        Command::Help => output::data(HELP),
        Command::Version => output::data(concat!("plugdeps ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::SessionStart => hook::session_start(place()),
        Command::Run => return Err(run_command(&Plugin::load(place()?)?, &typed)),
        Command::Sync => sync(&Plugin::load(place()?)?, &typed)?,
        Command::Check => return check(place().and_then(Plugin::load), &typed),
        Command::Env => env(&Plugin::load(place()?)?, &typed)?,
        Command::Prune => prune(&Plugin::load(place()?)?, &typed)?,
        Command::Build => provision::run_builder(&place()?, typed.environment.as_deref().unwrap_or_default())?,
        Command::Detach => detach(&typed)?,
    }
    Ok(0)
}

fn parse(mut parser: Parser) -> Result<Typed> {
    let mut typed = Typed::default();
    while let Some(arg) = parser.next().map_err(|e| usage("read the command line").because(e))? {
        match arg {
            Arg::Value(word) if typed.command == Some(Command::Run) => {
                typed.words.push(word);
                typed.words.extend(parser.raw_args().map_err(|e| usage("read the command line").because(e))?);
            }
            Arg::Value(word) if typed.command.is_none() => {
                typed.command = Some(command(&word)?);
                if typed.command == Some(Command::Detach) {
                    typed.words.extend(parser.raw_args().map_err(|e| usage("read the command line").because(e))?);
                }
            }
            Arg::Value(word) => {
                let error = usage(format!("understand `{}`", word.to_string_lossy()));
                return Err(error
                    .because("there is a command already")
                    .hint("give one command; see `plugdeps --help`"));
            }
            Arg::Long(name) => {
                let name = name.to_owned();
                flag(&name, &mut parser, &mut typed)?;
            }
            Arg::Short('h') => typed.command = Some(Command::Help),
            Arg::Short('V') => typed.command = Some(Command::Version),
            Arg::Short(letter) => return Err(unknown("flag", &format!("-{letter}"), &FLAGS)),
        }
    }
    check_flags(&typed)?;
    Ok(typed)
}

/// A flag that does nothing is a mistake that nobody notices.
fn check_flags(typed: &Typed) -> Result<()> {
    let takes = |flag: &str| {
        OWN_FLAGS.iter().any(|(own, by)| *own == flag && typed.command.is_some_and(|command| by.contains(&command)))
    };
    match typed.own_flags.iter().find(|flag| !takes(flag)) {
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
    typed.own_flags.extend(OWN_FLAGS.iter().map(|(own, _)| *own).filter(|own| own[2..] == *name));
    match name {
        "root" => typed.root = Some(value()?.into()),
        "data" => typed.data = Some(value()?.into()),
        "environment" => typed.environment = Some(value()?.to_string_lossy().into_owned()),
        "format" => typed.format = Format::parse(&value()?.to_string_lossy())?,
        "json" => typed.json = true,
        "rebuild" => typed.rebuild = true,
        "check" => typed.command = Some(Command::Check),
        "help" => typed.command = Some(Command::Help),
        "version" => typed.command = Some(Command::Version),
        other => return Err(unknown("flag", &format!("--{other}"), &FLAGS)),
    }
    Ok(())
}

fn command(word: &OsString) -> Result<Command> {
    let word = word.to_string_lossy();
    Ok(match word.as_ref() {
        "session-start" => Command::SessionStart,
        "run" => Command::Run,
        "sync" => Command::Sync,
        "check" => Command::Check,
        "env" => Command::Env,
        "prune" => Command::Prune,
        "help" => Command::Help,
        crate::builder::COMMAND => Command::Build,
        crate::process::DETACH => Command::Detach,
        other => return Err(unknown("command", other, &COMMANDS)),
    })
}

fn usage(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}

fn unknown(what: &str, word: &str, known: &[&str]) -> Error {
    let error = usage(format!("understand `{word}`")).because(format!("there is no such {what}"));
    match nearest(word, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("see `plugdeps --help`"),
    }
}

/// Becomes the command; what it returns is why that was not possible.
fn run_command(plugin: &Plugin, typed: &Typed) -> Error {
    if typed.words.is_empty() {
        return usage("start nothing").hint("write the command behind `--`: `plugdeps run -- python server.py`");
    }
    match prepare(plugin, typed) {
        Ok(Some((sealed, lease))) => launch::start(&typed.words, Some(&sealed.generation), lease),
        Ok(None) => launch::start(&typed.words, None, None),
        Err(error) => error,
    }
}

type Leased = (Sealed, Option<Lock>);

/// An environment for the command, ready and leased. `None`: the plugin needs none.
fn prepare(plugin: &Plugin, typed: &Typed) -> Result<Option<Leased>> {
    let Some(environment) = plugin.environment_for(typed.environment.as_deref(), &typed.words)? else {
        return Ok(None);
    };
    let work = Work::new(plugin, environment)?;
    let door = Door { patience: whole_build(&plugin.config), watched: false, rebuild: false };
    for _ in 0..LEASE_TRIES {
        let ready = provision::ensure(&work, &door)?;
        if let Some(lease) = provision::lease(&ready.sealed) {
            tell_if_stale(plugin, &ready);
            return Ok(Some((ready.sealed, lease)));
        }
    }
    Err(Error::new(Kind::NotReady, "keep the environment").because("it was removed again and again while it was taken"))
}

fn tell_if_stale(plugin: &Plugin, ready: &Ready) {
    if let Some(error) = &ready.stale {
        output::error(error);
        output::note(&format!("{} starts with its previous packages, which may not fit", plugin.name));
    }
}

/// The time of a whole build, and a little for its start and end.
fn whole_build(config: &Config) -> Duration {
    Duration::from_secs(config.deadline.saturating_add(30))
}

fn chosen<'a>(plugin: &'a Plugin, typed: &Typed) -> Result<Vec<&'a Environment>> {
    match &typed.environment {
        Some(name) => Ok(plugin.environment_for(Some(name), &[])?.into_iter().collect()),
        None => Ok(plugin.environments.iter().collect()),
    }
}

fn sync(plugin: &Plugin, typed: &Typed) -> Result<()> {
    let door = Door { patience: whole_build(&plugin.config), watched: true, rebuild: typed.rebuild };
    let environments = chosen(plugin, typed)?;
    if environments.is_empty() {
        output::note(&format!("{} has no manifest, so there is nothing to install", plugin.name));
    }
    let mut failed = None;
    for environment in environments {
        if let Err(error) = sync_one(plugin, environment, &door) {
            let error = error.because(format!("in the environment `{}`", environment.name));
            // One that fails does not keep the others from their packages.
            failed.replace(error).iter().for_each(output::error);
        }
    }
    failed.map_or(Ok(()), Err)
}

fn sync_one(plugin: &Plugin, environment: &Environment, door: &Door) -> Result<()> {
    let work = Work::new(plugin, environment)?;
    work.notes().iter().for_each(|note| output::note(note));
    let ready = provision::ensure(&work, door)?;
    if let Some(error) = ready.stale {
        return Err(error);
    }
    let prefix = &ready.sealed.receipt.prefix;
    let how = if ready.built { "built" } else { "ready, nothing to do" };
    output::note(&format!("environment {}: {how} (`{}`)", environment.name, prefix.display()));
    Ok(())
}

fn check(plugin: Result<Plugin>, typed: &Typed) -> Result<u8> {
    let plugin = match plugin {
        Err(error) if typed.json => {
            output::json(&check::Unreadable::new(&error))?;
            return Ok(error.kind.info().exit);
        }
        plugin => plugin?,
    };
    let report = check::look(&plugin);
    if typed.json {
        output::json(&report)?;
    } else {
        output::data(&check::render(&report, Paint(output::colour())));
    }
    Ok(report.state.exit())
}

fn env(plugin: &Plugin, typed: &Typed) -> Result<()> {
    let Some(environment) = plugin.environment_for(typed.environment.as_deref(), &[])? else {
        return Err(Error::new(Kind::NotReady, "print the environment").because("the plugin has no manifest"));
    };
    let work = Work::new(plugin, environment)?;
    match work.decide() {
        Decision::Reuse { sealed, .. } => output::data(&export::render(&sealed, typed.format)?),
        Decision::Build(reason) => {
            let error = Error::new(Kind::NotReady, "print the environment").because(reason);
            return Err(error.hint("run `plugdeps sync` first"));
        }
    }
    Ok(())
}

fn prune(plugin: &Plugin, typed: &Typed) -> Result<()> {
    for environment in chosen(plugin, typed)? {
        let store = Store::new(&plugin.place.data, &environment.name);
        if crate::fs::is_directory(store.directory()) {
            let told = prune_one(plugin, &environment.name, &store)?;
            output::note(&format!("environment {}: {told}", environment.name));
        }
    }
    Ok(())
}

fn prune_one(plugin: &Plugin, name: &str, store: &Store) -> Result<String> {
    // More than once: whoever looks at the lock holds it for a moment.
    for _ in 0..LOCK_TRIES {
        match lock::try_exclusive(&store.lock_path())? {
            Attempt::Held(right) => {
                let swept = gc::sweep(store, &provision::tools(&plugin.place.data), name, &right)?;
                let size =
                    if swept.bytes == 0 { String::new() } else { format!(" ({} kB)", swept.bytes.div_ceil(1000)) };
                return Ok(format!("{} removed{size}, {} in use", swept.removed.len(), swept.in_use.len()));
            }
            Attempt::Busy => std::thread::sleep(Duration::from_millis(10)),
            Attempt::Unsupported => {
                let error = Error::new(Kind::Io, format!("lock `{}`", store.lock_path().display()));
                return Err(error.because("this file system has no locks, so nothing can be known to be unused"));
            }
        }
    }
    Ok("a build is under way, left alone".into())
}

fn detach(typed: &Typed) -> Result<()> {
    let failed = |e: std::io::Error| Error::new(Kind::Io, "start a builder").because(e);
    let program = std::env::current_exe().map_err(failed)?;
    crate::process::detach_from_session(&program, &typed.words).map_err(failed)
}
