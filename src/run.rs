//! The `run` door: the command becomes the server in an environment that is ready; until it is, a go-between speaks.

use crate::child::{self, Opening};
use crate::entry_point;
use crate::error::Result;
use crate::fs;
use crate::home::{Home, Wanted};
use crate::launch::{Scene, Start};
use crate::mcp::relay;
use crate::plugin::Plugin;
use crate::proof::Key;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::work::Work;
use std::ffi::OsString;

/// Becomes the command, or speaks for it until it is there. Returns the exit status where it did not become it.
///
/// # Errors
/// There is nothing to start, or it cannot be started.
pub fn run(plugin: &Plugin, environment: Option<&str>, words: Vec<OsString>) -> Result<i32> {
    let Some(environment) = plugin.environment_for(environment, &words)? else {
        return Err(Start::new(&words, Scene::Bare)?.become_it(None));
    };
    if environment.is_provided() {
        let words = entry_point::expand(plugin, environment, &words)?;
        let directory = plugin.place.root.join(&environment.directory);
        return Err(Start::new(&words, Scene::Beside(&directory))?.become_it(None));
    }
    let key = Key::new(&words, &plugin.place);
    let wanted = Wanted { place: plugin.place.clone(), environment: environment.name.clone(), words, key };
    let work = Work::new(plugin, environment);
    match work.as_ref().ok().and_then(|work| wanted.at_hand(work)) {
        Some(home) => live(wanted, &plugin.name, home),
        None => wait(wanted, plugin, work),
    }
}

/// What is ready and has proved to start is the server itself; a first start that somebody waits for is watched.
fn live(wanted: Wanted, plugin: &str, home: Home) -> Result<i32> {
    let generation = &home.sealed.generation;
    // What cannot be written down would be watched at every start.
    if wanted.key.is_known(generation) || !fs::is_writable(generation.directory()) {
        return become_server(&wanted, home);
    }
    match child::first_words() {
        Opening::Nobody => become_server(&wanted, home),
        Opening::Somebody(words) => relay::run(wanted, plugin, None, Some(home), &words),
    }
}

/// Somebody who talks is answered meanwhile, also when the manifest cannot be read: a host does not soon try again a
/// server that went without a word, and the author may be about to mend it.
fn wait(wanted: Wanted, plugin: &Plugin, work: Result<Work<'_>>) -> Result<i32> {
    match child::first_words() {
        Opening::Nobody => wanted.find(&work?).and_then(|home| become_server(&wanted, home)),
        Opening::Somebody(words) => {
            let snapshot = snapshot(&wanted);
            relay::run(wanted, &plugin.name, snapshot, None, &words)
        }
    }
}

fn become_server(wanted: &Wanted, home: Home) -> Result<i32> {
    let scene = Scene::In(&home.sealed, &wanted.place.root);
    Err(Start::new(&home.words, scene)?.become_it(home.lease))
}

/// What the server said the last time, as far as anybody knows: the author of this version, or an earlier start.
fn snapshot(wanted: &Wanted) -> Option<Snapshot> {
    let store = Store::new(&wanted.place.data, &wanted.environment);
    let kept = || store.sealed().find_map(|sealed| wanted.key.snapshot(&sealed.generation));
    wanted.key.shipped(&wanted.place.root).or_else(kept)
}
