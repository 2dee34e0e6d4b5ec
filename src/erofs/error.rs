//! What can go wrong with images and packs.

use std::io;
use std::path::PathBuf;

use super::pack::PackId;
use crate::vfs::{Errno, GuestPath};

/// An error of the `erofs` module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be opened or mapped.
    #[error("{}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// An image could not be written.
    #[error("write image: {0}")]
    Write(io::Error),
    /// A file is not what this module writes: foreign, cut off or damaged.
    #[error("{}: {fault}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An entry cannot be kept in an image.
    #[error("{path}: {reason}")]
    Entry {
        /// Where it would lie.
        path: GuestPath,
        /// What forbids it.
        reason: &'static str,
    },
    /// A hard link whose target is in no layer.
    #[error("{path}: hard link to {target}, which is in no layer")]
    LinkTarget {
        /// The link.
        path: GuestPath,
        /// Its target.
        target: GuestPath,
    },
    /// The image has more entries, names or packs than the format can count.
    #[error("an image cannot hold more than {0}")]
    TooLarge(&'static str),
    /// A pack that an image refers to was not given.
    #[error("pack {0} is missing")]
    MissingPack(PackId),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Write(error)
    }
}

/// What is wrong in the bytes of an image or a pack. As an [`Errno`] it is [`Errno::Io`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub &'static str);

impl From<Fault> for Errno {
    fn from(_: Fault) -> Errno {
        Errno::Io
    }
}
