//! `sh install.sh --from RELEASE`: what a release has gets into a plugin, in every shell there is here, or nothing does.

use super::support::http::{Answer, Server};
use super::support::{Cmd, Output, executable, sha256, tools};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What stands for the program of each machine.
const PROGRAM: &str = "#!/bin/sh\necho \"plugdeps 9.9.9\"\n";
const PROGRAMS: [&str; 4] = ["plugdeps-linux-x86_64", "plugdeps-linux-aarch64", "plugdeps-macos", "plugdeps.exe"];

/// A release in a directory, and a plugin that has an older program.
struct Release {
    temp: TempDir,
}

impl Release {
    fn new() -> Self {
        let release = Self { temp: TempDir::new().unwrap() };
        PROGRAMS.iter().for_each(|name| executable(&release.path("release").join(name), PROGRAM));
        fs::copy(repository("launcher.sh"), release.path("release/plugdeps")).unwrap();
        fs::write(release.path("release/plugdeps.json"), "{}\n").unwrap();
        release.sum();
        executable(&release.path("a plugin/bin/plugdeps"), "#!/bin/sh\necho old\n");
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.temp.path()).unwrap().join(name)
    }

    fn sums(&self) -> PathBuf {
        self.path("release/SHA256SUMS")
    }

    /// Writes the checksums of what there is.
    fn sum(&self) {
        let line = |name: &&str| format!("{}  {name}\n", sha256(&self.path("release").join(name)));
        let sums: String = ["plugdeps"].iter().chain(&PROGRAMS).chain(&["plugdeps.json"]).map(line).collect();
        fs::write(self.sums(), sums).unwrap();
    }

    /// Has one name less among the checksums.
    fn sum_all_but(&self, name: &str) {
        let sums = fs::read_to_string(self.sums()).unwrap();
        let kept: Vec<&str> = sums.lines().filter(|line| !line.ends_with(&format!("  {name}"))).collect();
        fs::write(self.sums(), kept.join("\n") + "\n").unwrap();
    }

    /// Serves the files, as they are then.
    fn serve(&self) -> (Server, String) {
        let directory = self.path("release");
        let server = Server::start(move |request| {
            let file = directory.join(request.path.trim_start_matches("/v9/"));
            fs::read(file).map_or_else(|_| Answer::status(404), |bytes| Answer::new(200, bytes))
        });
        let address = format!("http://{}/v9", server.address());
        (server, address)
    }

    fn install(&self, shell: &[PathBuf], from: &str, more: &[&str]) -> Cmd {
        let cmd = Cmd::new(&shell[0]).args(&shell[1..]).arg(repository("install.sh"));
        cmd.args(["--from", from]).args(more).arg("a plugin").cwd(self.path("")).env("no_proxy", "*")
    }

    /// From the directory, with whatever is `sh`.
    fn plain(&self, more: &[&str]) -> Output {
        self.install(&["sh".into()], "release", more).run()
    }

    fn version(&self) -> String {
        Cmd::new(self.path("a plugin/bin/plugdeps")).arg("--version").run().ok().stdout.clone()
    }

    /// What the plugin has, by name.
    fn installed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("a plugin/bin")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn refuses(&self, status: i32, said: &Output, sentence: &str) {
        said.exits(status).stderr_has(sentence);
        assert_eq!((self.version().as_str(), self.installed()), ("old\n", vec!["plugdeps".to_owned()]), "{said}");
    }
}

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A directory that has these programs and no others, for PATH.
fn only(release: &Release, name: &str, programs: &[&str]) -> PathBuf {
    let directory = release.path(name);
    fs::create_dir(&directory).unwrap();
    let usual = ["dirname", "mkdir", "cat", "chmod", "mv", "rm", "wc", "sha256sum"];
    for program in usual.iter().chain(programs) {
        let found = tools::on_path(program).unwrap_or_else(|| panic!("this test needs `{program}`"));
        symlink(found, directory.join(program)).unwrap();
    }
    directory
}

#[test]
fn a_release_is_installed_from_a_directory_and_from_an_address_in_every_shell() {
    for shell in tools::shells() {
        let release = Release::new();
        let (_server, address) = release.serve();
        let hash = sha256(&release.sums());
        for (from, more) in [("release", vec![]), ("release/", vec!["--sha256", &hash]), (&address, vec![])] {
            executable(&release.path("a plugin/bin/plugdeps"), "#!/bin/sh\necho old\n");
            release.install(&shell, from, &more).run().ok();
            assert_eq!(release.version(), "plugdeps 9.9.9\n", "{shell:?} {from}");
            let mut names = [&["SHA256SUMS", "plugdeps", "plugdeps.json"], PROGRAMS.as_slice()].concat();
            names.sort_unstable();
            assert_eq!(release.installed(), names, "{shell:?} {from}");
            for name in ["plugdeps"].iter().chain(&PROGRAMS) {
                let mode = fs::metadata(release.path("a plugin/bin").join(name)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o755, "{shell:?} {from} {name}");
            }
        }
    }
}

#[test]
fn a_release_is_fetched_with_curl_or_with_wget_and_without_both_one_is_told() {
    let release = Release::new();
    let (_server, address) = release.serve();
    let shell = tools::on_path("sh").unwrap();
    let with = |programs: &[&str], name: &str| {
        release.install(std::slice::from_ref(&shell), &address, &[]).env("PATH", only(&release, name, programs)).run()
    };
    release.refuses(4, &with(&[], "neither"), "there is neither `curl` nor `wget`");
    for program in ["curl", "wget"] {
        executable(&release.path("a plugin/bin/plugdeps"), "#!/bin/sh\necho old\n");
        with(&[program], program).ok();
        assert_eq!(release.version(), "plugdeps 9.9.9\n", "{program}");
    }
}

#[test]
fn of_a_release_that_is_not_what_its_checksums_say_nothing_is_installed() {
    type Damage = fn(&Release);
    let cases: [(Damage, &str); 8] = [
        (|r| fs::write(r.path("release/plugdeps-macos"), "cut").unwrap(), "/plugdeps-macos` is not what `SHA256SUMS`"),
        (|r| fs::remove_file(r.path("release/plugdeps.exe")).unwrap(), "/plugdeps.exe`: the reason is above"),
        (|r| fs::remove_file(r.sums()).unwrap(), "/SHA256SUMS`: the reason is above"),
        (|r| fs::write(r.sums(), "<html>\n").unwrap(), "/SHA256SUMS` is no list of checksums"),
        (|r| fs::write(r.sums(), "").unwrap(), "there is no `plugdeps` among the checksums of"),
        (|r| r.sum_all_but("plugdeps-linux-aarch64"), "there is no `plugdeps-linux-aarch64` among the checksums of"),
        (|r| r.sum_all_but("plugdeps.exe"), "there is no `plugdeps.exe` among the checksums of"),
        (
            |r| fs::write(r.sums(), format!("{}  ../a plugin/x\n", sha256(&r.path("release/plugdeps")))).unwrap(),
            "/SHA256SUMS` is no list of checksums",
        ),
    ];
    for (damage, sentence) in cases {
        let release = Release::new();
        let (_server, address) = release.serve();
        damage(&release);
        release.refuses(7, &release.plain(&[]), sentence);
        release.refuses(7, &release.install(&["sh".into()], &address, &[]).run(), sentence);
    }
}

#[test]
fn the_last_checksum_counts_though_its_line_does_not_end() {
    let release = Release::new();
    let sums = fs::read_to_string(release.sums()).unwrap();
    fs::write(release.sums(), sums.trim_end()).unwrap();
    release.plain(&[]).ok();
    assert!(release.installed().contains(&"plugdeps.json".to_owned()));
    fs::remove_file(release.path("release/plugdeps.json")).unwrap();
    release.plain(&[]).exits(7).stderr_has("/plugdeps.json`: the reason is above");
}

#[test]
fn where_nothing_is_installed_no_directory_is_left_for_it() {
    let release = Release::new();
    let bin = release.path("a plugin/bin");
    fs::remove_dir_all(&bin).unwrap();
    release.plain(&["--sha256", "0"]).exits(7);
    assert!(!bin.exists());
    release.plain(&[]).ok();
    fs::remove_dir_all(&bin).unwrap();
    fs::create_dir(&bin).unwrap();
    release.plain(&["--sha256", "0"]).exits(7);
    assert!(bin.exists());
}

#[test]
fn what_is_not_needed_any_more_is_cleared_away_also_where_rm_takes_no_empty_name() {
    let release = Release::new();
    let programs = only(&release, "programs", &[]);
    let rm = programs.join("rm");
    let system = fs::read_link(&rm).unwrap();
    fs::remove_file(&rm).unwrap();
    // As on macOS: of names one of which is empty it removes none, and says nothing.
    let picky = "#!/bin/sh\nfor name; do [ -n \"$name\" ] || exit 0; done\n";
    executable(&rm, &format!("{picky}exec {} \"$@\"\n", system.display()));
    release.install(&[tools::on_path("sh").unwrap()], "release", &[]).env("PATH", programs).run().ok();
    assert_eq!(release.installed().len(), 7, "{:?}", release.installed());
}

#[test]
fn without_what_checks_a_release_one_is_told_and_of_one_that_wget_does_not_get_the_reason() {
    let release = Release::new();
    let (_server, address) = release.serve();
    let shell = [tools::on_path("sh").unwrap()];
    let unchecked = only(&release, "unchecked", &["curl"]);
    fs::remove_file(unchecked.join("sha256sum")).unwrap();
    let said = release.install(&shell, &address, &[]).env("PATH", unchecked).run();
    release.refuses(4, &said, "there is neither `sha256sum` nor `shasum`");
    let wget = only(&release, "wget", &["wget"]);
    let said = release.install(&shell, &format!("{address}/nowhere"), &[]).env("PATH", wget).run();
    release.refuses(7, &said, "404");
}

#[test]
fn checksums_that_are_not_those_one_knows_are_refused_even_if_all_else_fits() {
    let release = Release::new();
    let hash = sha256(&release.sums());
    executable(&release.path("release/plugdeps-macos"), "#!/bin/sh\necho somebody else\n");
    release.sum();
    release.refuses(7, &release.plain(&["--sha256", &hash]), &format!("is not the one whose hash is `{hash}`"));
}

#[test]
fn a_release_that_does_not_start_here_leaves_the_plugin_as_it_was() {
    let release = Release::new();
    PROGRAMS.iter().for_each(|name| executable(&release.path("release").join(name), "#!/bin/sh\nexit 1\n"));
    release.sum();
    release.refuses(6, &release.plain(&[]), "not installed: `plugdeps --version` fails on this machine");
}

#[test]
fn what_makes_no_sense_with_a_release_is_refused_with_the_reason() {
    let release = Release::new();
    for (more, sentence) in [
        (vec!["--all"], "leave out `--all` and `--author`"),
        (vec!["--author"], "leave out `--all` and `--author`"),
        (vec!["--from="], "`--from` wants a value"),
    ] {
        release.refuses(2, &release.plain(&more), sentence);
    }
    let cmd = Cmd::new("sh").arg(repository("install.sh")).cwd(release.path(""));
    release.refuses(2, &cmd.args(["--sha256", "0", "a plugin"]).run(), "`--sha256` is of what `--from` takes");
    release.refuses(7, &release.install(&["sh".into()], "nowhere", &[]).run(), "`nowhere`: no such directory");
    release.refuses(7, &release.install(&["sh".into()], "/", &[]).run(), "SHA256SUMS`: the reason is above");
}
