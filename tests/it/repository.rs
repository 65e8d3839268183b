//! The form of the repository: an order of modules, no unsafe code, short files, and no address but the world's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest a file may be before its tests, in lines.
const LONGEST: usize = 350;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of `src/`, by path relative to it.
fn sources() -> BTreeMap<PathBuf, String> {
    let root = repository().join("src");
    let entries = walkdir::WalkDir::new(&root).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files.map(|path| (path.strip_prefix(&root).unwrap().to_owned(), fs::read_to_string(&path).unwrap())).collect()
}

/// The code of a file, without its tests and comments.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The module of the list in `lib.rs` that a file belongs to: its directory, or its name without the system's.
fn module(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    let name = first.trim_end_matches(".rs");
    name.trim_end_matches("_unix").trim_end_matches("_windows").to_owned()
}

/// The modules that a file names, by `crate::x` or by `use crate::{x, y::z}`.
fn named(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').and_then(|rest| rest.split("};").next());
        let names = group.map_or(vec![rest], |group| group.split([',', '\n']).map(str::trim).collect());
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        found.extend(names.iter().map(|name| name.split(|c| !is_part(c)).next().unwrap_or_default().to_owned()));
    }
    found
}

/// The modules in the order of `lib.rs`, the lowest first.
fn order(lib: &str) -> Vec<String> {
    let list = lib.lines().filter_map(|line| line.strip_prefix("pub mod ").or(line.strip_prefix("mod ")));
    list.map(|line| line.trim_end_matches(';').to_owned()).collect()
}

#[test]
fn modules_depend_on_each_other_only_in_the_order_of_the_list() {
    let sources = sources();
    let order = order(&sources[Path::new("lib.rs")]);
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut wrong = Vec::new();
    for (path, text) in
        sources.iter().filter(|(path, _)| !["lib.rs", "main.rs"].iter().any(|name| path.as_path() == Path::new(name)))
    {
        let own = place(&module(path)).unwrap_or_else(|| panic!("`{}` is not in the list", path.display()));
        for name in named(&code(text)) {
            match place(&name) {
                Some(other) if other > own => wrong.push(format!("`{}` depends on the later `{name}`", path.display())),
                Some(_) => {}
                None => wrong.push(format!("`{}` names `{name}`, which is not in the list", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\nthe list: {}", wrong.join("\n"), order.join(", "));
}

#[test]
fn the_reader_of_dependencies_sees_every_form() {
    assert_eq!(
        named("use crate::fs;\nuse crate::{lock, log::Log};\ncrate::tool::find()"),
        ["fs", "lock", "log", "tool"]
    );
    assert_eq!(module(Path::new("fs_unix.rs")), "fs");
    assert_eq!(module(Path::new("backend/uv.rs")), "backend");
    assert_eq!(code("// crate::x\na\n#[cfg(test)]\nmod tests {\n"), "a");
}

#[test]
fn there_is_no_unsafe_code_but_what_windows_is_asked_in_one_file() {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
    let mut sources = sources();
    sources.remove(Path::new("windows.rs")).expect("there is none");
    assert!(sources[Path::new("lib.rs")].contains("#[cfg(windows)]\npub mod windows;"), "it is in other programs too");
    for (path, text) in sources {
        let words = code(&text);
        let mut words = words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        assert!(words.all(|word| word != "unsafe" && word != "unsafe_code"), "`{}` has unsafe code", path.display());
    }
}

#[test]
fn no_file_of_the_product_is_longer_than_a_person_reads_at_once() {
    let length = |text: &str| text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines().count();
    let sources = sources().into_iter().filter(|(path, _)| !path.to_string_lossy().ends_with("_tests.rs"));
    let long = sources.map(|(path, text)| (length(&text), path)).filter(|(lines, _)| *lines > LONGEST);
    let long: Vec<_> = long.map(|(lines, path)| format!("`src/{}`: {lines} lines", path.display())).collect();
    assert!(long.is_empty(), "more than {LONGEST} lines before the tests:\n{}", long.join("\n"));
}

/// Every file that the repository tracks or would track, as text.
fn tracked() -> Vec<(String, String)> {
    let git = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(git).current_dir(repository()).output().expect("git cannot be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    let names = names.split('\0').filter(|name| !name.is_empty());
    let read = |name: &str| Some((name.to_owned(), fs::read(repository().join(name)).ok()?));
    let files = names.filter_map(read);
    files.map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned())).collect()
}

#[test]
fn every_test_that_a_list_names_is_there() {
    let files = tracked();
    let tests: Vec<_> =
        files.iter().filter(|(name, _)| name.starts_with("tests/it/") && name.ends_with(".rs")).collect();
    let lists = files.iter().filter(|(name, _)| name.starts_with("tests/it/") && name.ends_with(".txt"));
    let listed = lists.flat_map(|(_, text)| text.lines()).filter(|line| !line.starts_with('#'));
    let listed: Vec<_> = listed.collect();
    assert!(listed.len() > 100, "the lists were not found");
    for test in listed {
        let (module, function) = (test.split("::").next().unwrap(), test.rsplit("::").next().unwrap());
        let is_its =
            |name: &str| name == format!("tests/it/{module}.rs") || name.starts_with(&format!("tests/it/{module}/"));
        let is_there = tests.iter().any(|(name, text)| is_its(name) && text.contains(&format!("fn {function}(")));
        assert!(is_there, "there is no test `{test}`");
    }
}

#[test]
fn files_of_which_no_test_runs_on_windows_are_told() {
    let root = repository();
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let lists = [read("tests/it/windows.txt"), read("tests/it/windows_slow.txt")].concat();
    let run: BTreeSet<&str> = lists.lines().filter_map(|line| line.split_once("::")).map(|(file, _)| file).collect();
    let page = read("docs/reliability.md");
    let sentence = page.replace('\n', " ");
    let sentence = sentence.split("no test runs there: ").nth(1).and_then(|rest| rest.split('.').next()).unwrap();
    let told: Vec<String> = sentence.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let files =
        fs::read_dir(root.join("tests/it")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = files.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned));
    let is_other = |name: &String| !["main", "windows"].contains(&name.as_str()) && !run.contains(name.as_str());
    let mut there: Vec<String> = files.filter(is_other).collect();
    there.sort();
    assert_eq!(told, there);
}

#[test]
fn no_file_names_the_host_of_a_package_registry() {
    // Written in pieces, since this file is tracked too.
    let hosts = [("pypi", ".org"), ("pythonhosted", ".org"), ("npmjs", ".org"), ("npmjs", ".com"), ("yarnpkg", ".com")];
    let hosts = hosts.map(|(name, ending)| format!("{name}{ending}"));
    for (name, text) in tracked() {
        let is_data = name == "Cargo.lock" || name.starts_with("fixtures/") && name.ends_with(".lock");
        let found = hosts.iter().find(|host| !is_data && text.contains(host.as_str()));
        assert!(found.is_none(), "`{name}` names {found:?}");
    }
}

/// Whether the text has this path as the start of an absolute one.
fn has_path(text: &str, path: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || ")}./_-".contains(c);
    text.match_indices(path).any(|(at, _)| !text[..at].ends_with(is_inside))
}

#[test]
fn no_file_names_a_path_of_this_machine() {
    let checkout = repository().display().to_string();
    // Written in pieces, since this file is tracked too.
    let known = [("/ro", "ot/"), ("/work/", "main"), ("/work/", "shared"), ("/home/", "runner")];
    let known = known.map(|(start, end)| format!("{start}{end}"));
    for (name, text) in tracked() {
        let found = known.iter().chain([&checkout]).find(|path| has_path(&text, path));
        assert!(found.is_none(), "`{name}` names {found:?}");
    }
}

/// The end of an address that leads to a heading, as code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let pages = tracked().into_iter().filter(|(name, _)| name.ends_with(".md"));
    let pages: BTreeMap<PathBuf, String> = pages.map(|(name, text)| (PathBuf::from(name), text)).collect();
    let mut links = 0;
    for (page, text) in &pages {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") || path.contains([' ', '\n']) {
                continue;
            }
            links += 1;
            let target = page.parent().unwrap().join(path);
            let target = if path.is_empty() { page.clone() } else { target.components().collect() };
            assert!(repository().join(&target).exists(), "`{}` links to `{link}`", page.display());
            let headings = pages.get(&target).into_iter().flat_map(|text| text.lines());
            let mut anchors = headings.filter_map(|line| line.trim_start_matches('#').strip_prefix(' ')).map(anchor);
            assert!(heading.is_empty() || anchors.any(|one| one == heading), "`{}`: no `#{heading}`", page.display());
        }
    }
    assert!(links > 50, "only {links} are found");
}

#[test]
fn the_code_map_names_every_file_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let cells = map.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let mut mapped: Vec<String> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    let files = walkdir::WalkDir::new(root.join("src")).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let names = files.filter_map(|path| path.strip_prefix(root.join("src")).ok()?.to_str().map(str::to_owned));
    let of_systems = |name: &String| ["_unix.rs", "_windows.rs"].iter().any(|ending| name.ends_with(ending));
    let mut there: Vec<String> = names.filter(|name| name.ends_with(".rs") && !of_systems(name)).collect();
    mapped.sort();
    there.sort();
    assert_eq!(mapped, there);
}

/// The files of the crate as cargo packs them, but for what it adds by itself.
fn crated() -> Vec<String> {
    let list = ["package", "--list", "--locked", "--offline", "--allow-dirty"];
    let output = Command::new(env!("CARGO")).args(list).current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    let names = names.lines().filter(|name| ![".cargo_vcs_info.json", "Cargo.toml.orig"].contains(name));
    names.map(str::to_owned).collect()
}

#[test]
fn the_crate_holds_what_builds_the_programs_and_the_documents_and_nothing_else() {
    let alone = [
        ".cargo/config.toml",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "install.sh",
        "launcher.sh",
        "macos.tbd",
    ];
    let is_part = |name: &String| {
        alone.contains(&name.as_str()) || ["src/", "docs/", "hooks/"].iter().any(|start| name.starts_with(start))
    };
    let mut expected: Vec<String> = tracked().into_iter().map(|(name, _)| name).filter(is_part).collect();
    let mut there = crated();
    expected.sort();
    there.sort();
    expected.dedup();
    assert_eq!(there, expected);
}

/// What the text of the file `name` names between `start` and `end`, as paths of the repository.
fn paths(name: &str, text: &str, start: &str, end: &[char]) -> Vec<String> {
    let named = text.split(start).skip(1).filter_map(|rest| rest.split(end).next());
    named.filter(|path| !path.is_empty() && !path.contains("://")).map(|path| resolved(name, path)).collect()
}

fn resolved(name: &str, path: &str) -> String {
    let mut whole: Vec<&str> = name.split('/').collect();
    whole.pop();
    for part in path.split('/') {
        if part == ".." {
            whole.pop();
        } else {
            whole.push(part);
        }
    }
    whole.join("/")
}

#[test]
fn what_files_of_the_crate_include_or_link_to_is_in_the_crate() {
    let there = crated();
    let mut seen = Vec::new();
    for (name, text) in tracked().iter().filter(|(name, _)| there.contains(name)) {
        let named = match name.rsplit('.').next() {
            Some("md") => paths(name, text, "](", &[')', '#']),
            Some("rs") => {
                [paths(name, text, "include_str!(\"", &['"']), paths(name, text, "include_bytes!(\"", &['"'])].concat()
            }
            _ => continue,
        };
        let lacking: Vec<_> = named.iter().filter(|path| !there.contains(path)).collect();
        assert!(lacking.is_empty(), "`{name}` names {lacking:?}, which the crate lacks");
        seen.extend(named);
    }
    for known in ["CONTRIBUTING.md", "docs/errors.md", "hooks/hooks.json", "src/resolve.cjs"] {
        assert!(seen.iter().any(|path| path == known), "nothing names `{known}`: are links read?");
    }
}
