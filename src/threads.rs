//! Threads: what is handed from one to another. Smaller in the program than std's channels, of which a few would do.

use crate::error::{Error, Kind};
use crate::output;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// A queue that many fill and one empties.
#[derive(Debug)]
pub struct Inbox<T>(Arc<(Mutex<VecDeque<T>>, Condvar)>);

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(VecDeque::new()), Condvar::new())))
    }
}

impl<T> Inbox<T> {
    /// Adds something; says whether anybody else still has this inbox.
    pub fn push(&self, item: T) -> bool {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(item);
        self.0.1.notify_one();
        Arc::strong_count(&self.0) > 1
    }

    /// Takes what came first, or waits for it until then.
    pub fn take(&self, until: Option<Instant>) -> Option<T> {
        let mut queue = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(item) = queue.pop_front() {
                return Some(item);
            }
            queue = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.0.1.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => self.0.1.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

/// Starts a thread that nobody waits for. Where the system has no more of them, that is the end of the program: who
/// relies on the thread would wait for it for ever.
pub fn spawn(act: impl FnOnce() + Send + 'static) {
    if let Err(e) = try_spawn(act) {
        let error = Error::new(Kind::Io, "start a thread").because(e);
        output::error(&error.hint("close other programs, or allow more processes"));
        panic!("there are no more threads");
    }
}

/// Starts a thread that nobody waits for.
///
/// # Errors
/// The system has no more of them.
pub fn try_spawn(act: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Boxed, so that what starts a thread is in the program once.
    let act: Box<dyn FnOnce() + Send> = Box::new(act);
    std::thread::Builder::new().spawn(act).map(drop)
}
