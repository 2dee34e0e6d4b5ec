//! Calls on descriptors: witx `fd_*`.

use std::ops::ControlFlow;

use super::types::{FileStat, file_type, set_times};
use super::{Snapshot, start};
use crate::kernel::{Descriptor, Object, OpenFile, Stream, Task};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::{Buffer, GuestMemory};
use crate::runtime::wasm::rights;
use crate::vfs::{Cookie, Errno, FileKind, InodeRef, Result};

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
    let file = guest.task.fds.file(fd)?;
    if advice > 5 {
        return Err(Errno::Inval);
    }
    match file.object {
        Object::Directory(_) => Err(Errno::BadF),
        Object::Stream(_) => Err(Errno::SPipe),
        // Files are in memory or in the page cache already: there is nothing to do.
        Object::File(_) => Ok(()),
    }
}

pub(super) fn fd_allocate(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> Result<()> {
    let descriptor = guest.task.fds.descriptor(fd)?;
    require_of_file(descriptor, rights::FD_WRITE)?;
    let inode = descriptor.file.file()?;
    if len == 0 {
        return Err(Errno::Inval);
    }
    let end = offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::FBig)?;
    if inode.attr()?.size >= end {
        return Ok(());
    }
    guest.task.check_size(end)?;
    inode.set_len(end)
}

pub(super) fn fd_close(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    guest.task.close(fd)
}

/// witx `fdstat`: 24 bytes.
pub(super) fn fd_fdstat_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Result<()> {
    let mut bytes = [0; 24];
    if fd == start::CWD || guest.foreign.root == Some(fd) {
        bytes[0] = file_type(FileKind::Directory);
        bytes[8..16].copy_from_slice(&rights::ALL.to_le_bytes());
        bytes[16..24].copy_from_slice(&rights::ALL.to_le_bytes());
        return memory.write(stat, &bytes);
    }
    let descriptor = guest.task.fds.descriptor(fd)?;
    bytes[0] = match &descriptor.file.object {
        Object::Directory(_) => file_type(FileKind::Directory),
        Object::File(inode) => file_type(inode.kind()),
        Object::Stream(stream) => stream_type(&**stream),
    };
    bytes[2..4].copy_from_slice(&rights::fdflags(descriptor.file.status()).to_le_bytes());
    bytes[8..16].copy_from_slice(&rights::of(descriptor).to_le_bytes());
    bytes[16..24].copy_from_slice(&rights::inheriting(descriptor).to_le_bytes());
    memory.write(stat, &bytes)
}

/// A terminal is a character device; witx has no type for pipes.
fn stream_type(stream: &dyn Stream) -> u8 {
    file_type(stream.attr().kind)
}

pub(super) fn fd_fdstat_set_flags(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<()> {
    let file = guest.task.fds.file(fd)?;
    file.set_status(rights::status(flags)?);
    Ok(())
}

/// Rights can be given up, never gained.
pub(super) fn fd_fdstat_set_rights(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<()> {
    let descriptor = guest.task.fds.descriptor_mut(fd)?;
    if base & !rights::of(descriptor) != 0 || inheriting & !rights::inheriting(descriptor) != 0 {
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
    let file = guest.task.fds.file(fd)?;
    let found = match &file.object {
        Object::Stream(stream) => FileStat::empty(snapshot, stream_type(&**stream)),
        _ => FileStat::new(snapshot, &file.attr()?),
    };
    memory.write(stat, found.bytes())
}

pub(super) fn fd_filestat_set_size(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, size: u64) -> Result<()> {
    let descriptor = guest.task.fds.descriptor(fd)?;
    require_of_file(descriptor, rights::FD_WRITE)?;
    let inode = match descriptor.file.file() {
        Err(Errno::SPipe) => return Err(Errno::Inval),
        inode => inode?,
    };
    if i64::try_from(size).is_err() {
        return Err(Errno::FBig);
    }
    guest.task.check_size(size)?;
    inode.set_len(size)
}

pub(super) fn fd_filestat_set_times(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    flags: u32,
) -> Result<()> {
    let (change, is_now) = set_times(atim, mtim, flags)?;
    guest.task.change_times(guest.task.fds.file(fd)?.inode()?, &change, is_now)
}

pub(super) fn fd_read(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    list: u32,
    count: u32,
    nread: u32,
) -> Result<()> {
    let task = &guest.task;
    let descriptor = task.fds.descriptor(fd)?;
    require_of_file(descriptor, rights::FD_READ)?;
    memory.check_buffers(list, count)?;
    let file = &descriptor.file;
    let read = match &file.object {
        Object::Directory(_) => return Err(Errno::IsDir),
        Object::File(inode) => {
            let mut offset = file.offset();
            let read = read_file(inode, memory, list, count, *offset)?;
            *offset += u64::from(read);
            read
        }
        Object::Stream(_) if !file.is_readable() => return Err(Errno::BadF),
        Object::Stream(stream) => {
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
                    let buf = memory.slice_mut(pointer, len)?;
                    stream.read(&task.process, buf, file.is_nonblocking())? as u32
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
    let descriptor = guest.task.fds.descriptor(fd)?;
    require_of_file(descriptor, rights::FD_READ)?;
    memory.check_buffers(list, count)?;
    let read = read_file(descriptor.file.file()?, memory, list, count, checked_offset(offset)?)?;
    memory.write_u32(nread, read)
}

/// Fills the buffers one after another, until the file gives less than one takes.
fn read_file(inode: &InodeRef, memory: &mut GuestMemory<'_>, list: u32, count: u32, offset: u64) -> Result<u32> {
    let mut read = 0;
    for index in 0..count {
        let Buffer { pointer, len } = memory.buffer(list, index)?;
        let got = match inode.read_at(memory.slice_mut(pointer, len)?, offset + u64::from(read)) {
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
    let Guest { task, scratch, .. } = guest;
    let descriptor = task.fds.descriptor(fd)?;
    require_of_file(descriptor, rights::FD_WRITE)?;
    let total = memory.check_buffers(list, count)?;
    let file = &descriptor.file;
    let buffers = (list, count, total);
    let written = match &file.object {
        Object::Directory(_) => return Err(Errno::IsDir),
        Object::File(inode) => {
            let mut offset = file.offset();
            gather(memory, buffers, scratch, |bytes| write_file(task, file, inode, bytes, &mut offset))?
        }
        Object::Stream(_) if !file.is_writable() => return Err(Errno::BadF),
        Object::Stream(stream) => {
            let nonblocking = file.is_nonblocking();
            gather(memory, buffers, scratch, |bytes| match stream.write(&task.process, bytes, nonblocking) {
                Err(Errno::Pipe) => Err(task.broken_pipe()),
                written => written,
            })?
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
    let Guest { task, scratch, .. } = guest;
    let descriptor = task.fds.descriptor(fd)?;
    require_of_file(descriptor, rights::FD_WRITE)?;
    let total = memory.check_buffers(list, count)?;
    let file = &descriptor.file;
    let inode = file.file()?;
    let mut offset = checked_offset(offset)?;
    // As on Linux, which is what guests are tested on: a file that is open for appending is appended to, whatever the offset.
    let written =
        gather(memory, (list, count, total), scratch, |bytes| write_file(task, file, inode, bytes, &mut offset))?;
    memory.write_u32(nwritten, written)
}

/// Writes at `offset`, or at the end of a file that is open for appending, and moves `offset` behind what was written.
fn write_file(task: &Task, file: &OpenFile, inode: &InodeRef, bytes: &[u8], offset: &mut u64) -> Result<usize> {
    if file.appends() {
        if task.file_size.is_some() {
            task.writable_len(inode.attr()?.size, bytes.len())?;
        }
        let (len, end) = inode.append(bytes)?;
        *offset = end;
        return Ok(len);
    }
    let allowed = task.writable_len(*offset, bytes.len())?;
    let len = inode.write_at(&bytes[..allowed], checked_end(*offset, allowed)?)?;
    *offset += len as u64;
    Ok(len)
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
    match guest.foreign.root {
        Some(root) if root == fd => Ok("/"),
        _ => guest.task.fds.descriptor(fd)?.preopened.ok_or(Errno::BadF),
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
    let place = guest.task.fds.file(fd)?.directory()?;
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
    guest.task.fds.renumber(from, to)
}

pub(super) fn fd_seek(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    delta: i64,
    (snapshot, whence): (Snapshot, u32),
    offset: u32,
) -> Result<()> {
    let descriptor = guest.task.fds.descriptor(fd)?;
    require_of_file(descriptor, if delta == 0 { 0 } else { rights::FD_SEEK })?;
    let inode = descriptor.file.file()?;
    let mut place = descriptor.file.offset();
    let from = match (snapshot, whence) {
        (Snapshot::One, 0) | (Snapshot::Zero, 2) => 0,
        (Snapshot::One, 1) | (Snapshot::Zero, 0) => *place,
        (Snapshot::One, 2) | (Snapshot::Zero, 1) => inode.attr()?.size,
        _ => return Err(Errno::Inval),
    };
    let target = from.checked_add_signed(delta).ok_or(Errno::Inval)?;
    *place = checked_offset(target)?;
    memory.write_u64(offset, target)
}

pub(super) fn fd_tell(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, offset: u32) -> Result<()> {
    let file = guest.task.fds.file(fd)?;
    file.file()?;
    let current = *file.offset();
    memory.write_u64(offset, current)
}

pub(super) fn fd_sync(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    let file = guest.task.fds.file(fd)?;
    match &file.object {
        // The standard streams are open for both; what is written to them is passed on at once.
        Object::Stream(_) if file.is_writable() => Ok(()),
        Object::Stream(_) => Err(Errno::Inval),
        _ => file.inode()?.sync(),
    }
}

/// The right to do something with a file; directories and streams have their own errors.
fn require_of_file(descriptor: &Descriptor, right: u64) -> Result<()> {
    match descriptor.file.object {
        Object::File(_) => rights::require(descriptor, right),
        _ => Ok(()),
    }
}
