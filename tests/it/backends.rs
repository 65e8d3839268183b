//! The installers: each complete by itself, found where it is, told what the user set, deaf to everything else.

use crate::support::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

/// The plugin with this installer and no other.
fn with(installer: Installer, plugin: Plugin) -> Plugin {
    if installer == Installer::Uv { plugin.without_pip().uv() } else { plugin }
}

/// What built the current environment, `uv 0.13.8` for one.
#[track_caller]
fn built_by(plugin: &Plugin) -> String {
    let check = plugin.check();
    check["environments"][0]["current"]["installer"].as_str().unwrap_or_else(|| panic!("{check:#}")).to_owned()
}

#[track_caller]
fn adds(plugin: &Plugin) {
    let mut server = plugin.server("sdk");
    server.set_timeout(Duration::from_secs(110)).initialize();
    assert_eq!(text_of(&server.call_tool("add", json!({ "a": 2, "b": 3 }))), "5");
}

#[test]
fn uv_is_complete_without_pip() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).without_pip();
    plugin.sync().ok();
    assert_eq!((built_by(&plugin).as_str(), plugin.value_of("alpha").as_str()), ("uv 0.13.8", "alpha 1.0"));
}

#[test]
fn pip_is_complete_without_uv_and_leaves_no_pip_behind() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv();
    plugin.sync().ok();
    assert!(built_by(&plugin).starts_with("pip "), "{}", built_by(&plugin));
    assert_eq!(plugin.installed(), ["alpha==1.0"]);
    plugin.run(["alpha-tool"]).ok().stdout_is("alpha-tool runs\n");
}

#[test]
fn pip_of_any_version_serves() {
    let packages = Packages::usual();
    for version in ["21.3", "23.2", "26.3"] {
        let plugin = Plugin::needing("alpha\n", &packages).no_uv().pip_of(version);
        plugin.sync().ok();
        assert_eq!(built_by(&plugin), format!("pip {version}"));
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
        plugin.run(["alpha-tool"]).ok().stdout_is("alpha-tool runs\n");
        plugin.write("requirements.txt", "beta\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["beta==1.0"]);
    }
}

#[test]
fn an_old_pip_does_not_take_its_own_packages_for_installed() {
    // Of the interpreter's own packages pip and setuptools are always there.
    let packages = Packages::of(&[("setuptools", "1.0"), ("alpha", "1.0")]);
    let plugin = Plugin::needing("alpha\nsetuptools\n", &packages).no_uv().pip_of("21.3");
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0", "setuptools==1.0"]);
}

#[test]
fn every_interpreter_of_this_machine_is_served_by_both() {
    let packages = Packages::usual();
    for python in tools::pythons() {
        for installer in BOTH {
            let plugin = Plugin::new("x").index(&packages).python(&python).file("requirements.txt", "alpha\n");
            let plugin = if installer == Installer::Uv { plugin.uv() } else { plugin };
            plugin.sync().ok();
            let says = plugin.python_says("import sys, alpha; print('%d.%d' % sys.version_info[:2], alpha.VALUE)");
            assert_eq!(says, format!("{} alpha 1.0", tools::version(&python).unwrap()), "{installer:?}");
        }
    }
}

#[test]
fn the_configuration_can_insist_on_pip() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).file("plugdeps.toml", "installer = 'pip'\n");
    plugin.sync().ok();
    assert!(built_by(&plugin).starts_with("pip "), "{}", built_by(&plugin));
}

#[test]
fn an_environment_that_pip_built_is_not_stale_because_uv_appeared() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv();
    plugin.sync().ok();
    let plugin = plugin.uv();
    assert_eq!(plugin.verdict(), "ready");
}

#[test]
fn uv_beside_the_interpreter_is_found() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv();
    let bin = plugin.home.join("somewhere/bin");
    fs::create_dir_all(&bin).unwrap();
    symlink(tools::uv(), bin.join("uv")).unwrap();
    symlink(tools::python(), bin.join("python3")).unwrap();
    let plugin = plugin.file("plugdeps.toml", &format!("python = '{}'\n", bin.join("python3").display()));
    plugin.sync().ok();
    assert_eq!(built_by(&plugin), "uv 0.13.8");
}

/// What is put in the place of a program.
type Put = Box<dyn Fn(&Path)>;

#[test]
fn a_uv_that_does_not_work_or_is_too_old_is_passed_over_and_the_next_installer_serves() {
    let packages = Packages::usual();
    let whole = fs::read(tools::uv()).unwrap();
    let cases: [(&str, Put); 4] = [
        // As a shim that is a link to the program of a version manager.
        ("does not work: ", Box::new(|uv| symlink(tools::on_path("false").unwrap(), uv).unwrap())),
        ("does not work: killed by signal", Box::new(|uv| executable(uv, "#!/bin/sh\nkill -SEGV $$\n"))),
        ("cannot be started: ", Box::new(move |uv| fs::write(uv, &whole[..100]).unwrap())),
        ("is 0.4.22, and `>=0.4.23` is wanted", Box::new(|uv| executable(uv, "#!/bin/sh\necho uv 0.4.22\n"))),
    ];
    for (reason, write) in cases {
        let plugin = Plugin::needing("alpha\n", &packages).no_uv();
        let uv = plugin.path_dir().join("uv");
        write(&uv);
        fs::set_permissions(&uv, fs::Permissions::from_mode(0o755)).unwrap_or_default();
        let told = format!("not uv: `{}` {reason}", uv.display());
        plugin.command(["check"]).run().exits(10).stdout_has(&told);
        plugin.sync().ok();
        assert!(built_by(&plugin).starts_with("pip "), "{reason}");
        fs::create_dir_all(plugin.home.join(".local/bin")).unwrap();
        symlink(tools::uv(), plugin.home.join(".local/bin/uv")).unwrap();
        plugin.command(["sync", "--rebuild"]).run().ok();
        assert_eq!(built_by(&plugin), "uv 0.13.8", "{reason}");
        plugin.command(["check"]).run().ok().stdout_has(&told);
    }
}

#[test]
fn the_users_project_does_not_decide_what_a_shim_starts() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv().no_python();
    fs::write(plugin.project.join(".tool-versions"), "").unwrap();
    let shim = |to: &Path| format!("#!/bin/sh\n[ -e .tool-versions ] && exit 126\nexec '{}' \"$@\"\n", to.display());
    let plugin = plugin.script("python3", &shim(&tools::python())).script("uv", &shim(&tools::uv()));
    let page = plugin.command(["check"]).run();
    page.exits(10).stdout_lacks("is no Python 3").stdout_lacks("not uv: ");
    plugin.sync().ok();
    assert_eq!(built_by(&plugin), "uv 0.13.8");
}

// a lock without uv

const LOCKED: &str = "[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['alpha']\n";

/// A plugin with a `uv.lock` for `alpha`, and uv gone after it wrote that.
fn locked(packages: &Packages) -> Plugin {
    let plugin = Plugin::new("demo").index(packages).uv().file("pyproject.toml", LOCKED);
    plugin.bare_command("uv").args(["lock", "--quiet", "--project"]).arg(&plugin.root).run().ok();
    plugin.no_uv()
}

#[test]
fn a_lock_without_uv_installs_uv_from_pypi_once_and_uses_it_again() {
    let packages = Packages::usual();
    let plugin = locked(&packages).online();
    plugin.command(["--check"]).run().exits(10).stdout_has("uv 0.13.8, installed by pip");
    plugin.command(["session-start"]).run().ok().silent();
    assert_eq!(built_by(&plugin), "uv 0.13.8");
    assert_eq!(plugin.value_of("alpha"), "alpha 1.0");
    let uv = plugin.data.join("plugdeps/.tools/uv-0.13.8/bin/uv");
    let inode = fs::metadata(&uv).unwrap().ino();
    // Nothing is asked of any index the second time.
    let plugin = plugin.without_index().env("PIP_INDEX_URL", "http://127.0.0.1:9/simple").env_remove("PIP_FIND_LINKS");
    plugin.command(["sync", "--rebuild"]).run().ok();
    assert_eq!(fs::metadata(&uv).unwrap().ino(), inode);
    plugin.command(["prune"]).run().ok();
    assert!(uv.exists());
}

#[test]
fn a_lock_is_never_silently_ignored_when_uv_cannot_be_had() {
    let packages = Packages::usual();
    let plugin = locked(&packages);
    plugin.sync().exits(9).stderr_has("uv==0.13.8");
    assert_eq!(plugin.generations_of("main"), [""; 0]);
    let plugin = plugin.without_pip();
    plugin.sync().exits(8).stderr_has("only uv can install what `uv.lock` says").stderr_has("install uv");
    assert_eq!(plugin.generations_of("main"), [""; 0]);
}

#[test]
fn the_uv_that_is_installed_is_checked_against_its_hash() {
    let packages = Packages::usual().with(&Wheel::simple("uv", "0.13.8"));
    let plugin = locked(&packages);
    plugin.sync().exits(9).stderr_has("does not have the hash");
    assert!(!plugin.data.join("plugdeps/.tools/uv-0.13.8").exists());
    assert_eq!(plugin.verdict(), "would-build");
}

#[test]
fn what_only_uv_can_serve_is_not_given_to_pip() {
    let packages = Packages::usual();
    let chosen = |plugin: &Plugin| plugin.check()["environments"][0]["installer"]["chosen"].clone();
    let needs_uv =
        |chosen: &serde_json::Value| chosen.as_str().is_some_and(|name| name.starts_with("uv 0.13.8, installed"));
    let sources = "[tool.uv.sources]\nalpha = { git = 'https://example.invalid/alpha' }\n";
    let plugin = Plugin::new("x").index(&packages).file("pyproject.toml", &format!("{LOCKED}{sources}"));
    assert!(needs_uv(&chosen(&plugin)), "{}", chosen(&plugin));
    let plugin = Plugin::new("x").fixture("pylock");
    assert!(needs_uv(&chosen(&plugin)), "{}", chosen(&plugin));
    let plugin = Plugin::new("x").file("requirements.txt", "alpha\n").file("plugdeps.toml", "installer = 'uv'\n");
    assert!(needs_uv(&chosen(&plugin)), "{}", chosen(&plugin));
}

#[test]
fn a_lock_with_pip_insisted_on_is_refused_and_not_ignored() {
    let packages = Packages::usual();
    let plugin = locked(&packages).uv().file("plugdeps.toml", "installer = 'pip'\n");
    let check = plugin.check();
    let installer = &check["environments"][0]["installer"];
    let chosen = installer["chosen"].as_str().unwrap_or_default();
    assert!(!chosen.starts_with("pip "), "{installer:#}");
}

// what the user set

#[test]
fn indexes_that_are_set_for_pip_reach_uv() {
    let [main, one, two] = ["alpha", "beta", "gamma"].map(|name| Packages::of(&[(name, "1.0")]));
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x")).file("requirements.txt", "alpha\nbeta\ngamma\n");
        let plugin = plugin.without_index().env("PIP_INDEX_URL", main.url());
        let plugin = plugin.env("PIP_EXTRA_INDEX_URL", format!("{} {}", one.url(), two.url()));
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0", "gamma==1.0"], "{installer:?}");
    }
}

#[test]
fn what_is_set_for_uv_itself_comes_first() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).env("PIP_INDEX_URL", "http://127.0.0.1:9/simple");
    plugin.sync().ok();
}

#[test]
fn links_without_an_index_that_are_set_for_pip_reach_uv() {
    let links = tempfile::tempdir().unwrap();
    let places = ["one", "two"].map(|name| links.path().join(name));
    Wheel::simple("alpha", "1.0").write(&places[0]);
    Wheel::simple("beta", "1.0").write(&places[1]);
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x")).file("requirements.txt", "alpha\nbeta\n").without_index();
        // A place that is missing is nothing to pip.
        let [one, two] = places.clone().map(|p| p.display().to_string());
        let plugin = plugin
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", format!("{one} file://{two} /no/such/place file:///no/such/place near"));
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"], "{installer:?}");
    }
}

#[test]
fn the_index_is_switched_off_where_pip_would_switch_it_off() {
    let packages = Packages::usual();
    for installer in BOTH {
        for (value, status) in [("False", 0), ("no", 0), ("n", 0), ("f", 0), ("OFF", 0), ("", 0), ("Y", 9), ("on", 9)] {
            let plugin = with(installer, Plugin::new("x")).file("requirements.txt", "alpha\n").index(&packages);
            let output = plugin.env("PIP_NO_INDEX", value).sync();
            assert_eq!(output.status.code(), Some(status), "{installer:?} {value}: {output}");
        }
    }
}

#[test]
fn settings_of_the_user_in_files_are_honoured() {
    let packages = Packages::usual();
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x")).file("requirements.txt", "alpha\n").without_index();
        let (file, text) = match installer {
            Installer::Uv => ("uv/uv.toml", format!("[[index]]\nurl = '{}'\ndefault = true\n", packages.url())),
            Installer::Pip => ("pip/pip.conf", format!("[global]\nindex-url = {}\n", packages.url())),
        };
        let file = plugin.home.join(".config").join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"], "{installer:?}");
    }
}

#[test]
fn of_a_setting_that_uv_cannot_read_the_file_and_the_place_in_it_are_told() {
    for version in ["0.13.8", "0.9.7"] {
        let plugin = Plugin::new("x").uv_of(version).file("requirements.txt", "alpha\n");
        let config = plugin.home.join(".config/uv/uv.toml");
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, "no-index = \n").unwrap();
        let told = plugin.command(["session-start"]).run();
        let told: serde_json::Value = serde_json::from_str(&told.ok().stdout).unwrap();
        let told = told["systemMessage"].as_str().unwrap();
        for words in [config.to_str().unwrap(), "TOML parse error at line 1, column 1"] {
            assert!(told.contains(words), "{version}: {told}");
        }
    }
}

#[test]
fn an_environment_outlives_the_cache_that_uv_is_told_to_link_it_to() {
    let packages = Packages::usual();
    let config = ".config/uv/uv.toml";
    for (variable, text) in [
        (Some("symlink"), ""),
        (None, "link-mode = 'symlink'\n"),
        (None, "[pip]\nlink-mode = 'symlink'\n"),
        (Some("copy"), "link-mode = 'symlink'\n"),
    ] {
        let plugin = Plugin::needing("alpha\n", &packages);
        let plugin = variable.into_iter().fold(plugin, |plugin, mode| plugin.env("UV_LINK_MODE", mode));
        fs::create_dir_all(plugin.home.join(config).parent().unwrap()).unwrap();
        fs::write(plugin.home.join(config), text).unwrap();
        plugin.sync().ok();
        plugin.bare_command("uv").args(["cache", "clean"]).run().ok();
        assert_eq!(plugin.value_of("alpha"), "alpha 1.0", "{variable:?} {text}");
    }
}

#[test]
fn a_proxy_that_is_set_is_used() {
    for installer in BOTH {
        let proxy = Packages::usual();
        let plugin = with(installer, Plugin::new("x")).file("requirements.txt", "alpha\n");
        let plugin =
            plugin.index_url("http://packages.invalid/simple").env("UV_HTTP_RETRIES", "0").env("PIP_RETRIES", "0");
        let address = proxy.url().trim_end_matches("/simple").to_owned();
        plugin.env("http_proxy", address).env("PIP_TRUSTED_HOST", "packages.invalid").sync().exits(9);
        let asked = proxy.log();
        assert!(
            asked.iter().any(|line| line.contains("http://packages.invalid/simple/alpha/")),
            "{installer:?} {asked:?}"
        );
    }
}

#[test]
fn offline_uv_installs_from_its_cache_and_else_says_what_is_missing() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages);
    plugin.sync().ok();
    let plugin = plugin.env("UV_OFFLINE", "1");
    packages.forget();
    plugin.command(["sync", "--rebuild"]).run().ok();
    plugin.write("requirements.txt", "beta\n");
    plugin.sync().exits(9).stderr_has("a package is not at hand, and the network or the index is switched off");
    assert_eq!(packages.requests(), 0);
}

// what nobody set for us

/// Writes what would mislead an installer into a directory.
fn mislead(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    let nowhere = "http://127.0.0.1:9/hostile";
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    write("uv.toml", &format!("required-version = '==0.0.1'\nindex-url = '{nowhere}'\nno-index = true\n"));
    let workspace = "[tool.uv.workspace]\nmembers = ['*']\n[tool.uv]\nrequired-version = '==0.0.1'\n";
    write(
        "pyproject.toml",
        &format!("[project]\nname = 'hostile'\nversion = '1'\nrequires-python = '<3'\n{workspace}"),
    );
    write(".python-version", "2.7\n");
    write(".env", "UV_INDEX_URL=http://127.0.0.1:9/hostile\n");
    write("setup.cfg", "[install]\nprefix=/no/such/prefix\n");
    write("pip.conf", &format!("[global]\nindex-url = {nowhere}\n"));
    write("pip.py", "raise SystemExit('hostile pip')\n");
    write("venv.py", "raise SystemExit('hostile venv')\n");
    write("sitecustomize.py", "raise SystemExit('hostile sitecustomize')\n");
}

/// Variables that would mislead an installer or its interpreter.
fn misled(plugin: Plugin) -> Plugin {
    let hostile = plugin.project.clone();
    let place = |name: &str| hostile.join(name).into_os_string();
    let paths = [
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PROJECT",
        "UV_WORKING_DIR",
        "VIRTUAL_ENV",
    ];
    let plugin = paths.iter().fold(plugin, |plugin, name| plugin.env(name, place(name)));
    let plugin = plugin
        .env("PYTHONPATH", hostile.as_os_str())
        .env("PYTHONHOME", place("home"))
        .env("CONDA_PREFIX", place("conda"));
    let flags = [
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
        "PIP_DRY_RUN",
        "PIP_NO_DEPS",
        "UV_SYSTEM_PYTHON",
        "UV_LOCKED",
        "UV_NO_SYNC",
        "UV_VENV_SEED",
        "PYTHONINSPECT",
    ];
    let plugin = plugin.env("PYTHONIOENCODING", "utf-16").env("PIP_PLATFORM", "win_amd64").env("PIP_ABI", "none");
    let plugin = plugin.env("PIP_PYTHON_VERSION", "2.7").env("PIP_IMPLEMENTATION", "pp");
    let plugin = flags.iter().fold(plugin, |plugin, name| plugin.env(name, "1"));
    plugin.env("UV_PYTHON", "2.7").env("PIP_PYTHON", "/no/such/python")
}

/// A package that is there, imported as nothing of the surroundings can change: isolated, by the environment's python.
#[track_caller]
fn serves(plugin: &Plugin, package: &str) {
    let line = format!("import {package}; print({package}.__file__)");
    let said = plugin.run(["python", "-I", "-c", &line]);
    let file = said.ok().stdout.trim_end().to_owned();
    assert!(Path::new(&file).starts_with(&plugin.data), "{said}");
}

#[test]
fn projects_in_the_session_the_home_and_the_data_do_not_leak_in() {
    let packages =
        Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").requires("beta")).with(&Wheel::simple("beta", "1.0"));
    let pyproject = "[project]\nname = 'demo'\nversion = '1'\ndependencies = ['alpha']\n";
    for installer in BOTH {
        for (file, text) in [("requirements.txt", "alpha\n"), ("pyproject.toml", pyproject)] {
            let plugin = with(installer, Plugin::new("x")).index(&packages).file(file, text);
            for place in [&plugin.project, &plugin.home, &plugin.data, &plugin.data.join("plugdeps")] {
                mislead(place);
            }
            let before = Tree::of(&plugin.project);
            plugin.sync().ok();
            assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"], "{installer:?} {file}");
            serves(&plugin, "beta");
            assert_same(&before, &Tree::of(&plugin.project));
        }
    }
}

#[test]
fn variables_that_redirect_an_installer_do_not_leak_in() {
    let packages =
        Packages::of(&[]).with(&Wheel::simple("alpha", "1.0").requires("beta")).with(&Wheel::simple("beta", "1.0"));
    for installer in BOTH {
        let plugin = misled(with(installer, Plugin::new("x")).index(&packages).file("requirements.txt", "alpha\n"));
        mislead(&plugin.project);
        let before = Tree::of(&plugin.project);
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"], "{installer:?}");
        serves(&plugin, "beta");
        assert_same(&before, &Tree::of(&plugin.project));
    }
}

#[test]
fn nothing_leaks_into_a_lock_either() {
    let packages = Packages::usual();
    let plugin = misled(locked(&packages).uv());
    [&plugin.project, &plugin.home, &plugin.data].into_iter().for_each(|place| mislead(place));
    let before = Tree::of(&plugin.root);
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0"]);
    serves(&plugin, "alpha");
    assert_same(&before, &Tree::of(&plugin.root));
}

#[test]
fn what_lies_above_the_plugin_does_not_leak_in() {
    let packages = Packages::usual();
    let pyproject = "[project]\nname = 'demo'\nversion = '1'\ndependencies = ['alpha']\n";
    let plugins = [
        Plugin::needing("alpha\n", &packages),
        Plugin::needing("alpha\n", &packages).no_uv(),
        Plugin::new("x").index(&packages).uv().file("pyproject.toml", pyproject),
        locked(&packages).uv(),
    ];
    for plugin in plugins {
        mislead(plugin.temp());
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
    }
}

#[test]
fn a_pip_conf_that_redirects_installations_does_not_redirect_ours() {
    let packages = Packages::usual();
    for setting in ["user = true", "require-virtualenv = true", "target = {}", "prefix = {}", "no-compile = false"] {
        let plugin = Plugin::needing("alpha\n", &packages).no_uv().without_index();
        let elsewhere = plugin.home.join("elsewhere");
        let file = plugin.home.join(".config/pip/pip.conf");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let setting = setting.replace("{}", elsewhere.to_str().unwrap());
        // What else the user set there still counts: the index is named nowhere else.
        fs::write(file, format!("[global]\nindex-url = {}\n{setting}\n", packages.url())).unwrap();
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"], "{setting}");
        assert!(!elsewhere.exists(), "{setting}");
    }
}

#[test]
fn a_pip_conf_that_is_the_null_device_has_pip_read_no_settings() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha\n", &packages).no_uv().env("PIP_CONFIG_FILE", "/dev/null");
    let file = plugin.home.join(".config/pip/pip.conf");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, "[global]\nno-index = true\n").unwrap();
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0"]);
}

// what the shell line could not

#[test]
fn an_upgrade_replaces_the_package_and_what_is_dropped_is_gone() {
    let packages = Packages::of(&[("alpha", "1.0"), ("alpha", "2.0"), ("beta", "1.0")]);
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x")).index(&packages).file("requirements.txt", "alpha==1.0\nbeta\n");
        plugin.command(["session-start"]).run().ok().silent();
        assert_eq!(plugin.installed(), ["alpha==1.0", "beta==1.0"]);
        plugin.write("requirements.txt", "alpha==2.0\n");
        plugin.command(["session-start"]).run().ok().silent();
        assert_eq!(
            (plugin.installed(), plugin.value_of("alpha")),
            (vec!["alpha==2.0".to_owned()], "alpha 2.0".to_owned())
        );
        plugin.run(["python", "-c", "import beta"]).exits(1).stderr_has("No module named 'beta'");
    }
}

#[test]
fn uv_serves_the_official_sdk_from_pypi() {
    let plugin = Plugin::new("x").fixture("requirements").online().uv();
    plugin.hook().ok().silent();
    assert_eq!(built_by(&plugin), "uv 0.13.8");
    adds(&plugin);
}

#[test]
fn pip_serves_the_official_sdk_from_pypi_even_to_a_server_without_a_hook() {
    let plugin = Plugin::new("x").fixture("requirements").online();
    adds(&plugin);
    assert!(built_by(&plugin).starts_with("pip "), "{}", built_by(&plugin));
}
