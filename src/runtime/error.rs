//! Why a process could not be created or started.

use std::fmt;

/// What runtimes return.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it is; Docker's exit codes follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The program does not exist (127).
    NotFound,
    /// The program exists and cannot run: no module, the wrong kind, a missing import, no permission (126).
    NotExecutable,
    /// The runtime itself failed (125).
    Runtime,
}

/// A process that could not run: what was attempted and why not, with what to do about it.
#[derive(Debug)]
pub struct Error {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// One line: the program, and what is wrong.
    pub message: String,
    /// What to do next, where there is something to do.
    pub hint: Option<String>,
}

impl Error {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None }
    }

    /// The error with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
