//! A plugin in a temporary directory, installed as the host installs one: a root, a data directory, a fresh home, and
//! a PATH that holds what a test wants and nothing else.

use super::host::{Line, Place, copy_tree, session_start};
use super::{Cmd, Index, McpClient, Output, on_windows, processes, tools};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What every Unix has on PATH; hook lines and installers may use it.
const COMMON_TOOLS: [&str; 12] = ["sh", "env", "cat", "cp", "cmp", "diff", "ls", "mkdir", "mv", "rm", "sleep", "uname"];
/// An index that refuses at once: a test that names none must not reach the real one by accident.
const NO_INDEX: &str = "http://127.0.0.1:9/simple";
/// Several, since a process may fork while the others are being killed.
const ROUNDS_OF_KILLING: usize = 200;
/// Outer settings that a plugin on the real network needs: certificates, proxies and the index.
const NETWORK: [&str; 12] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// An installed plugin; its processes end and its directories go when it is dropped.
pub struct Plugin {
    pub root: PathBuf,
    pub data: PathBuf,
    pub home: PathBuf,
    /// The user's project, in which the host was started; never the plugin.
    pub project: PathBuf,
    /// The environment that is looked at.
    pub environment: &'static str,
    path: PathBuf,
    env: BTreeMap<OsString, OsString>,
    temp: TempDir,
}

impl Plugin {
    /// A plugin with a `plugin.json`, the binary and a `python3` on PATH; no uv, no index, nothing to install.
    pub fn new(name: &str) -> Self {
        Self::at(name, "")
    }

    /// The same, all of it below a directory of this name: for paths with spaces, quotes and the like.
    pub fn at(name: &str, below: &str) -> Self {
        let temp = tempfile::Builder::new().prefix("plugdeps-").tempdir().unwrap();
        let base = fs::canonicalize(temp.path()).unwrap().join(below);
        let [root, data, home, project, path] = ["root", "data", "home", "project", "path"].map(|name| base.join(name));
        for directory in [&root, &data, &home, &project, &path] {
            fs::create_dir_all(directory).unwrap();
        }
        let (environment, env) = ("main", BTreeMap::new());
        let plugin = Self { root, data, home, project, environment, path, env, temp }.set_up_environment();
        COMMON_TOOLS.iter().filter_map(|name| tools::on_path(name)).for_each(|tool| plugin.link(&tool));
        match on_windows::built() {
            Some((programs, _)) => install(&programs.join("plugdeps.exe"), &plugin.root.join("bin/plugdeps.exe")),
            None => install(Path::new(env!("CARGO_BIN_EXE_plugdeps")), &plugin.root.join("bin/plugdeps")),
        }
        plugin
            .python(&tools::python())
            .file(".claude-plugin/plugin.json", &format!("{{ \"name\": \"{name}\", \"version\": \"1.0.0\" }}\n"))
    }

    fn set_up_environment(self) -> Self {
        let cache = self.home.join("uv-cache");
        let (home, path) = (self.home.clone(), self.path.clone());
        self.env("HOME", home)
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .env("PIP_INDEX_URL", NO_INDEX)
            .env("UV_DEFAULT_INDEX", NO_INDEX)
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("UV_CACHE_DIR", cache)
    }

    /// Writes a file of the plugin.
    pub fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// Writes a file of the plugin, later.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap_or_else(|e| panic!("write `{}`: {e}", path.display()));
    }

    /// Copies `fixtures/NAME` into the root.
    pub fn fixture(self, name: &str) -> Self {
        copy_tree(&fixture(name), &self.root);
        self
    }

    /// Replaces the plugin's hooks with those that `plugdeps` ships.
    pub fn shipped_hooks(self) -> Self {
        let hooks = fs::read_to_string(repository().join("hooks/hooks.json")).unwrap();
        self.file("hooks/hooks.json", &hooks)
    }

    /// Installs from this index.
    pub fn index(self, index: &Index) -> Self {
        self.index_url(&index.url())
    }

    /// Installs from the index at this address.
    pub fn index_url(self, url: &str) -> Self {
        self.env("PIP_INDEX_URL", url).env("UV_DEFAULT_INDEX", url)
    }

    /// Names no index at all, neither to pip nor to uv.
    pub fn without_index(self) -> Self {
        self.env_remove("PIP_INDEX_URL").env_remove("UV_DEFAULT_INDEX")
    }

    /// Installs from the real index, with the settings of the outer environment.
    pub fn online(self) -> Self {
        let own = ["UV_CACHE_DIR", "UV_PYTHON_DOWNLOADS"];
        let wanted = |name: &str| NETWORK.contains(&name) || name.starts_with("PIP_") || name.starts_with("UV_");
        let outer = env::vars().filter(|(name, _)| wanted(name) && !own.contains(&name.as_str()));
        let plugin = outer.fold(self.without_index(), |plugin, (name, value)| plugin.env(name, value));
        match user_pip_config() {
            Some(path) if env::var_os("PIP_CONFIG_FILE").is_none() => plugin.env("PIP_CONFIG_FILE", path),
            _ => plugin,
        }
    }

    /// Puts the uv of the tests on PATH.
    pub fn uv(self) -> Self {
        match on_windows::built() {
            Some(_) => self.link_as("uv.exe", &tools::windows_uv()),
            None => self.link_as("uv", &tools::uv()),
        }
        self
    }

    /// Puts uv of this version on PATH.
    pub fn uv_of(self, version: &str) -> Self {
        self.link_as("uv", &tools::uv_of(version));
        self
    }

    /// Gives the plugin's interpreter this version of pip, among the user's own packages, which come first.
    pub fn pip_of(self, version: &str) -> Self {
        let python = tools::version(&tools::python()).unwrap();
        let packages = self.home.join(format!(".local/lib/python{python}/site-packages"));
        fs::create_dir_all(&packages).unwrap();
        symlink(tools::pip_package(version).join("pip"), packages.join("pip")).unwrap();
        self
    }

    /// Takes uv from PATH again.
    pub fn no_uv(self) -> Self {
        ["uv", "uv.exe"].iter().for_each(|name| _ = fs::remove_file(self.path.join(name)));
        self
    }

    /// Makes this interpreter the `python3` on PATH, by a link as most systems have it.
    pub fn python(self, interpreter: &Path) -> Self {
        self.link_as("python3", interpreter);
        self
    }

    /// Takes `python3` from PATH.
    pub fn no_python(self) -> Self {
        let _ = fs::remove_file(self.path.join("python3"));
        self
    }

    /// Puts `pip` on PATH, for hook lines that call it.
    pub fn pip(self) -> Self {
        self.script("pip", "#!/bin/sh\nexec python3 -m pip \"$@\"\n")
    }

    /// Hides pip from every interpreter of this machine: the user's packages come before the system's.
    pub fn without_pip(self) -> Self {
        for minor in 6..=20 {
            let packages = self.home.join(format!(".local/lib/python3.{minor}/site-packages"));
            fs::create_dir_all(&packages).unwrap();
            fs::write(packages.join("pip.py"), "raise ImportError('hidden')\n").unwrap();
        }
        self.env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// Puts an executable script on PATH.
    pub fn script(self, name: &str, text: &str) -> Self {
        executable(&self.path.join(name), text);
        self
    }

    /// The directory that PATH consists of.
    pub fn path_dir(&self) -> &Path {
        &self.path
    }

    /// The temporary directory around everything.
    pub fn temp(&self) -> &Path {
        self.temp.path()
    }

    /// Sets a variable for everything that is started from now on.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Unsets a variable for everything that is started from now on.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.remove(name.as_ref());
        self
    }

    /// The binary of the plugin with these arguments, in the environment that the host gives.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        let cmd = self.bare_command(self.root.join("bin/plugdeps")).args(args);
        cmd.env("CLAUDE_PLUGIN_ROOT", &self.root).env("CLAUDE_PLUGIN_DATA", &self.data)
    }

    /// Any program in the environment of the user, without the variables of the plugin.
    pub fn bare_command(&self, program: impl AsRef<OsStr>) -> Cmd {
        let cmd = Cmd::new(program).env_clear().cwd(&self.project).of_plugin(self.temp());
        self.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    }

    /// Runs the first SessionStart hook to its end, verbatim.
    #[track_caller]
    pub fn hook(&self) -> Output {
        self.hook_cmd().run()
    }

    /// The first SessionStart hook, verbatim, in a hook's environment and with the event on its stdin.
    pub fn hook_cmd(&self) -> Cmd {
        let cmd = self.host_command(&self.place().hook()).stdin(session_start(&self.project));
        cmd.env("CLAUDE_CODE_SESSION_ID", "00000000-0000-4000-8000-000000000000")
            .env("CLAUDE_ENV_FILE", self.home.join("session-env.sh"))
    }

    /// Starts the server `name` of `.mcp.json`, verbatim; says nothing to it yet.
    #[track_caller]
    pub fn server(&self, name: &str) -> McpClient {
        McpClient::spawn(self.server_cmd(name).into_command())
    }

    /// The server `name` of `.mcp.json` as a command.
    pub fn server_cmd(&self, name: &str) -> Cmd {
        self.host_command(&self.place().server(name))
    }

    fn host_command(&self, line: &Line) -> Cmd {
        let cmd = self.bare_command(&line.program).args(&line.args).env("CLAUDE_PROJECT_DIR", &self.project);
        let cmd = cmd.env("CLAUDE_CODE_ENTRYPOINT", "sdk-cli");
        line.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    }

    /// The root and the data, as the host knows them.
    pub fn place(&self) -> Place {
        Place { root: self.root.clone(), data: self.data.clone() }
    }

    /// The processes that were started in this plugin's home and still run, a build in the background among them.
    pub fn processes(&self) -> Vec<u32> {
        processes::with_environment(&format!("HOME={}", self.home.display()))
    }

    /// Kills all of them, as a machine does that loses its power.
    pub fn kill_processes(&self) {
        for _ in 0..ROUNDS_OF_KILLING {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn link(&self, tool: &Path) {
        symlink(tool, self.path.join(tool.file_name().unwrap())).unwrap();
    }

    /// By a rename, so that a test can exchange a tool while something looks for it.
    pub fn link_as(&self, name: &str, tool: &Path) {
        let staged = self.path.join(format!(".{name}.new"));
        symlink(tool, &staged).unwrap();
        fs::rename(staged, self.path.join(name)).unwrap();
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // A build outlives its starter by design; it must not outlive the test, nor write while the directory goes.
        self.kill_processes();
    }
}

/// The directory `fixtures/NAME`.
pub fn fixture(name: &str) -> PathBuf {
    repository().join("fixtures").join(name)
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes an executable script.
pub fn executable(path: &Path, text: &str) {
    let mut staged = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut staged, text.as_bytes()).unwrap();
    install(staged.path(), path);
}

/// Copies an executable to a place of its own, never through a link that is there; in a child: were this process the writer, another thread's fork could inherit the open file,
/// and starting the copy would fail with "text file busy".
fn install(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let _ = fs::remove_file(to);
    let copied = Command::new("cp").arg("-f").arg(from).arg(to).status().is_ok_and(|status| status.success());
    assert!(copied, "could not copy `{}` to `{}`", from.display(), to.display());
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The fresh home hides the user's own settings of pip, which may name the index that this machine must use.
fn user_pip_config() -> Option<PathBuf> {
    let home = PathBuf::from(env::var_os("HOME")?);
    [".config/pip/pip.conf", ".pip/pip.conf"].map(|name| home.join(name)).into_iter().find(|path| path.is_file())
}
