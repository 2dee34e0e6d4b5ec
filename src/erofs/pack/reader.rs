//! `Pack`: a finished pack, mapped.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::super::error::{Error, Fault};
use super::super::format::{BLOCK, le32};
use super::format::{ENTRY, Entry, FOOTER, Footer, RECORD, prefix};
use super::{ContentRef, PackId};
use crate::sys::mapping::Mapping;
use crate::vfs::ContentId;

/// After so many steps of interpolation a search halves: crafted digests cost no more than honest ones.
const INTERPOLATIONS: u32 = 8;
/// Contents are copied in pieces that libc copies with vector loads: `rep movsb`, which it takes for longer ones, was seen to
/// fall from 16 GB/s to far below 1 GB/s for seconds on end (docs/performance.md).
const COPY_PIECE: usize = 1 << 10;

/// A finished pack.
pub struct Pack {
    path: PathBuf,
    map: Mapping,
    footer: Footer,
    /// Where the entries begin, and where the search table does.
    entries_at: usize,
    records_at: usize,
}

/// One content of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// The digest.
    pub id: ContentId,
    /// Where it lies.
    pub content: ContentRef,
}

impl Pack {
    /// Maps the pack at `path`. Its size must be what its footer says; [`Error::Damaged`] otherwise. Index and contents are
    /// not read: [`check_index`](Pack::check_index) does, and hashing the contents is the caller's.
    pub fn open(path: &Path) -> Result<Pack, Error> {
        let open = |error| Error::Open { path: path.to_owned(), error };
        let map = Mapping::new(&File::open(path).map_err(open)?).map_err(open)?;
        let damaged = |fault| Error::Damaged { path: path.to_owned(), fault: Fault(fault) };
        let bytes = map.last_chunk::<FOOTER>().ok_or_else(|| damaged("not a pack, or cut off"))?;
        let footer = Footer::decode(bytes, map.len() as u64).map_err(damaged)?;
        // The sum is the size of the mapping, so each part fits into `usize`.
        let entries_at = footer.contents_len() as usize;
        let records_at = entries_at + footer.entries as usize * ENTRY;
        Ok(Pack { path: path.to_owned(), map, footer, entries_at, records_at })
    }

    /// The name of the pack, as its footer tells it.
    pub fn id(&self) -> PackId {
        self.footer.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the file.
    pub fn file_len(&self) -> u64 {
        self.map.len() as u64
    }

    /// How many contents it holds.
    pub fn len(&self) -> usize {
        self.footer.entries as usize
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the content `id` lies, if it is here.
    pub fn get(&self, id: &ContentId) -> Option<ContentRef> {
        let wanted = prefix(&id.0);
        let mut number = self.first_record(wanted);
        while let Some((found, entry)) = self.record(number) {
            if found != wanted {
                return None;
            }
            let entry = self.entry(entry as usize)?;
            if entry.digest == id.0 {
                return Some(self.content(&entry));
            }
            number += 1;
        }
        None
    }

    /// The content that begins at `block`.
    pub fn content_at(&self, block: u32) -> Option<PackEntry> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle)?;
            match entry.block.cmp(&block) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(self.pack_entry(&entry)),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// `len` bytes from `block` on; none if they are not all contents of this pack.
    pub fn bytes(&self, block: u32, len: u64) -> Option<&[u8]> {
        let begin = u64::from(block) * BLOCK as u64;
        let end = begin.checked_add(len)?;
        if end > self.entries_at as u64 {
            return None;
        }
        self.map.get(begin as usize..end as usize)
    }

    /// Copies what the content has from `offset` on into `buf` and returns how much that is; none if the content does not
    /// lie in this pack.
    pub fn read_at(&self, content: &ContentRef, buf: &mut [u8], offset: u64) -> Option<usize> {
        let bytes = self.bytes(content.block, content.len)?;
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        for (to, from) in buf[..count].chunks_mut(COPY_PIECE).zip(rest[..count].chunks(COPY_PIECE)) {
            to.copy_from_slice(from);
        }
        Some(count)
    }

    /// All contents, by block.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = PackEntry> + '_ {
        self.map[self.entries_at..self.records_at]
            .chunks_exact(ENTRY)
            .map(|bytes| self.pack_entry(&Entry::decode(bytes)))
    }

    /// Reads the whole index: [`Error::Damaged`] if its checksum differs.
    pub fn check_index(&self) -> Result<(), Error> {
        let index = &self.map[self.entries_at..self.map.len() - FOOTER];
        if crc32c::crc32c(index) != self.footer.index_crc {
            return Err(Error::Damaged { path: self.path.clone(), fault: Fault("checksum of the index differs") });
        }
        Ok(())
    }

    /// The number of the first record whose prefix is not below `wanted`.
    fn first_record(&self, wanted: u32) -> usize {
        let (mut low, mut high) = (0, self.len());
        // Every record before `low` is below `wanted`, none from `high` on is; their prefixes lie between these bounds.
        let (mut least, mut most) = (0u64, u64::from(u32::MAX));
        let mut steps = 0;
        while low < high {
            let middle = if steps < INTERPOLATIONS && most > least {
                let share = u64::from(wanted).saturating_sub(least) * (high - low) as u64 / (most - least + 1);
                low + (share as usize).min(high - low - 1)
            } else {
                low + (high - low) / 2
            };
            let Some((found, _)) = self.record(middle) else { return low };
            if found < wanted {
                low = middle + 1;
                least = found.into();
            } else {
                high = middle;
                most = found.into();
            }
            steps += 1;
        }
        low
    }

    fn record(&self, number: usize) -> Option<(u32, u32)> {
        if number >= self.len() {
            return None;
        }
        let at = self.records_at + number * RECORD;
        let bytes = self.map.get(at..at + RECORD)?;
        Some((le32(bytes, 0), le32(bytes, 4)))
    }

    fn entry(&self, number: usize) -> Option<Entry> {
        if number >= self.len() {
            return None;
        }
        let at = self.entries_at + number * ENTRY;
        Some(Entry::decode(self.map.get(at..at + ENTRY)?))
    }

    fn content(&self, entry: &Entry) -> ContentRef {
        ContentRef { pack: self.footer.id, block: entry.block, len: entry.len }
    }

    fn pack_entry(&self, entry: &Entry) -> PackEntry {
        PackEntry { id: ContentId(entry.digest), content: self.content(entry) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PackWriter;
    use super::*;

    fn id(seed: u64) -> ContentId {
        let mut random = fastrand::Rng::with_seed(seed);
        ContentId(std::array::from_fn(|_| random.u8(..)))
    }

    fn pack(fill: impl FnOnce(&mut PackWriter)) -> (tempfile::TempDir, Pack) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let mut writer = PackWriter::new(File::create(&path).unwrap(), PackId([7; 32]));
        fill(&mut writer);
        let stats = writer.finish().unwrap();
        let pack = Pack::open(&path).unwrap();
        assert_eq!((stats.contents, stats.file_len), (pack.len() as u64, std::fs::metadata(&path).unwrap().len()));
        pack.check_index().unwrap();
        (folder, pack)
    }

    #[test]
    fn contents_are_found_by_digest_and_by_block() {
        let contents: Vec<Vec<u8>> = (0..2000).map(|len| vec![len as u8; len * 7]).collect();
        let mut refs = Vec::new();
        let (_folder, pack) = pack(|writer| {
            for (seed, content) in contents.iter().enumerate() {
                refs.push(writer.put(id(seed as u64), content).unwrap());
            }
        });
        assert_eq!((pack.id(), pack.len()), (PackId([7; 32]), 1999));
        for (seed, (content, at)) in contents.iter().zip(&refs).enumerate().skip(1) {
            assert_eq!(pack.get(&id(seed as u64)), Some(*at));
            assert_eq!(pack.content_at(at.block), Some(PackEntry { id: id(seed as u64), content: *at }));
            assert_eq!(pack.bytes(at.block, at.len), Some(&content[..]));
            let mut part = [0; 5];
            let count = pack.read_at(at, &mut part, at.len - 3).unwrap();
            assert_eq!(&part[..count], &content[content.len() - 3..]);
        }
        assert!((2000..3000).all(|seed| pack.get(&id(seed)).is_none()));
        assert_eq!(pack.content_at(refs[1999].block + 1), None);
        assert!(pack.entries().map(|entry| entry.content).eq(refs[1..].iter().copied()));
        assert_eq!(pack.bytes(0, u64::MAX), None);
        assert_eq!(pack.bytes(u32::MAX, 1), None);
    }

    #[test]
    fn a_content_put_twice_is_stored_once_and_an_empty_one_not_at_all() {
        let (_folder, pack) = pack(|writer| {
            let first = writer.put(id(1), b"abc").unwrap();
            assert_eq!(writer.put(id(1), b"abc").unwrap(), first);
            writer.begin().unwrap();
            writer.write(b"ab").unwrap();
            writer.write(b"c").unwrap();
            assert_eq!(writer.commit(id(1)).unwrap(), first);
            assert_eq!(writer.put(id(2), b"").unwrap().len, 0);
        });
        assert_eq!(pack.len(), 1);
        assert_eq!(pack.file_len(), 4096 + (ENTRY + RECORD + FOOTER) as u64);
    }

    #[test]
    fn large_contents_go_in_piece_by_piece_and_can_be_rolled_back() {
        let large: Vec<u8> = (0..5_000_003u32).map(|index| (index / 1000) as u8).collect();
        let mut at = None;
        let (_folder, pack) = pack(|writer| {
            writer.put(id(1), b"first").unwrap();
            for take in [true, false, true] {
                writer.begin().unwrap();
                large.chunks(777_777).for_each(|piece| writer.write(piece).unwrap());
                if take {
                    at = Some(writer.commit(id(2)).unwrap());
                } else {
                    writer.rollback().unwrap();
                }
            }
            writer.put(id(3), &large[..2_000_000]).unwrap();
            writer.begin().unwrap();
            writer.write(b"left open").unwrap();
        });
        assert_eq!(pack.len(), 3);
        let at = at.unwrap();
        assert_eq!((at.block, pack.bytes(at.block, at.len)), (1, Some(&large[..])));
        let third = pack.get(&id(3)).unwrap();
        assert_eq!(pack.bytes(third.block, third.len), Some(&large[..2_000_000]));
    }

    #[test]
    fn an_empty_pack_holds_nothing() {
        let (_folder, pack) = pack(|writer| assert!(writer.is_empty()));
        assert!(pack.is_empty() && pack.get(&id(1)).is_none() && pack.content_at(0).is_none());
    }

    #[test]
    fn digests_that_begin_alike_are_told_apart() {
        let alike = |last| ContentId(std::array::from_fn(|index| if index == 31 { last } else { 9 }));
        let (_folder, pack) = pack(|writer| {
            for last in 0..200 {
                writer.put(alike(last), &[last]).unwrap();
            }
            writer.put(ContentId([0xff; 32]), b"x").unwrap();
            writer.put(ContentId([0; 32]), b"y").unwrap();
        });
        assert!((0..200).all(|last| pack.bytes(pack.get(&alike(last)).unwrap().block, 1) == Some(&[last])));
        assert_eq!(pack.get(&alike(200)), None);
        assert!(pack.get(&ContentId([0xff; 32])).is_some() && pack.get(&ContentId([0; 32])).is_some());
    }

    #[test]
    fn a_damaged_pack_is_refused_or_finds_nothing_that_is_not_there() {
        let (folder, pack) = pack(|writer| {
            for seed in 0..50 {
                writer.put(id(seed), &[seed as u8; 100]).unwrap();
            }
        });
        let good = std::fs::read(pack.path()).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        for round in 0..2000 {
            let mut bytes = good.clone();
            match round % 3 {
                0 => bytes.truncate(random.usize(..bytes.len())),
                1 => bytes.extend_from_slice(&[0; 9]),
                _ => {
                    let at = random.usize(pack.entries_at..bytes.len());
                    bytes[at] ^= 1 << random.u32(..8);
                }
            }
            let path = folder.path().join("damaged");
            std::fs::write(&path, &bytes).unwrap();
            let Ok(damaged) = Pack::open(&path) else { continue };
            assert!(round % 3 == 2 && damaged.check_index().is_err());
            for seed in 0..50 {
                if let Some(at) = damaged.get(&id(seed)) {
                    damaged.bytes(at.block, at.len);
                }
                damaged.content_at(seed as u32);
            }
        }
    }
}
