//! What is known of a file besides its content: kind, mode, owner, times, size.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The kind of a file. It never changes during the life of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl FileKind {
    /// The file type bits of `st_mode`.
    pub fn mode_bits(self) -> u32 {
        match self {
            FileKind::Fifo => 0o010000,
            FileKind::CharDevice => 0o020000,
            FileKind::Directory => 0o040000,
            FileKind::BlockDevice => 0o060000,
            FileKind::Regular => 0o100000,
            FileKind::Symlink => 0o120000,
            FileKind::Socket => 0o140000,
        }
    }

    /// The kind that the file type bits of a `st_mode` name; none for bits that name no kind.
    pub fn from_mode(mode: u32) -> Option<FileKind> {
        Some(match mode & 0o170000 {
            0o010000 => FileKind::Fifo,
            0o020000 => FileKind::CharDevice,
            0o040000 => FileKind::Directory,
            0o060000 => FileKind::BlockDevice,
            0o100000 => FileKind::Regular,
            0o120000 => FileKind::Symlink,
            0o140000 => FileKind::Socket,
            _ => return None,
        })
    }
}

/// A point in time: seconds since 1970 (negative before it) and nanoseconds, less than a thousand million, after that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timespec {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub sec: i64,
    /// Nanoseconds after `sec`, 0 to 999,999,999.
    pub nsec: u32,
}

impl Timespec {
    /// The wall clock, now.
    pub fn now() -> Timespec {
        SystemTime::now().into()
    }

    /// The time that a change of a file is stamped with: the wall clock, which may advance in steps of some milliseconds.
    pub fn stamp() -> Timespec {
        let (sec, nsec) = crate::sys::clock::tick();
        Timespec { sec, nsec }
    }

    /// From nanoseconds since 1970, as WASI counts.
    pub fn from_nanos(nanos: u64) -> Timespec {
        Timespec { sec: (nanos / 1_000_000_000) as i64, nsec: (nanos % 1_000_000_000) as u32 }
    }

    /// Nanoseconds since 1970; 0 for times before it, the largest value for times beyond 2554.
    pub fn as_nanos(self) -> u64 {
        u64::try_from(self.sec).map_or(0, |sec| sec.saturating_mul(1_000_000_000).saturating_add(self.nsec.into()))
    }
}

impl From<SystemTime> for Timespec {
    fn from(time: SystemTime) -> Timespec {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timespec { sec: after.as_secs() as i64, nsec: after.subsec_nanos() },
            Err(error) => {
                let before = error.duration();
                let (sec, nsec) = (before.as_secs() as i64, before.subsec_nanos());
                if nsec == 0 {
                    Timespec { sec: -sec, nsec }
                } else {
                    Timespec { sec: -sec - 1, nsec: 1_000_000_000 - nsec }
                }
            }
        }
    }
}

/// None where the host's clock cannot express the time.
impl From<Timespec> for Option<SystemTime> {
    fn from(time: Timespec) -> Option<SystemTime> {
        let whole = Duration::from_secs(time.sec.unsigned_abs());
        let seconds = if time.sec < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        seconds?.checked_add(Duration::from_nanos(time.nsec.into()))
    }
}

/// The numbers of a device file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Device {
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

/// What `stat` tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// The file system the inode belongs to; with `ino` it identifies the file within one container.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
    /// The kind.
    pub kind: FileKind,
    /// Permission bits with set-user-id, set-group-id and sticky: `mode & 0o7777`.
    pub mode: u16,
    /// How many names the inode has.
    pub nlink: u32,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// The numbers of a device file; zeros for other kinds.
    pub rdev: Device,
    /// The length in bytes: of the content, or of a symlink's target.
    pub size: u64,
    /// Last access, as far as it is kept: reads do not move it.
    pub atime: Timespec,
    /// Last change of the content.
    pub mtime: Timespec,
    /// Last change of content or attributes.
    pub ctime: Timespec,
}

/// A number for [`Attr::dev`] that no other file system of this process has.
pub fn new_dev() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The change that [`Inode::set_attr`](super::Inode::set_attr) makes: only what is given changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// New permission bits (`& 0o7777`).
    pub mode: Option<u16>,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New access time.
    pub atime: Option<Timespec>,
    /// New modification time.
    pub mtime: Option<Timespec>,
}

/// What `statfs` tells of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsStat {
    /// Bytes in all.
    pub total: u64,
    /// Bytes free for the guest.
    pub free: u64,
    /// Inodes in use.
    pub inodes: u64,
}
