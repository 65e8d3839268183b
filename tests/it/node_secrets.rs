//! Credentials of registries reach npm, pnpm, yarn and bun and nothing else: no file of the plugin, its data, the home or
//! the temporary directory but those that a person wrote, no stream, no report.

use crate::secrets::{holders, spellings};
use crate::support::*;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

const TOKEN: &str = "npm_t0k3n-s3cr3t";
pub const PASSWORD: &str = "hunter2-s3cr3t";
pub const LOGIN: &str = "me:hunter2-s3cr3t";
/// One that stands in settings alone, where no variable tells it.
const SETTING: &str = "s3ttings-s3cr3t";

/// A plugin with secrets, and all that anybody has heard from it.
struct Watched {
    plugin: Plugin,
    /// The files that held a secret before the program was started for the first time: a person wrote them.
    own: Vec<PathBuf>,
    heard: Vec<Output>,
}

impl Watched {
    fn new(plugin: Plugin) -> Self {
        let tmp = plugin.temp().join("tmp");
        fs::create_dir_all(&tmp).unwrap();
        let plugin = plugin.env("TMPDIR", tmp);
        plugin.write("index.cjs", "console.log(require('alpha'))\n");
        Self { own: holders(plugin.temp(), &SECRETS), plugin, heard: Vec::new() }
    }

    fn does(&mut self, args: &[&str]) -> bool {
        let output = self.plugin.command(args).run();
        let succeeded = output.status.success();
        self.heard.push(output);
        succeeded
    }

    /// Every door once, those that build more than once; says whether the last `sync` succeeded.
    fn opens_every_door(&mut self) -> bool {
        self.does(&["--check"]);
        self.does(&["session-start"]);
        let shown = self.plugin.on_terminal(["sync", "--rebuild"]).run();
        let synced = shown.status.success();
        self.heard.push(shown);
        let script = self.plugin.root.join("index.cjs").display().to_string();
        let ran = self.does(&["run", "--", "node", &script]);
        for args in [&["--check"][..], &["--check", "--json"], &["env", "--format", "json"], &["prune"]] {
            self.does(args);
        }
        assert_eq!(synced, ran, "{}", self.transcript());
        synced
    }

    fn transcript(&self) -> String {
        self.heard.iter().map(|output| format!("{output}\n")).collect()
    }

    /// Panics with whatever knows a secret.
    #[track_caller]
    fn keeps_them(&self, what: &str) {
        for output in &self.heard {
            let tells =
                |secret: &String| output.stdout.contains(secret.as_str()) || output.stderr.contains(secret.as_str());
            assert!(!spellings(&SECRETS).iter().any(tells), "{what}: told by\n{output}");
        }
        let mut wrong = String::new();
        for path in holders(self.plugin.temp(), &SECRETS) {
            // Where an archive came from is in the caches of npm and yarn 1, which are theirs.
            let is_a_cache =
                [".npm/_cacache", "yarn-cache"].iter().any(|cache| path.starts_with(self.plugin.home.join(cache)));
            if !self.own.contains(&path) && !is_a_cache {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                writeln!(wrong, "{}:\n{}", path.display(), text.chars().take(2000).collect::<String>()).unwrap();
            }
        }
        assert!(wrong.is_empty(), "{what}: written to {wrong}");
    }
}

const SECRETS: [&str; 3] = [TOKEN, PASSWORD, SETTING];

/// A place where a secret may stand, which managers read it, what the registry demands, and how it comes there.
type Place = (&'static str, &'static [Manager], &'static str, fn(Manager, Plugin, &Registry) -> Plugin);

const NPM_AND_PNPM: &[Manager] = &[Manager::Npm, Manager::Pnpm];
const CLASSIC: &[Manager] = &[Manager::Npm, Manager::Pnpm, Manager::Yarn, Manager::Bun];

/// Without the first line yarn 1 shows a credential to nobody.
fn npmrc(plugin: Plugin, lines: &str) -> Plugin {
    plugin.file(".npmrc", &format!("always-auth=true\n{lines}\n"))
}

/// Gives every address in the lock a login.
pub fn with_login_in_lock(plugin: Plugin, manager: Manager) -> Plugin {
    let lock = fs::read_to_string(plugin.root.join(manager.lock())).unwrap();
    plugin.file(manager.lock(), &lock.replace("http://127", &format!("http://{LOGIN}@127")))
}

const PLACES: &[Place] = &[
    ("a token in the plugin's settings", CLASSIC, TOKEN, |_, plugin, registry| {
        npmrc(plugin, &format!("{}:_authToken={TOKEN}", registry.scope()))
    }),
    ("a login in the plugin's settings", NPM_AND_PNPM, LOGIN, |_, plugin, registry| {
        npmrc(plugin, &format!("{}:_auth=\"{}\"", registry.scope(), encode::base64(LOGIN.as_bytes())))
    }),
    ("a password in the plugin's settings", NPM_AND_PNPM, LOGIN, |_, plugin, registry| {
        let (scope, password) = (registry.scope(), encode::base64(PASSWORD.as_bytes()));
        npmrc(plugin, &format!("{scope}:username=me\n{scope}:_password={password}"))
    }),
    // pnpm expands none there.
    (
        "a variable in the plugin's settings",
        &[Manager::Npm, Manager::Yarn, Manager::Bun],
        TOKEN,
        |_, plugin, registry| {
            npmrc(plugin, &format!("{}:_authToken=${{NPM_TOKEN}}", registry.scope())).env("NPM_TOKEN", TOKEN)
        },
    ),
    ("the user's settings", CLASSIC, TOKEN, |_, plugin, registry| {
        let text = format!("always-auth=true\n{}:_authToken={TOKEN}\n", registry.scope());
        fs::write(plugin.home.join(".npmrc"), text).unwrap();
        plugin
    }),
    ("the environment", &[Manager::Npm], TOKEN, |_, plugin, registry| {
        plugin.env(format!("npm_config_{}:_authToken", registry.scope()), TOKEN)
    }),
    ("yarn's settings", &[Manager::Berry], TOKEN, |_, plugin, _| {
        plugin.file(".yarnrc.yml", &format!("npmAlwaysAuth: true\nnpmAuthToken: \"{TOKEN}\"\n"))
    }),
    ("yarn's settings with a login", &[Manager::Berry], LOGIN, |_, plugin, _| {
        plugin.file(".yarnrc.yml", &format!("npmAlwaysAuth: true\nnpmAuthIdent: \"{LOGIN}\"\n"))
    }),
    ("yarn's variables", &[Manager::Berry], TOKEN, |_, plugin, _| {
        plugin.env("YARN_NPM_AUTH_TOKEN", TOKEN).env("YARN_NPM_ALWAYS_AUTH", "1")
    }),
    ("bun's settings", &[Manager::Bun], TOKEN, |_, plugin, registry| {
        let registry = format!("{{ url = {:?}, token = {TOKEN:?} }}", registry.url());
        plugin.file("bunfig.toml", &format!("[install]\nregistry = {registry}\n")).env_remove("npm_config_registry")
    }),
    ("addresses in the lock", &[Manager::Npm, Manager::Yarn], LOGIN, |manager, plugin, _| {
        with_login_in_lock(plugin, manager)
    }),
];

fn kept_wherever_they_stand(manager: Manager) {
    let registry = Registry::usual();
    for (place, _, login, give) in PLACES.iter().filter(|(_, managers, ..)| managers.contains(&manager)) {
        registry.login(None);
        let plugin = Plugin::locking(manager, &[("alpha", "^1.0.0")], &registry);
        registry.login(Some(login));
        let what = format!("{manager:?}, {place}");
        let mut watched = Watched::new(give(manager, plugin, &registry));
        assert!(watched.opens_every_door(), "{what}: it did not reach the manager\n{}", watched.transcript());
        watched.keeps_them(&what);
    }
}

#[test]
fn npm_alone_is_given_what_stands_somewhere() {
    kept_wherever_they_stand(Manager::Npm);
}

#[test]
fn pnpm_alone_is_given_what_stands_somewhere() {
    kept_wherever_they_stand(Manager::Pnpm);
}

#[test]
fn yarn_alone_is_given_what_stands_somewhere() {
    kept_wherever_they_stand(Manager::Yarn);
    kept_wherever_they_stand(Manager::Berry);
}

#[test]
fn bun_alone_is_given_what_stands_somewhere() {
    kept_wherever_they_stand(Manager::Bun);
}

#[test]
fn an_address_in_package_json_is_given_to_npm_alone() {
    let registry = Registry::usual();
    registry.login(Some(LOGIN));
    let address = format!("{}alpha/-/alpha-1.0.0.tgz", registry.url_with_login(LOGIN));
    let mut watched = Watched::new(Plugin::asking(Manager::Npm, &[("alpha", &address)], &registry));
    assert!(watched.opens_every_door(), "{}", watched.transcript());
    watched.keeps_them("an address");
}

/// A plugin that has the secrets in many places at once.
fn everywhere(manager: Manager, registry: &Registry) -> Plugin {
    let plugin = Plugin::locking(manager, &[("alpha", "^1.0.0")], registry);
    let plugin = with_login_in_lock(plugin, manager);
    let (scope, address) = (registry.scope(), registry.url());
    let plugin = npmrc(plugin, &format!("{scope}:_authToken=${{NPM_TOKEN}}\n//h/:_authToken={SETTING}"));
    let plugin = plugin.file(".yarnrc.yml", &format!("npmAuthToken: \"{SETTING}\"\nnpmAlwaysAuth: true\n"));
    let plugin =
        plugin.file("bunfig.toml", &format!("[install]\nregistry = {{ url = {address:?}, token = {TOKEN:?} }}\n"));
    fs::write(plugin.home.join(".npmrc"), format!("{scope}:_authToken={TOKEN}\n")).unwrap();
    let plugin = plugin.env("NPM_TOKEN", TOKEN).env("https_proxy", format!("http://{LOGIN}@127.0.0.1:9"));
    let plugin = plugin.env("no_proxy", "127.0.0.1").env("NO_PROXY", "127.0.0.1");
    let settings = [
        ("npm_config_fetch_retries", "0"),
        ("npm_config_fetch_retry_mintimeout", "10"),
        ("YARN_HTTP_RETRY", "0"),
        ("BUN_CONFIG_HTTP_RETRY_COUNT", "0"),
    ];
    settings.into_iter().fold(plugin, |plugin, (name, value)| plugin.env(name, value))
}

type Spoiled = (&'static str, fn(&Registry, &Plugin));

const FAILURES: [Spoiled; 6] = [
    ("the login is refused", |registry, _| _ = registry.login(Some("other:login"))),
    ("it is forbidden", |registry, _| _ = registry.status(Some(403))),
    ("downloads are cut off", |registry, _| _ = registry.truncate(true)),
    ("downloads are damaged", |registry, _| _ = registry.corrupt(true)),
    ("the lock is outdated", |_, plugin| plugin.ask_for(&[("alpha", "^2.0.0")])),
    ("a package prints its environment and its settings", |_, plugin| {
        plugin.write("plugdeps.toml", "scripts = true\n");
    }),
];

fn kept_when_it_fails(manager: Manager) {
    let registry = Registry::of(&[
        NpmPackage::new("alpha", "1.0.0").postinstall("env; cat \"$INIT_CWD/.npmrc\" \"$HOME/.npmrc\"; exit 1")
    ]);
    for (what, spoil) in FAILURES {
        registry.login(None).status(None).truncate(false).corrupt(false);
        let plugin = everywhere(manager, &registry);
        spoil(&registry, &plugin);
        let what = format!("{manager:?}, {what}");
        let mut watched = Watched::new(plugin);
        assert!(!watched.opens_every_door(), "{what}: it did not fail\n{}", watched.transcript());
        watched.keeps_them(&what);
    }
}

#[test]
fn nothing_leaks_when_npm_fails() {
    kept_when_it_fails(Manager::Npm);
}

#[test]
fn nothing_leaks_when_pnpm_fails() {
    kept_when_it_fails(Manager::Pnpm);
}

#[test]
fn nothing_leaks_when_yarn_fails() {
    kept_when_it_fails(Manager::Berry);
}

#[test]
fn nothing_leaks_when_bun_fails() {
    kept_when_it_fails(Manager::Bun);
}
