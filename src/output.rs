//! What is said to people and to protocols: standard output is for data, standard error for people.

use crate::error::{Error, Kind, Result};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Tells a person something, on standard error.
pub fn note(text: &str) {
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "plugdeps: {}", harmless(text));
}

/// Tells a person an error, on standard error.
pub fn error(error: &Error) {
    let _ = writeln!(std::io::stderr(), "plugdeps: {}", harmless(&error.to_string()));
}

/// Writes data to standard output.
pub fn data(text: &str) {
    // Whoever stopped reading has what it wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Writes a value to standard output as JSON.
///
/// # Errors
/// The value cannot be written as JSON.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::new(Kind::Io, "write JSON").because(e))?;
    data(&escaped(&text));
    data("\n");
    Ok(())
}

/// JSON text in which what steers a terminal is written as an escape: JSON itself escapes only half of that.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { escaped.push_str(&format!("\\u{:04x}", u32::from(c))) } else { escaped.push(c) }
    }
    escaped
}

/// Whether standard output is a terminal whose user did not ask for plain text.
pub fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a character steers a terminal. The last two ranges turn the direction of writing around.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text without characters that steer a terminal: names in manifests and paths come from strangers.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// A length of time as a person says it.
pub fn in_words(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
