//! `Terminals`: the terminals of one container: the console, and pseudo-terminals by their numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::jobs::Jobs;
use super::state::{Tty, WindowSize};
use crate::kernel::process::Process;
use crate::vfs::{Errno, Result};

/// The most pseudo-terminals of a container (`/proc/sys/kernel/pty/max`).
const PTY_MAX: u32 = 4096;

/// All terminals of a container.
#[derive(Default)]
pub struct Terminals {
    /// Taken before the lock of a terminal, never inside of it.
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    console: Option<Arc<Tty>>,
    ptys: BTreeMap<u32, Weak<Tty>>,
}

impl Terminals {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the console. There is one. `left` is how many bytes may be shown there.
    pub(in crate::kernel) fn add_console(&self, jobs: Weak<dyn Jobs>, size: WindowSize, left: Option<u64>) -> Arc<Tty> {
        let tty = Tty::new(jobs, None, size, left);
        self.lock().console = Some(tty.clone());
        tty
    }

    /// Makes a pseudo-terminal. [`Errno::NoSpc`] where there are too many.
    pub(super) fn add_pty(&self, jobs: Weak<dyn Jobs>) -> Result<Arc<Tty>> {
        let mut all = self.lock();
        all.ptys.retain(|_, tty| tty.strong_count() > 0);
        let number = (0..PTY_MAX).find(|number| !all.ptys.contains_key(number)).ok_or(Errno::NoSpc)?;
        let tty = Tty::new(jobs, Some(number), WindowSize::default(), None);
        all.ptys.insert(number, Arc::downgrade(&tty));
        Ok(tty)
    }

    /// The console.
    pub fn console(&self) -> Option<Arc<Tty>> {
        self.lock().console.clone()
    }

    /// The pseudo-terminal of this number, if its master is open.
    pub fn pty(&self, number: u32) -> Option<Arc<Tty>> {
        self.lock().ptys.get(&number)?.upgrade().filter(|tty| !tty.is_hung_up())
    }

    /// The numbers of the pseudo-terminals.
    pub fn pty_numbers(&self) -> Vec<u32> {
        self.lock().ptys.iter().filter(|(_, tty)| tty.strong_count() > 0).map(|(&number, _)| number).collect()
    }

    /// The terminal of a session: `/dev/tty`.
    pub fn of_session(&self, session: i32) -> Option<Arc<Tty>> {
        let all = self.lock();
        let mut ttys = all.console.iter().cloned().chain(all.ptys.values().filter_map(Weak::upgrade));
        ttys.find(|tty| session != 0 && tty.session() == session)
    }

    /// Makes `tty` the terminal of the session that `process` leads (`TIOCSCTTY`). [`Errno::Perm`] where it leads none, has
    /// a terminal already, or the terminal belongs to another session.
    pub(super) fn claim(&self, process: &Process, tty: &Arc<Tty>) -> Result<()> {
        let ids = tty.ids(process)?;
        if ids.pid != ids.session {
            return Err(Errno::Perm);
        }
        match tty.session() {
            session if session == ids.session => Ok(()),
            0 if self.of_session(ids.session).is_none() => {
                tty.give_to(ids.session, ids.group);
                Ok(())
            }
            _ => Err(Errno::Perm),
        }
    }

    /// The first process of a session has ended, and frees the session's terminal.
    pub fn leader_ended(&self, session: i32) {
        if let Some(tty) = self.of_session(session) {
            tty.leader_ended();
        }
    }
}
