//! The specification, as tests that drive the real program. One binary, since linking is what costs.
#![cfg(unix)]
#![allow(clippy::disallowed_methods)]

mod fixtures;
mod support;
mod support_works;
