//! `Image`: a layer or a tree, mapped. Everything read from it is checked against its bounds.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::dir::DirBlock;
use super::error::{Error, Fault};
use super::format::{
    BLOCK, CHUNK_INDEX, COMPACT, DEVICE_SLOT, DEVICE_TABLE, EXTENDED, Layout, SLOT, Super, XATTR_HEADER, blocks_of,
    chunk_format_bits, decode_device, le16, le32, le64,
};
use super::pack::{ContentRef, PackId};
use super::trailer::Trailer;
use super::xattr::{Xattr, Xattrs};
use crate::sys::mapping::Mapping;
use crate::vfs::{Device, FileKind, Timespec};

type Result<T> = std::result::Result<T, Fault>;

/// A layer or a tree, as it lies on disk.
pub struct Image {
    bytes: Bytes,
    path: PathBuf,
    fields: Super,
    devices: Vec<PackId>,
    trailer: Option<Trailer>,
    /// Where inode 0 is, and where the image ends.
    meta_at: u64,
    end: u64,
}

enum Bytes {
    Mapped(Mapping),
    Owned(Vec<u8>),
}

/// An inode of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawInode {
    pub nid: u64,
    pub kind: FileKind,
    pub mode: u16,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Timespec,
    pub size: u64,
    layout: Layout,
    /// First block, device numbers or chunk format.
    shared: u32,
    xattrs_at: u64,
    xattrs_len: u32,
}

impl Image {
    /// Maps the image at `path`. Superblock, size, device table and root are checked, the rest where it is read.
    pub fn open(path: &Path) -> std::result::Result<Image, Error> {
        let open = |error| Error::Open { path: path.to_owned(), error };
        let map = Mapping::new(&File::open(path).map_err(open)?).map_err(open)?;
        Image::new(Bytes::Mapped(map), path)
    }

    /// An image in memory; `name` is what errors call it.
    pub fn from_bytes(bytes: Vec<u8>, name: &Path) -> std::result::Result<Image, Error> {
        Image::new(Bytes::Owned(bytes), name)
    }

    fn new(bytes: Bytes, path: &Path) -> std::result::Result<Image, Error> {
        let damaged = |fault| Error::Damaged { path: path.to_owned(), fault: Fault(fault) };
        let len = bytes.len() as u64;
        let fields = Super::decode(&bytes).map_err(damaged)?;
        let end = u64::from(fields.blocks) * BLOCK as u64;
        let trailer = match len.checked_sub(end) {
            Some(0) => None,
            Some(64) => {
                let bytes = bytes.last_chunk().ok_or_else(|| damaged("cut off"))?;
                Some(Trailer::decode(bytes).map_err(damaged)?)
            }
            _ => return Err(damaged("the size differs from what the superblock says")),
        };
        if trailer.is_some_and(|trailer| trailer.image_len != end) {
            return Err(damaged("the trailer is that of another image"));
        }
        let table_end = DEVICE_TABLE + usize::from(fields.devices) * DEVICE_SLOT;
        let meta_at = u64::from(fields.meta_block) * BLOCK as u64;
        if meta_at < table_end as u64 || meta_at >= end {
            return Err(damaged("the inodes begin outside of the image"));
        }
        let slots = bytes[DEVICE_TABLE..table_end].chunks_exact(DEVICE_SLOT);
        let devices: Option<Vec<_>> = slots.map(|slot| PackId::from_tag(&slot[..64])).collect();
        let devices = devices.ok_or_else(|| damaged("a slot of the device table names no pack"))?;
        let image = Image { bytes, path: path.to_owned(), fields, devices, trailer, meta_at, end };
        match image.root() {
            Ok(root) if root.kind == FileKind::Directory => Ok(image),
            Ok(_) => Err(damaged("the root is no directory")),
            Err(fault) => Err(damaged(fault.0)),
        }
    }

    /// The packs that hold the contents.
    pub fn devices(&self) -> &[PackId] {
        &self.devices
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many inodes it says it has.
    pub fn inodes(&self) -> u64 {
        self.fields.inodes
    }

    /// The bytes that the digest in the trailer is of.
    pub fn body(&self) -> &[u8] {
        &self.bytes[..self.end as usize]
    }

    /// The trailer, if there is one.
    pub fn trailer(&self) -> Option<Trailer> {
        self.trailer
    }

    /// This image, damaged.
    pub(super) fn damaged(&self, fault: Fault) -> Error {
        Error::Damaged { path: self.path.clone(), fault }
    }

    pub(super) fn root(&self) -> Result<RawInode> {
        self.inode(self.fields.root_nid.into())
    }

    /// The inode `nid`.
    pub(super) fn inode(&self, nid: u64) -> Result<RawInode> {
        let at = nid.checked_mul(SLOT as u64).and_then(|at| at.checked_add(self.meta_at));
        let at = at.ok_or(Fault("an inode lies outside of the image"))?;
        let compact = self.at(at, COMPACT as u64)?;
        let format = le16(compact, 0);
        let layout = match format >> 1 {
            0 => Layout::Plain,
            2 => Layout::Inline,
            4 => Layout::Chunks,
            _ => return Err(Fault("an inode of another program")),
        };
        let mode = le16(compact, 4);
        let kind = FileKind::from_mode(mode.into()).ok_or(Fault("an inode has no kind"))?;
        let is_extended = format & 1 == 1;
        let fixed = if is_extended { EXTENDED } else { COMPACT } as u64;
        let bytes = self.at(at, fixed)?;
        let xattrs_len = match le16(bytes, 2) {
            0 => 0,
            icount => XATTR_HEADER as u32 + 4 * (u32::from(icount) - 1),
        };
        let (nlink, size, uid, gid, mtime) = if is_extended {
            let mtime = Timespec { sec: le64(bytes, 32) as i64, nsec: le32(bytes, 40) };
            (le32(bytes, 44), le64(bytes, 8), le32(bytes, 24), le32(bytes, 28), mtime)
        } else {
            let mtime = Timespec { sec: self.fields.build_sec, nsec: self.fields.build_nsec };
            (le16(bytes, 6).into(), le32(bytes, 8).into(), le16(bytes, 24).into(), le16(bytes, 26).into(), mtime)
        };
        if mtime.nsec >= 1_000_000_000 || size > i64::MAX as u64 {
            return Err(Fault("an inode has an impossible time or size"));
        }
        if (layout == Layout::Chunks) != (kind == FileKind::Regular && size > 0) {
            return Err(Fault("an inode's data do not fit its kind"));
        }
        Ok(RawInode {
            nid,
            kind,
            mode: mode & 0o7777,
            nlink,
            uid,
            gid,
            mtime,
            size,
            layout,
            shared: le32(bytes, 16),
            xattrs_at: at + fixed,
            xattrs_len,
        })
    }

    /// The encoded extended attributes of an inode.
    pub(super) fn xattr_body(&self, inode: &RawInode) -> Result<&[u8]> {
        if inode.xattrs_len == 0 {
            return Ok(&[]);
        }
        let bytes = self.at(inode.xattrs_at, inode.xattrs_len.into())?;
        let (header, body) = bytes.split_at(XATTR_HEADER);
        if header.iter().any(|&byte| byte != 0) {
            return Err(Fault("an inode shares extended attributes"));
        }
        Ok(body)
    }

    /// The extended attributes of an inode.
    pub(super) fn xattrs(&self, inode: &RawInode) -> Result<impl Iterator<Item = Result<Xattr<'_>>>> {
        Ok(Xattrs(self.xattr_body(inode)?))
    }

    /// The numbers of a device file, zeros for others.
    pub(super) fn device(&self, inode: &RawInode) -> Device {
        match inode.kind {
            FileKind::CharDevice | FileKind::BlockDevice => decode_device(inode.shared),
            _ => Device::default(),
        }
    }

    /// The encoded numbers of a device file.
    pub(super) fn raw_device(&self, inode: &RawInode) -> u32 {
        inode.shared
    }

    /// The target of a symlink.
    pub(super) fn target<'a>(&'a self, inode: &RawInode) -> Result<&'a [u8]> {
        match inode.layout {
            Layout::Inline if inode.size < BLOCK as u64 => self.tail(inode),
            Layout::Plain if inode.size <= BLOCK as u64 => self.at(u64::from(inode.shared) * BLOCK as u64, inode.size),
            _ => Err(Fault("a symlink is too long")),
        }
    }

    /// The device (counted from 0) and the place of a regular file's content; none for an empty file.
    pub(super) fn content(&self, inode: &RawInode) -> Result<Option<(usize, ContentRef)>> {
        if inode.layout != Layout::Chunks {
            return Ok(None);
        }
        let damaged = Fault("a file's chunks are damaged");
        let bits = chunk_format_bits(inode.shared).ok_or(damaged)?;
        let count = blocks_of(inode.size).div_ceil(1 << bits);
        let at = (inode.xattrs_at + u64::from(inode.xattrs_len)).next_multiple_of(CHUNK_INDEX as u64);
        // Files of ours are in one piece; one beyond the largest chunk has the next chunks right behind the first.
        let len = count.checked_mul(CHUNK_INDEX as u64).ok_or(damaged)?;
        let indexes = self.at(at, len)?;
        let (device, block) = (le16(indexes, 2), le32(indexes, 4));
        for (number, index) in indexes.chunks_exact(CHUNK_INDEX).enumerate().skip(1) {
            let expected = (number as u64) << bits;
            if le16(index, 2) != device || u64::from(le32(index, 4)) != u64::from(block) + expected {
                return Err(damaged);
            }
        }
        let device = usize::from(device).checked_sub(1).ok_or(damaged)?;
        let pack = *self.devices.get(device).ok_or(damaged)?;
        Ok(Some((device, ContentRef { pack, block, len: inode.size })))
    }

    /// How many blocks a directory has.
    pub(super) fn dir_blocks(&self, dir: &RawInode) -> u64 {
        blocks_of(dir.size)
    }

    /// The block `number` of a directory.
    pub(super) fn dir_block(&self, dir: &RawInode, number: u64) -> Result<DirBlock<'_>> {
        let whole = dir.size / BLOCK as u64;
        let bytes = if dir.layout == Layout::Inline && number == whole {
            self.tail(dir)?
        } else {
            let begin = number.checked_mul(BLOCK as u64).ok_or(Fault("a directory is too large"))?;
            let len = dir.size.saturating_sub(begin).min(BLOCK as u64);
            let at = (u64::from(dir.shared) * BLOCK as u64).checked_add(begin);
            self.at(at.ok_or(Fault("a directory is too large"))?, len)?
        };
        DirBlock::new(bytes)
    }

    /// The inode of an entry of `parent`. A directory must lie behind its parent: a walk down always ends.
    pub(super) fn child(&self, parent: &RawInode, nid: u64, kind: FileKind) -> Result<RawInode> {
        let inode = self.inode(nid)?;
        if inode.kind != kind {
            return Err(Fault("an entry is not of the kind it says"));
        }
        if kind == FileKind::Directory && nid <= parent.nid {
            return Err(Fault("a directory lies before its parent"));
        }
        Ok(inode)
    }

    /// What lies behind inode and extended attributes: less than a block, in one block.
    fn tail(&self, inode: &RawInode) -> Result<&[u8]> {
        let at = inode.xattrs_at + u64::from(inode.xattrs_len);
        self.at(at, inode.size % BLOCK as u64)
    }

    /// `len` bytes at `at`.
    fn at(&self, at: u64, len: u64) -> Result<&[u8]> {
        let outside = Fault("something lies outside of the image");
        let end = at.checked_add(len).filter(|&end| end <= self.end).ok_or(outside)?;
        self.bytes.get(at as usize..end as usize).ok_or(outside)
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}
