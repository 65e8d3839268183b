//! How findings are shown: to a person, to a program, to GitHub.

use super::rules::{Finding, Level};
use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;
use crate::output;
use serde::Serialize;
use std::path::Path;

/// The number of the format of `--json`.
const SCHEMA: u32 = 1;

/// A way to show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// For a person.
    #[default]
    Text,
    /// For a program.
    Json,
    /// Annotations of GitHub's workflows.
    Github,
}

/// All of them.
pub const STYLES: [(&str, Style); 3] = [("text", Style::Text), ("json", Style::Json), ("github", Style::Github)];

impl Style {
    /// The style of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(name: &str) -> Result<Self> {
        let unknown = || {
            let error =
                Error::new(Kind::Usage, format!("show findings as `{name}`")).because("there is no such format");
            let near = nearest(name, STYLES.iter().map(|(name, _)| *name)).unwrap_or("text");
            error.hint(format!("did you mean `{near}`?"))
        };
        STYLES.iter().find(|(known, _)| *known == name).map(|(_, style)| *style).ok_or_else(unknown)
    }
}

/// One finding, for a program.
#[derive(Serialize)]
struct Told<'a> {
    rule: &'a str,
    level: &'a str,
    file: String,
    line: usize,
    why: &'a str,
    fix: &'a str,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    version: &'a str,
    errors: usize,
    warnings: usize,
    notices: usize,
    findings: Vec<Told<'a>>,
}

/// Shows the findings on standard output.
///
/// # Errors
/// They cannot be written as JSON.
pub fn show(directory: &Path, findings: &[Finding], style: Style) -> Result<()> {
    let told: Vec<Told<'_>> = findings.iter().map(|finding| told(directory, finding)).collect();
    match style {
        Style::Text => output::data(&output::harmless(&told.iter().map(text).collect::<String>())),
        Style::Github => output::data(&output::harmless(&told.iter().map(annotation).collect::<String>())),
        Style::Json => output::json(&report(findings, told))?,
    }
    Ok(())
}

fn report<'a>(findings: &[Finding], told: Vec<Told<'a>>) -> Report<'a> {
    let count = |level| findings.iter().filter(|finding| finding.rule.level == level).count();
    Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        errors: count(Level::Error),
        warnings: count(Level::Warning),
        notices: count(Level::Notice),
        findings: told,
    }
}

/// A file is named as it is seen from where the command was typed.
fn told<'a>(directory: &Path, finding: &'a Finding) -> Told<'a> {
    let spot = &finding.spot;
    let directory = directory.strip_prefix(".").unwrap_or(directory);
    let file = directory.join(&spot.file).display().to_string();
    Told {
        rule: finding.rule.name,
        level: finding.rule.level.name(),
        file,
        line: spot.line,
        why: &spot.why,
        fix: &spot.fix,
    }
}

fn text(told: &Told<'_>) -> String {
    format!("{}:{}: {}[{}]: {}\n  fix: {}\n", told.file, told.line, told.level, told.rule, told.why, told.fix)
}

/// The form is that of GitHub's workflow commands.
fn annotation(told: &Told<'_>) -> String {
    let message = escaped(&format!("{}; {}", told.why, told.fix), &[]);
    let property = |text: &str| escaped(text, &[(':', "%3A"), (',', "%2C")]);
    let (file, rule) = (property(&told.file), property(told.rule));
    format!("::{} file={file},line={},title={rule}::{message}\n", told.level, told.line)
}

fn escaped(text: &str, more: &[(char, &str)]) -> String {
    let known = [('%', "%25"), ('\r', "%0D"), ('\n', "%0A")];
    let of = |c: char| known.iter().chain(more).find(|(own, _)| *own == c).map(|(_, code)| *code);
    text.chars().map(|c| of(c).map_or_else(|| c.to_string(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_escapes_what_would_end_it() {
        let told = Told { rule: "r", level: "error", file: "a,b:c%".into(), line: 3, why: "x: 1,\n2", fix: "100%" };
        assert_eq!(annotation(&told), "::error file=a%2Cb%3Ac%25,line=3,title=r::x: 1,%0A2; 100%25\n");
    }
}
