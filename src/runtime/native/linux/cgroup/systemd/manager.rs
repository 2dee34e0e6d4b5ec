//! Whose systemd makes a container's scope: the system's for its root, and for everybody else the one of the user.
//!
//! The user's is reached over the bus of their session, also by who is root of a user namespace, as the runtime of a user's Podman
//! is. It makes cgroups below the one that the system's systemd has delegated to it, with the controllers that are there.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::hierarchy::{Hierarchies, below, read_words};
use super::super::limits;
use super::bus;
use crate::sys;

/// What is there exactly while systemd runs the system: sd_booted(3).
const BOOTED: &str = "/run/systemd/system";
const ELSE: &str = "set the client's cgroup manager to cgroupfs";

/// A systemd that makes scopes.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// The address of the bus of a user's session; the system's has none.
    pub(super) bus: Option<String>,
    /// Where its own cgroup is, from the root of the hierarchy; the system's is there.
    pub(super) root: String,
}

impl Manager {
    /// The one that makes scopes for this process. `user_bus` is the address of the bus of the user's session, where there is one.
    pub fn find(user_bus: Option<&str>) -> Result<Manager, String> {
        let Ok(booted) = std::fs::metadata(BOOTED) else {
            return Err(format!(
                "--systemd-cgroup needs systemd, which does not run here ({BOOTED} is missing); {ELSE}"
            ));
        };
        bus::program().map_err(|error| format!("{error}, which --systemd-cgroup needs; {ELSE}"))?;
        // Root of a user namespace is not that of the system, unless the whole system is in it.
        if sys::process::owner().0 == 0 && booted.uid() == 0 {
            return Ok(Manager::default());
        }
        let address = user_bus.ok_or_else(|| {
            format!(
                "--systemd-cgroup of a user needs the bus of the user's session, and neither DBUS_SESSION_BUS_ADDRESS nor a \
                 socket $XDG_RUNTIME_DIR/bus is there; log in anew, or as root `loginctl enable-linger USER`, with \
                 XDG_RUNTIME_DIR=/run/user/UID (Debian's packages: dbus-user-session, libpam-systemd); or {ELSE}"
            )
        })?;
        let root = bus::control_group(Some(address)).map_err(|error| {
            format!("--systemd-cgroup asks the user's systemd at {address}: {error}; see `systemctl --user status`, or {ELSE}")
        })?;
        Ok(Manager { bus: Some(address.to_owned()), root })
    }

    /// The slice of scopes whose client names none.
    pub(super) fn slice(&self) -> &'static str {
        if self.bus.is_some() { "user.slice" } else { "system.slice" }
    }

    /// Refuses limits whose controllers the user's systemd does not have; the system's has all.
    pub(super) fn check(&self, found: &Hierarchies, needed: &[String]) -> Result<(), String> {
        if self.bus.is_none() {
            return Ok(());
        }
        let unified = found.unified.as_ref().filter(|_| found.v1.is_empty());
        let unified = unified.ok_or_else(|| {
            format!("--systemd-cgroup of a user needs cgroup v2 alone; boot with systemd.unified_cgroup_hierarchy=1, or {ELSE}")
        })?;
        let dir = below(&unified.point, &self.root)?;
        check_delegated(&dir, needed)
    }
}

fn check_delegated(dir: &Path, needed: &[String]) -> Result<(), String> {
    let delegated = read_words(&dir.join("cgroup.controllers"));
    let is_missing = |name: &&String| {
        let name = name.strip_prefix("unified:").unwrap_or(name);
        !matches!(name, "devices" | "unified") && !delegated.iter().any(|delegated| delegated == name)
    };
    needed.iter().find(is_missing).map_or(Ok(()), |name| Err(limits::missing(name, dir)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_whose_controllers_are_not_delegated_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        let check = |needed: &[&str]| {
            check_delegated(dir.path(), &needed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        check(&["memory", "pids", "cpu", "devices", "unified", "unified:memory"]).unwrap();
        for (needed, part) in [("cpuset", "the controller cpuset"), ("unified:io", "the controller io")] {
            let error = check(&["memory", needed]).unwrap_err();
            assert!(error.contains(part) && error.contains("Delegate=cpu cpuset io"), "{error}");
        }
    }

    #[test]
    fn without_v2_alone_a_user_has_no_scopes() {
        let manager = Manager { bus: Some("unix:path=/none".to_owned()), root: "/a".to_owned() };
        assert!(manager.check(&Hierarchies::default(), &[]).unwrap_err().contains("cgroup v2 alone"));
        Manager::default().check(&Hierarchies::default(), &["memory".to_owned()]).unwrap();
    }
}
