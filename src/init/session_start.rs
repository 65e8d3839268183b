//! The SessionStart hook: put beside whatever hooks there are, in the place of those that installed packages.

use super::draft::Draft;
use super::old_install::{Fate, of_hook, shown};
use super::place::{Place, places};
use super::uses::{self, is_own};
use crate::error::{Error, Kind, Result};
use crate::hooks::{FILE, Hook, of_document};
use crate::install_line::Install;
use crate::json_edit;
use crate::json_text::{Document, Node, Value};

/// The hooks that a plugin ships.
const SHIPPED: &str = include_str!("../../hooks/hooks.json");
/// The program in them.
const SHIPPED_PROGRAM: &str = "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps";
const EVENT: &str = "SessionStart";
/// The events at which packages are installed.
const OF_INSTALLING: [&str; 2] = [EVENT, "Setup"];

/// What the hooks do.
#[derive(Debug, Default)]
pub struct Found {
    /// Installations that `session-start` does instead.
    pub replaced: Vec<Install>,
    /// plugdeps, as a hook starts it already.
    pub program: Option<String>,
}

/// Looks what the hooks do.
///
/// # Errors
/// A file cannot be read, is no JSON, or is none that the host would read.
pub fn look(draft: &Draft) -> Result<Found> {
    let places = places(draft, FILE, "hooks")?;
    places.iter().try_for_each(|place| refuse_unread(draft, place))?;
    let hooks = all(draft, &places)?;
    let own = hooks.iter().find(|hook| is_own(hook));
    let program = own.and_then(|hook| hook.commands().first()?.words.first().cloned());
    let replaced = hooks.iter().filter_map(|hook| match fate(draft, hook, &hooks) {
        Fate::Replaced(installs) => Some(installs),
        _ => None,
    });
    Ok(Found { replaced: replaced.flatten().collect(), program })
}

/// Has the packages be made ready by `program`, and by no hook of the author's besides, unless that `keeps`: a server
/// still lives by it. What is taken out, said with this verb, and what is left, and why.
///
/// # Errors
/// As [`look`].
pub fn add(draft: &mut Draft, program: &str, keeps: bool, verb: &str) -> Result<Vec<String>> {
    let known = places(draft, FILE, "hooks")?;
    if !all(draft, &known)?.iter().any(is_own) {
        insert(draft, known.first(), program)?;
    }
    let places = places(draft, FILE, "hooks")?;
    let mut said = Vec::new();
    loop {
        // Each removal moves what stands behind it.
        let hooks = all(draft, &places)?;
        let is_replaced = |hook: &&Hook| !keeps && matches!(fate(draft, hook, &hooks), Fate::Replaced(_));
        match hooks.iter().find(is_replaced) {
            Some(hook) => {
                let (line, file) = (shown(&hook.command), &hook.file);
                said.push(format!("the hook `{line}` in `{file}` {verb} taken out: `session-start` does what it did"));
                remove(draft, hook)?;
            }
            None => {
                said.extend(hooks.iter().filter_map(|hook| left(draft, hook, &hooks)));
                return Ok(said);
            }
        }
    }
}

/// What is to become of a hook among all others.
fn fate(draft: &Draft, hook: &Hook, hooks: &[Hook]) -> Fate {
    if !OF_INSTALLING.contains(&hook.event.as_str()) {
        return Fate::Other(None);
    }
    match of_hook(draft, hook) {
        Fate::Replaced(installs) => match installs.iter().find_map(|install| uses::of(draft, hook, hooks, install)) {
            Some(user) => Fate::Stays(format!("{user} may live by what it installs")),
            None => Fate::Replaced(installs),
        },
        fate => fate,
    }
}

fn left(draft: &Draft, hook: &Hook, hooks: &[Hook]) -> Option<String> {
    let why = match fate(draft, hook, hooks) {
        Fate::Other(_) => return None,
        Fate::Stays(hindrance) => hindrance,
        Fate::Replaced(_) => "a server may still live by it".to_owned(),
    };
    Some(format!("the hook in `{}` line {} installs packages, and stays: {why}", hook.file, hook.line))
}

fn all(draft: &Draft, places: &[Place]) -> Result<Vec<Hook>> {
    let mut hooks = Vec::new();
    for place in places {
        hooks.extend(draft.json(&place.file)?.iter().flat_map(|document| of_document(&place.file, document)));
    }
    Ok(hooks)
}

/// The host reads nothing of a file whose events stand at its top, nor of one in which something else stands for them.
fn refuse_unread(draft: &Draft, place: &Place) -> Result<()> {
    let Some(document) = draft.object(&place.file)? else { return Ok(()) };
    let failed = |node: &Node, expected: &str, hint: &str| {
        let error = Error::new(Kind::ManifestInvalid, format!("read `{}`", place.file));
        Err(error.because(format!("line {}: expected {expected}", node.line)).hint(hint))
    };
    let events = place.node(&document).filter(|events| !is_nothing(events));
    let start = events.and_then(|events| events.get(EVENT)).filter(|start| !is_nothing(start) && !start.is_array());
    let is_wrapped = place.node(&document).is_some_and(Node::is_object);
    let has_events = !is_wrapped && document.root.members().iter().any(|member| member.value.is_array());
    let none = "the host reads none of its hooks as it is";
    let nothing = "the host passes over what stands there: take it out, or write it as a list";
    match (events, start) {
        (_, Some(start)) => failed(start, &format!("a list behind `{EVENT}`"), nothing),
        (Some(events), None) if !events.is_object() => failed(events, "an object behind `hooks`", none),
        (None, None) if has_events => failed(
            &document.root,
            "`hooks`, around the events",
            &format!("{none}: put `{{ \"hooks\": … }}` around them"),
        ),
        _ => Ok(()),
    }
}

/// Whether nothing is lost if something else stands in its place.
fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn insert(draft: &mut Draft, place: Option<&Place>, program: &str) -> Result<()> {
    let shipped = SHIPPED.replace(SHIPPED_PROGRAM, program);
    let Some(place) = place else { return draft.write(FILE, shipped) };
    let Some(document) = draft.json(&place.file)? else { return Ok(()) };
    let shipped = Document::parse(FILE, shipped.as_bytes())?;
    let groups = shipped.root.find(&["hooks", EVENT]);
    let Some(groups) = groups else { return Ok(()) };
    let Some(events) = place.node(&document).filter(|events| events.is_object()) else {
        let all = shipped.root.get("hooks").map_or("", |hooks| shipped.at(&hooks.span));
        return draft.write(&place.file, json_edit::set(&document, &document.root, "hooks", all)?.text);
    };
    let changed = match events.get(EVENT) {
        Some(own) if own.is_array() => {
            let group = groups.items().first().map_or("", |group| shipped.at(&group.span));
            json_edit::push_first(&document, own, group)?
        }
        Some(nothing) => json_edit::replace(&document, nothing, shipped.at(&groups.span))?,
        None => json_edit::set_first(&document, events, EVENT, shipped.at(&groups.span))?,
    };
    draft.write(&place.file, changed.text)
}

fn remove(draft: &mut Draft, hook: &Hook) -> Result<()> {
    let Some(document) = draft.json(&hook.file)? else { return Ok(()) };
    draft.write(&hook.file, without(&document, hook)?.text)
}

/// The document without a hook, and without a group or an event that held nothing else.
fn without(document: &Document, hook: &Hook) -> Result<Document> {
    let is_hook = |node: &Node| node.get("command").is_some_and(|command| command.span == hook.span);
    let groups = events(document).and_then(|events| events.get(&hook.event));
    let found = groups.into_iter().flat_map(Node::items).enumerate().find_map(|(at, group)| {
        let hooks = group.get("hooks")?;
        Some((at, hooks, hooks.items().iter().position(is_hook)?))
    });
    let (Some((group, hooks, at)), Some(groups), Some(events)) = (found, groups, events(document)) else {
        return Ok(document.clone());
    };
    match (hooks.items().len(), groups.items().len()) {
        (1, 1) => json_edit::remove_member(document, events, &hook.event),
        (1, _) => json_edit::remove_item(document, groups, group),
        _ => json_edit::remove_item(document, hooks, at),
    }
}

fn events(document: &Document) -> Option<&Node> {
    let hooks = document.root.get("hooks")?;
    Some(hooks.get("hooks").filter(|inner| inner.is_object()).unwrap_or(hooks))
}
