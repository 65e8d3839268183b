//! Hostile files and places: each is refused with a sentence, or led past, without a hang and in little memory.
//!
//! What leads out of the plugin by `-r`, mistakes in the configuration, damaged state and odd names of places are in
//! `errors.rs`, `manifests.rs` and `invariants.rs`.

use crate::support::*;
use serde_json::json;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a person reads of a size limit.
const TOO_LARGE: &str = "1073741824 bytes, and at most 16777216 are read";

/// The binary of the plugin, with 256 MB to live in and a small stack.
fn confined(plugin: &Plugin, args: &[&str]) -> Cmd {
    let line = "ulimit -v 262144; ulimit -s 1024; exec \"$0\" \"$@\"";
    let cmd = plugin.bare_command("sh").args(["-c", line]).arg(plugin.root.join("bin/plugdeps")).args(args);
    cmd.env("CLAUDE_PLUGIN_ROOT", &plugin.root).env("CLAUDE_PLUGIN_DATA", &plugin.data)
}

/// `sync` refuses, the hook tells it and fails no session, and nothing was changed.
#[track_caller]
fn refused(plugin: &Plugin, status: i32, words: &[&str]) {
    let before = Tree::of(&plugin.data);
    let sync = confined(plugin, &["sync"]).run();
    let hook = confined(plugin, &["session-start"]).run();
    let told = hook.ok().stderr_is("").json()["systemMessage"].as_str().unwrap().to_owned();
    for word in words {
        sync.exits(status).stdout_is("").stderr_has(word).stderr_lacks("panicked");
        assert!(told.contains(word), "{told}");
    }
    if status != 6 {
        assert_same(&before, &Tree::of(&plugin.data));
    }
}

/// A file of 1 GB that takes no room.
fn gigabyte(path: &Path) {
    File::create(path).unwrap().set_len(1 << 30).unwrap();
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Files that the host or we read of a plugin, and the exit status of one that cannot be read.
const READ: [(&str, i32); 9] = [
    (".mcp.json", 1),
    (".claude-plugin/plugin.json", 1),
    ("plugdeps.toml", 5),
    ("pyproject.toml", 6),
    ("requirements.txt", 6),
    ("pylock.toml", 6),
    ("uv.lock", 6),
    ("package.json", 6),
    ("more.txt", 6),
];

/// A plugin in which each of [`READ`] is read.
fn plugin() -> Plugin {
    let plugin = Plugin::new("x").file("requirements.txt", "-r more.txt\n").file("more.txt", "alpha\n").uv();
    plugin.file("pyproject.toml", "[project]\nname = 'x'\n")
}

#[test]
fn a_file_of_a_gigabyte_is_refused_by_its_size() {
    for (name, status) in READ {
        let plugin = plugin();
        gigabyte(&plugin.root.join(name));
        refused(&plugin, status, &[name.rsplit('/').next().unwrap(), TOO_LARGE]);
    }
}

#[test]
fn a_lock_of_a_script_of_a_gigabyte_or_that_is_no_file_is_refused_and_such_a_script_has_no_block() {
    let server = json!({ "mcpServers": { "a": { "command": "python", "args": ["${CLAUDE_PLUGIN_ROOT}/server.py"] } } });
    let block = "# /// script\n# dependencies = ['alpha']\n# ///\n";
    for (put, word) in [(gigabyte as fn(&Path), TOO_LARGE), (fifo, "not a regular file")] {
        let plugin = Plugin::new("x").uv().file(".mcp.json", &server.to_string()).file("server.py", block);
        put(&plugin.root.join("server.py.lock"));
        refused(&plugin, 6, &["server.py.lock", word]);
        let plugin = Plugin::new("x").uv().file(".mcp.json", &server.to_string());
        put(&plugin.root.join("server.py"));
        confined(&plugin, &["session-start"]).run().ok().silent();
        confined(&plugin, &["sync"]).run().ok().stderr_has("nothing to install");
    }
}

#[test]
fn a_fifo_or_a_directory_in_the_place_of_a_file_is_refused_at_once() {
    for (name, status) in READ {
        for put in [fifo, |path: &Path| fs::create_dir(path).unwrap()] {
            let plugin = plugin();
            let _ = fs::remove_file(plugin.root.join(name));
            put(&plugin.root.join(name));
            refused(&plugin, status, &[name.rsplit('/').next().unwrap(), "not a regular file"]);
        }
    }
}

#[test]
fn what_only_the_host_reads_disturbs_nobody() {
    let world = World::new(Installer::Uv);
    let _ = fs::remove_dir_all(world.plugin.root.join("hooks"));
    fs::create_dir(world.plugin.root.join("hooks")).unwrap();
    fifo(&world.plugin.root.join("hooks/hooks.json"));
    world.plugin.write(".mcp.json", "{ \"mcpServers\": [\"\u{0}");
    world.plugin.write(".claude-plugin/plugin.json", "\u{feff}{");
    world.plugin.command(["session-start"]).run().ok().silent();
    world.serves("1.0");
}

#[test]
fn a_text_that_is_parsed_whole_is_no_longer_than_a_megabyte() {
    for (name, status, text) in
        [("pyproject.toml", 6, "#"), ("plugdeps.toml", 5, "#"), (".mcp.json", 1, " "), ("package.json", 6, " ")]
    {
        let plugin = Plugin::new("x").file(name, &text.repeat((1 << 20) + 1)).uv();
        refused(&plugin, status, &[name, "1048577 bytes, and at most 1048576 are read"]);
    }
}

#[test]
fn files_that_are_too_large_together_are_refused() {
    let plugin = Plugin::new("x").file("requirements.txt", "-r a.txt\n-r b.txt\n").uv();
    for name in ["a.txt", "b.txt"] {
        File::create(plugin.root.join(name)).unwrap().set_len(9 << 20).unwrap();
    }
    refused(&plugin, 6, &["`b.txt`", "more than 16777216 bytes in all"]);
}

#[test]
fn nesting_without_end_overflows_no_stack() {
    let deep = "[".repeat(10_000);
    let objects = "{\"a\":".repeat(10_000);
    let plugin = Plugin::new("x");
    for name in ["one", "two"] {
        // Several environments, so that the hook has a thread for each.
        plugin.write(&format!("{name}/requirements.txt"), "alpha\n");
        for state in ["profile.json", "failure.json", "builder.json", "news/failure.json", "news/fell-back.json"] {
            let path = plugin.data.join("plugdeps").join(name).join(state);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{{\"schema\": {objects}")).unwrap();
        }
    }
    let nowhere = "python = '/nowhere/python3'";
    let environment = |name: &str| format!("[environments.{name}]\ndirectory = '{name}'\n{nowhere}\n");
    plugin.write("plugdeps.toml", &(environment("one") + &environment("two")));
    for name in [".mcp.json", ".claude-plugin/plugin.json", "plugdeps-snapshot.json"] {
        plugin.write(name, &format!("{{\"mcpServers\": {deep}"));
    }
    confined(&plugin, &["session-start"]).run().ok().stdout_has("find Python `/nowhere/python3`");
    confined(&plugin, &["--check"]).run().exits(11).stderr_is("");
    for (name, status) in [("plugdeps.toml", 5), ("pyproject.toml", 6)] {
        let plugin = Plugin::new("x").file(name, &format!("a = {deep}\n")).uv();
        refused(&plugin, status, &[name, "levels of nesting"]);
    }
}

#[test]
fn nesting_without_end_in_a_lock_or_a_script_overflows_no_stack() {
    let deep = "[".repeat(10_000);
    // What is in a lock is the affair of the installer, which refuses it (`lock-invalid`).
    for name in ["uv.lock", "pylock.toml", "requirements.lock"] {
        let plugin = plugin().file(name, &format!("version = 1\npackages = {deep}\n"));
        confined(&plugin, &["--check"]).run().exits(10).stderr_is("").stdout_has(name);
        let plugin = plugin.file("plugdeps.toml", "require-hashes = true\n");
        refused(&plugin, 6, &[name]);
    }
    let server = json!({ "mcpServers": { "a": { "command": "python", "args": ["${CLAUDE_PLUGIN_ROOT}/server.py"] } } })
        .to_string();
    let plugin = Plugin::new("x").uv().file(".mcp.json", &server);
    plugin.write("server.py", &format!("# /// script\n# dependencies = {deep}\n# ///\n"));
    refused(&plugin, 6, &["server.py", "levels of nesting"]);
    plugin.write("server.py", "# /// script\n# dependencies = ['alpha']\n# ///\n");
    plugin.write("server.py.lock", &format!("version = 1\npackages = {deep}\n"));
    confined(&plugin, &["--check"]).run().exits(10).stderr_is("").stdout_has("server.py.lock");
}

#[test]
fn state_that_is_nested_without_end_is_absent() {
    let world = World::new(Installer::Uv);
    let objects = "{\"a\":".repeat(10_000);
    for name in ["g/inputs.json", "g/receipt.json", "servers"] {
        world.built();
        proven(&world);
        let path = match name {
            "servers" => files_below(&world.plugin.state().join(name)).remove(0),
            name => state(&world, name),
        };
        fs::write(&path, format!("{{\"schema\": {objects}")).unwrap();
        let page = confined(&world.plugin, &["--check"]).run();
        assert!(page.stderr.is_empty() && [Some(0), Some(10)].contains(&page.status.code()), "{name}: {page}");
        confined(&world.plugin, &["session-start"]).run().ok().stderr_is("");
        world.serves("1.0");
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(directory).into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn a_hook_reads_nothing_of_what_the_host_tells_it() {
    let world = World::new(Installer::Uv);
    world.built();
    for said in [vec![0; 50_000_000], vec![b'{'; 1_000_000], b"{\"session_id\": \"\xff".to_vec()] {
        let mut hook = world.plugin.command(["session-start"]).into_command();
        let mut hook = hook.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It is gone before it has been told all of this.
        let _ = hook.stdin.take().unwrap().write_all(&said);
        let output = hook.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    }
    // Nor does it wait for somebody who never ends what he says.
    let mut hook = world.plugin.command(["session-start"]).into_command();
    let hook = hook.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let (mut hook, patience) = (hook, Duration::from_secs(20));
    wait_until("the hook ends", patience, || hook.try_wait().unwrap().is_some());
}

#[test]
fn a_requirement_that_leads_out_of_the_plugin_is_read_there_and_nothing_is_written() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    let plugin = Plugin::new("x").uv().index(&packages);
    let outside = plugin.project.join("outside");
    fs::create_dir_all(outside.join("source/source")).unwrap();
    fs::write(outside.join("source/pyproject.toml"), "[project]\nname = 'source'\nversion = '1'\n").unwrap();
    Wheel::simple("beta", "1.0").write(&outside);
    let (before, up) = (Tree::of(&plugin.project), "../project/outside");
    let wheel = outside.join("beta-1.0-py3-none-any.whl").display().to_string();
    for line in [format!("{up}/beta-1.0-py3-none-any.whl"), format!("beta @ file://{wheel}"), format!("-f {up}\nbeta")]
    {
        plugin.write("requirements.txt", &format!("{line}\n"));
        plugin.sync().ok();
    }
    for line in [format!("{up}/source"), format!("-e {up}/source")] {
        plugin.write("requirements.txt", &format!("{line}\n"));
        refused(&plugin, 6, &["it is a source directory", "put a wheel of it into the plugin"]);
    }
    for line in ["-c ../../etc/passwd", "-r /etc/passwd", "-c ~/x.txt"] {
        plugin.write("requirements.txt", &format!("{line}\n"));
        refused(&plugin, 6, &["`requirements.txt` line 1"]);
    }
    let project = "[project]\nname = 'x'\nversion = '1'\ndynamic = ['dependencies']\n";
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    plugin
        .write("pyproject.toml", &format!("{project}[tool.setuptools.dynamic]\ndependencies = {{ file = '../x' }}\n"));
    refused(&plugin, 6, &["`../x`"]);
    assert_same(&before, &Tree::of(&plugin.project));
}

#[test]
fn a_source_directory_in_the_plugin_is_refused_however_it_is_named() {
    let plugin = Plugin::new("x").uv();
    plugin.write("dep/pyproject.toml", "[project]\nname = 'dep'\nversion = '1'\n");
    let (before, root) = (Tree::of(&plugin.root.join("dep")), plugin.root.display().to_string());
    let root = [root, "${CLAUDE_PLUGIN_ROOT}".to_owned()];
    let lines = |root: &String| [format!("{root}/dep"), format!("-e {root}/dep"), format!("dep @ file://{root}/dep")];
    for line in root.iter().flat_map(lines).chain(["./dep".to_owned(), "-e dep".to_owned(), "file:dep".to_owned()]) {
        plugin.write("requirements.txt", &format!("{line}\n"));
        refused(&plugin, 6, &["it is a source directory", "put a wheel of it into the plugin"]);
    }
    assert_same(&before, &Tree::of(&plugin.root.join("dep")));
    plugin.write("requirements.txt", "-e ${CLAUDE_PLUGIN_ROOT}\n");
    plugin.command(["--check"]).run().stdout_has("the plugin itself is never installed");
}

#[test]
fn a_source_directory_that_a_lock_names_is_refused_since_its_build_would_write_there() {
    let plugin = Plugin::new("x").uv();
    plugin.write("dep/pyproject.toml", "[project]\nname = 'dep'\nversion = '1'\n");
    let before = Tree::of(&plugin.root.join("dep"));
    for place in ["./dep", ".", "../elsewhere"] {
        let package = format!("[[packages]]\nname = 'dep'\ndirectory = {{ path = '{place}' }}\n");
        plugin.write("pylock.toml", &format!("lock-version = '1.0'\ncreated-by = 'x'\n{package}"));
        refused(&plugin, 6, &["the `directory` that `pylock.toml` names", "it is a source directory"]);
    }
    assert_same(&before, &Tree::of(&plugin.root.join("dep")));
}

/// A `package.json` that asks for this.
fn asking(dependencies: serde_json::Value) -> Plugin {
    Plugin::new("x").manager(Manager::Npm).file("package.json", &json!({ "dependencies": dependencies }).to_string())
}

/// The locks that may stand beside a `package.json`.
const LOCKS: [&str; 6] =
    ["npm-shrinkwrap.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"];

#[test]
fn a_lock_for_node_of_a_gigabyte_or_that_is_no_file_is_refused() {
    for name in LOCKS {
        let plugin = asking(json!({ "alpha": "1" }));
        gigabyte(&plugin.root.join(name));
        refused(&plugin, 6, &[name, TOO_LARGE]);
    }
    for put in [fifo, |path: &Path| fs::create_dir(path).unwrap()] {
        let plugin = asking(json!({ "alpha": "1" }));
        put(&plugin.root.join("package-lock.json"));
        refused(&plugin, 6, &["package-lock.json", "not a regular file"]);
    }
}

#[test]
fn nesting_without_end_in_files_of_node_overflows_no_stack() {
    let objects = "{\"a\":".repeat(10_000);
    let plugin = Plugin::new("x").file("package.json", &format!("{{\"dependencies\": {objects}"));
    refused(&plugin, 6, &["package.json", "recursion limit exceeded"]);
    // Locks are understood for what is shown of them alone.
    for name in LOCKS {
        let plugin = asking(json!({ "alpha": "1" })).file(name, &format!("{{\n  \"packages\": {objects}"));
        plugin.write("node_modules/.package-lock.json", &format!("{{\"packages\": {objects}"));
        confined(&plugin, &["--check"]).run().stderr_is("").stdout_has(name);
    }
}

#[test]
fn a_dependency_leads_nowhere_out_of_the_plugin() {
    let elsewhere = ["file:../../x", "file:../x.tgz", "file:/etc/x.tgz", "link:../x", "../x", "~/x", "portal:/x"];
    let elsewhere = elsewhere.into_iter().chain(["file:~/x.tgz", "file:///etc/x.tgz", "file:%2e%2e/x.tgz"]);
    for wanted in elsewhere {
        refused(&asking(json!({ "alpha": wanted })), 6, &["`package.json`", "lies outside the plugin"]);
    }
    let plugin = asking(json!({ "alpha": "file:vendor/alpha.tgz" }));
    fs::write(plugin.project.join("alpha.tgz"), "").unwrap();
    symlink(&plugin.project, plugin.root.join("vendor")).unwrap();
    refused(&plugin, 6, &["`vendor/alpha.tgz`", "lies outside the plugin"]);
}

#[test]
fn names_of_packages_for_node_steer_no_terminal_and_are_no_options() {
    for name in ["\u{1b}[31m", "\u{1b}]0;x\u{7}", "a\u{9b}2J", "--prefix=/", "-g", "../../../x", "a\nb"] {
        let plugin = asking(json!({ name: "1", "alpha": "\u{1b}[2J" })).env("npm_config_fetch_retries", "0");
        let before = Tree::of(&plugin.root);
        let outputs = [
            plugin.command(["--check"]).run(),
            plugin.command(["--check", "--json"]).run(),
            plugin.command(["sync"]).run(),
            plugin.command(["session-start"]).run(),
            plugin.command(["--check"]).run(),
        ];
        for output in &outputs {
            let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
            assert!(!format!("{}{}", output.stdout, output.stderr).contains(steers), "{name:?}\n{output}");
        }
        outputs[2].exits(9).stderr_lacks("panicked");
        assert_same(&before, &Tree::of(&plugin.root));
    }
}

#[test]
fn a_circle_of_files_ends_and_a_chain_has_a_limit() {
    let plugin = Plugin::new("x").uv();
    plugin.write("requirements.txt", "-r a.txt\n-r requirements.txt\n");
    plugin.write("a.txt", "-c requirements.txt\n-r ./sub/../a.txt\nalpha\n");
    let check = plugin.check();
    assert_eq!(check["environments"][0]["manifest"]["parts"].as_array().unwrap().len(), 2);
    plugin.write("requirements.txt", "-r 1.txt\n");
    (1..1100).for_each(|n| plugin.write(&format!("{n}.txt"), &format!("-r {}.txt\n", n + 1)));
    refused(&plugin, 6, &["`1000.txt`", "more than 1000 files"]);
}

#[test]
fn a_million_lines_are_refused_and_what_is_just_long_is_read_in_little_memory() {
    let world = World::new(Installer::Uv);
    world.built();
    world.needs(&"b\n".repeat(1_000_000));
    refused(&world.plugin, 6, &["`requirements.txt`", "more than 200000 lines in all"]);
    let enormous = "a".repeat(8 << 20);
    let many: String = (0..199_000).map(|n| format!("b{n}\n")).collect();
    for (text, status) in
        [(many, 10), (enormous.clone(), 10), ("b \\\n".repeat(500_000), 10), (format!("-r {enormous}"), 11)]
    {
        world.needs(&text);
        let page = confined(&world.plugin, &["--check"]).run();
        assert_eq!(page.status.code(), Some(status), "{}", page.stderr);
        assert!(page.stdout.lines().count() < 200 && page.stdout.len() < 20_000, "more than a person reads");
    }
}

#[test]
fn a_name_that_would_lead_out_of_the_data_is_refused() {
    for name in ["..", ".", "a/../../b", "/etc", "a b", ".tools", "\u{1b}[2J"] {
        let plugin = Plugin::new("x").file("a/requirements.txt", "alpha\n").uv();
        plugin.write("plugdeps.toml", &format!("[environments.{}]\ndirectory = 'a'\n", json!(name)));
        refused(&plugin, 5, &["as the name of an environment"]);
        plugin.command(["sync", "--environment", name]).run().exits(5).stderr_lacks("\u{1b}");
    }
}

#[test]
fn a_directory_that_is_a_link_leads_no_requirements_file_out() {
    let plugin = Plugin::new("x").file("requirements.txt", "-r out/more.txt\n").uv();
    fs::write(plugin.project.join("more.txt"), "alpha\n").unwrap();
    symlink(&plugin.project, plugin.root.join("out")).unwrap();
    refused(&plugin, 6, &["`out/more.txt`", "expected a file inside the plugin"]);
}

#[test]
fn a_manifest_that_is_itself_a_link_is_read_and_nothing_is_written_where_it_leads() {
    let world = World::new(Installer::Uv);
    fs::rename(world.plugin.root.join("requirements.txt"), world.plugin.project.join("shared.txt")).unwrap();
    symlink(world.plugin.project.join("shared.txt"), world.plugin.root.join("requirements.txt")).unwrap();
    let before = Tree::of(&world.plugin.project);
    world.serves("1.0");
    assert_same(&before, &Tree::of(&world.plugin.project));
}

/// Where a start looks for what it wrote, relative to the state of `main`; `g` is the current generation.
const STATE: [&str; 8] =
    ["lock", "desk", "builder.log", "profile.json", "failure.json", "builder.json", "g/lease", "g/receipt.json"];
/// Those without which nothing can be built: a start that must not use them says so.
const NEEDED: [&str; 2] = ["lock", "builder.log"];

fn state(world: &World, name: &str) -> std::path::PathBuf {
    match name.strip_prefix("g/") {
        Some(name) => world.plugin.current().unwrap().join(name),
        None => world.plugin.state().join(name),
    }
}

/// Builds, serves, sweeps and looks with something strange in the place of a file of ours, and removes it again.
#[track_caller]
fn lives_with(world: &World, name: &str, what: &str, put: impl Fn(&Path)) {
    let path = state(world, name);
    let _ = fs::remove_file(&path);
    put(&path);
    let says = |value: &str| world.python("import alpha; print(alpha.VALUE)").stdout == format!("alpha {value}\n");
    let needed = NEEDED.contains(&name);
    world.plugin.command(["--check"]).run();
    assert!(says("1.0") || needed, "{name}: the old one");
    // Each time another one, since the one before fits still.
    world.needs(&format!("alpha==2.0 # {name} {what}"));
    let hook = world.plugin.hook();
    hook.ok().stderr_is("");
    assert!(says("2.0") || (needed && hook.stdout.contains(name)), "{name}: the new one; {hook}");
    let _ = world.plugin.command(["prune"]).run();
    let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    world.needs("alpha==1.0");
    world.plugin.command(["sync", "--rebuild"]).run().ok();
    world.serves("1.0");
}

#[test]
fn a_link_in_the_place_of_a_file_of_ours_is_not_followed_to_write() {
    let world = World::new(Installer::Uv);
    world.built();
    let victim = world.plugin.project.join("victim");
    fs::write(&victim, "precious\n").unwrap();
    let before = Tree::of(&world.plugin.project);
    for name in STATE {
        lives_with(&world, name, "a link", |path| symlink(&victim, path).unwrap());
        lives_with(&world, name, "a dangling link", |path| symlink(victim.with_file_name("nothing"), path).unwrap());
        assert_same(&before, &Tree::of(&world.plugin.project));
    }
}

#[test]
fn a_fifo_or_a_directory_in_the_place_of_a_file_of_ours_stops_nobody_for_ever() {
    let world = World::new(Installer::Uv);
    world.built();
    for name in STATE {
        lives_with(&world, name, "a fifo", fifo);
        lives_with(&world, name, "a directory", |path| fs::create_dir(path).unwrap());
    }
}

#[test]
fn a_lock_that_is_a_link_is_refused_with_what_is_in_the_way() {
    let world = World::new(Installer::Uv);
    fs::create_dir_all(world.plugin.state()).unwrap();
    symlink(world.plugin.project.join("made"), world.plugin.state().join("lock")).unwrap();
    let words = ["main/lock`", "a symbolic link is in the way, which is not followed", "`--data`"];
    for args in [["sync"].as_slice(), &["run", "--", "python", "-V"]] {
        let refused = world.plugin.command(args).run();
        words.iter().for_each(|word| _ = refused.exits(4).stdout_is("").stderr_has(word));
    }
    assert!(!world.plugin.project.join("made").exists());
}

#[test]
fn state_of_a_gigabyte_is_absent() {
    let world = World::new(Installer::Uv);
    world.built();
    for name in ["failure.json", "builder.json", "g/inputs.json", "profile.json"] {
        let path = state(&world, name);
        gigabyte(&path);
        let ready = if name == "profile.json" { 10 } else { 0 };
        confined(&world.plugin, &["--check"]).run().exits(ready);
    }
    world.serves("1.0");
}

#[test]
fn no_log_but_ours_is_removed_whatever_lies_beside_it() {
    let world = World::new(Installer::Uv);
    world.built();
    let logs = world.plugin.state().join("logs");
    fs::remove_dir_all(&logs).unwrap();
    symlink(&world.plugin.project, &logs).unwrap();
    let names = (0..20).map(|n| format!("{n:02}.txt")).chain(["0-x.log".into(), ".log".into(), "-1.log".into()]);
    let names: Vec<String> = names.collect();
    names.iter().for_each(|name| fs::write(world.plugin.project.join(name), "precious").unwrap());
    world.plugin.command(["sync", "--rebuild"]).run().ok();
    names.iter().for_each(|name| assert!(world.plugin.project.join(name).exists(), "{name}"));
}

#[test]
fn a_sweep_follows_no_link_out_of_the_data() {
    let world = World::new(Installer::Uv);
    world.built();
    let outside = world.plugin.project.join("g-somebodyelses");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "").unwrap();
    let servers = world.plugin.state().join("servers");
    let _ = fs::remove_dir_all(&servers);
    symlink(&world.plugin.project, &servers).unwrap();
    symlink(&outside, world.plugin.state().join("g-link")).unwrap();
    symlink(&outside, world.plugin.state().join(".new-link")).unwrap();
    world.plugin.command(["prune"]).run().ok();
    world.plugin.command(["sync", "--rebuild"]).run().ok();
    assert!(outside.join("precious").exists());
}

/// Has a directory look as if it belonged to another user: to give one away for real takes the administrator.
const STRANGER: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
int statx(int at, const char *path, int flags, unsigned mask, struct statx *found) {
    static int (*real)(int, const char *, int, unsigned, struct statx *);
    if (!real) real = (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
    int result = real(at, path, flags, mask, found);
    const char *strange = getenv("STRANGE");
    if (result == 0 && strange && path && !strcmp(path, strange)) found->stx_uid = 4242;
    return result;
}
"#;

#[test]
fn what_somebody_else_put_into_data_that_everybody_may_write_is_not_used() {
    let world = World::new(Installer::Uv);
    world.built();
    let library = preload(&world.plugin, "stranger", STRANGER);
    let strange = |place: &Path, args: &[&str]| {
        world.plugin.command(args).env("LD_PRELOAD", &library).env("STRANGE", place).run()
    };
    let run = ["run", "--", "python", "-c", "import alpha; print(alpha.VALUE)"];
    let mode = |mode| fs::set_permissions(&world.plugin.data, PermissionsExt::from_mode(mode)).unwrap();
    for place in [world.plugin.data.join("plugdeps"), world.plugin.state()] {
        mode(0o755);
        strange(&place, &run).ok().stdout_is("alpha 1.0\n");
        mode(0o777);
        world.serves("1.0");
        let words = [place.to_str().unwrap(), "it belongs to user 4242", "`--data`"];
        let before = Tree::of(&world.plugin.data);
        for args in [run.as_slice(), &["sync"], &["env"], &["prune"]] {
            let refused = strange(&place, args);
            words.iter().for_each(|word| _ = refused.exits(4).stdout_is("").stderr_has(word));
        }
        strange(&place, &["session-start"]).ok().stdout_has("it belongs to user 4242").stderr_is("");
        strange(&place, &["--check"]).exits(11).stdout_has("it belongs to user 4242");
        assert_same(&before, &Tree::of(&world.plugin.data));
    }
}

#[test]
fn data_of_another_user_are_refused_by_every_door_and_nothing_is_written() {
    const STRANGER: &str = "54322";
    let Some(world) = somebody::world() else {
        return namespace::skip("hostile", "not root, or there is no interpreter that another user may start");
    };
    let door = |args: &[&str]| started_by(&world, &somebody::words(), args).run();
    door(&["sync"]).ok();
    somebody::give(STRANGER, &world.plugin.data);
    Cmd::new("chmod").args(["-R", "a+rwX"]).arg(&world.plugin.data).run().ok();
    let (before, said) = (Tree::of(&world.plugin.data), format!("it belongs to user {STRANGER}"));
    for args in [&["sync"][..], &["run", "--", "python", "-c", "pass"], &["env"], &["prune"], &["snapshot"]] {
        door(args).exits(4).stdout_is("").stderr_has(&said);
    }
    door(&["session-start"]).ok().stdout_has(&said).stderr_is("");
    door(&["--check"]).exits(11).stdout_has(&said);
    assert_same(&before, &Tree::of(&world.plugin.data));
    somebody::give(somebody::SOMEBODY, &world.plugin.data);
    door(&["prune"]).ok();
    door(&["run", "--", "python", "-c", "import alpha; print(alpha.VALUE)"]).ok().stdout_is("alpha 1.0\n");
}

#[test]
fn data_that_everybody_may_write_or_that_belongs_to_somebody_else_is_named() {
    let world = World::new(Installer::Uv);
    world.built();
    world.plugin.command(["--check"]).run().ok().stdout_lacks("everybody").stdout_lacks("belongs to");
    fs::set_permissions(&world.plugin.data, PermissionsExt::from_mode(0o1777)).unwrap();
    world.plugin.command(["--check"]).run().ok().stdout_has("everybody may write in");
    let library = preload(&world.plugin, "stranger", STRANGER);
    let check = world.plugin.command(["--check"]).env("LD_PRELOAD", &library);
    check.env("STRANGE", world.plugin.data.join(".")).run().stdout_has("belongs to user 4242, who decides");
}

#[test]
fn what_is_made_is_not_everybodys_whatever_the_mask_says() {
    let world = World::new(Installer::Uv);
    let line = "umask 000; exec \"$0\" sync";
    let cmd = world.plugin.bare_command("sh").args(["-c", line]).arg(world.plugin.root.join("bin/plugdeps"));
    let cmd = cmd.env("CLAUDE_PLUGIN_ROOT", &world.plugin.root);
    cmd.env("CLAUDE_PLUGIN_DATA", world.plugin.data.join("new")).run().ok();
    for name in ["new", "new/plugdeps", "new/plugdeps/main"] {
        let mode = fs::metadata(world.plugin.data.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o002, 0, "{name}: {mode:o}");
    }
}

#[test]
fn variables_as_long_as_the_system_allows_are_passed_on() {
    let world = World::new(Installer::Uv);
    // A single string for `exec` has at most 128 KiB, its name and its end included.
    let (long, path) = ("x".repeat(131_000), format!("{}{}", world.plugin.path_dir().display(), ":/x".repeat(40_000)));
    let run = |path: &str| {
        let words = ["run", "--", "python", "-c", "import alpha, os; print(alpha.VALUE, len(os.environ['LONG']))"];
        world.plugin.command(words).env("LONG", &long).env("PATH", path).run()
    };
    run(&path).ok().stdout_is("alpha 1.0 131000\n").stderr_is("");
    // With the environment's programs before it this one is longer than that.
    let longest = format!("{path}{}", ":".repeat(131_050 - path.len()));
    run(&longest).exits(126).stdout_is("").stderr_has("command-unusable").stderr_lacks("panicked");
}

#[test]
fn a_megabyte_of_variables_disturbs_nobody_and_a_place_of_that_length_is_refused_in_a_few_words() {
    let world = World::new(Installer::Uv);
    let long = "x".repeat(125_000);
    let doors = [&["session-start"][..], &["run", "--", "python", "-c", "import alpha"], &["--check"], &["sync"]];
    for args in doors {
        let cmd = (0..9).fold(world.plugin.command(args), |cmd, n| cmd.env(format!("PIP_X{n}"), &long));
        cmd.run().ok().stderr_lacks("panicked");
    }
    for name in ["CLAUDE_PLUGIN_DATA", "CLAUDE_PLUGIN_ROOT", "HOME"] {
        for args in doors {
            let output = world.plugin.command(args).env(name, format!("/{long}")).run();
            let amount = output.stdout.len() + output.stderr.len();
            // A report names the place whole.
            assert!(amount < 50_000 || args == ["--check"], "{name} {args:?} tells all of it");
            output.stderr_lacks("panicked");
        }
    }
}

#[test]
fn a_place_that_is_no_full_path_or_empty_is_skipped_and_named() {
    let world = World::new(Installer::Uv);
    let before = Tree::of(&world.plugin.project);
    for value in ["data", "../data", "./x", "~/.claude"] {
        let start = |args: &[&str]| world.plugin.command(args).env("CLAUDE_PLUGIN_DATA", value).run();
        start(&["session-start"]).ok().silent();
        start(&["--check"]).ok().stdout_has(&format!("CLAUDE_PLUGIN_DATA={value} is no full path"));
        let rooted = world.plugin.command(["--check"]).env("CLAUDE_PLUGIN_ROOT", value).run();
        rooted.stdout_has("the program's own place").stdout_has("is no full path");
    }
    world.plugin.command(["--check"]).env("CLAUDE_PLUGIN_DATA", "").run().ok();
    assert_same(&before, &Tree::of(&world.plugin.project));
}

#[test]
fn a_plugin_whose_place_is_no_unicode_text_serves_and_such_data_are_refused() {
    let mut world = World::new(Installer::Uv);
    let odd = world.plugin.temp().join(OsStr::from_bytes(b"r\xff\x1b[2Jt"));
    fs::rename(&world.plugin.root, &odd).unwrap();
    world.plugin.root = odd;
    world.plugin.command(["session-start"]).run().ok().silent();
    world.serves("1.0");
    world.plugin.data = world.plugin.temp().join(OsStr::from_bytes(b"d\xff"));
    let refused = world.plugin.command(["sync"]).run();
    refused.exits(4).stdout_is("").stderr_has("its name is no Unicode text").stderr_lacks("\u{1b}");
    world.plugin.command(["session-start"]).run().ok().stdout_has("its name is no Unicode text");
    assert!(!world.plugin.data.exists());
}

/// Steers a terminal by its title, its colours, its direction of writing, and by what JSON does not escape.
const EVIL: &str = "\u{1b}]0;owned\u{7}\u{9b}31m\u{7f}\u{202e}";

#[track_caller]
fn harmless(text: &str) {
    let steers = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    assert!(!text.chars().any(steers), "{text:?}");
}

#[test]
fn json_steers_no_terminal_and_means_the_same() {
    let plugin = Plugin::new("x").uv().file("requirements.txt", &format!("alpha # {EVIL}\n"));
    plugin.write(&format!("s{EVIL}/requirements.txt"), "alpha\n");
    let words = json!({ "a": { "command": "python", "args": [format!("./s{EVIL}/server.py")] } });
    plugin.write(".mcp.json", &json!({ "mcpServers": words }).to_string());
    let data = plugin.temp().join(format!("d{EVIL}"));
    for (args, status) in [(["--check", "--json"], 10), (["--check", "--root"], 2)] {
        let said = plugin.command(args).env("CLAUDE_PLUGIN_DATA", &data).run();
        said.exits(status);
        harmless(&said.stdout);
        harmless(&said.stderr);
    }
    let check = plugin.command(["--check", "--json"]).env("CLAUDE_PLUGIN_DATA", &data).run().json();
    assert_eq!(check["data"]["path"], data.to_str().unwrap());
    assert_eq!(check["environments"].as_array().unwrap().len(), 2);
    for args in [["--check"], ["sync"], ["prune"], ["env"], ["session-start"]] {
        let said = plugin.command(args).env("CLAUDE_PLUGIN_DATA", &data).run();
        harmless(&said.stdout);
        harmless(&said.stderr);
    }
}

#[test]
fn a_client_is_told_nothing_that_steers_its_terminal() {
    let world = World::new(Installer::Uv);
    world.plugin.write(".claude-plugin/plugin.json", &json!({ "name": format!("na{EVIL}me") }).to_string());
    let uv = "#!/bin/sh\n[ \"$1\" = --version ] && echo uv 9.9.9 && exit 0\n";
    let uv = format!("{uv}printf 'error: \\033]0;owned\\007 \\302\\233 no\\n'\nexit 1\n");
    let world = World { plugin: world.plugin.no_uv().script("uv", &uv), ..world };
    let mut server = world.plugin.server("plain");
    let greeting = server.initialize();
    let name = greeting["serverInfo"]["name"].as_str().unwrap();
    assert!(name.starts_with("na"), "{name}");
    harmless(name);
    let answer = server.request("tools/call", json!({ "name": "value", "arguments": {} })).unwrap();
    assert_eq!(answer["isError"], true);
    let said = answer["content"][0]["text"].as_str().unwrap();
    assert!(said.contains("the installer said: error: "), "{said}");
    harmless(said);
}

#[test]
fn what_is_said_of_a_mistake_tells_no_password() {
    let mistakes = [
        ("requirements.txt", "-e . --global-option=URL\n"),
        ("requirements.txt", "-r URL\n"),
        ("plugdeps.toml", "installer = 'URL'\n"),
        ("plugdeps.toml", "[environments.'URL']\ndirectory = 'a'\n"),
        ("pyproject.toml", "'URL' = 1\n'URL' = 2\n"),
        ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['-i URL']\n"),
    ];
    for (name, text) in mistakes {
        let plugin = Plugin::new("x").file(name, &text.replace("URL", "https://me:hunter2@h/s")).uv();
        for args in [["--check"].as_slice(), &["--check", "--json"]] {
            let said = plugin.command(args).run();
            let said = said.stdout + &said.stderr;
            assert!(said.contains("https://****@h/s") && !said.contains("hunter2"), "{text}: {said}");
        }
    }
}
