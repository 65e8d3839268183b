//! What Unix says of space on disk, and of terminals.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// The bytes that a file or directory takes up on the disk, and which file it is if it has several names.
pub(super) fn on_disk(metadata: &Metadata) -> (u64, Option<(u64, u64)>) {
    let has_names = metadata.is_file() && metadata.nlink() > 1;
    (metadata.blocks() * 512, has_names.then(|| (metadata.dev(), metadata.ino())))
}

/// How many characters a line of the terminal has that is standard output.
pub(super) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
