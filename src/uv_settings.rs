//! `[tool.uv]`: what of it decides what is installed.
//!
//! Its keys are described at <https://docs.astral.sh/uv/reference/settings/>.

use crate::toml_section::strings;
use crate::toml_value::{Table, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::path::PathBuf;

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

/// What decides what is installed, as JSON: equal values mean equal packages.
pub(crate) fn relevant(uv: &Table) -> Map<String, Json> {
    let is_relevant = |key: &str| UV_KEYS.contains(&key) || UV_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    let chosen = uv.iter().filter(|(key, _)| is_relevant(key));
    chosen.map(|(key, value)| (key.to_owned(), if UV_SETS.contains(&key) { set(value) } else { json(value) })).collect()
}

/// The file in which the user has settings of uv.
pub(crate) fn user_file() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let below = |base: PathBuf| base.join("uv/uv.toml");
    let home = || variable("HOME").map(|home| below(home.join(".config")));
    let own = if cfg!(windows) { variable("APPDATA").map(below) } else { variable("XDG_CONFIG_HOME").map(below) };
    variable("UV_CONFIG_FILE").or(own).or_else(home)
}

/// Whether a text of settings has packages be links into uv's cache: in `[pip]` as well.
pub(crate) fn links_into_cache(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .any(|line| !line.trim_start().starts_with('#') && line.contains("link-mode") && line.contains("symlink"))
}

/// Whether it says where packages come from, which pip cannot follow.
pub(crate) fn names_sources(uv: &Table) -> bool {
    uv.get("sources").and_then(Value::as_table).is_some_and(|sources| !sources.is_empty())
}

/// Keys that say which indexes are asked, or until when, in which pip would ask others.
const ONLY_FOR_UV: &[&str] = &["exclude-newer", "extra-index-url", "find-links", "index", "index-url", "no-index"];

/// Whether another installer would take packages from elsewhere, or other ones.
pub(crate) fn only_uv_follows(uv: &Table) -> bool {
    names_sources(uv) || uv.keys().any(|key| ONLY_FOR_UV.contains(&key) || key == "exclude-newer-package")
}

/// The extra indexes that every package is looked for in, as they are named: an explicit one serves those that name it.
pub(crate) fn extra_indexes(uv: &Table) -> Vec<String> {
    let is_extra = |index: &&Value| {
        let is = |key: &str| index.get(key).and_then(Value::as_bool).unwrap_or_default();
        !is("explicit") && !is("default")
    };
    let indexes = uv.get("index").and_then(Value::as_array).into_iter().flatten().filter(is_extra);
    let name = |index: &Value| index.get("name").or(index.get("url")).and_then(Value::as_str).map(str::to_owned);
    let extra = uv.get("extra-index-url").and_then(strings).unwrap_or_default();
    indexes.filter_map(name).chain(extra).collect()
}

/// Whether uv is told to take the best version of all indexes, as pip does, and not of the first that has the package.
pub(crate) fn mixes_indexes(uv: &Table) -> bool {
    uv.get("index-strategy").and_then(Value::as_str).is_some_and(|strategy| strategy != "first-index")
}

/// Whether it says that packages lie beside the file: by a path, or as members of one workspace.
pub(crate) fn names_neighbours(uv: &Table) -> bool {
    has_neighbouring_source(uv) || has_neighbouring_index(uv)
}

/// The paths of `sources`, as they are written.
pub(crate) fn source_paths(uv: &Table) -> Vec<String> {
    let sources = uv.get("sources").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let each = sources.flat_map(|source| source.as_array().unwrap_or(std::slice::from_ref(source)));
    each.filter_map(|source| source.get("path").and_then(Value::as_str)).map(str::to_owned).collect()
}

/// An index or a list of links that is a directory, and not an absolute one.
fn has_neighbouring_index(uv: &Table) -> bool {
    let is_near = |text: &str| !text.contains("://") && !text.starts_with('/');
    let links = uv.get("find-links").and_then(strings).unwrap_or_default();
    let indexes = uv.get("index").and_then(Value::as_array).into_iter().flatten();
    let urls = indexes.filter_map(|index| index.get("url").and_then(Value::as_str));
    links.iter().map(String::as_str).chain(urls).any(is_near)
}

fn has_neighbouring_source(uv: &Table) -> bool {
    let is_neighbour = |source: &Value| source.get("path").or(source.get("workspace")).is_some();
    let any = |source: &Value| match source {
        Value::Array(sources) => sources.iter().any(is_neighbour),
        source => is_neighbour(source),
    };
    let sources = uv.get("sources").and_then(Value::as_table);
    uv.get("workspace").and_then(Value::as_table).is_some() || sources.is_some_and(|sources| sources.values().any(any))
}

/// The requirements of `dev-dependencies`, `override-dependencies` and their like.
pub(crate) fn dependencies(uv: &Table) -> Vec<String> {
    let lists = uv.iter().filter(|(key, _)| key.ends_with("dependencies"));
    lists.filter_map(|(_, value)| strings(value)).flatten().collect()
}

fn set(value: &Value) -> Json {
    let Some(texts) = strings(value) else { return json(value) };
    texts.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The recursion ends: [`crate::toml_text::parse`] bounds the depth.
fn json(value: &Value) -> Json {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(truth) => (*truth).into(),
        // As text, since JSON has neither dates nor infinities.
        Value::Float(number) => number.as_str().into(),
        Value::Datetime(moment) => moment.to_string().into(),
        Value::Array(values) => values.iter().map(json).collect(),
        Value::Table(table) => Json::Object(table.iter().map(|(key, value)| (key.to_owned(), json(value))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uv(text: &str) -> Table {
        crate::toml_text::parse("uv.toml", text.as_bytes(), crate::error::Kind::ConfigInvalid).unwrap()
    }

    #[test]
    fn paths_of_sources_are_found_in_tables_and_arrays() {
        let uv = uv(
            "[sources]\na = { path = 'x' }\nb = [{ path = 'y', marker = 'm' }, { git = 'g' }]\nc = { workspace = true }",
        );
        assert_eq!(source_paths(&uv), ["x", "y"]);
    }

    #[test]
    fn sources_are_seen_unless_empty() {
        assert!(names_sources(&uv("[sources]\na = { path = 'x' }")));
        assert!(!names_sources(&uv("[sources]")) && !names_sources(&uv("")));
    }

    #[test]
    fn what_says_where_or_until_when_packages_are_looked_for_is_for_uv_alone() {
        let only = ["index-url = 'x'", "[[index]]\nurl = 'x'", "exclude-newer = 'x'", "[sources]\na = { git = 'x' }"];
        for text in only {
            assert!(only_uv_follows(&uv(text)), "{text}");
        }
        for text in ["", "package = false", "constraint-dependencies = ['a']", "[sources]"] {
            assert!(!only_uv_follows(&uv(text)), "{text}");
        }
    }

    #[test]
    fn an_index_is_extra_unless_it_is_the_default_or_explicit() {
        let text = "extra-index-url = ['https://e']\nindex = [{ name = 'a', url = 'https://a' }, { url = 'https://b' }, \
                    { name = 'c', url = 'x', explicit = true }, { name = 'd', url = 'x', default = true }]";
        assert_eq!(extra_indexes(&uv(text)), ["a", "https://b", "https://e"]);
    }

    #[test]
    fn indexes_are_mixed_where_the_strategy_is_another_than_the_first() {
        assert!(mixes_indexes(&uv("index-strategy = 'unsafe-best-match'")));
        assert!(!mixes_indexes(&uv("index-strategy = 'first-index'")) && !mixes_indexes(&uv("")));
    }

    #[test]
    fn a_path_and_a_workspace_are_neighbours_and_an_address_is_none() {
        let near = [
            "[sources]\na = { path = 'x' }",
            "[sources]\na = { path = '../x', editable = true }",
            "[sources]\na = { workspace = true }",
            "[sources]\nb = { index = 'i' }\na = [{ git = 'https://h/a', marker = 'm' }, { path = 'x' }]",
            "[sources.a]\nworkspace = true",
            "[workspace]",
            "workspace = { members = ['x'] }",
        ];
        for text in near {
            assert!(names_neighbours(&uv(text)), "{text}");
        }
        let far = [
            "",
            "[sources]",
            "sources = 1",
            "[sources]\npath = { git = 'https://h/a' }\nb = [{ index = 'i' }, { url = 'https://h/b.whl' }]",
            "package = false",
        ];
        for text in far {
            assert!(!names_neighbours(&uv(text)), "{text}");
        }
    }

    #[test]
    fn every_list_of_dependencies_is_read() {
        let text = "dev-dependencies = ['a']\noverride-dependencies = ['b']\nno-build-package = ['c']";
        assert_eq!(dependencies(&uv(text)), ["a", "b"]);
    }
}
