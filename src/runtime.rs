//! What servers are written for: which files and commands belong to which interpreter.

use std::ffi::OsString;
use std::path::Path;

/// What runs a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Python.
    Python,
    /// Node.js, and what runs its packages as well.
    Node,
}

const PYTHON_FILES: [&str; 2] = ["py", "pyz"];
const NODE_FILES: [&str; 8] = ["js", "mjs", "cjs", "ts", "mts", "cts", "jsx", "tsx"];
const PYTHON_COMMANDS: [&str; 5] = ["python", "python3", "py", "uv", "uvx"];
const NODE_COMMANDS: [&str; 7] = ["node", "nodejs", "npx", "npm", "bun", "deno", "tsx"];

impl Runtime {
    /// Its name, for a person.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Python => "Python",
            Runtime::Node => "Node",
        }
    }

    /// The runtime of a command: of the first file in it whose name tells, or of its program.
    pub fn of_command(words: &[OsString]) -> Option<Self> {
        let program = words.first().and_then(|word| Path::new(word).file_stem()?.to_str());
        let of_program = program.and_then(|name| named(name, &PYTHON_COMMANDS, &NODE_COMMANDS));
        of_program.or_else(|| words.iter().find_map(|word| Self::of_file(Path::new(word))))
    }

    fn of_file(path: &Path) -> Option<Self> {
        named(path.extension()?.to_str()?, &PYTHON_FILES, &NODE_FILES)
    }
}

fn named(name: &str, python: &[&str], node: &[&str]) -> Option<Runtime> {
    if python.contains(&name) {
        return Some(Runtime::Python);
    }
    node.contains(&name).then_some(Runtime::Node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_its_runtime_by_its_program_or_by_a_file() {
        let of = |words: &[&str]| Runtime::of_command(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["python", "/a/server.js"]), Some(Runtime::Python));
        assert_eq!(of(&["/usr/bin/node", "x"]), Some(Runtime::Node));
        assert_eq!(of(&["node.exe"]), Some(Runtime::Node));
        assert_eq!(of(&["/a/start", "/a/server.mts"]), Some(Runtime::Node));
        assert_eq!(of(&["/a/server.py"]), Some(Runtime::Python));
        assert_eq!(of(&["my-server", "--port", "1"]), None);
        assert_eq!(of(&[]), None);
    }
}
