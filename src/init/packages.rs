//! Packages that servers fetched by name at each start, put into the manifests of the plugin.

use super::draft::Draft;
use crate::error::Result;
use crate::json_edit;
use crate::json_text::quoted;
use crate::manifest_format::PREFERENCE;
use crate::package_name::Package;
use crate::project::join;
use crate::requirement_line::{Named, normalised_name};
use crate::runtime::Runtime;

const REQUIREMENTS: &str = "requirements.txt";
const PACKAGE: &str = "package.json";

/// Has the manifest of a directory ask for a package, of which this version is the newest; what its author has to do about
/// it, if anything.
///
/// # Errors
/// A manifest cannot be read, or is malformed.
pub fn add(
    draft: &mut Draft,
    directory: &str,
    runtime: Runtime,
    package: &Package,
    newest: Option<&str>,
) -> Result<Added> {
    match runtime {
        Runtime::Python => add_requirement(draft, directory, package),
        Runtime::Node => add_dependency(draft, directory, package, newest),
    }
}

/// What became of a package.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Already,
    /// It was put there; how its lock is made.
    Now(String),
    /// It cannot be put there; what to write.
    ByHand(String),
}

fn add_requirement(draft: &mut Draft, directory: &str, package: &Package) -> Result<Added> {
    let path = join(directory, REQUIREMENTS);
    let others = PREFERENCE.iter().map(|(name, _)| *name).filter(|name| *name != REQUIREMENTS);
    let text = draft.read(&path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    for name in others {
        let other = join(directory, name);
        // A lock of these requirements is made anew; anything else says by itself what is needed.
        let rules = name != "requirements.lock" && (text.is_none() || name == "uv.lock" || name == "pylock.toml");
        if rules && matches!(draft.read(&other)?, Some(bytes) if name != "pyproject.toml" || has_project(&bytes)) {
            let other = if name == "uv.lock" { join(directory, "pyproject.toml") } else { other };
            return Ok(Added::ByHand(format!("add `{}` to what `{other}` asks for", requirement(package))));
        }
    }
    let text = text.unwrap_or_default();
    let wanted = normalised_name(&package.name);
    if text.lines().any(|line| Named::parse(line.trim()).normalised_name() == wanted) {
        return Ok(Added::Already);
    }
    let line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let text = if text.is_empty() || text.ends_with('\n') { text } else { text + line };
    draft.write(&path, format!("{text}{}{line}", requirement(package)))?;
    Ok(Added::Now("plugdeps lock".into()))
}

fn has_project(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).lines().any(|line| line.trim() == "[project]")
}

/// A package as a line of a requirements file.
fn requirement(package: &Package) -> String {
    let is_number = |version: &str| version.starts_with(|c: char| c.is_ascii_digit());
    let base = package.text.split(['@', ' ']).next().unwrap_or_default();
    match package.version.as_deref() {
        // uvx has `name@version` besides `name==version`.
        Some(version) if package.text.contains('@') && is_number(version) => format!("{base}=={version}"),
        Some(_) if package.text.contains('@') => base.to_owned(),
        _ => package.text.clone(),
    }
}

fn add_dependency(draft: &mut Draft, directory: &str, package: &Package, newest: Option<&str>) -> Result<Added> {
    let path = join(directory, PACKAGE);
    let newest = newest.map_or("*".to_owned(), |version| format!("^{version}"));
    let version = package.version.as_deref().filter(|version| *version != "latest").unwrap_or(&newest);
    let Some(document) = draft.json(&path)? else {
        let entry = format!(
            "{{\n  \"private\": true,\n  \"dependencies\": {{\n    {}: {}\n  }}\n}}\n",
            quoted(&package.name),
            quoted(version)
        );
        draft.write(&path, entry)?;
        return Ok(Added::Now(lock_command(draft, directory)));
    };
    if document.root.find(&["dependencies", &package.name]).is_some() {
        return Ok(Added::Already);
    }
    if document.root.find(&["devDependencies", &package.name]).is_some() {
        let name = &package.name;
        return Ok(Added::ByHand(format!(
            "move `{name}` from `devDependencies` to `dependencies` in `{path}` and lock anew: the former are not installed"
        )));
    }
    let changed = match document.root.get("dependencies").filter(|node| node.is_object()) {
        Some(dependencies) => json_edit::set(&document, dependencies, &package.name, &quoted(version))?,
        None => {
            let entry = format!("{{{}: {}}}", quoted(&package.name), quoted(version));
            json_edit::set(&document, &document.root, "dependencies", &entry)?
        }
    };
    draft.write(&path, changed.text)?;
    Ok(Added::Now(lock_command(draft, directory)))
}

/// How the lock of a `package.json` is made anew.
pub fn lock_command(draft: &Draft, directory: &str) -> String {
    let has = |name: &str| matches!(draft.read(&join(directory, name)), Ok(Some(_)));
    match () {
        () if has("pnpm-lock.yaml") => "pnpm install --lockfile-only",
        () if has("yarn.lock") => "yarn install",
        () if has("bun.lock") || has("bun.lockb") => "bun install --lockfile-only",
        () => "npm install --package-lock-only",
    }
    .to_owned()
}
