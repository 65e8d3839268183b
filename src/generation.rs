//! One environment at its final address, and what is written about it.
//!
//! A generation is a directory with a name nobody had before. It is built where it stays, because
//! an environment that is moved is broken: its scripts hold absolute paths. `receipt.json` is written
//! last; without it the directory is nothing but leftovers.

use crate::fingerprint::{Fingerprint, Identity, Request};
use crate::fs::{self, Validator};
use crate::json::readable;
use crate::node_lock;
use crate::requirements::Item;
use crate::runtime::Runtime;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[cfg(unix)]
#[path = "generation_unix.rs"]
mod os;
#[cfg(windows)]
#[path = "generation_windows.rs"]
mod os;

pub use os::{EXECUTABLE_ENDINGS, SCRIPTS};

/// Number of the format of `receipt.json`, `profile.json` and `failure.json`; `inputs.json` goes with its receipt.
pub const SCHEMA: u32 = 1;

/// What every generation's name begins with.
pub const PREFIX: &str = "g-";

/// Name of the directory that says of each generation how servers started in it.
pub const SERVERS: &str = "servers";

/// How the name of a file in [`Generation::servers`] ends that tells how a server did not start.
pub const FAILED: &str = ".failed.json";

/// The interpreter that an environment was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaseInterpreter {
    /// Where it is.
    pub path: PathBuf,
    /// Its full version, `3.11.7`.
    pub full_version: String,
    /// Who it is.
    pub identity: Identity,
}

readable!(BaseInterpreter { path, full_version, identity });

/// `receipt.json`: the last thing written into a generation. Small, since every start reads it.
#[derive(Debug, Clone, Serialize)]
pub struct Receipt {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the environment was built for.
    pub fingerprint: Fingerprint,
    /// Where it was built: elsewhere it is a broken copy.
    pub prefix: PathBuf,
    /// What it was built with.
    pub interpreter: BaseInterpreter,
    /// The installer and its version.
    pub installer: String,
    /// Version of the program that wrote this.
    pub written_by: String,
    /// When, in seconds since 1970.
    pub built_at: u64,
}

readable!(Receipt { schema, fingerprint, prefix, interpreter, installer, written_by, built_at });

/// `inputs.json`: what the fingerprint was made of, kept to explain a difference. Only `--check` reads it.
#[derive(Debug, Clone, Serialize)]
pub struct Inputs {
    /// What was hashed, but for the interpreter.
    pub request: Request,
    /// What the manifests asked for, credentials redacted.
    pub items: Vec<Item>,
    /// What was installed, `name==version`, sorted.
    pub packages: Vec<String>,
}

readable!(Inputs { request, items, packages });

/// One generation that the profile names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Name of its directory.
    pub generation: String,
    /// The interpreter as it was when it last said who it is.
    pub validator: Validator,
    /// The boot of the machine in which it was built, as long as its files may not have reached the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

readable!(Entry { generation, validator, boot });

impl Entry {
    /// Whether the machine went down before the files are known to have reached the disk: any of them may be empty.
    pub fn may_be_hollow(&self) -> bool {
        self.boot.is_some() && fs::boot().is_some_and(|now| self.boot != Some(now))
    }
}

/// `profile.json`: the generations that starts may use, the current one first. Replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The current generation, then the previous one.
    pub generations: Vec<Entry>,
}

readable!(Profile { schema, generations });

/// The directory of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    directory: PathBuf,
}

impl Generation {
    /// The generation in this directory.
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Name of the directory.
    pub fn name(&self) -> String {
        self.directory.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The environment: what `VIRTUAL_ENV` names.
    pub fn prefix(&self) -> PathBuf {
        self.directory.join("env")
    }

    /// Where installers run and find what is written for them; gone when the generation is sealed.
    pub fn scratch(&self) -> PathBuf {
        self.directory.join("scratch")
    }

    /// Where pip reads the settings of an environment; there are none once the generation is sealed.
    pub fn pip_settings(&self) -> PathBuf {
        self.prefix().join(os::PIP_SETTINGS)
    }

    /// Where the environment has its programs.
    pub fn scripts(&self) -> PathBuf {
        self.prefix().join(SCRIPTS)
    }

    /// The environment's interpreter.
    pub fn python(&self) -> PathBuf {
        self.prefix().join(os::PYTHON)
    }

    /// What starts its programs: its own Python, or the Node that it was made with, since there is no need for another.
    pub fn interpreter(&self, base: &BaseInterpreter) -> PathBuf {
        match base.identity.runtime() {
            Runtime::Python => self.python(),
            Runtime::Node => base.path.clone(),
        }
    }

    /// Where the environment has its packages for Node.
    pub fn node_modules(&self) -> PathBuf {
        self.prefix().join("node_modules")
    }

    /// What has Node find those packages from wherever the plugin is.
    pub fn resolver(&self) -> PathBuf {
        self.prefix().join("resolve.cjs")
    }

    /// Where the environment has its packages.
    pub fn site_packages(&self, identity: &Identity) -> PathBuf {
        self.prefix().join(os::site_packages(identity))
    }

    /// The file whose lock tells that a process lives in this generation.
    pub fn lease_path(&self) -> PathBuf {
        self.directory.join("lease")
    }

    /// The receipt's file.
    pub fn receipt_path(&self) -> PathBuf {
        self.directory.join("receipt.json")
    }

    /// The inputs' file.
    pub fn inputs_path(&self) -> PathBuf {
        self.directory.join("inputs.json")
    }

    /// Where is written how servers started in it: beside it, since a sealed generation is never written again.
    pub fn servers(&self) -> PathBuf {
        self.directory.with_file_name(SERVERS).join(self.name())
    }

    /// Whether a server has proved to start in it.
    pub fn is_proven(&self) -> bool {
        fs::names(&self.servers()).iter().any(|name| name.ends_with(".json") && !name.ends_with(FAILED))
    }

    /// The receipt of a sealed generation of this format; `None` for anything else.
    pub fn receipt(&self) -> Option<Receipt> {
        fs::read_state(&self.receipt_path()).filter(|receipt: &Receipt| receipt.schema == SCHEMA)
    }

    /// What the generation was built for.
    pub fn inputs(&self) -> Option<Inputs> {
        fs::read_state(&self.inputs_path())
    }

    /// The validator of the interpreter it depends on; `None` when that is gone.
    pub fn validator(&self, base: &BaseInterpreter) -> Option<Validator> {
        match base.identity.runtime() {
            Runtime::Python => fs::validator(&os::depends_on(self, base)),
            Runtime::Node => fs::validator(&base.path),
        }
    }

    /// The packages found in the environment, `name==version` or `name@version`, sorted.
    pub fn packages(&self, identity: &Identity) -> Vec<String> {
        if identity.runtime() == Runtime::Node {
            return node_lock::packages_in(&self.node_modules());
        }
        let names = fs::names(&self.site_packages(identity));
        let stems = names.iter().filter_map(|name| name.strip_suffix(".dist-info"));
        stems.filter_map(|stem| stem.split_once('-')).map(|(name, version)| format!("{name}=={version}")).collect()
    }
}
