//! Conversations: a client and a server of the tests with the exchange between them.

use super::super::lists::{COMPARING, REPEATS_END};
use super::*;
use serde_json::{Value, json};
use std::collections::VecDeque;

#[path = "exchange_property_tests.rs"]
mod any_order;

/// A server that answers at once, and remembers what it heard.
struct Server {
    tools: Vec<&'static str>,
    /// Whether it asks the client before it answers the greeting.
    asks_first: bool,
    heard: Vec<Value>,
    says: VecDeque<Value>,
}

fn tools(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name, "inputSchema": { "type": "object" } })).collect()
}

impl Server {
    fn new(tools: &[&'static str]) -> Self {
        Self { tools: tools.to_vec(), asks_first: false, heard: Vec::new(), says: VecDeque::new() }
    }

    fn hear(&mut self, message: Value) {
        match &message {
            Value::Array(several) => {
                let answers: Vec<Value> = several.iter().filter_map(|one| self.answer_to(one)).collect();
                self.says.push_back(Value::Array(answers));
            }
            one => {
                if self.asks_first && one["method"] == "initialize" {
                    self.says.push_back(request("s", "ping", json!({})));
                }
                if one["method"] == "tools/call" {
                    self.says.push_back(notification("notifications/message", one["params"].clone()));
                    self.says.push_back(request(format!("s{}", one["id"]), "roots/list", json!({})));
                }
                self.says.extend(self.answer_to(one));
            }
        }
        self.heard.push(message);
    }

    fn answer_to(&self, message: &Value) -> Option<Value> {
        let (id, method) = (message.get("id")?, message["method"].as_str()?);
        let mut answer = self.answer(method, &message["params"]).unwrap_or_else(|error| json!({ "error": error }));
        answer["id"] = id.clone();
        answer["jsonrpc"] = json!("2.0");
        Some(answer)
    }

    fn answer(&self, method: &str, params: &Value) -> Result<Value, Value> {
        match method {
            "initialize" => Ok(json!({ "result": {
                "protocolVersion": params["protocolVersion"],
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "s", "version": "1" },
            } })),
            "ping" => Ok(json!({ "result": {} })),
            "tools/list" => Ok(json!({ "result": { "tools": tools(&self.tools) } })),
            "tools/call" => Ok(json!({ "result": { "content": [{ "type": "text", "text": params["name"] }] } })),
            _ => Err(json!({ "code": -32601, "message": "Method not found" })),
        }
    }
}

/// The two ends with the exchange between them.
struct Play {
    exchange: Exchange,
    server: Option<Server>,
    seen: Vec<Value>,
    /// What the client has yet to answer the server.
    replies: VecDeque<Value>,
    /// Whether servers ask the client before they answer its greeting.
    asks_first: bool,
    /// Whether the installation has failed, and nobody tries again.
    failing: bool,
    /// What may be refused for that reason.
    refusable: Vec<Value>,
    said: Vec<Value>,
    now: Instant,
}

impl Play {
    fn new(snapshot: Option<Snapshot>) -> Self {
        let desk = Desk::new("p", snapshot);
        let exchange = Exchange::new(desk, false, Snapshot::of(String::new(), String::new()));
        Self {
            exchange,
            server: None,
            seen: Vec::new(),
            replies: VecDeque::new(),
            asks_first: false,
            failing: false,
            refusable: Vec::new(),
            said: Vec::new(),
            now: Instant::now(),
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut Exchange, Instant, &mut Out)) {
        let mut out = Out::default();
        act(&mut self.exchange, self.now, &mut out);
        for line in &out.client {
            let message: Value = serde_json::from_slice(line).unwrap();
            if message.get("id").is_some() && message.get("method").is_some() {
                self.replies.push_back(json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "roots": [] } }));
            }
            self.seen.push(message);
        }
        let heard = out.server.iter().map(|line| serde_json::from_slice(line).unwrap());
        match &mut self.server {
            Some(server) => heard.for_each(|message| server.hear(message)),
            None => assert_eq!(heard.count(), 0, "something was sent to nobody"),
        }
    }

    fn client_says(&mut self, message: &Value) {
        self.said.push(message.clone());
        self.refusable.extend(self.failing.then(|| message.clone()));
        let line = format!("{message}\n");
        self.act(|exchange, now, out| exchange.from_client(line.as_bytes(), now, out));
    }

    /// The installation fails: what waits is refused, and what comes.
    fn fail(&mut self) {
        self.failing = true;
        self.refusable.extend(self.said.iter().cloned());
        self.act(|exchange, _, out| exchange.fail("no way", out));
    }

    fn server_comes(&mut self, tools: &[&'static str]) {
        self.failing = false;
        self.server = Some(Server { asks_first: self.asks_first, ..Server::new(tools) });
        self.act(|exchange, now, out| exchange.server_up(now, out));
    }

    /// It ends before it has answered, if it has not.
    fn server_goes(&mut self) {
        if !self.exchange.is_proven() {
            self.server = None;
            self.act(|exchange, _, _| exchange.server_gone());
        }
    }

    /// The client answers the server, or else says the next thing.
    fn client_goes_on(&mut self, left: &mut VecDeque<&Value>) -> bool {
        let next = self.replies.pop_front().or_else(|| left.pop_front().cloned());
        next.iter().for_each(|message| self.client_says(message));
        next.is_some()
    }

    /// The server says the next thing it has to say.
    fn server_says(&mut self) -> bool {
        let Some(message) = self.server.as_mut().and_then(|server| server.says.pop_front()) else { return false };
        let line = format!("{message}\n");
        self.act(|exchange, now, out| exchange.from_server(line.as_bytes(), now, out));
        true
    }

    fn time_passes(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.act(|exchange, now, out| exchange.tick(&|| "busy".to_owned(), now, out));
    }

    fn answers_to(&self, id: &Value) -> Vec<&Value> {
        answers(&self.seen).filter(|answer| answer["id"] == *id).collect()
    }

    fn told(&self, method: &str) -> usize {
        self.seen.iter().filter(|message| message["method"] == method).count()
    }
}

/// The answers among messages, also those in batches.
fn answers(messages: &[Value]) -> impl Iterator<Item = &Value> {
    let each =
        messages.iter().flat_map(|message| message.as_array().map_or(std::slice::from_ref(message), Vec::as_slice));
    each.filter(|message| message.get("method").is_none())
}

fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

fn greeting() -> [Value; 2] {
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
    [request(0, "initialize", params), notification("notifications/initialized", json!({}))]
}

fn snapshot_of(names: &[&str]) -> Snapshot {
    let initialize = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": {} });
    let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap();
    let items = tools(names).as_array().unwrap().iter().map(raw).collect();
    let mut snapshot = Snapshot::of(String::new(), String::new());
    snapshot.initialize = Some(raw(&initialize));
    *snapshot.lists.of(List::Tools) = Some(items);
    snapshot
}

#[test]
fn a_list_is_held_for_twenty_seconds_and_then_empty_until_the_server_comes() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/list", json!({})));
    play.time_passes(19);
    assert!(play.answers_to(&json!(1)).is_empty());
    play.time_passes(1);
    assert_eq!(play.answers_to(&json!(1))[0]["result"]["tools"], json!([]));
    play.server_comes(&["a"]);
    while play.server_says() {}
    assert_eq!(play.told("notifications/tools/list_changed"), 1);
    assert!(!play.exchange.is_through(play.now), "the client has yet to hear of it");
    for _ in 0..3 {
        play.time_passes(1);
    }
    assert_eq!(play.told("notifications/tools/list_changed"), 4);
    play.client_says(&request(2, "tools/list", json!({})));
    while play.server_says() {}
    assert_eq!(play.answers_to(&json!(2))[0]["result"]["tools"], tools(&["a"]));
    assert!(play.exchange.is_through(play.now));
}

/// Asks for a list as the real client does: the next page as soon as one has come. Returns the id of the last request.
fn follows(play: &mut Play, from: u64) -> u64 {
    let mut id = from;
    while let Some(cursor) = play.answers_to(&json!(id)).first().map(|answer| answer["result"]["nextCursor"].clone()) {
        if cursor.is_null() {
            break;
        }
        id += 1;
        play.client_says(&request(id, "tools/list", json!({ "cursor": cursor })));
    }
    id
}

#[test]
fn a_client_that_follows_the_pages_waits_for_the_list_itself() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/list", json!({})));
    let mut id = 1;
    for _ in 0..100 {
        play.time_passes(1);
        id = follows(&mut play, id);
    }
    assert_eq!(id, 6, "a page every 20 s");
    play.server_comes(&["a"]);
    while play.server_says() {}
    assert_eq!(play.answers_to(&json!(id))[0]["result"], json!({ "tools": tools(&["a"]) }));
    assert_eq!(play.told("notifications/tools/list_changed"), 0, "there is nothing to correct");
    assert!(!play.server.as_ref().unwrap().heard.iter().any(|message| !message["params"]["cursor"].is_null()));
    assert!(play.exchange.is_through(play.now));
}

#[test]
fn the_next_page_is_the_list_of_the_server_that_came_meanwhile_or_the_last_if_none_will_come() {
    for comes in [true, false] {
        let mut play = Play::new(None);
        greeting().iter().for_each(|message| play.client_says(message));
        play.client_says(&request(1, "tools/list", json!({})));
        play.time_passes(20);
        if comes {
            play.server_comes(&[]);
            while play.server_says() {}
            assert!(!play.exchange.is_through(play.now), "the client may yet ask for what only we understand");
        } else {
            play.fail();
        }
        assert_eq!(follows(&mut play, 1), 2);
        while play.server_says() {}
        assert_eq!(play.answers_to(&json!(2))[0]["result"], json!({ "tools": [] }));
        assert!(!comes || play.exchange.is_through(play.now));
    }
}

#[test]
fn a_client_that_never_asks_again_is_left_alone_at_last() {
    let mut play = Play::new(Some(snapshot_of(&["old"])));
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/list", json!({})));
    play.server_comes(&["a"]);
    while play.server_says() {}
    assert!(!play.exchange.is_through(play.now));
    play.time_passes(REPEATS_END.as_secs());
    assert!(play.exchange.is_through(play.now));
}

#[test]
fn a_client_that_asks_for_either_list_of_resources_has_heard_that_they_changed() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "resources/templates/list", json!({})));
    play.time_passes(20);
    play.server_comes(&[]);
    play.server.as_mut().unwrap().says[0]["result"]["capabilities"] = json!({ "resources": {} });
    while play.server_says() {}
    assert_eq!(play.told("notifications/resources/list_changed"), 1);
    play.client_says(&request(2, "resources/list", json!({})));
    play.time_passes(10);
    assert_eq!(play.told("notifications/resources/list_changed"), 1);
}

#[test]
fn where_the_server_does_not_say_what_its_list_is_the_client_is_told_to_ask() {
    for answers in [true, false] {
        let mut play = Play::new(None);
        greeting().iter().for_each(|message| play.client_says(message));
        play.client_says(&request(1, "tools/list", json!({})));
        play.time_passes(20);
        play.server_comes(&["a"]);
        assert!(play.server_says());
        let id = play.server.as_ref().unwrap().heard.last().unwrap()["id"].clone();
        play.server.as_mut().unwrap().says.clear();
        let line = format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "error": { "code": 1, "message": "busy" } }));
        if answers {
            play.act(|exchange, now, out| exchange.from_server(line.as_bytes(), now, out));
        } else {
            assert!(play.exchange.is_answering());
            play.time_passes(COMPARING.as_secs());
        }
        assert!(!play.exchange.is_answering(), "a hook would wait for it");
        assert!(play.told("notifications/tools/list_changed") > 0);
        if !answers {
            // The answer is none of the client's business, however late it comes.
            play.act(|exchange, now, out| exchange.from_server(line.as_bytes(), now, out));
        }
        assert!(play.answers_to(&id).is_empty());
        play.client_says(&request(2, "tools/list", json!({})));
        while play.server_says() {}
        assert_eq!(play.answers_to(&json!(2))[0]["result"]["tools"], tools(&["a"]));
        assert!(play.exchange.is_through(play.now));
    }
}

#[test]
fn a_call_hears_what_it_waits_for_under_its_token() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/call", json!({ "name": "a", "_meta": { "progressToken": "t" } })));
    play.client_says(&request(2, "tools/call", json!({ "name": "b" })));
    for _ in 0..6 {
        play.time_passes(1);
    }
    let told: Vec<&Value> = play.seen.iter().filter(|m| m["method"] == "notifications/progress").collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|m| m["params"]["progressToken"] == "t" && m["params"]["message"] == "busy"));
    let amounts: Vec<f64> = told.iter().map(|m| m["params"]["progress"].as_f64().unwrap()).collect();
    assert!(amounts.windows(2).all(|pair| pair[0] < pair[1]) && amounts[2] < 0.01, "{amounts:?}");
}

#[test]
fn a_call_that_was_called_off_reaches_nobody() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/call", json!({ "name": "a" })));
    play.client_says(&request(2, "tools/call", json!({ "name": "b" })));
    play.client_says(&notification("notifications/cancelled", json!({ "requestId": 1 })));
    play.server_comes(&["a"]);
    while play.server_says() {}
    assert!(play.answers_to(&json!(1)).is_empty());
    assert_eq!(play.answers_to(&json!(2)).len(), 1);
    assert!(!play.server.unwrap().heard.iter().any(|message| message["id"] == 1));
}

#[test]
fn a_batch_is_held_as_a_whole_and_refused_as_a_whole() {
    let batch =
        json!([request(1, "ping", json!({})), notification("x", json!({})), request("b", "tools/list", json!({}))]);
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&batch);
    play.act(|exchange, _, out| exchange.fail("no way", out));
    let answer = play.seen.last().unwrap().as_array().unwrap();
    assert_eq!(answer.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), [json!(1), json!("b")]);
    assert!(answer.iter().all(|one| one["error"]["message"] == "no way"));

    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&batch);
    play.server_comes(&[]);
    while play.server_says() {}
    assert!(play.server.unwrap().heard.contains(&batch));
}

#[test]
fn when_there_will_be_no_server_calls_say_why_and_lists_are_empty_until_one_comes_after_all() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/call", json!({ "name": "a" })));
    play.client_says(&request(2, "tools/list", json!({})));
    play.client_says(&request(3, "prompts/get", json!({ "name": "a" })));
    play.act(|exchange, _, out| exchange.fail("no way", out));
    play.client_says(&request(4, "tools/call", json!({ "name": "a" })));
    for id in [1, 4] {
        let result = &play.answers_to(&json!(id))[0]["result"];
        assert_eq!((&result["isError"], &result["content"][0]["text"]), (&json!(true), &json!("no way")));
    }
    assert_eq!(play.answers_to(&json!(2))[0]["result"]["tools"], json!([]));
    assert_eq!(play.answers_to(&json!(3))[0]["error"]["message"], "no way");
    play.server_comes(&["a"]);
    while play.server_says() {}
    assert_eq!(play.told("notifications/tools/list_changed"), 1);
    play.client_says(&request(5, "tools/call", json!({ "name": "a" })));
    while play.server_says() {}
    assert_eq!(play.answers_to(&json!(5))[0]["result"]["content"][0]["text"], "a");
}

#[test]
fn another_server_gets_what_the_first_did_not_answer() {
    let mut play = Play::new(None);
    play.exchange = Exchange::new(Desk::new("p", None), true, Snapshot::of(String::new(), String::new()));
    play.server_comes(&["a"]);
    play.client_says(&request("d", "server/discover", json!({})));
    assert!(play.server_says());
    greeting().iter().take(1).for_each(|message| play.client_says(message));
    play.server = None;
    play.act(|exchange, _, _| exchange.server_gone());
    play.server_comes(&["a"]);
    while play.server_says() {}
    assert_eq!(play.answers_to(&json!("d")).len(), 1);
    assert_eq!(play.answers_to(&json!(0)).len(), 1);
    assert_eq!(play.server.unwrap().heard.len(), 1);
}

#[test]
fn another_server_gets_of_a_batch_what_the_first_did_not_answer() {
    let mut play = Play::new(None);
    play.exchange = Exchange::new(Desk::new("p", None), true, Snapshot::of(String::new(), String::new()));
    play.server_comes(&["a"]);
    let (first, second) = (request(1, "x", json!({})), request(2, "y", json!({})));
    play.client_says(&json!([first, notification("z", json!({})), second]));
    let refused = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32601, "message": "no" } });
    let line = format!("{refused}\n");
    play.act(|exchange, now, out| exchange.from_server(line.as_bytes(), now, out));
    play.server = None;
    play.act(|exchange, _, _| exchange.server_gone());
    play.server_comes(&["a"]);
    assert_eq!(play.server.unwrap().heard, [json!([notification("z", json!({})), second])]);
}

#[test]
fn an_answer_to_the_greeting_in_a_batch_is_kept_back_as_well() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.server_comes(&["a"]);
    let answer = json!({ "jsonrpc": "2.0", "id": 0, "result": { "capabilities": {} } });
    let line = format!("{}\n", json!([answer, notification("x", json!({}))]));
    play.act(|exchange, now, out| exchange.from_server(line.as_bytes(), now, out));
    assert_eq!(play.answers_to(&json!(0)).len(), 1);
    assert_eq!(play.told("x"), 1);
    assert!(play.exchange.is_proven());
}

#[test]
fn what_a_server_says_to_nobody_passes_as_it_is() {
    let mut play = Play::new(None);
    greeting().iter().for_each(|message| play.client_says(message));
    play.server_comes(&[]);
    let mut out = Out::default();
    for junk in [&b"\xff\xfe\n"[..], b"hello\n", b"\n", b"{}\n", b"last"] {
        play.exchange.from_server(junk, play.now, &mut out);
    }
    assert_eq!(out.client.concat(), b"\xff\xfe\nhello\n\n{}\nlast");
}

#[test]
fn a_list_of_several_pages_is_read_to_its_end() {
    let mut play = Play::new(Some(snapshot_of(&["a", "b"])));
    greeting().iter().for_each(|message| play.client_says(message));
    play.client_says(&request(1, "tools/list", json!({})));
    play.server_comes(&[]);
    assert!(play.server_says());
    let answer = |play: &mut Play, result: Value| {
        let id = play.server.as_ref().unwrap().heard.last().unwrap()["id"].clone();
        let line = format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "result": result }));
        play.act(|exchange, now, out| exchange.from_server(line.as_bytes(), now, out));
    };
    answer(&mut play, json!({ "tools": tools(&["a"]), "nextCursor": "2" }));
    assert_eq!(play.server.as_ref().unwrap().heard.last().unwrap()["params"]["cursor"], "2");
    answer(&mut play, json!({ "tools": tools(&["b"]) }));
    assert_eq!(play.told("notifications/tools/list_changed"), 0);
    assert_eq!(play.exchange.snapshot().lists.get(List::Tools).unwrap().len(), 2);
}
