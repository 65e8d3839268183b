//! Packages on a local index, and short ways to ask an installed plugin what it has.

use super::{Cmd, Index, Output, Plugin, Wheel, on_windows, tools};
use serde_json::Value;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An index and the directory of wheels that it serves; used as the [`Index`].
pub struct Packages {
    wheels: TempDir,
    index: Index,
}

impl Packages {
    /// Simple packages of these names and versions.
    pub fn of(packages: &[(&str, &str)]) -> Self {
        let wheels = tempfile::tempdir().unwrap();
        let index = Index::serve(wheels.path());
        packages.iter().fold(Self { wheels, index }, |all, (name, version)| all.with(&Wheel::simple(name, version)))
    }

    /// `alpha 1.0` with the script `alpha-tool`, and `beta 1.0`.
    pub fn usual() -> Self {
        let tool = "VALUE = 'alpha 1.0'\ndef main(): print('alpha-tool runs')\n";
        let alpha = Wheel::new("alpha", "1.0").module("alpha.py", tool).console_script("alpha-tool", "alpha:main");
        Self::of(&[("beta", "1.0")]).with(&alpha)
    }

    /// Adds a package.
    pub fn with(self, wheel: &Wheel) -> Self {
        self.add(wheel);
        self
    }

    /// Adds a package, later.
    pub fn add(&self, wheel: &Wheel) {
        wheel.write(self.wheels.path());
    }

    /// Where the wheels are.
    pub fn directory(&self) -> &Path {
        self.wheels.path()
    }
}

impl Deref for Packages {
    type Target = Index;

    fn deref(&self) -> &Index {
        &self.index
    }
}

/// Gives its arguments a terminal of 100 columns and passes on what they print and how they end.
pub const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('4H', 24, 100, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    try: data = os.read(terminal, 65536)
    except OSError: break
    if not data: break
    os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
";

impl Plugin {
    /// A plugin with uv whose `requirements.txt` is this.
    pub fn needing(requirements: &str, index: &Index) -> Self {
        Self::new("demo").index(index).uv().file("requirements.txt", requirements)
    }

    /// `plugdeps sync`, to its end.
    #[track_caller]
    pub fn sync(&self) -> Output {
        self.command(["sync"]).run()
    }

    /// `plugdeps run CMD…`, to its end.
    #[track_caller]
    pub fn run<const N: usize>(&self, words: [&str; N]) -> Output {
        self.command(["run"]).args(words).run()
    }

    /// What a line of Python prints in the plugin's environment.
    #[track_caller]
    pub fn python_says(&self, line: &str) -> String {
        self.run(["python", "-c", line]).ok().stdout.trim_end().to_owned()
    }

    /// What [`Wheel::simple`] put into a package.
    #[track_caller]
    pub fn value_of(&self, package: &str) -> String {
        self.python_says(&format!("import {package}; print({package}.VALUE)"))
    }

    /// `--check --json`, whatever it says.
    #[track_caller]
    pub fn check(&self) -> Value {
        self.command(["--check", "--json"]).run().json()
    }

    /// Whether `--check` says `ready`, `would-build` or `cannot-build`.
    #[track_caller]
    pub fn verdict(&self) -> String {
        self.check()["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Why the first environment would be rebuilt, one reason a line.
    #[track_caller]
    pub fn why(&self) -> String {
        let check = self.check();
        let reasons = check["environments"][0]["why"].as_array().cloned().unwrap_or_default();
        reasons.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
    }

    /// `NAME==VERSION` of what an environment holds, as `--check` tells it.
    #[track_caller]
    pub fn installed(&self) -> Vec<String> {
        let check = self.check();
        let packages = check["environments"][0]["current"]["packages"].as_array().cloned().unwrap_or_default();
        packages.iter().filter_map(|package| package.as_str().map(str::to_owned)).collect()
    }

    /// The names of the generations of an environment, sorted.
    pub fn generations_of(&self, environment: &str) -> Vec<String> {
        let entries = fs::read_dir(self.data.join("plugdeps").join(environment)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| name.starts_with("g-"));
        names.sort();
        names
    }

    /// The current environment of the plugin's own directory: what `DATA/venv` leads to.
    #[track_caller]
    pub fn prefix(&self) -> PathBuf {
        if on_windows::built().is_some() {
            // Nothing is linked there.
            return self.current().expect("there is no environment").join("env");
        }
        fs::canonicalize(self.data.join("venv")).expect("there is no `venv` in the data directory")
    }

    /// The plugin's binary with these arguments on a terminal; what is printed there comes on stdout.
    pub fn on_terminal<const N: usize>(&self, args: [&str; N]) -> Cmd {
        let cmd = self.bare_command(tools::python()).args(["-c", TERMINAL]).arg(self.root.join("bin/plugdeps"));
        cmd.args(args).env("TERM", "xterm").env("CLAUDE_PLUGIN_ROOT", &self.root).env("CLAUDE_PLUGIN_DATA", &self.data)
    }
}
