//! The servers that a plugin names to its host: what the host starts, and what runs elsewhere.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::toml_text::MAX_BYTES;
use serde_json::Value;
use std::path::{Component, Path};

/// A server that a plugin names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name in `.mcp.json`.
    pub name: String,
    /// The command and its arguments, unexpanded; none where the host starts nothing.
    pub words: Vec<String>,
    /// How the host speaks to it: `stdio`, `http`, `sse` or what else its `type` says.
    pub transport: String,
}

/// A command that starts a container.
#[derive(Debug, PartialEq, Eq)]
pub struct Container<'a> {
    /// The engine's program, with the options that say which engine is meant.
    pub engine: &'a [String],
    /// The image, where the command tells it.
    pub image: Option<&'a str>,
}

/// The programs that run containers, and are told so in the same words.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// The options of both, before and after `run`, that take the next word for their value.
const WITH_VALUE: &str = " add-host annotation arch attach authfile blkio-weight blkio-weight-device cap-add cap-drop \
    cgroup-conf cgroup-parent cgroupns cgroups chrootdirs cidfile config conmon-pidfile connection context cpu-period \
    cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach-keys device \
    device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops dns dns-opt dns-option \
    dns-search domainname entrypoint env env-file env-merge expose gidmap gpus group-add health-cmd health-interval \
    health-on-failure health-retries health-start-interval health-start-period health-timeout host hostname hostuser \
    identity image-volume init-path ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver \
    log-level log-opt mac-address memory memory-reservation memory-swap memory-swappiness mount name net net-alias \
    network network-alias oom-score-adj os passwd-entry personality pid pidfile pids-limit platform pod pod-id-file \
    preserve-fds publish pull requires restart root runroot runtime sdnotify seccomp-policy secret security-opt \
    shm-size stop-signal stop-timeout storage-driver storage-opt subgidname subuidname sysctl systemd timeout tlscacert \
    tlscert tlskey tmpfs tz uidmap ulimit umask unsetenv url user userns uts variant volume volume-driver volumes-from \
    workdir ";
/// Those that stand alone.
const ALONE: &str = " debug detach disable-content-trust env-host help http-proxy init interactive no-healthcheck \
    no-hosts oom-kill-disable passwd privileged publish-all quiet read-only read-only-tmpfs remote replace rm rmi \
    sig-proxy tls tls-verify tlsverify tty unsetenv-all use-api-socket ";
/// The letters of both kinds.
const LETTERS: (&str, &str) = ("Hacehlmpuvw", "DPdiqt");

impl Server {
    /// The command that it is in the end: behind `plugdeps run --`.
    fn command(&self) -> &[String] {
        let [program, rest @ ..] = self.words.as_slice() else { return &[] };
        let run = rest.iter().position(|word| word == "run").filter(|_| stem(program) == "plugdeps");
        match run.map(|at| &rest[at + 1..]) {
            Some([dashes, command @ ..]) if dashes == "--" => command,
            Some(command) => command,
            None => &self.words,
        }
    }

    /// The container that it runs in, if it does.
    pub fn container(&self) -> Option<Container<'_>> {
        let command = self.command();
        ENGINES.contains(&stem(command.first()?)).then(|| started(command))
    }

    /// Whether the host starts nothing for it.
    pub fn is_remote(&self) -> bool {
        self.words.is_empty()
    }
}

/// What the command of an engine starts.
fn started(command: &[String]) -> Container<'_> {
    let unknown = Container { engine: &command[..1], image: None };
    let Some(verb) = skip_options(command, 1) else { return unknown };
    let run = if command.get(verb).is_some_and(|word| word == "container") { verb + 1 } else { verb };
    if command.get(run).is_none_or(|word| word != "run") {
        return unknown;
    }
    let engine = &command[..verb];
    let image = skip_options(command, run + 1).and_then(|at| command.get(at)).map(String::as_str);
    // What the host puts into them, it alone knows.
    let is_open = engine.iter().map(String::as_str).chain(image).any(|word| word.contains("${"));
    Container { engine, image: image.filter(|_| !is_open) }
}

/// The place of the first word from `at` on that is no option and no option's value. `None`: an option may be either.
fn skip_options(words: &[String], mut at: usize) -> Option<usize> {
    while let Some(word) = words.get(at) {
        at += match (word.strip_prefix("--"), word.strip_prefix('-')) {
            (Some(""), _) => return Some(at + 1),
            (Some(long), _) => long_option(long)?,
            (None, Some(letters)) if !letters.is_empty() => short_options(letters)?,
            _ => return Some(at),
        };
    }
    Some(at)
}

/// How many words an option takes, with its value.
fn long_option(option: &str) -> Option<usize> {
    let among = |list: &str| list.contains(&format!(" {option} "));
    match option {
        _ if option.contains('=') || among(ALONE) => Some(1),
        _ if among(WITH_VALUE) => Some(2),
        _ => None,
    }
}

/// The same of several letters behind one dash: the first that takes a value takes the rest for it.
fn short_options(letters: &str) -> Option<usize> {
    let (with_value, alone) = LETTERS;
    let first = letters.find(|letter| !alone.contains(letter));
    let Some(at) = first else { return Some(1) };
    let is_last = at + 1 == letters.len();
    with_value.contains(letters[at..].chars().next()?).then_some(if is_last { 2 } else { 1 })
}

/// The name of a program without its directory and ending.
fn stem(program: &str) -> &str {
    let file = program.rsplit(['/', '\\']).next().unwrap_or(program);
    file.strip_suffix(".exe").unwrap_or(file)
}

/// The JSON in a file, if it is there and is JSON.
///
/// # Errors
/// It cannot be read, or is enormous.
pub fn read_json(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = fs::read_optional(path)? else { return Ok(None) };
    if bytes.len() > MAX_BYTES {
        let error = Error::new(Kind::Io, format!("read `{}`", path.display()));
        return Err(error.because(format!("{} bytes, and at most {MAX_BYTES} are read", bytes.len())));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // The host refuses such a plugin by itself and says so; here the file only tells names.
    Ok(serde_json::from_slice(text).ok())
}

/// The servers in `.mcp.json`, and those in what describes the plugin or a file that it names. Hosts other than Claude Code
/// read `mcp.json` as well, and an MCPB has one server, named like itself.
///
/// # Errors
/// A file cannot be read, or is enormous.
pub fn all(root: &Path, described: Option<&Value>, is_for_claude: bool) -> Result<Vec<Server>> {
    let mut found = Vec::new();
    let files: &[&str] = if is_for_claude { &[".mcp.json"] } else { &[".mcp.json", "mcp.json"] };
    for file in files {
        if let Some(file) = read_json(&root.join(file))? {
            add_servers(&file, &mut found);
        }
    }
    let bundled = described.filter(|_| !is_for_claude).map(|d| (&d["name"], &d["server"]["mcp_config"]));
    found.extend(bundled.and_then(|(name, config)| server(name.as_str()?, config)));
    match described.map(|d| &d["mcpServers"]) {
        Some(Value::String(path)) => {
            if let Some(file) = inside(path).map_or(Ok(None), |path| read_json(&root.join(path)))? {
                add_servers(&file, &mut found);
            }
        }
        Some(inline) => add_servers(inline, &mut found),
        None => {}
    }
    Ok(found)
}

/// The path, if it leads down from the plugin.
pub fn inside(path: &str) -> Option<&str> {
    let leads_down = |c| matches!(c, Component::Normal(_) | Component::CurDir);
    Path::new(path).components().all(leads_down).then_some(path)
}

fn add_servers(file: &Value, found: &mut Vec<Server>) {
    let servers = file.get("mcpServers").or_else(|| file.get("mcp_servers")).unwrap_or(file).as_object();
    found.extend(servers.into_iter().flatten().filter_map(|(name, entry)| server(name, entry)));
}

/// A server as it is written down; `None` where neither a command nor an address is.
fn server(name: &str, entry: &Value) -> Option<Server> {
    let command = entry["command"].as_str();
    let args = entry["args"].as_array().filter(|_| command.is_some());
    let args = args.into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<String> = command.into_iter().chain(args).map(str::to_owned).collect();
    let by_default = if words.is_empty() { entry["url"].as_str().map(|_| "http")? } else { "stdio" };
    let transport = entry["type"].as_str().unwrap_or(by_default).to_owned();
    Some(Server { name: name.to_owned(), words, transport })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Server {
        let words = line.split(' ').map(str::to_owned).collect();
        Server { name: "s".into(), words, transport: "stdio".into() }
    }

    #[track_caller]
    fn image_is(line: &str, image: Option<&str>) {
        assert_eq!(of(line).container().map(|container| container.image), Some(image), "{line}");
    }

    #[test]
    fn the_image_is_the_first_word_behind_the_options_and_their_values() {
        for line in [
            "docker run img",
            "docker run -i --rm img run --name other",
            "docker run -it -e A=B -eC=D --env E -v a:b --mount type=bind,src=a,dst=b --name x img stdio",
            "docker run --rm -ie TOKEN -p8080:80 --network=host --pull always -- img -x",
            "/usr/local/bin/docker --context far -H tcp://far -D container run --init img",
            "podman run --replace --userns keep-id --secret s --tls-verify=false img",
            "C:\\docker\\docker.exe run -i img",
            "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps run -- docker run -i img",
            "${CLAUDE_PLUGIN_ROOT}/bin/plugdeps run docker run -i img",
        ] {
            image_is(line, Some("img"));
        }
        image_is("docker run -i host:5000/a/b@sha256:0 x", Some("host:5000/a/b@sha256:0"));
    }

    #[test]
    fn an_image_that_cannot_be_told_is_not_guessed() {
        for line in [
            "docker",
            "docker run",
            "docker run -i --rm",
            "docker run --of-tomorrow img other",
            "docker run -iZ img other",
            "docker run -é img",
            "docker run --name",
            "docker run --rootfs /somewhere",
            "docker run ${IMAGE:-img}",
            "docker -H ${WHERE} run img",
            "docker compose run img",
            "docker exec -i running server",
            "docker --of-tomorrow run img",
        ] {
            image_is(line, None);
        }
    }

    #[test]
    fn the_engine_is_asked_with_what_says_which_one_is_meant() {
        let server = of("docker -c far container run img");
        assert_eq!(server.container().unwrap().engine, ["docker", "-c", "far"]);
    }

    #[test]
    fn what_only_has_the_name_of_an_engine_among_its_words_is_no_container() {
        for line in ["python docker", "npx docker-mcp", "./docker.py run img", "bin/plugdeps run -- python docker.py"] {
            assert_eq!(of(line).container(), None, "{line}");
        }
    }

    #[test]
    fn a_server_without_a_command_is_remote_if_it_has_an_address() {
        let file = serde_json::json!({ "mcpServers": {
            "a": { "type": "sse", "url": "u" }, "b": { "url": "u", "args": ["x"] }, "c": { "args": ["x"] }, "d": 1,
            "e": { "command": "python", "args": ["s.py", 2] },
        }});
        let mut found = Vec::new();
        add_servers(&file, &mut found);
        let told: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.transport.as_str(), s.words.len())).collect();
        assert_eq!(told, [("a", "sse", 0), ("b", "http", 0), ("e", "stdio", 2)]);
        assert!(found[0].is_remote() && !found[2].is_remote());
    }
}
