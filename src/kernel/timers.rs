//! `Timers`: the thread that calls when a time has come: for alarms, and for containers whose time is over.
//!
//! One lock. The thread starts when it is first needed and ends when the `Timers` are dropped.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

type Call = Box<dyn FnOnce() + Send>;

/// Calls that are due at some time, of all containers of a runtime.
#[derive(Default)]
pub struct Timers {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: BTreeMap<(Instant, u64), Call>,
    next_id: u64,
    ended: bool,
}

/// A call to come; dropped, it will not.
pub struct Timer {
    shared: Arc<Shared>,
    key: (Instant, u64),
}

impl Timer {
    /// When it is due.
    pub fn due(&self) -> Instant {
        self.key.0
    }
}

impl Timers {
    /// Calls `call` at `at`, on a thread that others need as well.
    pub fn at(&self, at: Instant, call: impl FnOnce() + Send + 'static) -> io::Result<Timer> {
        self.ensure_thread()?;
        let mut state = self.shared.lock();
        let key = (at, state.next_id);
        state.next_id += 1;
        state.due.insert(key, Box::new(call));
        drop(state);
        self.shared.changed.notify_one();
        Ok(Timer { shared: self.shared.clone(), key })
    }

    fn ensure_thread(&self) -> io::Result<()> {
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
        let call = self.shared.lock().due.remove(&self.key);
        // What it holds may take locks when it goes.
        drop(call);
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
            if let Some(entry) = state.due.first_entry().filter(|entry| entry.key().0 <= now) {
                let call = entry.remove();
                drop(state);
                call();
                state = self.lock();
                continue;
            }
            let next = state.due.keys().next().map(|key| key.0.saturating_duration_since(now));
            state = match next {
                Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_come_in_the_order_of_their_times_unless_they_are_dropped() {
        let (timers, (send, calls)) = (Timers::default(), mpsc::channel());
        let (now, second) = (Instant::now(), send.clone());
        let dropped = timers.at(now, || std::thread::sleep(Duration::from_millis(1))).unwrap();
        let later = timers.at(now + Duration::from_millis(5), move || second.send(2).unwrap()).unwrap();
        let sooner = timers.at(now + Duration::from_millis(1), move || send.send(1).unwrap()).unwrap();
        drop(dropped);
        assert_eq!((calls.recv(), calls.recv()), (Ok(1), Ok(2)));
        drop((later, sooner));
        assert!(calls.recv().is_err());
    }
}
