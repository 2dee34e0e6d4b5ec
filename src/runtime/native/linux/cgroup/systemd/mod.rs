//! Cgroups that systemd makes: a transient scope for each container, in a slice.
//!
//! systemd would undo what others do in its tree of cgroups. It is therefore asked for a unit whose cgroup is delegated: it makes
//! the cgroup and moves the first process there, and limits are then written as in any other cgroup. Those that systemd has a
//! property for are given to the unit, too, so that it keeps them when it reads its units anew.

mod annotations;
mod bus;
mod limits;
mod manager;

use std::collections::BTreeMap;
use std::path::Component;
use std::thread;
use std::time::{Duration, Instant};

use super::hierarchy::Hierarchies;
use crate::oci::runtime::Resources;
use crate::runtime::native::CgroupRecord;
use crate::sys::linux::process;
use bus::Property;

pub use annotations::PREFIX;
pub(super) use limits::Cgroups;
pub use manager::Manager;

/// The prefix of those without a `cgroupsPath`.
const NAME: &str = "cowbox";
/// How long a name of a unit may be.
const NAME_MAX: usize = 255;
/// How long systemd may take.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(1);
/// How often a scope is asked for whose name one that has ended still has.
const TRIES: u32 = 100;

/// A transient scope: what a container's `linux.cgroupsPath` of the form `SLICE:PREFIX:NAME` asks for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Whose it is.
    manager: Manager,
    /// The name of the unit.
    unit: String,
    slice: String,
    /// Where its cgroup is, from the root of each hierarchy.
    path: String,
    description: String,
    /// Properties that the container's annotations ask for.
    asked: Vec<Property>,
}

impl Scope {
    /// The scope of the container `id` that `manager` is to make. Nothing is made.
    pub fn new(
        manager: Manager,
        cgroups_path: &str,
        id: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Scope, String> {
        let (slice, prefix, name) = match cgroups_path.split(':').collect::<Vec<_>>()[..] {
            [""] => (manager.slice(), NAME, id),
            ["", prefix, name] => (manager.slice(), prefix, name),
            [slice, prefix, name] => (slice, prefix, name),
            _ => {
                return Err(format!(
                    "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got {cgroups_path:?} instead"
                ));
            }
        };
        if name.ends_with(".slice") {
            return Err(format!("cgroupsPath names the slice {name}: a container is in a scope; name one"));
        }
        let unit = format!("{prefix}-{name}.scope");
        check_unit(&unit)?;
        let mut path = slice_path(slice)?;
        path.push_str(&format!("/{unit}"));
        if let Some(part) = path.split('/').find(|part| is_renamed(part)) {
            return Err(format!("systemd gives the cgroup of {part} another name; choose another cgroupsPath"));
        }
        Ok(Scope {
            unit,
            slice: slice.to_owned(),
            path: format!("{}{path}", manager.root),
            manager,
            description: format!("cowbox container {id}"),
            asked: annotations::properties(annotations)?,
        })
    }

    /// The name of its unit.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The address of the bus on which the user's systemd is asked for it; the system's has none.
    pub fn bus(&self) -> Option<&str> {
        self.manager.bus.as_deref()
    }

    /// Refuses limits that cannot be kept in it.
    pub(super) fn check(&self, found: &Hierarchies, needed: &[String]) -> Result<(), String> {
        self.manager.check(found, needed)
    }

    /// Where its cgroup is, from the root of each hierarchy.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Makes it, with the process `pid` in it, and waits until that is so: `is_in` tells. Its cgroups will be `cgroups`.
    pub(super) fn start(
        &self,
        pid: u32,
        resources: &Resources,
        cgroups: Cgroups<'_>,
        is_in: impl Fn() -> bool,
    ) -> Result<(), String> {
        let started = process::start_of(pid).ok().flatten();
        let mut properties = vec![
            Property::text("Description", &self.description),
            Property::text("Slice", &self.slice),
            Property::numbers("PIDs", &[pid]),
            Property::yes("Delegate", true),
            Property::yes("DefaultDependencies", false),
            // One that fails would otherwise stay, with its name.
            Property::text("CollectMode", "inactive-or-failed"),
        ];
        for what in ["MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"] {
            properties.push(Property::yes(what, true));
        }
        properties.extend(limits::properties(resources, cgroups)?);
        properties.extend(self.asked.iter().cloned());
        self.ask(&properties)?;
        let until = Instant::now() + PATIENCE;
        while !is_in() {
            if process::start_of(pid).ok().flatten() != started {
                return Err(format!("the container's process ended before systemd moved it into {}", self.unit));
            }
            if Instant::now() > until {
                return Err(format!(
                    "systemd did not move process {pid} into {} in {} seconds; see `systemctl {}status {}`",
                    self.path,
                    PATIENCE.as_secs(),
                    if self.bus().is_some() { "--user " } else { "" },
                    self.unit
                ));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn ask(&self, properties: &[Property]) -> Result<(), String> {
        let mut tries = 0;
        loop {
            tries += 1;
            match bus::start_scope(self.bus(), &self.unit, properties) {
                // One that has just ended, or failed, is not forgotten yet.
                Err(error) if tries < TRIES && error.contains("already") => {
                    // It may be forgotten by now.
                    let _ = bus::reset(self.bus(), &self.unit);
                    thread::sleep(PAUSE);
                }
                result => return result.map_err(|error| format!("ask systemd for the scope {}: {error}", self.unit)),
            }
        }
    }
}

/// Gives new limits to the scope of these cgroups, if it is one's.
pub(super) fn update(cgroups: Cgroups<'_>, resources: &Resources) -> Result<(), String> {
    let Some(unit) = &cgroups.record.scope else { return Ok(()) };
    let properties = limits::properties(resources, cgroups)?;
    if properties.is_empty() {
        return Ok(());
    }
    bus::set(cgroups.record.bus.as_deref(), unit, &properties)
        .map_err(|error| format!("give new limits to the scope {unit}: {error}"))
}

/// Ends a scope. One that is gone is no error.
pub(super) fn stop(bus: Option<&str>, unit: &str) -> Result<(), String> {
    match bus::stop(bus, unit) {
        Err(error) if error.contains("not loaded") => Ok(()),
        Err(error) => Err(format!("stop the scope {unit}: {error}")),
        Ok(()) => {
            // It fails where the unit is gone, as it should be.
            let _ = bus::reset(bus, unit);
            Ok(())
        }
    }
}

/// Moves a process into the cgroup of a record, which is a scope's or below it, by asking systemd.
pub(super) fn attach(record: &CgroupRecord, pid: u32) -> Result<(), String> {
    let (Some(unit), Some(dir)) = (&record.scope, &record.unified) else { return Ok(()) };
    let is_behind = |part: &Component<'_>| part.as_os_str() != unit.as_str();
    let below = dir.components().skip_while(is_behind).skip(1);
    let below: String = below.map(|part| format!("/{}", part.as_os_str().to_string_lossy())).collect();
    bus::attach(record.bus.as_deref(), unit, if below.is_empty() { "/" } else { &below }, pid)
        .map_err(|error| format!("ask systemd to move process {pid} into {}: {error}", dir.display()))
}

/// Refuses what is no name of a unit: systemd.unit(5).
pub(super) fn check_unit(name: &str) -> Result<(), String> {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b":_.\\@-".contains(&letter);
    match name.len() <= NAME_MAX && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no name of a unit of systemd: it has letters, digits and `:_.\\@-`, at most {NAME_MAX} of them"
        )),
    }
}

/// The cgroup of a slice: `a-b.slice` is in `a.slice`, and `-.slice` is the root. systemd.slice(5).
fn slice_path(slice: &str) -> Result<String, String> {
    let invalid = || format!("{slice:?} is no name of a slice of systemd, such as `a.slice` or `a-b.slice` in it");
    check_unit(slice)?;
    let name = slice.strip_suffix(".slice").ok_or_else(invalid)?;
    if name == "-" {
        return Ok(String::new());
    }
    let mut path = String::new();
    let mut whole = String::new();
    for part in name.split('-') {
        if part.is_empty() {
            return Err(invalid());
        }
        whole.push_str(part);
        path.push_str(&format!("/{whole}.slice"));
        whole.push('-');
    }
    Ok(path)
}

/// Whether the cgroup of a unit has another name than the unit: systemd puts `_` before those that could be files of cgroups.
fn is_renamed(unit: &str) -> bool {
    const CONTROLLERS: [&str; 12] =
        ["cgroup", "blkio", "cpu", "cpuacct", "cpuset", "devices", "hugetlb", "io", "memory", "misc", "pids", "rdma"];
    let first = unit.split('.').next().unwrap_or_default();
    unit.starts_with(['_', '.']) || CONTROLLERS.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(path: &str) -> Result<Scope, String> {
        Scope::new(Manager::default(), path, "one", &BTreeMap::new())
    }

    #[test]
    fn scopes_of_a_user_are_below_the_users_systemd() {
        let manager =
            || Manager { bus: Some("unix:path=/b".to_owned()), root: "/user.slice/user@7.service".to_owned() };
        let table = [
            ("", "/user.slice/user@7.service/user.slice/cowbox-one.scope"),
            ("user.slice:libpod:x", "/user.slice/user@7.service/user.slice/libpod-x.scope"),
            ("user-pod.slice:libpod:x", "/user.slice/user@7.service/user.slice/user-pod.slice/libpod-x.scope"),
        ];
        for (asked, path) in table {
            let scope = Scope::new(manager(), asked, "one", &BTreeMap::new()).unwrap();
            assert_eq!((scope.path(), scope.bus()), (path, Some("unix:path=/b")), "{asked}");
        }
    }

    #[test]
    fn a_path_with_colons_is_a_scope_in_a_slice() {
        let table = [
            ("", "cowbox-one.scope", "/system.slice/cowbox-one.scope"),
            ("machine.slice:libpod:x", "libpod-x.scope", "/machine.slice/libpod-x.scope"),
            (":cri-containerd:x", "cri-containerd-x.scope", "/system.slice/cri-containerd-x.scope"),
            ("-.slice:a:b", "a-b.scope", "/a-b.scope"),
            (
                "kubepods-burstable-pod1_2.slice:crio:x",
                "crio-x.scope",
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/crio-x.scope",
            ),
        ];
        for (asked, unit, path) in table {
            let scope = scope(asked).unwrap();
            assert_eq!((scope.unit(), scope.path()), (unit, path), "{asked}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_unit_is_refused() {
        let long = format!("a.slice:b:{}", "c".repeat(NAME_MAX));
        for path in [
            "/a/b",
            "a:b",
            "a.slice:b:c:d",
            "a:b:c",
            "../a.slice:b:c",
            "a/b.slice:b:c",
            ".slice:b:c",
            "a--b.slice:b:c",
            "-a.slice:b:c",
            "a-.slice:b:c",
            "a.slice:b:c/d",
            "a.slice:b:c d",
            "a.slice:b:ü",
            "a.slice:b:c\n",
            "a.slice:b:c.slice",
            "memory.slice:b:c",
            "a.slice:_b:c",
            long.as_str(),
        ] {
            assert!(scope(path).is_err(), "{path:?}");
        }
    }
}
