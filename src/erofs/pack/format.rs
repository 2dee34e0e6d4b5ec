//! The bytes of a pack.
//!
//! ```text
//! | contents, each at a multiple of 4096, zeros between them | entries | search table | footer |
//! 0                                                          blocks * 4096              size - 64
//!
//! entry (44), by block            record of the search table (8), by digest
//!   0  u8[32] SHA-256               0  u32 first 4 bytes of the digest, as a number
//!  32  u64    length                4  u32 number of the entry
//!  40  u32    block
//!
//! footer (64)
//!   0  u8[8] "cowboxpk"            16  u32 blocks of contents            28  u32 crc32c of the footer, these 4 bytes as 0
//!   8  u32   version = 1           20  u32 crc32c of entries and table   32  u8[32] the pack's id
//!  12  u32   entries               24  u32 0
//! ```
//!
//! All numbers are little-endian but the digest's first bytes, which count as a big-endian number, so that records are
//! sorted by number as they are by digest.

use super::super::format::{BLOCK, le32, le64, put};
use super::PackId;

/// Bytes of an entry.
pub(super) const ENTRY: usize = 44;
/// Bytes of a record of the search table.
pub(super) const RECORD: usize = 8;
/// Bytes of the footer.
pub(super) const FOOTER: usize = 64;

const MAGIC: &[u8; 8] = b"cowboxpk";
const VERSION: u32 = 1;

/// The footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub id: PackId,
    pub entries: u32,
    pub blocks: u32,
    pub index_crc: u32,
}

impl Footer {
    /// The bytes.
    pub(super) fn encode(&self) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &self.entries.to_le_bytes());
        put(&mut bytes, 16, &self.blocks.to_le_bytes());
        put(&mut bytes, 20, &self.index_crc.to_le_bytes());
        put(&mut bytes, 32, &self.id.0);
        let crc = crc32c::crc32c(&bytes);
        put(&mut bytes, 28, &crc.to_le_bytes());
        bytes
    }

    /// Reads the footer of a file of `size` bytes; says what is wrong with it.
    pub(super) fn decode(bytes: &[u8; FOOTER], size: u64) -> Result<Footer, &'static str> {
        if !bytes.starts_with(MAGIC) {
            return Err("not a pack, or cut off");
        }
        if le32(bytes, 8) != VERSION {
            return Err("a pack of another version");
        }
        let mut unsigned = *bytes;
        put(&mut unsigned, 28, &[0; 4]);
        if le32(bytes, 28) != crc32c::crc32c(&unsigned) {
            return Err("checksum of the footer differs");
        }
        let mut id = PackId([0; 32]);
        id.0.copy_from_slice(&bytes[32..]);
        let footer = Footer { id, entries: le32(bytes, 12), blocks: le32(bytes, 16), index_crc: le32(bytes, 20) };
        if footer.contents_len() + footer.index_len() + FOOTER as u64 != size {
            return Err("the size differs from what the footer says");
        }
        Ok(footer)
    }

    /// Bytes of contents, padding included.
    pub(super) fn contents_len(&self) -> u64 {
        u64::from(self.blocks) * BLOCK as u64
    }

    /// Bytes of entries and search table.
    pub(super) fn index_len(&self) -> u64 {
        u64::from(self.entries) * (ENTRY + RECORD) as u64
    }
}

/// What the index tells of one content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub digest: [u8; 32],
    pub len: u64,
    pub block: u32,
}

impl Entry {
    /// The bytes.
    pub(super) fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        put(&mut bytes, 0, &self.digest);
        put(&mut bytes, 32, &self.len.to_le_bytes());
        put(&mut bytes, 40, &self.block.to_le_bytes());
        bytes
    }

    /// From [`ENTRY`] bytes.
    pub(super) fn decode(bytes: &[u8]) -> Entry {
        let mut digest = [0; 32];
        digest.copy_from_slice(&bytes[..32]);
        Entry { digest, len: le64(bytes, 32), block: le32(bytes, 40) }
    }
}

/// The first 4 bytes of a digest, as records have them.
pub(super) fn prefix(digest: &[u8; 32]) -> u32 {
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
