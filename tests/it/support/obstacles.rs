//! What gets into an installer's way, and how it is to be told.

use super::faults::Faulty;
use super::http::{Answer, Server};
use super::{Cmd, Output, Plugin, tools, wait_until};
use plugdeps::failure;
use std::fmt::Debug;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

impl Output {
    /// The sentence of a class was told, and what to do.
    #[track_caller]
    pub fn told(&self, class: &str, installer: impl Debug) -> &Self {
        let class = failure::by_code(class);
        let sentence = format!("plugdeps: error[install-failed]: {}\n", class.sentence);
        assert!(self.stderr.contains(&sentence), "{installer:?}: expected {}\n{self}", class.code);
        self.exits(9).stdout_is("").stderr_has(&format!("\n  hint: {}\n", class.hint)).stderr_lacks("panicked")
    }
}

/// Answers TLS with a certificate that nobody signed; ends when dropped.
pub struct Tls {
    server: Child,
    pub port: String,
    _place: tempfile::TempDir,
}

impl Tls {
    pub fn serve() -> Self {
        const SERVE: &str = "import socket, ssl, sys\n\
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
            context.load_cert_chain(sys.argv[1], sys.argv[2])\n\
            listener = socket.create_server(('127.0.0.1', 0))\n\
            print(listener.getsockname()[1], flush=True)\n\
            while True:\n\
            \x20   try: context.wrap_socket(listener.accept()[0], server_side=True).close()\n\
            \x20   except OSError: pass\n";
        let place = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| place.path().join(name));
        let words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1";
        let mut made = Command::new("openssl");
        made.args(words.split(' ')).arg("-out").arg(&certificate).arg("-keyout").arg(&key);
        let made = made.output().expect("install openssl: it makes the certificate of this test");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Command::new(tools::python());
        let mut server = server.args(["-c", SERVE]).arg(&certificate).arg(&key).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { server, port: port.trim().to_owned(), _place: place }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.server.kill().and_then(|()| self.server.wait());
    }
}

/// The port of a server that answers what is no TLS, for as long as the test lasts.
pub fn no_tls() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    port
}

/// A proxy that answers everything with this status.
pub fn closed_proxy(status: u16) -> Server {
    Server::start(move |_| Answer::status(status).header("Proxy-Authenticate", "Basic realm=\"proxy\""))
}

/// Starts a command that is `sync` and waits until the installer waits for a file of a package; then something happens
/// to the generation, and the end is waited for.
#[track_caller]
pub fn during(sync: Cmd, plugin: &Plugin, packages: &Faulty, name: &str, happen: impl FnOnce(&Path)) -> Output {
    packages.hold(name, Duration::from_secs(4)).forget();
    let file = format!("/{name}-");
    let sync = sync.spawn();
    wait_until("the installer asks for the package", Duration::from_secs(60), || {
        packages.log().iter().any(|request| request.contains(&file))
    });
    let environments = fs::read_dir(plugin.data.join("plugdeps")).unwrap().flatten().map(|entry| entry.path());
    let generation = environments.flat_map(|environment| fs::read_dir(environment).into_iter().flatten().flatten());
    let generation = generation.map(|entry| entry.path()).find(|path| is_generation(path));
    happen(&generation.expect("nothing is being built"));
    sync.wait()
}

fn is_generation(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("g-")) && path.is_dir()
}

/// `sync` where even root is held to the modes of files.
pub fn without_override(plugin: &Plugin) -> Cmd {
    let own = plugin.command(["sync"]).into_command();
    let cmd = if rustix::process::geteuid().is_root() {
        let setpriv =
            tools::on_path("setpriv").expect("install setpriv (util-linux), or run the tests as another user");
        let flags = ["--bounding-set", "-dac_override", "--inh-caps", "-dac_override"];
        plugin.bare_command(setpriv).args(flags).arg(own.get_program())
    } else {
        plugin.bare_command(own.get_program())
    };
    own.get_envs().fold(cmd.arg("sync"), |cmd, (name, value)| cmd.env(name, value.unwrap_or_default()))
}

/// The flags by which this machine makes a mount namespace; says loudly if it makes none.
pub fn mounting() -> Option<&'static str> {
    let flags = ["-m", "-rm"].into_iter().find(|flags| {
        let made = Command::new("unshare").args([flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
        made.is_ok_and(|made| made.status.success())
    });
    if flags.is_none() {
        io::stderr().write_all(b"SKIPPED failure class: `unshare -m` makes no mount namespace here\n").unwrap();
    }
    flags
}

/// Whether [`in_mounts`] does anything here.
pub fn makes_mounts() -> bool {
    mounting().is_some()
}

/// Runs `sync` after `prepare`, a line of shell, in mounts of its own; says loudly if this machine makes none.
pub fn in_mounts(plugin: &Plugin, prepare: &str) -> Option<Output> {
    let flags = mounting()?;
    let own = plugin.command([""; 0]).into_command();
    let mount = tools::on_path("mount").unwrap();
    let script = format!("mount() {{ '{}' \"$@\"; }}; {prepare} && exec \"$0\" sync", mount.display());
    let cmd = plugin.bare_command(tools::on_path("unshare").unwrap()).args([flags, "sh", "-c", &script]);
    let cmd = cmd.arg(own.get_program());
    Some(own.get_envs().fold(cmd, |cmd, (name, value)| cmd.env(name, value.unwrap_or_default())).run())
}
