//! Every way in which an installation of packages for Node fails, produced for real with npm, pnpm, yarn and bun: each is
//! recognised and told in one sentence with what to do. The addresses in the lock have a login, which is in nothing that is
//! said or written.

use crate::node_secrets::{LOGIN, PASSWORD, with_login_in_lock};
use crate::secrets::{holders, spellings};
use crate::support::http::{Answer, Server};
use crate::support::*;
use plugdeps::failure;
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// The managers that a class is recognised from; with `PLUGDEPS_TEST_INSTALLERS=all` an older npm as well.
static EVERY: LazyLock<Vec<Manager>> = LazyLock::new(|| {
    let all = std::env::var("PLUGDEPS_TEST_INSTALLERS").is_ok_and(|which| which == "all");
    Manager::EVERY.into_iter().filter(|manager| all || *manager != Manager::Npm10).collect()
});
/// Those that resolve where there is no lock.
const RESOLVING: [Manager; 2] = [Manager::Npm, Manager::Npm10];

/// The same plugin with a manager that gives up soon: what hangs after a second.
fn impatient(plugin: Plugin) -> Plugin {
    let settings = [
        ("npm_config_fetch_retries", "0"),
        ("npm_config_fetch_timeout", "1000"),
        ("npm_config_network_timeout", "1000"),
        ("YARN_HTTP_RETRY", "0"),
        ("YARN_HTTP_TIMEOUT", "1000"),
        ("BUN_CONFIG_HTTP_RETRY_COUNT", "0"),
        ("BUN_CONFIG_HTTP_IDLE_TIMEOUT", "1"),
    ];
    settings.into_iter().fold(plugin, |plugin, (name, value)| plugin.env(name, value))
}

/// The same with a manager that waits for what is held.
fn patient(plugin: Plugin) -> Plugin {
    let settings = ["npm_config_fetch_timeout", "npm_config_network_timeout", "YARN_HTTP_TIMEOUT"];
    let plugin = settings.into_iter().fold(plugin, |plugin, name| plugin.env(name, "30000"));
    plugin.env("BUN_CONFIG_HTTP_IDLE_TIMEOUT", "30")
}

/// A plugin with a lock of `alpha` that this manager made from this registry.
#[track_caller]
fn locked(manager: Manager, registry: &Registry) -> Plugin {
    with_login_in_lock(impatient(Plugin::locking(manager, &[("alpha", "^1.0.0")], registry)), manager)
}

/// Replaces a text in the lock: an address, a hash.
#[track_caller]
fn relocked(plugin: Plugin, manager: Manager, change: impl Fn(&str) -> String) -> Plugin {
    let lock = fs::read_to_string(plugin.root.join(manager.lock())).unwrap();
    plugin.file(manager.lock(), &change(&lock))
}

/// Each of the managers is told to have failed in this class when this is done with it; all that are not are shown.
#[track_caller]
fn told(class: &str, managers: &[Manager], attempt: impl Fn(Manager) -> Output) {
    told_one_of(&[class], managers, attempt);
}

/// The same where it is by chance which of these classes it is.
#[track_caller]
fn told_one_of(classes: &[&str], managers: &[Manager], attempt: impl Fn(Manager) -> Output) {
    let mut wrong = String::new();
    for manager in managers {
        let output = attempt(*manager);
        let is_told = |class: &&&str| {
            let sentence = failure::by_code(class).sentence;
            output.stderr.contains(&format!("plugdeps: error[install-failed]: {sentence}\n"))
        };
        match classes.iter().find(is_told) {
            Some(class) => _ = output.told(class, manager),
            None => writeln!(wrong, "{manager:?}: expected {classes:?}\n{output}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Each of the managers fails in this class, and leaves nothing.
#[track_caller]
fn fails(class: &str, managers: &[Manager], plugin: impl Fn(Manager) -> Plugin) {
    told(class, managers, |manager| left_nothing(&plugin(manager)));
}

fn left_nothing(plugin: &Plugin) -> Output {
    let output = plugin.sync();
    assert_eq!(plugin.generations_of("node"), [""; 0], "what failed is removed\n{output}");
    tells_no_login(plugin, &output);
    output
}

/// Neither streams nor files have the login but the lock and the caches of npm and yarn 1, which are theirs.
#[track_caller]
fn tells_no_login(plugin: &Plugin, output: &Output) {
    let tells = |secret: &String| format!("{}{}", output.stdout, output.stderr).contains(secret.as_str());
    assert!(!spellings(&[PASSWORD]).iter().any(tells), "the login is told\n{output}");
    let caches = [".npm/_cacache", "yarn-cache"].map(|cache| plugin.home.join(cache));
    for path in holders(plugin.temp(), &[PASSWORD]) {
        let is_known = path.parent() == Some(&plugin.root) || caches.iter().any(|cache| path.starts_with(cache));
        assert!(is_known, "the login is written to `{}`\n{output}", path.display());
    }
}

/// What is told to a registry.
type Behaviour = fn(&Registry);

/// Each of the managers fails in this class when the registry behaves in any of these ways.
#[track_caller]
fn registry_fails(class: &str, managers: &[Manager], behaviours: &[Behaviour]) {
    registry_fails_in(&[class], managers, behaviours);
}

#[track_caller]
fn registry_fails_in(classes: &[&str], managers: &[Manager], behaviours: &[Behaviour]) {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(100_000)]);
    let plugins: Vec<(Manager, Plugin)> =
        managers.iter().map(|manager| (*manager, locked(*manager, &registry))).collect();
    let plugin = |manager| plugins.iter().find(|(of, _)| *of == manager).map(|(_, plugin)| plugin).unwrap();
    for behave in behaviours {
        calm(&registry);
        behave(&registry);
        told_one_of(classes, managers, |manager| left_nothing(plugin(manager)));
    }
}

fn calm(registry: &Registry) {
    registry.status(None).latency(Duration::ZERO).login(None).drop_connections(false).files_only(false);
    registry.corrupt(false).truncate(false).portal(false);
}

/// Each of the managers fails in this class with a registry at this address.
#[track_caller]
fn address_fails(class: &str, managers: &[Manager], address: &str, change: impl Fn(Plugin) -> Plugin) {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0")]);
    fails(class, managers, |manager| {
        let plugin = locked(manager, &registry);
        let (own, other) = (registry.url_with_login(LOGIN), address.replacen("://", &format!("://{LOGIN}@"), 1));
        change(relocked(plugin, manager, |lock| lock.replace(&own, &other)).registry_url(address))
    });
}

#[test]
fn a_package_that_the_registry_does_not_have_is_told() {
    let registry = Registry::usual();
    fails("no-such-package", &RESOLVING, |manager| {
        impatient(Plugin::asking(manager, &[("no-such-name", "1")], &registry))
    });
    registry_fails("no-such-package", &EVERY, &[|registry| _ = registry.status(Some(404))]);
}

#[test]
fn no_version_that_satisfies_is_told() {
    let registry = Registry::usual();
    fails("no-matching-version", &RESOLVING, |manager| {
        impatient(Plugin::asking(manager, &[("alpha", "^7.0.0")], &registry))
    });
}

#[test]
fn a_lock_that_does_not_lock_what_the_manifest_asks_for_is_told() {
    let registry = Registry::usual();
    for asked in [&[("alpha", "^2.0.0")][..], &[("alpha", "^1.0.0"), ("beta", "1.0.0")]] {
        fails("lock-outdated", &EVERY, |manager| {
            let plugin = locked(manager, &registry);
            plugin.ask_for(asked);
            plugin
        });
    }
}

#[test]
fn a_lock_that_cannot_be_understood_is_told() {
    let registry = Registry::usual();
    // yarn 1 installs what it can read of such a lock, and what `package.json` asks for besides.
    let managers: Vec<Manager> = EVERY.iter().copied().filter(|manager| *manager != Manager::Yarn).collect();
    fails("lock-invalid", &managers, |manager| {
        relocked(locked(manager, &registry), manager, |lock| format!("{}\n  \"{{[", &lock[..lock.len() / 2]))
    });
}

#[test]
fn a_manager_that_ends_well_and_installs_nothing_is_told_with_what_is_missing() {
    let registry = Registry::usual();
    fails("not-there", &[Manager::Yarn, Manager::Bun], |manager| {
        let plugin = locked(manager, &registry);
        fs::write(plugin.home.join(".yarnrc"), "--version true\n").unwrap();
        fs::write(plugin.home.join(".bunfig.toml"), "[install]\ndryRun = true\n").unwrap();
        plugin
    });
    let plugin = locked(Manager::Yarn, &registry).file(".yarnrc", "--version true\n");
    plugin.sync().stderr_has("cause: `alpha` is not in `node_modules`\n");
    let log = fs::read_dir(plugin.data.join("plugdeps/node/logs")).unwrap().flatten().next().unwrap();
    assert!(fs::read_to_string(log.path()).unwrap().ends_with("`alpha` is not in `node_modules`\n"));
}

#[test]
fn what_need_not_be_there_may_be_missing() {
    let registry = Registry::of(&[
        NpmPackage::new("alpha", "1.0.0"),
        NpmPackage::new("beta", "1.0.0").field("os", json!(["win32"])),
        NpmPackage::new("@a/gamma", "1.0.0").field("cpu", json!(["none"])),
        NpmPackage::new("delta", "1.0.0"),
    ]);
    for manager in EVERY.iter().copied() {
        let mut wanted = json!({ "alpha": "^1.0.0", "other": "npm:alpha@1.0.0" });
        // Others refuse what is for another machine, or install it.
        if matches!(manager, Manager::Berry | Manager::Bun) {
            wanted["@a/gamma"] = json!("1.0.0");
        }
        let optional = json!({ "beta": "1.0.0" });
        let manifest = json!({ "name": "demo", "dependencies": wanted, "optionalDependencies": optional,
                               "devDependencies": { "delta": "1.0.0" } });
        let plugin = Plugin::asking(manager, &[], &registry).file("package.json", &manifest.to_string());
        plugin.lock(manager);
        plugin.sync().ok();
        assert_eq!([plugin.export_of("alpha"), plugin.export_of("other")], ["alpha 1.0.0"; 2], "{manager:?}");
        let modules = plugin.node_generation().join("env/node_modules");
        assert!(["beta", "@a/gamma", "delta"].iter().all(|name| !modules.join(name).exists()), "{manager:?}");
    }
}

#[test]
fn a_registry_whose_name_is_unknown_is_told() {
    address_fails("dns", &EVERY, "https://no-such.invalid/", |plugin| plugin);
    // Whoever only reads one sentence reads which host that is, and not why npm wrote no log.
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0")]);
    let plugin = locked(Manager::Npm, &registry).registry_url("https://no-such.invalid/");
    let own = registry.url_with_login(LOGIN);
    let plugin = relocked(plugin, Manager::Npm, |lock| lock.replace(&own, "https://no-such.invalid/"));
    let said = plugin.command(["session-start"]).run();
    said.ok().stdout_has("getaddrinfo").stdout_has("no-such.invalid").stdout_lacks("Log files");
}

#[test]
fn a_registry_that_refuses_connections_is_told() {
    address_fails("connection-refused", &EVERY, "http://127.0.0.1:9/", |plugin| plugin);
}

#[test]
fn of_a_refused_connection_the_session_is_told_the_address_and_not_a_line_of_npm_s_own_code() {
    for manager in RESOLVING {
        let plugin = locked(manager, &Registry::usual()).shipped_hooks();
        plugin.hook().stdout_has("reason: connect ECONNREFUSED").stdout_lacks("(node:");
    }
}

#[test]
fn a_registry_that_does_not_answer_is_told() {
    registry_fails("timeout", &EVERY, &[|registry| _ = registry.latency(Duration::from_secs(40))]);
}

#[test]
fn a_registry_that_cuts_connections_off_is_told() {
    registry_fails("connection-lost", &EVERY, &[|registry| _ = registry.drop_connections(true)]);
}

#[test]
fn a_certificate_that_nobody_trusts_is_told() {
    let tls = Tls::serve();
    address_fails("tls", &EVERY, &format!("https://127.0.0.1:{}/", tls.port), |plugin| plugin);
}

#[test]
fn a_registry_that_speaks_no_tls_is_told() {
    address_fails("no-tls", &EVERY, &format!("https://127.0.0.1:{}/", no_tls()), |plugin| plugin);
}

#[test]
fn a_proxy_that_wants_a_password_or_lets_nobody_through_is_told() {
    // npm and pnpm do not say that it was the proxy that is out of order; yarn 1 tries again for a minute.
    let telling = [Manager::Berry, Manager::Bun];
    let quick: Vec<Manager> = EVERY.iter().copied().filter(|manager| *manager != Manager::Yarn).collect();
    for (status, class, managers) in [(407, "proxy-authentication", &quick[..]), (503, "proxy", &telling)] {
        let proxy = closed_proxy(status);
        let address = format!("http://{}", proxy.address());
        address_fails(class, managers, "https://no-such.invalid/", |plugin| {
            plugin.env("HTTPS_PROXY", &address).env("YARN_HTTPS_PROXY", &address)
        });
    }
}

#[test]
fn a_registry_that_refuses_credentials_is_told() {
    let behaviours: [Behaviour; 2] =
        [|registry| _ = registry.login(Some("me:pw")), |registry| _ = registry.status(Some(403))];
    registry_fails("index-authentication", &EVERY, &behaviours);
}

#[test]
fn a_registry_out_of_order_is_told() {
    let behaviours: [Behaviour; 3] = [
        |registry| _ = registry.status(Some(500)),
        |registry| _ = registry.status(Some(503)),
        |registry| _ = registry.status(Some(429)),
    ];
    registry_fails("index-error", &EVERY, &behaviours);
}

/// The lock with every hash in it replaced by that of something else.
fn with_other_hashes(lock: &str) -> String {
    let other = "A".repeat(86) + "==";
    let mut changed = String::new();
    let mut rest = lock;
    while let Some((before, after)) = rest.split_once("sha512-") {
        changed += &format!("{before}sha512-{other}");
        rest = after.get(88..).unwrap_or_default();
    }
    let changed = changed + rest;
    // yarn names a version of its own before the hash.
    let checksum = changed.split_once("checksum: ").and_then(|(_, after)| after.lines().next()?.split_once('/'));
    checksum.map_or(changed.clone(), |(_, hash)| changed.replace(hash, &"4".repeat(hash.len())))
}

#[test]
fn a_hash_that_does_not_match_is_told() {
    let registry = Registry::usual();
    fails("hash-mismatch", &EVERY, |manager| relocked(locked(manager, &registry), manager, with_other_hashes));
}

#[test]
fn a_download_that_arrives_damaged_is_told() {
    let behaviours: [Behaviour; 2] = [|registry| _ = registry.corrupt(true), |registry| _ = registry.portal(true)];
    // Where a lock names the hash, it depends on which is looked at first, that or the archive.
    registry_fails_in(&["hash-mismatch", "damaged-download"], &EVERY, &behaviours);
    let registry = Registry::usual();
    for behave in behaviours {
        calm(&registry);
        behave(&registry);
        fails("damaged-download", &RESOLVING, |manager| {
            impatient(Plugin::asking(manager, &[("alpha", "1.0.0")], &registry))
        });
    }
}

#[test]
fn a_download_that_is_cut_off_is_told() {
    registry_fails("connection-lost", &EVERY, &[|registry| _ = registry.truncate(true)]);
}

#[test]
fn a_package_for_another_node_is_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").field("engines", json!({ "node": ">=99" }))]);
    let strict = [Manager::Npm, Manager::Npm10, Manager::Pnpm, Manager::Yarn];
    fails("needs-another-node", &strict, |manager| locked(manager, &registry).env("npm_config_engine_strict", "true"));
}

#[test]
fn a_package_for_another_machine_is_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").field("os", json!(["win32"]))]);
    // The others warn, or leave it out.
    fails("wrong-platform", &[Manager::Npm, Manager::Npm10, Manager::Yarn], |manager| locked(manager, &registry));
}

#[test]
fn a_package_whose_script_fails_is_told_with_its_words() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").postinstall("echo no moon today >&2; exit 3")]);
    told("build-failed", &EVERY, |manager| {
        let output = left_nothing(&locked(manager, &registry).file("plugdeps.toml", "scripts = true\n"));
        output.stderr_has("no moon today").clone()
    });
}

#[test]
fn a_package_that_is_not_at_hand_without_the_network_is_told() {
    let registry = Registry::usual();
    // bun has no such switch.
    fails("offline", &[Manager::Npm, Manager::Npm10, Manager::Pnpm, Manager::Yarn, Manager::Berry], |manager| {
        let plugin = locked(manager, &registry).env("npm_config_offline", "true");
        match manager {
            Manager::Berry => plugin.env("YARN_ENABLE_NETWORK", "0"),
            Manager::Yarn => plugin.file(".yarnrc", "--install.offline true\n"),
            _ => plugin,
        }
    });
}

/// Starts `sync` and waits until the manager waits for the package; then something happens, and the end is waited for.
#[track_caller]
fn meanwhile(plugin: &Plugin, registry: &Registry, happen: impl FnOnce(&Path)) -> Output {
    during(plugin.command(["sync"]), plugin, registry, "alpha", happen)
}

#[test]
fn a_manager_that_is_killed_is_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(100_000)]);
    told("killed", &EVERY, |manager| {
        let plugin = patient(locked(manager, &registry));
        meanwhile(&plugin, &registry, |_| {
            let youngest = plugin.processes().into_iter().max().unwrap();
            processes::signal(youngest, rustix::process::Signal::KILL);
        })
    });
}

#[test]
fn a_node_that_goes_away_during_the_build_is_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(100_000)]);
    let plugin = patient(locked(Manager::Npm10, &registry));
    let node = plugin.temp().join("node");
    Cmd::new("cp").arg(fs::canonicalize(plugin.path_dir().join("node")).unwrap()).arg(&node).run().ok();
    let toml = format!("node = {:?}\n", node.display().to_string());
    let plugin = plugin.file("plugdeps.toml", &toml);
    let gone = |_: &Path| fs::rename(&node, node.with_extension("gone")).unwrap();
    meanwhile(&plugin, &registry, gone).told("interpreter-gone", Manager::Npm10);
}

#[test]
fn a_directory_that_the_manager_may_not_write_is_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(100_000)]);
    told("permission", &EVERY, |manager| {
        let plugin = patient(locked(manager, &registry));
        let close = |directory: &Path| fs::set_permissions(directory, fs::Permissions::from_mode(0o555)).unwrap();
        let output = during(without_override(&plugin), &plugin, &registry, "alpha", |generation| {
            let entries = walkdir::WalkDir::new(generation).contents_first(true).into_iter().flatten();
            entries.filter(|entry| entry.file_type().is_dir()).for_each(|entry| close(entry.path()));
        });
        let open = |directory: &Path| fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        let entries = walkdir::WalkDir::new(&plugin.data).into_iter().flatten();
        entries.filter(|entry| entry.file_type().is_dir()).for_each(|entry| open(entry.path()));
        output
    });
}

#[test]
fn a_full_disk_is_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0").payload(3_000_000)]);
    if !makes_mounts() {
        return;
    }
    told("disk-full", &EVERY, |manager| {
        let plugin = patient(locked(manager, &registry));
        let small = format!("mount -t tmpfs -o size=2m tmpfs '{}'", plugin.data.display());
        in_mounts(&plugin, &small).unwrap()
    });
}

#[test]
fn a_cache_on_a_file_system_that_is_read_only_is_told() {
    let registry = Registry::usual();
    if !makes_mounts() {
        return;
    }
    let attempt = |manager| {
        let plugin = locked(manager, &registry);
        let home = plugin.home.display();
        let read_only = format!("mount --bind '{home}' '{home}' && mount -o remount,bind,ro '{home}'");
        in_mounts(&plugin, &read_only).unwrap()
    };
    // Node says of such a directory only that it could not be made. The others do without.
    told("permission", &[Manager::Npm, Manager::Npm10, Manager::Berry], attempt);
    told("read-only", &[Manager::Yarn], attempt);
}

#[test]
fn a_build_that_takes_too_long_is_ended_and_told() {
    let registry = Registry::of(&[NpmPackage::new("alpha", "1.0.0")]);
    told("deadline", &EVERY, |manager| {
        registry.latency(Duration::ZERO);
        let plugin =
            Plugin::locking(manager, &[("alpha", "^1.0.0")], &registry).file("plugdeps.toml", "deadline = 2\n");
        registry.latency(Duration::from_secs(60));
        let output = left_nothing(&plugin);
        assert!(output.elapsed < Duration::from_secs(20), "{output}");
        wait_until("all have ended", Duration::from_secs(20), || plugin.processes().is_empty());
        output
    });
}

#[test]
fn a_manager_that_cannot_be_fetched_is_told() {
    let registry = Registry::usual();
    fails("no-such-package", &Manager::OTHERS, |manager| {
        let plugin = locked(manager, &registry);
        fs::remove_file(plugin.path_dir().join(manager.command())).unwrap();
        plugin
    });
}

#[test]
fn a_registry_that_is_a_page_to_log_in_to_a_network_is_told() {
    let portal = Server::start(|_| Answer::new(200, "<html>log in</html>").header("Content-Type", "text/html"));
    let address = format!("http://{}/", portal.address());
    let others: Vec<Manager> = EVERY.iter().copied().filter(|manager| *manager != Manager::Yarn).collect();
    address_fails("hash-mismatch", &others, &address, |plugin| plugin);
    address_fails("damaged-download", &[Manager::Yarn], &address, |plugin| plugin);
}
