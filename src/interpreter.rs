//! Which Python or Node serves a plugin: candidates in order, each asked who it is, each rejection kept.

use crate::error::{Error, Kind, Result};
use crate::fingerprint::Identity;
use crate::fs;
use crate::generation::BaseInterpreter;
use crate::node_range::Range;
use crate::process::{Job, describe_end};
use crate::runtime::Runtime;
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

/// Variables that would make an interpreter somebody else's, lead it to somebody else's packages, or change how it
/// speaks and ends.
pub const FOREIGN: [&str; 9] = [
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONSTARTUP",
    "PYTHONPLATLIBDIR",
    "PYTHONINSPECT",
    "PYTHONIOENCODING",
    "__PYVENV_LAUNCHER__",
];

/// Variables that would have Node load what is somebody else's.
pub const FOREIGN_NODE: [&str; 2] = ["NODE_OPTIONS", "NODE_PATH"];

/// Asked of every Python. Imports nothing that is not built in: a start is most of the cost.
const WHO_ARE_YOU: &str = r#"
import sys, os
i, v = sys.implementation, sys.version_info
machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "unknown").lower()
libc = ("musl" if "musl" in getattr(i, "_multiarch", "") else "gnu") if sys.platform == "linux" else "system"
fields = (i.name, "%d.%d" % v[:2], "%d.%d.%d" % v[:3], (i.cache_tag or i.name) + getattr(sys, "abiflags", ""),
          "-".join((sys.platform, machine.lower(), libc)), getattr(sys, "_base_executable", None) or sys.executable)
sys.stdout.write("\nplugdeps-interpreter\t" + "\t".join(fields) + "\n")
"#;

/// Asked of every Node. Packages depend on the major version, and on the number of the binary interface.
const WHO_IS_NODE: &str = r#"
const v = process.versions, full = process.version.slice(1)
let libc = "system"
if (process.platform === "linux") {
  process.report.excludeNetwork = true
  libc = process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl"
}
const fields = ["node", full.split(".")[0], full, "node-" + v.modules, [process.platform, process.arch, libc].join("-"), process.execPath]
process.stdout.write("\nplugdeps-interpreter\t" + fields.join("\t") + "\n")
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
    /// Which interpreter.
    pub runtime: Runtime,
    /// `requires-python` or `engines.node`, unparsed.
    pub requires: Option<&'a str>,
    /// A version or a path, from the configuration.
    pub named: Option<&'a str>,
}

/// Tries every candidate in order and takes the first that the plugin accepts.
///
/// # Errors
/// None is accepted (each one found is listed), or the wish cannot be understood.
pub fn choose(wish: &Wish<'_>) -> Result<Choice> {
    let accepted = Accepted::parse(wish)?;
    let mut rejected: Vec<Rejection> = Vec::new();
    for candidate in candidates(wish.runtime, wish.named) {
        let dud = os::known_dud(&candidate.path);
        match dud.map_or_else(|| ask(&candidate, wish.runtime), |reason| Err(reason.into())) {
            Ok(interpreter) => match accepted.refuses(&interpreter) {
                None => return Ok(Choice { interpreter, rejected }),
                Some(reason) => rejected.push(Rejection { candidate: candidate.path.display().to_string(), reason }),
            },
            Err(reason) => rejected.push(Rejection { candidate: candidate.path.display().to_string(), reason }),
        }
    }
    Err(none_found(wish, &rejected))
}

/// One that the plugin accepts and that is the same as another one was.
pub fn alike(wish: &Wish<'_>, identity: &Identity) -> Option<BaseInterpreter> {
    let accepted = Accepted::parse(wish).ok()?;
    let candidates = candidates(wish.runtime, wish.named).into_iter();
    let candidates = candidates.filter(|candidate| os::known_dud(&candidate.path).is_none());
    let mut there = candidates.filter_map(|candidate| ask(&candidate, wish.runtime).ok());
    there.find(|interpreter| interpreter.identity == *identity && accepted.refuses(interpreter).is_none())
}

fn none_found(wish: &Wish<'_>, rejected: &[Rejection]) -> Error {
    let (name, plain) = (called(wish.runtime), wish.runtime.name());
    let wanted = match (wish.named, wish.requires) {
        (Some(named), _) => format!("find {plain} `{named}`"),
        (None, Some(requires)) => format!("find a {plain} that satisfies `{requires}`"),
        (None, None) => format!("find a {name}"),
    };
    let mut error = Error::new(Kind::NoInterpreter, wanted);
    for rejection in rejected {
        error = error.because(format!("`{}`: {}", rejection.candidate, rejection.reason));
    }
    if rejected.is_empty() {
        error = error.because("no interpreter is on PATH or in the usual places");
    }
    error.hint(match wish.runtime {
        Runtime::Python => "install such a Python, or name one with `python = \"/path/to/python3\"` in `plugdeps.toml`",
        Runtime::Node => "install such a Node, or name one with `node = \"/path/to/node\"` in `plugdeps.toml`",
    })
}

/// Versions that the plugin's own words admit.
enum Versions {
    Python(Specifiers),
    Node(Range),
}

impl Versions {
    fn parse(runtime: Runtime, what: &str, text: &str) -> Result<Self> {
        let parsed = match runtime {
            Runtime::Python => Specifiers::parse(text).map(Versions::Python),
            Runtime::Node => Range::parse(text).map(Versions::Node),
        };
        parsed.map_err(|e| Error::new(Kind::ManifestInvalid, format!("read {what} `{text}`")).because(e))
    }

    fn admit(&self, version: &str) -> bool {
        match self {
            Versions::Python(wanted) => Version::parse(version).is_ok_and(|version| wanted.admits(&version)),
            Versions::Node(wanted) => wanted.admits(version),
        }
    }

    fn shown(&self) -> String {
        match self {
            Versions::Python(wanted) => wanted.to_string(),
            Versions::Node(wanted) => wanted.to_string(),
        }
    }
}

/// What the plugin's own words and the author's choice admit.
struct Accepted {
    requires: Option<Versions>,
    pinned: Option<Versions>,
}

impl Accepted {
    fn parse(wish: &Wish<'_>) -> Result<Self> {
        let (required, named) = match wish.runtime {
            Runtime::Python => ("`requires-python`", "`python`"),
            Runtime::Node => ("`engines.node`", "`node`"),
        };
        let requires = wish.requires.map(|text| Versions::parse(wish.runtime, required, text)).transpose()?;
        let version = wish.named.filter(|named| !is_path(named)).map(|version| match wish.runtime {
            Runtime::Python => format!("=={version}.*"),
            Runtime::Node => version.to_owned(),
        });
        let pinned = version.map(|text| Versions::parse(wish.runtime, named, &text)).transpose()?;
        Ok(Self { requires, pinned })
    }

    fn refuses(&self, interpreter: &BaseInterpreter) -> Option<String> {
        if Version::parse(&interpreter.full_version).is_err() {
            return Some(format!("says that it is version `{}`", interpreter.full_version));
        }
        let told = |wanted: &Versions| format!("is {}, and `{}` is wanted", interpreter.full_version, wanted.shown());
        let mut wanted = [&self.requires, &self.pinned].into_iter().flatten();
        let unmet = wanted.find(|wanted| !wanted.admit(&interpreter.full_version));
        let apple = || self.requires.is_none() && self.pinned.is_none() && os::is_apples_old(interpreter);
        unmet.map(told).or_else(|| apple().then(|| "is Apple's own 3.9, which most packages no longer serve".into()))
    }
}

fn is_path(python: &str) -> bool {
    python.contains(['/', '\\'])
}

/// Every place to look at, in order, each once.
pub fn candidates(runtime: Runtime, named: Option<&str>) -> Vec<Candidate> {
    if let Some(path) = named.filter(|p| is_path(p)) {
        return vec![Candidate { path: path.into(), args: &[] }];
    }
    let mut found: Vec<Candidate> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for candidate in on_path(&names(runtime, named)).into_iter().chain(usual_places(runtime)) {
        let real = fs::resolved(&candidate.path);
        if fs::is_file(&candidate.path) && !seen.contains(&real) {
            seen.push(real);
            found.push(candidate);
        }
    }
    found
}

/// The first of them for any version.
pub fn first(runtime: Runtime) -> Option<PathBuf> {
    let is_there = |candidate: &Candidate| fs::is_file(&candidate.path);
    let found = on_path(&names(runtime, None)).into_iter().find(is_there);
    found.or_else(|| usual_places(runtime).into_iter().find(is_there)).map(|candidate| candidate.path)
}

fn usual_places(runtime: Runtime) -> Vec<Candidate> {
    match runtime {
        Runtime::Python => os::usual_places(),
        Runtime::Node => os::usual_node_places(),
    }
}

fn names(runtime: Runtime, named: Option<&str>) -> Vec<String> {
    if runtime == Runtime::Node {
        return vec!["node".into(), "nodejs".into()];
    }
    let pinned = named.map(|version| format!("python{version}"));
    let minors = (8..=15).rev().map(|minor| format!("python3.{minor}"));
    pinned.into_iter().chain(["python3".into(), "python".into()]).chain(minors).collect()
}

fn on_path(names: &[String]) -> Vec<Candidate> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).filter(|d| d.is_absolute()).collect();
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
pub fn ask(candidate: &Candidate, runtime: Runtime) -> Result<BaseInterpreter, String> {
    // A version manager's shim must not answer for the user's project, in which nothing else of ours runs.
    let job = Job::new(&candidate.path).args(candidate.args).outside_projects();
    let job = match runtime {
        Runtime::Python => job.args(["-I", "-S", "-c", WHO_ARE_YOU]).unset(FOREIGN),
        Runtime::Node => job.args(["-e", WHO_IS_NODE]).unset(FOREIGN_NODE),
    };
    let (ended, said) = job.ask(PATIENCE).map_err(|e| format!("cannot be started: {e}"))?;
    if ended.out_of_time {
        return Err(format!("did not say who it is within {} s", PATIENCE.as_secs()));
    }
    if said.contains("pyenv: ") {
        return Err("is a pyenv shim without a version selected".into());
    }
    parse_answer(&said).ok_or_else(|| match said.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("is no {} that runs: {line}", called(runtime)),
        None => format!("is no {} that runs: {}", called(runtime), describe_end(ended.status)),
    })
}

fn called(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Python => "Python 3",
        Runtime::Node => "Node",
    }
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
pub fn ask_again(path: &Path, runtime: Runtime) -> Option<Identity> {
    ask(&Candidate { path: path.to_path_buf(), args: &[] }, runtime).ok().map(|interpreter| interpreter.identity)
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
