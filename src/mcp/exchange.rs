//! The conversation between a client and a server that comes later, as a pure machine: lines in, lines out.
//!
//! While there is no server, the desk speaks ([`super::desk`]). When one comes it gets what the client had sent, its
//! lists are compared with what was told, and from then on every line passes; what is learned on the way is kept as
//! a snapshot ([`super::lists`]). When nothing is left to learn or to mend, nobody looks at the bytes any more.

use super::desk::Desk;
use super::lists::Lists;
use super::message::{self, Id, Line, Message, parse, request_id};
use crate::output::harmless;
use crate::snapshot::{List, Snapshot};
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// How long after a server's first answer its lists are looked at when the client asks for them.
const LEARNING: Duration = Duration::from_secs(30);

/// Who answers the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// We do.
    Desk,
    /// We do, and a server was greeted in the client's name.
    Greeting,
    /// The server, if there is one.
    Open,
    /// Nobody: it is no conversation of this protocol.
    Plain,
}

/// What is to be sent, in order, and what else came of a line.
#[derive(Debug, Default)]
pub struct Out {
    /// For the client.
    pub client: Vec<Line>,
    /// For the server.
    pub server: Vec<Line>,
    /// The server answered its greeting with this error.
    pub refused: Option<String>,
    /// There is more in the snapshot than before.
    pub learned: bool,
}

/// A conversation.
#[derive(Debug)]
pub struct Exchange {
    phase: Phase,
    desk: Desk,
    begun: bool,
    server_is_there: bool,
    proven: Option<Instant>,
    /// What a server that has not proved itself was sent, for another one in its place.
    opening: Vec<(Vec<Id>, Line)>,
    lists: Lists,
}

impl Exchange {
    /// A conversation for which a server will come later (`desk` speaks until then), or is about to (`ready`).
    pub fn new(desk: Desk, ready: bool, snapshot: Snapshot) -> Self {
        Self {
            phase: if ready { Phase::Open } else { Phase::Desk },
            desk,
            begun: false,
            server_is_there: false,
            proven: None,
            opening: Vec::new(),
            lists: Lists::new(snapshot),
        }
    }

    /// What the server said of itself so far.
    pub fn snapshot(&self) -> &Snapshot {
        &self.lists.snapshot
    }

    /// Whether it has shown that it is no conversation of this protocol.
    pub fn is_plain(&self) -> bool {
        self.phase == Phase::Plain
    }

    /// Whether the client has said anything yet.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the client still gets its answers from us, and not from a server.
    pub fn is_at_desk(&self) -> bool {
        matches!(self.phase, Phase::Desk | Phase::Greeting)
    }

    /// Whether the client is still told things that no server said, or that are not compared with the server's yet.
    pub fn is_answering(&self) -> bool {
        self.is_at_desk() || self.lists.is_comparing()
    }

    /// When the client is next told of a list that changed.
    pub fn next_correction(&self) -> Option<Instant> {
        self.lists.next_correction()
    }

    /// Whether a server has answered.
    pub fn is_proven(&self) -> bool {
        self.proven.is_some()
    }

    /// Whether nobody needs to look at the bytes any more, which are then not lines but bytes.
    pub fn is_through(&self, now: Instant) -> bool {
        match (self.phase, self.proven) {
            (Phase::Plain, _) => self.server_is_there,
            (Phase::Open, Some(since)) => {
                let busy = self.lists.is_comparing() || self.lists.is_correcting() || self.lists.is_continuing(now);
                !busy && (now.duration_since(since) > LEARNING || self.lists.knows_all())
            }
            _ => false,
        }
    }

    /// It is no conversation of this protocol: what was said goes to the program as it is.
    pub fn be_plain(&mut self, out: &mut Out) {
        self.phase = Phase::Plain;
        self.begun = true;
        self.opening.extend(self.desk.unanswered().into_iter().map(|line| (Vec::new(), line)));
        self.flush_plain(out);
    }

    fn flush_plain(&mut self, out: &mut Out) {
        if self.server_is_there {
            out.server.extend(self.opening.drain(..).map(|(_, line)| line));
        }
    }

    /// Takes a line of the client.
    pub fn from_client(&mut self, line: &[u8], now: Instant, out: &mut Out) {
        let first_page = message::from_the_start(line);
        let line = first_page.as_deref().unwrap_or(line);
        let blank = line.trim_ascii().is_empty();
        if !self.begun && !blank && matches!(parse(line), Message::Other) {
            self.be_plain(out);
        }
        self.begun |= !blank;
        match self.phase {
            // It answers the server, which may ask before it has answered the greeting.
            Phase::Greeting if matches!(parse(line), Message::Response(..)) => out.server.push(line.to_vec()),
            Phase::Desk | Phase::Greeting => self.desk.hear(line, now, &mut out.client),
            Phase::Open => self.pass_to_server(line, now, out),
            Phase::Plain => {
                self.opening.push((Vec::new(), line.to_vec()));
                self.flush_plain(out);
            }
        }
    }

    fn pass_to_server(&mut self, line: &[u8], now: Instant, out: &mut Out) {
        let mut ids = Vec::new();
        let mut greets = false;
        match parse(line) {
            Message::Request(id, call) => {
                if let Some(list) = List::asked_by(&call.method) {
                    let first_page = call.params().cursor.is_none();
                    self.lists.client_asks(id.clone(), list, first_page);
                }
                ids.push(id);
            }
            Message::Notification(call) => greets = call.method == "notifications/initialized",
            Message::Batch(messages) => ids.extend(messages.iter().filter_map(|message| request_id(message.get()))),
            Message::Response(..) | Message::Other => {}
        }
        if self.proven.is_none() {
            self.opening.push((ids, line.to_vec()));
        }
        if self.server_is_there {
            out.server.push(line.to_vec());
        }
        if greets {
            self.lists.ask(now, &mut out.server);
        }
    }

    /// A server was started. It gets what the client had sent.
    pub fn server_up(&mut self, now: Instant, out: &mut Out) {
        self.server_is_there = true;
        self.hope();
        match (self.phase, self.desk.initialize()) {
            (Phase::Plain, _) => self.flush_plain(out),
            (Phase::Desk | Phase::Greeting, Some(initialize)) => {
                out.server.push(initialize.clone());
                self.phase = Phase::Greeting;
            }
            (Phase::Desk | Phase::Greeting, None) => {
                self.phase = Phase::Open;
                self.desk.unanswered().iter().for_each(|line| self.pass_to_server(line, now, out));
            }
            (Phase::Open, _) => out.server.extend(self.opening.iter().map(|(_, line)| line.clone())),
        }
    }

    /// The server is gone before it answered; another may come.
    pub fn server_gone(&mut self) {
        self.server_is_there = false;
        if self.phase == Phase::Greeting {
            self.phase = Phase::Desk;
        }
    }

    /// Somebody tries again to make a server possible.
    pub fn hope(&mut self) {
        self.desk.hope();
    }

    /// There will be no server, for this reason, until somebody tries again.
    pub fn fail(&mut self, why: &str, out: &mut Out) {
        // An installer's words may be in it, and a client shows them on a terminal.
        let why = &harmless(why);
        match self.phase {
            Phase::Desk | Phase::Greeting => {
                self.phase = Phase::Desk;
                self.desk.fail(why, &mut out.client);
            }
            Phase::Open => {
                let ids = self.opening.drain(..).flat_map(|(ids, _)| ids);
                out.client.extend(ids.map(|id| message::error(&id, message::INTERNAL_ERROR, why)));
            }
            Phase::Plain => {}
        }
    }

    /// Takes a line of the server.
    pub fn from_server(&mut self, line: &[u8], now: Instant, out: &mut Out) {
        if self.phase == Phase::Plain || !self.begun {
            out.client.push(line.to_vec());
            return;
        }
        match parse(line) {
            Message::Response(id, outcome) => {
                if self.phase == Phase::Greeting && self.is_greeting(&id) {
                    match outcome {
                        Ok(result) => self.open(result, now, out),
                        Err(error) => out.refused = Some(error.get().to_owned()),
                    }
                    return;
                }
                if let Some(learned) = self.lists.own_answer(&id, outcome.ok(), now, &mut out.server) {
                    out.learned |= learned;
                    self.lists.correct(now, &mut out.client);
                    return;
                }
                self.learn(&id, outcome.ok(), now, out);
            }
            // The answer to the greeting may be among them, which is not the client's: it has one.
            Message::Batch(messages) if self.phase == Phase::Greeting => {
                for message in messages {
                    self.from_server(format!("{message}\n").as_bytes(), now, out);
                }
                return;
            }
            Message::Batch(messages) => {
                for message in messages {
                    if let Message::Response(id, outcome) = parse(message.get().as_bytes()) {
                        self.learn(&id, outcome.ok(), now, out);
                    }
                }
            }
            _ => {}
        }
        out.client.push(line.to_vec());
    }

    fn is_greeting(&self, id: &Id) -> bool {
        let sent = self.desk.initialize().map(|line| parse(line));
        matches!(sent, Some(Message::Request(sent, _)) if sent == *id)
    }

    /// The server answered the greeting that we had answered before it came.
    fn open(&mut self, result: &RawValue, now: Instant, out: &mut Out) {
        self.phase = Phase::Open;
        self.prove(Some(result), now, out);
        let able = self.lists.snapshot.capabilities().unwrap_or_default();
        let handover = self.desk.hand_over(&able, &mut out.client);
        self.lists.were_told(handover.told, handover.continued, &able, now);
        let lines = handover.initialized.iter().chain(&handover.held);
        lines.for_each(|line| self.pass_to_server(line, now, out));
    }

    fn prove(&mut self, initialize: Option<&RawValue>, now: Instant, out: &mut Out) {
        self.proven.get_or_insert(now);
        self.lists.snapshot.initialize = initialize.map(RawValue::to_owned);
        self.opening.clear();
        out.learned = true;
    }

    /// The server answered a request of the client. Any answer but that it is there proves that it starts.
    fn learn(&mut self, id: &Id, result: Option<&RawValue>, now: Instant, out: &mut Out) {
        out.learned |= self.lists.learn(id, result);
        let Some(at) = self.opening.iter().position(|(ids, _)| ids.contains(id)) else { return };
        let method = match parse(&self.opening[at].1) {
            Message::Request(_, call) => call.method,
            _ => String::new(),
        };
        self.close(at, id);
        match result {
            Some(result) if method == "initialize" => self.prove(Some(result), now, out),
            Some(_) if method != "ping" => self.prove(None, now, out),
            _ => {}
        }
    }

    /// What was answered is not asked of another server, which would answer it again.
    fn close(&mut self, at: usize, id: &Id) {
        let (ids, line) = &mut self.opening[at];
        if let Some(answered) = ids.iter().position(|waiting| waiting == id) {
            ids.remove(answered);
        }
        if ids.is_empty() {
            self.opening.remove(at);
        } else {
            *line = message::without(line, id);
        }
    }

    /// Lets time pass: what is being done meanwhile is told to those who wait for it.
    pub fn tick(&mut self, doing: &dyn Fn() -> String, now: Instant, out: &mut Out) {
        if self.is_at_desk() {
            self.desk.tick(doing, now, &mut out.client);
        }
        self.lists.correct(now, &mut out.client);
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
