//! What tells a line that there is nothing to install: what the commands before an installation check.

use crate::old_form::is_python;
use crate::shell_line::Command;

/// What tells a line that there is nothing to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nothing: it installs each time.
    None,
    /// A copy of the manifest is compared with it.
    Diff,
    /// Hashes are compared.
    Hash,
    /// Something is there.
    Exists,
    /// Two texts are the same, such as a version and the one that was written down.
    Text,
    /// A package can be imported, or a program is on PATH.
    Import,
}

/// What the commands before check, the most telling of them: also a file that those behind make.
pub fn guard(before: &[Command], behind: &[Command]) -> Guard {
    let made = behind.iter().filter(|command| command.program() == "touch").flat_map(|command| &command.words);
    let made: Vec<&String> = made.filter(|word| word.contains(['/', '.'])).collect();
    // What is older than another is looked at anew.
    let by_time = before.iter().any(|command| command.words.iter().any(|word| word == "-nt" || word == "-ot"));
    let stamp = |command: &Command| {
        let is_test = ["[", "[[", "test"].contains(&command.program()) && !by_time;
        let stamp = command.words.iter().find(|word| is_test && made.contains(word))?;
        Some(compared(std::slice::from_ref(stamp)).unwrap_or(Guard::Exists))
    };
    let checked: Vec<Guard> = before.iter().filter_map(|command| checks(command).or_else(|| stamp(command))).collect();
    let order = [Guard::Diff, Guard::Hash, Guard::Text, Guard::Exists, Guard::Import];
    order.into_iter().find(|guard| checked.contains(guard)).unwrap_or(Guard::None)
}

/// What a command checks, if that is what it does.
pub fn checks(command: &Command) -> Option<Guard> {
    let words = &command.words;
    let has = |word: &str| words.iter().any(|own| own == word);
    match command.program() {
        "diff" | "cmp" => Some(Guard::Diff),
        "sha256sum" | "shasum" | "md5sum" | "md5" => Some(Guard::Hash),
        "[" | "[[" | "test" if ["=", "==", "!="].iter().any(|sign| has(sign)) => compared(words),
        "[" | "[[" | "test" if ["-d", "-f", "-e", "-x", "-L", "-s"].iter().any(|sign| has(sign)) => {
            words.iter().any(|word| tells_of_packages(word)).then_some(Guard::Exists)
        }
        program if is_python(program) => {
            let code = words.iter().position(|word| word == "-c").and_then(|at| words.get(at + 1));
            code.filter(|code| code.contains("import ")).map(|_| Guard::Import)
        }
        "pip" | "pip3" => has("show").then_some(Guard::Import),
        _ => None,
    }
}

/// Hashes or versions that are compared; a flag says nothing of packages.
fn compared(words: &[String]) -> Option<Guard> {
    let tells = |parts: &[&str]| words.iter().any(|word| parts.iter().any(|part| word.to_lowercase().contains(part)));
    let is_version = |word: &String| {
        let numbers = word.split('.').filter(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()));
        numbers.count() >= 2
    };
    if tells(&["hash", "sum", "digest"]) {
        return Some(Guard::Hash);
    }
    (tells(&["version", "stamp", "$(cat "]) || words.iter().any(is_version)).then_some(Guard::Text)
}

/// Whether that it is there is taken for that something was installed; that a manifest is there says nothing.
fn tells_of_packages(path: &str) -> bool {
    let parts = [
        "node_modules",
        "venv",
        "site-packages",
        "install",
        "stamp",
        "marker",
        "sentinel",
        "done",
        "ready",
        "deps",
        "bin/python",
        "bin/pip",
        "/env",
        "lib",
    ];
    let path = path.to_lowercase();
    let is_manifest =
        [".txt", ".toml", ".json", ".lock", ".lockb", ".yaml", ".sh"].iter().any(|end| path.ends_with(end));
    !is_manifest && parts.iter().any(|part| path.contains(part))
}
