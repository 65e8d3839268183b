//! How fast a ready start and a cold install are, beside what they replace: `cargo bench --bench ready`.
//!
//! Everything that is compared runs in one process, interleaved, in an order that rotates each round; a ratio is
//! the median of the ratios within each round, so that a machine that slows down halfway slows down both sides.
//! `-- --quick` takes fewer rounds, `-- --only TEXT` the sections with that in their title, `-- --json` prints the rows as JSON. Times never fail it: a row that misses
//! its target says `short`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

#[path = "ready/bytecode.rs"]
mod bytecode;
#[path = "ready/go_between.rs"]
mod go_between;
#[path = "ready/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../tests/it/support/tools.rs"]
mod tools;
#[path = "ready/ways.rs"]
mod ways;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

// The targets of the project's first issue.
const READY: f64 = 2.0;
const COLD_UV: f64 = 1.02;
const COLD_PIP: f64 = 0.35;
const BYTES: f64 = 921_600.0;

const SIZES: [(&str, usize); 5] =
    [("1 KiB", 1 << 10), ("10 KiB", 10 << 10), ("100 KiB", 100 << 10), ("1 MiB", 1 << 20), ("10 MiB", 10 << 20)];

fn main() -> Answer<()> {
    let args: Vec<String> = std::env::args().collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    if has("--list") {
        return Ok(()); // a test runner asks every target for its tests, and there are none here
    }
    let rounds = if has("--quick") { Rounds::QUICK } else { Rounds::FULL };
    let bench = Bench::prepare()?;
    let mut report = Report::new(has("--json"));
    let only = args.iter().position(|arg| arg == "--only").and_then(|at| args.get(at + 1));
    let mut section = |title: &'static str, rows: &dyn Fn() -> Answer<Vec<Row>>| -> Answer<()> {
        if only.is_none_or(|only| title.contains(only.as_str())) {
            report.section(title, rows()?);
        }
        Ok(())
    };
    section("ready", &|| ready(&bench, &rounds))?;
    section("ready beside what it replaces", &|| rivals(&bench, &rounds))?;
    section("a later start beside other ways", &|| ways::rows(&bench, &rounds))?;
    section("ready as manifests and environments grow", &|| growth(&bench, &rounds))?;
    section("weight of ready", &|| weight(&bench))?;
    section("the go-between", &|| go_between::rows(&bench, &rounds))?;
    section("packages for Node", &|| node::rows(&bench, &rounds))?;
    section("cold install of `mcp<2` from local wheels", &|| cold(&bench, &rounds))?;
    section("the server's first import", &|| bytecode::rows(&bench, &rounds))?;
    report.finish();
    Ok(())
}

struct Rounds {
    ready: usize,
    rivals: usize,
    growth: usize,
    greeting: usize,
    talk: usize,
    uv: usize,
    pip: usize,
}

impl Rounds {
    const FULL: Self = Self { ready: 1000, rivals: 100, growth: 500, greeting: 50, talk: 50, uv: 15, pip: 5 };
    const QUICK: Self = Self { ready: 200, rivals: 20, growth: 100, greeting: 20, talk: 20, uv: 7, pip: 3 };
}

// ---- what is measured

/// Ready starts beside a process that does nothing. Only small ones: a large one between them would leave all of them
/// a cold cache, which flatters the ratio.
fn ready(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let plugin = bench.plugin("ready", &[("requirements.txt", "tiny==1.0\n")])?;
    let failed = bench.bare_plugin("failed", &[("requirements.txt", "tiny==9.0\n")])?;
    if output(failed.command("sync")).is_ok() {
        return Err("there is a version of `tiny` that there should not be".into());
    }
    let probes = vec![
        Probe::new("do-nothing process", bench.command(&bench.nothing)),
        Probe::new("empty static Rust", bench.command(&bench.empty)),
        Probe::new("plugdeps session-start", plugin.command("session-start")).target(READY),
        Probe::new("plugdeps run, before exec", with(plugin.command("run"), [os("--"), os(&bench.nothing)]))
            .target(READY)
            .minus_base(),
        Probe::new("plugdeps --version", with(bench.command(&bench.plugdeps), ["--version"])),
        Probe::new("sh that becomes plugdeps session-start", plugin.by(&["sh", "-c", "exec \"$0\" \"$@\""])).against(2),
        Probe::new("the launcher of all platforms, session-start", plugin.by(&[&bench.launcher()?])).against(2),
        Probe::new("plugdeps session-start, soon after a failure", failed.command("session-start")),
    ];
    let before = tree(&plugin.data)?;
    let mut rows = measure(probes, rounds.ready);
    if tree(&plugin.data)? != before {
        rows.push(Row::text("a ready start changed the data directory: it was not ready, or wrote"));
    }
    Ok(rows)
}

/// Ready starts beside what they replace.
fn rivals(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let plugin = bench.plugin("rivals", &[("requirements.txt", "tiny==1.0\n")])?;
    let project = bench.project("rival of uv")?;
    let uv_run = [os("run"), os("--frozen"), os("--project"), os(&project.0), os("python"), os("-c"), os("pass")];
    let probes = vec![
        Probe::new("do-nothing process", bench.command(&bench.nothing)),
        Probe::new("plugdeps session-start", plugin.command("session-start")),
        Probe::new("sh -c true", with(bench.command("sh"), ["-c", "true"])),
        Probe::new("the `diff -q` line", bench.diff_line(&plugin)?),
        Probe::new("uv --version", with(bench.command("uv"), ["--version"])),
        Probe::new("uv sync --frozen", project.sync(bench)),
        Probe::new("bare python -c pass", with(bench.command(project.python()), ["-c", "pass"])),
        Probe::new("uv run --frozen python -c pass", with(bench.command("uv"), uv_run)).against(6),
    ];
    Ok(measure(probes, rounds.rivals))
}

/// What a ready start costs as what it reads, and what lies around, grows.
fn growth(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let mut probes = vec![Probe::new("do-nothing process", bench.command(&bench.nothing))];
    let (pyproject, lock) = bench.lock()?;
    for (label, size) in SIZES {
        let every = if size < 1 << 20 { 1 } else { 10 };
        let text = padded("tiny==1.0\n", size);
        let plugin = bench.plugin(&format!("requirements {label}"), &[("requirements.txt", &text)])?;
        probes.push(Probe::new(format!("requirements.txt of {label}"), plugin.command("session-start")).every(every));
        let files = [("pyproject.toml", pyproject.as_str()), ("uv.lock", &padded(&lock, size))];
        let plugin = bench.plugin(&format!("lock {label}"), &files)?;
        probes.push(Probe::new(format!("uv.lock of {label}"), plugin.command("session-start")).every(every));
    }
    for count in [1, 10, 100] {
        let plugin = bench.plugin(&format!("generations {count}"), &[("requirements.txt", "tiny==1.0\n")])?;
        plugin.add_generations(count)?;
        let name = format!("{count} more generations");
        probes.push(Probe::new(name, plugin.command("session-start")).target(READY));
    }
    for count in [1, 10_000] {
        let plugin = bench.plugin(&format!("files {count}"), &[("requirements.txt", "tiny==1.0\n")])?;
        plugin.add_files(count)?;
        let name = format!("{count} more files in the environment");
        probes.push(Probe::new(name, plugin.command("session-start")).target(READY));
    }
    Ok(measure(probes, rounds.growth))
}

/// Peak memory, system calls and instructions of each way to be ready, and the program's size.
fn weight(bench: &Bench) -> Answer<Vec<Row>> {
    let plugin = bench.plugin("weight", &[("requirements.txt", "tiny==1.0\n")])?;
    let programs = || {
        [
            ("do-nothing process", bench.command(&bench.nothing)),
            ("empty static Rust", bench.command(&bench.empty)),
            ("plugdeps session-start", plugin.command("session-start")),
            ("plugdeps run do-nothing", with(plugin.command("run"), [os("--"), os(&bench.nothing)])),
        ]
    };
    type Gauge = fn(&Bench, &Command) -> Option<f64>;
    let gauges: [(&str, Gauge); 3] =
        [("KiB at the peak", peak_kib), ("system calls", system_calls), ("instructions", instructions)];
    let mut rows = Vec::new();
    for (unit, gauge) in gauges {
        let values = programs().map(|(name, command)| (name, gauge(bench, &command)));
        let (of, base) = values[1]; // a process that does nothing holds next to nothing, too
        for (name, value) in values {
            let ratio = value.zip(base).map(|(v, b)| v / b);
            rows.push(Row { value, unit, ratio, of: of.into(), ..Row::text(name) });
        }
    }
    let bytes = fs::metadata(&bench.plugdeps)?.len() as f64;
    rows.push(Row { value: Some(bytes), unit: "bytes", target: Some(BYTES), ..Row::text("plugdeps") });
    Ok(rows)
}

/// Removes a tree, or with a `*` at its end all that begin so; there is none in the first round.
fn remove(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(prefix) = name.strip_suffix('*') else {
        let _ = fs::remove_dir_all(path);
        return;
    };
    let entries = path.parent().and_then(|parent| fs::read_dir(parent).ok()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// A first start beside the same installer by itself. No network: wheels are local, the index is off.
fn cold(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let requirements = [("requirements.txt", "mcp<2\n")];
    let uv = bench.bare_plugin("cold uv", &requirements)?;
    let pip = bench.bare_plugin("cold pip", &[requirements[0], ("plugdeps.toml", "installer = \"pip\"\n")])?;
    let venv = bench.work().join("bare venv");
    let cache = bench.work().join("cold cache");
    let mut rows = Vec::new();
    for (label, cold_cache) in [("warm cache", false), ("cold cache", true)] {
        let mut remove = vec![uv.data.clone(), venv.clone()];
        if cold_cache {
            remove.push(cache.clone());
        } else {
            // uv remembers an interpreter by its path. A first start makes an environment at a path that uv has never
            // seen; the bare one comes back to the same path, and would skip what no first start can skip.
            remove.push(bench.work().join("warm cache").join("interpreter-*"));
        }
        let cached = |mut command: Command| {
            if cold_cache {
                command.env("UV_CACHE_DIR", &cache);
            }
            command
        };
        let bare = bench.bare_uv(&venv, &uv.root).map(&cached);
        let probes = vec![
            Probe::steps(format!("uv venv + uv pip install, {label}"), bare).fresh(&remove),
            Probe::new(format!("plugdeps sync with uv, {label}"), cached(uv.command("sync")))
                .fresh(&remove)
                .target(COLD_UV),
        ];
        rows.extend(measure(probes, rounds.uv));
        rows.extend(uv.imports_mcp(bench));
    }
    let remove = [pip.data.clone(), venv.clone()];
    let probes = vec![
        Probe::steps("python -m venv + pip install", bench.bare_pip(&venv, &pip.root)).fresh(&remove),
        Probe::new("plugdeps sync with pip", pip.command("sync")).fresh(&remove).target(COLD_PIP),
    ];
    rows.extend(measure(probes, rounds.pip));
    rows.extend(pip.imports_mcp(bench));
    Ok(rows)
}

// ---- measuring

/// One thing to time: commands that run one after the other.
struct Probe {
    name: String,
    steps: Vec<Command>,
    /// Removed before each round, outside the time taken.
    fresh: Vec<PathBuf>,
    /// Slow ones need not run in every round.
    every: usize,
    /// Index of the probe that the ratio is to.
    against: usize,
    /// What counts is what it takes more than that probe.
    minus_base: bool,
    target: Option<f64>,
    /// By round.
    samples: BTreeMap<usize, f64>,
    failure: Option<String>,
    /// Instead of commands: what takes this many microseconds.
    act: Option<Act>,
}

type Act = Box<dyn FnMut() -> std::result::Result<f64, String>>;

impl Probe {
    fn new(name: impl Into<String>, command: Command) -> Self {
        Self::steps(name, [command])
    }

    fn steps(name: impl Into<String>, steps: impl IntoIterator<Item = Command>) -> Self {
        Self {
            name: name.into(),
            steps: steps.into_iter().collect(),
            fresh: Vec::new(),
            every: 1,
            against: 0,
            minus_base: false,
            target: None,
            samples: BTreeMap::new(),
            failure: None,
            act: None,
        }
    }

    /// Something that takes its own time, in microseconds.
    fn timing(name: impl Into<String>, act: impl FnMut() -> std::result::Result<f64, String> + 'static) -> Self {
        Self { act: Some(Box::new(act)), ..Self::steps(name, []) }
    }

    /// Something that does `count` things: what counts is one.
    fn acting(
        name: impl Into<String>,
        count: usize,
        mut act: impl FnMut() -> std::result::Result<(), String> + 'static,
    ) -> Self {
        Self::timing(name, move || {
            let start = Instant::now();
            act().map(|()| start.elapsed().as_secs_f64() * 1e6 / count as f64)
        })
    }

    fn fresh(self, paths: &[PathBuf]) -> Self {
        Self { fresh: paths.to_vec(), ..self }
    }

    fn every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    fn against(self, against: usize) -> Self {
        Self { against, ..self }
    }

    fn minus_base(self) -> Self {
        Self { minus_base: true, ..self }
    }

    fn target(self, target: f64) -> Self {
        Self { target: Some(target), ..self }
    }

    fn sample(&mut self, round: usize) {
        if self.failure.is_some() || !round.is_multiple_of(self.every) {
            return;
        }
        for path in &self.fresh {
            remove(path);
        }
        let outcome = match &mut self.act {
            Some(act) => act(),
            None => {
                let start = Instant::now();
                let failure = self.steps.iter_mut().find_map(failure_of);
                let micros = start.elapsed().as_secs_f64() * 1e6;
                failure.map_or(Ok(micros), Err)
            }
        };
        match outcome {
            Ok(micros) => drop(self.samples.insert(round, micros)),
            Err(cause) => self.failure = Some(cause),
        }
    }

    fn row(&self, base: &Probe) -> Row {
        if let Some(cause) = &self.failure {
            return Row::text(format!("{}: failed: {cause}", self.name));
        }
        let minus = |b: f64| if self.minus_base { b } else { 0.0 };
        let pairs: Vec<(f64, f64)> =
            self.samples.iter().filter_map(|(round, s)| base.samples.get(round).map(|b| (s - minus(*b), *b))).collect();
        let ratio = |part| quantile(pairs.iter().map(|(s, b)| s / b), part);
        Row {
            value: median(pairs.iter().map(|(s, _)| *s)),
            unit: "µs",
            ratio: ratio(0.5),
            quartiles: ratio(0.25).zip(ratio(0.75)),
            of: base.name.clone(),
            target: self.target,
            ..Row::text(&*self.name)
        }
    }
}

fn measure(mut probes: Vec<Probe>, rounds: usize) -> Vec<Row> {
    eprintln!("{} commands in {rounds} rounds", probes.len());
    let count = probes.len();
    for round in 0..rounds {
        for turn in 0..count {
            probes[(round + turn) % count].sample(round);
        }
    }
    probes.iter().map(|probe| probe.row(&probes[probe.against])).collect()
}

fn failure_of(command: &mut Command) -> Option<String> {
    match command.status() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("{status} from {command:?}")),
        Err(cause) => Some(format!("{cause}: {command:?}")),
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    quantile(values, 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, part: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * part) as usize).copied()
}

/// The most memory the command held. `peak` waits for it; what it reports starts at its own size, so it is tiny.
fn peak_kib(bench: &Bench, command: &Command) -> Option<f64> {
    let runs = (0..5).map(|_| {
        let output = under(Command::new(&bench.peak), command).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().last()?.trim().parse().ok()
    });
    runs.collect::<Option<Vec<f64>>>().and_then(|values| median(values.into_iter()))
}

fn system_calls(bench: &Bench, command: &Command) -> Option<f64> {
    let report = bench.work().join("strace");
    let strace = with(Command::new("strace"), [os("-f"), os("-c"), os("-o"), os(&report)]);
    under(strace, command).output().ok()?;
    let total = fs::read_to_string(report).ok()?.lines().find(|line| line.ends_with(" total"))?.to_owned();
    total.split_whitespace().nth(3)?.parse().ok()
}

fn instructions(_: &Bench, command: &Command) -> Option<f64> {
    let perf = with(Command::new("perf"), ["stat", "-x,", "-e", "instructions:u"]);
    let counted = under(perf, command).output().ok().and_then(|output| {
        String::from_utf8_lossy(&output.stderr).lines().find_map(|line| line.split(',').next()?.parse().ok())
    });
    counted.or_else(|| simulated_instructions(command)) // a virtual machine often has no counters
}

fn simulated_instructions(command: &Command) -> Option<f64> {
    let valgrind = with(Command::new("valgrind"), ["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = under(with(valgrind, ["--trace-children=yes"]), command).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let counts = text.lines().filter_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
    counts.filter(|count| *count > 0.0).max_by(f64::total_cmp) // 0: lost in an `exec`, or too few to see
}

/// The command, started by another one.
fn under(outer: Command, inner: &Command) -> Command {
    let mut command = with(outer, [inner.get_program()]);
    command.args(inner.get_args()).envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?)))).stdin(Stdio::null());
    command
}

// ---- what is needed to measure

/// The programs, and the place for everything.
struct Bench {
    work: tempfile::TempDir,
    plugdeps: PathBuf,
    nothing: PathBuf,
    empty: PathBuf,
    peak: PathBuf,
    /// The whole environment of what is measured: no setting of this machine gets in.
    environment: Vec<(&'static str, OsString)>,
}

impl Bench {
    fn prepare() -> Answer<Self> {
        let work = tempfile::tempdir()?;
        let at = |name: &str| work.path().join(name);
        let nothing = compile_nothing(work.path())?;
        let wheels = gather_wheels(&tools::mcp_wheels(), &nothing, at("wheels"))?;
        // Not a shim in front of the interpreter: that would be measured with every start of it.
        let programs = [tools::uv(), tools::python()];
        let mut directories: Vec<&Path> = programs.iter().filter_map(|program| program.parent()).collect();
        directories.extend([Path::new("/usr/bin"), Path::new("/bin")]);
        let environment = vec![
            ("PATH", std::env::join_paths(directories)?),
            ("HOME", at("home").into()),
            ("LANG", "C.UTF-8".into()),
            ("UV_CACHE_DIR", at("warm cache").into()),
            ("UV_PYTHON_DOWNLOADS", "never".into()),
            ("UV_OFFLINE", "1".into()), // uv has no variable for `--no-index`
            ("UV_FIND_LINKS", wheels.clone().into()),
            ("PIP_NO_INDEX", "1".into()),
            ("PIP_FIND_LINKS", wheels.into()),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1".into()),
        ];
        fs::create_dir(at("home"))?;
        let empty = compile_rust(work.path(), "empty", "fn main() {}\n")?;
        let peak = compile_rust(work.path(), "peak", PEAK)?;
        let plugdeps = install_plugdeps(work.path())?;
        let bench = Self { plugdeps, nothing, empty, peak, environment, work };
        bench.warm()?;
        Ok(bench)
    }

    fn work(&self) -> &Path {
        self.work.path()
    }

    /// What a plugin for several platforms ships as `bin/plugdeps`, with the program beside it.
    fn launcher(&self) -> Answer<String> {
        let bin = self.work().join("launched");
        fs::create_dir(&bin)?;
        let machine = output(with(Command::new("uname"), ["-m"]))?;
        fs::copy(&self.plugdeps, bin.join(format!("plugdeps-linux-{machine}")))?;
        let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("launcher.sh");
        output(with(Command::new("install"), [os(launcher), os(bin.join("plugdeps"))]))?;
        Ok(bin.join("plugdeps").display().to_string())
    }

    /// Fills uv's cache, which `warm cache` promises.
    fn warm(&self) -> Answer<()> {
        let plugin = self.bare_plugin("warm", &[("requirements.txt", "mcp<2\n")])?;
        self.bare_uv(&self.work().join("warm venv"), &plugin.root).into_iter().try_for_each(|c| output(c).map(drop))
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// A plugin that has never been started.
    fn bare_plugin(&self, name: &str, files: &[(&str, &str)]) -> Answer<Plugin> {
        let root = self.work().join(name).join("root");
        let data = self.work().join(name).join("data");
        fs::create_dir_all(root.join(".claude-plugin"))?;
        fs::write(root.join(".claude-plugin/plugin.json"), r#"{"name": "bench", "version": "1.0.0"}"#)?;
        for (file, text) in files {
            fs::write(root.join(file), text)?;
        }
        let mut command = self.command(&self.plugdeps);
        command.env("CLAUDE_PLUGIN_ROOT", &root).env("CLAUDE_PLUGIN_DATA", &data);
        let environment = command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        Ok(Plugin { root, data, plugdeps: self.plugdeps.clone(), environment })
    }

    /// A plugin whose environment is ready.
    fn plugin(&self, name: &str, files: &[(&str, &str)]) -> Answer<Plugin> {
        let plugin = self.bare_plugin(name, files)?;
        output(plugin.command("sync"))?;
        Ok(plugin)
    }

    /// `pyproject.toml` and its `uv.lock`.
    fn lock(&self) -> Answer<(String, String)> {
        let project = self.project("lock")?;
        Ok((fs::read_to_string(project.0.join("pyproject.toml"))?, fs::read_to_string(project.0.join("uv.lock"))?))
    }

    /// A project of uv's own, locked and synchronised.
    fn project(&self, name: &str) -> Answer<Project> {
        let project = Project(self.work().join(name));
        fs::create_dir_all(&project.0)?;
        fs::write(project.0.join("pyproject.toml"), PYPROJECT)?;
        output(with(self.command("uv"), [os("lock"), os("--project"), os(&project.0)]))?;
        output(project.sync(self))?;
        Ok(project)
    }

    /// The line that authors put into a hook, where the manifest is as it was.
    fn diff_line(&self, plugin: &Plugin) -> Answer<Command> {
        let (manifest, copy) = (plugin.root.join("requirements.txt"), plugin.data.join("requirements.txt"));
        fs::copy(&manifest, &copy)?;
        let line = format!("diff -q '{}' '{}' || exit 1", manifest.display(), copy.display());
        Ok(with(self.command("sh"), ["-c", &line]))
    }

    fn bare_uv(&self, venv: &Path, root: &Path) -> [Command; 2] {
        let install = [os("pip"), os("install"), os("--python"), os(venv), os("-r"), os(root.join("requirements.txt"))];
        [
            with(self.command("uv"), [os("venv"), os("--python"), os("python3"), os(venv)]),
            with(self.command("uv"), install),
        ]
    }

    fn bare_pip(&self, venv: &Path, root: &Path) -> [Command; 2] {
        let install = [os("-m"), os("pip"), os("install"), os("-r"), os(root.join("requirements.txt"))];
        [
            with(self.command("python3"), [os("-m"), os("venv"), os(venv)]),
            with(self.command(venv.join("bin/python")), install),
        ]
    }
}

struct Project(PathBuf);

impl Project {
    fn sync(&self, bench: &Bench) -> Command {
        with(bench.command("uv"), [os("sync"), os("--frozen"), os("--project"), os(&self.0)])
    }

    fn python(&self) -> PathBuf {
        self.0.join(".venv/bin/python")
    }
}

struct Plugin {
    root: PathBuf,
    data: PathBuf,
    plugdeps: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Plugin {
    fn command(&self, door: &str) -> Command {
        let mut command = with(Command::new(&self.plugdeps), [door]);
        command.env_clear().envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// A ready `session-start` by way of other words: by what becomes the program behind them.
    fn by(&self, words: &[&str]) -> Command {
        let mut command = with(Command::new(words[0]), &words[1..]);
        if words.len() > 1 {
            command.arg(&self.plugdeps);
        }
        command.arg("session-start").env_clear().envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Directories such as those that sweeps have left, beside the current generation.
    fn add_generations(&self, count: usize) -> Answer<()> {
        let environment = self.data.join("venv").canonicalize()?;
        let is_generation = |path: &&Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("g-"));
        let current = environment.ancestors().find(is_generation).ok_or("no generation `g-…` above `venv`")?;
        for number in 0..count {
            fs::create_dir(current.with_file_name(format!("g-{number:08x}")))?;
        }
        Ok(())
    }

    fn add_files(&self, count: usize) -> Answer<()> {
        let bulk = self.data.join("venv").canonicalize()?.join("bulk");
        fs::create_dir(&bulk)?;
        (0..count).try_for_each(|number| Ok(fs::write(bulk.join(format!("{number}.py")), "")?))
    }

    /// A row of complaint when the install that was timed did not install.
    fn imports_mcp(&self, bench: &Bench) -> Option<Row> {
        let command = with(bench.command(self.data.join("venv/bin/python")), ["-c", "import mcp"]);
        output(command).err().map(|cause| Row::text(format!("what was installed does not import: {cause}")))
    }
}

/// One directory with all wheels: uv and pip part a list of several in different ways.
fn gather_wheels(mcp: &Path, nothing: &Path, all: PathBuf) -> Answer<PathBuf> {
    output(with(Command::new(tools::python()), [os("-c"), os(TINY_WHEEL), os(&all), os(nothing)]))?;
    for wheel in fs::read_dir(mcp)? {
        let wheel = wheel?;
        fs::copy(wheel.path(), all.join(wheel.file_name()))?;
    }
    Ok(all)
}

/// Built by `install.sh`, so that what is measured is what is shipped.
fn install_plugdeps(work: &Path) -> Answer<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
    let status = with(Command::new("sh"), [os(script), os(work)]).stdin(Stdio::null()).status()?;
    if status.success() { Ok(work.join("bin/plugdeps")) } else { Err(format!("`install.sh`: {status}").into()) }
}

fn compile_nothing(work: &Path) -> Answer<PathBuf> {
    let (source, program) = (work.join("nothing.c"), work.join("nothing"));
    fs::write(&source, NOTHING)?;
    let cc = |flags: &[&str]| output(with(with(Command::new("cc"), flags), [os("-o"), os(&program), os(&source)]));
    cc(&["-O2", "-DBARE", "-static", "-nostdlib", "-fno-pie", "-no-pie"]).or_else(|_| cc(&["-O2"]))?;
    Ok(program)
}

/// A static program where there is a target for one, with the flags of `.cargo/config.toml`.
fn compile_rust(work: &Path, name: &str, text: &str) -> Answer<PathBuf> {
    let (source, program) = (work.join(name).with_extension("rs"), work.join(name));
    fs::write(&source, text)?;
    let rustc = |flags: &[&str]| {
        let command = with(Command::new("rustc"), ["--edition=2024", "-O", "-Cpanic=abort", "-Cstrip=symbols"]);
        output(with(with(command, flags), [os("-o"), os(&program), os(&source)]))
    };
    let musl = format!("--target={}-unknown-linux-musl", std::env::consts::ARCH);
    rustc(&[&musl, "-Crelocation-model=static", "-Ctarget-feature=+crt-static"]).or_else(|_| rustc(&[]))?;
    Ok(program)
}

/// What the command printed; an error with both streams when it failed.
fn output(mut command: Command) -> Answer<String> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.map_err(|cause| format!("{cause}: {command:?}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    Err(format!("{} from {command:?}\n{stdout}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

fn with<I: AsRef<OsStr>>(mut command: Command, args: impl IntoIterator<Item = I>) -> Command {
    command.args(args);
    command
}

fn os(text: impl AsRef<OsStr>) -> OsString {
    text.as_ref().to_owned()
}

/// The text with comments after it, up to a size.
fn padded(text: &str, size: usize) -> String {
    let line = "# a comment of sixty-four bytes that stands for one more package\n";
    let lines = size.saturating_sub(text.len()) / line.len();
    text.to_owned() + &line.repeat(lines)
}

/// Every path under a directory, with the time it was last changed.
fn tree(directory: &Path) -> Answer<BTreeMap<PathBuf, SystemTime>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        found.insert(entry.path(), entry.metadata()?.modified()?);
        if entry.file_type()?.is_dir() {
            found.extend(tree(&entry.path())?);
        }
    }
    Ok(found)
}

// ---- the report

struct Row {
    name: String,
    value: Option<f64>,
    unit: &'static str,
    ratio: Option<f64>,
    /// Between these lie half of the rounds' ratios.
    quartiles: Option<(f64, f64)>,
    of: String,
    target: Option<f64>,
}

impl Row {
    fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), value: None, unit: "", ratio: None, quartiles: None, of: String::new(), target: None }
    }

    /// Whether the target is met: by the ratio where there is one.
    fn verdict(&self) -> Option<&'static str> {
        let measured = self.ratio.or(self.value)?;
        self.target.map(|target| if measured <= target { "ok" } else { "short" })
    }

    fn json(&self, section: &str) -> Value {
        json!({
            "section": section, "name": self.name, "value": self.value, "unit": self.unit, "ratio": self.ratio,
            "quartiles": self.quartiles, "of": self.of, "target": self.target, "verdict": self.verdict(),
        })
    }

    fn print(&self) {
        let ratio = self.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let quartiles = self.quartiles.map(|(low, high)| format!("{low:.2}–{high:.2}")).unwrap_or_default();
        let target = self.target.map(|target| format!("≤ {target}")).unwrap_or_default();
        let (value, verdict) = (self.value_text(), self.verdict().unwrap_or_default());
        let of = if self.of == self.name { "" } else { &self.of };
        let line = format!("{:<40} {value:>21} {ratio:>8} {quartiles:>15} {target:>8} {verdict:<5}  {of}", self.name);
        println!("{}", line.trim_end());
    }

    fn value_text(&self) -> String {
        match (self.value, self.unit) {
            (Some(micros), "µs") if micros >= 10_000.0 => format!("{:.1} ms", micros / 1000.0),
            (Some(micros), "µs") => format!("{micros:.1} µs"),
            (Some(value), unit) => format!("{value} {unit}"),
            (None, "") => String::new(),
            (None, unit) => format!("? {unit}"),
        }
    }
}

struct Report {
    json: bool,
    rows: Vec<Value>,
}

impl Report {
    fn new(json: bool) -> Self {
        Self { json, rows: Vec::new() }
    }

    fn section(&mut self, name: &str, rows: Vec<Row>) {
        self.rows.extend(rows.iter().map(|row| row.json(name)));
        if self.json {
            return;
        }
        println!("\n{name}");
        println!("{:<40} {:>21} {:>8} {:>15} {:>8} {:<5}  ratio to", "", "median", "ratio", "quartiles", "target", "");
        rows.iter().for_each(Row::print);
    }

    fn finish(self) {
        if self.json {
            println!("{:#}", json!({ "schema": 1, "rows": self.rows }));
        }
    }
}

// ---- programs and files that are written out

const PYPROJECT: &str =
    "[project]\nname = \"bench\"\nversion = \"1.0.0\"\nrequires-python = \">=3.9\"\ndependencies = [\"tiny==1.0\"]\n";

/// A process that only exits; with the system's own start where it has to be (macOS).
const NOTHING: &str = r#"
#if !defined(BARE)
int main(void) { return 0; }
#elif defined(__x86_64__) && defined(__linux__)
void _start(void) { __asm__ volatile("mov $60, %eax\n xor %edi, %edi\n syscall"); }
#elif defined(__aarch64__) && defined(__linux__)
void _start(void) { __asm__ volatile("mov x8, #93\n mov x0, #0\n svc #0"); }
#else
#error "not known here: compile without BARE"
#endif
"#;

/// Runs its arguments and prints how many KiB they held at most. Without Rust's runtime: a child starts with the
/// memory of its parent, and is never reported to have held less.
const PEAK: &str = r#"
#![no_main]
use std::ffi::{c_char, c_int, c_long};
unsafe extern "C" {
    fn fork() -> c_int;
    fn execvp(program: *const c_char, args: *const *const c_char) -> c_int;
    fn wait4(pid: c_int, status: *mut c_int, options: c_int, usage: *mut c_long) -> c_int;
    fn printf(format: *const c_char, ...) -> c_int;
    fn _exit(status: c_int) -> !;
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(_: c_int, args: *const *const c_char) -> c_int {
    unsafe {
        let pid = fork();
        if pid == 0 {
            execvp(*args.add(1), args.add(1));
            _exit(127);
        }
        // Two times of two words each stand before the peak.
        let (mut usage, mut status) = ([0 as c_long; 64], 0);
        wait4(pid, &mut status, 0, usage.as_mut_ptr());
        printf(c"%ld\n".as_ptr(), usage[4]);
        status
    }
}
"#;

/// Writes the wheel of a package into a directory, with nothing in it but a program.
const TINY_WHEEL: &str = r#"
import os, sys, zipfile
os.makedirs(sys.argv[1])
info = "tiny-1.0.dist-info/"
files = {
    "tiny.py": b"",
    "tiny-1.0.data/scripts/nothing": open(sys.argv[2], "rb").read(),
    info + "METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    info + "WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
files[info + "RECORD"] = "".join(name + ",,\n" for name in [*files, info + "RECORD"]).encode()
with zipfile.ZipFile(os.path.join(sys.argv[1], "tiny-1.0-py3-none-any.whl"), "w") as wheel:
    for name, content in files.items():
        wheel.writestr(name, content)
"#;
