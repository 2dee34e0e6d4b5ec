//! Archives that hold files of ours rather than a guest's: what `save` writes and `load` reads.

use std::io::{self, BufReader, Read, Write};

use super::compression::Decoder;
use super::error::{Error, Result};
use super::limits::Limits;
use super::location::locate;
use super::reader::{EntryKind, Piece, Reader};
use super::write::{Meta, TarWriter, plain_attr};
use crate::vfs::{FileKind, GuestPath};

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it lies, below the archive's root.
    pub path: GuestPath,
    /// What it is.
    pub kind: MemberKind,
}

/// What a file of an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file of so many bytes, which the [`ArchiveReader`] reads next.
    File(u64),
    /// A directory.
    Directory,
    /// A symbolic or hard link to another path of the archive.
    Link(GuestPath),
    /// A device or a pipe.
    Other,
}

/// Reads the files of a tar stream, compressed or not, one after the other. [`Read`] gives the content of the last one.
pub struct ArchiveReader<R: Read> {
    reader: Reader<BufReader<Decoder<R>>>,
    limits: Limits,
}

impl<R: Read> ArchiveReader<R> {
    /// Looks at the first bytes of `stream`.
    pub fn new(stream: R, limits: &Limits) -> Result<ArchiveReader<R>> {
        let source = BufReader::with_capacity(256 << 10, Decoder::new(stream, limits)?);
        Ok(ArchiveReader { reader: Reader::new(source, limits), limits: *limits })
    }

    /// The next file, none at the end of the archive. What was not read of the one before is passed over.
    pub fn next_member(&mut self) -> Result<Option<Member>> {
        let Some(entry) = self.reader.next_entry()? else { return Ok(None) };
        let path = locate(&entry.name, &entry.name, &self.limits)?;
        let kind = match entry.kind {
            EntryKind::Regular => MemberKind::File(entry.size),
            EntryKind::Directory => MemberKind::Directory,
            EntryKind::HardLink => MemberKind::Link(locate(&entry.link, &entry.name, &self.limits)?),
            EntryKind::Symlink => {
                // Relative to the directory of the link.
                let target = match &entry.link[..] {
                    [b'/', ..] => entry.link,
                    relative => [path.parent().as_bytes(), b"/", relative].concat(),
                };
                MemberKind::Link(locate(&target, &entry.name, &self.limits)?)
            }
            EntryKind::CharDevice | EntryKind::BlockDevice | EntryKind::Fifo => MemberKind::Other,
        };
        Ok(Some(Member { path, kind }))
    }
}

impl<R: Read> Read for ArchiveReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.reader.piece_up_to(buf.len() as u64) {
            Ok(Some(Piece::Data(bytes))) => {
                buf[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Ok(Some(Piece::Hole(length))) => {
                buf[..length as usize].fill(0);
                Ok(length as usize)
            }
            Ok(None) => Ok(0),
            Err(Error::Read(error)) => Err(error),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

/// Writes files into a tar stream. The same files give the same bytes: all belong to root and to 1970.
pub struct ArchiveWriter<W: Write> {
    out: TarWriter<W>,
}

impl<W: Write> ArchiveWriter<W> {
    /// An archive in front of `out`.
    pub fn new(out: W) -> ArchiveWriter<W> {
        ArchiveWriter { out: TarWriter::new(out) }
    }

    /// Writes a directory.
    pub fn directory(&mut self, path: &GuestPath) -> Result<()> {
        self.out.entry(&Meta::plain(path.relative(), &plain_attr(FileKind::Directory, 0o755, 0)))
    }

    /// Writes a file of `size` bytes of `content`, which is an error where it is shorter.
    pub fn file(&mut self, path: &GuestPath, size: u64, content: &mut impl Read) -> Result<()> {
        self.out.stream(&Meta::plain(path.relative(), &plain_attr(FileKind::Regular, 0o644, size)), content)
    }

    /// Writes the end of the archive and gives `out` back.
    pub fn finish(self) -> Result<W> {
        self.out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::support::Tar;
    use super::*;

    fn path(text: &str) -> GuestPath {
        GuestPath::new(text).unwrap()
    }

    fn read(archive: &[u8]) -> Result<Vec<(String, MemberKind, Vec<u8>)>> {
        let mut reader = ArchiveReader::new(archive, &Limits::default())?;
        let mut all = Vec::new();
        while let Some(member) = reader.next_member()? {
            let mut content = Vec::new();
            reader.read_to_end(&mut content)?;
            all.push((member.path.to_string(), member.kind, content));
        }
        Ok(all)
    }

    #[test]
    fn files_are_read_as_they_are_written() {
        let big = vec![5; 3_000_000];
        let mut writer = ArchiveWriter::new(Vec::new());
        writer.directory(&path("blobs")).unwrap();
        writer.file(&path("blobs/big"), big.len() as u64, &mut &big[..]).unwrap();
        writer.file(&path("oci-layout"), 2, &mut &b"{} more"[..]).unwrap();
        let archive = writer.finish().unwrap();
        let expected = [
            ("/blobs".to_owned(), MemberKind::Directory, Vec::new()),
            ("/blobs/big".to_owned(), MemberKind::File(3_000_000), big),
            ("/oci-layout".to_owned(), MemberKind::File(2), b"{}".to_vec()),
        ];
        assert!(read(&archive).unwrap() == expected);
    }

    #[test]
    fn a_content_shorter_than_promised_is_an_error() {
        let mut writer = ArchiveWriter::new(Vec::new());
        let error = writer.file(&path("x"), 5, &mut &b"abc"[..]).unwrap_err();
        assert_eq!(error.to_string(), "entry x: its content is 2 bytes shorter than promised");
    }

    #[test]
    fn links_lead_to_paths_of_the_archive() {
        let records: [(&str, &[u8]); 2] = [("GNU.sparse.map", b"2,1"), ("GNU.sparse.size", b"5")];
        let archive = Tar::default()
            .link("a/layer.tar", b'2', "../b/layer.tar")
            .link("c", b'1', "b/layer.tar")
            .pax(&records)
            .file("s", "x")
            .end();
        let found = read(&archive).unwrap();
        let layer = MemberKind::Link(path("/b/layer.tar"));
        assert_eq!((&found[0].1, &found[1].1), (&layer, &layer));
        assert_eq!(found[2].2, b"\0\0x\0\0");
        assert!(read(&Tar::default().link("a", b'2', "../../b").end()).is_err());
    }
}
