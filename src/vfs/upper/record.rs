//! Records: the changes a journal is made of, as bytes.
//!
//! Numbers are little-endian. A *name*, *path* or *bytes* field is a `u32` length and that many bytes; a *time* is an
//! `i64` of seconds and a `u32` of nanoseconds.
//!
//! ```text
//! 1 node       u64 id  u8 kind (d_type of Linux)  attributes  u32 major  u32 minor  path origin  bytes target
//! 2 attributes u64 id  attributes
//! 3 links      u64 id  u32 nlink  time            the number of names, and ctime
//! 4 touch      u64 id  u32 nlink  time            the same, and mtime: a directory's entries changed
//! 5 content    u64 id  u64 data  u64 size  u64 charged  time mtime  time ctime
//! 6 xattrs     u64 id  u32 count  (bytes name, bytes value) * count
//! 7 entry      u64 directory  name  u64 id  u8 covers
//! 8 whiteout   u64 directory  name                an entry of the lower is gone
//! 9 remove     u64 directory  name                an entry of the upper is gone, the lower has none
//!
//! attributes   u16 mode  u32 nlink  u32 uid  u32 gid  time atime  time mtime  time ctime
//! origin       empty, or `/` and the path in the lower that the node is a changed copy of
//! ```
//!
//! All records but *node* set a state, so that applying one twice does no harm. Records of a node that is not there
//! (it was removed) are passed over.

use super::meta::Meta;
use crate::vfs::attr::{Device, FileKind, Timespec};
use crate::vfs::xattrs::Xattrs;

/// One change, read back.
#[derive(Debug, PartialEq)]
pub(super) enum Record<'a> {
    Node { id: u64, kind: FileKind, meta: Meta, origin: &'a [u8], target: &'a [u8] },
    Attributes { id: u64, meta: Meta },
    Links { id: u64, nlink: u32, time: Timespec },
    Touch { id: u64, nlink: u32, time: Timespec },
    Content { id: u64, content: ContentState },
    Xattrs { id: u64, xattrs: Xattrs },
    Entry { dir: u64, name: &'a [u8], id: u64, covers: bool },
    Whiteout { dir: u64, name: &'a [u8] },
    Remove { dir: u64, name: &'a [u8] },
}

/// Where the content of a file lies, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentState {
    /// The number of the data file.
    pub(super) data: u64,
    /// The length.
    pub(super) size: u64,
    /// The bytes it takes of the limit.
    pub(super) charged: u64,
    pub(super) mtime: Timespec,
    pub(super) ctime: Timespec,
}

/// Appends records to a buffer.
pub(super) struct Encoder<'b>(pub(super) &'b mut Vec<u8>);

impl Encoder<'_> {
    pub(super) fn node(&mut self, kind: FileKind, meta: &Meta, origin: &[u8], target: &[u8]) {
        self.start(1, meta.id);
        self.0.push((kind.mode_bits() >> 12) as u8);
        self.attributes_of(meta);
        self.u32(meta.rdev.major);
        self.u32(meta.rdev.minor);
        self.bytes(origin);
        self.bytes(target);
    }

    pub(super) fn attributes(&mut self, meta: &Meta) {
        self.start(2, meta.id);
        self.attributes_of(meta);
    }

    pub(super) fn links(&mut self, meta: &Meta) {
        self.start(3, meta.id);
        self.u32(meta.nlink);
        self.time(meta.ctime);
    }

    pub(super) fn touch(&mut self, meta: &Meta) {
        self.start(4, meta.id);
        self.u32(meta.nlink);
        self.time(meta.mtime);
    }

    pub(super) fn content(&mut self, id: u64, content: &ContentState) {
        self.start(5, id);
        self.u64(content.data);
        self.u64(content.size);
        self.u64(content.charged);
        self.time(content.mtime);
        self.time(content.ctime);
    }

    pub(super) fn xattrs(&mut self, id: u64, xattrs: &Xattrs) {
        self.start(6, id);
        self.u32(xattrs.iter().len() as u32);
        for (name, value) in xattrs.iter() {
            self.bytes(name);
            self.bytes(value);
        }
    }

    pub(super) fn entry(&mut self, dir: u64, name: &[u8], id: u64, covers: bool) {
        self.start(7, dir);
        self.bytes(name);
        self.u64(id);
        self.0.push(covers.into());
    }

    pub(super) fn whiteout(&mut self, dir: u64, name: &[u8]) {
        self.start(8, dir);
        self.bytes(name);
    }

    pub(super) fn remove(&mut self, dir: u64, name: &[u8]) {
        self.start(9, dir);
        self.bytes(name);
    }

    fn start(&mut self, kind: u8, id: u64) {
        self.0.push(kind);
        self.u64(id);
    }

    fn attributes_of(&mut self, meta: &Meta) {
        self.0.extend_from_slice(&meta.mode.to_le_bytes());
        self.u32(meta.nlink);
        self.u32(meta.uid);
        self.u32(meta.gid);
        self.time(meta.atime);
        self.time(meta.mtime);
        self.time(meta.ctime);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn time(&mut self, time: Timespec) {
        self.0.extend_from_slice(&time.sec.to_le_bytes());
        self.u32(time.nsec);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }
}

/// Takes records off bytes.
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl<'a> Decoder<'a> {
    /// The next record; none where the bytes are no record.
    pub(super) fn record(&mut self) -> Option<Record<'a>> {
        let (kind, id) = (self.u8()?, self.u64()?);
        Some(match kind {
            1 => {
                let kind = FileKind::from_mode(u32::from(self.u8()?) << 12)?;
                let mut meta = self.attributes(id)?;
                meta.rdev = Device { major: self.u32()?, minor: self.u32()? };
                Record::Node { id, kind, meta, origin: self.bytes()?, target: self.bytes()? }
            }
            2 => Record::Attributes { id, meta: self.attributes(id)? },
            3 => Record::Links { id, nlink: self.u32()?, time: self.time()? },
            4 => Record::Touch { id, nlink: self.u32()?, time: self.time()? },
            5 => {
                let (data, size, charged) = (self.u64()?, self.u64()?, self.u64()?);
                let content = ContentState { data, size, charged, mtime: self.time()?, ctime: self.time()? };
                Record::Content { id, content }
            }
            6 => {
                let (count, mut xattrs) = (self.u32()?, Xattrs::default());
                for _ in 0..count {
                    xattrs.set(self.bytes()?, self.bytes()?).ok()?;
                }
                Record::Xattrs { id, xattrs }
            }
            7 => Record::Entry { dir: id, name: self.bytes()?, id: self.u64()?, covers: self.u8()? != 0 },
            8 => Record::Whiteout { dir: id, name: self.bytes()? },
            9 => Record::Remove { dir: id, name: self.bytes()? },
            _ => return None,
        })
    }

    fn attributes(&mut self, id: u64) -> Option<Meta> {
        Some(Meta {
            id,
            mode: u16::from_le_bytes(self.array()?) & 0o7777,
            nlink: self.u32()?,
            uid: self.u32()?,
            gid: self.u32()?,
            rdev: Device::default(),
            atime: self.time()?,
            mtime: self.time()?,
            ctime: self.time()?,
            xattrs: None,
        })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Option<Timespec> {
        let sec = i64::from_le_bytes(self.array()?);
        Some(Timespec { sec, nsec: self.u32().filter(|&nsec| nsec < 1_000_000_000)? })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written_and_no_prefix_of_one_does() {
        let time = Timespec { sec: -5, nsec: 7 };
        let device = Device { major: 1, minor: 2 };
        let meta = Meta {
            id: 9,
            mode: 0o4755,
            nlink: 3,
            uid: 4,
            gid: 5,
            rdev: device,
            atime: time,
            mtime: time,
            ctime: time,
            xattrs: None,
        };
        let plain = Meta { rdev: Device::default(), ..meta.clone() };
        let content = ContentState { data: 1, size: 2, charged: 3, mtime: time, ctime: time };
        let mut xattrs = Xattrs::default();
        xattrs.set(b"user.a", b"1").unwrap();
        let mut bytes = Vec::new();
        let mut encoder = Encoder(&mut bytes);
        encoder.node(FileKind::CharDevice, &meta, b"/a", b"t");
        encoder.attributes(&meta);
        encoder.links(&meta);
        encoder.touch(&meta);
        encoder.content(9, &content);
        encoder.xattrs(9, &xattrs);
        encoder.entry(1, b"n", 9, true);
        encoder.whiteout(1, b"n");
        encoder.remove(1, b"n");
        let mut decoder = Decoder(&bytes);
        for expected in [
            Record::Node { id: 9, kind: FileKind::CharDevice, meta, origin: b"/a", target: b"t" },
            Record::Attributes { id: 9, meta: plain },
            Record::Links { id: 9, nlink: 3, time },
            Record::Touch { id: 9, nlink: 3, time },
            Record::Content { id: 9, content },
            Record::Xattrs { id: 9, xattrs },
            Record::Entry { dir: 1, name: b"n", id: 9, covers: true },
            Record::Whiteout { dir: 1, name: b"n" },
            Record::Remove { dir: 1, name: b"n" },
        ] {
            let before = decoder.0;
            assert_eq!(decoder.record(), Some(expected));
            let used = before.len() - decoder.0.len();
            for cut in 0..used {
                assert_eq!(Decoder(&before[..cut]).record(), None);
            }
        }
        assert!(decoder.0.is_empty());
    }
}
