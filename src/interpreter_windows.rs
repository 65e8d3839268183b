//! Where interpreters are on Windows when PATH does not say, and which of them are traps.

use super::Candidate;
use crate::fs;
use crate::generation::BaseInterpreter;
use std::path::{Path, PathBuf};

/// Ending of a program's name.
pub(super) const ENDING: &str = ".exe";

/// The launcher, which knows every registered interpreter, and the per-user installations.
pub(super) fn usual_places() -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(windows) = std::env::var_os("SystemRoot") {
        found.push(Candidate { path: Path::new(&windows).join("py.exe"), args: &["-3"] });
    }
    if let Some(local) = std::env::var_os("LOCALAPPDATA").map(PathBuf::from) {
        found.push(Candidate { path: local.join("Programs\\Python\\Launcher\\py.exe"), args: &["-3"] });
        let pythons = local.join("Programs\\Python");
        let names = fs::names(&pythons).into_iter().rev();
        found.extend(names.map(|name| Candidate { path: pythons.join(name).join("python.exe"), args: &[] }));
    }
    found
}

/// The same for Node.
pub(super) fn usual_node_places() -> Vec<Candidate> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let places = [
        (variable("ProgramFiles"), "nodejs\\node.exe"),
        (variable("NVM_SYMLINK"), "node.exe"),
        (variable("LOCALAPPDATA"), "Programs\\nodejs\\node.exe"),
        (variable("USERPROFILE"), "scoop\\apps\\nodejs\\current\\node.exe"),
    ];
    let found = places.into_iter().filter_map(|(base, rest)| Some(base?.join(rest)));
    found.map(|path| Candidate { path, args: &[] }).collect()
}

/// Why a candidate must not even be started.
pub(super) fn known_dud(path: &Path) -> Option<&'static str> {
    let in_store = path.components().any(|part| part.as_os_str().eq_ignore_ascii_case("WindowsApps"));
    let empty = fs::validator(path).is_some_and(|v| v.size == 0);
    (in_store && empty).then_some("is the Microsoft Store stub, which opens the Store")
}

/// There is none here.
pub(super) fn is_apples_old(_interpreter: &BaseInterpreter) -> bool {
    false
}
