//! Which packages a server's own files import, as far as their text tells: the evidence that it needs them.

use super::subject::Subject;
use super::variables::plain;
use crate::fs;
use crate::project::join;
use crate::project::split;
use crate::requirement_line::normalised_name;
use std::collections::BTreeSet;

/// The most files of the plugin that are followed.
const MOST: usize = 60;
/// Names of packages whose modules are named otherwise.
const ALIASES: [(&str, &str); 12] = [
    ("yaml", "pyyaml"),
    ("dotenv", "python-dotenv"),
    ("pil", "pillow"),
    ("bs4", "beautifulsoup4"),
    ("sklearn", "scikit-learn"),
    ("cv2", "opencv-python"),
    ("dateutil", "python-dateutil"),
    ("docx", "python-docx"),
    ("pptx", "python-pptx"),
    ("fitz", "pymupdf"),
    ("serial", "pyserial"),
    ("github", "pygithub"),
];

/// An import of a package that a manifest asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// The name in the manifest.
    pub package: String,
    pub file: String,
    pub line: usize,
}

/// The first import of one of these packages by a script in Python, or by what it imports from beside it.
pub fn of_python(subject: &Subject, script: &str, packages: &[String]) -> Option<Import> {
    let mut queue = vec![script.to_owned()];
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    let (top, _) = split(script);
    while let Some(file) = queue.pop() {
        let Some(text) = subject.text(&file) else { continue };
        for (at, module) in text.lines().enumerate().filter_map(|(at, line)| Some((at, module(line)?))) {
            let own = local(subject, top, split(&file).0, &module);
            match (own, packages.iter().find(|package| is_of(package, &module))) {
                (Some(path), _) if seen.len() < MOST && seen.insert(path.clone()) => queue.push(path),
                (None, Some(package)) => return Some(Import { package: package.clone(), file, line: at + 1 }),
                _ => {}
            }
        }
    }
    None
}

/// The module of `import a.b` and `from a.b import c`; one that is indented may be optional.
fn module(line: &str) -> Option<String> {
    let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "))?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect();
    (!name.is_empty()).then_some(name)
}

fn is_of(package: &str, module: &str) -> bool {
    let first = module.split('.').next().unwrap_or_default().to_lowercase();
    let alias = ALIASES.iter().find(|(module, _)| *module == first).map(|(_, package)| *package);
    let package = normalised_name(package);
    package == normalised_name(&first) || alias == Some(package.as_str())
}

/// Whether the plugin has a module of this name.
pub fn lies_in(subject: &Subject, module: &str) -> bool {
    local(subject, "", "", module).is_some()
}

/// The file of a module that lies in the plugin, beside the script or beside the file that imports it.
fn local(subject: &Subject, top: &str, beside: &str, module: &str) -> Option<String> {
    let dots = module.chars().take_while(|&c| c == '.').count();
    let path = module.trim_start_matches('.').replace('.', "/");
    let above = "../".repeat(dots.saturating_sub(1));
    let directories =
        if dots > 0 { vec![join(beside, &above)] } else { vec![beside.to_owned(), top.to_owned(), "src".into()] };
    let forms = [format!("{path}.py"), format!("{path}/__init__.py")];
    let files = directories.iter().flat_map(|directory| forms.iter().map(move |form| plain(&join(directory, form))));
    files.flatten().find(|file| fs::is_file(&subject.root.join(file)))
}

/// The first import of one of these packages by a file for Node, or by what it imports by a path.
pub fn of_node(subject: &Subject, script: &str, packages: &[String]) -> Option<Import> {
    let mut queue = vec![script.to_owned()];
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    while let Some(file) = queue.pop() {
        let Some(text) = subject.text(&file) else { continue };
        for (at, name) in
            text.lines().enumerate().flat_map(|(at, line)| specifiers(line).into_iter().map(move |n| (at, n)))
        {
            if name.starts_with('.') {
                let path = neighbour(subject, &plain(&join(split(&file).0, &name))?);
                queue.extend(path.filter(|path| seen.len() < MOST && seen.insert(path.clone())));
            } else if let Some(package) = packages.iter().find(|package| is_below(&name, package)) {
                return Some(Import { package: package.clone(), file, line: at + 1 });
            }
        }
    }
    None
}

fn is_below(name: &str, package: &str) -> bool {
    name.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a line that begins with `import` or assigns a `require` names; nothing of type alone.
pub fn specifiers(line: &str) -> Vec<String> {
    let quoted = |text: &str| {
        let quote = text.chars().next().filter(|c| "'\"".contains(*c))?;
        text[1..].split(quote).next().filter(|name| name.len() < 200).map(str::to_owned)
    };
    let behind = |sign: &str| {
        line.match_indices(sign).filter_map(|(at, _)| quoted(line[at + sign.len()..].trim_start())).collect::<Vec<_>>()
    };
    let begins = |word: &str| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(['{', '*', ' ', '"', '\'']));
    let is_end = line.starts_with('}') && line.contains(" from ");
    if (begins("import") || begins("export") || is_end)
        && !line.starts_with("import type")
        && !line.starts_with("export type")
    {
        let mut names = behind(" from ");
        names.extend(behind("}from"));
        names.extend(quoted(line.trim_start_matches("import").trim_start()).filter(|_| begins("import")));
        return names;
    }
    let is_assigned = ["const ", "let ", "var "].iter().any(|word| line.starts_with(word));
    if is_assigned { behind("= require(") } else { Vec::new() }
}

/// The file that a path without an ending, or with that of what it is built to, means.
fn neighbour(subject: &Subject, path: &str) -> Option<String> {
    let stem = path.strip_suffix(".js").or_else(|| path.strip_suffix(".mjs")).unwrap_or(path);
    let endings = ["", ".js", ".mjs", ".cjs", ".ts", ".mts", "/index.js", "/index.ts"];
    let forms =
        endings.iter().map(|ending| format!("{path}{ending}")).chain([format!("{stem}.ts"), format!("{stem}.mts")]);
    forms.into_iter().find(|file| fs::is_file(&subject.root.join(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_python_are_told_by_their_first_name() {
        assert_eq!(module("from mcp.server import x").as_deref(), Some("mcp.server"));
        assert_eq!(module("import yaml as y").as_deref(), Some("yaml"));
        assert_eq!(module("    import optional"), None);
        for (package, module) in [("PyYAML", "yaml"), ("a-b", "a_b.c"), ("mcp", "mcp.server"), ("pillow", "PIL")] {
            assert!(is_of(package, module), "{package} {module}");
        }
        assert!(!is_of("mcp", "mcp_tools"));
    }

    #[test]
    fn imports_of_node_are_told_where_they_stand_alone() {
        for (line, name) in [
            ("import { a } from \"zod\";", "zod"),
            ("import 'dotenv/config'", "dotenv/config"),
            ("import{a}from\"@a/b\"", "@a/b"),
            ("const x = require('zod');", "zod"),
            ("} from '@modelcontextprotocol/sdk/server/mcp.js';", "@modelcontextprotocol/sdk/server/mcp.js"),
        ] {
            assert_eq!(specifiers(line), [name], "{line}");
        }
        for line in [" * import { a } from 'zod'", "import type { A } from 'zod'", "  x from 'zod'", "important('a')"] {
            assert!(specifiers(line).is_empty(), "{line}");
        }
        assert!(is_below("zod/v4", "zod") && !is_below("zod-x", "zod"));
    }
}
