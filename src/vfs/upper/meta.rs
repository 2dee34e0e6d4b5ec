//! `Meta`: the attributes of a node that differs from the lower, or has no lower.

use crate::vfs::attr::{Attr, Device, SetAttr, Timespec};
use crate::vfs::inode::NewInode;
use crate::vfs::rules::mode_of_new;
use crate::vfs::xattrs::Xattrs;

/// Attributes, without those that follow from the content.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meta {
    /// The number in the journal; 0 while the node is not in it.
    pub(super) id: u64,
    pub(super) mode: u16,
    /// 0 once the last name is gone; then nothing of the node is recorded any more.
    pub(super) nlink: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) rdev: Device,
    pub(super) atime: Timespec,
    pub(super) mtime: Timespec,
    pub(super) ctime: Timespec,
    /// None while they are those of the lower.
    pub(super) xattrs: Option<Box<Xattrs>>,
}

impl Meta {
    /// Those of a file of the lower, still unchanged.
    pub(super) fn of_lower(attr: &Attr) -> Meta {
        Meta {
            id: 0,
            mode: attr.mode,
            nlink: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            rdev: attr.rdev,
            atime: attr.atime,
            mtime: attr.mtime,
            ctime: attr.ctime,
            xattrs: None,
        }
    }

    /// Those of a new file.
    pub(super) fn of_new(id: u64, nlink: u32, rdev: Device, new: &NewInode<'_>) -> Meta {
        let now = Timespec::stamp();
        Meta {
            id,
            mode: mode_of_new(new),
            nlink,
            uid: new.uid,
            gid: new.gid,
            rdev,
            atime: now,
            mtime: new.mtime.unwrap_or(now),
            ctime: now,
            xattrs: None,
        }
    }

    /// Whether changes of the node go to the journal.
    pub(super) fn is_recorded(&self) -> bool {
        self.id != 0 && self.nlink != 0
    }

    pub(super) fn change(&mut self, change: &SetAttr) {
        self.mode = change.mode.map_or(self.mode, |mode| mode & 0o7777);
        self.uid = change.uid.unwrap_or(self.uid);
        self.gid = change.gid.unwrap_or(self.gid);
        self.atime = change.atime.unwrap_or(self.atime);
        self.mtime = change.mtime.unwrap_or(self.mtime);
        self.ctime = Timespec::stamp();
    }

    /// Notes that the content or the entries changed now.
    pub(super) fn touch(&mut self) {
        self.mtime = Timespec::stamp();
        self.ctime = self.mtime;
    }

    /// Changes the number of names; it ends at 0 where the lower told too few.
    pub(super) fn change_links(&mut self, by: i64) {
        self.nlink = u32::try_from(i64::from(self.nlink) + by).unwrap_or(0);
        self.ctime = Timespec::stamp();
    }
}
