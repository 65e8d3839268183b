//! A conversation from its begin to its end: who waits, who is started, and who takes whose place.

use super::desk::Desk;
use super::exchange::Exchange;
use super::outlet::Outlet;
use super::pump::{Event, Shared, Talk, hear_first, lock, read_client};
use super::running::Running;
use super::waiting::{self, Again};
use crate::child::{self, Server};
use crate::error::{Error, Kind, Result};
use crate::home::{Home, Wanted};
use crate::launch::{Scene, Start};
use crate::lock::Lock;
use crate::news;
use crate::output;
use crate::process::describe_end;
use crate::progress;
use crate::proof::Failed;
use crate::snapshot::Snapshot;
use crate::store::{Sealed, Store};
use crate::threads::{Inbox, spawn};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often those who wait are told something, and what holds them is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a server whose client is gone may take to answer its greeting.
const GREETING: Duration = Duration::from_secs(10);
/// What becomes of a plugin whose server does not start with its new packages.
const FELL_BACK: &str = "its previous ones are used until something changes; see `plugdeps --check`";
/// How many lines of a server that did not start are kept.
const SAID: usize = 12;

/// A conversation and everybody in it.
struct Relay {
    wanted: Wanted,
    plugin: String,
    store: Store,
    talk: Shared,
    events: Inbox<Event>,
    server: Option<Running>,
    servers: u32,
    /// In which generation the server did not start before, and how it ended there.
    instead_of: Option<(Sealed, Failed)>,
    /// Why there is no server.
    failure: Option<Error>,
    attempts: u32,
    /// When the client said its last word.
    client_ended: Option<Instant>,
    asked_to_end: bool,
    desk: Option<Lock>,
}

/// Speaks for a server until it is there, or watches it start where it has a home already. `words` is what the client
/// has said. Returns the exit status.
///
/// # Errors
/// There can be no server, and nobody is there to be told by the protocol.
pub fn run(wanted: Wanted, plugin: &str, snapshot: Option<Snapshot>, home: Option<Home>, words: &[u8]) -> Result<i32> {
    let streams = child::standard_streams().map_err(|e| Error::new(Kind::Io, "listen to the client").because(e))?;
    let mut relay = Relay::new(wanted, plugin, snapshot, home.is_some(), Outlet::new(streams.1));
    let signals = relay.events.clone();
    child::on_signals(move |number| _ = signals.push(Event::Signal(number)))
        .map_err(|e| Error::new(Kind::Io, "listen to signals").because(e))?;
    let unfinished = hear_first(&relay.talk, &relay.events, words);
    match home {
        Some(home) => _ = relay.events.push(Event::Waited(Box::new(Ok(home)))),
        None => relay.wait(None),
    }
    let (talk, events) = (relay.talk.clone(), relay.events.clone());
    spawn(move || read_client(&talk, &events, unfinished, streams.0));
    relay.attend()
}

impl Relay {
    fn new(wanted: Wanted, plugin: &str, snapshot: Option<Snapshot>, ready: bool, client: Outlet) -> Self {
        let own = wanted.key.snapshot_of();
        let exchange = Exchange::new(Desk::new(plugin, snapshot), ready, own);
        let talk = Talk { exchange, client, server: None };
        Self {
            store: Store::new(&wanted.place.data, &wanted.environment),
            wanted,
            plugin: plugin.to_owned(),
            talk: Arc::new(Mutex::new(talk)),
            events: Inbox::default(),
            server: None,
            servers: 0,
            instead_of: None,
            failure: None,
            attempts: 0,
            client_ended: None,
            asked_to_end: false,
            desk: None,
        }
    }

    /// Attends to whatever happens, until the end.
    fn attend(&mut self) -> Result<i32> {
        loop {
            let through = lock(&self.talk).exchange.is_through(Instant::now());
            // Without anything to watch there is nothing to wake up for.
            let idle = match &self.server {
                Some(server) => through && server.status.is_none(),
                None => self.failure.is_some(),
            };
            let event = self.events.take(if idle { None } else { self.next_look() });
            if let Some(code) = event.map_or(Ok(None), |event| self.handle(event))? {
                return Ok(code);
            }
            if let Some(code) = self.look_after()? {
                return Ok(code);
            }
        }
    }

    /// Until when nothing is to be done unless something happens.
    fn next_look(&self) -> Option<Instant> {
        let talk = lock(&self.talk);
        let watches = talk.exchange.is_answering() || self.desk.is_some();
        let ends = self.server.as_ref().is_none_or(|server| server.status.is_some());
        let tick = (watches || ends).then(|| Instant::now() + TICK);
        tick.into_iter().chain(talk.exchange.next_correction()).min()
    }

    fn handle(&mut self, event: Event) -> Result<Option<i32>> {
        let current = self.server.as_ref().map(|server| server.number);
        match event {
            Event::Again => {
                lock(&self.talk).exchange.hope();
                self.failure = None;
            }
            Event::Waited(home) => match *home {
                Ok(home) => return self.start(home),
                Err(error) => self.has_no_home(error),
            },
            Event::ClientEnded => return Ok(self.client_ended().map(|code| self.end(code))),
            Event::Learned(number) if Some(number) == current => self.keep_proof(),
            Event::Refused(number, why) if Some(number) == current => {
                return Ok(self.gave_no_answer(format!("it refused `initialize`: {why}"), 1));
            }
            Event::ServerSilent(number) if Some(number) == current => {
                self.server.iter_mut().for_each(|server| server.silent = true);
            }
            Event::ServerEnded(number, status) if Some(number) == current => {
                let status = status.map_err(|e| Error::new(Kind::Io, "wait for the server").because(e))?;
                self.server.iter_mut().for_each(|server| server.status = Some((status, Instant::now())));
            }
            Event::Signal(number) => {
                self.asked_to_end = true;
                match &self.server {
                    Some(server) => server.target.signal(number),
                    None => return Ok(Some(self.end(child::signalled(number)))),
                }
            }
            // Of a server whose place another has taken, or only to wake us up.
            Event::Plain | Event::Learned(_) | Event::Refused(..) | Event::ServerSilent(_) | Event::ServerEnded(..) => {
            }
        }
        Ok(None)
    }

    /// What time brings.
    fn look_after(&mut self) -> Result<Option<i32>> {
        let plain = {
            let mut talk = lock(&self.talk);
            let doing =
                || if self.server.is_some() { "starting the server".into() } else { progress::doing(&self.store) };
            if self.client_ended.is_none() {
                talk.act(&self.events, |exchange, out| exchange.tick(&doing, Instant::now(), out));
            }
            talk.exchange.is_plain()
        };
        self.hold_desk();
        self.pass_on_the_end();
        if let (true, None, Some(error)) = (plain, &self.server, &self.failure) {
            // Nobody speaks the protocol who could be told by it.
            return Err(error.clone());
        }
        let ended = self.server.as_ref().and_then(|server| server.ended(&lock(&self.talk).client));
        ended.map_or(Ok(None), |status| self.server_ended(status))
    }

    /// Holds the desk's lock while the client gets its answers here, so that a hook can wait until that is over.
    fn hold_desk(&mut self) {
        let speaks = self.failure.is_none() && lock(&self.talk).exchange.is_answering();
        self.desk = if speaks { self.desk.take().or_else(|| self.store.share_desk()) } else { None };
    }

    /// Waits for a home in a thread of its own.
    fn wait(&self, after: Option<Again>) {
        waiting::find(self.wanted.clone(), after, self.events.clone());
    }

    /// Starts the server in its home. Returns the exit status if there is nothing left to do.
    fn start(&mut self, home: Home) -> Result<Option<i32>> {
        let Home { sealed, lease, words } = home;
        let files = self.wanted.files(&words);
        let started = Start::new(&words, Scene::In(&sealed, &self.wanted.place.root));
        let started = started.and_then(|start| Server::start(&start, lease).map_err(|e| start.failed(&e)));
        let mut server = match started {
            Ok(server) => server,
            // A program that the packages no longer bring is as good as one that does not start.
            Err(error) if lock(&self.talk).exchange.has_begun() => {
                let end = error.causes.first().cloned().unwrap_or_default();
                let failed = Failed::new(&self.wanted.key, files, end, Vec::new());
                return Ok(self.did_not_start(sealed, failed, error.kind.info().exit.into()));
            }
            Err(error) => return Err(error),
        };
        self.servers += 1;
        self.failure = None;
        let number = self.servers;
        if let Some(stdin) = server.stdin.take() {
            let mut talk = lock(&self.talk);
            talk.server = Some((Outlet::new(stdin), number));
            talk.act(&self.events, |exchange, out| exchange.server_up(Instant::now(), out));
        }
        self.server = Some(Running::new(server, number, (sealed, files), &self.talk, &self.events));
        Ok(None)
    }

    /// The environment cannot be had.
    fn has_no_home(&mut self, error: Error) {
        output::error(&error);
        let pause = waiting::pause_after(&self.wanted, self.attempts);
        self.attempts += 1;
        let why = format!("{}: its packages could not be installed: {}", self.plugin, error.sentence());
        self.give_up(error, &why, Some(pause));
    }

    /// Tells the client, and waits for something to change: whoever is told may mend it at once.
    fn give_up(&mut self, error: Error, why: &str, pause: Option<Duration>) {
        let again = Again::after(&self.wanted, pause);
        lock(&self.talk).act(&self.events, |exchange, out| exchange.fail(why, out));
        self.failure = Some(error);
        self.wait(Some(again));
    }

    fn client_ended(&mut self) -> Option<i32> {
        self.client_ended = Some(Instant::now());
        let mut talk = lock(&self.talk);
        if !talk.exchange.has_begun() {
            // A command that reads nothing, and no host: that would have said something first.
            talk.act(&self.events, Exchange::be_plain);
        }
        // The build goes on; nobody is left to wait for it here. A server that was greeted hears of the end.
        (talk.exchange.is_at_desk() && self.server.is_none()).then_some(0)
    }

    /// The server hears the end of the client when it has heard all that the client had said, or does not even answer
    /// its greeting.
    fn pass_on_the_end(&self) {
        let Some(ended) = self.client_ended else { return };
        let talk = lock(&self.talk);
        let heard_all = !talk.exchange.is_at_desk() || ended.elapsed() > GREETING;
        talk.server.iter().filter(|_| heard_all).for_each(|(server, _)| server.close());
    }

    /// Ends when the client has read all that was said to it, or we are asked to end at once.
    fn end(&self, code: i32) -> i32 {
        let client = lock(&self.talk).client.clone();
        while !client.wait_until_empty(TICK) {
            if let Some(Event::Signal(number)) = self.events.take(Some(Instant::now())) {
                return child::signalled(number);
            }
        }
        code
    }

    fn server_ended(&mut self, status: ExitStatus) -> Result<Option<i32>> {
        let (proven, plain, begun) = {
            let talk = lock(&self.talk);
            (talk.exchange.is_proven(), talk.exchange.is_plain(), talk.exchange.has_begun())
        };
        // Nobody greeted it, or nobody waits for its answer any more, or somebody ended it: no fault of its packages.
        let expected = plain || !begun || self.client_ended.is_some() || self.asked_to_end || child::was_ended(status);
        if !proven && !expected {
            return Ok(self.gave_no_answer(describe_end(status), child::exit_code(status)));
        }
        Ok(Some(self.end(child::exit_code(status))))
    }

    /// The server gave no answer.
    fn gave_no_answer(&mut self, end: String, code: i32) -> Option<i32> {
        let server = self.server.take()?;
        {
            let mut talk = lock(&self.talk);
            // One that refused the greeting runs still.
            talk.server.take().iter().for_each(|(server, _)| server.close());
            if server.status.is_none() {
                server.target.signal(child::TERMINATE);
            }
            talk.exchange.server_gone();
        }
        let failed = Failed::new(&self.wanted.key, server.files, end, server.tail.lines(SAID));
        self.did_not_start(server.sealed, failed, code)
    }

    /// The command does not start in a generation: it may in another.
    fn did_not_start(&mut self, sealed: Sealed, failed: Failed, code: i32) -> Option<i32> {
        let another = self.wanted.another(&sealed.generation);
        let error = failed.to_error(self.instead_of.is_some() || another.is_some());
        output::error(&error);
        self.note_failed(&sealed, &failed);
        if let (None, Some(home)) = (&self.instead_of, another) {
            output::note(&format!("{} is started with its previous packages", self.plugin));
            self.instead_of = Some((sealed, failed));
            let started = self.start(home).inspect_err(output::error);
            return started.unwrap_or_else(|error| Some(error.kind.info().exit.into()));
        }
        self.instead_of = None;
        let why = format!("{}: {}", self.plugin, error.sentence());
        if lock(&self.talk).exchange.is_at_desk() {
            self.give_up(error, &why, None);
            return None;
        }
        lock(&self.talk).act(&self.events, |exchange, out| exchange.fail(&why, out));
        Some(self.end(code.max(1)))
    }

    /// Remembers that it did not start, unless another window knows better.
    fn note_failed(&self, sealed: &Sealed, failed: &Failed) {
        let (key, generation) = (&self.wanted.key, &sealed.generation);
        if !key.is_proven(generation) && !key.failed(generation).is_some_and(|old| old.excuses(&failed.files)) {
            key.note_failed(generation, failed).err().iter().for_each(output::error);
        }
    }

    /// Keeps what the server said, and so that it starts here.
    fn keep_proof(&mut self) {
        let Some(server) = &self.server else { return };
        let snapshot = lock(&self.talk).exchange.snapshot().clone();
        let proved = self.wanted.key.prove(&server.sealed.generation, &snapshot);
        let told = self.instead_of.take().map(|(sealed, failed)| {
            let (key, old) = (&self.wanted.key, &sealed.generation);
            if key.is_proven(old) || key.failed(old).is_some_and(|known| known.excuses(&failed.files)) {
                return Ok(());
            }
            let text = format!("its server does not start with its new packages ({}); {FELL_BACK}", failed.sentence());
            let failed = Failed { instead: Some(server.sealed.generation.name()), ..failed };
            key.note_failed(old, &failed).and_then(|()| news::leave_fall_back(&self.store, &text))
        });
        // The session goes on without; the next start is watched again.
        [proved.err(), told.and_then(Result::err)].iter().flatten().for_each(output::error);
    }
}
