//! What npm knows of a package: which program it brings, and its newest version. That is told by what is in the plugin, or
//! by npm itself.

use super::draft::Draft;
use crate::error::Result;
use crate::json_text::{Document, Node};
use crate::package_name::Package;
use crate::process::Job;
use crate::project::join;
use crate::tool;
use std::time::Duration;

/// How long npm may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of a package.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The program that it brings.
    pub program: String,
    /// Its newest version, where npm was asked.
    pub version: Option<String>,
    /// Whether it runs a script when it is installed, which plugdeps does not allow by itself.
    pub has_scripts: bool,
}

/// The scripts of a package that are run when it is installed.
const SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// What its lock or its own description says, or else npm; `None` where nobody says anything.
///
/// # Errors
/// A file in the plugin cannot be read, or is no JSON.
pub fn look(draft: &Draft, directory: &str, package: &Package) -> Result<Option<Known>> {
    let place = format!("node_modules/{}", package.name);
    for lock in ["npm-shrinkwrap.json", "package-lock.json"] {
        let Some(lock) = draft.json(&join(directory, lock))? else { continue };
        let Some(locked) = lock.root.find(&["packages", &place]) else { continue };
        if let Some(program) = locked.get("bin").and_then(|bin| program_in(bin, &package.name)) {
            let has_scripts = locked.get("hasInstallScript").is_some();
            return Ok(Some(Known { program, version: None, has_scripts }));
        }
    }
    let own = draft.json(&join(directory, &format!("{place}/package.json")))?;
    Ok(own
        .and_then(|own| Known::of(&own.root, &package.name))
        .map(|known| Known { version: None, ..known })
        .or_else(|| ask(package)))
}

fn ask(package: &Package) -> Option<Known> {
    let version = package.version.as_deref().unwrap_or("latest");
    let wanted = format!("{}@{version}", package.name);
    let job = Job::new(tool::find("npm", None, |_| None).ok()?.path).args([
        "view",
        "--json",
        "--loglevel=silent",
        &wanted,
        "version",
        "bin",
        "scripts",
    ]);
    let (ended, said) = job.ask(PATIENCE).ok()?;
    if !ended.status.success() {
        return None;
    }
    let answer = Document::parse("the answer of npm", said.as_bytes()).ok()?;
    // Of a range it tells every version, the newest last.
    let newest = answer.root.items().last().unwrap_or(&answer.root);
    Known::of(newest, &package.name)
}

impl Known {
    /// What a description of a package says.
    fn of(described: &Node, package: &str) -> Option<Self> {
        let program = program_in(described.get("bin")?, package)?;
        let version = described.get("version").and_then(Node::as_str).map(str::to_owned);
        let has_scripts = SCRIPTS.iter().any(|script| described.find(&["scripts", script]).is_some());
        Some(Self { program, version, has_scripts })
    }
}

/// As npx chooses: the only one, or the one that is named like the package.
pub fn program_in(bin: &Node, package: &str) -> Option<String> {
    let own = package.rsplit('/').next().unwrap_or_default();
    match bin.members() {
        [] => bin.as_str().map(|_| own.to_owned()),
        [only] => Some(only.key.clone()),
        several => several.iter().find(|one| one.key == own).map(|one| one.key.clone()),
    }
}
