//! `plugdeps lock`: a lock for plugins that have only requirements, written for the author to ship.

use crate::support::*;
use std::fs;

/// A plugin with uv that needs this, of an index with `alpha` 1.0 to 4.0, where `alpha` needs `beta`.
fn needing(requirements: &str) -> (Packages, Plugin) {
    let packages = Packages::of(&[("beta", "1.0"), ("gamma", "1.0")]);
    let packages = ["1.0", "2.0"].into_iter().fold(packages, |packages, version| {
        packages.with(
            &Wheel::simple("alpha", version)
                .requires("beta; sys_platform != 'win32'")
                .requires("gamma; sys_platform == 'win32'"),
        )
    });
    let plugin = Plugin::needing(requirements, &packages).env("PYTHONDONTWRITEBYTECODE", "1");
    (packages, plugin)
}

fn lock(plugin: &Plugin) -> Output {
    plugin.command(["lock"]).run()
}

fn check(plugin: &Plugin) -> Output {
    plugin.command(["lock", "--check"]).run()
}

fn text(plugin: &Plugin, name: &str) -> String {
    fs::read_to_string(plugin.root.join(name)).unwrap()
}

/// The lines that name versions, without hashes.
fn versions(lock: &str) -> Vec<&str> {
    let lines = lock.lines().filter(|line| line.contains("==") || line.starts_with("./"));
    lines.map(|line| line.trim_end_matches([' ', '\\'])).collect()
}

#[test]
fn requirements_are_locked_for_every_platform_and_both_installers_follow_the_lock() {
    let (packages, plugin) = needing("# what the server needs\nalpha\n");
    lock(&plugin).ok().stdout_is("").stderr_has("`requirements.lock` is written: ship it with the plugin");
    let locked = text(&plugin, "requirements.lock");
    assert_eq!(
        versions(&locked),
        ["alpha==2.0", "beta==1.0 ; sys_platform != 'win32'", "gamma==1.0 ; sys_platform == 'win32'"]
    );
    assert_eq!(locked.matches("--hash=sha256:").count(), 3, "{locked}");
    assert!(!locked.contains("://") && !locked.contains(plugin.temp().to_str().unwrap()), "{locked}");
    packages.add(&Wheel::simple("alpha", "3.0"));
    packages.add(&Wheel::simple("beta", "2.0"));
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==2.0", "beta==1.0"]);
    let plugin = plugin.no_uv();
    plugin.command(["sync", "--rebuild"]).run().ok();
    assert_eq!(plugin.installed(), ["alpha==2.0", "beta==1.0"]);
    assert!(plugin.check()["environments"][0]["current"]["installer"].as_str().unwrap().starts_with("pip "));
    // It is a requirements file that pip reads by itself.
    let pip = plugin.bare_command(tools::python()).args(["-m", "pip", "install", "--dry-run", "--ignore-installed"]);
    let said = pip.arg("--break-system-packages").arg("-r").arg(plugin.root.join("requirements.lock")).run();
    said.ok().stdout_has("Would install alpha-2.0 beta-1.0");
}

#[test]
fn a_lock_is_out_of_date_when_what_it_was_made_of_changes_and_not_when_its_comments_do() {
    let (_packages, plugin) = needing("alpha\n-r more.txt\n");
    plugin.write("more.txt", "gamma\n");
    check(&plugin).exits(16).stdout_is("").stderr_has("error[lock-outdated]: use `requirements.lock`");
    check(&plugin).stderr_has("`requirements.txt` has none").stderr_has("run `plugdeps lock`");
    lock(&plugin).ok();
    check(&plugin).ok().stderr_has("`requirements.lock` is up to date");
    plugin.write("requirements.txt", "# new\r\n\r\nalpha   # words\r\n-r more.txt\r\n");
    check(&plugin).ok();
    plugin.sync().ok().stderr_lacks("out of date");
    let note = "`requirements.lock` is out of date: `requirements.txt` is no longer what it was; `plugdeps lock` writes it anew";
    for (file, changed) in [("more.txt", "gamma<2\n"), ("requirements.txt", "alpha<2\n-r more.txt\n")] {
        let before = text(&plugin, file);
        plugin.write(file, changed);
        check(&plugin).exits(16).stderr_has("`requirements.txt` is no longer what it was");
        // Told, and no reason not to install what is locked.
        plugin.sync().ok().stderr_has(note);
        let check = plugin.command(["--check"]).run();
        check.ok().stdout_has(note);
        plugin.write(file, &before);
        crate::relock::check(&plugin).ok();
    }
    plugin.write("pyproject.toml", "[project]\nrequires-python = '>=3.8'\n");
    check(&plugin).exits(16);
    lock(&plugin).ok();
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    plugin.sync().ok().stderr_lacks("out of date");
}

#[test]
fn what_is_locked_stays_as_long_as_it_fits() {
    let (packages, plugin) = needing("alpha\n");
    lock(&plugin).ok();
    let first = text(&plugin, "requirements.lock");
    packages.add(&Wheel::simple("alpha", "3.0"));
    lock(&plugin).ok().stderr_has("`requirements.lock` stays as it is");
    assert_eq!(text(&plugin, "requirements.lock"), first);
    plugin.write("requirements.txt", "alpha>2\n");
    lock(&plugin).ok();
    assert_eq!(versions(&text(&plugin, "requirements.lock")), ["alpha==3.0"]);
    packages.add(&Wheel::simple("alpha", "4.0"));
    fs::remove_file(plugin.root.join("requirements.lock")).unwrap();
    lock(&plugin).ok();
    assert_eq!(versions(&text(&plugin, "requirements.lock")), ["alpha==4.0"]);
}

#[test]
fn what_is_not_pinned_is_named_with_what_it_resolved_to() {
    let (_packages, plugin) = needing("alpha>=1.0\ngamma==1.0\nbeta\n-c limits.txt\n");
    plugin.write("limits.txt", "beta==1.0\n");
    let note = |plugin: &Plugin| plugin.command(["--check"]).run().stdout;
    assert!(note(&plugin).contains("not pinned: `alpha>=1.0`; `plugdeps lock` pins it\n"), "{}", note(&plugin));
    plugin.sync().ok().stderr_lacks("not pinned");
    let told = "not pinned: `alpha>=1.0` (2.0 the last time); `plugdeps lock` pins it\n";
    assert!(note(&plugin).contains(told), "{}", note(&plugin));
    lock(&plugin).ok();
    assert!(!note(&plugin).contains("not pinned"), "{}", note(&plugin));
    let (_packages, plugin) = needing("");
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    plugin.write("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['alpha', 'beta==1.0', 'gamma>=1']\n");
    assert!(
        note(&plugin).contains("not pinned: `alpha`, `gamma>=1`; `plugdeps lock` pins them\n"),
        "{}",
        note(&plugin)
    );
}

#[test]
fn a_project_is_locked_with_the_extras_and_the_python_that_it_asks_for() {
    let (_packages, plugin) = needing("");
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    let project = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.7.3,<4'\ndependencies = ['gamma']\n\
                   [project.optional-dependencies]\nmore = ['alpha<2']\n[tool.plugdeps]\nextras = ['more']\n";
    plugin.write("pyproject.toml", project);
    lock(&plugin).ok().stderr_lacks("is for Python");
    let expected = ["alpha==1.0", "beta==1.0 ; sys_platform != 'win32'", "gamma==1.0"];
    assert_eq!(versions(&text(&plugin, "requirements.lock")), expected);
    check(&plugin).ok();
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0", "gamma==1.0"]);
    plugin.write("pyproject.toml", &project.replace("version = '1'", "version = '2'"));
    check(&plugin).ok();
    plugin.write("pyproject.toml", &project.replace("alpha<2", "alpha"));
    check(&plugin).exits(16).stderr_has("`pyproject.toml` is no longer what it was");
}

#[test]
fn a_lock_reaches_down_to_the_python_that_is_asked_for_and_says_where_nothing_asks() {
    let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").python(">=3.8"));
    packages.add(&Wheel::simple("alpha", "2.0").python(">=3.11"));
    let plugin = Plugin::needing("alpha\n", &packages);
    let version = tools::version(&tools::python()).unwrap();
    lock(&plugin).ok().stderr_has(&format!("`requirements.lock` is for Python {version} and later"));
    assert_eq!(versions(&text(&plugin, "requirements.lock")), ["alpha==2.0"]);
    fs::remove_file(plugin.root.join("requirements.lock")).unwrap();
    plugin.write("pyproject.toml", "[project]\nname = 'x'\nrequires-python = '>=3.9'\n");
    lock(&plugin).ok().stderr_lacks("is for Python");
    let locked = text(&plugin, "requirements.lock");
    assert!(locked.contains("alpha==1.0 ; python_full_version < '3.11'"), "{locked}");
}

#[test]
fn a_project_that_only_uv_can_follow_gets_the_lock_of_uv() {
    let (packages, plugin) = needing("");
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    let index = format!("[[tool.uv.index]]\nname = 'own'\nurl = '{}'\ndefault = true\n", packages.url());
    let project =
        format!("[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['alpha']\n{index}");
    plugin.write("pyproject.toml", &project);
    let fetched = format!("`uv.lock` has installers fetch from `{}`", packages.url());
    lock(&plugin).ok().stderr_has("`uv.lock` is written").stderr_has(&fetched);
    check(&plugin).ok();
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==2.0", "beta==1.0"]);
    assert!(!plugin.root.join("requirements.lock").exists());
    plugin.write("pyproject.toml", &project.replace("'alpha'", "'alpha<2'"));
    check(&plugin).exits(16);
    plugin.sync().stderr_has("`uv.lock` is out of date");
    lock(&plugin).ok();
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"]);
}

#[test]
fn a_script_gets_a_lock_beside_it() {
    let (packages, plugin) = needing("");
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    let script = "# /// script\n# dependencies = ['alpha']\n# requires-python = '>=3.8'\n# ///\nimport alpha\n";
    let plugin = plugin.file("a/server.py", script).file("b/server.py", script);
    let server = |name: &str| {
        format!("\"{name}\": {{\"command\": \"x\", \"args\": [\"${{CLAUDE_PLUGIN_ROOT}}/{name}/server.py\"]}}")
    };
    plugin.write(".mcp.json", &format!("{{\"mcpServers\": {{{}, {}}}}}", server("a"), server("b")));
    plugin.command(["lock", "--environment", "a"]).run().ok().stderr_has("`a/server.py.lock` is written");
    assert!(!plugin.root.join("b/server.py.lock").exists());
    check(&plugin).exits(16).stderr_has("`a/server.py.lock` is up to date").stderr_has("use `b/server.py.lock`");
    packages.add(&Wheel::simple("alpha", "3.0"));
    plugin.sync().ok();
    let of = |name: &str| plugin.check()["environments"][usize::from(name == "b")]["current"]["packages"].to_string();
    assert!(of("a").contains("alpha==2.0") && of("b").contains("alpha==3.0"), "{}", plugin.check());
    plugin.command(["lock", "--environment", "a"]).run().ok().stderr_has("`a/server.py.lock` stays as it is");
    plugin.write("a/server.py", &script.replace("import alpha", "import beta"));
    plugin.command(["lock", "--check", "--environment", "a"]).run().ok();
    plugin.write("a/server.py", &script.replace("'alpha'", "'alpha<2'"));
    plugin.command(["lock", "--check", "--environment=a"]).run().exits(16);
    plugin.sync().ok().stderr_has("`a/server.py.lock` is out of date: `server.py` is no longer what it was");
    // uv takes the lock for its own.
    let uv = plugin.bare_command("uv").args(["lock", "--check", "--script"]).arg(plugin.root.join("a/server.py"));
    uv.run().exits(1);
    lock(&plugin).ok();
    let uv = plugin.bare_command("uv").args(["lock", "--check", "--script"]).arg(plugin.root.join("a/server.py"));
    uv.run().ok();
}

#[test]
fn what_names_places_beside_itself_is_locked_by_uv_alone() {
    let (_packages, plugin) = needing("");
    fs::remove_file(plugin.root.join("requirements.txt")).unwrap();
    let source = "[tool.uv.sources]\nepsilon = { path = 'epsilon-1.0-py3-none-any.whl' }\n";
    let block = format!("dependencies = ['epsilon']\n{source}");
    let block: String = block.lines().map(|line| format!("# {line}\n")).collect();
    let plugin = plugin.file("server.py", &format!("# /// script\n{block}# ///\n"));
    plugin.write("pyproject.toml", &format!("[project]\nname = 'x'\ndependencies = ['epsilon']\n{source}"));
    Wheel::simple("epsilon", "1.0").write(&plugin.root);
    let before = Tree::of(&plugin.root);
    lock(&plugin).exits(6).stderr_has("it names places beside itself").stderr_has("run `uv lock`\n");
    assert_same(&before, &Tree::of(&plugin.root));
    plugin.write("plugdeps.toml", "manifest = 'server.py'\n");
    lock(&plugin).exits(6).stderr_has("run `uv lock --script server.py`");
}

#[test]
fn a_lock_of_somebody_else_is_not_overwritten() {
    let (packages, plugin) = needing("alpha\n");
    let alpha = Wheel::simple("alpha", "9.0").write_hashed(packages.directory());
    plugin.write("requirements.lock", &alpha);
    lock(&plugin).ok().stderr_has("`requirements.lock` is a lock that something else wrote");
    check(&plugin).ok();
    assert_eq!(text(&plugin, "requirements.lock"), alpha);
    plugin.write("plugdeps.toml", "manifest = 'requirements.txt'\n");
    lock(&plugin).exits(2).stderr_has("something else wrote the one there");
    assert_eq!(text(&plugin, "requirements.lock"), alpha);
}

#[test]
fn a_file_that_the_configuration_names_gets_a_lock_that_it_is_to_name_instead() {
    let (packages, plugin) = needing("beta\n");
    let plugin = plugin.file("deps/server.txt", "alpha\n");
    plugin.write("plugdeps.toml", "directory = 'deps'\nmanifest = 'server.txt'\n");
    lock(&plugin).ok().stderr_has("write `manifest = \"server.lock\"`");
    plugin.write("plugdeps.toml", "directory = 'deps'\nmanifest = 'server.lock'\n");
    packages.add(&Wheel::simple("alpha", "3.0"));
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==2.0", "beta==1.0"]);
    check(&plugin).ok();
    plugin.write("deps/server.txt", "alpha<2\n");
    check(&plugin).exits(16);
    lock(&plugin).ok().stderr_lacks("write `manifest");
    check(&plugin).ok();
}

#[test]
fn wheels_in_the_plugin_are_locked_where_they_lie() {
    for installer in BOTH {
        let (_packages, plugin) = needing("alpha\n");
        let plugin = plugin.file(
            "deps/requirements.txt",
            "./own wheels/epsilon-1.0-py3-none-any.whl\n../zeta-1.0-py3-none-any.whl\nalpha\n",
        );
        plugin.write("plugdeps.toml", "directory = 'deps'\n");
        Wheel::simple("epsilon", "1.0").write(&plugin.root.join("deps/own wheels"));
        Wheel::simple("zeta", "1.0").write(&plugin.root);
        lock(&plugin).ok();
        let locked = text(&plugin, "deps/requirements.lock");
        assert!(locked.contains("\n./own wheels/epsilon-1.0-py3-none-any.whl \\\n    --hash=sha256:"), "{locked}");
        assert!(locked.contains("\n../zeta-1.0-py3-none-any.whl \\\n    --hash=sha256:"), "{locked}");
        assert!(!locked.contains("file:"), "{locked}");
        let plugin = if installer == Installer::Pip { plugin.no_uv() } else { plugin };
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==2.0", "beta==1.0", "epsilon==1.0", "zeta==1.0"]);
    }
}

#[test]
fn the_index_that_a_file_names_is_in_its_lock_and_the_users_is_not() {
    let (packages, plugin) = needing("");
    let login = packages.url_with_login("me:pass-word-1");
    packages.login(Some("me:pass-word-1"));
    plugin.write("requirements.txt", "alpha\n");
    let plugin = plugin.index_url(&login);
    lock(&plugin).ok().stderr_lacks("pass-word-1");
    assert!(!text(&plugin, "requirements.lock").contains("://"));
    packages.login(None);
    fs::remove_file(plugin.root.join("requirements.lock")).unwrap();
    let plugin = plugin.without_index();
    plugin.write("requirements.txt", &format!("--index-url {}\nalpha\n", packages.url()));
    lock(&plugin).ok();
    assert!(text(&plugin, "requirements.lock").contains(&format!("\n--index-url {}\n", packages.url())));
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==2.0", "beta==1.0"]);
}

#[test]
fn a_login_never_gets_into_a_lock() {
    let (packages, plugin) = needing("");
    packages.login(Some("me:pass-word-1"));
    let url = packages.url_with_login("me:pass-word-1");
    let file = url.replace("/simple", "/files/alpha-1.0-py3-none-any.whl");
    let script = format!("# /// script\n# dependencies = ['alpha @ {file}']\n# ///\n");
    let plugin = plugin.index_url(&url).file("server.py", &script);
    for (config, manifest, lock_file) in [
        ("", format!("alpha @ {file}\n"), "requirements.lock"),
        ("", format!("--index-url {url}\nalpha\n"), "requirements.lock"),
        ("manifest = 'server.py'\n", String::new(), "server.py.lock"),
    ] {
        plugin.write("plugdeps.toml", config);
        plugin.write("requirements.txt", &manifest);
        let output = lock(&plugin);
        output.exits(6).stderr_has(&format!("write `{lock_file}`")).stderr_has("a login would stand in it");
        output.stderr_lacks("pass-word-1").stderr_has("write variables in its place, `${USER}:${TOKEN}`");
        assert!(!plugin.root.join(lock_file).exists());
    }
    let plugin = plugin.env("NAME", "me").env("WORD", "pass-word-1");
    let variables = file.replace("me:pass-word-1", "${NAME}:${WORD}");
    plugin.write("plugdeps.toml", "");
    plugin.write("requirements.txt", &format!("alpha @ {variables}\n"));
    lock(&plugin).ok().stderr_lacks("pass-word-1");
    let locked = text(&plugin, "requirements.lock");
    assert!(locked.contains("${NAME}:${WORD}@") && !locked.contains("pass-word-1"), "{locked}");
    for path in Tree::of(&plugin.data).paths() {
        let bytes = fs::read(plugin.data.join(path)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("pass-word-1"), "{}", path.display());
    }
}

#[test]
fn without_uv_it_is_fetched_to_lock_once_for_all_plugins_of_an_author() {
    let plugin = Plugin::new("demo").online().file("requirements.txt", "six==1.16.0\n");
    let mut plugin = plugin.env("PYTHONDONTWRITEBYTECODE", "1").file("plugdeps.toml", "installer = 'pip'\n");
    plugin.data = plugin.home.join(".local/share/plugdeps/demo");
    lock(&plugin).ok().stderr_has("pip fetches uv, which is kept in `");
    assert_eq!(versions(&text(&plugin, "requirements.lock")), ["six==1.16.0"]);
    assert!(plugin.generations_of("main").is_empty(), "what was made for it is gone");
    lock(&plugin).ok().stderr_lacks("pip fetches uv");
    // Nor is it fetched for another plugin of the same author.
    let other = plugin.temp().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("requirements.txt"), "six==1.16.0\n").unwrap();
    let lock_other = plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).arg("--root").arg(&other).arg("lock").run();
    lock_other.ok().stderr_lacks("pip fetches uv").stderr_has("`requirements.lock` is written");
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["six==1.16.0"]);
}

#[test]
fn what_cannot_be_resolved_is_told_and_nothing_is_written() {
    let (_packages, plugin) = needing("alpha>9\n");
    let before = Tree::of(&plugin.root);
    lock(&plugin).exits(9).stderr_has("no version of a package satisfies the manifest");
    assert_same(&before, &Tree::of(&plugin.root));
    assert!(plugin.generations_of("main").is_empty());
}

#[test]
fn the_hosts_copy_of_a_plugin_is_not_written() {
    let (packages, _) = needing("");
    let plugin =
        Plugin::at("demo", ".claude/plugins/cache/market").index(&packages).uv().file("requirements.txt", "alpha\n");
    lock(&plugin).exits(2).stderr_has("the host's copy of the plugin").stderr_has("`--root`");
    assert!(!plugin.root.join("requirements.lock").exists());
    check(&plugin).exits(16);
}

#[test]
fn other_locks_are_left_alone_and_check_of_lock_is_its_own_flag() {
    let plugin = Plugin::new("x").fixture("pylock");
    let before = Tree::of(&plugin.root);
    lock(&plugin).ok().stderr_has("`pylock.toml` is a lock that something else wrote");
    check(&plugin).ok();
    assert_same(&before, &Tree::of(&plugin.root));
    plugin.command(["sync", "--check"]).run().stdout_has("environment main");
    Plugin::new("x").file("requirements.txt", "").command(["lock", "--rebuild"]).run().exits(2);
}
