//! Servers in JavaScript: from the shipped hooks and `.mcp.json` to the answer of a tool, with every manager of packages.
//!
//! The packages come from npm once, and from its cache afterwards.

use crate::support::host::copy_tree;
use crate::support::namespace::skip;
use crate::support::*;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A Node in which names are resolved the older way.
const OLD_NODE: &str = "22.12.0";

/// A plugin from a fixture, with `node` on PATH and the npm cache that all these tests share.
fn plugin(fixture: &str) -> Option<Plugin> {
    plugin_at(fixture, "", None)
}

fn plugin_at(fixture: &str, below: &str, node: Option<PathBuf>) -> Option<Plugin> {
    let node = match node.map_or_else(node::program, Ok) {
        Ok(node) => node,
        Err(why) => {
            skip("node", &why);
            return None;
        }
    };
    let plugin = Plugin::at(fixture, below).fixture(fixture).shipped_hooks().node(&node);
    Some(plugin)
}

fn asked(plugin: &Plugin) -> Value {
    let mut server = plugin.server("notes");
    server.initialize();
    let said = text_of(&server.call_tool("where", json!({})));
    assert_eq!(server.list_tools().len(), 2);
    serde_json::from_str(&said).unwrap()
}

/// A plugin that needs one package and, for its developers, another one; and a script that says what it finds.
fn small() -> Option<Plugin> {
    let plugin = plugin("node-esm")?;
    let package =
        json!({ "type": "module", "dependencies": { "zod": "3.25.76" }, "devDependencies": { "is-number": "7.0.0" } });
    let locked =
        |version: &str, integrity: &str, dev: bool| json!({ "version": version, "integrity": integrity, "dev": dev });
    let packages = json!({
        "": package,
        "node_modules/zod": locked("3.25.76", ZOD, false),
        "node_modules/is-number": locked("7.0.0", IS_NUMBER, true),
    });
    plugin.write("package.json", &package.to_string());
    plugin.write("package-lock.json", &json!({ "lockfileVersion": 3, "packages": packages }).to_string());
    plugin.write("main.js", MAIN);
    Some(plugin)
}

const ZOD: &str = "sha512-gzUt/qt81nXsFGKIFcC3YnfEAx5NkunCfnDlvuBSSFS02bcXu4Lmea0AFIUwbLWxWPx3d9p8S5QoaujKcNQxcQ==";
const IS_NUMBER: &str =
    "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==";
const MAIN: &str = "import { createRequire } from 'node:module'\n\
    import { z } from 'zod'\n\
    const dev = await import('is-number').then(() => true, () => false)\n\
    const required = createRequire(import.meta.url).resolve('zod')\n\
    console.log(JSON.stringify({ found: typeof z.string, imported: import.meta.resolve('zod'), required, dev }))\n";

/// What the script of a [`small`] plugin says.
fn told(plugin: &Plugin) -> Value {
    let script = plugin.root.join("main.js");
    let said = plugin.command(["run", "--", "node", script.to_str().unwrap()]).run().ok().json();
    assert_eq!(said["found"], "function");
    said
}

fn echoed(plugin: &Plugin) -> String {
    let mut server = plugin.server("notes");
    server.initialize();
    text_of(&server.call_tool("echo", json!({ "text": "hello" })))
}

fn read_only(path: &Path, yes: bool) {
    let mode = if yes { "a-w" } else { "u+w" };
    let changed = std::process::Command::new("chmod").args(["-R", mode]).arg(path).status().unwrap();
    assert!(changed.success());
}

#[test]
fn an_esm_server_finds_its_packages_from_a_plugin_that_is_read_only_and_has_spaces_in_its_path() {
    let Some(plugin) = plugin_at("node-esm", "a b/ü'c", None) else { return };
    read_only(&plugin.root, true);
    let before = Tree::of(&plugin.root);
    for _ in 0..2 {
        let said = asked(&plugin);
        let modules = fs::canonicalize(plugin.data.join("node_modules")).unwrap();
        let file = |url: &Value| PathBuf::from(percent_decoded(url.as_str().unwrap().strip_prefix("file://").unwrap()));
        assert_eq!(file(&said["file"]), plugin.root.join("server.js"));
        assert!(file(&said["imported"]).starts_with(&modules), "{said}");
        assert!(Path::new(said["required"].as_str().unwrap()).starts_with(&modules), "{said}");
        assert_eq!(said["dev"], json!(false));
    }
    assert_same(&before, &Tree::of(&plugin.root));
    plugin.hook().ok().silent();
    read_only(&plugin.root, false);
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, ..]) => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap());
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_commonjs_server_finds_the_same_packages() {
    let Some(plugin) = plugin("node-cjs") else { return };
    plugin.hook().ok().silent();
    let said = asked(&plugin);
    assert_eq!(said["file"], plugin.root.join("server.js").to_str().unwrap());
    assert!(said["required"].as_str().unwrap().contains("/env/node_modules/zod/"), "{said}");
    assert_eq!((&said["main"], &said["same"]), (&json!(true), &json!(true)));
}

#[test]
fn a_typescript_file_runs_where_node_strips_types_itself() {
    let node = node::of("24");
    let Some(plugin) = plugin_at("typescript", "", Some(node)) else { return };
    assert_eq!(echoed(&plugin), "HELLO");
    assert_eq!(echoed(&plugin), "HELLO");
}

#[test]
fn older_and_newer_nodes_resolve_alike() {
    for version in [OLD_NODE, "24"] {
        let Some(plugin) = small() else { return };
        plugin.link_as("node", &node::of(version));
        let said = told(&plugin);
        for place in ["imported", "required"] {
            assert!(said[place].as_str().unwrap().contains("/env/node_modules/zod/"), "Node {version}: {said}");
        }
    }
}

#[test]
fn what_the_environment_lacks_is_looked_for_from_the_file_that_asks_and_missed_by_its_name() {
    for version in [OLD_NODE, "24"] {
        let Some(plugin) = small() else { return };
        plugin.link_as("node", &node::of(version));
        plugin.write("node_modules/beside/package.json", "{ \"name\": \"beside\", \"main\": \"index.js\" }");
        plugin.write("node_modules/beside/index.js", "exports.place = 'beside'");
        let files = [
            ("found.mjs", "import { place } from 'beside'; console.log(place)"),
            ("found.cjs", "console.log(require('beside').place)"),
            ("missed.mjs", "import 'missed'"),
            ("missed.cjs", "require('missed')"),
            ("later.cjs", "import('missed')"),
        ];
        for (file, text) in files {
            plugin.write(file, text);
            let path = plugin.root.join(file).display().to_string();
            let said = plugin.run(["node", &path]);
            if file.starts_with("found") {
                said.ok().stdout_is("beside\n");
            } else {
                said.exits(1).stderr_has("'missed'").stderr_has(&path);
                assert!(!said.stderr.contains("/env/index.js"), "Node {version} names our file: {said}");
            }
        }
    }
}

#[test]
fn a_command_of_the_package_itself_runs_from_the_plugin_with_the_packages_of_pnpm() {
    let Some(plugin) = plugin("node-pnpm") else { return };
    plugin.command(["sync"]).run().ok();
    let said = asked(&plugin);
    assert_eq!(said["file"], format!("file://{}", plugin.root.join("dist/cli.js").display()));
    assert!(plugin.node_installer().starts_with("pnpm 10."), "{}", plugin.node_installer());
}

#[test]
fn a_server_from_npm_is_pinned_by_the_plugin_and_started_by_its_name() {
    let Some(plugin) = plugin("npm-server") else { return };
    plugin.command(["sync"]).run().ok();
    // From now on there is no network.
    let plugin = plugin.env("npm_config_registry", "http://127.0.0.1:9/").env("npm_config_offline", "true");
    for _ in 0..2 {
        let mut server = plugin.server("everything");
        server.initialize();
        assert!(server.list_tools().contains(&"echo".to_owned()));
        let said = text_of(&server.call_tool("echo", json!({ "message": "hello" })));
        assert!(said.contains("hello"), "{said}");
    }
}

#[test]
fn each_manager_installs_what_its_lock_says_and_nothing_for_developers() {
    for manager in [Manager::Npm, Manager::Pnpm, Manager::Yarn, Manager::Berry, Manager::Bun] {
        let Some(plugin) = small() else { return };
        fs::remove_file(plugin.root.join("package-lock.json")).unwrap();
        plugin.lock(manager);
        let before = Tree::of(&plugin.root);
        assert_eq!(told(&plugin)["dev"], json!(false), "{manager:?}");
        let installer = plugin.node_installer();
        assert!(installer.starts_with(manager.command()), "{manager:?}: {installer}");
        assert_eq!(installer.starts_with("yarn 1."), manager == Manager::Yarn, "{installer}");
        assert_same(&before, &Tree::of(&plugin.root));
    }
}

#[test]
fn without_a_lock_npm_resolves_and_what_it_resolved_is_kept() {
    let Some(plugin) = small() else { return };
    fs::remove_file(plugin.root.join("package-lock.json")).unwrap();
    told(&plugin);
    let kept = fs::read_to_string(plugin.node_generation().join("package-lock.json")).unwrap();
    assert!(kept.contains("node_modules/zod"), "{kept}");
    assert!(!plugin.root.join("package-lock.json").exists());
    plugin
        .command(["check"])
        .run()
        .ok()
        .stdout_has("package.json (package-json)")
        .stdout_has("npm install --package-lock-only");
}

#[test]
fn what_the_host_has_installed_is_used_and_nothing_is_installed() {
    for manager in [Manager::Npm, Manager::Bun] {
        let Some(plugin) = small() else { return };
        if manager == Manager::Bun {
            fs::remove_file(plugin.root.join("package-lock.json")).unwrap();
            plugin.lock(manager);
        }
        node::host_installs(&plugin.root, manager);
        plugin.hook().ok().silent();
        let said = told(&plugin);
        assert!(
            said["required"].as_str().unwrap().starts_with(plugin.root.join("node_modules/zod").to_str().unwrap()),
            "{manager:?}: {said}"
        );
        assert_eq!(fs::read_dir(&plugin.data).unwrap().count(), 0, "{manager:?}");
        plugin.command(["sync"]).run().ok().stderr_has("the host has installed");
        plugin.command(["check"]).run().ok().stdout_has("the host has installed all that the lock names");
    }
}

#[test]
fn of_a_tree_that_the_host_did_not_finish_nothing_is_used() {
    let spoils: [fn(&Plugin); 3] = [
        |plugin| fs::remove_dir_all(plugin.root.join("node_modules/zod")).unwrap(),
        // npm's word that it has finished.
        |plugin| fs::remove_file(plugin.root.join("node_modules/.package-lock.json")).unwrap(),
        // A tree for another lock.
        |plugin| {
            let known = plugin.root.join("node_modules/.package-lock.json");
            let text = fs::read_to_string(&known).unwrap();
            fs::write(known, text.replacen("\"version\": \"3.", "\"version\": \"2.", 1)).unwrap();
        },
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let Some(plugin) = small() else { return };
        node::host_installs(&plugin.root, Manager::Npm);
        spoil(&plugin);
        let said = told(&plugin);
        for place in ["imported", "required"] {
            assert!(said[place].as_str().unwrap().contains("/env/node_modules/zod/"), "{number}: {said}");
        }
    }
}

#[test]
fn scripts_of_packages_run_only_if_the_author_says_so() {
    for (setting, runs) in
        [("", [false, false]), ("scripts = true", [true, true]), ("scripts = ['one']", [true, false])]
    {
        let Some(plugin) = plugin("node-esm") else { return };
        fs::remove_file(plugin.root.join("package-lock.json")).unwrap();
        for name in ["one", "two"] {
            let script = "require('fs').writeFileSync('ran', '')";
            let package = json!({ "name": name, "version": "1.0.0", "scripts": { "postinstall": "node run.js" } });
            node::pack(&plugin.root.join(format!("vendor/{name}.tgz")), &package, &[("run.js", script)]);
        }
        let dependencies = json!({ "one": "file:vendor/one.tgz", "two": "file:vendor/two.tgz" });
        plugin.write("package.json", &json!({ "dependencies": dependencies }).to_string());
        // The setting alone makes it another environment.
        plugin.command(["sync"]).run().ok();
        plugin.write("plugdeps.toml", setting);
        plugin.command(["sync"]).run().ok();
        let modules = plugin.node_generation().join("env/node_modules");
        assert_eq!(["one", "two"].map(|name| modules.join(name).join("ran").exists()), runs, "{setting}");
    }
}

#[test]
fn a_node_that_the_author_does_not_want_is_not_taken() {
    let Some(plugin) = plugin("node-esm") else { return };
    let package = fs::read_to_string(plugin.root.join("package.json")).unwrap();
    plugin.write("package.json", &package.replace(">=18", ">=99"));
    let output = plugin.command(["sync"]).run();
    output.stderr_has("find a Node that satisfies `>=99`").stderr_has("`>=99` is wanted");
}

#[test]
fn a_child_that_the_server_starts_finds_the_packages_as_well() {
    let Some(plugin) = small() else { return };
    let parent = "import { spawnSync } from 'node:child_process'\nimport { fileURLToPath } from 'node:url'\n\
                  const main = fileURLToPath(new URL('main.js', import.meta.url))\n\
                  process.stdout.write(spawnSync('node', [main]).stdout)\n";
    plugin.write("parent.mjs", parent);
    let file = plugin.root.join("parent.mjs");
    let said = plugin.command(["run", "--", "node", file.to_str().unwrap()]).run().ok().json();
    assert_eq!(said["found"], "function");
}

#[test]
fn a_plugin_whose_javascript_needs_no_package_has_nothing_to_install() {
    let Some(plugin) = plugin("node-esm") else { return };
    plugin.write("package.json", "{\"type\":\"module\",\"devDependencies\":{\"is-number\":\"7.0.0\"}}");
    plugin.hook().ok().silent();
    assert_eq!(fs::read_dir(&plugin.data).unwrap().count(), 0);
    plugin.command(["check"]).run().ok();
}

#[test]
fn a_python_and_a_node_server_of_one_plugin_are_built_side_by_side_and_fail_alone() {
    let index = Packages::of(&[("alpha", "1.0")]);
    let Some(plugin) = plugin("python-and-node") else { return };
    let plugin = plugin.index(&index).uv();
    index.hold("alpha", Duration::from_secs(4));
    let states = ["main", "web-node"].map(|name| plugin.data.join("plugdeps").join(name));
    let hook = plugin.hook_cmd().spawn();
    let builds = || states.iter().all(|state| state.join("builder.json").is_file());
    wait_until("both are being built", Duration::from_secs(20), builds);
    assert!(states.iter().all(|state| !state.join("profile.json").exists()), "one waited for the other");
    hook.wait().ok().silent();
    assert_eq!(value_of(&mut plugin.server("numbers")), "alpha 1.0");
    assert_eq!(echoed(&plugin), "hello");

    plugin.write("web/package-lock.json", "{}");
    plugin.hook().ok().stdout_has("could not be installed");
    assert_eq!(value_of(&mut plugin.server("numbers")), "alpha 1.0");
    plugin.write("requirements.txt", "alpha==9.0\n");
    plugin.write(
        "web/package-lock.json",
        &fs::read_to_string(fixture("python-and-node").join("web/package-lock.json")).unwrap(),
    );
    assert_eq!(echoed(&plugin), "hello");
    plugin.command(["sync"]).run().stderr_has("no version of a package satisfies the manifest");
}

#[test]
fn one_directory_may_hold_manifests_for_both() {
    let index = Packages::of(&[("alpha", "1.0")]);
    let Some(plugin) = small() else { return };
    let plugin = plugin.index(&index).uv().file("requirements.txt", "alpha==1.0\n");
    plugin.command(["sync"]).run().ok().stderr_has("environment main: built").stderr_has("environment node: built");
    assert_eq!(told(&plugin)["found"], "function");
    let python = plugin.command(["run", "--", "python", "-c", "import alpha; print(alpha.VALUE)"]);
    python.run().ok().stdout_is("alpha 1.0\n");
    let bare =
        plugin.command(["run", "--environment", "node", "--", "sh", "-c", "node -p 'typeof require(\"zod\").z'"]);
    bare.run().ok().stdout_is("object\n");
}

#[test]
fn an_aggregating_proxy_from_npm_serves_what_is_behind_it() {
    let Some(plugin) = plugin("npm-proxy") else { return };
    plugin.command(["sync"]).run().ok();
    for _ in 0..2 {
        let mut server = plugin.server("hub");
        server.set_timeout(Duration::from_secs(60)).initialize();
        let said = server.call_tool("everything__echo", json!({ "message": "hello" }));
        assert!(text_of(&said).contains("hello"), "{said}");
        assert!(server.list_tools().iter().all(|tool| tool.starts_with("everything__")));
    }
}

#[test]
fn the_lock_of_a_package_is_left_to_its_manager() {
    let Some(plugin) = small() else { return };
    let before = Tree::of(&plugin.root);
    for words in [&["lock"][..], &["lock", "--check"]] {
        let output = plugin.command(words).run();
        output.ok().stderr_has("environment node: its lock is for the manager of its packages to write");
    }
    assert_same(&before, &Tree::of(&plugin.root));
    fs::remove_file(plugin.root.join("package-lock.json")).unwrap();
    plugin.command(["lock"]).run().ok().stderr_has("`npm install --package-lock-only` does");
    let none = plugin.command(["lock", "--check"]).run();
    none.exits(16).stderr_has("use a lock of `package.json`").stderr_has("there is none");
}

#[test]
fn a_plugin_on_another_file_system_than_its_data_finds_its_packages() {
    let Some(plugin) = small() else { return };
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
        return skip("node", "there is no /dev/shm here");
    };
    let root = elsewhere.path().join("a root");
    copy_tree(&plugin.root, &root);
    let flags = ["--root", root.to_str().unwrap(), "--data", plugin.data.to_str().unwrap()];
    let script = root.join("main.js");
    let said = plugin.bare_command(root.join("bin/plugdeps")).arg("run").args(flags).args(["--", "node"]).arg(&script);
    let said = said.run().ok().json();
    for place in ["imported", "required"] {
        assert!(said[place].as_str().unwrap().contains("/env/node_modules/zod/"), "{said}");
    }
}

#[test]
fn data_behind_a_link_and_a_plugin_behind_one_are_found_as_any_other() {
    let Some(plugin) = small() else { return };
    let links = ["data", "root"].map(|name| plugin.temp().join(format!("link to {name}")));
    std::os::unix::fs::symlink(&plugin.data, &links[0]).unwrap();
    std::os::unix::fs::symlink(&plugin.root, &links[1]).unwrap();
    for (data, root) in [(&links[0], &plugin.root), (&plugin.data, &links[1]), (&links[0], &links[1])] {
        let flags = ["--root", root.to_str().unwrap(), "--data", data.to_str().unwrap()];
        let run = plugin.bare_command(root.join("bin/plugdeps")).arg("run").args(flags).args(["--", "node"]);
        let said = run.arg(root.join("main.js")).run().ok().json();
        for place in ["imported", "required"] {
            assert!(said[place].as_str().unwrap().contains("/env/node_modules/zod/"), "{said}");
        }
    }
}

#[test]
fn a_server_that_misses_a_package_is_told_by_its_error_and_not_by_the_last_line_of_node() {
    let Some(plugin) = small() else { return };
    plugin.write("main.js", "import 'nowhere'\n");
    plugin.sync().ok();
    let script = plugin.root.join("main.js");
    let mut server = McpClient::spawn(plugin.command(["run", "--", "node", script.to_str().unwrap()]).into_command());
    server.send_line(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#);
    let told = server.recv(Duration::from_secs(30)).unwrap()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'nowhere'"), "{told}");
    assert!(told.ends_with("if it misses a package, let its manifest name that"), "{told}");
}

#[test]
fn a_package_whose_script_does_not_run_is_named() {
    let Some(plugin) = small() else { return };
    let lock = fs::read_to_string(plugin.root.join("package-lock.json")).unwrap();
    plugin.write("package-lock.json", &lock.replace(r#""version":"#, r#""hasInstallScript":true,"version":"#));
    let check = || plugin.command(["--check"]).run();
    let note =
        "`zod` has a script for its installation, which does not run: `scripts = [\"zod\"]` in the configuration";
    check().stdout_has(note).stdout_lacks("`is-number` has a script");
    plugin.write("plugdeps.toml", "scripts = ['zod']\n");
    check().stdout_lacks("has a script");
}

#[test]
fn where_an_update_moved_node_and_nothing_can_be_built_the_packages_that_are_there_serve_with_the_new_one() {
    let registry = Registry::usual();
    let plugin = Plugin::locking(Manager::Npm, &[("alpha", "^1.0.0")], &registry);
    // As Homebrew has it: a link that is on no PATH, to a place for each version.
    let (versions, link) = (plugin.home.join("Cellar/node"), plugin.home.join(".local/bin/node"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    let installs = |version: &str| {
        private_node(&versions.join(version));
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(versions.join(version).join("bin/node"), &link).unwrap();
    };
    installs("20.1.0");
    fs::remove_file(plugin.path_dir().join("node")).unwrap();
    plugin.sync().ok();
    let built = plugin.node_generation();

    installs("20.2.0");
    fs::remove_dir_all(versions.join("20.1.0")).unwrap();
    fs::remove_dir_all(plugin.home.join(".npm")).unwrap();
    drop(registry);
    let plugin = plugin.env("npm_config_fetch_retries", "0");
    // Once it has tried to build, and once it leaves that alone.
    for _ in 0..2 {
        let said = plugin.node_says(
            "const own = require('child_process').execFileSync('node', ['-p', 'process.execPath'])\n\
             console.log([require.resolve('alpha'), process.execPath, own].join(' '))",
        );
        let words: Vec<_> = said.split_whitespace().map(Path::new).collect();
        let new = versions.join("20.2.0/bin/node");
        assert_eq!(words, [&built.join("env/node_modules/alpha/index.js"), &new, &new], "{said}");
    }
    plugin.command(["--check"]).run().stdout_has("is gone");
}
