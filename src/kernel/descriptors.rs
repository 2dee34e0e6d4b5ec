//! Calls on descriptors: pipes, copies, flags, locks, reading and writing at the file's own place.

use std::sync::Arc;

use super::fds::Descriptor;
use super::locks::LockMode;
use super::open_file::{Object, OpenFile, flags};
use super::pipe::{pipe, socket_pair};
use super::signal::Signal;
use super::task::Task;
use crate::vfs::{Errno, MemFsOptions, Name, NewInode, NewKind, Result, memfs};

/// The largest file in memory alone (`memfd`).
const MEMORY_FILE_MAX: u64 = 4 << 30;

impl Task {
    /// pipe2(2): the ends to read and to write.
    pub fn pipe(&mut self, status: u32) -> Result<(u32, u32)> {
        let (reads, writes) = pipe();
        let reads = OpenFile::stream(reads, flags::READ_ONLY | status & flags::NONBLOCK);
        let writes = OpenFile::stream(writes, flags::WRITE_ONLY | status & flags::NONBLOCK);
        self.insert_pair(reads, writes, status)
    }

    /// socketpair(2) of connected streams.
    pub fn socket_pair(&mut self, status: u32) -> Result<(u32, u32)> {
        let (one, other) = socket_pair();
        let status = flags::READ_WRITE | status & (flags::NONBLOCK | flags::CLOEXEC);
        self.insert_pair(OpenFile::stream(one, status), OpenFile::stream(other, status), status)
    }

    /// Opens two files, or none of them.
    pub(super) fn insert_pair(&mut self, one: OpenFile, other: OpenFile, status: u32) -> Result<(u32, u32)> {
        let cloexec = status & flags::CLOEXEC != 0;
        let first = self.fds.insert(Descriptor::closed_on_exec(Arc::new(one), cloexec))?;
        match self.fds.insert(Descriptor::closed_on_exec(Arc::new(other), cloexec)) {
            Ok(second) => Ok((first, second)),
            Err(errno) => {
                self.fds.remove(first)?;
                Err(errno)
            }
        }
    }

    /// memfd_create(2): a file without a name.
    pub fn memory_file(&mut self, status: u32) -> Result<u32> {
        let root = memfs(&MemFsOptions { limit_bytes: MEMORY_FILE_MAX, ..MemFsOptions::default() });
        let name = Name::new(b"memory")?;
        let new = NewInode { uid: self.users.uid(), gid: self.users.gid(), ..NewInode::new(NewKind::Regular, 0o777) };
        let inode = root.create(name, &new)?;
        root.unlink(name)?;
        let file = OpenFile::new(Object::File(inode), flags::READ_WRITE);
        self.fds.insert(Descriptor::closed_on_exec(Arc::new(file), status & flags::CLOEXEC != 0))
    }

    /// fcntl(2) `F_DUPFD`: a copy under the lowest free number from `least` on.
    pub fn dup(&mut self, fd: u32, least: u32, cloexec: bool) -> Result<u32> {
        let copy = Descriptor { cloexec, preopened: None, ..self.fds.descriptor(fd)?.clone() };
        if least >= self.fds.limit() {
            return Err(Errno::Inval);
        }
        self.fds.insert_from(least, copy)
    }

    /// dup3(2), but that nothing happens where both are the same.
    pub fn dup_to(&mut self, fd: u32, to: u32, cloexec: bool) -> Result<()> {
        let copy = Descriptor { cloexec, preopened: None, ..self.fds.descriptor(fd)?.clone() };
        if fd == to {
            return Ok(());
        }
        self.fds.replace(to, copy).map(drop)
    }

    /// close(2).
    pub fn close(&mut self, fd: u32) -> Result<()> {
        self.fds.remove(fd).map(drop)
    }

    /// flock(2).
    pub fn lock_file(&mut self, fd: u32, mode: LockMode, nonblocking: bool) -> Result<()> {
        let file = self.fds.file(fd)?;
        self.kernel.locks.set(&self.process, file, mode, nonblocking)
    }

    /// How many of `len` bytes may be written to a file at `offset`. SIGXFSZ and [`Errno::FBig`] where that is nothing.
    pub fn writable_len(&self, offset: u64, len: usize) -> Result<usize> {
        let Some(limit) = self.file_size else { return Ok(len) };
        let left = limit.saturating_sub(offset);
        if left == 0 && len > 0 {
            self.kernel.post(&self.process, Signal::XFSZ);
            return Err(Errno::FBig);
        }
        Ok(len.min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    /// Whether a file may become this long.
    pub fn check_size(&self, size: u64) -> Result<()> {
        match self.file_size {
            Some(limit) if size > limit => self.writable_len(limit, 1).map(drop),
            _ => Ok(()),
        }
    }

    /// A write failed because nobody reads: the signal that goes with it.
    pub fn broken_pipe(&self) -> Errno {
        self.kernel.post(&self.process, Signal::PIPE);
        Errno::Pipe
    }
}
