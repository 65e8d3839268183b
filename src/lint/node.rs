//! Rules of servers for Node, and of locks.

use super::Spot;
use super::entries::Entry;
use super::imports;
use super::steps::line_of;
use super::subject::Subject;
use crate::config::Scripts;
use crate::environments::Environment;
use crate::manifest::{Format, Manifest};
use crate::old_form::Way;
use crate::project::join;
use crate::project::split;
use crate::provenance;
use crate::requirement_line::{Named, normalised_name};
use crate::runtime::Runtime;
use crate::shell_line::program_name;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Packages whose scripts change nothing that a server needs: their programs come as packages of their own.
const HARMLESS: [&str; 9] = [
    "esbuild",
    "fsevents",
    "core-js",
    "core-js-pure",
    "protobufjs",
    "unrs-resolver",
    "es5-ext",
    "@scarf/scarf",
    "msgpackr-extract",
];
/// What runs TypeScript.
const RUNNERS: [&str; 4] = ["tsx", "ts-node", "typescript", "esbuild-register"];

/// `package.json` of a directory of the plugin, with its path.
fn package(subject: &Subject, directory: &str) -> Option<(String, Value)> {
    let label = join(directory, "package.json");
    let value = serde_json::from_slice(subject.text(&label)?.as_bytes()).ok()?;
    Some((label, value))
}

/// `package.json` nearest above a file.
fn package_above(subject: &Subject, file: &str) -> Option<(String, Value)> {
    let mut directory = split(file).0;
    loop {
        if let Some(found) = package(subject, directory) {
            return Some(found);
        }
        if directory.is_empty() {
            return None;
        }
        directory = split(directory).0;
    }
}

fn servers(subject: &Subject) -> impl Iterator<Item = (&Entry, String)> {
    let node = |entry: &&Entry| matches!(entry.start.way, Way::Node | Way::Environment | Way::Npx | Way::Plugdeps);
    let entries = subject.entries.iter().filter(node);
    entries.filter_map(|entry| Some((entry, subject.script_of(entry)?)))
}

pub fn esm_node_path(subject: &Subject) -> Vec<Spot> {
    let with = servers(subject).filter_map(|(entry, script)| Some((entry, script, entry.variable("NODE_PATH")?)));
    with.filter(|(entry, script, _)| is_module(subject, entry, script))
        .map(|(entry, script, value)| {
            let why = format!("`{script}` is an ES module, and `import` does not look into `NODE_PATH`");
            Spot::new(
                (&entry.file, value.line),
                why,
                "start it by `plugdeps run -- node …`, which finds its packages for `import` as well",
            )
        })
        .collect()
}

fn is_module(subject: &Subject, entry: &Entry, script: &str) -> bool {
    let kind = || package_above(subject, script).map_or(Value::Null, |(_, package)| package["type"].clone());
    // Node tells by its text what nothing else tells; what builds TypeScript makes `require` of it.
    let by_text = || {
        let text = subject.text(script).unwrap_or_default();
        let imports = text.lines().any(|line| line.starts_with("import") && !imports::specifiers(line).is_empty());
        imports && program_name(&entry.start.program) == "node"
    };
    let of_js = || kind() == "module" || kind().is_null() && by_text();
    script.ends_with(".mjs") || script.ends_with(".mts") || script.ends_with(".js") && of_js()
}

pub fn dev_dependency(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for (entry, script) in servers(subject) {
        let Some((label, package)) = package_above(subject, &script) else { continue };
        let names = |key: &str| {
            package[key].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let own: BTreeSet<String> =
            ["dependencies", "optionalDependencies", "peerDependencies"].into_iter().flat_map(names).collect();
        let development: Vec<String> =
            names("devDependencies").into_iter().filter(|name| !own.contains(name)).collect();
        let needed = needed(subject, entry, &script, &development);
        found.extend(needed.map(|(name, how)| {
            let text = subject.text(&label).unwrap_or_default();
            let why = format!(
                "the server `{}` needs `{name}` ({how}), and whoever installs for users leaves `devDependencies` out",
                entry.name
            );
            Spot::new((&label, line_of(&text, &format!("\"{name}\""))), why, "move it to `dependencies`")
        }));
    }
    found
}

/// The package of these that a server cannot do without, and what shows it.
fn needed(subject: &Subject, entry: &Entry, script: &str, among: &[String]) -> Option<(String, String)> {
    let words = entry.start.command.iter().chain(&entry.start.loaders);
    let runner = words.into_iter().find(|word| RUNNERS.contains(&word.as_str()) && among.contains(word));
    if let Some(runner) = runner {
        return Some((runner.clone(), "its command".into()));
    }
    let import = imports::of_node(subject, script, among)?;
    Some((import.package, format!("`{}` line {}", import.file, import.line)))
}

/// The packages of a lock of npm, each by its place in the tree.
fn locked(subject: &Subject, manifest: &Manifest) -> Option<Map<String, Value>> {
    let text = subject.text(&manifest.label).filter(|_| manifest.format == Format::NpmLock)?;
    serde_json::from_slice::<Value>(text.as_bytes()).ok()?.get("packages")?.as_object().cloned()
}

fn node_manifests(subject: &Subject) -> Vec<(&Environment, &Manifest)> {
    let used = subject.used().into_iter().filter(|environment| environment.runtime() == Some(Runtime::Node));
    used.filter_map(|environment| Some((environment, environment.manifest.as_ref().ok()?))).collect()
}

pub fn install_scripts(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for (environment, manifest) in node_manifests(subject) {
        let Some(packages) = locked(subject, manifest) else { continue };
        let builds = |(path, package): (&String, &Value)| {
            let name = path.rsplit("node_modules/").next().filter(|name| !name.is_empty())?;
            let is = |key: &str| package[key].as_bool() == Some(true);
            let is_meant = is("hasInstallScript") && !is("dev") && !is("optional") && !is("devOptional");
            (is_meant && !HARMLESS.contains(&name) && !is_allowed(&environment.settings.scripts, name))
                .then(|| name.to_owned())
        };
        let mut names: Vec<String> = packages.iter().filter_map(builds).collect();
        names.dedup();
        let Some(first) = names.first() else { continue };
        let line = line_of(&subject.text(&manifest.label).unwrap_or_default(), &format!("node_modules/{first}\""));
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let why = format!(
            "{list}: packages that build or fetch a part of themselves when they are installed, and neither the host nor plugdeps lets them"
        );
        let names = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        found.push(Spot::new(
            (&manifest.label, line),
            why,
            format!("write `scripts = [{names}]` in `plugdeps.toml`, or use packages without"),
        ));
    }
    found
}

fn is_allowed(scripts: &Scripts, name: &str) -> bool {
    match scripts {
        Scripts::Off => false,
        Scripts::All => true,
        Scripts::Of(names) => names.iter().any(|allowed| allowed == name),
    }
}

pub fn lock_outdated(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for environment in subject.used() {
        let Ok(manifest) = &environment.manifest else { continue };
        if let Some(note) = provenance::note(&subject.root, environment) {
            found.push(Spot::new((&manifest.label, 1), note, "run `plugdeps lock` and commit what it writes"));
        }
        found.extend(match manifest.format {
            Format::NpmLock => npm_outdated(subject, environment, manifest),
            Format::UvLock => uv_outdated(manifest),
            _ => None,
        });
    }
    found
}

/// npm writes into the lock what `package.json` asked for.
fn npm_outdated(subject: &Subject, environment: &Environment, manifest: &Manifest) -> Option<Spot> {
    let packages = locked(subject, manifest)?;
    let locked = packages.get("")?;
    let (label, package) = package(subject, &environment.directory)?;
    let wanted = package["dependencies"].as_object()?;
    let (name, range) = wanted.iter().find(|(name, range)| locked["dependencies"][name.as_str()] != **range)?;
    let line = line_of(&subject.text(&label).unwrap_or_default(), &format!("\"{name}\""));
    let of_lock =
        locked["dependencies"][name.as_str()].as_str().map_or("nothing".to_owned(), |range| format!("`{range}`"));
    let why =
        format!("it asks for `{name}` {range}, and `{}` has {of_lock} for it: `npm ci` refuses that", manifest.label);
    Some(Spot::new((&label, line), why, "run `npm install --package-lock-only` and commit the lock"))
}

/// Every package that the project names is in the lock.
fn uv_outdated(manifest: &Manifest) -> Option<Spot> {
    let locked: BTreeSet<String> = (manifest.items().iter())
        .map(|item| normalised_name(item.text.split("==").next().unwrap_or_default()))
        .collect();
    let project = manifest.ruling_project().or(manifest.project())?;
    let items = project.requirements(&manifest.extras, &manifest.groups).ok()?;
    let missing = items.into_iter().find(|item| {
        let named = Named::parse(&item.text);
        !named.name.is_empty() && named.marker.is_none() && !locked.contains(&named.normalised_name())
    })?;
    let why = format!("`{}` is not in `{}`, which is installed as it is", missing.text, manifest.label);
    Some(Spot::new((&missing.file, missing.line), why, "run `uv lock` and commit the lock"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::finds;

    #[test]
    fn a_module_is_told_by_its_package_or_by_its_text() {
        let server = |program: &str, file: &str| {
            let args = [format!("${{CLAUDE_PLUGIN_ROOT}}/{file}")];
            let env = serde_json::json!({ "NODE_PATH": "${CLAUDE_PLUGIN_DATA}/node_modules" });
            let server = serde_json::json!({ "command": program, "args": args, "env": env });
            serde_json::json!({ "mcpServers": { "s": server } }).to_string()
        };
        let import = "import { z } from \"zod\";\n";
        for (program, file, text, package, count) in [
            ("node", "s.js", import, "{ \"type\": \"module\" }", 1),
            ("node", "s.js", import, "{}", 1),
            ("node", "s.js", "const { z } = require(\"zod\");\n", "{}", 0),
            ("node", "s.js", import, "{ \"type\": \"commonjs\" }", 0),
            ("bun", "s.js", import, "{}", 0),
            ("tsx", "s.ts", import, "{}", 0),
        ] {
            finds(
                "esm-node-path",
                count,
                &[(".mcp.json", &server(program, file)), (file, text), ("package.json", package)],
            );
        }
        finds("esm-node-path", 1, &[(".mcp.json", &server("node", "s.js")), ("s.js", import)]);
    }
}
