//! A server that runs, and the threads that listen to it.

use super::outlet::Outlet;
use super::pump::{Event, Shared, Tail, read_server};
use crate::child::{Server, Target};
use crate::store::Sealed;
use crate::threads::{Inbox, spawn};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// How long what a server said before its end may take to arrive.
const GRACE: Duration = Duration::from_secs(1);

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Which of those that were started.
    pub number: u32,
    /// To whom signals for it go.
    pub target: Target,
    /// Where it lives.
    pub sealed: Sealed,
    /// What it said last to people.
    pub tail: Tail,
    /// How it ended, and when.
    pub status: Option<(ExitStatus, Instant)>,
    /// Whether all that it said to the client has come.
    pub silent: bool,
}

impl Running {
    /// Listens to a server from now on, and tells how it ended.
    pub fn new(mut server: Server, number: u32, sealed: Sealed, talk: &Shared, events: &Inbox<Event>) -> Self {
        let (target, tail) = (server.target(), Tail::default());
        if let Some(stdout) = server.stdout.take() {
            let (talk, events) = (talk.clone(), events.clone());
            spawn(move || read_server(&talk, &events, number, stdout));
        }
        let told = Inbox::default();
        let (stderr, kept, all) = (server.stderr.take(), tail.clone(), told.clone());
        spawn(move || {
            stderr.into_iter().for_each(|stderr| kept.read(stderr));
            all.push(());
        });
        let events = events.clone();
        spawn(move || {
            let status = server.wait();
            // What it said last explains its end, if nothing that it left running keeps it from coming.
            told.take(Some(Instant::now() + GRACE));
            events.push(Event::ServerEnded(number, status));
        });
        Self { number, target, sealed, tail, status: None, silent: false }
    }

    /// How it ended, once all that it said has come: something that it left running may keep its output open, which is not
    /// waited for when the client has heard all that came.
    pub fn ended(&self, client: &Outlet) -> Option<ExitStatus> {
        let (status, at) = self.status?;
        (self.silent || (at.elapsed() > GRACE && client.is_idle(GRACE))).then_some(status)
    }
}
