//! `--check --all` and `prune --all`: every plugin that the host has on this machine, and what nothing uses of it.
//!
//! Most lay down the files of the host as it writes them; one has the host itself write them.

use crate::support::namespace::with_the_real_client;
use crate::support::terminal::keyboard;
use crate::support::*;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The author's program, which is not what a plugin ships.
const AUTHORS: &str = env!("CARGO_BIN_EXE_plugdeps");
const PRUNE: [&str; 2] = ["prune", "--all"];
const PRUNE_NOW: [&str; 3] = ["prune", "--all", "--yes"];

/// The home of a user who has plugins installed.
struct Home(Plugin);

impl Home {
    /// A host without a list.
    fn new() -> Self {
        Self(Plugin::new("any").uv())
    }

    /// A host whose list has these plugins, each one installed for the user from this directory of its cache.
    fn with(plugins: &[(&str, &str)]) -> Self {
        let home = Self::new();
        home.install(plugins);
        home
    }

    fn install(&self, plugins: &[(&str, &str)]) {
        let record = |path: &str| json!({ "scope": "user", "installPath": self.cache(path), "version": "1.0.0" });
        let plugins = plugins.iter().map(|(id, path)| ((*id).to_owned(), json!([record(path)]))).collect();
        self.list(&json!({ "version": 2, "plugins": Value::Object(plugins) }).to_string());
    }

    fn list(&self, text: &str) {
        self.write("installed_plugins.json", text);
    }

    fn cache(&self, path: &str) -> PathBuf {
        self.plugins().join("cache").join(path)
    }

    fn plugins(&self) -> PathBuf {
        self.0.home.join(".claude/plugins")
    }

    fn data(&self, name: &str) -> PathBuf {
        self.plugins().join("data").join(name)
    }

    fn write(&self, path: &str, text: &str) {
        write(&self.plugins().join(path), text);
    }

    /// A version in the cache that has these environments. Nobody can build them, and no process is started to see that.
    fn version(&self, path: &str, names: &[&str]) {
        write(&self.cache(path).join(".claude-plugin/plugin.json"), "{ \"name\": \"any\" }");
        let environments = names.iter().map(|name| format!("[environments.{name}]\nmanifest = \"none.txt\"\n"));
        write(&self.cache(path).join("plugdeps.toml"), &environments.collect::<String>());
    }

    /// State of an environment with one generation in it, which no profile names.
    fn state(&self, data: &str, environment: &str) -> PathBuf {
        let state = self.data(data).join("plugdeps").join(environment);
        write(&state.join("lock"), "");
        write(&state.join("g-aaaaaaaa/lease"), "");
        write(&state.join("g-aaaaaaaa/env/file"), &"x".repeat(5000));
        state
    }

    fn cmd<const N: usize>(&self, args: [&str; N]) -> Cmd {
        self.0.bare_command(AUTHORS).args(args)
    }

    /// What `--check --all` says; nothing changes by it.
    #[track_caller]
    fn look(&self, status: i32) -> Value {
        let before = Tree::of(&self.0.home);
        let output = self.cmd(["--check", "--all"]).run();
        assert_same(&before, &Tree::of(&self.0.home));
        output.exits(status).stderr_is("").json()
    }

    /// `prune --all` has nothing to remove, and removes nothing.
    #[track_caller]
    fn keeps_all(&self) -> Output {
        let before = Tree::of(&self.0.home);
        let output = self.cmd(PRUNE_NOW).run();
        assert_same(&before, &Tree::of(&self.0.home));
        output.ok().stderr_has("nothing to remove");
        output
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Each leftover's data and kind. On Windows all tests are one user, whose own data other tests make by hand meanwhile.
fn leftovers(report: &Value) -> Vec<(String, String)> {
    let name = |path: &Value| Path::new(path.as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
    let is_ours = |one: &&Value| !one["data"].as_str().unwrap().starts_with("C:\\");
    let leftovers = report["leftovers"].as_array().unwrap().iter().filter(is_ours);
    leftovers.map(|one| (name(&one["data"]), one["kind"].as_str().unwrap().to_owned())).collect()
}

/// What `du` says of a directory, but for the directory itself: a file with several names counts once.
fn taken_up(directory: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(directory).min_depth(1).into_iter().flatten();
    let sizes = entries.map(|entry| entry.metadata().unwrap()).map(|file| (file.ino(), file.blocks() * 512));
    sizes.collect::<std::collections::BTreeMap<_, _>>().values().sum()
}

#[test]
fn every_plugin_that_uses_plugdeps_is_listed_with_its_state_its_size_and_its_last_failure() {
    let mut plugin = Plugin::new("tiny");
    plugin.data = plugin.home.join(".claude/plugins/data/tiny-m");
    let mut world = World::with(Installer::Uv, plugin.fixture("tiny"));
    let first = world.built();
    let home = Home(std::mem::replace(&mut world.plugin, Plugin::new("unused")));
    home.version("m/other/1.0.0", &[]);
    home.install(&[("tiny@m", home.0.root.to_str().unwrap()), ("other@m", "m/other/1.0.0")]);

    let report = home.look(0);
    let [tiny] = report["plugins"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!((&report["state"], &report["list"], &report["others"]), (&json!("ready"), &json!("read"), &json!(1)));
    assert_eq!((&tiny["id"], &tiny["data"]), (&json!("tiny@m"), &json!(home.data("tiny-m"))));
    let version = &tiny["versions"][0];
    assert_eq!((&version["version"], &version["state"]), (&json!("1.0.0"), &json!("ready")));
    assert_eq!(version["scopes"], json!([{ "scope": "user", "project": null }]));
    assert_eq!(version["environments"][0]["current"]["packages"], json!(["alpha==1.0"]));
    let main = &tiny["disk"][0];
    assert_eq!((&main["name"], &main["unused"]), (&json!("main"), &json!(false)));
    assert_eq!(tiny["bytes"], json!(taken_up(&home.data("tiny-m/plugdeps"))));

    // Two more, and somebody still lives in the first.
    let in_first = live_in(&first);
    for version in ["2.0", "3.0"] {
        home.0.write("requirements.txt", &format!("alpha=={version}\n"));
        home.0.command(["sync"]).run().ok();
    }
    home.keeps_all().stdout_is("in use, left alone: tiny@m: 1 generation of environment main\n");
    drop(in_first);
    let said = home.cmd(PRUNE_NOW).run();
    said.ok().stdout_has("tiny@m: 1 generation of environment main that nothing uses (").stderr_has("1 removed");
    assert_eq!((first.exists(), home.0.generations().len()), (false, 2));

    home.0.write("requirements.txt", "alpha==99\n");
    home.0.command(["sync"]).run().exits(9);
    let report = home.look(10);
    let failure = &report["plugins"][0]["versions"][0]["environments"][0]["last_failure"];
    assert_eq!((&report["state"], &failure["class"]), (&json!("would-build"), &json!("no-matching-version")));
    home.keeps_all();
}

#[test]
fn an_installed_plugin_whose_directory_is_missing_is_told_as_that_and_not_as_one_without_plugdeps() {
    let home = Home::with(&[("lost@m", "m/lost/1.0.0"), ("other@m", "m/other/1.0.0"), ("ours@m", "m/ours/1.0.0")]);
    home.version("m/other/1.0.0", &[]);
    home.state("ours-m", "main");
    let report = home.look(11);
    assert_eq!(report["others"], json!(1));
    assert_eq!(report["missing"], json!([{ "id": "lost@m", "version": "1.0.0", "root": home.cache("m/lost/1.0.0") }]));
    let ours = &report["plugins"][0]["versions"][0];
    assert_eq!((&ours["state"], &ours["error_code"]), (&json!("cannot-build"), &json!("no-plugin")));
    let said = home.0.on_terminal(["--check", "--all"]).run();
    said.exits(11).stdout_has("lost@m 1.0.0").stdout_has("gone").stdout_has("installed, but its directory");
    said.stdout_has("1 other plugin, without plugdeps");
    // Alone it is no failure: nobody knows whether plugdeps is in it.
    fs::remove_dir_all(home.data("ours-m")).unwrap();
    home.install(&[("lost@m", "m/lost/1.0.0")]);
    home.look(0);
}

#[test]
fn a_plugin_without_plugdeps_is_counted_though_another_version_of_it_is_missing() {
    let home = Home::new();
    let [gone, there] = ["1.0.0", "2.0.0"].map(|version| {
        json!({ "scope": "user", "installPath": home.cache(&format!("m/other/{version}")), "version": version })
    });
    home.list(&json!({ "version": 2, "plugins": { "other@m": [gone, there] } }).to_string());
    home.version("m/other/2.0.0", &[]);
    let report = home.look(0);
    assert_eq!((&report["others"], &report["missing"][0]["version"]), (&json!(1), &json!("1.0.0")));
}

#[test]
fn data_of_a_plugin_that_is_gone_lose_what_is_ours_and_nothing_else() {
    let home = Home::with(&[]);
    let state = home.state("gone-m", "main");
    home.state("gone-m", "node");
    let data = home.data("gone-m");
    fs::hard_link(state.join("g-aaaaaaaa/env/file"), data.join("plugdeps/node/again")).unwrap();
    write(&data.join("notes.db"), "precious");
    write(&data.join("plugdeps/.tools/uv-1/bin/uv"), "uv");
    write(&data.join("plugdeps/.machine"), "x");
    write(&data.join("plugdeps/.new-old/left"), "x");
    write(&data.join("elsewhere/file"), "x");
    symlink(state.join("g-aaaaaaaa/env"), data.join("venv")).unwrap();
    symlink(data.join("elsewhere"), data.join("site-packages")).unwrap();
    write(&home.data("no-state-of-ours-m").join("file"), "x");
    let report = home.look(0);
    assert_eq!(leftovers(&report), [("gone-m".to_owned(), "orphan".to_owned())]);
    assert_eq!(report["leftovers"][0]["bytes"], json!(taken_up(&data.join("plugdeps"))));

    let before = Tree::of(&home.0.home);
    home.cmd(["prune", "--all", "--dry-run"]).run().ok().stdout_has("gone-m: all environments in `");
    home.cmd(PRUNE).run().exits(17).stderr_has("there is no terminal on which to ask");
    assert_same(&before, &Tree::of(&home.0.home));

    home.cmd(PRUNE_NOW).run().ok().stderr_has("gone-m: removed (");
    let left: Vec<_> = Tree::of(&data).paths().map(|path| path.display().to_string()).collect();
    assert_eq!(left, ["", "elsewhere", "elsewhere/file", "notes.db", "site-packages"]);
    home.keeps_all();
}

#[test]
fn what_somebody_uses_is_left_alone_wherever_it_is() {
    let home = Home::with(&[("old@m", "m/old/1.0.0")]);
    home.version("m/old/1.0.0", &["kept"]);
    home.state("old-m", "dropped");
    home.state("gone-m", "main");
    home.state("gone-m", "other");
    for file in ["plugdeps/main/lock", "plugdeps/main/desk", "plugdeps/main/g-aaaaaaaa/lease"] {
        let path = home.data("gone-m").join(file);
        write(&path, "");
        let used = fs::File::open(&path).unwrap();
        flock(&used, FlockOperation::NonBlockingLockShared).unwrap();
        let dropped = fs::File::open(home.data("old-m/plugdeps/dropped/g-aaaaaaaa/lease")).unwrap();
        flock(&dropped, FlockOperation::NonBlockingLockShared).unwrap();
        let said = home.keeps_all();
        said.stdout_has("in use, left alone: gone-m: environment main\n");
        said.stdout_has("in use, left alone: old@m: environment dropped\n");
    }
    home.cmd(PRUNE_NOW).run().ok();
    assert!(!home.data("gone-m/plugdeps").exists() && !home.data("old-m/plugdeps/dropped").exists());
}

#[test]
fn data_made_by_hand_are_shown_with_the_directory_they_are_for_and_go_when_that_is_gone() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    let home = Home(Plugin::needing("alpha\n", &packages));
    let (root, moved) = (&home.0.root, home.0.temp().join("moved"));
    home.cmd(["sync", "--root"]).arg(root).run().ok();
    let own = home.0.home.join(".local/share/plugdeps");
    let name = fs::read_dir(&own).unwrap().flatten().next().unwrap().file_name().into_string().unwrap();
    let data = own.join(&name);
    // Nobody wrote down, or not truly, which directory these are for.
    write(&own.join("unsaid-0/plugdeps/main/lock"), "");
    write(&own.join("untrue-0/plugdeps/main/lock"), "");
    write(&own.join("untrue-0/plugdeps/.origin.json"), "{\"schema\":1,\"root\":\"/nowhere\"}");
    let told = |kind: &str| {
        let report = home.look(0);
        let told = [(name.as_str(), kind), ("unsaid-0", "unknown"), ("untrue-0", "unknown")];
        assert_eq!(leftovers(&report), told.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
        report["leftovers"][0].clone()
    };
    let row = told("by-hand");
    assert_eq!((&row["root"], &row["bytes"]), (&json!(root), &json!(taken_up(&data.join("plugdeps")))));
    home.keeps_all();

    fs::rename(root, &moved).unwrap();
    told("orphan");
    let lease = walkdir::WalkDir::new(&data).into_iter().flatten().find(|entry| entry.file_name() == "lease").unwrap();
    let used = fs::File::open(lease.path()).unwrap();
    flock(&used, FlockOperation::NonBlockingLockShared).unwrap();
    home.keeps_all().stdout_has(&format!("in use, left alone: {name}: environment main\n"));
    drop(used);
    // Whoever is asked may bring it back meanwhile.
    let (mut terminal, keys) = keyboard();
    let mut asking = home.cmd(PRUNE).into_command();
    let mut asking = asking.stdin(keys).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = until_asked(&mut asking);
    fs::rename(&moved, root).unwrap();
    terminal.write_all(b"y\n").unwrap();
    asking.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(asking.wait().unwrap().success() && said.contains("wanted again, left alone"), "{said}");
    told("by-hand");

    fs::rename(root, &moved).unwrap();
    let before = Tree::of(&moved);
    let said = home.cmd(PRUNE_NOW).run();
    said.ok().stdout_has(&format!("`; its plugin's directory `{}` is gone (", root.display())).stderr_has("removed (");
    assert_same(&before, &Tree::of(&moved));
    assert!(!data.exists() && own.join("unsaid-0/plugdeps/main").exists());
    home.keeps_all();
}

/// What somebody who is asked hears up to the question.
fn until_asked(asking: &mut Child) -> String {
    let (mut said, stderr) = (Vec::new(), asking.stderr.as_mut().unwrap());
    while !String::from_utf8_lossy(&said).contains("[y/N]") {
        let mut byte = [0];
        stderr.read_exact(&mut byte).expect("it did not ask");
        said.extend(byte);
    }
    String::from_utf8(said).unwrap()
}

#[test]
fn without_a_list_that_can_be_read_nobody_is_gone() {
    let home = Home::new();
    home.state("gone-m", "main");
    let unknown = [("gone-m".to_owned(), "unknown".to_owned())];
    assert_eq!(leftovers(&home.look(0)), unknown);
    home.keeps_all();
    let (deep, large) = ("[".repeat(100_000), format!("{{}}{}", " ".repeat(2_000_000)));
    for list in ["", "{", "[]", "{\"version\":3,\"plugins\":{}}", "{\"version\":2}", &deep, &large] {
        home.list(list);
        let report = home.look(1);
        assert_eq!((leftovers(&report).as_slice(), &report["state"]), (unknown.as_slice(), &json!(null)));
        assert!(report["list_error"].as_str().unwrap().contains("installed_plugins.json`: "), "{report:#}");
        home.keeps_all();
    }
    fs::remove_file(home.plugins().join("installed_plugins.json")).unwrap();
    fs::create_dir(home.plugins().join("installed_plugins.json")).unwrap();
    assert_eq!(leftovers(&home.look(1)), unknown);
    home.keeps_all();
}

#[test]
fn data_that_may_be_anybodys_are_never_removed() {
    // `a-b` of `c` and `a` of `b-c` have the same data, as have names that differ in capitals on some systems.
    let home = Home::with(&[("a-b@c", "c/a-b/1.0.0"), ("we.ird@M", "M/we-ird/1.0.0")]);
    home.version("c/a-b/1.0.0", &["main"]);
    home.version("M/we-ird/1.0.0", &["main"]);
    home.install(&[("a-b@c", "c/a-b/1.0.0"), ("we.ird@M", "M/we-ird/1.0.0")]);
    for name in ["one-inline", "two-skills-dir", "three-synced", "four-builtin"] {
        home.state(name, "main");
    }
    write(&home.data("a-b-c/plugdeps/main/lock"), "");
    write(&home.data("we-ird-m/plugdeps/main/lock"), "");
    let elsewhere = home.0.temp().join("elsewhere");
    write(&elsewhere.join("plugdeps/main/lock"), "");
    symlink(&elsewhere, home.data("linked-m")).unwrap();
    fs::create_dir_all(home.data("half-m")).unwrap();
    symlink(elsewhere.join("plugdeps"), home.data("half-m/plugdeps")).unwrap();
    let report = home.look(11);
    let told = leftovers(&report);
    let told: Vec<_> = told.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    let unlisted = |name| (name, "unlisted");
    assert_eq!(
        told,
        [unlisted("four-builtin"), ("half-m", "link"), ("linked-m", "link")]
            .into_iter()
            .chain(["one-inline", "three-synced", "two-skills-dir"].map(unlisted))
            .collect::<Vec<_>>()
    );
    let before = Tree::of(&elsewhere);
    home.keeps_all();
    assert_same(&before, &Tree::of(&elsewhere));
}

#[test]
fn an_environment_goes_when_no_version_on_this_machine_has_it() {
    let home = Home::with(&[("a@m", "m/a/2.0.0")]);
    home.version("m/a/1.0.0", &["first", "both"]);
    home.version("m/a/2.0.0", &["second", "both"]);
    let unused = |home: &Home| {
        let report = home.look(11);
        let disk = report["plugins"][0]["disk"].as_array().unwrap().clone();
        let unused = disk.into_iter().filter(|one| one["unused"] == true).map(|one| one["name"].clone());
        unused.collect::<Vec<Value>>()
    };
    for name in ["first", "second", "both", "never"] {
        // A lock alone is no reason to sweep.
        write(&home.data("a-m/plugdeps").join(name).join("lock"), "");
    }
    assert_eq!(unused(&home), ["never"]);
    // The host has removed the version that nobody uses any more.
    fs::remove_dir_all(home.cache("m/a/1.0.0")).unwrap();
    assert_eq!(unused(&home), ["first", "never"]);
    // What is packed, or cannot be read, may have any.
    write(&home.cache("m/a/0.9.0.zip"), "x");
    assert_eq!(unused(&home), [""; 0]);
    fs::remove_file(home.cache("m/a/0.9.0.zip")).unwrap();
    home.version("m/a/0.9.0", &["not a name"]);
    assert_eq!(unused(&home), [""; 0]);
    home.keeps_all();
    fs::remove_dir_all(home.cache("m/a/0.9.0")).unwrap();
    home.cmd(PRUNE_NOW).run().ok().stderr_has("a@m: environment never: removed");
    let left: Vec<_> = fs::read_dir(home.data("a-m/plugdeps")).unwrap().flatten().map(|one| one.file_name()).collect();
    assert!(left.len() == 2 && left.iter().all(|name| name == "second" || name == "both"), "{left:?}");
}

#[test]
fn each_version_is_looked_at_once_however_many_have_it() {
    let home = Home::new();
    for version in ["1.0.0", "2.0.0"] {
        home.version(&format!("m/a/{version}"), &["main"]);
    }
    write(&home.data("a-m/plugdeps/main/lock"), "");
    let record = |scope: &str, project: &str, version: &str| {
        let path = home.cache(&format!("m/a/{version}"));
        json!({ "scope": scope, "projectPath": project, "version": version, "installPath": path, "of-tomorrow": {} })
    };
    let records = [record("project", "/p", "1.0.0"), record("local", "/q", "1.0.0"), record("project", "/r", "2.0.0")];
    home.list(&json!({ "version": 2, "plugins": { "a@m": records, "b@m": "no record" } }).to_string());
    let report = home.look(11);
    let versions = report["plugins"][0]["versions"].as_array().unwrap();
    let told: Vec<_> = versions.iter().map(|one| (&one["version"], one["scopes"].as_array().unwrap().len())).collect();
    assert_eq!(told, [(&json!("1.0.0"), 2), (&json!("2.0.0"), 1)]);
    assert_eq!(versions[0]["scopes"][1], json!({ "scope": "local", "project": "/q" }));
    // One is gone from the cache.
    fs::remove_dir_all(home.cache("m/a/2.0.0")).unwrap();
    let report = home.look(11);
    let version = &report["plugins"][0]["versions"][1];
    assert_eq!((&version["state"], &version["error_code"]), (&json!("cannot-build"), &json!("no-plugin")));
}

#[test]
fn the_host_may_install_the_plugin_while_somebody_is_asked() {
    let home = Home::with(&[("a@m", "m/a/2.0.0")]);
    home.version("m/a/2.0.0", &["new"]);
    home.state("a-m", "old");
    home.state("late-m", "main");
    home.state("gone-m", "main");
    let (mut terminal, keys) = keyboard();
    let mut command = home.cmd(PRUNE).into_command();
    let mut asking = command.stdin(keys).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = until_asked(&mut asking);
    home.version("m/a/1.0.0", &["old"]);
    home.install(&[("a@m", "m/a/1.0.0"), ("late@m", "m/late/1.0.0")]);
    terminal.write_all(b"y\n").unwrap();
    asking.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(asking.wait().unwrap().success(), "{said}");
    assert!(said.contains("late-m: wanted again, left alone") && said.contains("gone-m: removed"), "{said}");
    assert!(said.contains("a@m: environment old: wanted again, left alone"), "{said}");
    for left in ["late-m/plugdeps/main", "a-m/plugdeps/old"] {
        assert!(home.data(left).join("g-aaaaaaaa/env/file").exists(), "{left}");
    }
    assert!(!home.data("gone-m/plugdeps").exists());
}

#[test]
fn a_removal_that_is_killed_anywhere_is_finished_by_the_next() {
    let home = Home::new();
    let log = home.0.temp().join("faults");
    for step in 1.. {
        home.install(&[("a@m", "m/a/1.0.0")]);
        home.version("m/a/1.0.0", &["kept"]);
        home.state("a-m", "dropped");
        let state = home.state("gone-m", "main");
        write(&home.data("gone-m/notes"), "precious");
        let _ = symlink(state.join("g-aaaaaaaa/env"), home.data("gone-m/venv"));
        let _ = fs::remove_file(&log);
        let fault = format!("prune:{step}:kill");
        home.cmd(PRUNE_NOW).env("PLUGDEPS_FAULT", fault).env("PLUGDEPS_FAULT_LOG", &log).run();
        home.cmd(PRUNE_NOW).run().ok();
        let left: Vec<_> = Tree::of(&home.plugins().join("data")).paths().map(Path::to_path_buf).collect();
        let expected = ["", "a-m", "a-m/plugdeps", "gone-m", "gone-m/notes"];
        assert_eq!(left, expected.map(PathBuf::from), "killed at step {step}");
        if !fs::read_to_string(&log).unwrap().contains("FAULT") {
            assert!(step > 12, "it has only {step} steps");
            return;
        }
    }
}

#[test]
fn what_cannot_be_removed_is_said_and_does_not_keep_the_rest() {
    let home = Home::with(&[]);
    // A directory in the place of a file that is locked.
    for name in ["bad-m", "worse-m"] {
        fs::create_dir_all(home.data(name).join("plugdeps/main/lock")).unwrap();
    }
    home.state("gone-m", "main");
    let said = home.cmd(PRUNE_NOW).run();
    said.exits(1).stderr_has("bad-m/plugdeps/main/lock`").stderr_has("worse-m/plugdeps/main/lock`");
    said.stderr_has("gone-m: removed");
    home.cmd(PRUNE_NOW).run().exits(1).stderr_lacks("nothing to remove");
}

#[test]
fn two_that_prune_at_once_remove_everything_once() {
    let home = Home::with(&[]);
    for number in 0..20 {
        for name in ["main", "node"] {
            home.state(&format!("gone{number}-m"), name);
        }
    }
    let two = [home.cmd(PRUNE_NOW).spawn(), home.cmd(PRUNE_NOW).spawn()];
    for one in two {
        one.wait().ok();
    }
    assert_eq!(leftovers(&home.look(0)), []);
}

#[test]
fn on_a_terminal_it_is_a_table_that_names_do_not_break() {
    let home = Home::with(&[("a\u{1b}[31m\n@m", "m/a/1.0.0")]);
    home.version("m/a/1.0.0", &["main"]);
    write(&home.data("a--31m--m/plugdeps/main/lock"), "");
    home.state("gone-m", "main");
    let said = home.0.bare_command(tools::python()).args(["-c", packages::TERMINAL, AUTHORS, "--check", "--all"]);
    let said = said.env("TERM", "xterm").env("NO_COLOR", "1").run();
    said.exits(11).stdout_lacks("\u{1b}").stdout_lacks("{");
    let lines: Vec<&str> = said.stdout.lines().collect();
    let heading = lines[0].split_whitespace().collect::<Vec<_>>();
    assert_eq!(heading, ["plugin", "environment", "state", "size", "what"], "{said}");
    let column = lines[0].find("state").unwrap();
    for (line, state) in [(lines[1], "cannot build"), (lines[2], "orphan")] {
        let rest: String = line.chars().skip(column).collect();
        assert!(rest.starts_with(state), "{said}");
    }
    said.stdout_has("`plugdeps prune --all` removes what is unused and orphaned");
}

#[test]
fn what_the_host_is_told_of_its_place_is_obeyed_and_a_marketplace_here_is_looked_at_where_it_lies() {
    let home = Home::new();
    let [config, moved, market] = ["config", "moved", "market"].map(|name| home.0.temp().join(name));
    let list = |id: &str| json!({ "version": 2, "plugins": { id: [{ "installPath": "/nowhere", "version": "1" }] } });
    write(&config.join("plugins/installed_plugins.json"), &list("a@here").to_string());
    write(&moved.join("installed_plugins.json"), &list("b@here").to_string());
    let known = json!({ "here": { "source": { "source": "directory", "path": market } } });
    let offered = json!({ "metadata": { "pluginRoot": "./sub" }, "plugins": [
        { "name": "a", "source": "./sub/a" }, { "name": "b", "source": "b" }, { "name": "c", "source": { "source": "github" } },
    ]});
    for directory in [config.join("plugins"), moved.clone()] {
        write(&directory.join("known_marketplaces.json"), &known.to_string());
    }
    write(&market.join(".claude-plugin/marketplace.json"), &offered.to_string());
    for name in ["a", "b"] {
        write(&market.join(format!("sub/{name}/requirements.txt")), "alpha\n");
        let server = json!({ "mcpServers": { "s": { "command": "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps" } } });
        write(&market.join(format!("sub/{name}/.mcp.json")), &server.to_string());
    }
    let check = home.cmd(["check", "--all", "--json"]).env("CLAUDE_CONFIG_DIR", &config);
    let first = check.run().exits(10).json();
    let check = home.cmd(["check", "--all"]).env("CLAUDE_CONFIG_DIR", &config);
    let second = check.env("CLAUDE_CODE_PLUGIN_CACHE_DIR", &moved).run().exits(10).json();
    for (report, name) in [(first, "a"), (second, "b")] {
        let version = &report["plugins"][0]["versions"][0];
        assert_eq!((&version["root"], &version["in_place"]), (&json!(market.join("sub").join(name)), &json!(true)));
    }
}

/// The names of an object's fields, and of those of the objects in its lists; an environment's are those of `--check`.
fn fields(value: &Value, found: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        found.push(name.clone());
        let objects = value.as_array().into_iter().flatten().filter(|_| name != "environments");
        objects.for_each(|object| fields(object, found));
    }
}

#[test]
fn the_documentation_names_every_field_of_the_json() {
    let home = Home::with(&[("a@m", "m/a/1.0.0"), ("lost@m", "m/lost/1.0.0")]);
    home.version("m/a/1.0.0", &["main"]);
    home.state("a-m", "main");
    home.state("gone-m", "main");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md")).unwrap();
    let (_, section) = page.split_once("## The JSON of `--check --all`\n").expect("there is no such section");
    let mut found = Vec::new();
    fields(&home.look(11), &mut found);
    assert!(found.len() > 25, "{found:?}");
    let is_named =
        |name: &String| ["`", "`.", "`.versions."].iter().any(|start| section.contains(&format!("{start}{name}`")));
    let missing: Vec<_> = found.iter().filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "the documentation lacks {missing:?}");
}

#[test]
fn flags_that_mean_nothing_beside_all_or_without_it_are_refused() {
    let home = Home::with(&[]);
    for args in [["--root", "x"], ["--data", "x"], ["--environment", "x"], ["--undo", ""]] {
        home.cmd(["prune", "--all"]).args(args.iter().filter(|arg| !arg.is_empty())).run().exits(2);
    }
    home.cmd(["check", "--all", "--yes"]).run().exits(2).stderr_has("it means nothing to this command");
    home.cmd(["prune", "--yes"]).run().exits(2).stderr_has("it means nothing to this command");
    home.cmd(["sync", "--all"]).run().exits(2).stderr_has("it means nothing to this command");
}

#[test]
fn the_clients_own_files_say_what_is_installed_and_whose_data_are_whose() {
    with_the_real_client(|| {
        let home = Home::new();
        let market = home.0.temp().join("market");
        for (name, version) in [("we.ird_x", "1.0.0"), ("kept", "2.0.0")] {
            let root = market.join("plugins").join(name);
            let described = json!({ "name": name, "version": version, "description": "x" });
            write(&root.join(".claude-plugin/plugin.json"), &described.to_string());
            // Of two servers that are the same the client starts one.
            let line = format!("mkdir -p \"$CLAUDE_PLUGIN_DATA/plugdeps/main\"; : {name}");
            let server = json!({ "mcpServers": { "s": { "command": "sh", "args": ["-c", line] } } });
            write(&root.join(".mcp.json"), &server.to_string());
            write(&root.join("requirements.txt"), "alpha\n");
        }
        let offered = ["we.ird_x", "kept"].map(|name| json!({ "name": name, "source": format!("./plugins/{name}") }));
        let offered = json!({ "name": "b.c", "owner": { "name": "x" }, "plugins": offered });
        write(&market.join(".claude-plugin/marketplace.json"), &offered.to_string());
        let claude = |args: &[&str]| {
            let client = home.0.bare_command(tools::claude_code().unwrap()).args(args).env("IS_SANDBOX", "1");
            client.env("DISABLE_AUTOUPDATER", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").run()
        };
        claude(&["plugin", "marketplace", "add", market.to_str().unwrap()]).ok();
        claude(&["plugin", "install", "we.ird_x@b.c"]).ok();
        claude(&["plugin", "install", "kept@b.c"]).ok();
        // The servers are started, and find out where their data are.
        claude(&["mcp", "list"]).ok();
        let report = home.look(10);
        assert_eq!(leftovers(&report), [], "{report:#}");
        let place = |at: usize| (&report["plugins"][at]["id"], &report["plugins"][at]["data"]);
        assert_eq!(place(0), (&json!("kept@b.c"), &json!(home.data("kept-b-c"))));
        assert_eq!(place(1), (&json!("we.ird_x@b.c"), &json!(home.data("we-ird_x-b-c"))));
        let kept = &report["plugins"][0];
        assert_eq!(kept["disk"][0]["name"], "main", "{kept:#}");
        let version = &kept["versions"][0];
        assert_eq!((&version["version"], &version["in_place"]), (&json!("2.0.0"), &json!(true)));
        assert_eq!(version["root"], json!(market.join("plugins/kept")));

        claude(&["plugin", "uninstall", "kept@b.c", "--keep-data"]).ok();
        claude(&["--plugin-dir", market.join("plugins/kept").to_str().unwrap(), "mcp", "list"]).ok();
        let told = leftovers(&home.look(10));
        let told: Vec<_> = told.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
        assert_eq!(told, [("kept-b-c", "orphan"), ("kept-inline", "unlisted")]);
        home.cmd(PRUNE_NOW).run().ok().stderr_has("kept-b-c: removed");
        assert!(!home.data("kept-b-c/plugdeps").exists() && home.data("kept-inline/plugdeps/main").exists());
    });
}
