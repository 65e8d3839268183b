//! Other hosts than Claude Code: the names they have for a plugin, its directory and its data.

use crate::support::*;
use serde_json::json;
use std::fs;
use std::path::Path;

/// A host: its name, the files of a plugin as it wants them, and what it sets (`ROOT` and `DATA` stand for the two).
struct Host {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    sets: &'static [(&'static str, &'static str)],
}

const STDIO: &str = r#"{"mcpServers":{"notes":{"command":"${PLUGIN_ROOT}/bin/plugdeps","args":["run","--","python","${PLUGIN_ROOT}/sub/server.py"]}}}"#;

const HOSTS: [Host; 6] = [
    Host {
        name: "Codex",
        files: &[
            (".codex-plugin/plugin.json", r#"{"name":"demo"}"#),
            (
                ".mcp.json",
                r#"{"mcp_servers":{"notes":{"command":"./bin/plugdeps","args":["run","--","python","./sub/server.py"],"cwd":"."}}}"#,
            ),
        ],
        // Servers are told nothing, and started in the plugin's directory.
        sets: &[],
    },
    Host {
        name: "Agent Plugins",
        files: &[("plugin.json", r#"{"name":"demo"}"#), ("mcp.json", STDIO)],
        sets: &[("PLUGIN_ROOT", "ROOT"), ("PLUGIN_DATA", "DATA")],
    },
    Host {
        name: "Cursor",
        files: &[(".cursor-plugin/plugin.json", r#"{"name":"demo"}"#), ("mcp.json", STDIO)],
        sets: &[("CURSOR_PLUGIN_ROOT", "ROOT")],
    },
    Host {
        name: "Copilot CLI",
        files: &[("plugin.json", r#"{"name":"demo","mcpServers":".mcp.json"}"#), (".mcp.json", STDIO)],
        sets: &[("COPILOT_PLUGIN_ROOT", "ROOT"), ("PLUGIN_ROOT", "ROOT")],
    },
    Host {
        name: "Gemini CLI",
        files: &[(
            "gemini-extension.json",
            r#"{"name":"demo","version":"1.0.0","mcpServers":{"notes":{"command":"${extensionPath}/bin/plugdeps","args":["run","--","python","${extensionPath}/sub/server.py"]}}}"#,
        )],
        sets: &[],
    },
    Host {
        name: "MCPB",
        files: &[(
            "manifest.json",
            r#"{"manifest_version":"0.4","name":"demo","version":"1.0.0","server":{"type":"binary","mcp_config":{"command":"${__dirname}/bin/plugdeps","args":["run","--","python","${__dirname}/sub/server.py"]}}}"#,
        )],
        sets: &[],
    },
];

/// The plugin as such a host has it; what it needs stands beside the server's script.
fn plugin(host: &Host, packages: &Packages) -> Plugin {
    let plugin = Plugin::new("demo").index(packages).uv();
    fs::remove_dir_all(plugin.root.join(".claude-plugin")).unwrap();
    host.files.iter().for_each(|(name, text)| plugin.write(name, text));
    plugin.write("sub/requirements.txt", "alpha\n");
    plugin.write("sub/server.py", "import alpha\nprint(alpha.VALUE)\n");
    plugin
}

/// The program, started as the host starts it: with its variables and no others.
fn started(host: &Host, plugin: &Plugin) -> Cmd {
    let value = |what: &str| if what == "ROOT" { plugin.root.clone() } else { plugin.data.clone() };
    let cmd = plugin.bare_command(plugin.root.join("bin/plugdeps"));
    host.sets.iter().fold(cmd, |cmd, (name, what)| cmd.env(name, value(what)))
}

#[test]
fn a_plugin_is_found_named_and_served_with_what_each_host_says() {
    let packages = Packages::usual();
    for host in &HOSTS {
        let plugin = plugin(host, &packages);
        let report = started(host, &plugin).args(["--check", "--json"]).run().json();
        assert_eq!(report["plugin"], "demo", "{}", host.name);
        assert_eq!(report["root"]["path"], json!(plugin.root), "{}", host.name);
        // The server's script says where its manifest is: its line was understood.
        assert_eq!(report["environments"][0]["name"], "sub", "{}: {report:#}", host.name);
        let data = Path::new(report["data"]["path"].as_str().unwrap()).to_owned();
        assert!(!data.starts_with(&plugin.root), "{}", host.name);
        assert_eq!(data == plugin.data, host.sets.contains(&("PLUGIN_DATA", "DATA")), "{}", host.name);
        let script = plugin.root.join("sub/server.py");
        started(host, &plugin).args(["run", "--", "python"]).arg(script).run().ok().stdout_is("alpha 1.0\n");
        assert!(data.join("plugdeps/sub/profile.json").is_file(), "{}", host.name);
    }
}

#[test]
fn a_directory_that_only_a_plugin_has_counts_before_a_file_that_is_nearer() {
    let plugin = Plugin::new("demo");
    plugin.write("bin/manifest.json", "{}");
    let report = plugin.bare_command(plugin.root.join("bin/plugdeps")).args(["--check", "--json"]).run().json();
    assert_eq!(report["root"]["path"], json!(plugin.root));
}

#[test]
fn the_page_on_hosts_names_each_of_them_and_what_it_sets() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hosts.md")).unwrap();
    for host in &HOSTS {
        let row = page.lines().find(|line| line.starts_with(&format!("| {} |", host.name)));
        let row = row.unwrap_or_else(|| panic!("no row for {}", host.name));
        for (name, _) in host.files.iter().chain(host.sets) {
            assert!(row.contains(&format!("`{name}`")), "{}: {name}", host.name);
        }
    }
}
