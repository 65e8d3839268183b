//! Runs a command with a deadline and keeps all that it printed, so that a failed assertion shows everything.

use super::{on_windows, processes};
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(120);
/// A reader of the output waits for its end, as the host does: whoever keeps it open after the exit is a bug.
const HELD_OPEN: Duration = Duration::from_secs(10);

/// A command to be run by a test.
pub struct Cmd {
    command: Command,
    stdin: Vec<u8>,
    timeout: Duration,
    /// Where the plugin is that this is of, which may be on Windows.
    base: Option<PathBuf>,
}

impl Cmd {
    /// A command with the environment of the test itself; `env_clear` first if that is not wanted.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), stdin: Vec::new(), timeout: TIMEOUT, base: None }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What the command can read; nothing unless told.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The command is of the plugin below `base`, and runs where that is installed.
    pub fn of_plugin(mut self, base: &Path) -> Self {
        self.base = Some(base.to_owned());
        self
    }

    /// How long the command may take before the test fails; two minutes unless told.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The command as std has it, for an [`super::McpClient`].
    pub fn into_command(self) -> Command {
        match &self.base {
            Some(base) => on_windows::translated(self.command, base),
            None => self.command,
        }
    }

    /// Starts the command and waits for its end.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts the command, for tests that do something meanwhile.
    #[track_caller]
    pub fn spawn(self) -> Running {
        let (stdin, timeout) = (self.stdin.clone(), self.timeout);
        let is_translated = self.base.is_some() && on_windows::built().is_some();
        let mut command = self.into_command();
        let label = label(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {label}: {e}"));
        feed(child.stdin.take(), stdin);
        let stdout = Collector::start(child.stdout.take(), is_translated);
        let stderr = Collector::start(child.stderr.take(), is_translated);
        Running { child, label, started, timeout, stdout, stderr }
    }
}

fn label(command: &Command) -> String {
    format!("{:?}", command.get_program()) + &command.get_args().map(|arg| format!(" {arg:?}")).collect::<String>()
}

/// Writes in a thread: a command that never reads its stdin must not block the test.
fn feed(pipe: Option<impl Write + Send + 'static>, bytes: Vec<u8>) {
    std::thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(&bytes)));
}

/// Collects one output stream while the command runs.
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    is_translated: bool,
}

impl Collector {
    fn start(pipe: Option<impl Read + Send + 'static>, is_translated: bool) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || pipe.into_iter().for_each(|mut pipe| drain(&mut pipe, &shared)));
        Self { bytes, reader, is_translated }
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned();
        if self.is_translated { on_windows::told_here(&text) } else { text }
    }
}

fn drain(pipe: &mut impl Read, into: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        into.lock().unwrap().extend_from_slice(&buffer[..count]);
    }
}

/// A command that has been started; killed with its process group when dropped.
pub struct Running {
    child: Child,
    label: String,
    started: Instant,
    timeout: Duration,
    stdout: Collector,
    stderr: Collector,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the command has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What was printed to stdout so far.
    pub fn stdout_so_far(&self) -> String {
        self.stdout.text()
    }

    /// What was printed to stderr so far.
    pub fn stderr_so_far(&self) -> String {
        self.stderr.text()
    }

    /// `kill -9` to this process alone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Ends the command as the host ends a hook that is out of time.
    pub fn end_like_the_host(&self) {
        processes::end_tree_like_the_host(self.pid());
    }

    /// Waits for the end; panics with what was printed when it does not come in time.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        while self.is_running() {
            if self.started.elapsed() > self.timeout {
                self.fail("did not end in time");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let elapsed = self.started.elapsed();
        self.wait_for_the_readers();
        let status = self.child.wait().unwrap();
        Output { label: self.label.clone(), status, stdout: self.stdout.text(), stderr: self.stderr.text(), elapsed }
    }

    #[track_caller]
    fn wait_for_the_readers(&self) {
        let ended = Instant::now();
        while !(self.stdout.reader.is_finished() && self.stderr.reader.is_finished()) {
            if ended.elapsed() > HELD_OPEN {
                self.fail("ended, and left a process behind that keeps its stdout or stderr open");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        panic!("{} {what}, after {:?}\n{}", self.label, self.started.elapsed(), Streams(&stdout, &stderr));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            processes::kill_group(self.pid());
            let _ = self.child.wait();
        }
    }
}

/// What came of a command.
#[derive(Clone)]
pub struct Output {
    label: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// From the start to the exit of the process itself.
    pub elapsed: Duration,
}

impl Output {
    /// The command succeeded.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        self.exits(0)
    }

    /// The command ended with this exit status.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        self.check(self.status.code() == Some(code), &format!("exit status {code}"))
    }

    #[track_caller]
    pub fn stdout_is(&self, text: &str) -> &Self {
        self.check(self.stdout == text, &format!("stdout to be {text:?}"))
    }

    #[track_caller]
    pub fn stdout_has(&self, text: &str) -> &Self {
        self.check(self.stdout.contains(text), &format!("{text:?} on stdout"))
    }

    #[track_caller]
    pub fn stdout_lacks(&self, text: &str) -> &Self {
        self.check(!self.stdout.contains(text), &format!("no {text:?} on stdout"))
    }

    #[track_caller]
    pub fn stderr_is(&self, text: &str) -> &Self {
        self.check(self.stderr == text, &format!("stderr to be {text:?}"))
    }

    #[track_caller]
    pub fn stderr_has(&self, text: &str) -> &Self {
        self.check(self.stderr.contains(text), &format!("{text:?} on stderr"))
    }

    #[track_caller]
    pub fn stderr_lacks(&self, text: &str) -> &Self {
        self.check(!self.stderr.contains(text), &format!("no {text:?} on stderr"))
    }

    /// The command printed nothing at all.
    #[track_caller]
    pub fn silent(&self) -> &Self {
        self.stdout_is("").stderr_is("")
    }

    /// All of stdout as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("expected one json value on stdout: {e}\n{self}"))
    }

    #[track_caller]
    fn check(&self, holds: bool, expected: &str) -> &Self {
        assert!(holds, "expected {expected}\n{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "command: {}\nended:   {} after {:?}", self.label, self.status, self.elapsed)?;
        Streams(&self.stdout, &self.stderr).fmt(f)
    }
}

struct Streams<'a>(&'a str, &'a str);

impl fmt::Display for Streams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.0, self.1)
    }
}
