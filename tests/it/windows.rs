//! The program for Windows, driven from outside under wine. uv, Python and the servers are one small program of ours,
//! `peers/windows_stub.rs`, since there is no other for Windows here. `bash .ci/windows` runs these; elsewhere they say
//! that they do not run.

use super::support::wine::size;
use super::support::{Machine, text_of, wait_until};
use serde_json::json;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

mod crowds;
mod failures;
mod node;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_first_session_builds_once_and_the_server_has_handles_and_status_of_its_own() {
    let Some(machine) = Machine::below("a b & c's %PATH% ü") else { return };
    let hook = machine.plugdeps(&["session-start"]).run();
    assert_eq!(hook.ok().stdout, "", "{hook}");
    assert_eq!(machine.run(&["exit.py", "7"]).run().status.code(), Some(7));
    // A status has 32 bits there, of which we are told the last eight.
    assert_eq!(machine.run(&["exit.py", "266"]).run().status.code(), Some(10));
    let bytes: Vec<u8> = (0..200_000).map(|n| *b"\r\n\x1a\0".get(n % 1000).unwrap_or(&b'a')).collect();
    let copied = machine.run(&["copy.py"]).stdin(bytes.clone()).run();
    assert_eq!(copied.ok().stdout.as_bytes(), bytes);
    // A client is there, and has not said anything yet: the command is started all the same, and has what comes.
    let mut late = machine.server();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(late.initialize()["serverInfo"]["name"], "stub");
    late.close_stdin();
    assert!(late.wait(SOON).success());
    let check = machine.plugdeps(&["--check"]).run();
    assert!(check.ok().stdout.starts_with("q: ready\n"), "{check}");
    assert_eq!((machine.installations(), machine.generations().len()), (1, 1));
    assert!(!fs::read_to_string(machine.state().join("profile.json")).unwrap().contains('\\'));
}

#[test]
fn a_plugin_with_its_data_on_a_share_of_a_server_is_served_from_there() {
    let Some(machine) = Machine::new() else { return };
    let share = machine.share();
    let of_share = |name: &str| format!(r"{share}\{name}");
    let machine = machine.set("CLAUDE_PLUGIN_ROOT", &of_share("root")).set("CLAUDE_PLUGIN_DATA", &of_share("data"));
    let plugdeps = |words: &[&str]| machine.start(&of_share(r"root\bin\plugdeps.exe"), words).run();
    assert_eq!(plugdeps(&["session-start"]).ok().stdout, "");
    assert_eq!(plugdeps(&["run", "--", "python", "exit.py", "7"]).status.code(), Some(7));
    let check = plugdeps(&["--check"]);
    check.ok().stdout_has(&format!("  plugin       {share}\\root (from CLAUDE_PLUGIN_ROOT)\n"));
    assert!(check.stdout.starts_with("q: ready\n"), "{check}");
    assert_eq!((machine.installations(), machine.generations().len()), (1, 1));
}

#[test]
fn a_crowd_that_begins_at_once_builds_once_and_nobody_fails() {
    let Some(machine) = Machine::new().map(|machine| machine.set("STUB_MS", "1500")) else { return };
    let hook = |_| machine.plugdeps(&["session-start"]).spawn();
    let crowd: Vec<_> = (0..4).map(hook).collect();
    for hook in crowd {
        let said = hook.wait();
        assert_eq!(said.ok().stdout, "", "{said}");
    }
    assert_eq!((machine.installations(), machine.generations().len()), (1, 1));
}

#[test]
fn a_hook_that_waited_enough_is_gone_with_its_streams_and_the_build_goes_on() {
    let Some(machine) = Machine::new().map(|machine| machine.set("STUB_MS", "6000")) else { return };
    machine.write("root/plugdeps.toml", "wait = 1\r\n");
    let began = Instant::now();
    // Without the standard error: wine has every process hold that of its starter open, for its own words.
    let mut hook = machine.plugdeps(&["session-start"]).into_command();
    let said = hook.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("q: still installing"), "{said:?}");
    assert!(began.elapsed() < Duration::from_secs(6), "somebody held its output until the build was over");
    wait_until("the environment is there", SOON, || machine.state().join("profile.json").exists());
    assert_eq!(machine.installations(), 1);
    machine.plugdeps(&["--check"]).run().ok();
}

#[test]
fn a_server_that_is_waited_for_is_answered_for_and_ends_with_whoever_speaks_for_it() {
    let Some(machine) = Machine::new().map(|machine| machine.set("STUB_MS", "1500")) else { return };
    let mut client = machine.server();
    assert_eq!(client.initialize()["serverInfo"]["name"], "q");
    let place = client.call_tool("where", json!({}));
    assert!(text_of(&place).contains("\\env\\Scripts\\python.exe"), "{place}");
    assert_eq!(client.list_tools(), ["where"]);
    client.close_stdin();
    assert!(client.wait(SOON).success());
    // From now on the server itself answers.
    let mut client = machine.server();
    assert_eq!(client.initialize()["serverInfo"]["name"], "stub");
    client.close_stdin();
    assert!(client.wait(SOON).success());
}

#[test]
fn a_server_and_its_children_end_when_plugdeps_is_killed() {
    let Some(machine) = Machine::new() else { return };
    machine.plugdeps(&["sync"]).run().ok();
    // Behind one that speaks for it, and by itself: where nobody can talk to it nobody speaks.
    for (name, input) in [("spoken for", Stdio::piped()), ("alone", Stdio::null())] {
        let beat = machine.path(name);
        let mut command = machine.run(&["family.py", &machine.windows(name)]).into_command();
        let mut plugdeps = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the server's child is there", SOON, || size(&beat) > 0);
        plugdeps.kill().unwrap();
        plugdeps.wait().unwrap();
        let lives = || {
            let before = size(&beat);
            std::thread::sleep(Duration::from_millis(200));
            size(&beat) > before
        };
        wait_until("the server's child is gone", SOON, || !lives());
    }
}

#[test]
fn what_a_scanner_holds_for_a_moment_is_neither_absent_nor_a_failure() {
    let Some(machine) = Machine::new() else { return };
    machine.plugdeps(&["sync"]).run().ok();
    let profile = machine.state().join("profile.json");
    let before = fs::read_to_string(&profile).unwrap();
    let hold = |ms| {
        let held = machine.start(
            &machine.windows("path/python.exe"),
            &["hold.py", &machine.windows("data/plugdeps/main/profile.json"), ms],
        );
        let held = held.spawn();
        wait_until("it is held", SOON, || held.stdout_so_far().contains("held"));
        held
    };
    let holder = hold("100");
    machine.plugdeps(&["session-start"]).run().ok();
    holder.wait().ok();
    assert_eq!((machine.installations(), fs::read_to_string(&profile).unwrap()), (1, before));
    // And while another is published.
    machine.write("root/requirements.txt", "alpha==2.0\r\n");
    let holder = hold("1000");
    machine.plugdeps(&["sync"]).run().ok();
    holder.wait().ok();
    machine.plugdeps(&["--check"]).run().ok();
    // The third has the first removed.
    machine.write("root/requirements.txt", "alpha==3.0\r\n");
    machine.plugdeps(&["sync"]).run().ok();
    assert_eq!((machine.installations(), machine.generations().len()), (3, 2));
}

#[test]
fn the_stub_of_the_store_is_passed_over_and_the_launcher_of_python_found() {
    let Some(machine) = Machine::new() else { return };
    fs::rename(machine.path("path/python.exe"), machine.path("python.exe")).unwrap();
    machine.write("WindowsApps/python.exe", "");
    machine.put("stub.exe", machine.local("Programs/Python/Launcher/py.exe").to_str().unwrap());
    let path = format!("{};{}", machine.windows("WindowsApps"), machine.windows("path"));
    let python = machine.windows("python.exe");
    let machine = machine.set("STUB_PYTHON", &python).set("WINEPATH", &path);
    machine.plugdeps(&["sync"]).run().ok();
    let check = machine.plugdeps(&["--check"]).run();
    let rejected = "is the Microsoft Store stub, which opens the Store";
    assert!(check.ok().stdout.contains(rejected) && check.stdout.contains(&python), "{check}");
}

#[test]
fn an_update_that_fails_leaves_the_last_good_environment() {
    let Some(machine) = Machine::new() else { return };
    machine.plugdeps(&["sync"]).run().ok();
    machine.write("root/requirements.txt", "alpha==2.0\r\n");
    let machine = machine.set("STUB_FAILS", "error: No solution found when resolving dependencies");
    let hook = machine.plugdeps(&["session-start"]).run();
    assert!(hook.ok().stdout.contains("q: its packages could not be installed"), "{hook}");
    assert_eq!(machine.run(&["exit.py", "3"]).run().status.code(), Some(3));
    assert_eq!(machine.generations().len(), 1);
}

#[test]
fn data_below_a_path_that_is_too_long_are_refused_before_anything_is_written() {
    let Some(machine) = Machine::new() else { return };
    let long = machine.windows(&format!("{0}/{0}/data", "d".repeat(110)));
    let hook = machine.plugdeps(&["--data", &long, "session-start"]).run();
    assert!(hook.ok().stdout.contains("its path is too long for programs to be started below it"), "{hook}");
    assert!(!machine.path(&"d".repeat(110)).exists());
    let long = machine.windows(&format!("{}/data", "d".repeat(140)));
    machine.plugdeps(&["--data", &long, "sync"]).run().ok();
    machine.plugdeps(&["--data", &long, "--check"]).run().ok();
}

#[test]
fn a_name_without_exe_is_the_program_and_not_the_launcher_beside_it() {
    let Some(machine) = Machine::new() else { return };
    machine.write("root/bin/plugdeps", include_str!("../../launcher.sh"));
    let name = machine.windows("root/bin/plugdeps");
    let said = machine.start("cmd.exe", &["/c", &name, "--version"]).run();
    assert!(said.ok().stdout.starts_with("plugdeps "), "{said}");
    let said = machine.start(&machine.windows("path/python.exe"), &["start.py", &name, "--version"]).run();
    assert!(said.ok().stdout.starts_with("plugdeps "), "{said}");
    machine.plugdeps(&["sync"]).run().ok();
    // What is there for Windows, and not what lies beside it for a shell.
    let tool = machine.plugdeps(&["run", "--", "alpha-tool"]).run();
    assert!(tool.ok().stdout.trim_end().ends_with("\\env\\Scripts\\alpha-tool.cmd"), "{tool}");
}
