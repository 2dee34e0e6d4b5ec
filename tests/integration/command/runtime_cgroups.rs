//! Where the processes of `cowbox runtime` are in the tree of cgroups, as root on Linux.
//!
//! What systemd makes of it needs a system that it runs: tests/vm/systemd.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::support::bundle::Bundle;

/// The cgroups of a process, as directories.
fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let place = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let of_v2 = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].into_iter();
        let bases = if controllers.is_empty() { of_v2.map(PathBuf::from).collect() } else { vec![] };
        let of_v1 = PathBuf::from(format!("/sys/fs/cgroup/{}", controllers.trim_start_matches("name=")));
        let base = bases.into_iter().chain([of_v1]).find(|base| base.join("cgroup.procs").exists())?;
        Some(base.join(path.trim_start_matches('/')))
    };
    text.lines().filter_map(place).collect()
}

#[test]
fn further_processes_enter_cgroups_below_the_containers() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.args(&["sleep", "1000"]);
    let path = format!("/cowbox-below-{}", std::process::id());
    bundle.change(|config| config["linux"]["cgroupsPath"] = json!(path));
    bundle.runtime(["run", "--detach", "one"]).ok();
    let own: Vec<PathBuf> =
        cgroups_of(bundle.pid("one")).into_iter().filter(|dir| dir.ends_with(path.trim_start_matches('/'))).collect();
    assert!(!own.is_empty());
    let pid_file = bundle.path("pid");
    let exec = |cgroup: &[&str]| {
        let mut args = vec!["exec", "--detach", "--pid-file", pid_file.to_str().unwrap()];
        args.extend(cgroup.iter().flat_map(|place| ["--cgroup", place]));
        args.extend(["one", "sleep", "1000"]);
        let ended = bundle.runtime(args);
        (ended.code, ended.err)
    };
    let below = |name: &str| -> Vec<PathBuf> {
        let pid = fs::read_to_string(&pid_file).unwrap().parse().unwrap();
        cgroups_of(pid).into_iter().filter(|dir| dir.ends_with(name)).collect()
    };
    let (code, told) = exec(&["sub"]);
    assert!(code == 255 && told.contains("/sub/cgroup.procs: no such file"), "{told}");
    for dir in &own {
        fs::create_dir(dir.join("sub")).unwrap();
        // One of v1 has none at first, and takes no process without.
        for name in ["cpuset.cpus", "cpuset.mems"] {
            let (places, file) = (fs::read_to_string(dir.join(name)), dir.join("sub").join(name));
            if let (Ok(places), true) = (places, file.exists()) {
                fs::write(file, places).unwrap();
            }
        }
    }
    assert_eq!(exec(&["sub"]), (0, String::new()));
    assert_eq!(below("sub"), own.iter().map(|dir| dir.join("sub")).collect::<Vec<_>>());
    assert_eq!(exec(&["/"]).0, 0);
    assert_eq!(below("sub"), [] as [PathBuf; 0]);
    for (path, words) in [
        ("../sub", "../sub is not a sub cgroup path"),
        ("sub/../..", "sub/../.. is not a sub cgroup path"),
        ("nosuch:sub", "unknown controller"),
    ] {
        let (code, told) = exec(&[path]);
        assert!(code == 255 && told.contains(words), "{path}: {told}");
    }
    if let Some(of_pids) = own.iter().find(|dir| dir.starts_with("/sys/fs/cgroup/pids")) {
        assert_eq!(exec(&["pids:sub"]).0, 0);
        assert_eq!(below("sub"), [of_pids.join("sub")]);
    }
    bundle.runtime(["delete", "--force", "one"]).ok();
    assert!(own.iter().all(|dir| !dir.exists()));
    bundle.is_gone();
}

#[test]
fn systemd_is_asked_only_where_it_runs() {
    let Some(bundle) = Bundle::new() else { return };
    let features: Value = serde_json::from_str(&bundle.runtime(["features"]).ok()).unwrap();
    assert_eq!(features["linux"]["cgroup"]["systemd"], json!(true));
    if Path::new("/run/systemd/system").exists() {
        return println!("skipped: systemd runs here; tests/vm/systemd has the checks");
    }
    let refused = bundle.runtime(["--systemd-cgroup", "run", "one"]);
    let words = "--systemd-cgroup needs systemd, which does not run here (/run/systemd/system is missing); set the \
                 client's cgroup manager to cgroupfs";
    assert!(refused.code == 1 && refused.err.contains(words), "{refused:?}");
    bundle.is_gone();
}

/// Whether v2 is all there is, and containers can have a controller. Where not, it says so.
fn has_v2_alone() -> bool {
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let has = controllers.split_whitespace().any(|name| name == "memory");
    if !has {
        println!("skipped: needs cgroup v2 alone, with the controller memory: tests/vm/integration has it");
    }
    has
}

/// Makes the container's cgroups writable in it, or not.
fn show_cgroups(bundle: &Bundle, how: &str) {
    bundle.change(|config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] != "/sys/fs/cgroup");
    });
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", how]);
}

#[test]
fn a_cgroup_with_controllers_below_it_sends_further_processes_to_the_first() {
    let Some(bundle) = Bundle::new() else { return };
    if !has_v2_alone() {
        return;
    }
    show_cgroups(&bundle, "rw");
    bundle.args(&["sleep", "1000"]);
    bundle.runtime(["run", "--detach", "one"]).ok();
    let inside = |script: &str| bundle.runtime(["exec", "one", "sh", "-euc", script]).ok();
    inside("mkdir /sys/fs/cgroup/foo; echo 1 > /sys/fs/cgroup/foo/cgroup.procs");
    assert_eq!(inside("cat /proc/self/cgroup"), "0::/\n", "it can still hold processes");
    inside("cd /sys/fs/cgroup; echo $$ > foo/cgroup.procs; echo +memory > cgroup.subtree_control");
    assert_eq!(inside("cat /proc/self/cgroup"), "0::/foo\n");
    let exec = |cgroup| bundle.runtime(["exec", "--cgroup", cgroup, "one", "cat", "/proc/self/cgroup"]);
    assert_eq!(exec("foo").ok(), "0::/foo\n");
    let refused = exec("/");
    assert!(refused.code == 255 && refused.err.contains("device or resource busy"), "{refused:?}");
    bundle.runtime(["delete", "--force", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn a_cgroup_that_a_container_may_write_to_is_its_users() {
    let Some(bundle) = Bundle::new() else { return };
    if !has_v2_alone() {
        return;
    }
    let path = format!("/cowbox-owned-{}", std::process::id());
    let dir = PathBuf::from(format!("/sys/fs/cgroup{path}"));
    let maps = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}]);
    bundle.change(|config| {
        config["linux"]["cgroupsPath"] = json!(path);
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        config["linux"]["uidMappings"] = maps.clone();
        config["linux"]["gidMappings"] = maps;
    });
    bundle.args(&["sleep", "1000"]);
    let owners = || {
        bundle.runtime(["run", "--detach", "one"]).ok();
        let owner = |name: &str| fs::metadata(dir.join(name)).unwrap().uid();
        ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "memory.max"].map(owner)
    };
    let end = || drop(bundle.runtime(["delete", "--force", "one"]).ok());
    show_cgroups(&bundle, "ro");
    assert_eq!(owners(), [0; 5]);
    end();
    show_cgroups(&bundle, "rw");
    assert_eq!(owners(), [100_000, 100_000, 100_000, 100_000, 0]);
    let script = "cd /sys/fs/cgroup; mkdir a; echo 1 > a/cgroup.procs; echo $$ > a/cgroup.procs; echo +memory > cgroup.subtree_control; stat -c %u .";
    assert_eq!(bundle.runtime(["exec", "one", "sh", "-euc", script]).ok(), "0\n");
    end();
    bundle.change(|config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != "cgroup");
    });
    assert_eq!(owners(), [0; 5], "others could be seen there");
    end();
    bundle.is_gone();
}
