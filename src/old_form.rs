//! The forms in which plugins start their servers without plugdeps, taken apart: by an interpreter, by uv, uvx, npx and
//! their kin, in a virtual environment, through a shell or a script.

use crate::options::{end_of_options, value, values};
use crate::package_name::Package;
use crate::shell_line::{Command, commands_of, joined, program_name};

/// What starts a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// plugdeps.
    Plugdeps,
    /// Whatever Python PATH leads to.
    Python,
    /// The Python, or another program, of an environment at some place.
    Environment,
    /// Whatever Node, bun or deno PATH leads to.
    Node,
    /// `uv run`.
    UvRun,
    /// `uvx`, `uv tool run` or `pipx run`.
    Uvx,
    /// `npx`, or what other managers have in its place.
    Npx,
    /// A script of `package.json`: `npm start`, `npm run`.
    PackageScript,
    /// A script for a shell that is a file.
    Shell,
    /// A container.
    Container,
    /// Anything else.
    Program,
}

/// How a program is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// By what.
    pub way: Way,
    /// The program that PATH has to lead to, or its path.
    pub program: String,
    /// The words that start the same behind `plugdeps run --`; none where they cannot be told.
    pub command: Vec<String>,
    /// The file that is started.
    pub script: Option<String>,
    /// The module that Python is told to run.
    pub module: Option<String>,
    /// The directory whose manifest is meant (`--project`, `--from`).
    pub project: Option<String>,
    /// Where an environment is that must be there; behind plugdeps the name of the one that is meant.
    pub environment: Option<String>,
    /// Packages that are fetched by name.
    pub packages: Vec<Package>,
    /// Modules that Node is told to load first (`--import`, `--require`, `--loader`).
    pub loaders: Vec<String>,
    /// The directory that is gone to before.
    pub directory: Option<String>,
    /// Variables that the line itself sets.
    pub variables: Vec<(String, String)>,
}

const ENGINES: [&str; 2] = ["docker", "podman"];
const SHELLS: [&str; 5] = ["sh", "bash", "zsh", "dash", "ksh"];
/// Options of uv that take the next word for their value.
const OF_UV: &str = " --allow-insecure-host --cache-dir --color --config-file --config-setting -C --default-index \
    --directory --env-file --exclude-newer --extra --extra-index-url --find-links -f --from --group --index \
    --index-strategy --index-url -i --keyring-provider --link-mode --no-binary-package --no-build-package --no-extra \
    --no-group --only-group --package --prerelease --project --python -p --python-platform --refresh-package \
    --reinstall-package --resolution --upgrade-package -P --with --with-editable --with-requirements -w --spec --pip-args ";
/// The same of npx and its kin.
const OF_NPX: &str =
    " --package -p --call -c --prefix --registry --userconfig --cache --workspace -w --dir -C --filter ";
const OF_PYTHON: &str = " -X -W --check-hash-based-pycs ";
const OF_NODE: &str = " --import --require -r --loader --experimental-loader -C --conditions --env-file --input-type \
    --max-old-space-size --title --config --preload --tsconfig ";
const LOADERS: [&str; 6] = ["--import", "--require", "-r", "--loader", "--experimental-loader", "--preload"];

/// How a command starts its program; `None` for no words. Of a line for a shell it is the last of its commands.
pub fn start(words: &[String]) -> Option<Start> {
    commands_of(words).last().map(of_command)
}

/// How one command of a line starts its program.
pub fn of_command(command: &Command) -> Start {
    let mut start = of_words(&command.words, command.directory.as_deref());
    start.variables = command.variables.clone();
    start.directory = start.directory.or_else(|| command.directory.clone());
    start
}

impl Start {
    fn new(way: Way, words: &[String]) -> Self {
        Self {
            way,
            program: words.first().cloned().unwrap_or_default(),
            command: words.to_vec(),
            script: None,
            module: None,
            project: None,
            environment: None,
            packages: Vec::new(),
            loaders: Vec::new(),
            directory: None,
            variables: Vec::new(),
        }
    }

    /// The same program, started by something around it.
    fn within(self, way: Way, program: &str) -> Self {
        Self { way, program: program.to_owned(), ..self }
    }

    /// Whether it is fetched from an index at each start, or is looked for there.
    pub fn is_fetched(&self) -> bool {
        matches!(self.way, Way::Uvx | Way::Npx) && self.packages.iter().any(|package| !package.is_directory())
    }
}

fn of_words(words: &[String], directory: Option<&str>) -> Start {
    let program = words.first().map_or("", |word| program_name(word));
    let after = words.get(1).map_or("", String::as_str);
    match program {
        "plugdeps" => of_plugdeps(words, directory),
        "uv" => of_uv(words, directory),
        "uvx" => of_uvx(words, &words[1..], directory),
        "pipx" if after == "run" => of_uvx(words, &words[2..], directory),
        "npx" | "bunx" | "pnpx" => of_npx(words, &words[1..], directory),
        "npm" | "pnpm" | "yarn" | "bun" => of_manager(words, program, directory),
        "node" | "nodejs" | "deno" | "tsx" | "ts-node" => of_node(words, &words[1..], directory),
        "cmd" if after.eq_ignore_ascii_case("/c") => of_words(&words[2..], directory),
        _ if is_python(program) => of_python(words, directory),
        _ if SHELLS.contains(&program) => of_shell(words, directory),
        _ if ENGINES.contains(&program) => Start::new(Way::Container, words),
        _ => of_program(words, directory),
    }
}

/// Whether it is a Python's name.
pub fn is_python(program: &str) -> bool {
    program == "py" || program.strip_prefix("python").is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// The directory of an environment that a program lies in: `/e` of `/e/bin/python`.
pub fn environment_of(program: &str) -> Option<&str> {
    let (directory, _) = program.rsplit_once(['/', '\\'])?;
    let (environment, last) = directory.rsplit_once(['/', '\\'])?;
    let name = environment.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_own = name.contains("venv") || name.ends_with("env") || environment.contains("${CLAUDE_PLUGIN_DATA}");
    let is_packages = name == "node_modules" && last == ".bin";
    (is_packages || is_own && matches!(last, "bin" | "Scripts")).then_some(environment)
}

fn of_plugdeps(words: &[String], directory: Option<&str>) -> Start {
    let run = words.iter().position(|word| word == "run").map_or(words.len(), |at| at + 1);
    let end = run + end_of_options(&words[run..], " --root --data --environment ", &[]);
    let environment = value(&words[1..end], "--environment");
    let rest = &words[end..];
    if rest.is_empty() {
        return Start { command: Vec::new(), environment, ..Start::new(Way::Plugdeps, words) };
    }
    let inner = of_words(rest, directory);
    Start { command: rest.to_vec(), environment, ..inner.within(Way::Plugdeps, &words[0]) }
}

fn of_python(words: &[String], directory: Option<&str>) -> Start {
    let mut start = python_program(&words[1..], directory);
    start.program = words[0].clone();
    if let Some(environment) = environment_of(&words[0]) {
        start.way = Way::Environment;
        start.environment = Some(joined(directory, environment));
    }
    start
}

/// What a Python is told to run, by its arguments.
fn python_program(arguments: &[String], directory: Option<&str>) -> Start {
    let mut start = Start::new(Way::Python, &["python".to_owned()]);
    let at = end_of_options(arguments, OF_PYTHON, &["-m", "-c"]);
    let mut arguments = arguments.to_vec();
    match arguments.get(at).map(String::as_str) {
        Some("-m") => start.module = arguments.get(at + 1).cloned(),
        Some("-c" | "-") | None => {}
        Some(script) => {
            let script = joined(directory, script);
            arguments[at].clone_from(&script);
            start.script = Some(script);
        }
    }
    start.command.append(&mut arguments);
    start
}

fn of_node(words: &[String], arguments: &[String], directory: Option<&str>) -> Start {
    let mut start = Start::new(Way::Node, words);
    let at = end_of_options(arguments, OF_NODE, &["-e", "--eval", "-p"]);
    start.loaders = loaders(&arguments[..at.min(arguments.len())]);
    let is_subcommand = |word: &&String| matches!(word.as_str(), "run" | "watch");
    let at = at + usize::from(arguments.get(at).filter(is_subcommand).is_some());
    let at = at + end_of_options(arguments.get(at..).unwrap_or_default(), OF_NODE, &["-e"]);
    let script = arguments.get(at).filter(|word| !word.starts_with('-'));
    start.script = script.map(|script| joined(directory, script));
    if let Some(script) = &start.script {
        let place = words.len() - arguments.len() + at;
        start.command[place].clone_from(script);
    }
    if let Some(environment) = environment_of(&words[0]) {
        start.way = Way::Environment;
        start.environment = Some(joined(directory, environment));
        start.command[0] = program_name(&words[0]).to_owned();
    }
    start
}

fn loaders(options: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, option) in options.iter().enumerate() {
        match option.split_once('=') {
            Some((name, value)) if LOADERS.contains(&name) => found.push(value.to_owned()),
            None if LOADERS.contains(&option.as_str()) => found.extend(options.get(at + 1).cloned()),
            _ => {}
        }
    }
    found
}

fn of_uv(words: &[String], directory: Option<&str>) -> Start {
    let verb = end_of_options(&words[1..], OF_UV, &[]) + 1;
    match (words.get(verb).map(String::as_str), words.get(verb + 1).map(String::as_str)) {
        (Some("run"), _) => of_uv_run(words, verb, directory),
        (Some("tool"), Some("run")) => of_uvx(words, &words[verb + 2..], directory),
        _ => Start { command: Vec::new(), ..Start::new(Way::Program, words) },
    }
}

fn of_uv_run(words: &[String], verb: usize, directory: Option<&str>) -> Start {
    let options = &words[1..];
    let behind = verb + 1;
    let end = behind + end_of_options(&words[behind..], OF_UV, &["-m", "--module"]);
    let of = |name: &str| value(&options[..end.min(words.len()) - 1], name);
    let gone_to = of("--directory").map(|path| joined(directory, &path));
    let directory = gone_to.as_deref().or(directory);
    let rest = words.get(end..).unwrap_or_default();
    let is_script = |word: &String| word.ends_with(".py") || word.ends_with(".pyw");
    let mut start = match rest {
        [] => Start { command: Vec::new(), ..Start::new(Way::UvRun, words) },
        [first, ..] if first == "-m" || is_script(first) => python_program(rest, directory),
        [first, module @ ..] if first == "--module" => {
            python_program(&[&["-m".to_owned()], module].concat(), directory)
        }
        _ => of_words(rest, directory),
    };
    let packages = values(&options[..end.min(words.len()) - 1], &["--with", "-w"]);
    start.packages.extend(packages.iter().map(|package| Package::of_python(package)));
    start.project = of("--project").map(|path| joined(directory, &path)).or(gone_to.clone());
    start.directory = gone_to;
    start.within(Way::UvRun, &words[0])
}

fn of_uvx(words: &[String], arguments: &[String], directory: Option<&str>) -> Start {
    let end = end_of_options(arguments, OF_UV, &[]);
    let (options, command) = arguments.split_at(end.min(arguments.len()));
    let mut start = Start { command: command.to_vec(), ..Start::new(Way::Uvx, words) };
    let from = value(options, "--from").or_else(|| value(options, "--spec"));
    let tool = command.first().map(|tool| Package::of_python(tool));
    let main = from.map(|from| Package::of_python(&from)).or_else(|| tool.clone());
    if let (Some(word), Some(tool)) = (start.command.first_mut(), tool.filter(|tool| !tool.name.is_empty())) {
        *word = tool.name;
    }
    start.project = main.as_ref().filter(|main| main.is_directory()).map(|main| joined(directory, &main.text));
    let with = values(options, &["--with", "-w"]);
    start.packages = main.into_iter().chain(with.iter().map(|with| Package::of_python(with))).collect();
    start
}

fn of_npx(words: &[String], arguments: &[String], directory: Option<&str>) -> Start {
    let end = end_of_options(arguments, OF_NPX, &[]);
    let (options, command) = arguments.split_at(end.min(arguments.len()));
    let named: Vec<Package> = values(options, &["--package", "-p"]).iter().map(|name| Package::of_npm(name)).collect();
    let Some((tool, rest)) = command.split_first() else {
        return Start { command: Vec::new(), packages: named, ..Start::new(Way::Npx, words) };
    };
    let own = Package::of_npm(tool);
    let is_named = named.is_empty() && !own.name.is_empty();
    let tool = if is_named { own.program().to_owned() } else { tool.clone() };
    let inner = [&[tool], rest].concat();
    let start = if inner[0] == "tsx" || inner[0] == "ts-node" {
        of_node(&inner, &inner[1..], directory)
    } else {
        Start::new(Way::Npx, &inner)
    };
    let project = own.is_directory().then(|| joined(directory, &own.text));
    let packages = if named.is_empty() { vec![own] } else { named };
    Start { packages, project, ..start.within(Way::Npx, &words[0]) }
}

/// `npm exec`, `npm run` and the like.
fn of_manager(words: &[String], program: &str, directory: Option<&str>) -> Start {
    let verb = end_of_options(&words[1..], " --prefix -C --dir --cwd --silent-level --filter ", &[]) + 1;
    let rest = words.get(verb + 1..).unwrap_or_default();
    let options = words.get(1..).unwrap_or_default();
    let place = ["--prefix", "-C", "--dir", "--cwd"].iter().find_map(|name| value(options, name));
    let place = place.map(|path| joined(directory, &path)).or_else(|| directory.map(str::to_owned));
    match words.get(verb).map_or("", String::as_str) {
        "exec" | "x" | "dlx" => of_npx(words, rest, directory),
        "start" | "run" | "run-script" if program != "bun" || !rest.first().is_some_and(|word| is_file(word)) => {
            Start { command: Vec::new(), project: place, ..Start::new(Way::PackageScript, words) }
        }
        word if program == "bun" && (word == "run" || is_file(word)) => of_node(words, &words[1..], directory),
        _ => Start { command: Vec::new(), project: place, ..Start::new(Way::Program, words) },
    }
}

fn is_file(word: &str) -> bool {
    [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx"].iter().any(|ending| word.ends_with(ending))
}

fn of_shell(words: &[String], directory: Option<&str>) -> Start {
    let script = words[1..].iter().find(|word| !word.starts_with('-')).map(|script| joined(directory, script));
    Start { script, ..Start::new(Way::Shell, words) }
}

fn of_program(words: &[String], directory: Option<&str>) -> Start {
    let Some(program) = words.first().filter(|word| word.contains(['/', '\\'])) else {
        return Start::new(Way::Program, words);
    };
    if let Some(environment) = environment_of(program) {
        let command = [&[program_name(program).to_owned()], &words[1..]].concat();
        let environment = Some(joined(directory, environment));
        return Start { environment, command, ..Start::new(Way::Environment, words) };
    }
    let way = if program.ends_with(".sh") { Way::Shell } else { Way::Program };
    Start { script: Some(joined(directory, program)), ..Start::new(way, words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Start {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        start(&words).unwrap()
    }

    /// Each form, and what is to be written behind `plugdeps run --`.
    #[track_caller]
    fn is(line: &str, way: Way, command: &str) {
        let start = of(line);
        assert_eq!((start.way, start.command.join(" ")), (way, command.to_owned()), "{line}");
    }

    #[test]
    fn an_interpreter_is_told_its_script_or_its_module() {
        is("python3 -u ${R}/s.py --x", Way::Python, "python -u ${R}/s.py --x");
        is("env A=b python3.12 -m mod x", Way::Python, "python -m mod x");
        is("node --import tsx ${R}/s.ts x", Way::Node, "node --import tsx ${R}/s.ts x");
        is("bun run ${R}/s.ts", Way::Node, "bun run ${R}/s.ts");
        is("tsx ${R}/s.ts", Way::Node, "tsx ${R}/s.ts");
        assert_eq!(of("python3 -X dev s.py").script.as_deref(), Some("s.py"));
        assert_eq!(of("python3 -m mod").module.as_deref(), Some("mod"));
        assert_eq!(of("python3 -c x").script, None);
        let node = of("node --import=tsx -r x ${R}/s.ts --import y");
        assert_eq!((node.loaders, node.script.as_deref()), (vec!["tsx".into(), "x".into()], Some("${R}/s.ts")));
    }

    #[test]
    fn an_environment_is_told_by_its_directory() {
        is("${R}/.venv/bin/python ${R}/s.py", Way::Environment, "python ${R}/s.py");
        is("${CLAUDE_PLUGIN_DATA}/e/bin/tool --x", Way::Environment, "tool --x");
        is("${R}/node_modules/.bin/tsx ${R}/s.ts", Way::Environment, "tsx ${R}/s.ts");
        is("C:\\p\\.venv\\Scripts\\python.exe s.py", Way::Environment, "python s.py");
        is("/usr/bin/python3 s.py", Way::Python, "python s.py");
        assert_eq!(of("${R}/.venv/bin/python s.py").environment.as_deref(), Some("${R}/.venv"));
    }

    #[test]
    fn uv_is_told_a_project_and_what_to_run_in_it() {
        is("uv run --project ${R} python ${R}/s.py", Way::UvRun, "python ${R}/s.py");
        is("uv run --frozen --python 3.12 --directory ${R} s.py x", Way::UvRun, "python ${R}/s.py x");
        is("uv --directory ${R} run tool x", Way::UvRun, "tool x");
        is("uv run --project ${R} -m mod", Way::UvRun, "python -m mod");
        is("uv run --project ${R} --module mod", Way::UvRun, "python -m mod");
        is("uv run --with mcp --with=httpx==1.0 ${R}/s.py", Way::UvRun, "python ${R}/s.py");
        is("uv run -- tool", Way::UvRun, "tool");
        is("uv run", Way::UvRun, "");
        let run = of("uv run --directory ${R}/a --with mcp -s s.py");
        assert_eq!((run.project.as_deref(), run.directory.as_deref()), (Some("${R}/a"), Some("${R}/a")));
        assert_eq!((run.packages[0].name.as_str(), run.script.as_deref()), ("mcp", Some("${R}/a/s.py")));
    }

    #[test]
    fn a_tool_is_told_by_its_package() {
        is("uvx --from ${R} tool mcp", Way::Uvx, "tool mcp");
        is("uvx --from=a[x]==1.2 --with b tool mcp", Way::Uvx, "tool mcp");
        is("uvx a@1.2 x", Way::Uvx, "a x");
        is("uv tool run a", Way::Uvx, "a");
        is("pipx run --spec a==1 tool", Way::Uvx, "tool");
        assert_eq!(of("uvx --from ${R} tool").project.as_deref(), Some("${R}"));
        let names = |line: &str| of(line).packages.into_iter().map(|package| package.name).collect::<Vec<_>>();
        assert_eq!(names("uvx --from=a[x]==1.2 --with b tool"), ["a", "b"]);
        assert!(!of("uvx --from ${R} tool").is_fetched() && of("uvx a@1.2").is_fetched());
    }

    #[test]
    fn npx_and_its_kin_are_told_a_package() {
        is("npx -y @a/b@1.2.3 x", Way::Npx, "b x");
        is("npx -p a -p b tool x", Way::Npx, "tool x");
        is("cmd /c npx -y a", Way::Npx, "a");
        is("npm exec --yes --package=a -- tool x", Way::Npx, "tool x");
        is("pnpm dlx a@latest", Way::Npx, "a");
        is("bunx --bun a", Way::Npx, "a");
        is("npx tsx ${R}/s.ts", Way::Npx, "tsx ${R}/s.ts");
        assert_eq!(of("npx -y @a/b@1.2.3 x").packages[0].exact(), Some("1.2.3"));
        assert_eq!(of("npx tsx ${R}/s.ts").script.as_deref(), Some("${R}/s.ts"));
        assert_eq!(of("npx -y ${R}").project.as_deref(), Some("${R}"));
    }

    #[test]
    fn a_line_for_a_shell_is_what_it_ends_with() {
        let start = of_line("bash -c 'cd ${R}/a && npm install && A=b exec node dist/s.js x'");
        assert_eq!((start.way, start.command.join(" ")), (Way::Node, "node ${R}/a/dist/s.js x".into()));
        assert_eq!(start.directory.as_deref(), Some("${R}/a"));
        assert_eq!(start.variables, [("A".into(), "b".into())]);
        is("bash ${R}/start.sh x", Way::Shell, "bash ${R}/start.sh x");
        is("${R}/start.sh", Way::Shell, "${R}/start.sh");
        assert_eq!(of("bash ${R}/start.sh").script.as_deref(), Some("${R}/start.sh"));
    }

    fn of_line(line: &str) -> Start {
        let words = crate::shell_line::commands(line);
        of_command(words.last().unwrap())
    }

    #[test]
    fn what_is_told_apart_no_further_keeps_its_words() {
        is("npm start --prefix ${R}", Way::PackageScript, "");
        is("npm --prefix ${R} run serve", Way::PackageScript, "");
        is("docker run -i img", Way::Container, "docker run -i img");
        is("my-server --port 1", Way::Program, "my-server --port 1");
        is("${R}/bin/plugdeps run --environment a -- python s.py", Way::Plugdeps, "python s.py");
        is("${R}/bin/plugdeps run python s.py", Way::Plugdeps, "python s.py");
        assert_eq!(of("npm --prefix ${R} run serve").project.as_deref(), Some("${R}"));
        assert_eq!(of("${R}/bin/plugdeps run -- python s.py").script.as_deref(), Some("s.py"));
        assert!(start(&[]).is_none());
    }
}
