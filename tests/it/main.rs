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
mod repository;
mod errors;
mod invariants;
mod manifests;
mod model;
#[cfg(target_os = "linux")]
mod power_loss;
mod real_client;
#[cfg(target_os = "linux")]
mod real_faults;
mod support;
mod support_works;
