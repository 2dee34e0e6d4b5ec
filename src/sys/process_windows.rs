//! Other processes, on Windows.

use std::fs::File;
use std::io;
use std::os::windows::io::AsHandle;
use std::os::windows::process::CommandExt;
use std::process::{Child, Command};

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_INVALID_PARAMETER, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE, SetHandleInformation,
};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS, OpenProcess, PROCESS_TERMINATE, TerminateProcess,
};

/// The signals that end a process which does not catch them and that people send for that: HUP, INT, QUIT, ABRT, KILL, TERM.
const ENDING: [u8; 6] = [1, 2, 3, 6, 9, 15];

/// The user and group whose files this process makes: Windows has no numbers for them.
pub fn owner() -> (u32, u32) {
    (0, 0)
}

/// Ends the process, where that is what the signal is for: Windows has no signals. `Unsupported` for the other ones,
/// [`NotFound`](io::ErrorKind::NotFound) where there is no such process.
#[allow(unsafe_code)]
pub fn signal(pid: u32, number: u8) -> io::Result<()> {
    if !ENDING.contains(&number) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no signals, a process can only be ended"));
    }
    // SAFETY: the handle is checked, used while it is open, and closed once.
    unsafe {
        let handle = OpenProcess(PROCESS_TERMINATE, 0, pid);
        if handle.is_null() {
            let error = io::Error::last_os_error();
            let is_gone = error.raw_os_error() == Some(ERROR_INVALID_PARAMETER as i32);
            return Err(if is_gone { io::ErrorKind::NotFound.into() } else { error });
        }
        let ended = TerminateProcess(handle, 128 + u32::from(number));
        let error = io::Error::last_os_error();
        CloseHandle(handle);
        if ended == 0 { Err(error) } else { Ok(()) }
    }
}

/// Ends a process of ours, which runs a container: Windows has nothing to ask it by.
pub fn ask_to_kill(pid: u32) -> io::Result<()> {
    signal(pid, 9)
}

/// Nothing: Windows stops no processes.
pub fn go_on(_: u32) -> io::Result<()> {
    Ok(())
}

/// Standard output as it was given to this process, which has none from now on.
#[allow(unsafe_code)]
pub fn take_stdout() -> io::Result<File> {
    let given = io::stdout().as_handle().try_clone_to_owned()?;
    // SAFETY: the handle was this process's standard output, is closed once, and is replaced by none.
    unsafe {
        let handle = GetStdHandle(STD_OUTPUT_HANDLE);
        SetStdHandle(STD_OUTPUT_HANDLE, std::ptr::null_mut());
        CloseHandle(handle);
    }
    Ok(given.into())
}

/// Starts a process that lives on without this one: without a console, in the root directory, with none of our streams.
#[allow(unsafe_code)]
pub fn spawn_detached(command: &mut Command) -> io::Result<Child> {
    for stream in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: a handle that is none is left alone; whether another is inherited is a flag of it.
        unsafe {
            let handle = GetStdHandle(stream);
            if !handle.is_null() && handle != INVALID_HANDLE_VALUE {
                SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
            }
        }
    }
    command.current_dir("\\").creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP).spawn()
}
