//! Volumes that native containers and those of WASI programs use.

use std::io::Write;
use std::process::Stdio;

use super::support::native::with_box;
use super::support::person::Person;
use super::support::wait_for_output;

#[test]
fn programs_of_both_kinds_use_a_volume() {
    let Some(cowbox) = with_box() else { return };
    let on = |image: &str, script: &str| cowbox.run(["run", "--rm", "-v", "vol:/data", image, "sh", "-c", script]);
    let script = "cd /data; mkdir d; echo wasi > d/one; chmod 640 d/one; chown 7:8 d/one; ln -s one d/link; ln d/one two; chmod 1750 .";
    on("base", script).ok();
    let look = "cd /data; stat -c '%a %u:%g %h' d/one; readlink d/link; cat two; stat -c %a .";
    let seen = "640 7:8 2\none\nwasi\n1750\n";
    assert_eq!(on("base", look).ok(), seen);
    assert_eq!(on("box", look).ok(), seen);
    on("box", "echo native >> /data/two").ok();
    assert_eq!(on("base", "cat /data/d/one; echo wasi >> /data/d/one; rm /data/two").ok(), "wasi\nnative\n");
    assert_eq!(on("box", "cd /data; cat d/one; ls").ok(), "wasi\nnative\nwasi\nd\n");
    let read_only =
        cowbox.run(["run", "--rm", "-v", "vol:/data:ro", "base", "sh", "-c", "echo > /data/new; cat /data/d/link"]);
    assert!(read_only.err.contains("Read-only") && read_only.out.ends_with("native\nwasi\n"), "{read_only:?}");
    cowbox.run(["volume", "rm", "vol"]).ok();
    cowbox.is_clean();
}

#[test]
fn containers_of_both_kinds_that_run_see_what_the_other_writes() {
    let Some(cowbox) = with_box() else { return };
    let loops = "until test -e /data/asked; do sleep 0.05; done; echo answer > /data/new; mv /data/new /data/answered";
    cowbox.run(["run", "-d", "--name", "job", "-v", "vol:/data", "box", "sh", "-c", loops]).ok();
    let asks = "echo > /data/asked; until test -e /data/answered; do sleep 0.05; done; cat /data/answered";
    assert_eq!(cowbox.run(["run", "--rm", "-v", "vol:/data", "base", "sh", "-c", asks]).ok(), "answer\n");
    cowbox.run(["wait", "job"]).ok();
    cowbox.run(["rm", "job"]).ok();
    cowbox.is_clean();
}

#[test]
fn a_volume_that_a_wasi_program_writes_to_is_not_taken_from_it() {
    let Some(cowbox) = with_box() else { return };
    let mut command =
        cowbox.command(["run", "--rm", "--name", "writer", "-i", "-v", "vol:/data", "base", "tee", "/data/file"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"ready\n").unwrap();
    wait_for_output(&mut child, "ready");
    let error = cowbox.run(["run", "--rm", "-v", "vol:/data", "box", "true"]).fails(125);
    assert!(
        error.contains("volume vol is in use by container writer") && error.contains("stop that one first"),
        "{error}"
    );
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(cowbox.run(["run", "--rm", "-v", "vol:/data", "box", "cat", "/data/file"]).ok(), "ready\n");
    cowbox.is_clean();
}

#[test]
fn a_volume_begins_with_the_files_of_the_first_image_of_either_kind() {
    let Some(cowbox) = with_box() else { return };
    // The native one makes the volume, and has nothing to give.
    cowbox.run(["run", "--rm", "-v", "vol:/etc/new", "box", "true"]).ok();
    assert_eq!(
        cowbox.run(["run", "--rm", "-v", "vol:/etc", "base", "grep", "-c", "^root:", "/etc/passwd"]).ok(),
        "1\n"
    );
    assert_eq!(
        cowbox.run(["run", "--rm", "-v", "vol:/data", "box", "grep", "-c", "^root:", "/data/passwd"]).ok(),
        "1\n"
    );
    cowbox.is_clean();
}

#[test]
fn what_another_container_mounts_is_mounted() {
    let Some(cowbox) = with_box() else { return };
    let bound = cowbox.path("bound");
    std::fs::create_dir(&bound).unwrap();
    let bind = format!("{}:/b", bound.display());
    let options = ["-v", "/data", "-v", &bind, "--tmpfs", "/t"];
    cowbox.run([&["run", "--name", "one"], &options[..], &["box", "touch", "/data/file", "/b/file"]].concat()).ok();
    for image in ["box", "base"] {
        let script = "ls /data /b; test -e /t || echo no tmpfs";
        let shown = cowbox.run(["run", "--rm", "--volumes-from", "one", image, "sh", "-c", script]).ok();
        assert_eq!(shown, "/b:\nfile\n\n/data:\nfile\nno tmpfs\n", "{image}");
    }
    let read_only = cowbox.run(["run", "--rm", "--volumes-from", "one:ro", "box", "touch", "/data/new"]);
    assert!(read_only.err.contains("Read-only"), "{read_only:?}");
    let own = ["run", "--rm", "--volumes-from", "one", "-v", "own:/data", "box", "ls", "/data", "/b"];
    assert_eq!(cowbox.run(own).ok(), "/b:\nfile\n\n/data:\n", "what is asked for itself comes first");
    assert!(cowbox.run(["run", "--volumes-from", "one:x", "box", "true"]).fails(125).contains("invalid mode: x"));
    assert!(cowbox.run(["run", "--volumes-from", "nosuch", "box", "true"]).fails(125).contains("nosuch"));
    // The volume was made for the first, and is still there for the second.
    cowbox.run(["create", "--name", "two", "--volumes-from", "one", "box", "ls", "/data"]).ok();
    cowbox.run(["rm", "-v", "one"]).ok();
    assert_eq!(cowbox.run(["start", "-a", "two"]).ok(), "file\n");
    cowbox.run(["rm", "two"]).ok();
    cowbox.is_clean();
}

#[test]
fn a_users_programs_of_both_kinds_use_files_of_all_their_ids() {
    let Some(person) = Person::with_ranges() else { return };
    person.sh(&["-v", "vol:/home"], "echo kept >/home/ann/file; chown 1000 /home/ann/file; chmod 700 /home/ann").ok();
    let on_base = |script: &str| person.run(["run", "--rm", "-v", "vol:/v", "base", "sh", "-c", script]);
    assert_eq!(on_base("stat -c %u /v/ann/file; cat /v/ann/file; chown 7 /v/ann/file").ok(), "1000\nkept\n");
    assert_eq!(person.sh(&["-v", "vol:/v"], "stat -c %u /v/ann/file").ok(), "7\n");
    person.run(["volume", "rm", "vol"]).ok();
    assert!(person.stored("volumes").is_empty());
}
