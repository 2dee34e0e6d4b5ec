//! `PackWriter`: contents in, one sequential stream of big writes out.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Seek, SeekFrom, Write};

use super::super::format::{BLOCK, blocks_of};
use super::format::{ENTRY, Entry, Footer, RECORD, prefix};
use super::{ContentRef, PackId};
use crate::vfs::ContentId;

/// How much is gathered before it is written.
const BUFFER: usize = 1 << 20;

/// Writes a pack.
///
/// Small contents go in whole ([`put`](PackWriter::put)). A large one goes in piece by piece between
/// [`begin`](PackWriter::begin) and [`commit`](PackWriter::commit), or [`rollback`](PackWriter::rollback) when its digest
/// shows that some pack has it already. After an I/O error the pack is lost.
pub struct PackWriter {
    file: File,
    id: PackId,
    /// Bytes not written yet; they belong at `flushed`.
    buffer: Vec<u8>,
    flushed: u64,
    /// Where the open content begins.
    open: Option<u64>,
    entries: Vec<Entry>,
    by_digest: HashMap<[u8; 32], u32, BuildHasherDefault<DigestHasher>>,
}

/// What a finished pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackStats {
    /// The pack.
    pub id: PackId,
    /// How many contents.
    pub contents: u64,
    /// Their bytes, without padding.
    pub bytes: u64,
    /// The size of the file.
    pub file_len: u64,
}

impl PackWriter {
    /// Starts a pack in `file`, which must be empty.
    pub fn new(file: File, id: PackId) -> PackWriter {
        PackWriter {
            file,
            id,
            buffer: Vec::with_capacity(BUFFER + BLOCK),
            flushed: 0,
            open: None,
            entries: Vec::new(),
            by_digest: HashMap::default(),
        }
    }

    /// The pack's name.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// Whether nothing has been put in. Such a pack need not be kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a content lies that was put in before.
    pub fn get(&self, id: &ContentId) -> Option<ContentRef> {
        let entry = self.entries[*self.by_digest.get(&id.0)? as usize];
        Some(ContentRef { pack: self.id, block: entry.block, len: entry.len })
    }

    /// Puts a content in and says where it lies; one that is there already is not put in again. An empty content takes no
    /// room: its reference may be left out of a layer.
    pub fn put(&mut self, id: ContentId, bytes: &[u8]) -> io::Result<ContentRef> {
        if let Some(known) = self.get(&id) {
            return Ok(known);
        }
        self.begin()?;
        self.write(bytes)?;
        self.commit(id)
    }

    /// Begins a content whose digest is not known yet. An open one is rolled back.
    pub fn begin(&mut self) -> io::Result<()> {
        self.rollback()?;
        self.open = Some(self.flushed + self.buffer.len() as u64);
        Ok(())
    }

    /// Appends to the open content.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            self.file.write_all(bytes)?;
            self.flushed += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Appends zeros that take no room on disk.
    #[cfg(test)]
    pub(in crate::erofs) fn write_hole(&mut self, len: u64) {
        self.flush().unwrap();
        self.flushed += len;
        self.file.seek(SeekFrom::Start(self.flushed)).unwrap();
    }

    /// Ends the open content and says where it lies. If its digest is in the pack already, what was written is rolled back.
    pub fn commit(&mut self, id: ContentId) -> io::Result<ContentRef> {
        let begin = self.open.ok_or_else(|| io::Error::other("no content of a pack is open"))?;
        let end = self.flushed + self.buffer.len() as u64;
        let len = end - begin;
        if let Some(known) = self.get(&id) {
            self.rollback()?;
            return Ok(known);
        }
        self.open = None;
        if len == 0 {
            return Ok(ContentRef { pack: self.id, block: 0, len });
        }
        let block = begin / BLOCK as u64;
        if block + blocks_of(len) > u64::from(u32::MAX) - 1 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a pack cannot hold more than 16 TiB"));
        }
        let padding = (end.next_multiple_of(BLOCK as u64) - end) as usize;
        self.buffer.resize(self.buffer.len() + padding, 0);
        let number = self.entries.len() as u32;
        self.by_digest.insert(id.0, number);
        self.entries.push(Entry { digest: id.0, len, block: block as u32 });
        Ok(ContentRef { pack: self.id, block: block as u32, len })
    }

    /// Forgets the open content.
    pub fn rollback(&mut self) -> io::Result<()> {
        let Some(begin) = self.open.take() else { return Ok(()) };
        match begin.checked_sub(self.flushed) {
            Some(kept) => self.buffer.truncate(kept as usize),
            None => {
                self.buffer.clear();
                self.file.seek(SeekFrom::Start(begin))?;
                self.flushed = begin;
            }
        }
        Ok(())
    }

    /// Writes index and footer. The caller makes the file durable.
    pub fn finish(mut self) -> io::Result<PackStats> {
        self.rollback()?;
        let contents_len = self.flushed + self.buffer.len() as u64;
        let index = self.index();
        let footer = Footer {
            id: self.id,
            entries: self.entries.len() as u32,
            blocks: (contents_len / BLOCK as u64) as u32,
            index_crc: crc32c::crc32c(&index),
        };
        self.write(&index)?;
        self.write(&footer.encode())?;
        self.flush()?;
        // A content that was rolled back may have reached further.
        self.file.set_len(self.flushed)?;
        Ok(PackStats {
            id: self.id,
            contents: self.entries.len() as u64,
            bytes: self.entries.iter().map(|entry| entry.len).sum(),
            file_len: self.flushed,
        })
    }

    fn index(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entries.len() * (ENTRY + RECORD));
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.encode());
        }
        let mut records: Vec<u32> = (0..self.entries.len() as u32).collect();
        records.sort_unstable_by_key(|&number| self.entries[number as usize].digest);
        for number in records {
            bytes.extend_from_slice(&prefix(&self.entries[number as usize].digest).to_le_bytes());
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Digests are as good as random: eight bytes of one are its hash.
#[derive(Default)]
pub(super) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks_exact(8) {
            self.0 = self.0.rotate_left(1) ^ super::super::format::le64(chunk, 0);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}
