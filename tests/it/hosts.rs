//! Other hosts than Claude Code: the names they have for a plugin, its directory and its data. A server is written down and
//! started as `docs/hosts.md` says.

use crate::support::document;
use crate::support::*;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A host: its name, the files of a plugin as it wants them, and what it sets (`ROOT` and `DATA` stand for the two).
struct Host {
    name: &'static str,
    /// `SERVER` stands for the server's line, `BESIDES` for what the page has with it.
    files: &'static [(&'static str, &'static str)],
    /// What stands for the plugin's directory in that line; where nothing does, it is started in it.
    token: Option<&'static str>,
    sets: &'static [(&'static str, &'static str)],
}

const SERVERS: &str = r#"{"mcpServers":{"notes":{SERVER}}}"#;

const HOSTS: [Host; 6] = [
    Host {
        name: "Codex",
        files: &[
            (".codex-plugin/plugin.json", r#"{"name":"demo"}"#),
            (".mcp.json", r#"{"mcpServers":{"notes":{SERVER,BESIDES}}}"#),
        ],
        token: None,
        sets: &[],
    },
    Host {
        name: "Agent Plugins",
        files: &[("plugin.json", r#"{"name":"demo"}"#), ("mcp.json", SERVERS)],
        token: Some("${PLUGIN_ROOT}"),
        sets: &[("PLUGIN_ROOT", "ROOT"), ("PLUGIN_DATA", "DATA")],
    },
    Host {
        name: "Cursor",
        files: &[(".cursor-plugin/plugin.json", r#"{"name":"demo"}"#), ("mcp.json", SERVERS)],
        token: Some("${CURSOR_PLUGIN_ROOT}"),
        sets: &[("CURSOR_PLUGIN_ROOT", "ROOT")],
    },
    Host {
        name: "Copilot CLI",
        files: &[("plugin.json", r#"{"name":"demo","mcpServers":".mcp.json"}"#), (".mcp.json", SERVERS)],
        token: Some("${PLUGIN_ROOT}"),
        sets: &[("COPILOT_PLUGIN_ROOT", "ROOT"), ("PLUGIN_ROOT", "ROOT")],
    },
    Host {
        name: "Gemini CLI",
        files: &[("gemini-extension.json", r#"{"name":"demo","version":"1.0.0","mcpServers":{"notes":{SERVER}}}"#)],
        token: Some("${extensionPath}"),
        sets: &[],
    },
    Host {
        name: "MCPB",
        files: &[(
            "manifest.json",
            r#"{"manifest_version":"0.4","name":"demo","version":"1.0.0","server":{BESIDES,"mcp_config":{SERVER}}}"#,
        )],
        token: Some("${__dirname}"),
        sets: &[],
    },
];

/// What Codex sets for a hook, and for no server.
const CODEX_HOOK: [(&str, &str); 4] =
    [("PLUGIN_ROOT", "ROOT"), ("CLAUDE_PLUGIN_ROOT", "ROOT"), ("PLUGIN_DATA", "DATA"), ("CLAUDE_PLUGIN_DATA", "DATA")];

/// A server as the page has it written down.
struct Documented {
    command: String,
    args: Vec<String>,
    besides: String,
}

impl Documented {
    fn of(host: &Host) -> Self {
        let page = document::text("hosts.md");
        let (_, table) = page.split_once("## How a server is written down").unwrap();
        let cells = |line: &str| -> Vec<String> { line.split('|').map(|cell| cell.trim().to_owned()).collect() };
        let mut rows = table.lines().map(cells).filter(|cells| cells.len() == 5);
        let row = rows.find(|cells| cells[1].split(", ").any(|name| name == host.name));
        let row = row.unwrap_or_else(|| panic!("no server for {}", host.name));
        let [command, args] = [&row[2], &row[3]].map(|cell| literals(cell));
        Self { command: command[0].clone(), args, besides: command[1..].join(",") }
    }

    /// A file of the plugin, with the server in it.
    fn put_into(&self, text: &str) -> String {
        let server = json!({ "command": self.command, "args": self.args }).to_string();
        text.replace("SERVER", server.trim_matches(['{', '}'])).replace("BESIDES", &self.besides)
    }
}

fn literals(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The plugin as such a host has it. What it needs stands in the script alone that the server's line names.
fn plugin(host: &Host, index: &Index) -> Plugin {
    let plugin = Plugin::new("demo").index(index).uv();
    fs::remove_dir_all(plugin.root.join(".claude-plugin")).unwrap();
    let server = Documented::of(host);
    host.files.iter().for_each(|(name, text)| plugin.write(name, &server.put_into(text)));
    fs::copy(fixture("script").join("server.py"), plugin.root.join("server.py")).unwrap();
    plugin
}

/// A program, started with these variables of a host and no others.
fn started(program: impl AsRef<Path>, sets: &[(&str, &str)], plugin: &Plugin) -> Cmd {
    let value = |what: &str| if what == "ROOT" { &plugin.root } else { &plugin.data };
    let cmd = plugin.bare_command(program.as_ref());
    sets.iter().fold(cmd, |cmd, (name, what)| cmd.env(name, value(what)))
}

/// What the program says of the plugin when these variables are set.
fn report(sets: &[(&str, &str)], plugin: &Plugin) -> Value {
    started(plugin.root.join("bin/plugdeps"), sets, plugin).args(["--check", "--json"]).run().json()
}

fn data(report: &Value) -> PathBuf {
    PathBuf::from(report["data"]["path"].as_str().unwrap())
}

/// The server, started as the host does it by the line that is documented.
fn server(host: &Host, plugin: &Plugin) -> McpClient {
    let server = Documented::of(host);
    let expanded = |word: &String| match host.token {
        Some(token) => word.replace(token, plugin.root.to_str().unwrap()),
        None => word.clone(),
    };
    let cmd = started(expanded(&server.command), host.sets, plugin).args(server.args.iter().map(expanded));
    let cmd = if host.token.is_none() { cmd.cwd(&plugin.root) } else { cmd };
    McpClient::spawn(cmd.into_command())
}

#[test]
fn a_server_written_down_as_the_page_has_it_is_found_and_serves_its_tools_from_a_cold_start_in_each_host() {
    let index = Index::serve(&tools::mcp_wheels());
    for host in &HOSTS {
        let plugin = plugin(host, &index);
        let report = report(host.sets, &plugin);
        assert_eq!(report["plugin"], "demo", "{}", host.name);
        assert_eq!(report["root"]["path"], json!(plugin.root), "{}", host.name);
        // Only who understood the server's line knows of its script.
        assert_eq!(report["environments"][0]["manifest"]["path"], "server.py", "{}: {report:#}", host.name);
        let data = data(&report);
        assert!(!data.starts_with(&plugin.root), "{}", host.name);
        assert_eq!(data == plugin.data, host.sets.contains(&("PLUGIN_DATA", "DATA")), "{}", host.name);
        let mut server = server(host, &plugin);
        server.initialize();
        assert_eq!(server.list_tools(), ["where", "add"], "{}", host.name);
        assert_eq!(text_of(&server.call_tool("add", json!({ "a": 2, "b": 40 }))), "42", "{}", host.name);
        let place: Value = serde_json::from_str(&text_of(&server.call_tool("where", json!({})))).unwrap();
        assert!(Path::new(place["prefix"].as_str().unwrap()).starts_with(&data), "{}: {place}", host.name);
    }
}

#[test]
fn a_hook_of_codex_installs_where_no_server_of_codex_looks_and_the_page_says_to_leave_it_out() {
    let codex = &HOSTS[0];
    let packages = Packages::usual();
    let plugin = plugin(codex, &packages);
    plugin.write("server.py", "# /// script\n# dependencies = [\"alpha\"]\n# ///\n");
    started(plugin.root.join("bin/plugdeps"), &CODEX_HOOK, &plugin).arg("session-start").run().ok().silent();
    let [hook, server] = [&CODEX_HOOK[..], codex.sets].map(|sets| report(sets, &plugin));
    assert_eq!((&hook["state"], &server["state"]), (&json!("ready"), &json!("would-build")));
    assert!(data(&hook) == plugin.data && data(&server) != plugin.data);
    let page = document::text("hosts.md");
    let paragraph = page.split("\n\n").find(|paragraph| paragraph.starts_with("**In Codex leave the hook out"));
    let paragraph = paragraph.expect("the page says nothing of the hook in Codex");
    for (name, _) in CODEX_HOOK {
        assert!(paragraph.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_directory_that_only_a_plugin_has_counts_before_a_file_that_is_nearer() {
    let plugin = Plugin::new("demo");
    plugin.write("bin/manifest.json", "{}");
    let report = report(&[], &plugin);
    assert_eq!(report["root"]["path"], json!(plugin.root));
}

#[test]
fn the_page_on_hosts_names_each_of_them_and_what_it_sets() {
    let page = document::text("hosts.md");
    for host in &HOSTS {
        let row = page.lines().find(|line| line.starts_with(&format!("| {} |", host.name)));
        let row = row.unwrap_or_else(|| panic!("no row for {}", host.name));
        for (name, _) in host.files.iter().chain(host.sets) {
            assert!(row.contains(&format!("`{name}`")), "{}: {name}", host.name);
        }
    }
}
