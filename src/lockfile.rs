//! Locks in TOML, `uv.lock` and `pylock.toml`: what they lock, and what of it they name no hash for.

use crate::credentials::redact;
use crate::requirements::{Item, Source};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The `name==version` of each package table in a lock, found without parsing all of it.
pub(crate) fn locked_packages(source: &Source) -> Vec<Item> {
    let text = String::from_utf8_lossy(&source.bytes);
    let mut items: Vec<Item> = Vec::new();
    let mut in_package = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            in_package = matches!(line.trim_end(), "[[package]]" | "[[packages]]");
        } else if let Some(name) = quoted(line, "name = ").filter(|_| in_package) {
            items.push(Item { file: source.label.clone(), line: number + 1, text: redact(name) });
        } else if let (true, Some(version), Some(last)) = (in_package, quoted(line, "version = "), items.last_mut()) {
            last.text = format!("{}=={}", last.text, redact(version));
        }
    }
    items
}

fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix('"')?.split('"').next()
}

/// The packages of a lock that are installed from something whose content no hash holds fast; all of it where it
/// cannot be understood.
pub(crate) fn unhashed(source: &Source) -> Vec<Item> {
    let text = String::from_utf8_lossy(&source.bytes);
    let item = |line: usize, text: &str| Item { file: source.label.clone(), line, text: text.to_owned() };
    let Ok(document) = DeTable::parse(&text) else { return vec![item(1, "what cannot be read")] };
    let document = document.get_ref();
    let members = members(document);
    let mut found = Vec::new();
    for package in packages(document) {
        let value = package.get_ref();
        let name = value.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or("a package without a name");
        if !is_own(value, name, &members) && !is_hashed(value) {
            found.push(item(crate::toml_text::line_at(&text, package.span().start), name));
        }
    }
    found
}

/// Whether a package of a `pylock.toml` is to be built from a source directory. Of a lock that cannot be understood whoever
/// installs from it says so.
pub(crate) fn names_directory(source: &Source) -> bool {
    let text = String::from_utf8_lossy(&source.bytes);
    let document = DeTable::parse(&text);
    document
        .is_ok_and(|document| packages(document.get_ref()).any(|package| package.get_ref().get("directory").is_some()))
}

fn packages<'a, 'b>(document: &'a DeTable<'b>) -> impl Iterator<Item = &'a Spanned<DeValue<'b>>> {
    let packages = document.get("package").or(document.get("packages")).and_then(|found| found.get_ref().as_array());
    packages.into_iter().flat_map(|list| list.iter())
}

/// The members of a workspace, whose packages are never installed.
fn members(document: &DeTable<'_>) -> Vec<String> {
    let members = document.get("manifest").and_then(|manifest| manifest.get_ref().get("members"));
    let names = members.and_then(|members| members.get_ref().as_array()).into_iter().flat_map(|list| list.iter());
    names.filter_map(|name| name.get_ref().as_str().map(str::to_owned)).collect()
}

/// Whether a package of `uv.lock` is the project itself, or a neighbour that runs from its source as well.
fn is_own(package: &DeValue<'_>, name: &str, members: &[String]) -> bool {
    let Some(source) = package.get("source") else { return false };
    let place = ["virtual", "editable", "directory"].into_iter().find_map(|kind| source.get_ref().get(kind));
    place.is_some_and(|place| place.get_ref().as_str() == Some(".") || members.iter().any(|member| member == name))
}

/// Whether every file that it may be installed from has a hash, and there is one.
fn is_hashed(package: &DeValue<'_>) -> bool {
    let single = ["sdist", "archive"].into_iter().filter_map(|key| package.get(key)).map(|file| file.get_ref());
    let wheels = package.get("wheels").and_then(|wheels| wheels.get_ref().as_array());
    let wheels = wheels.into_iter().flat_map(|list| list.iter()).map(|file| file.get_ref());
    let mut files = single.chain(wheels).peekable();
    files.peek().is_some() && files.all(has_hash)
}

/// `uv.lock` has one hash of a file, `pylock.toml` a table of them.
fn has_hash(file: &DeValue<'_>) -> bool {
    let one = file.get("hash").and_then(|hash| hash.get_ref().as_str()).is_some_and(|hash| !hash.is_empty());
    let table = file.get("hashes").and_then(|hashes| hashes.get_ref().as_table());
    one || table.is_some_and(|hashes| hashes.iter().next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_says_is_shown_without_credentials() {
        let bytes = b"[[package]]\nname = \"https://me:pw@h/s\"\nversion = \"https://me:pw@h/s\"\n".to_vec();
        let items = locked_packages(&Source { label: "uv.lock".into(), bytes });
        assert_eq!(items[0].text, "https://****@h/s==https://****@h/s");
    }

    fn names(text: &str) -> Vec<(usize, String)> {
        let source = Source { label: "uv.lock".into(), bytes: text.as_bytes().to_vec() };
        unhashed(&source).into_iter().map(|item| (item.line, item.text)).collect()
    }

    #[test]
    fn what_a_lock_names_no_hash_for_is_found_with_its_line() {
        let text = r#"version = 1

[manifest]
members = ["demo", "neighbour"]

[[package]]
name = "demo"
source = { virtual = "." }

[[package]]
name = "neighbour"
source = { editable = "packages/neighbour" }

[[package]]
name = "hashed"
source = { registry = "https://h/simple" }
sdist = { url = "https://h/a.tar.gz", hash = "sha256:0" }
wheels = [{ url = "https://h/a.whl", hash = "sha256:0" }]

[[package]]
name = "half"
source = { registry = "https://h/simple" }
sdist = { url = "https://h/a.tar.gz" }
wheels = [{ url = "https://h/a.whl", hash = "sha256:0" }]

[[package]]
name = "from-git"
source = { git = "https://h/a?rev=v1#0123" }

[[package]]
name = "beside"
source = { directory = "../beside" }
"#;
        let expected = [(20, "half"), (26, "from-git"), (30, "beside")];
        assert_eq!(names(text), expected.map(|(line, name)| (line, name.to_owned())));
    }

    #[test]
    fn a_pylock_has_tables_of_hashes() {
        let text = r#"lock-version = "1.0"
[[packages]]
name = "a"
wheels = [{ url = "https://h/a.whl", hashes = { sha256 = "0" } }]
[[packages]]
name = "b"
archive = { url = "https://h/b.zip", hashes = {} }
[[packages]]
name = "c"
vcs = { type = "git", url = "https://h/c", commit-id = "0" }
"#;
        assert_eq!(names(text), [(5, "b".to_owned()), (8, "c".to_owned())]);
    }

    #[test]
    fn what_cannot_be_read_has_no_hash() {
        assert_eq!(names("[[package]").len(), 1);
    }
}
