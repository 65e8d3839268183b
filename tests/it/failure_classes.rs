//! Every way in which an installation fails, produced for real with uv and pip of several versions: each is recognised
//! and told in one sentence with what to do. The index has a login, which is in nothing that is said or written.

use crate::secrets::{holders, spellings};
use crate::support::http::{Answer, Server};
use crate::support::*;
use plugdeps::failure;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

/// An installer of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Uv(&'static str),
    Pip(&'static str),
}

use Tool::{Pip, Uv};

/// The installers that a class is recognised from: the newest and the oldest ones, which say it in other words; with
/// `PLUGDEPS_TEST_INSTALLERS=all` those between as well.
static EVERY: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let all = std::env::var("PLUGDEPS_TEST_INSTALLERS").is_ok_and(|which| which == "all");
    let between = [Pip("24.0"), Pip("23.2")].into_iter().filter(|_| all);
    [Uv("0.13.8"), Uv("0.9.7"), Pip("26.3"), Pip("21.3")].into_iter().chain(between).collect()
});
/// What the installers know of every index, whether it asks for it or not.
const PASSWORD: &str = "hunter2-s3cr3t";
const LOGIN: &str = "me:hunter2-s3cr3t";

/// Where the words are not the installer's own.
const NEWEST: [Tool; 2] = [Uv("0.13.8"), Pip("26.3")];

/// A plugin with this installer alone, which gives up soon.
fn plugin_with(tool: Tool) -> Plugin {
    let plugin = Plugin::new("x").env("UV_HTTP_RETRIES", "0").env("PIP_RETRIES", "1");
    match tool {
        Uv(version) => plugin.uv_of(version),
        Pip(version) => plugin.pip_of(version),
    }
}

/// The same, needing this from this index.
fn needing(tool: Tool, requirements: &str, index: &Index) -> Plugin {
    plugin_with(tool).index_url(&index.url_with_login(LOGIN)).file("requirements.txt", &format!("{requirements}\n"))
}

/// An address with the login.
fn with_login(address: &str) -> String {
    address.replacen("://", &format!("://{LOGIN}@"), 1)
}

/// It failed in this class, and nobody but the installer was told the login.
#[track_caller]
fn tells(plugin: &Plugin, output: &Output, class: &str, tool: Tool) {
    output.told(class, tool);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(!spellings(&[PASSWORD]).iter().any(|secret| said.contains(secret.as_str())), "{tool:?}: {class}\n{output}");
    // Reports show what is in the data.
    assert_eq!(holders(plugin.temp(), &[PASSWORD]), [""; 0].map(PathBuf::from), "{tool:?}: {class} writes the login");
}

/// Each of the installers fails in this class.
#[track_caller]
fn fails(class: &str, tools: &[Tool], plugin: impl Fn(Tool) -> Plugin) {
    for tool in tools {
        let plugin = plugin(*tool);
        tells(&plugin, &plugin.sync(), class, *tool);
        assert_eq!(plugin.generations_of("main"), [""; 0], "what failed is removed");
    }
}

/// Each of the installers fails in this class when the index behaves so.
#[track_caller]
fn index_fails(class: &str, behave: impl Fn(&Index)) {
    let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").payload(100_000));
    behave(&packages);
    fails(class, &EVERY, |tool| {
        // What hangs is given up after a second.
        needing(tool, "alpha", &packages).env("UV_HTTP_TIMEOUT", "1").env("PIP_DEFAULT_TIMEOUT", "1")
    });
}

/// Each of the installers fails in this class with an index at this address.
#[track_caller]
fn address_fails(class: &str, tools: &[Tool], address: &str) {
    fails(class, tools, |tool| plugin_with(tool).index_url(&with_login(address)).file("requirements.txt", "alpha\n"));
}

#[test]
fn no_version_that_satisfies_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    fails("no-matching-version", &EVERY, |tool| needing(tool, "alpha>=7", &packages));
    let packages = packages.with(&Wheel::simple("beta", "1.0").requires("alpha>=7"));
    fails("no-matching-version", &EVERY, |tool| needing(tool, "beta\nalpha", &packages));
}

#[test]
fn a_package_that_the_index_does_not_have_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    fails("no-such-package", &EVERY, |tool| needing(tool, "no-such-name", &packages));
}

#[test]
fn a_page_that_offers_nothing_is_told() {
    // As of a network that wants a login first.
    let portal = Server::start(|_| Answer::new(200, "<html>log in</html>").header("Content-Type", "text/html"));
    address_fails("nothing-found", &EVERY, &format!("http://{}/simple", portal.address()));
}

#[test]
fn a_package_for_another_python_is_told() {
    let packages = Packages::of(&[]).with(&Wheel::simple("future", "1.0").python(">=3.99"));
    fails("needs-another-python", &EVERY, |tool| needing(tool, "future", &packages));
    packages.bare(true);
    fails("needs-another-python", &EVERY, |tool| needing(tool, "future", &packages));
    // The versions that were left out for their Python are not to blame for one that there is not.
    packages.bare(false);
    packages.add(&Wheel::simple("future", "0.5"));
    for (requirement, class) in [("future>=1", "needs-another-python"), ("future>=2", "no-matching-version")] {
        fails(class, &[Pip("26.3"), Pip("24.0"), Pip("23.2")], |tool| needing(tool, requirement, &packages));
    }
    fails("needs-another-python", &NEWEST, |tool| needing(tool, "future>=1", &packages));
}

#[test]
fn a_package_for_another_machine_is_told() {
    let foreign = if cfg!(target_arch = "s390x") { "x86_64" } else { "s390x" };
    let packages = Packages::of(&[])
        .with(&Wheel::simple("windows", "1.0").tag("py3-none-win_amd64"))
        .with(&Wheel::simple("foreign", "1.0").tag(&format!("py3-none-manylinux_2_17_{foreign}")));
    for name in ["windows", "foreign"] {
        fails("wrong-platform", &EVERY, |tool| needing(tool, name, &packages));
    }
}

/// Changes the machine in the head of an ELF file; 22 is s390, 62 is x86-64.
fn for_another_machine(program: &Path) {
    let mut content = fs::read(program).unwrap();
    content[18] = if content[18] == 22 { 62 } else { 22 };
    fs::write(program, content).unwrap();
}

#[test]
fn an_interpreter_for_another_machine_is_told() {
    let plugin = plugin_with(Uv("0.13.8")).file("requirements.txt", "alpha\n");
    let python = plugin.temp().join("python3");
    Cmd::new("cp").arg(fs::canonicalize(tools::python()).unwrap()).arg(&python).run().ok();
    for_another_machine(&python);
    let plugin = plugin.file("plugdeps.toml", &format!("python = {:?}\n", python.display().to_string()));
    plugin.sync().exits(7).stderr_has("error[no-interpreter]").stderr_has("cannot be started: Exec format error");
}

#[test]
fn an_installer_for_another_machine_is_told() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
    let uv = plugin.path_dir().join("uv");
    fs::copy(tools::uv(), &uv).unwrap();
    for_another_machine(&uv);
    plugin.without_pip().sync().exits(8).stderr_has("cause: uv: `").stderr_has("cannot be started: Exec format error");
}

#[test]
fn an_installer_that_goes_away_after_it_was_chosen_is_told() {
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").script("uv", "#!/bin/sh\nrm \"$0\"\n");
    let output = plugin.sync();
    output.exits(9).stderr_has("error[install-failed]: start `").stderr_has("cause: No such file or directory");
    output.stderr_has("hint: install that program anew, for this machine");
}

#[test]
fn a_uv_that_pip_cannot_fetch_is_told() {
    let packages = Packages::of(&[]);
    packages.status(Some(403));
    let pips: Vec<Tool> = EVERY.iter().copied().filter(|tool| matches!(tool, Pip(_))).collect();
    fails("index-authentication", &pips, |tool| {
        let plugin = needing(tool, "", &packages).file("plugdeps.toml", "installer = 'uv'\n");
        plugin.file("requirements.txt", "alpha\n")
    });
}

#[test]
fn an_index_whose_name_is_unknown_is_told() {
    address_fails("dns", &EVERY, "https://no-such.invalid/simple");
}

#[test]
fn an_index_that_pip_does_not_trust_is_told() {
    let pips: Vec<Tool> = EVERY.iter().copied().filter(|tool| matches!(tool, Pip(_))).collect();
    address_fails("untrusted-host", &pips, "http://no-such.invalid/simple");
}

#[test]
fn an_index_that_refuses_connections_is_told() {
    address_fails("connection-refused", &EVERY, "http://127.0.0.1:9/simple");
    // pip says nothing at all of a page that it asks for once.
    fails("connection-refused", &EVERY, |tool| {
        plugin_with(tool).file("requirements.txt", "alpha\n").env("PIP_RETRIES", "0")
    });
}

#[test]
fn an_index_that_does_not_answer_is_told() {
    for files_only in [false, true] {
        index_fails("timeout", |index| _ = index.latency(Duration::from_secs(20)).files_only(files_only));
    }
}

#[test]
fn an_index_that_cuts_connections_off_is_told() {
    for files_only in [false, true] {
        index_fails("connection-lost", |index| _ = index.drop_connections(true).files_only(files_only));
    }
}

#[test]
fn an_index_that_refuses_credentials_is_told() {
    index_fails("index-authentication", |index| _ = index.login(Some("me:pw")));
    for files_only in [false, true] {
        index_fails("index-authentication", |index| _ = index.status(Some(403)).files_only(files_only));
    }
    let packages = Packages::of(&[("alpha", "1.0")]);
    packages.login(Some("me:pw"));
    fails("index-authentication", &EVERY, |tool| {
        needing(tool, "alpha", &packages).index_url(&packages.url_with_login(LOGIN))
    });
}

#[test]
fn an_index_out_of_order_is_told() {
    for status in [500, 502, 503, 504, 429] {
        index_fails("index-error", |index| _ = index.status(Some(status)));
    }
    for status in [500, 503] {
        index_fails("index-error", |index| _ = index.status(Some(status)).files_only(true));
    }
}

#[test]
fn a_certificate_that_nobody_trusts_is_told() {
    let tls = Tls::serve();
    address_fails("tls", &EVERY, &format!("https://127.0.0.1:{}/simple", tls.port));
}

#[test]
fn an_index_that_speaks_no_tls_is_told() {
    address_fails("no-tls", &EVERY, &format!("https://127.0.0.1:{}/simple", no_tls()));
}

#[test]
fn a_proxy_that_wants_a_password_or_lets_nobody_through_is_told() {
    for (status, class) in [(407, "proxy-authentication"), (503, "proxy")] {
        let proxy = closed_proxy(status);
        let address = format!("http://{}", proxy.address());
        fails(class, &EVERY, |tool| {
            let plugin =
                plugin_with(tool).index_url(&with_login("https://no-such.invalid/simple")).env("HTTPS_PROXY", &address);
            plugin.file("requirements.txt", "alpha\n")
        });
    }
}

#[test]
fn a_hash_that_does_not_match_or_is_missing_is_told() {
    let packages = Packages::of(&[("alpha", "1.0"), ("beta", "1.0")]);
    let wrong = format!("alpha==1.0 --hash=sha256:{}", "0".repeat(64));
    fails("hash-mismatch", &EVERY, |tool| needing(tool, &wrong, &packages));
    let right = Wheel::simple("alpha", "1.0").write_hashed(packages.directory());
    let lacking = format!("--require-hashes\n{right}beta==1.0");
    // uv 0.9 ignores this line of a requirements file.
    let tools: Vec<Tool> = EVERY.iter().copied().filter(|tool| *tool != Uv("0.9.7")).collect();
    fails("hash-missing", &tools, |tool| needing(tool, &lacking, &packages));
}

#[test]
fn a_download_that_arrives_damaged_is_told() {
    for bare in [false, true] {
        index_fails("damaged-download", |index| _ = index.corrupt(true).bare(bare));
        index_fails("damaged-download", |index| _ = index.portal(true).bare(bare));
    }
}

#[test]
fn a_download_that_is_cut_off_is_told() {
    let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").payload(100_000));
    for bare in [false, true] {
        packages.truncate(true).bare(bare);
        for tool in EVERY.iter().copied() {
            let plugin = needing(tool, "alpha", &packages);
            let output = plugin.sync();
            // How it looks to uv depends on what the kernel still sends of a connection that is closed.
            let lost = output.stderr.contains(failure::by_code("connection-lost").sentence);
            tells(&plugin, &output, if lost { "connection-lost" } else { "damaged-download" }, tool);
        }
    }
}

#[test]
fn a_package_that_is_not_at_hand_without_the_network_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    fails("offline", &EVERY, |tool| {
        let plugin = needing(tool, "alpha", &packages);
        if matches!(tool, Uv(_)) { plugin.env("UV_OFFLINE", "1") } else { plugin.env("PIP_NO_INDEX", "1") }
    });
    fails("offline", &[Uv("0.13.8")], |tool| needing(tool, "alpha", &packages).env("PIP_NO_INDEX", "1"));
}

#[test]
fn a_requirement_that_cannot_be_understood_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    fails("invalid-requirement", &EVERY, |tool| needing(tool, "alpha ~ 1.0", &packages));
}

/// An index with packages in C, and what builds them.
fn sources() -> Packages {
    let packages = Packages::of(&[]);
    for wheel in fs::read_dir(tools::build_wheels()).unwrap().flatten() {
        fs::copy(wheel.path(), packages.directory().join(wheel.file_name())).unwrap();
    }
    for (name, source, libraries) in [
        ("plain", "int x;\n", ""),
        ("header", "#include <no_such_library.h>\n", ""),
        ("library", "int x;\n", "'no_such_library'"),
        ("mistake", "this is no C\n", ""),
    ] {
        c_sdist(name, "1.0", source, libraries, packages.directory());
    }
    packages
}

/// Puts the compiler of this machine on PATH, under the name that Python was built with.
fn with_compiler(plugin: Plugin) -> Plugin {
    let cc = tools::on_path("cc").expect("install a C compiler: `cc` is what Rust links with");
    let path = std::env::var("PATH").unwrap();
    let script = format!("#!/bin/sh\nPATH='{path}' exec '{}' \"$@\"\n", cc.display());
    ["cc", "gcc", "clang"].iter().fold(plugin, |plugin, name| plugin.script(name, &script))
}

#[test]
fn a_package_that_needs_a_compiler_where_there_is_none_is_told() {
    let packages = sources();
    fails("no-compiler", &EVERY, |tool| needing(tool, "plain", &packages));
}

#[test]
fn a_package_that_needs_a_library_of_the_system_is_told() {
    let packages = sources();
    for name in ["header", "library"] {
        fails("missing-library", &EVERY, |tool| with_compiler(needing(tool, name, &packages)));
    }
}

#[test]
fn a_package_that_cannot_be_built_is_told_with_the_builders_words() {
    let packages = sources();
    fails("build-failed", &EVERY, |tool| with_compiler(needing(tool, "mistake", &packages)));
    broken_sdist("gamma", "1.0", packages.directory());
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "gamma", &packages);
        let output = plugin.sync();
        tells(&plugin, &output, "build-failed", tool);
        output.stderr_has("the compiler of this test is missing");
    }
}

#[test]
fn a_build_that_needs_more_memory_than_there_is_is_told() {
    let packages = Packages::of(&[]);
    sdist("greedy", "1.0", "memory = bytearray(1 << 32)\n", packages.directory());
    fails_limited("out-of-memory", "-v 2000000", "greedy", &packages);
}

#[test]
fn a_build_that_opens_more_files_than_it_may_is_told() {
    let packages = Packages::of(&[]);
    sdist("opening", "1.0", "files = [open('/dev/null') for _ in range(300)]\n", packages.directory());
    fails_limited("too-many-files", "-n 256", "opening", &packages);
}

/// Each installer fails in this class with a package whose build wants more than this `ulimit` allows.
#[track_caller]
fn fails_limited(class: &str, limit: &str, package: &str, packages: &Index) {
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, package, packages);
        let limited = plugin.command([""; 0]).into_command();
        let sync = plugin.bare_command("sh").args(["-c", &format!("ulimit {limit}; exec \"$0\" sync")]);
        let sync = limited.get_envs().fold(sync, |cmd, (name, value)| cmd.env(name, value.unwrap_or_default()));
        tells(&plugin, &sync.arg(limited.get_program()).run(), class, tool);
    }
}

/// Starts `sync` and waits until the installer waits for a package; then something happens, and the end is waited for.
#[track_caller]
fn meanwhile(plugin: &Plugin, packages: &Packages, name: &str, happen: impl FnOnce(&Path)) -> Output {
    during(plugin.command(["sync"]), plugin, packages, name, happen)
}

#[test]
fn an_installer_that_is_killed_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    // Of pip since 22.3 it is the child that works, and so is the one that grows.
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "alpha", &packages);
        let output = meanwhile(&plugin, &packages, "alpha", |_| {
            let youngest = plugin.processes().into_iter().max().unwrap();
            processes::signal(youngest, rustix::process::Signal::KILL);
        });
        tells(&plugin, &output, "killed", tool);
    }
}

#[test]
fn an_interpreter_that_goes_away_during_the_build_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    noisy_sdist("gamma", "1.0", packages.directory());
    // One is installed without it and cannot be sealed, the other cannot even be built.
    for name in ["alpha", "gamma"] {
        for tool in NEWEST {
            let plugin = needing(tool, name, &packages);
            let home = plugin.temp().join("python");
            private_python(&tools::python(), &home);
            let plugin = plugin.python(&home.join("bin/python3"));
            let gone = |_: &Path| fs::rename(&home, home.with_extension("gone")).unwrap();
            tells(&plugin, &meanwhile(&plugin, &packages, name, gone), "interpreter-gone", tool);
        }
    }
}

#[test]
fn a_directory_that_the_installer_may_not_write_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "alpha", &packages);
        let output = during(without_override(&plugin), &plugin, &packages, "alpha", |generation| {
            let mut entries = walkdir::WalkDir::new(generation).into_iter().flatten();
            let site = entries.find(|entry| entry.file_name() == "site-packages").unwrap();
            fs::set_permissions(site.path(), fs::Permissions::from_mode(0o555)).unwrap();
        });
        tells(&plugin, &output, "permission", tool);
    }
}

#[test]
fn a_full_disk_is_told() {
    let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").payload(2_000_000));
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "alpha", &packages);
        let small = format!("mount -t tmpfs -o size=1m tmpfs '{}'", plugin.data.display());
        if let Some(output) = in_mounts(&plugin, &small) {
            tells(&plugin, &output, "disk-full", tool);
        }
    }
}

#[test]
fn a_file_system_that_is_read_only_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "alpha", &packages);
        let read_only = |path: &Path| {
            let path = path.display();
            format!("mount --bind '{path}' '{path}' && mount -o remount,bind,ro '{path}'")
        };
        let Some(output) = in_mounts(&plugin, &read_only(&plugin.data)) else { return };
        output.exits(4).stderr_has("error[data-unusable]").stderr_has("Read-only file system");
        let output = in_mounts(&plugin, &read_only(&plugin.home)).unwrap();
        match tool {
            // uv has its cache there.
            Uv(_) => tells(&plugin, &output, "read-only", tool),
            Pip(_) => _ = output.ok(),
        }
    }
}

#[test]
fn a_path_that_is_too_long_is_told() {
    const LONGEST_PATH: usize = 4096;
    let long = format!("{}/{}.py", "d".repeat(200), "f".repeat(200));
    let packages = Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").module(&long, ""));
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "alpha", &packages);
        let mut data = plugin.data.clone();
        while data.as_os_str().len() < LONGEST_PATH - 500 {
            data.push("n".repeat(100));
        }
        tells(&plugin, &plugin.command(["sync", "--data"]).arg(&data).run(), "path-too-long", tool);
    }
}

#[test]
fn a_data_directory_whose_name_separates_paths_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    let plugin = needing(Pip("26.3"), "alpha", &packages);
    let data = plugin.data.join("a:b");
    tells(&plugin, &plugin.command(["sync", "--data"]).arg(&data).run(), "path-separator", Pip("26.3"));
}

/// An installation of Python without these modules, and with what else `mark` puts into its library.
fn python_without(plugin: &Plugin, modules: &[&str], mark: impl FnOnce(&Path)) -> PathBuf {
    let home = plugin.temp().join("python");
    let library = home.join(format!("lib/python{}", tools::version(&tools::python()).unwrap()));
    fs::create_dir_all(&library).unwrap();
    let says = Command::new(tools::python()).args(["-c", "import os; print(os.__file__)"]).output().unwrap().stdout;
    let real = PathBuf::from(String::from_utf8(says).unwrap().trim());
    for entry in fs::read_dir(real.parent().unwrap()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !modules.contains(&name.trim_end_matches(".py")) {
            symlink(entry.path(), library.join(name)).unwrap();
        }
    }
    mark(&library);
    fs::create_dir(home.join("bin")).unwrap();
    let python = home.join("bin/python3");
    Cmd::new("cp").arg(fs::canonicalize(tools::python()).unwrap()).arg(&python).run().ok();
    python
}

#[test]
fn a_python_without_venv_is_told_where_pip_would_need_it() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    for tool in NEWEST {
        let plugin = needing(tool, "alpha", &packages);
        let python = python_without(&plugin, &["venv"], |_| {});
        let plugin = plugin.python(&python);
        let output = plugin.sync();
        match tool {
            Uv(_) => _ = output.ok(),
            Pip(_) => tells(&plugin, &output, "no-venv", tool),
        }
    }
}

#[test]
fn a_python_without_ensurepip_or_whose_packages_the_system_manages_is_no_obstacle() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    for tool in EVERY.iter().copied() {
        let plugin = needing(tool, "alpha", &packages);
        let mark = |library: &Path| fs::write(library.join("EXTERNALLY-MANAGED"), "[externally-managed]\n").unwrap();
        let python = python_without(&plugin, &["ensurepip"], mark);
        let plugin = plugin.python(&python);
        plugin.sync().ok();
        assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
    }
}

/// What an installer says by itself is of this class: where a build does not lead there any more, but others may.
#[track_caller]
fn says(plugin: &Plugin, python: &Path, words: &[&str], class: &str) {
    let output = plugin.bare_command(python).args(words).run();
    assert!(!output.status.success(), "{output}");
    assert_eq!(failure::classify(&format!("{}{}", output.stdout, output.stderr)).code, class, "{output}");
}

#[test]
fn what_a_system_python_says_is_recognised() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    for version in ["23.2", "24.0", "26.3"] {
        let plugin = plugin_with(Pip(version)).index(&packages);
        let mark = |library: &Path| fs::write(library.join("EXTERNALLY-MANAGED"), "[externally-managed]\n").unwrap();
        let python = python_without(&plugin, &["ensurepip", "venv"], mark);
        says(&plugin, &python, &["-m", "pip", "install", "alpha"], "externally-managed");
        says(&plugin, &python, &["-m", "venv", "x"], "no-venv");
        says(&plugin, &python, &["-I", "-S", "-m", "pip", "install", "alpha"], "no-pip");
    }
    let plugin = plugin_with(NEWEST[0]);
    let python = python_without(&plugin, &["ensurepip"], |_| {});
    says(&plugin, &python, &["-m", "venv", "x"], "no-venv");
}

#[test]
fn an_installer_that_is_too_old_for_the_lock_is_told() {
    let project = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = []\n";
    fails("installer-too-old", &[Uv("0.13.8"), Uv("0.9.7")], |tool| {
        let plugin = plugin_with(tool).file("pyproject.toml", project);
        plugin.file("uv.lock", "version = 99\nrevision = 1\nrequires-python = \">=3.8\"\n")
    });
    fails("installer-too-old", &[Uv("0.13.8")], |tool| {
        plugin_with(tool).file("pylock.toml", "lock-version = \"9.0\"\ncreated-by = \"x\"\npackages = []\n")
    });
}

#[test]
fn a_lock_that_cannot_be_understood_is_told() {
    let project = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = []\n";
    let deep = format!("packages = {}", "[".repeat(10_000));
    let uv = [Uv("0.13.8"), Uv("0.9.7")];
    for rest in ["[[package]]\nname = 'alp", &deep] {
        fails("lock-invalid", &uv, |tool| {
            let plugin = plugin_with(tool).file("pyproject.toml", project);
            plugin.file("uv.lock", &format!("version = 1\nrequires-python = \">=3.8\"\n{rest}"))
        });
    }
    for rest in ["[[packages]]\nname = 'alp", &deep] {
        fails("lock-invalid", &uv, |tool| {
            plugin_with(tool).file("pylock.toml", &format!("lock-version = \"1.0\"\ncreated-by = \"x\"\n{rest}"))
        });
    }
}

#[test]
fn a_build_that_takes_too_long_is_ended_and_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    // Longer than it is waited for below: what is left running does not end by itself.
    packages.latency(Duration::from_secs(60));
    for tool in NEWEST {
        let plugin = needing(tool, "alpha", &packages).file("plugdeps.toml", "deadline = 1\n");
        let output = plugin.sync();
        tells(&plugin, &output, "deadline", tool);
        assert!(output.elapsed < Duration::from_secs(15), "{output}");
        assert_eq!(plugin.check()["environments"][0]["last_failure"]["class"], "deadline");
        wait_until("all have ended", Duration::from_secs(20), || plugin.processes().is_empty());
    }
}

#[test]
fn an_installer_that_ends_well_and_installs_elsewhere_is_told() {
    let packages = Packages::of(&[("alpha", "1.0")]);
    for setting in ["target", "prefix"] {
        fails("not-there", &[Uv("0.13.8"), Uv("0.9.7")], |tool| {
            let plugin = needing(tool, "alpha", &packages);
            let (settings, elsewhere) = (plugin.home.join(".config/uv/uv.toml"), plugin.temp().join("elsewhere"));
            fs::create_dir_all(settings.parent().unwrap()).unwrap();
            fs::write(settings, format!("[pip]\n{setting} = {:?}\n", elsewhere.display().to_string())).unwrap();
            plugin
        });
    }
    // Whoever asks for nothing on this machine gets nothing, and that is well.
    let nothing = "alpha; python_version < '3'\n-e .";
    EVERY.iter().for_each(|tool| _ = needing(*tool, nothing, &packages).sync().ok());
}

#[test]
fn an_installer_that_breaks_down_is_not_said_to_want_memory() {
    for (signal, class) in [("SEGV", "unknown"), ("ABRT", "unknown"), ("KILL", "killed"), ("TERM", "killed")] {
        let plugin = Plugin::new("x").file("requirements.txt", "alpha\n");
        let says = format!("#!/bin/sh\n[ $1 = --version ] && exit\nkill -{signal} $$\n");
        let plugin = plugin.script("uv", &says);
        tells(&plugin, &plugin.sync(), class, Uv("a stub"));
    }
}

#[test]
fn what_nobody_knows_is_told_in_the_installers_last_words() {
    let index = with_login("http://127.0.0.1:9/simple");
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").index_url(&index);
    let says =
        "env; i=0; while [ $i -lt 20 ]; do i=$((i + 1)); echo \"word $i\"; done; echo 'the moon is full'; exit 3";
    let plugin = plugin.script("uv", &format!("#!/bin/sh\n[ $1 = --version ] && exit\n{says}\n"));
    let output = plugin.sync();
    tells(&plugin, &output, "unknown", Uv("a stub"));
    output.stderr_has("exit status 3");
    let hook = plugin.command(["run", "--", "python"]).run();
    hook.exits(12).stderr_has("word 10\n").stderr_has("the moon is full").stderr_lacks("word 9\n");
}

#[test]
fn what_packages_are_called_says_nothing_of_a_failure() {
    let names = ["truncated", "memoryerror", "sslerror", "timed-out", "connection-refused", "permission-denied", "dns"];
    let names = names.into_iter().chain(["no-space-left-on-device", "resolutionimpossible", "externally-managed"]);
    let names: Vec<&str> = names.collect();
    let wheels: Vec<(&str, &str)> = names.iter().map(|name| (*name, "1.0")).collect();
    let packages = Packages::of(&wheels).with(&Wheel::simple("alpha", "1.0"));
    let requirements = format!("{}\nalpha>=7", names.join("\n"));
    fails("no-matching-version", &EVERY, |tool| needing(tool, &requirements, &packages));
}

#[test]
fn every_class_is_produced_here() {
    let here = [include_str!("failure_classes.rs"), include_str!("node_failures.rs")].concat();
    for class in failure::spoken().chain(failure::UNSPOKEN) {
        assert!(here.contains(&format!("\"{}\"", class.code)), "no test produces `{}`", class.code);
    }
}
