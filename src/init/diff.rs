//! A draft as a unified diff.

use super::draft::{After, Draft};
use crate::error::Result;
use crate::fs;
use similar::TextDiff;
use std::io::IsTerminal;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
/// What stands for a file that is not there.
const NOTHING: &str = "/dev/null";

/// What changes, as `diff -u` would say it.
///
/// # Errors
/// A file cannot be read.
pub fn render(draft: &Draft) -> Result<String> {
    let mut text = String::new();
    for (path, after) in draft.changes() {
        text.push_str(&one(draft, path, after)?);
    }
    Ok(if std::io::stdout().is_terminal() { crate::output::harmless(&text) } else { text })
}

fn one(draft: &Draft, path: &str, after: &After) -> Result<String> {
    let own = draft.root.join(path);
    let old = fs::is_taken(&own).then(|| fs::head(&own, u64::MAX));
    let new = match after {
        After::Text(text) => Some(text.clone().into_bytes()),
        After::Copy(from) => Some(fs::head(from, u64::MAX)),
        After::Gone => None,
    };
    let name =
        |side: &str, content: &Option<Vec<u8>>| content.as_ref().map_or(NOTHING.into(), |_| format!("{side}/{path}"));
    let (from, to) = (name("a", &old), name("b", &new));
    let [old, new] = [old, new].map(|content| readable(content.unwrap_or_default()));
    let (Some(old), Some(new)) = (old, new) else { return Ok(format!("Binary files {from} and {to} differ\n")) };
    let diff = TextDiff::from_lines(&old, &new);
    Ok(diff.unified_diff().context_radius(CONTEXT).header(&from, &to).to_string())
}

/// The text of a file, unless it is none.
fn readable(content: Vec<u8>) -> Option<String> {
    String::from_utf8(content).ok().filter(|text| !text.contains('\0'))
}
