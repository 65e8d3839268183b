//! The text of pip's requirements files: how bytes become characters, and characters the lines that pip sees.

use std::borrow::Cow;

/// Calls `visit` with the number and text of each line of a file, continuation lines joined, comments still in place.
///
/// As in pip: a comment line is never continued, ends a continuation, and an ordinary line may be continued from
/// within its comment.
pub(crate) fn each_joined_line(bytes: &[u8], visit: &mut dyn FnMut(usize, &str)) {
    let text = decode(bytes);
    let mut joined = String::new();
    let mut start = None;
    for (index, line) in (PhysicalLines { rest: &text }).enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        if line.ends_with('\\') && !is_comment {
            start.get_or_insert(index + 1);
            joined.push_str(line.trim_matches('\\'));
        } else if let Some(number) = start.take() {
            // The space keeps the comment a comment: it may follow a word directly now.
            joined.push_str(if is_comment { " " } else { "" });
            joined.push_str(line);
            visit(number, &joined);
            joined.clear();
        } else {
            visit(index + 1, line);
        }
    }
    if let Some(number) = start {
        visit(number, &joined);
    }
}

/// The line up to a `#` that begins it or follows whitespace.
pub(crate) fn without_comment(line: &str) -> &str {
    let mut hashes = line.match_indices('#').map(|(at, _)| at);
    let end = hashes.find(|&at| is_word_start(line, at)).unwrap_or(line.len());
    line.get(..end).unwrap_or(line).trim()
}

/// Whether what stands at this byte begins the line or follows whitespace.
pub(crate) fn is_word_start(text: &str, at: usize) -> bool {
    text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(char::is_whitespace)
}

/// The lines of a text, split where Python's `str.splitlines` splits.
struct PhysicalLines<'a> {
    rest: &'a str,
}

impl<'a> Iterator for PhysicalLines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (end, width) = line_end(self.rest.as_bytes());
        let line = self.rest.get(..end)?;
        self.rest = self.rest.get(end + width..).unwrap_or_default();
        Some(line)
    }
}

/// Where the line ends, and how many bytes end it.
fn line_end(bytes: &[u8]) -> (usize, usize) {
    for (at, &byte) in bytes.iter().enumerate() {
        let width = match byte {
            b'\n' | 0x0B | 0x0C | 0x1C..=0x1E => 1,
            b'\r' => 1 + usize::from(bytes.get(at + 1) == Some(&b'\n')),
            0xC2 if bytes.get(at + 1) == Some(&0x85) => 2,
            0xE2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) => 3,
            _ => continue,
        };
        return (at, width);
    }
    (bytes.len(), 0)
}

/// The text of a file, as pip decodes it: by its byte order mark, by its `coding:` comment, as UTF-8. What is none of
/// these is taken for Latin-1, in which every byte is a character: pip would ask the locale, which is not content.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ if is_declared_latin1(bytes) => latin1(bytes),
        _ => std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), Cow::Borrowed),
    }
}

fn latin1(bytes: &[u8]) -> Cow<'static, str> {
    bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let (units, _) = bytes.as_chunks();
    let chars = char::decode_utf16(units.iter().map(|&bytes| unit(bytes)));
    chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Cow<'static, str> {
    let (units, _) = bytes.as_chunks();
    let chars = units.iter().map(|&bytes| char::from_u32(unit(bytes)).unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.collect::<String>().into()
}

/// Whether one of the first two lines is a comment with `coding: latin-1`, or another name of it (PEP 263).
fn is_declared_latin1(bytes: &[u8]) -> bool {
    const NAMES: &[&str] = &["latin-1", "latin1", "l1", "iso-8859-1", "iso8859-1", "8859", "cp819"];
    let lines = bytes.splitn(3, |&byte| byte == b'\n').take(2);
    let mut comments = lines.filter(|line| line.first() == Some(&b'#'));
    comments.find_map(coding).is_some_and(|name| NAMES.contains(&name.to_lowercase().replace('_', "-").as_str()))
}

fn coding(line: &[u8]) -> Option<String> {
    let start = line.windows(7).position(|window| matches!(window, b"coding:" | b"coding="))?;
    let value = line.get(start + 7..)?.trim_ascii_start();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    Some(value.iter().take_while(is_name).map(|&byte| char::from(byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that are not empty, without comments.
    fn numbered(bytes: &[u8]) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        each_joined_line(bytes, &mut |number, text| found.push((number, without_comment(text).to_owned())));
        found.retain(|(_, text)| !text.is_empty());
        found
    }

    fn lines(text: &str) -> Vec<(usize, String)> {
        numbered(text.as_bytes())
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        numbered(bytes).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_comment_needs_a_space_before_the_hash() {
        let text = "a # x\n#b\n  # c\nd#egg=d\ne\t#f #g";
        assert_eq!(lines(text), [(1, "a".into()), (4, "d#egg=d".into()), (5, "e".into())]);
    }

    #[test]
    fn a_backslash_at_the_end_continues_the_line() {
        let hashed = "a==1 \\\n  --hash=sha256:0 \\\n  --hash=sha256:1\nb";
        assert_eq!(lines(hashed), [(1, "a==1   --hash=sha256:0   --hash=sha256:1".into()), (4, "b".into())]);
        assert_eq!(lines("a\\\nb\n"), [(1, "ab".into())]);
        assert_eq!(lines("a \\ \nb"), [(1, "a \\".into()), (2, "b".into())]);
        assert_eq!(lines("a \\"), [(1, "a".into())]);
    }

    #[test]
    fn a_comment_line_is_not_continued_and_ends_a_continuation() {
        assert_eq!(lines("# x \\\na"), [(2, "a".into())]);
        assert_eq!(lines("a\\\n# x \\\nb"), [(1, "a".into()), (3, "b".into())]);
    }

    #[test]
    fn a_comment_behind_a_requirement_swallows_its_continuation() {
        assert_eq!(lines("a # x \\\nb\nc"), [(1, "a".into()), (3, "c".into())]);
    }

    #[test]
    fn every_line_end_that_python_knows_ends_a_line() {
        let expected = [(1, "a".into()), (2, "b".into()), (3, "c".into())];
        assert_eq!(lines("a\r\nb\r\nc\r\n"), expected);
        assert_eq!(lines("a\rb\rc"), expected);
        assert_eq!(lines("a\u{85}b\u{2028}c\u{c}"), expected);
        assert_eq!(lines("a \\\r\nb"), [(1, "a b".into())]);
    }

    #[test]
    fn a_file_is_decoded_as_pip_decodes_it() {
        assert_eq!(texts(b"\xEF\xBB\xBFa\n"), ["a"]);
        let wide = |bytes: fn(u16) -> [u8; 2]| "\u{FEFF}a\né\n".encode_utf16().flat_map(bytes).collect::<Vec<_>>();
        assert_eq!(texts(&wide(u16::to_le_bytes)), ["a", "é"]);
        assert_eq!(texts(&wide(u16::to_be_bytes)), ["a", "é"]);
        let wider: Vec<_> = "\u{FEFF}a\nb".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert_eq!(texts(&wider), ["a", "b"]);
        assert_eq!(texts("a-é".as_bytes()), ["a-é"]);
    }

    #[test]
    fn a_coding_comment_in_the_first_two_lines_is_believed() {
        assert_eq!(texts(b"# -*- coding: latin-1 -*-\n./\xC3\xA9"), ["./Ã©"]);
        assert_eq!(texts(b"#\n# vim: set fileencoding=ISO_8859-1 :\n./\xE9"), ["./é"]);
        assert_eq!(texts(b"#\n#\n# coding: latin-1\n./\xC3\xA9"), ["./é"]);
        assert_eq!(texts(b"# coding: utf-8\n./\xC3\xA9"), ["./é"]);
    }

    #[test]
    fn bytes_that_are_no_utf8_do_not_stop_the_reading() {
        assert_eq!(texts(b"a\n\xFF\xFF\n"), ["a", "ÿÿ"]);
        assert_eq!(texts(b"\xFF\xFEa\0\0\xD8b"), ["a\u{FFFD}"]);
    }
}
