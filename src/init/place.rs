//! Where a plugin says what its host is to start: in a file of its own, in one that `plugin.json` names, or in
//! `plugin.json` itself.

use super::draft::Draft;
use crate::error::{Error, Kind, Result};
use crate::json_text::{Document, Node, Value};
use std::path::{Component, Path};

/// The description of a plugin.
pub const PLUGIN: &str = ".claude-plugin/plugin.json";

/// One step into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To a value of an array.
    At(usize),
}

/// An object in a file: hooks by event, or servers by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, by its path in the plugin.
    pub file: String,
    /// The way to the object.
    pub steps: Vec<Step>,
}

impl Place {
    /// What is there.
    pub fn node<'a>(&self, document: &'a Document) -> Option<&'a Node> {
        find(document, &self.steps)
    }

    /// A place further in.
    pub fn steps_to(&self, more: &[Step]) -> Vec<Step> {
        self.steps.iter().chain(more).cloned().collect()
    }
}

/// The value at the end of a way.
pub fn find<'a>(document: &'a Document, steps: &[Step]) -> Option<&'a Node> {
    steps.iter().try_fold(&document.root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::At(at) => node.items().get(*at),
    })
}

/// The step to a key.
pub fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

/// Every place of a kind: of `hooks` or `mcpServers`, where `usual` is read without being named.
///
/// # Errors
/// A file cannot be read, or is no JSON.
pub fn places(draft: &Draft, usual: &str, kind: &str) -> Result<Vec<Place>> {
    let mut found = Vec::new();
    add_file(draft, usual, kind, &mut found)?;
    let Some(plugin) = draft.json(PLUGIN)? else { return Ok(found) };
    let Some(named) = plugin.root.get(kind) else { return Ok(found) };
    let (nodes, is_list) = if named.is_array() { (named.items(), true) } else { (std::slice::from_ref(named), false) };
    for (at, node) in nodes.iter().enumerate() {
        match &node.value {
            // What else may be named are bundles, and addresses of such.
            Value::Text(path) if path.ends_with(".json") && !path.contains("://") => {
                add_file(draft, &inside(path, node.line)?, kind, &mut found)?
            }
            Value::Object(_) => {
                let steps = if is_list { vec![key(kind), Step::At(at)] } else { vec![key(kind)] };
                found.push(Place { file: PLUGIN.into(), steps });
            }
            _ => {}
        }
    }
    Ok(found)
}

fn add_file(draft: &Draft, file: &str, kind: &str, found: &mut Vec<Place>) -> Result<()> {
    if found.iter().any(|place| place.file == file) {
        return Ok(());
    }
    let Some(document) = draft.json(file)? else { return Ok(()) };
    let is_wrapped = document.root.get(kind).is_some();
    // Servers may stand in their file without anything around them; hooks may not.
    let steps = if is_wrapped || kind == "hooks" { vec![key(kind)] } else { Vec::new() };
    found.push(Place { file: file.to_owned(), steps });
    Ok(())
}

/// The path of a file in the plugin, as it is named elsewhere.
fn inside(path: &str, line: usize) -> Result<String> {
    let parts = Path::new(path).components().filter(|part| *part != Component::CurDir);
    let parts: Option<Vec<_>> = parts
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let outside = || Error::new(Kind::ManifestInvalid, format!("read `{PLUGIN}`"));
    let cause = format!("line {line}: expected a path in the plugin, found `{path}`");
    parts.map(|parts| parts.join("/")).ok_or_else(|| outside().because(cause))
}
