//! Mounts for one thread, on systems that have none.

use std::io;
use std::path::Path;

/// [`io::ErrorKind::Unsupported`].
pub(crate) fn mount_for_thread(_kind: &str, _target: &Path, _options: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
