//! The seam to a server that is our child: its pipes, the signals it is to get, its end.

#![allow(clippy::disallowed_methods)]

use crate::fault;
use crate::launch::Start;
use crate::lock::Lock;
use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

#[cfg(unix)]
#[path = "child_unix.rs"]
mod os;
#[cfg(windows)]
#[path = "child_windows.rs"]
mod os;

pub use os::{exit_code, first_words, on_signals, standard_streams, was_ended};

/// A server that runs, and its pipes.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// What it reads.
    pub stdin: Option<ChildStdin>,
    /// What it says.
    pub stdout: Option<ChildStdout>,
    /// What it says to people.
    pub stderr: Option<ChildStderr>,
}

/// The number of the signal that asks to end.
pub const TERMINATE: i32 = 15;

/// The exit status of whoever was ended by a signal, as shells have it.
pub fn signalled(number: i32) -> i32 {
    128 + number
}

/// How a client begins.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// There is none: standard input is a terminal, a file, or at its end.
    Nobody,
    /// With these bytes; none yet where it takes its time.
    Somebody(Vec<u8>),
}

/// To whom signals go.
#[derive(Debug, Clone, Copy)]
pub struct Target(u32);

impl Server {
    /// Starts a server. The lease of its environment lives as long as it does.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(start: &Start, lease: Option<Lock>) -> io::Result<Self> {
        let mut command = Command::new(&start.program);
        command.args(&start.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in &start.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        fault::point("start", &start.program)?;
        let mut child = os::spawn(&mut command, lease)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Self { child, stdin, stdout, stderr })
    }

    /// To whom signals for it go.
    pub fn target(&self) -> Target {
        Target(self.child.id())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Target {
    /// Passes a signal on.
    pub fn signal(self, number: i32) {
        os::signal(self.0, number);
    }
}
