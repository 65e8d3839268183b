//! `plugdeps lint`: what it ends with, how it is shown and silenced. What each rule finds is tested beside the rules, by
//! the examples of `docs/lint.md`.

use crate::support::*;
use std::os::unix::fs::PermissionsExt;

const RELATIVE: &str =
    "{ \"mcpServers\": {\n  \"s\": { \"command\": \"node\",\n    \"args\": [\"dist/s.js\"], \"cwd\": \".\" } } }\n";

/// A plugin with an error and a warning in its `.mcp.json`, and `lint` of it from its own directory.
fn plugin() -> Plugin {
    let plugin = Plugin::new("x").file(".mcp.json", RELATIVE).file("dist/s.js", "");
    std::fs::rename(plugin.root.join("bin"), plugin.root.join("libexec")).unwrap();
    plugin
}

fn lint(plugin: &Plugin, args: &[&str]) -> Output {
    let cmd = plugin.bare_command(plugin.root.join("libexec/plugdeps"));
    cmd.arg("lint").args(args).cwd(&plugin.root).run()
}

#[test]
fn each_finding_has_its_rule_its_place_why_and_what_to_write() {
    let plugin = plugin();
    let before = Tree::of(plugin.temp());
    let found = lint(&plugin, &[]);
    found.exits(18).stderr_has("error[lint-findings]: lint `.`\n  cause: 1 error, 1 warning\n");
    found.stdout_is(
        ".mcp.json:3: error[relative-path]: the host starts it in the session's directory, where there is no \
         `dist/s.js`\n  fix: write `${CLAUDE_PLUGIN_ROOT}/dist/s.js`\n\
         .mcp.json:3: warning[cwd-ignored]: the host ignores `cwd`: the server `s` is started in the session's directory\n  \
         fix: remove it, and name files from `${CLAUDE_PLUGIN_ROOT}` or `${CLAUDE_PLUGIN_DATA}`\n",
    );
    assert_same(&before, &Tree::of(plugin.temp()));
}

#[test]
fn a_plugin_is_named_by_its_directory_and_files_are_seen_from_where_one_is() {
    let plugin = plugin();
    let cmd = plugin.bare_command(plugin.root.join("libexec/plugdeps"));
    let found = cmd.args(["lint", "root", "--format", "github"]).cwd(plugin.root.parent().unwrap()).run();
    found.exits(18).stdout_has("::error file=root/.mcp.json,line=3,title=relative-path::the host starts it in ");
    found.stdout_has("\n::warning file=root/.mcp.json,line=3,title=cwd-ignored::");
    let found = lint(&plugin, &["--json"]).exits(18).json();
    assert_eq!((&found["schema"], &found["errors"], &found["warnings"]), (&1.into(), &1.into(), &1.into()));
    let first = &found["findings"][0];
    assert_eq!((&first["rule"], &first["level"]), (&"relative-path".into(), &"error".into()));
    assert_eq!((&first["file"], &first["line"]), (&".mcp.json".into(), &3.into()));
    assert!(first["why"].is_string() && first["fix"] == "write `${CLAUDE_PLUGIN_ROOT}/dist/s.js`");
}

#[test]
fn warnings_alone_are_no_failure_unless_they_are_to_count() {
    let plugin = plugin().file("plugdeps.toml", "[lint]\nignore = ['relative-path']\n");
    lint(&plugin, &[]).ok().stdout_has("warning[cwd-ignored]").stdout_lacks("relative-path").stderr_is("");
    lint(&plugin, &["--strict"]).exits(18).stderr_has("cause: 0 errors, 1 warning\n");
    let plugin = plugin.file("plugdeps.toml", "[lint]\nignore = ['relative-path', 'cwd-ignored']\n");
    lint(&plugin, &["--strict"]).ok().stdout_is("").stderr_has("plugdeps: nothing found\n");
    let table = "[tool.plugdeps.lint]\nignore = ['cwd-ignored', 'relative-path']\n";
    std::fs::rename(plugin.root.join("plugdeps.toml"), plugin.root.join("other.toml")).unwrap();
    let plugin = plugin.file("pyproject.toml", table);
    lint(&plugin, &["--strict"]).ok().stdout_is("");
    // What a plugin ships reads past it.
    plugin.bare_command(plugin.root.join("libexec/plugdeps")).arg("check").run().ok();
}

#[test]
fn a_rule_that_is_none_is_refused_with_the_nearest_one() {
    for (configuration, words) in [
        (
            "[lint]\nignore = ['relativ-path']",
            ["there is no rule `relativ-path`", "hint: did you mean `relative-path`?"],
        ),
        ("[lint]\nignored = ['cwd-ignored']", ["there is no key `ignored` in `lint`", "hint: did you mean `ignore`?"]),
        ("lint = 1", ["`lint`: expected a table", "config-invalid"]),
        ("[lint]\nignore = 'cwd-ignored'", ["expected an array of names of rules", "config-invalid"]),
    ] {
        let plugin = plugin().file("plugdeps.toml", configuration);
        let found = lint(&plugin, &[]);
        found.exits(5).stdout_is("");
        for word in words {
            found.stderr_has(word);
        }
    }
    lint(&plugin(), &["--format", "githb"]).exits(2).stderr_has("hint: did you mean `github`?");
    lint(&plugin(), &["nowhere"]).exits(3).stderr_has("there is no such directory");
}

#[test]
fn what_git_ignores_does_not_reach_the_users() {
    let text = RELATIVE.replace("dist/s.js", "${CLAUDE_PLUGIN_ROOT}/dist/s.js");
    let plugin = plugin().file(".mcp.json", &text).file(".gitignore", "dist/\n.venv/\n").file(".venv/pyvenv.cfg", "");
    plugin.link(&tools::on_path("git").expect("git is needed"));
    lint(&plugin, &[]).exits(18).stdout_has("error[committed-environment]").stdout_lacks("missing-file");
    plugin.bare_command("git").args(["init", "-q"]).cwd(&plugin.root).run().ok();
    let found = lint(&plugin, &[]);
    found
        .exits(18)
        .stdout_has(".mcp.json:3: error[missing-file]: `dist/s.js` does not reach the users: git ignores it");
    found.stdout_lacks("committed-environment");
}

#[test]
fn a_program_needs_its_mode() {
    let text = "{ \"mcpServers\": { \"s\": { \"command\": \"${CLAUDE_PLUGIN_ROOT}/s.sh\" } } }";
    let plugin = plugin().file(".mcp.json", text).file("s.sh", "exec true\n");
    lint(&plugin, &[]).exits(18).stdout_has("error[not-executable]: `s.sh` may not be executed");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(plugin.root.join("s.sh"), mode).unwrap();
    lint(&plugin, &[]).ok();
}

#[test]
fn of_servers_a_hook_is_told_only_where_there_are_some() {
    let hook = "{ \"hooks\": { \"SessionStart\": [ { \"hooks\": [ { \"type\": \"command\", \"timeout\": 600, \"command\": \
                \"\\\"${CLAUDE_PLUGIN_DATA}/venv/bin/pip\\\" install -q mcp==1.9.0\" } ] } ] } }";
    let told = "two sessions install at once, and one that is killed leaves half of the packages";
    let plugin = plugin().file("hooks/hooks.json", hook);
    let of_servers = "; servers are started with the hook, not after it, so the first session has none";
    lint(&plugin, &[]).exits(18).stdout_has(&format!("{told}{of_servers}\n"));
    let plugin = plugin.file(".mcp.json", "{ \"mcpServers\": {} }");
    lint(&plugin, &[]).exits(18).stdout_has(&format!("{told}\n"));
}

#[test]
fn uv_run_makes_an_environment_where_something_asks_for_one() {
    let text = "{ \"mcpServers\": { \"s\": { \"command\": \"uv\",\n\"args\": [\"run\", \"--no-project\", \"${CLAUDE_PLUGIN_ROOT}/s.py\"] } } }";
    let path = "`uv run` needs uv on a PATH that may be a desktop's";
    let plugin = plugin().file(".mcp.json", text).file("s.py", "import sys\n");
    lint(&plugin, &[]).ok().stdout_has(&format!("{path}\n"));
    let plugin = plugin.file("s.py", "# /// script\n# dependencies = [\"httpx==0.27.2\"]\n# ///\n");
    lint(&plugin, &[]).ok().stdout_has(&format!("{path}, and makes the environment while the host waits 30 s\n"));
}
