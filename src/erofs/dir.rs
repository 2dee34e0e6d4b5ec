//! Directory blocks: entries in the order of their names, searched where they lie.

use std::cmp::Ordering;

use super::error::Fault;
use super::format::{BLOCK, DIRENT, kind_of, le16, le64};
use super::image::{Image, RawInode};
use crate::vfs::{FileKind, NAME_MAX};

const DAMAGED: Fault = Fault("a directory is damaged");

/// One block of a directory.
#[derive(Clone, Copy)]
pub(super) struct DirBlock<'a> {
    bytes: &'a [u8],
    len: usize,
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dirent<'a> {
    pub name: &'a [u8],
    pub nid: u64,
    pub kind: FileKind,
}

impl<'a> DirBlock<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<DirBlock<'a>, Fault> {
        let names_at = usize::from(le16(bytes, 8));
        if bytes.len() < DIRENT || names_at < DIRENT || names_at % DIRENT != 0 || names_at > bytes.len() {
            return Err(DAMAGED);
        }
        Ok(DirBlock { bytes, len: names_at / DIRENT })
    }

    /// How many entries it has: at least one.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entry `number`.
    pub(super) fn entry(&self, number: usize) -> Result<Dirent<'a>, Fault> {
        let name = self.name(number)?;
        let at = number * DIRENT;
        let kind = self.bytes.get(at + 10).and_then(|&kind| kind_of(kind)).ok_or(DAMAGED)?;
        Ok(Dirent { name, nid: le64(self.bytes, at), kind })
    }

    fn name(&self, number: usize) -> Result<&'a [u8], Fault> {
        let at = number * DIRENT;
        let begin = usize::from(le16(self.bytes, at + 8));
        let is_last = number + 1 >= self.len;
        let end = if is_last { self.bytes.len() } else { usize::from(le16(self.bytes, at + DIRENT + 8)) };
        if begin < self.len * DIRENT {
            return Err(DAMAGED);
        }
        let mut name = self.bytes.get(begin..end).ok_or(DAMAGED)?;
        if is_last && let Some(zeros) = name.iter().take(NAME_MAX + 1).position(|&byte| byte == 0) {
            name = &name[..zeros];
        }
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(DAMAGED);
        }
        Ok(name)
    }

    /// The entry `name`.
    fn find(&self, name: &[u8]) -> Result<Option<Dirent<'a>>, Fault> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.name(middle)?.cmp(name) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return self.entry(middle).map(Some),
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

/// The entry `name` of a directory: first the block is searched for, then the entry in it.
pub(super) fn find<'a>(image: &'a Image, dir: &RawInode, name: &[u8]) -> Result<Option<Dirent<'a>>, Fault> {
    // The block that is looked for is `low` or one behind it, and before `high`.
    let (mut low, mut high) = (0, image.dir_blocks(dir));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if image.dir_block(dir, middle)?.name(0)? <= name {
            low = middle;
        } else {
            high = middle;
        }
    }
    if low == high { Ok(None) } else { image.dir_block(dir, low)?.find(name) }
}

/// The entries of a directory but `.` and `..`, in order. A fault is the last item.
pub(super) struct Entries<'a> {
    image: &'a Image,
    dir: RawInode,
    block: Option<DirBlock<'a>>,
    /// The next block, and the next entry of this one.
    next_block: u64,
    next_entry: usize,
}

impl<'a> Entries<'a> {
    /// All entries.
    pub(super) fn new(image: &'a Image, dir: RawInode) -> Entries<'a> {
        Entries::from(image, dir, 0)
    }

    /// The entries behind a [position](Entries::position); from any other value on they are some of the entries.
    pub(super) fn from(image: &'a Image, dir: RawInode, position: u64) -> Entries<'a> {
        let (next_block, offset) = (position / BLOCK as u64, position as usize % BLOCK);
        Entries { image, dir, block: None, next_block, next_entry: offset.div_ceil(DIRENT) }
    }

    /// Behind the last entry: never 0, and below 2^44.
    pub(super) fn position(&self) -> u64 {
        match self.block {
            Some(block) if self.next_entry < block.len() => {
                (self.next_block - 1) * BLOCK as u64 + (self.next_entry * DIRENT) as u64
            }
            _ => self.next_block * BLOCK as u64,
        }
    }

    fn step(&mut self) -> Result<Option<Dirent<'a>>, Fault> {
        loop {
            if let Some(block) = self.block {
                while self.next_entry < block.len() {
                    let entry = block.entry(self.next_entry)?;
                    self.next_entry += 1;
                    if !matches!(entry.name, b"." | b"..") {
                        return Ok(Some(entry));
                    }
                }
                self.next_entry = 0;
            }
            if self.next_block >= self.image.dir_blocks(&self.dir) {
                return Ok(None);
            }
            self.block = Some(self.image.dir_block(&self.dir, self.next_block)?);
            self.next_block += 1;
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Dirent<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if matches!(step, None | Some(Err(_))) {
            self.next_block = u64::MAX;
            self.block = None;
        }
        step
    }
}
