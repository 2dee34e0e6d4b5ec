//! Directories in memory: entries by name and in the order they were made.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use super::{Body, INODE_SIZE, MemInode, read, take, write};
use crate::vfs::attr::{FileKind, Timespec};
use crate::vfs::errno::{Errno, Result};
use crate::vfs::inode::{Cookie, DirEntry, InodeRef, NewInode, NewKind, RenameMode, downcast};
use crate::vfs::path::Name;
use crate::vfs::rules::check_replace;

/// The entries of one directory.
pub(super) struct Dir {
    entries: RwLock<Entries>,
    /// The directory above; dangling for the root and for removed directories.
    parent: Mutex<Weak<MemInode>>,
}

#[derive(Default)]
struct Entries {
    names: HashMap<Arc<[u8]>, u64>,
    /// By sequence number, which is the cookie.
    order: BTreeMap<u64, (Arc<[u8]>, Arc<MemInode>)>,
    last: u64,
    removed: bool,
}

impl Entries {
    fn find(&self, name: Name<'_>) -> Option<Arc<MemInode>> {
        let sequence = self.names.get(name.as_bytes())?;
        self.order.get(sequence).map(|(_, inode)| inode.clone())
    }

    fn insert(&mut self, name: Name<'_>, inode: Arc<MemInode>) {
        self.last += 1;
        let name: Arc<[u8]> = name.as_bytes().into();
        if let Some(old) = self.names.insert(name.clone(), self.last) {
            self.order.remove(&old);
        }
        self.order.insert(self.last, (name, inode));
    }

    fn remove(&mut self, name: Name<'_>) {
        if let Some(sequence) = self.names.remove(name.as_bytes()) {
            self.order.remove(&sequence);
        }
    }
}

impl Dir {
    pub(super) fn new(parent: Weak<MemInode>) -> Dir {
        Dir { entries: RwLock::default(), parent: Mutex::new(parent) }
    }

    pub(super) fn find(&self, name: Name<'_>) -> Result<Arc<MemInode>> {
        read(&self.entries).find(name).ok_or(Errno::NoEnt)
    }

    pub(super) fn list(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) {
        let entries = read(&self.entries);
        for (&sequence, (name, inode)) in entries.order.range(from.saturating_add(1)..) {
            let name = Name::new(name).expect("it was a name when it was made");
            if sink(DirEntry { name, ino: inode.ino, kind: inode.kind, next: sequence }).is_break() {
                return;
            }
        }
    }

    /// Takes the tree below apart, one directory after the other: a tree may be deeper than the stack.
    pub(super) fn dismantle(&mut self) {
        let mut pending = vec![std::mem::take(self.entries.get_mut().unwrap_or_else(PoisonError::into_inner))];
        while let Some(entries) = pending.pop() {
            for (_, child) in entries.order.into_values() {
                if let Some(mut child) = Arc::into_inner(child)
                    && let Body::Directory(dir) = &mut child.body
                {
                    pending.push(std::mem::take(dir.entries.get_mut().unwrap_or_else(PoisonError::into_inner)));
                }
            }
        }
    }

    fn parent(&self) -> Option<Arc<MemInode>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn set_parent(&self, parent: Weak<MemInode>) {
        *self.parent.lock().unwrap_or_else(PoisonError::into_inner) = parent;
    }

    /// Marks the directory as removed, if it is empty.
    fn remove_if_empty(&self) -> Result<()> {
        let mut entries = write(&self.entries);
        if !entries.order.is_empty() {
            return Err(Errno::NotEmpty);
        }
        entries.removed = true;
        drop(entries);
        self.set_parent(Weak::new());
        Ok(())
    }
}

impl MemInode {
    pub(super) fn create_entry(&self, name: Name<'_>, new: &NewInode<'_>) -> Result<Arc<MemInode>> {
        let dir = self.dir()?;
        let _tree = self.fs.tree();
        self.check_free(dir, name)?;
        let target = if let NewKind::Symlink(target) = new.kind { target.len() as u64 } else { 0 };
        take(&self.fs.inodes, 1, self.fs.limit_inodes)?;
        if let Err(errno) = self.fs.charge(INODE_SIZE + target) {
            self.fs.inodes.fetch_sub(1, Ordering::Relaxed);
            return Err(errno);
        }
        let inode = MemInode::new(self.fs.clone(), new, self.this.clone());
        write(&dir.entries).insert(name, inode.clone());
        self.entries_changed(i64::from(inode.kind == FileKind::Directory));
        Ok(inode)
    }

    pub(super) fn link_entry(&self, name: Name<'_>, target: &InodeRef) -> Result<()> {
        let dir = self.dir()?;
        let target = downcast::<MemInode>(target).filter(|target| Arc::ptr_eq(&target.fs, &self.fs));
        let target = target.ok_or(Errno::XDev)?;
        if target.kind == FileKind::Directory {
            return Err(Errno::Perm);
        }
        let _tree = self.fs.tree();
        self.check_free(dir, name)?;
        if target.meta().nlink == 0 {
            return Err(Errno::NoEnt);
        }
        target.change_links(1);
        write(&dir.entries).insert(name, target);
        self.entries_changed(0);
        Ok(())
    }

    pub(super) fn unlink_entry(&self, name: Name<'_>) -> Result<()> {
        let dir = self.dir()?;
        let _tree = self.fs.tree();
        let inode = dir.find(name)?;
        if inode.kind == FileKind::Directory {
            return Err(Errno::IsDir);
        }
        write(&dir.entries).remove(name);
        inode.change_links(-1);
        self.entries_changed(0);
        Ok(())
    }

    pub(super) fn rmdir_entry(&self, name: Name<'_>) -> Result<()> {
        let dir = self.dir()?;
        let _tree = self.fs.tree();
        let inode = dir.find(name)?;
        inode.dir()?.remove_if_empty()?;
        write(&dir.entries).remove(name);
        inode.change_links(-2);
        self.entries_changed(-1);
        Ok(())
    }

    pub(super) fn rename_entry(&self, from: Name<'_>, to_dir: &InodeRef, to: Name<'_>, mode: RenameMode) -> Result<()> {
        let dir = self.dir()?;
        let to_inode = downcast::<MemInode>(to_dir).filter(|to| Arc::ptr_eq(&to.fs, &self.fs)).ok_or(Errno::XDev)?;
        let to_entries = to_inode.dir()?;
        let _tree = self.fs.tree();
        let moved = dir.find(from)?;
        if read(&to_entries.entries).removed {
            return Err(Errno::NoEnt);
        }
        let replaced = to_entries.find(to).ok();
        match (mode, &replaced) {
            (RenameMode::NoReplace, Some(_)) => return Err(Errno::Exist),
            (RenameMode::Exchange, None) => return Err(Errno::NoEnt),
            _ => {}
        }
        if to_inode.is_below(&moved) {
            return Err(Errno::Inval);
        }
        if let Some(replaced) = &replaced {
            if Arc::ptr_eq(replaced, &moved) {
                return Ok(());
            }
            if self.is_below(replaced) {
                return Err(if mode == RenameMode::Exchange { Errno::Inval } else { Errno::NotEmpty });
            }
            if mode != RenameMode::Exchange {
                check_replace(moved.kind, replaced.kind)?;
                if let Body::Directory(dir) = &replaced.body {
                    dir.remove_if_empty()?;
                }
            }
        }
        let is_dir = |inode: &MemInode| i64::from(inode.kind == FileKind::Directory);
        let (here, there) = (-is_dir(&moved), is_dir(&moved));
        match (mode, replaced) {
            (RenameMode::Exchange, Some(other)) => {
                write(&dir.entries).insert(from, other.clone());
                other.moved_to(self);
                self.entries_changed(here + is_dir(&other));
                write(&to_entries.entries).insert(to, moved.clone());
                to_inode.entries_changed(there - is_dir(&other));
            }
            (_, replaced) => {
                write(&dir.entries).remove(from);
                self.entries_changed(here);
                write(&to_entries.entries).insert(to, moved.clone());
                let gone = replaced.as_deref().map_or(0, is_dir);
                to_inode.entries_changed(there - gone);
                if let Some(replaced) = replaced {
                    replaced.change_links(if gone == 1 { -2 } else { -1 });
                }
            }
        }
        moved.moved_to(&to_inode);
        Ok(())
    }

    /// Whether a new entry `name` can be made.
    fn check_free(&self, dir: &Dir, name: Name<'_>) -> Result<()> {
        let entries = read(&dir.entries);
        if entries.removed {
            return Err(Errno::NoEnt);
        }
        if entries.names.contains_key(name.as_bytes()) { Err(Errno::Exist) } else { Ok(()) }
    }

    /// Whether this directory is `ancestor` or lies below it.
    fn is_below(&self, ancestor: &Arc<MemInode>) -> bool {
        let mut at = self.this.upgrade();
        while let Some(inode) = at {
            if Arc::ptr_eq(&inode, ancestor) {
                return true;
            }
            at = inode.dir().ok().and_then(Dir::parent);
        }
        false
    }

    fn moved_to(&self, parent: &MemInode) {
        if let Body::Directory(dir) = &self.body {
            dir.set_parent(parent.this.clone());
        }
        self.meta().ctime = Timespec::stamp();
    }

    fn change_links(&self, by: i64) {
        let mut meta = self.meta();
        meta.nlink = u32::try_from(i64::from(meta.nlink) + by).unwrap_or(0);
        meta.ctime = Timespec::stamp();
    }

    /// Notes that entries were made or removed, and how many directories more there are now.
    fn entries_changed(&self, directories: i64) {
        self.touch();
        if directories != 0 {
            self.change_links(directories);
        }
    }
}
