//! What changed: the difference between an upper and its lower, path by path.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Upper;
use super::dir::Entry;
use super::node::{Body, LowerPath, Node};
use crate::vfs::attr::FileKind;
use crate::vfs::change::{Change, ChangeKind};
use crate::vfs::errno::{Errno, Result};
use crate::vfs::path::{GuestPath, Name};

/// Changed files of the lower, by their place in it.
#[derive(Default)]
struct Touched {
    is_changed: bool,
    below: BTreeMap<Arc<[u8]>, Touched>,
}

struct Walk {
    changes: Vec<Change>,
    /// Inode numbers of changed files of the lower that have names which are not known: they are looked for everywhere.
    linked: BTreeSet<u64>,
}

impl Upper {
    /// Reports every changed path, in byte order of the paths and so parents first, until `sink` breaks. A directory above
    /// a change is reported as modified, like one whose own attributes or entries changed. What was moved is deleted
    /// where it was and, with all below it, added where it is.
    ///
    /// The cost follows the number of changes, with one exception: where a file with several names in the lower was
    /// changed, the whole lower is searched for its other names.
    pub fn changes(&self, sink: &mut dyn FnMut(Change) -> ControlFlow<()>) -> Result<()> {
        let tree = self.fs.lock_tree();
        let (touched, linked) = self.touched()?;
        let mut walk = Walk { changes: Vec::new(), linked };
        if walk.merged(&self.root, &touched, &GuestPath::root())? || touched.is_changed {
            walk.add(GuestPath::root(), ChangeKind::Modified, Some(&self.root), false);
        }
        drop(tree);
        walk.changes.sort_by(|a, b| a.path.cmp(&b.path));
        for change in walk.changes {
            if sink(change).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The nodes of the lower that changed, by place, and the numbers of those with several names.
    fn touched(&self) -> Result<(Touched, BTreeSet<u64>)> {
        let nodes = self.fs.recorded_nodes();
        let mut names_here: HashMap<*const Node, u32> = HashMap::new();
        for dir in nodes.iter().filter_map(|node| node.dir().ok()) {
            for (_, node, _) in dir.read().upper() {
                *names_here.entry(Arc::as_ptr(node)).or_default() += 1;
            }
        }
        let (mut touched, mut linked) = (Touched::default(), BTreeSet::new());
        for node in nodes {
            // A file of the lower that got a name here: what names it has in the lower have to stay links to it.
            let here = names_here.get(&Arc::as_ptr(&node)).copied().unwrap_or(0);
            let nlink = node.changed_meta().map_or(0, |meta| meta.nlink);
            let is_shared = node.kind != FileKind::Directory && here > 0 && nlink > here;
            let Some(lower) = &node.lower else { continue };
            if !is_shared && !differs(&node)? {
                continue;
            }
            if node.kind != FileKind::Directory && lower.inode.attr()?.nlink > 1 {
                linked.insert(node.ino);
            }
            touched.at(&lower.path).is_changed = true;
        }
        Ok((touched, linked))
    }
}

impl Touched {
    fn at(&mut self, path: &LowerPath) -> &mut Touched {
        path.names().into_iter().fold(self, |at, name| at.below.entry(name).or_default())
    }
}

/// Whether a node of the lower looks different from what it was: more than its number of names changed.
fn differs(node: &Node) -> Result<bool> {
    let Some(lower) = &node.lower else { return Ok(true) };
    match &node.body {
        Body::Regular(file) if file.is_own() => return Ok(true),
        Body::Directory(dir) if dir.read().has_changes() => return Ok(true),
        _ => {}
    }
    let was = lower.inode.attr()?;
    let Some(meta) = node.changed_meta() else { return Ok(false) };
    let is_same = (meta.mode, meta.uid, meta.gid, meta.mtime) == (was.mode, was.uid, was.gid, was.mtime);
    Ok(!is_same || meta.xattrs.is_some())
}

impl Walk {
    fn add(&mut self, path: GuestPath, kind: ChangeKind, node: Option<&Arc<Node>>, opaque: bool) {
        let inode = node.map(|node| node.clone() as crate::vfs::InodeRef);
        self.changes.push(Change { path, kind, inode, opaque });
    }

    /// Adds what changed below a directory that is at its place in the lower; returns whether anything did.
    fn merged(&mut self, dir: &Arc<Node>, touched: &Touched, path: &GuestPath) -> Result<bool> {
        let before = self.changes.len();
        for name in self.names_to_look_at(dir, touched)? {
            let text = Name::new(&name).map_err(|_| Errno::Io)?;
            let path = path.join(text)?;
            let upper = match dir.dir()?.read().entry(&name) {
                Some(Entry::Whiteout) => {
                    self.add(path, ChangeKind::Deleted, None, false);
                    continue;
                }
                Some(Entry::Upper { node, covers, .. }) => Some((node.clone(), *covers)),
                _ => None,
            };
            match upper {
                Some((node, covers)) => self.upper(dir, &node, covers, text, path)?,
                None => self.lower(dir, text, touched.below.get(&name), path)?,
            }
        }
        Ok(self.changes.len() > before)
    }

    /// The names in `dir` below which something may have changed.
    fn names_to_look_at(&self, dir: &Arc<Node>, touched: &Touched) -> Result<BTreeSet<Arc<[u8]>>> {
        let mut names: BTreeSet<Arc<[u8]>> = touched.below.keys().cloned().collect();
        {
            let entries = dir.dir()?.read();
            names.extend(entries.whiteouts().cloned());
            names.extend(entries.upper().map(|(name, _, _)| name.clone()));
        }
        if !self.linked.is_empty() {
            dir.list(0, &mut |entry| {
                if entry.kind == FileKind::Directory || self.linked.contains(&entry.ino) {
                    names.insert(entry.name.as_bytes().into());
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(names)
    }

    /// An entry that was made or moved here.
    fn upper(
        &mut self,
        dir: &Arc<Node>,
        node: &Arc<Node>,
        covers: bool,
        name: Name<'_>,
        path: GuestPath,
    ) -> Result<()> {
        let is_dir = node.kind == FileKind::Directory;
        let replaces =
            if covers { dir.lower.as_ref().map(|lower| lower.inode.lookup(name)).transpose()? } else { None };
        let opaque = is_dir && replaces.as_ref().is_some_and(|old| old.kind() == FileKind::Directory);
        let kind = if replaces.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.add(path.clone(), kind, Some(node), opaque);
        if is_dir { self.all(node, &path) } else { Ok(()) }
    }

    /// Adds everything below a directory that was made or moved.
    fn all(&mut self, dir: &Arc<Node>, path: &GuestPath) -> Result<()> {
        let mut pending = vec![(dir.clone(), path.clone())];
        while let Some((dir, path)) = pending.pop() {
            let mut names = Vec::new();
            dir.list(0, &mut |entry| {
                names.push(entry.name.to_owned());
                ControlFlow::Continue(())
            })?;
            for name in names {
                let (node, path) = (dir.find(name.as_name())?, path.join(name.as_name())?);
                self.add(path.clone(), ChangeKind::Added, Some(&node), false);
                if node.kind == FileKind::Directory {
                    pending.push((node, path));
                }
            }
        }
        Ok(())
    }

    /// An entry that is still the lower's.
    fn lower(&mut self, dir: &Arc<Node>, name: Name<'_>, touched: Option<&Touched>, path: GuestPath) -> Result<()> {
        let node = dir.find(name)?;
        let none = Touched::default();
        let touched = touched.unwrap_or(&none);
        let mut is_changed = touched.is_changed || self.linked.contains(&node.ino);
        if node.kind == FileKind::Directory {
            is_changed |= self.merged(&node, touched, &path)?;
        }
        if is_changed {
            self.add(path, ChangeKind::Modified, Some(&node), false);
        }
        Ok(())
    }
}
