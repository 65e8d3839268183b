//! Why an environment is not what the plugin needs, as data.

use crate::fingerprint::{Identity, Request};
use crate::generation::{Inputs, Receipt};
use crate::requirements::Item;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a start would build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// There is no environment.
    FirstTime,
    /// The manifests ask for something else.
    InputsChanged,
    /// The interpreter is no longer there.
    InterpreterGone {
        /// Where it was.
        path: PathBuf,
    },
    /// Another interpreter is in its place.
    InterpreterChanged {
        /// Who it was.
        from: Identity,
        /// Who it is.
        to: Identity,
    },
    /// It was built elsewhere and copied here.
    Moved {
        /// Where it was built.
        from: PathBuf,
    },
    /// The machine went down before its files are known to have reached the disk.
    PowerLost,
}

/// What the interpreter of a generation turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterpreterState {
    /// The very file that was asked when the environment was built.
    Unchanged,
    /// Another file, that says who it is.
    Says(Identity),
    /// Nothing that can be started.
    Gone,
}

/// Why a generation cannot be used where and with what it is now, whatever it was built for. `None`: it can.
pub fn misfit(receipt: &Receipt, prefix: &Path, interpreter: &InterpreterState) -> Option<Reason> {
    let known = &receipt.interpreter.identity;
    match interpreter {
        _ if receipt.prefix != prefix => Some(Reason::Moved { from: receipt.prefix.clone() }),
        InterpreterState::Gone => Some(Reason::InterpreterGone { path: receipt.interpreter.path.clone() }),
        InterpreterState::Says(now) if now != known => {
            Some(Reason::InterpreterChanged { from: known.clone(), to: now.clone() })
        }
        InterpreterState::Says(_) | InterpreterState::Unchanged => None,
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::FirstTime => write!(f, "there is no environment yet"),
            Reason::InputsChanged => write!(f, "the manifests changed"),
            Reason::InterpreterGone { path } => {
                write!(f, "its interpreter `{}` is gone", path.display())
            }
            Reason::InterpreterChanged { from, to } => {
                write!(f, "its interpreter was {} {} and is now {} {}", from.abi, from.platform, to.abi, to.platform)
            }
            Reason::Moved { from } => write!(f, "it was built at `{}` and copied from there", from.display()),
            Reason::PowerLost => write!(f, "the machine went down before its files were safely on the disk"),
        }
    }
}

/// How many changes a person reads.
const MOST: usize = 100;

/// What changed between the inputs of a generation and those of now, one sentence each.
pub fn changes(old: &Inputs, request: &Request, items: &[Item]) -> Vec<String> {
    let mut changes = Vec::new();
    let (now, then) = (in_a_set(items), in_a_set(&old.items));
    for item in items.iter().filter(|item| !then.contains(&named(item))) {
        changes.push(format!("`{}` changed: line {} `{}` is new", item.file, item.line, item.text));
    }
    for item in old.items.iter().filter(|item| !now.contains(&named(item))) {
        changes.push(format!("`{}` changed: `{}` is gone", item.file, item.text));
    }
    let explained = !changes.is_empty();
    changes.extend(parts_changed(&old.request, request, explained));
    changes.extend(choices_changed(&old.request, request));
    let more = changes.len().saturating_sub(MOST);
    if more > 0 {
        changes.truncate(MOST);
        changes.push(format!("and {more} more changes"));
    }
    changes
}

/// What makes an item the same as another one, wherever it stands in the file.
fn named(item: &Item) -> (&str, &str) {
    (&item.file, &item.text)
}

fn in_a_set(items: &[Item]) -> BTreeSet<(&str, &str)> {
    items.iter().map(named).collect()
}

fn parts_changed(old: &Request, new: &Request, explained: bool) -> Vec<String> {
    let mut changes = Vec::new();
    for part in &new.parts {
        match old.parts.iter().find(|other| other.label == part.label) {
            None => changes.push(format!("`{}` is new", part.label)),
            Some(other) if other.sha256 != part.sha256 && !explained => {
                changes.push(format!("`{}` changed", part.label));
            }
            Some(_) => {}
        }
    }
    let gone = old.parts.iter().filter(|part| new.parts.iter().all(|other| other.label != part.label));
    changes.extend(gone.map(|part| format!("`{}` is gone", part.label)));
    changes
}

fn choices_changed(old: &Request, new: &Request) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |what: &str, old: String, new: String| {
        if old != new {
            changes.push(format!("{what} changed from {old} to {new}"));
        }
    };
    compare("the kind of manifest", old.kind.clone(), new.kind.clone());
    compare("the named interpreter", shown(old.python.as_slice()), shown(new.python.as_slice()));
    compare("the extras", shown(&old.extras), shown(&new.extras));
    compare("the groups", shown(&old.groups), shown(&new.groups));
    if old.schema != new.schema {
        changes.push("this version of plugdeps hashes differently".into());
    }
    changes
}

fn shown(list: &[String]) -> String {
    if list.is_empty() { "none".into() } else { list.join(", ") }
}
