//! The environment as a command sees it, and how a command is started in it.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::{EXECUTABLE_ENDINGS, Generation};
use crate::lock::Lock;
use crate::node_command;
use crate::process::become_command;
use crate::runtime::Runtime;
use crate::store::Sealed;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Variables to set, or to remove where there is no value.
pub type Activation = Vec<(&'static str, Option<OsString>)>;

/// Where a command is started.
#[derive(Debug, Clone, Copy)]
pub enum Scene<'a> {
    /// With what the user has.
    Bare,
    /// In an environment, for the plugin in this directory.
    In(&'a Sealed, &'a Path),
    /// With the packages for Node that the host has installed into this directory.
    Beside(&'a Path),
}

impl Scene<'_> {
    fn activation(self) -> Activation {
        match self {
            Scene::Bare => Vec::new(),
            Scene::In(sealed, root) => activation(sealed, root),
            Scene::Beside(directory) => node_command::beside(directory, &search_path()),
        }
    }
}

/// What makes an environment the one that programs use.
pub fn activation(sealed: &Sealed, root: &Path) -> Activation {
    let old = search_path();
    if sealed.receipt.interpreter.identity.runtime() == Runtime::Node {
        return node_command::activation(sealed, root, &old);
    }
    let generation = &sealed.generation;
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
    /// Finds the program that the words mean.
    ///
    /// # Errors
    /// There is none.
    pub fn new(words: &[OsString], scene: Scene<'_>) -> Result<Self> {
        let nothing = || Error::new(Kind::Usage, "start nothing").hint("write the command behind `--`");
        let (name, args) = words.split_first().ok_or_else(nothing)?;
        let environment = scene.activation();
        let (program, first) = resolve(name, scene)?;
        let args = first.map(PathBuf::into_os_string).into_iter().chain(args.iter().cloned()).collect();
        Ok(Self { program, args, environment })
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

/// The program that a name means: the environment's interpreter, one of its scripts, or what is on PATH. With a script
/// for an interpreter, that and the script: not through its first line, which is a line for a shell where the path is
/// long or has a space in it.
fn resolve(name: &OsStr, scene: Scene<'_>) -> Result<(PathBuf, Option<PathBuf>)> {
    let path = Path::new(name);
    let is_path = path.components().count() > 1 || path.is_absolute();
    let found = match scene {
        Scene::In(sealed, _) if sealed.receipt.interpreter.identity.runtime() == Runtime::Python => {
            let program = if is_path { Some(path.to_path_buf()) } else { in_environment(name, &sealed.generation) };
            program.map(|program| for_python(program, &sealed.generation))
        }
        _ if is_path => None,
        Scene::In(sealed, _) => {
            for_node(name, &sealed.generation.node_modules(), Some(&sealed.receipt.interpreter.path))
        }
        Scene::Beside(directory) => for_node(name, &directory.join("node_modules"), node_command::found().as_deref()),
        Scene::Bare => None,
    };
    match found {
        Some(found) => Ok(found),
        None if is_path => Ok((path.to_path_buf(), None)),
        None => on_path(name).map(|program| (program, None)),
    }
}

fn for_python(program: PathBuf, generation: &Generation) -> (PathBuf, Option<PathBuf>) {
    if is_python_script(&program, generation) { (generation.python(), Some(program)) } else { (program, None) }
}

fn for_node(name: &OsStr, node_modules: &Path, node: Option<&Path>) -> Option<(PathBuf, Option<PathBuf>)> {
    if node_command::is_node(name) {
        return Some((node?.to_path_buf(), None));
    }
    let (file, is_script) = node_command::program(name, node_modules)?;
    Some(match node.filter(|_| is_script) {
        Some(node) => (node.to_path_buf(), Some(file)),
        None => (file, None),
    })
}

fn on_path(name: &OsStr) -> Result<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    which::which_in(name, Some(search_path()), here).map_err(|_| {
        let error = Error::new(Kind::CommandNotFound, format!("start `{}`", Path::new(name).display()));
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
