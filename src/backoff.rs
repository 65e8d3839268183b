//! When a session tries again what failed.
//!
//! Each class of failure has a pause, which grows with each further failure ([`crate::failure::Pause`]). It ends at once
//! when something changed that may decide and that is cheap to see: the manifests (which is another request), and
//! [`surroundings`].

use crate::config::Config;
use crate::failure;
use crate::fingerprint::hash_of;
use crate::fs;
use crate::interpreter;
use crate::runtime::Runtime;
use crate::store::{Failure, now_ms};
use crate::tool;
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a session still leaves alone what failed so; `None`: it tries.
pub fn left(failure: &Failure, config: &Config) -> Option<Duration> {
    // What no installer decided costs nothing to try again.
    let pause = (!failure.class.is_empty()).then(|| failure::by_code(&failure.class).pause.after(failure.tries))?;
    // A failure in the future is of a clock that was wrong then or is now.
    let age = Duration::from_millis(now_ms().checked_sub(failure.at_ms)?);
    let left = pause.checked_sub(age).filter(|left| !left.is_zero())?;
    (failure.surroundings == surroundings(config)).then_some(left)
}

/// What may decide about an installation beside the manifests, as a hash: the configuration, the user's settings of
/// installers, and which interpreters and tools there are. Nothing is started to find out.
pub fn surroundings(config: &Config) -> String {
    let interpreters =
        [Runtime::Python, Runtime::Node].into_iter().flat_map(|runtime| interpreter::candidates(runtime, None));
    let programs = interpreters.map(|candidate| candidate.path);
    let tools = ["uv", "npm", "pnpm", "yarn", "bun", "cc", "gcc", "clang"]
        .into_iter()
        .flat_map(|name| tool::everywhere(name, None));
    let files = programs.chain(tools).chain(settings()).map(|path| described(&path));
    let ours = [env!("CARGO_PKG_VERSION").to_owned(), format!("{config:?}")];
    hash_of(&ours.into_iter().chain(variables()).chain(files).collect::<Vec<_>>())
}

/// The variables that reach installers, sorted.
fn variables() -> Vec<String> {
    const PREFIXES: [&str; 6] = ["PIP_", "UV_", "NPM_CONFIG_", "PNPM_CONFIG_", "YARN_", "BUN_CONFIG_"];
    const NAMES: [&str; 6] =
        ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"];
    let counts = |name: &str| {
        PREFIXES.iter().any(|prefix| name.to_ascii_uppercase().starts_with(prefix))
            || name.to_ascii_uppercase().ends_with("_PROXY")
            || NAMES.contains(&name)
    };
    let all = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut found: Vec<String> = all
        .filter(|(name, _)| counts(name))
        .map(|(name, value)| format!("{name}={}", value.to_string_lossy()))
        .collect();
    found.sort();
    found
}

/// The files in which users set what installers do.
fn settings() -> Vec<PathBuf> {
    let named = ["PIP_CONFIG_FILE", "UV_CONFIG_FILE", "NETRC"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let below = |variable: &str, names: &[&str]| {
        let base = env::var_os(variable).map(PathBuf::from);
        base.into_iter().flat_map(|base| names.iter().map(move |name| base.join(name)).collect::<Vec<_>>()).collect()
    };
    let home = [
        ".config/pip/pip.conf",
        ".pip/pip.conf",
        ".config/uv/uv.toml",
        ".netrc",
        ".npmrc",
        ".config/pnpm/rc",
        ".yarnrc",
        ".yarnrc.yml",
        ".bunfig.toml",
    ];
    let mut files: Vec<PathBuf> = below("HOME", &home);
    files.extend(below("APPDATA", &["pip/pip.ini", "uv/uv.toml"]));
    files.extend(["/etc/pip.conf", "/etc/uv/uv.toml"].map(PathBuf::from));
    files.into_iter().chain(named).filter(|path| fs::is_file(path)).collect()
}

fn described(path: &Path) -> String {
    format!("{} {:?}", path.display(), fs::validator(path))
}
