//! Folders of the host, on Windows.

use std::fs;
use std::io;
use std::path::Path;

/// Nothing to do: NTFS keeps names in its journal, and a folder cannot be flushed.
pub(super) fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes `folder` with its parents. The profile folder it lies in is already closed to other users.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Whether `folder` is a directory; who can write to it is decided by the profile folder it lies in.
pub(super) fn is_private(folder: &Path) -> io::Result<bool> {
    Ok(fs::metadata(folder)?.is_dir())
}
