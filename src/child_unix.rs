//! Unix: a lease that is inherited, signals that are passed on.

#![allow(clippy::disallowed_methods)]

use super::Opening;
use crate::lock::Lock;
use crate::process;
use crate::threads;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

/// What a host ends a server with.
const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// How long a client may take to its first word.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

pub(super) fn spawn(command: &mut Command, lease: Option<Lock>) -> io::Result<Child> {
    let lease = lease.map(Lock::into_file);
    if let Some(file) = &lease {
        // The server keeps it open: should we be killed, its environment stays where it is.
        rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())?;
    }
    process::hear_of_children();
    command.spawn()
}

pub(super) fn signal(pid: u32, number: i32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(number)) {
        // It may be gone already.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Has a thread of its own hand over each signal that asks us to end, from now on.
///
/// # Errors
/// The system refuses.
pub fn on_signals(handle: impl Fn(i32) + Send + Clone + 'static) -> io::Result<()> {
    for signal in SIGNALS {
        let (mut reader, writer) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(signal, writer)?;
        let handle = handle.clone();
        threads::spawn(move || {
            let mut byte = [0];
            while reader.read_exact(&mut byte).is_ok() {
                handle(signal);
            }
        });
    }
    Ok(())
}

/// Looks whether somebody talks to us. A client speaks first and at once; one that does not is not waited for.
pub fn first_words() -> Opening {
    let stdin = io::stdin();
    let file = stdin.as_fd().try_clone_to_owned().map(File::from);
    let kind = file.as_ref().map_err(drop).and_then(|file| file.metadata().map_err(drop)).map(|m| m.file_type());
    let Ok(mut file) = file else { return Opening::Nobody };
    if !kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        return Opening::Nobody;
    }
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    if poll(&mut ready, Some(&PATIENCE)).is_ok_and(|count| count == 0) {
        return Opening::Somebody(Vec::new());
    }
    let mut words = vec![0; 64 * 1024];
    match file.read(&mut words) {
        Ok(0) | Err(_) => Opening::Nobody,
        Ok(n) => {
            words.truncate(n);
            Opening::Somebody(words)
        }
    }
}

/// What the client says, and where it listens: without buffers of our own. To be asked for once.
///
/// # Errors
/// The descriptors cannot be duplicated.
pub fn standard_streams() -> io::Result<(File, File)> {
    let (stdin, stdout) = (io::stdin().as_fd().try_clone_to_owned()?, io::stdout().as_fd().try_clone_to_owned()?);
    // From here on there is one way to the client, and where that is closed the client sees the end.
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        rustix::stdio::dup2_stdout(&nowhere)?;
    }
    Ok((stdin.into(), stdout.into()))
}

/// Whether somebody ended it: that says nothing about its packages.
pub fn was_ended(status: ExitStatus) -> bool {
    // SIGHUP, SIGINT, SIGKILL, SIGTERM.
    status.signal().is_some_and(|signal| [1, 2, 9, 15].contains(&signal))
}

/// The exit status with which we end as the server did.
pub fn exit_code(status: ExitStatus) -> i32 {
    // POSIX shells: 128 and the number of the signal.
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
