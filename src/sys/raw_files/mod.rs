//! Files exactly as the kernel has them: every kind, owner, attribute, one step from a directory to a name at a time.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "other.rs")]
mod system;

pub use system::{Owners, RawFile, overlay_marks, sync_all};

/// What stat(2) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawStat {
    /// The device the file lies on.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
    /// Kind and permission bits.
    pub mode: u32,
    /// How many names it has.
    pub nlink: u64,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Major and minor number of a device file.
    pub rdev: (u32, u32),
    /// The length.
    pub size: u64,
    /// Last access: seconds and nanoseconds.
    pub atime: (i64, u32),
    /// Last change of the content.
    pub mtime: (i64, u32),
    /// Last change of anything.
    pub ctime: (i64, u32),
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEntry {
    /// The name.
    pub name: Box<[u8]>,
    /// The inode number.
    pub ino: u64,
    /// The kind, as the file type bits of a mode.
    pub kind: u32,
}

/// What [`RawFile::make`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKind<'a> {
    /// An empty regular file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(&'a [u8]),
    /// A device, pipe or socket: the file type bits of its mode, and its numbers.
    Node(u32, (u32, u32)),
}

/// How [`RawFile::rename`] treats a target that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawRename {
    /// It is replaced.
    Replace,
    /// It stays, and the rename fails.
    NoReplace,
    /// It takes the other's place.
    Exchange,
}
