//! Packages that servers fetched by name at each start, put into the manifests of the plugin.

use super::draft::Draft;
use crate::error::Result;
use crate::json_edit;
use crate::json_text::{Node, quoted};
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

/// The manifest of a directory that asks for what is put there.
pub fn manifest(directory: &str, runtime: Runtime) -> String {
    join(
        directory,
        match runtime {
            Runtime::Python => REQUIREMENTS,
            Runtime::Node => PACKAGE,
        },
    )
}

/// What stands in the way of a server that fetches a version of a package of which its manifest asks for another.
///
/// # Errors
/// The manifest cannot be read, or is malformed.
pub fn conflict(draft: &Draft, directory: &str, runtime: Runtime, package: &Package) -> Result<Option<String>> {
    let path = manifest(directory, runtime);
    let other = match runtime {
        Runtime::Python => other_requirement(draft, &path, package)?,
        Runtime::Node => other_dependency(draft, &path, package)?,
    };
    Ok(other.map(|own| {
        format!(
            "it asks for `{}`, and `{path}` for `{own}`: have both ask for the same, \
             or give it an environment of its own in `plugdeps.toml`",
            package.text
        )
    }))
}

fn other_requirement(draft: &Draft, path: &str, package: &Package) -> Result<Option<String>> {
    let text = draft.read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let own: Vec<&str> = text.lines().map(subject).filter(|own| is_named(own, &package.name)).collect();
    let wanted = requirement(package);
    let is_met = own.iter().any(|own| is_met(&Named::parse(&wanted), &Named::parse(own)));
    Ok(own.first().filter(|_| !is_met).map(|own| (*own).to_owned()))
}

fn other_dependency(draft: &Draft, path: &str, package: &Package) -> Result<Option<String>> {
    let document = draft.object(path)?;
    let own = document.as_ref().and_then(|document| document.root.find(&["dependencies", &package.name]));
    let own = own.and_then(Node::as_str).unwrap_or_default();
    let is_met = own.is_empty() || version_of_npm(package).is_none_or(|wanted| wanted == own);
    Ok((!is_met).then(|| format!("{}@{own}", package.name)))
}

/// The version that a server asks npm for, if it minds.
fn version_of_npm(package: &Package) -> Option<&str> {
    package.version.as_deref().filter(|version| *version != "latest")
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
    let wanted = requirement(package);
    if text.lines().map(subject).any(|own| is_named(own, &package.name)) {
        return Ok(Added::Already);
    }
    let line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let text = if text.is_empty() || text.ends_with('\n') { text } else { text + line };
    draft.write(&path, format!("{text}{wanted}{line}"))?;
    Ok(Added::Now("plugdeps lock".into()))
}

fn has_project(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).lines().any(|line| line.trim() == "[project]")
}

/// What a line of a requirements file asks for, without comments and options.
fn subject(line: &str) -> &str {
    let end = [" #", " -", "\\"].iter().filter_map(|other| line.find(other)).min();
    line[..end.unwrap_or(line.len())].trim()
}

fn is_named(requirement: &str, name: &str) -> bool {
    Named::parse(requirement).normalised_name() == normalised_name(name)
}

/// Whether whoever asks for `wanted` gets that where `own` is asked for; without a version any will do.
fn is_met(wanted: &Named<'_>, own: &Named<'_>) -> bool {
    let version = |named: &Named<'_>| named.rest.replace([' ', '(', ')'], "");
    let has = |extra: &&str| own.extras.iter().any(|own| normalised_name(own) == normalised_name(extra));
    (wanted.rest.is_empty() || version(wanted) == version(own)) && wanted.extras.iter().all(has)
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
    let version = version_of_npm(package).unwrap_or(&newest);
    let Some(document) = draft.object(&path)? else {
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
