//! The parts of `pyproject.toml` that decide which third-party packages are installed.
//!
//! `[project]` is specified at <https://packaging.python.org/en/latest/specifications/pyproject-toml/>,
//! `[dependency-groups]` at <https://packaging.python.org/en/latest/specifications/dependency-groups/>, `[tool.uv]` at
//! <https://docs.astral.sh/uv/reference/settings/>.

use crate::credentials::redact;
use crate::dependencies::{Dependencies, Entry};
use crate::error::{Error, Kind, Result};
use crate::requirement_line::depends_on_place;
use crate::requirements::Item;
use crate::script_block::{self, Block};
use crate::toml_section::{Section, strings};
use crate::toml_value::Table;
use crate::{toml_text, uv_settings};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use toml::de::DeTable;

/// A `pyproject.toml`, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Pyproject {
    label: String,
    text: Vec<u8>,
    has_project: bool,
    name: Option<String>,
    version: Option<String>,
    requires_python: Option<String>,
    dependencies: Dependencies,
    dynamic: Vec<String>,
    dynamic_files: Option<Vec<String>>,
    scripts: Vec<(String, String)>,
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

impl Pyproject {
    /// Reads a `pyproject.toml`; `label` names it in messages and items.
    ///
    /// # Errors
    /// `ManifestInvalid`, when it is no TOML, or one of the keys read here is not of the type that its specification
    /// gives it; the key is named.
    pub fn parse(label: &str, bytes: &[u8]) -> Result<Pyproject> {
        Self::of_table(label, bytes, &toml_text::parse(label, bytes, Kind::ManifestInvalid)?)
    }

    fn of_table(label: &str, bytes: &[u8], table: &Table) -> Result<Pyproject> {
        let root = Section::whole(label, table);
        let (project, tool) = (root.section("project")?, root.section("tool")?);
        let name = project.string("name")?;
        Ok(Self {
            label: label.to_owned(),
            text: bytes.to_vec(),
            has_project: project.table.is_some(),
            name: name.clone(),
            version: project.string("version")?,
            requires_python: project.string("requires-python")?,
            dependencies: Dependencies::read(&root, name)?,
            dynamic: project.strings("dynamic")?.unwrap_or_default(),
            dynamic_files: dynamic_files(&tool.section("setuptools")?),
            scripts: project.section("scripts")?.string_table()?,
            uv: tool.section("uv")?.table.cloned().unwrap_or_default(),
            plugdeps: tool.section("plugdeps")?.table.cloned(),
        })
    }

    /// Reads the block of a script as the project that it amounts to; and which of its keys mean nothing there.
    ///
    /// # Errors
    /// As [`Pyproject::parse`], with the line in the script.
    pub fn of_script(label: &str, block: &Block) -> Result<(Pyproject, Vec<String>)> {
        let text = as_project(block, "");
        let mut table = toml_text::parse(label, &text, Kind::ManifestInvalid).map_err(|error| {
            // Once more as it stands behind its `# `, for the column.
            toml_text::parse(label, &as_project(block, "  "), Kind::ManifestInvalid).err().unwrap_or(error)
        })?;
        let mut unknown = table.keep(&["project", "tool"]);
        let project = table.get_table_mut("project");
        unknown.extend(project.map_or(Vec::new(), |project| project.keep(&["dependencies", "requires-python"])));
        let project = Self::of_table(label, &text, &table).map_err(|error| in_block(error, block.line))?;
        Ok((project, unknown))
    }

    /// The script with this block, and nothing else in it.
    pub fn as_script(&self) -> Vec<u8> {
        let block = self.text.splitn(2, |&byte| byte == b']').nth(1).unwrap_or_default();
        script_block::script_of(block.strip_prefix(b"\n").unwrap_or(block))
    }

    /// Whether `[tool.uv]` says anything.
    pub fn speaks_to_uv(&self) -> bool {
        !self.uv.is_empty()
    }

    /// The bytes that it was read from.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether there is a `[project]` table.
    pub fn has_project(&self) -> bool {
        self.has_project
    }

    /// `project.name`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `project.version`; none where only the plugin's own build could tell.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The name of the file in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// `project.requires-python`.
    pub fn requires_python(&self) -> Option<&str> {
        self.requires_python.as_deref()
    }

    /// What a name of `[project.scripts]` stands for.
    pub fn script(&self, name: &str) -> Option<&str> {
        self.scripts.iter().find(|(known, _)| known == name).map(|(_, target)| target.as_str())
    }

    /// `[tool.plugdeps]`.
    pub fn plugdeps(&self) -> Option<&Table> {
        self.plugdeps.as_ref()
    }

    /// Whether `[tool.uv.sources]` says where packages come from, which pip cannot follow.
    pub fn uses_uv_sources(&self) -> bool {
        uv_settings::names_sources(&self.uv)
    }

    /// Whether `[tool.uv]` says where packages come from, or until when, which pip cannot follow.
    pub fn is_for_uv_alone(&self) -> bool {
        uv_settings::only_uv_follows(&self.uv)
    }

    /// The indexes of `[tool.uv]` that every package is looked for in, and whether the best version of all is taken.
    pub fn extra_indexes(&self) -> (Vec<String>, bool) {
        (uv_settings::extra_indexes(&self.uv), uv_settings::mixes_indexes(&self.uv))
    }

    /// Whether a copy of the file elsewhere would mean something else: packages lie beside it, or it is part of a
    /// workspace, or leads one.
    pub fn needs_its_place(&self) -> bool {
        let settings = uv_settings::dependencies(&self.uv);
        let mut texts = self.dependencies.texts().chain(settings.iter().map(String::as_str));
        uv_settings::names_neighbours(&self.uv) || texts.any(depends_on_place)
    }

    /// The paths that `[tool.uv.sources]` names, as they are written.
    pub fn source_paths(&self) -> Vec<String> {
        uv_settings::source_paths(&self.uv)
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
        let mut all = self.dependencies.relevant(extras, groups)?;
        let dynamic: BTreeSet<&str> = self.dynamic.iter().map(String::as_str).collect();
        all.insert("dynamic".into(), dynamic.into_iter().collect());
        all.insert("requires-python".into(), self.requires_python.clone().into());
        all.insert("uv".into(), uv_settings::relevant(&self.uv).into());
        Ok(Json::Object(all).to_string())
    }

    /// The requirements of the project with the chosen extras and groups, to be shown: without credentials.
    ///
    /// # Errors
    /// As [`Pyproject::requirement_lines`].
    pub fn requirements(&self, extras: &[String], groups: &[String]) -> Result<Vec<Item>> {
        let text = toml_text::decode(&self.label, &self.text, Kind::ManifestInvalid)?;
        let document = DeTable::parse(text).ok();
        let line = |entry: &Entry| document.as_ref().and_then(|found| entry.offset(found.get_ref()));
        let item = |entry: Entry| Item {
            file: self.label.clone(),
            line: line(&entry).map_or(1, |offset| toml_text::line_at(text, offset)),
            text: redact(&entry.line()),
        };
        Ok(self.dependencies.chosen(extras, groups)?.into_iter().map(item).collect())
    }

    /// The same requirements for an installer: one a line, each once, with their credentials.
    ///
    /// # Errors
    /// `ManifestInvalid`, when there is no such extra or group (the nearest one is named), or groups include each
    /// other in a cycle.
    pub fn requirement_lines(&self, extras: &[String], groups: &[String]) -> Result<Vec<String>> {
        Ok(self.dependencies.chosen(extras, groups)?.iter().map(Entry::line).collect())
    }
}

/// The block as a `pyproject.toml`, each line where it stands in the script.
fn as_project(block: &Block, indent: &str) -> Vec<u8> {
    let mut text = vec![b'\n'; block.line - 1];
    text.extend_from_slice(b"[project]\n");
    for line in block.toml.split_inclusive(|&byte| byte == b'\n') {
        text.extend_from_slice(indent.as_bytes());
        text.extend_from_slice(line);
    }
    text
}

/// A key of a wrong type, by the name that it has in a block.
fn in_block(mut error: Error, line: usize) -> Error {
    error.causes.iter_mut().for_each(|cause| *cause = cause.replace("`project.", "`"));
    error.because(format!("it stands in the `script` block of line {line}"))
}

/// `[tool.setuptools.dynamic] dependencies = { file = … }`, one path or several.
fn dynamic_files(setuptools: &Section<'_>) -> Option<Vec<String>> {
    let file = setuptools.get("dynamic")?.get("dependencies")?.get("file")?;
    file.as_str().map(|path| vec![path.to_owned()]).or_else(|| strings(file))
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
        assert_eq!((pyproject.script("serve"), pyproject.script("x")), (Some("plugin:main"), None));
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
    fn items_carry_the_line_and_no_credentials_and_lines_for_an_installer_carry_them() {
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
        let lines = read(FULL).requirement_lines(&names(&["db_x"]), &names(&["base"])).unwrap();
        assert_eq!(lines[3..], ["psycopg @ https://me:pw@example.org/psycopg.whl", "typer"]);
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

    #[test]
    fn the_bytes_are_kept_as_they_were() {
        let bytes = b"\xEF\xBB\xBF[project]\r\nname = 'x' # y\ndependencies = [\n'a']";
        let pyproject = Pyproject::parse("pyproject.toml", bytes).unwrap();
        assert_eq!(pyproject.text(), bytes);
        assert_eq!(pyproject.requirements(&[], &[]).unwrap()[0].line, 4);
    }

    #[test]
    fn what_lies_beside_the_file_binds_it_to_its_place() {
        let bound = [
            "[tool.uv.sources]\na = { path = 'x' }",
            "[tool.uv.sources]\na = [{ index = 'i' }, { workspace = true }]",
            "[tool.uv.workspace]\nmembers = ['*']",
            "[tool.uv]\noverride-dependencies = ['a @ ./a']",
            "[project]\ndependencies = ['a @ ./a-1.whl']",
            "[project.optional-dependencies]\nx = ['a @ file:a']",
            "[dependency-groups]\nx = [{ include-group = 'y' }]\ny = ['a @ ../a']",
        ];
        for text in bound {
            assert!(read(text).needs_its_place(), "{text}");
        }
        let git = project("[tool.uv.sources]\na = { git = 'https://h/a' }\n[tool.uv]\npackage = false");
        for text in [FULL, &git, "", "[tool.uv.sources]"] {
            assert!(!read(text).needs_its_place(), "{text}");
        }
    }
}
