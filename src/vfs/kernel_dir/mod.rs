//! Directories of a Linux kernel as inodes, with all that the kernel knows of a file: owners, modes, devices, every attribute.
//!
//! This is for files that are a guest's anyway, seen by somebody who may do what root may: the upper of a native container, its
//! root, a volume. Every step goes from a directory to one name in it and follows no link, so that nothing leads out; mounts
//! below are entered. What has a name is opened when it is needed and closed when much else was, so that a tree of any size can
//! be held; what loses its name stays open.
//!
//! Lock order: a node's `listing`; then, each innermost: `Shared::nodes`, `Shared::recent`, a node's `place` and below it its
//! `held`.

mod owners;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use owners::OwnerMap;

use crate::sys::positional;
use crate::sys::raw_files::{RawFile, RawKind, RawRename, RawStat};
use crate::vfs::attr::{Attr, Device, FileKind, SetAttr, Timespec, new_dev};
use crate::vfs::errno::{Errno, Result};
use crate::vfs::inode::{Cookie, DirEntry, Inode, InodeRef, NewInode, NewKind, RenameMode, downcast};
use crate::vfs::listing::Listing;
use crate::vfs::path::{Name, NameBuf};
use crate::vfs::rules::{FILE_MAX, end_of_write, mode_of_new, not_a_file};

/// How many files are kept open for what is done to them next.
const RECENT_MAX: usize = 128;

/// How files of the kernel are shown.
#[derive(Clone, Debug, Default)]
pub struct KernelOptions {
    /// Whether every change fails with [`Errno::RoFs`].
    pub read_only: bool,
    /// How owners stand on disk, where that is not as they are seen.
    pub owners: Option<Arc<OwnerMap>>,
}

/// The directory or file at `path` of the host, links followed. `Unsupported` where the system is not Linux.
pub fn kernel_dir(path: &Path, options: &KernelOptions) -> io::Result<InodeRef> {
    let file = RawFile::at(path)?;
    let stat = file.stat()?;
    let fs = Arc::new(Shared {
        read_only: options.read_only,
        owners: options.owners.clone(),
        dev: new_dev(),
        host_dev: stat.dev,
        nodes: Mutex::default(),
        recent: Mutex::default(),
    });
    let held = Held { file: Arc::new(file), content: None };
    Ok(fs.node(&stat, None, Some(held)).map_err(io::Error::from)?)
}

struct Shared {
    read_only: bool,
    owners: Option<Arc<OwnerMap>>,
    dev: u64,
    /// The device the root lies on.
    host_dev: u64,
    nodes: Mutex<HashMap<Key, Weak<KernelNode>>>,
    /// Nodes that were opened last.
    recent: Mutex<VecDeque<Weak<KernelNode>>>,
}

/// Device and inode number.
type Key = (u64, u64);

/// Where a file was found.
#[derive(Clone)]
struct Place {
    parent: Arc<KernelNode>,
    name: NameBuf,
}

/// An open file.
#[derive(Clone)]
struct Held {
    file: Arc<RawFile>,
    content: Option<Content>,
}

/// The content of a regular file, opened.
#[derive(Clone)]
struct Content {
    file: Arc<File>,
    is_writable: bool,
}

struct KernelNode {
    this: Weak<KernelNode>,
    fs: Arc<Shared>,
    key: Key,
    kind: FileKind,
    /// None once the name is gone, or for the root.
    place: Mutex<Option<Place>>,
    /// None where it can be opened again by its place.
    held: Mutex<Option<Held>>,
    listing: Mutex<Listing>,
    appending: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By the number, where the kind of an error says less.
fn errno(error: io::Error) -> Errno {
    match error.raw_os_error() {
        Some(1) => Errno::Perm,
        Some(6) => Errno::Nxio,
        Some(7) => Errno::TooBig,
        Some(22) => Errno::Inval,
        Some(24) => Errno::MFile,
        Some(34) => Errno::Range,
        Some(40) => Errno::Loop,
        Some(61) => Errno::NoData,
        Some(95) => Errno::NotSup,
        _ => error.into(),
    }
}

fn timespec((sec, nsec): (i64, u32)) -> Timespec {
    Timespec { sec, nsec }
}

impl Shared {
    fn node(
        self: &Arc<Self>,
        stat: &RawStat,
        place: Option<Place>,
        held: Option<Held>,
    ) -> std::result::Result<Arc<KernelNode>, Errno> {
        let kind = FileKind::from_mode(stat.mode).ok_or(Errno::Io)?;
        let key = (stat.dev, stat.ino);
        let mut nodes = lock(&self.nodes);
        if let Some(node) = nodes.get(&key).and_then(Weak::upgrade).filter(|node| node.kind == kind) {
            drop(nodes);
            let old = if place.is_some() { std::mem::replace(&mut *lock(&node.place), place) } else { None };
            drop(old);
            if let Some(held) = held.filter(|_| lock(&node.held).is_none()) {
                lock(&node.held).get_or_insert(held);
                self.was_opened(&node);
            }
            return Ok(node);
        }
        let can_be_closed = held.is_some() && place.is_some();
        let node = Arc::new_cyclic(|this| KernelNode {
            this: this.clone(),
            fs: self.clone(),
            key,
            kind,
            place: Mutex::new(place),
            held: Mutex::new(held),
            listing: Mutex::default(),
            appending: Mutex::new(()),
        });
        if nodes.len() >= 1024 && nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        nodes.insert(key, Arc::downgrade(&node));
        drop(nodes);
        if can_be_closed {
            self.was_opened(&node);
        }
        Ok(node)
    }

    /// Notes that a node is open, and closes the one that was opened longest ago and can be opened again.
    fn was_opened(&self, node: &KernelNode) {
        let mut recent = lock(&self.recent);
        recent.push_back(node.this.clone());
        let oldest = if recent.len() > RECENT_MAX { recent.pop_front() } else { None };
        drop(recent);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            let place = lock(&oldest.place);
            let closed = if place.is_some() { lock(&oldest.held).take() } else { None };
            drop(place);
            drop(closed);
        }
    }
}

impl KernelNode {
    fn arc(&self) -> Arc<KernelNode> {
        self.this.upgrade().expect("nodes live in an Arc only")
    }

    fn place(&self) -> Option<Place> {
        lock(&self.place).clone()
    }

    /// The file, opened by its place where it is closed. [`Errno::NoEnt`] where something else has its place now.
    fn file(&self) -> Result<Arc<RawFile>> {
        if let Some(held) = &*lock(&self.held) {
            return Ok(held.file.clone());
        }
        let place = self.place().ok_or(Errno::NoEnt)?;
        let file = place.parent.file()?.child(place.name.as_bytes()).map_err(errno)?;
        let stat = file.stat().map_err(errno)?;
        if (stat.dev, stat.ino) != self.key {
            return Err(Errno::NoEnt);
        }
        let file = Arc::new(file);
        let kept = lock(&self.held).get_or_insert(Held { file, content: None }).file.clone();
        self.fs.was_opened(self);
        Ok(kept)
    }

    fn dir(&self) -> Result<Arc<RawFile>> {
        if self.kind == FileKind::Directory { self.file() } else { Err(Errno::NotDir) }
    }

    /// The directory, for a change of its entries.
    fn changing_dir(&self) -> Result<Arc<RawFile>> {
        let dir = self.dir()?;
        if self.fs.read_only { Err(Errno::RoFs) } else { Ok(dir) }
    }

    /// The file, for a change of its attributes.
    fn changing_file(&self) -> Result<Arc<RawFile>> {
        if self.fs.read_only { Err(Errno::RoFs) } else { self.file() }
    }

    /// The content, to be written where that is asked for.
    fn content(&self, is_writable: bool) -> Result<Arc<File>> {
        if self.kind != FileKind::Regular {
            return Err(not_a_file(self.kind));
        }
        if is_writable && self.fs.read_only {
            return Err(Errno::RoFs);
        }
        let open = lock(&self.held).as_ref().and_then(|held| held.content.clone());
        if let Some(open) = open.filter(|open| open.is_writable || !is_writable) {
            return Ok(open.file);
        }
        let file = self.file()?;
        let content = Content { file: Arc::new(file.open(is_writable).map_err(errno)?), is_writable };
        let opened = content.file.clone();
        let old = lock(&self.held).as_mut().and_then(|held| held.content.replace(content));
        drop(old);
        Ok(opened)
    }

    fn find(&self, name: Name<'_>) -> Result<Arc<KernelNode>> {
        self.took(self.dir()?.child(name.as_bytes()).map_err(errno)?, name)
    }

    /// The node of a file that is entry `name`.
    fn took(&self, file: RawFile, name: Name<'_>) -> Result<Arc<KernelNode>> {
        let stat = file.stat().map_err(errno)?;
        let place = Place { parent: self.arc(), name: name.to_owned() };
        self.fs.node(&stat, Some(place), Some(Held { file: Arc::new(file), content: None }))
    }

    /// The node of entry `name` if somebody has it, opened, so that it outlives its name.
    fn known(&self, name: Name<'_>) -> Option<Arc<KernelNode>> {
        let stat = self.dir().ok()?.child_stat(name.as_bytes()).ok()?;
        let node = lock(&self.fs.nodes).get(&(stat.dev, stat.ino)).and_then(Weak::upgrade)?;
        node.file().ok()?;
        Some(node)
    }

    /// Notes that the name a node was found under is gone. `held` was opened before.
    fn lost(&self, parent: &KernelNode, name: Name<'_>, held: Held) {
        let mut place = lock(&self.place);
        let is_this = place
            .as_ref()
            .is_some_and(|place| std::ptr::eq(&*place.parent, parent) && place.name.as_bytes() == name.as_bytes());
        let old = if is_this { place.take() } else { None };
        if is_this {
            // It may have been closed meanwhile.
            lock(&self.held).get_or_insert(held);
        }
        drop(place);
        drop(old);
    }

    fn holding(&self) -> Option<Held> {
        lock(&self.held).clone()
    }

    /// A node of the same file system.
    fn other(&self, inode: &InodeRef) -> Result<Arc<KernelNode>> {
        downcast::<KernelNode>(inode).filter(|node| Arc::ptr_eq(&node.fs, &self.fs)).ok_or(Errno::XDev)
    }

    fn attr_of(&self, stat: &RawStat) -> Attr {
        // Another device below the root gets a number of its own, told apart by the distance to the root's.
        let other = stat.dev.wrapping_sub(self.fs.host_dev) << 20;
        let owner = (stat.uid, stat.gid);
        let (uid, gid) = self.fs.owners.as_ref().map_or(owner, |map| map.seen(owner.0, owner.1));
        Attr {
            dev: self.fs.dev.wrapping_add(other),
            ino: stat.ino,
            kind: self.kind,
            mode: (stat.mode & 0o7777) as u16,
            nlink: u32::try_from(stat.nlink).unwrap_or(u32::MAX),
            uid,
            gid,
            rdev: match self.kind {
                FileKind::CharDevice | FileKind::BlockDevice => Device { major: stat.rdev.0, minor: stat.rdev.1 },
                _ => Device::default(),
            },
            size: stat.size,
            atime: timespec(stat.atime),
            mtime: timespec(stat.mtime),
            ctime: timespec(stat.ctime),
        }
    }
}

impl Inode for KernelNode {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn attr(&self) -> Result<Attr> {
        Ok(self.attr_of(&self.file()?.stat().map_err(errno)?))
    }

    fn set_attr(&self, change: &SetAttr) -> Result<Attr> {
        let file = self.changing_file()?;
        // The owner first: the kernel takes set-user-id bits away with it.
        if change.uid.is_some() || change.gid.is_some() {
            let stored = |uid: u32, gid: u32| self.fs.owners.as_ref().map_or((uid, gid), |map| map.stored(uid, gid));
            let (uid, gid) = (change.uid.map(|uid| stored(uid, 0).0), change.gid.map(|gid| stored(0, gid).1));
            file.set_owner(uid, gid).map_err(errno)?;
        }
        if let Some(mode) = change.mode.filter(|_| self.kind != FileKind::Symlink) {
            file.set_mode(mode.into()).map_err(errno)?;
        }
        if change.atime.is_some() || change.mtime.is_some() {
            let time = |time: Option<Timespec>| time.map(|time| (time.sec, time.nsec));
            file.set_times(time(change.atime), time(change.mtime)).map_err(errno)?;
        }
        self.attr()
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        Ok(self.find(name)?)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        if self.kind != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        let mut listing = lock(&self.listing);
        if from == 0 {
            let entries = match self.dir().and_then(|dir| dir.entries().map_err(errno)) {
                // A directory that was removed is empty.
                Err(Errno::NoEnt) => Vec::new(),
                entries => entries?,
            };
            listing.renew(
                entries.into_iter().filter_map(|entry| Some((entry.name, entry.ino, FileKind::from_mode(entry.kind)?))),
            );
        }
        listing.show(from, sink)
    }

    fn create(&self, name: Name<'_>, new: &NewInode<'_>) -> Result<InodeRef> {
        let dir = self.changing_dir()?;
        let numbers = |device: Device| (device.major, device.minor);
        let kind = match new.kind {
            NewKind::Regular => RawKind::Regular,
            NewKind::Directory => RawKind::Directory,
            NewKind::Symlink(target) => RawKind::Symlink(target),
            NewKind::CharDevice(device) | NewKind::BlockDevice(device) => {
                RawKind::Node(new.kind.file_kind().mode_bits(), numbers(device))
            }
            NewKind::Fifo | NewKind::Socket => RawKind::Node(new.kind.file_kind().mode_bits(), (0, 0)),
        };
        let made = dir.make(name.as_bytes(), kind, mode_of_new(new).into()).map_err(errno)?;
        let node = self.took(made, name)?;
        if node.kind != new.kind.file_kind() {
            // Somebody else has put something in its place already.
            return Err(Errno::Busy);
        }
        let made = node.attr()?;
        let owner = (made.uid, made.gid) != (new.uid, new.gid);
        let change = SetAttr {
            uid: owner.then_some(new.uid),
            gid: owner.then_some(new.gid),
            // The umask took bits, or the directory gave its group's.
            mode: (owner || made.mode != mode_of_new(new)).then_some(mode_of_new(new)),
            atime: None,
            mtime: new.mtime,
        };
        if change != SetAttr::default() {
            node.set_attr(&change)?;
        }
        Ok(node)
    }

    fn link(&self, name: Name<'_>, target: &InodeRef) -> Result<()> {
        let (dir, target) = (self.changing_dir()?, self.other(target)?);
        if target.kind == FileKind::Directory {
            return Err(Errno::Perm);
        }
        dir.link(name.as_bytes(), &*target.file()?).map_err(errno)
    }

    fn unlink(&self, name: Name<'_>) -> Result<()> {
        let dir = self.changing_dir()?;
        let known = self.known(name).and_then(|node| Some((node.holding()?, node)));
        dir.unlink(name.as_bytes()).map_err(errno)?;
        if let Some((held, node)) = known {
            node.lost(self, name, held);
        }
        Ok(())
    }

    fn rmdir(&self, name: Name<'_>) -> Result<()> {
        let dir = self.changing_dir()?;
        let known = self.known(name).and_then(|node| Some((node.holding()?, node)));
        dir.rmdir(name.as_bytes()).map_err(errno)?;
        if let Some((held, node)) = known {
            *lock(&node.listing) = Listing::default();
            node.lost(self, name, held);
        }
        Ok(())
    }

    fn rename(&self, from: Name<'_>, to_dir: &InodeRef, to: Name<'_>, mode: RenameMode) -> Result<()> {
        let to_node = self.other(to_dir)?;
        let (dir, target_dir) = (self.changing_dir()?, to_node.dir()?);
        let how = match mode {
            RenameMode::Replace => RawRename::Replace,
            RenameMode::NoReplace => RawRename::NoReplace,
            RenameMode::Exchange => RawRename::Exchange,
        };
        let (moved, replaced) = (self.known(from), to_node.known(to));
        let held = replaced.as_ref().and_then(|node| node.holding());
        dir.rename(from.as_bytes(), &target_dir, to.as_bytes(), how).map_err(errno)?;
        if matches!((&moved, &replaced), (Some(moved), Some(replaced)) if Arc::ptr_eq(moved, replaced)) {
            return Ok(());
        }
        let place = |parent: &KernelNode, name: Name<'_>| Some(Place { parent: parent.arc(), name: name.to_owned() });
        let put = |node: &KernelNode, place| {
            let old = std::mem::replace(&mut *lock(&node.place), place);
            drop(old);
        };
        match (replaced, held) {
            (Some(node), _) if mode == RenameMode::Exchange => put(&node, place(self, from)),
            (Some(node), Some(held)) => node.lost(&to_node, to, held),
            _ => {}
        }
        if let Some(node) = moved {
            put(&node, place(&to_node, to));
        }
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let file = self.content(false)?;
        if offset > FILE_MAX {
            return Ok(0);
        }
        positional::read_at(&file, buf, offset).map_err(errno)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        let file = self.content(true)?;
        end_of_write(buf.len(), offset)?;
        if buf.is_empty() { Ok(0) } else { positional::write_at(&file, buf, offset).map_err(errno) }
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        let file = self.content(true)?;
        let _appending = lock(&self.appending);
        let end = file.metadata().map_err(errno)?.len();
        let written = positional::write_at(&file, buf, end).map_err(errno)?;
        Ok((written, end + written as u64))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let file = self.content(true)?;
        if len > FILE_MAX { Err(Errno::FBig) } else { file.set_len(len).map_err(errno) }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match self.kind {
            FileKind::Symlink => self.file()?.read_link().map_err(errno),
            _ => Err(Errno::Inval),
        }
    }

    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.file()?.xattr(name).map_err(errno)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8]) -> Result<()> {
        self.changing_file()?.set_xattr(name, value).map_err(errno)
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        let mut names = self.file()?.xattr_names().map_err(errno)?;
        // The label is the host's: it says nothing elsewhere, and Docker keeps it out of images, too.
        names.retain(|name| name != b"security.selinux");
        names.sort();
        Ok(names)
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        self.changing_file()?.remove_xattr(name).map_err(errno)
    }
}
