//! Where bytes leave: a queue in front of a pipe, so that whoever speaks never waits for whoever listens.
//!
//! Two parties that both write before they read must not block each other through us, as they do not through two
//! pipes. So a thread of its own writes, and a reader that is ahead of it pauses before it reads on. Where bytes are
//! only copied, whoever reads them writes them: one thread for each direction is enough then.

use super::pump::NOTHING_YET;
use crate::threads::spawn;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes may wait before a reader pauses.
const HIGH: usize = 1024 * 1024;

type Sink = Box<dyn Write + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    /// Bytes in the queue or being written.
    bytes: usize,
    /// Where to write; nowhere while somebody does.
    sink: Option<Sink>,
    closing: bool,
    /// Nobody listens any more.
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A pipe that takes any number of bytes at once.
#[derive(Clone)]
pub struct Outlet(Arc<Shared>);

impl Outlet {
    /// Writes to `sink` from now on.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        let outlet = Self(Arc::default());
        outlet.state().sink = Some(Box::new(sink));
        let writer = outlet.clone();
        spawn(move || writer.write_all());
        outlet
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds bytes; what nobody listens to is gone.
    pub fn push(&self, bytes: Vec<u8>) {
        let mut state = self.state();
        if !state.ended && !state.closing {
            state.bytes += bytes.len();
            state.queue.push_back(bytes);
            self.0.changed.notify_all();
        }
    }

    /// Writes bytes in this thread, after all that was added before; says whether anybody listens.
    pub fn write(&self, bytes: &[u8]) -> bool {
        let mut state = self.state();
        while !state.ended && (state.sink.is_none() || !state.queue.is_empty()) {
            state = self.wait(state);
        }
        if state.ended || state.closing {
            return false;
        }
        let Some(mut sink) = state.sink.take() else { return false };
        state.bytes += bytes.len();
        drop(state);
        let written = write(&mut sink, bytes);
        self.put_back(sink, bytes.len(), written.is_ok())
    }

    fn put_back(&self, sink: Sink, bytes: usize, listens: bool) -> bool {
        let mut state = self.state();
        state.bytes -= bytes;
        if listens {
            state.sink = Some(sink);
        } else {
            state.ended = true;
            state.queue.clear();
            state.bytes = 0;
        }
        self.0.changed.notify_all();
        listens
    }

    /// Ends the stream when all of it is written.
    pub fn close(&self) {
        self.state().closing = true;
        self.0.changed.notify_all();
    }

    /// Waits while too much is in the queue; says whether anybody listens.
    pub fn wait_until_low(&self) -> bool {
        let mut state = self.state();
        while state.bytes > HIGH && !state.ended {
            state = self.wait(state);
        }
        !state.ended
    }

    /// Waits a while until all is written or nobody listens; says whether it is so.
    pub fn wait_until_empty(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.state();
        while state.bytes > 0 && !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Whether all is written, or nobody listens.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        state.ended || state.bytes == 0
    }

    fn write_all(&self) {
        while let Some((mut sink, batch)) = self.take() {
            let bytes: usize = batch.iter().map(Vec::len).sum();
            let written = batch.iter().try_for_each(|piece| write(&mut sink, piece));
            if !self.put_back(sink, bytes, written.is_ok()) {
                return;
            }
        }
    }

    /// What is to be written next, and where. At the end the sink is dropped, which ends the stream.
    fn take(&self) -> Option<(Sink, VecDeque<Vec<u8>>)> {
        let mut state = self.state();
        loop {
            if state.ended {
                return None;
            }
            if state.queue.is_empty() && state.closing && state.sink.take().is_some() {
                state.ended = true;
                self.0.changed.notify_all();
                return None;
            }
            if !state.queue.is_empty()
                && let Some(sink) = state.sink.take()
            {
                return Some((sink, std::mem::take(&mut state.queue)));
            }
            state = self.wait(state);
        }
    }
}

/// Writes all of it, also where a pipe that is full does not wait by itself.
fn write(sink: &mut impl Write, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match sink.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(NOTHING_YET),
            Err(e) => return Err(e),
        }
    }
    sink.flush()
}
