//! The tree of files that a new process makes for itself: mounts, files and the way into it.

use std::ffi::{CStr, c_void};

use super::Walk;
use crate::sys::linux::calls::{Outcome, check, syscall};
use crate::sys::linux::mounts_raw::{
    AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH, OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE, move_mount, open_tree, set_attributes, set_attributes_of,
};
use crate::sys::linux::place::{self, Place};
use crate::sys::linux::script::{BindSource, Make, MountAttributes, Target};

impl Walk {
    #[allow(unsafe_code)]
    pub(super) fn bind(
        &mut self,
        source: &BindSource,
        target: &Target,
        recursive: bool,
        [attributes, spread]: [&MountAttributes; 2],
    ) -> Outcome {
        let recursion = if recursive { AT_RECURSIVE } else { 0 };
        let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursion;
        let tree = match source {
            BindSource::Path(path) => Place::of(open_tree(libc::AT_FDCWD, path, flags)?),
            // SAFETY: an open descriptor; the copy is this value's own.
            BindSource::Detached(mount) => Place::of(check(unsafe { libc::fcntl(*mount, libc::F_DUPFD_CLOEXEC, 3) })?),
            BindSource::Received => self.received.take().ok_or(libc::EBADF)?,
        };
        set_attributes(tree.fd(), attributes)?;
        let place = match target.make {
            Make::AsSource if tree.is_directory()? => place::make_directories(self.root, &target.path, 0o755).map(Some),
            Make::AsSource => place::make_file(self.root, &target.path).map(Some),
            _ => self.place(target),
        };
        let Some(place) = place? else { return Ok(()) };
        move_mount(tree.fd(), c"", place.fd(), c"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)?;
        set_attributes(tree.fd(), spread)
    }

    pub(super) fn read_only(&self, target: &Target) -> Outcome {
        let Some(place) = self.place(target)? else { return Ok(()) };
        let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | libc::AT_EMPTY_PATH as u32;
        let tree = Place::of(open_tree(place.fd(), c"", flags)?);
        let read_only = MountAttributes { set: MOUNT_ATTR_RDONLY, recursive: true, ..MountAttributes::default() };
        set_attributes(tree.fd(), &read_only)?;
        move_mount(tree.fd(), c"", place.fd(), c"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn mask(&self, target: &Target, options: &CStr) -> Outcome {
        let Some(place) = self.place(target)? else { return Ok(()) };
        // SAFETY: descriptors that are open; literal texts.
        unsafe {
            if place.is_directory()? {
                check(libc::fchdir(place.fd()))?;
                let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
                let kind = c"tmpfs".as_ptr();
                return check(libc::mount(kind, c".".as_ptr(), kind, flags, options.as_ptr().cast())).map(drop);
            }
            let null = Place::of(open_tree(libc::AT_FDCWD, c"/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)?);
            move_mount(null.fd(), c"", place.fd(), c"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn make_node(&mut self, target: &CStr, mode: u32, device: u64, owner: (u32, u32)) -> Outcome {
        let (parent, name) = self.near.parent(self.root, target)?;
        // SAFETY: an open directory and a name that ends in NUL.
        unsafe {
            match place::with_exact_modes(|| check(libc::mknodat(parent.fd(), name.as_ptr(), mode, device))) {
                Err(libc::EEXIST) => {
                    // What the image has there stays if it is the device.
                    let mut stat: libc::stat = std::mem::zeroed();
                    check(libc::fstatat(parent.fd(), name.as_ptr(), &raw mut stat, libc::AT_SYMLINK_NOFOLLOW))?;
                    let is_it = stat.st_mode & libc::S_IFMT == mode & libc::S_IFMT && stat.st_rdev == device;
                    return if is_it { Ok(()) } else { Err(libc::EEXIST) };
                }
                made => made?,
            };
            if owner == (0, 0) {
                return Ok(());
            }
            let flags = libc::AT_SYMLINK_NOFOLLOW;
            check(libc::fchownat(parent.fd(), name.as_ptr(), owner.0, owner.1, flags)).map(drop)
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn make_link(&mut self, target: &CStr, link: &CStr) -> Outcome {
        let (parent, name) = self.near.parent(self.root, target)?;
        // SAFETY: an open directory and texts that end in NUL.
        match check(unsafe { libc::symlinkat(link.as_ptr(), parent.fd(), name.as_ptr()) }) {
            Err(libc::EEXIST) => Ok(()),
            made => made.map(drop),
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn pivot(&self) -> Outcome {
        // SAFETY: system calls on the open root and literal texts.
        unsafe {
            let host = check(libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC))?;
            let host = Place::of(host);
            check(libc::fchdir(self.root))?;
            syscall(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()))?;
            // The host's tree lies on top of the root now; leaving it must not reach the host.
            check(libc::fchdir(host.fd()))?;
            let none = std::ptr::null();
            let flags = libc::MS_SLAVE | libc::MS_REC;
            check(libc::mount(none, c".".as_ptr(), none, flags, std::ptr::null::<c_void>()))?;
            check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
            check(libc::chdir(c"/".as_ptr())).map(drop)
        }
    }
}

/// The mount that `/` is now.
pub(super) fn set_root(read_only: bool, propagation: u64) -> Outcome {
    if propagation != 0 {
        set_attributes_of(c"/", &MountAttributes { propagation, ..MountAttributes::default() })?;
    }
    if read_only {
        let attributes = MountAttributes { set: MOUNT_ATTR_RDONLY, ..MountAttributes::default() };
        set_attributes_of(c"/", &attributes)?;
    }
    Ok(())
}
