//! What an author may configure: `plugdeps.toml`, or `[tool.plugdeps]` of `pyproject.toml`.
//!
//! No key is needed. Unknown keys are refused by name: a misspelt key that does nothing is a bug
//! nobody finds.

use crate::error::{Error, Kind, Result};
use crate::toml_text;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The file that holds nothing but the configuration.
pub const FILE: &str = "plugdeps.toml";

/// The longest time that can be configured, in seconds: a day.
const LONGEST: u64 = 86_400;

/// Which installer the author insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Installer {
    /// The first that serves the manifest.
    #[default]
    Auto,
    /// uv, or nothing.
    Uv,
    /// pip, or nothing.
    Pip,
}

/// The settings of one environment.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Directory of the manifest, relative to the plugin.
    pub directory: Option<String>,
    /// File name of the manifest, where the usual names do not fit.
    pub manifest: Option<String>,
    /// `auto`, `uv` or `pip`.
    pub installer: Installer,
    /// A version such as `3.12`, or the path of an interpreter.
    pub python: Option<String>,
    /// Optional dependencies to install.
    pub extras: Vec<String>,
    /// Dependency groups to install.
    pub groups: Vec<String>,
}

/// The whole configuration: the settings of the plugin's own directory, and named environments.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// As in [`Settings`].
    pub directory: Option<String>,
    /// As in [`Settings`].
    pub manifest: Option<String>,
    /// As in [`Settings`].
    pub installer: Installer,
    /// As in [`Settings`].
    pub python: Option<String>,
    /// As in [`Settings`].
    pub extras: Vec<String>,
    /// As in [`Settings`].
    pub groups: Vec<String>,
    /// Seconds that a build may take before it is ended.
    pub deadline: u64,
    /// Seconds that the hook waits for a build before it lets the session begin.
    pub wait: u64,
    /// Environments with names of the author's choice; with any, no others are looked for.
    pub environments: BTreeMap<String, Settings>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: None,
            manifest: None,
            installer: Installer::Auto,
            python: None,
            extras: Vec::new(),
            groups: Vec::new(),
            deadline: 900,
            wait: 20,
            environments: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Takes the configuration from its own file or else from the table in `pyproject.toml`.
    ///
    /// # Errors
    /// A key is unknown or has the wrong type, both places have a configuration, or a path leads out.
    pub fn read(file: Option<&[u8]>, table: Option<&toml::Table>) -> Result<Self> {
        let config = match (file, table) {
            (Some(_), Some(_)) => {
                let error = Error::new(Kind::ConfigInvalid, format!("read `{FILE}`"));
                return Err(error
                    .because("`pyproject.toml` has a `[tool.plugdeps]` table as well")
                    .hint("keep one of the two"));
            }
            (Some(bytes), None) => Self::from_table(FILE, toml_text::parse(FILE, bytes, Kind::ConfigInvalid)?)?,
            (None, Some(table)) => Self::from_table("[tool.plugdeps] of pyproject.toml", table.clone())?,
            (None, None) => Self::default(),
        };
        config.check()?;
        Ok(config)
    }

    fn from_table(place: &str, table: toml::Table) -> Result<Self> {
        table.try_into().map_err(|e: toml::de::Error| {
            Error::new(Kind::ConfigInvalid, format!("read `{place}`")).because(e.message())
        })
    }

    /// The settings of the plugin's own directory.
    pub fn root_settings(&self) -> Settings {
        Settings {
            directory: self.directory.clone(),
            manifest: self.manifest.clone(),
            installer: self.installer,
            python: self.python.clone(),
            extras: self.extras.clone(),
            groups: self.groups.clone(),
        }
    }

    fn check(&self) -> Result<()> {
        for (key, value) in [("deadline", self.deadline), ("wait", self.wait)] {
            if !(1..=LONGEST).contains(&value) {
                let error = Error::new(Kind::ConfigInvalid, format!("use {value} seconds as `{key}`"));
                return Err(error.hint(format!("write a number between 1 and {LONGEST}")));
            }
        }
        check_paths(&self.root_settings())?;
        for (name, settings) in &self.environments {
            check_name(name)?;
            check_paths(settings)?;
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 40 && name.chars().all(fits) {
        return Ok(());
    }
    let error = Error::new(Kind::ConfigInvalid, format!("use `{name}` as the name of an environment"));
    Err(error.hint("use 1 to 40 letters, digits, `-` and `_`"))
}

fn check_paths(settings: &Settings) -> Result<()> {
    for path in [&settings.directory, &settings.manifest].into_iter().flatten() {
        let outside = path.split(['/', '\\']).any(|part| part == "..");
        if outside || path.is_empty() || path.starts_with(['/', '\\']) || path.contains([':', '\0']) {
            let error = Error::new(Kind::ConfigInvalid, format!("use `{path}` as a path in the plugin"));
            return Err(error.hint("name a path inside the plugin's directory, with `/` between its parts"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config> {
        Config::read(Some(text.as_bytes()), None)
    }

    #[test]
    fn nothing_is_needed() {
        assert_eq!(Config::read(None, None).unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = read("instaler = 'pip'").unwrap_err();
        assert_eq!(error.kind, Kind::ConfigInvalid);
        assert!(error.to_string().contains("instaler"), "{error}");
    }

    #[test]
    fn a_path_that_leaves_the_plugin_is_refused() {
        for path in ["../x", "/etc", "a/../../b", "C:x", ""] {
            assert!(read(&format!("directory = '{path}'")).is_err(), "{path}");
        }
    }

    #[test]
    fn a_time_is_between_a_second_and_a_day() {
        for text in ["deadline = 0", "wait = 0", "deadline = 86401", "deadline = 9223372036854775807", "wait = -1"] {
            assert_eq!(read(text).unwrap_err().kind, Kind::ConfigInvalid, "{text}");
        }
    }

    #[test]
    fn two_places_at_once_are_refused() {
        let table = toml::Table::new();
        assert!(Config::read(Some(b""), Some(&table)).is_err());
    }

    #[test]
    fn environments_have_names_that_are_safe_as_directories() {
        assert!(read("[environments.'a/b']\ndirectory = 'a'").is_err());
        assert!(read("[environments.a-b]\ndirectory = 'a'\ninstaller = 'pip'").is_ok());
    }
}
