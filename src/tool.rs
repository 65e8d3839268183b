//! Where installers are, the places included that the PATH of a program started from a desktop lacks.

use crate::fs;
use crate::process::{Job, describe_end};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that works, and those that were passed over for it.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Why each of the others does not serve, for a person.
    pub passed_over: Vec<String>,
}

/// Finds a program on PATH, then in the usual places, then in `beside`: the first that works, and that `refuse` has
/// nothing against when it hears what the program says of its version.
///
/// # Errors
/// The reasons that there is none, for a person.
pub fn find(name: &str, beside: Option<&Path>, refuse: fn(&str) -> Option<String>) -> Result<Found, String> {
    let mut passed_over = Vec::new();
    for path in everywhere(name, beside) {
        match ask(&path).and_then(|said| refuse(&said).map_or(Ok(()), Err)) {
            Ok(()) => return Ok(Found { path, passed_over }),
            Err(e) => passed_over.push(format!("`{}` {e}", path.display())),
        }
    }
    let nowhere = || format!("`{name}` is neither on PATH nor in the usual places");
    Err(if passed_over.is_empty() { nowhere() } else { passed_over.join("; ") })
}

/// Every place where the program is, in the order of preference; nothing is started.
pub fn everywhere(name: &str, beside: Option<&Path>) -> Vec<PathBuf> {
    let mut found = on_path(name);
    let places = usual_places().into_iter().chain(beside.map(Path::to_path_buf));
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    for path in places.map(|place| place.join(&file)).filter(|path| fs::is_file(path)) {
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// Every place on PATH where the program is.
pub fn on_path(name: &str) -> Vec<PathBuf> {
    // A relative PATH is that of the directory the host was started in, which says nothing of this machine.
    which::which_all_global(name).into_iter().flatten().filter(|path| path.is_absolute()).collect()
}

/// What it says of its version: a shim may lead nowhere, a file may be cut off, or for another machine. It is asked where
/// no project's own version counts, since it will not run in one.
fn ask(path: &Path) -> Result<String, String> {
    let job = Job::new(path).arg("--version").outside_projects();
    let (ended, said) = job.ask(PATIENCE).map_err(|e| format!("cannot be started: {e}"))?;
    if ended.out_of_time {
        return Err(format!("did not say its version within {} s", PATIENCE.as_secs()));
    }
    if ended.status.success() {
        return Ok(said);
    }
    let line = said.lines().find(|line| !line.trim().is_empty());
    Err(format!("does not work: {}", line.map_or_else(|| describe_end(ended.status), str::to_owned)))
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
