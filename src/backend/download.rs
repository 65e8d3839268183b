//! Wheels for the systems that an author names, out of a list of everything.

use super::pip::Pip;
use super::uv::Uv;
use super::{Need, Session};
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::Generation;
use crate::platform::Platform;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Fetches what of the list belongs on this system with this Python. What somebody would have to build is refused.
///
/// # Errors
/// There is no pip, something has no wheel for it, or an installer failed.
pub fn wheels(
    uv: &Uv,
    list: &Path,
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    (platform, python, into): (&Platform, &str, &Path),
) -> Result<()> {
    let chosen = choose(uv, list, need, generation, session, (platform, python))?;
    let pip = Pip::find(need).map_err(|reason| {
        let error = Error::new(Kind::NoInstaller, "find a pip that downloads wheels").because(reason);
        error.hint("install pip for this interpreter: uv has no such command")
    })?;
    let job = pip.download(generation)?.args(["--no-deps", "--require-hashes", "--only-binary", ":all:"]);
    let job = job.args(["--implementation", "cp", "--python-version", python]);
    let job = job.args(platform.wheel_tags().into_iter().flat_map(|tag| ["--platform".to_owned(), tag]));
    session.step(&job.arg("--dest").arg(into).arg("-r").arg(chosen))
}

/// The lines of the list that belong there: pip knows the marker of no other system than its own.
fn choose(
    uv: &Uv,
    list: &Path,
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    (platform, python): (&Platform, &str),
) -> Result<PathBuf> {
    let chosen = generation.scratch().join(format!("{}-{python}.txt", platform.name));
    let job = uv.job(generation).args(["pip", "compile", "--quiet", "--no-deps", "--generate-hashes", "--no-annotate"]);
    let job = job.args(["--no-header", "--python-platform", platform.uv, "--python-version", python, "--python"]);
    let job = job.arg(&need.interpreter.path).arg("--output-file").arg(&chosen).arg(list);
    session.step(&job)?;
    Ok(chosen)
}

/// The list as an installer follows it that has nothing but the wheels: what was named by its address is named by its
/// version.
///
/// # Errors
/// Something is no wheel.
pub fn by_version(list: &Path) -> Result<String> {
    let text = String::from_utf8_lossy(&fs::read(list)?).into_owned();
    let mut told = String::new();
    for line in text.lines() {
        let line = line.trim_end_matches([' ', '\\']);
        let open = if line.is_empty() || line.starts_with('#') { continue } else { line.trim_start() };
        let is_hash = open.starts_with("--hash");
        let (place, rest) = open.split_once(" ; ").unwrap_or((open, ""));
        let named = if is_hash || place.contains("==") { None } else { Some(name_and_version(place)?) };
        let text = match (named, rest) {
            (None, _) => open.to_owned(),
            (Some(named), "") => named,
            (Some(named), marker) => format!("{named} ; {marker}"),
        };
        let _ = write!(
            told,
            "{}{text}",
            if is_hash {
                " "
            } else if told.is_empty() {
                ""
            } else {
                "\n"
            }
        );
    }
    Ok(told + "\n")
}

/// `NAME==VERSION` of `NAME @ URL` or a path, by the name of the wheel that it leads to.
fn name_and_version(place: &str) -> Result<String> {
    let address = place.rsplit(" @ ").next().unwrap_or(place);
    let file = address.split(['#', '?']).next().unwrap_or(address).rsplit(['/', '\\']).next().unwrap_or(address);
    let file = crate::credentials::decoded(file);
    let parts = file.strip_suffix(".whl").and_then(|stem| {
        let mut parts = stem.split('-');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    });
    let (name, version) = parts.ok_or_else(|| {
        let error = Error::new(Kind::ManifestInvalid, format!("carry `{place}`")).because("it is no wheel");
        error.hint("put a wheel of it into the plugin, or leave it to the network")
    })?;
    Ok(format!("{name}=={version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_for_wheels_alone_names_each_by_its_version() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("list.txt");
        let text = "a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\n\
                    b @ file:///p%20q/b_c-1.0%2Blocal-py3-none-any.whl ; python_version < '4' \\\n    --hash=sha256:2\n\
                    ./w/d-2-py3-none-any.whl\n";
        fs::write(&list, text.as_bytes()).unwrap();
        let told = "a==1 ; sys_platform == 'win32' --hash=sha256:0 --hash=sha256:1\n\
                    b_c==1.0+local ; python_version < '4' --hash=sha256:2\nd==2\n";
        assert_eq!(by_version(&list).unwrap(), told);
        fs::write(&list, b"e @ git+https://h/e@1\n").unwrap();
        assert!(by_version(&list).unwrap_err().sentence().contains("no wheel"));
    }
}
