//! Bind mounts of `cowbox runtime` in containers with users of their own, as root on Linux.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::support::bundle::Bundle;

/// Gives the container users of its own. False where it cannot have them, and then it says why.
fn maps_users(bundle: &Bundle) -> bool {
    let maps = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    bundle.change(|config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
        config["linux"]["uidMappings"] = maps.clone();
        config["linux"]["gidMappings"] = maps;
        config["root"]["readonly"] = json!(false);
    });
    std::os::unix::fs::chown(bundle.root(), Some(100_000), Some(100_000)).unwrap();
    let probe = bundle.run("users");
    if probe.code != 0 {
        println!("skipped: no user namespaces: {}", probe.err.trim_end());
    }
    probe.code == 0
}

#[test]
fn what_only_the_hosts_root_may_enter_is_mounted_for_other_users() {
    let Some(bundle) = Bundle::new() else { return };
    let closed = bundle.path("closed");
    fs::create_dir_all(closed.join("within")).unwrap();
    fs::write(closed.join("within/file"), "content").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    if !maps_users(&bundle) {
        return;
    }
    bundle.mount("/given", "bind", closed.join("within").to_str().unwrap(), &["rbind", "ro"]);
    bundle.script("cat /given/file; echo > /given/file");
    let ended = bundle.run("one");
    assert!(ended.code == 1 && ended.out == "content" && ended.err.contains("Read-only file system"), "{ended:?}");
    bundle.is_gone();
}

#[test]
fn owners_are_mapped_of_what_a_mount_before_brings() {
    for has_users in [false, true] {
        let Some(bundle) = Bundle::new() else { return };
        let given = bundle.path("given");
        fs::create_dir_all(given.join("within")).unwrap();
        fs::write(given.join("within/file"), "").unwrap();
        std::os::unix::fs::chown(given.join("within/file"), Some(7), Some(8)).unwrap();
        fs::create_dir(bundle.root().join("a")).unwrap();
        bundle.change(|config| config["root"]["readonly"] = json!(false));
        if has_users && !maps_users(&bundle) {
            return;
        }
        bundle.mount("/a", "bind", given.to_str().unwrap(), &["bind"]);
        bundle.mount("/b", "bind", bundle.root().join("a/within").to_str().unwrap(), &["bind"]);
        let maps = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
        bundle.change(|config| {
            let mount = config["mounts"].as_array_mut().unwrap().last_mut().unwrap();
            mount["uidMappings"] = maps.clone();
            mount["gidMappings"] = maps;
        });
        bundle.script("stat -c %u:%g /b/file");
        let ended = bundle.run("one");
        if ended.err.contains("map the owners") {
            return println!("skipped: no mapped owners on this file system: {}", ended.err.trim_end());
        }
        assert_eq!(ended.ok(), if has_users { "7:8\n" } else { "100007:100008\n" });
        bundle.is_gone();
    }
}
