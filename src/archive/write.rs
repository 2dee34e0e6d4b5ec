//! `TarWriter`: entries written as ustar, with PAX records where a ustar field cannot hold the truth.
//!
//! The same files give the same bytes: no user names, no access times, no process ids.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::compression::read_some;
use super::error::{Error, Result};
use super::header::BLOCK;
use super::pax;
use crate::vfs::{Attr, Device, Errno, FileKind, GuestPath, Inode, Timespec};

/// How much is written at once.
const BUFFER_SIZE: usize = 1 << 20;
/// The largest number of a 12-byte octal field, and of an 8-byte one.
const OCTAL_11: u64 = 0o777_7777_7777;
const OCTAL_7: u32 = 0o777_7777;

/// Writes entries, collected into large writes.
pub(super) struct TarWriter<W: Write> {
    out: W,
    buffer: Box<[u8]>,
    filled: usize,
}

/// What is written of an entry besides its content.
pub(super) struct Meta<'a> {
    /// The path as archives write it: no slash in front; a directory's slash at the end is added.
    pub(super) name: &'a [u8],
    pub(super) attr: &'a Attr,
    /// The target of a symbolic link, or of a hard link where `is_hard_link` says so.
    pub(super) link: &'a [u8],
    pub(super) is_hard_link: bool,
    pub(super) xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

impl<'a> Meta<'a> {
    /// Of a file that is nothing but its attributes.
    pub(super) fn plain(name: &'a [u8], attr: &'a Attr) -> Meta<'a> {
        Meta { name, attr, link: b"", is_hard_link: false, xattrs: &[] }
    }
}

/// The attributes of a file that is no guest's: root's, of 1970.
pub(super) fn plain_attr(kind: FileKind, mode: u16, size: u64) -> Attr {
    let time = Timespec::default();
    let rdev = Device::default();
    Attr { dev: 0, ino: 0, kind, mode, nlink: 1, uid: 0, gid: 0, rdev, size, atime: time, mtime: time, ctime: time }
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(out: W) -> TarWriter<W> {
        TarWriter { out, buffer: vec![0; BUFFER_SIZE].into(), filled: 0 }
    }

    /// Writes the end of the archive and gives `out` back.
    pub(super) fn finish(mut self) -> Result<W> {
        self.append(&[0; 2 * BLOCK])?;
        self.flush()?;
        self.out.flush().map_err(write_failed)?;
        Ok(self.out)
    }

    /// Writes an entry without content.
    pub(super) fn entry(&mut self, meta: &Meta<'_>) -> Result<()> {
        self.header(meta, 0)
    }

    /// Writes an empty file that is no file: a whiteout.
    pub(super) fn marker(&mut self, name: &[u8]) -> Result<()> {
        self.entry(&Meta::plain(name, &plain_attr(FileKind::Regular, 0, 0)))
    }

    /// Writes a regular file with its content, which is read straight into what is written next. A file that shrinks while
    /// it is read is filled up with zeros, one that grows is cut: the size in the header stands. `path` is for errors.
    pub(super) fn file(&mut self, meta: &Meta<'_>, inode: &dyn Inode, path: &GuestPath) -> Result<()> {
        let size = meta.attr.size;
        self.header(meta, size)?;
        let mut offset = 0;
        while offset < size {
            if self.filled == BUFFER_SIZE {
                self.flush()?;
            }
            let left = usize::try_from(size - offset).unwrap_or(usize::MAX);
            let room = &mut self.buffer[self.filled..];
            let wanted = room.len().min(left);
            let count = match inode.read_at(&mut room[..wanted], offset) {
                Ok(0) => {
                    room[..wanted].fill(0);
                    wanted
                }
                Ok(count) => count.min(wanted),
                Err(Errno::Intr) => 0,
                Err(errno) => return Err(Error::file("read", path, errno)),
            };
            self.filled += count;
            offset += count as u64;
        }
        self.pad(size)
    }

    /// Writes a regular file whose content is read from `content`, which has to hold as much as the header says.
    pub(super) fn stream(&mut self, meta: &Meta<'_>, content: &mut impl Read) -> Result<()> {
        let size = meta.attr.size;
        self.header(meta, size)?;
        let mut left = size;
        while left > 0 {
            if self.filled == BUFFER_SIZE {
                self.flush()?;
            }
            let room = &mut self.buffer[self.filled..];
            let wanted = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match read_some(content, &mut room[..wanted]).map_err(Error::Read)? {
                0 => return Err(Error::entry(meta.name, format!("its content is {left} bytes shorter than promised"))),
                count => {
                    self.filled += count;
                    left -= count as u64;
                }
            }
        }
        self.pad(size)
    }

    fn header(&mut self, meta: &Meta<'_>, size: u64) -> Result<()> {
        let attr = meta.attr;
        let mut name = meta.name.to_vec();
        let is_directory = attr.kind == FileKind::Directory && !meta.is_hard_link;
        if is_directory && !name.ends_with(b"/") {
            name.push(b'/');
        }
        let mut header = Header::new_ustar();
        let mut records = Vec::new();
        if !set_name(&mut header, &name) {
            pax::append(&mut records, b"path", &name);
        }
        let field = &mut header.as_old_mut().linkname;
        let length = meta.link.len().min(field.len());
        field[..length].copy_from_slice(&meta.link[..length]);
        if length < meta.link.len() {
            pax::append(&mut records, b"linkpath", meta.link);
        }
        header.set_entry_type(entry_type(attr.kind, meta.is_hard_link));
        header.set_mode(u32::from(attr.mode));
        for (key, id, set) in [
            ("uid", attr.uid, Header::set_uid as fn(&mut Header, u64)),
            ("gid", attr.gid, Header::set_gid as fn(&mut Header, u64)),
        ] {
            if id > OCTAL_7 {
                pax::append(&mut records, key.as_bytes(), id.to_string().as_bytes());
            }
            set(&mut header, if id > OCTAL_7 { 0 } else { id.into() });
        }
        if size > OCTAL_11 {
            pax::append(&mut records, b"size", size.to_string().as_bytes());
        }
        header.set_size(if size > OCTAL_11 { 0 } else { size });
        let seconds = u64::try_from(attr.mtime.sec).ok().filter(|&sec| sec <= OCTAL_11);
        if seconds.is_none() || attr.mtime.nsec != 0 {
            pax::append(&mut records, b"mtime", pax::time_text(attr.mtime).as_bytes());
        }
        header.set_mtime(seconds.unwrap_or(0));
        if matches!(attr.kind, FileKind::CharDevice | FileKind::BlockDevice) && !meta.is_hard_link {
            let Device { major, minor } = attr.rdev;
            let fits = major <= OCTAL_7 && minor <= OCTAL_7;
            if !fits {
                pax::append(&mut records, b"SCHILY.devmajor", major.to_string().as_bytes());
                pax::append(&mut records, b"SCHILY.devminor", minor.to_string().as_bytes());
            }
            header.set_device_major(if fits { major } else { 0 }).map_err(write_failed)?;
            header.set_device_minor(if fits { minor } else { 0 }).map_err(write_failed)?;
        }
        for (key, value) in meta.xattrs {
            if key.contains(&b'=') {
                return Err(Error::entry(
                    meta.name,
                    "an attribute whose name holds `=` cannot be written to a tar archive",
                ));
            }
            pax::append(&mut records, &[b"SCHILY.xattr.", &key[..]].concat(), value);
        }
        if !records.is_empty() {
            self.extension(&name, &records)?;
        }
        header.set_cksum();
        self.append(header.as_bytes())
    }

    /// Writes an extended header before the entry `name`.
    fn extension(&mut self, name: &[u8], records: &[u8]) -> Result<()> {
        let base = name.split(|&byte| byte == b'/').rfind(|part| !part.is_empty()).unwrap_or(b"root");
        let mut title = [b"PaxHeaders.0/", base].concat();
        title.truncate(100);
        let mut header = Header::new_ustar();
        set_name(&mut header, &title);
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(records.len() as u64);
        header.set_cksum();
        self.append(header.as_bytes())?;
        self.append(records)?;
        self.pad(records.len() as u64)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let padding = size.wrapping_neg() % BLOCK as u64;
        self.append(&[0; BLOCK][..padding as usize])
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.filled == BUFFER_SIZE {
                self.flush()?;
            }
            let count = bytes.len().min(BUFFER_SIZE - self.filled);
            self.buffer[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.out.write_all(&self.buffer[..self.filled]).map_err(write_failed)?;
        self.filled = 0;
        Ok(())
    }
}

/// Puts `name` into the name and prefix fields; false where it does not fit.
fn set_name(header: &mut Header, name: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    if let Some(field) = ustar.name.get_mut(..name.len()) {
        field.copy_from_slice(name);
        return true;
    }
    // The slash between the two is not stored; the last one of a directory's name is no place to part.
    let longest = name.len().saturating_sub(1).min(ustar.prefix.len() + 1);
    let slash = name[..longest].iter().rposition(|&byte| byte == b'/').filter(|&slash| slash > 0);
    if let Some(slash) = slash
        && name.len() - slash - 1 <= ustar.name.len()
    {
        ustar.prefix[..slash].copy_from_slice(&name[..slash]);
        ustar.name[..name.len() - slash - 1].copy_from_slice(&name[slash + 1..]);
        return true;
    }
    // What older readers see.
    let length = ustar.name.len();
    ustar.name.copy_from_slice(&name[..length]);
    false
}

fn entry_type(kind: FileKind, is_hard_link: bool) -> EntryType {
    match kind {
        _ if is_hard_link => EntryType::Link,
        FileKind::Regular | FileKind::Socket => EntryType::Regular,
        FileKind::Directory => EntryType::Directory,
        FileKind::Symlink => EntryType::Symlink,
        FileKind::CharDevice => EntryType::Char,
        FileKind::BlockDevice => EntryType::Block,
        FileKind::Fifo => EntryType::Fifo,
    }
}

fn write_failed(source: io::Error) -> Error {
    Error::Write { action: "write archive", source }
}
