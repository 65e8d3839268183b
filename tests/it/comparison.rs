//! The table of README: each way to bring packages to a server goes through the same scenes, and each cell is what came
//! of it.

use crate::support::faults::Faulty;
use crate::support::namespace::skip;
use crate::support::run::Running;
use crate::support::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

const README: &str = include_str!("../../README.md");
const MEASURED: &str = include_str!("../../docs/performance.md");
/// The head of the column of each way.
const WAYS: [(Way, &str); 5] = [
    (Way::ShellLine, "`pip install` in a hook"),
    (Way::UvRun, "`uv run`"),
    (Way::Uvx, "`uvx`"),
    (Way::Npx, "`npx -y`"),
    (Way::Plugdeps, "plugdeps"),
];
/// For how long the index holds a package back, where it matters.
const HELD: Duration = Duration::from_secs(3);
/// For how long the host waits for a server, less what it may have waited for another answer.
const PATIENCE: Duration = Duration::from_secs(27);
/// How much later than the hook the host starts the server.
const HOOK_TO_SERVER: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ShellLine,
    UvRun,
    Uvx,
    Npx,
    Plugdeps,
}

/// A plugin whose server needs `alpha` and has a tool that reads it. The plugin comes first: its processes end before.
struct Scene {
    way: Way,
    plugin: Plugin,
    index: Packages,
    registry: Registry,
}

impl Scene {
    fn new(way: Way) -> Self {
        let registry = Registry::of(&[npm_server()]);
        registry.add(&NpmPackage::new("alpha", "1.0.0"));
        let index = Packages::of(&[]).with(&alpha("1.0")).with(&python_server());
        let plugin = Plugin::new("tiny").fixture(if way == Way::ShellLine { "shell-line" } else { "tiny" });
        let plugin = plugin.index(&index).uv().pip();
        plugin.link(&tools::uv().with_file_name("uvx"));
        // The programs that uvx installs are scripts that need them.
        ["realpath", "dirname"].iter().for_each(|name| plugin.link(&tools::on_path(name).unwrap()));
        let plugin = match way {
            Way::Npx => {
                let cache = plugin.home.join("npm-cache");
                plugin.node(&node::program().unwrap()).registry(&registry).env("npm_config_cache", cache)
            }
            _ => plugin,
        };
        if way == Way::Npx {
            plugin.link_as("npx", &fs::canonicalize(tools::on_path("npx").unwrap()).unwrap());
        }
        let scene = Self { way, plugin, index, registry };
        scene.needs("1.0");
        scene
    }

    /// Has the server need this version of `alpha`, or the plugin this version of the server that needs it.
    fn needs(&self, version: &str) {
        let plugin = &self.plugin;
        let project = format!(
            "[project]\nname = 'tiny'\nversion = '1.0'\nrequires-python = '>=3.9'\ndependencies = ['alpha=={version}']\n"
        );
        match self.way {
            Way::ShellLine | Way::Plugdeps => plugin.write("requirements.txt", &format!("alpha=={version}\n")),
            Way::UvRun => {
                plugin.write("pyproject.toml", &project);
                let _ = fs::remove_file(plugin.root.join("requirements.txt"));
                self.server_is("uv", &["run", "--project", "${CLAUDE_PLUGIN_ROOT}", "${CLAUDE_PLUGIN_ROOT}/server.py"]);
            }
            Way::Uvx => self.server_is("uvx", &[&format!("server=={version}")]),
            Way::Npx => self.server_is("npx", &["-y", &format!("server@{version}.0")]),
        }
    }

    fn server_is(&self, command: &str, args: &[&str]) {
        let servers = json!({ "mcpServers": { "plain": { "command": command, "args": args } } });
        self.plugin.write(".mcp.json", &servers.to_string());
        let _ = fs::remove_file(self.plugin.root.join("hooks/hooks.json"));
    }

    /// Where its packages come from.
    fn source(&self) -> &Faulty {
        if self.way == Way::Npx { &self.registry } else { &self.index }
    }

    /// Starts a session as the host does: the hook, if there is one, and the server soon after.
    fn session(&self) -> Session {
        let has_hook = self.plugin.root.join("hooks/hooks.json").is_file();
        let hook = has_hook.then(|| self.plugin.hook_cmd().timeout(Duration::from_secs(60)).spawn());
        thread::sleep(HOOK_TO_SERVER);
        Session { server: Server::start(self.plugin.server_cmd("plain").into_command()), hook }
    }

    /// Has a session whose hook is over before its server starts, as any later one: what the tool said.
    fn later_session(&self) -> Option<String> {
        if self.plugin.root.join("hooks/hooks.json").is_file() {
            self.plugin.hook();
        }
        Server::start(self.plugin.server_cmd("plain").into_command()).value()
    }

    /// How often a file of `alpha` was asked for.
    fn downloads(&self) -> usize {
        let is_alpha = |line: &&String| line.contains("alpha") && (line.contains(".whl") || line.contains(".tgz"));
        self.source().log().iter().filter(is_alpha).count()
    }
}

struct Session {
    server: Server,
    hook: Option<Running>,
}

impl Session {
    /// What the hook has told the user by its end.
    fn message(self) -> Option<String> {
        let output = self.hook?.wait();
        let told: Value = serde_json::from_str(output.stdout.trim()).ok()?;
        told["systemMessage"].as_str().map(str::to_owned)
    }
}

/// A server that is asked for everything at once. It may be dead, which is no failure here.
struct Server {
    child: Child,
    answers: Receiver<Value>,
    known: BTreeMap<u64, Value>,
}

impl Server {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let stdin = child.stdin.as_mut().unwrap();
        let client = json!({ "name": "tests", "version": "1" });
        let greeting = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        for message in [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting }),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "value", "arguments": {} } }),
        ] {
            // One that is dead reads nothing.
            let _ = writeln!(stdin, "{message}");
        }
        let (sender, answers) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        thread::spawn(move || {
            lines.filter_map(|line| serde_json::from_str(&line).ok()).try_for_each(|m| sender.send(m))
        });
        Self { child, answers, known: BTreeMap::new() }
    }

    /// The answer to this request, if it comes in time.
    fn answer(&mut self, id: u64, within: Duration) -> Option<&Value> {
        let end = Instant::now() + within;
        while !self.known.contains_key(&id) {
            let message = self.answers.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
            message["id"].as_u64().map(|id| self.known.insert(id, message));
        }
        self.known.get(&id)
    }

    /// What the tool says of its package, if it is one of the versions that there are.
    fn value(&mut self) -> Option<String> {
        let text = text_of(&self.answer(2, PATIENCE)?["result"]);
        text.starts_with("alpha ").then_some(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server of the fixture as a package with a command; what it needs is `alpha` of its own version.
fn python_server() -> Wheel {
    let code = fs::read_to_string(fixture("tiny").join("server.py")).unwrap() + "\n\ndef main(): pass\n";
    Wheel::new("server", "1.0")
        .module("server.py", &code)
        .requires("alpha==1.0")
        .console_script("server", "server:main")
}

fn npm_server() -> NpmPackage {
    let code = fs::read_to_string(fixture("node-tiny").join("server.js")).unwrap();
    let code = code.replace("import { VALUE } from", "import VALUE from");
    NpmPackage::new("server", "1.0.0").field("type", json!("module")).requires("alpha", "1.0.0").bin("server", &code)
}

/// A row of the table: what is asked, and how it is found out.
type Row = (&'static str, fn(Way) -> bool);

const ROWS: &[Row] = &[
    ("the first session has the tools, if packages take seconds", serves_the_first_session),
    ("the host is answered meanwhile, so also if they take minutes", answers_meanwhile),
    ("later sessions need no network", needs_no_network_later),
    ("nothing is written into the plugin", leaves_the_plugin_alone),
    ("after a `kill -9` in the middle the next session has the tools", survives_a_kill),
    ("an update that cannot be installed leaves the last packages serving", serves_the_last_good),
    ("the user is told why packages could not be installed", tells_why),
];

/// The row that says how many times as long a start takes, when all is there; measured by the benchmark.
const START: &str = "a later start, beside plugdeps";
/// The benchmark's section with a row for each way.
const STARTS: &str = "a later start beside other ways";

fn serves_the_first_session(way: Way) -> bool {
    let scene = Scene::new(way);
    scene.source().hold("alpha", HELD);
    scene.session().server.value().is_some()
}

fn answers_meanwhile(way: Way) -> bool {
    let scene = Scene::new(way);
    scene.source().hold("alpha", HELD);
    let mut session = scene.session();
    session.server.answer(1, HELD).is_some()
}

fn needs_no_network_later(way: Way) -> bool {
    let scene = Scene::new(way);
    assert!(installed(&scene), "{way:?}");
    scene.source().stop();
    scene.later_session().is_some()
}

fn leaves_the_plugin_alone(way: Way) -> bool {
    let scene = Scene::new(way);
    let before = Tree::of(&scene.plugin.root);
    assert!(installed(&scene), "{way:?}");
    before == Tree::of(&scene.plugin.root)
}

fn survives_a_kill(way: Way) -> bool {
    let scene = Scene::new(way);
    scene.source().hold("alpha", Duration::from_secs(120));
    let session = scene.session();
    wait_until("a package is being fetched", PATIENCE, || scene.downloads() > 0);
    scene.plugin.kill_processes();
    drop(session);
    scene.source().hold("alpha", Duration::ZERO);
    installed(&scene)
}

fn serves_the_last_good(way: Way) -> bool {
    let scene = Scene::new(way);
    assert!(installed(&scene), "{way:?}");
    scene.needs("99");
    scene.later_session().is_some()
}

fn tells_why(way: Way) -> bool {
    let scene = Scene::new(way);
    scene.needs("99");
    let mut session = scene.session();
    let answer = session.server.answer(2, PATIENCE).cloned().unwrap_or_default();
    let called = answer["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("alpha"));
    called || session.message().is_some_and(|message| message.contains("alpha"))
}

/// A session whose hook was waited for has the tools.
fn installed(scene: &Scene) -> bool {
    scene.later_session().is_some()
}

/// The table: of each row, by the head of the column, what it says.
fn table() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = README.lines().skip_while(|line| !WAYS.iter().all(|(_, head)| line.contains(head)));
    let heads = cells(lines.next().expect("README has no such table"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|row| (row[0], heads.iter().copied().zip(row).skip(1).collect())).collect()
}

#[test]
fn every_row_and_way_of_the_table_is_tried() {
    let table = table();
    assert_eq!(table.keys().copied().collect::<Vec<_>>(), {
        let mut rows: Vec<_> = ROWS.iter().map(|(row, _)| *row).chain([START]).collect();
        rows.sort_unstable();
        rows
    });
}

#[test]
fn what_it_says_of_a_start_is_what_was_measured() {
    let rows = MEASURED.lines().map(str::trim).skip_while(|line| *line != STARTS).take_while(|line| !line.is_empty());
    let rows: Vec<_> = rows.collect();
    for (way, head) in WAYS {
        let row = rows.iter().find_map(|row| row.strip_prefix(head)).unwrap_or_else(|| panic!("no row of {way:?}"));
        let (_, ratio) = row.split_once("µs ").or_else(|| row.split_once("ms ")).expect("no time");
        let ratio: f64 = ratio.split_whitespace().next().unwrap().parse().unwrap();
        let digits = usize::from(ratio < 10.0 && ratio != 1.0);
        assert_eq!(table()[START][head], format!("{ratio:.digits$} ×"), "of {head}");
        let is_said = README.contains(&format!("{head} with `--offline`"));
        assert_eq!(is_said, row.starts_with(", offline"), "of {head}, whether it has the network");
    }
}

fn holds(way: Way) {
    let head = WAYS.iter().find(|(other, _)| *other == way).unwrap().1;
    let table = table();
    let found: Vec<_> = ROWS.iter().map(|(row, is_so)| (*row, if is_so(way) { "yes" } else { "no" })).collect();
    let said: Vec<_> = ROWS.iter().map(|(row, _)| (*row, table[row][head])).collect();
    assert_eq!(found, said, "of {head}");
}

#[test]
fn what_it_says_of_a_line_in_a_hook_is_so() {
    holds(Way::ShellLine);
}

#[test]
fn what_it_says_of_uv_run_is_so() {
    holds(Way::UvRun);
}

#[test]
fn what_it_says_of_uvx_is_so() {
    holds(Way::Uvx);
}

#[test]
fn what_it_says_of_npx_is_so() {
    match node::program() {
        Ok(_) => holds(Way::Npx),
        Err(why) => skip("node", &why),
    }
}

#[test]
fn what_it_says_of_plugdeps_is_so() {
    holds(Way::Plugdeps);
}
