//! Which Python serves a plugin: candidates in order, each asked who it is, each rejection kept.

use crate::error::{Error, Kind, Result};
use crate::fingerprint::Identity;
use crate::fs;
use crate::generation::BaseInterpreter;
use crate::process::{Job, describe_end};
use crate::version::{Specifiers, Version};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(unix)]
#[path = "interpreter_unix.rs"]
mod os;
#[cfg(windows)]
#[path = "interpreter_windows.rs"]
mod os;

/// How long a candidate may take to say who it is. A cold disk is slow, a dialog waits for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Variables that would make an interpreter somebody else's, or lead it to somebody else's packages.
pub const FOREIGN: [&str; 7] = [
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONSTARTUP",
    "PYTHONPLATLIBDIR",
    "__PYVENV_LAUNCHER__",
];

/// Asked of every candidate. Imports nothing that is not built in: a start is most of the cost.
const WHO_ARE_YOU: &str = r#"
import sys, os
i, v = sys.implementation, sys.version_info
machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "unknown").lower()
libc = ("musl" if "musl" in getattr(i, "_multiarch", "") else "gnu") if sys.platform == "linux" else "system"
fields = (i.name, "%d.%d" % v[:2], "%d.%d.%d" % v[:3], (i.cache_tag or i.name) + getattr(sys, "abiflags", ""),
          "-".join((sys.platform, machine.lower(), libc)), getattr(sys, "_base_executable", None) or sys.executable)
sys.stdout.write("\nplugdeps-interpreter\t" + "\t".join(fields) + "\n")
"#;

/// A place where an interpreter may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The program.
    pub path: PathBuf,
    /// Arguments before ours, for a launcher.
    pub args: &'static [&'static str],
}

/// Why a candidate was not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The candidate.
    pub candidate: String,
    /// The reason, for a person.
    pub reason: String,
}

/// The interpreter chosen, and those that were looked at before it.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The one to use.
    pub interpreter: BaseInterpreter,
    /// The others, in the order tried.
    pub rejected: Vec<Rejection>,
}

/// What a plugin accepts.
#[derive(Debug)]
pub struct Wish<'a> {
    /// `requires-python`, unparsed.
    pub requires: Option<&'a str>,
    /// A version or a path, from the configuration.
    pub python: Option<&'a str>,
}

/// Tries every candidate in order and takes the first that the plugin accepts.
///
/// # Errors
/// None is accepted (each one found is listed), or the wish cannot be understood.
pub fn choose(wish: &Wish<'_>) -> Result<Choice> {
    let accepted = Accepted::parse(wish)?;
    let mut rejected: Vec<Rejection> = Vec::new();
    for candidate in candidates(wish.python) {
        match os::known_dud(&candidate.path).map_or_else(|| ask(&candidate), |reason| Err(reason.into())) {
            Ok(interpreter) => match accepted.refuses(&interpreter) {
                None => return Ok(Choice { interpreter, rejected }),
                Some(reason) => rejected.push(Rejection { candidate: candidate.path.display().to_string(), reason }),
            },
            Err(reason) => rejected.push(Rejection { candidate: candidate.path.display().to_string(), reason }),
        }
    }
    Err(none_found(wish, &rejected))
}

fn none_found(wish: &Wish<'_>, rejected: &[Rejection]) -> Error {
    let wanted = match (wish.python, wish.requires) {
        (Some(python), _) => format!("find Python `{python}`"),
        (None, Some(requires)) => format!("find a Python that satisfies `{requires}`"),
        (None, None) => "find a Python 3".to_owned(),
    };
    let mut error = Error::new(Kind::NoInterpreter, wanted);
    for rejection in rejected {
        error = error.because(format!("`{}`: {}", rejection.candidate, rejection.reason));
    }
    if rejected.is_empty() {
        error = error.because("no interpreter is on PATH or in the usual places");
    }
    error.hint("install such a Python, or name one with `python = \"/path/to/python3\"` in `plugdeps.toml`")
}

/// What the plugin's `requires-python` and the author's choice admit.
struct Accepted {
    requires: Option<Specifiers>,
    pinned: Option<Specifiers>,
}

impl Accepted {
    fn parse(wish: &Wish<'_>) -> Result<Self> {
        let parse = |what: &str, text: &str| {
            let invalid = |e: String| Error::new(Kind::ManifestInvalid, format!("read {what} `{text}`")).because(e);
            Specifiers::parse(text).map_err(invalid)
        };
        let requires = wish.requires.map(|text| parse("`requires-python`", text)).transpose()?;
        let pinned = wish.python.filter(|p| !is_path(p)).map(|p| parse("`python`", &format!("=={p}.*"))).transpose()?;
        Ok(Self { requires, pinned })
    }

    fn refuses(&self, interpreter: &BaseInterpreter) -> Option<String> {
        let Ok(version) = Version::parse(&interpreter.full_version) else {
            return Some(format!("says that it is version `{}`", interpreter.full_version));
        };
        let told = |wanted: &Specifiers| format!("is {}, and `{wanted}` is wanted", interpreter.full_version);
        let unmet = [&self.requires, &self.pinned].into_iter().flatten().find(|wanted| !wanted.admits(&version));
        let apple = || self.requires.is_none() && self.pinned.is_none() && os::is_apples_old(interpreter);
        unmet.map(told).or_else(|| apple().then(|| "is Apple's own 3.9, which most packages no longer serve".into()))
    }
}

fn is_path(python: &str) -> bool {
    python.contains(['/', '\\'])
}

/// Every place to look at, in order, each once.
pub fn candidates(python: Option<&str>) -> Vec<Candidate> {
    if let Some(path) = python.filter(|p| is_path(p)) {
        return vec![Candidate { path: path.into(), args: &[] }];
    }
    let mut found: Vec<Candidate> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for candidate in on_path(python).into_iter().chain(os::usual_places()) {
        let real = fs::resolved(&candidate.path);
        if fs::is_file(&candidate.path) && !seen.contains(&real) {
            seen.push(real);
            found.push(candidate);
        }
    }
    found
}

fn on_path(python: Option<&str>) -> Vec<Candidate> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).filter(|d| d.is_absolute()).collect();
    let pinned = python.map(|version| format!("python{version}"));
    let minors = (8..=15).rev().map(|minor| format!("python3.{minor}"));
    let names = pinned.into_iter().chain(["python3".into(), "python".into()]).chain(minors);
    let mut found = Vec::new();
    for name in names {
        for directory in &directories {
            found.push(Candidate { path: directory.join(format!("{name}{}", os::ENDING)), args: &[] });
        }
    }
    found
}

/// Asks a candidate who it is.
///
/// # Errors
/// The reason to reject it, for a person.
pub fn ask(candidate: &Candidate) -> Result<BaseInterpreter, String> {
    let job = Job::new(&candidate.path).args(candidate.args).args(["-I", "-S", "-c", WHO_ARE_YOU]).unset(FOREIGN);
    let (ended, said) = job.ask(PATIENCE).map_err(|e| format!("cannot be started: {e}"))?;
    if ended.out_of_time {
        return Err(format!("did not say who it is within {} s", PATIENCE.as_secs()));
    }
    if said.contains("pyenv: ") {
        return Err("is a pyenv shim without a version selected".into());
    }
    parse_answer(&said).ok_or_else(|| match said.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("is no Python 3 that runs: {line}"),
        None => format!("is no Python 3 that runs: {}", describe_end(ended.status)),
    })
}

fn parse_answer(said: &str) -> Option<BaseInterpreter> {
    let line = said.lines().find_map(|line| line.strip_prefix("plugdeps-interpreter\t"))?;
    let mut fields = line.splitn(6, '\t');
    let mut next = || fields.next().map(str::to_owned);
    let (implementation, version, full_version, abi, platform, path) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    let identity = Identity { implementation, version, abi, platform };
    Some(BaseInterpreter { path: outside_venv(PathBuf::from(path)), full_version, identity })
}

/// Until 3.10 an interpreter asked in this way does not know that it is that of a virtual environment, which its user
/// may remove with the project it belongs to.
fn outside_venv(path: PathBuf) -> PathBuf {
    let prefix = path.parent().and_then(Path::parent);
    if prefix.is_some_and(|prefix| fs::is_file(&prefix.join("pyvenv.cfg"))) { fs::resolved(&path) } else { path }
}

/// Asks again an interpreter that has changed since it said who it is; `None` when it cannot say.
pub fn ask_again(python: &Path) -> Option<Identity> {
    ask(&Candidate { path: python.to_path_buf(), args: &[] }).ok().map(|interpreter| interpreter.identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_among_noise() {
        let said =
            "warning: x\n\nplugdeps-interpreter\tcpython\t3.11\t3.11.7\tcpython-311\tlinux-x86_64-gnu\t/a b/python\n";
        let interpreter = parse_answer(said).unwrap();
        assert_eq!(interpreter.path, Path::new("/a b/python"));
        assert_eq!(interpreter.identity.abi, "cpython-311");
        assert!(parse_answer("Python 2.7.18").is_none());
    }
}
