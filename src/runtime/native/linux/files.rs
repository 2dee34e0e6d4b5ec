//! The files of a native container, from outside.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::container::is_alive;
use super::image::MountedImage;
use super::plan::{self, refuse};
use crate::runtime::native::{Lower, OverlayRoot};
use crate::runtime::{InitProcess, Result};
use crate::sys::linux::detached;
use crate::vfs::{InodeRef, KernelOptions, kernel_dir};

/// The root of the container whose first process is `init`, with all that is mounted in it.
pub fn running_root(init: InitProcess, options: &KernelOptions) -> Result<InodeRef> {
    let opened = kernel_dir(Path::new(&format!("/proc/{}/root", init.pid)), options);
    // Another process may have had the number: what was opened is the container's if its first process is there afterwards.
    match opened {
        Ok(root) if is_alive(init) => Ok(root),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(refuse(format!("open the container's root: {error}"))),
        // One that is ending has no root any more.
        _ => Err(refuse("the container is not running")),
    }
}

/// The root of a container that does not run, without what would be mounted in it. It is mounted, in no place, for as long as
/// somebody has a file of it.
pub fn stopped_root(overlay: &OverlayRoot, read_only: bool, options: &KernelOptions) -> Result<InodeRef> {
    let failed = |error: std::io::Error| refuse(format!("mount the files of {}: {error}", overlay.upper.display()));
    // The mount of an image is kept until that over it is made, as is the descriptor of a directory.
    let (image, directory);
    let lower = match &overlay.lower {
        Lower::Image(files) => {
            image = MountedImage::open(files)?;
            image.path()
        }
        Lower::Directory(path) => {
            directory = File::open(path).map_err(failed)?;
            format!("/proc/self/fd/{}", directory.as_raw_fd())
        }
    };
    // By descriptors: nothing in the paths has to be escaped.
    let (upper, work) = (File::open(&overlay.upper).map_err(failed)?, File::open(&overlay.work).map_err(failed)?);
    let path = |file: &File| format!("/proc/self/fd/{}", file.as_raw_fd());
    let layers = [("lowerdir", lower), ("upperdir", path(&upper)), ("workdir", path(&work))];
    let mut mounting: Vec<_> = layers.iter().map(|(key, value)| (*key, Some(Path::new(value)))).collect();
    mounting.extend(plan::overlay_flags().iter().map(|(key, value)| (*key, value.map(Path::new))));
    let mount = detached::mount("overlay", &mounting, read_only).map_err(failed)?;
    kernel_dir(Path::new(&detached::path(&mount)), options).map_err(failed)
}
