//! Answers the client while there is no server: what is known at once, the rest is held for the server.

use super::message::{self, Call, INTERNAL_ERROR, Id, Line, METHOD_NOT_FOUND, Message, parse, request_id};
use crate::snapshot::{Items, LISTS, List, Lists, Snapshot, read};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long one page of a list is held. The client waits 30 s for each and drops what comes later.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the client hears what a call waits for.
const PROGRESS: Duration = Duration::from_secs(2);

/// Versions of the protocol that begin with `initialize`, oldest first.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Requests that a server of these versions may serve; any other it does not know.
const REQUESTS: [&str; 11] = [
    "completion/complete",
    "logging/setLevel",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tools/call",
];

/// What a line of the client waits for.
#[derive(Debug)]
enum Wants {
    /// A list.
    List(Id, List),
    /// Anything else, and under which token it hears what it waits for.
    Answer(Id, String, Option<String>),
    /// Several answers in one.
    Batch(Vec<Id>),
    /// Nothing.
    Nothing,
}

/// A line that is held for the server.
#[derive(Debug)]
struct Held {
    line: Line,
    wants: Wants,
    since: Instant,
    told: u32,
}

/// Speaks for a server that is not there.
#[derive(Debug)]
pub struct Desk {
    name: String,
    snapshot: Option<Snapshot>,
    initialize: Option<Line>,
    initialized: Option<Line>,
    lists: Lists,
    /// Lists of which the client may ask for the next page at any moment.
    continued: Vec<List>,
    held: Vec<Held>,
    failed: Option<String>,
}

/// What the server needs to know when it comes.
#[derive(Debug, Default)]
pub struct Handover {
    /// The client's own greeting, if it came.
    pub initialized: Option<Line>,
    /// Lists that the client was told.
    pub told: Lists,
    /// Lists of which it may ask for the next page at any moment.
    pub continued: Vec<List>,
    /// Lines that were held, in the order in which they came.
    pub held: Vec<Line>,
}

impl Desk {
    /// Speaks for the server of a plugin of this name, which said so the last time.
    pub fn new(name: &str, snapshot: Option<Snapshot>) -> Self {
        Self {
            name: name.to_owned(),
            snapshot,
            initialize: None,
            initialized: None,
            lists: Lists::default(),
            continued: Vec::new(),
            held: Vec::new(),
            failed: None,
        }
    }

    /// The client's `initialize`, once it was answered.
    pub fn initialize(&self) -> Option<&Line> {
        self.initialize.as_ref()
    }

    /// Takes a line of the client.
    pub fn hear(&mut self, line: &[u8], now: Instant, out: &mut Vec<Line>) {
        match parse(line) {
            Message::Request(id, call) => self.request(line, id, &call, now, out),
            Message::Notification(call) => self.notification(line, &call, now),
            Message::Batch(messages) => {
                let ids: Vec<Id> = messages.iter().filter_map(|message| request_id(message.get())).collect();
                match &self.failed {
                    Some(why) if !ids.is_empty() => out.push(refused_batch(&ids, why)),
                    Some(_) => {}
                    None => self.hold(line, Wants::Batch(ids), now),
                }
            }
            Message::Response(..) | Message::Other => self.hold(line, Wants::Nothing, now),
        }
    }

    fn request(&mut self, line: &[u8], id: Id, call: &Call<'_>, now: Instant, out: &mut Vec<Line>) {
        let method = call.method.as_str();
        if method == "ping" {
            out.push(message::result(&id, "{}"));
        } else if method == "initialize" && self.initialize.is_none() {
            out.push(message::result(&id, &self.greeting(call)));
            self.initialize = Some(line.to_vec());
        } else if let (Some(list), Some(_)) = (List::asked_by(method), &self.initialize) {
            self.list(line, id, list, call.params().cursor.is_some(), now, out);
        } else if self.initialize.is_some() && (REQUESTS.contains(&method) || method == "initialize") {
            match &self.failed {
                Some(why) => out.push(refused(&id, method, why)),
                None => {
                    let token = call.params().progress_token();
                    self.hold(line, Wants::Answer(id, method.to_owned(), token), now);
                }
            }
        } else {
            out.push(message::error(&id, METHOD_NOT_FOUND, "Method not found"));
        }
    }

    fn list(&mut self, line: &[u8], id: Id, list: List, later_page: bool, now: Instant, out: &mut Vec<Line>) {
        let known = self.snapshot.as_ref().and_then(|snapshot| snapshot.list(list));
        let known = known.or_else(|| self.failed.as_ref().map(|_| Items::new()));
        match known {
            Some(items) if !later_page || self.failed.is_some() => self.tell(&id, list, items, out),
            _ => {
                self.continued.retain(|other| *other != list);
                self.hold(line, Wants::List(id, list), now);
            }
        }
    }

    /// A client that asks for the next page goes on waiting; to one that does not, the list was empty.
    fn put_off(&mut self, id: &Id, list: List, out: &mut Vec<Line>) {
        out.push(message::empty_page(id, list));
        *self.lists.of(list) = Some(Items::new());
        self.continued.push(list);
    }

    fn tell(&mut self, id: &Id, list: List, items: Items, out: &mut Vec<Line>) {
        out.push(message::list(id, list, &items));
        *self.lists.of(list) = Some(items);
    }

    fn notification(&mut self, line: &[u8], call: &Call<'_>, now: Instant) {
        match call.method.as_str() {
            "notifications/initialized" if self.initialized.is_none() => self.initialized = Some(line.to_vec()),
            "notifications/cancelled" => {
                let Some(meant) = call.params().request_id.map(|id| Id::new(id.get())) else { return };
                self.held.retain(|held| held.wants.single() != Some(&meant));
                // One of a batch can still be called off by the server; any other was answered or is gone.
                if self.held.iter().any(|held| matches!(&held.wants, Wants::Batch(ids) if ids.contains(&meant))) {
                    self.hold(line, Wants::Nothing, now);
                }
            }
            _ => self.hold(line, Wants::Nothing, now),
        }
    }

    fn hold(&mut self, line: &[u8], wants: Wants, now: Instant) {
        self.held.push(Held { line: line.to_vec(), wants, since: now, told: 0 });
    }

    /// The answer to `initialize`: as the server answered the last time, or as one that can change its lists.
    fn greeting(&self, call: &Call<'_>) -> String {
        let last = self.snapshot.as_ref().and_then(|snapshot| snapshot.initialize.as_ref());
        let last = last.and_then(|last| read::<Value>(last).ok()).filter(Value::is_object);
        let mut answer = last.unwrap_or_else(|| json!({}));
        if !answer["serverInfo"].is_object() {
            answer["serverInfo"] = json!({ "name": self.name, "version": "0" });
        }
        let newest = VERSIONS[VERSIONS.len() - 1];
        let asked = call.params().protocol_version.unwrap_or_default();
        let agreed = VERSIONS.into_iter().find(|version| *version == asked).unwrap_or(newest);
        // A server that spoke an older version the last time will do so again.
        let spoken = answer["protocolVersion"].as_str().filter(|spoken| VERSIONS.contains(spoken)).unwrap_or(agreed);
        answer["protocolVersion"] = Value::from(spoken.min(agreed));
        if !answer["capabilities"].is_object() {
            answer["capabilities"] = json!({});
        }
        for list in LISTS {
            let able = &mut answer["capabilities"][list.capability()];
            if !able.is_object() {
                *able = json!({});
            }
            able["listChanged"] = Value::from(true);
        }
        answer.to_string()
    }

    /// Answers what cannot be held any longer, and says what the rest waits for.
    pub fn tick(&mut self, doing: &dyn Fn() -> String, now: Instant, out: &mut Vec<Line>) {
        for held in std::mem::take(&mut self.held) {
            match held.wants {
                Wants::List(id, list) if now.duration_since(held.since) >= PATIENCE => self.put_off(&id, list, out),
                _ => self.held.push(held),
            }
        }
        for held in &mut self.held {
            let Wants::Answer(_, _, Some(token)) = &held.wants else { continue };
            if now.duration_since(held.since) >= PROGRESS * (held.told + 1) {
                held.told += 1;
                out.push(progress(token, held.told, &doing()));
            }
        }
    }

    /// There will be no server, for this reason, until somebody tries again.
    pub fn fail(&mut self, why: &str, out: &mut Vec<Line>) {
        self.failed = Some(why.to_owned());
        for held in std::mem::take(&mut self.held) {
            match held.wants {
                Wants::List(id, list) => self.tell(&id, list, Items::new(), out),
                Wants::Answer(id, method, _) => out.push(refused(&id, &method, why)),
                Wants::Batch(ids) if !ids.is_empty() => out.push(refused_batch(&ids, why)),
                // What wants no answer may still matter to a server that comes later.
                Wants::Batch(_) | Wants::Nothing => self.held.push(held),
            }
        }
    }

    /// There may be a server after all.
    pub fn hope(&mut self) {
        self.failed = None;
    }

    /// Ends the desk's work: what was told, and what was held. A list that the server cannot have is answered here.
    pub fn hand_over(&mut self, able: &Value, out: &mut Vec<Line>) -> Handover {
        let mut handover = Handover { initialized: self.initialized.take(), ..Handover::default() };
        for held in std::mem::take(&mut self.held) {
            match held.wants {
                Wants::List(id, list) if able.get(list.capability()).is_none() => {
                    self.tell(&id, list, Items::new(), out);
                }
                Wants::List(_, list) => {
                    // What it was told before is forgotten: the server answers.
                    *self.lists.of(list) = None;
                    handover.held.push(held.line);
                }
                _ => handover.held.push(held.line),
            }
        }
        handover.told = std::mem::take(&mut self.lists);
        handover.continued = std::mem::take(&mut self.continued);
        handover
    }

    /// Everything that the client said before any of it was answered.
    pub fn unanswered(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.held).into_iter().map(|held| held.line).collect()
    }
}

impl Wants {
    /// The one request that waits.
    fn single(&self) -> Option<&Id> {
        match self {
            Wants::List(id, _) | Wants::Answer(id, ..) => Some(id),
            Wants::Batch(_) | Wants::Nothing => None,
        }
    }
}

/// A tool's failure is for the model to read; anything else is an error of the protocol.
fn refused(id: &Id, method: &str, why: &str) -> Line {
    if method == "tools/call" {
        let result = json!({ "content": [{ "type": "text", "text": why }], "isError": true });
        return message::result(id, &result.to_string());
    }
    message::error(id, INTERNAL_ERROR, why)
}

fn refused_batch(ids: &[Id], why: &str) -> Line {
    let errors: Vec<String> = ids
        .iter()
        .map(|id| String::from_utf8_lossy(&message::error(id, INTERNAL_ERROR, why)).trim_end().to_owned())
        .collect();
    format!("[{}]\n", errors.join(",")).into_bytes()
}

/// Progress must grow, and the server counts from zero when it comes: ours stays far below one.
fn progress(token: &str, count: u32, doing: &str) -> Line {
    let (count, message) = (count.min(999_999), Value::from(doing));
    let params = format!("{{\"progressToken\":{token},\"progress\":0.{count:06},\"message\":{message}}}");
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{params}}}\n").into_bytes()
}
