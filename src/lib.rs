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
//! assert_ne!(report.state, plugdeps::report::State::Ready);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A module uses only modules above it in the list below; a test holds them to it.

pub mod credentials;
pub mod error;
pub mod fault;
pub mod json;
pub mod output;
pub mod fs;
pub mod lock;
pub mod trust;
pub mod threads;
#[cfg(windows)]
pub mod windows;
pub mod process;
pub mod nearest;
pub mod toml_value;
pub mod toml_text;
pub mod toml_section;
#[cfg(feature = "author")]
pub mod json_text;
#[cfg(feature = "author")]
pub mod json_edit;
pub mod version;
pub mod node_range;
pub mod runtime;
pub mod requirement_text;
pub mod requirement_line;
pub mod requirements;
pub mod uv_settings;
pub mod script_block;
pub mod dependencies;
pub mod pyproject;
#[cfg(feature = "author")]
pub mod config_mistake;
pub mod config;
pub mod fingerprint;
pub mod lockfile;
pub mod node_lock;
pub mod package;
pub mod project;
pub mod manifest_format;
pub mod manifest;
pub mod node_manifest;
pub mod server;
pub mod host_files;
pub mod script_manifest;
pub mod environments;
pub mod plugin;
#[cfg(feature = "author")]
pub mod origin;
pub mod provenance;
pub mod bundled;
pub mod entry_point;
pub mod generation;
pub mod unpinned;
pub mod reason;
pub mod failure;
pub mod store;
pub mod log;
pub mod tool;
pub mod interpreter;
pub mod backoff;
pub mod gc;
#[cfg(feature = "author")]
pub mod platform;
pub mod backend;
pub mod indexes;
pub mod builder;
pub mod work;
pub mod build;
pub mod provision;
pub mod snapshot;
pub mod proof;
pub mod report;
pub mod engine;
pub mod check;
pub mod page;
pub mod node_command;
pub mod launch;
pub mod export;
pub mod child;
pub mod home;
pub mod progress;
pub mod news;
pub mod mcp;
pub mod run;
pub mod hook;
pub mod help;
pub mod prune;
pub mod mistyped;
pub mod typed;
pub mod each;
#[cfg(feature = "author")]
pub mod agreement;
#[cfg(feature = "author")]
pub mod workbench;
pub mod shell_token;
#[cfg(feature = "author")]
pub mod shell_line;
#[cfg(feature = "author")]
pub mod hooks;
#[cfg(feature = "author")]
pub mod options;
#[cfg(feature = "author")]
pub mod package_name;
#[cfg(feature = "author")]
pub mod old_form;
#[cfg(feature = "author")]
pub mod install_guard;
#[cfg(feature = "author")]
pub mod install_line;
#[cfg(feature = "author")]
pub mod unread;
#[cfg(feature = "author")]
pub mod capture;
#[cfg(feature = "author")]
pub mod relock;
#[cfg(feature = "author")]
pub mod bundle;
#[cfg(feature = "author")]
pub mod lint;
#[cfg(feature = "author")]
pub mod init;
#[cfg(feature = "author")]
pub mod vocabulary;
#[cfg(feature = "author")]
pub mod completions;
#[cfg(feature = "author")]
pub mod manual;
#[cfg(feature = "author")]
pub mod all;
pub mod author;
pub mod cli;
