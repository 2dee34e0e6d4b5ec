//! Damaged images are refused or read as far as they go: no panic, no endless loop, no memory beyond their size.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::super::format::{BLOCK, SUPER_OFFSET, put};
use super::super::*;
use super::support::*;
use super::trees::everything;
use crate::vfs::{FileKind, InodeRef, Name};

/// Reads all there is; at most `budget` entries, as a damaged directory may be found under many names.
fn read_all(root: &InodeRef, mut budget: usize) -> usize {
    let mut pending = vec![root.clone()];
    let mut faults = 0;
    while let Some(inode) = pending.pop() {
        let mut buf = [0; 5000];
        faults += usize::from(inode.attr().is_err());
        faults += usize::from(inode.kind() == FileKind::Regular && inode.read_at(&mut buf, 1000).is_err());
        faults += usize::from(inode.kind() == FileKind::Symlink && inode.read_link().is_err());
        inode.content_id();
        match inode.list_xattrs() {
            Ok(names) => faults += names.iter().filter(|name| inode.xattr(name).is_err()).count(),
            Err(_) => faults += 1,
        }
        if inode.kind() != FileKind::Directory {
            continue;
        }
        let mut names = Vec::new();
        let listed = inode.read_dir(0, &mut |entry| {
            names.push(entry.name.to_owned());
            budget = budget.saturating_sub(1);
            if budget == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        faults += usize::from(listed.is_err());
        for name in &names {
            match inode.lookup(name.as_name()) {
                Ok(child) => pending.push(child),
                Err(_) => faults += 1,
            }
        }
        if budget == 0 {
            break;
        }
    }
    faults
}

/// Makes the checksum of the superblock right again, so that damage in it is not found at once.
fn sign(bytes: &mut [u8]) {
    put(bytes, SUPER_OFFSET + 4, &[0; 4]);
    let checksum = !crc32c::crc32c(&bytes[SUPER_OFFSET..BLOCK]);
    put(bytes, SUPER_OFFSET + 4, &checksum.to_le_bytes());
}

fn try_all(folder: &Folder, bytes: Vec<u8>) -> usize {
    let Ok(image) = Image::from_bytes(bytes, Path::new("damaged")) else { return 1 };
    let image = Arc::new(image);
    let refused = merge(&[&image], &mut Vec::new()).is_err() || image.contents().any(|content| content.is_err());
    let tree = Tree::open(image, folder.packs.clone());
    usize::from(refused) + tree.map_or(1, |root| read_all(&root, 10_000))
}

#[test]
fn random_damage_is_survived() {
    let mut folder = Folder::new();
    let good = everything(&mut folder).body().to_vec();
    assert_eq!(try_all(&folder, good.clone()), 0);
    let mut random = fastrand::Rng::with_seed(2);
    let mut found = 0;
    for round in 0..6000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..6) {
            // Half of the damage to the first blocks, where most of the structure is.
            let end = if random.bool() { bytes.len() } else { 3 * BLOCK };
            let at = random.usize(SUPER_OFFSET..end);
            match random.u32(..3) {
                0 => bytes[at] ^= 1 << random.u32(..8),
                1 => bytes[at] = random.u8(..),
                _ => bytes[at] = [0, 0xff, 0x7f, 0x80][random.usize(..4)],
            }
        }
        if round % 10 != 0 {
            sign(&mut bytes);
        }
        found += usize::from(try_all(&folder, bytes) > 0);
    }
    assert!(found > 500, "{found}");
}

#[test]
fn cut_images_are_refused() {
    let mut folder = Folder::new();
    let good = everything(&mut folder).body().to_vec();
    for len in (0..good.len()).step_by(509) {
        assert!(Image::from_bytes(good[..len].to_vec(), Path::new("cut")).is_err());
    }
    let mut long = good.clone();
    long.extend_from_slice(&[0; 64]);
    let error = Image::from_bytes(long, Path::new("long")).err().unwrap();
    assert_eq!(error.to_string(), "long: the trailer is damaged");
    let mut lying = good.clone();
    lying.extend_from_slice(&Trailer { image_len: 5, sha256: [0; 32] }.encode());
    assert!(Image::from_bytes(lying, Path::new("lying")).is_err());
    assert_eq!(Image::from_bytes(vec![7; 9000], Path::new("x")).err().unwrap().to_string(), "x: not an EROFS image");
    assert!(Image::open(&folder.path("missing")).err().unwrap().to_string().contains("missing: No such file"));
}

#[test]
fn a_content_beyond_its_pack_is_an_error_when_it_is_read() {
    let mut folder = Folder::new();
    let content = folder.pack(&[b"content"])[0];
    let layer = layer(|builder| {
        builder.insert(&path("far"), file(ContentRef { block: 9, ..content })).unwrap();
        builder.insert(&path("long"), file(ContentRef { len: 5000, ..content })).unwrap();
    });
    let root = folder.tree(&folder.merge("tree", &[&layer]));
    for name in ["far", "long"] {
        let inode = root.lookup(Name::new(name.as_bytes()).unwrap()).unwrap();
        assert_eq!(inode.read_at(&mut [0; 10], 0), Err(crate::vfs::Errno::Io));
        assert_eq!(inode.content_id(), None);
    }
}
