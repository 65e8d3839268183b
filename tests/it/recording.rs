//! The first session as its user sees it, with the line that authors paste and with plugdeps, which also ships what its
//! tools are: in the interactive client, from an index that takes a few seconds.
//!
//! `PLUGDEPS_RECORDING=docs/first-session.svg cargo nextest run -E 'test(/^recording::/)'` writes down what was seen.

use crate::support::film::{Film, svg};
use crate::support::namespace::{skip, with_the_real_client};
use crate::support::terminal::Terminal;
use crate::support::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::Duration;

/// How long the index holds back one of the packages.
const HELD: Duration = Duration::from_secs(4);
/// When the user asks, after the start.
const ASKED: Duration = Duration::from_secs(3);
/// Long enough for a reader.
const READ: Duration = Duration::from_secs(3);
/// Longer than it takes.
const INSTALLATION: Duration = Duration::from_secs(90);
const AGAIN: &str = "Add them now.";
const PROMPT: &str = "Add 2 and 40.";
const ANSWER: &str = "{\"result\":42}";
const NO_TOOL: &str = "I have no tool that adds";
const TITLES: [&str; 2] = ["pip install in a SessionStart hook", "plugdeps"];
/// How the servers of both end: as `/mcp` shows them.
const SERVERS: [&str; 2] = ["✘ plugin:sums:plain", "✔ plugin:sums:sdk"];
/// The longest that the README's first picture may be, in bytes.
const LONGEST: usize = 100_000;

/// A plugin with a server on the official SDK; how it is started is what differs.
fn plugin(index: &Index) -> Plugin {
    let plugin = Plugin::new("sums").fixture("requirements").index(index).uv().pip();
    plugin.file(".claude-plugin/plugin.json", "{ \"name\": \"sums\" }\n").hosted()
}

/// The same with the line that authors paste into their hooks.
fn with_a_shell_line(index: &Index) -> Plugin {
    let plugin = plugin(index);
    for name in [".mcp.json", "hooks/hooks.json"] {
        fs::copy(fixture("shell-line").join(name), plugin.root.join(name)).unwrap();
    }
    plugin
}

/// The line has done what it does.
fn is_installed_by_pip(plugin: &Plugin) -> bool {
    let is_there = plugin.data.join("site-packages/mcp/__init__.py").is_file();
    let is_pip =
        |pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.ends_with(b"requirements.txt\0"));
    is_there && !plugin.processes().into_iter().any(is_pip)
}

/// A session: the user asks for a sum, once more when all is installed unless it was told, and looks at the servers.
fn session(plugin: &Plugin, index: &Index, is_installed: impl Fn() -> bool, answer: &str) -> Terminal {
    index.hold("mcp", HELD);
    let api = Api::start().call("add").with(json!({ "a": 2, "b": 40 })).saying("The answer is", NO_TOOL);
    let terminal = Claude { plugin, api: &api }.in_terminal();
    sleep(ASKED.saturating_sub(terminal.elapsed()));
    terminal.say(PROMPT);
    terminal.wait_for("an answer", |screen| screen.contains(ANSWER) || screen.contains(NO_TOOL));
    wait_until("all is installed", INSTALLATION, is_installed);
    sleep(READ);
    if !terminal.screen().contains(ANSWER) {
        terminal.say(AGAIN);
        terminal.wait_for("another answer", |s| s.contains(ANSWER) || s.matches(NO_TOOL).count() > 1);
        sleep(READ);
    }
    assert!(terminal.screen().contains(answer), "{}", terminal.screen());
    terminal.say("/mcp");
    terminal.wait_for("the servers", |screen| screen.contains("MCP servers"));
    sleep(READ);
    terminal
}

#[test]
fn the_first_session_has_the_tools_where_a_line_in_a_hook_has_none() {
    with_the_real_client(|| {
        if !Terminal::is_there() {
            return skip("recording", "there is no `tmux`");
        }
        let index = Index::serve(&tools::mcp_wheels());
        let (line, plugdeps) = (with_a_shell_line(&index), plugin(&index));
        plugdeps.ship_snapshot();
        let (without, with) = thread::scope(|scope| {
            let without = scope.spawn(|| session(&line, &index, || is_installed_by_pip(&line), NO_TOOL));
            let with = scope.spawn(|| session(&plugdeps, &index, || plugdeps.is_proven(), ANSWER));
            (without.join().unwrap(), with.join().unwrap())
        });
        let (seen_without, seen_with) = (without.screen(), with.screen());
        let films = [
            Film { title: TITLES[0].into(), frames: without.film() },
            Film { title: TITLES[1].into(), frames: with.film() },
        ];
        if let Some(path) = std::env::var_os("PLUGDEPS_RECORDING") {
            fs::write(path, svg(&films)).unwrap();
        }
        assert!(seen_without.contains(SERVERS[0]), "{seen_without}");
        assert!(seen_with.contains(SERVERS[1]), "{seen_with}");
    });
}

/// What a row of the picture shows, without blanks: those are not drawn.
fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The text of a line of SVG.
fn shown(line: &str) -> String {
    let text: String = line.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect();
    without_blanks(&text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// Of a recording that nobody can make again byte by byte: it was drawn by what draws now, it shows what the session above is
/// made of, and what is in the fixture's hook now.
#[test]
fn the_recording_in_the_readme_is_small_and_of_the_session_that_is_played_here() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let picture = read("docs/first-session.svg");
    let empty = svg(&TITLES.map(|title| Film { title: title.into(), frames: Vec::new() }));
    assert!(read("README.md").contains("](docs/first-session.svg)"));
    assert!(picture.len() < LONGEST, "{} bytes", picture.len());
    let mut around = empty.lines().filter(|line| !line.contains("dur=") && !line.contains("text-anchor"));
    let missing = around.find(|line| !picture.lines().any(|drawn| drawn == *line));
    assert_eq!(missing, None, "it was drawn in another way");
    let hooks: Value = serde_json::from_str(&read("fixtures/requirements/hooks/hooks.json")).unwrap();
    let status = hooks["hooks"]["SessionStart"][0]["hooks"][0]["statusMessage"].as_str().unwrap();
    let rows: Vec<String> = picture.lines().map(shown).collect();
    for text in SERVERS.into_iter().chain([PROMPT, AGAIN, ANSWER, NO_TOOL, status]) {
        assert!(rows.iter().any(|row| row.contains(&without_blanks(text))), "it does not show `{text}`");
    }
}
