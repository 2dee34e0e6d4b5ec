//! Interrupt and termination, handed on to the container in the foreground.

use std::sync::Arc;

use crate::runtime::{Running, Signal};
use crate::sys;

/// Hands every signal that asks this process to end to `process`. A second interrupt kills it.
pub(super) fn forward(process: Arc<dyn Running>) {
    let mut interrupts = 0;
    sys::signals::on_termination(move |number| {
        interrupts += 1;
        let signal = if interrupts > 1 { Signal::KILL } else { Signal(number) };
        // A process that has ended needs no signal.
        let _ = process.kill(signal);
    });
}
