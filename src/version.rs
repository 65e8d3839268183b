//! Versions of interpreters and the ranges that `requires-python` admits.
//!
//! The format is that of PEP 440 (<https://packaging.python.org/en/latest/specifications/version-specifiers/>), read
//! as far as interpreters need it: of a version only the release numbers count, so `3.13.0rc1` is `3.13.0`. That is
//! what a plugin that asks for `>=3.13` means, and how uv reads `requires-python`.

use std::cmp::Ordering;
use std::fmt;

/// The release numbers of a version; `3.12` and `3.12.0` are equal.
#[derive(Debug, Clone)]
pub struct Version {
    release: Vec<u64>,
}

impl Version {
    /// Reads `3.12`, `3.12.1`, `3.13.0rc1` (as `3.13.0`), `3.14.0+` and their like.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a version such as `3.12` or `3.12.1`, found `{text}`");
        let trimmed = text.trim();
        let digits = trimmed.strip_prefix(['v', 'V']).unwrap_or(trimmed);
        let (release, suffix) = split_release(digits).ok_or_else(wrong)?;
        if is_suffix(suffix) { Ok(Self { release }) } else { Err(wrong()) }
    }

    /// The release numbers as they were written, at least one.
    pub fn release(&self) -> &[u64] {
        &self.release
    }

    fn part(&self, index: usize) -> u64 {
        self.release.get(index).copied().unwrap_or(0)
    }

    /// Whether the first `length` numbers are those of `other`.
    fn agrees(&self, other: &Version, length: usize) -> bool {
        (0..length).all(|index| self.part(index) == other.part(index))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.release.len().max(other.release.len());
        (0..length).map(|index| self.part(index).cmp(&other.part(index))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.release.iter().enumerate() {
            write!(f, "{}{number}", if index == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// The leading numbers, and what follows them; a dot belongs to the release only before a digit.
fn split_release(text: &str) -> Option<(Vec<u64>, &str)> {
    let mut release = Vec::new();
    let mut rest = text;
    loop {
        let (number, tail) = take_digits(rest);
        release.push(number.parse().ok()?);
        match tail.strip_prefix('.') {
            Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
            _ => return Some((release, tail)),
        }
    }
}

fn take_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Whether `text` is what may follow release numbers: `rc1`, `.post2`, `-1`, `.dev0`, `+local`, or several.
fn is_suffix(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(local) = rest.strip_prefix('+') {
            // An interpreter built between two releases calls itself `3.14.0+`, with nothing behind the sign.
            return local.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        }
        match strip_segment(rest) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    true
}

fn strip_segment(text: &str) -> Option<&str> {
    const WORDS: &[&str] = &["a", "alpha", "b", "beta", "c", "dev", "post", "pre", "preview", "r", "rc", "rev"];
    let separator = |c: char| matches!(c, '.' | '-' | '_');
    let start = text.strip_prefix(separator).unwrap_or(text);
    let (word, tail) = start.split_at(start.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(start.len()));
    if word.is_empty() {
        let (number, tail) = take_digits(start);
        return (text.starts_with('-') && !number.is_empty()).then_some(tail);
    }
    let known = WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let (number, behind) = take_digits(tail.strip_prefix(separator).unwrap_or(tail));
    known.then_some(if number.is_empty() { tail } else { behind })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    AtMost,
    More,
    Less,
    Equal,
    NotEqual,
    Compatible,
    Identical,
}

/// Longest first, so that `>=` is not read as `>`.
const OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Identical),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("~=", Operator::Compatible),
    (">", Operator::More),
    ("<", Operator::Less),
];

#[derive(Debug, Clone)]
struct Clause {
    operator: Operator,
    version: Version,
    wildcard: bool,
}

impl Clause {
    fn parse(text: &str) -> Result<Self, String> {
        let (operator, rest) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?.trim())))
            .ok_or_else(|| format!("expected `>=`, `>`, `<=`, `<`, `==`, `!=`, `~=` or `===` before `{text}`"))?;
        let (number, wildcard) = rest.strip_suffix(".*").map_or((rest, false), |number| (number, true));
        let clause = Self { operator, version: Version::parse(number)?, wildcard };
        clause.check(text).map(|()| clause)
    }

    fn check(&self, text: &str) -> Result<(), String> {
        if self.wildcard && !matches!(self.operator, Operator::Equal | Operator::NotEqual) {
            return Err(format!("expected `.*` after `==` or `!=` only, found `{text}`"));
        }
        if self.operator == Operator::Compatible && self.version.release.len() < 2 {
            return Err(format!("expected two numbers or more after `~=`, found `{text}`"));
        }
        Ok(())
    }

    fn admits(&self, version: &Version) -> bool {
        let given = self.version.release.len();
        match self.operator {
            Operator::AtLeast => version >= &self.version,
            Operator::AtMost => version <= &self.version,
            Operator::More => version > &self.version,
            Operator::Less => version < &self.version,
            Operator::Equal if self.wildcard => version.agrees(&self.version, given),
            Operator::NotEqual if self.wildcard => !version.agrees(&self.version, given),
            Operator::Equal => version == &self.version,
            Operator::NotEqual => version != &self.version,
            Operator::Compatible => version >= &self.version && version.agrees(&self.version, given - 1),
            Operator::Identical => version.release == self.version.release,
        }
    }
}

/// What `requires-python` admits: clauses that must all hold, none of them for the empty text.
#[derive(Debug, Clone)]
pub struct Specifiers {
    text: String,
    clauses: Vec<Clause>,
}

impl Specifiers {
    /// Reads clauses such as `>=3.10, <4, !=3.11.*`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let clauses = parts.map(Clause::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), clauses })
    }

    /// Whether every clause holds for `version`.
    pub fn admits(&self, version: &Version) -> bool {
        self.clauses.iter().all(|clause| clause.admits(version))
    }
}

impl fmt::Display for Specifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(specifiers: &str, version: &str) -> bool {
        Specifiers::parse(specifiers).unwrap().admits(&Version::parse(version).unwrap())
    }

    #[test]
    fn a_prerelease_counts_as_its_release() {
        for text in ["3.13.0rc1", "3.13.0+", "3.13.0.dev1+abc.5", "v3.13.0", "3.13.0-1", "3.13.0_post2", " 3.13.0a-1 "]
        {
            let version = Version::parse(text).unwrap();
            assert_eq!(version.to_string(), "3.13.0", "{text}");
            assert_eq!(version.release(), [3, 13, 0], "{text}");
        }
    }

    #[test]
    fn trailing_zeros_do_not_matter() {
        assert_eq!(Version::parse("3.12").unwrap(), Version::parse("3.12.0").unwrap());
        assert!(admits("==3.12", "3.12.0") && !admits("==3.12", "3.12.1"));
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(Version::parse("3.9").unwrap() < Version::parse("3.10").unwrap());
        assert!(Version::parse("3.10").unwrap() < Version::parse("3.10.1").unwrap());
    }

    #[test]
    fn each_operator_admits_what_pep_440_says() {
        let admitted = [
            (">=3.10", "3.10.0"),
            (">3.10", "3.10.1"),
            ("<=3.12", "3.12.0"),
            ("<4", "3.99"),
            ("==3.12.*", "3.12.7"),
            ("==3.*", "3.0"),
            ("!=3.11.*", "3.12"),
            ("!=3.11", "3.11.1"),
            ("~=3.10", "3.14"),
            ("~=3.10.2", "3.10.9"),
            ("===3.12.1", "3.12.1"),
            ("==3.0.*", "3"),
        ];
        for (specifiers, version) in admitted {
            assert!(admits(specifiers, version), "{specifiers} {version}");
        }
        let refused = [
            (">=3.10", "3.9.20"),
            (">3.10", "3.10"),
            ("<=3.12", "3.12.1"),
            ("<4", "4.0"),
            ("==3.1.*", "3.10"),
            ("!=3.11.*", "3.11.4"),
            ("~=3.10", "4.0"),
            ("~=3.10", "3.9"),
            ("~=3.10.2", "3.11"),
            ("~=3.10.2", "3.10.1"),
            ("===3.12", "3.12.0"),
        ];
        for (specifiers, version) in refused {
            assert!(!admits(specifiers, version), "{specifiers} {version}");
        }
    }

    #[test]
    fn every_clause_must_hold() {
        assert!(admits(">=3.10,<3.13,!=3.11.*", "3.12.1"));
        assert!(!admits(">=3.10,<3.13,!=3.11.*", "3.11.1"));
        assert!(admits(" >= 3.8 , < 4 ,", "3.9"));
    }

    #[test]
    fn the_empty_text_admits_everything() {
        assert!(admits("", "2.7") && admits("  ", "4"));
    }

    #[test]
    fn specifiers_are_displayed_as_they_were_written() {
        assert_eq!(Specifiers::parse(" >= 3.10 ,<4").unwrap().to_string(), " >= 3.10 ,<4");
    }

    #[test]
    fn what_is_no_specifier_is_refused_with_what_was_expected() {
        let error = |text: &str| Specifiers::parse(text).unwrap_err();
        assert_eq!(error("^3.10"), "expected `>=`, `>`, `<=`, `<`, `==`, `!=`, `~=` or `===` before `^3.10`");
        assert_eq!(error(">=three"), "expected a version such as `3.12` or `3.12.1`, found `three`");
        assert_eq!(error(">=3.8.*"), "expected `.*` after `==` or `!=` only, found `>=3.8.*`");
        assert_eq!(error("~=3"), "expected two numbers or more after `~=`, found `~=3`");
        for text in ["3.10", "=3.10", ">=", ">=3.x", ">=3.8 <4", "== *", ">=3.8.", ">=1!3", ">=3..1", "==3.é", "|| 3"]
        {
            assert!(error(text).starts_with("expected "), "{text}");
        }
        assert!(error(">=99999999999999999999999").starts_with("expected a version"));
    }
}
