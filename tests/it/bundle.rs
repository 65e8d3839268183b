//! `plugdeps bundle`: packages that lie in the plugin, so that a cold start needs no network at all.

use crate::support::managers::Manager;
use crate::support::namespace::without_network;
use crate::support::registry::{NpmPackage, Registry};
use crate::support::*;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// A plugin with uv that needs `alpha`, which needs `beta` and, on Windows, `gamma`.
fn python(files: &[(&str, &str)]) -> (Packages, Plugin) {
    let alpha = Wheel::simple("alpha", "1.0").requires("beta").requires("gamma; sys_platform == 'win32'");
    let packages = Packages::of(&[("beta", "1.0"), ("gamma", "1.0")]).with(&alpha);
    let plugin = Plugin::new("demo").index(&packages).uv();
    files.iter().for_each(|(name, text)| plugin.write(name, text));
    (packages, plugin)
}

/// `alpha`, which needs `beta` and has a part for each of two systems.
fn registry() -> Registry {
    let part = |os: &str| NpmPackage::new(&format!("@alpha/{os}"), "1.0.0").field("os", json!([os]));
    let parts = json!({ "@alpha/linux": "1.0.0", "@alpha/darwin": "1.0.0" });
    let alpha = NpmPackage::new("alpha", "1.0.0").requires("beta", "^1.0.0").field("optionalDependencies", parts);
    Registry::of(&[NpmPackage::new("beta", "1.0.0"), part("linux"), part("darwin"), alpha])
}

#[track_caller]
fn bundle<const N: usize>(plugin: &Plugin, flags: [&str; N]) -> Output {
    plugin.command(["bundle"]).args(flags).run()
}

/// The files of the bundle, below `plugdeps-bundle`.
fn carried(plugin: &Plugin, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(plugin.root.join("plugdeps-bundle").join(directory)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A cold start without a network, not even the loopback. Caches that the author filled are not the user's.
fn cold(plugin: &Plugin) -> Option<Output> {
    let _ = fs::remove_dir_all(plugin.data.join("plugdeps"));
    let _ = fs::remove_dir_all(&plugin.home);
    fs::create_dir_all(&plugin.home).unwrap();
    without_network(plugin, plugin.command(["sync"])).map(Cmd::run)
}

fn installer(plugin: &Plugin) -> String {
    plugin.check()["environments"][0]["current"]["installer"].as_str().unwrap().to_owned()
}

#[test]
fn a_cold_start_of_python_needs_no_network_with_uv_and_with_pip() {
    let (_packages, plugin) = python(&[("requirements.txt", "alpha\n")]);
    let said = bundle(&plugin, []);
    said.ok()
        .stdout_is("")
        .stderr_has("environment main: 2 wheels for linux-")
        .stderr_has(" MB: ship it with the plugin");
    assert_eq!(carried(&plugin, ""), ["main.lock", "wheels"]);
    assert_eq!(carried(&plugin, "wheels"), ["alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]);
    let Some(synced) = cold(&plugin) else { return };
    synced.ok();
    assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"]);
    assert!(installer(&plugin).starts_with("uv "));
    let plugin = plugin.no_uv();
    cold(&plugin).unwrap().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"]);
    assert!(installer(&plugin).starts_with("pip "));
}

#[test]
fn a_server_is_started_cold_without_a_network() {
    let (_packages, plugin) = python(&[("requirements.txt", "alpha\n")]);
    bundle(&plugin, []).ok();
    let run = plugin.command(["run", "python", "-c", "import alpha; print(alpha.VALUE)"]);
    let Some(run) = without_network(&plugin, run) else { return };
    run.run().ok().stdout_is("alpha 1.0\n");
}

#[test]
fn every_kind_of_manifest_of_python_is_carried_and_pip_follows_a_lock_of_uv() {
    let project = "[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.9'\ndependencies = ['alpha']\n";
    let script = "# /// script\n# dependencies = ['alpha']\n# ///\nimport alpha\n";
    let servers = r#"{ "mcpServers": { "s": { "command": "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps", "args": ["run", "--",
        "python", "${CLAUDE_PLUGIN_ROOT}/server.py"] } } }"#;
    type Kind<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let kinds: [Kind<'_>; 4] = [
        (&[("pyproject.toml", project)], &[]),
        (&[("pyproject.toml", project)], &["lock", "--quiet"]),
        (
            &[("pyproject.toml", project)],
            &["export", "--quiet", "--format", "pylock.toml", "--output-file", "pylock.toml"],
        ),
        (&[("server.py", script), (".mcp.json", servers)], &["lock", "--quiet", "--script", "server.py"]),
    ];
    for (files, locking) in kinds {
        let (_packages, plugin) = python(files);
        if !locking.is_empty() {
            plugin.bare_command("uv").args(locking).cwd(&plugin.root).run().ok();
        }
        if locking.first() == Some(&"export") {
            fs::remove_file(plugin.root.join("uv.lock")).unwrap();
            fs::remove_file(plugin.root.join("pyproject.toml")).unwrap();
        }
        bundle(&plugin, []).ok();
        let plugin = plugin.no_uv();
        let Some(synced) = cold(&plugin) else { return };
        synced.ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"], "{files:?} {locking:?}");
        assert!(installer(&plugin).starts_with("pip "), "{files:?} {locking:?}");
    }
}

#[test]
fn wheels_are_carried_for_the_systems_and_versions_that_are_named() {
    let (packages, plugin) = python(&[("requirements.txt", "alpha\ndelta\n")]);
    for tag in [
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp312-cp312-win_amd64",
        "cp311-cp311-win_amd64",
        "cp312-cp312-manylinux_2_28_x86_64",
    ] {
        packages.add(&Wheel::simple("delta", "1.0").tag(tag));
    }
    bundle(&plugin, ["--platform", "linux-x64,win32-x64", "--python=3.11", "--python=3.12"]).ok();
    let wheels = carried(&plugin, "wheels");
    assert_eq!(wheels.len(), 7, "{wheels:?}");
    assert!(wheels.contains(&"gamma-1.0-py3-none-any.whl".to_owned()));
    let place = plugin.root.join("plugdeps-bundle");
    let before = Tree::of(&place);
    let refused = bundle(&plugin, ["--platform", "darwin-arm64"]);
    refused.exits(9).stderr_has("fetching for darwin-arm64 with Python 3.11");
    assert_same(&before, &Tree::of(&place));
    let names = fs::read_dir(&plugin.root).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with(".plugdeps-bundle")));
    bundle(&plugin, ["--platform", "linux-x46"]).exits(2).stderr_has("did you mean `linux-x64`?");
    bundle(&plugin, ["--platform", "amiga"]).exits(2).stderr_has("the platforms are linux-x64, ");
    plugin.command(["sync", "--platform", "linux-x64"]).run().exits(2).stderr_has("means nothing to this command");
}

#[test]
fn a_wheel_of_the_plugin_is_carried_and_a_source_that_would_have_to_be_built_is_refused() {
    let (_packages, plugin) = python(&[("requirements.txt", "./wheels/own-2.0-py3-none-any.whl\n")]);
    fs::create_dir(plugin.root.join("wheels")).unwrap();
    Wheel::simple("own", "2.0").write(&plugin.root.join("wheels"));
    bundle(&plugin, []).ok();
    let Some(synced) = cold(&plugin) else { return };
    synced.ok();
    assert_eq!(plugin.installed(), ["own==2.0"]);
    let (packages, plugin) = python(&[("requirements.txt", "epsilon\n")]);
    sdist("epsilon", "1.0", "setuptools.build_meta", packages.directory());
    let refused = bundle(&plugin, []);
    assert!(!refused.status.success(), "{refused}");
    assert!(!plugin.root.join("plugdeps-bundle").exists());
}

#[test]
fn packages_that_are_others_than_the_list_says_are_not_installed_and_the_network_is_asked() {
    let (packages, plugin) = python(&[("requirements.txt", "alpha\n")]);
    bundle(&plugin, []).ok();
    let wheel = plugin.root.join("plugdeps-bundle/wheels/beta-1.0-py3-none-any.whl");
    let forged = Wheel::new("beta", "1.0").module("beta.py", "VALUE = 'forged'\n").write(packages.directory());
    fs::copy(&forged, &wheel).unwrap();
    Wheel::simple("beta", "1.0").write(packages.directory());
    let told = "the packages that the plugin carries do not serve here";
    plugin.sync().ok().stderr_has(told);
    assert_eq!(plugin.value_of("beta"), "beta 1.0");
    let Some(synced) = cold(&plugin) else { return };
    synced.exits(9).stderr_has(told);
    fs::remove_file(&wheel).unwrap();
    let plugin = plugin.no_uv();
    plugin.command(["sync"]).run().ok().stderr_has(told);
    assert_eq!(plugin.value_of("beta"), "beta 1.0");
}

#[test]
fn a_bundle_of_an_earlier_manifest_is_not_used_and_said_to_be_old() {
    let (packages, plugin) = python(&[("requirements.txt", "alpha\n")]);
    bundle(&plugin, []).ok();
    plugin.write("requirements.txt", "# the same\r\nalpha\r\n");
    plugin.command(["--check"]).run().exits(10).stdout_lacks("out of date");
    packages.add(&Wheel::simple("alpha", "2.0"));
    plugin.write("requirements.txt", "alpha>=2\n");
    let note = "`plugdeps-bundle/main.lock` is out of date: `requirements.txt` is no longer what it was; `plugdeps bundle` writes it anew";
    plugin.command(["--check"]).run().exits(10).stdout_has(note);
    plugin.sync().ok().stderr_has(note).stderr_lacks("do not serve");
    assert_eq!(plugin.value_of("alpha"), "alpha 2.0");
    bundle(&plugin, []).ok();
    assert_eq!(carried(&plugin, "wheels"), ["alpha-2.0-py3-none-any.whl"]);
    plugin.command(["--check"]).run().ok().stdout_lacks("out of date");
}

#[test]
fn a_cold_start_of_node_needs_no_network_with_a_lock_and_without_one() {
    let registry = registry();
    for manager in [Manager::Npm, Manager::Npm10] {
        let plugin = Plugin::locking(manager, &[("alpha", "^1.0.0")], &registry);
        for _ in 0..2 {
            bundle(&plugin, []).ok().stderr_has("environment node: 3 packages for linux-");
            let archives = carried(&plugin, "npm");
            assert_eq!(archives, ["alpha-1.0.0.tgz", "alpha-linux-1.0.0.tgz", "beta-1.0.0.tgz"]);
            let Some(synced) = cold(&plugin) else { return };
            synced.ok();
            let modules = plugin.data.join("node_modules");
            for there in ["alpha", "beta", "@alpha/linux"] {
                assert!(modules.join(there).join("package.json").is_file(), "{there}");
            }
            let kept = fs::read_to_string(plugin.root.join("plugdeps-bundle/node.lock")).unwrap();
            assert!(!kept.contains(&registry.url()), "{kept}");
            // And once more without a lock.
            let _ = fs::remove_file(plugin.root.join("package-lock.json"));
        }
    }
}

#[test]
fn archives_that_are_missing_or_others_or_for_other_systems_are_not_installed_and_the_registry_is_asked() {
    let registry = registry();
    let plugin = Plugin::locking(Manager::Npm, &[("alpha", "^1.0.0")], &registry).env("npm_config_fetch_retries", "0");
    bundle(&plugin, []).ok();
    let archive = plugin.root.join("plugdeps-bundle/npm/alpha-linux-1.0.0.tgz");
    let told = "the packages that the plugin carries do not serve here";
    let served = |what: &str| {
        let _ = fs::remove_dir_all(plugin.data.join("plugdeps"));
        plugin.sync().ok().stderr_has(told).stderr_has(what);
        assert!(plugin.data.join("node_modules/@alpha/linux/package.json").is_file());
    };
    // npm itself leaves out what it need not have.
    fs::copy(plugin.root.join("plugdeps-bundle/npm/beta-1.0.0.tgz"), &archive).unwrap();
    served("is not what the lock says");
    fs::remove_file(&archive).unwrap();
    served("alpha-linux-1.0.0.tgz`");
    bundle(&plugin, ["--platform", "darwin-arm64"]).ok();
    served("it was made for other systems than linux-");
    let Some(synced) = cold(&plugin) else { return };
    synced.exits(9).stderr_has(told);
}

#[test]
fn only_npm_can_be_handed_packages() {
    let registry = registry();
    let plugin = Plugin::locking(Manager::Pnpm, &[("beta", "^1.0.0")], &registry);
    bundle(&plugin, []).exits(2).stderr_has("carry the packages of `pnpm-lock.yaml`").stderr_has("use npm's lock");
    assert!(!plugin.root.join("plugdeps-bundle").exists());
}

#[test]
fn the_hosts_copy_of_a_plugin_is_not_written() {
    let (_packages, plugin) = python(&[("requirements.txt", "alpha\n")]);
    let copy: PathBuf = plugin.home.join(".claude/plugins/cache/m/demo/1.0.0");
    fs::create_dir_all(copy.join(".claude-plugin")).unwrap();
    fs::write(copy.join(".claude-plugin/plugin.json"), "{\"name\":\"demo\"}").unwrap();
    fs::write(copy.join("requirements.txt"), "alpha\n").unwrap();
    let refused = plugin.command(["bundle", "--root"]).arg(&copy).run();
    refused.exits(2).stderr_has("it is the host's copy of the plugin");
}
