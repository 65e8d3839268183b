//! Packages for Node on Windows, with Node and npm as they are for Windows. They come from an archive in the plugin: under
//! wine npm reaches no registry ("connect UNKNOWN").

use super::SOON;
use crate::support::{Machine, McpClient, namespace::skip, node, on_windows, text_of, tools};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// npm alone takes half a minute under wine when the machine has other work.
const MINUTES: Duration = Duration::from_secs(180);
/// A server without packages of its own, which says what another one exports.
const SERVER: &str = "const alpha = require('alpha')
const tool = { name: 'where', inputSchema: { type: 'object' } }
const answers = {
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'node', version: '1' } },
  'tools/list': { tools: [tool] },
  'tools/call': { content: [{ type: 'text', text: `${alpha} ${require.resolve('alpha')}` }] },
}
require('readline').createInterface({ input: process.stdin }).on('line', line => {
  const { id, method } = JSON.parse(line)
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method] }))
})
";

/// A machine with Node and npm on PATH, and a plugin with a package.
fn machine() -> Option<Machine> {
    let machine = Machine::new()?;
    if let Err(why) = node::program() {
        skip("node", &why);
        return None;
    }
    fs::remove_file(machine.path("root/requirements.txt")).unwrap();
    let package =
        json!({ "name": "alpha", "version": "1.0.0", "bin": { "alpha-tool": "tool.js", "alpha-batch": "batch.cmd" } });
    let files = [
        ("index.js", "module.exports = 'alpha 1.0.0'\n"),
        ("tool.js", "#!/usr/bin/env node\nconsole.log('alpha-tool runs')\n"),
        ("batch.cmd", "@echo alpha-batch runs\r\n"),
    ];
    node::pack(&machine.path("root/alpha-1.0.0.tgz"), &package, &files);
    let wanted = json!({ "name": "q", "dependencies": { "alpha": "file:alpha-1.0.0.tgz" } });
    machine.write("root/package.json", &wanted.to_string());
    machine.write("root/server.js", SERVER);
    let path = format!("{};{}", machine.windows("path"), on_windows::spelled(&node::for_windows()));
    let cache = machine.windows("npm-cache");
    Some(machine.set("WINEPATH", &path).set("npm_config_cache", &cache))
}

#[test]
fn npm_installs_and_a_server_in_node_is_handed_over_and_then_finds_its_packages_by_itself() {
    let Some(machine) = machine() else { return };
    let server = machine.windows("root/server.js");
    // The first is spoken for while npm installs; the second is the server itself.
    for name in ["q", "node"] {
        let mut client = McpClient::spawn(machine.hosted(&["run", "--", "node", &server]).into_command());
        client.set_timeout(MINUTES);
        assert_eq!(client.initialize()["serverInfo"]["name"], name);
        let said = text_of(&client.call_tool("where", json!({})));
        assert!(said.contains("alpha 1.0.0") && said.contains("\\plugdeps\\node\\g-"), "{said}");
        assert_eq!(client.list_tools(), ["where"]);
        client.close_stdin();
        assert!(client.wait(SOON).success());
    }
    for tool in ["alpha-tool", "alpha-batch"] {
        let said = machine.hosted(&["run", "--", tool]).run();
        assert_eq!(said.ok().stdout.trim_end(), format!("{tool} runs"));
    }
    let check = machine.plugdeps(&["--check"]).run();
    check.ok().stdout_has("q: ready").stdout_has("1 package");
}

/// What a host in Node does: it has the official SDK start the server, which asks nothing of the system but Node's `spawn`.
#[test]
fn a_host_in_node_that_names_bin_plugdeps_starts_the_program_beside_the_launcher() {
    let Some(machine) = machine() else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::copy(here.join("launcher.sh"), machine.path("root/bin/plugdeps")).unwrap();
    machine.write("plan.json", r#"[["list", "tools"], ["call", "where", {}]]"#);
    let sdk = format!("file:///Z:{}", tools::node().unwrap().1.display());
    let client = on_windows::spelled(&here.join("tests/it/peers/client.mjs"));
    let node = on_windows::spelled(&node::for_windows().join("node.exe"));
    let [plan, command, server] =
        ["plan.json", "root/bin/plugdeps", "root/server.js"].map(|name| machine.windows(name));
    let words = [&client, &sdk, &plan, &command, "run", "--", "node", &server];
    let said = machine.piped(&node, &words).timeout(MINUTES).run();
    said.ok().stdout_has(r#"["list","tools"] ["where"]"#).stdout_has("alpha 1.0.0");
}
