//! Rules of hooks, above all of those that install packages.

use super::Spot;
use super::paths::is_relative;
use super::steps::{Door, Origin, Output, Step};
use super::subject::{Subject, is_our_hook};
use super::variables::DATA;
use crate::hooks::Hook;
use crate::install_line::{Guard, Install, Tool};
use crate::output::in_words;
use crate::requirement_line::Line;

const FIX: &str =
    "have `plugdeps session-start` install, and start servers by `plugdeps run -- …` (`plugdeps init` migrates it)";
const OF_SERVERS: &str = "; servers are started with the hook, not after it, so the first session has none";
/// The longest timeout that is meant in seconds: an hour.
const LONGEST: u64 = 3600;

/// The steps of hooks that install in this way, each with what is wrong, and what more where there are servers.
fn steps(subject: &Subject, is_meant: fn(&Step) -> bool, why: &str) -> Vec<Spot> {
    let meant = subject.hook_steps().filter(|(_, step)| has_packages(step) && is_meant(step));
    let of_servers = if subject.entries.is_empty() { "" } else { OF_SERVERS };
    meant.map(|(_, step)| Spot::new(step.place_of(step.main()), format!("{why}{of_servers}"), FIX)).collect()
}

/// An environment alone is no packages; a directory that is installed is the business of a rule of its own.
fn has_packages(step: &Step) -> bool {
    step.installs.iter().any(|install| install.tool != Tool::Venv)
}

pub fn diff_line(subject: &Subject) -> Vec<Spot> {
    let why = "where the copy is made first, an installation that was killed counts as done, and a second session begins \
               in the middle of it";
    steps(subject, |step| step.guard() == Guard::Diff, why)
}

pub fn exists_guard(subject: &Subject) -> Vec<Spot> {
    let why = "what is there counts as installed: a changed manifest, a new Python and an installation that was killed \
               are not seen";
    steps(subject, |step| step.guard() == Guard::Exists, why)
}

pub fn version_stamp(subject: &Subject) -> Vec<Spot> {
    let why = "a version says nothing of the packages: a changed manifest under the same version is not seen, and each \
               new version installs everything anew";
    steps(subject, |step| step.guard() == Guard::Text, why)
}

pub fn hook_installs(subject: &Subject) -> Vec<Spot> {
    let why = "two sessions install at once, and one that is killed leaves half of the packages";
    let other = |step: &Step| matches!(step.guard(), Guard::None | Guard::Import | Guard::Hash);
    steps(subject, other, why)
}

pub fn installs_itself(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for step in &subject.steps {
        let of_plugin = |install: &&Install| install.directories.iter().any(|directory| is_in_plugin(directory));
        found.extend(step.installs.iter().find(of_plugin).map(|install| {
            let why = "the plugin is installed as a package: after an update its users run the old copy until somebody \
                       installs it again";
            Spot::new(step.place_of(install), why, "install its packages alone, and run its source from where it lies")
        }));
    }
    found.extend(subject.used().into_iter().flat_map(own_lines));
    found
}

/// What a hook or a server installs from where the session began, and means from the plugin: its line goes nowhere before.
pub fn installed_from_session(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for step in subject.steps.iter().filter(|step| step.is_line()) {
        found.extend(step.installs.iter().find_map(|install| Some((install, of_session(subject, install)?))).map(
            |(install, meant)| {
                let why = format!(
                    "it runs in the session's directory, the user's project: it is that project's `{meant}` which is \
                     installed there, if it has one"
                );
                Spot::new(step.place_of(install), why, FIX)
            },
        ));
    }
    found
}

/// The file of the plugin that tells what a line means to install, where the session's directory is looked into.
fn of_session(subject: &Subject, install: &Install) -> Option<String> {
    let is_bare = install.manifests.is_empty() && install.packages.is_empty() && !install.is_global;
    let is_here = |path: &str| path.trim_end_matches('/') == "." || path.is_empty();
    let meant: Vec<&str> = match install.tool {
        Tool::Pip | Tool::UvPip if install.directories.iter().any(|path| is_here(path)) => {
            vec!["pyproject.toml", "setup.py"]
        }
        Tool::Pip | Tool::UvPip => {
            install.manifests.iter().map(String::as_str).filter(|path| is_relative(path)).collect()
        }
        Tool::UvSync if is_bare => vec!["pyproject.toml"],
        Tool::Npm | Tool::Pnpm | Tool::Yarn | Tool::Bun if is_bare && install.directories.is_empty() => {
            vec!["package.json"]
        }
        _ => Vec::new(),
    };
    meant.into_iter().find(|path| subject.ships(path)).map(str::to_owned)
}

/// `.` and `-e .` in a requirements file.
fn own_lines(environment: &crate::environments::Environment) -> Vec<Spot> {
    let Ok(manifest) = &environment.manifest else { return Vec::new() };
    let is_own = |text: &str| Line::parse(text).subject().is_some_and(|s| s == "." || s.starts_with(".["));
    let own = manifest.facts().local.into_iter().filter(|item| is_own(&item.text));
    own.map(|item| {
        let why = format!("`{}` installs the plugin itself, as a copy that updates leave behind", item.text);
        Spot::new((&item.file, item.line), why, "remove the line: the plugin runs from its source")
    })
    .collect()
}

/// Where a path of a line leads: into the plugin's directory, as far as its text tells.
fn is_in_plugin(path: &str) -> bool {
    let own = ["CLAUDE_PLUGIN_ROOT", "PLUGIN_ROOT", "PLUGIN_DIR", "dirname", "BASH_SOURCE", "SCRIPT_DIR", "__dirname"];
    !is_in_data(path) && own.iter().any(|part| path.contains(part))
}

fn is_in_data(path: &str) -> bool {
    path.contains("PLUGIN_DATA")
}

pub fn global_install(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for step in &subject.steps {
        found.extend(step.installs.iter().find(|install| is_global(install)).map(|install| {
            let why = match install.tool {
                Tool::Pip => {
                    "it goes into the user's own Python, which Debian, Ubuntu, Fedora and Homebrew refuse \
                     (`externally-managed-environment`)"
                }
                _ => {
                    "it goes where all programs of the user look, needs rights there, and replaces what others rely on"
                }
            };
            Spot::new(step.place_of(install), why, FIX)
        }));
    }
    found
}

fn is_global(install: &Install) -> bool {
    let has_no_place = install.tool == Tool::Pip && install.target.is_none();
    (install.is_global || has_no_place) && install.tool != Tool::UvTool && install.directories.is_empty()
}

pub fn writes_into_plugin(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for step in &subject.steps {
        let into = |install: &&Install| install.target.as_deref().is_some_and(is_in_plugin);
        found.extend(step.installs.iter().find(into).map(|install| {
            let why = "packages in the plugin's directory are gone after each update, and where it may not be written \
                       they cannot be installed";
            Spot::new(step.place_of(install), why, format!("install below `{DATA}`, or let plugdeps do it"))
        }));
    }
    found
}

/// The hooks that install, by themselves or by plugdeps.
fn installing(subject: &Subject) -> Vec<&Hook> {
    let has_step = |at: usize| subject.steps.iter().any(|step| step.origin == Origin::Hook(at) && has_packages(step));
    let hooks = subject.hooks.iter().enumerate();
    hooks.filter(|(at, hook)| has_step(*at) || is_our_hook(hook)).map(|(_, hook)| hook).collect()
}

pub fn hook_timeout(subject: &Subject) -> Vec<Spot> {
    let mut found = Vec::new();
    for hook in installing(subject).into_iter().filter(|hook| hook.timeout.is_none()) {
        let why = "without `timeout` the host's own holds (600 s, in older versions 60 s), and what it ends is half installed";
        found.push(Spot::new((&hook.file, hook.line), why, "write `\"timeout\": 600`"));
    }
    for hook in &subject.hooks {
        let seconds = hook.timeout.as_deref().and_then(|timeout| timeout.parse::<u64>().ok());
        found.extend(seconds.filter(|&seconds| seconds > LONGEST).map(|seconds| {
            let why = format!("`timeout` is in seconds, and this is {}", in_words(seconds));
            Spot::new((&hook.file, hook.line), why, format!("write `{}`", (seconds / 1000).max(1)))
        }));
    }
    found
}

pub fn hook_stdout(subject: &Subject) -> Vec<Spot> {
    let doors = subject.doors.iter().filter(|door| is_told(&subject.hooks[door.hook]));
    let mut found: Vec<Spot> = doors.map(of_door).collect();
    for (hook, step) in subject.hook_steps().filter(|(hook, _)| is_told(hook)) {
        let loud = step.installs.iter().find(|install| !install.is_silent && !is_quiet(install.tool));
        let line = loud.map(|install| install.line).or(step.told);
        found.extend(line.map(|line| {
            let why =
                format!("what it says on standard output is added to the model's context by the {} hook", hook.event);
            Spot::new(step.place(line), why, "redirect it: `>&2`, or `>/dev/null`")
        }));
    }
    found
}

/// Of other events the host shows what is said to nobody.
fn is_told(hook: &Hook) -> bool {
    ["SessionStart", "UserPromptSubmit", "Setup"].contains(&hook.event.as_str())
}

fn of_door(door: &Door) -> Spot {
    let (why, fix) = match door.output {
        Output::Mixed => (
            "with this around it what `session-start` says is no JSON to the host: the user is told nothing, and the \
             model is told all of it",
            "redirect it: `>&2`, or give it a hook of its own",
        ),
        Output::Elsewhere => (
            "by what `session-start` says the user learns why a server has no packages, and here nobody does",
            "leave its output alone",
        ),
        Output::Unawaited => (
            "in the background `session-start` is not waited for: what it has to tell the user comes too late",
            "leave the `&` out",
        ),
    };
    Spot::new((&door.file, door.line), why, fix)
}

/// Tools that speak to standard error alone.
fn is_quiet(tool: Tool) -> bool {
    matches!(tool, Tool::UvPip | Tool::UvSync | Tool::UvTool | Tool::Venv)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finds, hook};
    use super::super::variables::ROOT;
    use super::*;

    #[test]
    fn a_path_is_in_the_plugin_or_in_its_data() {
        for path in [ROOT, "$PLUGIN_ROOT/.venv", "$(dirname \"$0\")/..", "${CLAUDE_PLUGIN_ROOT}/node_modules"] {
            assert!(is_in_plugin(path), "{path}");
        }
        for path in [DATA, "${CLAUDE_PLUGIN_DATA:-$CLAUDE_PLUGIN_ROOT/x}", "/tmp/x", "x"] {
            assert!(!is_in_plugin(path), "{path}");
        }
    }
    #[test]
    fn what_session_start_says_reaches_the_host_alone_and_is_waited_for() {
        let own = format!("\"{ROOT}/plugdeps\" session-start");
        for (line, count) in [
            ("OWN", 0),
            ("exec OWN 2>/dev/null", 0),
            ("echo starting; OWN", 1),
            ("OWN && cat \"${CLAUDE_PLUGIN_ROOT}/context.md\"", 1),
            ("echo starting >&2; OWN", 0),
            ("OWN || echo 'it failed'", 0),
            ("OWN >/dev/null", 1),
            ("OWN > \"${CLAUDE_PLUGIN_DATA}/log\" 2>&1", 1),
            ("OWN | tee \"${CLAUDE_PLUGIN_DATA}/log\"", 0),
            ("said=$(OWN); printf '%s' \"$said\"", 0),
            ("OWN &", 1),
            ("OWN & sh x.sh; wait", 0),
            ("if ! [ -x x ]; then echo 'there is no x'; exit 0; fi; OWN", 0),
        ] {
            let line = line.replace("OWN", &own);
            finds("hook-stdout", count, &[("hooks/hooks.json", &hook(&line))]);
            let script = hook(&format!("sh \"{ROOT}/start.sh\""));
            finds("hook-stdout", count, &[("hooks/hooks.json", &script), ("start.sh", &line)]);
        }
        let functions = format!("log() {{\n  echo \"$1\"\n}}\nlog starting >&2\n{own}\n");
        let script = hook(&format!("sh \"{ROOT}/start.sh\""));
        finds("hook-stdout", 0, &[("hooks/hooks.json", &script), ("start.sh", &functions)]);
        let silent = hook(&format!("sh \"{ROOT}/start.sh\" >&2"));
        finds("hook-stdout", 1, &[("hooks/hooks.json", &silent), ("start.sh", &own)]);
    }
    #[test]
    fn what_a_line_installs_from_the_session_s_directory_is_told() {
        let python = [("pyproject.toml", "[project]\nname = \"s\"\n"), ("requirements.txt", "a==1\n")];
        let node = [("package.json", "{}")];
        for (line, count) in [
            ("pip install -q .", 1),
            ("uv pip install --system -e .[all]", 1),
            ("pip install -q -r requirements.txt", 1),
            ("pip install -q -r other.txt", 0),
            ("uv sync -q", 1),
            ("uv sync -q --project \"${CLAUDE_PLUGIN_ROOT}\"", 0),
            ("cd \"${CLAUDE_PLUGIN_ROOT}\" && pip install -q .", 0),
            ("pip install -q ./wheels/a-1-py3-none-any.whl", 0),
            ("npm ci --silent", 0),
        ] {
            finds("relative-path", count, &[&python[..], &[("hooks/hooks.json", &hook(line))]].concat());
        }
        for (line, count) in [
            ("npm ci --silent", 1),
            ("npm ci --silent --prefix \"${CLAUDE_PLUGIN_ROOT}\"", 0),
            ("npm install -g --silent a", 0),
            ("pip install -q .", 0),
        ] {
            finds("relative-path", count, &[&node[..], &[("hooks/hooks.json", &hook(line))]].concat());
        }
        // Where a script is, its text does not tell for certain.
        let script = hook(&format!("sh \"{ROOT}/x.sh\""));
        finds("relative-path", 0, &[&python[..], &[("hooks/hooks.json", &script), ("x.sh", "pip install .")]].concat());
    }

    #[test]
    fn installers_of_other_kinds_and_in_code_are_seen_in_a_hook() {
        for (line, count) in [
            (format!("cd \"{ROOT}\" && poetry install"), 1),
            ("conda install -y mcp".to_owned(), 1),
            ("python3 -c \"import subprocess; subprocess.run(['pip', 'install', 'a'])\"".to_owned(), 1),
            ("node -e \"require('child_process').execSync('npm ci')\"".to_owned(), 1),
            ("python3 -c \"print('pip install a')\"".to_owned(), 0),
            ("poetry --version".to_owned(), 0),
        ] {
            finds("hook-installs", count, &[("hooks/hooks.json", &hook(&line))]);
        }
        let stamp = "test -f \"$D/.v1.2.0\" || (pip install -q a && touch \"$D/.v1.2.0\")";
        finds("version-stamp", 1, &[("hooks/hooks.json", &hook(stamp))]);
    }
}
