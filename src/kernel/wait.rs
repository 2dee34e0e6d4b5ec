//! Waiting: `Sleeper`, what one process sleeps with, and `WaitQueue`, where those who wait for something stand.
//!
//! No wake-up is lost: who waits enters the queue first and looks second; who changes something changes it first, under
//! the lock that the look takes, and wakes second. Locks here are taken last and held for lines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Instant;

use crate::sys::stdio::{Ready, Waker};
use crate::vfs::{Errno, Result};

/// What the thread of one process sleeps with. Woken too often is no harm: all waits look again.
#[derive(Default)]
pub struct Sleeper {
    thread: OnceLock<Thread>,
    /// What breaks off waits for the standard input of the host.
    host: OnceLock<Waker>,
    in_host: AtomicBool,
}

impl Sleeper {
    /// Makes the calling thread the one that sleeps. Done once, before anything else.
    pub(super) fn adopt(&self) {
        let _ = self.thread.set(std::thread::current());
    }

    /// Wakes the thread, if it sleeps; otherwise its next sleep is over at once.
    pub fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        if self.in_host.load(Ordering::SeqCst)
            && let Some(host) = self.host.get()
        {
            host.wake();
        }
    }

    /// Sleeps until it is woken or the time is over.
    fn sleep(&self, deadline: Option<Instant>) {
        match deadline {
            None => std::thread::park(),
            Some(deadline) => std::thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
        }
    }

    /// Sleeps until the host's standard input can be read, it is woken, or the time is over. `before` is called when nothing
    /// can be missed any more; what it gives ends the sleep before it begins.
    pub(super) fn sleep_for_stdin<T>(
        &self,
        deadline: Option<Instant>,
        before: impl FnOnce() -> Option<T>,
    ) -> Result<std::result::Result<Ready, T>> {
        if self.host.get().is_none() {
            let _ = self.host.set(Waker::new().map_err(Errno::from)?);
        }
        let host = self.host.get().expect("it was just set");
        self.in_host.store(true, Ordering::SeqCst);
        let ready = match before() {
            Some(value) => Ok(Err(value)),
            None => {
                let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                host.wait_for_stdin(timeout).map(Ok).map_err(Errno::from)
            }
        };
        self.in_host.store(false, Ordering::SeqCst);
        host.clear();
        ready
    }
}

/// Those who wait for one thing.
pub struct WaitQueue {
    sleepers: Mutex<Vec<Arc<Sleeper>>>,
    /// Whether `sleepers` may hold any: what is looked at without the lock.
    is_used: AtomicBool,
}

impl Default for WaitQueue {
    fn default() -> WaitQueue {
        WaitQueue::new()
    }
}

impl WaitQueue {
    /// A queue in which nobody stands.
    pub const fn new() -> WaitQueue {
        WaitQueue { sleepers: Mutex::new(Vec::new()), is_used: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Sleeper>>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all. Called after the change, without the lock of what was changed where that is possible.
    pub fn wake_all(&self) {
        if !self.is_used.load(Ordering::SeqCst) {
            return;
        }
        let sleepers = {
            let mut sleepers = self.lock();
            self.is_used.store(false, Ordering::SeqCst);
            std::mem::take(&mut *sleepers)
        };
        for sleeper in sleepers {
            sleeper.wake();
        }
    }

    pub(super) fn enter(&self, sleeper: &Arc<Sleeper>) {
        let mut sleepers = self.lock();
        if !sleepers.iter().any(|other| Arc::ptr_eq(other, sleeper)) {
            sleepers.push(sleeper.clone());
        }
        self.is_used.store(true, Ordering::SeqCst);
    }

    pub(super) fn leave(&self, sleeper: &Arc<Sleeper>) {
        if self.is_used.load(Ordering::SeqCst) {
            self.lock().retain(|other| !Arc::ptr_eq(other, sleeper));
        }
    }
}

/// Waits until `ready` gives something: `Ok(None)` when the deadline is over, [`Errno::Intr`] when `interrupted` says so.
pub(super) fn wait<T>(
    sleeper: &Arc<Sleeper>,
    queues: &[&WaitQueue],
    deadline: Option<Instant>,
    interrupted: impl Fn() -> bool,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<Option<T>> {
    if let Some(value) = ready() {
        return Ok(Some(value));
    }
    let result = loop {
        for queue in queues {
            queue.enter(sleeper);
        }
        if let Some(value) = ready() {
            break Ok(Some(value));
        }
        if interrupted() {
            break Err(Errno::Intr);
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            break Ok(None);
        }
        sleeper.sleep(deadline);
    };
    for queue in queues {
        queue.leave(sleeper);
    }
    result
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sleeper() -> Arc<Sleeper> {
        let sleeper = Arc::new(Sleeper::default());
        sleeper.adopt();
        sleeper
    }

    #[test]
    fn a_wait_ends_with_the_change_it_waits_for() {
        let (value, queue) = (Arc::new(Mutex::new(None)), Arc::new(WaitQueue::default()));
        let (shared, changed) = (value.clone(), queue.clone());
        let other = std::thread::spawn(move || {
            *shared.lock().unwrap() = Some(7);
            changed.wake_all();
        });
        let found = wait(&sleeper(), &[&queue], None, || false, || *value.lock().unwrap());
        assert_eq!(found, Ok(Some(7)));
        other.join().unwrap();
        assert!(queue.lock().is_empty());
    }

    #[test]
    fn a_wait_ends_when_it_is_interrupted_or_over() {
        let queue = WaitQueue::default();
        let never = || None::<()>;
        assert_eq!(wait(&sleeper(), &[&queue], None, || true, never), Err(Errno::Intr));
        let soon = Instant::now() + Duration::from_millis(2);
        assert_eq!(wait(&sleeper(), &[&queue], Some(soon), || false, never), Ok(None));
        assert!(queue.lock().is_empty());
    }
}
