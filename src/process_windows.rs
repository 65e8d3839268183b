//! Windows: no `exec`, no sessions to leave; a server is a child that is waited for.

#![allow(clippy::disallowed_methods)]

use super::{HERE, Hold, Terminal};
use crate::fault;
use crate::lock::{self, Attempt};
use crate::windows;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::windows::io::AsHandle;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// A file that is always there, and empty.
pub const NO_FILE: &str = "nul";

/// `DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP`.
const DETACHED: u32 = 0x0000_0008 | 0x0000_0200;
/// `CREATE_BREAKAWAY_FROM_JOB`, refused by jobs that do not allow it.
const BREAKAWAY: u32 = 0x0100_0000;
/// `CREATE_NO_WINDOW`: an installer must not flash a console at the user.
const NO_WINDOW: u32 = 0x0800_0000;
/// How long a builder waits for the lock that its starter has just let go. Who has it then builds.
const HANDOVER: Duration = Duration::from_secs(5);

/// Whether a lock goes on with a file that a child inherits. Here it belongs to a process.
pub const HANDS_LOCKS_ON: bool = false;

/// The process that a job started, and what that started; nothing where it had ended before we could look.
pub(super) struct Group(Option<windows::Job>);

impl Group {
    pub(super) fn of(child: &Child, _terminal: Terminal) -> Self {
        Self(windows::Job::of(child).ok())
    }

    /// Ends the process and what it started.
    pub(super) fn end(&self, _again: bool) {
        self.0.iter().for_each(windows::Job::end);
    }
}

pub(super) fn spawn(command: &mut Command, terminal: Terminal) -> io::Result<Child> {
    if terminal == Terminal::None {
        command.creation_flags(NO_WINDOW);
    }
    command.spawn()
}

/// There is no pseudo-terminal to be had simply: progress is shown as lines.
pub(super) fn attach_terminal(command: &mut Command) -> io::Result<Box<dyn Read + Send>> {
    super::attach_pipe(command)
}

/// Starts `program` outside our job where that is allowed.
///
/// # Errors
/// The program cannot be started.
pub fn spawn_detached(program: &Path, args: &[OsString], hold: Hold, log: &File) -> io::Result<()> {
    let Hold::Life(life) = hold else { return Err(io::Error::other("a lock cannot be handed on here")) };
    fault::point("detach", program)?;
    windows::keep_streams();
    let start = |flags| {
        let mut command = Command::new(program);
        command.args(args).stdin(life.try_clone()?).stdout(log.try_clone()?).stderr(log.try_clone()?);
        // Anywhere but in the user's project, which could then not be removed while a build runs.
        if let Some(directory) = std::env::var_os("SystemRoot") {
            command.current_dir(directory);
        }
        command.creation_flags(flags).spawn().map(drop)
    };
    start(DETACHED | BREAKAWAY).or_else(|_: io::Error| start(DETACHED))
}

/// Not used here: [`spawn_detached`] needs no process between.
///
/// # Errors
/// The program cannot be started.
pub fn detach_from_session(program: &Path, args: &[OsString]) -> io::Result<()> {
    Command::new(program).args(args).spawn().map(drop)
}

/// Says that we are there, and takes the lock that the starter then lets go. What we start ends with us: an installer
/// that lived on would write into an environment that nobody will seal.
pub fn inherited_lock(path: &Path) -> Attempt {
    // In a job that allows no further one they live on if we are killed.
    let _ = windows::end_together();
    // Our starter may have been killed meanwhile.
    let _ = say_that_we_are_there();
    let until = Instant::now() + HANDOVER;
    loop {
        match lock::try_exclusive(path) {
            Ok(Attempt::Busy) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
            attempt => return attempt.unwrap_or(Attempt::Unsupported),
        }
    }
}

fn say_that_we_are_there() -> io::Result<()> {
    File::from(io::stdin().as_handle().try_clone_to_owned()?).write_all(HERE)
}

/// Starts `program`, waits for it and ends with its status, `keep` open all the while. It has our own standard streams,
/// and ends with us if we are ended. Returns only when it could not be started.
pub fn become_command(
    program: &Path,
    args: &[OsString],
    environment: &[(&str, Option<OsString>)],
    keep: Option<File>,
) -> io::Error {
    let mut command = Command::new(program);
    command.args(args);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // In a job that allows no further one it outlives us if we are killed, as it would have without this.
    let _ = windows::end_together();
    windows::leave_interrupts();
    let status = fault::point("become", program).and_then(|()| command.status());
    drop(keep);
    match status {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(e) => e,
    }
}

/// Whether somebody ended it, which a status does not tell here.
pub fn was_killed(_status: ExitStatus) -> bool {
    false
}

/// How a process ended, for a person.
pub fn describe_end(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"))
}
