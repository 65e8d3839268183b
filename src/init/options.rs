//! The options with which uv and its like start a server: which are of no account behind plugdeps, and which say
//! something that has to be said elsewhere.

use crate::shell_line::program_name;

/// What takes no value and means nothing more.
const ALONE: [&str; 26] = [
    "--frozen",
    "--locked",
    "--no-sync",
    "--quiet",
    "-q",
    "-qq",
    "--verbose",
    "-v",
    "--no-dev",
    "--no-default-groups",
    "--no-project",
    "--isolated",
    "--no-progress",
    "--offline",
    "--native-tls",
    "--no-cache",
    "-n",
    "--no-config",
    "--exact",
    "--active",
    "--no-editable",
    "--refresh",
    "--script",
    "-s",
    "--no-python-downloads",
    "--managed-python",
];
/// The same with a value, which is understood elsewhere or is of no account.
const WITH_VALUE: [&str; 8] =
    ["--directory", "--project", "--from", "--with", "-w", "--color", "--cache-dir", "--link-mode"];
/// What is said in the configuration of plugdeps, and how.
const CONFIGURED: [(&str, &str); 8] = [
    ("--extra", "extras = [\"VALUE\"]"),
    ("--group", "groups = [\"VALUE\"]"),
    ("--exclude-newer", "exclude-newer = \"VALUE\""),
    ("--only-group", "groups = [\"VALUE\"]"),
    ("--with-requirements", "manifest = \"VALUE\""),
    ("--all-extras", "extras = […]"),
    ("--all-groups", "groups = […]"),
    ("--dev", "groups = [\"dev\"]"),
];

/// What the author should know of the options of a command; or why it cannot be changed.
///
/// # Errors
/// In words for a person: an option says what plugdeps cannot be told by its command.
pub fn of(words: &[String]) -> Result<Vec<String>, String> {
    let program = program_name(words.first().map_or("", String::as_str));
    if !matches!(program, "uv" | "uvx") {
        return Ok(Vec::new());
    }
    let (mut notes, mut at, mut has_verb) = (Vec::new(), 1, program == "uvx");
    while let Some(word) = words.get(at) {
        let (name, own) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let next = || own.or(words.get(at + 1).map(String::as_str)).unwrap_or_default();
        let step = if own.is_some() { 1 } else { 2 };
        at += match name {
            "tool" if !has_verb => 1,
            "run" if !has_verb => {
                has_verb = true;
                1
            }
            "--" | "-m" | "--module" => break,
            _ if !name.starts_with('-') => break,
            _ if ALONE.contains(&name) => 1,
            _ if WITH_VALUE.contains(&name) => step,
            "--python" | "-p" => {
                notes.push(format!(
                    "asked for Python {}: `python = \"{}\"` in `plugdeps.toml` does that",
                    next(),
                    next()
                ));
                step
            }
            _ => return Err(refusal(name, next())),
        };
    }
    Ok(notes)
}

fn refusal(name: &str, value: &str) -> String {
    match CONFIGURED.iter().find(|(known, _)| *known == name) {
        Some((_, how)) => format!("`{name}` is said in `plugdeps.toml`: `{}`", how.replace("VALUE", value)),
        None => format!("`{name}` says something that `plugdeps run` is not told"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<String>, String> {
        of(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_that_say_something_are_told_and_others_are_passed_over() {
        assert_eq!(read("uv run --frozen -q --project x --with=y tool --env-file z"), Ok(vec![]));
        assert_eq!(read("uv --directory x run -m mod --extra y"), Ok(vec![]));
        assert_eq!(read("python x --extra y"), Ok(vec![]));
        assert!(read("uvx -p 3.12 --from x y").unwrap()[0].contains("`python = \"3.12\"`"));
        assert!(read("uv run --extra web x").unwrap_err().contains("extras = [\"web\"]"));
        assert!(read("uv run --env-file=.env x").unwrap_err().contains("`--env-file`"));
    }
}
