//! Guests in the background.

use std::process::Stdio;

use super::super::support::{Cowbox, SPINNING, printing, wait_for_output};
use super::Background;

/// A store with the image `spin` of a guest that never ends.
fn with_spin() -> Background {
    let cowbox = Cowbox::empty();
    cowbox.program("spin", SPINNING);
    Background(cowbox)
}

#[test]
fn a_container_runs_in_the_background_until_it_is_stopped() {
    let boxes = with_spin();
    let id = boxes.run(["run", "-d", "--name", "box", "spin"]).ok();
    assert_eq!(id.trim_end().len(), 64);
    assert_eq!(boxes.run(["ps", "-q", "--no-trunc"]).ok(), id);
    assert!(boxes.run(["ps", "--format", "{{.Status}}"]).ok().starts_with("Up "));
    assert_eq!(boxes.state("box"), "running 0\n");
    assert_eq!(boxes.run(["start", "box"]).ok(), "box\n", "that it runs already is as good");
    assert!(boxes.run(["rm", "box"]).fails(1).contains("container is running"));
    assert_eq!(boxes.run(["stop", "box"]).ok(), "box\n");
    assert_eq!(boxes.state("box"), "exited 143\n");
    assert!(boxes.run(["ps", "-a", "--format", "{{.Status}}"]).ok().starts_with("Exited (143) "));
    assert_eq!(boxes.run(["stop", "box"]).ok(), "box\n", "that it has ended already is as good");
    assert_eq!(boxes.run(["rm", "box"]).ok(), "box\n");
    boxes.is_clean();
}

#[test]
fn it_starts_again_by_its_name_and_restarts() {
    let boxes = with_spin();
    for name in ["one", "two"] {
        boxes.run(["create", "--name", name, "spin"]).ok();
    }
    assert_eq!(boxes.run(["start", "one", "two"]).ok(), "one\ntwo\n");
    assert_eq!(boxes.run(["ps", "-q"]).ok().lines().count(), 2);
    let pid = || boxes.run(["inspect", "-f", "{{.State.Pid}}", "one"]).ok();
    let before = pid();
    assert_eq!(boxes.run(["restart", "-t", "5", "one"]).ok(), "one\n");
    assert_ne!(pid(), before);
    assert_eq!(boxes.run(["stop", "-s", "INT", "one", "two"]).ok(), "one\ntwo\n");
    assert_eq!((boxes.state("one"), boxes.state("two")), ("exited 130\n".into(), "exited 130\n".into()));
    assert_eq!(boxes.run(["restart", "two"]).ok(), "two\n");
    assert_eq!(boxes.state("two"), "running 0\n");
}

#[test]
fn its_output_is_in_its_log() {
    let boxes = with_spin();
    boxes.program("three", &printing("out\nhalf", 3));
    boxes.run(["run", "-d", "--name", "box", "three"]).ok();
    assert_eq!(boxes.run(["logs", "-f", "box"]).ok(), "out\nhalf");
    assert_eq!(boxes.run(["wait", "box"]).ok(), "3\n");
    assert_eq!(boxes.state("box"), "exited 3\n");
}

#[cfg(target_os = "linux")]
#[test]
fn who_attaches_types_sees_and_is_told_the_end() {
    use std::io::Write;
    let boxes = Background(Cowbox::with_base());
    boxes.run(["run", "-d", "-i", "--name", "box", "base", "cat"]).ok();
    let mut attach = boxes.command(["attach", "box"]);
    let mut attach = attach.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    attach.stdin.as_mut().unwrap().write_all(b"typed\n").unwrap();
    wait_for_output(&mut attach, "typed\n");
    assert_eq!(boxes.run(["stop", "box"]).ok(), "box\n");
    assert_eq!(attach.wait().unwrap().code(), Some(143));
}

#[test]
fn a_container_that_is_removed_when_it_ends_leaves_nothing() {
    let boxes = with_spin();
    boxes.run(["run", "-d", "--rm", "--name", "box", "spin"]).ok();
    assert_eq!(boxes.run(["logs", "box"]).ok(), "");
    assert!(boxes.run(["restart", "box"]).fails(1).contains("is removed when it ends"));
    assert_eq!(boxes.run(["stop", "box"]).ok(), "box\n");
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    assert_eq!(std::fs::read_dir(boxes.root().join("containers")).unwrap().count(), 0);
}

#[test]
fn a_killed_container_has_ended_when_kill_returns() {
    let boxes = with_spin();
    for _ in 0..5 {
        boxes.run(["run", "-d", "--name", "box", "spin"]).ok();
        assert_eq!(boxes.run(["kill", "box"]).ok(), "box\n");
        assert_eq!(boxes.state("box"), "exited 137\n");
        assert_eq!(boxes.run(["inspect", "-f", "{{.State.Error}}", "box"]).ok(), "\n", "it was ended in good order");
        assert_eq!(boxes.run(["rm", "box"]).ok(), "box\n");
        boxes.run(["run", "-d", "--rm", "--name", "box", "spin"]).ok();
        assert_eq!(boxes.run(["rm", "-f", "box"]).ok(), "box\n");
        assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    }
    boxes.run(["run", "-d", "--name", "box", "spin"]).ok();
    assert_eq!(boxes.run(["kill", "-s", "USR1", "box"]).ok(), "box\n");
    assert_eq!(boxes.run(["wait", "box"]).ok(), "138\n");
}

#[test]
fn a_container_that_cannot_start_says_why_as_in_the_foreground() {
    let boxes = Background(Cowbox::with_base());
    let in_front = boxes.run(["run", "--rm", "base", "nosuch"]).fails(127);
    assert_eq!(boxes.run(["run", "-d", "--rm", "base", "nosuch"]).fails(127), in_front);
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
    boxes.run(["run", "-d", "--name", "box", "base", "/etc/passwd"]).fails(126);
    boxes.run(["start", "box"]).fails(1);
    boxes.run(["start", "-a", "box"]).fails(126);
    assert_eq!(boxes.run(["inspect", "-f", "{{.State.Status}}", "box"]).ok(), "created\n");
    assert!(boxes.run(["run", "-d", "nosuch"]).fails(125).contains("no such image"));
    assert!(boxes.run(["start", "nosuch"]).fails(1).contains("no such container"));
}

#[test]
fn input_that_is_kept_open_does_not_end() {
    let boxes = Background(Cowbox::with_base());
    boxes.run(["run", "-d", "-i", "--name", "open", "base", "cat"]).ok();
    boxes.run(["run", "-d", "--name", "closed", "base", "cat"]).ok();
    assert_eq!(boxes.run(["wait", "closed"]).ok(), "0\n");
    assert_eq!(boxes.state("open"), "running 0\n");
    boxes.run(["stop", "open"]).ok();
}

#[test]
fn signals_reach_a_container_in_the_foreground_too() {
    let boxes = Background(Cowbox::with_base());
    let mut command = boxes.command(["run", "--rm", "-i", "--name", "box", "base", "cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"ready\n").unwrap();
    wait_for_output(&mut child, "ready");
    assert_eq!(boxes.run(["kill", "box"]).ok(), "box\n");
    assert_eq!(child.wait().unwrap().code(), Some(137));
    drop(stdin);
    assert_eq!(boxes.run(["ps", "-aq"]).ok(), "");
}
