//! Mounts that have no place in any directory, and taking them over from another process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use super::mounts_raw;
use super::process;
use super::script::MountAttributes;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, unshare_unsafe};

/// Mounts a file system of this type with these options (`source` among them), without attaching it anywhere: fsopen(2),
/// fsmount(2). Unlike mount(2) it takes any number of options, and values of any letters.
pub fn mount(kind: &str, options: &[(&str, Option<&Path>)], read_only: bool) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        match value {
            Some(value) => fsconfig_set_string(&context, *key, *value)?,
            None => fsconfig_set_flag(&context, *key)?,
        }
    }
    fsconfig_create(&context)?;
    let attributes = if read_only { MountAttrFlags::MOUNT_ATTR_RDONLY } else { MountAttrFlags::empty() };
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Whether the kernel has file systems of this type. Others than root are told so of all that it knows.
pub fn has_file_system(kind: &str) -> bool {
    !matches!(fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC), Err(rustix::io::Errno::NODEV))
}

/// A copy of the mount at `path`, with the mounts below where it is `recursive`.
pub fn copy(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let recursion = if recursive { mounts_raw::AT_RECURSIVE } else { 0 };
    let flags = mounts_raw::OPEN_TREE_CLONE | mounts_raw::OPEN_TREE_CLOEXEC | recursion;
    let tree = mounts_raw::open_tree(libc::AT_FDCWD, &path, flags).map_err(io::Error::from_raw_os_error)?;
    // SAFETY: it is new, and nobody else has it.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(tree) })
}

/// Lets a copy of a mount show owners as the user namespace `users` maps them; those of the mounts below, too, where it is
/// `recursive`: mount_setattr(2) `MOUNT_ATTR_IDMAP`.
pub fn map_owners(tree: &OwnedFd, recursive: bool, users: &OwnedFd) -> io::Result<()> {
    set_attributes(tree, &MountAttributes { id_map: Some(users.as_raw_fd()), recursive, ..MountAttributes::default() })
}

/// Changes attributes of a mount: mount_setattr(2).
pub fn set_attributes(mount: &OwnedFd, attributes: &MountAttributes) -> io::Result<()> {
    mounts_raw::set_attributes(mount.as_raw_fd(), attributes).map_err(io::Error::from_raw_os_error)
}

/// A copy of what is mounted at `path` in the root of another process, which has mounts of its own, with the mounts below where
/// it is `recursive`. No symbolic link is followed: that process may have made them.
pub fn of_process(pid: u32, path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let namespace = process::open_namespace(pid, "mnt")?;
    let copy = || {
        // Only a thread with a root and a working directory of its own may enter another tree of mounts.
        // SAFETY: no descriptor is unshared.
        #[allow(unsafe_code)]
        unsafe {
            unshare_unsafe(UnshareFlags::FS)?;
        }
        rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
        let (flags, resolve) = (OFlags::PATH | OFlags::CLOEXEC, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS);
        let root = rustix::fs::open("/", flags | OFlags::DIRECTORY, Mode::empty())?;
        let place = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)?;
        let recursion = if recursive { mounts_raw::AT_RECURSIVE } else { 0 };
        let flags =
            mounts_raw::OPEN_TREE_CLONE | mounts_raw::OPEN_TREE_CLOEXEC | recursion | libc::AT_EMPTY_PATH as u32;
        let tree = mounts_raw::open_tree(place.as_raw_fd(), c"", flags).map_err(io::Error::from_raw_os_error)?;
        // SAFETY: it is new, and nobody else has it.
        #[allow(unsafe_code)]
        Ok(unsafe { OwnedFd::from_raw_fd(tree) })
    };
    let broken = |_| Err(io::Error::other("the thread that enters its mounts has ended"));
    std::thread::scope(|scope| scope.spawn(copy).join().unwrap_or_else(broken))
}

/// Whether the kernel takes mounts without a place as layers of overlayfs: as of Linux 6.15, or where that was brought to an
/// earlier one. It came with copies of such mounts, which can be tried on `mount`.
pub fn can_be_layer(mount: &OwnedFd) -> bool {
    // To try it costs a grace period of RCU.
    if process::is_kernel_at_least(6, 15) {
        return true;
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(mount, "", flags).is_ok()
}

/// Puts a mount on a directory.
pub fn attach(mount: &OwnedFd, place: &Path) -> io::Result<()> {
    Ok(move_mount(mount, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Does something on a thread that has a copy of this process's tree of mounts: what it attaches there nobody else sees, and it is
/// gone when it is done. Mounts without a place, and files that it opened, outlive it.
pub fn apart<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let act = || {
        // SAFETY: the thread gets a mount namespace, root and working directory of its own; no other thread and no descriptor
        // is concerned.
        #[allow(unsafe_code)]
        unsafe {
            unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS)?
        };
        mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
        act()
    };
    let broken = |_| Err(io::Error::other("the thread that mounts has ended"));
    std::thread::scope(|scope| scope.spawn(act).join().unwrap_or_else(broken))
}

/// The descriptor `fd` of another process, as one of ours: pidfd_getfd(2).
pub fn take_over(pid: u32, fd: i32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(pidfd_getfd(&process, fd, PidfdGetfdFlags::empty())?)
}

/// The device number of the file system that `fd` is open on, and whether it is EROFS.
pub fn identity(fd: impl AsFd) -> io::Result<(u64, bool)> {
    const EROFS: u32 = 0xe0f5_e1e2;
    let stat = rustix::fs::fstat(fd.as_fd())?;
    let kind = rustix::fs::fstatfs(fd.as_fd())?;
    Ok((stat.st_dev, kind.f_type as u32 == EROFS))
}

/// A path of what `fd` is open on, for this process and those that it makes.
pub fn path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
