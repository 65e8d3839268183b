//! The programs that a plugin ships, put into it.

use super::PROGRAMS;
use super::draft::Draft;
use super::next::quoted;
use super::old_install::with_braces;
use super::wiring::inside;
use crate::error::{Error, Kind, Result};
use crate::fs;
use std::path::{Path, PathBuf};

/// Where those that a plugin ships lie, seen from the directory of this program, which is the author's: beside it, where
/// packages are installed, and in a wheel as uv unpacks it, to which what it installs may be a link.
const BESIDE: [&str; 3] = ["plugin", "../share/plugdeps", "../data/share/plugdeps"];
/// What the host starts.
const NAMES: [&str; 2] = ["plugdeps", "plugdeps.exe"];

/// Has them be in a directory of the plugin: the one named, or else those beside this program. Those that are there
/// stay where there are no others.
///
/// # Errors
/// There are none anywhere, or the one named is not there, or is the author's own.
pub fn add(draft: &mut Draft, directory: &str, named: Option<&Path>) -> Result<()> {
    if let Some(program) = named {
        refuse_own(program)?;
        let name = if program.extension().is_some_and(|ending| ending == "exe") { NAMES[1] } else { NAMES[0] };
        return draft.copy(&format!("{directory}/{name}"), program);
    }
    if let Some(beside) = beside() {
        let files = fs::names(&beside).into_iter().map(|name| (beside.join(&name), name));
        let mut files = files.filter(|(path, _)| fs::is_file(path));
        return files.try_for_each(|(path, name)| draft.copy(&format!("{directory}/{name}"), &path));
    }
    let own = draft.root.join(directory);
    if NAMES.iter().any(|name| fs::is_file(&own.join(name))) { Ok(()) } else { Err(nowhere(&draft.root, directory)) }
}

/// Whether there is one program there, and no launcher with those of the other systems.
pub fn is_for_one_kind(directory: &Path) -> bool {
    let names = fs::names(directory);
    names.iter().filter(|name| name.starts_with(NAMES[0]) && !name.ends_with(".json")).count() == 1
}

/// The directory of the program that a plugin starts already, in the plugin.
pub fn directory(program: Option<&str>) -> Option<String> {
    let path = inside(&with_braces(program?))?;
    path.rsplit_once('/').map(|(directory, _)| directory.to_owned())
}

fn beside() -> Option<PathBuf> {
    let own = fs::resolved(&std::env::current_exe().ok()?);
    let has_program = |place: &PathBuf| NAMES.iter().any(|name| fs::is_file(&place.join(name)));
    BESIDE.iter().map(|place| own.parent().unwrap_or(&own).join(place)).find(has_program)
}

/// The author's program is larger, starts more slowly, and may be for a C library that users do not have.
fn refuse_own(program: &Path) -> Result<()> {
    let failed = || Error::new(Kind::Usage, format!("put `{}` into the plugin", program.display()));
    let is_own = std::env::current_exe().is_ok_and(|own| fs::resolved(&own) == fs::resolved(program));
    if is_own {
        let error = failed().because("it is this program, the author's, and not what a plugin ships");
        return Err(error.hint("run `sh install.sh DIR` in a checkout of plugdeps, which builds that"));
    }
    if fs::is_file(program) { Ok(()) } else { Err(failed().because("there is no such file")) }
}

fn nowhere(root: &Path, directory: &str) -> Error {
    let error = Error::new(Kind::Usage, format!("put `plugdeps` into `{}`", root.join(directory).display()));
    let error = error.because("there is none there, and none beside this program that a plugin could ship");
    let place = quoted(&root.display().to_string());
    let make = if fs::is_directory(root) { String::new() } else { format!("`mkdir {place}`, then ") };
    let named = if directory == PROGRAMS { String::new() } else { format!(" --dir {directory}") };
    error.hint(format!(
        "run {make}`sh install.sh {place}{named}` in a checkout of plugdeps first, or name one with `--binary`"
    ))
}
