//! The on-disk structures of EROFS, as far as images of ours use them.
//!
//! Kernel: `fs/erofs/erofs_fs.h`, `Documentation/filesystems/erofs.rst`. All numbers are little-endian, blocks have 4 KiB.
//!
//! ```text
//! image    | 1024 zeros | superblock | device table .. | inodes with xattrs and tails .. | directory blocks .. | trailer |
//!          0            1024         1152              meta_blkaddr * 4096                                     blocks * 4096
//!
//! superblock (128)                         device slot (128)
//!   0  u32 magic 0xe0f5e1e2                  0  u8[64] tag: the pack's id in hex
//!   4  u32 crc32c of block 0 from here      64  u32 blocks
//!   8  u32 feature_compat                   68  u32 mapped_blkaddr = 0
//!  12  u8  block size bits = 12             72  zeros
//!  13  u8  extension slots = 0
//!  14  u16 root nid                         directory block (4096, the last one may be shorter)
//!  16  u64 inodes                             n times u64 nid, u16 offset of the name, u8 type, u8 0
//!  24  u64 build time, u32 nanoseconds        then the names, without separators; zeros behind the last
//!  36  u32 blocks
//!  40  u32 meta_blkaddr                     xattrs (icount > 0: 12 + 4 * (icount - 1) bytes)
//!  44  u32 xattr_blkaddr = 0                  12 zeros, then per attribute, padded to 4:
//!  48  u8[16] uuid                            u8 name length, u8 prefix index, u16 value length, name, value
//!  64  u8[16] volume name
//!  80  u32 feature_incompat                 chunk indexes (at a multiple of 8 behind inode and xattrs)
//!  84  u16 0                                  u16 0, u16 device (1 is the first slot), u32 block
//!  86  u16 devices, u16 first slot = 9
//!
//! inode  compact (32)                      extended (64)
//!   0    u16 format: bit 0 extended, bits 1..3 data layout
//!   2    u16 xattr icount
//!   4    u16 mode
//!   6    u16 nlink                            0
//!   8    u32 size, u32 0                      u64 size
//!  16    u32 block | rdev | chunk format      the same
//!  20    u32 ordinal                          the same
//!  24    u16 uid, u16 gid, u32 0              u32 uid, u32 gid
//!  32                                         u64 mtime, u32 nanoseconds
//!  44                                         u32 nlink, 16 zeros
//! ```
//!
//! An inode's number, its *nid*, is its distance from `meta_blkaddr` in units of 32 bytes. Three rules are ours, and the
//! reader insists on the last: slot 0 stays empty, no inode crosses a block, and a directory lies behind its parent, so
//! that no damage can make a cycle.

use crate::vfs::{Device, FileKind};

/// Bytes in a block.
pub(super) const BLOCK: usize = 4096;
/// The same as a shift.
pub(super) const BLOCK_BITS: u32 = 12;
/// Bytes in one unit of inode numbers.
pub(super) const SLOT: usize = 32;
/// Where the superblock lies.
pub(super) const SUPER_OFFSET: usize = 1024;
/// Bytes in the superblock.
pub(super) const SUPER_SIZE: usize = 128;
/// Bytes in a slot of the device table.
pub(super) const DEVICE_SLOT: usize = 128;
/// Where the device table lies.
pub(super) const DEVICE_TABLE: usize = SUPER_OFFSET + SUPER_SIZE;
/// Bytes in a compact inode.
pub(super) const COMPACT: usize = 32;
/// Bytes in an extended inode.
pub(super) const EXTENDED: usize = 64;
/// Bytes before the name in a directory block.
pub(super) const DIRENT: usize = 12;
/// Bytes before the first extended attribute.
pub(super) const XATTR_HEADER: usize = 12;
/// The largest chunk: 2^31 blocks.
pub(super) const CHUNK_BITS_MAX: u32 = 31;
/// Bytes in a chunk index.
pub(super) const CHUNK_INDEX: usize = 8;

const MAGIC: u32 = 0xe0f5_e1e2;
const COMPAT_CHECKSUM: u32 = 1;
const COMPAT_MTIME: u32 = 2;
const INCOMPAT_CHUNKED: u32 = 4;
const INCOMPAT_DEVICES: u32 = 8;
/// `i_u` of a chunk-based inode: 8-byte indexes follow.
const CHUNK_INDEXES: u32 = 0x20;

/// Where the data of an inode lies (`erofs_fs.h` "inode datalayout").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In whole blocks.
    Plain = 0,
    /// In whole blocks, the rest behind the inode.
    Inline = 2,
    /// In chunks of other devices.
    Chunks = 4,
}

/// The superblock's variable part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Super {
    pub root_nid: u16,
    pub inodes: u64,
    pub build_sec: i64,
    pub build_nsec: u32,
    pub blocks: u32,
    pub meta_block: u32,
    pub uuid: [u8; 16],
    pub devices: u16,
}

impl Super {
    /// Writes the superblock into block 0, which already holds its part of the device table.
    pub(super) fn encode(&self, block: &mut [u8; BLOCK]) {
        let (_, part) = block.split_at_mut(SUPER_OFFSET);
        put(part, 0, &MAGIC.to_le_bytes());
        put(part, 8, &(COMPAT_CHECKSUM | COMPAT_MTIME).to_le_bytes());
        part[12] = BLOCK_BITS as u8;
        put(part, 14, &self.root_nid.to_le_bytes());
        put(part, 16, &self.inodes.to_le_bytes());
        put(part, 24, &self.build_sec.to_le_bytes());
        put(part, 32, &self.build_nsec.to_le_bytes());
        put(part, 36, &self.blocks.to_le_bytes());
        put(part, 40, &self.meta_block.to_le_bytes());
        put(part, 48, &self.uuid);
        put(part, 64, b"cowbox");
        let devices = if self.devices > 0 { INCOMPAT_DEVICES } else { 0 };
        put(part, 80, &(INCOMPAT_CHUNKED | devices).to_le_bytes());
        put(part, 86, &self.devices.to_le_bytes());
        put(part, 88, &((DEVICE_TABLE / DEVICE_SLOT) as u16).to_le_bytes());
        let checksum = checksum(part);
        put(part, 4, &checksum.to_le_bytes());
    }

    /// Reads the superblock of block 0; says what is wrong with it.
    pub(super) fn decode(block: &[u8]) -> Result<Super, &'static str> {
        let block: &[u8; BLOCK] = block.get(..BLOCK).and_then(|block| block.try_into().ok()).ok_or("cut off")?;
        let part = &block[SUPER_OFFSET..];
        if le32(part, 0) != MAGIC {
            return Err("not an EROFS image");
        }
        let mut unsigned = part.to_vec();
        put(&mut unsigned, 4, &[0; 4]);
        if le32(part, 4) != checksum(&unsigned) {
            return Err("checksum of the superblock differs");
        }
        let devices = le16(part, 86);
        let incompat = INCOMPAT_CHUNKED | if devices > 0 { INCOMPAT_DEVICES } else { 0 };
        let is_ours = le32(part, 8) == COMPAT_CHECKSUM | COMPAT_MTIME
            && part[12] == BLOCK_BITS as u8
            && part[13] == 0
            && le32(part, 80) == incompat
            && usize::from(le16(part, 88)) * DEVICE_SLOT == DEVICE_TABLE;
        if !is_ours {
            return Err("an EROFS image of another program");
        }
        Ok(Super {
            root_nid: le16(part, 14),
            inodes: le64(part, 16),
            build_sec: le64(part, 24) as i64,
            build_nsec: le32(part, 32),
            blocks: le32(part, 36),
            meta_block: le32(part, 40),
            uuid: part[48..64].try_into().unwrap_or_default(),
            devices,
        })
    }
}

/// The kernel's CRC-32C: without the final inversion.
fn checksum(part: &[u8]) -> u32 {
    !crc32c::crc32c(part)
}

/// Chunk size for a file of `len` bytes, as blocks in bits: the smallest chunk that covers it, within the format's limit.
pub(super) fn chunk_bits(len: u64) -> u32 {
    let blocks = blocks_of(len).max(1);
    (u64::BITS - (blocks - 1).leading_zeros()).min(CHUNK_BITS_MAX)
}

/// `i_u` of a chunk-based inode.
pub(super) fn chunk_format(bits: u32) -> u32 {
    CHUNK_INDEXES | bits
}

/// The chunk bits of an `i_u`, if it is one of ours.
pub(super) fn chunk_format_bits(format: u32) -> Option<u32> {
    (format & !0x1f == CHUNK_INDEXES).then_some(format & 0x1f)
}

/// How many blocks `len` bytes take.
pub(super) fn blocks_of(len: u64) -> u64 {
    len.div_ceil(BLOCK as u64)
}

/// The kernel's `new_encode_dev`; none for numbers it has no room for.
pub(super) fn encode_device(device: Device) -> Option<u32> {
    (device.major < 1 << 12 && device.minor < 1 << 20)
        .then_some((device.minor & 0xff) | (device.major << 8) | ((device.minor & !0xff) << 12))
}

/// The kernel's `new_decode_dev`.
pub(super) fn decode_device(rdev: u32) -> Device {
    Device { major: (rdev & 0xf_ff00) >> 8, minor: (rdev & 0xff) | ((rdev >> 12) & 0xf_ff00) }
}

/// The kernel's `FT_*` number of a kind.
pub(super) fn file_type(kind: FileKind) -> u8 {
    match kind {
        FileKind::Regular => 1,
        FileKind::Directory => 2,
        FileKind::CharDevice => 3,
        FileKind::BlockDevice => 4,
        FileKind::Fifo => 5,
        FileKind::Socket => 6,
        FileKind::Symlink => 7,
    }
}

/// The kind of a `FT_*` number.
pub(super) fn kind_of(file_type: u8) -> Option<FileKind> {
    Some(match file_type {
        1 => FileKind::Regular,
        2 => FileKind::Directory,
        3 => FileKind::CharDevice,
        4 => FileKind::BlockDevice,
        5 => FileKind::Fifo,
        6 => FileKind::Socket,
        7 => FileKind::Symlink,
        _ => return None,
    })
}

/// Copies `bytes` to `at`.
pub(super) fn put(buf: &mut [u8], at: usize, bytes: &[u8]) {
    buf[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The number at `at`; 0 beyond the end. Callers have checked the bounds.
pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|part| part.try_into().ok()).map_or(0, u16::from_le_bytes)
}

/// As [`le16`], 32 bits.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// As [`le16`], 64 bits.
pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superblock_is_read_as_it_is_written() {
        let written = Super {
            root_nid: 1,
            inodes: 3,
            build_sec: -5,
            build_nsec: 7,
            blocks: 9,
            meta_block: 1,
            uuid: [4; 16],
            devices: 2,
        };
        let mut block = [0; BLOCK];
        written.encode(&mut block);
        assert_eq!(Super::decode(&block), Ok(written));
        block[SUPER_OFFSET + 200] ^= 1;
        assert_eq!(Super::decode(&block), Err("checksum of the superblock differs"));
    }

    #[test]
    fn one_chunk_covers_every_file_it_can() {
        for (len, bits) in [(1, 0), (4096, 0), (4097, 1), (8192, 1), (8193, 2), (1 << 43, 31), ((1 << 43) + 1, 31)] {
            assert_eq!(chunk_bits(len), bits, "{len}");
        }
    }

    #[test]
    fn device_numbers_are_encoded_as_the_kernel_does() {
        let device = Device { major: 0xabc, minor: 0xdef01 };
        assert_eq!(encode_device(device), Some(0xdefa_bc01));
        assert_eq!(decode_device(0xdefa_bc01), device);
        assert_eq!(encode_device(Device { major: 1 << 12, minor: 0 }), None);
    }
}
