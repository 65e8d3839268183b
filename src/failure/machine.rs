//! Classes of what the machine lacks: room, memory, files.

use super::{Class, MEMORY, TIME, class};

/// In the order tried.
pub const CLASSES: &[Class] = &[
    class(
        "disk-full",
        "the disk is full",
        "free some space where the plugin's data, the installer's cache and temporary files are",
        TIME,
        &[
            "no space left on device",
            "(os error 28)",
            "[errno 28]",
            "disk quota exceeded",
            "(os error 122)",
            "file too large",
            "not enough space on the disk",
            "enospc: ",
        ],
    ),
    class(
        "out-of-memory",
        "memory ran out",
        "close other programs or add memory",
        MEMORY,
        &[
            "\nmemoryerror\n",
            "cannot allocate memory",
            "(os error 12)",
            "[errno 12]",
            "memory allocation of ",
            "out of memory",
            "killed signal terminated program",
        ],
    ),
    class(
        "too-many-files",
        "more files would be open at once than this system allows",
        "close other programs, or allow more open files (`ulimit -n`)",
        TIME,
        &["too many open files", "[errno 23]", "[errno 24]"],
    ),
];
