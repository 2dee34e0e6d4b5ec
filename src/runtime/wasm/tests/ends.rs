//! How guests end: exit codes, traps, limits, signals.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{Sink, World};
use crate::runtime::{ExitReason, ExitStatus, Input, Output, Running, Signal};

const HELLO: &str = r#"
    (data (i32.const 64) "hello, world\n")
    (func (export "_start")
        (call $buffer (i32.const 64) (i32.const 13))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

/// Says that it runs, and runs for ever.
const SPIN: &str = r#"
    (func (export "_start")
        (call $buffer (i32.const 0) (i32.const 1))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (loop $again (br $again)))
"#;

/// Says that it runs, and reads a byte from standard input.
const READ: &str = r#"
    (func (export "_start")
        (call $buffer (i32.const 0) (i32.const 1))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $proc_exit (i32.const 7)))
"#;

/// Says that it runs, and sleeps for an hour.
const SLEEP: &str = r#"
    (func (export "_start")
        (call $buffer (i32.const 0) (i32.const 1))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 80) (i32.const 1))
        (i64.store (i32.const 88) (i64.const 3600000000000))
        (drop (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 8)))
        (call $proc_exit (i32.const 7)))
"#;

/// A writer that tells when it is written to.
pub(super) struct Tell(pub(super) Sender<()>);

impl Write for Tell {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.send(()).unwrap();
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A stream that blocks until its other end is dropped, and then is at its end.
struct Blocked {
    called: Sender<()>,
    release: Receiver<()>,
}

impl Read for Blocked {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let _ = self.called.send(());
        let _ = self.release.recv();
        Ok(0)
    }
}

impl Write for Blocked {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let _ = self.called.send(());
        let _ = self.release.recv();
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts a guest that says when it runs, and waits until it has said so.
fn running(world: World) -> Box<dyn Running> {
    let (tell, told) = channel();
    let running = world.start_with(Output::Writer(Box::new(Tell(tell))));
    told.recv().unwrap();
    running
}

fn signaled(signal: Signal) -> ExitStatus {
    ExitStatus { code: 128 + i32::from(signal.0), reason: ExitReason::Signaled(signal), message: None }
}

#[test]
fn a_program_writes_and_returns() {
    let ended = World::new(HELLO).run();
    assert_eq!(ended.stdout, "hello, world\n");
    assert_eq!(ended.status, ExitStatus { code: 0, reason: ExitReason::Exited, message: None });
}

#[test]
fn an_exit_code_is_what_a_shell_sees_of_it() {
    for (code, seen) in [(0, 0), (1, 1), (42, 42), (255, 255), (256, 0), (-1, 255)] {
        let world = World::new(&format!(r#"(func (export "_start") (call $proc_exit (i32.const {code})))"#));
        assert_eq!(world.run().status, ExitStatus { code: seen, reason: ExitReason::Exited, message: None });
    }
}

#[test]
fn a_trap_tells_where_it_happened() {
    let status = World::new(r#"(func $sink (unreachable)) (func $main (export "_start") (call $sink))"#).run().status;
    assert_eq!((status.code, status.reason), (134, ExitReason::Trapped));
    let message = status.message.unwrap();
    assert!(message.starts_with("wasm trap: wasm `unreachable` instruction executed\n"), "{message}");
    assert!(message.contains("- <unknown>!sink") || message.contains("sink"), "{message}");
    assert!(message.contains("main"), "{message}");
}

#[test]
fn other_traps_are_named() {
    let cases = [
        ("(drop (i32.load (i32.const -4)))", "out of bounds memory access"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "integer divide by zero"),
    ];
    for (body, text) in cases {
        let status = World::new(&format!(r#"(func (export "_start") {body})"#)).run().status;
        assert_eq!((status.code, status.reason), (134, ExitReason::Trapped));
        assert!(status.message.unwrap().contains(text));
    }
}

#[test]
fn a_stack_overflow_is_a_trap() {
    let status = World::new(r#"(func $down (export "_start") (call $down) (call $down))"#).run().status;
    assert_eq!((status.code, status.reason), (134, ExitReason::Trapped));
    assert!(status.message.unwrap().starts_with("stack overflow\n"));
}

#[test]
fn memory_does_not_grow_beyond_its_limit() {
    let mut world = World::new(
        r#"(func (export "_start")
            (call $expect (i32.const 1) (i32.const 1) (memory.grow (i32.const 31)))
            (call $expect (i32.const 2) (i32.const -1) (memory.grow (i32.const 1)))
            (call $expect (i32.const 3) (i32.const 32) (memory.size)))"#,
    );
    world.limits.memory = Some(2 << 20);
    assert_eq!(world.run().status, ExitStatus { code: 0, reason: ExitReason::Exited, message: None });
}

#[test]
fn a_program_that_fails_for_want_of_memory_is_told_so() {
    let grow = r#"(func (export "_start") (drop (memory.grow (i32.const 32))) END)"#;
    let limit = "memory limit of 2 MiB reached: the program asked for 2 MiB";
    let mut world = World::new(&grow.replace("END", "(unreachable)"));
    world.limits.memory = Some(2 << 20);
    let status = world.run().status;
    assert_eq!((status.code, status.reason), (137, ExitReason::OutOfMemory));
    assert!(status.message.unwrap().starts_with(limit));
    let mut world = World::new(&grow.replace("END", "(call $proc_exit (i32.const 1))"));
    world.limits.memory = Some(2 << 20);
    let status = world.run().status;
    assert_eq!((status.code, status.reason), (1, ExitReason::Exited));
    assert!(status.message.unwrap().starts_with(limit));
}

#[test]
fn a_program_that_starts_larger_than_its_limit_does_not_start() {
    let module = wat::parse_str(r#"(module (memory (export "memory") 1000) (func (export "_start")))"#).unwrap();
    let mut world = World::with_module(&module);
    world.limits.memory = Some(1 << 20);
    let status = world.run().status;
    assert_eq!((status.code, status.reason), (137, ExitReason::OutOfMemory));
    assert!(status.message.unwrap().starts_with("memory limit of 1 MiB reached: the program asked for 62.5 MiB"));
}

#[test]
fn tables_are_bounded() {
    let status = World::new(
        r#"(table 1 externref)
        (func (export "_start")
            (call $expect (i32.const 1) (i32.const -1) (table.grow (ref.null extern) (i32.const 20000000))))"#,
    )
    .run()
    .status;
    assert_eq!(status.code, 0);
}

#[test]
fn every_ending_signal_ends_a_spinning_guest() {
    for signal in [Signal::HUP, Signal::INT, Signal::TERM, Signal::KILL, Signal(64)] {
        let guest = running(World::new(SPIN));
        assert_eq!(guest.try_wait(), None);
        guest.kill(signal).unwrap();
        assert_eq!(guest.wait(), signaled(signal));
        assert_eq!(guest.try_wait(), Some(signaled(signal)));
        guest.kill(Signal::INT).unwrap();
        assert_eq!(guest.wait(), signaled(signal));
    }
}

#[test]
fn a_signal_ends_a_guest_that_sleeps() {
    let guest = running(World::new(SLEEP));
    guest.kill(Signal::TERM).unwrap();
    assert_eq!(guest.wait(), signaled(Signal::TERM));
}

#[test]
fn a_signal_ends_a_guest_that_reads() {
    let (called, was_called) = channel();
    let (_keep, release) = channel();
    let mut world = World::new(READ);
    world.stdin = Input::Reader(Box::new(Blocked { called, release }));
    let guest = running(world);
    was_called.recv().unwrap();
    guest.kill(Signal::TERM).unwrap();
    assert_eq!(guest.wait(), signaled(Signal::TERM));
}

#[test]
fn a_signal_ends_a_guest_whose_write_blocks_and_it_never_runs_again() {
    let (called, was_called) = channel();
    let (release, released) = channel();
    let twice = HELLO.replace(
        "(drop (call $fd_write",
        "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (drop (call $fd_write",
    );
    let guest = World::new(&twice).start_with(Output::Writer(Box::new(Blocked { called, release: released })));
    was_called.recv().unwrap();
    guest.kill(Signal::TERM).unwrap();
    assert_eq!(guest.wait(), signaled(Signal::TERM));
    drop(release);
    // The writer is dropped with the guest, without a second write.
    assert!(was_called.recv().is_err());
}

#[test]
fn a_signal_that_is_ignored_by_default_changes_nothing() {
    let (called, was_called) = channel();
    let (release, released) = channel();
    let mut world = World::new(READ);
    world.stdin = Input::Reader(Box::new(Blocked { called, release: released }));
    let guest = running(world);
    was_called.recv().unwrap();
    for number in [0, 17, 18, 23, 28] {
        guest.kill(Signal(number)).unwrap();
    }
    assert!(guest.kill(Signal(65)).is_err());
    drop(release);
    assert_eq!(guest.wait().code, 7);
}

#[test]
fn a_stopped_guest_goes_on_when_it_is_told_to_and_can_be_killed() {
    let guest = running(World::new(SPIN));
    guest.kill(Signal(19)).unwrap();
    guest.kill(Signal(18)).unwrap();
    guest.kill(Signal(19)).unwrap();
    assert_eq!(guest.try_wait(), None);
    guest.kill(Signal::KILL).unwrap();
    assert_eq!(guest.wait(), signaled(Signal::KILL));
}

#[test]
fn a_guest_raises_signals_against_itself() {
    let raise = |signal: u8| {
        World::new(&format!(
            r#"(func (export "_start") (drop (call $proc_raise (i32.const {signal}))) (call $proc_exit (i32.const 3)))"#
        ))
    };
    assert_eq!(raise(6).run().status, signaled(Signal::ABRT));
    assert_eq!(raise(15).run().status, signaled(Signal::TERM));
    // witx chld, which Linux numbers 17.
    assert_eq!(raise(16).code(), 3);
}

#[test]
fn the_wall_time_ends_guests_spinning_and_asleep() {
    for program in [SPIN, SLEEP] {
        let mut world = World::new(program);
        world.limits.wall_time = Some(Duration::from_millis(20));
        let message = Some("time limit of 20ms reached".to_owned());
        assert_eq!(world.run().status, ExitStatus { code: 124, reason: ExitReason::TimedOut, message });
    }
}

#[test]
fn the_cpu_time_ends_a_spinning_guest() {
    let mut world = World::new(SPIN);
    world.limits.cpu_time = Some(Duration::from_millis(20));
    world.limits.cpus = Some(0.5);
    let message = Some("CPU time limit of 20ms reached".to_owned());
    assert_eq!(world.run().status, ExitStatus { code: 124, reason: ExitReason::TimedOut, message });
}

#[test]
fn many_threads_wait_for_one_guest() {
    let guest = running(World::new(SPIN));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| guest.wait())).collect();
        guest.kill(Signal::INT).unwrap();
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), signaled(Signal::INT));
        }
    });
}

#[test]
fn several_buffers_are_one_write() {
    let stdout = Sink::default();
    let world = World::new(
        r#"(data (i32.const 64) "abcdef")
        (func (export "_start")
            (call $buffer (i32.const 64) (i32.const 2))
            (i32.store (i32.const 8) (i32.const 66))
            (i32.store (i32.const 12) (i32.const 4))
            (call $expect (i32.const 1) (i32.const 0)
                (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 32)))
            (call $expect (i32.const 2) (i32.const 6) (i32.load (i32.const 32))))"#,
    );
    let guest = world.start_with(Output::Writer(Box::new(stdout.clone())));
    assert_eq!(guest.wait().code, 0);
    assert_eq!(*stdout.0.lock().unwrap(), (b"abcdef".to_vec(), 1));
}
