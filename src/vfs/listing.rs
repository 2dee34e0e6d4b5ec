//! `Listing`: the entries of a directory of the host as they were listed last, by numbers that stay.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::attr::FileKind;
use super::errno::{Errno, Result};
use super::inode::{Cookie, DirEntry};
use super::path::Name;

/// What was listed. An entry keeps its number while it is there.
#[derive(Default)]
pub(super) struct Listing {
    order: BTreeMap<u64, (Box<[u8]>, u64, FileKind)>,
    numbers: HashMap<Box<[u8]>, u64>,
    last: u64,
}

impl Listing {
    /// Takes what is there now: name, inode number and kind of each entry. Names that guests cannot have are left out.
    pub(super) fn renew(&mut self, entries: impl IntoIterator<Item = (Box<[u8]>, u64, FileKind)>) {
        let (mut numbers, mut order) = (HashMap::new(), BTreeMap::new());
        for (name, ino, kind) in entries {
            if Name::new(&name).is_err() {
                continue;
            }
            let number = self.numbers.get(&name).copied().unwrap_or_else(|| {
                self.last += 1;
                self.last
            });
            numbers.insert(name.clone(), number);
            order.insert(number, (name, ino, kind));
        }
        (self.numbers, self.order) = (numbers, order);
    }

    /// As [`Inode::read_dir`](super::Inode::read_dir).
    pub(super) fn show(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        for (&number, (name, ino, kind)) in self.order.range(from.saturating_add(1)..) {
            let name = Name::new(name).map_err(|_| Errno::Io)?;
            if sink(DirEntry { name, ino: *ino, kind: *kind, next: number }).is_break() {
                break;
            }
        }
        Ok(())
    }
}
