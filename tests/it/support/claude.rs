//! The real Claude Code, headless, on a plugin: prompts go in, and what it reports is recorded with its time.
//!
//! It is given `--plugin-dir`, so that the plugin serves where it lies.

use super::host::copy_tree;
use super::terminal::Terminal;
use super::{Api, Plugin, processes, tools, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer may take: longer than every build of the tests.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the client may take to end when it was told to.
const END: Duration = Duration::from_secs(30);
/// What the client's own environment needs: a key that nobody has given out, and no contact but with the stand-in.
const SETTINGS: [(&str, &str); 7] = [
    ("ANTHROPIC_API_KEY", "none"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_TELEMETRY", "1"),
    // Else tools are offered only after a search for them.
    ("ENABLE_TOOL_SEARCH", "false"),
    // Root may do without permissions only in a sandbox.
    ("IS_SANDBOX", "1"),
    ("TERM", "xterm"),
];
/// What the hook sees of a session that a person watches; the client says the contrary to whatever it runs headless.
const WATCHED: &str = "CLAUDE_CODE_ENTRYPOINT=cli CLAUDE_CODE_SESSION_ATTENDED=1";

impl Plugin {
    /// The data are where the client keeps those of a plugin that it was given by `--plugin-dir`.
    pub fn hosted(mut self) -> Self {
        self.data = self.home.join(format!(".claude/plugins/data/{}-inline", self.name()));
        self
    }

    /// The hook believes that a person watches, as in the interactive client.
    pub fn watched(self) -> Self {
        let hooks = fs::read_to_string(self.root.join("hooks/hooks.json")).unwrap();
        let line = "\\\"${CLAUDE_PLUGIN_ROOT}/bin/plugdeps\\\" session-start";
        assert!(hooks.contains(line), "the hooks of this plugin have no such line: {hooks}");
        self.file("hooks/hooks.json", &hooks.replace(line, &format!("{WATCHED} {line}")))
    }

    /// Puts the snapshot into it that its author made of a copy, as authors do before they publish.
    #[track_caller]
    pub fn ship_snapshot(&self) {
        let author = self.temp().join("author");
        let [root, data, cache] = ["root", "data", "cache"].map(|name| author.join(name));
        copy_tree(&self.root, &root);
        for command in ["sync", "snapshot"] {
            let plugdeps = self.bare_command(root.join("bin/plugdeps")).arg(command);
            let plugdeps = plugdeps.arg("--root").arg(&root).arg("--data").arg(&data);
            // The author's caches would make the user's build a short one.
            plugdeps.env("UV_CACHE_DIR", &cache).env("PIP_NO_CACHE_DIR", "1").run().ok();
        }
        fs::copy(root.join("plugdeps-snapshot.json"), self.root.join("plugdeps-snapshot.json")).unwrap();
    }

    /// The servers, as the client names them.
    fn servers(&self) -> Vec<String> {
        let servers: Value = serde_json::from_slice(&fs::read(self.root.join(".mcp.json")).unwrap()).unwrap();
        let servers = servers["mcpServers"].as_object().into_iter().flatten();
        servers.map(|(server, _)| format!("mcp__plugin_{}_{server}", self.name())).collect()
    }

    fn name(&self) -> String {
        let manifest = fs::read(self.root.join(".claude-plugin/plugin.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        manifest["name"].as_str().expect("plugin.json has no name").to_owned()
    }
}

/// The client on a plugin, ready to be started as often as a test likes; all sessions share the plugin's home.
#[derive(Clone, Copy)]
pub struct Claude<'a> {
    pub plugin: &'a Plugin,
    pub api: &'a Api,
}

impl Claude<'_> {
    /// Starts a session that lives until it is closed.
    #[track_caller]
    pub fn start(self) -> Session {
        self.spawn(&["-p", "--input-format", "stream-json"], Stdio::piped())
    }

    /// One prompt on the command line, to the end of the client.
    #[track_caller]
    pub fn once(self, prompt: &str) -> Session {
        let mut session = self.spawn(&["-p", prompt], Stdio::null());
        session.wait(PATIENCE);
        session
    }

    /// The interactive client, which asks nothing before it begins.
    #[track_caller]
    pub fn in_terminal(self) -> Terminal {
        let project = json!({ "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true });
        // The client shows this place as `~/project`.
        let place = self.plugin.home.join("project");
        fs::create_dir_all(&place).unwrap();
        let projects = json!({ place.to_str().unwrap(): project });
        let keys = json!({ "approved": ["none"], "rejected": [] });
        let settings = json!({
            "hasCompletedOnboarding": true, "theme": "dark", "customApiKeyResponses": keys, "projects": projects
        });
        fs::write(self.plugin.home.join(".claude.json"), settings.to_string()).unwrap();
        let mut command = self.command();
        command.current_dir(place).args(["--permission-mode", "default", "--allowedTools"]).args(self.plugin.servers());
        command.env("TERM", "tmux-256color").env("COLORTERM", "truecolor");
        Terminal::start(&command, self.plugin.temp())
    }

    #[track_caller]
    fn spawn(self, mode: &[&str], stdin: Stdio) -> Session {
        let log = self.plugin.temp().join(format!("client-{}.log", next_number()));
        let mut command = self.command();
        command.args(mode).args(["--output-format", "stream-json", "--verbose"]);
        command.args(["--permission-mode", "bypassPermissions"]).arg("--debug-file").arg(&log);
        Session::spawn(command, stdin, log)
    }

    #[track_caller]
    fn command(self) -> Command {
        let program = tools::claude_code().unwrap_or_else(|why| panic!("no client: {why}"));
        let mut command = self.plugin.bare_command(program).into_command();
        command.arg("--plugin-dir").arg(&self.plugin.root);
        command.envs(SETTINGS).env("ANTHROPIC_BASE_URL", self.api.url());
        command
    }
}

fn next_number() -> usize {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// A client that has been started; killed when dropped.
pub struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    record: Arc<Record>,
    prompts: usize,
}

/// A prompt and what came of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When the turn began, since the start of the session.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
    /// The servers and how they were when the turn began.
    pub servers: BTreeMap<String, String>,
    /// The tools of MCP servers that the turn began with.
    pub tools: Vec<String>,
    /// What the model said last.
    pub answer: String,
}

/// How a SessionStart hook ended.
#[derive(Debug, Clone)]
pub struct Hook {
    pub ended: Duration,
    /// `success`, or `cancelled` when its time was over.
    pub outcome: String,
    /// What the user is told, if anything.
    pub message: Option<String>,
}

impl Session {
    #[track_caller]
    fn spawn(mut command: Command, stdin: Stdio, log: PathBuf) -> Self {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let record = Arc::new(Record::begin(log));
        RECORDS.lock().unwrap().push(Arc::clone(&record));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (events, words) = (Arc::clone(&record), Arc::clone(&record));
        thread::spawn(move || events.read_events(stdout));
        thread::spawn(move || words.read_stderr(stderr));
        Self { stdin: child.stdin.take(), child, record, prompts: 0 }
    }

    /// Sends a prompt so many seconds after the start, or at once if they are over, and waits for the answer.
    #[track_caller]
    pub fn ask_at(&mut self, second: u64) -> Exchange {
        self.prompt_at(second);
        self.wait_for_answer()
    }

    /// Sends a prompt now and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self) -> Exchange {
        self.ask_at(0)
    }

    /// Sends a prompt so many seconds after the start and does not wait.
    #[track_caller]
    pub fn prompt_at(&mut self, second: u64) {
        self.sleep_until(second);
        let prompt = json!({ "type": "user", "message": { "role": "user", "content": "call the tool" } });
        let stdin = self.stdin.as_mut().expect("this session takes no prompts");
        writeln!(stdin, "{prompt}").unwrap_or_else(|e| panic!("the client takes no prompt: {e}"));
        self.record.add(json!({ "type": "prompt" }));
        self.prompts += 1;
    }

    /// Waits for the answer to the last prompt.
    #[track_caller]
    pub fn wait_for_answer(&mut self) -> Exchange {
        let expected = self.prompts;
        wait_until("the client has answered", PATIENCE, || {
            self.exchanges().len() >= expected || self.child.try_wait().unwrap().is_some()
        });
        let exchange = self.exchanges().into_iter().nth(expected - 1);
        exchange.unwrap_or_else(|| panic!("the client ended without an answer"))
    }

    /// Waits until so many seconds after the start.
    pub fn sleep_until(&self, second: u64) {
        thread::sleep(Duration::from_secs(second).saturating_sub(self.elapsed()));
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.record.started.elapsed()
    }

    /// The prompts that were answered so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let events = self.record.events();
        let turns = events.iter().filter(|event| event.is("system", "init"));
        turns.zip(events.iter().filter(|event| event.message["type"] == "result")).map(Exchange::of).collect()
    }

    /// The hooks that have ended so far.
    pub fn hooks(&self) -> Vec<Hook> {
        self.record.events().iter().filter(|event| event.is("system", "hook_response")).map(Hook::of).collect()
    }

    /// Ends the session as a program does that needs it no more: there is nothing more on its stdin.
    #[track_caller]
    pub fn close(mut self) -> ExitStatus {
        self.stdin = None;
        self.wait(END)
    }

    /// Ends the session as Ctrl-C does.
    #[track_caller]
    pub fn interrupt(mut self) -> ExitStatus {
        processes::signal(self.child.id(), Signal::INT);
        self.wait(END)
    }

    #[track_caller]
    fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait_until("the client has ended", limit, || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        self.record.add(json!({ "type": "end", "status": status.to_string() }));
        status
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.record.keep_log();
    }
}

impl Exchange {
    fn of((turn, result): (&Event, &Event)) -> Self {
        let servers = turn.message["mcp_servers"].as_array().into_iter().flatten();
        let tools = turn.message["tools"].as_array().into_iter().flatten().map(text);
        Self {
            began: turn.at,
            ended: result.at,
            servers: servers.map(|server| (text(&server["name"]), text(&server["status"]))).collect(),
            tools: tools.filter(|name| name.starts_with("mcp__")).collect(),
            answer: text(&result.message["result"]),
        }
    }
}

impl Hook {
    fn of(event: &Event) -> Self {
        let said: Value = serde_json::from_str(&text(&event.message["stdout"])).unwrap_or_default();
        let message = said["systemMessage"].as_str().map(str::to_owned);
        Self { ended: event.at, outcome: text(&event.message["outcome"]), message }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The records of all sessions of this process, in which there is one test.
static RECORDS: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

/// Prints the records of all sessions when it is dropped by a panic.
pub struct PrintRecords;

impl Drop for PrintRecords {
    fn drop(&mut self) {
        if thread::panicking() {
            RECORDS.lock().unwrap().iter().for_each(|record| eprintln!("{record}"));
        }
    }
}

/// What happened in a session and when, for assertions and for whoever reads why one failed.
struct Record {
    started: Instant,
    events: Mutex<Vec<Event>>,
    stderr: Mutex<String>,
    /// The client's own log, which knows more of its servers than it reports; and what it says of them.
    log: (PathBuf, Mutex<String>),
}

#[derive(Clone)]
struct Event {
    at: Duration,
    message: Value,
}

impl Record {
    fn begin(log: PathBuf) -> Self {
        Self {
            started: Instant::now(),
            events: Mutex::default(),
            stderr: Mutex::default(),
            log: (log, Mutex::default()),
        }
    }

    fn add(&self, message: Value) {
        self.events.lock().unwrap().push(Event { at: self.started.elapsed(), message });
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    fn read_events(&self, stdout: impl Read) {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            self.add(serde_json::from_str(&line).unwrap_or_else(|_| json!({ "type": "not json", "line": line })));
        }
    }

    fn read_stderr(&self, stderr: impl Read) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            *self.stderr.lock().unwrap() += &format!("{line}\n");
        }
    }

    /// Keeps what the client's log says of the plugin's servers, since the file goes with the plugin.
    fn keep_log(&self) {
        let log = fs::read_to_string(&self.log.0).unwrap_or_default();
        let lines = log.lines().filter(|line| line.contains("MCP server \"plugin:"));
        *self.log.1.lock().unwrap() = lines.map(|line| format!("{line}\n")).collect();
    }
}

impl Event {
    fn is(&self, kind: &str, subkind: &str) -> bool {
        self.message["type"] == kind && self.message["subtype"] == subkind
    }

    /// Without what fills pages and never told anybody anything.
    fn shown(&self) -> Value {
        let message = &self.message;
        match message["type"].as_str() {
            Some("system") if message["subtype"] == "init" => json!({
                "turn": message["mcp_servers"],
                "tools": Exchange::of((self, self)).tools,
                "version": message["claude_code_version"],
            }),
            Some("system") => {
                let told = ["subtype", "outcome", "exit_code", "stdout", "stderr"].into_iter();
                told.filter_map(|key| Some((key.to_owned(), message.get(key)?.clone()))).collect()
            }
            Some("assistant" | "user") => message["message"]["content"].clone(),
            Some("result") => json!({ "answer": message["result"] }),
            _ => message.clone(),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- what the client reported")?;
        for event in self.events() {
            writeln!(f, "{:8.3} {}", event.at.as_secs_f64(), event.shown())?;
        }
        write!(f, "--- its log\n{}--- its stderr\n{}---", self.log.1.lock().unwrap(), self.stderr.lock().unwrap())
    }
}
