//! What passed between a client and a server, as bytes; and how two conversations may differ.

use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The longest that a line is shown.
const SHOWN: usize = 300;
/// What ids of requests of the go-between's own begin with.
const OWN: &str = "plugdeps";

/// What `peers/recorder.py` wrote.
#[derive(Debug, Default)]
pub struct Record {
    /// What went to the server.
    pub requests: Vec<u8>,
    /// What came from it.
    pub answers: Vec<u8>,
    /// The process of the recorder, and the one that it started.
    pub processes: (u32, u32),
    /// How the command ended, as Python tells it.
    pub end: Option<i32>,
    /// All of it in its order, with times.
    pub story: String,
}

impl Record {
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|e| panic!("read `{}`: {e}", path.display()));
        let mut record = Self::default();
        let mut rest = &bytes[..];
        while let Some((frame, after)) = Frame::split(rest) {
            record.add(&frame);
            rest = after;
        }
        record
    }

    fn add(&mut self, frame: &Frame) {
        let text = String::from_utf8_lossy(frame.data);
        let _ = writeln!(self.story, "{:>8} {} {}", frame.time, frame.kind, shown(frame.data));
        match frame.kind {
            ">" => self.requests.extend_from_slice(frame.data),
            "<" => self.answers.extend_from_slice(frame.data),
            "process" => {
                let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or_default());
                self.processes = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
            }
            "end" => self.end = text.parse().ok(),
            other => panic!("a record has a frame `{other}`"),
        }
    }
}

struct Frame<'a> {
    kind: &'a str,
    time: &'a str,
    data: &'a [u8],
}

impl<'a> Frame<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let mut head = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let (kind, time, length) = (head.next()?, head.next()?, head.next()?.parse::<usize>().ok()?);
        let data = bytes.get(end + 1..end + 1 + length)?;
        Some((Self { kind, time, data }, bytes.get(end + 2 + length..).unwrap_or_default()))
    }
}

/// The lines of a stream with their ends, as they came.
pub fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A line as it is shown to people.
pub fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).escape_debug().to_string();
    if line.len() > SHOWN { format!("{text}… ({} bytes)", line.len()) } else { text }
}

/// What a comparison of two conversations does not look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tolerance {
    /// The server says some things when a timer of its own goes off, at no fixed place among the others.
    pub timers: bool,
    /// A go-between answered while the packages were installed.
    pub go_between: bool,
}

impl Tolerance {
    /// How what came from the server differs, if it does. `asked` are the client's own lines.
    pub fn answers_differ(self, expected: &[u8], seen: &[u8], asked: &[u8]) -> Option<String> {
        if self.is_strict() && !has_parallel_requests(asked) {
            return bytes_differ(expected, seen);
        }
        let questions = Questions::of(asked);
        let arrange = |bytes| self.arrange(in_order_of_requests(parsed(bytes), &questions), &questions);
        arrange(expected).zip_with(&arrange(seen), |expected, seen| self.walk(expected, seen, &questions))
    }

    /// How what went to the server differs, if it does.
    pub fn requests_differ(self, expected: &[u8], seen: &[u8]) -> Option<String> {
        if self.is_strict() {
            return bytes_differ(expected, seen);
        }
        let questions = Questions::of(expected);
        let arrange = |bytes| self.arrange(parsed(bytes), &questions);
        arrange(expected).zip_with(&arrange(seen), |expected, seen| self.walk(expected, seen, &questions))
    }

    fn is_strict(self) -> bool {
        !self.timers && !self.go_between
    }

    fn arrange<'a>(self, lines: Vec<Line<'a>>, questions: &Questions) -> Arranged<'a> {
        let kept = lines.into_iter().filter(|line| !(self.go_between && line.is_of_the_go_between(questions)));
        let (timed, ordered) = kept.partition(|line| self.timers && line.is_timed());
        Arranged { ordered, timed }
    }

    /// Both in their order: every line that is expected is there, and no other.
    fn walk(self, expected: &[Line], seen: &[Line], questions: &Questions) -> Option<String> {
        let mut rest = expected.iter().peekable();
        for (place, line) in seen.iter().enumerate() {
            while rest.next_if(|next| !self.equal(next, line, questions) && self.may_miss(next)).is_some() {}
            if rest.next_if(|next| self.equal(next, line, questions)).is_none() && !self.may_add(line) {
                let wanted = rest.peek().map_or("the end".into(), |line| shown(line.bytes));
                return Some(format!("line {place}\n  expected {wanted}\n  seen     {}", shown(line.bytes)));
            }
        }
        let missing = rest.find(|line| !self.may_miss(line))?;
        Some(format!("never seen: {}", shown(missing.bytes)))
    }

    /// What the go-between can answer, it may write in its own way.
    fn equal(self, expected: &Line, seen: &Line, questions: &Questions) -> bool {
        let retold = self.go_between && expected.answers_one_of(questions, may_be_answered);
        expected.bytes == seen.bytes || retold && expected.value == seen.value
    }

    /// The server need not see what the go-between answered.
    fn may_miss(self, line: &Line) -> bool {
        self.go_between && line.is_request() && may_be_answered(line.method())
    }

    /// A call that is held up may be told to be alive.
    fn may_add(self, line: &Line) -> bool {
        self.go_between && line.method() == "notifications/progress"
    }
}

struct Arranged<'a> {
    ordered: Vec<Line<'a>>,
    timed: Vec<Line<'a>>,
}

impl Arranged<'_> {
    fn zip_with(&self, seen: &Self, compare: impl Fn(&[Line], &[Line]) -> Option<String>) -> Option<String> {
        compare(&self.ordered, &seen.ordered).or_else(|| compare(&self.timed, &seen.timed))
    }
}

/// The client's requests: each id as its text, and the method.
struct Questions(Vec<(String, String)>);

impl Questions {
    fn of(asked: &[u8]) -> Self {
        let requests = parsed(asked).into_iter().filter(Line::is_request);
        Self(requests.map(|line| (line.id(), line.method().to_owned())).collect())
    }

    fn method(&self, id: &str) -> &str {
        self.0.iter().find(|(known, _)| known == id).map_or("", |(_, method)| method)
    }

    /// The end of the part in which the scenarios ask several things at once.
    fn barrier(&self) -> Option<&str> {
        self.0.iter().find(|(_, method)| method == "logging/setLevel").map(|(id, _)| id.as_str())
    }
}

#[derive(Clone)]
struct Line<'a> {
    bytes: &'a [u8],
    value: Value,
}

impl Line<'_> {
    fn method(&self) -> &str {
        self.value["method"].as_str().unwrap_or_default()
    }

    fn id(&self) -> String {
        self.value["id"].to_string()
    }

    fn is_request(&self) -> bool {
        self.value.get("id").is_some() && !self.method().is_empty()
    }

    fn is_answer(&self) -> bool {
        self.value.get("id").is_some() && self.method().is_empty()
    }

    fn answers_one_of(&self, questions: &Questions, is: impl Fn(&str) -> bool) -> bool {
        self.is_answer() && is(questions.method(&self.id()))
    }

    /// What is there because of the go-between, or is looked at apart because it answers in the server's place.
    fn is_of_the_go_between(&self, questions: &Questions) -> bool {
        let own = self.is_request() && self.value["id"].as_str().is_some_and(|id| id.starts_with(OWN));
        let greeting = |method: &str| ["initialize", "server/discover"].contains(&method);
        own || self.method().ends_with("/list_changed") || self.answers_one_of(questions, greeting)
    }

    fn is_timed(&self) -> bool {
        let logged = self.value["params"]["data"].as_str().is_some_and(|text| text.starts_with("Roots updated"));
        let method = self.method();
        method.ends_with("/list_changed")
            || method == "roots/list"
            || logged
            || self.value["result"]["roots"].is_array()
    }
}

/// What a go-between answers from what it knows.
fn may_be_answered(method: &str) -> bool {
    matches!(method, "ping" | "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list")
}

fn parsed(bytes: &[u8]) -> Vec<Line<'_>> {
    let value = |line| serde_json::from_slice(line).unwrap_or_default();
    lines(bytes).into_iter().map(|bytes| Line { bytes, value: value(bytes) }).collect()
}

fn has_parallel_requests(asked: &[u8]) -> bool {
    Questions::of(asked).barrier().is_some()
}

/// Requests that are open at once may be answered in any order: the answers are put into the order of the requests.
fn in_order_of_requests<'a>(lines: Vec<Line<'a>>, questions: &Questions) -> Vec<Line<'a>> {
    let end = lines.iter().position(|line| line.is_answer() && questions.barrier() == Some(line.id().as_str()));
    let is_parallel = |line: &Line| line.is_answer() && !questions.method(&line.id()).is_empty();
    let places: Vec<usize> = (0..end.unwrap_or_default()).filter(|place| is_parallel(&lines[*place])).collect();
    let asked = |line: &Line| questions.0.iter().position(|(id, _)| *id == line.id());
    let mut answers: Vec<Line> = places.iter().map(|place| lines[*place].clone()).collect();
    answers.sort_by_key(asked);
    let mut lines = lines;
    places.into_iter().zip(answers).for_each(|(place, answer)| lines[place] = answer);
    lines
}

fn bytes_differ(expected: &[u8], seen: &[u8]) -> Option<String> {
    if expected == seen {
        return None;
    }
    let (expected, seen) = (lines(expected), lines(seen));
    let place = expected.iter().zip(&seen).take_while(|(expected, seen)| expected == seen).count();
    let at = |lines: &[&[u8]]| lines.get(place).map_or("the end".into(), |line| shown(line));
    Some(format!("line {place}\n  expected {}\n  seen     {}", at(&expected), at(&seen)))
}
