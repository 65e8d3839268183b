//! `lint`: what in a plugin will hurt its users, each with its place, why, and what to write instead.
//!
//! Nothing is changed, nothing is fetched, no program of the plugin's is started.

mod entries;
mod files;
mod hook_rules;
mod ignored;
mod imports;
mod invalid;
mod node;
mod paths;
mod python;
mod report;
mod rules;
mod scripts;
mod shipped;
mod starts;
mod steps;
mod subject;
#[cfg(test)]
mod package_tests;
#[cfg(test)]
mod tests;
mod variables;

pub use report::{STYLES, Style};
pub use rules::{Level, RULES, Rule};

use crate::credentials::redact;
use crate::error::{Error, Kind, Result};
use crate::output;
use rules::Finding;
use std::path::Path;
use subject::Subject;

/// A place in a file of the plugin, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    /// The file, relative to the plugin.
    file: String,
    /// The line, counted from 1.
    line: usize,
    /// What is wrong, and whom it hurts.
    why: String,
    /// What to write or do instead.
    fix: String,
}

impl Spot {
    /// What it quotes may be an address with a login.
    fn new(place: (&str, usize), why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { file: place.0.to_owned(), line: place.1, why: redact(&why.into()), fix: redact(&fix.into()) }
    }
}

/// Looks at the plugin in a directory and says what was found; `shown` is how its user names the directory.
///
/// # Errors
/// Something was found that is an error, or with `strict` a warning. The plugin or its configuration cannot be read.
pub fn lint(directory: &Path, style: Style, strict: bool) -> Result<()> {
    let findings = findings(directory)?;
    report::show(directory, &findings, style)?;
    let count = |level| findings.iter().filter(|finding| finding.rule.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    if errors == 0 && (warnings == 0 || !strict) {
        if findings.is_empty() && style == Style::Text {
            output::note("nothing found");
        }
        return Ok(());
    }
    let error = Error::new(Kind::LintFindings, format!("lint `{}`", directory.display()));
    Err(error.because(format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))))
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The names of the rules that find something in the plugin in a directory, as often as they do.
///
/// # Errors
/// The plugin or its configuration cannot be read.
pub fn rules_found(directory: &Path) -> Result<Vec<&'static str>> {
    Ok(findings(directory)?.into_iter().map(|finding| finding.rule.name).collect())
}

/// What all rules find, by file and line, but for those that the author does not want to hear of.
fn findings(directory: &Path) -> Result<Vec<Finding>> {
    let ignored = ignored::read(directory)?;
    let subject = Subject::read(directory)?;
    let wanted = RULES.iter().filter(|rule| !ignored.iter().any(|name| name == rule.name));
    let mut found: Vec<Finding> = wanted
        .flat_map(|rule| {
            let mut spots = (rule.check)(&subject);
            spots.sort();
            spots.dedup();
            spots.into_iter().map(|spot| Finding { rule, spot }).collect::<Vec<_>>()
        })
        .collect();
    found.sort_by(|a, b| (&a.spot.file, a.spot.line, a.rule.level).cmp(&(&b.spot.file, b.spot.line, b.rule.level)));
    Ok(found)
}
