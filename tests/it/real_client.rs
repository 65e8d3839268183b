//! What a user of the real client gets: the plugin's tool, in the first session, whatever the build does meanwhile.
//!
//! Each test starts Claude Code itself, with stand-ins for its model and for the package index, and judges by what the
//! client reports and by what the tool answered. They mostly wait, so several at once are no slower than one.

use crate::support::claude::Exchange;
use crate::support::namespace::with_the_real_client;
use crate::support::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// How long after the server's first answer its tools may need to be seen.
const SETTLING: u64 = 10;
/// How long a build may take beyond the time for which its package is held.
const BUILD: Duration = Duration::from_secs(60);
/// The same installation is not tried again at once after it failed.
const PAUSE: Duration = Duration::from_secs(15);
/// What the model repeats of a tool that read `alpha` 1.0.
const ALPHA: &str = "TOOL RESULT alpha 1.0";

/// A plugin in the client's hands, an index, and a model. The plugin comes first: its processes end before the others.
struct Scene {
    plugin: Plugin,
    index: Index,
    api: Api,
    wheels: Option<TempDir>,
}

impl Scene {
    /// A server on the standard library that needs `alpha` 1.0, which its tool reads.
    fn tiny(installer: Installer) -> Self {
        let World { plugin, index, wheels } = World::new(installer);
        Self { plugin: plugin.hosted(), index, api: Api::start().call("value"), wheels: Some(wheels) }
    }

    /// A server on the official SDK, which comes with some thirty packages.
    fn sdk(installer: Installer) -> Self {
        let index = Index::serve(&tools::mcp_wheels());
        let plugin = Plugin::new("requirements").fixture("requirements").index(&index).hosted();
        let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
        Self { plugin, index, api: Api::start().call("where"), wheels: None }
    }

    /// Makes the build take about so many seconds.
    fn build_of(self, seconds: u64) -> Self {
        let held = if self.wheels.is_some() { "alpha" } else { "mcp" };
        self.index.hold(held, Duration::from_secs(seconds));
        self
    }

    /// A person watches, and the hook keeps the session waiting for no more than a second.
    fn watched(mut self) -> Self {
        self.plugin = self.plugin.watched().file("plugdeps.toml", "wait = 1\n");
        self
    }

    /// The plugin has a snapshot.
    #[track_caller]
    fn with_snapshot(self) -> Self {
        self.plugin.ship_snapshot();
        self
    }

    fn claude(&self) -> Claude<'_> {
        Claude { plugin: &self.plugin, api: &self.api }
    }

    /// The installer of the current environment, without its version.
    #[track_caller]
    fn built_by(&self) -> String {
        let check = self.plugin.check();
        let installer = check["environments"][0]["current"]["installer"].as_str();
        installer.and_then(|name| name.split(' ').next()).unwrap_or_else(|| panic!("{check:#}")).to_owned()
    }

    /// Starts the session that the test is about.
    #[track_caller]
    fn session(&self) -> Session {
        self.claude().start()
    }

    /// Waits for the build that this session began, which must take so many seconds, and asks soon after its server has
    /// answered: that starts as soon as this machine lets it.
    #[track_caller]
    fn ask_after_a_build_of(&self, seconds: u64, session: &mut Session) -> Exchange {
        wait_until("the build is done", Duration::from_secs(seconds) + BUILD, || self.plugin.current().is_some());
        assert!(session.elapsed() >= Duration::from_secs(seconds), "the build took only {:?}", session.elapsed());
        wait_until("the server has answered", BUILD, || self.plugin.is_proven());
        sleep(Duration::from_secs(SETTLING));
        session.ask()
    }
}

/// The tool of the server on the SDK answered from the environment that was built for it.
#[track_caller]
fn assert_answered_by_the_sdk(exchange: &Exchange) {
    let is_right = exchange.answer.starts_with("TOOL RESULT {") && exchange.answer.contains("/plugdeps/main/g-");
    assert!(is_right, "{exchange:#?}");
}

/// Nothing was offered, and nothing was called.
#[track_caller]
fn assert_without_a_tool(exchange: &Exchange) {
    assert_eq!((exchange.tools.as_slice(), exchange.answer.as_str()), ([].as_slice(), "NO TOOL"), "{exchange:#?}");
}

#[track_caller]
fn assert_one_shot_has_the_tool(scene: &Scene) {
    let session = scene.claude().once("call the tool");
    let exchanges = session.exchanges();
    let [only] = exchanges.as_slice() else { panic!("not one turn: {exchanges:#?}") };
    assert_answered_by_the_sdk(only);
    assert!(!only.tools.is_empty(), "{only:#?}");
}

#[test]
fn packages_that_are_there_in_a_second_serve_the_first_prompt() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Uv);
        assert_eq!(scene.session().ask_at(3).answer, ALPHA);
    });
}

#[test]
fn a_build_by_uv_of_45_seconds_serves_the_same_session() {
    with_the_real_client(|| {
        let scene = Scene::sdk(Installer::Uv).build_of(45);
        let mut session = scene.session();
        assert_answered_by_the_sdk(&scene.ask_after_a_build_of(45, &mut session));
    });
}

#[test]
fn a_build_by_pip_of_45_seconds_serves_the_same_session_that_a_person_watches() {
    with_the_real_client(|| {
        let scene = Scene::sdk(Installer::Pip).build_of(45).watched();
        let mut session = scene.session();
        assert_answered_by_the_sdk(&scene.ask_after_a_build_of(45, &mut session));
    });
}

#[test]
fn a_call_at_5_seconds_is_answered_when_a_build_of_90_seconds_is_done() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Uv).with_snapshot().build_of(90).watched();
        let mut session = scene.session();
        let exchange = session.ask_at(5);
        assert_eq!(exchange.answer, ALPHA);
        assert!(exchange.began < Duration::from_secs(15), "the call came late: {exchange:#?}");
        assert!(exchange.ended > Duration::from_secs(90), "the build did not take its time: {exchange:#?}");
    });
}

#[test]
fn without_a_snapshot_the_turn_at_5_seconds_has_no_tool_and_one_after_the_build_has_it() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Pip).build_of(45).watched();
        let mut session = scene.session();
        assert_without_a_tool(&session.ask_at(5));
        assert_eq!(scene.ask_after_a_build_of(45, &mut session).answer, ALPHA);
    });
}

#[test]
fn with_a_snapshot_the_turn_at_3_seconds_has_the_tools_of_a_build_of_45_seconds() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Pip).with_snapshot().build_of(45).watched();
        let mut session = scene.session();
        let exchange = session.ask_at(3);
        assert!(exchange.began < Duration::from_secs(15), "the turn came late: {exchange:#?}");
        assert_eq!(exchange.tools, ["mcp__plugin_tiny_plain__value", "mcp__plugin_tiny_plain__where"]);
        assert_eq!(exchange.answer, ALPHA);
    });
}

#[test]
fn a_one_shot_run_has_the_tools_of_a_build_that_takes_a_second() {
    with_the_real_client(|| assert_one_shot_has_the_tool(&Scene::sdk(Installer::Uv)));
}

#[test]
fn a_one_shot_run_has_the_tools_of_a_build_of_10_seconds() {
    with_the_real_client(|| assert_one_shot_has_the_tool(&Scene::sdk(Installer::Pip).build_of(10)));
}

#[test]
fn a_one_shot_run_has_the_tools_of_a_build_of_45_seconds() {
    with_the_real_client(|| assert_one_shot_has_the_tool(&Scene::sdk(Installer::Uv).build_of(45)));
}

#[test]
fn a_build_goes_on_when_the_client_kills_the_hook_and_serves_the_same_session() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Uv).build_of(30);
        let hooks = fs::read_to_string(scene.plugin.root.join("hooks/hooks.json")).unwrap();
        scene.plugin.write("hooks/hooks.json", &hooks.replace("\"timeout\": 600", "\"timeout\": 3"));
        let mut session = scene.session();
        assert_without_a_tool(&session.ask_at(5));
        assert_eq!(session.hooks().iter().map(|hook| hook.outcome.as_str()).collect::<Vec<_>>(), ["cancelled"]);
        assert_eq!(scene.ask_after_a_build_of(30, &mut session).answer, ALPHA);
        assert_eq!(scene.plugin.builds(), 1);
    });
}

#[test]
fn a_build_goes_on_when_the_client_is_closed_and_serves_the_next_session() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Pip).build_of(30);
        let first = scene.session();
        wait_until("the build has begun", BUILD, || scene.plugin.builds() == 1);
        first.sleep_until(5);
        first.interrupt();
        assert!(scene.plugin.current().is_none(), "the build was over before the client was");
        assert_eq!(scene.session().ask_at(3).answer, ALPHA);
        assert_eq!(scene.plugin.builds(), 1);
    });
}

#[test]
fn a_session_without_an_index_says_why_it_has_no_tool_and_the_next_one_has_it() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Uv);
        scene.index.status(Some(503));
        let mut first = scene.session();
        assert_without_a_tool(&first.ask_at(3));
        let said: Vec<_> = first.hooks().into_iter().filter_map(|hook| hook.message).collect();
        assert!(said.concat().contains("tiny: its packages could not be installed"), "{said:?}");
        first.close();
        scene.index.status(None);
        sleep(PAUSE);
        assert_eq!(scene.session().ask_at(3).answer, ALPHA);
    });
}

#[test]
fn packages_with_which_the_server_does_not_start_leave_the_earlier_ones_serving() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Uv);
        let mut first = scene.session();
        assert_eq!(first.ask_at(3).answer, ALPHA);
        first.close();
        let broken = Wheel::new("alpha", "2.0").module("alpha.py", "raise ImportError('alpha 2.0 does not start')\n");
        broken.write(scene.wheels.as_ref().unwrap().path());
        scene.plugin.write("requirements.txt", "alpha==2.0\n");
        assert_eq!(scene.session().ask_at(3).answer, ALPHA);
        assert_eq!(scene.plugin.builds(), 2);
    });
}

#[test]
fn two_clients_at_once_share_one_build_and_both_have_the_tool() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Pip).build_of(10);
        let mut sessions = [scene.session(), scene.session()];
        sessions.iter_mut().for_each(|session| session.prompt_at(3));
        let answers = sessions.each_mut().map(|session| session.wait_for_answer().answer);
        assert_eq!(answers, [ALPHA, ALPHA]);
        assert_eq!(scene.plugin.builds(), 1);
    });
}

#[test]
fn a_plugin_without_hooks_builds_and_serves_all_the_same() {
    with_the_real_client(|| {
        let scene = Scene::tiny(Installer::Uv).build_of(10);
        fs::remove_dir_all(scene.plugin.root.join("hooks")).unwrap();
        let mut session = scene.session();
        let exchange = scene.ask_after_a_build_of(10, &mut session);
        assert_eq!(exchange.answer, ALPHA);
        assert!(session.hooks().is_empty(), "{:?}", session.hooks());
    });
}

#[test]
fn what_init_makes_of_an_empty_directory_serves_the_first_session() {
    with_the_real_client(|| {
        let index = Index::serve(&tools::mcp_wheels());
        let mut plugin = Plugin::new("beside").uv().index(&index);
        plugin.root = plugin.root.with_file_name("notes");
        fs::create_dir(&plugin.root).unwrap();
        let (program, ships) = (env!("CARGO_BIN_EXE_plugdeps"), plugin.temp().join("ships"));
        executable(&ships, &format!("#!/bin/sh\nexec '{program}' \"$@\"\n"));
        let init = plugin.bare_command(program).args(["init", "--yes", "--binary"]).arg(&ships).arg(&plugin.root);
        init.run().ok().stderr_has("a first server, `server.py`, is written");
        let plugin = plugin.hosted();
        let api = Api::start().call("greet").with(serde_json::json!({ "name": "you" }));
        let session = Claude { plugin: &plugin, api: &api }.once("call the tool");
        let answers: Vec<String> = session.exchanges().into_iter().map(|exchange| exchange.answer).collect();
        assert_eq!(answers, ["TOOL RESULT {\"result\":\"hello, you\"}"]);
    });
}

#[test]
fn uv_alone_is_enough() {
    with_the_real_client(|| {
        let mut scene = Scene::tiny(Installer::Uv);
        scene.plugin = scene.plugin.without_pip();
        assert_eq!(scene.session().ask_at(3).answer, ALPHA);
        assert_eq!(scene.built_by(), "uv");
    });
}

#[test]
fn pip_alone_is_enough() {
    with_the_real_client(|| {
        let mut scene = Scene::tiny(Installer::Pip);
        scene.plugin = scene.plugin.no_uv();
        assert_eq!(scene.session().ask_at(3).answer, ALPHA);
        assert_eq!(scene.built_by(), "pip");
    });
}

#[test]
fn a_build_by_npm_of_20_seconds_serves_the_first_session_of_a_server_in_javascript() {
    with_the_real_client(|| {
        let alpha = NpmPackage::new("alpha", "1.0.0").file("index.js", "exports.VALUE = 'alpha 1.0'\n");
        let registry = Registry::of(&[alpha]);
        registry.hold("alpha", Duration::from_secs(20));
        let plugin = Plugin::new("node-tiny").fixture("node-tiny").node(&node::program().unwrap());
        let cache = plugin.home.join("npm-cache");
        let plugin = plugin.env("npm_config_cache", cache).env("npm_config_registry", registry.url()).hosted();
        let api = Api::start().call("value");
        let mut session = Claude { plugin: &plugin, api: &api }.start();
        let profile = plugin.data.join("plugdeps/node/profile.json");
        wait_until("the build is done", Duration::from_secs(20) + BUILD, || profile.is_file());
        assert!(session.elapsed() >= Duration::from_secs(20), "the build took only {:?}", session.elapsed());
        sleep(Duration::from_secs(SETTLING));
        assert_eq!(session.ask().answer, ALPHA);
    });
}

/// A server that is a shell: it writes down what it was given, and ends.
fn writes(told: &Path, words: &[&str]) -> serde_json::Value {
    let line = format!("{{ pwd; printf '%s\\n' \"$TOKEN\" \"$CLAUDE_PLUGIN_ROOT\" \"$@\"; }} > '{}'", told.display());
    let args = [&["-c", line.as_str(), "sh"], words].concat();
    serde_json::json!({ "command": "sh", "args": args })
}

#[test]
fn the_host_does_with_a_servers_line_what_lint_says_of_it() {
    with_the_real_client(|| {
        let plugin = Plugin::new("x").hosted();
        let [told, first, second] = ["told", "first", "second"].map(|name| plugin.temp().join(name));
        let as_they_are = ["~", "$HOME", "$home", "$(pwd)", "`pwd`"];
        let words =
            ["${CLAUDE_PLUGIN_ROOT:-default}", "${UNSET_X}", "[${UNSET_X:-}]", "${UNSET_X:-${HOME}}", "${HOME}"];
        let words = [&words[..], &as_they_are].concat();
        let mut server = writes(&told, &words);
        server["cwd"] = "${CLAUDE_PLUGIN_ROOT}".into();
        server["env"] = serde_json::json!({ "TOKEN": "${UNSET_X}", "CLAUDE_PLUGIN_ROOT": "/elsewhere" });
        let relative = serde_json::json!({ "command": "./start.sh" });
        let named = |servers: serde_json::Value| serde_json::json!({ "name": "x", "mcpServers": servers }).to_string();
        let start = format!("#!/bin/sh\n: > '{}'\n", first.display());
        let plugin = plugin
            .file(".mcp.json", &named(serde_json::json!({ "a": server, "b": relative, "c": writes(&first, &[]) })))
            .file(".claude-plugin/plugin.json", &named(serde_json::json!({ "c": writes(&second, &[]) })))
            .file("start.sh", &start);
        fs::set_permissions(plugin.root.join("start.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let api = Api::start();
        Claude { plugin: &plugin, api: &api }.once("hello").exchanges();
        let [project, home] = [&plugin.project, &plugin.home].map(|path| path.to_str().unwrap());
        let expected = [project, "${UNSET_X}", "/elsewhere", "default", "${UNSET_X}", "[]", "${HOME}", home];
        let expected: Vec<String> = expected.iter().chain(&as_they_are).map(|word| format!("{word}\n")).collect();
        assert_eq!(fs::read_to_string(&told).unwrap(), expected.concat());
        assert!(second.is_file() && !first.exists());
    });
}

/// What lint says is invalid in files of the host's, and whether the host's own validation objects.
#[track_caller]
fn judged(plugin: &Plugin, name: &str, text: &str) -> (bool, bool) {
    let path = plugin.root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = fs::read(&path).ok();
    fs::write(&path, text).unwrap();
    let found = plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).args(["lint", "--json"]).arg(&plugin.root).run();
    let client = plugin.bare_command(tools::claude_code().unwrap()).args(["plugin", "validate"]).arg(&plugin.root);
    let said = client.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1").run();
    let objections = ["silently drops", "silently dropped", "ignored at runtime", "Validation failed"];
    match before {
        Some(before) => fs::write(&path, before).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let found = found.json()["findings"].to_string();
    let is_found = ["invalid-entry", "missing-file", "outside-plugin"].iter().any(|rule| found.contains(rule));
    (is_found, objections.iter().any(|objection| said.stdout.contains(objection) || said.stderr.contains(objection)))
}

#[test]
fn lint_finds_invalid_in_the_hosts_files_what_the_hosts_own_validation_does() {
    with_the_real_client(|| {
        let plugin = Plugin::new("x");
        fs::rename(plugin.root.join("bin"), plugin.root.join("libexec")).unwrap();
        let description = ".claude-plugin/plugin.json";
        let group = |hook: &str| format!("{{ \"hooks\": {{ \"Stop\": [ {{ \"hooks\": [ {hook} ] }} ] }} }}");
        for (name, text, is_wrong) in [
            (".mcp.json", "null".into(), true),
            (".mcp.json", "{ \"mcpServers\": { \"a\": { \"args\": [] } } }".into(), true),
            (".mcp.json", "{ \"mcpServers\": { \"a\": { \"command\": \"sh\", \"args\": [1] } } }".into(), true),
            (".mcp.json", "{ \"mcpServers\": { \"a\": { \"url\": \"https://h.example\" } } }".into(), true),
            (
                ".mcp.json",
                "{ \"mcpServers\": { \"a\": { \"command\": \"sh\", \"args\": [\"-c\", \"\"] } } }".into(),
                false,
            ),
            (".mcp.json", "{ \"a\": { \"type\": \"http\", \"url\": \"https://h.example\" } }".into(), false),
            ("hooks/hooks.json", "{ \"hooks\": { \"Stop\": null } }".into(), true),
            ("hooks/hooks.json", "{ \"hooks\": { \"hooks\": {} } }".into(), true),
            ("hooks/hooks.json", "{}".into(), true),
            ("hooks/hooks.json", group("{ \"type\": \"command\" }"), true),
            ("hooks/hooks.json", group("{ \"command\": \"true\" }"), true),
            ("hooks/hooks.json", group("{ \"type\": \"command\", \"command\": \"true\", \"timeout\": \"5\" }"), true),
            ("hooks/hooks.json", group("{ \"type\": \"command\", \"command\": \"true\", \"timeout\": 5 }"), false),
            (description, "{ \"name\": \"x\", \"mcpServers\": \"./missing.json\" }".into(), true),
            (description, "{ \"name\": \"x\", \"hooks\": \"../hooks.json\" }".into(), true),
            (description, "{ \"name\": \"x\", \"hooks\": \".claude-plugin/plugin.json\" }".into(), true),
            (description, "{ \"name\": \"x\", \"mcpServers\": { \"a\": { \"command\": 1 } } }".into(), true),
        ] {
            assert_eq!(judged(&plugin, name, &text), (is_wrong, is_wrong), "`{name}`: {text}");
        }
    });
}
