//! `Children`: the inodes that a directory of a tree keeps, by name.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use super::format::le64;
use super::tree::TreeInode;
use crate::vfs::FileKind;

/// Inodes that were looked up in a directory. Whatever is not here is in the image.
#[derive(Default)]
pub(super) struct Children {
    by_name: HashMap<Box<[u8]>, Arc<TreeInode>, Seeded>,
    /// Files that were added since the last [`forget`](Children::forget).
    added: usize,
}

impl Children {
    /// The inode of an entry.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<TreeInode>> {
        self.by_name.get(name)
    }

    /// Keeps the inode of an entry.
    pub(super) fn insert(&mut self, name: &[u8], inode: Arc<TreeInode>) {
        self.added += usize::from(inode.raw().kind != FileKind::Directory);
        self.by_name.insert(name.into(), inode);
    }

    /// Drops the files that nobody else holds; returns how many were added since the last time.
    ///
    /// A file with several names can always be dropped: the tree knows those that live.
    pub(super) fn forget(&mut self) -> usize {
        self.by_name.retain(|_, inode| {
            let is_file = inode.raw().kind != FileKind::Directory;
            !is_file || (inode.raw().nlink == 1 && Arc::get_mut(inode).is_none())
        });
        self.by_name.shrink_to_fit();
        std::mem::take(&mut self.added)
    }

    /// Takes all inodes out.
    pub(super) fn take(&mut self) -> Vec<Arc<TreeInode>> {
        self.by_name.drain().map(|(_, inode)| inode).collect()
    }
}

/// A quick hash for names. Its seed is random: nobody can choose names that collide.
#[derive(Clone, Copy)]
struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Seeded {
        static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
        Seeded(*SEED)
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.0, seed: self.0 | 1 }
    }
}

/// Multiplies eight bytes at a time into twice the width and folds the halves together.
struct Folded {
    state: u64,
    seed: u64,
}

impl Folded {
    fn fold(&mut self, value: u64) {
        let product = u128::from(self.state ^ value) * u128::from(self.seed ^ 0x9e37_79b9_7f4a_7c15);
        self.state = (product as u64) ^ (product >> 64) as u64;
    }
}

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<8>();
        chunks.iter().for_each(|chunk| self.fold(u64::from_le_bytes(*chunk)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.fold(le64(&last, 0));
    }

    fn write_usize(&mut self, length: usize) {
        self.fold(length as u64);
    }
}
