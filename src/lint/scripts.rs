//! Programs of the plugin that install packages by themselves: what a script for a shell does, and what other scripts
//! have a shell or an installer do.

use crate::install_line::{self, Install, Installing};
use crate::old_form::is_python;
use crate::shell_line::{After, Command, commands};

/// What starts another program, in Python and in JavaScript.
const CALLS: [&str; 14] = [
    "exec(",
    "execSync(",
    "execFile(",
    "execFileSync(",
    "spawn(",
    "spawnSync(",
    "subprocess.run(",
    "check_call(",
    "check_output(",
    "subprocess.call(",
    "Popen(",
    "os.system(",
    "execa(",
    "Bun.spawn",
];
/// The lines of a call that are looked at.
const LINES_OF_CALL: usize = 6;
/// A longer line is no person's.
const LONGEST_LINE: usize = 500;

/// The commands of a script for a shell, with what it says of its variables put in their places.
pub fn of_shell(text: &str) -> Vec<Command> {
    with_variables(commands(text))
}

/// The same of commands that are read already.
pub fn with_variables(mut found: Vec<Command>) -> Vec<Command> {
    let mut known: Vec<(String, String)> = Vec::new();
    for command in &mut found {
        command.words.iter_mut().for_each(|word| *word = expanded(word, &known));
        command.directory = command.directory.take().map(|directory| expanded(&directory, &known));
        let set = if command.words.is_empty() { command.variables.clone() } else { exported(command) };
        // `[ -z "$X" ] && X=…` is for where the first one says nothing.
        let is_new = |name: &String| command.after == After::Then || known.iter().all(|(other, _)| other != name);
        let set = set.into_iter().filter(|(name, _)| is_new(name));
        let set: Vec<_> = set.map(|(name, value)| (name, expanded(&value, &known))).collect();
        known.extend(set);
    }
    found
}

/// What `export NAME=VALUE` and its kin set.
fn exported(command: &Command) -> Vec<(String, String)> {
    if !["export", "local", "readonly", "declare"].contains(&command.program()) {
        return Vec::new();
    }
    let pairs = command.words.iter().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The text with the last value of each variable, unless it holds itself.
fn expanded(text: &str, known: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (name, value) in known.iter().rev().take(200) {
        let forms = [format!("${{{name}}}"), format!("${name}")];
        if value.len() < 300 && forms.iter().any(|form| text.contains(form.as_str())) && !value.contains(&forms[1]) {
            text = text.replace(&forms[0], value);
            // `$NAME` may be the beginning of another name.
            if text.ends_with(&forms[1]) || text.contains(&format!("{}/", forms[1])) {
                text = text.replace(&forms[1], value);
            }
        }
    }
    text
}

/// What a script in Python or JavaScript has installed, by the words in its calls.
pub fn of_calls(text: &str) -> Installing {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Installing::default();
    for (at, line) in lines.iter().enumerate() {
        let call = CALLS.iter().filter_map(|call| line.find(call)).min();
        if let Some(call) = call.filter(|_| line.len() < LONGEST_LINE && !is_comment(line))
            && let Some(install) = called(&line[call..], &lines[at + 1..])
        {
            found.installs.push(Install { line: at + 1, ..install });
        }
    }
    found
}

/// The same of code that a command is given as an argument: `python3 -c`, `node -e`.
pub fn of_code(command: &Command) -> Installing {
    let is_code = |word: &String| ["-c", "-e", "--eval"].contains(&word.as_str());
    let runs_code = is_python(command.program()) || command.program() == "node";
    let at = command.words.iter().position(is_code).filter(|_| runs_code);
    let code = at.and_then(|at| command.words.get(at + 1)).map_or("", String::as_str);
    let mut found = of_calls(code);
    found.installs.iter_mut().for_each(|install| install.line = command.line);
    found
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "#", "*"].iter().any(|sign| line.starts_with(sign))
}

/// The installation that a call is, by the strings in it.
fn called(first: &str, more: &[&str]) -> Option<Install> {
    let call = std::iter::once(&first).chain(more).take(LINES_OF_CALL);
    let mut words = Vec::new();
    for line in call.filter(|line| line.len() < LONGEST_LINE) {
        words.extend(strings(line));
        if line.trim_end().ends_with([';', ')']) {
            break;
        }
    }
    let text = words.join(" ");
    // `[sys.executable, "-m", "pip", …]`: the program is no text, and what another variable names is an environment's.
    let is_own = std::iter::once(&first).chain(more.first()).any(|line| line.contains("sys.executable"));
    let program = if is_own { "python" } else { "venv/bin/python" };
    let text = if text.starts_with("-m ") { format!("{program} {text}") } else { text };
    let found = install_line::read(&commands(&text));
    found.installs.into_iter().next().map(|install| Install { is_silent: true, ..install })
}

/// The texts in quotes on a line.
fn strings(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(char, String)> = None;
    for c in line.chars() {
        open = match open {
            Some((quote, text)) if c == quote => {
                found.push(text);
                None
            }
            Some((quote, mut text)) => {
                text.push(c);
                Some((quote, text))
            }
            None => "\"'`".contains(c).then(|| (c, String::new())),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_for_a_shell_is_read_with_its_variables() {
        let text = "ROOT=\"${CLAUDE_PLUGIN_ROOT:-$(cd \"$(dirname \"$0\")/..\" && pwd)}\"\nexport ENV=\"$ROOT/.venv\"\n\
                    python3 -m venv \"$ENV\"\ncd \"$ROOT\" && npm install\n";
        let words: Vec<String> = of_shell(text).iter().map(|command| command.words.join(" ")).collect();
        assert!(words[words.len() - 2].starts_with("python3 -m venv ${CLAUDE_PLUGIN_ROOT:-"), "{words:?}");
        let last = of_shell(text).pop().unwrap();
        assert!(last.directory.unwrap().starts_with("${CLAUDE_PLUGIN_ROOT:-"));
    }

    #[test]
    fn calls_that_install_are_found_and_words_that_only_speak_of_it_are_not() {
        for text in [
            "execSync('npm install --omit=dev', { cwd: root });",
            "spawnSync(\"npm\", [\"ci\", \"--no-audit\"], {});",
            "subprocess.run(\n    [sys.executable, \"-m\", \"pip\", \"install\", \"-r\", path],\n)",
            "import subprocess as s; x = 'y'; subprocess.run(['pip', 'install', x])",
            "subprocess.check_call([\"uv\", \"sync\", \"--project\", root])",
        ] {
            let found = of_calls(text);
            assert_eq!(found.installs.len(), 1, "{text}");
            assert_eq!(found.installs[0].line, 1);
        }
        for text in [
            "console.error('run `npm install` first');",
            "print(\"pip install mcp\")",
            "// execSync('npm install')",
            "execSync('npm run build')",
            "spawn('node', ['install.js'])",
        ] {
            assert!(of_calls(text).installs.is_empty(), "{text}");
        }
    }
}
