//! What the kernel's overlayfs makes of an upper directory and its lower, without mounting it: a view that is only read.
//!
//! overlayfs.rst "whiteouts and opaque directories": a whiteout is a character device 0:0, or in a directory that is marked
//! `opaque=x` an empty file with the mark `whiteout`; in a directory marked `opaque=y` nothing of the lower shows. Options
//! that would make an upper depend on more than itself (redirect_dir, metacopy) are taken to be off.

mod changes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::attr::{Attr, Device, FileKind};
use super::errno::{Errno, Result};
use super::inode::{Cookie, DirEntry, Inode, InodeRef};
use super::listing::Listing;
use super::path::{Name, NameBuf};
use crate::sys::raw_files::{Owners, overlay_marks};

/// Behind the prefix of overlayfs's own attributes, those of guests that would have their names have this.
const ESCAPE: &[u8] = b"overlay.";

/// An upper directory over its lower.
pub struct Overlay {
    root: Arc<Merged>,
}

struct Shared {
    /// What the names of overlayfs's own attributes begin with.
    marks: &'static [u8],
    /// Those that files of the upper can have.
    owners: Owners,
    /// Files of the upper, by the address of their inode, which a node keeps.
    nodes: Mutex<HashMap<usize, Weak<Merged>>>,
}

/// A file of the upper.
struct Merged {
    fs: Arc<Shared>,
    upper: InodeRef,
    /// The directory of the lower that shows through.
    lower: Option<InodeRef>,
    /// Whether empty files may be whiteouts here.
    marks_whiteouts: bool,
    listing: Mutex<Listing>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// None where there is nothing.
fn if_there(found: Result<InodeRef>) -> Result<Option<InodeRef>> {
    match found {
        Ok(inode) => Ok(Some(inode)),
        Err(Errno::NoEnt) => Ok(None),
        Err(errno) => Err(errno),
    }
}

impl Overlay {
    /// The directory `upper`, as overlayfs left it, over the directory `lower`.
    pub fn new(upper: InodeRef, lower: InodeRef) -> Result<Overlay> {
        let fs = Arc::new(Shared { marks: overlay_marks(), owners: Owners::here(), nodes: Mutex::default() });
        Ok(Overlay { root: fs.node(upper, Some(lower))? })
    }

    /// The merged root. Nothing can be changed by it.
    pub fn root(&self) -> InodeRef {
        self.root.clone()
    }
}

impl Shared {
    /// The node of a file of the upper. `lower` is what the lower has in its place.
    fn node(self: &Arc<Self>, upper: InodeRef, lower: Option<InodeRef>) -> Result<Arc<Merged>> {
        let key = Arc::as_ptr(&upper).addr();
        if let Some(node) = lock(&self.nodes).get(&key).and_then(Weak::upgrade) {
            return Ok(node);
        }
        let is_directory = |inode: &InodeRef| inode.kind() == FileKind::Directory;
        let mark = if is_directory(&upper) { self.mark(&upper, b"opaque")? } else { None };
        let lower = lower.filter(|lower| is_directory(&upper) && is_directory(lower) && mark.as_deref() != Some(b"y"));
        let node = Arc::new(Merged {
            fs: self.clone(),
            upper,
            lower,
            marks_whiteouts: mark.as_deref() == Some(b"x"),
            listing: Mutex::default(),
        });
        let mut nodes = lock(&self.nodes);
        if nodes.len() >= 1024 && nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        if let Some(other) = nodes.get(&key).and_then(Weak::upgrade) {
            return Ok(other);
        }
        nodes.insert(key, Arc::downgrade(&node));
        Ok(node)
    }

    /// The value of an attribute of overlayfs's own.
    fn mark(&self, upper: &InodeRef, name: &[u8]) -> Result<Option<Vec<u8>>> {
        match upper.xattr(&[self.marks, name].concat()) {
            Ok(value) => Ok(Some(value)),
            Err(Errno::NoData | Errno::NotSup) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The name under which guests see an attribute of the upper; none for overlayfs's own.
    fn shown(&self, name: Vec<u8>) -> Option<Vec<u8>> {
        match name.strip_prefix(self.marks) {
            None => Some(name),
            Some(rest) => Some([self.marks, rest.strip_prefix(ESCAPE)?].concat()),
        }
    }

    /// The other way.
    fn stored(&self, name: &[u8]) -> Vec<u8> {
        match name.strip_prefix(self.marks) {
            None => name.to_vec(),
            Some(rest) => [self.marks, ESCAPE, rest].concat(),
        }
    }
}

impl Merged {
    fn is_whiteout(&self, upper: &InodeRef) -> Result<bool> {
        Ok(match upper.kind() {
            FileKind::CharDevice => upper.attr()?.rdev == Device::default(),
            FileKind::Regular if self.marks_whiteouts => {
                upper.attr()?.size == 0 && self.fs.mark(upper, b"whiteout")?.is_some()
            }
            _ => false,
        })
    }

    /// What the lower has at `name`, where it shows through.
    fn lower_at(&self, name: Name<'_>) -> Result<Option<InodeRef>> {
        self.lower.as_ref().map_or(Ok(None), |lower| if_there(lower.lookup(name)))
    }

    /// The names in the upper, whiteouts among them, with inode number and kind.
    fn upper_entries(&self) -> Result<BTreeMap<NameBuf, (u64, FileKind)>> {
        entries(&self.upper)
    }

    /// All that is shown.
    fn entries(&self) -> Result<BTreeMap<NameBuf, (u64, FileKind)>> {
        let upper = self.upper_entries()?;
        let mut all = self.lower.as_ref().map_or(Ok(BTreeMap::new()), entries)?;
        for (name, entry) in upper {
            let may_be_whiteout = match entry.1 {
                FileKind::CharDevice => true,
                FileKind::Regular => self.marks_whiteouts,
                _ => false,
            };
            let is_whiteout = match may_be_whiteout {
                // One that is gone since it was listed hides nothing any more.
                true => {
                    if_there(self.upper.lookup(name.as_name()))?.map_or(Ok(false), |upper| self.is_whiteout(&upper))?
                }
                false => false,
            };
            match is_whiteout {
                true => drop(all.remove(&name)),
                false => drop(all.insert(name, entry)),
            }
        }
        Ok(all)
    }
}

fn entries(dir: &InodeRef) -> Result<BTreeMap<NameBuf, (u64, FileKind)>> {
    let mut entries = BTreeMap::new();
    dir.read_dir(0, &mut |entry| {
        entries.insert(entry.name.to_owned(), (entry.ino, entry.kind));
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

impl Inode for Merged {
    fn kind(&self) -> FileKind {
        self.upper.kind()
    }

    fn attr(&self) -> Result<Attr> {
        self.upper.attr()
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        match if_there(self.upper.lookup(name))? {
            Some(upper) if self.is_whiteout(&upper)? => Err(Errno::NoEnt),
            Some(upper) => Ok(self.fs.node(upper, self.lower_at(name)?)?),
            None => self.lower_at(name)?.ok_or(Errno::NoEnt),
        }
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        let mut listing = lock(&self.listing);
        if from == 0 {
            let entries = self.entries()?;
            listing.renew(entries.into_iter().map(|(name, (ino, kind))| (name.as_bytes().into(), ino, kind)));
        }
        listing.show(from, sink)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.upper.read_at(buf, offset)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        self.upper.read_link()
    }

    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.upper.xattr(&self.fs.stored(name))
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        let mut names: Vec<_> = self.upper.list_xattrs()?.into_iter().filter_map(|name| self.fs.shown(name)).collect();
        names.sort();
        Ok(names)
    }
}
