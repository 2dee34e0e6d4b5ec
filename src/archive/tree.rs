//! Trees of inodes written as tar: a whole file system for `export`, a part of one for `cp`.

use std::collections::HashMap;
use std::io::Write;
use std::ops::ControlFlow;

use super::error::{Error, Result};
use super::write::{Meta, TarWriter};
use crate::vfs::{Attr, Errno, FileKind, GuestPath, Inode, InodeRef, Name, NameBuf};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries.
    pub entries: u64,
    /// Bytes of file contents.
    pub content: u64,
    /// Sockets, which archives cannot hold and which were left out.
    pub sockets: u64,
}

/// Writes everything below the directory `root`, without an entry for `root` itself, as Docker's `export` does.
///
/// Entries stand in the order of a walk that takes each directory's names in byte order; names of one inode become hard
/// links. The same tree gives the same bytes.
pub fn write_tree<W: Write>(root: &InodeRef, out: W) -> Result<(W, Written)> {
    let mut writer = EntryWriter::new(out);
    let path = GuestPath::root();
    writer.children(root, &path, b"")?;
    writer.finish()
}

/// Writes `inode` under the name `name`, and where it is a directory everything below it under that name: what
/// Docker's `cp` from a container gives. A `name` of `.` writes the directory itself as `./`.
pub fn write_subtree<W: Write>(inode: &InodeRef, name: &[u8], out: W) -> Result<(W, Written)> {
    let mut writer = EntryWriter::new(out);
    let path = GuestPath::root();
    writer.inode(inode, &path, name)?;
    if inode.kind() == FileKind::Directory {
        writer.children(inode, &path, &[name, b"/"].concat())?;
    }
    writer.finish()
}

/// Writes inodes as entries and remembers those that have several names.
pub(super) struct EntryWriter<W: Write> {
    out: TarWriter<W>,
    links: HashMap<(u64, u64), Vec<u8>>,
    written: Written,
}

impl<W: Write> EntryWriter<W> {
    pub(super) fn new(out: W) -> EntryWriter<W> {
        EntryWriter { out: TarWriter::new(out), links: HashMap::new(), written: Written::default() }
    }

    pub(super) fn finish(self) -> Result<(W, Written)> {
        Ok((self.out.finish()?, self.written))
    }

    /// Writes a whiteout.
    pub(super) fn marker(&mut self, name: &[u8]) -> Result<()> {
        self.written.entries += 1;
        self.out.marker(name)
    }

    /// Writes `inode`, without what is below it, under `name`. `path` is for errors.
    pub(super) fn inode(&mut self, inode: &InodeRef, path: &GuestPath, name: &[u8]) -> Result<()> {
        let attr = match inode.attr() {
            Ok(attr) => attr,
            // Removed since it was found.
            Err(Errno::NoEnt) => return Ok(()),
            Err(errno) => return Err(Error::file("stat", path, errno)),
        };
        if attr.kind == FileKind::Socket {
            self.written.sockets += 1;
            return Ok(());
        }
        self.written.entries += 1;
        if attr.nlink > 1 && attr.kind != FileKind::Directory {
            if let Some(first) = self.links.get(&(attr.dev, attr.ino)) {
                return self.out.entry(&Meta { name, attr: &attr, link: first, is_hard_link: true, xattrs: &[] });
            }
            self.links.insert((attr.dev, attr.ino), name.to_vec());
        }
        let xattrs = xattrs(&**inode, path)?;
        self.with_content(
            inode,
            &attr,
            path,
            Meta { name, attr: &attr, link: b"", is_hard_link: false, xattrs: &xattrs },
        )
    }

    fn with_content(&mut self, inode: &InodeRef, attr: &Attr, path: &GuestPath, meta: Meta<'_>) -> Result<()> {
        match attr.kind {
            FileKind::Regular => {
                self.written.content += attr.size;
                self.out.file(&meta, &**inode, path)
            }
            FileKind::Symlink => {
                let target = inode.read_link().map_err(|errno| Error::file("read the link", path, errno))?;
                self.out.entry(&Meta { link: &target, ..meta })
            }
            _ => self.out.entry(&meta),
        }
    }

    /// Writes everything below the directory `root`, each name behind `prefix`.
    fn children(&mut self, root: &InodeRef, path: &GuestPath, prefix: &[u8]) -> Result<()> {
        // Directories whose names are being taken, with those still to come; no recursion, as guests nest as they like.
        let mut open = vec![(root.clone(), sorted_names(&**root, path)?.into_iter())];
        let mut path = path.clone();
        let mut name = prefix.to_vec();
        while let Some((dir, names)) = open.last_mut() {
            let Some(next) = names.next() else {
                open.pop();
                path.pop();
                name.truncate(name.len().saturating_sub(1));
                let end = name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
                name.truncate(end.max(prefix.len()));
                continue;
            };
            let inode = match dir.lookup(next.as_name()) {
                Ok(inode) => inode,
                // Removed since the directory was read.
                Err(Errno::NoEnt) => continue,
                Err(errno) => return Err(Error::file("look up", &path, errno)),
            };
            path.push(next.as_name()).map_err(|errno| Error::file("walk", &path, errno))?;
            let length = name.len();
            name.extend_from_slice(next.as_bytes());
            self.inode(&inode, &path, &name)?;
            if inode.kind() == FileKind::Directory {
                let names = sorted_names(&*inode, &path)?.into_iter();
                name.push(b'/');
                open.push((inode, names));
            } else {
                path.pop();
                name.truncate(length);
            }
        }
        Ok(())
    }
}

/// The attributes of `inode` in the order of their names.
pub(super) fn xattrs(inode: &dyn Inode, path: &GuestPath) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let names = match inode.list_xattrs() {
        Ok(names) => names,
        Err(Errno::NotSup | Errno::NoSys) => return Ok(Vec::new()),
        Err(errno) => return Err(Error::file("list the attributes of", path, errno)),
    };
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        match inode.xattr(&name) {
            Ok(value) => all.push((name, value)),
            // Removed since they were listed.
            Err(Errno::NoData) => {}
            Err(errno) => return Err(Error::file("read an attribute of", path, errno)),
        }
    }
    all.sort();
    Ok(all)
}

/// The names in the directory `dir`, in byte order.
pub(super) fn sorted_names(dir: &dyn Inode, path: &GuestPath) -> Result<Vec<NameBuf>> {
    let mut names = Vec::new();
    dir.read_dir(0, &mut |entry| {
        names.push(Name::to_owned(entry.name));
        ControlFlow::Continue(())
    })
    .map_err(|errno| Error::file("list", path, errno))?;
    names.sort_unstable();
    Ok(names)
}
