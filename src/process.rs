//! The seam to other processes: how one is started, listened to, given a deadline and ended.
//!
//! Arguments are arrays; no shell is involved. What the running process inherited reaches children
//! only through here, so that one place removes what must not leak into an installer.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

#[cfg(unix)]
#[path = "process_unix.rs"]
mod os;
#[cfg(windows)]
#[path = "process_windows.rs"]
mod os;

pub use os::{become_command, describe_end, detach_from_session, inherited_lock, spawn_detached};

/// The command that only [`spawn_detached`] writes.
pub const DETACH: &str = "__detach";

/// A command to run to its end.
#[derive(Debug, Clone)]
pub struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    environment: BTreeMap<OsString, Option<OsString>>,
}

/// How a job ended.
#[derive(Debug)]
pub struct Ended {
    /// The status it ended with.
    pub status: ExitStatus,
    /// Whether it was ended because its time was over.
    pub out_of_time: bool,
}

/// What a job may do with the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// It has none: its output is text for a log.
    None,
    /// It believes that it has one, so that its progress can be shown to a person as it is.
    Live,
}

impl Job {
    /// A job that runs `program`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), directory: None, environment: BTreeMap::new() }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// The directory to run in.
    #[must_use]
    pub fn directory(mut self, path: &Path) -> Self {
        self.directory = Some(path.to_path_buf());
        self
    }

    /// Sets a variable for the job.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.into(), Some(value.as_ref().to_owned()));
        self
    }

    /// Hides variables from the job.
    #[must_use]
    pub fn unset<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.environment.extend(names.into_iter().map(|name| (name.into(), None)));
        self
    }

    /// The command as a person would read it.
    pub fn shown(&self) -> String {
        let mut text = self.program.display().to_string();
        for arg in &self.args {
            text.push(' ');
            text.push_str(&arg.to_string_lossy());
        }
        text
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs the job to its end and hands its output, both streams in the order written, to `output`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn run(&self, terminal: Terminal, deadline: Instant, output: &mut dyn FnMut(&[u8])) -> io::Result<Ended> {
        let mut command = self.command();
        let mut reader: Box<dyn Read> = match terminal {
            Terminal::Live => os::attach_terminal(&mut command)?,
            Terminal::None => attach_pipe(&mut command)?,
        };
        let child = os::spawn_in_own_group(&mut command, terminal)?;
        // The command holds our copies of the writing ends; while they are open the output has no end.
        drop(command);
        let watch = Watch::start(os::Group::of(&child), deadline);
        let status = listen(&mut reader, output).and_then(|()| wait(child));
        Ok(Ended { out_of_time: watch.stop(), status: status? })
    }

    /// Runs a short query and returns how it ended and what it said.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn ask(&self, patience: Duration) -> io::Result<(Ended, String)> {
        let mut said = Vec::new();
        let mut keep =
            |bytes: &[u8]| said.extend_from_slice(&bytes[..bytes.len().min(65_536 - said.len().min(65_536))]);
        let ended = self.run(Terminal::None, Instant::now() + patience, &mut keep)?;
        Ok((ended, String::from_utf8_lossy(&said).into_owned()))
    }
}

fn attach_pipe(command: &mut Command) -> io::Result<Box<dyn Read>> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    Ok(Box::new(reader))
}

fn listen(reader: &mut dyn Read, output: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => output(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if os::is_end_of_terminal(&e) => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}

fn wait(mut child: Child) -> io::Result<ExitStatus> {
    child.wait()
}

/// Ends a group of processes when its time is over, unless it is stopped before.
struct Watch {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
    fired: Arc<AtomicBool>,
}

impl Watch {
    fn start(group: os::Group, deadline: Instant) -> Self {
        let (stop, stopped) = mpsc::channel();
        let fired = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&fired);
        let thread = std::thread::spawn(move || {
            let left = deadline.saturating_duration_since(Instant::now());
            if stopped.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                flag.store(true, Ordering::SeqCst);
                group.end();
            }
        });
        Self { stop, thread, fired }
    }

    fn stop(self) -> bool {
        drop(self.stop);
        let _ = self.thread.join();
        self.fired.load(Ordering::SeqCst)
    }
}
