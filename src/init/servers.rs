//! The servers of a plugin where they are written down, and writing them anew.

use super::draft::Draft;
use super::place::{Place, Step, find, key, places};
use crate::error::Result;
use crate::json_edit;
use crate::json_text::{Document, Node, quoted};

/// The file with servers that the host reads without being told.
pub const FILE: &str = ".mcp.json";

/// A server where it is written down.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where all servers of its file are.
    place: Place,
    /// Its name.
    pub name: String,
    /// Its command and arguments, unexpanded; none where the host starts nothing.
    pub words: Vec<String>,
    /// Its variables.
    pub env: Vec<(String, String)>,
    /// Why the host takes it for none.
    pub malformed: Option<String>,
}

/// Every server.
///
/// # Errors
/// A file cannot be read, or is no JSON.
pub fn all(draft: &Draft) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for place in places(draft, FILE, "mcpServers")? {
        let document = draft.json(&place.file)?;
        let servers = document.as_ref().and_then(|document| place.node(document));
        let members = servers.map(Node::members).unwrap_or_default().iter();
        found.extend(members.filter(|one| is_server(&one.value)).map(|one| entry(&place, &one.key, &one.value)));
    }
    Ok(found)
}

/// As the host tells them from other things in such a file.
fn is_server(node: &Node) -> bool {
    ["command", "url", "type"].iter().any(|key| node.get(key).is_some())
}

fn entry(place: &Place, name: &str, node: &Node) -> Entry {
    let texts = |key: &str| node.get(key).map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str);
    let command = node.get("command").and_then(Node::as_str).map(str::to_owned);
    let args = texts("args").filter(|_| command.is_some()).map(str::to_owned);
    let variables = node.get("env").map(Node::members).unwrap_or_default().iter();
    let env = variables.filter_map(|one| Some((one.key.clone(), one.value.as_str()?.to_owned()))).collect();
    let words = command.clone().into_iter().chain(args).collect();
    Entry { place: place.clone(), name: name.to_owned(), words, env, malformed: malformed(node) }
}

/// What of a server that is started here is not as the host wants it.
fn malformed(node: &Node) -> Option<String> {
    let is_text = |node: &Node| node.as_str().is_some();
    let is_wrong = |key: &str, is_right: &dyn Fn(&Node) -> bool| node.get(key).is_some_and(|node| !is_right(node));
    let what = match () {
        () if is_wrong("command", &is_text) => "`command` is no string",
        () if node.get("command").is_none() => return None,
        () if is_wrong("args", &|args| args.is_array() && args.items().iter().all(is_text)) => {
            "`args` is no list of strings"
        }
        () if is_wrong("env", &|env| env.is_object() && env.members().iter().all(|one| is_text(&one.value))) => {
            "`env` holds something else than strings"
        }
        () => return None,
    };
    Some(format!("its {what}, and the host starts no such server"))
}

impl Entry {
    /// Has it be started by these words, with these variables changed: to a value, or to none.
    ///
    /// # Errors
    /// Its file cannot be changed.
    pub fn rewrite(&self, draft: &mut Draft, words: &[String], env: &[(String, Option<String>)]) -> Result<()> {
        let Some(document) = draft.json(&self.place.file)? else { return Ok(()) };
        let Some((program, args)) = words.split_first() else { return Ok(()) };
        let document = self.with_words(&document, program, args)?;
        let document =
            env.iter().try_fold(document, |document, (name, value)| self.with(&document, name, value.as_deref()))?;
        draft.write(&self.place.file, document.text)
    }

    /// Whether it is this one.
    pub fn is(&self, other: &Self) -> bool {
        self.place == other.place && self.name == other.name
    }

    /// Its object, or what is in it.
    fn node<'a>(&self, document: &'a Document, within: &[Step]) -> Option<&'a Node> {
        let steps = [&self.place.steps, &[key(&self.name)][..], within].concat();
        find(document, &steps)
    }

    fn with_words(&self, document: &Document, program: &str, args: &[String]) -> Result<Document> {
        let Some(command) = self.node(document, &[key("command")]) else { return Ok(document.clone()) };
        let document = json_edit::replace(document, command, &quoted(program))?;
        match (self.node(&document, &[key("args")]), self.node(&document, &[])) {
            (Some(old), _) if old.is_array() => json_edit::replace_strings(&document, old, args),
            (_, Some(server)) => {
                let args: Vec<String> = args.iter().map(|word| quoted(word)).collect();
                json_edit::set(&document, server, "args", &format!("[{}]", args.join(", ")))
            }
            (_, None) => Ok(document),
        }
    }

    fn with(&self, document: &Document, name: &str, value: Option<&str>) -> Result<Document> {
        let (env, Some(server)) = (self.node(document, &[key("env")]), self.node(document, &[])) else {
            return Ok(document.clone());
        };
        match (env, value) {
            (Some(env), Some(value)) => json_edit::set(document, env, name, &quoted(value)),
            (None, Some(value)) => {
                json_edit::set(document, server, "env", &format!("{{{}: {}}}", quoted(name), quoted(value)))
            }
            (Some(env), None) if env.members().iter().all(|one| one.key == name) => {
                json_edit::remove_member(document, server, "env")
            }
            (Some(env), None) => json_edit::remove_member(document, env, name),
            (None, None) => Ok(document.clone()),
        }
    }
}
