//! Small trees that are made up and never change: what `/dev` and `/proc` are made of.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::attr::{Attr, Device, FileKind, Timespec, new_dev};
use super::errno::{Errno, Result};
use super::inode::{Cookie, DirEntry, Inode, InodeRef};
use super::path::{Name, NameBuf};
use super::rules::not_a_file;

/// Makes the inodes of one tree.
pub(super) struct Fixed {
    dev: u64,
    next_ino: AtomicU64,
    made: Timespec,
}

/// The content of a made-up file, made anew for each read.
type Content = Box<dyn Fn() -> Vec<u8> + Send + Sync>;

/// What a device does.
#[derive(Clone, Copy)]
pub(super) enum DeviceKind {
    /// Reads nothing, takes everything.
    Null,
    /// Reads zeros, takes everything.
    Zero,
    /// Reads zeros, is always full.
    Full,
    /// Reads random bytes, takes everything.
    Random,
    /// The controlling terminal of a process that has none.
    NoTerminal,
}

enum Body {
    Directory(Vec<(NameBuf, InodeRef)>),
    Symlink(Vec<u8>),
    File(Content),
    Device(DeviceKind, Device),
}

struct FixedInode {
    attr: Attr,
    body: Body,
}

impl Fixed {
    pub(super) fn new() -> Fixed {
        Fixed { dev: new_dev(), next_ino: AtomicU64::new(1), made: Timespec::stamp() }
    }

    /// A directory of these entries; names are proper ones.
    pub(super) fn directory(&self, entries: Vec<(&str, InodeRef)>) -> InodeRef {
        let subdirectories = entries.iter().filter(|(_, inode)| inode.kind() == FileKind::Directory).count();
        let proper =
            |(name, inode): (&str, InodeRef)| Name::new(name.as_bytes()).ok().map(|name| (name.to_owned(), inode));
        let entries = entries.into_iter().filter_map(proper).collect();
        self.inode(FileKind::Directory, 0o755, 2 + subdirectories as u32, Body::Directory(entries))
    }

    pub(super) fn symlink(&self, target: impl Into<Vec<u8>>) -> InodeRef {
        self.inode(FileKind::Symlink, 0o777, 1, Body::Symlink(target.into()))
    }

    /// A file that is read only. Its size is told as 0, as in `/proc`.
    pub(super) fn file(&self, content: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> InodeRef {
        self.inode(FileKind::Regular, 0o444, 1, Body::File(Box::new(content)))
    }

    pub(super) fn device(&self, kind: DeviceKind, major: u32, minor: u32) -> InodeRef {
        self.inode(FileKind::CharDevice, 0o666, 1, Body::Device(kind, Device { major, minor }))
    }

    fn inode(&self, kind: FileKind, mode: u16, nlink: u32, body: Body) -> InodeRef {
        let attr = Attr {
            dev: self.dev,
            ino: self.next_ino.fetch_add(1, Ordering::Relaxed),
            kind,
            mode,
            nlink,
            uid: 0,
            gid: 0,
            rdev: if let Body::Device(_, device) = body { device } else { Device::default() },
            size: if let Body::Symlink(target) = &body { target.len() as u64 } else { 0 },
            atime: self.made,
            mtime: self.made,
            ctime: self.made,
        };
        Arc::new(FixedInode { attr, body })
    }
}

impl Inode for FixedInode {
    fn kind(&self) -> FileKind {
        self.attr.kind
    }

    fn attr(&self) -> Result<Attr> {
        Ok(self.attr)
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        let Body::Directory(entries) = &self.body else { return Err(Errno::NotDir) };
        let found = entries.iter().find(|(entry, _)| entry.as_bytes() == name.as_bytes());
        found.map(|(_, inode)| inode.clone()).ok_or(Errno::NoEnt)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        let Body::Directory(entries) = &self.body else { return Err(Errno::NotDir) };
        for (at, (name, inode)) in (1..).zip(entries).skip(usize::try_from(from).unwrap_or(usize::MAX)) {
            let entry = DirEntry { name: name.as_name(), ino: inode.attr()?.ino, kind: inode.kind(), next: at };
            if sink(entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        match &self.body {
            Body::File(content) => {
                let content = content();
                let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or(&[]);
                let len = rest.len().min(buf.len());
                buf[..len].copy_from_slice(&rest[..len]);
                Ok(len)
            }
            Body::Device(DeviceKind::Null, _) => Ok(0),
            Body::Device(DeviceKind::Zero | DeviceKind::Full, _) => {
                buf.fill(0);
                Ok(buf.len())
            }
            Body::Device(DeviceKind::Random, _) => {
                crate::sys::random::fill(buf)?;
                Ok(buf.len())
            }
            Body::Device(DeviceKind::NoTerminal, _) => Err(Errno::Nxio),
            Body::Directory(_) | Body::Symlink(_) => Err(not_a_file(self.attr.kind)),
        }
    }

    fn write_at(&self, buf: &[u8], _offset: u64) -> Result<usize> {
        match &self.body {
            Body::Device(DeviceKind::Full, _) => Err(Errno::NoSpc),
            Body::Device(DeviceKind::NoTerminal, _) => Err(Errno::Nxio),
            Body::Device(..) => Ok(buf.len()),
            Body::File(_) => Err(Errno::RoFs),
            Body::Directory(_) | Body::Symlink(_) => Err(not_a_file(self.attr.kind)),
        }
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        self.write_at(buf, 0).map(|written| (written, 0))
    }

    /// Devices take it and do nothing, as `> /dev/null` asks.
    fn set_len(&self, _len: u64) -> Result<()> {
        match &self.body {
            Body::Device(DeviceKind::NoTerminal, _) => Err(Errno::Nxio),
            Body::Device(..) => Ok(()),
            Body::File(_) => Err(Errno::RoFs),
            Body::Directory(_) | Body::Symlink(_) => Err(not_a_file(self.attr.kind)),
        }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.body {
            Body::Symlink(target) => Ok(target.clone()),
            _ => Err(Errno::Inval),
        }
    }

    fn set_xattr(&self, _name: &[u8], _value: &[u8]) -> Result<()> {
        Err(Errno::NotSup)
    }
}
