//! Recorded terminals as one animated SVG, side by side, all on one clock.
//!
//! A row of a terminal that stays the same is one element, shown for as long as it does. What is not animated, where
//! SVG is shown without, is the last screen.

use super::terminal::{COLUMNS, Frame, ROWS};
use std::fmt::Write;
use std::time::Duration;

/// How wide and how high a character is, in pixels.
const CELL: (f64, f64) = (6.6, 14.0);
/// Around a terminal, and above it for the title.
const MARGIN: f64 = 12.0;
const TITLE: f64 = 26.0;
/// How long the last screen stays before it begins anew.
const LAST: Duration = Duration::from_secs(4);
const PLAIN: &str = "#d0d0d0";
/// The sixteen colours of a terminal, as xterm has them.
const COLOURS: [&str; 16] = [
    "#000000", "#cd3131", "#0dbc79", "#e5e510", "#3b8eea", "#bc3fbc", "#11a8cd", "#e5e5e5", "#808080", "#f14c4c",
    "#23d18b", "#f5f543", "#5aa5ff", "#d670d6", "#29b8db", "#ffffff",
];

/// One terminal and what it is about.
pub struct Film {
    pub title: String,
    pub frames: Vec<Frame>,
}

/// A text of one look.
#[derive(Debug, Clone, PartialEq)]
struct Span {
    column: usize,
    text: String,
    look: Look,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Look {
    colour: Option<String>,
    bold: bool,
    dim: bool,
    inverse: bool,
}

/// The films beside each other.
pub fn svg(films: &[Film]) -> String {
    let end = films.iter().filter_map(|film| film.frames.last()).map(|frame| frame.at).max().unwrap_or_default();
    let pane = (COLUMNS as f64 * CELL.0 + 2.0 * MARGIN, ROWS as f64 * CELL.1 + 2.0 * MARGIN + TITLE);
    let size = (pane.0 * films.len() as f64 + MARGIN * (films.len() - 1) as f64, pane.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" font-size=\"11\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" fill=\"{PLAIN}\">\n\
         <style>text{{white-space:pre}}.b{{font-weight:bold}}.d{{opacity:.6}}</style>\n\
         <rect width=\"0\" height=\"0\"><animate id=\"l\" attributeName=\"width\" from=\"0\" to=\"0\" \
         begin=\"0s;l.end\" dur=\"{:.1}s\"/></rect>\n",
        size.0,
        size.1,
        (end + LAST).as_secs_f64()
    );
    for (number, film) in films.iter().enumerate() {
        let left = number as f64 * (pane.0 + MARGIN);
        let _ = write!(
            svg,
            "<g transform=\"translate({left:.0})\"><rect width=\"{:.0}\" height=\"{:.0}\" rx=\"8\" fill=\"#1b1d23\"/>\n\
             <text x=\"{MARGIN}\" y=\"22\" class=\"b\" font-size=\"13\">{}</text>\n",
            pane.0,
            pane.1,
            escaped(&film.title)
        );
        clock(&mut svg, pane.0 - MARGIN, end);
        (0..ROWS).for_each(|row| rows(&mut svg, film, row));
        svg.push_str("</g>\n");
    }
    svg + "</svg>\n"
}

/// The seconds since the start.
fn clock(svg: &mut String, right: f64, end: Duration) {
    for second in 0..=end.as_secs() {
        let (from, to) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        let to = (second < end.as_secs()).then_some(to);
        let _ = write!(svg, "<text x=\"{right:.0}\" y=\"22\" text-anchor=\"end\"{}", visibility(to.is_none()));
        let _ = writeln!(svg, ">{second} s{}</text>", shown(from, to));
    }
}

/// Each text that the row had, for as long as it had it.
fn rows(svg: &mut String, film: &Film, row: usize) {
    let mut since = Duration::ZERO;
    let mut current: Vec<Span> = Vec::new();
    for frame in &film.frames {
        let spans = spans(frame.screen.lines().nth(row).unwrap_or_default());
        if spans != current {
            text(svg, row, &current, since, Some(frame.at));
            (current, since) = (spans, frame.at);
        }
    }
    text(svg, row, &current, since, None);
}

fn text(svg: &mut String, row: usize, spans: &[Span], from: Duration, to: Option<Duration>) {
    if spans.is_empty() || to == Some(from) {
        return;
    }
    let y = TITLE + MARGIN + (row as f64 + 0.8) * CELL.1;
    let _ = write!(svg, "<text y=\"{y:.0}\"{}>", visibility(to.is_none()));
    for span in spans {
        let _ = write!(svg, "<tspan x=\"{:.1}\"", MARGIN + span.column as f64 * CELL.0);
        let class = [(span.look.bold, "b"), (span.look.dim, "d")].into_iter().filter(|(is, _)| *is);
        let class = class.map(|(_, name)| name).collect::<Vec<_>>().join(" ");
        let _ = if class.is_empty() { Ok(()) } else { write!(svg, " class=\"{class}\"") };
        let _ = span.look.colour.as_ref().map(|colour| write!(svg, " fill=\"{colour}\""));
        let _ = write!(svg, ">{}</tspan>", escaped(&span.text));
    }
    let _ = writeln!(svg, "{}</text>", shown(from, to));
}

fn visibility(is_last: bool) -> &'static str {
    if is_last { "" } else { " visibility=\"hidden\"" }
}

/// When an element is seen: the last of its place is hidden until then, any other one is shown.
fn shown(from: Duration, to: Option<Duration>) -> String {
    let from = from.as_secs_f64();
    let (value, begin, length) = match to {
        Some(to) => ("visible", from, to.as_secs_f64() - from),
        None => ("hidden", 0.0, from),
    };
    if length <= 0.0 {
        return String::new();
    }
    format!("<set attributeName=\"visibility\" to=\"{value}\" begin=\"l.begin+{begin:.1}s\" dur=\"{length:.1}s\"/>")
}

/// A row of tmux's screen taken apart; blanks are left out.
fn spans(row: &str) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let (mut look, mut column) = (Look::default(), 0);
    let mut rest = row;
    while let Some(c) = rest.chars().next() {
        if let Some(escape) = rest.strip_prefix("\x1b[") {
            let end = escape.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(escape.len());
            if escape[end..].starts_with('m') {
                change(&mut look, &escape[..end]);
            }
            rest = escape.get(end + 1..).unwrap_or_default();
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match found.last_mut() {
            Some(last) if last.look == look && last.column + last.text.chars().count() == column => last.text.push(c),
            _ if c == ' ' && !look.inverse => {}
            _ => found.push(Span { column, text: c.into(), look: look.clone() }),
        }
        column += 1;
    }
    found.iter_mut().for_each(|span| span.text.truncate(span.text.trim_end().len()));
    found.retain(|span| !span.text.is_empty());
    found
}

fn change(look: &mut Look, codes: &str) {
    let mut codes = codes.split(';').map(|code| code.parse::<usize>().unwrap_or(0));
    while let Some(code) = codes.next() {
        match code {
            0 => *look = Look::default(),
            1 => look.bold = true,
            2 => look.dim = true,
            7 => look.inverse = true,
            22 => (look.bold, look.dim) = (false, false),
            27 => look.inverse = false,
            30..=37 => look.colour = Some(COLOURS[code - 30].into()),
            90..=97 => look.colour = Some(COLOURS[code - 82].into()),
            38 => look.colour = extended(&mut codes),
            39 => look.colour = None,
            // What is behind a text is not shown.
            48 => drop(extended(&mut codes)),
            _ => {}
        }
    }
}

/// A colour by its number, or by its parts.
fn extended(codes: &mut impl Iterator<Item = usize>) -> Option<String> {
    let mut next = || codes.next().unwrap_or(0).min(255);
    let (red, green, blue) = match next() {
        5 => match next() {
            number @ 0..=15 => return Some(COLOURS[number].into()),
            number @ 16..=231 => {
                let step = |level: usize| if level == 0 { 0 } else { 55 + 40 * level };
                let number = number - 16;
                (step(number / 36), step(number / 6 % 6), step(number % 6))
            }
            number => {
                let grey = 8 + 10 * (number - 232);
                (grey, grey, grey)
            }
        },
        2 => (next(), next(), next()),
        _ => return None,
    };
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
