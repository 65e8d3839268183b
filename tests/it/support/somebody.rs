//! Another user than root, for whom limits and owners count.

use super::{Cmd, Installer, Plugin, World, tools};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user's number.
pub const SOMEBODY: &str = "54321";

/// The words that start a program as this user.
pub fn words() -> Vec<String> {
    let [user, group] = ["--reuid", "--regid"].map(|flag| format!("{flag}={SOMEBODY}"));
    ["setpriv".into(), user, group, "--clear-groups".into()].into()
}

/// A world that belongs to this user, with an interpreter that he may start; `None` where there is none, or we are not
/// root.
pub fn world() -> Option<World> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let may_start = |python: &PathBuf| {
        let words = words();
        let output = Command::new(&words[0]).args(&words[1..]).arg(python).args(["-c", "pass"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let python = std::iter::once(tools::python()).chain(tools::pythons()).find(may_start)?;
    let world = World::with(Installer::Uv, Plugin::new("tiny").fixture("tiny").python(&python).no_uv());
    let uv = world.plugin.path_dir().join("uv");
    fs::remove_file(&uv).unwrap();
    Cmd::new("cp").arg(tools::uv()).arg(&uv).run().ok();
    give(SOMEBODY, world.plugin.temp());
    Some(world)
}

/// Gives a place and all that is in it to a user.
pub fn give(user: &str, place: &Path) {
    Cmd::new("chown").args(["-R", user]).arg(place).run().ok();
}

/// The program behind other words, which change under what it runs.
pub fn started_by(world: &World, words: &[String], args: &[&str]) -> Cmd {
    let program = world.plugin.root.join("bin/plugdeps");
    let words: Vec<_> = words.iter().map(Into::into).chain([program.into_os_string()]).collect();
    let first = tools::on_path(&words[0].to_string_lossy()).unwrap_or_else(|| words[0].clone().into());
    let cmd = world.plugin.bare_command(first).args(&words[1..]).args(args);
    cmd.env("CLAUDE_PLUGIN_ROOT", &world.plugin.root).env("CLAUDE_PLUGIN_DATA", &world.plugin.data)
}
