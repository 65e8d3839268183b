//! A minimal MCP client over stdio (JSON-RPC, one message a line), in the order in which the host speaks.
//!
//! It panics with the whole conversation and the server's stderr when something does not come, or not in time. Knows
//! nothing of the tests but [`super::host`]: `examples/first_session.rs` uses it too.

use super::host::{PROTOCOL, PROTOCOL_OF_DISCOVER};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// As long as the host waits for an answer to `server/discover`.
const DISCOVER: Duration = Duration::from_secs(3);

/// A server and the conversation with it; killed with its process group when dropped.
pub struct McpClient {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    started: Instant,
    timeout: Duration,
    next_id: u64,
    answers: HashMap<u64, Value>,
    notifications: Vec<Value>,
    /// What this client can do besides: the answer to each method that a server may ask for.
    abilities: HashMap<String, Value>,
    asked: Vec<Value>,
    conversation: String,
}

impl McpClient {
    /// Starts the server; says nothing to it yet.
    #[track_caller]
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start the server {command:?}: {e}"));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr = collect(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            stderr,
            started: Instant::now(),
            timeout: Duration::from_secs(60),
            next_id: 0,
            answers: HashMap::new(),
            notifications: Vec::new(),
            abilities: HashMap::new(),
            asked: Vec::new(),
            conversation: String::new(),
        }
    }

    /// How long a request may take; a minute unless told.
    pub fn set_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.timeout = timeout;
        self
    }

    /// Answers every request of the server for this method so; to be said before [`Self::initialize`] to be announced.
    pub fn is_able(&mut self, method: &str, answer: Value) -> &mut Self {
        self.abilities.insert(method.to_owned(), answer);
        self
    }

    /// Sends `server/discover` as the host does first, and waits as long as it; the whole answer, if there is one.
    #[track_caller]
    pub fn discover_first(&mut self) -> Option<Value> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": PROTOCOL_OF_DISCOVER,
            "io.modelcontextprotocol/clientInfo": client_info(),
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let id = self.begin("server/discover", json!({ "_meta": meta }));
        self.wait_for_answer(id, DISCOVER)
    }

    /// `initialize` and `notifications/initialized`; the server's answer.
    #[track_caller]
    pub fn initialize(&mut self) -> Value {
        let able =
            self.abilities.keys().map(|method| (method.split('/').next().unwrap_or_default().to_owned(), json!({})));
        let able: serde_json::Map<String, Value> = able.collect();
        let params = json!({ "protocolVersion": PROTOCOL, "capabilities": able, "clientInfo": client_info() });
        let answer = self.expect("initialize", params);
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        answer
    }

    /// The names of the tools, in the server's order.
    #[track_caller]
    pub fn list_tools(&mut self) -> Vec<String> {
        let answer = self.expect("tools/list", json!({}));
        let tools = answer["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
    }

    /// Calls a tool; the result, which may itself say `isError`.
    #[track_caller]
    pub fn call_tool(&mut self, name: &str, arguments: Value) -> Value {
        self.expect("tools/call", json!({ "name": name, "arguments": arguments }))
    }

    /// Sends a request and waits for its answer: the result or the JSON-RPC error.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params);
        match self.wait_for_answer(id, self.timeout) {
            Some(mut answer) if answer.get("error").is_some() => Err(answer["error"].take()),
            Some(mut answer) => Ok(answer["result"].take()),
            None => self.fail(&format!("`{method}` was not answered")),
        }
    }

    /// Sends a request without waiting; its id, for [`Self::wait_for_answer`].
    #[track_caller]
    pub fn begin(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The whole answer to request `id`; `None` when it does not come in time or the server closed its stdout.
    #[track_caller]
    pub fn wait_for_answer(&mut self, id: u64, timeout: Duration) -> Option<Value> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Some(answer);
            }
            let message = self.recv(deadline.saturating_duration_since(Instant::now()))?;
            self.sort(message);
        }
    }

    /// Waits for a notification, or takes one that came before; `None` when it does not come in time.
    #[track_caller]
    pub fn wait_for_notification(&mut self, method: &str, timeout: Duration) -> Option<Value> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(place) = self.notifications.iter().position(|message| message["method"] == method) {
                return Some(self.notifications.remove(place));
            }
            let message = self.recv(deadline.saturating_duration_since(Instant::now()))?;
            self.sort(message);
        }
    }

    /// The notifications that came and were not waited for.
    pub fn notifications(&self) -> &[Value] {
        &self.notifications
    }

    /// What the server asked, in its order.
    pub fn asked(&self) -> &[Value] {
        &self.asked
    }

    /// Sends any message.
    #[track_caller]
    pub fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string());
    }

    /// Sends any text as a line.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        self.note("->", line);
        let Some(stdin) = self.stdin.as_mut() else {
            self.fail("its stdin was closed by the test");
        };
        if let Err(e) = stdin.write_all(format!("{line}\n").as_bytes()) {
            self.fail(&format!("could not be written to: {e}"));
        }
    }

    /// The next message of any kind; `None` when none comes in time or the server closed its stdout.
    #[track_caller]
    pub fn recv(&mut self, timeout: Duration) -> Option<Value> {
        let line = match self.lines.recv_timeout(timeout) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        };
        self.note("<-", &line);
        match serde_json::from_str(&line) {
            Ok(message) => Some(message),
            Err(_) => self.fail("printed something to stdout that is not json"),
        }
    }

    /// Ends the conversation: a server must notice and end.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end of the server.
    #[track_caller]
    pub fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.fail("did not end in time")
    }

    /// Ends the server as the host does at its own end: SIGINT, and SIGTERM a tenth of a second later.
    #[track_caller]
    pub fn end_like_the_host(&mut self) -> ExitStatus {
        self.signal(Signal::INT);
        thread::sleep(Duration::from_millis(100));
        self.signal(Signal::TERM);
        self.wait(Duration::from_secs(10))
    }

    /// Sends a signal to the server itself.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            let _ = kill_process(self.group(), signal);
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server printed to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Every line in both directions so far, with seconds since the start.
    pub fn conversation(&self) -> &str {
        &self.conversation
    }

    #[track_caller]
    fn expect(&mut self, method: &str, params: Value) -> Value {
        match self.request(method, params) {
            Ok(result) => result,
            Err(error) => self.fail(&format!("answered `{method}` with the error {error}")),
        }
    }

    /// Keeps an answer or a notification for whoever waits for it; answers what the server asks.
    #[track_caller]
    fn sort(&mut self, message: Value) {
        match (message.get("method").is_some(), message.get("id")) {
            (true, None) => self.notifications.push(message),
            (true, Some(id)) => {
                let method = message["method"].as_str().unwrap_or_default();
                let known = self.abilities.get(method).cloned().or_else(|| (method == "ping").then(|| json!({})));
                self.send(&match known {
                    Some(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
                    None => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "method not found" } }),
                });
                self.asked.push(message);
            }
            (false, id) => match id.and_then(Value::as_u64) {
                Some(id) => drop(self.answers.insert(id, message)),
                None => self.fail("answered a request that nobody made"),
            },
        }
    }

    fn note(&mut self, direction: &str, line: &str) {
        self.conversation += &format!("{:8.3} {direction} {line}\n", self.started.elapsed().as_secs_f64());
    }

    #[track_caller]
    fn fail(&mut self, what: &str) -> ! {
        // What a dying server says last may still be on its way.
        thread::sleep(Duration::from_millis(100));
        let state = match self.child.try_wait() {
            Ok(Some(status)) => format!("has ended: {status}"),
            _ => "is running".into(),
        };
        let (conversation, stderr) = (&self.conversation, self.stderr());
        panic!("the server {what}; it {state}\n--- conversation\n{conversation}--- stderr\n{stderr}\n---");
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for McpClient {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = kill_process_group(self.group(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// The text of a tool's result; panics when the tool says that it failed.
#[track_caller]
pub fn text_of(result: &Value) -> String {
    assert!(result["isError"] != json!(true), "the tool failed: {result}");
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("the tool returned no text: {result}")).to_owned()
}

fn client_info() -> Value {
    json!({ "name": "plugdeps-host", "version": "1" })
}

fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    text
}
