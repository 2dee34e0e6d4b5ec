//! `Timers`: the thread that ends guests whose wall time is over, and that ticks while guests have limits on CPU or have
//! orders to follow.
//!
//! Lock order: the state here, then that of a guest's [`Control`]. The thread starts when it is first needed and ends when
//! the `Timers` are dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::control::{Control, Stop};

/// How often the epoch moves while a guest has a limit on CPU.
const TICK: Duration = Duration::from_millis(5);

/// Deadlines and ticks for all guests of one engine.
pub(super) struct Timers {
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
    deadlines: BTreeMap<(Instant, u64), (Arc<Control>, Duration)>,
    next_id: u64,
    ticking: usize,
    /// Guests with orders that they have not followed yet. One tick is not enough: it may pass between a guest's look at its
    /// orders and its waiting for the next tick.
    ordered: Vec<Arc<Control>>,
    ended: bool,
}

/// A timer that is running; dropped, it is over.
pub(super) struct Timer {
    shared: Arc<Shared>,
    deadline: Option<(Instant, u64)>,
    is_ticking: bool,
}

impl Timers {
    pub(super) fn new(engine: Engine) -> Timers {
        let shared = Shared { engine, state: Mutex::default(), changed: Condvar::new() };
        Timers { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    /// Stops the guest when `limit` is over, and with `ticking` moves the epoch until the timer is dropped.
    pub(super) fn start(
        &self,
        control: &Arc<Control>,
        limit: Option<Duration>,
        ticking: bool,
    ) -> std::io::Result<Option<Timer>> {
        let deadline = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        if deadline.is_none() && !ticking {
            return Ok(None);
        }
        self.ensure_thread()?;
        let mut state = self.shared.lock();
        let deadline = deadline.map(|(at, limit)| {
            let key = (at, state.next_id);
            state.next_id += 1;
            state.deadlines.insert(key, (control.clone(), limit));
            key
        });
        state.ticking += usize::from(ticking);
        self.shared.changed.notify_one();
        drop(state);
        Ok(Some(Timer { shared: self.shared.clone(), deadline, is_ticking: ticking }))
    }

    /// Gives an order to a guest, spinning or waiting, and sees to it that it is followed.
    pub(super) fn order(&self, control: &Arc<Control>, order: impl FnOnce(&Control)) -> std::io::Result<()> {
        self.ensure_thread()?;
        let mut state = self.shared.lock();
        state.order(control.clone(), order);
        self.shared.engine.increment_epoch();
        self.shared.changed.notify_one();
        Ok(())
    }

    fn ensure_thread(&self) -> std::io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = self.shared.clone();
            *thread = Some(std::thread::Builder::new().name("timers".to_owned()).spawn(move || shared.run())?);
        }
        Ok(())
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ticking -= usize::from(self.is_ticking);
        let over = self.deadline.and_then(|key| state.deadlines.remove(&key));
        drop(state);
        drop(over);
    }
}

impl State {
    fn order(&mut self, control: Arc<Control>, order: impl FnOnce(&Control)) {
        order(&control);
        if control.has_orders() {
            self.ordered.push(control);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.ended {
            let now = Instant::now();
            while let Some(entry) = state.deadlines.first_entry().filter(|entry| entry.key().0 <= now) {
                let (control, limit) = entry.remove();
                state.order(control, |control| control.stop(Stop::WallTime(limit)));
            }
            state.ordered.retain(|control| control.has_orders());
            let is_ticking = state.ticking > 0 || !state.ordered.is_empty();
            let next = state.deadlines.keys().next().map(|key| key.0.saturating_duration_since(now));
            let wait = if is_ticking { Some(next.unwrap_or(TICK).min(TICK)) } else { next };
            if is_ticking {
                self.engine.increment_epoch();
            }
            state = match wait {
                Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
