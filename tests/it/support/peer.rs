//! A client that works on bytes: it sends what it is told to and keeps all that comes.

use super::{processes, record::shown};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server behind a command, and what passed; killed with its process group when dropped.
pub struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    pub sent: Vec<u8>,
    stdout: Stream,
    stderr: Stream,
}

struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Peer {
    #[track_caller]
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let stdin = child.stdin.take();
        let stdout = Stream::collect(child.stdout.take().unwrap());
        let stderr = Stream::collect(child.stderr.take().unwrap());
        Self { child, stdin, sent: Vec::new(), stdout, stderr }
    }

    /// Sends bytes as they are, in one write.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.sent.extend_from_slice(bytes);
        let written = self.stdin.as_mut().expect("stdin is closed").write_all(bytes);
        written.unwrap_or_else(|e| self.fail(&format!("could not be written to: {e}")));
        self
    }

    /// `initialize`, its answer, and `notifications/initialized`.
    #[track_caller]
    pub fn greet(&mut self) -> &mut Self {
        self.send(INITIALIZE);
        self.wait_for("\"hello\"").send(INITIALIZED)
    }

    /// Sends a call of a tool. `id` is its text as JSON.
    #[track_caller]
    pub fn call(&mut self, id: &str, name: &str, arguments: &str) -> &mut Self {
        self.send(call(id, name, arguments) + "\n")
    }

    /// Waits until the server has said this.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> &mut Self {
        let mut searched = 0;
        self.wait_until(&format!("said {text}"), |peer| {
            let got = peer.stdout.bytes.lock().unwrap();
            let found = got[searched..].windows(text.len()).any(|window| window == text.as_bytes());
            searched = (got.len() + 1).saturating_sub(text.len()).max(searched);
            found
        })
    }

    /// Waits until request `id` has its answer.
    #[track_caller]
    pub fn wait_for_answer(&mut self, id: &str) -> &mut Self {
        self.wait_for(&format!("\"id\":{id},\"result\""))
    }

    /// Waits until there is this much from the server.
    #[track_caller]
    pub fn wait_for_bytes(&mut self, count: usize) -> &mut Self {
        self.wait_until(&format!("said {count} bytes"), |peer| peer.stdout.bytes.lock().unwrap().len() >= count)
    }

    #[track_caller]
    fn wait_until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) -> &mut Self {
        let started = Instant::now();
        while !done(self) {
            let has_ended = self.child.try_wait().unwrap().is_some() && self.stdout.is_finished();
            if has_ended && !done(self) || started.elapsed() > PATIENCE {
                self.fail(&format!("never {what}"));
            }
            thread::sleep(Duration::from_millis(2));
        }
        self
    }

    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        processes::signal(self.pid(), signal);
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end of the process and of what it says.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            let status = self.child.try_wait().unwrap();
            match status.filter(|_| self.stdout.is_finished() && self.stderr.is_finished()) {
                Some(status) => return status,
                None if started.elapsed() > PATIENCE => self.fail("never ended"),
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Closes stdin and waits for a good end.
    #[track_caller]
    pub fn finish(&mut self) {
        self.close_stdin();
        let status = self.wait();
        if !status.success() {
            self.fail(&format!("ended with {status}"));
        }
    }

    /// What came so far.
    pub fn got(&self) -> Vec<u8> {
        self.stdout.bytes.lock().unwrap().clone()
    }

    /// What came on stderr so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.bytes.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let (sent, got) = (tail(&self.sent), tail(&self.got()));
        panic!("the server {what}\n--- the last that was sent\n{sent}--- and got\n{got}--- stderr\n{}", self.stderr());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            processes::kill_group(self.pid());
            let _ = self.child.wait();
        }
    }
}

impl Stream {
    fn collect(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                shared.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn is_finished(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

pub const INITIALIZE: &str = "{\"jsonrpc\":\"2.0\",\"id\":\"hello\",\"method\":\"initialize\",\"params\":\
    {\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"sampling\":{}},\"clientInfo\":{\"name\":\"raw\",\"version\":\"1\"}}}\n";
pub const INITIALIZED: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

/// A call of a tool, without the end of its line.
pub fn call(id: &str, name: &str, arguments: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{name}\",\"arguments\":{arguments}}}}}"
    )
}

fn tail(bytes: &[u8]) -> String {
    let lines: Vec<_> = super::lines(bytes);
    lines.iter().rev().take(10).rev().map(|line| shown(line) + "\n").collect()
}
