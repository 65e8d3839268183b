//! What an author does once a plugin is wired, in the order of doing it.

use super::draft::Draft;
use super::packages::lock_command;
use super::settle::here;
use crate::capture;
use crate::environments::Environment;
use crate::error::Result;
use crate::fs;
use crate::manifest::Format;
use crate::plugin::Plugin;
use crate::provenance::{self, Provenance};
use crate::runtime::Runtime;
use std::collections::BTreeSet;
use std::path::Path;

/// The steps, each a command and what it does; `known` are those that the plan knew already.
///
/// # Errors
/// The plugin that was written cannot be read.
pub fn steps(root: &Path, known: &BTreeSet<String>) -> Result<Vec<String>> {
    let plugin = Plugin::load(here(root))?;
    let draft = Draft::new(root);
    let mut steps: Vec<String> = entering(root).into_iter().chain(known.iter().cloned()).collect();
    for environment in plugin.to_install() {
        let Some((command, what)) = unlocked(&draft, environment) else { continue };
        if !steps.iter().any(|step| step.starts_with(&command)) {
            steps.push(format!("{command} pins what `{what}` asks for"));
        }
    }
    if capture::has_servers(&plugin) {
        steps.push("`plugdeps snapshot` has a first session show the tools at once".into());
    }
    steps.push("`plugdeps lint --strict` finds what would hurt its users".into());
    steps.push("`claude --plugin-dir .` is a session with it".into());
    Ok(steps)
}

/// All that follows is typed in the plugin's directory.
fn entering(root: &Path) -> Option<String> {
    let current = std::env::current_dir().ok()?;
    let path = root.strip_prefix(fs::resolved(&current)).unwrap_or(root);
    (!path.as_os_str().is_empty()).then(|| format!("`cd {}`", quoted(&path.display().to_string())))
}

/// A path as a shell is told it.
pub fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/\\:._-+".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("\"{path}\"") }
}

/// What makes the lock that an environment lacks, or has of something older, and of which file.
fn unlocked(draft: &Draft, environment: &Environment) -> Option<(String, String)> {
    let manifest = environment.manifest.as_ref().ok()?;
    if environment.runtime() == Some(Runtime::Node) {
        let directory = &environment.directory;
        let within = if directory.is_empty() { String::new() } else { format!(" in `{directory}`") };
        let command = format!("`{}`{within}", lock_command(draft, directory));
        return (manifest.format == Format::Package).then(|| (command, manifest.label.clone()));
    }
    let (source, lock) = provenance::source(&draft.root, environment).ok()??;
    let is_current = lock.is_some_and(|lock| lock == Provenance::of(&source));
    (!is_current).then(|| ("`plugdeps lock`".to_owned(), source.label.clone()))
}
