//! What is on the disk after the machine went down: the order in which things reach it, and the real thing.

use crate::support::*;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(120);

mod what_names_something_reaches_the_disk_after_it {
    use super::*;

    #[test]
    fn the_receipt_its_name_the_profile_its_name_and_then_the_packages() {
        ["session-start", "sync"].into_iter().for_each(in_order);
    }

    fn in_order(command: &str) {
        let world = World::new(Installer::Uv);
        let options = ["-f", "-y", "-s", "300", "-e", "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2"];
        strace(&world.plugin, &options, &[command]).run().ok();
        world.plugin.rests();
        let trace = fs::read_to_string(world.plugin.temp().join("trace")).unwrap();
        let replaced = |file: &str, place: &str| {
            [format!("sync a file in {place}"), format!("publish {file}"), format!("sync {place}")]
        };
        let (receipt, profile) = (replaced("receipt.json", "generation"), replaced("profile.json", "state"));
        let everything = ["sync all".to_owned()];
        let expected = [&receipt[..], &profile, &everything, &profile].concat();
        let state = world.plugin.state();
        let steps: Vec<String> = trace.lines().filter_map(|line| step(line, &state)).collect();
        assert_eq!(steps, expected, "`{command}`\n{trace}");
    }

    /// What a line of the trace means, if anything.
    fn step(line: &str, state: &Path) -> Option<String> {
        let state = state.to_str().unwrap();
        let named = |file: &&&str| line.contains(&format!("/{file}\""));
        if line.contains("rename") {
            return ["receipt.json", "profile.json"].iter().find(named).map(|file| format!("publish {file}"));
        }
        let path = line.split_once("sync")?.1.split_once(state)?.1.split_once('>')?.0;
        let place = if path.starts_with("/g-") { "generation" } else { "state" };
        match () {
            () if line.contains("syncfs(") => Some("sync all".into()),
            () if path.contains("/.new-") => Some(format!("sync a file in {place}")),
            () => Some(format!("sync {place}")),
        }
    }
}

mod what_may_be_hollow {
    use super::*;

    /// The profile as it is on the disk when the power is lost before the files are.
    fn as_of_another_boot(world: &World, boot: &str) {
        let mut profile = world.plugin.profile_json();
        profile["generations"][0]["boot"] = json!(boot);
        fs::write(world.plugin.state().join("profile.json"), profile.to_string()).unwrap();
    }

    /// Files whose content did not reach the disk; those of uv's cache are the same files.
    fn hollow_out(directory: &Path, name: &str) {
        let entries = walkdir::WalkDir::new(directory).into_iter().flatten();
        let found: Vec<_> = entries.filter(|entry| entry.file_name() == name).collect();
        assert!(!found.is_empty(), "there is no `{name}`");
        found.iter().for_each(|entry| fs::write(entry.path(), "").unwrap());
    }

    #[test]
    fn is_built_anew_after_the_next_boot_and_past_what_the_installer_kept() {
        for installer in BOTH {
            let world = World::new(installer);
            world.plugin.hook().ok().silent();
            world.plugin.rests();
            let old = world.plugin.current().unwrap();
            assert!(!String::from_utf8(world.plugin.profile()).unwrap().contains("boot"), "its files are on the disk");
            as_of_another_boot(&world, "another");
            hollow_out(&old, "alpha.py");
            let page = world.plugin.command(["--check"]).run();
            page.exits(10).stdout_has("the machine went down before its files were safely on the disk");
            world.serves("1.0");
            world.plugin.rests();
            assert_eq!(named(&world.plugin).len(), 1, "what may be hollow is kept");
            assert_ne!(named(&world.plugin)[0], old);
        }
    }

    #[test]
    fn is_used_in_the_boot_in_which_it_was_built() {
        let world = World::new(Installer::Uv);
        let old = world.built();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        as_of_another_boot(&world, boot.trim());
        let before = world.plugin.profile();
        world.plugin.hook().ok().silent();
        world.serves("1.0");
        assert_eq!((world.plugin.profile(), world.plugin.current().unwrap()), (before, old));
    }

    #[test]
    fn in_the_cache_of_uv_is_fetched_again_when_a_build_was_cut_off() {
        for left in [r#"{ "pid": 1, "since": 1, "until": 2, "log": "/x", "boot": "another" }"#, ""] {
            let world = World::new(Installer::Uv);
            hollow_out(&world.built(), "alpha.py");
            fs::write(world.plugin.state().join("builder.json"), left).unwrap();
            world.plugin.command(["sync", "--rebuild"]).run().ok();
            world.serves("1.0");
        }
    }

    #[test]
    fn in_the_cache_of_uv_is_left_aside_where_uv_notices() {
        let world = World::new(Installer::Uv);
        let old = world.built();
        hollow_out(&old, "WHEEL");
        world.plugin.command(["sync", "--rebuild"]).run().ok();
        assert!(is_whole(&world.plugin.current().unwrap()));
    }
}

mod a_power_loss {
    use super::*;

    /// Ends a file system as a loss of power does: what is not on the disk by then never will be. It waits for a word,
    /// since Python takes longer to start than a build takes to end.
    const CUT: &str = "import fcntl, os, struct, sys\n\
        file = os.open(sys.argv[1], os.O_RDONLY)\n\
        sys.stdin.readline()\n\
        fcntl.ioctl(file, 0x8004587d, struct.pack('I', 2))\n";

    /// A machine with a disk of its own, an image that is mounted at `disk`.
    struct Machine {
        image: PathBuf,
        disk: PathBuf,
        boot: PathBuf,
        boots: u32,
    }

    impl Machine {
        /// `None` where this process may not mount.
        fn new(temp: &Path) -> Option<Self> {
            let [image, disk, boot] = ["image", "disk", "boot"].map(|name| temp.join(name));
            fs::create_dir(&disk).unwrap();
            fs::write(&boot, "").unwrap();
            fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
            let mut machine = Self { image, disk, boot, boots: 0 };
            let made = done("mkfs.ext4", &["-q", machine.image.to_str()?]) && machine.starts();
            made.then_some(machine)
        }

        /// With another boot than before.
        fn starts(&mut self) -> bool {
            self.boots += 1;
            fs::write(&self.boot, format!("boot-{}\n", self.boots)).unwrap();
            let [image, disk, boot] = [&self.image, &self.disk, &self.boot].map(|path| path.to_str().unwrap());
            let seen = self.boots > 1 || done("mount", &["--bind", boot, "/proc/sys/kernel/random/boot_id"]);
            seen && done("mount", &["-o", "loop", image, disk])
        }

        /// Who ends its disk when told to.
        fn cutter(&self) -> Child {
            let mut python = Command::new(tools::python());
            python.args(["-c", CUT]).arg(&self.disk).stdin(Stdio::piped()).spawn().unwrap()
        }

        /// One with the data of a plugin and uv's cache on its disk.
        fn with_a_world(body: impl FnOnce(&mut Self, World)) {
            let plugin = Plugin::new("tiny").fixture("tiny");
            let temp = plugin.temp().canonicalize().unwrap();
            let Some(mut machine) = Self::new(&temp) else {
                return namespace::skip("power loss", "no image can be mounted here: not root, or no loop device");
            };
            let plugin = plugin.env("UV_CACHE_DIR", machine.disk.join("uv-cache"));
            let mut world = World::with(Installer::Uv, plugin);
            world.plugin.data = machine.disk.join("data");
            body(&mut machine, world);
        }

        fn loses_power(&mut self, mut cutter: Child, world: &World) {
            cutter.stdin.take().unwrap().write_all(b"now\n").unwrap();
            assert!(cutter.wait().unwrap().success(), "the file system goes on");
            let kill = |pid: &u32| processes::signal(*pid, rustix::process::Signal::KILL);
            wait_until("nobody is left", LONG, || {
                let left = world.plugin.processes();
                left.iter().for_each(kill);
                left.is_empty()
            });
            wait_until("it is unmounted", LONG, || done("umount", &[self.disk.to_str().unwrap()]));
            assert!(self.starts(), "the disk cannot be mounted again");
        }
    }

    fn done(program: &str, args: &[&str]) -> bool {
        Command::new(program).args(args).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// At a moment of chance, or as soon as the profile names something new: its files are on their way then.
    fn wait_for_the_moment(world: &World, random: &mut Random, whole: u32, round: u32) {
        if round.is_multiple_of(2) {
            return std::thread::sleep(Duration::from_micros(random.below(whole + whole / 2).into()));
        }
        let (before, began) = (world.plugin.profile(), Instant::now());
        while world.plugin.profile() == before && began.elapsed() < LONG {}
    }

    fn one_start_heals(machine: &mut Machine, world: &World, losses: u32) {
        let began = Instant::now();
        world.plugin.hook().ok().silent();
        let whole = began.elapsed().as_micros() as u32;
        let (mut random, mut hollow) = (Random::seeded(), 0);
        for round in 1..=losses {
            let version = format!("{}.0", round % 4 + 1);
            world.needs(&format!("alpha=={version}"));
            let cutter = machine.cutter();
            let hook = world.plugin.hook_cmd().spawn();
            wait_for_the_moment(world, &mut random, whole, round);
            machine.loses_power(cutter, world);
            drop(hook);
            hollow += u32::from(world.plugin.command(["--check"]).run().stdout.contains("the machine went down"));
            world.serves(&version);
            assert!(named(&world.plugin).iter().all(|generation| is_whole(generation)), "round {round}: hollow");
        }
        println!(
            "POWER LOSSES: {losses}, {hollow} of them before the files of a published environment were on the disk"
        );
    }

    #[test]
    fn at_any_moment_is_healed_by_one_start() {
        let losses = times("PLUGDEPS_TEST_KILLS", 12);
        namespace::with_own_mounts(|| Machine::with_a_world(|machine, world| one_start_heals(machine, &world, losses)));
    }

    #[test]
    fn after_the_end_of_sync_costs_nothing() {
        namespace::with_own_mounts(|| {
            Machine::with_a_world(|machine, world| {
                let cutter = machine.cutter();
                world.plugin.command(["sync"]).run().ok();
                machine.loses_power(cutter, &world);
                let before = world.plugin.profile();
                world.plugin.command(["--check"]).run().ok().stdout_has("ready");
                assert!(is_whole(&world.plugin.current().unwrap()), "its files are not on the disk");
                world.serves("1.0");
                assert_eq!(world.plugin.profile(), before, "it was built once more");
            });
        });
    }
}
