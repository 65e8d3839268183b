//! What an author may configure: `plugdeps.toml`, or `[tool.plugdeps]` of `pyproject.toml`.
//!
//! No key is needed. Unknown keys are refused by name: a misspelt key that does nothing is a bug
//! nobody finds.

#[cfg(feature = "author")]
use crate::config_mistake;
use crate::credentials::redact;
use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;
use crate::toml_text;
use crate::toml_value::{Table, Value};
use toml::value::{Datetime, Time};

/// The file that holds nothing but the configuration.
pub const FILE: &str = "plugdeps.toml";

/// The longest time that can be configured, in seconds: a day.
const LONGEST: u64 = 86_400;

/// Which installer the author insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Installer {
    /// The first that serves the manifest.
    #[default]
    Auto,
    /// uv, or nothing.
    Uv,
    /// pip, or nothing.
    Pip,
}

/// Which packages may run scripts of their own when they are installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scripts {
    /// None.
    #[default]
    Off,
    /// Every one that has some.
    All,
    /// These.
    Of(Vec<String>),
}

impl Scripts {
    /// Whether those of a package may run.
    pub fn admits(&self, package: &str) -> bool {
        match self {
            Scripts::Off => false,
            Scripts::All => true,
            Scripts::Of(names) => names.iter().any(|name| name == package),
        }
    }

    /// What of it decides what is installed, if it is not the usual.
    pub fn as_part(&self) -> Option<String> {
        match self {
            Scripts::Off => None,
            Scripts::All => Some("all".into()),
            Scripts::Of(names) => Some(names.join("\n")),
        }
    }
}

/// The settings of one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Directory of the manifest, relative to the plugin.
    pub directory: Option<String>,
    /// File name of the manifest, where the usual names do not fit.
    pub manifest: Option<String>,
    /// `auto`, `uv` or `pip`.
    pub installer: Installer,
    /// A version such as `3.12`, or the path of an interpreter.
    pub python: Option<String>,
    /// A version of Node such as `22`, or the path of one.
    pub node: Option<String>,
    /// Which packages may run scripts of their own, where Node runs.
    pub scripts: Scripts,
    /// Optional dependencies to install.
    pub extras: Vec<String>,
    /// Dependency groups to install.
    pub groups: Vec<String>,
    /// Whether what has no hash is refused.
    pub require_hashes: Option<bool>,
    /// The moment, in RFC 3339, after which nothing that was uploaded counts.
    pub exclude_newer: Option<String>,
}

/// The whole configuration: the settings of the plugin's own directory, and named environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The settings of the plugin's own directory.
    pub main: Settings,
    /// Seconds that a build may take before it is ended.
    pub deadline: u64,
    /// Seconds that the hook waits for a build before it lets the session begin.
    pub wait: u64,
    /// Environments with names of the author's choice, in the order of the names; with any, no others are looked for.
    pub environments: Vec<(String, Settings)>,
}

impl Default for Config {
    fn default() -> Self {
        Self { main: Settings::default(), deadline: 900, wait: 20, environments: Vec::new() }
    }
}

impl Settings {
    const KEYS: [&str; 10] = [
        "directory",
        "manifest",
        "installer",
        "python",
        "node",
        "scripts",
        "extras",
        "groups",
        "require-hashes",
        "exclude-newer",
    ];

    fn set(&mut self, reader: &Reader<'_>, other_keys: &[&str]) -> Result<()> {
        match reader.name() {
            "directory" => self.directory = Some(reader.text()?),
            "manifest" => self.manifest = Some(reader.text()?),
            "installer" => self.installer = reader.installer()?,
            "python" => self.python = Some(reader.text()?),
            "node" => self.node = Some(reader.text()?),
            "scripts" => self.scripts = reader.scripts()?,
            "extras" => self.extras = reader.texts()?,
            "groups" => self.groups = reader.texts()?,
            "require-hashes" => self.require_hashes = Some(reader.truth()?),
            "exclude-newer" => self.exclude_newer = Some(reader.moment()?),
            _ => return Err(reader.unknown(other_keys)),
        }
        Ok(())
    }

    /// What protects one environment protects each: only its own words say otherwise.
    fn inherit(&mut self, main: &Self) {
        self.require_hashes = self.require_hashes.or(main.require_hashes);
        self.exclude_newer = self.exclude_newer.take().or_else(|| main.exclude_newer.clone());
    }
}

/// One key with its value, and where it stands.
struct Reader<'a> {
    place: &'a str,
    key: String,
    value: &'a Value,
}

impl Reader<'_> {
    /// The last part of the key.
    fn name(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or(&self.key)
    }

    fn expected(&self, what: &str) -> Error {
        let error = Error::new(Kind::ConfigInvalid, format!("read `{}`", self.place));
        error.because(format!("`{}`: expected {what}", self.key))
    }

    fn unknown(&self, other_keys: &[&str]) -> Error {
        let error = Error::new(Kind::ConfigInvalid, format!("read `{}`", self.place));
        let place = self.key.rsplit_once('.').map_or(String::new(), |(table, _)| format!(" in `{table}`"));
        let error = error.because(format!("there is no key `{}`{place}", self.name()));
        let known = Settings::KEYS.iter().chain(other_keys).copied();
        match nearest(self.name(), known) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("see docs/cli.md for the keys there are"),
        }
    }

    fn text(&self) -> Result<String> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.expected("a string"))
    }

    fn texts(&self) -> Result<Vec<String>> {
        let list = self.value.as_array().map(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        list.flatten().ok_or_else(|| self.expected("an array of strings"))
    }

    fn scripts(&self) -> Result<Scripts> {
        match self.value.as_bool() {
            Some(true) => Ok(Scripts::All),
            Some(false) => Ok(Scripts::Off),
            None => self.texts().map(Scripts::Of).map_err(|_| self.expected("`true`, `false` or an array of names")),
        }
    }

    fn truth(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.expected("`true` or `false`"))
    }

    /// A day ends at midnight UTC: everywhere at the same moment, whichever installer is asked.
    fn moment(&self) -> Result<String> {
        let wrong = || self.expected("a date such as `\"2026-01-31\"` or a time such as `\"2026-01-31T12:00:00Z\"`");
        let text = self.value.as_str().map(str::to_owned).or_else(|| self.value.as_datetime().map(Datetime::to_string));
        match text.and_then(|text| text.parse().ok()) {
            Some(Datetime { date: Some(date), time: None, offset: None }) => Ok(format!("{date}T23:59:59.999999Z")),
            Some(Datetime { date: Some(date), time: Some(time), offset: Some(offset) }) => {
                let time = Time { second: time.second.or(Some(0)), ..time };
                Ok(format!("{date}T{time}{offset}"))
            }
            _ => Err(wrong()),
        }
    }

    fn seconds(&self) -> Result<u64> {
        let number = self.value.as_integer().and_then(|number| u64::try_from(number).ok());
        let expected = || self.expected(&format!("a whole number of seconds between 1 and {LONGEST}"));
        number.filter(|number| (1..=LONGEST).contains(number)).ok_or_else(expected)
    }

    fn installer(&self) -> Result<Installer> {
        match self.value.as_str() {
            Some("auto") => Ok(Installer::Auto),
            Some("uv") => Ok(Installer::Uv),
            Some("pip") => Ok(Installer::Pip),
            Some(other) => Err(self.expected(&format!("`auto`, `uv` or `pip`, and found `{other}`"))),
            None => Err(self.expected("`auto`, `uv` or `pip`")),
        }
    }

    fn environments(&self) -> Result<Vec<(String, Settings)>> {
        let tables = self.table()?;
        tables.iter().map(|(name, value)| Ok((name.to_owned(), self.below(name, value).settings()?))).collect()
    }

    fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::default();
        for (key, value) in self.table()?.iter() {
            settings.set(&self.below(key, value), &[])?;
        }
        Ok(settings)
    }

    fn table(&self) -> Result<&Table> {
        self.value.as_table().ok_or_else(|| self.expected("a table"))
    }

    fn below<'b>(&'b self, key: &str, value: &'b Value) -> Reader<'b> {
        Reader { place: self.place, key: format!("{}.{key}", self.key), value }
    }
}

impl Config {
    /// Takes the configuration from its own file or else from the table in `pyproject.toml`.
    ///
    /// # Errors
    /// A key is unknown or has the wrong type, both places have a configuration, or a path leads out.
    pub fn read(file: Option<&[u8]>, table: Option<&Table>) -> Result<Self> {
        let config = match (file, table) {
            (Some(_), Some(_)) => {
                let error = Error::new(Kind::ConfigInvalid, format!("read `{FILE}`"));
                return Err(error
                    .because("`pyproject.toml` has a `[tool.plugdeps]` table as well")
                    .hint("keep one of the two"));
            }
            (Some(bytes), None) => Self::from_table(FILE, &toml_text::parse(FILE, bytes, Kind::ConfigInvalid)?)?,
            (None, Some(table)) => Self::from_table("[tool.plugdeps] of pyproject.toml", table)?,
            (None, None) => Self::default(),
        };
        config.check()?;
        Ok(config)
    }

    fn from_table(place: &str, table: &Table) -> Result<Self> {
        let mut config = Self::default();
        for (key, value) in table.iter() {
            let reader = Reader { place, key: key.to_owned(), value };
            match key {
                "deadline" => config.deadline = reader.seconds()?,
                "wait" => config.wait = reader.seconds()?,
                "environments" => config.environments = reader.environments()?,
                // Read by `lint` alone, and refused there if need be: what a plugin ships does not know the rules.
                "lint" => {}
                _ => config.main.set(&reader, &["deadline", "wait", "environments", "lint"])?,
            }
        }
        config.environments.iter_mut().for_each(|(_, settings)| settings.inherit(&config.main));
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        check(&self.main)?;
        for (name, settings) in &self.environments {
            check_name(name)?;
            check(settings)?;
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

fn check(settings: &Settings) -> Result<()> {
    #[cfg(feature = "author")]
    {
        config_mistake::refuse_lock(settings.manifest.as_deref())?;
        config_mistake::refuse_range(settings.python.as_deref())?;
    }
    check_paths(settings)
}

fn check_paths(settings: &Settings) -> Result<()> {
    for path in [&settings.directory, &settings.manifest].into_iter().flatten() {
        let outside = path.split(['/', '\\']).any(|part| part == "..");
        if outside || path.is_empty() || path.starts_with(['/', '\\']) || path.contains([':', '\0']) {
            let error = Error::new(Kind::ConfigInvalid, format!("use `{}` as a path in the plugin", redact(path)));
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
        assert_eq!(error.hint.as_deref(), Some("did you mean `installer`?"));
    }

    #[test]
    fn a_path_that_leaves_the_plugin_is_refused() {
        for path in ["../x", "/etc", "a/../../b", "C:x", ""] {
            assert!(read(&format!("directory = '{path}'")).is_err(), "{path}");
        }
    }

    #[test]
    fn an_address_in_the_place_of_a_path_is_refused_without_its_password() {
        let error = read("manifest = 'https://me:pw@h/requirements.txt'").unwrap_err();
        assert_eq!(error.message, "use `https://****@h/requirements.txt` as a path in the plugin");
    }

    #[test]
    fn a_time_is_between_a_second_and_a_day() {
        for text in ["deadline = 0", "wait = 0", "deadline = 86401", "deadline = 9223372036854775807", "wait = -1"] {
            assert_eq!(read(text).unwrap_err().kind, Kind::ConfigInvalid, "{text}");
        }
    }

    #[test]
    fn a_day_ends_at_midnight_utc_and_a_time_says_where_it_is_meant() {
        let moments = [
            ("'2026-01-31'", "2026-01-31T23:59:59.999999Z"),
            ("2026-01-31", "2026-01-31T23:59:59.999999Z"),
            ("'2026-01-31T12:00:00Z'", "2026-01-31T12:00:00Z"),
            ("2026-01-31 12:00:00.5+01:00", "2026-01-31T12:00:00.5+01:00"),
            ("'2026-01-31t12:00z'", "2026-01-31T12:00:00Z"),
        ];
        for (text, expected) in moments {
            let config = read(&format!("exclude-newer = {text}")).unwrap();
            assert_eq!(config.main.exclude_newer.as_deref(), Some(expected), "{text}");
        }
        for text in
            ["''", "'yesterday'", "'P7D'", "'2026-13-01'", "'2026-02-30'", "2026-01-31T12:00:00", "12:00:00", "1"]
        {
            let error = read(&format!("exclude-newer = {text}")).map(drop).expect_err(text);
            assert!(error.causes[0].starts_with("`exclude-newer`: expected a date such as"), "{error}");
        }
    }

    #[test]
    fn what_protects_holds_for_every_environment_that_says_nothing_else() {
        let text = "require-hashes = true\nexclude-newer = '2026-01-31'\n[environments.a]\n\
                    [environments.b]\nrequire-hashes = false\nexclude-newer = '2026-02-01'";
        let config = read(text).unwrap();
        let [(_, a), (_, b)] = config.environments.as_slice() else { panic!("{config:?}") };
        assert_eq!((a.require_hashes, b.require_hashes), (Some(true), Some(false)));
        let newer = |settings: &Settings| settings.exclude_newer.clone().unwrap();
        assert_eq!(newer(a)[..10], *"2026-01-31");
        assert_eq!(newer(b)[..10], *"2026-02-01");
    }

    #[test]
    fn a_wrong_type_names_its_key() {
        let error = read("[environments.web]\nextras = 'x'").unwrap_err();
        assert_eq!(error.causes, ["`environments.web.extras`: expected an array of strings"]);
    }

    #[test]
    fn two_places_at_once_are_refused() {
        let table = Table::default();
        assert!(Config::read(Some(b""), Some(&table)).is_err());
    }

    #[test]
    fn environments_have_names_that_are_safe_as_directories() {
        assert!(read("[environments.'a/b']\ndirectory = 'a'").is_err());
        assert!(read("[environments.a-b]\ndirectory = 'a'\ninstaller = 'pip'").is_ok());
    }
}
