//! Signals that come to this process, on Unix.
//!
//! Guests know signals by Linux's numbers, and so do the functions here; other systems have some under other numbers.

use std::io::PipeReader;
use std::os::fd::{AsFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::event::{PollFd, PollFlags, poll};

/// SIGKILL by its number.
const KILL: u8 = 9;

/// Asks a process of ours to kill its container and to tidy up, which SIGKILL leaves no time for.
pub(super) const KILL_REQUEST: libc::c_int = libc::SIGXCPU;

/// Signals that ask this process to end or to do something, by Linux's number and by this system's.
const TERMINATION: [(u8, libc::c_int); 6] = [
    (1, libc::SIGHUP),
    (2, libc::SIGINT),
    (15, libc::SIGTERM),
    (10, libc::SIGUSR1),
    (12, libc::SIGUSR2),
    (KILL, KILL_REQUEST),
];

/// The other signals that can be caught and do not tell of a fault.
const OTHERS: [(u8, libc::c_int); 13] = [
    (3, libc::SIGQUIT),
    (6, libc::SIGABRT),
    (14, libc::SIGALRM),
    (18, libc::SIGCONT),
    (20, libc::SIGTSTP),
    (21, libc::SIGTTIN),
    (22, libc::SIGTTOU),
    (23, libc::SIGURG),
    (25, libc::SIGXFSZ),
    (26, libc::SIGVTALRM),
    (27, libc::SIGPROF),
    (28, libc::SIGWINCH),
    (29, libc::SIGIO),
];

/// What is sent as it is: faults, and what cannot be caught.
const REST: [(u8, libc::c_int); 10] = [
    (4, libc::SIGILL),
    (5, libc::SIGTRAP),
    (7, libc::SIGBUS),
    (8, libc::SIGFPE),
    (KILL, libc::SIGKILL),
    (11, libc::SIGSEGV),
    (13, libc::SIGPIPE),
    (17, libc::SIGCHLD),
    (19, libc::SIGSTOP),
    (31, libc::SIGSYS),
];

/// The pipe into which the handler writes the number of the signal.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Signals that are caught, and what is done about them as soon as somebody attends to them.
pub struct Caught {
    reader: PipeReader,
    known: Vec<(u8, libc::c_int)>,
    handler: Box<dyn FnMut(u8) + Send>,
}

/// Catches every SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 from now on, and what another process of ours asks with for
/// SIGKILL. `handler` gets Linux's number of each. None where the system has no descriptors left.
pub fn catch_termination(handler: impl FnMut(u8) + Send + 'static) -> Option<Caught> {
    catch(TERMINATION.to_vec(), Box::new(handler))
}

/// As [`catch_termination`], on a thread of its own.
pub fn on_termination(handler: impl FnMut(u8) + Send + 'static) {
    if let Some(caught) = catch_termination(handler) {
        caught.detach();
    }
}

/// As [`on_termination`], and with those of all other signals that can be caught and do not tell of a fault.
pub fn on_any(handler: impl FnMut(u8) + Send + 'static) {
    if let Some(caught) = catch([TERMINATION.as_slice(), &OTHERS].concat(), Box::new(handler)) {
        caught.detach();
    }
}

impl Caught {
    /// Attends to them on a thread of its own.
    pub fn detach(mut self) {
        std::thread::spawn(move || while self.handle_next() {});
    }

    /// Attends to them until `over` can be read from. Those that come later have no effect.
    pub fn attend_until(mut self, over: impl AsFd) {
        loop {
            let mut awaited = [PollFd::new(&over, PollFlags::IN), PollFd::new(&self.reader, PollFlags::IN)];
            let polled = poll(&mut awaited, None);
            let [is_over, has_signal] = awaited.map(|awaited| !awaited.revents().is_empty());
            match polled {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if has_signal && self.handle_next() => {}
                Ok(_) if !is_over && !has_signal => {}
                _ => return,
            }
        }
    }

    /// Waits for the next one. False where there can be none.
    fn handle_next(&mut self) -> bool {
        let mut number = [0];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&self.reader, &mut number));
        if let Some((guest, _)) = self.known.iter().find(|(_, host)| *host == libc::c_int::from(number[0])) {
            (self.handler)(*guest);
        }
        read == Ok(1)
    }
}

/// This system's number of a signal.
pub(super) fn host_number(number: u8) -> Option<libc::c_int> {
    let mut known = REST.iter().chain(&OTHERS).chain(&TERMINATION);
    known.find(|(guest, _)| *guest == number).map(|(_, host)| *host)
}

fn catch(known: Vec<(u8, libc::c_int)>, handler: Box<dyn FnMut(u8) + Send>) -> Option<Caught> {
    let (reader, writer) = std::io::pipe().ok()?;
    PIPE.store(writer.into_raw_fd(), Ordering::SeqCst);
    for (_, signal) in &known {
        install(*signal);
    }
    Some(Caught { reader, known, handler })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_one_number_of_its_own() {
        let all = || TERMINATION.iter().chain(&OTHERS).chain(&REST);
        for (at, (_, host)) in all().enumerate() {
            assert_eq!(all().position(|(_, other)| other == host), Some(at));
        }
        assert_eq!(host_number(15), Some(libc::SIGTERM));
        assert_eq!(host_number(9), Some(libc::SIGKILL));
        assert_eq!(host_number(0), None);
    }
}
