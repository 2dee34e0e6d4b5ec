//! Containers from their creation to their end, as the command line shows them.

use std::process::Stdio;

use super::support::{Cowbox, SPINNING, copy_folder, printing, wait_for_output};

#[test]
fn mistakes_in_arguments_end_as_dockers_do() {
    let cowbox = Cowbox::empty();
    for (args, code, words) in [
        (&[][..], 0, "Create and run a new container"),
        (&["volume"], 0, "Create a volume"),
        (&["nosuch"], 1, "nosuch"),
        (&["run"], 1, "<IMAGE>"),
        (&["rm"], 1, "<CONTAINER>"),
        (&["run", "--nosuch", "base"], 125, "--nosuch"),
        (&["rm", "--nosuch", "box"], 125, "--nosuch"),
        (&["run", "--cpus", "x", "base"], 125, "--cpus"),
    ] {
        let ended = cowbox.run(args);
        assert!(ended.code == code && ended.err.contains(words), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_program_of_the_image_runs_and_its_exit_code_is_passed_on() {
    let cowbox = Cowbox::with_base();
    assert_eq!(cowbox.run(["run", "--rm", "base", "echo", "hello", "world"]).ok(), "hello world\n");
    assert_eq!(cowbox.run(["run", "--rm", "base", "false"]).code, 1);
    cowbox.program("seven", &printing("out\n", 7));
    let ended = cowbox.run(["run", "--rm", "seven"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (7, "out\n", ""));
    assert_eq!(cowbox.run(["ps", "-aq"]).ok(), "", "--rm leaves nothing behind");
}

#[test]
fn exit_codes_say_who_failed() {
    let cowbox = Cowbox::with_base();
    assert!(cowbox.run(["run", "nosuch"]).fails(125).contains("no such image: nosuch"));
    assert!(cowbox.run(["run", "--rm", "base", "nosuch"]).fails(127).contains("nosuch"));
    assert!(cowbox.run(["run", "--rm", "base", "/etc/passwd"]).fails(126).contains("/etc/passwd"));
    assert_eq!(cowbox.run(["run", "--no-such-flag", "base"]).code, 125);
    assert!(cowbox.run(["inspect", "nosuch"]).err.contains("no such object: nosuch"));
}

#[test]
fn what_a_container_wrote_is_there_when_it_starts_again() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["create", "--name", "box", "base", "cp", "-r", "/etc", "/root/"]).ok();
    assert_eq!(cowbox.run(["start", "-a", "box"]).code, 0);
    // The second run meets the directory that the first one made.
    assert_eq!(cowbox.run(["start", "-a", "box"]).code, 0);
    let diff = cowbox.run(["diff", "box"]).ok();
    assert!(diff.starts_with("C /root\nA /root/etc\n"), "{diff}");
    assert!(diff.contains("A /root/etc/passwd\n"), "{diff}");
    cowbox.is_clean();
}

#[test]
fn a_container_becomes_an_image_and_its_files_a_tar() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["run", "--name", "box", "base", "cp", "/etc/passwd", "/root/copy"]).ok();
    let id = cowbox.run(["commit", "-m", "with a copy", "-a", "Ada", "--change", "ENV A=1", "box", "mine:2"]).ok();
    assert!(id.starts_with("sha256:") && id.len() == 72, "{id}");
    assert!(cowbox.run(["run", "--rm", "mine:2", "cat", "/root/copy"]).ok().starts_with("root:x:0:0"));
    assert_eq!(cowbox.run(["inspect", "-f", "{{index .Config.Env 1}} {{.Author}}", "mine:2"]).ok(), "A=1 Ada\n");
    let history = cowbox.run(["history", "--format", "{{.CreatedBy}}|{{.Comment}}", "mine:2"]).ok();
    assert!(history.starts_with("cp /etc/passwd /root/copy|with a copy\n"), "{history}");
    // Out as a tar, in again as an image of one layer, with the same files.
    let tar = cowbox.path("box.tar");
    cowbox.run(["export", "-o", tar.to_str().unwrap(), "box"]).ok();
    cowbox.run(["import", "--change", "ENV PATH=/bin", tar.to_str().unwrap(), "flat"]).ok();
    let list = |image| cowbox.run(["run", "--rm", image, "ls", "-R", "/etc", "/root", "/bin"]).ok();
    assert_eq!(list("flat"), list("mine:2"));
    cowbox.is_clean();
}

#[test]
fn environment_working_directory_and_entry_point_are_as_asked() {
    let cowbox = Cowbox::with_base();
    std::fs::write(cowbox.path("env"), "# a comment\nFROM_FILE=1\nFROM_HERE\n").unwrap();
    let output = cowbox
        .command(["run", "--rm", "-e", "A=x=y", "-e", "FROM_HERE", "--env-file", "env", "base", "printenv", "A"])
        .env("FROM_HERE", "here")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "x=y\n");
    assert!(cowbox.run(["run", "--rm", "-w", "/etc", "base", "cat", "passwd"]).ok().starts_with("root:"));
    assert_eq!(cowbox.run(["run", "--rm", "-w", "/new/dir", "base", "touch", "file"]).ok(), "");
    assert_eq!(cowbox.run(["run", "--rm", "--entrypoint", "basename", "base", "/a/b"]).ok(), "b\n");
    for flag in ["--hostname", "-h"] {
        assert_eq!(cowbox.run(["run", "--rm", flag, "cow", "base", "cat", "/etc/hostname"]).ok(), "cow\n");
    }
    std::fs::write(cowbox.path("labels"), "# a comment\none=of file\n\n two\n").unwrap();
    cowbox.run(["create", "--name", "box", "--label-file", "labels", "-l", "two=of option", "base", "true"]).ok();
    let labels = cowbox.run(["inspect", "-f", "{{json .Config.Labels}}", "box"]).ok();
    assert!(labels.contains(r#""one":"of file""#) && labels.contains(r#""two":"of option""#), "{labels}");
    assert!(cowbox.run(["run", "--rm", "-u", "nobody:nobody", "base", "true"]).code <= 1);
    assert!(cowbox.run(["run", "--rm", "-u", "nosuch", "base", "true"]).fails(125).contains("nosuch"));
}

#[test]
fn standard_input_is_read_only_when_it_is_asked_for() {
    let cowbox = Cowbox::with_base();
    assert_eq!(cowbox.run_with(["run", "--rm", "-i", "base", "cat"], b"through\n").ok(), "through\n");
    assert_eq!(cowbox.run_with(["run", "--rm", "base", "cat"], b"ignored\n").ok(), "");
    let large = vec![b'x'; 1 << 20];
    assert_eq!(cowbox.run_with(["run", "--rm", "-i", "base", "wc", "-c"], &large).ok(), "1048576\n");
}

#[test]
fn output_is_logged_by_stream() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["run", "--name", "box", "base", "ls", "/etc/passwd", "/nosuch"]);
    let ended = cowbox.run(["logs", "box"]);
    assert_eq!(ended.out, "/etc/passwd\n");
    assert!(ended.err.contains("nosuch"), "{}", ended.err);
    cowbox.run(["run", "--name", "lines", "base", "seq", "5"]).ok();
    assert_eq!(cowbox.run(["logs", "-n", "2", "lines"]).ok(), "4\n5\n");
    assert_eq!(cowbox.run(["logs", "--since", "1h", "lines"]).ok().lines().count(), 5);
    for (stream, out, err) in [("stdout", true, false), ("STDERR", false, true)] {
        let ended = cowbox.run(["run", "--rm", "-a", stream, "base", "ls", "/etc/passwd", "/nosuch"]);
        assert_eq!((!ended.out.is_empty(), ended.err.contains("nosuch")), (out, err), "{ended:?}");
    }
    cowbox.run(["run", "-d", "-a", "stdout", "base", "true"]).fails(125);
    let stamped = cowbox.run(["logs", "-t", "lines"]).ok();
    assert!(stamped.lines().all(|line| line.as_bytes()[10] == b'T'), "{stamped}");
}

#[test]
fn ps_lists_filters_and_formats_as_docker_does() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["run", "--name", "first", "-l", "a=1", "base", "false"]);
    cowbox.run(["create", "--name", "second", "-l", "a=2", "base", "ls", "-l", "/some/long/path"]).ok();
    assert_eq!(cowbox.run(["ps"]).ok(), "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n");
    assert_eq!(cowbox.run(["ps", "-a", "--format", "{{.Names}}"]).ok(), "second\nfirst\n");
    let names = |filter: &str| cowbox.run(["ps", "-a", "--format", "{{.Names}}", "-f", filter]).ok();
    assert_eq!(names("label=a=1"), "first\n");
    assert_eq!(names("name=sec"), "second\n");
    assert_eq!(names("status=created"), "second\n");
    assert_eq!(names("exited=1"), "first\n");
    assert_eq!(names("before=second"), "first\n");
    assert_eq!(names("since=first"), "second\n");
    assert_eq!(names("ancestor=base"), "second\nfirst\n");
    assert_eq!(cowbox.run(["ps", "-l", "--format", "{{.Command}}"]).ok(), "\"ls -l /some/long/pa…\"\n");
    assert_eq!(cowbox.run(["ps", "-n", "1", "-q", "--no-trunc"]).ok().trim().len(), 64);
    assert!(cowbox.run(["ps", "-a", "--format", "table {{.Names}}\t{{.Label \"a\"}}"]).ok().starts_with("NAMES"));
    assert!(cowbox.run(["ps", "-a", "-s", "--format", "{{.Size}}"]).ok().contains("0B (virtual "));
    assert!(cowbox.run(["ps", "-f", "nosuch=1"]).fails(1).contains("nosuch"));
    assert_eq!(cowbox.run(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "first"]).ok(), "exited 1\n");
}

#[test]
fn names_are_unique_and_free_again() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["create", "--name", "box", "base", "true"]).ok();
    let error = cowbox.run(["create", "--name", "box", "base", "true"]).fails(1);
    assert!(error.contains("is already in use by container"), "{error}");
    cowbox.run(["rm", "box"]).ok();
    cowbox.run(["create", "--name", "box", "base", "true"]).ok();
    assert!(cowbox.run(["create", "--name", "b:x", "base", "true"]).fails(1).contains("invalid container name"));
    assert!(cowbox.run(["rm", "nosuch"]).fails(1).contains("no such container: nosuch"));
    let forced = cowbox.run(["rm", "-f", "nosuch", "box"]);
    assert_eq!((forced.code, forced.out.as_str(), forced.err.contains("nosuch")), (0, "box\n", true));
    cowbox.run(["volume", "rm", "nosuch"]).fails(1);
    assert_eq!(cowbox.run(["volume", "rm", "-f", "nosuch"]).ok(), "nosuch\n");
}

#[test]
fn a_container_gets_another_name_and_its_old_one_is_free() {
    let cowbox = Cowbox::with_base();
    let id = cowbox.run(["create", "--name", "one", "base", "true"]).ok();
    cowbox.run(["create", "--name", "other", "base", "true"]).ok();
    assert_eq!(cowbox.run(["rename", "one", "two"]).ok(), "");
    let named = |name: &str| cowbox.run(["inspect", "-f", "{{.Id}} {{.Name}}", name]);
    assert_eq!(named("two").ok(), format!("{} /two\n", id.trim_end()));
    assert_eq!(named(&id[..12]).ok(), format!("{} /two\n", id.trim_end()));
    named("one").fails(1);
    let taken = cowbox.run(["rename", "two", "other"]).fails(1);
    assert!(taken.contains("is already in use by container"), "{taken}");
    assert_eq!(named("two").ok(), format!("{} /two\n", id.trim_end()), "it keeps its name");
    assert!(cowbox.run(["rename", "two", "two"]).fails(1).contains("same name"));
    assert!(cowbox.run(["rename", "two", "t/o"]).fails(1).contains("invalid container name"));
    assert!(cowbox.run(["rename", "nosuch", "three"]).fails(1).contains("no such container: nosuch"));
    cowbox.run(["create", "--name", "one", "base", "true"]).ok();
    cowbox.run(["rm", "one", "two", "other"]).ok();
    let names = std::fs::read_dir(cowbox.root().join("names")).unwrap();
    assert_eq!(names.count(), 0);
    cowbox.is_clean();
}

#[test]
fn the_id_is_written_to_a_file_that_was_not_there() {
    let cowbox = Cowbox::with_base();
    let file = cowbox.path("id");
    let file = file.to_str().unwrap();
    let id = cowbox.run(["create", "--cidfile", file, "--name", "", "base", "true"]).ok();
    assert_eq!(std::fs::read_to_string(file).unwrap(), id.trim_end());
    let found = cowbox.run(["run", "--rm", "--cidfile", file, "base", "true"]).fails(125);
    assert!(found.contains("container ID file found") && found.contains(file), "{found}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), id.trim_end());
    cowbox.run(["run", "--rm", "--cidfile", &format!("{file}2"), "nosuch"]).fails(125);
    assert!(!std::path::Path::new(&format!("{file}2")).exists(), "there is no such container");
}

#[test]
fn a_running_container_can_be_seen_waited_for_and_ended() {
    let cowbox = Cowbox::empty();
    cowbox.program("spin", SPINNING);
    let mut child = cowbox.command(["run", "--name", "box", "spin"]).stdout(Stdio::null()).spawn().unwrap();
    while cowbox.run(["ps", "-q"]).ok().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        std::thread::yield_now();
    }
    assert!(cowbox.run(["ps", "--format", "{{.Status}}"]).ok().starts_with("Up "));
    assert!(cowbox.run(["rm", "box"]).fails(1).contains("container is running"));
    assert!(cowbox.run(["start", "-a", "box"]).fails(1).contains("in the foreground of process"));
    assert_eq!(cowbox.run(["stop", "box"]).ok(), "box\n");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(cowbox.run(["wait", "box"]).ok(), "143\n");
    // One whose cowbox is killed has ended too.
    let mut child = cowbox.command(["start", "-a", "box"]).stdout(Stdio::null()).spawn().unwrap();
    while cowbox.run(["ps", "-q"]).ok().is_empty() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(cowbox.run(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box"]).ok(), "exited 137\n");
    cowbox.run(["rm", "box"]).ok();
    cowbox.is_clean();
}

#[test]
fn a_container_that_waits_for_input_ends_at_once_when_it_is_asked_to() {
    let cowbox = Cowbox::with_base();
    let mut command = cowbox.command(["run", "--rm", "-i", "--name", "box", "base", "cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"ready\n").unwrap();
    wait_for_output(&mut child, "ready");
    assert_eq!(cowbox.run(["kill", "-s", "INT", "box"]).ok(), "box\n");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
    assert_eq!(cowbox.run(["ps", "-aq"]).ok(), "");
}

#[test]
fn a_store_can_be_moved() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["run", "--name", "box", "base", "cp", "/etc/passwd", "/root/copy"]).ok();
    let other = Cowbox::empty();
    copy_folder(&cowbox.root(), &other.root());
    assert_eq!(other.run(["diff", "box"]).ok(), "C /root\nA /root/copy\n");
}
