//! The text of `--help`.

/// For everybody.
pub const HELP: &str = "\
plugdeps installs the packages that a plugin's MCP server needs, and starts it

usage: plugdeps [FLAG…] COMMAND

commands
  session-start          the SessionStart hook: make ready, say nothing or one JSON object
  run [--] CMD [ARG…]    make ready, then become CMD in the environment
  sync                   make ready by hand, with progress and an exit status that tells
  check, --check         look, explain, change nothing
  env                    print the environment's variables
  prune                  remove what nothing uses

flags
  --root DIR             the plugin (default: CLAUDE_PLUGIN_ROOT, or above this program)
  --data DIR             its data (default: CLAUDE_PLUGIN_DATA, or the user's data directory)
  --environment NAME     one of several environments
  --json                 check: for programs
  --format FORMAT        env: sh, fish, powershell, json, dotenv or mcp (default: sh)
  --rebuild              sync: build even if the environment fits
  --help, --version

exit status of check: 0 ready, 10 a start would build, 11 it could not; of the rest: docs/errors.md
";

/// For authors; whoever uses a plugin has no use for it.
#[cfg(feature = "author")]
pub const FOR_AUTHORS: &str = "
for authors
  init [DIR]             have a plugin, or a new one, be started by plugdeps; shows what it changes, and asks
  lint [DIR]             find what in a plugin will hurt its users
  lock [--check]         write a lock of the requirements, or say whether it is up to date
  bundle                 put the packages themselves into the plugin, for starts without a network
  snapshot [-- CMD…]     write down what the servers announce, to be shown while packages install
  check --all            look at every plugin on this machine; JSON where that is no terminal
  prune --all            remove what nothing uses of all of them; shows it, and asks
  completions SHELL      print what completes these words in bash, zsh, fish or powershell
  man                    print the manual, for `man`

  --dry-run, --yes       init, prune --all: show and change nothing; do not ask
  --undo                 init: bring back what was there
  --binary FILE          init: the program that the plugin is to ship
  --dir NAME             init: the directory for it in the plugin (default: bin)
  --json, --format FORMAT
                         lint: for programs; text, json or github (default: text)
  --strict               lint: warnings count as errors
  --platform NAME[,…]    bundle: linux-x64, darwin-arm64, … (default: this one)
  --python VERSION[,…]   bundle: 3.11, 3.12, … (default: the one used here)
";
/// Nothing.
#[cfg(not(feature = "author"))]
pub const FOR_AUTHORS: &str = "";
