//! How commands find Node, the programs of packages, and the packages themselves.

use crate::fs;
use crate::interpreter;
use crate::runtime::Runtime;
use crate::store::Sealed;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables that make an environment the one that Node and its programs use.
pub fn activation(sealed: &Sealed, root: &Path, search_path: &OsStr) -> Vec<(&'static str, Option<OsString>)> {
    let generation = &sealed.generation;
    let node = &sealed.receipt.interpreter.path;
    vec![
        ("PATH", Some(path(&generation.node_modules(), node, search_path))),
        ("NODE_OPTIONS", Some(options(&generation.resolver()))),
        // For bun, which does not read the options of Node.
        ("NODE_PATH", Some(joined(&[generation.node_modules()], &std::env::var_os("NODE_PATH").unwrap_or_default()))),
        ("PLUGDEPS_NODE_ENVIRONMENT", Some(generation.prefix().into_os_string())),
        ("PLUGDEPS_NODE_ROOT", Some(root.as_os_str().to_owned())),
    ]
}

/// What is needed where the packages lie beside the plugin's own files: nothing but their programs.
pub fn beside(directory: &Path, search_path: &OsStr) -> Vec<(&'static str, Option<OsString>)> {
    let path = match found() {
        Some(node) => path(&directory.join("node_modules"), &node, search_path),
        None => search_path.to_owned(),
    };
    vec![("PATH", Some(path))]
}

/// The first Node there is; nothing is started to find it.
pub fn found() -> Option<PathBuf> {
    interpreter::first(Runtime::Node)
}

/// The programs of the packages, and Node itself where PATH leads to another one or to none.
fn path(node_modules: &Path, node: &Path, search_path: &OsStr) -> OsString {
    let name = node.file_name().unwrap_or_default();
    let first = std::env::split_paths(search_path).map(|directory| directory.join(name)).find(|path| fs::is_file(path));
    let leads_there = first.is_some_and(|first| fs::resolved(&first) == fs::resolved(node));
    let beside = node.parent().filter(|_| !leads_there).map(Path::to_path_buf);
    let directories: Vec<PathBuf> = std::iter::once(node_modules.join(".bin")).chain(beside).collect();
    joined(&directories, search_path)
}

fn joined(first: &[PathBuf], rest: &OsStr) -> OsString {
    let others = std::env::split_paths(rest).filter(|path| !path.as_os_str().is_empty());
    // A directory with a separator in its name cannot stand there.
    std::env::join_paths(first.iter().cloned().chain(others)).unwrap_or_else(|_| rest.to_owned())
}

/// `--require` is quoted, since there may be spaces in the path; the user's own options stay.
fn options(resolver: &Path) -> OsString {
    let mut options = OsString::from("--require=\"");
    options.push(resolver.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""));
    options.push("\"");
    if let Some(own) = std::env::var_os("NODE_OPTIONS").filter(|own| !own.is_empty()) {
        options.push(" ");
        options.push(own);
    }
    options
}

/// Whether a name means Node itself.
pub fn is_node(name: &OsStr) -> bool {
    ["node", "node.exe", "nodejs"].iter().any(|node| name == *node)
}

/// The program of a package: its script, for Node to run, or else what lies there.
pub fn program(name: &OsStr, node_modules: &Path) -> Option<(PathBuf, bool)> {
    let link = node_modules.join(".bin").join(name);
    let file = fs::resolved(&link);
    if !fs::is_file(&file) {
        return None;
    }
    let head = fs::head(&file, 4096);
    let head = String::from_utf8_lossy(&head);
    let first = head.lines().next().unwrap_or_default();
    if let Some(script) = shim_target(&head) {
        return Some((fs::resolved(&node_modules.join(".bin").join(script)), true));
    }
    // What is no script for Node a shell would start; Windows has none, and managers write the same for its own.
    if cfg!(windows) {
        let mut batch = file.clone().into_os_string();
        batch.push(".cmd");
        if fs::is_file(Path::new(&batch)) {
            return Some((batch.into(), false));
        }
    }
    let is_script = file.extension().is_some_and(|ending| ["js", "mjs", "cjs"].iter().any(|js| ending == *js));
    Some((file, first.contains("node") && first.starts_with("#!") || is_script && !first.starts_with("#!")))
}

/// What a shell script starts that a manager wrote in place of a link: on Windows all of them do, elsewhere pnpm.
fn shim_target(head: &str) -> Option<&str> {
    let is_shell = head.starts_with("#!/bin/sh");
    let targets = head.split("\"$basedir/").skip(1).filter_map(|rest| rest.split('"').next());
    let mut scripts = targets.filter(|target| !matches!(*target, "node" | "node.exe"));
    scripts.next().filter(|_| is_shell && head.contains("node"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_the_options_of_node_is_quoted() {
        assert_eq!(
            options(Path::new("/a b/\"c\"/d.cjs")).to_string_lossy().split(" --").next().unwrap(),
            "--require=\"/a b/\\\"c\\\"/d.cjs\""
        );
    }

    #[test]
    fn what_was_there_stays_where_a_directory_cannot_be_added() {
        let separator = if cfg!(windows) { "\"" } else { ":" };
        let odd = PathBuf::from(format!("a{separator}b"));
        assert_eq!(joined(&[odd], OsStr::new("c")), "c");
    }

    #[test]
    fn a_shim_names_the_script_that_it_starts() {
        let shim = "#!/bin/sh\nbasedir=$(dirname \"$0\")\nif [ -x \"$basedir/node\" ]; then\n  exec \"$basedir/node\"  \
                    \"$basedir/../pkg/bin.js\" \"$@\"\nelse\n  exec node  \"$basedir/../pkg/bin.js\" \"$@\"\nfi\n";
        assert_eq!(shim_target(shim), Some("../pkg/bin.js"));
        assert_eq!(shim_target("#!/bin/sh\necho node\n"), None);
    }
}
