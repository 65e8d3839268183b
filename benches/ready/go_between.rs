//! What the go-between costs: the first answer while an environment is built, and a server's messages through it.

use super::{Answer, Bench, Plugin, Probe, Rounds, Row, compile_rust, measure, os, with};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// The host gives a server half a minute; that this is far below shows that the build does not matter.
const GREETED: f64 = 10_000.0;
const SMALL: usize = 100;
const LARGE: usize = 1 << 20;
const HUGE: usize = 10 << 20;
/// Small messages of one sample: one alone is too short to time.
const BATCH: usize = 200;

/// Answers `initialize` with the capabilities of its argument, then echoes whatever comes.
const ECHO: &str = r###"use std::io::{BufRead, Read, Write};
fn main() {
    let able = std::env::args().nth(1).unwrap();
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    stdin.read_line(&mut String::new()).unwrap();
    let info = r#""protocolVersion":"2025-11-25","serverInfo":{"name":"echo","version":"1"}"#;
    writeln!(stdout, r#"{{"jsonrpc":"2.0","id":0,"result":{{{info},"capabilities":{able}}}}}"#).unwrap();
    let mut buffer = vec![0; 65536];
    while let Ok(n @ 1..) = stdin.read(&mut buffer) {
        stdout.write_all(&buffer[..n]).unwrap();
        stdout.flush().unwrap();
    }
}
"###;

const INITIALIZE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}\n";

/// The section.
pub fn rows(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let mut rows = greeting(bench, rounds)?;
    let echo = compile_rust(bench.work(), "echo", ECHO)?;
    let plugin = bench.plugin("conversation", &[("requirements.txt", "tiny==1.0\n")])?;
    for (label, size, count) in [("100 bytes", SMALL, BATCH), ("1 MB", LARGE, 1)] {
        let line = message(size);
        let direct = Conversation::begin(with(bench.command(&echo), ["{}"]))?;
        let straight = Conversation::begin(through(&plugin, &echo, "{}"))?;
        let looking = Conversation::begin(through(&plugin, &echo, "{\"tools\":{}}"))?;
        let probe = |name: &str, mut talk: Conversation| {
            let line = line.clone();
            let act = move || (0..count).try_for_each(|_| talk.round_trip(&line)).map_err(|e| e.to_string());
            Probe::acting(format!("{label} there and back, {name}"), count, act)
        };
        let probes = vec![
            probe("two pipes", direct),
            probe("through the go-between", straight),
            probe("while it looks at lines", looking),
        ];
        rows.extend(measure(probes, rounds.talk));
    }
    rows.extend(memory(&plugin, &echo)?);
    Ok(rows)
}

/// `initialize` while an installation that never ends is under way.
fn greeting(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    // Accepts connections, by the system's queue, and never answers.
    let index = TcpListener::bind("127.0.0.1:0")?;
    let files = [("requirements.txt", "tiny==1.0\n"), ("plugdeps.toml", "deadline = 2\n")];
    let url = format!("http://{}/simple", index.local_addr()?);
    let plugin = |name: &str| -> Answer<Plugin> {
        let mut plugin = bench.bare_plugin(name, &files)?;
        plugin.environment.retain(|(name, _)| {
            !["UV_OFFLINE", "UV_FIND_LINKS", "PIP_NO_INDEX", "PIP_FIND_LINKS"].iter().any(|own| name == own)
        });
        plugin.environment.extend(["UV_DEFAULT_INDEX", "PIP_INDEX_URL"].map(|name| (os(name), os(&url))));
        Ok(plugin)
    };
    let (fresh, busy) = (plugin("greeting")?, plugin("greeting while another builds")?);
    let greet = |plugin: Plugin, remove: Option<PathBuf>| {
        move || {
            remove.iter().for_each(|data| drop(fs::remove_dir_all(data)));
            let started = Instant::now();
            let talk = Conversation::begin(with(plugin.command("run"), ["--", "python", "server.py"]));
            let micros = started.elapsed().as_secs_f64() * 1e6;
            talk.map(|_| micros).map_err(|e| e.to_string())
        }
    };
    let data = fresh.data.clone();
    let probes = vec![
        Probe::new("do-nothing process", bench.command(&bench.nothing)),
        Probe::timing("`initialize` answered, the build begins", greet(fresh, Some(data))),
        Probe::timing("`initialize` answered, a build is under way", greet(busy, None)),
    ];
    let mut rows = measure(probes, rounds.greeting);
    let short: Vec<Row> = rows
        .iter()
        .filter(|row| row.value.is_some_and(|micros| micros > GREETED))
        .map(|row| Row::text(format!("{}: short of the target of 10 ms", row.name)))
        .collect();
    rows.extend(short);
    drop(index);
    Ok(rows)
}

/// The most memory that the go-between ever had.
fn memory(plugin: &Plugin, echo: &PathBuf) -> Answer<Vec<Row>> {
    let mut talk = Conversation::begin(through(plugin, echo, "{}"))?;
    let mut rows = vec![Row::text(format!("go-between: {} KiB after the greeting", talk.peak_kib()))];
    for (label, size) in [("1 MB", LARGE), ("10 MB", HUGE)] {
        talk.round_trip(&message(size))?;
        rows.push(Row::text(format!("go-between: {} KiB after a message of {label} there and back", talk.peak_kib())));
    }
    Ok(rows)
}

/// The first start of a server, which is watched; once it is known it would be the server itself.
fn through(plugin: &Plugin, echo: &PathBuf, able: &str) -> Command {
    super::remove(&plugin.data.join("plugdeps/main/servers"));
    with(plugin.command("run"), [os("--"), os(echo), os(able)])
}

/// A line of this length.
fn message(size: usize) -> Vec<u8> {
    let mut line = b"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{\"x\":\"".to_vec();
    line.resize(size - 4, b'x');
    line.extend(b"\"}}\n");
    line
}

struct Conversation {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    heard: Vec<u8>,
}

impl Conversation {
    /// Starts a server and greets it.
    fn begin(mut command: Command) -> Answer<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let stdout = BufReader::with_capacity(1 << 16, child.stdout.take().ok_or("no stdout")?);
        let mut talk = Self { child, stdin, stdout, heard: Vec::new() };
        talk.round_trip(INITIALIZE)?;
        Ok(talk)
    }

    /// Says a line and hears one, both at once: a pipe holds less than a large line.
    fn round_trip(&mut self, line: &[u8]) -> Answer<()> {
        let Self { stdin, stdout, heard, .. } = self;
        let stdin = stdin.as_mut().ok_or("no stdin")?;
        heard.clear();
        if line.len() < 4096 {
            stdin.write_all(line)?;
            stdout.read_until(b'\n', heard)?;
        } else {
            std::thread::scope(|scope| {
                let written = scope.spawn(|| stdin.write_all(line));
                stdout.read_until(b'\n', heard)?;
                written.join().map_err(|_| std::io::Error::other("the writer panicked"))?
            })?;
        }
        if heard.is_empty() { Err("it ended".into()) } else { Ok(()) }
    }

    fn peak_kib(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?");
        peak.trim().trim_end_matches(" kB").to_owned()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends by itself; a server that does not is a bug that shows as a bench that hangs.
        let _ = self.child.wait();
    }
}
