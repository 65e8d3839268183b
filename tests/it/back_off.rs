//! What failed is left alone for a while: how long, what ends it, and what a start does meanwhile.

use crate::support::*;
use plugdeps::error::Kind;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A plugin that asks for what there is not, by an interpreter and a uv that write down each start.
struct Watched {
    plugin: Plugin,
    packages: Packages,
    starts: PathBuf,
}

impl Watched {
    fn new() -> Self {
        let packages = Packages::usual();
        let plugin = Plugin::new("x").index(&packages).file("requirements.txt", "alpha>=7\n");
        let starts = plugin.temp().join("starts");
        let through = |program: PathBuf| {
            format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\nexec '{}' \"$@\"\n", starts.display(), program.display())
        };
        let plugin =
            plugin.no_python().script("python3", &through(tools::python())).script("uv", &through(tools::uv()));
        Self { plugin, packages, starts }
    }

    /// Nothing was started and nobody was asked since the last look.
    #[track_caller]
    fn did_nothing(&self) {
        assert_eq!(self.started(), "");
    }

    /// What was started and asked since the last look.
    fn started(&self) -> String {
        let starts = fs::read_to_string(&self.starts).unwrap_or_default() + &self.packages.log().join("\n");
        let _ = fs::remove_file(&self.starts);
        self.packages.forget();
        starts
    }

    fn run(&self) -> Output {
        self.plugin.run(["python", "-c", "import alpha; print(alpha.VALUE)"])
    }

    /// Fails once, and forgets what that took.
    #[track_caller]
    fn failed(self) -> Self {
        self.run().exits(Kind::InstallFailed.info().exit.into());
        assert!(!self.started().is_empty());
        self
    }

    /// A start tries, and does not refuse.
    #[track_caller]
    fn tries(&self) {
        self.run().exits(Kind::InstallFailed.info().exit.into());
        assert!(self.started().contains("GET /simple/alpha/"));
    }

    /// A start refuses.
    #[track_caller]
    fn refuses(&self) {
        self.run().exits(Kind::InstallRefused.info().exit.into());
        self.did_nothing();
    }

    fn failure_path(&self) -> PathBuf {
        self.plugin.state().join("failure.json")
    }

    fn failure(&self) -> Value {
        serde_json::from_slice(&fs::read(self.failure_path()).unwrap()).unwrap()
    }

    /// Changes what was noted of the failure.
    fn note(&self, change: impl FnOnce(&mut Value)) {
        let mut failure = self.failure();
        change(&mut failure);
        fs::write(self.failure_path(), failure.to_string()).unwrap();
    }

    fn again_in(&self) -> u64 {
        self.plugin.check()["environments"][0]["last_failure"]["again_in"].as_u64().unwrap()
    }
}

#[test]
fn what_failed_a_moment_ago_is_refused_without_asking_anybody_or_writing_anything() {
    let watched = Watched::new().failed();
    let plugin = &watched.plugin;
    let before = Tree::of(plugin.temp());
    let words = ["error[install-refused]", "alpha", "and is tried again in 1", " min, or by `plugdeps sync`"];
    let output = watched.run();
    words.iter().for_each(|word| _ = output.stderr_has(word));
    output.exits(Kind::InstallRefused.info().exit.into()).stdout_is("");
    assert_same(&before, &Tree::of(plugin.temp()));
    watched.did_nothing();
    plugin.command(["session-start"]).run().ok().stdout_has("is tried again in 1");
    watched.did_nothing();
}

#[test]
fn a_server_that_is_started_meanwhile_says_in_each_call_why_it_is_not_there() {
    let watched = Watched::new().failed();
    let run = watched.plugin.command(["run", "--", "python", "-c", "import alpha"]);
    let mut server = McpClient::spawn(run.into_command());
    server.initialize();
    let result = server.call_tool("value", json!({}));
    let said = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(result["isError"], true);
    assert!(said.contains("no version of a package satisfies") && said.contains("is tried again in 1"), "{said}");
    watched.did_nothing();
}

#[test]
fn meanwhile_the_last_good_environment_serves_at_once() {
    let watched = Watched::new();
    watched.plugin.write("requirements.txt", "alpha\n");
    watched.plugin.sync().ok();
    watched.plugin.write("requirements.txt", "alpha>=7\n");
    watched.run().ok().stdout_is("alpha 1.0\n").stderr_has("correct the requirement");
    assert!(watched.started().contains("GET /simple/alpha/"));
    watched.run().ok().stdout_is("alpha 1.0\n").stderr_has("error[install-refused]");
    watched.did_nothing();
    watched.plugin.command(["session-start"]).run().ok();
    watched.did_nothing();
}

#[test]
fn sync_and_a_changed_manifest_try_at_once() {
    let watched = Watched::new().failed();
    watched.plugin.sync().exits(Kind::InstallFailed.info().exit.into());
    assert!(watched.started().contains("GET /simple/alpha/"));
    watched.plugin.write("requirements.txt", "alpha\n");
    watched.run().ok().stdout_is("alpha 1.0\n");
}

#[test]
fn sync_mends_what_is_refused_when_the_index_recovered() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha==7\n", &packages);
    plugin.command(["session-start"]).run().ok().stdout_has("systemMessage");
    packages.add(&Wheel::simple("alpha", "7"));
    plugin.command(["session-start"]).run().ok().silent();
    plugin.run(["--", "true"]).exits(12).stderr_has("is tried again in");
    plugin.sync().ok();
    plugin.command(["session-start"]).run().ok().stdout_has("could be installed now");
    plugin.command(["session-start"]).run().ok().silent();
    assert!(plugin.check()["environments"][0]["last_failure"].is_null());
}

#[test]
fn pauses_grow_with_each_failure_of_one_kind_and_check_tells_when_the_next_try_is() {
    let watched = Watched::new().failed();
    assert!((840..=900).contains(&watched.again_in()), "{}", watched.again_in());
    let page = watched.plugin.command(["--check"]).run();
    page.stdout_has("next try     by a start in 1").stdout_has(" min, or by `plugdeps sync`");
    watched.plugin.sync();
    assert!((1740..=1800).contains(&watched.again_in()), "{}", watched.again_in());
    watched.note(|failure| failure["tries"] = json!(u32::MAX));
    assert!((86_340..=86_400).contains(&watched.again_in()), "{}", watched.again_in());
    watched.started();
    watched.refuses();
    // Another kind of failure has its own pause, from the beginning.
    watched.packages.status(Some(503));
    let plugin = &watched.plugin;
    plugin.command(["sync"]).env("UV_HTTP_RETRIES", "0").run().exits(9);
    assert_eq!(
        (watched.failure()["class"].as_str(), watched.failure()["tries"].as_u64()),
        (Some("index-error"), Some(1))
    );
}

#[test]
fn what_time_heals_is_tried_again_soon_and_what_memory_ended_after_long() {
    let watched = Watched::new().failed();
    for (class, pause) in [("index-error", 10), ("dns", 10), ("no-matching-version", 900), ("killed", 3600)] {
        watched.note(|failure| failure["class"] = json!(class));
        let again_in = watched.again_in();
        // A first try may have been minutes ago on a busy machine.
        assert!(again_in <= pause && (pause == 10 || again_in > pause - 300), "{class}: {again_in}");
        let elapsed_ms = (pause + 1) * 1000;
        let at_ms = watched.failure()["at_ms"].as_u64().unwrap();
        watched.note(|failure| failure["at_ms"] = json!(at_ms - elapsed_ms));
        assert_eq!(watched.again_in(), 0, "{class}");
        watched.note(|failure| failure["at_ms"] = json!(at_ms));
    }
    watched.note(|failure| failure["at_ms"] = json!(failure["at_ms"].as_u64().unwrap() - 3_601_000));
    watched.plugin.command(["--check"]).run().stdout_has("next try     at the next start, or by `plugdeps sync`");
    watched.tries();
}

#[test]
fn a_clock_that_was_wrong_delays_nothing() {
    let watched = Watched::new().failed();
    let now = watched.failure()["at_ms"].as_u64().unwrap();
    let year = 365 * 86_400_000;
    for at in [now + year, now - year, 0, u64::MAX] {
        watched.note(|failure| failure["at_ms"] = json!(at));
        assert_eq!(watched.again_in(), 0);
        watched.tries();
        watched.refuses();
    }
}

#[test]
fn a_note_that_says_less_or_cannot_be_read_delays_nothing() {
    let watched = Watched::new().failed();
    watched.note(|failure| _ = failure.as_object_mut().unwrap().remove("surroundings"));
    watched.tries();
    fs::write(watched.failure_path(), "{").unwrap();
    watched.tries();
    watched.refuses();
}

/// What the page of errors says ends a pause, between these words.
fn told(from: &str, to: &str) -> Vec<String> {
    let page = include_str!("../../docs/errors.md");
    let page = page.split_once("seen without starting anything:").unwrap().1;
    let part = page.split_once(from).unwrap().1.split_once(to).unwrap().0;
    part.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn each_variable_setting_and_program_that_is_told_to_end_a_pause_does() {
    let watched = Watched::new().failed();
    let left = |cmd: Cmd| cmd.run().json()["environments"][0]["last_failure"]["again_in"].as_u64().unwrap();
    let check = || watched.plugin.command(["--check", "--json"]);
    assert!(left(check().env("PATH_OF_NOBODY", "x")) > 0);
    for name in told("the variables", ";") {
        let name = match name.strip_prefix('*') {
            Some(end) => format!("any{end}"),
            None => name.replace('*', "x"),
        };
        assert_eq!(left(check().env(&name, "x")), 0, "{name}");
    }
    for name in told("the user's", ";") {
        let place = match name.as_str() {
            "pip.conf" => ".config/pip/pip.conf".to_owned(),
            "uv.toml" => ".config/uv/uv.toml".to_owned(),
            "rc" => ".config/pnpm/rc".to_owned(),
            name => name.to_owned(),
        };
        let path = watched.plugin.home.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(left(check()), 0, "{name}");
        fs::remove_file(&path).unwrap();
        assert!(left(check()) > 0, "{name}");
    }
    for name in ["python3.9", "node", "npm", "pnpm", "yarn", "bun", "cc", "gcc", "clang"] {
        let plugin = watched.plugin.path_dir().join(name);
        executable(&plugin, "#!/bin/sh\nexit 1\n");
        assert_eq!(left(check()), 0, "{name}");
        fs::remove_file(&plugin).unwrap();
    }
}

/// A change of what is around a plugin, and its name.
type Change = (&'static str, fn(Plugin) -> Plugin);

#[test]
fn a_change_of_what_decides_ends_the_pause() {
    let mut watched = Watched::new().failed();
    let changes: [Change; 6] = [
        ("the index", |plugin| plugin.env("UV_INDEX", "http://127.0.0.1:9/simple")),
        ("the proxy", |plugin| plugin.env("no_proxy", "127.0.0.1")),
        ("the user's settings", |plugin| {
            fs::create_dir_all(plugin.home.join(".config/uv")).unwrap();
            fs::write(plugin.home.join(".config/uv/uv.toml"), "offline = false\n").unwrap();
            plugin
        }),
        ("a compiler", |plugin| plugin.script("cc", "#!/bin/sh\n")),
        ("an interpreter", |plugin| plugin.script("python3.9", "#!/bin/sh\nexit 1\n")),
        ("the configuration", |plugin| plugin.file("plugdeps.toml", "deadline = 800\n")),
    ];
    for (what, change) in changes {
        watched.refuses();
        watched.plugin = change(watched.plugin).env("UV_HTTP_RETRIES", "0");
        let output = watched.run();
        assert_eq!(output.status.code(), Some(9), "{what}: {output}");
        assert!(watched.started().contains("uv pip install"), "{what}");
    }
    watched.plugin = watched.plugin.env("PATH_OF_NOBODY", "x");
    watched.refuses();
}
