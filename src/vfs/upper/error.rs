//! Why an upper cannot be opened, or its folder not be written.

use std::io;
use std::path::{Path, PathBuf};

use crate::vfs::Errno;

/// What went wrong with a file of an upper's folder.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct UpperError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub cause: UpperCause,
}

/// The reason of an [`UpperError`].
#[derive(Debug, thiserror::Error)]
pub enum UpperCause {
    /// The host's file system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Somebody else has it open.
    #[error("in use by another process")]
    Locked,
    /// The journal is no journal, or was changed or lost bytes in the middle.
    #[error("damaged at byte {offset}: {what}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A later cowbox made it.
    #[error("format {0} is newer than this cowbox knows")]
    Version(u32),
}

impl UpperError {
    pub(super) fn io(path: &Path, error: io::Error) -> UpperError {
        UpperError { path: path.to_owned(), cause: UpperCause::Io(error) }
    }
}

/// What a guest sees of it.
impl From<&UpperError> for Errno {
    fn from(error: &UpperError) -> Errno {
        match &error.cause {
            UpperCause::Io(error) => Errno::from(error),
            UpperCause::Locked => Errno::Busy,
            UpperCause::Damaged { .. } | UpperCause::Version(_) => Errno::Io,
        }
    }
}
