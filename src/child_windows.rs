//! Windows: nothing is inherited that was not asked for, and the console's signals reach every process on it.

#![allow(clippy::disallowed_methods)]

use super::Opening;
use crate::lock::Lock;
use std::io::{self, IsTerminal};
use std::process::{Child, Command, ExitStatus};

pub(super) fn spawn(command: &mut Command, lease: Option<Lock>) -> io::Result<Child> {
    // For as long as we live: we end after the server.
    std::mem::forget(lease);
    command.spawn()
}

pub(super) fn signal(_pid: u32, _number: i32) {}

/// There are no signals that could be passed on.
///
/// # Errors
/// None.
pub fn on_signals(_handle: impl Fn(i32) + Send + Clone + 'static) -> io::Result<()> {
    Ok(())
}

/// Looks whether somebody may talk to us; what he says is not waited for.
pub fn first_words() -> Opening {
    if io::stdin().is_terminal() { Opening::Nobody } else { Opening::Somebody(Vec::new()) }
}

/// What the client says, and where it listens.
///
/// # Errors
/// None.
pub fn standard_streams() -> io::Result<(io::Stdin, io::Stdout)> {
    Ok((io::stdin(), io::stdout()))
}

/// Whether somebody ended it, which cannot be told here.
pub fn was_ended(_status: ExitStatus) -> bool {
    false
}

/// The exit status with which we end as the server did.
pub fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
