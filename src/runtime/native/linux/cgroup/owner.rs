//! Whose a container's cgroup is: config-linux.md "Cgroup ownership".

use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::path::Path;

use super::Cgroup;
use super::hierarchy::read_words;
use crate::oci::runtime::{Linux, Mount, Namespace, NamespaceKind, Spec};
use crate::sys;

/// The files of a cgroup whose owner may make cgroups below it and move processes between them.
const DELEGATED: &str = "/sys/kernel/cgroup/delegate";
/// Those of kernels that do not say so.
const ALWAYS_DELEGATED: [&str; 3] = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/// The user of the host that a container's cgroup is given to: its process's, where it has a cgroup namespace of its own and
/// may write to what that shows.
pub(in super::super) fn owner_of(spec: &Spec) -> Option<u32> {
    let linux = spec.linux.as_ref()?;
    let is_new = |namespace: &Namespace| namespace.kind == NamespaceKind::Cgroup && namespace.path.is_empty();
    if !linux.namespaces.iter().any(is_new) || !spec.mounts.iter().any(is_writable) {
        return None;
    }
    host_id(linux, spec.process.as_ref()?.user.uid)
}

fn is_writable(mount: &Mount) -> bool {
    mount.source == "cgroup"
        && Path::new(&mount.destination) == Path::new(super::MOUNTED)
        && !mount.options.iter().any(|option| option == "ro")
}

fn host_id(linux: &Linux, id: u32) -> Option<u32> {
    if linux.uid_mappings.is_empty() {
        return Some(id);
    }
    let found =
        linux.uid_mappings.iter().find(|map| id.checked_sub(map.container_id).is_some_and(|at| at < map.size))?;
    found.host_id.checked_add(id - found.container_id)
}

impl Cgroup {
    /// Gives the one of v2 to its owner, where there is no v1 beside it: whoever had one of that could lift its limits.
    pub(super) fn hand_over(&self) -> Result<(), String> {
        let (Some(owner), Some(dir)) = (self.owner, &self.record.unified) else { return Ok(()) };
        if owner == sys::process::owner().0 || !self.record.v1.is_empty() {
            return Ok(());
        }
        let give = |path: &Path| match chown(path, Some(owner), None) {
            // Not every cgroup has all of them.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            given => given.map_err(|error| format!("cannot give {} to user {owner}: {error}", path.display())),
        };
        give(dir)?;
        let told = read_words(Path::new(DELEGATED));
        let names: Vec<&str> = match told.is_empty() {
            true => ALWAYS_DELEGATED.to_vec(),
            false => told.iter().map(String::as_str).filter(|name| !name.contains('/')).collect(),
        };
        names.iter().try_for_each(|name| give(&dir.join(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(change: impl FnOnce(&mut serde_json::Value)) -> Option<u32> {
        let mut spec = serde_json::json!({
            "process": {"cwd": "/", "args": ["x"], "user": {"uid": 5, "gid": 6}},
            "mounts": [{"destination": "/sys/fs/cgroup/", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "rw"]}],
            "linux": {
                "namespaces": [{"type": "cgroup"}, {"type": "user"}],
                "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}, {"containerID": 1, "hostID": 100_000, "size": 9}],
            },
        });
        change(&mut spec);
        owner_of(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_cgroup_is_the_process_users_who_sees_nothing_else_and_may_write_to_it() {
        assert_eq!(owner(|_| ()), Some(100_004));
        assert_eq!(owner(|spec| spec["process"]["user"]["uid"] = 0.into()), Some(1000));
        assert_eq!(owner(|spec| spec["process"]["user"]["uid"] = 10.into()), None, "nobody is mapped to it");
        assert_eq!(owner(|spec| spec["linux"]["uidMappings"] = serde_json::json!([])), Some(5));
        assert_eq!(owner(|spec| spec["mounts"][0]["options"][1] = "ro".into()), None);
        assert_eq!(owner(|spec| spec["mounts"][0]["source"] = "cgroup2".into()), None);
        assert_eq!(owner(|spec| spec["linux"]["namespaces"][0]["path"] = "/proc/1/ns/cgroup".into()), None);
        assert_eq!(owner(|spec| drop(spec["linux"]["namespaces"].as_array_mut().unwrap().remove(0))), None);
    }
}
