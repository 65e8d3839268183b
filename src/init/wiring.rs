//! How a server is to be started by plugdeps, told from how it is started now.

use super::draft::Draft;
use super::line::{self, Line};
use super::old_install::{DATA, Fate, ROOT, of_commands};
use super::options;
use super::servers::Entry;
use crate::old_form::{Start, Way, is_python, of_command};
use crate::package_name::Package;
use crate::project::join;
use crate::pyproject::Pyproject;
use crate::runtime::Runtime;
use crate::server::Server;
use crate::shell_line::{Command, program_name};
use std::path::{Component, Path};

/// What is to become of a server.
#[derive(Debug)]
pub enum Verdict {
    /// plugdeps starts it already.
    Wired,
    /// plugdeps is of no use to it, and why.
    Left(String),
    /// It would be of use; what stands in the way.
    ByHand(String),
    /// How it is started from now on.
    Wire(Box<Wiring>),
}

/// A server as plugdeps starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    /// The words behind `run --`.
    pub command: Vec<String>,
    /// The directory, in the plugin, whose manifest says what it needs; `None` where any will do that serves it.
    pub directory: Option<String>,
    /// What it is written for.
    pub runtime: Runtime,
    /// Packages that were fetched by name and have to be in the manifest.
    pub packages: Vec<Package>,
    /// Variables that its line set.
    pub variables: Vec<(String, String)>,
    /// Variables that are of no use any more.
    pub obsolete: Vec<&'static str>,
    /// The file of the plugin that is started, if it is one.
    pub script: Option<String>,
    /// The module that is run, if it is one.
    pub module: Option<String>,
    /// What its author should know.
    pub notes: Vec<String>,
}

/// What is to become of a server.
pub fn verdict(draft: &Draft, entry: &Entry) -> Verdict {
    let server = Server { name: entry.name.clone(), words: entry.words.clone(), transport: "stdio".into() };
    if let Some(what) = entry.malformed.clone().or_else(|| several_words(draft, entry)) {
        return Verdict::ByHand(what);
    }
    if entry.words.is_empty() {
        return Verdict::Left("it is reached elsewhere, and nothing is installed for it".into());
    }
    if server.container().is_some() {
        return Verdict::Left("it runs in a container, which has its own packages".into());
    }
    match line::follow(draft, &entry.words) {
        Ok(line) => match of_line(draft, &line) {
            Verdict::ByHand(what) if !line.through.is_empty() => {
                Verdict::ByHand(format!("it is started through `{}`, and {what}", line.through.join("`, `")))
            }
            verdict => verdict,
        },
        Err(what) => Verdict::ByHand(what),
    }
}

/// The host takes `command` for the name of one program, with its spaces.
fn several_words(draft: &Draft, entry: &Entry) -> Option<String> {
    let command = entry.words.first()?;
    let (program, rest) = command.trim().split_once(' ')?;
    let is_there = || inside(command).is_some_and(|path| crate::fs::is_taken(&draft.root.join(path)));
    let is_name = !program.contains(['/', '\\']);
    (is_name || program.starts_with(ROOT) && !is_there()).then(|| {
        let rest = rest.trim_start();
        format!(
            "its `command` is a whole line, and the host starts one program: `{rest}` belongs into `args`, a word each"
        )
    })
}

/// The last command of a line is the server; the others may only lead to it.
fn of_line(draft: &Draft, line: &Line) -> Verdict {
    let start = as_own_command(draft, of_command(&line.last));
    at_once(&start).unwrap_or_else(|| match alone(draft, line, start) {
        Ok((start, notes)) => wire(draft, &start, notes),
        Err(what) => Verdict::ByHand(what),
    })
}

/// What is to become of a server for which nothing else counts.
fn at_once(start: &Start) -> Option<Verdict> {
    match start.way {
        Way::Plugdeps => Some(Verdict::Wired),
        Way::Container => Some(Verdict::Left("it runs in a container, which has its own packages".into())),
        Way::Program => of_program(start),
        _ => None,
    }
}

/// How the server is started without the rest of its line, and what its author should know of that; or what of the line
/// cannot be left out.
fn alone(draft: &Draft, line: &Line, start: Start) -> Result<(Start, Vec<String>), String> {
    if let Fate::Stays(hindrance) | Fate::Other(Some(hindrance)) = of_commands(draft, &line.text, &line.before) {
        return Err(format!("before it starts, {hindrance}"));
    }
    let mut start = as_interpreted(start);
    start.variables.splice(0..0, exported(&line.before)?);
    let set = start.variables.iter().map(|(_, value)| value);
    let mut words = start.command.iter().chain(set).chain(&start.directory);
    if let Some(word) = words.find(|word| line.is_shell && !is_known(word)) {
        return Err(format!("what `{word}` is, only a shell can say"));
    }
    if start.command.is_empty() {
        return Err("no program can be seen in it".into());
    }
    Ok((start, options::of(&line.last.words)?))
}

/// What is exported before the server starts, but for what only leads to packages.
fn exported(before: &[Command]) -> Result<Vec<(String, String)>, String> {
    let exports = before.iter().filter(|command| command.program() == "export");
    let mut found = Vec::new();
    for word in exports.flat_map(|command| &command.words[1..]) {
        let Some((name, value)) = word.split_once('=') else {
            return Err(format!("it exports `{word}`, which only a shell can follow"));
        };
        match name {
            "PATH" | "VIRTUAL_ENV" | "UV_PROJECT_ENVIRONMENT" => {}
            "PYTHONPATH" | "NODE_PATH" => found.push((name.to_owned(), without_itself(name, value))),
            _ => found.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok(found)
}

/// A list of places without what was in it before, which the host hands on anyway.
fn without_itself(name: &str, value: &str) -> String {
    let own =
        [format!("${{{name}:+:${name}}}"), format!(":${{{name}:-}}"), format!(":${{{name}}}"), format!(":${name}")];
    own.iter().fold(value.to_owned(), |value, own| value.replace(own.as_str(), ""))
}

/// Whether nothing in a word is for a shell to say.
fn is_known(word: &str) -> bool {
    !word.replace(ROOT, "").replace(DATA, "").contains(['$', '`', '~', '*'])
}

/// A command that the plugin's own project has, which its users were to install, as what is installed for it.
fn as_own_command(draft: &Draft, start: Start) -> Start {
    let file = "pyproject.toml";
    let own = || Pyproject::parse(file, &draft.read(file).ok()??).ok();
    if start.way != Way::Program || own().is_none_or(|own| own.script(&start.program).is_none()) {
        return start;
    }
    Start { way: Way::Uvx, project: Some(ROOT.to_owned()), ..start }
}

/// A script that is started by its first line, as what that starts.
fn as_interpreted(start: Start) -> Start {
    let Some(interpreter) = interpreter(&start).filter(|_| start.way == Way::Program) else { return start };
    let way = if interpreter == "python" { Way::Python } else { Way::Node };
    let command = [&[interpreter.to_owned()], start.command.as_slice()].concat();
    Start { way, command, ..start }
}

fn interpreter(start: &Start) -> Option<&'static str> {
    match Path::new(start.script.as_deref()?).extension()?.to_str()? {
        "py" => Some("python"),
        "js" | "mjs" | "cjs" => Some("node"),
        _ => None,
    }
}

/// A program that nothing starts but itself, and what is to become of it if that is no script.
fn of_program(start: &Start) -> Option<Verdict> {
    let program = &start.program;
    if interpreter(start).is_some() {
        return None;
    }
    Some(match program.as_str() {
        "exit" | "return" | "exec" => Verdict::ByHand(format!("its last command is `{program}`")),
        _ if !is_known(program) => Verdict::ByHand(format!("what `{program}` is, only a shell can say")),
        _ => Verdict::Left(format!("`{program}` is no server for Python or Node that can be seen")),
    })
}

fn wire(draft: &Draft, start: &Start, notes: Vec<String>) -> Verdict {
    let paths = [start.script.as_deref(), start.project.as_deref()];
    if let Some(path) = paths.into_iter().flatten().find(|path| inside(path).is_none()) {
        return Verdict::ByHand(outside(path));
    }
    if let Some(package) = start.packages.iter().find(|package| package.is_repository()) {
        let text = &package.text;
        return Verdict::ByHand(format!("put `NAME @ {text}` into `requirements.txt`, with the name of that project"));
    }
    let packages = start.packages.iter().filter(|package| !package.is_directory()).cloned().collect();
    let directory = start.directory.as_deref().and_then(inside);
    let script = start.script.as_deref().and_then(inside);
    let absent = script.iter().filter(|script| matches!(draft.read(script), Ok(None)));
    let absent =
        absent.map(|script| format!("starts `{script}`, which is not there: it has to be when the plugin ships"));
    Verdict::Wire(Box::new(Wiring {
        command: start.command.iter().map(|word| seen_from(draft, directory.as_deref(), word)).collect(),
        directory: start.project.as_deref().and_then(inside),
        runtime: runtime(start),
        packages,
        variables: start.variables.clone(),
        obsolete: if start.way == Way::UvRun { vec!["UV_PROJECT_ENVIRONMENT"] } else { Vec::new() },
        notes: notes.into_iter().chain(self::notes(start)).chain(absent).collect(),
        script: script.clone(),
        module: start.module.clone(),
    }))
}

fn outside(path: &str) -> String {
    if path.starts_with(ROOT) {
        return format!("`{path}` is not in the plugin, and is not installed with it");
    }
    if path.starts_with(['/', '~', '$']) {
        return format!("`{path}` is not in the plugin");
    }
    format!("`{path}` is seen from the session's directory: if it is the plugin's, write `{ROOT}/{path}`")
}

/// A word that names a file in the directory in which the server was started, by its full path.
fn seen_from(draft: &Draft, directory: Option<&str>, word: &str) -> String {
    let Some(directory) = directory.filter(|_| word.contains(['.', '/']) && !word.starts_with(['-', '/', '$'])) else {
        return word.to_owned();
    };
    let path = join(directory, word.trim_start_matches("./"));
    if crate::fs::is_taken(&draft.root.join(&path)) { format!("{ROOT}/{path}") } else { word.to_owned() }
}

fn runtime(start: &Start) -> Runtime {
    let is_of_node = |path: &str| path.ends_with("node_modules");
    match start.way {
        Way::Node | Way::Npx => Runtime::Node,
        Way::Environment if start.environment.as_deref().is_some_and(is_of_node) => Runtime::Node,
        _ => Runtime::Python,
    }
}

fn notes(start: &Start) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(directory) = &start.directory {
        notes.push(format!(
            "was started in `{directory}`, and now is in the session's directory: \
             a file that it opens by a relative path is not found"
        ));
    }
    let name = program_name(&start.program);
    if let Some(version) = name.strip_prefix("python3.").filter(|_| is_python(name)) {
        notes.push(format!("asked for Python 3.{version}: `python = \"3.{version}\"` in `plugdeps.toml` does that"));
    }
    notes
}

/// A path of the plugin, without the plugin's directory; `None` where it leads elsewhere.
pub fn inside(path: &str) -> Option<String> {
    let rest = path.strip_prefix(ROOT)?;
    let rest = if rest.is_empty() { "" } else { rest.strip_prefix('/')? };
    let parts: Option<Vec<&str>> = Path::new(rest)
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    Some(parts?.join("/"))
}

/// The directory of the plugin in which a module is found: what PYTHONPATH has to lead to.
pub fn source_of(draft: &Draft, directory: &str, module: &str) -> Option<String> {
    let first = module.split('.').next().unwrap_or_default();
    let places = ["src", "", "python", "lib"]
        .map(|place| if place.is_empty() { directory.to_owned() } else { join(directory, place) });
    places.into_iter().find(|place| {
        let [package, file] = [format!("{first}/__init__.py"), format!("{first}.py")].map(|name| join(place, &name));
        let main = join(place, &format!("{first}/__main__.py"));
        [package, file, main].iter().any(|path| matches!(draft.read(path), Ok(Some(_))))
    })
}
