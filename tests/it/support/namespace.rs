//! Runs a test in a namespace of its own: without a network but the loopback, since the real client must reach nothing
//! outside; or where it can mount file systems that nobody else sees.
//!
//! A namespace belongs to a process, so the test starts itself a second time in one.

use super::claude::PrintRecords;
use super::{Cmd, Plugin, tools};
use std::any::type_name;
use std::env;
use std::io::{self, Write};
use std::process::{Command, Output};

/// Tells the second start that it is the second.
const INSIDE: &str = "PLUGDEPS_TEST_IN_NAMESPACE";

/// Runs `case` with a client and without a network; says loudly why, where this machine cannot.
///
/// The case must be a closure written in the test itself: its type has the test's name in it.
#[track_caller]
pub fn with_the_real_client<F: FnOnce()>(case: F) {
    if env::var_os(INSIDE).is_some() {
        let _records = PrintRecords;
        raise_loopback();
        return case();
    }
    match prepared() {
        Ok(flags) => drop(start_again(flags, test_of::<F>())),
        Err(why) => skip("real client", &why),
    }
}

/// Runs `case` where what it mounts is seen by nobody else and goes with it; says loudly why, where this machine cannot.
///
/// The case must be a closure written in the test itself: its type has the test's name in it.
#[track_caller]
pub fn with_own_mounts<F: FnOnce()>(case: F) {
    if env::var_os(INSIDE).is_some() {
        return case();
    }
    tools::uv();
    match flags_of_unshare(["-m", "-rm"]) {
        Some(flags) => println!("{}", start_again(flags, test_of::<F>())),
        None => skip("real faults", "`unshare -m` makes no mount namespace here, nor does `unshare -rm`"),
    }
}

/// Says that a test does not run here. Not by a macro: what those print of a test that passes, the test harness keeps
/// to itself.
pub fn skip(what: &str, why: &str) {
    io::stderr().write_all(format!("SKIPPED {what}: {why}\n").as_bytes()).unwrap();
}

/// The command in a namespace without any network, not even the loopback; says loudly if this machine makes none.
pub fn without_network(plugin: &Plugin, command: Cmd) -> Option<Cmd> {
    let Some(flags) = flags_of_unshare(["-n", "-rn"]) else {
        skip("bundle", "`unshare -n` makes no network namespace here, nor does `unshare -rn`");
        return None;
    };
    let own = command.into_command();
    let cmd = plugin.bare_command(tools::on_path("unshare").unwrap()).arg(flags).arg(own.get_program());
    let cmd = own.get_envs().fold(cmd, |cmd, (name, value)| match value {
        Some(value) => cmd.env(name, value),
        None => cmd.env_remove(name),
    });
    Some(own.get_args().fold(cmd, |cmd, arg| cmd.arg(arg)))
}

/// The first of these flags with which `unshare` makes a namespace here.
fn flags_of_unshare(flags: [&'static str; 2]) -> Option<&'static str> {
    flags.into_iter().find(|flags| succeeds(Command::new("unshare").args([flags, "true"])))
}

/// Fetches what must come from outside; how `unshare` makes a namespace here.
fn prepared() -> Result<&'static str, String> {
    let flags = flags_of_unshare(["-n", "-rn"])
        .ok_or("`unshare -n` makes no network namespace here, nor does `unshare -rn`")?;
    if !succeeds(Command::new("ip").arg("-V")) {
        return Err("there is no `ip`, which brings the loopback up".into());
    }
    tools::claude_code()?;
    tools::uv();
    tools::mcp_wheels();
    Ok(flags)
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// What the test said there.
#[track_caller]
fn start_again(flags: &str, test: &str) -> String {
    let program = env::current_exe().expect("this program has no path");
    let mut command = Command::new("unshare");
    command.arg(flags).arg(program).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(output.status.success() && ran_one(&output), "in the namespace: {}\n{}", output.status, said(&output));
    said(&output)
}

/// A name that fits no test is no failure to the test harness.
fn ran_one(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn raise_loopback() {
    assert!(succeeds(Command::new("ip").args(["link", "set", "lo", "up"])), "cannot bring the loopback up");
}

/// The test that a closure stands in, as the test harness names it: without the crate.
fn test_of<F>() -> &'static str {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_, test)| test)
}
