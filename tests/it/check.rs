//! `--check`: the page that a person reads, the same as JSON, and that looking changes nothing.

use crate::support::*;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Looks: the exit status is this, nothing is said beside the page, and nothing on disk changes, times included.
#[track_caller]
fn look(plugin: &Plugin, status: i32) -> Output {
    let before = Tree::of(plugin.temp());
    let output = plugin.command(["--check"]).run();
    assert_same(&before, &Tree::of(plugin.temp()));
    output.exits(status).stderr_is("").stdout_lacks("\x1b").stdout_lacks("\r").stdout_lacks("\u{fffd}");
    output
}

/// What stands on the page behind a label.
#[track_caller]
fn row<'a>(page: &'a Output, label: &str) -> &'a str {
    let row = page.stdout.lines().find_map(|line| line.strip_prefix(&format!("  {label:<13}")));
    row.unwrap_or_else(|| panic!("no row `{label}`\n{page}"))
}

#[test]
fn with_nothing_built_the_page_says_what_would_be_used_and_why() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    let page = look(&plugin, 10);
    assert!(page.stdout.starts_with("demo: would build\n"), "{page}");
    assert_eq!(row(&page, "plugin"), format!("{} (from CLAUDE_PLUGIN_ROOT)", plugin.root.display()));
    assert_eq!(row(&page, "data"), format!("{} (from CLAUDE_PLUGIN_DATA)", plugin.data.display()));
    assert_eq!(row(&page, "because"), "there is no environment yet");
    assert_eq!(row(&page, "manifest"), "requirements.txt (requirements)");
    page.stdout_has(&format!("{}  requirements.txt\n", &sha256(&plugin.root.join("requirements.txt"))[..12]));
    let python = tools::version(&tools::python()).unwrap();
    assert!(row(&page, "interpreter").contains(&format!("({python}.")), "{page}");
    assert_eq!(row(&page, "installer"), format!("uv (`{}`)", plugin.path_dir().join("uv").display()));
    assert_eq!((row(&page, "environment"), row(&page, "lock")), ("none", "free"));
    assert!(row(&page, "to do").contains("the next start builds it"), "{page}");
}

#[test]
fn when_ready_the_page_says_what_is_there_and_that_nothing_is_to_do() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\nbeta\n", &packages);
    plugin.sync().ok();
    let page = look(&plugin, 0);
    assert!(page.stdout.starts_with("demo: ready\n"), "{page}");
    assert_eq!(row(&page, "environment"), plugin.prefix().display().to_string());
    page.stdout_has("2 packages, built ").stdout_has(" s ago by uv ").stdout_lacks("because");
    assert_eq!(row(&page, "to do"), "nothing");
}

#[test]
fn a_changed_requirement_is_named_with_its_line() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    plugin.write("requirements.txt", "# one\nalpha\nhttpx>=0.27  # new\n");
    let page = look(&plugin, 10);
    assert_eq!(row(&page, "because"), "`requirements.txt` changed: line 3 `httpx>=0.27` is new");
    plugin.write("requirements.txt", "beta\n");
    page.stdout_lacks("is gone");
    look(&plugin, 10).stdout_has("line 1 `beta` is new").stdout_has("`requirements.txt` changed: `alpha` is gone");
}

#[test]
fn a_change_that_no_requirement_explains_is_still_said() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    plugin.write("requirements.txt", "# a comment\nalpha\n");
    assert_eq!(row(&look(&plugin, 10), "because"), "`requirements.txt` changed");
    plugin.write("requirements.txt", "alpha\n");
    plugin.write("plugdeps.toml", "extras = ['fast']\n");
    assert_eq!(row(&look(&plugin, 10), "because"), "the extras changed from none to fast");
}

#[test]
fn an_interpreter_that_is_gone_is_named() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    look(&plugin, 0);
    // The distribution replaced it: another name, another place.
    let plugin = plugin.no_python();
    symlink(tools::python(), plugin.path_dir().join("python")).unwrap();
    let page = look(&plugin, 10);
    let because = row(&page, "because");
    assert!(because.starts_with("its interpreter `") && because.ends_with("` is gone"), "{page}");
    plugin.command(["session-start"]).run().ok().silent();
    look(&plugin, 0);
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
}

#[test]
fn a_failure_is_shown_with_class_age_log_and_what_to_do() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha>=7\n", &packages);
    plugin.command(["session-start"]).run().ok().stdout_has("systemMessage");
    let page = look(&plugin, 10);
    let failure = row(&page, "last failure");
    assert!(failure.starts_with("no version of a package satisfies the manifest (no-matching-version), "), "{page}");
    assert!(failure.ends_with(" s ago, try 1"), "{page}");
    page.stdout_has("| ").stdout_has("alpha>=7");
    let log = fs::read_to_string(row(&page, "log")).unwrap();
    assert!(log.contains("alpha>=7") && log.contains("pip install"), "{log}");
    assert_eq!(row(&page, "to do"), "correct the requirement, then `plugdeps sync`");
    plugin.write("requirements.txt", "alpha\n");
    assert!(row(&look(&plugin, 10), "last failure").contains(", with other manifests"));
    plugin.sync().ok();
    look(&plugin, 0).stdout_lacks("last failure");
}

#[test]
fn a_failure_on_a_terminal_leaves_a_log_that_can_be_read() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha>=7\n", &packages);
    plugin.on_terminal(["sync"]).run().exits(9).stdout_has("error[install-failed]");
    let page = look(&plugin, 10);
    page.stdout_has("alpha>=7");
    let log = fs::read_to_string(row(&page, "log")).unwrap();
    assert!(!log.contains('\x1b'), "{log:?}");
}

#[test]
fn a_failure_that_leaves_an_earlier_environment_is_shown_beside_it() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    plugin.write("requirements.txt", "alpha>=7\n");
    plugin.sync().exits(9);
    let page = look(&plugin, 10);
    assert_eq!(row(&page, "environment"), plugin.prefix().display().to_string());
    assert!(row(&page, "last failure").ends_with("try 1"), "{page}");
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
}

#[test]
fn a_build_under_way_is_shown_with_who_and_since_when() {
    let packages = Packages::usual();
    packages.latency(Duration::from_millis(1500));
    let plugin = Plugin::needing("alpha\n", &packages);
    let sync = plugin.command(["sync"]).spawn();
    let builder = plugin.data.join("plugdeps/main/builder.json");
    wait_until("the build began", PATIENCE, || builder.exists());
    let page = plugin.command(["--check"]).run();
    let lock = row(page.exits(10), "lock");
    assert!(lock.starts_with(&format!("held by process {}, which began ", sync.pid())), "{page}");
    assert!(lock.ends_with(" s ago"), "{page}");
    assert_eq!(row(&page, "to do"), "wait: a build is under way");
    sync.wait().ok();
    assert_eq!(row(&look(&plugin, 0), "lock"), "free");
}

#[test]
fn looking_while_a_build_runs_does_not_disturb_it() {
    let packages = Packages::usual();
    packages.latency(Duration::from_millis(100));
    let plugin = Plugin::needing("alpha\n", &packages);
    let mut sync = plugin.command(["sync"]).spawn();
    while sync.is_running() {
        let output = plugin.command(["--check"]).run();
        assert!(matches!(output.status.code(), Some(0 | 10)), "{output}");
    }
    sync.wait().ok();
}

#[test]
fn each_candidate_that_was_rejected_is_shown_with_its_reason() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv();
    let stub = "#!/bin/sh\necho 'Python was not found; run without arguments to install from the store' >&2\nexit 9\n";
    let pyenv = "#!/bin/sh\necho \"pyenv: python: command not found\" >&2\nexit 127\n";
    let shim = "#!/bin/sh\necho 'mise ERROR no version of uv is set' >&2\nexit 1\n";
    let (path, version) = (plugin.path_dir().to_owned(), tools::version(&tools::python()).unwrap());
    fs::remove_file(path.join("python3")).unwrap();
    let plugin = plugin.script("python3", stub).script("python", pyenv).script("uv", shim);
    symlink(tools::python(), path.join(format!("python{version}"))).unwrap();
    let page = look(&plugin, 10);
    page.stdout_has(&format!(
        "not `{}`: is no Python 3 that runs: Python was not found",
        path.join("python3").display()
    ));
    page.stdout_has(&format!("not `{}`: is a pyenv shim without a version", path.join("python").display()));
    page.stdout_has(&format!("not uv: `{}` does not work: mise ERROR", path.join("uv").display()));
    assert!(row(&page, "interpreter").contains(&format!("python{version}` ({version}.")), "{page}");
    assert!(row(&page, "installer").starts_with("pip "), "{page}");
    plugin.sync().ok();
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
}

#[test]
fn an_interpreter_of_another_version_than_required_is_shown_with_both() {
    let others = tools::pythons();
    let newest = others.first().expect("this test needs a second Python");
    let first = tools::version(&tools::python()).unwrap();
    let plugin = Plugin::new("x")
        .uv()
        .file("pyproject.toml", &format!("[project]\nname = 'x'\nversion = '1'\nrequires-python = '!={first}.*'\n"));
    symlink(newest, plugin.path_dir().join("python")).unwrap();
    look(&plugin, 10).stdout_has(&format!("is {first}.")).stdout_has(&format!(", and `!={first}.*` is wanted"));
}

#[test]
fn an_installer_that_the_configuration_excludes_is_shown() {
    let plugin = Plugin::new("x").uv().file("requirements.txt", "alpha\n").file("plugdeps.toml", "installer = 'pip'\n");
    look(&plugin, 10).stdout_has("not uv: the configuration says `installer = \"pip\"`");
}

#[test]
fn what_cannot_be_built_is_11_and_says_why() {
    let plugin = Plugin::new("x").file("requirements.txt", "-r gone.txt\n");
    let page = look(&plugin, 11);
    assert!(page.stdout.starts_with("x: cannot build\n") && row(&page, "because").contains("gone.txt"), "{page}");
    assert!(row(&page, "to do").starts_with("mend what is named above"), "{page}");
    let plugin = Plugin::new("x").uv();
    plugin.write("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.99'\n");
    look(&plugin, 11).stdout_has("find a Python that satisfies `>=3.99`");
}

#[test]
fn the_worst_of_several_environments_is_the_state_of_the_whole() {
    let packages = Packages::usual();
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    plugin.command(["sync", "--environment=a"]).run().ok();
    look(&plugin, 10).stdout_has("environment a: ready\n").stdout_has("environment b: would build\n");
    plugin.write("b/requirements.txt", "-r gone.txt\n");
    let page = look(&plugin, 11);
    page.stdout_has("environment a: ready\n").stdout_has("environment b: cannot build\n");
}

#[test]
fn a_plugin_that_needs_nothing_is_ready() {
    let page = look(&Plugin::new("x"), 0);
    assert!(row(&page, "to do").starts_with("nothing: the plugin has no manifest"), "{page}");
}

#[test]
fn a_directory_that_the_old_shell_line_left_is_named_and_never_touched() {
    let packages = Packages::usual();
    let plugin = Plugin::new("x").fixture("shell-line").index(&packages).pip();
    plugin.hook().ok();
    let plugin = plugin.fixture("tiny").uv();
    let old = plugin.data.join("site-packages");
    let before = Tree::of(&old);
    assert!(before.paths().count() > 1);
    let note = format!("`{}` is a directory that plugdeps did not make", old.display());
    look(&plugin, 10).stdout_has(&note);
    plugin.hook().ok().silent();
    assert_same(&before, &Tree::of(&old));
    plugin.rests();
    look(&plugin, 0).stdout_has(&note).stdout_has("remove it yourself");
    assert!(plugin.data.join("venv").is_symlink());
    fs::remove_dir_all(&old).unwrap();
    plugin.command(["sync", "--rebuild"]).run().ok();
    assert!(old.is_symlink());
    look(&plugin, 0).stdout_lacks(&note);
}

#[test]
fn the_old_configuration_of_the_server_keeps_working_through_the_stable_links() {
    let packages = Packages::usual();
    let plugin = Plugin::new("x").fixture("shell-line").shipped_hooks().index(&packages).uv();
    plugin.hook().ok().silent();
    let value = || {
        let mut server = plugin.server("plain");
        server.initialize();
        text_of(&server.call_tool("value", json!({})))
    };
    assert_eq!(value(), "alpha 1.0");
    packages.add(&Wheel::simple("alpha", "2.0"));
    plugin.write("requirements.txt", "alpha==2.0\n");
    plugin.hook().ok().silent();
    assert_eq!(value(), "alpha 2.0");
}

/// Every text in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn json_has_a_schema_and_the_facts_of_the_page() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    plugin.write("requirements.txt", "alpha>=7\n");
    plugin.sync().exits(9);
    let before = Tree::of(plugin.temp());
    let output = plugin.command(["--check", "--json"]).run();
    assert_same(&before, &Tree::of(plugin.temp()));
    let report = output.exits(10).stderr_is("").json();
    assert_eq!(
        (&report["schema"], &report["plugin"], &report["state"]),
        (&json!(1), &json!("demo"), &json!("would-build"))
    );
    let environment = &report["environments"][0];
    assert_eq!(environment["reason"], json!({ "reason": "inputs-changed" }));
    assert_eq!(environment["current"]["packages"], json!(["alpha==1.0"]));
    assert_eq!(environment["lock"]["state"], "free");
    assert_eq!(environment["last_failure"]["code"], "install-failed");
    assert_eq!(environment["manifest"]["parts"][0]["sha256"], sha256(&plugin.root.join("requirements.txt")));
    let mut facts = Vec::new();
    texts(&report, &mut facts);
    let page = look(&plugin, 10);
    for label in ["because", "interpreter", "installer", "environment", "log", "to do"] {
        assert!(facts.contains(&row(&page, label).to_owned()), "{label}: {}\n{report:#}", row(&page, label));
    }
    for label in ["plugin", "data", "manifest", "last failure"] {
        assert!(facts.iter().any(|fact| row(&page, label).starts_with(fact.as_str())), "{label}\n{report:#}");
    }
}

#[test]
fn json_ends_with_the_same_status_in_each_state() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    let state = |status: i32| plugin.command(["check", "--json"]).run().exits(status).json()["state"].clone();
    assert_eq!(state(10), "would-build");
    plugin.sync().ok();
    assert_eq!(state(0), "ready");
    plugin.write("requirements.txt", "-r gone.txt\n");
    assert_eq!(state(11), "cannot-build");
}

#[test]
fn colour_is_for_terminals_and_no_color_is_honoured() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").uv();
    plugin.on_terminal(["--check"]).run().exits(10).stdout_has("\x1b[33mwould build\x1b[0m");
    plugin.on_terminal(["--check"]).env("NO_COLOR", "1").run().exits(10).stdout_lacks("\x1b").stdout_has("would build");
    plugin.on_terminal(["--check"]).env("NO_COLOR", "").run().exits(10).stdout_has("\x1b[33m");
    plugin.on_terminal(["--check", "--json"]).run().exits(10).stdout_lacks("\x1b");
}

#[test]
fn names_cannot_steer_the_terminal() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m";
    let plugin = Plugin::new("x").uv();
    plugin.write(".claude-plugin/plugin.json", &json!({ "name": format!("na{evil}me") }).to_string());
    plugin.write("requirements.txt", &format!("alpha{evil}\n"));
    let harmless = |output: Output| {
        for text in [&output.stdout, &output.stderr] {
            assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
        }
        output
    };
    harmless(plugin.command(["--check"]).run()).exits(10);
    harmless(plugin.command(["--check", "--root", &format!("/no/such/{evil}")]).run()).exits(3);
    harmless(plugin.command([evil]).run()).exits(2);
    plugin.write("requirements.txt", &format!("-r mo{evil}re.txt\n"));
    harmless(plugin.command(["--check"]).run()).exits(11);
    harmless(plugin.sync()).exits(6);
    let hook = plugin.command(["session-start"]).run();
    harmless(hook.clone());
    let message = hook.ok().json()["systemMessage"].as_str().unwrap().to_owned();
    assert!(!message.contains('\u{1b}') && !message.contains('\u{7}'), "{message:?}");
}

#[test]
fn an_installers_words_cannot_steer_the_terminal() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv();
    let plugin =
        plugin.script("uv", "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nprintf '\\033]0;owned\\007no\\n'\nexit 1\n");
    plugin.sync().exits(9).stderr_lacks("\x1b").stderr_lacks("\x07");
    plugin.command(["--check"]).run().exits(10).stdout_lacks("\x1b").stdout_lacks("\x07").stdout_has("owned");
}

#[test]
fn the_last_ten_logs_are_kept() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha>=7\n", &packages);
    for _ in 0..12 {
        plugin.sync().exits(9);
    }
    assert_eq!(plugin.builds(), 10);
    assert!(row(&look(&plugin, 10), "last failure").ends_with("try 12"));
}

#[test]
fn a_server_that_runs_in_an_environment_does_not_hold_the_lock() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    let server = plugin.command(["run", "sh", "-c", "echo up; exec sleep 60"]).spawn();
    wait_until("the server is up", PATIENCE, || server.stdout_so_far() == "up\n");
    wait_until("the builder has ended", PATIENCE, || plugin.builders().is_empty());
    assert_eq!(row(&look(&plugin, 0), "lock"), "free");
    processes::signal(server.pid(), Signal::TERM);
    server.wait();
}
