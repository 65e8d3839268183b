//! The plugin's own commands: what `[project.scripts]` names runs from the plugin's source, which is never installed.
//!
//! `[project.scripts]` is specified at
//! <https://packaging.python.org/en/latest/specifications/entry-points/>.

use crate::environments::Environment;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::plugin::Plugin;
use crate::pyproject::Pyproject;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Imports what a script names and calls it, as the script would do that an installer writes.
const START: &str = include_str!("entry_point.py");

/// Where projects keep their source, relative to their `pyproject.toml`.
const LAYOUTS: [&str; 4] = ["src", "", "python", "lib"];

/// The words that start a command: those of the plugin's own script, if it is one, or else as they are.
///
/// # Errors
/// The plugin says of the script what cannot be understood.
pub fn expand(plugin: &Plugin, environment: &Environment, words: &[OsString]) -> Result<Vec<OsString>> {
    let named = words.split_first().and_then(|(name, args)| Some((name.to_str()?, args)));
    let manifest = environment.manifest.as_ref().ok();
    if let (Some((name, args)), Some(package)) = (named, manifest.and_then(|manifest| manifest.package())) {
        let file = package.bin(name).map(|file| plugin.place.root.join(&environment.directory).join(file));
        let own = |file: PathBuf| ["node".into(), file.into()].into_iter().chain(args.iter().cloned()).collect();
        return Ok(file.map_or_else(|| words.to_vec(), own));
    }
    let project = manifest.and_then(|manifest| manifest.project());
    let Some(((name, args), project)) = named.zip(project) else { return Ok(words.to_vec()) };
    let Some(target) = project.script(name) else { return Ok(words.to_vec()) };
    let target = Target::parse(target).ok_or_else(|| not_understood(project, name, target))?;
    let (source, file) = target.source(&plugin.place.root.join(&environment.directory));
    let own: [OsString; 8] = [
        "python".into(),
        "-c".into(),
        START.into(),
        source.into(),
        file.into(),
        target.text().into(),
        project.name().unwrap_or_default().into(),
        project.version().unwrap_or("0").into(),
    ];
    Ok(own.into_iter().chain([name.into()]).chain(args.iter().cloned()).collect())
}

fn not_understood(project: &Pyproject, name: &str, target: &str) -> Error {
    let error = Error::new(Kind::ManifestInvalid, format!("read `{}`", project.label()));
    let error =
        error.because(format!("`project.scripts.{name}`: expected `package.module:function`, found `{target}`"));
    error.hint("name a module and a function in it")
}

/// What a script calls.
struct Target<'a> {
    module: &'a str,
    function: &'a str,
}

impl<'a> Target<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // Extras behind it mean nothing any more, and may still stand there.
        let text = text.split('[').next().unwrap_or_default();
        let (module, function) = text.split_once(':')?;
        let (module, function) = (module.trim(), function.trim());
        let is_name = |part: &str| {
            let mut chars = part.chars();
            chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && chars.all(|c| c.is_alphanumeric() || c == '_')
        };
        [module, function].iter().all(|path| path.split('.').all(is_name)).then_some(Self { module, function })
    }

    fn text(&self) -> String {
        format!("{}:{}", self.module, self.function)
    }

    /// The directory to import from, and the module's file: where the module lies first. One that lies nowhere may come
    /// with the packages.
    fn source(&self, project: &Path) -> (PathBuf, PathBuf) {
        let path = self.module.replace('.', "/");
        let files = [format!("{path}.py"), format!("{path}/__init__.py")];
        let places = LAYOUTS.iter().flat_map(|layout| {
            let directory = if layout.is_empty() { project.to_owned() } else { project.join(layout) };
            files.iter().map(move |file| (directory.clone(), directory.join(file)))
        });
        let mut places = places;
        places.find(|(_, file)| fs::is_file(file)).unwrap_or_else(|| (project.to_owned(), PathBuf::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Target::parse(text).map(|target| target.text())
    }

    #[test]
    fn a_target_is_a_module_and_a_function() {
        assert_eq!(parsed("a.b_c:main").as_deref(), Some("a.b_c:main"));
        assert_eq!(parsed(" a : Cls.main [extra]").as_deref(), Some("a:Cls.main"));
        for wrong in ["", "a", "a:", ":b", "a:b()", "a/b:c", "a..b:c", "1a:b", "a:b:c", "a b:c"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
