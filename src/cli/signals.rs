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
    /// As [`catch_for`], for the process that will be followed.
    pub(super) fn catch(&self, tty: bool) {
        let process = self.process.clone();
        // A process that has ended needs no signal.
        let caught = catch_for(tty, move |signal| drop(process.wait().kill(signal)));
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

/// Catches every signal that asks this process to end, for a process that `kill` sends signals to. A second interrupt kills it. So
/// does a terminal that is gone, where it has it for its own and goes on without.
pub(super) fn catch_for(tty: bool, kill: impl Fn(Signal) + Clone + Send + 'static) -> Option<Caught> {
    let mut interrupts = 0;
    sys::signals::catch_termination(move |number| {
        let signal = Signal(number);
        // That its terminal is gone several may tell.
        interrupts += u32::from(signal == Signal::INT || signal == Signal::TERM);
        let signal = if interrupts > 1 { Signal::KILL } else { signal };
        kill(signal);
        if tty && signal == Signal::HUP {
            let kill = kill.clone();
            std::thread::spawn(move || {
                std::thread::sleep(WITHOUT_TERMINAL);
                kill(Signal::KILL);
            });
        }
    })
}

/// Hands every signal on to `process`, which runs in the background, as soon as it is there.
pub(super) fn forward_all(process: Foreground) {
    sys::signals::on_any(move |number| {
        // A process that has ended needs no signal.
        let _ = process.wait().kill(Signal(number));
    });
}
