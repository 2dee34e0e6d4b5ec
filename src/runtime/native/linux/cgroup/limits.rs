//! Which controllers limits need, and writing limits wherever their controllers are.

use std::os::fd::AsFd;
use std::path::Path;

use super::{Cgroup, MOUNTED, Place, devices, v1, v2};
use crate::oci::runtime::{BlockIo, Cpu, Memory, Resources};

/// The controllers that limits need. Errors where something is asked for that no system has.
pub(super) fn needed(resources: Option<&Resources>) -> Result<Vec<String>, String> {
    let Some(resources) = resources else { return Ok(Vec::new()) };
    let network = resources.network.as_ref();
    let cpu = resources.cpu.as_ref();
    let asked = [
        ("memory", resources.memory.as_ref().is_some_and(limits_memory)),
        ("cpu", cpu.is_some_and(limits_cpu)),
        ("cpuset", cpu.is_some_and(|cpu| !cpu.cpus.is_empty() || !cpu.mems.is_empty())),
        ("pids", resources.pids.as_ref().is_some_and(|pids| pids.limit > 0)),
        ("io", resources.block_io.as_ref().is_some_and(limits_io)),
        ("hugetlb", !resources.hugepage_limits.is_empty()),
        ("net_cls", network.is_some_and(|network| network.class_id.is_some())),
        ("net_prio", network.is_some_and(|network| !network.priorities.is_empty())),
        ("rdma", !resources.rdma.is_empty()),
        ("devices", !resources.devices.is_empty()),
        ("unified", !resources.unified.is_empty()),
    ];
    let mut needed: Vec<String> = Vec::new();
    for (name, is_asked) in asked {
        if is_asked {
            needed.push(name.to_owned());
        }
    }
    for name in v2::unified_controllers(&resources.unified)? {
        let name = format!("unified:{name}");
        if !needed.contains(&name) {
            needed.push(name);
        }
    }
    Ok(needed)
}

fn limits_memory(memory: &Memory) -> bool {
    let numbers = [memory.limit, memory.reservation, memory.swap, memory.kernel, memory.kernel_tcp];
    let is_limited = numbers.into_iter().flatten().any(|limit| limit > 0);
    is_limited || memory.swappiness.is_some() || memory.disable_oom_killer == Some(true)
}

fn limits_cpu(cpu: &Cpu) -> bool {
    let numbers = [cpu.shares, cpu.period, cpu.burst, cpu.realtime_period];
    let is_limited = numbers.into_iter().flatten().any(|number| number != 0);
    let quotas = [cpu.quota, cpu.realtime_runtime, cpu.idle];
    is_limited || quotas.into_iter().flatten().any(|quota| quota > 0)
}

fn limits_io(io: &BlockIo) -> bool {
    *io != BlockIo::default()
}

/// The name that v1 has for a controller of v2.
pub(super) fn v1_name(controller: &str) -> &str {
    if controller == "io" { "blkio" } else { controller }
}

/// What a controller is for: the words of specs and of flags.
pub(super) fn purpose(controller: &str) -> &'static str {
    match controller {
        "memory" => "limits of memory (--memory, --memory-swap, --memory-reservation)",
        "cpu" => "limits of CPU time (--cpus, --cpu-shares, --cpu-quota, --cpu-period)",
        "cpuset" => "choosing CPUs (--cpuset-cpus, --cpuset-mems)",
        "pids" => "a limit of processes (--pids-limit)",
        "io" | "blkio" => "limits of block I/O (--blkio-weight, --device-read-bps and the like)",
        "hugetlb" => "limits of huge pages (linux.resources.hugepageLimits)",
        "net_cls" | "net_prio" => "marks and priorities of packets (linux.resources.network)",
        "rdma" => "limits of RDMA (linux.resources.rdma)",
        "devices" => "rules of devices (--device-cgroup-rule, linux.resources.devices)",
        "freezer" => "pause",
        _ => "what `unified` names (linux.resources.unified)",
    }
}

/// The error of a controller that is not to be had at `place`.
pub(super) fn missing(controller: &str, place: &Path) -> String {
    let name = controller.strip_prefix("unified:").unwrap_or(controller);
    let fix = match name {
        "unified" => {
            return "linux.resources.unified needs cgroup v2, which is not mounted here; boot with \
                    systemd.unified_cgroup_hierarchy=1, or give limits by their names in v1"
                .to_owned();
        }
        "net_cls" | "net_prio" => "only cgroup v1 has it: mount it, or drop the setting".to_owned(),
        "devices" => "mount the v1 controller devices, or cgroup v2".to_owned(),
        "memory" => "boot with cgroup_enable=memory, or delegate it: `systemctl edit user@.service` with Delegate=cpu cpuset io memory pids".to_owned(),
        _ => format!("mount it or, for cgroup v2, delegate it: `systemctl edit user@.service` with Delegate=cpu cpuset io memory pids, and {name} in cgroup.subtree_control of the parents"),
    };
    format!("the controller {name} is not available in {}: it keeps {}; {fix}", place.display(), purpose(controller))
}

impl Cgroup {
    /// Writes limits to the files of their controllers.
    pub(super) fn write_limits(&self, resources: &Resources) -> Result<(), String> {
        self.write_amounts(resources)?;
        self.write_devices(resources)
    }

    /// All limits but the rules of devices.
    pub(super) fn write_amounts(&self, resources: &Resources) -> Result<(), String> {
        let is_v1_hugetlb = |place: &Place<'_>| if matches!(place, Place::V1(_)) { "limit_in_bytes" } else { "max" };
        if let Some(memory) = resources.memory.as_ref().filter(|memory| **memory != Memory::default()) {
            match self.place_or_default("memory", limits_memory(memory))? {
                Some(Place::V1(dir)) => v1::set_memory(dir, memory)?,
                Some(Place::V2(dir)) => v2::set_memory(dir, memory)?,
                None => {}
            }
        }
        if let Some(cpu) = &resources.cpu {
            self.write_cpu(cpu)?;
        }
        if let Some(pids) = &resources.pids
            && let Some(Place::V1(dir) | Place::V2(dir)) = self.place_or_default("pids", pids.limit > 0)?
        {
            v1::set_pids(dir, pids.limit)?;
        }
        if let Some(io) = resources.block_io.as_ref().filter(|io| limits_io(io)) {
            match self.place("io")? {
                Place::V1(dir) => v1::set_block_io(dir, io)?,
                Place::V2(dir) => v2::set_block_io(dir, io)?,
            }
        }
        if !resources.hugepage_limits.is_empty() {
            let place = self.place("hugetlb")?;
            let suffix = is_v1_hugetlb(&place);
            v1::set_huge_pages(place.path(), &resources.hugepage_limits, suffix)?;
        }
        if let Some(network) = &resources.network {
            if network.class_id.is_some() {
                v1::set_class(self.v1_place("net_cls")?, network)?;
            }
            if !network.priorities.is_empty() {
                v1::set_priorities(self.v1_place("net_prio")?, network)?;
            }
        }
        if !resources.rdma.is_empty() {
            let dir = self.place("rdma")?.path();
            v2::set_rdma(dir, &resources.rdma)?;
        }
        if !resources.unified.is_empty() {
            let Some(dir) = &self.record.unified else { return Err(missing("unified", Path::new(MOUNTED))) };
            v2::set_unified(dir, &resources.unified)?;
        }
        Ok(())
    }

    fn write_cpu(&self, cpu: &Cpu) -> Result<(), String> {
        let without_set = Cpu { cpus: String::new(), mems: String::new(), ..cpu.clone() };
        if without_set != Cpu::default() {
            match self.place_or_default("cpu", limits_cpu(cpu))? {
                Some(Place::V1(dir)) => v1::set_cpu(dir, cpu)?,
                Some(Place::V2(dir)) => v2::set_cpu(dir, cpu)?,
                None => {}
            }
        }
        if cpu.cpus.is_empty() && cpu.mems.is_empty() {
            return Ok(());
        }
        let dir = self.place("cpuset")?.path();
        v1::set_cpuset(dir, cpu)
    }

    pub(super) fn write_devices(&self, resources: &Resources) -> Result<(), String> {
        if resources.devices.is_empty() {
            return Ok(());
        }
        match (&self.directory, self.find("devices")) {
            (Some(directory), of_v1) if self.has_device_programs || of_v1.is_none() => {
                devices::set_v2(directory.as_fd(), &resources.devices)
            }
            (_, Some(place)) => devices::set_v1(place.path(), &resources.devices),
            (_, None) => Err(missing("devices", Path::new(MOUNTED))),
        }
    }

    /// Refuses limits whose controllers these cgroups do not have.
    pub(super) fn check_kept(&self, needed: &[String]) -> Result<(), String> {
        let names = needed.iter().map(|name| name.strip_prefix("unified:").unwrap_or(name));
        // These two are no controllers of v2.
        names.filter(|name| !matches!(*name, "devices" | "unified")).try_for_each(|name| self.place(name).map(drop))
    }

    fn place(&self, controller: &str) -> Result<Place<'_>, String> {
        self.find(controller).ok_or_else(|| {
            let path = self.directories().next().unwrap_or(Path::new(MOUNTED));
            format!("{}; a container that was made without such a limit is to be made anew", missing(controller, path))
        })
    }

    /// As [`Cgroup::place`]; none where nothing is limited, so that "no limit" needs no controller.
    fn place_or_default(&self, controller: &str, is_limit: bool) -> Result<Option<Place<'_>>, String> {
        match self.place(controller) {
            Err(_) if !is_limit => Ok(None),
            place => place.map(Some),
        }
    }

    fn v1_place(&self, controller: &str) -> Result<&Path, String> {
        match self.place(controller)? {
            Place::V1(dir) => Ok(dir),
            Place::V2(dir) => Err(missing(controller, dir)),
        }
    }
}
