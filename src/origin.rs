//! Which plugin's directory the data are for that are the user's own, where no host names any. Their name tells a hash of
//! it; so that it can be told later whether the directory is still there, the author's program writes it down beside.

use crate::error::Result;
use crate::fs;
use crate::json::readable;
use crate::plugin::{OWN_DATA, Place, own_name};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Its name in the directory of our own.
pub const FILE: &str = ".origin.json";
/// Number of its form.
const SCHEMA: u32 = 1;

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Origin {
    schema: u32,
    root: PathBuf,
}

readable!(Origin { schema, root });

/// Writes down whose data these are, if they are the user's own. The directory of our own is there.
///
/// # Errors
/// It cannot be written.
pub fn write_down(place: &Place) -> Result<()> {
    let origin = Origin { schema: SCHEMA, root: place.root.clone() };
    // JSON has no other names.
    let is_needed = place.data_from == OWN_DATA && origin.root.to_str().is_some();
    let path = place.data.join("plugdeps").join(FILE);
    if !is_needed || fs::read_state(&path).as_ref() == Some(&origin) {
        return Ok(());
    }
    fs::replace_state(&path, &origin, false)
}

/// The directory that data of the user's own are for, if it was written down: what their name does not bear out counts
/// for nothing.
pub fn of(data: &Path) -> Option<PathBuf> {
    let origin = fs::read_state::<Origin>(&data.join("plugdeps").join(FILE))?;
    let name = data.file_name()?.to_str()?;
    (origin.schema == SCHEMA && own_name(&origin.root) == name).then_some(origin.root)
}
