//! Device files, on Linux.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::Device;

/// How deep folders of devices are looked into.
const DEPTH_MAX: usize = 4;

/// The device files below `folder`; those of terminals and of descriptors, which are made as they are needed, are left out.
pub fn devices(folder: &Path) -> io::Result<Vec<Device>> {
    let mut found = Vec::new();
    add_devices(folder, DEPTH_MAX, &mut found)?;
    Ok(found)
}

fn add_devices(folder: &Path, depth: usize, found: &mut Vec<Device>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Ok(meta) = entry.metadata() else { continue };
        let is_made_up = matches!(name.to_str(), Some("pts" | "shm" | "fd" | "mqueue" | "ptmx" | "console") | None);
        if is_made_up {
            continue;
        }
        if meta.is_dir() && depth > 0 {
            add_devices(&entry.path(), depth - 1, found)?;
        }
        found.extend(device_of(&entry.path(), &meta));
    }
    Ok(())
}

/// The device file at `path`; none where something else is.
pub fn device(path: &Path) -> io::Result<Option<Device>> {
    Ok(device_of(path, &fs::metadata(path)?))
}

fn device_of(path: &Path, meta: &fs::Metadata) -> Option<Device> {
    let is_block = meta.file_type().is_block_device();
    (is_block || meta.file_type().is_char_device()).then(|| Device {
        path: path.to_string_lossy().into_owned(),
        is_block,
        major: rustix::fs::major(meta.rdev()),
        minor: rustix::fs::minor(meta.rdev()),
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
    })
}
