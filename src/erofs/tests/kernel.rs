//! The kernel sees what our reader sees.

use std::path::Path;
use std::sync::Arc;

use super::super::*;
use super::support::*;
use super::trees::everything;
use crate::sys::mount::{DetachedMount, detached};
use crate::vfs::{FileKind, Timespec};

/// What the kernel sees in `image`; none, with a message, where it cannot be mounted.
fn mounted(folder: &Folder, image: &Image) -> Option<Listing> {
    Some(seen(&mount_image(folder, image)?))
}

fn mount_image(folder: &Folder, image: &Image) -> Option<DetachedMount> {
    let paths: Vec<_> = image.devices().iter().map(|id| folder.pack_path(id)).collect();
    let mut options = vec![("source", image.path())];
    options.extend(paths.iter().map(|path| ("device", path.as_path())));
    mount("erofs", &options)
}

#[allow(clippy::disallowed_macros)]
fn mount(kind: &str, options: &[(&str, &Path)]) -> Option<DetachedMount> {
    let mount = detached(kind, options);
    if let Err(error) = &mount {
        println!("skipped: the kernel cannot mount {kind}: {error}");
    }
    mount.ok()
}

/// What overlayfs makes of layers, the lowest first; none where it cannot be mounted.
pub(super) fn overlay(folder: &Folder, layers: &[Image]) -> Option<Listing> {
    // It takes two lower directories at least.
    let empty = folder.path("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let layers = layers.iter().rev().map(|layer| mount_image(folder, layer)).collect::<Option<Vec<_>>>()?;
    let paths: Vec<_> = layers.iter().map(|layer| layer.path()).chain([empty]).collect();
    let options: Vec<_> = paths.iter().map(|path| ("lowerdir+", path.as_path())).collect();
    Some(seen(&mount("overlay", &options)?))
}

fn seen(mount: &DetachedMount) -> Listing {
    let files = mount.files(1 << 20).unwrap();
    let seen = files.into_iter().map(|file| {
        let kind = FileKind::from_mode(file.mode).unwrap();
        let seen = Seen {
            kind,
            mode: (file.mode & 0o7777) as u16,
            uid: file.uid,
            gid: file.gid,
            nlink: file.nlink as u32,
            mtime: Timespec { sec: file.mtime.0, nsec: file.mtime.1 },
            rdev: file.rdev,
            size: if kind == FileKind::Directory { 0 } else { file.size },
            data: file.data,
            xattrs: file.xattrs,
        };
        (file.path, seen)
    });
    seen.collect()
}

/// Asserts that the kernel sees in `image` what our reader does.
pub(super) fn same_to_the_kernel(folder: &Folder, image: &Arc<Image>) {
    let Some(kernel) = mounted(folder, image) else { return };
    let ours = listing(&folder.tree(image));
    for (path, seen) in &ours {
        let path_text = String::from_utf8_lossy(path);
        let other = kernel.get(path).unwrap_or_else(|| panic!("the kernel has no {path_text}"));
        assert!(seen == other, "{path_text}: ours {}, kernel's {}", short(seen), short(other));
    }
    assert_eq!(ours.len(), kernel.len());
}

fn short(seen: &Seen) -> String {
    let mut text = format!("{seen:?}");
    text.truncate(500);
    text
}

#[test]
fn the_kernel_sees_every_kind_and_attribute() {
    let mut folder = Folder::new();
    let layer = everything(&mut folder);
    let image = folder.merge("tree", &[&layer]);
    same_to_the_kernel(&folder, &image);
}

#[test]
fn the_kernel_reaches_deep_and_wide_places() {
    let folder = Folder::new();
    let layer = layer(|builder| {
        builder.insert(&path("d/".repeat(2046) + "ff"), empty()).unwrap();
        for number in 0..20_000 {
            builder.insert(&path(format!("wide/{number}")), empty()).unwrap();
        }
        for byte in (1..=255u8).filter(|byte| !b"/.".contains(byte)) {
            builder.insert(&path([b'n', b'/', byte]), empty()).unwrap();
        }
    });
    let image = folder.merge("tree", &[&layer]);
    same_to_the_kernel(&folder, &image);
}

#[test]
fn the_kernel_does_not_mind_the_trailer() {
    let mut folder = Folder::new();
    let layer = everything(&mut folder);
    let path = folder.path("with-trailer");
    let mut bytes = layer.body().to_vec();
    let trailer = Trailer { image_len: bytes.len() as u64, sha256: [9; 32] };
    bytes.extend_from_slice(&trailer.encode());
    std::fs::write(&path, &bytes).unwrap();
    let image = Arc::new(Image::open(&path).unwrap());
    assert_eq!(image.trailer(), Some(trailer));
    fsck(&folder, &image);
    let tree = folder.merge("tree", &[&layer]);
    assert_eq!(mounted(&folder, &image).is_some(), mounted(&folder, &tree).is_some());
}
