//! Commands for the author of a plugin, which write into it.

use crate::capture;
use crate::each::each;
use crate::error::Result;
use crate::plugin::Plugin;
use crate::relock;
use crate::typed::{Command, Typed};

/// Obeys a command for authors.
///
/// # Errors
/// As it says.
pub fn obey(plugin: &Plugin, command: Command, typed: &Typed) -> Result<()> {
    match command {
        Command::Snapshot => capture::capture(plugin, typed.environment.as_deref(), &typed.words),
        _ => each(plugin, typed, &|environment| relock::lock(plugin, environment, typed.check)),
    }
}
