//! While the packages install, and in the first start after that: what a client of `run` sees.

use crate::support::*;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);
/// Each package costs an installer two or three requests.
const SLOW: Duration = Duration::from_millis(1500);

/// A world whose index takes its time.
fn slow_world(installer: Installer) -> World {
    let world = World::new(installer);
    world.index.latency(SLOW);
    world
}

/// `alpha` 2.0 that cannot be imported.
fn break_alpha(world: &World) {
    let broken = "import sys\nprint('loading alpha', file=sys.stderr)\nraise ImportError('alpha moved its things')\n";
    Wheel::new("alpha", "2.0").module("alpha.py", broken).write(world.wheels.path());
}

/// The text of a result that may say `isError`.
fn content(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {result}"))
}

/// What the process behind a server is: plugdeps itself, or what it became.
fn program_of(server: &McpClient) -> PathBuf {
    fs::read_link(format!("/proc/{}/exe", server.pid())).unwrap()
}

fn is_python(program: &Path) -> bool {
    program.file_name().unwrap().to_string_lossy().starts_with("python")
}

mod while_the_packages_install {
    use super::*;

    #[test]
    fn the_client_is_answered_and_then_the_server_takes_over() {
        for installer in BOTH {
            let world = slow_world(installer);
            let mut server = world.plugin.server("plain");
            let discover = server.request("server/discover", json!({})).unwrap_err();
            assert_eq!(discover["code"], -32601);
            let greeting = server.initialize();
            assert_eq!(greeting["protocolVersion"], "2025-11-25");
            for list in ["tools", "prompts", "resources"] {
                assert_eq!(greeting["capabilities"][list]["listChanged"], true, "{greeting}");
            }
            assert_eq!(server.request("ping", json!({})), Ok(json!({})));
            assert_eq!(server.request("no/such", json!({})).unwrap_err()["code"], -32601);
            assert!(!world.plugin.is_ready(), "the answers came too late to show anything");

            let list = server.begin("tools/list", json!({}));
            let params = json!({ "name": "value", "arguments": {}, "_meta": { "progressToken": "t" } });
            let call = server.begin("tools/call", params);
            let progress = server.wait_for_notification("notifications/progress", LONG).expect("no progress");
            assert_eq!(progress["params"]["progressToken"], "t");
            let message = progress["params"]["message"].as_str().unwrap();
            assert!(message.starts_with("installing ") && message.ends_with(" s"), "{message}");
            let list = server.wait_for_answer(list, LONG).unwrap();
            assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 2);
            assert_eq!(content(&server.wait_for_answer(call, LONG).unwrap()["result"]), "alpha 1.0");
            assert_eq!(ask(&mut server), "alpha 1.0");
            // The server has no prompts, and the client was told that it has.
            server.close_stdin();
            assert!(server.wait(LONG).success(), "{}", server.stderr());
            assert_eq!(server.stderr(), "");
        }
    }

    #[test]
    fn a_host_that_ignores_the_end_of_children_is_served_as_well() {
        let world = World::new(Installer::Uv);
        let file = world.plugin.root.join(".mcp.json");
        let mut servers: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let plain = &mut servers["mcpServers"]["plain"];
        let ignoring = "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])";
        let words = ["-c", ignoring, plain["command"].as_str().unwrap()].map(Value::from);
        plain["args"].as_array_mut().unwrap().splice(0..0, words);
        plain["command"] = "python3".into();
        fs::write(file, servers.to_string()).unwrap();
        let mut server = world.plugin.server("plain");
        server.initialize();
        assert_eq!(ask(&mut server), "alpha 1.0");
        server.close_stdin();
        assert!(server.wait(LONG).success(), "{}", server.stderr());
        assert_eq!(server.stderr(), "");
    }

    #[test]
    fn an_old_client_gets_its_version_and_an_unknown_one_the_newest() {
        let world = slow_world(Installer::Uv);
        for (asked, agreed) in [("2024-11-05", "2024-11-05"), ("2025-06-18", "2025-06-18"), ("1999", "2025-11-25")] {
            let mut server = world.plugin.server("plain");
            let params =
                json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
            assert_eq!(server.request("initialize", params).unwrap()["protocolVersion"], agreed);
        }
    }

    #[test]
    fn the_end_of_stdin_ends_the_waiter_at_once_and_never_the_build() {
        let world = slow_world(Installer::Uv);
        let mut server = world.plugin.server("plain");
        server.initialize();
        wait_until("a build has begun", LONG, || world.plugin.state().join("builder.json").exists());
        let before = Instant::now();
        server.close_stdin();
        assert!(server.wait(LONG).success());
        assert!(before.elapsed() < SLOW, "it waited for the build");
        assert!(!world.plugin.is_ready());
        world.wait_until_ready();
        assert_eq!(world.plugin.builds(), 1);
    }

    #[test]
    fn a_signal_ends_the_waiter_at_once_and_never_the_build() {
        let world = slow_world(Installer::Uv);
        let mut server = world.plugin.server("plain");
        server.initialize();
        wait_until("a build has begun", LONG, || world.plugin.state().join("builder.json").exists());
        server.signal(Signal::TERM);
        assert_eq!(server.wait(LONG).code(), Some(143));
        world.wait_until_ready();
    }

    #[test]
    fn a_call_that_was_called_off_is_not_answered() {
        let world = slow_world(Installer::Uv);
        let mut server = world.plugin.server("plain");
        server.initialize();
        let off = server.begin("tools/call", json!({ "name": "value" }));
        let on = server.begin("tools/call", json!({ "name": "value" }));
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": off } }));
        assert!(server.wait_for_answer(on, LONG).is_some());
        assert_eq!(ask(&mut server), "alpha 1.0");
        assert_eq!(server.wait_for_answer(off, Duration::from_millis(10)), None);
    }

    #[test]
    fn when_the_installation_fails_calls_say_why_and_the_session_is_served_once_it_succeeds() {
        let world = World::new(Installer::Uv);
        world.index.status(Some(503));
        let mut server = world.plugin.server("plain");
        server.initialize();
        let result = server.call_tool("value", json!({}));
        assert_eq!(result["isError"], true);
        let why = content(&result);
        assert!(why.contains("the package index is out of order") && why.contains("try again later"), "{why}");
        assert!(server.list_tools().is_empty());
        assert!(server.is_running());
        world.index.status(None);
        // After the pause of that class, by itself.
        assert!(server.wait_for_notification("notifications/tools/list_changed", LONG).is_some());
        assert_eq!(server.list_tools(), ["value", "where"]);
        assert_eq!(ask(&mut server), "alpha 1.0");
    }

    #[test]
    fn what_only_a_change_heals_is_served_when_it_changes() {
        let world = World::new(Installer::Uv);
        world.needs("alpha==9.0");
        let mut server = world.plugin.server("plain");
        server.initialize();
        assert_eq!(server.call_tool("value", json!({}))["isError"], true);
        assert!(server.list_tools().is_empty());
        world.needs("alpha==3.0");
        assert!(server.wait_for_notification("notifications/tools/list_changed", LONG).is_some());
        assert_eq!(ask(&mut server), "alpha 3.0");
    }

    #[test]
    fn a_call_during_the_next_attempt_is_held_for_it() {
        let world = World::new(Installer::Uv);
        world.index.status(Some(503));
        let mut server = world.plugin.server("plain");
        server.initialize();
        assert_eq!(server.call_tool("value", json!({}))["isError"], true);
        world.index.status(None).hold("alpha", Duration::from_secs(4));
        wait_until("it is tried again", LONG, || !world.plugin.builders().is_empty());
        // The go-between began the attempt, and notices that it did within a moment.
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(ask(&mut server), "alpha 1.0");
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_told_and_served_when_it_is_mended() {
        let world = World::new(Installer::Uv);
        world.plugin.write("requirements.txt", "-r missing.txt\n");
        let mut server = world.plugin.server("plain");
        server.initialize();
        let result = server.call_tool("value", json!({}));
        assert!(content(&result).contains("read `missing.txt`"), "{result}");
        assert_eq!(result["isError"], true);
        assert!(server.list_tools().is_empty());
        world.needs("alpha==3.0");
        assert!(server.wait_for_notification("notifications/tools/list_changed", LONG).is_some());
        assert_eq!(ask(&mut server), "alpha 3.0");
    }

    #[test]
    fn a_program_that_was_replaced_or_removed_meanwhile_still_builds() {
        for is_replaced in [true, false] {
            let world = World::new(Installer::Uv);
            world.needs("alpha==9");
            let mut server = world.plugin.server("plain");
            server.initialize();
            assert_eq!(server.call_tool("value", json!({}))["isError"], true);
            assert!(server.list_tools().is_empty());
            let program = world.plugin.root.join("bin/plugdeps");
            if is_replaced {
                fs::copy(&program, program.with_extension("new")).unwrap();
                fs::rename(program.with_extension("new"), &program).unwrap();
            } else {
                fs::remove_file(&program).unwrap();
            }
            world.needs("alpha==3.0");
            assert!(server.wait_for_notification("notifications/tools/list_changed", LONG).is_some(), "{is_replaced}");
            assert_eq!(ask(&mut server), "alpha 3.0");
        }
    }

    #[test]
    fn what_a_client_said_before_it_ended_is_answered_if_its_server_is_being_greeted() {
        let world = World::new(Installer::Uv);
        let text = fs::read_to_string(world.plugin.root.join("server.py")).unwrap();
        let waits = "import os, time\nopen(os.environ['HOME'] + '/started', 'w').close()\ntime.sleep(1)\n";
        world.plugin.write("server.py", &text.replacen("import json\n", &format!("import json\n{waits}"), 1));
        let mut server = world.plugin.server("plain");
        server.initialize();
        let call = server.begin("tools/call", json!({ "name": "value", "arguments": {} }));
        wait_until("the server starts", LONG, || world.plugin.home.join("started").exists());
        server.close_stdin();
        let answer = server.wait_for_answer(call, LONG).expect("the call went unanswered");
        assert_eq!(content(&answer["result"]), "alpha 1.0");
        assert!(server.wait(LONG).success());
    }

    #[test]
    fn a_command_that_speaks_something_else_gets_its_input_as_it_is() {
        let world = slow_world(Installer::Uv);
        let words = ["run", "--", "python", "-c", "import sys; print(repr(sys.stdin.buffer.read()))"];
        for input in [&b"{\"hook_event_name\": \"SessionStart\"}"[..], b"one\ntwo \xff\n", b"{\n"] {
            let said = world.plugin.command(words).stdin(input).run().ok().stdout.trim().to_owned();
            assert_eq!(said, format!("b'{}'", input.escape_ascii()).replace("\\\"", "\""));
        }
    }

    #[test]
    fn pipes_that_do_not_wait_lose_nothing() {
        let world = World::new(Installer::Uv);
        world.built();
        let script = "import fcntl, os, subprocess, sys, threading\n\
                      r, w = os.pipe(); r2, w2 = os.pipe()\n\
                      for fd in (r, w2): fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)\n\
                      p = subprocess.Popen(sys.argv[1:], stdin=r, stdout=w2); os.close(r); os.close(w2)\n\
                      os.write(w, sys.stdin.buffer.read())\n\
                      import time; time.sleep(2)\n\
                      os.close(w); size = 0\n\
                      while True:\n    data = os.read(r2, 65536)\n    if not data: break\n    size += len(data)\n\
                      print(size, p.wait())\n";
        let answers = "import sys\nfor line in sys.stdin:\n    if '\"id\"' in line: print('x' * 3000000, flush=True)\n";
        world.plugin.write("server.py", answers);
        let greeting =
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}\n";
        let program = world.plugin.root.join("bin/plugdeps");
        let place = world.plugin.root.join("server.py");
        let cmd = world.plugin.bare_command(tools::python()).args(["-c", script]).arg(program);
        let cmd = cmd.args(["run", "--", "python"]).arg(place).stdin(greeting);
        let cmd = cmd.env("CLAUDE_PLUGIN_ROOT", &world.plugin.root).env("CLAUDE_PLUGIN_DATA", &world.plugin.data);
        cmd.run().ok().stdout_is("3000001 0\n");
    }

    #[test]
    fn a_server_that_asks_before_it_answers_is_answered() {
        let world = slow_world(Installer::Uv);
        let asks = "import json, sys\nread = lambda: json.loads(sys.stdin.readline())\n\
                    say = lambda **m: print(json.dumps({'jsonrpc': '2.0', **m}), flush=True)\n\
                    first = read()\nsay(id='s', method='ping')\nassert read()['id'] == 's'\n\
                    say(id=first['id'], result={'protocolVersion': '2025-11-25', 'capabilities': {}, 'serverInfo': {}})\n\
                    read()\ncall = read()\nsay(id=call['id'], result={'content': [{'type': 'text', 'text': 'ok'}]})\n";
        world.plugin.write("server.py", asks);
        let mut server = world.plugin.server("plain");
        server.initialize();
        let call = server.begin("tools/call", json!({ "name": "value" }));
        let ping = loop {
            let message = server.recv(LONG).expect("no ping");
            if message["method"] == "ping" {
                break message;
            }
        };
        server.send(&json!({ "jsonrpc": "2.0", "id": ping["id"], "result": {} }));
        assert_eq!(content(&server.wait_for_answer(call, LONG).unwrap()["result"]), "ok");
    }

    #[test]
    fn a_headless_hook_waits_until_the_server_has_been_handed_over() {
        let world = World::new(Installer::Uv);
        let desk = world.plugin.state().join("desk");
        fs::create_dir_all(desk.parent().unwrap()).unwrap();
        let speaks = fs::File::create(&desk).unwrap();
        speaks.lock_shared().unwrap();
        let mut hook = world.plugin.hook_cmd().spawn();
        world.wait_until_ready();
        std::thread::sleep(Duration::from_millis(300));
        assert!(hook.is_running(), "the hook ended while a client was still spoken to");
        drop(speaks);
        hook.wait().ok().silent();
    }
}

mod the_snapshot {
    use super::*;

    /// A built environment in which a server has said what it has.
    fn known() -> World {
        let world = World::new(Installer::Uv);
        world.built();
        assert_eq!(proven(&world), "alpha 1.0");
        world.needs("alpha==2.0");
        world.index.latency(SLOW);
        world
    }

    #[test]
    fn of_the_last_start_answers_at_once_after_an_update() {
        let world = known();
        let mut server = world.plugin.server("plain");
        let greeting = server.initialize();
        assert_eq!(greeting["serverInfo"]["name"], "plain");
        assert_eq!(server.list_tools(), ["value", "where"]);
        assert!(!world.plugin.is_ready());
        // It said that it has no prompts.
        assert_eq!(server.request("prompts/list", json!({})).unwrap(), json!({ "prompts": [] }));
        assert_eq!(ask(&mut server), "alpha 2.0");
        std::thread::sleep(Duration::from_millis(200));
        let _ = server.request("ping", json!({}));
        assert!(server.notifications().is_empty(), "{:?}", server.notifications());
    }

    #[test]
    fn that_turns_out_wrong_is_corrected() {
        let world = known();
        let text = fs::read_to_string(world.plugin.root.join("server.py")).unwrap();
        world.plugin.write("server.py", &text.replace("\"where\": lambda", "\"elsewhere\": lambda"));
        let mut server = world.plugin.server("plain");
        server.initialize();
        assert_eq!(server.list_tools(), ["value", "where"]);
        assert!(server.wait_for_notification("notifications/tools/list_changed", LONG).is_some());
        assert_eq!(server.list_tools(), ["value", "elsewhere"]);
    }

    #[test]
    fn that_the_author_ships_answers_in_the_very_first_session() {
        let world = World::new(Installer::Uv);
        // What takes long is shown as it happens.
        let said = world.plugin.command(["snapshot"]).run();
        said.ok().stdout_is("").stderr_has("alpha").stderr_has("environment main: built\n").stderr_has("2 tools");
        world.plugin.command(["snapshot"]).run().ok().stderr_lacks("built");
        let shipped = world.plugin.root.join("plugdeps-snapshot.json");
        let text = fs::read_to_string(&shipped).unwrap();
        assert!(!text.contains(world.plugin.temp().to_str().unwrap()), "it names this machine: {text}");

        let other = World::new(Installer::Uv);
        fs::copy(&shipped, other.plugin.root.join("plugdeps-snapshot.json")).unwrap();
        other.index.latency(SLOW);
        let mut server = other.plugin.server("plain");
        server.initialize();
        assert_eq!(server.list_tools(), ["value", "where"]);
        assert!(!other.plugin.is_ready());
        assert_eq!(ask(&mut server), "alpha 1.0");
    }

    #[test]
    fn that_somebody_reformatted_is_still_one_line_a_message() {
        let world = World::new(Installer::Uv);
        world.plugin.command(["snapshot"]).run().ok();
        let shipped = world.plugin.root.join("plugdeps-snapshot.json");
        let value: Value = serde_json::from_slice(&fs::read(&shipped).unwrap()).unwrap();
        fs::write(&shipped, format!("{value:#}").replace('\n', "\r\n")).unwrap();
        world.needs("alpha==2.0");
        world.index.latency(SLOW);
        let mut server = world.plugin.server("plain");
        server.initialize();
        assert_eq!(server.list_tools(), ["value", "where"]);
        assert!(!world.plugin.is_ready());
    }

    #[test]
    fn holds_no_argument_that_may_be_a_secret() {
        let world = World::new(Installer::Uv);
        let config = fs::read_to_string(world.plugin.root.join(".mcp.json")).unwrap();
        let script = "\"${CLAUDE_PLUGIN_ROOT}/server.py\"";
        world.plugin.write(".mcp.json", &config.replace(script, &format!("{script}, \"--token\", \"hunter2\"")));
        world.built();
        assert_eq!(proven(&world), "alpha 1.0");
        world.plugin.command(["snapshot"]).run().ok();
        for place in [&world.plugin.data, &world.plugin.root] {
            for entry in walkdir::WalkDir::new(place).into_iter().flatten().filter(|e| e.file_type().is_file()) {
                let text = fs::read(entry.path()).unwrap();
                let is_config = entry.path().ends_with(".mcp.json");
                assert!(is_config || !text.windows(7).any(|w| w == b"hunter2"), "{}", entry.path().display());
            }
        }
    }

    #[test]
    fn says_why_when_a_server_does_not_start() {
        let world = World::new(Installer::Uv);
        world.plugin.write("server.py", "import nothing_of_this_name\n");
        world.plugin.command(["snapshot"]).run().exits(15).stderr_has("nothing_of_this_name");
        world.plugin.command(["snapshot", "--", "python", "-c", "0"]).run().exits(15).stderr_has("ended before");
        let deaf = "import json, os; id = json.loads(input())['id']; os.close(0)\n\
                    print(json.dumps({'jsonrpc': '2.0', 'id': id, 'result': {'capabilities': {'tools': {}}}}))";
        world.plugin.command(["snapshot", "--", "python", "-c", deaf]).run().exits(15).stderr_has("ended before");
        let late = "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                    os.close(1); time.sleep(0.3); print('last words', file=sys.stderr)";
        world.plugin.command(["snapshot", "--", "python", "-c", late]).run().exits(15).stderr_has("last words");
        let bare = Plugin::new("bare");
        bare.command(["snapshot"]).run().exits(2).stderr_has("no server is started by `plugdeps run`");
        assert!(!world.plugin.root.join("plugdeps-snapshot.json").exists());
    }
}

mod a_generation_is_proven_by_the_first_server_that_answers {
    use super::*;

    #[test]
    fn the_first_start_is_watched_and_the_next_is_the_server_itself() {
        let world = World::new(Installer::Uv);
        world.built();
        let mut first = world.plugin.server("plain");
        assert_eq!(value_of(&mut first), "alpha 1.0");
        assert!(!is_python(&program_of(&first)));
        // The first one was never asked for its tools, so this one is watched as well.
        assert_eq!(proven(&world), "alpha 1.0");
        let mut second = world.plugin.server("plain");
        assert_eq!(value_of(&mut second), "alpha 1.0");
        assert!(is_python(&program_of(&second)));
    }

    #[test]
    fn one_that_does_not_start_leaves_the_client_to_the_previous_one() {
        for installed_before in [false, true] {
            let world = World::new(Installer::Uv);
            world.built();
            assert_eq!(proven(&world), "alpha 1.0");
            break_alpha(&world);
            world.needs("alpha==2.0");
            if installed_before {
                world.built();
            }
            let mut server = world.plugin.server("plain");
            assert_eq!(value_of(&mut server), "alpha 1.0");
            let said = |text: &str| server.stderr().contains(text);
            wait_until("stderr says it", LONG, || said("alpha moved its things") && said("previous packages"));
            wait_until("the fall-back is written down", LONG, || {
                world.plugin.state().join("news/fell-back.json").is_file()
            });

            // Said once, and with the end of what the server said.
            let message = world.plugin.hook().ok().json()["systemMessage"].as_str().unwrap().to_owned();
            assert!(message.contains("ImportError: alpha moved its things"), "{message}");
            assert!(message.contains("its previous ones are used"), "{message}");
            world.plugin.hook().ok().silent();

            // Not tried again, and no go-between is left where the previous one has proved itself.
            let mut next = world.plugin.server("plain");
            assert_eq!(value_of(&mut next), "alpha 1.0");
            assert!(is_python(&program_of(&next)));
            assert!(!next.stderr().contains("loading alpha"), "{}", next.stderr());
            let page = world.plugin.command(["--check"]).run().stdout;
            assert!(page.contains("does not start in it") && page.contains("alpha moved its things"), "{page}");
            let report = world.plugin.command(["--check", "--json"]).run().json();
            let failed = &report["environments"][0]["not_started"][0];
            assert!(failed["instead"].as_str().unwrap().starts_with("g-"), "{failed}");

            // Until something changes.
            let text = fs::read_to_string(world.plugin.root.join("server.py")).unwrap();
            let mended = text.replace("import alpha as package", "class package: VALUE, __file__ = 'mended', ''");
            world.plugin.write("server.py", &mended);
            assert_eq!(proven(&world), "mended");
            let report = world.plugin.command(["--check", "--json"]).run().json();
            assert_eq!(report["environments"][0]["not_started"], json!([]));
        }
    }

    #[test]
    fn another_build_keeps_the_one_that_is_proven() {
        let world = World::new(Installer::Uv);
        let good = world.built();
        assert_eq!(proven(&world), "alpha 1.0");
        break_alpha(&world);
        world.needs("alpha==2.0");
        world.built();
        world.needs("alpha==2.0\n# another");
        world.needs("alpha<3,>1");
        world.built();
        assert!(good.is_dir(), "the only one in which the server starts is gone");
        assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 1.0");
    }

    #[test]
    fn with_nothing_to_go_back_to_the_client_gets_an_error_and_check_shows_the_end() {
        for installed_before in [true, false] {
            let world = World::new(Installer::Uv);
            break_alpha(&world);
            world.needs("alpha==2.0");
            if installed_before {
                world.built();
            }
            let mut server = world.plugin.server("plain");
            let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
            if installed_before {
                let error = server.request("initialize", params).unwrap_err();
                let message = error["message"].as_str().unwrap();
                assert!(message.contains("ImportError: alpha moved its things"), "{message}");
                assert_eq!(server.wait(LONG).code(), Some(1));
            } else {
                // It was greeted already, so the calls say it.
                server.initialize();
                let result = server.call_tool("value", json!({}));
                assert_eq!(result["isError"], true);
                assert!(content(&result).contains("alpha moved its things"), "{result}");
            }
            wait_until("stderr says it", LONG, || server.stderr().contains("error[server-ended]"));
            let page = world.plugin.command(["--check"]).run().stdout;
            assert!(page.contains("ImportError: alpha moved its things"), "{page}");
        }
    }

    #[test]
    fn a_program_that_the_new_packages_no_longer_bring_is_started_where_it_is() {
        for installed_before in [true, false] {
            let world = World::new(Installer::Uv);
            let server = fs::read_to_string(world.plugin.root.join("server.py")).unwrap();
            for (version, with_program) in [("5.0", true), ("6.0", false)] {
                let wheel = Wheel::new("alpha", version).module("alpha.py", &format!("VALUE = 'alpha {version}'\n"));
                let main = format!("def main():\n    exec({server:?}, {{}})\n");
                let wheel = wheel.module("alpha_server.py", &main);
                let wheel =
                    if with_program { wheel.console_script("alpha-server", "alpha_server:main") } else { wheel };
                wheel.write(world.wheels.path());
            }
            let config = fs::read_to_string(world.plugin.root.join(".mcp.json")).unwrap();
            let words = "\"python\", \"${CLAUDE_PLUGIN_ROOT}/server.py\"";
            world.plugin.write(".mcp.json", &config.replace(words, "\"alpha-server\""));
            world.needs("alpha==5.0");
            world.built();
            assert_eq!(proven(&world), "alpha 5.0");
            world.needs("alpha==6.0");
            if installed_before {
                world.built();
            }
            assert_eq!(value_of(&mut world.plugin.server("plain")), "alpha 5.0");
        }
    }

    #[test]
    fn one_that_another_window_has_proved_is_not_given_up() {
        let world = World::new(Installer::Uv);
        world.built();
        assert_eq!(proven(&world), "alpha 1.0");
        world.needs("alpha==2.0");
        world.built();
        // It fails once, in a second window, after the first one has served from it.
        let script = world.plugin.root.join("server.py");
        let text = fs::read_to_string(&script).unwrap();
        let once = world.plugin.data.join("once");
        fs::write(&once, "").unwrap();
        let fails = "import os, sys, time\nwhile os.path.exists(sys.argv[1] + '/once'): time.sleep(0.01)\n\
                     if os.path.exists(sys.argv[1] + '/fail'): sys.exit('once')\n";
        world.plugin.write("server.py", &format!("{fails}{text}"));
        let words = ["run", "--", "python", script.to_str().unwrap(), world.plugin.data.to_str().unwrap()];
        let start = || McpClient::spawn(world.plugin.command(words).into_command());
        let (mut first, mut second) = (start(), start());
        first.send_line("{}");
        second.send_line("{}");
        std::thread::sleep(Duration::from_millis(300));
        drop(first);
        fs::remove_file(&once).unwrap();
        let mut first = start();
        assert_eq!(value_of(&mut first), "alpha 2.0");
        first.list_tools();
        fs::write(world.plugin.data.join("fail"), "").unwrap();
        drop(second);
        fs::remove_file(world.plugin.data.join("fail")).unwrap();
        assert_eq!(value_of(&mut start()), "alpha 2.0");
    }

    #[test]
    fn a_server_that_refuses_its_client_is_ended() {
        let world = World::new(Installer::Uv);
        let refuses = "import json, os, sys, time\nprint('pid', os.getpid(), file=sys.stderr, flush=True)\n\
                       for line in sys.stdin:\n    m = json.loads(line)\n    if 'id' in m: print(json.dumps({'jsonrpc': \
                       '2.0', 'id': m['id'], 'error': {'code': 1, 'message': 'not you'}}), flush=True)\n\
                       time.sleep(600)\n";
        world.plugin.write("server.py", refuses);
        world.index.latency(Duration::from_millis(300));
        let mut server = world.plugin.server("plain");
        server.initialize();
        let result = server.call_tool("value", json!({}));
        assert!(content(&result).contains("not you"), "{result}");
        wait_until("its pid is known", LONG, || server.stderr().contains("pid "));
        let pid = server.stderr().split("pid ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        wait_until("it is gone", LONG, || !processes::is_alive(pid));
        assert!(server.is_running());
    }

    #[test]
    fn a_slow_reader_loses_nothing_of_a_server_that_ended() {
        let world = World::new(Installer::Uv);
        world.built();
        let says = "import json, sys\nfirst = json.loads(sys.stdin.readline())\nanswer = {'protocolVersion': \
                    '2025-11-25', 'capabilities': {}, 'serverInfo': {}}\nprint(json.dumps({'jsonrpc': '2.0', 'id': \
                    first['id'], 'result': answer}), flush=True)\nsys.stdin.readline()\nsys.stdout.write('x' * 900000)\n";
        world.plugin.write("server.py", says);
        let mut command = world.plugin.server_cmd("plain").into_command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        writeln!(stdin, "{{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{{}}}}").unwrap();
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        writeln!(stdin, "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}").unwrap();
        std::thread::sleep(Duration::from_secs(3));
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), 900_000);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn one_that_says_no_more_has_ended_for_its_client_though_it_lives_on() {
        for installed_before in [true, false] {
            let world = World::new(Installer::Uv);
            if installed_before {
                world.built();
            }
            let says = "import json, os, sys, time\nanswer = {'protocolVersion': '2025-11-25', 'capabilities': {}, \
                        'serverInfo': {}}\nfirst = json.loads(sys.stdin.readline())\nprint(json.dumps({'jsonrpc': '2.0', \
                        'id': first['id'], 'result': answer}), flush=True)\nsys.stdin.readline()\nprint('last', \
                        flush=True)\nos.close(1)\ntime.sleep(600)\n";
            world.plugin.write("server.py", says);
            let mut command = world.plugin.server_cmd("plain").into_command();
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let greeting = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} });
            writeln!(stdin, "{greeting}\n{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}}").unwrap();
            let (told, end) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let mut all = String::new();
                stdout.read_to_string(&mut all).unwrap();
                told.send(all)
            });
            let all = end.recv_timeout(LONG).expect("the client never saw the end");
            assert!(all.ends_with("last\n"), "{all}");
            assert!(child.try_wait().unwrap().is_none(), "the server still lives, and so does whoever waits for it");
        }
    }

    #[test]
    fn one_that_leaves_a_child_with_its_output_is_noticed_though_calls_hear_what_they_wait_for() {
        let world = World::new(Installer::Uv);
        world.built();
        assert_eq!(proven(&world), "alpha 1.0");
        let child = "import subprocess, time\ntime.sleep(4)\nsubprocess.Popen(['sleep', '40'])\nraise ImportError('alpha moved')\n";
        Wheel::new("alpha", "2.0").module("alpha.py", child).write(world.wheels.path());
        world.needs("alpha==2.0");
        let mut server = world.plugin.server("plain");
        server.initialize();
        let call = |server: &mut McpClient, token: &str| {
            server.begin("tools/call", json!({ "name": "value", "_meta": { "progressToken": token } }))
        };
        let calls: Vec<u64> = ["a", "b", "c"]
            .into_iter()
            .map(|token| {
                std::thread::sleep(Duration::from_millis(700));
                call(&mut server, token)
            })
            .collect();
        for id in calls {
            let answer = server.wait_for_answer(id, Duration::from_secs(30)).expect("the call went unanswered");
            assert_eq!(content(&answer["result"]), "alpha 1.0");
        }
    }

    #[test]
    fn a_program_whose_user_is_silent_is_no_server_that_failed() {
        let world = World::new(Installer::Uv);
        world.built();
        let words =
            ["run", "--", "python", "-c", "import sys; sys.stdout.write('name? '); sys.stdout.flush(); sys.exit(7)"];
        let mut command = world.plugin.command(words).into_command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(output.status.code(), Some(7));
        assert_eq!((output.stdout, output.stderr), (b"name? ".to_vec(), Vec::new()));
        assert!(!world.plugin.state().join("servers").exists());
    }

    #[test]
    fn a_server_that_ends_because_its_client_does_is_no_failure() {
        let world = World::new(Installer::Uv);
        world.built();
        let mut server = world.plugin.server("plain");
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/none" }));
        server.close_stdin();
        assert!(server.wait(LONG).success());
        let report = world.plugin.command(["--check", "--json"]).run().json();
        assert_eq!(report["environments"][0]["not_started"], json!([]));
    }
}

mod the_user_is_told_once {
    use super::*;

    fn message(output: Output) -> String {
        output.ok().json()["systemMessage"].as_str().unwrap().to_owned()
    }

    #[test]
    fn of_a_failure_of_another_one_and_of_the_success_after_it() {
        let world = World::new(Installer::Uv);
        world.needs("alpha==9.0");
        assert!(message(world.plugin.hook()).contains("no version of a package satisfies"));
        world.plugin.hook().ok().silent();
        world.needs("alpha @ nonsense");
        assert!(message(world.plugin.hook()).contains("could not be installed"));
        world.plugin.hook().ok().silent();
        world.needs("alpha==1.0");
        assert_eq!(message(world.plugin.hook()), "tiny: its packages could be installed now");
        world.plugin.hook().ok().silent();
        assert!(!world.plugin.state().join("news").exists());
    }

    #[test]
    fn that_the_packages_are_still_being_installed_and_how_many() {
        let world =
            World::with(Installer::Pip, Plugin::new("tiny").fixture("tiny").file("plugdeps.toml", "wait = 2\n"));
        Wheel::simple("beta", "1").write(world.wheels.path());
        world.needs("alpha==1.0\nbeta");
        world.index.latency(Duration::from_secs(1));
        let told = message(world.attended_hook().run());
        assert!(told.starts_with("tiny: still installing "), "{told}");
        assert!(told.ends_with("; its tools appear when that is done"), "{told}");
        world.wait_until_ready();
    }
}
