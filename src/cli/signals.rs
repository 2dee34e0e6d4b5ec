//! Interrupt and termination, handed on to the container in the foreground.

use std::sync::Arc;
use std::time::Duration;

use crate::runtime::{Running, Signal};
use crate::sys;

/// How long a container may go on without its terminal.
const WITHOUT_TERMINAL: Duration = Duration::from_secs(10);

/// Hands every signal that asks this process to end to `process`. A second interrupt kills it. So does a terminal that is
/// gone, where `process` has it for its own and goes on without.
pub(super) fn forward(process: Arc<dyn Running>, tty: bool) {
    let mut interrupts = 0;
    sys::signals::on_termination(move |number| {
        let signal = Signal(number);
        // That its terminal is gone several may tell.
        interrupts += u32::from(signal != Signal::HUP);
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
