//! `Task`: what the thread of a process owns of it, and the calls that a program makes.
//!
//! Calls are methods, a file a subject: `paths.rs`, `descriptors.rs`, `processes.rs`. They take no lock of the task's own:
//! a process has one thread.

use std::sync::Arc;

use super::executor::LoadError;
use super::fds::Fds;
use super::process::Process;
use super::signal::SignalSet;
use super::table::Kernel;
use super::users::Users;
use crate::vfs::{Follow, Namespace, Place, Result, Scope, Walked};

/// The owned half of a process.
pub struct Task {
    /// The container's kernel.
    pub kernel: Arc<Kernel>,
    /// The shared half.
    pub process: Arc<Process>,
    /// The open descriptors.
    pub fds: Fds,
    /// The file system it sees.
    pub namespace: Arc<Namespace>,
    /// The working directory.
    pub cwd: Arc<Place>,
    /// What new files lack of the modes they are asked to have.
    pub umask: u16,
    /// Who it acts as.
    pub users: Users,
    /// The arguments, the program's name first.
    pub args: Arc<Vec<Vec<u8>>>,
    /// The environment, each `NAME=value`.
    pub env: Arc<Vec<Vec<u8>>>,
    /// How large a file it may make, in bytes.
    pub file_size: Option<u64>,
    /// The mask to restore when a call that had set another one has been broken off (sigsuspend(2)).
    pub restore_mask: Option<SignalSet>,
    /// Whether the call that failed with `Intr` must not be made again after a handler, whatever its flags (signal(7)).
    pub fails_when_interrupted: bool,
    /// Why the last program could not be started.
    pub(super) why: Option<LoadError>,
}

impl Task {
    /// Walks `path` from `start`, through directories that the users of the process may go through.
    pub fn walk<'p>(&self, start: &Arc<Place>, path: &'p [u8], follow: Follow, scope: Scope) -> Result<Walked<'p>> {
        if self.users.is_root() {
            return self.namespace.walk(start, path, follow, scope);
        }
        let mut enter = |dir: &_| self.users.check_search(dir);
        self.namespace.walk_checked(start, path, follow, scope, &mut enter)
    }
}
