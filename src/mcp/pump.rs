//! The threads that read: lines while somebody has to look at them, bytes afterwards.

use super::exchange::{Exchange, Out};
use super::outlet::Outlet;
use crate::credentials::Known;
use crate::error::Result;
use crate::home::Home;
use crate::log::telling_lines;
use crate::threads::Inbox;
use std::io::{self, Read, Write};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much is read at once, in bytes: what a pipe holds.
const CHUNK: usize = 64 * 1024;
/// How long a pipe is left alone that has nothing to read, or no room, and does not wait by itself.
pub const NOTHING_YET: Duration = Duration::from_millis(2);
/// How much of the end of what a server says to people is kept, in bytes.
const TAIL: usize = 16 * 1024;

/// What happens. Each server has a number.
#[derive(Debug)]
pub enum Event {
    /// After a pause, a home is looked for once more.
    Again,
    /// The wait for a home is over.
    Waited(Box<Result<Home>>),
    /// The client will say no more.
    ClientEnded,
    /// A server will say no more.
    ServerSilent(u32),
    /// A server ended.
    ServerEnded(u32, io::Result<ExitStatus>),
    /// A server's snapshot has grown.
    Learned(u32),
    /// A server answered its greeting with an error.
    Refused(u32, String),
    /// The client showed that it does not speak the protocol.
    Plain,
    /// We are asked to end.
    Signal(i32),
}

/// The conversation and where it leaves.
pub struct Talk {
    /// What is said.
    pub exchange: Exchange,
    /// To the client.
    pub client: Outlet,
    /// To the server, when there is one, and its number.
    pub server: Option<(Outlet, u32)>,
}

impl Talk {
    /// Does something with the conversation, and sends what comes of it before anybody else can send.
    pub fn act(&mut self, events: &Inbox<Event>, act: impl FnOnce(&mut Exchange, &mut Out)) {
        let was_plain = self.exchange.is_plain();
        let mut out = Out::default();
        act(&mut self.exchange, &mut out);
        out.client.into_iter().for_each(|line| self.client.push(line));
        let Some((server, number)) = &self.server else { return };
        out.server.into_iter().for_each(|line| server.push(line));
        let learned = out.learned.then_some(Event::Learned(*number));
        let refused = out.refused.map(|why| Event::Refused(*number, why));
        let plain = (self.exchange.is_plain() && !was_plain).then_some(Event::Plain);
        [learned, refused, plain].into_iter().flatten().for_each(|event| {
            events.push(event);
        });
    }

    /// Whether a server is still the one: another may have taken its place.
    fn is_served_by(&self, number: u32) -> bool {
        self.server.as_ref().is_some_and(|(_, current)| *current == number)
    }
}

/// The conversation as the threads share it.
pub type Shared = Arc<Mutex<Talk>>;

/// Locks the conversation.
pub fn lock(talk: &Shared) -> MutexGuard<'_, Talk> {
    talk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that become lines.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The lines that are whole now.
    fn whole(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                lines.push(std::mem::take(&mut self.rest));
            }
        }
        lines
    }

    /// What came after the last whole line.
    fn rest(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.rest)).filter(|rest| !rest.is_empty())
    }
}

/// Reads until the end, and hands each piece on.
fn read_all(mut reader: impl Read, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) if !take(&buffer[..n]) => return,
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // Whoever started us left it non-blocking, which is not ours to change: it is his as well.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(NOTHING_YET),
            // Its other end is gone: as good as the end.
            Err(_) => return,
        }
    }
}

/// Takes what the client has said already: who asked is known before a server can fail. Returns the unfinished line.
pub fn hear_first(talk: &Shared, events: &Inbox<Event>, words: &[u8]) -> Lines {
    let mut lines = Lines::default();
    if !words.is_empty() {
        client_said(talk, events, &mut lines, words);
    }
    lines
}

/// Reads what the client says, from the unfinished line on.
pub fn read_client(talk: &Shared, events: &Inbox<Event>, mut lines: Lines, words: impl Read) {
    let mut straight: Option<Outlet> = None;
    read_all(words, |bytes| match &straight {
        Some(server) => server.write(bytes),
        None => {
            let (server, through) = client_said(talk, events, &mut lines, bytes);
            // One that is gone may be replaced, as long as the lines are looked at.
            let listens = server.as_ref().is_none_or(Outlet::wait_until_low);
            straight = server.filter(|_| through);
            listens || !through
        }
    });
    if let Some(rest) = lines.rest() {
        lock(talk).act(events, |exchange, out| exchange.from_client(&rest, Instant::now(), out));
    }
    events.push(Event::ClientEnded);
}

/// Takes bytes of the client; the server, if there is one, and whether the bytes that follow go straight to it.
fn client_said(talk: &Shared, events: &Inbox<Event>, lines: &mut Lines, bytes: &[u8]) -> (Option<Outlet>, bool) {
    let mut talk = lock(talk);
    for line in lines.whole(bytes) {
        talk.act(events, |exchange, out| exchange.from_client(&line, Instant::now(), out));
    }
    if !talk.exchange.has_begun() && !may_be_protocol(&lines.rest) {
        talk.act(events, Exchange::be_plain);
    }
    let through = talk.exchange.is_through(Instant::now());
    let server = talk.server.as_ref().map(|(server, _)| server.clone());
    if through && let (Some(server), Some(rest)) = (&server, lines.rest()) {
        server.push(rest);
    }
    (server, through)
}

/// Whether what was said so far may become a message: all of them are objects or arrays.
fn may_be_protocol(rest: &[u8]) -> bool {
    rest.trim_ascii_start().first().is_none_or(|first| matches!(first, b'{' | b'['))
}

/// When a server last said something.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<Option<Instant>>>);

impl Heard {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether it has said nothing for so long.
    pub fn is_quiet_for(&self, time: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() > time)
    }
}

/// Reads what a server says.
pub fn read_server(talk: &Shared, events: &Inbox<Event>, number: u32, heard: &Heard, stdout: impl Read) {
    let mut lines = Lines::default();
    let mut straight: Option<Outlet> = None;
    read_all(stdout, |bytes| {
        heard.now();
        match &straight {
            Some(client) => client.write(bytes),
            None => {
                let (client, through) = server_said(talk, events, number, &mut lines, bytes);
                let listens = client.wait_until_low();
                straight = Some(client).filter(|_| through);
                // Whoever reads no more ends the server's writing, as a pipe between the two would.
                listens
            }
        }
    });
    let mut talk = lock(talk);
    if let Some(rest) = lines.rest() {
        pass(&mut talk, events, number, &rest);
    }
    // It has ended for its client, though it may live on. Before its first answer another may take its place.
    if talk.is_served_by(number) && (talk.exchange.is_proven() || talk.exchange.is_plain()) {
        talk.client.close();
    }
    events.push(Event::ServerSilent(number));
}

/// Takes bytes of a server; the client, and whether the bytes that follow go straight to it.
fn server_said(talk: &Shared, events: &Inbox<Event>, number: u32, lines: &mut Lines, bytes: &[u8]) -> (Outlet, bool) {
    let mut talk = lock(talk);
    if talk.exchange.has_begun() {
        for line in lines.whole(bytes) {
            pass(&mut talk, events, number, &line);
        }
    } else {
        // To somebody who has not said a word: a question of a program that is no server, which may end without a line.
        pass(&mut talk, events, number, bytes);
    }
    let through = talk.exchange.is_through(Instant::now());
    if through && let Some(rest) = lines.rest() {
        talk.client.push(rest);
    }
    (talk.client.clone(), through)
}

/// Takes a line of a server, unless another has taken its place.
fn pass(talk: &mut Talk, events: &Inbox<Event>, number: u32, line: &[u8]) {
    if talk.is_served_by(number) {
        talk.act(events, |exchange, out| exchange.from_server(line, Instant::now(), out));
    }
}

/// The end of what a server said to people.
#[derive(Debug, Clone, Default)]
pub struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    /// Hands on what a server says to people, and keeps the end of it.
    pub fn read(&self, stderr: impl Read) {
        read_all(stderr, |bytes| {
            let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            tail.extend_from_slice(bytes);
            if let Some(excess) = tail.len().checked_sub(TAIL) {
                // To the end of a line: half of an address would not be known for one with a password in it.
                let end = tail[excess..].iter().position(|byte| *byte == b'\n');
                let end = end.map_or(tail.len(), |end| excess + end + 1);
                tail.drain(..end);
            }
            drop(tail);
            // Where nobody listens, the server must not be stopped by it.
            let _ = io::stderr().write_all(bytes);
            true
        });
    }

    /// What tells most of it, at most `count` lines.
    pub fn lines(&self, count: usize) -> Vec<String> {
        let tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        telling_lines(&Known::in_environment().redact(&String::from_utf8_lossy(&tail)), count)
    }
}
