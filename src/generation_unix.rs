//! How an environment is laid out on Unix.

use super::{BaseInterpreter, Generation};
use crate::fingerprint::Identity;
use std::path::PathBuf;

/// Directory of the programs in an environment.
pub const SCRIPTS: &str = "bin";
/// Path of the interpreter in an environment.
pub(super) const PYTHON: &str = "bin/python";
/// Name of pip's settings in an environment.
pub(super) const PIP_SETTINGS: &str = "pip.conf";
/// What may stand behind the name of a program.
pub const EXECUTABLE_ENDINGS: &[&str] = &[""];

/// Path of the packages in an environment.
pub(super) fn site_packages(identity: &Identity) -> String {
    let threads = if identity.abi.ends_with('t') { "t" } else { "" };
    let directory = if identity.implementation == "pypy" { "pypy" } else { "python" };
    format!("lib/{directory}{}{threads}/site-packages", identity.version)
}

/// The environment's interpreter is a link: one look tells that link and target are there.
pub(super) fn depends_on(generation: &Generation, _base: &BaseInterpreter) -> PathBuf {
    generation.python()
}
