//! `init`: has a plugin be started by plugdeps, from whatever it is now.
//!
//! All is read and thought out first (`plan.rs`), into a draft of the files as they will be (`draft.rs`). The draft is
//! shown as a diff. If its author agrees, what is there is put away (`record.rs`), and the draft is written.

pub mod bootstrap;
pub mod diff;
pub mod draft;
pub mod fetched;
pub mod left;
pub mod line;
pub mod next;
pub mod npm;
pub mod old_install;
pub mod options;
pub mod packages;
pub mod place;
pub mod plan;
pub mod programs;
pub mod record;
pub mod scaffold;
pub mod servers;
pub mod session_start;
pub mod settle;
pub mod uses;
pub mod variables;
pub mod wiring;

use crate::agreement::Proposal;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::output;
use crate::relock::refuse_copy;
use crate::typed::Wish;
use draft::Draft;
use old_install::ROOT;
use plan::Mood;
use std::path::{Path, PathBuf};
use wiring::inside;

/// The directory of a plugin for programs.
const PROGRAMS: &str = "bin";

/// Does it.
///
/// # Errors
/// There is no plugin, or none that can be understood; or nothing was written, since nobody agreed.
pub fn init(directory: &Path, wish: &Wish) -> Result<()> {
    let root = root(directory)?;
    refuse_copy(&root)?;
    if wish.undo { undo(wish, &root) } else { wire(wish, &root) }
}

/// The plugin's directory by its one true name: what is known of it is found by that.
fn root(directory: &Path) -> Result<PathBuf> {
    let failed = |e| Error::new(Kind::NoPlugin, format!("use `{}` as a directory", directory.display())).because(e);
    let path = std::path::absolute(directory).map_err(failed)?;
    Ok(match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !fs::is_directory(&path) => fs::resolved(parent).join(name),
        _ => fs::resolved(&path),
    })
}

fn wire(wish: &Wish, root: &Path) -> Result<()> {
    if !wish.dry_run {
        record::begin(root)?;
    }
    let mut draft = Draft::new(root);
    let known = programs::directory(session_start::look(&draft)?.program.as_deref());
    let directory = programs_directory(known, wish.programs.as_deref())?;
    let mood = if wish.yes && !wish.dry_run { Mood::Is } else { Mood::WouldBe };
    let plan = plan::make(&mut draft, &format!("{ROOT}/{directory}/plugdeps"), mood)?;
    if plan.is_needed {
        programs::add(&mut draft, &directory, wish.binary.as_deref())?;
    }
    plan.said.iter().for_each(|line| output::note(line));
    if draft.is_empty() {
        output::note(match (plan.has_rest, plan.is_needed) {
            (true, _) => "nothing is changed: the rest is for you to do",
            (false, true) => "nothing to do: it is as it should be",
            (false, false) => "nothing to do: it needs no packages",
        });
        return Ok(());
    }
    if agreed(wish, &draft, "write this?")? {
        record::keep(&draft, &record::place(root)?)?;
        draft.apply()?;
        output::note("written; `plugdeps init --undo` brings back what was there");
        if programs::is_for_one_kind(&root.join(&directory)) {
            let what = format!("`{directory}/plugdeps` is for one kind of machine alone");
            output::note(&format!("{what}: `sh install.sh --all` in a checkout of plugdeps makes it for all"));
        }
        next::steps(root, &plan.next)?.iter().for_each(|step| output::note(&format!("next: {step}")));
    }
    Ok(())
}

/// Where in the plugin its programs are: where its hook finds them already, or as is wished.
fn programs_directory(known: Option<String>, wished: Option<&str>) -> Result<String> {
    let failed = |wished: &str| Error::new(Kind::Usage, format!("use `{wished}` for the plugin's programs"));
    let wished = match wished.map(|wished| (wished, inside(&format!("{ROOT}/{wished}")))) {
        Some((_, Some(inside))) if !inside.is_empty() => Some(inside),
        Some((wished, _)) => return Err(failed(wished).because("it is no directory in the plugin, such as `bin`")),
        None => None,
    };
    match (known, wished) {
        (Some(known), Some(wished)) if known != wished => {
            let error = failed(&wished).because(format!("its hook starts `{known}/plugdeps` already"));
            let hint = format!("`plugdeps init --undo` first, or move `{known}/` and write `{wished}/` in its place");
            Err(error.hint(format!("{hint} in the hook and the servers")))
        }
        (known, wished) => Ok(known.or(wished).unwrap_or(PROGRAMS.into())),
    }
}

fn undo(wish: &Wish, root: &Path) -> Result<()> {
    if !wish.dry_run {
        record::begin(root)?;
    }
    let place = record::place(root)?;
    let draft = record::undoing(root, &place)?;
    left::by_others(&draft).iter().for_each(|line| output::note(line));
    if agreed(wish, &draft, "undo this?")? {
        draft.apply()?;
        output::note(match record::forget(root, &place)? {
            true => {
                "what `init` changed after your own last change is as it was; \
                 `plugdeps init --undo` again undoes what it changed before that"
            }
            false => "what `init` changed is as it was before",
        });
    }
    Ok(())
}

/// Shows the draft; whether it is to be written.
fn agreed(wish: &Wish, draft: &Draft, question: &str) -> Result<bool> {
    output::data(&diff::render(draft)?);
    let change = format!("change `{}`", draft.root.display());
    Proposal { change, question, verb: ("written", "writes") }.is_agreed(wish)
}
