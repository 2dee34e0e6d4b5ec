//! Native containers of root with users of their own (`--userns auto`).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use super::support::native::with_box;
use super::support::{Cowbox, Ended, has_tool, tool};

/// A store with the image `box`, whose containers have ranges of ids. What is left of it in the background goes with the test.
struct Ranges(Cowbox);

impl Ranges {
    /// None where there can be no such containers, and then it says why.
    fn of(lines: &str) -> Option<Ranges> {
        if !has_tool("unshare") || !fs::exists("/etc/subuid").unwrap() || !fs::exists("/etc/subgid").unwrap() {
            println!("skipped: there is no unshare, or no /etc/subuid and /etc/subgid");
            return None;
        }
        let cowbox = with_box()?;
        fs::write(cowbox.path("ids"), lines).unwrap();
        let ranges = Ranges(cowbox);
        let probe = ranges.run(&["run", "--rm", "--userns", "auto:size=1", "box", "true"]);
        if probe.code == 125 && probe.err.contains("Linux 5.19") {
            println!("skipped: {}", probe.err.trim_end());
            return None;
        }
        Some(ranges)
    }

    /// Runs the program where the system has set these ranges aside: it is asked when a container is created.
    fn run(&self, args: &[&str]) -> Ended {
        let script = r#"mount --bind ids /etc/subuid && mount --bind ids /etc/subgid && exec "$0" "$@""#;
        let program = self.0.command(["ignored"]);
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(program.get_program()).args(args);
        command.env("COWBOX_HOME", self.0.root()).env_remove("TZ").current_dir(self.0.path("."));
        Ended::from(command.output().unwrap())
    }

    fn sh(&self, options: &[&str], script: &str) -> Ended {
        self.run(&[&["run", "--rm", "--userns", "auto"], options, &["box", "sh", "-c", script]].concat())
    }

    /// Starts a container in the background.
    fn start(&self, name: &str, options: &[&str]) {
        let sleep = ["box", "sleep", "1000"];
        self.run(&[&["run", "-d", "--name", name, "--userns", "auto"], options, &sleep].concat()).ok();
    }

    fn of_container(&self, name: &str, format: &str) -> String {
        self.0.run(["inspect", "-f", format, name]).ok().trim_end().to_owned()
    }

    fn changes(&self, name: &str) -> PathBuf {
        self.0.root().join("containers").join(self.of_container(name, "{{.Id}}")).join("diff")
    }

    /// All containers are gone, and nothing of them is left.
    fn ends(&self) {
        assert_eq!(self.0.run(["ps", "-aq"]).ok(), "");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.0.root().to_str().unwrap()), "{mounts}");
        self.0.is_clean();
    }
}

impl Drop for Ranges {
    fn drop(&mut self) {
        let left = self.0.run(["ps", "-aq"]).out;
        for id in left.lines() {
            let _ = self.0.run(["rm", "-f", id]);
        }
    }
}

/// The first number of a line of `/proc/PID/status`.
fn status(pid: &str, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn each_container_has_ids_that_no_other_has_and_keeps_them() {
    let Some(ranges) = Ranges::of("root:1:2\ncontainers:300000:200000\n") else { return };
    let seen = ranges.sh(&[], "id -u; tr -s ' ' < /proc/self/uid_map; echo x >> /etc/hosts; stat -c %u / /etc/hosts");
    assert_eq!(seen.ok(), "0\n 0 300000 65536\n0\n0\n");
    ranges.start("one", &[]);
    ranges.start("two", &["-u", "ann"]);
    let uid = |name: &str| status(&ranges.of_container(name, "{{.State.Pid}}"), "Uid:");
    assert_eq!((uid("one"), uid("two")), ("300000".into(), (365_536 + 1000).to_string()));
    assert_eq!(ranges.of_container("two", "{{.HostConfig.UsernsMode}}"), "auto");
    for key in ["UidMap", "GidMap"] {
        let format = format!("{{{{json .HostConfig.IDMappings.{key}}}}}");
        assert_eq!(ranges.of_container("two", &format), r#"["0:365536:65536"]"#);
    }
    // It keeps them where the lower ones are free again, also when it was killed.
    ranges.0.run(["rm", "-f", "one"]).ok();
    tool("kill", ["-9", &ranges.of_container("two", "{{.State.Pid}}")]);
    assert_eq!(ranges.0.run(["wait", "two"]).ok(), "137\n");
    ranges.0.run(["start", "two"]).ok();
    assert_eq!(uid("two"), "366536");
    ranges.start("three", &["--init"]);
    assert_eq!(uid("three"), "300000");
    let error = ranges.run(&["create", "--userns", "auto:size=70000", "box", "true"]).fails(1);
    assert!(error.contains("no 70000 ids"), "{error}");
    let top = ranges.0.run(["top", "three"]).ok();
    assert!(top.lines().skip(1).all(|line| line.starts_with("300000 ")), "{top}");
    ranges.0.run(["rm", "-f", "two", "three"]).ok();
    ranges.ends();
}

#[test]
fn files_are_the_containers_users_for_all_who_look() {
    let Some(ranges) = Ranges::of("containers:300000:200000\n") else { return };
    let script =
        "mkdir -p /home/ann; echo a > /home/ann/f; chown 1000:1001 /home/ann/f; rm /etc/group; chmod 4711 /bin/busybox";
    ranges.run(&["run", "--name", "job", "--userns", "auto", "box", "sh", "-c", script]).ok();
    let diff = "C /bin\nC /bin/busybox\nC /etc\nD /etc/group\nA /home\nA /home/ann\nA /home/ann/f\n";
    assert_eq!(ranges.0.run(["diff", "job"]).ok(), diff);
    let stored = fs::metadata(ranges.changes("job").join("home/ann/f")).unwrap();
    assert_eq!((stored.uid(), stored.gid()), (1000, 1001));
    // While it does not run.
    fs::write(ranges.0.path("new"), "new\n").unwrap();
    ranges.0.run(["cp", "new", "job:/home/ann/new"]).ok();
    ranges.0.run(["commit", "job", "made"]).ok();
    let look = "stat -c '%u %g %a' /home/ann/f /home/ann/new /bin/busybox; test -e /etc/group || echo gone";
    let owners = "1000 1001 644\n0 0 644\n0 0 4711\ngone\n";
    assert_eq!(ranges.0.run(["run", "--rm", "made", "sh", "-c", look]).ok(), owners);
    let other = ["run", "--rm", "--userns", "auto", "made", "sh", "-c", look];
    assert_eq!(ranges.run(&other).ok(), owners);
    // While it runs.
    ranges.start("runs", &[]);
    ranges.0.run(["exec", "runs", "sh", "-c", script]).ok();
    ranges.0.run(["cp", "new", "runs:/home/ann/new"]).ok();
    assert_eq!(ranges.0.run(["exec", "runs", "sh", "-c", look]).ok(), owners);
    // 1000 and 1001 as tar has them.
    assert!(ranges.0.run(["cp", "runs:/home/ann/f", "-"]).ok().contains("0001750\x000001751\x00"));
    ranges.0.run(["export", "-o", "out.tar", "runs"]).ok();
    let tar = tool("tar", ["--numeric-owner", "-tvf", ranges.0.path("out.tar").to_str().unwrap()]);
    assert!(tar.lines().any(|line| line.contains(" 1000/1001 ") && line.ends_with("home/ann/f")), "{tar}");
    ranges.0.run(["rm", "-f", "job", "runs"]).ok();
    ranges.ends();
}

#[test]
fn a_volume_has_the_same_owners_for_all_who_share_it() {
    let Some(ranges) = Ranges::of("containers:300000:200000\n") else { return };
    let plain = |script: &str| ranges.0.run(["run", "--rm", "-v", "vol:/vol", "box", "sh", "-c", script]).ok();
    ranges.start("one", &["-v", "vol:/vol"]);
    ranges.0.run(["exec", "one", "sh", "-c", "touch /vol/one; chown 1000:5 /vol/one"]).ok();
    let mine = ranges.sh(&["-v", "vol:/vol"], "stat -c '%u %g' /vol/one; touch /vol/two; stat -c %u /vol/two");
    assert_eq!(mine.ok(), "1000 5\n0\n");
    assert_eq!(plain("stat -c '%u %g' /vol/*"), "1000 5\n0 0\n");
    fs::write(ranges.0.path("new"), "").unwrap();
    ranges.0.run(["cp", "new", "one:/vol/new"]).ok();
    assert_eq!(plain("stat -c %u /vol/new"), "0\n");
    // A folder of the host is as it is, unless its owners are to be mapped.
    let bound = ranges.0.path("bound");
    fs::create_dir(&bound).unwrap();
    let bind = format!("{}:/bound", bound.display());
    let look = "stat -c %u /bound; touch /bound/x 2>/dev/null || echo refused";
    assert_eq!(ranges.sh(&["-v", &bind], look).ok(), "65534\nrefused\n");
    assert_eq!(ranges.sh(&["-v", &format!("{bind}:idmap")], look).ok(), "0\n");
    assert_eq!(fs::metadata(bound.join("x")).unwrap().uid(), 0);
    ranges.0.run(["rm", "-f", "one"]).ok();
    ranges.ends();
}

#[test]
fn its_root_has_rights_in_the_container_alone() {
    let Some(ranges) = Ranges::of("containers:300000:200000\n") else { return };
    let script = "mknod /d c 1 3 2>/dev/null || echo none; cp /bin/busybox /id; chmod 4755 /id; hostname new; hostname
        echo 7 > /proc/sys/kernel/panic 2>/dev/null || echo refused; cat /proc/sys/net/ipv4/ip_forward";
    let options = ["--cap-add", "SYS_ADMIN", "--sysctl", "net.ipv4.ip_forward=1"];
    assert_eq!(ranges.sh(&options, script).ok(), "none\nnew\nrefused\n1\n");
    // A device that is asked for is there as in any container.
    let devices = ["--device", "/dev/zero:/dev/other"];
    let look = "stat -c '%u %a %t %T' /dev/other; head -c 3 /dev/other | wc -c; echo x > /dev/null";
    assert_eq!(ranges.sh(&devices, look).ok(), "0 666 1 5\n3\n");
    ranges.start("job", &["--read-only", "--tmpfs", "/t"]);
    let script = "id -u; touch /t/x; touch /x 2>/dev/null || echo refused; kill -0 1 && echo may";
    assert_eq!(ranges.0.run(["exec", "job", "sh", "-c", script]).ok(), "0\nrefused\nmay\n");
    assert_eq!(ranges.0.run(["exec", "-u", "ann", "job", "id", "-g"]).ok(), "1001\n");
    let error = ranges.0.run(["exec", "-u", "70000", "job", "id"]).fails(126);
    assert!(error.contains("auto:size=70001"), "{error}");
    assert_eq!(ranges.0.run(["restart", "-t", "0", "job"]).ok(), "job\n");
    ranges.0.run(["rm", "-f", "job"]).ok();
    ranges.ends();
}

#[test]
fn what_cannot_go_with_users_of_its_own_is_refused_by_name() {
    let Some(ranges) = Ranges::of("containers:300000:65536\n") else { return };
    for (options, word) in [
        (&["--privileged"][..], "privileged mode"),
        (&["--pid", "host"], "--pid host"),
        (&["--network", "host"], "--network host"),
        (&["--ipc", "container:other"], "--ipc container:other"),
        (&["--oom-score-adj", "-1"], "--oom-score-adj -1"),
        (&["--user", "65536"], "user 65536"),
    ] {
        let error = ranges.sh(options, "true").fails(125);
        assert!(error.contains(word), "{error}");
    }
    for word in ["auto:size=0", "auto:gidmapping=0:1:2", "nomap", "keep-id"] {
        let error = ranges.run(&["create", "--userns", word, "box", "true"]).fails(1);
        assert!(error.contains(&format!("--userns {word}")), "{error}");
    }
    for word in ["", "host"] {
        let map = ranges.run(&["run", "--rm", "--userns", word, "box", "tail", "-n1", "/proc/self/uid_map"]).ok();
        assert_eq!(map, fs::read_to_string("/proc/self/uid_map").unwrap(), "{word}");
    }
    fs::write(ranges.0.path("ids"), "somebody:1:1\n").unwrap();
    let error = ranges.sh(&[], "true").fails(125);
    assert!(error.contains("containers:2147483647:2147483648"), "{error}");
    ranges.ends();
}
