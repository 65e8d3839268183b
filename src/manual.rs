//! `man`: the manual, in the language of `man`, made of `docs/cli.md` itself, of `--help` and of the table of errors.

use crate::error::{EXIT_CANNOT_BUILD, EXIT_WOULD_BUILD, KINDS};
use crate::help::HELP;
use std::fmt::Write;

const DOCUMENT: &str = include_str!("../docs/cli.md");

/// The page.
pub fn page() -> String {
    let mut page = Page::default();
    let _ = writeln!(page.text, ".TH PLUGDEPS 1 \"\" \"plugdeps {}\"", env!("CARGO_PKG_VERSION"));
    let what = HELP.lines().next().unwrap_or_default().trim_start_matches("plugdeps ");
    page.section("Name");
    let _ = writeln!(page.text, "plugdeps \\- {}", inline(what));
    page.section("Description");
    // What is before is for whoever reads it among the other pages.
    let usage = DOCUMENT.lines().skip_while(|line| !line.starts_with("    plugdeps "));
    usage.chain([""]).for_each(|line| page.line(line));
    page.section("Exit status");
    page.paragraph_of("That of CMD for `run`. 0 is success. Otherwise:");
    statuses().iter().for_each(|(exit, sentence)| page.item(&exit.to_string(), sentence));
    page.text
}

/// What each exit status means, in their order.
fn statuses() -> Vec<(u8, String)> {
    let of_errors = KINDS.iter().map(|row| (row.exit, format!("{}: {}", row.code, row.sentence)));
    let of_check = [
        (EXIT_WOULD_BUILD, "`check`: a start would build first.".to_owned()),
        (EXIT_CANNOT_BUILD, "`check`: a start could not build.".to_owned()),
    ];
    let mut rows: Vec<(u8, String)> = of_errors.chain(of_check).collect();
    rows.sort();
    rows
}

/// What is written, and what is being read.
#[derive(Default)]
struct Page {
    text: String,
    paragraph: String,
    /// The names of the columns of the table that is being read.
    columns: Vec<String>,
    is_code: bool,
    is_fenced: bool,
    in_list: bool,
    /// Nothing stands below the last heading yet.
    is_fresh: bool,
}

impl Page {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        let is_fence = trimmed.starts_with("```");
        if is_fence || self.is_fenced {
            return self.fenced(line, is_fence);
        }
        let is_code = line.starts_with("    ") && self.paragraph.is_empty() && !trimmed.starts_with('|');
        if is_code || (self.is_code && trimmed.is_empty()) {
            return self.code(line.get(4..).unwrap_or_default());
        }
        self.end_code();
        match trimmed.chars().next() {
            None => self.end_paragraph(),
            Some('#') => self.heading(trimmed),
            Some('|') => self.row(trimmed),
            Some('-') if trimmed.starts_with("- ") => self.bullet(&trimmed[2..]),
            Some(_) => self.words(line),
        }
    }

    /// Text goes on with what was said, unless it no longer belongs to the list.
    fn words(&mut self, line: &str) {
        if self.paragraph.is_empty() {
            self.in_list &= line.starts_with(' ');
            match (self.in_list, std::mem::take(&mut self.is_fresh)) {
                (true, _) => self.text.push_str(".IP\n"),
                (false, false) => self.text.push_str(".PP\n"),
                (false, true) => {}
            }
        }
        self.paragraph.push_str(line.trim());
        self.paragraph.push('\n');
    }

    fn bullet(&mut self, words: &str) {
        self.end_paragraph();
        self.text.push_str(".IP \\(bu 2\n");
        self.in_list = true;
        self.paragraph = format!("{words}\n");
    }

    fn heading(&mut self, line: &str) {
        self.end_paragraph();
        (self.in_list, self.is_fresh) = (false, line.starts_with("## ") || line.starts_with("### "));
        let title = line.trim_start_matches('#').trim();
        match line.len() - line.trim_start_matches('#').len() {
            2 => self.section(title),
            3 => writeln!(self.text, ".SS {}", inline(title)).unwrap_or_default(),
            _ => writeln!(self.text, ".PP\n.B {}", inline(&title.replace('`', ""))).unwrap_or_default(),
        }
    }

    fn section(&mut self, title: &str) {
        self.is_fresh = true;
        let _ = writeln!(self.text, ".SH {}", literal(&title.replace(['`', '*'], "").to_uppercase()));
    }

    /// The first row names the columns. Of any other the first cell is explained by the rest.
    fn row(&mut self, line: &str) {
        let cells = cells(line);
        if cells.iter().all(|cell| cell.trim_matches(['-', ':']).is_empty()) && !self.columns.is_empty() {
            return;
        }
        if self.columns.is_empty() {
            self.end_paragraph();
            self.text.push_str(if self.in_list { ".RS 2\n" } else { "" });
            self.columns = cells;
            return;
        }
        let last = cells.len().saturating_sub(1);
        let between = cells.iter().zip(&self.columns).take(last).skip(1);
        let between: String = between.map(|(cell, column)| format!("{column} {cell}: ")).collect();
        self.item(&cells[0], &format!("{between}{}", cells[last]));
    }

    fn item(&mut self, name: &str, sentence: &str) {
        let _ = writeln!(self.text, ".TP\n{}\n{}", inline(name), inline(sentence));
    }

    fn fenced(&mut self, line: &str, is_fence: bool) {
        match (self.is_fenced, is_fence) {
            (true, true) => self.end_code(),
            (true, false) => self.code(line),
            (false, _) => self.end_paragraph(),
        }
        self.is_fenced ^= is_fence;
    }

    fn code(&mut self, line: &str) {
        if !self.is_code {
            self.text.push_str(if std::mem::take(&mut self.is_fresh) { ".RS 4\n.nf\n" } else { ".PP\n.RS 4\n.nf\n" });
            self.is_code = true;
        }
        self.text.push_str(&literal(line));
        self.text.push('\n');
    }

    fn end_code(&mut self) {
        if std::mem::take(&mut self.is_code) {
            self.text.truncate(self.text.trim_end().len());
            self.text.push_str("\n.fi\n.RE\n");
        }
    }

    fn end_paragraph(&mut self) {
        if !std::mem::take(&mut self.columns).is_empty() && self.in_list {
            self.text.push_str(".RE\n");
        }
        let words = std::mem::take(&mut self.paragraph);
        self.paragraph_of(words.trim_end());
    }

    /// A sentence on each line, as the language wants it.
    fn paragraph_of(&mut self, words: &str) {
        let words = inline(&words.replace('\n', " ")).replace(". ", ".\n");
        if !words.is_empty() {
            self.text.push_str(&words);
            self.text.push('\n');
        }
    }
}

/// The cells of a row; a bar behind a backslash is none of its own.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "\u{1}");
    let cells = line.trim_matches('|').split('|');
    cells.map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// Text with marks in it: what is code or strong becomes bold, what is stressed italic, and of a link its text is left.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        let (before, from) = rest.split_at(at);
        out.push_str(&literal(before));
        let taken = marked(from).unwrap_or_else(|| (literal(&from[..1]), &from[1..]));
        out.push_str(&taken.0);
        rest = taken.1;
    }
    out.push_str(&literal(rest));
    out
}

/// What stands between the mark at the beginning and its end, and what is behind that.
fn marked(text: &str) -> Option<(String, &str)> {
    let between = |mark: &str| {
        text.strip_prefix(mark)?.split_once(mark).filter(|(inner, _)| !inner.is_empty() && !inner.starts_with(' '))
    };
    if let Some((code, rest)) = between("`") {
        return Some((format!("\\fB{}\\fR", literal(code)), rest));
    }
    if let Some((strong, rest)) = between("**") {
        return Some((format!("\\fB{}\\fR", literal(strong)), rest));
    }
    if let Some((stressed, rest)) = between("*") {
        return Some((format!("\\fI{}\\fR", literal(stressed)), rest));
    }
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let is_link = !label.contains('[') && !label.contains(']');
    is_link.then(|| Some((inline(label), rest.split_once(')')?.1)))?
}

/// Text in which nothing means anything to the language.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            '.' if out.is_empty() => out.push_str("\\&."),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(markdown: &str) -> String {
        let mut page = Page::default();
        markdown.lines().chain([""]).for_each(|line| page.line(line));
        page.text
    }

    #[test]
    fn each_form_of_the_document_has_its_own_in_the_manual() {
        assert_eq!(set("## Some *flags*\n### `run`\na\n\nb\n"), ".SH SOME FLAGS\n.SS \\fBrun\\fR\na\n.PP\nb\n");
        assert_eq!(set("a\nb. c\n\nd\n"), ".PP\na b.\nc\n.PP\nd\n");
        assert_eq!(set("- a\n  b\n- c\n\nd\n"), ".IP \\(bu 2\na b\n.IP \\(bu 2\nc\n.PP\nd\n");
        assert_eq!(set("a:\n\n    b\n\n    c\n\nd\n"), ".PP\na:\n.PP\n.RS 4\n.nf\nb\n\nc\n.fi\n.RE\n.PP\nd\n");
        assert_eq!(set("| a | b | c |\n|---|---|---|\n| x | y | z \\| |\n"), ".TP\nx\nb y: z |\n");
        assert_eq!(
            set("- a\n\n  | b | c |\n  |---|---|\n  | x | y |\n\n  d\n"),
            ".IP \\(bu 2\na\n.RS 2\n.TP\nx\ny\n.RE\n.IP\nd\n"
        );
        assert_eq!(set("```\n- a\n```\nb\n"), ".PP\n.RS 4\n.nf\n\\- a\n.fi\n.RE\n.PP\nb\n");
    }

    #[test]
    fn marks_are_understood_and_everything_else_stands_for_itself() {
        assert_eq!(inline("a `-b` **c** *d* [e](f.md#g) h"), "a \\fB\\-b\\fR \\fBc\\fR \\fId\\fR e h");
        assert_eq!(inline("PIP_* and `UV_*`, a[0], `x`y"), "PIP_* and \\fBUV_*\\fR, a[0], \\fBx\\fRy");
        assert_eq!(inline(".a\\b 'c' …"), "\\&.a\\eb \\(aqc\\(aq \\[u2026]");
    }
}
