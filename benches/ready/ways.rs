//! A later start, when everything is there: what each way of the table in README takes before the server's own first
//! instruction. The server is a program that does nothing.

use super::{Answer, Bench, Probe, Rounds, Row, measure, node::World, os, output, with};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// The name of the server in the packages for uvx and npx.
const SERVER: &str = "nothing";

/// The section. plugdeps and the line in a hook start twice, once for the hook, and that by a shell, as the host does.
pub fn rows(bench: &Bench, rounds: &Rounds) -> Answer<Vec<Row>> {
    let plugin = bench.plugin("way", &[("requirements.txt", "tiny==1.0\n")])?;
    let project = bench.project("way of uv")?;
    let server = || bench.command(&bench.nothing);
    let through = with(plugin.command("run"), [os("--"), os(&bench.nothing)]);
    let uv_run = [os("run"), os("--project"), os(&project.0), os(&bench.nothing)];
    let node = World::new(bench)?;
    let archive = archive(bench)?;
    let npx = || -> Answer<_> {
        let package: OsString = format!("--package=file:{}", archive.display()).into();
        Ok(with(node.command("npx")?, [os("-y"), os("--offline"), package, os(SERVER)]))
    };
    output(npx()?)?;
    let uvx = || with(bench.command(super::tools::uv().with_file_name("uvx")), ["--from", "tiny==1.0", SERVER]);
    output(uvx())?;
    let ready = plugin.by(&["sh", "-c", "\"$0\" \"$@\""]);
    let probes = vec![
        Probe::steps("plugdeps", [ready, through]),
        Probe::new("the server by itself", server()),
        Probe::steps("`pip install` in a hook, its `diff`", [bench.diff_line(&plugin)?, server()]),
        Probe::new("`uv run`", with(bench.command("uv"), uv_run)),
        Probe::new("`uvx`", uvx()),
        Probe::new("`npx -y`, offline", npx()?),
    ];
    Ok(measure(probes, rounds.rivals))
}

/// A package for npm with the server.
fn archive(bench: &Bench) -> Answer<PathBuf> {
    let (package, archive) = (bench.work().join("package"), bench.work().join("nothing-1.0.0.tgz"));
    fs::create_dir(&package)?;
    fs::copy(&bench.nothing, package.join(SERVER))?;
    let manifest = format!(r#"{{"name": "nothing-at-all", "version": "1.0.0", "bin": {{"{SERVER}": "{SERVER}"}}}}"#);
    fs::write(package.join("package.json"), manifest)?;
    output(with(bench.command("tar"), [os("-C"), os(bench.work()), os("-czf"), os(&archive), os("package")]))?;
    Ok(archive)
}
