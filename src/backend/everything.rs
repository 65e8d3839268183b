//! What belongs into an environment of Python, on whatever system, each package with its version and hashes: a list in
//! the words of pip, of a lock or of what has none.

use super::resolve::{compile, own_lock, uv_for};
use super::uv::{Uv, limited};
use super::{Need, Session, handover, make_scratch};
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::Generation;
use crate::manifest::Format;
use crate::process::Job;
use crate::pyproject::Pyproject;
use crate::toml_text;
use crate::toml_value::Value;
use std::path::PathBuf;

/// Writes the list, and says who made it and where it is.
///
/// # Errors
/// There is no uv and none can be fetched, or it fails.
pub fn list(need: &Need<'_>, generation: &Generation, session: &mut Session<'_>) -> Result<(Uv, PathBuf)> {
    make_scratch(generation)?;
    let uv = uv_for(need, generation, session)?;
    let list = generation.scratch().join("everything.txt");
    let format = need.manifest.format;
    let by_uv = need.manifest.ruling_project().is_some_and(Pyproject::is_for_uv_alone);
    match format {
        Format::Pylock => fs::write(&list, pylock(need)?.as_bytes())?,
        Format::UvLock => session.step(&export(&uv, need, generation, &list)?)?,
        Format::ScriptLock => session.step(&export_script(&uv, need, generation, &list)?)?,
        _ if format == Format::Script || by_uv => {
            session.step(&limited(own_lock(&uv, need, generation, None)?.0, need.manifest))?;
            let is_script = format == Format::Script;
            session.step(&(if is_script { export_script } else { export })(&uv, need, generation, &list)?)?;
        }
        _ => {
            let (job, resolved) = compile(&uv, need, generation, None)?;
            session.step(&limited(job, need.manifest))?;
            fs::rename(&resolved, &list)?;
        }
    }
    Ok((uv, list))
}

fn export(uv: &Uv, need: &Need<'_>, generation: &Generation, list: &PathBuf) -> Result<Job> {
    let job = export_job(uv, need, generation, list).args(["--no-emit-workspace", "--no-default-groups", "--project"]);
    let job = job.arg(handover::project(need, generation)?);
    let extras = need.manifest.extras.iter().flat_map(|extra| ["--extra", extra]);
    let groups = need.manifest.groups.iter().flat_map(|group| ["--group", group]);
    Ok(job.args(extras).args(groups))
}

fn export_script(uv: &Uv, need: &Need<'_>, generation: &Generation, list: &PathBuf) -> Result<Job> {
    Ok(export_job(uv, need, generation, list).arg("--script").arg(handover::script(need, generation)?))
}

fn export_job(uv: &Uv, need: &Need<'_>, generation: &Generation, list: &PathBuf) -> Job {
    let job = uv.job(generation).args(["export", "--quiet", "--frozen", "--format", "requirements-txt", "--python"]);
    let job = job.arg(&need.interpreter.path).args(["--no-header", "--no-annotate", "--output-file"]);
    job.arg(list)
}

/// Nobody exports it. <https://packaging.python.org/en/latest/specifications/pylock-toml/>.
fn pylock(need: &Need<'_>) -> Result<String> {
    let label = &need.manifest.label;
    let bytes = need.manifest.sources().first().map(|source| source.bytes.as_slice()).unwrap_or_default();
    let lock = toml_text::parse(label, bytes, Kind::ManifestInvalid)?;
    let packages = lock.get("packages").and_then(Value::as_array).unwrap_or_default();
    let lines = packages.iter().map(|package| {
        pylock_line(package).ok_or_else(|| {
            let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
            let error = Error::new(Kind::ManifestInvalid, format!("carry `{name}` of `{label}`"));
            error.because("it has no version, or no wheel with a hash")
        })
    });
    lines.collect()
}

fn pylock_line(package: &Value) -> Option<String> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let marker = text("marker").map(|marker| format!(" ; {marker}")).unwrap_or_default();
    let wheels = package.get("wheels").and_then(Value::as_array)?;
    let hash = |wheel: &Value| Some(format!(" --hash=sha256:{}", wheel.get("hashes")?.get("sha256")?.as_str()?));
    let hashes: String = wheels.iter().map(hash).collect::<Option<_>>()?;
    (!hashes.is_empty()).then(|| {
        format!("{}=={}{marker}{hashes}\n", text("name").unwrap_or_default(), text("version").unwrap_or_default())
    })
}
