//! Signals that ask this process to end, on Unix.

use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// The pipe into which the handler writes the number of the signal.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Calls `handler` on a thread of its own with the number of every SIGINT, SIGTERM and SIGHUP from now on.
pub fn on_termination(mut handler: impl FnMut(u8) + Send + 'static) {
    let Ok((reader, writer)) = std::io::pipe() else { return };
    PIPE.store(writer.into_raw_fd(), Ordering::SeqCst);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        install(signal);
    }
    std::thread::spawn(move || {
        let mut number = [0];
        while let Ok(1) = rustix::io::retry_on_intr(|| rustix::io::read(&reader, &mut number)) {
            handler(number[0]);
        }
    });
}

#[allow(unsafe_code)]
fn install(signal: libc::c_int) {
    let handler = handle as extern "C" fn(libc::c_int);
    // SAFETY: the action is zeroed and then filled as sigaction(2) asks; `handle` calls write(2) alone, which may be
    // called from a signal handler, and keeps errno.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

#[allow(unsafe_code)]
extern "C" fn handle(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write(2) is async-signal-safe, the byte lives on this stack, and the descriptor is never closed; errno is
    // put back as it was.
    unsafe {
        let errno = *errno_location();
        libc::write(PIPE.load(Ordering::SeqCst), (&raw const byte).cast(), 1);
        *errno_location() = errno;
    }
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
pub(super) use libc::__errno_location as errno_location;
#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
pub(super) use libc::__error as errno_location;
