//! Structures of witx in the memory of guests.

use super::Snapshot;
use crate::vfs::{Attr, Errno, FileKind, Result, SetAttr, Timespec};

/// witx `filetype`.
pub(super) fn file_type(kind: FileKind) -> u8 {
    match kind {
        FileKind::BlockDevice => 1,
        FileKind::CharDevice => 2,
        FileKind::Directory => 3,
        FileKind::Regular => 4,
        FileKind::Socket => 6,
        FileKind::Symlink => 7,
        // There is none for pipes.
        FileKind::Fifo => 0,
    }
}

/// witx `filestat`: 64 bytes, in snapshot 0 only 56 with a link count of 32 bits.
pub(super) struct FileStat {
    bytes: [u8; 64],
    len: usize,
}

impl FileStat {
    pub(super) fn new(snapshot: Snapshot, attr: &Attr) -> FileStat {
        let mut stat = FileStat::empty(snapshot, file_type(attr.kind));
        let nlink = u64::from(attr.nlink);
        let (dev, ino) = (attr.dev.to_le_bytes(), attr.ino.to_le_bytes());
        stat.bytes[0..8].copy_from_slice(&dev);
        stat.bytes[8..16].copy_from_slice(&ino);
        let behind = match snapshot {
            Snapshot::Zero => {
                stat.bytes[20..24].copy_from_slice(&attr.nlink.to_le_bytes());
                24
            }
            Snapshot::One => {
                stat.bytes[24..32].copy_from_slice(&nlink.to_le_bytes());
                32
            }
        };
        let rest = [attr.size, attr.atime.as_nanos(), attr.mtime.as_nanos(), attr.ctime.as_nanos()];
        for (index, value) in rest.into_iter().enumerate() {
            let at = behind + 8 * index;
            stat.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        stat
    }

    /// Of something that has no inode.
    pub(super) fn empty(snapshot: Snapshot, file_type: u8) -> FileStat {
        let mut bytes = [0; 64];
        bytes[16] = file_type;
        FileStat { bytes, len: if snapshot == Snapshot::Zero { 56 } else { 64 } }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The change that witx `fstflags` ask for (bits atim 1, atim_now 2, mtim 4, mtim_now 8), and whether it is to now alone.
pub(super) fn set_times(atim: u64, mtim: u64, flags: u32) -> Result<(SetAttr, bool)> {
    let now = Timespec::now();
    let time = |given: bool, is_now: bool, nanos: u64| match (given, is_now) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(Some(Timespec::from_nanos(nanos))),
        (false, true) => Ok(Some(now)),
        (false, false) => Ok(None),
    };
    if flags >= 16 {
        return Err(Errno::Inval);
    }
    let change = SetAttr {
        atime: time(flags & 1 != 0, flags & 2 != 0, atim)?,
        mtime: time(flags & 4 != 0, flags & 8 != 0, mtim)?,
        ..SetAttr::default()
    };
    Ok((change, flags & 0b101 == 0))
}
