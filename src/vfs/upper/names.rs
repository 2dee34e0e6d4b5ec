//! Changes of names: create, link, unlink, rmdir, rename. Each holds the tree lock, checks everything first, then changes
//! the directories and records that in one frame.

use std::sync::{Arc, MutexGuard};

use super::dir::{Dir, ENTRY_COST, Slot, Up};
use super::node::{NODE_COST, Node};
use super::record::Encoder;
use crate::vfs::attr::FileKind;
use crate::vfs::errno::{Errno, Result};
use crate::vfs::inode::{InodeRef, NewInode, NewKind, RenameMode, downcast};
use crate::vfs::path::Name;
use crate::vfs::rules::check_replace;

/// In the midst of work the journal may grow to so many times the size at which it is folded otherwise.
const FOLD_LATER: u64 = 16;
/// More than the links of any node: to remove all of them.
const ALL_LINKS: i64 = u32::MAX as i64;

impl Node {
    pub(super) fn create_entry(&self, name: Name<'_>, new: &NewInode<'_>) -> Result<Arc<Node>> {
        let dir = self.dir()?;
        self.fs.begin()?;
        let tree = self.fs.lock_tree();
        let slot = self.free_slot(dir, name)?;
        let target = if let NewKind::Symlink(target) = new.kind { target.len() as u64 } else { 0 };
        self.fs.space.check(NODE_COST + target + ENTRY_COST + name.as_bytes().len() as u64)?;
        let dir_id = self.recorded_id()?;
        self.fs.space.charge_metadata_anyway(NODE_COST);
        let node = Node::of_new(self.fs.clone(), self.fs.new_id(), new, Up::Weak(self.this.clone()));
        dir.put(name.as_bytes(), node.clone(), slot.covers);
        let id = node.recorded_id()?;
        self.change(tree, |frame| {
            node.encode(frame, &*node.meta()?);
            frame.entry(dir_id, name.as_bytes(), id, slot.covers);
            self.entries_changed(directories(&node), frame)
        })?;
        Ok(node)
    }

    pub(super) fn link_entry(&self, name: Name<'_>, target: &InodeRef) -> Result<()> {
        let dir = self.dir()?;
        let target = self.fs.own(target)?;
        if target.kind == FileKind::Directory {
            return Err(Errno::Perm);
        }
        self.fs.begin()?;
        let tree = self.fs.lock_tree();
        let slot = self.free_slot(dir, name)?;
        self.fs.space.check(ENTRY_COST + name.as_bytes().len() as u64)?;
        if target.meta()?.nlink == 0 {
            return Err(Errno::NoEnt);
        }
        let (dir_id, id) = (self.recorded_id()?, target.recorded_id()?);
        dir.put(name.as_bytes(), target.clone(), slot.covers);
        self.change(tree, |frame| {
            frame.entry(dir_id, name.as_bytes(), id, slot.covers);
            target.change_links(1, frame)?;
            self.entries_changed(0, frame)
        })
    }

    pub(super) fn unlink_entry(&self, name: Name<'_>) -> Result<()> {
        let dir = self.dir()?;
        self.fs.begin()?;
        let tree = self.fs.lock_tree();
        let slot = self.slot(name)?;
        let node = slot.node.ok_or(Errno::NoEnt)?;
        if node.kind == FileKind::Directory {
            return Err(Errno::IsDir);
        }
        node.prepare_unlink()?;
        let dir_id = self.recorded_id()?;
        dir.take(&self.fs, name.as_bytes(), slot.covers);
        self.change(tree, |frame| {
            removed(frame, dir_id, name, slot.covers);
            node.change_links(-1, frame)?;
            self.entries_changed(0, frame)
        })
    }

    pub(super) fn rmdir_entry(&self, name: Name<'_>) -> Result<()> {
        let dir = self.dir()?;
        self.fs.begin()?;
        let tree = self.fs.lock_tree();
        let slot = self.slot(name)?;
        let node = slot.node.ok_or(Errno::NoEnt)?;
        let removed_dir = node.dir()?;
        if !node.is_empty()? {
            return Err(Errno::NotEmpty);
        }
        node.prepare_unlink()?;
        let dir_id = self.recorded_id()?;
        removed_dir.mark_removed(&self.fs);
        dir.take(&self.fs, name.as_bytes(), slot.covers);
        self.change(tree, |frame| {
            removed(frame, dir_id, name, slot.covers);
            node.change_links(-ALL_LINKS, frame)?;
            self.entries_changed(-1, frame)
        })
    }

    pub(super) fn rename_entry(&self, from: Name<'_>, to_dir: &InodeRef, to: Name<'_>, mode: RenameMode) -> Result<()> {
        self.dir()?;
        let to_node = self.fs.own(to_dir)?;
        let to_node_dir = to_node.dir()?;
        self.fs.begin()?;
        let tree = self.fs.lock_tree();
        let source = self.slot(from)?;
        let moved = source.node.clone().ok_or(Errno::NoEnt)?;
        if to_node_dir.read().is_removed {
            return Err(Errno::NoEnt);
        }
        let target = to_node.slot(to)?;
        match (mode, &target.node) {
            (RenameMode::NoReplace, Some(_)) => return Err(Errno::Exist),
            (RenameMode::Exchange, None) => return Err(Errno::NoEnt),
            _ => {}
        }
        if moved.kind == FileKind::Directory && to_node.is_below(&moved) {
            return Err(Errno::Inval);
        }
        if let Some(replaced) = &target.node {
            if Arc::ptr_eq(replaced, &moved) {
                return Ok(());
            }
            if replaced.kind == FileKind::Directory && self.is_below(replaced) {
                return Err(if mode == RenameMode::Exchange { Errno::Inval } else { Errno::NotEmpty });
            }
        }
        self.change(tree, |frame| match mode {
            RenameMode::Exchange => self.exchange((from, &source), &to_node, (to, &target), frame),
            _ => self.move_entry((from, &source), &to_node, (to, &target), frame),
        })
    }

    fn move_entry(
        &self,
        (from, source): (Name<'_>, &Slot),
        to_node: &Node,
        (to, target): (Name<'_>, &Slot),
        frame: &mut Encoder<'_>,
    ) -> Result<()> {
        let moved = source.node.as_ref().ok_or(Errno::NoEnt)?;
        if let Some(replaced) = &target.node {
            check_replace(moved.kind, replaced.kind)?;
            if replaced.kind == FileKind::Directory && !replaced.is_empty()? {
                return Err(Errno::NotEmpty);
            }
            replaced.prepare_unlink()?;
        }
        self.fs.space.check(ENTRY_COST + to.as_bytes().len() as u64)?;
        let (id, dir_id, to_id) = (moved.recorded_id()?, self.recorded_id()?, to_node.recorded_id()?);
        let (dir, to_dir) = (self.dir()?, to_node.dir()?);
        let gone = target.node.as_deref().map_or(0, directories);
        if let Some(replaced) = target.node.as_ref().and_then(|node| node.dir().ok()) {
            replaced.mark_removed(&self.fs);
        }
        dir.take(&self.fs, from.as_bytes(), source.covers);
        to_dir.put(to.as_bytes(), moved.clone(), target.covers);
        moved.moved_below(to_node);
        removed(frame, dir_id, from, source.covers);
        frame.entry(to_id, to.as_bytes(), id, target.covers);
        to_node.entries_changed(directories(moved) - gone, frame)?;
        self.entries_changed(-directories(moved), frame)?;
        moved.change_links(0, frame)?;
        match &target.node {
            Some(replaced) => replaced.change_links(if gone > 0 { -ALL_LINKS } else { -1 }, frame),
            None => Ok(()),
        }
    }

    fn exchange(
        &self,
        (from, source): (Name<'_>, &Slot),
        to_node: &Node,
        (to, target): (Name<'_>, &Slot),
        frame: &mut Encoder<'_>,
    ) -> Result<()> {
        let (Some(moved), Some(other)) = (&source.node, &target.node) else { return Err(Errno::NoEnt) };
        let names = from.as_bytes().len() + to.as_bytes().len();
        self.fs.space.check(2 * ENTRY_COST + names as u64)?;
        let (id, other_id) = (moved.recorded_id()?, other.recorded_id()?);
        let (dir_id, to_id) = (self.recorded_id()?, to_node.recorded_id()?);
        self.dir()?.put(from.as_bytes(), other.clone(), source.covers);
        to_node.dir()?.put(to.as_bytes(), moved.clone(), target.covers);
        moved.moved_below(to_node);
        other.moved_below(self);
        let difference = directories(moved) - directories(other);
        frame.entry(dir_id, from.as_bytes(), other_id, source.covers);
        frame.entry(to_id, to.as_bytes(), id, target.covers);
        to_node.entries_changed(difference, frame)?;
        self.entries_changed(-difference, frame)?;
        moved.change_links(0, frame)?;
        other.change_links(0, frame)
    }

    /// The slot of an entry that is to be made.
    fn free_slot(&self, dir: &Dir, name: Name<'_>) -> Result<Slot> {
        if dir.read().is_removed {
            return Err(Errno::NoEnt);
        }
        let slot = self.slot(name)?;
        if slot.node.is_some() { Err(Errno::Exist) } else { Ok(slot) }
    }

    /// The node's number in the journal; it is recorded if it was not yet.
    fn recorded_id(&self) -> Result<u64> {
        let mut meta = self.meta()?;
        self.record(&mut meta)?;
        Ok(meta.id)
    }

    /// What has to be known of a node before one of its names goes: that the lower's other names stay is recorded.
    fn prepare_unlink(&self) -> Result<()> {
        let mut meta = self.meta()?;
        if self.kind != FileKind::Directory && meta.nlink > 1 {
            self.record(&mut meta)?;
        }
        Ok(())
    }

    fn moved_below(&self, parent: &Node) {
        if let Ok(dir) = self.dir() {
            dir.set_up(Up::Weak(parent.this.clone()));
        }
    }

    /// Makes a change whose records have to take effect together, and unlocks the tree.
    fn change(&self, tree: MutexGuard<'_, ()>, change: impl FnOnce(&mut Encoder<'_>) -> Result<()>) -> Result<()> {
        let mut records = Vec::new();
        let result = change(&mut Encoder(&mut records));
        self.fs.journal.append(|frame| frame.0.extend_from_slice(&records));
        if self.fs.journal.wants_fold(FOLD_LATER) {
            // The journal only stays longer than it need be.
            let _ = self.fs.fold();
        }
        drop(tree);
        result
    }

    /// Notes that entries were made or removed, and how many directories more there are.
    fn entries_changed(&self, directories: i64, frame: &mut Encoder<'_>) -> Result<()> {
        let mut meta = self.meta()?;
        // A directory with one link is one whose file system does not count.
        if directories != 0 && meta.nlink > 1 {
            meta.change_links(directories);
        }
        meta.touch();
        if meta.is_recorded() {
            frame.touch(&meta);
        }
        Ok(())
    }
}

/// 1 for a directory, which counts as a link of the one above; otherwise 0.
fn directories(node: &Node) -> i64 {
    i64::from(node.kind == FileKind::Directory)
}

fn removed(frame: &mut Encoder<'_>, dir: u64, name: Name<'_>, covers: bool) {
    if covers {
        frame.whiteout(dir, name.as_bytes());
    } else {
        frame.remove(dir, name.as_bytes());
    }
}

impl super::Shared {
    /// `inode` as a node of this upper.
    fn own(self: &Arc<Self>, inode: &InodeRef) -> Result<Arc<Node>> {
        downcast::<Node>(inode).filter(|node| Arc::ptr_eq(&node.fs, self)).ok_or(Errno::XDev)
    }
}
