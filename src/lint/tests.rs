//! The documentation is the table of cases: each rule finds something in the files that it calls bad, and nothing in
//! those that it calls good.

use super::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../docs/lint.md");

/// Files by their names.
type Files = Vec<(String, String)>;

/// What the documentation says of one rule.
struct Section {
    name: String,
    level: String,
    sentence: String,
    bad: Files,
    good: Files,
}

fn sections() -> Vec<Section> {
    DOCUMENT.split("\n## `").skip(1).map(section).collect()
}

fn section(text: &str) -> Section {
    let (name, rest) = text.split_once('`').unwrap();
    let (level, sentence) = rest.trim_start().lines().next().unwrap().split_once(": ").unwrap();
    let (bad, good) = rest.split_once("\nGood: ").unwrap_or_else(|| panic!("`{name}` has no good example"));
    let bad = bad.split_once("\nBad: ").unwrap_or_else(|| panic!("`{name}` has no bad example")).1;
    Section {
        name: name.into(),
        level: level.trim_matches('*').into(),
        sentence: sentence.into(),
        bad: files(bad),
        good: files(good),
    }
}

/// A name in backticks, then what is in the file between fences.
fn files(text: &str) -> Files {
    let parts = text.split("\nwith ");
    let file = |part: &str| {
        let (name, rest) = part.trim_start_matches('`').split_once('`').unwrap();
        let content = rest.split("```").nth(1).unwrap().split_once('\n').unwrap().1;
        (name.to_owned(), content.to_owned())
    };
    parts.map(file).collect()
}

fn plugin(files: &Files) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let own = (".claude-plugin/plugin.json".to_owned(), "{ \"name\": \"p\" }".to_owned());
    for (name, text) in files.iter().chain([&own]) {
        let path = root.path().join(name);
        crate::fs::create_directory(path.parent().unwrap()).unwrap();
        crate::fs::write(&path, text.as_bytes()).unwrap();
    }
    root
}

/// How often each rule found something.
fn found(files: &Files) -> BTreeMap<&'static str, usize> {
    let root = plugin(files);
    let mut count = BTreeMap::new();
    for finding in findings(root.path()).unwrap() {
        *count.entry(finding.rule.name).or_default() += 1;
    }
    count
}

#[test]
fn the_documentation_lists_every_rule_with_its_level_and_its_sentence() {
    let told: Vec<_> = sections().into_iter().map(|section| (section.name, section.level, section.sentence)).collect();
    let known: Vec<_> = RULES
        .iter()
        .map(|rule| (rule.name.to_owned(), rule.level.name().to_owned(), rule.sentence.to_owned()))
        .collect();
    assert_eq!(told, known);
}

#[test]
fn each_rule_finds_something_in_its_bad_example_and_nothing_in_its_good_one() {
    for section in sections() {
        let name = section.name.as_str();
        assert_eq!(found(&section.bad).get(name), Some(&1), "`{name}` in its bad example");
        assert_eq!(found(&section.good).get(name), None, "`{name}` in its good example");
    }
}
