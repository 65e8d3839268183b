//! A build of packages for Node that dies or is refused something at each of its steps, as in `crash_points.rs`; and what
//! it leaves running, or elsewhere.

use crate::support::*;
use rustix::process::Signal;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

/// ENOSPC, EACCES, EIO, EROFS, EMFILE.
const ERRORS: [i32; 5] = [28, 13, 5, 30, 24];
const SERVER: &str = "console.log(require('alpha'))\n";

/// A plugin that a manager serves, and what is played with it.
struct Scene {
    manager: Manager,
    /// Managers are slow: without the variable every so many steps are tried, others each time.
    stride: usize,
    plugin: Plugin,
    saved: PathBuf,
    /// What a start serves afterwards.
    serves: &'static str,
    /// A generation that nothing names, and in which something lives.
    leased: Option<PathBuf>,
}

impl Scene {
    fn new(plugin: Plugin, serves: &'static str, leased: Option<PathBuf>) -> Self {
        let saved = plugin.temp().join("saved");
        copy(&plugin.data, &saved);
        Self { manager: Manager::Npm, stride: 9, plugin, saved, serves, leased }
    }

    /// Plays `sync` for every step of it.
    fn play(&self) {
        let root = Tree::of(&self.plugin.root);
        let stride = if all() { 1 } else { self.stride };
        let first = 1 + Random::seeded().below(stride as u32) as usize;
        let undisturbed = self.undisturbed();
        let (steps, played) = steps::play_each(undisturbed, (first..).step_by(stride), |number| {
            whats(number).iter().filter(|what| self.once(number, what)).count()
        });
        assert_same(&root, &Tree::of(&self.plugin.root));
        let by = format!("`sync` with {:?}: {steps}, of {undisturbed} undisturbed", self.manager);
        println!("CRASH POINTS of {by}, played {played} times");
        assert!(played > undisturbed / stride / 4, "most steps were never reached: this proves nothing");
    }

    /// How many steps `sync` takes when nothing happens to it.
    fn undisturbed(&self) -> usize {
        let log = self.plugin.temp().join("undisturbed.log");
        let lease = self.leased.as_ref().map(|generation| live_in(generation));
        self.plugin.command(["sync"]).env("PLUGDEPS_FAULT_LOG", &log).run().ok();
        drop(lease);
        steps::taken(&fs::read_to_string(&log).unwrap_or_default(), "sync")
    }

    /// One play; whether the step was reached.
    fn once(&self, number: usize, what: &str) -> bool {
        let log = self.plugin.temp().join("faults.log");
        let _ = fs::remove_file(&log);
        self.restore();
        let lease = self.leased.as_ref().map(|generation| live_in(generation));
        let fault = format!("sync:{number}:{what}");
        let output = self.plugin.command(["sync"]).env("PLUGDEPS_FAULT", &fault).env("PLUGDEPS_FAULT_LOG", &log).run();
        let log = fs::read_to_string(&log).unwrap_or_default();
        let Some(point) = log.lines().find(|line| line.ends_with(" FAULT")) else { return false };
        let case = format!("{fault} at `{point}`\n{output}");
        self.holds(&output, &case);
        self.heals(&case);
        drop(lease);
        true
    }

    fn restore(&self) {
        self.plugin.rests();
        fs::remove_dir_all(&self.plugin.data).unwrap();
        copy(&self.saved, &self.plugin.data);
    }

    /// What holds at every moment, whoever has just died.
    fn holds(&self, output: &Output, case: &str) {
        let named = named(&self.plugin);
        for generation in &named {
            assert!(is_whole(generation), "{case}\n`{}` is named and not whole", generation.display());
        }
        let is_wanted = |generation: &PathBuf| alpha_of(generation).contains(self.serves);
        assert!(!output.status.success() || named.iter().any(is_wanted), "{case}\nsaid to be ready, and is not");
        let killed = output.status.signal() == Some(9);
        let told = output.stderr.contains("error[");
        assert!(killed || output.status.success() || told, "{case}\nfailed without a word of why");
        if let Some(leased) = &self.leased {
            assert!(is_whole(leased), "{case}\na generation was removed under whoever lives in it");
        }
    }

    /// One more start serves, and what a sweep then leaves is what is used.
    fn heals(&self, case: &str) {
        let script = self.plugin.root.join("server.cjs").display().to_string();
        let start = self.plugin.run(["node", &script]);
        assert!(start.status.success() && start.stdout == format!("{}\n", self.serves), "{case}\n{start}");
        self.plugin.rests();
        self.plugin.command(["prune"]).run().ok();
        let there = self.plugin.generations();
        let mut used: Vec<_> = named(&self.plugin).into_iter().chain(self.leased.clone()).collect();
        used.sort();
        assert_eq!(there, used, "{case}\nother generations are left than those that are used");
        assert_eq!(self.plugin.unfinished(), Vec::<PathBuf>::new(), "{case}");
    }
}

fn all() -> bool {
    std::env::var("PLUGDEPS_TEST_FAULTS").is_ok_and(|which| which == "all")
}

/// What happens at a step: npm is slow, so by turns a kill and an error, unless all is asked for.
fn whats(number: usize) -> Vec<String> {
    if all() {
        let errors = ERRORS.iter().flat_map(|error| [error.to_string(), format!("{error}+")]);
        return std::iter::once("kill".to_owned()).chain(errors).collect();
    }
    let error = ERRORS[number % ERRORS.len()].to_string();
    vec![if (number / 4).is_multiple_of(2) { "kill".to_owned() } else { error }]
}

fn plugin(manager: Manager, registry: &Registry) -> Plugin {
    let plugin = Plugin::locking(manager, &[("alpha", "^1.0.0")], registry).file("server.cjs", SERVER);
    plugin.file(".npmrc", "fund=false\n")
}

#[test]
fn a_first_build_that_dies_at_any_step_is_healed_by_the_next_start() {
    let registry = Registry::usual();
    Scene::new(plugin(Manager::Npm, &registry), "alpha 1.0.0", None).play();
}

/// Those that npm's scenes do not stand for: each writes what it is shown, and is asked, in its own way.
#[test]
fn a_first_build_by_another_manager_that_dies_at_any_step_is_healed_by_the_next_start() {
    let registry = Registry::usual();
    for manager in [Manager::Pnpm, Manager::Yarn, Manager::Berry, Manager::Bun] {
        let scene = Scene::new(plugin(manager, &registry), "alpha 1.0.0", None);
        Scene { manager, stride: 30, ..scene }.play();
    }
}

#[test]
fn an_update_with_a_sweep_that_dies_at_any_step_leaves_who_lives_there() {
    let registry = Registry::usual();
    for version in ["3.0.0", "4.0.0"] {
        registry.add(&NpmPackage::new("alpha", version));
    }
    let plugin = plugin(Manager::Npm, &registry);
    let update = |version: &str| {
        plugin.ask_for(&[("alpha", version)]);
        plugin.lock(Manager::Npm);
    };
    plugin.sync().ok();
    let first = plugin.generations().remove(0);
    let lease = live_in(&first);
    for version in ["2.0.0", "3.0.0"] {
        update(version);
        plugin.sync().ok();
    }
    update("4.0.0");
    drop(lease);
    Scene::new(plugin, "alpha 4.0.0", Some(first)).play();
}

#[test]
fn a_manager_that_outlives_its_builder_keeps_its_environment_and_harms_no_other() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(200_000)]);
    // The older npm differs from the newer in nothing that counts here, and each costs a quarter of a minute.
    for manager in Manager::EVERY.into_iter().filter(|manager| all() || *manager != Manager::Npm10) {
        let plugin = plugin(manager, &registry);
        registry.hold("alpha", Duration::from_secs(15)).forget();
        let mut sync = plugin.command(["sync"]).spawn();
        wait_until("the manager asks for the package", Duration::from_secs(60), || {
            registry.log().iter().any(|request| request.contains("/alpha-"))
        });
        let orphaned = plugin.generations().remove(0);
        sync.kill();
        sync.wait();
        let lives = || !plugin.processes().is_empty();
        assert!(lives(), "{manager:?}: nothing outlived its builder: this proves nothing");
        registry.hold("alpha", Duration::ZERO);
        plugin.sync().ok();
        assert_eq!(plugin.export_of("alpha"), "alpha 1.0.0", "{manager:?}");
        let built = named(&plugin);
        assert!(!built.contains(&orphaned), "{manager:?}");
        plugin.command(["prune"]).run().ok();
        assert!(orphaned.exists() || !lives(), "{manager:?}: its environment was taken from under it");
        plugin.rests();
        // Who ends has no environment any more when it still has its files.
        wait_until("what it left is swept", Duration::from_secs(10), || {
            plugin.command(["prune"]).run().ok();
            plugin.generations() == built
        });
        assert!(is_whole(&built[0]), "{manager:?}");
    }
}

#[test]
fn a_killed_builder_leaves_nothing_that_others_may_read() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(200_000)]);
    let plugin = plugin(Manager::Npm, &registry);
    registry.hold("alpha", Duration::from_secs(15)).forget();
    let mut sync = plugin.command(["sync"]).spawn();
    wait_until("npm asks for the package", Duration::from_secs(60), || {
        registry.log().iter().any(|request| request.contains("/alpha-"))
    });
    sync.kill();
    sync.wait();
    plugin.processes().into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
    let shown = plugin.generations()[0].join("env");
    assert!(shown.join(".npmrc").exists(), "it was shown nothing: this proves nothing");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&shown).unwrap());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn neither_the_plugin_nor_the_packages_of_the_machine_are_changed() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").bin("alpha-tool", "").postinstall("true")]);
    let before = Tree::of(&node::of_the_machine());
    for manager in Manager::EVERY {
        let plugin = plugin(manager, &registry).file("plugdeps.toml", "scripts = true\n");
        let own = Tree::of(&plugin.root);
        plugin.sync().ok();
        registry.status(Some(500));
        let failing = plugin.command(["sync", "--rebuild"]).env("npm_config_cache", plugin.temp().join("empty"));
        let _ = failing.env("npm_config_fetch_retries", "0").run();
        registry.status(None);
        assert_same(&own, &Tree::of(&plugin.root));
    }
    assert_same(&before, &Tree::of(&node::of_the_machine()));
}
