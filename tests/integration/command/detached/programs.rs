//! Native containers in the background.

use std::fs;
use std::process::{Command, Stdio};

use super::super::support::native::with_box;
use super::super::support::pty::is_running;
use super::super::support::wait_for_output;
use super::Background;

/// Says what signals it gets, and ends by SIGTERM alone.
const LISTENING: &str = "for s in USR1 QUIT 34 64; do trap \"echo got $s\" $s; done; trap 'exit 3' TERM; echo up; \
                         while :; do sleep 1000 & wait $!; done";

impl Background {
    /// Waits until this is in the container's log.
    fn logs(&self, name: &str, text: &str) {
        let mut child = self.command(["logs", "-f", name]).stdout(Stdio::piped()).spawn().unwrap();
        wait_for_output(&mut child, text);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn background() -> Option<Background> {
    with_box().map(Background)
}

fn start(boxes: &Background, options: &[&str], script: &str) -> String {
    boxes.run([&["run", "-d", "--name", "job"], options, &["box", "sh", "-c", script]].concat()).ok()
}

/// The host's number of the container's first process.
fn first(boxes: &Background) -> u32 {
    boxes.run(["inspect", "-f", "{{.State.Pid}}", "job"]).ok().trim().parse().unwrap()
}

/// A field of `/proc/PID/stat` behind the name, the state being the first.
fn stat(pid: u32, field: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().split(' ').nth(field).unwrap().to_owned()
}

/// The process that stays with the container.
fn monitor(boxes: &Background) -> u32 {
    stat(first(boxes), 1).parse().unwrap()
}

#[test]
fn it_runs_until_it_is_stopped() {
    let Some(boxes) = background() else { return };
    let id = start(&boxes, &[], LISTENING);
    assert_eq!(id.trim_end().len(), 64);
    assert_eq!(boxes.run(["ps", "-q", "--no-trunc"]).ok(), id);
    assert_eq!(boxes.run(["start", "job"]).ok(), "job\n", "that it runs already is as good");
    assert!(boxes.run(["rm", "job"]).fails(1).contains("container is running"));
    boxes.logs("job", "up\n");
    assert_eq!(boxes.run(["stop", "job"]).ok(), "job\n");
    assert_eq!(boxes.state("job"), "exited 3\n");
    assert_eq!(boxes.run(["start", "job"]).ok(), "job\n");
    assert_eq!(boxes.state("job"), "running 0\n");
    let before = first(&boxes);
    assert_eq!(boxes.run(["restart", "-t", "0", "job"]).ok(), "job\n");
    assert_ne!(first(&boxes), before);
    assert_eq!(boxes.run(["rm", "-f", "job"]).ok(), "job\n");
    boxes.is_clean();
}

#[test]
fn nothing_of_the_caller_stays_with_it() {
    let Some(boxes) = background() else { return };
    let open = boxes.path("open");
    let script =
        format!("exec 9>{}; {} run -d --name job box sleep 1000", open.display(), env!("CARGO_BIN_EXE_cowbox"));
    let status = Command::new("sh")
        .args(["-c", &script])
        .env("COWBOX_HOME", boxes.root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(status.status.success() && status.stderr.is_empty(), "{status:?}");
    let (first, monitor) = (first(&boxes), monitor(&boxes));
    for pid in [first, monitor] {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let files = files.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect::<Vec<_>>();
        assert!(!files.contains(&open), "{files:?}");
    }
    for number in 0..3 {
        let stream = fs::read_link(format!("/proc/{monitor}/fd/{number}")).unwrap();
        assert_eq!(stream.to_str(), Some("/dev/null"));
    }
    assert_eq!(fs::read_link(format!("/proc/{monitor}/cwd")).unwrap().to_str(), Some("/"));
    assert_eq!(stat(monitor, 3), monitor.to_string(), "it leads a session");
    boxes.run(["kill", "job"]).ok();
    assert!(!is_running(first));
}

#[test]
fn what_cannot_start_says_why_as_in_the_foreground() {
    let Some(boxes) = background() else { return };
    for (program, code) in [("nosuch", 127), ("/etc/passwd", 126)] {
        let in_front = boxes.run(["run", "--rm", "box", program]).fails(code);
        assert_eq!(boxes.run(["run", "-d", "--rm", "box", program]).fails(code), in_front);
    }
    boxes.run(["run", "-d", "nosuch"]).fails(125);
    boxes.run(["run", "-d", "--stop-signal", "nosuch", "box", "true"]).fails(125);
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    boxes.run(["run", "-d", "--name", "job", "box", "nosuch"]).fails(127);
    boxes.run(["start", "job"]).fails(1);
    assert_eq!(boxes.state("job"), "created 127\n");
}

#[test]
fn its_output_is_logged_and_its_end_told() {
    let Some(boxes) = background() else { return };
    let file = boxes.path("id");
    let id = start(&boxes, &["--cidfile", file.to_str().unwrap()], "echo out; echo err >&2; exit 7");
    assert_eq!(fs::read_to_string(file).unwrap(), id.trim_end());
    let logs = boxes.run(["logs", "-f", "job"]);
    assert_eq!((&*logs.out, &*logs.err), ("out\n", "err\n"));
    assert_eq!(boxes.run(["wait", "job"]).ok(), "7\n");
    boxes.run(["rm", "job"]).ok();
    start(&boxes, &["--rm"], LISTENING);
    boxes.logs("job", "up\n");
    let wait = boxes.command(["wait", "job"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(boxes.run(["stop", "job"]).ok(), "job\n");
    // One that begins to wait when all is over finds nothing; what it is told is true.
    let waited = wait.wait_with_output().unwrap();
    assert!(waited.stdout == b"3\n" || waited.stdout.is_empty(), "{waited:?}");
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    boxes.is_clean();
}

#[test]
fn a_terminal_that_nobody_sees_is_logged_and_input_stays_open() {
    let Some(boxes) = background() else { return };
    start(&boxes, &["-it"], "tty; cat");
    boxes.logs("job", "/dev/pts/0\r\n");
    assert_eq!(boxes.state("job"), "running 0\n");
    let shown = boxes.run(["top", "job"]).ok();
    assert!(shown.lines().nth(1).is_some_and(|line| line.contains("pts/0") && line.ends_with("cat")), "{shown}");
    boxes.run(["rm", "-f", "job"]).ok();
    start(&boxes, &["-i"], "echo up; cat; echo over");
    boxes.logs("job", "up\n");
    assert_eq!(boxes.state("job"), "running 0\n");
    boxes.run(["rm", "-f", "job"]).ok();
    start(&boxes, &[], "cat; exit 4");
    assert_eq!(boxes.run(["wait", "job"]).ok(), "4\n");
}

#[test]
fn every_signal_reaches_its_first_process() {
    let Some(boxes) = background() else { return };
    start(&boxes, &[], LISTENING);
    boxes.logs("job", "up\n");
    for (signal, got) in [("USR1", "USR1"), ("sigquit", "QUIT"), ("SIGRTMIN", "34"), ("RTMAX", "64")] {
        assert_eq!(boxes.run(["kill", "-s", signal, "job"]).ok(), "job\n");
        boxes.logs("job", &format!("got {got}\n"));
    }
    boxes.run(["kill", "-s", "nosuch", "job"]).fails(1);
    let first = first(&boxes);
    boxes.run(["kill", "-s", "STOP", "job"]).ok();
    super::super::support::pty::wait(|| (stat(first, 0) == "T").then_some(()));
    assert_eq!(boxes.state("job"), "running 0\n");
    boxes.run(["kill", "-s", "CONT", "job"]).ok();
    super::super::support::pty::wait(|| (stat(first, 0) != "T").then_some(()));
    assert_eq!(boxes.run(["kill", "job"]).ok(), "job\n");
    assert_eq!(boxes.state("job"), "exited 137\n");
    boxes.run(["kill", "job"]).fails(1);
}

#[test]
fn it_is_stopped_by_its_own_signal_and_killed_when_its_time_is_over() {
    let Some(boxes) = background() else { return };
    let script = "trap 'exit 5' USR2; echo up; while :; do sleep 1000 & wait $!; done";
    start(&boxes, &["--stop-signal", "USR2"], script);
    boxes.logs("job", "up\n");
    boxes.run(["stop", "-t", "-1", "job"]).ok();
    assert_eq!(boxes.state("job"), "exited 5\n");
    boxes.run(["rm", "job"]).ok();
    // The first process of a PID namespace is not ended by signals that it does not listen to.
    start(&boxes, &["--stop-timeout", "0"], "sleep 1000");
    boxes.run(["stop", "job"]).ok();
    assert_eq!(boxes.state("job"), "exited 137\n");
}

#[test]
fn it_ends_with_the_process_that_stays_with_it() {
    let Some(boxes) = background() else { return };
    start(&boxes, &[], "sleep 1000");
    let (first, monitor) = (first(&boxes), monitor(&boxes));
    Command::new("kill").args(["-9", &monitor.to_string()]).status().unwrap();
    assert_eq!(boxes.run(["wait", "job"]).ok(), "137\n");
    super::super::support::pty::wait(|| (!is_running(first)).then_some(()));
    assert!(boxes.run(["ps", "-a", "--format", "{{.Status}}"]).ok().starts_with("Exited (137) "));
    assert_eq!(boxes.run(["start", "job"]).ok(), "job\n");
    assert_eq!(boxes.state("job"), "running 0\n");
    // One that is stopped is no hindrance.
    Command::new("kill").args(["-STOP", &self::monitor(&boxes).to_string()]).status().unwrap();
    assert_eq!(boxes.run(["rm", "-f", "job"]).ok(), "job\n");
}

#[test]
fn one_in_the_foreground_is_signalled_as_well() {
    let Some(boxes) = background() else { return };
    let mut command = boxes.command(["run", "--rm", "--name", "job", "box", "sh", "-c", LISTENING]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_for_output(&mut child, "up\n");
    boxes.run(["kill", "-s", "RTMIN", "job"]).ok();
    wait_for_output(&mut child, "got 34\n");
    assert_eq!(boxes.run(["stop", "job"]).ok(), "job\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
}
