//! The errors: each kind is provoked for real, says what helps, ends with its status, and leaves no trace.

use crate::support::*;
use plugdeps::error::{KINDS, Kind};
use plugdeps::failure;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// The command ends with the status of `kind` and says its code and all these words.
#[track_caller]
fn fails(output: &Output, kind: Kind, words: &[&str]) {
    let row = kind.info();
    output.exits(row.exit.into()).stdout_is("").stderr_has(&format!("plugdeps: error[{}]: ", row.code));
    output.stderr_lacks("panicked");
    for word in words {
        output.stderr_has(word);
    }
}

/// The same, and nothing below the plugin's temporary directory was changed, times included.
#[track_caller]
fn refused(plugin: &Plugin, cmd: Cmd, kind: Kind, words: &[&str]) {
    let before = Tree::of(plugin.temp());
    fails(&cmd.run(), kind, words);
    assert_same(&before, &Tree::of(plugin.temp()));
}

/// Both doors refuse.
#[track_caller]
fn doors_refuse(plugin: &Plugin, kind: Kind, words: &[&str]) {
    refused(plugin, plugin.command(["sync"]), kind, words);
    refused(plugin, plugin.command(["run", "--", "python", "-V"]), kind, words);
}

#[test]
fn malformed_toml_is_named_with_file_line_column_and_what_was_expected() {
    let plugin = Plugin::new("x").file("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['a'\nversion = '1'\n");
    let words = ["read `pyproject.toml`", "line 4, column 1: ", "expected `,`"];
    doors_refuse(&plugin, Kind::ManifestInvalid, &words);
    let plugin = Plugin::new("x").file("plugdeps.toml", "wait = \n").file("requirements.txt", "a\n");
    let words = ["read `plugdeps.toml`", "line 1, column 8: ", "expected a value"];
    doors_refuse(&plugin, Kind::ConfigInvalid, &words);
}

#[test]
fn a_key_of_the_wrong_type_is_named() {
    let plugin = Plugin::new("x").file("pyproject.toml", "[project]\nname = 'x'\ndependencies = 'alpha'\n");
    doors_refuse(&plugin, Kind::ManifestInvalid, &["`pyproject.toml`", "project.dependencies"]);
    let plugin = Plugin::new("x").file("plugdeps.toml", "wait = 'long'\n").file("requirements.txt", "a\n");
    doors_refuse(&plugin, Kind::ConfigInvalid, &["`plugdeps.toml`", "wait"]);
}

#[test]
fn a_missing_file_that_a_requirements_file_names_is_named_with_the_line() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n-r sub/more.txt\n");
    let plugin = plugin.file("sub/more.txt", "# nothing\n\n--constraint limits.txt\n");
    let words = ["read `sub/limits.txt`", "`sub/more.txt` line 3", "no such file", "ship the file"];
    doors_refuse(&plugin, Kind::ManifestInvalid, &words);
}

#[test]
fn a_requirements_file_may_not_lead_out_of_the_plugin() {
    let plugin = Plugin::new("x");
    let outside = plugin.temp().join("outside.txt");
    fs::write(&outside, "alpha\n").unwrap();
    symlink(&outside, plugin.root.join("link.txt")).unwrap();
    for path in ["../outside.txt", "sub/../../outside.txt", outside.to_str().unwrap(), "link.txt"] {
        plugin.write("requirements.txt", &format!("-r {path}\n"));
        doors_refuse(
            &plugin,
            Kind::ManifestInvalid,
            &["`requirements.txt` line 1", "expected a file inside the plugin"],
        );
    }
    plugin.write("requirements.txt", "-r http://127.0.0.1:9/more.txt\n");
    doors_refuse(&plugin, Kind::ManifestInvalid, &["expected a path, found a URL"]);
}

#[test]
fn requires_python_that_nobody_meets_lists_each_interpreter_found() {
    let plugin = Plugin::new("x").script("python3.9", "#!/bin/sh\necho 'I am a shim'; exit 1\n");
    plugin.write("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.99'\n");
    let first = plugin.path_dir().join("python3").display().to_string();
    let shim = plugin.path_dir().join("python3.9").display().to_string();
    let refused = format!("`{first}`: is {}.", tools::version(&tools::python()).unwrap());
    let words = ["find a Python that satisfies `>=3.99`", &refused, ", and `>=3.99` is wanted", &shim, "I am a shim"];
    doors_refuse(&plugin, Kind::NoInterpreter, &words);
}

#[test]
fn no_interpreter_at_all_is_said() {
    let plugin =
        Plugin::new("x").file("requirements.txt", "alpha\n").file("plugdeps.toml", "python = '/no/such/python'\n");
    doors_refuse(&plugin, Kind::NoInterpreter, &["find Python `/no/such/python`", "install such a Python"]);
}

#[test]
fn requires_python_that_nobody_understands_is_named() {
    let plugin = Plugin::new("x");
    plugin.write("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\nrequires-python = 'three'\n");
    let before = Tree::of(plugin.temp());
    plugin.sync().exits(6).stderr_has("error[manifest-invalid]").stderr_has("`requires-python` `three`");
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn neither_uv_nor_pip_is_said_with_the_reason_of_each() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").without_pip();
    let words =
        ["find an installer for `requirements.txt`", "uv: `uv` is neither on PATH", "has no pip", "install uv, or pip"];
    doors_refuse(&plugin, Kind::NoInstaller, &words);
    plugin.command(["--check"]).run().exits(11).stdout_has("has no pip").stdout_has("x: cannot build");
}

#[test]
fn data_that_cannot_be_written_is_said() {
    // Not by its mode: tests may run as root, to whom every directory is writable.
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").uv();
    fs::write(plugin.data.join("plugdeps"), "a file where a directory belongs").unwrap();
    doors_refuse(&plugin, Kind::DataUnusable, &["`--data`", plugin.data.to_str().unwrap()]);
    plugin
        .command(["--check"])
        .run()
        .exits(11)
        .stdout_has("cannot build")
        .stdout_has("make the plugin's data directory");
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").uv();
    let file = plugin.project.join("file");
    fs::write(&file, "").unwrap();
    let below = plugin.command(["sync", "--data"]).arg(file.join("data"));
    refused(&plugin, below, Kind::DataUnusable, &["`--data`", file.to_str().unwrap()]);
}

#[test]
fn data_inside_the_plugin_is_refused() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").uv();
    let root = plugin.root.to_str().unwrap();
    for data in [plugin.root.join("data"), plugin.root.clone(), plugin.root.join("../root/data")] {
        let sync = || plugin.command(["sync", "--data"]).arg(&data);
        refused(&plugin, sync(), Kind::DataUnusable, &["it lies inside the plugin", root, "`--data`"]);
    }
    symlink(&plugin.root, plugin.temp().join("link")).unwrap();
    let through_link = plugin.command(["sync", "--data"]).arg(plugin.temp().join("link/data"));
    refused(&plugin, through_link, Kind::DataUnusable, &["it lies inside the plugin"]);
}

#[test]
fn a_variable_that_the_host_did_not_expand_is_named_when_nothing_else_leads_to_a_plugin() {
    let plugin = Plugin::new("x");
    let sync = plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).arg("sync");
    let sync = sync.env("CLAUDE_PLUGIN_ROOT", "${CLAUDE_PLUGIN_ROOT}");
    let words =
        ["find the plugin", "CLAUDE_PLUGIN_ROOT=${CLAUDE_PLUGIN_ROOT} was not expanded by the host", "`--root`"];
    refused(&plugin, sync, Kind::NoPlugin, &words);
}

#[test]
fn what_is_no_plugin_is_refused() {
    let plugin = Plugin::new("x");
    let project = plugin.project.display().to_string();
    let words = [project.as_str(), "no `.claude-plugin/plugin.json`, no `.mcp.json` and no manifest"];
    for command in ["sync", "check", "env", "prune", "run"] {
        refused(&plugin, plugin.command([command, "--root", &project]), Kind::NoPlugin, &words);
    }
    let missing = plugin.command(["sync", "--root", "/no/such/plugin"]);
    refused(&plugin, missing, Kind::NoPlugin, &["`/no/such/plugin`", "there is no such directory"]);
}

#[test]
fn a_configuration_with_a_mistake_is_refused() {
    let mistakes = [
        ("instaler = 'pip'", "instaler"),
        ("installer = 'conda'", "conda"),
        ("directory = '../elsewhere'", "../elsewhere"),
        ("manifest = '/etc/passwd'", "/etc/passwd"),
        ("[environments.'a/b']\ndirectory = 'a'", "a/b"),
        ("manifest = 'a/package-lock.json'", "hint: write `manifest = \"a/package.json\"`"),
        ("[environments.a]\nmanifest = 'yarn.lock'", "cause: it is the lock of a `package.json`"),
        ("python = '>=3.10'", "cause: expected one version such as `3.12`, or the path of an interpreter"),
        ("python = 'python3.12'", "use `python3.12` as `python`"),
        ("[environments.a]\nwait = 3", "wait"),
    ];
    for (text, word) in mistakes {
        let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").file("plugdeps.toml", text);
        let before = Tree::of(plugin.temp());
        plugin.sync().exits(5).stdout_is("").stderr_has("error[config-invalid]").stderr_has(word);
        assert_same(&before, &Tree::of(plugin.temp()));
    }
}

#[test]
fn a_wait_is_announced_after_a_second_and_its_end_is_a_wait_timeout() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").uv();
    // The shortest patience of a door that is not the hook is half a minute.
    plugin.write("plugdeps.toml", "deadline = 1\nwait = 1\n");
    let state = plugin.data.join("plugdeps/main");
    fs::create_dir_all(&state).unwrap();
    let lock = fs::File::create(state.join("lock")).unwrap();
    lock.lock().unwrap();
    let sync = plugin.command(["sync"]).spawn();
    wait_until("the wait is announced", Duration::from_secs(10), || sync.stderr_so_far().contains("waiting for "));
    let announced = sync.stderr_so_far();
    assert!(announced.contains("for at most 29 s") || announced.contains("for at most 30 s"), "{announced}");
    assert!(announced.contains(state.join("lock").to_str().unwrap()), "{announced}");
    let hook = plugin.command(["session-start"]).env("CLAUDE_CODE_SESSION_ATTENDED", "1").run();
    assert!(hook.elapsed < Duration::from_secs(5), "{hook}");
    hook.ok().stdout_has("x: still installing its packages").stderr_is("");
    let output = sync.wait();
    assert!(output.elapsed > Duration::from_secs(25), "{output}");
    fails(&output, Kind::WaitTimeout, &["wait 31 s for the packages of `x`", "holds the lock", "plugdeps --check"]);
}

#[test]
fn what_is_not_built_is_not_ready() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").uv();
    refused(&plugin, plugin.command(["env"]), Kind::NotReady, &["there is no environment yet", "`plugdeps sync`"]);
}

#[test]
fn a_command_that_cannot_be_started_is_told() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).file("server.py", "");
    plugin.sync().ok();
    let run = |word: &str| plugin.command(["run", "--", word]);
    refused(
        &plugin,
        run("no-such"),
        Kind::CommandNotFound,
        &["start `no-such`", "neither in the environment nor on PATH"],
    );
    let script = plugin.root.join("server.py");
    refused(&plugin, run(script.to_str().unwrap()), Kind::CommandUnusable, &["server.py", "chmod +x"]);
    let orphan = plugin.project.join("orphan");
    executable(&orphan, "#!/no/such/interpreter\n");
    refused(&plugin, run(orphan.to_str().unwrap()), Kind::CommandNotFound, &["the first line of a script"]);
}

#[test]
fn a_wrong_command_line_is_told() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    refused(&plugin, plugin.command(["synch"]), Kind::Usage, &["understand `synch`", "did you mean `sync`?"]);
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    let described = plugin.root.join(".claude-plugin/plugin.json");
    fs::remove_file(&described).unwrap();
    fs::create_dir(&described).unwrap();
    let before = Tree::of(plugin.temp());
    let output = plugin.sync();
    output.exits(Kind::Io.info().exit.into()).stdout_is("").stderr_has("error[io]");
    output.stderr_has(described.to_str().unwrap()).stderr_has("not a regular file");
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn a_server_that_ends_before_it_answers_is_an_error_for_its_client() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    let greeting = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}\n";
    // Its input stays open: a server that ends because its client does has not failed.
    let mut server = McpClient::spawn(plugin.command(["run", "--", "python", "-c", "exit(3)"]).into_command());
    server.send_line(greeting.trim_end());
    assert_eq!(server.wait(Duration::from_secs(30)).code(), Some(3));
    let code = KINDS.iter().find(|row| row.kind == Kind::ServerEnded).unwrap().code;
    wait_until("stderr says it", Duration::from_secs(30), || server.stderr().contains(&format!("error[{code}]")));
}

#[test]
fn a_lock_that_is_not_there_is_told() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    let causes = ["use `requirements.lock`", "`requirements.txt` has none", "run `plugdeps lock`"];
    refused(&plugin, plugin.command(["lock", "--check"]), Kind::LockOutdated, &causes);
}

#[test]
fn a_change_that_nobody_agreed_to_is_not_agreed() {
    let plugin = Plugin::new("old").fixture("shell-line");
    let said = plugin.command(["init", plugin.root.to_str().unwrap()]).run();
    let row = Kind::NotAgreed.info();
    said.exits(row.exit.into()).stderr_has(row.code).stderr_has("there is no terminal").stderr_has("`--yes`");
}

#[test]
fn what_hurts_users_is_lint_findings() {
    let plugin =
        Plugin::new("x").file(".mcp.json", r#"{ "mcpServers": { "s": { "command": "python3", "args": ["s.py"] } } }"#);
    plugin.write("s.py", "print()\n");
    let said = plugin.command(["lint", plugin.root.to_str().unwrap()]).run();
    let row = Kind::LintFindings.info();
    said.exits(row.exit.into()).stderr_has(row.code).stderr_has("cause: 1 error");
}

#[test]
fn every_kind_is_provoked_here() {
    let here = concat!(include_str!("errors.rs"), include_str!("back_off.rs"));
    for row in KINDS {
        assert!(here.contains(&format!("Kind::{:?}", row.kind)), "no test provokes {:?}", row.kind);
    }
}

/// The rows of the tables in `docs/errors.md` whose first cell is code, without the marks around it.
fn documented() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let text = fs::read_to_string(path).expect("docs/errors.md cannot be read");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| row.replacen('`', "", 1).split(" | ").map(str::to_owned).collect()).collect()
}

#[test]
fn the_documentation_lists_exactly_the_kinds_and_classes_of_the_code() {
    let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let mut expected: Vec<_> = KINDS.iter().map(|row| cells([row.code, &row.exit.to_string(), row.sentence])).collect();
    expected.extend(
        failure::spoken().chain(failure::UNSPOKEN).map(|class| cells([class.code, class.sentence, class.hint])),
    );
    let documented = documented();
    for row in &expected {
        assert!(documented.contains(row), "docs/errors.md lacks the row {row:?}");
    }
    assert_eq!(documented, expected);
}
