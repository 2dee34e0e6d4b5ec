//! Runtimes: what turns a bundle (a root file system and a process to run in it) into a running process.

mod check;
mod error;
pub mod native;
mod spec;
#[cfg(feature = "wasm")]
pub mod wasm;

pub use crate::kernel::{Input, Output, Signal, Stdio};
pub use check::{Check, Health};
pub use error::{Error, ErrorKind, Result};
pub use spec::{Bundle, ExitReason, ExitStatus, InitProcess, Limits, Process, Rootfs, User, Workload};

use crate::sys::signals::Caught;
pub use crate::sys::terminal::Size as TerminalSize;

/// A way to run programs. There is one per kind of image: WASI modules, and native programs of the host's system.
pub trait Runtime: Send + Sync {
    /// The name that records of containers keep, such as `wasm`.
    fn name(&self) -> &'static str;

    /// Prepares the process of `bundle`: finds its program and makes it ready to run, without running any of it.
    fn create(&self, bundle: Bundle) -> Result<Box<dyn Container>>;
}

/// What writes down that a process runs, with the first process as the host sees it where it is one of the host's own.
pub type NoteInit = Box<dyn FnOnce(Option<InitProcess>) -> Result<()> + Send>;

/// What may be done at any time, or never: to tidy up.
pub type SpareWork = Box<dyn FnOnce() + Send>;

/// A prepared process that has not started.
pub trait Container: Send {
    /// Has `note` called once it is known what the process is, and before it runs any of its program. That it fails ends the start.
    fn before_first_instruction(&mut self, note: NoteInit) -> Result<()> {
        note(None)
    }

    /// Has `work` done while the start only waits for the process, where it does.
    fn meanwhile(&mut self, work: SpareWork) {
        drop(work);
    }

    /// Starts the process.
    fn start(self: Box<Self>) -> Result<Box<dyn Running>>;

    /// The cgroups that were made for it. From its start on they outlive it: [`native::clean_up`] removes them.
    fn cgroup(&self) -> Option<native::CgroupRecord> {
        None
    }
}

/// A process that was started.
pub trait Running: Send + Sync {
    /// Waits for the end of the process. May be called again, and from several threads.
    fn wait(&self) -> ExitStatus;

    /// Sees to it that signals to this process are attended to while the process runs: by the calling thread until it ends, where
    /// that is possible, or by another one.
    fn attend(&self, signals: Caught) {
        signals.detach();
    }

    /// The exit status if the process has ended.
    fn try_wait(&self) -> Option<ExitStatus>;

    /// Tells a process that has a terminal of the size of its window.
    fn resize(&self, size: TerminalSize) {
        let _ = size;
    }

    /// The first process as the host sees it, where it is one of the host's own.
    fn init(&self) -> Option<InitProcess> {
        None
    }

    /// Delivers a signal. Every signal whose default action is to end the process ends it, blocked or spinning.
    fn kill(&self, signal: Signal) -> Result<()>;
}
