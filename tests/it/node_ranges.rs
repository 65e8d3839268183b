//! `engines.node` is read as npm reads it: compared with the `semver` that npm itself has.

use crate::support::*;
use plugdeps::node_range::Range;
use serde_json::{Value, json};
use std::fmt::Write;

const OPERATORS: [&str; 9] = ["", "=", ">", ">=", "<", "<=", "~", "~>", "^"];
const VERSIONS: [&str; 22] = [
    "0.0.0", "0.0.3", "0.0.4", "0.1.0", "0.10.0", "0.10.48", "0.11.0", "1.0.0", "17.9.9", "18.0.0", "18.17.0",
    "18.17.1", "18.17.2", "18.18.0", "18.20.8", "19.0.0", "20.0.0", "20.5.1", "20.6.0", "21.7.3", "22.12.0", "100.0.0",
];
/// Reads the ranges and versions; of each range says `null`, or which versions it admits.
const ASK: &str = "const semver = require(process.argv[1]);\n\
    const { ranges, versions } = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n\
    const told = range => semver.validRange(range) === null ? null : versions.map(v => semver.satisfies(v, range));\n\
    console.log(JSON.stringify(ranges.map(told)));\n";

fn one_of<'a>(chance: &mut Random, of: &[&'a str]) -> &'a str {
    of[chance.below(of.len() as u32) as usize]
}

/// What may stand after an operator.
fn partial(chance: &mut Random) -> String {
    let numbers = ["0", "0", "1", "3", "10", "17", "18", "20"];
    let count = 1 + chance.below(3);
    let mut parts: Vec<&str> = (0..count).map(|_| one_of(chance, &numbers)).collect();
    if chance.below(5) == 0 {
        let at = chance.below(count) as usize;
        parts.truncate(at);
        parts.push(one_of(chance, &["x", "X", "*"]));
        // What follows an `x` does not count.
        parts.extend((parts.len()..3).filter(|_| chance.below(3) == 0).map(|_| "x"));
    }
    let sign = one_of(chance, &["", "", "", "", "v"]);
    format!("{sign}{}", parts.join("."))
}

fn comparator(chance: &mut Random) -> String {
    let (operator, space) = (one_of(chance, &OPERATORS), one_of(chance, &["", "", " "]));
    format!("{operator}{space}{}", partial(chance))
}

fn alternative(chance: &mut Random) -> String {
    if chance.below(6) == 0 {
        return format!("{} - {}", partial(chance), partial(chance));
    }
    let comparators: Vec<String> = (0..1 + chance.below(3)).map(|_| comparator(chance)).collect();
    comparators.join(one_of(chance, &[" ", "  "]))
}

fn range(chance: &mut Random) -> String {
    let alternatives: Vec<String> = (0..1 + chance.below(3)).map(|_| alternative(chance)).collect();
    alternatives.join(one_of(chance, &["||", " || "]))
}

#[test]
fn a_range_admits_what_npm_says_that_it_admits() {
    let mut chance = Random::seeded();
    let count = times("PLUGDEPS_TEST_RANGES", 2_000);
    let known =
        ["", "*", " >=18 ", ">=18.0.0 <21", "^20.1 || >=22", "18 || 20 || >=22", "lts/*", ">=", "1.2.3.4", "^a"];
    let known = known.into_iter().map(str::to_owned);
    let ranges: Vec<String> = known.chain((0..count).map(|_| range(&mut chance))).collect();
    let semver = Manager::Npm.program().with_file_name("../node_modules/semver");
    let asked = json!({ "ranges": ranges, "versions": VERSIONS }).to_string();
    let output = Cmd::new("node").args(["-e", ASK]).arg(semver).stdin(asked).run();
    let told = output.ok().json();
    let mut wrong = String::new();
    for (range, told) in ranges.iter().zip(told.as_array().unwrap()) {
        let ours = Range::parse(range).ok();
        let admitted = ours.map(|ours| VERSIONS.map(|version| Value::Bool(ours.admits(version))).to_vec());
        // A range that npm does not understand is no engine that it would demand; we may, or say that we do not.
        if !told.is_null() && admitted.as_ref() != told.as_array() {
            writeln!(wrong, "`{range}`: npm {told}, ours {admitted:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
