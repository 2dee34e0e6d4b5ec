//! `Jobs`: what a terminal has to know of processes.

use crate::kernel::process::Pid;
use crate::kernel::signal::Signal;
use crate::kernel::table::{Ids, Kernel};

/// Groups and sessions, and a way to send signals to them.
pub trait Jobs: Send + Sync {
    /// The numbers around a process, if there is one.
    fn standing(&self, pid: Pid) -> Option<Ids>;

    /// Whether a group has members in a session.
    fn is_group_of(&self, group: Pid, session: Pid) -> bool;

    /// Whether nobody is there to let a stopped group go on: no member has a parent in another group of its session.
    fn is_orphaned(&self, group: Pid) -> bool;

    /// Sends a signal to all of a group.
    fn signal_group(&self, group: Pid, signal: Signal);

    /// Sends a signal to a process.
    fn signal(&self, pid: Pid, signal: Signal);
}

impl Jobs for Kernel {
    fn standing(&self, pid: Pid) -> Option<Ids> {
        self.ids(pid).ok()
    }

    fn is_group_of(&self, group: Pid, session: Pid) -> bool {
        self.is_group(group, session)
    }

    fn is_orphaned(&self, group: Pid) -> bool {
        self.is_orphaned_group(group)
    }

    fn signal_group(&self, group: Pid, signal: Signal) {
        Kernel::signal_group(self, group, signal);
    }

    fn signal(&self, pid: Pid, signal: Signal) {
        // A process that is gone needs no signal.
        let _ = self.kill(None, pid, Some(signal));
    }
}
