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

/// Every `${NAME}` and `${NAME:-…}` of a text.
pub fn braced(text: &str) -> Vec<Variable<'_>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("${") {
        let Some(inner) = text[at + 2..].split('}').next().filter(|_| text[at..].contains('}')) else { continue };
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        found.push(Variable { name, default });
    }
    found
}

/// What in a text only a shell would expand: `$NAME`, `~/`, and `%NAME%` of Windows.
pub fn of_shell(text: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let dollar = text.match_indices('$').find_map(|(at, _)| {
        let name: String = text[at + 1..].chars().take_while(|&c| is_name(c)).collect();
        (name.len() > 1).then(|| format!("${name}"))
    });
    let home = text.starts_with("~/").then(|| "~".to_owned());
    let percent = || {
        let (_, rest) = text.split_once('%')?;
        let (name, _) = rest.split_once('%')?;
        (name.len() > 1 && name.chars().all(is_name)).then(|| format!("%{name}%"))
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
    }

    #[test]
    fn what_only_a_shell_expands_is_told() {
        for (text, told) in [("a/$HOME/b", "$HOME"), ("~/b", "~"), ("%APPDATA%\\x", "%APPDATA%")] {
            assert_eq!(of_shell(text).as_deref(), Some(told));
        }
        for text in ["${HOME}/b", "a~/b", "100%", "$1", "^a$", "50%-60%", "$x"] {
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
