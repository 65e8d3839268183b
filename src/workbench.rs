//! Where a command for authors has an installer help it: a generation that is never sealed, and gone afterwards. And how
//! it writes what is to be shipped.

use crate::backend::{Need, Session};
use crate::environments::Environment;
use crate::error::Result;
use crate::fs;
use crate::generation::{BaseInterpreter, Generation};
use crate::interpreter;
use crate::lock::{self, Attempt};
use crate::log::Log;
use crate::manifest::Manifest;
use crate::origin;
use crate::plugin::Plugin;
use crate::work::Work;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is done there: with what is needed, where, and who is heard.
pub type Act<'a, T> = &'a dyn Fn(&Need<'_>, &Generation, &mut Session<'_>) -> Result<T>;

/// Does it for this manifest of an environment, with the interpreter that its builds would use.
///
/// # Errors
/// There is no interpreter, the data directory cannot be written, or `act` fails.
pub fn with<T>(plugin: &Plugin, environment: &Environment, manifest: &Manifest, act: Act<'_, T>) -> Result<T> {
    let work = Work::new(plugin, environment)?;
    let runtime = manifest.format.runtime();
    let wish = interpreter::Wish { runtime, requires: manifest.requires(), named: manifest.wanted() };
    let interpreter = interpreter::choose(&wish)?.interpreter;
    work.check_place()?;
    work.store.create()?;
    origin::write_down(&plugin.place)?;
    let generation = work.store.stage()?;
    let outcome = within(&work, manifest, &interpreter, &generation, act);
    let discarded = fs::discard_tree(generation.directory());
    let done = outcome?;
    discarded?;
    Ok(done)
}

fn within<T>(
    work: &Work<'_>,
    manifest: &Manifest,
    interpreter: &BaseInterpreter,
    generation: &Generation,
    act: Act<'_, T>,
) -> Result<T> {
    // A sweep takes what nobody leases.
    let lease = match lock::try_shared(&generation.lease_path()) {
        Some(Attempt::Held(lock)) => Some(Arc::new(lock.into_file())),
        _ => None,
    };
    let mut log = Log::create(&work.store.logs(), true)?;
    log.hide(manifest.texts().iter().map(AsRef::as_ref));
    let deadline = Instant::now() + Duration::from_secs(work.plugin.config.deadline);
    let mut session = Session { log: &mut log, deadline, lease, hollow: false };
    act(&Need { manifest, ..work.need(interpreter) }, generation, &mut session)
}

/// Writes a file that is to be shipped: whole, or not at all, and for everybody to read, which state is not.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    fs::write(Path::new(&staged), bytes)?;
    fs::rename(Path::new(&staged), path)
}
