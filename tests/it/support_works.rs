//! The test support does what the tests believe it does.

#![allow(clippy::disallowed_methods)]

use crate::support::*;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// An index with `alpha`, which needs `beta`.
fn index() -> (TempDir, Index) {
    let wheels = tempfile::tempdir().unwrap();
    Wheel::simple("alpha", "1.0")
        .requires("beta>=1")
        .console_script("alpha-tool", "alpha:main")
        .module("alpha.py", "def main(): print('alpha-tool runs')\n")
        .write(wheels.path());
    Wheel::simple("beta", "1.5").python(">=3.8").write(wheels.path());
    Wheel::simple("beta", "2.0").python(">=3.99").write(wheels.path());
    let index = Index::serve(wheels.path());
    (wheels, index)
}

fn plain_index(packages: &[(&str, &str)]) -> (TempDir, Index) {
    let wheels = tempfile::tempdir().unwrap();
    packages.iter().for_each(|(name, version)| drop(Wheel::simple(name, version).write(wheels.path())));
    let index = Index::serve(wheels.path());
    (wheels, index)
}

fn pip_install(plugin: &Plugin, requirement: &str) -> Output {
    let target = plugin.data.join("packages");
    plugin
        .bare_command("python3")
        .args(["-m", "pip", "install", "--no-input", "--retries=1", "-t"])
        .arg(target)
        .arg(requirement)
        .run()
}

fn uv_install(plugin: &Plugin, requirement: &str) -> Output {
    let target = plugin.data.join("packages");
    plugin.bare_command("uv").args(["pip", "install", "--target"]).arg(target).arg(requirement).run()
}

fn import(plugin: &Plugin, package: &str) -> Output {
    let packages = plugin.data.join("packages");
    let line = format!("import {package}; print({package}.VALUE)");
    plugin.bare_command("python3").env("PYTHONPATH", packages).args(["-c", &line]).run()
}

#[test]
fn pip_installs_from_the_index_a_package_and_the_newest_dependency_this_python_may_have() {
    let (_wheels, index) = index();
    let plugin = Plugin::new("x").index(&index);
    pip_install(&plugin, "alpha").ok();
    import(&plugin, "beta").ok().stdout_is("beta 1.5\n");
    let script = plugin.bare_command(plugin.data.join("packages/bin/alpha-tool"));
    script.env("PYTHONPATH", plugin.data.join("packages")).run().ok().stdout_is("alpha-tool runs\n");
}

#[test]
fn pip_of_other_versions_installs_from_the_index_too() {
    let (_wheels, index) = index();
    for version in ["21.3", "23.2", "26.3"] {
        let plugin = Plugin::new("x").index(&index).env("PYTHONPATH", tools::pip_package(version));
        let said = plugin.bare_command("python3").args(["-m", "pip", "--version"]).run();
        said.stdout_has(&format!("pip {version} "));
        pip_install(&plugin, "alpha").ok();
        import(&plugin, "beta").ok().stdout_is("beta 1.5\n");
    }
}

#[test]
fn uv_installs_from_the_index_too_and_accepts_every_record() {
    let (_wheels, index) = index();
    let plugin = Plugin::new("x").index(&index).uv();
    uv_install(&plugin, "alpha").ok().stderr_lacks("warning");
    import(&plugin, "beta").ok().stdout_is("beta 1.5\n");
    assert!(index.log().contains(&"GET /simple/beta/".to_owned()), "{:?}", index.log());
}

#[test]
fn an_index_that_recovers_serves_both() {
    let (_wheels, index) = plain_index(&[("alpha", "1.0")]);
    let plugin = Plugin::new("x").index(&index).uv();
    index.fail_first(1);
    pip_install(&plugin, "alpha").ok();
    index.fail_first(1);
    uv_install(&plugin, "alpha").ok();
}

#[test]
fn an_index_can_be_wrong_in_many_ways_and_both_notice() {
    let (_wheels, index) = plain_index(&[("alpha", "1.0")]);
    let plugin = Plugin::new("x").index(&index).uv().env("UV_HTTP_RETRIES", "0");
    let break_it: [fn(&Index) -> &faults::Faulty; 4] = [
        |index| index.status(Some(403)),
        |index| index.corrupt(true),
        |index| index.truncate(true),
        |index| index.login(Some("me:pw")),
    ];
    for change in break_it {
        change(&index);
        pip_install(&plugin, "alpha").exits(1);
        let status = uv_install(&plugin, "alpha").status;
        assert!(matches!(status.code(), Some(1 | 2)), "{status}");
        index.status(None).corrupt(false).truncate(false).login(None);
    }
    uv_install(&plugin, "alpha").ok();
}

#[test]
fn a_login_in_the_address_is_accepted() {
    let (_wheels, index) = plain_index(&[("alpha", "1.0")]);
    index.login(Some("me:p:w"));
    let plugin = Plugin::new("x").index_url(&index.url_with_login("me:p%3Aw")).uv();
    pip_install(&plugin, "alpha").ok();
    uv_install(&plugin, "alpha").ok();
}

#[test]
fn latency_and_rate_take_their_time() {
    let wheels = tempfile::tempdir().unwrap();
    Wheel::simple("alpha", "1.0").payload(50_000).write(wheels.path());
    let index = Index::serve(wheels.path());
    let plugin = Plugin::new("x").index(&index).uv();
    index.latency(Duration::from_millis(300)).rate(Some(50_000));
    let output = uv_install(&plugin, "alpha");
    assert!(output.ok().elapsed > Duration::from_millis(1300), "{output}");
}

#[test]
fn a_held_package_arrives_late_and_no_client_gives_it_up() {
    for install in [pip_install, uv_install] {
        let (_wheels, index) = plain_index(&[("alpha", "1.0")]);
        index.hold("alpha", Duration::from_secs(3));
        let plugin = Plugin::new("x").index(&index).uv().env("PIP_DEFAULT_TIMEOUT", "1").env("UV_HTTP_TIMEOUT", "1");
        let output = install(&plugin, "alpha");
        assert!(output.ok().elapsed > Duration::from_secs(3), "{output}");
        output.stderr_lacks("timed out").stderr_lacks("Retrying");
    }
}

#[test]
fn a_stopped_index_refuses_connections() {
    let (_wheels, index) = plain_index(&[("alpha", "1.0")]);
    let plugin = Plugin::new("x").index(&index).uv().env("UV_HTTP_RETRIES", "0");
    index.stop();
    uv_install(&plugin, "alpha").stderr_has("refused");
}

#[test]
fn a_new_version_is_seen_at_once() {
    let (wheels, index) = plain_index(&[("alpha", "1.0")]);
    let plugin = Plugin::new("x").index(&index).uv();
    uv_install(&plugin, "alpha").ok();
    Wheel::simple("alpha", "1.1").write(wheels.path());
    uv_install(&plugin, "alpha==1.1").ok();
    import(&plugin, "alpha").stdout_is("alpha 1.1\n");
}

#[test]
fn a_wheel_is_the_same_each_time_and_its_hash_is_accepted() {
    let (wheels, index) = plain_index(&[("alpha", "1.0")]);
    let line = Wheel::simple("alpha", "1.0").write_hashed(wheels.path());
    assert_eq!(line, Wheel::simple("alpha", "1.0").write_hashed(wheels.path()));
    let plugin = Plugin::new("x").index(&index).uv().file("requirements.txt", &line);
    let requirements = format!("-r{}", plugin.root.join("requirements.txt").display());
    pip_install(&plugin, &requirements).ok();
    uv_install(&plugin, &requirements).ok();
}

#[test]
fn a_broken_source_distribution_fails_in_its_own_build() {
    let (wheels, index) = plain_index(&[]);
    broken_sdist("gamma", "1.0", wheels.path());
    let plugin = Plugin::new("x").index(&index).uv();
    pip_install(&plugin, "gamma").exits(1).stderr_has("the compiler of this test is missing");
    uv_install(&plugin, "gamma").exits(1).stderr_has("the compiler of this test is missing");
}

#[test]
fn uv_is_on_path_only_when_it_was_asked_for() {
    let find_uv = |plugin: &Plugin| plugin.bare_command("sh").args(["-c", "command -v uv"]).run();
    let plugin = Plugin::new("x").uv();
    find_uv(&plugin).ok();
    find_uv(&plugin.no_uv()).stdout_is("");
}

#[test]
fn python_on_path_makes_environments_with_the_names_that_were_asked_for() {
    for python in std::iter::once(tools::python()).chain(tools::pythons().into_iter().take(1)) {
        let plugin = Plugin::at("x", "it's a \"$dir\"").python(&python);
        let venv = plugin.data.join("env");
        plugin.bare_command("python3").args(["-m", "venv", "--without-pip"]).arg(&venv).run().ok();
        let said = plugin.bare_command(venv.join("bin/python")).args(["-c", "import sys; print(sys.prefix)"]).run();
        said.ok().stdout_is(&format!("{}\n", venv.display()));
    }
}

#[test]
fn the_sdk_server_answers_when_its_wheels_are_installed() {
    let index = Index::serve(&tools::mcp_wheels());
    let plugin = Plugin::new("x").fixture("requirements").index(&index).uv();
    uv_install(&plugin, &format!("-r{}", plugin.root.join("requirements.txt").display())).ok();
    let server = plugin.bare_command("python3").env("PYTHONPATH", plugin.data.join("packages"));
    let mut server = McpClient::spawn(server.arg(plugin.root.join("server.py")).into_command());
    let discovered = server.discover_first();
    assert!(discovered.is_none_or(|answer| answer.get("error").is_some()));
    server.initialize();
    assert_eq!(server.list_tools(), ["where", "add"]);
    assert_eq!(text_of(&server.call_tool("add", json!({ "a": 2, "b": 3 }))), "5");
    server.close_stdin();
    assert!(server.wait(Duration::from_secs(10)).success());
}

#[test]
fn the_old_shell_line_works_with_the_plugins_path_and_the_client_speaks_to_its_server() {
    let (_wheels, index) = plain_index(&[("alpha", "1.0")]);
    let plugin = Plugin::new("x").fixture("shell-line").index(&index).pip();
    plugin.hook().ok();
    let mut server = plugin.server("plain");
    assert_eq!(server.discover_first().unwrap()["error"]["code"], -32601);
    assert_eq!(server.initialize()["protocolVersion"], "2025-11-25");
    assert_eq!(server.list_tools(), ["value", "where"]);
    assert_eq!(text_of(&server.call_tool("value", json!({}))), "alpha 1.0");
    assert_eq!(server.request("no/such", json!({})).unwrap_err()["code"], -32601);
    assert!(server.notifications().is_empty());
    assert!(!server.end_like_the_host().success());
}

#[test]
fn a_noisy_package_spoils_a_server_and_the_client_shows_it() {
    let wheels = tempfile::tempdir().unwrap();
    Wheel::noisy("alpha", "1.0").write(wheels.path());
    let index = Index::serve(wheels.path());
    let plugin = Plugin::new("x").fixture("shell-line").index(&index).pip();
    plugin.hook().ok();
    let failure = std::panic::catch_unwind(|| plugin.server("plain").initialize()).unwrap_err();
    let text = failure.downcast_ref::<String>().unwrap();
    assert!(text.contains("not json") && text.contains("noise on stdout"), "{text}");
}

#[test]
fn a_server_without_its_package_is_reported_with_its_last_words() {
    let plugin = Plugin::new("x").fixture("shell-line");
    let failure = std::panic::catch_unwind(|| plugin.server("plain").initialize()).unwrap_err();
    let text = failure.downcast_ref::<String>().unwrap();
    assert!(text.contains("No module named 'alpha'"), "{text}");
}

#[test]
fn a_tree_shows_what_was_added_changed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("kept", "1");
    write("gone", "1");
    let before = Tree::of(directory.path());
    assert_same(&before, &Tree::of(directory.path()));
    write("kept", "2");
    write("new", "1");
    fs::remove_file(directory.path().join("gone")).unwrap();
    let after = Tree::of(directory.path());
    let failure = std::panic::catch_unwind(|| assert_same(&before, &after)).unwrap_err();
    let text = failure.downcast_ref::<String>().unwrap();
    for line in ["removed  gone", "changed  kept", "added    new"] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(Tree::of(Path::new("/no/such/directory")).paths().count(), 0);
}

#[test]
fn a_command_that_does_not_end_is_killed_and_shown() {
    let sleeper = || Cmd::new("sh").args(["-c", "echo started; sleep 60"]).timeout(Duration::from_millis(300)).run();
    let failure = std::panic::catch_unwind(sleeper).err().unwrap();
    let text = failure.downcast_ref::<String>().unwrap();
    assert!(text.contains("did not end in time") && text.contains("started"), "{text}");
}

#[test]
fn the_end_that_the_host_brings_reaches_a_child_in_a_session_of_its_own() {
    let plugin = Plugin::new("x");
    let line = "import subprocess; subprocess.run(['sleep', '60'], start_new_session=True)";
    let hook = plugin.bare_command("python3").args(["-c", line]).spawn();
    wait_until("both run", Duration::from_secs(10), || processes::descendants(hook.pid()).len() == 1);
    hook.end_like_the_host();
    hook.wait();
    assert!(plugin.processes().is_empty(), "{:?}", plugin.processes());
}

#[test]
fn a_dropped_plugin_leaves_no_process_behind() {
    let plugin = Plugin::new("x");
    let orphan = "(sleep 60 >/dev/null 2>&1 &)";
    plugin.bare_command("sh").args(["-c", orphan]).run().ok();
    let [pid] = plugin.processes()[..] else { panic!("expected one process") };
    drop(plugin);
    wait_until("the orphan is gone", Duration::from_secs(5), || !processes::is_alive(pid));
}

#[test]
fn every_manager_makes_a_lock_and_installs_by_it_from_the_registry() {
    let registry = Registry::usual();
    for manager in Manager::EVERY {
        let plugin = Plugin::locking(manager, &[("beta", "^1.0.0")], &registry);
        plugin.sync().ok();
        assert_eq!(plugin.export_of("beta"), "beta 1.0.0", "{manager:?}");
        assert_eq!(plugin.run(["node", "--version"]).ok().stderr, "");
    }
}
