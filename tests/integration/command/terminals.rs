//! `run -it` on a terminal of the host: what is typed and shown, sizes, signals, and a terminal that is as it was afterwards.

use rustix::process::Signal;

use super::support::pty::Pty;
use super::support::{Cowbox, printing};

/// What all guests here begin with.
const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "cowbox_v1" "tty_getsize" (func $size (param i32 i32) (result i32)))
    (import "cowbox_v1" "tty_getattr" (func $attributes (param i32 i32) (result i32)))
    (import "cowbox_v1" "tty_setattr" (func $set_attributes (param i32 i32 i32) (result i32)))
    (import "cowbox_v1" "sig_action" (func $action (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    ;; A signal action: a handler, after which calls go on.
    (data (i32.const 16) "\02\00\00\00\00\00\00\10")
    ;; Three digits of a number.
    (func $digits (param $at i32) (param $number i32)
        (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.div_u (local.get $number) (i32.const 100))))
        (i32.store8 offset=1 (local.get $at)
            (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $number) (i32.const 10)) (i32.const 10))))
        (i32.store8 offset=2 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10)))))
    (func $put (param $at i32) (param $len i32)
        (i32.store (i32.const 32) (local.get $at))
        (i32.store (i32.const 36) (local.get $len))
        (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40))))
    ;; Reads to 1024, and returns how much.
    (func $get (param $most i32) (result i32)
        (i32.store (i32.const 48) (i32.const 1024))
        (i32.store (i32.const 52) (local.get $most))
        (i32.store (i32.const 56) (i32.const 0))
        (drop (call $read (i32.const 0) (i32.const 48) (i32.const 1) (i32.const 56)))
        (i32.load (i32.const 56)))
    (data (i32.const 512) "ready\n")
"#;

fn guest(functions: &str) -> String {
    format!("(module {IMPORTS} {functions})")
}

/// Says that it is ready, and writes each line that it reads.
fn echoing() -> String {
    guest(
        r#"(func (export "_start") (local $len i32)
            (call $put (i32.const 512) (i32.const 6))
            (loop $again
                (local.set $len (call $get (i32.const 500)))
                (call $put (i32.const 1024) (local.get $len))
                (br_if $again (local.get $len)))
            (call $exit (i32.const 3)))"#,
    )
}

/// Says that it is ready with a terminal in raw mode, and writes the numbers of the bytes that it reads, up to a `q`.
fn raw() -> String {
    guest(
        r#"(func (export "_start")
            (drop (call $attributes (i32.const 0) (i32.const 256)))
            (i32.store (i32.const 256) (i32.const 0))
            (i32.store (i32.const 268) (i32.const 0))
            (drop (call $set_attributes (i32.const 0) (i32.const 0) (i32.const 256)))
            (call $put (i32.const 512) (i32.const 6))
            (i32.store8 (i32.const 131) (i32.const 32))
            (loop $again
                (drop (call $get (i32.const 1)))
                (call $digits (i32.const 128) (i32.load8_u (i32.const 1024)))
                (call $put (i32.const 128) (i32.const 4))
                (br_if $again (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 113)))))"#,
    )
}

/// Writes the size of its window, and again whenever that changes.
fn sized() -> String {
    guest(
        r#"(data (i32.const 128) "000x000\n")
        (func $tell
            (drop (call $size (i32.const 0) (i32.const 64)))
            (call $digits (i32.const 128) (i32.load16_u (i32.const 64)))
            (call $digits (i32.const 132) (i32.load16_u (i32.const 66)))
            (call $put (i32.const 128) (i32.const 8)))
        (func (export "__cowbox_signal") (param i32) (call $tell))
        (func (export "_start")
            (drop (call $action (i32.const 28) (i32.const 16) (i32.const 0)))
            (call $tell)
            (loop $again (br_if $again (call $get (i32.const 500)))))"#,
    )
}

/// Goes on whatever is sent to it.
fn stubborn() -> String {
    guest(
        r#"(func (export "__cowbox_signal") (param i32))
        (func (export "_start")
            (drop (call $action (i32.const 1) (i32.const 16) (i32.const 0)))
            (drop (call $action (i32.const 15) (i32.const 16) (i32.const 0)))
            (call $put (i32.const 512) (i32.const 6))
            (loop $again (drop (call $get (i32.const 500))) (br $again)))"#,
    )
}

fn run(cowbox: &Cowbox, name: &str, text: &str) -> Pty {
    cowbox.program(name, text);
    Pty::spawn(cowbox.command(["run", "--name", "box", "-it", name]), 30, 100)
}

fn exit_code(cowbox: &Cowbox) -> String {
    cowbox.run(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box"]).ok()
}

#[test]
fn lines_are_edited_and_control_d_ends_them() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    assert!(!pty.is_cooked());
    pty.keys("gr\u{fc}n\x7f\x7fau\r");
    assert_eq!(pty.shows("grau\r\n"), "gr\u{fc}n\x08 \x08\x08 \x08au\r\ngrau\r\n");
    pty.keys("\x04");
    assert_eq!(pty.ends(), (3, String::new()));
    assert!(pty.is_cooked());
    assert_eq!(cowbox.run(["inspect", "-f", "{{.Config.Tty}} {{.Config.OpenStdin}}", "box"]).ok(), "true true\n");
    assert!(cowbox.run(["inspect", "-f", "{{.Config.Env}}", "box"]).ok().contains("TERM=xterm"));
    assert!(cowbox.run(["logs", "box"]).ok().starts_with("ready\r\ngr\u{fc}n\x08"));
    // It is started again with the terminal it was created with.
    let mut pty = Pty::spawn(cowbox.command(["start", "-a", "-i", "box"]), 30, 100);
    pty.shows("ready\r\n");
    pty.keys("again\r\x04");
    assert_eq!(pty.shows("again\r\nagain\r\n"), "again\r\nagain\r\n");
    assert_eq!(pty.ends().0, 3);
}

#[test]
fn control_c_reaches_the_guest() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    pty.keys("typed\x03");
    assert_eq!(pty.shows("^C"), "^C");
    assert_eq!(pty.ends(), (130, String::new()));
    assert!(pty.is_cooked());
    assert_eq!(exit_code(&cowbox), "exited 130\n");
}

#[test]
fn a_guest_in_raw_mode_gets_every_key() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "raw", &raw());
    pty.shows("ready\r\n");
    pty.keys("\x03\x04\x1a\r\n\x7f\u{fc}\x1b[Aq");
    assert_eq!(pty.shows("113 "), "003 004 026 013 010 127 195 188 027 091 065 113 ");
    assert_eq!(pty.ends(), (0, String::new()));
}

#[test]
fn the_guest_knows_the_size_of_the_window() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "sized", &sized());
    pty.shows("030x100\r\n");
    pty.resize(55, 132);
    pty.shows("055x132\r\n");
    pty.resize(24, 80);
    pty.shows("024x080\r\n");
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 0);
}

#[test]
fn a_terminal_can_be_had_without_one_outside() {
    let cowbox = Cowbox::empty();
    cowbox.program("sized", &sized());
    cowbox.program("printing", &printing("one\ntwo\n", 0));
    let error = cowbox.run(["run", "--rm", "-it", "sized"]).fails(1);
    assert_eq!(error, "cowbox: the input device is not a TTY");
    assert_eq!(cowbox.run(["ps", "-aq"]).ok(), "");
    let mut child = cowbox.command(["run", "--rm", "-t", "sized"]);
    let mut child = child.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    super::support::wait_for_output(&mut child, "024x080\r\n");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let ended = cowbox.run(["run", "--name", "box", "-t", "-e", "TERM=vt100", "printing"]);
    assert_eq!((ended.ok().as_str(), cowbox.run(["logs", "box"]).ok().as_str()), ("one\r\ntwo\r\n", "one\r\ntwo\r\n"));
    assert!(cowbox.run(["inspect", "-f", "{{.Config.Env}}", "box"]).ok().contains("TERM=vt100"));
}

#[test]
fn a_termination_leaves_the_terminal_as_it_was() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    pty.kill(Signal::TERM);
    assert_eq!(pty.ends(), (143, String::new()));
    assert!(pty.is_cooked());
    assert_eq!(exit_code(&cowbox), "exited 143\n");
}

#[test]
fn a_kill_leaves_the_terminal_as_it_was() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    pty.kill(Signal::KILL);
    assert_eq!(pty.ends(), (1009, String::new()));
    pty.becomes_cooked();
    // The same where it ends by an error of its own. Where containers can be attached to, this one goes on.
    cowbox.run(["rm", "-f", "box"]).ok();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    pty.kill(Signal::ABORT);
    assert_eq!(pty.ends().0, 1006);
    pty.becomes_cooked();
    cowbox.run(["rm", "-f", "box"]).ok();
}

#[test]
fn a_stopped_program_leaves_the_terminal_to_others() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    for _ in 0..3 {
        pty.kill(Signal::TSTP);
        pty.becomes_cooked();
        pty.kill(Signal::CONT);
        pty.becomes_raw();
    }
    pty.keys("on\r");
    assert_eq!(pty.shows("on\r\non\r\n"), "on\r\non\r\n");
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
    assert!(pty.is_cooked());
}

#[test]
fn a_terminal_that_vanishes_takes_the_container_with_it() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    pty.vanish();
    assert_eq!(pty.ends().0, 129);
    assert_eq!(exit_code(&cowbox), "exited 129\n");
    cowbox.is_clean();
}

#[test]
fn a_guest_that_goes_on_without_its_terminal_is_killed() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "stubborn", &stubborn());
    pty.shows("ready\r\n");
    pty.vanish();
    assert_eq!(pty.ends().0, 137);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_runs_on_after_the_end() {
    use super::support::pty::{children, is_running, wait};
    let cowbox = Cowbox::empty();
    cowbox.program("echoing", &echoing());
    for signal in [None, Some(Signal::TERM)] {
        let mut pty = Pty::spawn(cowbox.command(["run", "--rm", "-it", "echoing"]), 30, 100);
        pty.shows("ready\r\n");
        let others = children(pty.pid());
        assert_eq!(others.len(), 2, "who watches the terminal, who runs the container, and nothing else");
        match signal {
            None => pty.keys("\x04"),
            Some(signal) => pty.kill(signal),
        }
        pty.ends();
        for other in others {
            wait(|| (!is_running(other)).then_some(()));
        }
        pty.becomes_cooked();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn keys_leave_a_guest_that_goes_on_and_is_found_again() {
    let cowbox = Cowbox::empty();
    let mut pty = run(&cowbox, "echoing", &echoing());
    pty.shows("ready\r\n");
    pty.keys("\x10\x11");
    assert_eq!(pty.ends(), (0, "read escape sequence\r\n".to_owned()));
    assert!(pty.is_cooked());
    assert_eq!(exit_code(&cowbox), "running 0\n");
    let mut pty = Pty::spawn(cowbox.command(["attach", "box"]), 30, 100);
    pty.becomes_raw();
    pty.keys("on\r");
    pty.shows("on\r\non\r\n");
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
    assert_eq!(exit_code(&cowbox), "exited 3\n");
}
