//! What the user is told once, and not at every session.
//!
//! ```text
//! DATA/plugdeps/NAME/news/failure.json    the failure that the user was told
//!                         fell-back.json  that a server was started with earlier packages; to be told
//! ```
//!
//! Where there is nothing in the air there is no directory.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::json::readable;
use crate::store::Store;
use serde::Serialize;

const FAILURE: &str = "failure.json";
const FELL_BACK: &str = "fell-back.json";

/// A piece of news.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Piece {
    /// What it is about: the request that failed and the code of the failure, or the text to tell.
    about: String,
}

readable!(Piece { about });

/// The news as they were when a session began: what several sessions hear at the same time, each of them tells.
#[derive(Debug)]
pub struct News {
    there: bool,
    told: Option<Piece>,
}

impl News {
    /// Looks what is in the air.
    pub fn look(store: &Store) -> Self {
        let there = fs::is_directory(&store.news());
        Self { there, told: there.then(|| fs::read_state(&store.news().join(FAILURE))).flatten() }
    }

    /// Whether the user has not been told of this failure yet; from now on he has.
    pub fn is_new_failure(&self, store: &Store, request: &str, error: &Error) -> bool {
        if error.kind == Kind::DataUnusable {
            // Not there, if it is somebody else's, or the plugin's.
            return true;
        }
        let code = error.class.unwrap_or(error.kind.info().code);
        let told = Piece { about: format!("{request} {code}") };
        if self.told.as_ref() == Some(&told) {
            return false;
        }
        let path = store.news().join(FAILURE);
        // Where nothing can be written the user is told each time, which is better than never.
        let _ = fs::create_directory(&store.news()).and_then(|()| fs::replace_state(&path, &told, false));
        true
    }

    /// What is to be told now. Whoever removes a piece of news tells it, so that one session does.
    pub fn gather(&self, store: &Store, is_ready: bool) -> Vec<String> {
        let names = if self.there { fs::names(&store.news()) } else { Vec::new() };
        let mut news = Vec::new();
        for name in names {
            let path = store.news().join(&name);
            let text = match name.as_str() {
                FELL_BACK => fs::read_state(&path).map(|news: Piece| news.about),
                FAILURE if is_ready => Some("its packages could be installed now".into()),
                _ => continue,
            };
            if fs::take_file(&path) {
                news.extend(text);
            }
        }
        if !news.is_empty() {
            fs::remove_empty_directory(&store.news());
        }
        news
    }
}

/// Leaves word for the next session.
///
/// # Errors
/// The data directory cannot be written.
pub fn leave_fall_back(store: &Store, text: &str) -> Result<()> {
    fs::create_directory(&store.news())?;
    fs::replace_state(&store.news().join(FELL_BACK), &Piece { about: text.to_owned() }, false)
}
