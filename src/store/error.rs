//! Why the store could not do what was asked.

use std::io;
use std::path::{Path, PathBuf};

/// What the store returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the store. Every variant names the file or the thing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host's file system failed.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of the store is not what it should be.
    #[error("{what} is damaged: {detail}")]
    Damaged {
        /// The blob, layer, pack, tree or record.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no such thing.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The name is taken.
    #[error("{0}")]
    Conflict(String),
    /// The folder holds something that this version cannot use.
    #[error("{} is no store that this version can use: {detail}", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The store can only be looked at.
    #[error("the store in {} cannot be written to", .0.display())]
    ReadOnly(PathBuf),
    /// A layer could not be unpacked.
    #[error("{what}: {source}")]
    Unpack {
        /// The layer.
        what: String,
        /// Why not.
        source: Box<crate::archive::Error>,
    },
    /// Layer metadata could not be read or written.
    #[error("{what}: {source}")]
    Erofs {
        /// The layer, pack or tree.
        what: String,
        /// Why not.
        source: Box<crate::erofs::Error>,
    },
}

/// Adds what was attempted, and on which file, to an [`io::Error`].
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

impl Error {
    /// A [`Error::Damaged`].
    pub(crate) fn damaged(what: impl Into<String>, detail: impl ToString) -> Error {
        Error::Damaged { what: what.into(), detail: detail.to_string() }
    }

    /// Whether the disk is full, which people can do something about.
    pub fn is_storage_full(&self) -> bool {
        match self {
            Error::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Error::Unpack { source, .. } => source.is_storage_full(),
            _ => false,
        }
    }
}
