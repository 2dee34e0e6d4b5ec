//! Mounts, on systems that have none of Linux's.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use super::SeenFile;

/// A mounted file system: here there is none.
pub struct DetachedMount(Infallible);

/// [`io::ErrorKind::Unsupported`].
pub fn detached(_kind: &str, _options: &[(&str, &Path)]) -> io::Result<DetachedMount> {
    Err(io::ErrorKind::Unsupported.into())
}

impl DetachedMount {
    /// A path of the root.
    pub fn path(&self) -> PathBuf {
        match self.0 {}
    }

    /// Everything in the file system.
    pub fn files(&self, _content_max: u64) -> io::Result<Vec<SeenFile>> {
        match self.0 {}
    }
}
