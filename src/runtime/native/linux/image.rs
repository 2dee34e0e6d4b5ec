//! Images mounted by the kernel: one EROFS file system for all containers of an image, so that they share its page cache.
//!
//! The mount has no place in any directory: it lives while some process has it open, and is gone with the last one, whatever
//! ended it. The file [`ImageFiles::shared`] says where it can be taken over from: `PID START-TIME DESCRIPTOR DEVICE`.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use crate::runtime::native::ImageFiles;
use crate::runtime::{Error, ErrorKind, Result};
use crate::sys::linux::{detached, process};

/// An image that is mounted while this lives.
pub(super) struct MountedImage {
    mount: OwnedFd,
}

impl MountedImage {
    /// Takes the mount over from a process that has it, or makes it.
    pub(super) fn open(files: &ImageFiles) -> Result<MountedImage> {
        if let Some(mount) = taken_over(&files.shared) {
            return Ok(MountedImage { mount });
        }
        let mut options: Vec<(&str, Option<&Path>)> = vec![("source", Some(&files.tree))];
        options.extend(files.packs.iter().map(|pack| ("device", Some(pack.as_path()))));
        let mount = detached::mount("erofs", &options, true).map_err(|error| {
            Error::new(ErrorKind::Runtime, format!("mount the image {}: {error}", files.tree.display()))
                .hint("it takes root, and Linux 6.12 or later: `cowbox info` tells the kernel")
        })?;
        // A file that cannot be written costs the sharing alone.
        let _ = tell(&files.shared, &mount);
        Ok(MountedImage { mount })
    }

    /// A path of its root, for this process and its children until they run another program.
    pub(super) fn path(&self) -> String {
        detached::path(&self.mount)
    }
}

/// Whether images can be mounted from the store's own files: by root of the host alone, with EROFS, and with overlayfs over a
/// mount that has no place (Linux 6.15).
pub fn can_mount_images() -> bool {
    static HAS_SYSTEM: OnceLock<bool> = OnceLock::new();
    !process::is_in_user_namespace()
        && *HAS_SYSTEM.get_or_init(|| process::is_kernel_at_least(6, 15) && detached::has_file_system("erofs"))
}

fn tell(shared: &Path, mount: &OwnedFd) -> std::io::Result<()> {
    let pid = std::process::id();
    let (device, _) = detached::identity(mount)?;
    let line = format!("{pid} {} {} {device}", process::start_time(pid)?, mount.as_raw_fd());
    if let Some(folder) = shared.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(shared, line)
}

/// The mount of the process that the file names, if that process is still the one it was and has it.
fn taken_over(shared: &Path) -> Option<OwnedFd> {
    let line = fs::read_to_string(shared).ok()?;
    let numbers = line.split(' ').map(str::parse::<u64>).collect::<std::result::Result<Vec<_>, _>>().ok()?;
    let [pid, start, fd, device] = numbers[..] else { return None };
    let pid = u32::try_from(pid).ok()?;
    if process::start_time(pid).ok()? != start {
        return None;
    }
    let mount = detached::take_over(pid, i32::try_from(fd).ok()?).ok()?;
    (detached::identity(&mount).ok()? == (device, true)).then_some(mount)
}
