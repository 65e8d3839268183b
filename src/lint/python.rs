//! Rules of what a plugin's packages are.

use super::Spot;
use super::entries::Entry;
use super::imports;
use super::subject::Subject;
use crate::environments::Environment;
use crate::manifest::{Format, Manifest};
use crate::node_manifest::LOCKS;
use crate::package_name::Package;
use crate::project::join;
use crate::pyproject::Pyproject;
use crate::requirement_line::{Line, Named};
use crate::requirements::Item;
use crate::runtime::Runtime;
use crate::unread;
use std::path::Path;

/// How many requirements one finding names.
const MOST: usize = 5;
const NPM_LOCK: &str = "ship a lock: `npm install --package-lock-only` writes one";

fn manifests(subject: &Subject) -> Vec<(&Environment, &Manifest)> {
    let used = subject.used().into_iter();
    used.filter_map(|environment| Some((environment, environment.manifest.as_ref().ok()?))).collect()
}

/// What a manifest asks for that is held by no lock, no version and no hash.
fn open(manifest: &Manifest) -> Vec<Item> {
    let is_open = |item: &Item| !Line::parse(&item.text).is_local() && !Named::parse(&item.text).is_pinned();
    match manifest.format {
        Format::Requirements => manifest.facts().unpinned,
        Format::Pyproject | Format::Script => manifest.items().into_iter().filter(is_open).collect(),
        Format::Package => {
            manifest.items().into_iter().filter(|item| Package::of_npm(&item.text).exact().is_none()).collect()
        }
        _ => Vec::new(),
    }
}

pub fn unpinned(subject: &Subject) -> Vec<Spot> {
    let used = manifests(subject).into_iter();
    let used = used.filter(|(own, manifest)| manifest.format != Format::Package || rules(subject, own));
    used.filter_map(|(environment, manifest)| {
        let items = open(manifest);
        let Some(first) = items.first() else { return without_lock(subject, environment, manifest) };
        let names: Vec<String> = items.iter().take(MOST).map(|item| format!("`{}`", item.text)).collect();
        let more = if items.len() > MOST { format!(" and {} more", items.len() - MOST) } else { String::new() };
        let why =
            format!("no lock and no version holds {}{more}: a new release reaches all users untried", names.join(", "));
        let fix = match manifest.format.runtime() {
            Runtime::Python => "ship a lock: `plugdeps lock` writes one",
            Runtime::Node => NPM_LOCK,
        };
        Some(Spot::new((&first.file, first.line), why, fix))
    })
    .collect()
}

/// Whether no lock above a `package.json` decides.
fn rules(subject: &Subject, environment: &Environment) -> bool {
    let mut above = Path::new(&environment.directory).ancestors().skip(1);
    let mut is_locked =
        || above.any(|path| LOCKS.iter().any(|(lock, ..)| subject.ships(&join(&path.to_string_lossy(), lock))));
    subject.is_ours() || !is_locked()
}

/// A version that is named holds a package, and nothing of what that needs itself.
fn without_lock(subject: &Subject, environment: &Environment, manifest: &Manifest) -> Option<Spot> {
    let items = manifest.items();
    let first = items.first().filter(|_| manifest.format == Format::Package)?;
    let names: Vec<String> = manifest.package()?.dependencies().map(|(name, _)| name.to_owned()).collect();
    let mut scripts = entries(subject, environment).filter_map(|entry| subject.script_of(entry));
    let is_needed = subject.is_ours() || scripts.any(|script| imports::of_node(subject, &script, &names).is_some());
    let why =
        format!("no lock holds what `{}` needs itself: a new release of that reaches all users untried", first.text);
    is_needed.then(|| Spot::new((&first.file, first.line), why, NPM_LOCK))
}

/// The servers that live in an environment.
fn entries<'a>(subject: &'a Subject, environment: &'a Environment) -> impl Iterator<Item = &'a Entry> {
    let lives = |entry: &&Entry| subject.environment_of(entry).is_some_and(|own| own.name == environment.name);
    subject.entries.iter().filter(lives)
}

pub fn mcp_major(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for (environment, manifest) in manifests(subject) {
        let items = open(manifest);
        let Some(item) = items.iter().find(|item| is_unbounded_mcp(&item.text)) else { continue };
        let Some((file, line)) = fast_mcp(subject, environment) else { continue };
        let why = format!(
            "`{}` is 2.x by now, which has no `mcp.server.fastmcp`: `{file}` line {line} imports it",
            item.text
        );
        found.push(Spot::new((&item.file, item.line), why, "write `mcp>=1,<2`"));
    }
    found
}

fn is_unbounded_mcp(text: &str) -> bool {
    let named = Named::parse(text);
    named.normalised_name() == "mcp" && !named.rest.contains(['<', '~', '@']) && !named.is_pinned()
}

/// Where a server of this environment imports what 2.x has no more.
fn fast_mcp(subject: &Subject, environment: &Environment) -> Option<(String, usize)> {
    let scripts = entries(subject, environment).filter_map(|entry| subject.script_of(entry));
    scripts.filter_map(|script| imports::of_python(subject, &script, &["mcp".to_owned()])).find_map(|import| {
        let text = subject.text(&import.file)?;
        let at = text.lines().position(|line| line.starts_with("from mcp.server.fastmcp "))?;
        Some((import.file, at + 1))
    })
}

pub fn extra_index(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for (_, manifest) in manifests(subject) {
        let facts = manifest.facts();
        let is_held = !facts.unhashed.is_empty() || manifest.format == Format::Pyproject;
        let lines = facts.extra_indexes.into_iter().map(|item| (item.file, item.line, item.text));
        let project = manifest.ruling_project().filter(|_| !manifest.is_lock());
        let indexes = project.map(Pyproject::extra_indexes).unwrap_or_default().0;
        let indexes = indexes.into_iter().map(|index| (manifest.label.clone(), 1, crate::credentials::redact(&index)));
        found.extend(lines.chain(indexes).filter(|_| is_held).map(|(file, line, text)| {
            let why = format!("`{text}`: whoever can publish on one of the indexes can replace a package of another");
            Spot::new(
                (&file, line),
                why,
                "give each requirement its hash or ship a lock (`plugdeps lock`), or say `explicit = true`",
            )
        }));
    }
    found
}

pub fn empty_project(subject: &Subject) -> Vec<Spot> {
    let empty = manifests(subject).into_iter().filter(|(_, manifest)| {
        manifest.format == Format::Pyproject && manifest.items().is_empty() && manifest.ruling_project().is_some()
    });
    empty
        .filter(|_| subject.is_ours())
        .map(|(_, manifest)| {
            let why = "it has `[project]` and asks for no package, so an empty environment is made of it";
            let fix = "list the packages in `project.dependencies`, or name another `manifest` in `plugdeps.toml`";
            Spot::new((&manifest.label, 1), why, fix)
        })
        .collect()
}

pub fn unread_manifest(subject: &Subject) -> Vec<Spot> {
    let is_python = |entry: &&Entry| Runtime::of_command(&subject.real_words(entry)) == Some(Runtime::Python);
    let is_bare = |entry: &&Entry| {
        let brings_nothing = entry.start.packages.is_empty() && subject.steps.is_empty();
        entry.is_ours() || subject.entry_is_local(entry) && brings_nothing
    };
    let has_packages = |entry: &&Entry| {
        let environment = subject.environment_of(entry);
        environment.is_some_and(|one| one.manifest.is_err() || one.runtime() == Some(Runtime::Python))
    };
    let bare = subject.entries.iter().filter(is_python).filter(is_bare).filter(|entry| !has_packages(entry));
    let found = bare.filter_map(|entry| {
        let unread = unread::above(&subject.root, &subject.script_of(entry).unwrap_or_default())?;
        let why = format!("this is not read: the server `{}` has none of the packages that it asks for", entry.name);
        Some(Spot::new((&unread.file, unread.line), why, unread.instead))
    });
    found.collect()
}
