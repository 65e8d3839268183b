//! Everything that the rules look at, read once.

use super::Spot;
use super::entries::{self, Entry, Remote, Text};
use super::invalid;
use super::shipped::Shipped;
use super::steps::{self, Door, Fetch, Origin, Step, Walked, is_session_start};
use super::variables::{ROOT, in_plugin};
use crate::config::Config;
use crate::environments::Environment;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::hooks::{self, Hook};
use crate::host_files::Description;
use crate::old_form::Way;
use crate::plugin::{Place, Plugin};
use crate::runtime::Runtime;
use crate::server::read_json;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A plugin, as the rules see it.
pub struct Subject {
    pub root: PathBuf,
    pub plugin: Plugin,
    pub entries: Vec<Entry>,
    pub remotes: Vec<Remote>,
    pub hooks: Vec<Hook>,
    pub steps: Vec<Step>,
    pub doors: Vec<Door>,
    /// What the scripts of servers start from an index.
    pub fetches: Vec<Fetch>,
    pub shipped: Shipped,
    /// Files of the host's that cannot be read.
    pub broken: Vec<(String, Error)>,
    /// What of the host's files it does not take.
    pub refused: Vec<Spot>,
    /// The files that `plugin.json` names, each with its line.
    pub files: Vec<Text>,
    /// What the plugin asks its user for (`userConfig`).
    pub settings: Vec<String>,
}

impl Subject {
    /// Reads all of it.
    ///
    /// # Errors
    /// It is no plugin, or its configuration is wrong.
    pub fn read(root: &Path) -> Result<Self> {
        let root = fs::resolved(root);
        // Nothing is done with the data.
        let place = Place {
            root: root.clone(),
            root_from: String::new(),
            data: PathBuf::new(),
            data_from: String::new(),
            skipped: Vec::new(),
        };
        let named = entries::read(&root);
        let mut broken = named.broken;
        let documents = hooks::documents(&root).unwrap_or_else(|error| {
            let known = broken.iter().any(|(_, known)| known.message == error.message);
            // `plugin.json` may name what is no file.
            let label = if fs::is_file(&root.join(hooks::FILE)) { hooks::FILE } else { hooks::DESCRIPTION };
            broken.extend((!known).then(|| (label.to_owned(), error)));
            Vec::new()
        });
        let hooks =
            documents.iter().flat_map(|(label, document)| hooks::of_document(label, document)).collect::<Vec<_>>();
        let of_hooks = documents.iter().flat_map(|(label, document)| invalid::hooks(label, document));
        // Files of other hosts have forms of their own.
        let is_for_claude = Description::read(&root)?.is_none_or(|description| description.for_claude);
        let refused = named.refused.into_iter().chain(of_hooks).filter(|_| is_for_claude).collect();
        let plugin = match Plugin::load(place.clone()) {
            // What would make it a plugin is there, and malformed.
            Err(error) if error.kind == Kind::NoPlugin && !broken.is_empty() => empty(place),
            loaded => loaded?,
        };
        let Walked { steps, doors, fetches } = steps::all(&root, &hooks, &named.entries);
        let settings = settings(&root);
        let shipped = Shipped::of(&root);
        let (entries, remotes, files) = (named.entries, named.remotes, named.files);
        Ok(Self {
            plugin,
            entries,
            remotes,
            hooks,
            steps,
            doors,
            fetches,
            shipped,
            broken,
            refused,
            files,
            settings,
            root,
        })
    }

    /// Whether a file or directory of the plugin reaches its users.
    pub fn ships(&self, path: &str) -> bool {
        self.shipped.has(&self.root, path)
    }

    /// The text of a file of the plugin, if it is one and not enormous.
    pub fn text(&self, label: &str) -> Option<String> {
        let bytes = fs::read_optional(&self.root.join(label)).ok().flatten()?;
        String::from_utf8(bytes).ok()
    }

    /// Whether anything of the plugin is started by plugdeps.
    pub fn is_ours(&self) -> bool {
        self.entries.iter().any(Entry::is_ours) || self.hooks.iter().any(is_our_hook)
    }

    /// The environment that a server would live in.
    pub fn environment_of(&self, entry: &Entry) -> Option<&Environment> {
        let named = entry.start.environment.as_deref().filter(|_| entry.is_ours());
        let words = self.real_words(entry);
        self.plugin.environment_for(named, &words).ok().flatten()
    }

    /// The command behind whatever starts it, with the plugin's own place.
    pub fn real_words(&self, entry: &Entry) -> Vec<OsString> {
        let root = self.root.to_string_lossy();
        let mut words = entry.start.command.clone();
        // A script may be known though the words around it are not.
        words.extend(entry.start.script.clone().filter(|script| !entry.start.command.contains(script)));
        words.iter().map(|word| OsString::from(word.replace(ROOT, &root))).collect()
    }

    /// The environments that matter: all of them where plugdeps is used, else those that a server needs.
    pub fn used(&self) -> Vec<&Environment> {
        if self.is_ours() {
            return self.plugin.environments.iter().collect();
        }
        let mut seen = BTreeSet::new();
        let found = self.entries.iter().filter(|entry| self.entry_is_local(entry));
        let found = found.filter_map(|entry| self.environment_of(entry).filter(|own| self.needs(entry, own)));
        found.filter(|environment| seen.insert(environment.name.clone())).collect()
    }

    /// Whether a server runs code of the plugin's own.
    pub fn entry_is_local(&self, entry: &Entry) -> bool {
        let start = &entry.start;
        let in_root = |path: &Option<String>| path.as_deref().is_some_and(|path| path.starts_with(ROOT));
        in_root(&start.script) || in_root(&start.project) || in_root(&start.directory) || entry.is_ours()
    }

    /// Whether it is for what runs the server. A program or script that installs nothing tells of no packages.
    fn needs(&self, entry: &Entry, environment: &Environment) -> bool {
        let is_opaque = matches!(entry.start.way, Way::Shell | Way::Program | Way::Container);
        match Runtime::of_command(&self.real_words(entry)) {
            Some(runtime) => environment.runtime() == Some(runtime),
            None => !is_opaque || !self.steps.is_empty(),
        }
    }

    /// The steps of hooks.
    pub fn hook_steps(&self) -> impl Iterator<Item = (&Hook, &Step)> {
        self.steps.iter().filter_map(|step| match step.origin {
            Origin::Hook(at) => Some((&self.hooks[at], step)),
            Origin::Server(_) => None,
        })
    }

    /// The steps of servers.
    pub fn server_steps(&self) -> impl Iterator<Item = (&Entry, &Step)> {
        self.steps.iter().filter_map(|step| match step.origin {
            Origin::Server(at) => Some((&self.entries[at], step)),
            Origin::Hook(_) => None,
        })
    }

    /// The file of the plugin that a server starts.
    pub fn script_of(&self, entry: &Entry) -> Option<String> {
        entry.start.script.as_deref().and_then(in_plugin).and_then(|path| super::variables::plain(&path))
    }
}

/// Whether a hook is the one that plugdeps ships.
pub fn is_our_hook(hook: &Hook) -> bool {
    hook.commands().iter().any(is_session_start)
}

fn empty(place: Place) -> Plugin {
    Plugin { name: String::new(), place, config: Config::default(), servers: Vec::new(), environments: Vec::new() }
}

fn settings(root: &Path) -> Vec<String> {
    let described = read_json(&root.join(hooks::DESCRIPTION)).ok().flatten();
    let asked = described.as_ref().and_then(|described| described["userConfig"].as_object());
    asked.into_iter().flatten().map(|(name, _)| name.clone()).collect()
}
