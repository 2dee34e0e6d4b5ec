//! Packs: files that hold the contents of guest files back to back, and tell by themselves what they hold.

mod format;
mod reader;
mod writer;

use std::fmt;
use std::io;
use std::str::FromStr;

pub use reader::{Pack, PackEntry};
pub use writer::{PackStats, PackWriter};

/// The name of a pack: random, so that two machines or processes never give one name twice. In hex it is the pack's file
/// name and the tag of its slot in the device tables of images.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(pub [u8; 32]);

/// A text that names no pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a pack: expected 64 lower-case hex digits")]
pub struct InvalidPackId;

impl PackId {
    /// A new name.
    pub fn random() -> io::Result<PackId> {
        let mut bytes = [0; 32];
        crate::sys::random::fill(&mut bytes)?;
        Ok(PackId(bytes))
    }

    /// The hex digits, as bytes.
    pub(super) fn tag(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut tag = [0; 64];
        for (pair, byte) in tag.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        tag
    }

    /// The name that a tag stands for.
    pub(super) fn from_tag(tag: &[u8]) -> Option<PackId> {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if tag.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(tag.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(PackId(bytes))
    }
}

impl FromStr for PackId {
    type Err = InvalidPackId;

    fn from_str(text: &str) -> Result<PackId, InvalidPackId> {
        PackId::from_tag(text.as_bytes()).ok_or(InvalidPackId)
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.tag()).unwrap_or_default())
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where the content of a file lies: `len` bytes from a block of 4 KiB of a pack on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentRef {
    /// The pack.
    pub pack: PackId,
    /// The first block.
    pub block: u32,
    /// The length in bytes.
    pub len: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_id_is_read_as_it_is_written() {
        let id = PackId::random().unwrap();
        assert_ne!(id, PackId::random().unwrap());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 64);
        for bad in ["", "00", &"g".repeat(64), &"A".repeat(64), &"0".repeat(65)] {
            assert_eq!(bad.parse::<PackId>(), Err(InvalidPackId));
        }
    }
}
