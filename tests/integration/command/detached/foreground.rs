//! Native containers on a terminal in the foreground, which can be left there.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::super::support::native::with_box;
use super::super::support::pty::{Pty, wait};
use super::Background;

/// What a terminal shows where keys have left a container.
const LEFT: (i32, &str) = (0, "read escape sequence\r\n");

fn background() -> Option<Background> {
    with_box().map(Background)
}

fn run(boxes: &Background, options: &[&str], script: &str) -> Pty {
    let begin = ["run", "-it", "--name", "job"];
    Pty::spawn(boxes.command([&begin, options, &["box", "sh", "-c", script]].concat()), 33, 100)
}

fn attach(boxes: &Background) -> Pty {
    let pty = Pty::spawn(boxes.command(["attach", "job"]), 33, 100);
    pty.becomes_raw();
    pty
}

#[track_caller]
fn is_left(pty: &mut Pty, keys: &str) {
    pty.keys(keys);
    let (code, shown) = pty.ends();
    // The terminal may have shown what was typed before the keys.
    let typed = keys.trim_end_matches(|key: char| key.is_control());
    assert_eq!((code, shown.strip_prefix(typed).unwrap_or(&shown)), LEFT);
    assert!(pty.is_cooked());
}

#[test]
fn without_a_proxy_of_signals_a_container_outlives_the_command() {
    let Some(boxes) = background() else { return };
    let script = "echo out; echo error >&2; exit 3";
    let ended = boxes.run(["run", "--rm", "--sig-proxy=false", "box", "sh", "-c", script]);
    assert_eq!((ended.code, &ended.out[..], &ended.err[..]), (3, "out\n", "error\n"));
    let ended = boxes.run(["run", "--sig-proxy=false", "--name", "job", "-a", "STDERR", "box", "sh", "-c", script]);
    assert_eq!((ended.code, &ended.out[..], &ended.err[..]), (3, "", "error\n"));
    assert_eq!(boxes.run(["logs", "job"]).out, "out\n");
    let ended = boxes.run(["start", "-a", "--sig-proxy=false", "job"]);
    assert_eq!((ended.code, &ended.out[..], &ended.err[..]), (3, "out\n", "error\n"));
    boxes.run(["rm", "job"]).ok();
    let script = "echo ready; trap 'echo never' INT TERM; while true; do sleep 0.1; done";
    let mut command = boxes.command(["run", "--rm", "--sig-proxy=false", "--name", "job", "box", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(boxes.run(["exec", "job", "echo", "there"]).ok(), "there\n");
    boxes.run(["stop", "-t", "0", "job"]).ok();
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    boxes.is_clean();
    let error = boxes.run(["run", "-i", "--sig-proxy=false", "box", "true"]).fails(125);
    assert!(error.contains("--sig-proxy=false"), "{error}");
    boxes.run(["run", "--rm", "-i", "--sig-proxy", "box", "true"]).ok();
    boxes.run(["run", "-d", "-i", "--name", "job", "--sig-proxy=false", "box", "true"]).ok();
    let attached = "{{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.OpenStdin}} {{.Config.StdinOnce}}";
    assert_eq!(boxes.run(["inspect", "-f", attached, "job"]).ok(), "false false true false\n");
}

#[test]
fn keys_leave_a_container_that_goes_on_and_is_found_again() {
    let Some(boxes) = background() else { return };
    let script = "stty size; while read line; do echo \"<$line>\"; done; exit 3";
    let mut pty = run(&boxes, &["--rm"], script);
    assert_eq!(pty.shows("33 100\r\n"), "33 100\r\n");
    assert!(!pty.is_cooked());
    pty.keys("one\x10\r");
    assert_eq!(pty.shows("<one\x10>\r\n"), "one^P\r\n<one\x10>\r\n");
    is_left(&mut pty, "half\x10\x11");
    assert_eq!(boxes.state("job"), "running 0\n");
    let mut pty = attach(&boxes);
    pty.keys(" line\r");
    pty.shows("<half line>\r\n");
    is_left(&mut pty, "\x10\x11");
    let mut pty = attach(&boxes);
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    boxes.is_clean();
    // Other keys, and the same where it is started again.
    let mut pty = run(&boxes, &["--detach-keys", "a,ctrl-b"], script);
    pty.shows("33 100\r\n");
    pty.keys("\x10\x11\r");
    pty.shows("<\x10>\r\n");
    is_left(&mut pty, "a\x02");
    let mut pty = attach(&boxes);
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
    let mut pty = Pty::spawn(boxes.command(["start", "-ai", "--detach-keys", "x", "job"]), 40, 120);
    pty.shows("40 120\r\n");
    is_left(&mut pty, "x");
    let mut pty = attach(&boxes);
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
    assert_eq!(boxes.state("job"), "exited 3\n");
}

#[test]
fn all_that_it_shows_is_shown_once_from_the_first_byte_to_the_last() {
    let Some(boxes) = background() else { return };
    let lines: String = (1..=3000).map(|number| format!("{number}\r\n")).collect();
    for _ in 0..3 {
        let mut pty = run(&boxes, &[], "seq 3000; exit 7");
        assert_eq!(pty.ends(), (7, lines.clone()));
        assert!(pty.is_cooked());
        assert_eq!(boxes.run(["logs", "job"]).ok(), lines);
        boxes.run(["rm", "job"]).ok();
    }
}

#[test]
fn what_cannot_start_says_why_and_leaves_nothing() {
    let Some(boxes) = background() else { return };
    for (program, code) in [("nosuch", 127), ("/etc/passwd", 126)] {
        let without = boxes.run(["run", "--rm", "box", program]).fails(code);
        let mut pty = Pty::spawn(boxes.command(["run", "-it", "--rm", "box", program]), 24, 80);
        assert_eq!(pty.ends(), (code, format!("{without}\r\n")));
        assert!(pty.is_cooked());
    }
    let mut pty = Pty::spawn(boxes.command(["run", "-it", "--rm", "nosuch"]), 24, 80);
    assert_eq!(pty.ends().0, 125);
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    boxes.is_clean();
}

#[test]
fn signals_to_the_command_are_the_programs() {
    let Some(boxes) = background() else { return };
    let mut pty = run(&boxes, &["--rm"], "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done");
    pty.shows("up\r\n");
    pty.kill(Signal::TERM);
    assert_eq!(pty.ends(), (5, String::new()));
    assert!(pty.is_cooked());
    // The second one kills.
    let mut pty = run(&boxes, &["--rm"], "trap 'echo no' TERM; echo up; while :; do sleep 0.02; done");
    pty.shows("up\r\n");
    pty.kill(Signal::TERM);
    pty.shows("no\r\n");
    pty.kill(Signal::TERM);
    assert_eq!(pty.ends().0, 137);
    // A window that is closed.
    let mut pty = run(&boxes, &[], "trap 'exit 6' HUP; echo up; while :; do sleep 0.02; done");
    pty.shows("up\r\n");
    pty.vanish();
    assert_eq!(pty.ends().0, 6);
    assert_eq!(boxes.state("job"), "exited 6\n");
}

#[test]
fn it_lives_on_where_the_command_is_killed() {
    let Some(boxes) = background() else { return };
    let mut pty = run(&boxes, &["--rm"], "echo up; cat; exit 4");
    pty.shows("up\r\n");
    pty.kill(Signal::KILL);
    assert_eq!(pty.ends().0, 1009);
    pty.becomes_cooked();
    assert_eq!(boxes.state("job"), "running 0\n");
    let mut pty = attach(&boxes);
    pty.keys("typed\r");
    pty.shows("typed\r\ntyped\r\n");
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 4);
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
}

#[test]
fn how_it_was_ended_is_told() {
    let Some(boxes) = background() else { return };
    let without = boxes.run(["run", "--rm", "--timeout", "200ms", "box", "sleep", "1000"]);
    let mut pty = run(&boxes, &["--rm", "--timeout", "200ms"], "sleep 1000");
    assert_eq!(pty.ends(), (without.code, without.err.replace('\n', "\r\n")));
    // The process that stays with it is killed, and the container with it.
    let mut pty = run(&boxes, &[], "echo up; exec sleep 1000");
    pty.shows("up\r\n");
    let first = boxes.run(["inspect", "-f", "{{.State.Pid}}", "job"]).ok();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", first.trim_end())).unwrap();
    let monitor = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    Command::new("kill").args(["-9", &monitor]).status().unwrap();
    assert_eq!(pty.ends(), (137, String::new()));
    assert!(pty.is_cooked());
}

#[test]
fn keys_leave_one_more_process_that_goes_on() {
    let Some(boxes) = background() else { return };
    boxes.run(["run", "-d", "--name", "job", "box", "sleep", "1000"]).ok();
    let enter = |options: &[&str], script: &str| {
        let command = boxes.command([&["exec", "-it"], options, &["job", "sh", "-c", script]].concat());
        Pty::spawn(command, 33, 100)
    };
    // The one of them that runs.
    let running = || boxes.run(["exec", "job", "sh", "-c", "ps | grep -o '[t]ail .*'"]).out;
    let mut pty = enter(&["-e", "A=b"], "stty size; echo $A; cat; exec tail -f /dev/null");
    assert_eq!(pty.shows("b\r\n"), "33 100\r\nb\r\n");
    assert!(!pty.is_cooked());
    pty.resize(44, 111);
    pty.keys("one\x10\r");
    assert_eq!(pty.shows("one\x10\r\n"), "one^P\r\none\x10\r\n");
    // What was typed before the keys arrives.
    is_left(&mut pty, "\x04\x10\x11");
    wait(|| (running() == "tail -f /dev/null\n").then_some(()));
    let mut pty = enter(&["--detach-keys", "x"], "echo up; cat; exit 5");
    pty.shows("up\r\n");
    pty.keys("\x10\x11\r");
    pty.shows("\x10\r\n");
    pty.keys("\x04");
    assert_eq!(pty.ends(), (5, String::new()));
    // Nobody needs to leave it.
    let mut pty = enter(&[], "echo up; exec tail -f /etc/passwd");
    pty.shows("up\r\n");
    pty.kill(Signal::KILL);
    assert_eq!(pty.ends().0, 1009);
    pty.becomes_cooked();
    wait(|| (running() == "tail -f /dev/null\ntail -f /etc/passwd\n").then_some(()));
    let mut pty = enter(&[], "trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done");
    pty.shows("up\r\n");
    pty.kill(Signal::TERM);
    assert_eq!(pty.ends(), (6, String::new()));
    let mut pty = Pty::spawn(boxes.command(["exec", "-it", "job", "nosuch"]), 24, 80);
    let without = boxes.run(["exec", "job", "nosuch"]).fails(127);
    assert_eq!(pty.ends(), (127, format!("{without}\r\n")));
    // All of it ends with the container.
    let mut pty = enter(&[], "echo up; exec cat");
    pty.shows("up\r\n");
    boxes.run(["rm", "-f", "job"]).ok();
    assert_eq!(pty.ends().0, 137);
}

#[test]
fn nothing_starts_for_somebody_who_has_gone() {
    let Some(boxes) = background() else { return };
    let id = boxes.run(["create", "-it", "--name", "job", "box", "sleep", "1000"]).ok();
    let (mut here, there) = UnixStream::pair().unwrap();
    let mut command = boxes.command(["monitor", "--attended", id.trim_end()]);
    let mut monitor = command.stdin(OwnedFd::from(there)).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let mut reports = BufReader::new(monitor.stdout.take().unwrap()).lines().map(Result::unwrap);
    // 24 lines and 80 columns.
    here.write_all(&[3, 4, 0, 0, 0, 24, 0, 80, 0]).unwrap();
    assert_eq!(reports.next().unwrap(), "\"ready\"");
    drop(here);
    let failed = reports.next().unwrap();
    assert!(failed.contains("who started it is gone"), "{failed}");
    assert_eq!(wait(|| monitor.try_wait().unwrap()).code(), Some(125));
    assert_eq!(boxes.state("job"), "created 125\n");
}
