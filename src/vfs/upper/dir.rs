//! Directories of an upper: the lower's entries, with what was made, removed and moved here on top.
//!
//! Entries of the lower keep the lower's cookies and are listed first; entries of the upper follow, in the order they
//! were made, with cookies from [`UPPER_COOKIE`] on.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use smallvec::SmallVec;

use super::node::{Body, LowerPath, Node};
use crate::vfs::attr::FileKind;
use crate::vfs::errno::{Errno, Result};
use crate::vfs::inode::{Cookie, DirEntry};
use crate::vfs::path::Name;

/// Where the cookies of upper entries begin. Those of the lower are below.
const UPPER_COOKIE: Cookie = 1 << 61;
/// How many upper entries are listed under one lock.
const LIST_BATCH: usize = 32;
/// What an entry costs of the limit, besides its name.
pub(super) const ENTRY_COST: u64 = 64;
/// Below this number remembered nodes of the lower are not looked through for dead ones.
const PURGE_MIN: usize = 64;

/// The state of a directory node.
pub(super) struct Dir {
    entries: RwLock<Entries>,
    up: Mutex<Up>,
    /// The path in the lower, for the entries that are found below it.
    path: OnceLock<Arc<LowerPath>>,
}

/// The directory above. A node at its place in the lower keeps it alive; one that is an upper entry is kept alive by it.
pub(super) enum Up {
    /// Of the root, and of removed directories.
    None,
    Keep(Arc<Node>),
    Weak(Weak<Node>),
}

#[derive(Default)]
pub(super) struct Entries {
    names: HashMap<Arc<[u8]>, Entry>,
    /// Upper entries by sequence number.
    order: BTreeMap<u64, Arc<[u8]>>,
    last: u64,
    /// How many entries of the lower are covered or removed.
    hidden: usize,
    /// How many `Entry::Lower` there are, and at which number to drop the dead ones.
    remembered: usize,
    purge_at: usize,
    pub(super) is_removed: bool,
}

pub(super) enum Entry {
    /// Made or moved here.
    Upper {
        node: Arc<Node>,
        sequence: u64,
        /// Whether the lower has an entry of this name.
        covers: bool,
    },
    /// The lower's entry is gone.
    Whiteout,
    /// The node of the lower's entry, while somebody holds it.
    Lower(Weak<Node>),
}

/// What a name stands for, to somebody who is about to change that.
pub(super) struct Slot {
    pub(super) node: Option<Arc<Node>>,
    /// Whether the lower has an entry of this name.
    pub(super) covers: bool,
}

/// Sequence number, name, inode number and kind of an upper entry.
type Listed = (u64, Arc<[u8]>, u64, FileKind);

impl Entry {
    fn hides(&self) -> bool {
        matches!(self, Entry::Whiteout | Entry::Upper { covers: true, .. })
    }
}

impl Dir {
    pub(super) fn new(up: Up) -> Dir {
        Dir { entries: RwLock::default(), up: Mutex::new(up), path: OnceLock::new() }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_up(&self, up: Up) {
        let old = std::mem::replace(&mut *self.up.lock().unwrap_or_else(PoisonError::into_inner), up);
        drop(old);
    }

    pub(super) fn up(&self) -> Option<Arc<Node>> {
        match &*self.up.lock().unwrap_or_else(PoisonError::into_inner) {
            Up::None => None,
            Up::Keep(node) => Some(node.clone()),
            Up::Weak(node) => node.upgrade(),
        }
    }

    /// The directory, which is empty, has lost its name: its whiteouts cost nothing any more.
    pub(super) fn mark_removed(&self, fs: &super::Shared) {
        let mut entries = self.write();
        if !std::mem::replace(&mut entries.is_removed, true) {
            let cost: u64 = entries.whiteouts().map(|name| ENTRY_COST + name.len() as u64).sum();
            fs.space.release_metadata(cost);
        }
        drop(entries);
        self.set_up(Up::None);
    }

    /// Makes `node` the upper entry `name`; returns what the entry costs more than what it replaces.
    pub(super) fn put(&self, name: &[u8], node: Arc<Node>, covers: bool) {
        let fs = node.fs.clone();
        let mut entries = self.write();
        entries.last += 1;
        let sequence = entries.last;
        let name: Arc<[u8]> = name.into();
        entries.order.insert(sequence, name.clone());
        let cost = ENTRY_COST + name.len() as u64;
        let old = entries.set(name, Some(Entry::Upper { node, sequence, covers }));
        fs.space.charge_metadata_anyway(cost);
        if matches!(old, Some(Entry::Upper { .. } | Entry::Whiteout)) {
            fs.space.release_metadata(cost);
        }
        drop(entries);
        drop(old);
    }

    /// Removes entry `name`, with a whiteout where the lower has one.
    pub(super) fn take(&self, fs: &super::Shared, name: &[u8], covers: bool) {
        let cost = ENTRY_COST + name.len() as u64;
        let mut entries = self.write();
        let old = entries.set(name.into(), covers.then_some(Entry::Whiteout));
        if covers {
            fs.space.charge_metadata_anyway(cost);
        }
        if matches!(old, Some(Entry::Upper { .. } | Entry::Whiteout)) {
            fs.space.release_metadata(cost);
        }
        drop(entries);
        drop(old);
    }

    pub(super) fn dismantle(&mut self, pending: &mut Vec<Arc<Node>>) {
        let entries = std::mem::take(self.entries.get_mut().unwrap_or_else(PoisonError::into_inner));
        for entry in entries.names.into_values() {
            if let Entry::Upper { node, .. } = entry {
                pending.push(node);
            }
        }
        let up = std::mem::replace(self.up.get_mut().unwrap_or_else(PoisonError::into_inner), Up::None);
        if let Up::Keep(node) = up {
            pending.push(node);
        }
    }
}

impl Entries {
    /// Sets or removes an entry and returns the one before.
    fn set(&mut self, name: Arc<[u8]>, entry: Option<Entry>) -> Option<Entry> {
        let hides = entry.as_ref().is_some_and(Entry::hides);
        self.remembered += usize::from(matches!(entry, Some(Entry::Lower(_))));
        let old = match entry {
            Some(entry) => self.names.insert(name, entry),
            None => self.names.remove(&*name),
        };
        match &old {
            Some(Entry::Upper { sequence, .. }) => drop(self.order.remove(sequence)),
            Some(Entry::Lower(_)) => self.remembered -= 1,
            _ => {}
        }
        self.hidden += usize::from(hides);
        self.hidden -= usize::from(old.as_ref().is_some_and(Entry::hides));
        old
    }

    /// Remembers the node of an entry of the lower, and forgets those that nobody holds once they are many.
    fn remember(&mut self, name: Arc<[u8]>, node: Weak<Node>) {
        self.set(name, Some(Entry::Lower(node)));
        if self.remembered > self.purge_at.max(PURGE_MIN) {
            self.names.retain(|_, entry| !matches!(entry, Entry::Lower(node) if node.strong_count() == 0));
            self.remembered = self.names.values().filter(|entry| matches!(entry, Entry::Lower(_))).count();
            self.purge_at = 2 * self.remembered;
        }
    }

    /// All upper entries, in the order they were made.
    pub(super) fn upper(&self) -> impl Iterator<Item = (&Arc<[u8]>, &Arc<Node>, bool)> {
        self.order.values().filter_map(|name| match self.names.get(name) {
            Some(Entry::Upper { node, covers, .. }) => Some((name, node, *covers)),
            _ => None,
        })
    }

    /// Whether there is any entry that the lower does not have like this.
    pub(super) fn has_changes(&self) -> bool {
        !self.order.is_empty() || self.hidden > 0
    }

    /// The names of all whiteouts, in no order.
    pub(super) fn whiteouts(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.names.iter().filter(|(_, entry)| matches!(entry, Entry::Whiteout)).map(|(name, _)| name)
    }

    pub(super) fn entry(&self, name: &[u8]) -> Option<&Entry> {
        self.names.get(name)
    }
}

impl Node {
    pub(super) fn dir(&self) -> Result<&Dir> {
        match &self.body {
            Body::Directory(dir) => Ok(dir),
            _ => Err(Errno::NotDir),
        }
    }

    /// The entry `name`.
    pub(super) fn find(&self, name: Name<'_>) -> Result<Arc<Node>> {
        match self.dir()?.read().names.get(name.as_bytes()) {
            Some(Entry::Upper { node, .. }) => return Ok(node.clone()),
            Some(Entry::Whiteout) => return Err(Errno::NoEnt),
            Some(Entry::Lower(node)) => {
                if let Some(node) = node.upgrade() {
                    return Ok(node);
                }
            }
            None => {}
        }
        self.find_lower(name)
    }

    /// What stands at `name`. It stays so while the tree is locked.
    pub(super) fn slot(&self, name: Name<'_>) -> Result<Slot> {
        let covers = match self.dir()?.read().names.get(name.as_bytes()) {
            Some(Entry::Upper { node, covers, .. }) => {
                return Ok(Slot { node: Some(node.clone()), covers: *covers });
            }
            Some(Entry::Whiteout) => return Ok(Slot { node: None, covers: true }),
            _ => true,
        };
        match self.find(name) {
            Ok(node) => Ok(Slot { node: Some(node), covers }),
            Err(Errno::NoEnt) => Ok(Slot { node: None, covers: false }),
            Err(errno) => Err(errno),
        }
    }

    /// The entry `name` of the lower, brought in. No lock is held while the lower is asked.
    fn find_lower(&self, name: Name<'_>) -> Result<Arc<Node>> {
        let (dir, lower) = (self.dir()?, self.lower.as_ref().ok_or(Errno::NoEnt)?);
        let inode = lower.inode.lookup(name)?;
        let attr = inode.attr()?;
        let path = dir.path.get_or_init(|| {
            let names = lower.path.names();
            names.into_iter().fold(Arc::new(LowerPath::root()), |parent, name| Arc::new(LowerPath::below(parent, name)))
        });
        let mut entries = dir.write();
        match entries.names.get(name.as_bytes()) {
            Some(Entry::Upper { node, .. }) => return Ok(node.clone()),
            Some(Entry::Whiteout) => return Err(Errno::NoEnt),
            Some(Entry::Lower(node)) => {
                if let Some(node) = node.upgrade() {
                    return Ok(node);
                }
            }
            None => {}
        }
        let key: Arc<[u8]> = name.as_bytes().into();
        let path = LowerPath::below(path.clone(), key.clone());
        let node = self.fs.bring_in(inode, &attr, path, || Up::Keep(self.arc()));
        entries.remember(key, Arc::downgrade(&node));
        drop(entries);
        self.fs.keep_recent(&node);
        Ok(node)
    }

    pub(super) fn list(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        let dir = self.dir()?;
        if from < UPPER_COOKIE
            && let Some(lower) = &self.lower
        {
            let hides_any = dir.read().hidden > 0;
            let mut flow = ControlFlow::Continue(());
            lower.inode.read_dir(from, &mut |entry| {
                let is_hidden = hides_any && dir.read().names.get(entry.name.as_bytes()).is_some_and(Entry::hides);
                if !is_hidden {
                    flow = sink(entry);
                }
                flow
            })?;
            if flow.is_break() {
                return Ok(());
            }
        }
        let mut after = from.saturating_sub(UPPER_COOKIE);
        loop {
            let batch: SmallVec<[Listed; LIST_BATCH]> = {
                let entries = dir.read();
                let upper =
                    entries.order.range(after + 1..).filter_map(|(&sequence, name)| match entries.names.get(name) {
                        Some(Entry::Upper { node, .. }) => Some((sequence, name.clone(), node.ino, node.kind)),
                        _ => None,
                    });
                upper.take(LIST_BATCH).collect()
            };
            for (sequence, name, ino, kind) in &batch {
                let name = Name::new(name).map_err(|_| Errno::Io)?;
                after = *sequence;
                if sink(DirEntry { name, ino: *ino, kind: *kind, next: UPPER_COOKIE | sequence }).is_break() {
                    return Ok(());
                }
            }
            if batch.len() < LIST_BATCH {
                return Ok(());
            }
        }
    }

    /// Whether the directory has no entries. It stays so while the tree is locked.
    pub(super) fn is_empty(&self) -> Result<bool> {
        let mut is_empty = true;
        self.list(0, &mut |_| {
            is_empty = false;
            ControlFlow::Break(())
        })?;
        Ok(is_empty)
    }

    /// Whether this directory is `ancestor` or lies below it.
    pub(super) fn is_below(&self, ancestor: &Node) -> bool {
        let mut at = Some(self.arc());
        while let Some(node) = at {
            if std::ptr::eq(&*node, ancestor) {
                return true;
            }
            at = node.dir().ok().and_then(Dir::up);
        }
        false
    }
}
