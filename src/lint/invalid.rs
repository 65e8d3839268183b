//! Parts of the host's own files that it refuses or passes over: it says so little of them that nobody sees it.

use super::Spot;
use crate::hooks::DESCRIPTION;
use crate::json_text::{Document, Member, Node, Value};

/// Ends of what the host fetches or unpacks, and finds the servers in.
const BUNDLES: [&str; 2] = [".mcpb", ".dxt"];
/// Ways to a server that is reached by an address.
const REMOTE: [&str; 4] = ["http", "sse", "ws", "streamable-http"];

/// The files that `plugin.json` names for its servers and hooks, each with its line.
pub fn named_files(described: &Node) -> Vec<(&str, usize)> {
    let values = ["mcpServers", "hooks"].iter().filter_map(|key| described.get(key));
    let nodes = values.flat_map(|value| if value.is_array() { value.items() } else { std::slice::from_ref(value) });
    let texts = nodes.filter_map(|node| Some((node.as_str()?, node.line)));
    texts.filter(|(text, _)| !text.contains("://")).collect()
}

/// Whether the host reads what has such a name, or unpacks it.
pub fn is_file(path: &str) -> bool {
    path.ends_with(".json") || BUNDLES.iter().any(|end| path.ends_with(end))
}

/// Paths of files that `plugin.json` may not write so.
pub fn paths(described: &Node) -> Vec<Spot> {
    let wrong = named_files(described).into_iter().filter_map(|(path, line)| {
        let what = match path.strip_prefix("./") {
            None if !path.starts_with("../") => "does not begin with `./`",
            Some(rest) if rest.split('/').any(|part| part == "..") => "goes up by `..`",
            Some(_) if !is_file(path) => "is no file that ends with `.json`",
            _ => return None,
        };
        let why = format!("`{path}` {what}: the host refuses the whole plugin");
        Some(Spot::new((DESCRIPTION, line), why, "name it from the plugin's directory, like `./servers.json`"))
    });
    wrong.collect()
}

/// What is wrong with the servers of a file; `is_bare` where they stand there without `mcpServers` around them.
pub fn servers(label: &str, servers: &Node, is_bare: bool) -> Vec<Spot> {
    let fate = if label == DESCRIPTION { "the host refuses the whole plugin" } else { "the host passes it over" };
    if !servers.is_object() {
        let why = format!("servers stand in an object, by their names, and this is none: {fate}");
        return vec![Spot::new((label, servers.line), why, "write `{ \"mcpServers\": { \"name\": { … } } }`")];
    }
    // Around bare servers may be what is none, and is meant for others.
    let is_server = |member: &&Member| !is_bare || member.value.is_object() && member.key != "mcp_servers";
    let wrong = servers.members().iter().filter(is_server).filter_map(|member| {
        let (what, fix) = server(&member.value)?;
        let why = format!("the server `{}` {what}: {fate}", member.key);
        Some(Spot::new((label, member.line), why, fix))
    });
    wrong.collect()
}

/// What is wrong with a server, and what to write.
fn server(node: &Node) -> Option<(String, &'static str)> {
    if !node.is_object() {
        return Some(("is no object".into(), "give it a `command`, or a `url` with its `type`"));
    }
    let has = |key: &str| node.get(key).and_then(Node::as_str).is_some_and(|text| !text.is_empty());
    let is_wrong = |key: &str, is_right: fn(&Node) -> bool| node.get(key).is_some_and(|value| !is_right(value));
    let lists = |is_wrong: bool, what: &str| is_wrong.then(|| (what.to_owned(), "write each value in quotes"));
    match node.get("type").map(Node::as_str) {
        None if !has("command") && has("url") => {
            Some(("has a `url` and no `type`, and is taken for a program".into(), "write `\"type\": \"http\"`"))
        }
        None | Some(Some("stdio")) if !has("command") => Some(("has no `command`".into(), "write what starts it")),
        None | Some(Some("stdio")) => lists(is_wrong("args", are_texts), "has `args` that are no array of strings")
            .or_else(|| lists(is_wrong("env", are_pairs), "has an `env` that is no object of strings")),
        Some(Some(remote)) if REMOTE.contains(&remote) => {
            if !has("url") {
                return Some((format!("is of type `{remote}` and has no `url`"), "write where it is reached"));
            }
            lists(is_wrong("headers", are_pairs), "has `headers` that are no object of strings")
        }
        _ => None,
    }
}

fn are_texts(node: &Node) -> bool {
    node.is_array() && node.items().iter().all(|item| item.as_str().is_some())
}

fn are_pairs(node: &Node) -> bool {
    node.is_object() && node.members().iter().all(|member| member.value.as_str().is_some())
}

/// What is wrong with the hooks of a file.
pub fn hooks(label: &str, document: &Document) -> Vec<Spot> {
    let root = &document.root;
    let none =
        |line: usize, why: &str| vec![Spot::new((label, line), why, "write `{ \"hooks\": { \"EVENT\": [ … ] } }`")];
    match root.get("hooks") {
        Some(hooks) if hooks.is_object() => events(label, hooks),
        // Files, and perhaps hooks between them.
        Some(hooks) if label == DESCRIPTION && (hooks.is_array() || hooks.as_str().is_some()) => {
            hooks.items().iter().flat_map(|hooks| events(label, hooks)).collect()
        }
        Some(hooks) if label == DESCRIPTION => {
            none(hooks.line, "`hooks` is no object: the host refuses the whole plugin")
        }
        Some(hooks) => none(hooks.line, "`hooks` is no object: the host reads no hook of this file"),
        None if label != DESCRIPTION && root.get("modules").is_none() => {
            none(root.line, "there is no `hooks` in it: the host reads no hook of this file")
        }
        None => Vec::new(),
    }
}

fn events(label: &str, hooks: &Node) -> Vec<Spot> {
    let mut found = Vec::new();
    let mut add = |line: usize, why: String, fix: &str| {
        found.push(Spot::new((label, line), format!("{why}: the host passes it over"), fix));
    };
    for event in hooks.members() {
        if event.key == "hooks" && event.value.is_object() {
            add(event.line, "`hooks` is no event".into(), "write the events right below the outer `hooks`");
        }
        // Those of other hosts are not written so.
        if !event.key.starts_with(|c: char| c.is_ascii_uppercase()) {
            continue;
        }
        if !event.value.is_array() {
            add(event.line, format!("`{}` is no array", event.key), "write `[ { \"hooks\": [ … ] } ]`");
        }
        for group in event.value.items() {
            let Some(hooks) = group.get("hooks").filter(|hooks| hooks.is_array()) else {
                add(
                    group.line,
                    format!("this part of `{}` has no array `hooks`", event.key),
                    "write `\"hooks\": [ … ]`",
                );
                continue;
            };
            for hook in hooks.items() {
                if let Some((what, fix)) = self::hook(hook) {
                    add(hook.line, format!("a hook of `{}` {what}", event.key), fix);
                }
            }
        }
    }
    found
}

/// What is wrong with a hook, and what to write.
fn hook(node: &Node) -> Option<(&'static str, &'static str)> {
    let has = |key: &str| node.get(key).is_some_and(|value| value.as_str().is_some());
    let is_command = node.get("type").and_then(Node::as_str) == Some("command");
    if !has("type") {
        return Some(("has no `type`", "write `\"type\": \"command\"`"));
    }
    if is_command && !has("command") {
        return Some(("has no `command`", "write the line, or remove the hook"));
    }
    let is_number = node.get("timeout").is_none_or(|timeout| timeout.value == Value::Number);
    (is_command && !is_number).then_some(("has a `timeout` that is no number", "write the seconds without quotes"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::finds;

    const RULE: &str = "invalid-entry";
    const NAME: &str = "\"name\": \"p\"";

    #[test]
    fn servers_that_the_host_passes_over_are_found() {
        for (servers, count) in [
            ("null", 1),
            ("[]", 1),
            ("{}", 0),
            ("{ \"mcpServers\": [] }", 1),
            ("{ \"mcpServers\": {} }", 0),
            ("{ \"mcpServers\": { \"a\": null, \"b\": { \"args\": [] }, \"c\": { \"command\": \"\" } } }", 3),
            ("{ \"mcpServers\": { \"a\": { \"command\": \"x\", \"args\": \"y\" } } }", 1),
            ("{ \"mcpServers\": { \"a\": { \"command\": \"x\", \"args\": [\"y\", 1] } } }", 1),
            ("{ \"mcpServers\": { \"a\": { \"command\": \"x\", \"args\": [], \"env\": { \"A\": 1 } } } }", 1),
            ("{ \"mcpServers\": { \"a\": { \"url\": \"https://h.example\" } } }", 1),
            ("{ \"mcpServers\": { \"a\": { \"type\": \"http\" } } }", 1),
            ("{ \"mcpServers\": { \"a\": { \"type\": \"sse\", \"url\": \"u\", \"headers\": { \"A\": 1 } } } }", 1),
            ("{ \"mcpServers\": { \"a\": { \"type\": \"http\", \"url\": \"u\", \"headers\": { \"A\": \"b\" } } } }", 0),
            ("{ \"mcpServers\": { \"a\": { \"command\": \"x\", \"args\": [\"y\"], \"env\": {} } } }", 0),
            ("{ \"mcpServers\": { \"a\": { \"type\": \"of-tomorrow\" } } }", 0),
            ("{ \"$schema\": \"x\", \"a\": { \"command\": \"x\" } }", 0),
            ("{ \"servers\": { \"a\": { \"command\": \"x\" } } }", 1),
        ] {
            finds(RULE, count, &[(".mcp.json", servers)]);
        }
        let inline = |servers: &str| format!("{{ {NAME}, \"mcpServers\": {servers} }}");
        finds(RULE, 1, &[(".claude-plugin/plugin.json", &inline("null"))]);
        finds(RULE, 1, &[(".claude-plugin/plugin.json", &inline("{ \"a\": {} }"))]);
        // Others are not as strict, and this is theirs.
        let theirs = "{ \"mcpServers\": { \"a\": { \"url\": \"u\" } } }";
        finds(
            RULE,
            0,
            &[(".mcp.json", theirs), (".cursor-plugin/plugin.json", "{}"), (".claude-plugin/plugin.json", "")],
        );
    }

    #[test]
    fn hooks_that_the_host_passes_over_are_found() {
        for (hooks, count) in [
            ("null", 1),
            ("{}", 1),
            ("{ \"modules\": [] }", 0),
            ("{ \"hooks\": null }", 1),
            ("{ \"hooks\": {} }", 0),
            ("{ \"hooks\": { \"SessionStart\": null } }", 1),
            ("{ \"hooks\": { \"SessionStart\": {} } }", 1),
            ("{ \"hooks\": { \"SessionStart\": \"x\" } }", 1),
            ("{ \"hooks\": { \"SessionStart\": [] } }", 0),
            ("{ \"hooks\": { \"SessionStart\": [ { \"type\": \"command\", \"command\": \"x\" } ] } }", 1),
            ("{ \"hooks\": { \"hooks\": { \"SessionStart\": [] } } }", 1),
            ("{ \"hooks\": { \"sessionStart\": [ { \"command\": \"x\" } ] } }", 0),
        ] {
            finds(RULE, count, &[("hooks/hooks.json", hooks)]);
        }
        let hook = |hook: &str| format!("{{ \"hooks\": {{ \"Stop\": [ {{ \"hooks\": [ {hook} ] }} ] }} }}");
        for (text, count) in [
            ("{ \"type\": \"command\" }", 1),
            ("{ \"type\": \"command\", \"command\": 1 }", 1),
            ("{ \"command\": \"x\" }", 1),
            ("{ \"type\": \"command\", \"command\": \"x\", \"timeout\": \"5\" }", 1),
            ("{ \"type\": \"command\", \"command\": \"x\", \"timeout\": 5 }", 0),
            ("{ \"type\": \"prompt\", \"prompt\": \"x\" }", 0),
        ] {
            finds(RULE, count, &[("hooks/hooks.json", &hook(text))]);
        }
    }

    #[test]
    fn files_that_the_description_names_are_there_and_named_as_the_host_wants_it() {
        let described = |key: &str, value: &str| format!("{{ {NAME}, \"{key}\": {value} }}");
        for key in ["mcpServers", "hooks"] {
            for (rule, value) in [
                ("missing-file", "\"./b.json\""),
                ("missing-file", "[\"./a.json\", \"./b.json\"]"),
                ("outside-plugin", "\"../b.json\""),
                (RULE, "\"a.json\""),
                (RULE, "\"./x/../a.json\""),
                (RULE, "\"./a.txt\""),
            ] {
                let content = if key == "hooks" { "{ \"hooks\": {} }" } else { "{ \"mcpServers\": {} }" };
                let text = described(key, value);
                let files = [(".claude-plugin/plugin.json", text.as_str()), ("a.json", content), ("a.txt", content)];
                finds(rule, 1, &files);
                for other in ["missing-file", "outside-plugin", RULE].iter().filter(|other| **other != rule) {
                    finds(other, 0, &files);
                }
            }
        }
        let bundle = described("mcpServers", "\"https://h.example/a.mcpb\"");
        finds("missing-file", 0, &[(".claude-plugin/plugin.json", &bundle)]);
        finds("missing-file", 1, &[(".claude-plugin/plugin.json", &described("mcpServers", "\"./a.mcpb\""))]);
    }
}
