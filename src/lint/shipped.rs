//! Which files of a directory reach the users: hosts clone the repository, so that what git ignores is missing there.

use crate::fs;
use crate::process::{Job, Terminal};
use crate::tool;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long git may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The files that are shipped, by their paths.
pub struct Shipped(Option<BTreeSet<String>>);

impl Shipped {
    /// Asks git; where it does not know the directory, all that is there is shipped.
    pub fn of(root: &Path) -> Self {
        let is_repository = root.ancestors().any(|above| fs::is_taken(&above.join(".git")));
        Self(is_repository.then(|| listed(root)).flatten().filter(|files| !files.is_empty()))
    }

    /// Whether the file or directory is there and is shipped.
    pub fn has(&self, root: &Path, path: &str) -> bool {
        let below = format!("{path}/");
        fs::is_taken(&root.join(path))
            && self.0.as_ref().is_none_or(|files| {
                files.contains(path) || files.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
            })
    }

    /// What git ships of a directory; nothing where there is no git.
    pub fn in_git(&self, directory: &str) -> Vec<&str> {
        let below = format!("{directory}/");
        let files = self.0.iter().flat_map(|files| files.range(below.clone()..));
        files.map(String::as_str).take_while(|path| path.starts_with(&below)).collect()
    }
}

fn listed(root: &Path) -> Option<BTreeSet<String>> {
    let git = tool::on_path("git").into_iter().next()?;
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let job = Job::new(git).arg("-C").arg(root).args(arguments);
    let mut said = Vec::new();
    let ended = job.run(Terminal::None, Instant::now() + PATIENCE, &mut |bytes| said.extend_from_slice(bytes)).ok()?;
    let text = String::from_utf8_lossy(&said);
    ended.status.success().then(|| text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}
