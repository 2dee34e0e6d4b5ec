//! `Upper`: a copy-on-write file system over a read-only lower one, kept in a folder of the host.
//!
//! Semantics are those of the kernel's overlayfs (`overlayfs.rst`) with `redirect_dir`, `metacopy` and `index` on: what is
//! changed is copied up at the first change, content only when content changes; a moved directory keeps showing its part
//! of the lower, from wherever that lies; all names of a file of the lower stay names of one file.
//!
//! Lock order, outermost first: `Shared::tree` (held by everything that changes names, and while the journal is folded);
//! a directory's `entries`; a file's `own`; a node's `meta`; `Shared::known`; a directory's `up`; then, each innermost:
//! the journal's `state`, `recent`, `written`, a data file's `handle`. Two directories are never locked at once: what a
//! rename has found stays so, because the tree is locked. No lock of directories is held while the lower is asked or a
//! sink is called. A look-up takes the one lock of its directory, shared; a file of the lower takes none.

mod changes;
mod dir;
mod error;
mod file;
mod fold;
mod folder;
mod journal;
mod meta;
mod names;
mod node;
mod record;
mod replay;
mod space;

#[cfg(test)]
pub(super) mod oracle;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::attr::{Attr, FileKind, FsStat, SetAttr, new_dev};
use super::errno::{Errno, Result};
use super::inode::{ContentId, Cookie, DirEntry, Inode, InodeRef, NewInode, RenameMode};
use super::path::Name;
use dir::Up;
pub use error::{UpperCause, UpperError};
use folder::Folder;
use journal::Journal;
use node::{Body, LowerPath, Node};
use space::Space;

/// How many unchanged nodes are kept for the next look-up.
const RECENT_MAX: usize = 4096;
/// Gathered writes of all files are written out when so many files have some.
const RUNS_MAX: u64 = 1024;

/// How an [`Upper`] is opened.
#[derive(Clone, Copy, Debug)]
pub struct UpperOptions {
    /// What the changes may take, contents and metadata together; [`Errno::DQuot`] beyond that.
    pub limit_bytes: u64,
    /// Whether every change fails with [`Errno::RoFs`]. The folder is then not locked.
    pub read_only: bool,
}

impl Default for UpperOptions {
    fn default() -> UpperOptions {
        UpperOptions { limit_bytes: u64::MAX, read_only: false }
    }
}

/// A writable view of a lower file system. While it lives, inodes reached from [`Upper::root`] can be changed; dropping it
/// writes out what is not written yet.
pub struct Upper {
    fs: Arc<Shared>,
    root: Arc<Node>,
}

impl Upper {
    /// Opens the upper in `folder`, which need not exist: it is made with the first change. `lower` has to be the same
    /// tree as in all earlier openings, its inode numbers below 2^48 and its cookies below 2^61.
    ///
    /// [`UpperCause::Locked`] while somebody else has it open for changes, [`UpperCause::Damaged`] where the journal is.
    pub fn open(folder: &Path, lower: InodeRef, options: &UpperOptions) -> std::result::Result<Upper, UpperError> {
        let folder = Arc::new(Folder::open(folder, options.read_only)?);
        let file = replay::read(&folder.journal())?;
        let journal = Journal::new(Some(folder.clone()), file.as_ref().map_or(0, |file| file.valid_len()));
        let upper = Upper::start(lower, options, Some(folder.clone()), journal);
        let upper = upper.map_err(|errno| UpperError::io(&folder.path, errno.into()))?;
        if let Some(file) = file {
            upper.replay(&folder, &file, options.read_only)?;
        }
        Ok(upper)
    }

    /// An upper that keeps all in memory and is gone with its last inode.
    pub fn in_memory(lower: InodeRef, options: &UpperOptions) -> Result<Upper> {
        Upper::start(lower, options, None, Journal::new(None, 0))
    }

    fn start(lower: InodeRef, options: &UpperOptions, folder: Option<Arc<Folder>>, journal: Journal) -> Result<Upper> {
        let fs = Arc::new(Shared {
            dev: new_dev(),
            read_only: options.read_only,
            is_closed: AtomicBool::new(false),
            space: Space::new(options.limit_bytes),
            journal,
            folder,
            tree: Mutex::new(()),
            known: Mutex::default(),
            known_len: AtomicUsize::new(0),
            recent: Mutex::default(),
            written: Mutex::default(),
            runs: AtomicU64::new(0),
            next_id: AtomicU64::new(1),
        });
        let attr = lower.attr()?;
        if attr.kind != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        let root = Node::of_lower(fs.clone(), lower, &attr, LowerPath::root(), Up::None);
        Ok(Upper { fs, root })
    }

    /// The root directory.
    pub fn root(&self) -> InodeRef {
        self.root.clone()
    }

    /// The bytes that the changes take: contents in units of 4 KiB, and metadata.
    pub fn usage(&self) -> u64 {
        self.fs.space.used()
    }

    /// Writes to the folder what was gathered in memory. A process killed after this loses nothing of what was before it;
    /// a machine that loses power may.
    pub fn flush(&self) -> std::result::Result<(), UpperError> {
        let Some(folder) = &self.fs.folder else { return Ok(()) };
        self.fs.write_out_all().map_err(|errno| UpperError::io(&folder.path, errno.into()))?;
        self.fs.journal.flush()?;
        let _tree = self.fs.lock_tree();
        if self.fs.journal.wants_fold(1) { self.fs.fold() } else { Ok(()) }
    }

    /// Ends the life of the upper without writing what is only in memory: for containers that are removed anyway.
    pub fn discard(self) {
        self.fs.is_closed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Upper {
    fn drop(&mut self) {
        if !self.fs.is_closed.load(Ordering::Relaxed) {
            // Who has to know whether all was written calls `flush` before.
            let _ = self.flush();
        }
        self.fs.close();
    }
}

/// What the nodes of one upper share.
struct Shared {
    dev: u64,
    read_only: bool,
    is_closed: AtomicBool,
    space: Space,
    journal: Journal,
    folder: Option<Arc<Folder>>,
    tree: Mutex<()>,
    /// Nodes of the lower that are not found by their place: changed ones, and those with several names.
    known: Mutex<HashMap<u64, Known>>,
    known_len: AtomicUsize,
    recent: Mutex<Recent>,
    /// Files with gathered writes, or with times that are not in the journal yet.
    written: Mutex<Vec<Weak<Node>>>,
    /// How many files have gathered writes.
    runs: AtomicU64,
    next_id: AtomicU64,
}

enum Known {
    Changed(Arc<Node>),
    Linked(Weak<Node>),
}

/// Nodes that nothing else may hold, so that the next look-up finds them.
#[derive(Default)]
struct Recent {
    nodes: Vec<Option<Arc<Node>>>,
    next: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// What every change starts with.
    fn begin(&self) -> Result<()> {
        if self.read_only {
            return Err(Errno::RoFs);
        }
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Errno::Io);
        }
        self.journal.ready()
    }

    fn lock_tree(&self) -> MutexGuard<'_, ()> {
        lock(&self.tree)
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The node of a file of the lower that was looked up: the one that is known, or a new one.
    fn bring_in(self: &Arc<Self>, inode: InodeRef, attr: &Attr, path: LowerPath, up: impl Fn() -> Up) -> Arc<Node> {
        let is_linked = attr.nlink > 1 && attr.kind != FileKind::Directory;
        if !is_linked && self.known_len.load(Ordering::Acquire) == 0 {
            return Node::of_lower(self.clone(), inode, attr, path, up());
        }
        let mut known = lock(&self.known);
        let found = known.get(&attr.ino).and_then(|node| match node {
            Known::Changed(node) => Some(node.clone()),
            Known::Linked(node) => node.upgrade(),
        });
        if let Some(node) = found.filter(|node| node.kind == attr.kind) {
            if let Body::Directory(dir) = &node.body
                && dir.up().is_none()
            {
                dir.set_up(up());
            }
            return node;
        }
        let node = Node::of_lower(self.clone(), inode, attr, path, up());
        if is_linked {
            if known.len() >= 64 && known.len() == known.capacity() {
                known.retain(|_, node| !matches!(node, Known::Linked(node) if node.strong_count() == 0));
            }
            known.insert(attr.ino, Known::Linked(Arc::downgrade(&node)));
            self.known_len.store(known.len(), Ordering::Release);
        }
        node
    }

    /// Keeps a node that has changed.
    fn remember(&self, node: &Node) {
        if node.lower.is_some() {
            let mut known = lock(&self.known);
            known.insert(node.ino, Known::Changed(node.arc()));
            self.known_len.store(known.len(), Ordering::Release);
        }
    }

    /// Lets go of a node whose last name is gone.
    fn forget(&self, node: &Node) {
        if node.lower.is_some() {
            let mut known = lock(&self.known);
            let gone = match known.get(&node.ino) {
                Some(Known::Changed(found)) if std::ptr::eq(&**found, node) => known.remove(&node.ino),
                _ => None,
            };
            self.known_len.store(known.len(), Ordering::Release);
            drop(known);
            drop(gone);
        }
        let slot = node.slot.load(Ordering::Relaxed) as usize;
        let mut recent = lock(&self.recent);
        let gone = match recent.nodes.get_mut(slot) {
            Some(found) if found.as_deref().is_some_and(|found| std::ptr::eq(found, node)) => found.take(),
            _ => None,
        };
        drop(recent);
        drop(gone);
    }

    /// Keeps a node of the lower that was just brought in.
    fn keep_recent(&self, node: &Arc<Node>) {
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let mut recent = lock(&self.recent);
        // A file with several names is brought in by each.
        let slot = recent.nodes.get(node.slot.load(Ordering::Relaxed) as usize);
        if slot.and_then(Option::as_ref).is_some_and(|kept| Arc::ptr_eq(kept, node)) {
            return;
        }
        let at = recent.next;
        recent.next = (at + 1) % RECENT_MAX;
        node.slot.store(at as u32, Ordering::Relaxed);
        let old = match recent.nodes.get_mut(at) {
            Some(slot) => slot.replace(node.clone()),
            None => {
                recent.nodes.push(Some(node.clone()));
                None
            }
        };
        drop(recent);
        drop(old);
    }

    /// Notes that `node` has something to write out.
    fn list_written(&self, node: &Node) {
        lock(&self.written).push(node.this.clone());
    }

    fn write_out_if_many(&self) -> Result<()> {
        if self.runs.load(Ordering::Relaxed) > RUNS_MAX { self.write_out_all() } else { Ok(()) }
    }

    /// Moves gathered writes of all files to their data files.
    fn write_out_all(&self) -> Result<()> {
        let nodes = std::mem::take(&mut *lock(&self.written));
        let mut result = Ok(());
        for node in nodes.iter().filter_map(Weak::upgrade) {
            if let Err(errno) = node.write_out() {
                result = Err(errno);
                self.list_written(&node);
            }
        }
        result
    }

    /// How many bytes there is room for where the upper lies: on the disk of its folder, or of the nearest one above that
    /// exists already; in memory, as much as guests are told that there is.
    fn room(&self) -> Result<u64> {
        const IN_MEMORY: u64 = 4 << 30;
        let Some(folder) = &self.folder else { return Ok(IN_MEMORY) };
        let existing = folder.path.ancestors().find(|path| path.exists());
        let (_, free) = crate::sys::disk::room(existing.unwrap_or(&folder.path))?;
        Ok(free)
    }

    /// Breaks the circles of nodes that hold what they share.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let known = std::mem::take(&mut *lock(&self.known));
        let recent = std::mem::take(&mut *lock(&self.recent));
        drop((known, recent));
        // Inodes that are still held cannot change anything any more.
        if let Some(folder) = &self.folder {
            folder.unlock();
        }
    }
}

impl Inode for Node {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn attr(&self) -> Result<Attr> {
        self.stat()
    }

    fn set_attr(&self, change: &SetAttr) -> Result<Attr> {
        self.change_attr(change)
    }

    fn stat_fs(&self) -> Result<FsStat> {
        let (used, limit) = (self.fs.space.used(), self.fs.space.limit);
        // Without a limit of its own there is as much room as where it lies.
        let free = match limit {
            u64::MAX => self.fs.room()?,
            limit => limit.saturating_sub(used),
        };
        Ok(FsStat { total: used.saturating_add(free), free, inodes: self.fs.next_id.load(Ordering::Relaxed) })
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        Ok(self.find(name)?)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        self.list(from, sink)
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
        self.read_content(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        self.write_content(buf, Some(offset)).map(|(written, _)| written)
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        self.write_content(buf, None)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.cut(len)
    }

    fn sync(&self) -> Result<()> {
        let Some(folder) = &self.fs.folder else { return Ok(()) };
        self.sync_content()?;
        folder.sync_names()?;
        self.fs.journal.sync().map_err(|error| Errno::from(&error))
    }

    fn content_id(&self) -> Option<ContentId> {
        match &self.body {
            Body::Regular(file) if !file.is_own() => self.lower.as_ref()?.inode.content_id(),
            _ => None,
        }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match (&self.body, &self.lower) {
            (Body::Symlink(target), _) => Ok(target.to_vec()),
            (_, Some(lower)) => lower.inode.read_link(),
            _ => Err(Errno::Inval),
        }
    }

    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.read_xattr(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8]) -> Result<()> {
        self.change_xattrs(|xattrs| xattrs.set(name, value))
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        self.xattr_names()
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        self.change_xattrs(|xattrs| xattrs.remove(name))
    }
}
