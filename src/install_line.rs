//! The lines with which plugins install packages by themselves, in a hook or in a script: what by, where to, and what
//! tells them that there is nothing to do.

pub use crate::install_guard::Guard;
use crate::install_guard::{checks, guard};
use crate::old_form::{environment_of, is_python};
use crate::options::{end_of_options, plain_words, value, values};
use crate::package_name::Package;
use crate::shell_line::{Command, joined};

/// What installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// pip, by whatever name.
    Pip,
    /// `uv pip install`.
    UvPip,
    /// `uv sync`, or `uv run` of nothing.
    UvSync,
    /// `uv tool install` or `pipx install`.
    UvTool,
    /// `python -m venv` or `uv venv`: an environment, and nothing in it yet.
    Venv,
    /// npm.
    Npm,
    /// pnpm.
    Pnpm,
    /// yarn.
    Yarn,
    /// bun.
    Bun,
    /// poetry, pipenv, pdm, conda and its kin, with environments of their own.
    Other,
}

/// One installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// By what.
    pub tool: Tool,
    /// Whether anything tells it that there is nothing to do.
    pub guard: Guard,
    /// Requirements files, or the directory of the project or package.
    pub manifests: Vec<String>,
    /// Packages that the line names itself.
    pub packages: Vec<Package>,
    /// Where to: `--target`, `--prefix`, an environment, the directory of `node_modules`.
    pub target: Option<String>,
    /// Whether the plugin itself, or another directory, is installed.
    pub directories: Vec<String>,
    /// Whether it goes to where all programs of the user look (`npm install -g`, a tool).
    pub is_global: bool,
    /// Whether it writes nothing to standard output, or that goes elsewhere.
    pub is_silent: bool,
    /// On which line of the text, counted from 1.
    pub line: usize,
}

/// What a text does: the installations, and the commands that are neither those nor the housekeeping around them.
#[derive(Debug, Default)]
pub struct Installing {
    /// The installations, in their order.
    pub installs: Vec<Install>,
    /// The other commands.
    pub rest: Vec<Command>,
}

/// Commands around an installation that do nothing without it.
const HOUSEKEEPING: [&str; 30] = [
    "[",
    "[[",
    "test",
    "diff",
    "cmp",
    "cp",
    "mv",
    "mkdir",
    "rm",
    "touch",
    "echo",
    "printf",
    "true",
    "false",
    ":",
    "exit",
    "set",
    "source",
    ".",
    "export",
    "sha256sum",
    "shasum",
    "md5sum",
    "cut",
    "tr",
    "cat",
    "which",
    "command",
    "wait",
    "return",
];
/// Options of all of them that leave standard output empty where all is well.
const QUIET: [&str; 5] = ["-q", "-qq", "--quiet", "--silent", "-s"];
const PIP_VALUES: &str = " -r --requirement -c --constraint -t --target --prefix --root -i --index-url --extra-index-url \
    -f --find-links --python --cache-dir --platform --python-version --implementation --abi --only-binary --no-binary \
    --progress-bar --log --timeout --retries --trusted-host --proxy --upgrade-strategy -e --editable --project \
    --directory --extra --group -p --index --default-index --link-mode --python-platform ";
const NODE_VALUES: &str = " --prefix -C --dir --cwd --registry --cache --loglevel --omit --only --include --filter \
    --modules-folder --cache-folder --userconfig ";

/// What the commands of a text do.
pub fn read(commands: &[Command]) -> Installing {
    let mut found = Installing::default();
    for (at, command) in commands.iter().enumerate() {
        match install(command) {
            Some(install) => found.installs.push(Install { guard: guard(&commands[..at], &commands[at..]), ..install }),
            None if is_housekeeping(command) => {}
            None => found.rest.push(command.clone()),
        }
    }
    found
}

fn is_housekeeping(command: &Command) -> bool {
    let is_set = command.words.len() == 1 && command.words[0].split_once('=').is_some();
    is_set || command.words.is_empty() || HOUSEKEEPING.contains(&command.program()) || checks(command).is_some()
}

/// The installation that a command is.
pub fn install(command: &Command) -> Option<Install> {
    let words = &command.words;
    let program = command.program();
    let own = environment_of(words.first()?).map(str::to_owned);
    match program {
        _ if is_python(program) => of_python(command, own),
        "pip" | "pip3" if has(words, 1, "install") => Some(of_pip(command, &words[2..], own)),
        "uv" => of_uv(command),
        "pipx" if has(words, 1, "install") => Some(of_tool(command, &words[2..])),
        "npm" | "pnpm" | "yarn" | "bun" => of_node(command, program),
        "poetry" | "pipenv" | "pdm" => of_other(command, &["install", "sync"]),
        "conda" | "mamba" | "micromamba" => of_other(command, &["install", "create"]),
        _ => None,
    }
}

fn of_other(command: &Command, verbs: &[&str]) -> Option<Install> {
    let options = " -C --directory -P --project -p --prefix -n --name ";
    let verb = command.words.get(end_of_options(&command.words[1..], options, &[]) + 1)?;
    verbs.contains(&verb.as_str()).then(|| Install::new(Tool::Other, command))
}

fn has(words: &[String], at: usize, word: &str) -> bool {
    words.get(at).is_some_and(|own| own == word)
}

impl Install {
    fn new(tool: Tool, command: &Command) -> Self {
        Self {
            tool,
            guard: Guard::None,
            manifests: Vec::new(),
            packages: Vec::new(),
            target: None,
            directories: Vec::new(),
            is_global: false,
            is_silent: command.is_silent || command.words.iter().any(|word| QUIET.contains(&word.as_str())),
            line: command.line,
        }
    }

    /// Whether it brings nothing but the installer's own packages.
    pub fn is_of_tools(&self) -> bool {
        let tools = ["pip", "setuptools", "wheel", "uv"];
        let names_tools = self.packages.iter().all(|package| tools.contains(&package.name.as_str()));
        self.tool == Tool::Venv || names_tools && !self.packages.is_empty() && self.manifests.is_empty()
    }
}

fn of_python(command: &Command, environment: Option<String>) -> Option<Install> {
    let words = &command.words;
    let module = words.iter().position(|word| word == "-m")? + 1;
    match words.get(module)?.as_str() {
        "pip" if has(words, module + 1, "install") => Some(of_pip(command, &words[module + 2..], environment)),
        "venv" | "virtualenv" => {
            let target = words[module + 1..].iter().find(|word| !word.starts_with('-'))?;
            Some(Install {
                target: Some(joined(command.directory.as_deref(), target)),
                ..Install::new(Tool::Venv, command)
            })
        }
        _ => None,
    }
}

/// What stands behind `pip install`.
fn of_pip(command: &Command, arguments: &[String], environment: Option<String>) -> Install {
    let seen = |path: String| joined(command.directory.as_deref(), &path);
    let mut install = Install::new(Tool::Pip, command);
    install.manifests = values(arguments, &["-r", "--requirement"]).into_iter().map(seen).collect();
    install.target = ["-t", "--target", "--prefix", "--root"].iter().find_map(|name| value(arguments, name)).map(seen);
    install.target = install.target.or(environment.map(seen));
    let editable = values(arguments, &["-e", "--editable"]);
    let plain = plain_words(arguments, PIP_VALUES);
    for text in editable.iter().chain(plain) {
        let package = Package::of_python(text);
        match package.is_directory() && !text.ends_with(".whl") {
            true => install.directories.push(seen(text.split('[').next().unwrap_or_default().to_owned())),
            false => install.packages.push(package),
        }
    }
    install
}

fn of_uv(command: &Command) -> Option<Install> {
    let words = &command.words;
    let verb = end_of_options(&words[1..], PIP_VALUES, &[]) + 1;
    let rest = words.get(verb + 1..).unwrap_or_default();
    let seen = |path: String| joined(command.directory.as_deref(), &path);
    match words.get(verb)?.as_str() {
        "pip" if has(rest, 0, "install") => {
            let python = ["--python", "-p"].iter().find_map(|name| value(rest, name));
            let environment = python.as_deref().and_then(environment_of).map(str::to_owned).or(python);
            Some(Install { tool: Tool::UvPip, ..of_pip(command, &rest[1..], environment) })
        }
        "sync" => {
            let project = ["--project", "--directory"].iter().find_map(|name| value(&words[1..], name));
            let project = project.map(seen).or_else(|| command.directory.clone());
            let set = command.variables.iter().find(|(name, _)| name == "UV_PROJECT_ENVIRONMENT");
            let target = set.map(|(_, value)| value.clone());
            let target = target.or_else(|| project.as_ref().map(|project| format!("{project}/.venv")));
            Some(Install { manifests: project.into_iter().collect(), target, ..Install::new(Tool::UvSync, command) })
        }
        "venv" => {
            let target = rest.iter().find(|word| !word.starts_with('-')).map_or(".venv", String::as_str);
            Some(Install { target: Some(seen(target.to_owned())), ..Install::new(Tool::Venv, command) })
        }
        "tool" if has(rest, 0, "install") => Some(of_tool(command, &rest[1..])),
        _ => None,
    }
}

fn of_tool(command: &Command, arguments: &[String]) -> Install {
    Install { tool: Tool::UvTool, is_global: true, ..of_pip(command, arguments, None) }
}

fn of_node(command: &Command, program: &str) -> Option<Install> {
    let tool = match program {
        "npm" => Tool::Npm,
        "pnpm" => Tool::Pnpm,
        "yarn" => Tool::Yarn,
        _ => Tool::Bun,
    };
    let words = &command.words;
    let verb = end_of_options(&words[1..], NODE_VALUES, &[]) + 1;
    let installs = ["install", "i", "ci", "add", "clean-install"];
    let named = words.get(verb).map(String::as_str);
    let is_install = named.map_or(tool == Tool::Yarn, |verb| installs.contains(&verb));
    if !is_install {
        return None;
    }
    let options = &words[1..];
    let place = ["--prefix", "-C", "--dir", "--cwd"].iter().find_map(|name| value(options, name));
    let seen = |path: String| joined(command.directory.as_deref(), &path);
    let place = place.map(seen).or_else(|| command.directory.clone());
    let plain = plain_words(words.get(verb + 1..).unwrap_or_default(), NODE_VALUES);
    let packages = plain.into_iter().map(|name| Package::of_npm(name));
    let (directories, packages): (Vec<_>, Vec<_>) = packages.partition(Package::is_directory);
    let mut install = Install::new(tool, command);
    install.is_global = options.iter().any(|word| word == "-g" || word == "--global");
    install.directories = directories.into_iter().map(|package| seen(package.text)).collect();
    install.packages = packages;
    install.target = place.clone().filter(|_| !install.is_global);
    install.manifests = place.into_iter().filter(|_| install.packages.is_empty()).collect();
    Some(install)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell_line::commands;

    fn of(line: &str) -> Installing {
        read(&commands(line))
    }

    /// By what, whether there is nothing to do, from what and where to.
    #[track_caller]
    fn is(line: &str, tool: Tool, guard: Guard, from: &str, to: &str) {
        let found = of(line);
        let [.., install] = found.installs.as_slice() else { panic!("{line}: {found:?}") };
        let from_all: Vec<String> = install
            .manifests
            .iter()
            .chain(&install.directories)
            .cloned()
            .chain(install.packages.iter().map(|package| package.text.clone()))
            .collect();
        let told = (install.tool, install.guard, from_all.join(" "), install.target.clone().unwrap_or_default());
        assert_eq!(told, (tool, guard, from.to_owned(), to.to_owned()), "{line}");
    }

    #[test]
    fn the_documented_line_is_told_in_its_forms() {
        let pip = "diff -q \"$R/requirements.txt\" \"$D/requirements.txt\" >/dev/null 2>&1 || (cp \"$R/requirements.txt\" \
                   \"$D/\" && pip install -t \"$D/site-packages\" -r \"$D/requirements.txt\") || rm -f \"$D/r\"";
        is(pip, Tool::Pip, Guard::Diff, "$D/requirements.txt", "$D/site-packages");
        assert!(of(pip).rest.is_empty());
        let npm = "diff -q \"$R/package.json\" \"$D/package.json\" || (cd \"$D\" && cp \"$R/package.json\" . && npm install) \
                   || rm -f \"$D/package.json\"";
        is(npm, Tool::Npm, Guard::Diff, "$D", "$D");
        assert!(of(npm).rest.is_empty());
    }

    #[test]
    fn each_installer_is_told_with_its_target() {
        is("python3 -m pip install -q -r $R/r.txt --target=$D/x", Tool::Pip, Guard::None, "$R/r.txt", "$D/x");
        is("$D/venv/bin/pip install 'mcp<2' httpx", Tool::Pip, Guard::None, "mcp<2 httpx", "$D/venv");
        is("cd $R && pip install -e '.[dev]'", Tool::Pip, Guard::None, "$R", "");
        is("uv pip install --python $D/.venv/bin/python -r $R/r.txt", Tool::UvPip, Guard::None, "$R/r.txt", "$D/.venv");
        is("uv sync --frozen --project $R", Tool::UvSync, Guard::None, "$R", "$R/.venv");
        is("UV_PROJECT_ENVIRONMENT=$D/v uv sync --directory=$R", Tool::UvSync, Guard::None, "$R", "$D/v");
        is("uv tool install $R", Tool::UvTool, Guard::None, "$R", "");
        is("python3 -m venv $D/venv", Tool::Venv, Guard::None, "", "$D/venv");
        is("uv venv -q $D/venv", Tool::Venv, Guard::None, "", "$D/venv");
        is("npm ci --omit dev --prefix $R", Tool::Npm, Guard::None, "$R", "$R");
        is("npm install -g @a/b@1", Tool::Npm, Guard::None, "@a/b@1", "");
        is("cd $R; pnpm i", Tool::Pnpm, Guard::None, "$R", "$R");
        is("cd $R; yarn", Tool::Yarn, Guard::None, "$R", "$R");
        is("cd $R; bun install --production", Tool::Bun, Guard::None, "$R", "$R");
        is("cd $R && poetry -q install --no-root", Tool::Other, Guard::None, "", "");
        is("conda create -y -p $D/env mcp", Tool::Other, Guard::None, "", "");
        for line in [
            "poetry run x",
            "conda activate x",
            "pdm",
            "npm run build",
            "uv run x",
            "pip list",
            "yarn start",
            "python -m mod",
            "npm",
            "bun x.ts",
        ] {
            assert!(of(line).installs.is_empty(), "{line}");
        }
    }

    #[test]
    fn what_says_that_there_is_nothing_to_do_is_told() {
        is("[ -d $R/node_modules ] || (cd $R && npm i)", Tool::Npm, Guard::Exists, "$R", "$R");
        is("if [ ! -d $D/env ]; then python3 -m venv v; v/bin/pip install a; fi", Tool::Pip, Guard::Exists, "a", "");
        is("[ -f $R/requirements.txt ] && pip install a", Tool::Pip, Guard::None, "a", "");
        is("[ \"$DEBUG\" = 1 ] && pip install a", Tool::Pip, Guard::None, "a", "");
        is("cmp a b || { [ -d $D/venv ] || python3 -m venv $D/venv; pip install a; }", Tool::Pip, Guard::Diff, "a", "");
        is("[ \"$(cat $D/v)\" = 1.2 ] || pip install a", Tool::Pip, Guard::Text, "a", "");
        is("test -f \"$D/.v1.2.0\" || (pip install a && touch \"$D/.v1.2.0\")", Tool::Pip, Guard::Text, "a", "");
        is("[ -f \"$D/.ok\" ] || { pip install a; touch \"$D/.ok\"; }", Tool::Pip, Guard::Exists, "a", "");
        is("[ $R/x -nt \"$D/.ok\" ] && pip install a; touch \"$D/.ok\"", Tool::Pip, Guard::None, "a", "");
        is("[ -f \"$D/.ok\" ] && pip install a; touch x", Tool::Pip, Guard::None, "a", "");
        is("[ \"$HASH\" != \"$OLD_HASH\" ] && pip install a", Tool::Pip, Guard::Hash, "a", "");
        is("python3 -c 'import mcp' 2>/dev/null || pip install mcp", Tool::Pip, Guard::Import, "mcp", "");
        is("pip install mcp", Tool::Pip, Guard::None, "mcp", "");
    }

    #[test]
    fn what_an_installation_has_nothing_to_do_with_is_left_over() {
        let found = of("pip install a >&2; $R/index.sh; mkdir x");
        assert!(found.installs[0].is_silent);
        assert_eq!(found.rest.iter().map(Command::program).collect::<Vec<_>>(), ["index.sh"]);
    }
}
