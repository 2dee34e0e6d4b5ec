//! Events that ask this process to end, on Windows.

use std::sync::Mutex;

use windows_sys::Win32::System::Console::{CTRL_C_EVENT, SetConsoleCtrlHandler};

type Handler = Box<dyn FnMut(u8) + Send>;

static HANDLER: Mutex<Option<Handler>> = Mutex::new(None);

/// Calls `handler` on a thread of the system with 2 (interrupt) for ctrl-C and 15 (terminate) for a closed console.
#[allow(unsafe_code)]
pub fn on_termination(handler: impl FnMut(u8) + Send + 'static) {
    *HANDLER.lock().expect("no panic while it is held") = Some(Box::new(handler));
    // SAFETY: `handle` has the signature that is asked for and lives as long as the process.
    unsafe { SetConsoleCtrlHandler(Some(handle), 1) };
}

#[allow(unsafe_code)]
unsafe extern "system" fn handle(event: u32) -> windows_sys::core::BOOL {
    let number = if event == CTRL_C_EVENT { 2 } else { 15 };
    if let Some(handler) = &mut *HANDLER.lock().expect("no panic while it is held") {
        handler(number);
    }
    1
}
