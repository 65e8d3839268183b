//! Signals and the search for processes: what the host does to its children, and what a test must not leave behind.
//!
//! The search reads `/proc`; where there is none it finds nothing.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs;
use std::time::Duration;

/// Sends `signal` to one process; one that is gone already is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = kill_process(pid, signal);
    }
}

/// Kills a process group that a test started.
pub fn kill_group(leader: u32) {
    if let Some(pid) = Pid::from_raw(leader as i32) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Whether the process exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    status_of(pid).is_some_and(|(state, _)| state != 'Z')
}

/// Ends a process as the host ends a hook out of time: SIGTERM to it and all its descendants, those in a session of
/// their own included, and SIGKILL a second later.
pub fn end_tree_like_the_host(pid: u32) {
    let mut tree = descendants(pid);
    tree.push(pid);
    tree.iter().for_each(|pid| signal(*pid, Signal::TERM));
    std::thread::sleep(Duration::from_secs(1));
    tree.iter().for_each(|pid| signal(*pid, Signal::KILL));
}

/// All children of a process, and theirs. A process forked twice has another parent and is not among them.
pub fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all().filter_map(|pid| Some((pid, status_of(pid)?.1))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// The processes that were started with the variable `entry` (`NAME=value`) in their environment.
pub fn with_environment(entry: &str) -> Vec<u32> {
    let has_entry = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
    };
    all().filter(has_entry).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The state letter and the parent of a process.
fn status_of(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may itself hold parentheses and spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
