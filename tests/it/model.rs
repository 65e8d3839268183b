//! Any sequence of what may befall a plugin, against a model of it that is a few fields.
//!
//! `PROPTEST_CASES` says how many sequences are tried with locks, and as many without, for Python and for Node.

use crate::support::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);
/// Sequences that are tried unless `PROPTEST_CASES` says otherwise: a minute of them with uv, and few with npm,
/// which is slow.
const UV_CASES: u32 = 8;
const NPM_CASES: u32 = 1;

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    /// The author asks for another version; 0: for a package that there is not.
    Edit(u8),
    /// The hook.
    Hook,
    /// A command.
    Run,
    /// The hook and a command at once.
    Both,
    /// A process of this kind is killed at this point of its own.
    Crash(&'static str, u8),
    /// A server is started, and lives on.
    Serve,
    /// The server that was started first ends.
    End,
    Sweep,
    /// The clock is so many seconds off from now on.
    Clock(i32),
    /// Another file takes the place of the interpreter, which is the same one.
    Replace,
    /// The interpreter goes, and another one comes elsewhere.
    Remove,
    /// The data are moved to another path.
    Move,
    /// The other version of the plugin is used on the same data from now on.
    Switch,
    /// A newer version of the program has written the state.
    Newer,
    /// A state file is cut off.
    Damage(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..5u8).prop_map(Step::Edit),
        3 => Just(Step::Hook),
        3 => Just(Step::Run),
        2 => Just(Step::Both),
        4 => (prop::sample::select(vec!["session-start", "__build", "__detach", "run", "sync"]), 1..100u8)
            .prop_map(|(whose, point)| Step::Crash(whose, point)),
        2 => Just(Step::Serve),
        1 => Just(Step::End),
        1 => Just(Step::Sweep),
        1 => prop::sample::select(vec![-100_000, 0, 100_000]).prop_map(Step::Clock),
        1 => Just(Step::Replace),
        1 => Just(Step::Remove),
        1 => Just(Step::Move),
        2 => Just(Step::Switch),
        1 => Just(Step::Newer),
        1 => (0..3u8).prop_map(Step::Damage),
    ]
}

/// The world, and what is known of it.
struct Model {
    world: Box<dyn AnyWorld>,
    /// The plugin of the other version: its root and what it asks for.
    other: (PathBuf, u8),
    /// What is asked for.
    wanted: u8,
    /// The program of the interpreter that there is.
    interpreter: PathBuf,
    interpreters: u32,
    clock: (PathBuf, PathBuf),
    locks: bool,
    servers: Vec<(Child, PathBuf)>,
    moves: u32,
}

impl Model {
    fn new(world: Box<dyn AnyWorld>, locks: bool) -> Self {
        let temp = world.plugin().temp().canonicalize().unwrap();
        let interpreter = world.settle(&temp.join("interpreter-0"));
        let clock = (preload(world.plugin(), "clock", CLOCK), temp.join("clock"));
        let other = temp.join("other");
        copy(&world.plugin().root, &other);
        let (interpreters, servers, moves) = (0, Vec::new(), 0);
        Self { world, other: (other, 2), wanted: 1, interpreter, interpreters, clock, locks, servers, moves }
    }

    fn plugin(&self) -> &Plugin {
        self.world.plugin()
    }

    fn with(&self, cmd: Cmd, fault: &str) -> Cmd {
        let no_locks = if self.locks { "" } else { "no-locks," };
        let cmd = cmd.env("LD_PRELOAD", &self.clock.0).env("CLOCK_FILE", &self.clock.1);
        cmd.env("PLUGDEPS_FAULT", format!("{no_locks}{fault}")).timeout(LONG)
    }

    /// A builder goes on for a moment after it has published.
    fn nobody_builds(&self) {
        wait_until("nobody builds", LONG, || self.plugin().builders().is_empty());
    }

    fn take(&mut self, step: &Step) {
        self.nobody_builds();
        let before = self.plugin().profile();
        match step {
            Step::Edit(version) => {
                self.wanted = *version;
                self.world.wants(self.wanted);
            }
            Step::Hook => self.hook("").iter().for_each(|failed| self.checks(&before, *failed)),
            Step::Run => {
                let failed = self.run("");
                self.checks(&before, failed);
            }
            Step::Both => {
                let hook = self.with(self.plugin().hook_cmd(), "").spawn();
                self.run("");
                hook.wait().ok();
            }
            Step::Crash(whose, point) => self.crash(whose, *point),
            Step::Serve => self.serve(),
            Step::End => self.servers.drain(..1.min(self.servers.len())).for_each(end),
            Step::Sweep => _ = self.with(self.plugin().command(["prune"]), "").run(),
            Step::Clock(seconds) => fs::write(&self.clock.1, seconds.to_string()).unwrap(),
            Step::Replace => {
                let staged = self.interpreter.with_file_name("new");
                Cmd::new("cp").args([&self.interpreter, &staged]).run().ok();
                fs::rename(staged, &self.interpreter).unwrap();
            }
            Step::Remove => self.move_interpreter(),
            Step::Move => self.move_data(),
            Step::Switch => {
                std::mem::swap(&mut self.world.plugin_mut().root, &mut self.other.0);
                std::mem::swap(&mut self.wanted, &mut self.other.1);
                self.world.wants(self.wanted);
            }
            Step::Newer => self.write_newer_state(),
            Step::Damage(which) => {
                let name = ["profile.json", "failure.json", "builder.json"][usize::from(*which)];
                let path = self.plugin().state().join(name);
                if let Ok(text) = fs::read(&path) {
                    fs::write(&path, &text[..text.len() / 2]).unwrap();
                }
            }
        }
        self.everybody_lives();
    }

    /// Whether it failed; nothing when it was told to nobody, as a failure that was told before is.
    fn hook(&self, fault: &str) -> Option<bool> {
        let output = self.with(self.plugin().hook_cmd(), fault).run();
        assert_eq!(output.status.code(), Some(0), "the hook failed the session\n{output}");
        let told = if output.stdout.is_empty() { String::new() } else { output.json().to_string() };
        let failed = told.contains("could not be installed");
        (failed || self.wanted > 0).then_some(failed)
    }

    /// Whether it failed, or serves what was good before.
    fn run(&self, fault: &str) -> bool {
        let output = self.with(self.world.start(), fault).run();
        if output.status.success() && output.stderr.is_empty() {
            assert_eq!(output.stdout, format!("{}\n", self.value()), "another one than is wanted\n{output}");
        }
        assert!(output.status.success() || output.stderr.contains("error["), "failed without a word\n{output}");
        !output.status.success() || !output.stderr.is_empty()
    }

    /// What a start left behind.
    fn checks(&self, before: &[u8], failed: bool) {
        let plugin = self.plugin();
        if failed {
            assert_eq!(self.wanted, 0, "it failed, and nothing was wrong with what is wanted");
            assert_eq!(plugin.profile(), before, "a failure changed the profile");
        } else if self.wanted > 0 {
            let fits = named(plugin).iter().any(|generation| alpha_of(generation).contains(&self.value()));
            assert!(fits, "said to be ready, and is not");
        }
    }

    fn value(&self) -> String {
        self.world.value(self.wanted)
    }

    fn crash(&self, whose: &str, point: u8) {
        let fault = format!("{whose}:{point}:kill");
        let cmd = match whose {
            "run" => self.world.start(),
            "sync" => self.plugin().command(["sync"]),
            _ => self.plugin().hook_cmd(),
        };
        self.with(cmd, &fault).run();
    }

    fn serve(&mut self) {
        if self.wanted == 0 {
            // Who answers in its place would wait for as long as its client does.
            return;
        }
        let mut command = self.with(self.world.server(), "").into_command();
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.as_mut().unwrap()), &mut said).unwrap();
        assert!(!said.is_empty(), "a server did not start");
        self.servers.push((server, PathBuf::from(said.trim()).parent().unwrap().to_owned()));
    }

    /// What the profile names is sealed and whole, and nobody's generation goes while it lives in it.
    fn everybody_lives(&mut self) {
        for generation in named_or_damaged(self.plugin()) {
            assert!(is_whole(&generation), "`{}` is named and not whole", generation.display());
        }
        for (server, generation) in &mut self.servers {
            assert!(server.try_wait().unwrap().is_none(), "a server died");
            assert!(is_whole(generation), "`{}` was removed under its server", generation.display());
        }
    }

    fn move_interpreter(&mut self) {
        // Those who live on it die with it in this world as in the real one.
        self.servers.drain(..).for_each(end);
        let old = self.interpreter.ancestors().nth(2).unwrap().to_owned();
        self.interpreters += 1;
        self.interpreter = self.world.settle(&old.with_file_name(format!("interpreter-{}", self.interpreters)));
        fs::remove_dir_all(old).unwrap();
    }

    fn move_data(&mut self) {
        self.moves += 1;
        let to = self.plugin().temp().canonicalize().unwrap().join(format!("data-{}", self.moves));
        copy(&self.plugin().data, &to);
        self.world.plugin_mut().data = to;
    }

    fn write_newer_state(&self) {
        let state = self.plugin().state();
        if fs::create_dir_all(&state).is_ok() {
            let profile = json!({ "schema": 99, "generations": [{ "name": "g-newer", "lives": { "in": "a tree" } }] });
            fs::write(state.join("profile.json"), profile.to_string()).unwrap();
        }
    }

    /// Whatever has happened, one start of something that can be had serves it, and is ready then.
    fn heals(&mut self) {
        if self.wanted == 0 {
            self.wanted = 3;
            self.world.wants(self.wanted);
        }
        assert!(!self.run(""), "it does not heal");
        self.checks(&[], false);
        if !self.locks {
            // Another builder may still have been at work, whose starter found what it wanted, and have published last.
            self.nobody_builds();
            assert!(!self.run(""), "it does not heal");
        }
        self.nobody_builds();
        let settled = self.plugin().profile_json();
        assert!(!self.run(""));
        assert_eq!(self.plugin().profile_json(), settled, "a ready start changed something");
        self.everybody_lives();
    }
}

/// The generations that a profile names, which may be cut off.
fn named_or_damaged(plugin: &Plugin) -> Vec<PathBuf> {
    let profile = plugin.profile_json();
    let generations = profile["generations"].as_array().cloned().unwrap_or_default();
    let names = generations.iter().filter_map(|entry| Some(plugin.state().join(entry["generation"].as_str()?)));
    names.collect()
}

fn end((mut server, _): (Child, PathBuf)) {
    drop(server.stdin.take());
    server.wait().unwrap();
}

/// Tries sequences, each in a world of its own.
fn any_sequence(usual: u32, locks: bool, world: impl Fn() -> Box<dyn AnyWorld>) {
    let cases = times("PROPTEST_CASES", usual);
    // A sequence takes seconds: the first shorter ones that fail as well are short enough.
    let config = Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let steps = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..16), |sequence| {
        let mut model = Model::new(world(), locks);
        for step in &sequence {
            model.take(step);
        }
        model.heals();
        model.servers.drain(..).for_each(end);
        steps.set(steps.get() + sequence.len());
        Ok(())
    });
    println!("MODEL: {cases} sequences, {} steps, locks: {locks}", steps.get());
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

mod whatever_befalls_it_one_start_heals {
    use super::*;

    fn of_uv(locks: bool) {
        any_sequence(UV_CASES, locks, || Box::new(World::new(Installer::Uv)));
    }

    fn of_npm(locks: bool) {
        let first = NodeWorld::new();
        any_sequence(NPM_CASES, locks, || Box::new(first.another()));
    }

    #[test]
    fn of_uv_with_locks() {
        of_uv(true);
    }

    #[test]
    fn of_uv_without_locks() {
        of_uv(false);
    }

    #[test]
    fn of_npm_with_locks() {
        of_npm(true);
    }

    #[test]
    fn of_npm_without_locks() {
        of_npm(false);
    }
}
