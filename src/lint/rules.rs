//! The table of rules: [docs/lint.md](../../docs/lint.md) says of each what it is for, with an example.

use super::subject::Subject;
use super::{Spot, files, hook_rules, node, paths, python, starts};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It fails for users who do nothing unusual.
    Error,
    /// It fails for some, or at some time, or costs something.
    Warning,
    /// It is good to know.
    Notice,
}

impl Level {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
        }
    }
}

/// One rule.
pub struct Rule {
    /// By which it is ignored, and found in the documentation.
    pub name: &'static str,
    /// How bad a finding is.
    pub level: Level,
    /// What it finds, in a sentence.
    pub sentence: &'static str,
    pub(super) check: fn(&Subject) -> Vec<Spot>,
}

/// What a rule found.
pub(super) struct Finding {
    pub rule: &'static Rule,
    pub spot: Spot,
}

const fn error(name: &'static str, sentence: &'static str, check: fn(&Subject) -> Vec<Spot>) -> Rule {
    Rule { name, level: Level::Error, sentence, check }
}

const fn warning(name: &'static str, sentence: &'static str, check: fn(&Subject) -> Vec<Spot>) -> Rule {
    Rule { name, level: Level::Warning, sentence, check }
}

const fn notice(name: &'static str, sentence: &'static str, check: fn(&Subject) -> Vec<Spot>) -> Rule {
    Rule { name, level: Level::Notice, sentence, check }
}

/// Every rule, in the order of the documentation.
pub const RULES: &[Rule] = &[
    error("invalid-file", "A file of the host's or a manifest cannot be read.", files::invalid_file),
    error("invalid-entry", "A part of the host's files that it refuses or passes over.", files::invalid_entry),
    error("root-with-default", "`${CLAUDE_PLUGIN_ROOT:-…}` becomes what stands behind `:-`.", paths::root_with_default),
    error("unexpanded", "A variable in a form that the host does not expand.", paths::unexpanded),
    warning("unset-variable", "A variable without a default, which a server gets as its name.", paths::unset_variable),
    error("overridden-root", "`env` sets a variable that the host itself sets.", paths::overridden_root),
    error("absolute-path", "A path of the author's machine.", paths::absolute_path),
    error(
        "relative-path",
        "A file of the plugin by a path that is seen from the session's directory.",
        paths::relative_path,
    ),
    error("outside-plugin", "A file above the plugin, which is not there once it is installed.", paths::outside_plugin),
    error("missing-file", "A file that is not there, or that git ignores.", paths::missing_file),
    error("not-executable", "A file that is started and has no `+x`.", paths::not_executable),
    warning("cwd-ignored", "`cwd` of a server, which the host ignores.", paths::cwd_ignored),
    error("nothing-installs", "A server that needs packages which nobody installs.", starts::nothing_installs),
    warning("installs-at-start", "A server that installs its packages when it is started.", starts::installs_at_start),
    warning("uv-at-start", "A server that `uv run` or `uvx` starts from the plugin's directory.", starts::uv_at_start),
    warning("unpinned-start", "A server of whatever version is the newest at its start.", starts::unpinned_start),
    warning("fetched-at-start", "A server that is fetched when it is first started.", starts::fetched_at_start),
    error(
        "loader-from-session",
        "A module for Node that is looked for in the session's directory.",
        starts::loader_from_session,
    ),
    warning("bare-python", "`python`, which many systems only have as `python3`.", starts::bare_python),
    warning(
        "environment-unsaid",
        "One of several environments, and the command does not say which.",
        starts::environment_unsaid,
    ),
    warning("env-shadows", "`env` sets what `plugdeps run` sets.", starts::env_shadows),
    error("diff-line", "A hook that compares a copy of the manifest and installs.", hook_rules::diff_line),
    error("exists-guard", "A hook that takes what is there for installed.", hook_rules::exists_guard),
    error(
        "version-stamp",
        "A hook that installs when a version is another than the one written down.",
        hook_rules::version_stamp,
    ),
    error("hook-installs", "A hook that installs in any other way.", hook_rules::hook_installs),
    error("installs-itself", "The plugin installs itself as a package.", hook_rules::installs_itself),
    error(
        "global-install",
        "Packages are installed where all programs of the user find them.",
        hook_rules::global_install,
    ),
    warning(
        "writes-into-plugin",
        "Packages are installed into the plugin's directory.",
        hook_rules::writes_into_plugin,
    ),
    warning(
        "hook-timeout",
        "A hook that installs and has no `timeout`, or one in milliseconds.",
        hook_rules::hook_timeout,
    ),
    warning(
        "hook-stdout",
        "Standard output of a hook that installs: too much of it, or none.",
        hook_rules::hook_stdout,
    ),
    warning("unpinned", "Packages that no version and no lock holds fast.", python::unpinned),
    error("mcp-major", "`mcp` of any version, and a server that is written for 1.x.", python::mcp_major),
    warning("extra-index", "Another index that could replace a package.", python::extra_index),
    warning(
        "empty-project",
        "A `pyproject.toml` that asks for no package makes the environment.",
        python::empty_project,
    ),
    warning("unread-manifest", "What a server needs stands in a file that is not read.", python::unread_manifest),
    error("lock-outdated", "A lock that lacks what its manifest asks for.", node::lock_outdated),
    error("lock-private-url", "A lock with addresses that only its author reaches.", files::lock_private_url),
    error("esm-node-path", "`NODE_PATH` for a server that is an ES module.", node::esm_node_path),
    error("dev-dependency", "A server needs a package of `devDependencies`.", node::dev_dependency),
    warning("install-scripts", "Packages that build themselves, and nothing lets them.", node::install_scripts),
    error(
        "committed-environment",
        "A virtual environment or built packages among the files.",
        files::committed_environment,
    ),
    warning("committed-packages", "Packages for Node among the files in git.", files::committed_packages),
    notice("bin-directory", "`bin/`, which some marketplaces refuse.", files::bin_directory),
];
