//! What the rules of packages find in which manifests, beyond the examples of the documentation.

use super::tests::{ROOT, finds, found, hook, server};

#[test]
fn what_other_tools_read_alone_is_found_where_a_server_has_nothing_else() {
    let entry = server(&["python3", "${CLAUDE_PLUGIN_ROOT}/a/s.py"]);
    let told = |count, files: &[(&str, &str)]| {
        finds("unread-manifest", count, &[&[(".mcp.json", entry.as_str()), ("a/s.py", "")], files].concat());
    };
    let setup = "from setuptools import setup\nsetup(install_requires=['httpx'])\n";
    told(1, &[("Pipfile", "[packages]\n")]);
    told(1, &[("a/setup.py", setup)]);
    told(1, &[("setup.cfg", "[options]\ninstall_requires =\n  httpx\n"), ("package.json", "{}")]);
    told(0, &[("setup.cfg", "[flake8]\n"), ("setup.py", "setup()\n"), ("pyproject.toml", "[tool.ruff]\n")]);
    let poetry = "[tool.poetry.dependencies]\n# Of ours.\npython = \"^3.10\"\n";
    let more = [poetry, "httpx = \"^0.28\"\n"].concat();
    told(1, &[("pyproject.toml", &more)]);
    // Nothing is asked for.
    told(0, &[("pyproject.toml", &[poetry, "\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n"].concat())]);
    told(0, &[("setup.py", "# install_requires is not needed\nsetup(install_requires=[])\n")]);
    told(0, &[("b/Pipfile", "")]);
    told(0, &[("Pipfile", ""), ("requirements.txt", "httpx==1\n")]);
    let hooked = hook("cd \"${CLAUDE_PLUGIN_ROOT}\" && pipenv install");
    told(0, &[("Pipfile", ""), ("hooks/hooks.json", &hooked)]);
    let with = server(&["uv", "run", "--with", "httpx", "${CLAUDE_PLUGIN_ROOT}/a/s.py"]);
    finds("unread-manifest", 0, &[(".mcp.json", &with), ("a/s.py", ""), ("a/setup.py", setup)]);
    let node = server(&["node", "${CLAUDE_PLUGIN_ROOT}/s.js"]);
    finds("unread-manifest", 0, &[(".mcp.json", &node), ("s.js", ""), ("Pipfile", "")]);
}

#[test]
fn packages_for_node_are_the_hosts_where_it_installs_them() {
    let (entry, script) = (server(&["node", "${CLAUDE_PLUGIN_ROOT}/a/s.mjs"]), "import { z } from \"zod\";");
    let (package, lock) = ("{ \"dependencies\": { \"zod\": \"4.0.0\" } }", "{ \"packages\": {} }");
    let above = [(".mcp.json", entry.as_str()), ("a/s.mjs", script), ("package.json", package)];
    finds("nothing-installs", 1, &above);
    finds("nothing-installs", 0, &[&above[..], &[("package-lock.json", lock)]].concat());
    finds("nothing-installs", 1, &[&above[..], &[("pnpm-lock.yaml", "")]].concat());
    let beside = [
        (".mcp.json", entry.as_str()),
        ("a/s.mjs", script),
        ("a/package.json", package),
        ("a/package-lock.json", lock),
    ];
    finds("nothing-installs", 1, &beside);
}

#[test]
fn packages_in_git_are_found_where_git_would_ship_them_and_nobody_means_to() {
    let (module, ignored) = (("a/node_modules/zod/index.js", "0"), (".gitignore", "node_modules\n"));
    finds("committed-packages", 1, &[(".gitignore", ""), module, ("a/node_modules/b.js", "")]);
    finds("committed-packages", 0, &[ignored, module]);
    finds("committed-packages", 0, &[module]);
    let bundled = ("a/package.json", "{ \"bundledDependencies\": [\"zod\"] }");
    finds("committed-packages", 0, &[(".gitignore", ""), module, bundled]);
    let built = [(".gitignore", ""), module, ("a/node_modules/x/build/x.node", "")];
    finds("committed-environment", 1, &built);
    finds("committed-packages", 0, &built);
}

#[test]
fn a_package_json_without_a_lock_is_found_where_a_server_needs_its_packages() {
    let started = |program: &str, file: &str| server(&[program, &format!("{ROOT}/{file}")]);
    let (node, ours) = (started("node", "a/s.mjs"), server(&["R/plugdeps", "run", "--", "node", "R/a/s.mjs"]));
    let ours = ours.replace("R/", &format!("{ROOT}/"));
    let zod = ("a/s.mjs", "import { z } from \"zod\";");
    let exact = ("a/package.json", "{ \"dependencies\": { \"zod\": \"4.0.0\" } }");
    let loose = ("a/package.json", "{ \"dependencies\": { \"zod\": \"^4.0.0\" } }");
    let told = |count, entry: &str, others: &[(&str, &str)]| {
        finds("unpinned", count, &[&[(".mcp.json", entry)], others].concat());
    };
    for package in [exact, loose] {
        told(1, &node, &[zod, package]);
        told(1, &ours, &[("a/s.mjs", ""), package]);
        told(0, &node, &[zod, package, ("a/package-lock.json", "{ \"packages\": {} }")]);
        told(0, &started("python3", "a/s.py"), &[("a/s.py", ""), package]);
        // That of a workspace.
        told(0, &node, &[zod, package, ("package-lock.json", "{}"), ("package.json", "{ \"workspaces\": [\"a\"] }")]);
    }
    told(0, &node, &[("a/s.mjs", "0"), exact]);
    told(0, &node, &[zod, ("a/package.json", "{ \"devDependencies\": { \"zod\": \"4.0.0\" } }")]);
    told(0, &node, &[zod, ("a/package.json", "{ \"private\": true }")]);
}

#[test]
fn a_lock_of_uv_has_every_package_of_its_project() {
    let entry = server(&["uv", "run", "--project", ROOT, "s"]);
    let project =
        "[project]\nname = \"s\"\nversion = \"1\"\ndependencies = [\n\"Some_Package>=1\",\n\"other; os_name=='nt'\"]\n";
    let lock = |name: &str| format!("version = 1\n[[package]]\nname = \"{name}\"\nversion = \"1\"\n");
    let files = |lock: &str| finds_in(&entry, project, lock);
    assert_eq!(files(&lock("some-package")), None);
    assert_eq!(files(&lock("else")), Some(1));
}

fn finds_in(entry: &str, project: &str, lock: &str) -> Option<usize> {
    let files = [(".mcp.json", entry), ("pyproject.toml", project), ("uv.lock", lock)];
    found(&files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
        .get("lock-outdated")
        .copied()
}

#[test]
fn a_line_of_the_plugins_own_in_requirements_is_named() {
    let entry = server(&["${CLAUDE_PLUGIN_ROOT}/plugdeps", "run", "--", "python", "-m", "s"]);
    for line in ["-e .", ".", ".[all]"] {
        finds("installs-itself", 1, &[(".mcp.json", &entry), ("requirements.txt", line)]);
    }
    finds("installs-itself", 0, &[(".mcp.json", &entry), ("requirements.txt", "./wheels/a-1-py3-none-any.whl")]);
}

#[test]
fn packages_are_looked_at_where_what_runs_the_server_needs_them() {
    let started =
        |file: &str| server(&[if file.ends_with(".py") { "python3" } else { "node" }, &format!("{ROOT}/{file}")]);
    let package = ("package.json", "{ \"dependencies\": { \"pty\": \"1.0.0\" } }");
    let lock = "{ \"packages\": { \"\": { \"dependencies\": { \"pty\": \"1.0.0\" } }, \"node_modules/pty\": { \"version\": \
                \"1.0.0\", \"hasInstallScript\": true } } }";
    for (file, count) in [("s.py", 0), ("s.js", 1)] {
        let files = [(".mcp.json", &*started(file)), (file, ""), package, ("package-lock.json", lock)];
        finds("install-scripts", count, &files);
    }
    let entry = server(&[&format!("{ROOT}/run.sh")]);
    for (script, count) in [
        ("exec \"$CLAUDE_PLUGIN_ROOT/target/s\"", 0),
        ("\"$CLAUDE_PLUGIN_DATA/v/bin/pip\" install -q -r \"$CLAUDE_PLUGIN_ROOT/requirements.txt\"\nexec x", 1),
    ] {
        let files = [(".mcp.json", entry.as_str()), ("run.sh", script), ("requirements.txt", "mcp>=1.0.0,<2")];
        finds("unpinned", count, &files);
    }
}
