//! A layer's tar taken apart: names and attributes into a layer image, contents into a pack, in one pass.

use std::io::{BufRead, Read};

use super::error::{Error, Result};
use super::limits::Limits;
use super::location::locate;
use super::pipeline;
use super::reader::{Entry, EntryKind, Piece, Reader};
use super::whiteout::{Meaning, meaning};
use crate::erofs::{self, ContentRef, LayerBuilder, Node, NodeKind, PackWriter};
use crate::oci::{Digest, Hasher};
use crate::vfs::ContentId;

/// Contents up to this size are hashed before they are written, so that one that is known costs no write.
const SMALL: u64 = 1 << 20;
/// What holes are filled with.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Where the parts of a layer go.
pub struct LayerSink<'a> {
    /// Takes names and attributes.
    pub layer: &'a mut LayerBuilder,
    /// Takes contents that are in no pack yet.
    pub pack: &'a mut PackWriter,
    /// Says where a content lies that some other pack has.
    pub known: &'a dyn Fn(&ContentId) -> Option<ContentRef>,
}

/// What a layer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The digest of the decompressed tar, with everything up to the end of the stream.
    pub diff_id: Digest,
    /// The length of the decompressed tar.
    pub size: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of file contents, each name's counted once.
    pub content: u64,
}

/// Reads the layer `stream`, a tar that may be compressed, to its end. Decompressing and the diff id each run on a thread
/// of their own, the rest on the caller's.
///
/// A slash in front of a name means nothing, `a/../b` is `b`, and a name that climbs above the root is refused, as for
/// Docker: nothing leads out of the root, behind which there is no host file anyway. [`LayerBuilder`] follows symbolic links
/// on the way to an entry, with `/` as their root. A hard link may lead to a file of a lower layer. An empty stream is an empty layer.
///
/// After an error the sink holds a part of the layer and is to be thrown away. A caller that wants out earlier ends the
/// stream: a read that blocks is waited for.
pub fn unpack(stream: impl Read + Send, sink: &mut LayerSink<'_>, limits: &Limits) -> Result<Unpacked> {
    let streamed = pipeline::run(stream, limits, |chunks| {
        let mut reader = Reader::new(chunks, limits);
        let mut unpacker = Unpacker { sink, limits, content: 0, buffer: Vec::new() };
        while let Some(entry) = reader.next_entry()? {
            unpacker.take(entry, &mut reader)?;
        }
        let (entries, content) = (reader.entries(), unpacker.content);
        reader.drain()?;
        Ok((entries, content))
    })?;
    let (entries, content) = streamed.value;
    Ok(Unpacked { diff_id: streamed.diff_id, size: streamed.size, entries, content })
}

struct Unpacker<'a, 'b> {
    sink: &'a mut LayerSink<'b>,
    limits: &'a Limits,
    content: u64,
    buffer: Vec<u8>,
}

impl Unpacker<'_, '_> {
    fn take<R: BufRead>(&mut self, entry: Entry, reader: &mut Reader<R>) -> Result<()> {
        let path = locate(&entry.name, &entry.name, self.limits)?;
        let refused = |error| refused(&entry.name, error);
        let path = match meaning(path, &entry.name)? {
            Meaning::File(path) => path,
            Meaning::Whiteout(path) => return self.sink.layer.whiteout(&path).map_err(refused),
            Meaning::Opaque(path) => return self.sink.layer.opaque(&path).map_err(refused),
            Meaning::Ignored => return Ok(()),
        };
        let kind = match entry.kind {
            EntryKind::Regular => NodeKind::Regular(self.content(&entry, reader)?),
            EntryKind::Directory => NodeKind::Directory,
            EntryKind::Symlink => NodeKind::Symlink(entry.link),
            EntryKind::HardLink => {
                let target = locate(&entry.link, &entry.name, self.limits)?;
                if target == path {
                    return Err(Error::entry(&entry.name, "a hard link to itself"));
                }
                return self.sink.layer.hard_link(&path, &target).map_err(refused);
            }
            EntryKind::CharDevice => NodeKind::CharDevice(entry.device),
            EntryKind::BlockDevice => NodeKind::BlockDevice(entry.device),
            EntryKind::Fifo => NodeKind::Fifo,
        };
        let Entry { mode, uid, gid, mtime, xattrs, .. } = entry;
        self.sink.layer.insert(&path, Node { kind, mode, uid, gid, mtime, xattrs }).map_err(refused)
    }

    /// Puts the entry's content where it belongs; none where it is empty.
    fn content<R: BufRead>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<Option<ContentRef>> {
        self.content += entry.size;
        match entry.size {
            0 => Ok(None),
            1..=SMALL => self.small_content(entry.size as usize, reader).map(Some),
            _ => self.large_content(reader).map(Some),
        }
    }

    fn small_content<R: BufRead>(&mut self, size: usize, reader: &mut Reader<R>) -> Result<ContentRef> {
        self.buffer.clear();
        while let Some(piece) = reader.piece()? {
            match piece {
                // Most often the whole content lies in one chunk of the stream, and is written from there.
                Piece::Data(bytes) if bytes.len() == size => return put(self.sink, bytes),
                Piece::Data(bytes) => self.buffer.extend_from_slice(bytes),
                Piece::Hole(length) => self.buffer.resize(self.buffer.len() + length as usize, 0),
            }
        }
        put(self.sink, &self.buffer)
    }

    fn large_content<R: BufRead>(&mut self, reader: &mut Reader<R>) -> Result<ContentRef> {
        let pack = &mut *self.sink.pack;
        let mut hasher = Hasher::new();
        pack.begin().map_err(pack_failed)?;
        while let Some(piece) = reader.piece()? {
            let (bytes, mut left) = match piece {
                Piece::Data(bytes) => (bytes, bytes.len() as u64),
                Piece::Hole(length) => (&ZEROS[..], length),
            };
            while left > 0 {
                let part = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
                hasher.update(part);
                pack.write(part).map_err(pack_failed)?;
                left -= part.len() as u64;
            }
        }
        let id = ContentId(hasher.finish());
        match (self.sink.known)(&id) {
            Some(known) => {
                pack.rollback().map_err(pack_failed)?;
                Ok(known)
            }
            None => pack.commit(id).map_err(pack_failed),
        }
    }
}

fn put(sink: &mut LayerSink<'_>, bytes: &[u8]) -> Result<ContentRef> {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    let id = ContentId(hasher.finish());
    match (sink.known)(&id) {
        Some(known) => Ok(known),
        None => sink.pack.put(id, bytes).map_err(pack_failed),
    }
}

fn pack_failed(source: std::io::Error) -> Error {
    Error::Write { action: "write pack", source }
}

fn refused(name: &[u8], error: erofs::Error) -> Error {
    match error {
        erofs::Error::Entry { reason, .. } => Error::entry(name, reason),
        error => Error::entry(name, error.to_string()),
    }
}
