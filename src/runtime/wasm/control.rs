//! `Control`: what the threads around one guest share: the order to stop, and the status it ended with.
//!
//! One lock. Whatever a guest waits for wakes it through [`Control::wake`], under that lock, so no wake-up is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::runtime::{ExitReason, ExitStatus, Signal};
use crate::sys::stdio::Waker;
use crate::vfs::{Errno, Result};

/// The exit code of a process whose time was over: that of coreutils' `timeout`.
const TIMED_OUT: i32 = 124;

/// Why a guest is made to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Signal(Signal),
    WallTime(Duration),
    CpuTime(Duration),
}

impl Stop {
    pub(super) fn status(self) -> ExitStatus {
        let timed_out =
            |message: String| ExitStatus { code: TIMED_OUT, reason: ExitReason::TimedOut, message: Some(message) };
        match self {
            Stop::Signal(signal) => {
                ExitStatus { code: 128 + i32::from(signal.0), reason: ExitReason::Signaled(signal), message: None }
            }
            Stop::WallTime(limit) => timed_out(format!("time limit of {limit:?} reached")),
            Stop::CpuTime(limit) => timed_out(format!("CPU time limit of {limit:?} reached")),
        }
    }
}

/// The shared state of one guest.
#[derive(Default)]
pub(super) struct Control {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether `state.stop` is set or `state.paused`: what the guest's thread looks at without the lock.
    attention: AtomicBool,
    stdin_waker: OnceLock<Waker>,
}

#[derive(Default)]
struct State {
    stop: Option<Stop>,
    paused: bool,
    /// The guest's thread waits because it is paused.
    holds: bool,
    /// The guest's thread is in a call of the host that nothing can break off.
    out_of_reach: bool,
    status: Option<ExitStatus>,
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders the guest to stop, for the first reason given. A guest that is out of reach counts as ended at once: when
    /// its thread comes back, it runs no more code of the guest.
    pub(super) fn stop(&self, stop: Stop) {
        let mut state = self.lock();
        if state.stop.is_some() || state.status.is_some() {
            return;
        }
        state.stop = Some(stop);
        state.paused = false;
        if state.out_of_reach {
            state.status = Some(stop.status());
        }
        self.attention.store(true, Ordering::Release);
        self.changed.notify_all();
        if let Some(waker) = self.stdin_waker.get() {
            waker.wake();
        }
    }

    /// Holds the guest at its next step, or lets it go on.
    pub(super) fn pause(&self, paused: bool) {
        let mut state = self.lock();
        if state.stop.is_none() {
            state.paused = paused;
            self.attention.store(paused, Ordering::Release);
            self.changed.notify_all();
        }
    }

    /// Whether there is an order that the guest has not followed yet.
    pub(super) fn has_orders(&self) -> bool {
        let state = self.lock();
        state.status.is_none() && (state.stop.is_some() || state.paused && !state.holds)
    }

    /// Why the guest has to stop, if it has to. Waits while it is paused.
    pub(super) fn check(&self) -> Option<Stop> {
        if !self.attention.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.lock();
        while state.paused {
            state.holds = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.holds = false;
        state.stop
    }

    /// Waits until `ready` gives something, the deadline (`None` is given back) or the order to stop ([`Errno::Intr`]).
    pub(super) fn wait_for<T>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>> {
        let mut state = self.lock();
        loop {
            if state.stop.is_some() {
                return Err(Errno::Intr);
            }
            if let Some(value) = ready() {
                return Ok(Some(value));
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => {
                        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                    }
                    _ => return Ok(None),
                },
            };
        }
    }

    /// Wakes the guest to look at what it waits for.
    pub(super) fn wake(&self) {
        let _state = self.lock();
        self.changed.notify_all();
    }

    /// What breaks off waits for this process's standard input.
    pub(super) fn stdin_waker(&self) -> Result<&Waker> {
        if self.stdin_waker.get().is_none() {
            let waker = Waker::new().map_err(|error| Errno::from(&error))?;
            let _ = self.stdin_waker.set(waker);
        }
        let waker = self.stdin_waker.get().expect("it was just set");
        match self.lock().stop {
            Some(_) => Err(Errno::Intr),
            None => Ok(waker),
        }
    }

    /// Makes a call that nothing can break off, such as a write to a full pipe of the host. [`Errno::Intr`] where the guest
    /// was told to stop before or meanwhile: it may count as ended already.
    pub(super) fn out_of_reach<T>(&self, call: impl FnOnce() -> T) -> Result<T> {
        let mut state = self.lock();
        if state.stop.is_some() {
            return Err(Errno::Intr);
        }
        state.out_of_reach = true;
        drop(state);
        let value = call();
        let mut state = self.lock();
        state.out_of_reach = false;
        if state.stop.is_some() { Err(Errno::Intr) } else { Ok(value) }
    }

    /// Records how the guest ended.
    pub(super) fn finish(&self, status: ExitStatus) {
        let mut state = self.lock();
        state.status.get_or_insert(status);
        // Woken under the lock, the waiting threads would at once wait for it.
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn try_wait(&self) -> Option<ExitStatus> {
        self.lock().status.clone()
    }

    pub(super) fn wait(&self) -> ExitStatus {
        let mut state = self.lock();
        loop {
            if let Some(status) = &state.status {
                return status.clone();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
