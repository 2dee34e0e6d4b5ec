//! The view of an overlay against what the kernel shows of it, and marks that the kernel seldom makes.

use std::io;
use std::path::Path;

use super::*;
use crate::sys::private_mount::mount_for_thread;
use crate::vfs::change::ChangeKind;
use crate::vfs::contract::{self, content, file, list, mkdir, name};
use crate::vfs::inode::{NewInode, NewKind};
use crate::vfs::kernel_dir::{KernelOptions, kernel_dir};
use crate::vfs::memfs::{MemFsOptions, memfs};
use crate::vfs::upper::oracle::{Depth, apply, assert_same, copy_tree, describe, operation, perform};

const RUNS: u64 = 50;
const OPERATIONS: usize = 200;

fn empty() -> InodeRef {
    memfs(&MemFsOptions::default())
}

fn whiteout(dir: &InodeRef, text: &str) {
    dir.create(name(text), &NewInode::new(NewKind::CharDevice(Device::default()), 0)).unwrap();
}

fn mark(inode: &InodeRef, text: &str, value: &[u8]) {
    inode.set_xattr(&[overlay_marks(), text.as_bytes()].concat(), value).unwrap();
}

fn same_attributes(from: &InodeRef, to: &InodeRef) {
    let time = from.attr().unwrap().mtime;
    to.set_attr(&crate::vfs::attr::SetAttr { mtime: Some(time), ..Default::default() }).unwrap();
}

/// The changes, one a word: kind, path, `!` for an opaque directory.
fn changes(overlay: &Overlay) -> String {
    let word = |change: &crate::vfs::change::Change| {
        let kind = match change.kind {
            ChangeKind::Added => 'A',
            ChangeKind::Modified => 'C',
            ChangeKind::Deleted => 'D',
        };
        format!("{kind}{}{}", change.path, if change.opaque { "!" } else { "" })
    };
    overlay.changes().unwrap().iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn whiteouts_hide_and_directories_merge() {
    let (lower, upper) = (empty(), empty());
    for dir in ["both", "gone", "replaced", "file"] {
        file(&mkdir(&lower, dir), "old");
    }
    for dir in ["both", "replaced"] {
        file(&mkdir(&upper, dir), "new");
    }
    mark(&upper.lookup(name("replaced")).unwrap(), "opaque", b"y");
    whiteout(&upper, "gone");
    whiteout(&upper, "never was");
    file(&upper, "file");
    let overlay = Overlay::new(upper, lower).unwrap();
    let root = overlay.root();
    let at = |path: &str| list(&root.lookup(name(path)).unwrap()).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let kinds = list(&root);
    assert_eq!(kinds.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["both", "file", "replaced"]);
    assert_eq!(kinds[1].1, FileKind::Regular);
    assert_eq!((at("both"), at("replaced")), (vec!["new".into(), "old".into()], vec!["new".to_owned()]));
    assert_eq!(root.lookup(name("gone")).err(), Some(Errno::NoEnt));
    assert_eq!(changes(&overlay), "C/ C/both A/both/new C/file D/gone C/replaced! A/replaced/new");
}

#[test]
fn an_untouched_upper_changes_nothing_and_a_copied_up_directory_only_what_is_below() {
    let (lower, upper) = (empty(), empty());
    file(&mkdir(&mkdir(&lower, "a"), "b"), "c");
    same_attributes(&lower, &upper);
    assert_eq!(changes(&Overlay::new(upper.clone(), lower.clone()).unwrap()), "");
    let (was, is) = (lower.lookup(name("a")).unwrap(), mkdir(&upper, "a"));
    let b = mkdir(&is, "b");
    same_attributes(&was.lookup(name("b")).unwrap(), &b);
    same_attributes(&was, &is);
    same_attributes(&lower, &upper);
    assert_eq!(changes(&Overlay::new(upper.clone(), lower.clone()).unwrap()), "");
    file(&b, "new");
    same_attributes(&was.lookup(name("b")).unwrap(), &b);
    assert_eq!(changes(&Overlay::new(upper, lower).unwrap()), "C/ C/a C/a/b A/a/b/new");
}

#[test]
fn empty_files_are_whiteouts_where_the_directory_says_so() {
    let (lower, upper) = (empty(), empty());
    for dir in ["said", "unsaid"] {
        file(&mkdir(&lower, dir), "f");
        mark(&file(&mkdir(&upper, dir), "f"), "whiteout", b"");
    }
    mark(&upper.lookup(name("said")).unwrap(), "opaque", b"x");
    let overlay = Overlay::new(upper, lower).unwrap();
    assert_eq!(list(&overlay.root().lookup(name("said")).unwrap()), []);
    assert_eq!(list(&overlay.root().lookup(name("unsaid")).unwrap()).len(), 1);
    assert_eq!(changes(&overlay), "C/ C/said D/said/f C/unsaid C/unsaid/f");
}

#[test]
fn overlayfs_own_attributes_are_not_shown_and_escaped_ones_are() {
    let upper = empty();
    let inner = file(&upper, "f");
    mark(&inner, "origin", b"1");
    mark(&inner, "overlay.opaque", b"2");
    inner.set_xattr(b"user.a", b"3").unwrap();
    let shown = Overlay::new(upper, empty()).unwrap().root().lookup(name("f")).unwrap();
    let opaque = [overlay_marks(), b"opaque"].concat();
    assert_eq!(shown.list_xattrs(), Ok(vec![opaque.clone(), b"user.a".to_vec()]));
    assert_eq!((shown.xattr(&opaque), shown.xattr(b"user.a")), (Ok(vec![b'2']), Ok(vec![b'3'])));
    assert_eq!(shown.xattr(&[overlay_marks(), b"origin"].concat()), Err(Errno::NoData));
}

#[test]
fn nothing_can_be_changed_by_it() {
    let upper = empty();
    file(&mkdir(&upper, "d"), "f").write_at(b"content", 0).unwrap();
    let root = Overlay::new(upper, empty()).unwrap().root();
    contract::check_read_only(&root);
    assert_eq!(content(&root.lookup(name("d")).unwrap().lookup(name("f")).unwrap()), b"content");
}

/// One run on a mounted overlay; the error is why it cannot be mounted.
fn run_against_kernel(seed: u64, folder: &Path) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(seed);
    let at = |name: &str| folder.join(name);
    for name in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir(at(name))?;
    }
    let open = |name: &str| kernel_dir(&at(name), &KernelOptions::default());
    let lower = open("lower")?;
    for _ in 0..random.usize(..100) {
        let _ = perform(&lower, &operation(&mut random));
    }
    let layers = ["lower", "upper", "work"].map(|name| format!("{name}dir={}", at(name).display())).join(",");
    let options = format!("{layers},index=off,metacopy=off,redirect_dir=off,xino=off");
    mount_for_thread("overlay", &at("merged"), &options)?;
    let merged = open("merged")?;
    for _ in 0..OPERATIONS {
        // What fails, fails: the kernel's view is what counts.
        let _ = perform(&merged, &operation(&mut random));
    }
    let overlay = Overlay::new(open("upper")?, lower.clone()).map_err(io::Error::from)?;
    let what = format!("seed {seed}");
    let expected = describe(&copy_tree(&merged), Depth::Applied);
    assert_same(&expected, &describe(&copy_tree(&overlay.root()), Depth::Applied), &what);
    let changes = overlay.changes().map_err(io::Error::from)?;
    let was = describe(&lower, Depth::Applied);
    for change in &changes {
        let path = if change.path.is_root() { String::new() } else { change.path.to_string() };
        let there = (was.contains_key(&path), expected.contains_key(&path));
        let right = match change.kind {
            ChangeKind::Added => there.1,
            ChangeKind::Modified => there == (true, true),
            ChangeKind::Deleted => there == (true, false),
        };
        assert!(right, "{what}: {change:?}");
    }
    let applied = copy_tree(&lower);
    apply(&applied, &changes);
    assert_same(&expected, &describe(&applied, Depth::Applied), &format!("{what}, applied {changes:?}"));
    Ok(())
}

#[test]
#[allow(clippy::disallowed_macros)]
fn changes_of_a_mounted_overlay_make_the_lower_what_the_kernel_shows() {
    for seed in 0..RUNS {
        // The mount goes with its thread, and the folder after it.
        let folder = tempfile::tempdir().unwrap();
        let run = || run_against_kernel(seed, folder.path());
        let outcome = std::thread::scope(|scope| scope.spawn(run).join());
        match outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Ok(()) => {}
            Err(error) => {
                println!("skipped: overlayfs cannot be mounted here: {error}");
                return;
            }
        }
    }
}
