//! Calls on descriptors: witx `fd_*`.

use std::ops::ControlFlow;

use super::Snapshot;
use super::types::{FileStat, file_type, set_times};
use crate::runtime::wasm::fds::{Descriptor, File, Object, flags, rights};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::{Buffer, GuestMemory};
use crate::runtime::wasm::streams::Stream;
use crate::vfs::{Cookie, Errno, FileKind, Result};

/// Up to here several buffers are joined, so that they are written with one call.
const JOINED_MAX: u32 = 1 << 20;

/// The listing's own entries, `.` and `..`, come before those of the directory.
const OWN_ENTRIES: u64 = 2;

pub(super) fn fd_advise(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _: u64,
    _: u64,
    advice: u32,
) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    if advice > 5 {
        return Err(Errno::Inval);
    }
    match descriptor.object {
        Object::Directory(_) => Err(Errno::BadF),
        Object::Stream(_) => Err(Errno::SPipe),
        // Files are in memory or in the page cache already: there is nothing to do.
        Object::File(_) => Ok(()),
    }
}

pub(super) fn fd_allocate(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    descriptor.require_file(rights::FD_WRITE)?;
    let inode = &descriptor.file()?.inode;
    if len == 0 {
        return Err(Errno::Inval);
    }
    let end = offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::FBig)?;
    if inode.attr()?.size < end { inode.set_len(end) } else { Ok(()) }
}

pub(super) fn fd_close(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    guest.fds.remove(fd).map(drop)
}

/// witx `fdstat`: 24 bytes.
pub(super) fn fd_fdstat_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    let mut bytes = [0; 24];
    bytes[0] = match &descriptor.object {
        Object::Directory(_) => file_type(FileKind::Directory),
        Object::File(file) => file_type(file.inode.kind()),
        Object::Stream(stream) => stream_type(stream),
    };
    bytes[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&descriptor.rights.to_le_bytes());
    bytes[16..24].copy_from_slice(&descriptor.inheriting.to_le_bytes());
    memory.write(stat, &bytes)
}

/// A terminal is a character device; witx has no type for pipes.
fn stream_type(stream: &Stream) -> u8 {
    if stream.is_terminal() { file_type(FileKind::CharDevice) } else { file_type(FileKind::Fifo) }
}

pub(super) fn fd_fdstat_set_flags(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    descriptor.flags = checked_flags(flags)?;
    Ok(())
}

/// witx `fdflags`.
pub(super) fn checked_flags(flags: u32) -> Result<u16> {
    u16::try_from(flags).ok().filter(|flags| flags & !flags::ALL == 0).ok_or(Errno::Inval)
}

/// Rights can be given up, never gained.
pub(super) fn fd_fdstat_set_rights(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    if base & !descriptor.rights != 0 || inheriting & !descriptor.inheriting != 0 {
        return Err(Errno::NotCapable);
    }
    descriptor.rights = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

pub(super) fn fd_filestat_get(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    snapshot: Snapshot,
    fd: u32,
    stat: u32,
) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    let found = match &descriptor.object {
        Object::Stream(stream) => FileStat::empty(snapshot, stream_type(stream)),
        _ => FileStat::new(snapshot, &descriptor.inode()?.attr()?),
    };
    memory.write(stat, found.bytes())
}

pub(super) fn fd_filestat_set_size(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, size: u64) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    descriptor.require_file(rights::FD_WRITE)?;
    let file = match descriptor.file() {
        Err(Errno::SPipe) => return Err(Errno::Inval),
        file => file?,
    };
    if i64::try_from(size).is_err() {
        return Err(Errno::FBig);
    }
    file.inode.set_len(size)
}

pub(super) fn fd_filestat_set_times(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    flags: u32,
) -> Result<()> {
    let change = set_times(atim, mtim, flags)?;
    guest.fds.descriptor(fd)?.inode()?.set_attr(&change).map(drop)
}

pub(super) fn fd_read(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    list: u32,
    count: u32,
    nread: u32,
) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    descriptor.require_file(rights::FD_READ)?;
    memory.check_buffers(list, count)?;
    let nonblocking = descriptor.is_nonblocking();
    let read = match &mut descriptor.object {
        Object::Directory(_) => return Err(Errno::IsDir),
        Object::Stream(Stream::Output(_)) => return Err(Errno::BadF),
        Object::File(file) => {
            let read = read_file(file, memory, list, count, file.offset)?;
            file.offset += u64::from(read);
            read
        }
        Object::Stream(Stream::Input(input)) => {
            let mut first = None;
            for index in 0..count {
                let buffer = memory.buffer(list, index)?;
                if buffer.len > 0 {
                    first = Some(buffer);
                    break;
                }
            }
            match first {
                None => 0,
                Some(Buffer { pointer, len }) => {
                    input.read(&guest.control, memory.slice_mut(pointer, len)?, nonblocking)? as u32
                }
            }
        }
    };
    memory.write_u32(nread, read)
}

pub(super) fn fd_pread(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    list: u32,
    count: u32,
    offset: u64,
    nread: u32,
) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    descriptor.require_file(rights::FD_READ)?;
    memory.check_buffers(list, count)?;
    let file = descriptor.file()?;
    let read = read_file(file, memory, list, count, checked_offset(offset)?)?;
    memory.write_u32(nread, read)
}

/// Fills the buffers one after another, until the file gives less than one takes.
fn read_file(file: &File, memory: &mut GuestMemory<'_>, list: u32, count: u32, offset: u64) -> Result<u32> {
    let mut read = 0;
    for index in 0..count {
        let Buffer { pointer, len } = memory.buffer(list, index)?;
        let got = match file.inode.read_at(memory.slice_mut(pointer, len)?, offset + u64::from(read)) {
            Ok(got) => got as u32,
            // What was read before is told first.
            Err(_) if read > 0 => break,
            Err(errno) => return Err(errno),
        };
        read += got;
        if got < len {
            break;
        }
    }
    Ok(read)
}

pub(super) fn fd_write(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    list: u32,
    count: u32,
    nwritten: u32,
) -> Result<()> {
    let Guest { fds, control, scratch, .. } = guest;
    let descriptor = fds.descriptor(fd)?;
    descriptor.require_file(rights::FD_WRITE)?;
    let total = memory.check_buffers(list, count)?;
    let appends = descriptor.flags & flags::APPEND != 0;
    let written = match &mut descriptor.object {
        Object::Directory(_) => return Err(Errno::IsDir),
        Object::Stream(Stream::Input(_)) => return Err(Errno::BadF),
        Object::File(file) => {
            let mut offset = file.offset;
            let written = gather(memory, (list, count, total), scratch, |bytes| {
                if appends {
                    let (len, end) = file.inode.append(bytes)?;
                    offset = end;
                    return Ok(len);
                }
                let len = file.inode.write_at(bytes, checked_end(offset, bytes.len())?)?;
                offset += len as u64;
                Ok(len)
            })?;
            file.offset = offset;
            written
        }
        Object::Stream(Stream::Output(output)) => {
            gather(memory, (list, count, total), scratch, |bytes| output.write(control, bytes))?
        }
    };
    memory.write_u32(nwritten, written)
}

pub(super) fn fd_pwrite(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    list: u32,
    count: u32,
    offset: u64,
    nwritten: u32,
) -> Result<()> {
    let Guest { fds, scratch, .. } = guest;
    let descriptor = fds.descriptor(fd)?;
    descriptor.require_file(rights::FD_WRITE)?;
    let total = memory.check_buffers(list, count)?;
    let appends = descriptor.flags & flags::APPEND != 0;
    let file = descriptor.file()?;
    let mut offset = checked_offset(offset)?;
    let written = gather(memory, (list, count, total), scratch, |bytes| {
        // As on Linux, which is what guests are tested on: with the flag it appends, whatever the offset.
        if appends {
            return file.inode.append(bytes).map(|(len, _)| len);
        }
        let len = file.inode.write_at(bytes, checked_end(offset, bytes.len())?)?;
        offset += len as u64;
        Ok(len)
    })?;
    memory.write_u32(nwritten, written)
}

/// Writes the buffers with as few calls of `write` as can be: one where there is one, or where all together are short.
fn gather(
    memory: &GuestMemory<'_>,
    (list, count, total): (u32, u32, u32),
    scratch: &mut Vec<u8>,
    mut write: impl FnMut(&[u8]) -> Result<usize>,
) -> Result<u32> {
    if count > 1 && total <= JOINED_MAX {
        scratch.clear();
        for index in 0..count {
            let Buffer { pointer, len } = memory.buffer(list, index)?;
            scratch.extend_from_slice(memory.slice(pointer, len)?);
        }
        return write(scratch).map(|len| len as u32);
    }
    let mut written = 0;
    for index in 0..count {
        let Buffer { pointer, len } = memory.buffer(list, index)?;
        match write(memory.slice(pointer, len)?) {
            Ok(got) => {
                written += got as u32;
                if (got as u32) < len {
                    break;
                }
            }
            // What was written before is told first, unless the guest has to stop.
            Err(errno) if written == 0 || errno == Errno::Intr => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(written)
}

fn checked_offset(offset: u64) -> Result<u64> {
    if i64::try_from(offset).is_ok() { Ok(offset) } else { Err(Errno::Inval) }
}

/// `offset`, if `len` bytes behind it can be counted.
fn checked_end(offset: u64, len: usize) -> Result<u64> {
    match offset.checked_add(len as u64) {
        Some(end) if i64::try_from(end).is_ok() => Ok(offset),
        _ => Err(Errno::FBig),
    }
}

/// witx `prestat`: 8 bytes, the tag 0 for directories, and the length of the name.
pub(super) fn fd_prestat_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, prestat: u32) -> Result<()> {
    let name = preopened(guest, fd)?;
    memory.write_u64(prestat, (name.len() as u64) << 32)
}

pub(super) fn fd_prestat_dir_name(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let name = preopened(guest, fd)?;
    if (len as usize) < name.len() {
        return Err(Errno::NameTooLong);
    }
    memory.write(path, name.as_bytes())
}

fn preopened(guest: &mut Guest, fd: u32) -> Result<&'static str> {
    match &guest.fds.descriptor(fd)?.object {
        Object::Directory(directory) => directory.preopened.ok_or(Errno::BadF),
        _ => Err(Errno::BadF),
    }
}

/// witx `fd_readdir`: as much of the entries behind `cookie` as fits, the last one cut off.
pub(super) fn fd_readdir(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    len: u32,
    cookie: u64,
    used: u32,
) -> Result<()> {
    let (directory, _) = guest.fds.directory(fd)?;
    let place = &directory.place;
    let mut entries = Entries { buf: memory.slice_mut(buf, len)?, used: 0 };
    if cookie < OWN_ENTRIES {
        let ino = place.inode().attr()?.ino;
        let above = match place.parent() {
            Some(parent) => parent.inode().attr()?.ino,
            None => ino,
        };
        if cookie == 0 {
            entries.push(1, ino, FileKind::Directory, b".");
        }
        entries.push(2, above, FileKind::Directory, b"..");
    }
    if !entries.is_full() {
        let from: Cookie = cookie.saturating_sub(OWN_ENTRIES);
        place.inode().read_dir(from, &mut |entry| {
            entries.push(entry.next + OWN_ENTRIES, entry.ino, entry.kind, entry.name.as_bytes());
            if entries.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    let filled = entries.used as u32;
    memory.write_u32(used, filled)
}

/// witx `dirent` (24 bytes) with the name behind it, back to back.
struct Entries<'a> {
    buf: &'a mut [u8],
    used: usize,
}

impl Entries<'_> {
    fn is_full(&self) -> bool {
        self.used == self.buf.len()
    }

    fn push(&mut self, next: u64, ino: u64, kind: FileKind, name: &[u8]) {
        let mut head = [0; 24];
        head[0..8].copy_from_slice(&next.to_le_bytes());
        head[8..16].copy_from_slice(&ino.to_le_bytes());
        head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
        head[20] = file_type(kind);
        self.copy(&head);
        self.copy(name);
    }

    fn copy(&mut self, bytes: &[u8]) {
        let room = &mut self.buf[self.used..];
        let len = bytes.len().min(room.len());
        room[..len].copy_from_slice(&bytes[..len]);
        self.used += len;
    }
}

pub(super) fn fd_renumber(guest: &mut Guest, _: &mut GuestMemory<'_>, from: u32, to: u32) -> Result<()> {
    guest.fds.renumber(from, to)
}

pub(super) fn fd_seek(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    delta: i64,
    (snapshot, whence): (Snapshot, u32),
    offset: u32,
) -> Result<()> {
    let descriptor = guest.fds.descriptor(fd)?;
    descriptor.require_file(if delta == 0 { 0 } else { rights::FD_SEEK })?;
    let file = descriptor.file()?;
    let from = match (snapshot, whence) {
        (Snapshot::One, 0) | (Snapshot::Zero, 2) => 0,
        (Snapshot::One, 1) | (Snapshot::Zero, 0) => file.offset,
        (Snapshot::One, 2) | (Snapshot::Zero, 1) => file.inode.attr()?.size,
        _ => return Err(Errno::Inval),
    };
    let target = from.checked_add_signed(delta).ok_or(Errno::Inval)?;
    file.offset = checked_offset(target)?;
    memory.write_u64(offset, target)
}

pub(super) fn fd_tell(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, offset: u32) -> Result<()> {
    let current = guest.fds.descriptor(fd)?.file()?.offset;
    memory.write_u64(offset, current)
}

pub(super) fn fd_sync(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    match &guest.fds.descriptor(fd)?.object {
        Object::Stream(Stream::Output(_)) => Ok(()),
        Object::Stream(Stream::Input(_)) => Err(Errno::Inval),
        Object::File(file) => file.inode.sync(),
        Object::Directory(directory) => directory.place.inode().sync(),
    }
}

impl Descriptor {
    /// The right to do something with a file; directories and streams have their own errors.
    fn require_file(&self, right: u64) -> Result<()> {
        match self.object {
            Object::File(_) => self.require(right),
            _ => Ok(()),
        }
    }
}
