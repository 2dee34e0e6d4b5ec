//! The kernel of a container: processes, signals, descriptors and pipes for programs that no operating system runs.
//!
//! It is shaped like Linux (numbers, flags, rules and errors are those of its manual pages) and knows nothing of what the
//! programs are made of: an [`Executor`] runs their code. A process has one thread. What that thread owns is a [`Task`],
//! what others may reach is a [`Process`], and what concerns several is the [`Kernel`] with its process table.
//!
//! Every wait can be broken off: whoever waits sleeps with the process's own sleeper, which signals wake as well.

mod descriptors;
mod exec;
mod executor;
mod fds;
mod fifos;
mod init;
mod limits;
mod locks;
mod open_file;
mod paths;
mod pipe;
mod poll;
mod process;
mod processes;
mod signal;
mod stdio;
mod streams;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod timers;
mod tty;
mod users;
mod wait;

pub use exec::{Found, PATH};
pub use executor::{Executor, Image, LoadError, Outcome};
pub use fds::{Descriptor, Fds};
pub use init::{Init, Prepared};
pub use locks::LockMode;
pub use open_file::{Object, OpenFile, Ready, Stream, flags};
pub use process::{Cause, End, Order, Pid, Process};
pub use processes::{Exec, FileAction, Spawn};
pub use signal::{Action, Disposition, Effect, Signal, SignalSet};
pub use stdio::{Input, Output, Stdio};
pub use table::{INIT, Ids, Kernel, Quota, WaitFor, Waited, current};
pub use task::Task;
pub use timers::{Timer, Timers};
pub use tty::{Apply, Console, Master, Queues, TERMIOS_LEN, Terminal, Terminals, Termios, Tty, WindowSize};
pub use users::{EXECUTE, READ, Users, WRITE};
pub use wait::WaitQueue;
