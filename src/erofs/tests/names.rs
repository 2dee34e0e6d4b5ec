//! Names, paths and directories at the edges of what is allowed.

use super::support::*;
use crate::vfs::{Errno, Name, PATH_MAX};
use std::ops::ControlFlow;

#[test]
fn names_of_every_script_and_byte_are_kept() {
    let mut names: Vec<Vec<u8>> = (1..=255u8).filter(|byte| *byte != b'/').map(|byte| vec![b'x', byte]).collect();
    names.extend((1..=255u8).filter(|byte| !b"/.".contains(byte)).map(|byte| vec![byte]));
    let texts =
        ["日本語", "Ελληνικά", "عربى", "🐄📦", "aux.c", "a:b", "Makefile", "makefile", "...", ".-", "..a", " a "];
    names.extend(texts.map(|text| text.as_bytes().to_vec()));
    names.push(vec![b'n'; 255]);
    let folder = Folder::new();
    let layer = layer(|builder| {
        for name in &names {
            builder.insert(&path(name), empty()).unwrap();
        }
    });
    let image = folder.merge("tree", &[&layer]);
    fsck(&folder, &image);
    let root = folder.tree(&image);
    names.sort();
    assert!(super::support::names(&root) == names);
    for name in &names {
        root.lookup(Name::new(name).unwrap()).unwrap();
    }
    assert_eq!(root.lookup(Name::new(b"missing").unwrap()).err(), Some(Errno::NoEnt));
}

#[test]
fn a_directory_of_100_000_entries_is_searched_and_listed_from_any_place() {
    let folder = Folder::new();
    let names: Vec<String> = (0..100_000).map(|number| format!("file-{number:06}.txt")).collect();
    let layer = layer(|builder| {
        let mut shuffled = names.clone();
        fastrand::Rng::with_seed(1).shuffle(&mut shuffled);
        for name in shuffled {
            builder.insert(&path(format!("dir/{name}")), empty()).unwrap();
        }
    });
    let image = folder.merge("tree", &[&layer]);
    fsck(&folder, &image);
    let dir = folder.tree(&image).lookup(Name::new(b"dir").unwrap()).unwrap();
    let mut listed = Vec::new();
    dir.read_dir(0, &mut |entry| {
        listed.push((entry.name.to_string(), entry.ino, entry.next));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(listed.iter().map(|(name, ..)| name).eq(&names));
    for number in (0..100_000).step_by(37) {
        let (name, ino, next) = &listed[number];
        assert_eq!(dir.lookup(Name::new(name.as_bytes()).unwrap()).unwrap().attr().unwrap().ino, *ino);
        let mut following = None;
        dir.read_dir(*next, &mut |entry| {
            following = Some(entry.name.to_string());
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(following.as_ref(), names.get(number + 1));
    }
    for missing in ["", "file", "file-0999990.txt", "file-050000.txt0", "zzz", "."] {
        let Ok(name) = Name::new(missing.as_bytes()) else { continue };
        assert_eq!(dir.lookup(name).err(), Some(Errno::NoEnt));
    }
    for absurd in [1, 13, 4095, u64::MAX, 1 << 61] {
        dir.read_dir(absurd, &mut |_| ControlFlow::Break(())).unwrap();
    }
}

#[test]
fn paths_of_4_kib_do_not_exhaust_the_stack() {
    let deep = path("d/".repeat(2046) + "ff");
    assert_eq!(deep.as_bytes().len(), PATH_MAX);
    let folder = Folder::new();
    let layer = layer(|builder| builder.insert(&deep, empty()).unwrap());
    let work = || {
        // Not for fsck.erofs, whose own recursion ends in a crash.
        let image = folder.merge("tree", &[&layer, &layer]);
        let mut inode = folder.tree(&image);
        let root = inode.clone();
        for name in deep.names() {
            inode = inode.lookup(name).unwrap();
        }
        drop(inode);
        drop(root);
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, work).unwrap().join().unwrap();
    });
}
