//! npm, pnpm, yarn and bun: the lock decides which of them installs what a plugin's JavaScript needs.
//!
//! npm comes with Node and installs the others where they are missing, pinned and checked against their hash.

use super::node_bundle;
use super::node_files;
use super::node_manager::{Manager, Pin, Wanted, manager, npm, version, with_node};
use super::{Need, Session};
use crate::bundled::Bundle;
use crate::config::Scripts;
use crate::error::Result;
use crate::failure;
use crate::fs;
use crate::gc::unfinished_tool;
use crate::generation::Generation;
use crate::interpreter::FOREIGN_NODE;
use crate::manifest::Format;
use crate::process::Job;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How a manager is started.
#[derive(Debug, Clone)]
enum Program {
    /// The words before its arguments.
    There(Vec<OsString>),
    /// It has to be fetched first.
    Missing(Pin),
}

/// A manager that agreed to serve.
#[derive(Debug)]
pub struct Node {
    manager: Manager,
    program: Program,
    version: String,
    npm: Option<Vec<OsString>>,
}

impl Node {
    /// The manager whose lock it is serves, or npm where there is none.
    ///
    /// # Errors
    /// The reason that it does not.
    pub fn agree(need: &Need<'_>) -> Result<Self, String> {
        let manager = manager(need.manifest);
        let npm = npm(need);
        if manager == Manager::Npm || need.manifest.scripts != Scripts::Off {
            npm.as_ref().map_err(Clone::clone)?;
        }
        if manager == Manager::Npm {
            let npm = npm?;
            let version = version(need, &npm).ok_or("npm does not say its version")?;
            return Ok(Self { manager, program: Program::There(npm.clone()), version, npm: Some(npm) });
        }
        let wanted = Wanted::of(manager, need);
        let there = wanted.there(need).map(|(program, version)| (Program::There(program), version));
        let (program, version) = match there {
            Some(found) => found,
            None => {
                let name = manager.name();
                let missing = |e| format!("`{name}` is not on PATH in a version that reads the lock, and {e}");
                npm.as_ref().map_err(missing)?;
                let pin =
                    wanted.pin.ok_or_else(|| format!("`{name}` is not on PATH, and there is none for this machine"))?;
                (Program::Missing(pin.clone()), pin.version)
            }
        };
        Ok(Self { manager, program, version, npm: npm.ok() })
    }

    /// Its name and version.
    pub fn name(&self) -> String {
        format!("{} {}", self.manager.name(), self.version)
    }

    /// Its name, and where it comes from.
    pub fn described(&self) -> String {
        match &self.program {
            Program::There(words) => {
                let file = words.last().map(|file| Path::new(file).display().to_string()).unwrap_or_default();
                format!("{} (`{file}`)", self.name())
            }
            Program::Missing(_) => format!("{}, installed by npm", self.name()),
        }
    }

    /// Fetches the manager where it is not there, once for all environments.
    ///
    /// # Errors
    /// npm failed.
    pub fn prepare(mut self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<Self> {
        if let (Program::Missing(pin), Some(npm)) = (&self.program, &self.npm) {
            let home = need.tools.join(format!("{}-{}", self.manager.name(), pin.version));
            let file = home.join("node_modules").join(&pin.package).join(&pin.file);
            if !fs::is_file(&file) {
                fetch(npm, pin, need, generation, session, &home)?;
            }
            let is_script = pin.file.ends_with("js");
            let node = is_script.then(|| need.interpreter.path.clone().into_os_string());
            self.program = Program::There(node.into_iter().chain([file.into_os_string()]).collect());
        }
        Ok(self)
    }

    /// Writes what the manager is shown: the manifest and its lock as they were read.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn make_environment(&self, need: &Need<'_>, generation: &Generation) -> Result<()> {
        fs::create_private_directory(&generation.prefix())?;
        node_files::hand_over(need, generation)?;
        fs::write(&generation.resolver(), include_bytes!("../resolve.cjs"))
    }

    /// Installs the packages.
    ///
    /// # Errors
    /// The manager failed.
    pub fn fetch_packages(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        if self.manager == Manager::Berry {
            node_files::demand_locked(need.manifest)?;
        }
        session.step(&self.install(need, generation))?;
        demand_written(session)
    }

    /// Installs the packages that the plugin carries, which npm alone can.
    ///
    /// # Errors
    /// npm failed: one is missing, or is another one.
    pub fn install_bundle(
        &self,
        bundle: &Bundle,
        need: &Need<'_>,
        generation: &Generation,
        session: &mut Session<'_>,
    ) -> Result<()> {
        let cache = node_bundle::cache(bundle, need, generation)?;
        node_files::hand_over_lock(need, generation, bundle.list.as_bytes())?;
        let job = self.job(need, generation).args(["ci", "--offline", "--cache"]).arg(cache);
        let installed = session.step(&job.args(NPM)).and_then(|()| demand_written(session));
        let installed = node_bundle::demand_genuine(session.log.tail()).and(installed);
        let own = need.manifest.sources().first();
        node_files::hand_over_lock(need, generation, own.map_or(bundle.list.as_bytes(), |lock| &lock.bytes))?;
        installed
    }

    /// Runs the scripts that the author allows, and leaves nothing of what the manager was shown.
    ///
    /// # Errors
    /// A package is not there, or a script failed.
    pub fn finish(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        node_files::demand_there(need.manifest, generation, session)?;
        self.run_scripts(need, generation, session)?;
        node_files::tidy(need.manifest, generation)
    }

    fn install(&self, need: &Need<'_>, generation: &Generation) -> Job {
        let job = self.job(need, generation);
        match self.manager {
            Manager::Npm if need.manifest.format == Format::Package => job.arg("install").args(NPM),
            // What is cached need not be asked for again: the lock says what it must hash to.
            Manager::Npm => job.args(["ci", "--prefer-offline"]).args(NPM),
            Manager::Pnpm => job.args(PNPM).args(node_files::ignores_workspaces(need)),
            Manager::Yarn => job.args(YARN).arg("--cwd").arg(generation.prefix()).set("YARN_PLUGNPLAY_OVERRIDE", "0"),
            Manager::Berry => job.args(["workspaces", "focus", "--production"]).set("YARN_NODE_LINKER", "node-modules"),
            Manager::Bun => {
                job.args(["install", "--frozen-lockfile", "--production", "--ignore-scripts", "--no-progress"])
            }
        }
    }

    /// Only now, and only of those whom the author trusts.
    fn run_scripts(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        let names: &[String] = match &need.manifest.scripts {
            Scripts::Off => return Ok(()),
            Scripts::All => &[],
            Scripts::Of(names) => names,
        };
        let job = match (&self.npm, self.manager) {
            (_, Manager::Pnpm) => {
                self.job(need, generation).args(["rebuild", "--config.dangerously-allow-all-builds=true"])
            }
            (Some(npm), _) => npm_command(npm, need, generation).args(["rebuild", "--ignore-scripts=false"]),
            (None, _) => return Ok(()),
        };
        session.step(&job.args(names))
    }

    fn job(&self, need: &Need<'_>, generation: &Generation) -> Job {
        let words = match &self.program {
            Program::There(words) => words.as_slice(),
            Program::Missing(_) => &[],
        };
        match self.manager {
            Manager::Npm => npm_command(words, need, generation),
            Manager::Pnpm => command(words, need, generation).args(PNPM_HERE),
            _ => command(words, need, generation),
        }
    }
}

/// npm warns of a file that it could not write, and ends well. What it misses is a package that it removes meanwhile.
fn demand_written(session: &mut Session<'_>) -> Result<()> {
    let said = session.log.tail();
    let mut unwritten = said.split("TAR_ENTRY_ERROR ").skip(1).filter(|rest| !rest.starts_with("ENOENT"));
    if unwritten.next().is_none() {
        return Ok(());
    }
    let class = failure::classify(said);
    Err(session.failed(class, "a file could not be written".into()))
}

/// Nothing is asked or told that is not about the installation, and dev dependencies are left out.
pub(super) const NPM: [&str; 9] = [
    "--ignore-scripts",
    "--omit=dev",
    "--include=prod",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--no-update-notifier",
    // What goes wrong is recognised by what is said of it.
    "--loglevel=warn",
    "--omit-lockfile-registry-resolved",
];
const PNPM: [&str; 6] = [
    "install",
    "--frozen-lockfile",
    "--prod",
    "--ignore-scripts",
    "--reporter=append-only",
    "--config.manage-package-manager-versions=false",
];
const YARN: [&str; 8] = [
    "install",
    "--frozen-lockfile",
    "--production",
    "--ignore-scripts",
    "--non-interactive",
    "--no-progress",
    "--modules-folder",
    "node_modules",
];

/// Against settings in files, the user's or the plugin's: npm would install for the whole machine, and remove from there
/// what the plugin does not ask for; both would put packages elsewhere, or nowhere.
const NPM_HERE: [&str; 6] = [
    "--dry-run=false",
    "--global=false",
    // It alone makes npm global, whatever `global` says.
    "--location=project",
    "--package-lock-only=false",
    "--usage=false",
    "--workspaces=false",
];
const PNPM_HERE: [&str; 6] = [
    "--config.modules-dir=node_modules",
    "--config.enable-modules-dir=true",
    "--config.virtual-store-dir=node_modules/.pnpm",
    "--config.symlink=true",
    "--config.lockfile-only=false",
    "--config.lockfile=true",
];

/// npm, which works in the environment alone.
pub(super) fn npm_command(words: &[OsString], need: &Need<'_>, generation: &Generation) -> Job {
    command(words, need, generation).args(NPM_HERE)
}

/// A job in which nothing of the surroundings is taken for the plugin's. Registries, credentials, proxies and
/// certificates stay as the user set them.
fn command(words: &[OsString], need: &Need<'_>, generation: &Generation) -> Job {
    let (program, args) = words.split_first().map_or((OsString::new(), &[][..]), |(first, rest)| (first.clone(), rest));
    let redirecting = redirecting();
    let job = Job::new(PathBuf::from(program)).args(args).directory(&generation.prefix());
    let job = job.unset(FOREIGN_NODE).unset(redirecting.iter().map(String::as_str)).set("PATH", with_node(need));
    // A manager that asks for a version of itself would fetch that, and one that is told of CI forbids other things.
    let job = job.set("NO_COLOR", "1").set("COREPACK_ENABLE_STRICT", "0").set("CI", "1");
    // npm would point to a file of its own in place of what went wrong, with the passwords of addresses in it.
    let job = job.set("npm_config_logs_max", "0");
    job.set("YARN_ENABLE_TELEMETRY", "0").set("YARN_ENABLE_SCRIPTS", "0").set("YARN_ENABLE_PROGRESS_BARS", "0")
}

/// Variables that would send packages elsewhere or leave some out, those that `npm run` sets among them.
fn redirecting() -> Vec<String> {
    const SETTINGS: [&str; 18] = [
        "global",
        "location",
        "prefix",
        "local_prefix",
        "dry_run",
        "only",
        "omit",
        "include",
        "production",
        "dev",
        "package_lock",
        "package_lock_only",
        "ignore_scripts",
        "usage",
        "workspace",
        "workspaces",
        "install_links",
        "install_strategy",
    ];
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let redirects = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let setting = lower.strip_prefix("npm_config_").map(|setting| setting.replace('-', "_"));
        lower.starts_with("npm_package_")
            || lower.starts_with("npm_lifecycle_")
            || lower == "node_env"
            || setting.is_some_and(|setting| SETTINGS.contains(&setting.as_str()))
    };
    names.filter(redirects).collect()
}

fn fetch(
    npm: &[OsString],
    pin: &Pin,
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    home: &Path,
) -> Result<()> {
    fs::create_directory(&need.tools)?;
    let staged = fs::create_unique_directory(&need.tools, &unfinished_tool(need.environment))?;
    let Pin { package, version, .. } = pin;
    let manifest = format!("{{\"dependencies\":{{\"{package}\":\"{version}\"}}}}");
    fs::write(&staged.join("package.json"), manifest.as_bytes())?;
    let verb = match &pin.integrity {
        Some(integrity) => {
            let locked =
                format!("\"node_modules/{package}\":{{\"version\":\"{version}\",\"integrity\":\"{integrity}\"}}");
            let lock = format!("{{\"lockfileVersion\":3,\"packages\":{{\"\":{manifest},{locked}}}}}");
            fs::write(&staged.join("package-lock.json"), lock.as_bytes())?;
            "ci"
        }
        None => "install",
    };
    let outcome = session.step(&npm_command(npm, need, generation).directory(&staged).arg(verb).args(NPM));
    outcome.inspect_err(|_| drop(fs::discard_tree(&staged)))?;
    // Another environment's builder may have been first; its manager is the same.
    match fs::rename(&staged, home) {
        Err(_) if fs::is_directory(home) => fs::remove_tree(&staged),
        outcome => outcome,
    }
}
