//! Lock files of npm, pnpm, yarn and bun: what they lock, and whether a `node_modules` beside one is all of it.
//!
//! Formats: `package-lock.json` of npm's documentation, <https://bun.com/docs/pm/lockfile>.

use crate::credentials::redact;
use crate::fs;
use crate::requirements::{Item, Source};
use serde_json::{Map, Value};
use std::path::Path;

/// A larger lock is not parsed: in memory it is many times as large.
const MAX_PARSED: usize = 4 * 1024 * 1024;

/// What npm keeps in a tree that it has finished: the lock of what it installed.
const FINISHED: &str = "node_modules/.package-lock.json";

/// What a lock locks, one entry each. Only npm's own is understood.
pub fn locked_packages(source: &Source) -> Vec<Item> {
    let packages = packages(&source.bytes).unwrap_or_default();
    let item = |(path, package): (&String, &Value)| {
        let name = path.rsplit("node_modules/").next().filter(|name| !name.is_empty())?;
        let text = redact(&format!("{name}@{}", package["version"].as_str()?));
        Some(Item { file: source.label.clone(), line: 1, text })
    };
    packages.iter().filter_map(item).collect()
}

/// The packages of a lock that are installed from something whose content no hash holds fast.
pub fn unhashed(source: &Source) -> Vec<Item> {
    let Some(packages) = packages(&source.bytes) else { return Vec::new() };
    let open = packages.iter().filter(|(path, package)| {
        !path.is_empty() && package["integrity"].as_str().is_none() && package["inBundle"].as_bool() != Some(true)
    });
    open.map(|(path, _)| Item { file: source.label.clone(), line: 1, text: redact(path) }).collect()
}

/// The packages of a lock of npm that have a script of their own for when they are installed.
pub fn with_scripts(source: &Source) -> Vec<String> {
    let packages = packages(&source.bytes).unwrap_or_default();
    let is = |package: &Value, mark: &str| package[mark].as_bool() == Some(true);
    let counts = |package: &Value| is(package, "hasInstallScript") && !is(package, "dev");
    let found = packages.iter().filter(|(path, package)| !path.is_empty() && counts(package));
    found.filter_map(|(path, _)| path.rsplit("node_modules/").next().map(redact)).collect()
}

fn packages(lock: &[u8]) -> Option<Map<String, Value>> {
    if lock.len() > MAX_PARSED {
        return None;
    }
    match serde_json::from_slice::<Value>(lock).ok()?.get_mut("packages")?.take() {
        Value::Object(packages) => Some(packages),
        _ => None,
    }
}

/// Whether the directory holds all that the lock demands of a server. The host installs from locks of npm and bun into
/// its copy of the plugin, for a limited time, and may have been cut off.
pub fn is_installed(directory: &Path, lock: &Source) -> bool {
    let bytes = &lock.bytes;
    match lock.label.rsplit('/').next() {
        Some("package-lock.json" | "npm-shrinkwrap.json") => {
            fs::read_optional(&directory.join(FINISHED)).ok().flatten().is_some_and(|finished| {
                let known = packages(&finished).unwrap_or_default();
                packages(bytes).is_some_and(|wanted| wanted.iter().all(|package| is_there(directory, &known, package)))
            })
        }
        Some("bun.lock") if fs::is_directory(&directory.join("node_modules")) => {
            let text = String::from_utf8_lossy(bytes);
            let mut packages = bun_packages(&text).peekable();
            packages.peek().is_some() && packages.all(|(path, version)| has_version(&directory.join(path), version))
        }
        _ => false,
    }
}

/// Whether npm installed this package and its directory is still there; what may be missing may.
fn is_there(directory: &Path, known: &Map<String, Value>, (path, wanted): (&String, &Value)) -> bool {
    let may_be_missing = ["dev", "optional", "devOptional"].iter().any(|mark| wanted[*mark].as_bool() == Some(true));
    if path.is_empty() || may_be_missing {
        return true;
    }
    let same = known.get(path).is_some_and(|found| found["version"] == wanted["version"]);
    same && fs::is_file(&directory.join(path).join("package.json"))
}

/// Where each package of a bun lock belongs, and its version; not those that are for some systems only.
fn bun_packages(text: &str) -> impl Iterator<Item = (String, &str)> {
    let lines = text.lines().skip_while(|line| line.trim() != "\"packages\": {").skip(1);
    let lines = lines.take_while(|line| line.trim() != "}");
    lines.filter(|line| !line.contains("\"os\":") && !line.contains("\"cpu\":")).filter_map(|line| {
        let (key, rest) = line.trim().strip_prefix('"')?.split_once("\": [\"")?;
        let (_, version) = rest.split('"').next()?.rsplit_once('@')?;
        Some((bun_path(key), version))
    })
}

/// `a/@b/c/d` is `d` inside `@b/c` inside `a`.
fn bun_path(key: &str) -> String {
    let mut path = String::from("node_modules");
    let mut in_scope = false;
    for part in key.split('/') {
        path.push_str(if in_scope || path.ends_with("node_modules") { "/" } else { "/node_modules/" });
        path.push_str(part);
        in_scope = part.starts_with('@');
    }
    path
}

fn has_version(directory: &Path, version: &str) -> bool {
    version_in(directory).is_some_and(|found| found == version)
}

fn version_in(directory: &Path) -> Option<String> {
    let text = fs::read_optional(&directory.join("package.json")).ok()??;
    let package: Value = serde_json::from_slice(&text).ok()?;
    package["version"].as_str().map(str::to_owned)
}

/// The packages that stand at the top of a tree, `name@version`, sorted.
pub fn packages_in(node_modules: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for name in fs::names(node_modules).into_iter().filter(|name| !name.starts_with('.')) {
        if name.starts_with('@') {
            let scoped = fs::names(&node_modules.join(&name));
            names.extend(scoped.into_iter().map(|package| format!("{name}/{package}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    let told = |name: String| version_in(&node_modules.join(&name)).map(|version| format!("{name}@{version}"));
    names.into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bun_lock_names_places_and_versions() {
        let text = "{\n  \"packages\": {\n    \"a\": [\"a@1.0.0\", \"\", {}, \"sha512-x\"],\n\n    \
                    \"@b/c/d\": [\"d@2.0.0\", \"\", {}, \"\"],\n    \"e\": [\"e@1.0.0\", \"\", { \"os\": \"darwin\" }, \
                    \"\"],\n  }\n}\n";
        let found: Vec<(String, &str)> = bun_packages(text).collect();
        assert_eq!(
            found,
            [("node_modules/a".to_owned(), "1.0.0"), ("node_modules/@b/c/node_modules/d".to_owned(), "2.0.0")]
        );
    }

    #[test]
    fn a_lock_of_npm_names_what_it_locks_and_what_it_has_no_hash_of() {
        let text = r#"{"packages":{"":{"name":"x"},"node_modules/@a/b":{"version":"1.0.0","integrity":"sha512-x"},
            "node_modules/@a/b/node_modules/c":{"version":"2.0.0"}}}"#;
        let source = Source { label: "package-lock.json".into(), bytes: text.as_bytes().to_vec() };
        let texts = |items: Vec<Item>| items.into_iter().map(|item| item.text).collect::<Vec<_>>();
        assert_eq!(texts(locked_packages(&source)), ["@a/b@1.0.0", "c@2.0.0"]);
        assert_eq!(texts(unhashed(&source)), ["node_modules/@a/b/node_modules/c"]);
    }
}
