//! What the system refuses for real: a disk that is full or read-only, no inodes, too little memory, too few files and
//! processes, a clock that jumps. After each the last good environment serves, somebody is told why, and once the
//! fault is gone one start heals.

use crate::support::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);
const VALUE: &str = "import alpha; print(alpha.VALUE)";

#[track_caller]
fn mount(args: &[&str], at: &Path) {
    let output = Command::new("mount").args(args).arg(at).output().unwrap();
    assert!(output.status.success(), "mount {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// One start with the fault, and one without it an hour later.
struct Trial<'a> {
    world: &'a World,
    clock: PathBuf,
    number: u32,
    failed: u32,
    /// What makes another user of us, if anything.
    user: Vec<String>,
}

impl<'a> Trial<'a> {
    fn of(world: &'a World) -> Self {
        for version in ["1.0", "2.0", "3.0", "4.0"] {
            alpha(version).payload(100_000).write(world.wheels.path());
        }
        Self { world, clock: preload(&world.plugin, "clock", CLOCK), number: 0, failed: 0, user: Vec::new() }
    }

    /// A version that neither the current nor the previous generation has.
    fn asks_for_another(&mut self) -> String {
        self.number += 1;
        let version = format!("{}.0", self.number % 4 + 1);
        self.world.needs(&format!("alpha=={version}"));
        version
    }

    /// `start` is made under the fault: it serves what is wanted, or the last good one and says why, in such `words`.
    #[track_caller]
    fn start(&mut self, version: &str, start: Cmd, words: &[&str], case: &str) {
        let plugin = &self.world.plugin;
        let (before, good) = (plugin.profile(), named(plugin));
        let said = start.timeout(LONG).run();
        self.world.plugin.rests();
        if said.stdout == format!("alpha {version}\n") {
            return;
        }
        self.failed += 1;
        assert_eq!(plugin.profile(), before, "{case}: a failure changed the profile\n{said}");
        assert!(words.iter().any(|word| said.stderr.contains(word)), "{case}: it is not told why\n{said}");
        match good.first() {
            Some(good) => assert_eq!(said.ok().stdout, format!("{}\n", value_in(good)), "{case}\n{said}"),
            None => assert!(!said.status.success() && said.stdout.is_empty(), "{case}\n{said}"),
        }
    }

    /// One start when the pause after a failure is over: what time heals, it has healed by then.
    #[track_caller]
    fn heals(&self, version: &str, case: &str) {
        let file = self.world.plugin.temp().join("later");
        fs::write(&file, "3600").unwrap();
        let start = started_by(self.world, &self.user, &["run", "--", "python", "-c", VALUE]);
        let said = start.env("LD_PRELOAD", &self.clock).env("CLOCK_FILE", file).run();
        assert!(said.stdout == format!("alpha {version}\n") && said.stderr.is_empty(), "{case}: not healed\n{said}");
        self.world.plugin.rests();
        let named = named(&self.world.plugin);
        assert!(named.iter().all(|generation| is_whole(generation)), "{case}: a named generation is not whole");
    }

    fn tell(&self, what: &str) {
        println!("FAULTS: {what}: {} starts, {} failed", self.number, self.failed);
        assert!(self.failed > 0, "none failed: this proves nothing");
    }
}

fn value_in(generation: &Path) -> String {
    alpha_of(generation).split('\'').nth(1).unwrap_or_default().to_owned()
}

mod a_full_disk {
    use super::*;
    use rustix::fs::statvfs;

    const WORDS: [&str; 2] = ["the disk is full", "No space left on device"];

    /// Bytes and inodes that are free.
    fn free(data: &Path) -> (u64, u64) {
        let disk = statvfs(data).unwrap();
        (disk.f_bavail * disk.f_frsize, disk.f_favail)
    }

    /// Takes all but so many bytes.
    fn leave_bytes(data: &Path, left: u64) {
        let take = free(data).0.saturating_sub(left);
        fs::write(data.join("filler/bytes"), vec![1; take as usize]).unwrap();
    }

    /// Takes all but so many inodes.
    fn leave_inodes(data: &Path, left: u64) {
        let take = free(data).1.saturating_sub(left);
        (0..take).for_each(|number| fs::write(data.join("filler").join(number.to_string()), "").unwrap());
    }

    /// Every amount up to `few`, then in strides of a hundredth part, then every one around `whole`.
    fn amounts(few: u64, whole: u64, strides: u64) -> Vec<u64> {
        let between = (1..strides).map(|stride| whole * stride / strides).filter(|amount| *amount > few);
        (0..=few).chain(between).chain(whole - few..whole + 4).collect()
    }

    fn at_each(installer: Installer, inodes: bool, few: u64, strides: u64) {
        let world = World::new(installer);
        let data = world.plugin.data.clone();
        mount(&["-t", "tmpfs", "-o", "size=8m,nr_inodes=400", "tmpfs"], &data);
        let mut trial = Trial::of(&world);
        let empty = free(&data);
        world.built();
        let full = free(&data);
        let (unit, whole) = if inodes { (1, empty.1 - full.1) } else { (4096, (empty.0 - full.0) / 4096) };
        for amount in amounts(few, whole, strides) {
            let version = trial.asks_for_another();
            fs::create_dir(data.join("filler")).unwrap();
            if inodes {
                leave_inodes(&data, amount * unit)
            } else {
                leave_bytes(&data, amount * unit)
            }
            let case = format!("{amount} of {whole} left");
            trial.start(&version, world.python_cmd(VALUE), &WORDS, &case);
            fs::remove_dir_all(data.join("filler")).unwrap();
            trial.heals(&version, &case);
        }
        trial.tell(&format!(
            "a disk with fewer {} than a build needs, {installer:?}",
            if inodes { "inodes" } else { "bytes" }
        ));
    }

    #[test]
    fn of_bytes_with_uv() {
        namespace::with_own_mounts(|| at_each(Installer::Uv, false, 4, 12));
    }

    #[test]
    fn of_bytes_with_pip() {
        namespace::with_own_mounts(|| at_each(Installer::Pip, false, 0, 4));
    }

    #[test]
    fn of_inodes_with_uv() {
        namespace::with_own_mounts(|| at_each(Installer::Uv, true, 4, 8));
    }

    #[test]
    fn before_anything_is_there() {
        namespace::with_own_mounts(|| {
            let world = World::new(Installer::Uv);
            mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], &world.plugin.data);
            let mut trial = Trial::of(&world);
            for pages in [0, 1, 8, 20, 40] {
                let version = trial.asks_for_another();
                fs::create_dir(world.plugin.data.join("filler")).unwrap();
                leave_bytes(&world.plugin.data, pages * 4096);
                let told = world.plugin.hook();
                let message = told.ok().json()["systemMessage"].as_str().unwrap().to_owned();
                assert!(WORDS.iter().any(|word| message.contains(word)), "{pages} pages: {message}");
                trial.start(&version, world.python_cmd(VALUE), &WORDS, &format!("{pages} pages"));
                fs::remove_dir_all(world.plugin.data.join("filler")).unwrap();
                trial.heals(&version, &format!("{pages} pages"));
                fs::remove_dir_all(world.plugin.data.join("plugdeps")).unwrap();
            }
            trial.tell("a full disk, nothing there");
        });
    }
}

mod a_read_only_data_directory {
    use super::*;

    fn read_only(world: &World) {
        mount(&["--bind", world.plugin.data.to_str().unwrap()], &world.plugin.data);
        mount(&["-o", "remount,bind,ro"], &world.plugin.data);
    }

    #[test]
    fn serves_what_is_in_it() {
        namespace::with_own_mounts(|| {
            let world = World::new(Installer::Uv);
            world.built();
            assert_eq!(proven(&world), "alpha 1.0");
            read_only(&world);
            world.plugin.hook().ok().silent();
            world.serves("1.0");
            assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
            world.plugin.command(["--check"]).run().ok();
        });
    }

    #[test]
    fn serves_a_server_that_has_not_been_started_in_it_before() {
        namespace::with_own_mounts(|| {
            let world = World::new(Installer::Uv);
            world.built();
            read_only(&world);
            let mut server = world.plugin.server("plain");
            assert_eq!(value_of(&mut server), "alpha 1.0");
            let program = fs::read_link(format!("/proc/{}/exe", server.pid())).unwrap();
            let is_itself = program != world.plugin.root.join("bin/plugdeps");
            server.close_stdin();
            server.wait(LONG);
            // None is watched, as none could be remembered.
            assert!(is_itself, "somebody stood before a server of which nothing can be learned");
            assert_eq!(server.stderr(), "");
        });
    }

    #[test]
    fn serves_the_last_good_one_and_says_so() {
        namespace::with_own_mounts(|| {
            let world = World::new(Installer::Uv);
            world.built();
            world.needs("alpha==2.0");
            read_only(&world);
            let said = world.python(VALUE);
            said.ok().stdout_is("alpha 1.0\n").stderr_has("Read-only file system").stderr_has("previous packages");
            let hook = world.plugin.hook();
            assert!(hook.ok().stdout.contains("Read-only file system"), "{hook}");
            assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
            world.plugin.command(["sync"]).run().exits(4).stderr_has("Read-only file system");
            world.plugin.command(["prune"]).run().exits(4).stderr_has("Read-only file system");
        });
    }

    #[test]
    fn with_nothing_in_it_is_a_clear_error() {
        namespace::with_own_mounts(|| {
            let world = World::new(Installer::Uv);
            read_only(&world);
            for args in [&["sync"][..], &["run", "--", "python", "-c", VALUE]] {
                let said = world.plugin.command(args).run();
                said.exits(4).stdout_is("").stderr_has("Read-only file system").stderr_has("`--data`");
            }
            let hook = world.plugin.hook();
            assert!(hook.ok().stdout.contains("Read-only file system"), "{hook}");
            world.plugin.command(["--check"]).run().exits(11);
        });
    }
}

mod too_little_of_what_a_process_may_have {
    use super::*;

    /// Under each limit, with something good there and without: what is wanted is served, or the last good environment, or
    /// nothing, and why. A limit that keeps an interpreter from starting keeps it from starting in a good environment, too.
    fn under_each(make: impl Fn() -> World, user: &[String], limits: &[String], what: &str) {
        for there in [true, false] {
            let world = make();
            let mut trial = Trial { user: user.to_vec(), ..Trial::of(&world) };
            for limit in limits {
                let version = trial.asks_for_another();
                if !there {
                    let _ = fs::remove_dir_all(world.plugin.data.join("plugdeps"));
                }
                let prlimit = tools::on_path("prlimit").unwrap().to_str().unwrap().to_owned();
                let prefix = [user, &[prlimit, limit.clone()]].concat();
                let (before, good) = (world.plugin.profile(), named(&world.plugin));
                let hook = started_by(&world, &prefix, &["session-start"]).timeout(LONG).run();
                assert!(hook.ok().stdout.is_empty() || hook.json()["systemMessage"].is_string(), "{limit}: {hook}");
                let run = started_by(&world, &prefix, &["run", "--", "python", "-c", VALUE]).timeout(LONG).run();
                assert!(run.status.success() || !run.stderr.is_empty(), "{limit}: failed without a word\n{run}");
                world.plugin.rests();
                let wanted = format!("alpha {version}");
                let is_published = || named(&world.plugin).iter().any(|generation| value_in(generation) == wanted);
                assert!(world.plugin.profile() == before || is_published(), "{limit}: the profile changed\n{run}");
                let mut may_serve = good.first().map(|good| value_in(good)).into_iter().chain([wanted.clone()]);
                let serves = may_serve.any(|value| run.stdout == format!("{value}\n"));
                assert!(serves || (run.stdout.is_empty() && !run.status.success()), "{limit}: serves another\n{run}");
                trial.failed += u32::from(run.stdout != format!("{wanted}\n"));
                trial.heals(&version, limit);
            }
            assert!(trial.failed < trial.number, "none works: the limits are of something else");
            trial.tell(&format!("{what}, {} something good there", if there { "with" } else { "without" }));
        }
    }

    /// Not less than 20 MiB: the debug build itself fills most of that.
    #[test]
    fn memory() {
        let limits = [20_u32, 24, 32, 64, 128, 256].map(|mib| format!("--as={}", mib << 20));
        under_each(|| World::new(Installer::Uv), &[], &limits, "too little memory");
    }

    #[test]
    fn open_files() {
        let limits = [4, 5, 6, 8, 10, 12, 16, 32, 64].map(|files| format!("--nofile={files}"));
        under_each(|| World::new(Installer::Uv), &[], &limits, "too few files");
    }

    #[test]
    fn processes() {
        if somebody::world().is_none() {
            return namespace::skip("real faults", "not root, or there is no interpreter that another user may start");
        }
        let limits = [1, 2, 3, 4, 5, 6, 8, 12, 24, 64, 200].map(|processes| format!("--nproc={processes}"));
        under_each(|| somebody::world().unwrap(), &somebody::words(), &limits, "too few processes");
    }
}

mod a_clock_that_jumps {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn by_a_day_during_a_build_disturbs_nobody() {
        for jump in [DAY, -DAY] {
            let world = World::new(Installer::Uv);
            let (trial, file) = (Trial::of(&world), world.plugin.temp().join("jump"));
            let with = |cmd: Cmd| cmd.env("LD_PRELOAD", &trial.clock).env("CLOCK_FILE", &file).timeout(LONG);
            world.index.latency(Duration::from_millis(300));
            let (hook, run) = (with(world.attended_hook()).spawn(), with(world.python_cmd(VALUE)).spawn());
            wait_until("it builds", LONG, || world.plugin.state().join("builder.json").exists());
            fs::write(&file, jump.to_string()).unwrap();
            hook.wait().ok().silent();
            run.wait().ok().stdout_is("alpha 1.0\n").stderr_is("");
            let before = world.plugin.profile();
            fs::write(&file, "0").unwrap();
            with(world.plugin.hook_cmd()).run().ok().silent();
            world.plugin.rests();
            with(world.plugin.command(["--check"])).run().ok();
            assert_eq!((world.plugin.builds(), world.plugin.current()), (1, named(&world.plugin).pop()));
            assert_eq!(named(&world.plugin).len(), 1, "{}", String::from_utf8_lossy(&before));
        }
    }

    #[test]
    fn by_a_day_during_a_pause_ends_the_pause() {
        for jump in [DAY, -DAY] {
            let world = World::new(Installer::Uv);
            let (trial, file) = (Trial::of(&world), world.plugin.temp().join("jump"));
            let with = |cmd: Cmd| cmd.env("LD_PRELOAD", &trial.clock).env("CLOCK_FILE", &file).timeout(LONG);
            world.needs("alpha==9.0");
            with(world.python_cmd(VALUE)).run().exits(9);
            alpha("9.0").write(world.wheels.path());
            with(world.python_cmd(VALUE)).run().exits(12).stderr_has("is tried again in");
            fs::write(&file, jump.to_string()).unwrap();
            let said = with(world.python_cmd(VALUE)).run();
            said.ok().stdout_is("alpha 9.0\n").stderr_is("");
        }
    }
}
