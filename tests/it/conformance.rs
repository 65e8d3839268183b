//! What stands between a client and its server is not noticed by either of them: the same conversations are held
//! without plugdeps and through it, with the official SDKs and on bare bytes, and compared line by line.

use crate::support::modes::peer;
use crate::support::peer::{INITIALIZE, INITIALIZED, call};
use crate::support::*;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

/// The releases of the Python SDK.
const FIRST: &str = "1.30.0";
const SECOND: &str = "2.3.0";
/// A resource of the example server.
const DOCUMENT: &str = "demo://resource/static/document/features.md";
/// As soon as a client that waits for its first answer must have it, on a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(1);
const TERM_STATUS: i32 = 40 + 15;
const INT_STATUS: i32 = 40 + 2;

// the SDKs

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Python(&'static str),
    Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    High(&'static str),
    Low,
    Node,
    Everything,
}

/// A client and a server.
#[derive(Debug, Clone, Copy)]
struct Pair(Client, Server);

/// One conversation.
struct Session {
    mode: Mode,
    /// What the client's own interface said of each step.
    report: String,
    client: Record,
    server: Record,
}

impl Pair {
    fn needs_node(self) -> bool {
        self.0 == Client::Node || matches!(self.1, Server::Node | Server::Everything)
    }

    fn play(self, mode: Mode) -> Session {
        let stage = Stage::set(mode, |stage| drop(self.take(stage, "lists", &self.lists())));
        self.take(&stage, "scenario", &self.plan())
    }

    /// Lets the client take the steps of a plan.
    fn take(self, stage: &Stage, name: &str, plan: &Value) -> Session {
        let [file, client, server] = ["plan", "client", "server"].map(|kind| stage.file(&format!("{name}-{kind}")));
        fs::write(&file, plan.to_string()).unwrap();
        let recorded = [stage.python(), peer("recorder.py").into(), client.clone().into()];
        let words = self.0.words(stage).into_iter().chain([file.into()]).chain(recorded);
        let words: Vec<_> = words.chain(stage.words(&self.server(stage, &server))).collect();
        let output = stage.command(&words).timeout(Duration::from_secs(60)).run();
        output.ok();
        let [client, server] = [client, server].map(|record| Record::read(&record));
        Session { mode: stage.mode, report: output.stdout, client, server }
    }

    fn server(self, stage: &Stage, record: &PathBuf) -> Vec<OsString> {
        let mut words = vec![stage.server_python(), peer("recorder.py").into(), record.into()];
        if stage.is_through_plugdeps() {
            // No server of these needs a package of the environment; that it is there must still be seen.
            words.extend(["--needs".into(), "alpha".into()]);
        }
        words.extend(self.1.words(stage));
        words
    }

    fn plan(self) -> Value {
        let (once, rest) = match self.1 {
            Server::Everything => (at_once("message", "args-prompt", "city", DOCUMENT), everything()),
            _ => (at_once("text", "greet", "name", "memo://note"), own()),
        };
        // A client that asks for the lists first is answered otherwise than one that calls at once.
        let start = if self.0 == Client::Node {
            [json!([["ping"]]), lists(), once]
        } else {
            [once, json!([["ping"]]), lists()]
        };
        let parts = start.into_iter().chain([rest]);
        parts.flat_map(|part| part.as_array().cloned().unwrap_or_default()).collect()
    }

    /// What a session asks for before the one that is compared.
    fn lists(self) -> Value {
        let mut steps = lists();
        if self.1 == Server::Everything {
            // Its question must have been answered: SDK and server both end badly in the middle of one.
            steps.as_array_mut().unwrap().push(json!(["hear", "Roots updated"]));
        }
        steps
    }

    fn tolerance(self, go_between: bool) -> Tolerance {
        Tolerance { timers: self.1 == Server::Everything, go_between }
    }

    /// While a go-between answers, a client that asks for the newest protocol is referred to the one before.
    fn reference(self) -> Mode {
        if self.0 == Client::Python(SECOND) { Mode::Middle("refuses-discover") } else { Mode::Direct }
    }
}

impl Client {
    fn words(self, stage: &Stage) -> Vec<OsString> {
        match self {
            Self::Python(release) => vec![stage.python(), peer("client.py").into(), tools::mcp_sdk(release).into()],
            Self::Node => {
                let (node, modules) = tools::node().unwrap();
                vec![node.into(), peer("client.mjs").into(), modules.into()]
            }
        }
    }
}

impl Server {
    fn words(self, stage: &Stage) -> Vec<OsString> {
        let python = |script, release| vec![stage.server_python(), peer(script).into(), tools::mcp_sdk(release).into()];
        match self {
            Self::High(release) => python("server.py", release),
            Self::Low => python("low_server.py", FIRST),
            Self::Node => {
                let (node, modules) = tools::node().unwrap();
                vec![node.into(), peer("server.mjs").into(), modules.into()]
            }
            Self::Everything => {
                let (node, modules) = tools::node().unwrap();
                vec![node.into(), modules.join("@modelcontextprotocol/server-everything/dist/index.js").into()]
            }
        }
    }
}

/// Several requests that are open at the same time. Only one is a call: the Python SDKs ask for the tools by themselves
/// after a call of one that they do not know, and after several calls as often as they happen to.
fn at_once(name: &str, prompt: &str, argument: &str, document: &str) -> Value {
    let words = ["one", "two ä \u{2028} 😀"];
    let prompts = words.map(|word| json!(["prompt", prompt, { argument: word }]));
    json!([["together", [["call", "echo", { name: "now" }], prompts[0], ["read", document], prompts[1]]]])
}

fn lists() -> Value {
    json!([["list", "tools"], ["list", "prompts"], ["list", "resources"], ["list", "templates"]])
}

/// The steps with a server of `peers/`.
fn own() -> Value {
    json!([
        ["call", "echo", { "text": "ä \"quoted\" \u{2028} \\ / \u{0} 😀" }],
        ["watch", "count", { "to": 5 }],
        ["level", "info"],
        ["call", "log", {}],
        ["call", "fail", {}],
        ["call", "none", {}],
        ["call", "large", { "size": 1 << 19 }],
        ["prompt", "greet", { "name": "ada" }],
        ["read", "memo://note"],
        ["read", "memo://of/bob"],
        ["read", "memo://none/at/all"],
        ["complete", "greet", "name", "ad"],
        ["subscribe", "memo://note"],
        ["unsubscribe", "memo://note"],
        ["call", "sample", {}],
        ["call", "elicit", {}],
        ["call", "roots", {}],
        ["cancel", "slow", {}],
        ["ping"]
    ])
}

/// The steps with the example server of the SDK.
fn everything() -> Value {
    json!([
        ["watch", "trigger-long-running-operation", { "duration": 0.2, "steps": 4 }],
        ["level", "info"],
        ["call", "get-annotated-message", { "messageType": "error", "includeImage": true }],
        ["call", "get-structured-content", { "location": "Chicago" }],
        ["call", "get-sum", { "a": "x" }],
        ["call", "echo", { "message": "x".repeat(1 << 20) }],
        ["prompt", "args-prompt", { "city": "Wien" }],
        ["read", DOCUMENT],
        ["complete", "completable-prompt", "department", "S"],
        ["subscribe", DOCUMENT],
        ["unsubscribe", DOCUMENT],
        // The server asks for the roots on a timer; the ids of its requests count on from there.
        ["hear", "Roots updated"],
        ["call", "get-roots-list", {}],
        ["call", "trigger-sampling-request", { "prompt": "what now?" }],
        ["call", "trigger-elicitation-request", {}],
        ["cancel", "trigger-long-running-operation", { "duration": 0.6, "steps": 2 }],
        ["pause", 0.8],
        ["ping"]
    ])
}

impl Session {
    /// The steps that failed in the eyes of the client.
    fn refused(&self) -> String {
        let failed =
            |line: &&str| ["\"error: ", "\"isError\": true", "\"isError\":true"].iter().any(|sign| line.contains(sign));
        let name = |line: &str| line[..line.find(']').unwrap_or_default()].replace(['[', '"', ','], " ");
        let names =
            self.report.lines().filter(failed).map(|line| name(line).split_whitespace().collect::<Vec<_>>().join(" "));
        names.collect::<Vec<_>>().join(", ")
    }

    fn difference(&self, expected: &Self, tolerance: Tolerance) -> Option<String> {
        let asked = &self.client.requests;
        let client = tolerance.answers_differ(&expected.client.answers, &self.client.answers, asked);
        let server = tolerance.requests_differ(&expected.server.requests, &self.server.requests);
        let report =
            (self.report != expected.report).then(|| format!("{}instead of\n{}", self.report, expected.report));
        let end = (self.client.end != expected.client.end).then(|| format!("{:?}", self.client.end));
        let named = [
            ("what the client saw", client),
            ("what the server saw", server),
            ("the report", report),
            ("the end", end),
        ];
        named.into_iter().find_map(|(name, found)| Some(format!("{name}: {}", found?)))
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let (client, server) = (&self.client.story, &self.server.story);
        panic!("{:?}: {what}\n--- at the client\n{client}--- at the server\n{server}---", self.mode);
    }

    /// The answer to the client's `initialize`.
    fn greeting(&self) -> Value {
        let messages = lines_as_json(&self.client.requests);
        let asked = messages.iter().find(|message| message["method"] == "initialize").cloned().unwrap_or_default();
        let answers = lines_as_json(&self.client.answers);
        let answer = answers.into_iter().find(|answer| answer["id"] == asked["id"] && answer.get("method").is_none());
        answer.map_or(Value::Null, |mut answer| answer["result"].take())
    }
}

fn lines_as_json(bytes: &[u8]) -> Vec<Value> {
    lines(bytes).into_iter().filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Says once and aloud what is left out on a machine without node.
fn has_node() -> bool {
    static SAID: Once = Once::new();
    let missing = tools::node().err();
    if let Some(why) = &missing {
        // Not by `eprintln!`, which the harness keeps for itself when a test succeeds.
        let line = format!("SKIPPED conformance with node: {why}\n");
        SAID.call_once(|| std::io::stderr().write_all(line.as_bytes()).unwrap());
    }
    missing.is_none()
}

/// Plays the scenario in every way and compares. `refused` are the steps that fail even without plugdeps.
#[track_caller]
fn conforms(client: Client, server: Server, refused: &str, modes: &[Mode]) {
    let pair = Pair(client, server);
    if pair.needs_node() && !has_node() {
        return;
    }
    let direct = pair.play(Mode::Direct);
    assert_eq!(direct.refused(), refused, "{}", direct.report);
    if direct.client.requests != direct.server.requests || direct.client.answers != direct.server.answers {
        direct.fail("the recorders do not agree");
    }
    let reference = (pair.reference() != Mode::Direct).then(|| pair.play(pair.reference()));
    let reference = reference.as_ref().unwrap_or(&direct);
    thread::scope(|scope| {
        for mode in modes {
            scope.spawn(|| {
                let session = pair.play(*mode);
                let found = session.difference(&direct, pair.tolerance(false));
                if let Some(found) = found.and_then(|found| tolerated(pair, &session, reference, found)) {
                    session.fail(&found);
                }
            });
        }
    });
}

/// What is left of a difference when the packages were being installed, if anything.
fn tolerated(pair: Pair, session: &Session, reference: &Session, found: String) -> Option<String> {
    if !matches!(session.mode, Mode::Building | Mode::Rebuilding) {
        return Some(found);
    }
    let (told, expected) = (session.greeting(), reference.greeting());
    if told["protocolVersion"] != expected["protocolVersion"] {
        return Some(format!("the protocol of the greeting: {told}\ninstead of {expected}"));
    }
    let lists = ["tools", "prompts", "resources"];
    if lists.iter().any(|list| told["capabilities"][list]["listChanged"] != json!(true)) {
        return Some(format!("the greeting promises no news of lists: {told}"));
    }
    session.difference(reference, pair.tolerance(true))
}

const ALL: [Mode; 3] = [Mode::Watched, Mode::Proven, Mode::Building];
const WITH_REBUILDING: [Mode; 4] = [Mode::Watched, Mode::Proven, Mode::Building, Mode::Rebuilding];

#[test]
fn python_1_talks_to_a_high_level_server_of_python_1_as_without_plugdeps() {
    let refused =
        "level info, call fail, call none, read memo://none/at/all, subscribe memo://note, unsubscribe memo://note";
    conforms(Client::Python(FIRST), Server::High(FIRST), refused, &WITH_REBUILDING);
}

#[test]
fn python_1_talks_to_the_example_server_of_node_as_without_plugdeps() {
    conforms(Client::Python(FIRST), Server::Everything, "call get-sum", &ALL);
}

#[test]
fn python_2_talks_to_a_server_of_python_2_in_the_newest_protocol_as_without_plugdeps() {
    let refused = "ping, level info, call fail, call none, read memo://none/at/all, subscribe memo://note, \
                   unsubscribe memo://note, call sample, call elicit, call roots, ping";
    conforms(Client::Python(SECOND), Server::High(SECOND), refused, &ALL);
}

#[test]
fn python_2_talks_to_a_low_level_server_of_python_1_as_without_plugdeps() {
    conforms(Client::Python(SECOND), Server::Low, "call fail, call none", &WITH_REBUILDING);
}

#[test]
fn node_talks_to_a_server_of_node_as_without_plugdeps() {
    let refused = "call fail, call none, read memo://none/at/all, subscribe memo://note, unsubscribe memo://note";
    conforms(Client::Node, Server::Node, refused, &ALL);
}

#[test]
fn node_talks_to_the_example_server_of_node_as_without_plugdeps() {
    conforms(Client::Node, Server::Everything, "call get-sum", &WITH_REBUILDING);
}

#[test]
fn node_talks_to_a_server_of_python_2_as_without_plugdeps() {
    let refused =
        "level info, call fail, call none, read memo://none/at/all, subscribe memo://note, unsubscribe memo://note";
    conforms(Client::Node, Server::High(SECOND), refused, &ALL);
}

// bare bytes

/// What a server of `peers/raw_server.py` was asked and said.
struct Raw {
    mode: Mode,
    sent: Vec<u8>,
    got: Vec<u8>,
    seen: Vec<u8>,
    stderr: String,
    status: ExitStatus,
}

/// A conversation of the test's own, up to the end of the process.
fn raw(mode: Mode, habits: &[&str], case: &(impl Fn(&mut Peer) + Sync)) -> Raw {
    let server = |stage: &Stage, seen: &str| {
        let words = [stage.server_python(), peer("raw_server.py").into(), stage.file(seen).into()];
        words.into_iter().chain(habits.iter().map(OsString::from)).collect::<Vec<_>>()
    };
    // The very words of the session that follows: that one of them starts says nothing of others.
    let stage = Stage::set(mode, |stage| stage.visit(&server(stage, "seen")));
    let _ = fs::remove_file(stage.file("seen"));
    let mut client = Peer::spawn(stage.command(&stage.words(&server(&stage, "seen"))).into_command());
    case(&mut client);
    client.close_stdin();
    let status = client.wait();
    let seen = fs::read(stage.file("seen")).unwrap_or_default();
    Raw { mode, sent: client.sent.clone(), got: client.got(), seen, stderr: client.stderr(), status }
}

/// Holds a conversation in every mode; each is the same as without plugdeps, and ends as `status` says.
#[track_caller]
fn in_every_mode(habits: &[&str], status: i32, case: impl Fn(&mut Peer) + Sync) {
    let direct = raw(Mode::Direct, habits, &case);
    assert_eq!(direct.status.code(), Some(status), "{}", direct.stderr);
    assert_eq!(direct.sent, direct.seen, "the server did not get what was sent");
    thread::scope(|scope| {
        for mode in ALL {
            let (case, direct) = (&case, &direct);
            scope.spawn(move || raw(mode, habits, case).is_as(direct));
        }
    });
}

impl Raw {
    #[track_caller]
    fn is_as(&self, direct: &Self) {
        let tolerance = Tolerance { timers: false, go_between: self.mode == Mode::Building };
        let found = self.difference(direct, tolerance);
        assert!(found.is_none(), "{:?}: {}\n--- stderr\n{}", self.mode, found.unwrap_or_default(), self.stderr);
        assert_eq!(self.status, direct.status, "{:?}: {}", self.mode, self.stderr);
        assert!(self.stderr.contains(&direct.stderr), "{:?}: {} lacks {}", self.mode, self.stderr, direct.stderr);
    }

    fn difference(&self, direct: &Self, tolerance: Tolerance) -> Option<String> {
        let client = tolerance.answers_differ(&direct.got, &self.got, &direct.sent);
        client.or_else(|| tolerance.requests_differ(&direct.seen, &self.seen))
    }
}

fn hex(bytes: &[u8]) -> String {
    format!("{{\"hex\":\"{}\"}}", encode::hex(bytes))
}

#[test]
fn messages_of_ten_megabytes_pass_in_both_directions() {
    in_every_mode(&[], 0, |peer| {
        let text = format!("{{\"text\":\"{}\"}}", "y".repeat(10 << 20));
        peer.greet().call("1", "echo", &text).wait_for_answer("1").wait_for_bytes(10 << 20);
        peer.call("2", "echo", "{\"size\":10485760}").wait_for_answer("2").wait_for_bytes(20 << 20);
    });
}

#[test]
fn large_messages_that_cross_do_not_block_each_other() {
    in_every_mode(&[], 0, |peer| {
        let text = format!("{{\"text\":\"{}\"}}", "z".repeat(300_000));
        peer.greet();
        for id in 0..20 {
            peer.call(&id.to_string(), "echo", &text);
        }
        peer.wait_for_answer("19");
    });
}

#[test]
fn a_batch_is_one_message() {
    in_every_mode(&[], 0, |peer| {
        let batch = [call("1", "echo", "{\"text\":\"a\"}"), call("2", "echo", "{\"text\":\"b\"}")].join(", ");
        peer.greet().send(format!("[{batch}]\n")).wait_for("\"id\":2,\"result\"");
    });
}

#[test]
fn what_is_no_message_passes_from_the_server() {
    in_every_mode(&[], 0, |peer| {
        let junk = b"\xff\xfe not utf-8\n{broken\n\n   \n[]\nnull\n42\n\"text\"\n{\"id\":1}\n\0\n{}\r\n";
        peer.greet().call("1", "say", &hex(junk)).wait_for_answer("1");
    });
}

#[test]
fn what_is_no_message_passes_from_the_client_once_the_server_is_there() {
    in_every_mode(&[], 0, |peer| {
        peer.greet().call("1", "echo", "{}").wait_for_answer("1");
        peer.send(b"\xff\xfe not utf-8\n{broken\n\n   \n[]\nnull\n42\n\"text\"\n\0\n{}\r\n");
        peer.call("2", "echo", "{}").wait_for_answer("2");
    });
}

#[test]
fn a_server_may_chatter_before_its_first_answer() {
    let case = |peer: &mut Peer| {
        peer.greet().call("1", "echo", "{\"text\":\"here\"}").wait_for_answer("1");
    };
    let direct = raw(Mode::Direct, &["chatters"], &case);
    for mode in [Mode::Watched, Mode::Proven] {
        raw(mode, &["chatters"], &case).is_as(&direct);
    }
    // The greeting was answered long before, so there is no place left for what came ahead of it.
    let building = raw(Mode::Building, &["chatters"], &case);
    let tolerance = Tolerance { timers: false, go_between: true };
    assert_eq!(tolerance.requests_differ(&direct.seen, &building.seen), None, "{}", building.stderr);
    assert_eq!(building.status, direct.status, "{}", building.stderr);
}

#[test]
fn a_server_may_ask_the_client_before_it_is_asked() {
    in_every_mode(&["asks"], 0, |peer| {
        peer.greet().call("1", "echo", "{}").wait_for("sampling/createMessage");
        peer.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"role\":\"assistant\",\"model\":\"m\"}}\n");
        peer.call("2", "echo", "{}").wait_for_answer("1").wait_for_answer("2");
    });
}

#[test]
fn ids_of_every_form_come_back_as_they_were() {
    in_every_mode(&[], 0, |peer| {
        let ids = [
            "0",
            "-1",
            "7",
            "\"7\"",
            "9007199254740993",
            "18446744073709551616",
            "\"\"",
            "\"hello\\/\\u00e4\\n\\\"\"",
            "\"ä😀\"",
            "\"plugdeps-1\"",
            "\"plugdeps:tools/list\"",
        ];
        peer.greet();
        for id in ids {
            peer.call(id, "echo", "{}");
        }
        for id in ids {
            peer.wait_for_answer(id);
        }
    });
}

#[test]
fn lines_may_end_with_carriage_return_and_newline() {
    in_every_mode(&[], 0, |peer| {
        let windows = |text: &str| text.replace('\n', "\r\n");
        peer.send(windows(INITIALIZE)).wait_for("\"hello\"").send(windows(INITIALIZED));
        peer.send(call("1", "echo", "{}") + "\r\n").wait_for_answer("1");
        peer.send(call("2", "echo", "{}") + "\r\n").wait_for_answer("2");
    });
}

#[test]
fn several_lines_in_one_write_are_several_messages() {
    in_every_mode(&[], 0, |peer| {
        let calls = [call("1", "echo", "{}"), call("2", "echo", "{\"text\":\"two\"}")].join("\n");
        peer.send(format!("{INITIALIZE}{INITIALIZED}{calls}\n")).wait_for_answer("1").wait_for_answer("2");
        peer.send(call("3", "echo", "{}") + "\n" + &call("4", "echo", "{}") + "\n").wait_for_answer("4");
    });
}

#[test]
fn a_line_in_many_writes_is_one_message() {
    in_every_mode(&[], 0, |peer| {
        let slowly = |peer: &mut Peer, text: &str| {
            for part in text.as_bytes().chunks(7) {
                peer.send(part);
                thread::sleep(Duration::from_millis(1));
            }
        };
        slowly(peer, INITIALIZE);
        slowly(peer.wait_for("\"hello\""), INITIALIZED);
        slowly(peer, &(call("1", "echo", "{\"text\":\"ä😀\"}") + "\n"));
        slowly(peer.wait_for_answer("1"), &(call("2", "echo", "{\"text\":\"ä😀\"}") + "\n"));
        peer.wait_for_answer("2");
    });
}

#[test]
fn a_last_line_without_an_end_arrives() {
    in_every_mode(&[], 0, |peer| {
        peer.greet().call("1", "echo", "{}").wait_for_answer("1");
        peer.send(call("2", "echo", "{}")).close_stdin();
        peer.wait_for_answer("2");
    });
}

#[test]
fn the_end_of_the_server_is_the_end_of_run_with_its_status() {
    in_every_mode(&[], 7, |peer| {
        peer.greet().call("1", "exit", "{\"status\":7}").wait();
    });
}

#[test]
fn the_end_of_stdin_reaches_the_server_and_its_last_words_the_client() {
    in_every_mode(&[], 0, |peer| {
        peer.greet().call("1", "echo", "{}").wait_for_answer("1");
        peer.close_stdin();
        peer.wait();
        assert!(peer.got().ends_with(b"bye \"}}\n"), "{} bytes", peer.got().len());
    });
}

#[test]
fn a_terminating_signal_reaches_the_server() {
    in_every_mode(&[], TERM_STATUS, |peer| {
        peer.greet().call("1", "echo", "{}").wait_for_answer("1").signal(Signal::TERM).wait();
    });
}

#[test]
fn an_interrupt_reaches_the_server() {
    in_every_mode(&[], INT_STATUS, |peer| {
        peer.greet().call("1", "echo", "{}").wait_for_answer("1").signal(Signal::INT).wait();
    });
}

#[test]
fn what_the_server_says_on_stderr_is_said_there() {
    in_every_mode(&[], 0, |peer| {
        peer.greet().call("1", "complain", "{\"text\":\"I am not well: äöü\"}").wait_for_answer("1");
    });
}

// that the comparison sees what it must

#[test]
fn a_conversation_that_was_tampered_with_is_seen_to_differ() {
    let case = |peer: &mut Peer| {
        let log = |text: &str| {
            format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"data\":\"{text}\"}}}}\n")
        };
        peer.greet().call("1", "say", &hex((log("one") + &log("two")).as_bytes())).wait_for_answer("1");
    };
    let direct = raw(Mode::Direct, &[], &case);
    raw(Mode::Middle("passes"), &[], &case).is_as(&direct);
    for kind in ["drops", "reorders", "reformats", "repeats", "forges"] {
        let spoiled = raw(Mode::Middle(kind), &[], &case);
        for go_between in [false, true] {
            let found = spoiled.difference(&direct, Tolerance { timers: false, go_between });
            assert!(found.is_some(), "nobody noticed one who {kind}, go-between: {go_between}");
        }
    }
}

/// Lines of a client that greets, asks for the tools and calls one.
const ASKED: &str = "{\"id\":0,\"method\":\"initialize\"}
{\"id\":1,\"method\":\"tools/list\"}
{\"id\":2,\"method\":\"tools/call\"}
";
const ANSWERED: &str = "{\"id\":0,\"result\":{\"capabilities\":{}}}
{\"id\":1,\"result\":{\"tools\":[]}}
{\"id\":2,\"result\":{}}
";

#[test]
fn a_go_between_may_answer_in_its_own_words_only_what_it_knows() {
    let differ = |seen: &str| {
        let tolerance = Tolerance { timers: false, go_between: true };
        tolerance.answers_differ(ANSWERED.as_bytes(), seen.as_bytes(), ASKED.as_bytes())
    };
    let news = "{\"method\":\"notifications/tools/list_changed\"}\n";
    let alive = "{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":2}}\n";
    assert_eq!(differ(ANSWERED), None);
    assert_eq!(differ(&ANSWERED.replace("{\"capabilities\":{}}", "{}")), None);
    assert_eq!(differ(&ANSWERED.replace("{\"tools\":[]}", "{ \"tools\": [] }")), None);
    assert_eq!(differ(&format!("{ANSWERED}{news}")), None);
    assert_eq!(differ(&ANSWERED.replace("{\"id\":2", &format!("{alive}{{\"id\":2"))), None);
    assert!(differ(&ANSWERED.replace("{\"tools\":[]}", "{\"tools\":[1]}")).is_some());
    assert!(differ(&ANSWERED.replace("2,\"result\":{}", "2, \"result\":{}")).is_some());
    assert!(differ(&format!("{ANSWERED}{{\"id\":2,\"result\":{{}}}}\n")).is_some());
    assert!(differ(ANSWERED.trim_end_matches("{\"id\":2,\"result\":{}}\n")).is_some());
}

#[test]
fn a_go_between_may_keep_from_the_server_only_what_it_answered() {
    let differ = |seen: &str| {
        let tolerance = Tolerance { timers: false, go_between: true };
        tolerance.requests_differ(ASKED.as_bytes(), seen.as_bytes())
    };
    let list = "{\"id\":1,\"method\":\"tools/list\"}\n";
    let own = "{\"id\":\"plugdeps-1\",\"method\":\"tools/list\"}\n";
    assert_eq!(differ(ASKED), None);
    assert_eq!(differ(&ASKED.replace(list, "")), None);
    assert_eq!(differ(&ASKED.replace(list, own)), None);
    assert!(differ(&ASKED.replace(list, &list.replace('1', "5"))).is_some());
    assert!(differ(&ASKED.replace("\"id\":2", "\"id\": 2")).is_some());
    assert!(differ(&format!("{list}{}", ASKED.replace(list, ""))).is_some());
    assert!(differ(list).is_some());
}

// where there is a go-between, and where there is none

#[test]
fn a_go_between_stands_where_it_is_needed_and_nowhere_else() {
    let lone = |mode| {
        let server = |stage: &Stage| {
            let words = [stage.server_python(), peer("raw_server.py").into(), stage.file("seen").into()];
            words.to_vec()
        };
        let stage = Stage::set(mode, |stage| stage.visit(&server(stage)));
        let mut client = Peer::spawn(stage.command(&stage.words(&server(&stage))).into_command());
        client.greet().call("1", "who", "{}").wait_for_answer("1");
        let id = format!("\"I am {}\"", client.pid());
        String::from_utf8(client.got()).unwrap().contains(&id)
    };
    assert!(!lone(Mode::Watched), "a first start is watched");
    assert!(!lone(Mode::Building), "a start that began with a build is stood for");
    assert!(lone(Mode::Proven), "nothing of plugdeps is left when the server has proved to start");
}

#[test]
fn a_client_is_greeted_at_once_while_the_packages_are_installed() {
    let stage = Stage::set(Mode::Building, |_| ());
    let server = [stage.server_python(), peer("raw_server.py").into(), stage.file("seen").into()];
    let started = Instant::now();
    let mut client = Peer::spawn(stage.command(&stage.words(&server)).into_command());
    client.greet();
    let greeted = started.elapsed();
    client.call("1", "echo", "{}").wait_for_answer("1");
    let served = started.elapsed();
    assert!(greeted < AT_ONCE && served > AT_ONCE, "greeted after {greeted:?}, served after {served:?}");
}
