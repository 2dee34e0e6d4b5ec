//! `Error`: what is wrong with an archive, and where.

use std::fmt::Display;
use std::io;

use crate::vfs::{Errno, GuestPath};

/// Why an archive could not be read, unpacked, applied or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what they claim to be: no tar archive, a damaged or cut one, or a damaged compression.
    #[error("{0}")]
    Invalid(String),
    /// An entry that cannot be taken as it is.
    #[error("entry {name}: {fault}")]
    Entry {
        /// The name as the archive writes it, shortened and made printable.
        name: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The archive goes beyond one of the [`Limits`](super::Limits).
    #[error("{0}")]
    Limit(String),
    /// Reading the archive's stream failed.
    #[error("read archive: {0}")]
    Read(#[source] io::Error),
    /// Writing (the pack, or a tar stream) failed.
    #[error("{action}: {source}")]
    Write {
        /// What was being written.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of a guest refused an operation.
    #[error("{action} {path}: {errno}")]
    File {
        /// The operation, such as `read`.
        action: &'static str,
        /// The file, below the directory the operation was asked for.
        path: GuestPath,
        /// Why it failed.
        errno: Errno,
    },
}

/// What functions of this module return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether whoever was to read what is written has gone.
    pub fn is_broken_pipe(&self) -> bool {
        self.is_of(io::ErrorKind::BrokenPipe)
    }

    /// Whether the disk is full.
    pub fn is_storage_full(&self) -> bool {
        self.is_of(io::ErrorKind::StorageFull)
    }

    fn is_of(&self, kind: io::ErrorKind) -> bool {
        matches!(self, Error::Write { source, .. } | Error::Read(source) if source.kind() == kind)
    }

    /// Of the entry called `name`.
    pub(super) fn entry(name: &[u8], fault: impl Into<String>) -> Error {
        Error::Entry { name: printable(name), fault: fault.into() }
    }

    /// Of a limit that the entry called `name` goes beyond.
    pub(super) fn limit(name: &[u8], fault: impl Display) -> Error {
        Error::Limit(format!("entry {}: {fault}", printable(name)))
    }

    /// Of the operation `action` on the guest file `path`.
    pub(super) fn file(action: &'static str, path: &GuestPath, errno: Errno) -> Error {
        Error::File { action, path: path.clone(), errno }
    }
}

/// An error of the decoders keeps its own words; others say what was being done.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Error::Invalid(error.to_string()),
            io::ErrorKind::FileTooLarge => Error::Limit(error.to_string()),
            _ => Error::Read(error),
        }
    }
}

/// At most 200 characters of `name`, control characters escaped: it comes from strangers and goes to terminals.
fn printable(name: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * LONGEST)]);
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST || name.len() > 4 * LONGEST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_are_shown_short_and_without_control_characters() {
        assert_eq!(Error::entry(b"a\x1b[31m\n", "bad").to_string(), "entry a\\u{1b}[31m\\n: bad");
        assert_eq!(printable(&[b'x'; 5000]).chars().count(), 201);
    }
}
