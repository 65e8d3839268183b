//! What must be asked of Windows and no small safe crate asks: the one file with unsafe code. There is none of it in the
//! program for any other system.

#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::Child;
use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, GetFileType};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_BREAKAWAY_OK, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;
use windows_sys::Win32::System::Threading::GetCurrentProcess;
use windows_sys::core::BOOL;

/// Has every process that is started from now on end with this one, however this one ends. Whoever is started outside
/// of its job (a builder) lives on.
///
/// # Errors
/// The system refuses: then they live on, too.
pub fn end_together() -> io::Result<()> {
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    let size = u32::try_from(size_of_val(&limits)).map_err(io::Error::other)?;
    let job = new_job()?;
    let kind = JobObjectExtendedLimitInformation;
    // SAFETY: the handle is open, and the size is that of what the pointer leads to.
    succeeded(unsafe { SetInformationJobObject(job.as_raw_handle(), kind, (&raw const limits).cast(), size) })?;
    // SAFETY: the handle is open; that of the current process always is.
    succeeded(unsafe { AssignProcessToJobObject(job.as_raw_handle(), GetCurrentProcess()) })?;
    // The system closes it when this process is gone, and that is what ends the others.
    std::mem::forget(job);
    Ok(())
}

/// A process and all that it starts.
pub struct Job(OwnedHandle);

impl Job {
    /// The job of a process that has just been started.
    ///
    /// # Errors
    /// It has ended already.
    pub fn of(child: &Child) -> io::Result<Self> {
        let job = new_job()?;
        // SAFETY: both handles are open.
        succeeded(unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) })?;
        Ok(Self(job))
    }

    /// Ends them, which is no failure where they have ended.
    pub fn end(&self) {
        // SAFETY: the handle is open.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) };
    }
}

fn new_job() -> io::Result<OwnedHandle> {
    // SAFETY: both may be null: a job of its own, with the usual rights.
    let job = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
    if job.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(job) })
}

/// Keeps the standard streams to ourselves: who is to have one is handed a copy. Otherwise each process that outlives
/// us would hold them open, and whoever listens to us would wait for its end.
pub fn keep_streams() {
    for stream in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: no memory is involved; of a stream that is not there the system says so, and nothing is lost.
        unsafe { SetHandleInformation(GetStdHandle(stream), HANDLE_FLAG_INHERIT, 0) };
    }
}

/// What is to be read on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It is no pipe: nobody talks there.
    None,
    /// It has ended.
    Ended,
    /// A pipe that cannot be looked into.
    Hidden,
    /// So many bytes, now.
    Bytes(u32),
}

/// Looks at standard input, and reads nothing.
pub fn input() -> Input {
    let mut bytes = 0;
    // SAFETY: no memory is involved.
    let stdin = unsafe { GetStdHandle(STD_INPUT_HANDLE) };
    // SAFETY: neither is here; of what is no file the answer is another one.
    if unsafe { GetFileType(stdin) } != FILE_TYPE_PIPE {
        return Input::None;
    }
    let (nowhere, nothing) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: no buffer is given, and the one number that is asked for has its place.
    match unsafe { PeekNamedPipe(stdin, nowhere, 0, nothing, &raw mut bytes, nothing) } {
        0 if io::Error::last_os_error().kind() == io::ErrorKind::BrokenPipe => Input::Ended,
        0 => Input::Hidden,
        _ => Input::Bytes(bytes),
    }
}

/// Leaves Ctrl-C to the server that we wait for: it is on the same console and hears it too.
pub fn leave_interrupts() {
    unsafe extern "system" fn handled(_event: u32) -> BOOL {
        1
    }
    // SAFETY: the function is there for as long as the program is, and touches nothing.
    unsafe { SetConsoleCtrlHandler(Some(handled), 1) };
}

fn succeeded(answer: BOOL) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
