//! Unix: process groups, sessions, pseudo-terminals, `exec`.

#![allow(clippy::disallowed_methods)]

use super::{Hold, Terminal};
use crate::fault;
use crate::lock::{Attempt, Lock};
use rustix::process::{Pid, Signal};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Once};

/// A file that is always there, and empty.
pub const NO_FILE: &str = "/dev/null";

/// The processes that one job started.
pub(super) struct Group {
    first: Option<Pid>,
    /// Whether they are a group of their own, or in ours.
    own: bool,
}

impl Group {
    pub(super) fn of(child: &Child, terminal: Terminal) -> Self {
        let first = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Self { first, own: terminal == Terminal::None }
    }

    /// Ends all of them at once: an installer that is cut off leaves only what nobody sees yet. In our own group the
    /// first one is interrupted, as by Ctrl-C, and so ends what it started itself; `again`, it alone can be killed.
    pub(super) fn end(&self, again: bool) {
        let Some(pid) = self.first else { return };
        // Any of them may be gone already.
        let _ = match (self.own, again) {
            (true, _) => rustix::process::kill_process_group(pid, Signal::KILL),
            (false, false) => rustix::process::kill_process(pid, Signal::INT),
            (false, true) => rustix::process::kill_process(pid, Signal::KILL),
        };
    }
}

/// Has the ends of children told to us, though whoever started us ignores those of its own: the system would tell
/// nobody. A child does not inherit it.
pub fn hear_of_children() {
    static HEARD: Once = Once::new();
    // The system refuses none but signals that cannot be handled.
    HEARD.call_once(|| _ = signal_hook::flag::register(signal_hook::consts::SIGCHLD, Arc::default()));
}

/// A job without a terminal gets a group of its own, so that its time limit reaches what it started.
/// One that a person watches stays in the person's group, so that Ctrl-C reaches it.
pub(super) fn spawn(command: &mut Command, terminal: Terminal) -> io::Result<Child> {
    hear_of_children();
    if terminal == Terminal::None {
        command.process_group(0);
    }
    command.spawn()
}

/// Gives the command a pseudo-terminal as wide as ours.
pub(super) fn attach_terminal(command: &mut Command) -> io::Result<Box<dyn Read + Send>> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let path = Path::new(OsStr::new(name.to_str().map_err(io::Error::other)?));
    let theirs =
        rustix::fs::open(path, rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY, rustix::fs::Mode::empty())?;
    // Else every line would end with two carriage returns on the outer terminal.
    let mut modes = rustix::termios::tcgetattr(&theirs)?;
    modes.output_modes.remove(rustix::termios::OutputModes::OPOST);
    rustix::termios::tcsetattr(&theirs, rustix::termios::OptionalActions::Now, &modes)?;
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stderr()) {
        rustix::termios::tcsetwinsize(&theirs, size)?;
    }
    let theirs = File::from(theirs);
    command.stdout(theirs.try_clone()?).stderr(theirs);
    Ok(Box::new(File::from(ours)))
}

/// Starts `program` so that no tree-kill of ours reaches it, and hands it what it is to hold.
///
/// The child leaves our session, starts the real process and ends, so that the real one's parent is
/// init: the host kills all descendants of a hook, those in sessions of their own included, and
/// a re-parented process is none. The lock travels as standard input: there is no moment at which
/// nobody holds it.
///
/// # Errors
/// The program cannot be started.
pub fn spawn_detached(program: &Path, args: &[OsString], hold: Hold, log: &File) -> io::Result<()> {
    let stdin = match hold {
        Hold::Lock(lock) => Stdio::from(lock.into_file()),
        Hold::Life(writer) => Stdio::from(writer),
    };
    let mut command = Command::new(program);
    command.arg(super::DETACH).args(args).stdin(stdin).stdout(log.try_clone()?).stderr(log.try_clone()?);
    // Anywhere but in the user's project, which could then not be unmounted while a build runs.
    command.current_dir("/");
    // However the process between ended: whether somebody builds, the lock tells, and what it said is in the log.
    fault::point("detach", program)?;
    hear_of_children();
    command.status().map(drop)
}

/// What the process between does: leaves the session, starts the real one with all it inherited.
///
/// # Errors
/// The program cannot be started.
pub fn detach_from_session(program: &Path, args: &[OsString]) -> io::Result<()> {
    // Fails only for the leader of a group, which is then out of its starter's group already.
    let _ = rustix::process::setsid();
    fault::point("detach", program)?;
    Command::new(program).args(args).spawn().map(drop)
}

/// Whether a lock goes on with a file that a child inherits.
pub const HANDS_LOCKS_ON: bool = true;

/// The lock that [`spawn_detached`] handed over.
pub fn inherited_lock(_path: &Path) -> Attempt {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    match file {
        Ok(file) if file.metadata().is_ok_and(|m| m.is_file()) => Attempt::Held(Lock::from_file(file)),
        _ => Attempt::Unsupported,
    }
}

/// Becomes `program`: same process, same standard streams, and `keep` open, so that the lease it
/// carries ends with the server. Returns only when it could not.
pub fn become_command(
    program: &Path,
    args: &[OsString],
    environment: &[(&str, Option<OsString>)],
    keep: Option<File>,
) -> io::Error {
    if let Some(file) = &keep
        && let Err(e) = rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())
    {
        return e.into();
    }
    let mut command = Command::new(program);
    command.args(args);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    match fault::point("become", program) {
        Ok(()) => command.exec(),
        Err(e) => e,
    }
}

/// Whether somebody ended it, and not a mistake of its own.
pub fn was_killed(status: ExitStatus) -> bool {
    [Some(9), Some(15)].contains(&status.signal())
}

/// How a process ended, for a person.
pub fn describe_end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "killed by signal 9 (often: out of memory)".into(),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
