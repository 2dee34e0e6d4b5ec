//! Folders of the host, on Windows.

use std::fs;
use std::io;
use std::path::Path;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE,
};

/// Nothing to do: NTFS keeps names in its journal, and a folder cannot be flushed.
pub(super) fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes `folder` with its parents. The profile folder it lies in is already closed to other users.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Whether somebody has the file open, or mapped. Denied access is one of the ways to say so.
pub(super) fn is_in_use(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(|code| code as u32);
    let is_in_use = |code| {
        matches!(code, ERROR_ACCESS_DENIED | ERROR_LOCK_VIOLATION | ERROR_SHARING_VIOLATION | ERROR_USER_MAPPED_FILE)
    };
    code.is_some_and(is_in_use)
}

/// Whether `folder` is a directory; who can write to it is decided by the profile folder it lies in.
pub(super) fn is_private(folder: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(folder)?.is_dir())
}
