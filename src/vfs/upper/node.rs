//! `Node`: one inode of an upper, changed or not.
//!
//! A node without a lower was made here. A node with one shows the lower until something changes: then it gets a
//! [`Meta`] of its own and, with the first change of its content, content of its own. It stays at its place in the lower,
//! and is found there through the table of known nodes (by the lower's inode number), so that a copy-up changes no
//! directory, and all names of a hard-linked file of the lower lead to the one copy.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use super::Shared;
use super::dir::{Dir, Up};
use super::file::Own;
use super::meta::Meta;
use crate::vfs::attr::{Attr, Device, FileKind, SetAttr, Timespec};
use crate::vfs::errno::{Errno, Result};
use crate::vfs::inode::{InodeRef, NewInode, NewKind};
use crate::vfs::xattrs::Xattrs;

/// Inode numbers from here on belong to nodes without a lower; the lower's are smaller.
const FIRST_INO: u64 = 1 << 48;
/// What a node costs of the limit, besides content and names.
pub(super) const NODE_COST: u64 = 128;

pub(super) struct Node {
    pub(super) this: Weak<Node>,
    pub(super) fs: Arc<Shared>,
    pub(super) ino: u64,
    pub(super) kind: FileKind,
    pub(super) lower: Option<Lower>,
    /// None while all is as in the lower.
    meta: OnceLock<Box<Mutex<Meta>>>,
    /// The place among the recently used nodes.
    pub(super) slot: AtomicU32,
    pub(super) body: Body,
}

/// What a node is a copy of.
pub(super) struct Lower {
    pub(super) inode: InodeRef,
    pub(super) path: LowerPath,
}

/// A path in the lower, which never changes.
pub(super) struct LowerPath {
    parent: Option<Arc<LowerPath>>,
    name: Arc<[u8]>,
}

pub(super) enum Body {
    Regular(File),
    Directory(Box<Dir>),
    /// The target of a link that was made here.
    Symlink(Box<[u8]>),
    /// A device, or a link of the lower.
    Other,
}

/// The content of a regular file.
#[derive(Default)]
pub(super) struct File {
    /// Whether `own` is there: it never goes away again.
    pub(super) is_own: AtomicBool,
    pub(super) own: RwLock<Option<Box<Own>>>,
}

impl LowerPath {
    pub(super) fn root() -> LowerPath {
        LowerPath { parent: None, name: Arc::from(&b""[..]) }
    }

    pub(super) fn below(parent: Arc<LowerPath>, name: Arc<[u8]>) -> LowerPath {
        LowerPath { parent: Some(parent), name }
    }

    /// The names from the root on.
    pub(super) fn names(&self) -> Vec<Arc<[u8]>> {
        let mut names = Vec::new();
        let mut at = self;
        while let Some(parent) = &at.parent {
            names.push(at.name.clone());
            at = parent;
        }
        names.reverse();
        names
    }

    /// `/` and the names, with slashes between them.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in self.names() {
            bytes.push(b'/');
            bytes.extend_from_slice(&name);
        }
        if bytes.is_empty() { b"/".to_vec() } else { bytes }
    }
}

impl Drop for LowerPath {
    /// One after the other: a path may be longer than the stack.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut path) = parent.and_then(Arc::into_inner) {
            parent = path.parent.take();
        }
    }
}

impl Node {
    /// An unchanged node of the lower.
    pub(super) fn of_lower(fs: Arc<Shared>, lower: InodeRef, attr: &Attr, path: LowerPath, up: Up) -> Arc<Node> {
        let body = match attr.kind {
            FileKind::Regular => Body::Regular(File::default()),
            FileKind::Directory => Body::Directory(Box::new(Dir::new(up))),
            _ => Body::Other,
        };
        Node::build(fs, attr.ino, attr.kind, Some(Lower { inode: lower, path }), None, body)
    }

    /// A new node with number `id` that has one name.
    pub(super) fn of_new(fs: Arc<Shared>, id: u64, new: &NewInode<'_>, up: Up) -> Arc<Node> {
        let (mut nlink, mut rdev) = (1, Device::default());
        let body = match new.kind {
            NewKind::Regular => Body::Regular(File::of_own(Own::new(&fs))),
            NewKind::Directory => {
                nlink = 2;
                Body::Directory(Box::new(Dir::new(up)))
            }
            NewKind::Symlink(target) => Body::Symlink(target.into()),
            NewKind::CharDevice(device) | NewKind::BlockDevice(device) => {
                rdev = device;
                Body::Other
            }
            NewKind::Fifo | NewKind::Socket => Body::Other,
        };
        let meta = Meta::of_new(id, nlink, rdev, new);
        Node::build(fs, FIRST_INO + id, new.kind.file_kind(), None, Some(meta), body)
    }

    /// A recorded node, read back.
    pub(super) fn of_record(
        fs: Arc<Shared>,
        kind: FileKind,
        meta: Meta,
        lower: Option<(InodeRef, u64, LowerPath)>,
        target: &[u8],
    ) -> Arc<Node> {
        let body = match kind {
            FileKind::Regular => Body::Regular(File::default()),
            FileKind::Directory => Body::Directory(Box::new(Dir::new(Up::None))),
            FileKind::Symlink if lower.is_none() => Body::Symlink(target.into()),
            _ => Body::Other,
        };
        let ino = lower.as_ref().map_or(FIRST_INO.saturating_add(meta.id), |(_, ino, _)| *ino);
        let lower = lower.map(|(inode, _, path)| Lower { inode, path });
        Node::build(fs, ino, kind, lower, Some(meta), body)
    }

    fn build(
        fs: Arc<Shared>,
        ino: u64,
        kind: FileKind,
        lower: Option<Lower>,
        meta: Option<Meta>,
        body: Body,
    ) -> Arc<Node> {
        let cell = OnceLock::new();
        if let Some(meta) = meta {
            cell.get_or_init(|| Box::new(Mutex::new(meta)));
        }
        let slot = AtomicU32::new(u32::MAX);
        Arc::new_cyclic(|this| Node { this: this.clone(), fs, ino, kind, lower, meta: cell, slot, body })
    }

    pub(super) fn arc(&self) -> Arc<Node> {
        self.this.upgrade().expect("nodes live in an Arc only")
    }

    /// The attributes, if anything may have changed.
    pub(super) fn changed_meta(&self) -> Option<MutexGuard<'_, Meta>> {
        self.meta.get().map(|meta| meta.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The attributes, for a change.
    pub(super) fn meta(&self) -> Result<MutexGuard<'_, Meta>> {
        if let Some(meta) = self.changed_meta() {
            return Ok(meta);
        }
        let lower = self.lower.as_ref().ok_or(Errno::Io)?;
        let meta = Meta::of_lower(&lower.inode.attr()?);
        let meta = self.meta.get_or_init(|| Box::new(Mutex::new(meta)));
        Ok(meta.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings the node into the journal and the table of known nodes, as it is. Nothing for nodes that are there already,
    /// and for those without a name.
    pub(super) fn record(&self, meta: &mut Meta) -> Result<()> {
        if meta.id != 0 || meta.nlink == 0 {
            return Ok(());
        }
        self.fs.space.charge_metadata(NODE_COST)?;
        meta.id = self.fs.new_id();
        self.fs.journal.append(|frame| self.encode(frame, meta));
        self.fs.remember(self);
        Ok(())
    }

    /// The record of the node itself, without content and extended attributes.
    pub(super) fn encode(&self, frame: &mut super::record::Encoder<'_>, meta: &Meta) {
        let target: &[u8] = if let Body::Symlink(target) = &self.body { target } else { &[] };
        let origin = self.lower.as_ref().map(|lower| lower.path.bytes()).unwrap_or_default();
        frame.node(self.kind, meta, &origin, target);
    }

    pub(super) fn stat(&self) -> Result<Attr> {
        let size = match (&self.body, &self.lower) {
            (Body::Symlink(target), _) => target.len() as u64,
            (Body::Regular(file), _) if file.is_own() => self.own_size(file),
            (_, Some(lower)) => {
                let mut attr = lower.inode.attr()?;
                attr.dev = self.fs.dev;
                if self.meta.get().is_none() {
                    return Ok(attr);
                }
                attr.size
            }
            (Body::Directory(_), None) => 4096,
            _ => 0,
        };
        Ok(self.attr_with(&*self.meta()?, size))
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
            rdev: meta.rdev,
            size,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
        }
    }

    pub(super) fn change_attr(&self, change: &SetAttr) -> Result<Attr> {
        self.fs.begin()?;
        let mut meta = self.meta()?;
        self.record(&mut meta)?;
        meta.change(change);
        if meta.is_recorded() {
            self.fs.journal.append(|frame| frame.attributes(&meta));
        }
        drop(meta);
        self.stat()
    }

    /// The extended attributes, if they differ from the lower's.
    fn own_xattrs<T>(&self, read: impl FnOnce(&Xattrs) -> T) -> Option<T> {
        self.changed_meta().and_then(|meta| meta.xattrs.as_deref().map(read))
    }

    pub(super) fn read_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        if let Some(value) = self.own_xattrs(|xattrs| xattrs.value(name)) {
            return value;
        }
        self.lower.as_ref().ok_or(Errno::NoData)?.inode.xattr(name)
    }

    pub(super) fn xattr_names(&self) -> Result<Vec<Vec<u8>>> {
        if let Some(names) = self.own_xattrs(Xattrs::names) {
            return Ok(names);
        }
        self.lower.as_ref().map_or(Ok(Vec::new()), |lower| lower.inode.list_xattrs())
    }

    pub(super) fn change_xattrs(&self, change: impl FnOnce(&mut Xattrs) -> Result<()>) -> Result<()> {
        self.fs.begin()?;
        let mut meta = self.meta()?;
        let (mut xattrs, before) = match &meta.xattrs {
            Some(xattrs) => (xattrs.clone(), xattrs.size() as u64),
            None => (Box::new(self.lower_xattrs()?), 0),
        };
        change(&mut xattrs)?;
        self.record(&mut meta)?;
        let after = xattrs.size() as u64;
        self.fs.space.charge_metadata(after.saturating_sub(before))?;
        self.fs.space.release_metadata(before.saturating_sub(after));
        let xattrs = meta.xattrs.insert(xattrs).clone();
        meta.ctime = Timespec::stamp();
        if meta.is_recorded() {
            self.fs.journal.append(|frame| {
                frame.xattrs(meta.id, &xattrs);
                frame.attributes(&meta);
            });
        }
        Ok(())
    }

    fn lower_xattrs(&self) -> Result<Xattrs> {
        let mut xattrs = Xattrs::default();
        if let Some(lower) = &self.lower {
            for name in lower.inode.list_xattrs()? {
                xattrs.set(&name, &lower.inode.xattr(&name)?)?;
            }
        }
        Ok(xattrs)
    }

    /// Adds to the number of names, and adds the record to a frame.
    pub(super) fn change_links(&self, by: i64, frame: &mut super::record::Encoder<'_>) -> Result<()> {
        let mut meta = self.meta()?;
        let (recorded, was) = (meta.is_recorded(), meta.nlink);
        meta.change_links(by);
        if recorded {
            frame.links(&meta);
        }
        if was > 0 && meta.nlink == 0 {
            drop(meta);
            self.fs.forget(self);
        }
        Ok(())
    }
}

impl File {
    pub(super) fn of_own(own: Own) -> File {
        File { is_own: AtomicBool::new(true), own: RwLock::new(Some(Box::new(own))) }
    }

    pub(super) fn is_own(&self) -> bool {
        self.is_own.load(Ordering::Acquire)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.dismantle(&mut pending);
        while let Some(node) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                node.dismantle(&mut pending);
            }
        }
    }
}

impl Node {
    /// Gives up what the node holds, and moves other nodes out for the caller to drop: a tree may be deeper than the
    /// stack.
    fn dismantle(&mut self, pending: &mut Vec<Arc<Node>>) {
        let meta = self.meta.take().map(|meta| meta.into_inner().unwrap_or_else(PoisonError::into_inner));
        let is_gone = meta.as_ref().is_some_and(|meta| meta.nlink == 0);
        if let Some(meta) = meta.filter(|meta| is_gone && meta.id != 0) {
            let xattrs = meta.xattrs.map_or(0, |xattrs| xattrs.size() as u64);
            self.fs.space.release_metadata(NODE_COST + xattrs);
        }
        match &mut self.body {
            Body::Directory(dir) => dir.dismantle(pending),
            Body::Regular(file) => {
                let own = file.own.get_mut().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(own) = own {
                    own.dismantle(&self.fs, is_gone);
                }
            }
            _ => {}
        }
    }
}
