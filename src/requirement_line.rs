//! What one line of a requirements file, or one dependency of a project, asks for.
//!
//! The format is the one of <https://pip.pypa.io/en/stable/reference/requirements-file-format/>, in the cases that the
//! page leaves open as pip's own `req_file.py` reads it.

use crate::credentials::redacted_to;
use crate::requirement_text::is_word_start;

/// A line taken apart as pip does it: what precedes the first word with a hyphen is the requirement.
pub(crate) struct Line<'a> {
    requirement: &'a str,
    /// The options, in their order.
    pub flags: Vec<Flag>,
}

/// An option of a line.
pub(crate) struct Flag {
    /// The long form of the name.
    pub name: &'static str,
    /// The value; empty when it takes none.
    pub value: String,
}

impl Flag {
    /// Whether it names a file to read.
    pub fn is_include(&self) -> bool {
        matches!(self.name, "--requirement" | "--constraint")
    }
}

impl<'a> Line<'a> {
    /// Takes a line without its comment apart.
    pub fn parse(text: &'a str) -> Self {
        let (requirement, options) = text.split_at(options_start(text));
        Self { requirement: requirement.trim(), flags: flags(options) }
    }

    /// Whether the option is there; `name` is its long form.
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.name == name)
    }

    /// The requirement, plain or editable; none on a line of options.
    pub fn subject(&self) -> Option<&str> {
        let editable = || self.flags.iter().find(|flag| flag.name == "--editable").map(|flag| flag.value.as_str());
        if self.requirement.is_empty() { editable() } else { Some(self.requirement) }
    }

    /// Whether it says which content is meant: by an option, or in the fragment of an address.
    pub fn has_hash(&self) -> bool {
        self.has("--hash") || self.subject().is_some_and(|subject| subject.contains("#sha") || subject.contains("&sha"))
    }

    /// Whether the line includes a file; beside a requirement pip ignores `-r`.
    pub fn is_include(&self) -> bool {
        self.subject().is_none() && self.flags.iter().any(Flag::is_include)
    }

    /// Whether pip looks for the requirement in the file system.
    pub fn is_local(&self) -> bool {
        self.subject().is_some_and(|subject| is_local(subject, self.requirement.is_empty()))
    }
}

fn options_start(text: &str) -> usize {
    let hyphens = text.match_indices('-').map(|(at, _)| at);
    hyphens.into_iter().find(|&at| is_word_start(text, at)).unwrap_or(text.len())
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

    /// Whether only one version, or one file at a URL, satisfies it.
    pub fn is_pinned(&self) -> bool {
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
fn is_local(subject: &str, is_editable: bool) -> bool {
    const ARCHIVES: &[&str] = &[".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz"];
    let place = place(subject);
    if place.contains("://") || is_prefixed(place, "git+") {
        return is_prefixed(place, "file:");
    }
    let path = local_place(subject);
    let is_archive = ARCHIVES.iter().any(|ending| path.ends_with(ending));
    is_editable || is_archive || path.starts_with('.') || path.contains(['/', '\\']) || is_prefixed(path, "file:")
}

/// Whether a requirement is for a package, not for a place, and for every machine.
pub(crate) fn asks_everywhere(subject: &str) -> bool {
    let named = Named::parse(subject);
    !named.name.is_empty() && named.marker.is_none() && !is_local(subject, false)
}

/// The place in `name @ ./place[extra] ; marker`.
pub(crate) fn local_place(subject: &str) -> &str {
    let place = place(subject);
    place.split_once('[').map_or(place, |(path, _)| path).trim()
}

/// Whether the requirement leads to another place when the file that names it is moved.
pub(crate) fn depends_on_place(requirement: &str) -> bool {
    is_local(requirement, false) && !local_place(requirement).starts_with('/')
}

/// What follows the `@`, or else the whole requirement, without its marker.
fn place(subject: &str) -> &str {
    let (body, _) = split_marker(subject);
    Named::parse(subject).rest.strip_prefix('@').map_or(body, str::trim)
}

/// Whether the text begins with `prefix`, in whatever case.
pub(crate) fn is_prefixed(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The text as it may be shown: on one line that a person can read, without credentials.
pub(crate) fn shown(text: &str) -> String {
    shortened(&collapsed(text))
}

/// As much of a text as a person reads.
pub(crate) fn shortened(text: &str) -> String {
    redacted_to(1_000, text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_on_one_line_and_keeps_variables_but_no_credentials() {
        assert_eq!(shown("  a  >= 1 ;\tpython_version<'3'  "), "a >= 1 ; python_version<'3'");
        assert_eq!(shown("--index-url https://${HOST}/simple"), "--index-url https://${HOST}/simple");
        assert_eq!(shown("-i https://me:pw@h/s"), "-i https://****@h/s");
        assert_eq!(shown(&"é".repeat(1_001)), "é".repeat(1_000) + "…");
    }

    #[test]
    fn a_place_beside_the_file_is_another_one_beside_a_copy() {
        let near =
            ["x @ ./x", "x@ ../x-1.whl ; os_name == 'nt'", "x[a] @ file:x", "x @ FILE:///${PROJECT_ROOT}/x", "w/x"];
        for requirement in near {
            assert!(depends_on_place(requirement), "{requirement}");
        }
        let far = ["x", "x[a]>=1", "x; os_name == 'a/b'", "x @ https://h/x.whl", "x @ git+ssh://git@h/x", "x @ /opt/x"];
        for requirement in far {
            assert!(!depends_on_place(requirement), "{requirement}");
        }
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
