//! What is written is what is read.

use super::super::*;
use super::support::*;
use crate::vfs::{Device, Name, Timespec, same_inode};

/// One file of every kind, with every attribute.
pub(super) fn everything(folder: &mut Folder) -> Image {
    let big: Vec<u8> = (0..300_000u32).map(|index| (index * 7 / 1000) as u8).collect();
    let refs = folder.pack(&[b"one", &big, &[7; 4096]]);
    layer(|builder| {
        let time = |sec, nsec| Timespec { sec, nsec };
        let mut root = directory(0o751);
        root.mtime = time(1_600_000_000, 1);
        builder.insert(&path("/"), root).unwrap();
        builder.insert(&path("one"), Node { uid: 70_000, gid: 1, ..file(refs[0]) }).unwrap();
        builder.insert(&path("big"), Node { mtime: time(-3, 999_999_999), mode: 0o4755, ..file(refs[1]) }).unwrap();
        builder.insert(&path("block"), Node { gid: 4_000_000_000, ..file(refs[2]) }).unwrap();
        builder.insert(&path("empty"), Node { mtime: time(1 << 35, 0), ..empty() }).unwrap();
        builder.insert(&path("dir/inner"), empty()).unwrap();
        builder.insert(&path("dir"), directory(0o1777)).unwrap();
        builder.hard_link(&path("dir/link to one"), &path("one")).unwrap();
        for len in [1, 50, 4000, 4031, 4032, 4064, 4095] {
            let link = Node::new(NodeKind::Symlink(vec![b'a'; len]), 0o777);
            builder.insert(&path(format!("symlinks/{len}")), link).unwrap();
        }
        let numbers = Device { major: 300, minor: 70_000 };
        builder.insert(&path("dev/char"), Node::new(NodeKind::CharDevice(numbers), 0o600)).unwrap();
        builder
            .insert(&path("dev/null"), Node::new(NodeKind::CharDevice(Device { major: 1, minor: 3 }), 0o666))
            .unwrap();
        builder.insert(&path("dev/block"), Node::new(NodeKind::BlockDevice(numbers), 0o660)).unwrap();
        builder.insert(&path("dev/fifo"), Node::new(NodeKind::Fifo, 0o644)).unwrap();
        builder.insert(&path("dev/socket"), Node::new(NodeKind::Socket, 0o700)).unwrap();
        // Owner rw, user 1000 r, group r, mask r, others r (acl(5), <linux/posix_acl_xattr.h>).
        let acl = [2u32, 6 << 16 | 1, !0, 4 << 16 | 2, 1000, 4 << 16 | 4, !0, 4 << 16 | 0x10, !0, 4 << 16 | 0x20, !0];
        let acl: Vec<u8> = acl.iter().flat_map(|number| number.to_le_bytes()).collect();
        let acls = ["system.posix_acl_default", "system.posix_acl_access"].map(|name| (name.into(), acl.clone()));
        builder.insert(&path("xattrs/acl"), Node { xattrs: acls.to_vec(), ..directory(0o744) }).unwrap();
        for (name, len) in [("small", 3), ("page", 3900), ("large", 60_000)] {
            let xattrs = vec![
                (b"user.first".to_vec(), vec![b'v'; len]),
                (b"security.capability".to_vec(), b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
                (b"trusted.second".to_vec(), Vec::new()),
            ];
            builder.insert(&path(format!("xattrs/{name}")), Node { xattrs: xattrs.clone(), ..file(refs[0]) }).unwrap();
            let dir = Node { xattrs: xattrs.clone(), ..directory(0o700) };
            builder.insert(&path(format!("xattrs/{name}.dir")), dir).unwrap();
            builder.insert(&path(format!("xattrs/{name}.dir/inner")), empty()).unwrap();
            let link =
                Node { xattrs: xattrs[1..].to_vec(), ..Node::new(NodeKind::Symlink(vec![b'b'; len.min(4000)]), 0o777) };
            builder.insert(&path(format!("xattrs/{name}.link")), link).unwrap();
        }
    })
}

#[test]
fn every_kind_and_attribute_comes_back() {
    let mut folder = Folder::new();
    let layer = everything(&mut folder);
    fsck(&folder, &layer);
    let image = folder.merge("tree", &[&layer]);
    fsck(&folder, &image);
    let root = folder.tree(&image);
    let seen = listing(&root);
    let of = |path: &str| &seen[path.as_bytes()];
    assert_eq!((of("/").mode, of("/").nlink, of("/").mtime), (0o751, 6, Timespec { sec: 1_600_000_000, nsec: 1 }));
    assert_eq!((of("/one").uid, of("/one").gid, of("/one").nlink, &of("/one").data[..]), (70_000, 1, 2, &b"one"[..]));
    assert_eq!((of("/big").mode, of("/big").mtime), (0o4755, Timespec { sec: -3, nsec: 999_999_999 }));
    assert_eq!((of("/big").size, of("/big").data[299_999]), (300_000, (299_999u32 * 7 / 1000) as u8));
    assert_eq!((of("/block").gid, of("/block").size), (4_000_000_000, 4096));
    assert_eq!((of("/empty").size, of("/empty").mtime.sec), (0, 1 << 35));
    assert_eq!((of("/dir").mode, of("/dir").nlink, of("/dev").mode), (0o1777, 2, 0o755));
    assert_eq!(
        (of("/dev/char").rdev, of("/dev/block").rdev, of("/dev/null").rdev),
        ((300, 70_000), (300, 70_000), (1, 3))
    );
    for len in [1, 50, 4000, 4031, 4032, 4064, 4095] {
        assert_eq!(of(&format!("/symlinks/{len}")).data, vec![b'a'; len]);
    }
    for (name, len) in [("small", 3), ("page", 3900), ("large", 60_000), ("large.dir", 60_000)] {
        let xattrs = &of(&format!("/xattrs/{name}")).xattrs;
        let names: Vec<_> = xattrs.iter().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect();
        assert_eq!(names, ["security.capability", "trusted.second", "user.first"]);
        assert_eq!((xattrs[0].1.len(), xattrs[1].1.len(), xattrs[2].1.len()), (20, 0, len));
    }
    assert_eq!(of("/xattrs/large.link").xattrs.len(), 2);
}

#[test]
fn a_file_is_one_object_by_whatever_name_it_is_found() {
    let mut folder = Folder::new();
    let image = everything(&mut folder);
    let root = folder.tree(&std::sync::Arc::new(image));
    let name = |text: &'static str| Name::new(text.as_bytes()).unwrap();
    let one = root.lookup(name("one")).unwrap();
    let dir = root.lookup(name("dir")).unwrap();
    assert!(same_inode(&one, &root.lookup(name("one")).unwrap()));
    assert!(same_inode(&one, &dir.lookup(name("link to one")).unwrap()));
    assert!(!same_inode(&one, &root.lookup(name("big")).unwrap()));
    assert_eq!(one.content_id(), Some(digest(b"one")));
    assert_eq!(dir.content_id(), None);
    assert!(root.lookup(name("empty")).unwrap().content_id().is_some());
}

#[test]
fn the_same_entries_give_the_same_bytes() {
    let write = || everything(&mut Folder::new()).body().to_vec();
    assert!(write() == write());
}

#[test]
fn files_beyond_4_gib_are_read_to_their_end() {
    let mut folder = Folder::new();
    let len = (5u64 << 30) + 7;
    let (small, large) = folder.pack_with(|writer| {
        let small = writer.put(digest(b"small"), b"small").unwrap();
        writer.begin().unwrap();
        writer.write(b"begin").unwrap();
        writer.write_hole(len - 8);
        writer.write(b"end").unwrap();
        (small, writer.commit(digest(b"large")).unwrap())
    });
    assert_eq!(large.len, len);
    let layer = layer(|builder| {
        builder.insert(&path("large"), file(large)).unwrap();
        builder.insert(&path("small"), file(small)).unwrap();
    });
    let image = folder.merge("tree", &[&layer]);
    let inode = folder.tree(&image).lookup(Name::new(b"large").unwrap()).unwrap();
    assert_eq!(inode.attr().unwrap().size, len);
    let mut end = [9; 10];
    assert_eq!(inode.read_at(&mut end, len - 5), Ok(5));
    assert_eq!(&end[..6], b"\0\0end\x09");
    assert_eq!(inode.read_at(&mut end, len), Ok(0));
    assert_eq!(inode.read_at(&mut end, u64::MAX), Ok(0));
    assert_eq!(inode.content_id(), Some(digest(b"large")));
    super::kernel::same_to_the_kernel(&folder, &image);
}

#[test]
fn files_that_nobody_holds_are_forgotten_and_held_ones_stay_the_same() {
    let folder = Folder::new();
    let layer = layer(|builder| {
        for number in 0..70_000 {
            builder.insert(&path(format!("{}/{number}", number % 7)), empty()).unwrap();
        }
        builder.insert(&path("0/0"), empty()).unwrap();
        builder.hard_link(&path("1/link"), &path("0/0")).unwrap();
    });
    let root = folder.tree(&folder.merge("tree", &[&layer]));
    let find = |name: &str| {
        let (dir, name) = name.split_once('/').unwrap();
        root.lookup(Name::new(dir.as_bytes()).unwrap()).unwrap().lookup(Name::new(name.as_bytes()).unwrap()).unwrap()
    };
    let held = [find("0/0"), find("1/1"), find("2/2")];
    for _ in 0..3 {
        for number in 0..70_000 {
            find(&format!("{}/{number}", number % 7));
        }
    }
    for (inode, name) in held.iter().zip(["1/link", "1/1", "2/2"]) {
        assert!(same_inode(inode, &find(name)));
    }
}
