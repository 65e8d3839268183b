//! A server that is itself client of a second one, over HTTP: all four directions, in every way a server is started.

use crate::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// Longer than a client needs for its first words, so that those are said to the go-between.
const SLOW: Duration = Duration::from_secs(3);

fn orchestrator(installer: Installer, index: &Index) -> Plugin {
    let plugin = Plugin::new("x").fixture("orchestrator").index(index);
    if installer == Installer::Uv { plugin.uv() } else { plugin }
}

/// The server, with a client that has a model, a person and a project.
fn librarian(plugin: &Plugin) -> McpClient {
    let mut server = plugin.server("librarian");
    let said = json!({ "type": "text", "text": "a dog" });
    server
        .is_able("sampling/createMessage", json!({ "role": "assistant", "content": said, "model": "a model" }))
        .is_able("elicitation/create", json!({ "action": "accept", "content": { "language": "Frisian" } }))
        .is_able("roots/list", json!({ "roots": [{ "uri": "file:///project", "name": "the project" }] }));
    server.initialize();
    server
}

/// Has two words looked up at once: what the host was asked on the way, and that all of it came together.
#[track_caller]
fn look_up(server: &mut McpClient, plugin: &Plugin) {
    let ask = |server: &mut McpClient, word: &str| {
        let meta = json!({ "progressToken": word });
        server.begin("tools/call", json!({ "name": "look_up", "arguments": { "word": word }, "_meta": meta }))
    };
    let before = server.asked().len();
    for call in ["hûn", "kat"].map(|word| ask(server, word)) {
        let answer = server.wait_for_answer(call, LONG).unwrap_or_else(|| panic!("{}", server.conversation()));
        let found: Value = serde_json::from_str(&text_of(&answer["result"])).unwrap();
        let prefix = plugin.prefix();
        let whole = json!({
            "definition": "a dog", "model": "a model", "roots": ["the project"], "library": prefix, "librarian": prefix,
        });
        assert_eq!(found, whole);
    }
    let asked = &server.asked()[before..];
    let questions: Vec<&Value> = asked.iter().map(|asked| &asked["params"]["messages"][0]["content"]["text"]).collect();
    for word in ["hûn", "kat"] {
        assert!(questions.contains(&&json!(format!("define {word} in Frisian"))), "{asked:?}");
        let told = server.notifications().iter().any(|told| {
            told["method"] == "notifications/progress"
                && told["params"]["message"] == "asking the reader"
                && told["params"]["progressToken"] == word
        });
        assert!(told, "{:?}", server.notifications());
    }
    let count = |method: &str| asked.iter().filter(|asked| asked["method"] == method).count();
    assert_eq!(["sampling/createMessage", "elicitation/create", "roots/list"].map(count), [2, 2, 2], "{asked:?}");
}

#[test]
fn what_it_asks_its_client_is_answered_through_the_go_between_of_its_very_first_session() {
    let index = Index::serve(&tools::mcp_wheels());
    for installer in BOTH {
        let plugin = orchestrator(installer, &index);
        index.hold("mcp", SLOW);
        let hook = plugin.hook_cmd().spawn();
        let mut server = librarian(&plugin);
        assert!(plugin.current().is_none(), "the greeting came too late to show anything");
        look_up(&mut server, &plugin);
        hook.wait().ok().silent();
        // Bytes are only copied by now.
        look_up(&mut server, &plugin);
        server.close_stdin();
        assert!(server.wait(LONG).success(), "{}", server.stderr());
        plugin.rests();
    }
}

#[test]
fn what_it_asks_its_client_is_answered_when_it_is_watched_and_when_it_is_the_server_itself() {
    let index = Index::serve(&tools::mcp_wheels());
    let plugin = orchestrator(Installer::Uv, &index);
    plugin.hook().ok().silent();
    for is_itself in [false, true] {
        let mut server = librarian(&plugin);
        let program = std::fs::read_link(format!("/proc/{}/exe", server.pid())).unwrap();
        assert_eq!(program != plugin.root.join("bin/plugdeps"), is_itself, "{}", program.display());
        assert_eq!(server.list_tools(), ["look_up"]);
        wait_until("the server is remembered", LONG, || plugin.is_proven());
        look_up(&mut server, &plugin);
        server.close_stdin();
        assert!(server.wait(LONG).success(), "{}", server.stderr());
        plugin.rests();
    }
}
