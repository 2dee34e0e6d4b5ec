//! Why a verb of the engine failed, for people and for programs.

use std::fmt;

use crate::{archive, oci, runtime, store, vfs};

/// What the engine returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it is: one table each turns it into exit codes and HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for makes no sense, or an archive or document is malformed.
    InvalidInput,
    /// An image, container, volume or file does not exist.
    NotFound,
    /// It is in use, or the name is taken.
    Conflict,
    /// The program to run does not exist in the container.
    ProgramNotFound,
    /// The program to run exists and cannot run here.
    ProgramNotExecutable,
    /// Something in the store is damaged.
    Damaged,
    /// The disk is full, or the store cannot be written to.
    Storage,
    /// Whoever was to read the output has gone.
    BrokenPipe,
    /// All else.
    Internal,
}

/// A failure: what was attempted, on what, and why it failed; with a hint where there is something to do.
#[derive(Debug)]
pub struct Error {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// One line.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Error {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None }
    }

    /// An [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidInput, message)
    }

    /// An [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::NotFound, message)
    }

    /// An [`ErrorKind::Conflict`].
    pub fn conflict(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Conflict, message)
    }

    /// The exit code of a `run` that fails so, as Docker has them.
    pub fn exit_code(&self) -> i32 {
        match self.kind {
            ErrorKind::ProgramNotFound => 127,
            ErrorKind::ProgramNotExecutable => 126,
            _ => 125,
        }
    }

    /// The error with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// The error with the thing that was worked on in front.
    pub fn about(mut self, what: impl fmt::Display) -> Error {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

/// Adds what was worked on to an error on its way up.
pub(crate) trait About<T> {
    fn about(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> About<T> for std::result::Result<T, E> {
    fn about(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.into().about(what()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        use store::Error as Store;
        let full = error.is_storage_full();
        let kind = match &error {
            Store::NotFound(_) => ErrorKind::NotFound,
            Store::Conflict(_) => ErrorKind::Conflict,
            Store::Damaged { .. } | Store::Erofs { .. } => ErrorKind::Damaged,
            Store::Format { .. } | Store::ReadOnly(_) => ErrorKind::Storage,
            _ if full => ErrorKind::Storage,
            Store::Unpack { .. } => ErrorKind::InvalidInput,
            Store::Io { .. } => ErrorKind::Internal,
        };
        let result = Error::new(kind, error.to_string());
        match (&error, full) {
            (Store::ReadOnly(_), _) => result.hint("name another with --root or COWBOX_HOME"),
            (_, true) => result.hint("free some room: `cowbox system prune` removes what nobody uses"),
            (Store::Damaged { .. } | Store::Erofs { .. }, _) => {
                result.hint("`cowbox system fsck` says what is damaged and what to do")
            }
            _ => result,
        }
    }
}

impl From<runtime::Error> for Error {
    fn from(error: runtime::Error) -> Error {
        let kind = match error.kind {
            runtime::ErrorKind::NotFound => ErrorKind::ProgramNotFound,
            runtime::ErrorKind::NotExecutable => ErrorKind::ProgramNotExecutable,
            runtime::ErrorKind::Runtime => ErrorKind::Internal,
        };
        Error { kind, message: error.message, hint: error.hint }
    }
}

impl From<vfs::Errno> for Error {
    fn from(errno: vfs::Errno) -> Error {
        let kind = match errno {
            vfs::Errno::NoEnt => ErrorKind::NotFound,
            vfs::Errno::NoSpc | vfs::Errno::DQuot | vfs::Errno::RoFs => ErrorKind::Storage,
            vfs::Errno::Io => ErrorKind::Damaged,
            _ => ErrorKind::InvalidInput,
        };
        Error::new(kind, errno.message())
    }
}

impl From<vfs::UpperError> for Error {
    fn from(error: vfs::UpperError) -> Error {
        Error::new(ErrorKind::Damaged, error.to_string())
    }
}

impl From<archive::Error> for Error {
    fn from(error: archive::Error) -> Error {
        match error.is_broken_pipe() {
            true => Error::new(ErrorKind::BrokenPipe, error.to_string()),
            false => Error::invalid(error.to_string()),
        }
    }
}

/// Texts and documents that are not of the form they should have.
macro_rules! invalid_input {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::invalid(error.to_string())
            }
        }
    )*};
}

invalid_input!(oci::DocumentError, oci::InvalidDigest, oci::InvalidPlatform, oci::InvalidReference, oci::NoPlatform);

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull => ErrorKind::Storage,
            std::io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::InvalidData => ErrorKind::InvalidInput,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, error.to_string())
    }
}
