//! What `init` would do with a plugin: its files as they will be, and what its author has to know.

use super::draft::Draft;
use super::fetched::{self, Provided};
use super::old_install::ROOT;
use super::place::PLUGIN;
use super::servers::{self, Entry};
use super::settle::{self, simulated};
use super::variables;
use super::wiring::{Verdict, Wiring, verdict};
use super::{scaffold, session_start};
use crate::environments::Environment;
use crate::error::Result;
use crate::install_line::Install;
use crate::plugin::Plugin;
use crate::project::join;
use crate::runtime::Runtime;
use crate::server::Server;
use crate::unread::{self, Unread};
use std::collections::BTreeSet;

/// Whether what is planned is going to be done, or shown to somebody who has not agreed.
#[derive(Debug, Clone, Copy, Default)]
pub enum Mood {
    /// Nobody is asked.
    Is,
    /// It may stay undone.
    #[default]
    WouldBe,
}

impl Mood {
    fn verb(self) -> &'static str {
        match self {
            Mood::Is => "is",
            Mood::WouldBe => "would be",
        }
    }
}

/// What would be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// What a person is told, a line each.
    pub said: Vec<String>,
    /// Commands that make locks anew, each with what for.
    pub next: BTreeSet<String>,
    /// Whether plugdeps is of any use to the plugin.
    pub is_needed: bool,
    /// Whether a server is left to be changed by hand.
    pub has_rest: bool,
    /// How it is spoken of.
    mood: Mood,
    /// Whether plugdeps starts a server already.
    has_wired: bool,
    /// Servers that are to be started otherwise.
    changes: Vec<(Entry, Wiring)>,
    /// Of what a manifest is written that was not there, in the plugin's own directory.
    new: Vec<Runtime>,
}

/// Makes the plan, and has the draft be what it says; `program` is plugdeps as the host is told to start it, `mood` how the
/// plan is spoken of.
///
/// # Errors
/// A file cannot be read, or is malformed; or there is no plugin, and no place for one.
pub fn make(draft: &mut Draft, program: &str, mood: Mood) -> Result<Plan> {
    let mut plan = Plan { mood, ..Plan::default() };
    if scaffold::is_wanted(draft)? {
        scaffold::add(draft, program)?;
        session_start::add(draft, program, false, mood.verb())?;
        plan.say(format!("a first server, `server.py`, {} written: put your tools into it", mood.verb()));
        plan.is_needed = true;
        return Ok(plan);
    }
    let entries = servers::all(draft)?;
    let hooks = session_start::look(draft)?;
    entries.iter().try_for_each(|entry| plan.judge(draft, entry))?;
    if entries.is_empty() {
        plan.say("no server was found, so plugdeps starts none yet");
    }
    let servers = plan.servers(&entries, program);
    plan.settle(draft, program, servers, &hooks.replaced)?;
    if plan.has_rest {
        plan.say(format!(
            "by hand it is `\"command\": \"{program}\", \"args\": [\"run\", \"--\", …]` with what starts the server behind `--`, \
             such as `\"python\", \"{ROOT}/server.py\"`"
        ));
    }
    if plan.is_needed && scaffold::is_undescribed(draft)? {
        let name = scaffold::describe(draft)?;
        plan.say(format!("`{PLUGIN}` {} written, with the name `{name}`", mood.verb()));
    }
    if plan.is_needed {
        let keeps = plan.has_rest && !hooks.replaced.is_empty();
        plan.said.extend(session_start::add(draft, program, keeps, mood.verb())?);
    }
    Ok(plan)
}

impl Plan {
    fn say(&mut self, what: impl Into<String>) {
        self.said.push(what.into());
    }

    fn of(&mut self, entry: &Entry, what: &str) {
        self.say(format!("server `{}` {what}", entry.name));
    }

    fn by_hand(&mut self, entry: &Entry, what: &str) {
        self.has_rest = true;
        self.of(entry, &format!("is left to be changed by hand: {what}"));
    }

    fn judge(&mut self, draft: &mut Draft, entry: &Entry) -> Result<()> {
        match verdict(draft, entry) {
            Verdict::Wired => {
                self.is_needed = true;
                self.has_wired = true;
                self.of(entry, "is started by plugdeps already");
            }
            Verdict::Left(why) => self.of(entry, &format!("is left as it is: {why}")),
            Verdict::ByHand(why) => self.by_hand(entry, &why),
            Verdict::Wire(wiring) => {
                if let Some(what) = bootstraps(draft, &wiring) {
                    self.by_hand(entry, &what);
                    return Ok(());
                }
                let plugin = simulated(draft, vec![as_server(entry)])?;
                match fetched::provide(draft, &plugin, wiring, &self.new)? {
                    Provided::Manifest { wiring, next, is_new } => {
                        self.new.extend(is_new.then_some(wiring.runtime));
                        self.next.extend(next);
                        self.changes.push((entry.clone(), *wiring));
                    }
                    Provided::ByHand(what) => self.by_hand(entry, &what),
                }
            }
        }
        Ok(())
    }

    /// The servers as they will be.
    fn servers(&self, entries: &[Entry], program: &str) -> Vec<Server> {
        let planned = |entry: &Entry| self.changes.iter().find(|(own, _)| own.is(entry)).map(|(_, wiring)| wiring);
        let server = |entry: &Entry| match planned(entry) {
            Some(wiring) => Server { words: words(program, None, &wiring.command), ..as_server(entry) },
            None => as_server(entry),
        };
        entries.iter().map(server).collect()
    }

    /// Gives each server its environment, and writes it down.
    fn settle(&mut self, draft: &mut Draft, program: &str, servers: Vec<Server>, replaced: &[Install]) -> Result<()> {
        let mut plugin = simulated(draft, servers.clone())?;
        let missing = self.missing(draft, &plugin);
        let is_configured = missing.is_empty() || self.configure(draft, &plugin, missing.clone())?;
        if is_configured && !missing.is_empty() {
            plugin = simulated(draft, servers)?;
        }
        let is_any = plugin.environments.iter().any(|environment| environment.manifest.is_ok());
        self.is_needed |= is_any || !self.new.is_empty();
        let is_malformed = plugin.environments.iter().any(|environment| environment.manifest.is_err());
        for (entry, wiring) in std::mem::take(&mut self.changes) {
            match self.environment(draft, &plugin, &wiring) {
                Ok(environment) => self.rewrite(draft, program, &entry, &wiring, environment, replaced)?,
                Err(why) => match unread_of(draft, &wiring) {
                    Some(what) => self.by_hand(&entry, &what),
                    None if wiring.directory.is_some() || is_malformed => self.by_hand(&entry, &why),
                    None => self.of(&entry, &format!("is left as it is: {why}")),
                },
            }
        }
        Ok(())
    }

    /// Names every directory that servers need in the configuration; whether that could be done.
    fn configure(&self, draft: &mut Draft, plugin: &Plugin, missing: Vec<(String, Runtime)>) -> Result<bool> {
        let used: Vec<_> = self.changes.iter().filter_map(|(_, wiring)| settle::wanted(plugin, wiring)).collect();
        // What lives in which environment by now is known of no other servers.
        let is_used = |one: &&Environment| self.has_wired || used.iter().any(|used| used.name == one.name);
        let known: Vec<&Environment> = plugin.environments.iter().filter(is_used).collect();
        let new = self.new.iter().map(|runtime| (String::new(), *runtime));
        settle::configure(draft, &known, &new.chain(missing).collect::<Vec<_>>())
    }

    /// Directories with a manifest to which nothing leads by itself.
    fn missing(&self, draft: &Draft, plugin: &Plugin) -> Vec<(String, Runtime)> {
        let lost = self.changes.iter().filter(|(_, wiring)| settle::wanted(plugin, wiring).is_none());
        let places = lost.filter_map(|(_, wiring)| Some((wiring.directory.clone()?, wiring.runtime)));
        let mut places: Vec<_> = places.filter(|(path, runtime)| settle::has_manifest(draft, path, *runtime)).collect();
        places.sort_by(|a, b| a.0.cmp(&b.0));
        places.dedup();
        places
    }

    /// The name of the environment where it must be said; or why there is none.
    fn environment(
        &self,
        draft: &Draft,
        plugin: &Plugin,
        wiring: &Wiring,
    ) -> std::result::Result<Option<String>, String> {
        if let Some(environment) = settle::wanted(plugin, wiring) {
            let others = usize::from(!self.new.is_empty() && !self.new.contains(&wiring.runtime));
            let finds = settle::finds(plugin, wiring, &environment.name) && others == 0;
            return Ok((!finds).then(|| environment.name.clone()));
        }
        if wiring.directory.as_ref().is_none_or(String::is_empty) && self.new.contains(&wiring.runtime) {
            let is_alone = plugin.environments.is_empty() && self.new.iter().all(|one| *one == wiring.runtime);
            return Ok((!is_alone).then(|| settle::own_name(wiring.runtime).to_owned()));
        }
        if let Some(error) = plugin.environments.iter().find_map(|one| one.manifest.as_ref().err()) {
            return Err(error.sentence());
        }
        let runtime = wiring.runtime.name();
        let Some(directory) = &wiring.directory else {
            return Err(format!("nothing says which packages for {runtime} it needs"));
        };
        Err(match settle::has_manifest(draft, directory, wiring.runtime) {
            true => format!(
                "name `{directory}` as an environment in the configuration of plugdeps, and that with `--environment`"
            ),
            false => format!("`{directory}` has no manifest for {runtime}"),
        })
    }

    fn rewrite(
        &mut self,
        draft: &mut Draft,
        program: &str,
        entry: &Entry,
        wiring: &Wiring,
        environment: Option<String>,
        replaced: &[Install],
    ) -> Result<()> {
        self.is_needed = true;
        let changes = variables::changes(draft, entry, wiring, replaced);
        entry.rewrite(draft, &words(program, environment.as_deref(), &wiring.command), &changes)?;
        self.of(entry, &format!("{} started by plugdeps from now on", self.mood.verb()));
        wiring.notes.iter().for_each(|note| self.of(entry, note));
        Ok(())
    }
}

/// What a script does besides, if it is one that installs packages before it starts the server.
fn bootstraps(draft: &Draft, wiring: &Wiring) -> Option<String> {
    let script = wiring.script.as_deref()?;
    let text = String::from_utf8(draft.read(script).ok()??).ok()?;
    let line = super::bootstrap::installs(&text)?;
    Some(format!(
        "`{script}` seems to install packages itself (line {line}): have the file started that it starts then"
    ))
}

/// Where else it stands what a server in Python needs, and what to do about it.
fn unread_of(draft: &Draft, wiring: &Wiring) -> Option<String> {
    let directory = wiring.directory.iter().map(|directory| join(directory, ""));
    let places = directory.chain(wiring.script.clone()).chain([String::new()]);
    let mut places = places.filter(|_| wiring.runtime == Runtime::Python);
    let unread = places.find_map(|place| unread::above(&draft.root, &place))?;
    let Unread { file, instead, .. } = unread;
    Some(format!("what it needs stands in `{file}`, which plugdeps does not read: {instead}; then run this again"))
}

fn as_server(entry: &Entry) -> Server {
    Server { name: entry.name.clone(), words: entry.words.clone(), transport: "stdio".into() }
}

/// The words that have plugdeps start a command.
fn words(program: &str, environment: Option<&str>, command: &[String]) -> Vec<String> {
    let environment = environment.map(|name| ["--environment".to_owned(), name.to_owned()]);
    let mut words = vec![program.to_owned(), "run".to_owned()];
    words.extend(environment.into_iter().flatten());
    words.push("--".to_owned());
    words.extend_from_slice(command);
    words
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
