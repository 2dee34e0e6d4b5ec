//! `cowbox runtime` for other users than root. The tests run as root and act as somebody else.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::support::Ended;
use super::support::bundle::Bundle;
use super::support::person::Person;

/// Somebody whom the system does not know, and who has no other ids.
const STRANGER: u32 = 12345;

/// A bundle of such a user; none where that cannot be, and then it says why.
fn bundle_of_a_stranger() -> Option<Bundle> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can act as somebody else");
        return None;
    }
    Bundle::of_user(STRANGER)
}

/// Puts ids of a user into the container: their own is root's.
fn map_ranges(bundle: &Bundle, person: &Person) {
    let [users, groups] = person.first_sub_ids().map(|first| {
        json!([
            {"containerID": 0, "hostID": person.uid, "size": 1},
            {"containerID": 1, "hostID": first, "size": 1000},
        ])
    });
    bundle.change(|config| {
        config["linux"]["uidMappings"] = users;
        config["linux"]["gidMappings"] = groups;
    });
}

#[test]
fn a_user_without_further_ids_has_containers_in_which_they_are_root() {
    let Some(bundle) = bundle_of_a_stranger() else { return };
    bundle.change(|config| config["process"]["oomScoreAdj"] = json!(-999));
    bundle.script("id; cat /proc/self/uid_map | tr -s ' '; echo x >/dev/null; echo x 2>/dev/null >/proc/sys/kernel/hostname || exit 7");
    let seen = bundle.run("one");
    assert_eq!((seen.code, &*seen.out), (7, "uid=0(root) gid=0(root)\n 0 12345 1\n"), "{seen:?}");
    bundle.is_gone();
}

#[test]
fn a_container_of_a_user_is_created_started_entered_listed_and_deleted() {
    let Some(bundle) = bundle_of_a_stranger() else { return };
    bundle.change(|config| config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "network"})));
    bundle.args(&["sleep", "1000"]);
    bundle.runtime(["create", "one"]).ok();
    assert_eq!(bundle.status("one"), "created");
    bundle.runtime(["start", "one"]).ok();
    let kinds = ["user", "pid", "net", "ipc", "uts", "mnt"];
    let own = kinds.map(|kind| {
        let link = fs::read_link(format!("/proc/{}/ns/{kind}", bundle.pid("one"))).unwrap();
        format!("{}\n", link.display())
    });
    let script =
        "id -u; grep ^Uid: /proc/1/status; for kind in user pid net ipc uts mnt; do readlink /proc/self/ns/$kind; done";
    let entered = bundle.runtime(["exec", "one", "sh", "-c", script]).ok();
    assert_eq!(entered, format!("0\nUid:\t0\t0\t0\t0\n{}", own.concat()));
    assert_eq!(bundle.runtime(["exec", "one", "sh", "-c", "exit 9"]).code, 9);
    bundle.runtime(["exec", "-d", "one", "sleep", "999"]).ok();
    let listed: Vec<u32> = serde_json::from_str(&bundle.runtime(["ps", "-f", "json", "one"]).ok()).unwrap();
    assert_eq!((listed.len(), listed[0]), (2, bundle.pid("one")), "{listed:?}");
    assert!(bundle.runtime(["list"]).ok().contains("#12345"));
    assert!(bundle.runtime(["pause", "one"]).err.contains("container one has no cgroup"));
    bundle.runtime(["kill", "one", "KILL"]).ok();
    bundle.wait("one");
    bundle.runtime(["delete", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn a_container_joins_the_namespaces_of_another_of_its_user() {
    let Some(bundle) = bundle_of_a_stranger() else { return };
    bundle.change(|config| config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "network"})));
    bundle.args(&["sleep", "1000"]);
    bundle.runtime(["run", "-d", "one"]).ok();
    let pid = bundle.pid("one");
    bundle.change(|config| {
        let joined = [("user", "user"), ("pid", "pid"), ("network", "net"), ("ipc", "ipc")];
        let joined = joined.map(|(kind, file)| json!({"type": kind, "path": format!("/proc/{pid}/ns/{file}")}));
        let own = [json!({"type": "mount"}), json!({"type": "uts"})];
        let linux = config["linux"].as_object_mut().unwrap();
        linux.insert("namespaces".into(), joined.into_iter().chain(own).collect());
        linux.remove("uidMappings");
        linux.remove("gidMappings");
    });
    bundle.script("id -u; tr '\\0' ' ' </proc/1/cmdline");
    assert_eq!(bundle.run("two").ok(), "0\nsleep 1000 ");
    bundle.runtime(["delete", "--force", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn what_a_user_may_not_have_is_refused_by_name() {
    let Some(bundle) = bundle_of_a_stranger() else { return };
    // Rules of devices limit nothing that such a container has.
    let none = json!({"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 0}});
    let table = [
        ("resources", none, ""),
        ("resources", json!({"memory": {"limit": 100_000_000}}), "limits of memory"),
        ("resources", json!({"pids": {"limit": 10}}), "a limit of processes"),
        ("cgroupsPath", json!("/nobody/has/this"), "cannot make the cgroup"),
        ("namespaces", json!([{"type": "mount"}, {"type": "pid"}]), "rootless container requires user namespaces"),
    ];
    let config = fs::read(bundle.path("config.json")).unwrap();
    for (member, value, why) in table {
        bundle.change(|config| {
            config["linux"][member] = value;
            if member == "namespaces" {
                let linux = config["linux"].as_object_mut().unwrap();
                linux.remove("uidMappings");
                linux.remove("gidMappings");
                config.as_object_mut().unwrap().remove("hostname");
            }
        });
        let ended = bundle.run("one");
        assert_eq!((ended.code == 0, ended.err.contains(why)), (why.is_empty(), true), "{member}: {ended:?}");
        fs::write(bundle.path("config.json"), &config).unwrap();
    }
    bundle.change(|config| config["process"]["user"] = json!({"uid": 5, "gid": 0}));
    let ended = bundle.runtime(["create", "one"]);
    assert!(ended.code != 0 && ended.err.contains("become user 5:0: they are not mapped"), "{ended:?}");
    bundle.change(|config| config["process"]["user"] = json!({"uid": 0, "gid": 0, "additionalGids": [7]}));
    let ended = bundle.run("one");
    assert!(ended.code != 0 && ended.err.contains("can have no further groups"), "{ended:?}");
    bundle.is_gone();
}

#[test]
fn states_are_in_the_folder_of_the_session() {
    let Some(bundle) = bundle_of_a_stranger() else { return };
    let run = |session: Option<&Path>| {
        let mut command = Command::new(bundle.path("cowbox"));
        command.args(["runtime", "run", "one"]).uid(STRANGER).gid(STRANGER).current_dir(bundle.path(""));
        command.env_remove("XDG_RUNTIME_DIR").envs(session.map(|folder| ("XDG_RUNTIME_DIR", folder)));
        Ended::from(command.output().unwrap())
    };
    run(Some(&bundle.path("session"))).ok();
    assert_eq!(fs::metadata(bundle.path("session/cowbox")).unwrap().uid(), STRANGER);
    let ended = run(None);
    assert!(ended.code == 1 && ended.err.contains("set XDG_RUNTIME_DIR, or give --root"), "{ended:?}");
}

#[test]
fn ids_of_the_users_ranges_are_in_a_container() {
    let Some(person) = Person::with_ranges() else { return };
    let Some(bundle) = Bundle::of_user(person.uid) else { return };
    map_ranges(&bundle, &person);
    bundle.change(|config| {
        config["process"]["user"] = json!({"uid": 5, "gid": 6, "additionalGids": [7]});
        config["process"]["capabilities"] = json!({});
    });
    bundle.args(&["sleep", "1000"]);
    bundle.runtime(["create", "one"]).ok();
    bundle.runtime(["start", "one"]).ok();
    assert_eq!(bundle.runtime(["exec", "-u", "8:9", "one", "id"]).ok(), "uid=8 gid=9 groups=7\n");
    bundle.runtime(["delete", "--force", "one"]).ok();
    bundle.script("id; cat /proc/self/setgroups");
    assert_eq!(bundle.run("two").ok(), "uid=5 gid=6 groups=7\nallow\n");
    bundle.is_gone();
}

#[test]
fn the_callers_groups_are_kept_where_an_annotation_says_so() {
    let Some(person) = Person::with_ranges() else { return };
    let Some(bundle) = Bundle::of_user(person.uid) else { return };
    map_ranges(&bundle, &person);
    bundle.change(|config| config["process"]["user"] = json!({"uid": 5, "gid": 6, "additionalGids": [7]}));
    // A group that only the caller is in, and nobody in the container.
    const OWN: u32 = 23456;
    let file = bundle.root().join("of-the-group");
    fs::write(&file, "seen").unwrap();
    chown(&file, Some(0), Some(OWN)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o040)).unwrap();
    let script = "id -G; cat /of-the-group || true";
    bundle.script(script);
    let run = |args: &[&str]| {
        let (uid, groups) = (person.uid.to_string(), format!("{},{OWN}", person.uid));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &uid, "--regid", &uid, "--groups", &groups]).arg(bundle.path("cowbox"));
        command.args(["runtime", "--root", "states"]).args(args).current_dir(bundle.path(""));
        let (out, err) = (bundle.path("out"), bundle.path("err"));
        command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let code = command.status().unwrap().code().unwrap_or(-1);
        let text = |path| fs::read_to_string(path).unwrap();
        Ended { code, out: text(out), err: text(err) }
    };
    assert_eq!(run(&["run", "one"]).ok(), "6 7\n");
    for (value, seen) in [("1", "6 0 65534\nseen"), ("0", "6 7\n")] {
        bundle.change(|config| config["annotations"] = json!({"run.oci.keep_original_groups": value}));
        bundle.script(script);
        assert_eq!(run(&["run", "one"]).ok(), seen, "{value}");
        bundle.args(&["sleep", "1000"]);
        run(&["run", "-d", "one"]).ok();
        assert_eq!(run(&["exec", "one", "sh", "-c", script]).ok(), seen, "{value}");
        run(&["delete", "--force", "one"]).ok();
    }
    bundle.is_gone();
}
