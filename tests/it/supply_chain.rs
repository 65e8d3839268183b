//! What an author can do so that nobody slips packages in: hashes, a date, and a word about indexes.

use crate::support::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The plugin with this installer and no other.
fn with(installer: Installer, plugin: Plugin) -> Plugin {
    if installer == Installer::Uv { plugin.uv() } else { plugin }
}

/// Gives the plugin's interpreter this version of pip.
fn with_pip(plugin: Plugin, version: &str) -> Plugin {
    let python = tools::version(&tools::python()).unwrap();
    let packages = plugin.home.join(format!(".local/lib/python{python}/site-packages"));
    fs::create_dir_all(&packages).unwrap();
    symlink(tools::pip_package(version).join("pip"), packages.join("pip")).unwrap();
    plugin
}

#[track_caller]
fn class(plugin: &Plugin) -> Value {
    plugin.check()["environments"][0]["last_failure"]["class"].clone()
}

/// Everything that lies in a plugin's data directory.
fn data(plugin: &Plugin) -> Vec<String> {
    Tree::of(&plugin.data).paths().map(|path| path.display().to_string()).filter(|path| !path.is_empty()).collect()
}

// hashes that are there

#[test]
fn a_hash_is_enforced_with_both_installers_whatever_the_user_set() {
    let packages = Packages::usual();
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&packages));
        let plugin = plugin.file("requirements.txt", &format!("alpha==1.0 --hash=sha256:{ZEROS}\n"));
        let settings = plugin.home.join(".config/uv/uv.toml");
        fs::create_dir_all(settings.parent().unwrap()).unwrap();
        fs::write(settings, "[pip]\nverify-hashes = false\n").unwrap();
        let plugin = plugin.env("UV_NO_VERIFY_HASHES", "1").env("PIP_REQUIRE_HASHES", "0");
        for configuration in ["", "require-hashes = true\n"] {
            plugin.write("plugdeps.toml", configuration);
            plugin.sync().exits(9);
            assert_eq!(class(&plugin), "hash-mismatch", "{installer:?} {configuration}");
        }
    }
}

const PROJECT: &str = "[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['alpha']\n";

/// A plugin with this project and the lock that uv made of it.
fn locked(packages: &Packages, project: &str) -> Plugin {
    let plugin = Plugin::new("x").index(packages).uv().file("pyproject.toml", project);
    plugin.bare_command("uv").args(["lock", "--quiet", "--project"]).arg(&plugin.root).run().ok();
    plugin
}

/// Replaces every hash in a lock by a wrong one.
fn spoil(plugin: &Plugin, lock: &str, before: &str) {
    let text = fs::read_to_string(plugin.root.join(lock)).unwrap();
    let mut pieces = text.split(before);
    let first = pieces.next().unwrap().to_owned();
    let spoilt = pieces.fold(first, |all, piece| all + before + ZEROS + &piece[64..]);
    assert_ne!(spoilt, text);
    plugin.write(lock, &spoilt);
}

#[test]
fn a_hash_in_uv_lock_is_enforced() {
    let packages = Packages::usual();
    let plugin = locked(&packages, PROJECT).env("UV_NO_VERIFY_HASHES", "1");
    spoil(&plugin, "uv.lock", "sha256:");
    plugin.sync().exits(9);
    assert_eq!(class(&plugin), "hash-mismatch");
}

/// A plugin with the `pylock.toml` that uv writes for `alpha`.
fn pylocked(packages: &Packages) -> Plugin {
    let plugin = Plugin::new("x").index(packages).uv().file("requirements.in", "alpha\n");
    let lock = plugin.root.join("pylock.toml");
    let cmd = plugin.bare_command("uv").args(["pip", "compile", "--quiet", "--format", "pylock.toml", "-o"]);
    cmd.arg(lock).arg(plugin.root.join("requirements.in")).run().ok();
    plugin
}

#[test]
fn a_hash_in_pylock_is_enforced() {
    let packages = Packages::usual();
    let plugin = pylocked(&packages);
    plugin.sync().ok();
    let plugin = pylocked(&packages).env("UV_NO_VERIFY_HASHES", "1");
    spoil(&plugin, "pylock.toml", "sha256 = \"");
    plugin.sync().exits(9);
    assert_eq!(class(&plugin), "hash-mismatch");
}

// hashes that are demanded

/// A plugin that demands hashes is refused before anything is written, at every door, with these words.
#[track_caller]
fn refused(plugin: &Plugin, words: &[&str]) {
    plugin.write("plugdeps.toml", "require-hashes = true\n");
    let sync = plugin.sync();
    sync.exits(6).stderr_has("`require-hashes` demands");
    words.iter().for_each(|word| assert!(sync.stderr.contains(word), "{word}: {sync}"));
    plugin.run(["python"]).exits(6).stderr_has("`require-hashes` demands");
    plugin.command(["session-start"]).run().ok().stdout_has("`require-hashes` demands").stdout_has(words[0]);
    let check = plugin.command(["--check"]).run();
    check.exits(11).stdout_has("`require-hashes` demands").stdout_has(words[0]);
    // What a session was told is remembered, so that it is told once.
    let written: Vec<_> =
        data(plugin).into_iter().filter(|path| !path.contains("news") && path.contains('/')).collect();
    assert!(written.iter().all(|path| path == "plugdeps/main"), "{written:?}");
}

#[test]
fn a_requirement_without_a_hash_is_refused_by_file_and_line() {
    let packages = Packages::usual();
    let alpha = Wheel::simple("alpha", "9.0").write_hashed(packages.directory());
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&packages));
        let plugin = plugin.file("requirements.txt", &format!("-e .\n{alpha}-r more.txt\n"));
        let plugin =
            plugin.file("more.txt", "# comment\nbeta==1.0\nhttps://h.invalid/x.whl\ngit+https://h.invalid/y@v1\n");
        let words = [
            "`more.txt` line 2 `beta==1.0` has no hash",
            "`more.txt` line 3",
            "`more.txt` line 4",
            "--generate-hashes",
        ];
        refused(&plugin, &words);
        // The plugin itself is not installed, so its line needs none; with all hashes it is installed.
        let beta = Wheel::simple("beta", "1.0").write_hashed(packages.directory());
        plugin.write("more.txt", &beta);
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==9.0", "beta==1.0"]);
    }
}

#[test]
fn a_hash_without_one_version_is_refused() {
    let packages = Packages::usual();
    let plugin = Plugin::needing(&format!("alpha>=1 --hash=sha256:{ZEROS}\n"), &packages);
    refused(&plugin, &["`requirements.txt` line 1", "no one version (`==`)"]);
}

#[test]
fn a_direct_address_with_a_hash_has_one() {
    let packages = Packages::usual();
    let file = "alpha-1.0-py3-none-any.whl";
    let hash = sha256(&packages.directory().join(file));
    let url = format!("{}/files/{file}#sha256={hash}", packages.url().trim_end_matches("/simple"));
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&packages));
        let plugin = plugin.file("plugdeps.toml", "require-hashes = true\n");
        let plugin = plugin.file("requirements.txt", &format!("alpha @ {url}\n"));
        plugin.sync().ok();
        plugin.write("requirements.txt", &format!("alpha @ {}\n", url.replace(&hash, ZEROS)));
        plugin.sync().exits(9);
        assert_eq!(class(&plugin), "hash-mismatch", "{installer:?}");
    }
}

#[test]
fn what_a_package_needs_besides_must_have_a_hash_too() {
    let packages = Packages::usual();
    let needy = Wheel::simple("gamma", "1.0").requires("beta").write_hashed(packages.directory());
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&packages));
        let plugin = plugin.file("requirements.txt", &needy).file("plugdeps.toml", "require-hashes = true\n");
        plugin.sync().exits(9).stderr_has("beta").stderr_has("hash");
        assert_eq!(plugin.generations_of("main"), [""; 0]);
    }
}

#[test]
fn a_project_alone_has_no_hashes_and_is_refused_by_line() {
    let packages = Packages::usual();
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&packages)).file("pyproject.toml", PROJECT);
        refused(&plugin, &["`pyproject.toml` line 5 `alpha` has no hash", "uv lock"]);
    }
}

#[test]
fn a_lock_has_its_hashes_but_for_what_comes_from_elsewhere() {
    let packages = Packages::usual();
    for plugin in [locked(&packages, PROJECT), pylocked(&packages)] {
        plugin.write("plugdeps.toml", "require-hashes = true\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
    }
    let plugin = locked(&packages, PROJECT);
    let lock = fs::read_to_string(plugin.root.join("uv.lock")).unwrap();
    let git = "\n[[package]]\nname = \"gamma\"\nversion = \"1\"\nsource = { git = \"https://h.invalid/gamma#0123\" }\n";
    plugin.write("uv.lock", &format!("{lock}{git}"));
    let line = lock.lines().count() + 2;
    refused(&plugin, &[&format!("`uv.lock` line {line} `gamma` has no hash")]);
}

#[test]
fn an_index_that_names_no_hashes_makes_a_lock_without_them_which_is_refused() {
    let packages = Packages::usual();
    let plugin = locked(&packages, PROJECT);
    let lock = fs::read_to_string(plugin.root.join("uv.lock")).unwrap();
    let hash = sha256(&packages.directory().join("alpha-1.0-py3-none-any.whl"));
    let without = lock.replace(&format!(", hash = \"sha256:{hash}\""), "");
    assert_ne!(without, lock);
    plugin.write("uv.lock", &without);
    refused(&plugin, &["`alpha` has no hash"]);
}

#[test]
fn to_demand_hashes_builds_anew_and_until_then_the_last_good_environment_serves() {
    let packages = Packages::usual();
    let plugin = Plugin::needing("alpha==1.0\n", &packages);
    plugin.sync().ok();
    plugin.write("plugdeps.toml", "require-hashes = true\n");
    plugin
        .run(["python", "-c", "import alpha; print(alpha.VALUE)"])
        .ok()
        .stdout_is("alpha 1.0\n")
        .stderr_has("no hash");
    let alpha = Wheel::simple("alpha", "9.0").write_hashed(packages.directory());
    plugin.write("requirements.txt", &alpha);
    plugin.sync().ok();
    plugin.write("plugdeps.toml", "");
    assert!(plugin.why().contains("`require-hashes` is gone"), "{}", plugin.why());
}

// a date

/// `alpha` 1.0 of January and 2.0 of March.
fn dated() -> Packages {
    let packages = Packages::of(&[("alpha", "1.0"), ("alpha", "2.0")]);
    packages.uploaded("alpha-1.0-py3-none-any.whl", "2026-01-31T12:00:00Z");
    packages.uploaded("alpha-2.0-py3-none-any.whl", "2026-03-01T12:00:00Z");
    packages
}

/// Both installers, pip in the first version that knows times.
fn for_both(packages: &Packages, test: impl Fn(Plugin)) {
    for installer in BOTH {
        println!("with {installer:?}");
        let plugin = Plugin::new("x").index(packages);
        test(if installer == Installer::Uv { plugin.uv() } else { with_pip(plugin, "26.0") });
    }
}

#[test]
fn what_was_uploaded_later_does_not_count_and_another_date_builds_anew() {
    let packages = dated();
    for_both(&packages, |plugin| {
        let plugin = plugin.file("requirements.txt", "alpha\n").file("plugdeps.toml", "exclude-newer = '2026-01-31'\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
        plugin.write("plugdeps.toml", "exclude-newer = '2026-03-01T12:00:00.5Z'\n");
        assert!(plugin.why().contains("`exclude-newer` changed"), "{}", plugin.why());
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==2.0"]);
        plugin.write("plugdeps.toml", "exclude-newer = 2026-01-30\n");
        plugin.sync().exits(9);
        plugin.write("plugdeps.toml", "");
        assert_eq!(plugin.verdict(), "would-build");
    });
}

#[test]
fn of_an_index_that_tells_no_times_nothing_is_taken() {
    let packages = Packages::usual();
    for_both(&packages, |plugin| {
        let plugin = plugin.file("requirements.txt", "alpha\n").file("plugdeps.toml", "exclude-newer = '2099-01-31'\n");
        plugin.sync().exits(9);
        assert_eq!(plugin.generations_of("main"), [""; 0]);
    });
}

#[test]
fn a_date_says_nothing_of_directories_of_links_and_of_direct_addresses() {
    let packages = dated();
    let file = "alpha-1.0-py3-none-any.whl";
    let url = format!("{}/files/{file}", packages.url().trim_end_matches("/simple"));
    let links = packages.directory().display();
    for_both(&packages, |plugin| {
        let plugin = plugin.file("plugdeps.toml", "exclude-newer = '2001-01-31'\n");
        for text in [format!("alpha @ {url}\n"), format!("--no-index\n--find-links {links}\nalpha==1.0\n")] {
            plugin.write("requirements.txt", &text);
            plugin.sync().ok();
            assert_eq!(plugin.installed(), ["alpha==1.0"], "{text}");
        }
    });
}

#[test]
fn a_date_that_the_user_set_for_the_installer_is_the_one_that_holds() {
    let packages = dated();
    for_both(&packages, |plugin| {
        let plugin = plugin.file("requirements.txt", "alpha\n").file("plugdeps.toml", "exclude-newer = '2026-12-31'\n");
        let day = "2026-02-01T00:00:00Z";
        let plugin = plugin.env("UV_EXCLUDE_NEWER", day).env("PIP_UPLOADED_PRIOR_TO", day);
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
    });
}

#[test]
fn a_date_holds_for_a_project_as_well() {
    let packages = dated();
    for_both(&packages, |plugin| {
        let plugin = plugin.file("pyproject.toml", PROJECT).file("plugdeps.toml", "exclude-newer = '2026-01-31'\n");
        plugin.sync().ok();
        assert_eq!(plugin.installed(), ["alpha==1.0"]);
    });
}

#[test]
fn the_date_of_a_projects_own_settings_of_uv_holds_and_pip_is_not_given_it() {
    let packages = dated();
    let text = format!("{PROJECT}[tool.uv]\nexclude-newer = '2026-02-01T00:00:00Z'\n");
    let plugin = Plugin::new("x").index(&packages).uv().file("pyproject.toml", &text);
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0"]);
    let plugin = Plugin::new("x").index(&packages).file("pyproject.toml", &text);
    let installer = plugin.check()["environments"][0]["installer"].clone();
    assert_eq!(installer["rejected"][1], "pip: only uv can install what `pyproject.toml` says");
}

#[test]
fn indexes_of_a_projects_own_settings_of_uv_are_never_exchanged_for_pips() {
    let packages = Packages::usual();
    let text = format!("{PROJECT}[[tool.uv.index]]\nurl = '{}'\n", packages.url());
    let plugin = Plugin::new("x").file("pyproject.toml", &text);
    let installer = plugin.check()["environments"][0]["installer"].clone();
    assert_eq!(installer["rejected"][1], "pip: only uv can install what `pyproject.toml` says");
    let plugin = plugin.uv();
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0"]);
}

/// Its requirements stand in a file of their own, and are asked of the same indexes all the same.
#[test]
fn indexes_of_a_project_hold_for_the_requirements_files_that_it_names() {
    let [own, other] = [Packages::of(&[("alpha", "1.0")]), Packages::of(&[("alpha", "2.0")])];
    let text = |url: &str| {
        "[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.8'\ndynamic = ['dependencies']\n\
         [tool.setuptools.dynamic]\ndependencies = { file = 'needs.txt' }\n"
            .to_owned()
            + &format!("[[tool.uv.index]]\nname = 'acme'\nurl = '{url}'\n")
    };
    let plugin = Plugin::new("x").index(&other).file("needs.txt", "alpha\n").file("pyproject.toml", &text(&own.url()));
    let installer = plugin.check()["environments"][0]["installer"].clone();
    assert_eq!(installer["rejected"][1], "pip: only uv can install what `pyproject.toml` says");
    let plugin = plugin.uv();
    assert_eq!(exposed(&plugin).0, ["`pyproject.toml` index `acme`"]);
    plugin.sync().ok();
    assert_eq!(plugin.installed(), ["alpha==1.0"]);
    plugin.write("pyproject.toml", &text(&other.url()));
    assert_eq!(plugin.why(), "`pyproject.toml` changed");
}

#[test]
fn a_pip_that_knows_no_dates_gives_way_to_uv_or_is_refused() {
    let packages = dated();
    let plugin = with_pip(Plugin::new("x").index(&packages), "25.3").file("requirements.txt", "alpha\n");
    plugin.write("plugdeps.toml", "exclude-newer = '2026-01-31'\n");
    let chosen = plugin.check()["environments"][0]["installer"]["chosen"].clone();
    assert_eq!(chosen, "uv 0.13.8, installed by pip 25.3");
    plugin.write("plugdeps.toml", "exclude-newer = '2026-01-31'\ninstaller = 'pip'\n");
    plugin.sync().exits(8).stderr_has("pip 25.3 knows nothing of `exclude-newer`: 26.0 or later does");
    assert_eq!(data(&plugin), [""; 0]);
}

#[test]
fn a_date_means_nothing_to_a_lock_and_that_is_said() {
    let packages = Packages::usual();
    for (plugin, lock) in [(locked(&packages, PROJECT), "uv.lock"), (pylocked(&packages), "pylock.toml")] {
        plugin.sync().ok();
        plugin.write("plugdeps.toml", "exclude-newer = '2001-01-31'\n");
        let said = format!("`exclude-newer` means nothing to `{lock}`: what is locked is installed");
        plugin.command(["--check"]).run().exits(0).stdout_has(&said);
    }
}

// a second index

/// Who names an extra index, and the note about it.
#[track_caller]
fn exposed(plugin: &Plugin) -> (Vec<String>, String) {
    let environment = plugin.check()["environments"][0].clone();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let notes = texts(&environment["manifest"]["notes"]);
    let note = notes.into_iter().find(|note| note.contains("extra index")).unwrap_or_default();
    let page = plugin.command(["--check"]).run();
    assert_eq!(page.stdout.contains("extra index"), !note.is_empty(), "{page}");
    (texts(&environment["extra_indexes"]), note)
}

/// pip does what the note says, and uv the other thing.
#[test]
fn an_extra_index_without_hashes_is_named_with_what_the_installer_chosen_would_do() {
    let [own, other] = [Packages::of(&[("alpha", "1.0")]), Packages::of(&[("alpha", "2.0")])];
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&other));
        let url = own.url_with_login("me:hunter2-s3cr3t");
        let plugin = plugin.file("requirements.txt", &format!("--extra-index-url {url}\nalpha\n"));
        let (by, note) = exposed(&plugin);
        assert_eq!(by, [format!("`requirements.txt` line 1 `--extra-index-url {}`", own.url_with_login("****"))]);
        assert!(note.contains("`require-hashes = true`"), "{note}");
        plugin.sync().ok();
        let (words, installed) = match installer {
            Installer::Uv => ("uv takes a package from the first index that has it", "alpha==1.0"),
            Installer::Pip => ("the newest version that any index has is taken", "alpha==2.0"),
        };
        assert!(note.contains(words), "{note}");
        assert_eq!(plugin.installed(), [installed]);
        let plugin = plugin.env("UV_INDEX_STRATEGY", "unsafe-best-match");
        assert!(exposed(&plugin).1.contains("the newest version that any index has is taken"));
        plugin.command(["sync", "--rebuild"]).run().ok();
        assert_eq!(plugin.installed(), ["alpha==2.0"]);
    }
}

#[test]
fn an_extra_index_of_the_user_is_named_where_the_installer_reads_it() {
    let packages = Packages::usual();
    let url = packages.url();
    let plugin = || Plugin::new("x").index(&packages).file("requirements.txt", "alpha\n");
    let at_home = |plugin: &Plugin, path: &str, text: &str| {
        let path = plugin.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    assert_eq!(exposed(&plugin()).0, [""; 0]);
    assert_eq!(exposed(&plugin().uv()).0, [""; 0]);
    let variable = ["the variable `PIP_EXTRA_INDEX_URL`"];
    assert_eq!(exposed(&plugin().env("PIP_EXTRA_INDEX_URL", &url)).0, variable);
    assert_eq!(exposed(&plugin().uv().env("PIP_EXTRA_INDEX_URL", &url)).0, variable);
    assert_eq!(exposed(&plugin().uv().env("UV_INDEX", &url)).0, ["the variable `UV_INDEX`"]);
    assert_eq!(exposed(&plugin().env("UV_INDEX", &url)).0, [""; 0]);
    let of_pip = plugin();
    at_home(&of_pip, ".config/pip/pip.conf", &format!("[global]\nextra-index-url = {url}\n"));
    assert_eq!(exposed(&of_pip).0, ["pip's setting `global.extra-index-url`"]);
    assert_eq!(exposed(&of_pip.uv()).0, [""; 0]);
    let of_uv = plugin().uv();
    let path = at_home(&of_uv, ".config/uv/uv.toml", &format!("[[index]]\nname = 'acme'\nurl = '{url}'\n"));
    assert_eq!(exposed(&of_uv).0, [format!("`{path}` index `acme`")]);
}

#[test]
fn an_index_of_a_project_is_named_unless_it_is_explicit() {
    let packages = Packages::usual();
    let index = |rest: &str| format!("{PROJECT}[[tool.uv.index]]\nname = 'acme'\nurl = '{}'\n{rest}", packages.url());
    let plugin = Plugin::new("x").index(&packages).uv().file("pyproject.toml", &index(""));
    assert_eq!(exposed(&plugin).0, ["`pyproject.toml` index `acme`"]);
    for rest in ["explicit = true\n", "default = true\n"] {
        plugin.write("pyproject.toml", &index(rest));
        assert_eq!(exposed(&plugin).0, [""; 0], "{rest}");
    }
}

#[test]
fn hashes_and_locks_leave_nothing_to_an_extra_index() {
    let packages = Packages::usual();
    let hashed = Wheel::simple("alpha", "9.0").write_hashed(packages.directory());
    let text = format!("--extra-index-url {}\n{hashed}", packages.url());
    for installer in BOTH {
        let plugin = with(installer, Plugin::new("x").index(&packages)).file("requirements.txt", &text);
        assert_eq!(exposed(&plugin).0, [""; 0]);
    }
    let plugin = locked(&packages, PROJECT).env("UV_INDEX", packages.url());
    assert_eq!(exposed(&plugin).0, [""; 0]);
}
