//! `Tree`: an image as inodes of the vfs, read straight from its mapping.
//!
//! A directory keeps the inodes that were looked up in it: a second look-up is a probe of a table and a reference count. It
//! keeps inner directories for as long as it lives itself, so that one object stands for one file; files that nobody holds
//! are forgotten once a tree keeps more than [`KEPT_MAX`] of them. A file with several names is found again through one
//! table of the tree.
//!
//! Lock order: `Dir::children` before `Shared::linked`; `Shared::kept` is held with no other.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use super::children::Children;
use super::dir::{self, Entries};
use super::error::Error;
use super::image::{Image, RawInode};
use super::pack::{ContentRef, Pack};
use crate::vfs::{Attr, ContentId, Cookie, DirEntry, Errno, FileKind, FsStat, Inode, InodeRef, Name, Result};

/// How many inodes that nobody holds a tree keeps, directories not counted.
const KEPT_MAX: usize = 1 << 16;

/// The number of the file system in [`Attr::dev`].
const DEV: u64 = 0xe0f5;

/// The SHA-256 of nothing.
const EMPTY: ContentId = ContentId([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// An image with its packs, as a file system.
pub struct Tree;

impl Tree {
    /// The root directory of `image`. The packs that the image names must be among `packs`, in any order
    /// ([`Error::MissingPack`]).
    pub fn open(image: Arc<Image>, packs: Vec<Arc<Pack>>) -> std::result::Result<InodeRef, Error> {
        let find = |id| packs.iter().find(|pack| pack.id() == id).cloned().ok_or(Error::MissingPack(id));
        let packs = image.devices().iter().map(|&id| find(id)).collect::<std::result::Result<_, _>>()?;
        let root = image.root().map_err(|fault| image.damaged(fault))?;
        let shared =
            Shared { image, packs, linked: Mutex::default(), kept: Mutex::default(), kept_count: AtomicUsize::new(0) };
        Ok(TreeInode::new(&Arc::new(shared), root))
    }
}

/// What all inodes of a tree have in common.
struct Shared {
    image: Arc<Image>,
    /// By device of the image.
    packs: Vec<Arc<Pack>>,
    /// Inodes with several names.
    linked: Mutex<HashMap<u64, Weak<TreeInode>>>,
    /// Directories that keep files, in the order in which they began to.
    kept: Mutex<VecDeque<Weak<Dir>>>,
    kept_count: AtomicUsize,
}

impl Dir {
    fn take(&self) -> Vec<Arc<TreeInode>> {
        self.children.write().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Shared {
    /// The one object of an inode with several names.
    fn linked(self: &Arc<Shared>, raw: RawInode) -> Arc<TreeInode> {
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inode) = linked.get(&raw.nid).and_then(Weak::upgrade) {
            return inode;
        }
        if linked.len() == linked.capacity() {
            linked.retain(|_, inode| inode.strong_count() > 0);
        }
        let inode = TreeInode::new(self, raw);
        linked.insert(raw.nid, Arc::downgrade(&inode));
        inode
    }

    /// Forgets what nobody holds of the directory that began to keep files first.
    fn forget(&self) {
        let oldest = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) else { return };
        oldest.is_keeping.store(false, Ordering::Release);
        let counted = oldest.children.write().unwrap_or_else(PoisonError::into_inner).forget();
        self.kept_count.fetch_sub(counted, Ordering::AcqRel);
    }
}

/// What a directory knows.
#[derive(Default)]
struct Dir {
    children: RwLock<Children>,
    /// Whether it is in [`Shared::kept`].
    is_keeping: AtomicBool,
}

/// An inode of a tree.
pub(super) struct TreeInode {
    shared: Arc<Shared>,
    raw: RawInode,
    dir: Option<Arc<Dir>>,
}

impl TreeInode {
    fn new(shared: &Arc<Shared>, raw: RawInode) -> Arc<TreeInode> {
        let dir = (raw.kind == FileKind::Directory).then(Arc::default);
        Arc::new(TreeInode { shared: shared.clone(), raw, dir })
    }

    /// As the image has it.
    pub(super) fn raw(&self) -> &RawInode {
        &self.raw
    }

    /// The entry `name`, which was not looked up before.
    fn find(&self, dir: &Arc<Dir>, name: &[u8]) -> Result<Arc<TreeInode>> {
        let image = &*self.shared.image;
        let dirent = dir::find(image, &self.raw, name)?.ok_or(Errno::NoEnt)?;
        let raw = image.child(&self.raw, dirent.nid, dirent.kind)?;
        let mut children = dir.children.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(inode) = children.get(name) {
            return Ok(inode.clone());
        }
        if raw.kind == FileKind::Directory {
            let inode = TreeInode::new(&self.shared, raw);
            children.insert(name, inode.clone());
            return Ok(inode);
        }
        let inode = if raw.nlink > 1 { self.shared.linked(raw) } else { TreeInode::new(&self.shared, raw) };
        children.insert(name, inode.clone());
        let kept = self.shared.kept_count.fetch_add(1, Ordering::AcqRel);
        drop(children);
        if !dir.is_keeping.swap(true, Ordering::AcqRel) {
            self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner).push_back(Arc::downgrade(dir));
        }
        if kept >= KEPT_MAX {
            self.shared.forget();
        }
        Ok(inode)
    }

    fn content(&self) -> Result<Option<(&Pack, ContentRef)>> {
        match self.shared.image.content(&self.raw)? {
            Some((device, content)) => Ok(Some((self.shared.packs.get(device).ok_or(Errno::Io)?, content))),
            None => Ok(None),
        }
    }
}

impl Inode for TreeInode {
    fn kind(&self) -> FileKind {
        self.raw.kind
    }

    fn attr(&self) -> Result<Attr> {
        let raw = &self.raw;
        Ok(Attr {
            dev: DEV,
            ino: raw.nid,
            kind: raw.kind,
            mode: raw.mode,
            nlink: raw.nlink,
            uid: raw.uid,
            gid: raw.gid,
            rdev: self.shared.image.device(raw),
            size: raw.size,
            atime: raw.mtime,
            mtime: raw.mtime,
            ctime: raw.mtime,
        })
    }

    fn stat_fs(&self) -> Result<FsStat> {
        let image = &self.shared.image;
        let packs: u64 = self.shared.packs.iter().map(|pack| pack.file_len()).sum();
        Ok(FsStat { total: image.body().len() as u64 + packs, free: 0, inodes: image.inodes() })
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        let dir = self.dir.as_ref().ok_or(Errno::NotDir)?;
        let name = name.as_bytes();
        if let Some(inode) = dir.children.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(inode.clone());
        }
        self.find(dir, name).map(|inode| inode as InodeRef)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        if self.raw.kind != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        let mut entries = Entries::from(&self.shared.image, self.raw, from);
        while let Some(dirent) = entries.next() {
            let dirent = dirent?;
            let name = Name::new(dirent.name).map_err(|_| Errno::Io)?;
            let entry = DirEntry { name, ino: dirent.nid, kind: dirent.kind, next: entries.position() };
            if sink(entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        match self.raw.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Errno::IsDir),
            _ => return Err(Errno::Inval),
        }
        match self.content()? {
            Some((pack, content)) => pack.read_at(&content, buf, offset).ok_or(Errno::Io),
            None => Ok(0),
        }
    }

    fn content_id(&self) -> Option<ContentId> {
        if self.raw.kind != FileKind::Regular {
            return None;
        }
        let Some((pack, content)) = self.content().ok()? else { return Some(EMPTY) };
        pack.content_at(content.block).filter(|entry| entry.content.len == content.len).map(|entry| entry.id)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        if self.raw.kind != FileKind::Symlink {
            return Err(Errno::Inval);
        }
        Ok(self.shared.image.target(&self.raw)?.to_vec())
    }

    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        for xattr in self.shared.image.xattrs(&self.raw)? {
            let xattr = xattr?;
            if xattr.is(name) {
                return Ok(xattr.value.to_vec());
            }
        }
        Err(Errno::NoData)
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        let names = self.shared.image.xattrs(&self.raw)?;
        let mut names = names.map(|xattr| Ok(xattr?.name())).collect::<Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }
}

/// A deep tree must not be dropped by recursion.
impl Drop for TreeInode {
    fn drop(&mut self) {
        let mut dropped: Vec<_> = self.dir.iter().flat_map(|dir| dir.take()).collect();
        while let Some(inode) = dropped.pop() {
            if Arc::strong_count(&inode) == 1 {
                dropped.extend(inode.dir.iter().flat_map(|dir| dir.take()));
            }
        }
    }
}
