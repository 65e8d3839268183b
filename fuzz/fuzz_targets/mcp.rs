//! A conversation, one event a line: `c…` and `s…` are lines of client and server, `u` and `d` a server that comes and
//! goes, `f` a failure, `h` another attempt, `t5` time that passes, `p` what is no conversation. The first line says
//! whether the server is about to come (`R`), the second is what is known of it.
//!
//! However they come: each request of the client is answered at most once, and what we say is one line of JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::mcp::desk::Desk;
use plugdeps::mcp::exchange::{Exchange, Out};
use plugdeps::mcp::message::{Id, Message, parse};
use plugdeps::snapshot::Snapshot;
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// What `t0` to `t7` let pass, in milliseconds.
const PAUSES: [u64; 8] = [1, 10, 250, 1_000, 2_000, 20_000, 31_000, 661_000];

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let ready = lines.next() == Some(b"R");
    let known: Option<Snapshot> = lines.next().and_then(|line| serde_json::from_slice(line).ok());
    let mut talk = Talk::new(ready, known);
    for line in lines {
        let Some((event, rest)) = line.split_first() else { continue };
        if !talk.takes(*event, rest) || talk.exchange.is_through(talk.now) {
            return;
        }
    }
});

struct Talk {
    exchange: Exchange,
    now: Instant,
    server_is_there: bool,
    /// Of the client: what it asked, and what of it was answered.
    asked: Vec<Id>,
    answered: Vec<Id>,
    /// Of the server that is there: what it was asked and has not answered.
    open: Vec<Id>,
}

impl Talk {
    fn new(ready: bool, known: Option<Snapshot>) -> Self {
        let exchange = Exchange::new(Desk::new("x", known), ready, Snapshot::default());
        let (asked, answered, open) = Default::default();
        Self { exchange, now: Instant::now(), server_is_there: false, asked, answered, open }
    }

    /// Lets something happen that can happen now; says whether the conversation goes on.
    fn takes(&mut self, event: u8, rest: &[u8]) -> bool {
        let line = [rest, b"\n"].concat();
        match event {
            b'c' => self.client_says(&line),
            b's' if self.server_is_there && self.may_say(&line) => self.server_says(&line),
            b'u' if !self.server_is_there => {
                self.server_is_there = true;
                let now = self.now;
                self.act(None, |exchange, out| exchange.server_up(now, out));
            }
            // The end of one that had answered is the end of the session.
            b'd' if self.server_is_there => {
                self.server_is_there = false;
                self.open.clear();
                self.exchange.server_gone();
                return !self.exchange.is_proven();
            }
            b'f' if !self.server_is_there => {
                let at_desk = self.exchange.is_at_desk();
                self.act(None, |exchange, out| exchange.fail("it \"failed\"\n", out));
                return at_desk;
            }
            b'h' if !self.server_is_there => self.exchange.hope(),
            b't' => self.time_passes(rest),
            b'p' if !self.exchange.has_begun() => self.act(None, Exchange::be_plain),
            _ => {}
        }
        true
    }

    fn client_says(&mut self, line: &[u8]) {
        self.asked.extend(requests(line));
        let now = self.now;
        self.act(None, |exchange, out| exchange.from_client(line, now, out));
    }

    fn server_says(&mut self, line: &[u8]) {
        let now = self.now;
        self.act(Some(line), |exchange, out| exchange.from_server(line, now, out));
    }

    fn time_passes(&mut self, rest: &[u8]) {
        let pause = rest.first().map_or(0, |digit| PAUSES[usize::from(digit % 8)]);
        self.now += Duration::from_millis(pause);
        let now = self.now;
        self.act(None, |exchange, out| exchange.tick(&|| "installing\n\"x\"".into(), now, out));
    }

    /// Whether a server may say this: it answers what it was asked, once.
    fn may_say(&mut self, line: &[u8]) -> bool {
        let mut open = self.open.clone();
        let all = answers(line).iter().all(|id| take(&mut open, id));
        if all {
            self.open = open;
        }
        all
    }

    fn act(&mut self, said: Option<&[u8]>, act: impl FnOnce(&mut Exchange, &mut Out)) {
        let mut out = Out::default();
        act(&mut self.exchange, &mut out);
        if self.server_is_there {
            self.open.extend(out.server.iter().flat_map(|line| requests(line)));
        }
        let plain = self.exchange.is_plain();
        for line in out.client {
            if said != Some(&line) {
                is_one_line_of_json(&line);
            }
            if !plain {
                self.answered.extend(answers(&line));
            }
        }
        self.each_is_answered_once();
    }

    fn each_is_answered_once(&self) {
        let mut asked = self.asked.clone();
        for id in &self.answered {
            assert!(take(&mut asked, id), "{id:?} is answered again");
        }
    }
}

/// Takes one of these ids away; says whether there was one.
fn take(ids: &mut Vec<Id>, id: &Id) -> bool {
    let at = ids.iter().position(|other| other == id);
    at.map(|at| ids.swap_remove(at)).is_some()
}

/// The ids that a line asks for.
fn requests(line: &[u8]) -> Vec<Id> {
    ids(line, |message| match message {
        Message::Request(id, _) => Some(id),
        _ => None,
    })
}

/// The ids that a line answers.
fn answers(line: &[u8]) -> Vec<Id> {
    ids(line, |message| match message {
        Message::Response(id, _) => Some(id),
        _ => None,
    })
}

fn ids(line: &[u8], id: fn(Message<'_>) -> Option<Id>) -> Vec<Id> {
    match parse(line) {
        Message::Batch(messages) => messages.iter().filter_map(|message| id(parse(message.get().as_bytes()))).collect(),
        message => id(message).into_iter().collect(),
    }
}

fn is_one_line_of_json(line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    assert!(serde_json::from_slice::<&RawValue>(line).is_ok(), "no JSON: {text}");
    assert!(line.ends_with(b"\n") && !line[..line.len() - 1].contains(&b'\n'), "no single line: {text}");
}
