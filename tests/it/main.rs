//! The specification, as tests that drive the real program. One binary, since linking is what costs.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)]

mod crowds;
mod backends;
mod check;
mod doors;
mod fixtures;
mod repository;
mod errors;
mod invariants;
mod manifests;
mod support;
mod support_works;
