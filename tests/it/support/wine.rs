//! A plugin on Windows, which is wine's: with the program as it is for Windows, and one that stands for uv and Python.
//! `.ci/windows` makes both.

use super::{Cmd, McpClient, on_windows};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A plugin, its data, and a directory of programs that PATH names.
pub struct Machine {
    temp: TempDir,
    base: PathBuf,
    programs: PathBuf,
    wine: PathBuf,
    env: Vec<(String, String)>,
}

impl Machine {
    /// A machine with uv and Python on PATH. `None` where nothing for Windows has been built, which is said loudly.
    pub fn new() -> Option<Self> {
        Self::below("")
    }

    /// The same, all of it below a directory of this name.
    pub fn below(name: &str) -> Option<Self> {
        let (programs, wine) = on_windows::built_or_skipped()?;
        let temp = TempDir::new().unwrap();
        let base = fs::canonicalize(temp.path()).unwrap().join(name);
        let machine = Self { temp, base, programs, wine, env: Vec::new() };
        let [log, path, root, data] = ["uv.log", "path", "root", "data"].map(|name| machine.windows(name));
        let machine = machine.set("STUB_LOG", &log).set("WINEPATH", &path);
        let machine = machine.set("CLAUDE_PLUGIN_ROOT", &root).set("CLAUDE_PLUGIN_DATA", &data);
        machine.put("plugdeps.exe", "root/bin/plugdeps.exe");
        machine.put("stub.exe", "path/uv.exe");
        machine.put("stub.exe", "path/python.exe");
        machine.write("root/.claude-plugin/plugin.json", "{ \"name\": \"q\", \"version\": \"1.0.0\" }\r\n");
        machine.write("root/requirements.txt", "# of this plugin\r\nalpha==1.0\r\n");
        fs::create_dir_all(machine.path("project")).unwrap();
        Some(machine)
    }

    /// Sets a variable for everything that is started from now on.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable away again.
    pub fn unset(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// The path of something on this machine, as Linux has it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The same as Windows has it.
    pub fn windows(&self, name: &str) -> String {
        on_windows::spelled(&self.path(name))
    }

    /// The user's own directory of programs' data, which wine does not let a variable move: all tests share it.
    pub fn local(&self, name: &str) -> PathBuf {
        let users = fs::read_dir(self.programs.join("prefix/drive_c/users")).unwrap().flatten();
        let user = users.map(|entry| entry.path()).find(|path| !path.ends_with("Public")).unwrap();
        user.join("AppData/Local").join(name)
    }

    /// All that is on this machine, as a share of a server: its name.
    pub fn share(&self) -> String {
        let server = self.programs.join("prefix/dosdevices/unc/server");
        let name = self.temp.path().file_name().unwrap().to_str().unwrap();
        fs::create_dir_all(&server).unwrap();
        std::os::unix::fs::symlink(&self.base, server.join(name)).unwrap();
        format!(r"\\server\{name}")
    }

    /// Puts one of the programs that were built at this path.
    pub fn put(&self, program: &str, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(self.programs.join(program), path).unwrap();
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A program of Windows, in the user's project.
    pub fn start(&self, program: &str, args: &[&str]) -> Cmd {
        let cmd = Cmd::new(&self.wine).arg(program).args(args).cwd(self.path("project")).env_remove("OS");
        self.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    }

    /// plugdeps with these arguments.
    pub fn plugdeps(&self, args: &[&str]) -> Cmd {
        self.start(&self.windows("root/bin/plugdeps.exe"), args)
    }

    /// `plugdeps run -- python SCRIPT …`, where the script's name says what it does.
    pub fn run(&self, script: &[&str]) -> Cmd {
        self.plugdeps(&[&["run", "--", "python"], script].concat())
    }

    /// A server in the plugin, and who speaks to it.
    pub fn server(&self) -> McpClient {
        McpClient::spawn(self.run(&["serve.py"]).into_command())
    }

    /// plugdeps as a host on Windows starts it: with pipes of Windows, which Node insists on.
    pub fn hosted(&self, args: &[&str]) -> Cmd {
        self.piped(&self.windows("root/bin/plugdeps.exe"), args)
    }

    /// A program with pipes of Windows.
    pub fn piped(&self, program: &str, args: &[&str]) -> Cmd {
        self.start(&self.windows("path/python.exe"), &[&["host.py", program], args].concat())
    }

    /// The processes of this machine that have this word in their command, as Linux numbers them.
    pub fn processes(&self, word: &str) -> Vec<u32> {
        let here = self.windows("");
        let has_word = |pid: &u32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).into_owned();
            command.starts_with(&here) && command.split('\0').any(|found| found == word)
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(has_word).collect()
    }

    /// How often uv has installed.
    pub fn installations(&self) -> usize {
        let log = fs::read_to_string(self.path("uv.log")).unwrap_or_default();
        log.lines().filter(|line| line.starts_with("pip install")).count()
    }

    /// The directory of the environment's state.
    pub fn state(&self) -> PathBuf {
        self.path("data/plugdeps/main")
    }

    /// The generations that there are.
    pub fn generations(&self) -> Vec<String> {
        let names = fs::read_dir(self.state()).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("g-")).collect();
        names.sort();
        names
    }
}

/// Bytes in a file; none while it is not there.
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |m| m.len())
}
