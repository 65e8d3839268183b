//! Why an installer failed, recognised from its own words, what to do about it, and when to try again.
//!
//! The table of classes is in `machine.rs`, `outside.rs` and `inside.rs`. Its order is the policy: the first row one of whose phrases
//! was said is the class. A phrase is lowercase and holds a character that is in no name of a package or a file, so
//! that none is mistaken for it; one that begins and ends with a line end is a whole line. What no row knows keeps the
//! installer's own last lines.

mod inside;
mod machine;
mod outside;

use crate::version::{Specifiers, Version};
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
    pub pause: Pause,
    phrases: &'static [&'static str],
}

/// How long a failure is left alone: after the first one for the least time, after each further one twice as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    least: Duration,
    most: Duration,
}

impl Pause {
    const fn seconds(least: u64, most: u64) -> Self {
        Self { least: Duration::from_secs(least), most: Duration::from_secs(most) }
    }

    /// How long after so many failures in a row.
    pub fn after(self, tries: u32) -> Duration {
        self.least.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(self.most)
    }
}

const HOUR: u64 = 60 * 60;
/// Time heals it.
const TIME: Pause = Pause::seconds(10, HOUR / 4);
/// Only a change heals it. Most changes are seen at once, a compiler that was installed is not: so it has an end.
const ONLY_A_CHANGE: Pause = Pause::seconds(HOUR / 4, 24 * HOUR);
/// Another attempt costs as much memory as the last one, which the user needs for something else.
const MEMORY: Pause = Pause::seconds(HOUR, 24 * HOUR);
/// Nobody knows what heals it.
const PERHAPS: Pause = Pause::seconds(60, HOUR);

const fn class(
    code: &'static str,
    sentence: &'static str,
    hint: &'static str,
    pause: Pause,
    phrases: &'static [&'static str],
) -> Class {
    Class { code, sentence, hint, pause, phrases }
}

/// The builder's time was over.
pub const DEADLINE: Class = class(
    "deadline",
    "the installation did not end in time",
    "check the network, or raise `deadline` (seconds) in `plugdeps.toml`",
    TIME,
    &[],
);

/// The installer was ended by somebody, most often for its memory.
pub const KILLED: Class = class(
    "killed",
    "the installer was killed, most often because memory ran out",
    "close other programs or add memory, then run `plugdeps sync`",
    MEMORY,
    &[],
);

/// The interpreter was there when the build began.
pub const INTERPRETER_GONE: Class = class(
    "interpreter-gone",
    "the interpreter went away during the build",
    "run `plugdeps sync` when it is installed again",
    TIME,
    &[],
);

/// The installer did something else than it was told to.
pub const NOT_THERE: Class = class(
    "not-there",
    "the installer ended well, but what was asked for is not in the environment",
    "take settings that send packages elsewhere out of the installer's own files; the log names what is missing",
    ONLY_A_CHANGE,
    &[],
);

/// Nothing in the table matches.
pub const UNKNOWN: Class =
    class("unknown", "the installer failed", "read the end of its log with `plugdeps --check`", PERHAPS, &[]);

/// Every class that is recognised by words, in the order tried.
pub fn spoken() -> impl Iterator<Item = &'static Class> {
    machine::CLASSES.iter().chain(outside::CLASSES).chain(inside::CLASSES)
}

/// Every class that is not.
pub const UNSPOKEN: [&Class; 5] = [&DEADLINE, &KILLED, &INTERPRETER_GONE, &NOT_THERE, &UNKNOWN];

/// What is said where the cause is not: pip names what it could not read a page for in warnings, if at all.
pub const NOTHING_FOUND: &str = "nothing-found";

/// The class of an installer's output. A warning is of something that may have gone well in the end, so it counts only
/// where the rest leaves the cause open.
pub fn classify(output: &str) -> &'static Class {
    if needs_another_python(output) {
        return by_code("needs-another-python");
    }
    let is_warning = |line: &&str| line.trim_start().starts_with("WARNING: ");
    let (warnings, words): (Vec<&str>, Vec<&str>) = output.lines().partition(is_warning);
    let class = first(words.into_iter()).unwrap_or(&UNKNOWN);
    let is_open = [NOTHING_FOUND, UNKNOWN.code].contains(&class.code);
    if is_open { first(warnings.into_iter()).unwrap_or(class) } else { class }
}

/// Whether pip left out a version, because of its Python, that the requirement admits. It names those that it left out
/// of a package whatever it is that was not found.
fn needs_another_python(output: &str) -> bool {
    let between = |start, end| Some(output.split_once(start)?.1.split_once(end)?.0);
    let left_out = between("require a different python version: ", "\n").unwrap_or_default();
    let requirement = between("satisfies the requirement ", " (from").unwrap_or_default();
    let specifiers = requirement.find(['=', '<', '>', '~', '!']).map_or("", |start| &requirement[start..]);
    let Ok(wanted) = Specifiers::parse(specifiers.split(';').next().unwrap_or_default()) else { return false };
    let versions = left_out.split(';').filter_map(|version| Version::parse(version.split_whitespace().next()?).ok());
    versions.into_iter().any(|version| wanted.admits(&version))
}

/// The class that the detailed log of pip tells, where its output did not.
pub fn explained(log: &str) -> Option<&'static Class> {
    const TELLING: [&str; 4] = ["Could not fetch URL", "Skipping link: ", "Link requires", "Ignoring indexes: "];
    first(log.lines().filter(|line| TELLING.iter().any(|words| line.contains(words))))
}

/// The first row of the table one of whose phrases is in these lines: in one of them, or across several, since uv
/// breaks what is long.
fn first<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Option<&'static Class> {
    let words = lines.clone().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    let lines = lines.map(str::trim).collect::<Vec<_>>().join("\n");
    let said = format!("{words}\n{lines}\n").to_lowercase();
    spoken().find(|class| class.phrases.iter().any(|phrase| said.contains(phrase)))
}

/// The class with this code.
pub fn by_code(code: &str) -> &'static Class {
    spoken().chain(UNSPOKEN).find(|class| class.code == code).unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_phrases_lowercase() {
        for (i, class) in spoken().enumerate() {
            assert!(spoken().take(i).all(|other| other.code != class.code), "{}", class.code);
            assert!(class.phrases.iter().all(|phrase| *phrase == phrase.to_lowercase()), "{}", class.code);
        }
    }

    #[test]
    fn no_phrase_can_be_the_name_of_a_package_or_a_file() {
        let in_names = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        for class in spoken() {
            for phrase in class.phrases {
                assert!(!phrase.chars().all(in_names), "{}: {phrase}", class.code);
            }
        }
    }

    #[test]
    fn a_warning_counts_only_where_the_rest_leaves_the_cause_open() {
        let warning = "WARNING: Retrying after 'NewConnectionError(... [Errno 111] Connection refused')': /simple/a/\n";
        assert_eq!(classify(&format!("{warning}ERROR: no version (from versions: none)")).code, "connection-refused");
        let other = "ERROR: Could not find a version that satisfies the requirement a>=7 (from versions: 1.0)";
        assert_eq!(classify(&format!("{warning}{other}")).code, "no-matching-version");
    }

    #[test]
    fn a_compiler_that_fails_is_not_one_that_is_missing() {
        let said = "error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1\nFailed to build x";
        assert_eq!(classify(said).code, "build-failed");
        let said = "error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'\nFailed to build x";
        assert_eq!(classify(said).code, "no-compiler");
    }

    #[test]
    fn what_an_installer_breaks_into_lines_is_recognised() {
        assert_eq!(
            classify("  ╰─▶ Because a was not found in the\n      package registry and").code,
            "no-such-package"
        );
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let seconds = |pause: Pause| [0, 1, 2, 3, 40, u32::MAX].map(|tries| pause.after(tries).as_secs());
        assert_eq!(seconds(TIME), [10, 10, 20, 40, 900, 900]);
        assert_eq!(seconds(ONLY_A_CHANGE), [900, 900, 1800, 3600, 86_400, 86_400]);
        assert_eq!(seconds(MEMORY), [3600, 3600, 7200, 14_400, 86_400, 86_400]);
    }

    #[test]
    fn a_version_that_another_python_could_have_is_told_from_one_that_there_is_not() {
        let left_out = "ERROR: Ignored the following versions that require a different python version: 1.2 Requires-Python >=3.7,<3.11; 2.4 Requires-Python >=3.12\n";
        let class = |requirement: &str| {
            let not_found = "ERROR: Could not find a version that satisfies the requirement";
            classify(&format!("{left_out}{not_found} {requirement} (from x) (from versions: 1.3)\n")).code
        };
        assert_eq!(["a==2.4", "a[b]>=2", "a>2,<3"].map(class), ["needs-another-python"; 3]);
        assert_eq!(["a>=99", "a==2.5"].map(class), ["no-matching-version"; 2]);
    }

    #[test]
    fn what_nobody_has_seen_is_unknown() {
        assert_eq!(classify("the moon is in the wrong house").code, "unknown");
    }
}
