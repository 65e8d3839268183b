//! Scripts that install packages before they become, or start, a server: they are not servers yet.

/// What starts a program, in the languages of servers.
const CALLS: [&str; 9] = ["exec", "spawn", "execa", "system(", "run(", "call(", "popen(", "check_output(", "Bun.$"];
/// What is started then, as a line for a shell.
const LINES: [&str; 8] =
    ["npm install", "npm ci", "npm i ", "pnpm install", "yarn install", "bun install", "pip install", "uv sync"];
/// The same as arguments: their quotes count.
const ARGUMENTS: [&str; 2] = ["install", "ci"];
/// What only an installation has, whatever line it stands in.
const PARTS: [&str; 6] =
    ["pip\", \"install", "pip', 'install", "-m\", \"venv", "-m', 'venv", "venv.create(", "EnvBuilder("];

/// The line on which a script installs packages, counted from 1.
pub fn installs(text: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let found = (0..lines.len()).find(|&at| {
        let near = format!("{} {}", at.checked_sub(1).map_or("", |before| lines[before]), lines[at]);
        PARTS.iter().any(|part| lines[at].contains(part)) || is_call(&near) && starts_installer(lines[at])
    });
    found.map(|at| at + 1)
}

fn is_call(lines: &str) -> bool {
    let lines = lines.to_lowercase();
    CALLS.iter().any(|call| lines.contains(&call.to_lowercase()))
}

fn starts_installer(line: &str) -> bool {
    let quoted = |word: &str| ['"', '\'', '`'].iter().any(|quote| line.contains(&format!("{quote}{word}{quote}")));
    // Words that a person is told stand in the middle of a text.
    let begun = |words: &str| ['"', '\'', '`'].iter().any(|quote| line.contains(&format!("{quote}{words}")));
    let is_shown = ["log(", "error(", "warn(", "print(", "raise "].iter().any(|show| line.contains(show));
    !is_shown && (ARGUMENTS.iter().any(|word| quoted(word)) || LINES.iter().any(|words| begun(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_starts_an_installer_is_told_from_one_that_speaks_of_it() {
        for text in [
            "execFileSync('npm', ['install', '--production'], {",
            "const child = spawn(npmCommand, [\"ci\"]);",
            "execSync(\n  `npm install --omit=dev`,",
            "subprocess.check_call([\n    sys.executable, \"-m\", \"pip\", \"install\", \"-r\", path])",
            "os.system('pip install -r ' + path)",
            "venv.create(path, with_pip=True)",
        ] {
            assert!(installs(text).is_some(), "{text}");
        }
        for text in [
            "import subprocess\nexcept ImportError:\n    print('run: pip install mcp')",
            "# pip install mcp\nsubprocess.run(['git', 'status'])",
            "subprocess.run(['git'])\nprint(\"pip install mcp\")",
            "console.error(`failed: run \"npm install\" in ${root}`)",
            "raise SystemExit(\"pip install 'mcp<2'\")",
            "const commands = { install: run }; exec('git pull')",
        ] {
            assert_eq!(installs(text), None, "{text}");
        }
    }

    #[test]
    fn the_line_is_told() {
        assert_eq!(installs("a\n\nspawn('npm', ['ci'])\n"), Some(3));
    }
}
