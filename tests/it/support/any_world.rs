//! What worlds have in common, whichever runtime their plugin is for: what tests need that try the same with each.

use super::{Cmd, Plugin, World, private_python, tools};
use std::path::{Path, PathBuf};

/// A plugin that asks for the package `alpha`, of which there are the versions 1 to 4.
pub trait AnyWorld {
    fn plugin(&self) -> &Plugin;

    fn plugin_mut(&mut self) -> &mut Plugin;

    /// Has the plugin ask for this version; 0: for a package that there is not.
    fn wants(&self, version: u8);

    /// What this version says that it is.
    fn value(&self, version: u8) -> String;

    /// A start that prints what its `alpha` is.
    fn start(&self) -> Cmd;

    /// A start that prints the path of its environment, and lives until its input ends.
    fn server(&self) -> Cmd;

    /// Makes a copy of the interpreter at this path the one on PATH; its program.
    fn settle(&self, at: &Path) -> PathBuf;

    /// A start sees this version, and nobody is told anything.
    #[track_caller]
    fn starts_with(&self, version: u8) {
        self.start().run().ok().stdout_is(&format!("{}\n", self.value(version))).stderr_is("");
    }
}

impl AnyWorld for World {
    fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    fn plugin_mut(&mut self) -> &mut Plugin {
        &mut self.plugin
    }

    fn wants(&self, version: u8) {
        match version {
            0 => self.needs("no-such-package"),
            version => self.needs(&format!("alpha=={version}.0")),
        }
    }

    fn value(&self, version: u8) -> String {
        format!("alpha {version}.0")
    }

    fn start(&self) -> Cmd {
        self.python_cmd("import alpha; print(alpha.VALUE)")
    }

    fn server(&self) -> Cmd {
        self.python_cmd("import sys, alpha; print(sys.prefix, flush=True); sys.stdin.read()")
    }

    fn settle(&self, at: &Path) -> PathBuf {
        private_python(&tools::python(), at);
        let program = at.join("bin/python3");
        self.plugin.link_as("python3", &program);
        program
    }
}
