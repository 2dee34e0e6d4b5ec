//! Random operations on an upper and on a plain file system side by side: results and trees have to be the same, also
//! after the upper was opened again, and its changes applied to a copy of the lower have to give the same tree once more.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::*;
use crate::sys::private_mount::mount_for_thread;
use crate::vfs::attr::Timespec;
use crate::vfs::change::{Change, ChangeKind};
use crate::vfs::contract::content;
use crate::vfs::hostdir::{HostOptions, host};
use crate::vfs::inode::{NewKind, same_inode};
use crate::vfs::memfs::{MemFsOptions, memfs};

/// How many sequences are tried, and how long each is.
const RUNS: u64 = 200;
const OPERATIONS: usize = 200;
/// The same for the kernel's overlayfs.
const KERNEL_RUNS: u64 = 50;

/// One step: everything it needs is in it, so that it can be done to several trees.
#[derive(Debug)]
pub(in crate::vfs) enum Operation {
    Create(String, Kind),
    Write(String, u64, usize, u8),
    Append(String, usize, u8),
    SetLen(String, u64),
    SetAttr(String, SetAttr),
    SetXattr(String, &'static str, u8),
    RemoveXattr(String, &'static str),
    Link(String, String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String, RenameMode),
    List(String),
    Read(String),
}

#[derive(Clone, Copy, Debug)]
pub(in crate::vfs) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
}

fn path(random: &mut fastrand::Rng) -> String {
    let depth = random.usize(1..4);
    (0..depth).map(|_| ["a", "b", "c", "d", "long name"][random.usize(..5)]).collect::<Vec<_>>().join("/")
}

pub(in crate::vfs) fn operation(random: &mut fastrand::Rng) -> Operation {
    let at = path(random);
    match random.u8(..24) {
        0..4 => Operation::Create(at, Kind::File),
        4..7 => Operation::Create(at, Kind::Directory),
        7 => Operation::Create(at, [Kind::Symlink, Kind::Fifo][random.usize(..2)]),
        8 | 9 => Operation::Write(at, random.u64(..5) * 3000, random.usize(..40_000), random.u8(..)),
        10 => Operation::Append(at, random.usize(..300), random.u8(..)),
        11 => Operation::SetLen(at, random.u64(..30_000)),
        12 => {
            let time = Some(Timespec { sec: random.i64(..1000), nsec: 5 });
            let change = match random.u8(..3) {
                0 => SetAttr { mode: Some(random.u16(..0o1000)), ..SetAttr::default() },
                1 => SetAttr { uid: Some(random.u32(..9)), gid: Some(random.u32(..9)), ..SetAttr::default() },
                _ => SetAttr { mtime: time, atime: time, ..SetAttr::default() },
            };
            Operation::SetAttr(at, change)
        }
        13 => Operation::SetXattr(at, ["user.a", "user.b"][random.usize(..2)], random.u8(..)),
        14 => Operation::RemoveXattr(at, ["user.a", "user.b"][random.usize(..2)]),
        15 => Operation::Link(at, path(random)),
        16 | 17 => Operation::Unlink(at),
        18 => Operation::Rmdir(at),
        19..22 => {
            let modes = [RenameMode::Replace, RenameMode::Replace, RenameMode::NoReplace, RenameMode::Exchange];
            Operation::Rename(at, path(random), modes[random.usize(..4)])
        }
        22 => Operation::List(at),
        _ => Operation::Read(at),
    }
}

fn find(root: &InodeRef, path: &str) -> Result<InodeRef> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .try_fold(root.clone(), |at, part| at.lookup(Name::new(part.as_bytes())?))
}

fn split<'p>(root: &InodeRef, path: &'p str) -> Result<(InodeRef, Name<'p>)> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((find(root, dir)?, Name::new(name.as_bytes())?))
}

/// Does one step and describes the outcome.
pub(in crate::vfs) fn perform(root: &InodeRef, operation: &Operation) -> Result<String> {
    match operation {
        Operation::Create(path, kind) => {
            let (dir, name) = split(root, path)?;
            let kind = match kind {
                Kind::File => NewKind::Regular,
                Kind::Directory => NewKind::Directory,
                Kind::Symlink => NewKind::Symlink(b"some/target"),
                Kind::Fifo => NewKind::Fifo,
            };
            dir.create(name, &NewInode::new(kind, 0o644))?;
        }
        Operation::Write(path, offset, len, byte) => {
            return find(root, path)?.write_at(&vec![*byte; *len], *offset).map(|written| written.to_string());
        }
        Operation::Append(path, len, byte) => {
            return find(root, path)?.append(&vec![*byte; *len]).map(|written| format!("{written:?}"));
        }
        Operation::SetLen(path, len) => find(root, path)?.set_len(*len)?,
        Operation::SetAttr(path, change) => {
            find(root, path)?.set_attr(change)?;
        }
        Operation::SetXattr(path, name, value) => find(root, path)?.set_xattr(name.as_bytes(), &[*value])?,
        Operation::RemoveXattr(path, name) => find(root, path)?.remove_xattr(name.as_bytes())?,
        Operation::Link(from, to) => {
            let target = find(root, from)?;
            let (dir, name) = split(root, to)?;
            dir.link(name, &target)?;
        }
        Operation::Unlink(path) => {
            let (dir, name) = split(root, path)?;
            dir.unlink(name)?;
        }
        Operation::Rmdir(path) => {
            let (dir, name) = split(root, path)?;
            dir.rmdir(name)?;
        }
        Operation::Rename(from, to, mode) => {
            let ((dir, name), (to_dir, to_name)) = (split(root, from)?, split(root, to)?);
            dir.rename(name, &to_dir, to_name, *mode)?;
        }
        Operation::List(path) => {
            let mut names = Vec::new();
            find(root, path)?.read_dir(0, &mut |entry| {
                names.push(format!("{} {:?}", entry.name, entry.kind));
                ControlFlow::Continue(())
            })?;
            names.sort();
            return Ok(names.join(","));
        }
        Operation::Read(path) => {
            let mut buf = vec![0; 20_000];
            let read = find(root, path)?.read_at(&mut buf, 2500)?;
            return Ok(format!("{read} {:x}", crc32c::crc32c(&buf[..read])));
        }
    }
    Ok(String::new())
}

/// How much of a tree is described.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::vfs) enum Depth {
    /// All but times, inode numbers and sizes of directories.
    Contents,
    /// As `Contents`, without the number of names: it is the business of whoever applies changes.
    Applied,
    /// Everything.
    All,
}

/// Every path of a tree and what is there; hard links name the first path of their file.
pub(in crate::vfs) fn describe(root: &InodeRef, depth: Depth) -> BTreeMap<String, String> {
    let (mut lines, mut first) = (BTreeMap::new(), HashMap::new());
    let mut pending = vec![(String::new(), root.clone())];
    while let Some((path, inode)) = pending.pop() {
        let attr = inode.attr().unwrap();
        let is_dir = attr.kind == FileKind::Directory;
        let mut line = format!("{:?} {:o} {}:{}", attr.kind, attr.mode, attr.uid, attr.gid);
        if depth != Depth::Applied {
            line += &format!(" {}", attr.nlink);
        }
        if depth == Depth::All {
            line += &format!(" {} {} {:?} {:?} {:?}", attr.ino, attr.size, attr.atime, attr.mtime, attr.ctime);
        }
        if !is_dir && attr.nlink > 1 {
            line += &format!(" = {}", first.entry(attr.ino).or_insert_with(|| path.clone()));
        }
        for name in inode.list_xattrs().unwrap() {
            line += &format!(" {}={:?}", String::from_utf8_lossy(&name), inode.xattr(&name).unwrap());
        }
        match attr.kind {
            FileKind::Regular => line += &format!(" {} {:x}", attr.size, crc32c::crc32c(&content(&inode))),
            FileKind::Symlink => line += &format!(" -> {:?}", inode.read_link().unwrap()),
            _ => {}
        }
        if is_dir {
            let mut children = Vec::new();
            inode
                .read_dir(0, &mut |entry| {
                    children.push((entry.name.to_owned(), entry.ino, entry.kind));
                    ControlFlow::Continue(())
                })
                .unwrap();
            // In descending order, as they are taken off the end.
            children.sort_by(|a, b| b.0.cmp(&a.0));
            for (name, ino, kind) in children {
                let child = inode.lookup(name.as_name()).unwrap();
                assert_eq!((child.attr().unwrap().ino, child.kind()), (ino, kind), "{path}/{:?}", name);
                assert!(same_inode(&child, &inode.lookup(name.as_name()).unwrap()));
                pending.push((format!("{path}/{}", name.as_name()), child));
            }
        }
        lines.insert(path, line);
    }
    lines
}

fn copy_file(from: &InodeRef, dir: &InodeRef, name: Name<'_>) -> InodeRef {
    let attr = from.attr().unwrap();
    let target = from.read_link().unwrap_or_default();
    let kind = match attr.kind {
        FileKind::Regular => NewKind::Regular,
        FileKind::Directory => NewKind::Directory,
        FileKind::Symlink => NewKind::Symlink(&target),
        FileKind::Fifo => NewKind::Fifo,
        other => panic!("no {other:?} is made here"),
    };
    let new = NewInode { uid: attr.uid, gid: attr.gid, ..NewInode::new(kind, attr.mode) };
    let made = dir.create(name, &new).unwrap();
    copy_attributes(from, &made);
    if attr.kind == FileKind::Regular {
        made.write_at(&content(from), 0).unwrap();
        made.set_len(attr.size).unwrap();
    }
    made
}

fn copy_attributes(from: &InodeRef, to: &InodeRef) {
    let attr = from.attr().unwrap();
    let change = SetAttr { mode: Some(attr.mode), uid: Some(attr.uid), gid: Some(attr.gid), ..SetAttr::default() };
    to.set_attr(&change).unwrap();
    for name in to.list_xattrs().unwrap() {
        to.remove_xattr(&name).unwrap();
    }
    for name in from.list_xattrs().unwrap() {
        to.set_xattr(&name, &from.xattr(&name).unwrap()).unwrap();
    }
}

/// A tree like `from`, hard links included.
pub(in crate::vfs) fn copy_tree(from: &InodeRef) -> InodeRef {
    let root = memfs(&MemFsOptions::default());
    copy_attributes(from, &root);
    let mut made: HashMap<u64, InodeRef> = HashMap::new();
    let mut pending = vec![(from.clone(), root.clone())];
    while let Some((from, to)) = pending.pop() {
        let mut children = Vec::new();
        from.read_dir(0, &mut |entry| {
            children.push(entry.name.to_owned());
            ControlFlow::Continue(())
        })
        .unwrap();
        for name in children {
            let child = from.lookup(name.as_name()).unwrap();
            let attr = child.attr().unwrap();
            match made.get(&attr.ino) {
                Some(first) => to.link(name.as_name(), first).unwrap(),
                None => {
                    let copy = copy_file(&child, &to, name.as_name());
                    if attr.kind == FileKind::Directory {
                        pending.push((child, copy));
                    } else {
                        made.insert(attr.ino, copy);
                    }
                }
            }
        }
    }
    root
}

fn remove(dir: &InodeRef, name: Name<'_>) {
    let inode = dir.lookup(name).unwrap();
    if inode.kind() != FileKind::Directory {
        return dir.unlink(name).unwrap();
    }
    let mut children = Vec::new();
    inode
        .read_dir(0, &mut |entry| {
            children.push(entry.name.to_owned());
            ControlFlow::Continue(())
        })
        .unwrap();
    for child in children {
        remove(&inode, child.as_name());
    }
    dir.rmdir(name).unwrap();
}

fn changes(upper: &Upper) -> Vec<Change> {
    let mut changes = Vec::new();
    upper
        .changes(&mut |change| {
            changes.push(change);
            ControlFlow::Continue(())
        })
        .unwrap();
    changes
}

/// Does to `root` what the changes say.
pub(in crate::vfs) fn apply(root: &InodeRef, changes: &[Change]) {
    let mut made: HashMap<u64, InodeRef> = HashMap::new();
    let mut last = None;
    for change in changes {
        assert!(last < Some(&change.path), "{changes:?}");
        last = Some(&change.path);
        let Some(name) = change.path.file_name() else {
            copy_attributes(change.inode.as_ref().unwrap(), root);
            continue;
        };
        let parent = change.path.parent();
        let dir = find(root, &parent.to_string()).unwrap();
        let there = dir.lookup(name);
        let Some(inode) = &change.inode else {
            assert_eq!(change.kind, ChangeKind::Deleted);
            there.unwrap();
            remove(&dir, name);
            continue;
        };
        let is_dir = inode.kind() == FileKind::Directory;
        if let Ok(there) = there {
            if is_dir && there.kind() == FileKind::Directory && !change.opaque {
                copy_attributes(inode, &there);
                continue;
            }
            remove(&dir, name);
        }
        let ino = inode.attr().unwrap().ino;
        match made.get(&ino) {
            Some(first) => dir.link(name, first).unwrap(),
            None => drop(made.insert(ino, copy_file(inode, &dir, name))),
        }
    }
}

pub(in crate::vfs) fn assert_same(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>, what: &str) {
    for (path, line) in expected {
        assert_eq!(Some(line), found.get(path), "{what}: {path}");
    }
    assert_eq!(expected.len(), found.len(), "{what}");
}

fn run(seed: u64, operations: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let lower = memfs(&MemFsOptions::default());
    for _ in 0..random.usize(..100) {
        let _ = perform(&lower, &operation(&mut random));
    }
    let model = copy_tree(&lower);
    let before = describe(&lower, Depth::All);
    let mut upper = Upper::open(folder.path(), lower.clone(), &UpperOptions::default()).unwrap();
    for step in 0..operations {
        let operation = operation(&mut random);
        let (expected, found) = (perform(&model, &operation), perform(&upper.root(), &operation));
        assert_eq!(expected, found, "seed {seed}, step {step}: {operation:?}");
        if random.u8(..50) == 0 {
            reopen(&mut upper, folder.path(), &lower, &mut random, seed);
        }
    }
    assert_same(&describe(&model, Depth::Contents), &describe(&upper.root(), Depth::Contents), &format!("seed {seed}"));
    reopen(&mut upper, folder.path(), &lower, &mut random, seed);
    assert_same(&before, &describe(&lower, Depth::All), &format!("seed {seed}: the lower"));
    let applied = copy_tree(&lower);
    apply(&applied, &changes(&upper));
    assert_same(
        &describe(&model, Depth::Applied),
        &describe(&applied, Depth::Applied),
        &format!("seed {seed}, applied {:?}", changes(&upper)),
    );
}

fn reopen(upper: &mut Upper, folder: &Path, lower: &InodeRef, random: &mut fastrand::Rng, seed: u64) {
    let before = describe(&upper.root(), Depth::All);
    let usage = upper.usage();
    if random.bool() {
        upper.fs.write_out_all().unwrap();
        upper.fs.fold().unwrap();
    }
    let nothing = Upper::in_memory(lower.clone(), &UpperOptions::default()).unwrap();
    drop(std::mem::replace(upper, nothing));
    *upper = Upper::open(folder, lower.clone(), &UpperOptions::default()).unwrap();
    assert_same(&before, &describe(&upper.root(), Depth::All), &format!("seed {seed}, opened again"));
    assert_eq!(usage, upper.usage(), "seed {seed}");
}

#[test]
fn an_upper_does_what_a_plain_file_system_does() {
    for seed in 0..RUNS {
        run(seed, OPERATIONS);
    }
}

/// Whether the step can be done to host files with nothing but the portable calls.
fn is_portable(root: &InodeRef, operation: &Operation) -> bool {
    match operation {
        Operation::Create(_, Kind::Fifo) | Operation::SetXattr(..) | Operation::RemoveXattr(..) => false,
        Operation::Rename(_, _, mode) => *mode == RenameMode::Replace,
        Operation::SetAttr(path, change) => {
            change.mode.is_some() && find(root, path).is_ok_and(|inode| inode.kind() != FileKind::Symlink)
        }
        _ => true,
    }
}

/// The error of an outcome, as far as the host tells it apart.
fn told_apart(outcome: Result<String>) -> Result<String> {
    outcome.map_err(|errno| if errno == Errno::Perm { Errno::Access } else { errno })
}

/// One run on the kernel's overlayfs; the error is why it cannot be mounted.
fn run_against_kernel(seed: u64, folder: &Path) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(seed);
    let at = |name: &str| folder.join(name);
    for name in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir(at(name))?;
    }
    let options = HostOptions::default();
    let host_lower = host(&at("lower"), &options)?;
    for _ in 0..random.usize(..100) {
        let operation = operation(&mut random);
        if is_portable(&host_lower, &operation) {
            let _ = perform(&host_lower, &operation);
        }
    }
    let lower = copy_tree(&host_lower);
    let layers = ["lower", "upper", "work"].map(|name| format!("{name}dir={}", at(name).display())).join(",");
    mount_for_thread("overlay", &at("merged"), &format!("{layers},redirect_dir=on,index=on"))?;
    let kernel = host(&at("merged"), &options)?;
    let upper = Upper::open(&at("ours"), lower, &UpperOptions::default()).map_err(io::Error::other)?;
    for step in 0..OPERATIONS {
        let operation = operation(&mut random);
        if is_portable(&upper.root(), &operation) {
            let (expected, found) = (perform(&kernel, &operation), perform(&upper.root(), &operation));
            assert_eq!(told_apart(expected), told_apart(found), "seed {seed}, step {step}: {operation:?}");
        }
    }
    let (expected, found) = (describe(&kernel, Depth::Applied), describe(&upper.root(), Depth::Applied));
    assert_same(&expected, &found, &format!("seed {seed}, against the kernel"));
    Ok(())
}

#[test]
#[allow(clippy::disallowed_macros)]
fn an_upper_does_what_the_kernels_overlayfs_does() {
    for seed in 0..KERNEL_RUNS {
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
