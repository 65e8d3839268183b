//! A terminal for the interactive client: keys go in, and what its user sees is read and recorded. It is tmux's.

use super::{tools, wait_until};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a terminal shows at once.
pub const COLUMNS: usize = 76;
pub const ROWS: usize = 22;
/// How often the screen is looked at.
const SAMPLE: Duration = Duration::from_millis(100);
/// How long a client may take to show something.
const PATIENCE: Duration = Duration::from_secs(120);

/// The screen from one moment on: its text with the escape sequences that colour it.
#[derive(Debug, Clone)]
pub struct Frame {
    pub at: Duration,
    pub screen: String,
}

/// A running terminal; what runs in it is killed when it is dropped.
pub struct Terminal {
    tmux: Tmux,
    started: Instant,
    frames: Arc<Mutex<Vec<Frame>>>,
    is_over: Arc<AtomicBool>,
    camera: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Tmux {
    program: PathBuf,
    socket: PathBuf,
}

impl Terminal {
    /// Whether this machine has what it takes.
    pub fn is_there() -> bool {
        tools::on_path("tmux").is_some()
    }

    /// Runs the command, with its own environment, in a terminal whose socket lies in `directory`.
    #[track_caller]
    pub fn start(command: &Command, directory: &Path) -> Self {
        let program = tools::on_path("tmux").expect("there is no tmux");
        let tmux = Tmux { program, socket: directory.join("tmux.socket") };
        let (columns, rows) = (COLUMNS.to_string(), ROWS.to_string());
        let mut start = tmux.command(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, "--"]);
        start.arg(command.get_program()).args(command.get_args()).env_clear();
        start.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        start.current_dir(command.get_current_dir().unwrap_or(directory));
        let status = start.status().unwrap_or_else(|e| panic!("cannot start {start:?}: {e}"));
        assert!(status.success(), "{start:?}: {status}");
        Self::watch(tmux)
    }

    fn watch(tmux: Tmux) -> Self {
        let started = Instant::now();
        let (frames, is_over) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (film, end, camera) = (Arc::clone(&frames), Arc::clone(&is_over), tmux.clone());
        let camera = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                add(&mut film.lock().unwrap(), Frame { at: started.elapsed(), screen: camera.screen(&["-e"]) });
                thread::sleep(SAMPLE);
            }
        });
        Self { tmux, started, frames, is_over, camera: Some(camera) }
    }

    /// Types a line, a key at a time as people do, and sends it.
    pub fn say(&self, line: &str) {
        for key in line.chars() {
            self.tmux.run(&["send-keys", "-l", &key.to_string()]);
            thread::sleep(Duration::from_millis(40));
        }
        thread::sleep(Duration::from_millis(300));
        self.press("Enter");
    }

    /// Presses a key, by tmux's name of it.
    pub fn press(&self, key: &str) {
        self.tmux.run(&["send-keys", key]);
    }

    /// What is on the screen, without colours.
    pub fn screen(&self) -> String {
        self.tmux.screen(&[])
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_as_wanted: impl Fn(&str) -> bool) {
        let shown = catch_unwind(AssertUnwindSafe(|| wait_until(what, PATIENCE, || is_as_wanted(&self.screen()))));
        assert!(shown.is_ok(), "the screen never showed {what}:\n{}", self.screen());
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends it; what was seen.
    pub fn film(mut self) -> Vec<Frame> {
        self.end();
        std::mem::take(&mut self.frames.lock().unwrap())
    }

    fn end(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(camera) = self.camera.take() {
            let _ = camera.join();
            self.tmux.run(&["kill-server"]);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.end();
    }
}

/// The two ends of a terminal: what is written to the first is typed on the second, which a program may have as its input.
pub fn keyboard() -> (File, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let keys = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(terminal), keys)
}

fn add(film: &mut Vec<Frame>, frame: Frame) {
    if film.last().is_none_or(|last| last.screen != frame.screen) {
        film.push(frame);
    }
}

impl Tmux {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-S").arg(&self.socket).args(args).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) {
        let _ = self.command(args).status();
    }

    fn screen(&self, how: &[&str]) -> String {
        let output = self.command(&["capture-pane", "-p"]).args(how).output().expect("tmux cannot be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
