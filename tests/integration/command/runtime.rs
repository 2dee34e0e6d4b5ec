//! `cowbox runtime`: containers of bundles, by runc's commands, as root on Linux.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::support::bundle::Bundle;
use super::support::native::received_descriptor;

#[test]
fn a_container_is_created_started_killed_and_deleted() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.script("echo up; exec sleep 1000");
    fs::remove_dir(bundle.path("states")).unwrap();
    let missing = bundle.runtime(["list"]);
    assert!(missing.code == 1 && missing.err.contains("no such file or directory"), "{missing:?}");
    let pid_file = bundle.path("pid");
    let folder = bundle.path("");
    bundle
        .runtime(["create", "--bundle", folder.to_str().unwrap(), "--pid-file", pid_file.to_str().unwrap(), "one"])
        .ok();
    assert_eq!(bundle.status("one"), "created");
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), bundle.pid("one").to_string());
    assert_eq!(bundle.runtime(["create", "one"]).code, 1, "the id is taken");
    bundle.runtime(["start", "one"]).ok();
    assert_eq!(bundle.status("one"), "running");
    assert!(bundle.runtime(["list", "-q"]).ok().contains("one"));
    assert!(bundle.runtime(["ps", "one"]).ok().contains("sleep 1000"));
    let refused = bundle.runtime(["delete", "one"]);
    assert!(refused.err.contains("cannot delete container one that is not stopped: running"), "{refused:?}");
    bundle.runtime(["kill", "one", "KILL"]).ok();
    bundle.wait("one");
    bundle.runtime(["delete", "one"]).ok();
    assert!(bundle.runtime(["state", "one"]).err.contains("container does not exist"));
    bundle.runtime(["create", "--bundle", folder.to_str().unwrap(), "two"]).ok();
    bundle.runtime(["kill", "two", "TERM"]).ok();
    bundle.wait("two");
    bundle.runtime(["delete", "two"]).ok();
    bundle.is_gone();
}

#[test]
fn a_process_that_ends_has_its_code_and_one_that_cannot_start_says_why() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.script("exit 7");
    assert_eq!(bundle.run("a").code, 7);
    bundle.script("kill -9 $$");
    bundle.change(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "pid");
        config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/proc");
        config["linux"]["maskedPaths"] = json!([]);
        config["linux"]["readonlyPaths"] = json!([]);
    });
    assert_eq!(bundle.run("b").code, 137);
    for (program, word) in [("nosuch", "executable file not found in $PATH"), ("/etc", "permission denied")] {
        bundle.args(&[program]);
        let ended = bundle.run("c");
        assert!(ended.code == 1 && ended.err.contains(word), "{ended:?}");
    }
    fs::write(bundle.path("config.json"), "{\"ociVersion\": 1").unwrap();
    assert!(bundle.run("d").err.contains("config.json"));
    bundle.is_gone();
}

#[test]
fn a_program_by_a_relative_path_begins_at_the_working_directory() {
    let Some(bundle) = Bundle::new() else { return };
    let folder = bundle.path("rootfs/work");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("program"), "#!/bin/sh\nexit 6\n").unwrap();
    fs::set_permissions(folder.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    bundle.change(|config| config["process"]["cwd"] = json!("/work"));
    bundle.args(&["./program"]);
    assert_eq!(bundle.run("a").code, 6);
    bundle.change(|config| config["process"]["env"] = json!(["PATH="]));
    bundle.args(&["program"]);
    assert_eq!(bundle.run("b").code, 6);
    bundle.is_gone();
}

#[test]
fn capabilities_that_other_sets_rule_out_are_left_out_with_a_warning() {
    let Some(bundle) = Bundle::new() else { return };
    let given = ["CAP_CHOWN", "CAP_KILL"];
    bundle.script("while read -r name set; do case $name in Cap*) echo $name $set; esac; done < /proc/self/status");
    let sets = |inheritable, permitted, effective, bounding, ambient| {
        let names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        let sets = [inheritable, permitted, effective, bounding, ambient];
        names.iter().zip(sets).map(|(name, set)| format!("{name}: {set:016x}\n")).collect::<String>()
    };
    // None is bounding: the program has none after all.
    bundle.change(|config| {
        config["process"]["capabilities"] =
            json!({"effective": given, "permitted": given, "inheritable": given, "ambient": given});
    });
    let without = bundle.run("a");
    assert_eq!((without.code, without.out.clone()), (0, sets(0, 0, 0, 0, 0)));
    for set in ["inheritable", "ambient"] {
        let warning = format!("ignoring {set} capabilities that the other sets rule out: [CAP_CHOWN CAP_KILL]");
        assert!(without.err.contains(&warning), "{without:?}");
    }
    bundle.change(|config| {
        config["process"]["user"]["uid"] = json!(7);
        config["process"]["capabilities"] = json!({
            "bounding": given, "effective": given, "permitted": ["CAP_KILL"], "inheritable": given, "ambient": given,
        });
    });
    let narrower = bundle.run("b");
    assert_eq!((narrower.code, narrower.out.clone()), (0, sets(0x21, 0x20, 0x20, 0x21, 0x20)));
    for set in ["effective", "ambient"] {
        let warning = format!("ignoring {set} capabilities that the other sets rule out: [CAP_CHOWN]");
        assert!(narrower.err.contains(&warning), "{narrower:?}");
    }
    bundle.is_gone();
}

#[test]
fn a_path_is_masked_once() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.change(|config| config["linux"]["maskedPaths"] = json!(["/proc/keys", "/proc/timer_list", "/proc/keys"]));
    bundle.script("grep -c ' /proc/keys ' /proc/self/mountinfo");
    assert_eq!(bundle.run("one").ok(), "1\n");
    bundle.is_gone();
}

#[test]
fn hooks_run_in_their_order_and_read_the_state() {
    let Some(bundle) = Bundle::new() else { return };
    let log = bundle.path("hooks.log");
    fs::write(&log, "").unwrap();
    let hook = |name: &str| {
        // Those of createContainer begin in the container's root, as with runc and crun.
        let begin = if name == "createContainer" { "ls bin/busybox >/dev/null && " } else { "" };
        let note =
            format!("{begin}echo {name} $(sed 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/') $A >> {}", log.display());
        json!([{"path": "/bin/sh", "args": ["sh", "-c", note], "env": ["PATH=/usr/bin:/bin", "A=b"]}])
    };
    bundle.change(|config| {
        config["hooks"] = json!({
            "prestart": hook("prestart"),
            "createRuntime": hook("createRuntime"),
            "createContainer": hook("createContainer"),
            "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "cat > /hooked; echo $A >> /hooked"], "env": ["A=c"]}],
            "poststart": hook("poststart"),
            "poststop": hook("poststop"),
        });
    });
    bundle.change(|config| config["root"]["readonly"] = json!(false));
    bundle.script("cat /hooked");
    let inside = bundle.run("one").ok();
    assert!(inside.contains("\"status\":\"created\"") && inside.ends_with("c\n"), "{inside}");
    let expected = "prestart creating b\ncreateRuntime creating b\ncreateContainer creating b\npoststart running b\npoststop stopped b\n";
    assert_eq!(fs::read_to_string(&log).unwrap(), expected);
    bundle.change(|config| config["hooks"]["createRuntime"][0]["args"] = json!(["sh", "-c", "echo why >&2; exit 3"]));
    let failed = bundle.run("two");
    assert!(
        failed.code == 1 && failed.err.contains("createRuntime hook #0") && failed.err.contains("why"),
        "{failed:?}"
    );
    // What was begun is undone.
    let undone = "prestart creating b\npoststop stopped b\n";
    assert_eq!(fs::read_to_string(&log).unwrap(), format!("{expected}{undone}"));
    let env = json!([{"path": "/bin/sh", "args": ["sh", "-c", "test \"$OF\" = process && test -n \"$HOME\""]}]);
    bundle.change(|config| {
        config["process"]["env"] = json!(["OF=process", "PATH=/bin"]);
        config["hooks"] = json!({"startContainer": env});
    });
    bundle.args(&["true"]);
    bundle.run("one").ok();
    bundle.change(|config| config["hooks"] = json!({"createContainer": env}));
    let failed = bundle.run("two");
    assert!(failed.err.contains("error running createContainer hook #0: /bin/sh"), "{failed:?}");
    bundle.change(|config| config["hooks"] = json!({"poststart": [{"path": "/bin/false"}]}));
    bundle.args(&["sleep", "1000"]);
    let failed = bundle.runtime(["run", "--detach", "three"]);
    assert!(failed.code == 1 && failed.err.contains("poststart hook #0"), "{failed:?}");
    bundle.is_gone();
}

#[test]
fn further_processes_enter_and_containers_are_paused() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.args(&["sleep", "1000"]);
    bundle.change(|config| config["linux"]["personality"] = json!({"domain": "LINUX32"}));
    let socket = bundle.path("pidfd");
    let listener = UnixListener::bind(&socket).unwrap();
    bundle.runtime(["run", "--detach", "--pidfd-socket", socket.to_str().unwrap(), "one"]).ok();
    let process = received_descriptor(&listener.accept().unwrap().0);
    let facts = fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).unwrap();
    assert!(facts.contains(&format!("Pid:\t{}\n", bundle.pid("one"))), "{facts}");
    let kinds = ["/proc/1/personality", "/proc/self/personality"];
    assert_eq!(bundle.runtime(["exec", "one", "cat", kinds[0], kinds[1]]).ok(), "00000008\n00000008\n");
    assert_eq!(bundle.runtime(["exec", "--tty", "one", "echo", "line"]).ok(), "line\n");
    let entered = bundle.runtime(["exec", "--env", "A=b", "--user", "5:6", "one", "sh", "-c", "echo $A; id; exit 4"]);
    assert_eq!((entered.code, &*entered.out), (4, "b\nuid=5 gid=6\n"));
    assert_eq!(bundle.runtime(["exec", "one", "nosuch"]).code, 255);
    let last = bundle.runtime(["exec", "--env", "A=b", "--env", "A=c", "one", "/bin/env"]).ok();
    assert_eq!(last.matches("A=").collect::<Vec<_>>().len(), 1, "{last}");
    assert!(last.contains("A=c\n"), "{last}");
    let process = bundle.path("process.json");
    fs::write(&process, json!({"args": ["pwd"], "cwd": "/bin", "user": {"uid": 0, "gid": 0}}).to_string()).unwrap();
    assert_eq!(bundle.runtime(["exec", "--process", process.to_str().unwrap(), "one"]).ok(), "/bin\n");
    let paused = bundle.runtime(["pause", "one"]);
    if paused.code == 0 {
        assert_eq!(bundle.status("one"), "paused");
        assert_eq!(bundle.runtime(["exec", "one", "true"]).code, 255);
        bundle.runtime(["resume", "one"]).ok();
        assert_eq!(bundle.status("one"), "running");
        let events: Value = serde_json::from_str(&bundle.runtime(["events", "--stats", "one"]).ok()).unwrap();
        assert_eq!((&events["type"], &events["id"]), (&json!("stats"), &json!("one")));
    } else {
        assert!(paused.err.contains("freezer"), "{paused:?}");
    }
    bundle.runtime(["delete", "--force", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn a_terminals_master_goes_to_the_console_socket() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.change(|config| {
        config["process"]["terminal"] = json!(true);
        config["process"]["consoleSize"] = json!({"height": 12, "width": 34});
    });
    bundle.script("stty size; test -c /dev/console && echo console");
    let socket = bundle.path("console");
    let listener = UnixListener::bind(&socket).unwrap();
    bundle
        .runtime([
            "create",
            "--bundle",
            bundle.path("").to_str().unwrap(),
            "--console-socket",
            socket.to_str().unwrap(),
            "one",
        ])
        .ok();
    let master = received_descriptor(&listener.accept().unwrap().0);
    let held = fs::read_dir(format!("/proc/{}/fd", bundle.pid("one"))).unwrap();
    let held: Vec<PathBuf> = held.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    let callers = [bundle.path("out"), bundle.path("err")];
    assert!(!held.iter().any(|path| callers.contains(path)), "who reads what the caller writes waits: {held:?}");
    bundle.runtime(["start", "one"]).ok();
    let mut shown = String::new();
    let mut bytes = [0; 4096];
    let mut master = File::from(master);
    // Once nobody has the terminal open, reading its master is an error.
    while let Ok(len @ 1..) = master.read(&mut bytes) {
        shown.push_str(str::from_utf8(&bytes[..len]).unwrap());
    }
    assert_eq!(shown, "12 34\r\nconsole\r\n");
    bundle.wait("one");
    bundle.runtime(["delete", "one"]).ok();
}

#[test]
fn without_a_pid_namespace_all_processes_end_by_kill_and_delete() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.change(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "pid");
    });
    bundle.args(&["sleep", "1000"]);
    let other = bundle.path("other");
    let begin = || {
        bundle.runtime(["run", "--detach", "one"]).ok();
        bundle.runtime(["exec", "--detach", "--pid-file", other.to_str().unwrap(), "one", "sleep", "1000"]).ok();
        fs::read_to_string(&other).unwrap().parse::<u32>().unwrap()
    };
    // One that has ended and that nobody has waited for has no command line.
    let has_ended = |pid: u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !line.contains("sleep")
    };
    let pid = begin();
    bundle.runtime(["kill", "one", "KILL"]).ok();
    assert!(has_ended(pid));
    bundle.wait("one");
    bundle.runtime(["delete", "one"]).ok();
    let pid = begin();
    let first = bundle.pid("one");
    Command::new("/bin/kill").args(["-9", &first.to_string()]).status().unwrap();
    bundle.wait("one");
    assert!(!has_ended(pid));
    bundle.runtime(["kill", "one", "KILL"]).ok();
    assert!(has_ended(pid));
    bundle.runtime(["delete", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn namespaces_are_joined_by_their_paths() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.args(&["sleep", "1000"]);
    bundle.runtime(["run", "--detach", "pause"]).ok();
    let pid = bundle.pid("pause");
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap().to_str().unwrap().to_owned();
    let expected = format!("{}\n{}\n{}\n", link("net"), link("ipc"), link("pid"));
    bundle.change(|config| {
        config["linux"]["namespaces"] = json!([
            {"type": "mount"},
            {"type": "network", "path": format!("/proc/{pid}/ns/net")},
            {"type": "ipc", "path": format!("/proc/{pid}/ns/ipc")},
            {"type": "pid", "path": format!("/proc/{pid}/ns/pid")},
            {"type": "uts"},
        ]);
    });
    bundle.script("for name in net ipc pid; do readlink /proc/self/ns/$name; done");
    assert_eq!(bundle.run("app").ok(), expected);
    bundle.runtime(["delete", "--force", "pause"]).ok();
    bundle.is_gone();
}

#[test]
fn users_are_those_of_a_namespace_that_is_joined() {
    let Some(bundle) = Bundle::new() else { return };
    let maps = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    bundle.change(|config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        config["linux"]["uidMappings"] = maps.clone();
        config["linux"]["gidMappings"] = maps.clone();
    });
    bundle.args(&["sleep", "1000"]);
    let pause = bundle.runtime(["run", "--detach", "pause"]);
    if pause.code != 0 {
        return println!("skipped: no user namespaces: {}", pause.err);
    }
    let pid = bundle.pid("pause");
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap().to_str().unwrap().to_owned();
    let path = |name: &str| format!("/proc/{pid}/ns/{name}");
    // As for the containers of a pod: mounts and processes of their own, the rest is the pod's.
    bundle.change(|config| {
        config["linux"]["namespaces"] = json!([
            {"type": "mount"}, {"type": "pid"}, {"type": "cgroup"},
            {"type": "user", "path": path("user")},
            {"type": "network", "path": path("net")},
            {"type": "ipc", "path": path("ipc")},
            {"type": "uts", "path": path("uts")},
        ]);
        config["hostname"] = json!("");
    });
    bundle.script(
        "for name in user net ipc uts; do readlink /proc/self/ns/$name; done; echo $$ $(cat /proc/self/uid_map); \
         stat -c %u:%g /proc/1 /dev/shm; id -u; echo x > /dev/null && mount -t tmpfs none /mnt && echo mounted",
    );
    bundle.change(|config| {
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SYS_ADMIN"));
        }
    });
    fs::create_dir_all(bundle.root().join("mnt")).unwrap();
    let shared = format!("{}\n{}\n{}\n{}\n", link("user"), link("net"), link("ipc"), link("uts"));
    let rest = "1 0 100000 65536\n0:0\n0:0\n0\nmounted\n";
    let first = bundle.run("app");
    assert_eq!(first.ok(), format!("{shared}{rest}"));
    for name in ["uidMappings", "gidMappings"] {
        bundle.change(|config| drop(config["linux"].as_object_mut().unwrap().remove(name)));
    }
    bundle.script("sleep 1000");
    bundle.runtime(["run", "--detach", "app"]).ok();
    let host = fs::metadata(format!("/proc/{}", bundle.pid("app"))).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&host), 100_000, "without mappings they are those of the namespace");
    assert_eq!(bundle.runtime(["exec", "app", "readlink", "/proc/self/ns/user"]).ok(), format!("{}\n", link("user")));
    bundle.runtime(["delete", "--force", "app"]).ok();
    bundle.change(|config| {
        config["linux"]["uidMappings"] = maps.clone();
        config["linux"]["gidMappings"] = json!([{"containerID": 0, "hostID": 7, "size": 1}]);
    });
    let refused = bundle.run("other");
    assert!(refused.code == 1 && refused.err.contains("are others than its own"), "{refused:?}");
    bundle.change(|config| config["linux"]["namespaces"][3]["path"] = json!(path("net")));
    let refused = bundle.run("other");
    assert!(refused.code == 1 && refused.err.contains("the user namespace /proc/"), "{refused:?}");
    bundle.runtime(["delete", "--force", "pause"]).ok();
    bundle.is_gone();
}

#[test]
fn users_clocks_and_owners_are_mapped() {
    let Some(bundle) = Bundle::new() else { return };
    let owned = bundle.path("owned");
    fs::write(&owned, "x").unwrap();
    std::os::unix::fs::chown(&owned, Some(5), Some(6)).unwrap();
    let maps = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    bundle.change(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.push(json!({"type": "user"}));
        namespaces.push(json!({"type": "time"}));
        config["linux"]["uidMappings"] = maps.clone();
        config["linux"]["gidMappings"] = maps.clone();
        config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 100_000_000}});
        config["root"]["readonly"] = json!(false);
    });
    bundle.script("cat /proc/self/uid_map /proc/uptime; id");
    let out = bundle.run("one");
    if out.err.contains("user") && out.code != 0 {
        return println!("skipped: no user namespaces: {}", out.err);
    }
    let out = out.ok();
    let words = out.split_whitespace().collect::<Vec<_>>();
    assert_eq!(words[..3], ["0", "100000", "65536"]);
    assert!(words[3].parse::<f64>().unwrap() > 100_000_000.0, "{out}");
    fs::write(bundle.root().join("mnt"), "").unwrap();
    bundle.mount("/mnt", "bind", owned.to_str().unwrap(), &["bind", "idmap"]);
    bundle.script("stat -c %u:%g /mnt");
    let mapped = bundle.run("two");
    match mapped.code {
        0 => assert_eq!(mapped.out, "5:6\n"),
        _ => println!("skipped: no mapped owners on this file system: {}", mapped.err),
    }
    bundle.is_gone();
}

#[test]
fn only_the_descriptors_that_are_asked_for_are_kept() {
    let Some(bundle) = Bundle::new() else { return };
    bundle
        .script("cat <&3; for fd in 0 1 2 3 4 5 6 7 8 9; do test ! -L /proc/$$/fd/$fd || echo -n \"$fd \"; done; true");
    fs::write(bundle.path("given"), "given\n").unwrap();
    let inner = bundle.command(["run", "--preserve-fds", "1", "one"]);
    let mut command = Command::new("/bin/busybox");
    command.args(["sh", "-c", "exec 3< given 4< given 5< given; exec \"$@\"", "sh"]);
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(bundle.path("")).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "given\n0 1 2 3 ", "{output:?}");
}

#[test]
fn targets_of_mounts_stay_in_the_root() {
    let Some(bundle) = Bundle::new() else { return };
    let outside = bundle.path("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, bundle.root().join("link")).unwrap();
    symlink("/proc/self/root", bundle.root().join("magic")).unwrap();
    bundle.change(|config| config["root"]["readonly"] = json!(false));
    bundle.mount("/link/deep", "tmpfs", "tmpfs", &["size=1m"]);
    bundle.script("true");
    bundle.run("one").ok();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    bundle.mount("/magic/etc", "bind", outside.to_str().unwrap(), &["bind"]);
    // `/proc` is the container's by then: what the link leads to is the root itself, or nothing.
    bundle.run("two");
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(outside.to_str().unwrap()));
    bundle.is_gone();
}

#[test]
fn proc_and_sys_are_where_they_are_looked_for() {
    let Some(bundle) = Bundle::new() else { return };
    let proc = bundle.root().join("proc");
    fs::rename(&proc, bundle.root().join("other")).unwrap();
    symlink("other", &proc).unwrap();
    let refused = bundle.run("one");
    assert!(refused.err.contains("mount proc on /proc: it must be mounted on ordinary directory"), "{refused:?}");
    bundle.is_gone();
}

#[test]
fn mounts_lie_on_each_other_in_their_order() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.change(|config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        let dev = mounts.iter_mut().find(|mount| mount["destination"] == "/dev").unwrap();
        dev["options"].as_array_mut().unwrap().push(json!("ro"));
        config["root"]["readonly"] = json!(false);
    });
    let given = bundle.path("given");
    fs::create_dir_all(given.join("within")).unwrap();
    fs::write(given.join("within/file"), "content").unwrap();
    let root = bundle.root();
    let of_root = |path: &str| root.join(path).to_str().unwrap().to_owned();
    bundle.mount("/a", "bind", given.to_str().unwrap(), &["bind"]);
    // The source is there by the mount before; the destination is written as the host sees it.
    bundle.mount(&of_root("b"), "bind", &of_root("a/within"), &["bind"]);
    bundle.script("cat /b/file; test -c /dev/null && echo > /dev/null && ! echo > /dev/new");
    let ended = bundle.run("one");
    assert!(ended.code == 0 && ended.out == "content" && ended.err.contains("Read-only file system"), "{ended:?}");
    bundle.is_gone();
}

#[test]
fn without_pivot_root_the_root_lies_over_the_hosts_which_has_no_proc() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.change(|config| {
        for set in ["bounding", "permitted", "effective"] {
            config["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_SETFCAP"));
        }
    });
    bundle.script("busybox ls /; busybox unshare -mrpf busybox mount -t proc none /proc; busybox touch /x");
    let ended = bundle.runtime(["run", "--no-pivot", "one"]);
    assert!(ended.code == 1 && ended.out.contains("bin\n") && !ended.out.contains("root"), "{ended:?}");
    assert!(ended.err.contains("mount: permission denied") && ended.err.contains("Read-only file system"), "{ended:?}");
    bundle.is_gone();
}

#[test]
fn without_a_tree_of_its_own_a_container_has_the_hosts_terminals() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.change(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "mount");
        config["process"]["terminal"] = json!(true);
        for key in ["maskedPaths", "readonlyPaths"] {
            config["linux"][key] = json!([]);
        }
        config["mounts"] = json!([]);
        config["root"]["readonly"] = json!(false);
    });
    bundle.script("test -t 0 && echo terminal");
    let socket = bundle.path("console");
    let listener = UnixListener::bind(&socket).unwrap();
    bundle.runtime(["run", "--detach", "--console-socket", socket.to_str().unwrap(), "one"]).ok();
    let mut master = File::from(received_descriptor(&listener.accept().unwrap().0));
    let mut shown = [0; 10];
    master.read_exact(&mut shown).unwrap();
    assert_eq!(str::from_utf8(&shown).unwrap(), "terminal\r\n");
    bundle.wait("one");
    bundle.runtime(["delete", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn a_tmpfs_gets_what_was_there() {
    let Some(bundle) = Bundle::new() else { return };
    fs::create_dir_all(bundle.root().join("var/sub")).unwrap();
    fs::write(bundle.root().join("var/sub/file"), "kept\n").unwrap();
    bundle.mount("/var", "tmpfs", "tmpfs", &["tmpcopyup", "ro"]);
    let closed = fs::Permissions::from_mode(0o710);
    fs::create_dir(bundle.root().join("closed")).unwrap();
    fs::set_permissions(bundle.root().join("closed"), closed).unwrap();
    bundle.mount("/closed", "tmpfs", "tmpfs", &["ro"]);
    bundle.script("cat /var/sub/file; touch /var/no || echo refused; busybox stat -c %a /closed; touch /closed/no || echo refused");
    let ended = bundle.run("one");
    assert_eq!(ended.ok(), "kept\nrefused\n710\nrefused\n");
    assert!(!bundle.root().join("var/no").exists());
}

#[test]
fn errors_are_logged_as_clients_read_them() {
    let Some(bundle) = Bundle::new() else { return };
    let log = bundle.path("log.json");
    let mut command = bundle.command(["--log", log.to_str().unwrap(), "--log-format", "json", "start", "nosuch"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!((&line["level"], &line["msg"]), (&json!("error"), &json!("container does not exist")));
}

#[test]
fn debugging_tells_what_is_done_in_the_log_or_on_standard_error() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.script("echo seen");
    let lines = ["create container one", "child process in init(): process ", "has closed the pipe", "is removed"];
    let ended = bundle.runtime(["--debug", "run", "one"]);
    assert_eq!((ended.code, &*ended.out), (0, "seen\n"), "{ended:?}");
    let is_debug = |line: &str| line.starts_with("time=\"") && line.contains("\" level=debug msg=\"");
    assert!(ended.err.lines().all(is_debug), "{}", ended.err);
    assert!(lines.iter().all(|line| ended.err.contains(line)), "{}", ended.err);
    let log = bundle.path("log");
    let ended = bundle.runtime(["--debug", "--log", log.to_str().unwrap(), "--log-format", "json", "run", "one"]);
    assert_eq!((ended.code, &*ended.out, &*ended.err), (0, "seen\n", ""));
    let text = fs::read_to_string(log).unwrap();
    let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(all.iter().all(|line| line["level"] == "debug"), "{text}");
    assert!(lines.iter().all(|line| text.contains(line)), "{text}");
    bundle.is_gone();
}
