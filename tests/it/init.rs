//! `plugdeps init`: what an author has becomes a plugin that plugdeps starts, and can be had back.

use crate::support::namespace::{skip, with_the_real_client};
use crate::support::terminal::keyboard;
use crate::support::*;
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

/// The author's program, which is not what a plugin ships.
const AUTHORS: &str = env!("CARGO_BIN_EXE_plugdeps");
/// A server as many have it.
const PLAIN: &str = "{\n  \"mcpServers\": {\n    \"plain\": {\n      \"command\": \"python3\",\n      \
                     \"args\": [\"${CLAUDE_PLUGIN_ROOT}/server.py\"]\n    }\n  }\n}\n";

impl Plugin {
    /// `init` of the author's own program on this plugin.
    fn init(&self, flags: &[&str]) -> Cmd {
        self.bare_command(AUTHORS).arg("init").arg(&self.root).args(flags)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|e| panic!("read `{path}`: {e}"))
    }
}

/// What is said of a program without a launcher.
const ONE_KIND: &str = "is for one kind of machine alone";

/// A plugin with a server that nothing starts but PATH, and a program that is quickly looked through.
fn plain() -> Plugin {
    let plugin = Plugin::new("plain");
    executable(&plugin.root.join("bin/plugdeps"), "#!/bin/sh\n");
    plugin.file("requirements.txt", "alpha\n").file(".mcp.json", PLAIN).file("server.py", "pass\n")
}

type Entry = (PathBuf, u32, Vec<u8>);

/// Names, modes and contents of all files.
fn picture(directory: &Path) -> Vec<Entry> {
    let entries = walkdir::WalkDir::new(directory).sort_by_file_name().into_iter().map(Result::unwrap);
    let picture = entries.map(|entry| {
        let mode = entry.metadata().unwrap().permissions().mode();
        (entry.path().to_owned(), mode, fs::read(entry.path()).unwrap_or_default())
    });
    picture.collect()
}

#[test]
fn a_plugin_that_installed_by_the_shell_line_lists_its_tools_through_what_init_wrote() {
    let world = World::with(Installer::Uv, Plugin::new("shell").fixture("shell-line"));
    let said = world.plugin.init(&["--yes"]).run();
    said.ok().stderr_has("server `plain` is started by plugdeps from now on");
    let line = "the hook `diff -q \"${CLAUDE_PLUGIN_ROOT}/requirements.txt\" \"${CLAUDE_P…` in `hooks/hooks.json`";
    said.stderr_has(&format!("{line} is taken out: `session-start` does what it did"));
    said.stdout_has("-      \"env\": {\"PYTHONPATH\": \"${CLAUDE_PLUGIN_DATA}/site-packages\"}");
    assert!(!world.plugin.text("hooks/hooks.json").contains("pip install"));
    world.plugin.hook().ok().silent();
    assert!(world.plugin.is_ready());
    let mut server = world.plugin.server("plain");
    server.initialize();
    assert_eq!(server.list_tools(), ["value", "where"]);
    assert_eq!(ask(&mut server), "alpha 1.0");
    world.plugin.init(&["--yes"]).run().ok().stdout_is("");
    world.plugin.bare_command(AUTHORS).arg("lint").arg(&world.plugin.root).run().ok();
}

#[test]
fn what_init_wrote_passes_the_validation_of_the_host() {
    with_the_real_client(|| {
        let program = tools::claude_code().unwrap();
        let new = Plugin::new("new");
        fs::remove_dir_all(new.root.join(".claude-plugin")).unwrap();
        let migrated = Plugin::new("old").fixture("shell-line");
        let undescribed = Plugin::new("undescribed").fixture("shell-line");
        fs::remove_dir_all(undescribed.root.join(".claude-plugin")).unwrap();
        let validate =
            |plugin: &Plugin| plugin.bare_command(&program).args(["plugin", "validate"]).arg(&plugin.root).run();
        validate(&undescribed).exits(1).stdout_has("No manifest found");
        let inline = "{ \"name\": \"inline\", \"version\": \"1.0.0\", \"hooks\": { \"Stop\": [] }, \"mcpServers\": { \"s\": \
                      { \"command\": \"uvx\", \"args\": [\"--from\", \"${CLAUDE_PLUGIN_ROOT}\", \"tool\"] } } }";
        let project = "[project]\nname = \"p\"\nversion = \"1\"\nscripts = { tool = \"p:main\" }\n";
        let inline = Plugin::new("inline").file(".claude-plugin/plugin.json", inline).file("pyproject.toml", project);
        let plugins = [new, migrated, undescribed, inline].into_iter().chain(old_forms());
        for plugin in plugins {
            plugin.init(&["--yes"]).run().ok().stderr_lacks("by hand");
            validate(&plugin).ok().stdout_has("Validation passed").stdout_lacks("session-start\": ");
        }
    });
}

/// A plugin with a server, started by this line, and these files.
fn old_form(name: &str, line: &[&str], files: &[(&str, &str)]) -> Plugin {
    let servers = serde_json::json!({ "mcpServers": { "s": { "command": line[0], "args": line[1..] } } });
    let plugin = Plugin::new(name).file(".mcp.json", &servers.to_string());
    files.iter().fold(plugin, |plugin, (path, text)| plugin.file(path, text))
}

/// The ways of the guide to install by oneself that are in no fixture.
fn old_forms() -> [Plugin; 4] {
    let hook = "diff -q ${CLAUDE_PLUGIN_ROOT}/package.json ${CLAUDE_PLUGIN_DATA}/package.json || \
                (cd ${CLAUDE_PLUGIN_DATA} && cp ${CLAUDE_PLUGIN_ROOT}/package.json . && npm install)";
    let hooks =
        serde_json::json!({ "hooks": { "SessionStart": [{ "hooks": [{ "type": "command", "command": hook }] }] } });
    let project = "[project]\nname = \"p\"\nversion = \"1\"\ndependencies = [\"alpha\"]\n";
    let lock = "{ \"packages\": { \"node_modules/@a/b\": { \"bin\": { \"the-b\": \"x.js\" } } } }";
    let script =
        "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\nexec .venv/bin/python server.py\n";
    let [root, server] = ["${CLAUDE_PLUGIN_ROOT}", "${CLAUDE_PLUGIN_ROOT}/server.py"];
    [
        old_form(
            "npm-hook",
            &["node", "${CLAUDE_PLUGIN_ROOT}/server.js"],
            &[
                ("hooks/hooks.json", &hooks.to_string()),
                ("package.json", "{ \"dependencies\": { \"zod\": \"3\" } }"),
                ("server.js", ""),
            ],
        ),
        old_form(
            "uv-run",
            &["uv", "run", "--project", root, "python", server],
            &[("pyproject.toml", project), ("server.py", "")],
        ),
        old_form("npx", &["npx", "-y", "@a/b@1.0.0"], &[("package-lock.json", lock)]),
        old_form(
            "venv",
            &["bash", "${CLAUDE_PLUGIN_ROOT}/start.sh"],
            &[("start.sh", &format!("cd \"{root}\"\n{script}")), ("requirements.txt", "alpha\n"), ("server.py", "")],
        ),
    ]
}

#[test]
fn nothing_is_written_by_a_dry_run_nor_without_anybody_to_ask() {
    let plugin = plain();
    let before = picture(&plugin.root);
    let shown = plugin.init(&["--dry-run"]).run();
    shown.ok().stdout_has("+++ b/hooks/hooks.json").stderr_has("nothing was written");
    shown.stderr_has("server `plain` would be started by plugdeps from now on").stderr_lacks("next:");
    let unasked = plugin.init(&[]).run();
    unasked.exits(17).stderr_has("error[not-agreed]").stdout_is(&shown.stdout).stderr_has("would be started");
    let new = Plugin::new("new");
    new.init(&["--dry-run"]).run().ok().stderr_has("a first server, `server.py`, would be written");
    assert_eq!(picture(&plugin.root), before);
    assert!(!plugin.home.join(".local").exists(), "something was kept of what was not written");
}

/// `init` at a terminal on which somebody has typed this already.
fn answered(plugin: &Plugin, typed: &str) -> std::process::Output {
    let (mut terminal, keys) = keyboard();
    terminal.write_all(typed.as_bytes()).unwrap();
    plugin.init(&[]).into_command().stdin(keys).output().unwrap()
}

#[test]
fn at_a_terminal_it_asks_and_takes_only_yes_for_an_agreement() {
    let plugin = plain();
    let before = picture(&plugin.root);
    for answer in ["\n", "n\n", "yes please\n"] {
        let output = answered(&plugin, answer);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(17) && said.contains("write this? [y/N]"), "{answer:?}: {said}");
        assert_eq!(picture(&plugin.root), before);
    }
    assert!(answered(&plugin, "y\n").status.success());
    assert!(picture(&plugin.root) != before);
}

#[test]
fn init_twice_changes_nothing_and_undo_brings_back_every_byte_and_mode() {
    let hooks = "\u{feff}{\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"true\"}]}]}}";
    let plugin = plain().file("hooks/hooks.json", hooks);
    fs::set_permissions(plugin.root.join(".mcp.json"), fs::Permissions::from_mode(0o640)).unwrap();
    let before = picture(&plugin.root);
    plugin.init(&["--yes"]).run().ok();
    let wired = picture(&plugin.root);
    let mode = |picture: &[Entry]| picture.iter().find(|(path, ..)| path.ends_with(".mcp.json")).unwrap().1 & 0o777;
    assert_eq!((mode(&before), mode(&wired)), (0o640, 0o640));
    plugin.init(&["--yes"]).run().ok().stdout_is("").stderr_has("nothing to do");
    assert_eq!(picture(&plugin.root), wired);
    plugin.init(&["--undo"]).run().exits(17).stdout_has("-      \"command\": \"${CLAUDE_PLUGIN_ROOT}/bin/plugdeps\"");
    plugin.init(&["--undo", "--yes"]).run().ok();
    assert_eq!(picture(&plugin.root), before);
    plugin.init(&["--undo", "--yes"]).run().exits(2).stderr_has("nothing is known of it");
}

#[test]
fn undo_names_what_was_changed_since_and_leaves_everything() {
    let plugin = plain();
    plugin.init(&["--yes"]).run().ok();
    plugin.write(".mcp.json", "{}");
    let changed = picture(&plugin.root);
    let refused = plugin.init(&["--undo", "--yes"]).run();
    refused.exits(2).stderr_has("`.mcp.json` was changed since").stderr_lacks("hooks/hooks.json");
    assert_eq!(picture(&plugin.root), changed);
    let kept = kept_copy(&refused);
    assert_eq!(fs::read_to_string(&kept).unwrap(), PLAIN);
    fs::copy(&kept, plugin.root.join(".mcp.json")).unwrap();
    fs::remove_file(kept).unwrap();
    plugin.init(&["--undo", "--yes"]).run().exits(2).stderr_has("what `.mcp.json` was is no longer at");
}

#[test]
fn undo_names_the_files_of_other_commands_that_it_leaves_and_the_command_that_wrote_each() {
    let plugin = plain();
    plugin.init(&["--yes"]).run().ok();
    let line = "# written by `plugdeps lock` from requirements.txt, sha256:0a\n";
    plugin.write("requirements.lock", line);
    plugin.write("search/server.py.lock", line);
    plugin.write("uv.lock", "version = 1\n");
    plugin.write("plugdeps-snapshot.json", "{}");
    plugin.write("plugdeps-bundle/main.lock", "");
    let named = [
        ("requirements.lock", "lock"),
        ("search/server.py.lock", "lock"),
        ("plugdeps-snapshot.json", "snapshot"),
        ("plugdeps-bundle", "bundle"),
    ];
    for (flags, exit) in [(["--undo", "--dry-run"], 0), (["--undo", "--yes"], 0)] {
        let undone = plugin.init(&flags).run();
        undone.exits(exit).stderr_lacks("`uv.lock`");
        for (name, command) in named {
            undone.stderr_has(&format!("`{name}` stays: `plugdeps {command}` wrote it, not `init`"));
        }
    }
    assert!(named.iter().all(|(name, _)| plugin.root.join(name).exists()) && plugin.text(".mcp.json") == PLAIN);
}

/// What `init` says is to be done next, in the order of its lines.
fn next(said: &Output) -> Vec<&str> {
    let steps = said.stderr.lines().filter_map(|line| line.strip_prefix("plugdeps: next: "));
    steps.filter_map(|step| step.strip_prefix('`')?.split('`').next()).collect()
}

#[test]
fn what_comes_next_is_said_of_a_new_plugin_of_a_migrated_one_and_of_one_for_node() {
    let node = PLAIN.replace("python3", "node").replace("server.py", "server.js");
    let package = "{ \"dependencies\": { \"zod\": \"3.25.76\" } }";
    let last = ["plugdeps snapshot", "plugdeps lint --strict", "claude --plugin-dir ."];
    for (plugin, locks) in [
        (Plugin::new("new"), &["plugdeps lock"][..]),
        (plain(), &["plugdeps lock"]),
        (plain().file("uv.lock", "version = 1\n").file("pyproject.toml", "[project]\nname = \"p\"\n"), &[]),
        (
            Plugin::new("node").file(".mcp.json", &node).file("server.js", "").file("package.json", package),
            &["npm install --package-lock-only"],
        ),
    ] {
        let said = plugin.init(&["--yes"]).run();
        let enter = format!("cd {}", plugin.root.display());
        let wanted = [&[enter.as_str()][..], locks, &last].concat();
        assert_eq!(next(said.ok()), wanted, "{said}");
        plugin.init(&["--undo", "--yes"]).run().ok();
        let inside = plugin.init(&["--yes"]).cwd(&plugin.root).run();
        assert_eq!(next(inside.ok()), wanted[1..], "{inside}");
    }
}

#[test]
fn a_plugin_that_is_wired_further_is_undone_to_where_it_began() {
    let plugin = plain();
    let before = picture(&plugin.root);
    plugin.init(&["--yes"]).run().ok();
    let program = plugin.temp().join("newer");
    executable(&program, "#!/bin/sh\n# newer\n");
    plugin.init(&["--yes", "--binary", program.to_str().unwrap()]).run().ok();
    assert_eq!(plugin.text("bin/plugdeps"), "#!/bin/sh\n# newer\n");
    plugin.init(&["--undo", "--yes"]).run().ok();
    assert_eq!(picture(&plugin.root), before);
}

/// The copy of what a file was, as a refused undo names it.
fn kept_copy(refused: &Output) -> PathBuf {
    PathBuf::from(refused.stderr.split("before it was `").nth(1).and_then(|rest| rest.split('`').next()).unwrap())
}

/// Gives a plugin that plugdeps starts a second server, which it does not.
fn add_server(plugin: &Plugin) {
    let second = PLAIN.replace("\"plain\"", "\"second\"").replace("{\n  \"mcpServers\": {\n", "");
    let wired = plugin.text(".mcp.json");
    plugin.write(".mcp.json", &wired.replacen("    }\n  }\n}\n", &format!("    }},\n{second}"), 1));
}

#[test]
fn what_its_author_changed_between_two_inits_is_had_back_by_one_undo_and_the_original_by_the_next() {
    let plugin = plain();
    let original = picture(&plugin.root);
    plugin.init(&["--yes"]).run().ok().stderr_has("`plugdeps init --undo` brings back what was there");
    add_server(&plugin);
    let before = picture(&plugin.root);
    let newer = plugin.temp().join("newer");
    executable(&newer, "#!/bin/sh\n# newer\n");
    let again = plugin.init(&["--yes", "--binary", newer.to_str().unwrap()]).run();
    again.ok().stderr_has("server `second` is started by plugdeps from now on");
    let undone = plugin.init(&["--undo", "--yes"]).run();
    undone.ok().stderr_has("after your own last change").stderr_lacks("as it was before");
    assert_eq!(picture(&plugin.root), before);
    let refused = plugin.init(&["--undo", "--yes"]).run();
    refused.exits(2).stderr_has("`.mcp.json` was changed since").stderr_has("nothing was undone; put yours elsewhere");
    assert_eq!(picture(&plugin.root), before);
    fs::write(plugin.root.join(".mcp.json"), fs::read(kept_copy(&refused)).unwrap()).unwrap();
    plugin.init(&["--undo", "--yes"]).run().ok().stderr_has("what `init` changed is as it was before");
    assert_eq!(picture(&plugin.root), original);
    plugin.init(&["--undo", "--yes"]).run().exits(2).stderr_has("nothing is known of it");
}

/// `init` of the author's own program on a directory.
fn init_at(plugin: &Plugin, root: &Path, flags: &[&str]) -> Output {
    plugin.bare_command(AUTHORS).arg("init").arg(root).args(flags).run()
}

/// What is in a directory, wherever that is.
fn within(root: &Path) -> Vec<Entry> {
    let entry = |(path, mode, bytes): Entry| (path.strip_prefix(root).unwrap().to_owned(), mode, bytes);
    picture(root).into_iter().map(entry).collect()
}

#[test]
fn a_plugin_that_was_moved_since_is_undone_where_it_is_now_and_a_copy_of_one_that_is_there_is_not() {
    let plugin = plain();
    let original = within(&plugin.root);
    plugin.init(&["--yes"]).run().ok();
    let [copy, moved, again] = ["copy", "moved", "again"].map(|name| plugin.temp().join(name));
    Cmd::new("cp").arg("-a").arg(&plugin.root).arg(&copy).run().ok();
    init_at(&plugin, &copy, &["--undo", "--yes"]).exits(2).stderr_has("nothing is known of it").stderr_lacks("hint");
    fs::remove_dir_all(&copy).unwrap();
    fs::rename(&plugin.root, &moved).unwrap();
    init_at(&plugin, &moved, &["--undo", "--dry-run"]).ok().stdout_has("--- a/.mcp.json");
    // From the next run on it is known by its new place, whatever its author changes.
    init_at(&plugin, &moved, &["--yes"]).ok().stdout_is("");
    let wired = fs::read(moved.join(".mcp.json")).unwrap();
    fs::write(moved.join(".mcp.json"), "{}").unwrap();
    init_at(&plugin, &moved, &["--undo", "--yes"]).exits(2).stderr_has("`.mcp.json` was changed since");
    fs::write(moved.join(".mcp.json"), wired).unwrap();
    fs::rename(&moved, &again).unwrap();
    init_at(&plugin, &again, &["--undo", "--yes"]).ok().stderr_has("is as it was before");
    assert_eq!(within(&again), original);
    init_at(&plugin, &again, &["--undo", "--yes"]).exits(2).stderr_has("nothing is known of it").stderr_lacks("hint");
}

#[test]
fn what_init_changed_in_a_plugin_that_is_gone_is_not_undone_in_another_that_has_the_same_of_it() {
    let plugin = plain();
    let other = plugin.temp().join("other");
    Cmd::new("cp").arg("-a").arg(&plugin.root).arg(&other).run().ok();
    fs::write(other.join(".claude-plugin/plugin.json"), "{ \"name\": \"other\" }\n").unwrap();
    fs::write(other.join(".mcp.json"), "{ \"mcpServers\": {} }\n").unwrap();
    plugin.init(&["--yes"]).run().ok();
    // On top of what the author changed the program alone is new, and that is the same in every plugin.
    plugin.write(".mcp.json", &plugin.text(".mcp.json").replacen("\"plain\"", "\"renamed\"", 1));
    let newer = plugin.temp().join("newer");
    executable(&newer, "#!/bin/sh\n# newer\n");
    plugin.init(&["--yes", "--binary", newer.to_str().unwrap()]).run().ok();
    fs::copy(&newer, other.join("bin/plugdeps")).unwrap();
    fs::rename(&plugin.root, plugin.temp().join("moved")).unwrap();
    let before = within(&other);
    init_at(&plugin, &other, &["--undo", "--yes"]).exits(2).stderr_has("nothing is known of it");
    assert_eq!(within(&other), before);
    init_at(&plugin, &plugin.temp().join("moved"), &["--undo", "--yes"]).ok().stderr_has("after your own last change");
}

#[test]
fn of_a_plugin_that_was_moved_and_changed_it_is_said_where_it_was() {
    let plugin = plain();
    plugin.init(&["--yes"]).run().ok();
    let moved = plugin.temp().join("moved");
    fs::rename(&plugin.root, &moved).unwrap();
    fs::write(moved.join(".mcp.json"), "{}").unwrap();
    let said = init_at(&plugin, &moved, &["--undo", "--yes"]);
    said.exits(2).stderr_has(&format!("if it was `{}` before, move it back there first", plugin.root.display()));
    fs::rename(&moved, &plugin.root).unwrap();
    plugin.init(&["--undo", "--yes"]).run().exits(2).stderr_has("`.mcp.json` was changed since");
}

#[test]
fn an_undo_killed_above_an_earlier_init_is_finished_by_another_and_the_first_original_stays() {
    let plugin = plain();
    plugin.init(&["--yes"]).run().ok();
    add_server(&plugin);
    let before = picture(&plugin.root);
    let newer = plugin.temp().join("newer");
    executable(&newer, "#!/bin/sh\n# newer\n");
    for step in 1.. {
        plugin.init(&["--yes", "--binary", newer.to_str().unwrap()]).run().ok();
        let killed = plugin.init(&["--undo", "--yes"]).env("PLUGDEPS_FAULT", format!("init:{step}:kill")).run();
        plugin.init(&["--undo", "--yes"]).run();
        assert!(picture(&plugin.root) == before, "step {step}");
        let refused = plugin.init(&["--undo", "--yes"]).run();
        assert_eq!(fs::read_to_string(kept_copy(refused.exits(2))).unwrap(), PLAIN, "step {step}");
        if killed.status.signal() != Some(Signal::KILL.as_raw()) {
            return assert!(step > 6, "{step}: this proves little");
        }
    }
}

#[test]
fn a_record_of_what_was_there_that_cannot_be_read_is_named_and_kept() {
    let plugin = plain();
    plugin.init(&["--yes"]).run().ok();
    let kept = fs::read_dir(plugin.home.join(".local/share/plugdeps/undo")).unwrap().next().unwrap().unwrap().path();
    fs::write(kept.join("record.json"), "{ \"schema\": 2 }").unwrap();
    plugin.write(".mcp.json", PLAIN);
    let before = (picture(&plugin.root), picture(&kept));
    for flags in [&["--yes"][..], &["--undo", "--yes"]] {
        plugin.init(flags).run().exits(1).stderr_has("record.json`").stderr_has("written by a newer plugdeps");
        assert_eq!((picture(&plugin.root), picture(&kept)), before);
    }
}

#[test]
fn init_or_undo_killed_at_any_step_is_healed_by_either() {
    let plugin = plain();
    let before = picture(&plugin.root);
    let killed = |flags: &[&str], step: usize| {
        let fault = format!("init:{step}:kill");
        plugin.init(flags).env("PLUGDEPS_FAULT", fault).run().status.signal() == Some(Signal::KILL.as_raw())
    };
    plugin.init(&["--yes"]).run().ok();
    let wired = picture(&plugin.root);
    let mut steps = [0, 0];
    for step in 1.. {
        let reached = killed(&["--undo", "--yes"], step);
        plugin.init(if step % 2 == 0 { &["--undo", "--yes"] } else { &["--yes"] }).run();
        plugin.init(&["--yes"]).run().ok();
        assert!(picture(&plugin.root) == wired, "undo, step {step}");
        if !reached {
            break;
        }
        steps[0] = step;
    }
    plugin.init(&["--undo", "--yes"]).run().ok();
    assert_eq!(picture(&plugin.root), before);
    for step in 1.. {
        let reached = killed(&["--yes"], step);
        if step % 2 == 0 {
            plugin.init(&["--yes"]).run().ok();
            assert!(picture(&plugin.root) == wired, "init, step {step}");
        }
        let undone = plugin.init(&["--undo", "--yes"]).run();
        assert!(picture(&plugin.root) == before, "init, step {step}: {undone}");
        if !reached {
            break;
        }
        steps[1] = step;
    }
    assert!(steps.iter().all(|steps| *steps > 6), "{steps:?}: this proves little");
}

#[test]
fn what_is_no_json_or_leads_out_of_the_plugin_is_named_and_nothing_is_written() {
    let elsewhere = tempfile::tempdir().unwrap();
    for (path, text, said) in [
        (".mcp.json", "{\n  \"mcpServers\": {\n  },\n}\n", "line 4: expected another value behind the `,`"),
        (".claude-plugin/plugin.json", "{\n  // no\n}\n", "line 2: expected a key in double quotes"),
        ("hooks/hooks.json", "{ \"SessionStart\": [] }", "line 1: expected `hooks`, around the events"),
        (
            "hooks/hooks.json",
            "{ \"hooks\": {\n\"SessionStart\": \"x\" } }",
            "line 2: expected a list behind `SessionStart`",
        ),
        ("hooks/hooks.json", "{ \"hooks\": \"x\" }", "line 1: expected an object behind `hooks`"),
        ("hooks/hooks.json", "[]", "line 1: expected an object"),
        ("hooks/hooks.json", "null", "line 1: expected an object"),
        (
            ".claude-plugin/plugin.json",
            "{ \"name\": \"x\", \"hooks\": \"../h.json\" }",
            "expected a path in the plugin",
        ),
    ] {
        let plugin = plain().file(path, text);
        let before = picture(&plugin.root);
        plugin.init(&["--yes"]).run().exits(6).stderr_has(&format!("read `{path}`")).stderr_has(said).stdout_is("");
        assert_eq!(picture(&plugin.root), before);
    }
    let plugin = plain();
    symlink(elsewhere.path(), plugin.root.join("hooks")).unwrap();
    let refused = "or lies behind one that leads out of the plugin: nothing is written through those";
    plugin.init(&["--yes"]).run().exits(2).stderr_has(refused);
    assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none() && plugin.text(".mcp.json") == PLAIN);
}

#[test]
fn a_link_to_another_directory_of_the_plugin_is_followed_and_one_to_a_file_is_not() {
    let plugin = plain();
    fs::create_dir(plugin.root.join("real")).unwrap();
    symlink("real", plugin.root.join("hooks")).unwrap();
    plugin.init(&["--yes"]).run().ok();
    assert!(plugin.text("real/hooks.json").contains("session-start"));
    assert!(fs::symlink_metadata(plugin.root.join("hooks")).unwrap().is_symlink());
    plugin.init(&["--yes"]).run().ok().stderr_has("nothing to do");
    plugin.init(&["--undo", "--yes"]).run().ok();
    assert!(!plugin.root.join("real/hooks.json").exists() && plugin.text(".mcp.json") == PLAIN);
    let plugin = plain().file("servers.json", PLAIN);
    fs::remove_file(plugin.root.join(".mcp.json")).unwrap();
    symlink("servers.json", plugin.root.join(".mcp.json")).unwrap();
    plugin.init(&["--yes"]).run().exits(2).stderr_has("change `.mcp.json`");
    assert_eq!(plugin.text("servers.json"), PLAIN);
}

#[test]
fn the_programs_that_are_put_into_a_plugin_are_those_beside_the_authors_with_their_modes() {
    for place in ["bin/plugin", "share/plugdeps", "data/share/plugdeps"] {
        let plugin = plain();
        let release = plugin.temp().join("release");
        fs::create_dir_all(release.join("bin")).unwrap();
        fs::copy(AUTHORS, release.join("bin/plugdeps")).unwrap();
        executable(&release.join(place).join("plugdeps"), "#!/bin/sh\nexec \"$0-linux\" \"$@\"\n");
        executable(&release.join(place).join("plugdeps-linux"), "#!/bin/sh\n");
        fs::write(release.join(place).join("SHA256SUMS"), "0 plugdeps-linux\n").unwrap();
        let authors = release.join("bin/plugdeps");
        let init = |flags: &[&str]| plugin.bare_command(&authors).arg("init").arg(&plugin.root).args(flags).run();
        init(&["--yes"]).ok().stdout_has("+++ b/bin/SHA256SUMS").stderr_lacks(ONE_KIND);
        for name in ["plugdeps", "plugdeps-linux", "SHA256SUMS"] {
            let [from, to] = [release.join(place).join(name), plugin.root.join("bin").join(name)];
            assert_eq!(fs::read(&from).unwrap(), fs::read(&to).unwrap());
            assert_eq!(fs::metadata(&from).unwrap().permissions(), fs::metadata(&to).unwrap().permissions());
        }
        init(&["--yes"]).ok().stdout_is("");
        fs::set_permissions(plugin.root.join("bin/plugdeps"), fs::Permissions::from_mode(0o644)).unwrap();
        init(&["--yes"]).ok();
        assert_eq!(fs::metadata(plugin.root.join("bin/plugdeps")).unwrap().permissions().mode() & 0o111, 0o111);
    }
}

#[test]
fn the_program_can_be_in_a_directory_of_another_name_and_stays_there() {
    let plugin = plain();
    let program = plugin.root.join("bin/plugdeps");
    plugin.init(&["--yes", "--dir", "../x"]).run().exits(2).stderr_has("no directory in the plugin");
    let moved = plugin.init(&["--yes", "--dir", "libexec", "--binary", program.to_str().unwrap()]).run();
    moved.ok().stderr_has(ONE_KIND);
    assert!(plugin.text("hooks/hooks.json").contains("${CLAUDE_PLUGIN_ROOT}/libexec/plugdeps"));
    assert!(plugin.text(".mcp.json").contains("\"${CLAUDE_PLUGIN_ROOT}/libexec/plugdeps\""));
    assert!(plugin.root.join("libexec/plugdeps").is_file());
    plugin.init(&["--yes"]).run().ok().stdout_is("");
    plugin.init(&["--yes", "--dir", "bin"]).run().exits(2).stderr_has("its hook starts `libexec/plugdeps` already");
}

#[test]
fn without_a_program_to_put_into_the_plugin_the_author_is_told_where_one_comes_from() {
    let plugin = plain();
    fs::remove_dir_all(plugin.root.join("bin")).unwrap();
    plugin.init(&["--yes"]).run().exits(2).stderr_has("sh install.sh").stderr_has("--binary");
    plugin.init(&["--yes", "--binary", AUTHORS]).run().exits(2).stderr_has("not what a plugin ships");
    let new = plugin.temp().join("new");
    let nothing = plugin.bare_command(AUTHORS).arg("init").arg(&new).args(["--dir", "libexec"]).run();
    let there = new.display();
    nothing.exits(2).stderr_has(&format!("run `mkdir {there}`, then `sh install.sh {there} --dir libexec`"));
    plugin.init(&["--yes", "--binary", "/nowhere"]).run().exits(2).stderr_has("there is no such file");
    assert_eq!(plugin.text(".mcp.json"), PLAIN);
}

#[test]
fn a_package_that_npx_fetched_is_started_by_the_program_that_npm_knows() {
    let node = match node::program() {
        Ok(node) => node,
        Err(why) => return skip("node", &why),
    };
    let servers =
        "{ \"mcpServers\": { \"hub\": { \"command\": \"npx\", \"args\": [\"-y\", \"@a/hub@latest\", \"x\"] } } }";
    let registry = Registry::of(&[NpmPackage::new("@a/hub", "1.2.0").bin("the-hub", "")]);
    let plugin = Plugin::new("npx").file(".mcp.json", servers).node(&node);
    let plugin = plugin.env("npm_config_registry", registry.url()).env("npm_config_fetch_retries", "0");
    let nobody = plugin.init(&["--yes"]).env("npm_config_registry", "http://127.0.0.1:9/").run();
    nobody.ok().stderr_has("after `npm install --package-lock-only @a/hub@latest` run this again").stdout_is("");
    plugin.init(&["--yes"]).run().ok().stderr_has("next: `npm install --package-lock-only` pins `@a/hub`");
    assert!(plugin.text(".mcp.json").contains("[\"run\", \"--\", \"the-hub\", \"x\"]"));
    assert!(plugin.text("package.json").contains("\"@a/hub\": \"^1.2.0\""));
}

#[test]
fn the_plugin_that_an_empty_directory_becomes_works_at_once() {
    let index = Index::serve(&tools::mcp_wheels());
    let plugin = Plugin::new("new").uv().index(&index);
    fs::remove_dir_all(plugin.root.join(".claude-plugin")).unwrap();
    plugin.init(&["--yes"]).run().ok();
    plugin.hook().ok().silent();
    let mut server = plugin.server("root");
    server.initialize();
    assert_eq!(server.list_tools(), ["greet"]);
    assert_eq!(text_of(&server.call_tool("greet", serde_json::json!({ "name": "you" }))), "hello, you");
}

#[test]
fn what_another_tool_reads_alone_is_named_with_what_is_to_be_written_instead() {
    for (file, text, instead) in [
        ("pyproject.toml", "[tool.poetry.dependencies]\nalpha = \"1\"\n", "name its packages in `[project]`"),
        ("Pipfile", "[packages]\nalpha = \"*\"\n", "`pipenv requirements > requirements.txt`"),
        ("setup.py", "setup(install_requires=['alpha'])\n", "name its packages in `requirements.txt`"),
    ] {
        let plugin = plain().file(file, text);
        fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
        let said = plugin.init(&["--yes"]).run();
        said.ok().stdout_is("").stderr_has("server `plain` is left to be changed by hand");
        said.stderr_has(&format!("what it needs stands in `{file}`")).stderr_has(instead);
        said.stderr_has("nothing is changed: the rest is for you to do");
        plugin.write("requirements.txt", "alpha\n");
        plugin.init(&["--yes"]).run().ok().stderr_has("server `plain` is started by plugdeps from now on");
    }
}

#[test]
fn a_plugin_that_the_host_loads_though_nothing_describes_it_is_given_the_name_that_is_missing() {
    let project = PLAIN.replace("${CLAUDE_PLUGIN_ROOT}", "/opt");
    for (servers, hooks) in [(PLAIN, None), (project.as_str(), Some("{ \"hooks\": { \"Stop\": [] } }"))] {
        let plugin = plain().file(".mcp.json", servers);
        fs::remove_dir_all(plugin.root.join(".claude-plugin")).unwrap();
        hooks.iter().for_each(|hooks| plugin.write("hooks/hooks.json", hooks));
        let before = picture(&plugin.root);
        let said = plugin.init(&["--yes"]).run();
        said.ok().stderr_has("`.claude-plugin/plugin.json` is written, with the name `root`");
        said.stderr_has("server `plain`");
        assert_eq!(plugin.text(".claude-plugin/plugin.json"), "{\n  \"name\": \"root\"\n}\n");
        plugin.init(&["--yes"]).run().ok().stdout_is("");
        plugin.init(&["--undo", "--yes"]).run().ok();
        assert_eq!(picture(&plugin.root), before);
    }
}

#[test]
fn an_empty_directory_becomes_a_plugin_and_another_one_does_not() {
    let plugin = plain();
    let new = plugin.temp().join("My Tools");
    let program = plugin.temp().join("program");
    executable(&program, "#!/bin/sh\n");
    let init = |place: &Path, flag: &str| {
        plugin.bare_command(AUTHORS).arg("init").arg(place).arg("--binary").arg(&program).arg(flag).run()
    };
    init(&new, "--yes").ok().stderr_has("`server.py`");
    let described = fs::read_to_string(new.join(".claude-plugin/plugin.json")).unwrap();
    assert!(described.contains("\"name\": \"my-tools\""), "{described}");
    init(&new, "--undo").exits(17);
    plugin.bare_command(AUTHORS).arg("init").arg(&new).args(["--undo", "--yes"]).run().ok();
    assert!(!new.exists(), "what was made is not gone");
    init(&plugin.home.join(".."), "--yes").exits(3).stderr_has("is not empty");
    // A project of whoever works there, which has servers of its own.
    fs::write(plugin.project.join(".mcp.json"), PLAIN.replace("${CLAUDE_PLUGIN_ROOT}", "/opt")).unwrap();
    let refused = init(&plugin.project, "--yes");
    refused.exits(3).stderr_has("`.mcp.json` is in it").stderr_has("write `{ \"name\": \"project\" }` into");
    fs::create_dir(plugin.home.join(".claude-plugin")).unwrap();
    fs::write(plugin.home.join(".claude-plugin/marketplace.json"), "{}").unwrap();
    fs::write(plugin.home.join("plugins"), "").unwrap();
    init(&plugin.home, "--yes").exits(3).stderr_has("it is a marketplace");
}
