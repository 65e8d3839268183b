//! Where interpreters are on Unix when PATH does not say, and which of them are traps.

use super::Candidate;
use crate::fs;
use crate::generation::BaseInterpreter;
use std::path::{Path, PathBuf};

/// Ending of a program's name.
pub(super) const ENDING: &str = "";

/// Places that the PATH of a program started from a desktop lacks.
pub(super) fn usual_places() -> Vec<Candidate> {
    let fixed = ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin", "/opt/local/bin", "/usr/bin"];
    let mut paths: Vec<PathBuf> = fixed.iter().map(|directory| Path::new(directory).join("python3")).collect();
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        paths.insert(0, home.join(".local/bin/python3"));
        for versions in
            [".pyenv/versions", ".local/share/uv/python", ".asdf/installs/python", ".local/share/mise/installs/python"]
        {
            paths.extend(newest_first(&home.join(versions), "bin/python3"));
        }
        paths.extend(["miniforge3", "miniconda3", "anaconda3"].map(|conda| home.join(conda).join("bin/python3")));
    }
    paths.into_iter().map(|path| Candidate { path, args: &[] }).collect()
}

/// The same for Node.
pub(super) fn usual_node_places() -> Vec<Candidate> {
    let fixed = ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin", "/opt/local/bin", "/usr/bin"];
    let mut paths: Vec<PathBuf> = fixed.iter().map(|directory| Path::new(directory).join("node")).collect();
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        paths.insert(0, home.join(".local/bin/node"));
        for (versions, node) in [
            (".nvm/versions/node", "bin/node"),
            (".local/share/fnm/node-versions", "installation/bin/node"),
            (".volta/tools/image/node", "bin/node"),
            (".asdf/installs/nodejs", "bin/node"),
            (".local/share/mise/installs/node", "bin/node"),
            (".nodenv/versions", "bin/node"),
        ] {
            paths.extend(newest_first(&home.join(versions), node));
        }
    }
    paths.into_iter().map(|path| Candidate { path, args: &[] }).collect()
}

fn newest_first(versions: &Path, program: &str) -> Vec<PathBuf> {
    let mut names = fs::names(versions);
    names.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    names.into_iter().map(|name| versions.join(name).join(program)).collect()
}

fn numbers(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// Why a candidate must not even be started.
pub(super) fn known_dud(path: &Path) -> Option<&'static str> {
    let is_apples = cfg!(target_os = "macos") && path == Path::new("/usr/bin/python3");
    let tools = ["/Library/Developer/CommandLineTools/usr/bin/python3", "/Applications/Xcode.app"];
    let installed = || tools.iter().any(|path| fs::is_taken(Path::new(path)));
    (is_apples && !installed()).then_some("is Apple's stub, which opens a dialog to install developer tools")
}

/// Whether it is the Python 3.9 of Apple's developer tools.
pub(super) fn is_apples_old(interpreter: &BaseInterpreter) -> bool {
    let places = ["/usr/bin/", "/Library/Developer/CommandLineTools/", "/Applications/Xcode.app/"];
    let is_apples = places.iter().any(|place| interpreter.path.starts_with(place));
    cfg!(target_os = "macos") && is_apples && interpreter.identity.version == "3.9"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_numbers() {
        let mut names = ["3.9.18", "3.10.13", "3.13.0", "cpython-3.12.1-linux"];
        names.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
        assert_eq!(names, ["3.13.0", "cpython-3.12.1-linux", "3.10.13", "3.9.18"]);
    }
}
