//! Files as the kernel has them, on systems where cowbox knows no way to them.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::Path;

use super::{RawEntry, RawKind, RawRename, RawStat};

/// What the names of overlayfs's own attributes begin with, on Linux.
pub fn overlay_marks() -> &'static [u8] {
    b"trusted.overlay."
}

/// The users and groups that this process has: all.
#[derive(Debug)]
pub struct Owners;

impl Owners {
    /// Those of now.
    pub fn here() -> Owners {
        Owners
    }

    /// The same.
    pub fn or_root(&self, uid: u32, gid: u32) -> (u32, u32) {
        (uid, gid)
    }
}

/// Nothing: there are no files as a kernel has them.
pub fn sync_all(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A file that is held: here there is none.
#[derive(Debug)]
pub struct RawFile(Infallible);

impl RawFile {
    /// [`io::ErrorKind::Unsupported`].
    pub fn at(path: &Path) -> io::Result<RawFile> {
        let message = format!("{}: files as a kernel has them need a Linux host", path.display());
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    /// What stat(2) tells of it.
    pub fn stat(&self) -> io::Result<RawStat> {
        match self.0 {}
    }

    /// The entry `name` of this directory.
    pub fn child(&self, _name: &[u8]) -> io::Result<RawFile> {
        match self.0 {}
    }

    /// What stat(2) tells of the entry `name`.
    pub fn child_stat(&self, _name: &[u8]) -> io::Result<RawStat> {
        match self.0 {}
    }

    /// All entries but `.` and `..`, in the kernel's order.
    pub fn entries(&self) -> io::Result<Vec<RawEntry>> {
        match self.0 {}
    }

    /// Makes an entry.
    pub fn make(&self, _name: &[u8], _kind: RawKind<'_>, _mode: u32) -> io::Result<RawFile> {
        match self.0 {}
    }

    /// Gives `file` another name in this directory.
    pub fn link(&self, _name: &[u8], _file: &RawFile) -> io::Result<()> {
        match self.0 {}
    }

    /// Removes an entry that is no directory.
    pub fn unlink(&self, _name: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, _name: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    /// Moves an entry.
    pub fn rename(&self, _from: &[u8], _to_dir: &RawFile, _to: &[u8], _how: RawRename) -> io::Result<()> {
        match self.0 {}
    }

    /// The target of a symbolic link.
    pub fn read_link(&self) -> io::Result<Vec<u8>> {
        match self.0 {}
    }

    /// The content of a regular file, opened anew.
    pub fn open(&self, _is_writable: bool) -> io::Result<File> {
        match self.0 {}
    }

    /// Changes the permission bits. Symbolic links have none that could be changed.
    pub fn set_mode(&self, _mode: u32) -> io::Result<()> {
        match self.0 {}
    }

    /// Changes owner and group; what is none stays.
    pub fn set_owner(&self, _uid: Option<u32>, _gid: Option<u32>) -> io::Result<()> {
        match self.0 {}
    }

    /// Changes access and modification time; what is none stays.
    pub fn set_times(&self, _atime: Option<(i64, u32)>, _mtime: Option<(i64, u32)>) -> io::Result<()> {
        match self.0 {}
    }

    /// The value of an attribute.
    pub fn xattr(&self, _name: &[u8]) -> io::Result<Vec<u8>> {
        match self.0 {}
    }

    /// The names of all attributes that this process may see.
    pub fn xattr_names(&self) -> io::Result<Vec<Vec<u8>>> {
        match self.0 {}
    }

    /// Sets an attribute.
    pub fn set_xattr(&self, _name: &[u8], _value: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    /// Removes an attribute.
    pub fn remove_xattr(&self, _name: &[u8]) -> io::Result<()> {
        match self.0 {}
    }
}
