//! Mounts of the Linux kernel that have no place in any directory.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, major, minor, openat, readlinkat, statat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};

use super::SeenFile;

/// A mounted file system that only its holder sees; dropping it unmounts.
pub struct DetachedMount(OwnedFd);

/// Mounts a file system of this type with these options (`source` among them) read-only, without attaching it anywhere:
/// fsopen(2), fsmount(2). Unlike mount(2) it takes any number of options.
pub fn detached(kind: &str, options: &[(&str, &Path)]) -> io::Result<DetachedMount> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)?;
    }
    fsconfig_create(&context)?;
    Ok(DetachedMount(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)?))
}

impl DetachedMount {
    /// A path of the root, for this process and as long as the mount lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// Everything in the file system, `/` included, in no order. Of a regular file at most `content_max` bytes are read.
    pub fn files(&self, content_max: u64) -> io::Result<Vec<SeenFile>> {
        let root = Rc::new(openat(&self.0, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?);
        let mut files = vec![see(&root, b".", b"/", content_max)?];
        let mut pending = vec![(root.clone(), b".".to_vec(), Vec::new())];
        while let Some((parent, name, path)) = pending.pop() {
            let dir = Rc::new(openat(&parent, &name[..], OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?);
            for entry in Dir::read_from(&dir)? {
                let name = entry?.file_name().to_bytes().to_vec();
                if matches!(&name[..], b"." | b"..") {
                    continue;
                }
                let path = [&path[..], b"/", &name].concat();
                let file = see(&dir, &name, &path, content_max)?;
                if FileType::from_raw_mode(file.mode) == FileType::Directory {
                    pending.push((dir.clone(), name, path));
                }
                files.push(file);
            }
        }
        Ok(files)
    }
}

fn see(dir: &OwnedFd, name: &[u8], path: &[u8], content_max: u64) -> io::Result<SeenFile> {
    let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mut data = Vec::new();
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let file = openat(dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            File::from(file).take(content_max).read_to_end(&mut data)?;
        }
        FileType::Symlink => data = readlinkat(dir, name, Vec::new())?.into_bytes(),
        _ => {}
    }
    Ok(SeenFile {
        path: path.to_vec(),
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        nlink: stat.st_nlink,
        mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
        rdev: (major(stat.st_rdev), minor(stat.st_rdev)),
        size: stat.st_size as u64,
        ino: stat.st_ino,
        data,
        xattrs: xattrs(dir, name)?,
    })
}

fn xattrs(dir: &OwnedFd, name: &[u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = [format!("/proc/self/fd/{}/", dir.as_raw_fd()).as_bytes(), name].concat();
    let mut names = vec![0; 1 << 16];
    let len = rustix::fs::llistxattr(&path[..], &mut names[..])?;
    names.truncate(len);
    let mut xattrs = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 1 << 16];
        let len = rustix::fs::lgetxattr(&path[..], name, &mut value[..])?;
        value.truncate(len);
        xattrs.push((name.to_vec(), value));
    }
    xattrs.sort();
    Ok(xattrs)
}
