//! What is known of a command's starts in a generation. A sweep that removes the generation removes it too.
//!
//! ```text
//! DATA/plugdeps/NAME/servers/g-xxxxxxxx/KEY.json         what the server said of itself: it starts here
//!                                       KEY.part.json    the same, where nobody has asked for its tools yet
//!                                       KEY.failed.json  how it ended before it said anything
//! ```
//!
//! KEY stands for the command, in which the plugin's places are variables: an update moves the plugin.

use crate::error::{Error, Kind, Result, telling_line};
use crate::fingerprint::Part;
use crate::fs::{self, Validator};
use crate::generation::{FAILED, Generation, SCHEMA};
use crate::json::readable;
use crate::plugin::Place;
use crate::snapshot::{self, List, Snapshot};
use crate::store::now_ms;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Files of a command, each with what tells whether it changed.
pub type Files = Vec<(PathBuf, Option<Validator>)>;

/// How the name of a file ends that tells all there is to know of a server.
const KNOWN: &str = ".json";
/// How it ends where nobody has asked for the server's tools yet.
const PROVEN: &str = ".part.json";

/// The file with which an author ships what the servers say of themselves.
pub const SHIPPED: &str = "plugdeps-snapshot.json";

/// [`SHIPPED`]: one snapshot for each server.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shipped {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What each server said.
    pub servers: Vec<Snapshot>,
}

/// A command, wherever the plugin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What of it may be written down: the program, and paths in the plugin. Any other word may be a secret.
    pub command: String,
    digest: String,
}

/// How a server ended before it said anything.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What of the command may be written down.
    pub command: String,
    /// How it ended.
    pub end: String,
    /// The last it said on standard error.
    pub said: Vec<String>,
    /// When, in seconds since 1970.
    pub at: u64,
    /// The files of the command, as they were.
    pub files: Files,
    /// The generation in which the same command did answer.
    pub instead: Option<String>,
}

readable!(Failed { schema, command, end, said, at, files, instead });

impl Failed {
    /// What has just happened.
    pub fn new(key: &Key, files: Files, end: String, said: Vec<String>) -> Self {
        let command = key.command.clone();
        Self { schema: SCHEMA, command, end, said, at: now_ms() / 1000, files, instead: None }
    }

    /// Whether another generation takes the place of this one, as long as these are the command's files.
    pub fn excuses(&self, files: &Files) -> bool {
        self.instead.is_some() && self.files == *files
    }

    /// What tells most of what it said, or else how it ended.
    pub fn sentence(&self) -> &str {
        telling_line(&mut self.said.iter().map(String::as_str)).unwrap_or(&self.end)
    }

    /// The same for whoever waits for the server; whether it did start with other packages.
    pub fn to_error(&self, did_start: bool) -> Error {
        let error = Error::new(Kind::ServerEnded, format!("start `{}`", self.command));
        let error = error.because(format!("it ended before it answered: {}", self.end));
        let said = self.said.join("\n");
        let error = if said.is_empty() { error } else { error.because(format!("it said\n{said}")) };
        error.hint(match did_start {
            true => "see `plugdeps --check`; if a package changed, pin the version that worked",
            false => "see `plugdeps --check`; if it misses a package, let its manifest name that",
        })
    }
}

impl Key {
    /// The key of a command of the plugin that is here.
    pub fn new(words: &[OsString], place: &Place) -> Self {
        let places = [(&place.root, "${CLAUDE_PLUGIN_ROOT}"), (&place.data, "${CLAUDE_PLUGIN_DATA}")];
        let portable = |word: &OsString| {
            let word = word.to_string_lossy().into_owned();
            places.iter().fold(word, |word, (path, name)| word.replace(&*path.to_string_lossy(), name))
        };
        let words: Vec<String> = words.iter().map(portable).collect();
        let digest = Part::new("", words.join("\0").as_bytes()).sha256[..16].to_owned();
        let may_be_shown = |number: usize, word: &str| number == 0 || word.starts_with("${CLAUDE_PLUGIN_ROOT}");
        let shown =
            |(number, word): (usize, &String)| if may_be_shown(number, word) { word.clone() } else { "…".into() };
        Self { command: words.iter().enumerate().map(shown).collect::<Vec<_>>().join(" "), digest }
    }

    /// What the command said of itself: nothing yet.
    pub fn snapshot_of(&self) -> Snapshot {
        Snapshot::of(self.command.clone(), self.digest.clone())
    }

    fn path(&self, generation: &Generation, ending: &str) -> PathBuf {
        generation.servers().join(format!("{}{ending}", self.digest))
    }

    /// Whether there is nothing left to learn of the command in a generation: it starts, and its tools are known.
    pub fn is_known(&self, generation: &Generation) -> bool {
        fs::is_file(&self.path(generation, KNOWN))
    }

    /// Whether the command has proved to start in a generation.
    pub fn is_proven(&self, generation: &Generation) -> bool {
        self.is_known(generation) || fs::is_file(&self.path(generation, PROVEN))
    }

    /// What it said of itself there.
    pub fn snapshot(&self, generation: &Generation) -> Option<Snapshot> {
        let read = |ending| snapshot::from_file(&self.path(generation, ending));
        let snapshot: Option<Snapshot> = read(KNOWN).or_else(|| read(PROVEN));
        snapshot.filter(|snapshot| snapshot.schema == SCHEMA)
    }

    /// Keeps what it said there, and so that it starts.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn prove(&self, generation: &Generation, snapshot: &Snapshot) -> Result<()> {
        fs::create_directory(&generation.servers())?;
        fs::remove_file(&self.path(generation, FAILED))?;
        if snapshot.list(List::Tools).is_none() {
            return fs::replace_state(&self.path(generation, PROVEN), snapshot, false);
        }
        // What is known comes first: whoever dies in between must not take the proof away, for which a sweep keeps it.
        fs::replace_state(&self.path(generation, KNOWN), snapshot, false)?;
        fs::remove_file(&self.path(generation, PROVEN))
    }

    /// How it ended there, if it did not start.
    pub fn failed(&self, generation: &Generation) -> Option<Failed> {
        fs::read_state(&self.path(generation, FAILED)).filter(|failed: &Failed| failed.schema == SCHEMA)
    }

    /// Remembers that it did not start there.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn note_failed(&self, generation: &Generation, failed: &Failed) -> Result<()> {
        fs::create_directory(&generation.servers())?;
        fs::replace_state(&self.path(generation, FAILED), failed, false)
    }

    /// What the author says that the server says.
    pub fn shipped(&self, root: &Path) -> Option<Snapshot> {
        let shipped: Shipped =
            snapshot::from_file(&root.join(SHIPPED)).filter(|shipped: &Shipped| shipped.schema == SCHEMA)?;
        shipped.servers.into_iter().find(|snapshot| snapshot.key == self.digest)
    }
}

/// Everything that did not start in a generation.
pub fn failures(generation: &Generation) -> Vec<Failed> {
    let names = fs::names(&generation.servers()).into_iter().filter(|name| name.ends_with(FAILED));
    names.filter_map(|name| fs::read_state(&generation.servers().join(name))).collect()
}

/// The files of the plugin that a command names, as they are. What else it names may change at every start.
pub fn files(words: &[OsString], root: &Path) -> Files {
    let paths = words.iter().map(PathBuf::from).filter(|path| path.starts_with(root) && fs::is_file(path));
    paths.map(|path| (path.clone(), fs::validator(&path))).collect()
}
