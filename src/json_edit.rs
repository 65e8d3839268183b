//! Changes of one part of a JSON text. What is put in looks like what is beside it; everything else stays, to the byte.

use crate::error::Result;
use crate::json_text::{Document, Member, Node, Value, quoted};
use std::ops::Range;

/// One level of indentation where the text has none of its own.
const STEP: &str = "  ";

/// Puts a key with its value, which is JSON, behind the last one of an object, or replaces the value of the key that is
/// there.
///
/// # Errors
/// The value is no JSON.
pub fn set(document: &Document, object: &Node, key: &str, value: &str) -> Result<Document> {
    match object.member(key) {
        Some(member) => replace(document, &member.value, value),
        None => {
            let entry = |base: &str, style: &Style| Ok(format!("{}: {}", quoted(key), style.render(value, base)?));
            append(document, object, &entry)
        }
    }
}

/// Puts a key with its value in front of the first one of an object.
///
/// # Errors
/// The value is no JSON.
pub fn set_first(document: &Document, object: &Node, key: &str, value: &str) -> Result<Document> {
    let entry = |base: &str, style: &Style| Ok(format!("{}: {}", quoted(key), style.render(value, base)?));
    prepend(document, object, &entry)
}

/// Puts a value in front of the first one of an array.
///
/// # Errors
/// The value is no JSON.
pub fn push_first(document: &Document, array: &Node, value: &str) -> Result<Document> {
    prepend(document, array, &|base, style| style.render(value, base))
}

/// Puts another value in the place of one.
///
/// # Errors
/// The new one is no JSON.
pub fn replace(document: &Document, node: &Node, value: &str) -> Result<Document> {
    let style = Style::of(document);
    let base = indentation(&document.text, node.span.start).to_owned();
    splice(document, node.span.clone(), &style.render(value, &base)?)
}

/// Has an array of strings hold these. Those of its lines stay that hold what stays.
///
/// # Errors
/// The text that comes of it is no JSON, which cannot be.
pub fn replace_strings(document: &Document, array: &Node, words: &[String]) -> Result<Document> {
    let old = array.items();
    let same = |(one, word): &(&Node, &String)| one.as_str() == Some(word);
    let head = old.iter().zip(words).take_while(same).count();
    let most = old.len().min(words.len()) - head;
    let tail = old.iter().rev().zip(words.iter().rev()).take(most).take_while(same).count();
    let written = |word: &String| quoted(word);
    let (Some(first), Some(last)) = (old.first(), old.last()) else {
        let words: Vec<String> = words.iter().map(written).collect();
        return splice(document, array.span.clone(), &format!("[{}]", words.join(", ")));
    };
    let lead = &document.text[array.span.start + 1..first.span.start];
    let between = if lead.contains('\n') { format!(",{lead}") } else { ", ".to_owned() };
    let kept = |range: Range<usize>| old[range].iter().map(|node| document.at(&node.span).to_owned());
    let new = words[head..words.len() - tail].iter().map(written);
    let all: Vec<String> = kept(0..head).chain(new).chain(kept(old.len() - tail..old.len())).collect();
    splice(document, first.span.start..last.span.end, &all.join(&between))
}

/// Takes a key with its value out of an object.
///
/// # Errors
/// The text that comes of it is no JSON, which cannot be.
pub fn remove_member(document: &Document, object: &Node, key: &str) -> Result<Document> {
    let at = object.members().iter().rposition(|member| member.key == key);
    remove(document, object, at)
}

/// Takes a value out of an array.
///
/// # Errors
/// The text that comes of it is no JSON, which cannot be.
pub fn remove_item(document: &Document, array: &Node, at: usize) -> Result<Document> {
    remove(document, array, Some(at))
}

fn remove(document: &Document, container: &Node, at: Option<usize>) -> Result<Document> {
    let spans = spans(container);
    let Some((at, own)) = at.and_then(|at| Some((at, spans.get(at)?))) else { return Ok(document.clone()) };
    let gone = match (spans.get(at + 1), at.checked_sub(1)) {
        (Some(next), _) => own.start..next.start,
        (None, Some(before)) => spans[before].end..own.end,
        (None, None) => container.span.start + 1..container.span.end - 1,
    };
    splice(document, gone, "")
}

/// What is put into a container, written for lines that begin with this indentation.
type Entry<'a> = &'a dyn Fn(&str, &Style) -> Result<String>;

fn prepend(document: &Document, container: &Node, entry: Entry<'_>) -> Result<Document> {
    let style = Style::of(document);
    let spans = spans(container);
    let Some(first) = spans.first() else { return fill(document, container, &style, entry) };
    let lead = &document.text[container.span.start + 1..first.start];
    let Some((_, base)) = lead.rsplit_once('\n') else {
        let entry = entry("", &Style::in_one_line())?;
        return splice(document, first.start..first.start, &format!("{entry}, "));
    };
    splice(document, first.start..first.start, &format!("{},{lead}", entry(base, &style)?))
}

fn append(document: &Document, container: &Node, entry: Entry<'_>) -> Result<Document> {
    let style = Style::of(document);
    let spans = spans(container);
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return fill(document, container, &style, entry);
    };
    let lead = &document.text[container.span.start + 1..first.start];
    let Some((_, base)) = lead.rsplit_once('\n') else {
        let entry = entry("", &Style::in_one_line())?;
        return splice(document, last.end..last.end, &format!(", {entry}"));
    };
    splice(document, last.end..last.end, &format!(",{lead}{}", entry(base, &style)?))
}

/// Of a container with nothing in it.
fn fill(document: &Document, container: &Node, style: &Style, entry: Entry<'_>) -> Result<Document> {
    let inside = container.span.start + 1..container.span.end - 1;
    if !style.has_lines {
        return splice(document, inside, &entry("", style)?);
    }
    let outer = indentation(&document.text, container.span.start).to_owned();
    let base = format!("{outer}{}", style.step);
    let line = &style.line;
    splice(document, inside, &format!("{line}{base}{}{line}{outer}", entry(&base, style)?))
}

fn spans(container: &Node) -> Vec<Range<usize>> {
    match &container.value {
        Value::Object(members) => members.iter().map(Member::span).collect(),
        Value::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
        _ => Vec::new(),
    }
}

fn splice(document: &Document, span: Range<usize>, with: &str) -> Result<Document> {
    let mut text = document.text.clone();
    text.replace_range(span, with);
    Document::parse("the changed text", text.as_bytes())
}

/// The blanks at the beginning of the line in which a place is.
fn indentation(text: &str, at: usize) -> &str {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// How a text is laid out.
struct Style {
    /// What ends a line.
    line: String,
    /// One level of indentation.
    step: String,
    /// Whether there is more than one line at all.
    has_lines: bool,
}

impl Style {
    fn of(document: &Document) -> Self {
        let text = &document.text;
        let line = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let first = spans(&document.root).into_iter().next();
        let step = first.map(|first| indentation(text, first.start)).filter(|step| !step.is_empty());
        let has_lines = document.at(&document.root.span).contains('\n') || spans(&document.root).is_empty();
        Self { line: line.into(), step: step.unwrap_or(STEP).into(), has_lines }
    }

    fn in_one_line() -> Self {
        Self { line: String::new(), step: String::new(), has_lines: false }
    }

    /// JSON laid out so, for a line that is indented by `base`.
    fn render(&self, json: &str, base: &str) -> Result<String> {
        let document = Document::parse("what is put in", json.as_bytes())?;
        Ok(self.node(&document, &document.root, base))
    }

    fn node(&self, document: &Document, node: &Node, base: &str) -> String {
        let inner = format!("{base}{}", self.step);
        let (entries, [open, close]): (Vec<String>, _) = match &node.value {
            Value::Object(members) => {
                let entry = |one: &Member| format!("{}: {}", quoted(&one.key), self.node(document, &one.value, &inner));
                (members.iter().map(entry).collect(), ["{", "}"])
            }
            Value::Array(items) => (items.iter().map(|one| self.node(document, one, &inner)).collect(), ["[", "]"]),
            _ => return document.at(&node.span).to_owned(),
        };
        let is_flat = node.items().iter().all(|item| spans(item).is_empty()) && node.is_array();
        if entries.is_empty() || is_flat || !self.has_lines {
            return format!("{open}{}{close}", entries.join(", "));
        }
        let line = format!("{}{inner}", self.line);
        format!("{open}{line}{}{}{base}{close}", entries.join(&format!(",{line}")), self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Document {
        Document::parse("a.json", text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn becomes(text: &str, edit: impl Fn(&Document) -> Result<Document>, expected: &str) {
        assert_eq!(edit(&read(text)).unwrap().text, expected);
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_key_is_put_behind_the_last_one_as_that_is_written() {
        let set = |document: &Document| set(document, document.root.get("a").unwrap(), "k", r#"{"x":[1,2]}"#);
        becomes("{\"a\": {\"b\": 1}}", set, "{\"a\": {\"b\": 1, \"k\": {\"x\": [1, 2]}}}");
        becomes(
            "{\r\n\t\"a\" : {\r\n\t\t\"b\": 1\r\n\t}\r\n}",
            set,
            "{\r\n\t\"a\" : {\r\n\t\t\"b\": 1,\r\n\t\t\"k\": {\r\n\t\t\t\"x\": [1, 2]\r\n\t\t}\r\n\t}\r\n}",
        );
        becomes(
            "{\n    \"a\": {}\n}\n",
            set,
            "{\n    \"a\": {\n        \"k\": {\n            \"x\": [1, 2]\n        }\n    }\n}\n",
        );
        becomes("\u{feff}{\"a\":{ }}", set, "\u{feff}{\"a\":{\"k\": {\"x\": [1, 2]}}}");
        becomes("{\"a\": {\"k\": 0, \"b\": 1}}", set, "{\"a\": {\"k\": {\"x\": [1, 2]}, \"b\": 1}}");
    }

    #[test]
    fn what_comes_first_is_put_in_front_as_the_next_one_is_written() {
        let push = |document: &Document| push_first(document, document.root.get("a").unwrap(), "{\"x\":[]}");
        becomes("{\n  \"a\": [\n    1\n  ]}", push, "{\n  \"a\": [\n    {\n      \"x\": []\n    },\n    1\n  ]}");
        becomes("{\n  \"a\": [1]}", push, "{\n  \"a\": [{\"x\": []}, 1]}");
        becomes("{\n  \"a\": []}", push, "{\n  \"a\": [\n    {\n      \"x\": []\n    }\n  ]}");
        let set = |document: &Document| set_first(document, &document.root, "k", "1");
        becomes("{\n\n \"a\": 2}", set, "{\n\n \"k\": 1,\n\n \"a\": 2}");
        becomes("{}", set, "{\n  \"k\": 1\n}");
    }

    #[test]
    fn what_is_removed_takes_its_comma_and_its_line_with_it() {
        for (key, rest) in [
            ("a", "{\n  \"b\": 2,\n  \"c\": 3\n}"),
            ("b", "{\n  \"a\": 1,\n  \"c\": 3\n}"),
            ("c", "{\n  \"a\": 1,\n  \"b\": 2\n}"),
            ("d", "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}"),
        ] {
            let text = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}";
            becomes(text, |document| remove_member(document, &document.root, key), rest);
        }
        becomes("[\n 1\n]", |document| remove_item(document, &document.root, 0), "[]");
    }

    #[test]
    fn of_an_array_the_words_that_stay_stay_where_they_are() {
        let to = |new: &[&str]| {
            let new = words(new);
            move |document: &Document| replace_strings(document, &document.root, &new)
        };
        becomes("[ \"a\",\"b\" ]", to(&["run", "--", "a", "b"]), "[ \"run\", \"--\", \"a\", \"b\" ]");
        becomes("[\n  \"a\",\n  \"\\u0062\"\n]", to(&["x", "b"]), "[\n  \"x\",\n  \"\\u0062\"\n]");
        becomes("[\r\n\t\"a\"\r\n]", to(&["a", "b"]), "[\r\n\t\"a\",\r\n\t\"b\"\r\n]");
        becomes("[]", to(&["a", "b\""]), "[\"a\", \"b\\\"\"]");
        becomes("[\"a\", \"a\"]", to(&["a"]), "[\"a\"]");
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![Just(serde_json::json!(1)), Just(serde_json::json!("a")), Just(serde_json::json!({}))];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let array = prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from);
            let object = prop::collection::btree_map("[a-e]", inner, 0..4);
            prop_oneof![array, object.prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))]
        })
    }

    proptest! {
        #[test]
        fn an_edit_changes_what_it_says_and_nothing_else(value in json(), new in json(), pretty: bool, key in "[a-e]") {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assume!(value.is_object());
            let document = read(&text);
            let changed = set(&document, &document.root, &key, &new.to_string()).unwrap();
            let mut expected = value.clone();
            expected[&key] = new.clone();
            let plain = |document: &Document| serde_json::from_slice::<serde_json::Value>(document.text.as_bytes()).unwrap();
            prop_assert_eq!(plain(&changed), expected);
            if value.get(&key).is_none() {
                prop_assert_eq!(plain(&remove_member(&changed, &changed.root, &key).unwrap()), value);
            }
        }
    }
}
