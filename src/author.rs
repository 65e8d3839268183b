//! Commands for the author of a plugin, which write into it. The program that a plugin ships is built without them, to
//! keep it small.

use crate::error::Result;
use crate::plugin::Plugin;
use crate::typed::{Command, Typed};

/// Obeys a command for authors.
///
/// # Errors
/// As it says.
#[cfg(feature = "author")]
pub fn obey(plugin: &Plugin, command: Command, typed: &Typed) -> Result<()> {
    match command {
        Command::Bundle => crate::bundle::bundle(plugin, &targets(typed)?),
        Command::Snapshot => crate::capture::capture(plugin, typed.environment.as_deref(), &typed.words),
        _ => crate::each::each(plugin, typed, &|environment| crate::relock::lock(plugin, environment, typed.check)),
    }
}

#[cfg(feature = "author")]
fn targets(typed: &Typed) -> Result<crate::bundle::Targets> {
    let platforms = typed.platforms.iter().map(|name| crate::platform::Platform::named(name)).collect::<Result<_>>()?;
    Ok(crate::bundle::Targets { platforms, pythons: typed.pythons.clone() })
}

/// Says that there are none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "author"))]
pub fn obey(_plugin: &Plugin, _command: Command, _typed: &Typed) -> Result<()> {
    use crate::error::{Error, Kind};
    let error = Error::new(Kind::Usage, "find the command");
    let error = error.because("the program that a plugin ships has none for authors");
    Err(error.hint("build your own from its source: `cargo install --path .`"))
}
