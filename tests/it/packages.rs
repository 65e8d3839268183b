//! The packages for npm and PyPI: packed of what is built here, installed by the managers themselves without a network,
//! and tried as an author does.

use crate::support::namespace::skip;
use crate::support::*;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What stands for the program of a plugin.
const SHIPPED: &str = "#!/bin/sh\necho \"plugdeps of the plugin: $*\"\n";
/// Every file that a release has of each kind.
const PROGRAMS: [&str; 4] = ["plugdeps-linux-x86_64", "plugdeps-linux-aarch64", "plugdeps-macos", "plugdeps.exe"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The name that a program for this machine has.
fn own_name() -> String {
    if cfg!(target_os = "macos") {
        return "plugdeps-macos".into();
    }
    format!("plugdeps-linux-{}", std::env::consts::ARCH)
}

/// Writes a file, and the checksum of it behind those that are there.
fn put(directory: &Path, name: &str, bytes: &[u8], mode: u32) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join(name), bytes).unwrap();
    fs::set_permissions(directory.join(name), fs::Permissions::from_mode(mode)).unwrap();
    let sums = directory.join("SHA256SUMS");
    let before = fs::read_to_string(&sums).unwrap_or_default();
    fs::write(sums, format!("{before}{}  {name}\n", sha256(&directory.join(name)))).unwrap();
}

/// What `install.sh` would have built, with these programs for authors.
fn built(plugin: &Plugin, programs: &[(&str, &[u8])]) -> PathBuf {
    let built = plugin.temp().join("built");
    let launcher = fs::read(repository().join("launcher.sh")).unwrap();
    for directory in [&built, &built.join("plugin")] {
        put(directory, "plugdeps", &launcher, 0o755);
        put(directory, "plugdeps.json", b"{}\n", 0o644);
    }
    put(&built.join("plugin"), &own_name(), SHIPPED.as_bytes(), 0o755);
    programs.iter().for_each(|(name, bytes)| put(&built, name, bytes, 0o755));
    built
}

/// The program of this build, without what a debugger would want of it.
fn own_program(plugin: &Plugin) -> Vec<u8> {
    let stripped = plugin.temp().join("stripped");
    Cmd::new("strip").arg("-o").arg(&stripped).arg(env!("CARGO_BIN_EXE_plugdeps")).run().ok();
    fs::read(stripped).unwrap()
}

fn pack(built: &Path, into: &Path) -> Output {
    Cmd::new(tools::python()).arg(repository().join("packages/build.py")).arg(built).arg(into).run()
}

/// The packages for this machine.
fn packed(plugin: &Plugin) -> PathBuf {
    let into = plugin.temp().join("packages");
    pack(&built(plugin, &[(&own_name(), &own_program(plugin))]), &into).ok();
    into
}

fn only(directory: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut fitting = files.filter(|path| path.to_string_lossy().ends_with(ending));
    fitting.next().unwrap_or_else(|| panic!("`{}` has no {ending}", directory.display()))
}

/// The command in a new directory makes a plugin of it, which has the programs that the package carries.
#[track_caller]
fn begins_a_plugin(plugin: &Plugin, name: &str, command: Cmd) {
    let new = plugin.temp().join(name);
    fs::create_dir_all(&new).unwrap();
    command.args(["init", "--yes"]).cwd(&new).run().ok().stderr_has("written");
    let said = plugin.bare_command(new.join("bin/plugdeps")).arg("session-start").run();
    said.ok().stdout_is("plugdeps of the plugin: session-start\n");
    assert!(fs::read_to_string(new.join("hooks/hooks.json")).unwrap().contains("bin/plugdeps\\\" session-start"));
    for file in ["SHA256SUMS", "plugdeps.json", ".mcp.json", ".claude-plugin/plugin.json"] {
        assert!(new.join(file).is_file() || new.join("bin").join(file).is_file(), "`{file}` is not there");
    }
}

#[test]
fn an_author_begins_a_plugin_with_the_package_for_npm_and_with_the_wheel_by_uvx_and_pip() {
    let plugin = Plugin::new("x").uv();
    let packages = packed(&plugin);
    begins_by_npx(&plugin, &only(&packages, ".tgz"));
    let wheel = only(&packages, &format!("{}.whl", std::env::consts::ARCH));
    let uvx = tools::uv().with_file_name("uvx");
    let uvx = plugin.bare_command(uvx).args(["--offline", "--python"]).arg(tools::python()).arg("--from").arg(&wheel);
    begins_a_plugin(&plugin, "by uvx", uvx.arg("plugdeps"));
    let prefix = plugin.temp().join("prefix");
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-warn-script-location", "--prefix"];
    plugin.bare_command(tools::python()).args(pip).arg(&prefix).arg(&wheel).run().ok();
    begins_a_plugin(&plugin, "by pip", plugin.bare_command(prefix.join("bin/plugdeps")));
    assert!(prefix.join("share/man/man1/plugdeps.1").is_file());
}

fn begins_by_npx(plugin: &Plugin, package: &Path) {
    let (Some(path), Some(npm)) = (path_of_node(plugin), tools::on_path("npm")) else {
        return skip("packages", "there is no `node`, or no `npm`");
    };
    let installed = plugin.temp().join("installed");
    fs::create_dir_all(&installed).unwrap();
    let npm = || plugin.bare_command(&npm).env("PATH", &path).cwd(&installed);
    npm().args(["install", "--offline", "--no-audit", "--no-fund", "--prefix", "."]).arg(package).run().ok();
    let npx = npm().args(["exec", "--offline", "--prefix"]).arg(&installed).args(["--", "plugdeps"]);
    begins_a_plugin(plugin, "by npx", npx);
    let manual = installed.join("node_modules/plugdeps/plugdeps.1");
    assert!(fs::read_to_string(manual).unwrap().starts_with(".TH PLUGDEPS 1"));
}

/// A PATH with Node on it, if there is one.
fn path_of_node(plugin: &Plugin) -> Option<OsString> {
    let node = tools::on_path("node")?;
    Some(std::env::join_paths([node.parent().unwrap(), plugin.path_dir()]).unwrap())
}

#[test]
fn what_npm_starts_hands_arguments_streams_and_signals_on_and_ends_as_the_program_ends() {
    let plugin = Plugin::new("x");
    let Some(path) = path_of_node(&plugin) else { return skip("packages", "there is no `node`") };
    let package = plugin.temp().join("package");
    let shim = package.join("plugdeps.cjs");
    executable(&shim, &fs::read_to_string(repository().join("packages/plugdeps.cjs")).unwrap());
    let program = package.join("programs").join(own_name());
    let run = |args: &[&str]| plugin.bare_command(&shim).env("PATH", &path).args(args);
    run(&[]).run().exits(126).stderr_has("plugdeps: cannot start `").stderr_has("ENOENT");
    executable(&program, "#!/bin/sh\nexec sh -c \"$@\"\n");
    let said = run(&["printf '%s|' \"$@\"; cat; exit 7", "x", "a  b", "", "$HOME"]).stdin("put in").run();
    said.exits(7).stdout_is("a  b||$HOME|put in").stderr_is("");
    let killed = run(&["kill -9 $$"]).run();
    assert_eq!(killed.status.signal(), Some(9), "{killed}");
    for (name, signal) in [("INT", Signal::INT), ("TERM", Signal::TERM), ("HUP", Signal::HUP)] {
        let script = format!("trap 'echo told; exit 9' {name}; echo on; while :; do sleep 0.05; done");
        let waiting = run(&[&script]).spawn();
        wait_until("it runs", Duration::from_secs(60), || waiting.stdout_so_far() == "on\n");
        kill_process(Pid::from_raw(waiting.pid().cast_signed()).unwrap(), signal).unwrap();
        waiting.wait().exits(9).stdout_is("on\ntold\n");
    }
}

#[test]
fn the_same_files_make_the_same_packages_one_for_npm_and_a_wheel_for_each_program() {
    let plugin = Plugin::new("x");
    // The manual is asked of the program for this machine.
    let programs = PROGRAMS.map(|name| (name, "#!/bin/sh\necho .TH\n".as_bytes()));
    let built = built(&plugin, &programs);
    let [one, other] = ["one", "other"].map(|name| plugin.temp().join(name));
    pack(&built, &one).ok();
    pack(&built, &other).ok();
    let names = |directory: &Path| {
        let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.into_iter().map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    let tags = [
        "macosx_11_0_universal2",
        "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
        "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
        "win_amd64.win_arm64",
    ];
    let mut expected = tags.map(|tag| format!("plugdeps-{VERSION}-py3-none-{tag}.whl")).to_vec();
    expected.push(format!("plugdeps-{VERSION}.tgz"));
    assert_eq!(names(&one), expected);
    for name in expected {
        assert!(fs::read(one.join(&name)).unwrap() == fs::read(other.join(&name)).unwrap(), "`{name}` differs");
    }
    fs::write(built.join("plugdeps.exe"), "another").unwrap();
    pack(&built, &other).exits(1).stderr_has("plugdeps.exe`: it is not what");
}

#[test]
fn install_sh_builds_the_commands_for_authors_only_where_it_is_told_to() {
    let plugin = Plugin::new("x");
    let cargo =
        "#!/bin/sh\ncase $1 in\n-vV) echo 'host: x86_64-unknown-linux-gnu' ;;\n*) echo \"$@\" && exit 1 ;;\nesac\n";
    let plugin =
        plugin.script("cargo", cargo).script("rustc", "#!/bin/sh\necho /\n").script("rustup", "#!/bin/sh\nexit 1\n");
    ["dirname", "sed", "mktemp"].iter().for_each(|tool| plugin.link(&tools::on_path(tool).unwrap()));
    let install = |flags: &[&str]| {
        let command = plugin.bare_command(repository().join("install.sh")).args(flags).arg(&plugin.project);
        command.env("CARGO_TARGET_DIR", plugin.temp()).run()
    };
    install(&[]).exits(5).stderr_has("--no-default-features");
    install(&["--author"]).exits(5).stderr_has("build --release --locked").stderr_lacks("--no-default-features");
}
