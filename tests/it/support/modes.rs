//! The ways in which a client can come to its server: directly, or through `plugdeps run` in each of its states.

use super::{Cmd, Installer, Peer, Plugin, World, tools};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What each answer of the index takes while a build is to last: with the few that one package needs, some seconds.
const LATENCY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Without plugdeps.
    Direct,
    /// Without plugdeps, and with one of `peers/middle.py` between.
    Middle(&'static str),
    /// The environment is ready, and no server has started in it yet.
    Watched,
    /// A server has started in it before.
    Proven,
    /// Nothing is installed.
    Building,
    /// The environment is out of date, and a client has had the lists of the server.
    Rebuilding,
}

/// What a client needs to start its server in one mode.
pub struct Stage {
    pub mode: Mode,
    world: World,
}

impl Stage {
    /// Arranges the world. `prepare` is a session with the server, for modes that come after one.
    pub fn set(mode: Mode, prepare: impl FnOnce(&Self)) -> Self {
        let stage = Self { mode, world: World::new(Installer::Uv) };
        match mode {
            Mode::Direct | Mode::Middle(_) => {}
            Mode::Watched => drop(stage.world.built()),
            Mode::Proven => {
                stage.world.built();
                prepare(&stage);
            }
            Mode::Building => drop(stage.world.index.latency(LATENCY)),
            Mode::Rebuilding => {
                stage.world.built();
                prepare(&stage);
                stage.world.needs("alpha==2.0");
                stage.world.index.latency(LATENCY);
            }
        }
        stage
    }

    pub fn plugin(&self) -> &Plugin {
        &self.world.plugin
    }

    /// Whether there is a `plugdeps run` at all.
    pub fn is_through_plugdeps(&self) -> bool {
        !matches!(self.mode, Mode::Direct | Mode::Middle(_))
    }

    /// The words by which a client starts a server.
    pub fn words(&self, server: &[OsString]) -> Vec<OsString> {
        let way: Vec<OsString> = match self.mode {
            Mode::Direct => vec![],
            Mode::Middle(kind) => vec![self.python(), peer("middle.py").into(), kind.into()],
            _ => vec![self.plugin().root.join("bin/plugdeps").into(), "run".into(), "--".into()],
        };
        way.into_iter().chain(server.iter().cloned()).collect()
    }

    /// The python of a server: the environment's where there is one.
    pub fn server_python(&self) -> OsString {
        if self.is_through_plugdeps() { "python".into() } else { self.python() }
    }

    /// The python of everybody else.
    pub fn python(&self) -> OsString {
        tools::python().into()
    }

    /// A command in the environment that the host gives.
    pub fn command(&self, words: &[OsString]) -> Cmd {
        let plugin = self.plugin();
        let command = plugin.bare_command(&words[0]).args(&words[1..]);
        command.env("CLAUDE_PLUGIN_ROOT", &plugin.root).env("CLAUDE_PLUGIN_DATA", &plugin.data)
    }

    /// A file of this stage's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.plugin().temp().join(name)
    }

    /// A short session: greeting, lists, end.
    #[track_caller]
    pub fn visit(&self, server: &[OsString]) {
        let mut client = Peer::spawn(self.command(&self.words(server)).into_command());
        client.greet();
        for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
            client.send(format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{method}\",\"method\":\"{method}\"}}\n"));
            // A server without prompts or resources refuses; that is an answer too.
            client.wait_for(&format!("\"id\":\"{method}\""));
        }
        client.finish();
    }
}

/// A script of `tests/it/peers`.
pub fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/peers").join(name)
}
