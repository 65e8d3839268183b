//! The servers that a plugin names to its host: what the host starts.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::toml_text::MAX_BYTES;
use serde_json::Value;
use std::path::{Component, Path};

/// A local server that the host starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name in `.mcp.json`.
    pub name: String,
    /// The command and its arguments, unexpanded.
    pub words: Vec<String>,
}

/// The JSON in a file, if it is there and is JSON.
///
/// # Errors
/// It cannot be read, or is enormous.
pub fn read_json(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = fs::read_optional(path)? else { return Ok(None) };
    if bytes.len() > MAX_BYTES {
        let error = Error::new(Kind::Io, format!("read `{}`", path.display()));
        return Err(error.because(format!("{} bytes, and at most {MAX_BYTES} are read", bytes.len())));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // The host refuses such a plugin by itself and says so; here the file only tells names.
    Ok(serde_json::from_slice(text).ok())
}

/// The servers in `.mcp.json`, and those in `plugin.json` or a file that it names.
///
/// # Errors
/// A file cannot be read, or is enormous.
pub fn all(root: &Path, described: Option<&Value>) -> Result<Vec<Server>> {
    let mut found = Vec::new();
    if let Some(file) = read_json(&root.join(".mcp.json"))? {
        add_servers(&file, &mut found);
    }
    match described.map(|d| &d["mcpServers"]) {
        Some(Value::String(path)) => {
            let inside = Path::new(path).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
            if let Some(file) = if inside { read_json(&root.join(path))? } else { None } {
                add_servers(&file, &mut found);
            }
        }
        Some(inline) => add_servers(inline, &mut found),
        None => {}
    }
    Ok(found)
}

fn add_servers(file: &Value, found: &mut Vec<Server>) {
    let servers = file.get("mcpServers").unwrap_or(file).as_object();
    for (name, server) in servers.into_iter().flatten() {
        let Some(command) = server["command"].as_str() else { continue };
        let args = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let words = std::iter::once(command).chain(args).map(str::to_owned).collect();
        found.push(Server { name: name.clone(), words });
    }
}
