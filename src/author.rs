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
    let plugin = &Plugin::load(locate(typed.root.as_deref(), typed.data.as_deref())?)?;
    match command {
        Command::Snapshot => crate::capture::capture(plugin, typed.environment.as_deref(), &typed.words),
        _ => crate::each::each(plugin, typed, &|environment| crate::relock::lock(plugin, environment, typed.check)),
    }
}

/// What `lint` finds. It needs no data, and so no place for them.
///
/// # Errors
/// As [`crate::lint::lint`].
#[cfg(feature = "author")]
pub fn lint(typed: &Typed) -> Result<()> {
    use crate::lint::{Style, lint};
    let named = if typed.json { Some("json") } else { typed.format.as_deref() };
    let style = named.map_or(Ok(Style::default()), Style::parse)?;
    lint(typed.root.as_deref().unwrap_or(".".as_ref()), style, typed.strict)
}

/// What is asked of `init`: of the directory named, or else of this one.
#[cfg(feature = "author")]
pub fn wish(typed: Typed) -> crate::typed::Wish {
    let named = Some(typed.init.directory).filter(|directory| !directory.as_os_str().is_empty());
    let directory = named.or(typed.root).unwrap_or_else(|| ".".into());
    crate::typed::Wish { directory, ..typed.init }
}

/// Says that there are none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "author"))]
pub fn obey(_command: Command, _typed: &Typed) -> Result<()> {
    use crate::error::{Error, Kind};
    let error = Error::new(Kind::Usage, "find the command");
    let error = error.because("the program that a plugin ships has none for authors");
    Err(error.hint("build your own from its source: `cargo install --path .`"))
}
