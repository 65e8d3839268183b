//! What requirements resolve to, with hashes and for every platform: the text of a lock. Only uv can tell, so it is
//! fetched where there is none, whatever the configuration says of installing.

use super::pip::Pip;
use super::uv::{PINNED, Uv, limited};
use super::{Need, Session, handover, make_scratch};
use crate::credentials::decoded;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::{BaseInterpreter, Generation, SCRIPTS};
use crate::manifest::{Format, Manifest};
use crate::output;
use crate::plugin::user_data;
use crate::process::Job;
use crate::pyproject::Pyproject;
use crate::requirement_line::Line;
use crate::requirements::each_raw_line;
use crate::trust;
use crate::version::{Specifiers, Version};
use std::path::{Path, PathBuf};

/// Where in the directory of our own such tools are.
const TOOLS: &str = ".tools";

/// The text of a lock; of `known`, an earlier one, the versions stay as long as they fit.
///
/// # Errors
/// There is no uv and none can be fetched, or it fails.
pub fn resolve(
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    known: Option<&[u8]>,
) -> Result<String> {
    make_scratch(generation)?;
    let uv = uv_for(need, generation, session)?;
    let by_uv = need.manifest.ruling_project().is_some_and(Pyproject::is_for_uv_alone);
    let is_script = need.manifest.format == Format::Script;
    let (job, lock) = match is_script || by_uv {
        true => own_lock(&uv, need, generation, known)?,
        false => compile(&uv, need, generation, known)?,
    };
    session.step(&limited(job, need.manifest))?;
    let text = String::from_utf8_lossy(&fs::read(&lock)?).into_owned();
    Ok(if is_script || by_uv { text } else { options(need.manifest) + &relocated(need, &text) })
}

/// The uv that is there, or one that pip fetches.
pub(super) fn uv_for(need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<Uv> {
    match Uv::find(need).or_else(|reason| fetched_before(&need.tools).map(Uv::at).ok_or(reason)) {
        Ok(uv) => Ok(uv),
        Err(reason) => fetched(need, generation, session, reason),
    }
}

/// One that was fetched before, for this plugin or another one of the same author: each was checked against the same hash.
fn fetched_before(tools: &Path) -> Option<PathBuf> {
    let base = user_data().unwrap_or_default();
    let data = fs::names(&base).into_iter().map(|name| base.join(name));
    let others = data.filter(|data| trust::check(data, TOOLS).is_ok()).map(|data| data.join("plugdeps").join(TOOLS));
    let name = format!("uv{}", std::env::consts::EXE_SUFFIX);
    let program = |tools: PathBuf| tools.join(format!("uv-{PINNED}")).join(SCRIPTS).join(&name);
    std::iter::once(tools.to_owned()).chain(others).map(program).find(|program| fs::is_file(program))
}

fn fetched(need: &Need<'_>, generation: &Generation, session: &mut Session<'_>, reason: String) -> Result<Uv> {
    let pip = Pip::find(need).map_err(|other| {
        let error = Error::new(Kind::NoInstaller, format!("find a uv that locks `{}`", need.manifest.label));
        error.because(format!("uv: {reason}")).because(format!("pip, to fetch it: {other}")).hint("install uv")
    })?;
    output::note(&format!("pip fetches uv, which is kept in `{}`", need.tools.display()));
    pip.fetch_uv(need, generation, session)
}

/// A requirements file that pip reads as well, and that names nobody's index.
pub(super) fn compile(
    uv: &Uv,
    need: &Need<'_>,
    generation: &Generation,
    known: Option<&[u8]>,
) -> Result<(Job, PathBuf)> {
    let lock = generation.scratch().join("resolved.txt");
    if let Some(known) = known {
        fs::write(&lock, versions(known).as_bytes())?;
    }
    let job = uv.job(generation).args(["pip", "compile", "--quiet", "--universal", "--generate-hashes"]);
    let job = job.args(["--no-annotate", "--no-header", "--python"]).arg(&need.interpreter.path);
    let job = job.arg("--python-version").arg(lowest(need.manifest, need.interpreter)).arg("--output-file").arg(&lock);
    let job = match need.manifest.ruling_project() {
        Some(_) => job.arg("--project").arg(handover::project(need, generation)?),
        None => job,
    };
    // pip lets the index in a file win over the one in the environment; so does this.
    let job = if handover::names_index(need.manifest) { job.unset(["UV_DEFAULT_INDEX"]) } else { job };
    Ok((job.args(handover::write(need, generation)?), lock))
}

/// uv's own lock, made of a copy: what is wrong with it is found before it is in the plugin.
pub(super) fn own_lock(
    uv: &Uv,
    need: &Need<'_>,
    generation: &Generation,
    known: Option<&[u8]>,
) -> Result<(Job, PathBuf)> {
    let script = need.manifest.format == Format::Script;
    if need.manifest.project().is_some_and(Pyproject::needs_its_place) {
        let error = Error::new(Kind::ManifestInvalid, format!("lock `{}`", need.manifest.label));
        let error = error.because("it names places beside itself, which are not beside a copy");
        let label = &need.manifest.label;
        return Err(error.hint(if script {
            format!("run `uv lock --script {label}`")
        } else {
            "run `uv lock`".into()
        }));
    }
    let job = uv.job(generation).args(["lock", "--quiet", "--python"]).arg(&need.interpreter.path);
    let (job, lock) = if script {
        let copy = handover::script(need, generation)?;
        let mut lock = copy.clone().into_os_string();
        lock.push(".lock");
        (job.arg("--script").arg(copy), PathBuf::from(lock))
    } else {
        let copy = handover::project(need, generation)?;
        let lock = copy.join("uv.lock");
        (job.arg("--project").arg(copy), lock)
    };
    known.map_or(Ok(()), |known| fs::write(&lock, known))?;
    Ok((job, lock))
}

/// The versions in a lock, which uv keeps where they fit.
fn versions(lock: &[u8]) -> String {
    let text = String::from_utf8_lossy(lock);
    let is_version = |line: &&str| line.contains("==") && line.starts_with(|c: char| c.is_ascii_alphanumeric());
    text.lines().filter(is_version).map(|line| line.trim_end_matches('\\').to_owned() + "\n").collect()
}

/// The lowest Python that the plugin accepts. Where nothing says it, that is the one at hand: with a lower one there
/// might be no answer.
fn lowest(manifest: &Manifest, interpreter: &BaseInterpreter) -> String {
    let Some(Ok(wanted)) = manifest.requires().map(Specifiers::parse) else {
        return interpreter.identity.version.clone();
    };
    // A bound may lie between two releases, or above all.
    let admits = |version: &str| Version::parse(version).is_ok_and(|version| wanted.admits(&version));
    let found = (0..100).find(|minor| admits(&format!("3.{minor}")) || admits(&format!("3.{minor}.99")));
    found.map_or(interpreter.identity.version.clone(), |minor| format!("3.{minor}"))
}

/// The lines that say where packages come from, which a lock in uv's words leaves out.
fn options(manifest: &Manifest) -> String {
    let mut options = String::new();
    for source in manifest.sources() {
        each_raw_line(source, &mut |raw| {
            let line = Line::parse(raw.text);
            if line.subject().is_none() && !line.is_include() && !line.has("--require-hashes") {
                options.push_str(raw.text.trim());
                options.push('\n');
            }
        });
    }
    options
}

/// Files of the plugin, which were handed over by where they are on this machine, by where they are in the plugin.
fn relocated(need: &Need<'_>, text: &str) -> String {
    let directory = Path::new(&need.manifest.label).parent().unwrap_or(Path::new(""));
    let up = "../".repeat(directory.components().count());
    let place = |directory: &Path| handover::file_url(&fs::resolved(directory)) + "/";
    let places = [(place(&need.root.join(directory)), "./"), (place(need.root), up.as_str())];
    let told = |line: &str| {
        let found = line.split_once(" @ ").and_then(|(_, url)| {
            places.iter().find_map(|(place, near)| Some(format!("{near}{}", decoded(url.strip_prefix(place)?))))
        });
        found.unwrap_or_else(|| line.to_owned()) + "\n"
    };
    text.lines().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_lock_are_kept_without_hashes_places_and_options() {
        let lock = b"# from requirements.txt==1\n--index-url https://h/==\nsix==1.0 ; python_version < '4' \\\n    \
                     --hash=sha256:0==\n./wheels/a==1.whl\nb @ https://h/b.whl\n";
        assert_eq!(versions(lock), "six==1.0 ; python_version < '4' \n");
    }
}
