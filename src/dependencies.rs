//! The dependencies of a project, its extras and its groups: read, and resolved to what was chosen.
//!
//! Extras are specified at <https://packaging.python.org/en/latest/specifications/pyproject-toml/>, groups at
//! <https://packaging.python.org/en/latest/specifications/dependency-groups/>.

use crate::credentials::redact;
use crate::error::{Error, Kind, Result};
use crate::nearest::distance;
use crate::requirement_line::{Named, collapsed, normalised_name};
use crate::toml_section::Section;
use crate::toml_value::Value;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest number of requirements that extras and groups may add up to.
const MAX_REQUIREMENTS: usize = 10_000;
/// The longest chain of groups that include each other.
const MAX_CHAIN: usize = 100;

/// All that a project may ask for.
#[derive(Debug, Clone)]
pub(crate) struct Dependencies {
    label: String,
    project: Option<String>,
    always: Vec<Entry>,
    /// By normalised name.
    extras: BTreeMap<String, List<Entry>>,
    /// By normalised name.
    groups: BTreeMap<String, List<Member>>,
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
pub(crate) struct Entry {
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
    pub fn line(&self) -> String {
        if self.conditions.is_empty() {
            return self.text.clone();
        }
        let conditions: Vec<_> = self.all_conditions().iter().map(|condition| format!("({condition})")).collect();
        format!("{} ; {}", Named::parse(&self.text).body, conditions.join(" and "))
    }

    /// The byte at which it begins in the file.
    pub fn offset(&self, document: &DeTable<'_>) -> Option<usize> {
        let (first, rest) = self.keys.split_first()?;
        let mut value: &Spanned<DeValue<'_>> = document.get(first.as_str())?;
        for key in rest {
            value = value.get_ref().as_table()?.get(key.as_str())?;
        }
        value.get_ref().as_array()?.get(self.index).map(|text| text.span().start)
    }
}

impl Dependencies {
    /// Reads `[project]` and `[dependency-groups]` of the whole file; `project` is the name of the project.
    ///
    /// # Errors
    /// `ManifestInvalid`, when a key is not of the type that its specification gives it.
    pub fn read(whole: &Section<'_>, project: Option<String>) -> Result<Self> {
        let table = whole.section("project")?;
        Ok(Self {
            label: whole.label.to_owned(),
            project,
            always: requirements(&table, "dependencies")?,
            extras: extras(&table.section("optional-dependencies")?)?,
            groups: groups(&whole.section("dependency-groups")?)?,
        })
    }

    /// What decides what is installed, as JSON: equal values mean equal packages.
    ///
    /// # Errors
    /// As [`Dependencies::chosen`].
    pub fn relevant(&self, extras: &[String], groups: &[String]) -> Result<Map<String, Json>> {
        let mut chosen_extras = Map::new();
        for name in extras {
            chosen_extras.insert(normalised_name(name), sorted(self.resolved(self.extra(name)?)?));
        }
        let mut chosen_groups = Map::new();
        for name in groups {
            chosen_groups.insert(normalised_name(name), sorted(self.resolved(self.group(name)?)?));
        }
        let mut all = Map::new();
        all.insert("dependencies".into(), sorted(self.resolved(self.always.clone())?));
        all.insert("dependency-groups".into(), chosen_groups.into());
        all.insert("optional-dependencies".into(), chosen_extras.into());
        Ok(all)
    }

    /// Every requirement there is, chosen or not.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let extras = self.extras.values().flat_map(|list| &list.members);
        let members = self.groups.values().flat_map(|list| &list.members);
        let groups = members.filter_map(|member| match member {
            Member::Requirement(entry) => Some(entry),
            Member::Include(_) => None,
        });
        self.always.iter().chain(extras).chain(groups).map(|entry| entry.text.as_str())
    }

    /// The requirements of the project with the chosen extras and groups, each once.
    ///
    /// # Errors
    /// `ManifestInvalid`, when there is no such extra or group (the nearest one is named), or groups include each
    /// other in a cycle.
    pub fn chosen(&self, extras: &[String], groups: &[String]) -> Result<Vec<Entry>> {
        let mut entries = self.always.clone();
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
        let own = normalised_name(self.project.as_deref()?);
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

fn requirements(section: &Section<'_>, key: &str) -> Result<Vec<Entry>> {
    let texts = section.strings(key)?.unwrap_or_default();
    texts.iter().enumerate().map(|(index, text)| requirement(section, key, index, text)).collect()
}

/// An installer would take a line with a hyphen for an option and one with a backslash for an unfinished line.
fn requirement(section: &Section<'_>, key: &str, index: usize, text: &str) -> Result<Entry> {
    let is_named = text.trim_start().starts_with(|c: char| c.is_ascii_alphanumeric());
    if !is_named || text.trim_end().ends_with('\\') {
        let found = redact(&collapsed(text));
        return Err(section.wrong(key, &format!("requirements such as `requests>=2`, found `{found}`")));
    }
    let keys: Vec<&str> = section.path.iter().copied().chain([key]).collect();
    Ok(Entry::new(text, &keys, index))
}

fn extras(section: &Section<'_>) -> Result<BTreeMap<String, List<Entry>>> {
    let mut extras = BTreeMap::new();
    for name in section.keys() {
        let list = List { name: name.to_owned(), members: requirements(section, name)? };
        insert(section, &mut extras, list)?;
    }
    Ok(extras)
}

fn groups(section: &Section<'_>) -> Result<BTreeMap<String, List<Member>>> {
    let mut groups = BTreeMap::new();
    for name in section.keys() {
        let wrong = || section.wrong(name, "an array of strings and of tables `{ include-group = \"name\" }`");
        let values = section.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
        let members = values.iter().enumerate().map(|(index, value)| match value {
            Value::String(text) => requirement(section, name, index, text).map(Member::Requirement),
            value => included(value).map(Member::Include).ok_or_else(wrong),
        });
        let list = List { name: name.to_owned(), members: members.collect::<Result<_>>()? };
        insert(section, &mut groups, list)?;
    }
    Ok(groups)
}

fn insert<T>(section: &Section<'_>, lists: &mut BTreeMap<String, List<T>>, list: List<T>) -> Result<()> {
    let name = list.name.clone();
    match lists.insert(normalised_name(&name), list) {
        Some(other) => Err(section.wrong(&name, &format!("one list under this name, found `{}` too", other.name))),
        None => Ok(()),
    }
}

fn included(value: &Value) -> Option<String> {
    let table = value.as_table().filter(|table| table.len() == 1)?;
    table.get("include-group")?.as_str().map(str::to_owned)
}

fn sorted(entries: Vec<Entry>) -> Json {
    let lines: BTreeSet<String> = entries.iter().map(Entry::line).collect();
    lines.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
[project]
name = "My.Plugin"
dependencies = ["requests-oauthlib", "requests>=2", "httpx ; python_version < \"3.12\""]

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

    fn try_read(text: &str) -> Result<Dependencies> {
        let table = crate::toml_text::parse("pyproject.toml", text.as_bytes(), Kind::ManifestInvalid).unwrap();
        let whole = Section::whole("pyproject.toml", &table);
        Dependencies::read(&whole, whole.section("project")?.string("name")?)
    }

    fn read(text: &str) -> Dependencies {
        try_read(text).unwrap()
    }

    fn cause(text: &str) -> String {
        try_read(text).unwrap_err().causes.concat()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn lines(text: &str, extras: &[&str], groups: &[&str]) -> Vec<String> {
        let chosen = read(text).chosen(&names(extras), &names(groups)).unwrap();
        chosen.iter().map(Entry::line).collect()
    }

    fn project(rest: &str) -> String {
        format!("[project]\nname = \"p\"\ndependencies = [\"a\", \"b\"]\n{rest}")
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
    fn an_unknown_extra_or_group_names_the_nearest_one() {
        let error = read(FULL).relevant(&names(&["wbe"]), &[]).unwrap_err();
        assert_eq!(error.kind, Kind::ManifestInvalid);
        assert_eq!(error.causes, ["no extra `wbe` in `project.optional-dependencies`"]);
        assert_eq!(error.hint.as_deref(), Some("the nearest one is `web`"));
        let error = read(FULL).chosen(&[], &names(&["tests"])).unwrap_err();
        assert_eq!(error.causes, ["no group `tests` in `dependency-groups`"]);
        assert_eq!(error.hint.as_deref(), Some("the nearest one is `test`"));
        let error = read("").chosen(&[], &names(&["dev"])).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("add it to `[dependency-groups]`, or do not ask for it"));
    }

    #[test]
    fn groups_that_include_each_other_are_an_error() {
        let error = read(FULL).chosen(&[], &names(&["ring"])).unwrap_err();
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
        let error = read(&chain(5_000)).chosen(&[], &names(&["g0"])).unwrap_err();
        assert_eq!(error.causes, ["`dependency-groups`: more than 100 groups include each other"]);
    }

    #[test]
    fn the_texts_are_those_of_all_extras_and_groups() {
        let dependencies = read(FULL);
        let texts: BTreeSet<_> = dependencies.texts().collect();
        assert_eq!(texts.len(), 12);
        assert!(["requests-oauthlib", "anyio", "typer"].iter().all(|text| texts.contains(text)));
    }
}
