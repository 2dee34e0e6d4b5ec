//! `update`: other limits for a container, now and from now on.

use std::path::PathBuf;

use super::cgroups::cgroup_of;
use super::error::{Error, Result};
use super::resources::{cgroup_flag, cgroups_path, check, limited};
use super::{Container, Engine};
use crate::oci::runtime::Resources;
use crate::runtime::InitProcess;
use crate::runtime::native;
use crate::store::{ContainerRecord, LimitsRecord, RateRecord, ResourcesRecord, Status, WeightRecord};

impl Engine {
    /// Changes limits of a container: those that say nothing stay as they are. It keeps them when it is started again. Of a native
    /// container that runs they hold at once; on v1 memory that it has from before the first limit of memory is not counted.
    pub fn update(&self, key: &str, limits: &LimitsRecord, asked: &ResourcesRecord) -> Result<()> {
        if !asked.cgroup_parent.is_empty() {
            return Err(Error::invalid("--cgroup-parent: a container stays in the cgroup that it was started in"));
        }
        let resources = limited(limits, asked)?;
        if resources == Resources::default() {
            return Err(Error::invalid("you must provide one or more flags when using this command"));
        }
        let container = self.container(key)?;
        let record = &container.record;
        let is_native = record.runtime == "native";
        if let Some(flag) = cgroup_flag(asked).filter(|_| !is_native) {
            return Err(Error::invalid(format!("{flag} is for native containers, and {key} is one of WASI programs")));
        }
        let mut changed = record.clone();
        change(&mut changed, limits, asked);
        if is_native {
            check(&changed.limits, &changed.resources)?;
        }
        if container.state.status == Status::Running {
            if !is_native {
                return Err(Error::invalid(format!(
                    "container {key} is one of WASI programs, which keep their limits while they run"
                ))
                .hint(format!("end it with `cowbox stop {key}`, and start it again")));
            }
            self.limit(&container, &now(&changed, resources)?)?;
        }
        Ok(self.store.change_container(&record.id, |record| change(record, limits, asked))?)
    }

    /// Sets limits of a container that runs.
    fn limit(&self, container: &Container, resources: &Resources) -> Result<()> {
        let Some(init) = container.state.init else {
            return Err(Error::conflict(format!("container {} is being started", container.name)));
        };
        self.become_root()?;
        let known = cgroup_of(&container.record.id, &container.state)?;
        let cgroup = native::limitable(known.clone(), &cgroups_path(&container.record), resources)?;
        self.keep_cgroup(container, known.as_ref(), &cgroup)?;
        Ok(native::update(InitProcess { pid: init.pid, start_time: init.start_time }, &cgroup, resources)?)
    }
}

/// What is to be set: what was asked for, and of memory and swap, which are one limit, both.
fn now(changed: &ContainerRecord, mut resources: Resources) -> Result<Resources> {
    let of_memory = limited(&changed.limits, &changed.resources)?.memory;
    if let (Some(memory), Some(all)) = (&mut resources.memory, of_memory)
        && (memory.limit.is_some() || memory.swap.is_some())
    {
        (memory.limit, memory.swap) = (all.limit, all.swap);
    }
    Ok(resources)
}

/// The record with what is asked for. Zeros say nothing.
fn change(record: &mut ContainerRecord, limits: &LimitsRecord, asked: &ResourcesRecord) {
    let (old, resources) = (&mut record.limits, &mut record.resources);
    old.memory = limits.memory.filter(|memory| *memory != 0).or(old.memory);
    old.cpus = limits.cpus.or(old.cpus);
    old.processes = limits.processes.or(old.processes);
    // Every field is named, so that none is forgotten.
    let ResourcesRecord {
        memory_reservation,
        memory_swap,
        memory_swappiness,
        oom_kill_disable,
        cpu_shares,
        cpu_period,
        cpu_quota,
        cpuset_cpus,
        cpuset_mems,
        blkio_weight,
        blkio_weight_device,
        device_read_bps,
        device_write_bps,
        device_read_iops,
        device_write_iops,
        cgroup_parent: _,
    } = asked;
    set(&mut resources.memory_reservation, memory_reservation);
    set(&mut resources.memory_swap, memory_swap);
    set(&mut resources.memory_swappiness, memory_swappiness);
    set(&mut resources.oom_kill_disable, oom_kill_disable);
    set(&mut resources.cpu_shares, cpu_shares);
    set(&mut resources.cpu_period, cpu_period);
    set(&mut resources.cpu_quota, cpu_quota);
    set(&mut resources.cpuset_cpus, cpuset_cpus);
    set(&mut resources.cpuset_mems, cpuset_mems);
    set(&mut resources.blkio_weight, blkio_weight);
    set_devices(&mut resources.blkio_weight_device, blkio_weight_device, |weight: &WeightRecord| &weight.device);
    for (old, asked) in [
        (&mut resources.device_read_bps, device_read_bps),
        (&mut resources.device_write_bps, device_write_bps),
        (&mut resources.device_read_iops, device_read_iops),
        (&mut resources.device_write_iops, device_write_iops),
    ] {
        set_devices(old, asked, |rate: &RateRecord| &rate.device);
    }
}

fn set<T: Clone + Default + PartialEq>(old: &mut T, asked: &T) {
    if *asked != T::default() {
        old.clone_from(asked);
    }
}

/// One limit for each device, the last that was asked for.
fn set_devices<T: Clone>(old: &mut Vec<T>, asked: &[T], device: impl Fn(&T) -> &PathBuf) {
    old.retain(|old| !asked.iter().any(|asked| device(asked) == device(old)));
    old.extend_from_slice(asked);
}
