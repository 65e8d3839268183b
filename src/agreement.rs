//! Asking a person before something is changed.

use crate::error::{Error, Kind, Result};
use crate::output;
use crate::typed::Wish;
use std::io::{BufRead, IsTerminal};

/// A change that was shown.
#[derive(Debug)]
pub struct Proposal<'a> {
    /// What it is: ``change `plugin` ``.
    pub change: String,
    /// What is asked.
    pub question: &'a str,
    /// What would be done, and what `--yes` does: `written`, `writes`.
    pub verb: (&'a str, &'a str),
}

impl Proposal<'_> {
    /// Whether it is to be done.
    ///
    /// # Errors
    /// Nobody agreed.
    pub fn is_agreed(&self, wish: &Wish) -> Result<bool> {
        if wish.dry_run {
            output::note(&format!("nothing was {}, as `--dry-run` says", self.verb.0));
            return Ok(false);
        }
        if wish.yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() {
            return Err(self.refused("there is no terminal on which to ask"));
        }
        output::note(&format!("{} [y/N]", self.question));
        let mut answer = String::new();
        // Whoever hangs up does not agree.
        let _ = std::io::stdin().lock().read_line(&mut answer);
        let is_yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
        if is_yes { Ok(true) } else { Err(self.refused("the answer was no")) }
    }

    fn refused(&self, cause: &str) -> Error {
        let (done, does) = self.verb;
        let error = Error::new(Kind::NotAgreed, self.change.clone()).because(cause);
        error.hint(format!("nothing was {done}; `--yes` {does} without asking"))
    }
}
