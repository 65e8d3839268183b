//! Packages for Node: a ready start, what it costs a server that it finds them wherever the plugin lies, and a server
//! from npm beside `npx`.

use super::{Answer, Bench, Plugin, Probe, Rounds, Row, measure, os, output, with};
use crate::READY;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const INITIALIZE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}\n";
/// The server that is pinned in `fixtures/npm-server`.
const SERVER: &str = "@modelcontextprotocol/server-everything@2026.8.31";
const PACKAGE: &str = r#"{"dependencies":{"is-number":"7.0.0"}}"#;
const LOCK: &str = r#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"is-number":"7.0.0"}},"node_modules/is-number":{
"version":"7.0.0","integrity":"sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng=="}}}"#;
/// What the user's own npm needs to reach its registry.
const NETWORK: [&str; 4] = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTPS_PROXY", "npm_config_registry"];

/// The section.
pub fn rows(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let world = World::new(bench)?;
    let mut rows = ready(&world, rounds)?;
    rows.extend(start(&world, rounds)?);
    rows.extend(beside_npx(&world, rounds)?);
    Ok(rows)
}

/// With the Node that is on PATH.
pub struct World<'a> {
    bench: &'a Bench,
    node: PathBuf,
}

impl<'a> World<'a> {
    /// An error where there is none.
    pub fn new(bench: &'a Bench) -> Answer<Self> {
        Ok(Self { bench, node: super::tools::on_path("node").ok_or("there is no `node` on PATH")? })
    }

    /// With the Node and the npm of this machine, which others may have to themselves for the other sections.
    fn settings(&self) -> Answer<Vec<(OsString, OsString)>> {
        let directories =
            [self.node.parent().ok_or("node has no directory")?, Path::new("/usr/bin"), Path::new("/bin")];
        let outer = NETWORK.iter().filter_map(|name| Some((os(name), std::env::var_os(name)?)));
        let user =
            std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".npmrc")).filter(|path| path.is_file());
        let user = user.map(|path| (os("npm_config_userconfig"), path.into_os_string()));
        let cache = (os("npm_config_cache"), self.bench.work().join("npm cache").into_os_string());
        Ok([(os("PATH"), std::env::join_paths(directories)?), cache].into_iter().chain(outer).chain(user).collect())
    }

    /// The plugin in `fixtures/NAME`, ready.
    fn plugin(&self, name: &str) -> Answer<Plugin> {
        let plugin = self.bare(name, name)?;
        output(plugin.command("sync"))?;
        Ok(plugin)
    }

    fn bare(&self, fixture: &str, name: &str) -> Answer<Plugin> {
        let mut plugin = self.bench.bare_plugin(name, &[])?;
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        output(with(Command::new("cp"), [os("-r"), os(from.join(".")), os(&plugin.root)]))?;
        plugin.environment.extend(self.settings()?);
        Ok(plugin)
    }

    /// A program of that Node.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Answer<Command> {
        let mut command = self.bench.command(program);
        command.envs(self.settings()?);
        Ok(command)
    }
}

fn ready(world: &World<'_>, rounds: &Rounds) -> Answer<Vec<Row>> {
    let bench = world.bench;
    let plugin = world.plugin("node-esm")?;
    let mut small = bench.bare_plugin("one package", &[("package.json", PACKAGE), ("package-lock.json", LOCK)])?;
    small.environment.extend(world.settings()?);
    output(small.command("sync"))?;
    let provided = world.bare("node-esm", "installed by the host")?;
    let mut install = with(world.command("npm")?, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    install.current_dir(&provided.root);
    output(install)?;
    let run = |plugin: &Plugin| {
        let words = [os("--"), os(&bench.nothing), os(plugin.root.join("server.js"))];
        with(plugin.command("run"), words)
    };
    let probes = vec![
        Probe::new("do-nothing process", bench.command(&bench.nothing)),
        Probe::new("session-start, one package", small.command("session-start")).target(READY),
        Probe::new("session-start, 98 packages", plugin.command("session-start")).target(READY),
        Probe::new("run, 98 packages, before exec", run(&plugin)).target(READY).minus_base(),
        Probe::new("session-start, installed by the host", provided.command("session-start")),
        Probe::new("run, installed by the host, before exec", run(&provided)).minus_base(),
    ];
    Ok(measure(probes, rounds.ready / 2))
}

/// A script that imports the SDK, with its packages beside it and in an environment.
fn start(world: &World<'_>, rounds: &Rounds) -> Answer<Vec<Row>> {
    const MAIN: &str = "import '@modelcontextprotocol/sdk/server/mcp.js'\nimport 'zod'\n";
    let (plugin, beside) = (world.plugin("node-esm")?, world.bare("node-esm", "beside")?);
    let mut install = with(world.command("npm")?, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    install.current_dir(&beside.root);
    output(install)?;
    for plugin in [&plugin, &beside] {
        fs::write(plugin.root.join("main.js"), MAIN)?;
    }
    let through = with(plugin.command("run"), [os("--"), os("node"), os(plugin.root.join("main.js"))]);
    let version = output(with(world.command(&world.node)?, ["--version"]))?;
    let probes = vec![
        Probe::new("node, packages beside it", with(world.command(&world.node)?, [beside.root.join("main.js")])),
        Probe::new(format!("the same through run, Node {}", version.trim()), through),
    ];
    Ok(measure(probes, rounds.rivals))
}

fn beside_npx(world: &World<'_>, rounds: &Rounds) -> Answer<Vec<Row>> {
    let plugin = world.plugin("npm-server")?;
    let npx = |offline: bool| -> Answer<Command> {
        let flags = if offline { vec!["--offline"] } else { vec![] };
        Ok(with(with(world.command("npx")?, flags), ["-y", SERVER]))
    };
    first_answer(npx(false)?)?;
    let server = || with(plugin.command("run"), ["--", "mcp-server-everything"]);
    // The first start is watched, and says nothing of the later ones.
    first_answer(server())?;
    let probe = |name: &str, command: Command| {
        let mut command = command;
        let act = move || answer_of(&mut command).map_err(|e| e.to_string());
        Probe::acting(name, 1, act)
    };
    let probes = vec![
        probe("server from npm through run, first answer", server()),
        probe("the same by `npx -y`, warm and offline", npx(true)?),
    ];
    Ok(measure(probes, rounds.talk))
}

fn first_answer(mut command: Command) -> Answer<()> {
    answer_of(&mut command)
}

fn answer_of(command: &mut Command) -> Answer<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (mut stdin, stdout) = (child.stdin.take().ok_or("no stdin")?, child.stdout.take().ok_or("no stdout")?);
    stdin.write_all(INITIALIZE)?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    drop(stdin);
    let _ = child.kill();
    child.wait()?;
    if line.contains("\"result\"") { Ok(()) } else { Err(format!("no answer: {line}").into()) }
}
