//! Where installers are, the places included that the PATH of a program started from a desktop lacks.

use crate::fs;
use crate::process::Job;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a shim may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// Finds a program on PATH, then in the usual places, then in `beside`.
///
/// # Errors
/// The reason that there is none, for a person.
pub fn find(name: &str, beside: Option<&Path>) -> Result<PathBuf, String> {
    let mut reason = format!("`{name}` is neither on PATH nor in the usual places");
    for path in everywhere(name, beside) {
        match works(&path) {
            Ok(()) => return Ok(path),
            Err(e) => reason = format!("`{}` {e}", path.display()),
        }
    }
    Err(reason)
}

/// Every place where the program is, in the order of preference; nothing is started.
pub fn everywhere(name: &str, beside: Option<&Path>) -> Vec<PathBuf> {
    let mut found = on_path(name);
    let places = usual_places().into_iter().chain(beside.map(Path::to_path_buf));
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    found.extend(places.map(|place| place.join(&file)).filter(|path| fs::is_file(path)));
    found
}

/// Every place on PATH where the program is.
pub fn on_path(name: &str) -> Vec<PathBuf> {
    // A relative PATH is that of the directory the host was started in, which says nothing of this machine.
    which::which_all_global(name).into_iter().flatten().filter(|path| path.is_absolute()).collect()
}

/// A shim is a script that may lead nowhere, so it is asked; a program is taken at its word.
fn works(path: &Path) -> Result<(), String> {
    if !fs::begins_with(path, b"#!") {
        return Ok(());
    }
    let (ended, said) = Job::new(path).arg("--version").ask(PATIENCE).map_err(|e| format!("cannot be started: {e}"))?;
    let line = said.lines().next().unwrap_or_default();
    if ended.status.success() { Ok(()) } else { Err(format!("is a shim that leads nowhere: {line}")) }
}

/// Directories that installers of installers put them in.
pub fn usual_places() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let mut places: Vec<PathBuf> = ["UV_INSTALL_DIR", "XDG_BIN_HOME"].into_iter().filter_map(variable).collect();
    if let Some(home) = variable("HOME").or_else(|| variable("USERPROFILE")) {
        let in_home = [".local/bin", ".cargo/bin", "bin", ".nix-profile/bin", "scoop/shims", ".local/share/mise/shims"];
        places.extend(in_home.map(|place| home.join(place)));
    }
    places.extend(variable("LOCALAPPDATA").map(|local| local.join("Microsoft/WinGet/Links")));
    let fixed = ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin", "/opt/local/bin"];
    places.extend(fixed.map(PathBuf::from));
    places.retain(|place| place.is_absolute());
    places
}
