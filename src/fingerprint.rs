//! What decides whether an environment fits, and the hash of it.
//!
//! Hashed: the content of each manifest and lock that counts, under its name in the plugin; of
//! `pyproject.toml` only what matters to installation; the extras, groups and interpreter chosen by
//! the author; who the interpreter is. Never hashed: times, absolute paths, the installer (an
//! environment built by pip is not stale because uv appeared), the index (it differs between
//! a terminal and a GUI, and would rebuild at every change of place).

use crate::json::{self, readable};
use crate::runtime::Runtime;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Number of the way in which inputs are hashed. A change rebuilds every environment in the world.
pub const SCHEMA: u32 = 1;

/// The implementation of an interpreter that is Node.js.
pub const NODE: &str = "node";

/// Who an interpreter is: what compiled packages depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// `cpython`, `pypy`, [`NODE`].
    pub implementation: String,
    /// `3.11`, of Node `22`: packages are chosen by it.
    pub version: String,
    /// `cpython-311`, with `t` for a free-threaded build; `node-127`.
    pub abi: String,
    /// `linux-x86_64-gnu`.
    pub platform: String,
}

readable!(Identity { implementation, version, abi, platform });

/// One file, or one part of a file, that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Path in the plugin, with `/` between its parts.
    pub label: String,
    /// SHA-256 of what counts of it, in hexadecimal.
    pub sha256: String,
}

readable!(Part { label, sha256 });

/// Everything that decides, but for the interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Kind of the manifest, `requirements` for one.
    pub kind: String,
    /// What counts of each file.
    pub parts: Vec<Part>,
    /// Interpreter that the author asked for.
    pub python: Option<String>,
    /// Extras chosen, sorted.
    pub extras: Vec<String>,
    /// Groups chosen, sorted.
    pub groups: Vec<String>,
}

readable!(Request { schema, kind, parts, python, extras, groups });

/// SHA-256 of a [`Request`] and an [`Identity`], in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl json::Read for Fingerprint {
    fn read(value: &serde_json::Value) -> Option<Self> {
        <String as json::Read>::read(value).map(Self)
    }
}

impl Identity {
    /// What it runs.
    pub fn runtime(&self) -> Runtime {
        if self.implementation == NODE { Runtime::Node } else { Runtime::Python }
    }
}

impl Part {
    /// The part `label` with this content.
    pub fn new(label: impl Into<String>, content: &[u8]) -> Self {
        Self { label: label.into(), sha256: sha256(content) }
    }
}

impl Request {
    /// The hash of the request alone: what a failure without an interpreter is remembered by.
    pub fn digest(&self) -> String {
        self.hashed().finish()
    }

    /// The hash of the request served by this interpreter.
    pub fn fingerprint(&self, interpreter: &Identity) -> Fingerprint {
        let mut fields = self.hashed();
        fields.add(&interpreter.implementation);
        fields.add(&interpreter.version);
        fields.add(&interpreter.abi);
        fields.add(&interpreter.platform);
        Fingerprint(fields.finish())
    }

    fn hashed(&self) -> Fields {
        let mut fields = Fields(Vec::with_capacity(512));
        fields.add(&self.schema.to_string());
        fields.add(&self.kind);
        fields.add_list(self.parts.iter().flat_map(|part| [part.label.as_str(), part.sha256.as_str()]));
        fields.add_list(self.python.as_deref());
        fields.add_list(self.extras.iter().map(String::as_str));
        fields.add_list(self.groups.iter().map(String::as_str));
        fields
    }
}

/// Fields with their lengths before them, so that no byte can move from one to the next unseen.
struct Fields(Vec<u8>);

impl Fields {
    fn add(&mut self, field: &str) {
        self.0.extend((field.len() as u64).to_le_bytes());
        self.0.extend(field.as_bytes());
    }

    fn add_list<'a>(&mut self, list: impl IntoIterator<Item = &'a str>) {
        let list: Vec<&str> = list.into_iter().collect();
        self.0.extend((list.len() as u64).to_le_bytes());
        list.into_iter().for_each(|field| self.add(field));
    }

    fn finish(self) -> String {
        sha256(&self.0)
    }
}

/// The hash of these fields.
pub fn hash_of(fields: &[String]) -> String {
    let mut hashed = Fields(Vec::with_capacity(4096));
    hashed.add_list(fields.iter().map(String::as_str));
    hashed.finish()
}

/// Below this many bytes, finding out whether the processor can hash costs more than hashing without it:
/// under a hypervisor each `cpuid` is a trap.
const SMALL: usize = 16 * 1024;

fn sha256(content: &[u8]) -> String {
    let digest: [u8; 32] =
        if content.len() < SMALL { hmac_sha256::Hash::hash(content) } else { Sha256::digest(content).into() };
    hex(&digest)
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut digits = Vec::with_capacity(2 * bytes.len());
    bytes.iter().for_each(|byte| digits.extend([digit(byte >> 4), digit(byte & 15)]));
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(parts: &[(&str, &str)]) -> Request {
        let parts = parts.iter().map(|(label, content)| Part::new(*label, content.as_bytes())).collect();
        let none = Vec::new();
        Request { schema: SCHEMA, kind: "requirements".into(), parts, python: None, extras: none.clone(), groups: none }
    }

    fn python(version: &str) -> Identity {
        let abi = format!("cpython-{}", version.replace('.', ""));
        Identity { implementation: "cpython".into(), version: version.into(), abi, platform: "linux-x86_64-gnu".into() }
    }

    #[test]
    fn moving_a_byte_between_files_changes_the_hash() {
        let one = request(&[("a.txt", "xy"), ("b.txt", "z")]);
        let other = request(&[("a.txt", "x"), ("b.txt", "yz")]);
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn moving_a_choice_from_extras_to_groups_changes_the_hash() {
        let mut one = request(&[]);
        let mut other = one.clone();
        one.extras = vec!["dev".into()];
        other.groups = vec!["dev".into()];
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn another_interpreter_changes_the_fingerprint_and_not_the_digest() {
        let request = request(&[("requirements.txt", "six")]);
        assert_ne!(request.fingerprint(&python("3.11")), request.fingerprint(&python("3.12")));
        assert_eq!(request.digest(), request.digest());
    }

    #[test]
    fn small_and_large_content_are_hashed_alike() {
        for length in [SMALL - 1, SMALL] {
            let content = vec![b'x'; length];
            assert_eq!(sha256(&content), hex(&Sha256::digest(&content)));
        }
    }

    #[test]
    fn the_hash_of_a_known_request_never_changes_without_a_new_schema() {
        let request = request(&[("requirements.txt", "six\n")]);
        assert_eq!(
            request.fingerprint(&python("3.11")).0,
            "4fd4f39781474a6bbc4447b7fe7bbea57230355214b9c396323ed801e39a8e9e"
        );
    }
}
