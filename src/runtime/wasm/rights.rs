//! Rights: what WASI lets be done with a descriptor (witx `rights`), and flags (witx `fdflags`).
//!
//! Most rights are told, not enforced: what a guest may do is decided by its file system. Guests can give rights up,
//! though, and those they gave up for good are enforced where programs rely on it: reading, writing, and cutting files by
//! path.

use crate::kernel::{Descriptor, Object, flags};
use crate::vfs::{Errno, Result};

pub(super) const FD_READ: u64 = 1 << 1;
pub(super) const FD_SEEK: u64 = 1 << 2;
pub(super) const FD_WRITE: u64 = 1 << 6;
pub(super) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
/// All rights that there are.
pub(super) const ALL: u64 = (1 << 30) - 1;
/// Those of directories: `fd_fdstat_set_flags`, `fd_sync`, all that begin with `path_`, `fd_readdir`, and the two about the
/// directory's own attributes.
const DIRECTORY: u64 = 1 << 3 | 1 << 4 | 0xfff << 9 | 1 << 21 | 0xf << 23;
/// Those of files: all that begin with `fd_`, and `poll_fd_readwrite`.
const FILE: u64 = 0x1ff | 0b111 << 21 | 1 << 27;
/// Those of streams: no place to seek to, which is how wasi-libc tells terminals from other devices.
const STREAM: u64 = 1 | FD_READ | 1 << 3 | 1 << 4 | FD_WRITE | 1 << 21 | 1 << 27;

/// The rights of a descriptor: those its kind has, as it was opened, without those that were given up.
pub(super) fn of(descriptor: &Descriptor) -> u64 {
    let file = &descriptor.file;
    let rights = match &file.object {
        Object::Directory(_) => return descriptor.rights & DIRECTORY,
        Object::File(_) => FILE,
        Object::Stream(_) => STREAM,
    };
    let reads = if file.is_readable() { 0 } else { FD_READ };
    let writes = if file.is_writable() { 0 } else { FD_WRITE };
    descriptor.rights & rights & !reads & !writes
}

/// What files opened through the descriptor can have.
pub(super) fn inheriting(descriptor: &Descriptor) -> u64 {
    match &descriptor.file.object {
        Object::Directory(_) => descriptor.inheriting & ALL,
        _ => 0,
    }
}

/// [`Errno::BadF`] where the descriptor lacks `right`.
pub(super) fn require(descriptor: &Descriptor, right: u64) -> Result<()> {
    if of(descriptor) & right == right { Ok(()) } else { Err(Errno::BadF) }
}

/// witx `fdflags`: append 1, dsync 2, nonblock 4, rsync 8, sync 16.
const APPEND: u16 = 1;
const NONBLOCK: u16 = 4;
const FLAGS: u16 = 0b11111;

/// The bits of open(2) that witx `fdflags` stand for. What is synced is said by other calls.
pub(super) fn status(fdflags: u32) -> Result<u32> {
    let fdflags = u16::try_from(fdflags).ok().filter(|flags| flags & !FLAGS == 0).ok_or(Errno::Inval)?;
    let append = if fdflags & APPEND != 0 { flags::APPEND } else { 0 };
    Ok(append | if fdflags & NONBLOCK != 0 { flags::NONBLOCK } else { 0 })
}

/// The witx `fdflags` of an open file.
pub(super) fn fdflags(status: u32) -> u16 {
    let append = if status & flags::APPEND != 0 { APPEND } else { 0 };
    append | if status & flags::NONBLOCK != 0 { NONBLOCK } else { 0 }
}
