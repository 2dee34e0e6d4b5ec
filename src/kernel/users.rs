//! `Users`: who a process acts as, and what that lets it do (credentials(7), path_resolution(7)).

use std::sync::Arc;

use crate::vfs::{Attr, Errno, FileKind, InodeRef, Result};

/// Read, write and execute, or search, as access(2) has them.
pub const READ: u32 = 4;
/// See [`READ`].
pub const WRITE: u32 = 2;
/// See [`READ`].
pub const EXECUTE: u32 = 1;

/// The users and groups of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Real, effective and saved user.
    pub uids: [u32; 3],
    /// Real, effective and saved group.
    pub gids: [u32; 3],
    /// Further groups.
    pub groups: Arc<Vec<u32>>,
}

impl Users {
    /// One user and group for everything.
    pub fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Users {
        Users { uids: [uid; 3], gids: [gid; 3], groups: Arc::new(groups) }
    }

    /// The real user and group as the ones that count: access(2).
    pub fn as_real(&self) -> Users {
        Users { uids: [self.uids[0]; 3], gids: [self.gids[0]; 3], groups: self.groups.clone() }
    }

    /// The user that counts.
    pub fn uid(&self) -> u32 {
        self.uids[1]
    }

    /// The group that counts.
    pub fn gid(&self) -> u32 {
        self.gids[1]
    }

    /// Whether everything is allowed.
    pub fn is_root(&self) -> bool {
        self.uids[1] == 0
    }

    fn is_member(&self, gid: u32) -> bool {
        self.gids[1] == gid || self.groups.contains(&gid)
    }

    /// [`Errno::Access`] unless the file's mode allows `wanted` ([`READ`], [`WRITE`], [`EXECUTE`] together).
    pub fn check(&self, attr: &Attr, wanted: u32) -> Result<()> {
        if self.is_root() {
            let executable = attr.kind == FileKind::Directory || attr.mode & 0o111 != 0;
            return if wanted & EXECUTE == 0 || executable { Ok(()) } else { Err(Errno::Access) };
        }
        let shift = match () {
            () if attr.uid == self.uid() => 6,
            () if self.is_member(attr.gid) => 3,
            () => 0,
        };
        let allowed = u32::from(attr.mode) >> shift & 0o7;
        if allowed & wanted == wanted { Ok(()) } else { Err(Errno::Access) }
    }

    /// [`check`](Users::check) for an inode, which is not even looked at for root unless it has to be.
    pub fn check_inode(&self, inode: &InodeRef, wanted: u32) -> Result<()> {
        if self.is_root() && wanted & EXECUTE == 0 {
            return Ok(());
        }
        self.check(&inode.attr()?, wanted)
    }

    /// Whether a directory can be gone through.
    pub fn check_search(&self, dir: &InodeRef) -> Result<()> {
        if self.is_root() { Ok(()) } else { self.check(&dir.attr()?, EXECUTE) }
    }

    /// Whether entries of `dir` can be made.
    pub fn check_make(&self, dir: &InodeRef) -> Result<()> {
        if self.is_root() { Ok(()) } else { self.check(&dir.attr()?, WRITE | EXECUTE) }
    }

    /// Whether the entry `target` of `dir` can be removed or renamed.
    pub fn check_remove(&self, dir: &InodeRef, target: &InodeRef) -> Result<()> {
        const STICKY: u16 = 0o1000;
        if self.is_root() {
            return Ok(());
        }
        let attr = dir.attr()?;
        self.check(&attr, WRITE | EXECUTE)?;
        let is_owners = || Ok::<bool, Errno>(attr.uid == self.uid() || target.attr()?.uid == self.uid());
        if attr.mode & STICKY == 0 || is_owners()? { Ok(()) } else { Err(Errno::Perm) }
    }

    /// [`Errno::Perm`] unless the file is the user's own.
    pub fn check_owner(&self, attr: &Attr) -> Result<()> {
        if self.is_root() || attr.uid == self.uid() { Ok(()) } else { Err(Errno::Perm) }
    }

    /// The mode a file gets that is asked for: without the set-group-id bit of a group that is not one's own.
    pub fn allowed_mode(&self, attr: &Attr, mode: u16) -> u16 {
        let keeps = self.is_root() || attr.kind == FileKind::Directory || self.is_member(attr.gid);
        if keeps { mode } else { mode & !0o2000 }
    }

    /// Whether the owner and group of a file can become these: root sets what it likes, an owner one of the own groups.
    pub fn check_chown(&self, attr: &Attr, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        if self.is_root() {
            return Ok(());
        }
        let is_owner = attr.uid == self.uid();
        let keeps_user = uid.is_none_or(|uid| uid == attr.uid);
        let own_group = gid.is_none_or(|gid| gid == attr.gid || self.is_member(gid));
        if is_owner && keeps_user && own_group { Ok(()) } else { Err(Errno::Perm) }
    }

    /// Whether a process of these users may be sent signals.
    pub fn may_signal(&self, other: &Users) -> bool {
        let mine = [self.uids[0], self.uids[1]];
        self.is_root() || mine.contains(&other.uids[0]) || mine.contains(&other.uids[2])
    }

    /// setresuid(2) and setresgid(2): `None` leaves one as it is.
    pub fn changed(&self, uids: [Option<u32>; 3], gids: [Option<u32>; 3]) -> Result<Users> {
        let choose = |current: [u32; 3], wanted: [Option<u32>; 3]| {
            let allowed = wanted.iter().flatten().all(|id| self.is_root() || current.contains(id));
            let chosen = [0, 1, 2].map(|at| wanted[at].unwrap_or(current[at]));
            if allowed { Ok(chosen) } else { Err(Errno::Perm) }
        };
        Ok(Users { gids: choose(self.gids, gids)?, uids: choose(self.uids, uids)?, groups: self.groups.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{Device, Timespec};

    fn attr(mode: u16, uid: u32, gid: u32) -> Attr {
        Attr {
            dev: 0,
            ino: 0,
            kind: FileKind::Regular,
            mode,
            nlink: 1,
            uid,
            gid,
            rdev: Device::default(),
            size: 0,
            atime: Timespec::default(),
            mtime: Timespec::default(),
            ctime: Timespec::default(),
        }
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let user = Users::new(1000, 100, vec![7]);
        for (mode, uid, gid, wanted, allowed) in [
            (0o400, 1000, 0, READ, true),
            (0o077, 1000, 100, READ, false),
            (0o040, 0, 100, READ, true),
            (0o040, 0, 7, READ, true),
            (0o707, 0, 7, READ, false),
            (0o004, 0, 0, READ, true),
            (0o004, 0, 0, READ | WRITE, false),
        ] {
            assert_eq!(user.check(&attr(mode, uid, gid), wanted).is_ok(), allowed, "{mode:o} {uid} {gid}");
        }
    }

    #[test]
    fn root_may_all_but_execute_what_nobody_can() {
        let root = Users::default();
        assert_eq!(root.check(&attr(0, 5, 5), READ | WRITE), Ok(()));
        assert_eq!(root.check(&attr(0o644, 5, 5), EXECUTE), Err(Errno::Access));
        assert_eq!(root.check(&attr(0o100, 5, 5), EXECUTE), Ok(()));
    }

    #[test]
    fn users_can_be_given_up_and_not_gained() {
        let root = Users::default();
        let user = root.changed([Some(5); 3], [Some(6); 3]).unwrap();
        assert_eq!((user.uid(), user.gid()), (5, 6));
        assert_eq!(user.changed([Some(0), None, None], [None; 3]), Err(Errno::Perm));
        let kept = root.changed([None, Some(5), None], [None; 3]).unwrap();
        assert!(kept.changed([None, Some(0), None], [None; 3]).unwrap().is_root());
        assert!(user.may_signal(&user) && !user.may_signal(&root));
    }
}
