//! The hooks that a plugin gives its host: every command, with its place in the file.

use crate::error::Result;
use crate::fs;
use crate::json_text::{Document, Node, Value};
use crate::server::inside;
use crate::shell_line::{Command, commands, commands_of};
use std::ops::Range;
use std::path::Path;

/// The file that the host reads without being told.
pub const FILE: &str = "hooks/hooks.json";
/// What a plugin says of itself, and so of further hooks.
pub const DESCRIPTION: &str = ".claude-plugin/plugin.json";

/// A command that the host runs at some event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The event: `SessionStart`.
    pub event: String,
    /// A line for a shell; with `arguments` the program.
    pub command: String,
    /// What the program is given, where it is started without a shell.
    pub arguments: Option<Vec<String>>,
    /// `timeout` as it is written.
    pub timeout: Option<String>,
    /// Whether the host does not wait for it.
    pub is_background: bool,
    /// The file, relative to the plugin.
    pub file: String,
    /// The line of the command, counted from 1.
    pub line: usize,
    /// The bytes of the command's value in the file.
    pub span: Range<usize>,
}

impl Hook {
    /// The commands that stand in its line.
    pub fn commands(&self) -> Vec<Command> {
        match &self.arguments {
            Some(arguments) => commands_of(&[std::slice::from_ref(&self.command), arguments].concat()),
            None => commands(&self.command),
        }
    }
}

/// The files with hooks that a plugin has, each with its text: the usual one, and what `plugin.json` names or says.
///
/// # Errors
/// A file cannot be read, or is no JSON.
pub fn documents(root: &Path) -> Result<Vec<(String, Document)>> {
    let described = read(root, DESCRIPTION)?;
    let named = described.as_ref().and_then(|document| document.root.get("hooks")).map(named_files).unwrap_or_default();
    let mut labels = vec![FILE.to_owned()];
    labels.extend(named.into_iter().filter(|label| label != FILE));
    let mut found = Vec::new();
    for label in labels {
        found.extend(read(root, &label)?.map(|document| (label, document)));
    }
    found.extend(described.map(|document| (DESCRIPTION.to_owned(), document)));
    Ok(found)
}

/// Every command of every hook, in the order of the files.
///
/// # Errors
/// As [`documents`].
pub fn all(root: &Path) -> Result<Vec<Hook>> {
    let documents = documents(root)?;
    Ok(documents.iter().flat_map(|(label, document)| of_document(label, document)).collect())
}

/// Every command of a file.
pub fn of_document(label: &str, document: &Document) -> Vec<Hook> {
    let mut found = Vec::new();
    // Some write the events right below `hooks` in `plugin.json`, some another `hooks` around them.
    let hooks =
        document.root.get("hooks").map(|hooks| hooks.get("hooks").filter(|inner| inner.is_object()).unwrap_or(hooks));
    for event in hooks.map(Node::members).unwrap_or_default() {
        for hook in event.value.items().iter().filter_map(|group| group.get("hooks")).flat_map(Node::items) {
            found.extend(of_node(label, document, &event.key, hook));
        }
    }
    found
}

fn of_node(label: &str, document: &Document, event: &str, hook: &Node) -> Option<Hook> {
    let command = hook.get("command")?;
    let arguments = hook.get("args").filter(|args| args.is_array());
    let texts = |args: &Node| args.items().iter().filter_map(Node::as_str).map(str::to_owned).collect();
    Some(Hook {
        event: event.to_owned(),
        command: command.as_str()?.to_owned(),
        arguments: arguments.map(texts),
        timeout: hook.get("timeout").map(|timeout| document.at(&timeout.span).to_owned()),
        is_background: hook.get("async").is_some_and(|value| value.value == Value::Bool(true)),
        file: label.to_owned(),
        line: command.line,
        span: command.span.clone(),
    })
}

/// The files that `hooks` of `plugin.json` names.
fn named_files(hooks: &Node) -> Vec<String> {
    let nodes = if hooks.is_array() { hooks.items() } else { std::slice::from_ref(hooks) };
    let names = nodes.iter().filter_map(Node::as_str).filter_map(inside);
    names.map(|name| name.strip_prefix("./").unwrap_or(name).to_owned()).collect()
}

fn read(root: &Path, label: &str) -> Result<Option<Document>> {
    fs::read_optional(&root.join(label))?.map(|bytes| Document::parse(label, &bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plugin of these files.
    fn plugin(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (label, text) in files {
            fs::create_directory(root.path().join(label).parent().unwrap()).unwrap();
            fs::write(&root.path().join(label), text.as_bytes()).unwrap();
        }
        root
    }

    const GROUP: &str =
        "[\n{ \"matcher\": \"\", \"hooks\": [\n{ \"type\": \"command\", \"command\": \"a\", \"timeout\": 5 } ] } ]";

    #[test]
    fn hooks_are_found_wherever_a_plugin_may_have_them() {
        let usual = format!("{{ \"hooks\": {{ \"SessionStart\": {GROUP} }} }}");
        for description in [
            "{ \"hooks\": \"./more/hooks.json\" }".to_owned(),
            "{ \"hooks\": [\"./more/hooks.json\", \"./hooks/hooks.json\", \"../x.json\"] }".to_owned(),
            format!("{{ \"hooks\": {{ \"SessionStart\": {GROUP} }} }}"),
            format!("{{ \"hooks\": {{ \"hooks\": {{ \"SessionStart\": {GROUP} }} }} }}"),
        ] {
            let root = plugin(&[(FILE, &usual), ("more/hooks.json", &usual), (DESCRIPTION, &description)]);
            let hooks = all(root.path()).unwrap();
            let told: Vec<_> =
                hooks.iter().map(|hook| (hook.event.as_str(), hook.line, hook.timeout.as_deref())).collect();
            assert_eq!(told, [("SessionStart", 3, Some("5")); 2], "{description}");
            assert_eq!(hooks[0].file, FILE);
        }
        assert_eq!(all(plugin(&[]).path()).unwrap(), []);
    }

    #[test]
    fn a_hook_is_a_line_for_a_shell_or_a_program_with_its_arguments() {
        let text = "{ \"hooks\": { \"Stop\": [ { \"hooks\": [ { \"command\": \"a && b\", \"async\": true }, \
                    { \"command\": \"a && b\", \"args\": [\"c d\"] }, { \"type\": \"prompt\", \"prompt\": \"x\" } ] } ] } }";
        let root = plugin(&[(FILE, text)]);
        let hooks = all(root.path()).unwrap();
        let words: Vec<Vec<String>> =
            hooks.iter().map(|h| h.commands().into_iter().flat_map(|c| c.words).collect()).collect();
        assert_eq!(words, [vec!["a".to_owned(), "b".into()], vec!["a && b".into(), "c d".into()]]);
        assert!(hooks[0].is_background && !hooks[1].is_background);
        assert_eq!(&text[hooks[0].span.clone()], "\"a && b\"");
    }

    #[test]
    fn a_file_that_is_no_json_is_named_with_its_line() {
        let root = plugin(&[(FILE, "{\n\"hooks\": }")]);
        assert_eq!(all(root.path()).unwrap_err().causes, ["line 2: expected a value"]);
    }
}
