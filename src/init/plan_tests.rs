//! What becomes of each way to start a server and to install its packages, and what of a plugin's text.

use super::*;
use crate::init::draft::After;
use crate::init::record;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const PROGRAM: &str = "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps";
const PROJECT: &str =
    "[project]\nname = \"p\"\nversion = \"1\"\ndependencies = [\"a\"]\nscripts = { tool = \"p:main\" }\n";

/// A plugin with these files.
fn plugin(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[(".claude-plugin/plugin.json", "{ \"name\": \"p\" }\n")]);
    write(root.path(), files);
    root
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        crate::fs::create_directory(root.join(path).parent().unwrap()).unwrap();
        crate::fs::write(&root.join(path), text.as_bytes()).unwrap();
    }
}

fn planned(root: &Path) -> (Draft, Plan) {
    let mut draft = Draft::new(root);
    let plan = make(&mut draft, PROGRAM, Mood::Is).unwrap_or_else(|e| panic!("{e}"));
    (draft, plan)
}

fn servers_of(servers: &Value) -> String {
    json!({ "mcpServers": servers }).to_string()
}

/// The same with `R` and `D` for the plugin's directory and its data.
fn expand(value: &Value) -> Value {
    let text = value.to_string().replace("R/", "${CLAUDE_PLUGIN_ROOT}/").replace("D/", "${CLAUDE_PLUGIN_DATA}/");
    let text = text.replace("\"R\"", "\"${CLAUDE_PLUGIN_ROOT}\"").replace("cd R ", "cd ${CLAUDE_PLUGIN_ROOT} ");
    serde_json::from_slice(text.as_bytes()).unwrap()
}

/// A line as `command` and `args`; what is quoted is one word.
fn server(line: &str) -> Value {
    let parts = line.split('\'').enumerate();
    let words: Vec<&str> =
        parts.flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }).collect();
    if words.len() == 1 { json!({ "command": words[0] }) } else { json!({ "command": words[0], "args": words[1..] }) }
}

/// A server that is started by `before` is started by `after` behind `run`, in a plugin with these files.
#[track_caller]
fn becomes(files: &[(&str, &str)], before: &str, after: &str) -> (Draft, Plan) {
    let root = plugin(files);
    write(root.path(), &[(".mcp.json", &servers_of(&expand(&json!({ "s": server(before) }))))]);
    let (draft, plan) = planned(root.path());
    let text = draft.json(".mcp.json").unwrap().unwrap().text;
    let now: Value = serde_json::from_slice(text.as_bytes()).unwrap();
    let mut wanted = server(&format!("R/bin/plugdeps run {after}"));
    if let Some(env) = now["mcpServers"]["s"].get("env") {
        wanted["env"] = env.clone();
    }
    assert_eq!(now["mcpServers"]["s"], expand(&wanted), "{before}\n{:#?}", plan.said);
    (draft, plan)
}

/// It stays, since something of this is so.
#[track_caller]
fn stays(files: &[(&str, &str)], before: &str, why: &str) {
    let root = plugin(files);
    write(root.path(), &[(".mcp.json", &servers_of(&expand(&json!({ "s": server(before) }))))]);
    let (draft, plan) = planned(root.path());
    assert!(draft.changes().all(|(path, _)| path != ".mcp.json"), "{before}: {:#?}", plan.said);
    assert!(
        plan.said.iter().any(|line| line.contains("server `s`") && line.contains(why)),
        "{before}: {:#?}",
        plan.said
    );
}

#[track_caller]
fn text<'a>(draft: &'a Draft, path: &str) -> &'a str {
    match draft.changes().find(|(own, _)| *own == path) {
        Some((_, After::Text(text))) => text,
        other => panic!("`{path}` is not written: {other:?}"),
    }
}

const PIP: (&str, &str) = ("requirements.txt", "alpha\n");
const NPM: (&str, &str) = ("package.json", "{ \"dependencies\": { \"alpha\": \"1\" } }");

#[test]
fn an_interpreter_and_the_program_of_an_environment_are_started_behind_run() {
    becomes(&[PIP], "python3 -u R/server.py --x", "-- python -u R/server.py --x");
    becomes(&[PIP], "R/.venv/bin/python R/server.py", "-- python R/server.py");
    becomes(&[PIP], "D/venv/bin/tool --x", "-- tool --x");
    becomes(&[PIP], "R/server.py", "-- python R/server.py");
    becomes(&[NPM], "node R/server.js", "-- node R/server.js");
    becomes(&[NPM], "R/node_modules/.bin/tsx R/s.ts", "-- tsx R/s.ts");
    becomes(&[PIP, NPM], "node R/server.js", "-- node R/server.js");
    becomes(&[("a/requirements.txt", "x\n"), PIP], "python R/a/server.py", "-- python R/a/server.py");
    becomes(
        &[("server.py", "# /// script\n# dependencies = [\"a\"]\n# ///\n")],
        "uv run R/server.py",
        "-- python R/server.py",
    );
}

#[test]
fn uv_becomes_what_it_runs_in_the_environment_of_its_project() {
    let at_root = [("pyproject.toml", PROJECT), ("src/p/__main__.py", "")];
    becomes(&at_root, "uv run --project R tool x", "-- tool x");
    becomes(&at_root, "uv --directory R run --frozen server.py", "-- python R/server.py");
    becomes(&at_root, "uvx --from R tool mcp", "-- tool mcp");
    // Its users were to install the plugin's own package before.
    becomes(&at_root, "tool mcp", "-- tool mcp");
    stays(&at_root, "other mcp", "no server for Python or Node");
    let (draft, _) = becomes(&at_root, "uv run --project R python -m p", "-- python -m p");
    assert!(text(&draft, ".mcp.json").contains("\"PYTHONPATH\": \"${CLAUDE_PLUGIN_ROOT}/src\""));
    let below = [("a/pyproject.toml", PROJECT), ("a/p/__init__.py", "")];
    let (draft, _) = becomes(&below, "uv run --project R/a tool", "-- tool");
    assert_eq!(text(&draft, "plugdeps.toml"), "directory = \"a\"\n");
    let (draft, plan) = becomes(&below, "uv run --directory R/a -m p", "-- python -m p");
    assert!(text(&draft, ".mcp.json").contains("\"PYTHONPATH\": \"${CLAUDE_PLUGIN_ROOT}/a\""));
    assert!(plan.said.iter().any(|line| line.contains("now is in the session's directory")), "{:#?}", plan.said);
}

#[test]
fn servers_of_several_projects_have_environments_that_the_configuration_names() {
    let root = plugin(&[("a/pyproject.toml", PROJECT), ("b-c/pyproject.toml", PROJECT), PIP]);
    let servers = json!({ "a": server("uv run --project R/a tool"), "b": server("uv run --project R/b-c tool"),
                          "c": server("python R/c.py") });
    write(root.path(), &[(".mcp.json", &servers_of(&expand(&servers)))]);
    let (draft, _) = planned(root.path());
    let config =
        "[environments.main]\n\n[environments.a]\ndirectory = \"a\"\n\n[environments.b-c]\ndirectory = \"b-c\"\n";
    assert_eq!(text(&draft, "plugdeps.toml"), config);
    let args = |name: &str, command: &[&str]| json!([&["run", "--environment", name, "--"], command].concat());
    let now: Value = serde_json::from_slice(text(&draft, ".mcp.json").as_bytes()).unwrap();
    assert_eq!(now["mcpServers"]["b"]["args"], args("b-c", &["tool"]));
    assert_eq!(now["mcpServers"]["c"]["args"], expand(&json!(["run", "--", "python", "R/c.py"])));
}

#[test]
fn what_was_fetched_by_name_is_put_into_a_manifest() {
    let (draft, plan) = becomes(&[], "uvx tool@1.2 --x", "-- tool --x");
    assert_eq!(text(&draft, "requirements.txt"), "tool==1.2\n");
    assert!(plan.next.iter().any(|line| line.contains("`plugdeps lock` pins `tool`")));
    let (draft, _) = becomes(&[PIP], "uvx --from a[b]>=2 --with c tool", "-- tool");
    assert_eq!(text(&draft, "requirements.txt"), "alpha\na[b]>=2\nc\n");
    let (draft, _) = becomes(&[PIP], "uv run --with mcp R/server.py", "-- python R/server.py");
    assert_eq!(text(&draft, "requirements.txt"), "alpha\nmcp\n");
    let (draft, _) = becomes(&[PIP], "uv run --with Alpha R/server.py", "-- python R/server.py");
    assert!(draft.changes().all(|(path, _)| path != "requirements.txt"));
    let lock =
        "{ \"packages\": { \"node_modules/@a/b\": { \"bin\": { \"the-b\": \"x.js\" }, \"hasInstallScript\": true } } }";
    let (draft, plan) = becomes(&[("package-lock.json", lock)], "npx -y @a/b@1.2.3 --x", "-- the-b --x");
    assert!(text(&draft, "package.json").contains("\"@a/b\": \"1.2.3\""));
    assert!(plan.said.iter().any(|line| line.contains("`scripts = [\"@a/b\"]`")), "{:#?}", plan.said);
    let (draft, _) = becomes(&[PIP, ("package-lock.json", lock)], "npx @a/b", "--environment node -- the-b");
    assert!(text(&draft, "package.json").contains("\"@a/b\": \"*\""));
    becomes(&[("package.json", "{ \"dependencies\": { \"tsx\": \"4\" } }")], "npx tsx R/s.ts", "-- tsx R/s.ts");
}

/// Of two servers the first is started by plugdeps, and the second is left for the version that it asks for.
#[track_caller]
fn second_is_left(files: &[(&str, &str)], lines: [&str; 2], why: &str) -> Draft {
    let root = plugin(files);
    let servers = json!({ "s": server(lines[0]), "t": server(lines[1]) });
    write(root.path(), &[(".mcp.json", &servers_of(&expand(&servers)))]);
    let (draft, plan) = planned(root.path());
    let now: Value = serde_json::from_slice(text(&draft, ".mcp.json").as_bytes()).unwrap();
    assert_eq!(now["mcpServers"]["s"]["command"], PROGRAM, "{:#?}", plan.said);
    assert_eq!(now["mcpServers"]["t"], expand(&servers["t"]), "{:#?}", plan.said);
    let said = plan.said.iter().find(|line| line.contains("server `t` is left to be changed by hand")).unwrap();
    assert!(said.contains(why) && said.contains("have both ask for the same"), "{said}");
    draft
}

#[test]
fn a_server_that_fetched_another_version_than_its_manifest_asks_for_is_left() {
    let fetch = ["uvx mcp-server-fetch==2025.1.17", "uvx --with c Mcp_server.fetch@2025.4.7"];
    let draft = second_is_left(
        &[PIP],
        fetch,
        "`Mcp_server.fetch@2025.4.7`, and `requirements.txt` for `mcp-server-fetch==2025.1.17`",
    );
    assert_eq!(text(&draft, "requirements.txt"), "alpha\nmcp-server-fetch==2025.1.17\n");
    let draft = second_is_left(
        &[PIP],
        ["uv run --with mcp==1.2 R/s.py", "uv run --with c --with mcp==1.9 R/t.py"],
        "`mcp==1.9`",
    );
    assert_eq!(text(&draft, "requirements.txt"), "alpha\nmcp==1.2\n");
    second_is_left(&[], ["uvx --from pkg[e]==1 tool", "pipx run --spec pkg==2 tool"], "`pkg[e]==1`");
    let pinned = ("requirements.txt", "fetch == 1.0 \\\n    --hash=sha256:0a  # why\nmcp\n");
    stays(&[pinned], "uvx fetch==2", "`requirements.txt` for `fetch == 1.0`");
    stays(&[pinned], "uvx mcp==2", "`requirements.txt` for `mcp`");
    stays(&[pinned], "uvx --from fetch[e]==1.0 tool", "`fetch[e]==1.0`");
    becomes(&[pinned], "uvx fetch@1.0", "-- fetch");
    becomes(&[pinned], "uvx fetch", "-- fetch");
    let package = ("package.json", "{ \"dependencies\": { \"@a/b\": \"1.0.0\" } }");
    let lock =
        ("package-lock.json", "{ \"packages\": { \"node_modules/@a/b\": { \"bin\": { \"the-b\": \"x.js\" } } } }");
    stays(&[package], "npx -y @a/b@2.0.0", "`@a/b@2.0.0`, and `package.json` for `@a/b@1.0.0`");
    becomes(&[package, lock], "npx -y @a/b@1.0.0", "-- the-b");
    becomes(&[package, lock], "npx -y @a/b@latest", "-- the-b");
}

#[test]
fn a_tool_that_had_an_environment_of_its_own_is_said_to_share_one() {
    let is_said =
        |plan: &Plan| plan.said.iter().any(|line| line.contains("now shares one with what `requirements.txt`"));
    assert!(is_said(&becomes(&[PIP], "uvx tool", "-- tool").1));
    assert!(!is_said(&becomes(&[], "uvx tool", "-- tool").1));
    assert!(!is_said(&becomes(&[PIP], "uv run --with mcp R/server.py", "-- python R/server.py").1));
}

#[test]
fn a_server_that_the_host_does_not_start_as_it_is_written_is_left_with_every_word() {
    for (entry, why) in [
        (json!({ "command": "python3", "args": ["R/server.py", 1, true] }), "its `args` is no list of strings"),
        (json!({ "command": "python3", "args": "x" }), "its `args` is no list of strings"),
        (json!({ "command": 5 }), "its `command` is no string"),
        (json!({ "command": "python3", "args": ["R/server.py"], "env": { "A": 1 } }), "its `env` holds something else"),
        (json!({ "command": "python3 R/server.py" }), "`${CLAUDE_PLUGIN_ROOT}/server.py` belongs into `args`"),
        (
            json!({ "command": "R/.venv/bin/python R/server.py" }),
            "`${CLAUDE_PLUGIN_ROOT}/server.py` belongs into `args`",
        ),
    ] {
        let root = plugin(&[PIP, ("server.py", ""), (".mcp.json", &servers_of(&expand(&json!({ "s": entry }))))]);
        let (draft, plan) = planned(root.path());
        assert!(draft.changes().all(|(path, _)| path != ".mcp.json"), "{entry}: {:#?}", plan.said);
        assert!(plan.has_rest && plan.said.iter().any(|line| line.contains(why)), "{entry}: {:#?}", plan.said);
    }
    let spaced = json!({ "s": { "command": "R/my server.py" } });
    let root = plugin(&[PIP, ("my server.py", ""), (".mcp.json", &servers_of(&expand(&spaced)))]);
    assert!(text(&planned(root.path()).0, ".mcp.json").contains("\"python\", \"${CLAUDE_PLUGIN_ROOT}/my server.py\""));
}

#[test]
fn a_script_that_is_not_there_and_a_plugin_without_a_server_are_remarked_upon() {
    let is_said = |plan: &Plan, what: &str| plan.said.iter().any(|line| line.contains(what));
    let (_, plan) = becomes(&[PIP], "python3 R/server.py", "-- python R/server.py");
    assert!(is_said(&plan, "starts `server.py`, which is not there"), "{:#?}", plan.said);
    let (_, plan) = becomes(&[PIP, ("server.py", "")], "python3 R/server.py", "-- python R/server.py");
    assert!(!is_said(&plan, "not there") && !is_said(&plan, "no server"), "{:#?}", plan.said);
    for (path, servers) in [
        (".claude-plugin/plugin.json", "{ \"name\": \"p\", \"mcpServers\": \"./absent.json\" }"),
        (".mcp.json", "{}"),
        (".mcp.json", "{ \"mcpServers\": null }"),
    ] {
        let root = plugin(&[PIP, (path, servers)]);
        let (_, plan) = planned(root.path());
        assert!(is_said(&plan, "no server was found, so plugdeps starts none yet"), "{servers}: {:#?}", plan.said);
    }
}

#[test]
fn a_plugin_that_fetched_itself_runs_from_its_source() {
    becomes(&[("pyproject.toml", PROJECT)], "uvx --from P==1 tool x", "-- tool x");
    stays(&[("pyproject.toml", PROJECT)], "uvx --from p[web] tool", "extras = [\"web\"]");
    stays(&[("pyproject.toml", PROJECT)], "uvx p", "has no script `p`");
    let package = (
        "package.json",
        "{ \"name\": \"@a/own\", \"dependencies\": {\"x\": \"1\"}, \"bin\": { \"cli\": \"./d/x.js\" } }",
    );
    becomes(&[package, ("d/x.js", "")], "npx -y @a/own@latest --y", "-- cli --y");
    stays(&[package], "npx -y @a/own", "whose `d/x.js` is not there");
}

#[test]
fn a_line_or_a_script_that_only_installs_and_starts_is_followed() {
    becomes(&[NPM], "bash -c 'cd R && npm install --silent && exec node dist/s.js'", "-- node R/dist/s.js");
    let run = "#!/bin/bash\nset -euo pipefail\nHERE=\"$(cd \"$(dirname \"$0\")/..\" && pwd)\"\nVENV=\"${CLAUDE_PLUGIN_DATA}/venv\"\n\
               if [ ! -d \"$VENV\" ]; then\n  python3 -m venv \"$VENV\"\n  \"$VENV/bin/pip\" install -q -r \"$HERE/requirements.txt\" >&2\nfi\n\
               export PYTHONPATH=\"$HERE/lib:${PYTHONPATH:-}\"\nexport MODE=fast\nexec \"$VENV/bin/python\" \"$HERE/server.py\" \"$@\"\n";
    let (draft, _) = becomes(&[PIP, ("bin/run.sh", run)], "bash R/bin/run.sh --x", "-- python R/server.py --x");
    let text = text(&draft, ".mcp.json");
    assert!(
        text.contains("\"MODE\": \"fast\"") && text.contains("\"PYTHONPATH\": \"${CLAUDE_PLUGIN_ROOT}/lib\""),
        "{text}"
    );
    let scripts = "{ \"dependencies\": { \"a\": \"1\" }, \"scripts\": { \"start\": \"bun install --no-summary && bun server.ts\" } }";
    becomes(&[("package.json", scripts)], "bun run --cwd R --silent start", "-- bun R/server.ts");
}

#[test]
fn what_is_no_server_of_python_or_node_or_needs_nothing_is_left() {
    stays(&[PIP], "docker run -i img", "runs in a container");
    stays(&[PIP], "R/bin/server", "no server for Python or Node");
    stays(&[PIP], "dotnet run", "no server for Python or Node");
    stays(&[], "node R/dist/index.js", "nothing says which packages for Node");
    stays(&[PIP], "node R/dist/index.js", "nothing says which packages for Node");
    stays(&[PIP], "R/bin/plugdeps run -- python R/server.py", "already");
    let root = plugin(&[PIP, (".mcp.json", &servers_of(&json!({ "s": { "type": "http", "url": "u" } })))]);
    assert!(planned(root.path()).1.said[0].contains("reached elsewhere"));
}

#[test]
fn what_cannot_be_told_for_certain_is_left_with_what_stands_in_the_way() {
    stays(&[PIP], "python server.py", "write `${CLAUDE_PLUGIN_ROOT}/server.py`");
    stays(&[PIP], "python R/../server.py", "is not in the plugin");
    stays(&[PIP], "uv run --env-file .env R/server.py", "`--env-file`");
    stays(&[("pyproject.toml", PROJECT)], "uv run --extra web --project R tool", "extras = [\"web\"]");
    stays(&[PIP], "uvx --from git+https://h/x tool", "NAME @ git+https://h/x");
    stays(&[("pyproject.toml", PROJECT)], "uvx other", "add `other` to what `pyproject.toml` asks for");
    stays(&[("plugdeps.toml", "directory = \"a\"\n")], "uvx other", "to put `other` into");
    stays(&[PIP], "bash -c 'source .env && exec python R/server.py'", "it also runs `source .env`");
    stays(&[PIP], "bash -c 'python $HOME/x.py'", "only a shell can say");
    stays(&[PIP], "bash -c 'cat x | python R/server.py'", "fed by another command");
    stays(&[PIP], "bash -c 'curl x && python R/server.py'", "it also runs `curl x`");
    stays(&[PIP], "bash R/run.sh", "cannot be read");
    let dev = "{ \"dependencies\": { \"a\": \"1\" }, \"devDependencies\": { \"tsx\": \"4\" } }";
    stays(&[("package.json", dev)], "npx tsx R/s.ts", "move `tsx` from `devDependencies`");
    let bootstrap = ("b.mjs", "import { execSync } from 'child_process'\nexecSync('npm install')\n");
    stays(&[NPM, bootstrap], "node R/b.mjs", "seems to install packages itself (line 2)");
    stays(&[("a/x.txt", "")], "uv run --project R/a tool", "`a` has no manifest for Python");
    stays(&[("a/pyproject.toml", PROJECT), ("plugdeps.toml", "wait = 9\n")], "uv run --project R/a tool", "name `a`");
}

const NODE_LINE: &str = "diff -q \"${CLAUDE_PLUGIN_ROOT}/package.json\" \"${CLAUDE_PLUGIN_DATA}/package.json\" >/dev/null 2>&1 || \
    (cd \"${CLAUDE_PLUGIN_DATA}\" && cp \"${CLAUDE_PLUGIN_ROOT}/package.json\" . && npm install) || rm -f x";

fn hooks_of(command: &str) -> String {
    let own = json!({ "type": "command", "command": "echo ready" });
    json!({ "hooks": { "SessionStart": [{ "hooks": [{ "type": "command", "command": command }, own] }] } }).to_string()
}

/// Whether a hook goes, in a plugin with these files and a server that needs packages.
#[track_caller]
fn hook_goes(files: &[(&str, &str)], command: &str, goes: bool, why: &str) {
    let entry = json!({ "s": { "command": "node", "args": ["R/server.js"], "env": { "NODE_PATH": "D/node_modules" } },
                        "p": { "command": "python", "args": ["R/server.py"],
                               "env": { "PYTHONPATH": "R/src:D/site-packages" } } });
    let root =
        plugin(&[PIP, NPM, (".mcp.json", &servers_of(&expand(&entry))), ("hooks/hooks.json", &hooks_of(command))]);
    write(root.path(), files);
    let (draft, plan) = planned(root.path());
    let hooks = text(&draft, "hooks/hooks.json");
    let is_there = hooks.contains(&Value::from(command).to_string());
    assert_eq!(is_there, !goes, "{command}\n{hooks}\n{:#?}", plan.said);
    assert!(hooks.contains("echo ready") && hooks.contains("session-start"), "{hooks}");
    assert!(plan.said.iter().any(|line| line.contains(why)), "{command}: {:#?}", plan.said);
    let told = plan.said.iter().filter(|line| line.contains("is taken out")).count();
    assert_eq!(told, usize::from(goes), "{command}: {:#?}", plan.said);
    let servers = text(&draft, ".mcp.json");
    assert!(
        !servers.contains("NODE_PATH") && servers.contains("\"PYTHONPATH\":\"${CLAUDE_PLUGIN_ROOT}/src\""),
        "{servers}"
    );
}

#[test]
fn a_hook_goes_when_plugdeps_does_all_that_it_did() {
    hook_goes(&[], NODE_LINE, true, "");
    hook_goes(
        &[],
        "uv venv \"$CLAUDE_PLUGIN_DATA/venv\" && uv pip install -r \"${CLAUDE_PLUGIN_ROOT}/requirements.txt\"",
        true,
        "",
    );
    let install = (
        "scripts/install.sh",
        "#!/bin/sh\nset -e\n[ -d \"$CLAUDE_PLUGIN_ROOT/node_modules\" ] && exit 0\n\
                                          cd \"$CLAUDE_PLUGIN_ROOT\" && npm ci --omit=dev >&2\n",
    );
    hook_goes(&[install], "bash \"${CLAUDE_PLUGIN_ROOT}/scripts/install.sh\"", true, "");
}

#[test]
fn a_hook_stays_that_does_more_or_by_which_somebody_else_lives() {
    hook_goes(&[], "npm install -g thing", false, "for all programs of the user");
    hook_goes(&[], "cd ${CLAUDE_PLUGIN_ROOT} && poetry install", false, "in a way that plugdeps does not know");
    hook_goes(&[], "pip install httpx", false, "it names `httpx` itself");
    hook_goes(&[], "pip install -r ${CLAUDE_PLUGIN_ROOT}/other.txt", false, "no such manifest");
    hook_goes(
        &[],
        "pip install -r ${CLAUDE_PLUGIN_ROOT}/requirements.txt && ./migrate",
        false,
        "it also runs `./migrate`",
    );
    hook_goes(
        &[],
        "cp a.db ${CLAUDE_PLUGIN_DATA}/ && npm ci --prefix ${CLAUDE_PLUGIN_ROOT}",
        false,
        "it also runs `cp a.db",
    );
    let line = "cd ${CLAUDE_PLUGIN_ROOT} && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt";
    hook_goes(&[], line, true, "");
    hook_goes(
        &[("commands/x.md", "run ${CLAUDE_PLUGIN_ROOT}/.venv/bin/python y")],
        line,
        false,
        "`commands/x.md` may live",
    );
}

#[test]
fn hooks_stay_as_long_as_a_server_is_left_that_may_live_by_them() {
    let servers = servers_of(&expand(&json!({ "s": server("node server.js") })));
    let root = plugin(&[NPM, (".mcp.json", &servers), ("hooks/hooks.json", &hooks_of(NODE_LINE))]);
    let (draft, plan) = planned(root.path());
    assert!(text(&draft, "hooks/hooks.json").contains("npm install"));
    assert!(plan.said.iter().any(|line| line.contains("a server may still live by it")), "{:#?}", plan.said);
}

#[test]
fn an_event_with_nothing_in_it_makes_room_for_the_hook() {
    for nothing in ["null", "{}", "[]"] {
        let hooks = format!("{{\"hooks\": {{\"Stop\": [], \"SessionStart\": {nothing}}}}}");
        let root = plugin(&[PIP, ("hooks/hooks.json", &hooks)]);
        let (draft, _) = planned(root.path());
        let hooks = text(&draft, "hooks/hooks.json");
        assert_eq!(hooks.matches("SessionStart").count(), 1, "{hooks}");
        let read: Value = serde_json::from_slice(hooks.as_bytes()).unwrap();
        let command = read["hooks"]["SessionStart"][0]["hooks"][0]["command"].as_str();
        assert!(command.is_some_and(|command| command.contains("session-start")), "{hooks}");
    }
}

#[test]
fn hooks_are_put_where_the_plugin_has_its_own() {
    let root = plugin(&[PIP, (".claude-plugin/plugin.json", "{\"name\": \"p\", \"hooks\": {\"Stop\": []}}")]);
    let (draft, _) = planned(root.path());
    let start = "{\"name\": \"p\", \"hooks\": {\"SessionStart\": [{\"hooks\": [{\"type\": \"command\"";
    assert!(text(&draft, ".claude-plugin/plugin.json").starts_with(start));
    let root = plugin(&[
        PIP,
        (".claude-plugin/plugin.json", "{\"name\": \"p\", \"hooks\": \"./h/own.json\"}"),
        ("h/own.json", "{}"),
    ]);
    let (draft, _) = planned(root.path());
    assert!(text(&draft, "h/own.json").contains("session-start"));
    assert_eq!(draft.changes().count(), 1);
}

#[test]
fn everything_else_of_a_file_stays_to_the_byte() {
    let before = "\u{feff}{\r\n\t\"x\" : [ 1,2 ],\r\n\t\"mcpServers\": {\r\n\t\t\"s\": {\r\n\t\t\t\"command\":\"python3\" ,\r\n\
                  \t\t\t\"args\" : [\r\n\t\t\t\t\"${CLAUDE_PLUGIN_ROOT}/\\u0073.py\"\r\n\t\t\t],\r\n\t\t\t\"env\": { \"A\": \"1\", \
                  \"PYTHONPATH\": \"${CLAUDE_PLUGIN_DATA}/site-packages\" }\r\n\t\t}, \"t\": { \"url\":\"u\"}\r\n\t}\r\n}";
    let after = before
        .replace("\"python3\"", "\"${CLAUDE_PLUGIN_ROOT}/bin/plugdeps\"")
        .replace("[\r\n\t\t\t\t", "[\r\n\t\t\t\t\"run\",\r\n\t\t\t\t\"--\",\r\n\t\t\t\t\"python\",\r\n\t\t\t\t")
        .replace(", \"PYTHONPATH\": \"${CLAUDE_PLUGIN_DATA}/site-packages\"", "");
    let root = plugin(&[PIP, (".mcp.json", before)]);
    let (draft, _) = planned(root.path());
    assert_eq!(text(&draft, ".mcp.json"), after);
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "python3",
        "node",
        "uv",
        "run",
        "uvx",
        "--project",
        "--directory",
        "--from",
        "R",
        "R/a",
        "R/s.py",
        "R/a/s.js",
        "-m",
        "p",
        "tool",
        "bash",
        "-c",
        "cd R && node x.js",
        "R/run.sh",
        "D/venv/bin/python",
        "R/bin/plugdeps",
        "--",
        "x y",
        "$HOME",
        "é",
    ];
    prop::sample::select(words.map(str::to_owned).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_a_plugin_is_a_second_run_changes_nothing_and_undo_brings_all_back(
        servers in prop::collection::vec(prop::collection::vec(word(), 1..6), 0..4),
        hook in prop::sample::select(vec!["true", NODE_LINE, "pip install .", "bash R/run.sh"]),
        pretty: bool,
    ) {
        let entries = servers.iter().enumerate().map(|(at, words)| {
            (at.to_string(), json!({ "command": words[0], "args": words[1..], "env": { "NODE_PATH": "D/node_modules" } }))
        });
        let servers = expand(&json!({ "mcpServers": entries.collect::<serde_json::Map<_, _>>() }));
        let servers = if pretty { serde_json::to_string_pretty(&servers).unwrap() } else { servers.to_string() };
        let root = plugin(&[PIP, NPM, ("a/pyproject.toml", PROJECT), (".mcp.json", &servers), ("hooks/hooks.json", &hooks_of(hook)),
            ("run.sh", "npm ci\nexec node \"$CLAUDE_PLUGIN_ROOT/x.js\"\n")]);
        let place = tempfile::tempdir().unwrap();
        let place = place.path().join("record");
        let before = picture(root.path());
        let (draft, _) = planned(root.path());
        record::keep(&draft, &place).unwrap();
        draft.apply().unwrap();
        let (again, plan) = planned(root.path());
        prop_assert!(again.is_empty(), "{:#?}\n{:#?}", again, plan.said);
        record::undoing(root.path(), &place).unwrap().apply().unwrap();
        record::forget(root.path(), &place).unwrap();
        prop_assert_eq!(picture(root.path()), before);
    }
}

fn picture(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().flatten();
    entries.map(|entry| (entry.path().to_owned(), crate::fs::head(entry.path(), u64::MAX))).collect()
}
