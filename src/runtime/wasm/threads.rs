//! `Threads`: the threads that guests run on, kept for a while to be used again.
//!
//! One lock.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::engine::WASM_STACK;

/// The stack of a thread: what the guest may use, and what calls of the host need on top of it. Only what is touched
/// takes memory.
const STACK: usize = WASM_STACK + (2 << 20);

/// How long a thread waits for another guest.
const IDLE: Duration = Duration::from_secs(5);

/// How many threads wait at most.
const IDLE_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of threads without an upper bound: every job runs at once.
#[derive(Default)]
pub(super) struct Threads(Arc<Pool>);

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    closed: bool,
}

impl Threads {
    /// Runs `job` on a thread of its own.
    pub(super) fn run(&self, job: Job) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.idle > state.jobs.len() {
            state.jobs.push_back(job);
            // Woken under the lock, the thread would at once wait for it.
            drop(state);
            self.0.changed.notify_one();
            return Ok(());
        }
        drop(state);
        let pool = self.0.clone();
        std::thread::Builder::new().name("guest".to_owned()).stack_size(STACK).spawn(move || pool.work(job))?;
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut job: Job) {
        loop {
            job();
            let mut state = self.lock();
            if state.idle >= IDLE_MAX {
                return;
            }
            state.idle += 1;
            job = loop {
                if let Some(job) = state.jobs.pop_front() {
                    state.idle -= 1;
                    break job;
                }
                if state.closed {
                    return;
                }
                let (guard, wait) = self.changed.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
                state = guard;
                if wait.timed_out() && state.jobs.is_empty() {
                    state.idle -= 1;
                    return;
                }
            };
        }
    }
}
