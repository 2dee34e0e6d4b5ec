//! What a native container shares with its host and with others, and what it is given of the host.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::support::native::{run, with_box};
use super::support::{Cowbox, has_tool, printing};

/// A container in the background, which goes with the test.
struct Background<'c>(&'c Cowbox, &'static str);

impl<'c> Background<'c> {
    fn start(cowbox: &'c Cowbox, name: &'static str, options: &[&str]) -> Background<'c> {
        cowbox.run([&["run", "-d", "--name", name], options, &["box", "sleep", "1000"]].concat()).ok();
        Background(cowbox, name)
    }

    fn pid(&self) -> String {
        self.0.run(["inspect", "-f", "{{.State.Pid}}", self.1]).ok().trim().to_owned()
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // It is gone, where the test removed it.
        let _ = self.0.run(["rm", "-f", self.1]);
    }
}

fn namespace(process: &str, file: &str) -> String {
    fs::read_link(format!("/proc/{process}/ns/{file}")).unwrap().to_str().unwrap().to_owned() + "\n"
}

#[test]
fn namespaces_are_a_containers_own_or_the_hosts() {
    let Some(cowbox) = with_box() else { return };
    for (flag, file) in
        [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--cgroupns", "cgroup"), ("--network", "net")]
    {
        let script = format!("readlink /proc/self/ns/{file}");
        assert_eq!(run(&cowbox, &[flag, "host"], &script).ok(), namespace("self", file), "{flag}");
        assert_ne!(run(&cowbox, &[], &script).ok(), namespace("self", file), "{flag}");
    }
    let names = run(&cowbox, &["--uts", "host"], "hostname; cat /etc/hostname").ok();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(names, format!("{host}{host}"));
    let name = format!("cowbox-test-{}", std::process::id());
    fs::write(Path::new("/dev/shm").join(&name), "of the host\n").unwrap();
    let seen = run(&cowbox, &["--ipc", "host"], &format!("cat /dev/shm/{name}"));
    fs::remove_file(Path::new("/dev/shm").join(&name)).unwrap();
    assert_eq!(seen.ok(), "of the host\n");
    assert_eq!(run(&cowbox, &["--ipc", "none"], "grep -c /dev/shm /proc/mounts").out, "0\n");
}

#[test]
fn processes_of_a_shared_pid_namespace_are_told_from_others_and_end_with_the_first() {
    let Some(cowbox) = with_box() else { return };
    assert_eq!(run(&cowbox, &["--pid", "host"], "sleep 1000 & echo done").ok(), "done\n");
    let kept = "grep -c ' /proc/sys ' /proc/self/mountinfo";
    assert_eq!(run(&cowbox, &["--pid", "host"], kept).ok(), "1\n");
    let shared = Background::start(&cowbox, "shared", &["--pid", "host", "--init"]);
    let table = cowbox.run(["top", shared.1]).ok();
    assert_eq!(table.lines().count(), 2, "{table}");
    cowbox.run(["pause", shared.1]).ok();
    assert_eq!(cowbox.run(["inspect", "-f", "{{.State.Status}}", shared.1]).ok(), "paused\n");
    cowbox.run(["unpause", shared.1]).ok();
    assert_eq!(cowbox.run(["exec", shared.1, "readlink", "/proc/self/ns/pid"]).ok(), namespace("self", "pid"));
}

#[test]
fn namespaces_of_a_container_that_runs_are_joined() {
    let Some(cowbox) = with_box() else { return };
    let first = Background::start(&cowbox, "first", &["--ipc", "shareable", "--add-host", "db:10.0.0.9"]);
    cowbox.run(["exec", "first", "sh", "-c", "echo shared > /dev/shm/file"]).ok();
    let join = ["--pid", "container:first", "--ipc", "container:first", "--network", "container:first"];
    let script = "cd /proc/self/ns; for file in pid ipc net; do readlink $file; done; cat /dev/shm/file; hostname; grep -c 10.0.0.9 /etc/hosts; ps | grep -c '[s]leep 1000'";
    let pid = first.pid();
    let of_first: String = ["pid", "ipc", "net"].iter().map(|file| namespace(&pid, file)).collect();
    let hostname = cowbox.run(["exec", "first", "hostname"]).ok();
    assert_eq!(run(&cowbox, &join, script).ok(), format!("{of_first}shared\n{hostname}1\n1\n"));
    assert_eq!(run(&cowbox, &join, "test $HOSTNAME = $(hostname) && echo same").ok(), "same\n");
    // One more joins through the one that joined.
    let second = Background::start(&cowbox, "second", &join);
    let chain = ["--network", "container:second", "--ipc", "container:second"];
    assert_eq!(run(&cowbox, &chain, "cat /dev/shm/file; grep -c 10.0.0.9 /etc/hosts").ok(), "shared\n1\n");
    // The kernel ends all of a pid namespace with its first process.
    cowbox.run(["rm", "-f", "first"]).ok();
    assert_eq!(cowbox.run(["wait", second.1]).ok(), "137\n");
    let error = cowbox.run(["start", second.1]).fails(1);
    assert!(error.contains("--pid container:first") && error.contains("no such container"), "{error}");
}

#[test]
fn what_cannot_be_joined_says_so_at_the_start() {
    let Some(cowbox) = with_box() else { return };
    cowbox.run(["create", "--name", "early", "--pid", "container:late", "box", "true"]).ok();
    let error = run(&cowbox, &["--pid", "container:early"], "true").fails(125);
    assert!(error.contains("--pid container:early") && error.contains("not running"), "{error}");
    let _plain = Background::start(&cowbox, "plain", &[]);
    let error = run(&cowbox, &["--ipc", "container:plain"], "true").fails(125);
    assert!(error.contains("not shareable"), "{error}");
    let _host = Background::start(&cowbox, "of-host", &["--network", "host"]);
    let error =
        run(&cowbox, &["--network", "container:of-host", "--sysctl", "net.ipv4.ip_forward=1"], "true").fails(125);
    assert!(error.contains("host's network namespace"), "{error}");
    for (options, word) in [
        (&["--uts", "host", "--hostname", "a"][..], "hostname and the UTS mode"),
        (&["--network", "container:plain", "--hostname", "a"], "hostname and the network mode"),
        (&["--network", "container:plain", "--dns", "1.1.1.1"], "dns and the network mode"),
        (&["--network", "host", "--sysctl", "net.ipv4.ip_forward=1"], "host's network"),
        (&["--pid", "container"], "--pid container"),
        (&["--uts", "container:plain"], "--uts container:plain"),
    ] {
        let error = run(&cowbox, options, "true").fails(125);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_device_is_there_under_its_name_with_its_rights() {
    let Some(cowbox) = with_box() else { return };
    if !Path::new("/dev/loop-control").exists() {
        println!("skipped: there is no /dev/loop-control to be passed on");
        return;
    }
    let script = ": < /dev/mine && echo read; (: > /dev/mine) 2> /dev/null || echo refused; stat -c '%t:%T' /dev/mine";
    let options = ["--device", "/dev/loop-control:/dev/mine:r"];
    assert_eq!(run(&cowbox, &options, script).ok(), "read\nrefused\na:ed\n");
    let options = ["--device", "/dev/loop-control:/dev/mine"];
    assert_eq!(run(&cowbox, &options, ": < /dev/mine; : > /dev/mine; echo both").ok(), "both\n");
    let make = "mknod /mine c 10 237; : < /mine && echo open";
    assert_ne!(run(&cowbox, &[], make).code, 0);
    assert_eq!(run(&cowbox, &["--device-cgroup-rule", "c 10:* r"], make).ok(), "open\n");
    assert_eq!(run(&cowbox, &["--device", "/dev/net:/dev/here"], "ls /dev/here").ok(), "tun\n");
    for (options, word) in [
        (["--device", "/etc"], "not a device node"),
        (["--device", "/dev/nowhere"], "/dev/nowhere"),
        (["--device", "/dev/null:/dev/x:q"], "bad mode specified"),
        (["--device-cgroup-rule", "c 1"], "--device-cgroup-rule"),
    ] {
        let error = run(&cowbox, &options, "true").fails(125);
        assert!(error.contains(word), "{error}");
    }
}

/// Runs a script of the host's shell in a mount namespace of its own, with `$cowbox` and a folder `$x`, on which a file system
/// lies that spreads within that namespace.
fn in_private_mounts(cowbox: &Cowbox, script: &str) -> String {
    let folder = cowbox.path("x");
    fs::create_dir_all(&folder).unwrap();
    let start =
        "mount -t tmpfs none $x && mount --make-shared $x && mkdir $x/sub && mount -t tmpfs none $x/sub || exit 99\n";
    let output = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", &format!("{start}{script}")])
        .env("cowbox", env!("CARGO_BIN_EXE_cowbox"))
        .env("COWBOX_HOME", cowbox.root())
        .env("x", &folder)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn mounts_spread_as_they_were_asked_to() {
    let Some(cowbox) = with_box() else { return };
    if !has_tool("unshare") {
        return;
    }
    let inside = "mkdir -p /mnt/new && mount -t tmpfs none /mnt/new && touch /mnt/new/file";
    for (word, seen) in [("rshared", "file\n"), ("rslave", ""), ("rprivate", "")] {
        let script = format!("$cowbox run --rm --privileged -v $x:/mnt:{word} box sh -c '{inside}'; ls $x/new");
        assert_eq!(in_private_mounts(&cowbox, &script), seen, "{word}");
    }
    let fields =
        "$cowbox run --rm -v $x:/mnt:slave box sh -c 'grep \" /mnt rw\" /proc/self/mountinfo' | grep -c master:";
    assert_eq!(in_private_mounts(&cowbox, fields), "1\n");
    let late = "$cowbox run -d --name late -v $x:/mnt:rslave box sleep 1000 >/dev/null; mkdir $x/late; \
                mount -t tmpfs none $x/late; touch $x/late/file; $cowbox exec late ls /mnt/late; $cowbox rm -f late";
    assert_eq!(in_private_mounts(&cowbox, late), "file\nlate\n");
    let error = in_private_mounts(&cowbox, "mount --make-private $x; $cowbox run --rm -v $x:/mnt:shared box true");
    assert!(error.contains("but it is not a shared mount"), "{error}");
}

#[test]
fn mounts_below_a_bind_are_as_it_is_unless_it_says_otherwise() {
    let Some(cowbox) = with_box() else { return };
    if !has_tool("unshare") {
        return;
    }
    for (option, seen) in [
        ("-v $x:/mnt:ro", "refused\nrefused\n"),
        ("--mount type=bind,src=$x,dst=/mnt,ro,bind-recursive=writable", "refused\nwritten\n"),
        ("--mount type=bind,src=$x,dst=/mnt,bind-recursive=disabled", "written\nwritten\n"),
    ] {
        let script = "for dir in /mnt /mnt/sub; do touch $dir/f 2>/dev/null && echo written || echo refused; done";
        let script = format!("$cowbox run --rm {option} box sh -c '{script}'");
        assert_eq!(in_private_mounts(&cowbox, &script), seen, "{option}");
    }
    let script =
        "touch $x/file; $cowbox run --rm -v '${x}:/mnt:idmap=uids=0-1000-1;gids=0-2000-1' box stat -c %u:%g /mnt/file";
    let script = script.replace("'${x}:", "\"$x\"':");
    let seen = in_private_mounts(&cowbox, &script);
    if seen.contains("Invalid argument") {
        println!("skipped: this kernel's tmpfs maps no owners: {seen}");
    } else {
        assert_eq!(seen, "1000:2000\n");
    }
    let error = run(&cowbox, &["-v", "/tmp:/mnt:idmap"], "true").fails(125);
    assert!(error.contains("idmap needs"), "{error}");
}

#[test]
fn a_tmpfs_has_the_options_that_were_asked_for() {
    let Some(cowbox) = with_box() else { return };
    let script = "stat -c %a:%u /t; cp /bin/busybox /t/echo && /t/echo ran";
    assert_eq!(run(&cowbox, &["--tmpfs", "/t:exec,uid=7,mode=711"], script).ok(), "711:7\nran\n");
    assert_eq!(run(&cowbox, &["--tmpfs", "/t"], script).code, 126);
}

#[test]
fn names_of_hosts_are_found_as_asked() {
    let Some(cowbox) = with_box() else { return };
    let options = ["--dns", "1.1.1.1", "--dns-search", "a.b", "--dns-option", "rotate", "--add-host", "db:10.0.0.9"];
    let files = run(&cowbox, &options, "cat /etc/resolv.conf; grep 10.0.0.9 /etc/hosts").ok();
    assert_eq!(files, "nameserver 1.1.1.1\nsearch a.b\noptions rotate\n10.0.0.9\tdb\n");
    let options = ["--hostname", "me", "--domainname", "home"];
    let names = run(&cowbox, &options, "cat /proc/sys/kernel/domainname; tail -n 1 /etc/hosts").ok();
    assert_eq!(names, "home\n127.0.0.1\tme.home me\n");
    for (options, word) in [
        (["--add-host", "h:host-gateway"], "no gateway"),
        (["--dns", "here"], "--dns here"),
        (["--mac-address", "1:2"], "--mac-address 1:2"),
        (["--ip", "1.1.1.1"], "--ip 1.1.1.1"),
        (["--restart", "always"], "--restart always"),
        (["--health-cmd", "true"], "--health-cmd true"),
        (["--network", "mine"], "--network mine"),
        (["--pull", "always"], "--pull always"),
        (["--log-driver", "syslog"], "--log-driver syslog"),
        (["--log-opt", "tag=a"], "--log-opt tag=a"),
        (["--gpus", "all"], "--gpus all"),
        (["--storage-opt", "size=1g"], "--storage-opt size=1g"),
        (["--kernel-memory", "1g"], "--kernel-memory 1g"),
        (["--isolation", "hyperv"], "--isolation hyperv"),
        (["--blkio-weight-device", "/dev/null:9"], "range of blkio weight"),
        (["--blkio-weight-device", "/dev/null:10"], "/dev/null"),
        (["--blkio-weight-device", "null:10"], "bad format"),
        (["--expose", "80/ip"], "80/ip"),
        (["--expose", "90-80"], "90-80"),
        (["--runtime", "wasm"], "--runtime wasm"),
        (["--runtime", "runc"], "runc"),
    ] {
        let error = run(&cowbox, &options, "true").fails(125);
        assert!(error.contains(word), "{error}");
    }
    let usual = ["--restart", "no", "--runtime", "native", "--pull", "missing", "-q", "--log-driver", "json-file"];
    assert_eq!(run(&cowbox, &usual, "echo yes").ok(), "yes\n");
}

#[test]
fn security_options_are_kept_or_refused() {
    let Some(cowbox) = with_box() else { return };
    let masks = "grep -c ' /proc/sys ' /proc/self/mountinfo";
    assert_eq!(run(&cowbox, &["--security-opt", "label=disable"], masks).out, "1\n");
    assert_eq!(run(&cowbox, &["--security-opt", "systempaths=unconfined"], masks).out, "0\n");
    run(&cowbox, &["--security-opt", "apparmor=unconfined"], "true").ok();
    let error = run(&cowbox, &["--security-opt", "label=type:x"], "true").fails(125);
    assert!(error.contains("label=type:x"), "{error}");
    if fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with(b"Y")) {
        println!("skipped: AppArmor is enabled here");
        return;
    }
    let error = run(&cowbox, &["--security-opt", "apparmor=mine"], "true").fails(125);
    assert!(error.contains("AppArmor is not enabled"), "{error}");
    let caps = "grep CapEff /proc/self/status";
    let all = ["--cap-drop", "ALL", "--cap-add", "CHOWN"];
    assert_eq!(run(&cowbox, &all, caps).ok(), "CapEff:\t0000000000000001\n");
}

#[test]
fn a_process_enters_in_the_background() {
    let Some(cowbox) = with_box() else { return };
    let _long = Background::start(&cowbox, "long", &[]);
    let file = cowbox.path("env");
    fs::write(&file, "# a comment\nA=of the file\nB=1\n").unwrap();
    let file = file.to_str().unwrap();
    let seen = cowbox.run(["exec", "--env-file", file, "-e", "B=2", "long", "sh", "-c", "echo $A $B"]).ok();
    assert_eq!(seen, "of the file 2\n");
    let script = "mkdir /dev/shm/began && exec sleep 1000";
    assert_eq!(cowbox.run(["exec", "-d", "long", "sh", "-c", script]).ok(), "");
    while cowbox.run(["exec", "long", "ls", "/dev/shm"]).ok() != "began\n" {}
    assert_eq!(cowbox.run(["exec", "long", "sh", "-c", "ps | grep -c '[s]leep 1000'"]).ok(), "2\n");
    cowbox.run(["exec", "-d", "long", "nosuch"]).fails(127);
    // With a terminal, which somebody holds.
    let script = "tty >/dev/shm/tty; mv /dev/shm/tty /dev/shm/terminal; exec cat";
    assert_eq!(cowbox.run(["exec", "-d", "-t", "long", "sh", "-c", script]).ok(), "");
    while cowbox.run(["exec", "long", "ls", "/dev/shm"]).ok() != "began\nterminal\n" {}
    assert_eq!(cowbox.run(["exec", "long", "cat", "/dev/shm/terminal"]).ok(), "/dev/pts/0\n");
    while cowbox.run(["exec", "long", "sh", "-c", "ps | grep -c '[c]at$'"]).out != "1\n" {}
    cowbox.run(["exec", "-d", "-t", "long", "nosuch"]).fails(127);
}

#[test]
fn options_are_shown_by_dockers_names() {
    let Some(cowbox) = with_box() else { return };
    let options = [
        "--pid",
        "host",
        "--ipc",
        "shareable",
        "--cap-add",
        "SYS_TIME",
        "--device",
        "/dev/null:/dev/x:r",
        "--dns",
        "1.1.1.1",
        "--security-opt",
        "systempaths=unconfined",
        "--sysctl",
        "net.ipv4.ip_forward=1",
        "--ulimit",
        "core=-1",
        "--shm-size",
        "1m",
        "--init",
        "--add-host",
        "db:1.2.3.4",
        "--group-add",
        "staff",
        "--tmpfs",
        "/t:exec",
        "-v",
        "/tmp:/mnt:ro",
        "--oom-score-adj",
        "5",
        "--domainname",
        "home",
        "--annotation",
        "a=b=c",
        "--expose",
        "80",
        "--expose",
        "8000-8002/udp",
    ];
    cowbox.run([&["create", "--name", "shown"], &options[..], &["box", "true"]].concat()).ok();
    let text = cowbox.run(["inspect", "-f", "{{json .HostConfig}}", "shown"]).ok();
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (name, expected) in [
        ("PidMode", json!("host")),
        ("IpcMode", json!("shareable")),
        ("UTSMode", json!("")),
        ("NetworkMode", json!("none")),
        ("CgroupnsMode", json!("private")),
        ("CapAdd", json!(["SYS_TIME"])),
        ("CapDrop", json!(null)),
        ("Privileged", json!(false)),
        ("Devices", json!([{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}])),
        ("SecurityOpt", json!(["systempaths=unconfined"])),
        ("Sysctls", json!({"net.ipv4.ip_forward": "1"})),
        ("Ulimits", json!([{"Name": "core", "Hard": -1, "Soft": -1}])),
        ("ShmSize", json!(1 << 20)),
        ("Init", json!(true)),
        ("Dns", json!(["1.1.1.1"])),
        ("ExtraHosts", json!(["db:1.2.3.4"])),
        ("GroupAdd", json!(["staff"])),
        ("OomScoreAdj", json!(5)),
        ("Tmpfs", json!({"/t": "exec"})),
        ("Binds", json!(["/tmp:/mnt:ro"])),
        ("MaskedPaths", json!([])),
        ("Annotations", json!({"a": "b=c"})),
    ] {
        assert_eq!(shown[name], expected, "{name}");
    }
    assert_eq!(cowbox.run(["inspect", "-f", "{{.Config.Domainname}}", "shown"]).ok(), "home\n");
    cowbox.run(["commit", "shown", "exposing"]).ok();
    let ports = json!({"80/tcp": {}, "8000/udp": {}, "8001/udp": {}, "8002/udp": {}});
    for name in ["shown", "exposing"] {
        let text = cowbox.run(["inspect", "-f", "{{json .Config.ExposedPorts}}", name]).ok();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), ports, "{name}");
    }
}

/// Writes an archive of one name for two images of the store.
fn archive_of(cowbox: &Cowbox, images: [(&str, &str); 2]) -> String {
    let folder = cowbox.path("archive");
    let mut manifests = Vec::new();
    for (image, platform) in images {
        let file = cowbox.path("image.tar");
        cowbox.run(["save", "-o", file.to_str().unwrap(), image]).ok();
        tar::Archive::new(fs::File::open(&file).unwrap()).unpack(&folder).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
        let mut manifest = index["manifests"][0].clone();
        let (os, architecture) = platform.split_once('/').unwrap();
        manifest["platform"] = json!({ "os": os, "architecture": architecture });
        manifest.as_object_mut().unwrap().remove("annotations");
        manifests.push(manifest);
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests }).to_string();
    let digest = cowbox::oci::Digest::of(index.as_bytes()).to_string();
    fs::write(folder.join("blobs/sha256").join(digest.trim_start_matches("sha256:")), &index).unwrap();
    let entry = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": index.len(),
        "annotations": {"io.containerd.image.name": "docker.io/library/both:1"}});
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::remove_file(folder.join("manifest.json")).ok();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn one_name_has_an_image_for_each_runtime() {
    let Some(cowbox) = with_box() else { return };
    cowbox.program("guest", &printing("wasi\n", 0));
    let native = cowbox.run(["inspect", "-f", "{{.Os}}/{{.Architecture}}", "box"]).ok();
    let native = native.trim();
    let archive = archive_of(&cowbox, [("box", native), ("guest", "wasi/wasm")]);
    cowbox.run(["load", "-i", &archive]).ok();
    // Nobody asked: it is wasm.
    assert_eq!(cowbox.run(["inspect", "-f", "{{.Os}}", "both:1"]).ok(), "wasi\n");
    for (flag, word) in [("--platform", native), ("--runtime", "native")] {
        assert_eq!(cowbox.run(["run", "--rm", flag, word, "both:1", "echo", "native"]).ok(), "native\n");
    }
    for (flag, word) in [("--platform", "wasi/wasm"), ("--runtime", "wasm")] {
        let ended = cowbox.run(["run", "--rm", flag, word, "both:1"]);
        match cfg!(feature = "wasm") {
            true => assert_eq!(ended.ok(), "wasi\n"),
            false => assert!(ended.fails(126).contains("no wasm runtime")),
        }
    }
    let error = cowbox.run(["run", "--rm", "--platform", "linux/s390x", "both:1", "true"]).fails(125);
    assert!(error.contains("linux/s390x was asked for"), "{error}");
    // Another name is one for both, too, and a name goes from both.
    cowbox.run(["tag", "both:1", "other"]).ok();
    cowbox.run(["rmi", "both:1"]).ok();
    assert_eq!(cowbox.run(["run", "--rm", "--platform", native, "other", "echo", "native"]).ok(), "native\n");
    assert!(!cowbox.run(["images"]).ok().contains("both"));
    cowbox.is_clean();
}
