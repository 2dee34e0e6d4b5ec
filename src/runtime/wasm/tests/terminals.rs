//! Guests with a terminal: the calls of the interface, job control, and pseudo-terminals.

use super::{Sink, World, wasm};
use crate::runtime::{Input, Output, Runtime, TerminalSize};

/// Imports, `$expect`, which ends the guest with the number of what was not as expected, and `$put`, which writes texts.
const PRELUDE: &str = r#"
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
(import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
(import "cowbox_v1" "proc_spawn" (func $spawn
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_wait" (func $wait (param i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_kill" (func $kill (param i32 i32) (result i32)))
(import "cowbox_v1" "proc_setsid" (func $setsid (param i32) (result i32)))
(import "cowbox_v1" "sig_action" (func $action (param i32 i32 i32) (result i32)))
(import "cowbox_v1" "fd_poll" (func $poll (param i32 i32 i64 i32) (result i32)))
(import "cowbox_v1" "tty_getattr" (func $getattr (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_setattr" (func $setattr (param i32 i32 i32) (result i32)))
(import "cowbox_v1" "tty_getsize" (func $getsize (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_setsize" (func $setsize (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_getpgrp" (func $getpgrp (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_setpgrp" (func $setpgrp (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_getsid" (func $getsid (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_setctty" (func $setctty (param i32) (result i32)))
(import "cowbox_v1" "tty_flush" (func $flush (param i32 i32) (result i32)))
(import "cowbox_v1" "tty_name" (func $name (param i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "pty_open" (func $pty (param i32 i32) (result i32)))
(memory (export "memory") 1)
(func $expect (param $id i32) (param $wanted i32) (param $got i32)
  (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $id)))))
(func $put (param $fd i32) (param $at i32) (param $len i32) (result i32)
  (i32.store (i32.const 0) (local.get $at))
  (i32.store (i32.const 4) (local.get $len))
  (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
;; Reads to 4096, and returns how much, or minus the errno.
(func $get (param $fd i32) (result i32) (local $errno i32)
  (i32.store (i32.const 0) (i32.const 4096))
  (i32.store (i32.const 4) (i32.const 1000))
  (local.set $errno (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
  (if (local.get $errno) (then (return (i32.sub (i32.const 0) (local.get $errno)))))
  (i32.load (i32.const 8)))
"#;

/// Runs a guest on a terminal of 100 columns and 30 lines: its exit code, and what was shown.
fn run(body: &str, keys: &'static [u8]) -> (i32, String) {
    let mut world = World::with_module(&wat::parse_str(format!("(module {PRELUDE} {body})")).unwrap());
    world.stdin = Input::Reader(Box::new(keys));
    let shown = Sink::default();
    let mut bundle = world.bundle(Output::Writer(Box::new(shown.clone())), Output::Null);
    bundle.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let status = wasm().create(bundle).unwrap().start().unwrap().wait();
    (status.code, shown.text())
}

#[test]
fn the_streams_are_one_terminal() {
    let body = r#"(func (export "_start") (local $len i32)
        (call $expect (i32.const 1) (i32.const 0) (call $getsize (i32.const 2) (i32.const 64)))
        (call $expect (i32.const 2) (i32.const 0x0064001e) (i32.load (i32.const 64)))
        (call $expect (i32.const 3) (i32.const 0) (call $getpgrp (i32.const 0) (i32.const 64)))
        (call $expect (i32.const 4) (i32.const 1) (i32.load (i32.const 64)))
        (call $expect (i32.const 5) (i32.const 0) (call $getsid (i32.const 0) (i32.const 64)))
        (call $expect (i32.const 6) (i32.const 1) (i32.load (i32.const 64)))
        (call $expect (i32.const 7) (i32.const 0) (call $name (i32.const 1) (i32.const 64) (i32.const 64) (i32.const 60)))
        (drop (call $put (i32.const 2) (i32.const 64) (i32.load (i32.const 60))))
        ;; What is no terminal: the root directory.
        (call $expect (i32.const 8) (i32.const 8) (call $getattr (i32.const 9) (i32.const 64)))
        (call $expect (i32.const 9) (i32.const 28) (call $flush (i32.const 0) (i32.const 3)))
        (call $expect (i32.const 10) (i32.const 28) (call $setattr (i32.const 0) (i32.const 3) (i32.const 64)))
        (call $expect (i32.const 11) (i32.const 21) (call $setattr (i32.const 0) (i32.const 0) (i32.const 65500)))
        (loop $again
            (local.set $len (call $get (i32.const 0)))
            (drop (call $put (i32.const 1) (i32.const 4096) (local.get $len)))
            (br_if $again (local.get $len))))"#;
    let (code, shown) = run(body, b"ab\x7fc\r\x04");
    assert_eq!(code, 0);
    // Whether keys come before the name is shown is a matter of luck.
    let rest = shown.replacen("/dev/console", "", 1);
    assert_eq!((rest.as_str(), shown.len()), ("ab\x08 \x08c\r\nac\r\n", rest.len() + 12));
}

#[test]
fn a_job_in_the_background_stops_until_it_is_brought_forward() {
    let body = r#"
        (data (i32.const 64) "/main")
        (data (i32.const 80) "main\00child\00")
        ;; A group of its own.
        (data (i32.const 128) "\01\00\00\00")
        ;; A signal action: to ignore it.
        (data (i32.const 192) "\01\00\00\00")
        (func $child (local $len i32)
            (local.set $len (call $get (i32.const 0)))
            (drop (call $put (i32.const 1) (i32.const 4096) (local.get $len)))
            (call $exit (i32.const 42)))
        (func (export "_start") (local $pid i32)
            (drop (call $args_sizes (i32.const 8) (i32.const 12)))
            (if (i32.eq (i32.load (i32.const 8)) (i32.const 2)) (then (call $child)))
            (call $expect (i32.const 1) (i32.const 0) (call $action (i32.const 22) (i32.const 192) (i32.const 0)))
            (call $expect (i32.const 2) (i32.const 0) (call $spawn (i32.const 64) (i32.const 5) (i32.const 80) (i32.const 11)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 128) (i32.const 256)))
            (local.set $pid (i32.load (i32.const 256)))
            ;; It reads, and is stopped by SIGTTIN (21).
            (call $expect (i32.const 3) (i32.const 0) (call $wait (local.get $pid) (i32.const 2) (i32.const 300)))
            (call $expect (i32.const 4) (i32.const 0x157f) (i32.load (i32.const 304)))
            (call $expect (i32.const 5) (i32.const 0) (call $setpgrp (i32.const 0) (local.get $pid)))
            (call $expect (i32.const 6) (i32.const 0) (call $kill (i32.sub (i32.const 0) (local.get $pid)) (i32.const 18)))
            (call $expect (i32.const 7) (i32.const 0) (call $wait (local.get $pid) (i32.const 0) (i32.const 300)))
            (call $expect (i32.const 8) (i32.const 0x2a00) (i32.load (i32.const 304)))
            ;; From the background, SIGTTOU is ignored; another session's group cannot be brought forward.
            (call $expect (i32.const 9) (i32.const 63) (call $setpgrp (i32.const 0) (i32.const 77)))
            (call $expect (i32.const 10) (i32.const 0) (call $setpgrp (i32.const 0) (i32.const 1)))
            (call $expect (i32.const 11) (i32.const 7) (call $get (i32.const 0))))"#;
    let (code, shown) = run(body, b"first\rsecond\r");
    assert_eq!(code, 0);
    assert_eq!(shown, "first\r\nsecond\r\nfirst\r\n");
}

#[test]
fn a_pseudo_terminal_has_two_sides() {
    let body = r#"
        (data (i32.const 64) "typed\0d")
        (data (i32.const 80) "shown\0a")
        (data (i32.const 96) "\28\00\84\00\00\00\00\00")
        (func (export "_start") (local $master i32) (local $terminal i32)
            (call $expect (i32.const 1) (i32.const 0) (call $pty (i32.const 0) (i32.const 128)))
            (local.set $master (i32.load (i32.const 128)))
            (local.set $terminal (i32.load (i32.const 132)))
            (call $expect (i32.const 2) (i32.const 0) (call $put (local.get $master) (i32.const 64) (i32.const 6)))
            (call $expect (i32.const 3) (i32.const 6) (call $get (local.get $terminal)))
            (call $expect (i32.const 4) (i32.const 0x0a) (i32.load8_u (i32.const 4101)))
            (call $expect (i32.const 5) (i32.const 0) (call $put (local.get $terminal) (i32.const 80) (i32.const 6)))
            (call $expect (i32.const 6) (i32.const 14) (call $get (local.get $master)))
            ;; Its name, and its size, which both sides know.
            (call $expect (i32.const 7) (i32.const 0)
                (call $name (local.get $master) (i32.const 200) (i32.const 20) (i32.const 196)))
            (call $expect (i32.const 8) (i32.const 10) (i32.load (i32.const 196)))
            (call $expect (i32.const 9) (i32.const 0x302f7374) (i32.load (i32.const 206)))
            (call $expect (i32.const 10) (i32.const 0) (call $setsize (local.get $master) (i32.const 96)))
            (call $expect (i32.const 11) (i32.const 0) (call $getsize (local.get $terminal) (i32.const 200)))
            (call $expect (i32.const 12) (i32.const 0x00840028) (i32.load (i32.const 200)))
            ;; It is not the terminal of this session, which has one.
            (call $expect (i32.const 13) (i32.const 59) (call $getsid (local.get $terminal) (i32.const 200)))
            (call $expect (i32.const 14) (i32.const 63) (call $setctty (local.get $terminal)))
            ;; Raw, without echo.
            (call $expect (i32.const 15) (i32.const 0) (call $getattr (local.get $master) (i32.const 200)))
            (i32.store (i32.const 212) (i32.const 0))
            (call $expect (i32.const 16) (i32.const 0) (call $setattr (local.get $terminal) (i32.const 0) (i32.const 200)))
            (call $expect (i32.const 17) (i32.const 0) (call $put (local.get $master) (i32.const 64) (i32.const 3)))
            (call $expect (i32.const 18) (i32.const 3) (call $get (local.get $terminal)))
            ;; Nothing is shown, and nothing can be read: neither side is ready to be read.
            (i32.store (i32.const 300) (local.get $master))
            (i32.store (i32.const 304) (i32.const 1))
            (i32.store (i32.const 308) (local.get $terminal))
            (i32.store (i32.const 312) (i32.const 1))
            (call $expect (i32.const 19) (i32.const 0) (call $poll (i32.const 300) (i32.const 2) (i64.const 0) (i32.const 320)))
            (call $expect (i32.const 20) (i32.const 0) (i32.load (i32.const 320)))
            (drop (call $put (i32.const 1) (i32.const 80) (i32.const 6))))"#;
    assert_eq!(run(body, b""), (0, "shown\r\n".to_owned()));
}
