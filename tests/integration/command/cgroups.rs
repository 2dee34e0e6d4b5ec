//! Limits of native containers: cgroups, as root on Linux.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::support::native::{run, with_box};
use super::support::{Cowbox, wait_for_output};

/// What runs a container; it ends with the test.
struct Runner(Child);

impl Drop for Runner {
    fn drop(&mut self) {
        // It has ended, where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A container that sleeps, once it does.
fn sleeping(cowbox: &Cowbox, options: &[&str]) -> Runner {
    let args = [&["run", "--name", "job"], options, &["box", "sh", "-c", "echo up; exec sleep 1000"]].concat();
    let mut runner = Runner(cowbox.command(args).stdout(Stdio::piped()).spawn().unwrap());
    wait_for_output(&mut runner.0, "up\n");
    runner
}

/// The cgroups of the store's one container.
fn cgroups(cowbox: &Cowbox) -> Vec<PathBuf> {
    let id = cowbox.run(["ps", "-aq", "--no-trunc"]).ok();
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
                if entry.file_name().to_str() == Some(id.trim_end()) {
                    found.push(entry.path());
                }
            }
        }
    }
    found
}

/// Whether the controller is one of v1 here; says so where it is not.
fn has_v1(controller: &str) -> bool {
    let is_there = Path::new("/sys/fs/cgroup").join(controller).join("tasks").exists();
    if !is_there {
        println!("skipped: {controller} is no hierarchy of cgroup v1 here");
    }
    is_there
}

#[test]
fn limits_are_those_that_a_container_sees() {
    let Some(cowbox) = with_box() else { return };
    let limits = ["-m", "64m", "--pids-limit", "20", "--cpus", "0.5", "-c", "512", "--cpuset-cpus", "0"];
    if !["memory", "pids", "cpu", "cpuset"].into_iter().all(has_v1) {
        return;
    }
    let script = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes pids/pids.max \
                  cpu/cpu.cfs_quota_us cpu/cpu.shares; grep Cpus_allowed_list /proc/self/status; \
                  grep :memory: /proc/self/cgroup";
    let seen = run(&cowbox, &limits, script).ok();
    let lines: Vec<&str> = seen.lines().collect();
    let expected = ["67108864", "134217728", "20", "50000", "512", "Cpus_allowed_list:\t0"];
    assert_eq!(lines[..6], expected, "{seen}");
    assert!(lines[6].ends_with(":memory:/"), "a cgroup namespace begins in the container's own: {seen}");
}

#[test]
fn an_end_by_lack_of_memory_is_told() {
    let Some(cowbox) = with_box() else { return };
    // tail keeps the last line, which never ends.
    let args = ["run", "--name", "job", "-m", "16m", "--memory-swap", "16m", "box", "tail", "/dev/zero"];
    let ended = cowbox.run(args);
    assert_eq!(ended.code, 137, "{ended:?}");
    let state = cowbox.run(["inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "job"]).ok();
    assert_eq!(state, "true 137\n");
    assert_eq!(cgroups(&cowbox), [] as [PathBuf; 0]);
    // The next run is judged by itself.
    let args = ["run", "--name", "well", "-m", "16m", "box", "sh", "-c", "kill -9 $$"];
    cowbox.run(args);
    assert_eq!(cowbox.run(["inspect", "-f", "{{.State.OOMKilled}}", "well"]).ok(), "false\n");
}

#[test]
fn a_limit_of_processes_holds_for_those_that_enter_too() {
    let Some(cowbox) = with_box() else { return };
    let mut runner = sleeping(&cowbox, &["--pids-limit", "2"]);
    let ended = cowbox.run(["exec", "job", "sh", "-c", "sleep 0 & sleep 0 & wait; true"]);
    assert!(ended.err.contains("can't fork"), "{ended:?}");
    assert_eq!(cowbox.run(["exec", "job", "cat", "/proc/self/cgroup"]).ok(), {
        cowbox.run(["exec", "job", "cat", "/proc/1/cgroup"]).ok()
    });
    // It can be raised while they run, and others be given, also where they need another cgroup.
    cowbox.run(["update", "--pids-limit", "20", "job"]).ok();
    assert_eq!(cowbox.run(["exec", "job", "sh", "-c", "sleep 0 & sleep 0 & wait; echo both"]).ok(), "both\n");
    if has_v1("memory") && has_v1("cpu") {
        cowbox.run(["update", "-m", "64m", "--cpus", "0.5", "job"]).ok();
        let read = |controller: &str, file: &str| {
            // Its first process was moved, and one that enters is beside it.
            let of_processes = cowbox.run(["exec", "job", "cat", "/proc/1/cgroup", "/proc/self/cgroup"]).ok();
            let is_of = |line: &&str| line.split(':').nth(1).unwrap().split(',').any(|name| name == controller);
            let lines: Vec<&str> = of_processes.lines().filter(is_of).collect();
            assert!(lines.len() == 2 && lines[0] == lines[1] && !lines[0].ends_with(":/"), "{of_processes}");
            let found = cgroups(&cowbox).into_iter().map(|folder| folder.join(file)).find(|path| path.exists());
            std::fs::read_to_string(found.unwrap()).unwrap()
        };
        assert_eq!(read("memory", "memory.limit_in_bytes"), "67108864\n");
        assert_eq!(read("cpu", "cpu.cfs_quota_us"), "50000\n");
        let eats = cowbox.run(["exec", "job", "sh", "-c", "tail /dev/zero"]);
        assert_eq!(eats.code, 137, "{eats:?}");
    }
    assert!(cowbox.run(["update", "job"]).fails(1).contains("one or more flags"));
    cowbox.run(["rm", "-f", "job"]).ok();
    runner.0.wait().unwrap();
}

#[test]
fn other_limits_are_kept_for_later_starts() {
    let Some(cowbox) = with_box() else { return };
    let shown = |name: &str| {
        let fields = "{{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}}";
        cowbox.run(["inspect", "-f", fields, name]).ok()
    };
    cowbox
        .run(["create", "--name", "later", "--pids-limit", "5", "--cpuset-cpus", "0", "box", "sh", "-c", "true"])
        .ok();
    // One that does not run, too.
    assert_eq!(cowbox.run(["update", "--cpu-shares", "512", "later"]).ok(), "later\n");
    assert_eq!(shown("later"), "5 512 0\n");
    assert!(cowbox.run(["update", "--cpus", "0.5", "--cpu-quota", "5000", "later"]).fails(1).contains("conflicting"));
    cowbox.run(["update", "--cpus", "0.5", "later"]).ok();
    let error = cowbox.run(["update", "--cpu-quota", "50000", "later"]).fails(1);
    assert!(error.contains("conflicting options: --cpus and --cpu-quota"), "{error}");
    assert_eq!(shown("later"), "5 512 0\n");
    let mut runner = sleeping(&cowbox, &["--pids-limit", "2"]);
    cowbox.run(["update", "--pids-limit", "20", "job"]).ok();
    assert_eq!(shown("job"), "20 0 \n");
    cowbox.run(["stop", "-t", "0", "job"]).ok();
    runner.0.wait().unwrap();
    cowbox.run(["start", "job"]).ok();
    assert_eq!(cowbox.run(["exec", "job", "sh", "-c", "sleep 0 & sleep 0 & wait; echo both"]).ok(), "both\n");
    cowbox.run(["rename", "job", "renamed"]).ok();
    assert_eq!(shown("renamed"), "20 0 \n");
    cowbox.run(["rm", "-f", "renamed"]).ok();
}

#[test]
fn limits_that_cannot_be_kept_are_refused_by_their_names() {
    let Some(cowbox) = with_box() else { return };
    for (options, word) in [
        (&["-m", "1m"][..], "minimum memory limit allowed is 6MB"),
        (&["-m", "64m", "--memory-swap", "32m"], "minimum memoryswap limit"),
        (&["--cpus", "0.5", "--cpu-quota", "5000"], "--cpu-quota"),
        (&["--cpuset-cpus", "5000"], "5000"),
        (&["--cpuset-mems", "x"], "cpuset mems"),
        (&["--memory-swappiness", "101"], "101"),
        (&["--blkio-weight", "5"], "from 10 to 1000"),
        (&["--device-read-bps", "/dev/null:1mb"], "/dev/null is no block device"),
        (&["--device-write-iops", "/dev/sda"], "/dev/sda"),
        (&["--cgroup-parent", "/../x"], "--cgroup-parent"),
    ] {
        let error = run(&cowbox, options, "true").fails(125);
        assert!(error.contains(word), "{error}");
    }
    cowbox.is_clean();
}

#[test]
fn a_controller_that_is_missing_is_named() {
    let Some(cowbox) = with_box() else { return };
    if !has_v1("cpuset") {
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "umount /sys/fs/cgroup/cpuset && exec \"$0\" run --rm --cpuset-cpus 0 box true"]);
    let ended = command.arg(env!("CARGO_BIN_EXE_cowbox")).env("COWBOX_HOME", cowbox.root()).output();
    let Ok(ended) = ended else { return println!("skipped: unshare is not there") };
    let error = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(125), "{error}");
    assert!(error.contains("the controller cpuset is not available") && error.contains("--cpuset-cpus"), "{error}");
}

#[test]
fn with_v2_alone_a_container_is_born_in_its_cgroup() {
    let Some(cowbox) = with_box() else { return };
    let script = "umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 42; \
                  exec \"$0\" run --name job box sh -c 'test -e /sys/fs/cgroup/cgroup.events && echo inside'";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_cowbox")]);
    match command.env("COWBOX_HOME", cowbox.root()).output() {
        Ok(ended) if ended.status.code() != Some(42) => {
            assert_eq!(String::from_utf8_lossy(&ended.stdout), "inside\n", "{ended:?}");
            assert_eq!(cgroups(&cowbox), [] as [PathBuf; 0]);
        }
        _ => println!("skipped: cgroup v2 cannot be mounted, or unshare is not there"),
    }
}

#[test]
fn a_container_uses_the_usual_devices_alone() {
    let Some(cowbox) = with_box() else { return };
    // /dev/null by another name, and the RTC, a device that hosts have.
    let script = "busybox mknod /null c 1 3; echo > /null && echo usual; busybox mknod /kmsg c 1 11; \
                  busybox mknod /other c 10 135; cat /other 2>&1; cat /kmsg 2>&1";
    let ended = run(&cowbox, &["--cap-add", "SYSLOG"], script);
    let refused =
        "cat: can't open '/other': Operation not permitted\ncat: can't open '/kmsg': Operation not permitted\n";
    assert_eq!(ended.out, format!("usual\n{refused}"), "{}", ended.err);
    let script = "busybox mknod /kmsg c 1 11 && busybox head -c 1 /kmsg > /null && echo all";
    assert_eq!(run(&cowbox, &["--privileged"], script).out, "all\n");
}

#[test]
fn a_container_is_paused_with_and_without_a_cgroup() {
    let Some(cowbox) = with_box() else { return };
    for options in [&[][..], &["--pids-limit", "50"]] {
        let mut runner = sleeping(&cowbox, options);
        assert!(cowbox.run(["unpause", "job"]).fails(1).contains("is not paused"));
        assert_eq!(cowbox.run(["pause", "job"]).ok(), "job\n");
        assert!(cowbox.run(["pause", "job"]).fails(1).contains("is already paused"));
        assert!(cowbox.run(["ps"]).ok().contains("(Paused)"));
        assert_eq!(cowbox.run(["ps", "-q", "--filter", "status=paused"]).ok().lines().count(), 1);
        let inspected = cowbox.run(["inspect", "-f", "{{.State.Status}} {{.State.Paused}} {{.State.Running}}", "job"]);
        assert_eq!(inspected.ok(), "paused true true\n");
        assert!(cowbox.run(["exec", "job", "true"]).fails(1).contains("is paused"));
        assert_eq!(cowbox.run(["unpause", "job"]).ok(), "job\n");
        assert_eq!(cowbox.run(["exec", "job", "echo", "goes on"]).ok(), "goes on\n");
        // What is paused can be ended.
        cowbox.run(["pause", "job"]).ok();
        cowbox.run(["kill", "job"]).ok();
        assert_eq!(runner.0.wait().unwrap().code(), Some(137));
        assert_eq!(cgroups(&cowbox), [] as [PathBuf; 0]);
        cowbox.run(["rm", "job"]).ok();
    }
    assert!(cowbox.run(["pause", "job"]).fails(1).contains("no such container"));
}

#[test]
fn what_a_killed_cowbox_leaves_goes_with_its_container() {
    let Some(cowbox) = with_box() else { return };
    for is_paused in [false, true] {
        let mut runner = sleeping(&cowbox, &["-m", "64m"]);
        if is_paused {
            cowbox.run(["pause", "job"]).ok();
        }
        runner.0.kill().unwrap();
        runner.0.wait().unwrap();
        assert!(cowbox.run(["ps", "-a"]).ok().contains("Exited (137)"));
        assert_ne!(cgroups(&cowbox), [] as [PathBuf; 0]);
        // To be started again, its cgroups are made anew.
        let command = cowbox.command(["start", "-a", "job"]).stdout(Stdio::piped()).spawn();
        let mut again = Runner(command.unwrap());
        wait_for_output(&mut again.0, "up\n");
        drop(again);
        let left = cgroups(&cowbox);
        assert_ne!(left, [] as [PathBuf; 0]);
        cowbox.run(["rm", "job"]).ok();
        assert!(left.iter().all(|folder| !folder.exists()), "{left:?}");
    }
}
