//! The tests' plugins on Windows: the same plugin and the same commands, with the program for Windows under wine and
//! with uv and Python for Windows. `.ci/windows` builds the program and says by a variable that it is to be so.
//!
//! A command is written down as for Linux, and translated at its start: the paths of the plugin get a drive.

use super::{namespace::skip, tools};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What wine itself is told.
const OF_WINE: [&str; 4] = ["WINEPREFIX", "WINEDEBUG", "WINEDLLOVERRIDES", "WINESERVER"];

/// Where the programs for Windows are, and wine; `None` where the tests are of this system.
pub fn built() -> Option<(PathBuf, PathBuf)> {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    variable("PLUGDEPS_TEST_WINDOWS").zip(variable("PLUGDEPS_TEST_WINE"))
}

/// The same for a test that is of Windows alone; says loudly that it does not run where nothing was built.
pub fn built_or_skipped() -> Option<(PathBuf, PathBuf)> {
    built().or_else(|| {
        skip("windows", "`bash .ci/windows` builds what is needed, and runs these tests");
        None
    })
}

/// A path as Windows has it.
pub fn spelled(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

/// The command as it is started on Windows, for what lies below `base`: a program of the plugin under wine. Any other
/// is of this system, and stays as it is.
pub fn translated(command: Command, base: &Path) -> Command {
    let Some((programs, wine)) = built() else { return command };
    let mut words: Vec<OsString> = vec![command.get_program().into()];
    words.extend(command.get_args().map(OsStr::to_owned));
    // As Git Bash would start it, which is not here.
    if words[0] == "/bin/sh" {
        words = words[2].to_str().unwrap().split(' ').map(|word| word.trim_matches('"').into()).collect();
    }
    if words[0] == env!("CARGO_BIN_EXE_plugdeps") {
        words[0] = spelled(&programs.join("plugdeps.exe")).into();
    } else if Path::new(&words[0]).starts_with(base) {
        // As Windows itself would find it; wine does not for the first program.
        words[0].push(".exe");
    } else {
        return command;
    }
    let mut translated = Command::new(wine);
    translated.args(words.iter().map(|word| text(word, base))).env_clear();
    translated.envs(OF_WINE.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.get_current_dir().map(|directory| translated.current_dir(directory));
    // The user's own directory is wine's: no variable moves it.
    if let Some((_, Some(home))) = command.get_envs().find(|(name, _)| *name == "HOME") {
        translated.env("CLAUDE_CONFIG_DIR", text(&Path::new(home).join(".claude").into_os_string(), base));
    }
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        match name == "PATH" {
            true => translated.env("WINEPATH", search_path(value)),
            false => translated.env(name, text(value, base)),
        };
    }
    translated
}

/// What is a path as a whole is spelled as such; elsewhere paths of the plugin get a drive.
fn text(value: &OsStr, base: &Path) -> String {
    let value = value.to_str().expect("what a test passes is utf-8");
    match Path::new(value).starts_with(base) {
        true => spelled(Path::new(value)),
        false => value.replace(base.to_str().unwrap(), &format!("Z:{}", base.display())),
    }
}

/// The directories of PATH, each followed by that of Python, whose program cannot be linked to, where it has one.
fn search_path(path: &OsStr) -> String {
    let with_python = |directory: PathBuf| {
        let python = fs::symlink_metadata(directory.join("python3")).is_ok().then(tools::windows_python);
        [Some(directory), python].into_iter().flatten()
    };
    env::split_paths(path).flat_map(with_python).map(|path| spelled(&path)).collect::<Vec<_>>().join(";")
}

/// What was said there as it would be said here: a path without its drive and with slashes, lines ended as here.
pub fn told_here(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut parts = text.split("Z:\\");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        let end = part.find(|c: char| c.is_whitespace() || "\"`')(,;".contains(c)).unwrap_or(part.len());
        let (path, rest) = part.split_at(end);
        let path = path.replace("\\\\", "/").replace('\\', "/");
        format!("{told}/{}{rest}", path.trim_start_matches('/'))
    })
}
