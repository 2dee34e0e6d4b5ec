//! Mounts by descriptor, as the kernel has them: open_tree(2), move_mount(2), mount_setattr(2).

use std::ffi::{CStr, CString};
use std::os::fd::RawFd;

use super::calls::{Outcome, check, syscall};
use super::script::{MountAttributes, or_null};

/// Nothing is written.
pub(super) const MOUNT_ATTR_RDONLY: u64 = libc::MOUNT_ATTR_RDONLY;
/// The field of access times: it is cleared where one of its values is set.
pub(super) const MOUNT_ATTR_ATIME: u64 = libc::MOUNT_ATTR__ATIME;
/// Ids are shown as a user namespace maps them.
pub(super) const MOUNT_ATTR_IDMAP: u64 = libc::MOUNT_ATTR_IDMAP;

/// A copy of the mount, which has no place yet.
pub(super) const OPEN_TREE_CLONE: u32 = libc::OPEN_TREE_CLONE;
/// The descriptor is closed by exec.
pub(super) const OPEN_TREE_CLOEXEC: u32 = libc::OPEN_TREE_CLOEXEC;
/// With the mounts below.
pub(super) const AT_RECURSIVE: u32 = 0x8000;
/// The mount to be moved is given by its descriptor alone.
pub(super) const MOVE_MOUNT_F_EMPTY_PATH: u32 = libc::MOVE_MOUNT_F_EMPTY_PATH;
/// The target is given by its descriptor alone.
pub(super) const MOVE_MOUNT_T_EMPTY_PATH: u32 = libc::MOVE_MOUNT_T_EMPTY_PATH;

/// `struct mount_attr`.
#[repr(C)]
struct RawAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// mount(2).
#[allow(unsafe_code)]
pub(super) fn mount(
    source: &Option<CString>,
    target: &CStr,
    kind: &Option<CString>,
    flags: u64,
    data: &Option<CString>,
) -> Outcome {
    let (source, kind, data) = (or_null(source), or_null(kind), or_null(data));
    // SAFETY: each is a text that ends in NUL, or null where the kernel takes none.
    check(unsafe { libc::mount(source, target.as_ptr(), kind, flags as _, data.cast()) }).map(drop)
}

/// open_tree(2): a descriptor of a mount.
#[allow(unsafe_code)]
pub(super) fn open_tree(directory: RawFd, path: &CStr, flags: u32) -> Result<RawFd, i32> {
    // SAFETY: a text that ends in NUL.
    syscall(unsafe { libc::syscall(libc::SYS_open_tree, directory, path.as_ptr(), flags) }).map(|fd| fd as RawFd)
}

/// move_mount(2).
#[allow(unsafe_code)]
pub(super) fn move_mount(from: RawFd, from_path: &CStr, to: RawFd, to_path: &CStr, flags: u32) -> Outcome {
    // SAFETY: texts that end in NUL.
    let moved = unsafe { libc::syscall(libc::SYS_move_mount, from, from_path.as_ptr(), to, to_path.as_ptr(), flags) };
    syscall(moved).map(drop)
}

/// mount_setattr(2) on what a descriptor is open on.
pub(super) fn set_attributes(mount: RawFd, attributes: &MountAttributes) -> Outcome {
    set(mount, c"", libc::AT_EMPTY_PATH as u32, attributes)
}

/// mount_setattr(2) on a path.
pub(super) fn set_attributes_of(path: &CStr, attributes: &MountAttributes) -> Outcome {
    set(libc::AT_FDCWD, path, 0, attributes)
}

#[allow(unsafe_code)]
fn set(directory: RawFd, path: &CStr, flags: u32, attributes: &MountAttributes) -> Outcome {
    if attributes.is_empty() {
        return Ok(());
    }
    let mut raw = RawAttributes {
        set: attributes.set,
        clear: attributes.clear,
        propagation: attributes.propagation,
        user_namespace: 0,
    };
    if raw.set & MOUNT_ATTR_ATIME != 0 {
        raw.clear |= MOUNT_ATTR_ATIME;
    }
    if let Some(namespace) = attributes.id_map {
        raw.set |= MOUNT_ATTR_IDMAP;
        raw.user_namespace = namespace as u64;
    }
    let flags = flags | if attributes.recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: a text that ends in NUL, and a structure of the size that is given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory,
            path.as_ptr(),
            flags,
            &raw const raw,
            size_of::<RawAttributes>(),
        )
    };
    syscall(done).map(drop)
}
