//! Advisory locks on whole files: flock(2). They belong to open file descriptions, and go with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::open_file::OpenFile;
use super::process::Process;
use super::wait::WaitQueue;
use crate::vfs::{Errno, Result};

/// What is asked of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Together with others that share.
    Shared,
    /// Alone.
    Exclusive,
    /// No more.
    Unlocked,
}

/// The locks of one container.
#[derive(Default)]
pub(super) struct FileLocks {
    held: Mutex<HashMap<(u64, u64), Vec<Held>>>,
    waiting: WaitQueue,
}

struct Held {
    owner: Weak<OpenFile>,
    mode: LockMode,
}

impl FileLocks {
    fn lock(&self) -> MutexGuard<'_, HashMap<(u64, u64), Vec<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks or unlocks. Waits for others unless `nonblocking` ([`Errno::Again`]).
    pub(super) fn set(
        self: &Arc<Self>,
        process: &Process,
        file: &Arc<OpenFile>,
        mode: LockMode,
        nonblocking: bool,
    ) -> Result<()> {
        let attr = file.attr()?;
        file.note_lock(self);
        let key = (attr.dev, attr.ino);
        let attempt = || self.attempt(key, file, mode).then_some(());
        let done = match nonblocking {
            true => attempt(),
            false => process.wait(&[&self.waiting], None, attempt)?,
        };
        if mode != LockMode::Exclusive {
            self.waiting.wake_all();
        }
        done.ok_or(Errno::Again)
    }

    fn attempt(&self, key: (u64, u64), file: &Arc<OpenFile>, mode: LockMode) -> bool {
        let mut table = self.lock();
        let held = table.entry(key).or_default();
        let is_own = |held: &Held| std::ptr::eq(held.owner.as_ptr(), Arc::as_ptr(file));
        held.retain(|held| held.owner.strong_count() > 0);
        let is_free = held.iter().all(|held| {
            is_own(held) || mode == LockMode::Unlocked || (mode, held.mode) == (LockMode::Shared, LockMode::Shared)
        });
        if is_free {
            held.retain(|held| !is_own(held));
            if mode != LockMode::Unlocked {
                held.push(Held { owner: Arc::downgrade(file), mode });
            }
        }
        if held.is_empty() {
            table.remove(&key);
        }
        is_free
    }

    /// Has those who wait look again, as an open file with a lock has gone.
    pub(super) fn look_again(&self) {
        self.waiting.wake_all();
    }
}
