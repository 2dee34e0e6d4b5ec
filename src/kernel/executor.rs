//! `Executor`: the seam behind which code runs. The kernel knows processes, not what they are made of.

use std::io;
use std::sync::Arc;

use super::exec::Found;
use super::process::{End, Process};
use super::task::Task;
use crate::vfs::Errno;

/// What runs one kind of programs: a runtime has one, for all its containers.
pub trait Executor: Send + Sync {
    /// Makes a program ready to run, without running any of it.
    fn load(&self, found: &Found) -> Result<Box<dyn Image>, LoadError>;

    /// Runs `job` on a thread of its own.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> io::Result<()>;

    /// Sees to it that a process asks for its orders soon, though it runs code that makes no calls.
    fn nudge(&self, process: &Arc<Process>);
}

/// A program that is ready to run.
pub trait Image: Send {
    /// Runs it on the calling thread until it ends or becomes another. All that is left of the task is closed with it.
    fn run(self: Box<Self>, task: Task) -> Outcome;
}

/// How an image stopped running.
pub enum Outcome {
    /// The process has ended.
    Ended(End),
    /// It goes on as another program.
    Replaced(Task, Box<dyn Image>),
}

/// Why a program cannot run.
#[derive(Debug)]
pub struct LoadError {
    /// What exec(2) would say.
    pub errno: Errno,
    /// One line: the program, and what is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl LoadError {
    /// An error without a hint.
    pub fn new(errno: Errno, message: impl Into<String>) -> LoadError {
        LoadError { errno, message: message.into(), hint: None }
    }

    /// The error with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> LoadError {
        self.hint = Some(hint.into());
        self
    }
}
