//! Signals to this process, handed on to the container that it runs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::runtime::{Running, Signal};
use crate::sys;
use crate::sys::signals::Caught;

/// How long a container may go on without its terminal.
const WITHOUT_TERMINAL: Duration = Duration::from_secs(5);

/// Where the process in the foreground will be.
pub(super) type Foreground = Arc<OnceLock<Arc<dyn Running>>>;

/// The signals for a process in the foreground, from before it starts until it ends.
#[derive(Clone, Default)]
pub(super) struct Forwarding {
    process: Foreground,
    caught: Arc<Mutex<Option<Caught>>>,
}

impl Forwarding {
    /// Catches every signal that asks this process to end, for the process that will be followed. A second interrupt kills it.
    /// So does a terminal that is gone, where it has it for its own and goes on without.
    pub(super) fn catch(&self, tty: bool) {
        let process = self.process.clone();
        let mut interrupts = 0;
        let caught = sys::signals::catch_termination(move |number| {
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
        *self.caught.lock().unwrap_or_else(PoisonError::into_inner) = caught;
    }

    /// Where the process will be.
    pub(super) fn process(&self) -> Foreground {
        self.process.clone()
    }

    /// Hands signals to the process that runs now, perhaps until it has ended.
    pub(super) fn follow(&self, process: Arc<dyn Running>) {
        // There was none before.
        let _ = self.process.set(process.clone());
        let caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(caught) = caught {
            process.attend(caught);
        }
    }
}

/// Hands every signal on to `process`, which runs in the background, as soon as it is there.
pub(super) fn forward_all(process: Foreground) {
    sys::signals::on_any(move |number| {
        // A process that has ended needs no signal.
        let _ = process.wait().kill(Signal(number));
    });
}
