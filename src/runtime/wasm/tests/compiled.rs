//! The cache of compiled code: found again, rebuilt when damaged, refused when others can write to it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::World;
use crate::runtime::wasm::compiled::entries;
use crate::runtime::wasm::{Progress, Wasm, WasmOptions};

const EXIT: &str = r#"(func (export "_start") (call $proc_exit (i32.const 5)))"#;

/// Runs the program with a new runtime on this cache, and returns how many modules were compiled.
fn compiled_by_a_run(cache: &Path) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let progress = move |progress: Progress<'_>| {
        if let Progress::Compiling { program, bytes } = progress {
            assert_eq!(program, "/main");
            assert!(bytes > 0);
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let options = WasmOptions { cache: Some(cache.to_owned()), progress: Some(Arc::new(progress)) };
    let wasm = Wasm::new(options).unwrap();
    for _ in 0..2 {
        assert_eq!(World::new(EXIT).run_in(&wasm).unwrap().status.code, 5);
    }
    count.load(Ordering::Relaxed)
}

#[test]
fn a_module_is_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    assert_eq!(compiled_by_a_run(&cache), 1);
    assert_eq!(entries(&cache).len(), 1);
    assert_eq!(compiled_by_a_run(&cache), 0);
}

#[test]
fn damaged_torn_and_foreign_entries_are_rebuilt() {
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(compiled_by_a_run(cache.path()), 1);
    let entry = entries(cache.path()).remove(0);
    let whole = fs::read(&entry).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut longer = whole.clone();
    longer.push(0);
    for damaged in [&flipped[..], &longer, &whole[..whole.len() / 2], &whole[..10], b"", &[b'x'; 5000]] {
        // As damage happens: in another file of the same name, since this process still has the old one mapped.
        fs::remove_file(&entry).unwrap();
        fs::write(&entry, damaged).unwrap();
        assert_eq!(compiled_by_a_run(cache.path()), 1);
        assert_eq!(fs::read(&entry).unwrap(), whole);
    }
}

#[test]
fn two_runtimes_that_compile_the_same_module_do_not_disturb_each_other() {
    let cache = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| compiled_by_a_run(cache.path()));
        }
    });
    assert_eq!(entries(cache.path()).len(), 1);
    assert_eq!(compiled_by_a_run(cache.path()), 0);
}

#[test]
fn a_cache_that_cannot_be_written_to_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let options = WasmOptions { cache: Some(file), progress: None };
    let error = Wasm::new(options).err().unwrap();
    assert!(error.message.starts_with("compiled code "), "{}", error.message);
}
