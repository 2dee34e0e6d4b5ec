//! Putting files into directories of inodes: what `apply` and `copy` have in common.

use std::ops::ControlFlow;

use crate::vfs::{Errno, FileKind, Inode, InodeRef, Name, NameBuf, NewInode, NewKind, Result, SetAttr, Timespec};

/// What happens where a directory meets something else of the same name. A file always replaces a file, and a directory
/// is merged into a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// It is an error, as for Docker's `cp`.
    #[default]
    Refuse,
    /// What was there is removed, with all below it.
    Replace,
}

/// Makes the entry `name` of `dir`. A directory that is there already is taken as it is; everything else that is there is
/// removed first, so that other names of the same inode keep the old content. [`Errno::IsDir`] where a directory would be
/// replaced by something else, [`Errno::NotDir`] for the other way round, unless `conflict` says to do it.
pub(super) fn make(dir: &InodeRef, name: Name<'_>, new: &NewInode<'_>, conflict: Conflict) -> Result<InodeRef> {
    match dir.create(name, new) {
        Err(Errno::Exist) => {}
        result => return result,
    }
    let old = dir.lookup(name)?;
    let wants_directory = matches!(new.kind, NewKind::Directory);
    match (old.kind() == FileKind::Directory, wants_directory) {
        (true, true) => return Ok(old),
        (is_directory, _) => clear(dir, name, is_directory, wants_directory, conflict)?,
    }
    dir.create(name, new)
}

/// Gives `target` the name `name` in `dir`, in place of what is there. Nothing happens where it is `target` already.
pub(super) fn link(dir: &InodeRef, name: Name<'_>, target: &InodeRef, conflict: Conflict) -> Result<()> {
    match dir.link(name, target) {
        Err(Errno::Exist) => {}
        result => return result,
    }
    let old = dir.lookup(name)?;
    if crate::vfs::same_inode(&old, target) {
        return Ok(());
    }
    clear(dir, name, old.kind() == FileKind::Directory, false, conflict)?;
    dir.link(name, target)
}

fn clear(dir: &InodeRef, name: Name<'_>, is_directory: bool, for_directory: bool, conflict: Conflict) -> Result<()> {
    match (is_directory, for_directory, conflict) {
        (true, false, Conflict::Refuse) => Err(Errno::IsDir),
        (false, true, Conflict::Refuse) => Err(Errno::NotDir),
        (true, ..) => remove_tree(dir, name),
        (false, ..) => dir.unlink(name),
    }
}

/// Removes the directory `name` of `dir` with all below it.
fn remove_tree(dir: &InodeRef, name: Name<'_>) -> Result<()> {
    // Directories being emptied, with their names above; no recursion, as guests nest as they like.
    let top = dir.lookup(name)?;
    let mut open = vec![(dir.clone(), name.to_owned(), top.clone(), names(&*top)?)];
    while let Some((above, name, dir, names_left)) = open.last_mut() {
        match names_left.pop() {
            Some(next) => match dir.unlink(next.as_name()) {
                Err(Errno::IsDir | Errno::Perm) => {
                    let inner = dir.lookup(next.as_name())?;
                    let dir = dir.clone();
                    let inside = names(&*inner)?;
                    open.push((dir, next, inner, inside));
                }
                result => result?,
            },
            None => {
                above.rmdir(name.as_name())?;
                open.pop();
            }
        }
    }
    Ok(())
}

/// The names in the directory `dir`.
pub(super) fn names(dir: &dyn Inode) -> Result<Vec<NameBuf>> {
    let mut names = Vec::new();
    dir.read_dir(0, &mut |entry| {
        names.push(Name::to_owned(entry.name));
        ControlFlow::Continue(())
    })?;
    Ok(names)
}

/// Writes all of `bytes` at `offset`.
pub(super) fn write_all(inode: &dyn Inode, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        match inode.write_at(bytes, offset) {
            Ok(0) => return Err(Errno::Io),
            Ok(count) => {
                bytes = bytes.get(count..).ok_or(Errno::Io)?;
                offset += count as u64;
            }
            Err(Errno::Intr) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The attributes a file gets once its content is there: writing moved its time and may have cleared its set-user-id bit.
pub(super) fn settle(inode: &dyn Inode, new: &NewInode<'_>) -> Result<()> {
    let mode = (!matches!(new.kind, NewKind::Symlink(_))).then_some(new.mode);
    inode.set_attr(&SetAttr { mode, uid: Some(new.uid), gid: Some(new.gid), atime: None, mtime: new.mtime })?;
    Ok(())
}

/// Sets the modification time alone.
pub(super) fn set_mtime(inode: &dyn Inode, mtime: Timespec) -> Result<()> {
    inode.set_attr(&SetAttr { mtime: Some(mtime), ..SetAttr::default() })?;
    Ok(())
}

/// Sets the attributes of a file just made. A file system without attributes goes without, as for Docker.
pub(super) fn set_xattrs(inode: &dyn Inode, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
    for (name, value) in xattrs {
        match inode.set_xattr(name, value) {
            Ok(()) | Err(Errno::NotSup | Errno::NoSys | Errno::RoFs | Errno::Perm) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
