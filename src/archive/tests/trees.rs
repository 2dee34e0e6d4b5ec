//! Trees of inodes become archives and come back the same.

use super::support::{applied, content, empty, listing, make, make_file, output, touch};
use crate::archive::{ApplyOptions, Error, apply, copy_children, copy_tree, write_subtree, write_tree};
use crate::vfs::{Device, InodeRef, Name, NewKind, SetAttr, Timespec};

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

/// A tree with everything an archive can hold and a socket, which it cannot.
fn sample() -> InodeRef {
    let root = empty();
    let dir = make(&root, "dir", NewKind::Directory, 0o1777);
    let file = make_file(&dir, "file", b"content");
    file.set_xattr(b"user.text", b"a\nb=c\0").unwrap();
    file.set_attr(&SetAttr { mode: Some(0o6755), ..SetAttr::default() }).unwrap();
    dir.link(name("again"), &file).unwrap();
    root.link(name("third"), &file).unwrap();
    make_file(&dir, "empty", b"");
    make_file(&dir, "block", &[1; 512]);
    make_file(&dir, "big", &(0..3_000_000u32).map(|number| (number / 3) as u8).collect::<Vec<_>>());
    make(&dir, "link", NewKind::Symlink(b"../target"), 0o777);
    make(&dir, "long-link", NewKind::Symlink(&[b't'; 300]), 0o777);
    make(&dir, "char", NewKind::CharDevice(Device { major: 4, minor: 64 }), 0o620);
    make(&dir, "block-device", NewKind::BlockDevice(Device { major: 259, minor: 70_000 }), 0o660);
    make(&dir, "large-device", NewKind::CharDevice(Device { major: 1, minor: 4_000_000_000 }), 0o600);
    make(&dir, "fifo", NewKind::Fifo, 0o600);
    make(&dir, "socket", NewKind::Socket, 0o600);
    let odd = make_file(&root, "odd", b"x");
    let mtime = Some(Timespec { sec: -2, nsec: 750_000_000 });
    odd.set_attr(&SetAttr { uid: Some(u32::MAX - 1), gid: Some(3_000_000), mtime, ..SetAttr::default() }).unwrap();
    let far = make_file(&root, "far", b"x");
    touch(&far, 1 << 40);
    let mut deep = root.clone();
    for length in [90, 60, 200, 99, 100, 101] {
        deep = make(&deep, &"n".repeat(length), NewKind::Directory, 0o755);
        make_file(&deep, &"f".repeat(length), b"deep");
    }
    make_file(&root, "name \u{fc} \u{65e5}", b"utf-8");
    root.create(Name::new(b"raw-\xff\n").unwrap(), &crate::vfs::NewInode::new(NewKind::Fifo, 0o600)).unwrap();
    for dir in [&dir, &root] {
        touch(dir, 1_500_000_000);
    }
    root
}

fn written(root: &InodeRef) -> Vec<u8> {
    write_tree(root, Vec::new()).unwrap().0
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let root = sample();
    let (archive, summary) = write_tree(&root, Vec::new()).unwrap();
    assert_eq!(summary.sockets, 1);
    let mut expected = listing(&root);
    expected.retain(|line| !line.contains("socket"));
    let again = applied(&archive).unwrap();
    assert_eq!(listing(&again), expected);
    assert_eq!(summary.entries, expected.len() as u64);
    assert!(written(&again) == archive, "the same tree gives the same bytes");
}

#[test]
fn other_programs_read_what_is_written() {
    let archive = written(&sample());
    let count = listing(&sample()).len() - 1;
    for (program, arguments) in [("tar", &["-tf", "-"][..]), ("bsdtar", &["-tf", "-"])] {
        let Some(output) = output(program, arguments, &archive) else { continue };
        assert_eq!(output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count(), count, "{program}");
    }
    let script = "import sys, tarfile\n\
        for e in tarfile.open(fileobj=sys.stdin.buffer, mode='r|'):\n    \
            print(e.name[-12:], e.type.decode(), oct(e.mode), e.uid, e.gid, e.mtime, e.size, e.linkname[-12:], \
            e.pax_headers.get('SCHILY.xattr.user.text'), e.devmajor, e.devminor)";
    let Some(output) = output("python3", &["-c", script], &archive) else { return };
    let lines = String::from_utf8_lossy(&output);
    for line in [
        "dir 5 0o1777 10 20 1500000000 0  None 0 0",
        "dir/again 0 0o6755 10 20 1600000001 7  'a\\nb=c\\x00' 0 0",
        "dir/file 1 0o6755 10 20 1600000001 0 dir/again None 0 0",
        "third 1 0o6755 10 20 1600000001 0 dir/again None 0 0",
        "odd 0 0o644 4294967294 3000000 -1.25 1  None 0 0",
        "far 0 0o644 10 20 1099511627776.0 1  None 0 0",
        "dir/char 3 0o620 10 20 1600000000.000000005 0  None 4 64",
        "block-device 4 0o660 10 20 1600000000.000000005 0  None 259 70000",
    ] {
        // Python shows attributes raw and times as binary fractions.
        let line = line.replace("'a\\nb=c\\x00'", "a\nb=c\0").replace("1600000000.000000005", "1600000000.0");
        assert!(lines.contains(&line), "{line}\nin\n{lines}");
    }
}

#[test]
fn names_as_long_as_the_fields_need_no_records() {
    let root = empty();
    let dir = make(&root, &"d".repeat(155), NewKind::Directory, 0o755);
    let file = make_file(&dir, &"f".repeat(100), b"");
    let inner = make(&dir, &"e".repeat(99), NewKind::Directory, 0o755);
    for inode in [file, inner, dir] {
        touch(&inode, 5);
    }
    let archive = written(&root);
    assert_eq!(archive.windows(10).filter(|window| window == b"PaxHeaders").count(), 1, "only the first is too long");
    assert_eq!(listing(&applied(&archive).unwrap()), listing(&root));
}

#[test]
fn a_subtree_takes_a_new_name() {
    let root = sample();
    let names = |inode: &InodeRef, name: &str| {
        let (archive, _) = write_subtree(inode, name.as_bytes(), Vec::new()).unwrap();
        listing(&applied(&archive).unwrap())
    };
    let dir = root.lookup(name("dir")).unwrap();
    let renamed = names(&dir, "other");
    assert!(renamed[0].starts_with("/other / 1777 10:20 1500000000.0"), "{}", renamed[0]);
    assert!(renamed.iter().any(|line| line.starts_with("/other/again =content")));
    assert!(names(&dir, ".").iter().any(|line| line.starts_with("/again =content")));
    let file = dir.lookup(name("block")).unwrap();
    assert_eq!(names(&file, "b").len(), 1);
}

#[test]
fn a_file_that_changes_while_it_is_written_leaves_the_archive_whole() {
    struct Shrinking(InodeRef);
    impl crate::vfs::Inode for Shrinking {
        fn kind(&self) -> crate::vfs::FileKind {
            self.0.kind()
        }
        fn attr(&self) -> crate::vfs::Result<crate::vfs::Attr> {
            self.0.attr().map(|attr| crate::vfs::Attr { size: attr.size + 1000, ..attr })
        }
        fn read_at(&self, buf: &mut [u8], offset: u64) -> crate::vfs::Result<usize> {
            self.0.read_at(buf, offset)
        }
    }
    let root = empty();
    let file: InodeRef = std::sync::Arc::new(Shrinking(make_file(&root, "f", b"content")));
    let (archive, _) = write_subtree(&file, b"f", Vec::new()).unwrap();
    let again = applied(&archive).unwrap().lookup(name("f")).unwrap();
    assert_eq!(content(&again), [&b"content"[..], &[0; 1000]].concat());
}

#[test]
fn an_attribute_no_archive_can_name_is_an_error() {
    let root = empty();
    make_file(&root, "f", b"").set_xattr(b"user.a=b", b"").unwrap();
    let error = write_tree(&root, Vec::new()).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Entry { ref name, .. } if name == "f"), "{error}");
}

#[test]
fn trees_are_copied_with_links_and_times() {
    let root = sample();
    let target = empty();
    copy_children(&root, &target, &ApplyOptions::default()).unwrap();
    assert_eq!(listing(&target), listing(&root));
    let target = empty();
    copy_tree(&root, &target, name("copy"), &ApplyOptions { owner: Some((1, 2)), ..ApplyOptions::default() }).unwrap();
    let copied = listing(&target);
    assert_eq!(copied.len(), listing(&root).len() + 1);
    assert!(copied.iter().all(|line| line.contains(" 1:2 ")));
    let error = copy_tree(&root.lookup(name("odd")).unwrap(), &target, name("copy"), &ApplyOptions::default());
    assert_eq!(error.map_err(|error| error.to_string()), Err("copy /: is a directory".to_owned()));
}

#[test]
fn applying_twice_changes_nothing_and_leaves_open_files_alone() {
    let root = sample();
    let archive = written(&root);
    let before = listing(&root);
    let open = root.lookup(name("odd")).unwrap();
    open.write_at(b"y", 0).unwrap();
    apply(&archive[..], &root, &ApplyOptions::default()).unwrap();
    assert_eq!(listing(&root), before);
    assert_eq!(content(&open), b"y");
}
