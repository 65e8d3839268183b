//! What a user's or a plugin's files of settings tell npm, pnpm and yarn: where packages come from, and never where they go.

use crate::support::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Settings after which npm would install for the whole machine, or nothing.
const OF_NPM: [&str; 5] = ["location=global", "global=true", "package-lock-only=true", "usage=true", "workspaces=true"];
const OF_PNPM: [&str; 7] = [
    "modules-dir=other",
    "enable-modules-dir=false",
    "lockfile-only=true",
    "symlink=false",
    "virtual-store-dir=OUTSIDE",
    "lockfile=false",
    "package-lock=false",
];
const OF_YARN: [&str; 4] =
    ["--modules-folder OUTSIDE", "--install.modules-folder OUTSIDE", "--cwd OUTSIDE", "--pnp true"];

/// A Node of the plugin's own, with a copy of this npm and a package that its user has installed globally. A link to the
/// machine's packages would have npm remove those.
fn with_global_packages(plugin: &Plugin, manager: Manager) -> PathBuf {
    let global = plugin.temp().join("own-node/lib/node_modules");
    fs::create_dir_all(global.join("precious")).unwrap();
    fs::write(global.join("precious/package.json"), "{\"name\":\"precious\",\"version\":\"1.0.0\"}").unwrap();
    copy(manager.program().ancestors().nth(2).unwrap(), &global.join("npm"));
    let program = plugin.temp().join("own-node/bin/node");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    copy(&fs::canonicalize(node::program().unwrap()).unwrap(), &program);
    plugin.link_as("node", &program);
    global
}

/// Builds with each of these settings in the first of these files, and with all of them in each of the others, and sees that the packages are in the environment and nowhere else.
#[track_caller]
fn are_without_effect(plugin: &Plugin, settings: &[&str], places: &[PathBuf], untouched: &Path) {
    let outside = plugin.temp().join("outside");
    fs::create_dir_all(&outside).unwrap();
    let before = [Tree::of(untouched), Tree::of(&outside)];
    let (first, others) = places.split_first().unwrap();
    let one_by_one = settings.iter().map(|setting| ((*setting).to_owned(), first));
    for (setting, place) in one_by_one.chain(others.iter().map(|place| (settings.join("\n"), place))) {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, setting.replace("OUTSIDE", outside.to_str().unwrap()) + "\n").unwrap();
        let output = plugin.command(["sync", "--rebuild"]).run();
        let after = [Tree::of(untouched), Tree::of(&outside)];
        assert!(before == after, "`{setting}` in `{}` writes elsewhere\n{output}", place.display());
        assert!(output.status.success(), "`{setting}` in `{}`\n{output}", place.display());
        assert_eq!(plugin.export_of("alpha"), "alpha 1.0.0", "`{setting}` in `{}`\n{output}", place.display());
        fs::remove_file(place).unwrap();
    }
}

#[test]
fn settings_of_npm_in_files_neither_move_packages_nor_touch_those_of_the_machine() {
    let registry = Registry::usual();
    for manager in [Manager::Npm, Manager::Npm10] {
        let plugin = Plugin::asking(Manager::Npm, &[("alpha", "^1.0.0")], &registry);
        let global = with_global_packages(&plugin, manager);
        let places = [plugin.home.join(".npmrc"), plugin.root.join(".npmrc")];
        are_without_effect(&plugin, &OF_NPM, &places, &global);
        plugin.lock(Manager::Npm);
        are_without_effect(&plugin, &OF_NPM[..1], &places[..1], &global);
    }
}

#[test]
fn scripts_of_packages_of_the_machine_are_not_run() {
    let registry = Registry::usual();
    let plugin =
        Plugin::asking(Manager::Npm, &[("alpha", "^1.0.0")], &registry).file("plugdeps.toml", "scripts = true");
    let global = with_global_packages(&plugin, Manager::Npm);
    let script = "{\"name\":\"precious\",\"version\":\"1.0.0\",\"scripts\":{\"postinstall\":\"echo > ran\"}}";
    fs::write(global.join("precious/package.json"), script).unwrap();
    fs::write(plugin.home.join(".npmrc"), "location=global\n").unwrap();
    let before = Tree::of(&global);
    plugin.sync().ok();
    assert_same(&before, &Tree::of(&global));
}

#[test]
fn a_variable_that_asks_npm_for_its_usage_has_no_effect() {
    let registry = Registry::usual();
    let plugin = Plugin::asking(Manager::Npm, &[("alpha", "^1.0.0")], &registry).env("npm_config_usage", "true");
    plugin.sync().ok();
    assert_eq!(plugin.export_of("alpha"), "alpha 1.0.0");
}

#[test]
fn settings_of_pnpm_in_files_move_no_packages() {
    let registry = Registry::usual();
    let plugin = Plugin::locking(Manager::Pnpm, &[("alpha", "^1.0.0")], &registry);
    let places = [plugin.home.join(".config/pnpm/rc"), plugin.home.join(".npmrc"), plugin.root.join(".npmrc")];
    are_without_effect(&plugin, &OF_PNPM, &places, &plugin.project);
}

#[test]
fn settings_of_yarn_in_files_move_no_packages() {
    let registry = Registry::usual();
    let plugin = Plugin::locking(Manager::Yarn, &[("alpha", "^1.0.0")], &registry);
    let places = [plugin.home.join(".yarnrc"), plugin.root.join(".yarnrc")];
    are_without_effect(&plugin, &OF_YARN, &places, &plugin.project);
}

#[test]
fn each_manager_is_shown_what_lies_deeper_in_the_directories_of_patches_and_plugins_and_nothing_outside() {
    let registry = Registry::usual();
    for manager in [Manager::Npm, Manager::Pnpm, Manager::Yarn, Manager::Berry, Manager::Bun] {
        let plugin = Plugin::locking(manager, &[("alpha", "^1.0.0")], &registry)
            .file("patches/a/b/deep.patch", "")
            .file(".yarn/plugins/@yarnpkg/plugin-x.cjs", TELLING)
            .file(".yarnrc.yml", "plugins:\n  - path: .yarn/plugins/@yarnpkg/plugin-x.cjs\n    spec: plugin-x\n");
        let seen = plugin.temp().join("seen");
        let plugin = plugin.env("SEEN", &seen);
        fs::write(plugin.project.join("secret"), "").unwrap();
        for (target, link) in [("", "patches/outside"), ("secret", "patches/a/secret")] {
            std::os::unix::fs::symlink(plugin.project.join(target), plugin.root.join(link)).unwrap();
        }
        plugin.sync().ok();
        assert_eq!(plugin.export_of("alpha"), "alpha 1.0.0", "{manager:?}");
        if manager == Manager::Berry {
            assert_eq!(fs::read_to_string(seen).unwrap(), "a,a/b,a/b/deep.patch");
        }
    }
}

/// A plugin of yarn that writes down which patches it is shown.
const TELLING: &str = "const fs = require('fs')\n\
    fs.writeFileSync(process.env.SEEN, fs.readdirSync('patches', { recursive: true }).sort().join())\n\
    module.exports = { name: 'plugin-x', factory: () => ({}) }\n";
