//! The trailer that an image may have: the digest of the whole image, so that damage anywhere is found.
//!
//! ```text
//! trailer (64), behind the last block of the image
//!   0  u8[8] "cowboxim"     12  u32 crc32c of the trailer, these 4 bytes as 0     24  8 zeros
//!   8  u32   version = 1    16  u64 length of the image                           32  u8[32] SHA-256 of the image
//! ```
//!
//! The kernel and `fsck.erofs` read the blocks that the superblock counts and do not see it.

use super::format::{le32, le64, put};

const MAGIC: &[u8; 8] = b"cowboxim";
const VERSION: u32 = 1;

/// What the trailer of an image says. Whoever writes an image hashes what goes out and appends the trailer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The length of the image without trailer: [`ImageStats::image_len`](super::ImageStats).
    pub image_len: u64,
    /// The SHA-256 of these bytes.
    pub sha256: [u8; 32],
}

impl Trailer {
    /// Bytes in a trailer.
    pub const LEN: usize = 64;

    /// The bytes to append to the image.
    pub fn encode(&self) -> [u8; Trailer::LEN] {
        let mut bytes = [0; Trailer::LEN];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 16, &self.image_len.to_le_bytes());
        put(&mut bytes, 32, &self.sha256);
        let crc = crc32c::crc32c(&bytes);
        put(&mut bytes, 12, &crc.to_le_bytes());
        bytes
    }

    /// Reads a trailer; says what is wrong with it.
    pub(super) fn decode(bytes: &[u8; Trailer::LEN]) -> Result<Trailer, &'static str> {
        let mut unsigned = *bytes;
        put(&mut unsigned, 12, &[0; 4]);
        if !bytes.starts_with(MAGIC) || le32(bytes, 12) != crc32c::crc32c(&unsigned) {
            return Err("the trailer is damaged");
        }
        if le32(bytes, 8) != VERSION {
            return Err("the trailer is of another version");
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(&bytes[32..]);
        Ok(Trailer { image_len: le64(bytes, 16), sha256 })
    }
}
