//! How an environment is laid out on Windows.

use super::{BaseInterpreter, Generation};
use crate::fingerprint::Identity;
use std::path::PathBuf;

/// Directory of the programs in an environment.
pub const SCRIPTS: &str = "Scripts";
/// Path of the interpreter in an environment.
pub(super) const PYTHON: &str = "Scripts\\python.exe";
/// Name of pip's settings in an environment.
pub(super) const PIP_SETTINGS: &str = "pip.ini";
/// What may stand behind the name of a program, which without any of it is a script for another system.
pub const EXECUTABLE_ENDINGS: &[&str] = &[".exe", ".cmd", ".bat", ""];

/// Path of the packages in an environment.
pub(super) fn site_packages(_identity: &Identity) -> String {
    "Lib\\site-packages".into()
}

/// The environment's interpreter is a small program that starts the real one: look at that.
pub(super) fn depends_on(_generation: &Generation, base: &BaseInterpreter) -> PathBuf {
    base.path.clone()
}
