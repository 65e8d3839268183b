//! Whose the data directory is: what is in it is started with the user's rights.
//!
//! Who owns a directory decides. A mode that lets everybody write does not, since file systems without modes show every
//! directory so; `--check` names it.

use crate::error::{Error, Kind, Result};
use crate::fs;
use std::path::{Path, PathBuf};

/// The administrator, who can change anything anyway.
const ADMINISTRATOR: u32 = 0;

/// Makes sure that nobody else decides what is started from the data of an environment.
///
/// # Errors
/// The data directory belongs to another user, or everybody may write there and somebody did.
pub fn check(data: &Path, name: &str) -> Result<()> {
    // What a link at the end of the path leads to is what counts.
    let Some((owner, everybody_writes)) = fs::owner(&data.join(".")) else { return Ok(()) };
    let ours = data.join("plugdeps");
    let inside = if everybody_writes { vec![ours.join(name), ours] } else { Vec::new() };
    let inside = inside.into_iter().filter_map(|path| fs::owner(&path).map(|(owner, _)| (path, owner)));
    match stranger(fs::user(), (data.to_path_buf(), owner), inside) {
        Some((path, owner)) => Err(belongs_to(&path, owner)),
        None => Ok(()),
    }
}

type Owned = (PathBuf, u32);

/// What belongs to somebody whom the user has no reason to trust. The administrator works in homes of others, in
/// containers above all: there the owner of the data may own what is in it.
fn stranger(user: u32, data: Owned, mut inside: impl Iterator<Item = Owned>) -> Option<Owned> {
    let known = [user, ADMINISTRATOR, data.1];
    if ![user, ADMINISTRATOR].contains(&data.1) && user != ADMINISTRATOR {
        return Some(data);
    }
    inside.find(|(_, owner)| !known.contains(owner))
}

fn belongs_to(path: &Path, owner: u32) -> Error {
    let error = Error::new(Kind::DataUnusable, format!("use `{}` for data", path.display()));
    let user = fs::user();
    let error = error.because(format!("it belongs to user {owner}, and what is in it would be started as user {user}"));
    error.hint("name another directory with `--data`, or remove this one, or `chown` it if you trust what is in it")
}

/// What a person should know of the data of an environment.
pub fn remarks(data: &Path, name: &str) -> Vec<String> {
    let ours = data.join("plugdeps");
    let mut remarks = Vec::new();
    for path in [data, &ours, &ours.join(name)] {
        let Some((owner, everybody_writes)) = fs::owner(&path.join(".")) else { continue };
        let path = path.display();
        if ![fs::user(), ADMINISTRATOR].contains(&owner) {
            remarks.push(format!("`{path}` belongs to user {owner}, who decides what is started from it"));
        }
        if everybody_writes {
            remarks.push(format!("everybody may write in `{path}`, and so decide what is started from it"));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strange(user: u32, data: u32, inside: &[u32]) -> Option<u32> {
        let inside = inside.iter().map(|owner| (PathBuf::from("inside"), *owner));
        stranger(user, ("data".into(), data), inside).map(|(_, owner)| owner)
    }

    #[test]
    fn a_user_trusts_himself_and_the_administrator_and_nobody_else() {
        assert_eq!(strange(1000, 1000, &[1000, 0]), None);
        assert_eq!(strange(1000, 0, &[0, 1000]), None);
        assert_eq!(strange(1000, 1001, &[]), Some(1001));
        assert_eq!(strange(1000, 1000, &[1000, 1001]), Some(1001));
    }

    #[test]
    fn the_administrator_works_in_somebody_elses_home_and_in_no_third_ones() {
        assert_eq!(strange(0, 1000, &[1000, 0]), None);
        assert_eq!(strange(0, 1000, &[1001]), Some(1001));
        assert_eq!(strange(0, 0, &[1001]), Some(1001));
    }
}
