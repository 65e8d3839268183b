//! `lock`: writes down, with hashes and for every platform, what a plugin's requirements resolve to, for the author to
//! ship.

use crate::backend::{self, Need, Session};
use crate::credentials::Known;
use crate::environments::Environment;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::Generation;
use crate::manifest::{Format, Manifest};
use crate::output;
use crate::plugin::Plugin;
use crate::project::join;
use crate::project::split;
use crate::provenance::{self, Provenance};
use crate::runtime::Runtime;
use crate::workbench;
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// Locks one environment, or with `check` only says whether its lock is up to date.
///
/// # Errors
/// The lock is out of date or not there, for `check`; otherwise it cannot be made or written.
pub fn lock(plugin: &Plugin, environment: &Environment, check: bool) -> Result<()> {
    let root = &plugin.place.root;
    if environment.runtime() == Some(Runtime::Node) {
        return leave_to_manager(environment, check);
    }
    let Some((source, old)) = provenance::source(root, environment)? else {
        let label = environment.manifest.as_ref().map(|manifest| manifest.label.clone()).unwrap_or_default();
        output::note(&format!("environment {}: `{label}` is a lock that something else wrote", environment.name));
        return Ok(());
    };
    let target = target(&source);
    let provenance = Provenance::of(&source);
    if check {
        return match old {
            Some(old) if old == provenance => told(environment, &target, "is up to date"),
            Some(_) => Err(outdated(&target, &format!("`{}` is no longer what it was", source.label))),
            None => Err(outdated(&target, &format!("`{}` has none", source.label))),
        };
    }
    refuse_copy(root)?;
    let path = root.join(&target);
    let known = fs::read_optional(&path)?;
    if known.as_ref().is_some_and(|lock| Provenance::read(lock).is_none()) {
        let error = Error::new(Kind::Usage, format!("write `{target}`")).because("something else wrote the one there");
        return Err(error.hint("remove it first"));
    }
    let text = provenance.line("lock")
        + &Making { plugin, environment, source: &source }.resolve(known.as_deref().map(rest))?;
    if known.as_deref() == Some(text.as_bytes()) {
        return told(environment, &target, "stays as it is");
    }
    workbench::write(&path, text.as_bytes())?;
    told(environment, &target, "is written: ship it with the plugin")?;
    indexes(&text).iter().for_each(|index| output::note(&format!("`{target}` has installers fetch from `{index}`")));
    if let Some(name) = environment.settings.manifest.as_deref().filter(|name| unread(name, &target)) {
        output::note(&format!("the configuration names `{name}`: write `manifest = \"{}\"`", split(&target).1));
    }
    Ok(())
}

/// Packages of Node are locked by what installs them.
fn leave_to_manager(environment: &Environment, check: bool) -> Result<()> {
    let manifest = environment.manifest.as_ref().ok();
    let bare = manifest.filter(|manifest| manifest.format == Format::Package);
    if let Some(manifest) = bare.filter(|_| check) {
        let error = Error::new(Kind::LockOutdated, format!("use a lock of `{}`", manifest.label));
        return Err(error
            .because("there is none")
            .hint("run `npm install --package-lock-only` and ship what it writes"));
    }
    let with = if bare.is_some() { ": `npm install --package-lock-only` does" } else { "" };
    output::note(&format!(
        "environment {}: its lock is for the manager of its packages to write{with}",
        environment.name
    ));
    Ok(())
}

fn told(environment: &Environment, target: &str, what: &str) -> Result<()> {
    output::note(&format!("environment {}: `{target}` {what}", environment.name));
    Ok(())
}

fn outdated(target: &str, cause: &str) -> Error {
    let error = Error::new(Kind::LockOutdated, format!("use `{target}`"));
    error.because(cause).hint("run `plugdeps lock` and ship what it writes")
}

/// Whether a lock is not looked for, since the configuration names something else.
fn unread(name: &str, target: &str) -> bool {
    let lock = split(target).1;
    name != lock && format!("{name}.lock") != lock
}

/// What is written for a manifest: uv's own lock where only uv can follow it, and what every installer reads elsewhere.
fn target(source: &Manifest) -> String {
    let (directory, name) = split(&source.label);
    let by_uv = source.ruling_project().is_some_and(crate::pyproject::Pyproject::is_for_uv_alone);
    let name = match source.format {
        Format::Script | Format::ScriptLock => format!("{name}.lock"),
        _ if by_uv => "uv.lock".to_owned(),
        _ if name == "pyproject.toml" => "requirements.lock".to_owned(),
        _ => format!("{}.lock", name.strip_suffix(".txt").unwrap_or(name)),
    };
    join(directory, &name)
}

/// A host replaces its copy of a plugin at the next update, and what was written there is gone.
///
/// # Errors
/// It is such a copy.
pub fn refuse_copy(root: &Path) -> Result<()> {
    let names = [".claude", "plugins", "cache"].map(|name| Component::Normal(name.as_ref()));
    let parts: Vec<Component<'_>> = root.components().collect();
    if !parts.windows(names.len()).any(|part| part == names) {
        return Ok(());
    }
    let error = Error::new(Kind::Usage, format!("write into `{}`", root.display()));
    let error = error.because("it is the host's copy of the plugin, which the next update replaces");
    Err(error.hint("name the directory in which you write the plugin with `--root`"))
}

/// The indexes that a lock of uv names: whoever installs from it must reach them, whatever indexes they have themselves.
fn indexes(lock: &str) -> BTreeSet<&str> {
    let names = lock.split("registry = \"").skip(1);
    names.filter_map(|rest| rest.split('"').next()).collect()
}

/// A lock without its first line.
fn rest(lock: &[u8]) -> &[u8] {
    let end = lock.iter().position(|&byte| byte == b'\n').map_or(lock.len(), |end| end + 1);
    lock.get(end..).unwrap_or_default()
}

struct Making<'a> {
    plugin: &'a Plugin,
    environment: &'a Environment,
    source: &'a Manifest,
}

impl Making<'_> {
    /// What the requirements resolve to, but for the first line. What is locked already stays as long as it fits.
    fn resolve(&self, known: Option<&[u8]>) -> Result<String> {
        let resolve = |need: &Need<'_>, generation: &Generation, session: &mut Session<'_>| {
            let text = backend::resolve::resolve(need, generation, session, known)?;
            Ok((text, need.interpreter.identity.version.clone()))
        };
        let (text, version) = workbench::with(self.plugin, self.environment, self.source, &resolve)?;
        self.keeps_secrets(&text)?;
        self.tell_python(&version);
        Ok(text)
    }

    /// A login that the author wrote down would be shipped once more.
    fn keeps_secrets(&self, text: &str) -> Result<()> {
        let mut secrets = Known::in_environment();
        self.source.texts().iter().for_each(|text| secrets.learn_from(text));
        let tells = |line: &&str| {
            let line = without_variables(line);
            secrets.redact(&line) != line
        };
        let Some(line) = text.lines().find(tells) else { return Ok(()) };
        let error = Error::new(Kind::ManifestInvalid, format!("write `{}`", target(self.source)));
        let error = error.because(format!("a login would stand in it: `{}`", secrets.redact(line)));
        // Without an address, of which the login would be hidden here as well.
        Err(error.hint("write variables in its place, `${USER}:${TOKEN}`, or put it where installers look for logins"))
    }

    fn tell_python(&self, version: &str) {
        if self.source.requires().is_none() && self.source.wanted().is_none() {
            output::note(&format!(
                "`{}` is for Python {version} and later, since nothing says `requires-python`: write that into `pyproject.toml`, \
                 below `[project]`",
                target(self.source)
            ));
        }
    }
}

/// The line without logins that are variables: they are no secret, and are what is to be written.
fn without_variables(line: &str) -> String {
    // Of a repository the revision stands there.
    let line =
        if line.contains("git = \"") || line.contains("git+") { line.replace('?', "#") } else { line.to_owned() };
    let is_variable = |part: &str| part.starts_with("${") && part.ends_with('}');
    let parts = line.split("://").map(|part| match part.split_once('@') {
        Some((login, rest)) if login.split(':').all(is_variable) => rest,
        _ => part,
    });
    parts.collect::<Vec<_>>().join("://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::redact;

    #[test]
    fn a_login_of_variables_is_no_secret_and_every_other_is() {
        for line in ["a @ https://${U}:${P}@h/a.whl", "--index-url https://${T}@h/s", "six==1"] {
            let line = without_variables(line);
            assert_eq!(redact(&line), line);
        }
        for line in ["a @ https://me:${P}@h/a.whl", "-i https://${T}:x@h/s", "-i https://h/s?t=1"] {
            let line = without_variables(line);
            assert_ne!(redact(&line), line);
        }
    }
}
