//! Native containers in the background, and those who attach to them.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::super::support::native::with_box;
use super::super::support::pty::Pty;
use super::super::support::wait_for_output;
use super::Background;

fn background() -> Option<Background> {
    with_box().map(Background)
}

fn start(boxes: &Background, options: &[&str], script: &str) {
    boxes.run([&["run", "-d", "--name", "job"], options, &["box", "sh", "-c", script]].concat()).ok();
}

fn on_terminal(boxes: &Background, options: &[&str], rows: u16, columns: u16) -> Pty {
    Pty::spawn(boxes.command([&["attach"], options, &["job"]].concat()), rows, columns)
}

/// One who attaches without a terminal.
fn attached(boxes: &Background, options: &[&str]) -> Child {
    let mut command = boxes.command([&["attach"], options, &["job"]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn socket(boxes: &Background) -> PathBuf {
    let id = boxes.run(["inspect", "-f", "{{.Id}}", "job"]).ok();
    boxes.root().join("containers").join(id.trim_end()).join("attach.sock")
}

fn ends(child: &mut Child) -> (i32, String) {
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code().unwrap(), rest)
}

#[test]
fn a_terminal_is_left_and_found_again() {
    let Some(boxes) = background() else { return };
    start(&boxes, &["-it"], "while read line; do echo \"<$line>\"; stty size; done; exit 3");
    let mut pty = on_terminal(&boxes, &[], 33, 100);
    pty.becomes_raw();
    pty.keys("one\r");
    assert_eq!(pty.shows("33 100\r\n"), "one\r\n<one>\r\n33 100\r\n");
    pty.keys("\x10two\r");
    // What only begins as the keys that detach do is the program's.
    assert_eq!(pty.shows("33 100\r\n"), "^Ptwo\r\n<\x10two>\r\n33 100\r\n");
    pty.resize(44, 111);
    let mut size = String::new();
    // It is told on another way than keys, and may come after them.
    while size != "44 111\r\n" {
        pty.keys("three\r");
        pty.shows("<three>\r\n");
        size = pty.shows("\r\n");
    }
    pty.keys("\x10\x11");
    assert_eq!(pty.ends(), (0, "read escape sequence\r\n".to_owned()));
    assert!(pty.is_cooked());
    assert_eq!(boxes.state("job"), "running 0\n");
    // Other keys, and then the first ones are the program's.
    let mut pty = on_terminal(&boxes, &["--detach-keys", "a,ctrl-b"], 24, 80);
    pty.becomes_raw();
    pty.keys("\x10ac\r");
    pty.shows("<\x10ac>\r\n24 80\r\n");
    pty.keys("a\x02");
    assert_eq!(pty.ends(), (0, "read escape sequence\r\n".to_owned()));
    let mut pty = on_terminal(&boxes, &[], 24, 80);
    pty.becomes_raw();
    pty.keys("\x04");
    assert_eq!(pty.ends(), (3, String::new()));
    assert_eq!(boxes.state("job"), "exited 3\n");
    let logged = boxes.run(["logs", "job"]).ok();
    assert!(logged.starts_with("one\r\n<one>\r\n33 100\r\n"), "{logged}");
    // It can be started again, and has somebody at its terminal then.
    boxes.run(["start", "job"]).ok();
    let mut pty = Pty::spawn(boxes.command(["start", "-ai", "job"]), 24, 80);
    pty.becomes_raw();
    pty.keys("\x10\x11");
    assert_eq!(pty.ends(), (0, "read escape sequence\r\n".to_owned()));
    let mut pty = on_terminal(&boxes, &[], 24, 80);
    pty.becomes_raw();
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
}

#[test]
fn all_who_attach_see_the_same_and_are_told_the_end() {
    let Some(boxes) = background() else { return };
    start(&boxes, &["-i", "--rm"], "while read line; do echo \"<$line>\"; echo err >&2; done");
    let file = socket(&boxes);
    assert!(file.metadata().unwrap().file_type().is_socket());
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    let mut all = [attached(&boxes, &[]), attached(&boxes, &["--no-stdin"])];
    // The second one is there once it has seen something.
    let mut typing = all[0].stdin.take().unwrap();
    let mut seen = all[1].stdout.take().unwrap();
    let mut first = [0];
    std::thread::scope(|scope| {
        let sees = scope.spawn(|| seen.read_exact(&mut first).unwrap());
        while !sees.is_finished() {
            typing.write_all(b"a\n").unwrap();
            wait_for_output(&mut all[0], "<a>\n");
        }
    });
    typing.write_all(b"last\n").unwrap();
    wait_for_output(&mut all[0], "<last>\n");
    // An input that ends is not the container's end.
    drop(typing);
    all[1].stdout = Some(seen);
    wait_for_output(&mut all[1], "<last>\n");
    assert_eq!(boxes.run(["ps", "-q"]).ok().lines().count(), 1);
    boxes.run(["kill", "job"]).ok();
    for mut one in all {
        assert_eq!(ends(&mut one), (137, String::new()));
        let mut errors = String::new();
        one.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(errors.starts_with("err\n"), "{errors}");
    }
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    assert!(!file.exists());
}

#[test]
fn signals_are_passed_on_to_a_container_without_a_terminal() {
    let Some(boxes) = background() else { return };
    // It says again and again that it is there, so that it is seen when somebody is attached.
    let script = "trap 'exit 5' TERM; while :; do echo up; sleep 0.02; done";
    start(&boxes, &[], script);
    let signalled = |options: &[&str]| {
        let mut one = attached(&boxes, options);
        wait_for_output(&mut one, "up\n");
        rustix::process::kill_process(rustix::process::Pid::from_child(&one), Signal::TERM).unwrap();
        one.stdout = None;
        one.wait().unwrap().code()
    };
    assert_eq!(signalled(&["--sig-proxy=false"]), None);
    assert_eq!(boxes.state("job"), "running 0\n");
    assert_eq!(signalled(&[]), Some(5));
    assert_eq!(boxes.state("job"), "exited 5\n");
}

#[test]
fn one_whose_monitor_is_killed_has_ended_for_who_is_attached() {
    let Some(boxes) = background() else { return };
    start(&boxes, &[], "while :; do echo up; sleep 0.02; done");
    let mut one = attached(&boxes, &[]);
    wait_for_output(&mut one, "up\n");
    let monitor = boxes.run(["inspect", "-f", "{{.State.Pid}}", "job"]).ok();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", monitor.trim_end())).unwrap();
    let parent = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    Command::new("kill").args(["-9", &parent]).status().unwrap();
    assert_eq!(ends(&mut one).0, 137);
    // The socket that is left is no hindrance.
    boxes.run(["start", "job"]).ok();
    let mut one = attached(&boxes, &[]);
    wait_for_output(&mut one, "up\n");
    boxes.run(["kill", "job"]).ok();
    assert_eq!(ends(&mut one).0, 137);
}

#[test]
fn what_cannot_be_attached_to_says_why() {
    let Some(boxes) = background() else { return };
    assert!(boxes.run(["attach", "job"]).fails(1).contains("no such container"));
    boxes.run(["create", "--name", "job", "box", "sleep", "1000"]).ok();
    let error = boxes.run(["attach", "job"]).fails(1);
    assert_eq!(error, "cowbox: you cannot attach to a stopped container, start it first");
    boxes.run(["rm", "job"]).ok();
    let mut command = boxes.command(["run", "--name", "job", "box", "sh", "-c", "echo up; exec sleep 1000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_for_output(&mut child, "up\n");
    let error = boxes.run(["attach", "job"]).fails(1);
    assert!(error.contains(&format!("in the foreground of process {}, which has its streams", child.id())), "{error}");
    boxes.run(["rm", "-f", "job"]).ok();
    child.wait().unwrap();
    start(&boxes, &["-it"], "sleep 1000");
    assert_eq!(boxes.run(["attach", "job"]).fails(1), "cowbox: the input device is not a TTY");
    let ended = boxes.run(["attach", "--detach-keys", "ctrl-!", "job"]);
    assert!(ended.code == 125 && ended.err.contains("unknown key \"ctrl-!\""), "{ended:?}");
}
