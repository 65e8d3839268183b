//! Rules of the files that a plugin ships.

use super::Spot;
use super::subject::Subject;
use crate::error::Error;
use crate::fs;
use crate::project::{join, split};
use serde_json::Value;

/// Parts of hosts that few can reach: private networks, and services that hold an organisation's own packages.
const PRIVATE: [&str; 18] = [
    "localhost",
    "127.0.0.1",
    "://10.",
    "://192.168.",
    "://172.16.",
    ".local/",
    ".internal",
    ".corp",
    ".lan/",
    "artifactory",
    "jfrog",
    "nexus",
    "verdaccio",
    "codeartifact",
    "pkgs.dev.azure",
    "pkg.dev/",
    "gitlab",
    "cloudsmith",
];
/// Locks, by name.
const LOCKS: [&str; 9] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "uv.lock",
    "pylock.toml",
    "requirements.lock",
    "poetry.lock",
];
/// Where packages for Node are.
const MODULES: &str = "node_modules";
/// How deep environments are looked for.
const DEEPEST: usize = 4;
/// How many directories are looked into.
const MOST: usize = 3000;

pub fn invalid_file(subject: &Subject) -> Vec<Spot> {
    let why = |error: &Error| error.causes.first().cloned().unwrap_or_else(|| error.message.clone());
    let fix =
        |error: &Error| error.hint.clone().unwrap_or_else(|| "mend it: until then the host does without it".into());
    let of_host =
        subject.broken.iter().map(|(label, error)| Spot::new((label, line_in(&why(error))), why(error), fix(error)));
    let used = if subject.is_ours() { subject.plugin.environments.iter().collect() } else { Vec::new() };
    let manifests = used.into_iter().filter_map(|environment| {
        let error = environment.manifest.as_ref().err()?;
        let label = error.message.split('`').nth(1).filter(|label| subject.ships(label)).unwrap_or("plugdeps.toml");
        Some(Spot::new((label, line_in(&why(error))), error.sentence(), fix(error)))
    });
    of_host.chain(manifests).collect()
}

pub fn invalid_entry(subject: &Subject) -> Vec<Spot> {
    subject.refused.clone()
}

/// The line that an error names: `line 3: …`.
fn line_in(text: &str) -> usize {
    let number =
        text.split("line ").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

pub fn lock_private_url(subject: &Subject) -> Vec<Spot> {
    let directories = subject.plugin.environments.iter().map(|environment| environment.directory.as_str());
    let mut directories: Vec<&str> = directories.chain([""]).collect();
    directories.sort_unstable();
    directories.dedup();
    let labels = directories.iter().flat_map(|directory| LOCKS.iter().map(|lock| join(directory, lock)));
    labels.filter(|label| subject.ships(label)).filter_map(|label| private_address(subject, &label)).collect()
}

fn private_address(subject: &Subject, label: &str) -> Option<Spot> {
    let text = subject.text(label)?;
    let mut lines = text.lines().enumerate();
    let (at, address) =
        lines.find_map(|(at, line)| addresses(line).find(|address| is_private(address)).map(|a| (at, a)))?;
    let shown = crate::credentials::redact(address);
    let why = format!("`{shown}` is in the lock, and whoever cannot reach it cannot install");
    Some(Spot::new(
        (label, at + 1),
        why,
        "lock against the public index, or give the address by each user's own settings",
    ))
}

fn addresses(line: &str) -> impl Iterator<Item = &str> {
    // A comment may name the project that was locked.
    let files = line.match_indices("file:///").filter(|_| !line.trim_start().starts_with('#'));
    let starts = line.match_indices("https://").chain(line.match_indices("http://")).chain(files).map(|(at, _)| at);
    starts.map(|at| line[at..].split(['"', '\'', ' ', ',', '}', ')']).next().unwrap_or_default())
}

/// By its host; the path may say anything.
fn is_private(address: &str) -> bool {
    if address.starts_with("file:") {
        return !address.contains("${");
    }
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let has_login = host.contains('@');
    let host = format!("://{}/", host.rsplit('@').next().unwrap_or_default());
    let is_git = address.ends_with(".git") || address.contains(".git#") || address.contains(".git?");
    has_login || !is_git && PRIVATE.iter().any(|part| host.contains(part))
}

pub fn committed_environment(subject: &Subject) -> Vec<Spot> {
    let found = walk(subject).into_iter().filter_map(|(directory, name)| {
        let path = join(&directory, &name);
        match name.as_str() {
            "pyvenv.cfg" if subject.ships(&path) => Some(of_environment(&path)),
            MODULES => built(subject, &path),
            _ => None,
        }
    });
    found.collect()
}

pub fn committed_packages(subject: &Subject) -> Vec<Spot> {
    let found = walk(subject).into_iter().filter(|(_, name)| name == MODULES).filter_map(|(directory, name)| {
        let path = join(&directory, &name);
        let files = subject.shipped.in_git(&path);
        let first = files.first()?;
        let is_told = built(subject, &path).is_some() || bundles(subject, &directory);
        let why = format!(
            "`{path}` is in git ({} files): what its author had installed that day, for one system, with what is for \
             development alone",
            files.len()
        );
        let fix = format!("`git rm -r --cached {path}`, list it in `.gitignore`, and ship the lock");
        (!is_told).then(|| Spot::new((first, 1), why, fix))
    });
    found.collect()
}

/// Whether the package means to carry what it needs.
fn bundles(subject: &Subject, directory: &str) -> bool {
    let text = subject.text(&join(directory, "package.json")).unwrap_or_default();
    let package: Value = serde_json::from_slice(text.as_bytes()).unwrap_or_default();
    ["bundleDependencies", "bundledDependencies"].iter().any(|key| package.get(key).is_some())
}

/// The names in the directories of the plugin, but for what is below those of packages.
fn walk(subject: &Subject) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut queue = vec![(String::new(), 0)];
    let mut seen = 0;
    while let Some((directory, depth)) = queue.pop().filter(|_| seen < MOST) {
        seen += 1;
        for name in fs::names(&subject.root.join(&directory)).into_iter().filter(|name| name != ".git") {
            let path = join(&directory, &name);
            if name != MODULES && depth < DEEPEST && fs::is_own_directory(&subject.root.join(&path)) {
                queue.push((path, depth + 1));
            }
            found.push((directory.clone(), name));
        }
    }
    found
}

fn of_environment(path: &str) -> Spot {
    let directory = split(path).0;
    let why = format!(
        "`{directory}` is a virtual environment: it holds paths of its author's machine, and programs for that alone"
    );
    Spot::new((path, 1), why, format!("`git rm -r --cached {directory}`, and list it in `.gitignore`"))
}

/// A part of packages that was built for one system.
fn built(subject: &Subject, modules: &str) -> Option<Spot> {
    let mut queue = vec![modules.to_owned()];
    let mut seen = 0;
    while let Some(directory) = queue.pop().filter(|_| seen < MOST) {
        seen += 1;
        for name in fs::names(&subject.root.join(&directory)) {
            let path = format!("{directory}/{name}");
            if name.ends_with(".node") && subject.ships(&path) {
                let why = format!("`{path}` was built for one system and one version of Node");
                return Some(Spot::new(
                    (&path, 1),
                    why,
                    format!("remove `{modules}` from git, and have it installed from a lock"),
                ));
            }
            if fs::is_own_directory(&subject.root.join(&path)) {
                queue.push(path);
            }
        }
    }
    None
}

pub fn bin_directory(subject: &Subject) -> Vec<Spot> {
    let names = fs::names(&subject.root.join("bin"));
    let first = names.iter().map(|name| format!("bin/{name}")).find(|path| subject.ships(path));
    let why = "claude.ai and marketplaces of organisations refuse a plugin with `bin/` at its top";
    let fix = "if yours is to be there, use another directory: `libexec/`";
    first.map(|path| Spot::new((&path, 1), why, fix)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_private_by_its_host() {
        for address in [
            "https://npm.corp.example/a.tgz",
            "https://x.jfrog.io/artifactory/a.tgz",
            "http://localhost:4873/a",
            "https://me:pw@h.example/a",
            "http://10.0.0.1/a",
            "file:///home/ann/a-1-py3-none-any.whl",
        ] {
            assert!(is_private(address), "{address}");
        }
        for address in
            ["https://files.example.org/artifactory.whl", "https://gitlab.com/a/b.git", "https://h.example/a"]
        {
            assert!(!is_private(address), "{address}");
        }
        assert!(!is_private("file:///${PROJECT_ROOT}/a.whl"));
        assert_eq!(addresses("# via a @ file:///home/ann/a").count(), 0);
        let line = "resolved \"https://a/b\" and 'http://c/d'";
        assert_eq!(addresses(line).collect::<Vec<_>>(), ["https://a/b", "http://c/d"]);
    }
}
