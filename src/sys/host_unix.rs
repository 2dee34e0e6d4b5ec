//! What host files have on Unix and not everywhere: names of any bytes, owners, modes, numbers.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::FileTimes;
use std::io;
use std::os::unix::ffi::OsStrExt;

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, Metadata, MetadataExt, OpenOptions, OpenOptionsExt, PermissionsExt};

use super::host::HostDetails;

/// Whether a directory that is open can neither be renamed nor removed, nor those above it.
pub const OPEN_DIRECTORIES_STAY: bool = false;

/// What kind of error it is.
pub fn error_kind(error: &io::Error) -> io::ErrorKind {
    error.kind()
}

/// The host's name for a guest's; none where the host has no such names.
pub fn name_from_guest(name: &[u8]) -> Option<&OsStr> {
    Some(OsStr::from_bytes(name))
}

/// The guest's name for a host's.
pub fn name_to_guest(name: &OsStr) -> Cow<'_, [u8]> {
    Cow::Borrowed(name.as_bytes())
}

/// The guest's form of the target of a symbolic link.
pub fn link_to_guest(target: &OsStr) -> Cow<'_, [u8]> {
    name_to_guest(target)
}

/// What the portable part of `metadata` leaves out.
pub fn details(metadata: &Metadata) -> HostDetails {
    HostDetails {
        identity: Some((metadata.dev(), metadata.ino())),
        mode: metadata.mode(),
        nlink: metadata.nlink(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        ctime: Some((metadata.ctime(), metadata.ctime_nsec() as u32)),
    }
}

/// The permission bits that a file starts with.
pub fn set_file_mode(options: &mut OpenOptions, mode: u32) {
    options.mode(mode);
}

/// The permission bits that a directory starts with.
pub fn set_directory_mode(builder: &mut DirBuilder, mode: u32) {
    builder.mode(mode);
}

/// Changes the permission bits of the entry `name`.
pub fn change_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    dir.set_permissions(name, cap_std::fs::Permissions::from_mode(mode))
}

/// Changes the times of the directory.
pub fn set_directory_times(dir: &Dir, times: FileTimes) -> io::Result<()> {
    dir.open(".")?.into_std().set_times(times)
}

/// Makes a symbolic link with any target.
pub fn symlink(dir: &Dir, target: &[u8], name: &OsStr) -> io::Result<()> {
    dir.symlink_contents(OsStr::from_bytes(target), name)
}
