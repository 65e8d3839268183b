//! The doors: what each command does with its words, its streams and its exit status.

use crate::support::*;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// Where a path may be that somebody did not think of.
const AWKWARD: &str = "it's a \"$dir\" `of` mine\\";

/// A plugin with `alpha`, built.
fn ready(packages: &Packages) -> Plugin {
    let plugin = Plugin::needing("alpha\n", packages);
    plugin.sync().ok();
    plugin
}

/// The one `systemMessage` that a hook printed.
#[track_caller]
fn system_message(output: &Output) -> String {
    output.ok().stderr_is("");
    let said = output.json();
    let fields = said.as_object().unwrap();
    assert_eq!(fields.len(), 1, "{output}");
    fields["systemMessage"].as_str().unwrap().to_owned()
}

// session-start

#[test]
fn session_start_is_silent_after_a_build_and_when_ready() {
    let packages = Packages::usual();
    let plugin = Plugin::new("x").fixture("tiny").index(&packages).uv();
    plugin.hook().ok().silent();
    plugin.rests();
    let before = Tree::of(&plugin.data);
    plugin.hook().ok().silent();
    assert_same(&before, &Tree::of(&plugin.data));
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
}

#[test]
fn session_start_says_one_json_object_on_failure_and_exits_0() {
    let packages = Packages::of(&[]);
    let plugin = Plugin::needing("no-such-package\n", &packages);
    let message = system_message(&plugin.command(["session-start"]).run());
    assert!(message.starts_with("demo: its packages could not be installed: "), "{message}");
    assert!(message.contains("the package index has no package of that name"), "{message}");
}

#[test]
fn session_start_tells_of_every_environment_that_failed_in_one_object() {
    let packages = Packages::of(&[]);
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    assert_eq!(system_message(&plugin.hook()).lines().count(), 2);
}

#[test]
fn session_start_exits_0_even_with_no_plugin_at_all() {
    let plugin = Plugin::new("x");
    let hook = plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).arg("session-start").run();
    assert!(system_message(&hook).starts_with("plugdeps: find the plugin"), "{hook}");
}

#[test]
fn session_start_exits_0_whatever_is_broken() {
    let broken =
        |file: &str, text: &str| system_message(&Plugin::new("x").file(file, text).command(["session-start"]).run());
    assert!(broken("plugdeps.toml", "instaler = 'pip'\n").contains("instaler"));
    assert!(broken("pyproject.toml", "[project\n").contains("line 1"));
    assert!(broken("requirements.txt", "-r more.txt\n").contains("more.txt"));
    let inside = Plugin::new("x").file("requirements.txt", "alpha\n");
    let inside = inside.command(["session-start"]).env("CLAUDE_PLUGIN_DATA", inside.root.join("data"));
    assert!(system_message(&inside.run()).contains("inside the plugin"));
}

#[test]
fn session_start_with_nothing_to_install_is_silent_and_leaves_no_trace() {
    let plugin = Plugin::new("x");
    let before = Tree::of(plugin.temp());
    plugin.command(["session-start"]).run().ok().silent();
    assert_same(&before, &Tree::of(plugin.temp()));
}

// run

#[test]
fn run_becomes_the_server_whether_it_had_to_build_or_not() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    for _ in ["cold", "ready"] {
        let line = "import alpha, os; print(os.getpid(), os.getppid())";
        let server = plugin.command(["run", "--", "python", "-c", line]).spawn();
        let expected = format!("{} {}\n", server.pid(), std::process::id());
        server.wait().ok().stdout_is(&expected).stderr_is("");
        plugin.rests();
    }
}

#[test]
fn run_keeps_cwd_stdin_and_stdout() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let line = "import os, sys; print(os.getcwd()); sys.stdout.write(sys.stdin.read()); print('!', file=sys.stderr)";
    let output = plugin.command(["run", "python", "-c", line]).stdin("one\ntwo").run();
    output.ok().stdout_is(&format!("{}\none\ntwo", plugin.project.display())).stderr_is("!\n");
}

#[test]
fn run_passes_the_stdin_of_a_cold_start_on_unread() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    let echo = "import sys; sys.stdout.write(sys.stdin.read())";
    plugin.command(["run", "python", "-c", echo]).stdin("all of it").run().ok().stdout_is("all of it");
}

#[test]
fn run_ends_with_the_exit_status_of_the_command() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    for status in [0, 1, 2, 9, 14, 126, 127, 128, 255] {
        plugin.run(["--", "sh", "-c", &format!("exit {status}")]).exits(status).silent();
    }
}

#[test]
fn signals_reach_the_server_itself() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let sleeper = "import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
try:
    print('up', flush=True)
    time.sleep(60)
except KeyboardInterrupt: sys.exit(43)";
    for (signal, status) in [(Signal::TERM, 42), (Signal::INT, 43)] {
        let server = plugin.command(["run", "python", "-c", sleeper]).spawn();
        wait_until("the server is up", PATIENCE, || server.stdout_so_far() == "up\n");
        processes::signal(server.pid(), signal);
        server.wait().exits(status);
    }
    let killed = plugin.run(["sh", "-c", "kill -TERM $$"]);
    assert_eq!(killed.status.signal(), Some(15), "{killed}");
}

#[test]
fn signals_have_their_default_effect_and_those_that_were_ignored_stay_ignored() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let piped = plugin.run(["sh", "-c", "kill -PIPE $$"]);
    assert_eq!(piped.status.signal(), Some(13), "{piped}");
    let nohup = format!(
        "trap '' HUP; exec '{}' run sh -c 'kill -HUP $$; echo alive'",
        plugin.root.join("bin/plugdeps").display()
    );
    let nohup = plugin.bare_command("sh").args(["-c", &nohup]).env("CLAUDE_PLUGIN_DATA", &plugin.data);
    nohup.env("CLAUDE_PLUGIN_ROOT", &plugin.root).run().ok().stdout_is("alive\n");
}

#[test]
fn python_and_installed_scripts_are_those_of_the_environment() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    for python in ["python", "python3"] {
        let prefix = plugin.run(["--", python, "-c", "import sys; print(sys.prefix)"]);
        prefix.ok().stdout_is(&format!("{}\n", plugin.prefix().display()));
    }
    plugin.run(["alpha-tool"]).ok().stdout_is("alpha-tool runs\n");
    // Also for what the server itself starts.
    plugin.run(["sh", "-c", "alpha-tool && python3 -c 'import alpha'"]).ok().stdout_is("alpha-tool runs\n");
}

#[test]
fn a_command_with_a_slash_is_taken_as_it_is() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    executable(&plugin.project.join("python"), "#!/bin/sh\necho mine \"$@\"\n");
    plugin.run(["./python", "a b"]).ok().stdout_is("mine a b\n");
    plugin.run([plugin.project.join("python").to_str().unwrap()]).ok().stdout_is("mine\n");
}

#[test]
fn run_activates_the_environment() {
    let packages = Packages::usual();
    let plugin = ready(&packages).env("PYTHONHOME", "/no/such/home").env("VIRTUAL_ENV", "/no/such/venv");
    let shown = plugin.run(["sh", "-c", "echo \"$VIRTUAL_ENV\"; echo \"$PATH\"; echo \"${PYTHONHOME-unset}\""]);
    let prefix = plugin.prefix();
    let path = format!("{}:{}", prefix.join("bin").display(), plugin.path_dir().display());
    shown.ok().stdout_is(&format!("{}\n{path}\nunset\n", prefix.display()));
}

#[test]
fn arguments_are_passed_on_as_they_are_with_and_without_two_dashes() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let args = ["sh", "-c", "printf '<%s>' \"$@\"", "sh", "--root", "--", "a b", "", "$HOME", "'\"*", "--check"];
    let expected = "<--root><--><a b><><$HOME><'\"*><--check>";
    plugin.run(args).ok().stdout_is(expected);
    plugin.command(["run", "--"]).args(args).run().ok().stdout_is(expected);
    plugin.run(["python", "--version"]).ok().stdout_has("Python 3.");
}

#[test]
fn an_argument_that_is_no_unicode_text_arrives() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let words = plugin.command(["run", "python", "-c", "import os, sys; print(os.fsencode(sys.argv[1]))"]);
    words.arg(OsStr::from_bytes(b"\xff\xfe")).run().ok().stdout_is("b'\\xff\\xfe'\n");
}

#[test]
fn an_unknown_command_is_127() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    plugin.run(["no-such-command"]).exits(127).stdout_is("").stderr_has("error[command-not-found]");
    plugin.run(["./no-such-command"]).exits(127).stderr_has("error[command-not-found]");
}

#[test]
fn a_command_that_is_not_executable_is_126() {
    let packages = Packages::usual();
    let plugin = ready(&packages).file("server.py", "print(1)\n");
    let script = plugin.root.join("server.py");
    plugin.run([script.to_str().unwrap()]).exits(126).stdout_is("").stderr_has("error[command-unusable]");
    plugin.run([plugin.root.to_str().unwrap()]).exits(126).stderr_has("error[command-unusable]");
}

#[test]
fn run_without_a_command_is_2_and_builds_nothing() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    let before = Tree::of(&plugin.data);
    plugin.run([]).exits(2).stdout_is("").stderr_has("write the command behind `--`");
    plugin.run(["--"]).exits(2).stderr_has("error[usage]");
    assert_same(&before, &Tree::of(&plugin.data));
}

#[test]
fn a_plugin_without_a_manifest_runs_the_command_as_it_is() {
    let plugin = Plugin::new("x");
    let before = Tree::of(plugin.temp());
    let shown = plugin.run(["sh", "-c", "echo \"$PATH ${VIRTUAL_ENV-unset}\"; exit 5"]);
    shown.exits(5).stdout_is(&format!("{} unset\n", plugin.path_dir().display())).stderr_is("");
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn run_fails_loudly_when_there_is_nothing_to_run() {
    let packages = Packages::of(&[]);
    let plugin = Plugin::needing("no-such-package\n", &packages);
    plugin.run(["python", "-c", "print('ran')"]).exits(9).stdout_is("").stderr_has("error[install-failed]");
}

#[test]
fn a_session_in_an_awkward_place_works() {
    let packages = Packages::usual();
    let plugin = Plugin::at("x", AWKWARD).fixture("tiny").index(&packages).uv();
    // Not by the hook's line: there the host writes the path into a shell command.
    plugin.command(["session-start"]).run().ok().silent();
    let mut server = plugin.server("plain");
    server.initialize();
    assert_eq!(text_of(&server.call_tool("value", json!({}))), "alpha 1.0");
    plugin.run(["alpha-tool"]).ok().stdout_is("alpha-tool runs\n");
}

// sync

#[test]
fn sync_says_what_it_did_and_then_that_there_is_nothing_to_do() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok().stdout_is("").stderr_has("environment main: built");
    let before = Tree::of(&plugin.data);
    plugin.sync().ok().stdout_is("").stderr_has("environment main: ready, nothing to do");
    assert_same(&before, &Tree::of(&plugin.data));
}

#[test]
fn sync_without_a_manifest_succeeds_and_says_so() {
    Plugin::new("x").sync().ok().stdout_is("").stderr_has("x has no manifest, so there is nothing to install");
}

#[test]
fn sync_fails_with_9_when_the_installer_fails() {
    let packages = Packages::of(&[]);
    let plugin = Plugin::needing("no-such-package\n", &packages);
    plugin.sync().exits(9).stdout_is("").stderr_has("error[install-failed]").stderr_has("no-such-package");
}

#[test]
fn sync_builds_every_environment_though_one_fails() {
    let packages = Packages::of(&[("beta", "1.0")]);
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    plugin.sync().exits(9).stderr_has("alpha");
    assert_eq!(plugin.generations_of("b").len(), 1, "{}", plugin.sync());
}

#[test]
fn rebuild_makes_a_new_generation_though_the_old_one_fits() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let old = plugin.prefix();
    plugin.command(["sync", "--rebuild"]).run().ok().stderr_has("built");
    assert_ne!(plugin.prefix(), old);
    assert!(old.is_dir(), "the previous one is kept");
}

#[test]
fn the_environment_flag_limits_sync_to_one() {
    let packages = Packages::of(&[("alpha", "1.0"), ("beta", "1.0")]);
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    plugin.command(["sync", "--environment", "b"]).run().ok();
    assert_eq!((plugin.generations_of("a").len(), plugin.generations_of("b").len()), (0, 1));
    let unknown = plugin.command(["sync", "--environment=c"]).run();
    unknown.exits(2).stderr_has("find the environment `c`").stderr_has("the plugin has: a, b");
}

/// Of both installers: whoever watches sees bytes arrive while the download still runs.
fn shows_progress_on_a_terminal(installer: &str, sign: &str) {
    let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").payload(3_000_000));
    let plugin = Plugin::needing("alpha\n", &packages).file("plugdeps.toml", &format!("installer = '{installer}'\n"));
    packages.rate(Some(1_500_000));
    let mut sync = plugin.on_terminal(["sync"]).spawn();
    wait_until("there is progress", PATIENCE, || sync.stdout_so_far().contains(sign));
    assert!(sync.is_running(), "{}", sync.wait());
    sync.wait().ok().stdout_has("environment main: built");
}

#[test]
fn sync_on_a_terminal_builds_where_no_other_terminal_can_be_made() {
    let Some(flags) = mounting() else { return };
    let packages = Packages::of(&[("alpha", "1.0")]);
    let plugin = Plugin::needing("alpha\n", &packages);
    let (program, real) = (plugin.root.join("bin/plugdeps"), plugin.temp().join("plugdeps"));
    fs::rename(&program, &real).unwrap();
    let [unshare, mount] = ["unshare", "mount"].map(|name| tools::on_path(name).unwrap().display().to_string());
    let hidden = format!("'{mount}' --bind /dev/null /dev/ptmx");
    let script = format!(
        "#!/bin/sh\nexec '{unshare}' {flags} sh -c \"{hidden} && exec '{}' \\\"\\$@\\\"\" sh \"$@\"\n",
        real.display()
    );
    executable(&program, &script);
    plugin.on_terminal(["sync"]).run().ok().stdout_has("environment main: built");
}

#[test]
fn sync_on_a_terminal_shows_the_progress_of_uv_live() {
    shows_progress_on_a_terminal("uv", "iB/2.86 MiB");
}

#[test]
fn sync_on_a_terminal_shows_the_progress_of_pip_live() {
    shows_progress_on_a_terminal("pip", "eta 0:00:01");
}

#[test]
fn sync_without_a_terminal_writes_plain_lines() {
    for installer in ["uv", "pip"] {
        let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").payload(200_000));
        let config = format!("installer = '{installer}'\n");
        let plugin = Plugin::needing("alpha\n", &packages).file("plugdeps.toml", &config);
        plugin.sync().ok().stderr_has("alpha").stderr_lacks("\x1b").stderr_lacks("\r");
    }
}

// env

/// The variables that a shell has after it read what `env` printed.
#[track_caller]
fn evaluated(plugin: &Plugin, shell: &str, text: &str) -> String {
    let show =
        "eval \"$1\"; printf '%s\\n' \"$VIRTUAL_ENV\" \"$PATH\" \"${PYTHONHOME-unset}\" \"$PLUGDEPS_SITE_PACKAGES\"";
    let shell = plugin.bare_command(shell).args(["-c", show, "sh", text]).env("PYTHONHOME", "/no/such/home");
    shell.run().ok().stderr_is("").stdout.clone()
}

/// A plugin in an awkward place, built, and the values that `env` must tell: VIRTUAL_ENV, PATH, site-packages.
fn awkward(packages: &Packages) -> (Plugin, [String; 3]) {
    let plugin = Plugin::at("x", AWKWARD).index(packages).uv().file("requirements.txt", "alpha\n");
    plugin.sync().ok();
    let prefix = plugin.prefix();
    let path = format!("{}:{}", prefix.join("bin").display(), plugin.path_dir().display());
    let site_packages = fs::canonicalize(plugin.data.join("site-packages")).unwrap();
    let values = [prefix.display().to_string(), path, site_packages.display().to_string()];
    (plugin, values)
}

#[test]
fn env_for_sh_is_what_shells_understand_and_the_default() {
    let packages = Packages::usual();
    let (plugin, [prefix, path, site_packages]) = awkward(&packages);
    let output = plugin.command(["env"]).run();
    output.ok().stderr_is("");
    assert_eq!(output.stdout, plugin.command(["env", "--format", "sh"]).run().stdout);
    let expected = format!("{prefix}\n{path}\nunset\n{site_packages}\n");
    for shell in ["/bin/sh", "/bin/bash", "/bin/dash"].into_iter().filter(|shell| Path::new(shell).exists()) {
        assert_eq!(evaluated(&plugin, shell, &output.stdout), expected, "{shell}");
    }
}

#[test]
fn env_for_json_and_mcp_are_objects() {
    let packages = Packages::usual();
    let (plugin, [prefix, path, site_packages]) = awkward(&packages);
    let all = plugin.command(["env", "--format=json"]).run().ok().json();
    let expected = json!({
        "VIRTUAL_ENV": prefix, "PATH": path, "PLUGDEPS_SITE_PACKAGES": site_packages, "PYTHONHOME": null,
        "__PYVENV_LAUNCHER__": null,
    });
    assert_eq!(all, expected);
    let mcp = plugin.command(["env", "--format=mcp"]).run().ok().json();
    let set = json!({ "VIRTUAL_ENV": prefix, "PATH": path, "PLUGDEPS_SITE_PACKAGES": site_packages });
    assert_eq!(mcp, json!({ "env": set }));
}

#[test]
fn env_for_dotenv_has_one_quoted_value_a_line() {
    let packages = Packages::usual();
    let (plugin, values) = awkward(&packages);
    let output = plugin.command(["env", "--format=dotenv"]).run();
    let names = ["VIRTUAL_ENV", "PATH", "PLUGDEPS_SITE_PACKAGES"];
    assert_eq!(output.ok().stdout.lines().count(), names.len(), "{output}");
    output.stdout_has("it's a \\\"\\$dir\\\" `of` mine\\\\/");
    for (name, expected) in names.iter().zip(values) {
        let line = output.stdout.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        let value = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).unwrap();
        let value = value.replace("\\\"", "\"").replace("\\$", "$").replace("\\\\", "\\");
        assert_eq!(value, expected, "{name}");
    }
}

#[test]
fn env_for_fish_quotes_as_fish_does_and_path_is_a_list() {
    let packages = Packages::usual();
    let (plugin, [prefix, path, _]) = awkward(&packages);
    let output = plugin.command(["env", "--format=fish"]).run();
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    output.ok().stdout_has(&format!("set -gx VIRTUAL_ENV {}\n", quoted(&prefix)));
    let list: Vec<_> = path.split(':').map(quoted).collect();
    output.stdout_has(&format!("set -gx PATH {}\n", list.join(" "))).stdout_has("set -e PYTHONHOME\n");
    if let Ok(fish) = which::which("fish") {
        let show = format!("{}\nprintf '%s\\n' $VIRTUAL_ENV (string join : $PATH)", output.stdout);
        plugin.bare_command(fish).args(["-c", &show]).run().ok().stdout_is(&format!("{prefix}\n{path}\n"));
    }
}

#[test]
fn env_for_powershell_quotes_as_powershell_does() {
    let packages = Packages::usual();
    let (plugin, [prefix, path, _]) = awkward(&packages);
    let output = plugin.command(["env", "--format=powershell"]).run();
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    output.ok().stdout_has(&format!("$Env:VIRTUAL_ENV = {}\n", quoted(&prefix)));
    output.stdout_has(&format!("$Env:PATH = {}\n", quoted(&path)));
    output.stdout_has("Remove-Item Env:PYTHONHOME -ErrorAction SilentlyContinue\n");
    if let Ok(pwsh) = which::which("pwsh") {
        let show = format!("{}\nWrite-Output $Env:VIRTUAL_ENV", output.stdout);
        plugin.bare_command(pwsh).args(["-NoProfile", "-Command", &show]).run().ok().stdout_is(&format!("{prefix}\n"));
    }
}

#[test]
fn env_of_what_is_not_built_is_14_and_builds_nothing() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    let before = Tree::of(plugin.temp());
    plugin.command(["env"]).run().exits(14).stdout_is("").stderr_has("error[not-ready]").stderr_has("plugdeps sync");
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn an_unknown_format_is_2_with_the_nearest_one() {
    let plugin = Plugin::new("x");
    plugin.command(["env", "--format", "jsno"]).run().exits(2).stdout_is("").stderr_has("did you mean `json`?");
    plugin
        .command(["env", "--format", "xylophone"])
        .run()
        .exits(2)
        .stderr_has("sh, fish, powershell, json, dotenv, mcp");
}

// prune

#[test]
fn prune_removes_what_nothing_uses_and_nothing_else() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let server = plugin.command(["run", "sh", "-c", "echo up; exec sleep 60"]).spawn();
    wait_until("the server is up", PATIENCE, || server.stdout_so_far() == "up\n");
    let oldest = plugin.generations_of("main");
    for _ in 0..2 {
        plugin.command(["sync", "--rebuild"]).run().ok();
    }
    assert_eq!(plugin.generations_of("main").len(), 3);
    plugin
        .command(["prune"])
        .run()
        .ok()
        .stdout_is("")
        .stderr_has("environment main: ")
        .stderr_has("0 removed")
        .stderr_has("1 in use");
    processes::signal(server.pid(), Signal::TERM);
    server.wait();
    plugin
        .command(["prune"])
        .run()
        .ok()
        .stderr_has("environment main: ")
        .stderr_has("1 removed")
        .stderr_has("0 in use");
    let left = plugin.generations_of("main");
    assert!(left.len() == 2 && !left.contains(&oldest[0]), "{left:?}");
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
}

#[test]
fn prune_where_nothing_was_built_leaves_no_trace() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    let before = Tree::of(plugin.temp());
    plugin.command(["prune"]).run().ok().silent();
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn prune_removes_what_a_dead_builder_left() {
    let packages = Packages::usual();
    let plugin = ready(&packages);
    let state = plugin.data.join("plugdeps/main");
    fs::create_dir_all(state.join("g-leftover/env/bin")).unwrap();
    fs::write(state.join("g-leftover/env/bin/python"), "").unwrap();
    plugin.command(["prune"]).run().ok().stderr_has("1 removed");
    assert_eq!(plugin.generations_of("main").len(), 1);
}

// words

#[test]
fn help_and_version_are_printed_on_stdout() {
    let plugin = Plugin::new("x");
    for help in ["--help", "-h", "help"] {
        let output = plugin.command([help]).run();
        output.ok().stderr_is("").stdout_has("usage: plugdeps");
        for word in ["session-start", "run", "sync", "check", "env", "prune", "--root", "--data", "--json", "--format"]
        {
            output.stdout_has(word);
        }
    }
    for version in ["--version", "-V"] {
        plugin.command([version]).run().ok().stderr_is("").stdout_is("plugdeps 0.1.0\n");
    }
    plugin.command(["sync", "--help"]).run().ok().stdout_has("usage: plugdeps");
}

#[test]
fn flags_are_understood_before_and_after_the_command_and_with_an_equals_sign() {
    let [one, other] = [Plugin::new("one"), Plugin::new("other")];
    let root = one.root.to_str().unwrap();
    for args in [
        vec!["--root", root, "check", "--json"],
        vec!["--json", "check", "--root", root],
        vec!["check", "--json", &format!("--root={root}")],
        vec!["--json", "--check", "--root", root],
    ] {
        let report = other.command(args).run().ok().json();
        assert_eq!((&report["plugin"], &report["root"]["path"]), (&json!("one"), &json!(root)));
    }
}

#[test]
fn the_check_flag_is_the_check_command() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    let command = plugin.command(["check"]).run();
    command.exits(10);
    plugin.command(["--check"]).run().exits(10).stdout_is(&command.stdout).stderr_is("");
}

#[test]
fn a_word_that_is_not_understood_is_2_with_what_to_type_instead() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    fs::create_dir(plugin.project.join("files")).unwrap();
    let before = Tree::of(plugin.temp());
    let wrong: [(&[&str], &str); 14] = [
        (&["snyc"], "did you mean `sync`?"),
        (&["sesion-start"], "did you mean `session-start`?"),
        (&["sync", "--rebiuld"], "did you mean `--rebuild`?"),
        (&["--chek"], "did you mean `--check`?"),
        (
            &["xylophone"],
            "understand `xylophone`\n  cause: there is no such command\n  hint: the commands are session-start, run, ",
        ),
        (&["files"], "hint: a plugin is named behind a command: `plugdeps check --root files`"),
        (&["-x"], "there is no such flag"),
        (&["sync", "now"], "understand `now`\n  cause: `sync` takes no word\n  hint: name another plugin"),
        (&["sync", "now"], "by a flag: `plugdeps sync --root DIR`"),
        (&["check", "files"], "by a flag: `plugdeps check --root files`"),
        (&["--check", "files"], "by a flag: `plugdeps check --root files`"),
        (&["lint", ".", "files"], "cause: `lint` takes one directory\n"),
        (&["check", "sync"], "cause: there is a command already\n  hint: give one command; see `plugdeps --help`"),
        (&[], "cause: there is none in what was typed\n  hint: the commands are session-start, run, "),
    ];
    for (args, hint) in wrong {
        plugin.command(args).run().exits(2).stdout_is("").stderr_has("error[usage]").stderr_has(hint);
    }
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn a_flag_without_its_value_is_2() {
    let plugin = Plugin::new("x");
    for args in [&["sync", "--root"][..], &["sync", "--root="], &["sync", "--data", ""], &["check", "--json=yes"]] {
        plugin.command(args).run().exits(2).stdout_is("").stderr_has("error[usage]");
    }
}

// places

/// What `--check` says of root and data in this environment.
#[track_caller]
fn place(cmd: Cmd) -> (Value, Value) {
    let report = cmd.args(["--check", "--json"]).run().json();
    (report["root"].clone(), report["data"].clone())
}

#[test]
fn flags_come_before_the_variables_of_claude_and_those_before_other_hosts_names() {
    let plugin = Plugin::new("x");
    let [mine, cursor] = [plugin.root.clone(), plugin.temp().join("cursor")];
    fs::create_dir_all(cursor.join(".claude-plugin")).unwrap();
    fs::write(cursor.join(".claude-plugin/plugin.json"), "{}").unwrap();
    let bare = || plugin.bare_command(plugin.root.join("bin/plugdeps"));
    let named = |cmd: Cmd| place(cmd).0;
    let from = |path: &Path, from: &str| json!({ "path": path, "from": from });

    assert_eq!(named(bare()), from(&mine, "the program's own place"));
    for name in ["PLUGIN_ROOT", "CURSOR_PLUGIN_ROOT", "COPILOT_PLUGIN_ROOT", "GROK_PLUGIN_ROOT"] {
        assert_eq!(named(bare().env(name, &cursor)), from(&cursor, name));
        assert_eq!(
            named(bare().env(name, &cursor).env("CLAUDE_PLUGIN_ROOT", &mine)),
            from(&mine, "CLAUDE_PLUGIN_ROOT")
        );
        assert_eq!(named(bare().env(name, "")), from(&mine, "the program's own place"));
    }
    assert_eq!(named(bare().env("CLAUDE_PLUGIN_ROOT", &mine).arg("--root").arg(&cursor)), from(&cursor, "--root"));
}

#[test]
fn an_author_may_be_anywhere_in_the_plugin_unless_a_host_named_something() {
    let plugin = Plugin::new("x").file("servers/a/server.py", "");
    let authors = || plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps"));
    let here = json!({ "path": plugin.root, "from": "the directory that one is in" });
    assert_eq!(place(authors().cwd(&plugin.root)).0, here);
    assert_eq!(place(authors().cwd(plugin.root.join("servers/a"))).0, here);
    let from_host = authors().cwd(&plugin.root).env("CLAUDE_PLUGIN_ROOT", "${CLAUDE_PLUGIN_ROOT}").arg("--check");
    from_host.run().exits(3).stderr_has("was not expanded by the host");
    authors().arg("--check").run().exits(3).stderr_has("find the plugin");
}

#[test]
fn data_comes_from_the_flag_then_the_host_then_the_users_data_directory() {
    let plugin = Plugin::new("x");
    let other = plugin.temp().join("other");
    let data = |cmd: Cmd| place(cmd).1;
    assert_eq!(data(plugin.command(["--data"]).arg(&other)), json!({ "path": other, "from": "--data" }));
    for name in ["CLAUDE_PLUGIN_DATA", "PLUGIN_DATA", "GROK_PLUGIN_DATA"] {
        let bare = plugin.bare_command(plugin.root.join("bin/plugdeps"));
        assert_eq!(data(bare.env(name, &other)), json!({ "path": other, "from": name }));
    }
    let bare = || plugin.bare_command(plugin.root.join("bin/plugdeps"));
    let own = data(bare());
    let path = own["path"].as_str().unwrap();
    assert!(Path::new(path).starts_with(&plugin.home) && path.contains("plugdeps/root-"), "{path}");
    if cfg!(target_os = "linux") {
        let own = data(bare().env("XDG_DATA_HOME", &other));
        assert!(Path::new(own["path"].as_str().unwrap()).starts_with(other.join("plugdeps")), "{own}");
    }
}

#[test]
fn the_hosts_data_is_not_taken_for_another_plugin_that_a_flag_names() {
    let [host, mine] = [Plugin::new("host"), Plugin::new("mine")];
    let (_, data) = place(host.command(["--root"]).arg(&mine.root));
    assert_eq!(data["from"], "the user's data directory", "{data}");
}

#[test]
fn a_value_that_the_host_did_not_expand_is_skipped_and_named() {
    let plugin = Plugin::new("x");
    let check = plugin.command(["--check"]).env("CLAUDE_PLUGIN_ROOT", "${CLAUDE_PLUGIN_ROOT}");
    let output = check.env("CLAUDE_PLUGIN_DATA", "${CLAUDE_PLUGIN_DATA}/x").run();
    output.ok().stdout_has("(from the program's own place)").stdout_has("(from the user's data directory)");
    output.stdout_has("CLAUDE_PLUGIN_ROOT=${CLAUDE_PLUGIN_ROOT} was not expanded by the host");
    output.stdout_has("CLAUDE_PLUGIN_DATA=${CLAUDE_PLUGIN_DATA}/x was not expanded by the host");
}

#[test]
fn a_binary_in_another_directory_than_bin_finds_its_plugin_even_through_a_link() {
    let plugin = Plugin::new("x");
    let nested = plugin.root.join("tools/deep/plugdeps");
    fs::create_dir_all(nested.parent().unwrap()).unwrap();
    fs::rename(plugin.root.join("bin/plugdeps"), &nested).unwrap();
    let link = plugin.home.join("plugdeps");
    symlink(&nested, &link).unwrap();
    for program in [nested, link] {
        assert_eq!(place(plugin.bare_command(program)).0["path"], json!(plugin.root));
    }
}

#[test]
fn uv_is_found_where_the_path_of_a_gui_does_not_lead() {
    let packages = Packages::usual();
    for place in [".local/bin", ".cargo/bin"] {
        let plugin = Plugin::needing("alpha\n", &packages).no_uv().env("PATH", "/usr/bin:/bin");
        let bin = plugin.home.join(place);
        fs::create_dir_all(&bin).unwrap();
        symlink(tools::uv(), bin.join("uv")).unwrap();
        let check = plugin.check();
        let chosen = check["environments"][0]["installer"]["chosen"].as_str().unwrap_or_default().to_owned();
        assert!(chosen.contains(&format!("{place}/uv")), "{check:#}");
        plugin.command(["session-start"]).run().ok().silent();
        assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
    }
}

#[test]
fn a_binary_without_its_executable_bit_is_the_hosts_126_and_not_ours() {
    // The mode is part of what an author ships; nothing here can mend it.
    let plugin = Plugin::new("x").shipped_hooks();
    fs::set_permissions(plugin.root.join("bin/plugdeps"), fs::Permissions::from_mode(0o644)).unwrap();
    plugin.hook().exits(126);
}
