//! Windows: no `exec`, no sessions to leave; a server is a child that is waited for.

#![allow(clippy::disallowed_methods)]

use super::{Hold, Terminal};
use crate::fault;
use crate::lock::{self, Attempt, Lock};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A file that is always there, and empty.
pub const NO_FILE: &str = "nul";

/// `DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP`.
const DETACHED: u32 = 0x0000_0008 | 0x0000_0200;
/// `CREATE_BREAKAWAY_FROM_JOB`, refused by jobs that do not allow it.
const BREAKAWAY: u32 = 0x0100_0000;
/// `CREATE_NO_WINDOW`: an installer must not flash a console at the user.
const NO_WINDOW: u32 = 0x0800_0000;
/// How long a builder waits for the lock that its starter has just let go.
const HANDOVER: Duration = Duration::from_secs(5);

/// The process that a job started.
pub(super) struct Group(u32);

impl Group {
    pub(super) fn of(child: &Child, _terminal: Terminal) -> Self {
        Self(child.id())
    }

    /// Ends the process and what it started.
    pub(super) fn end(&self, _again: bool) {
        let pid = self.0.to_string();
        let mut command = Command::new("taskkill");
        command.args(["/T", "/F", "/PID", pid.as_str()]).stdout(Stdio::null()).stderr(Stdio::null());
        // It may be gone already.
        let _ = command.creation_flags(NO_WINDOW).status();
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

/// Starts `program` outside our job where that is allowed. A lock here belongs to one process, so it
/// is let go and the builder takes it anew; whoever comes first builds, the others find it built.
///
/// # Errors
/// The program cannot be started.
pub fn spawn_detached(program: &Path, args: &[OsString], hold: Hold, log: &File) -> io::Result<()> {
    let life = match hold {
        Hold::Lock(_) => None,
        Hold::Life(writer) => Some(writer),
    };
    fault::point("detach", program)?;
    let start = |flags| {
        let mut command = Command::new(program);
        let life = life.as_ref().map(|writer| writer.try_clone()).transpose()?;
        command
            .args(args)
            .stdin(life.map_or_else(Stdio::null, Stdio::from))
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
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

/// Takes the lock that the starter let go.
pub fn inherited_lock(path: &Path) -> Option<Lock> {
    let until = Instant::now() + HANDOVER;
    while Instant::now() < until {
        match lock::try_exclusive(path) {
            Ok(Attempt::Held(lock)) => return Some(lock),
            Ok(Attempt::Busy) => std::thread::sleep(Duration::from_millis(20)),
            Ok(Attempt::Unsupported) | Err(_) => return None,
        }
    }
    None
}

/// Starts `program`, waits for it and ends with its status, `keep` open all the while.
/// Returns only when it could not be started.
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
    let status = command.status();
    drop(keep);
    match status {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(e) => e,
    }
}

/// How a process ended, for a person.
pub fn describe_end(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"))
}
