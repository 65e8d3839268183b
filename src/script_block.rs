//! The block in which a script says what it needs, as comments: PEP 723.
//!
//! The format is specified at <https://packaging.python.org/en/latest/specifications/inline-script-metadata/>. Of the
//! rest of the file nothing is read: it need not even be text.

use crate::error::{Error, Kind, Result};
use std::ops::Range;

/// The longest beginning of a script in which its block is looked for, in bytes.
pub const MAX_BYTES: usize = crate::toml_text::MAX_BYTES;

const BEGIN: &[u8] = b"# /// ";
const END: &[u8] = b"# ///";

/// A `script` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line with which it begins, counted from 1.
    pub line: usize,
    /// The TOML in it.
    pub toml: Vec<u8>,
}

/// The `script` block of a script; none where it has none.
///
/// # Errors
/// `ManifestInvalid`, when a block does not end, or there are two.
pub fn find(label: &str, script: &[u8]) -> Result<Option<Block>> {
    let script = script.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(script);
    let lines: Vec<&[u8]> = script.split(|&byte| byte == b'\n').map(without_return).collect();
    let mut found: Option<Block> = None;
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        let Some(kind) = kind(line) else { continue };
        let Some(content) = content(&lines, next) else {
            if kind == b"script" {
                return Err(unclosed(label, next, &lines));
            }
            continue;
        };
        if kind == b"script" {
            let block = Block { line: next, toml: toml(lines.get(content.clone()).unwrap_or_default()) };
            if let Some(first) = found.replace(block) {
                return Err(twice(label, first.line, next));
            }
        }
        next = content.end + 1;
    }
    Ok(found)
}

/// A script that has this TOML in its block, and nothing else.
pub fn script_of(toml: &[u8]) -> Vec<u8> {
    let mut script = b"# /// script\n".to_vec();
    for line in toml.split_inclusive(|&byte| byte == b'\n') {
        script.extend_from_slice(b"# ");
        script.extend_from_slice(line);
    }
    script.extend_from_slice(b"# ///\n");
    script
}

fn without_return(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

/// What a block is for that begins with this line.
fn kind(line: &[u8]) -> Option<&[u8]> {
    let kind = line.strip_prefix(BEGIN)?;
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    (!kind.is_empty() && kind.iter().all(is_letter)).then_some(kind)
}

/// The lines of a block that begins before the line `from`: up to the last that may end it.
fn content(lines: &[&[u8]], from: usize) -> Option<Range<usize>> {
    let rest = lines.get(from..).unwrap_or_default();
    let run = rest.iter().take_while(|line| is_content(line)).count();
    let end = rest.iter().take(run).rposition(|line| *line == END)?;
    Some(from..from + end)
}

fn is_content(line: &[u8]) -> bool {
    line == b"#" || line.starts_with(b"# ")
}

fn toml(lines: &[&[u8]]) -> Vec<u8> {
    let mut toml = Vec::new();
    for line in lines {
        toml.extend_from_slice(line.get(2..).unwrap_or_default());
        toml.push(b'\n');
    }
    toml
}

/// To ignore it, as the specification says, would be to start the server without its packages.
fn unclosed(label: &str, line: usize, lines: &[&[u8]]) -> Error {
    let rest = lines.get(line..).unwrap_or_default();
    let stop = line + rest.iter().take_while(|line| is_content(line)).count() + 1;
    let error = Error::new(Kind::ManifestInvalid, format!("read `{label}`"));
    let error = error.because(format!("line {stop}: expected `# ///`, which ends the `script` block of line {line}"));
    error.hint("begin each line of the block with `# `, an empty one with `#`, and end it with `# ///`")
}

fn twice(label: &str, first: usize, second: usize) -> Error {
    let error = Error::new(Kind::ManifestInvalid, format!("read `{label}`"));
    let error = error.because(format!("line {second}: expected one `script` block, found another in line {first}"));
    error.hint("keep one of the two")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Option<(usize, String)> {
        let found = find("server.py", text.as_bytes()).unwrap();
        found.map(|block| (block.line, String::from_utf8(block.toml).unwrap()))
    }

    fn cause(text: &str) -> String {
        let error = find("server.py", text.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::ManifestInvalid, "read `server.py`"));
        error.causes.concat()
    }

    #[test]
    fn a_block_is_found_behind_a_shebang_a_mark_and_carriage_returns() {
        let text = "#!/usr/bin/env -S uv run\n# /// script\n# a = [\n#   'b',\n#\n# ]\n# ///\nimport b\n";
        let expected = Some((2, "a = [\n  'b',\n\n]\n".to_owned()));
        assert_eq!(block(text), expected);
        assert_eq!(block(&text.replace('\n', "\r\n")), expected);
        assert_eq!(block("\u{feff}# /// script\n# a = 1\n# ///").unwrap(), (1, "a = 1\n".into()));
        assert_eq!(block("# /// script\n# ///\n").unwrap(), (1, String::new()));
    }

    #[test]
    fn what_is_no_block_is_none() {
        for text in [
            "",
            "import x\n",
            " # /// script\n# a = 1\n# ///\n",
            "# ///script\n# a = 1\n# ///\n",
            "# /// script \n# a = 1\n# ///\n",
            "# /// scripts\n# a = 1\n# ///\n",
            "## /// script\n# a = 1\n# ///\n",
            "# /// other\n# a = 1\n\n",
        ] {
            assert_eq!(block(text), None, "{text}");
        }
    }

    #[test]
    fn a_block_ends_with_the_last_line_that_may_end_it() {
        let text = "# /// script\n# a = '''\n# ///\n# '''\n# ///\n#\n# x\n\n# ///\n";
        assert_eq!(block(text).unwrap().1, "a = '''\n///\n'''\n");
    }

    #[test]
    fn a_block_of_another_kind_hides_what_is_in_it_and_nothing_else() {
        let text = "# /// other\n# /// script\n# a = 1\n# ///\n\n# /// script\n# b = 1\n# ///\n";
        assert_eq!(block(text).unwrap(), (6, "b = 1\n".into()));
    }

    #[test]
    fn a_block_without_an_end_or_beside_another_is_an_error_with_its_lines() {
        let expected = "line 3: expected `# ///`, which ends the `script` block of line 1";
        assert_eq!(cause("# /// script\n# a = 1\n#b = 2\n# ///\n"), expected);
        assert_eq!(cause("# /// script\n# a = 1\n\n# ///\n"), expected);
        let text = "# /// script\n# a = 1\n# ///\n";
        assert_eq!(cause(&format!("{text}\n{text}")), "line 5: expected one `script` block, found another in line 1");
    }

    #[test]
    fn the_rest_of_the_file_need_not_be_text() {
        let found = find("x.py", b"\xff\xfe\n# /// script\n# a = 1\n# ///\n\xe9\0").unwrap().unwrap();
        assert_eq!(found.line, 2);
    }

    #[test]
    fn a_script_of_a_block_has_that_block() {
        let toml = b"a = [\n  'b',\n\n]\n[tool.x]\n";
        assert_eq!(find("x.py", &script_of(toml)).unwrap().unwrap().toml, toml);
    }
}
