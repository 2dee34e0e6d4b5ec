//! Calls that need no files: arguments, clocks, random numbers, waiting, streams; and bad pointers for all calls.

use std::io::{Cursor, Read};

use super::{PRELUDE, World};
use crate::runtime::Input;

/// A reader that gives these pieces, one a call.
struct Pieces(Vec<&'static [u8]>);

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let piece = self.0.remove(0);
        buf[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

#[test]
fn no_argument_of_any_call_harms_the_host() {
    let mut calls = String::new();
    for line in PRELUDE.lines().filter(|line| line.starts_with("(import")) {
        let name = line.split('"').nth(3).unwrap();
        if name.starts_with("proc_") {
            continue;
        }
        let params = line.split("(param").nth(1).map_or("", |rest| rest.split(')').next().unwrap());
        for value in ["0", "-1", "1", "3", "4", "65535", "65536", "2147483647", "-8"] {
            let args: String =
                params.split_whitespace().map(|ty| format!("({ty}.const {value})")).collect::<Vec<_>>().join(" ");
            calls.push_str(&format!("(drop (call ${name} {args}))\n"));
        }
    }
    let mut world = World::new(&format!(r#"(func (export "_start") {calls} (call $proc_exit (i32.const 9)))"#));
    world.process.env.push("A=b".to_owned());
    assert_eq!(world.code(), 9);
}

#[test]
fn pointers_may_reach_the_very_end_of_the_memory() {
    let world = World::new(
        r#"(func (export "_start")
            (call $expect (i32.const 1) (i32.const 0) (call $random_get (i32.const 65528) (i32.const 8)))
            (call $expect (i32.const 2) (i32.const 21) (call $random_get (i32.const 65528) (i32.const 9)))
            (call $expect (i32.const 3) (i32.const 0) (call $random_get (i32.const 65536) (i32.const 0)))
            (call $expect (i32.const 4) (i32.const 21) (call $random_get (i32.const 65537) (i32.const 0)))
            (call $expect (i32.const 5) (i32.const 0) (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 65528)))
            (call $expect (i32.const 6) (i32.const 21) (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 65529))))"#,
    );
    assert_eq!(world.code(), 0);
}

#[test]
fn a_module_without_a_memory_gets_errors() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (func (export "_start") (call $proc_exit (call $fd_close (i32.const 0)))))"#;
    assert_eq!(World::with_module(&wat::parse_str(text).unwrap()).code(), 21);
}

#[test]
fn the_environment_arrives() {
    let mut world = World::new(
        r#"(func (export "_start")
            (call $expect (i32.const 1) (i32.const 0) (call $environ_sizes_get (i32.const 0) (i32.const 4)))
            (call $expect (i32.const 2) (i32.const 2) (i32.load (i32.const 0)))
            (call $expect (i32.const 3) (i32.const 10) (i32.load (i32.const 4)))
            (call $expect (i32.const 4) (i32.const 0) (call $environ_get (i32.const 64) (i32.const 128)))
            (call $expect (i32.const 5) (i32.const 128) (i32.load (i32.const 64)))
            (call $expect (i32.const 6) (i32.const 132) (i32.load (i32.const 68)))
            (call $buffer (i32.const 128) (i32.const 10))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#,
    );
    world.process.env = vec!["A=b".to_owned(), "B=\u{e4}x".to_owned()];
    let ended = world.run();
    assert_eq!((ended.status.code, ended.stdout.as_str()), (0, "A=b\0B=\u{e4}x\0"));
}

#[test]
fn clocks_advance_and_unknown_ones_are_refused() {
    let world = World::new(
        r#"(func $positive (param $id i32) (param $clock i32)
            (call $expect (local.get $id) (i32.const 0)
                (call $clock_time_get (local.get $clock) (i64.const 0) (i32.const 0)))
            (call $expect (local.get $id) (i32.const 1) (i64.gt_u (i64.load (i32.const 0)) (i64.const 0)))
            (call $expect (local.get $id) (i32.const 0) (call $clock_res_get (local.get $clock) (i32.const 0)))
            (call $expect64 (local.get $id) (i64.const 1) (i64.load (i32.const 0))))
        (func (export "_start")
            (call $positive (i32.const 1) (i32.const 0))
            (call $positive (i32.const 2) (i32.const 1))
            (call $positive (i32.const 3) (i32.const 2))
            (call $positive (i32.const 4) (i32.const 3))
            (call $expect (i32.const 5) (i32.const 28) (call $clock_time_get (i32.const 4) (i64.const 0) (i32.const 0)))
            (call $expect (i32.const 6) (i32.const 28) (call $clock_res_get (i32.const 9) (i32.const 0)))
            (call $expect (i32.const 7) (i32.const 0) (call $sched_yield)))"#,
    );
    assert_eq!(world.code(), 0);
}

#[test]
fn sockets_do_not_exist() {
    let world = World::new(
        r#"(func (export "_start")
            (call $expect (i32.const 1) (i32.const 57) (call $sock_shutdown (i32.const 1) (i32.const 0)))
            (call $expect (i32.const 2) (i32.const 8) (call $sock_shutdown (i32.const 99) (i32.const 0)))
            (call $expect (i32.const 3) (i32.const 57) (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 0)))
            (call $expect (i32.const 4) (i32.const 57) (call $sock_recv (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
            (call $expect (i32.const 5) (i32.const 57) (call $sock_send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"#,
    );
    assert_eq!(world.code(), 0);
}

#[test]
fn standard_input_comes_as_it_is_given_and_ends() {
    let mut world = World::new(
        r#"(func $read (param $id i32) (param $wanted i32)
            (call $buffer (i32.const 64) (i32.const 100))
            (call $expect (local.get $id) (i32.const 0)
                (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $expect (local.get $id) (local.get $wanted) (i32.load (i32.const 8)))
            (call $buffer (i32.const 64) (local.get $wanted))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func (export "_start")
            ;; The pieces may arrive joined, so it reads 1 byte less than the first has.
            (call $buffer (i32.const 64) (i32.const 2))
            (call $expect (i32.const 1) (i32.const 0)
                (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 2) (i32.const 2) (i32.load (i32.const 8)))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $read (i32.const 3) (i32.const 1))
            (call $read (i32.const 4) (i32.const 0))
            (call $read (i32.const 5) (i32.const 0)))"#,
    );
    world.stdin = Input::Reader(Box::new(Pieces(vec![b"abc"])));
    let ended = world.run();
    assert_eq!((ended.status.code, ended.stdout.as_str()), (0, "abc"));
}

#[test]
fn streams_are_read_and_written_the_right_way_round_and_have_no_offset() {
    let world = World::new(
        r#"(func (export "_start")
            (call $buffer (i32.const 64) (i32.const 1))
            (call $expect (i32.const 1) (i32.const 8) (call $fd_read (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 2) (i32.const 8) (call $fd_write (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 3) (i32.const 70) (call $fd_pread (i32.const 0) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))
            (call $expect (i32.const 4) (i32.const 70) (call $fd_pwrite (i32.const 1) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))
            (call $expect (i32.const 5) (i32.const 70) (call $fd_seek (i32.const 0) (i64.const 0) (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 6) (i32.const 70) (call $fd_tell (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 7) (i32.const 54) (call $path_create_directory (i32.const 1) (i32.const 64) (i32.const 1)))
            (call $expect (i32.const 8) (i32.const 8) (call $fd_prestat_get (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 9) (i32.const 0) (call $fd_sync (i32.const 1)))
            ;; No terminal, and nothing to seek in.
            (call $expect (i32.const 10) (i32.const 0) (call $fd_fdstat_get (i32.const 0) (i32.const 64)))
            (call $expect (i32.const 11) (i32.const 0) (i32.load8_u (i32.const 64)))
            (call $expect64 (i32.const 12) (i64.const 0) (i64.and (i64.load (i32.const 72)) (i64.const 36)))
            (call $expect (i32.const 13) (i32.const 0) (call $fd_close (i32.const 0)))
            (call $expect (i32.const 14) (i32.const 8) (call $fd_close (i32.const 0))))"#,
    );
    assert_eq!(world.code(), 0);
}

#[test]
fn a_nonblocking_read_does_not_wait() {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    struct Never(std::sync::mpsc::Receiver<()>);
    impl Read for Never {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }
    let mut world = World::new(
        r#"(func (export "_start")
            (call $buffer (i32.const 64) (i32.const 1))
            (call $expect (i32.const 1) (i32.const 0) (call $fd_fdstat_set_flags (i32.const 0) (i32.const 4)))
            (call $expect (i32.const 2) (i32.const 6) (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 3) (i32.const 28) (call $fd_fdstat_set_flags (i32.const 0) (i32.const 32))))"#,
    );
    world.stdin = Input::Reader(Box::new(Never(never)));
    assert_eq!(world.code(), 0);
}

#[test]
fn poll_tells_what_is_ready() {
    let mut world = World::new(
        r#"(func (export "_start")
            ;; Standard input to be read, output to be written, a clock far off, a descriptor that is not open.
            (i64.store (i32.const 1024) (i64.const 11))
            (i32.store8 (i32.const 1032) (i32.const 1))
            (i64.store (i32.const 1072) (i64.const 12))
            (i32.store8 (i32.const 1080) (i32.const 2))
            (i32.store (i32.const 1088) (i32.const 1))
            (i64.store (i32.const 1120) (i64.const 13))
            (i32.store (i32.const 1136) (i32.const 1))
            (i64.store (i32.const 1144) (i64.const 3600000000000))
            (i64.store (i32.const 1168) (i64.const 14))
            (i32.store8 (i32.const 1176) (i32.const 1))
            (i32.store (i32.const 1184) (i32.const 77))
            ;; Input alone: it comes, sooner or later.
            (call $expect (i32.const 1) (i32.const 0) (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 8)))
            (call $expect (i32.const 2) (i32.const 1) (i32.load (i32.const 8)))
            (call $expect64 (i32.const 3) (i64.const 11) (i64.load (i32.const 2048)))
            (call $expect (i32.const 4) (i32.const 0x010000) (i32.load (i32.const 2056)))
            (call $expect64 (i32.const 5) (i64.const 5) (i64.load (i32.const 2064)))
            ;; All of them.
            (call $expect (i32.const 6) (i32.const 0) (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 4) (i32.const 8)))
            (call $expect (i32.const 7) (i32.const 3) (i32.load (i32.const 8)))
            (call $expect64 (i32.const 8) (i64.const 11) (i64.load (i32.const 2048)))
            (call $expect64 (i32.const 9) (i64.const 12) (i64.load (i32.const 2080)))
            (call $expect (i32.const 10) (i32.const 0x020000) (i32.load (i32.const 2088)))
            (call $expect64 (i32.const 11) (i64.const 14) (i64.load (i32.const 2112)))
            (call $expect (i32.const 12) (i32.const 0x010008) (i32.load (i32.const 2120)))
            ;; Nothing to wait for.
            (call $expect (i32.const 13) (i32.const 28) (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 0) (i32.const 8))))"#,
    );
    world.stdin = Input::Reader(Box::new(Cursor::new(b"hello")));
    assert_eq!(world.code(), 0);
}

#[test]
fn poll_waits_for_clocks_relative_and_absolute() {
    let world = World::new(
        r#"(func $wait (param $id i32) (param $clock i32) (param $time i64) (param $flags i32)
            (i64.store (i32.const 1024) (i64.const 11))
            (i32.store (i32.const 1040) (local.get $clock))
            (i64.store (i32.const 1048) (local.get $time))
            (i32.store16 (i32.const 1064) (local.get $flags))
            (call $expect (local.get $id) (i32.const 0) (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 8)))
            (call $expect (local.get $id) (i32.const 1) (i32.load (i32.const 8)))
            (call $expect64 (local.get $id) (i64.const 11) (i64.load (i32.const 2048))))
        (func (export "_start") (local $before i64)
            (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)))
            (local.set $before (i64.load (i32.const 0)))
            (call $wait (i32.const 1) (i32.const 1) (i64.const 2000000) (i32.const 0))
            (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)))
            (call $expect (i32.const 2) (i32.const 1)
                (i64.ge_u (i64.sub (i64.load (i32.const 0)) (local.get $before)) (i64.const 2000000)))
            (call $wait (i32.const 3) (i32.const 1) (i64.load (i32.const 0)) (i32.const 1))
            (call $wait (i32.const 4) (i32.const 0) (i64.const 1) (i32.const 1))
            (call $expect (i32.const 5) (i32.const 0) (i32.load16_u (i32.const 2056)))
            (call $wait (i32.const 6) (i32.const 9) (i64.const 1) (i32.const 0))
            (call $expect (i32.const 7) (i32.const 28) (i32.load16_u (i32.const 2056))))"#,
    );
    assert_eq!(world.code(), 0);
}

#[test]
fn poll_of_snapshot_0_has_its_own_layout() {
    let text = r#"(module
        (import "wasi_unstable" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
        (import "wasi_unstable" "proc_exit" (func $proc_exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            ;; Two subscriptions of 56 bytes: a clock that is over, and output to be written.
            (i64.store (i32.const 1024) (i64.const 11))
            (i32.store (i32.const 1048) (i32.const 1))
            (i64.store (i32.const 1056) (i64.const 1))
            (i32.store16 (i32.const 1072) (i32.const 1))
            (i64.store (i32.const 1080) (i64.const 12))
            (i32.store8 (i32.const 1088) (i32.const 2))
            (i32.store (i32.const 1096) (i32.const 1))
            (if (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 8))
                (then (call $proc_exit (i32.const 1))))
            (if (i32.ne (i32.load (i32.const 8)) (i32.const 2)) (then (call $proc_exit (i32.const 2))))
            (if (i64.ne (i64.load (i32.const 2080)) (i64.const 12)) (then (call $proc_exit (i32.const 3))))))"#;
    assert_eq!(World::with_module(&wat::parse_str(text).unwrap()).code(), 0);
}
