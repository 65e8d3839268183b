//! The parts of `pyproject.toml` that decide which third-party packages are installed.
//!
//! `[project]` is specified at <https://packaging.python.org/en/latest/specifications/pyproject-toml/>,
//! `[dependency-groups]` at <https://packaging.python.org/en/latest/specifications/dependency-groups/>, `[tool.uv]` at
//! <https://docs.astral.sh/uv/reference/settings/>.

use crate::error::{Error, Kind, Result};
use crate::nearest::distance;
use crate::requirements::{Item, Named, collapsed, normalised_name, redact};
use crate::toml_text;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// The largest number of requirements that extras and groups may add up to.
const MAX_REQUIREMENTS: usize = 10_000;
/// The longest chain of groups that include each other.
const MAX_CHAIN: usize = 100;

/// A `pyproject.toml`, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Pyproject {
    label: String,
    text: String,
    has_project: bool,
    name: Option<String>,
    requires_python: Option<String>,
    dependencies: Vec<Entry>,
    /// By normalised name.
    extras: BTreeMap<String, List<Entry>>,
    /// By normalised name.
    groups: BTreeMap<String, List<Member>>,
    dynamic: Vec<String>,
    dynamic_files: Option<Vec<String>>,
    scripts: BTreeMap<String, String>,
    uv: Table,
    plugdeps: Option<Table>,
}

/// Where the dependencies are that `pyproject.toml` does not list itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamicDependencies {
    /// In these requirements files, relative to the directory of `pyproject.toml` (`[tool.setuptools.dynamic]`).
    Files(Vec<String>),
    /// In what only the build backend knows.
    Unknown,
}

/// An extra or group under the name that the file gives it.
#[derive(Debug, Clone)]
struct List<T> {
    name: String,
    members: Vec<T>,
}

#[derive(Debug, Clone)]
enum Member {
    Requirement(Entry),
    Include(String),
}

/// A requirement, and where in the file it stands.
#[derive(Debug, Clone)]
struct Entry {
    text: String,
    /// Markers of the self-references that lead here.
    conditions: BTreeSet<String>,
    keys: Vec<String>,
    index: usize,
}

impl Entry {
    fn new(text: &str, keys: &[&str], index: usize) -> Self {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        Self { text: collapsed(text), conditions: BTreeSet::new(), keys, index }
    }

    /// The conditions of the entry together with its own marker.
    fn all_conditions(&self) -> BTreeSet<String> {
        let own = Named::parse(&self.text).marker.map(str::to_owned);
        self.conditions.iter().cloned().chain(own).collect()
    }

    /// The requirement as an installer takes it.
    fn line(&self) -> String {
        if self.conditions.is_empty() {
            return self.text.clone();
        }
        let conditions: Vec<_> = self.all_conditions().iter().map(|condition| format!("({condition})")).collect();
        format!("{} ; {}", Named::parse(&self.text).body, conditions.join(" and "))
    }
}

impl Pyproject {
    /// Reads a `pyproject.toml`; `label` names it in messages and items.
    ///
    /// # Errors
    /// `ManifestInvalid`, when it is no TOML, or one of the keys read here is not of the type that its specification
    /// gives it; the key is named.
    pub fn parse(label: &str, bytes: &[u8]) -> Result<Pyproject> {
        let table = toml_text::parse(label, bytes, Kind::ManifestInvalid)?;
        let text = toml_text::decode(label, bytes, Kind::ManifestInvalid)?.to_owned();
        let root = Section { label, path: Vec::new(), table: Some(&table) };
        let (project, tool) = (root.section("project")?, root.section("tool")?);
        Ok(Self {
            label: label.to_owned(),
            text,
            has_project: project.table.is_some(),
            name: project.string("name")?,
            requires_python: project.string("requires-python")?,
            dependencies: project.requirements("dependencies")?,
            extras: project.section("optional-dependencies")?.extras()?,
            groups: root.section("dependency-groups")?.groups()?,
            dynamic: project.strings("dynamic")?.unwrap_or_default(),
            dynamic_files: tool.section("setuptools")?.dynamic_files(),
            scripts: project.section("scripts")?.string_table()?,
            uv: tool.section("uv")?.table.cloned().unwrap_or_default(),
            plugdeps: tool.section("plugdeps")?.table.cloned(),
        })
    }

    /// Whether there is a `[project]` table.
    pub fn has_project(&self) -> bool {
        self.has_project
    }

    /// `project.name`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `project.requires-python`.
    pub fn requires_python(&self) -> Option<&str> {
        self.requires_python.as_deref()
    }

    /// `[project.scripts]`.
    pub fn scripts(&self) -> &BTreeMap<String, String> {
        &self.scripts
    }

    /// `[tool.plugdeps]`.
    pub fn plugdeps(&self) -> Option<&Table> {
        self.plugdeps.as_ref()
    }

    /// Whether `[tool.uv.sources]` says where packages come from, which pip cannot follow.
    pub fn uses_uv_sources(&self) -> bool {
        self.uv.get("sources").and_then(Value::as_table).is_some_and(|sources| !sources.is_empty())
    }

    /// Where the dependencies are, if `project.dynamic` says that they are not here.
    pub fn dynamic_dependencies(&self) -> Option<DynamicDependencies> {
        let is_dynamic = self.dynamic.iter().any(|key| key == "dependencies");
        let files = || self.dynamic_files.clone().map_or(DynamicDependencies::Unknown, DynamicDependencies::Files);
        is_dynamic.then(files)
    }

    /// Canonical JSON of exactly what decides what is installed; equal text means equal packages.
    ///
    /// It is made to be hashed and not to be kept: URLs are in it with their credentials.
    ///
    /// # Errors
    /// As [`Pyproject::requirement_lines`].
    pub fn relevant(&self, extras: &[String], groups: &[String]) -> Result<String> {
        let mut chosen_extras = Map::new();
        for name in extras {
            chosen_extras.insert(normalised_name(name), sorted(self.resolved(self.extra(name)?)?));
        }
        let mut chosen_groups = Map::new();
        for name in groups {
            chosen_groups.insert(normalised_name(name), sorted(self.resolved(self.group(name)?)?));
        }
        let dynamic: BTreeSet<&str> = self.dynamic.iter().map(String::as_str).collect();
        let mut all = Map::new();
        all.insert("dependencies".into(), sorted(self.resolved(self.dependencies.clone())?));
        all.insert("dependency-groups".into(), chosen_groups.into());
        all.insert("dynamic".into(), dynamic.into_iter().collect());
        all.insert("optional-dependencies".into(), chosen_extras.into());
        all.insert("requires-python".into(), self.requires_python.clone().into());
        all.insert("uv".into(), relevant_uv(&self.uv).into());
        Ok(Json::Object(all).to_string())
    }

    /// The requirements of the project with the chosen extras and groups, to be shown: without credentials.
    ///
    /// # Errors
    /// As [`Pyproject::requirement_lines`].
    pub fn requirements(&self, extras: &[String], groups: &[String]) -> Result<Vec<Item>> {
        let document = DeTable::parse(&self.text).ok();
        let line = |entry: &Entry| document.as_ref().and_then(|found| offset(found.get_ref(), entry));
        let item = |entry: Entry| Item {
            file: self.label.clone(),
            line: line(&entry).map_or(1, |offset| toml_text::line_at(&self.text, offset)),
            text: redact(&entry.line()),
        };
        Ok(self.chosen(extras, groups)?.into_iter().map(item).collect())
    }

    /// The same requirements for an installer: one a line, each once, with their credentials.
    ///
    /// # Errors
    /// `ManifestInvalid`, when there is no such extra or group (the nearest one is named), or groups include each
    /// other in a cycle.
    pub fn requirement_lines(&self, extras: &[String], groups: &[String]) -> Result<Vec<String>> {
        Ok(self.chosen(extras, groups)?.iter().map(Entry::line).collect())
    }

    fn chosen(&self, extras: &[String], groups: &[String]) -> Result<Vec<Entry>> {
        let mut entries = self.dependencies.clone();
        for name in extras {
            entries.extend(self.extra(name)?);
        }
        for name in groups {
            entries.extend(self.group(name)?);
        }
        self.resolved(entries)
    }

    /// Replaces every requirement on the project itself by the extras that it names, and drops repetitions.
    fn resolved(&self, mut entries: Vec<Entry>) -> Result<Vec<Entry>> {
        let mut seen = BTreeSet::new();
        let mut result = Vec::new();
        let mut next = 0;
        while let Some(entry) = entries.get(next).cloned() {
            next += 1;
            if !seen.insert(entry.line()) {
                continue;
            }
            match self.own_extras(&entry) {
                Some(members) => entries.extend(members?),
                None => result.push(entry),
            }
            if entries.len() > MAX_REQUIREMENTS {
                return Err(self.invalid(&format!("more than {MAX_REQUIREMENTS} requirements")));
            }
        }
        Ok(result)
    }

    /// What a requirement on the project itself stands for; `None` for every other requirement.
    fn own_extras(&self, entry: &Entry) -> Option<Result<Vec<Entry>>> {
        let named = Named::parse(&entry.text);
        let own = normalised_name(self.name.as_deref()?);
        let is_own = named.normalised_name() == own && !named.rest.starts_with('@');
        is_own.then(|| {
            let mut members = Vec::new();
            for name in named.extras {
                members.extend(self.extra(name)?);
            }
            members.iter_mut().for_each(|member| member.conditions = entry.all_conditions());
            Ok(members)
        })
    }

    fn extra(&self, name: &str) -> Result<Vec<Entry>> {
        let found = self.extras.get(&normalised_name(name));
        found.map(|list| list.members.clone()).ok_or_else(|| {
            let names = self.extras.values().map(|list| list.name.as_str());
            self.unknown("extra", name, "project.optional-dependencies", names)
        })
    }

    fn group(&self, name: &str) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.expand(name, &mut Vec::new(), &mut BTreeSet::new(), &mut entries)?;
        Ok(entries)
    }

    /// Adds the requirements of a group and of those that it includes; `chain` are the groups that led here.
    fn expand(
        &self,
        name: &str,
        chain: &mut Vec<String>,
        done: &mut BTreeSet<String>,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        let key = normalised_name(name);
        if chain.contains(&key) || chain.len() == MAX_CHAIN {
            return Err(self.cycle(chain, key));
        }
        let list = self.groups.get(&key).ok_or_else(|| {
            let names = self.groups.values().map(|list| list.name.as_str());
            self.unknown("group", name, "dependency-groups", names)
        })?;
        if !done.insert(key.clone()) {
            return Ok(());
        }
        chain.push(key);
        for member in &list.members {
            match member {
                Member::Requirement(entry) => entries.push(entry.clone()),
                Member::Include(name) => self.expand(name, chain, done, entries)?,
            }
        }
        chain.pop();
        Ok(())
    }

    fn cycle(&self, chain: &[String], last: String) -> Error {
        let start = chain.iter().position(|name| *name == last);
        let Some(names) = start.and_then(|start| chain.get(start..)) else {
            return self.invalid(&format!("`dependency-groups`: more than {MAX_CHAIN} groups include each other"));
        };
        let names: Vec<_> = names.iter().chain([&last]).map(|name| format!("`{name}`")).collect();
        self.invalid(&format!("`dependency-groups`: {} include each other in a cycle", names.join(" → ")))
            .hint("remove one `include-group` of the cycle")
    }

    fn unknown<'a>(&self, what: &str, name: &str, table: &str, names: impl Iterator<Item = &'a str>) -> Error {
        let wanted = normalised_name(name);
        let nearest = names.min_by_key(|known| distance(&normalised_name(known), &wanted));
        let hint = match nearest {
            Some(nearest) => format!("the nearest one is `{nearest}`"),
            None => format!("add it to `[{table}]`, or do not ask for it"),
        };
        self.invalid(&format!("no {what} `{name}` in `{table}`")).hint(hint)
    }

    fn invalid(&self, cause: &str) -> Error {
        Error::new(Kind::ManifestInvalid, format!("read `{}`", self.label)).because(cause)
    }
}

/// A table of the file that may be absent, and the path to it.
struct Section<'a> {
    label: &'a str,
    path: Vec<&'a str>,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.and_then(|table| table.get(key))
    }

    fn wrong(&self, key: &str, expected: &str) -> Error {
        let path = [self.path.join("."), key.to_owned()].into_iter().filter(|part| !part.is_empty());
        let path = path.collect::<Vec<_>>().join(".");
        Error::new(Kind::ManifestInvalid, format!("read `{}`", self.label))
            .because(format!("`{path}`: expected {expected}"))
    }

    fn section(&self, key: &'a str) -> Result<Section<'a>> {
        let value = self.get(key);
        let table = value.map(|value| value.as_table().ok_or_else(|| self.wrong(key, "a table"))).transpose()?;
        let path = self.path.iter().copied().chain([key]).collect();
        Ok(Section { label: self.label, path, table })
    }

    fn string(&self, key: &str) -> Result<Option<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(key, "a string"));
        self.get(key).map(text).transpose()
    }

    fn strings(&self, key: &str) -> Result<Option<Vec<String>>> {
        let wrong = || self.wrong(key, "an array of strings");
        self.get(key).map(|value| strings(value).ok_or_else(wrong)).transpose()
    }

    fn requirements(&self, key: &str) -> Result<Vec<Entry>> {
        let texts = self.strings(key)?.unwrap_or_default();
        texts.iter().enumerate().map(|(index, text)| self.requirement(key, index, text)).collect()
    }

    /// An installer would take a line with a hyphen for an option and one with a backslash for an unfinished line.
    fn requirement(&self, key: &str, index: usize, text: &str) -> Result<Entry> {
        let is_named = text.trim_start().starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_named || text.trim_end().ends_with('\\') {
            let found = redact(&collapsed(text));
            return Err(self.wrong(key, &format!("requirements such as `requests>=2`, found `{found}`")));
        }
        let keys: Vec<&str> = self.path.iter().copied().chain([key]).collect();
        Ok(Entry::new(text, &keys, index))
    }

    fn extras(&self) -> Result<BTreeMap<String, List<Entry>>> {
        let mut extras = BTreeMap::new();
        for name in self.keys() {
            let list = List { name: name.to_owned(), members: self.requirements(name)? };
            self.insert(&mut extras, list)?;
        }
        Ok(extras)
    }

    fn groups(&self) -> Result<BTreeMap<String, List<Member>>> {
        let mut groups = BTreeMap::new();
        for name in self.keys() {
            let wrong = || self.wrong(name, "an array of strings and of tables `{ include-group = \"name\" }`");
            let values = self.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
            let members = values.iter().enumerate().map(|(index, value)| match value {
                Value::String(text) => self.requirement(name, index, text).map(Member::Requirement),
                value => included(value).map(Member::Include).ok_or_else(wrong),
            });
            let list = List { name: name.to_owned(), members: members.collect::<Result<_>>()? };
            self.insert(&mut groups, list)?;
        }
        Ok(groups)
    }

    fn insert<T>(&self, lists: &mut BTreeMap<String, List<T>>, list: List<T>) -> Result<()> {
        let name = list.name.clone();
        match lists.insert(normalised_name(&name), list) {
            Some(other) => Err(self.wrong(&name, &format!("one list under this name, found `{}` too", other.name))),
            None => Ok(()),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.into_iter().flat_map(|table| table.keys().map(String::as_str))
    }

    fn string_table(&self) -> Result<BTreeMap<String, String>> {
        let pair = |key: &str| Ok((key.to_owned(), self.string(key)?.unwrap_or_default()));
        self.keys().map(pair).collect()
    }

    /// `[tool.setuptools.dynamic] dependencies = { file = … }`, one path or several.
    fn dynamic_files(&self) -> Option<Vec<String>> {
        let file = self.get("dynamic")?.get("dependencies")?.get("file")?;
        file.as_str().map(|path| vec![path.to_owned()]).or_else(|| strings(file))
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn included(value: &Value) -> Option<String> {
    let table = value.as_table().filter(|table| table.len() == 1)?;
    table.get("include-group")?.as_str().map(str::to_owned)
}

/// The byte at which an entry begins.
fn offset(document: &DeTable<'_>, entry: &Entry) -> Option<usize> {
    let (first, rest) = entry.keys.split_first()?;
    let mut value: &Spanned<DeValue<'_>> = document.get(first.as_str())?;
    for key in rest {
        value = value.get_ref().as_table()?.get(key.as_str())?;
    }
    value.get_ref().as_array()?.get(entry.index).map(|text| text.span().start)
}

fn sorted(entries: Vec<Entry>) -> Json {
    let lines: BTreeSet<String> = entries.iter().map(Entry::line).collect();
    lines.into_iter().collect()
}

/// The keys of `[tool.uv]` that decide what is installed.
const UV_KEYS: &[&str] = &[
    "conflicts",
    "constraint-dependencies",
    "default-groups",
    "dependency-groups",
    "dependency-metadata",
    "environments",
    "exclude-dependencies",
    "extra-index-url",
    "find-links",
    "fork-strategy",
    "index",
    "index-strategy",
    "index-url",
    "no-index",
    "no-sources",
    "override-dependencies",
    "package",
    "pip",
    "prerelease",
    "required-environments",
    "resolution",
    "sources",
];

/// Families of such keys: all that begin like this.
const UV_PREFIXES: &[&str] =
    &["build-constraint", "config-settings", "exclude-newer", "extra-build", "no-binary", "no-build", "no-sources"];

/// Keys of `[tool.uv]` whose order means nothing.
const UV_SETS: &[&str] = &[
    "build-constraint-dependencies",
    "constraint-dependencies",
    "default-groups",
    "exclude-dependencies",
    "no-binary-package",
    "no-build-package",
    "override-dependencies",
];

fn relevant_uv(uv: &Table) -> Map<String, Json> {
    let is_relevant = |key: &str| UV_KEYS.contains(&key) || UV_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    let chosen = uv.iter().filter(|(key, _)| is_relevant(key));
    chosen
        .map(|(key, value)| (key.clone(), if UV_SETS.contains(&key.as_str()) { set(value) } else { json(value) }))
        .collect()
}

fn set(value: &Value) -> Json {
    let Some(texts) = strings(value) else { return json(value) };
    texts.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The recursion ends: [`toml_text::parse`] bounds the depth.
fn json(value: &Value) -> Json {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(truth) => (*truth).into(),
        // As text, since JSON has neither dates nor infinities.
        Value::Float(number) => number.to_string().into(),
        Value::Datetime(moment) => moment.to_string().into(),
        Value::Array(values) => values.iter().map(json).collect(),
        Value::Table(table) => Json::Object(table.iter().map(|(key, value)| (key.clone(), json(value))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
[project]
name = "My.Plugin"
version = "1.0"
requires-python = ">=3.10"
dependencies = [
  "requests-oauthlib",
  'requests>=2',
  "httpx ; python_version < \"3.12\"", # "requests>=2"
]

[project.scripts]
serve = "plugin:main"

[project.optional-dependencies]
all = ["my-plugin[web,DB_x]", "rich"]
web = ["starlette"]
db-X = ["psycopg @ https://me:pw@example.org/psycopg.whl"]
loop = ["my_plugin[pool]"]
pool = ["my_plugin[loop]", "anyio"]

[dependency-groups]
test = ["pytest", { include-group = "base" }, { include-group = "Base" }]
base = ["requests>=2", "typer"]
ring = [{ include-group = "gnir" }]
gnir = [{ include-group = "ring" }]
"#;

    fn read(text: &str) -> Pyproject {
        Pyproject::parse("pyproject.toml", text.as_bytes()).unwrap()
    }

    fn cause(text: &str) -> String {
        let error = Pyproject::parse("pyproject.toml", text.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::ManifestInvalid, "read `pyproject.toml`"));
        error.causes.concat()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn lines(text: &str, extras: &[&str], groups: &[&str]) -> Vec<String> {
        read(text).requirement_lines(&names(extras), &names(groups)).unwrap()
    }

    fn relevant(text: &str) -> String {
        read(text).relevant(&[], &[]).unwrap()
    }

    fn project(rest: &str) -> String {
        format!("[project]\nname = \"p\"\ndependencies = [\"a\", \"b\"]\n{rest}")
    }

    #[test]
    fn the_keys_of_the_project_are_read() {
        let pyproject = read(FULL);
        assert!(pyproject.has_project());
        assert_eq!(pyproject.name(), Some("My.Plugin"));
        assert_eq!(pyproject.requires_python(), Some(">=3.10"));
        assert_eq!(pyproject.scripts()["serve"], "plugin:main");
        assert_eq!(pyproject.plugdeps(), None);
        assert!(!read("").has_project());
        assert_eq!(read("[tool.plugdeps]\nx = 1").plugdeps().map(Table::len), Some(1));
    }

    #[test]
    fn a_wrong_type_names_its_key() {
        let wrong = [
            ("project = 1", "`project`: expected a table"),
            ("[project]\nname = 1", "`project.name`: expected a string"),
            ("[project]\ndependencies = 'a'", "`project.dependencies`: expected an array of strings"),
            ("[project]\ndependencies = [1]", "`project.dependencies`: expected an array of strings"),
            ("[project.dependencies]\na = '1'", "`project.dependencies`: expected an array of strings"),
            (
                "[project.optional-dependencies]\nx = 1",
                "`project.optional-dependencies.x`: expected an array of strings",
            ),
            ("[project]\nscripts = []", "`project.scripts`: expected a table"),
            ("[tool]\nuv = 1", "`tool.uv`: expected a table"),
            ("[tool]\nplugdeps = 1", "`tool.plugdeps`: expected a table"),
            (
                "[dependency-groups]\nx = [{ include = 'y' }]",
                "`dependency-groups.x`: expected an array of strings and of tables `{ include-group = \"name\" }`",
            ),
            (
                "[dependency-groups]\nA-b = []\na_B = []",
                "`dependency-groups.a_B`: expected one list under this name, found `A-b` too",
            ),
            ("[project", "line 1, column 9: unclosed table, expected `]`"),
        ];
        for (text, expected) in wrong {
            assert_eq!(cause(text), expected);
        }
    }

    #[test]
    fn what_an_installer_would_take_for_an_option_is_refused() {
        let expected = "`project.dependencies`: expected requirements such as `requests>=2`, found `-i https://****@h`";
        assert_eq!(cause("[project]\ndependencies = [' -i https://me:pw@h']"), expected);
        for entry in ["", "-e .", "./x", "a \\\\", "é"] {
            let text = format!("[project]\ndependencies = [\"{entry}\"]");
            assert!(cause(&text).contains("expected requirements"), "{entry}");
        }
        assert_eq!(lines("[project]\ndependencies = ['''a\n  >=1''']", &[], &[]), ["a >=1"]);
    }

    #[test]
    fn requirements_are_those_of_the_project_the_extras_and_the_groups() {
        let base = ["requests-oauthlib", "requests>=2", "httpx ; python_version < \"3.12\""];
        assert_eq!(lines(FULL, &[], &[]), base);
        assert_eq!(lines(FULL, &["WEB"], &["test"])[3..], ["starlette", "pytest", "typer"]);
    }

    #[test]
    fn an_extra_of_the_project_itself_is_resolved() {
        let expected = ["rich", "starlette", "psycopg @ https://me:pw@example.org/psycopg.whl"];
        assert_eq!(lines(FULL, &["all"], &[])[3..], expected);
        assert_eq!(lines(FULL, &["loop"], &[])[3..], ["anyio"]);
        assert_eq!(lines(&project("[project.optional-dependencies]\nx = ['p']"), &["x"], &[]), ["a", "b"]);
    }

    #[test]
    fn the_marker_of_a_self_reference_applies_to_what_it_brings() {
        let text = project(
            "[project.optional-dependencies]\nx = ['p[y] ; os_name == \"nt\"']\n\
             y = ['c', \"d>=1; python_version < '3.12'\", 'p[x]; extra == \"z\"']",
        );
        let expected = [
            "c ; (os_name == \"nt\")",
            "d>=1 ; (os_name == \"nt\") and (python_version < '3.12')",
            "c ; (extra == \"z\") and (os_name == \"nt\")",
            "d>=1 ; (extra == \"z\") and (os_name == \"nt\") and (python_version < '3.12')",
        ];
        assert_eq!(lines(&text, &["x"], &[])[2..], expected);
    }

    #[test]
    fn items_carry_the_line_and_no_credentials() {
        let items = read(FULL).requirements(&names(&["db_x"]), &names(&["base"])).unwrap();
        let seen: Vec<_> = items.iter().map(|item| (item.line, item.text.as_str())).collect();
        let expected = [
            (7, "requests-oauthlib"),
            (8, "requests>=2"),
            (9, "httpx ; python_version < \"3.12\""),
            (18, "psycopg @ https://****@example.org/psycopg.whl"),
            (24, "typer"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(items[0].file, "pyproject.toml");
    }

    #[test]
    fn an_unknown_extra_or_group_names_the_nearest_one() {
        let error = read(FULL).relevant(&names(&["wbe"]), &[]).unwrap_err();
        assert_eq!(error.kind, Kind::ManifestInvalid);
        assert_eq!(error.causes, ["no extra `wbe` in `project.optional-dependencies`"]);
        assert_eq!(error.hint.as_deref(), Some("the nearest one is `web`"));
        let error = read(FULL).requirement_lines(&[], &names(&["tests"])).unwrap_err();
        assert_eq!(error.causes, ["no group `tests` in `dependency-groups`"]);
        assert_eq!(error.hint.as_deref(), Some("the nearest one is `test`"));
        let error = read("").requirement_lines(&[], &names(&["dev"])).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("add it to `[dependency-groups]`, or do not ask for it"));
    }

    #[test]
    fn groups_that_include_each_other_are_an_error() {
        let error = read(FULL).requirement_lines(&[], &names(&["ring"])).unwrap_err();
        assert_eq!(error.causes, ["`dependency-groups`: `ring` → `gnir` → `ring` include each other in a cycle"]);
    }

    #[test]
    fn a_chain_of_groups_is_bounded_and_a_diamond_is_walked_once() {
        let group =
            |n: usize| format!("g{n} = ['x{n}', {{ include-group = 'g{0}' }}, {{ include-group = 'g{0}' }}]\n", n + 1);
        let chain = |length: usize| {
            format!("[dependency-groups]\n{}g{length} = []", (0..length).map(group).collect::<String>())
        };
        assert_eq!(lines(&chain(90), &[], &["g0"]).len(), 90);
        let error = read(&chain(5_000)).requirement_lines(&[], &names(&["g0"])).unwrap_err();
        assert_eq!(error.causes, ["`dependency-groups`: more than 100 groups include each other"]);
    }

    #[test]
    fn what_does_not_decide_the_packages_changes_nothing() {
        let one = relevant(&project(""));
        let same = [
            project("version = '2'\ndescription = 'x'\n[project.scripts]\nx = 'y'\n[tool.ruff]\nline-length = 1"),
            project("[project.optional-dependencies]\nx = ['c']\n[dependency-groups]\nd = ['e']"),
            project("[tool.uv]\ncache-dir = 'x'\nlink-mode = 'copy'\n[tool.plugdeps]\nx = 1"),
            "project = { dependencies = ['b',  'a', 'b'], name = 'p' } # note".into(),
        ];
        for text in same {
            assert_eq!(relevant(&text), one, "{text}");
        }
    }

    #[test]
    fn what_decides_the_packages_changes_it() {
        let mut seen = BTreeSet::from([relevant(&project(""))]);
        let others = [
            "requires-python = '>=3.10'",
            "dynamic = ['dependencies']",
            "[tool.uv.sources]\na = { git = 'https://h/a' }",
            "[[tool.uv.index]]\nurl = 'https://h'",
            "[tool.uv]\nindex-url = 'https://h'",
            "[tool.uv]\nconstraint-dependencies = ['a<2']",
            "[tool.uv]\nno-binary-package = ['a']",
            "[tool.uv]\nno-build = true",
            "[tool.uv]\nexclude-newer = 2024-01-01T00:00:00Z",
            "[tool.uv]\nexclude-newer-package = { a = '2024-01-01' }",
            "[tool.uv]\nconfig-settings = { x = 'y' }",
            "[tool.uv.pip]\nno-deps = true",
            "[tool.uv]\npackage = false",
        ];
        for rest in others {
            assert!(seen.insert(relevant(&project(rest))), "{rest}");
        }
        assert!(seen.insert(read(FULL).relevant(&names(&["all"]), &names(&["test"])).unwrap()));
    }

    #[test]
    fn a_change_behind_a_self_reference_or_an_included_group_changes_it() {
        let of = |text: &str| read(text).relevant(&names(&["all"]), &names(&["test"])).unwrap();
        assert_ne!(of(FULL), of(&FULL.replace("starlette", "flask")));
        assert_ne!(of(FULL), of(&FULL.replace("typer", "click")));
        assert_eq!(of(FULL), of(&FULL.replace("anyio", "trio")));
    }

    #[test]
    fn the_order_of_names_means_nothing_and_the_order_of_indexes_does() {
        let uv = |key: &str, values: &str| relevant(&format!("[tool.uv]\n{key} = {values}"));
        assert_eq!(uv("override-dependencies", "['a', 'b']"), uv("override-dependencies", "['b', 'a']"));
        assert_ne!(uv("extra-index-url", "['a', 'b']"), uv("extra-index-url", "['b', 'a']"));
        let expected = concat!(
            r#"{"dependencies":[],"dependency-groups":{},"dynamic":[],"optional-dependencies":{},"#,
            r#""requires-python":null,"uv":{"exclude-newer":"2024-01-01"}}"#
        );
        assert_eq!(uv("exclude-newer", "'2024-01-01'"), expected);
    }

    #[test]
    fn sources_of_uv_are_seen_unless_empty() {
        assert!(read("[tool.uv.sources]\na = { path = 'x' }").uses_uv_sources());
        assert!(!read("[tool.uv.sources]").uses_uv_sources() && !read("[tool.uv]").uses_uv_sources());
    }

    #[test]
    fn dynamic_dependencies_are_in_files_or_unknown() {
        let dynamic = |rest: &str| {
            read(&format!("[project]\ndynamic = ['version', 'dependencies']\n{rest}")).dynamic_dependencies()
        };
        let files = |files: &[&str]| Some(DynamicDependencies::Files(names(files)));
        let several = "[tool.setuptools.dynamic]\ndependencies = { file = ['a.txt', 'b.txt'] }";
        assert_eq!(dynamic(several), files(&["a.txt", "b.txt"]));
        assert_eq!(dynamic("[tool.setuptools.dynamic]\ndependencies.file = 'a.txt'"), files(&["a.txt"]));
        assert_eq!(dynamic(""), Some(DynamicDependencies::Unknown));
        assert_eq!(read("[project]\ndynamic = ['version']").dynamic_dependencies(), None);
    }
}
