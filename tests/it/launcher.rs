//! `launcher.sh`, which a plugin for several platforms ships as `bin/plugdeps`: how it finds its program, in every shell
//! there is here, and what reaches that.

use super::support::{Cmd, Output, Plugin, executable, strace, straced, tools};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What stands for a program: it tells its own path, its arguments and its input.
const ECHO: &str = "#!/bin/sh\nprintf '%s\\0' \"$0\" \"$@\"\ncat\n";

/// What the launcher says of a machine is a path in one of these.
const SYSTEM: [&str; 5] = ["/proc/", "/sys/", "/lib64/", "/lib/", "/System/"];

fn launcher() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("launcher.sh")
}

/// The machine as the kernel names it.
fn machine() -> String {
    Cmd::new("uname").arg("-m").run().ok().stdout.trim().to_owned()
}

#[test]
fn arguments_and_input_pass_the_launcher_as_they_are_in_every_shell_and_from_every_path() {
    let args = ["", " a  b ", "it's", "\"q\"", "$HOME `x` \\n", "*", "new\nline\n", "-n", "--", "--help"];
    for shell in tools::shells() {
        for name in ["plain", "a b", "it's \"$HOME\" `x`", "new\nline", "-n", "*"] {
            let temp = TempDir::new().unwrap();
            let bin = fs::canonicalize(temp.path()).unwrap().join(name);
            let program = bin.join(format!("plugdeps-linux-{}", machine()));
            executable(&program, ECHO);
            executable(&bin.join("plugdeps"), &fs::read_to_string(launcher()).unwrap());
            let links = links_to(&bin);
            // What `cd` would prefer to the directory that is meant.
            let elsewhere = temp.path().join("cdpath");
            executable(&elsewhere.join(name).join("plugdeps-linux-x86_64"), "#!/bin/sh\necho the wrong one\n");
            let here = temp.path();
            let calls = [(here, bin.join("plugdeps")), (here, links), (here, Path::new(name).join("plugdeps"))];
            for (from, called) in calls.into_iter().chain([(bin.as_path(), "plugdeps".into())]) {
                let cmd = Cmd::new(&shell[0]).args(&shell[1..]).arg("--").arg(&called).args(args);
                let said = cmd.cwd(from).env("CDPATH", &elsewhere).stdin("in\0put\n").run();
                let mut words: Vec<&str> = said.ok().stdout.split('\0').collect();
                let input = words.split_off(1 + args.len());
                let started = from.join(words.remove(0));
                assert_eq!(fs::canonicalize(&started).unwrap(), program, "{shell:?} {called:?}");
                assert_eq!((words, input), (args.to_vec(), vec!["in", "put\n"]), "{shell:?} {called:?}");
            }
        }
    }
}

/// A link to a link to the launcher, by an absolute and a relative path, with names that are hard to read back.
fn links_to(bin: &Path) -> PathBuf {
    let place = bin.with_file_name("links");
    fs::create_dir_all(place.join("far")).unwrap();
    symlink(bin.join("plugdeps"), place.join("far/new\nline\n")).unwrap();
    symlink("far/new\nline\n", place.join("it's a link")).unwrap();
    place.join("it's a link")
}

/// A plugin that is ready, with the launcher in front of the program.
fn ready() -> Plugin {
    let plugin = Plugin::new("launched").file("requirements.txt", "# nothing\n").shipped_hooks();
    let bin = plugin.root.join("bin");
    fs::rename(bin.join("plugdeps"), bin.join(format!("plugdeps-linux-{}", machine()))).unwrap();
    executable(&bin.join("plugdeps"), &fs::read_to_string(launcher()).unwrap());
    plugin.command(["sync"]).run().ok();
    plugin
}

#[test]
fn a_start_through_the_launcher_is_one_process_that_becomes_the_program() {
    let plugin = ready();
    plugin.hook_cmd().run().ok();
    strace(&plugin, &["-f", "-e", "trace=process"], &["session-start"]).run().ok();
    let calls = fs::read_to_string(plugin.temp().join("trace")).unwrap();
    let of = |name: &str| calls.matches(name).count();
    assert_eq!((of("execve("), of("fork("), of("clone")), (2, 0, 0), "{calls}");
    let check = plugin.command(["--check"]).run();
    assert!(check.ok().stdout.starts_with("launched: ready\n"), "{check}");
}

/// How many system calls a shell makes before it has become something else.
fn calls_before_it_becomes(plugin: &Plugin, shell: &Path, words: &[&str]) -> usize {
    straced(plugin, &["-f"], shell).args(words).run().ok();
    let calls = fs::read_to_string(plugin.temp().join("trace")).unwrap();
    let second = calls.match_indices("execve(").nth(1).unwrap_or_else(|| panic!("it becomes nothing: {calls}")).0;
    calls[..second].lines().count()
}

#[test]
fn what_finds_the_program_is_a_handful_of_system_calls_and_so_nothing_near_a_millisecond() {
    let plugin = ready();
    let [launcher, program] = ["plugdeps".to_owned(), format!("plugdeps-linux-{}", machine())]
        .map(|name| plugin.root.join("bin").join(name).display().to_string());
    for shell in ["dash", "bash"].into_iter().filter_map(tools::on_path) {
        let alone = ["-c", "exec \"$0\" \"$@\"", &program, "session-start"];
        let becomes = calls_before_it_becomes(&plugin, &shell, &alone);
        let finds = calls_before_it_becomes(&plugin, &shell, &[&launcher, "session-start"]);
        assert!(finds < becomes + 60, "{shell:?}: {finds} and {becomes}");
    }
}

/// A machine that is nothing but files; the launcher looks for all it knows of a system below its directory.
struct Machine {
    temp: TempDir,
}

impl Machine {
    fn with(files: &[&str]) -> Self {
        let machine = Self { temp: TempDir::new().unwrap() };
        let text = SYSTEM.iter().fold(fs::read_to_string(launcher()).unwrap(), |text, place| {
            let here = format!("{}{place}", machine.path().display());
            [" ", "<"]
                .iter()
                .fold(text, |text, before| text.replace(&format!("{before}{place}"), &format!("{before}{here}")))
        });
        executable(&machine.path().join("bin/plugdeps"), &text);
        for program in ["linux-x86_64", "linux-aarch64", "macos"] {
            executable(
                &machine.path().join("bin/plugdeps-".to_owned() + program),
                &format!("#!/bin/sh\necho {program}\n"),
            );
        }
        executable(&machine.path().join("bin/plugdeps.exe"), "#!/bin/sh\necho windows\n");
        files.iter().for_each(|file| machine.put(file, "1\n"));
        machine.uname("Linux", "x86_64");
        machine
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn put(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn uname(&self, system: &str, machine: &str) {
        let log = self.path().join("asked");
        let text = format!(
            "#!/bin/sh\necho \"$1\" >>'{}'\ncase $1 in -s) echo {system} ;; *) echo {machine} ;; esac\n",
            log.display()
        );
        executable(&self.path().join("tools/uname"), &text);
    }

    /// Whether anybody was asked since this was asked last.
    fn was_asked(&self) -> bool {
        fs::remove_file(self.path().join("asked")).is_ok()
    }

    fn cmd(&self) -> Cmd {
        let cmd = Cmd::new(self.path().join("bin/plugdeps")).env("PATH", self.path().join("tools")).env_remove("OS");
        cmd.env("CLAUDE_PLUGIN_DATA", self.path().join("data"))
    }

    fn start(&self) -> Output {
        self.cmd().run()
    }
}

const X86: &str = "lib64/ld-linux-x86-64.so.2";
const ARM: &str = "lib/ld-linux-aarch64.so.1";

#[test]
fn the_program_for_each_machine_is_found_without_asking_anybody() {
    let cases: [(&[&str], &str); 9] = [
        (&["System/Library/x"], "macos"),
        (&[X86], "linux-x86_64"),
        (&["lib/ld-musl-x86_64.so.1"], "linux-x86_64"),
        (&[X86, "proc/sys/kernel/bootloader_type"], "linux-x86_64"),
        (&[ARM], "linux-aarch64"),
        (&["lib/ld-musl-aarch64.so.1"], "linux-aarch64"),
        (&[ARM, "sys/devices/system/cpu/cpu0/regs/x"], "linux-aarch64"),
        // Loaders of both, for programs of the other machine.
        (&[X86, ARM, "proc/sys/kernel/bootloader_type"], "linux-x86_64"),
        (&[X86, ARM, "sys/devices/system/cpu/cpu0/regs/x"], "linux-aarch64"),
    ];
    for (files, program) in cases {
        let machine = Machine::with(files);
        assert_eq!(machine.start().ok().stdout, format!("{program}\n"), "{files:?}");
        assert!(!machine.was_asked(), "{files:?}");
    }
    let machine = Machine::with(&[X86]);
    machine.put("proc/sys/kernel/arch", "aarch64\n");
    assert_eq!(machine.start().ok().stdout, "linux-aarch64\n");
    assert_eq!(Machine::with(&[]).cmd().env("OS", "Windows_NT").run().ok().stdout, "windows\n");
}

#[test]
fn a_machine_that_tells_nothing_is_asked_once_in_each_boot() {
    let machine = Machine::with(&["proc/sys/kernel/random/boot_id"]);
    // Before there are data there is nowhere to write.
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-x86_64\n", true));
    machine.put("data/plugdeps/main/lock", "");
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-x86_64\n", true));
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-x86_64\n", false));
    // Cut off while it was written.
    machine.put("data/plugdeps/.machine", "1 x86");
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-x86_64\n", true));
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-x86_64\n", false));
    // Data that machines share: this is another one.
    machine.put("proc/sys/kernel/random/boot_id", "2\n");
    machine.uname("Linux", "arm64");
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-aarch64\n", true));
    assert_eq!((machine.start().ok().stdout.as_str(), machine.was_asked()), ("linux-aarch64\n", false));
}

#[test]
fn a_loader_of_the_other_machine_alone_does_not_say_which_machine_it_is() {
    for (files, name) in
        [([X86, "sys/devices/system/cpu/cpu0/regs/x"], "aarch64"), ([ARM, "proc/sys/kernel/bootloader_type"], "x86_64")]
    {
        let machine = Machine::with(&files);
        machine.uname("Linux", name);
        assert_eq!(machine.start().ok().stdout, format!("linux-{name}\n"));
        assert!(machine.was_asked());
    }
}

#[test]
fn what_was_asked_is_not_written_through_a_link_nor_where_nobody_may_write() {
    let machine = Machine::with(&["proc/sys/kernel/random/boot_id", "victim", "data/plugdeps/main/lock"]);
    symlink(machine.path().join("victim"), machine.path().join("data/plugdeps/.machine")).unwrap();
    assert_eq!(machine.start().ok().stdout, "linux-x86_64\n");
    assert_eq!(fs::read_to_string(machine.path().join("victim")).unwrap(), "1\n");
    fs::remove_file(machine.path().join("data/plugdeps/.machine")).unwrap();
    fs::create_dir(machine.path().join("data/plugdeps/.machine")).unwrap();
    let said = machine.start();
    said.ok();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("linux-x86_64\n", ""));
}

#[test]
fn a_machine_without_a_program_is_told_so_in_one_sentence() {
    let machine = Machine::with(&[]);
    let bin = machine.path().join("bin").display().to_string();
    machine.put("proc/sys/kernel/arch", "riscv64\n");
    let said = machine.start();
    said.exits(126);
    let sentence = "plugdeps: there is no `plugdeps-linux-riscv64` in `BIN`, and so none for this machine\n";
    assert_eq!(said.stderr, sentence.replace("BIN", &bin));
    fs::remove_file(machine.path().join("proc/sys/kernel/arch")).unwrap();
    machine.uname("FreeBSD", "amd64");
    let said = machine.start();
    assert_eq!(said.stderr, format!("plugdeps: there is no program for FreeBSD on amd64 in `{bin}`\n"));
}
