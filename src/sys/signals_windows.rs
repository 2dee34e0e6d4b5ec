//! Events that ask this process to end, on Windows.

use std::sync::{Mutex, PoisonError};

use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};

type Handler = Box<dyn FnMut(u8) + Send>;

static HANDLER: Mutex<Option<Handler>> = Mutex::new(None);

/// Signals that are caught.
pub struct Caught(());

impl Caught {
    /// A thread of the system attends to them already.
    pub fn detach(self) {}
}

/// As [`on_termination`].
pub fn catch_termination(handler: impl FnMut(u8) + Send + 'static) -> Option<Caught> {
    on_termination(handler);
    Some(Caught(()))
}

/// Calls `handler` on a thread of the system with 2 (interrupt) for ctrl-C and 15 (terminate) for ctrl-break, a closed
/// console and the end of the session.
#[allow(unsafe_code)]
pub fn on_termination(handler: impl FnMut(u8) + Send + 'static) {
    *HANDLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(handler));
    // SAFETY: `handle` has the signature that is asked for and lives as long as the process.
    unsafe { SetConsoleCtrlHandler(Some(handle), 1) };
}

/// The same: there are no others.
pub fn on_any(handler: impl FnMut(u8) + Send + 'static) {
    on_termination(handler);
}

#[allow(unsafe_code)]
unsafe extern "system" fn handle(event: u32) -> windows_sys::core::BOOL {
    let number = if event == CTRL_C_EVENT { 2 } else { 15 };
    if let Some(handler) = &mut *HANDLER.lock().unwrap_or_else(PoisonError::into_inner) {
        handler(number);
    }
    if event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT {
        // The system ends the process as soon as this returns, and after some seconds anyway: it may end by itself before.
        loop {
            std::thread::park();
        }
    }
    1
}
