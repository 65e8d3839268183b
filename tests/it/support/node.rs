//! What tests of JavaScript need: Node, managers of its packages from npm, and plugins that use them.

use super::Plugin;
use super::tools::{fetched, finish, on_path};
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The managers that write the locks of tests: the versions that plugdeps fetches.
const MANAGERS: [(&str, &str, &str, &str); 4] = [
    ("pnpm", "pnpm", "10.34.8", "pnpm/bin/pnpm.cjs"),
    ("yarn", "yarn", "1.22.22", "yarn/bin/yarn.js"),
    ("berry", "@yarnpkg/cli-dist", "4.18.1", "@yarnpkg/cli-dist/bin/yarn.js"),
    ("bun", "@oven/bun-linux-x64-baseline", "1.4.5", "@oven/bun-linux-x64-baseline/bin/bun"),
];
/// Settings of the outer environment by which packages are reached.
const NETWORK: [&str; 6] =
    ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// The `node` of this machine; or why there is none.
pub fn program() -> Result<PathBuf, String> {
    on_path("npm").ok_or("there is no `npm` on PATH")?;
    on_path("node").ok_or_else(|| "there is no `node` on PATH".into())
}

/// Node of this major version.
pub fn of(version: &str) -> PathBuf {
    package("node", version).join("node/bin/node")
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

/// Writes a lock for the `package.json` in a directory.
pub fn lock(manager: &str, directory: &Path) {
    let found = MANAGERS.iter().find(|(name, ..)| *name == manager);
    let program = found.map(|(_, name, version, file)| package(name, version).join(file));
    let mut command = match (manager, program) {
        ("npm", _) => command("npm", &["install", "--package-lock-only", "--no-audit", "--no-fund"]),
        ("bun", Some(bun)) => command(bun, &["install", "--lockfile-only"]),
        (_, Some(script)) => {
            let mut command = Command::new("node");
            command.arg(script).args(match manager {
                "pnpm" => ["install", "--lockfile-only", "--ignore-workspace"],
                "yarn" => ["install", "--ignore-scripts", "--non-interactive"],
                _ => ["install", "--mode=update-lockfile", "--no-immutable"],
            });
            command
        }
        (other, None) => panic!("no manager `{other}`"),
    };
    if manager == "berry" {
        fs::write(directory.join("yarn.lock"), "").unwrap();
    }
    settings().into_iter().fold(&mut command, |command, (name, value)| command.env(name, value));
    finish(command.env("YARN_ENABLE_TELEMETRY", "0").current_dir(directory), "a lock", "npm_config_registry");
    for made in ["node_modules", ".yarn"] {
        let _ = fs::remove_dir_all(directory.join(made));
    }
}

fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Installs what the host installs by itself.
pub fn host_installs(directory: &Path, program: &str) {
    let args: &[&str] = if program == "npm" {
        &["ci", "--ignore-scripts"]
    } else {
        &["install", "--frozen-lockfile", "--ignore-scripts"]
    };
    let bun = || package(MANAGERS[3].1, MANAGERS[3].2).join(MANAGERS[3].3);
    let mut command = if program == "npm" { command("npm", args) } else { command(bun(), args) };
    settings().into_iter().fold(&mut command, |command, (name, value)| command.env(name, value));
    finish(command.current_dir(directory), "the packages of the plugin", "npm_config_registry");
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

/// A package with these dependencies.
pub fn manifest(dependencies: Value) -> String {
    json!({ "private": true, "dependencies": dependencies }).to_string()
}
