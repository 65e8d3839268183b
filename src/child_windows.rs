//! Windows: nothing is inherited that was not asked for, and the console's signals reach every process on it.

#![allow(clippy::disallowed_methods)]

use super::Opening;
use crate::lock::Lock;
use crate::windows::{self, Input};
use std::fs::File;
use std::io::{self, Read};
use std::os::windows::io::AsHandle;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a client may take to its first word.
const PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn spawn(command: &mut Command, lease: Option<Lock>) -> io::Result<Child> {
    // For as long as we live: the server does not outlive us.
    std::mem::forget(lease);
    let _ = windows::end_together();
    windows::leave_interrupts();
    command.spawn()
}

pub(super) fn signal(_pid: u32, _number: i32) {}

/// There are no signals that could be passed on.
///
/// # Errors
/// None.
pub fn on_signals(_handle: impl Fn(i32) + Send + Clone + 'static) -> io::Result<()> {
    Ok(())
}

/// Looks whether somebody talks to us. A client speaks first and at once; one that does not is not waited for.
pub fn first_words() -> Opening {
    let until = Instant::now() + PATIENCE;
    loop {
        match windows::input() {
            Input::None | Input::Ended => return Opening::Nobody,
            Input::Bytes(0) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            Input::Bytes(0) | Input::Hidden => return Opening::Somebody(Vec::new()),
            Input::Bytes(_) => return read_some(),
        }
    }
}

fn read_some() -> Opening {
    let mut words = vec![0; 64 * 1024];
    let stdin = io::stdin().as_handle().try_clone_to_owned().map(File::from);
    match stdin.and_then(|mut file| file.read(&mut words)) {
        Ok(0) | Err(_) => Opening::Nobody,
        Ok(n) => {
            words.truncate(n);
            Opening::Somebody(words)
        }
    }
}

/// What the client says, and where it listens: without buffers of our own. To be asked for once.
///
/// # Errors
/// The handles cannot be duplicated.
pub fn standard_streams() -> io::Result<(File, File)> {
    let (stdin, stdout) =
        (io::stdin().as_handle().try_clone_to_owned()?, io::stdout().as_handle().try_clone_to_owned()?);
    Ok((stdin.into(), stdout.into()))
}

/// Whether somebody ended it, which cannot be told here.
pub fn was_ended(_status: ExitStatus) -> bool {
    false
}

/// The exit status with which we end as the server did.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
