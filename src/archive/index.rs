//! A tar of named parts, such as an image archive, read part by part in any order.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::error::{Error, Result};

/// The most parts an image archive may have.
const PARTS_MAX: usize = 100_000;

/// Where the parts of a tar lie.
#[derive(Debug)]
pub struct TarIndex {
    file: Arc<File>,
    parts: HashMap<String, Part>,
}

#[derive(Clone, Debug)]
enum Part {
    File { offset: u64, size: u64 },
    Link(String),
}

impl TarIndex {
    /// Reads the headers of an uncompressed tar, passing over the content.
    pub fn open(file: File) -> Result<TarIndex> {
        let mut parts = HashMap::new();
        let size = file.metadata()?.len();
        let reader = BufReader::with_capacity(4096, file.try_clone()?);
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            if parts.len() >= PARTS_MAX {
                return Err(Error::from(damaged(format!("it has more than {PARTS_MAX} parts"))));
            }
            let name = normal(&String::from_utf8_lossy(&entry.path_bytes()));
            let part = match entry.header().entry_type() {
                kind if kind.is_file() => {
                    let (offset, length) = (entry.raw_file_position(), entry.size());
                    if offset.checked_add(length).is_none_or(|end| end > size) {
                        return Err(Error::from(damaged(format!("{name} is cut off: the archive is truncated"))));
                    }
                    Part::File { offset, size: length }
                }
                kind if kind.is_symlink() || kind.is_hard_link() => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    let target = String::from_utf8_lossy(&target).into_owned();
                    match (kind.is_symlink(), name.rsplit_once('/')) {
                        (true, Some((folder, _))) => Part::Link(normal(&format!("{folder}/{target}"))),
                        _ => Part::Link(normal(&target)),
                    }
                }
                _ => continue,
            };
            parts.insert(name, part);
        }
        Ok(TarIndex { file: Arc::new(file), parts })
    }

    /// Whether there is a part of this name.
    pub fn has(&self, name: &str) -> bool {
        self.parts.contains_key(&normal(name))
    }

    /// The content of a part, and its size in bytes; none where there is no such part. Links lead to other parts.
    pub fn part(&self, name: &str) -> Option<(PartReader, u64)> {
        let mut name = normal(name);
        for _ in 0..8 {
            match self.parts.get(&name)? {
                Part::File { offset, size } => {
                    let reader = PartReader { file: self.file.clone(), offset: *offset, left: *size };
                    return Some((reader, *size));
                }
                Part::Link(target) => name = target.clone(),
            }
        }
        None
    }
}

/// Reads one part. Parts may be read side by side.
pub struct PartReader {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for PartReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = crate::sys::positional::read_at(&self.file, &mut buf[..wanted], self.offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Whether the file begins as a tar does; the position is moved back to the start.
pub fn is_tar(file: &mut File) -> io::Result<bool> {
    let mut head = [0; 512];
    file.seek(SeekFrom::Start(0))?;
    let count = file.by_ref().take(512).read(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(count == 512 && (&head[257..262] == b"ustar" || head.iter().all(|&byte| byte == 0)))
}

/// Without `.`, `..` and empty components: names of parts are compared, never opened.
fn normal(name: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    for component in name.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            component => components.push(component),
        }
    }
    components.join("/")
}

fn damaged(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Writes a tar of named parts. Times are 0 and the order is the caller's, so that equal parts make equal archives.
pub struct PartsWriter<W: io::Write> {
    builder: tar::Builder<W>,
}

impl<W: io::Write> PartsWriter<W> {
    /// An archive that is written to `out`.
    pub fn new(out: W) -> PartsWriter<W> {
        PartsWriter { builder: tar::Builder::new(out) }
    }

    /// A folder.
    pub fn folder(&mut self, name: &str) -> io::Result<()> {
        let mut header = header(0, 0o755);
        header.set_entry_type(tar::EntryType::Directory);
        self.builder.append_data(&mut header, format!("{name}/"), io::empty())
    }

    /// A part of exactly `size` bytes.
    pub fn part(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut content = content.take(size);
        self.builder.append_data(&mut header(size, 0o644), name, &mut content)?;
        match content.limit() {
            0 => Ok(()),
            missing => Err(damaged(format!("{name} is {missing} bytes shorter than it was"))),
        }
    }

    /// A part that is in memory.
    pub fn bytes(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.part(name, content.len() as u64, &mut &content[..])
    }

    /// The end of the archive.
    pub fn finish(self) -> io::Result<()> {
        let mut out = self.builder.into_inner()?;
        out.flush()
    }
}

/// A tar of one file at `path`, read as it is needed: `size` bytes of `content`, which must end there.
pub fn single_file_tar<R: Read>(path: &str, size: u64, mode: u32, content: R) -> io::Result<impl Read + use<R>> {
    let mut header = header(size, mode);
    header.set_path(path.trim_start_matches('/'))?;
    header.set_cksum();
    let padding = size.next_multiple_of(512) - size + 1024;
    let head = io::Cursor::new(header.as_bytes().to_vec());
    Ok(head.chain(content).chain(io::repeat(0).take(padding)))
}

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
