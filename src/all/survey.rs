//! What is there: the plugins of this machine that use plugdeps, and data that belong to none.

use super::host::{Host, Installed, List, Record, is_unlisted};
use super::space::{Space, environments, ours};
use crate::error::Result;
use crate::fs;
use crate::hooks;
use crate::origin;
use crate::plugin::{Place, Plugin, user_data};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Everything that was found.
#[derive(Debug)]
pub struct Survey {
    /// The host's own files.
    pub host: Host,
    /// The plugins that use plugdeps.
    pub tenants: Vec<Tenant>,
    /// Data with our state in them that belong to no plugin on the list.
    pub leftovers: Vec<Leftover>,
    /// Versions that are installed and not there. Nothing says whether they use plugdeps.
    pub missing: Vec<Missing>,
    /// How many plugins are installed that have nothing to do with plugdeps.
    pub others: usize,
}

/// A version on the host's list whose directory is missing.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// `name@marketplace`.
    pub id: String,
    /// As the host calls it.
    pub version: String,
    /// Where it would be.
    pub root: PathBuf,
}

/// An installed plugin that uses plugdeps.
#[derive(Debug)]
pub struct Tenant {
    /// `name@marketplace`.
    pub id: String,
    /// Its data.
    pub data: PathBuf,
    /// Each version that the host starts, for somebody.
    pub versions: Vec<Version>,
    /// What its environments take up.
    pub space: Space,
    /// Those of them that no version on this machine has.
    pub unused: Vec<String>,
}

/// A version that the host starts.
#[derive(Debug)]
pub struct Version {
    /// As the host calls it.
    pub version: String,
    /// Where it is started from.
    pub root: PathBuf,
    /// Whether that is the author's own directory.
    pub in_place: bool,
    /// For whom: the scope, and the project.
    pub scopes: Vec<(String, Option<PathBuf>)>,
    /// What it says of itself.
    pub plugin: Result<Plugin>,
}

/// Data of no plugin on the list.
#[derive(Debug)]
pub struct Leftover {
    /// The directory.
    pub data: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// The plugin's directory, where no host has a list of it and it was written down.
    pub root: Option<PathBuf>,
    /// What its environments take up.
    pub space: Space,
}

/// What data are that belong to no plugin on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a plugin that was installed once.
    Orphan,
    /// Of a plugin that the host does not list.
    Unlisted,
    /// The list cannot be read, or there is none.
    Unknown,
    /// A link: what it leads to may be somebody else's.
    Link,
    /// Of a plugin's directory in which plugdeps was run by hand, or by a host that has no data for plugins.
    ByHand,
}

impl Survey {
    /// Looks at this machine, and changes nothing.
    ///
    /// # Errors
    /// There is no telling where the host keeps its plugins.
    pub fn make() -> Result<Self> {
        let host = Host::read()?;
        let (mut tenants, mut missing, mut others) = (Vec::new(), Vec::new(), 0);
        for installed in host.installed() {
            let gone = Missing::of(&host, installed);
            match Tenant::of(&host, installed) {
                Some(tenant) => tenants.push(tenant),
                None => {
                    let is_there = |record: &Record| gone.iter().all(|one| one.root != record.path);
                    others += usize::from(gone.is_empty() || installed.records.iter().any(is_there));
                    missing.extend(gone);
                }
            }
        }
        let leftovers = leftovers(&host);
        Ok(Self { host, tenants, leftovers, missing, others })
    }
}

impl Missing {
    fn of(host: &Host, installed: &Installed) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for record in &installed.records {
            let root = host.in_place(&installed.id).unwrap_or(&record.path);
            if is_gone(root) && found.iter().all(|known| known.root != root) {
                let (id, version) = (installed.id.clone(), record.version.clone());
                found.push(Self { id, version, root: root.to_path_buf() });
            }
        }
        found
    }
}

/// Whether there is no such directory. What cannot be looked at is not gone.
fn is_gone(path: &Path) -> bool {
    matches!(fs::read_optional(path), Ok(None))
}

impl Tenant {
    fn of(host: &Host, installed: &Installed) -> Option<Self> {
        let data = host.data(&installed.id);
        let versions = versions(host, installed, &data);
        let has_state = fs::is_directory(&ours(&data));
        if !has_state && !versions.iter().any(Version::is_ours) {
            return None;
        }
        let space = Space::of(&ours(&data));
        let unused = unused(host, &data);
        Some(Self { id: installed.id.clone(), data, versions, space, unused })
    }
}

/// The versions that are installed, each once.
fn versions(host: &Host, installed: &Installed, data: &Path) -> Vec<Version> {
    let mut found: Vec<Version> = Vec::new();
    let in_place = host.in_place(&installed.id);
    for record in &installed.records {
        let root = in_place.unwrap_or(&record.path);
        let scope = (record.scope.clone(), record.project.clone());
        match found.iter_mut().find(|known| known.root == root) {
            Some(known) => known.scopes.push(scope),
            None => found.push(Version {
                version: record.version.clone(),
                root: root.to_path_buf(),
                in_place: in_place.is_some(),
                scopes: vec![scope],
                plugin: load(root, data),
            }),
        }
    }
    found
}

fn load(root: &Path, data: &Path) -> Result<Plugin> {
    Plugin::load(Place {
        root: root.to_path_buf(),
        root_from: "the host's list".into(),
        data: data.to_path_buf(),
        data_from: "the host's list".into(),
        skipped: Vec::new(),
    })
}

impl Version {
    /// Whether its hooks or servers speak of plugdeps.
    fn is_ours(&self) -> bool {
        let names_us = |text: &String| text.contains("plugdeps");
        let servers = self.plugin.as_ref().map(|plugin| plugin.servers.as_slice()).unwrap_or_default();
        let hooks = hooks::all(&self.root).unwrap_or_default();
        servers.iter().flat_map(|server| &server.words).any(names_us)
            || hooks.iter().any(|hook| names_us(&hook.command) || hook.arguments.iter().flatten().any(names_us))
    }
}

/// The environments with state in these data that no version on this machine has. None of them is unused as long as one
/// version cannot be read.
pub fn unused(host: &Host, data: &Path) -> Vec<String> {
    let there = environments(data);
    let name = data.file_name().unwrap_or_default().to_string_lossy();
    // Nothing to look for, which is nearly always so, is found without reading what is in the cache.
    let Some(known) = (if there.is_empty() { None } else { known(host, &name, data) }) else { return Vec::new() };
    there.into_iter().filter(|name| !known.contains(name)).collect()
}

fn known(host: &Host, name: &str, data: &Path) -> Option<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    for installed in host.owners(name) {
        for root in host.versions(installed)? {
            let plugin = load(&root, data).ok()?;
            known.extend(plugin.environments.into_iter().map(|environment| environment.name));
        }
    }
    Some(known)
}

/// The data with our state in them that belong to no plugin on the list.
fn leftovers(host: &Host) -> Vec<Leftover> {
    let places = [Some(host.all_data()), user_data()].into_iter().flatten();
    let all = places.flat_map(|place| fs::names(&place).into_iter().map(move |name| place.join(name)));
    let found = all.filter(|data| fs::is_directory(&ours(data))).filter_map(|data| {
        let kind = Kind::of(host, &data)?;
        let root = origin::of(&data).filter(|_| is_own(&data));
        Some(Leftover { space: Space::of(&ours(&data)), data, kind, root })
    });
    found.collect()
}

/// Whether data are the user's own, of which no host has a list.
pub fn is_own(data: &Path) -> bool {
    data.parent() == user_data().as_deref()
}

impl Kind {
    /// What these data are; `None` where they are an installed plugin's.
    pub fn of(host: &Host, data: &Path) -> Option<Self> {
        let name = data.file_name().unwrap_or_default().to_string_lossy();
        let is_directory = fs::is_own_directory(data) && fs::is_own_directory(&ours(data));
        if is_own(data) {
            return Some(if is_directory { Self::by_hand(data) } else { Self::Link });
        }
        match &host.list {
            _ if host.owners(&name).next().is_some() => None,
            List::Missing | List::Unreadable(_) => Some(Self::Unknown),
            List::Read(_) if is_unlisted(&name) => Some(Self::Unlisted),
            List::Read(_) if is_directory => Some(Self::Orphan),
            List::Read(_) => Some(Self::Link),
        }
    }

    /// By the plugin's directory.
    fn by_hand(data: &Path) -> Self {
        match origin::of(data) {
            None => Self::Unknown,
            Some(root) if is_gone(&root) => Self::Orphan,
            Some(_) => Self::ByHand,
        }
    }

    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Unlisted => "unlisted",
            Self::Unknown => "unknown",
            Self::Link => "link",
            Self::ByHand => "by-hand",
        }
    }
}

impl Leftover {
    /// What it is, in words.
    pub fn in_words(&self) -> String {
        match (self.kind, &self.root) {
            (Kind::Orphan, Some(root)) => format!("its plugin's directory `{}` is gone", root.display()),
            (Kind::Orphan, None) => "its plugin is no longer installed".into(),
            (Kind::Unlisted, _) => "not on the host's list, as with `--plugin-dir`; stays".into(),
            (Kind::Unknown, _) if is_own(&self.data) => "nothing says which directory it is for; stays".into(),
            (Kind::Unknown, _) => "without the host's list nobody knows whose it is; stays".into(),
            (Kind::Link, _) => "a link, perhaps to what somebody else uses; stays".into(),
            (Kind::ByHand, root) => {
                let root = root.as_deref().unwrap_or(&self.data);
                format!("of `{}`, used there by hand; stays", root.display())
            }
        }
    }
}
