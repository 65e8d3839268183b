//! The environment as a command sees it, and how a command is started in it.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::{EXECUTABLE_ENDINGS, Generation};
use crate::lock::Lock;
use crate::process::become_command;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Variables to set, or to remove where there is no value.
pub type Activation = Vec<(&'static str, Option<OsString>)>;

/// What makes an environment the one that programs use.
pub fn activation(generation: &Generation) -> Activation {
    let old = search_path();
    let directories = std::iter::once(generation.scripts()).chain(std::env::split_paths(&old));
    // A directory with a separator in its name cannot stand on PATH; the interpreter is found without it.
    let path = std::env::join_paths(directories).unwrap_or(old);
    vec![
        ("PATH", Some(path)),
        ("VIRTUAL_ENV", Some(generation.prefix().into_os_string())),
        ("PYTHONHOME", None),
        ("__PYVENV_LAUNCHER__", None),
    ]
}

/// PATH, or where POSIX systems look without one.
fn search_path() -> OsString {
    std::env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| "/usr/bin:/bin".into())
}

/// A command, ready to be started.
#[derive(Debug)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables to set or remove.
    pub environment: Activation,
}

impl Start {
    /// Finds the program that the words mean in an environment.
    ///
    /// # Errors
    /// There is none.
    pub fn new(words: &[OsString], generation: Option<&Generation>) -> Result<Self> {
        let nothing = || Error::new(Kind::Usage, "start nothing").hint("write the command behind `--`");
        let (name, args) = words.split_first().ok_or_else(nothing)?;
        let program = resolve(name, generation)?;
        let environment = generation.map(activation).unwrap_or_default();
        let args = args.to_vec();
        Ok(match generation.filter(|generation| is_python_script(&program, generation)) {
            // Not through its first line, which is a line for a shell where the path is long or has a space in it.
            Some(generation) => {
                let args = std::iter::once(program.into()).chain(args).collect();
                Self { program: generation.python(), args, environment }
            }
            None => Self { program, args, environment },
        })
    }

    /// Becomes the command; returns only when that is not possible.
    pub fn become_it(self, lease: Option<Lock>) -> Error {
        let cause = become_command(&self.program, &self.args, &self.environment, lease.map(Lock::into_file));
        self.failed(&cause)
    }

    /// Why it could not be started.
    pub fn failed(&self, cause: &std::io::Error) -> Error {
        let (kind, hint) = match cause.kind() {
            ErrorKind::NotFound => (Kind::CommandNotFound, "check the path, and the first line of a script"),
            ErrorKind::PermissionDenied => (Kind::CommandUnusable, "make it executable: `chmod +x`"),
            _ => (Kind::CommandUnusable, "see the cause"),
        };
        Error::new(kind, format!("start `{}`", self.program.display())).because(cause).hint(hint)
    }
}

/// Whether a program is one of the scripts that an installer wrote for the environment's interpreter: its first
/// lines name that, directly or behind `#!/bin/sh` for a shell that starts it.
fn is_python_script(program: &Path, generation: &Generation) -> bool {
    if !program.starts_with(generation.scripts()) || !fs::begins_with(program, b"#!") {
        return false;
    }
    let head = fs::head(program, 4096);
    let prefix = generation.prefix().into_os_string().into_encoded_bytes();
    head[2..].trim_ascii_start().starts_with(&prefix) || head.starts_with(b"#!/bin/sh\n'''exec' ")
}

/// The program that a name means in an environment: its interpreter, one of its scripts, or one on PATH.
///
/// # Errors
/// There is none of that name.
pub fn resolve(name: &OsStr, generation: Option<&Generation>) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.components().count() > 1 || path.is_absolute() {
        return Ok(path.to_path_buf());
    }
    if let Some(found) = generation.and_then(|generation| in_environment(name, generation)) {
        return Ok(found);
    }
    let here = std::env::current_dir().unwrap_or_default();
    which::which_in(name, Some(search_path()), here).map_err(|_| {
        let error = Error::new(Kind::CommandNotFound, format!("start `{}`", path.display()));
        error
            .because("it is neither in the environment nor on PATH")
            .hint("see `plugdeps --check` for what is installed")
    })
}

fn in_environment(name: &OsStr, generation: &Generation) -> Option<PathBuf> {
    let is_python = ["python", "python3", "python.exe", "python3.exe", "py"].iter().any(|python| name == *python);
    if is_python {
        return Some(generation.python());
    }
    let with_ending = |ending: &&str| {
        let mut file = name.to_owned();
        file.push(ending);
        generation.scripts().join(file)
    };
    EXECUTABLE_ENDINGS.iter().map(with_ending).find(|path| fs::is_file(path))
}
