//! pip: there wherever Python is. It installs into an environment that has no pip of its own, which
//! needs no ensurepip (its absence is the commonest failure of `venv`) and half the memory.

use super::uv::{PINNED, Uv};
use super::{Need, Session, handover, isolated, of_class};
use crate::config::Installer;
use crate::error::{Error, Kind, Result};
use crate::failure;
use crate::fs;
use crate::gc::unfinished_tool;
use crate::generation::{Generation, SCRIPTS};
use crate::interpreter::{self, FOREIGN};
use crate::process::{Job, NO_FILE};
use crate::runtime::Runtime;
use crate::version::{Specifiers, Version};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an interpreter may take to say which pip it has.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asked of an interpreter. With its site directories, since pip often lives in the user's.
const WHICH_PIP: &str = r#"
import sys, pip
sys.stdout.write("\nplugdeps-pip\t" + "\t".join((pip.__version__, pip.__path__[0])) + "\n")
"#;

/// The pinned uv and the hashes of its wheels, in pip's own format.
const UV_PIN: &str = include_str!("uv_pin.txt");

/// A pip, and the interpreter it belongs to.
#[derive(Debug)]
pub struct Pip {
    python: PathBuf,
    version: String,
    package: PathBuf,
    /// Whether it can install into another interpreter's environment, which it can since 22.3.
    reaches_out: bool,
    /// Whether it can leave out what was uploaded too late, which it can since 26.0.
    knows_times: bool,
}

impl Pip {
    /// pip serves everything but locks, and projects with sources that only uv knows.
    ///
    /// # Errors
    /// The reason that it does not serve.
    pub fn agree(need: &Need<'_>) -> Result<Self, String> {
        if need.installer == Installer::Uv {
            return Err("the configuration says `installer = \"uv\"`".into());
        }
        if needs_uv(need) {
            return Err(format!("only uv can install what `{}` says", need.manifest.label));
        }
        Self::find(need).and_then(|pip| pip.in_time(need))
    }

    /// To ignore `exclude-newer` would be to install what the author means to be spared.
    fn in_time(self, need: &Need<'_>) -> Result<Self, String> {
        match need.manifest.exclude_newer {
            Some(_) if !self.knows_times => {
                Err(format!("pip {} knows nothing of `exclude-newer`: 26.0 or later does", self.version))
            }
            _ => Ok(self),
        }
    }

    /// pip can fetch uv for a manifest that only uv serves.
    ///
    /// # Errors
    /// The reason that it cannot.
    pub fn agree_to_fetch_uv(need: &Need<'_>) -> Result<Self, String> {
        let is_too_old = need.manifest.exclude_newer.is_some() && need.installer != Installer::Pip;
        if need.installer != Installer::Uv && !needs_uv(need) && !is_too_old {
            return Err(format!("not needed for `{}`", need.manifest.label));
        }
        Self::find(need)
    }

    /// The interpreter's own pip; else one of another interpreter that can install from outside.
    pub(super) fn find(need: &Need<'_>) -> Result<Self, String> {
        let own = Self::of(&need.interpreter.path);
        own.or_else(|reason| {
            let others = interpreter::candidates(Runtime::Python, None).into_iter().filter(|c| c.args.is_empty());
            let mut found = others.filter_map(|candidate| Self::of(&candidate.path).ok());
            found.find(|pip| pip.reaches_out).ok_or(reason)
        })
    }

    fn of(python: &Path) -> Result<Self, String> {
        let job = Job::new(python).args(["-c", WHICH_PIP]).unset(FOREIGN).outside_projects();
        let (_, said) = job.ask(PATIENCE).map_err(|e| format!("`{}` cannot be started: {e}", python.display()))?;
        let answer = said.lines().find_map(|line| line.strip_prefix("plugdeps-pip\t")?.split_once('\t'));
        let (version, package) = answer.ok_or_else(|| format!("`{}` has no pip", python.display()))?;
        let (reaches_out, knows_times) = (is_since(version, ">=22.3"), is_since(version, ">=26.0"));
        let (python, version, package) = (python.to_path_buf(), version.into(), package.into());
        Ok(Self { python, version, package, reaches_out, knows_times })
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The interpreter it belongs to.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// Who tells it of extra indexes, but for requirements files: variables, and files of the user and of the system.
    pub fn extra_index_settings(&self) -> Vec<String> {
        let job = Job::new(&self.python).args(["-m", "pip", "config", "list"]).unset(FOREIGN);
        let said = job.outside_projects().ask(PATIENCE).map(|(_, said)| said);
        let said = said.unwrap_or_default();
        let keys = said.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim());
        let extra = keys.filter(|key| key.ends_with(".extra-index-url"));
        let named = extra.map(|key| match key.strip_prefix(":env:") {
            Some(_) => "the variable `PIP_EXTRA_INDEX_URL`".to_owned(),
            None => format!("pip's setting `{key}`"),
        });
        named.collect()
    }

    /// Installs the packages.
    ///
    /// # Errors
    /// pip failed.
    pub fn install_packages(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
        let files = handover::write(need, generation)?;
        let newer = need.manifest.exclude_newer.iter().filter(|_| std::env::var_os("PIP_UPLOADED_PRIOR_TO").is_none());
        let hashes = need.manifest.require_hashes.then_some("--require-hashes");
        let job = self.install_for(generation)?.args(hashes);
        let job = job.args(newer.flat_map(|moment| ["--uploaded-prior-to", moment]));
        step(&files.iter().fold(job, |job, file| job.arg("-r").arg(file)), generation, session)
    }

    /// The job that installs what the plugin carries: these packages out of this directory, and from nowhere else.
    ///
    /// # Errors
    /// What it needs cannot be written.
    pub fn install_bundle(&self, generation: &Generation, list: &Path, packages: &Path) -> Result<Job> {
        // Nothing that the user has set of other places and of times: it is for packages that nobody has chosen yet.
        let job = self.install_for(generation)?.set("PIP_CONFIG_FILE", NO_FILE);
        let job = job.unset(["PIP_FIND_LINKS", "PIP_UPLOADED_PRIOR_TO", "PIP_CONSTRAINT", "PIP_NO_BINARY"]);
        let job = job.args(["--no-index", "--no-deps", "--require-hashes", "--find-links"]);
        Ok(job.arg(handover::file_url(packages)).arg("-r").arg(list))
    }

    /// `pip download`, which asks nobody and looks at no environment.
    ///
    /// # Errors
    /// What it needs cannot be written.
    #[cfg(feature = "author")]
    pub fn download(&self, generation: &Generation) -> Result<Job> {
        let job = isolated(&self.python, generation).args(["-m", "pip", "download", "--progress-bar", "off"]);
        let job = job.set("PIP_NO_INPUT", "1").set("PIP_DISABLE_PIP_VERSION_CHECK", "1").set("NO_COLOR", "1");
        own_settings(job, generation)
    }

    /// `pip install` for the environment of `generation`.
    fn install_for(&self, generation: &Generation) -> Result<Job> {
        let job = if self.reaches_out {
            let job = isolated(&self.python, generation).args(["-m", "pip", "--python"]);
            job.arg(generation.python()).arg("install")
        } else {
            isolated(&generation.python(), generation).arg(self.alone(generation)?).arg("install")
        };
        // Never into the base interpreter, even if the environment goes away under an installer left running.
        quiet(job.set("PIP_REQUIRE_VIRTUALENV", "1"), generation)
    }

    /// An old pip runs in the environment itself, from a directory that shows it nothing but pip:
    /// beside its own packages it would take those for installed.
    fn alone(&self, generation: &Generation) -> Result<PathBuf> {
        let directory = generation.scratch().join("pip");
        fs::create_directory(&directory)?;
        let link = directory.join("pip");
        match fs::link_directory(&self.package, &link, &directory) {
            Ok(true) => Ok(link),
            outcome => {
                let error =
                    Error::new(Kind::NoInstaller, format!("use pip {}, which is older than 22.3", self.version));
                let cause = outcome.err().map_or("links cannot be made here".into(), |e| e.to_string());
                Err(error.because(cause).hint("update pip, or install uv"))
            }
        }
    }

    /// Installs the pinned uv beside the environments, once, checked against its hash.
    ///
    /// # Errors
    /// pip failed.
    pub fn fetch_uv(&self, need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<Uv> {
        let home = need.tools.join(format!("uv-{PINNED}"));
        let program = PathBuf::from(SCRIPTS).join(format!("uv{}", std::env::consts::EXE_SUFFIX));
        if !fs::is_file(&home.join(&program)) {
            self.install_uv(need, generation, session, &home)?;
        }
        Ok(Uv::at(home.join(program)))
    }

    fn install_uv(
        &self,
        need: &Need<'_>,
        generation: &Generation,
        session: &mut Session<'_>,
        home: &Path,
    ) -> Result<()> {
        let pin = generation.scratch().join("uv-pin.txt");
        fs::write(&pin, UV_PIN.as_bytes())?;
        fs::create_directory(&need.tools)?;
        let staged = fs::create_unique_directory(&need.tools, &unfinished_tool(need.environment))?;
        let job = isolated(&self.python, generation).args(["-m", "pip", "install"]).set("PIP_REQUIRE_VIRTUALENV", "0");
        let job = quiet(job, generation)?;
        let job = job.args(["--require-hashes", "--only-binary", ":all:", "--no-deps", "--target"]).arg(&staged);
        step(&job.arg("-r").arg(&pin), generation, session)?;
        // Another environment's builder may have been first; its uv is the same.
        match fs::rename(&staged, home) {
            Err(_) if fs::is_directory(home) => fs::remove_tree(&staged),
            outcome => outcome,
        }
    }
}

/// Runs pip to its end. It keeps to itself why it found nothing, but for its detailed log. To keep one always would hide
/// what a failed build says, and fill the disk; so it is asked once more, without the patience that it has shown.
fn step(job: &Job, generation: &Generation, session: &mut Session<'_>) -> Result<()> {
    let error = match session.step(job) {
        Err(error) if error.class == Some(failure::NOTHING_FOUND) => error,
        ended => return ended,
    };
    let details = generation.scratch().join("pip.log");
    let job = job.clone().set("PIP_LOG", &details).set("PIP_RETRIES", "0");
    let Err(again) = session.step(&job) else { return Ok(()) };
    let said = fs::read_optional(&details).ok().flatten().unwrap_or_default();
    let class = failure::explained(&String::from_utf8_lossy(&said));
    Err(match class {
        Some(class) if again.class == error.class => of_class(error, class),
        _ => error,
    })
}

/// Settings that would send packages elsewhere. pip reads the environment's own file after the user's, and takes
/// empty values for none.
const REDIRECT_NOTHING: &str = "[global]\ntarget=\nprefix=\nroot=\n[install]\ntarget=\nprefix=\nroot=\n";

/// Nothing is asked, since nobody answers; nothing of the user's settings sends packages elsewhere. Bytecode is left
/// to the first start: compiling doubles the time until then.
fn quiet(job: Job, generation: &Generation) -> Result<Job> {
    let job = job.set("PIP_DRY_RUN", "0").set("PIP_NO_DEPS", "0").set("PIP_IGNORE_INSTALLED", "0");
    let job = job.set("PIP_USER", "0").set("PIP_NO_INPUT", "1").set("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    let job = job.set("PIP_ROOT_USER_ACTION", "ignore").set("NO_COLOR", "1");
    let job = job.args(["--no-compile", "--no-warn-script-location"]);
    if fs::is_directory(&generation.prefix()) {
        fs::write(&generation.pip_settings(), REDIRECT_NOTHING.as_bytes())?;
    }
    own_settings(job, generation)
}

/// A file that `PIP_CONFIG_FILE` names outranks even the environment's: pip is shown a copy without what redirects. What
/// cannot be read is for pip to judge; to it the null device means that there are no settings.
fn own_settings(job: Job, generation: &Generation) -> Result<Job> {
    let Some(file) = std::env::var_os("PIP_CONFIG_FILE").map(PathBuf::from) else { return Ok(job) };
    let Ok(Some(content)) = fs::read_optional(&file) else { return Ok(job) };
    let copy = generation.scratch().join("pip.conf");
    let redirects = |line: &str| {
        let key = line.split(['=', ':']).next().unwrap_or_default().trim().to_lowercase().replace('_', "-");
        ["target", "prefix", "root", "user"].contains(&key.as_str())
    };
    let text = String::from_utf8_lossy(&content);
    let kept: Vec<&str> = text.lines().filter(|line| !redirects(line)).collect();
    fs::write(&copy, kept.join("\n").as_bytes())?;
    Ok(job.set("PIP_CONFIG_FILE", copy))
}

pub(super) fn is_since(version: &str, since: &str) -> bool {
    let parsed = Version::parse(version).ok().zip(Specifiers::parse(since).ok());
    parsed.is_some_and(|(version, since)| since.admits(&version))
}

fn needs_uv(need: &Need<'_>) -> bool {
    let project = need.manifest.ruling_project();
    need.manifest.is_lock() || project.is_some_and(crate::pyproject::Pyproject::is_for_uv_alone)
}

/// The job that makes the environment.
pub fn make_environment(need: &Need<'_>, generation: &Generation) -> Job {
    let job = isolated(&need.interpreter.path, generation).args(["-m", "venv", "--without-pip"]);
    job.arg(generation.prefix())
}
