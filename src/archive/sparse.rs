//! Sparse maps: which parts of a sparse file an archive holds.

use super::header;
use super::header::{BLOCK, octal};

/// A part of a file that the archive holds; the rest are holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The parts of one file in order, none overlapping another, none beyond its size.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SparseMap {
    pub(super) extents: Vec<Extent>,
    /// The size of the file with its holes.
    pub(super) size: u64,
}

impl SparseMap {
    /// Checks `extents` against the file's `size` and the bytes the archive holds for it.
    pub(super) fn new(mut extents: Vec<Extent>, size: u64, stored: u64) -> Option<SparseMap> {
        let (mut end, mut sum) = (0, 0u64);
        for extent in &extents {
            if extent.offset < end {
                return None;
            }
            end = extent.offset.checked_add(extent.length)?;
            sum = sum.checked_add(extent.length)?;
        }
        extents.retain(|extent| extent.length > 0);
        (end <= size && sum == stored).then_some(SparseMap { extents, size })
    }

    /// Bytes that are in holes.
    pub(super) fn holes(&self) -> u64 {
        self.size - self.extents.iter().map(|extent| extent.length).sum::<u64>()
    }
}

/// The up to `count` extents that an old GNU header or its extension lists from `bytes` on: pairs of 12-byte fields, ended
/// by an empty one.
pub(super) fn old_gnu_extents(bytes: &[u8], count: usize, extents: &mut Vec<Extent>) -> Option<()> {
    for pair in bytes.chunks_exact(24).take(count) {
        if pair[0] == 0 {
            break;
        }
        let number = |field| u64::try_from(header::number(field)?).ok();
        extents.push(Extent { offset: number(&pair[..12])?, length: number(&pair[12..])? });
    }
    Some(())
}

/// Whether another block of extents follows this extension block of an old GNU header.
pub(super) fn old_gnu_goes_on(block: &[u8; BLOCK]) -> bool {
    octal(&block[504..505]) != Some(0)
}

/// Extents from offsets and lengths by turns.
pub(super) fn extents_of(numbers: &[u64]) -> Vec<Extent> {
    numbers.chunks_exact(2).map(|pair| Extent { offset: pair[0], length: pair[1] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_to_be_in_order_and_within_the_file() {
        let map = |numbers: &[u64], size, stored| SparseMap::new(extents_of(numbers), size, stored);
        assert_eq!(map(&[0, 5, 10, 5, 20, 0], 20, 10).map(|map| map.holes()), Some(10));
        assert_eq!(map(&[], 1 << 40, 0).map(|map| map.holes()), Some(1 << 40));
        for (numbers, size, stored) in [
            (&[0, 5, 4, 5][..], 20, 10),
            (&[10, 5, 0, 5], 20, 10),
            (&[0, 5], 4, 5),
            (&[0, 5], 5, 4),
            (&[u64::MAX, 5], 5, 5),
            (&[21, 0], 20, 0),
        ] {
            assert_eq!(map(numbers, size, stored), None, "{numbers:?} {size} {stored}");
        }
    }
}
