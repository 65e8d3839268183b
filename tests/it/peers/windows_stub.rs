//! What stands for uv, Python and servers on Windows: one program that goes by its own name, or by that of the script
//! it is to run. Compiled by `.ci/windows`; it has nothing but the standard library.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::thread::sleep;
use std::time::Duration;

fn main() {
    let me = env::current_exe().unwrap();
    let args: Vec<String> = env::args().skip(1).collect();
    match me.file_stem().and_then(|name| name.to_str()) {
        Some("uv") => uv(&me, &args),
        _ => python(&me, &args),
    }
}

fn uv(me: &Path, args: &[String]) {
    let log = env::var_os("STUB_LOG").map(|path| OpenOptions::new().append(true).create(true).open(path).unwrap());
    if let Some(mut log) = log {
        log.write_all(format!("{}\n", args.join(" ")).as_bytes()).unwrap();
    }
    match args[0].as_str() {
        "venv" => make_environment(me, Path::new(args.last().unwrap()), Path::new(value_of(args, "--python"))),
        "pip" => install(Path::new(value_of(args, "--python"))),
        _ => say("uv 0.13.8"),
    }
}

fn value_of<'a>(args: &'a [String], name: &str) -> &'a str {
    &args[args.iter().position(|arg| arg == name).unwrap() + 1]
}

fn make_environment(me: &Path, prefix: &Path, base: &Path) {
    fs::create_dir_all(prefix.join("Scripts")).unwrap();
    fs::create_dir_all(prefix.join("Lib\\site-packages")).unwrap();
    fs::copy(me, prefix.join("Scripts\\python.exe")).unwrap();
    let home = base.parent().unwrap().display();
    fs::write(prefix.join("pyvenv.cfg"), format!("home = {home}\r\nuv = 0.13.8\r\n")).unwrap();
}

fn install(python: &Path) {
    sleep(Duration::from_millis(env::var("STUB_MS").map_or(0, |ms| ms.parse().unwrap())));
    if let Ok(words) = env::var("STUB_FAILS") {
        say(&words);
        exit(1);
    }
    if env::var_os("STUB_IS_ENDED").is_some() {
        // The status that a task manager leaves, and no word. Whoever is killed from outside wine leaves 0.
        exit(1);
    }
    let prefix = python.parent().and_then(Path::parent).unwrap();
    fs::create_dir_all(prefix.join("Lib\\site-packages\\alpha-1.0.dist-info")).unwrap();
    fs::write(prefix.join("Scripts\\alpha-tool.cmd"), "@echo ran %~f0\r\n").unwrap();
    // For a shell of another system, as some packages bring it.
    fs::write(prefix.join("Scripts\\alpha-tool"), "#!/bin/sh\n").unwrap();
}

fn python(me: &Path, args: &[String]) {
    let script = args.iter().find(|arg| arg.ends_with(".py")).map(Path::new);
    let rest = args.iter().position(|arg| arg.ends_with(".py")).map_or(&[][..], |at| &args[at + 1..]);
    match script.and_then(Path::file_stem).and_then(|name| name.to_str()) {
        None if args.iter().any(|arg| arg == "-c") => tell_who(me, args),
        None => say(&format!("ran {}", me.display())),
        Some("serve") => serve(me),
        Some("exit") => exit(rest[0].parse().unwrap()),
        Some("copy") => drop(io::copy(&mut io::stdin(), &mut io::stdout()).unwrap()),
        Some("last") => last_words(&rest[0]),
        Some("host") => host(&rest[0], &rest[1..]),
        Some("family") => family(me, &rest[0]),
        Some("beat") => beat(&rest[0]),
        Some("keep") => sleep(Duration::from_secs(3600)),
        Some("hold") => hold(&rest[0], rest[1].parse().unwrap()),
        Some("start") => exit(Command::new(&rest[0]).args(&rest[1..]).status().unwrap().code().unwrap()),
        Some(other) => panic!("no script `{other}`"),
    }
}

/// As Python answers plugdeps, in text mode. Of the launcher it is the newest Python 3 only where that is asked for.
fn tell_who(me: &Path, args: &[String]) {
    if me.ends_with("py.exe") && args[0] != "-3" {
        say("it was not asked for Python 3");
        exit(103);
    }
    let settings = fs::read_to_string(me.ancestors().nth(2).unwrap().join("pyvenv.cfg")).unwrap_or_default();
    let home = settings.lines().find_map(|line| line.strip_prefix("home = ")).map(PathBuf::from);
    let base = match env::var_os("STUB_PYTHON").filter(|_| me.ends_with("py.exe")) {
        Some(python) => PathBuf::from(python),
        None => home.map_or(me.to_owned(), |home| home.join("python.exe")),
    };
    say("");
    let fields = ["cpython", "3.12", "3.12.1", "cpython-312", "win32-amd64-system"].join("\t");
    say(&format!("plugdeps-interpreter\t{fields}\t{}", base.display()));
}

fn say(line: &str) {
    io::stdout().write_all(format!("{line}\r\n").as_bytes()).unwrap();
}

/// A server that knows as much of the protocol as a session needs.
fn serve(me: &Path) {
    for line in io::stdin().lock().lines().map(Result::unwrap) {
        let Some((_, rest)) = line.split_once("\"id\":") else { continue };
        let id = rest.split([',', '}']).next().unwrap();
        let result = if line.contains("\"initialize\"") {
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"stub","version":"1"}}"#.into()
        } else if line.contains("\"tools/list\"") {
            r#"{"tools":[{"name":"where","inputSchema":{"type":"object"}}]}"#.to_owned()
        } else {
            format!(r#"{{"content":[{{"type":"text","text":{:?}}}]}}"#, me.display().to_string())
        };
        io::stdout().write_all(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}\n").as_bytes()).unwrap();
    }
}

/// A server that ends before it has answered.
fn last_words(words: &str) {
    io::stderr().write_all(format!("{words}\r\n").as_bytes()).unwrap();
    exit(3);
}

/// Starts a program as a host on Windows does, with pipes of Windows; what passes is copied, its status is ours.
fn host(program: &str, args: &[String]) {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    std::thread::spawn(move || pass_on(&mut io::stdin(), &mut stdin));
    let said = std::thread::spawn(move || pass_on(&mut stderr, &mut io::stderr()));
    pass_on(&mut child.stdout.take().unwrap(), &mut io::stdout());
    said.join().unwrap();
    exit(child.wait().unwrap().code().unwrap());
}

/// Until either side is closed.
fn pass_on(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// Starts a child that beats, and lives on without it.
fn family(me: &Path, file: &str) {
    Command::new(me).args(["beat.py", file]).spawn().unwrap();
    say("up");
    sleep(Duration::from_secs(600));
}

fn beat(file: &str) {
    let mut file = File::create(file).unwrap();
    loop {
        file.write_all(b".").unwrap();
        sleep(Duration::from_millis(20));
    }
}

/// Has a file open as a virus scanner has, so that nobody may replace or read it.
fn hold(file: &str, ms: u64) {
    use std::os::windows::fs::OpenOptionsExt;
    let held = OpenOptions::new().read(true).share_mode(0).open(file).unwrap();
    say("held");
    sleep(Duration::from_millis(ms));
    drop(held);
}
