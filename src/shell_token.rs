//! The words and signs of a shell's text.

use std::iter::Peekable;
use std::str::Chars;

/// How a command hangs on the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum After {
    /// It follows.
    #[default]
    Then,
    /// It follows a success.
    And,
    /// It follows a failure.
    Or,
    /// It reads what the other writes.
    Pipe,
}

/// A part of a text for a shell.
#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// A word without its quotes, and the texts that would be run to make it.
    Word {
        /// What it says.
        text: String,
        /// Whether nothing in it was quoted, so that it may be a keyword.
        is_plain: bool,
        /// On which line of the text, counted from 1.
        line: usize,
        /// The texts of `$(…)` and of backticks.
        inner: Vec<String>,
    },
    /// The next word is a file's; whether standard output goes there.
    Redirect {
        /// Whether it is standard output that is redirected.
        is_output: bool,
    },
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `name()`: a function begins.
    Definition,
    /// `;;`: the next pattern of a `case`.
    NextCase,
    /// What ends a command.
    Link(After),
    /// `&`: it ends a command, for which nobody waits.
    Background,
}

/// Takes a text apart.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().peekable(), line: 1, found: Vec::new(), documents: Vec::new() };
    while lexer.step() {}
    lexer.found
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    found: Vec<Token>,
    /// Ends of the documents that begin on the next line (`<<EOF`).
    documents: Vec<String>,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next();
        self.line += usize::from(c == Some('\n'));
        c
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.chars.next_if_eq(&wanted).is_some()
    }

    fn step(&mut self) -> bool {
        let Some(&c) = self.chars.peek() else { return false };
        match c {
            '\n' => self.end_of_line(),
            c if c.is_whitespace() => drop(self.next()),
            '#' => while self.chars.next_if(|&c| c != '\n').is_some() {},
            ';' | '&' | '|' | '(' | ')' | '<' | '>' => self.sign(c),
            _ => self.word(),
        }
        true
    }

    fn end_of_line(&mut self) {
        self.next();
        self.found.push(Token::Link(After::Then));
        for end in std::mem::take(&mut self.documents) {
            while self.chars.peek().is_some() {
                let line = self.rest_of_line();
                if line.trim() == end {
                    break;
                }
            }
        }
    }

    fn rest_of_line(&mut self) -> String {
        let mut line = String::new();
        while let Some(c) = self.next().filter(|&c| c != '\n') {
            line.push(c);
        }
        line
    }

    fn sign(&mut self, c: char) {
        self.next();
        match c {
            ';' if self.eat(';') => self.found.push(Token::NextCase),
            ';' => self.found.push(Token::Link(After::Then)),
            '&' if self.eat('&') => self.found.push(Token::Link(After::And)),
            '&' if self.eat('>') => {
                self.eat('>');
                self.found.push(Token::Redirect { is_output: true });
            }
            '&' => self.found.push(Token::Background),
            '|' if self.eat('|') => self.found.push(Token::Link(After::Or)),
            '|' => {
                self.eat('&');
                self.found.push(Token::Link(After::Pipe));
            }
            '(' => self.parenthesis(),
            ')' => self.found.push(Token::Close),
            '<' => self.input(),
            _ => self.output(true),
        }
    }

    /// Behind a word it defines a function, or lists the values of an array.
    fn parenthesis(&mut self) {
        let Some(Token::Word { text, .. }) = self.found.last() else { return self.found.push(Token::Open) };
        if text.ends_with('=') {
            self.until(')');
        } else if self.eat(')') {
            self.found.pop();
            self.found.push(Token::Definition);
        } else {
            self.found.push(Token::Open);
        }
    }

    fn input(&mut self) {
        if !self.eat('<') || self.eat('<') {
            self.eat('&');
            return self.found.push(Token::Redirect { is_output: false });
        }
        self.eat('-');
        while self.eat(' ') {}
        let mut end = String::new();
        while let Some(c) = self.chars.next_if(|c| !c.is_whitespace() && !";&|)".contains(*c)) {
            end.extend((!"'\"\\".contains(c)).then_some(c));
        }
        self.documents.push(end);
    }

    fn output(&mut self, is_output: bool) {
        let _ = self.eat('>') || self.eat('|') || self.eat('&');
        self.found.push(Token::Redirect { is_output });
    }

    fn word(&mut self) {
        let line = self.line;
        let (mut text, mut is_plain, mut inner) = (String::new(), true, Vec::new());
        while let Some(&c) = self.chars.peek() {
            match c {
                c if c.is_whitespace() || ";&|()<>".contains(c) => break,
                '\'' => {
                    self.next();
                    text.push_str(&self.until('\''));
                    is_plain = false;
                }
                '"' => {
                    self.next();
                    self.quoted(&mut text, &mut inner);
                    is_plain = false;
                }
                _ => self.piece(&mut text, &mut inner),
            }
        }
        let is_number = is_plain && !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        // A number right before the sign says what is redirected.
        match self.chars.peek().filter(|_| is_number) {
            Some('<') => {
                self.next();
                self.input();
            }
            Some('>') => {
                self.next();
                self.output(text == "1");
            }
            _ if text.is_empty() && is_plain => {}
            _ => self.found.push(Token::Word { text, is_plain, line, inner }),
        }
    }

    /// One character of a word outside of single quotes, or what stands for more.
    fn piece(&mut self, text: &mut String, inner: &mut Vec<String>) {
        match self.next() {
            Some('\\') => match self.next() {
                Some('\n') | None => {}
                Some(c) => text.push(c),
            },
            Some('`') => {
                let run = self.until('`');
                text.push_str(&format!("`{run}`"));
                inner.push(run);
            }
            Some('$') if self.eat('(') => {
                let run = self.balanced('(', ')');
                text.push_str(&format!("$({run})"));
                if !run.starts_with('(') {
                    inner.push(run);
                }
            }
            Some('$') if self.eat('{') => text.push_str(&format!("${{{}}}", self.balanced('{', '}'))),
            Some(c) => text.push(c),
            None => {}
        }
    }

    fn quoted(&mut self, text: &mut String, inner: &mut Vec<String>) {
        while let Some(&c) = self.chars.peek() {
            if c == '"' {
                self.next();
                return;
            }
            if c == '\\' {
                self.next();
                match self.next() {
                    Some(c) if "\"\\$`".contains(c) => text.push(c),
                    Some('\n') | None => {}
                    Some(c) => text.extend(['\\', c]),
                }
                continue;
            }
            self.piece(text, inner);
        }
    }

    /// What stands before a character, which is passed over.
    fn until(&mut self, end: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.next().filter(|&c| c != end) {
            text.push(c);
        }
        text
    }

    /// What stands before the sign that closes, which is passed over.
    fn balanced(&mut self, open: char, close: char) -> String {
        let (mut text, mut depth) = (String::new(), 1);
        while let Some(c) = self.next() {
            depth += i32::from(c == open) - i32::from(c == close);
            if depth == 0 {
                break;
            }
            text.push(c);
        }
        text
    }
}
