//! Files as Linux has them, by descriptors that neither read nor write (`O_PATH`).
//!
//! What needs more than that goes through `/proc/self/fd`, which leads to the very file, whatever became of its name.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
    chmodat, chownat, fstat, getxattr, linkat, listxattr, major, makedev, minor, mkdirat, mknodat, open, openat,
    readlinkat, removexattr, renameat_with, setxattr, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use crate::sys::linux::users;

use super::{RawEntry, RawKind, RawRename, RawStat};

/// The longest value of an attribute and the longest list of names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const XATTR_MAX: usize = 64 << 10;

/// What the names of overlayfs's own attributes begin with: overlayfs.rst "userxattr".
pub fn overlay_marks() -> &'static [u8] {
    match crate::sys::linux::process::is_in_user_namespace() {
        true => b"user.overlay.",
        false => b"trusted.overlay.",
    }
}

/// The users and groups that this process has: user_namespaces(7).
#[derive(Debug)]
pub struct Owners {
    users: Vec<(u32, u32, u32)>,
    groups: Vec<(u32, u32, u32)>,
}

impl Owners {
    /// Those of now.
    pub fn here() -> Owners {
        Owners { users: users::own_map("uid_map"), groups: users::own_map("gid_map") }
    }

    /// An owner and a group, each root's where there is no such id here.
    pub fn or_root(&self, uid: u32, gid: u32) -> (u32, u32) {
        let or_root = |map: &[(u32, u32, u32)], id: u32| {
            let is_here = map.iter().any(|(first, _, count)| id.checked_sub(*first).is_some_and(|off| off < *count));
            if is_here { id } else { 0 }
        };
        (or_root(&self.users, uid), or_root(&self.groups, gid))
    }
}

/// Makes all that was written to the file system of this folder durable: syncfs(2).
pub fn sync_all(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(open(folder, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)?)
}

/// A file that is held, whatever becomes of its name. Symbolic links are held themselves, never followed.
#[derive(Debug)]
pub struct RawFile(OwnedFd);

impl RawFile {
    /// The file at this path; a symbolic link at its end is followed.
    pub fn at(path: &Path) -> io::Result<RawFile> {
        Ok(RawFile(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// What stat(2) tells of it.
    pub fn stat(&self) -> io::Result<RawStat> {
        Ok(seen(&fstat(&self.0)?))
    }

    /// The entry `name` of this directory.
    pub fn child(&self, name: &[u8]) -> io::Result<RawFile> {
        Ok(RawFile(openat(&self.0, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// What stat(2) tells of the entry `name`.
    pub fn child_stat(&self, name: &[u8]) -> io::Result<RawStat> {
        Ok(seen(&statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// All entries but `.` and `..`, in the kernel's order.
    pub fn entries(&self) -> io::Result<Vec<RawEntry>> {
        let dir = openat(&self.0, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut entries = Vec::new();
        for entry in Dir::new(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match self.child_stat(name) {
                    Ok(stat) => stat.mode & libc::S_IFMT,
                    // Gone since it was listed.
                    Err(_) => continue,
                },
                kind => kind.as_raw_mode(),
            };
            entries.push(RawEntry { name: name.into(), ino: entry.ino(), kind });
        }
        Ok(entries)
    }

    /// Makes an entry, with these permission bits as far as the umask leaves them. Where others change the directory too, what
    /// is returned may be another file, of another kind, unless a regular one was asked for.
    pub fn make(&self, name: &[u8], kind: RawKind<'_>, mode: u32) -> io::Result<RawFile> {
        let mode = Mode::from_raw_mode(mode & 0o7777);
        match kind {
            RawKind::Regular => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                return Ok(RawFile(openat(&self.0, name, flags, mode)?));
            }
            RawKind::Directory => mkdirat(&self.0, name, mode)?,
            RawKind::Symlink(target) => symlinkat(target, &self.0, name)?,
            RawKind::Node(kind, (major, minor)) => {
                mknodat(&self.0, name, FileType::from_raw_mode(kind), mode, makedev(major, minor))?;
            }
        }
        self.child(name)
    }

    /// Gives `file` another name in this directory.
    pub fn link(&self, name: &[u8], file: &RawFile) -> io::Result<()> {
        Ok(linkat(CWD, file.path(), &self.0, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    /// Removes an entry that is no directory.
    pub fn unlink(&self, name: &[u8]) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, name: &[u8]) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Moves an entry.
    pub fn rename(&self, from: &[u8], to_dir: &RawFile, to: &[u8], how: RawRename) -> io::Result<()> {
        let flags = match how {
            RawRename::Replace => RenameFlags::empty(),
            RawRename::NoReplace => RenameFlags::NOREPLACE,
            RawRename::Exchange => RenameFlags::EXCHANGE,
        };
        Ok(renameat_with(&self.0, from, &to_dir.0, to, flags)?)
    }

    /// The target of a symbolic link.
    pub fn read_link(&self) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&self.0, "", Vec::new())?.into_bytes())
    }

    /// The content of a regular file, opened anew.
    pub fn open(&self, is_writable: bool) -> io::Result<File> {
        let access = if is_writable { OFlags::RDWR } else { OFlags::RDONLY };
        Ok(open(self.path(), access | OFlags::CLOEXEC, Mode::empty())?.into())
    }

    /// Changes the permission bits. Symbolic links have none that could be changed.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(chmodat(CWD, self.path(), Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?)
    }

    /// Changes owner and group; what is none stays.
    pub fn set_owner(&self, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        Ok(chownat(&self.0, "", uid, gid, AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Changes access and modification time; what is none stays.
    pub fn set_times(&self, atime: Option<(i64, u32)>, mtime: Option<(i64, u32)>) -> io::Result<()> {
        let time = |time: Option<(i64, u32)>| match time {
            Some((sec, nsec)) => Timespec { tv_sec: sec, tv_nsec: nsec.into() },
            None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        };
        let times = Timestamps { last_access: time(atime), last_modification: time(mtime) };
        match utimensat(&self.0, "", &times, AtFlags::EMPTY_PATH) {
            // Kernels before 5.8, which cannot do it to symbolic links either.
            Err(Errno::INVAL) => Ok(utimensat(CWD, self.path(), &times, AtFlags::empty())?),
            done => Ok(done?),
        }
    }

    /// The value of an attribute.
    pub fn xattr(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        let mut value = vec![0; 256];
        loop {
            match getxattr(self.path(), name, &mut value[..]) {
                Ok(len) => {
                    value.truncate(len);
                    return Ok(value);
                }
                Err(Errno::RANGE) if value.len() < XATTR_MAX => value.resize(XATTR_MAX, 0),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The names of all attributes that this process may see.
    pub fn xattr_names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = vec![0; 1024];
        let len = loop {
            match listxattr(self.path(), &mut names[..]) {
                Ok(len) => break len,
                Err(Errno::RANGE) if names.len() < XATTR_MAX => names.resize(XATTR_MAX, 0),
                Err(Errno::OPNOTSUPP) => break 0,
                Err(error) => return Err(error.into()),
            }
        };
        let names = names[..len].split(|&byte| byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(<[u8]>::to_vec).collect())
    }

    /// Sets an attribute.
    pub fn set_xattr(&self, name: &[u8], value: &[u8]) -> io::Result<()> {
        Ok(setxattr(self.path(), name, value, XattrFlags::empty())?)
    }

    /// Removes an attribute.
    pub fn remove_xattr(&self, name: &[u8]) -> io::Result<()> {
        Ok(removexattr(self.path(), name)?)
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

// Some processors' `stat` has a smaller field.
#[allow(clippy::useless_conversion)]
fn seen(stat: &rustix::fs::Stat) -> RawStat {
    RawStat {
        dev: stat.st_dev,
        ino: stat.st_ino,
        mode: stat.st_mode,
        nlink: stat.st_nlink.into(),
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: (major(stat.st_rdev), minor(stat.st_rdev)),
        size: stat.st_size as u64,
        atime: (stat.st_atime, stat.st_atime_nsec as u32),
        mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
        ctime: (stat.st_ctime, stat.st_ctime_nsec as u32),
    }
}
