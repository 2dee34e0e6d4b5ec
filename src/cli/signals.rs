//! Signals to this process, handed on to the container that it runs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::runtime::{Running, Signal};
use crate::sys;

/// How long a container may go on without its terminal.
const WITHOUT_TERMINAL: Duration = Duration::from_secs(5);

/// Where the process in the foreground will be.
pub(super) type Foreground = Arc<OnceLock<Arc<dyn Running>>>;

/// Hands every signal that asks this process to end to `process`, as soon as it is there. A second interrupt kills it. So
/// does a terminal that is gone, where `process` has it for its own and goes on without.
pub(super) fn forward(process: Foreground, tty: bool) {
    let mut interrupts = 0;
    sys::signals::on_termination(move |number| {
        let process = process.wait();
        let signal = Signal(number);
        // That its terminal is gone several may tell.
        interrupts += u32::from(signal == Signal::INT || signal == Signal::TERM);
        let signal = if interrupts > 1 { Signal::KILL } else { signal };
        // A process that has ended needs no signal.
        let _ = process.kill(signal);
        if tty && signal == Signal::HUP {
            let process = process.clone();
            std::thread::spawn(move || {
                std::thread::sleep(WITHOUT_TERMINAL);
                let _ = process.kill(Signal::KILL);
            });
        }
    });
}

/// Hands every signal on to `process`, which runs in the background, as soon as it is there.
pub(super) fn forward_all(process: Foreground) {
    sys::signals::on_any(move |number| {
        // A process that has ended needs no signal.
        let _ = process.wait().kill(Signal(number));
    });
}
