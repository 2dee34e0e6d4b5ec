//! Mounts that show other owners: mount_setattr(2) `MOUNT_ATTR_IDMAP` takes a user namespace for the mapping.

use std::os::fd::OwnedFd;

use super::plan::refuse;
use crate::oci::runtime::{IdMapping, Linux, Mount};
use crate::runtime::Result;
use crate::sys::linux::channel::Event;
use crate::sys::linux::clone::{self, Spawn};
use crate::sys::linux::flags;
use crate::sys::linux::process;
use crate::sys::linux::script::{Script, Step};

/// A user namespace with the ids that `mount` asks for: its own, or those of the container.
pub(super) fn open(mount: &Mount, linux: &Linux) -> Result<OwnedFd> {
    let (users, groups) = match mount.uid_mappings.is_empty() && mount.gid_mappings.is_empty() {
        true => (&linux.uid_mappings, &linux.gid_mappings),
        false => (&mount.uid_mappings, &mount.gid_mappings),
    };
    let at = |message: String| refuse(format!("mount {}: {message}", mount.destination));
    if users.is_empty() || groups.is_empty() {
        return Err(at("idmap needs uidMappings and gidMappings, of the mount or of the container".into()));
    }
    namespace_of(&ranges(users), &ranges(groups)).map_err(|error| at(format!("map its owners: {error}")))
}

/// Ranges as `(inside, outside, how many)`.
pub(super) fn ranges(maps: &[IdMapping]) -> Vec<(u32, u32, u32)> {
    maps.iter().map(|map| (map.container_id, map.host_id, map.size)).collect()
}

/// A namespace lives as long as its descriptor: the process that it is made with does nothing but wait for its end.
pub(super) fn namespace_of(users: &[(u32, u32, u32)], groups: &[(u32, u32, u32)]) -> std::io::Result<OwnedFd> {
    let mut script = Script::default();
    script.push(Step::Sync(0), "wait");
    let spawn = Spawn {
        script: &script,
        namespaces: flags::CLONE_NEWUSER as u64,
        cgroup: None,
        pid_namespace: None,
        before: Vec::new(),
    };
    let (child, channel) = clone::spawn(&spawn)?;
    let opened = match channel.next()? {
        Event::Reached(_) => {
            clone::write_id_maps(child.pid(), users, groups).and_then(|()| process::open_namespace(child.pid(), "user"))
        }
        _ => Err(std::io::Error::other("the process with the mapping has ended")),
    };
    // It waits for a word that never comes, and ends with the channel.
    drop(channel);
    child.wait()?;
    opened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_macros)]
    fn a_mapping_becomes_a_namespace_and_leaves_no_process() {
        match namespace_of(&[(0, 0, 1)], &[(0, 0, 1)]) {
            Ok(namespace) => drop(namespace),
            Err(error) => println!("skipped: no user namespaces: {error}"),
        }
        let mount = Mount { destination: "/mnt".into(), ..Mount::default() };
        let error = open(&mount, &Linux::default()).unwrap_err();
        assert_eq!(
            error.message,
            "mount /mnt: idmap needs uidMappings and gidMappings, of the mount or of the container"
        );
    }
}
