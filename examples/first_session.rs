//! Plays the host for two sessions of a plugin: `cargo run --example first_session [-- FIXTURE]`.
//!
//! It installs `fixtures/FIXTURE` (`requirements` unless named) with the binary beside it into a temporary directory and
//! does what Claude Code does: starts the SessionStart hook, a tenth of a second later the MCP server, and speaks to it
//! while the hook still runs. The packages come from where your uv or pip gets them. It prints what happened when, and
//! exits non-zero when the tool did not answer in the very first session.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
#[path = "../tests/it/support/host.rs"]
mod host;
#[allow(dead_code)]
#[path = "../tests/it/support/mcp_client.rs"]
mod mcp_client;

use host::{Place, copy_tree, session_start};
use mcp_client::{McpClient, text_of};
use serde_json::json;
use std::env;
use std::fs;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The host starts the servers this long after the hooks, and waits for neither.
const HOOK_TO_SERVER: Duration = Duration::from_millis(100);
/// The tools that the fixtures' servers have, the first that is there is called.
const TOOLS: [&str; 2] = ["where", "value"];

fn main() {
    let fixture = env::args().nth(1).unwrap_or_else(|| "requirements".into());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(&fixture);
    if !source.join(".mcp.json").is_file() {
        eprintln!("first_session: there is no fixture `{fixture}` with a server in fixtures/");
        std::process::exit(2);
    }
    let temp = tempfile::Builder::new().prefix("first-session-").tempdir().expect("no temporary directory");
    let left = temp.path().to_path_buf();
    std::panic::set_hook(Box::new(move |panic| say_what_failed(panic, &left)));
    let place = install(&source, temp.path());
    let first = session("first session: nothing is installed", &place, temp.path());
    let second = session("second session: everything is there", &place, temp.path());
    let ratio = first.as_secs_f64() / second.as_secs_f64();
    println!("the tool answered in both; the first session took {ratio:.1} times as long to get there");
}

/// A failure is one sentence here, and the plugin stays for a look; a server ends when its stdin does.
fn say_what_failed(panic: &PanicHookInfo, left: &Path) {
    let payload = panic.payload();
    let sentence = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    eprintln!("first_session: {}", sentence.unwrap_or("failed"));
    eprintln!("first_session: what there was is left in {}", left.display());
    std::process::exit(1);
}

/// Installs the plugin as the host does: a copy of its files, and a place for its data.
fn install(source: &Path, temp: &Path) -> Place {
    let place = Place { root: temp.join("root"), data: temp.join("data") };
    copy_tree(source, &place.root);
    fs::create_dir_all(place.root.join("bin")).expect("cannot create bin/");
    fs::create_dir_all(&place.data).expect("cannot create the data directory");
    fs::copy(program(), place.root.join("bin/plugdeps")).expect("cannot copy plugdeps");
    place
}

/// The program of the same build; made first, since `cargo run --example` makes no other.
fn program() -> PathBuf {
    let example = env::current_exe().expect("this program has no path");
    let profile = example.parent().and_then(Path::parent).expect("an example lies two directories below target/");
    let options: &[&str] = if cfg!(debug_assertions) { &["build"] } else { &["build", "--release"] };
    let built = Command::new("cargo").args(options).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.is_ok_and(|status| status.success()), "cargo {} failed", options.join(" "));
    profile.join("plugdeps")
}

/// One session; the time from its start to the tool's answer.
fn session(title: &str, place: &Place, cwd: &Path) -> Duration {
    println!("{title}");
    let clock = Arc::new(Clock(Instant::now()));
    let hook = start_hook(place, cwd, &clock);
    thread::sleep(HOOK_TO_SERVER);
    let answered = talk(place, cwd, &clock);
    let output = hook.join().expect("the hook was not waited for");
    assert!(output.status.success(), "the hook failed: {}", String::from_utf8_lossy(&output.stderr));
    println!();
    answered
}

/// Starts the hook, and says when it has ended.
fn start_hook(place: &Place, cwd: &Path, clock: &Arc<Clock>) -> JoinHandle<Output> {
    let mut command = place.hook().command();
    command.current_dir(cwd).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cannot start the hook");
    clock.note("hook started");
    // A hook need not read its input; that it was not read is no failure.
    let _ = child.stdin.take().expect("a pipe").write_all(session_start(cwd).as_bytes());
    let clock = Arc::clone(clock);
    thread::spawn(move || {
        let output = child.wait_with_output().expect("cannot wait for the hook");
        clock.note(&format!("hook ended: {}, {}", output.status, said(&output.stdout)));
        output
    })
}

fn said(stdout: &[u8]) -> String {
    match String::from_utf8_lossy(stdout).trim() {
        "" => "silent".into(),
        text => format!("said {text}"),
    }
}

/// Starts the first server and calls its first tool; the time of the answer.
fn talk(place: &Place, cwd: &Path, clock: &Clock) -> Duration {
    let name = place.servers().into_iter().next().expect("the fixture has no server");
    let mut command = place.server(&name).command();
    let mut server = McpClient::spawn({
        command.current_dir(cwd);
        command
    });
    clock.note("server started");
    server.set_timeout(Duration::from_secs(300));
    server.discover_first();
    server.initialize();
    clock.note("initialize answered");
    let tools = tools_of(&mut server);
    clock.note(&format!("tools: {}", tools.join(", ")));
    let tool = TOOLS.into_iter().find(|known| tools.iter().any(|tool| tool == known));
    let tool = tool.unwrap_or_else(|| panic!("the server offers none of its tools\n{}", server.conversation()));
    let answer = text_of(&server.call_tool(tool, json!({})));
    clock.note(&format!("{tool}() -> {}", answer.replace('\n', " ")));
    let answered = clock.0.elapsed();
    server.close_stdin();
    server.wait(Duration::from_secs(10));
    answered
}

/// The tools; a server that offers none yet may announce them, and the host asks again then.
fn tools_of(server: &mut McpClient) -> Vec<String> {
    let tools = server.list_tools();
    if !tools.is_empty() {
        return tools;
    }
    server.wait_for_notification("notifications/tools/list_changed", Duration::from_secs(300));
    server.list_tools()
}

/// Seconds since the start of a session.
struct Clock(Instant);

impl Clock {
    fn note(&self, event: &str) {
        println!("  {:7.3} s  {event}", self.0.elapsed().as_secs_f64());
    }
}
