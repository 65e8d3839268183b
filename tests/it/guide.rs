//! `docs/guide.md`, followed to the letter: its files are written, its commands typed, and what they say is what it says.

use crate::support::document::{Block, blocks, missing};
use crate::support::namespace::skip;
use crate::support::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// What the guide uses besides, and the tools of everybody.
const TOOLS: [&str; 3] = ["git", "bash", "grep"];
/// What marks a block that cannot be followed here.
const NOT_RUN: &str = "*not run*";

/// Somebody who follows the guide: a home, an index, the author's program and what it puts into plugins.
struct Reader {
    /// Its root is where the plugins are.
    plugin: Plugin,
    has_claude: bool,
    directory: PathBuf,
    said: String,
    index: Index,
    _wheels: tempfile::TempDir,
}

impl Reader {
    fn new() -> Self {
        let wheels = wheels();
        let index = Index::serve(wheels.path());
        let mut plugin = Plugin::new("guide").uv().index(&index);
        for place in ["bin", ".claude-plugin"] {
            fs::remove_dir_all(plugin.root.join(place)).unwrap();
        }
        for tool in TOOLS {
            plugin.link(&tools::on_path(tool).unwrap_or_else(|| panic!("`{tool}` is needed")));
        }
        // As `cargo install` and `install.sh --dir` lay them out.
        let authors = plugin.home.join(".cargo/bin/plugdeps");
        Cmd::new("mkdir").arg("-p").arg(authors.parent().unwrap()).run().ok();
        Cmd::new("cp").arg(env!("CARGO_BIN_EXE_plugdeps")).arg(&authors).run().ok();
        let ships = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_plugdeps"));
        executable(&plugin.home.join(".cargo/share/plugdeps/plugdeps"), &ships);
        plugin.link(&authors);
        for who in ["AUTHOR", "COMMITTER"] {
            plugin = plugin.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.com");
        }
        let claude = tools::claude_code();
        claude.iter().for_each(|program| symlink(program, plugin.path_dir().join("claude")).unwrap());
        let plugin = plugin.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
        let directory = plugin.root.clone();
        Self { plugin, has_claude: claude.is_ok(), directory, said: String::new(), index, _wheels: wheels }
    }

    /// Follows the blocks; where each section begins is the directory above the plugins.
    fn follow(&mut self, blocks: &[Block]) {
        let mut section = "";
        for block in blocks {
            if block.section != section {
                self.directory.clone_from(&self.plugin.root);
                section = &block.section;
            }
            match (block.file(), block.language.as_str()) {
                (Some(file), _) => self.write(file, block),
                (None, "console") => self.type_all(block),
                (None, "diff") => self.compare(&block.text.lines().map(str::to_owned).collect::<Vec<_>>(), block),
                (None, "text") => assert!(block.before.contains(NOT_RUN), "{}", at(block, "nobody says why not")),
                (None, other) => panic!("{}", at(block, &format!("what is `{other}`?"))),
            }
        }
    }

    fn write(&mut self, file: &str, block: &Block) {
        let path = self.plugin.root.join(file);
        self.plugin.write(path.to_str().unwrap(), &self.here(&block.text));
        if file.ends_with(".sh") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let described = path.with_file_name(".claude-plugin/plugin.json");
        if file.ends_with("/.mcp.json") && !described.exists() {
            let name = file.split('/').next().unwrap();
            self.plugin
                .write(described.to_str().unwrap(), &format!("{{ \"name\": \"{name}\", \"version\": \"1.0.0\" }}\n"));
        }
        if file.ends_with(".yml") {
            self.run_steps(file, block);
        }
    }

    /// What is another here than where the guide is read: the wheels of the tests are for one Python, their index is local.
    fn here(&self, text: &str) -> String {
        let python = tools::version(&tools::python()).unwrap();
        let text = text.replace("\">=3.10\"", &format!("\">={python}\""));
        let text = text.replace("python = \"3.12\"", &format!("python = \"{python}\""));
        ["me:secret", "${INDEX_USER}:${INDEX_TOKEN}"].iter().fold(text, |text, login| {
            let named = format!("https://{login}@index.example.com/simple");
            text.replace(&named, &self.index.url_with_login(login))
        })
    }

    /// The steps of a workflow in its plugin, but for the one that gets the program.
    fn run_steps(&mut self, file: &str, block: &Block) {
        self.directory = self.plugin.root.join(file.split('/').next().unwrap());
        let steps = block.text.lines().filter_map(|line| line.trim().strip_prefix("- run: "));
        for step in steps.filter(|step| !step.starts_with("cargo ")) {
            self.run(step, block);
        }
        self.directory.clone_from(&self.plugin.root);
    }

    fn type_all(&mut self, block: &Block) {
        for (command, shown) in block.typed() {
            match command.strip_prefix("cd ") {
                Some(directory) => self.directory = fs::canonicalize(self.directory.join(directory)).unwrap(),
                None if command.starts_with("claude ") && !self.has_claude => skip("guide", &command),
                None => self.run(&command, block),
            }
            self.compare(&shown, block);
        }
    }

    /// Types one command, which must end well; what it says to anybody is kept.
    fn run(&mut self, command: &str, block: &Block) {
        let cmd = self.plugin.bare_command("sh").arg("-c").arg(format!("exec 2>&1\n{command}\n")).cwd(&self.directory);
        let output = cmd.run();
        println!("{:6.2} s  {command}", output.elapsed.as_secs_f64());
        self.said.clone_from(&output.stdout);
        assert!(output.status.success(), "{}", at(block, &format!("`{command}` fails\n{output}")));
    }

    fn compare(&self, shown: &[String], block: &Block) {
        if let Some(line) = missing(shown, &self.said) {
            panic!("{}", at(block, &format!("`{line}` is not said, or not there, in\n{}", self.said)));
        }
    }
}

fn at(block: &Block, what: &str) -> String {
    format!("docs/guide.md, line {}: {what}", block.line)
}

/// What the guide's plugins need: the SDK, what it needs elsewhere, and a small package for every platform.
fn wheels() -> tempfile::TempDir {
    let wheels = tempfile::tempdir().unwrap();
    for wheel in fs::read_dir(tools::mcp_wheels()).unwrap().flatten() {
        symlink(wheel.path(), wheels.path().join(wheel.file_name())).unwrap();
    }
    for (name, version) in
        [("pywin32", "311"), ("colorama", "0.4.6"), ("exceptiongroup", "1.3.0"), ("humanize", "4.10.0")]
    {
        Wheel::new(name, version).module(&format!("{name}.py"), "").write(wheels.path());
    }
    wheels
}

fn is_for_node(block: &Block) -> bool {
    block.section.contains("Node")
}

#[test]
fn whoever_follows_the_guide_arrives() {
    let blocks: Vec<_> = blocks("guide.md").into_iter().filter(|block| !is_for_node(block)).collect();
    assert!(blocks.len() > 40, "where is it?");
    Reader::new().follow(&blocks);
}

#[test]
fn whoever_follows_the_guide_with_node_arrives() {
    let node = match node::program() {
        Ok(node) => node,
        Err(why) => return skip("node", &why),
    };
    let blocks: Vec<_> = blocks("guide.md").into_iter().filter(is_for_node).collect();
    let mut reader = Reader::new();
    // What npm has once been told of a package it is not told again.
    reader.plugin = reader.plugin.node(&node).env("npm_config_prefer_offline", "true");
    reader.follow(&blocks);
}
