//! Why an installer failed, recognised from its own words, and what to do about it.
//!
//! The table's order is the policy: the first class one of whose phrases stands in the output is the one. Phrases are
//! lowercase and come from the installers' sources; what nothing matches keeps the installer's own last lines.

use std::time::Duration;

/// One way to fail.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    /// Stable code, shown by `--check`.
    pub code: &'static str,
    /// What happened, in one sentence without its full stop.
    pub sentence: &'static str,
    /// What to do.
    pub hint: &'static str,
    /// How long the same inputs are not tried again by a session; `sync` always tries.
    pub pause: Duration,
    phrases: &'static [&'static str],
}

const fn class(
    code: &'static str,
    sentence: &'static str,
    hint: &'static str,
    pause_seconds: u64,
    phrases: &'static [&'static str],
) -> Class {
    Class { code, sentence, hint, pause: Duration::from_secs(pause_seconds), phrases }
}

/// Time heals it: try again at the next session.
const SOON: u64 = 10;
/// Only a change heals it, and a change of the manifests is seen at once.
const LATER: u64 = 15 * 60;
/// The pause of classes that only a change heals.
pub const ONLY_A_CHANGE_HEALS: Duration = Duration::from_secs(LATER);

/// The builder's time was over.
pub const DEADLINE: Class = class(
    "deadline",
    "the installation did not end in time",
    "check the network, or raise `deadline` (seconds) in `plugdeps.toml`",
    SOON,
    &[],
);

/// The installer was ended by somebody, most often for its memory.
pub const KILLED: Class = class(
    "killed",
    "the installer was killed, most often because memory ran out",
    "close other programs or add memory, then run `plugdeps sync`",
    LATER,
    &[],
);

/// Nothing in the table matches.
pub const UNKNOWN: Class =
    class("unknown", "the installer failed", "read the end of its log with `plugdeps --check`", 60, &[]);

/// Every class that is recognised by words, in the order tried.
pub const CLASSES: &[Class] = &[
    class(
        "disk-full",
        "the disk is full",
        "free some space",
        SOON,
        &["no space left on device", "os error 28", "disk quota exceeded", "os error 122"],
    ),
    class(
        "hash-mismatch",
        "a package does not have the hash that the manifest names",
        "find out who changed the package before you update the hash",
        LATER,
        &[
            "hash mismatch",
            "do not match the hashes",
            "hashes are required",
            "--require-hashes` mode",
            "in --require-hashes mode",
        ],
    ),
    class(
        "proxy-authentication",
        "the proxy wants a password",
        "put user and password into HTTPS_PROXY",
        LATER,
        &[
            "status client error (407",
            "407 proxy authentication",
            "proxy authentication required",
            "tunnel connection failed: 407",
        ],
    ),
    class(
        "index-authentication",
        "the package index refused the credentials",
        "check the credentials of the index",
        LATER,
        &[
            "401 unauthorized",
            "401 client error",
            "403 forbidden",
            "403 client error",
            "status client error (401",
            "status client error (403",
            "status code 401",
            "status code 403",
            "error: 401",
            "error: 403",
            "http error 401",
            "http error 403",
        ],
    ),
    class(
        "tls",
        "the certificate of the package index is not trusted",
        "name your organisation's certificates in SSL_CERT_FILE (uv) or PIP_CERT (pip)",
        LATER,
        &[
            "certificate verify failed",
            "invalid peer certificate",
            "unknownissuer",
            "sslerror",
            "certificate_verify_failed",
        ],
    ),
    class(
        "dns",
        "the name of the package index cannot be resolved",
        "check the network",
        SOON,
        &[
            "temporary failure in name resolution",
            "name or service not known",
            "dns error",
            "failed to lookup address",
            "nodename nor servname",
            "getaddrinfo failed",
            "nameresolutionerror",
        ],
    ),
    class(
        "connection-refused",
        "the package index refuses connections",
        "check the network, the proxy and the address of the index",
        SOON,
        &["connection refused", "os error 111", "errno 111", "connectionrefused"],
    ),
    class(
        "timeout",
        "the package index does not answer",
        "check the network",
        SOON,
        &["timed out", "operation timed out", "readtimeouterror", "connecttimeouterror"],
    ),
    class(
        "index-error",
        "the package index is out of order",
        "try again later",
        SOON,
        &[
            "500 internal server error",
            "502 bad gateway",
            "503 service unavailable",
            "504 gateway",
            "500 server error",
            "502 server error",
            "503 server error",
            "504 server error",
            "status server error (5",
            "status code 503",
            "status code 500",
            "error: 503",
            "error: 500",
            "too many 503 error responses",
            "too many 500 error responses",
            "http error 500",
            "http error 503",
        ],
    ),
    class(
        "offline",
        "a package is not in the cache and the network is switched off",
        "go online once",
        SOON,
        &["network connectivity is disabled", "the network was disabled"],
    ),
    class(
        "externally-managed",
        "the interpreter's packages belong to the system",
        "install uv, or python3-venv",
        LATER,
        &["externally-managed-environment", "externally managed"],
    ),
    class(
        "path-separator",
        "the data directory has a character in its name that separates paths",
        "name a directory without `:` with `--data`",
        LATER,
        &["contains the path separator"],
    ),
    class(
        "no-venv",
        "the interpreter has no venv module",
        "install python3-venv, or uv",
        LATER,
        &["no module named venv", "no module named 'venv'"],
    ),
    class(
        "no-pip",
        "the interpreter has no pip",
        "install python3-pip, or uv",
        LATER,
        &["no module named pip", "no module named 'pip'"],
    ),
    class(
        "needs-another-python",
        "a package needs another version of Python",
        "set `requires-python` in `pyproject.toml`, or `python` in `plugdeps.toml`, to what the packages need",
        LATER,
        &[
            "requires a different python",
            "requires-python",
            "does not satisfy python",
            "depends on python",
            "requires python",
        ],
    ),
    class(
        "damaged-download",
        "a download arrived damaged",
        "try again; a proxy may be changing files",
        SOON,
        &[
            "bad zip file",
            "badzipfile",
            "incompleteread",
            "failed to extract",
            "invalid zip",
            "unexpected end of file",
            "truncated",
            "failed to unzip",
            "end of file before message length",
            "error decoding response body",
            "content-length mismatch",
            "end of central directory",
            "is invalid.",
            "the wheel is invalid",
            "connection broken",
        ],
    ),
    class(
        "build-failed",
        "a package has no ready-made wheel for this machine, and building it failed",
        "pin a version that has a wheel, or install a compiler",
        LATER,
        &[
            "failed building wheel",
            "failed to build",
            "failed-wheel-build",
            "metadata-generation-failed",
            "subprocess-exited-with-error",
            "build backend returned an error",
            "command 'gcc' failed",
            "unable to find vcvarsall",
            "error: command",
        ],
    ),
    class(
        "invalid-requirement",
        "a line of the requirements cannot be understood",
        "correct the line",
        LATER,
        &["invalid requirement", "invalid specifier", "couldn't parse requirement", "expected one of `@`"],
    ),
    class(
        "no-such-package",
        "no version of a package satisfies the manifest, or the package index did not answer: pip does not say which",
        "check the name of the package, the network, and the address and credentials of the index",
        SOON,
        &["(from versions: none)"],
    ),
    class(
        "no-matching-version",
        "no version of a package satisfies the manifest",
        "correct the requirement",
        LATER,
        &[
            "no matching distribution found",
            "no solution found",
            "because there is no version of",
            "could not find a version that satisfies",
            "resolutionimpossible",
            "was not found in the package registry",
            "was not found in the provided package locations",
            "there are no versions of",
            "can't be installed because it doesn't have a source distribution or wheel",
        ],
    ),
    class(
        "installer-too-old",
        "the installer is too old for what the manifest needs",
        "update uv",
        LATER,
        &["unexpected argument", "failed to parse `uv.lock`", "unsupported lockfile"],
    ),
    class(
        "permission",
        "a directory cannot be written",
        "make the plugin's data directory writable",
        LATER,
        &["permission denied", "os error 13", "errno 13", "access is denied", "os error 5)"],
    ),
    class(
        "read-only",
        "the file system is read-only",
        "name a writable directory with `--data`",
        LATER,
        &["read-only file system", "os error 30", "errno 30"],
    ),
    class(
        "path-too-long",
        "a path is too long for this system",
        "name a shorter directory with `--data`",
        LATER,
        &["file name too long", "os error 36", "filename or extension is too long", "os error 206"],
    ),
    class(
        "out-of-memory",
        "memory ran out",
        "close other programs or add memory",
        LATER,
        &["memoryerror", "cannot allocate memory", "os error 12", "out of memory"],
    ),
];

/// The class of an installer's output.
pub fn classify(output: &str) -> &'static Class {
    let output = output.to_lowercase();
    let matches = |class: &&Class| class.phrases.iter().any(|phrase| output.contains(phrase));
    CLASSES.iter().find(matches).unwrap_or(&UNKNOWN)
}

/// The class with this code.
pub fn by_code(code: &str) -> &'static Class {
    let known = CLASSES.iter().chain([&DEADLINE, &KILLED]);
    known.into_iter().find(|class| class.code == code).unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_phrases_lowercase() {
        for (i, class) in CLASSES.iter().enumerate() {
            assert!(CLASSES[..i].iter().all(|other| other.code != class.code), "{}", class.code);
            assert!(class.phrases.iter().all(|phrase| *phrase == phrase.to_lowercase()), "{}", class.code);
        }
    }

    #[test]
    fn what_nobody_has_seen_is_unknown() {
        assert_eq!(classify("the moon is in the wrong house").code, "unknown");
    }
}
