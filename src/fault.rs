//! The seam at which a debug build fails or dies where a test says, so that every crash point can be tried.
//!
//! All that changes something goes through `fs`, `lock`, `process` and `child`, and each such step passes a [`point`]
//! here first. Points are counted in each process. `PLUGDEPS_FAULT=COMMAND:K:WHAT` is for the process whose first
//! argument is COMMAND (`*`: any): at its K-th point it is killed (`kill`), or the step fails with an error number of
//! the system (`28`; `28+`: so do all that follow). `PLUGDEPS_FAULT_LOG` names a file that tells which points were
//! passed. `PLUGDEPS_FAULT=no-locks` makes every file system one without locks; `no-locks,COMMAND:K:WHAT` does both.
//!
//! A release build has none of this: its points are empty.

#[cfg(debug_assertions)]
pub use armed::{halves, has_locks, passed, point, removal};
#[cfg(not(debug_assertions))]
pub use unarmed::{halves, has_locks, passed, point, removal};

#[cfg(not(debug_assertions))]
mod unarmed {
    use std::io;
    use std::path::Path;

    /// Nothing happens here.
    ///
    /// # Errors
    /// None.
    #[inline(always)]
    pub fn point(_verb: &str, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Nothing happens here.
    #[inline(always)]
    pub fn passed(_verb: &str, _path: &Path) {}

    /// Nothing happens here.
    ///
    /// # Errors
    /// None.
    #[inline(always)]
    pub fn removal(_path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// The content as it is.
    #[inline(always)]
    pub fn halves(content: &[u8]) -> [&[u8]; 1] {
        [content]
    }

    /// Whether the file system is asked for locks.
    #[inline(always)]
    pub fn has_locks() -> bool {
        true
    }
}

#[cfg(debug_assertions)]
mod armed {
    #![allow(clippy::disallowed_methods)]

    use std::fs::File;
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// What happens, and at which point.
    struct Plan {
        at: u64,
        /// The error number; to be killed when there is none.
        error: Option<i32>,
        lasts: bool,
    }

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

    fn command() -> String {
        std::env::args_os().nth(1).unwrap_or_default().to_string_lossy().into_owned()
    }

    fn plan() -> Option<&'static Plan> {
        PLAN.get_or_init(|| wishes().iter().find_map(|wish| parse(wish))).as_ref()
    }

    fn wishes() -> Vec<String> {
        std::env::var("PLUGDEPS_FAULT").unwrap_or_default().split(',').map(str::to_owned).collect()
    }

    fn parse(text: &str) -> Option<Plan> {
        let mut words = text.split(':');
        let (whose, at, what) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let error = what.trim_end_matches('+').parse().ok();
        let ours = whose == "*" || whose == command();
        ours.then_some(Plan { at, error, lasts: what.ends_with('+') })
    }

    /// A step that changes something is about to be taken.
    ///
    /// # Errors
    /// The one that the test wants.
    pub fn point(verb: &str, path: &Path) -> io::Result<()> {
        match reached(verb, path) {
            Some(Plan { error: None, .. }) => die(),
            Some(Plan { error: Some(number), .. }) => Err(io::Error::from_raw_os_error(*number)),
            None => Ok(()),
        }
    }

    /// Something has just happened that cannot fail any more.
    pub fn passed(verb: &str, path: &Path) {
        if let Some(Plan { error: None, .. }) = reached(verb, path) {
            die();
        }
    }

    /// A tree is about to be removed. Two points: the second is when half of its files are gone.
    ///
    /// # Errors
    /// The one that the test wants.
    pub fn removal(path: &Path) -> io::Result<()> {
        point("remove", path)?;
        let Some(plan) = reached("remove half of", path) else { return Ok(()) };
        let files = walkdir::WalkDir::new(path).into_iter().flatten().filter(|entry| !entry.file_type().is_dir());
        for entry in files.step_by(2) {
            std::fs::remove_file(entry.path())?;
        }
        plan.error.map_or_else(|| die(), |number| Err(io::Error::from_raw_os_error(number)))
    }

    /// The plan, if it is for this point.
    fn reached(verb: &str, path: &Path) -> Option<&'static Plan> {
        let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
        let plan = plan().filter(|plan| plan.at == number || (plan.lasts && plan.at < number));
        log(&format!("{} {number} {verb} {}{}\n", command(), path.display(), plan.map_or("", |_| " FAULT")));
        plan
    }

    fn log(line: &str) {
        if let Some(path) = std::env::var_os("PLUGDEPS_FAULT_LOG") {
            let file = File::options().append(true).create(true).open(path);
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("write the log of faults");
        }
    }

    /// As `kill -9` would.
    fn die() -> ! {
        #[cfg(unix)]
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort()
    }

    /// The content in two pieces, so that a process can die between them.
    pub fn halves(content: &[u8]) -> [&[u8]; 2] {
        let (first, second) = content.split_at(content.len() / 2);
        [first, second]
    }

    /// Whether the file system is asked for locks.
    pub fn has_locks() -> bool {
        wishes().iter().all(|wish| wish != "no-locks")
    }
}
