//! What shells complete, by a real Tab at a terminal, and the manual as its readers take it.

use crate::support::namespace::skip;
use crate::support::terminal::Terminal;
use crate::support::*;
use plugdeps::error::KINDS;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The author's program.
const AUTHORS: &str = env!("CARGO_BIN_EXE_plugdeps");
const PROMPT: &str = "READY> ";

/// Command, flag, value and directory, each begun and then completed, of a plugin with a finding.
#[track_caller]
fn completes(name: &str, start: &str, words: &[&str]) {
    let Some(program) = tools::on_path(name).filter(|_| Terminal::is_there()) else {
        return skip("completions", &format!("there is no `{name}`, or no `tmux`, on PATH"));
    };
    let plugin = Plugin::new("x");
    let found = plugin.temp().join("a plugin");
    fs::create_dir_all(&found).unwrap();
    let server = r#"{ "mcpServers": { "s": { "command": "python3", "args": ["s.py"] } } }"#;
    fs::write(found.join(".mcp.json"), server).unwrap();
    fs::write(found.join("s.py"), "").unwrap();
    for rc in [".rc", ".zshrc"] {
        fs::write(plugin.home.join(rc), start.replace("PROMPT", PROMPT)).unwrap();
    }
    let terminal = Terminal::start(&at_home(&plugin, &program, words), plugin.temp());
    terminal.wait_for("the prompt", |screen| screen.contains(PROMPT.trim_end()));
    for keys in ["plugdeps li", "Tab", "-", "-", "form", "Tab", "gi", "Tab", "a", "Tab", "Enter"] {
        terminal.press(keys);
    }
    terminal.wait_for("the finding", |screen| screen.contains("::error file=a plugin/.mcp.json,line="));
}

/// The shell with the author's program on PATH; RC among the words is the file that it reads first.
fn at_home(plugin: &Plugin, shell: &Path, words: &[&str]) -> Command {
    let programs = [Path::new(AUTHORS).parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")];
    let mut command = Command::new(shell);
    command.args(words.iter().map(|word| if *word == "RC" { plugin.home.join(".rc") } else { word.into() }));
    command.env("HOME", &plugin.home).env("ZDOTDIR", &plugin.home).env("TERM", "screen").env("LANG", "C.UTF-8");
    command.env("PATH", std::env::join_paths(programs).unwrap()).current_dir(plugin.temp());
    command
}

#[test]
fn bash_completes_commands_flags_values_and_directories() {
    let start = "PS1='PROMPT'\neval \"$(plugdeps completions bash)\"\n";
    completes("bash", start, &["--noprofile", "--rcfile", "RC", "-i"]);
}

#[test]
fn zsh_completes_commands_flags_values_and_directories() {
    let start = "PS1='PROMPT'\nautoload -U compinit && compinit -D -u\neval \"$(plugdeps completions zsh)\"\n";
    completes("zsh", start, &["-i"]);
}

#[test]
fn fish_completes_commands_flags_values_and_directories() {
    let start = "function fish_prompt; printf 'PROMPT'; end\nplugdeps completions fish | source\n";
    completes("fish", start, &["--no-config", "-i", "-C", "source $HOME/.rc"]);
}

#[test]
fn a_shell_that_is_not_known_is_refused() {
    let plugin = Plugin::new("x");
    let run = |args: &[&str]| plugin.bare_command(AUTHORS).arg("completions").args(args).run();
    run(&[]).exits(2).stderr_has("write one of: bash, zsh, fish, powershell");
    run(&["bsh"]).exits(2).stderr_has("did you mean `bash`?");
}

#[test]
fn the_manual_names_every_kind_of_error_and_its_readers_have_nothing_to_say_against_it() {
    let plugin = Plugin::new("x");
    let page = plugin.bare_command(AUTHORS).arg("man").run().ok().stdout.clone();
    for row in KINDS {
        assert!(page.contains(&format!(".TP\n{}\n{}: ", row.exit, row.code.replace('-', "\\-"))), "{}", row.code);
    }
    let path = plugin.temp().join("plugdeps.1");
    fs::write(&path, &page).unwrap();
    let readers: [&[&str]; 2] = [&["groff", "-ww", "-man", "-Tutf8"], &["mandoc", "-Tlint", "-Wwarning"]];
    for words in readers {
        let Some(program) = tools::on_path(words[0]) else {
            skip("manual", &format!("there is no `{}` on PATH", words[0]));
            continue;
        };
        let said = Cmd::new(program).args(&words[1..]).arg(&path).run();
        let said = if words[0] == "groff" { said.ok().stderr.clone() } else { said.stdout.clone() };
        // It has no date, so that the same is the same.
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(said.is_empty(), "{} says {said:#?}", words[0]);
    }
}
