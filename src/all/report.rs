//! What `--check --all` says, as values: the table and `--json` are two views of them.

use super::host::List;
use super::survey::{Leftover, Missing, Survey, Tenant, Version};
use crate::check;
use crate::report::{EnvironmentReport, State};
use crate::trust;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Number of the format of `--check --all --json`.
const SCHEMA: u32 = 1;

/// Everything that it knows.
#[derive(Debug, Serialize)]
pub struct Report {
    schema: u32,
    version: &'static str,
    /// The host's directory for plugins.
    pub plugins_directory: PathBuf,
    /// `read`, `missing` or `unreadable`.
    pub list: &'static str,
    /// Why the list cannot be read.
    pub list_error: Option<String>,
    /// The worst of all versions; `None` where nobody knows which there are.
    pub state: Option<State>,
    /// Bytes on disk, of all.
    pub bytes: u64,
    /// The plugins that use plugdeps.
    pub plugins: Vec<PluginReport>,
    /// Data of none of them.
    pub leftovers: Vec<LeftoverReport>,
    /// What is installed and not there.
    pub missing: Vec<Missing>,
    /// How many plugins do not use plugdeps.
    pub others: usize,
}

/// A plugin.
#[derive(Debug, Serialize)]
pub struct PluginReport {
    /// `name@marketplace`.
    pub id: String,
    /// Its data.
    pub data: PathBuf,
    /// Bytes on disk.
    pub bytes: u64,
    /// The same of each environment.
    pub disk: Vec<Disk>,
    /// What else a person should know.
    pub notes: Vec<String>,
    /// Each version that the host starts.
    pub versions: Vec<VersionReport>,
}

/// An environment's state.
#[derive(Debug, Serialize)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether no version on this machine has such an environment.
    pub unused: bool,
}

/// A version.
#[derive(Debug, Serialize)]
pub struct VersionReport {
    /// As the host calls it.
    pub version: String,
    /// Where it is.
    pub root: PathBuf,
    /// Whether it runs from the author's own directory.
    pub in_place: bool,
    /// For whom it is installed.
    pub scopes: Vec<Scope>,
    /// The worst of its environments.
    pub state: State,
    /// Why it cannot be read at all, as a sentence.
    pub error: Option<String>,
    /// Its code.
    pub error_code: Option<&'static str>,
    /// Its environments, as `--check` says them.
    pub environments: Vec<EnvironmentReport>,
}

/// For whom a plugin is installed.
#[derive(Debug, Serialize)]
pub struct Scope {
    /// `user`, `project`, …
    pub scope: String,
    /// The project.
    pub project: Option<PathBuf>,
}

/// Data of no plugin on the list.
#[derive(Debug, Serialize)]
pub struct LeftoverReport {
    /// The directory.
    pub data: PathBuf,
    /// `orphan`, `unlisted`, `unknown`, `link` or `by-hand`.
    pub kind: &'static str,
    /// The same in words.
    pub note: String,
    /// The plugin's directory, of data that are the user's own and know it.
    pub root: Option<PathBuf>,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Report {
    /// Looks at all that a survey found.
    pub fn of(survey: &Survey) -> Self {
        let plugins = each(&survey.tenants, PluginReport::of);
        let leftovers: Vec<_> = survey.leftovers.iter().map(LeftoverReport::of).collect();
        let (list, list_error) = match &survey.host.list {
            List::Read(_) => ("read", None),
            List::Missing => ("missing", None),
            List::Unreadable(error) => ("unreadable", Some(error.sentence())),
        };
        let worst = plugins.iter().flat_map(|plugin| &plugin.versions).map(|version| version.state).max();
        // Two plugins may share their data.
        let mut seen = BTreeSet::new();
        let plugins_bytes: u64 = plugins.iter().filter(|one| seen.insert(&one.data)).map(|one| one.bytes).sum();
        let bytes = plugins_bytes + leftovers.iter().map(|leftover| leftover.bytes).sum::<u64>();
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            plugins_directory: survey.host.directory.clone(),
            list,
            state: list_error.is_none().then(|| worst.unwrap_or(State::Ready)),
            list_error,
            bytes,
            plugins,
            leftovers,
            missing: survey.missing.clone(),
            others: survey.others,
        }
    }
}

/// Does it for all, several at the same time: a look may start an interpreter.
fn each<T: Sync, R: Send>(all: &[T], look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((at, one)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, all.get(at)?))) {
            let result = look(one);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    let several = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
    std::thread::scope(|scope| {
        (1..several.min(all.len())).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

impl PluginReport {
    fn of(tenant: &Tenant) -> Self {
        let names = super::space::environments(&tenant.data);
        let notes: BTreeSet<String> = names.iter().flat_map(|name| trust::remarks(&tenant.data, name)).collect();
        let disk =
            |name: String| Disk { bytes: tenant.space.below(&name), unused: tenant.unused.contains(&name), name };
        Self {
            id: tenant.id.clone(),
            data: tenant.data.clone(),
            bytes: tenant.space.bytes(),
            disk: names.into_iter().map(disk).collect(),
            notes: notes.into_iter().collect(),
            versions: tenant.versions.iter().map(VersionReport::of).collect(),
        }
    }
}

impl VersionReport {
    fn of(version: &Version) -> Self {
        let environments = version.plugin.as_ref().map(|plugin| check::environments(plugin, false)).unwrap_or_default();
        let error = version.plugin.as_ref().err();
        let worst = environments.iter().map(|environment| environment.state).max().unwrap_or(State::Ready);
        let scope =
            |(scope, project): &(String, Option<PathBuf>)| Scope { scope: scope.clone(), project: project.clone() };
        Self {
            version: version.version.clone(),
            root: version.root.clone(),
            in_place: version.in_place,
            scopes: version.scopes.iter().map(scope).collect(),
            state: if error.is_some() { State::CannotBuild } else { worst },
            error: error.map(|error| error.sentence()),
            error_code: error.map(|error| error.kind.info().code),
            environments,
        }
    }
}

impl LeftoverReport {
    fn of(leftover: &Leftover) -> Self {
        Self {
            data: leftover.data.clone(),
            kind: leftover.kind.name(),
            note: leftover.in_words(),
            root: leftover.root.clone(),
            bytes: leftover.space.bytes(),
        }
    }
}

impl Report {
    /// Whether something is there that nothing uses.
    pub fn has_unused(&self) -> bool {
        let is_unused = |plugin: &PluginReport| plugin.disk.iter().any(|disk| disk.unused);
        self.plugins.iter().any(is_unused) || self.leftovers.iter().any(|leftover| leftover.kind == "orphan")
    }
}
