//! The contract suite: what every writable file system does, whichever way it stores its files.
//!
//! [`check`] runs all of it over a fixture that makes an empty directory; [`check_read_only`] runs what holds for a file
//! system that cannot be changed.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::attr::{Device, FileKind, SetAttr, Timespec};
use super::errno::{Errno, Result};
use super::inode::{InodeRef, NewInode, NewKind, RenameMode, same_inode};
use super::memfs::{MemFsOptions, memfs};
use super::path::Name;

/// What a file system may leave out.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lacks {
    /// Devices, pipes and sockets, owners, extended attributes, exchanging and `NoReplace`: what portable host files lack.
    pub(crate) unix: bool,
}

type Behaviour = (&'static str, fn(&InodeRef));

const BEHAVIOURS: &[Behaviour] = &[
    ("a new file is empty and has one name", a_new_file_is_empty_and_has_one_name),
    ("a name is taken once", a_name_is_taken_once),
    ("look-ups give the same object", look_ups_give_the_same_object),
    ("what was written is read", what_was_written_is_read),
    ("holes read as zeros", holes_read_as_zeros),
    ("a file can be far longer than memory", a_file_can_be_far_longer_than_memory),
    ("cut bytes do not come back", cut_bytes_do_not_come_back),
    ("small writes anywhere are seen at once", small_writes_anywhere_are_seen_at_once),
    ("appends go to the end", appends_go_to_the_end),
    ("an unlinked open file lives on", an_unlinked_open_file_lives_on),
    ("hard links are one file", hard_links_are_one_file),
    ("directories are not linked", directories_are_not_linked),
    ("kinds are told apart", kinds_are_told_apart),
    ("directories count their subdirectories", directories_count_their_subdirectories),
    ("a full directory is not removed", a_full_directory_is_not_removed),
    ("a removed directory takes no entries", a_removed_directory_takes_no_entries),
    ("a rename moves and replaces", a_rename_moves_and_replaces),
    ("a rename keeps kinds apart", a_rename_keeps_kinds_apart),
    ("a directory does not go into itself", a_directory_does_not_go_into_itself),
    ("a rename onto another link does nothing", a_rename_onto_another_link_does_nothing),
    ("a moved directory keeps its content", a_moved_directory_keeps_its_content),
    ("listings show every entry once", listings_show_every_entry_once),
    ("cookies stay valid under removal", cookies_stay_valid_under_removal),
    ("cookies stay valid under creation", cookies_stay_valid_under_creation),
    ("symlinks keep their target", symlinks_keep_their_target),
    ("changes move the times", changes_move_the_times),
    ("other file systems are told apart", other_file_systems_are_told_apart),
    ("files too large are refused", files_too_large_are_refused),
    ("several threads write one tree", several_threads_write_one_tree),
];

const UNIX_BEHAVIOURS: &[Behaviour] = &[
    ("attributes are kept", attributes_are_kept),
    ("special files keep their numbers", special_files_keep_their_numbers),
    ("extended attributes are kept", extended_attributes_are_kept),
    ("a rename can spare or exchange", a_rename_can_spare_or_exchange),
];

/// Runs the suite over empty directories that `fixture` makes.
#[allow(clippy::disallowed_macros)]
pub(crate) fn check(lacks: Lacks, fixture: &dyn Fn() -> InodeRef) {
    let unix: &[Behaviour] = if lacks.unix { &[] } else { UNIX_BEHAVIOURS };
    for (name, behaviour) in BEHAVIOURS.iter().chain(unix) {
        println!("{name}");
        behaviour(&fixture());
    }
}

/// Checks that nothing below `root`, which must have entries, can be changed.
pub(crate) fn check_read_only(root: &InodeRef) {
    let mut pending = vec![root.clone()];
    while let Some(dir) = pending.pop() {
        let refused = |result: Result<()>| assert_eq!(result, Err(Errno::RoFs));
        refused(dir.create(name("new"), &NewInode::new(NewKind::Regular, 0o644)).map(drop));
        refused(dir.set_attr(&SetAttr { mode: Some(0), ..SetAttr::default() }).map(drop));
        for (found, kind) in list(&dir) {
            let child = dir.lookup(name(&found)).unwrap();
            assert!(same_inode(&child, &dir.lookup(name(&found)).unwrap()), "{found}");
            assert_eq!((child.kind(), child.attr().unwrap().kind), (kind, kind), "{found}");
            refused(dir.rename(name(&found), &dir, name("new"), RenameMode::Replace));
            match kind {
                FileKind::Directory => {
                    refused(dir.rmdir(name(&found)));
                    pending.push(child);
                }
                FileKind::Regular => {
                    refused(dir.unlink(name(&found)));
                    refused(child.write_at(b"x", 0).map(drop));
                    refused(child.append(b"x").map(drop));
                    refused(child.set_len(0));
                    // Files of `/proc` tell a size of 0.
                    let end = child.attr().unwrap().size.max(1 << 16);
                    assert_eq!(child.read_at(&mut [0; 8], end), Ok(0), "{found}");
                }
                _ => refused(dir.unlink(name(&found))),
            }
        }
        assert_eq!(dir.lookup(name("no such entry")).err(), Some(Errno::NoEnt));
        assert_eq!(dir.read_at(&mut [0; 8], 0), Err(Errno::IsDir));
    }
}

pub(crate) fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

pub(crate) fn file(dir: &InodeRef, text: &str) -> InodeRef {
    dir.create(name(text), &NewInode::new(NewKind::Regular, 0o644)).unwrap()
}

pub(crate) fn mkdir(dir: &InodeRef, text: &str) -> InodeRef {
    dir.create(name(text), &NewInode::new(NewKind::Directory, 0o755)).unwrap()
}

pub(crate) fn list(dir: &InodeRef) -> Vec<(String, FileKind)> {
    let mut found = Vec::new();
    dir.read_dir(0, &mut |entry| {
        found.push((String::from_utf8_lossy(entry.name.as_bytes()).into_owned(), entry.kind));
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

pub(crate) fn content(file: &InodeRef) -> Vec<u8> {
    let mut bytes = vec![0; file.attr().unwrap().size as usize];
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], done as u64).unwrap() {
            0 => break,
            read => done += read,
        }
    }
    bytes.truncate(done);
    bytes
}

fn nlink(inode: &InodeRef) -> u32 {
    inode.attr().unwrap().nlink
}

fn a_new_file_is_empty_and_has_one_name(root: &InodeRef) {
    let a = file(root, "a");
    let attr = a.attr().unwrap();
    assert_eq!((attr.kind, attr.size, attr.nlink), (FileKind::Regular, 0, 1));
    assert_eq!(a.read_at(&mut [0; 10], 0), Ok(0));
    assert_eq!(list(root), [("a".to_owned(), FileKind::Regular)]);
    assert_eq!(attr.dev, root.attr().unwrap().dev);
}

fn a_name_is_taken_once(root: &InodeRef) {
    file(root, "a");
    for kind in [NewKind::Regular, NewKind::Directory, NewKind::Symlink(b"x")] {
        assert_eq!(root.create(name("a"), &NewInode::new(kind, 0o644)).err(), Some(Errno::Exist));
    }
    root.unlink(name("a")).unwrap();
    assert_eq!(root.lookup(name("a")).err(), Some(Errno::NoEnt));
    assert_eq!(root.unlink(name("a")), Err(Errno::NoEnt));
    mkdir(root, "a");
}

fn look_ups_give_the_same_object(root: &InodeRef) {
    let (a, d) = (file(root, "a"), mkdir(root, "d"));
    assert!(same_inode(&a, &root.lookup(name("a")).unwrap()));
    assert!(same_inode(&d, &root.lookup(name("d")).unwrap()));
    drop((a, d));
    assert!(same_inode(&root.lookup(name("a")).unwrap(), &root.lookup(name("a")).unwrap()));
}

fn what_was_written_is_read(root: &InodeRef) {
    let a = file(root, "a");
    assert_eq!(a.write_at(b"hello world", 0), Ok(11));
    assert_eq!(a.write_at(b"W", 6), Ok(1));
    assert_eq!(a.write_at(b"", 100), Ok(0));
    assert_eq!(content(&a), b"hello World");
    let mut buf = [0; 5];
    assert_eq!((a.read_at(&mut buf, 9), &buf[..2]), (Ok(2), &b"ld"[..]));
    assert_eq!(a.read_at(&mut buf, 11), Ok(0));
    assert_eq!(a.read_at(&mut buf, u64::MAX), Ok(0));
    let large: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(a.write_at(&large, 5), Ok(300_000));
    assert_eq!(content(&a)[5..], large);
}

fn holes_read_as_zeros(root: &InodeRef) {
    let a = file(root, "a");
    a.write_at(b"end", 200_000).unwrap();
    let bytes = content(&a);
    assert_eq!(bytes.len(), 200_003);
    assert!(bytes[..200_000].iter().all(|&byte| byte == 0) && bytes.ends_with(b"end"));
    a.set_len(300_000).unwrap();
    assert_eq!(content(&a)[200_003..], vec![0; 99_997]);
}

fn a_file_can_be_far_longer_than_memory(root: &InodeRef) {
    let a = file(root, "a");
    assert_eq!(a.write_at(b"far", 1 << 40), Ok(3));
    assert_eq!(a.attr().unwrap().size, (1 << 40) + 3);
    let mut buf = [7; 4];
    assert_eq!((a.read_at(&mut buf, (1 << 40) - 1), &buf), (Ok(4), b"\0far"));
    a.set_len(0).unwrap();
    assert_eq!(content(&a), b"");
}

fn cut_bytes_do_not_come_back(root: &InodeRef) {
    let a = file(root, "a");
    a.write_at(&[1; 70_000], 0).unwrap();
    a.write_at(b"xyz", 70_000).unwrap();
    a.set_len(70_001).unwrap();
    a.set_len(70_003).unwrap();
    assert_eq!(content(&a)[69_999..], [1, b'x', 0, 0]);
    a.set_len(10).unwrap();
    a.write_at(b"y", 20).unwrap();
    assert_eq!(content(&a), [&[1; 10][..], &[0; 10], b"y"].concat());
}

fn small_writes_anywhere_are_seen_at_once(root: &InodeRef) {
    let mut random = fastrand::Rng::with_seed(3);
    let (a, mut model) = (file(root, "a"), Vec::new());
    for _ in 0..3000 {
        let offset = if random.u8(..3) == 0 { random.usize(..400_000) } else { model.len() };
        let bytes = vec![random.u8(1..); random.usize(1..200)];
        a.write_at(&bytes, offset as u64).unwrap();
        model.resize(model.len().max(offset + bytes.len()), 0);
        model[offset..offset + bytes.len()].copy_from_slice(&bytes);
        if random.u8(..20) == 0 {
            let (begin, mut buf) = (random.usize(..model.len()), vec![0; random.usize(1..5000)]);
            let read = a.read_at(&mut buf, begin as u64).unwrap();
            assert_eq!(buf[..read], model[begin..(begin + buf.len()).min(model.len())]);
        }
        if random.u8(..100) == 0 {
            let len = random.usize(..=model.len());
            a.set_len(len as u64).unwrap();
            model.truncate(len);
        }
    }
    assert!(content(&a) == model);
}

fn appends_go_to_the_end(root: &InodeRef) {
    let a = file(root, "a");
    assert_eq!(a.append(b"one"), Ok((3, 3)));
    a.write_at(b"x", 9).unwrap();
    assert_eq!(a.append(b"two"), Ok((3, 13)));
    assert_eq!(content(&a), b"one\0\0\0\0\0\0xtwo");
}

fn an_unlinked_open_file_lives_on(root: &InodeRef) {
    let a = file(root, "a");
    a.write_at(b"before", 0).unwrap();
    root.unlink(name("a")).unwrap();
    assert_eq!(nlink(&a), 0);
    let other = file(root, "a");
    a.write_at(b" and after", 6).unwrap();
    assert_eq!((content(&a), content(&other)), (b"before and after".to_vec(), Vec::new()));
    assert_eq!(root.link(name("b"), &a), Err(Errno::NoEnt));
    a.set_len(3).unwrap();
    assert_eq!(content(&a), b"bef");
}

fn hard_links_are_one_file(root: &InodeRef) {
    let (a, d) = (file(root, "a"), mkdir(root, "d"));
    d.link(name("b"), &a).unwrap();
    assert!(same_inode(&a, &d.lookup(name("b")).unwrap()));
    assert_eq!((nlink(&a), root.link(name("d"), &a)), (2, Err(Errno::Exist)));
    d.lookup(name("b")).unwrap().write_at(b"shared", 0).unwrap();
    assert_eq!(content(&root.lookup(name("a")).unwrap()), b"shared");
    root.unlink(name("a")).unwrap();
    assert_eq!((nlink(&a), content(&d.lookup(name("b")).unwrap())), (1, b"shared".to_vec()));
}

fn directories_are_not_linked(root: &InodeRef) {
    let d = mkdir(root, "d");
    assert_eq!(root.link(name("e"), &d), Err(Errno::Perm));
}

fn kinds_are_told_apart(root: &InodeRef) {
    let (a, d) = (file(root, "a"), mkdir(root, "d"));
    assert_eq!(root.unlink(name("d")), Err(Errno::IsDir));
    assert_eq!(root.rmdir(name("a")), Err(Errno::NotDir));
    assert_eq!(a.lookup(name("x")).err(), Some(Errno::NotDir));
    assert_eq!(a.create(name("x"), &NewInode::new(NewKind::Regular, 0)).err(), Some(Errno::NotDir));
    assert_eq!(a.unlink(name("x")), Err(Errno::NotDir));
    assert_eq!(a.read_dir(0, &mut |_| ControlFlow::Continue(())), Err(Errno::NotDir));
    assert_eq!(d.read_at(&mut [0; 4], 0), Err(Errno::IsDir));
    assert_eq!(d.write_at(b"x", 0), Err(Errno::IsDir));
    assert_eq!(d.set_len(0), Err(Errno::IsDir));
    assert_eq!((d.read_link(), a.read_link()), (Err(Errno::Inval), Err(Errno::Inval)));
}

fn directories_count_their_subdirectories(root: &InodeRef) {
    let before = nlink(root);
    let d = mkdir(root, "d");
    mkdir(root, "e");
    file(root, "f");
    let after = nlink(root);
    // Some host file systems do not count.
    if before == 1 {
        return;
    }
    assert_eq!((after, nlink(&d)), (before + 2, 2));
    root.rename(name("e"), &d, name("e"), RenameMode::Replace).unwrap();
    assert_eq!((nlink(root), nlink(&d)), (before + 1, 3));
    d.rmdir(name("e")).unwrap();
    assert_eq!(nlink(&d), 2);
    root.rmdir(name("d")).unwrap();
    assert_eq!(nlink(root), before);
}

fn a_full_directory_is_not_removed(root: &InodeRef) {
    let d = mkdir(root, "d");
    file(&d, "a");
    assert_eq!(root.rmdir(name("d")), Err(Errno::NotEmpty));
    d.unlink(name("a")).unwrap();
    assert_eq!(root.rmdir(name("d")), Ok(()));
    assert_eq!(root.rmdir(name("d")), Err(Errno::NoEnt));
}

fn a_removed_directory_takes_no_entries(root: &InodeRef) {
    let d = mkdir(root, "d");
    root.rmdir(name("d")).unwrap();
    assert_eq!(d.create(name("a"), &NewInode::new(NewKind::Regular, 0o644)).err(), Some(Errno::NoEnt));
    let a = file(root, "a");
    assert_eq!(d.link(name("a"), &a), Err(Errno::NoEnt));
    assert_eq!(root.rename(name("a"), &d, name("a"), RenameMode::Replace), Err(Errno::NoEnt));
    assert_eq!((list(&d), d.lookup(name("a")).err()), (Vec::new(), Some(Errno::NoEnt)));
}

fn a_rename_moves_and_replaces(root: &InodeRef) {
    let (a, d) = (file(root, "a"), mkdir(root, "d"));
    a.write_at(b"a", 0).unwrap();
    root.rename(name("a"), &d, name("b"), RenameMode::Replace).unwrap();
    assert_eq!(root.lookup(name("a")).err(), Some(Errno::NoEnt));
    assert!(same_inode(&a, &d.lookup(name("b")).unwrap()));
    let replaced = file(&d, "c");
    d.rename(name("b"), &d, name("c"), RenameMode::Replace).unwrap();
    assert_eq!((list(&d), nlink(&replaced)), (vec![("c".to_owned(), FileKind::Regular)], 0));
    assert_eq!(content(&d.lookup(name("c")).unwrap()), b"a");
    assert_eq!(d.rename(name("gone"), &d, name("c"), RenameMode::Replace), Err(Errno::NoEnt));
    assert_eq!(d.rename(name("c"), &d, name("c"), RenameMode::Replace), Ok(()));
}

fn a_rename_keeps_kinds_apart(root: &InodeRef) {
    let (d, full) = (mkdir(root, "d"), mkdir(root, "full"));
    file(root, "a");
    file(&full, "x");
    assert_eq!(root.rename(name("a"), root, name("d"), RenameMode::Replace), Err(Errno::IsDir));
    assert_eq!(root.rename(name("d"), root, name("a"), RenameMode::Replace), Err(Errno::NotDir));
    assert_eq!(root.rename(name("d"), root, name("full"), RenameMode::Replace), Err(Errno::NotEmpty));
    assert_eq!(root.rename(name("full"), root, name("d"), RenameMode::Replace), Ok(()));
    assert!(same_inode(&full, &root.lookup(name("d")).unwrap()));
    assert_eq!(d.create(name("x"), &NewInode::new(NewKind::Regular, 0)).err(), Some(Errno::NoEnt));
}

fn a_directory_does_not_go_into_itself(root: &InodeRef) {
    let d = mkdir(root, "d");
    let e = mkdir(&d, "e");
    let f = mkdir(&e, "f");
    assert_eq!(root.rename(name("d"), &d, name("x"), RenameMode::Replace), Err(Errno::Inval));
    assert_eq!(root.rename(name("d"), &f, name("x"), RenameMode::Replace), Err(Errno::Inval));
    assert_eq!(e.rename(name("f"), root, name("d"), RenameMode::Replace), Err(Errno::NotEmpty));
    e.rename(name("f"), root, name("f"), RenameMode::Replace).unwrap();
    root.rename(name("d"), &f, name("d"), RenameMode::Replace).unwrap();
    assert_eq!(root.rename(name("f"), &e, name("f"), RenameMode::Replace), Err(Errno::Inval));
}

fn a_rename_onto_another_link_does_nothing(root: &InodeRef) {
    let a = file(root, "a");
    root.link(name("b"), &a).unwrap();
    root.rename(name("a"), root, name("b"), RenameMode::Replace).unwrap();
    assert_eq!((list(root).len(), nlink(&a)), (2, 2));
}

fn a_moved_directory_keeps_its_content(root: &InodeRef) {
    let d = mkdir(root, "d");
    let e = mkdir(&d, "e");
    file(&e, "deep").write_at(b"deep", 0).unwrap();
    let other = mkdir(root, "other");
    root.rename(name("d"), &other, name("moved"), RenameMode::Replace).unwrap();
    let moved = other.lookup(name("moved")).unwrap();
    assert!(same_inode(&moved, &d) && same_inode(&moved.lookup(name("e")).unwrap(), &e));
    assert_eq!(content(&e.lookup(name("deep")).unwrap()), b"deep");
    file(&e, "new");
    assert_eq!(list(&e).len(), 2);
}

fn listings_show_every_entry_once(root: &InodeRef) {
    let mut expected = BTreeSet::new();
    for n in 0..500 {
        file(root, &format!("entry {n}"));
        expected.insert(format!("entry {n}"));
    }
    let (mut found, mut from, mut rounds) = (BTreeSet::new(), 0, 0);
    loop {
        let mut count = 0;
        root.read_dir(from, &mut |entry| {
            let name = String::from_utf8_lossy(entry.name.as_bytes()).into_owned();
            assert!(found.insert(name.clone()), "{name} is shown twice");
            assert!(entry.next > 0 && entry.next < 1 << 62);
            (from, count) = (entry.next, count + 1);
            if count == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        rounds += 1;
        if count == 0 {
            break;
        }
    }
    assert_eq!((found, rounds), (expected, 500_usize.div_ceil(7) + 1));
    for (found, kind) in list(root).into_iter().take(3) {
        let inode = root.lookup(name(&found)).unwrap();
        assert_eq!(inode.kind(), kind);
    }
}

/// As `rm -r` does it: a batch of names, their removal, the next batch.
fn cookies_stay_valid_under_removal(root: &InodeRef) {
    const COUNT: usize = 10_000;
    for n in 0..COUNT {
        file(root, &format!("f{n}"));
    }
    let (mut from, mut removed) = (0, 0);
    loop {
        let mut batch = Vec::new();
        root.read_dir(from, &mut |entry| {
            batch.push(entry.name.to_owned());
            from = entry.next;
            if batch.len() == 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        if batch.is_empty() {
            break;
        }
        for name in batch {
            root.unlink(name.as_name()).unwrap();
            removed += 1;
        }
    }
    assert_eq!((removed, list(root).len()), (COUNT, 0));
}

fn cookies_stay_valid_under_creation(root: &InodeRef) {
    for n in 0..50 {
        file(root, &format!("old{n}"));
    }
    let (mut from, mut old, mut made) = (0, BTreeSet::new(), 0);
    loop {
        let mut next = None;
        root.read_dir(from, &mut |entry| {
            next = Some((entry.name.to_owned(), entry.next));
            ControlFlow::Break(())
        })
        .unwrap();
        let Some((found, cookie)) = next else { break };
        from = cookie;
        if found.as_bytes().starts_with(b"old") {
            assert!(old.insert(found));
            file(root, &format!("new{made}"));
            made += 1;
        }
    }
    assert_eq!(old.len(), 50);
}

fn symlinks_keep_their_target(root: &InodeRef) {
    let link = root.create(name("l"), &NewInode::new(NewKind::Symlink(b"some/where"), 0o777)).unwrap();
    assert_eq!((link.kind(), link.read_link()), (FileKind::Symlink, Ok(b"some/where".to_vec())));
    assert_eq!(link.attr().unwrap().size, 10);
    assert_eq!(link.lookup(name("x")).err(), Some(Errno::NotDir));
    assert_eq!(list(root), [("l".to_owned(), FileKind::Symlink)]);
    root.unlink(name("l")).unwrap();
}

fn changes_move_the_times(root: &InodeRef) {
    let long_ago = Timespec { sec: 1000, nsec: 0 };
    let (a, d) = (file(root, "a"), mkdir(root, "d"));
    let old = SetAttr { mtime: Some(long_ago), atime: Some(long_ago), ..SetAttr::default() };
    let is_old = |inode: &InodeRef| inode.attr().unwrap().mtime == long_ago;
    assert_eq!(a.set_attr(&old).unwrap().mtime, long_ago);
    assert_eq!(a.attr().unwrap().atime, long_ago);
    a.write_at(b"x", 0).unwrap();
    assert!(!is_old(&a));
    a.set_attr(&old).unwrap();
    a.set_len(0).unwrap();
    assert!(!is_old(&a));
    a.write_at(b"gathered", 0).unwrap();
    a.set_attr(&old).unwrap();
    a.sync().unwrap();
    assert!(is_old(&a), "a time that was set survives the writing out of what was written before");
    d.set_attr(&old).unwrap();
    file(&d, "x");
    assert!(!is_old(&d));
    d.set_attr(&old).unwrap();
    d.unlink(name("x")).unwrap();
    assert!(!is_old(&d));
}

fn other_file_systems_are_told_apart(root: &InodeRef) {
    let other = memfs(&MemFsOptions::default());
    let stranger = file(&other, "stranger");
    file(root, "a");
    assert_ne!(root.attr().unwrap().dev, other.attr().unwrap().dev);
    assert_eq!(root.link(name("s"), &stranger), Err(Errno::XDev));
    assert_eq!(root.rename(name("a"), &other, name("a"), RenameMode::Replace), Err(Errno::XDev));
}

fn files_too_large_are_refused(root: &InodeRef) {
    let a = file(root, "a");
    assert_eq!(a.write_at(b"xx", i64::MAX as u64 - 1), Err(Errno::FBig));
    assert_eq!(a.set_len(u64::MAX), Err(Errno::FBig));
    assert_eq!(a.write_at(b"xx", u64::MAX), Err(Errno::FBig));
    assert_eq!(a.attr().unwrap().size, 0);
}

fn several_threads_write_one_tree(root: &InodeRef) {
    let shared = mkdir(root, "shared");
    let log = file(root, "log");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (shared, log) = (shared.clone(), log.clone());
            scope.spawn(move || {
                for n in 0..200 {
                    let (first, second) = (format!("{thread}-{n}"), format!("{}-{n}-moved", (thread + 1) % 4));
                    let made = file(&shared, &first);
                    made.write_at(first.as_bytes(), 0).unwrap();
                    log.append(b"0123456789").unwrap();
                    shared.rename(name(&first), &shared, name(&second), RenameMode::Replace).unwrap();
                    assert!(same_inode(&made, &shared.lookup(name(&second)).unwrap()));
                    if n % 2 == 0 {
                        shared.unlink(name(&second)).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!((list(&shared).len(), log.attr().unwrap().size), (400, 8000));
    assert!(content(&log).chunks(10).all(|line| line == b"0123456789"));
}

fn attributes_are_kept(root: &InodeRef) {
    let new = NewInode {
        uid: 5,
        gid: 6,
        mtime: Some(Timespec { sec: 7, nsec: 8 }),
        ..NewInode::new(NewKind::Regular, 0o4751)
    };
    let a = root.create(name("a"), &new).unwrap();
    let attr = a.attr().unwrap();
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.mtime), (0o4751, 5, 6, Timespec { sec: 7, nsec: 8 }));
    let changed = a.set_attr(&SetAttr { mode: Some(0o600), gid: Some(9), ..SetAttr::default() }).unwrap();
    assert_eq!((changed.mode, changed.uid, changed.gid, changed.mtime), (0o600, 5, 9, Timespec { sec: 7, nsec: 8 }));
    assert_eq!(a.attr().unwrap(), changed);
}

fn special_files_keep_their_numbers(root: &InodeRef) {
    let device = Device { major: 1, minor: 3 };
    let null = root.create(name("null"), &NewInode::new(NewKind::CharDevice(device), 0o666)).unwrap();
    assert_eq!((null.kind(), null.attr().unwrap().rdev), (FileKind::CharDevice, device));
    let pipe = root.create(name("pipe"), &NewInode::new(NewKind::Fifo, 0o644)).unwrap();
    assert_eq!(pipe.attr().unwrap().kind, FileKind::Fifo);
}

fn extended_attributes_are_kept(root: &InodeRef) {
    let a = file(root, "a");
    assert_eq!(a.xattr(b"user.x"), Err(Errno::NoData));
    a.set_xattr(b"user.x", b"1").unwrap();
    a.set_xattr(b"user.a", b"").unwrap();
    a.set_xattr(b"user.x", b"2").unwrap();
    assert_eq!((a.xattr(b"user.x"), a.xattr(b"user.a")), (Ok(b"2".to_vec()), Ok(Vec::new())));
    assert_eq!(a.list_xattrs(), Ok(vec![b"user.a".to_vec(), b"user.x".to_vec()]));
    a.remove_xattr(b"user.x").unwrap();
    assert_eq!(a.remove_xattr(b"user.x"), Err(Errno::NoData));
    assert_eq!(a.set_xattr(&[b'x'; 256], b""), Err(Errno::Range));
    assert_eq!(a.set_xattr(b"user.big", &[0; 70_000]), Err(Errno::TooBig));
    assert_eq!(a.list_xattrs(), Ok(vec![b"user.a".to_vec()]));
}

fn a_rename_can_spare_or_exchange(root: &InodeRef) {
    let (a, d) = (file(root, "a"), mkdir(root, "d"));
    let e = mkdir(&d, "e");
    assert_eq!(root.rename(name("a"), root, name("d"), RenameMode::NoReplace), Err(Errno::Exist));
    assert_eq!(root.rename(name("a"), root, name("x"), RenameMode::Exchange), Err(Errno::NoEnt));
    root.rename(name("a"), root, name("b"), RenameMode::NoReplace).unwrap();
    let before = nlink(root);
    root.rename(name("b"), &d, name("e"), RenameMode::Exchange).unwrap();
    assert!(same_inode(&root.lookup(name("b")).unwrap(), &e) && same_inode(&d.lookup(name("e")).unwrap(), &a));
    assert_eq!((nlink(root), nlink(&d)), (before + 1, 2));
    assert_eq!(root.rename(name("d"), &e, name("x"), RenameMode::Replace), Ok(()));
    assert_eq!(root.rename(name("b"), &d, name("e"), RenameMode::Exchange), Err(Errno::Inval));
    assert_eq!(d.rename(name("e"), root, name("b"), RenameMode::Exchange), Err(Errno::Inval));
}
