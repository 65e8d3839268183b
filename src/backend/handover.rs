//! What installers are handed: the requirements as they were read and hashed, in files of our own.
//!
//! The author's files are not handed over themselves. A copy says the same whatever happens to the original
//! meanwhile, can leave out the plugin itself, which runs from its source and is never installed, can name the
//! places in the plugin absolutely, since installers look for them in the directory they run in, and has
//! each requirement on one line, which uv needs.

use super::Need;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::Generation;
use crate::lockfile;
use crate::manifest::{Format, Manifest};
use crate::project::join;
use crate::pyproject::Pyproject;
use crate::requirement_line::shown;
use crate::requirements::{Raw, Source, each_raw_line};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Writes the files to hand to an installer with `-r`.
///
/// # Errors
/// A requirement is a source directory of somebody else's in the plugin, or a file cannot be written.
pub fn write(need: &Need<'_>, generation: &Generation) -> Result<Vec<PathBuf>> {
    let manifest = need.manifest;
    let directory = generation.scratch().join("manifests");
    if let (Format::Pyproject | Format::Script, Some(project)) = (manifest.format, manifest.project()) {
        let lines = project.requirement_lines(&manifest.extras, &manifest.groups)?.join("\n");
        let source = Source { label: manifest.label.clone(), bytes: lines.into_bytes() };
        return write_file(&directory, "project.txt", &rewritten(need.root, manifest, &source, &mut Vec::new())?)
            .map(|file| vec![file]);
    }
    let mut followed = manifest.tops.clone();
    for source in manifest.sources() {
        write_file(&directory, &source.label, &rewritten(need.root, manifest, source, &mut followed)?)?;
    }
    Ok(manifest.tops.iter().map(|label| directory.join(label)).collect())
}

fn write_file(directory: &Path, label: &str, content: &str) -> Result<PathBuf> {
    let path = directory.join(label);
    fs::create_directory(path.parent().unwrap_or(directory))?;
    fs::write(&path, content.as_bytes())?;
    Ok(path)
}

/// The project to show to uv: a copy in which it finds what the project says and nothing that lies above the plugin.
/// Where the project speaks of places relative to itself, it is the plugin's own directory.
///
/// # Errors
/// The copy cannot be written, or the project names a source directory.
pub fn project(need: &Need<'_>, generation: &Generation) -> Result<PathBuf> {
    let label = Path::new(&need.manifest.label);
    let own = need.root.join(label.parent().unwrap_or(Path::new("")));
    let Some(project) = need.manifest.project().filter(|project| !project.needs_its_place()) else {
        return no_source_directories(need, &own).map(|()| own);
    };
    let copy = generation.scratch().join("project");
    fs::create_directory(&copy)?;
    fs::write(&copy.join("pyproject.toml"), project.text())?;
    if let (Format::UvLock, [lock]) = (need.manifest.format, need.manifest.sources()) {
        fs::write(&copy.join("uv.lock"), &lock.bytes)?;
    }
    Ok(copy)
}

/// The script to show to uv: a copy of what it says of itself, and of its lock. Where it speaks of places relative to
/// itself, it is the plugin's own script.
///
/// # Errors
/// As [`project`].
pub fn script(need: &Need<'_>, generation: &Generation) -> Result<PathBuf> {
    let project = need.manifest.project();
    let own = need.root.join(project.map_or(need.manifest.label.as_str(), Pyproject::label));
    let Some(project) = project.filter(|project| !project.needs_its_place()) else {
        return no_source_directories(need, own.parent().unwrap_or(need.root)).map(|()| own);
    };
    let copy = generation.scratch().join("script");
    fs::create_directory(&copy)?;
    let script = copy.join(own.file_name().unwrap_or_default());
    fs::write(&script, &project.as_script())?;
    if let [lock] = need.manifest.sources() {
        fs::write(&copy.join(Path::new(&lock.label).file_name().unwrap_or_default()), &lock.bytes)?;
    }
    Ok(script)
}

/// The lock to show to uv.
///
/// # Errors
/// It names a source directory.
pub fn pylock(need: &Need<'_>) -> Result<PathBuf> {
    let label = &need.manifest.label;
    match need.manifest.sources().iter().any(lockfile::names_directory) {
        true => Err(source_directory(format!("install from the `directory` that `{label}` names"))),
        false => Ok(need.root.join(label)),
    }
}

/// uv would build a source directory where it stands, and the plugin's directory is never written.
fn no_source_directories(need: &Need<'_>, own: &Path) -> Result<()> {
    let paths = need.manifest.project().map(Pyproject::source_paths).unwrap_or_default();
    match paths.iter().find(|path| fs::is_directory(&own.join(path))) {
        Some(path) => Err(source_directory(format!("install `{path}` of `[tool.uv.sources]`"))),
        None => Ok(()),
    }
}

fn source_directory(what: String) -> Error {
    let error = Error::new(Kind::ManifestInvalid, what);
    let error = error.because("it is a source directory, and building it would write there");
    error.hint("put a wheel of it into the plugin and name that")
}

/// Whether a file of the manifest names an index of its own.
pub fn names_index(manifest: &Manifest) -> bool {
    let mut names = false;
    for source in manifest.sources() {
        each_raw_line(source, &mut |line| names |= line.names_index);
    }
    names
}

/// What a person should know of lines that are not installed as they stand.
pub fn remarks(root: &Path, manifest: &Manifest) -> Vec<String> {
    let what = "the plugin itself is never installed: it runs from its source, so this line does nothing";
    let own = own_lines(root, manifest).into_iter();
    own.map(|(file, line, text)| format!("`{file}` line {line} `{}`: {what}", shown(&text))).collect()
}

/// The lines that name the plugin itself: file, line, text.
pub fn own_lines(root: &Path, manifest: &Manifest) -> Vec<(String, usize, String)> {
    let mut own = Vec::new();
    for source in manifest.sources().iter().filter(|_| manifest.format == Format::Requirements) {
        each_raw_line(source, &mut |line| {
            if let Some(Local::Plugin) = line.local.map(|place| local(root, manifest, source, place)) {
                own.push((source.label.clone(), line.number, line.text.to_owned()));
            }
        });
    }
    own
}

/// The file with each requirement on the line where it begins, so that an installer's complaint names that line. What is
/// `followed` already is not included again: of files that include each other pip sees no end, or refuses them.
fn rewritten(root: &Path, manifest: &Manifest, source: &Source, followed: &mut Vec<String>) -> Result<String> {
    let mut text = String::new();
    let mut lines = 1;
    let mut failed = None;
    each_raw_line(source, &mut |line| {
        while lines < line.number {
            text.push('\n');
            lines += 1;
        }
        if !line.includes.is_empty() && line.includes.iter().all(|label| followed.contains(label)) {
            return;
        }
        followed.extend(line.includes.iter().cloned());
        match told(root, manifest, source, line) {
            Ok(told) => push(&mut text, &told),
            Err(e) => failed = Some(e),
        }
    });
    text.push('\n');
    failed.map_or(Ok(text), Err)
}

/// Adds a line, whose blanks around it are gone: behind a backslash one of them kept it from being continued, and before
/// a byte order mark one kept that in the line.
fn push(text: &mut String, line: &str) {
    if line.starts_with('\u{feff}') {
        text.push(' ');
    }
    text.push_str(line);
    if line.ends_with('\\') {
        text.push(' ');
    }
}

fn told(root: &Path, manifest: &Manifest, source: &Source, line: &Raw<'_>) -> Result<String> {
    let mut text = line.text.to_owned();
    for value in &line.find_links {
        let place = beside(root, source, value);
        if !value.is_empty() && !value.contains("://") && fs::is_taken(&place) {
            text = with_link(&text, value, &file_url(&place));
        }
    }
    let Some(place) = line.local else { return Ok(text) };
    match local(root, manifest, source, place) {
        Local::Plugin => Ok(String::new()),
        Local::File(path) => Ok(text.replacen(place, &file_url(&path), 1)),
        Local::Elsewhere => Ok(text),
        Local::Directory => {
            let number = number(manifest, line);
            Err(source_directory(format!("install `{}` in `{}` line {number}", line.text, source.label)))
        }
    }
}

/// The line with another value behind its `--find-links`, however that is written; what stands elsewhere may look alike.
fn with_link(text: &str, value: &str, url: &str) -> String {
    let is_value = |at: &usize| {
        let before = text[..*at].trim_end_matches(['"', '\'', '=']).trim_end();
        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        word == "-f" || (word.starts_with("--f") && before.len() < *at)
    };
    let at = text.match_indices(value).map(|(at, _)| at).find(is_value);
    at.map_or_else(|| text.to_owned(), |at| format!("{}{url}{}", &text[..at], &text[at + value.len()..]))
}

/// The line of the manifest in which a line of what is handed over stands: of a project that is another one.
fn number(manifest: &Manifest, line: &Raw<'_>) -> usize {
    let items = if manifest.format == Format::Requirements { Vec::new() } else { manifest.items() };
    items.into_iter().find(|item| item.text == shown(line.text)).map_or(line.number, |item| item.line)
}

/// What a place in the file system turns out to be.
enum Local {
    /// The plugin, or the part of it that the manifest belongs to.
    Plugin,
    /// A file in the plugin, most often a wheel.
    File(PathBuf),
    /// Somebody else's source in the plugin.
    Directory,
    /// An absolute place, or none that is there: the installer says what it thinks of it.
    Elsewhere,
}

fn local(root: &Path, manifest: &Manifest, source: &Source, place: &str) -> Local {
    // Installers put the value of a variable in its place.
    let place = place.replace("${CLAUDE_PLUGIN_ROOT}", &root.to_string_lossy());
    let place = place.strip_prefix("file://").or(place.strip_prefix("file:")).unwrap_or(&place);
    if place.contains("://") || (Path::new(place).is_absolute() && !Path::new(place).starts_with(root)) {
        return Local::Elsewhere;
    }
    let path = fs::resolved(&beside(root, source, place));
    if fs::is_file(&path) {
        return Local::File(path);
    }
    let manifest = fs::resolved(&root.join(&manifest.label));
    match (fs::is_directory(&path), manifest.starts_with(&path)) {
        (true, true) => Local::Plugin,
        (true, false) => Local::Directory,
        (false, _) => Local::Elsewhere,
    }
}

/// A place that a file names: beside the file, or else below the plugin's directory, where authors try it out.
fn beside(root: &Path, source: &Source, place: &str) -> PathBuf {
    let directory = source.label.rsplit_once('/').map_or("", |(directory, _)| directory);
    let near = root.join(join(directory, place));
    if fs::is_taken(&near) { near } else { root.join(place) }
}

/// The one way to write a path that every installer reads whatever is in it.
pub(super) fn file_url(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    // A share of a server, `//server/share`, is its host.
    let mut url = String::from(match (text.starts_with("//"), text.starts_with('/')) {
        (true, _) => "file:",
        (false, true) => "file://",
        (false, false) => "file:///",
    });
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~:".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement_text::{each_joined_line, without_comment};

    #[test]
    fn only_the_value_of_find_links_is_replaced() {
        let cases = [
            ("-c links.txt -f links", "-c links.txt -f URL"),
            ("--find-links links --hash=x", "--find-links URL --hash=x"),
            ("-flinks", "-fURL"),
            ("--find-links='links'", "--find-links='URL'"),
            ("--find-l links", "--find-l URL"),
            ("-c links.txt", "-c links.txt"),
        ];
        cases.into_iter().for_each(|(text, told)| assert_eq!(with_link(text, "links", "URL"), told));
    }

    #[test]
    fn a_line_that_blanks_keep_apart_is_handed_over_as_the_same() {
        for text in ["-\\ \nalpha -r\n", " \u{feff} -c\n"] {
            let lines = lines_of(text);
            let mut handed = String::new();
            lines.iter().for_each(|line| {
                push(&mut handed, line);
                handed.push('\n');
            });
            assert_eq!((lines.len(), &lines), (text.matches('\n').count(), &lines_of(&handed)));
        }
    }

    fn lines_of(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        each_joined_line(text.as_bytes(), &mut |_, line| lines.push(without_comment(line).to_owned()));
        lines
    }
}
