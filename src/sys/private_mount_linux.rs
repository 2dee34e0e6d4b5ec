//! Mounts for one thread, on Linux.

use std::ffi::CString;
use std::io;
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::UnshareFlags;

/// Mounts a file system that only the calling thread sees, until it ends.
#[allow(unsafe_code)]
pub(crate) fn mount_for_thread(kind: &str, target: &Path, options: &str) -> io::Result<()> {
    // SAFETY: the calling thread gets a mount namespace, root and working directory of its own; no other thread and no
    // file descriptor is concerned.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS)? };
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let options = CString::new(options)?;
    Ok(mount(kind, target, kind, MountFlags::empty(), Some(options.as_c_str()))?)
}
