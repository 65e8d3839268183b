//! What the integration tests share: a stand-in for the host, a package index, wheels, and an MCP client.
//!
//! Everything here panics with a sentence when it cannot do its work: a test is never skipped in silence.
//! Nothing reaches the network but [`tools`], once, and a plugin that was asked to by `Plugin::online`.

#![allow(dead_code, unused_imports)]
// Tests arrange the world directly; the seams of the product are not theirs.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod any_world;
pub mod api;
pub mod claude;
pub mod document;
pub mod encode;
pub mod faults;
pub mod film;
pub mod host;
pub mod http;
pub mod index;
pub mod mcp_client;
pub mod namespace;
pub mod managers;
pub mod modes;
pub mod node;
pub mod node_world;
pub mod obstacles;
pub mod on_windows;
pub mod packages;
pub mod plugin;
pub mod peer;
pub mod processes;
pub mod random;
pub mod record;
pub mod registry;
pub mod run;
pub mod somebody;
pub mod state;
pub mod steps;
pub mod strace;
pub mod terminal;
pub mod tools;
pub mod tree;
pub mod wheels;
pub mod wine;
pub mod world;

pub use any_world::AnyWorld;
pub use api::Api;
pub use claude::{Claude, Session};
pub use encode::sha256;
pub use index::Index;
pub use managers::Manager;
pub use mcp_client::{McpClient, text_of};
pub use modes::{Mode, Stage};
pub use node_world::NodeWorld;
pub use obstacles::{Tls, closed_proxy, during, in_mounts, makes_mounts, mounting, no_tls, without_override};
pub use packages::Packages;
pub use peer::Peer;
pub use plugin::{Plugin, executable, fixture};
pub use random::{Random, times};
pub use record::{Record, Tolerance, lines};
pub use registry::{NpmPackage, Registry};
pub use run::{Cmd, Output, Running};
pub use somebody::started_by;
pub use state::{CLOCK, alpha_of, copy, is_whole, live_in, named, preload, private_node, private_python};
pub use strace::{strace, straced};
pub use tree::{Tree, assert_same};
pub use wheels::{Wheel, broken_sdist, c_sdist, noisy_sdist, sdist};
pub use wine::Machine;
pub use world::{BOTH, Installer, World, alpha, ask, proven, value_of};

use std::time::{Duration, Instant};

/// Waits until `condition` holds, and panics with `what` when it does not in time.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < limit, "waited {limit:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
