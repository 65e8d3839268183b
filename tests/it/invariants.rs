//! The invariants of the specification (design §4), one module each.
//!
//! Most run with uv alone, which is quick; where uv and pip could differ, with both.

use crate::support::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nothing that is waited for here takes this long, even on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// The one message of a hook; panics when its stdout is anything but one JSON object with it.
#[track_caller]
fn message_of(hook: &Output) -> String {
    let said = hook.ok().json();
    let keys: Vec<_> = said.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["systemMessage"], "{hook}");
    said["systemMessage"].as_str().unwrap().to_owned()
}

mod the_hook_and_run_are_two_doors_to_one_ensure {
    use super::*;

    #[test]
    fn run_serves_without_any_hook() {
        for installer in BOTH {
            let world = World::new(installer);
            assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
            assert_eq!(world.plugin.builds(), 1);
        }
    }

    #[test]
    fn the_hook_alone_makes_ready() {
        for installer in BOTH {
            let world = World::new(installer);
            world.plugin.hook().ok().silent();
            world.index.stop();
            assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
            assert_eq!(world.plugin.builds(), 1);
        }
    }

    #[test]
    fn both_at_once_build_once_whichever_comes_first() {
        for installer in BOTH {
            let world = World::new(installer);
            world.index.latency(Duration::from_millis(100));
            let hook = world.plugin.hook_cmd().spawn();
            let mut server = world.plugin.server("plain");
            assert_eq!(value_of(&mut server), "alpha 1.0");
            hook.wait().ok().silent();
            assert_eq!((world.plugin.builds(), world.plugin.generations().len()), (1, 1));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_start_that_another_one_overtakes_looks_again_when_it_has_the_lock() {
        let world = World::new(Installer::Uv);
        let hook = delayed_before_its_first_lock(&world, &["session-start"]);
        world.built();
        hook.wait().ok().silent();
        assert_eq!((world.plugin.builds(), world.plugin.generations().len()), (1, 1));
    }

    #[test]
    fn after_that_neither_builds_nor_writes_anything() {
        let world = World::new(Installer::Uv);
        world.built();
        // The first server proves that it starts there, which is written down.
        assert_eq!(proven(&world), "alpha 1.0");
        let before = Tree::of(&world.plugin.data);
        world.plugin.hook().ok().silent();
        assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
        assert_same(&before, &Tree::of(&world.plugin.data));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_ready_start_takes_no_lock_starts_no_process_and_opens_nothing_for_writing() {
        let world = World::new(Installer::Uv);
        world.built();
        let hook = traced(&world, &["session-start"]);
        assert!(hook.contains("profile.json"), "strace saw nothing:\n{hook}");
        for call in
            ["fork(", "clone(", "clone3(", "flock(", "O_WRONLY", "O_RDWR", "O_CREAT", "rename", "unlink", "mkdir"]
        {
            assert!(!hook.contains(call), "a ready hook calls {call}:\n{hook}");
        }
        let run = traced(&world, &["run", "--", "env"]);
        let before = run.rsplit_once("execve(").unwrap().0;
        for call in
            ["fork(", "clone(", "clone3(", "LOCK_EX", "O_WRONLY", "O_RDWR", "O_CREAT", "rename", "unlink", "mkdir"]
        {
            assert!(!before.contains(call), "a ready `run` calls {call}:\n{run}");
        }
    }
}

/// The system calls of a start and of all that it starts.
#[cfg(target_os = "linux")]
fn traced(world: &World, args: &[&str]) -> String {
    let trace = world.plugin.temp().join("trace");
    strace(&world.plugin, &["-f", "-s", "200", "-e", "trace=%file,%process,flock,fcntl"], args).run().ok();
    fs::read_to_string(trace).unwrap()
}

/// A start that has looked around and is now held for three seconds, having opened what it is about to lock.
#[cfg(target_os = "linux")]
fn delayed_before_its_first_lock(world: &World, args: &[&str]) -> Running {
    let trace = world.plugin.temp().join("trace");
    let options = ["-e", "trace=flock", "-e", "inject=flock:delay_enter=3000000:when=1"];
    let running = strace(&world.plugin, &options, args).spawn();
    let arrived = || fs::read_to_string(&trace).unwrap_or_default().contains("flock(");
    wait_until("it is about to lock", LONG, arrived);
    assert!(!fs::read_to_string(&trace).unwrap().contains("DELAYED"), "this test was too slow to see it in time");
    running
}

mod ready_means_a_sealed_receipt_with_this_fingerprint_whose_interpreter_is_there {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_generation_without_its_receipt_is_not_ready() {
        let world = World::new(Installer::Uv);
        let old = world.built();
        fs::remove_file(old.join("receipt.json")).unwrap();
        world.plugin.command(["--check"]).run().exits(10);
        world.plugin.hook().ok().silent();
        assert_ne!(world.plugin.current().unwrap(), old);
        wait_until("leftovers are swept", LONG, || world.plugin.generations().len() == 1);
        world.serves("1.0");
    }

    #[test]
    fn state_that_cannot_be_read_is_absent_and_nobody_is_told() {
        let world = World::new(Installer::Uv);
        world.built();
        type Damage = fn(&[u8]) -> Vec<u8>;
        let ways: [(&str, Damage); 7] = [
            ("empty", |_| Vec::new()),
            ("truncated", |bytes| bytes[..bytes.len() / 2].to_vec()),
            ("null", |_| b"null".to_vec()),
            ("another type", |_| b"[1, 2]".to_vec()),
            ("binary", |_| (0..=255).collect()),
            ("nested without end", |_| vec![b'['; 100_000]),
            ("a newer schema", |bytes| {
                String::from_utf8_lossy(bytes).replace("\"schema\": 1", "\"schema\": 99").into()
            }),
        ];
        for (way, damage) in ways {
            for file in ["profile.json", "receipt.json"] {
                world.plugin.rests();
                let old = world.plugin.current().unwrap();
                let path = if file == "receipt.json" { old.join(file) } else { world.plugin.state().join(file) };
                let damaged = damage(&fs::read(&path).unwrap());
                fs::write(&path, damaged).unwrap();
                world.serves("1.0");
                assert_ne!(world.plugin.current(), Some(old), "{file}, {way}: not rebuilt");
                world.plugin.hook().ok().silent();
            }
        }
    }

    #[test]
    fn notes_that_cannot_be_read_disturb_nobody() {
        let world = World::new(Installer::Uv);
        world.built();
        for file in ["builder.json", "failure.json"] {
            for bytes in [&b""[..], b"null", b"{\"pid\": -1}", b"\xff\xfe\x00"] {
                fs::write(world.plugin.state().join(file), bytes).unwrap();
                world.plugin.hook().ok().silent();
                world.plugin.command(["--check"]).run().ok();
                world.plugin.command(["sync", "--rebuild"]).run().ok();
                world.serves("1.0");
            }
        }
    }

    #[test]
    fn a_directory_in_the_place_of_a_state_file_disturbs_nobody() {
        for file in ["profile.json", "builder.json", "failure.json"] {
            let world = World::new(Installer::Uv);
            world.built();
            let _ = fs::remove_file(world.plugin.state().join(file));
            fs::create_dir(world.plugin.state().join(file)).unwrap();
            fs::write(world.plugin.state().join(file).join("x"), "").unwrap();
            world.serves("1.0");
            world.needs("alpha==2.0");
            world.serves("2.0");
        }
    }

    #[test]
    fn a_profile_that_leads_elsewhere_leads_nowhere() {
        let world = World::new(Installer::Uv);
        let old = world.built();
        let elsewhere = world.plugin.data.join("x");
        Cmd::new("cp").arg("-a").args([&old, &elsewhere]).run().ok();
        // As if it had been built there: its name alone is what is wrong with it.
        let receipt = fs::read_to_string(elsewhere.join("receipt.json")).unwrap();
        let receipt = receipt.replace(old.to_str().unwrap(), elsewhere.to_str().unwrap());
        fs::write(elsewhere.join("receipt.json"), receipt).unwrap();
        let before = Tree::of(&elsewhere);
        for name in ["../../x", "g-../../../x", "/", "", "g-", "nothing-like-it", elsewhere.to_str().unwrap()] {
            let name_now = world.plugin.current().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            let profile = String::from_utf8(world.plugin.profile()).unwrap().replace(&name_now, name);
            fs::write(world.plugin.state().join("profile.json"), profile).unwrap();
            world.serves("1.0");
            let current = world.plugin.profile_json()["generations"][0]["generation"].clone();
            assert!(current.as_str().unwrap().starts_with("g-") && current != name, "{name:?} was followed");
        }
        assert_same(&before, &Tree::of(&elsewhere));
    }

    #[test]
    fn a_generation_that_is_gone_is_built_again() {
        for whole in [true, false] {
            let world = World::new(Installer::Uv);
            let old = world.built();
            fs::remove_dir_all(if whole { old.clone() } else { old.join("env") }).unwrap();
            world.plugin.command(["--check"]).run().exits(10);
            world.plugin.hook().ok().silent();
            world.serves("1.0");
            assert_ne!(world.plugin.current().unwrap(), old);
        }
    }

    #[test]
    fn a_python_that_is_gone_is_replaced_by_another() {
        for installer in BOTH {
            let (world, own) = with_own_python(installer);
            let old = world.built();
            fs::remove_dir_all(&own).unwrap();
            let world = World { plugin: world.plugin.no_python(), ..world };
            std::os::unix::fs::symlink(tools::python(), world.plugin.path_dir().join("python")).unwrap();
            world.plugin.command(["--check"]).run().exits(10).stdout_has("is gone");
            world.plugin.hook().ok().silent();
            assert_ne!(world.plugin.current().unwrap(), old, "{installer:?}");
            world.serves("1.0");
        }
    }

    #[test]
    fn the_same_python_in_another_file_is_recognised_and_asked_only_once() {
        for installer in BOTH {
            let (world, own) = with_own_python(installer);
            let generation = world.built();
            let sealed = Tree::of(&generation);
            let python = own.join("bin/python3");
            let changes: [fn(&Path); 2] = [touch, copy_in_place];
            for change in changes {
                let before = world.plugin.profile();
                change(&python);
                world.plugin.command(["--check"]).run().ok();
                assert_eq!(world.plugin.profile(), before, "only a start remembers");
                world.plugin.hook().ok().silent();
                assert_ne!(world.plugin.profile(), before, "the profile remembers the new file");
                let known = &world.plugin.profile_json()["generations"][0]["validator"]["mtime_ns"];
                assert_eq!(known.as_i64(), Some(modified(&python)));
                let refreshed = world.plugin.profile();
                world.plugin.hook().ok().silent();
                world.serves("1.0");
                assert_eq!(world.plugin.profile(), refreshed);
                #[cfg(target_os = "linux")]
                assert!(!traced(&world, &["session-start"]).contains("clone"), "it asks again");
            }
            assert_eq!((world.plugin.builds(), world.plugin.current().unwrap()), (1, generation.clone()));
            assert_same(&sealed, &Tree::of(&generation));
        }
    }

    #[test]
    fn another_python_in_its_place_means_another_environment() {
        for installer in BOTH {
            let (world, own) = with_own_python(installer);
            let old = world.built();
            let is = |python: &Path| {
                let said = world.python("import sys, alpha; print('%d.%d' % sys.version_info[:2])");
                said.ok().stdout_is(&format!("{}\n", tools::version(python).unwrap())).stderr_is("");
            };
            is(&tools::python());
            let other = tools::pythons().into_iter().next().expect("this test needs a second interpreter: install one");
            private_python(&other, &own);
            world.plugin.command(["--check"]).run().exits(10).stdout_has("its interpreter was cpython-");
            world.plugin.hook().ok().silent();
            assert_ne!(world.plugin.current().unwrap(), old, "{installer:?}");
            is(&other);
        }
    }

    #[test]
    fn a_copy_of_the_data_is_built_anew_where_it_is() {
        for installer in BOTH {
            let mut world = World::new(installer);
            world.built();
            let original = world.plugin.data.clone();
            let copy = original.with_file_name("copy");
            Cmd::new("cp").arg("-a").args([&original, &copy]).run().ok();
            let before = Tree::of(&original);
            world.plugin.data = copy.clone();
            world.plugin.command(["--check"]).run().exits(10).stdout_has("copied from there");
            world.plugin.hook().ok().silent();
            world.plugin.command(["run", "--", "alpha-tool"]).run().ok().stdout_is("alpha 1.0\n");
            let generation = world.plugin.current().unwrap();
            for path in files_in(&generation.join("env/bin")).into_iter().chain([generation.join("env/pyvenv.cfg")]) {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains(original.to_str().unwrap()), "`{}` points to the original", path.display());
            }
            for link in ["venv", "site-packages"] {
                assert!(
                    fs::canonicalize(copy.join(link)).unwrap().starts_with(&generation),
                    "`{link}` points elsewhere"
                );
            }
            assert_same(&before, &Tree::of(&original));
        }
    }

    #[test]
    fn data_under_another_name_of_the_same_place_are_ready() {
        let mut world = World::new(Installer::Uv);
        world.built();
        let link = world.plugin.data.with_file_name("link");
        std::os::unix::fs::symlink(&world.plugin.data, &link).unwrap();
        world.plugin.data = link;
        world.plugin.command(["--check"]).run().ok();
        world.serves("1.0");
        assert_eq!(world.plugin.builds(), 1);
    }

    /// A world whose `python3` is a file of the test's own, and the directory that it is in.
    fn with_own_python(installer: Installer) -> (World, PathBuf) {
        let plugin = Plugin::new("tiny").fixture("tiny");
        let own = plugin.temp().canonicalize().unwrap().join("own");
        private_python(&tools::python(), &own);
        let plugin = plugin.python(&own.join("bin/python3"));
        (World::with(installer, plugin), own)
    }

    fn touch(path: &Path) {
        let file = fs::File::open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
    }

    /// As a package manager replaces a program: a new file is renamed into the place of the old one.
    fn copy_in_place(path: &Path) {
        let staged = path.with_extension("new");
        Cmd::new("cp").args([path, &staged]).run().ok();
        fs::rename(staged, path).unwrap();
    }

    fn modified(path: &Path) -> i64 {
        use std::os::unix::fs::MetadataExt;
        let meta = fs::metadata(path).unwrap();
        meta.mtime() * 1_000_000_000 + meta.mtime_nsec()
    }

    fn files_in(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.is_file() && !path.is_symlink()).collect()
    }
}

mod a_sealed_generation_is_never_written_by_us_again {
    use super::*;

    #[test]
    fn not_by_starts_syncs_checks_prints_prunes_rebuilds_or_failures() {
        for installer in BOTH {
            let world = World::new(installer);
            let generation = world.built();
            let sealed = Tree::of(&generation);
            let same = || assert_same(&sealed, &Tree::of(&generation));
            for _ in 0..3 {
                world.plugin.hook().ok().silent();
                world.serves("1.0");
                world.plugin.command(["run", "--", "alpha-tool"]).run().ok().stdout_is("alpha 1.0\n");
                for args in [&["sync"][..], &["--check"], &["--check", "--json"], &["prune"]] {
                    world.plugin.command(args).run().ok();
                }
                for format in ["sh", "fish", "powershell", "json", "dotenv", "mcp"] {
                    world.plugin.command(["env", "--format", format]).run().ok();
                }
            }
            same();
            world.plugin.command(["sync", "--rebuild"]).run().ok();
            assert_ne!(world.plugin.current().unwrap(), generation, "a rebuild is a new generation");
            same();
            world.needs("no-such-package");
            let served = world.python("import alpha; print(alpha.VALUE)");
            served.ok().stdout_is("alpha 1.0\n");
            same();
        }
    }
}

mod publishing_is_one_rename {
    use super::*;

    #[test]
    fn the_old_environment_serves_while_the_new_one_is_built() {
        for installer in BOTH {
            let world = World::new(installer);
            let old = world.built();
            let profile = world.plugin.profile();
            world.index.latency(Duration::from_millis(300));
            world.needs("alpha==2.0");
            let mut hook = world.plugin.hook_cmd().spawn();
            wait_until("a build is under way", LONG, || world.plugin.generations().len() > 1);
            let link = world.plugin.data.join("venv/bin/python");
            let mut seen_while_building = 0;
            while hook.is_running() {
                // Read before and after: what was served in between belongs to one of the two.
                let before = world.plugin.profile();
                let said = world.plugin.bare_command(&link).args(["-c", "import alpha; print(alpha.VALUE)"]).run();
                let after = world.plugin.profile();
                assert!(before == profile || after != profile, "the profile went back");
                match said.ok().stdout.as_str() {
                    "alpha 1.0\n" => seen_while_building += usize::from(after == profile),
                    "alpha 2.0\n" => assert!(after != profile, "served before it was published"),
                    other => panic!("neither the old nor the new one: {other}"),
                }
            }
            hook.wait().ok().silent();
            assert!(seen_while_building > 0, "nothing was started while it was built");
            world.serves("2.0");
            assert!(old.join("receipt.json").is_file(), "the previous one is kept");
            let said = world.plugin.bare_command(&link).args(["-c", "import alpha; print(alpha.VALUE)"]).run();
            said.ok().stdout_is("alpha 2.0\n");
        }
    }

    #[test]
    fn a_build_that_fails_changes_nothing_and_the_last_good_one_is_served_with_a_message() {
        for installer in BOTH {
            let world = World::new(installer);
            let generation = world.built();
            let links = || ["venv", "site-packages"].map(|name| fs::read_link(world.plugin.data.join(name)).unwrap());
            let before = (world.plugin.profile(), links(), Tree::of(&generation));
            world.needs("no-such-package");
            let served = world.python("import alpha; print(alpha.VALUE)");
            served.ok().stdout_is("alpha 1.0\n").stderr_has("error[install-failed]").stderr_has("no-such-package");
            served.stderr_has("tiny starts with its previous packages");
            let said = message_of(&world.plugin.hook());
            assert!(said.contains("could not be installed") && said.contains("previous packages"), "{said}");
            let status = world.plugin.command(["sync"]).run().stdout_is("").status;
            assert!(!status.success(), "`sync` tells");
            assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
            let after = (world.plugin.profile(), links(), Tree::of(&generation));
            assert_same(&before.2, &after.2);
            assert_eq!((before.0, before.1), (after.0, after.1));
            assert_eq!(world.plugin.generations(), [generation], "what failed is removed");
        }
    }

    #[test]
    fn the_links_lead_to_the_environment_that_starts_use_also_after_going_back() {
        let world = World::new(Installer::Uv);
        for version in ["1.0", "2.0", "1.0"] {
            world.needs(&format!("alpha=={version}"));
            world.plugin.hook().ok().silent();
            let link = world.plugin.data.join("venv/bin/python");
            let said = world.plugin.bare_command(link).args(["-c", "import alpha; print(alpha.VALUE)"]).run();
            said.ok().stdout_is(&format!("alpha {version}\n"));
        }
    }

    #[test]
    fn going_back_to_the_previous_manifest_builds_nothing() {
        let world = World::new(Installer::Uv);
        let first = world.built();
        world.needs("alpha==2.0");
        world.serves("2.0");
        world.index.stop();
        world.needs("alpha==1.0");
        world.plugin.hook().ok().silent();
        world.serves("1.0");
        assert!(first.is_dir());
        assert_eq!(world.plugin.builds(), 2);
    }
}

mod the_build_runs_to_its_end_though_its_starter_dies {
    use super::*;
    use rustix::process::Signal;

    /// As long as a request of the installer lasts while its starter is killed.
    const HELD: Duration = Duration::from_secs(3);

    /// The build waits for the index while `kill` ends who started it; then it goes on by itself.
    fn goes_on_after(installer: Installer, start: impl Fn(&World) -> Vec<u32>) {
        let world = World::new(installer);
        world.index.latency(HELD);
        let started = start(&world);
        wait_until("the installer asks the index", LONG, || world.index.requests() > 0);
        started.iter().for_each(|pid| processes::end_tree_like_the_host(*pid));
        assert!(!started.iter().any(|pid| processes::is_alive(*pid)), "the starter lives");
        assert!(world.plugin.profile().is_empty(), "this test was too slow to kill in time");
        world.index.latency(Duration::ZERO);
        wait_until("the build has ended without any further start", LONG, || !world.plugin.profile().is_empty());
        world.wait_until_ready();
        world.serves("1.0");
        assert_eq!(world.plugin.builds(), 1, "{installer:?}");
    }

    #[test]
    fn of_a_hook_that_is_out_of_time() {
        for installer in BOTH {
            goes_on_after(installer, |world| {
                let hook = world.plugin.hook_cmd().spawn();
                let pid = hook.pid();
                // Reaped in the background; the test kills it by its id.
                std::thread::spawn(move || hook.wait());
                vec![pid]
            });
        }
    }

    #[test]
    fn of_a_server_that_is_slow_to_answer() {
        for installer in BOTH {
            goes_on_after(installer, |world| {
                let run = world.plugin.server_cmd("plain").spawn();
                let pid = run.pid();
                std::thread::spawn(move || run.wait());
                vec![pid]
            });
        }
    }

    #[test]
    fn of_both_at_once() {
        goes_on_after(Installer::Pip, |world| {
            let both = [world.plugin.hook_cmd().spawn(), world.plugin.server_cmd("plain").spawn()];
            both.into_iter()
                .map(|running| {
                    let pid = running.pid();
                    std::thread::spawn(move || running.wait());
                    pid
                })
                .collect()
        });
    }

    #[test]
    fn a_start_that_finds_a_dead_builder_builds_at_once() {
        let world = World::new(Installer::Uv);
        world.index.latency(HELD);
        let hook = world.plugin.hook_cmd().spawn();
        wait_until("the installer asks the index", LONG, || world.index.requests() > 0);
        drop(hook);
        world.plugin.processes().into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
        wait_until("all are gone", LONG, || world.plugin.processes().is_empty());
        world.index.latency(Duration::ZERO);
        world.serves("1.0");
        wait_until("what the dead one left is swept", LONG, || world.plugin.generations().len() == 1);
    }
}

mod waiting_is_bounded_and_visible {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    /// Holds the lock as another process would.
    fn hold(world: &World) -> File {
        fs::create_dir_all(world.plugin.state()).unwrap();
        let file = File::options().create(true).append(true).open(lock_of(world)).unwrap();
        file.try_lock().unwrap();
        file
    }

    fn lock_of(world: &World) -> PathBuf {
        world.plugin.state().join("lock")
    }

    fn inode(world: &World) -> u64 {
        fs::metadata(lock_of(world)).unwrap().ino()
    }

    #[test]
    fn sync_says_once_what_it_waits_for_and_goes_on_when_it_may() {
        let world = World::new(Installer::Uv);
        let lock = hold(&world);
        let mut sync = world.plugin.command(["sync"]).spawn();
        wait_until("it says so", LONG, || sync.stderr_so_far().contains("waiting for another process, for at most "));
        assert!(sync.stderr_so_far().contains(lock_of(&world).to_str().unwrap()), "{}", sync.stderr_so_far());
        assert!(sync.is_running() && world.plugin.generations().is_empty(), "it builds unlocked");
        drop(lock);
        let said = sync.wait();
        assert_eq!(said.ok().stdout_is("").stderr.matches("waiting for").count(), 1, "{said}");
        world.serves("1.0");
    }

    #[test]
    fn sync_names_the_process_that_builds() {
        let world = World::new(Installer::Uv);
        world.index.latency(Duration::from_secs(3));
        let hook = world.plugin.hook_cmd().spawn();
        wait_until("the installer asks the index", LONG, || world.index.requests() > 0);
        let sync = world.plugin.command(["sync"]).spawn();
        wait_until("it says so", LONG, || sync.stderr_so_far().contains("waiting for"));
        world.index.latency(Duration::ZERO);
        sync.wait().ok().stderr_has("waiting for process ").stderr_has(", which has been building for ");
        hook.wait().ok().silent();
        assert_eq!(world.plugin.builds(), 1);
    }

    #[test]
    fn a_wait_names_no_process_that_is_gone() {
        let world = World::new(Installer::Uv);
        world.built();
        world.plugin.write("plugdeps.toml", "wait = 1\n");
        let lock = hold(&world);
        world.needs("alpha==2.0");
        let sync = world.plugin.command(["sync"]).spawn();
        wait_until("it says so", LONG, || sync.stderr_so_far().contains("waiting for"));
        drop(lock);
        sync.wait().ok().stderr_has("waiting for another process");
    }

    #[test]
    fn the_hook_waits_as_long_as_it_is_told_and_says_that_the_build_goes_on() {
        let world = World::new(Installer::Uv);
        world.plugin.write("plugdeps.toml", "wait = 1\n");
        let lock = hold(&world);
        let before = (inode(&world), Tree::of(&world.plugin.data));
        let hook = world.attended_hook().run();
        assert_eq!(message_of(&hook), "tiny: still installing its packages; its tools appear when that is done");
        assert!(hook.elapsed >= Duration::from_secs(1) && hook.elapsed < Duration::from_secs(10), "{hook}");
        assert_same(&before.1, &Tree::of(&world.plugin.data));
        drop(lock);
        world.attended_hook().run().ok().silent();
        assert_eq!(inode(&world), before.0);
        world.serves("1.0");
    }

    #[test]
    fn the_hook_of_a_slow_build_lets_the_session_begin_and_the_next_one_is_silent() {
        for installer in BOTH {
            let world = World::new(installer);
            world.plugin.write("plugdeps.toml", "wait = 1\n");
            world.index.latency(Duration::from_secs(3));
            let hook = world.attended_hook().run();
            assert!(message_of(&hook).contains("still installing"), "{hook}");
            world.index.latency(Duration::ZERO);
            world.wait_until_ready();
            world.attended_hook().run().ok().silent();
            assert_eq!(world.plugin.builds(), 1);
        }
    }

    #[test]
    fn while_it_may_not_build_the_hook_says_that_the_previous_packages_are_used() {
        let world = World::new(Installer::Uv);
        world.plugin.write("plugdeps.toml", "wait = 1\n");
        world.built();
        let lock = hold(&world);
        let profile = world.plugin.profile();
        world.needs("alpha==2.0");
        let said = message_of(&world.attended_hook().run());
        assert!(said.contains("still installing") && said.contains("previous packages"), "{said}");
        assert_eq!((world.plugin.profile(), world.plugin.generations().len()), (profile, 1));
        drop(lock);
        world.serves("2.0");
    }

    #[test]
    fn run_serves_the_last_good_one_when_its_time_is_over_and_fails_when_there_is_none() {
        let (world, fresh) = (World::new(Installer::Uv), World::new(Installer::Uv));
        world.built();
        [&world, &fresh].iter().for_each(|world| world.plugin.write("plugdeps.toml", "deadline = 1\n"));
        let locks = (hold(&world), hold(&fresh));
        world.needs("alpha==2.0");
        let served = world.python_cmd("import alpha; print(alpha.VALUE)").spawn();
        let failed = fresh.python_cmd("import alpha; print(alpha.VALUE)").spawn();
        let (served, failed) = (served.wait(), failed.wait());
        served.ok().stdout_is("alpha 1.0\n").stderr_has("wait-timeout").stderr_has("starts with its previous packages");
        failed.stdout_is("").stderr_has("another process holds the lock");
        assert!(!failed.status.success());
        assert!(fresh.plugin.generations().is_empty(), "it built unlocked");
        drop(locks);
    }

    #[test]
    fn the_lock_file_is_never_removed_nor_replaced() {
        let world = World::new(Installer::Uv);
        world.built();
        let first = inode(&world);
        world.needs("alpha==2.0");
        world.plugin.hook().ok();
        world.needs("no-such-package");
        world.plugin.hook().ok();
        world.plugin.command(["sync", "--rebuild"]).run();
        world.needs("alpha==3.0");
        world.built();
        world.plugin.command(["prune"]).run().ok();
        assert_eq!(inode(&world), first);
    }

    #[test]
    fn prune_leaves_alone_what_is_being_built() {
        let world = World::new(Installer::Uv);
        let _lock = hold(&world);
        let unsealed = world.plugin.state().join("g-AAAAAAAA");
        fs::create_dir(&unsealed).unwrap();
        world.plugin.command(["prune"]).run().ok().stderr_has("a build is under way");
        assert!(unsealed.is_dir());
    }
}

mod stdout_belongs_to_the_protocol {
    use super::*;

    /// A world whose installer and packages print wherever they can.
    fn noisy(installer: Installer) -> World {
        let world = World::new(installer);
        noisy_sdist("gamma", "1.0", world.wheels.path());
        let loud = "import sys; sys.stdout.write('noise at every start'); sys.stdout.flush()\n";
        Wheel::noisy("beta", "1.0").module("beta.pth", loud).write(world.wheels.path());
        world.needs("gamma\nbeta\nalpha==1.0");
        world
    }

    #[test]
    fn the_hook_says_nothing_whatever_is_installed() {
        for installer in BOTH {
            let world = noisy(installer);
            world.plugin.hook().ok().silent();
            world.plugin.hook().ok().silent();
            let log = fs::read_dir(world.plugin.state().join("logs")).unwrap().flatten().next().unwrap().path();
            assert!(fs::read_to_string(log).unwrap().contains("gamma"), "the installer is heard in the log");
        }
    }

    #[test]
    fn run_says_nothing_before_the_command_does() {
        for installer in BOTH {
            let world = noisy(installer);
            world
                .plugin
                .command(["run", "--", "sh", "-c", "echo own words"])
                .run()
                .ok()
                .stdout_is("own words\n")
                .stderr_is("");
            let cold = noisy(installer);
            cold.needs("gamma\nalpha==1.0");
            assert_eq!(value_of(&mut cold.plugin.server("plain")), "alpha 1.0");
        }
    }

    #[test]
    fn sync_shows_the_installer_on_stderr_only() {
        for installer in BOTH {
            noisy(installer).plugin.command(["sync"]).run().ok().stdout_is("").stderr_has("gamma");
        }
    }

    #[test]
    fn a_failure_is_one_json_object_for_the_hook_and_nothing_on_the_stdout_of_run() {
        for installer in BOTH {
            let world = noisy(installer);
            broken_sdist("delta", "1.0", world.wheels.path());
            world.needs("gamma\nbeta\ndelta");
            let said = message_of(&world.plugin.hook());
            assert!(said.contains("building it failed"), "{said}");
            let run = world.plugin.command(["run", "--", "sh", "-c", "echo own words"]).run();
            run.stdout_is("").stderr_has("building it failed");
            assert!(!run.status.success());
        }
    }
}

mod nothing_is_written_under_root {
    use super::*;

    /// A plugin for each kind of manifest that needs no index but the local one.
    fn kinds(installer: Installer) -> Vec<(&'static str, World)> {
        let make = |fixture: &str| {
            let world = World::with(installer, Plugin::new("tiny").fixture(fixture));
            Wheel::simple("beta", "1.0").write(world.wheels.path());
            world
        };
        let without_requirements = |world: World| {
            fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
            world
        };
        let hashed = make("tiny");
        hashed.needs(&alpha("1.0").write_hashed(hashed.wheels.path()));
        let project = without_requirements(make("tiny"));
        project.plugin.write("pyproject.toml", PROJECT);
        let mut kinds = vec![
            ("requirements", make("tiny")),
            ("hashed", hashed),
            ("pyproject", project),
            ("subdirectory", without_requirements(make("subdirectory"))),
            ("two servers", without_requirements(make("two-servers"))),
        ];
        if installer == Installer::Uv {
            let locked = without_requirements(make("tiny"));
            locked.plugin.write("pyproject.toml", PROJECT);
            locked.plugin.bare_command("uv").arg("lock").cwd(&locked.plugin.root).run().ok();
            kinds.push(("uv.lock", locked));
            kinds.push(("pylock", without_requirements(make("pylock"))));
        }
        kinds
    }

    /// A script that says itself what it needs, and one with a lock.
    fn scripts(installer: Installer) -> Vec<(&'static str, World)> {
        let make = || {
            let world = World::with(installer, Plugin::new("tiny").fixture("tiny"));
            fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
            let server = fs::read_to_string(world.plugin.root.join("server.py")).unwrap();
            let block = "# /// script\n# dependencies = [\"alpha==1.0\"]\n# ///\n";
            world.plugin.write("server.py", &(block.to_owned() + &server));
            world
        };
        let mut kinds = vec![("script", make())];
        if installer == Installer::Uv {
            let locked = make();
            let uv = locked.plugin.bare_command("uv").args(["lock", "--script", "server.py"]);
            uv.cwd(&locked.plugin.root).run().ok();
            kinds.push(("lock of a script", locked));
        }
        kinds
    }

    const PROJECT: &str = "[project]\nname = \"tiny\"\nversion = \"1.0.0\"\nrequires-python = \">=3.10\"\ndependencies = [\"alpha==1.0\"]\n";

    /// Everything that can be asked of a plugin: cold, ready and failing.
    fn all_of_it(kind: &str, world: &World, command: impl Fn(&[&str]) -> Cmd) {
        command(&["--check"]).run().exits(10);
        command(&["session-start"]).run().ok().silent();
        let script = ["server.py", "server/server.py", "a/server.py"].map(|name| world.plugin.root.join(name));
        let script = script.iter().find(|script| script.is_file()).unwrap();
        let server = command(&["run", "--", "python", script.to_str().unwrap()]);
        let said = value_of(&mut McpClient::spawn(server.into_command()));
        assert!(said.starts_with("alpha "), "{kind}: {said}");
        for args in [&["sync"][..], &["sync", "--rebuild"], &["--check", "--json"], &["env"], &["prune"]] {
            command(args).run().ok();
        }
        world.index.status(Some(404));
        command(&["sync", "--rebuild"]).run();
        command(&["--check"]).run();
        world.index.status(None);
    }

    fn by_no_door(kinds: Vec<(&'static str, World)>) {
        for (kind, world) in kinds {
            let before = Tree::of(&world.plugin.root);
            all_of_it(kind, &world, |args| world.plugin.command(args));
            assert_same(&before, &Tree::of(&world.plugin.root));
        }
    }

    #[test]
    fn by_no_door_for_no_kind_of_manifest() {
        BOTH.into_iter().for_each(|installer| by_no_door(kinds(installer)));
    }

    #[test]
    fn by_no_door_for_a_script() {
        BOTH.into_iter().for_each(|installer| by_no_door(scripts(installer)));
    }

    /// The binary with the plugin mounted read-only: for root, whom no file mode stops.
    #[cfg(target_os = "linux")]
    const MOUNTED: &str =
        "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && PATH=\"$INNER\" exec \"$@\"";

    #[cfg(target_os = "linux")]
    #[test]
    fn a_plugin_on_a_read_only_file_system_works_as_any_other() {
        let outer = std::env::var_os("PATH").unwrap();
        let mounts = Cmd::new("unshare").args(["-m", "true"]).run().status.success();
        for installer in BOTH {
            for (kind, world) in kinds(installer) {
                let plugin = &world.plugin;
                Cmd::new("chmod").args(["-R", "a-w"]).arg(&plugin.root).run().ok();
                let mounted = |args: &[&str]| {
                    let cmd = plugin.bare_command("/usr/bin/env").env("PATH", &outer).env("INNER", plugin.path_dir());
                    let cmd = cmd.args(["unshare", "-m", "sh", "-c", MOUNTED]).arg(&plugin.root);
                    let cmd = cmd.arg(plugin.root.join("bin/plugdeps")).args(args);
                    cmd.env("CLAUDE_PLUGIN_ROOT", &plugin.root).env("CLAUDE_PLUGIN_DATA", &plugin.data)
                };
                all_of_it(kind, &world, |args| if mounts { mounted(args) } else { plugin.command(args) });
                Cmd::new("chmod").args(["-R", "u+w"]).arg(&plugin.root).run().ok();
            }
        }
    }

    #[test]
    fn data_inside_the_plugin_is_refused_and_not_made() {
        let world = World::new(Installer::Uv);
        let before = Tree::of(&world.plugin.root);
        let link = world.plugin.temp().join("link");
        std::os::unix::fs::symlink(&world.plugin.root, &link).unwrap();
        for data in [world.plugin.root.join("data"), link.join("data")] {
            let status = world.plugin.command(["sync", "--data"]).arg(&data).run().stdout_is("").status;
            assert!(!status.success(), "`{}` was accepted", data.display());
            assert_same(&before, &Tree::of(&world.plugin.root));
        }
    }
}

mod check_cannot_mutate {
    use super::*;
    use rustix::process::Signal;

    /// Nothing around the plugin changes, whatever `--check` says; it says this.
    #[track_caller]
    fn changes_nothing(world: &World, says: &str) {
        let before = Tree::of(world.plugin.temp());
        for args in [&["--check"][..], &["--check", "--json"], &["check"]] {
            world.plugin.command(args).run().stdout_has(says).stderr_is("");
        }
        assert_same(&before, &Tree::of(world.plugin.temp()));
    }

    #[test]
    fn when_nothing_was_built() {
        for installer in BOTH {
            let world = World::new(installer);
            changes_nothing(&world, "there is no environment yet");
            fs::remove_dir(&world.plugin.data).unwrap();
            changes_nothing(&world, "there is no environment yet");
        }
    }

    #[test]
    fn when_all_is_ready_and_when_the_manifest_has_changed() {
        for installer in BOTH {
            let world = World::new(installer);
            world.built();
            changes_nothing(&world, "ready");
            world.needs("alpha==2.0");
            changes_nothing(&world, "alpha==2.0");
        }
    }

    #[test]
    fn when_the_last_build_failed() {
        for installer in BOTH {
            let world = World::new(installer);
            world.needs("no-such-package");
            message_of(&world.plugin.hook());
            changes_nothing(&world, "no-such-package");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn while_a_build_is_under_way() {
        for installer in BOTH {
            let world = World::new(installer);
            world.index.latency(LONG);
            let _hook = world.plugin.hook_cmd().spawn();
            wait_until("the installer asks the index", LONG, || world.index.requests() > 0);
            // Held still, since what changes must be the doing of `--check`.
            world.plugin.processes().into_iter().for_each(|pid| processes::signal(pid, Signal::STOP));
            changes_nothing(&world, "held");
        }
    }

    #[test]
    fn when_state_and_manifests_are_damaged() {
        let world = World::new(Installer::Uv);
        let generation = world.built();
        fs::write(generation.join("inputs.json"), "{").unwrap();
        changes_nothing(&world, "ready");
        fs::write(generation.join("receipt.json"), "{").unwrap();
        changes_nothing(&world, "would");
        fs::write(world.plugin.state().join("profile.json"), b"\xff").unwrap();
        fs::write(world.plugin.state().join("failure.json"), b"\xff").unwrap();
        changes_nothing(&world, "would");
        world.needs("alpha ==== 1");
        changes_nothing(&world, "requirements.txt");
        world.plugin.write("requirements.txt", "-r no-such-file.txt\n");
        changes_nothing(&world, "no-such-file.txt");
    }
}

mod the_source_of_the_plugin_is_never_copied {
    use super::*;

    /// A project whose backend leaves a mark where it runs.
    fn project(more: &str) -> String {
        format!(
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\
             [project]\nname = \"tiny\"\nrequires-python = \">=3.8\"\ndependencies = [\"alpha==1.0\"]\n{more}"
        )
    }

    const BACKEND: &str = "open('the-backend-ran', 'w').close()\nraise SystemExit('the plugin was built')\n";
    const SETUP: &str = "open('setup-ran', 'w').close()\nraise SystemExit('the plugin was built')\n";

    /// The packages are there, the plugin is not among them, and nothing of it was run.
    #[track_caller]
    fn installs_only_the_others(world: &World, what: &str) {
        let before = Tree::of(&world.plugin.root);
        let built = world.plugin.command(["sync"]).run();
        assert!(built.status.success(), "{what}: {built}");
        world.serves("1.0");
        assert_same(&before, &Tree::of(&world.plugin.root));
        let site_packages = Tree::of(&fs::canonicalize(world.plugin.data.join("site-packages")).unwrap());
        for path in site_packages.paths().map(|path| path.display().to_string()) {
            assert!(!path.contains("tiny") && !path.contains("editable"), "{what}: the plugin is installed: {path}");
        }
    }

    #[test]
    fn not_by_a_line_of_a_requirements_file_that_asks_for_it() {
        for installer in BOTH {
            let lines =
                [".", "-e .[extra]", "--editable=./", "-e .", "--editable .", "./", "-e ./", ".[extra]", "file:."];
            // Both are handed the same lines; pip only takes longer.
            let count = if installer == Installer::Uv { lines.len() } else { 3 };
            for line in &lines[..count] {
                let world = World::new(installer);
                world.plugin.write("pyproject.toml", &project("version = \"1\"\n"));
                world.plugin.write("backend.py", BACKEND);
                world.plugin.write("setup.py", SETUP);
                world.needs(&format!("{line}\nalpha==1.0"));
                installs_only_the_others(&world, line);
            }
        }
    }

    #[test]
    fn not_by_a_requirements_file_that_another_includes() {
        for installer in BOTH {
            let world = World::new(installer);
            world.plugin.write("setup.py", SETUP);
            world.plugin.write("requirements/base.txt", "-e ..\n-c limits.txt\nalpha\n");
            world.plugin.write("requirements/limits.txt", "alpha==1.0\n");
            world.needs("-r requirements/base.txt");
            installs_only_the_others(&world, "-e .. in an included file");
        }
    }

    #[test]
    fn not_by_a_project_with_a_build_system() {
        for installer in BOTH {
            let cases = [
                ("static", "version = \"1\"\n"),
                ("dynamic version", "dynamic = [\"version\"]\n"),
                ("dynamic extras", "version = \"1\"\ndynamic = [\"optional-dependencies\"]\n"),
                ("dynamic rest", "dynamic = [\"version\", \"readme\", \"scripts\"]\n"),
            ];
            for (what, more) in cases {
                let world = World::new(installer);
                fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
                world.plugin.write("pyproject.toml", &project(more));
                world.plugin.write("backend.py", BACKEND);
                installs_only_the_others(&world, what);
            }
        }
    }

    #[test]
    fn a_source_directory_of_a_third_party_in_it_is_refused_with_what_to_do() {
        let world = World::new(Installer::Uv);
        fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
        world.plugin.write("vendored/pyproject.toml", "[project]\nname = \"third\"\nversion = \"1\"\n");
        let project = "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"third\"]\n";
        world
            .plugin
            .write("pyproject.toml", &format!("{project}[tool.uv.sources]\nthird = {{ path = \"vendored\" }}\n"));
        let before = Tree::of(&world.plugin.root);
        let output = world.plugin.command(["sync"]).run();
        output.exits(6).stderr_has("install `vendored` of `[tool.uv.sources]`").stderr_has("put a wheel of it");
        assert_same(&before, &Tree::of(&world.plugin.root));
    }

    #[test]
    fn not_by_a_lock_that_holds_it_as_a_package() {
        let world = World::new(Installer::Uv);
        fs::remove_file(world.plugin.root.join("requirements.txt")).unwrap();
        world.plugin.write("pyproject.toml", &project("version = \"1\"\n"));
        world.plugin.write("backend.py", BACKEND);
        world.plugin.bare_command("uv").arg("lock").cwd(&world.plugin.root).run().ok();
        installs_only_the_others(&world, "uv.lock");
    }
}

mod no_shell_anywhere {
    use super::*;

    const NAMES: [&str; 13] = [
        "a space",
        "it's",
        "a \"quote\"",
        "$HOME `id` $(id)",
        "a;b&c|d>e",
        "new\nline",
        "tab\there",
        "ünï 日本 🎈",
        "-dash",
        "%41 #x ?y",
        "back\\slash",
        "a:b",
        "{a,b} [c] *",
    ];

    /// Python's own `venv` refuses a colon, uv does not.
    fn names(installer: Installer) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().filter(move |name| installer == Installer::Uv || !name.contains(':'))
    }

    /// A world whose root and data are below a directory of this name.
    fn below(installer: Installer, name: &str) -> World {
        let mut world = World::new(installer);
        let base = world.plugin.root.parent().unwrap().join(name);
        fs::create_dir(&base).unwrap();
        for place in [&mut world.plugin.root, &mut world.plugin.data] {
            let moved = base.join(place.file_name().unwrap());
            fs::rename(&*place, &moved).unwrap();
            *place = moved;
        }
        world
    }

    fn works_below(installer: Installer, name: &str) {
        let world = below(installer, name);
        world.plugin.command(["session-start"]).run().ok().silent();
        assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0", "{name}");
        assert_eq!(world.plugin.builds(), 1, "{name}");
        let link = world.plugin.data.join("venv/bin/python");
        let said = world.plugin.bare_command(link).args(["-c", "import alpha; print(alpha.VALUE)"]).run();
        said.ok().stdout_is("alpha 1.0\n");
        assert!(world.plugin.data.join("site-packages/alpha.py").is_file(), "{name}");
    }

    #[test]
    fn any_name_is_just_a_name_to_uv() {
        names(Installer::Uv).for_each(|name| works_below(Installer::Uv, name));
    }

    #[test]
    fn any_name_is_just_a_name_to_pip() {
        names(Installer::Pip).for_each(|name| works_below(Installer::Pip, name));
    }

    #[test]
    fn a_name_that_looks_unexpanded_works_where_it_is_named_by_a_flag() {
        let world = below(Installer::Uv, "${CLAUDE_NOT}");
        let (root, data) = (world.plugin.root.clone(), world.plugin.data.clone());
        let cmd =
            world.plugin.bare_command(root.join("bin/plugdeps")).arg("--root").arg(&root).arg("--data").arg(&data);
        cmd.args(["run", "--", "python", "-c", "import alpha; print(alpha.VALUE)"]).run().ok().stdout_is("alpha 1.0\n");
    }

    #[test]
    fn a_script_of_a_package_starts_below_any_name() {
        let mut failed = String::new();
        for installer in BOTH {
            // With a newline in its path the script that an installer writes is no program in any language.
            for name in names(installer).filter(|name| !name.contains('\n')) {
                let said = below(installer, name).plugin.command(["run", "--", "alpha-tool"]).run();
                if said.stdout != "alpha 1.0\n" {
                    failed += &format!("{installer:?}, {name:?}: {said}\n");
                }
            }
        }
        assert!(failed.is_empty(), "{failed}");
    }

    #[test]
    fn where_venv_refuses_a_name_the_message_says_so() {
        let world = below(Installer::Pip, "a:b");
        let said = world.plugin.command(["session-start"]).run();
        assert!(message_of(&said).contains("PATH separator"), "{said}");
    }

    #[test]
    fn words_of_a_command_reach_it_as_they_are() {
        let world = World::new(Installer::Uv);
        let words = ["", " ", "a b", "$HOME", "`id`", "'", "\"", "a\nb", "*", ";", "--root", "-h", "--", "ü"];
        let show = "import json, sys; print(json.dumps(sys.argv[1:]))";
        let said = world.plugin.command(["run", "--", "python", "-c", show]).args(words).run();
        assert_eq!(said.ok().json(), serde_json::json!(words));
    }
}

mod a_generation_is_kept_while_something_lives_in_it {
    use super::*;
    use rustix::process::Signal;

    fn is_proven(world: &World, generation: &Path) -> bool {
        let known = world.plugin.state().join("servers").join(generation.file_name().unwrap());
        let mut names = fs::read_dir(known).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().ends_with(".json"))
    }

    #[test]
    fn a_server_keeps_its_own_through_rebuilds_and_prunes_and_no_longer() {
        for by_force in [false, true] {
            let world = World::new(Installer::Uv);
            let own = world.built();
            let mut server = world.plugin.server("plain");
            assert_eq!(value_of(&mut server), "alpha 1.0");
            for version in ["2.0", "3.0", "4.0"] {
                world.needs(&format!("alpha=={version}"));
                let generation = world.built();
                // One that no server has started in would not push out one that has.
                let mut next = world.plugin.server("plain");
                assert_eq!(value_of(&mut next), format!("alpha {version}"));
                wait_until("that is written down", LONG, || is_proven(&world, &generation));
            }
            world.plugin.command(["prune"]).run().ok().stderr_has(", 1 in use");
            assert!(own.join("env/bin/python").exists() && own.join("receipt.json").is_file());
            assert_eq!(ask(&mut server), "alpha 1.0");
            if by_force {
                server.signal(Signal::KILL);
            } else {
                server.close_stdin();
            }
            server.wait(LONG);
            // The first start is watched: a server whose watcher is killed sees its input end, and ends by itself.
            wait_until("nobody lives in it any more", LONG, || world.plugin.processes().is_empty());
            world.plugin.command(["prune"]).run().ok().stderr_has("1 removed");
            assert!(!own.exists());
            assert_eq!(world.plugin.generations().len(), 2, "the current and the previous one");
            world.serves("4.0");
        }
    }

    #[test]
    fn a_child_of_the_server_that_inherits_its_files_keeps_it_too() {
        let world = World::new(Installer::Uv);
        let own = world.built();
        let line = "import subprocess, sys; none = subprocess.DEVNULL\n\
                    words = [sys.executable, '-c', 'import time; time.sleep(600)']\n\
                    print(subprocess.Popen(words, stdin=none, stdout=none, stderr=none, close_fds=False).pid)";
        let child = world.python(line).ok().stdout.trim().parse().unwrap();
        for version in ["2.0", "3.0"] {
            world.needs(&format!("alpha=={version}"));
            world.built();
        }
        world.plugin.command(["prune"]).run().ok().stderr_has(", 1 in use");
        assert!(own.is_dir());
        processes::signal(child, Signal::KILL);
        wait_until("the child has ended", LONG, || world.plugin.processes().is_empty());
        world.plugin.command(["prune"]).run().ok().stderr_has("1 removed");
        assert!(!own.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_start_whose_environment_is_swept_before_it_has_its_lease_takes_the_next_one() {
        let world = World::new(Installer::Uv);
        let own = world.built();
        let args = ["run", "--", "python", "-c", "import alpha; print(alpha.VALUE)"];
        let run = delayed_before_its_first_lock(&world, &args);
        for _ in 0..2 {
            world.plugin.command(["sync", "--rebuild"]).run().ok();
        }
        assert!(!own.exists(), "this test was too slow to sweep in time");
        run.wait().ok().stdout_is("alpha 1.0\n").stderr_is("");
    }

    #[test]
    fn prune_removes_what_dead_builds_left_and_nothing_that_starts_use() {
        let world = World::new(Installer::Uv);
        world.built();
        world.needs("alpha==2.0");
        world.built();
        let used = world.plugin.generations();
        let state = world.plugin.state();
        fs::create_dir_all(state.join("g-AAAAAAAA/env/bin")).unwrap();
        fs::write(state.join(".new-x"), "").unwrap();
        fs::create_dir_all(state.join(".new-y/z")).unwrap();
        world.plugin.command(["prune"]).run().ok().stderr_has("1 removed");
        assert_eq!((world.plugin.generations(), world.plugin.unfinished()), (used, Vec::new()));
        world.plugin.command(["prune"]).run().ok().stderr_has("0 removed");
        world.serves("2.0");
    }

    #[test]
    fn prune_touches_nothing_that_is_not_ours() {
        let world = World::new(Installer::Uv);
        world.built();
        let own = ["notes.txt", "plugdeps/main/mine.txt", "plugdeps/other/g-AAAAAAAA/x", "g-AAAAAAAA/x", ".new-mine"];
        for path in own.map(|path| world.plugin.data.join(path)) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let before = Tree::of(&world.plugin.data);
        world.plugin.command(["prune"]).run().ok();
        assert_same(&before, &Tree::of(&world.plugin.data));
    }
}
