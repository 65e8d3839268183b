//! A plugin that needs one package, an index that has several versions of it, and one installer; and what the data
//! directory says afterwards, read from its files without the product's own code.

use super::{Cmd, Index, McpClient, Output, Plugin, Tree, Wheel, text_of, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Which installer a world has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installer {
    Uv,
    Pip,
}

/// Both, for tests that a difference between them could fail.
pub const BOTH: [Installer; 2] = [Installer::Uv, Installer::Pip];

/// How long a build may take on a machine that is busy.
const BUILD: Duration = Duration::from_secs(60);

/// The fixture `tiny` with its index. The plugin comes first, so that its processes end before its index does.
pub struct World {
    pub plugin: Plugin,
    pub index: Index,
    pub wheels: TempDir,
}

impl World {
    /// An index with `alpha` 1.0 to 4.0, and a plugin that needs 1.0.
    pub fn new(installer: Installer) -> Self {
        Self::with(installer, Plugin::new("tiny").fixture("tiny"))
    }

    /// The same with a plugin of the test's own.
    pub fn with(installer: Installer, plugin: Plugin) -> Self {
        let wheels = tempfile::tempdir().unwrap();
        for version in ["1.0", "2.0", "3.0", "4.0"] {
            alpha(version).write(wheels.path());
        }
        let index = Index::serve(wheels.path());
        let plugin = plugin.index(&index).env("PYTHONDONTWRITEBYTECODE", "1");
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        let world = Self { plugin, index, wheels };
        world.needs("alpha==1.0");
        world
    }

    /// Writes `requirements.txt`.
    pub fn needs(&self, requirements: &str) {
        self.plugin.write("requirements.txt", &format!("{requirements}\n"));
    }

    /// Builds what is needed now, by hand; the generation that holds it.
    #[track_caller]
    pub fn built(&self) -> PathBuf {
        self.plugin.command(["sync"]).run().ok().stdout_is("");
        self.plugin.current().expect("sync made no profile")
    }

    /// Starts the environment's python on one line.
    #[track_caller]
    pub fn python(&self, line: &str) -> Output {
        self.python_cmd(line).run()
    }

    /// The environment's python as a command.
    pub fn python_cmd(&self, line: &str) -> Cmd {
        self.plugin.command(["run", "--", "python", "-c", line])
    }

    /// A start sees this version of `alpha`, and nobody is told anything.
    #[track_caller]
    pub fn serves(&self, version: &str) {
        self.python("import alpha; print(alpha.VALUE)").ok().stdout_is(&format!("alpha {version}\n")).stderr_is("");
    }

    /// The hook as the host of a session that a person watches starts it: it waits no longer than `wait`.
    pub fn attended_hook(&self) -> Cmd {
        self.plugin.hook_cmd().env_remove("CLAUDE_CODE_ENTRYPOINT")
    }

    /// Waits until there is a profile that the build in the background made.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        wait_until("the environment is ready", BUILD, || self.plugin.is_ready());
    }
}

/// The wheel of `alpha` of this version, with a console script.
pub fn alpha(version: &str) -> Wheel {
    let module = format!("VALUE = 'alpha {version}'\ndef main(): print(VALUE)\n");
    Wheel::new("alpha", version).module("alpha.py", &module).console_script("alpha-tool", "alpha:main")
}

/// What the server says of its package; it is let go only when it is written down that it starts, and has which tools.
#[track_caller]
pub fn proven(world: &World) -> String {
    let mut server = world.plugin.server("plain");
    let value = value_of(&mut server);
    server.list_tools();
    wait_until("the server is remembered", BUILD, || world.plugin.is_proven());
    value
}

/// What a server of a fixture says of its package, after the whole greeting.
#[track_caller]
pub fn value_of(server: &mut McpClient) -> String {
    server.initialize();
    ask(server)
}

/// What a server that was greeted says of its package.
#[track_caller]
pub fn ask(server: &mut McpClient) -> String {
    text_of(&server.call_tool("value", json!({})))
}

impl Plugin {
    /// The state of the environment that is looked at.
    pub fn state(&self) -> PathBuf {
        self.data.join("plugdeps").join(self.environment)
    }

    /// The bytes of the profile; none when there is none.
    pub fn profile(&self) -> Vec<u8> {
        fs::read(self.state().join("profile.json")).unwrap_or_default()
    }

    /// The profile, read.
    pub fn profile_json(&self) -> Value {
        serde_json::from_slice(&self.profile()).unwrap_or_default()
    }

    /// The generation that the profile names first.
    pub fn current(&self) -> Option<PathBuf> {
        let profile = self.profile_json();
        Some(self.state().join(profile["generations"][0]["generation"].as_str()?))
    }

    /// Whether it is written down of the current generation that a server starts in it, and which tools that has.
    pub fn is_proven(&self) -> bool {
        let Some(current) = self.current() else { return false };
        let servers = self.state().join("servers").join(current.file_name().unwrap());
        // Not what is being written, which goes with whoever is killed before it has its name.
        let known = names(&servers, "").into_iter().filter(|path| !has_prefix(path, "."));
        let texts = known.filter_map(|path| fs::read_to_string(path).ok());
        texts.into_iter().any(|text| text.contains("inputSchema"))
    }

    /// Every generation, sealed or not.
    pub fn generations(&self) -> Vec<PathBuf> {
        names(&self.state(), "g-")
    }

    /// Waits until nothing of it runs: a builder goes on for a moment after it has published.
    #[track_caller]
    pub fn rests(&self) {
        wait_until("all have ended", 2 * BUILD, || self.processes().is_empty());
    }

    /// The processes that build, or that are about to.
    pub fn builders(&self) -> Vec<u32> {
        let builds = |pid: &u32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|word| word == b"__build")
        };
        self.processes().into_iter().filter(builds).collect()
    }

    /// How many builds there were: each has a log, of which ten are kept.
    pub fn builds(&self) -> usize {
        names(&self.state().join("logs"), "").len()
    }

    /// What killed builds left, wherever it is.
    pub fn unfinished(&self) -> Vec<PathBuf> {
        Tree::of(&self.data).paths().filter(|path| has_prefix(path, ".new-")).map(Path::to_path_buf).collect()
    }

    /// Whether a start would build nothing.
    #[track_caller]
    pub fn is_ready(&self) -> bool {
        self.command(["--check"]).run().status.code() == Some(0)
    }
}

fn names(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|path| has_prefix(path, prefix)).collect();
    found.sort();
    found
}

fn has_prefix(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}
