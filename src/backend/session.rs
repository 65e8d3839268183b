//! What the steps of one build share: where installers are heard, until when, and what their end means.

use crate::error::{Error, Kind, Result};
use crate::failure::{self, Class};
use crate::log::Log;
use crate::process::{Job, describe_end, was_killed};
use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

/// What the steps of one build share.
#[derive(Debug)]
pub struct Session<'a> {
    /// Where installers are heard.
    pub log: &'a mut Log,
    /// When the build is ended.
    pub deadline: Instant,
    /// The lease of the generation, which installers hold as their standard input. One that outlives a killed builder
    /// keeps its environment until it ends: an interpreter that lost it half-way would take itself for the user's own,
    /// and packages would go there.
    pub lease: Option<Arc<File>>,
    /// Whether the last build was cut off by the end of the machine: what the installer keeps for the next one may be
    /// hollow.
    pub hollow: bool,
}

/// What to do about an installer that cannot even be started.
const ANEW: &str = "install that program anew, for this machine, or take it off PATH";

impl Session<'_> {
    /// Runs one installer to its end.
    ///
    /// # Errors
    /// It could not be started or failed; the class of the failure comes from its own words.
    pub fn step(&mut self, job: &Job) -> Result<()> {
        self.log.begin_step(&format!("$ {}", job.shown()));
        let terminal = self.log.terminal();
        let job = job.clone().input(self.lease.clone());
        let ended = job.run(terminal, self.deadline, &mut |bytes| self.log.feed(bytes));
        let ended = ended
            .map_err(|e| Error::new(Kind::InstallFailed, format!("start `{}`", job.shown())).because(e).hint(ANEW))?;
        if ended.out_of_time {
            return Err(self.failed(&failure::DEADLINE, "its time was over".into()));
        }
        match ended.status.code() {
            Some(0) => Ok(()),
            code => {
                let killed = was_killed(ended.status) || code.is_some_and(tells_a_kill);
                let class = match failure::classify(self.log.tail()) {
                    unknown if unknown == &failure::UNKNOWN && killed => &failure::KILLED,
                    class => class,
                };
                Err(self.failed(class, describe_end(ended.status)))
            }
        }
    }

    /// A failure of this class, with how it came out and the installer's last words.
    pub fn failed(&mut self, class: &'static Class, end: String) -> Error {
        let mut error = Error::new(Kind::InstallFailed, class.sentence).because(end);
        // A person who watches has just read them.
        if let Some(words) = self.log.last_words().filter(|_| !self.log.is_live()) {
            error = error.because(words);
        }
        error.class = Some(class.code);
        error.hint(class.hint)
    }
}

/// Whether an exit status is that of a process whose own child was killed by signal 9: pip starts another one for an
/// environment outside, and hands on what Python makes of its end.
fn tells_a_kill(code: i32) -> bool {
    [128 + 9, 256 - 9].contains(&code)
}
