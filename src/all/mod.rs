//! `--check --all` and `prune --all`: every plugin that the host has on this machine.
//!
//! The host's own files say which there are (`host.rs`); of each is looked at what it says of itself and what is in its
//! data (`survey.rs`), by what a check of one plugin does. A removal is thought out first, shown, and each part of it
//! thought out again when nobody else can use what is removed (`removal.rs`).

pub mod hold;
pub mod host;
#[cfg_attr(unix, path = "system_unix.rs")]
#[cfg_attr(windows, path = "system_windows.rs")]
mod os;
pub mod plan;
pub mod removal;
pub mod report;
pub mod space;
pub mod survey;
pub mod table;

use crate::agreement::Proposal;
use crate::error::{Kind, Result};
use crate::output;
use crate::page::Paint;
use crate::report::Unreadable;
use crate::typed::Wish;
use report::Report;
use std::io::IsTerminal;
use survey::Survey;

/// Looks at all of them, and changes nothing; the exit status that tells the worst state.
///
/// # Errors
/// There is no telling where the host keeps its plugins.
pub fn check(is_json: bool) -> Result<u8> {
    let is_json = is_json || !std::io::stdout().is_terminal();
    let survey = match Survey::make() {
        Err(error) if is_json => {
            output::json(&Unreadable::new(&error))?;
            return Ok(error.kind.info().exit);
        }
        survey => survey?,
    };
    let report = Report::of(&survey);
    if is_json {
        output::json(&report)?;
    } else {
        output::data(&table::render(&report, Paint(output::colour())));
    }
    Ok(report.state.map_or(Kind::Io.info().exit, |state| state.exit()))
}

/// Removes what nothing uses, after showing it and asking.
///
/// # Errors
/// Nobody agreed, or something cannot be removed.
pub fn prune(wish: &Wish) -> Result<()> {
    let plan = plan::Plan::make(&Survey::make()?);
    output::data(&plan.shown());
    if plan.parts.is_empty() && plan.failed.is_empty() {
        output::note("nothing to remove");
    }
    if plan.parts.is_empty() {
        return removal::carry_out(&plan);
    }
    let proposal =
        Proposal { change: "remove what nothing uses".into(), question: "remove this?", verb: ("removed", "removes") };
    if proposal.is_agreed(wish)? { removal::carry_out(&plan) } else { Ok(()) }
}
