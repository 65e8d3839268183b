//! What a document has people type: its fenced blocks, with what stands before them.

use std::fs;
use std::path::Path;

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// The headings that it stands below, from the second level on.
    pub section: String,
    /// The line of its fence, from 1.
    pub line: usize,
    /// What stands behind the fence.
    pub language: String,
    /// The paragraph before it.
    pub before: String,
    pub text: String,
}

/// `docs/NAME`.
pub fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("read `{}`: {e}", path.display()))
}

/// The blocks of `docs/NAME`, in their order.
pub fn blocks(name: &str) -> Vec<Block> {
    let text = text(name);
    let (mut found, mut section, mut before) = (Vec::new(), String::new(), String::new());
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: String = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .fold(String::new(), |text, line| text + line + "\n");
            let (section, before) = (section.clone(), std::mem::take(&mut before));
            found.push(Block { section, line: number + 1, language: language.to_owned(), before, text });
        } else if let Some(heading) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
            section = heading.to_owned();
        } else if !line.is_empty() {
            before = line.to_owned();
        }
    }
    found
}

impl Block {
    /// The file that it is: `` `DIRECTORY/NAME`: `` stands before it.
    pub fn file(&self) -> Option<&str> {
        self.before.strip_prefix('`')?.strip_suffix("`:").filter(|path| path.contains('/'))
    }

    /// What is typed, and what is shown below each.
    pub fn typed(&self) -> Vec<(String, Vec<String>)> {
        let mut typed: Vec<(String, Vec<String>)> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), typed.last_mut()) {
                (Some(command), _) => typed.push((command.to_owned(), Vec::new())),
                (None, Some((_, shown))) => shown.push(line.to_owned()),
                (None, None) => panic!("line {}: expected a command behind `$ `", self.line),
            }
        }
        typed
    }
}

/// The first line that is not said, or not behind the others: `…` stands for anything, alone for any number of lines.
pub fn missing<'a>(shown: &'a [String], said: &str) -> Option<&'a str> {
    let mut rest = said.lines();
    let mut lines = shown.iter().filter(|line| *line != "…");
    lines.find(|line| !rest.any(|said| fits(line, said))).map(String::as_str)
}

/// Whether a line is as it is shown.
fn fits(shown: &str, said: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == said };
    let Some(mut rest) = said.strip_prefix(first) else { return false };
    for part in middle {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What stands below a heading in a text, up to the next one that is not below it.
#[track_caller]
pub fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let begin = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("there is no `{heading}`"));
    let text = &text[begin + heading.len() + 2..];
    let level = heading.split(' ').next().unwrap().len();
    let higher = |at: &(usize, &str)| text[at.0 + 1..].split(' ').next().unwrap().len() <= level;
    text.match_indices("\n#").find(higher).map_or(text, |(end, _)| &text[..end])
}

/// The rows of the tables in a text, without their heads.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim) {
        let is_head = line.starts_with("|---");
        if is_head {
            rows.pop();
        }
        if line.starts_with('|') && !is_head {
            let cells = line.replace("\\|", "\0");
            let cells = cells.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('\0', "|"));
            rows.push(cells.collect());
        }
    }
    rows
}

/// What stands between backticks.
pub fn codes(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
