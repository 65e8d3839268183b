//! In place of the commands for authors, where they were left out to keep the program small.

use crate::error::{Error, Kind, Result};
use crate::plugin::Plugin;
use crate::typed::{Command, Typed};

/// Says that there are none.
///
/// # Errors
/// Always.
pub fn obey(_plugin: &Plugin, _command: Command, _typed: &Typed) -> Result<()> {
    let error =
        Error::new(Kind::Usage, "find the command").because("the program that a plugin ships has none for authors");
    Err(error.hint("build your own from its source: `cargo install --path .`"))
}
