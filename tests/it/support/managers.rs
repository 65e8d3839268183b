//! Plugins in JavaScript: Node, its package managers, and locks that those make themselves.

use super::registry::Registry;
use super::{Cmd, Plugin, node, tools};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// What the product fetches; the tests use the same versions.
const PINS: &str = include_str!("../../../src/backend/node_pins.txt");
/// A Node that brings no npm, so that the one on PATH serves; and an older npm than the machine's.
const OTHER_NODE: &str = "22.12.0";
const OTHER_NPM: &str = "10.9.2";

/// A package manager of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The one beside the machine's Node.
    Npm,
    Npm10,
    Pnpm,
    Yarn,
    Berry,
    Bun,
}

impl Manager {
    pub const EVERY: [Manager; 6] =
        [Manager::Npm, Manager::Npm10, Manager::Pnpm, Manager::Yarn, Manager::Berry, Manager::Bun];
    /// Those that install by a lock alone.
    pub const OTHERS: [Manager; 4] = [Manager::Pnpm, Manager::Yarn, Manager::Berry, Manager::Bun];

    /// The name of its lock.
    pub fn lock(self) -> &'static str {
        match self {
            Manager::Npm | Manager::Npm10 => "package-lock.json",
            Manager::Pnpm => "pnpm-lock.yaml",
            Manager::Yarn | Manager::Berry => "yarn.lock",
            Manager::Bun => "bun.lock",
        }
    }

    /// The name of its program.
    pub fn command(self) -> &'static str {
        match self {
            Manager::Npm | Manager::Npm10 => "npm",
            Manager::Pnpm => "pnpm",
            Manager::Yarn | Manager::Berry => "yarn",
            Manager::Bun => "bun",
        }
    }

    /// Its program, fetched once.
    pub fn program(self) -> PathBuf {
        match self {
            Manager::Npm => fs::canonicalize(tools::on_path("npm").expect("there is no `npm` on PATH")).unwrap(),
            Manager::Npm10 => node::package("npm", OTHER_NPM).join("npm/bin/npm-cli.js"),
            Manager::Pnpm => pinned("pnpm"),
            Manager::Yarn => pinned("yarn"),
            Manager::Berry => pinned("@yarnpkg/cli-dist"),
            Manager::Bun if cfg!(target_arch = "aarch64") => pinned("@oven/bun-linux-aarch64"),
            Manager::Bun => pinned("@oven/bun-linux-x64-baseline"),
        }
    }

    /// The words that make a lock.
    fn locking(self) -> &'static [&'static str] {
        match self {
            Manager::Npm | Manager::Npm10 => &["install", "--package-lock-only", "--ignore-scripts", "--force"],
            Manager::Pnpm => &["install", "--lockfile-only", "--ignore-scripts", "--ignore-workspace"],
            Manager::Yarn => &["install", "--ignore-scripts", "--ignore-platform", "--ignore-engines"],
            Manager::Berry => &["install", "--mode=update-lockfile"],
            Manager::Bun => &["install", "--lockfile-only", "--ignore-scripts"],
        }
    }
}

/// The program of the version that the product would fetch.
fn pinned(package: &str) -> PathBuf {
    let fields = PINS.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|fields| fields[0] == package);
    let fields = fields.unwrap_or_else(|| panic!("`{package}` is not among the pins"));
    node::package(package, fields[1]).join(package).join(fields[2])
}

impl Plugin {
    /// Puts a manager on PATH, with a Node where there is none.
    pub fn manager(self, manager: Manager) -> Self {
        let plugin = match manager {
            Manager::Npm10 => self.tool("node", &node::of(OTHER_NODE)),
            _ if self.path_dir().join("node").exists() => self,
            _ => self.tool("node", &node::program().unwrap()),
        };
        match manager {
            Manager::Npm => plugin,
            _ => plugin.tool(manager.command(), &manager.program()),
        }
    }

    /// Installs from this registry, whichever manager does. Caches are below the plugin's own home.
    pub fn registry(self, registry: &Registry) -> Self {
        self.registry_url(&registry.url())
    }

    /// The same with the registry at this address.
    pub fn registry_url(self, url: &str) -> Self {
        let cache = self.home.join("yarn-cache");
        self.env("npm_config_registry", url)
            // Yarn 1 has its cache elsewhere when it is root.
            .env("YARN_CACHE_FOLDER", cache)
            .env("YARN_REGISTRY", url)
            .env("YARN_NPM_REGISTRY_SERVER", url.trim_end_matches('/'))
            .env("YARN_UNSAFE_HTTP_WHITELIST", "127.0.0.1")
    }

    /// A plugin whose `package.json` asks for this, by this manager and without a lock.
    pub fn asking(manager: Manager, dependencies: &[(&str, &str)], registry: &Registry) -> Self {
        let mut plugin = Self::new("demo").manager(manager).registry(registry);
        plugin.environment = "node";
        plugin.ask_for(dependencies);
        plugin
    }

    /// The same with a lock that the manager made.
    #[track_caller]
    pub fn locking(manager: Manager, dependencies: &[(&str, &str)], registry: &Registry) -> Self {
        let plugin = Self::asking(manager, dependencies, registry);
        plugin.lock(manager);
        plugin
    }

    /// Writes the `package.json`.
    pub fn ask_for(&self, dependencies: &[(&str, &str)]) {
        let dependencies: serde_json::Map<_, _> =
            dependencies.iter().map(|(name, range)| ((*name).to_owned(), json!(range))).collect();
        let manifest = json!({ "name": "demo", "version": "1.0.0", "dependencies": dependencies });
        self.write("package.json", &format!("{manifest:#}\n"));
    }

    /// Has the manager make the lock of what `package.json` asks for now, in a place and a home of its own.
    #[track_caller]
    pub fn lock(&self, manager: Manager) -> &Self {
        let place = tempfile::tempdir().unwrap();
        for name in ["package.json", ".npmrc", ".yarnrc.yml", "bunfig.toml"] {
            let _ = fs::copy(self.root.join(name), place.path().join(name));
        }
        self.lock_cmd(manager, place.path()).run().ok();
        fs::copy(place.path().join(manager.lock()), self.root.join(manager.lock())).unwrap();
        self
    }

    fn lock_cmd(&self, manager: Manager, place: &Path) -> Cmd {
        let cmd = self.bare_command(self.path_dir().join("node")).arg(manager.program());
        let cmd = if manager == Manager::Bun { self.bare_command(manager.program()) } else { cmd };
        let cmd = cmd.args(manager.locking()).cwd(place).env("HOME", place.join("home"));
        cmd.env("CI", "")
            .env("YARN_CACHE_FOLDER", place.join("yarn-cache"))
            .env("YARN_ENABLE_IMMUTABLE_INSTALLS", "false")
            .env("YARN_ENABLE_TELEMETRY", "0")
    }

    /// What a line of JavaScript in the plugin's environment prints; it is a file of the plugin, whose names resolve.
    #[track_caller]
    pub fn node_says(&self, code: &str) -> String {
        self.write("says.cjs", code);
        let script = self.root.join("says.cjs").display().to_string();
        self.run(["node", &script]).ok().stdout.trim_end().to_owned()
    }

    /// What a package of [`super::NpmPackage`] exports.
    #[track_caller]
    pub fn export_of(&self, package: &str) -> String {
        self.node_says(&format!("console.log(require({package:?}))"))
    }

    fn tool(self, name: &str, program: &Path) -> Self {
        self.link_as(name, program);
        self
    }
}
