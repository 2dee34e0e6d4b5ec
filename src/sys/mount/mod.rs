//! File systems mounted by the kernel for this process alone, to compare what it sees with what cowbox sees.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "other.rs")]
mod system;

pub(crate) use system::{DetachedMount, detached};

/// All that the kernel tells of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFile {
    /// The path from the root of the file system, with a leading `/`.
    pub path: Vec<u8>,
    /// `st_mode`.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// How many names it has.
    pub nlink: u64,
    /// The modification time: seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// Major and minor number of a device file.
    pub rdev: (u32, u32),
    /// The length.
    pub size: u64,
    /// The inode number.
    pub ino: u64,
    /// The beginning of a file's content, or a symlink's target.
    pub data: Vec<u8>,
    /// Extended attributes by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}
