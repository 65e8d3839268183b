//! Extra indexes without hashes: whom else a package may come from, as far as the installer chosen lets it.

use crate::backend::{Backend, hashes};
use crate::error::Kind;
use crate::fs;
use crate::manifest::Manifest;
use crate::pyproject::Pyproject;
use crate::toml_text;
use crate::toml_value::Table;
use crate::uv_settings;
use std::path::{Path, PathBuf};

/// The extra indexes that an installer would look for packages in which nothing else holds fast.
#[derive(Debug, PartialEq, Eq)]
pub struct Exposed {
    /// Who names each.
    pub by: Vec<String>,
    /// What may happen, and what to do.
    pub note: String,
}

/// Whether somebody who can publish on one index could replace a package of another.
pub fn exposed(backend: &Backend, root: &Path, manifest: &Manifest) -> Option<Exposed> {
    if !hashes::is_open(root, manifest) {
        return None;
    }
    let (by, mixes) = match backend {
        Backend::Pip(pip) => (pip.extra_index_settings(), true),
        Backend::Uv(_) | Backend::UvByPip(_) => of_uv(manifest),
        // A name has one registry: that of its scope, or the only one.
        Backend::Node(_) => return None,
    };
    let lines = manifest.facts().extra_indexes;
    let lines = lines.into_iter().map(|item| format!("`{}` line {} `{}`", item.file, item.line, item.text));
    let by: Vec<String> = lines.chain(by).collect();
    let note = format!(
        "packages without a hash are looked for in an extra index as well ({}): {}",
        by.join(", "),
        told(mixes)
    );
    (!by.is_empty()).then_some(Exposed { by, note })
}

fn told(mixes: bool) -> &'static str {
    if mixes {
        "the newest version that any index has is taken, so whoever can publish on one of them can replace a package \
         of another; give each requirement its hash (`require-hashes = true`), or ship a lock"
    } else {
        "uv takes a package from the first index that has it, and asks the extra ones before the default one, so whoever \
         can publish there can replace any package; give each requirement its hash (`require-hashes = true`), ship a \
         lock, or say `explicit = true` of the index in `[[tool.uv.index]]`"
    }
}

/// What uv is told by variables, by the user's file and by the project, and whether it takes the best of all.
fn of_uv(manifest: &Manifest) -> (Vec<String>, bool) {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let own = ["UV_INDEX", "UV_EXTRA_INDEX_URL"];
    // pip's variable is handed to uv where uv's own are not set.
    let pips = ["PIP_EXTRA_INDEX_URL"].into_iter().filter(|_| !own.iter().any(is_set));
    let variables = own.into_iter().chain(pips).filter(is_set).map(|name| format!("the variable `{name}`"));
    let user = user_settings().into_iter().flat_map(|(path, table)| {
        let indexes = uv_settings::extra_indexes(&table);
        indexes.into_iter().map(move |index| format!("`{}` index `{}`", path.display(), shown(&index)))
    });
    let project = manifest.ruling_project();
    let (indexes, mixes) = project.map(Pyproject::extra_indexes).unwrap_or_default();
    let project = indexes.into_iter().map(|index| format!("`{}` index `{}`", manifest.label, shown(&index)));
    let strategy = std::env::var("UV_INDEX_STRATEGY").is_ok_and(|strategy| strategy != "first-index");
    (variables.chain(user).chain(project).collect(), mixes || strategy)
}

fn shown(index: &str) -> String {
    crate::credentials::redact(index)
}

/// The user's settings of uv; a file that cannot be read is uv's to complain about.
fn user_settings() -> Option<(PathBuf, Table)> {
    let path = uv_settings::user_file()?;
    let bytes = fs::read_optional(&path).ok().flatten()?;
    Some((path, toml_text::parse("uv.toml", &bytes, Kind::ConfigInvalid).ok()?))
}
