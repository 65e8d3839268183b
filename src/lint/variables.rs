//! Variables in what a host expands, and in what a shell does.

/// Where the plugin lies, and its data, as a host writes them.
pub const ROOT: &str = "${CLAUDE_PLUGIN_ROOT}";
pub const DATA: &str = "${CLAUDE_PLUGIN_DATA}";

/// A variable in a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// Its name.
    pub name: &'a str,
    /// What stands for it where it is not set: behind `:-`.
    pub default: Option<&'a str>,
}

/// Every `${NAME}` and `${NAME:-…}` of a text. As for the host, each ends at the next `}`.
pub fn braced(text: &str) -> Vec<Variable<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((inner, behind)) = rest.split_once("${").and_then(|(_, rest)| rest.split_once('}')) {
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        found.push(Variable { name, default });
        rest = behind;
    }
    found
}

/// What in a text only a shell would expand: `$NAME`, `~/`, `$(…)`, a command in backticks, and `%NAME%` of Windows.
pub fn of_shell(text: &str) -> Option<String> {
    upper(text).or_else(|| whole(text.split_once('=').map_or(text, |(_, value)| value))).or_else(|| run(text))
}

/// A whole value, or the first part of a path: what is a variable in lower case there may be anything else in a longer text.
fn whole(value: &str) -> Option<String> {
    let name = value.strip_prefix('$')?.split('/').next()?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_name))
        .then(|| format!("${name}"))
}

/// A command whose output is meant.
fn run(text: &str) -> Option<String> {
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    let substituted = || {
        let (_, rest) = text.split_once("$(")?;
        rest.split_once(')').map(|(inner, _)| inner).filter(|inner| begins(inner))
    };
    let value = text.split_once('=').map_or(text, |(_, value)| value);
    let quoted = || value.strip_prefix('`')?.split_once('`').map(|(inner, _)| inner).filter(|inner| begins(inner));
    substituted().map(|inner| format!("$({inner})")).or_else(|| quoted().map(|inner| format!("`{inner}`")))
}

/// What is written so for a variable alone.
fn upper(text: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let dollar = text.match_indices('$').find_map(|(at, _)| {
        let name: String = text[at + 1..].chars().take_while(|&c| is_name(c)).collect();
        (name.len() > 1).then(|| format!("${name}"))
    });
    let home = text.starts_with("~/").then(|| "~".to_owned());
    let percent = || {
        let (_, rest) = text.split_once('%')?;
        let (name, _) = rest.split_once('%')?;
        // Two of these are a byte in an address.
        (name.len() > 2 && name.chars().all(is_name)).then(|| format!("%{name}%"))
    };
    dollar.or(home).or_else(percent)
}

/// The path in the plugin of what is written as one from where the plugin lies; with `..` it may lead out of it.
pub fn in_plugin(text: &str) -> Option<String> {
    let starts = [ROOT, "$CLAUDE_PLUGIN_ROOT", "${PLUGIN_ROOT}", "$PLUGIN_ROOT"];
    let rest = starts.iter().find_map(|start| text.strip_prefix(start))?;
    let rest = rest.strip_prefix(['/', '\\'])?;
    (!rest.contains(['$', '*'])).then(|| rest.replace('\\', "/"))
}

/// The path without `.` and `..`; `None` where it leads out.
pub fn plain(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_with_their_defaults() {
        let name = |text| braced(text).into_iter().map(|v| (v.name, v.default)).collect::<Vec<_>>();
        assert_eq!(name("a${B}c${D:-e}${F:-}"), [("B", None), ("D", Some("e")), ("F", Some(""))]);
        assert_eq!(name("$A ${"), []);
        assert_eq!(name("${A:-${B}}/${C}"), [("A", Some("${B")), ("C", None)]);
    }

    #[test]
    fn what_only_a_shell_expands_is_told() {
        for (text, told) in [
            ("a/$HOME/b", "$HOME"),
            ("~/b", "~"),
            ("%APPDATA%\\x", "%APPDATA%"),
            ("$token", "$token"),
            ("--dir=$root_2/x", "$root_2"),
            ("$(pwd)", "$(pwd)"),
            ("--at=$(git rev-parse HEAD)/x", "$(git rev-parse HEAD)"),
            ("`pwd`/x", "`pwd`"),
        ] {
            assert_eq!(of_shell(text).as_deref(), Some(told));
        }
        for text in [
            "${HOME}/b",
            "a~/b",
            "100%",
            "$1",
            "^a$",
            "50%-60%",
            "$x",
            "$top=5&$skip=1",
            "{ $ref }",
            "$.a",
            "run `it`",
            "$(1)",
            "https%3A%2F%2Fh",
            "%E2%82%AC",
        ] {
            assert_eq!(of_shell(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_in_the_plugin_is_seen_from_it() {
        assert_eq!(in_plugin("${CLAUDE_PLUGIN_ROOT}/a/b.py").as_deref(), Some("a/b.py"));
        assert_eq!(in_plugin("$CLAUDE_PLUGIN_ROOT/../x").as_deref(), Some("../x"));
        assert_eq!(in_plugin("${CLAUDE_PLUGIN_ROOT}/$X"), None);
        assert_eq!(in_plugin("/a"), None);
        assert_eq!(plain("a/./b/../c").as_deref(), Some("a/c"));
        assert_eq!(plain("../x"), None);
    }
}
