//! `Draft`: a tree in memory on its way into an image. Entries in an arena, found by directory and name.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::error::Error;
use super::pack::PackId;
use crate::vfs::{FileKind, Follow, GuestPath, Timespec};

/// The number of an inode of a draft.
pub(super) type Id = u32;
/// The inode of `/`.
pub(super) const ROOT: Id = 0;
const NONE: u32 = u32::MAX;
/// How many symlinks one path may lead through (Linux `MAXSYMLINKS`).
pub(super) const SYMLINKS_MAX: u32 = 40;

/// A piece of the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    pub len: u32,
}

/// What an inode is besides its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Nothing: pipes, sockets, empty files.
    None,
    /// The directory that a directory lies in; the root lies in itself.
    Parent(Id),
    /// Content in a pack, by its number in the draft.
    Content { pack: u32, block: u32, len: u64 },
    /// The target of a symlink.
    Target(Span),
    /// The encoded numbers of a device; a character device 0 is a whiteout.
    Device(u32),
    /// A hard link to a path of lower layers.
    Lower(Span),
}

/// An inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct DraftInode {
    pub kind: FileKind,
    /// A directory that no entry describes.
    pub implied: bool,
    /// A directory that hides what lower layers have there.
    pub opaque: bool,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Timespec,
    pub payload: Payload,
    /// Encoded, without marks of layers.
    pub xattrs: Span,
}

impl DraftInode {
    /// A directory that is there because something lies in it.
    pub(super) fn implied_directory() -> DraftInode {
        DraftInode {
            kind: FileKind::Directory,
            implied: true,
            opaque: false,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: Timespec::default(),
            payload: Payload::Parent(ROOT),
            xattrs: Span::default(),
        }
    }

    /// A mark that hides an entry of lower layers.
    pub(super) fn whiteout() -> DraftInode {
        DraftInode {
            kind: FileKind::CharDevice,
            implied: false,
            mode: 0,
            payload: Payload::Device(0),
            ..DraftInode::implied_directory()
        }
    }

    /// Whether it is such a mark.
    pub(super) fn is_whiteout(&self) -> bool {
        self.kind == FileKind::CharDevice && self.payload == Payload::Device(0)
    }
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    dir: Id,
    name_at: u32,
    name_len: u8,
    inode: Id,
}

/// A tree in memory.
pub(super) struct Draft {
    bytes: Vec<u8>,
    inodes: Vec<DraftInode>,
    entries: Vec<Entry>,
    /// Numbers of entries by the hash of directory and name, with linear probing; a power of two of them.
    table: Vec<u32>,
    hasher: RandomState,
    packs: Vec<PackId>,
}

impl Draft {
    /// A tree of one implied directory.
    pub(super) fn new() -> Draft {
        Draft {
            bytes: Vec::new(),
            inodes: vec![DraftInode::implied_directory()],
            entries: Vec::new(),
            table: vec![NONE; 64],
            hasher: RandomState::new(),
            packs: Vec::new(),
        }
    }

    /// How many entries were ever made.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many inodes there are, entries of which may be gone.
    pub(super) fn inode_count(&self) -> usize {
        self.inodes.len()
    }

    /// The packs that payloads number.
    pub(super) fn packs(&self) -> &[PackId] {
        &self.packs
    }

    /// The number of a pack.
    pub(super) fn pack(&mut self, id: PackId) -> u32 {
        // Contents come in runs of one pack, the newest.
        let known = self.packs.iter().rposition(|&known| known == id);
        known.unwrap_or_else(|| {
            self.packs.push(id);
            self.packs.len() - 1
        }) as u32
    }

    /// Keeps `bytes`.
    pub(super) fn store(&mut self, bytes: &[u8]) -> Result<Span, Error> {
        let at = u32::try_from(self.bytes.len()).map_err(|_| Error::TooLarge("4 GiB of names and attributes"))?;
        self.bytes.extend_from_slice(bytes);
        Ok(Span { at, len: bytes.len() as u32 })
    }

    /// What was kept.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        &self.bytes[span.at as usize..][..span.len as usize]
    }

    /// Adds an inode without a name.
    pub(super) fn add(&mut self, inode: DraftInode) -> Result<Id, Error> {
        if self.inodes.len() >= NONE as usize - 1 {
            return Err(Error::TooLarge("4 thousand million inodes"));
        }
        self.inodes.push(inode);
        Ok(self.inodes.len() as Id - 1)
    }

    /// An inode.
    pub(super) fn inode(&self, id: Id) -> &DraftInode {
        &self.inodes[id as usize]
    }

    /// An inode, to be changed.
    pub(super) fn inode_mut(&mut self, id: Id) -> &mut DraftInode {
        &mut self.inodes[id as usize]
    }

    /// What `name` is in `dir`.
    pub(super) fn get(&self, dir: Id, name: &[u8]) -> Option<Id> {
        let entry = self.table[self.slot(dir, name)];
        let inode = self.entries.get(entry as usize)?.inode;
        (inode != NONE).then_some(inode)
    }

    /// Makes `name` in `dir` the inode.
    pub(super) fn set(&mut self, dir: Id, name: &[u8], inode: Id) -> Result<(), Error> {
        if let Payload::Parent(parent) = &mut self.inodes[inode as usize].payload {
            *parent = dir;
        }
        let slot = self.slot(dir, name);
        if let Some(entry) = self.entries.get_mut(self.table[slot] as usize) {
            entry.inode = inode;
            return Ok(());
        }
        let name_at = self.store(name)?.at;
        // Names have at most 255 bytes, and there are fewer entries than the arena has bytes.
        self.table[slot] = self.entries.len() as u32;
        self.entries.push(Entry { dir, name_at, name_len: name.len() as u8, inode });
        if self.entries.len() * 2 > self.table.len() {
            self.grow();
        }
        Ok(())
    }

    /// Removes `name` from `dir`, with all below it.
    pub(super) fn remove(&mut self, dir: Id, name: &[u8]) {
        let slot = self.slot(dir, name);
        if let Some(entry) = self.entries.get_mut(self.table[slot] as usize) {
            entry.inode = NONE;
        }
    }

    /// Removes everything from `dir`.
    pub(super) fn clear(&mut self, dir: Id) {
        self.entries.iter_mut().filter(|entry| entry.dir == dir).for_each(|entry| entry.inode = NONE);
    }

    /// The path of an entry, for messages: it is looked for everywhere.
    pub(super) fn path(&self, mut dir: Id, name: &[u8]) -> GuestPath {
        let mut path = name.to_vec();
        while let Some(entry) = self.entries.iter().find(|entry| entry.inode == dir && dir != ROOT) {
            path = [self.name(entry), b"/", &path].concat();
            dir = entry.dir;
        }
        GuestPath::new(path).unwrap_or_else(|_| GuestPath::root())
    }

    /// What lies at `path`. Symlinks on the way are followed, one at its end is not.
    pub(super) fn find(&self, path: &GuestPath) -> Option<Id> {
        self.resolve(ROOT, path.as_bytes(), Follow::No)
    }

    /// What a symlink in `dir` leads to, if that is a directory.
    pub(super) fn follow(&self, dir: Id, name: &[u8]) -> Option<Id> {
        self.resolve(dir, name, Follow::Yes).filter(|&id| self.inode(id).kind == FileKind::Directory)
    }

    fn resolve(&self, mut here: Id, path: &[u8], last: Follow) -> Option<Id> {
        let mut rest: Vec<&[u8]> = path.rsplit(|&byte| byte == b'/').collect();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            let Payload::Parent(parent) = self.inode(here).payload else { return None };
            match name {
                b"" | b"." => continue,
                b".." => here = parent,
                _ => {
                    let found = self.get(here, name)?;
                    match self.inode(found).payload {
                        Payload::Target(target) if last == Follow::Yes || !rest.is_empty() => {
                            links += 1;
                            let target = self.bytes(target);
                            if links > SYMLINKS_MAX {
                                return None;
                            }
                            if target.starts_with(b"/") {
                                here = ROOT;
                            }
                            rest.extend(target.rsplit(|&byte| byte == b'/'));
                        }
                        _ => here = found,
                    }
                }
            }
        }
        Some(here)
    }

    /// The name of an entry.
    pub(super) fn name(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.name_at as usize..][..entry.name_len.into()]
    }

    /// All entries by directory, those of each by name.
    pub(super) fn listings(&self) -> Listings<'_> {
        let mut begins = vec![0u32; self.inodes.len() + 1];
        for entry in self.entries.iter().filter(|entry| entry.inode != NONE) {
            begins[entry.dir as usize + 1] += 1;
        }
        for dir in 1..begins.len() {
            begins[dir] += begins[dir - 1];
        }
        let mut ends = begins.clone();
        let mut order = vec![0u32; begins.last().copied().unwrap_or_default() as usize];
        for (number, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.inode != NONE) {
            let end = &mut ends[entry.dir as usize];
            order[*end as usize] = number as u32;
            *end += 1;
        }
        let name = |&number: &u32| self.name(&self.entries[number as usize]);
        for pair in begins.windows(2) {
            order[pair[0] as usize..pair[1] as usize].sort_by(|a, b| name(a).cmp(name(b)));
        }
        Listings { draft: self, begins, order }
    }

    /// The slot of the table where the entry is, or where it belongs.
    fn slot(&self, dir: Id, name: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = self.hash(dir, name) as usize & mask;
        while let Some(entry) = self.entries.get(self.table[slot] as usize) {
            if entry.dir == dir && self.name(entry) == name {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![NONE; mask + 1];
        for (number, entry) in self.entries.iter().enumerate() {
            let mut slot = self.hash(entry.dir, self.name(entry)) as usize & mask;
            while table[slot] != NONE {
                slot = (slot + 1) & mask;
            }
            table[slot] = number as u32;
        }
        self.table = table;
    }

    fn hash(&self, dir: Id, name: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(dir);
        hasher.write(name);
        hasher.finish()
    }
}

/// The entries of a draft by directory.
pub(super) struct Listings<'a> {
    draft: &'a Draft,
    begins: Vec<u32>,
    order: Vec<u32>,
}

impl<'a> Listings<'a> {
    /// Names and inodes of a directory, by name.
    pub(super) fn of(&self, dir: Id) -> impl DoubleEndedIterator<Item = (&'a [u8], Id)> + Clone + '_ {
        let range = self.begins[dir as usize] as usize..self.begins[dir as usize + 1] as usize;
        self.order[range].iter().map(|&number| {
            let entry = &self.draft.entries[number as usize];
            (self.draft.name(entry), entry.inode)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_listed_by_name_and_found_after_growth() {
        let mut draft = Draft::new();
        let dir = draft.add(DraftInode::implied_directory()).unwrap();
        draft.set(ROOT, b"dir", dir).unwrap();
        for number in (0..1000u32).rev() {
            let inode = draft.add(DraftInode::whiteout()).unwrap();
            draft.set(dir, format!("{number:04}").as_bytes(), inode).unwrap();
        }
        draft.remove(dir, b"0500");
        draft.set(dir, b"0501", dir).unwrap();
        assert_eq!(draft.get(dir, b"0500"), None);
        assert_eq!(draft.get(dir, b"0501"), Some(dir));
        assert_eq!(draft.find(&GuestPath::new("dir/0999").unwrap()), Some(2));
        let listings = draft.listings();
        let names: Vec<_> = listings.of(dir).map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names.len(), 999);
        assert!(names.is_sorted() && names[499] == "0499" && names[500] == "0501");
    }
}
