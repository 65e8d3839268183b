//! What the targets share: a plugin on disk, a secret that must not come out again, and what a terminal may be shown.

use plugdeps::plugin::{Place, Plugin};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The byte in whose place an input gets [`URL`].
const PLANT: u8 = 1;
/// An address with a password in it.
const URL: &[u8] = b"https://me:hunter2@example.invalid/simple";
/// The password.
const SECRET: &str = "hunter2";

/// The input with a secret where it asks for one; `None` where it has the password by itself.
pub fn planted(data: &[u8]) -> Option<Vec<u8>> {
    if data.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
        return None;
    }
    let mut bytes = Vec::new();
    for byte in data {
        if *byte == PLANT { bytes.extend_from_slice(URL) } else { bytes.push(*byte) }
    }
    Some(bytes)
}

/// Panics if the text tells the secret.
#[track_caller]
pub fn keeps_secret(text: &str) {
    assert!(!text.contains(SECRET), "the secret is told: {text:?}");
}

/// Panics if an error tells the secret, in any form in which it is shown.
#[track_caller]
pub fn error_keeps_secret(error: &plugdeps::error::Error) {
    keeps_secret(&error.to_string());
    keeps_secret(&error.sentence());
}

/// Panics if the text would steer a terminal.
#[track_caller]
pub fn is_harmless(text: &str) {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    assert!(!text.chars().any(steers), "it steers the terminal: {text:?}");
}

/// A plugin whose files change from one input to the next.
pub struct Disk {
    directory: TempDir,
    written: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Default for Disk {
    fn default() -> Self {
        let directory = tempfile::Builder::new().prefix("plugdeps-fuzz-").tempdir().expect("a temporary directory");
        for name in ["root/.claude-plugin", "root/hooks", "root/sub", "data/plugdeps/main/g-a/env/bin"] {
            fs::create_dir_all(directory.path().join(name)).expect("a directory in it");
        }
        let disk = Self { directory, written: Vec::new() };
        fs::write(disk.root().join(".claude-plugin/plugin.json"), "{\"name\": \"x\"}").expect("a file in it");
        disk
    }
}

impl Disk {
    /// The plugin's directory.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// Its data.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Gives a file this content, or takes it away.
    pub fn set(&mut self, path: PathBuf, content: Option<&[u8]>) {
        let known = self.written.iter_mut().find(|(known, _)| *known == path);
        match (&known, content) {
            (Some((_, old)), new) if old.as_deref() == new => return,
            (_, Some(bytes)) => fs::write(&path, bytes).expect("a file can be written"),
            (_, None) => drop(fs::remove_file(&path)),
        }
        let now = content.map(<[u8]>::to_vec);
        match known {
            Some((_, old)) => *old = now,
            None => self.written.push((path, now)),
        }
    }

    /// Where plugin and data are.
    pub fn place(&self) -> Place {
        let name = |name: &str| name.to_owned();
        Place {
            root: self.root(),
            root_from: name("--root"),
            data: self.data(),
            data_from: name("--data"),
            skipped: Vec::new(),
        }
    }

    /// The plugin, as every door reads it.
    pub fn plugin(&self) -> plugdeps::error::Result<Plugin> {
        Plugin::load(self.place())
    }
}
