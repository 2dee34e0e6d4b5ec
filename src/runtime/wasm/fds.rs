//! `Fds`: the descriptors of a guest.

use std::sync::Arc;

use super::streams::Stream;
use crate::vfs::{Errno, InodeRef, Place, Result};

/// What a descriptor may be used for: the bits of witx `rights`. Most are told, not enforced: what a guest may do is
/// decided by its file system. Guests can give rights up, though, and those they gave up for good are enforced where
/// programs rely on it: reading, writing, and cutting files by path.
pub(super) mod rights {
    pub(in super::super) const FD_READ: u64 = 1 << 1;
    pub(in super::super) const FD_SEEK: u64 = 1 << 2;
    pub(in super::super) const FD_WRITE: u64 = 1 << 6;
    pub(in super::super) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    /// All rights that there are.
    pub(in super::super) const ALL: u64 = (1 << 30) - 1;
    /// Those of directories: `fd_fdstat_set_flags`, `fd_sync`, all that begin with `path_`, `fd_readdir`, and the two
    /// about the directory's own attributes.
    pub(in super::super) const DIRECTORY: u64 = 1 << 3 | 1 << 4 | 0xfff << 9 | 1 << 21 | 0xf << 23;
    /// Those of files: all that begin with `fd_`, and `poll_fd_readwrite`.
    pub(in super::super) const FILE: u64 = 0x1ff | 0b111 << 21 | 1 << 27;
    /// Those of streams: no place to seek to, which is how wasi-libc tells terminals from other devices.
    pub(in super::super) const STREAM: u64 = 1 | FD_READ | 1 << 3 | 1 << 4 | FD_WRITE | 1 << 21 | 1 << 27;
}

/// Flags of open files: the bits of witx `fdflags`.
pub(super) mod flags {
    pub(in super::super) const APPEND: u16 = 1;
    pub(in super::super) const NONBLOCK: u16 = 4;
    pub(in super::super) const ALL: u16 = 0b11111;
}

/// An open descriptor.
pub(super) struct Descriptor {
    pub(super) object: Object,
    pub(super) rights: u64,
    pub(super) inheriting: u64,
    pub(super) flags: u16,
}

/// What is open.
pub(super) enum Object {
    Directory(Directory),
    File(File),
    Stream(Stream),
}

/// An open directory.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) place: Arc<Place>,
    /// The name under which it was open from the start.
    pub(super) preopened: Option<&'static str>,
}

/// An open file that is no directory.
pub(super) struct File {
    pub(super) inode: InodeRef,
    pub(super) offset: u64,
}

/// The table of descriptors: the lowest free number is given first.
pub(super) struct Fds {
    slots: Vec<Option<Descriptor>>,
    /// No slot below is free.
    lowest: usize,
    limit: u32,
}

impl Descriptor {
    /// With all rights that the kind of object has.
    pub(super) fn new(object: Object) -> Descriptor {
        let (rights, inheriting) = match &object {
            Object::Directory(_) => (rights::DIRECTORY, rights::ALL),
            Object::File(_) => (rights::FILE, 0),
            Object::Stream(_) => (rights::STREAM, 0),
        };
        Descriptor { object, rights, inheriting, flags: 0 }
    }

    pub(super) fn is_nonblocking(&self) -> bool {
        self.flags & flags::NONBLOCK != 0
    }

    pub(super) fn require(&self, right: u64) -> Result<()> {
        if self.rights & right == right { Ok(()) } else { Err(Errno::BadF) }
    }

    /// The open file; [`Errno::IsDir`] and [`Errno::SPipe`] for what is none.
    pub(super) fn file(&mut self) -> Result<&mut File> {
        match &mut self.object {
            Object::File(file) => Ok(file),
            Object::Directory(_) => Err(Errno::IsDir),
            Object::Stream(_) => Err(Errno::SPipe),
        }
    }

    /// The inode of an open file or directory; [`Errno::Inval`] for streams.
    pub(super) fn inode(&self) -> Result<&InodeRef> {
        match &self.object {
            Object::File(file) => Ok(&file.inode),
            Object::Directory(directory) => Ok(directory.place.inode()),
            Object::Stream(_) => Err(Errno::Inval),
        }
    }
}

impl Fds {
    /// A table that holds `descriptors` from 0 on, and at most `limit`.
    pub(super) fn new(descriptors: Vec<Descriptor>, limit: u32) -> Fds {
        let lowest = descriptors.len();
        Fds { slots: descriptors.into_iter().map(Some).collect(), lowest, limit }
    }

    pub(super) fn descriptor(&mut self, fd: u32) -> Result<&mut Descriptor> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
    }

    pub(super) fn directory(&self, fd: u32) -> Result<(&Directory, &Descriptor)> {
        let descriptor = self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BadF)?;
        match &descriptor.object {
            Object::Directory(directory) => Ok((directory, descriptor)),
            _ => Err(Errno::NotDir),
        }
    }

    /// Whether another descriptor can be opened; [`Errno::MFile`] where not.
    pub(super) fn check_room(&self) -> Result<()> {
        if (self.lowest as u64) < u64::from(self.limit) { Ok(()) } else { Err(Errno::MFile) }
    }

    /// Opens `descriptor` under the lowest free number.
    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Result<u32> {
        self.check_room()?;
        let fd = self.lowest;
        match self.slots.get_mut(fd) {
            Some(slot) => *slot = Some(descriptor),
            None => self.slots.push(Some(descriptor)),
        }
        let free = self.slots[fd..].iter().position(Option::is_none);
        self.lowest = free.map_or(self.slots.len(), |ahead| fd + ahead);
        Ok(fd as u32)
    }

    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor> {
        let removed = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::BadF)?;
        self.lowest = self.lowest.min(fd as usize);
        Ok(removed)
    }

    /// Gives the descriptor `from` the number of the open descriptor `to`, which is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<()> {
        self.descriptor(from)?;
        self.descriptor(to)?;
        if from != to {
            let moved = self.remove(from)?;
            self.slots[to as usize] = Some(moved);
        }
        Ok(())
    }
}
