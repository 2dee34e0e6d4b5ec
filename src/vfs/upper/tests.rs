//! Tests of the upper as a whole.

use super::*;
use crate::vfs::contract::{self, Lacks, content, file, list, mkdir, name};
use crate::vfs::inode::{NewKind, same_inode};
use crate::vfs::memfs::{MemFsOptions, memfs};

fn empty() -> InodeRef {
    memfs(&MemFsOptions::default())
}

/// A lower with the names that the contract suite uses, so that all it makes covers something.
fn crowded() -> InodeRef {
    let root = empty();
    for text in ["a", "b", "l", "x", "null", "pipe", "f1", "entry 7", "old3"] {
        file(&root, text).write_at(b"lower", 0).unwrap();
    }
    for text in ["d", "e", "f", "full", "other", "shared"] {
        let dir = mkdir(&root, text);
        file(&dir, "a");
        file(&mkdir(&dir, "e"), "deep");
    }
    root
}

fn remove_all(dir: &InodeRef) {
    for (text, kind) in list(dir) {
        if kind == FileKind::Directory {
            remove_all(&dir.lookup(name(&text)).unwrap());
            dir.rmdir(name(&text)).unwrap();
        } else {
            dir.unlink(name(&text)).unwrap();
        }
    }
}

fn open(folder: &Path, lower: &InodeRef) -> Upper {
    Upper::open(folder, lower.clone(), &UpperOptions::default()).unwrap()
}

#[test]
fn in_memory_it_keeps_the_contract() {
    let keep = Mutex::new(Vec::new());
    contract::check(Lacks::default(), &|| {
        let upper = Upper::in_memory(empty(), &UpperOptions::default()).unwrap();
        let root = upper.root();
        keep.lock().unwrap().push(upper);
        root
    });
}

#[test]
fn on_disk_it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Mutex::new(Vec::new());
    contract::check(Lacks::default(), &|| {
        let mut keep = keep.lock().unwrap();
        let upper = open(&folder.path().join(keep.len().to_string()), &empty());
        let root = upper.root();
        keep.push(upper);
        root
    });
}

#[test]
fn over_a_lower_it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Mutex::new(Vec::new());
    contract::check(Lacks::default(), &|| {
        let mut keep = keep.lock().unwrap();
        let upper = open(&folder.path().join(keep.len().to_string()), &crowded());
        let root = upper.root();
        remove_all(&root);
        keep.push(upper);
        root
    });
}

fn refusal(folder: &Path) -> String {
    match Upper::open(folder, crowded(), &UpperOptions::default()) {
        Ok(_) => panic!("it opens"),
        Err(error) => error.to_string(),
    }
}

fn changes(upper: &Upper) -> Vec<String> {
    let mut lines = Vec::new();
    upper
        .changes(&mut |change| {
            lines.push(format!("{change:?}"));
            ControlFlow::Continue(())
        })
        .unwrap();
    lines
}

#[test]
fn nothing_is_made_on_disk_before_something_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upper");
    let upper = open(&path, &crowded());
    let root = upper.root();
    assert_eq!(content(&root.lookup(name("a")).unwrap()), b"lower");
    root.sync().unwrap();
    upper.flush().unwrap();
    assert_eq!(changes(&upper), Vec::<String>::new());
    drop(upper);
    assert!(!path.exists());
}

#[test]
fn only_one_opener_at_a_time_may_write() {
    let folder = tempfile::tempdir().unwrap();
    let upper = open(folder.path(), &crowded());
    assert!(refusal(folder.path()).ends_with(": in use by another process"));
    drop(upper);
    drop(open(folder.path(), &crowded()));
    let path = folder.path().join("new");
    let (first, second) = (open(&path, &crowded()), open(&path, &crowded()));
    file(&first.root(), "new");
    first.flush().unwrap();
    file(&second.root(), "second");
    assert!(second.flush().unwrap_err().to_string().ends_with(": in use by another process"));
}

#[test]
fn a_read_only_upper_shows_and_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let lower = crowded();
    let upper = open(folder.path(), &lower);
    upper.root().lookup(name("a")).unwrap().write_at(b"UPPER", 0).unwrap();
    drop(upper);
    let options = UpperOptions { read_only: true, ..UpperOptions::default() };
    let upper = Upper::open(folder.path(), lower, &options).unwrap();
    contract::check_read_only(&upper.root());
    assert_eq!(content(&upper.root().lookup(name("a")).unwrap()), b"UPPER");
}

/// Changes of every sort, with what a reopened upper has to show.
fn change_much(root: &InodeRef) {
    let a = root.lookup(name("a")).unwrap();
    a.write_at(b"changed", 0).unwrap();
    root.lookup(name("b")).unwrap().set_attr(&SetAttr { mode: Some(0o600), ..SetAttr::default() }).unwrap();
    let d = root.lookup(name("d")).unwrap();
    root.rename(name("e"), &d, name("moved"), RenameMode::Replace).unwrap();
    root.link(name("again"), &a).unwrap();
    file(&d, "new").write_at(&[1; 100_000], 0).unwrap();
    d.unlink(name("a")).unwrap();
    root.create(name("link"), &NewInode::new(NewKind::Symlink(b"target"), 0o777)).unwrap();
    d.set_xattr(b"user.x", b"1").unwrap();
}

fn describe(dir: &InodeRef, path: &str, lines: &mut Vec<String>) {
    for (text, kind) in list(dir) {
        let inode = dir.lookup(name(&text)).unwrap();
        let what = if kind == FileKind::Regular { crc32c::crc32c(&content(&inode)) } else { 0 };
        lines.push(format!("{path}/{text} {:?} {:?} {what}", inode.attr().unwrap(), inode.list_xattrs()));
        if kind == FileKind::Directory {
            describe(&inode, &format!("{path}/{text}"), lines);
        }
    }
}

fn described(upper: &Upper) -> Vec<String> {
    let mut lines = Vec::new();
    describe(&upper.root(), "", &mut lines);
    for line in &mut lines {
        // The number of the file system is new with each opening.
        let (path, rest) = line.split_once(" Attr { dev: ").unwrap();
        *line = format!("{path} {}", rest.split_once(',').unwrap().1);
    }
    lines.sort();
    lines
}

#[test]
fn every_prefix_of_the_journal_opens() {
    let folder = tempfile::tempdir().unwrap();
    let lower = crowded();
    let upper = open(folder.path(), &lower);
    change_much(&upper.root());
    upper.flush().unwrap();
    let expected = described(&upper);
    drop(upper);
    let journal = folder.path().join("journal");
    let bytes = std::fs::read(&journal).unwrap();
    for len in (0..bytes.len()).rev().step_by(7) {
        let torn = tempfile::tempdir().unwrap();
        std::fs::create_dir(torn.path().join("data")).unwrap();
        for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), torn.path().join("data").join(entry.file_name())).unwrap();
        }
        // After a loss of power the file may be longer than what arrived of it.
        let mut prefix = bytes[..len].to_vec();
        prefix.resize(len + len % 3 * 1000, 0);
        std::fs::write(torn.path().join("journal"), prefix).unwrap();
        let upper = open(torn.path(), &lower);
        described(&upper);
        file(&upper.root(), "after the crash");
        drop(upper);
        let upper = open(torn.path(), &lower);
        assert!(upper.root().lookup(name("after the crash")).is_ok(), "{len}");
    }
    assert_eq!(described(&open(folder.path(), &lower)), expected);
}

#[test]
fn damage_is_told_with_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let lower = crowded();
    let upper = open(folder.path(), &lower);
    change_much(&upper.root());
    drop(upper);
    let journal = folder.path().join("journal");
    let bytes = std::fs::read(&journal).unwrap();
    let broken = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&journal, bytes).unwrap();
        refusal(folder.path())
    };
    let at = |offset: usize, what: &str| format!("{}: damaged at byte {offset}: {what}", journal.display());
    assert_eq!(broken(0), at(0, "not a journal"));
    assert_eq!(broken(9), format!("{}: format 16385 is newer than this cowbox knows", journal.display()));
    assert_eq!(broken(16), at(16, "the frame's head is not what it was"));
    assert_eq!(broken(40), at(16, "the frame is not what it was"));
    std::fs::write(&journal, "no journal at all").unwrap();
    assert_eq!(refusal(folder.path()), at(0, "not a journal"));
    std::fs::write(&journal, &bytes).unwrap();
    let error = Upper::open(folder.path(), empty(), &UpperOptions::default()).err().unwrap().to_string();
    assert!(error.ends_with("of the lower: no such file or directory"), "{error}");
}

#[test]
fn random_damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let lower = crowded();
    let upper = open(folder.path(), &lower);
    change_much(&upper.root());
    drop(upper);
    let (journal, mut random) = (folder.path().join("journal"), fastrand::Rng::with_seed(5));
    let bytes = std::fs::read(&journal).unwrap();
    let read_only = UpperOptions { read_only: true, ..UpperOptions::default() };
    for _ in 0..500 {
        let mut damaged = bytes.clone();
        // Payloads are damaged behind the back of their checksum.
        let mut at = 16;
        while at < damaged.len() {
            let len = u32::from_le_bytes(damaged[at..at + 4].try_into().unwrap()) as usize;
            if random.u8(..8) == 0 {
                damaged[at + 12 + random.usize(..len)] = random.u8(..);
                let sum = crc32c::crc32c(&damaged[at + 12..at + 12 + len]);
                damaged[at + 4..at + 8].copy_from_slice(&sum.to_le_bytes());
                let check = crc32c::crc32c(&damaged[at..at + 8]);
                damaged[at + 8..at + 12].copy_from_slice(&check.to_le_bytes());
            }
            at += 12 + len;
        }
        std::fs::write(&journal, damaged).unwrap();
        if let Ok(upper) = Upper::open(folder.path(), lower.clone(), &read_only) {
            list(&upper.root());
            let _ = upper.changes(&mut |_| ControlFlow::Continue(()));
        }
    }
}

#[test]
fn the_limit_is_the_containers_own() {
    let folder = tempfile::tempdir().unwrap();
    let options = UpperOptions { limit_bytes: 100_000, ..UpperOptions::default() };
    let upper = Upper::open(folder.path(), crowded(), &options).unwrap();
    let root = upper.root();
    assert_eq!(upper.usage(), 0);
    let a = root.lookup(name("a")).unwrap();
    assert_eq!(a.write_at(&[1; 200_000], 0), Err(Errno::DQuot));
    assert_eq!(a.write_at(&[1; 80_000], 1 << 40), Ok(80_000), "holes are free");
    assert_eq!(a.write_at(&[1; 80_000], 0), Err(Errno::DQuot));
    root.unlink(name("a")).unwrap();
    assert_eq!(file(&root, "c").write_at(&[1; 80_000], 0), Err(Errno::DQuot), "a is still held");
    drop(a);
    let c = root.lookup(name("c")).unwrap();
    assert_eq!(c.write_at(&[1; 80_000], 0), Ok(80_000));
    assert_eq!(root.stat_fs().unwrap().free, 100_000 - upper.usage());
    let mut made = 0;
    while root.create(name(&format!("n{made}")), &NewInode::new(NewKind::Regular, 0)).is_ok() {
        made += 1;
    }
    assert!((50..150).contains(&made), "{made}");
    root.unlink(name("c")).unwrap();
    drop(c);
    assert!(upper.usage() < 30_000);
}

#[test]
fn data_of_removed_files_goes() {
    let folder = tempfile::tempdir().unwrap();
    let upper = open(folder.path(), &crowded());
    let root = upper.root();
    for n in 0..10 {
        let made = file(&root, &format!("n{n}"));
        made.write_at(&[1; 100_000], 0).unwrap();
    }
    let count = || std::fs::read_dir(folder.path().join("data")).unwrap().count();
    upper.flush().unwrap();
    assert_eq!(count(), 10);
    let held = root.lookup(name("n0")).unwrap();
    for n in 0..10 {
        root.unlink(name(&format!("n{n}"))).unwrap();
    }
    upper.flush().unwrap();
    assert_eq!((count(), content(&held)), (1, vec![1; 100_000]));
    drop(held);
    upper.flush().unwrap();
    assert_eq!(count(), 0);
}

#[test]
fn small_files_never_touch_the_disk_when_they_are_removed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let upper = open(folder.path(), &crowded());
    for n in 0..100 {
        file(&upper.root(), &format!("n{n}")).write_at(b"short", 0).unwrap();
        upper.root().unlink(name(&format!("n{n}"))).unwrap();
    }
    assert!(
        !folder.path().join("data").exists() || std::fs::read_dir(folder.path().join("data")).unwrap().count() == 0
    );
}

#[test]
fn a_change_of_attributes_copies_no_content() {
    let folder = tempfile::tempdir().unwrap();
    let upper = open(folder.path(), &crowded());
    let a = upper.root().lookup(name("a")).unwrap();
    a.set_attr(&SetAttr { mode: Some(0o600), uid: Some(5), ..SetAttr::default() }).unwrap();
    upper.flush().unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("data")).unwrap().count(), 0);
    assert_eq!((a.attr().unwrap().mode, a.attr().unwrap().uid, content(&a)), (0o600, 5, b"lower".to_vec()));
    assert_eq!(changes(&upper), ["Modified \"/\"", "Modified \"/a\""]);
}

#[test]
fn changes_are_told_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let upper = open(folder.path(), &crowded());
    let root = upper.root();
    let (d, e) = (root.lookup(name("d")).unwrap(), root.lookup(name("e")).unwrap());
    d.lookup(name("e")).unwrap().lookup(name("deep")).unwrap().write_at(b"x", 0).unwrap();
    root.rename(name("full"), &e, name("moved"), RenameMode::Replace).unwrap();
    remove_all(&root.lookup(name("f")).unwrap());
    root.rmdir(name("f")).unwrap();
    file(&mkdir(&root, "f"), "only");
    file(&root, "new");
    root.unlink(name("a")).unwrap();
    let expected = [
        r#"Modified "/""#,
        r#"Deleted "/a""#,
        r#"Modified "/d""#,
        r#"Modified "/d/e""#,
        r#"Modified "/d/e/deep""#,
        r#"Modified "/e""#,
        r#"Added "/e/moved""#,
        r#"Added "/e/moved/a""#,
        r#"Added "/e/moved/e""#,
        r#"Added "/e/moved/e/deep""#,
        r#"Modified "/f" opaque"#,
        r#"Added "/f/only""#,
        r#"Deleted "/full""#,
        r#"Added "/new""#,
    ];
    assert_eq!(changes(&upper), expected);
}

#[test]
fn all_names_of_a_changed_file_of_the_lower_are_told() {
    let lower = empty();
    let a = file(&lower, "a");
    a.write_at(b"one", 0).unwrap();
    mkdir(&lower, "d").link(name("b"), &a).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let upper = open(folder.path(), &lower);
    upper.root().lookup(name("a")).unwrap().write_at(b"two", 0).unwrap();
    drop(upper);
    let upper = open(folder.path(), &lower);
    let b = upper.root().lookup(name("d")).unwrap().lookup(name("b")).unwrap();
    assert_eq!((content(&b), content(&a)), (b"two".to_vec(), b"one".to_vec()));
    assert!(same_inode(&b, &upper.root().lookup(name("a")).unwrap()));
    assert_eq!(changes(&upper), ["Modified \"/\"", "Modified \"/a\"", "Modified \"/d\"", "Modified \"/d/b\""]);
}

#[test]
fn the_journal_is_folded_when_it_has_grown() {
    let folder = tempfile::tempdir().unwrap();
    let lower = crowded();
    let upper = open(folder.path(), &lower);
    let keep = file(&upper.root(), "keep");
    keep.write_at(b"kept", 0).unwrap();
    for n in 0..30_000 {
        upper
            .root()
            .rename(name(["keep", "kept"][n % 2]), &upper.root(), name(["kept", "keep"][n % 2]), RenameMode::Replace)
            .unwrap();
    }
    upper.flush().unwrap();
    assert!(std::fs::metadata(folder.path().join("journal")).unwrap().len() < 1_200_000);
    let expected = described(&upper);
    drop(upper);
    assert_eq!(described(&open(folder.path(), &lower)), expected);
}

#[test]
fn folding_loses_nothing_that_other_threads_change() {
    let folder = tempfile::tempdir().unwrap();
    let lower = crowded();
    let upper = open(folder.path(), &lower);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let root = upper.root();
            scope.spawn(move || {
                let made = file(&root, &format!("log{thread}"));
                for n in 0..3000 {
                    made.append(format!("{n:07}\n").as_bytes()).unwrap();
                    made.set_attr(&SetAttr { uid: Some(n), ..SetAttr::default() }).unwrap();
                }
            });
        }
        for _ in 0..50 {
            let tree = upper.fs.lock_tree();
            upper.fs.fold().unwrap();
            drop(tree);
        }
    });
    let expected = described(&upper);
    drop(upper);
    assert_eq!(described(&open(folder.path(), &lower)), expected);
}

#[test]
fn very_deep_trees_are_dropped_without_recursion() {
    let upper = Upper::in_memory(empty(), &UpperOptions::default()).unwrap();
    let mut dir = upper.root();
    for _ in 0..100_000 {
        dir = mkdir(&dir, "d");
    }
    drop(dir);
    drop(upper);
}

#[test]
fn a_dropped_upper_frees_all_its_nodes() {
    let lower = crowded();
    let upper = Upper::in_memory(lower.clone(), &UpperOptions::default()).unwrap();
    change_much(&upper.root());
    let shared = Arc::downgrade(&upper.fs);
    drop(upper);
    assert_eq!(shared.strong_count(), 0);
}
