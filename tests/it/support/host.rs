//! What the host does with a plugin's files: finds the hook line and the server's entry, puts the places into them.
//!
//! Knows nothing of the tests: `examples/first_session.rs` plays the host with it too.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The protocol version of the host's first message, which servers of today do not know.
pub const PROTOCOL_OF_DISCOVER: &str = "2026-07-28";
/// The protocol version the host falls back to.
pub const PROTOCOL: &str = "2025-11-25";

/// Where an installed plugin is, and where its data are.
#[derive(Debug, Clone)]
pub struct Place {
    pub root: PathBuf,
    pub data: PathBuf,
}

/// A command as the host starts it: `env` comes on top of an environment that the caller chooses.
#[derive(Debug, Clone)]
pub struct Line {
    pub program: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

impl Line {
    /// The line as a command in the environment of this process.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Place {
    /// The first SessionStart hook: through `sh` if it is one string, directly if it has `args`.
    pub fn hook(&self) -> Line {
        let hooks = read_json(&self.root.join("hooks/hooks.json"));
        let hook = &hooks["hooks"]["SessionStart"][0]["hooks"][0];
        let command = self.expand(hook["command"].as_str().expect("hooks.json has no SessionStart command"));
        let (program, args) = match hook.get("args") {
            Some(args) => (command, self.expand_all(args)),
            None => ("/bin/sh".into(), vec!["-c".into(), command]),
        };
        Line { program, args, env: self.variables() }
    }

    /// The entry `name` of `.mcp.json`.
    pub fn server(&self, name: &str) -> Line {
        let config = read_json(&self.root.join(".mcp.json"));
        let entry = &config["mcpServers"][name];
        let program = entry["command"].as_str().unwrap_or_else(|| panic!(".mcp.json has no server `{name}`"));
        let own = entry["env"].as_object().into_iter().flatten();
        let own = own.map(|(name, value)| (name.clone(), self.expand(value.as_str().unwrap_or_default())));
        let env = self.variables().into_iter().chain(own).collect();
        Line { program: self.expand(program), args: self.expand_all(&entry["args"]), env }
    }

    /// The names of the servers in `.mcp.json`.
    pub fn servers(&self) -> Vec<String> {
        let config = read_json(&self.root.join(".mcp.json"));
        config["mcpServers"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// Both places are in the environment of hooks and servers besides being put into their lines.
    fn variables(&self) -> Vec<(String, String)> {
        let places = [("CLAUDE_PLUGIN_ROOT", &self.root), ("CLAUDE_PLUGIN_DATA", &self.data)];
        places.map(|(name, path)| (name.to_owned(), text(path))).into()
    }

    /// Puts the places in, as the host does: the exact token only.
    fn expand(&self, line: &str) -> String {
        let line = line.replace("${CLAUDE_PLUGIN_ROOT}", &text(&self.root));
        line.replace("${CLAUDE_PLUGIN_DATA}", &text(&self.data))
    }

    fn expand_all(&self, args: &Value) -> Vec<String> {
        let args = args.as_array().into_iter().flatten();
        args.map(|arg| self.expand(arg.as_str().unwrap_or_default())).collect()
    }
}

/// What a SessionStart hook can read on its stdin.
pub fn session_start(cwd: &Path) -> String {
    let event = json!({
        "session_id": "00000000-0000-4000-8000-000000000000",
        "transcript_path": cwd.join("transcript.jsonl"),
        "cwd": cwd,
        "hook_event_name": "SessionStart",
        "source": "startup",
    });
    format!("{event}\n")
}

/// Copies a directory, file modes included.
pub fn copy_tree(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap_or_else(|e| panic!("copy `{}`: {e}", from.display()));
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("read `{}`: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("`{}` is not json: {e}", path.display()))
}

fn text(path: &Path) -> String {
    path.to_str().expect("the places of a plugin must be utf-8").to_owned()
}
