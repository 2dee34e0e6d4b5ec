//! Pipelines of many guests under random kills, in a process of their own, whose threads and descriptors can be counted.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{Wasm, WasmOptions, World};

/// How many pipelines there are; `COWBOX_STRESS` has another number.
const PIPELINES: u32 = 1000;

/// How many of them at one time.
const AT_ONCE: u32 = 100;

/// Starts pipelines of three in rounds, kills one process of most, waits for all, and ends with 0 if nothing is left.
const DRIVER: &str = r#"(module
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
(import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
(import "cowbox_v1" "proc_spawn" (func $spawn (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_wait" (func $wait (param i32 i32 i32) (result i32)))
(import "cowbox_v1" "proc_kill" (func $kill (param i32 i32) (result i32)))
(import "cowbox_v1" "fd_pipe" (func $pipe (param i32 i32) (result i32)))
(memory (export "memory") 1)
(global $random (mut i32) (i32.const 12345))
(data (i32.const 16) "/source\00/filter\00/sink\00")
;; Three actions at 64: dup2 to 0, dup2 to 1, closefrom 3.
(data (i32.const 64) "\02\00\00\00\00\00\00\00")
(data (i32.const 88) "\02\00\00\00\01\00\00\00")
(data (i32.const 112) "\06\00\00\00\03\00\00\00")
(func $next (param $below i32) (result i32)
  (global.set $random (i32.add (i32.mul (global.get $random) (i32.const 1103515245)) (i32.const 12345)))
  (i32.rem_u (i32.shr_u (global.get $random) (i32.const 16)) (local.get $below)))
(func $expect (param $id i32) (param $got i32)
  (if (local.get $got) (then (call $exit (local.get $id)))))
(func $start (param $path i32) (param $len i32) (param $in i32) (param $out i32) (param $pid i32)
  (i32.store (i32.const 72) (local.get $in))
  (i32.store (i32.const 96) (local.get $out))
  (call $expect (i32.const 1) (call $spawn (local.get $path) (local.get $len) (local.get $path)
    (i32.add (local.get $len) (i32.const 1)) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 0)
    (local.get $pid))))
(func $pipeline (param $pids i32)
  (call $expect (i32.const 2) (call $pipe (i32.const 0) (i32.const 160)))
  (call $expect (i32.const 3) (call $pipe (i32.const 0) (i32.const 168)))
  (call $start (i32.const 16) (i32.const 7) (i32.const 0) (i32.load (i32.const 164)) (local.get $pids))
  (call $start (i32.const 24) (i32.const 7) (i32.load (i32.const 160)) (i32.load (i32.const 172))
    (i32.add (local.get $pids) (i32.const 4)))
  (call $start (i32.const 32) (i32.const 5) (i32.load (i32.const 168)) (i32.const 1) (i32.add (local.get $pids) (i32.const 8)))
  (drop (call $close (i32.load (i32.const 160))))
  (drop (call $close (i32.load (i32.const 164))))
  (drop (call $close (i32.load (i32.const 168))))
  (drop (call $close (i32.load (i32.const 172)))))
(func $round (param $count i32) (local $at i32) (local $end i32)
  (local.set $end (i32.add (i32.const 4096) (i32.mul (local.get $count) (i32.const 12))))
  (local.set $at (i32.const 4096))
  (loop $more
    (call $pipeline (local.get $at))
    (local.set $at (i32.add (local.get $at) (i32.const 12)))
    (br_if $more (i32.lt_u (local.get $at) (local.get $end))))
  ;; The sources write for ever: each pipeline loses one of its processes, by SIGKILL or SIGTERM.
  (local.set $at (i32.const 4096))
  (loop $more
    (call $expect (i32.const 4) (call $kill
      (i32.load (i32.add (local.get $at) (i32.mul (call $next (i32.const 3)) (i32.const 4))))
      (if (result i32) (call $next (i32.const 2)) (then (i32.const 9)) (else (i32.const 15)))))
    (local.set $at (i32.add (local.get $at) (i32.const 12)))
    (br_if $more (i32.lt_u (local.get $at) (local.get $end))))
  (local.set $at (i32.const 4096))
  (loop $more
    (call $expect (i32.const 5) (call $wait (i32.load (local.get $at)) (i32.const 0) (i32.const 192)))
    (local.set $at (i32.add (local.get $at) (i32.const 4)))
    (br_if $more (i32.lt_u (local.get $at) (local.get $end)))))
(func (export "_start") (local $rounds i32)
  (local.set $rounds (i32.const ROUNDS))
  (loop $more
    (call $round (i32.const AT_ONCE))
    (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
    (br_if $more (local.get $rounds)))
  ;; No child is left, and the next descriptor is 3.
  (if (i32.ne (call $wait (i32.const -1) (i32.const 1) (i32.const 192)) (i32.const 12)) (then (call $exit (i32.const 6))))
  (call $expect (i32.const 7) (call $pipe (i32.const 0) (i32.const 160)))
  (if (i32.ne (i32.load (i32.const 160)) (i32.const 3)) (then (call $exit (i32.const 8))))))"#;

/// The beginning of the programs of a pipeline. An error of a stream is their end.
const STAGE: &str = r#"
(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
(import "cowbox_v1" "fd_poll" (func $poll (param i32 i32 i64 i32) (result i32)))
(memory (export "memory") 1)
(data (i32.const 0) "\40\00\00\00\00\20\00\00")"#;

const STAGES: [(&str, &str); 3] = [
    (
        "source",
        // At its best it would take all the time there is, and the one who kills comes last.
        r#"(func (export "_start") (loop $more
          (drop (call $poll (i32.const 64) (i32.const 0) (i64.const 10000000) (i32.const 64)))
          (br_if $more (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))))"#,
    ),
    (
        "filter",
        r#"(func (export "_start") (loop $more
          (i32.store (i32.const 4) (i32.const 8192))
          (br_if 1 (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br_if 1 (i32.eqz (i32.load (i32.const 8))))
          (i32.store (i32.const 4) (i32.load (i32.const 8)))
          (br_if $more (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))))"#,
    ),
    (
        "sink",
        r#"(func (export "_start") (loop $more
          (br_if 1 (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br_if $more (i32.load (i32.const 8)))))"#,
    ),
];

#[test]
fn a_thousand_pipelines_under_random_kills_leave_nothing_behind() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runtime::wasm::tests::stress::pipelines_under_random_kills", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// What this process has of the system: threads and descriptors.
fn counts() -> [usize; 2] {
    // Elsewhere there is nothing to be read, and nothing is compared.
    ["task", "fd"].map(|of| std::fs::read_dir(format!("/proc/self/{of}")).map_or(0, Iterator::count))
}

/// The counts once they have not moved for a while.
fn settled() -> [usize; 2] {
    let (mut last, mut since) = (counts(), Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(10));
        let now = counts();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Run by the test above, alone in its process.
#[test]
#[ignore = "counts the threads of its whole process"]
fn pipelines_under_random_kills() {
    let pipelines = std::env::var("COWBOX_STRESS").ok().and_then(|number| number.parse().ok()).unwrap_or(PIPELINES);
    // The threads of a runtime end with it; those that compile stay, and are there after the first run.
    let run = |rounds: u32| {
        let driver = DRIVER.replace("ROUNDS", &rounds.to_string()).replace("AT_ONCE", &AT_ONCE.to_string());
        let mut world = World::with_module(&wat::parse_str(driver).unwrap());
        for (name, body) in STAGES {
            world.file(name, &wat::parse_str(format!("(module {STAGE} {body})")).unwrap());
        }
        world.limits.processes = 3 * AT_ONCE + 1;
        let status = world.run_in(&Wasm::new(WasmOptions::default()).unwrap()).unwrap().status;
        assert_eq!(status.code, 0, "{status:?}");
    };
    run(1);
    let before = settled();
    run(pipelines.div_ceil(AT_ONCE));
    let after = settled();
    assert!(after[0] <= before[0] && after[1] <= before[1], "{before:?} {after:?}");
}
