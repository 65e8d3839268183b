//! How much space the environments of a plugin take up.

use super::os;
use crate::fs;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is in the directory of our own in a plugin's data, by the first name below it.
#[derive(Debug, Default)]
pub struct Space(BTreeMap<String, u64>);

impl Space {
    /// Measures. A file with several names counts once, where it is met first.
    pub fn of(ours: &Path) -> Self {
        let mut seen = BTreeSet::new();
        let mut found = BTreeMap::new();
        for entry in walkdir::WalkDir::new(ours).min_depth(1).sort_by_file_name().into_iter().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let (bytes, file) = os::on_disk(&metadata);
            if file.is_none_or(|file| seen.insert(file)) {
                *found.entry(first(entry.path(), ours)).or_default() += bytes;
            }
        }
        Self(found)
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.0.values().sum()
    }

    /// What is below this name.
    pub fn below(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

fn first(path: &Path, ours: &Path) -> String {
    let below = path.strip_prefix(ours).ok().and_then(|below| below.components().next());
    below.map(|name| name.as_os_str().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The directory of our own in a plugin's data.
pub fn ours(data: &Path) -> PathBuf {
    data.join("plugdeps")
}

/// The environments whose state is there.
pub fn environments(data: &Path) -> Vec<String> {
    let is_one = |name: &String| !name.starts_with('.') && fs::is_own_directory(&ours(data).join(name));
    fs::names(&ours(data)).into_iter().filter(is_one).collect()
}
