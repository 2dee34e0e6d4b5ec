//! `Reader`: the entries of a tar stream with everything that describes them put together.
//!
//! All dialects are read: v7, ustar, star, GNU (long names and links, base-256 numbers, sparse files) and PAX. Global PAX
//! headers are passed over, as Docker, containerd and podman do: the same archive gives the same files everywhere. Type
//! flags without a meaning for a file system are refused, as Docker does, but for volume labels.

use std::io::BufRead;

use super::error::{Error, Result};
use super::header::{BLOCK, Dialect, Header, text};
use super::limits::Limits;
use super::pax::{self, Records};
use super::sparse::{self, Extent, SparseMap};
use crate::vfs::{Device, Timespec};

/// What an entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    Regular,
    Directory,
    Symlink,
    HardLink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// An entry of an archive.
#[derive(Debug)]
pub(super) struct Entry {
    /// As the archive writes it.
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    /// The target of a symbolic or hard link, as the archive writes it.
    pub(super) link: Vec<u8>,
    /// Permission bits.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timespec,
    pub(super) device: Device,
    /// The size of the content with its holes.
    pub(super) size: u64,
    /// In the order of their names.
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A part of an entry's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Data(&'a [u8]),
    /// So many zeros.
    Hole(u64),
}

/// Reads entries one after the other; between two of them, the content of the first.
pub(super) struct Reader<R> {
    source: R,
    limits: Limits,
    /// Bytes of the stream before the next one.
    offset: u64,
    entries: u64,
    holes: u64,
    metadata: u64,
    /// Of the current entry: bytes of data not yet read, then of padding.
    data: u64,
    padding: u64,
    /// Bytes of the last piece, still in the source's buffer.
    pending: usize,
    sparse: Option<Cursor>,
    name: Vec<u8>,
}

/// A place in a sparse file.
struct Cursor {
    map: SparseMap,
    next: usize,
    position: u64,
}

/// What stands before an entry.
#[derive(Default)]
struct Extensions {
    any: bool,
    records: Records,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(source: R, limits: &Limits) -> Reader<R> {
        Reader {
            source,
            limits: *limits,
            offset: 0,
            entries: 0,
            holes: 0,
            metadata: 0,
            data: 0,
            padding: 0,
            pending: 0,
            sparse: None,
            name: Vec::new(),
        }
    }

    /// How many entries were read.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// The next entry, none at the end of the archive. What was not read of the content before it is passed over.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>> {
        self.finish_content()?;
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header(extensions.any)? else { return Ok(None) };
            match header.flag() {
                b'x' | b'X' => {
                    let data = self.extension(&header)?;
                    extensions.records = pax::parse(&data, &header.name())?;
                }
                b'L' => extensions.long_name = Some(text(&self.extension(&header)?).to_vec()),
                b'K' => extensions.long_link = Some(text(&self.extension(&header)?).to_vec()),
                b'g' | b'V' => {
                    self.data = header.size().ok_or_else(|| bad_field(&header.name(), "size"))?;
                    self.padding = padding(self.data);
                    self.finish_content()?;
                    continue;
                }
                _ => return self.entry(header, extensions).map(Some),
            }
            extensions.any = true;
        }
    }

    /// The next part of the current entry's content, none at its end.
    pub(super) fn piece(&mut self) -> Result<Option<Piece<'_>>> {
        self.piece_up_to(u64::MAX)
    }

    /// As [`piece`](Reader::piece), of at most `longest` bytes.
    pub(super) fn piece_up_to(&mut self, longest: u64) -> Result<Option<Piece<'_>>> {
        self.settle();
        let mut most = self.data.min(longest);
        if let Some(cursor) = &mut self.sparse {
            let extent = cursor.map.extents.get(cursor.next).copied();
            let begin = extent.map_or(cursor.map.size, |extent| extent.offset);
            if cursor.position < begin {
                let hole = longest.min(begin - cursor.position);
                cursor.position += hole;
                return Ok(Some(Piece::Hole(hole)));
            }
            let end = extent.map_or(begin, |extent| extent.offset + extent.length);
            most = most.min(end - cursor.position);
        }
        if most == 0 {
            return Ok(None);
        }
        let available = self.source.fill_buf()?;
        if available.is_empty() {
            return Err(Error::entry(&self.name, "the archive is cut short within its content"));
        }
        let count = available.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        self.pending = count;
        if let Some(cursor) = &mut self.sparse {
            cursor.position += count as u64;
            let extent = cursor.map.extents[cursor.next];
            cursor.next += usize::from(cursor.position == extent.offset + extent.length);
        }
        Ok(Some(Piece::Data(&available[..count])))
    }

    /// Reads to the end of the stream: what stands behind the archive's end counts for its digest.
    pub(super) fn drain(mut self) -> Result<()> {
        self.finish_content()?;
        loop {
            let count = self.source.fill_buf()?.len();
            if count == 0 {
                return Ok(());
            }
            self.source.consume(count);
        }
    }

    /// Takes the last piece out of the source's buffer.
    fn settle(&mut self) {
        self.source.consume(self.pending);
        self.data -= self.pending as u64;
        self.offset += self.pending as u64;
        self.pending = 0;
    }

    fn finish_content(&mut self) -> Result<()> {
        self.settle();
        self.sparse = None;
        let padding = self.padding;
        let mut left = self.data.saturating_add(padding);
        (self.data, self.padding) = (0, 0);
        while left > 0 {
            let available = self.source.fill_buf()?.len() as u64;
            if available == 0 && left == padding {
                // umoci ends an archive behind the last content, as Go's reader allows.
                return Ok(());
            }
            if available == 0 {
                return Err(Error::entry(&self.name, "the archive is cut short within its content"));
            }
            let count = available.min(left);
            self.source.consume(count as usize);
            self.offset += count;
            left -= count;
        }
        Ok(())
    }

    /// The next block, none at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let available = self.source.fill_buf()?;
            if available.is_empty() {
                if filled == 0 {
                    return Ok(None);
                }
                return Err(Error::Invalid(match self.offset {
                    offset if offset < BLOCK as u64 => format!("not a tar archive: it ends after {offset} bytes"),
                    offset => format!("the archive is cut short at byte {offset}"),
                }));
            }
            let count = available.len().min(BLOCK - filled);
            block[filled..filled + count].copy_from_slice(&available[..count]);
            self.source.consume(count);
            filled += count;
            self.offset += count as u64;
        }
        Ok(Some(block))
    }

    /// The next header. None at the end: two blocks of zeros, or simply nothing more, as Go's reader takes it.
    fn header(&mut self, extended: bool) -> Result<Option<Header>> {
        let begin = self.offset;
        let end = |result| if extended { Err(missing_entry(begin)) } else { result };
        let Some(block) = self.block()? else { return end(Ok(None)) };
        let header = Header(block);
        if header.is_zero() {
            return match self.block()? {
                Some(second) if !Header(second).is_zero() => {
                    Err(Error::Invalid(format!("a block of zeros within the archive at byte {begin}")))
                }
                _ => end(Ok(None)),
            };
        }
        if !header.is_intact() {
            return Err(Error::Invalid(match begin {
                0 => "not a tar archive".to_owned(),
                _ => format!("a damaged header at byte {begin}: its checksum differs"),
            }));
        }
        Ok(Some(header))
    }

    /// The data of an extended header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let name = header.name();
        let size = header.size().ok_or_else(|| bad_field(&name, "size"))?;
        if size > self.limits.header {
            return Err(Error::Limit(format!(
                "an extended header of {size} bytes at byte {}",
                self.offset - BLOCK as u64
            )));
        }
        self.data = size;
        self.padding = padding(size);
        self.name = name;
        let mut data = Vec::new();
        while let Some(piece) = self.piece()? {
            if let Piece::Data(bytes) = piece {
                data.extend_from_slice(bytes);
            }
        }
        self.finish_content()?;
        Ok(data)
    }

    fn entry(&mut self, header: Header, extensions: Extensions) -> Result<Entry> {
        let mut records = extensions.records;
        let name = extensions
            .long_name
            .filter(|name| !name.is_empty())
            .or(records.sparse.name.take())
            .or(records.path.take())
            .unwrap_or_else(|| header.name());
        let link = extensions
            .long_link
            .filter(|link| !link.is_empty())
            .or(records.link.take())
            .unwrap_or_else(|| header.link_name());
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Error::Limit(format!("the archive has more than {} entries", self.limits.entries)));
        }
        let xattrs: usize = records.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if xattrs > self.limits.xattrs {
            return Err(Error::limit(&name, format!("{xattrs} bytes of attributes")));
        }
        self.metadata += (name.len() + link.len() + xattrs) as u64;
        if self.metadata > self.limits.metadata {
            return Err(Error::limit(&name, format!("names and attributes beyond {} bytes", self.limits.metadata)));
        }
        let kind = entry_kind(&header, &name)?;
        let id = |record: Option<i64>, field: Option<i64>, what| {
            record.or(field).and_then(|id| u32::try_from(id).ok()).ok_or_else(|| bad_field(&name, what))
        };
        let mut entry = Entry {
            kind,
            mode: (header.mode().ok_or_else(|| bad_field(&name, "mode"))? & 0o7777) as u16,
            uid: id(records.uid, header.uid(), "owner")?,
            gid: id(records.gid, header.gid(), "group")?,
            mtime: records.mtime.or(header.mtime()).ok_or_else(|| bad_field(&name, "time"))?,
            device: Device::default(),
            size: 0,
            xattrs: std::mem::take(&mut records.xattrs),
            link,
            name,
        };
        sort_xattrs(&mut entry)?;
        match kind {
            EntryKind::Regular => self.begin_content(&header, records, &mut entry)?,
            EntryKind::CharDevice | EntryKind::BlockDevice => entry.device = device(&header, &records, &entry.name)?,
            _ => {}
        }
        self.name.clone_from(&entry.name);
        Ok(entry)
    }

    fn begin_content(&mut self, header: &Header, records: Records, entry: &mut Entry) -> Result<()> {
        let stored = records.size.or(header.size()).ok_or_else(|| bad_field(&entry.name, "size"))?;
        if stored > self.limits.stream {
            return Err(Error::limit(
                &entry.name,
                format!("{stored} bytes are more than the {} allowed", self.limits.stream),
            ));
        }
        self.data = stored;
        self.padding = padding(stored);
        self.name.clone_from(&entry.name);
        entry.size = stored;
        let bad_map = || Error::entry(&entry.name, "bad sparse map");
        let (extents, size) = match (header.flag(), &records.sparse) {
            (b'S', _) => (self.old_gnu_map(header)?, real_size(header)),
            (_, sparse) if sparse.major == Some(1) => (self.leading_map()?, sparse.size),
            (_, pax::Sparse { map: Some(map), size, .. }) => (sparse::extents_of(map), *size),
            _ => return Ok(()),
        };
        let map = SparseMap::new(extents, size.ok_or_else(bad_map)?, self.data).ok_or_else(bad_map)?;
        self.holes = self.holes.saturating_add(map.holes());
        if self.holes > self.limits.holes {
            return Err(Error::limit(&entry.name, format!("holes of sparse files beyond {} bytes", self.limits.holes)));
        }
        entry.size = map.size;
        self.sparse = Some(Cursor { map, next: 0, position: 0 });
        Ok(())
    }

    /// The map of an old GNU sparse file: four extents in the header, 21 in each block behind it.
    fn old_gnu_map(&mut self, header: &Header) -> Result<Vec<Extent>> {
        let name = self.name.clone();
        let bad = || Error::entry(&name, "bad sparse map");
        if header.dialect() != Dialect::Gnu {
            return Err(bad());
        }
        let mut extents = Vec::new();
        sparse::old_gnu_extents(&header.0[386..482], 4, &mut extents).ok_or_else(bad)?;
        let mut goes_on = header.0[482] != 0;
        while goes_on {
            let block = self.block()?.ok_or_else(bad)?;
            sparse::old_gnu_extents(&block[..504], 21, &mut extents).ok_or_else(bad)?;
            goes_on = sparse::old_gnu_goes_on(&block);
            if extents.len() as u64 * 24 > self.limits.header {
                return Err(Error::limit(&name, "a sparse map of too many parts"));
            }
        }
        Ok(extents)
    }

    /// The map of a PAX sparse file of version 1.0: decimal numbers on lines of their own before the data.
    fn leading_map(&mut self) -> Result<Vec<Extent>> {
        let name = self.name.clone();
        let bad = || Error::entry(&name, "bad sparse map");
        let mut bytes = Vec::new();
        let mut numbers: Vec<u64> = Vec::new();
        let mut parsed = 0;
        loop {
            if let Some(&count) = numbers.first()
                && numbers.len() as u64 > count.saturating_mul(2)
            {
                return Ok(sparse::extents_of(&numbers[1..]));
            }
            match bytes[parsed..].iter().position(|&byte| byte == b'\n') {
                Some(length) => {
                    numbers.push(pax::decimal(&bytes[parsed..parsed + length]).ok_or_else(bad)?);
                    parsed += length + 1;
                }
                None => {
                    if bytes.len() - parsed > 20 || bytes.len() as u64 > self.limits.header || self.data < BLOCK as u64
                    {
                        return Err(bad());
                    }
                    let block = self.block()?.ok_or_else(bad)?;
                    self.data -= BLOCK as u64;
                    bytes.extend_from_slice(&block);
                }
            }
        }
    }
}

/// Sorts the attributes; of two with one name the last counts.
fn sort_xattrs(entry: &mut Entry) -> Result<()> {
    if entry.xattrs.is_empty() {
        return Ok(());
    }
    for (name, value) in &entry.xattrs {
        // Linux: XATTR_NAME_MAX, XATTR_SIZE_MAX.
        if name.is_empty() || name.len() > 255 || name.contains(&0) || value.len() > 1 << 16 {
            return Err(Error::entry(&entry.name, "an attribute with a bad name or a value beyond 64 KiB"));
        }
    }
    entry.xattrs.reverse();
    entry.xattrs.sort_by(|a, b| a.0.cmp(&b.0));
    entry.xattrs.dedup_by(|later, first| later.0 == first.0);
    Ok(())
}

fn entry_kind(header: &Header, name: &[u8]) -> Result<EntryKind> {
    Ok(match header.flag() {
        // Writers before ustar had no flag for directories.
        b'0' | 0 if name.ends_with(b"/") => EntryKind::Directory,
        b'0' | 0 | b'7' | b'S' => EntryKind::Regular,
        b'1' => EntryKind::HardLink,
        b'2' => EntryKind::Symlink,
        b'3' => EntryKind::CharDevice,
        b'4' => EntryKind::BlockDevice,
        b'5' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        flag => return Err(Error::entry(name, format!("unknown type {:?}", char::from(flag)))),
    })
}

fn real_size(header: &Header) -> Option<u64> {
    u64::try_from(super::header::number(&header.0[483..495])?).ok()
}

fn device(header: &Header, records: &Records, name: &[u8]) -> Result<Device> {
    let part = |record: u64| u32::try_from(record).map_err(|_| bad_field(name, "device"));
    match (records.major, records.minor) {
        (Some(major), Some(minor)) => Ok(Device { major: part(major)?, minor: part(minor)? }),
        _ => header.device().ok_or_else(|| bad_field(name, "device")),
    }
}

fn bad_field(name: &[u8], field: &str) -> Error {
    Error::entry(name, format!("bad {field} in its header"))
}

fn missing_entry(offset: u64) -> Error {
    Error::Invalid(format!("the archive is cut short at byte {offset}: an extended header without an entry"))
}

/// The bytes that fill the last block of `size` bytes of data.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}
