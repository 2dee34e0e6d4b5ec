//! `Ticker`: the thread that moves the engine's epoch, so that running code looks at its orders and limits.
//!
//! Lock order: the state here, then that of a process. The thread starts when it is first needed and ends when the `Ticker`
//! is dropped.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;

use crate::kernel::Process;

/// How often the epoch moves while a guest has a limit on CPU or an order to follow.
const TICK: Duration = Duration::from_millis(5);

/// The ticks of all guests of one engine.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    engine: Engine,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many containers want ticks all the time.
    wanted: usize,
    /// Guests with orders that they have not followed yet. One tick is not enough: it may pass between a guest's look at its
    /// orders and its waiting for the next tick.
    ordered: Vec<Arc<Process>>,
    ended: bool,
}

/// While it lives the epoch moves.
pub(super) struct Ticking(Arc<Shared>);

impl Ticker {
    pub(super) fn new(engine: Engine) -> Ticker {
        let shared = Shared { engine, state: Mutex::default(), changed: Condvar::new() };
        Ticker { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    /// Moves the epoch until what is returned is dropped.
    pub(super) fn tick(&self) -> std::io::Result<Ticking> {
        self.ensure_thread()?;
        self.shared.lock().wanted += 1;
        self.shared.changed.notify_one();
        Ok(Ticking(self.shared.clone()))
    }

    /// Moves the epoch until the orders of `process` are followed.
    pub(super) fn nudge(&self, process: &Arc<Process>) {
        // Without the thread the epoch moves once, which is nearly always enough.
        let has_thread = self.ensure_thread().is_ok();
        if has_thread && process.is_ordered() {
            self.shared.lock().ordered.push(process.clone());
        }
        self.shared.engine.increment_epoch();
        self.shared.changed.notify_one();
    }

    fn ensure_thread(&self) -> std::io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = self.shared.clone();
            *thread = Some(std::thread::Builder::new().name("ticker".to_owned()).spawn(move || shared.run())?);
        }
        Ok(())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.lock().wanted -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.ended {
            state.ordered.retain(|process| process.is_ordered());
            state = if state.wanted > 0 || !state.ordered.is_empty() {
                self.engine.increment_epoch();
                self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}
