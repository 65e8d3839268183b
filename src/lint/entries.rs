//! The servers of a plugin as they are written down, with the line of each part.

use super::Spot;
use super::invalid;
use crate::error::Error;
use crate::fs;
use crate::hooks::DESCRIPTION;
use crate::json_text::{Document, Node};
use crate::old_form::{self, Start, Way};
use crate::server::inside;
use std::path::Path;

/// The file in which most plugins name their servers.
pub const FILE: &str = ".mcp.json";

/// A text, and its line.
#[derive(Debug, Clone)]
pub struct Text {
    pub text: String,
    pub line: usize,
}

/// A server that the host starts.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub file: String,
    pub line: usize,
    /// The command and its arguments.
    pub words: Vec<Text>,
    pub env: Vec<(String, Text)>,
    pub cwd: Option<Text>,
    pub start: Start,
}

impl Entry {
    pub fn place(&self) -> (&str, usize) {
        (&self.file, self.words.first().map_or(self.line, |word| word.line))
    }

    /// The place of a word that contains this, or of the command.
    pub fn place_of(&self, part: &str) -> (&str, usize) {
        let word = self.words.iter().find(|word| word.text.contains(part));
        word.map_or(self.place(), |word| (&self.file, word.line))
    }

    pub fn plain_words(&self) -> Vec<String> {
        self.words.iter().map(|word| word.text.clone()).collect()
    }

    pub fn is_ours(&self) -> bool {
        self.start.way == Way::Plugdeps
    }

    /// Whether a shell reads its arguments, and so expands what is in them.
    pub fn is_line(&self) -> bool {
        let texts = self.words.iter().skip(1).map(|word| word.text.as_str());
        let is_option = |text: &str| text.starts_with('-') && text.ends_with('c') || text.eq_ignore_ascii_case("/c");
        self.words.len() > 2 && texts.take(2).any(is_option)
    }

    /// The words that no other program reads as a text of its own: for a shell, or as code.
    pub fn plain_texts(&self) -> impl Iterator<Item = &Text> {
        let is_code = |at: usize| ["-e", "--eval", "-c", "-Command"].contains(&self.words[at - 1].text.as_str());
        let words = self.words.iter().enumerate();
        words.filter(move |(at, _)| *at == 0 || !self.is_line() && !is_code(*at)).map(|(_, word)| word)
    }

    pub fn variable(&self, name: &str) -> Option<&Text> {
        self.env.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }
}

/// A server that is reached by an address.
#[derive(Debug)]
pub struct Remote {
    pub name: String,
    pub file: String,
    /// Its address, and the values of its headers.
    pub texts: Vec<Text>,
}

/// What a plugin's files say of its servers.
#[derive(Default)]
pub struct Named {
    pub entries: Vec<Entry>,
    pub remotes: Vec<Remote>,
    /// Files that cannot be read.
    pub broken: Vec<(String, Error)>,
    /// What the host does not take.
    pub refused: Vec<Spot>,
    /// The files that `plugin.json` names, each with its line.
    pub files: Vec<Text>,
}

/// Reads them all: `.mcp.json`, and what `plugin.json` says or names.
pub fn read(root: &Path) -> Named {
    let mut named = Named::default();
    if let Some(document) = named.document(root, FILE) {
        named.add_file(FILE, &document);
    }
    let Some(described) = named.document(root, DESCRIPTION) else { return named };
    let files = invalid::named_files(&described.root).into_iter();
    named.files = files.map(|(path, line)| Text { text: path.to_owned(), line }).collect();
    named.refused.extend(invalid::paths(&described.root));
    let Some(servers) = described.root.get("mcpServers") else { return named };
    let parts = if servers.is_array() { servers.items() } else { std::slice::from_ref(servers) };
    for part in parts {
        let Some(path) = part.as_str() else {
            named.add(DESCRIPTION, part, false);
            continue;
        };
        let Some(path) = inside(path) else { continue };
        let path = path.strip_prefix("./").unwrap_or(path);
        if path != FILE
            && path.ends_with(".json")
            && let Some(document) = named.document(root, path)
        {
            named.add_file(path, &document);
        }
    }
    named
}

impl Named {
    fn document(&mut self, root: &Path, label: &str) -> Option<Document> {
        let read = fs::read_optional(&root.join(label))
            .and_then(|bytes| bytes.map(|bytes| Document::parse(label, &bytes)).transpose());
        read.unwrap_or_else(|error| {
            self.broken.push((label.to_owned(), error));
            None
        })
    }

    fn add_file(&mut self, label: &str, document: &Document) {
        let inner = document.root.get("mcpServers");
        self.add(label, inner.unwrap_or(&document.root), inner.is_none());
    }

    /// Of two servers of one name the host starts the later, that of `plugin.json`.
    fn add(&mut self, label: &str, servers: &Node, is_bare: bool) {
        self.refused.extend(invalid::servers(label, servers, is_bare));
        self.entries.retain(|entry| servers.get(&entry.name).is_none());
        self.remotes.retain(|remote| servers.get(&remote.name).is_none());
        let entries =
            servers.members().iter().filter_map(|member| entry(label, &member.key, member.line, &member.value));
        self.entries.extend(entries);
        self.remotes.extend(servers.members().iter().filter_map(|member| remote(label, &member.key, &member.value)));
    }
}

fn entry(file: &str, name: &str, line: usize, node: &Node) -> Option<Entry> {
    let command = text(node.get("command")?)?;
    let arguments = node.get("args").map(Node::items).unwrap_or_default();
    let words: Vec<Text> = std::iter::once(command).chain(arguments.iter().filter_map(text)).collect();
    let plain: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
    let env = node.get("env").map(Node::members).unwrap_or_default();
    let env = env.iter().filter_map(|member| Some((member.key.clone(), text(&member.value)?))).collect();
    let cwd = node.get("cwd").and_then(text);
    let start = old_form::start(&plain)?;
    Some(Entry { name: name.to_owned(), file: file.to_owned(), line, words, env, cwd, start })
}

fn remote(file: &str, name: &str, node: &Node) -> Option<Remote> {
    let address = text(node.get("url").filter(|_| node.get("command").is_none())?)?;
    let headers = node.get("headers").map(Node::members).unwrap_or_default();
    let texts = std::iter::once(address).chain(headers.iter().filter_map(|header| text(&header.value))).collect();
    Some(Remote { name: name.to_owned(), file: file.to_owned(), texts })
}

fn text(node: &Node) -> Option<Text> {
    node.as_str().map(|text| Text { text: text.to_owned(), line: node.line })
}
