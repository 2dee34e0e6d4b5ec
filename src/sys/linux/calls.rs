//! What system calls return, as results; usable between clone and exec.

use std::ffi::{c_int, c_long, c_ulong};

/// What a step failed with: an errno.
pub(super) type Outcome = Result<(), i32>;

/// The errno of the call that failed last on this thread.
#[allow(unsafe_code)]
pub(super) fn errno() -> i32 {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() }
}

/// The result of a call that returns -1 and sets errno.
pub(super) fn check(result: c_int) -> Result<c_int, i32> {
    if result < 0 { Err(errno()) } else { Ok(result) }
}

/// The result of `libc::syscall`.
pub(super) fn syscall(result: c_long) -> Result<c_long, i32> {
    if result < 0 { Err(errno()) } else { Ok(result) }
}

/// prctl(2) with one number.
#[allow(unsafe_code)]
pub(super) fn prctl(option: c_int, number: c_ulong) -> Result<c_long, i32> {
    let none: c_ulong = 0;
    // SAFETY: options that take a number change attributes of the calling thread or process only.
    syscall(unsafe { libc::syscall(libc::SYS_prctl, c_ulong::from(option as u32), number, none, none, none) })
}

/// Keeps others in the container from looking into this process, whose program and descriptors are the host's: they would
/// find the host's binary at `/proc/PID/exe`. The program that is run in the end has this no more.
pub(super) fn hide() -> Outcome {
    prctl(libc::PR_SET_DUMPABLE, 0).map(drop)
}

/// The signals of all numbers, or of none.
#[allow(unsafe_code)]
pub(super) fn signal_set(full: bool) -> libc::sigset_t {
    // SAFETY: both calls fill the set that they are given.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        if full {
            libc::sigfillset(&raw mut set)
        } else {
            libc::sigemptyset(&raw mut set)
        };
        set
    }
}

/// Sets which signals are blocked for the calling thread, and says which were.
#[allow(unsafe_code)]
pub(super) fn set_blocked(set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = signal_set(false);
    // SAFETY: two sets that are alive.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const *set, &raw mut before) };
    before
}
