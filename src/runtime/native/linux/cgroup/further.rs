//! The cgroups that further processes of a container go into.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::hierarchy::{self, Hierarchies, PROC_BYTES, read_bounded};
use super::{Cgroup, open_directory};
use crate::runtime::native::{CgroupRecord, V1Cgroup};
use crate::sys::linux::mount_table;

impl Cgroup {
    /// The cgroups below these that a process is put into: each of `asked` is a path for all hierarchies, or one behind the
    /// controllers of v1 whose hierarchy it is for. They must be there.
    pub(in super::super) fn below(&self, asked: &[String]) -> Result<Cgroup, String> {
        let mut record = self.record.clone();
        for text in asked {
            match text.split_once(':') {
                Some((controllers, path)) => {
                    for controller in controllers.split(',') {
                        let has = |place: &V1Cgroup| place.controllers.iter().any(|name| name == controller);
                        let at = self.record.v1.iter().position(has).ok_or_else(|| {
                            format!("--cgroup {text}: unknown controller {controller:?}: the container has no cgroup of it on v1")
                        })?;
                        record.v1[at].path = below_own(&self.record.v1[at].path, path)?;
                    }
                }
                None => {
                    for (place, own) in record.v1.iter_mut().zip(&self.record.v1) {
                        place.path = below_own(&own.path, text)?;
                    }
                    record.unified = self.record.unified.as_deref().map(|own| below_own(own, text)).transpose()?;
                }
            }
        }
        Ok(Cgroup { is_named: true, ..Cgroup::from_record(&record)? })
    }

    /// The cgroup of v2 that process `init` of the container is in now, below the container's own: where others go, too, when
    /// that one can hold none because cgroups below it have controllers. None where the cgroup was named.
    pub(in super::super) fn directory_of_first(&self, init: u32) -> Result<Option<OwnedFd>, String> {
        self.place_of_first(init)?.map(|place| open_directory(&place)).transpose()
    }

    /// As [`Cgroup::add`], for a process of the container whose first one is `init`. Where systemd cannot put it into the one of v2,
    /// it goes where that one is.
    pub(in super::super) fn add_further(&self, pid: u32, init: u32) -> Result<(), String> {
        let Err(error) = self.add(pid) else { return Ok(()) };
        let place = if self.is_far { self.place_of_first(init)? } else { None };
        let place = place.ok_or(error)?;
        Cgroup::from_record(&CgroupRecord { unified: Some(place), ..self.to_record() })?.add(pid)
    }

    fn place_of_first(&self, init: u32) -> Result<Option<PathBuf>, String> {
        let Some(own) = self.record.unified.as_deref().filter(|_| !self.is_named) else { return Ok(None) };
        let mounts = mount_table::read().map_err(|error| format!("cannot read the table of mounts: {error}"))?;
        let of_init = read_bounded(Path::new(&format!("/proc/{init}/cgroup")), PROC_BYTES)?;
        let place = Hierarchies::parse(&mounts, &of_init).unified.map(|hierarchy| hierarchy.own);
        Ok(place.filter(|place| place != own && place.starts_with(own)))
    }
}

/// A cgroup that is there, below one of a container; `/` is that one. Errors have runc's words.
fn below_own(own: &Path, path: &str) -> Result<PathBuf, String> {
    if path.split('/').any(|part| part == "..") {
        return Err(format!("--cgroup: {path} is not a sub cgroup path"));
    }
    let place = if path.split('/').all(str::is_empty) { own.to_owned() } else { hierarchy::below(own, path)? };
    match place.is_dir() {
        true => Ok(place),
        false => Err(format!(
            "error adding pid of a process to cgroups: {}/cgroup.procs: no such file or directory",
            place.display()
        )),
    }
}
