//! What fails on Windows: that it is told, is left alone for a while, and harms nothing that is there.

use super::SOON;
use crate::support::{Machine, processes, wait_until};
use plugdeps::error::Kind;
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::time::Duration;

const FAILS: &str = "error: No solution found when resolving dependencies";

fn exit_of(kind: Kind) -> i32 {
    kind.info().exit.into()
}

#[test]
fn a_build_that_fails_is_told_and_refused_at_once_until_sync_tries_again() {
    let Some(machine) = Machine::new().map(|machine| machine.set("STUB_FAILS", FAILS)) else { return };
    let hook = machine.plugdeps(&["session-start"]).run();
    let said = hook.ok().json()["systemMessage"].as_str().unwrap().to_owned();
    assert!(said.starts_with("q: its packages could not be installed: ") && said.contains("No solution"), "{said}");
    let refused = machine.run(&["exit.py", "0"]).run();
    refused.exits(exit_of(Kind::InstallRefused)).stderr_has("error[install-refused]").stderr_has("is tried again in 1");
    let check = machine.plugdeps(&["--check"]).run();
    check.exits(10).stdout_has("last failure").stdout_has("try 1");
    assert_eq!(machine.installations(), 1);
    machine.plugdeps(&["sync"]).run().exits(exit_of(Kind::InstallFailed)).stderr_has("No solution");
    assert_eq!(machine.installations(), 2);
    // A client hears it in each call, and the tools as soon as they are there.
    let mut client = machine.server();
    assert_eq!(client.initialize()["serverInfo"]["name"], "q");
    let told = client.call_tool("where", json!({}));
    assert!(told["isError"] == true && told.to_string().contains("is tried again in"), "{told}");
    let machine = machine.unset("STUB_FAILS");
    machine.plugdeps(&["sync"]).run().ok();
    wait_until("the tools are there", SOON, || client.call_tool("where", json!({}))["isError"] != true);
    let ended = machine.plugdeps(&["session-start"]).run();
    ended.ok().stdout_has("q: its packages could be installed now");
}

#[test]
fn an_installer_that_is_late_or_killed_is_told_and_leaves_nothing() {
    let Some(machine) = Machine::new().map(|machine| machine.set("STUB_MS", "60000")) else { return };
    machine.write("root/plugdeps.toml", "deadline = 2\r\n");
    let late = machine.plugdeps(&["sync"]).run();
    late.exits(exit_of(Kind::InstallFailed)).stderr_has("did not end in time");
    assert!(late.elapsed < SOON, "{late}");
    wait_until("the installer is gone", SOON, || machine.processes("pip").is_empty());
    let machine = machine.unset("STUB_MS").set("STUB_IS_ENDED", "1");
    machine.plugdeps(&["sync"]).run().exits(exit_of(Kind::InstallFailed));
    assert_eq!(machine.generations(), Vec::<String>::new());
}

#[test]
fn a_builder_that_is_killed_is_replaced_and_one_start_heals() {
    for ms in [0, 300, 1500] {
        let Some(machine) = Machine::new().map(|machine| machine.set("STUB_MS", "1000")) else { return };
        let hook = machine.plugdeps(&["session-start"]).spawn();
        wait_until("somebody builds", SOON, || !machine.processes("__build").is_empty());
        std::thread::sleep(Duration::from_millis(ms));
        machine.processes("__build").into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
        hook.wait().ok().stdout_is("");
        machine.run(&["exit.py", "5"]).run().exits(5);
        machine.plugdeps(&["--check"]).run().ok();
        // What the dead builder left goes with the next build.
        machine.plugdeps(&["sync", "--rebuild"]).run().ok();
        assert!(machine.generations().len() <= 2, "{:?}", machine.generations());
    }
}

#[test]
fn state_that_is_damaged_or_of_a_newer_program_is_absent_and_moved_data_are_built_again() {
    let Some(machine) = Machine::new() else { return };
    machine.plugdeps(&["sync"]).run().ok();
    let profile = machine.state().join("profile.json");
    let good = fs::read_to_string(&profile).unwrap();
    let ways = [String::new(), good[..good.len() / 2].to_owned(), good.replace("\"schema\": 1", "\"schema\": 99")];
    for (n, way) in ways.iter().enumerate() {
        assert_ne!(way, &good);
        fs::write(&profile, way).unwrap();
        machine.run(&["exit.py", "4"]).run().exits(4).stderr_is("");
        assert_eq!(machine.installations(), n + 2);
    }
    fs::rename(machine.path("data"), machine.path("moved")).unwrap();
    let moved = machine.windows("moved");
    let place = machine.plugdeps(&["--data", &moved, "run", "--", "python"]).run();
    assert!(place.ok().stdout.contains("\\moved\\plugdeps\\main\\g-"), "{place}");
}

#[test]
fn after_an_upgrade_of_python_the_environment_is_built_with_the_one_that_is_there() {
    let Some(machine) = Machine::new() else { return };
    machine.plugdeps(&["sync"]).run().ok();
    // As an installer replaces it: another directory, the old one gone.
    fs::create_dir_all(machine.path("Python313")).unwrap();
    fs::rename(machine.path("path/python.exe"), machine.path("Python313/python.exe")).unwrap();
    let path = format!("{};{}", machine.windows("path"), machine.windows("Python313"));
    let machine = machine.set("WINEPATH", &path);
    let check = machine.plugdeps(&["--check"]).run();
    assert!(check.exits(10).stdout.contains("its interpreter `") && check.stdout.contains("` is gone"), "{check}");
    assert_eq!(machine.plugdeps(&["session-start"]).run().ok().stdout, "");
    let place = machine.run(&[]).run();
    assert!(place.ok().stdout.contains("Scripts\\python.exe"), "{place}");
    assert_eq!(machine.installations(), 2);
}

#[test]
fn the_last_words_of_a_server_that_ends_reach_its_client() {
    let Some(machine) = Machine::new() else { return };
    machine.plugdeps(&["sync"]).run().ok();
    let run = machine.run(&["last.py", "the database is locked"]).into_command();
    let mut client = crate::support::McpClient::spawn(run);
    let id = client.begin("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {} }));
    let answer = client.wait_for_answer(id, SOON).expect("no answer");
    assert!(answer["error"].to_string().contains("the database is locked"), "{answer}");
}
