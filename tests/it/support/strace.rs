//! A start of the program whose system calls are written down, or changed.

use super::{Cmd, Plugin, tools};
use std::ffi::OsStr;

/// A start under `strace`, which writes to the file `trace` of the plugin's temporary directory.
#[track_caller]
pub fn strace(plugin: &Plugin, options: &[&str], args: &[&str]) -> Cmd {
    straced(plugin, options, plugin.root.join("bin/plugdeps")).args(args)
}

/// The same for another program, whose arguments are added.
#[track_caller]
pub fn straced(plugin: &Plugin, options: &[&str], program: impl AsRef<OsStr>) -> Cmd {
    let strace = tools::on_path("strace").expect("this test needs `strace`: install it");
    let cmd = plugin.bare_command(strace).args(["-qq", "-o"]).arg(plugin.temp().join("trace")).args(options);
    cmd.arg(program).env("CLAUDE_PLUGIN_ROOT", &plugin.root).env("CLAUDE_PLUGIN_DATA", &plugin.data)
}
