//! The specification, as tests that drive the real program. One binary, since linking is what costs.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)]

mod crash_points;
mod crowds;
mod backends;
mod check;
mod conformance;
mod doors;
mod fixtures;
mod go_between;
mod hostile;
mod repository;
mod entry_points;
mod secrets;
mod errors;
mod invariants;
mod manifests;
mod model;
mod real_client;
mod supply_chain;
mod support;
mod support_works;
