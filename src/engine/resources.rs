//! What a native container may use: Docker's checks, and the record as the OCI spec has it.

use std::path::Path;

use super::error::{About, Error, Result};
use super::native_devices;
use crate::oci::runtime::{BlockIo, Cpu, Memory, Pids, Resources, ThrottleDevice, WeightDevice};
use crate::runtime::native::is_in_user_namespace;
use crate::store::{ContainerRecord, LimitsRecord, RateRecord, ResourcesRecord, WeightRecord};
use crate::sys::device;

/// Microseconds of a CPU period where none was asked for.
const PERIOD: u64 = 100_000;
/// The least memory that a container can start with.
const MEMORY_MIN: u64 = 6 << 20;

/// Where the cgroup of a container is.
pub(super) fn cgroups_path(record: &ContainerRecord) -> String {
    let parent = match record.resources.cgroup_parent.trim_end_matches('/') {
        // Of other users than root only what is delegated to them: it begins where they are.
        "" if is_in_user_namespace() => "cowbox",
        "" => "/cowbox",
        parent => parent,
    };
    format!("{parent}/{}", record.id)
}

/// Refuses limits of a native container that contradict each other, or that nothing can keep.
pub(super) fn check(limits: &LimitsRecord, resources: &ResourcesRecord) -> Result<()> {
    let wasm_only = [
        ("--cpu-time", limits.cpu_time.is_some()),
        ("--disk", limits.disk.is_some()),
        ("--output-limit", limits.output.is_some()),
    ];
    if let Some((flag, _)) = wasm_only.iter().find(|(_, is_asked)| *is_asked) {
        return Err(Error::invalid(format!("{flag} cannot be kept by the native runtime"))
            .hint("leave it away: the host's kernel has no such limit"));
    }
    match contradiction(limits, resources) {
        Some(message) => Err(Error::invalid(message)),
        None => Ok(()),
    }
}

fn contradiction(limits: &LimitsRecord, resources: &ResourcesRecord) -> Option<String> {
    let memory = limits.memory.unwrap_or(0);
    let swap = resources.memory_swap;
    let reservation = resources.memory_reservation;
    let cpus = limits.cpus.is_some();
    let (period, quota) = (resources.cpu_period, resources.cpu_quota);
    let rules = [
        (memory != 0 && memory < MEMORY_MIN, "minimum memory limit allowed is 6MB"),
        (
            memory > 0 && swap > 0 && swap.unsigned_abs() < memory,
            "minimum memoryswap limit should be larger than memory limit",
        ),
        (memory == 0 && swap > 0, "you should always set the memory limit (-m) when using --memory-swap"),
        (reservation != 0 && reservation < MEMORY_MIN, "minimum memory reservation allowed is 6MB"),
        (memory > 0 && memory < reservation, "minimum memory limit can not be less than memory reservation limit"),
        (cpus && period != 0, "conflicting options: --cpus and --cpu-period cannot both be set"),
        (cpus && quota != 0, "conflicting options: --cpus and --cpu-quota cannot both be set"),
        (
            period != 0 && !(1000..=1_000_000).contains(&period),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        ((1..1000).contains(&quota), "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        (
            resources.blkio_weight != 0 && !(10..=1000).contains(&resources.blkio_weight),
            "range of blkio weight is from 10 to 1000",
        ),
        (
            resources.blkio_weight_device.iter().any(|device| !(10..=1000).contains(&device.weight)),
            "range of blkio weight of a device is from 10 to 1000",
        ),
    ];
    let broken = rules.into_iter().find(|(is_broken, _)| *is_broken).map(|(_, words)| words.to_owned());
    broken.or_else(|| cpus_beyond(limits.cpus?))
}

fn cpus_beyond(cpus: f64) -> Option<String> {
    let all = std::thread::available_parallelism().map_or(usize::MAX, usize::from);
    let is_beyond = cpus < 0.01 || cpus > all as f64;
    is_beyond.then(|| format!("range of CPUs is from 0.01 to {all}.00, as there are only {all} CPUs available"))
}

/// The limits of a container's cgroup: what its record asks for, and no devices but the usual ones and its own.
pub(super) fn resources(record: &ContainerRecord) -> Result<Option<Resources>> {
    // In a user namespace no device can be made anyway.
    let devices = if is_in_user_namespace() { Vec::new() } else { native_devices::rules(&record.isolation)? };
    Ok(some(Resources { devices, ..limited(&record.limits, &record.resources)? }))
}

/// What limits ask for.
pub(super) fn limited(limits: &LimitsRecord, resources: &ResourcesRecord) -> Result<Resources> {
    Ok(Resources {
        memory: some(memory(limits, resources)),
        cpu: some(cpu(limits, resources)),
        pids: limits.processes.map(|limit| Pids { limit: if limit == u32::MAX { -1 } else { limit.into() } }),
        block_io: some(block_io(resources)?),
        ..Resources::default()
    })
}

/// None where nothing is said.
fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn memory(limits: &LimitsRecord, resources: &ResourcesRecord) -> Memory {
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let limit = limits.memory.and_then(some).map(bytes);
    Memory {
        limit,
        reservation: some(resources.memory_reservation).map(bytes),
        // As much swap as memory, where nothing is said.
        swap: some(resources.memory_swap).or(limit.map(|limit| limit.saturating_mul(2))),
        swappiness: resources.memory_swappiness.map(u64::from),
        disable_oom_killer: some(resources.oom_kill_disable),
        ..Memory::default()
    }
}

fn cpu(limits: &LimitsRecord, resources: &ResourcesRecord) -> Cpu {
    let of_cpus = limits.cpus.map(|cpus| (cpus * PERIOD as f64).round() as i64);
    Cpu {
        shares: some(resources.cpu_shares),
        quota: of_cpus.or(some(resources.cpu_quota)),
        period: of_cpus.map(|_| PERIOD).or(some(resources.cpu_period)),
        cpus: resources.cpuset_cpus.clone(),
        mems: resources.cpuset_mems.clone(),
        ..Cpu::default()
    }
}

fn block_io(resources: &ResourcesRecord) -> Result<BlockIo> {
    Ok(BlockIo {
        weight: some(resources.blkio_weight),
        weight_device: weights(&resources.blkio_weight_device)?,
        throttle_read_bps_device: rates(&resources.device_read_bps)?,
        throttle_write_bps_device: rates(&resources.device_write_bps)?,
        throttle_read_iops_device: rates(&resources.device_read_iops)?,
        throttle_write_iops_device: rates(&resources.device_write_iops)?,
        ..BlockIo::default()
    })
}

fn weights(weights: &[WeightRecord]) -> Result<Vec<WeightDevice>> {
    let weight = |weight: &WeightRecord| {
        let (major, minor) = block_device(&weight.device)?;
        Ok(WeightDevice { major, minor, weight: Some(weight.weight), leaf_weight: None })
    };
    weights.iter().map(weight).collect()
}

fn rates(rates: &[RateRecord]) -> Result<Vec<ThrottleDevice>> {
    let rate = |rate: &RateRecord| {
        let (major, minor) = block_device(&rate.device)?;
        Ok(ThrottleDevice { major, minor, rate: rate.rate })
    };
    rates.iter().map(rate).collect()
}

fn block_device(path: &Path) -> Result<(i64, i64)> {
    let device = device::device(path).about(|| path.display().to_string())?;
    match device.filter(|device| device.is_block) {
        Some(device) => Ok((device.major.into(), device.minor.into())),
        None => Err(Error::invalid(format!("{} is no block device", path.display()))),
    }
}

/// The option that only cgroups can keep, if one is given.
pub(super) fn cgroup_flag(resources: &ResourcesRecord) -> Option<&'static str> {
    let rates = |rates: &[RateRecord]| !rates.is_empty();
    let given = [
        ("--memory-swap", resources.memory_swap != 0),
        ("--memory-reservation", resources.memory_reservation != 0),
        ("--memory-swappiness", resources.memory_swappiness.is_some()),
        ("--oom-kill-disable", resources.oom_kill_disable),
        ("--cpu-shares", resources.cpu_shares != 0),
        ("--cpu-period", resources.cpu_period != 0),
        ("--cpu-quota", resources.cpu_quota != 0),
        ("--cpuset-cpus", !resources.cpuset_cpus.is_empty()),
        ("--cpuset-mems", !resources.cpuset_mems.is_empty()),
        ("--blkio-weight", resources.blkio_weight != 0),
        ("--blkio-weight-device", !resources.blkio_weight_device.is_empty()),
        ("--device-read-bps", rates(&resources.device_read_bps)),
        ("--device-write-bps", rates(&resources.device_write_bps)),
        ("--device-read-iops", rates(&resources.device_read_iops)),
        ("--device-write-iops", rates(&resources.device_write_iops)),
        ("--cgroup-parent", !resources.cgroup_parent.is_empty()),
    ];
    given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory: Option<u64>, cpus: Option<f64>) -> LimitsRecord {
        LimitsRecord { memory, cpus, ..LimitsRecord::default() }
    }

    #[test]
    fn without_limits_nothing_is_asked_for() {
        assert_eq!(limited(&LimitsRecord::default(), &ResourcesRecord::default()).unwrap(), Resources::default());
    }

    #[test]
    fn limits_become_those_of_the_specification() {
        let asked = LimitsRecord { processes: Some(u32::MAX), ..limits(Some(64 << 20), Some(0.5)) };
        let made = limited(&asked, &ResourcesRecord::default()).unwrap();
        let memory = Memory { limit: Some(64 << 20), swap: Some(128 << 20), ..Memory::default() };
        assert_eq!(made.memory, Some(memory));
        assert_eq!(made.cpu, Some(Cpu { quota: Some(50_000), period: Some(100_000), ..Cpu::default() }));
        assert_eq!(made.pids, Some(Pids { limit: -1 }));
        let swap = ResourcesRecord { memory_swap: -1, ..ResourcesRecord::default() };
        assert_eq!(limited(&asked, &swap).unwrap().memory.unwrap().swap, Some(-1));
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused_in_dockers_words() {
        let record = ResourcesRecord::default;
        for (limits, resources, words) in [
            (limits(Some(5 << 20), None), record(), "minimum memory limit allowed is 6MB"),
            (
                limits(Some(64 << 20), None),
                ResourcesRecord { memory_swap: 32 << 20, ..record() },
                "minimum memoryswap limit should be larger than memory limit",
            ),
            (
                limits(None, None),
                ResourcesRecord { memory_swap: 32 << 20, ..record() },
                "you should always set the memory limit (-m) when using --memory-swap",
            ),
            (
                limits(None, Some(0.5)),
                ResourcesRecord { cpu_quota: 5000, ..record() },
                "conflicting options: --cpus and --cpu-quota cannot both be set",
            ),
            (
                limits(None, None),
                ResourcesRecord { blkio_weight: 9, ..record() },
                "range of blkio weight is from 10 to 1000",
            ),
        ] {
            assert_eq!(check(&limits, &resources).unwrap_err().message, words);
        }
        assert!(check(&limits(None, Some(1e6)), &record()).unwrap_err().message.starts_with("range of CPUs is"));
        let swap = ResourcesRecord { memory_swap: -1, ..record() };
        assert!(check(&limits(Some(64 << 20), Some(0.5)), &swap).is_ok());
    }

    #[test]
    fn throttled_devices_are_block_devices() {
        let rates = vec![RateRecord { device: "/dev/null".into(), rate: 1 }];
        let record = ResourcesRecord { device_read_bps: rates, ..ResourcesRecord::default() };
        assert!(limited(&LimitsRecord::default(), &record).is_err());
        assert_eq!(cgroup_flag(&record), Some("--device-read-bps"));
        let weights = vec![WeightRecord { device: "/dev/null".into(), weight: 9 }];
        let record = ResourcesRecord { blkio_weight_device: weights, ..ResourcesRecord::default() };
        assert!(limited(&LimitsRecord::default(), &record).is_err());
        assert!(check(&LimitsRecord::default(), &record).unwrap_err().message.starts_with("range of blkio weight"));
        assert_eq!(cgroup_flag(&record), Some("--blkio-weight-device"));
    }
}
