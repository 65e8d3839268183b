//! A server that runs, and the threads that listen to it.

use super::outlet::Outlet;
use super::pump::{Event, Heard, Shared, Tail, read_server};
use crate::child::{Server, Target};
use crate::proof::Files;
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
    /// The files of the plugin that its command names, as they were.
    pub files: Files,
    /// What it said last to people.
    pub tail: Tail,
    /// How it ended, and when.
    pub status: Option<(ExitStatus, Instant)>,
    /// Whether all that it said to the client has come.
    pub silent: bool,
    /// When it last said something to the client.
    heard: Heard,
}

impl Running {
    /// Listens to a server from now on, and tells how it ended.
    pub fn new(
        mut server: Server,
        number: u32,
        (sealed, files): (Sealed, Files),
        talk: &Shared,
        events: &Inbox<Event>,
    ) -> Self {
        let (target, tail, heard) = (server.target(), Tail::default(), Heard::default());
        if let Some(stdout) = server.stdout.take() {
            let (talk, events, heard) = (talk.clone(), events.clone(), heard.clone());
            spawn(move || read_server(&talk, &events, number, &heard, stdout));
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
        Self { number, target, sealed, files, tail, status: None, silent: false, heard }
    }

    /// How it ended, once all that it said has come: something that it left running may keep its output open, which is not
    /// waited for when nothing comes any more and the client has heard all that came.
    pub fn ended(&self, client: &Outlet) -> Option<ExitStatus> {
        let (status, at) = self.status?;
        let is_quiet = || at.elapsed() > GRACE && self.heard.is_quiet_for(GRACE) && client.is_empty();
        (self.silent || is_quiet()).then_some(status)
    }
}
