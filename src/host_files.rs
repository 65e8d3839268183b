//! What hosts call the file in which a plugin says who it is, and where a plugin begins.
//!
//! The names are those of Claude Code, Codex, Cursor, the Agent Plugins specification (Copilot CLI among its users), Gemini
//! CLI and MCPB, in this order.

use crate::error::Result;
use crate::fs;
use crate::server::read_json;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Claude Code's own directory in a plugin.
const CLAUDE: &str = ".claude-plugin";
/// Directories that only a plugin has.
const DIRECTORIES: [&str; 3] = [CLAUDE, ".codex-plugin", ".cursor-plugin"];
/// Files that stand in the directory of a plugin, whose names say less.
const FILES: [&str; 3] = ["plugin.json", "gemini-extension.json", "manifest.json"];

/// What a plugin says of itself.
#[derive(Debug)]
pub struct Description {
    /// The JSON.
    pub value: Value,
    /// Whether it is for Claude Code, and so says all there is to say with `.mcp.json`.
    pub for_claude: bool,
}

impl Description {
    /// Reads the first that is there and is JSON.
    ///
    /// # Errors
    /// A file cannot be read, or is enormous.
    pub fn read(root: &Path) -> Result<Option<Self>> {
        for directory in DIRECTORIES {
            if let Some(value) = read_json(&root.join(directory).join("plugin.json"))? {
                return Ok(Some(Self { value, for_claude: directory == CLAUDE }));
            }
        }
        for file in FILES {
            if let Some(value) = read_json(&root.join(file))? {
                return Ok(Some(Self { value, for_claude: false }));
            }
        }
        Ok(None)
    }
}

/// The nearest plugin above a program: what has a plugin's own directory, or else a file of one.
pub fn plugin_above(program: &Path) -> Option<PathBuf> {
    let above = || program.ancestors().skip(1);
    let has_directory = |path: &&Path| DIRECTORIES.iter().any(|name| fs::is_directory(&path.join(name)));
    let has_file = |path: &&Path| FILES.iter().any(|name| fs::is_file(&path.join(name)));
    above().find(has_directory).or_else(|| above().find(has_file)).map(Path::to_path_buf)
}
