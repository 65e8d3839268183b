//! The ranges of versions that `engines.node` admits.
//!
//! The format is that of npm's `semver` (<https://github.com/npm/node-semver#ranges>), read as far as interpreters need
//! it: of a version only its three numbers count, so `22.0.0-rc.1` is `22.0.0`.

use std::fmt;

type Version = [u64; 3];
/// Above every version there is.
const NO_END: Version = [u64::MAX; 3];

/// Versions between a first one and one that is no longer among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: Version,
    to: Version,
}

/// A range as an author writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    text: String,
    spans: Vec<Span>,
}

impl Range {
    /// Reads `>=18`, `^20.1 || >=22`, `18.x`, `18 - 20` and their like.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a range of versions such as `>=18` or `^20 || ^22`, found `{text}`");
        let spans: Option<Vec<Span>> = text.split("||").map(alternative).collect();
        Ok(Self { text: text.trim().to_owned(), spans: spans.ok_or_else(wrong)? })
    }

    /// Whether it admits this version of Node.
    pub fn admits(&self, version: &str) -> bool {
        let Some((version, _)) = partial(version).map(|numbers| filled(&numbers)) else { return false };
        self.spans.iter().any(|span| span.from <= version && version < span.to)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What all comparators between two `||` admit together.
fn alternative(text: &str) -> Option<Span> {
    if let Some((from, to)) = text.split_once(" - ") {
        return Some(Span { from: filled(&partial(from)?).0, to: filled(&partial(to)?).1 });
    }
    // An operator may stand apart from its version.
    let text = text.replace(',', " ");
    let mut span = Span { from: [0; 3], to: NO_END };
    let mut operator = "";
    for word in text.split_whitespace() {
        let digits = word.find(|c: char| !"<>=^~".contains(c)).unwrap_or(word.len());
        let (own, version) = word.split_at(digits);
        operator = if own.is_empty() { operator } else { own };
        if !version.is_empty() {
            let next = comparator(std::mem::take(&mut operator), &partial(version)?)?;
            span = Span { from: span.from.max(next.from), to: span.to.min(next.to) };
        }
    }
    operator.is_empty().then_some(span)
}

fn comparator(operator: &str, numbers: &[u64]) -> Option<Span> {
    let (from, to) = filled(numbers);
    Some(match operator {
        "" | "=" => Span { from, to },
        ">=" => Span { from, to: NO_END },
        ">" => Span { from: to, to: NO_END },
        "<" => Span { from: [0; 3], to: from },
        "<=" => Span { from: [0; 3], to },
        "~" | "~>" => Span { from, to: after(&numbers[..numbers.len().min(2)]) },
        "^" => {
            // What is left of the first number that is not zero does not change.
            let fixed = numbers.iter().position(|number| *number > 0).map_or(numbers.len(), |at| at + 1);
            Span { from, to: after(&numbers[..fixed]) }
        }
        _ => return None,
    })
}

/// The numbers that are written, until an `x` or the end.
fn partial(text: &str) -> Option<Vec<u64>> {
    let text = text.trim();
    let plain = text.strip_prefix(['v', 'V', '=']).unwrap_or(text);
    let plain = plain.split(['-', '+']).next().unwrap_or_default();
    if plain.is_empty() {
        return None;
    }
    let parts: Vec<&str> = plain.split('.').collect();
    let written = parts.iter().take_while(|part| !["x", "X", "*"].contains(part));
    let numbers: Option<Vec<u64>> = written.map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() <= 3 && parts.len() <= 3)
}

/// The first version that begins so, and the first one after those that do.
fn filled(numbers: &[u64]) -> (Version, Version) {
    let mut from = [0; 3];
    from[..numbers.len()].copy_from_slice(numbers);
    (from, after(numbers))
}

fn after(numbers: &[u64]) -> Version {
    let Some(last) = numbers.len().checked_sub(1) else { return NO_END };
    let mut next = [0; 3];
    next[..=last].copy_from_slice(numbers);
    next[last] = next[last].saturating_add(1);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against npm's own `semver` by `tests/it/node.rs`.
    #[test]
    fn a_range_admits_what_npm_says_that_it_admits() {
        let admitted = [
            (">=18", "18.0.0"),
            ("", "1.0.0"),
            ("*", "22.1.3"),
            ("18.x", "18.20.8"),
            ("^20.1 || >=22", "20.9.0"),
            ("^20.1 || >=22", "24.0.0"),
            (">= 18.17 < 21", "20.2.0"),
            ("~20.3", "20.3.9"),
            ("18 - 20", "20.19.1"),
            ("v20", "20.0.0"),
            ("<=20", "20.5.0"),
            (">20", "21.0.0"),
        ];
        for (range, version) in admitted {
            assert!(Range::parse(range).unwrap().admits(version), "{range} {version}");
        }
        let refused = [
            (">=18", "16.20.0"),
            ("^20.1 || >=22", "21.0.0"),
            ("^20.1", "20.0.9"),
            ("~20.3", "20.4.0"),
            ("18 - 20", "21.0.0"),
            ("<20", "20.0.0"),
            (">20", "20.9.0"),
            ("^0.10", "0.11.0"),
        ];
        for (range, version) in refused {
            assert!(!Range::parse(range).unwrap().admits(version), "{range} {version}");
        }
    }

    #[test]
    fn what_is_no_range_is_told() {
        for text in ["lts", ">=", "1.2.3.4", "^a", ">=18 <"] {
            assert!(Range::parse(text).unwrap_err().contains("found `"), "{text}");
        }
    }
}
