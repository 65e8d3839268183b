//! One environment of a plugin: what it asks for, what is there, and whether that fits.

use crate::backend::{self, Need};
use crate::backoff;
use crate::bundled;
use crate::environments::{Environment, MAIN, NODE};
use crate::error::{Error, Kind, Result};
use crate::fingerprint::Request;
use crate::fs::{self, Validator};
use crate::generation::{BaseInterpreter, Generation, PREFIX};
use crate::interpreter::{self, Wish};
use crate::manifest::Manifest;
use crate::node_manifest;
use crate::plugin::{Plugin, data_inside};
use crate::provenance;
use crate::reason::{InterpreterState, Reason, misfit};
use crate::runtime::Runtime;
use crate::store::{Failure, Sealed, Store};
use crate::trust;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One environment of a plugin, its manifest read, its state located.
#[derive(Debug)]
pub struct Work<'a> {
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The environment.
    pub environment: &'a Environment,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// What the manifest asks for.
    pub request: Request,
    /// Where the state is.
    pub store: Store,
    /// The last interpreter that was asked again who it is, and its answer.
    asked: RefCell<Option<((String, Validator), InterpreterState)>>,
}

/// What a look found.
#[derive(Debug)]
pub enum Decision {
    /// A generation fits. With `refresh`, its interpreter had to be asked again who it is.
    Reuse {
        /// The generation.
        sealed: Box<Sealed>,
        /// Whether the profile should remember the answer.
        refresh: bool,
    },
    /// None fits, for this reason.
    Build(Reason),
}

impl<'a> Work<'a> {
    /// Begins work on an environment.
    ///
    /// # Errors
    /// Its manifest cannot be read, or its data is somebody else's.
    pub fn new(plugin: &'a Plugin, environment: &'a Environment) -> Result<Self> {
        trust::check(&plugin.place.data, &environment.name)?;
        let manifest = environment.manifest.as_ref().map_err(Error::clone)?;
        let store = Store::new(&plugin.place.data, &environment.name);
        Ok(Self { plugin, environment, manifest, request: manifest.request(), store, asked: RefCell::new(None) })
    }

    /// Looks for a generation that fits. Takes no lock and writes nothing; starts a process only if the
    /// file of the interpreter is no longer the one that was asked.
    pub fn decide(&self) -> Decision {
        let mut reason = Reason::FirstTime;
        for mut sealed in self.store.sealed() {
            let now = sealed.generation.validator(&sealed.receipt.interpreter);
            let why = if self.request.fingerprint(&sealed.receipt.interpreter.identity) == sealed.receipt.fingerprint {
                let misfit = misfit(&sealed.receipt, &same_place(&sealed), &self.interpreter_state(&sealed, now));
                misfit.or_else(|| sealed.entry.may_be_hollow().then_some(Reason::PowerLost))
            } else {
                Some(Reason::InputsChanged)
            };
            match why {
                None => {
                    let refresh = now != Some(sealed.entry.validator);
                    sealed.entry.validator = now.unwrap_or(sealed.entry.validator);
                    return Decision::Reuse { sealed: Box::new(sealed), refresh };
                }
                Some(why) if reason == Reason::FirstTime => reason = why,
                Some(_) => {}
            }
        }
        Decision::Build(reason)
    }

    /// Who the interpreter of a generation is now. It is asked only if its file is not the one that was asked before,
    /// and a second time only if the file is yet another one: a waiter looks often.
    fn interpreter_state(&self, sealed: &Sealed, now: Option<Validator>) -> InterpreterState {
        match now {
            None => InterpreterState::Gone,
            Some(now) if now == sealed.entry.validator => InterpreterState::Unchanged,
            Some(now) => {
                let mut asked = self.asked.borrow_mut();
                let key = (sealed.generation.name(), now);
                if asked.as_ref().is_none_or(|(known, _)| *known != key) {
                    let base = &sealed.receipt.interpreter;
                    let answer = interpreter::ask_again(&sealed.generation.interpreter(base), base.identity.runtime());
                    *asked = Some((key, answer.map_or(InterpreterState::Gone, InterpreterState::Says)));
                }
                asked.as_ref().map_or(InterpreterState::Gone, |(_, state)| state.clone())
            }
        }
    }

    /// Whether the manifests are no longer those that this work began with.
    pub fn is_outdated(&self) -> bool {
        let plugin = Plugin::load(self.plugin.place.clone());
        let request = plugin.ok().and_then(|plugin| {
            let environment = plugin.environments.iter().find(|e| e.name == self.environment.name)?;
            environment.manifest.as_ref().ok().map(Manifest::request)
        });
        request.as_ref() != Some(&self.request)
    }

    /// The last failure, if it was of this very request.
    pub fn failure(&self) -> Option<Failure> {
        self.store.failure().filter(|failure| failure.request == self.request.digest())
    }

    /// The last failure of this very request and how long sessions still leave it alone, if they do.
    pub fn pause(&self) -> Option<(Failure, Duration)> {
        let failure = self.failure()?;
        let left = backoff::left(&failure, &self.plugin.config)?;
        Some((failure, left))
    }

    /// The generation to serve when the one that would fit cannot be had: the newest that still starts.
    pub fn last_good(&self) -> Option<Sealed> {
        self.store.sealed().find_map(|sealed| self.startable(sealed))
    }

    /// A generation as it still starts: where it was built, with the interpreter that it was built with. One for Node has
    /// no part of that in it, so another that is the same serves as well: updates put each in a place of its own.
    pub fn startable(&self, mut sealed: Sealed) -> Option<Sealed> {
        let base = &sealed.receipt.interpreter;
        let now = sealed.generation.validator(base);
        match misfit(&sealed.receipt, &same_place(&sealed), &self.interpreter_state(&sealed, now)) {
            None => Some(sealed),
            Some(Reason::InterpreterGone { .. } | Reason::InterpreterChanged { .. })
                if base.identity.runtime() == Runtime::Node =>
            {
                sealed.receipt.interpreter = interpreter::alike(&self.wish(), &base.identity)?;
                Some(sealed)
            }
            Some(_) => None,
        }
    }

    /// Where the manifest is.
    pub fn manifest_directory(&self) -> PathBuf {
        let manifest = self.plugin.place.root.join(&self.manifest.label);
        manifest.parent().unwrap_or(&self.plugin.place.root).to_path_buf()
    }

    /// What was seen and is not used as it stands, in words.
    pub fn notes(&self) -> Vec<String> {
        let root = &self.plugin.place.root;
        let mut notes = self.manifest.notes.clone();
        notes.extend(backend::handover::remarks(root, self.manifest));
        notes.extend(node_manifest::notes(root, self.manifest));
        notes.extend(provenance::note(root, self.environment));
        notes.extend(bundled::note(root, &self.environment.name, self.manifest));
        notes
    }

    /// As [`crate::plugin::locate`] did by name, now with links resolved: the plugin's directory is never written.
    ///
    /// # Errors
    /// The data lies inside the plugin, or nothing can be started there.
    pub fn check_place(&self) -> Result<()> {
        let place = &self.plugin.place;
        let unusable = |why: &str| {
            let error = Error::new(Kind::DataUnusable, format!("use `{}` for data", place.data.display()));
            Err(error.because(why).hint("name another directory with `--data`"))
        };
        if place.data.to_str().is_none() {
            return unusable("its name is no Unicode text");
        }
        let scratch = || Generation::at(self.store.directory().join(format!("{PREFIX}xxxxxxxx"))).scratch();
        if !fs::is_habitable(scratch) {
            return unusable("its path is too long for programs to be started below it");
        }
        let existing = place.data.ancestors().find(|path| fs::is_taken(path)).unwrap_or(&place.data);
        if fs::resolved(existing).starts_with(fs::resolved(&place.root)) { Err(data_inside(place)) } else { Ok(()) }
    }

    /// Whether a generation that fits is the current one, and the stable links lead to it. They follow whoever began
    /// a session last, and a builder may have been killed before it made them.
    pub fn is_settled(&self, sealed: &Sealed) -> bool {
        let leads = |(target, link): (PathBuf, PathBuf)| match fs::link_target(&link) {
            Some(old) => old == target,
            None => !fs::HAS_LINKS || fs::is_taken(&link),
        };
        sealed.current && self.links(sealed).into_iter().all(leads)
    }

    /// Keeps `DATA/venv` and `DATA/site-packages` on a generation, for a `.mcp.json` that names them.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn link(&self, sealed: &Sealed) -> Result<()> {
        for (target, link) in self.links(sealed) {
            let failed = |e| Error::new(Kind::Io, format!("link `{}`", link.display())).because(e);
            fs::link_directory(&target, &link, self.store.directory()).map_err(failed)?;
        }
        Ok(())
    }

    /// The stable links, which only the plugin's own environment has, and where they lead.
    fn links(&self, sealed: &Sealed) -> Vec<(PathBuf, PathBuf)> {
        let data = &self.plugin.place.data;
        match self.environment.name.as_str() {
            MAIN => {}
            NODE => return vec![(sealed.generation.node_modules(), data.join("node_modules"))],
            _ => return Vec::new(),
        }
        let site_packages = sealed.generation.site_packages(&sealed.receipt.interpreter.identity);
        vec![(sealed.generation.prefix(), data.join("venv")), (site_packages, data.join("site-packages"))]
    }

    /// What interpreter the plugin accepts.
    pub fn wish(&self) -> Wish<'_> {
        let runtime = self.manifest.format.runtime();
        Wish { runtime, requires: self.manifest.requires(), named: self.manifest.wanted() }
    }

    /// What an installer is asked to serve.
    pub fn need<'b>(&'b self, interpreter: &'b BaseInterpreter) -> Need<'b> {
        Need {
            root: &self.plugin.place.root,
            environment: &self.environment.name,
            manifest: self.manifest,
            installer: self.environment.settings.installer,
            interpreter,
            tools: tools(&self.plugin.place.data),
        }
    }
}

/// Where installers are installed that had to be fetched.
pub fn tools(data: &Path) -> PathBuf {
    data.join("plugdeps").join(".tools")
}

/// Where a generation is, spelt as its receipt spells it if that is the same place.
fn same_place(sealed: &Sealed) -> PathBuf {
    let prefix = sealed.generation.prefix();
    let recorded = &sealed.receipt.prefix;
    if prefix != *recorded && fs::resolved(&prefix) == fs::resolved(recorded) { recorded.clone() } else { prefix }
}
