//! The rules that an author does not want to hear of: `[lint] ignore = […]`.

use super::rules::RULES;
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::nearest::nearest;
use crate::project::Project;
use crate::toml_text;
use crate::toml_value::{Table, Value};
use std::path::Path;

/// Their names, from `plugdeps.toml` or `[tool.plugdeps]`.
///
/// # Errors
/// The configuration is no TOML, or names what is no rule.
pub fn read(root: &Path) -> Result<Vec<String>> {
    let parse = |bytes: &Vec<u8>| toml_text::parse(config::FILE, bytes, Kind::ConfigInvalid);
    let file = fs::read_optional(&root.join(config::FILE))?.as_ref().map(parse).transpose()?;
    let project = Project::look(root, "")?;
    let table = file.or_else(|| project.get().and_then(|project| project.plugdeps().cloned()));
    match table.as_ref().and_then(|table| table.get("lint")) {
        Some(lint) => names(lint.as_table().ok_or_else(|| wrong("`lint`: expected a table"))?),
        None => Ok(Vec::new()),
    }
}

fn names(lint: &Table) -> Result<Vec<String>> {
    if let Some(other) = lint.keys().find(|key| *key != "ignore") {
        return Err(wrong(format!("there is no key `{other}` in `lint`")).hint("did you mean `ignore`?"));
    }
    let expected = || wrong("`lint.ignore`: expected an array of names of rules");
    let values = lint.get("ignore").and_then(Value::as_array).unwrap_or_default();
    let names: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    let is_array = lint.get("ignore").is_none_or(|value| value.as_array().is_some());
    let names = names.filter(|_| is_array).ok_or_else(expected)?;
    match names.iter().find(|name| RULES.iter().all(|rule| rule.name != **name)) {
        Some(unknown) => Err(no_rule(unknown)),
        None => Ok(names),
    }
}

fn no_rule(name: &str) -> Error {
    let error = wrong(format!("`lint.ignore`: there is no rule `{name}`"));
    match nearest(name, RULES.iter().map(|rule| rule.name)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("see docs/lint.md for the rules there are"),
    }
}

fn wrong(cause: impl Into<String>) -> Error {
    Error::new(Kind::ConfigInvalid, "read what `lint` is to ignore").because(cause.into())
}
