//! A tar stream made into inodes: `cp -` into a container, archives imported into volumes.

use std::io::{BufReader, Read};
use std::sync::Arc;

use super::compression::Decoder;
use super::error::{Error, Result};
use super::limits::Limits;
use super::location::locate;
use super::place::{self, Conflict};
use super::reader::{Entry, EntryKind, Piece, Reader};
use crate::vfs::{
    Errno, FileKind, Follow, GuestPath, InodeRef, Name, Namespace, NewInode, NewKind, Place, Scope, Timespec,
};

/// How [`apply`] and [`copy_tree`](super::copy_tree) write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// What happens where a directory meets something else.
    pub conflict: Conflict,
    /// The owner and group of everything that is made; as the source has them where none are given.
    pub owner: Option<(u32, u32)>,
    /// Whether copies become root's where this process does not have their owner: user_namespaces(7).
    pub or_root: bool,
    /// Bounds on the archive.
    pub limits: Limits,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Entries.
    pub entries: u64,
    /// Bytes of file contents.
    pub content: u64,
}

/// Makes the entries of the tar `stream`, compressed or not, below the directory `dir`, with owners, modes, times and
/// attributes.
///
/// No entry gets out of `dir`: names that climb above it are refused, and symbolic links, those already there and those the
/// archive brings, are followed as if `dir` were the root. The last component of a name is never followed: a link there is
/// replaced, or in the way of a directory. Names of whiteouts have no meaning here. What was made before an error stays.
pub fn apply(stream: impl Read, dir: &InodeRef, options: &ApplyOptions) -> Result<Applied> {
    let namespace = Namespace::new(dir.clone());
    apply_within(stream, &namespace, namespace.root(), options)
}

/// As [`apply`], below a directory `start` of a `namespace`: symbolic links lead where they lead guests, through mounts
/// and up to the root of the namespace.
pub fn apply_within(
    stream: impl Read,
    namespace: &Namespace,
    start: &Arc<Place>,
    options: &ApplyOptions,
) -> Result<Applied> {
    let source = BufReader::with_capacity(256 << 10, Decoder::new(stream, &options.limits)?);
    let mut reader = Reader::new(source, &options.limits);
    let mut target =
        Target { namespace, start, options, parent: None, directories: Vec::new(), applied: Applied::default() };
    while let Some(entry) = reader.next_entry()? {
        target.make(&entry, &mut reader)?;
    }
    reader.drain()?;
    target.finish()
}

struct Target<'a> {
    namespace: &'a Namespace,
    start: &'a Arc<Place>,
    options: &'a ApplyOptions,
    /// The directory of the last entry, as neighbours stand together in archives.
    parent: Option<(GuestPath, InodeRef)>,
    /// Directories whose times are set last, as making files in them moves them.
    directories: Vec<(GuestPath, InodeRef, Timespec)>,
    applied: Applied,
}

impl Target<'_> {
    fn make<R: std::io::BufRead>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<()> {
        let path = locate(&entry.name, &entry.name, &self.options.limits)?;
        let failed = |errno: Errno| Error::entry(&entry.name, fault(errno));
        let Some(name) = path.file_name() else {
            // The directory itself stays as it is, as for Docker.
            return Ok(());
        };
        self.applied.entries += 1;
        let dir = self.parent(&path.parent()).map_err(failed)?;
        if self.namespace.is_mount_point(&dir, name) && entry.kind != EntryKind::Directory {
            return Err(failed(Errno::Busy));
        }
        let (uid, gid) = self.options.owner.unwrap_or((entry.uid, entry.gid));
        let kind = match entry.kind {
            EntryKind::HardLink => return self.link(entry, &dir, name),
            EntryKind::Regular => NewKind::Regular,
            EntryKind::Directory => NewKind::Directory,
            EntryKind::Symlink => NewKind::Symlink(&entry.link),
            EntryKind::CharDevice => NewKind::CharDevice(entry.device),
            EntryKind::BlockDevice => NewKind::BlockDevice(entry.device),
            EntryKind::Fifo => NewKind::Fifo,
        };
        let new = NewInode { kind, mode: entry.mode, uid, gid, mtime: Some(entry.mtime) };
        let inode = match self.mounted(entry.kind, &path) {
            Some(root) => root,
            None => place::make(&dir, name, &new, self.options.conflict).map_err(failed)?,
        };
        if entry.kind == EntryKind::Regular {
            self.content(&inode, entry, reader)?;
        }
        place::settle(&*inode, &new).map_err(failed)?;
        place::set_xattrs(&*inode, &entry.xattrs).map_err(failed)?;
        match entry.kind {
            EntryKind::Directory => self.directories.push((path, inode, entry.mtime)),
            // It may stand where the directory remembered was.
            _ if self.parent.as_ref().is_some_and(|(parent, _)| parent.starts_with(&path)) => self.parent = None,
            _ => {}
        }
        Ok(())
    }

    /// What a directory's entry means where a file system is mounted: its root.
    fn mounted(&self, kind: EntryKind, path: &GuestPath) -> Option<InodeRef> {
        if kind != EntryKind::Directory || self.namespace.mounts().next().is_none() {
            return None;
        }
        self.find(path).ok().filter(|inode| inode.kind() == FileKind::Directory)
    }

    fn content<R: std::io::BufRead>(&mut self, inode: &InodeRef, entry: &Entry, reader: &mut Reader<R>) -> Result<()> {
        let failed = |errno: Errno| Error::entry(&entry.name, fault(errno));
        let mut offset = 0;
        let mut ends_in_hole = false;
        while let Some(piece) = reader.piece()? {
            match piece {
                Piece::Data(bytes) => {
                    place::write_all(&**inode, bytes, offset).map_err(failed)?;
                    offset += bytes.len() as u64;
                    ends_in_hole = false;
                }
                Piece::Hole(length) => {
                    offset += length;
                    ends_in_hole = true;
                }
            }
        }
        if ends_in_hole {
            inode.set_len(offset).map_err(failed)?;
        }
        self.applied.content += offset;
        Ok(())
    }

    fn link(&mut self, entry: &Entry, dir: &InodeRef, name: Name<'_>) -> Result<()> {
        let failed = |fault: &str| Error::entry(&entry.name, format!("hard link: {fault}"));
        let path = locate(&entry.link, &entry.name, &self.options.limits)?;
        let target = self.find(&path).map_err(|errno| failed(errno.message()))?;
        if target.kind() == FileKind::Directory {
            return Err(failed("its target is a directory"));
        }
        place::link(dir, name, &target, self.options.conflict).map_err(|errno| failed(fault(errno)))
    }

    /// What lies at `path`; a link there is not followed.
    fn find(&self, path: &GuestPath) -> crate::vfs::Result<InodeRef> {
        if path.is_root() {
            return Ok(self.start.inode().clone());
        }
        self.namespace.walk(self.start, path.relative(), Follow::No, Scope::Namespace)?.found().cloned()
    }

    /// The directory at `path`; what is missing of it is made.
    fn parent(&mut self, path: &GuestPath) -> crate::vfs::Result<InodeRef> {
        if let Some((known, dir)) = &self.parent
            && known == path
        {
            return Ok(dir.clone());
        }
        let dir = match self.enter(path) {
            Err(Errno::NoEnt) => self.make_directories(path)?,
            result => result?,
        };
        self.parent = Some((path.clone(), dir.clone()));
        Ok(dir)
    }

    /// The directory at `path`, links followed.
    fn enter(&self, path: &GuestPath) -> crate::vfs::Result<InodeRef> {
        if path.is_root() {
            return Ok(self.start.inode().clone());
        }
        let inode =
            self.namespace.walk(self.start, path.relative(), Follow::Yes, Scope::Namespace)?.found().cloned()?;
        if inode.kind() == FileKind::Directory { Ok(inode) } else { Err(Errno::NotDir) }
    }

    fn make_directories(&self, path: &GuestPath) -> crate::vfs::Result<InodeRef> {
        let (uid, gid) = self.options.owner.unwrap_or((0, 0));
        let mut dir = self.start.inode().clone();
        let mut made = GuestPath::root();
        for name in path.names() {
            made.push(name)?;
            dir = match self.enter(&made) {
                Err(Errno::NoEnt) => {
                    dir.create(name, &NewInode { uid, gid, ..NewInode::new(NewKind::Directory, 0o755) })?
                }
                result => result?,
            };
        }
        Ok(dir)
    }

    fn finish(self) -> Result<Applied> {
        for (path, dir, mtime) in self.directories.iter().rev() {
            place::set_mtime(&**dir, *mtime).map_err(|errno| Error::file("set the time of", path, errno))?;
        }
        Ok(self.applied)
    }
}

/// What an error of [`place`] means to somebody who reads of an entry.
fn fault(errno: Errno) -> &'static str {
    match errno {
        Errno::IsDir => "cannot overwrite a directory with something else",
        Errno::NotDir => "cannot overwrite something else with a directory, or walk through it",
        errno => errno.message(),
    }
}
