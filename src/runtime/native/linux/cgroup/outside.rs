//! What is done to the cgroups of a container by whoever has their record.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::plan::refuse;
use super::control;
use super::hierarchy::{Hierarchies, Hierarchy};
use super::{Cgroup, MOUNTED, directory_of, limits, not_delegated, tree};
use crate::oci::runtime::Resources;
use crate::runtime::native::CgroupRecord;
use crate::runtime::{InitProcess, Result};
use crate::sys::linux::process;

/// How often processes are looked for that have begun meanwhile.
const ROUNDS: usize = 100;

/// Makes sure that a container can be paused: where nothing did so yet, an empty cgroup is made for that at `path` (as
/// `linux.cgroupsPath` of a spec). The record that is returned has to be kept before [`pause`] is called.
pub fn pausable(record: Option<CgroupRecord>, path: &str) -> Result<CgroupRecord> {
    let mut cgroup = Cgroup::from_record(&record.unwrap_or_default()).map_err(refuse)?;
    if !cgroup.has_freezer() {
        let found = Hierarchies::read().map_err(refuse)?;
        let freezer = found.v1_of("freezer");
        let freezer = freezer.ok_or_else(|| refuse(limits::missing("freezer", MOUNTED.as_ref())))?;
        make_empty(&mut cgroup, freezer, path, "freezer")?;
    }
    Ok(cgroup.to_record())
}

/// Makes sure that a container can have these limits on v1: where nothing asked for their controllers yet, empty cgroups are made
/// for that at `path` (as `linux.cgroupsPath` of a spec). The record that is returned has to be kept before [`update`] is called.
pub fn limitable(record: Option<CgroupRecord>, path: &str, resources: &Resources) -> Result<CgroupRecord> {
    let mut cgroup = Cgroup::from_record(&record.unwrap_or_default()).map_err(refuse)?;
    let needed = limits::needed(Some(resources)).map_err(refuse)?;
    if needed.iter().any(|name| cgroup.find(name).is_none()) {
        let found = Hierarchies::read().map_err(refuse)?;
        for name in &needed {
            let hierarchy = found.v1_of(limits::v1_name(name)).filter(|_| cgroup.find(name).is_none());
            if let Some(hierarchy) = hierarchy {
                make_empty(&mut cgroup, hierarchy, path, name)?;
            }
        }
    }
    Ok(cgroup.to_record())
}

fn make_empty(cgroup: &mut Cgroup, hierarchy: &Hierarchy, path: &str, controller: &str) -> Result<()> {
    directory_of(hierarchy, path)
        .and_then(|path| cgroup.make_v1(hierarchy, path).map_err(|error| not_delegated(error, &[controller])))
        .map_err(refuse)
}

/// Stops all processes of the container whose first is `init`.
pub fn pause(init: InitProcess, record: &CgroupRecord) -> Result<()> {
    let cgroup = Cgroup::from_record(record).map_err(refuse)?;
    let gathered = cgroup.v1_freezer().map_or(Ok(()), |dir| gather(init.pid, dir));
    gathered.and_then(|()| cgroup.freeze()).map_err(refuse)
}

/// Lets the processes of a container go on.
pub fn unpause(record: &CgroupRecord) -> Result<()> {
    Cgroup::from_record(record).and_then(|cgroup| cgroup.thaw()).map_err(refuse)
}

/// Whether the processes of a container are stopped.
pub fn is_paused(record: &CgroupRecord) -> bool {
    control::is_frozen(record)
}

/// Changes limits of the container whose first process is `init`.
pub fn update(init: InitProcess, record: &CgroupRecord, resources: &Resources) -> Result<()> {
    let cgroup = Cgroup::from_record(record).map_err(refuse)?;
    let mut new = record.v1.iter().map(|place| &place.path).filter(|dir| tree::pids(dir).is_empty());
    new.try_for_each(|dir| gather(init.pid, dir)).map_err(refuse)?;
    cgroup.update(resources).map_err(refuse)
}

/// Removes the cgroups of a container that has ended. Processes that are still in them are ended; that they are gone is no
/// error.
pub fn clean_up(record: &CgroupRecord) -> Result<()> {
    let cgroup = Cgroup::from_record(record).map_err(refuse)?;
    // Mostly nobody is left in it.
    match cgroup.remove_empty() {
        true => Ok(()),
        false => cgroup.kill().and_then(|()| cgroup.remove()).map_err(refuse),
    }
}

/// As [`clean_up`], for the cgroups that are at `path`, as `linux.cgroupsPath` of a spec, if there are any.
pub fn clean_up_at(path: &str) -> Result<()> {
    let found = Cgroup::at(path, None).map_err(refuse)?;
    found.map_or(Ok(()), |cgroup| cgroup.kill().and_then(|()| cgroup.remove())).map_err(refuse)
}

/// Moves the container's processes that are not in a cgroup into it: one that was made later than the container is empty at first.
fn gather(init: u32, dir: &Path) -> std::result::Result<(), String> {
    // One that shares its pid namespace was born in all its cgroups: the others of the namespace are not its own.
    if !process::is_first(init).map_err(|error| format!("process {init} of the container: {error}"))? {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        let inside: BTreeSet<u32> = tree::pids(dir).into_iter().collect();
        let members = process::members(init).map_err(|error| format!("find the container's processes: {error}"))?;
        let outside: Vec<u32> = members.into_iter().filter(|pid| !inside.contains(pid)).collect();
        if outside.is_empty() {
            return Ok(());
        }
        outside.into_iter().try_for_each(|pid| tree::add_if_there(dir, pid))?;
    }
    Err("the container makes processes faster than they can be stopped".to_owned())
}
