//! A plugin that needs one package for Node, and a registry that has several versions of it.

use super::{AnyWorld, Cmd, Manager, NpmPackage, Plugin, Registry, private_node};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

/// Every version of `alpha`.
const VERSIONS: [u8; 4] = [1, 2, 3, 4];
/// The manifest and its lock.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The plugin comes first, so that its processes end before the registry does.
pub struct NodeWorld {
    pub plugin: Plugin,
    shelf: Rc<Shelf>,
}

/// The registry, and by version the [`FILES`] that ask for it: npm makes them once, since it is slow.
struct Shelf {
    registry: Registry,
    asked: Vec<[Vec<u8>; 2]>,
}

impl NodeWorld {
    /// A registry with `alpha` 1.0.0 to 4.0.0, and a plugin that has a lock of npm for 1.0.0.
    pub fn new() -> Self {
        let packages = VERSIONS.map(|version| NpmPackage::new("alpha", &number(version)).payload(200_000));
        let registry = Registry::of(&packages);
        let plugin = Plugin::asking(Manager::Npm, &[], &registry);
        let ask = |version: u8| {
            plugin.ask_for(&[("alpha", &number(version))]);
            plugin.lock(Manager::Npm);
            FILES.map(|name| fs::read(plugin.root.join(name)).unwrap())
        };
        let asked = VERSIONS.into_iter().map(ask).collect();
        Self::on(Rc::new(Shelf { registry, asked }))
    }

    /// Another plugin on the same registry.
    pub fn another(&self) -> Self {
        Self::on(Rc::clone(&self.shelf))
    }

    fn on(shelf: Rc<Shelf>) -> Self {
        let plugin = Plugin::asking(Manager::Npm, &[], &shelf.registry).shipped_hooks();
        let world = Self { plugin, shelf };
        world.wants(1);
        world
    }

    /// `node` in the plugin's environment, as a command.
    fn node_cmd(&self, line: &str) -> Cmd {
        self.plugin.command(["run", "--", "node", "-e", line])
    }
}

impl AnyWorld for NodeWorld {
    fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    fn plugin_mut(&mut self) -> &mut Plugin {
        &mut self.plugin
    }

    fn wants(&self, version: u8) {
        // Else npm would have nothing to download any more after a few builds.
        let _ = fs::remove_dir_all(self.plugin.home.join(".npm"));
        if version == 0 {
            self.plugin.ask_for(&[("no-such-package", "1.0.0")]);
            let _ = fs::remove_file(self.plugin.root.join(FILES[1]));
            return;
        }
        for (name, bytes) in FILES.iter().zip(&self.shelf.asked[usize::from(version) - 1]) {
            let path = self.plugin.root.join(name);
            fs::write(&path, bytes).unwrap();
            // What is written again is as it was, also for whoever compares trees.
            File::options().append(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
    }

    fn value(&self, version: u8) -> String {
        format!("alpha {}", number(version))
    }

    fn start(&self) -> Cmd {
        self.node_cmd("console.log(require('alpha'))")
    }

    fn server(&self) -> Cmd {
        self.node_cmd("console.log(require.resolve('alpha').split('/node_modules/')[0]); process.stdin.resume()")
    }

    fn settle(&self, at: &Path) -> PathBuf {
        private_node(at);
        let program = at.join("bin/node");
        self.plugin.link_as("node", &program);
        program
    }
}

fn number(version: u8) -> String {
    format!("{version}.0.0")
}
