//! Servers that say themselves what they need, in a `script` block (PEP 723), with a lock and without.

use crate::support::*;
use serde_json::json;
use std::fs;

/// Tells which `alpha` it sees.
const TELL: &str = "import alpha; print(alpha.VALUE)\n";

/// A script whose block is this TOML, and which tells which `alpha` it sees.
fn script(toml: &str) -> String {
    let block: String = toml.lines().map(|line| format!("# {line}\n")).collect();
    format!("#!/usr/bin/env -S uv run --script\n# /// script\n{block}# ///\n{TELL}")
}

/// `.mcp.json` for these scripts, each a server of its own.
fn mcp_json(scripts: &[&str]) -> String {
    let server = |script: &&str| {
        let args = json!(["run", "--", "python", format!("${{CLAUDE_PLUGIN_ROOT}}/{script}")]);
        (script.replace('/', "-"), json!({ "command": "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps", "args": args }))
    };
    let servers: serde_json::Map<_, _> = scripts.iter().map(server).collect();
    json!({ "mcpServers": servers }).to_string()
}

/// A plugin of these scripts, each with its block, and an index with `alpha` 1.0 to 4.0.
fn world(installer: Installer, scripts: &[(&str, &str)]) -> World {
    let world = World::with(installer, Plugin::new("scripts").shipped_hooks());
    fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
    scripts.iter().for_each(|(name, toml)| world.plugin.write(name, &script(toml)));
    let names: Vec<&str> = scripts.iter().map(|(name, _)| *name).collect();
    world.plugin.write(".mcp.json", &mcp_json(&names));
    world
}

/// What a script says when its server's line starts it.
#[track_caller]
fn says(world: &World, script: &str) -> String {
    world.plugin.server_cmd(&script.replace('/', "-")).run().ok().stdout.trim_end().to_owned()
}

/// The environments by name, and what each reads.
fn manifests(world: &World) -> Vec<(String, String)> {
    let check = world.plugin.check();
    let environments = check["environments"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    environments.map(|e| (text(&e["name"]), text(&e["manifest"]["path"]))).collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect()
}

#[track_caller]
fn adds(plugin: &Plugin) {
    let before = Tree::of(&plugin.root);
    plugin.hook().ok().silent();
    let mut server = plugin.server("sdk");
    server.initialize();
    assert_eq!(server.list_tools(), ["where", "add"]);
    assert_eq!(text_of(&server.call_tool("add", json!({ "a": 2, "b": 3 }))), "5");
    assert_same(&before, &Tree::of(&plugin.root));
}

#[test]
fn a_server_that_says_itself_what_it_needs_answers_in_its_first_session() {
    let index = Index::serve(&tools::mcp_wheels());
    for installer in BOTH {
        let plugin = Plugin::new("x").fixture("script").index(&index).env("PYTHONDONTWRITEBYTECODE", "1");
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        adds(&plugin);
        let check = plugin.check();
        let environment = &check["environments"][0];
        assert_eq!((&environment["name"], &environment["manifest"]["kind"]), (&json!("main"), &json!("script")));
        assert_eq!(environment["manifest"]["parts"].as_array().unwrap().len(), 1, "{environment:#}");
    }
}

#[test]
fn a_server_with_a_lock_beside_it_answers_with_what_is_locked_whether_there_is_uv_or_not() {
    for installer in BOTH {
        let plugin = Plugin::new("x").fixture("script-lock").online().env("PYTHONDONTWRITEBYTECODE", "1");
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        adds(&plugin);
        let check = plugin.check();
        let environment = &check["environments"][0];
        assert_eq!(
            (&environment["name"], &environment["manifest"]["kind"]),
            (&json!("servers"), &json!("script-lock"))
        );
        let lock = fs::read_to_string(fixture("script-lock").join("servers/sdk.py.lock")).unwrap();
        for package in plugin.installed() {
            let (name, version) = package.split_once("==").unwrap();
            let name = name.replace('_', "-");
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{package}");
        }
    }
}

#[test]
fn only_the_block_counts_and_of_it_what_decides_the_packages() {
    let toml = "dependencies = ['alpha<2']\nrequires-python = '>=3.8'\n[tool.ruff]\nline-length = 1";
    let world = world(Installer::Uv, &[("server.py", toml)]);
    world.built();
    let text = script(toml);
    for (old, new) in [
        (TELL, "print('another')\n"),
        ("line-length = 1", "line-length = 2"),
        ("#!/usr/bin/env -S uv run --script\n", "#!/usr/bin/python3\n\n# a comment\n"),
        ("['alpha<2']", "[\n#   'alpha<2', # pinned\n# ]"),
        ("\n", "\r\n"),
    ] {
        assert!(text.contains(old), "{old}");
        world.plugin.write("server.py", &text.replace(old, new));
        assert_eq!(world.plugin.verdict(), "ready", "{new}");
    }
    world.plugin.write("server.py", &text.replace(">=3.8", ">=3.9"));
    assert_eq!(world.plugin.verdict(), "would-build");
    world.plugin.write("server.py", &text.replace("alpha<2", "alpha<3"));
    assert!(world.plugin.why().contains("`server.py` changed: line 3 `alpha<3` is new"), "{}", world.plugin.why());
    assert_eq!(says(&world, "server.py"), "alpha 2.0");
}

#[test]
fn a_block_is_the_last_that_is_asked_in_its_directory() {
    let world = world(Installer::Uv, &[("server.py", "dependencies = ['alpha==1.0']")]);
    assert_eq!(manifests(&world), named(&[("main", "server.py")]));
    world.plugin.command(["--check"]).run().stdout_lacks("not used");
    world.plugin.write("pyproject.toml", "[tool.ruff]\nline-length = 1\n");
    assert_eq!(manifests(&world), named(&[("main", "server.py")]));
    world.plugin.write("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\ndependencies = ['alpha==2.0']\n");
    assert_eq!(manifests(&world), named(&[("main", "pyproject.toml")]));
    let told = "`server.py` has a `script` block, which is not used: `pyproject.toml` is";
    world.plugin.command(["--check"]).run().stdout_has(told);
    assert_eq!(says(&world, "server.py"), "alpha 2.0");
    world.needs("alpha==3.0");
    assert_eq!(manifests(&world), named(&[("main", "requirements.txt")]));
}

#[test]
fn a_script_in_another_directory_has_an_environment_of_its_own_before_what_lies_above_it() {
    let world = world(Installer::Uv, &[("servers/a/main.py", "dependencies = ['alpha==1.0']"), ("b.py", "")]);
    world.plugin.write("b.py", TELL);
    world.needs("alpha==2.0");
    world.plugin.write("servers/requirements.txt", "alpha==3.0\n");
    assert_eq!(manifests(&world), named(&[("main", "requirements.txt"), ("servers-a", "servers/a/main.py")]));
    assert_eq!((says(&world, "servers/a/main.py").as_str(), says(&world, "b.py").as_str()), ("alpha 1.0", "alpha 2.0"));
    world.plugin.write("servers/a/main.py", TELL);
    assert_eq!(manifests(&world), named(&[("main", "requirements.txt"), ("servers", "servers/requirements.txt")]));
    assert_eq!(says(&world, "servers/a/main.py"), "alpha 3.0");
}

#[test]
fn two_scripts_in_one_directory_have_an_environment_each() {
    for installer in BOTH {
        let blocks = [
            ("a.py", "dependencies = ['alpha==1.0']"),
            ("b.py", "dependencies = ['alpha==2.0']"),
            ("more/c.py", "dependencies = ['alpha==3.0']"),
            ("more/main.py", "dependencies = ['alpha==4.0']"),
        ];
        let world = world(installer, &blocks);
        let environments = [("main", "a.py"), ("b", "b.py"), ("more", "more/c.py"), ("more-main", "more/main.py")];
        assert_eq!(manifests(&world), named(&environments));
        world.plugin.hook().ok().silent();
        for (number, (script, _)) in blocks.iter().enumerate() {
            assert_eq!(says(&world, script), format!("alpha {}.0", number + 1), "{script}");
        }
        // A script without a block lives in the first of its directory.
        world.plugin.write("plain.py", TELL);
        let plain = world.plugin.root.join("plain.py");
        world.plugin.run(["python", plain.to_str().unwrap()]).ok().stdout_is("alpha 1.0\n");
    }
}

#[test]
fn one_script_with_a_broken_block_does_not_keep_another_from_its_packages() {
    let world = world(Installer::Uv, &[("a.py", "dependencies = 'alpha'"), ("b.py", "dependencies = ['alpha==2.0']")]);
    let output = world.plugin.sync();
    output.exits(6).stderr_has("error[manifest-invalid]: read `a.py`");
    output.stderr_has("`dependencies`: expected an array of strings").stderr_has("the `script` block of line 2");
    assert_eq!(says(&world, "b.py"), "alpha 2.0");
    world.plugin.server_cmd("a.py").run().exits(6).stdout_is("");
}

#[test]
fn a_block_that_cannot_be_read_is_an_error_with_its_line_and_what_was_expected() {
    let good = script("dependencies = ['alpha']");
    for (text, cause) in [
        (script("dependencies = [alpha]"), "line 3, column 19: expected a value: text must be quoted"),
        (script("dependencies = []\ndependencies = []"), "line 4, column 3: expected each key once"),
        (script("requires-python = 3"), "`requires-python`: expected a string"),
        (script("dependencies = ['-e .']"), "`dependencies`: expected requirements such as"),
        (format!("{good}\n{good}"), "line 8: expected one `script` block, found another in line 2"),
        (good.replace("# ///\n", "\n"), "line 4: expected `# ///`, which ends the `script` block of line 2"),
        (good.replace("# dep", "#dep"), "line 3: expected `# ///`, which ends the `script` block of line 2"),
    ] {
        let world = world(Installer::Uv, &[("server.py", "")]);
        world.plugin.write("server.py", &text);
        world.plugin.sync().exits(6).stderr_has("read `server.py`").stderr_has(cause);
        assert_eq!(world.plugin.verdict(), "cannot-build");
        world.plugin.hook().ok().stdout_has("its packages could not be installed: read `server.py`");
    }
    let world = world(Installer::Uv, &[("server.py", "")]);
    let bytes = good.replace("'alpha'", "'\u{e9}'").into_bytes();
    let latin: Vec<u8> = bytes.into_iter().filter(|byte| *byte != 0xc3).collect();
    fs::write(world.plugin.root.join("server.py"), latin).unwrap();
    world.plugin.sync().exits(6).stderr_has("line 3: expected UTF-8 text");
}

#[test]
fn what_is_around_a_block_need_not_be_text_nor_short() {
    let world = world(Installer::Uv, &[("server.py", "")]);
    let mut bytes = b"\xef\xbb\xbf# -*- coding: latin-1 -*-\r\n# caf\xe9\r\n".to_vec();
    bytes.extend(script("dependencies = ['alpha==2.0']").replace('\n', "\r\n").into_bytes());
    bytes.extend(vec![b'#'; 40_000_000]);
    fs::write(world.plugin.root.join("server.py"), bytes).unwrap();
    world.built();
    world.serves("2.0");
}

#[test]
fn the_configuration_can_name_a_script() {
    let world = world(Installer::Uv, &[("server.py", "dependencies = ['alpha==1.0']")]);
    world.needs("alpha==2.0");
    world.plugin.write("tools/job.py", &script("dependencies = ['alpha==3.0']"));
    world.plugin.write("plugdeps.toml", "manifest = 'server.py'\n");
    assert_eq!(says(&world, "server.py"), "alpha 1.0");
    world.plugin.write(
        "plugdeps.toml",
        "[environments.one]\nmanifest = 'server.py'\n[environments.two]\ndirectory = 'tools'\nmanifest = 'job.py'\n",
    );
    assert_eq!(manifests(&world), named(&[("one", "server.py"), ("two", "tools/job.py")]));
    let job = world.plugin.root.join("tools/job.py");
    world.plugin.run(["python", job.to_str().unwrap()]).ok().stdout_is("alpha 3.0\n");
    for (name, cause) in [("gone.py", "there is no such file"), ("plain.py", "it has no `script` block")] {
        world.plugin.write("plain.py", TELL);
        world.plugin.write("plugdeps.toml", &format!("manifest = '{name}'\n"));
        world.plugin.sync().exits(6).stderr_has(&format!("read `{name}`")).stderr_has(cause).stderr_has("# /// script");
    }
}

#[test]
fn the_python_that_a_block_demands_is_the_one_that_is_looked_for() {
    let world = world(Installer::Uv, &[("server.py", "dependencies = ['alpha']\nrequires-python = '>=3.99'")]);
    world.plugin.sync().exits(7).stderr_has("3.99");
}

#[test]
fn what_a_block_says_to_uv_is_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    alpha("1.5").write(elsewhere.path());
    let private = Index::serve(elsewhere.path());
    let says = |toml: &str| {
        let world = world(Installer::Uv, &[("server.py", toml)]);
        let said = says(&world, "server.py");
        assert!(world.plugin.check()["environments"][0]["current"]["installer"].as_str().unwrap().starts_with("uv "));
        said
    };
    let index = format!("[[tool.uv.index]]\nname = 'own'\nurl = '{}'\nexplicit = true", private.url());
    let source = format!("dependencies = ['alpha']\n[tool.uv.sources]\nalpha = {{ index = 'own' }}\n{index}");
    assert_eq!(says(&source), "alpha 1.5");
    assert_eq!(says("dependencies = ['alpha']\n[tool.uv]\nconstraint-dependencies = ['alpha<3']"), "alpha 2.0");
}

#[test]
fn a_block_that_only_uv_can_follow_is_not_given_to_pip() {
    let world = world(Installer::Pip, &[("server.py", "dependencies = ['alpha']\n[tool.uv]\nno-index = true")]);
    world.plugin.write("plugdeps.toml", "installer = 'pip'\n");
    let check = world.plugin.check();
    let rejected = check["environments"][0]["installer"]["rejected"].to_string();
    assert!(rejected.contains("only uv can install what `server.py` says"), "{check:#}");
    assert!(check["environments"][0]["installer"]["chosen"].as_str().unwrap().starts_with("uv "), "{check:#}");
}

#[test]
fn a_wheel_beside_a_script_is_named_relative_to_it() {
    for installer in BOTH {
        for place in ["./wheels/epsilon-1.0-py3-none-any.whl", "file:wheels/epsilon-1.0-py3-none-any.whl"] {
            let toml = format!("dependencies = ['alpha==1.0', 'epsilon @ {place}']");
            let world = world(installer, &[("sub/server.py", toml.as_str())]);
            Wheel::simple("epsilon", "1.0").write(&world.plugin.root.join("sub/wheels"));
            let before = Tree::of(&world.plugin.root);
            assert_eq!(says(&world, "sub/server.py"), "alpha 1.0");
            assert_eq!(world.plugin.installed(), ["alpha==1.0", "epsilon==1.0"]);
            assert_same(&before, &Tree::of(&world.plugin.root));
        }
    }
}

#[test]
fn a_wheel_that_a_source_of_uv_names_beside_a_script_is_found() {
    let toml = "dependencies = ['alpha==1.0', 'epsilon']\n[tool.uv.sources]\n\
                epsilon = { path = 'wheels/epsilon-1.0-py3-none-any.whl' }";
    let world = world(Installer::Uv, &[("server.py", toml)]);
    Wheel::simple("epsilon", "1.0").write(&world.plugin.root.join("wheels"));
    let before = Tree::of(&world.plugin.root);
    assert_eq!(says(&world, "server.py"), "alpha 1.0");
    assert_eq!(world.plugin.installed(), ["alpha==1.0", "epsilon==1.0"]);
    assert_same(&before, &Tree::of(&world.plugin.root));
}

#[test]
fn a_source_directory_beside_a_script_is_refused() {
    for toml in [
        "dependencies = [\n'epsilon @ ./epsilon']",
        "dependencies = ['epsilon']\n[tool.uv.sources]\nepsilon = { path = 'epsilon' }",
    ] {
        let world = world(Installer::Uv, &[("server.py", toml)]);
        world.plugin.write("epsilon/pyproject.toml", "[project]\nname = 'epsilon'\nversion = '1'\n");
        let output = world.plugin.sync();
        output.exits(6).stderr_has("it is a source directory, and building it");
        if !toml.contains("tool.uv") {
            output.stderr_has("install `epsilon @ ./epsilon` in `server.py` line 4");
        }
    }
}

/// Has uv lock a script of the plugin.
#[track_caller]
fn lock(world: &World, script: &str) {
    let script = world.plugin.root.join(script);
    world.plugin.bare_command("uv").args(["lock", "--quiet", "--upgrade", "--script"]).arg(script).run().ok();
}

#[test]
fn a_lock_is_followed_by_every_version_of_uv_and_a_change_of_it_rebuilds() {
    for version in ["0.9.7", "0.13.8"] {
        let mut world = world(Installer::Uv, &[("server.py", "dependencies = ['alpha']")]);
        world.plugin = world.plugin.uv_of(version);
        lock(&world, "server.py");
        alpha("9.0").write(world.wheels.path());
        let before = Tree::of(&world.plugin.root);
        assert_eq!(says(&world, "server.py"), "alpha 4.0", "{version}");
        assert_same(&before, &Tree::of(&world.plugin.root));
        lock(&world, "server.py");
        assert_eq!(world.plugin.verdict(), "would-build");
        assert!(world.plugin.why().contains("alpha==9.0"), "{}", world.plugin.why());
        assert_eq!(says(&world, "server.py"), "alpha 9.0");
    }
}

#[test]
fn hashes_may_be_demanded_of_a_script_with_a_lock_and_not_of_one_without() {
    let world = world(Installer::Uv, &[("server.py", "dependencies = ['alpha']")]);
    world.plugin.write("plugdeps.toml", "require-hashes = true\n");
    world.plugin.sync().exits(6).stderr_has("`server.py` line 3 `alpha` has no hash").stderr_has("uv lock --script");
    lock(&world, "server.py");
    assert_eq!(says(&world, "server.py"), "alpha 4.0");
}

#[test]
fn what_means_nothing_in_a_block_is_told() {
    let toml = "dependencys = ['alpha']\n[tool.plugdeps]\nwait = 1";
    let world = world(Installer::Uv, &[("server.py", toml)]);
    let check = world.plugin.command(["--check"]).run();
    check.stdout_has("`server.py`: `dependencys` means nothing in a `script` block");
    check.stdout_has("`server.py`: `[tool.plugdeps]` is read from `pyproject.toml` alone");
}
