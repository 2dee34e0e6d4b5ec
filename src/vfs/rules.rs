//! What POSIX asks of every file system, whichever way it stores its files.

use super::attr::FileKind;
use super::errno::{Errno, Result};
use super::inode::{NewInode, NewKind};

/// The largest length of a file (`OFF_MAX`).
pub(super) const FILE_MAX: u64 = i64::MAX as u64;

/// The permission bits of a new file; a symbolic link has all of them, as on Linux.
pub(super) fn mode_of_new(new: &NewInode<'_>) -> u16 {
    if let NewKind::Symlink(_) = new.kind { 0o777 } else { new.mode & 0o7777 }
}

/// Whether an entry of kind `from` may replace one of kind `to` in a rename. That a directory is empty is not checked.
pub(super) fn check_replace(from: FileKind, to: FileKind) -> Result<()> {
    match (from == FileKind::Directory, to == FileKind::Directory) {
        (true, false) => Err(Errno::NotDir),
        (false, true) => Err(Errno::IsDir),
        _ => Ok(()),
    }
}

/// Why a file of this kind cannot be read, written or cut.
pub(super) fn not_a_file(kind: FileKind) -> Errno {
    match kind {
        FileKind::Directory => Errno::IsDir,
        FileKind::CharDevice | FileKind::BlockDevice | FileKind::Socket => Errno::Nxio,
        _ => Errno::Inval,
    }
}

/// The end of a write of `len` bytes at `offset`, where a file can be that long.
pub(super) fn end_of_write(len: usize, offset: u64) -> Result<u64> {
    offset.checked_add(len as u64).filter(|&end| end <= FILE_MAX).ok_or(Errno::FBig)
}
