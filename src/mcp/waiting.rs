//! The wait for a home, and after a failure the wait until another attempt may end otherwise.

use super::pump::Event;
use crate::error::Error;
use crate::failure::{self, ONLY_A_CHANGE_HEALS};
use crate::home::Wanted;
use crate::threads::{Inbox, spawn};
use std::time::{Duration, Instant};

/// How often it is looked whether something changed.
const LOOK: Duration = Duration::from_secs(5);
/// How long until something that no installer decided is tried again.
const SHORT: Duration = Duration::from_secs(30);
/// The longest pause between two attempts in one session.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// When another attempt may end otherwise.
#[derive(Debug)]
pub struct Again {
    /// What things were like when it failed.
    state: String,
    /// When time may have healed it; never, where only a change does.
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

/// How long a session pauses after so many failed attempts; `None` where only a change heals.
pub fn pause_after(error: &Error, attempts: u32) -> Option<Duration> {
    let class = error.class.map(failure::by_code);
    let pause = class.map_or(SHORT, |class| class.pause);
    let longer = pause.max(LOOK) * 2_u32.saturating_pow(attempts.min(10));
    (pause < ONLY_A_CHANGE_HEALS).then_some(longer.min(LONGEST))
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
    use crate::error::Kind;

    #[test]
    fn pauses_grow_where_time_heals_and_do_not_end_where_only_a_change_does() {
        let of = |class| Error { class: Some(class), ..Error::new(Kind::InstallFailed, "install") };
        let seconds = |attempts| pause_after(&of("dns"), attempts).map(|pause| pause.as_secs());
        assert_eq!([0, 1, 2, 40].map(seconds), [Some(10), Some(20), Some(40), Some(900)]);
        assert_eq!(pause_after(&of("no-matching-version"), 0), None);
        assert_eq!(pause_after(&Error::new(Kind::NoInstaller, "find"), 0), Some(SHORT));
    }
}
