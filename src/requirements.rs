//! pip's requirements files: what they include, and what their lines ask for.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::json::readable;
use crate::requirement_line::{Flag, Line, Named, asks_everywhere, is_prefixed, local_place, shortened, shown};
use crate::requirement_text::{each_joined_line, without_comment};
use serde::Serialize;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The largest number of files that one requirements file may reach.
const MAX_FILES: usize = 1_000;
/// The largest number of lines in all of them, continuation lines joined.
const MAX_LINES: usize = 200_000;

/// A file whose content decides what is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path relative to ROOT, with forward slashes, without `.` and `..`.
    pub label: String,
    /// The content, as it was read.
    pub bytes: Vec<u8>,
}

/// One logical line: a requirement, or options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The label of the file.
    pub file: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The text without comments, its whitespace collapsed, its credentials redacted.
    pub text: String,
}

readable!(Item { file, line, text });

/// A requirements file and everything that it includes.
#[derive(Debug, Clone, Default)]
pub struct Closure {
    /// First the file itself, then every file reached by `-r` or `-c`, each once, in the order of first mention.
    pub sources: Vec<Source>,
}

/// What a person should know about the lines of a [`Closure`]. Constraints are not requirements and not among them.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Requirements on something in the file system (`.`, `-e ./x`, `./x.whl`, a `file:` URL): its content is not seen.
    pub local: Vec<Item>,
    /// Requirements without a hash.
    pub unhashed: Vec<Item>,
    /// Whether pip checks hashes: a requirement has one, or `--require-hashes` is there.
    pub any_hash: bool,
    /// Requirements that neither they themselves nor a constraint hold at one version, nor a URL at one file.
    pub unpinned: Vec<Item>,
    /// Whether a package is asked for on every machine.
    pub asks: bool,
    /// Lines with `--extra-index-url`.
    pub extra_indexes: Vec<Item>,
}

/// Reads what `first`, the content of the file `label` in `root`, includes; one pass over each file.
///
/// # Errors
/// `ManifestInvalid`, when a `-r` or `-c` names a file that is missing, unreadable, outside `root`, a URL, or known
/// only to the environment (`${VAR}`), and when there are more files, lines or bytes
/// than anybody writes.
pub fn read_closure(root: &Path, label: &str, first: Vec<u8>) -> Result<Closure> {
    let reader = Reader { root, resolved_root: OnceCell::new() };
    let mut seen = BTreeSet::from([label.to_owned()]);
    let mut sources = vec![Source { label: label.to_owned(), bytes: first }];
    let mut left = fs::MAX_FILE;
    let mut lines = 0;
    let mut next = 0;
    while let Some(source) = sources.get(next) {
        let (includes, of_this) = includes(source);
        lines += of_this;
        if lines > MAX_LINES {
            let error = Error::new(Kind::ManifestInvalid, format!("read `{}`", source.label));
            return Err(error.because(format!("more than {MAX_LINES} lines in all")));
        }
        for include in includes {
            let target = include.target()?;
            if !seen.insert(target.clone()) {
                continue;
            }
            if sources.len() == MAX_FILES {
                return Err(include.refused(&target, &format!("more than {MAX_FILES} files"), "include fewer files"));
            }
            let bytes = reader.read(&include, &target)?;
            let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                return Err(include.refused(
                    &target,
                    &format!("more than {} bytes in all", fs::MAX_FILE),
                    "include less",
                ));
            };
            left = rest;
            sources.push(Source { label: target, bytes });
        }
        next += 1;
    }
    Ok(Closure { sources })
}

struct Reader<'a> {
    root: &'a Path,
    resolved_root: OnceCell<PathBuf>,
}

impl Reader<'_> {
    fn read(&self, include: &Include, target: &str) -> Result<Vec<u8>> {
        let path = self.root.join(target);
        let bytes = match fs::read_optional(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(include.refused(target, "no such file", "ship the file, or remove the line")),
            Err(e) => return Err(include.refused(target, &e.causes.join(": "), "make it a readable file")),
        };
        let root = self.resolved_root.get_or_init(|| fs::resolved(self.root));
        if fs::resolved(&path).starts_with(root) { Ok(bytes) } else { Err(include.outside(target)) }
    }
}

/// A `-r` or `-c`, and where it stands.
struct Include {
    file: String,
    line: usize,
    text: String,
    path: String,
    is_constraint: bool,
}

impl Include {
    /// The label of the file that is named; pip and uv both take the path relative to the including file.
    fn target(&self) -> Result<String> {
        let path = if cfg!(windows) { self.path.replace('\\', "/") } else { self.path.clone() };
        if path.is_empty() {
            return Err(self.refused(&self.file, "expected a path after the option", "name a file of the plugin"));
        }
        if path.contains("${") {
            let hint = "write the path out, relative to the file that names it";
            return Err(self.refused(&path, "expected a path without environment variables", hint));
        }
        if path.contains("://") || ["file:", "http:", "https:"].iter().any(|scheme| is_prefixed(&path, scheme)) {
            let hint = "ship the file in the plugin: what a URL serves can change unseen";
            return Err(self.refused(&path, "expected a path, found a URL", hint));
        }
        let is_absolute = path.starts_with('/') || path.as_bytes().get(1) == Some(&b':');
        let directory = self.file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let inside = if is_absolute { None } else { normalised(directory, &path) };
        inside.ok_or_else(|| self.outside(&path))
    }

    fn outside(&self, target: &str) -> Error {
        self.refused(target, "expected a file inside the plugin", "ship the file in the plugin and name it relatively")
    }

    fn refused(&self, target: &str, cause: &str, hint: &str) -> Error {
        Error::new(Kind::ManifestInvalid, format!("read `{}`", shortened(target)))
            .because(format!("named by `{}` in `{}` line {}", self.text, self.file, self.line))
            .because(cause)
            .hint(hint)
    }
}

/// `path` seen from `directory`, without `.` and `..`; `None` when it leads out of the root.
fn normalised(directory: &str, path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The `-r` and `-c` of a file, and the number of its lines. This runs on every start, so only lines that can be one are
/// taken apart.
fn includes(source: &Source) -> (Vec<Include>, usize) {
    let mut found = Vec::new();
    let mut lines = 0;
    each_joined_line(&source.bytes, &mut |line, text| {
        lines += 1;
        if may_include(text) {
            found.extend(includes_of(&source.label, line, without_comment(text)));
        }
    });
    (found, lines)
}

fn may_include(line: &str) -> bool {
    line.trim_start().starts_with('-') && (line.contains("-r") || line.contains("-c"))
}

fn includes_of(file: &str, line: usize, text: &str) -> Vec<Include> {
    let parsed = Line::parse(text);
    let flags = if parsed.is_include() { parsed.flags } else { Vec::new() };
    let flags = flags.into_iter().filter(Flag::is_include);
    flags
        .map(|flag| Include {
            file: file.to_owned(),
            line,
            text: shown(text),
            is_constraint: flag.name == "--constraint",
            path: flag.value,
        })
        .collect()
}

impl Closure {
    /// Every logical line that is a requirement, a constraint or an option other than `-r` and `-c`.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for source in &self.sources {
            each_entry(source, &mut |item, _| items.push(item));
        }
        items
    }

    /// What a person should know about the lines.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        let mut candidates = Vec::new();
        let mut pinned = BTreeSet::new();
        let constraints = self.constraints();
        for source in &self.sources {
            each_entry(source, &mut |item, line| match line.subject() {
                None => facts.note_options(item, line),
                Some(subject) if !constraints.contains(&source.label) => {
                    if facts.note_requirement(&item, line, subject) {
                        candidates.push((Named::parse(subject).normalised_name(), item));
                    }
                }
                Some(subject) => {
                    let named = Named::parse(subject);
                    pinned.extend(named.is_pinned().then(|| named.normalised_name()));
                }
            });
        }
        let unpinned = candidates.into_iter().filter(|(name, _)| !pinned.contains(name));
        facts.unpinned = unpinned.map(|(_, item)| item).collect();
        facts
    }

    /// The labels that are reached by `-c` alone. As in pip, a `-r` in a constraint file names requirements.
    fn constraints(&self) -> BTreeSet<String> {
        let includes: Vec<Include> = self.sources.iter().flat_map(|source| includes(source).0).collect();
        let reached = |by_constraint: bool| {
            let chosen = includes.iter().filter(move |include| include.is_constraint == by_constraint);
            chosen.filter_map(|include| include.target().ok()).collect::<BTreeSet<_>>()
        };
        let mut constraints = &reached(true) - &reached(false);
        constraints.retain(|label| self.sources.first().is_some_and(|first| first.label != *label));
        constraints
    }
}

impl Facts {
    fn note_options(&mut self, item: Item, line: &Line) {
        self.any_hash |= line.has("--require-hashes");
        if line.has("--extra-index-url") {
            self.extra_indexes.push(item);
        }
    }

    /// Whether the requirement may be unpinned, as far as its own line tells.
    fn note_requirement(&mut self, item: &Item, line: &Line, subject: &str) -> bool {
        let has_hash = line.has_hash();
        let is_local = line.is_local();
        self.any_hash |= has_hash;
        self.asks |= asks_everywhere(subject);
        if !has_hash {
            self.unhashed.push(item.clone());
        }
        if is_local {
            self.local.push(item.clone());
        }
        !is_local && !Named::parse(subject).is_pinned()
    }
}

fn each_entry(source: &Source, visit: &mut dyn FnMut(Item, &Line<'_>)) {
    each_joined_line(&source.bytes, &mut |line, text| {
        let text = without_comment(text);
        let parsed = Line::parse(text);
        if !text.is_empty() && !parsed.is_include() {
            visit(Item { file: source.label.clone(), line, text: shown(text) }, &parsed);
        }
    });
}

/// A logical line as an installer must be told it, credentials and all.
pub(crate) struct Raw<'a> {
    /// The line on which it begins, counted from 1.
    pub number: usize,
    /// The text without comments.
    pub text: &'a str,
    /// The place in the file system of a local requirement.
    pub local: Option<&'a str>,
    /// The values of `--find-links`, which may be places in the file system.
    pub find_links: Vec<String>,
    /// Whether the line names an index.
    pub names_index: bool,
    /// The labels of the files whose requirements it includes, where it does nothing else.
    pub includes: Vec<String>,
}

/// Visits every logical line that is not empty.
pub(crate) fn each_raw_line(source: &Source, visit: &mut dyn FnMut(&Raw<'_>)) {
    each_joined_line(&source.bytes, &mut |number, text| {
        let text = without_comment(text);
        let line = Line::parse(text);
        let local = line.subject().filter(|_| line.is_local()).map(local_place);
        let links = line.flags.iter().filter(|flag| flag.name == "--find-links");
        let find_links = links.map(|flag| flag.value.clone()).collect();
        let names_index = line.has("--index-url") || line.has("--pypi-url");
        let found = if may_include(text) { includes_of(&source.label, number, text) } else { Vec::new() };
        let only = found.iter().all(|include| !include.is_constraint);
        let includes = found.iter().filter(|_| only).filter_map(|include| include.target().ok()).collect();
        if !text.is_empty() {
            visit(&Raw { number, text, local, find_links, names_index, includes });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure(text: &str) -> Closure {
        Closure { sources: vec![Source { label: "requirements.txt".into(), bytes: text.as_bytes().to_vec() }] }
    }

    fn names(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.text.as_str()).collect()
    }

    /// A plugin whose files have the given contents; the first is the one that is read.
    fn plugin(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Closure>) {
        let root = tempfile::tempdir().unwrap();
        for (label, content) in files {
            let path = root.path().join(label);
            fs::create_directory(path.parent().unwrap()).unwrap();
            fs::write(&path, content.as_bytes()).unwrap();
        }
        let closure = read_closure(root.path(), files[0].0, files[0].1.as_bytes().to_vec());
        (root, closure)
    }

    fn labels(files: &[(&str, &str)]) -> Vec<String> {
        plugin(files).1.unwrap().sources.into_iter().map(|source| source.label).collect()
    }

    fn refusal(line: &str) -> Error {
        let error = plugin(&[("requirements.txt", &format!("mcp\n\n{line}\n"))]).1.unwrap_err();
        assert_eq!(error.kind, Kind::ManifestInvalid);
        assert_eq!(error.causes.len(), 2, "{error}");
        assert!(error.hint.is_some());
        error
    }

    #[test]
    fn every_spelling_of_an_include_is_followed() {
        let short = ["-r b.txt", "-rb.txt", "  -r  b.txt # x", "-r 'b.txt'", "-r \"b.txt\"", "-c b.txt", "-cb.txt"];
        let long =
            ["--requirement b.txt", "--requirement=b.txt", "--requirem b.txt", "--constraint=b.txt", "--cons b.txt"];
        let odd = ["--pre -r b.txt", "-r \\\n  b.txt", "-r ./x/../b.txt", "-r b.txt -r b.txt", "\\\n-r b.txt"];
        for line in [&short[..], &long, &odd].concat() {
            assert_eq!(labels(&[("a.txt", line), ("b.txt", "")]), ["a.txt", "b.txt"], "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_an_include_is_not_followed() {
        for line in [
            "# -r b.txt",
            "mcp -r b.txt",
            "-e . -r b.txt",
            "x-r b.txt",
            "--require-hashes b.txt",
            "--re b.txt",
            "-- -r b.txt",
        ] {
            assert_eq!(labels(&[("a.txt", line)]), ["a.txt"], "{line}");
        }
    }

    #[test]
    fn includes_are_relative_to_the_including_file() {
        let files = [("req/a.txt", "-r sub/b.txt"), ("req/sub/b.txt", "-c ../../c.txt"), ("c.txt", "x<1")];
        assert_eq!(labels(&files), ["req/a.txt", "req/sub/b.txt", "c.txt"]);
    }

    #[test]
    fn each_file_is_read_once_in_the_order_of_first_mention() {
        let files =
            [("a.txt", "-r c.txt\n-r b.txt"), ("b.txt", "-r a.txt\n-r d.txt"), ("c.txt", "-r b.txt"), ("d.txt", "")];
        assert_eq!(labels(&files), ["a.txt", "c.txt", "b.txt", "d.txt"]);
    }

    #[test]
    fn a_missing_include_names_the_line_that_asks_for_it() {
        let files = [("requirements.txt", "mcp\n\n-r req/base.txt\n"), ("req/base.txt", "-r  gone.txt")];
        let error = plugin(&files).1.unwrap_err();
        assert_eq!(error.kind, Kind::ManifestInvalid);
        assert_eq!(error.message, "read `req/gone.txt`");
        assert_eq!(error.causes, ["named by `-r gone.txt` in `req/base.txt` line 1", "no such file"]);
        assert_eq!(error.hint.as_deref(), Some("ship the file, or remove the line"));
    }

    #[test]
    fn an_include_that_leads_out_of_the_plugin_is_refused() {
        for line in ["-r ../b.txt", "-r x/../../b.txt", "-r /etc/passwd", "-r C:/b.txt"] {
            let error = refusal(line);
            assert_eq!(error.causes[0], format!("named by `{line}` in `requirements.txt` line 3"));
            assert_eq!(error.causes[1], "expected a file inside the plugin");
        }
    }

    #[test]
    fn an_include_that_cannot_be_hashed_is_refused_without_its_password() {
        let error = refusal("-r https://me:secret@example.org/r.txt");
        assert_eq!(error.message, "read `https://****@example.org/r.txt`");
        assert_eq!(error.causes[0], "named by `-r https://****@example.org/r.txt` in `requirements.txt` line 3");
        assert_eq!(error.causes[1], "expected a path, found a URL");
        let cut_off = refusal(&format!("-r y{}//me:secret@h/r.txt", "x:".repeat(494)));
        assert!(!cut_off.sentence().contains("secret"), "{cut_off}");
        assert_eq!(refusal("-c file:b.txt").causes[1], "expected a path, found a URL");
        assert_eq!(refusal("-r ${DIR}/b.txt").causes[1], "expected a path without environment variables");
        assert_eq!(refusal("-r").causes[1], "expected a path after the option");
        assert_eq!(refusal("-r .").causes[1], "not a regular file");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_plugin_is_refused_and_one_within_is_followed() {
        let (outside, _) = plugin(&[("b.txt", "")]);
        let (root, _) = plugin(&[("real.txt", "x")]);
        rustix::fs::symlink(outside.path().join("b.txt"), root.path().join("b.txt")).unwrap();
        rustix::fs::symlink("real.txt", root.path().join("c.txt")).unwrap();
        let error = read_closure(root.path(), "a.txt", b"-r b.txt".to_vec()).unwrap_err();
        assert_eq!(error.causes[1], "expected a file inside the plugin");
        assert_eq!(read_closure(root.path(), "a.txt", b"-r c.txt".to_vec()).unwrap().sources.len(), 2);
    }

    #[test]
    fn a_thousand_files_are_enough() {
        let mut files: Vec<_> = (0..1_001).map(|n| (format!("{n}.txt"), format!("-r {}.txt", n + 1))).collect();
        let read = |files: &[(String, String)]| {
            let files: Vec<_> = files.iter().map(|(label, text)| (label.as_str(), text.as_str())).collect();
            plugin(&files).1
        };
        assert_eq!(read(&files).unwrap_err().causes[1], "more than 1000 files");
        files[999].1.clear();
        assert_eq!(read(&files).unwrap().sources.len(), 1_000);
    }

    #[test]
    fn what_lies_in_the_file_system_is_local() {
        let paths = [".", "./x", ".[cli]", "../x", "x/y", "./w/a-1.whl", "a-1.0.tar.gz", ". ; python_version < '4'"];
        let editables = ["-e .", "-e ./x", "-e .[dev]", "--editable=x", "-e file:x"];
        let urls = ["file:///opt/x", "x @ file:///opt/x", "x@ ./y"];
        for line in [&paths[..], &editables, &urls].concat() {
            assert_eq!(names(&closure(line).facts().local), [line]);
            assert!(closure(line).facts().unpinned.is_empty(), "{line}");
        }
        let packages = ["x", "x[a]>=1", "x; platform_system == 'a/b'", "--pre", "-f ./wheels"];
        let urls =
            ["git+https://h/x", "-e git+ssh://git.h/x", "x @ https://h/x.whl", "https://h/x.zip", "git+git@h:o/x.git"];
        for line in [&packages[..], &urls].concat() {
            assert!(closure(line).facts().local.is_empty(), "{line}");
        }
    }

    #[test]
    fn a_requirement_is_pinned_by_an_exact_version_or_a_url() {
        let versions =
            ["a==1", "a===1", "a ==1.0 ; python_version<'3'", "a[x]>=1,==1.2", "a (==1)", "a==1 --hash=sha256:0"];
        for line in [&versions[..], &["a @ https://h/a.whl", "git+https://h/a@v1"]].concat() {
            assert!(closure(line).facts().unpinned.is_empty(), "{line}");
        }
        for line in ["a", "a>=1", "a==1.*", "a~=1.0", "a[x]", "a; python_version == '3'", "a!=1"] {
            assert_eq!(names(&closure(line).facts().unpinned), [line]);
        }
    }

    #[test]
    fn a_constraint_pins_what_it_names_and_is_no_requirement() {
        let constraints = ("c.txt", "foo_bar==1\nbaz<2\nother\n-r d.txt");
        let files = [("a.txt", "-c c.txt\nFoo.Bar\nbaz\nqux"), constraints, ("d.txt", "real")];
        let facts = plugin(&files).1.unwrap().facts();
        assert_eq!(names(&facts.unpinned), ["baz", "qux", "real"]);
        assert_eq!(names(&facts.unhashed), ["Foo.Bar", "baz", "qux", "real"]);
    }

    #[test]
    fn a_file_that_nothing_includes_holds_requirements() {
        let mut closure = plugin(&[("a.txt", "-c c.txt\nx"), ("c.txt", "y==1\n-c a.txt")]).1.unwrap();
        closure.sources.push(Source { label: "b.txt".into(), bytes: b"y\nz".to_vec() });
        assert_eq!(names(&closure.facts().unpinned), ["x", "z"]);
    }

    #[test]
    fn hashes_and_extra_indexes_are_seen() {
        let text = "a==1 --hash=sha256:0\nb==1\nhttps://h/c.whl#sha256=0\n--extra-index-url https://h";
        let facts = closure(text).facts();
        assert_eq!(names(&facts.unhashed), ["b==1"]);
        assert!(facts.any_hash);
        assert_eq!(names(&facts.extra_indexes), ["--extra-index-url https://h"]);
        assert!(closure("--require-hashes").facts().any_hash);
        assert!(!closure("a==1").facts().any_hash);
    }
}
