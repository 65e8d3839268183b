//! The wait for a home, and after a failure the wait until another attempt may end otherwise.

use super::pump::Event;
use crate::home::Wanted;
use crate::threads::{Inbox, spawn};
use std::time::{Duration, Instant};

/// How often it is looked whether something changed.
const LOOK: Duration = Duration::from_secs(5);
/// How long until something that no installer decided is tried again.
const SHORT: Duration = Duration::from_secs(30);
/// The longest pause after that.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// When another attempt may end otherwise.
#[derive(Debug)]
pub struct Again {
    /// What things were like when it failed.
    state: String,
    /// When time may have healed it; never, of a server that does not start.
    at: Option<Instant>,
}

impl Again {
    /// After a failure just now.
    pub fn after(wanted: &Wanted, pause: Option<Duration>) -> Self {
        Self { state: wanted.state(), at: pause.map(|pause| Instant::now() + pause) }
    }

    fn wait(&self, wanted: &Wanted) {
        while self.at.is_none_or(|at| Instant::now() < at) && wanted.state() == self.state {
            std::thread::sleep(LOOK);
        }
    }
}

/// How long a session pauses after so many attempts that failed: what was noted of the last one says it, as it does to
/// a session that begins; and where nothing was noted, since no installer was asked, longer and longer.
pub fn pause_after(wanted: &Wanted, attempts: u32) -> Duration {
    let noted = wanted.with_work(|work| Ok(work.pause().map(|(_, left)| left)));
    noted.ok().flatten().unwrap_or_else(|| unnoted(attempts))
}

fn unnoted(attempts: u32) -> Duration {
    SHORT.saturating_mul(2_u32.saturating_pow(attempts)).min(LONGEST)
}

/// Finds a home in a thread of its own, after a pause where there is to be one, and tells of it.
pub fn find(wanted: Wanted, after: Option<Again>, events: Inbox<Event>) {
    spawn(move || {
        if let Some(again) = after {
            again.wait(&wanted);
            events.push(Event::Again);
        }
        events.push(Event::Waited(Box::new(wanted.with_work(|work| wanted.find(work)))));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_where_nothing_was_noted() {
        assert_eq!([0, 1, 2, 40].map(|attempts| unnoted(attempts).as_secs()), [30, 60, 120, 900]);
    }
}
