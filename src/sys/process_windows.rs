//! Other processes, on Windows.

use std::io;

use windows_sys::Win32::Foundation::CloseHandle;
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_TERMINATE, TerminateProcess};

/// The signals that end a process which does not catch them and that people send for that: HUP, INT, QUIT, ABRT, KILL, TERM.
const ENDING: [u8; 6] = [1, 2, 3, 6, 9, 15];

/// The user and group whose files this process makes: Windows has no numbers for them.
pub fn owner() -> (u32, u32) {
    (0, 0)
}

/// Ends the process, where that is what the signal is for: Windows has no signals. `Unsupported` for the other ones.
#[allow(unsafe_code)]
pub fn signal(pid: u32, number: u8) -> io::Result<()> {
    if !ENDING.contains(&number) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no signals, a process can only be ended"));
    }
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
