//! The fixtures are what they claim to be: plugins that ship the hooks of this repository, without any private address.

#![allow(clippy::disallowed_methods)]

use crate::support::fixture;
use crate::support::host::Place;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The one fixture that shows what plugdeps replaces; it does not ship plugdeps.
const REPLACED: &str = "shell-line";

fn names() -> Vec<String> {
    let entries = fs::read_dir(fixture("")).unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn files() -> Vec<PathBuf> {
    let entries = WalkDir::new(fixture("")).into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn every_fixture_ships_the_hooks_of_this_repository() {
    let shipped = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/hooks.json")).unwrap();
    for name in names().iter().filter(|name| *name != REPLACED) {
        assert!(
            fs::read(fixture(name).join("hooks/hooks.json")).unwrap() == shipped,
            "fixtures/{name} has other hooks"
        );
    }
}

#[test]
fn the_shipped_hook_has_a_time_limit_and_says_what_it_does() {
    let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/hooks.json")).unwrap();
    let hooks: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let hook = &hooks["hooks"]["SessionStart"][0]["hooks"][0];
    // Above the 570 s for which a headless hook waits, so that the host hears why from the hook itself.
    assert_eq!((&hook["timeout"], hook["statusMessage"].is_string()), (&serde_json::json!(600), true), "{hook}");
}

#[test]
fn every_server_of_every_fixture_is_started_by_plugdeps_from_a_script_or_a_command_that_exists() {
    for name in names().iter().filter(|name| *name != REPLACED) {
        let place = Place { root: fixture(name), data: "/nowhere".into() };
        assert!(!place.servers().is_empty(), "fixtures/{name} has no server");
        for server in place.servers() {
            let line = place.server(&server);
            assert_eq!(Path::new(&line.program), place.root.join("bin/plugdeps"), "fixtures/{name}");
            assert_eq!(line.args[..2], ["run", "--"], "fixtures/{name}");
            let is_there = match line.args[2].as_str() {
                "python" | "node" => Path::new(&line.args[3]).is_file(),
                command => ["pyproject.toml", "package.json", "package-lock.json"].iter().any(|file| {
                    let text = fs::read_to_string(place.root.join(file)).unwrap_or_default();
                    text.contains(&format!("{command} =")) || text.contains(&format!("\"{command}\":"))
                }),
            };
            assert!(is_there, "fixtures/{name}: no `{}`", line.args[2..].join(" "));
        }
    }
}

#[test]
fn only_locks_of_uv_name_addresses_since_there_they_are_data() {
    let outside = |path: &PathBuf| path.extension().is_none_or(|ending| ending != "lock");
    for path in files().into_iter().filter(outside) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        // A server may speak to another one on the same machine.
        let text = ["http://127.0.0.1", "http://localhost"].iter().fold(text, |text, own| text.replace(own, ""));
        assert!(!text.contains("://"), "`{}` names an address", path.display());
    }
}
