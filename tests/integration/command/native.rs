//! Native containers: real programs (busybox) in images, as root on Linux.

use std::fs;
use std::process::Stdio;

use super::support::native::{run, with_box};
use super::support::wait_for_output;

#[test]
fn a_program_runs_in_namespaces_of_its_own() {
    let Some(cowbox) = with_box() else { return };
    assert_eq!(run(&cowbox, &["--hostname", "inside"], "hostname; echo $$; pwd").ok(), "inside\n1\n/\n");
    let user = run(&cowbox, &["-u", "ann", "-w", "/work/deep"], "id; pwd").ok();
    assert_eq!(user, "uid=1000(ann) gid=1001 groups=50(staff),1001\n/work/deep\n");
    cowbox.is_clean();
}

#[test]
fn a_network_of_its_own_has_a_loopback_interface_that_is_up_and_nothing_else() {
    let Some(cowbox) = with_box() else { return };
    // IFF_UP and IFF_LOOPBACK of linux/if.h.
    let script = "ls /sys/class/net; cat /sys/class/net/lo/flags";
    for options in [&[] as &[&str], &["--network", "none"]] {
        assert_eq!(run(&cowbox, options, script).ok(), "lo\n0x9\n");
    }
}

#[test]
fn exit_codes_are_dockers() {
    let Some(cowbox) = with_box() else { return };
    assert_eq!(run(&cowbox, &[], "exit 7").code, 7);
    assert_eq!(run(&cowbox, &["--init"], "kill -9 $$").code, 137);
    assert!(cowbox.run(["run", "--rm", "box", "nosuch"]).fails(127).contains("executable file not found in $PATH"));
    cowbox.run(["run", "--rm", "box", "/etc/passwd"]).fails(126);
    cowbox.run(["run", "--rm", "box", "/etc"]).fails(126);
    cowbox.run(["run", "--rm", "--user", "nobody-knows", "box", "true"]).fails(125);
}

#[test]
fn changes_stay_in_the_container_and_are_there_again() {
    let Some(cowbox) = with_box() else { return };
    let script = "grep -c x /etc/passwd; echo x >> /etc/passwd; echo mine > /file";
    assert_eq!(cowbox.run(["run", "--name", "job", "box", "sh", "-c", script]).ok(), "2\n");
    assert_eq!(cowbox.run(["start", "-a", "job"]).ok(), "3\n");
    assert_eq!(run(&cowbox, &[], "cat /file").code, 1);
    cowbox.run(["rm", "job"]).ok();
    cowbox.is_clean();
}

#[test]
fn mounts_are_where_and_what_was_asked_for() {
    let Some(cowbox) = with_box() else { return };
    let shared = cowbox.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("given"), "from the host\n").unwrap();
    let bind = format!("{}:/mnt:ro", shared.display());
    let script =
        "cat /mnt/given; touch /mnt/no || echo refused; echo kept > /data/file; touch /scratch/yes /no || echo refused";
    let options = ["-v", &bind, "-v", "vol:/data", "--tmpfs", "/scratch", "--read-only"];
    assert_eq!(run(&cowbox, &options, script).ok(), "from the host\nrefused\nrefused\n");
    assert_eq!(run(&cowbox, &["-v", "vol:/other"], "cat /other/file").ok(), "kept\n");
}

#[test]
fn rights_are_dockers_default_and_can_be_changed() {
    let Some(cowbox) = with_box() else { return };
    let status = "grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status";
    assert_eq!(run(&cowbox, &[], status).ok(), "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n");
    let options = ["--cap-drop", "all", "--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"];
    assert_eq!(run(&cowbox, &options, status).ok(), "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n");
    let mount = "mount -t tmpfs none /dev/shm";
    assert_ne!(run(&cowbox, &[], mount).code, 0);
    assert_eq!(run(&cowbox, &["--privileged"], mount).code, 0);
    cowbox.run(["run", "--rm", "--cap-add", "nonsense", "box", "true"]).fails(125);
}

#[test]
fn the_hosts_own_program_cannot_be_run() {
    let Some(cowbox) = with_box() else { return };
    cowbox.run(["run", "--rm", "box", "/proc/self/exe", "version"]).fails(126);
    cowbox.run(["run", "--rm", "box", "runtime", "version"]).fails(126);
    assert_ne!(run(&cowbox, &["-w", "/proc/self/fd/10"], "true").code, 0);
    assert_eq!(run(&cowbox, &[], "cat /proc/kcore /proc/keys | grep -c .").out, "0\n");
}

#[test]
fn what_cannot_be_kept_is_refused_by_its_name() {
    let Some(cowbox) = with_box() else { return };
    for (options, word) in [
        (&["--disk", "10m"][..], "--disk"),
        (&["--publish", "80:80"], "--publish"),
        (&["--network", "bridge"], "--network bridge"),
        (&["--sysctl", "vm.swappiness=1"], "vm.swappiness"),
        (&["--security-opt", "label=type:x"], "label=type:x"),
        (&["--ulimit", "colour=1"], "colour"),
    ] {
        let error = run(&cowbox, options, "true").fails(125);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn processes_enter_a_container_that_runs_and_end_with_it() {
    let Some(cowbox) = with_box() else { return };
    let mut command = cowbox.command(["run", "--name", "long", "box", "sh", "-c", "echo up; exec sleep 1000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_for_output(&mut child, "up\n");
    let entered = cowbox.run(["exec", "-e", "A=b", "-u", "ann", "long", "sh", "-c", "echo $A; id; exit 3"]);
    assert_eq!((entered.code, &*entered.out), (3, "b\nuid=1000(ann) gid=1001 groups=50(staff),1001\n"));
    cowbox.run(["exec", "long", "nosuch"]).fails(127);
    for options in [["-u", "nosuch"], ["-w", "/nosuch"]] {
        cowbox.run([&["exec"], &options[..], &["long", "true"]].concat()).fails(126);
    }
    for (stream, out, err) in [("stdout", "out\n", ""), ("stderr", "", "err\n")] {
        let script = "echo out; echo err >&2";
        let shown = cowbox.run(["run", "--rm", "-a", stream, "box", "sh", "-c", script]);
        assert_eq!((shown.out.as_str(), shown.err.as_str()), (out, err));
    }
    cowbox.run(["rm", "long"]).fails(1);
    // What runs the container is killed: the container goes with it.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(cowbox.run(["ps", "-a"]).ok().contains("Exited (137)"));
    cowbox.run(["exec", "long", "true"]).fails(1);
    cowbox.run(["rm", "long"]).ok();
}

#[test]
fn containers_of_one_image_share_its_file_system() {
    let Some(cowbox) = with_box() else { return };
    let mut command = cowbox.command(["run", "--rm", "--name", "first", "box", "sh", "-c", "echo up; exec sleep 1000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_for_output(&mut child, "up\n");
    let folder = cowbox.root().join("mounts");
    let told = || fs::read_to_string(fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path()).unwrap();
    let device = || told().split(' ').next_back().unwrap().to_owned();
    let before = device();
    run(&cowbox, &[], "true").ok();
    assert_eq!(device(), before, "both have one file system");
    // Nothing that is written there is believed.
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    for garbage in ["", "1 2 3 4", "x", "99999999999999999999 1 1 1", &format!("{} 1 0 0", std::process::id())] {
        fs::write(&file, garbage).unwrap();
        run(&cowbox, &[], "true").ok();
    }
    // Killed by cowbox, nothing of it stays.
    cowbox.run(["kill", "first"]).ok();
    child.wait().unwrap();
}

#[test]
fn an_image_for_another_machine_says_so() {
    let Some(cowbox) = with_box() else { return };
    let folder = cowbox.path("box");
    let other = if std::env::consts::ARCH == "aarch64" { "amd64" } else { "arm64" };
    cowbox.run(["import", "--platform", &format!("linux/{other}"), folder.to_str().unwrap(), "other"]).ok();
    assert!(cowbox.run(["run", "--rm", "other", "true"]).fails(126).contains("this host is linux/"));
}

#[test]
fn ways_out_of_containers_are_closed() {
    let Some(cowbox) = with_box() else { return };
    // Programs of the host that a cgroup would run.
    let release = "find /sys/fs/cgroup -name release_agent -o -name notify_on_release | while read -r file; do
        echo 1 2>/dev/null > \"$file\" && echo \"$file\"; done; echo done";
    assert_eq!(run(&cowbox, &[], release).ok(), "done\n");
    // The host's disk, by a node that the container makes.
    let partitions = fs::read_to_string("/proc/partitions").unwrap();
    let disk = partitions.lines().nth(2).map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    if let Some(numbers) = disk {
        let script = format!("mknod /disk b {} && head -c 1 /disk | wc -c", numbers.join(" "));
        let ended = run(&cowbox, &[], &script);
        assert_eq!(ended.out, "0\n", "{ended:?}");
    }
    // What the kernel would run on the host's side, or tell of it.
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe"] {
        assert_eq!(run(&cowbox, &[], &format!("echo x 2>/dev/null > {path} || echo refused")).ok(), "refused\n");
    }
    let masked =
        "mount -t proc proc /tmp 2>/dev/null; umount /proc/kcore 2>/dev/null; cat /proc/kcore /proc/keys | wc -c";
    assert_eq!(run(&cowbox, &[], masked).out, "0\n");
    // Descriptors and variables of cowbox itself.
    let mut command =
        cowbox.command(["run", "--rm", "box", "sh", "-c", "ls /proc/self/fd | wc -l; env | grep -c SECRET"]);
    let output = command.env("SECRET", "x").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "4\n0\n", "0 to 2, and the directory that is listed");
}

#[test]
fn users_of_a_hostile_image_are_ids_or_errors() {
    let Some(cowbox) = with_box() else { return };
    let lines = "big:x:4294967295:0::/:\nlow:x:-1:0::/:\nwide:x:99999999999:0::/:\ngroup:x:7:4294967295::/:\n\0\u{fffd}:::::::\n";
    let passwd = cowbox.path("passwd");
    fs::write(&passwd, format!("{lines}{}", "x".repeat(2 << 20))).unwrap();
    let fill = "cat > /etc/passwd; rm /etc/group; mknod /etc/group p";
    let ended = cowbox.run_with(["run", "-i", "--name", "job", "box", "sh", "-c", fill], &fs::read(&passwd).unwrap());
    ended.ok();
    cowbox.run(["commit", "job", "hostile"]).ok();
    for user in ["big", "low", "wide", "4294967295", "2147483648"] {
        let error = cowbox.run(["run", "--rm", "-u", user, "hostile", "id", "-u"]).fails(125);
        assert!(error.contains(&format!("unable to find user {user}")), "{error}");
    }
    // The group's file is a pipe, which `id` would wait for.
    let ids = |user: &str| {
        cowbox.run(["run", "--rm", "-u", user, "hostile", "grep", "-E", "^[UG]id", "/proc/self/status"]).ok()
    };
    assert_eq!(ids("group"), "Uid:\t7\t7\t7\t7\nGid:\t0\t0\t0\t0\n");
    assert!(ids("2147483647").starts_with("Uid:\t2147483647\t"));
}

#[test]
fn a_container_without_room_or_processes_says_so_and_leaves_nothing() {
    let Some(cowbox) = with_box() else { return };
    let full = run(&cowbox, &["--tmpfs", "/small:size=64k"], "head -c 1000000 /dev/zero > /small/file; echo $?");
    assert!(!full.err.is_empty(), "{full:?}");
    assert_eq!(full.out, "1\n");
    let script = "ulimit -u 1 2>/dev/null; sleep 0 & sleep 0 & sleep 0; wait; echo done";
    let ended = run(&cowbox, &["--ulimit", "nproc=1", "-u", "ann"], script);
    assert!(ended.err.contains("can't fork"), "{ended:?}");
    cowbox.is_clean();
}
