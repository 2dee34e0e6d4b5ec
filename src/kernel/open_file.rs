//! `OpenFile`: an open file description, shared by all descriptors that were made of it by dup and by inheritance.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::locks::FileLocks;
use super::process::Process;
use super::tty::Tty;
use super::wait::WaitQueue;
use crate::vfs::{Attr, Device, Errno, FileKind, InodeRef, Place, Result, Timespec};

/// Bits of open(2)'s flags, as on Linux.
pub mod flags {
    /// The bits of the access mode.
    pub const ACCESS: u32 = 3;
    /// Reading alone.
    pub const READ_ONLY: u32 = 0;
    /// Writing alone.
    pub const WRITE_ONLY: u32 = 1;
    /// Both.
    pub const READ_WRITE: u32 = 2;
    /// Make what is missing.
    pub const CREATE: u32 = 0o100;
    /// It must be missing.
    pub const EXCLUSIVE: u32 = 0o200;
    /// A terminal does not become the session's.
    pub const NO_CTTY: u32 = 0o400;
    /// Cut the file.
    pub const TRUNCATE: u32 = 0o1000;
    /// Every write goes to the end.
    pub const APPEND: u32 = 0o2000;
    /// No waiting.
    pub const NONBLOCK: u32 = 0o4000;
    /// It must be a directory.
    pub const DIRECTORY: u32 = 0o200000;
    /// It must be no symbolic link.
    pub const NO_FOLLOW: u32 = 0o400000;
    /// Closed on exec.
    pub const CLOEXEC: u32 = 0o2000000;

    /// Whether a link that the path names last is followed.
    pub fn follow(status: u32) -> crate::vfs::Follow {
        let is_exclusive = status & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE;
        if is_exclusive || status & NO_FOLLOW != 0 { crate::vfs::Follow::No } else { crate::vfs::Follow::Yes }
    }
}

/// What a stream is ready for: the bits of poll(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready(pub u16);

impl Ready {
    /// A read does not wait.
    pub const IN: u16 = 1;
    /// A write does not wait.
    pub const OUT: u16 = 4;
    /// Something is wrong with it: nobody reads.
    pub const ERR: u16 = 8;
    /// The other end is closed.
    pub const HUP: u16 = 16;
    /// It is no open descriptor.
    pub const INVALID: u16 = 32;

    /// Whether one of `bits` is set.
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }
}

/// Something open that is no file: an end of a pipe, a terminal, a stream of the host.
pub trait Stream: Any + Send + Sync {
    /// Reads what is there, at least a byte, into `buf`, which is not empty; 0 at the end. Waits while there is nothing, or
    /// fails with [`Errno::Again`] if it is `nonblocking`.
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        let _ = (process, buf, nonblocking);
        Err(Errno::BadF)
    }

    /// Writes `buf`, all of it unless it is `nonblocking` or broken off, and returns how much was taken.
    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        let _ = (process, buf, nonblocking);
        Err(Errno::BadF)
    }

    /// What can be done without waiting.
    fn ready(&self) -> Ready;

    /// Who waits for a change of [`ready`](Stream::ready).
    fn queue(&self) -> &WaitQueue;

    /// Who waits for room to write, if they stand elsewhere.
    fn second_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// How many bytes can be read without waiting.
    fn available(&self) -> u64 {
        0
    }

    /// Whether readiness is known to the host alone (its standard input).
    fn is_host_input(&self) -> bool {
        false
    }

    /// What stat(2) tells.
    fn attr(&self) -> Attr {
        stream_attr(FileKind::Fifo, 0o600)
    }

    /// The terminal that it is a side of, if it is one.
    fn terminal(&self) -> Option<&Arc<Tty>> {
        None
    }

    /// Whether it is a terminal of the host's, which the guest cannot set up.
    fn is_host_terminal(&self) -> bool {
        false
    }
}

/// The attributes of a stream.
pub fn stream_attr(kind: FileKind, mode: u16) -> Attr {
    let now = Timespec::stamp();
    Attr {
        dev: 0,
        ino: 0,
        kind,
        mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: Device::default(),
        size: 0,
        atime: now,
        mtime: now,
        ctime: now,
    }
}

/// What is open.
pub enum Object {
    /// A file that is no directory, and no stream.
    File(InodeRef),
    /// A directory.
    Directory(Arc<Place>),
    /// All else.
    Stream(Arc<dyn Stream>),
}

/// An open file description: open(2).
pub struct OpenFile {
    /// What is open.
    pub object: Object,
    offset: Mutex<u64>,
    /// Access mode, `APPEND` and `NONBLOCK`.
    status: AtomicU32,
    /// Those that it was locked in: a lock goes with the open file.
    locks: OnceLock<Arc<FileLocks>>,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(locks) = self.locks.get() {
            locks.look_again();
        }
    }
}

impl OpenFile {
    /// Opens `object`; `status` has the bits of [`flags`] that stay.
    pub fn new(object: Object, status: u32) -> OpenFile {
        let kept = status & (flags::ACCESS | flags::APPEND | flags::NONBLOCK);
        OpenFile { object, offset: Mutex::new(0), status: AtomicU32::new(kept), locks: OnceLock::new() }
    }

    /// A stream.
    pub fn stream(stream: impl Stream, status: u32) -> OpenFile {
        OpenFile::new(Object::Stream(Arc::new(stream)), status)
    }

    /// Access mode, `APPEND` and `NONBLOCK`.
    pub fn status(&self) -> u32 {
        self.status.load(Ordering::Relaxed)
    }

    /// Changes `APPEND` and `NONBLOCK`.
    pub fn set_status(&self, status: u32) {
        const CHANGED: u32 = flags::APPEND | flags::NONBLOCK;
        let kept = self.status() & !CHANGED;
        self.status.store(kept | status & CHANGED, Ordering::Relaxed);
    }

    /// Whether writes go to the end.
    pub fn appends(&self) -> bool {
        self.status() & flags::APPEND != 0
    }

    /// Whether nothing waits.
    pub fn is_nonblocking(&self) -> bool {
        self.status() & flags::NONBLOCK != 0
    }

    /// Whether it was opened for reading.
    pub fn is_readable(&self) -> bool {
        self.status() & flags::ACCESS != flags::WRITE_ONLY
    }

    /// Whether it was opened for writing.
    pub fn is_writable(&self) -> bool {
        self.status() & flags::ACCESS != flags::READ_ONLY
    }

    /// Has those who wait for a lock told when the file is closed for good.
    pub(super) fn note_lock(&self, locks: &Arc<FileLocks>) {
        let _ = self.locks.set(locks.clone());
    }

    /// The place in the file, held while it is read or written there.
    pub fn offset(&self) -> MutexGuard<'_, u64> {
        self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file; [`Errno::IsDir`] and [`Errno::SPipe`] for what is none.
    pub fn file(&self) -> Result<&InodeRef> {
        match &self.object {
            Object::File(inode) => Ok(inode),
            Object::Directory(_) => Err(Errno::IsDir),
            Object::Stream(_) => Err(Errno::SPipe),
        }
    }

    /// The open directory; [`Errno::NotDir`] for what is none.
    pub fn directory(&self) -> Result<&Arc<Place>> {
        match &self.object {
            Object::Directory(place) => Ok(place),
            _ => Err(Errno::NotDir),
        }
    }

    /// The inode of a file or a directory; [`Errno::Inval`] for streams.
    pub fn inode(&self) -> Result<&InodeRef> {
        match &self.object {
            Object::File(inode) => Ok(inode),
            Object::Directory(place) => Ok(place.inode()),
            Object::Stream(_) => Err(Errno::Inval),
        }
    }

    /// Writes `text` where the file is, or at its end.
    pub fn write_text(&self, process: &Process, text: &[u8]) -> Result<usize> {
        match &self.object {
            Object::Stream(stream) => stream.write(process, text, true),
            Object::Directory(_) => Err(Errno::IsDir),
            Object::File(inode) if self.appends() => inode.append(text).map(|(len, _)| len),
            Object::File(inode) => {
                let mut offset = self.offset();
                let len = inode.write_at(text, *offset)?;
                *offset += len as u64;
                Ok(len)
            }
        }
    }

    /// What stat(2) tells.
    pub fn attr(&self) -> Result<Attr> {
        match &self.object {
            Object::Stream(stream) => Ok(stream.attr()),
            _ => self.inode()?.attr(),
        }
    }

    /// What can be done without waiting. Files are always ready.
    pub fn ready(&self) -> Ready {
        match &self.object {
            Object::Stream(stream) => stream.ready(),
            _ => Ready(Ready::IN | Ready::OUT),
        }
    }
}
