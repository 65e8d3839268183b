//! The plugin's own commands run from its source, with the packages that it asks for and without being installed.

use crate::support::host::copy_tree;
use crate::support::*;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A plugin whose own command `tell` is this module, which needs `alpha`.
fn telling(module: &str, target: &str, text: &str) -> World {
    let plugin = Plugin::new("tell").file(module, text).env("PYTHONDONTWRITEBYTECODE", "1");
    let world = World::with(Installer::Uv, plugin);
    fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
    let scripts = format!("[project.scripts]\ntell = '{target}'\n");
    let project = "[project]\nname = 'Tell.Me'\nversion = '3.1'\ndependencies = ['alpha==1.0']\n";
    world.plugin.write("pyproject.toml", &format!("{project}{scripts}"));
    world
}

/// What a server of the SDK says of itself.
fn asked(plugin: &Plugin) -> Value {
    let mut server = plugin.server("notes");
    server.initialize();
    serde_json::from_str(&text_of(&server.call_tool("where", json!({})))).unwrap()
}

#[test]
fn a_server_that_is_a_command_of_the_plugin_answers_in_its_first_session() {
    let index = Index::serve(&tools::mcp_wheels());
    for installer in BOTH {
        let plugin = Plugin::new("x").fixture("entry-point").index(&index).env("PYTHONDONTWRITEBYTECODE", "1");
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        let before = Tree::of(&plugin.root);
        let said = asked(&plugin);
        assert_eq!((&said["greeting"], &said["version"]), (&json!("hello there"), &json!("1.4.0")));
        assert_eq!(said["program"], "notes-mcp");
        assert_eq!(said["file"], plugin.root.join("src/notes_mcp/notes.py").to_str().unwrap());
        assert_eq!(said["prefix"], plugin.prefix().to_str().unwrap());
        assert!(!plugin.installed().iter().any(|package| package.starts_with("notes")), "{:?}", plugin.installed());
        assert_same(&before, &Tree::of(&plugin.root));
        // The second start is the server itself.
        assert_eq!(asked(&plugin), said);
    }
}

#[test]
fn the_same_project_serves_outside_of_any_plugin() {
    let plugin = Plugin::new("x").online().uv();
    let project = plugin.temp().join("project");
    copy_tree(&fixture("entry-point"), &project);
    let path = format!("{}:/usr/bin:/bin", plugin.path_dir().display());
    for tool in [&["--from"][..], &["pipx", "run", "--spec"]] {
        let run = plugin.bare_command("uv").env("PATH", &path).args(["tool", "run"]).args(tool).arg(&project);
        let said = run.args(["notes-mcp", "--about"]).run().ok().json();
        assert_eq!((&said["greeting"], &said["version"]), (&json!("hello"), &json!("1.4.0")));
    }
}

#[test]
fn a_module_beside_pyproject_and_a_method_of_an_object_are_called_with_the_words() {
    let text =
        "import sys\nclass Door:\n    def open(self):\n        print(sys.argv)\n        return 7\ndoor = Door()\n";
    let world = telling("door.py", "door:door.open", text);
    let output = world.plugin.run(["tell", "a b", "--", "$HOME"]);
    output.exits(7).stdout_is("['tell', 'a b', '--', '$HOME']\n");
}

#[test]
fn the_directory_of_the_session_has_no_say_in_what_is_imported() {
    let text = "import sys, json, alpha\ndef main():\n    print(alpha.VALUE, '' in sys.path)\n";
    for layout in ["src/told/door.py", "told/door.py", "python/told/door.py", "lib/told/door.py"] {
        let world = telling(layout, "told.door:main", text);
        for name in ["json", "alpha", "told", "importlib", "functools"] {
            fs::write(world.plugin.project.join(format!("{name}.py")), "raise SystemExit('not this one')\n").unwrap();
        }
        world.plugin.run(["tell"]).ok().stdout_is("alpha 1.0 False\n");
        let safe = world.plugin.command(["run", "tell"]).env("PYTHONSAFEPATH", "1");
        safe.run().ok().stdout_is("alpha 1.0 False\n");
    }
}

#[test]
fn who_asks_for_the_version_of_the_plugin_is_told_though_it_is_not_installed() {
    let text = "from importlib import metadata\ndef main():\n    d = metadata.distribution('tell_me')\n    \
                print(d.version, d.metadata['Name'], metadata.version('alpha'))\n    \
                try: metadata.version('tell')\n    except metadata.PackageNotFoundError as e: print('no', e.name)\n";
    telling("door.py", "door:main", text).plugin.run(["tell"]).ok().stdout_is("3.1 Tell.Me 1.0\nno tell\n");
}

#[test]
fn a_command_of_the_plugin_comes_before_one_of_its_packages_and_one_on_path() {
    let world = telling("door.py", "door:main", "def main(): print('mine')\n");
    let scripts = "[project.scripts]\ntell = 'door:main'\nalpha-tool = 'door:main'\nls = 'door:main'\n";
    let project = "[project]\nname = 'tell'\ndependencies = ['alpha==1.0']\n";
    world.plugin.write("pyproject.toml", &format!("{project}{scripts}"));
    for name in ["alpha-tool", "ls"] {
        world.plugin.run([name]).ok().stdout_is("mine\n");
    }
    world.plugin.write("pyproject.toml", project);
    world.plugin.run(["alpha-tool"]).ok().stdout_is("alpha 1.0\n");
}

#[test]
fn a_command_that_names_no_function_is_told_with_its_key() {
    for target in ["door", "door.main()", "door:", "../door:main"] {
        let world = telling("door.py", target, "def main(): pass\n");
        let output = world.plugin.run(["tell"]);
        output.exits(6).stdout_is("").stderr_has("error[manifest-invalid]: read `pyproject.toml`");
        output.stderr_has(&format!("`project.scripts.tell`: expected `package.module:function`, found `{target}`"));
    }
}

#[test]
fn a_command_whose_module_comes_with_the_packages_runs() {
    telling("other.py", "alpha:main", "").plugin.run(["tell"]).ok().stdout_is("alpha 1.0\n");
}

#[test]
fn a_requirements_file_that_asks_for_the_plugin_itself_installs_the_rest_and_its_command_runs() {
    for line in [".", "-e .", "-e ./"] {
        let world = telling("src/told/__init__.py", "told:main", "import alpha\ndef main(): print(alpha.VALUE)\n");
        world.needs(&format!("{line}\nalpha==2.0"));
        world.plugin.run(["tell"]).ok().stdout_is("alpha 2.0\n");
        assert_eq!(world.plugin.installed(), ["alpha==2.0"]);
        world.plugin.command(["--check"]).run().ok().stdout_has("the plugin itself is never installed");
    }
}

#[test]
fn a_server_of_a_plugin_whose_requirements_name_the_plugin_itself_answers_in_its_first_session() {
    let index = Index::serve(&tools::mcp_wheels());
    for (installer, line) in [(Installer::Uv, "-e ."), (Installer::Pip, ".")] {
        let plugin = Plugin::new("x").fixture("entry-point").index(&index).env("PYTHONDONTWRITEBYTECODE", "1");
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        plugin.write("requirements.txt", &format!("{line}\nmcp>=1.9,<2\n"));
        let before = Tree::of(&plugin.root);
        let hook = plugin.hook_cmd().spawn();
        let said = asked(&plugin);
        hook.wait().ok().silent();
        assert_eq!(said["file"], plugin.root.join("src/notes_mcp/notes.py").to_str().unwrap());
        assert_eq!((&said["version"], &said["prefix"]), (&json!("1.4.0"), &json!(plugin.prefix())));
        assert!(!plugin.installed().iter().any(|package| package.starts_with("notes")), "{:?}", plugin.installed());
        plugin.command(["--check"]).run().ok().stdout_has("the plugin itself is never installed");
        assert_same(&before, &Tree::of(&plugin.root));
    }
}

#[test]
fn of_several_projects_the_one_that_has_the_command_is_taken() {
    let mut world = telling("door.py", "door:main", "import alpha\ndef main(): print('main', alpha.VALUE)\n");
    world.plugin = world.plugin.file("b/side.py", "import alpha\ndef main(): print('b', alpha.VALUE)\n");
    let project = "[project]\nname = 'b'\ndependencies = ['alpha==3.0']\n[project.scripts]\nside = 'side:main'\n";
    world.plugin.write("b/pyproject.toml", project);
    world.plugin.write("plugdeps.toml", "[environments.main]\n[environments.b]\ndirectory = 'b'\n");
    world.plugin.run(["side"]).ok().stdout_is("b alpha 3.0\n");
    world.plugin.run(["tell"]).ok().stdout_is("main alpha 1.0\n");
}

#[test]
fn a_snapshot_of_a_server_that_is_a_command_of_the_plugin_serves_its_first_session() {
    let index = Index::serve(&tools::mcp_wheels());
    let plugin = Plugin::new("x").fixture("entry-point").index(&index).uv().env("PYTHONDONTWRITEBYTECODE", "1");
    plugin.command(["sync"]).run().ok();
    plugin.command(["snapshot"]).run().ok().stderr_has("`notes-mcp … …`: 1 tools");
    let mode = fs::metadata(plugin.root.join("plugdeps-snapshot.json")).unwrap().permissions().mode();
    assert!(mode & 0o044 != 0, "it is shipped, and others may not read it: {mode:o}");
    fs::remove_dir_all(&plugin.data).unwrap();
    fs::create_dir_all(&plugin.data).unwrap();
    index.hold("mcp", std::time::Duration::from_secs(3));
    let mut server = plugin.server("notes");
    server.initialize();
    assert_eq!(server.list_tools(), ["where"]);
    assert!(plugin.current().is_none(), "the tools were there before the packages");
    assert!(text_of(&server.call_tool("where", json!({}))).contains("hello there"));
}
