//! The documentation is the table of cases: each rule finds something in the files that it calls bad, and nothing in
//! those that it calls good.

use super::*;
use crate::process::{Job, Terminal};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../docs/lint.md");

/// Files by their names.
type Files = Vec<(String, String)>;

/// What the documentation says of one rule.
struct Section {
    name: String,
    level: String,
    sentence: String,
    bad: Files,
    good: Files,
}

fn sections() -> Vec<Section> {
    DOCUMENT.split("\n## `").skip(1).map(section).collect()
}

fn section(text: &str) -> Section {
    let (name, rest) = text.split_once('`').unwrap();
    let (level, sentence) = rest.trim_start().lines().next().unwrap().split_once(": ").unwrap();
    let (bad, good) = rest.split_once("\nGood: ").unwrap_or_else(|| panic!("`{name}` has no good example"));
    let bad = bad.split_once("\nBad: ").unwrap_or_else(|| panic!("`{name}` has no bad example")).1;
    Section {
        name: name.into(),
        level: level.trim_matches('*').into(),
        sentence: sentence.into(),
        bad: files(bad),
        good: files(good),
    }
}

/// A name in backticks, then what is in the file between fences.
fn files(text: &str) -> Files {
    let parts = text.split("\nwith ");
    let file = |part: &str| {
        let (name, rest) = part.trim_start_matches('`').split_once('`').unwrap();
        let content = rest.split("```").nth(1).unwrap().split_once('\n').unwrap().1;
        (name.to_owned(), content.to_owned())
    };
    parts.map(file).collect()
}

fn plugin(files: &Files) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let own = (".claude-plugin/plugin.json".to_owned(), "{ \"name\": \"p\" }".to_owned());
    let is_given = files.iter().any(|(name, _)| *name == own.0);
    for (name, text) in files.iter().chain((!is_given).then_some(&own)) {
        let path = root.path().join(name);
        crate::fs::create_directory(path.parent().unwrap()).unwrap();
        crate::fs::write(&path, text.as_bytes()).unwrap();
    }
    // What git ignores is told by git alone.
    if files.iter().any(|(name, _)| name == ".gitignore") {
        let git = crate::tool::on_path("git").into_iter().next().expect("`git` is needed");
        let job = Job::new(git).arg("-C").arg(root.path()).args(["init", "-q"]);
        let ended = job.run(Terminal::None, Instant::now() + Duration::from_secs(60), &mut |_| {}).unwrap();
        assert!(ended.status.success(), "no repository is made");
    }
    root
}

/// How often each rule found something.
pub(super) fn found(files: &Files) -> BTreeMap<&'static str, usize> {
    let root = plugin(files);
    let mut count = BTreeMap::new();
    for rule in rules_found(root.path()).unwrap() {
        *count.entry(rule).or_default() += 1;
    }
    count
}

#[test]
fn the_documentation_lists_every_rule_with_its_level_and_its_sentence() {
    let told: Vec<_> = sections().into_iter().map(|section| (section.name, section.level, section.sentence)).collect();
    let known: Vec<_> = RULES
        .iter()
        .map(|rule| (rule.name.to_owned(), rule.level.name().to_owned(), rule.sentence.to_owned()))
        .collect();
    assert_eq!(told, known);
}

#[test]
fn each_rule_finds_something_in_its_bad_example_and_nothing_in_its_good_one() {
    // On Windows nothing says that a file may not be executed, and its git is not everywhere that this is tried.
    let needs_git = |files: &Files| files.iter().any(|(name, _)| name == ".gitignore");
    let is_of_unix =
        |section: &Section| section.name == "not-executable" || needs_git(&section.bad) || needs_git(&section.good);
    for section in sections().into_iter().filter(|section| cfg!(unix) || !is_of_unix(section)) {
        let name = section.name.as_str();
        assert_eq!(found(&section.bad).get(name), Some(&1), "`{name}` in its bad example");
        assert_eq!(found(&section.good).get(name), None, "`{name}` in its good example");
    }
}

pub fn server(words: &[&str]) -> String {
    let (command, args) = words.split_first().unwrap();
    serde_json::json!({ "mcpServers": { "s": { "command": command, "args": args } } }).to_string()
}

pub fn hook(line: &str) -> String {
    let hook = serde_json::json!({ "type": "command", "command": line, "timeout": 600 });
    serde_json::json!({ "hooks": { "SessionStart": [{ "hooks": [hook] }] } }).to_string()
}

/// The rule finds so much in these files.
#[track_caller]
pub fn finds(rule: &str, count: usize, files: &[(&str, &str)]) {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    assert_eq!(found(&files).get(rule).copied().unwrap_or(0), count, "`{rule}` in {files:#?}");
}

pub(super) const ROOT: &str = "${CLAUDE_PLUGIN_ROOT}";

#[test]
fn of_two_servers_of_one_name_that_of_the_description_is_looked_at() {
    let (relative, absolute) = (server(&["node", "./s.js"]), server(&["node", "${CLAUDE_PLUGIN_ROOT}/s.js"]));
    finds("relative-path", 1, &[(".mcp.json", &relative), ("s.js", "")]);
    finds("relative-path", 0, &[(".mcp.json", &relative)]);
    let description = (".claude-plugin/plugin.json", absolute.as_str());
    finds("relative-path", 0, &[(".mcp.json", &relative), ("s.js", ""), description]);
}

#[test]
fn hooks_are_seen_from_the_session_as_well() {
    finds("relative-path", 1, &[("hooks/hooks.json", &hook("hooks/setup.sh")), ("hooks/setup.sh", "")]);
    let line = format!("cd \"{ROOT}\" && sh hooks/setup.sh");
    finds("relative-path", 0, &[("hooks/hooks.json", &hook(&line)), ("hooks/setup.sh", "")]);
}

#[test]
fn scripts_are_followed_wherever_they_are_started_from() {
    let wrapper = server(&["bash", "${CLAUDE_PLUGIN_ROOT}/w.sh", "node", "${CLAUDE_PLUGIN_ROOT}/w.mjs"]);
    finds("unpinned-start", 1, &[(".mcp.json", &wrapper), ("w.sh", "exec npx -y some-server@latest \"$@\"")]);
    finds("unpinned-start", 0, &[(".mcp.json", &wrapper), ("w.sh", "npx tsc\nexec node dist/s.js")]);
    finds("installs-at-start", 1, &[(".mcp.json", &wrapper), ("w.sh", "exec \"$@\""), ("w.mjs", "execSync('npm ci')")]);
    let inner = "ROOT=\"$(cd \"$(dirname \"$0\")\" && pwd)\"\ncd \"$ROOT\"\nnpm ci --silent";
    let files = [
        (".mcp.json", wrapper.as_str()),
        ("w.sh", ". \"$CLAUDE_PLUGIN_ROOT/x\"\nbash \"$CLAUDE_PLUGIN_ROOT/x.sh\""),
        ("x.sh", inner),
    ];
    finds("installs-at-start", 1, &files);
    finds("writes-into-plugin", 1, &files);
    let start = server(&["bun", "run", "--cwd", ROOT, "--silent", "start"]);
    let package = "{ \"scripts\": {\n \"start\": \"bun install --no-summary && bun server.ts\" } }";
    finds("installs-at-start", 1, &[(".mcp.json", &start), ("package.json", package)]);
}

#[test]
fn an_installer_is_noisy_unless_it_is_told_not_to_be() {
    let told = |line: &str, count| finds("hook-stdout", count, &[("hooks/hooks.json", &hook(line))]);
    told("npm ci --prefix \"${CLAUDE_PLUGIN_DATA}\"", 1);
    told("npm ci --silent --prefix \"${CLAUDE_PLUGIN_DATA}\"", 0);
    told("uv sync --project \"${CLAUDE_PLUGIN_ROOT}\"", 0);
    told("echo 'installing dependencies...'; npm ci --silent --prefix \"${CLAUDE_PLUGIN_DATA}\"", 1);
    told("echo 'installing dependencies...' >&2; npm ci --silent --prefix \"${CLAUDE_PLUGIN_DATA}\"", 0);
    told("echo 'how to install this is in the README'", 0);
}

#[test]
fn a_module_is_somebodys() {
    let files = |text: &str| serde_json::from_slice::<serde_json::Value>(text.as_bytes()).unwrap();
    let mut alone = files(&server(&["python3", "-m", "some_server"]));
    finds("nothing-installs", 1, &[(".mcp.json", &alone.to_string())]);
    alone["mcpServers"]["s"]["env"] = serde_json::json!({ "PYTHONPATH": ROOT });
    finds("nothing-installs", 0, &[(".mcp.json", &alone.to_string()), ("some_server.py", "import sys")]);
    let hooked = hook("\"${CLAUDE_PLUGIN_DATA}/venv/bin/pip\" install -q some_server");
    finds(
        "nothing-installs",
        0,
        &[(".mcp.json", &server(&["python3", "-m", "some_server"])), ("hooks/hooks.json", &hooked)],
    );
}

#[cfg(unix)]
#[test]
fn a_malformed_file_is_named_though_nothing_else_makes_it_a_plugin() {
    for label in [".mcp.json", ".claude-plugin/plugin.json", "hooks/hooks.json"] {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(label);
        crate::fs::create_directory(path.parent().unwrap()).unwrap();
        crate::fs::write(&path, b"{\n  \"mcpServers\": {\n  },\n}\n").unwrap();
        let findings = findings(root.path()).unwrap();
        let found: Vec<_> =
            findings.iter().map(|found| (found.rule.name, &*found.spot.file, found.spot.line)).collect();
        assert_eq!(found, [("invalid-file", label, 4)]);
    }
    let error = findings(tempfile::tempdir().unwrap().path()).err().unwrap();
    assert_eq!(error.kind, Kind::NoPlugin);
}

#[test]
fn what_the_plugin_asks_its_user_for_is_known() {
    let entry = server(&["node", "-e", "0", "${user_config.token}"]);
    finds("unexpanded", 1, &[(".mcp.json", &entry)]);
    let description = "{ \"name\": \"p\", \"userConfig\": { \"token\": { \"type\": \"string\" } } }";
    finds("unexpanded", 0, &[(".mcp.json", &entry), (".claude-plugin/plugin.json", description)]);
}

#[test]
fn a_login_in_an_address_is_shown_nowhere() {
    let entry =
        server(&["uvx", "--from", "git+https://me:hunter22@h.example/s", "s", "/home/ann/https://me:hunter22@h/x"]);
    let root = plugin(&vec![(".mcp.json".to_owned(), entry)]);
    let findings = findings(root.path()).unwrap();
    assert_eq!(findings.len(), 2);
    for finding in findings {
        let told = format!("{}{}", finding.spot.why, finding.spot.fix);
        assert!(told.contains("****") && !told.contains("hunter22"), "{told}");
    }
}

#[test]
fn a_file_that_the_plugin_builds_is_meant_to_be_its_own_though_it_is_not_there() {
    let package = ("package.json", "{ \"scripts\": { \"build\": \"tsc\" } }");
    for (path, count) in [("dist/s.js", 1), ("build/s.js", 1), ("bin/s.js", 0)] {
        finds("relative-path", count, &[(".mcp.json", &server(&["node", path])), package]);
        finds("relative-path", 0, &[(".mcp.json", &server(&["node", path]))]);
    }
}

#[test]
fn a_hook_is_followed_through_its_variables_and_through_what_looks_for_an_interpreter() {
    let script = ("scripts/setup.js", "execSync('npm install', { cwd: root });");
    let line = format!(
        "_R=\"{ROOT}\"; [ -z \"$_R\" ] && _R=\"$HOME/.claude/plugins/marketplaces/x\"; node \"$_R/scripts/setup.js\""
    );
    finds("hook-installs", 1, &[("hooks/hooks.json", &hook(&line)), script]);
    let line = format!("bash \"{ROOT}/find.sh\" \"{ROOT}/setup.py\"");
    let find = ("find.sh", "for PY in python3 python; do \"$PY\" -c '' && exec \"$PY\" \"$@\"; done");
    for (program, of_user) in [("sys.executable", 1), ("str(venv_py)", 0)] {
        let script = format!("subprocess.run(\n  [{program}, \"-m\", \"pip\", \"install\", \"mcp\"],\n)");
        let files = [("hooks/hooks.json", &*hook(&line)), find, ("setup.py", &script)];
        finds("hook-installs", 1, &files);
        finds("global-install", of_user, &files);
    }
}
