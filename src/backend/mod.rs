//! Installers: which one serves a manifest, and the steps that it takes.
//!
//! [`POLICY`] is the policy: the first row that agrees is used, and why the rows before it did not
//! agree is kept for `--check`.

#[cfg(feature = "author")]
pub mod download;
#[cfg(feature = "author")]
pub mod everything;
pub mod handover;
pub mod hashes;
pub mod node;
pub mod node_bundle;
pub mod node_files;
pub mod node_manager;
#[cfg(feature = "author")]
pub mod pack;
pub mod pip;
#[cfg(feature = "author")]
pub mod resolve;
mod session;
pub mod uv;

use crate::bundled::{self, Bundle};
use crate::config::Installer;
use crate::error::{Error, Kind, Result};
use crate::failure::{self, Class};
use crate::fs;
use crate::generation::{BaseInterpreter, Generation};
use crate::interpreter::{FOREIGN, Rejection};
use crate::manifest::Manifest;
use crate::process::Job;
use crate::runtime::Runtime;
pub use session::Session;
use std::path::{Path, PathBuf};

/// What is to be served, and with what.
#[derive(Debug)]
pub struct Need<'a> {
    /// The plugin.
    pub root: &'a Path,
    /// Name of the environment.
    pub environment: &'a str,
    /// What it asks for.
    pub manifest: &'a Manifest,
    /// What the author insists on.
    pub installer: Installer,
    /// The interpreter chosen.
    pub interpreter: &'a BaseInterpreter,
    /// Where an installer may be installed: beside the environments, kept between builds.
    pub tools: PathBuf,
}

impl Need<'_> {
    /// What the plugin carries for it.
    fn bundle(&self) -> Option<Bundle> {
        bundled::of(self.root, self.environment, self.manifest)
    }
}

/// An installer that agreed to serve.
#[derive(Debug)]
pub enum Backend {
    /// uv, found on this machine.
    Uv(uv::Uv),
    /// pip of some interpreter.
    Pip(pip::Pip),
    /// uv, to be installed by pip first, since only uv reads the lock.
    UvByPip(pip::Pip),
    /// npm, pnpm, yarn or bun.
    Node(node::Node),
}

/// The installer chosen, and why the ones before it were not.
#[derive(Debug)]
pub struct Choice {
    /// The one to use.
    pub backend: Backend,
    /// The others, in the order asked.
    pub rejected: Vec<Rejection>,
}

/// One row of the policy: a name, and the question whether it serves.
pub struct Row {
    runtime: Runtime,
    name: &'static str,
    agree: fn(&Need<'_>) -> Result<Backend, String>,
}

/// Installers in the order of preference.
pub const POLICY: &[Row] = &[
    python("uv", |need| uv::Uv::agree(need).map(Backend::Uv)),
    python("pip", |need| pip::Pip::agree(need).map(Backend::Pip)),
    python("uv installed by pip", |need| pip::Pip::agree_to_fetch_uv(need).map(Backend::UvByPip)),
    Row { runtime: Runtime::Node, name: "Node", agree: |need| node::Node::agree(need).map(Backend::Node) },
];

const fn python(name: &'static str, agree: fn(&Need<'_>) -> Result<Backend, String>) -> Row {
    Row { runtime: Runtime::Python, name, agree }
}

/// Takes the first installer that agrees.
///
/// # Errors
/// None does; each one's reason is listed.
pub fn choose(need: &Need<'_>) -> Result<Choice> {
    let mut rejected = Vec::new();
    let runtime = need.manifest.format.runtime();
    for row in POLICY.iter().filter(|row| row.runtime == runtime) {
        match (row.agree)(need) {
            Ok(backend) => {
                if let Backend::Uv(uv) = &backend {
                    let passed_over = uv.passed_over().iter().cloned();
                    rejected.extend(passed_over.map(|reason| Rejection { candidate: row.name.into(), reason }));
                }
                return Ok(Choice { backend, rejected });
            }
            Err(reason) => rejected.push(Rejection { candidate: row.name.into(), reason }),
        }
    }
    let mut error = Error::new(Kind::NoInstaller, format!("find an installer for `{}`", need.manifest.label));
    for rejection in rejected {
        error = error.because(format!("{}: {}", rejection.candidate, rejection.reason));
    }
    Err(error.hint(match runtime {
        Runtime::Python => {
            "install uv, or pip for this interpreter (on Debian: `apt install python3-pip python3-venv`)"
        }
        Runtime::Node => "install npm for this Node (on Debian: `apt install npm`)",
    }))
}

impl Backend {
    /// Its name, for a person.
    pub fn name(&self) -> String {
        match self {
            Backend::Uv(uv) => format!("uv (`{}`)", uv.program().display()),
            Backend::Pip(pip) => format!("pip {} (of `{}`)", pip.version(), pip.python().display()),
            Backend::UvByPip(pip) => format!("uv {}, installed by pip {}", uv::PINNED, pip.version()),
            Backend::Node(node) => node.described(),
        }
    }

    /// Gets ready what installers need: a directory to run in, and the installer where it has to be fetched first. pip
    /// does without uv as long as the plugin carries the packages.
    ///
    /// # Errors
    /// It cannot be fetched.
    pub fn prepare(self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<Self> {
        make_scratch(generation)?;
        match self {
            Backend::UvByPip(pip) if need.bundle().is_none() => {
                pip.fetch_uv(need, generation, session).map(Backend::Uv)
            }
            Backend::Node(node) => node.prepare(need, generation, session).map(Backend::Node),
            ready => Ok(ready),
        }
    }

    /// Makes an environment without packages, at its final address.
    ///
    /// # Errors
    /// The installer failed.
    pub fn make_environment(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        session.step(&match self {
            Backend::Uv(uv) => uv.make_environment(need, generation),
            Backend::Pip(_) | Backend::UvByPip(_) => pip::make_environment(need, generation),
            Backend::Node(node) => return node.make_environment(need, generation),
        })
    }

    /// Installs the packages: those that the plugin carries, or else from where the installer has them.
    ///
    /// # Errors
    /// The installer failed.
    pub fn install_packages(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        match need.bundle().map(|bundle| self.install_bundle(&bundle, need, generation, session)) {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let cause = error.causes.first().and_then(|cause| cause.lines().next()).unwrap_or_default();
                let unserved = format!("{UNSERVED}: {}: {cause}", error.message);
                session.log.say(&unserved);
                self.fetch_packages(need, generation, session).map_err(|error| error.because(unserved))?;
            }
            None => self.fetch_packages(need, generation, session)?,
        }
        match self {
            Backend::Node(node) => node.finish(need, generation, session),
            _ => Ok(()),
        }
    }

    fn install_bundle(
        &self,
        bundle: &Bundle,
        need: &Need<'_>,
        generation: &Generation,
        session: &mut Session<'_>,
    ) -> Result<()> {
        let list = generation.scratch().join("bundle.txt");
        fs::write(&list, bundle.list.as_bytes())?;
        match self {
            Backend::Uv(uv) => session.step(&uv.install_bundle(generation, &list, &bundle.packages)),
            Backend::Pip(pip) | Backend::UvByPip(pip) => {
                session.step(&pip.install_bundle(generation, &list, &bundle.packages)?)
            }
            Backend::Node(node) => node.install_bundle(bundle, need, generation, session),
        }
    }

    fn fetch_packages(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        let install =
            |session: &mut Session<'_>, job: &Job| session.step(job).map_err(|error| reconsider(error, need.manifest));
        match self {
            Backend::Uv(uv) => {
                let job = uv.install_packages(need, generation)?;
                let job = if session.hollow { job.arg("--refresh") } else { job };
                match install(session, &job) {
                    // A machine that went down may have left its cache hollow, and uv believes what it has.
                    Err(error) if error.class == Some("damaged-download") => install(session, &job.arg("--no-cache")),
                    outcome => outcome,
                }
            }
            Backend::Pip(pip) => {
                pip.install_packages(need, generation, session).map_err(|error| reconsider(error, need.manifest))
            }
            Backend::UvByPip(pip) => {
                Backend::Uv(pip.fetch_uv(need, generation, session)?).fetch_packages(need, generation, session)
            }
            Backend::Node(node) => {
                node.fetch_packages(need, generation, session).map_err(|error| reconsider(error, need.manifest))
            }
        }
    }

    /// The installer and its version.
    pub fn version(&self, generation: &Generation) -> String {
        match self {
            Backend::Uv(_) => format!("uv {}", uv::version_in(generation).unwrap_or_default()),
            Backend::Pip(pip) | Backend::UvByPip(pip) => format!("pip {}", pip.version()),
            Backend::Node(node) => node.name(),
        }
    }
}

/// What a person is told where the packages that the plugin carries are not all, or not the right ones.
const UNSERVED: &str = "the packages that the plugin carries do not serve here";

/// Where installers run: what they find there keeps uv from looking further.
fn make_scratch(generation: &Generation) -> Result<()> {
    fs::create_private_directory(&generation.scratch())?;
    fs::write(&generation.scratch().join("uv.toml"), b"")
}

/// Where the manifest names no hash, a hash that does not match is the index's own, of a download that went wrong.
fn reconsider(mut error: Error, manifest: &Manifest) -> Error {
    let has_hashes = || manifest.is_lock() || manifest.facts().any_hash;
    if error.class == Some("hash-mismatch") && !has_hashes() {
        error = of_class(error, failure::by_code("damaged-download"));
    }
    error
}

/// The error, told as one of another class.
fn of_class(mut error: Error, class: &'static Class) -> Error {
    error.class = Some(class.code);
    error.message = class.sentence.into();
    error.hint(class.hint)
}

/// A job in which nothing of the surroundings is taken for the plugin's: it runs in the generation's scratch
/// directory, where an empty `uv.toml` ends the search for a project, and knows no environment but ours.
/// Indexes, credentials, proxies and certificates stay as the user set them.
fn isolated(program: &Path, generation: &Generation) -> Job {
    const REDIRECTING: [&str; 30] = [
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
        "PIP_PYTHON",
        "PIP_DRY_RUN",
        "PIP_EDITABLE",
        "PIP_REQUIREMENT",
        "PIP_IGNORE_INSTALLED",
        "PIP_NO_DEPS",
        "PIP_REPORT",
        "PIP_LOG",
        "PIP_PLATFORM",
        "PIP_PYTHON_VERSION",
        "PIP_IMPLEMENTATION",
        "PIP_ABI",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_WORKING_DIR",
        "UV_FROZEN",
        "UV_LOCKED",
        "UV_NO_SYNC",
        "UV_DEV",
        "UV_NO_DEV",
        "UV_VENV_CLEAR",
        "UV_VENV_SEED",
        // Not a place, but whether what arrives from it is what the author meant.
        "UV_NO_VERIFY_HASHES",
    ];
    Job::new(program).directory(&generation.scratch()).unset(FOREIGN).unset(REDIRECTING)
}
