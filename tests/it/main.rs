//! The specification, as tests that drive the real program. One binary, since linking is what costs.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)]

mod all;
mod back_off;
mod backends;
mod bundle;
mod check;
mod cli;
mod comparison;
mod completions;
mod conformance;
mod crash_points;
mod crowds;
mod doors;
mod elsewhere;
mod entry_points;
mod errors;
mod failure_classes;
mod fixtures;
mod go_between;
mod guide;
mod hostile;
mod hosts;
mod init;
mod invariants;
mod launcher;
mod lint;
mod manifests;
mod model;
mod node;
mod orchestrator;
mod node_crashes;
mod node_failures;
mod node_ranges;
mod node_secrets;
mod node_settings;
mod packages;
#[cfg(target_os = "linux")]
mod power_loss;
mod real_client;
#[cfg(target_os = "linux")]
mod real_faults;
mod recording;
mod release;
mod relock;
mod repository;
mod scripts;
mod secrets;
mod supply_chain;
mod support;
mod support_works;
mod troubleshooting;
mod windows;
