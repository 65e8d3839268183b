//! The `run` door: the command becomes the server in an environment that is ready; until it is, a go-between speaks.

use crate::child::{self, Opening};
use crate::entry_point;
use crate::error::Result;
use crate::home::{Home, Wanted};
use crate::launch::Start;
use crate::mcp::relay;
use crate::plugin::Plugin;
use crate::proof::Key;
use crate::provision;
use crate::snapshot::Snapshot;
use crate::work::Work;
use std::ffi::OsString;

/// Becomes the command, or speaks for it until it is there. Returns the exit status where it did not become it.
///
/// # Errors
/// There is nothing to start, or it cannot be started.
pub fn run(plugin: &Plugin, environment: Option<&str>, words: Vec<OsString>) -> Result<u8> {
    let Some(environment) = plugin.environment_for(environment, &words)? else {
        return Err(Start::new(&words, None)?.become_it(None));
    };
    let work = Work::new(plugin, environment)?;
    let key = Key::new(&words, &plugin.place);
    let words = entry_point::expand(plugin, environment, &words)?;
    let wanted = Wanted { place: plugin.place.clone(), environment: environment.name.clone(), words, key };
    if provision::is_at_hand(&work) {
        return live(&wanted, &work);
    }
    match child::first_words() {
        Opening::Nobody => become_server(&wanted, wanted.find(&work)?),
        Opening::Somebody(words) => {
            let snapshot = snapshot(&wanted, &work);
            relay::run(wanted, &plugin.name, snapshot, None, &words)
        }
    }
}

/// What is ready and has proved to start is the server itself; a first start that somebody waits for is watched.
fn live(wanted: &Wanted, work: &Work<'_>) -> Result<u8> {
    let home = wanted.find(work)?;
    if wanted.key.is_known(&home.sealed.generation) {
        return become_server(wanted, home);
    }
    match child::first_words() {
        Opening::Nobody => become_server(wanted, home),
        Opening::Somebody(words) => relay::run(wanted.clone(), &work.plugin.name, None, Some(home), &words),
    }
}

fn become_server(wanted: &Wanted, home: Home) -> Result<u8> {
    Err(Start::new(&wanted.words, Some(&home.sealed.generation))?.become_it(home.lease))
}

/// What the server said the last time, as far as anybody knows: the author of this version, or an earlier start.
fn snapshot(wanted: &Wanted, work: &Work<'_>) -> Option<Snapshot> {
    let kept = || work.store.sealed().find_map(|sealed| wanted.key.snapshot(&sealed.generation));
    wanted.key.shipped(&wanted.place.root).or_else(kept)
}
