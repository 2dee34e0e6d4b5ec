//! Finding programs, and what is said of those that cannot run.

use super::{World, wasm};
use crate::runtime::{Error, ErrorKind, Output, Runtime};
use crate::vfs::{GuestPath, Name, NewInode, NewKind};

/// A program that tells its arguments, each with a NUL behind it.
const ARGS: &str = r#"
    (func (export "_start")
        (drop (call $args_sizes_get (i32.const 8) (i32.const 4)))
        (drop (call $args_get (i32.const 64) (i32.const 1024)))
        (i32.store (i32.const 0) (i32.const 1024))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

fn error(world: World) -> Error {
    match wasm().create(world.bundle(Output::Null, Output::Null)) {
        Ok(_) => panic!("it was created"),
        Err(error) => error,
    }
}

fn named(mut world: World, args: &[&str]) -> World {
    world.process.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    world
}

fn directory(world: &World, name: &str) -> crate::vfs::InodeRef {
    let name = Name::new(name.as_bytes()).unwrap();
    world.root.create(name, &NewInode::new(NewKind::Directory, 0o755)).unwrap()
}

#[test]
fn a_program_is_found_by_path_by_name_and_beside_the_working_directory() {
    let module = wat::parse_str(format!("(module {} {ARGS})", super::PRELUDE)).unwrap();
    for (args, path, cwd) in [
        (["/bin/tool", "x"], None, None),
        (["tool", "x"], None, None),
        (["tool", "x"], Some("/nowhere:/bin"), None),
        (["./tool", "x"], None, Some("/bin")),
        (["tool", "x"], Some("/nowhere"), Some("/bin")),
    ] {
        let mut world = named(World::new(ARGS), &args);
        directory(&world, "bin");
        world.file("bin/tool", &module);
        world.process.env.extend(path.map(|path| format!("PATH={path}")));
        world.process.cwd = cwd.map(|cwd| GuestPath::new(cwd).unwrap());
        assert_eq!(world.run().stdout, format!("{}\0x\0", args[0]));
    }
}

#[test]
fn a_program_that_is_not_there_is_not_found() {
    for (args, message) in [
        (&["tool"][..], "exec: \"tool\": executable file not found in $PATH"),
        (&["/tool"], "exec: \"/tool\": no such file or directory"),
        (&["/main/tool"], "exec: \"/main/tool\": not a directory"),
        (&[""], "no program given"),
        (&[], "no program given"),
    ] {
        let error = error(named(World::new(ARGS), args));
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, message));
    }
    let world = named(World::new(ARGS), &["/"]);
    assert_eq!(error(world).message, "exec: \"/\": is a directory");
}

#[test]
fn a_script_runs_with_its_interpreter() {
    let world = named(World::new(ARGS), &["/script", "a", "b"]);
    world.file("script", b"#! /main -x  y \nbody\n");
    world.file("outer", b"#!/script\n");
    assert_eq!(world.run().stdout, "/main\0-x  y\0/script\0a\0b\0");
    let world = named(World::new(ARGS), &["/outer", "a"]);
    world.file("script", b"#!/main -x");
    world.file("outer", b"#!/script -o\n");
    assert_eq!(world.run().stdout, "/main\0-x\0/script\0-o\0/outer\0a\0");
}

#[test]
fn a_script_without_its_interpreter_names_it() {
    let world = named(World::new(ARGS), &["/script"]);
    world.file("script", b"#!/bin/sh -e\n");
    let missing = error(world);
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(missing.message, "exec: \"/script\": is a script for \"/bin/sh\": no such file or directory");
    let world = named(World::new(ARGS), &["/script"]);
    world.file("script", b"#!/script\n");
    assert_eq!(error(world).message, "exec: \"/script\": too many interpreters");
}

#[test]
fn a_missing_import_is_named_with_what_to_do() {
    let cases = [
        ("env", "pthread_create", "wasi-sdk"),
        ("wasi", "thread-spawn", "threads"),
        ("wasix_32v1", "proc_fork", "WASIX"),
        ("wasi:cli/stdout@0.2.0", "get-stdout", "preview 2"),
        ("gojs", "runtime.wasmExit", "GOOS=wasip1"),
        ("wasi_snapshot_preview1", "sock_open", "preview 1"),
    ];
    for (module, name, hint) in cases {
        let text = format!(r#"(module (import "{module}" "{name}" (func)) (func (export "_start")))"#);
        let error = error(World::with_module(&wat::parse_str(text).unwrap()));
        assert_eq!(error.kind, ErrorKind::NotExecutable);
        assert_eq!(error.message, format!("exec: \"/main\": imports {module}.{name}, which is not there"));
        assert!(error.hint.unwrap().contains(hint));
    }
}

#[test]
fn an_import_of_another_type_is_told() {
    let text = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64))) (func (export "_start")))"#;
    let error = error(World::with_module(&wat::parse_str(text).unwrap()));
    assert!(error.message.starts_with("exec: \"/main\": does not fit WASI preview 1: "), "{}", error.message);
    assert!(error.message.contains("fd_close"), "{}", error.message);
}

#[test]
fn a_library_is_no_program() {
    let error = error(World::with_module(&wat::parse_str(r#"(module (func (export "_initialize")))"#).unwrap()));
    assert_eq!(error.kind, ErrorKind::NotExecutable);
    assert_eq!(error.message, "exec: \"/main\": has no function `_start`: it is a library (reactor), no program");
}

#[test]
fn a_damaged_module_tells_where() {
    let module = wat::parse_str(format!("(module {} {ARGS})", super::PRELUDE)).unwrap();
    let error = error(World::with_module(&module[..module.len() - 3]));
    assert_eq!(error.kind, ErrorKind::NotExecutable);
    assert!(error.message.starts_with("exec: \"/main\": cannot be compiled: "), "{}", error.message);
    assert!(error.message.contains("offset"), "{}", error.message);
}

#[test]
fn a_working_directory_that_is_not_there_is_told() {
    let mut world = World::new(ARGS);
    world.process.cwd = Some(GuestPath::new("/nowhere").unwrap());
    assert_eq!(error(world).message, "working directory \"/nowhere\": no such file or directory");
}
