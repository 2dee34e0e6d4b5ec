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
