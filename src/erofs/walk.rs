//! `Walk`: every entry of an image, and what can be read off them all.

use std::collections::HashSet;

use super::dir::{Dirent, Entries};
use super::error::{Error, Fault};
use super::image::{Image, RawInode};
use super::pack::ContentRef;
use crate::vfs::{FileKind, Name};

/// Every entry of an image below the root, a directory before what is in it. A fault is the last item.
pub(super) struct Walk<'a> {
    image: &'a Image,
    dir: RawInode,
    entries: Entries<'a>,
    /// Directories still to be listed.
    pending: Vec<RawInode>,
    seen: HashSet<u64>,
}

/// An entry.
pub(super) struct Step<'a> {
    pub dir: RawInode,
    pub dirent: Dirent<'a>,
    pub inode: RawInode,
}

impl<'a> Walk<'a> {
    pub(super) fn new(image: &'a Image) -> Result<Walk<'a>, Fault> {
        let dir = image.root()?;
        let entries = Entries::new(image, dir);
        Ok(Walk { image, dir, entries, pending: Vec::new(), seen: HashSet::new() })
    }

    fn step(&mut self) -> Result<Option<Step<'a>>, Fault> {
        let dirent = loop {
            if let Some(dirent) = self.entries.next() {
                break dirent?;
            }
            let Some(dir) = self.pending.pop() else { return Ok(None) };
            self.dir = dir;
            self.entries = Entries::new(self.image, dir);
        };
        if Name::new(dirent.name).is_err() {
            return Err(Fault("an entry has an impossible name"));
        }
        let inode = self.image.child(&self.dir, dirent.nid, dirent.kind)?;
        if inode.kind == FileKind::Directory {
            if !self.seen.insert(inode.nid) {
                return Err(Fault("a directory has two names"));
            }
            self.pending.push(inode);
        }
        Ok(Some(Step { dir: self.dir, dirent, inode }))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Step<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if matches!(step, None | Some(Err(_))) {
            self.pending.clear();
        }
        step
    }
}

impl Image {
    /// Where the contents of all regular files lie, by directory; a file with several names comes several times. An error
    /// is the last item.
    pub fn contents(&self) -> impl Iterator<Item = Result<ContentRef, Error>> + '_ {
        let (walk, fault) = match Walk::new(self) {
            Ok(walk) => (Some(walk), None),
            Err(fault) => (None, Some(Err(fault))),
        };
        let contents = walk.into_iter().flatten().filter_map(|step| match step {
            Ok(step) => self.content(&step.inode).map(|content| content.map(|(_, content)| content)).transpose(),
            Err(fault) => Some(Err(fault)),
        });
        fault.into_iter().chain(contents).map(|content| content.map_err(|fault| self.damaged(fault)))
    }
}
