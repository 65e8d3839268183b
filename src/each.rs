//! Commands that are for several environments: those that are meant, one after the other.

use crate::environments::Environment;
use crate::error::Result;
use crate::output;
use crate::plugin::Plugin;
use crate::typed::Typed;

/// The environment that was named, or every one.
///
/// # Errors
/// There is none of that name.
pub fn chosen<'a>(plugin: &'a Plugin, typed: &Typed) -> Result<Vec<&'a Environment>> {
    match &typed.environment {
        Some(name) => Ok(plugin.environment_for(Some(name), &[])?.into_iter().collect()),
        None => Ok(plugin.environments.iter().collect()),
    }
}

/// Does it for each of them.
///
/// # Errors
/// It failed for one; the others had their turn all the same.
pub fn each(plugin: &Plugin, typed: &Typed, act: &dyn Fn(&Environment) -> Result<()>) -> Result<()> {
    let environments = chosen(plugin, typed)?;
    if environments.is_empty() {
        output::note(&format!("{} has no manifest, so there is nothing to install", plugin.name));
    }
    let mut failed = None;
    for environment in environments {
        if let Err(error) = act(environment) {
            let error = error.because(format!("in the environment `{}`", environment.name));
            // One that fails does not keep the others from their packages.
            failed.replace(error).iter().for_each(output::error);
        }
    }
    failed.map_or(Ok(()), Err)
}
