//! JSON text with the place of everything in it: to change one part of an author's file and leave the rest as it is, and
//! to name the line of what is found.

use crate::error::{Error, Kind, Result};
use crate::toml_text::{MAX_BYTES, decode};
use std::ops::Range;

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 128;

/// A JSON text, as it stands and as it was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The whole text, with a byte order mark if there is one. Every place is a place in it.
    pub text: String,
    /// What it says.
    pub root: Node,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its bytes in the text, with quotes and brackets.
    pub span: Range<usize>,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; its digits stand in the text.
    Number,
    /// A string, without escapes. Half a surrogate pair is U+FFFD.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in the order of the text. A key that is there twice is here twice.
    Object(Vec<Member>),
}

/// A key of an object with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key, without escapes.
    pub key: String,
    /// The bytes of the key, with its quotes.
    pub key_span: Range<usize>,
    /// The line of the key.
    pub line: usize,
    /// The value.
    pub value: Node,
}

impl Member {
    /// The bytes of key and value.
    pub fn span(&self) -> Range<usize> {
        self.key_span.start..self.value.span.end
    }
}

impl Document {
    /// Reads JSON; `label` names the file in messages.
    ///
    /// # Errors
    /// It is no UTF-8, no JSON, or longer or deeper than any file that a person wrote. The line is named.
    pub fn parse(label: &str, bytes: &[u8]) -> Result<Self> {
        let failed = |cause: String| Error::new(Kind::ManifestInvalid, format!("read `{label}`")).because(cause);
        if bytes.len() > MAX_BYTES {
            return Err(failed(format!("{} bytes, and at most {MAX_BYTES} are read", bytes.len())));
        }
        let behind_mark = decode(label, bytes, Kind::ManifestInvalid)?;
        let at = bytes.len() - behind_mark.len();
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut reader = Reader { text: &text, at, line: 1, depth: 0 };
        let root = reader.document().map_err(|cause| failed(format!("line {}: {cause}", reader.line)))?;
        Ok(Self { text, root })
    }

    /// What stands at a place.
    pub fn at(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

impl Node {
    /// The value of a key; of one that is there twice the last, as everybody else reads it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.member(key).map(|member| &member.value)
    }

    /// The value at the end of several keys.
    pub fn find(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// A key with its value.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().rfind(|member| member.key == key)
    }

    /// What is in it, if it is an object.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// What is in it, if it is an array.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// What it says, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        matches!(self.value, Value::Array(_))
    }
}

/// A string as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    depth: usize,
}

/// What was expected.
type Read<T> = std::result::Result<T, String>;

impl Reader<'_> {
    fn document(&mut self) -> Read<Node> {
        self.space();
        let root = self.node()?;
        self.space();
        self.peek().map_or(Ok(root), |_| Err("expected nothing behind the value".into()))
    }

    fn node(&mut self) -> Read<Node> {
        let (start, line) = (self.at, self.line);
        let value = self.value()?;
        Ok(Node { span: start..self.at, line, value })
    }

    fn value(&mut self) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'/') => Err("expected a value, found a comment, which JSON does not have".into()),
            _ => Err("expected a value".into()),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == MAX_DEPTH {
            return Err(format!("expected at most {MAX_DEPTH} levels of nesting"));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Read<Value> {
        self.sequence(b'}', "`,` or `}`", Self::entry).map(Value::Object)
    }

    fn array(&mut self) -> Read<Value> {
        self.sequence(b']', "`,` or `]`", Self::node).map(Value::Array)
    }

    fn sequence<T>(&mut self, close: u8, expected: &str, read: fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut found = Vec::new();
        if self.takes(close) {
            return Ok(found);
        }
        loop {
            found.push(read(self)?);
            self.space();
            if self.takes(close) {
                return Ok(found);
            }
            self.comma(expected)?;
        }
    }

    fn entry(&mut self) -> Read<Member> {
        let (start, line) = (self.at, self.line);
        if self.peek() != Some(b'"') {
            return Err("expected a key in double quotes".into());
        }
        let key = self.string()?;
        let key_span = start..self.at;
        self.space();
        if !self.takes(b':') {
            return Err("expected `:` behind the key".into());
        }
        self.space();
        Ok(Member { key, key_span, line, value: self.node()? })
    }

    fn comma(&mut self, expected: &str) -> Read<()> {
        if !self.takes(b',') {
            return Err(format!("expected {expected}"));
        }
        self.space();
        match self.peek() {
            Some(b'}' | b']') => Err("expected another value behind the `,`".into()),
            _ => Ok(()),
        }
    }

    fn string(&mut self) -> Read<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next() else { return Err("expected `\"` at the end of the string".into()) };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                '\u{0}'..='\u{1f}' => return Err("expected `\"` before the end of the line".into()),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let Some(letter) = self.peek() else { return Err("expected a character behind `\\`".into()) };
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unit().map(|unit| self.character(unit))?,
            _ => return Err("expected one of `\"\\/bfnrtu` behind `\\`".into()),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| "expected four hexadecimal digits behind `\\u`".into())
    }

    /// The character of one unit or of a pair of them.
    fn character(&mut self, unit: u32) -> char {
        let start = self.at;
        if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            match self.unit() {
                Ok(low @ 0xdc00..0xe000) => {
                    let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
                _ => self.at = start,
            }
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn number(&mut self) -> Read<Value> {
        self.takes(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return Err("expected a number without a leading `0`".into());
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(Value::Number)
    }

    fn digits(&mut self) -> Read<usize> {
        let count = self.text[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count == 0 { Err("expected a digit".into()) } else { Ok(count) }
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if !self.text[self.at..].starts_with(word) {
            return Err("expected a value".into());
        }
        self.at += word.len();
        Ok(value)
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            self.line += usize::from(byte == b'\n');
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value as Plain;

    fn read(text: &str) -> Document {
        Document::parse("a.json", text.as_bytes()).unwrap()
    }

    fn plain(document: &Document, node: &Node) -> Plain {
        match &node.value {
            Value::Null => Plain::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number => serde_json::from_slice(document.at(&node.span).as_bytes()).unwrap(),
            Value::Text(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(|item| plain(document, item)).collect(),
            Value::Object(members) => {
                let members = members.iter().map(|one| (one.key.clone(), plain(document, &one.value)));
                Plain::Object(members.collect())
            }
        }
    }

    #[test]
    fn everything_knows_its_place_and_its_line() {
        let document = read("\u{feff}{\r\n  \"a\": [1,\n   \"b\\n\"],\n  \"c\" : {}\n}\n");
        let a = document.root.member("a").unwrap();
        assert_eq!((document.at(&a.key_span), a.line, a.value.line), ("\"a\"", 2, 2));
        assert_eq!(document.at(&a.span()), "\"a\": [1,\n   \"b\\n\"]");
        let b = &a.value.items()[1];
        assert_eq!((document.at(&b.span), b.line, b.as_str()), ("\"b\\n\"", 3, Some("b\n")));
        let c = document.root.get("c").unwrap();
        assert_eq!((document.at(&c.span), c.line, c.is_object(), c.is_array()), ("{}", 4, true, false));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        let document = read("{\"a\": {\"b\": 1}, \"a\": {\"b\": \"2\"}}");
        assert_eq!(document.root.find(&["a", "b"]).unwrap().as_str(), Some("2"));
        assert_eq!(document.root.find(&["a", "c"]), None);
    }

    #[test]
    fn what_is_no_json_is_named_with_its_line() {
        for (text, cause) in [
            ("", "line 1: expected a value"),
            ("{\n \"a\": 1,\n}", "line 3: expected another value behind the `,`"),
            ("[\n1\n2]", "line 3: expected `,` or `]`"),
            ("{\"a\" 1}", "line 1: expected `:` behind the key"),
            ("{\n// no\n}", "line 2: expected a key in double quotes"),
            ("[/* no */]", "line 1: expected a value, found a comment, which JSON does not have"),
            ("{a: 1}", "line 1: expected a key in double quotes"),
            ("\"a\nb\"", "line 1: expected `\"` before the end of the line"),
            ("\"a", "line 1: expected `\"` at the end of the string"),
            ("\n1 2", "line 2: expected nothing behind the value"),
            ("\"\\u12\"", "line 1: expected four hexadecimal digits behind `\\u`"),
        ] {
            let error = Document::parse("a.json", text.as_bytes()).unwrap_err();
            assert_eq!((error.message.as_str(), error.causes), ("read `a.json`", vec![cause.to_owned()]), "{text}");
        }
        let deep = "[".repeat(100_000);
        let error = Document::parse("a.json", deep.as_bytes()).unwrap_err();
        assert_eq!(error.causes, ["line 1: expected at most 128 levels of nesting"]);
    }

    #[test]
    fn a_string_is_written_as_it_is_read() {
        for text in ["", "a\"b\\c", "\u{1}\n\t", "é\u{1f600}"] {
            assert_eq!(read(&quoted(text)).root.as_str(), Some(text));
        }
        assert_eq!(read("\"\\ud83d\\ude00\\ud83dx\\u00e9\\/\"").root.as_str(), Some("\u{1f600}\u{fffd}xé/"));
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\\",
            "\\u",
            "00e9",
            "1",
            "0",
            "-",
            ".",
            "e",
            "+",
            "true",
            "null",
            "false",
            " ",
            "\n",
            "\t",
            "\r",
            "é",
            "\u{1f600}",
            "{\"a\": [1, \"b\", {}]}",
            "-1.5e+3",
            "\u{feff}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn it_reads_what_others_read_and_as_they_do(text in pieces()) {
            let marks = text.chars().take_while(|&c| c == '\u{feff}').count();
            let expected = serde_json::from_slice::<Plain>(text.trim_start_matches('\u{feff}').as_bytes());
            // It knows numbers by their form alone.
            let is_too_large = expected.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
            prop_assume!(marks <= 1 && !is_too_large);
            let read = Document::parse("a.json", text.as_bytes()).ok();
            prop_assert_eq!(read.map(|document| plain(&document, &document.root)), expected.ok());
        }
    }
}
