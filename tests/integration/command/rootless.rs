//! Native containers of other users than root, and `doctor`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::process::Signal;

use super::support::person::Person;
use super::support::pty::{Pty, wait};
use super::support::{has_tool, tool};

#[test]
fn a_user_without_further_ids_is_root_in_containers() {
    let Some(person) = Person::stranger() else { return };
    let seen = person.sh(&[], "id; cat /proc/self/uid_map | tr -s ' '; hostname >/dev/null; exit 7");
    assert_eq!((seen.code, &*seen.out), (7, "uid=0(root) gid=0(root)\n 0 12345 1\n"));
    assert!(person.run(["run", "--rm", "box", "nosuch"]).fails(127).contains("executable file not found"));
    let refused = person.sh(&["--user", "1000"], "id").fails(125);
    assert!(refused.contains("/etc/subuid"), "{refused}");
    // Whoever is not there owns nothing.
    assert_eq!(person.sh(&[], "stat -c '%u %g' /home/ann").ok(), "0 0\n");
    assert_eq!(
        person
            .sh(&["--network", "host"], "touch /sys/x 2>/dev/null || echo refused; ls /sys/class/net")
            .out
            .lines()
            .next(),
        Some("refused")
    );
    assert_eq!(person.sh(&[], "ls /sys/class/net; cat /sys/class/net/lo/flags").ok(), "lo\n0x9\n");
}

#[test]
fn keys_leave_what_a_user_runs_on_a_terminal() {
    let Some(person) = Person::stranger() else { return };
    let on_terminal = |args: &[&str]| {
        let mut command = person.command(person.path("cowbox"));
        command.args(args);
        Pty::spawn(command, 33, 100)
    };
    let mut pty = on_terminal(&["run", "-it", "--rm", "--name", "job", "box", "sh", "-c", "stty size; cat; exit 3"]);
    pty.shows("33 100\r\n");
    let mut entered = on_terminal(&["exec", "-it", "job", "sh", "-c", "stty size; exec tail -f /dev/null"]);
    entered.shows("33 100\r\n");
    for pty in [&mut pty, &mut entered] {
        pty.keys("\x10\x11");
        assert_eq!(pty.ends(), (0, "read escape sequence\r\n".to_owned()));
    }
    wait(|| (person.run(["exec", "job", "sh", "-c", "ps | grep -c '[t]ail -f'"]).out == "1\n").then_some(()));
    let mut pty = on_terminal(&["attach", "job"]);
    pty.becomes_raw();
    pty.keys("\x04");
    assert_eq!(pty.ends().0, 3);
    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done";
    for args in [vec!["run", "-it", "--name", "job", "box", "sh", "-c", script], vec!["start", "-ai", "job"]] {
        let mut pty = on_terminal(&args);
        pty.shows("up\r\n");
        pty.kill(Signal::TERM);
        assert_eq!(pty.ends(), (5, String::new()));
    }
    person.run(["rm", "job"]).ok();
    assert_eq!(person.run(["ps", "-aq"]).ok(), "");
}

#[test]
fn a_container_that_was_restarted_is_entered_as_before() {
    let Some(person) = Person::stranger() else { return };
    person.run(["run", "-d", "--name", "job", "box", "sleep", "1000"]).ok();
    for verb in [&["restart", "-t", "0", "job"][..], &["stop", "-t", "0", "job"], &["start", "job"]] {
        person.run(verb.iter().copied()).ok();
    }
    person.run(["restart", "-t", "0", "job"]).ok();
    assert_eq!(person.run(["exec", "job", "sh", "-c", "echo in"]).ok(), "in\n");
    person.run(["rm", "-f", "job"]).ok();
    assert_eq!(person.run(["ps", "-aq"]).ok(), "");
}

#[test]
fn devices_and_set_user_id_bits_of_an_image_do_no_harm() {
    let Some(person) = Person::stranger() else { return };
    let script = "test -e /etc/disk || echo none; stat -c %a /set/id; mknod /d b 8 0 2>/dev/null || echo refused
        /set/id; echo x >/dev/null; cat /dev/zero | head -c 2 | wc -c";
    let seen = person.sh(&[], script).ok();
    assert_eq!(seen, "none\n4755\nrefused\nuid=0(root) gid=0(root)\n2\n");
    let numbers = person.sh(&["--device", "/dev/zero:/dev/other"], "stat -c '%t %T' /dev/other /dev/null").ok();
    assert_eq!(numbers, "1 5\n1 3\n", "the device that was named, under the path that was asked for");
    // Nobody else gets to the files of the image.
    let kept = fs::metadata(person.path("store")).unwrap();
    assert_eq!((kept.uid(), kept.mode() & 0o777), (12345, 0o700));
}

#[test]
fn limits_without_a_cgroup_of_ones_own_are_refused_by_name() {
    let Some(person) = Person::stranger() else { return };
    let refused = person.sh(&["--memory", "64m"], "true").fails(125);
    assert!(refused.contains("--memory"), "{refused}");
    assert_eq!(person.sh(&["--oom-score-adj", "-1000"], "cat /proc/self/oom_score_adj").code, 0);
}

#[test]
fn users_of_an_image_are_ids_of_the_range() {
    let Some(person) = Person::with_ranges() else { return };
    let script = "id; touch /home/ann/new; stat -c '%u %g' /home/ann/new";
    let seen = person.sh(&["--user", "ann"], script).ok();
    assert_eq!(seen, "uid=1000(ann) gid=1001 groups=50(staff),1001\n1000 1001\n");
    assert_eq!(person.sh(&["--user", "1000"], "id -u").ok(), "1000\n");
}

#[test]
fn what_a_container_changed_is_seen_committed_copied_and_removed() {
    let Some(person) = Person::with_ranges() else { return };
    let script = "echo x >/etc/new; chown 1000:1001 /etc/new; rm /etc/group; mkdir -m 700 /deep; touch /deep/file; chown -R 5:5 /deep";
    person.run(["run", "--name", "job", "box", "sh", "-ec", script]).ok();
    assert_eq!(person.run(["diff", "job"]).ok(), "A /deep\nA /deep/file\nC /etc\nD /etc/group\nA /etc/new\n");
    person.run(["commit", "job", "made"]).ok();
    let listed = person.run([
        "run",
        "--rm",
        "made",
        "stat",
        "-c",
        "%n %u %g %a",
        "/etc/new",
        "/deep",
        "/deep/file",
        "/home/ann",
    ]);
    assert_eq!(listed.ok(), "/etc/new 1000 1001 644\n/deep 5 5 700\n/deep/file 5 5 644\n/home/ann 1000 1001 755\n");
    person.run(["cp", "job:/etc/new", "copied"]).ok();
    assert_eq!(fs::metadata(person.path("copied")).unwrap().uid(), person.uid);
    person.run(["cp", "copied", "job:/deep/copied"]).ok();
    if has_tool("tar") {
        person.run(["export", "-o", "all.tar", "job"]).ok();
        let all = tool("tar", ["-tvf", person.path("all.tar").to_str().unwrap(), "--numeric-owner"]);
        let owner =
            |name: &str| all.lines().find(|line| line.ends_with(name)).unwrap().split_whitespace().nth(1).unwrap();
        assert_eq!((owner(" deep/file"), owner(" deep/copied"), owner(" etc/new")), ("5/5", "0/0", "1000/1001"));
    }
    person.run(["rm", "job"]).ok();
    person.run(["rmi", "made", "box"]).ok();
    assert!(person.stored("containers").is_empty() && person.stored("checkouts").is_empty());
}

#[test]
fn volumes_keep_files_of_all_ids() {
    let Some(person) = Person::with_ranges() else { return };
    person.sh(&["-v", "vol:/home"], "echo kept >/home/ann/file; chown 1000 /home/ann/file; chmod 700 /home/ann").ok();
    assert_eq!(person.sh(&["-v", "vol:/v", "--user", "ann"], "cat /v/ann/file").ok(), "kept\n");
    person.run(["volume", "rm", "vol"]).ok();
    assert!(person.stored("volumes").is_empty());
}

#[test]
fn containers_share_the_namespace_of_their_user() {
    let Some(person) = Person::with_ranges() else { return };
    person.run(["run", "-d", "--name", "one", "box", "sleep", "1000"]).ok();
    let namespace = person.run(["exec", "one", "readlink", "/proc/self/ns/user"]).ok();
    assert_eq!(person.sh(&[], "readlink /proc/self/ns/user").ok(), namespace);
    let entered = person.run(["exec", "--user", "ann", "one", "sh", "-c", "id -u; exit 3"]);
    assert_eq!((entered.code, &*entered.out), (3, "1000\n"));
    assert!(person.run(["top", "one"]).ok().contains("sleep 1000"));
    person.run(["run", "-d", "--name", "two", "--user", "ann", "box", "sleep", "1000"]).ok();
    // One of another id is ended, too.
    person.run(["kill", "two"]).ok();
    person.run(["rm", "-f", "one", "two"]).ok();
    assert!(person.stored("containers").is_empty());
    // What the file names is not believed.
    for garbage in ["1 1\n", "x\n", &format!("{} 1\n", std::process::id())] {
        fs::write(person.path("store/users"), garbage).unwrap();
        assert_eq!(person.sh(&[], "id -u").ok(), "0\n");
    }
}

#[test]
fn a_caller_can_stay_who_they_are() {
    let Some(person) = Person::with_ranges() else { return };
    let (uid, home) = (person.uid, format!("{}:/mnt", person.path("").display()));
    let keep = ["--userns", "keep-id", "-v", &home];
    let script =
        "id -u; touch /mnt/mine; stat -c %u /mnt/mine /etc/passwd /home/ann; touch /etc/x 2>/dev/null || echo refused";
    assert_eq!(person.sh(&keep, script).ok(), format!("{uid}\n{uid}\n0\n1000\nrefused\n"));
    assert_eq!(fs::metadata(person.path("mine")).unwrap().uid(), uid);
    // Owners are the container's wherever they are seen, and so the next image's.
    let script = format!("touch /one /two /three; chown 1000:1001 /two; chown {uid}:{uid} /three");
    let job = ["run", "--name", "job", "--userns", "keep-id", "-u", "0", "box", "sh", "-ec", &script];
    person.run(job).ok();
    assert_eq!(person.run(["diff", "job"]).ok(), "A /one\nA /three\nA /two\n");
    person.run(["commit", "job", "made"]).ok();
    let listed = person.run(["run", "--rm", "made", "stat", "-c", "%u %g", "/one", "/two", "/three"]).ok();
    assert_eq!(listed, format!("0 0\n1000 1001\n{uid} {uid}\n"));
    assert_eq!(person.run(["inspect", "--format", "{{.Config.User}}", "made"]).ok(), "0\n");
}

#[test]
fn a_caller_without_further_ids_can_stay_who_they_are() {
    let Some(person) = Person::stranger() else { return };
    let script = "id; stat -c %u /etc/passwd; touch /etc/new";
    let job = ["run", "-d", "--name", "job", "--userns", "keep-id", "box", "sh", "-c", "touch /etc/new; sleep 1000"];
    assert_eq!(person.sh(&["--userns", "keep-id"], script).ok(), "uid=12345 gid=12345\n12345\n");
    person.run(job).ok();
    assert_eq!(person.run(["exec", "job", "id"]).ok(), "uid=12345 gid=12345\n");
    person.run(["stop", "-t", "0", "job"]).ok();
    person.run(["commit", "job", "made"]).ok();
    // Who called is no part of the image.
    assert_eq!(person.run(["run", "--rm", "made", "id", "-u"]).ok(), "0\n");
    person.run(["rm", "job"]).ok();
    assert!(person.sh(&["--userns", "auto"], "true").fails(125).contains("--userns auto"));
}

#[test]
fn doctor_tells_how_things_stand() {
    let Some(person) = Person::stranger() else { return };
    let text = person.run(["doctor"]);
    assert!(text.out.contains("ok    user namespaces: this user has one\n"), "{text:?}");
    assert!(text.out.contains("warn  subordinate ids: 1 users and 1 groups in containers"), "{text:?}");
    let json = person.run(["doctor", "--format", "json"]).out;
    let checks: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let status = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap()["status"].clone();
    assert_eq!((status("store"), status("overlayfs")), ("ok".into(), "ok".into()));
    let broken = person.run(["--root", "/proc/nowhere", "doctor"]);
    assert_eq!(broken.code, 1);
    assert!(broken.out.starts_with("fail  store: "), "{broken:?}");
    assert_eq!(person.run(["doctor", "--format", "xml"]).code, 1);
}
