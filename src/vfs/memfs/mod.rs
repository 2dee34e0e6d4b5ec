//! `memfs`: a file system in memory, for `tmpfs` mounts and small made-up trees.
//!
//! Lock order: `Shared::tree` (held by everything that changes names), then a directory's `entries`, then a file's
//! `content`, then an inode's `meta`. No two directories are locked at once.

mod dir;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use super::attr::{Attr, Device, FileKind, FsStat, SetAttr, Timespec, new_dev};
use super::chunks::Chunks;
use super::errno::{Errno, Result};
use super::inode::{Cookie, DirEntry, Inode, InodeRef, NewInode, NewKind, RenameMode};
use super::path::Name;
use super::rules::{FILE_MAX, end_of_write, mode_of_new, not_a_file};
use super::xattrs::Xattrs;
use dir::Dir;

/// What an inode costs of the size limit, besides its content.
const INODE_SIZE: u64 = 256;

/// How a [`memfs`] is made.
#[derive(Clone, Copy, Debug)]
pub struct MemFsOptions {
    /// Bytes that contents and inodes may take together; [`Errno::NoSpc`] beyond them.
    pub limit_bytes: u64,
    /// How many inodes there may be; [`Errno::NoSpc`] beyond them.
    pub limit_inodes: u64,
    /// Permission bits of the root.
    pub mode: u16,
    /// Owner of the root.
    pub uid: u32,
    /// Group of the root.
    pub gid: u32,
}

impl Default for MemFsOptions {
    fn default() -> MemFsOptions {
        MemFsOptions { limit_bytes: u64::MAX, limit_inodes: u64::MAX, mode: 0o755, uid: 0, gid: 0 }
    }
}

/// An empty file system in memory: its root directory. It lives as long as somebody holds one of its inodes.
pub fn memfs(options: &MemFsOptions) -> InodeRef {
    let fs = Arc::new(Shared {
        dev: new_dev(),
        limit_bytes: options.limit_bytes,
        limit_inodes: options.limit_inodes,
        tree: Mutex::new(()),
        next_ino: AtomicU64::new(1),
        bytes: AtomicU64::new(0),
        inodes: AtomicU64::new(1),
    });
    let new = NewInode { uid: options.uid, gid: options.gid, ..NewInode::new(NewKind::Directory, options.mode) };
    MemInode::new(fs, &new, Weak::new())
}

struct Shared {
    dev: u64,
    limit_bytes: u64,
    limit_inodes: u64,
    tree: Mutex<()>,
    next_ino: AtomicU64,
    bytes: AtomicU64,
    inodes: AtomicU64,
}

impl Shared {
    fn tree(&self) -> MutexGuard<'_, ()> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `bytes` off what is free.
    fn charge(&self, bytes: u64) -> Result<()> {
        take(&self.bytes, bytes, self.limit_bytes)
    }

    fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn take(counter: &AtomicU64, amount: u64, limit: u64) -> Result<()> {
    let fits = |used: u64| used.checked_add(amount).filter(|&sum| sum <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map(drop).map_err(|_| Errno::NoSpc)
}

struct Meta {
    mode: u16,
    nlink: u32,
    uid: u32,
    gid: u32,
    atime: Timespec,
    mtime: Timespec,
    ctime: Timespec,
    xattrs: Xattrs,
}

enum Body {
    Regular(RwLock<Chunks>),
    Directory(Dir),
    Symlink(Box<[u8]>),
    Special(Device),
}

pub(super) struct MemInode {
    this: Weak<MemInode>,
    fs: Arc<Shared>,
    ino: u64,
    kind: FileKind,
    meta: Mutex<Meta>,
    body: Body,
}

impl MemInode {
    fn new(fs: Arc<Shared>, new: &NewInode<'_>, parent: Weak<MemInode>) -> Arc<MemInode> {
        let (now, kind) = (Timespec::stamp(), new.kind.file_kind());
        let meta = Meta {
            mode: mode_of_new(new),
            nlink: if kind == FileKind::Directory { 2 } else { 1 },
            uid: new.uid,
            gid: new.gid,
            atime: now,
            mtime: new.mtime.unwrap_or(now),
            ctime: now,
            xattrs: Xattrs::default(),
        };
        let body = match new.kind {
            NewKind::Regular => Body::Regular(RwLock::default()),
            NewKind::Directory => Body::Directory(Dir::new(parent)),
            NewKind::Symlink(target) => Body::Symlink(target.into()),
            NewKind::CharDevice(device) | NewKind::BlockDevice(device) => Body::Special(device),
            NewKind::Fifo | NewKind::Socket => Body::Special(Device::default()),
        };
        let ino = fs.next_ino.fetch_add(1, Ordering::Relaxed);
        Arc::new_cyclic(|this| MemInode { this: this.clone(), fs, ino, kind, meta: Mutex::new(meta), body })
    }

    fn meta(&self) -> MutexGuard<'_, Meta> {
        self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir(&self) -> Result<&Dir> {
        match &self.body {
            Body::Directory(dir) => Ok(dir),
            _ => Err(Errno::NotDir),
        }
    }

    fn content(&self) -> Result<&RwLock<Chunks>> {
        match &self.body {
            Body::Regular(content) => Ok(content),
            _ => Err(not_a_file(self.kind)),
        }
    }

    fn size(&self) -> u64 {
        match &self.body {
            Body::Regular(content) => read(content).len(),
            Body::Directory(_) => 4096,
            Body::Symlink(target) => target.len() as u64,
            Body::Special(_) => 0,
        }
    }

    /// Notes that the content or the entries changed now.
    fn touch(&self) {
        let (now, mut meta) = (Timespec::stamp(), self.meta());
        (meta.mtime, meta.ctime) = (now, now);
    }

    fn attr_with(&self, meta: &Meta, size: u64) -> Attr {
        Attr {
            dev: self.fs.dev,
            ino: self.ino,
            kind: self.kind,
            mode: meta.mode,
            nlink: meta.nlink,
            uid: meta.uid,
            gid: meta.gid,
            rdev: if let Body::Special(device) = self.body { device } else { Device::default() },
            size,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
        }
    }

    fn write_locked(&self, content: &mut Chunks, buf: &[u8], offset: u64) -> Result<usize> {
        end_of_write(buf.len(), offset)?;
        if buf.is_empty() {
            return Ok(0);
        }
        self.fs.charge(content.growth(buf.len(), offset))?;
        content.write_at(buf, offset);
        self.touch();
        Ok(buf.len())
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Inode for MemInode {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn attr(&self) -> Result<Attr> {
        let size = self.size();
        Ok(self.attr_with(&self.meta(), size))
    }

    fn set_attr(&self, change: &SetAttr) -> Result<Attr> {
        let size = self.size();
        let mut meta = self.meta();
        meta.mode = change.mode.map_or(meta.mode, |mode| mode & 0o7777);
        meta.uid = change.uid.unwrap_or(meta.uid);
        meta.gid = change.gid.unwrap_or(meta.gid);
        meta.atime = change.atime.unwrap_or(meta.atime);
        meta.mtime = change.mtime.unwrap_or(meta.mtime);
        meta.ctime = Timespec::stamp();
        Ok(self.attr_with(&meta, size))
    }

    fn stat_fs(&self) -> Result<FsStat> {
        let used = self.fs.bytes.load(Ordering::Relaxed);
        let total = self.fs.limit_bytes;
        Ok(FsStat { total, free: total.saturating_sub(used), inodes: self.fs.inodes.load(Ordering::Relaxed) })
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        Ok(self.dir()?.find(name)?)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        self.dir()?.list(from, sink);
        Ok(())
    }

    fn create(&self, name: Name<'_>, new: &NewInode<'_>) -> Result<InodeRef> {
        Ok(self.create_entry(name, new)?)
    }

    fn link(&self, name: Name<'_>, target: &InodeRef) -> Result<()> {
        self.link_entry(name, target)
    }

    fn unlink(&self, name: Name<'_>) -> Result<()> {
        self.unlink_entry(name)
    }

    fn rmdir(&self, name: Name<'_>) -> Result<()> {
        self.rmdir_entry(name)
    }

    fn rename(&self, from: Name<'_>, to_dir: &InodeRef, to: Name<'_>, mode: RenameMode) -> Result<()> {
        self.rename_entry(from, to_dir, to, mode)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        Ok(read(self.content()?).read_at(buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        self.write_locked(&mut write(self.content()?), buf, offset)
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        let mut content = write(self.content()?);
        let end = content.len();
        let written = self.write_locked(&mut content, buf, end)?;
        Ok((written, content.len()))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut content = write(self.content()?);
        if len > FILE_MAX {
            return Err(Errno::FBig);
        }
        let held = content.held();
        content.set_len(len);
        self.fs.release(held - content.held());
        self.touch();
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.body {
            Body::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::Inval),
        }
    }

    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.meta().xattrs.value(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8]) -> Result<()> {
        let mut meta = self.meta();
        let before = meta.xattrs.clone();
        meta.xattrs.set(name, value)?;
        let (old, new) = (before.size() as u64, meta.xattrs.size() as u64);
        if let Err(errno) = self.fs.charge(new.saturating_sub(old)) {
            meta.xattrs = before;
            return Err(errno);
        }
        self.fs.release(old.saturating_sub(new));
        meta.ctime = Timespec::stamp();
        Ok(())
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        Ok(self.meta().xattrs.names())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        let mut meta = self.meta();
        let before = meta.xattrs.size();
        meta.xattrs.remove(name)?;
        self.fs.release((before - meta.xattrs.size()) as u64);
        meta.ctime = Timespec::stamp();
        Ok(())
    }
}

impl Drop for MemInode {
    fn drop(&mut self) {
        let mut held = INODE_SIZE;
        match &mut self.body {
            Body::Regular(content) => held += content.get_mut().unwrap_or_else(PoisonError::into_inner).held(),
            Body::Symlink(target) => held += target.len() as u64,
            Body::Directory(dir) => dir.dismantle(),
            Body::Special(_) => {}
        }
        held += self.meta.get_mut().unwrap_or_else(PoisonError::into_inner).xattrs.size() as u64;
        // The root is not charged for, and is the only inode that was never counted down to.
        if self.ino != 1 {
            self.fs.release(held);
            self.fs.inodes.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract;

    fn name(text: &str) -> Name<'_> {
        Name::new(text.as_bytes()).unwrap()
    }

    fn file(dir: &InodeRef, text: &str) -> Result<InodeRef> {
        dir.create(name(text), &NewInode::new(NewKind::Regular, 0o644))
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::check(contract::Lacks::default(), &|| memfs(&MemFsOptions::default()));
    }

    #[test]
    fn the_size_limit_counts_what_is_held_and_comes_back() {
        let root = memfs(&MemFsOptions { limit_bytes: 100_000, ..MemFsOptions::default() });
        let a = file(&root, "a").unwrap();
        assert_eq!(a.write_at(&[1; 90_000], 1 << 40), Ok(90_000));
        assert_eq!(a.write_at(&[1; 90_000], 0), Err(Errno::NoSpc));
        root.unlink(name("a")).unwrap();
        assert_eq!(file(&root, "b").unwrap().write_at(&[1; 90_000], 0), Err(Errno::NoSpc), "a is still held");
        drop(a);
        let b = root.lookup(name("b")).unwrap();
        assert_eq!(b.write_at(&[1; 90_000], 0), Ok(90_000));
        b.set_len(0).unwrap();
        drop(b);
        root.unlink(name("b")).unwrap();
        assert_eq!(root.stat_fs().unwrap(), FsStat { total: 100_000, free: 100_000, inodes: 1 });
    }

    #[test]
    fn the_inode_limit_holds() {
        let root = memfs(&MemFsOptions { limit_inodes: 3, ..MemFsOptions::default() });
        file(&root, "a").unwrap();
        file(&root, "b").unwrap();
        assert_eq!(file(&root, "c").err(), Some(Errno::NoSpc));
        root.unlink(name("a")).unwrap();
        file(&root, "c").unwrap();
    }

    #[test]
    fn very_deep_trees_are_dropped_without_recursion() {
        let root = memfs(&MemFsOptions::default());
        let mut dir = root.clone();
        for _ in 0..100_000 {
            dir = dir.create(name("d"), &NewInode::new(NewKind::Directory, 0o755)).unwrap();
        }
        drop(dir);
        drop(root);
    }
}
