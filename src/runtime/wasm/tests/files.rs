//! Calls on files and directories.

use std::sync::Arc;

use super::{World, wasm};
use crate::runtime::{Output, Runtime, Workload};
use crate::vfs::{
    FileKind, GuestPath, InodeRef, MemFsOptions, Name, Namespace, NewInode, NewKind, SetAttr, Timespec, memfs,
};

/// Opens `path` in `fd` with all rights that files have; ends the guest with `id` where that fails.
const OPEN: &str = r#"
    (func $open (param $id i32) (param $fd i32) (param $path i32) (param $len i32) (param $oflags i32) (param $flags i32) (result i32)
        (call $expect (local.get $id) (i32.const 0)
            (call $path_open (local.get $fd) (i32.const 1) (local.get $path) (local.get $len) (local.get $oflags)
                (i64.const 0x8e001ff) (i64.const -1) (local.get $flags) (i32.const 16)))
        (i32.load (i32.const 16)))
    (func $write (param $id i32) (param $fd i32) (param $at i32) (param $len i32)
        (call $buffer (local.get $at) (local.get $len))
        (call $expect (local.get $id) (i32.const 0) (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $expect (local.get $id) (local.get $len) (i32.load (i32.const 8))))
    (func $read (param $id i32) (param $fd i32) (param $at i32) (param $len i32) (param $wanted i32)
        (call $buffer (local.get $at) (local.get $len))
        (call $expect (local.get $id) (i32.const 0) (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $expect (local.get $id) (local.get $wanted) (i32.load (i32.const 8))))
    (func $show (param $at i32) (param $len i32)
        (call $buffer (local.get $at) (local.get $len))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

fn world(body: &str) -> World {
    World::new(&format!("{OPEN} {body}"))
}

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

fn directory(parent: &InodeRef, text: &str) -> InodeRef {
    parent.create(name(text), &NewInode::new(NewKind::Directory, 0o755)).unwrap()
}

fn content(root: &InodeRef, path: &str) -> String {
    let file = Namespace::new(root.clone()).find(path.as_bytes()).unwrap();
    let mut buf = vec![0; file.attr().unwrap().size as usize];
    assert_eq!(file.read_at(&mut buf, 0), Ok(buf.len()));
    String::from_utf8(buf).unwrap()
}

#[test]
fn a_file_is_made_written_and_read_back() {
    let mut world = world(
        r#"(data (i32.const 64) "fileabcdef")
        (func (export "_start") (local $fd i32)
            (local.set $fd (call $open (i32.const 1) (i32.const 3) (i32.const 64) (i32.const 4) (i32.const 5) (i32.const 0)))
            (call $expect (i32.const 2) (i32.const 4) (local.get $fd))
            (call $write (i32.const 3) (local.get $fd) (i32.const 68) (i32.const 6))
            (call $expect (i32.const 4) (i32.const 0) (call $fd_tell (local.get $fd) (i32.const 24)))
            (call $expect64 (i32.const 5) (i64.const 6) (i64.load (i32.const 24)))
            (call $expect (i32.const 6) (i32.const 0) (call $fd_seek (local.get $fd) (i64.const -2) (i32.const 2) (i32.const 24)))
            (call $expect64 (i32.const 7) (i64.const 4) (i64.load (i32.const 24)))
            (call $read (i32.const 8) (local.get $fd) (i32.const 128) (i32.const 10) (i32.const 2))
            (call $show (i32.const 128) (i32.const 2))
            (call $expect (i32.const 9) (i32.const 28) (call $fd_seek (local.get $fd) (i64.const -7) (i32.const 2) (i32.const 24)))
            (call $expect (i32.const 10) (i32.const 28) (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 3) (i32.const 24)))
            ;; In two pieces, from an offset of its own.
            (call $buffer (i32.const 128) (i32.const 1))
            (i32.store (i32.const 8) (i32.const 129))
            (i32.store (i32.const 12) (i32.const 100))
            (call $expect (i32.const 11) (i32.const 0) (call $fd_pread (local.get $fd) (i32.const 0) (i32.const 2) (i64.const 1) (i32.const 24)))
            (call $expect (i32.const 12) (i32.const 5) (i32.load (i32.const 24)))
            (call $show (i32.const 128) (i32.const 5))
            (call $expect (i32.const 13) (i32.const 0) (call $fd_filestat_set_size (local.get $fd) (i64.const 3)))
            (call $expect (i32.const 14) (i32.const 0) (call $fd_allocate (local.get $fd) (i64.const 2) (i64.const 6)))
            (call $expect (i32.const 15) (i32.const 0) (call $fd_allocate (local.get $fd) (i64.const 0) (i64.const 1)))
            (call $expect (i32.const 16) (i32.const 22) (call $fd_allocate (local.get $fd) (i64.const -1) (i64.const 2)))
            (call $expect (i32.const 17) (i32.const 0) (call $fd_close (local.get $fd)))
            (call $expect (i32.const 18) (i32.const 8) (call $fd_tell (local.get $fd) (i32.const 24))))"#,
    );
    world.process.user.uid = 1000;
    let root = world.root.clone();
    root.set_attr(&SetAttr { uid: Some(1000), ..SetAttr::default() }).unwrap();
    let ended = world.run();
    assert_eq!((ended.status.code, ended.stdout.as_str()), (0, "efbcdef"));
    assert_eq!(content(&root, "/file"), "abc\0\0\0\0\0");
    let attr = root.lookup(name("file")).unwrap().attr().unwrap();
    assert_eq!((attr.mode, attr.uid, attr.kind), (0o644, 1000, FileKind::Regular));
}

#[test]
fn appending_and_exclusive_making() {
    let world = world(
        r#"(data (i32.const 64) "fileXY")
        (func (export "_start") (local $fd i32)
            (local.set $fd (call $open (i32.const 1) (i32.const 3) (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 1)))
            (call $write (i32.const 2) (local.get $fd) (i32.const 68) (i32.const 1))
            (call $expect (i32.const 3) (i32.const 0) (call $fd_fdstat_set_flags (local.get $fd) (i32.const 0)))
            (call $expect (i32.const 4) (i32.const 0) (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 0) (i32.const 24)))
            (call $write (i32.const 5) (local.get $fd) (i32.const 69) (i32.const 1))
            (call $expect (i32.const 6) (i32.const 20) (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
                (i32.const 5) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
            (call $expect (i32.const 7) (i32.const 54) (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
                (i32.const 2) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
            ;; A result that has no place leaves nothing open.
            (call $expect (i32.const 8) (i32.const 21) (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
                (i32.const 0) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const -1)))
            (call $expect (i32.const 9) (i32.const 8) (call $fd_close (i32.const 5))))"#,
    );
    world.file("file", b"abc");
    let root = world.root.clone();
    assert_eq!(world.code(), 0);
    assert_eq!(content(&root, "/file"), "YbcX");
}

#[test]
fn open_files_are_limited() {
    let mut world = world(
        r#"(data (i32.const 64) "file")
        (func (export "_start")
            (call $expect (i32.const 1) (i32.const 4)
                (call $open (i32.const 1) (i32.const 3) (i32.const 64) (i32.const 4) (i32.const 1) (i32.const 0)))
            (call $expect (i32.const 2) (i32.const 33) (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
                (i32.const 0) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
            (call $expect (i32.const 3) (i32.const 0) (call $fd_close (i32.const 0)))
            (call $expect (i32.const 4) (i32.const 0)
                (call $open (i32.const 1) (i32.const 3) (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 0))))"#,
    );
    world.limits.open_files = 5;
    assert_eq!(world.code(), 0);
}

#[test]
fn stat_tells_what_the_inode_tells_in_both_snapshots() {
    let stat = |module: &str| {
        wat::parse_str(format!(
            r#"(module
            (import "{module}" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
            (import "{module}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "{module}" "proc_exit" (func $proc_exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 64) "file")
            (func (export "_start")
                (i64.store (i32.const 184) (i64.const -1))
                (if (call $stat (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128)) (then (call $proc_exit (i32.const 1))))
                (i32.store (i32.const 0) (i32.const 128))
                (i32.store (i32.const 4) (i32.const 64))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
        ))
        .unwrap()
    };
    for (module, nlink_at, rest_at) in [("wasi_snapshot_preview1", 24, 32), ("wasi_unstable", 20, 24)] {
        let world = World::with_module(&stat(module));
        let file = world.file("file", b"abc");
        let time = |sec| Some(Timespec { sec, nsec: 7 });
        file.set_attr(&crate::vfs::SetAttr { atime: time(100), mtime: time(200), ..Default::default() }).unwrap();
        let attr = file.attr().unwrap();
        let (sink, dev) = (super::Sink::default(), attr.dev);
        assert_eq!(world.start_with(Output::Writer(Box::new(sink.clone()))).wait().code, 0);
        let bytes = sink.0.lock().unwrap().0.clone();
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((u64_at(0), u64_at(8), bytes[16], bytes[nlink_at]), (dev, attr.ino, 4, 1));
        assert_eq!((u64_at(rest_at), u64_at(rest_at + 8), u64_at(rest_at + 16)), (3, 100_000_000_007, 200_000_000_007));
        assert_eq!(u64_at(rest_at + 24), attr.ctime.as_nanos());
        // What lies behind the structure is untouched.
        assert_eq!(u64_at(56), if nlink_at == 20 { u64::MAX } else { attr.ctime.as_nanos() });
    }
}

#[test]
fn whence_of_snapshot_0_counts_differently() {
    let text = r#"(module
        (import "wasi_unstable" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "proc_exit" (func $proc_exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "file")
        (func $seek (param $whence i32) (param $wanted i64)
            (if (call $fd_seek (i32.const 4) (i64.const 1) (local.get $whence) (i32.const 0)) (then (call $proc_exit (i32.const 2))))
            (if (i64.ne (i64.load (i32.const 0)) (local.get $wanted)) (then (call $proc_exit (i32.const 3)))))
        (func (export "_start")
            (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0) (i64.const -1) (i64.const 0) (i32.const 0) (i32.const 16))
                (then (call $proc_exit (i32.const 1))))
            (call $seek (i32.const 1) (i64.const 4))
            (call $seek (i32.const 0) (i64.const 5))
            (call $seek (i32.const 2) (i64.const 1))))"#;
    let world = World::with_module(&wat::parse_str(text).unwrap());
    world.file("file", b"abc");
    assert_eq!(world.code(), 0);
}

#[test]
fn a_listing_goes_on_from_every_cookie() {
    // One entry of at most 32 bytes a call, from the cookie of the one before.
    let world = world(
        r#"(func (export "_start") (local $cookie i64)
            (block $done (loop $next
                (call $expect (i32.const 1) (i32.const 0)
                    (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 29) (local.get $cookie) (i32.const 8)))
                (br_if $done (i32.lt_u (i32.load (i32.const 8)) (i32.const 24)))
                (local.set $cookie (i64.load (i32.const 1024)))
                (call $show (i32.const 1048) (i32.load (i32.const 1040)))
                (br $next))))"#,
    );
    for file in ["a", "bb", "ccc"] {
        world.file(file, b"");
    }
    let ended = world.run();
    assert_eq!(ended.status.code, 0);
    let mut names = ended.stdout.replacen("...", "", 1);
    for name in ["main", "ccc", "bb", "a"] {
        assert!(names.contains(name), "{}", ended.stdout);
        names = names.replacen(name, "", 1);
    }
    assert_eq!(names, "");
}

#[test]
fn links_point_within_the_container_and_paths_stay_below_their_descriptor() {
    let world = world(
        r#"(data (i32.const 64) "dir/absolute")
        (data (i32.const 80) "dir/up")
        (data (i32.const 96) "/etc/file")
        (data (i32.const 112) "link")
        (data (i32.const 120) "..")
        (func $shown (param $id i32) (param $path i32) (param $len i32) (local $fd i32)
            (local.set $fd (call $open (local.get $id) (i32.const 3) (local.get $path) (local.get $len) (i32.const 0) (i32.const 0)))
            (call $read (local.get $id) (local.get $fd) (i32.const 128) (i32.const 10) (i32.const 3))
            (call $show (i32.const 128) (i32.const 3)))
        (func (export "_start") (local $fd i32)
            (call $shown (i32.const 1) (i32.const 64) (i32.const 12))
            (call $shown (i32.const 2) (i32.const 80) (i32.const 6))
            (call $expect (i32.const 3) (i32.const 0) (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 3)
                (i32.const 2) (i64.const 0) (i64.const -1) (i32.const 0) (i32.const 16)))
            (local.set $fd (i32.load (i32.const 16)))
            (call $expect (i32.const 4) (i32.const 76) (call $path_filestat_get (local.get $fd) (i32.const 1) (i32.const 120) (i32.const 2) (i32.const 512)))
            (call $expect (i32.const 5) (i32.const 76) (call $path_filestat_get (local.get $fd) (i32.const 1) (i32.const 96) (i32.const 9) (i32.const 512)))
            (call $expect (i32.const 6) (i32.const 0) (call $path_filestat_get (local.get $fd) (i32.const 1) (i32.const 84) (i32.const 2) (i32.const 512)))
            (call $expect (i32.const 7) (i32.const 4) (i32.load8_u (i32.const 528)))
            (call $expect (i32.const 8) (i32.const 0) (call $path_filestat_get (local.get $fd) (i32.const 0) (i32.const 84) (i32.const 2) (i32.const 512)))
            (call $expect (i32.const 9) (i32.const 7) (i32.load8_u (i32.const 528)))
            ;; Absolute links are made from `/` alone.
            (call $expect (i32.const 10) (i32.const 76) (call $path_symlink (i32.const 96) (i32.const 9) (local.get $fd) (i32.const 112) (i32.const 4)))
            (call $expect (i32.const 11) (i32.const 0) (call $path_symlink (i32.const 96) (i32.const 9) (i32.const 3) (i32.const 112) (i32.const 4)))
            (call $expect (i32.const 12) (i32.const 0) (call $path_readlink (i32.const 3) (i32.const 112) (i32.const 4) (i32.const 128) (i32.const 4) (i32.const 8)))
            (call $expect (i32.const 13) (i32.const 4) (i32.load (i32.const 8)))
            (call $show (i32.const 128) (i32.const 4)))"#,
    );
    let dir = directory(&world.root, "dir");
    directory(&world.root, "etc");
    world.file("etc/file", b"abc");
    for (link, target) in [("absolute", &b"/etc/file"[..]), ("up", b"../../etc/file")] {
        dir.create(name(link), &NewInode::new(NewKind::Symlink(target), 0o777)).unwrap();
    }
    let ended = world.run();
    assert_eq!((ended.status.code, ended.stdout.as_str()), (0, "abcabc/etc"));
}

#[test]
fn mount_points_are_busy() {
    let world = world(
        r#"(data (i32.const 64) "mntnew")
        (func (export "_start")
            (call $expect (i32.const 1) (i32.const 10) (call $path_remove_directory (i32.const 3) (i32.const 64) (i32.const 3)))
            (call $expect (i32.const 2) (i32.const 10) (call $path_rename (i32.const 3) (i32.const 64) (i32.const 3) (i32.const 3) (i32.const 67) (i32.const 3)))
            (call $expect (i32.const 3) (i32.const 0) (call $path_create_directory (i32.const 3) (i32.const 67) (i32.const 3)))
            (call $expect (i32.const 4) (i32.const 10) (call $path_rename (i32.const 3) (i32.const 67) (i32.const 3) (i32.const 3) (i32.const 64) (i32.const 3)))
            (call $expect (i32.const 5) (i32.const 0) (call $path_remove_directory (i32.const 3) (i32.const 67) (i32.const 3))))"#,
    );
    let mut bundle = world.bundle(Output::Null, Output::Null);
    let Workload::Guest { rootfs, .. } = &mut bundle.workload else { unreachable!("a guest was asked for") };
    let namespace = Arc::get_mut(&mut rootfs.namespace).unwrap();
    namespace.mount(&GuestPath::new("/mnt").unwrap(), memfs(&MemFsOptions::default())).unwrap();
    assert_eq!(wasm().create(bundle).unwrap().start().unwrap().wait().code, 0);
}

/// Opens each path through the last preopened directory, as wasi-libc does, and shows what the file holds.
fn through_libc(world: World, paths: &[&str]) -> String {
    let mut calls = String::new();
    let mut data = String::new();
    for (index, path) in paths.iter().enumerate() {
        let (at, path) = (1024 + index * 64, path.trim_start_matches('/'));
        data.push_str(&format!("(data (i32.const {at}) {path:?})"));
        calls.push_str(&format!(
            r#"(local.set $fd (call $open (i32.const 1) (i32.const 4) (i32.const {at}) (i32.const {}) (i32.const 0) (i32.const 0)))
            (call $buffer (i32.const 128) (i32.const 10))
            (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $show (i32.const 128) (i32.load (i32.const 8)))"#,
            path.len()
        ));
    }
    let module =
        format!(r#"(module {} {OPEN} {data} (func (export "_start") (local $fd i32) {calls}))"#, super::PRELUDE);
    world.root.unlink(name("main")).unwrap();
    world.file("main", &wat::parse_str(module).unwrap());
    let ended = world.run();
    assert_eq!(ended.status.code, 0);
    ended.stdout
}

#[test]
fn relative_paths_start_in_the_working_directory_and_absolute_ones_at_the_root() {
    let mut world = World::new("");
    let work = directory(&world.root, "work");
    directory(&work, "src");
    directory(&world.root, "etc");
    for (file, content) in
        [("work/a", "1"), ("work/src/b", "2"), ("etc/c", "3"), ("both", "root"), ("work/both", "work")]
    {
        world.file(file, content.as_bytes());
    }
    world.process.cwd = Some(GuestPath::new("/work").unwrap());
    let paths = ["a", "./a", "src/b", "../etc/c", "/etc/c", "/work/a", "/work/src/../a", "both", "./both"];
    assert_eq!(through_libc(world, &paths), "1123311workwork");
}

#[test]
fn what_is_made_is_made_in_the_working_directory_unless_only_the_root_has_its_folder() {
    let mut world = world(
        r#"(data (i32.const 64) "newtmp/neweach/new")
        (func (export "_start") (local $fd i32)
            (drop (call $open (i32.const 1) (i32.const 4) (i32.const 64) (i32.const 3) (i32.const 1) (i32.const 0)))
            (drop (call $open (i32.const 2) (i32.const 4) (i32.const 67) (i32.const 7) (i32.const 1) (i32.const 0)))
            (drop (call $open (i32.const 3) (i32.const 4) (i32.const 74) (i32.const 8) (i32.const 1) (i32.const 0)))
            ;; A name that `/` has as a folder.
            (call $expect (i32.const 4) (i32.const 0) (call $path_create_directory (i32.const 4) (i32.const 67) (i32.const 3)))
            ;; It is `.` to programs.
            (call $expect (i32.const 5) (i32.const 0) (call $fd_prestat_dir_name (i32.const 4) (i32.const 128) (i32.const 1)))
            (call $show (i32.const 128) (i32.const 1))
            (call $expect (i32.const 6) (i32.const 8) (call $fd_prestat_get (i32.const 5) (i32.const 128))))"#,
    );
    let work = directory(&world.root, "work");
    directory(&world.root, "tmp");
    directory(&world.root, "each");
    directory(&work, "each");
    world.process.cwd = Some(GuestPath::new("/work").unwrap());
    let root = world.root.clone();
    let ended = world.run();
    assert_eq!((ended.status.code, ended.stdout.as_str()), (0, "."));
    let namespace = Namespace::new(root);
    for made in ["/work/new", "/tmp/new", "/work/each/new", "/work/tmp"] {
        assert!(namespace.find(made.as_bytes()).is_ok(), "{made}");
    }
}

#[test]
fn the_working_directory_is_in_the_environment() {
    let text = r#"(func (export "_start")
        (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
        (drop (call $environ_get (i32.const 64) (i32.const 128)))
        (call $buffer (i32.const 128) (i32.load (i32.const 4)))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    let mut world = World::new(text);
    directory(&world.root, "work");
    world.process.cwd = Some(GuestPath::new("/work").unwrap());
    assert_eq!(world.run().stdout, "PWD=/work\0");
    assert_eq!(World::new(text).run().stdout, "");
}
