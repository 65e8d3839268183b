//! `docs/cli.md`, executed: each command with each of its flags, each exit status, each format, each key and field is
//! tried as it is told there, and what is tried here is all that is told.

use crate::support::document::{codes, rows, section, text};
use crate::support::*;
use plugdeps::config::Config;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

const PAGE: &str = "cli.md";

/// The names of the commands, in the order of their headings.
fn commands() -> Vec<String> {
    let page = text(PAGE);
    let commands = section(&page, "## Commands");
    let headings = commands.lines().filter_map(|line| line.strip_prefix("### `"));
    headings.map(name_of).filter(|name| !name.starts_with('-')).collect()
}

/// The name of the command in what is typed; `--all` makes another one of it.
fn name_of(typed: &str) -> String {
    let mut words = typed.split(['`', ',', ' ']);
    let name = words.next().unwrap();
    if words.next() == Some("--all") { format!("{name} --all") } else { name.to_owned() }
}

/// A plugin and what was tried of it: the words, and how it ended.
struct Tried {
    world: World,
    ended: Vec<(Vec<String>, i32)>,
}

impl Tried {
    fn new() -> Self {
        Self { world: World::new(Installer::Uv), ended: Vec::new() }
    }

    /// The author's program with these words, on the plugin that `--root` names.
    fn cmd(&self, words: &[&str], root: &Path) -> Cmd {
        let (command, rest) = words.split_first().unwrap();
        let cmd = self.world.plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).arg(command);
        cmd.arg("--root").arg(root).arg("--data").arg(&self.world.plugin.data).args(rest)
    }

    /// Tries it and keeps how it ended.
    #[track_caller]
    fn ends(&mut self, status: i32, words: &[&str]) -> Output {
        let cmd = self.cmd(words, &self.world.plugin.root.clone());
        self.ends_so(status, words, cmd)
    }

    #[track_caller]
    fn ends_so(&mut self, status: i32, words: &[&str], cmd: Cmd) -> Output {
        let words: Vec<_> = words.iter().copied().chain(["--root", "--data"]).collect();
        self.keep(status, &words, cmd)
    }

    #[track_caller]
    fn keep(&mut self, status: i32, words: &[&str], cmd: Cmd) -> Output {
        let output = cmd.run();
        output.exits(status);
        self.ended.push((words.iter().copied().map(str::to_owned).collect(), status));
        output
    }

    fn write(&self, path: &str, text: &str) {
        self.world.plugin.write(path, text);
    }

    fn statuses(&self, command: &str) -> BTreeSet<i32> {
        self.ended.iter().filter(|(words, _)| name_of(&words.join(" ")) == command).map(|(_, status)| *status).collect()
    }

    fn has(&self, command: &str, flag: &str) -> bool {
        let is_it = |words: &[String]| name_of(&words.join(" ")) == command && words.iter().any(|word| word == flag);
        self.ended.iter().any(|(words, _)| is_it(words))
    }
}

/// For whoever uses a plugin, from its first start on.
fn for_users(tried: &mut Tried) {
    tried.ends(10, &["check", "--json"]);
    tried.ends(14, &["env"]);
    ends_by_a_signal(tried);
    tried.ends(7, &["run", "--environment", "main", "python", "-c", "exit(7)"]);
    tried.ends(127, &["run", "--", "no-such"]);
    let server = tried.world.plugin.root.join("server.py");
    tried.ends(126, &["run", "--", server.to_str().unwrap()]);
    tried.ends(0, &["sync", "--environment", "main", "--rebuild"]);
    tried.ends(0, &["check"]);
    tried.ends(0, &["env", "--environment", "main", "--format", "json"]);
    tried.ends(0, &["prune", "--environment", "main"]);
    let prune = tried.cmd(&["prune"], &tried.world.plugin.root).env("PLUGDEPS_FAULT", "no-locks");
    tried.ends_so(1, &["prune"], prune);
    tried.ends(0, &["session-start"]).silent();
    tried.ends(2, &["session-start", "--strict"]);
    failing(tried);
}

/// Below a go-between, which there is in a first start that a client talks to.
fn ends_by_a_signal(tried: &mut Tried) {
    let words = ["run", "--", "sh", "-c", "kill -TERM $$"];
    let status = greeted(tried, &words);
    tried.ended.push((words.map(str::to_owned).into(), status));
}

/// How a server ends that was greeted.
fn greeted(tried: &Tried, words: &[&str]) -> i32 {
    let mut server = McpClient::spawn(tried.cmd(words, &tried.world.plugin.root).into_command());
    server.begin("initialize", serde_json::json!({ "protocolVersion": "2025-11-25", "capabilities": {} }));
    server.wait(Duration::from_secs(60)).code().unwrap()
}

/// The same where something is wrong.
fn failing(tried: &mut Tried) {
    tried.write("requirements.txt", "alpha==9.0\n");
    tried.ends(9, &["sync"]);
    tried.ends(0, &["session-start"]);
    tried.world.needs("alpha==1.0");
    tried.write("plugdeps.toml", "python = '/no/such/python'\n");
    tried.ends(11, &["check"]);
    tried.write("plugdeps.toml", "pythn = 3\n");
    tried.ends(5, &["check"]);
    tried.ends(5, &["run", "--", "python", "-V"]);
    tried.ends(5, &["lint"]);
    fs::remove_file(tried.world.plugin.root.join("plugdeps.toml")).unwrap();
    let nowhere = tried.world.plugin.project.clone();
    tried.ends_so(3, &["check"], tried.cmd(&["check"], &nowhere));
    tried.ends_so(3, &["lint"], tried.cmd(&["lint"], &nowhere.join("x")));
    let inside = tried.world.plugin.data.clone();
    tried.ends_so(4, &["check"], tried.cmd(&["check"], inside.parent().unwrap()));
    let odd = tried.world.plugin.home.join("odd");
    fs::create_dir_all(odd.join(".claude-plugin/plugin.json")).unwrap();
    tried.ends_so(1, &["check"], tried.cmd(&["check"], &odd));
}

/// For authors.
fn for_authors(tried: &mut Tried) {
    tried.ends(0, &["lint", "--strict", "--format", "github"]);
    tried.ends(16, &["lock", "--check"]);
    tried.ends(0, &["lock", "--environment", "main"]);
    tried.ends(0, &["lock", "--check"]);
    tried.ends(0, &["bundle", "--platform", "linux-x64", "--python", "3.12"]);
    tried.ends(0, &["snapshot", "--environment", "main"]);
    tried.ends(15, &["snapshot", "--", "python", "-c", ""]);
    fs::remove_file(tried.world.plugin.root.join(".mcp.json")).unwrap();
    tried.ends(2, &["snapshot"]);
    tried.write(".mcp.json", r#"{ "mcpServers": { "s": { "command": "node", "args": ["./x.js"] } } }"#);
    tried.write("x.js", "");
    tried.ends(18, &["lint", "--json"]);
    tried.ends(0, &["completions", "bash"]);
    tried.ends(2, &["completions", "bsh"]);
    tried.ends(0, &["man"]);
    for_every_plugin(tried);
    wiring(tried);
}

/// On a machine where the host has no plugin, then this one, then a list that nobody can read.
fn for_every_plugin(tried: &mut Tried) {
    let host = tried.world.plugin.home.join(".claude/plugins");
    let write = |path: &str, text: &str| {
        let path = host.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let record = serde_json::json!({ "scope": "user", "installPath": tried.world.plugin.root, "version": "1.0.0" });
    let list = serde_json::json!({ "version": 2, "plugins": { "tiny@m": [record] } }).to_string();
    let every = |tried: &Tried, words: &[&str]| {
        tried.world.plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).args(words.iter().copied())
    };
    let ends = |tried: &mut Tried, status, words: &[&str]| {
        let cmd = every(tried, words);
        tried.keep(status, words, cmd);
    };
    let look = ["check", "--all", "--json"];
    ends(tried, 0, &look);
    write("installed_plugins.json", &list);
    ends(tried, 10, &look);
    tried.write("plugdeps.toml", "python = '/no/such/python'\n");
    ends(tried, 11, &look);
    fs::remove_file(tried.world.plugin.root.join("plugdeps.toml")).unwrap();
    write("data/gone-m/plugdeps/main/lock", "");
    ends(tried, 0, &["prune", "--all", "--dry-run"]);
    ends(tried, 17, &["prune", "--all"]);
    ends(tried, 0, &["prune", "--all", "--yes"]);
    write("installed_plugins.json", "{");
    ends(tried, 1, &look);
    let homeless = every(tried, &look).env_remove("HOME");
    tried.keep(3, &look, homeless);
}

fn wiring(tried: &mut Tried) {
    tried.write(
        ".mcp.json",
        r#"{ "mcpServers": { "s": { "command": "python3", "args": ["${CLAUDE_PLUGIN_ROOT}/server.py"] } } }"#,
    );
    let program = tried.world.plugin.home.join("program");
    executable(&program, "#!/bin/sh\n");
    let program = program.to_str().unwrap();
    tried.ends(17, &["init"]);
    tried.ends(0, &["init", "--dry-run", "--binary", program, "--dir", "bin"]);
    tried.ends(0, &["init", "--yes"]);
    tried.ends(0, &["init", "--undo", "--yes"]);
}

/// The exit statuses that are told of a command; of a span its ends.
fn told(command: &str) -> (Vec<i32>, Option<(i32, i32)>) {
    let page = text(PAGE);
    let commands = section(&page, "## Commands");
    let heading = commands.lines().find(|line| line.starts_with(&format!("### `{command}")));
    let own = section(commands, heading.unwrap());
    let told = own.split("\nExit status: ").nth(1).unwrap_or_else(|| panic!("no exit status of `{command}`"));
    let told = told.split("\n\n").next().unwrap().replace('\n', " ");
    let numbers = |text: &str| -> Vec<i32> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    };
    let span = told.split(" to ").collect::<Vec<_>>();
    let span = span.windows(2).find_map(|pair| Some((*numbers(pair[0]).last()?, *numbers(pair[1]).first()?)));
    let span = span.filter(|(from, to)| told.contains(&format!("{from} to {to}")));
    (numbers(&told), span)
}

#[test]
fn each_command_with_each_flag_ends_with_each_status_that_the_reference_tells() {
    let mut tried = Tried::new();
    for_users(&mut tried);
    for_authors(&mut tried);
    for command in commands() {
        let (told, span) = told(&command);
        let ended = tried.statuses(&command);
        for status in told {
            let is_tried = ended.contains(&status)
                || status == 128 && ended.iter().any(|ended| *ended > 128)
                || span.is_some_and(|(from, to)| {
                    (status == from || status == to) && ended.iter().any(|ended| (from..=to).contains(ended))
                });
            assert!(is_tried, "`{command}` is not tried to exit with {status}, only with {ended:?}");
        }
    }
    flags_are_tried(&tried);
}

/// Each flag is tried with each command that it is told to be for, and refused by each other.
fn flags_are_tried(tried: &Tried) {
    let page = text(PAGE);
    for row in rows(section(&page, "## Flags")) {
        let own: Vec<String> = match row[1].as_str() {
            "all, not with `--all`" => commands().into_iter().filter(|name| !name.ends_with("--all")).collect(),
            some => codes(some).into_iter().map(str::to_owned).collect(),
        };
        for code in codes(&row[0]) {
            let (flag, value) = code.split_once([' ', '[']).unwrap_or((code, ""));
            for command in commands() {
                // It makes another command of these.
                if flag == "--all" && commands().iter().any(|other| name_of(&format!("{command} --all")) == *other) {
                    continue;
                }
                if own.contains(&command) {
                    assert!(tried.has(&command, flag), "`{command} {flag}` is not tried");
                } else if flag != "--check" {
                    let value = (!value.is_empty()).then_some("x");
                    let words = command.split(' ').chain([flag]).chain(value);
                    let refused = tried.world.plugin.bare_command(env!("CARGO_BIN_EXE_plugdeps")).args(words).run();
                    refused.exits(2).stderr_has("it means nothing to this command");
                }
            }
        }
    }
}

#[test]
fn the_help_and_the_reference_name_the_same_commands_and_flags() {
    let plugin = Plugin::new("x");
    let help = plugin.command(["--help"]).run().ok().stdout.clone();
    for word in ["-h", "help"] {
        plugin.command([word]).run().ok().stdout_is(&help);
    }
    for word in ["-V", "--version"] {
        plugin.command([word]).run().ok().stdout_is(concat!("plugdeps ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let page = text(PAGE);
    let of_help: BTreeSet<_> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(name_of)
        .collect();
    let commands = commands();
    assert_eq!(of_help, commands.into_iter().collect());
    let flag = |word: &str| word.trim_end_matches([',', ':', '.', ']', '`', ')']).to_owned();
    let flags = |text: &str| -> BTreeSet<String> {
        let words = text.split([' ', '\n', '`', '[', '|']).filter(|word| word.starts_with("--")).map(flag);
        words.filter(|word| word.len() > 2 && !word.starts_with("---")).collect()
    };
    let mut told = flags(section(&page, "## Flags"));
    told.extend(["--help".to_owned(), "--version".to_owned()]);
    assert_eq!(flags(&help), told);
}

#[test]
fn each_format_of_env_removes_variables_as_its_row_says() {
    let tried = Tried::new();
    tried.world.built();
    let page = text(PAGE);
    let formats = rows(section(section(&page, "## Commands"), "### `env`"));
    assert_eq!(formats.len(), 6);
    for row in formats {
        let format = codes(&row[0])[0];
        let said = tried.cmd(&["env", "--format", format], &tried.world.plugin.root).run();
        said.ok().stdout_has("VIRTUAL_ENV").stdout_has("PLUGDEPS_SITE_PACKAGES");
        match codes(&row[2]).first() {
            Some(word) => {
                let line = said.stdout.lines().find(|line| line.contains("PYTHONHOME"));
                assert!(line.is_some_and(|line| line.contains(word)), "`{format}` does not say `{word}`: {said}");
            }
            None => drop(said.stdout_lacks("PYTHONHOME")),
        }
    }
}

/// The names of an object's fields.
fn fields(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Fields that are objects, or arrays of them.
const OBJECTS: [&str; 10] = [
    "root",
    "servers",
    "reason",
    "manifest",
    "interpreter",
    "installer",
    "current",
    "not_started",
    "lock",
    "last_failure",
];

/// A plugin of which there is something to say in every field.
fn eventful() -> Tried {
    let tried = Tried::new();
    tried.write(".mcp.json", r#"{ "mcpServers": { "c": { "command": "docker", "args": ["run", "-i", "image"] } } }"#);
    tried.world.built();
    assert_eq!(greeted(&tried, &["run", "--", "python", "-c", "exit(3)"]), 3);
    tried.world.needs("alpha==9.0");
    tried.cmd(&["sync"], &tried.world.plugin.root).run().exits(9);
    tried
}

#[test]
fn the_json_of_check_has_the_fields_that_are_told_and_no_others() {
    let tried = eventful();
    let report = tried.cmd(&["check", "--json"], &tried.world.plugin.root).run().exits(10).json();
    let page = text(PAGE);
    let told = section(&page, "## The JSON of `--check`");
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in rows(told) {
        for field in codes(&row[0]) {
            let (of, name) = field.strip_prefix('.').map_or(("", field), |name| ("environments", name));
            names.entry(of).or_default().insert(name.to_owned());
            let value = if of.is_empty() { &report[name] } else { &report["environments"][0][name] };
            let has = fields(if value.is_array() { &value[0] } else { value });
            let inner: BTreeSet<String> = codes(&row[1]).into_iter().map(str::to_owned).collect();
            let is_told = name == "environments" || has.is_subset(&inner);
            assert!(is_told, "`{field}` has {has:?}, and told is {inner:?}");
            assert!(!has.is_empty() || !OBJECTS.contains(&name), "nothing is known of `{field}`: {report}");
        }
    }
    assert_eq!(fields(&report), names[""]);
    assert_eq!(fields(&report["environments"][0]), names["environments"]);
    let unreadable = tried.cmd(&["check", "--json"], &tried.world.plugin.project).run().exits(3).json();
    let last = told.split("Of a plugin that cannot be read at all: ").nth(1).unwrap();
    let of_it = last.replace("(`cannot-build`)", "");
    assert_eq!(fields(&unreadable), codes(&of_it).into_iter().map(str::to_owned).collect());
}

#[test]
fn each_key_of_the_configuration_is_understood_as_it_is_told_and_there_are_no_others() {
    let tried = Tried::new();
    let page = text(PAGE);
    let mut keys = BTreeSet::new();
    for row in rows(section(&page, "## Configuration")) {
        let key = codes(&row[0])[0].to_owned();
        for example in codes(&row[2]) {
            tried.write("plugdeps.toml", &format!("{key} = {example}\n"));
            let output = tried.cmd(&["check"], &tried.world.plugin.root).run();
            assert!([0, 10, 11].contains(&output.status.code().unwrap()), "`{key} = {example}`: {output}");
        }
        let known = Config::default();
        for (name, default) in [("deadline", known.deadline), ("wait", known.wait)] {
            assert!(
                key != name || codes(&row[1]) == [default.to_string()],
                "`{key}` is {default} where nobody says it"
            );
        }
        keys.insert(key);
    }
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config.rs")).unwrap();
    let arms = source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
    let known: BTreeSet<_> = arms.map(|(key, _)| key.to_owned()).filter(|key| !key.contains('"')).collect();
    keys.retain(|key| !key.contains(['[', '.']));
    let values = ["auto", "uv", "pip", "environments", "lint"];
    assert_eq!(keys, known.into_iter().filter(|key| !values.contains(&key.as_str())).collect());
    let example = section(&page, "## Configuration").split("    deadline = 1800\n").nth(1).unwrap();
    tried.write("plugdeps.toml", &format!("deadline = 1800\n{}", example.replace("\n    ", "\n")));
    tried.cmd(&["check", "--json"], &tried.world.plugin.root).run().exits(11).stdout_has("servers/search");
}

#[test]
fn what_is_set_for_pip_reaches_uv_under_the_name_that_the_table_gives() {
    let tried = Tried::new();
    let plugin = &tried.world.plugin;
    let seen = plugin.temp().join("seen");
    // It makes an empty environment, and puts nothing into it.
    let script = format!(
        "#!/bin/sh\n(env; echo \"$@\") >>'{}'\ncase \"$1\" in --version | venv) exec '{}' \"$@\" ;; esac\nexit 1\n",
        seen.display(),
        tools::uv().display()
    );
    fs::remove_file(plugin.path_dir().join("uv")).unwrap();
    executable(&plugin.path_dir().join("uv"), &script);
    let page = text(PAGE);
    let table = section(&page, "## Environment variables").split("uv does not read pip's settings").nth(1).unwrap();
    for row in rows(table) {
        let [pip, uv] = [codes(&row[0])[0], *codes(&row[1]).first().unwrap()];
        let value = if pip == "PIP_NO_INDEX" { "1" } else { "http://127.0.0.1:9/probe" };
        let sync = tried.cmd(&["sync"], &plugin.root).env_remove("UV_DEFAULT_INDEX").env(pip, value);
        sync.run().exits(9);
        let wanted = if uv.starts_with("--") { uv.to_owned() } else { format!("{uv}={value}") };
        let said = fs::read_to_string(&seen).unwrap();
        assert!(said.contains(&wanted), "`{pip}` does not reach uv as `{wanted}`: {said}");
        fs::remove_file(&seen).unwrap();
    }
}

/// The files of `src/`, as one text.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(root).into_iter().flatten().map(walkdir::DirEntry::into_path);
    files.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

#[test]
fn each_variable_that_is_told_is_read() {
    let page = text(PAGE);
    let sources = sources();
    let is_variable =
        |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c));
    let table = rows(section(&page, "## Environment variables"));
    let told = table.iter().flat_map(|row| codes(&row[0]));
    let named = codes(section(&page, "## Where plugin and data are"));
    for name in told.chain(named).filter(is_variable) {
        assert!(sources.contains(&format!("\"{name}\"")), "nothing reads `{name}`");
    }
}

#[test]
fn each_variable_that_is_read_is_told() {
    let page = text(PAGE);
    let told: BTreeSet<&str> = codes(&page)
        .into_iter()
        .flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .collect();
    let sources = sources();
    let calls = ["var_os(\"", "env::var(\"", "variable(\""];
    let read = calls.iter().flat_map(|call| sources.split(call).skip(1)).filter_map(|rest| rest.split('"').next());
    // A debug build's alone.
    let read: BTreeSet<&str> = read.filter(|name| !name.starts_with("PLUGDEPS_FAULT")).collect();
    assert!(read.contains("NVM_SYMLINK") && read.contains("PATH"), "they are not seen: {read:?}");
    let untold: Vec<_> = read.difference(&told).collect();
    assert!(untold.is_empty(), "`{PAGE}` does not tell that these are read: {untold:?}");
}
