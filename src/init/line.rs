//! The line that starts a server, followed into what it starts: a line for a shell, a script of the plugin, a script of
//! `package.json`. In the end it is one command, and what is done before it.

use super::draft::Draft;
use super::old_install::{DATA, ROOT, with_braces};
use super::wiring::inside;
use crate::json_text::Node;
use crate::old_form::{Start, Way, of_command};
use crate::options::end_of_options;
use crate::shell_line::{After, Command, commands, commands_of};
use std::path::Path;

/// How many scripts may start one another.
const DEEPEST: usize = 3;
/// Options of what runs scripts of `package.json` that take the next word for their value.
const OF_MANAGERS: &str = " --prefix -C --cwd --dir --shell --filter --workspace -w ";
/// The ways in which a script says where it lies, and how many directories above that.
const OWN_PLACES: [(&str, usize); 9] = [
    ("$(cd \"$(dirname \"${BASH_SOURCE[0]}\")/..\" && pwd)", 1),
    ("$(cd \"$(dirname \"$0\")/..\" && pwd)", 1),
    ("$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)", 0),
    ("$(cd \"$(dirname \"$0\")\" && pwd)", 0),
    ("$(cd -- \"$(dirname -- \"${BASH_SOURCE[0]}\")\" && pwd)", 0),
    ("$(cd -- \"$(dirname -- \"$0\")\" && pwd)", 0),
    ("$(dirname \"${BASH_SOURCE[0]}\")", 0),
    ("$(dirname \"$0\")", 0),
    ("$(dirname $0)", 0),
];

/// What a line comes down to.
#[derive(Debug)]
pub struct Line {
    /// All text that was read.
    pub text: String,
    /// The commands before the last one.
    pub before: Vec<Command>,
    /// The command that is the server.
    pub last: Command,
    /// Whether a shell reads it, and not the host alone.
    pub is_shell: bool,
    /// The scripts in between, as they are told to a person.
    pub through: Vec<String>,
}

/// Follows the words that the host is given.
///
/// # Errors
/// In words for a person: what cannot be followed.
pub fn follow(draft: &Draft, words: &[String]) -> Result<Line, String> {
    let mut line = split(words.join(" "), commands_of(words), &[])?;
    line.is_shell = line.last.words != words;
    for _ in 0..DEEPEST {
        let start = of_command(&line.last);
        let (name, text, directory) = match start.way {
            Way::Shell => shell_script(draft, &start)?,
            Way::PackageScript => package_script(draft, &start, &line.last)?,
            _ => return Ok(line),
        };
        let arguments = arguments(&line.last, &start);
        let mut inner = split(text.clone(), within(&text, directory.as_deref()), &arguments)?;
        inner.before.splice(0..0, line.before);
        inner.text.push_str(&line.text);
        inner.through = [line.through, vec![name]].concat();
        line = Line { is_shell: true, ..inner };
    }
    Err("its scripts start one another".into())
}

/// What a script is handed.
fn arguments(command: &Command, start: &Start) -> Vec<String> {
    let is_script =
        |word: &String| start.script.as_ref().is_some_and(|script| script.ends_with(word.trim_start_matches("./")));
    let at = command.words.iter().position(is_script);
    at.map(|at| command.words[at + 1..].to_vec()).unwrap_or_default()
}

fn split(text: String, mut commands: Vec<Command>, arguments: &[String]) -> Result<Line, String> {
    commands.iter_mut().for_each(braced);
    for command in &mut commands {
        let handed = |word: &String| if word == "$@" { arguments.to_vec() } else { vec![word.clone()] };
        command.words = command.words.iter().flat_map(handed).collect();
    }
    let last = commands.pop().ok_or("no command can be seen in it")?;
    if last.after == After::Pipe {
        return Err("it is fed by another command".into());
    }
    Ok(Line { text, before: commands, last, is_shell: false, through: Vec::new() })
}

/// Has the host's variables be written as the host knows them.
pub fn braced(command: &mut Command) {
    command.words.iter_mut().for_each(|word| *word = with_braces(word));
    command.directory = command.directory.as_deref().map(with_braces);
    command.variables.iter_mut().for_each(|(_, value)| *value = with_braces(value));
}

fn within(text: &str, directory: Option<&str>) -> Vec<Command> {
    let line = directory.map_or(text.to_owned(), |directory| format!("cd \"{directory}\"; {text}"));
    commands(&line)
}

type Script = (String, String, Option<String>);

fn shell_script(draft: &Draft, start: &Start) -> Result<Script, String> {
    let script = start.script.as_deref().map(with_braces).unwrap_or_default();
    let path = inside(&script).ok_or(format!("`{script}`, which starts it, is not in the plugin"))?;
    let text = script_text(draft, &path).ok_or(format!("`{path}`, which starts it, cannot be read"))?;
    Ok((path, text, start.directory.clone()))
}

/// The text of a script for a shell, in which it is put in what is known of it: where it lies, and what it calls that.
pub fn script_text(draft: &Draft, path: &str) -> Option<String> {
    let text = String::from_utf8(draft.read(path).ok()??).ok()?;
    Some(with_own_place(&with_braces(&text), path))
}

fn package_script(draft: &Draft, start: &Start, command: &Command) -> Result<Script, String> {
    let directory =
        start.project.as_deref().map(with_braces).ok_or("it runs a script of a `package.json` somewhere")?;
    let place = inside(&directory).ok_or(format!("`{directory}`, in which it runs a script, is not in the plugin"))?;
    let path = crate::project::join(&place, "package.json");
    let name = script_name(&command.words).ok_or("it runs a script of `package.json` without a name")?;
    let package = draft.json(&path).ok().flatten();
    let text = package.as_ref().and_then(|it| it.root.find(&["scripts", name])).and_then(Node::as_str);
    let text = text.ok_or(format!("`{path}` has no script `{name}`"))?;
    Ok((format!("{path}: {name}"), text.to_owned(), Some(directory)))
}

fn script_name(words: &[String]) -> Option<&str> {
    let rest = words.get(1..)?;
    let verb = end_of_options(rest, OF_MANAGERS, &[]);
    let name = match rest.get(verb).map(String::as_str)? {
        "run" | "run-script" => {
            let rest = &rest[verb + 1..];
            rest.get(end_of_options(rest, OF_MANAGERS, &[]))?
        }
        name => name,
    };
    Some(name)
}

/// A text in which a script's own place, and variables that are set once to something known, are put in.
fn with_own_place(text: &str, path: &str) -> String {
    let own: Vec<&str> = path.split('/').collect();
    let above = |levels: usize| {
        let kept = own.len().saturating_sub(1 + levels);
        let path = own[..kept].join("/");
        if path.is_empty() { ROOT.to_owned() } else { format!("{ROOT}/{path}") }
    };
    let mut text = text.to_owned();
    for name in [ROOT, DATA] {
        let name = name.trim_end_matches('}');
        text = with_defaults(&text, name);
    }
    for (own, levels) in OWN_PLACES {
        text = text.replace(own, &above(levels));
    }
    for at in 0..text.lines().count() {
        let line = text.lines().nth(at).unwrap_or_default().to_owned();
        let Some((name, value)) = assignment(&line) else { continue };
        let value = parent(value).unwrap_or(value.to_owned());
        if is_known(&value) && text.matches(&format!("{name}=")).count() == 1 {
            text = replace_word(&text.replace(&format!("${{{name}}}"), &value), &format!("${name}"), &value);
        }
    }
    text
}

/// `${CLAUDE_PLUGIN_ROOT:-…}` is what the host sets, since the host starts it.
fn with_defaults(text: &str, name: &str) -> String {
    let opening = format!("{name}:");
    let mut parts = text.split(&opening);
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut depth = 1;
        let end = part.char_indices().find(|(_, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        match end {
            Some((end, _)) => found.push_str(&format!("{name}}}{}", &part[end + 1..])),
            None => found.push_str(&format!("{opening}{part}")),
        }
    }
    found
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = ["export ", "local ", "readonly "].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = value.split(" #").next().unwrap_or_default().trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    is_name.then_some((name, value))
}

/// What `$(dirname X)` is, for an X that is known.
fn parent(value: &str) -> Option<String> {
    let path = value.strip_prefix("$(dirname ")?.strip_suffix(')')?.trim_matches('"');
    let parent = Path::new(path).parent()?.to_str()?;
    is_known(parent).then(|| parent.to_owned())
}

/// Whether a path is one of the plugin's, and nothing in it is for a shell to say.
fn is_known(value: &str) -> bool {
    let rest = value.replace(ROOT, "").replace(DATA, "");
    !rest.contains(['$', '`', '~', '*', '?', ' ', ';', '&', '|', '"'])
        && (value.starts_with(ROOT) || value.starts_with(DATA))
}

/// Replaces `$NAME` where the name ends there.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut parts = text.split(word);
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let goes_on = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        found.push_str(if goes_on { word } else { with });
        found.push_str(part);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_knows_of_its_place_is_put_in() {
        let text = "HERE=\"$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)\"\nexport ROOT=$(dirname \"$HERE\")  # above\n\
                    VENV=${CLAUDE_PLUGIN_DATA:-$HOME/.x}/venv\nOTHER=$HOME/x\nexec $VENV/bin/python \"$ROOT/a.py\" $ROOTS $OTHER\n";
        let text = with_own_place(text, "scripts/run.sh");
        let last = "exec ${CLAUDE_PLUGIN_DATA}/venv/bin/python \"${CLAUDE_PLUGIN_ROOT}/a.py\" $ROOTS $OTHER\n";
        assert!(text.ends_with(last), "{text}");
        let text = with_own_place("X=\"$(cd \"$(dirname \"$0\")/..\" && pwd)\"\nY=a\nY=b\n$X $Y", "a/b/run.sh");
        assert!(text.ends_with("\n${CLAUDE_PLUGIN_ROOT}/a $Y"), "{text}");
    }

    #[test]
    fn the_script_of_a_package_is_told_by_its_name() {
        let name = |line: &str| script_name(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).map(str::to_owned);
        assert_eq!(name("bun run --cwd /x --shell=bun --silent start").as_deref(), Some("start"));
        assert_eq!(name("npm --prefix /x start").as_deref(), Some("start"));
        assert_eq!(name("npm run"), None);
    }
}
