//! Which cgroups this system has, and whether they may be used.

use super::hierarchy::{self, Hierarchies};
use super::tree;
use crate::runtime::Check;
use crate::sys::linux::cgroup as system;

/// Whether a controller of v1 is mounted.
pub(in super::super) fn has_v1(controller: &str) -> bool {
    Hierarchies::read().is_ok_and(|found| found.v1_of(controller).is_some())
}

/// How limits stand here.
pub(in super::super) fn check() -> Check {
    const NAME: &str = "cgroups";
    let found = match Hierarchies::read() {
        Ok(found) => found,
        Err(error) => return Check::warn(NAME, error, "mount /proc"),
    };
    let version = match (&found.unified, found.v1.is_empty()) {
        (None, true) => {
            return Check::warn(NAME, "none are mounted: limits are refused", "mount cgroup2 on /sys/fs/cgroup");
        }
        (Some(_), _) if found.is_v2_only() => "v2",
        (Some(_), _) => "v1 and v2",
        (None, false) => "v1",
    };
    let base = found.unified.as_ref().map(tree::own_base);
    let mut controllers =
        base.as_ref().map_or_else(Vec::new, |base| hierarchy::read_words(&base.join("cgroup.controllers")));
    controllers.extend(found.v1.iter().flat_map(|hierarchy| hierarchy.controllers.clone()));
    controllers.retain(|name| !name.contains('='));
    let controllers = controllers.join(" ");
    let is_ours = match &base {
        Some(base) if found.is_v2_only() => system::is_writable(&base.join("cgroup.procs")),
        _ => found.v1.iter().all(|hierarchy| system::is_writable(&hierarchy.own)),
    };
    match is_ours {
        true => Check::ok(NAME, format!("{version}, with {controllers}")),
        false => Check::warn(
            NAME,
            format!("{version}, not delegated to this user: limits are refused"),
            "with v2: `systemd-run --user --scope -p Delegate=yes cowbox ...`, and `systemctl edit user@.service` with Delegate=cpu cpuset io memory pids",
        ),
    }
}
