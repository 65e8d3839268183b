//! Removing what a plan names. Each part is thought out again when its locks are held: the host may have installed the
//! plugin while somebody was asked.

use super::hold::Hold;
use super::host::Host;
use super::os;
use super::plan::{ASIDE, Part, Plan, What, asides};
use super::space::{environments, ours};
use super::survey::{Kind, is_own, unused};
use super::table::in_bytes;
use crate::error::Result;
use crate::fs;
use crate::origin;
use crate::output;
use crate::prune;
use crate::store::Store;
use crate::trust;
use crate::work;
use std::path::Path;

/// The links that we make in data.
const LINKS: [&str; 3] = ["venv", "site-packages", "node_modules"];
/// What is left alone after all.
const IN_USE: &str = "in use, left alone";
const WANTED: &str = "wanted again, left alone";

/// Removes what the plan names.
///
/// # Errors
/// Something cannot be removed, or could not be looked at; the rest is gone all the same.
pub fn carry_out(plan: &Plan) -> Result<()> {
    let mut failed = plan.failed.clone();
    for part in &plan.parts {
        match remove(part) {
            Ok(told) => output::note(&format!("{}: {told}", part.owner)),
            // One that fails does not keep the others.
            Err(error) => failed.push(error),
        }
    }
    let last = failed.pop();
    failed.iter().for_each(output::error);
    last.map_or(Ok(()), Err)
}

/// Whose it is must be known, since a removal follows what is in it.
fn check_owner(data: &Path, name: &str) -> Result<()> {
    trust::check(data, name).map_err(|error| error.hint("remove it yourself, if you know whose it is"))
}

fn remove(part: &Part) -> Result<String> {
    let data = &part.data;
    match &part.what {
        What::Generations(name, _) => prune::one(data, name).map(|told| format!("environment {name}: {told}")),
        What::Environment(name) => {
            check_owner(data, name)?;
            let outcome = remove_environment(data, name)?;
            Ok(format!("environment {name}: {}", outcome.unwrap_or_else(|| removed(part))))
        }
        What::Aside(name) => {
            check_owner(data, name)?;
            fs::remove_tree(&ours(data).join(name)).map(|()| removed(part))
        }
        What::Everything(_) => {
            environments(data).iter().try_for_each(|name| check_owner(data, name))?;
            Ok(remove_everything(data)?.unwrap_or_else(|| removed(part)))
        }
    }
}

fn removed(part: &Part) -> String {
    format!("removed ({})", in_bytes(part.bytes))
}

/// Removes an environment that no version has; why not, if it is not.
fn remove_environment(data: &Path, name: &str) -> Result<Option<String>> {
    let store = Store::new(data, name);
    if !fs::is_own_directory(store.directory()) {
        // Somebody else was faster.
        return Ok(None);
    }
    let Some(hold) = Hold::to_remove(&store)? else { return Ok(Some(IN_USE.into())) };
    if !unused(&Host::read()?, data).iter().any(|unused| unused == name) {
        return Ok(Some(WANTED.into()));
    }
    discard(data, name, hold).map(|()| None)
}

/// Removes all that is ours from the data of a plugin that is gone; why not, if it is not.
fn remove_everything(data: &Path) -> Result<Option<String>> {
    let names = environments(data);
    let mut holds = Vec::new();
    for name in &names {
        match Hold::to_remove(&Store::new(data, name))? {
            Some(hold) => holds.push(hold),
            None => return Ok(Some(IN_USE.into())),
        }
    }
    if Kind::of(&Host::read()?, data) != Some(Kind::Orphan) {
        return Ok(Some(WANTED.into()));
    }
    // While what they lead to is there: afterwards nobody knows whose they are.
    remove_links(data)?;
    names.iter().zip(holds).try_for_each(|(name, hold)| discard(data, name, hold))?;
    remove_rest(data).map(|()| None)
}

/// As a whole, and out of the way at once: whoever holds a lock's file open finds nothing below its name any more.
fn discard(data: &Path, name: &str, hold: Hold) -> Result<()> {
    let (directory, aside) = (ours(data).join(name), ours(data).join(format!("{ASIDE}{name}")));
    fs::remove_tree(&aside)?;
    // Where our own hold would prevent the renaming, so does whoever begins to use it in between.
    let hold = os::RENAMES_WHAT_IS_OPEN.then_some(hold);
    if fs::is_own_directory(&directory) {
        fs::rename(&directory, &aside)?;
    }
    drop(hold);
    fs::remove_tree(&aside)
}

fn remove_links(data: &Path) -> Result<()> {
    let ours = fs::resolved(&ours(data));
    let is_ours = |link: &Path| fs::link_target(link).is_some() && fs::resolved(link).starts_with(&ours);
    let links = LINKS.map(|name| data.join(name));
    links.iter().filter(|link| is_ours(link)).try_for_each(|link| fs::remove_file(link))
}

fn remove_rest(data: &Path) -> Result<()> {
    let ours = ours(data);
    asides(&ours).into_iter().try_for_each(|name| fs::remove_tree(&ours.join(name)))?;
    fs::remove_tree(&work::tools(data))?;
    // Whose they are is known to the end.
    [".machine", origin::FILE].iter().try_for_each(|name| fs::remove_file(&ours.join(name)))?;
    // Somebody may have begun anew.
    fs::remove_empty_directory(&ours);
    if is_own(data) {
        fs::remove_empty_directory(data);
    }
    Ok(())
}
