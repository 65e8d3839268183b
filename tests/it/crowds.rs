//! Many at once, and the worst moments: what one start does must not hurt another.

use crate::support::*;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that is waited for here takes this long, even on a busy machine.
const LONG: Duration = Duration::from_secs(120);

mod sixteen_cold_starts_at_once_are_one_build {
    use super::*;

    fn one_build(installer: Installer) {
        let world = World::new(installer);
        let hooks: Vec<_> = (0..8).map(|_| world.plugin.hook_cmd().timeout(LONG).spawn()).collect();
        let servers: Vec<_> = (0..8).map(|_| world.plugin.server("plain")).collect();
        for mut server in servers {
            assert_eq!(value_of(server.set_timeout(LONG)), "alpha 1.0");
            assert_eq!(server.stderr(), "");
        }
        for hook in hooks {
            hook.wait().ok().silent();
        }
        assert_eq!((world.plugin.builds(), world.plugin.generations().len()), (1, 1));
        let pages = world.index.log().iter().filter(|request| *request == "GET /simple/alpha/").count();
        assert_eq!(pages, 1, "the index was asked more than once: {:?}", world.index.log());
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

mod a_builder_may_be_killed_at_any_moment {
    use super::*;

    /// The processes that build, or that are about to.
    fn builders(world: &World) -> Vec<u32> {
        let builds = |pid: &u32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|word| word == b"__build")
        };
        world.plugin.processes().into_iter().filter(builds).collect()
    }

    /// Starts a hook, and after so many microseconds of building kills the builder: alone, so that its installer goes on
    /// without it, or with all that it started, or both and the hook as well. Whether there was one to kill.
    fn kill_after(world: &World, delay: Duration, whom: u32) -> bool {
        let mut hook = world.plugin.hook_cmd().timeout(LONG).spawn();
        let started = Instant::now();
        let mut found = Vec::new();
        while found.is_empty() && hook.is_running() && started.elapsed() < LONG {
            found = builders(world);
        }
        thread::sleep(delay);
        if whom == 2 {
            hook.kill();
        }
        // The builder first: it must not live to see its installer end, which would be a failure and not a crash.
        let pids = builders(world);
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
    fn the_next_start_serves(installer: Installer, usual: u32) {
        let world = World::new(installer);
        for version in ["1.0", "2.0", "3.0", "4.0"] {
            alpha(version).payload(200_000).write(world.wheels.path());
        }
        let started = Instant::now();
        world.built();
        let whole = started.elapsed().as_micros() as u32;
        let (mut random, kills) = (Random::seeded(), times("PLUGDEPS_TEST_KILLS", usual));
        let (mut killed, mut round) = (0, 0);
        while killed < kills {
            assert!(round < 5 * kills, "only {killed} of {round} builds were still under way: this proves nothing");
            round += 1;
            // Four versions in turn, since the previous generation is kept and would fit.
            let version = format!("{}.0", round % 4 + 1);
            world.needs(&format!("alpha=={version}"));
            let delay = Duration::from_micros(random.below(whole).into());
            let whom = random.below(3);
            println!("round {round}: {delay:?}, {whom}");
            killed += u32::from(kill_after(&world, delay, whom));
            world.serves(&version);
        }
        println!("KILLS: {killed} in {round} builds of {whole} us with {installer:?}");
        // An installer that was left alone may still be writing into what nobody will ever see.
        wait_until("all have ended", LONG, || world.plugin.processes().is_empty());
        world.plugin.command(["prune"]).run().ok();
        let profile = world.plugin.profile_json();
        let named = profile["generations"].as_array().unwrap();
        let named: BTreeSet<_> = named.iter().map(|entry| entry["generation"].as_str().unwrap()).collect();
        let there = world.plugin.generations();
        let there: BTreeSet<_> = there.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(there, named, "exactly the live generations are left");
        assert_eq!(world.plugin.unfinished(), Vec::<std::path::PathBuf>::new());
        world.plugin.command(["--check"]).run().ok();
        // An installer that outlived its builder lost its environment, and must not have taken the user's Python for it.
        let own = world.plugin.bare_command("python3").args(["-c", "import alpha"]).run();
        own.exits(1).stderr_has("No module named 'alpha'");
    }

    #[test]
    fn of_uv() {
        the_next_start_serves(Installer::Uv, 40);
    }

    #[test]
    fn of_pip() {
        the_next_start_serves(Installer::Pip, 15);
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

mod two_versions_of_one_plugin_share_the_data {
    use super::*;

    #[test]
    fn and_build_twice_however_often_they_take_turns() {
        for installer in BOTH {
            let old = World::new(installer);
            let mut new = World::new(installer);
            new.needs("alpha==2.0");
            new.plugin.data = old.plugin.data.clone();
            for _ in 0..10 {
                for (world, value) in [(&old, "alpha 1.0"), (&new, "alpha 2.0")] {
                    world.plugin.hook().ok().silent();
                    assert_eq!(value_of(&mut world.plugin.server("plain")), value);
                }
            }
            assert_eq!((old.plugin.builds(), old.plugin.generations().len()), (2, 2));
            assert!(roots_are_untouched(&old.plugin.root) && roots_are_untouched(&new.plugin.root));
        }
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
        let prune = world.plugin.command(["prune"]).env("LD_PRELOAD", &library).run();
        prune.exits(1).stderr_has("this file system has no locks");
        world.serves("1.0");
    }
}
