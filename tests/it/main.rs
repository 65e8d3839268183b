//! The specification, as tests that drive the real program. One binary, since linking is what costs.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)]

mod crash_points;
mod crowds;
mod back_off;
mod backends;
mod check;
mod conformance;
mod doors;
mod fixtures;
mod go_between;
mod repository;
mod errors;
mod failure_classes;
mod invariants;
mod manifests;
mod model;
mod real_client;
mod support;
mod support_works;
