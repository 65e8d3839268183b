//! Every point at which a program can die, or the system refuse it something, tried one by one.
//!
//! The debug build counts its steps that change something (`src/fault.rs`). A scene is a state of the data directory
//! and a command; it is played once for each step of one process, which is killed there or gets an error, until the
//! process has no further step. After each, the invariants hold and one more start heals.
//!
//! Every third step is tried with a kill or with one of the errors, by turns that are others each time (pip, which is slow:
//! every ninth); with `PLUGDEPS_TEST_FAULTS=all`, each with a kill and with every error, once and from then on.

use crate::support::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);
/// ENOSPC, EACCES, EIO, EROFS, EMFILE: their numbers are the same on Linux and macOS.
const ERRORS: [i32; 5] = [28, 13, 5, 30, 24];

/// What the author ships, written beside his manifests.
const SNAPSHOT: &str = "plugdeps-snapshot.json";

/// What is played.
struct Scene {
    world: World,
    /// The first argument of the process whose steps are tried.
    whose: &'static str,
    act: Act,
    /// What a start serves afterwards.
    serves: &'static str,
    /// Whether that is the last good one, since the one that is wanted cannot be had.
    stale: bool,
    /// A generation that nothing names, and in which something lives.
    leased: Option<PathBuf>,
    saved: PathBuf,
    /// Whether one play is seconds long.
    slow: bool,
}

/// Who acts.
#[derive(Clone, Copy)]
enum Act {
    /// A command that ends by itself.
    Command(&'static [&'static str]),
    /// The hook.
    Hook,
    /// The server, and a client that asks it something.
    Server,
}

/// How it ended.
struct End {
    killed: bool,
    success: bool,
    told: String,
}

impl Scene {
    fn new(world: World, whose: &'static str, act: Act, serves: &'static str) -> Self {
        let saved = world.plugin.temp().join("saved");
        copy(&world.plugin.data, &saved);
        let slow = !world.plugin.path_dir().join("uv").exists();
        Self { world, whose, act, serves, stale: false, leased: None, saved, slow }
    }

    /// Plays it for every step; how many steps there were, and how often it was played.
    fn play(self) {
        let before = self.names_in_root();
        let mut random = Random::seeded();
        let stride = match (all(), self.slow) {
            (true, _) => 1,
            (false, true) => 9,
            (false, false) => 3,
        };
        let (rest, turn) = (random.below(stride) as usize, random.below(2) as usize);
        let undisturbed = self.undisturbed();
        // The first one always: some scenes have no other.
        let numbers = (1..).filter(|number| *number == 1 || number % stride as usize == rest);
        let (steps, played) = steps::play_each(undisturbed, numbers, |number| {
            whats(number, turn).iter().filter(|what| self.once(number, what)).count()
        });
        assert_eq!(self.names_in_root(), before, "something was written under ROOT");
        println!("CRASH POINTS of `{}`: {steps}, of {undisturbed} undisturbed, played {played} times", self.whose);
        assert!(played > undisturbed / stride as usize / 4, "most steps were never reached: this proves nothing");
    }

    /// How many steps the process takes when nothing happens to it.
    fn undisturbed(&self) -> usize {
        let log = self.world.plugin.temp().join("undisturbed.log");
        let lease = self.leased.as_ref().map(|generation| live_in(generation));
        self.act.run(&self.world, |cmd| cmd.env("PLUGDEPS_FAULT_LOG", &log));
        drop(lease);
        steps::taken(&fs::read_to_string(&log).unwrap_or_default(), self.whose)
    }

    /// One play; whether the step was reached.
    fn once(&self, number: usize, what: &str) -> bool {
        let log = self.world.plugin.temp().join("faults.log");
        let _ = fs::remove_file(&log);
        self.restore();
        let profile = self.world.plugin.profile();
        let lease = self.leased.as_ref().map(|generation| live_in(generation));
        let fault = format!("{}:{number}:{what}", self.whose);
        let end = self.act.run(&self.world, |cmd| cmd.env("PLUGDEPS_FAULT", &fault).env("PLUGDEPS_FAULT_LOG", &log));
        let log = fs::read_to_string(&log).unwrap_or_default();
        let Some(point) = log.lines().find(|line| line.ends_with(" FAULT")) else { return false };
        let case = format!("{fault} at `{point}`\nended: {}", end.told);
        self.holds(&end, &profile, &case);
        self.heals(&case);
        drop(lease);
        true
    }

    /// What is in ROOT, but for what an author has written there on purpose.
    fn names_in_root(&self) -> BTreeSet<PathBuf> {
        let names = Tree::of(&self.world.plugin.root);
        let is_authors = |path: &Path| path == Path::new(SNAPSHOT) || path.to_string_lossy().starts_with(".new-");
        names.paths().filter(|path| !is_authors(path)).map(Path::to_path_buf).collect()
    }

    fn restore(&self) {
        self.world.plugin.rests();
        let _ = fs::remove_file(self.world.plugin.root.join(SNAPSHOT));
        fs::remove_dir_all(&self.world.plugin.data).unwrap();
        copy(&self.saved, &self.world.plugin.data);
    }

    /// What holds at every moment, whoever has just died.
    fn holds(&self, end: &End, before: &[u8], case: &str) {
        let plugin = &self.world.plugin;
        let named = named(plugin);
        for generation in &named {
            assert!(is_whole(generation), "{case}\n`{}` is named and not whole", generation.display());
        }
        let is_wanted = |generation: &PathBuf| alpha_of(generation).contains(self.serves);
        if plugin.profile() != before {
            assert!(named.iter().any(is_wanted), "{case}\nthe profile changed, and names nothing that was wanted");
        }
        if end.success && !self.stale && !matches!(self.act, Act::Command(["prune"])) {
            assert!(named.iter().any(is_wanted), "{case}\nsaid to be ready, and is not");
        }
        if let Ok(text) = fs::read(plugin.root.join(SNAPSHOT)) {
            assert!(serde_json::from_slice::<Value>(&text).is_ok(), "{case}\nthe author's snapshot is torn");
        }
        if end.success && self.whose == "__build" {
            let venv = fs::canonicalize(plugin.data.join("venv")).unwrap_or_default();
            assert!(named.iter().any(|generation| venv.starts_with(generation)), "{case}\nthe link leads nowhere");
        }
        if let Some(leased) = &self.leased {
            assert!(is_whole(leased), "{case}\na generation was removed under whoever lives in it");
        }
        let is_kept = |name: &PathBuf| !plugin.state().join(name).is_dir() || proofs(&plugin.data).contains(name);
        let lost = proofs(&self.saved).into_iter().find(|name| !is_kept(name));
        assert_eq!(lost, None, "{case}\nthat a server starts in it is forgotten");
        let left_alone = end.told.starts_with("no answer");
        assert!(
            end.killed || end.success || (end.told.contains("error[") && !left_alone),
            "{case}\nfailed without a word of why"
        );
    }

    /// One more start serves, and what a sweep then leaves is what is used.
    fn heals(&self, case: &str) {
        let plugin = &self.world.plugin;
        let start = self.world.python("import alpha; print(alpha.VALUE)");
        assert!(start.status.success() && start.stdout == format!("{}\n", self.serves), "{case}\n{start}");
        assert!(self.stale || start.stderr.is_empty(), "{case}\n{start}");
        plugin.rests();
        let prune = plugin.command(["prune"]).run();
        assert!(prune.status.success(), "{case}\n{prune}");
        let there: BTreeSet<PathBuf> = plugin.generations().into_iter().collect();
        let used: BTreeSet<PathBuf> = named(plugin).into_iter().chain(self.leased.clone()).collect();
        assert_eq!(there, used, "{case}\nother generations are left than those that are used");
        assert_eq!(plugin.unfinished(), Vec::<PathBuf>::new(), "{case}");
    }
}

/// The generations of which is written down that a server starts in them.
fn proofs(data: &Path) -> BTreeSet<PathBuf> {
    let files = walkdir::WalkDir::new(data.join("plugdeps/main/servers")).into_iter().flatten();
    let is_proof = |name: &str| name.ends_with(".json") && !name.ends_with(".failed.json");
    let proofs = files.filter(|file| is_proof(&file.file_name().to_string_lossy()));
    proofs.filter_map(|file| Some(file.path().parent()?.file_name()?.into())).collect()
}

impl Act {
    fn run(self, world: &World, with: impl Fn(Cmd) -> Cmd) -> End {
        let output = match self {
            Act::Command(args) => with(world.plugin.command(args)).timeout(LONG).run(),
            Act::Hook => {
                let output = with(world.plugin.hook_cmd()).timeout(LONG).run();
                // The shell that the host starts it with says so in its own way.
                let killed = output.status.signal() == Some(9) || output.status.code() == Some(128 + 9);
                assert!(killed || output.status.success(), "the hook failed the session\n{output}");
                let success = output.stdout.is_empty() && !killed;
                return End { killed, success, told: format!("error[in the message]: {output}") };
            }
            Act::Server => return converse(with(world.plugin.server_cmd("plain"))),
        };
        let killed = output.status.signal() == Some(9);
        End { killed, success: output.status.success(), told: output.to_string() }
    }
}

/// A client that greets, lists the tools, calls one, and leaves a moment after the answer; it gives up on nobody who
/// is silent before a whole minute is over.
fn converse(cmd: Cmd) -> End {
    let mut command = cmd.into_command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let params =
        json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
    let lines = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }),
        json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": { "name": "value", "arguments": {} } }),
    ];
    // Whoever was killed reads nothing.
    let _ = lines.iter().try_for_each(|line| writeln!(stdin, "{line}"));
    let messages = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut messages = messages.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    // Who is told that its greeting failed asks for nothing more.
    let answer = messages.find(|message| message["id"] == 3 || !message["error"].is_null());
    // What is learned of the server is written down a moment after its answer.
    std::thread::sleep(Duration::from_millis(100));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let killed = output.status.signal() == Some(9);
    let success =
        answer.as_ref().is_some_and(|answer| answer["result"]["isError"] != json!(true) && answer["error"].is_null());
    let said = String::from_utf8_lossy(&output.stderr);
    let told = answer.map_or("no answer".to_owned(), |answer| format!("error[in the answer]: {answer}"));
    End { killed, success, told: format!("{told}\n{said}\nended: {}", output.status) }
}

fn all() -> bool {
    std::env::var("PLUGDEPS_TEST_FAULTS").is_ok_and(|which| which == "all")
}

/// What happens at a step.
fn whats(number: usize, turn: usize) -> Vec<String> {
    if all() {
        let errors = ERRORS.iter().flat_map(|error| [error.to_string(), format!("{error}+")]);
        return std::iter::once("kill".to_owned()).chain(errors).collect();
    }
    let lasts = if (number / ERRORS.len()).is_multiple_of(2) { "" } else { "+" };
    let both = ["kill".into(), format!("{}{lasts}", ERRORS[number % ERRORS.len()])];
    vec![both[(number + turn) % 2].clone()]
}

/// Three versions were built; the oldest is named no more, and something lives in it. A build died, another failed.
fn lived_in(whose: &'static str, act: Act) -> Scene {
    let world = World::new(Installer::Uv);
    let first = world.built();
    let lease = live_in(&first);
    for version in ["2.0", "3.0"] {
        world.needs(&format!("alpha=={version}"));
        world.built();
    }
    world.needs("no-such-package");
    world.plugin.command(["sync"]).run().exits(9);
    let dead = world.plugin.state().join("g-deadbeef");
    fs::create_dir_all(dead.join("env/lib/python/site-packages")).unwrap();
    fs::write(dead.join("lease"), "").unwrap();
    fs::write(dead.join("env/lib/python/site-packages/alpha.py"), "half").unwrap();
    fs::write(world.plugin.state().join(".new-left"), "left").unwrap();
    world.needs("alpha==4.0");
    drop(lease);
    Scene { leased: Some(first), ..Scene::new(world, whose, act, "alpha 4.0") }
}

mod of_a_first_build {
    use super::*;

    #[test]
    fn with_uv() {
        Scene::new(World::new(Installer::Uv), "sync", Act::Command(&["sync"]), "alpha 1.0").play();
    }

    #[test]
    fn with_pip() {
        Scene::new(World::new(Installer::Pip), "sync", Act::Command(&["sync"]), "alpha 1.0").play();
    }

    #[test]
    fn with_a_uv_that_pip_fetches() {
        let world = World::new(Installer::Pip);
        for wheel in fs::read_dir(tools::uv_wheel()).unwrap().flatten() {
            fs::copy(wheel.path(), world.wheels.path().join(wheel.file_name())).unwrap();
        }
        world.plugin.write("plugdeps.toml", "installer = 'uv'\n");
        Scene::new(world, "sync", Act::Command(&["sync"]), "alpha 1.0").play();
    }
}

mod of_an_update_with_a_sweep {
    use super::*;

    #[test]
    fn by_a_build() {
        lived_in("sync", Act::Command(&["sync"])).play();
    }

    #[test]
    fn by_prune() {
        lived_in("prune", Act::Command(&["prune"])).play();
    }
}

mod of_a_build_that_fails {
    use super::*;

    fn fails(installer: Installer) {
        let world = World::new(installer);
        world.built();
        world.needs("alpha==9.0");
        let scene = Scene::new(world, "sync", Act::Command(&["sync"]), "alpha 1.0");
        Scene { stale: true, ..scene }.play();
    }

    #[test]
    fn with_uv() {
        fails(Installer::Uv);
    }

    #[test]
    fn with_pip() {
        fails(Installer::Pip);
    }
}

mod of_a_session_that_installs {
    use super::*;

    fn session(whose: &'static str, act: Act) {
        Scene::new(World::new(Installer::Uv), whose, act, "alpha 1.0").play();
    }

    #[test]
    fn in_its_hook() {
        session("session-start", Act::Hook);
    }

    #[test]
    fn in_the_process_between_hook_and_builder() {
        session("__detach", Act::Hook);
    }

    #[test]
    fn in_its_builder() {
        session("__build", Act::Hook);
    }

    #[test]
    fn in_its_server() {
        session("run", Act::Server);
    }
}

mod of_a_snapshot_for_the_author {
    use super::*;

    #[test]
    fn of_what_is_built() {
        let world = World::new(Installer::Uv);
        world.built();
        Scene::new(world, "snapshot", Act::Command(&["snapshot"]), "alpha 1.0").play();
    }
}

mod of_a_session_that_is_ready {
    use super::*;

    #[test]
    fn in_a_server_that_has_not_proved_itself() {
        let world = World::new(Installer::Uv);
        world.built();
        Scene::new(world, "run", Act::Server, "alpha 1.0").play();
    }

    #[test]
    fn in_a_server_whose_tools_nobody_has_asked_for() {
        let world = World::new(Installer::Uv);
        world.built();
        let mut server = world.plugin.server("plain");
        server.initialize();
        wait_until("it has proved to start", LONG, || !proofs(&world.plugin.data).is_empty());
        drop(server);
        world.plugin.rests();
        Scene::new(world, "run", Act::Server, "alpha 1.0").play();
    }

    #[test]
    fn in_a_server_that_falls_back() {
        let world = World::new(Installer::Uv);
        world.built();
        proven(&world);
        let broken = Wheel::new("alpha", "9.0").module("alpha.py", "VALUE = 'alpha 9.0'\nimport sys\n");
        let ends = "if sys.argv[0].endswith('.py'): raise SystemExit('alpha 9.0 is broken')\n";
        broken.module("alpha.py", &format!("import sys\nVALUE = 'alpha 9.0'\n{ends}")).write(world.wheels.path());
        world.needs("alpha==9.0");
        world.built();
        Scene::new(world, "run", Act::Server, "alpha 9.0").play();
    }

    #[test]
    fn in_a_hook_that_leads_the_links_back() {
        let world = World::new(Installer::Uv);
        world.built();
        world.needs("alpha==2.0");
        world.built();
        world.needs("alpha==1.0");
        Scene::new(world, "session-start", Act::Hook, "alpha 1.0").play();
    }

    #[test]
    fn in_a_start_that_asks_the_interpreter_again() {
        let world = World::new(Installer::Uv);
        world.built();
        let path = world.plugin.state().join("profile.json");
        let mut profile = world.plugin.profile_json();
        profile["generations"][0]["validator"]["mtime_ns"] = json!(1);
        fs::write(path, profile.to_string()).unwrap();
        Scene::new(world, "run", Act::Command(&["run", "--", "python", "-c", "pass"]), "alpha 1.0").play();
    }
}
