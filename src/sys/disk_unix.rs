//! The room on a disk, on Unix.

use std::io;
use std::path::Path;

/// Bytes in all and bytes that the current user may still use, of the file system that `path` lies on.
pub fn room(path: &Path) -> io::Result<(u64, u64)> {
    let found = rustix::fs::statvfs(path)?;
    Ok((found.f_blocks.saturating_mul(found.f_frsize), found.f_bavail.saturating_mul(found.f_frsize)))
}
