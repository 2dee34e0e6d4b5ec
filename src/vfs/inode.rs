//! `Inode`: the contract between everything that stores guest files and everything that uses them.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::attr::{Attr, Device, FileKind, FsStat, SetAttr, Timespec};
use super::errno::{Errno, Result};
use super::path::Name;

/// A shared inode. Two look-ups of one file, while the first result lives, return the same object; dropping the last one
/// is "forget". An unlinked file lives on for as long as somebody holds it.
pub type InodeRef = Arc<dyn Inode>;

/// A place in a directory listing. 0 is the beginning; any other value comes from a [`DirEntry`] of the same directory
/// and stays valid while entries are added and removed: no entry that was there all the time is passed over or shown
/// twice. Values are below 2^62.
pub type Cookie = u64;

/// One entry of a listing. `.` and `..` are never listed.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// The entry's name.
    pub name: Name<'a>,
    /// The inode number, as in [`Attr::ino`].
    pub ino: u64,
    /// The kind.
    pub kind: FileKind,
    /// Where a listing goes on behind this entry.
    pub next: Cookie,
}

/// What [`Inode::create`] makes.
#[derive(Clone, Copy, Debug)]
pub enum NewKind<'a> {
    /// An empty regular file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link to the target given.
    Symlink(&'a [u8]),
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl NewKind<'_> {
    /// The kind of the file that will be made.
    pub fn file_kind(&self) -> FileKind {
        match self {
            NewKind::Regular => FileKind::Regular,
            NewKind::Directory => FileKind::Directory,
            NewKind::Symlink(_) => FileKind::Symlink,
            NewKind::CharDevice(_) => FileKind::CharDevice,
            NewKind::BlockDevice(_) => FileKind::BlockDevice,
            NewKind::Fifo => FileKind::Fifo,
            NewKind::Socket => FileKind::Socket,
        }
    }
}

/// A file to be made: its kind, and the attributes it starts with.
#[derive(Clone, Copy, Debug)]
pub struct NewInode<'a> {
    /// What to make.
    pub kind: NewKind<'a>,
    /// Permission bits (`& 0o7777`); of a symlink they mean nothing.
    pub mode: u16,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// The modification time; now where none is given.
    pub mtime: Option<Timespec>,
}

impl<'a> NewInode<'a> {
    /// A file of this kind and mode, owned by root, made now.
    pub fn new(kind: NewKind<'a>, mode: u16) -> NewInode<'a> {
        NewInode { kind, mode, uid: 0, gid: 0, mtime: None }
    }
}

/// How [`Inode::rename`] treats a target that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameMode {
    /// As rename(2): a file replaces a file, a directory an empty directory.
    Replace,
    /// [`Errno::Exist`] where the target exists.
    NoReplace,
    /// The two entries change places; both must exist.
    Exchange,
}

/// The digest (SHA-256) of a regular file's content, where it is known without reading the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId(pub [u8; 32]);

/// A file of a guest.
///
/// All methods may be called from several threads at once. Errors are those of the POSIX call of the same name. Methods
/// that do not fit the kind of the inode fail as the defaults here do. No permission is checked below this trait: who
/// may do what is decided by the process that calls.
pub trait Inode: Any + Send + Sync {
    /// The kind, without the cost of [`attr`](Inode::attr).
    fn kind(&self) -> FileKind;

    /// What stat(2) tells.
    fn attr(&self) -> Result<Attr>;

    /// Changes attributes and returns the new ones. [`Errno::RoFs`] where nothing can change.
    fn set_attr(&self, change: &SetAttr) -> Result<Attr> {
        let _ = change;
        Err(Errno::RoFs)
    }

    /// Numbers of the file system the inode lies on.
    fn stat_fs(&self) -> Result<FsStat> {
        Ok(FsStat::default())
    }

    // Directories.

    /// The entry `name` of this directory. [`Errno::NoEnt`] where there is none.
    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        let _ = name;
        Err(Errno::NotDir)
    }

    /// Calls `sink` with every entry behind `from`, until it breaks. `sink` must not call back into this directory.
    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        let _ = (from, sink);
        Err(Errno::NotDir)
    }

    /// Makes an entry. [`Errno::Exist`] where the name is taken.
    fn create(&self, name: Name<'_>, new: &NewInode<'_>) -> Result<InodeRef> {
        let _ = (name, new);
        Err(if self.kind() == FileKind::Directory { Errno::RoFs } else { Errno::NotDir })
    }

    /// Gives `target`, which is no directory, another name here. [`Errno::XDev`] for an inode of another file system.
    fn link(&self, name: Name<'_>, target: &InodeRef) -> Result<()> {
        let _ = (name, target);
        Err(if self.kind() == FileKind::Directory { Errno::RoFs } else { Errno::NotDir })
    }

    /// Removes an entry that is no directory ([`Errno::IsDir`]).
    fn unlink(&self, name: Name<'_>) -> Result<()> {
        let _ = name;
        Err(if self.kind() == FileKind::Directory { Errno::RoFs } else { Errno::NotDir })
    }

    /// Removes an entry that is an empty directory.
    fn rmdir(&self, name: Name<'_>) -> Result<()> {
        let _ = name;
        Err(if self.kind() == FileKind::Directory { Errno::RoFs } else { Errno::NotDir })
    }

    /// Moves the entry `from` of this directory to the entry `to` of `to_dir`, which may be the same directory.
    /// [`Errno::XDev`] for a directory of another file system, [`Errno::Inval`] for a directory into itself.
    fn rename(&self, from: Name<'_>, to_dir: &InodeRef, to: Name<'_>, mode: RenameMode) -> Result<()> {
        let _ = (from, to_dir, to, mode);
        Err(if self.kind() == FileKind::Directory { Errno::RoFs } else { Errno::NotDir })
    }

    // Regular files and character devices.

    /// Reads at `offset` into `buf`; returns how much, 0 at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let _ = (buf, offset);
        Err(if self.kind() == FileKind::Directory { Errno::IsDir } else { Errno::Inval })
    }

    /// Writes `buf` at `offset`, extending the file with zeros where it is shorter; returns how much was written.
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        let _ = (buf, offset);
        Err(if self.kind() == FileKind::Directory { Errno::IsDir } else { Errno::RoFs })
    }

    /// Writes `buf` at the end of the file, in one step with finding the end; returns how much was written and the
    /// offset behind it.
    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        let _ = buf;
        Err(if self.kind() == FileKind::Directory { Errno::IsDir } else { Errno::RoFs })
    }

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> Result<()> {
        let _ = len;
        Err(if self.kind() == FileKind::Directory { Errno::IsDir } else { Errno::RoFs })
    }

    /// Makes content and attributes durable, like fsync(2).
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// The digest of the content, if it is known without reading: of files of an image layer.
    fn content_id(&self) -> Option<ContentId> {
        None
    }

    // Symbolic links.

    /// The target of a symbolic link. [`Errno::Inval`] for other kinds.
    fn read_link(&self) -> Result<Vec<u8>> {
        Err(Errno::Inval)
    }

    /// The number of the descriptor that the link leads to, of the process that follows it: `/proc/self/fd/N`. Such a
    /// link is not followed by its text.
    fn descriptor_link(&self) -> Option<u32> {
        None
    }

    // Extended attributes.

    /// The value of the attribute `name`, such as `user.mime_type`. [`Errno::NoData`] where it is not set.
    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let _ = name;
        Err(Errno::NoData)
    }

    /// Sets an attribute.
    fn set_xattr(&self, name: &[u8], value: &[u8]) -> Result<()> {
        let _ = (name, value);
        Err(Errno::RoFs)
    }

    /// The names of all attributes, in byte order.
    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    /// Removes an attribute. [`Errno::NoData`] where it is not set.
    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::NoData)
    }
}

/// Whether two references are one inode.
pub fn same_inode(a: &InodeRef, b: &InodeRef) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b))
}

/// `inode` as a `T`, if that is what it is: how a file system recognises its own.
pub fn downcast<T: Inode>(inode: &InodeRef) -> Option<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = inode.clone();
    any.downcast::<T>().ok()
}
