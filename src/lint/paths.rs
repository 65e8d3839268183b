//! Rules of paths and variables in what the host reads.

use super::Spot;
use super::entries::{Entry, Text};
use super::hook_rules::installed_from_session;
use super::invalid::is_file;
use super::subject::Subject;
use super::variables::{DATA, ROOT, braced, in_plugin, of_shell, plain};
use crate::fs;
use crate::hooks::DESCRIPTION;
use crate::old_form::{Way, environment_of, of_command};
use crate::shell_line::Command;
use std::path::Path;

/// What the host sets itself.
const OF_HOST: [&str; 3] = ["CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA", "CLAUDE_PROJECT_DIR"];
/// What is set on every machine.
const USUAL: [&str; 8] = ["HOME", "USER", "PATH", "PWD", "SHELL", "LANG", "TMPDIR", "USERPROFILE"];
/// What other hosts have, and this one leaves as it is.
const OF_OTHERS: [&str; 7] =
    ["workspaceFolder", "workspaceRoot", "extensionPath", "__dirname", "pluginRoot", "pluginDir", "userHome"];

/// Every text that the host expands for a server, with what it is.
fn texts(entry: &Entry) -> impl Iterator<Item = &Text> {
    entry.words.iter().chain(entry.env.iter().map(|(_, value)| value))
}

pub fn root_with_default(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        for text in texts(entry) {
            let own = braced(&text.text).into_iter().find(|v| v.default.is_some() && OF_HOST[..2].contains(&v.name));
            found.extend(own.map(|variable| {
                let default = variable.default.unwrap_or_default();
                let why = format!(
                    "the host knows `${{{0}}}` and nothing else: `${{{0}:-{default}}}` becomes `{default}` everywhere",
                    variable.name
                );
                Spot::new((&entry.file, text.line), why, format!("write `${{{}}}`", variable.name))
            }));
        }
    }
    found
}

pub fn unexpanded(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        let as_it_is = |form: &str| {
            format!("no shell reads this: the server `{}` gets {} as it is written", entry.name, shown(form))
        };
        for text in entry.plain_texts().chain(entry.env.iter().map(|(_, value)| value)) {
            let place = (entry.file.as_str(), text.line);
            found.extend(of_shell(&text.text).map(|form| Spot::new(place, as_it_is(&form), instead(&form))));
            found.extend(nested(place, &text.text));
        }
        found.extend(texts(entry).filter_map(|text| foreign(subject, &entry.file, text)));
    }
    for remote in &subject.remotes {
        for text in &remote.texts {
            // `Bearer $token`
            let last = text.text.rsplit(' ').next().unwrap_or_default();
            found.extend(of_shell(&text.text).or_else(|| of_shell(last)).map(|form| {
                let (quoted, name) = (shown(&form), &remote.name);
                let why = format!("no shell reads this: {quoted} is sent to the server `{name}` as it is written");
                Spot::new((&remote.file, text.line), why, instead(&form))
            }));
            found.extend(nested((&remote.file, text.line), &text.text));
            found.extend(foreign(subject, &remote.file, text));
        }
    }
    found
}

/// In backticks, and once.
fn shown(form: &str) -> String {
    if form.starts_with('`') { form.to_owned() } else { format!("`{form}`") }
}

/// What to write for a form that only a shell expands.
fn instead(form: &str) -> String {
    let name = form.trim_matches(['$', '%', '~', '`', '(', ')']);
    match name {
        "" => "write `${HOME}`".to_owned(),
        "pwd" => "write `${PWD}`".to_owned(),
        _ if form.contains(['(', '`']) => {
            "have the server find it out, or a script of the plugin that starts it".to_owned()
        }
        _ => format!("write `${{{name}}}`"),
    }
}

/// A variable in the default of another. What the host itself knows it has put in before.
fn nested(place: (&str, usize), text: &str) -> Option<Spot> {
    braced(text).into_iter().find_map(|variable| {
        let (_, inner) = variable.default?.split_once("${")?;
        let inner = inner.split(":-").next().unwrap_or_default();
        let is_known = OF_HOST.contains(&inner) || inner.starts_with("user_config.");
        let why = format!(
            "to the host `${{{0}:-…` ends at the first `}}`: with `{0}` set the last `}}` is left over, and without it \
             `${{{inner}}}` stays as it is written",
            variable.name
        );
        (!is_known).then(|| Spot::new(place, why, "write a default without a variable, or leave it to the server"))
    })
}

/// A variable of another host, or a setting that the plugin does not ask for.
fn foreign(subject: &Subject, file: &str, text: &Text) -> Option<Spot> {
    let place = (file, text.line);
    braced(&text.text).into_iter().find_map(|variable| {
        if OF_OTHERS.contains(&variable.name) {
            let why =
                format!("the host does not know `${{{0}}}`, and the server gets it as it is written", variable.name);
            return Some(Spot::new(place, why, format!("write `{ROOT}` for the plugin's directory")));
        }
        let setting = variable.name.strip_prefix("user_config.")?;
        let why = format!("`userConfig` of `plugin.json` has no `{setting}`, so the server gets this as it is written");
        (!subject.settings.iter().any(|known| known == setting))
            .then(|| Spot::new(place, why, format!("add `{setting}` to `userConfig`")))
    })
}

pub fn unset_variable(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        for text in texts(entry) {
            let is_unknown = |name: &str| {
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                is_name && !name.is_empty() && ![&OF_HOST[..], &USUAL, &OF_OTHERS].concat().contains(&name)
            };
            let own = braced(&text.text).into_iter().find(|v| v.default.is_none() && is_unknown(v.name));
            found.extend(own.map(|variable| {
                let name = variable.name;
                let why = format!("where `{name}` is not set, the server `{}` gets the text `${{{name}}}`", entry.name);
                Spot::new(
                    (&entry.file, text.line),
                    why,
                    format!("write `${{{name}:-}}`, and have the server say what is missing"),
                )
            }));
        }
    }
    found
}

pub fn overridden_root(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for entry in &subject.entries {
        for name in &OF_HOST[..2] {
            let other = entry.variable(name).filter(|value| value.text != format!("${{{name}}}"));
            found.extend(other.map(|value| {
                let why =
                    format!("the host sets `{name}` itself, and this takes its place for the server `{}`", entry.name);
                Spot::new((&entry.file, value.line), why, "remove the line")
            }));
        }
    }
    found
}

/// The home of a person, or a Windows drive's.
fn personal(text: &str) -> bool {
    let text = text.trim_start_matches(['"', '\'']);
    let below = |start: &str| text.strip_prefix(start).is_some_and(|rest| rest.split('/').next().is_some_and(is_user));
    let windows = text.get(1..).is_some_and(|rest| rest.replace('\\', "/").starts_with(":/Users/"));
    below("/Users/") || below("/home/") || windows
}

/// Not what stands for any user.
fn is_user(name: &str) -> bool {
    !name.is_empty() && !["user", "you", "username", "linuxbrew", "Shared", "<user>"].contains(&name)
}

pub fn absolute_path(subject: &Subject) -> Vec<Spot> {
    let fix = format!("name files of the plugin from `{ROOT}`, and programs without a directory");
    let of_author = |text: &str| format!("`{text}` is a path of its author's machine");
    let mut found = Vec::new();
    for entry in &subject.entries {
        for text in texts(entry).filter(|text| text.text.split(['=', ' ', ':']).any(personal) || personal(&text.text)) {
            found.push(Spot::new((&entry.file, text.line), of_author(&text.text), fix.clone()));
        }
        let program = entry.words.first().filter(|word| is_somewhere(&word.text) && !personal(&word.text));
        found.extend(program.map(|word| {
            let why = format!("`{}` lies elsewhere on other machines", word.text);
            Spot::new((&entry.file, word.line), why, fix.clone())
        }));
        let is_told = |script: &str| personal(script) || program.is_some_and(|word| word.text == script);
        let script = entry.start.script.as_deref().filter(|script| is_of_author(script) && !is_told(script));
        found.extend(script.map(|script| Spot::new(entry.place_of(script), of_author(script), fix.clone())));
    }
    for hook in &subject.hooks {
        let path = path_of_author(&hook.commands());
        found.extend(path.map(|path| Spot::new((&hook.file, hook.line), of_author(&path), fix.clone())));
    }
    found
}

/// The first path in a hook that is not there for others. What the hook looks for first may be missing.
fn path_of_author(commands: &[Command]) -> Option<String> {
    let is_test = |command: &&Command| ["[", "[[", "test"].contains(&command.program());
    let tested: Vec<&String> = commands.iter().filter(is_test).flat_map(|command| &command.words).collect();
    let scripts = commands.iter().filter_map(|command| of_command(command).script);
    let scripts = scripts.filter(|script| is_of_author(script) && !tested.contains(&script));
    commands.iter().flat_map(|command| &command.words).filter(|word| personal(word)).cloned().chain(scripts).next()
}

/// A script by its full path, where no system and no package has it.
fn is_of_author(path: &str) -> bool {
    let endings = [".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".sh", ".rb", ".pl"];
    let usual = ["/usr/", "/etc/", "/bin/", "/sbin/", "/lib/", "/tmp/", "/dev/", "/proc/"];
    let is_drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    let of_windows = ["windows", "program files"].iter().any(|part| path.to_lowercase().contains(part));
    let is_full =
        path.starts_with('/') && !usual.iter().any(|start| path.starts_with(start)) || is_drive && !of_windows;
    is_full && endings.iter().any(|ending| path.ends_with(ending))
}

/// A program in a directory that is not on every machine.
fn is_somewhere(program: &str) -> bool {
    let usual = ["/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/python3", "/bin/zsh"];
    program.starts_with('/') && !usual.contains(&program)
}

/// The words of a server that name files of the plugin's own to start: the program, if it is a path, and the script.
fn started(entry: &Entry) -> Vec<String> {
    let start = &entry.start;
    let mut named: Vec<String> = start.script.iter().cloned().collect();
    let program = &start.program;
    if program.contains(['/', '\\']) && environment_of(program).is_none() {
        named.push(program.clone());
    }
    named.dedup();
    named
}

pub fn relative_path(subject: &Subject) -> Vec<Spot> {
    let mut named = Vec::new();
    for entry in &subject.entries {
        named.extend(started(entry).into_iter().map(|path| (entry.place_of(&path), entry.cwd.is_some(), path)));
    }
    for hook in &subject.hooks {
        let scripts = hook.commands().into_iter().filter_map(|command| of_command(&command).script);
        named.extend(scripts.map(|path| ((hook.file.as_str(), hook.line), false, path)));
    }
    let relative = named.into_iter().filter(|(.., path)| is_relative(path));
    let started = relative.filter_map(|(place, is_meant, path)| from_session(subject, place, is_meant, &path));
    started.chain(installed_from_session(subject)).collect()
}

pub fn is_relative(path: &str) -> bool {
    !path.starts_with(['/', '$', '~', '%']) && path.as_bytes().get(1) != Some(&b':')
}

/// A path that is seen from the session's directory, and is meant to be one of the plugin's.
fn from_session(subject: &Subject, place: (&str, usize), is_meant: bool, path: &str) -> Option<Spot> {
    let plain = plain(&path.replace('\\', "/"))?;
    let is_here = fs::is_taken(&subject.root.join(&plain)) || is_built(subject, &plain);
    let why = format!("the host starts it in the session's directory, where there is no `{path}`");
    (is_here || is_meant && path.contains('/')).then(|| Spot::new(place, why, format!("write `{ROOT}/{plain}`")))
}

/// What a plugin with a `package.json` builds, whether it ships that or not.
fn is_built(subject: &Subject, path: &str) -> bool {
    ["dist/", "build/", "out/"].iter().any(|start| path.starts_with(start)) && subject.ships("package.json")
}

/// Files of the plugin that `plugin.json` names, and those that servers and hooks start, each with its place, and whether it
/// is the program itself.
fn named_files(subject: &Subject) -> Vec<(String, (&str, usize), bool)> {
    let named = subject.files.iter().filter(|file| file.text.starts_with('.') && is_file(&file.text));
    let mut found: Vec<_> = named.map(|file| (file.text.clone(), (DESCRIPTION, file.line), false)).collect();
    for entry in &subject.entries {
        let program = entry.start.program.as_str();
        for path in started(entry).into_iter().filter_map(|path| Some((in_plugin(&path)?, path))) {
            found.push((path.0, entry.place_of(&path.1), path.1 == program));
        }
    }
    for hook in &subject.hooks {
        for command in hook.commands() {
            let start = of_command(&command);
            let is_checked = matches!(start.way, Way::Program | Way::Shell | Way::Python | Way::Node | Way::Plugdeps);
            let path = start.script.as_deref().filter(|_| is_checked).and_then(in_plugin);
            let is_program = start.script.as_deref() == command.words.first().map(String::as_str);
            found.extend(path.map(|path| (path, (hook.file.as_str(), hook.line), is_program)));
        }
    }
    found
}

pub fn outside_plugin(subject: &Subject) -> Vec<Spot> {
    let outside = named_files(subject).into_iter().filter(|(path, ..)| plain(path).is_none());
    let why = |path: &str| format!("`{ROOT}/{path}` lies above the plugin: a host copies the plugin's directory alone");
    outside.map(|(path, place, _)| Spot::new(place, why(&path), "move the file into the plugin's directory")).collect()
}

pub fn missing_file(subject: &Subject) -> Vec<Spot> {
    let files = named_files(subject).into_iter().filter_map(|(path, place, _)| Some((plain(&path)?, place)));
    let missing = files.filter(|(path, _)| !subject.ships(path) && !is_elsewhere(subject, path));
    missing
        .map(|(path, place)| {
            let is_here = fs::is_taken(&subject.root.join(&path));
            let state = if is_here { "git ignores it" } else { "there is none" };
            let fix = match path.as_str() {
                _ if is_here => "commit it",
                _ if path.ends_with(".json") => "write it, or name one that is there",
                _ => "commit what is to be started, built if it has to be built",
            };
            Spot::new(place, format!("`{path}` does not reach the users: {state}"), fix)
        })
        .collect()
}

/// Windows starts `x.exe` for `x`; what an environment or packages bring is another rule's.
fn is_elsewhere(subject: &Subject, path: &str) -> bool {
    let exe = subject.ships(&format!("{path}.exe"));
    exe || path.split('/').any(|part| part == "node_modules" || part.contains("venv"))
}

pub fn not_executable(subject: &Subject) -> Vec<Spot> {
    let programs = named_files(subject).into_iter().filter(|(.., is_program)| *is_program);
    let programs = programs.filter_map(|(path, place, _)| Some((plain(&path)?, place)));
    let closed = programs.filter(|(path, _)| {
        let path = subject.root.join(path);
        fs::is_file(&path) && !fs::is_executable(&path) && !is_windows(&path)
    });
    closed
        .map(|(path, place)| {
            let fix = format!("`git update-index --chmod=+x {path}`, or start it by its interpreter");
            Spot::new(place, format!("`{path}` may not be executed: it ends with status 126"), fix)
        })
        .collect()
}

fn is_windows(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["exe", "cmd", "bat", "ps1"].iter().any(|known| ending == *known))
}

pub fn cwd_ignored(subject: &Subject) -> Vec<Spot> {
    let with = subject.entries.iter().filter_map(|entry| Some((entry, entry.cwd.as_ref()?)));
    with.map(|(entry, cwd)| {
        let why = format!("the host ignores `cwd`: the server `{}` is started in the session's directory", entry.name);
        let fix = format!("remove it, and name files from `{ROOT}` or `{DATA}`");
        Spot::new((&entry.file, cwd.line), why, fix)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, hook, server};

    #[test]
    fn what_the_host_does_not_expand_is_found_in_arguments_variables_addresses_and_headers() {
        let local = |value: &str| serde_json::json!({ "command": "node", "args": ["x.js"], "env": { "A": value } });
        let argument = |value: &str| serde_json::json!({ "command": "node", "args": ["x.js", value] });
        let address = |value: &str| serde_json::json!({ "type": "http", "url": format!("https://h.example/{value}") });
        let header = |value: &str| serde_json::json!({ "type": "http", "url": "https://h.example", "headers": { "A": format!("Bearer {value}") } });
        let servers = |server: &serde_json::Value| serde_json::json!({ "mcpServers": { "s": server } }).to_string();
        for (value, count) in [
            ("$TOKEN", 1),
            ("$token", 1),
            ("$(pwd)", 1),
            ("${workspaceFolder}", 1),
            ("${A:-${B}}", 1),
            ("${TOKEN}", 0),
            ("${TOKEN:-}", 0),
            ("${A:-${CLAUDE_PLUGIN_ROOT}}", 0),
            ("a%2Fb%2Fc", 0),
        ] {
            for server in [local(value), argument(value), header(value)] {
                finds("unexpanded", count, &[(".mcp.json", &servers(&server))]);
            }
            // `$select` is a word of some services.
            let count = if value == "$token" { 0 } else { count };
            finds("unexpanded", count, &[(".mcp.json", &servers(&address(value)))]);
        }
        let code = serde_json::json!({ "command": "node", "args": ["-e", "$(a); `b`; $NAME"] });
        finds("unexpanded", 0, &[(".mcp.json", &servers(&code))]);
    }

    #[test]
    fn a_script_by_a_full_path_is_found_where_only_its_author_has_it() {
        for (words, count) in [
            (["python3", "/opt/tools/x.py"], 1),
            (["node", "/srv/tools/x.js"], 1),
            (["bash", "/srv/x.sh"], 1),
            (["python", "D:\\tools\\x.py"], 1),
            (["python3", "/home/ann/x.py"], 1),
            (["/opt/tools/x.py", ""], 1),
            (["python3", "/usr/lib/x/x.py"], 0),
            (["cat", "/opt/tools/x.py"], 0),
            (["node", "${CLAUDE_PLUGIN_ROOT}/x.js"], 0),
        ] {
            finds("absolute-path", count, &[(".mcp.json", &server(&words))]);
        }
        finds("absolute-path", 0, &[(".mcp.json", &server(&["docker", "run", "-i", "a", "python", "/app/x.py"]))]);
        for (line, count) in [
            ("python3 /opt/tools/x.py", 1),
            ("python3 'D:\\tools\\x.py'", 1),
            ("cd /tmp && /srv/x.sh", 1),
            ("[ -f /opt/tools/x.py ] && python3 /opt/tools/x.py", 0),
            ("/usr/bin/env true >/dev/null; sh /etc/x.sh", 0),
            ("python3 x.py /opt/tools/x.py", 0),
        ] {
            finds("absolute-path", count, &[("hooks/hooks.json", &hook(line))]);
        }
    }

    #[test]
    fn a_variable_without_a_default_is_found_beside_one_that_has_it() {
        for (value, count) in [("${HOST:-x}/${TOKEN}", 1), ("${HOST:-x}/${TOKEN:-}", 0), ("${A:-${B}}", 0)] {
            let servers = serde_json::json!({ "mcpServers": { "s": { "command": "x", "env": { "A": value } } } });
            finds("unset-variable", count, &[(".mcp.json", &servers.to_string())]);
        }
    }
}
