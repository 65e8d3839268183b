//! pip's requirements files: what they include, and what their lines ask for.
//!
//! The format is the one of <https://pip.pypa.io/en/stable/reference/requirements-file-format/>, in the cases that the
//! page leaves open as pip's own `req_file.py` reads it.

use crate::error::{Error, Kind, Result};
use crate::fs;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The largest number of files that one requirements file may reach.
const MAX_FILES: usize = 1_000;

/// A file whose content decides what is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path relative to ROOT, with forward slashes, without `.` and `..`.
    pub label: String,
    /// The content, as it was read.
    pub bytes: Vec<u8>,
}

/// One logical line: a requirement, or options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The label of the file.
    pub file: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The text without comments, its whitespace collapsed, its credentials redacted.
    pub text: String,
}

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
    /// Lines with `--extra-index-url`.
    pub extra_indexes: Vec<Item>,
}

/// Reads what `first`, the content of the file `label` in `root`, includes; one pass over each file.
///
/// # Errors
/// `ManifestInvalid`, when a `-r` or `-c` names a file that is missing, unreadable, outside `root`, a URL, or known
/// only to the environment (`${VAR}`), and when there are more than 1,000 files.
pub fn read_closure(root: &Path, label: &str, first: Vec<u8>) -> Result<Closure> {
    let reader = Reader { root, resolved_root: OnceCell::new() };
    let mut seen = BTreeSet::from([label.to_owned()]);
    let mut sources = vec![Source { label: label.to_owned(), bytes: first }];
    let mut next = 0;
    while let Some(source) = sources.get(next) {
        for include in includes(source) {
            let target = include.target()?;
            if !seen.insert(target.clone()) {
                continue;
            }
            if sources.len() == MAX_FILES {
                return Err(include.refused(&target, &format!("more than {MAX_FILES} files"), "include fewer files"));
            }
            let bytes = reader.read(&include, &target)?;
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
        let shown = redact(&path);
        if path.is_empty() {
            return Err(self.refused(&self.file, "expected a path after the option", "name a file of the plugin"));
        }
        if path.contains("${") {
            let hint = "write the path out, relative to the file that names it";
            return Err(self.refused(&shown, "expected a path without environment variables", hint));
        }
        if path.contains("://") || ["file:", "http:", "https:"].iter().any(|scheme| is_prefixed(&path, scheme)) {
            let hint = "ship the file in the plugin: what a URL serves can change unseen";
            return Err(self.refused(&shown, "expected a path, found a URL", hint));
        }
        let is_absolute = path.starts_with('/') || path.as_bytes().get(1) == Some(&b':');
        let directory = self.file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let inside = if is_absolute { None } else { normalised(directory, &path) };
        inside.ok_or_else(|| self.outside(&shown))
    }

    fn outside(&self, target: &str) -> Error {
        self.refused(target, "expected a file inside the plugin", "ship the file in the plugin and name it relatively")
    }

    fn refused(&self, target: &str, cause: &str, hint: &str) -> Error {
        Error::new(Kind::ManifestInvalid, format!("read `{target}`"))
            .because(format!("named by `{}` in `{}` line {}", self.text, self.file, self.line))
            .because(cause)
            .hint(hint)
    }
}

fn is_prefixed(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
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

/// The `-r` and `-c` of a file. This runs on every start, so only lines that can be one are taken apart.
fn includes(source: &Source) -> Vec<Include> {
    let mut found = Vec::new();
    each_joined_line(&decode(&source.bytes), &mut |line, text| {
        if may_include(text) {
            found.extend(includes_of(&source.label, line, without_comment(text)));
        }
    });
    found
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
        let includes: Vec<Include> = self.sources.iter().flat_map(includes).collect();
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
        let has_hash = line.has("--hash") || subject.contains("#sha") || subject.contains("&sha");
        let is_local = is_local(line, subject);
        self.any_hash |= has_hash;
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
    each_joined_line(&decode(&source.bytes), &mut |line, text| {
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
}

/// Visits every logical line that is not empty.
pub(crate) fn each_raw_line(source: &Source, visit: &mut dyn FnMut(&Raw<'_>)) {
    each_joined_line(&decode(&source.bytes), &mut |number, text| {
        let text = without_comment(text);
        let line = Line::parse(text);
        let local = line.subject().filter(|subject| is_local(&line, subject)).map(local_place);
        let links = line.flags.iter().filter(|flag| flag.name == "--find-links");
        let find_links = links.map(|flag| flag.value.clone()).collect();
        let names_index = line.has("--index-url") || line.has("--pypi-url");
        if !text.is_empty() {
            visit(&Raw { number, text, local, find_links, names_index });
        }
    });
}

/// The place in `name @ ./place[extra] ; marker`.
fn local_place(subject: &str) -> &str {
    let named = Named::parse(subject);
    let (body, _) = split_marker(subject);
    let place = named.rest.strip_prefix('@').map_or(body, str::trim);
    place.split_once('[').map_or(place, |(path, _)| path).trim()
}

/// A line taken apart as pip does it: what precedes the first word with a hyphen is the requirement.
struct Line<'a> {
    requirement: &'a str,
    flags: Vec<Flag>,
}

struct Flag {
    name: &'static str,
    value: String,
}

impl Flag {
    fn is_include(&self) -> bool {
        matches!(self.name, "--requirement" | "--constraint")
    }
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Self {
        let (requirement, options) = text.split_at(options_start(text));
        Self { requirement: requirement.trim(), flags: flags(options) }
    }

    fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.name == name)
    }

    /// The requirement, plain or editable; none on a line of options.
    fn subject(&self) -> Option<&str> {
        let editable = || self.flags.iter().find(|flag| flag.name == "--editable").map(|flag| flag.value.as_str());
        if self.requirement.is_empty() { editable() } else { Some(self.requirement) }
    }

    /// Whether the line includes a file; beside a requirement pip ignores `-r`.
    fn is_include(&self) -> bool {
        self.subject().is_none() && self.flags.iter().any(Flag::is_include)
    }
}

fn options_start(text: &str) -> usize {
    let hyphens = text.match_indices('-').map(|(at, _)| at);
    hyphens.into_iter().find(|&at| is_word_start(text, at)).unwrap_or(text.len())
}

fn is_word_start(text: &str, at: usize) -> bool {
    text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(char::is_whitespace)
}

/// The options of pip's requirements files, and whether each takes a value.
const OPTIONS: &[(&str, Option<char>, bool)] = &[
    ("--config-settings", Some('C'), true),
    ("--constraint", Some('c'), true),
    ("--editable", Some('e'), true),
    ("--extra-index-url", None, true),
    ("--find-links", Some('f'), true),
    ("--global-option", None, true),
    ("--hash", None, true),
    ("--index-url", Some('i'), true),
    ("--no-binary", None, true),
    ("--no-index", None, false),
    ("--only-binary", None, true),
    ("--pre", None, false),
    ("--prefer-binary", None, false),
    ("--pypi-url", None, true),
    ("--require-hashes", None, false),
    ("--requirement", Some('r'), true),
    ("--trusted-host", None, true),
    ("--use-feature", None, true),
];

fn flags(text: &str) -> Vec<Flag> {
    let mut found = Vec::new();
    // What follows a bare `--` is no option any more.
    let mut words = shell_words(text).into_iter().take_while(|word| word != "--");
    while let Some(word) = words.next() {
        let Some((name, takes_value, attached)) = option(&word) else { continue };
        let value = match attached {
            Some(value) => value,
            None if takes_value => words.next().unwrap_or_default(),
            None => String::new(),
        };
        found.push(Flag { name, value });
    }
    found
}

/// The option that a word is, and the value attached to it: `-rfile`, `--requirement=file`, `--req file`.
fn option(word: &str) -> Option<(&'static str, bool, Option<String>)> {
    if word.starts_with("--") {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        let (name, _, takes_value) = *long_option(name)?;
        return Some((name, takes_value, value));
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    let (name, _, takes_value) = *OPTIONS.iter().find(|(_, short, _)| *short == Some(letter))?;
    let value = letters.as_str();
    Some((name, takes_value, (!value.is_empty()).then(|| value.to_owned())))
}

/// pip's option parser takes every prefix that fits one option only.
fn long_option(name: &str) -> Option<&'static (&'static str, Option<char>, bool)> {
    if let Some(exact) = OPTIONS.iter().find(|(long, ..)| *long == name) {
        return Some(exact);
    }
    let mut fitting = OPTIONS.iter().filter(|(long, ..)| long.starts_with(name));
    fitting.next().filter(|_| fitting.next().is_none())
}

/// Splits as a POSIX shell does, which is how pip splits options; an unclosed quote ends with the text.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some('"'), '\\') if matches!(chars.peek(), Some('"' | '\\')) => {
                word.get_or_insert_default().extend(chars.next());
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The name of a requirement, and what follows it.
pub(crate) struct Named<'a> {
    /// The requirement without its marker.
    pub body: &'a str,
    /// The name as it is written; empty for a path or a bare URL.
    pub name: &'a str,
    /// The names between the brackets.
    pub extras: Vec<&'a str>,
    /// The version specifiers, or `@` and a URL.
    pub rest: &'a str,
    /// What follows the semicolon.
    pub marker: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Takes a requirement apart as far as PEP 508 lets anyone without a grammar.
    pub fn parse(text: &'a str) -> Self {
        let (body, marker) = split_marker(text.trim());
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let (name, tail) = body.split_at(body.find(|c| !is_name(c)).unwrap_or(body.len()));
        let tail = tail.trim_start();
        let bracketed = tail.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        let (inner, rest) = bracketed.unwrap_or(("", tail));
        let extras = inner.split(',').map(str::trim).filter(|extra| !extra.is_empty()).collect();
        Self { body, name, extras, rest: rest.trim(), marker }
    }

    /// The name in the form in which names are compared.
    pub fn normalised_name(&self) -> String {
        normalised_name(self.name)
    }

    fn is_url(&self) -> bool {
        self.rest.starts_with('@') || self.rest.contains("://")
    }

    fn is_pinned(&self) -> bool {
        let clauses = self.rest.trim_matches(['(', ')']);
        let is_exact = |clause: &str| clause.starts_with("==") && (clause.starts_with("===") || !clause.ends_with('*'));
        self.is_url() || clauses.split(',').any(|clause| is_exact(clause.trim()))
    }
}

/// A URL may contain semicolons, so its marker needs whitespace around one.
fn split_marker(text: &str) -> (&str, Option<&str>) {
    let at = if text.contains("://") {
        text.find(" ;").map(|at| at + 1).or_else(|| text.find("; "))
    } else {
        text.find(';')
    };
    let split = at.and_then(|at| Some((text.get(..at)?.trim(), text.get(at + 1..)?.trim())));
    split.map_or((text, None), |(body, marker)| (body, Some(marker)))
}

/// A package, extra or group name as PEP 503 compares it: lower case, each run of `-`, `_` and `.` one hyphen.
pub(crate) fn normalised_name(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if result.ends_with('-') => {}
            '-' | '_' | '.' => result.push('-'),
            c => result.push(c.to_ascii_lowercase()),
        }
    }
    result
}

/// Whether pip looks for the requirement in the file system.
fn is_local(line: &Line, subject: &str) -> bool {
    const ARCHIVES: &[&str] = &[".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz"];
    let (body, _) = split_marker(subject);
    let named = Named::parse(subject);
    let place = named.rest.strip_prefix('@').map_or(body, str::trim);
    if place.contains("://") || is_prefixed(place, "git+") {
        return is_prefixed(place, "file:");
    }
    let path = place.split_once('[').map_or(place, |(path, _)| path).trim();
    let is_archive = ARCHIVES.iter().any(|ending| path.ends_with(ending));
    let is_editable = line.requirement.is_empty();
    is_editable || is_archive || path.starts_with('.') || path.contains(['/', '\\']) || is_prefixed(path, "file:")
}

/// The text as it may be shown: on one line, without credentials.
fn shown(text: &str) -> String {
    redact(&collapsed(text))
}

/// The words of a text, with one space between them.
pub(crate) fn collapsed(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !result.is_empty() {
            result.push(' ');
        }
        result.push_str(word);
    }
    result
}

/// Replaces the user and password (or token) of every URL in `text` by `****`.
pub fn redact(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    text.split_inclusive(char::is_whitespace).for_each(|word| redact_word(word, &mut result));
    result
}

fn redact_word(word: &str, result: &mut String) {
    let last = word.rfind('@');
    let mut rest = word;
    let mut from = 0;
    while let Some((before, after)) = rest.split_once("://") {
        result.push_str(before);
        result.push_str("://");
        from += before.len() + 3;
        rest = after;
        let secret = secret_length(rest, last.and_then(|last| last.checked_sub(from)));
        if let Some(shorter) = secret.and_then(|length| rest.get(length..)) {
            result.push_str("****");
            from += rest.len() - shorter.len();
            rest = shorter;
        }
    }
    result.push_str(rest);
}

/// The length of the credentials with which `rest`, a URL without its scheme, begins; `last` is its last `@`.
fn secret_length(rest: &str, last: Option<usize>) -> Option<usize> {
    let last = last?;
    let authority = rest.find(['/', '?', '#', '"']).and_then(|end| rest.get(..end)).unwrap_or(rest);
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // Where a port should stand and none does, a password holds a character that it should have escaped.
    let port = authority.rsplit_once(']').map_or(authority, |(_, port)| port).split_once(':')?.1;
    port.contains(|c: char| !c.is_ascii_digit()).then_some(last)
}

/// Calls `visit` with the number and text of each line, continuation lines joined, comments still in place.
///
/// As in pip: a comment line is never continued, ends a continuation, and an ordinary line may be continued from
/// within its comment.
fn each_joined_line(text: &str, visit: &mut dyn FnMut(usize, &str)) {
    let mut joined = String::new();
    let mut start = None;
    for (index, line) in (PhysicalLines { rest: text }).enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        if line.ends_with('\\') && !is_comment {
            start.get_or_insert(index + 1);
            joined.push_str(line.trim_matches('\\'));
        } else if let Some(number) = start.take() {
            // The space keeps the comment a comment: it may follow a word directly now.
            joined.push_str(if is_comment { " " } else { "" });
            joined.push_str(line);
            visit(number, &joined);
            joined.clear();
        } else {
            visit(index + 1, line);
        }
    }
    if let Some(number) = start {
        visit(number, &joined);
    }
}

/// The line up to a `#` that begins it or follows whitespace.
fn without_comment(line: &str) -> &str {
    let mut hashes = line.match_indices('#').map(|(at, _)| at);
    let end = hashes.find(|&at| is_word_start(line, at)).unwrap_or(line.len());
    line.get(..end).unwrap_or(line).trim()
}

/// The lines of a text, split where Python's `str.splitlines` splits.
struct PhysicalLines<'a> {
    rest: &'a str,
}

impl<'a> Iterator for PhysicalLines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (end, width) = line_end(self.rest.as_bytes());
        let line = self.rest.get(..end)?;
        self.rest = self.rest.get(end + width..).unwrap_or_default();
        Some(line)
    }
}

/// Where the line ends, and how many bytes end it.
fn line_end(bytes: &[u8]) -> (usize, usize) {
    for (at, &byte) in bytes.iter().enumerate() {
        let width = match byte {
            b'\n' | 0x0B | 0x0C | 0x1C..=0x1E => 1,
            b'\r' => 1 + usize::from(bytes.get(at + 1) == Some(&b'\n')),
            0xC2 if bytes.get(at + 1) == Some(&0x85) => 2,
            0xE2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) => 3,
            _ => continue,
        };
        return (at, width);
    }
    (bytes.len(), 0)
}

/// The text of a file, as pip decodes it: by its byte order mark, by its `coding:` comment, as UTF-8. What is none of
/// these is taken for Latin-1, in which every byte is a character: pip would ask the locale, which is not content.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ if is_declared_latin1(bytes) => latin1(bytes),
        _ => std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), Cow::Borrowed),
    }
}

fn latin1(bytes: &[u8]) -> Cow<'static, str> {
    bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let (units, _) = bytes.as_chunks();
    let chars = char::decode_utf16(units.iter().map(|&bytes| unit(bytes)));
    chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Cow<'static, str> {
    let (units, _) = bytes.as_chunks();
    let chars = units.iter().map(|&bytes| char::from_u32(unit(bytes)).unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.collect::<String>().into()
}

/// Whether one of the first two lines is a comment with `coding: latin-1`, or another name of it (PEP 263).
fn is_declared_latin1(bytes: &[u8]) -> bool {
    const NAMES: &[&str] = &["latin-1", "latin1", "l1", "iso-8859-1", "iso8859-1", "8859", "cp819"];
    let lines = bytes.splitn(3, |&byte| byte == b'\n').take(2);
    let mut comments = lines.filter(|line| line.first() == Some(&b'#'));
    comments.find_map(coding).is_some_and(|name| NAMES.contains(&name.to_lowercase().replace('_', "-").as_str()))
}

fn coding(line: &[u8]) -> Option<String> {
    let start = line.windows(7).position(|window| matches!(window, b"coding:" | b"coding="))?;
    let value = line.get(start + 7..)?.trim_ascii_start();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    Some(value.iter().take_while(is_name).map(|&byte| char::from(byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure(text: &str) -> Closure {
        Closure { sources: vec![Source { label: "requirements.txt".into(), bytes: text.as_bytes().to_vec() }] }
    }

    fn items(text: &str) -> Vec<(usize, String)> {
        closure(text).items().into_iter().map(|item| (item.line, item.text)).collect()
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        let closure = Closure { sources: vec![Source { label: "r.txt".into(), bytes: bytes.to_vec() }] };
        closure.items().into_iter().map(|item| item.text).collect()
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
    fn a_comment_needs_a_space_before_the_hash() {
        let text = "a # x\n#b\n  # c\nd#egg=d\ne\t#f #g";
        assert_eq!(items(text), [(1, "a".into()), (4, "d#egg=d".into()), (5, "e".into())]);
    }

    #[test]
    fn a_backslash_at_the_end_continues_the_line() {
        let hashed = "a==1 \\\n  --hash=sha256:0 \\\n  --hash=sha256:1\nb";
        assert_eq!(items(hashed), [(1, "a==1 --hash=sha256:0 --hash=sha256:1".into()), (4, "b".into())]);
        assert_eq!(items("a\\\nb\n"), [(1, "ab".into())]);
        assert_eq!(items("a \\ \nb"), [(1, "a \\".into()), (2, "b".into())]);
        assert_eq!(items("a \\"), [(1, "a".into())]);
    }

    #[test]
    fn a_comment_line_is_not_continued_and_ends_a_continuation() {
        assert_eq!(items("# x \\\na"), [(2, "a".into())]);
        assert_eq!(items("a\\\n# x \\\nb"), [(1, "a".into()), (3, "b".into())]);
    }

    #[test]
    fn a_comment_behind_a_requirement_swallows_its_continuation() {
        assert_eq!(items("a # x \\\nb\nc"), [(1, "a".into()), (3, "c".into())]);
    }

    #[test]
    fn every_line_end_that_python_knows_ends_a_line() {
        let expected = [(1, "a".into()), (2, "b".into()), (3, "c".into())];
        assert_eq!(items("a\r\nb\r\nc\r\n"), expected);
        assert_eq!(items("a\rb\rc"), expected);
        assert_eq!(items("a\u{85}b\u{2028}c\u{c}"), expected);
        assert_eq!(items("a \\\r\nb"), [(1, "a b".into())]);
    }

    #[test]
    fn whitespace_is_collapsed_and_variables_stay_as_they_are() {
        assert_eq!(items("  a  >= 1 ;\tpython_version<'3'  "), [(1, "a >= 1 ; python_version<'3'".into())]);
        assert_eq!(items("--index-url https://${HOST}/simple"), [(1, "--index-url https://${HOST}/simple".into())]);
    }

    #[test]
    fn a_file_is_decoded_as_pip_decodes_it() {
        assert_eq!(texts(b"\xEF\xBB\xBFa\n"), ["a"]);
        let wide = |bytes: fn(u16) -> [u8; 2]| "\u{FEFF}a\né\n".encode_utf16().flat_map(bytes).collect::<Vec<_>>();
        assert_eq!(texts(&wide(u16::to_le_bytes)), ["a", "é"]);
        assert_eq!(texts(&wide(u16::to_be_bytes)), ["a", "é"]);
        let wider: Vec<_> = "\u{FEFF}a\nb".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert_eq!(texts(&wider), ["a", "b"]);
        assert_eq!(texts("a-é".as_bytes()), ["a-é"]);
    }

    #[test]
    fn a_coding_comment_in_the_first_two_lines_is_believed() {
        assert_eq!(texts(b"# -*- coding: latin-1 -*-\n./\xC3\xA9"), ["./Ã©"]);
        assert_eq!(texts(b"#\n# vim: set fileencoding=ISO_8859-1 :\n./\xE9"), ["./é"]);
        assert_eq!(texts(b"#\n#\n# coding: latin-1\n./\xC3\xA9"), ["./é"]);
        assert_eq!(texts(b"# coding: utf-8\n./\xC3\xA9"), ["./é"]);
    }

    #[test]
    fn bytes_that_are_no_utf8_do_not_stop_the_reading() {
        assert_eq!(texts(b"a\n\xFF\xFF\n"), ["a", "ÿÿ"]);
        assert_eq!(texts(b"\xFF\xFEa\0\0\xD8b"), ["a\u{FFFD}"]);
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

    #[test]
    fn credentials_are_redacted_in_every_url() {
        let redacted = [
            ("-i https://me:pw@h/s -f https://tok@h", "-i https://****@h/s -f https://****@h"),
            ("git+https://tok:x-oauth@h/r@v1#egg=r", "git+https://****@h/r@v1#egg=r"),
            ("a @ https://${USER}:${PASS}@h/a.whl", "a @ https://****@h/a.whl"),
            ("https://a:b@c:d@h/", "https://****@h/"),
            ("https://h/a@1 x@y", "https://h/a@1 x@y"),
            ("https://h:8080/a@1", "https://h:8080/a@1"),
            ("https://[::1]:8080/a@1", "https://[::1]:8080/a@1"),
            ("https://me:p/w@h/s", "https://****@h/s"),
            ("https://me:p#w@h/s\nhttps://me@h", "https://****@h/s\nhttps://****@h"),
            ("'https://a@x','https://b@y'", "'https://****@x','https://****@y'"),
            ("https://é:é@h/é", "https://****@h/é"),
            ("://@", "://****@"),
            ("://", "://"),
        ];
        for (text, expected) in redacted {
            assert_eq!(redact(text), expected);
        }
        assert_eq!(items("-i https://me:pw@h/s"), [(1, "-i https://****@h/s".into())]);
    }

    #[test]
    fn a_redacted_text_stays_as_it_is() {
        let once = redact("https://me:p/w@h/s git+https://t@h");
        assert_eq!(redact(&once), once);
    }

    #[test]
    fn a_requirement_is_taken_apart() {
        let named = Named::parse("Foo_Bar [a, b-c] (>=1) ; python_version < '4'");
        assert_eq!((named.name, named.rest, named.marker), ("Foo_Bar", "(>=1)", Some("python_version < '4'")));
        assert_eq!(named.extras, ["a", "b-c"]);
        assert_eq!(named.normalised_name(), "foo-bar");
        let url = Named::parse("x @ https://h/a;b ; os_name == 'nt'");
        assert_eq!((url.rest, url.marker), ("@ https://h/a;b", Some("os_name == 'nt'")));
        assert_eq!(normalised_name("A__.-b"), "a-b");
    }
}
