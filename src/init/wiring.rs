//! How a server is to be started by plugdeps, told from how it is started now.

use super::draft::Draft;
use super::old_install::{DATA, Fate, ROOT, of_text, with_braces};
use super::servers::Entry;
use crate::old_form::{Start, Way, is_python, of_command};
use crate::package_name::Package;
use crate::project::join;
use crate::runtime::Runtime;
use crate::server::Server;
use crate::shell_line::{Command, commands, commands_of, program_name};
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
    if entry.words.is_empty() {
        return Verdict::Left("it is reached elsewhere, and nothing is installed for it".into());
    }
    if server.container().is_some() {
        return Verdict::Left("it runs in a container, which has its own packages".into());
    }
    of_line(draft, &entry.words.join(" "), commands_of(&entry.words), &entry.words)
}

/// Of the commands of a line the last one is the server; the others may only lead to it.
fn of_line(draft: &Draft, text: &str, mut line: Vec<Command>, plain: &[String]) -> Verdict {
    let Some(last) = line.pop() else { return Verdict::ByHand("no command can be seen in it".into()) };
    match of_text(draft, text, &line) {
        Fate::Stays(hindrance) => return Verdict::ByHand(format!("before it starts, {hindrance}")),
        Fate::Other if !crate::install_line::read(&line).rest.is_empty() => {
            return Verdict::ByHand(format!("before it starts, it runs `{}`", line[0].words.join(" ")));
        }
        _ => {}
    }
    let is_shell = last.words != plain;
    let start = of_command(&last);
    if start.way == Way::Shell {
        return of_script(draft, &start);
    }
    of_start(&braced(start), is_shell)
}

/// A script of the plugin, if it does nothing but install and start.
fn of_script(draft: &Draft, start: &Start) -> Verdict {
    let script = start.script.as_deref().map(with_braces).unwrap_or_default();
    let hand =
        |what: &str| Verdict::ByHand(format!("it is started by `{}`, {what}", script.replace(&format!("{ROOT}/"), "")));
    let Some(path) = inside(&script) else { return hand("which is not in the plugin") };
    let text = draft.read(&path).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text else { return hand("which is not there") };
    let text = with_own_place(&with_braces(&text), &path);
    let mut line = commands(&text);
    // What the host passes it, which is nothing but what stands in the line.
    line.iter_mut().for_each(|command| command.words.retain(|word| word != "$@"));
    let is_deep = line.last().is_some_and(|last| of_command(last).way == Way::Shell);
    match if is_deep { return hand("which starts another script") } else { of_line(draft, &text, line, &[]) } {
        Verdict::ByHand(what) => hand(&format!("and {what}")),
        verdict => verdict,
    }
}

/// A script in which the usual ways to say where it lies are replaced by that.
fn with_own_place(text: &str, path: &str) -> String {
    let directory = path.rsplit_once('/').map_or(ROOT.to_owned(), |(directory, _)| format!("{ROOT}/{directory}"));
    let own = [
        "$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)",
        "$(cd \"$(dirname \"$0\")\" && pwd)",
        "$(cd -- \"$(dirname -- \"$0\")\" && pwd)",
        "$(dirname \"${BASH_SOURCE[0]}\")",
        "$(dirname \"$0\")",
    ];
    let mut text = own.iter().fold(text.to_owned(), |text, own| text.replace(own, &directory));
    // Variables that are set once, to something that is known by then.
    for at in 0..text.lines().count() {
        let line = text.lines().nth(at).unwrap_or_default().to_owned();
        let Some((name, value)) = assignment(&line) else { continue };
        if is_known(value) && text.matches(&format!("{name}=")).count() == 1 {
            text = replace_word(&text.replace(&format!("${{{name}}}"), value), &format!("${name}"), value);
        }
    }
    text
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = value.trim().trim_matches('"');
    (is_name && !value.contains([' ', ';', '&', '|', '"'])).then_some((name, value))
}

/// Whether nothing in a value is for a shell to say.
fn is_known(value: &str) -> bool {
    let rest = value.replace(ROOT, "").replace(DATA, "");
    !rest.contains(['$', '`', '~', '*', '?']) && (value.starts_with(ROOT) || value.starts_with(DATA))
}

/// Replaces `$NAME` where the name ends there.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut parts = text.split(word);
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let goes_on = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        found.push_str(if goes_on { word } else { with });
        found.push_str(part);
    }
    found
}

fn braced(mut start: Start) -> Start {
    start.command.iter_mut().for_each(|word| *word = with_braces(word));
    for place in [&mut start.script, &mut start.project, &mut start.directory, &mut start.environment] {
        *place = place.as_deref().map(with_braces);
    }
    start.variables.iter_mut().for_each(|(_, value)| *value = with_braces(value));
    start
}

fn of_start(start: &Start, is_shell: bool) -> Verdict {
    match start.way {
        Way::Plugdeps => return Verdict::Wired,
        Way::Container => return Verdict::Left("it runs in a container, which has its own packages".into()),
        Way::PackageScript => {
            return Verdict::ByHand("it is a script of `package.json`: name the file that it starts".into());
        }
        Way::Program => return of_program(start),
        _ if start.command.is_empty() => return Verdict::ByHand("no program can be seen in it".into()),
        _ => {}
    }
    let open = |word: &&String| is_shell && word.contains(['$', '`']) && !is_open_only_to_host(word);
    let set = start.variables.iter().map(|(_, value)| value);
    if let Some(word) = start.command.iter().chain(set).find(open) {
        return Verdict::ByHand(format!("what `{word}` is only a shell can say"));
    }
    wire(start)
}

fn is_open_only_to_host(word: &str) -> bool {
    !word.replace(ROOT, "").replace(DATA, "").contains(['$', '`'])
}

/// A program that nothing starts but itself.
fn of_program(start: &Start) -> Verdict {
    let ending = start.script.as_deref().and_then(|path| Path::new(path).extension()?.to_str());
    let interpreter = match ending {
        Some("py") => "python",
        Some("js" | "mjs" | "cjs") => "node",
        _ => return Verdict::Left(format!("`{}` is no server for Python or Node that can be seen", start.program)),
    };
    let way = if interpreter == "python" { Way::Python } else { Way::Node };
    let command = [&[interpreter.to_owned()], start.command.as_slice()].concat();
    wire(&Start { way, command, ..start.clone() })
}

fn wire(start: &Start) -> Verdict {
    let runtime = runtime(start);
    let script = start.script.as_deref();
    if let Some(path) = script.filter(|path| inside(path).is_none()) {
        return Verdict::ByHand(format!(
            "`{path}` is seen from the session's directory, if it is of the plugin: write `{ROOT}/{path}`"
        ));
    }
    let project = start.project.as_deref();
    if let Some(path) = project.filter(|path| inside(path).is_none()) {
        return Verdict::ByHand(format!("its project, `{path}`, cannot be seen to be in the plugin"));
    }
    if let Some(package) = start.packages.iter().find(|package| package.is_repository()) {
        return Verdict::ByHand(format!("write `{}` into a manifest of the plugin, with its name", package.text));
    }
    let packages = start.packages.iter().filter(|package| !package.is_directory()).cloned().collect();
    Verdict::Wire(Box::new(Wiring {
        command: start.command.clone(),
        directory: project.and_then(inside),
        runtime,
        packages,
        variables: start.variables.clone(),
        obsolete: if start.way == Way::UvRun { vec!["UV_PROJECT_ENVIRONMENT"] } else { Vec::new() },
        script: script.and_then(inside),
        module: start.module.clone(),
        notes: notes(start),
    }))
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
            "it was started in `{directory}`, and is now started in the session's directory: \
             a file that it opens by a relative path is not found"
        ));
    }
    let name = program_name(&start.program);
    if let Some(version) = name.strip_prefix("python3.").filter(|_| is_python(name)) {
        notes.push(format!("it asked for Python 3.{version}: `python = \"3.{version}\"` in `plugdeps.toml` does that"));
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
