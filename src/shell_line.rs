//! Lines for a POSIX shell, as far as it takes to see which commands stand in them. Nothing is expanded, nothing is run,
//! and what no shell would accept is read as far as it goes.

pub use crate::shell_token::After;
use crate::shell_token::{Token, tokens};

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Its words without quotes; what the shell would expand stands as it is written.
    pub words: Vec<String>,
    /// The variables that are set for it alone.
    pub variables: Vec<(String, String)>,
    /// Where an earlier `cd` led to.
    pub directory: Option<String>,
    /// How it hangs on the one before.
    pub after: After,
    /// Whether what it writes to standard output goes elsewhere.
    pub is_silent: bool,
    /// Whether that is another command's matter: it stands in `$(…)`, in backticks, or in a function.
    pub is_inner: bool,
    /// Whether the next command does not wait for it.
    pub is_background: bool,
    /// On which line of the text it begins, counted from 1.
    pub line: usize,
}

/// Words in front of a command that start it without changing what it is, and the options of theirs that take a value.
const WRAPPERS: [(&str, &str); 8] = [
    ("exec", "-a"),
    ("command", ""),
    ("nohup", ""),
    ("time", ""),
    ("env", "-u -C -S --unset --chdir"),
    ("sudo", "-u -g -E"),
    ("nice", "-n"),
    ("timeout", "-s -k --signal --kill-after"),
];
const SHELLS: [&str; 5] = ["sh", "bash", "zsh", "dash", "ksh"];
/// Words that open and close what may be redirected as a whole.
const OPENING: [&str; 6] = ["{", "if", "for", "while", "until", "case"];
const CLOSING: [&str; 4] = ["}", "fi", "done", "esac"];
/// Words that stand where a command may and are none.
const KEYWORDS: [&str; 5] = ["then", "else", "elif", "do", "!"];
/// How deep texts in texts are read (`sh -c`, `$(…)`).
const DEEPEST: usize = 5;

/// The commands of a text, those in its substitutions and in the texts that it hands to shells among them.
pub fn commands(text: &str) -> Vec<Command> {
    read(text, &Command { line: 1, ..Command::default() }, 0)
}

/// The same of a command that is given as its words.
pub fn commands_of(words: &[String]) -> Vec<Command> {
    let outer = Command { line: 1, ..Command::default() };
    let mut reader = Reader::new(&outer, 0);
    reader.current.words = words.to_vec();
    reader.end_command();
    reader.found
}

/// The commands of a text that itself is run as `outer` is: in its directory, from its line on.
fn read(text: &str, outer: &Command, depth: usize) -> Vec<Command> {
    if depth > DEEPEST {
        return Vec::new();
    }
    let mut reader = Reader::new(outer, depth);
    tokens(text).into_iter().for_each(|token| reader.take(token));
    reader.end_command();
    reader.found
}

/// The last part of a path, without the ending of a program.
pub fn program_name(word: &str) -> &str {
    let file = word.rsplit(['/', '\\']).next().unwrap_or(word);
    [".exe", ".cmd", ".bat"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file)
}

/// The path as it is seen from the directory.
pub fn joined(directory: Option<&str>, path: &str) -> String {
    let is_full = path.starts_with(['/', '$', '~', '\\']) || path.as_bytes().get(1) == Some(&b':');
    let path = path.strip_prefix("./").unwrap_or(path);
    match directory.filter(|_| !is_full) {
        Some(directory) if path == "." || path.is_empty() => directory.to_owned(),
        Some(directory) => format!("{}/{path}", directory.trim_end_matches('/')),
        None => path.to_owned(),
    }
}

impl Command {
    /// One of no words yet, in the same place.
    fn fresh(&self) -> Self {
        let (words, variables) = (Vec::new(), Vec::new());
        Self { words, variables, after: After::Then, is_background: false, ..self.clone() }
    }

    /// The name of its program, without directory and ending.
    pub fn program(&self) -> &str {
        program_name(self.words.first().map_or("", String::as_str))
    }

    /// Takes off the words that merely start another command. `command -v` starts none.
    fn unwrap(&mut self) {
        let looks = |words: &[String]| matches!(words, [_, option, ..] if option == "-v" || option == "-V");
        while let Some((_, with_value)) = WRAPPERS.iter().find(|(name, _)| *name == self.program()) {
            if looks(&self.words) {
                break;
            }
            let is_timeout = self.program() == "timeout";
            self.words.remove(0);
            self.drop_options(with_value);
            if is_timeout && !self.words.is_empty() {
                self.words.remove(0);
            }
            self.take_variables();
        }
    }

    fn drop_options(&mut self, with_value: &str) {
        while let Some(option) = self.words.first().filter(|word| word.starts_with('-') && word.len() > 1) {
            let count = if with_value.split(' ').any(|known| known == option) { 2 } else { 1 };
            self.words.drain(..count.min(self.words.len()));
        }
    }

    /// Takes the words in front that set variables.
    fn take_variables(&mut self) {
        while let Some((name, value)) = self.words.first().and_then(|word| word.split_once('=')) {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                break;
            }
            self.variables.push((name.to_owned(), value.to_owned()));
            self.words.remove(0);
        }
    }

    /// The text that it has a shell run.
    fn inner(&self) -> Option<&str> {
        let program = self.program();
        if program == "eval" {
            return self.words.get(1).map(String::as_str);
        }
        let is_text = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
        let at = self.words.iter().position(is_text).filter(|_| SHELLS.contains(&program))?;
        self.words.get(at + 1).map(String::as_str)
    }
}

/// What is open: where its commands begin, and where one was before it.
struct Open {
    start: usize,
    directory: Option<String>,
    is_case: bool,
    restores: bool,
    is_function: bool,
}

struct Reader<'a> {
    depth: usize,
    outer: &'a Command,
    found: Vec<Command>,
    current: Command,
    open: Vec<Open>,
    /// Where the commands begin that a redirection or a pipe behind them is for.
    unit: usize,
    /// Whether the next word is a redirection's, and whether of standard output.
    redirects: Option<bool>,
    /// Whether the words that come are no command: the name behind `for`, the word behind `case`.
    is_idle: bool,
    /// Whether standard output goes elsewhere from here on.
    is_silent: bool,
    /// Whether what opens next is a function.
    is_defining: bool,
}

impl<'a> Reader<'a> {
    fn new(outer: &'a Command, depth: usize) -> Self {
        Self {
            depth,
            outer,
            found: Vec::new(),
            current: outer.fresh(),
            open: Vec::new(),
            unit: 0,
            redirects: None,
            is_idle: false,
            is_silent: outer.is_silent,
            is_defining: false,
        }
    }

    fn take(&mut self, token: Token) {
        match token {
            Token::Word { text, is_plain, line, inner } => self.word(text, is_plain, line, &inner),
            Token::Redirect { is_output } => self.redirects = Some(is_output),
            Token::Open => self.parenthesis(),
            Token::Close => self.close_parenthesis(),
            Token::Definition => {
                self.current = self.fresh(After::Then);
                self.is_defining = true;
            }
            Token::NextCase => {
                self.link(After::Then);
                self.is_idle = self.in_case();
            }
            // Between two patterns, or behind the word that they are for.
            Token::Link(_) if self.is_idle && self.in_case() => self.current.words.clear(),
            Token::Link(after) => self.link(after),
            Token::Background => self.background(),
        }
    }

    fn fresh(&self, after: After) -> Command {
        Command { after, is_silent: self.is_silent, ..self.current.fresh() }
    }

    fn word(&mut self, text: String, is_plain: bool, line: usize, inner: &[String]) {
        let line = self.outer.line + line - 1;
        for text in inner {
            let place = Command { line, is_silent: true, is_inner: true, ..self.current.fresh() };
            self.found.extend(read(text, &place, self.depth + 1));
        }
        if let Some(is_output) = self.redirects.take() {
            if is_output {
                self.silence();
            }
            return;
        }
        if self.current.words.is_empty() && is_plain && self.keyword(&text) {
            return;
        }
        if self.current.words.is_empty() {
            self.unit = self.found.len();
            self.current.line = line;
        }
        self.current.words.push(text);
    }

    fn keyword(&mut self, word: &str) -> bool {
        if OPENING.contains(&word) {
            self.begin(word == "case", false);
            self.is_idle = matches!(word, "for" | "case");
            return true;
        }
        if CLOSING.contains(&word) {
            self.is_idle = false;
            self.finish();
            return true;
        }
        KEYWORDS.contains(&word)
    }

    fn in_case(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_case)
    }

    fn begin(&mut self, is_case: bool, restores: bool) {
        let directory = self.current.directory.clone();
        let is_function = std::mem::take(&mut self.is_defining);
        self.open.push(Open { start: self.found.len(), directory, is_case, restores, is_function });
    }

    fn finish(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.unit = open.start;
        if open.is_function {
            self.found.iter_mut().skip(open.start).for_each(|command| command.is_inner = true);
        }
        if open.restores {
            self.current.directory = open.directory;
        }
    }

    fn parenthesis(&mut self) {
        self.begin(false, true);
    }

    /// Behind a pattern of `case` it closes nothing.
    fn close_parenthesis(&mut self) {
        if self.in_case() {
            self.current = self.fresh(After::Then);
            self.is_idle = false;
            return;
        }
        self.end_command();
        self.current = self.fresh(After::Then);
        self.finish();
    }

    /// Standard output of what stands before goes elsewhere.
    fn silence(&mut self) {
        if self.current.words.is_empty() {
            let unit = self.unit;
            self.found.iter_mut().skip(unit).for_each(|command| command.is_silent = true);
        } else if self.current.words == ["exec"] {
            self.is_silent = true;
            self.current = self.fresh(After::Then);
        } else {
            self.current.is_silent = true;
        }
    }

    fn link(&mut self, after: After) {
        let is_empty = self.current.words.is_empty();
        let unit = if is_empty { self.unit } else { self.found.len() };
        // A line that ends behind `&&` goes on.
        let after = if is_empty && after == After::Then { self.current.after } else { after };
        self.end_command();
        if after == After::Pipe {
            self.found.iter_mut().skip(unit).for_each(|command| command.is_silent = true);
        }
        self.current = self.fresh(after);
    }

    /// Nobody waits for what stands before: a command, or the group that ended.
    fn background(&mut self) {
        let unit = if self.current.words.is_empty() { self.unit } else { self.found.len() };
        self.link(After::Then);
        self.found.iter_mut().skip(unit).for_each(|command| command.is_background = true);
    }

    fn end_command(&mut self) {
        let is_idle = std::mem::take(&mut self.is_idle);
        let mut command = std::mem::take(&mut self.current);
        self.current = command.fresh();
        if is_idle {
            return;
        }
        command.take_variables();
        command.unwrap();
        if let ("cd" | "pushd", Some(path)) = (command.program(), command.words.iter().skip(1).find(|w| *w != "--")) {
            self.current.directory = Some(joined(command.directory.as_deref(), path));
            return;
        }
        match command.inner().map(str::to_owned) {
            Some(text) => {
                let inner = read(&text, &command, self.depth + 1);
                let inherited = inner.into_iter().enumerate().map(|(at, inner)| Command {
                    after: if at == 0 { command.after } else { inner.after },
                    variables: command.variables.iter().cloned().chain(inner.variables).collect(),
                    ..inner
                });
                self.found.extend(inherited);
            }
            None if command.words.is_empty() && command.variables.is_empty() => {}
            None => self.found.push(command),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each command as one text: where it is, how it hangs, whether its output is seen.
    fn told(text: &str) -> Vec<String> {
        let told = |command: Command| {
            let after = match command.after {
                After::Then => "",
                After::And => "&& ",
                After::Or => "|| ",
                After::Pipe => "| ",
            };
            let variables: String = command.variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
            let directory = command.directory.map_or(String::new(), |directory| format!("[{directory}] "));
            let silent = if command.is_silent { " >" } else { "" };
            format!("{after}{directory}{variables}{}{silent}", command.words.join("·"))
        };
        commands(text).into_iter().map(told).collect()
    }

    #[test]
    fn quotes_are_taken_off_and_what_the_shell_would_expand_stays() {
        assert_eq!(told(r#"a "b c" 'd "e"' f\ g "$X/${Y:-z}" "\"" # no"#), [r#"a·b c·d "e"·f g·$X/${Y:-z}·""#]);
        assert_eq!(told("a \\\n b"), ["a·b"]);
        assert_eq!(told("a ''"), ["a·"]);
        assert_eq!(told("X=\"${Y:-$(z \"${A}/b\")}\"\nc"), ["X=${Y:-$(z \"${A}/b\")} ", "c"]);
    }

    #[test]
    fn commands_hang_together_by_their_signs() {
        assert_eq!(
            told("a || (b && c) || d; e & f | g\nh &&\ni"),
            ["a", "|| b", "&& c", "|| d", "e", "f >", "| g", "h", "&& i"]
        );
    }

    #[test]
    fn a_change_of_directory_holds_to_the_end_of_its_parenthesis() {
        assert_eq!(told("(cd /a && cd b && x); y"), ["&& [/a/b] x", "y"]);
        assert_eq!(told("cd \"$ROOT\"; x; sh -c 'cd y && z'"), ["[$ROOT] x", "[$ROOT/y] z"]);
    }

    #[test]
    fn output_that_goes_elsewhere_is_seen_with_the_group_it_is_of() {
        assert_eq!(told("a >/dev/null 2>&1; b 2>/dev/null; c 1>&2; d &> f; e >> f"), ["a >", "b", "c >", "d >", "e >"]);
        assert_eq!(told("(a; b) >&2; { c; d; } > f; e"), ["a >", "b >", "c >", "d >", "e"]);
        assert_eq!(told("if a; then b; fi >f\n(c) | d"), ["a >", "b >", "c >", "| d"]);
        assert_eq!(told("a\nexec 1>&2\nb\nc"), ["a", "b >", "c >"]);
        assert_eq!(told("x=$(a `b`) c < f"), ["b >", "a·`b` >", "x=$(a `b`) c"]);
    }

    #[test]
    fn what_nobody_waits_for_and_what_becomes_a_part_of_another_is_told() {
        let of = |is: fn(&Command) -> bool, text: &str| -> Vec<String> {
            commands(text).into_iter().filter(is).map(|command| command.words.join(" ")).collect()
        };
        assert_eq!(
            of(|c| c.is_background, "a & b; (c; d) & e && sh -c 'f; g' & h 2>&1 &> i"),
            ["a", "c", "d", "f", "g"]
        );
        assert_eq!(
            of(|c| c.is_inner, "a $(b; sh -c c) \"`d`\"; e() {\n f; { g; }\n}\nh() (i); j"),
            ["b", "c", "d", "f", "g", "i"]
        );
    }

    #[test]
    fn words_that_start_another_command_are_taken_off() {
        assert_eq!(told("A=1 exec env -u X B=2 timeout -k 5 60 nohup a b"), ["A=1 B=2 a·b"]);
        assert_eq!(told("command -v uv && bash -lc 'X=1 a; b'"), ["command·-v·uv", "&& X=1 a", "b"]);
    }

    #[test]
    fn the_grammar_around_commands_is_not_a_command() {
        let text = "#!/bin/sh\nf() {\n  a\n}\nfor x in 1 2; do b $x; done\ncase $1 in\n  p|q) c ;;\n  *) d ;;\nesac\n\
                    cat <<'EOF' >f\nnpm install\nEOF\nlist=(1\n 2)\nif ! e; then f; else g; fi\nh $((1 + 2))";
        assert_eq!(told(text), ["a", "b·$x", "c", "d", "cat >", "list= ", "e", "f", "g", "h·$((1 + 2))"]);
        let lines: Vec<usize> = commands(text).iter().map(|command| command.line).collect();
        assert_eq!(lines, [3, 5, 7, 8, 10, 13, 15, 15, 15, 16]);
    }

    #[test]
    fn what_no_shell_accepts_ends() {
        for text in [
            "\"", "'", "$(", "${", "`", "(", ")", "a=(", "<<", "\\", "}", "esac", "case", "$((", "<<E\nx", "a\u{b}b",
            "\u{a0}", "sh -c",
        ] {
            commands(text);
        }
        let deep = "sh -c \"$(".repeat(200);
        commands(&deep);
        commands(&"(".repeat(10_000));
    }

    fn pieces() -> impl Strategy<Value = String> {
        let signs = "a;b;'; ;\n;\t;\u{b};\";$(;`;${;};(;);&&;||;|;>;<;<<;2>;&;#;\\;=;cd ;if ;fi;case ;esac;in ;;;for ;do ;done;{ ;\
                     sh -c ;env ;exec ;$X;1;é";
        let known = signs.split(';').map(str::to_owned).chain([";".to_owned(), ";;".to_owned()]).collect::<Vec<_>>();
        let piece = prop_oneof![prop::sample::select(known), any::<char>().prop_map(String::from)];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_a_text_is_it_ends_and_its_lines_are_its_own(text in pieces()) {
            let lines = text.matches('\n').count() + 1;
            let found = commands(&text);
            prop_assert!(found.iter().all(|command| (1..=lines).contains(&command.line)), "{found:?}");
        }
    }

    #[test]
    fn a_path_is_seen_from_its_directory() {
        for (directory, path, seen) in
            [(Some("/a/"), "b", "/a/b"), (Some("/a"), ".", "/a"), (Some("/a"), "$X/b", "$X/b"), (None, "./b", "b")]
        {
            assert_eq!(joined(directory, path), seen);
        }
    }
}
