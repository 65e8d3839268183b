//! `snapshot`: starts the plugin's servers and writes down what they say of themselves, for the author to ship.

use crate::child::{Server, TERMINATE, Target};
use crate::error::{Error, Kind, Result};
use crate::generation::SCHEMA;
use crate::home::{Wanted, whole_build};
use crate::launch::{Scene, Start};
use crate::mcp::lists::PAGES;
use crate::mcp::message::{self, Id, Message, parse};
use crate::output;
use crate::plugin::Plugin;
use crate::proof::{Key, SHIPPED, Shipped};
use crate::provision::{self, Door};
use crate::snapshot::{self, Items, LISTS, List, Snapshot, page, read};
use crate::threads::{Inbox, spawn};
use crate::typed::{self, Command, Typed};
use crate::work::Work;
use crate::workbench;
use lexopt::Parser;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::ChildStdin;
use std::time::{Duration, Instant};

/// How long a server may take for one answer: the first import after an installation compiles.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a server that is ended may take for its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The version of the protocol that hosts speak.
const VERSION: &str = "2025-11-25";

/// Writes what every server says that the plugin starts through `run`, or the one that the words start.
///
/// # Errors
/// A server does not start, or the plugin cannot be written.
pub fn capture(plugin: &Plugin, named: Option<&str>, words: &[OsString]) -> Result<()> {
    let commands = if words.is_empty() { commands(plugin) } else { vec![(named.map(str::to_owned), words.to_vec())] };
    if commands.is_empty() {
        let error = Error::new(Kind::Usage, "find a server to start").because("no server is started by `plugdeps run`");
        return Err(error.hint("name its command: `plugdeps snapshot -- python server.py`"));
    }
    let path = plugin.place.root.join(SHIPPED);
    let old: Option<Shipped> = snapshot::from_file(&path);
    let mut servers = if words.is_empty() { Vec::new() } else { old.map(|old| old.servers).unwrap_or_default() };
    for (environment, words) in commands {
        let snapshot = one(plugin, environment.as_deref(), &words)?;
        servers.retain(|other: &Snapshot| other.key != snapshot.key);
        servers.push(snapshot);
    }
    let text = serde_json::to_string_pretty(&Shipped { schema: SCHEMA, servers });
    let text = text.map_err(|e| Error::new(Kind::Io, format!("write `{}`", path.display())).because(e))?;
    workbench::write(&path, (text + "\n").as_bytes())?;
    output::note(&format!("wrote `{}`: ship it with the plugin", path.display()));
    Ok(())
}

/// Whether there is a server to start.
pub fn has_servers(plugin: &Plugin) -> bool {
    !commands(plugin).is_empty()
}

/// The commands that the host starts through `run`, each with the environment it names.
fn commands(plugin: &Plugin) -> Vec<(Option<String>, Vec<OsString>)> {
    let places = [("${CLAUDE_PLUGIN_ROOT}", &plugin.place.root), ("${CLAUDE_PLUGIN_DATA}", &plugin.place.data)];
    let expanded = |word: &String| {
        places.iter().fold(word.clone(), |word, (name, path)| word.replace(name, &path.to_string_lossy()))
    };
    let typed = plugin.servers.iter().filter_map(|server| {
        let words: Vec<OsString> = server.words.iter().skip(1).map(|word| expanded(word).into()).collect();
        typed::parse(Parser::from_args(words)).ok()
    });
    let runs = typed.filter(|typed| typed.command == Some(Command::Run));
    runs.map(|Typed { environment, words, .. }| (environment, words)).collect()
}

/// Has the environment be there as `sync` does, so that whoever waits sees for what.
fn build(work: &Work<'_>) -> Result<()> {
    let patience = whole_build(&work.plugin.config);
    let ready = provision::ensure(work, &Door { patience, by_hand: true, settles: false, rebuild: false })?;
    if ready.built {
        output::note(&format!("environment {}: built", work.environment.name));
    }
    Ok(())
}

fn one(plugin: &Plugin, named: Option<&str>, words: &[OsString]) -> Result<Snapshot> {
    let key = Key::new(words, &plugin.place);
    let environment = plugin.environment_for(named, words)?;
    let provided = environment.filter(|environment| environment.is_provided());
    let beside = provided.map(|environment| plugin.place.root.join(&environment.directory));
    let home = match environment.filter(|environment| !environment.is_provided()) {
        Some(environment) => {
            let work = Work::new(plugin, environment)?;
            let (place, environment) = (plugin.place.clone(), environment.name.clone());
            let wanted = Wanted { place, environment, words: words.to_vec(), key: key.clone() };
            build(&work)?;
            Some(wanted.find(&work)?)
        }
        None => None,
    };
    let words = home.as_ref().map_or(words, |home| &home.words);
    let scene = match (&home, &beside) {
        (Some(home), _) => Scene::In(&home.sealed, &plugin.place.root),
        (None, Some(directory)) => Scene::Beside(directory),
        (None, None) => Scene::Bare,
    };
    let start = Start::new(words, scene)?;
    let server = Server::start(&start, home.and_then(|home| home.lease)).map_err(|e| start.failed(&e))?;
    let mut interview = Interview::begin(server, key.command.clone())?;
    let snapshot = interview.snapshot(key.snapshot_of())?;
    let count = |list: List| Some(format!("{} {}", snapshot.lists.get(list)?.len(), list.field()));
    let lists: Vec<String> = LISTS.into_iter().filter_map(count).collect();
    output::note(&format!("`{}`: {}", snapshot.command, lists.join(", ")));
    Ok(snapshot)
}

/// A conversation in which we are the client.
struct Interview {
    name: String,
    target: Target,
    stdin: ChildStdin,
    lines: Inbox<Option<Vec<u8>>>,
    /// Ends when what it says to people has been shown.
    words: Inbox<()>,
    asked: u32,
}

impl Drop for Interview {
    fn drop(&mut self) {
        self.target.signal(TERMINATE);
        // What is said next may point to it.
        let _ = self.words.take(Some(Instant::now() + LAST_WORDS));
    }
}

/// What a client that can do nothing answers a server.
fn answer(id: &Id, method: &str) -> message::Line {
    match method {
        "ping" => message::result(id, "{}"),
        _ => message::error(id, message::METHOD_NOT_FOUND, "Method not found"),
    }
}

impl Interview {
    fn begin(mut server: Server, name: String) -> Result<Self> {
        let pipes = server.stdin.take().zip(server.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| Error::new(Kind::Io, "talk to the server"))?;
        let stderr = server.stderr.take();
        let words = Inbox::default();
        let shown = words.clone();
        spawn(move || {
            // What it says to people is for the author.
            let _ = stderr.map(|mut stderr| std::io::copy(&mut stderr, &mut std::io::stderr()));
            shown.push(());
        });
        let lines = Inbox::default();
        let heard = lines.clone();
        spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) && heard.push(Some(line.split_off(0))) {}
            heard.push(None);
        });
        Ok(Self { name, target: server.target(), stdin, lines, words, asked: 0 })
    }

    fn snapshot(&mut self, mut snapshot: Snapshot) -> Result<Snapshot> {
        let client = json!({ "name": "plugdeps", "version": env!("CARGO_PKG_VERSION") });
        let params = json!({ "protocolVersion": VERSION, "capabilities": {}, "clientInfo": client });
        snapshot.initialize = Some(self.ask("initialize", &params)?);
        self.say(&message::notification("notifications/initialized", None))?;
        let able = snapshot.capabilities().unwrap_or_default();
        for list in LISTS.into_iter().filter(|list| able.get(list.capability()).is_some()) {
            *snapshot.lists.of(list) = Some(self.list(list)?);
        }
        Ok(snapshot)
    }

    fn list(&mut self, list: List) -> Result<Items> {
        let mut items = Items::new();
        let mut params = json!({});
        for _ in 0..=PAGES {
            let result = self.ask(list.method(), &params)?;
            let (more, next) = page(&result).ok_or_else(|| self.failed(list.method(), "it is no such list"))?;
            items.extend(more);
            let Some(cursor) = next else { return Ok(items) };
            params = json!({ "cursor": read::<Value>(&cursor).unwrap_or_default() });
        }
        Err(self.failed(list.method(), "its pages have no end"))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Box<serde_json::value::RawValue>> {
        self.asked += 1;
        let id = Id::new(&self.asked.to_string());
        self.say(&message::request(&id, method, params))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let line = match self.lines.take(Some(until)) {
                Some(Some(line)) => line,
                Some(None) => return Err(self.failed(method, "it ended before it answered")),
                None => return Err(self.failed(method, "it does not answer")),
            };
            match parse(&line) {
                Message::Response(answered, Ok(result)) if answered == id => return Ok(result.to_owned()),
                Message::Response(answered, Err(error)) if answered == id => {
                    return Err(self.failed(method, error.get()));
                }
                Message::Request(asked, call) => self.say(&answer(&asked, &call.method))?,
                _ => {}
            }
        }
    }

    /// A server that has ended is no error here: its output, which ends as well, tells it better.
    fn say(&mut self, line: &[u8]) -> Result<()> {
        match self.stdin.write_all(line).and_then(|()| self.stdin.flush()) {
            Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(self.failed("anything", &e.to_string())),
            _ => Ok(()),
        }
    }

    fn failed(&self, method: &str, cause: &str) -> Error {
        let error = Error::new(Kind::ServerEnded, format!("ask `{}` for {method}", self.name));
        error
            .because(cause)
            .hint("see what it says above, and start it by hand; the `env` of `.mcp.json` is not set here")
    }
}
