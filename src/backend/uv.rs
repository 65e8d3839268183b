//! uv: fast, reads every kind of manifest, and the only one that reads `uv.lock`.

use super::pip::is_since;
use super::{Need, handover, isolated};
use crate::config::Installer;
use crate::error::Result;
use crate::fs;
use crate::generation::Generation;
use crate::manifest::{Format, Manifest};
use crate::process::Job;
use crate::pyproject::Pyproject;
use crate::tool;
use crate::uv_settings;
use crate::version::Version;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The version that is installed by pip where a lock needs uv and there is none.
pub const PINNED: &str = "0.13.8";

/// What a uv must be: an older one does not read `UV_DEFAULT_INDEX`, and would ask another index than the user's.
const SERVES: &str = ">=0.4.23";

/// A uv that can be started.
#[derive(Debug)]
pub struct Uv {
    program: PathBuf,
    passed_over: Vec<String>,
}

impl Uv {
    /// uv serves every manifest, where there is one.
    ///
    /// # Errors
    /// The reason that it does not serve.
    pub fn agree(need: &Need<'_>) -> Result<Self, String> {
        if need.installer == Installer::Pip {
            return Err("the configuration says `installer = \"pip\"`".into());
        }
        Self::find(need)
    }

    /// One that is there and works.
    ///
    /// # Errors
    /// The reasons that there is none.
    pub(super) fn find(need: &Need<'_>) -> Result<Self, String> {
        let found = tool::find("uv", need.interpreter.path.parent(), too_old)?;
        Ok(Self { program: found.path, passed_over: found.passed_over })
    }

    /// The uv at this path.
    pub fn at(program: PathBuf) -> Self {
        Self { program, passed_over: Vec::new() }
    }

    /// Why each one that was found before it does not serve.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A job of uv, told what the user says of indexes.
    pub(super) fn job(&self, generation: &Generation) -> Job {
        let job = isolated(&self.program, generation).set("NO_COLOR", "1");
        from_pip_settings().into_iter().fold(job, |job, (name, value)| job.set(name, value))
    }

    /// The job that makes the environment.
    pub fn make_environment(&self, need: &Need<'_>, generation: &Generation) -> Job {
        let job = self.job(generation).args(["venv", "--no-project", "--python"]).arg(&need.interpreter.path);
        job.arg(generation.prefix())
    }

    /// The job that installs the packages.
    ///
    /// # Errors
    /// What it needs cannot be written.
    pub fn install_packages(&self, need: &Need<'_>, generation: &Generation) -> Result<Job> {
        let job = self.install_from_indexes(need, generation)?;
        Ok(outliving_cache(job, need.manifest.project()))
    }

    fn install_from_indexes(&self, need: &Need<'_>, generation: &Generation) -> Result<Job> {
        match need.manifest.format {
            Format::UvLock => self.sync_lock(need, generation),
            Format::ScriptLock => self.sync_script(need, generation).map(|job| job.arg("--frozen")),
            Format::Script if speaks(need) => Ok(limited(self.sync_script(need, generation)?, need.manifest)),
            Format::Script => self.install_files(self.pip_install(need, generation), need, generation),
            Format::Pyproject if has_sources(need) => self.install_project(need, generation),
            Format::Pylock => Ok(self.pip_install(need, generation).arg("-r").arg(handover::pylock(need)?)),
            // Of a project without sources not the file itself: to read it uv may run the plugin's own build, which
            // writes beside it.
            _ => {
                let job = self.pip_install(need, generation);
                let job = match need.manifest.ruling_project() {
                    Some(_) => job.arg("--project").arg(handover::project(need, generation)?),
                    None => job,
                };
                self.install_files(job, need, generation)
            }
        }
    }

    /// The job that installs what the plugin carries: these packages out of this directory, and from nowhere else. What
    /// the user says of other places and of times is for packages that nobody has chosen yet.
    pub fn install_bundle(&self, generation: &Generation, list: &Path, packages: &Path) -> Job {
        let job = isolated(&self.program, generation).set("NO_COLOR", "1");
        let job = job.unset(["UV_FIND_LINKS", "UV_EXCLUDE_NEWER", "UV_CONFIG_FILE", "UV_CONSTRAINT", "UV_OVERRIDE"]);
        let job =
            job.args(["pip", "install", "--no-config", "--offline", "--no-index", "--no-deps", "--require-hashes"]);
        let job = job.arg("--python").arg(generation.python()).arg("--find-links").arg(packages);
        outliving_cache(job.arg("-r").arg(list), None)
    }

    fn install_files(&self, job: Job, need: &Need<'_>, generation: &Generation) -> Result<Job> {
        // pip lets the index in a file win over the one in the environment; so does this.
        let job = if handover::names_index(need.manifest) { job.unset(["UV_DEFAULT_INDEX"]) } else { job };
        Ok(handover::write(need, generation)?.iter().fold(job, |job, file| job.arg("-r").arg(file)))
    }

    fn pip_install(&self, need: &Need<'_>, generation: &Generation) -> Job {
        let job = self.job(generation).args(["pip", "install", "--python"]).arg(generation.python());
        let manifest = need.manifest;
        let hashes = if manifest.require_hashes { "--require-hashes" } else { "--verify-hashes" };
        limited(job.arg(hashes), manifest)
    }

    /// The script itself is named, since its own `[tool.uv]` and its lock count. uv would make an environment for it
    /// elsewhere; `--active` has it take the one that `VIRTUAL_ENV` names.
    fn sync_script(&self, need: &Need<'_>, generation: &Generation) -> Result<Job> {
        let job = self.job(generation).set("VIRTUAL_ENV", generation.prefix());
        let job = job.args(["sync", "--active", "--script"]).arg(handover::script(need, generation)?);
        Ok(job.arg("--python").arg(generation.python()))
    }

    /// The project's own `[tool.uv]` counts, so the project is named; its code is never installed.
    fn install_project(&self, need: &Need<'_>, generation: &Generation) -> Result<Job> {
        let directory = handover::project(need, generation)?;
        let file = directory.join("pyproject.toml");
        let job = self.pip_install(need, generation).arg("--project").arg(&directory).arg("-r").arg(&file);
        let extras = need.manifest.extras.iter().flat_map(|extra| ["--extra", extra]);
        let groups = need.manifest.groups.iter().flat_map(|group| {
            let mut named = file.clone().into_os_string();
            named.push(":");
            named.push(group);
            [OsString::from("--group"), named]
        });
        Ok(job.args(extras).args(groups))
    }

    fn sync_lock(&self, need: &Need<'_>, generation: &Generation) -> Result<Job> {
        let job = self.job(generation).set("UV_PROJECT_ENVIRONMENT", generation.prefix());
        let job = job.args(["sync", "--frozen", "--no-install-workspace", "--no-default-groups", "--project"]);
        let job = job.arg(handover::project(need, generation)?).arg("--python").arg(generation.python());
        let Manifest { extras, groups, .. } = need.manifest;
        Ok(job.args(extras.iter().flat_map(|e| ["--extra", e])).args(groups.iter().flat_map(|g| ["--group", g])))
    }
}

/// Why it does not serve, if it says of its version that it is too old. What says nothing is taken at its word.
fn too_old(said: &str) -> Option<String> {
    let version = said.lines().find_map(|line| line.strip_prefix("uv ")?.split(' ').next())?;
    let is_old = Version::parse(version).is_ok() && !is_since(version, SERVES);
    is_old.then(|| format!("is {version}, and `{SERVES}` is wanted"))
}

/// Links into uv's cache would be what an environment consists of: without that cache it would be hollow, and be called
/// ready. Where the user or the project wants them, the files are shared another way.
fn outliving_cache(job: Job, project: Option<&Pyproject>) -> Job {
    let user = || uv_settings::user_file().and_then(|path| fs::read_optional(&path).ok().flatten());
    let links = match std::env::var("UV_LINK_MODE") {
        Ok(mode) if !mode.is_empty() => mode == "symlink",
        _ => {
            let of_project = project.is_some_and(|project| uv_settings::links_into_cache(project.text()));
            of_project || user().is_some_and(|text| uv_settings::links_into_cache(&text))
        }
    };
    if links { job.set("UV_LINK_MODE", "hardlink") } else { job }
}

/// What of an index must not be taken.
pub(super) fn limited(job: Job, manifest: &Manifest) -> Job {
    let newer = manifest.exclude_newer.iter().filter(|_| !is_set("UV_EXCLUDE_NEWER"));
    let job = job.args(newer.flat_map(|moment| ["--exclude-newer", moment]));
    // uv knows this setting as a flag alone.
    if pip_has_no_index() { job.arg("--no-index") } else { job }
}

fn speaks(need: &Need<'_>) -> bool {
    need.manifest.project().is_some_and(Pyproject::speaks_to_uv)
}

fn has_sources(need: &Need<'_>) -> bool {
    need.manifest.project().is_some_and(Pyproject::uses_uv_sources)
}

/// uv writes its version into every environment it makes.
pub fn version_in(generation: &Generation) -> Option<String> {
    let text = String::from_utf8(fs::read(&generation.prefix().join("pyvenv.cfg")).ok()?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("uv = ")).map(|version| version.trim().to_owned())
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Whether `PIP_NO_INDEX` is true, in pip's own words.
fn pip_has_no_index() -> bool {
    let value = std::env::var("PIP_NO_INDEX").unwrap_or_default().to_lowercase();
    !["", "0", "false", "f", "no", "n", "off"].contains(&value.as_str())
}

/// The places that are there, as uv takes them: one that is missing is nothing to pip, and a failure to uv.
fn links_there(links: &str) -> String {
    let is_there = |link: &&str| {
        let local =
            link.strip_prefix("file://").filter(|path| path.starts_with('/') && !path.contains('%') && cfg!(unix));
        let path = Path::new(local.unwrap_or(link));
        (local.is_none() && link.contains("://"))
            || (path.is_absolute() && (fs::is_directory(path) || fs::is_file(path)))
    };
    links.split_whitespace().filter(is_there).collect::<Vec<_>>().join(",")
}

/// pip's settings in the environment, under the names that uv reads, where the user did not set those.
/// Separators differ: pip splits at spaces, `UV_FIND_LINKS` at commas.
fn from_pip_settings() -> Vec<(&'static str, String)> {
    const NAMES: [(&str, &str, &[&str]); 6] = [
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", &["UV_INDEX_URL"]),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX", &["UV_EXTRA_INDEX_URL"]),
        ("PIP_FIND_LINKS", "UV_FIND_LINKS", &[]),
        ("PIP_CERT", "SSL_CERT_FILE", &[]),
        ("PIP_PROXY", "ALL_PROXY", &["HTTPS_PROXY", "https_proxy", "all_proxy"]),
        ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST", &[]),
    ];
    let mut settings = Vec::new();
    for (pip, uv, others) in NAMES {
        let value = std::env::var(pip).unwrap_or_default();
        let value = if uv == "UV_FIND_LINKS" { links_there(&value) } else { value };
        if !value.is_empty() && !is_set(uv) && !others.iter().any(|other| is_set(other)) {
            settings.push((uv, value));
        }
    }
    settings
}
