//! Servers for which nothing is installed: in containers, and reached over the network.
//!
//! There is no container engine on most machines that run this, so a stub on PATH says and does what the real one does:
//! the words are those of Docker 20.10 and of Podman 4.3.

use crate::support::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const NO_DAEMON: &str =
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";

/// A plugin with a server in a container and two remote ones, and nothing else.
fn elsewhere() -> Plugin {
    let args = ["run", "-i", "--rm", "-e", "TOKEN=hunter2", "--mount", "type=bind,src=${HOME},dst=/x", "mcp/search:1"];
    let servers = json!({ "mcpServers": {
        "search": { "command": "docker", "args": args },
        "far": { "type": "http", "url": "https://example.invalid/mcp?key=hunter2" },
        "old": { "type": "sse", "url": "https://example.invalid/sse" },
    }});
    Plugin::new("elsewhere").shipped_hooks().file(".mcp.json", &servers.to_string())
}

/// Puts an engine on PATH that answers `image inspect` so.
fn engine(plugin: Plugin, name: &str, answer: &str) -> Plugin {
    let asked =
        "case \"$*\" in 'image inspect --format {{.Id}} mcp/search:1') ;; *) echo \"what is $*\"; exit 99;; esac";
    plugin.script(name, &format!("#!/bin/sh\n{asked}\n{answer}\n"))
}

/// What `--check` says of the server in the container: its state, and the row on the page. It changes nothing.
#[track_caller]
fn look(plugin: &Plugin) -> (Value, String) {
    let before = Tree::of(plugin.temp());
    let page = plugin.command(["--check"]).run();
    page.ok().stdout_lacks("hunter2").stdout_has("elsewhere: ready\n").stderr_is("");
    let report = plugin.command(["--check", "--json"]).run();
    report.ok().stdout_lacks("hunter2");
    assert_same(&before, &Tree::of(plugin.temp()));
    let row = page.stdout.lines().find_map(|line| line.strip_prefix("  server       `search`: ")).map(str::to_owned);
    let servers = &report.json()["servers"];
    let server = servers.as_array().unwrap().iter().find(|server| server["name"] == "search").unwrap().clone();
    let row = row.unwrap_or_else(|| panic!("{page}"));
    assert_eq!(server["note"], json!(row), "the page and the data differ");
    (server, row)
}

#[test]
fn a_plugin_that_has_nothing_else_installs_nothing_and_is_ready() {
    let plugin = elsewhere();
    plugin.hook().ok().silent();
    let said = plugin.command(["sync"]).run();
    said.ok().stdout_is("").stderr_is("plugdeps: elsewhere has no manifest, so there is nothing to install\n");
    assert!(!plugin.data.join("plugdeps").exists(), "something was written for nothing");
    let page = plugin.command(["--check"]).run();
    page.ok().stdout_has("  server       `far`: reached by http: nothing to install\n");
    page.stdout_has("  server       `old`: reached by sse: nothing to install\n");
    let servers = plugin.command(["--check", "--json"]).run().ok().json()["servers"].clone();
    let far = json!({ "name": "far", "kind": "remote", "transport": "http", "engine": null, "image": null,
        "state": null, "note": "reached by http: nothing to install" });
    assert!(servers.as_array().unwrap().contains(&far), "{servers}");
}

#[test]
fn remote_servers_alone_make_a_plugin() {
    let plugin = elsewhere().file(".mcp.json", "{ \"far\": { \"url\": \"https://example.invalid/mcp\" } }");
    std::fs::remove_dir_all(plugin.root.join(".claude-plugin")).unwrap();
    plugin.hook().ok().silent();
    plugin.command(["--check"]).run().ok();
}

#[test]
fn of_a_container_check_says_whether_its_engine_and_its_image_are_there() {
    let (server, row) = look(&elsewhere());
    assert_eq!(
        (&server["kind"], &server["state"], &server["engine"]),
        (&json!("container"), &json!("no-engine"), &json!("docker"))
    );
    assert_eq!(row, "in a container, nothing to install; `docker` is not there: install it");

    let (server, row) = look(&engine(elsewhere(), "docker", "echo sha256:bfa319cde41a"));
    assert_eq!((&server["state"], &server["image"]), (&json!("present"), &json!("mcp/search:1")));
    assert!(row.ends_with("the image `mcp/search:1` is there"), "{row}");

    let missing = "echo; echo 'Error: No such image: mcp/search:1' >&2; exit 1";
    let (server, row) = look(&engine(elsewhere(), "docker", missing));
    assert_eq!(server["state"], "missing");
    assert!(row.contains("is not there: `docker pull mcp/search:1` fetches it"), "{row}");

    let (server, row) = look(&engine(elsewhere(), "docker", &format!("echo; echo '{NO_DAEMON}' >&2; exit 1")));
    assert_eq!(server["state"], "no-answer");
    assert!(row.ends_with(&format!("`docker` does not answer: {NO_DAEMON}")), "{row}");
}

#[test]
fn an_engine_that_hangs_is_waited_for_a_few_seconds_and_no_start_asks_it() {
    let plugin = engine(elsewhere(), "docker", "exec sleep 600");
    let (server, row) = look(&plugin);
    assert_eq!(server["state"], "no-answer");
    assert!(row.ends_with("`docker` does not answer: nothing within 5 s"), "{row}");
    let before = Instant::now();
    plugin.hook().ok().silent();
    assert!(before.elapsed() < Duration::from_secs(4), "the hook asked the engine");
    plugin.rests();
}

#[test]
fn podman_is_asked_as_well_and_an_image_that_the_command_does_not_tell_is_not_guessed() {
    let plugin = elsewhere();
    let servers = json!({ "mcpServers": {
        "search": { "command": "podman", "args": ["run", "-i", "--userns", "keep-id", "mcp/search:1"] },
    }});
    let missing = "echo 'Error: inspecting object: mcp/search:1: image not known' >&2; exit 125";
    let plugin = engine(plugin, "podman", missing).file(".mcp.json", &servers.to_string());
    assert_eq!(look(&plugin).0["state"], "missing");
    plugin.write(".mcp.json", &servers.to_string().replace("--userns", "--of-tomorrow"));
    let (server, row) = look(&plugin);
    assert_eq!((&server["state"], &server["image"]), (&json!("untold"), &Value::Null));
    assert!(row.ends_with("its command does not tell which image"), "{row}");
}

#[test]
fn what_an_engine_says_steers_no_terminal_and_shows_no_secret() {
    let plugin = engine(elsewhere(), "docker", "printf 'no\\033[2Jdaemon at %s\\n' \"$DOCKER_HOST\"; exit 1");
    let plugin = plugin.env("DOCKER_HOST", "tcp://me:opensesame@far:1");
    let page = plugin.command(["--check"]).run();
    page.ok().stdout_has("does not answer: no\u{fffd}[2Jdaemon at tcp://****@far:1\n").stdout_lacks("\x1b");
    plugin.command(["--check", "--json"]).run().ok().stdout_lacks("\x1b").stdout_lacks("opensesame");
}

#[test]
fn a_command_of_an_engine_runs_through_run_as_it_is_and_needs_no_environment() {
    let plugin = elsewhere().script("docker", "#!/bin/sh\nprintf '%s|' \"$@\"\nexec cat\n");
    let words = ["run", "--", "docker", "run", "-i", "--rm", "-e", "A=b c", "mcp/search:1", "stdio"];
    let output = plugin.command(words).stdin("{\"id\":1}\n").run();
    output.ok().stdout_is("run|-i|--rm|-e|A=b c|mcp/search:1|stdio|{\"id\":1}\n").stderr_is("");
    assert!(!plugin.data.join("plugdeps").exists(), "something was written for nothing");
}

#[test]
fn what_a_container_is_shown_of_the_plugin_needs_no_environment() {
    let servers = json!({ "mcpServers": { "search": { "command": "docker",
        "args": ["run", "-v", "${CLAUDE_PLUGIN_ROOT}/tool/app.py:/app.py", "mcp/search:1"] } } });
    let plugin = elsewhere().file(".mcp.json", &servers.to_string()).file("tool/requirements.txt", "alpha\n");
    plugin.hook().ok().silent();
    assert_eq!(plugin.command(["--check", "--json"]).run().ok().json()["environments"], json!([]));
}

#[test]
fn a_local_server_is_named_in_the_data_and_the_page_stays_as_it_was() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.write(".mcp.json", "{\"mcpServers\": {\"s\": {\"command\": \"python\", \"args\": [\"s.py\"]}}}");
    plugin.command(["--check"]).run().exits(10).stdout_lacks("server ");
    let servers = plugin.command(["--check", "--json"]).run().json()["servers"].clone();
    let local = json!([{ "name": "s", "kind": "local", "transport": "stdio", "engine": null, "image": null,
        "state": null, "note": null }]);
    assert_eq!(servers, local);
}
