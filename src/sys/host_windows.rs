//! What host files have on Unix and not everywhere, as far as Windows has it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::FileTimes;
use std::io;

use cap_std::fs::{Dir, DirBuilder, Metadata, OpenOptions, OpenOptionsExt};
use windows_sys::Win32::Foundation::{
    ERROR_LOCK_VIOLATION, ERROR_PRIVILEGE_NOT_HELD, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_BACKUP_SEMANTICS, FILE_WRITE_ATTRIBUTES};

use super::host::HostDetails;

/// Device names, which are files in every directory, with any extension.
const RESERVED: [&str; 30] = [
    "conin$", "conout$", "com¹", "com²", "com³", "lpt¹", "lpt²", "lpt³", "con", "prn", "aux", "nul", "com1", "com2",
    "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7",
    "lpt8", "lpt9",
];

/// Whether a directory that is open can neither be renamed nor removed, nor those above it: cap-std opens them so, because it
/// works with their paths.
pub const OPEN_DIRECTORIES_STAY: bool = true;

/// What kind of error it is; the standard library leaves these unsorted.
pub fn error_kind(error: &io::Error) -> io::ErrorKind {
    match error.raw_os_error().map(|code| code as u32) {
        Some(ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION | ERROR_USER_MAPPED_FILE) => io::ErrorKind::ResourceBusy,
        Some(ERROR_PRIVILEGE_NOT_HELD) => io::ErrorKind::PermissionDenied,
        _ => error.kind(),
    }
}

/// The host's name for a guest's; none where the host has no such names.
pub fn name_from_guest(name: &[u8]) -> Option<&OsStr> {
    let text = str::from_utf8(name).ok()?;
    let is_forbidden = |c: char| c < ' ' || r#"<>:"/\|?*"#.contains(c);
    let stem = text.split('.').next()?.trim_end().to_ascii_lowercase();
    if text.ends_with(['.', ' ']) || text.contains(is_forbidden) || RESERVED.contains(&stem.as_str()) {
        return None;
    }
    Some(OsStr::new(text))
}

/// The guest's name for a host's; what is no Unicode is replaced.
pub fn name_to_guest(name: &OsStr) -> Cow<'_, [u8]> {
    match name.to_string_lossy() {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// The guest's form of the target of a symbolic link.
pub fn link_to_guest(target: &OsStr) -> Cow<'_, [u8]> {
    Cow::Owned(target.to_string_lossy().replace('\\', "/").into_bytes())
}

/// What the portable part of `metadata` leaves out: here all of it.
pub fn details(metadata: &Metadata) -> HostDetails {
    let mode = if metadata.is_dir() {
        0o040755
    } else if metadata.is_symlink() {
        0o120777
    } else if metadata.permissions().readonly() {
        0o100444
    } else {
        0o100644
    };
    HostDetails { identity: None, mode, nlink: 1, uid: 0, gid: 0, ctime: None }
}

/// Nothing: there are no such bits.
pub fn set_file_mode(_options: &mut OpenOptions, _mode: u32) {}

/// Nothing: there are no such bits.
pub fn set_directory_mode(_builder: &mut DirBuilder, _mode: u32) {}

/// Makes the entry `name` read-only, if nobody may write to it.
pub fn change_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    let mut permissions = dir.symlink_metadata(name)?.permissions();
    permissions.set_readonly(mode & 0o222 == 0);
    dir.set_permissions(name, permissions)
}

/// Changes the times of the directory.
pub fn set_directory_times(dir: &Dir, times: FileTimes) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.access_mode(FILE_WRITE_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    dir.open_with(".", &options)?.into_std().set_times(times)
}

/// Makes a symbolic link; Windows has other ones for directories, and finds no target that is written with `/`.
pub fn symlink(dir: &Dir, target: &[u8], name: &OsStr) -> io::Result<()> {
    let target = str::from_utf8(target).map_err(|_| io::ErrorKind::InvalidInput)?;
    let target = &target.replace('/', "\\");
    if dir.metadata(target).is_ok_and(|metadata| metadata.is_dir()) {
        dir.symlink_dir(target, name)
    } else {
        dir.symlink_file(target, name)
    }
}
