//! What an upper directory of overlayfs changes of its lower, path by path.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Merged, Overlay, if_there};
use crate::vfs::attr::FileKind;
use crate::vfs::change::{Change, ChangeKind};
use crate::vfs::errno::Result;
use crate::vfs::inode::{Inode, InodeRef};
use crate::vfs::path::GuestPath;

impl Overlay {
    /// Every changed path, in byte order and so parents first, as [`Upper::changes`](crate::vfs::Upper::changes) reports
    /// them. The cost follows what the upper holds, however large the lower is. Everything that was copied up is changed,
    /// but a directory that looks as before and has no change below it is not.
    pub fn changes(&self) -> Result<Vec<Change>> {
        let mut walk = Walk { changes: Vec::new(), unchanged: BTreeMap::new(), pending: Vec::new() };
        walk.add(self.root.clone(), GuestPath::root(), self.root.lower.as_ref())?;
        while let Some((dir, path)) = walk.pending.pop() {
            walk.below(&dir, &path)?;
        }
        Ok(walk.finish())
    }
}

struct Walk {
    changes: Vec<Change>,
    /// Directories that look as they do in the lower.
    unchanged: BTreeMap<GuestPath, Arc<Merged>>,
    pending: Vec<(Arc<Merged>, GuestPath)>,
}

impl Walk {
    fn below(&mut self, dir: &Arc<Merged>, path: &GuestPath) -> Result<()> {
        for name in dir.upper_entries()?.into_keys() {
            let name = name.as_name();
            let path = path.join(name)?;
            // It may be gone since the directory was read.
            let Some(upper) = if_there(dir.upper.lookup(name))? else { continue };
            let lower = dir.lower_at(name)?;
            match dir.is_whiteout(&upper)? {
                true if lower.is_some() => {
                    self.changes.push(Change { path, kind: ChangeKind::Deleted, inode: None, opaque: false });
                }
                true => {}
                false => self.add(dir.fs.node(upper, lower.clone())?, path, lower.as_ref())?,
            }
        }
        Ok(())
    }

    /// Takes up a file of the upper. `lower` is what it stands over.
    fn add(&mut self, node: Arc<Merged>, path: GuestPath, lower: Option<&InodeRef>) -> Result<()> {
        let is_dir = node.kind() == FileKind::Directory;
        if is_dir {
            self.pending.push((node.clone(), path.clone()));
        }
        if looks_the_same(&node)? {
            self.unchanged.insert(path, node);
            return Ok(());
        }
        let replaces = lower.is_some_and(|lower| lower.kind() == FileKind::Directory) && node.lower.is_none();
        let kind = if lower.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.changes.push(Change { path, kind, opaque: is_dir && replaces, inode: Some(node) });
        Ok(())
    }

    /// The changes in order, with the directories above each.
    fn finish(self) -> Vec<Change> {
        let Walk { mut changes, mut unchanged, .. } = self;
        let mut above = Vec::new();
        for change in &changes {
            let mut path = change.path.clone();
            while !path.is_root() {
                path.pop();
                let Some(dir) = unchanged.remove(&path) else { break };
                above.push(Change { path: path.clone(), kind: ChangeKind::Modified, inode: Some(dir), opaque: false });
            }
        }
        changes.append(&mut above);
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes
    }
}

/// Whether it is a directory that looks as the one of the lower that it merges with: it may have been copied up for what is
/// below it alone.
fn looks_the_same(node: &Merged) -> Result<bool> {
    let Some(lower) = &node.lower else { return Ok(false) };
    let (is, was) = (node.attr()?, lower.attr()?);
    let owners = node.fs.owners.or_root(was.uid, was.gid);
    if (is.mode, (is.uid, is.gid), is.mtime) != (was.mode, owners, was.mtime) {
        return Ok(false);
    }
    let names = node.list_xattrs()?;
    if names != lower.list_xattrs()? {
        return Ok(false);
    }
    for name in names {
        if node.xattr(&name)? != lower.xattr(&name)? {
            return Ok(false);
        }
    }
    Ok(true)
}
