//! The seam to other processes: how one is started, listened to, given a deadline and ended.
//!
//! Arguments are arrays; no shell is involved. What the running process inherited reaches children
//! only through here, so that one place removes what must not leak into an installer.

#![allow(clippy::disallowed_methods)]

use crate::fault;
use crate::lock::Lock;
use crate::threads::{Inbox, spawn, try_spawn};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeWriter, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(unix)]
#[path = "process_unix.rs"]
mod os;
#[cfg(windows)]
#[path = "process_windows.rs"]
mod os;

#[cfg(unix)]
pub use os::hear_of_children;
pub use os::spawn_detached;
pub use os::{HANDS_LOCKS_ON, NO_FILE, become_command, describe_end, detach_from_session, inherited_lock, was_killed};

/// The command that only [`spawn_detached`] writes.
pub const DETACH: &str = "__detach";

/// What a detached process holds for as long as it lives, as its standard input.
#[derive(Debug)]
pub enum Hold {
    /// A lock.
    Lock(Lock),
    /// Where there are no locks, the other end of what [`watched`] listens to.
    Life(PipeWriter),
}

/// What a process says of itself that takes a lock where none can be handed on.
#[cfg(windows)]
const HERE: &[u8] = b".";

/// Something for one process to hold, and where its end will be told. A lock that it is to take is kept for it until it
/// is there.
///
/// # Errors
/// The system refuses.
pub fn watched(lock: Option<Lock>) -> io::Result<(Hold, Inbox<()>)> {
    let (mut reader, writer) = io::pipe()?;
    let end = Inbox::default();
    let told = end.clone();
    spawn(move || {
        if let Some(lock) = lock {
            let _ = reader.read(&mut [0]);
            drop(lock);
        }
        // Nobody writes any more: it returns when the last who could have is gone.
        let _ = reader.read(&mut [0]);
        told.push(());
    });
    Ok((Hold::Life(writer), end))
}

/// A command to run to its end.
#[derive(Debug, Clone)]
pub struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    /// What comes later counts.
    environment: Vec<(OsString, Option<OsString>)>,
    input: Option<Arc<File>>,
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
    /// It has none, and nobody watches: it lives in a group of its own, which its time limit reaches as a whole.
    None,
    /// It has none, but a person watches: what the person's Ctrl-C ends, ends it too.
    Shared,
    /// It believes that it has one, so that its progress can be shown to a person as it is.
    Live,
}

impl Job {
    /// A job that runs `program`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), directory: None, environment: Vec::new(), input: None }
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

    /// Runs it in no project, as the user's is one whose settings a shim or an installer would follow.
    #[must_use]
    pub fn outside_projects(self) -> Self {
        self.directory(Path::new(std::path::MAIN_SEPARATOR_STR))
    }

    /// Sets a variable for the job.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), Some(value.as_ref().to_owned())));
        self
    }

    /// Hides variables from the job.
    #[must_use]
    pub fn unset<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.environment.extend(names.into_iter().map(|name| (name.into(), None)));
        self
    }

    /// The file to read standard input from, and so to hold open for as long as the job lives; else it is empty.
    #[must_use]
    pub fn input(mut self, file: Option<Arc<File>>) -> Self {
        self.input = file;
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

    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        let input = self.input.as_ref().map(|file| file.try_clone()).transpose()?;
        command.args(&self.args).stdin(input.map_or_else(Stdio::null, Stdio::from));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Ok(command)
    }

    /// Runs the job to its end and hands its output, both streams in the order written, to `output`.
    ///
    /// The end is that of the program: what it leaves running may hold its output for ever, and is not waited for.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn run(&self, terminal: Terminal, deadline: Instant, output: &mut dyn FnMut(&[u8])) -> io::Result<Ended> {
        let mut command = self.command()?;
        let reader: Box<dyn Read + Send> = match terminal {
            // Where none can be made, as in a container without `/dev/pts` or below an emulator, it is only shown otherwise.
            Terminal::Live => os::attach_terminal(&mut command).or_else(|_| attach_pipe(&mut command))?,
            Terminal::None | Terminal::Shared => attach_pipe(&mut command)?,
        };
        fault::point("start", &self.program)?;
        let child = os::spawn(&mut command, terminal)?;
        fault::passed("have started", &self.program);
        // The command holds our copies of the writing ends; while they are open the output has no end.
        drop(command);
        let group = os::Group::of(&child, terminal);
        let events = Inbox::default();
        let watched = listen(reader, events.clone()).and_then(|()| wait(child, events.clone()));
        // Nobody would see its end.
        watched.inspect_err(|_| group.end(true))?;
        follow(&events, &group, deadline, output)
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

/// What happens to a job.
enum Event {
    Said(Vec<u8>),
    /// Nothing more will be said.
    Silent,
    Ended(io::Result<ExitStatus>),
}

/// How long what was said before the end may take to arrive after it.
const GRACE: Duration = Duration::from_secs(1);

/// Hands on what is said until the job has ended, and ends it when its time is over.
fn follow(
    events: &Inbox<Event>,
    group: &os::Group,
    mut deadline: Instant,
    output: &mut dyn FnMut(&[u8]),
) -> io::Result<Ended> {
    let mut out_of_time = false;
    let mut silent = false;
    let mut ended = None;
    loop {
        match events.take(Some(deadline)) {
            Some(Event::Said(bytes)) => output(&bytes),
            Some(Event::Silent) => silent = true,
            Some(Event::Ended(status)) => {
                ended = Some(status?);
                deadline = Instant::now() + GRACE;
            }
            None if ended.is_some() => silent = true,
            None => {
                group.end(out_of_time);
                out_of_time = true;
                deadline = Instant::now() + GRACE;
            }
        }
        if let (true, Some(status)) = (silent, ended) {
            return Ok(Ended { status, out_of_time });
        }
    }
}

fn attach_pipe(command: &mut Command) -> io::Result<Box<dyn Read + Send>> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    Ok(Box::new(reader))
}

/// Reads in a thread of its own, until the output or the interest in it ends.
fn listen(mut reader: Box<dyn Read + Send>, events: Inbox<Event>) -> io::Result<()> {
    try_spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            match reader.read(&mut buffer) {
                Ok(n) if n > 0 && events.push(Event::Said(buffer[..n].to_vec())) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The end, or a terminal whose other side is gone, or nobody who is interested any more.
                Ok(_) | Err(_) => break,
            }
        }
        events.push(Event::Silent);
    })
}

fn wait(mut child: Child, events: Inbox<Event>) -> io::Result<()> {
    try_spawn(move || {
        events.push(Event::Ended(child.wait()));
    })
}
