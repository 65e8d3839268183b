//! What a server's first import costs after an installation, which compiles nothing, and what compiling beside it would.

use super::{Answer, Bench, Probe, Rounds, Row, measure, os, output, with};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

/// What a server on the official SDK imports first.
const IMPORT: &str = "from mcp.server.fastmcp import FastMCP";

/// The section. Each row but the last times that import.
pub fn rows(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let plugin = bench.plugin("bytecode", &[("requirements.txt", "mcp<2\n")])?;
    let packages = fs::canonicalize(plugin.data.join("site-packages"))?;
    let python = plugin.data.join("venv/bin/python");
    let import = || with(bench.command(&python), ["-c", IMPORT]);
    let compile = || {
        let words = [os("-m"), os("compileall"), os("-q"), os("-j1"), os(&packages)];
        with(with(bench.command("nice"), [os("-n"), os("19"), os(&python)]), words)
    };
    let (bare, busy, whole) = (packages.clone(), packages.clone(), packages.clone());
    let (mut later, mut first, mut beside, mut alone) = (import(), import(), import(), compile());
    let mut compiles = compile();
    let probes = vec![
        Probe::timing("a later start", move || time(&mut later)),
        Probe::timing("the first after an installation", move || {
            forget(&bare);
            time(&mut first)
        }),
        Probe::timing("the same, all being compiled beside it", move || {
            forget(&busy);
            let mut compiler = compiles.spawn().map_err(|e| e.to_string())?;
            let taken = time(&mut beside);
            end(&mut compiler)?;
            taken
        }),
        Probe::timing("compiling all of it, for comparison", move || {
            forget(&whole);
            time(&mut alone)
        }),
    ];
    // The first round has nothing compiled before it.
    output(import())?;
    let mut rows = measure(probes, rounds.uv);
    rows.push(size(&packages, "py", "source")?);
    forget(&packages);
    output(import())?;
    rows.push(size(&packages, "pyc", "bytecode of what is imported")?);
    output(compile())?;
    rows.push(size(&packages, "pyc", "bytecode of all of it")?);
    Ok(rows)
}

fn time(command: &mut Command) -> Result<f64, String> {
    let start = Instant::now();
    let status = command.status().map_err(|e| e.to_string())?;
    let micros = start.elapsed().as_secs_f64() * 1e6;
    if status.success() { Ok(micros) } else { Err(format!("{status} from {command:?}")) }
}

/// Lets the compiler come to its end: what follows finds all of it compiled.
fn end(compiler: &mut Child) -> Result<(), String> {
    let status = compiler.wait().map_err(|e| e.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("compileall: {status}")) }
}

/// Removes every bytecode file, as an installation by uv leaves none.
fn forget(packages: &Path) {
    for entry in
        walkdir::WalkDir::new(packages).into_iter().flatten().filter(|entry| entry.file_name() == "__pycache__")
    {
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn size(packages: &Path, ending: &str, name: &str) -> Answer<Row> {
    let entries = walkdir::WalkDir::new(packages).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let files = entries.filter(|path: &PathBuf| path.extension().is_some_and(|own| own == ending));
    let bytes = files.map(|path| fs::metadata(path).map(|file| file.len())).sum::<Result<u64, _>>()?;
    Ok(Row { value: Some((bytes / 1000) as f64), unit: "kB", ..Row::text(name) })
}
