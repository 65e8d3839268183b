//! What Windows says of space on disk, and of terminals.

use std::fs::Metadata;

/// The bytes in a file. How many it takes up, and whether it has other names, would take a call of its own for each.
pub(super) fn on_disk(metadata: &Metadata) -> (u64, Option<(u64, u64)>) {
    (if metadata.is_file() { metadata.len() } else { 0 }, None)
}

/// Not asked.
pub(super) fn width() -> Option<usize> {
    None
}
