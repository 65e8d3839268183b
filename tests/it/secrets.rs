//! Credentials reach the installer and nothing else: no file of the plugin, its data, the home or the temporary
//! directory but those that a person wrote, no stream, no report, no answer to a client, no argument of a process.

use crate::support::http::{Answer, Server};
use crate::support::*;
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PASSWORD: &str = "hunter2-s3cr3t";
const LOGIN: &str = "me:hunter2-s3cr3t";
const LONG: Duration = Duration::from_secs(60);

/// The secrets as they are, and as an HTTP header has them.
pub fn spellings(secrets: &[&str]) -> Vec<String> {
    let basic = secrets.iter().flat_map(|secret| [format!("me:{secret}"), format!("{secret}:")]);
    basic
        .map(|login| encode::base64(login.as_bytes()))
        .chain(secrets.iter().map(|secret| (*secret).to_owned()))
        .collect()
}

/// The files below a directory that hold a secret.
pub fn holders(directory: &Path, secrets: &[&str]) -> Vec<PathBuf> {
    let words = spellings(secrets).into_iter().flat_map(|word| ["-e".to_owned(), word]);
    // As bytes, of every kind of file, and faster than an unoptimised test could.
    let found = Command::new("grep").args(["-rlaF"]).args(words).arg(directory).env("LC_ALL", "C").output().unwrap();
    assert!(found.status.code() != Some(2), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap().lines().map(PathBuf::from).collect()
}

/// A world with secrets, and all that anybody has heard from it.
struct Watched {
    world: World,
    secrets: Vec<&'static str>,
    /// The files that held a secret before the program was started for the first time: a person wrote them.
    own: Vec<PathBuf>,
    heard: Vec<(String, String)>,
}

impl Watched {
    fn new(world: World, secrets: &[&'static str]) -> Self {
        let tmp = world.plugin.temp().join("tmp");
        fs::create_dir_all(&tmp).unwrap();
        let world = World { plugin: world.plugin.env("TMPDIR", tmp), ..world };
        let own = holders(world.plugin.temp(), secrets);
        Self { world, secrets: secrets.to_vec(), own, heard: Vec::new() }
    }

    fn hear(&mut self, output: &Output) {
        self.heard.push((format!("{output}"), format!("{}\n{}", output.stdout, output.stderr)));
    }

    fn does(&mut self, args: &[&str]) -> Output {
        let output = self.world.plugin.command(args).run();
        self.hear(&output);
        output
    }

    /// Every door once, those that build more than once; says whether the last `sync` succeeded.
    fn opens_every_door(&mut self) -> bool {
        self.does(&["--check"]);
        let hook = self.world.plugin.hook();
        self.hear(&hook);
        self.talks_to_the_server();
        let synced = self.does(&["sync"]).status.success();
        let shown = self.world.plugin.on_terminal(["sync", "--rebuild"]).run();
        self.hear(&shown);
        self.does(&["run", "--", "python", "-c", "import alpha"]);
        self.does(&["--check"]);
        self.does(&["--check", "--json"]);
        for format in ["sh", "fish", "powershell", "json", "dotenv", "mcp"] {
            self.does(&["env", "--format", format]);
        }
        self.does(&["prune"]);
        if synced {
            self.does(&["snapshot"]).ok();
        }
        synced
    }

    /// All that was heard, for a failed assertion.
    fn transcript(&self) -> String {
        self.heard.iter().map(|(who, _)| who.as_str()).collect()
    }

    fn talks_to_the_server(&mut self) {
        let mut server = self.world.plugin.server("plain");
        server.initialize();
        server.list_tools();
        server.call_tool("value", serde_json::json!({}));
        let said = format!("{}\n{}", server.conversation(), server.stderr());
        self.heard.push((said.clone(), said));
    }

    /// Panics with whatever knows a secret.
    #[track_caller]
    fn keeps_them(&self, what: &str) {
        for (who, said) in &self.heard {
            let tells = spellings(&self.secrets).iter().any(|secret| said.contains(secret.as_str()));
            assert!(!tells, "{what}: told by {who}\n{said}");
        }
        let mut wrong = String::new();
        for path in holders(self.world.plugin.temp(), &self.secrets) {
            if !self.own.contains(&path) {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                writeln!(wrong, "{}:\n{}", path.display(), text.chars().take(2000).collect::<String>()).unwrap();
            }
        }
        assert!(wrong.is_empty(), "{what}: written to {wrong}");
    }
}

// where a secret may stand

/// A world whose index demands this login, which the plugin does not have yet.
fn guarded(installer: Installer, login: &str) -> World {
    let world = World::new(installer);
    world.index.login(Some(login));
    World { plugin: world.plugin.without_index(), ..world }
}

fn with_env(world: World, name: &str, value: &str) -> World {
    World { plugin: world.plugin.env(name, value), ..world }
}

/// Writes a file of the user's home.
fn at_home(world: &World, path: &str, text: &str) {
    let path = world.plugin.home.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The direct address of a file of the index, with the login.
fn direct(world: &World, login: &str) -> String {
    let url = world.index.url_with_login(login);
    format!("{}/files/alpha-1.0-py3-none-any.whl", url.trim_end_matches("/simple"))
}

fn project(world: &World, dependency: &str, rest: &str) {
    let _ = fs::remove_file(world.plugin.root.join("requirements.txt"));
    let head = "[project]\nname = \"tiny\"\nversion = \"1\"\nrequires-python = \">=3.8\"\n";
    world.plugin.write("pyproject.toml", &format!("{head}dependencies = [{dependency:?}]\n{rest}"));
}

type Place = (&'static str, &'static [Installer], fn(World) -> World);

const UV: &[Installer] = &[Installer::Uv];
const PIP: &[Installer] = &[Installer::Pip];

/// A keyring that knows the password, as both installers start one.
const KEYRING: &str = "#!/bin/sh\n\
    if [ \"$1\" = --mode ]; then echo '{\"username\": \"me\", \"password\": \"hunter2-s3cr3t\"}'; \
    else echo hunter2-s3cr3t; fi\n";

const IN_THE_ENVIRONMENT: &[Place] = &[
    ("the environment", &BOTH, |world| {
        let url = world.index.url_with_login(LOGIN);
        World { plugin: world.plugin.index_url(&url), ..world }
    }),
    ("pip's variables alone", &BOTH, |world| {
        let (url, extra) = (world.index.url_with_login(LOGIN), world.index.url_with_login(LOGIN));
        with_env(with_env(world, "PIP_INDEX_URL", &url), "PIP_EXTRA_INDEX_URL", &extra)
    }),
    ("a proxy", &BOTH, |world| {
        let proxy = proxy(world.wheels.path());
        let address = format!("http://{LOGIN}@{}", proxy.address());
        // It serves as long as this process, since the world does not know it.
        std::mem::forget(proxy);
        let world = World { plugin: world.plugin.index_url("http://packages.invalid/simple"), ..world };
        with_env(with_env(world, "http_proxy", &address), "PIP_TRUSTED_HOST", "packages.invalid")
    }),
];

/// A proxy that wants the login, and in which all addresses lead to `alpha` 1.0.
fn proxy(wheels: &Path) -> Server {
    let file = "alpha-1.0-py3-none-any.whl";
    let wheel = fs::read(wheels.join(file)).unwrap();
    Server::start(move |request| {
        if request.header("proxy-authorization") != Some(&format!("Basic {}", encode::base64(LOGIN.as_bytes()))) {
            return Answer::status(407).header("Proxy-Authenticate", "Basic realm=\"proxy\"");
        }
        match request.path.ends_with(".whl") {
            true => Answer::new(200, wheel.clone()),
            false => Answer::new(200, format!("<a href=\"/{file}\">{file}</a>")).header("Content-Type", "text/html"),
        }
    })
}

const IN_REQUIREMENTS: &[Place] = &[
    ("`--index-url`", &BOTH, |world| {
        world.needs(&format!("--index-url {}\nalpha", world.index.url_with_login(LOGIN)));
        world
    }),
    ("`--extra-index-url`", &BOTH, |world| {
        world.needs(&format!("--extra-index-url {}\nalpha", world.index.url_with_login(LOGIN)));
        World { plugin: world.plugin.index_url("http://127.0.0.1:9/simple"), ..world }
    }),
    ("`--find-links`", &BOTH, |world| {
        world.needs(&format!("--no-index\n--find-links {}/alpha/\nalpha", world.index.url_with_login(LOGIN)));
        world
    }),
    ("variables in a requirements file", &BOTH, |world| {
        let url = world.index.url_with_login("${INDEX_USER}:${INDEX_PASSWORD}");
        world.needs(&format!("--index-url {url}\nalpha"));
        with_env(with_env(world, "INDEX_USER", "me"), "INDEX_PASSWORD", PASSWORD)
    }),
    ("a direct address", &BOTH, |world| {
        world.needs(&format!("alpha @ {}", direct(&world, LOGIN)));
        world
    }),
    ("an address and the plugin", &BOTH, |world| {
        world.needs(&format!("-e .\n--index-url {}\nalpha", world.index.url_with_login(LOGIN)));
        world
    }),
];

const IN_A_PROJECT: &[Place] = &[
    ("a project", &BOTH, |world| {
        project(&world, &format!("alpha @ {}", direct(&world, LOGIN)), "");
        world
    }),
    ("an index of a project", UV, |world| {
        let url = world.index.url_with_login(LOGIN);
        project(&world, "alpha", &format!("[[tool.uv.index]]\nurl = {url:?}\ndefault = true\n"));
        world
    }),
    ("a source of a project", UV, |world| {
        let url = direct(&world, LOGIN);
        project(&world, "alpha", &format!("[tool.uv.sources]\nalpha = {{ url = {url:?} }}\n"));
        world
    }),
    ("a lock", UV, |world| {
        let url = world.index.url_with_login(LOGIN);
        project(&world, "alpha", &format!("[[tool.uv.index]]\nurl = {url:?}\ndefault = true\n"));
        world.plugin.bare_command("uv").args(["lock", "--quiet", "--project"]).arg(&world.plugin.root).run().ok();
        world
    }),
    ("an address in a lock", UV, |world| {
        project(&world, &format!("alpha @ {}", direct(&world, LOGIN)), "");
        world.plugin.bare_command("uv").args(["lock", "--quiet", "--project"]).arg(&world.plugin.root).run().ok();
        let lock = world.plugin.root.join("uv.lock");
        let text = fs::read_to_string(&lock).unwrap().replace("http://127", &format!("http://{LOGIN}@127"));
        fs::write(&lock, text).unwrap();
        world
    }),
    ("the variables of a named index", UV, |world| {
        let url = world.index.url();
        project(&world, "alpha", &format!("[[tool.uv.index]]\nname = \"acme\"\nurl = {url:?}\ndefault = true\n"));
        with_env(with_env(world, "UV_INDEX_ACME_USERNAME", "me"), "UV_INDEX_ACME_PASSWORD", PASSWORD)
    }),
];

const KEPT_BY_THE_USER: &[Place] = &[
    ("netrc", &BOTH, |world| {
        at_home(&world, ".netrc", &format!("machine 127.0.0.1\nlogin me\npassword {PASSWORD}\n"));
        let url = world.index.url();
        World { plugin: world.plugin.index_url(&url), ..world }
    }),
    ("the user's settings of uv", UV, |world| {
        let url = world.index.url_with_login(LOGIN);
        at_home(&world, ".config/uv/uv.toml", &format!("[[index]]\nurl = {url:?}\ndefault = true\n"));
        world
    }),
    ("the user's settings of pip", PIP, |world| {
        let url = world.index.url_with_login(LOGIN);
        at_home(&world, ".config/pip/pip.conf", &format!("[global]\nindex-url = {url}\n"));
        world
    }),
    ("settings of pip that a variable names", PIP, |world| {
        let url = world.index.url_with_login(LOGIN);
        at_home(&world, "own.conf", &format!("[global]\nindex-url = {url}\n"));
        let path = world.plugin.home.join("own.conf").display().to_string();
        with_env(world, "PIP_CONFIG_FILE", &path)
    }),
    ("a keyring", &BOTH, |world| {
        let url = world.index.url_with_login("me");
        let world = World { plugin: world.plugin.script("keyring", KEYRING).index_url(&url), ..world };
        with_env(with_env(world, "UV_KEYRING_PROVIDER", "subprocess"), "PIP_KEYRING_PROVIDER", "subprocess")
    }),
];

fn kept_in(places: &[Place], installer: Installer) {
    for (place, _, give) in places.iter().filter(|(_, installers, _)| installers.contains(&installer)) {
        let what = format!("{installer:?}, {place}");
        let mut watched = Watched::new(give(guarded(installer, LOGIN)), &[PASSWORD]);
        assert!(watched.opens_every_door(), "{what}: it did not reach the installer\n{}", watched.transcript());
        watched.keeps_them(&what);
    }
}

#[test]
fn uv_alone_is_given_what_stands_in_the_environment() {
    kept_in(IN_THE_ENVIRONMENT, Installer::Uv);
}

#[test]
fn pip_alone_is_given_what_stands_in_the_environment() {
    kept_in(IN_THE_ENVIRONMENT, Installer::Pip);
}

#[test]
fn uv_alone_is_given_what_stands_in_a_requirements_file() {
    kept_in(IN_REQUIREMENTS, Installer::Uv);
}

#[test]
fn pip_alone_is_given_what_stands_in_a_requirements_file() {
    kept_in(IN_REQUIREMENTS, Installer::Pip);
}

#[test]
fn uv_alone_is_given_what_stands_in_a_project_or_a_lock() {
    kept_in(IN_A_PROJECT, Installer::Uv);
}

#[test]
fn pip_alone_is_given_what_stands_in_a_project() {
    kept_in(IN_A_PROJECT, Installer::Pip);
}

#[test]
fn uv_alone_is_given_what_the_user_keeps() {
    kept_in(KEPT_BY_THE_USER, Installer::Uv);
}

#[test]
fn pip_alone_is_given_what_the_user_keeps() {
    kept_in(KEPT_BY_THE_USER, Installer::Pip);
}

#[test]
fn another_password_is_another_environment_all_the_same() {
    let world = guarded(Installer::Uv, LOGIN);
    world.needs(&format!("--index-url {}\nalpha==1.0", world.index.url_with_login(LOGIN)));
    let first = world.built();
    world.index.login(Some("me:other"));
    world.needs(&format!("--index-url {}\nalpha==1.0", world.index.url_with_login("me:other")));
    world.plugin.command(["--check"]).run().exits(10).stdout_lacks(PASSWORD).stdout_lacks("me:other");
    assert_ne!(world.built(), first);
}

#[test]
fn a_changed_manifest_is_explained_without_its_secrets() {
    let world = guarded(Installer::Uv, LOGIN);
    let url = world.index.url_with_login(LOGIN);
    world.needs(&format!("--index-url {url}\nalpha==1.0"));
    world.built();
    world.needs(&format!("--index-url {url}\n--extra-index-url http://x:{PASSWORD}@127.0.0.1:9/\nalpha==1.0"));
    for args in [&["--check"][..], &["--check", "--json"]] {
        world.plugin.command(args).run().exits(10).stdout_has("is new").stdout_lacks(PASSWORD);
    }
}

// how it may be spelt

/// The login that the index demands, how it stands in the address, and what nobody may see.
const SPELLINGS: [(&str, &str, &[&str]); 6] = [
    ("t0k3n-s3cr3t:", "t0k3n-s3cr3t", &["t0k3n-s3cr3t"]),
    ("me:p@ss:w0rd/s3cr3t", "me:p%40ss%3Aw0rd%2Fs3cr3t", &["s3cr3t", "p%40ss", "p@ss"]),
    ("m@e:pw-s3cr3t", "m%40e:pw-s3cr3t", &["pw-s3cr3t"]),
    ("me:p@ss-s3cr3t", "me:p@ss-s3cr3t", &["ss-s3cr3t"]),
    ("me:pw:s3cr3t", "me:pw:s3cr3t", &["pw:s3cr3t", "s3cr3t"]),
    ("me:pw-s3cr3t?#", "me:pw-s3cr3t%3F%23", &["pw-s3cr3t"]),
];

fn kept_however_spelt(installer: Installer) {
    for (login, spelt, secrets) in SPELLINGS {
        for requirement in ["alpha", "alpha>=7"] {
            let world = guarded(installer, login);
            let url = world.index.url_with_login(spelt);
            world.needs(&format!("--index-url {url}\n--extra-index-url \"{url}\"\n{requirement}"));
            let mut watched = Watched::new(world, secrets);
            let what = format!("{installer:?}, {spelt}, {requirement}");
            watched.does(&["session-start"]);
            let synced = watched.does(&["sync"]).status.success();
            assert_eq!(synced, requirement == "alpha", "{what}\n{}", watched.transcript());
            watched.does(&["--check"]);
            watched.does(&["--check", "--json"]);
            watched.keeps_them(&what);
        }
    }
}

#[test]
fn unusual_spellings_are_kept_with_uv() {
    kept_however_spelt(Installer::Uv);
}

#[test]
fn unusual_spellings_are_kept_with_pip() {
    kept_however_spelt(Installer::Pip);
}

#[test]
fn the_query_of_a_signed_address_is_kept_out_of_what_is_said_and_written_but_by_the_installer() {
    for installer in BOTH {
        let world = World::new(installer);
        let file = "alpha-1.0-py3-none-any.whl";
        let wheel = fs::read(world.wheels.path().join(file)).unwrap();
        let server = Server::start(move |_| Answer::new(200, wheel.clone()));
        world.needs(&format!("alpha @ http://{}/{file}?signature={PASSWORD}", server.address()));
        let mut watched = Watched::new(world, &[PASSWORD]);
        assert!(watched.opens_every_door(), "{installer:?}\n{}", watched.transcript());
        // Where an address leads is written into the environment by both installers, as a standard asks them to.
        let is_theirs =
            |path: &PathBuf| path.ends_with("direct_url.json") || path.starts_with(&watched.world.plugin.home);
        let theirs = holders(watched.world.plugin.temp(), &[PASSWORD]).into_iter().filter(is_theirs);
        let theirs: Vec<_> = theirs.collect();
        assert!(theirs.iter().any(|path| path.ends_with("direct_url.json")), "{installer:?}: {theirs:?}");
        watched.own.extend(theirs);
        watched.keeps_them(&format!("{installer:?}"));
    }
}

// when it fails

/// A world that has the secret in many places at once, and needs this.
fn everywhere(installer: Installer, requirement: &str) -> World {
    let world = guarded(installer, LOGIN);
    let url = world.index.url_with_login(LOGIN);
    at_home(&world, ".netrc", &format!("machine 127.0.0.1\nlogin me\npassword {PASSWORD}\n"));
    at_home(&world, ".config/uv/uv.toml", &format!("[[index]]\nurl = {url:?}\n"));
    at_home(&world, ".config/pip/pip.conf", &format!("[global]\nextra-index-url = {url}\n"));
    world.needs(&format!("--extra-index-url {url}\n--find-links {url}/alpha/\n{requirement}"));
    let plugin = world.plugin.index_url(&url).env("PIP_EXTRA_INDEX_URL", &url).env("UV_INDEX", format!("acme={url}"));
    let plugin = plugin.env("UV_INDEX_ACME_USERNAME", "me").env("UV_INDEX_ACME_PASSWORD", PASSWORD);
    let plugin = plugin.env("https_proxy", format!("http://{LOGIN}@127.0.0.1:9"));
    World { plugin: plugin.env("UV_HTTP_RETRIES", "0").env("PIP_RETRIES", "0"), ..world }
}

fn kept_when(installer: Installer, what: &str, requirement: &str, spoil: impl FnOnce(World) -> World) {
    let mut watched = Watched::new(spoil(everywhere(installer, requirement)), &[PASSWORD]);
    let what = format!("{installer:?}, {what}");
    assert!(!watched.opens_every_door(), "{what}: it did not fail\n{}", watched.transcript());
    watched.keeps_them(&what);
}

type Spoiled = (&'static str, &'static str, fn(&World));

const BY_THE_INDEX: [Spoiled; 4] = [
    ("the login is refused", "alpha", |world| {
        world.index.login(Some("other:login"));
    }),
    ("it is forbidden", "alpha", |world| {
        world.index.status(Some(403));
    }),
    ("the index is out of order", "alpha", |world| {
        world.index.status(Some(503));
    }),
    ("nobody listens", "alpha", |world| world.index.stop()),
];

const BY_A_PACKAGE: [Spoiled; 6] = [
    ("downloads are cut off", "alpha", |world| {
        world.index.truncate(true);
    }),
    ("downloads are damaged", "alpha", |world| {
        world.index.corrupt(true);
    }),
    ("there is no such version", "alpha>=7", |_| {}),
    (
        "a hash is wrong",
        "alpha==1.0 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000",
        |_| {},
    ),
    ("a line is no requirement", "alpha @@ http://me:hunter2-s3cr3t@127.0.0.1:9/alpha.whl", |_| {}),
    ("a package cannot be built", "gamma", |world| {
        broken_sdist("gamma", "1.0", world.wheels.path());
    }),
];

fn kept_whatever_fails(installer: Installer, classes: &[Spoiled]) {
    for (what, requirement, spoil) in classes {
        kept_when(installer, what, requirement, |world| {
            spoil(&world);
            world
        });
    }
}

#[test]
fn nothing_leaks_when_the_index_refuses_uv() {
    kept_whatever_fails(Installer::Uv, &BY_THE_INDEX);
}

#[test]
fn nothing_leaks_when_the_index_refuses_pip() {
    kept_whatever_fails(Installer::Pip, &BY_THE_INDEX);
}

#[test]
fn nothing_leaks_when_a_package_cannot_be_installed_by_uv() {
    kept_whatever_fails(Installer::Uv, &BY_A_PACKAGE);
}

#[test]
fn nothing_leaks_when_a_package_cannot_be_installed_by_pip() {
    kept_whatever_fails(Installer::Pip, &BY_A_PACKAGE);
}

#[test]
fn nothing_leaks_when_the_time_is_over() {
    for installer in BOTH {
        kept_when(installer, "its time is over", "alpha", |world| {
            world.plugin.write("plugdeps.toml", "deadline = 1\n");
            world.index.latency(Duration::from_secs(20));
            world
        });
    }
}

#[test]
fn nothing_leaks_when_a_proxy_wants_a_password() {
    for installer in BOTH {
        let proxy = Server::start(|_| Answer::status(407).header("Proxy-Authenticate", "Basic realm=\"proxy\""));
        kept_when(installer, "a proxy refuses", "alpha", |world| {
            with_env(world, "http_proxy", &format!("http://{LOGIN}@{}", proxy.address()))
        });
    }
}

#[test]
fn nothing_leaks_when_a_package_prints_its_environment() {
    for installer in BOTH {
        kept_when(installer, "a build that prints its environment fails", "gamma", |world| {
            let text = "import os, sys\nfor name, value in os.environ.items(): print(name, value)\nsys.exit(1)\n";
            wheels::sdist("gamma", "1.0", text, world.wheels.path());
            world
        });
    }
}

#[test]
fn what_a_server_says_of_its_token_before_it_ends_is_written_nowhere() {
    let world = with_env(World::new(Installer::Uv), "ACME_TOKEN", PASSWORD);
    let url = world.index.url();
    let world = World { plugin: world.plugin.index_url(&url), ..world };
    world.plugin.write("server.py", "import os, sys\nsys.exit('refused: ' + os.environ['ACME_TOKEN'])\n");
    let mut watched = Watched::new(world, &[PASSWORD]);
    let mut server = watched.world.plugin.server("plain");
    server.initialize();
    let answer = server.call_tool("value", serde_json::json!({})).to_string();
    assert!(answer.contains("refused: ****"), "{answer}");
    // Its standard error is the server's own, and reaches the host as it is.
    watched.heard.push((answer, server.conversation().to_owned()));
    drop(server);
    watched.does(&["--check"]).stdout_has("refused: ****");
    watched.does(&["--check", "--json"]);
    watched.keeps_them("a server's own token");
}

// while it runs

/// The processes of a plugin that have these words among their arguments, and the arguments of all.
fn arguments(plugin: &Plugin, word: &str) -> (Vec<u32>, String) {
    let read = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let processes = plugin.processes();
    let all: Vec<(u32, String)> =
        processes.iter().map(|pid| (*pid, String::from_utf8_lossy(&read(pid)).replace('\0', " "))).collect();
    let found = all.iter().filter(|(_, line)| line.contains(word)).map(|(pid, _)| *pid).collect();
    (found, all.into_iter().map(|(_, line)| line + "\n").collect())
}

/// Builds while the files of a package are held, and looks at the arguments of all processes meanwhile.
#[track_caller]
fn shows_no_arguments(world: &World, held: &str, installer: Installer) {
    world.index.hold(held, Duration::from_secs(2));
    let mut sync = world.plugin.command(["sync"]).spawn();
    let mut seen = 0;
    while sync.is_running() {
        let (installers, all) = arguments(&world.plugin, " install ");
        seen += installers.len();
        assert!(!all.contains(PASSWORD), "{installer:?}: {all}");
        std::thread::sleep(Duration::from_millis(20));
    }
    sync.wait().ok();
    assert!(seen > 20, "{installer:?}: no installer was seen at work");
}

#[cfg(target_os = "linux")]
#[test]
fn no_process_has_a_secret_among_its_arguments() {
    for installer in BOTH {
        shows_no_arguments(&everywhere(installer, "alpha"), "alpha", installer);
    }
}

/// pip hands the addresses of indexes to a pip of its own that installs what a build needs: those must have no login.
#[cfg(target_os = "linux")]
#[test]
fn a_login_in_netrc_is_among_no_arguments_even_while_something_is_built() {
    for installer in BOTH {
        let world = guarded(installer, LOGIN);
        Wheel::simple("beta", "1.0").write(world.wheels.path());
        wheels::noisy_sdist_built_with("beta", "gamma", "1.0", world.wheels.path());
        at_home(&world, ".netrc", &format!("machine 127.0.0.1\nlogin me\npassword {PASSWORD}\n"));
        let url = world.index.url();
        let world = World { plugin: world.plugin.index_url(&url), ..world };
        world.needs("gamma");
        shows_no_arguments(&world, "beta", installer);
    }
}

#[test]
fn nothing_leaks_when_the_installer_is_killed() {
    for installer in BOTH {
        let world = everywhere(installer, "alpha");
        world.index.hold("alpha", Duration::from_secs(30));
        let mut watched = Watched::new(world, &[PASSWORD]);
        let sync = watched.world.plugin.command(["sync"]).spawn();
        kill(&watched.world.plugin, " install ");
        let output = sync.wait();
        output.exits(9).stderr_has("killed by signal 9");
        watched.hear(&output);
        for args in [&["--check"][..], &["--check", "--json"], &["run", "--", "python"], &["session-start"]] {
            watched.does(args);
        }
        watched.keeps_them(&format!("{installer:?}"));
    }
}

/// Ends the processes with these words among their arguments, once there are any.
#[track_caller]
fn kill(plugin: &Plugin, word: &str) {
    wait_until("an installer works", LONG, || !arguments(plugin, word).0.is_empty());
    arguments(plugin, word).0.into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
}

#[test]
fn what_a_killed_builder_leaves_is_for_the_user_alone_and_gone_with_the_next_start() {
    for installer in BOTH {
        let world = everywhere(installer, "alpha");
        world.index.hold("alpha", Duration::from_secs(5));
        let mut watched = Watched::new(world, &[PASSWORD]);
        let mut sync = watched.world.plugin.command(["sync"]).spawn();
        wait_until("an installer works", LONG, || !arguments(&watched.world.plugin, " install ").0.is_empty());
        sync.kill();
        watched.hear(&sync.wait());
        let left = holders(&watched.world.plugin.data, &[PASSWORD]);
        assert!(!left.is_empty(), "the copies that installers are handed");
        for path in left {
            let scratch = path.ancestors().find(|path| path.ends_with("scratch"));
            let scratch = scratch.unwrap_or_else(|| panic!("left in `{}`", path.display()));
            assert_eq!(fs::metadata(scratch).unwrap().permissions().mode() & 0o777, 0o700);
        }
        kill(&watched.world.plugin, " install ");
        watched.does(&["run", "--", "python", "-c", "import alpha"]);
        watched.does(&["--check", "--json"]);
        watched.keeps_them(&format!("{installer:?}"));
        watched.world.serves("4.0");
    }
}
