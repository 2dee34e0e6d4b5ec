//! Writes a draft as an EROFS image, in two passes: every inode gets its place, then all bytes go out in order.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use super::draft::{Draft, DraftInode, Id, Listings, Payload, ROOT};
use super::error::Error;
use super::format::{
    BLOCK, CHUNK_INDEX, COMPACT, DEVICE_SLOT, DEVICE_TABLE, DIRENT, EXTENDED, Layout, SLOT, Super, XATTR_HEADER,
    blocks_of, chunk_bits, chunk_format, file_type, put,
};
use super::xattr;
use crate::vfs::{FileKind, Timespec};

/// What an image holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageStats {
    /// Inodes.
    pub inodes: u64,
    /// The sum of the lengths of regular files, each inode once.
    pub bytes: u64,
    /// The length of what was written.
    pub image_len: u64,
}

/// Whether the marks that only layers have are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// In a layer.
    Keep,
    /// In a tree: there are none.
    Drop,
}

/// An inode and its place.
struct Placed {
    id: Id,
    parent: u32,
    nid: u64,
    nlink: u32,
    layout: Layout,
    size: u64,
    /// Its first block behind the inodes, while the first pass goes on counted from there.
    block: u32,
    is_extended: bool,
    /// Extended attributes with marks, if there are marks.
    marked: Option<Box<[u8]>>,
}

struct Plan<'a> {
    draft: &'a Draft,
    listings: Listings<'a>,
    placed: Vec<Placed>,
    /// Where in `placed` an inode is.
    place_of: Vec<u32>,
    base_time: Timespec,
    /// The used packs by name, and the device numbers of the draft's packs.
    devices: Vec<(usize, u32)>,
    device_of: Vec<u16>,
}

const NOWHERE: u32 = u32::MAX;

/// Writes `draft`.
pub(super) fn write(draft: &Draft, marks: Marks, out: &mut dyn Write) -> Result<ImageStats, Error> {
    let mut plan = Plan {
        draft,
        listings: draft.listings(),
        placed: Vec::with_capacity(draft.inode_count()),
        place_of: vec![NOWHERE; draft.inode_count()],
        base_time: Timespec::default(),
        devices: Vec::new(),
        device_of: Vec::new(),
    };
    plan.order();
    plan.base_time = plan.most_common_time();
    plan.choose_devices()?;
    plan.mark(marks);
    let meta_block = (DEVICE_TABLE + plan.devices.len() * DEVICE_SLOT).div_ceil(BLOCK);
    let (meta_len, data_blocks) = plan.place()?;
    let data_block = meta_block as u64 + blocks_of(meta_len);
    let blocks = data_block + data_blocks;
    let blocks = u32::try_from(blocks).map_err(|_| Error::TooLarge("16 TiB of metadata"))?;

    let mut out = Output { out: BufWriter::with_capacity(1 << 18, out), at: 0 };
    plan.write_super(&mut out, meta_block as u32, blocks)?;
    for (number, place) in plan.placed.iter().enumerate() {
        out.pad_to(meta_block as u64 * BLOCK as u64 + place.nid * SLOT as u64)?;
        plan.write_inode(&mut out, number, place, data_block)?;
    }
    out.pad_to(data_block * BLOCK as u64)?;
    for place in &plan.placed {
        if place.layout != Layout::Chunks && place.size > 0 {
            plan.write_data(&mut out, place)?;
        }
    }
    out.out.flush()?;
    Ok(ImageStats {
        inodes: plan.placed.len() as u64,
        bytes: plan.placed.iter().filter(|place| place.layout == Layout::Chunks).map(|place| place.size).sum(),
        image_len: out.at,
    })
}

impl<'a> Plan<'a> {
    /// Fills `placed` in the order of the inodes: the entries of a directory together, directories before what is in them.
    fn order(&mut self) {
        self.place_of[ROOT as usize] = 0;
        self.placed.push(Placed::new(ROOT, 0, true));
        let mut directories = vec![0u32];
        let mut inner = Vec::new();
        while let Some(parent) = directories.pop() {
            let dir = self.placed[parent as usize].id;
            for (_, id) in self.listings.of(dir) {
                let seen = self.place_of[id as usize];
                if seen != NOWHERE {
                    self.placed[seen as usize].nlink += 1;
                    continue;
                }
                let number = self.placed.len() as u32;
                self.place_of[id as usize] = number;
                let is_directory = self.draft.inode(id).kind == FileKind::Directory;
                self.placed.push(Placed::new(id, parent, is_directory));
                if is_directory {
                    self.placed[parent as usize].nlink += 1;
                    inner.push(number);
                }
            }
            directories.extend(inner.drain(..).rev());
        }
    }

    /// The time that compact inodes have: the one of most inodes, of several the earliest.
    fn most_common_time(&self) -> Timespec {
        let mut counts: HashMap<Timespec, u32> = HashMap::new();
        for place in &self.placed {
            *counts.entry(self.draft.inode(place.id).mtime).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|&(time, count)| (count, std::cmp::Reverse(time)));
        most.map_or(Timespec::default(), |(time, _)| time)
    }

    /// Numbers the packs that are used, in the order of their names.
    fn choose_devices(&mut self) -> Result<(), Error> {
        let mut ends = vec![0u64; self.draft.packs().len()];
        for place in &self.placed {
            if let Payload::Content { pack, block, len } = self.draft.inode(place.id).payload {
                let end = &mut ends[pack as usize];
                *end = (*end).max(u64::from(block) + blocks_of(len));
            }
        }
        for (pack, &end) in ends.iter().enumerate().filter(|(_, end)| **end > 0) {
            let end = u32::try_from(end).map_err(|_| Error::TooLarge("16 TiB in one pack"))?;
            self.devices.push((pack, end));
        }
        self.devices.sort_unstable_by_key(|&(pack, _)| self.draft.packs()[pack]);
        self.device_of = vec![0; ends.len()];
        for (index, &(pack, _)) in self.devices.iter().enumerate() {
            self.device_of[pack] = u16::try_from(index + 1).map_err(|_| Error::TooLarge("65,535 packs"))?;
        }
        Ok(())
    }

    /// Adds the marks of a layer to the extended attributes.
    fn mark(&mut self, marks: Marks) {
        if marks == Marks::Drop {
            return;
        }
        let mut has_links = false;
        for place in self.placed.iter_mut().rev() {
            let inode = self.draft.inode(place.id);
            let link = match inode.payload {
                Payload::Lower(target) => Some(self.draft.bytes(target)),
                _ => None,
            };
            has_links |= link.is_some();
            let marks = [
                (xattr::OPAQUE, inode.opaque.then_some(&b"y"[..])),
                (xattr::IMPLIED, inode.implied.then_some(&b""[..])),
                (xattr::LINK, link),
                (xattr::HAS_LINKS, (has_links && place.id == ROOT).then_some(&b""[..])),
            ];
            if marks.iter().all(|(_, value)| value.is_none()) {
                continue;
            }
            let mut body = self.draft.bytes(inode.xattrs).to_vec();
            for (name, value) in marks.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
                xattr::encode(&mut body, name, value).expect("marks are short");
            }
            place.marked = Some(body.into());
        }
    }

    /// Gives every inode its place; returns the bytes of all inodes and the number of blocks behind them.
    fn place(&mut self) -> Result<(u64, u64), Error> {
        let (mut at, mut blocks) = (SLOT as u64, 0u64);
        for number in 0..self.placed.len() {
            let place = &self.placed[number];
            let inode = self.draft.inode(place.id);
            let (layout, size) = match inode.payload {
                Payload::Content { len, .. } => (Layout::Chunks, len),
                Payload::Target(target) => (Layout::Plain, target.len.into()),
                _ if inode.kind == FileKind::Directory => (Layout::Plain, self.directory_len(place)),
                _ => (Layout::Plain, 0),
            };
            let is_extended = self.needs_extended(inode, place.nlink, size);
            let fixed = if is_extended { EXTENDED } else { COMPACT };
            let head = fixed + self.xattr_len(place);
            let tail = size as usize % BLOCK;
            let is_inline = layout == Layout::Plain && tail > 0 && {
                // It saves something unless the gap that it leaves is as large as the block that it spares.
                let gap = gap_before(at, head + tail);
                head + tail <= BLOCK && gap + tail < BLOCK
            };
            let own_blocks = match layout {
                Layout::Chunks => 0,
                _ if is_inline => size / BLOCK as u64,
                _ => blocks_of(size),
            };
            at += gap_before(at, if is_inline { head + tail } else { fixed }) as u64;
            let len = match layout {
                Layout::Chunks => head.next_multiple_of(CHUNK_INDEX) + chunk_count(size) as usize * CHUNK_INDEX,
                _ if is_inline => head + tail,
                _ => head,
            };
            let place = &mut self.placed[number];
            place.nid = at / SLOT as u64;
            place.size = size;
            place.layout = if is_inline { Layout::Inline } else { layout };
            place.block = u32::try_from(blocks).map_err(|_| Error::TooLarge("16 TiB of metadata"))?;
            place.is_extended = is_extended;
            at = (at + len as u64).next_multiple_of(SLOT as u64);
            blocks += own_blocks;
        }
        Ok((at, blocks))
    }

    fn needs_extended(&self, inode: &DraftInode, nlink: u32, size: u64) -> bool {
        inode.mtime != self.base_time
            || inode.uid > u16::MAX.into()
            || inode.gid > u16::MAX.into()
            || nlink > u16::MAX.into()
            || size > u32::MAX.into()
    }

    fn xattrs(&self, place: &'a Placed) -> &'a [u8] {
        place.marked.as_deref().unwrap_or_else(|| self.draft.bytes(self.draft.inode(place.id).xattrs))
    }

    fn xattr_len(&self, place: &Placed) -> usize {
        let body = match &place.marked {
            Some(marked) => marked.len(),
            None => self.draft.inode(place.id).xattrs.len as usize,
        };
        if body == 0 { 0 } else { XATTR_HEADER + body }
    }

    /// Names and inodes of a directory, `.` and `..` among them where byte order has them.
    fn dirents(&self, place: &Placed) -> impl Iterator<Item = (&[u8], Id)> {
        let above = self.placed[place.parent as usize].id;
        let mut own = [(&b"."[..], place.id), (&b".."[..], above)].into_iter().peekable();
        let mut entries = self.listings.of(place.id).peekable();
        std::iter::from_fn(move || match (own.peek(), entries.peek()) {
            (Some(first), Some(second)) if second.0 < first.0 => entries.next(),
            (Some(_), _) => own.next(),
            (None, _) => entries.next(),
        })
    }

    fn directory_len(&self, place: &Placed) -> u64 {
        let (mut full, mut used) = (0u64, 0);
        for (name, _) in self.dirents(place) {
            if used + DIRENT + name.len() > BLOCK {
                full += 1;
                used = 0;
            }
            used += DIRENT + name.len();
        }
        full * BLOCK as u64 + used as u64
    }

    fn write_super(&self, out: &mut Output<'_>, meta_block: u32, blocks: u32) -> Result<(), Error> {
        let mut head = vec![0; meta_block as usize * BLOCK];
        for (index, &(pack, end)) in self.devices.iter().enumerate() {
            let at = DEVICE_TABLE + index * DEVICE_SLOT;
            put(&mut head, at, &self.draft.packs()[pack].tag());
            put(&mut head, at + 64, &end.to_le_bytes());
        }
        let fields = Super {
            root_nid: self.placed[0].nid as u16,
            inodes: self.placed.len() as u64,
            build_sec: self.base_time.sec,
            build_nsec: self.base_time.nsec,
            blocks,
            meta_block,
            uuid: self.uuid(),
            devices: self.devices.len() as u16,
        };
        if let Some(first) = head.first_chunk_mut() {
            fields.encode(first);
        }
        out.write(&head)?;
        Ok(())
    }

    /// An identity that follows from the content, so that overlayfs can tell trees apart and the same input still gives
    /// the same bytes (RFC 9562 version 8).
    fn uuid(&self) -> [u8; 16] {
        let mut lanes = [0x9e37_79b9_7f4a_7c15u64, 0xc2b2_ae3d_27d4_eb4f];
        let mut mix = |value: u64| {
            lanes[0] = (lanes[0] ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
            lanes[1] = (lanes[1].rotate_left(17) ^ value).wrapping_mul(0xc4ce_b9fe_1a85_ec53) ^ lanes[0];
        };
        for place in &self.placed {
            let inode = self.draft.inode(place.id);
            mix(place.nid << 16 | u64::from(inode.mode));
            mix(inode.mtime.sec as u64);
            mix(place.size);
            if let Payload::Content { pack, block, .. } = inode.payload {
                mix(u64::from(self.device_of[pack as usize]) << 32 | u64::from(block));
            }
            if inode.kind == FileKind::Directory {
                let names = self.listings.of(place.id).fold(0, |crc, (name, _)| crc32c::crc32c_append(crc, name));
                mix(names.into());
            }
        }
        let mut uuid = [0; 16];
        put(&mut uuid, 0, &lanes[0].to_le_bytes());
        put(&mut uuid, 8, &lanes[1].to_le_bytes());
        uuid[6] = uuid[6] & 0x0f | 0x80;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        uuid
    }

    fn write_inode(&self, out: &mut Output<'_>, number: usize, place: &Placed, data_block: u64) -> Result<(), Error> {
        let inode = self.draft.inode(place.id);
        let xattrs = self.xattrs(place);
        let icount = if xattrs.is_empty() { 0 } else { xattrs.len() / 4 + 1 };
        let shared = match inode.payload {
            Payload::Content { .. } => chunk_format(chunk_bits(place.size)),
            Payload::Device(numbers) => numbers,
            _ if place.size > 0 => (data_block + u64::from(place.block)) as u32,
            _ => 0,
        };
        let mut bytes = [0; EXTENDED];
        put(&mut bytes, 0, &((place.layout as u16) << 1 | u16::from(place.is_extended)).to_le_bytes());
        put(&mut bytes, 2, &(icount as u16).to_le_bytes());
        put(&mut bytes, 4, &(inode.kind.mode_bits() as u16 | inode.mode).to_le_bytes());
        put(&mut bytes, 16, &shared.to_le_bytes());
        put(&mut bytes, 20, &(number as u32 + 1).to_le_bytes());
        let used = if place.is_extended {
            put(&mut bytes, 8, &place.size.to_le_bytes());
            put(&mut bytes, 24, &inode.uid.to_le_bytes());
            put(&mut bytes, 28, &inode.gid.to_le_bytes());
            put(&mut bytes, 32, &inode.mtime.sec.to_le_bytes());
            put(&mut bytes, 40, &inode.mtime.nsec.to_le_bytes());
            put(&mut bytes, 44, &place.nlink.to_le_bytes());
            EXTENDED
        } else {
            put(&mut bytes, 6, &(place.nlink as u16).to_le_bytes());
            put(&mut bytes, 8, &(place.size as u32).to_le_bytes());
            put(&mut bytes, 24, &(inode.uid as u16).to_le_bytes());
            put(&mut bytes, 26, &(inode.gid as u16).to_le_bytes());
            COMPACT
        };
        out.write(&bytes[..used])?;
        if icount > 0 {
            out.write(&[0; XATTR_HEADER])?;
            out.write(xattrs)?;
        }
        match inode.payload {
            Payload::Content { pack, block, len } => {
                self.write_chunks(out, self.device_of[pack as usize], block, len)?
            }
            _ if place.layout == Layout::Inline => {
                let data = self.data(place);
                out.write(&data[data.len() - place.size as usize % BLOCK..])?;
            }
            _ => {}
        }
        Ok(())
    }

    fn write_chunks(&self, out: &mut Output<'_>, device: u16, block: u32, len: u64) -> io::Result<()> {
        out.pad_to(out.at.next_multiple_of(CHUNK_INDEX as u64))?;
        for chunk in 0..chunk_count(len) {
            let mut index = [0; CHUNK_INDEX];
            put(&mut index, 2, &device.to_le_bytes());
            put(&mut index, 4, &(block + ((chunk as u32) << chunk_bits(len))).to_le_bytes());
            out.write(&index)?;
        }
        Ok(())
    }

    fn write_data(&self, out: &mut Output<'_>, place: &Placed) -> Result<(), Error> {
        let whole =
            if place.layout == Layout::Inline { place.size as usize / BLOCK * BLOCK } else { place.size as usize };
        if whole > 0 {
            out.write(&self.data(place)[..whole])?;
            out.pad_to(out.at.next_multiple_of(BLOCK as u64))?;
        }
        Ok(())
    }

    /// The data of a directory or a symlink.
    fn data(&self, place: &Placed) -> Vec<u8> {
        if let Payload::Target(target) = self.draft.inode(place.id).payload {
            return self.draft.bytes(target).to_vec();
        }
        let mut data = Vec::with_capacity(place.size as usize);
        let mut block = Vec::new();
        let mut used = 0;
        for dirent in self.dirents(place) {
            if used + DIRENT + dirent.0.len() > BLOCK {
                self.put_block(&mut data, &block);
                data.resize(data.len().next_multiple_of(BLOCK), 0);
                block.clear();
                used = 0;
            }
            used += DIRENT + dirent.0.len();
            block.push(dirent);
        }
        self.put_block(&mut data, &block);
        data
    }

    fn put_block(&self, data: &mut Vec<u8>, dirents: &[(&[u8], Id)]) {
        let mut name_at = dirents.len() * DIRENT;
        for (name, id) in dirents {
            let nid = self.placed[self.place_of[*id as usize] as usize].nid;
            data.extend_from_slice(&nid.to_le_bytes());
            data.extend_from_slice(&(name_at as u16).to_le_bytes());
            data.extend_from_slice(&[file_type(self.draft.inode(*id).kind), 0]);
            name_at += name.len();
        }
        dirents.iter().for_each(|(name, _)| data.extend_from_slice(name));
    }
}

impl Placed {
    fn new(id: Id, parent: u32, is_directory: bool) -> Placed {
        let nlink = if is_directory { 2 } else { 1 };
        let (layout, is_extended) = (Layout::Plain, false);
        Placed { id, parent, nid: 0, nlink, layout, size: 0, block: 0, is_extended, marked: None }
    }
}

/// How far the next `len` bytes at `at` must move so as not to cross a block; none if they are longer than a block.
fn gap_before(at: u64, len: usize) -> usize {
    let left = BLOCK - at as usize % BLOCK;
    if len > left && len <= BLOCK { left } else { 0 }
}

fn chunk_count(len: u64) -> u64 {
    blocks_of(len).div_ceil(1 << chunk_bits(len))
}

struct Output<'a> {
    out: BufWriter<&'a mut dyn Write>,
    at: u64,
}

impl Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad_to(&mut self, at: u64) -> io::Result<()> {
        const ZEROS: [u8; BLOCK] = [0; BLOCK];
        while self.at < at {
            let len = (at - self.at).min(BLOCK as u64) as usize;
            self.write(&ZEROS[..len])?;
        }
        Ok(())
    }
}
