//! What a build is doing, for those who wait for it.

use crate::fs;
use crate::store::{Store, now_ms};

/// How much of the end of a log tells how far a build is, in bytes.
const TAIL: u64 = 64 * 1024;

/// What whoever builds is doing, and for how long: `installing 28 packages, 12 s`.
pub fn doing(store: &Store) -> String {
    let Some(builder) = store.builder() else { return "preparing the packages".into() };
    let seconds = (now_ms() / 1000).saturating_sub(builder.since);
    format!("installing {}, {seconds} s", packages(store))
}

/// How many packages are being installed, as far as the installer has said.
pub fn packages(store: &Store) -> String {
    let log = store.builder().map(|builder| fs::tail(&builder.log, TAIL)).unwrap_or_default();
    match count(&String::from_utf8_lossy(&log)) {
        0 => "its packages".into(),
        1 => "1 package".into(),
        several => format!("{several} packages"),
    }
}

/// uv says how many it resolved, pip names each, first one by one and then all.
fn count(log: &str) -> usize {
    let resolved = |line: &str| line.trim().strip_prefix("Resolved ")?.split(' ').next()?.parse().ok();
    let named = |line: &str| Some(line.strip_prefix("Installing collected packages: ")?.split(',').count());
    let said = log.lines().rev().find_map(|line| resolved(line).or_else(|| named(line)));
    said.unwrap_or_else(|| log.lines().filter(|line| line.starts_with("Collecting ")).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_as_the_installers_name_them() {
        assert_eq!(count("Using CPython 3.11\nResolved 28 packages in 12ms\nPrepared 3 packages in 1s\n"), 28);
        assert_eq!(count("Collecting a\n  Using cached a.whl\nCollecting b>=1 (from a)\n"), 2);
        assert_eq!(count("Collecting a\nInstalling collected packages: c, b, a\n"), 3);
        assert_eq!(count(""), 0);
    }
}
