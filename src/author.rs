//! Commands for the author of a plugin, which write into it. The program that a plugin ships is built without them, to
//! keep it small.

use crate::error::Result;
use crate::typed::{Command, Typed};

/// Obeys a command for authors.
///
/// # Errors
/// As it says.
#[cfg(feature = "author")]
pub fn obey(command: Command, typed: &Typed) -> Result<()> {
    use crate::plugin::{Plugin, locate};
    // These need no data, and so no place for them; a new plugin is none yet.
    match command {
        Command::Init => return crate::init::init(typed.own_directory(), &typed.init),
        Command::Lint => return lint(typed),
        Command::Completions => return crate::completions::complete(&typed.words),
        Command::Man => {
            crate::output::data(&crate::manual::page());
            return Ok(());
        }
        _ => {}
    }
    let plugin = &Plugin::load(locate(typed.root.as_deref(), typed.data.as_deref())?)?;
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

#[cfg(feature = "author")]
fn lint(typed: &Typed) -> Result<()> {
    use crate::lint::{Style, lint};
    let named = if typed.json { Some("json") } else { typed.format.as_deref() };
    let style = named.map_or(Ok(Style::default()), Style::parse)?;
    lint(typed.own_directory(), style, typed.strict)
}

/// Looks at every plugin on this machine; the exit status.
///
/// # Errors
/// There is no telling where the host keeps its plugins.
#[cfg(feature = "author")]
pub fn check_all(typed: &Typed) -> Result<u8> {
    crate::all::check(typed.json)
}

/// Removes what nothing uses of every plugin on this machine.
///
/// # Errors
/// Nobody agreed, or something cannot be removed.
#[cfg(feature = "author")]
pub fn prune_all(typed: &Typed) -> Result<()> {
    crate::all::prune(&typed.init)
}

/// `--all` is not understood.
///
/// # Errors
/// Never.
#[cfg(not(feature = "author"))]
pub fn check_all(_typed: &Typed) -> Result<u8> {
    Ok(0)
}

/// `--all` is not understood.
///
/// # Errors
/// Never.
#[cfg(not(feature = "author"))]
pub fn prune_all(_typed: &Typed) -> Result<()> {
    Ok(())
}

/// There are none, and so none is understood.
///
/// # Errors
/// Never.
#[cfg(not(feature = "author"))]
pub fn obey(_command: Command, _typed: &Typed) -> Result<()> {
    Ok(())
}
