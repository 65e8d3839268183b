//! TOML text: bytes in, a table out, and errors that name the line, the column and what was expected.

use crate::error::{Error, Kind, Result};
use crate::toml_value::Table;
use toml::de::DeTable;

/// The deepest nesting that is read, in levels of brackets, braces and dots of keys together.
const MAX_DEPTH: usize = 200;

/// The longest text that is parsed as a whole, in bytes: in memory it is up to 70 times as large.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Parses a TOML document; `label` names it in messages.
///
/// # Errors
/// `kind`, when the bytes are no UTF-8 (a byte order mark is accepted), no TOML 1.1, or longer or nested deeper than
/// any file that a person wrote.
pub fn parse(label: &str, bytes: &[u8], kind: Kind) -> Result<Table> {
    let failed = |cause: String| Error::new(kind, format!("read `{label}`")).because(cause);
    if bytes.len() > MAX_BYTES {
        return Err(failed(format!("{} bytes, and at most {MAX_BYTES} are read", bytes.len())));
    }
    let text = decode(label, bytes, kind)?;
    if let Some(offset) = too_deep(text) {
        return Err(failed(at(text, offset, &format!("expected at most {MAX_DEPTH} levels of nesting"))));
    }
    let parsed = DeTable::parse(text).map_err(|e| failed(explain(text, &e)))?;
    let too_large = |offset| failed(at(text, offset, "expected a number of at most 64 bits"));
    Table::new(parsed.into_inner()).map_err(too_large)
}

/// The text of a TOML document, without its byte order mark.
///
/// # Errors
/// `kind`, naming the line of the first byte that is not UTF-8.
pub fn decode<'a>(label: &str, bytes: &'a [u8], kind: Kind) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes.iter().take(e.valid_up_to()).filter(|&&byte| byte == b'\n').count();
        Error::new(kind, format!("read `{label}`"))
            .because(format!("line {line}: expected UTF-8 text"))
            .hint("save the file as UTF-8")
    })
}

/// The line, counted from 1, in which the byte `offset` of `text` stands.
pub fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

fn at(text: &str, offset: usize, what: &str) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let column = 1 + before.chars().rev().take_while(|&c| c != '\n').count();
    format!("line {}, column {column}: {what}", line_at(text, offset))
}

fn explain(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().next().unwrap_or_default();
    let Some(span) = error.span() else { return reword(message, "") };
    let found = text.get(span.clone()).and_then(|found| found.lines().next()).unwrap_or_default();
    at(text, span.start, &reword(message, found))
}

/// Says what was expected where the words of the crate describe its grammar instead.
fn reword(message: &str, found: &str) -> String {
    match message {
        "duplicate key" => format!("expected each key once, found `{found}` again"),
        "key with no value, expected `=`" => "expected `=` and a value after the key".into(),
        "recursion limit" => "expected at most 80 levels of nesting".into(),
        _ if message.starts_with("cannot recurse") => "expected at most 80 levels of nesting".into(),
        _ if message.starts_with("string values must be quoted") => match found {
            "" => "expected a value after `=`".into(),
            // Not shown: what lacks its quotes may be a URL with a password.
            _ => "expected a value: text must be quoted".into(),
        },
        _ if message.starts_with("missing escaped value") => {
            format!("{message}; for a plain backslash write `\\\\`, or put the text in single quotes")
        }
        _ => message.into(),
    }
}

/// Where the nesting passes [`MAX_DEPTH`], if it does.
///
/// The crate bounds brackets at 80 and the dots of one key at 80, but not their product, and a table that is 6,400
/// deep overflows the stack when it is dropped.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = Depth { dots: vec![0], total: 0 };
    let mut offset = 0;
    while let Some(&byte) = bytes.get(offset) {
        match byte {
            b'"' | b'\'' => offset = string_end(bytes, offset, byte),
            b'#' => offset += bytes.iter().skip(offset).take_while(|&&b| b != b'\n').count(),
            _ => {
                depth.see(byte);
                offset += 1;
            }
        }
        if depth.total > MAX_DEPTH {
            return Some(offset);
        }
    }
    None
}

/// The open brackets, each with the dots of the key that is being read inside it.
struct Depth {
    dots: Vec<usize>,
    total: usize,
}

impl Depth {
    fn see(&mut self, byte: u8) {
        match byte {
            b'[' | b'{' => {
                self.dots.push(0);
                self.total += 1;
            }
            b']' | b'}' if self.dots.len() > 1 => {
                self.total -= 1 + self.dots.pop().unwrap_or_default();
            }
            b'.' => {
                self.total += 1;
                self.dots.last_mut().into_iter().for_each(|dots| *dots += 1);
            }
            b',' | b'\n' if byte == b',' || self.dots.len() == 1 => {
                self.total -= self.dots.last_mut().map(std::mem::take).unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// The offset behind the string that opens at `start`; one that is never closed ends with its line or the text.
fn string_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let triple = [quote; 3];
    let long = rest.starts_with(&triple);
    let mut offset = if long { 3 } else { 1 };
    while let Some(&byte) = rest.get(offset) {
        match byte {
            b'\\' if quote == b'"' => offset += 1,
            b'\n' if !long => break,
            _ if long && rest.get(offset..).is_some_and(|rest| rest.starts_with(&triple)) => return start + offset + 3,
            _ if !long && byte == quote => return start + offset + 1,
            _ => {}
        }
        offset += 1;
    }
    start + offset.min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table> {
        parse("x.toml", text.as_bytes(), Kind::ManifestInvalid)
    }

    fn cause(text: &str) -> String {
        let error = read(text).unwrap_err();
        assert_eq!(error.kind, Kind::ManifestInvalid);
        assert_eq!(error.message, "read `x.toml`");
        assert_eq!(error.causes.len(), 1, "{error}");
        assert!(!error.causes[0].contains('\n'));
        error.causes[0].clone()
    }

    #[test]
    fn a_byte_order_mark_is_accepted() {
        let table = parse("x.toml", b"\xEF\xBB\xBFa = 1\r\n", Kind::ManifestInvalid).unwrap();
        assert_eq!(table.get("a").unwrap().as_integer(), Some(1));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_an_error_with_the_line() {
        let error = parse("x.toml", b"a = 1\nb = '\xE9'\n", Kind::ConfigInvalid).unwrap_err();
        assert_eq!(error.kind, Kind::ConfigInvalid);
        assert_eq!(error.causes, ["line 2: expected UTF-8 text"]);
    }

    #[test]
    fn an_error_names_line_and_column_and_what_was_expected() {
        assert_eq!(cause("a = [1, 2\nb = 3\n"), "line 2, column 1: missing comma between array elements, expected `,`");
        assert_eq!(cause("[a]\nb = hello\n"), "line 2, column 5: expected a value: text must be quoted");
        assert_eq!(cause("[a]\nb = \n"), "line 2, column 5: expected a value after `=`");
        assert_eq!(cause("a = 1\na = 2\n"), "line 2, column 1: expected each key once, found `a` again");
        assert_eq!(cause("[project\n"), "line 1, column 9: unclosed table, expected `]`");
        assert_eq!(cause("<<<<<<< HEAD\n"), "line 1, column 9: expected `=` and a value after the key");
        assert!(cause("a = \"C:\\path\"\n").ends_with("or put the text in single quotes"));
        assert_eq!(cause("a = 99999999999999999999999"), "line 1, column 5: expected a number of at most 64 bits");
    }

    #[test]
    fn a_column_counts_characters_and_not_bytes() {
        assert_eq!(cause("'éé' = x"), "line 1, column 8: expected a value: text must be quoted");
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
        for depth in [1_000, 10_000, 1_000_000] {
            cause(&format!("a = {}", "[".repeat(depth)));
            cause(&format!("a = {}{}", "[".repeat(depth), "]".repeat(depth)));
            cause(&format!("a = {}1{}", "{a=".repeat(depth), "}".repeat(depth)));
            cause(&format!("{}a = 1", "a.".repeat(depth)));
            cause(&format!("[{}a]", "a.".repeat(depth)));
            cause(&format!("[[{}a]]", "a.".repeat(depth)));
        }
    }

    #[test]
    fn deep_nesting_by_braces_times_dots_is_an_error_and_not_a_stack_overflow() {
        let open = format!("{{{}a=", "a.".repeat(70)).repeat(70);
        let braces = format!("a = {open}1{}", "}".repeat(70));
        assert!(cause(&braces).ends_with("expected at most 200 levels of nesting"));
        cause(&format!("x = \"\"\"\\\"\"\"\"\n{braces}"));
        cause(&format!("x = '\\'\n{braces}"));
        cause(&format!("x = \"unclosed\n{braces}"));
    }

    #[test]
    fn what_a_person_writes_is_not_too_deep() {
        let dots = "a.b.c.d".repeat(100);
        let text = format!("# {dots}\nx = '{dots}'\ny = \"{dots} \\\" [[[\"\nz = '''\n{dots} ' [[[ '''\n");
        assert!(read(&text).is_ok());
        assert!(read(&"[[package]]\nv = [1.5, 2.5]\na.b.c = { d.e = 1 }\n".repeat(500)).is_ok());
        assert!(read(&format!("a = {}{}", "[".repeat(60), "]".repeat(60))).is_ok());
    }

    #[test]
    fn no_text_makes_the_depth_scan_panic() {
        for text in ["\"", "\"\\", "'''", "\"\"\"\\", "]]}}", ".", "'", "#", "\"\"", "é\"\\é"] {
            let _ = read(text);
        }
    }
}
