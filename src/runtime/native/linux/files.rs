//! The files of a native container, from outside.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::Path;

use super::container::is_alive;
use super::image::MountedImage;
use super::labels;
use super::plan::refuse;
use super::root;
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
    // One that is not synchronised is never mounted again, and this one will be: the container's start is to come.
    let overlay = &OverlayRoot { volatile: false, ..overlay.clone() };
    let failed = |error: Error| refuse(format!("mount the files of {}: {error}", overlay.upper.display()));
    let mount = match &overlay.lower {
        Lower::Image(files) => overlay_of(&MountedImage::open(files)?, overlay, read_only),
        Lower::Directory(path) => {
            let directory = File::open(path).map_err(failed)?.into();
            mount(&detached::path(&directory), overlay, "", read_only)
        }
    };
    let mount = mount.map_err(failed)?;
    kernel_dir(Path::new(&detached::path(&mount)), options).map_err(failed)
}

/// Overlayfs over an image, mounted in no place.
pub(super) fn overlay_of(image: &MountedImage, overlay: &OverlayRoot, read_only: bool) -> std::io::Result<OwnedFd> {
    if !image.needs_place() {
        return mount(&image.path(), overlay, "", read_only);
    }
    detached::apart(|| {
        detached::attach(image.descriptor(), &overlay.stage)?;
        let lower = File::open(&overlay.stage)?.into();
        mount(&detached::path(&lower), overlay, "", read_only)
    })
}

/// Overlayfs over a path that this process has. All of its files have the label of SELinux, if there is one.
pub(super) fn mount(lower: &str, overlay: &OverlayRoot, label: &str, read_only: bool) -> std::io::Result<OwnedFd> {
    // By descriptors: nothing in the paths has to be escaped.
    let (upper, work) = (File::open(&overlay.upper)?.into(), File::open(&overlay.work)?.into());
    let below: Option<OwnedFd> = overlay.below.as_deref().map(File::open).transpose()?.map(OwnedFd::from);
    let lower = below.iter().fold(lower.to_owned(), |lower, below| format!("{lower}:{}", detached::path(below)));
    let layers = [("lowerdir", lower), ("upperdir", detached::path(&upper)), ("workdir", detached::path(&work))];
    let mut options: Vec<_> = layers.iter().map(|(key, value)| (*key, Some(Path::new(value)))).collect();
    options.extend(overlay.volatile.then_some(("volatile", None)));
    options.extend(labels::option(label));
    options.extend(root::overlay_flags().iter().map(|(key, value)| (*key, value.map(Path::new))));
    detached::mount("overlay", &options, read_only)
}
