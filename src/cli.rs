//! The doors: what each command does with a plugin.

use crate::author;
use crate::build;
use crate::builder;
use crate::check;
use crate::each::{chosen, each};
use crate::environments::Environment;
use crate::error::{Error, Kind, Result};
use crate::export::{self, Format};
use crate::help::{FOR_AUTHORS, HELP};
use crate::home::whole_build;
use crate::hook;
use crate::mistyped::{no_command, usage};
use crate::output;
use crate::page::{self, Paint};
use crate::plugin::{Plugin, locate};
use crate::provision::{self, Door};
use crate::prune;
use crate::report;
use crate::run;
use crate::store::Store;
use crate::typed::{COMMANDS, Command, Typed, parse};
use crate::work::{Decision, Work};
use lexopt::Parser;

/// Runs the program; its exit status.
pub fn main() -> i32 {
    parse(Parser::from_env()).and_then(obey).unwrap_or_else(|error| {
        output::error(&error);
        error.kind.info().exit.into()
    })
}

fn obey(typed: Typed) -> Result<i32> {
    let command = typed.command.ok_or_else(|| no_command(COMMANDS))?;
    let place = || locate(typed.root.as_deref(), typed.data.as_deref());
    match command {
        Command::Help => output::data(&format!("{HELP}{FOR_AUTHORS}")),
        Command::Version => output::data(concat!("plugdeps ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::SessionStart => hook::session_start(place()),
        Command::Run => return run_command(&Plugin::load(place()?)?, typed),
        Command::Sync => sync(&Plugin::load(place()?)?, &typed)?,
        Command::Check if typed.is_for_all() => return author::check_all(&typed).map(Into::into),
        Command::Prune if typed.is_for_all() => author::prune_all(&typed)?,
        Command::Check => return check(place().and_then(Plugin::load), &typed),
        Command::Env => env(&Plugin::load(place()?)?, &typed)?,
        Command::Prune => prune(&Plugin::load(place()?)?, &typed)?,
        Command::Init
        | Command::Lint
        | Command::Lock
        | Command::Bundle
        | Command::Snapshot
        | Command::Completions
        | Command::Man => author::obey(command, &typed)?,
        Command::Build => build::run_builder(&place()?, typed.environment.as_deref().unwrap_or_default())?,
        Command::Detach => detach(&typed)?,
    }
    Ok(0)
}

fn run_command(plugin: &Plugin, typed: Typed) -> Result<i32> {
    if typed.words.is_empty() {
        return Err(usage("start nothing").hint("write the command behind `--`: `plugdeps run -- python server.py`"));
    }
    run::run(plugin, typed.environment.as_deref(), typed.words)
}

fn sync(plugin: &Plugin, typed: &Typed) -> Result<()> {
    let door = Door { patience: whole_build(&plugin.config), by_hand: true, settles: true, rebuild: typed.rebuild };
    each(plugin, typed, &|environment| sync_one(plugin, environment, &door))
}

fn sync_one(plugin: &Plugin, environment: &Environment, door: &Door) -> Result<()> {
    if environment.is_provided() {
        output::note(&format!("environment {}: {}", environment.name, check::PROVIDED));
        return Ok(());
    }
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

fn check(plugin: Result<Plugin>, typed: &Typed) -> Result<i32> {
    let plugin = match plugin {
        Err(error) if typed.json => {
            output::json(&report::Unreadable::new(&error))?;
            return Ok(error.kind.info().exit.into());
        }
        plugin => plugin?,
    };
    let report = check::look(&plugin);
    if typed.json {
        output::json(&report)?;
    } else {
        output::data(&page::render(&report, Paint(output::colour())));
    }
    Ok(report.state.exit().into())
}

fn env(plugin: &Plugin, typed: &Typed) -> Result<()> {
    let format = typed.format.as_deref().map_or(Ok(Format::default()), Format::parse)?;
    let Some(environment) = plugin.environment_for(typed.environment.as_deref(), &[])? else {
        return Err(Error::new(Kind::NotReady, "print the environment").because("the plugin has no manifest"));
    };
    if environment.is_provided() {
        return Err(Error::new(Kind::NotReady, "print the environment").because(check::PROVIDED));
    }
    let work = Work::new(plugin, environment)?;
    match work.decide() {
        Decision::Reuse { sealed, .. } => output::data(&export::render(&sealed, &plugin.place.root, format)?),
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
            let told = prune::one(&plugin.place.data, &environment.name)?;
            output::note(&format!("environment {}: {told}", environment.name));
        }
    }
    Ok(())
}

fn detach(typed: &Typed) -> Result<()> {
    let failed = |e: std::io::Error| Error::new(Kind::Io, "start a builder").because(e);
    let program = builder::own_program().map_err(failed)?;
    crate::process::detach_from_session(&program, &typed.words).map_err(failed)
}
