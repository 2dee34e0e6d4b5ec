//! Inodes copied to another place: `cp` between file systems, a volume's first content.

use std::collections::HashMap;

use super::apply::{Applied, ApplyOptions};
use super::error::{Error, Result};
use super::place;
use super::tree::{sorted_names, xattrs};
use crate::sys::raw_files::{Owners, overlay_marks};
use crate::vfs::{Device, Errno, FileKind, GuestPath, InodeRef, Name, NewInode, NewKind, SetAttr, Timespec};

/// How much is copied at once.
const BUFFER_SIZE: usize = 1 << 20;

/// Copies `from`, and where it is a directory everything below it, to the entry `name` of `to_dir`, with owners, modes,
/// times, attributes and hard links. A directory is merged into one that is there. No symbolic link is followed.
pub fn copy_tree(from: &InodeRef, to_dir: &InodeRef, name: Name<'_>, options: &ApplyOptions) -> Result<Applied> {
    let mut copier = Copier::new(options);
    let path = GuestPath::root();
    if let Some(made) = copier.inode(from, to_dir, name, &path)?
        && from.kind() == FileKind::Directory
    {
        copier.children(from, &made)?;
    }
    copier.finish()
}

/// Copies everything below the directory `from` into the directory `to`, as [`copy_tree`] does. The attributes of `to`
/// stay.
pub fn copy_children(from: &InodeRef, to: &InodeRef, options: &ApplyOptions) -> Result<Applied> {
    let mut copier = Copier::new(options);
    copier.children(from, to)?;
    copier.finish()
}

/// Copies an image into the empty directory `to`, for the kernel's overlayfs to lie over it. Owners that this process does not
/// have become root, devices that it cannot make are left out, and so is what overlayfs would take for a whiteout or a mark of
/// its own.
pub fn check_out(image: &InodeRef, to: &InodeRef) -> Result<Applied> {
    let options = ApplyOptions { or_root: true, ..ApplyOptions::default() };
    let mut copier = Copier { overlay_marks: Some(overlay_marks()), ..Copier::new(&options) };
    copier.children(image, to)?;
    copier.finish()
}

struct Copier<'a> {
    options: &'a ApplyOptions,
    /// The owners that there are, where others become root.
    owners: Option<Owners>,
    /// Of what overlayfs is to lie over: what the names of its own attributes begin with.
    overlay_marks: Option<&'static [u8]>,
    /// The copies of inodes with several names.
    links: HashMap<(u64, u64), InodeRef>,
    /// Directories whose times are set last, as making files in them moves them.
    directories: Vec<(GuestPath, InodeRef, Timespec)>,
    buffer: Vec<u8>,
    applied: Applied,
}

/// Guests see attributes of these names without what is put between: overlayfs.rst "Nesting overlayfs mounts".
fn escape(xattrs: &mut [(Vec<u8>, Vec<u8>)], marks: &[u8]) {
    for (name, _) in xattrs {
        if let Some(rest) = name.strip_prefix(marks) {
            *name = [marks, b"overlay.", rest].concat();
        }
    }
}

impl<'a> Copier<'a> {
    fn new(options: &'a ApplyOptions) -> Copier<'a> {
        Copier {
            options,
            owners: options.or_root.then(Owners::here),
            overlay_marks: None,
            links: HashMap::new(),
            directories: Vec::new(),
            buffer: Vec::new(),
            applied: Applied::default(),
        }
    }

    fn children(&mut self, from: &InodeRef, to: &InodeRef) -> Result<()> {
        // Directories whose names are being taken; no recursion, as guests nest as they like.
        let mut path = GuestPath::root();
        let mut open = vec![(from.clone(), to.clone(), sorted_names(&**from, &path)?.into_iter())];
        while let Some((from, to, names)) = open.last_mut() {
            let Some(name) = names.next() else {
                open.pop();
                path.pop();
                continue;
            };
            let (from, to) = (from.clone(), to.clone());
            let inode = match from.lookup(name.as_name()) {
                Ok(inode) => inode,
                // Removed since the directory was read.
                Err(Errno::NoEnt) => continue,
                Err(errno) => return Err(Error::file("look up", &path, errno)),
            };
            path.push(name.as_name()).map_err(|errno| Error::file("copy", &path, errno))?;
            match self.inode(&inode, &to, name.as_name(), &path)? {
                Some(made) if inode.kind() == FileKind::Directory => {
                    let names = sorted_names(&*inode, &path)?.into_iter();
                    open.push((inode, made, names));
                }
                _ => path.pop(),
            }
        }
        Ok(())
    }

    /// Copies one inode without what is below it; none where it is left out. `path` is for errors.
    fn inode(&mut self, from: &InodeRef, dir: &InodeRef, name: Name<'_>, path: &GuestPath) -> Result<Option<InodeRef>> {
        let failed = |errno| Error::file("copy", path, errno);
        let attr = from.attr().map_err(failed)?;
        let has_more_names = attr.nlink > 1 && attr.kind != FileKind::Directory;
        self.applied.entries += 1;
        if has_more_names && let Some(first) = self.links.get(&(attr.dev, attr.ino)) {
            place::link(dir, name, first, self.options.conflict).map_err(failed)?;
            return Ok(Some(first.clone()));
        }
        let is_device = matches!(attr.kind, FileKind::CharDevice | FileKind::BlockDevice);
        if self.overlay_marks.is_some() && is_device && attr.rdev == Device::default() {
            return Ok(None);
        }
        let target = if attr.kind == FileKind::Symlink { from.read_link().map_err(failed)? } else { Vec::new() };
        let kind = match attr.kind {
            FileKind::Regular => NewKind::Regular,
            FileKind::Directory => NewKind::Directory,
            FileKind::Symlink => NewKind::Symlink(&target),
            FileKind::CharDevice => NewKind::CharDevice(attr.rdev),
            FileKind::BlockDevice => NewKind::BlockDevice(attr.rdev),
            FileKind::Fifo => NewKind::Fifo,
            FileKind::Socket => NewKind::Socket,
        };
        let (uid, gid) = self.options.owner.unwrap_or((attr.uid, attr.gid));
        let (uid, gid) = self.owners.as_ref().map_or((uid, gid), |owners| owners.or_root(uid, gid));
        // Writing its content moves the time of a file.
        let mtime = (attr.kind != FileKind::Regular).then_some(attr.mtime);
        let new = NewInode { kind, mode: attr.mode, uid, gid, mtime };
        let made = match place::make(dir, name, &new, self.options.conflict) {
            Err(Errno::Perm) if self.overlay_marks.is_some() && is_device => return Ok(None),
            made => made.map_err(failed)?,
        };
        match attr.kind {
            FileKind::Regular => {
                self.content(from, &made).map_err(failed)?;
                // It may also have cleared the set-user-id bit.
                let mode = (attr.mode & 0o6000 != 0).then_some(attr.mode);
                let change = SetAttr { mode, mtime: Some(attr.mtime), ..SetAttr::default() };
                made.set_attr(&change).map_err(failed)?;
            }
            // It may have been there.
            FileKind::Directory => place::settle(&*made, &new).map_err(failed)?,
            _ => {}
        }
        let mut xattrs = xattrs(&**from, path)?;
        if let Some(marks) = self.overlay_marks {
            escape(&mut xattrs, marks);
        }
        place::set_xattrs(&*made, &xattrs).map_err(failed)?;
        if attr.kind == FileKind::Directory {
            self.directories.push((path.clone(), made.clone(), attr.mtime));
        }
        if has_more_names {
            self.links.insert((attr.dev, attr.ino), made.clone());
        }
        Ok(Some(made))
    }

    fn content(&mut self, from: &InodeRef, to: &InodeRef) -> crate::vfs::Result<()> {
        self.buffer.resize(BUFFER_SIZE, 0);
        let mut offset = 0;
        loop {
            match from.read_at(&mut self.buffer, offset) {
                Ok(0) => break,
                Ok(count) => {
                    place::write_all(&**to, &self.buffer[..count], offset)?;
                    offset += count as u64;
                }
                Err(Errno::Intr) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.applied.content += offset;
        Ok(())
    }

    fn finish(self) -> Result<Applied> {
        for (path, dir, mtime) in self.directories.iter().rev() {
            place::set_mtime(&**dir, *mtime).map_err(|errno| Error::file("set the time of", path, errno))?;
        }
        Ok(self.applied)
    }
}
