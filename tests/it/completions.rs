//! What shells complete, by a real Tab at a terminal, and the manual as its readers take it.

use crate::support::namespace::skip;
use crate::support::*;
use plugdeps::error::KINDS;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The author's program.
const AUTHORS: &str = env!("CARGO_BIN_EXE_plugdeps");
/// Gives a program a terminal: what is written here is typed there.
const TERMINAL: &str = "import pty, sys; pty.spawn(sys.argv[1:])";
const PROMPT: &str = "READY> ";

/// A shell at a terminal, with the completions as its documentation has them loaded.
struct Shell {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Shell {
    fn start(plugin: &Plugin, words: &[&str]) -> Self {
        let program = Path::new(AUTHORS).parent().unwrap().to_owned();
        let path = std::env::join_paths([program, PathBuf::from("/usr/bin"), PathBuf::from("/bin")]).unwrap();
        let mut command = Command::new(tools::python());
        command.args(["-c", TERMINAL]).args(words).current_dir(plugin.temp()).env_clear();
        command.envs([("HOME", plugin.home.as_os_str()), ("ZDOTDIR", plugin.home.as_os_str()), ("PATH", &path)]);
        command.envs([("TERM", "xterm"), ("LANG", "C.UTF-8")]);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = streams.spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, shared) = (child.stdout.take().unwrap(), Arc::clone(&said));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                shared.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        let shell = Self { child, said };
        wait_until("the shell is ready", Duration::from_secs(60), || shell.screen().contains(PROMPT));
        shell
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// Types these keys, and waits until this is on the screen.
    #[track_caller]
    fn types_and_sees(&mut self, keys: &str, wanted: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        let seen = || self.screen().contains(wanted);
        for _ in 0..6000 {
            if seen() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{keys:?} did not lead to {wanted:?}:\n{}", self.screen());
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Command, flag, value and directory, each begun and then completed, of a plugin with a finding.
#[track_caller]
fn completes(name: &str, start: &str, words: &[&str]) {
    let Some(program) = tools::on_path(name) else {
        return skip("completions", &format!("there is no `{name}` on PATH"));
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
    let rc = plugin.home.join(".rc").display().to_string();
    let words: Vec<&str> = words.iter().map(|word| if *word == "RC" { rc.as_str() } else { word }).collect();
    let mut shell = Shell::start(&plugin, &[&[program.to_str().unwrap()], words.as_slice()].concat());
    shell.types_and_sees("plugdeps li\t--form\tgi\ta\t\n", "::error file=");
    assert!(shell.screen().contains("a plugin/.mcp.json,line="), "{}", shell.screen());
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
