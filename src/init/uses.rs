//! Who else in a plugin may live by what a hook installs.

use super::draft::Draft;
use super::old_install::{DATA, ROOT, with_braces};
use super::wiring::inside;
use crate::fs;
use crate::hooks::Hook;
use crate::install_line::{Install, Tool};
use crate::old_form::of_command;
use crate::runtime::Runtime;
use std::ffi::OsString;
use std::path::Path;

/// Places to which plugdeps leads by links of its own: whoever uses them finds the packages there.
const LINKED: [&str; 4] = ["", "/site-packages", "/venv", "/node_modules"];
/// Directories of a plugin with texts that something is started by.
const STARTING: [&str; 6] = ["commands", "skills", "agents", "hooks", "scripts", "bin"];
/// Directories in which nobody looks for texts.
pub const SKIPPED: [&str; 4] = ["node_modules", ".venv", "venv", "__pycache__"];
/// Endings of texts that are started or read.
const TEXTS: [&str; 12] = ["md", "sh", "bash", "py", "js", "mjs", "cjs", "ts", "json", "toml", "yaml", "yml"];
/// How many files are looked through.
const MOST: usize = 2000;

/// Who needs the place to which packages are installed, besides `hook` and the servers.
pub fn of(draft: &Draft, hook: &Hook, others: &[Hook], install: &Install) -> Option<String> {
    let target = install.target.as_deref().filter(|target| !is_linked(target))?;
    let runtime = runtime(install.tool);
    let is_other = |other: &&Hook| (&other.file, &other.span) != (&hook.file, &hook.span) && !is_own(other);
    let other = others.iter().filter(is_other).find(|other| runs_in(other, target, runtime));
    if let Some(other) = other {
        return Some(format!("`{}` line {}", other.file, other.line));
    }
    let place = target.replace(ROOT, "").replace(DATA, "");
    let place = format!("{}/", place.trim_start_matches('/').trim_end_matches('/'));
    let needle = if place == "/" { "node_modules/" } else { &place };
    let own = scripts(hook);
    let mut others = texts(draft).filter(|path| !own.contains(path) && path != crate::hooks::FILE);
    others.find(|path| holds(&draft.root.join(path), needle)).map(|path| format!("`{path}`"))
}

/// Whether it is the hook of plugdeps.
pub fn is_own(hook: &Hook) -> bool {
    let is_own = |words: &[String]| words.iter().any(|word| word == "session-start");
    hook.commands().iter().any(|command| command.program() == "plugdeps" && is_own(&command.words))
}

fn is_linked(target: &str) -> bool {
    let place = target.trim_end_matches('/').strip_prefix(DATA);
    place.is_some_and(|place| LINKED.contains(&place))
}

fn runtime(tool: Tool) -> Runtime {
    match tool {
        Tool::Npm | Tool::Pnpm | Tool::Yarn | Tool::Bun => Runtime::Node,
        _ => Runtime::Python,
    }
}

/// Whether a hook starts something that may look for packages there.
fn runs_in(hook: &Hook, target: &str, runtime: Runtime) -> bool {
    hook.commands().iter().any(|command| {
        let words: Vec<OsString> = command.words.iter().map(OsString::from).collect();
        let place = format!("{}/", target.trim_end_matches('/'));
        let names = runtime == Runtime::Python && command.words.iter().any(|word| word.contains(&place));
        // Only of Node's packages in the plugin a file of the plugin finds its own without being told.
        names || runtime == Runtime::Node && Runtime::of_command(&words) == Some(Runtime::Node)
    })
}

/// The scripts of the plugin that a hook itself is.
fn scripts(hook: &Hook) -> Vec<String> {
    let scripts = hook.commands().into_iter().filter_map(|command| of_command(&command).script);
    scripts.filter_map(|script| inside(&with_braces(&script))).collect()
}

/// The texts of the plugin, by their path in it.
fn texts(draft: &Draft) -> impl Iterator<Item = String> {
    let places = STARTING.iter().map(|name| draft.root.join(name));
    let entries = places.map(|place| walkdir::WalkDir::new(place).sort_by_file_name().into_iter());
    let is_read = |entry: &walkdir::DirEntry| !SKIPPED.iter().any(|name| entry.file_name() == *name);
    let files = entries.flat_map(move |entries| entries.filter_entry(is_read).flatten());
    let files = files.filter(|entry| entry.file_type().is_file()).take(MOST);
    let is_text = |path: &Path| path.extension().and_then(|ending| ending.to_str()).is_some_and(|e| TEXTS.contains(&e));
    let texts = files.map(walkdir::DirEntry::into_path).filter(move |path| is_text(path));
    let root = draft.root.clone();
    texts.filter_map(move |path| Some(path.strip_prefix(&root).ok()?.to_str()?.replace('\\', "/")))
}

fn holds(path: &Path, needle: &str) -> bool {
    let text = fs::head(path, crate::toml_text::MAX_BYTES as u64);
    text.windows(needle.len()).any(|part| part == needle.as_bytes())
}
