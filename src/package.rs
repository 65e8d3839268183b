//! `package.json`: what of it decides which packages are installed, and what the plugin itself offers.
//!
//! The format is that of `package.json` in npm's documentation.

use crate::credentials::redact;
use crate::error::{Error, Kind, Result};
use crate::requirements::Item;
use crate::toml_text::MAX_BYTES;
use serde_json::{Map, Value};
use std::path::{Component, Path, PathBuf};

/// Its name in a plugin.
pub const FILE: &str = "package.json";

/// What decides which packages are installed.
const DECIDING: [&str; 14] = [
    "bundleDependencies",
    "bundledDependencies",
    "catalog",
    "catalogs",
    "dependencies",
    "dependenciesMeta",
    "engines",
    "optionalDependencies",
    "overrides",
    "peerDependencies",
    "peerDependenciesMeta",
    "pnpm",
    "resolutions",
    "trustedDependencies",
];

/// Where packages are named that a server may need.
const DEPENDENCIES: [&str; 2] = ["dependencies", "optionalDependencies"];

/// A `package.json` that was read.
#[derive(Debug, Clone)]
pub struct Package {
    label: String,
    text: String,
    fields: Map<String, Value>,
}

impl Package {
    /// Reads the content of the file at `label` in the plugin.
    ///
    /// # Errors
    /// It is no JSON object, or enormous.
    pub fn parse(label: &str, bytes: &[u8]) -> Result<Self> {
        let failed = |cause: String| Error::new(Kind::ManifestInvalid, format!("read `{label}`")).because(cause);
        if bytes.len() > MAX_BYTES {
            return Err(failed(format!("{} bytes, and at most {MAX_BYTES} are read", bytes.len())));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|e| failed(e.to_string()))?;
        match value {
            Value::Object(fields) => {
                Ok(Self { label: label.to_owned(), text: String::from_utf8_lossy(bytes).into_owned(), fields })
            }
            _ => Err(failed("expected an object, `{ … }`".into())),
        }
    }

    /// The file as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What decides which packages are installed, in a form that does not change with the order of the fields.
    pub fn relevant(&self) -> String {
        let deciding = self.fields.iter().filter(|(name, _)| DECIDING.contains(&name.as_str()));
        Value::Object(deciding.map(|(name, value)| (name.clone(), value.clone())).collect()).to_string()
    }

    /// Packages that a server may need, and what is asked of each.
    pub fn dependencies(&self) -> impl Iterator<Item = (&str, &str)> {
        let tables = DEPENDENCIES.into_iter().filter_map(|name| self.fields.get(name)?.as_object());
        tables.flatten().filter_map(|(name, wanted)| Some((name.as_str(), wanted.as_str()?)))
    }

    /// Packages that are there wherever it is installed: no other table makes them optional, or the host's affair.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        const ELSEWHERE: [&str; 3] = ["optionalDependencies", "peerDependencies", "devDependencies"];
        let names = self.fields.get("dependencies").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let is_elsewhere = |name: &str| {
            ELSEWHERE.iter().any(|table| self.fields.get(*table).is_some_and(|table| table.get(name).is_some()))
        };
        names.map(String::as_str).filter(move |name| !is_elsewhere(name))
    }

    /// Whether it asks for packages at all. Most files of plugins whose server is one bundled file do not.
    pub fn asks_for_packages(&self) -> bool {
        self.dependencies().next().is_some()
    }

    /// What it asks for, one entry each, for a person to compare.
    pub fn items(&self) -> Vec<Item> {
        let line = |name: &str| {
            let quoted = format!("\"{name}\"");
            self.text.lines().position(|line| line.trim_start().starts_with(&quoted)).map_or(1, |at| at + 1)
        };
        let item = |(name, wanted): (&str, &str)| Item {
            file: self.label.clone(),
            line: line(name),
            text: redact(&format!("{name}@{wanted}")),
        };
        self.dependencies().map(item).collect()
    }

    /// `engines.node`.
    pub fn engine(&self) -> Option<&str> {
        self.fields.get("engines")?.get("node")?.as_str()
    }

    /// `packageManager` without the hash behind it: `pnpm@10.1.0`.
    pub fn manager(&self) -> Option<(&str, &str)> {
        let text = self.fields.get("packageManager")?.as_str()?;
        text.split('+').next()?.split_once('@')
    }

    /// The file that a command of the plugin's own runs, relative to this one.
    pub fn bin(&self, command: &str) -> Option<&str> {
        let bin = self.fields.get("bin")?;
        let own_name = || self.fields.get("name").and_then(Value::as_str)?.rsplit('/').next();
        match bin {
            Value::String(file) => (own_name()? == command).then_some(file),
            _ => bin.get(command)?.as_str(),
        }
    }

    /// Whether a package that it asks for is probably the one that brings this command: such are named alike.
    pub fn suggests(&self, command: &str) -> bool {
        let own = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let mut names = self.dependencies().map(|(name, _)| own(name));
        !command.is_empty() && names.any(|own| command.contains(&own) || own.contains(command))
    }

    /// The archives in the plugin that it names, relative to it.
    ///
    /// # Errors
    /// It names a directory, which would have to be copied or linked, or a place outside the plugin.
    pub fn archives(&self) -> Result<Vec<PathBuf>> {
        if self.fields.contains_key("workspaces") {
            let hint = "give the server a `package.json` of its own, and name its directory in `plugdeps.toml`";
            return Err(self.cannot(
                "`workspaces`",
                "packages in the plugin are not installed: they run from their source",
                hint,
            ));
        }
        let mut archives = Vec::new();
        for (name, wanted) in self.dependencies() {
            let Some(path) = local(wanted) else { continue };
            let shown = format!("`{name}`: `{}`", redact(wanted));
            if !is_plain(path) {
                return Err(self.outside(&shown));
            }
            if !is_archive(path) {
                let hint = "import it by its path, or name an archive of it that `npm pack` made";
                return Err(self.cannot(&shown, "it is a directory in the plugin, whose source is never copied", hint));
            }
            archives.push(path.into());
        }
        Ok(archives)
    }

    /// The error of what it names and what lies elsewhere.
    pub fn outside(&self, what: &str) -> Error {
        let why = "it lies outside the plugin, where it is missing elsewhere";
        self.cannot(what, why, "put an archive of it into the plugin and name that")
    }

    fn cannot(&self, what: &str, why: &str, hint: &str) -> Error {
        let error = Error::new(Kind::ManifestInvalid, format!("install {what} of `{}`", self.label));
        error.because(why).hint(hint)
    }
}

/// The path in a dependency that is no name on a registry.
fn local(wanted: &str) -> Option<&str> {
    let schemes = ["file:", "link:", "portal:", "workspace:"];
    let path = schemes.iter().find_map(|scheme| wanted.strip_prefix(scheme));
    path.or_else(|| wanted.starts_with(['.', '/', '~']).then_some(wanted).filter(|w| w.contains('/')))
}

/// Whether a path leads down from where it starts. npm takes `~` for the home, and decodes what is encoded.
fn is_plain(path: &str) -> bool {
    let leads_down = |c| matches!(c, Component::Normal(_) | Component::CurDir);
    !path.starts_with('~') && !path.contains('%') && Path::new(path).components().all(leads_down)
}

fn is_archive(path: &str) -> bool {
    [".tgz", ".tar.gz", ".tar"].iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        Package::parse(FILE, text.as_bytes()).unwrap()
    }

    #[test]
    fn what_does_not_decide_is_not_in_it() {
        let one = package(r#"{"name":"a","scripts":{"x":"y"},"dependencies":{"b":"1","a":"2"},"devDependencies":{}}"#);
        let other = package(r#"{"dependencies":{"a":"2","b":"1"},"version":"3"}"#);
        assert_eq!(one.relevant(), other.relevant());
        assert_ne!(one.relevant(), package(r#"{"dependencies":{"a":"2","b":"2"}}"#).relevant());
    }

    #[test]
    fn what_is_no_object_is_told_with_its_place() {
        let error = Package::parse(FILE, b"{\n\"a\": }").unwrap_err();
        assert_eq!(error.message, "read `package.json`");
        assert!(error.causes[0].contains("line 2"), "{error}");
        assert!(Package::parse(FILE, b"[]").is_err());
    }

    #[test]
    fn a_file_that_asks_for_no_package_for_the_server_asks_for_none() {
        assert!(!package(r#"{"type":"module","devDependencies":{"a":"1"}}"#).asks_for_packages());
        assert!(package(r#"{"optionalDependencies":{"a":"1"}}"#).asks_for_packages());
    }

    #[test]
    fn what_another_table_names_as_well_is_not_required() {
        let others = r#""optionalDependencies":{"b":"1"},"peerDependencies":{"c":"1"},"devDependencies":{"d":"1"}"#;
        let package = package(&format!(r#"{{"dependencies":{{"a":"1","b":"1","c":"1","d":"1"}},{others}}}"#));
        assert_eq!(package.required().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn the_manager_is_named_without_its_hash() {
        let text = r#"{"packageManager":"pnpm@10.1.0+sha512.abc"}"#;
        assert_eq!(package(text).manager(), Some(("pnpm", "10.1.0")));
    }

    #[test]
    fn the_own_command_is_named_by_bin() {
        assert_eq!(package(r#"{"name":"@a/tell","bin":"./x.js"}"#).bin("tell"), Some("./x.js"));
        assert_eq!(package(r#"{"bin":{"b":"y.js"}}"#).bin("b"), Some("y.js"));
        assert_eq!(package(r#"{"bin":{"b":"y.js"}}"#).bin("c"), None);
    }

    #[test]
    fn an_archive_in_the_plugin_is_found_and_a_directory_refused() {
        let archives = |wanted: &str| package(&format!(r#"{{"dependencies":{{"a":"{wanted}"}}}}"#)).archives();
        assert_eq!(archives("file:vendor/a-1.0.0.tgz").unwrap(), [Path::new("vendor/a-1.0.0.tgz")]);
        assert_eq!(archives("^1.0").unwrap(), Vec::<PathBuf>::new());
        for wanted in [
            "file:../a.tgz",
            "file:/etc/a.tgz",
            "file:~/a.tgz",
            "file:%2e%2e/a.tgz",
            "file:lib",
            "link:lib",
            "./lib",
            "workspace:*",
            "~/a",
        ] {
            assert!(archives(wanted).is_err(), "{wanted}");
        }
    }
}
