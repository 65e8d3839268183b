//! Installs the packages that a Claude Code plugin's MCP server needs, before the server needs them.
//!
//! The host starts a plugin's SessionStart hook and its MCP server at the same moment. Both are doors to
//! one function, [`provision::ensure`]: it hashes the plugin's manifests, compares them with the receipt of the
//! current generation, and if they differ has a new one built, once, however many doors wait.
//!
//! ```
//! use plugdeps::plugin::{Place, Plugin};
//!
//! let root = tempfile::tempdir()?;
//! std::fs::write(root.path().join("requirements.txt"), "mcp<2\n")?;
//! let place = Place {
//!     root: root.path().into(),
//!     root_from: "an example".into(),
//!     data: root.path().with_extension("data"),
//!     data_from: "an example".into(),
//!     skipped: Vec::new(),
//! };
//! let plugin = Plugin::load(place)?;
//! let report = plugdeps::check::look(&plugin);
//! assert_ne!(report.state, plugdeps::check::State::Ready);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules depend on each other in the order of this list, downwards only; a test holds them to it.

pub mod backend;
pub mod builder;
pub mod check;
pub mod cli;
pub mod config;
pub mod error;
pub mod export;
pub mod failure;
pub mod fingerprint;
pub mod fs;
pub mod gc;
pub mod generation;
pub mod hook;
pub mod interpreter;
pub mod launch;
pub mod lock;
pub mod log;
pub mod manifest;
pub mod nearest;
pub mod output;
pub mod plugin;
pub mod process;
pub mod provision;
pub mod pyproject;
pub mod reason;
pub mod requirements;
pub mod store;
pub mod toml_text;
pub mod tool;
pub mod version;
