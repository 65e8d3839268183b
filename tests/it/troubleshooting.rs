//! `docs/troubleshooting.md`: its headings are messages of the program, and no message that matters is without an entry.

use crate::support::document;
use plugdeps::error::KINDS;
use plugdeps::failure;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where what is said to users is written down: each sentence of these has an entry.
const SPOKEN: [&str; 8] =
    ["hook.rs", "news.rs", "home.rs", "mcp/relay.rs", "proof.rs", "reason.rs", "trust.rs", "check.rs"];
/// From so many words on something is a sentence.
const SENTENCE: usize = 5;

/// A text without what only formats it: on one line, no backticks, one `…` for whatever is put in.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().filter(|c| *c != '`') {
        if c != '…' || !plain.ends_with('…') {
            plain.push(c);
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The texts in a file's code, with `…` for what is put into them.
fn texts(code: &str) -> Vec<String> {
    let product = code.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.fold(String::new(), |code, line| code + line + "\n").replace("'\"'", "").replace("b'\"'", "");
    let mut found = Vec::new();
    let mut chars = code.chars().peekable();
    while chars.by_ref().any(|c| c == '"') {
        let mut text = String::new();
        while let Some(c) = chars.next().filter(|c| *c != '"') {
            match c {
                '\\' if chars.peek() == Some(&'\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                '\\' => text.extend(chars.next()),
                '{' if chars.next_if_eq(&'{').is_none() => {
                    chars.by_ref().find(|c| *c == '}');
                    text.push('…');
                }
                '}' => text.push(chars.next_if_eq(&'}').unwrap_or('}')),
                c => text.push(c),
            }
        }
        found.push(plain(&text));
    }
    found
}

fn source(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).unwrap()
}

/// Every text of the program.
fn all_texts() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(root).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files.flat_map(|path| texts(&fs::read_to_string(path).unwrap())).collect()
}

fn entries() -> String {
    document::text("troubleshooting.md")
}

#[test]
fn each_heading_is_a_message_of_the_program() {
    let (known, entries) = (all_texts(), entries());
    let headings = entries.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let messages: Vec<_> = headings.flat_map(|heading| heading.split("`, `")).map(plain).collect();
    assert!(messages.len() > 30, "{messages:?}");
    for message in messages {
        let is_known = known.contains(&message) || known.iter().any(|text| text.trim_end_matches('…') == message);
        assert!(is_known, "the program says nowhere `{message}`");
    }
}

#[test]
fn each_sentence_that_a_user_may_read_has_an_entry() {
    let entries = plain(&entries());
    for file in SPOKEN {
        let texts = texts(&source(file));
        let sentences = texts.iter().filter(|text| text.split(' ').count() >= SENTENCE);
        let said = sentences.map(|text| text.trim_matches(['…', ' ', ':', ';']));
        let missing: Vec<_> = said.filter(|said| !entries.contains(said)).collect();
        assert!(missing.is_empty(), "no entries for what `src/{file}` says: {missing:#?}");
    }
}

#[test]
fn each_class_of_a_failure_and_each_kind_of_error_has_its_row() {
    let entries = entries();
    for class in failure::spoken().chain(failure::UNSPOKEN) {
        let row = format!("\n| {} (`{}`) | **", class.sentence, class.code);
        assert!(entries.contains(&row), "no row for `{}`: {}", class.code, class.sentence);
    }
    let by_code = entries.split("## By code").nth(1).unwrap();
    for kind in KINDS {
        assert!(by_code.contains(&format!("`{}`", kind.code)), "no row for the kind `{}`", kind.code);
    }
}

#[test]
fn the_reader_of_code_finds_what_is_put_together() {
    let code = "f(\"a \\\"{name}\\\" {}{x:?}\", '\"', \"{{b}} \\\n     c\"); // \"d\"\n// \"e\"\n#[cfg(test)]\nmod tests { \"f\" }";
    assert_eq!(texts(code), ["a \"…\" …", "{b} c", "d"]);
}
