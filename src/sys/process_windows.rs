//! Other processes, on Windows.

use std::io;

use windows_sys::Win32::Foundation::CloseHandle;
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_TERMINATE, TerminateProcess};

/// Ends the process: Windows has no signals, and every one that is sent here asks for the end.
#[allow(unsafe_code)]
pub fn signal(pid: u32, number: u8) -> io::Result<()> {
    // SAFETY: the handle is checked, used while it is open, and closed once.
    unsafe {
        let handle = OpenProcess(PROCESS_TERMINATE, 0, pid);
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        let ended = TerminateProcess(handle, 128 + u32::from(number));
        let error = io::Error::last_os_error();
        CloseHandle(handle);
        if ended == 0 { Err(error) } else { Ok(()) }
    }
}
