//! The manifests: what each format may say, what of it is installed, and which changes rebuild.

use crate::support::*;
use serde_json::{Value, json};
use std::fs;

/// `alpha` with the extra `fast`, which needs `delta`; `beta` and `gamma` in two versions.
fn packages() -> Packages {
    let packages =
        Packages::of(&[("beta", "1.0"), ("beta", "2.0"), ("gamma", "1.0"), ("gamma", "2.0"), ("delta", "1.0")]);
    packages.with(&Wheel::simple("alpha", "1.0").requires("delta; extra == 'fast'\nProvides-Extra: fast"))
}

/// The same plugin for uv and for pip.
fn for_both(packages: &Packages, test: impl Fn(Plugin)) {
    for installer in BOTH {
        println!("with {installer:?}");
        let plugin = Plugin::new("demo").index(packages);
        test(if installer == Installer::Uv { plugin.uv() } else { plugin });
    }
}

/// The environments by name, and what each reads.
fn manifests(check: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let environments = check["environments"].as_array().unwrap();
    environments.iter().map(|e| (text(&e["name"]), text(&e["manifest"]["path"]))).collect()
}

#[track_caller]
fn answer(plugin: &Plugin, server: &str, tool: &str, arguments: Value) -> String {
    let mut server = plugin.server(server);
    server.initialize();
    text_of(&server.call_tool(tool, arguments))
}

// requirements files

#[test]
fn a_requirements_file_may_use_everything_that_pips_format_allows() {
    let packages = packages();
    let lines = [
        "\u{feff}# Abhängigkeiten – 依存関係 – 🐍",
        "",
        "alpha[fast] \\",
        "    == 1.0   # with its extra",
        "-r sub/more.txt",
        "--constraint=sub/constraints.txt",
        "no-such-package; python_version < \"3\"",
        "delta>=1; python_version >= \"3\"",
        "--prefer-binary",
    ];
    for_both(&packages, |plugin| {
        let plugin = plugin.file("requirements.txt", &(lines.join("\r\n") + "\r\n"));
        let plugin = plugin.file("sub/more.txt", "beta\r\n-r deeper/most.txt").file("sub/deeper/most.txt", "gamma\n");
        let plugin = plugin.file("sub/constraints.txt", "beta<2\ngamma==1.0\nno-such-package==7\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0", "delta==1.0", "gamma==1.0"]);
    });
}

#[test]
fn files_that_include_each_other_are_each_installed() {
    let packages = packages();
    let plugins = ["21.3", "23.2", "26.3"].map(|version| Plugin::new("demo").index(&packages).pip_of(version));
    for plugin in plugins.into_iter().chain([Plugin::new("demo").index(&packages).uv()]) {
        let plugin = plugin.file("requirements.txt", "-r sub/a.txt\n-r requirements.txt\nalpha\n");
        let plugin =
            plugin.file("sub/a.txt", "beta==1.0\n-r b.txt\n").file("sub/b.txt", "-r a.txt\n-r ../c.txt\ngamma\n");
        let plugin = plugin.file("c.txt", "-r sub/b.txt\n-r requirements.txt\ndelta\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0", "delta==1.0", "gamma==2.0"]);
    }
}

#[test]
fn hashes_are_checked() {
    let packages = packages();
    let alpha = Wheel::simple("alpha", "9.0").write_hashed(packages.directory());
    for_both(&packages, |plugin| {
        plugin.write("requirements.txt", &format!("--require-hashes\n{alpha}"));
        plugin.sync().ok();
        assert_eq!(plugin.value_of("alpha"), "alpha 9.0");
    });
}

#[test]
fn a_wrong_hash_is_a_hash_mismatch() {
    let packages = packages();
    for_both(&packages, |plugin| {
        plugin.write("requirements.txt", &format!("alpha==1.0 --hash=sha256:{}\n", "0".repeat(64)));
        plugin.sync().exits(9).stderr_has("a package does not have the hash that the manifest names");
        assert_eq!(plugin.check()["environments"][0]["last_failure"]["class"], "hash-mismatch");
    });
}

#[test]
fn a_missing_hash_among_hashes_is_told() {
    let packages = packages();
    let alpha = Wheel::simple("alpha", "9.0").write_hashed(packages.directory());
    for_both(&packages, |plugin| {
        plugin.write("requirements.txt", &format!("{alpha}beta==1.0\n--require-hashes\n"));
        plugin.sync().exits(9);
        assert_eq!(plugin.check()["environments"][0]["last_failure"]["class"], "hash-missing", "{}", plugin.sync());
    });
}

#[test]
fn index_options_in_the_file_are_honoured() {
    let [main, extra] = [Packages::of(&[("alpha", "1.0")]), Packages::of(&[("beta", "1.0")])];
    let links = tempfile::tempdir().unwrap();
    Wheel::simple("gamma", "1.0").write(links.path());
    for installer in BOTH {
        let plugin = Plugin::new("demo").without_index().file(
            "requirements.txt",
            &format!(
                "--index-url {}\n--extra-index-url={}\n--find-links {}\nalpha\nbeta\ngamma\n",
                main.url(),
                extra.url(),
                links.path().display()
            ),
        );
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0", "gamma==1.0"]);
    }
}

#[test]
fn links_to_find_are_relative_to_the_file() {
    for installer in BOTH {
        let plugin = Plugin::new("demo").file("sub/requirements.txt", "--no-index\n--find-links ./wheels\nalpha\n");
        let plugin = plugin.file("plugdeps.toml", "directory = 'sub'\n");
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        Wheel::simple("alpha", "1.0").write(&plugin.root.join("sub/wheels"));
        plugin.sync().ok();
        assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
    }
}

#[test]
fn a_wheel_in_the_plugin_is_named_relative_to_the_plugin() {
    let packages = packages();
    for_both(&packages, |plugin| {
        plugin.write("requirements.txt", "./wheels/epsilon-1.0-py3-none-any.whl\nalpha\n");
        Wheel::simple("epsilon", "1.0").write(&plugin.root.join("wheels"));
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "epsilon==1.0"]);
    });
}

#[test]
fn the_plugin_itself_is_never_installed() {
    let packages = packages();
    for_both(&packages, |plugin| {
        let plugin =
            plugin.file("requirements.txt", "-e .\n.\nalpha\n-r more.txt\n").file("more.txt", "-e ./\nbeta<2\n");
        let plugin = plugin.file("pyproject.toml", "[project]\nname = 'demo'\nversion = '1'\n").file("demo.py", "");
        let before = Tree::of(&plugin.root);
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"]);
        assert_same(&before, &Tree::of(&plugin.root));
    });
}

#[test]
fn a_file_that_is_reached_rebuilds_when_it_changes_and_no_other_does() {
    let packages = packages();
    let plugin = Plugin::needing("alpha\n-r sub/more.txt\n", &packages).file("sub/more.txt", "-c limits.txt\n");
    let plugin = plugin.file("sub/limits.txt", "beta<2\n").file("server.py", "1").file("dev-requirements.txt", "x\n");
    plugin.sync().ok();
    for (file, text) in
        [("server.py", "2"), ("dev-requirements.txt", "y\n"), ("README.md", "new"), ("package.json", "{}")]
    {
        plugin.write(file, text);
        assert_eq!(plugin.verdict(), "ready", "{file}");
    }
    plugin.write("sub/more.txt", "-c limits.txt\nbeta\n");
    assert_eq!(
        (plugin.verdict().as_str(), plugin.why().as_str()),
        ("would-build", "`sub/more.txt` changed: line 2 `beta` is new")
    );
    plugin.command(["session-start"]).run().ok().silent();
    assert_eq!(plugin.value_of("beta"), "beta 1.0");
    plugin.write("sub/limits.txt", "beta<3\n");
    assert!(plugin.why().contains("`sub/limits.txt` changed: line 1 `beta<3` is new"), "{}", plugin.why());
    plugin.command(["session-start"]).run().ok().silent();
    assert_eq!(plugin.value_of("beta"), "beta 2.0");
}

#[test]
fn touching_replacing_or_moving_a_file_without_changing_it_rebuilds_nothing() {
    let packages = packages();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    let before = Tree::of(&plugin.data);
    let file = plugin.root.join("requirements.txt");
    let touched = fs::File::options().append(true).open(&file).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    plugin.command(["session-start"]).run().ok().silent();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "alpha\n").unwrap();
    plugin.command(["session-start"]).run().ok().silent();
    // An update of the plugin is another directory.
    let update = plugin.root.with_file_name("1.0.1");
    fs::rename(&plugin.root, &update).unwrap();
    let hook = plugin.bare_command(update.join("bin/plugdeps")).arg("session-start");
    hook.env("CLAUDE_PLUGIN_ROOT", &update).env("CLAUDE_PLUGIN_DATA", &plugin.data).run().ok().silent();
    assert_same(&before, &Tree::of(&plugin.data));
}

#[test]
fn moving_a_line_from_one_file_to_another_rebuilds() {
    let packages = packages();
    let plugin = Plugin::needing("-r a.txt\n-r b.txt\n", &packages).file("a.txt", "alpha\nbeta\n").file("b.txt", "");
    plugin.sync().ok();
    plugin.write("a.txt", "alpha\n");
    plugin.write("b.txt", "beta\n");
    assert_eq!(plugin.verdict(), "would-build");
}

// pyproject.toml

const PYPROJECT: &str = "[project]
name = 'demo'
version = '1.0'
description = 'one'
requires-python = '>=3.8'
dependencies = ['alpha']

[project.optional-dependencies]
more = ['beta<2']
all = ['demo[more]', 'gamma<2']

[project.scripts]
demo = 'demo:main'

[dependency-groups]
test = ['delta', { include-group = 'lint' }]
lint = ['gamma']

[tool.ruff]
line-length = 100
";

#[test]
fn of_pyproject_toml_only_what_matters_to_installation_rebuilds() {
    let packages = packages();
    let plugin = Plugin::new("demo").index(&packages).uv().file("pyproject.toml", PYPROJECT);
    plugin.sync().ok();
    for (old, new) in [
        ("line-length = 100", "line-length = 120"),
        ("version = '1.0'", "version = '1.1'"),
        ("description = 'one'", "description = 'two' # and a comment"),
        ("demo:main", "demo:start"),
        ("more = ['beta<2']", "more = ['beta']"),
        ("lint = ['gamma']", "lint = []"),
        ("[tool.ruff]", "[tool.mypy]\nstrict = true\n\n[tool.ruff]"),
        ("dependencies = ['alpha']", "dependencies = [\n  \"alpha\",\n]"),
    ] {
        plugin.write("pyproject.toml", &PYPROJECT.replace(old, new));
        assert_eq!(plugin.verdict(), "ready", "{new}");
    }
    for (old, new) in [
        ("dependencies = ['alpha']", "dependencies = ['alpha', 'beta']"),
        (">=3.8", ">=3.9"),
        ("[tool.ruff]", "[tool.plugdeps]\nextras = ['more']\n\n[tool.ruff]"),
        ("[tool.ruff]", "[tool.plugdeps]\ngroups = ['lint']\n\n[tool.ruff]"),
        ("[tool.ruff]", "[tool.uv]\nno-binary = true\n\n[tool.ruff]"),
    ] {
        plugin.write("pyproject.toml", &PYPROJECT.replace(old, new));
        assert_eq!(plugin.verdict(), "would-build", "{new}");
    }
    plugin.write("pyproject.toml", &PYPROJECT.replace("['alpha']", "['alpha', 'beta<2']"));
    assert!(plugin.why().starts_with("`pyproject.toml` changed: line 6 `beta<2` is new"), "{}", plugin.why());
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"]);
}

#[test]
fn extras_and_groups_are_installed_by_configuration_alone() {
    let packages = packages();
    for_both(&packages, |plugin| {
        let plugin = plugin.file("pyproject.toml", PYPROJECT);
        let expect = |config: &str, installed: &[&str]| {
            plugin.write("plugdeps.toml", config);
            plugin.sync().ok();
            assert_eq!(plugin.installed(), installed, "{config}");
        };
        expect("", &["alpha==1.0"]);
        expect("extras = ['all']\n", &["alpha==1.0", "beta==1.0", "gamma==1.0"]);
        expect("groups = ['test']\n", &["alpha==1.0", "delta==1.0", "gamma==2.0"]);
    });
}

#[test]
fn an_unknown_extra_or_group_is_refused_with_the_nearest_one() {
    let plugin = Plugin::new("demo").file("pyproject.toml", PYPROJECT);
    for (config, nearest) in [("extras = ['mroe']", "`more`"), ("groups = ['tests']", "`test`")] {
        plugin.write("plugdeps.toml", config);
        plugin.sync().exits(6).stderr_has("error[manifest-invalid]");
        plugin.sync().stderr_has(&format!("the nearest one is {nearest}"));
    }
}

#[test]
fn a_pyproject_without_a_project_is_no_manifest() {
    let plugin = Plugin::new("demo").file("pyproject.toml", "[tool.ruff]\nline-length = 100\n");
    plugin.sync().ok().stderr_has("nothing to install");
}

#[test]
fn dependencies_that_pyproject_reads_from_a_requirements_file_are_those() {
    let packages = packages();
    let text = "[project]\nname = 'demo'\nversion = '1'\ndynamic = ['dependencies']\n\
                [tool.setuptools.dynamic]\ndependencies = { file = ['deps/run.txt'] }\n";
    for_both(&packages, |plugin| {
        let plugin = plugin.file("pyproject.toml", text).file("deps/run.txt", "alpha\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
        plugin.write("deps/run.txt", "alpha\nbeta<2\n");
        assert_eq!(plugin.verdict(), "would-build");
    });
}

#[test]
fn dependencies_that_only_a_build_could_tell_are_refused() {
    let text = "[project]\nname = 'demo'\nversion = '1'\ndynamic = ['dependencies']\n";
    let plugin = Plugin::new("demo").file("pyproject.toml", text);
    plugin.sync().exits(6).stderr_has("project.dynamic").stderr_has("add a `requirements.txt`");
}

// locks

/// Has uv lock the plugin's project.
#[track_caller]
fn lock(plugin: &Plugin) {
    plugin.bare_command("uv").args(["lock", "--quiet", "--project"]).arg(&plugin.root).run().ok();
}

const LOCKED: &str = "[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['beta']\n\
                      [project.optional-dependencies]\nmore = ['gamma']\n[dependency-groups]\ndev = ['delta']\n";

#[test]
fn uv_lock_decides_and_its_change_rebuilds_though_pyproject_stays() {
    let packages = Packages::of(&[("beta", "1.0"), ("gamma", "1.0"), ("delta", "1.0")]);
    let plugin = Plugin::new("demo").index(&packages).uv().file("pyproject.toml", LOCKED);
    lock(&plugin);
    packages.add(&Wheel::simple("beta", "2.0"));
    plugin.sync().ok();
    // Neither the default group nor an extra that nobody chose, and not the newer version.
    assert_eq!(plugin.installed(), ["beta==1.0"]);
    plugin.bare_command("uv").args(["lock", "--quiet", "--upgrade", "--project"]).arg(&plugin.root).run().ok();
    assert!(plugin.why().contains("`uv.lock` changed") && plugin.why().contains("beta==2.0"), "{}", plugin.why());
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["beta==2.0"]);
}

#[test]
fn extras_and_groups_of_a_lock_are_installed_by_configuration() {
    let packages = Packages::of(&[("beta", "1.0"), ("gamma", "1.0"), ("delta", "1.0")]);
    let plugin = Plugin::new("demo").index(&packages).uv().file("pyproject.toml", LOCKED);
    lock(&plugin);
    let plugin = plugin.file("plugdeps.toml", "extras = ['more']\ngroups = ['dev']\n");
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["beta==1.0", "delta==1.0", "gamma==1.0"]);
}

#[test]
fn a_lock_that_does_not_fit_its_pyproject_is_installed_as_it_is_and_never_rewritten() {
    let packages = packages();
    let plugin = Plugin::new("demo").index(&packages).uv().file("pyproject.toml", LOCKED);
    lock(&plugin);
    plugin.write("pyproject.toml", &LOCKED.replace("'beta'", "'beta', 'alpha'"));
    let before = Tree::of(&plugin.root);
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["beta==2.0"]);
    assert_same(&before, &Tree::of(&plugin.root));
}

#[test]
fn uv_lock_without_pyproject_is_no_manifest() {
    let plugin = Plugin::new("demo").file("uv.lock", "version = 1\n").file("requirements.txt", "alpha\n");
    assert_eq!(manifests(&plugin.check()), [("main".into(), "requirements.txt".into())]);
}

#[test]
fn the_fixture_with_pylock_serves() {
    let plugin = Plugin::new("x").fixture("pylock").uv();
    plugin.hook().ok().silent();
    assert_eq!(answer(&plugin, "plain", "value", json!({})), "alpha 1.0");
}

#[test]
fn the_fixture_with_uv_lock_serves_from_pypi() {
    let plugin = Plugin::new("x").fixture("uv-lock").online().uv();
    let before = Tree::of(&plugin.root);
    plugin.hook().ok().silent();
    assert_eq!(answer(&plugin, "sdk", "add", json!({ "a": 2, "b": 3 })), "5");
    assert_same(&before, &Tree::of(&plugin.root));
}

#[test]
fn the_fixture_with_hashes_serves_from_pypi() {
    let plugin = Plugin::new("x").fixture("hashed").online().uv();
    plugin.hook().ok().silent();
    assert_eq!(answer(&plugin, "sdk", "add", json!({ "a": 2, "b": 3 })), "5");
}

#[test]
fn the_fixture_with_pyproject_serves() {
    let index = Index::serve(&tools::mcp_wheels());
    let plugin = Plugin::new("x").fixture("pyproject").index(&index).uv();
    plugin.hook().ok().silent();
    assert_eq!(answer(&plugin, "sdk", "add", json!({ "a": 2, "b": 3 })), "5");
}

// which one

#[test]
fn the_more_exactly_a_file_says_what_to_install_the_earlier_it_is_preferred() {
    let names = ["uv.lock", "pylock.toml", "requirements.lock", "requirements.txt", "pyproject.toml"];
    let plugin = names.iter().fold(Plugin::new("demo"), |plugin, name| plugin.file(name, ""));
    plugin.write("pyproject.toml", "[project]\nname = 'demo'\nversion = '1'\n");
    for name in names {
        assert_eq!(manifests(&plugin.check()), [("main".to_owned(), name.to_owned())]);
        fs::remove_file(plugin.root.join(name)).unwrap();
    }
    assert_eq!(manifests(&plugin.check()), []);
}

#[test]
fn a_malformed_pyproject_beside_a_good_manifest_is_named_and_the_good_one_is_used() {
    let packages = packages();
    let plugin = Plugin::needing("alpha\n", &packages).file("pyproject.toml", "[project]\nname = demo\n");
    plugin
        .sync()
        .ok()
        .stderr_has("line 2, column 8: expected a value")
        .stderr_has("`requirements.txt` is used instead");
    plugin.command(["--check"]).run().ok().stdout_has("read `pyproject.toml`").stdout_has("`requirements.txt` is used");
    plugin.command(["session-start"]).run().ok().silent();
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
}

#[test]
fn a_malformed_pyproject_alone_says_that_nothing_can_be_used_instead() {
    let plugin = Plugin::new("demo").file("pyproject.toml", "[project]\nname = demo\n");
    plugin.sync().exits(6).stderr_has("line 2, column 8").stderr_has("no other manifest is there to be used instead");
}

#[test]
fn requires_python_beside_a_requirements_file_is_taken_as_advice() {
    let packages = packages();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.write("pyproject.toml", "[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.99'\n");
    plugin.sync().exits(7).stderr_has("find a Python that satisfies `>=3.99`");
}

// several

#[test]
fn a_manifest_beside_the_server_script_is_found() {
    let packages = packages();
    let plugin = Plugin::new("x").fixture("subdirectory").index(&packages).uv();
    plugin.hook().ok().silent();
    assert_eq!(manifests(&plugin.check()), [("server".into(), "server/requirements.txt".into())]);
    assert_eq!(answer(&plugin, "plain", "value", json!({})), "alpha 1.0");
}

#[test]
fn each_of_two_servers_gets_the_environment_of_its_own_directory() {
    let packages = packages();
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    plugin.hook().ok().silent();
    assert_eq!(
        manifests(&plugin.check()),
        [("a".into(), "a/requirements.txt".into()), ("b".into(), "b/requirements.txt".into())]
    );
    assert_eq!(answer(&plugin, "a", "value", json!({})), "alpha 1.0");
    assert_eq!(answer(&plugin, "b", "value", json!({})), "beta 2.0");
    let places = ["a", "b"].map(|name| answer(&plugin, name, "where", json!({})));
    assert_ne!(places[0], places[1]);
}

#[test]
fn a_change_for_one_server_rebuilds_nothing_for_the_other() {
    let packages = packages();
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    plugin.hook().ok().silent();
    plugin.rests();
    let before = Tree::of(&plugin.data.join("plugdeps/a"));
    plugin.write("b/requirements.txt", "beta<2\n");
    plugin.hook().ok().silent();
    assert_same(&before, &Tree::of(&plugin.data.join("plugdeps/a")));
    assert_eq!(answer(&plugin, "b", "value", json!({})), "beta 1.0");
}

#[test]
fn one_environment_fails_alone_while_the_other_serves() {
    let packages = Packages::of(&[("beta", "1.0")]);
    let plugin = Plugin::new("x").fixture("two-servers").index(&packages).uv();
    let output = plugin.hook();
    let message = output.ok().json()["systemMessage"].as_str().unwrap().to_owned();
    assert!(message.lines().count() == 1 && message.contains("alpha"), "{output}");
    assert_eq!(answer(&plugin, "b", "value", json!({})), "beta 1.0");
    plugin.server_cmd("a").run().exits(12).stdout_is("").stderr_has("error[install-refused]");
    let states =
        plugin.check()["environments"].as_array().unwrap().iter().map(|e| e["state"].clone()).collect::<Vec<_>>();
    assert_eq!(states, ["would-build", "ready"]);
}

#[test]
fn one_manifest_that_cannot_be_read_leaves_the_other_alone() {
    let packages = packages();
    let plugin =
        Plugin::new("x").fixture("two-servers").index(&packages).uv().file("a/requirements.txt", "-r gone.txt\n");
    plugin.hook().ok().stdout_has("gone.txt");
    assert_eq!(answer(&plugin, "b", "value", json!({})), "beta 2.0");
    plugin.server_cmd("a").run().exits(6).stdout_is("").stderr_has("error[manifest-invalid]");
}

#[test]
fn a_manifest_in_the_root_and_one_beside_a_server_are_two_environments() {
    let packages = packages();
    let plugin = Plugin::new("x").fixture("subdirectory").file("requirements.txt", "beta<2\n").index(&packages).uv();
    plugin.hook().ok().silent();
    assert_eq!(
        manifests(&plugin.check()),
        [("main".into(), "requirements.txt".into()), ("server".into(), "server/requirements.txt".into())]
    );
    assert_eq!(answer(&plugin, "plain", "value", json!({})), "alpha 1.0");
    assert_eq!(plugin.value_of("beta"), "beta 1.0");
}

// configuration

#[test]
fn the_configuration_may_stand_in_either_place_and_names_directory_and_manifest() {
    let packages = packages();
    let own = ("plugdeps.toml", "directory = 'deps'\nmanifest = 'run.in'\n");
    let table = ("pyproject.toml", "[tool.plugdeps]\ndirectory = 'deps'\nmanifest = 'run.in'\n");
    for (file, text) in [own, table] {
        let plugin = Plugin::needing("no-such-package\n", &packages).file("deps/run.in", "alpha\n").file(file, text);
        assert_eq!(manifests(&plugin.check()), [("main".into(), "deps/run.in".into())]);
        plugin.sync().ok();
        assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
    }
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").file("plugdeps.toml", "instaler = 'pip'\n");
    plugin.sync().exits(5).stderr_has("error[config-invalid]").stderr_has("instaler");
    plugin.write("plugdeps.toml", "[environments.a]\nextra = ['x']\n");
    plugin.sync().exits(5).stderr_has("`extra`");
    fs::remove_file(plugin.root.join("plugdeps.toml")).unwrap();
    plugin.write("pyproject.toml", "[tool.plugdeps]\ndead-line = 3\n");
    plugin.sync().exits(5).stderr_has("[tool.plugdeps]").stderr_has("dead-line");
}

#[test]
fn two_places_of_configuration_are_refused() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").file("plugdeps.toml", "");
    plugin.write("pyproject.toml", "[tool.plugdeps]\n");
    plugin.sync().exits(5).stderr_has("error[config-invalid]").stderr_has("keep one of the two");
}

#[test]
fn named_environments_are_the_only_ones_and_a_flag_chooses_one() {
    let packages = packages();
    let config = "[environments.first]\ndirectory = 'a'\n[environments.second]\ndirectory = 'b'\ninstaller = 'pip'\n";
    let plugin = Plugin::needing("no-such-package\n", &packages).file("plugdeps.toml", config);
    let plugin = plugin.file("a/requirements.txt", "alpha\n").file("b/requirements.txt", "beta<2\n");
    plugin.sync().ok();
    let value = |name: &str, package: &str| {
        let line = format!("import {package}; print({package}.VALUE)");
        plugin.command(["run", "--environment", name, "--", "python", "-c", &line]).run()
    };
    value("first", "alpha").ok().stdout_is("alpha 1.0\n");
    value("second", "beta").ok().stdout_is("beta 1.0\n");
    value("second", "alpha").exits(1);
    let check = plugin.check();
    assert!(check["environments"][1]["current"]["installer"].as_str().unwrap().starts_with("pip "), "{check:#}");
}

#[test]
fn a_configured_python_is_used() {
    let other =
        tools::pythons().into_iter().find(|python| tools::version(python).is_some_and(|v| v != "3.6" && v != "3.7"));
    let other = other.expect("this test needs a second Python of another version");
    let (version, packages) = (tools::version(&other).unwrap(), packages());
    for python in [version.as_str(), other.to_str().unwrap()] {
        let config = format!("python = '{python}'\n");
        let plugin = Plugin::needing("alpha\n", &packages).file("plugdeps.toml", &config);
        let plugin =
            plugin.script(&format!("python{version}"), &format!("#!/bin/sh\nexec '{}' \"$@\"\n", other.display()));
        let line = "import sys, alpha; print('%d.%d' % sys.version_info[:2])";
        plugin.run(["python", "-c", line]).ok().stdout_is(&format!("{version}\n"));
    }
}
