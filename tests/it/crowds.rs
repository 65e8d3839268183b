//! Many at once, and the worst moments: what one start does must not hurt another.

use crate::support::*;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that is waited for here takes this long, even on a busy machine.
const LONG: Duration = Duration::from_secs(120);

mod sixty_four_cold_starts_at_once_are_one_build {
    use super::*;
    use std::process::Output;
    use std::time::SystemTime;

    const HOOKS: usize = 28;
    const RUNS: usize = 28;
    const SERVERS: usize = 8;

    /// Waits in threads of their own, which sleep: looking at 64 processes would slow them down.
    fn ends_of(cmds: Vec<Cmd>) -> Vec<(Output, SystemTime)> {
        let end = |mut cmd: std::process::Command| (cmd.output().unwrap(), SystemTime::now());
        let threads: Vec<_> = cmds.into_iter().map(|cmd| thread::spawn(move || end(cmd.into_command()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    /// A world whose `python3` keeps a list of those who ask it anything, and that list.
    fn with_a_list(installer: Installer) -> (World, PathBuf) {
        let plugin = Plugin::new("tiny").fixture("tiny").no_python();
        let list = plugin.temp().join("asked");
        let (python, text) = (tools::python(), "#!/bin/sh\necho asked >>");
        let plugin =
            plugin.script("python3", &format!("{text}'{}'\nexec '{}' \"$@\"\n", list.display(), python.display()));
        (World::with(installer, plugin), list)
    }

    fn one_build(installer: Installer) {
        let (world, list) = with_a_list(installer);
        // Else those that a person watches would not wait for a whole build on a busy machine.
        world.plugin.write("plugdeps.toml", "wait = 120\n");
        let began = SystemTime::now();
        let hooks = (0..HOOKS).map(|_| world.attended_hook());
        let cmds = hooks.chain((0..RUNS).map(|_| world.plugin.command(["run", "--", "env"]))).collect();
        let waiting = thread::spawn(|| ends_of(cmds));
        let servers: Vec<_> = (0..SERVERS).map(|_| world.plugin.server("plain")).collect();
        for mut server in servers {
            assert_eq!(value_of(server.set_timeout(LONG)), "alpha 1.0");
            assert_eq!(server.stderr(), "");
        }
        let ended = waiting.join().unwrap();
        let environment = format!("VIRTUAL_ENV={}\n", world.plugin.current().unwrap().join("env").display());
        for (number, (output, _)) in ended.iter().enumerate() {
            let said = String::from_utf8_lossy(&output.stdout);
            let is_right = if number < HOOKS { said.is_empty() } else { said.contains(&environment) };
            assert!(output.status.success() && output.stderr.is_empty() && is_right, "{output:?}");
        }
        assert_eq!((world.plugin.builds(), world.plugin.generations().len()), (1, 1));
        let pages = world.index.log().iter().filter(|request| *request == "GET /simple/alpha/").count();
        assert_eq!(pages, 1, "the index was asked more than once: {:?}", world.index.log());
        let asked = fs::read_to_string(list).unwrap().lines().count();
        assert_eq!(asked, 2, "more looked for an interpreter than the first one and the builder");
        tell(installer, &world, began, ended.into_iter().map(|(_, end)| end));
    }

    /// How much later than the build its waiters ended. The link is made as soon as it is published.
    fn tell(installer: Installer, world: &World, began: SystemTime, ends: impl Iterator<Item = SystemTime>) {
        let published = fs::symlink_metadata(world.plugin.data.join("venv")).unwrap().modified().unwrap();
        let mut late: Vec<_> = ends.map(|end| end.duration_since(published).unwrap_or_default()).collect();
        late.sort();
        let (half, last) = (late[late.len() / 2], late[late.len() - 1]);
        let build = published.duration_since(began).unwrap();
        println!(
            "CROWD: 64 starts with {installer:?}: built after {build:?}; waiters end {half:?} (median), {last:?} (last) later"
        );
        // The machine has to schedule them all. Whoever missed the build would wait for its patience to end.
        assert!(last < Duration::from_secs(20), "somebody did not see that it was built: {late:?}");
    }

    #[test]
    fn of_uv() {
        one_build(Installer::Uv);
    }

    #[test]
    fn of_pip() {
        one_build(Installer::Pip);
    }

    #[test]
    fn and_one_failure_when_it_fails() {
        for installer in BOTH {
            let world = World::new(installer);
            world.needs("no-such-package");
            let hooks: Vec<_> = (0..8).map(|_| world.plugin.hook_cmd().timeout(LONG).spawn()).collect();
            let runs: Vec<_> = (0..8).map(|_| world.python_cmd("import alpha").timeout(LONG).spawn()).collect();
            let failed = "no-such-package";
            for hook in hooks {
                let said = hook.wait();
                assert!(said.ok().json()["systemMessage"].as_str().unwrap().contains(failed), "{said}");
            }
            for run in runs {
                let said = run.wait();
                assert!(!said.stdout_is("").stderr_has(failed).status.success());
            }
            assert_eq!((world.plugin.builds(), world.plugin.generations().len()), (1, 0));
        }
    }
}

mod the_environments_of_a_plugin {
    use super::*;

    const TWO: &str = "[environments.one]\n[environments.two]\nmanifest = \"other.txt\"\n";

    #[test]
    fn are_built_beside_each_other() {
        let world = World::new(Installer::Uv);
        world.plugin.write("plugdeps.toml", TWO);
        world.plugin.write("other.txt", "alpha==2.0\n");
        world.index.latency(Duration::from_millis(500));
        let hook = world.plugin.hook_cmd().spawn();
        let builds = |name: &&str| world.plugin.data.join("plugdeps").join(name).join("builder.json").exists();
        wait_until("both are being built", LONG, || ["one", "two"].iter().all(builds));
        hook.wait().ok().silent();
    }
}

mod a_builder_may_be_killed_at_any_moment {
    use super::*;

    /// Starts a hook, and after so many microseconds of building kills the builder: alone, so that its installer goes on
    /// without it, or with all that it started, or both and the hook as well. Whether there was one to kill.
    fn kill_after(plugin: &Plugin, delay: Duration, whom: u32) -> bool {
        let mut hook = plugin.hook_cmd().timeout(LONG).spawn();
        let started = Instant::now();
        let mut found = Vec::new();
        while found.is_empty() && hook.is_running() && started.elapsed() < LONG {
            found = plugin.builders();
        }
        thread::sleep(delay);
        if whom == 2 {
            hook.kill();
        }
        // The builder first: it must not live to see its installer end, which would be a failure and not a crash.
        let pids = plugin.builders();
        let families: Vec<u32> = pids.iter().flat_map(|pid| processes::descendants(*pid)).collect();
        pids.iter().for_each(|pid| processes::signal(*pid, Signal::KILL));
        if whom > 0 {
            families.iter().for_each(|pid| processes::signal(*pid, Signal::KILL));
        }
        let end = hook.wait();
        if whom != 2 {
            // It waits for whoever builds next, by itself.
            end.ok().silent();
        }
        !pids.is_empty()
    }

    /// `PLUGDEPS_TEST_KILLS` says how many builders are killed; else as many as there is time for.
    fn the_next_start_serves(world: &dyn AnyWorld, installer: &str, usual: u32) {
        let plugin = world.plugin();
        let started = Instant::now();
        plugin.sync().ok();
        let mut whole = started.elapsed().as_micros() as u32;
        let (mut random, kills) = (Random::seeded(), times("PLUGDEPS_TEST_KILLS", usual));
        let (mut killed, mut round) = (0, 0);
        while killed < kills {
            assert!(round < 5 * kills, "only {killed} of {round} builds were still under way: this proves nothing");
            round += 1;
            // Four versions in turn, since the previous generation is kept and would fit.
            let version = (round % 4 + 1) as u8;
            world.wants(version);
            let delay = Duration::from_micros(random.below(whole).into());
            let whom = random.below(3);
            println!("round {round}: {delay:?}, {whom}");
            let came_in_time = kill_after(plugin, delay, whom);
            killed += u32::from(came_in_time);
            // The first build may have been far slower than those that find their package in a cache.
            whole = if came_in_time { whole + whole / 16 } else { whole - whole / 8 };
            world.starts_with(version);
        }
        println!("KILLS: {killed} in {round} builds of about {whole} us with {installer}");
        // An installer that was left alone may still be writing into what nobody will ever see.
        wait_until("all have ended", LONG, || plugin.processes().is_empty());
        plugin.command(["prune"]).run().ok();
        let mut used = named(plugin);
        used.sort();
        assert_eq!(plugin.generations(), used, "exactly the live generations are left");
        assert_eq!(plugin.unfinished(), Vec::<PathBuf>::new());
        assert!(used.iter().all(|generation| is_whole(generation)));
        plugin.command(["--check"]).run().ok();
    }

    fn in_python(installer: Installer, usual: u32) {
        let world = World::new(installer);
        for version in ["1.0", "2.0", "3.0", "4.0"] {
            alpha(version).payload(200_000).write(world.wheels.path());
        }
        the_next_start_serves(&world, &format!("{installer:?}"), usual);
        // An installer that outlived its builder lost its environment, and must not have taken the user's Python for it.
        let own = world.plugin.bare_command("python3").args(["-c", "import alpha"]).run();
        own.exits(1).stderr_has("No module named 'alpha'");
    }

    #[test]
    fn of_uv() {
        in_python(Installer::Uv, 10);
    }

    #[test]
    fn of_pip() {
        in_python(Installer::Pip, 6);
    }

    #[test]
    fn of_npm() {
        let world = NodeWorld::new();
        // What an npm that outlived its builder might take for its environment.
        let others = || [node::of_the_machine(), world.plugin.root.clone()].map(|path| Tree::of(&path));
        let before = others();
        the_next_start_serves(&world, "npm", 3);
        world.wants(1);
        before.iter().zip(&others()).for_each(|(before, after)| assert_same(before, after));
    }
}

mod servers_answer_while_everything_changes {
    use super::*;

    /// Answers what the package is, looking for it only then: a server whose environment went away cannot.
    const LAZY: &str = "import sys\n\
        for line in sys.stdin:\n    import importlib, alpha\n    print(importlib.reload(alpha).VALUE, flush=True)\n";

    #[test]
    fn eight_servers_live_through_twenty_changes_and_sweeps() {
        let world = World::new(Installer::Uv);
        world.plugin.write("lazy.py", LAZY);
        let script = world.plugin.root.join("lazy.py");
        let mut servers: Vec<(Child, String)> = Vec::new();
        for change in 0..20 {
            let version = format!("{}.0", change % 3 + 1);
            world.needs(&format!("alpha=={version}"));
            if change % 5 == 0 {
                // Two at once, one of which starts while the other one's build is swept after.
                for _ in 0..2 {
                    let cmd = world.plugin.command(["run", "--", "python"]).arg(&script);
                    servers.push((start(cmd), format!("alpha {version}")));
                }
            } else {
                world.plugin.hook().ok().silent();
            }
            world.plugin.command(["prune"]).run().ok();
            servers.iter_mut().for_each(|(server, value)| assert_eq!(ask_lazily(server), *value));
        }
        assert_eq!(servers.len(), 8);
        servers.into_iter().for_each(|(server, _)| end(server));
        wait_until("no build is under way", LONG, || world.plugin.processes().is_empty());
        world.plugin.command(["prune"]).run().ok();
        assert_eq!(world.plugin.generations().len(), 2, "the current and the previous one");
    }

    fn start(cmd: Cmd) -> Child {
        use std::process::Stdio;
        cmd.into_command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn ask_lazily(server: &mut Child) -> String {
        use std::io::{Read, Write};
        server.stdin.as_mut().unwrap().write_all(b"?\n").unwrap();
        let mut said = Vec::new();
        let mut byte = [0];
        while server.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            said.push(byte[0]);
        }
        String::from_utf8(said).unwrap()
    }

    fn end(mut server: Child) {
        drop(server.stdin.take());
        assert!(server.wait().unwrap().success());
    }
}

mod no_sweep_takes_an_environment_from_whoever_lives_in_it {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    /// Servers that are started for one version before the next one comes.
    const AT_ONCE: u32 = 20;
    /// Looks for its package only when several newer versions have come, and everything else has been swept.
    const LATE: &str = "import time; time.sleep(2); import alpha; print(alpha.VALUE)";

    /// Sweeps again and again; how often it met something that was lived in.
    fn sweep(world: &World, done: &AtomicBool, met: &AtomicU32) {
        while !done.load(Ordering::Relaxed) {
            let swept = world.plugin.command(["prune"]).run();
            met.fetch_add(u32::from(!swept.ok().stderr.contains(", 0 in use")), Ordering::Relaxed);
        }
    }

    /// Starts all, version by version; a version has come when its first server has become itself.
    fn start_all(world: &World, starts: u32) -> Vec<(Running, String)> {
        let mut servers = Vec::new();
        for change in 0..starts.div_ceil(AT_ONCE) {
            let version = format!("{}.0", change % 4 + 1);
            world.needs(&format!("alpha=={version}"));
            let cmds = (0..AT_ONCE).map(|_| world.python_cmd(LATE).timeout(LONG));
            servers.extend(cmds.map(|cmd| (cmd.spawn(), format!("alpha {version}\n"))));
            world.serves(&version);
        }
        servers
    }

    /// `PLUGDEPS_TEST_STARTS` says how many servers are started.
    #[test]
    fn however_many_start_and_however_often_it_is_swept() {
        let world = World::new(Installer::Uv);
        world.built();
        let (done, met) = (AtomicBool::new(false), AtomicU32::new(0));
        let starts = times("PLUGDEPS_TEST_STARTS", 200);
        thread::scope(|scope| {
            scope.spawn(|| sweep(&world, &done, &met));
            let servers = start_all(&world, starts);
            for (server, value) in servers {
                let said = server.wait();
                done.store(!said.status.success(), Ordering::Relaxed);
                said.ok().stdout_is(&value).stderr_is("");
            }
            done.store(true, Ordering::Relaxed);
        });
        let met = met.into_inner();
        println!("SWEEPS: {starts} servers, {met} sweeps that met something that was lived in");
        assert!(met > 0, "no sweep met anything that was lived in: this proves nothing");
    }
}

mod two_versions_of_one_plugin_share_the_data {
    use super::*;

    /// Hook and start of each in turn, and now and then a real server.
    fn take_turns(installer: Installer, turns: u32) {
        let old = World::new(installer);
        let mut new = World::new(installer);
        new.needs("alpha==2.0");
        new.plugin.data = old.plugin.data.clone();
        for turn in 0..turns {
            for (world, version) in [(&old, "1.0"), (&new, "2.0")] {
                world.plugin.hook().ok().silent();
                world.serves(version);
                if turn.is_multiple_of(10) {
                    assert_eq!(value_of(&mut world.plugin.server("plain")), format!("alpha {version}"));
                }
            }
        }
        assert_eq!((old.plugin.builds(), old.plugin.generations().len()), (2, 2));
        assert!(named(&old.plugin).iter().all(|generation| is_whole(generation)));
        assert!(roots_are_untouched(&old.plugin.root) && roots_are_untouched(&new.plugin.root));
    }

    #[test]
    fn and_build_twice_in_a_hundred_turns_with_uv() {
        take_turns(Installer::Uv, 100);
    }

    #[test]
    fn and_build_twice_in_ten_turns_with_pip() {
        take_turns(Installer::Pip, 10);
    }

    fn roots_are_untouched(root: &Path) -> bool {
        !Tree::of(root).paths().any(|path| path.starts_with("plugdeps") || path.ends_with("__pycache__"))
    }

    #[test]
    fn and_serve_both_when_they_start_for_the_first_time_at_once() {
        for installer in BOTH {
            let old = World::new(installer);
            let mut new = World::new(installer);
            new.needs("alpha==2.0");
            new.plugin.data = old.plugin.data.clone();
            let mut servers = [old.plugin.server("plain"), new.plugin.server("plain")];
            assert_eq!(servers.each_mut().map(value_of), ["alpha 1.0", "alpha 2.0"]);
            assert_eq!(old.plugin.builds(), 2);
        }
    }
}

mod where_the_file_system_has_no_locks {
    use super::*;

    /// Says ENOLCK for every lock of ours, as a network file system without a lock server does.
    const NO_LOCKS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int flock(int fd, int how) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    if (strstr(path, "/data/plugdeps/")) { errno = ENOLCK; return -1; }
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(fd, how);
}
"#;

    fn without_locks(world: &World) -> String {
        preload(&world.plugin, "nolock", NO_LOCKS).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_builder_that_dies_is_noticed_at_once_by_whoever_started_it() {
        let world = World::new(Installer::Uv);
        let hook = world.plugin.hook_cmd().env("PLUGDEPS_FAULT", "no-locks,__build:20:kill").timeout(LONG).run();
        let said = hook.ok().json().to_string();
        assert!(said.contains("3 builders ended without a result"), "{said}");
        world.serves("1.0");
    }

    #[test]
    fn builders_waste_work_and_damage_nothing() {
        let world = World::new(Installer::Uv);
        let library = without_locks(&world);
        let start = |cmd: Cmd| cmd.env("LD_PRELOAD", &library).timeout(LONG).spawn();
        let hooks: Vec<_> = (0..6).map(|_| start(world.plugin.hook_cmd())).collect();
        let runs: Vec<_> = (0..6).map(|_| start(world.python_cmd("import alpha; print(alpha.VALUE)"))).collect();
        for hook in hooks {
            hook.wait().ok().silent();
        }
        for run in runs {
            run.wait().ok().stdout_is("alpha 1.0\n");
        }
        assert!(world.plugin.builds() > 1, "the locks worked after all");
        let page = world.plugin.command(["--check"]).env("LD_PRELOAD", &library).run();
        page.ok().stdout_has("this file system has no locks");
        let page = world.plugin.command(["--check", "--json"]).env("LD_PRELOAD", &library).run();
        assert_eq!(page.ok().json()["environments"][0]["lock"]["state"], "unsupported");
        let prune = world.plugin.command(["prune"]).env("LD_PRELOAD", &library).run();
        prune.exits(1).stderr_has("this file system has no locks");
        world.serves("1.0");
    }
}
