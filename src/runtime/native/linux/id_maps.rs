//! Mappings of ids as user namespaces: those that mounts show other owners by (mount_setattr(2) `MOUNT_ATTR_IDMAP`), and those of
//! namespaces that are there.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::plan::refuse;
use crate::oci::runtime::{IdMapping, Linux, Mount};
use crate::runtime::Result;
use crate::sys::linux::channel::Event;
use crate::sys::linux::clone::{self, Spawn};
use crate::sys::linux::flags;
use crate::sys::linux::id_maps;
use crate::sys::linux::process;
use crate::sys::linux::script::{Script, Step};
use crate::sys::linux::users;

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
    with_process(flags::CLONE_NEWUSER as u64, None, |pid| {
        id_maps::write(pid, users, groups).and_then(|()| process::open_namespace(pid, "user"))
    })
}

/// The users and groups of a user namespace, by its file: as this process sees them. None where it is this process's own.
pub(super) fn of_namespace(path: &str) -> std::io::Result<Option<[Vec<IdMapping>; 2]>> {
    let namespace: OwnedFd = File::open(path)?.into();
    if !process::is_other_namespace(&namespace, "user")? {
        return Ok(None);
    }
    let map_of = |pid: u32, file| {
        let ranges = users::map_of(&pid.to_string(), file).into_iter();
        ranges.map(|(container_id, host_id, size)| IdMapping { container_id, host_id, size }).collect()
    };
    with_process(0, Some(namespace.as_fd()), |pid| Ok(Some([map_of(pid, "uid_map"), map_of(pid, "gid_map")])))
}

/// What `look` finds at a process that waits in these new namespaces, or in these users'.
fn with_process<T>(
    namespaces: u64,
    users: Option<BorrowedFd<'_>>,
    look: impl FnOnce(u32) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let mut script = Script::default();
    script.push(Step::Sync(0), "wait");
    let spawn = Spawn { script: &script, namespaces, cgroup: None, pid_namespace: None, users, before: Vec::new() };
    let (child, channel) = clone::spawn(&spawn)?;
    let found = match channel.next()? {
        Event::Reached(_) => look(child.pid()),
        _ => Err(std::io::Error::other("the process with the mapping has ended")),
    };
    // It waits for a word that never comes, and ends with the channel.
    drop(channel);
    child.wait()?;
    found
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
