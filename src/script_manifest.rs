//! The manifest that a server's script carries in itself, in a `script` block (PEP 723), and its lock beside it.

use crate::config::Settings;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::manifest::{self, Manifest};
use crate::project::{Project, join, split};
use crate::pyproject::Pyproject;
use crate::requirement_line::shown;
use crate::script_block::{self, Block, MAX_BYTES};
use crate::server::Server;
use std::path::{Component, Path};

/// How the name of a script ends that may say what it needs.
const ENDING: &str = ".py";

/// What hosts put the plugin's directory for.
const ROOTS: [&str; 6] = [
    "${CLAUDE_PLUGIN_ROOT}",
    "${PLUGIN_ROOT}",
    "${CURSOR_PLUGIN_ROOT}",
    "${COPILOT_PLUGIN_ROOT}",
    "${extensionPath}",
    "${__dirname}",
];

/// Whether a manifest of this name is a script.
pub fn is_script(name: &str) -> bool {
    name.ends_with(ENDING)
}

/// The scripts of the plugin that servers are started from, by their path in it: the first that each command names.
pub fn scripts(servers: &[Server]) -> Vec<String> {
    // What a container is shown of the plugin runs with the container's packages.
    let here = servers.iter().filter(|server| server.container().is_none());
    here.filter_map(|server| server.words.iter().find_map(|word| script(word))).collect()
}

fn script(word: &str) -> Option<String> {
    let path = ROOTS.iter().chain(&["."]).find_map(|name| word.strip_prefix(name)?.strip_prefix('/'))?;
    let (directory, file) = split(path);
    let plain = Path::new(directory).components().all(|c| matches!(c, Component::Normal(_)));
    (plain && file.contains('.') && !file.ends_with(".exe")).then(|| path.to_owned())
}

/// The manifest of a directory, which may be a script that the settings name.
///
/// # Errors
/// As [`manifest::read`] and [`read`], and when there is no such script, or no block in it.
pub fn read_any(root: &Path, directory: &str, settings: &Settings, project: Project) -> Result<Option<Manifest>> {
    match settings.manifest.as_deref().filter(|name| is_script(name)) {
        Some(script) => read_named(root, &join(directory, script), settings).map(Some),
        None => manifest::read(root, directory, settings, project),
    }
}

/// Reads the block of a script; none where it has none.
///
/// # Errors
/// The block is malformed, or its lock cannot be read.
pub fn read(root: &Path, label: &str, settings: &Settings) -> Result<Option<Manifest>> {
    if !is_script(label) {
        return Ok(None);
    }
    let script = fs::head(&root.join(label), MAX_BYTES as u64);
    let Some(block) = script_block::find(label, &script)? else { return Ok(None) };
    let lock = fs::read_optional(&root.join(format!("{label}.lock")));
    let lock = lock.map_err(|error| Error { kind: Kind::ManifestInvalid, ..error })?;
    of_block(label, settings, &block, lock).map(Some)
}

/// Whether a script has a block, malformed or not.
pub fn has_block(root: &Path, label: &str) -> bool {
    let script = if is_script(label) { fs::head(&root.join(label), MAX_BYTES as u64) } else { Vec::new() };
    !matches!(script_block::find(label, &script), Ok(None))
}

/// Reads the block of a script as if it had no lock.
///
/// # Errors
/// There is none, or it is malformed.
pub fn read_block(root: &Path, label: &str, settings: &Settings) -> Result<Manifest> {
    let script = fs::head(&root.join(label), MAX_BYTES as u64);
    let block = script_block::find(label, &script)?.ok_or_else(|| missing(root, label))?;
    of_block(label, settings, &block, None)
}

/// Reads the block of a script that the configuration names.
fn read_named(root: &Path, label: &str, settings: &Settings) -> Result<Manifest> {
    read(root, label, settings)?.ok_or_else(|| missing(root, label))
}

fn missing(root: &Path, label: &str) -> Error {
    let error = Error::new(Kind::ManifestInvalid, format!("read `{label}`"));
    let is_there = fs::is_file(&root.join(label));
    let cause = if is_there { "it has no `script` block" } else { "there is no such file" };
    error.because(cause).hint("say in it what it needs, between the lines `# /// script` and `# ///`")
}

fn of_block(label: &str, settings: &Settings, block: &Block, lock: Option<Vec<u8>>) -> Result<Manifest> {
    let (project, unknown) = Pyproject::of_script(label, block)?;
    // Extras and groups are for projects.
    let settings = Settings { extras: Vec::new(), groups: Vec::new(), ..settings.clone() };
    let notes = unknown.iter().map(|key| format!("`{label}`: `{}` means nothing in a `script` block", shown(key)));
    let own = project.plugdeps().map(|_| format!("`{label}`: `[tool.plugdeps]` is read from `pyproject.toml` alone"));
    let notes: Vec<String> = notes.chain(own).collect();
    let mut manifest = Manifest::of_script(project, lock, &settings)?;
    manifest.notes.splice(0..0, notes);
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> Vec<String> {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        scripts(&[Server { name: "x".into(), transport: "stdio".into(), words }])
    }

    #[test]
    fn a_script_is_the_first_file_of_the_plugin_that_a_command_names() {
        let program = "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps";
        assert_eq!(named(&[program, "run", "--", "python", "${CLAUDE_PLUGIN_ROOT}/a/b.py", "./c.py"]), ["a/b.py"]);
        assert_eq!(
            named(&["${CLAUDE_PLUGIN_ROOT}/bin/plugdeps.exe", "run", "${PLUGIN_ROOT}/server.py"]),
            ["server.py"]
        );
        for words in [[program, "-m", "server"], [program, "${CLAUDE_PLUGIN_ROOT}/../x.py", "/x.py"]] {
            assert!(named(&words).is_empty(), "{words:?}");
        }
    }
}
