//! The variables of a server: without those that led to what its hook installed, with those that `run` does not set.

use super::draft::Draft;
use super::old_install::{DATA, ROOT};
use super::servers::Entry;
use super::wiring::{Wiring, source_of};
use crate::install_line::Install;

/// What leads to packages, and what separates places in it.
const PATHS: [&str; 2] = ["PYTHONPATH", "NODE_PATH"];
const SEPARATOR: char = ':';

/// A variable, and what it becomes: a value, or nothing.
pub type Change = (String, Option<String>);

/// What changes of the variables of a server.
pub fn changes(draft: &Draft, entry: &Entry, wiring: &Wiring, replaced: &[Install]) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (name, value) in &wiring.variables {
        changes.push((name.clone(), Some(value.clone())));
    }
    for name in PATHS {
        let old = value_of(entry, wiring, name);
        let kept = old.map(|old| cleaned(old, replaced));
        let new = if name == "PYTHONPATH" { with_source(draft, wiring, kept) } else { kept };
        if new.as_deref() != old {
            changes.retain(|(own, _)| own != name);
            changes.push((name.to_owned(), new.filter(|new| !new.is_empty())));
        }
    }
    let is_set = |name: &&&str| entry.env.iter().any(|(own, _)| own == **name);
    changes.extend(wiring.obsolete.iter().filter(is_set).map(|name| ((*name).to_owned(), None)));
    changes
}

fn value_of<'a>(entry: &'a Entry, wiring: &'a Wiring, name: &str) -> Option<&'a str> {
    let all = wiring.variables.iter().chain(&entry.env);
    all.into_iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// The places that something else than an old installation has filled.
fn cleaned(value: &str, replaced: &[Install]) -> String {
    let kept: Vec<&str> = value.split(SEPARATOR).filter(|place| !is_installed(place, replaced)).collect();
    kept.join(&SEPARATOR.to_string())
}

/// Whether an installation has filled a place. In the data directory nothing else is for interpreters to find.
fn is_installed(place: &str, replaced: &[Install]) -> bool {
    let last = place.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_usual = place.starts_with(DATA) && matches!(last, "site-packages" | "node_modules");
    is_usual || replaced.iter().filter_map(|install| install.target.as_deref()).any(|target| is_below(place, target))
}

fn is_below(place: &str, target: &str) -> bool {
    let rest = place.strip_prefix(target.trim_end_matches('/'));
    target != DATA && target != ROOT && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// With the place in the plugin in which the module is that the server runs.
fn with_source(draft: &Draft, wiring: &Wiring, kept: Option<String>) -> Option<String> {
    let directory = wiring.directory.as_deref().unwrap_or_default();
    let Some(source) = wiring.module.as_deref().and_then(|module| source_of(draft, directory, module)) else {
        return kept;
    };
    let place = if source.is_empty() { ROOT.to_owned() } else { format!("{ROOT}/{source}") };
    match kept.filter(|kept| !kept.is_empty()) {
        Some(kept) if kept.split(SEPARATOR).any(|own| own.trim_end_matches('/') == place) => Some(kept),
        Some(kept) => Some(format!("{place}{SEPARATOR}{kept}")),
        None => Some(place),
    }
}
