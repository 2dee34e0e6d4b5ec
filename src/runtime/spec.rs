//! What a runtime is given, and what it gives back.

use std::sync::Arc;
use std::time::Duration;

use crate::kernel::{Signal, Stdio};
use crate::sys::terminal::Size as TerminalSize;
use crate::vfs::{GuestPath, Namespace, ProcessSource};

/// All that a runtime needs to run one process.
pub struct Bundle {
    /// The container's name or id, for messages.
    pub name: String,
    /// What to run, and on what.
    pub workload: Workload,
    /// What it may use.
    pub limits: Limits,
    /// Its standard streams.
    pub stdio: Stdio,
    /// The window of its terminal, if all three streams are one: what is read from standard input is then typed there, and
    /// what it shows is written to standard output.
    pub terminal: Option<TerminalSize>,
}

/// What a bundle runs, by the kind of runtime.
pub enum Workload {
    /// A guest: a process whose files are mounted in user space.
    Guest {
        /// What to run.
        process: Process,
        /// The file system it sees.
        rootfs: Rootfs,
    },
    /// A native container, which the host's kernel makes.
    Native(Box<super::native::NativeBundle>),
}

/// A process of the host, told from others that had its number by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProcess {
    /// Its number.
    pub pid: u32,
    /// When it started, in ticks since boot.
    pub start_time: u64,
}

/// The file system of a process.
pub struct Rootfs {
    /// Mounted in user space: what WASI guests see.
    pub namespace: Arc<Namespace>,
    /// Where its `/proc` finds the processes.
    pub processes: Arc<ProcessSource>,
}

/// The process to run.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The command line. The first is the program: a path, or a name that is looked up in `PATH`.
    pub args: Vec<String>,
    /// The environment, as `KEY=VALUE`.
    pub env: Vec<String>,
    /// The working directory; `/` where none is given.
    pub cwd: Option<GuestPath>,
    /// Who runs it.
    pub user: User,
}

/// The owner of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

/// What all processes of a container together may use. `None` is no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Linear memory in bytes, all memories together.
    pub memory: Option<u64>,
    /// CPUs: 0.5 is half of the time of one.
    pub cpus: Option<f64>,
    /// Time from start to end.
    pub wall_time: Option<Duration>,
    /// CPU time.
    pub cpu_time: Option<Duration>,
    /// Open descriptors, of each process.
    pub open_files: u32,
    /// Processes at one time.
    pub processes: u32,
    /// Bytes that may be written to the standard streams.
    pub output: Option<u64>,
    /// Bytes that may be written to the container's own file system; it is the file system that keeps it.
    pub disk: Option<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: None,
            cpus: None,
            wall_time: None,
            cpu_time: None,
            open_files: 1 << 16,
            processes: 4096,
            output: None,
            disk: None,
        }
    }
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    /// The exit code as a shell sees it: the process's own, or 128 + the number of the signal that ended it.
    pub code: i32,
    /// Why it ended.
    pub reason: ExitReason,
    /// One line for people where the process did not end by itself: a trap with its backtrace, a limit with its value.
    pub message: Option<String>,
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It returned or called exit.
    Exited,
    /// A signal from outside ended it.
    Signaled(Signal),
    /// It did what its machine does not allow: a trap.
    Trapped,
    /// It went beyond its memory limit.
    OutOfMemory,
    /// Its time was over.
    TimedOut,
}
