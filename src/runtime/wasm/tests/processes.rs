//! Guests that make processes: what the kernel's own tests cannot show, for it is the executor's.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::ends::Tell;
use super::{Ended, World};
use crate::runtime::{ExitReason, Output, Signal};

/// Imports, `$expect`, which ends the guest with the number of what was not as expected, and `$start`, which starts the program
/// whose path lies at 64.
const PRELUDE: &str = r#"
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_open" (func $path_open
  (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
(import "cowbox_v1" "proc_spawn" (func $spawn (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_exec" (func $exec (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_wait" (func $wait (param i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_kill" (func $kill (param i32 i32) (result i32)))
(import "cowbox_v1" "sig_action" (func $action (param i32 i32 i32) (result i32)))
(import "cowbox_v1" "sig_mask" (func $mask (param i32 i64 i32) (result i32)))
(import "cowbox_v1" "fd_pipe" (func $pipe (param i32 i32) (result i32)))
(import "cowbox_v1" "fd_poll" (func $poll (param i32 i32 i64 i32) (result i32)))
(import "cowbox_v1" "proc_alarm" (func $alarm (param i64 i64 i32) (result i32)))
(import "cowbox_v1" "fd_open" (func $open (param i32 i32 i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "path_chdir" (func $chdir (param i32 i32) (result i32)))
(memory (export "memory") 1)
(func $expect (param $id i32) (param $wanted i32) (param $got i32)
  (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $id)))))
;; Starts the program at 64, of this length, and returns its number, or minus the errno.
(func $start (param $len i32) (result i32) (local $errno i32)
  (local.set $errno (call $spawn (i32.const 64) (local.get $len) (i32.const 64) (i32.add (local.get $len) (i32.const 1))
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16)))
  (if (local.get $errno) (then (return (i32.sub (i32.const 0) (local.get $errno)))))
  (i32.load (i32.const 16)))
;; The status of a child, once there is one with these options.
(func $status (param $pid i32) (param $options i32) (result i32)
  (call $expect (i32.const 99) (i32.const 0) (call $wait (local.get $pid) (local.get $options) (i32.const 24)))
  (i32.load (i32.const 28)))
"#;

fn module(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {PRELUDE} {body})")).unwrap()
}

/// A world whose first program does this.
fn world(main: &str) -> World {
    World::with_module(&module(main))
}

fn passes(world: World) {
    let Ended { status, .. } = world.run();
    assert_eq!((status.code, status.reason), (0, ExitReason::Exited), "{:?}", status.message);
}

#[test]
fn a_child_that_makes_no_calls_is_stopped_and_killed() {
    let world = world(
        r#"(data (i32.const 64) "/spin\00")
        (func (export "_start") (local $pid i32)
          (local.set $pid (call $start (i32.const 5)))
          (call $expect (i32.const 1) (i32.const 0) (call $kill (local.get $pid) (i32.const 19)))
          (call $expect (i32.const 2) (i32.const 0x137f) (call $status (local.get $pid) (i32.const 2)))
          (call $expect (i32.const 3) (i32.const 0) (call $kill (local.get $pid) (i32.const 18)))
          (call $expect (i32.const 4) (i32.const 0xffff) (call $status (local.get $pid) (i32.const 8)))
          (call $expect (i32.const 5) (i32.const 0) (call $kill (local.get $pid) (i32.const 15)))
          (call $expect (i32.const 6) (i32.const 15) (call $status (local.get $pid) (i32.const 0)))
          (local.set $pid (call $start (i32.const 5)))
          (call $expect (i32.const 7) (i32.const 0) (call $kill (local.get $pid) (i32.const 9)))
          (call $expect (i32.const 8) (i32.const 9) (call $status (local.get $pid) (i32.const 0))))"#,
    );
    world.file("spin", &module(r#"(func (export "_start") (loop $again (br $again)))"#));
    passes(world);
}

#[test]
fn handlers_are_called_on_the_way_back_from_a_call() {
    passes(world(
        r#"(global $calls (mut i32) (i32.const 0))
        (func (export "__cowbox_signal") (param $signal i32)
          (global.set $calls (i32.add (i32.mul (global.get $calls) (i32.const 100)) (local.get $signal)))
          ;; While it runs its signal is blocked: the one that it sends comes after it.
          (if (i32.eq (global.get $calls) (i32.const 10)) (then
            (drop (call $kill (i32.const 1) (i32.const 10)))
            (call $expect (i32.const 1) (i32.const 10) (global.get $calls)))))
        ;; A handler, SA_RESTART.
        (data (i32.const 128) "\02\00\00\00\00\00\00\10")
        (func (export "_start")
          (call $expect (i32.const 2) (i32.const 0) (call $action (i32.const 10) (i32.const 128) (i32.const 0)))
          (call $expect (i32.const 3) (i32.const 0) (call $kill (i32.const 1) (i32.const 10)))
          (call $expect (i32.const 4) (i32.const 1010) (global.get $calls))
          ;; Blocked, it waits.
          (call $expect (i32.const 5) (i32.const 0) (call $mask (i32.const 0) (i64.const 0x200) (i32.const 0)))
          (call $expect (i32.const 6) (i32.const 0) (call $kill (i32.const 1) (i32.const 10)))
          (call $expect (i32.const 7) (i32.const 1010) (global.get $calls))
          (call $expect (i32.const 8) (i32.const 0) (call $mask (i32.const 1) (i64.const 0x200) (i32.const 0)))
          (call $expect (i32.const 9) (i32.const 101010) (global.get $calls))
          (call $expect (i32.const 10) (i32.const 28) (call $action (i32.const 9) (i32.const 128) (i32.const 0))))"#,
    ));
}

#[test]
fn a_read_goes_on_after_a_handler_and_a_poll_does_not() {
    passes(world(
        r#"(data (i32.const 128) "\02\00\00\00\00\00\00\10")
        ;; A byte for who reads from the pipe.
        (func (export "__cowbox_signal") (param i32)
          (drop (call $fd_write (i32.load (i32.const 204)) (i32.const 208) (i32.const 1) (i32.const 240))))
        (func $ring (call $expect (i32.const 1) (i32.const 0) (call $alarm (i64.const 2000000) (i64.const 0) (i32.const 256))))
        (func (export "_start")
          (i32.store (i32.const 208) (i32.const 220))
          (i32.store (i32.const 212) (i32.const 1))
          (call $expect (i32.const 2) (i32.const 0) (call $action (i32.const 14) (i32.const 128) (i32.const 0)))
          (call $expect (i32.const 3) (i32.const 0) (call $pipe (i32.const 0) (i32.const 200)))
          ;; A poll that nothing broke off has no part in the read behind it.
          (call $expect (i32.const 4) (i32.const 0) (call $poll (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 240)))
          (call $ring)
          (call $expect (i32.const 5) (i32.const 0)
            (call $fd_read (i32.load (i32.const 200)) (i32.const 208) (i32.const 1) (i32.const 240)))
          (call $expect (i32.const 6) (i32.const 1) (i32.load (i32.const 240)))
          (call $ring)
          (call $expect (i32.const 7) (i32.const 27) (call $poll (i32.const 0) (i32.const 0) (i64.const -1) (i32.const 240))))"#,
    ));
}

#[test]
fn a_handler_may_leave_for_good() {
    let world = world(
        r#"(func (export "__cowbox_signal") (param $signal i32) (call $exit (i32.const 33)))
        (data (i32.const 128) "\02\00\00\00")
        (func (export "_start")
          (drop (call $action (i32.const 10) (i32.const 128) (i32.const 0)))
          (drop (call $kill (i32.const 1) (i32.const 10)))
          (unreachable))"#,
    );
    assert_eq!(world.code(), 33);
}

#[test]
fn a_program_without_the_function_has_no_handlers() {
    passes(world(
        r#"(data (i32.const 128) "\02\00\00\00")
        (func (export "_start")
          (call $expect (i32.const 1) (i32.const 52) (call $action (i32.const 10) (i32.const 128) (i32.const 0))))"#,
    ));
}

#[test]
fn what_is_no_program_says_so() {
    let world = world(
        r#"(func (export "_start")
          (i64.store (i32.const 64) (i64.const 0x00747865742f))
          (call $expect (i32.const 1) (i32.const -45) (call $start (i32.const 5)))
          (i64.store (i32.const 64) (i64.const 0x0062696c2f))
          (call $expect (i32.const 2) (i32.const -45) (call $start (i32.const 4)))
          (i64.store (i32.const 64) (i64.const 0x006f6e2f))
          (call $expect (i32.const 3) (i32.const -44) (call $start (i32.const 3)))
          (call $expect (i32.const 4) (i32.const 44) (call $exec (i32.const 64) (i32.const 3) (i32.const 64) (i32.const 4)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
          (call $expect (i32.const 5) (i32.const 12) (call $wait (i32.const -1) (i32.const 1) (i32.const 24))))"#,
    );
    world.file("text", b"echo text\n");
    // An import that nobody has.
    world.file("lib", &wat::parse_str(r#"(module (import "env" "x" (func)) (func (export "_start")))"#).unwrap());
    passes(world);
}

#[test]
fn a_program_becomes_another_in_place() {
    let world = world(
        r#"(data (i32.const 64) "/next\00")
        (func (export "_start")
          (drop (call $pipe (i32.const 0) (i32.const 128)))
          (drop (call $exec (i32.const 64) (i32.const 5) (i32.const 64) (i32.const 6)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
          (unreachable))"#,
    );
    // The pipe is still there: 3 and 4 are taken.
    let next = r#"(func (export "_start")
        (drop (call $pipe (i32.const 0) (i32.const 128)))
        (call $exit (i32.load (i32.const 128))))"#;
    world.file("next", &module(next));
    assert_eq!(world.code(), 5);
}

#[test]
fn a_child_that_traps_or_exits_tells_how() {
    let world = world(
        r#"(data (i32.const 64) "/trap\00")
        (func (export "_start")
          (call $expect (i32.const 1) (i32.const 6) (call $status (call $start (i32.const 5)) (i32.const 0)))
          (i32.store8 (i32.const 65) (i32.const 69))
          (call $expect (i32.const 2) (i32.const 0x700) (call $status (call $start (i32.const 5)) (i32.const 0))))"#,
    );
    world.file("trap", &module(r#"(func (export "_start") (unreachable))"#));
    world.file("Erap", &module(r#"(func (export "_start") (call $exit (i32.const 7)))"#));
    passes(world);
}

#[test]
fn the_memory_limit_is_that_of_all_processes_together() {
    let mut world = world(
        r#"(data (i32.const 64) "/large\00")
        (func (export "_start") (local $first i32)
          (local.set $first (call $start (i32.const 6)))
          (call $expect (i32.const 1) (i32.const 0x137f) (call $status (local.get $first) (i32.const 2)))
          ;; There is room for one of them.
          (call $expect (i32.const 2) (i32.const 9) (call $status (call $start (i32.const 6)) (i32.const 2)))
          (drop (call $kill (local.get $first) (i32.const 9)))
          (call $expect (i32.const 3) (i32.const 9) (call $status (local.get $first) (i32.const 0)))
          (local.set $first (call $start (i32.const 6)))
          (call $expect (i32.const 4) (i32.const 0x137f) (call $status (local.get $first) (i32.const 2))))"#,
    );
    // It stops itself once it has its memory.
    let large = r#"(module
        (import "cowbox_v1" "proc_kill" (func $kill (param i32 i32) (result i32)))
        (import "cowbox_v1" "proc_info" (func $info (param i32 i32) (result i32)))
        (memory (export "memory") 10)
        (func (export "_start")
          (drop (call $info (i32.const 0) (i32.const 64)))
          (drop (call $kill (i32.load (i32.const 64)) (i32.const 19)))))"#;
    world.file("large", &wat::parse_str(large).unwrap());
    world.limits.memory = Some(16 * 65_536);
    passes(world);
}

#[test]
fn paths_of_preview_1_may_start_in_the_working_directory() {
    let world = world(
        r#"(data (i32.const 64) "/tmp")
        (data (i32.const 80) "../tmp/./file")
        (func (export "_start")
          (call $expect (i32.const 1) (i32.const 0) (call $chdir (i32.const 64) (i32.const 4)))
          (call $expect (i32.const 2) (i32.const 0) (call $path_open (i32.const -100) (i32.const 0) (i32.const 80)
            (i32.const 13) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 128)))
          (call $expect (i32.const 3) (i32.const 3) (i32.load (i32.const 128)))
          (call $expect (i32.const 4) (i32.const 0) (call $open (i32.const -100) (i32.const 80) (i32.const 13)
            (i32.const 0) (i32.const 0) (i32.const 128)))
          (call $expect (i32.const 5) (i32.const 8) (call $open (i32.const -101) (i32.const 80) (i32.const 13)
            (i32.const 0) (i32.const 0) (i32.const 128))))"#,
    );
    let name = crate::vfs::Name::new(b"tmp").unwrap();
    let tmp = crate::vfs::NewInode::new(crate::vfs::NewKind::Directory, 0o755);
    world.root.create(name, &tmp).unwrap();
    world.file("tmp/file", b"x");
    passes(world);
}

/// The functions of the interface with the types of their arguments, as they are defined.
fn functions() -> Vec<(String, Vec<&'static str>)> {
    let text = include_str!("../abi/mod.rs").replace('\n', " ");
    let mut functions = Vec::new();
    for piece in text.split("\" => ").collect::<Vec<_>>().windows(2) {
        let name = piece[0].rsplit('"').next().unwrap().to_owned();
        let arguments = piece[1].split_once('(').unwrap().1.split_once(')').unwrap().0;
        let types = arguments.split(',').filter(|argument| !argument.trim().is_empty());
        functions.push((name, types.map(|argument| if argument.contains("64") { "i64" } else { "i32" }).collect()));
    }
    functions.push(("sig_action".to_owned(), vec!["i32"; 3]));
    functions.push(("proc_exec".to_owned(), vec!["i32"; 8]));
    functions
}

#[test]
fn no_argument_of_any_call_harms_the_host() {
    let functions = functions();
    assert!(functions.len() > 60, "{functions:?}");
    let (mut imports, mut calls) = (String::new(), String::new());
    for (name, types) in &functions {
        let params = types.join(" ");
        imports.push_str(&format!(r#"(import "cowbox_v1" "{name}" (func ${name} (param {params}) (result i32)))"#));
        // What ends or stops the guest, or waits for ever, as it should.
        let ends = ["proc_kill", "proc_alarm", "sig_suspend", "sig_wait", "fd_poll", "fd_closefrom", "pty_open"];
        if ends.contains(&name.as_str()) {
            continue;
        }
        for value in ["0", "-1", "1", "3", "7", "65535", "65536", "2147483647", "-2147483648", "-8", "-100"] {
            for last in ["0", "64", "-4", "65533"] {
                let mut args: Vec<String> = types.iter().map(|ty| format!("({ty}.const {value})")).collect();
                if let (Some(arg), Some(ty)) = (args.last_mut(), types.last()) {
                    *arg = format!("({ty}.const {last})");
                }
                calls.push_str(&format!("(drop (call ${name} {}))", args.join(" ")));
            }
        }
    }
    let text = format!(
        r#"(module {imports} (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") {calls} (call $exit (i32.const 9))))"#
    );
    assert_eq!(World::with_module(&wat::parse_str(text).unwrap()).code(), 9);
}

#[test]
fn a_fork_bomb_meets_the_limit_and_is_ended_at_once() {
    let mut world = world(
        r#"(data (i32.const 64) "/main\00")
        (func (export "_start")
          ;; The first to meet the limit says so.
          (loop $again (br_if $again (i32.gt_s (call $start (i32.const 5)) (i32.const 0))))
          (i32.store (i32.const 0) (i32.const 64))
          (i32.store (i32.const 4) (i32.const 1))
          (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (loop $again (drop (call $start (i32.const 5))) (br $again)))"#,
    );
    world.limits.processes = 50;
    let (tell, told) = channel();
    let running = world.start_with(Output::Writer(Box::new(Tell(tell))));
    told.recv().unwrap();
    let begun = Instant::now();
    running.kill(Signal::TERM).unwrap();
    let status = running.wait();
    assert_eq!(status.reason, ExitReason::Signaled(Signal::TERM));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
