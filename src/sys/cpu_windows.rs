//! CPU time, on Windows.

use std::time::Duration;

use windows_sys::Win32::Foundation::{FILETIME, HANDLE};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetCurrentThread, GetProcessTimes, GetThreadTimes};

/// CPU time of the calling thread.
pub(super) fn thread_time() -> Duration {
    // SAFETY: the pseudo handle of the calling thread is always valid.
    #[allow(unsafe_code)]
    times(unsafe { GetCurrentThread() }, GetThreadTimes)
}

/// CPU time of this process.
pub(super) fn process_time() -> Duration {
    // SAFETY: the pseudo handle of the calling process is always valid.
    #[allow(unsafe_code)]
    times(unsafe { GetCurrentProcess() }, GetProcessTimes)
}

/// Windows does not limit the address space of a process.
pub(super) fn address_space() -> Option<u64> {
    None
}

type Query = unsafe extern "system" fn(HANDLE, *mut FILETIME, *mut FILETIME, *mut FILETIME, *mut FILETIME) -> i32;

fn times(handle: HANDLE, query: Query) -> Duration {
    let zero = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut created, mut exited, mut kernel, mut user) = (zero, zero, zero, zero);
    // SAFETY: the four pointers are to live local variables, and `handle` is a pseudo handle of this process.
    #[allow(unsafe_code)]
    let done = unsafe { query(handle, &mut created, &mut exited, &mut kernel, &mut user) };
    if done == 0 {
        return Duration::ZERO;
    }
    let ticks = |time: FILETIME| u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    Duration::from_nanos((ticks(kernel) + ticks(user)).saturating_mul(100))
}
