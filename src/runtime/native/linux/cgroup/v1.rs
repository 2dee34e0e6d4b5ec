//! Limits as files of cgroup v1: Documentation/admin-guide/cgroup-v1.

use std::io::ErrorKind;
use std::path::Path;

use super::hierarchy::{read_file, write, write_file};
use crate::oci::runtime::{BlockIo, Cpu, HugepageLimit, Memory, Network, ThrottleDevice};

/// Limits of memory, in the directory of the controller memory.
pub(super) fn set_memory(dir: &Path, memory: &Memory) -> Result<(), String> {
    if memory.check_before_update == Some(true) {
        check_usage(&dir.join("memory.usage_in_bytes"), memory.limit)?;
    }
    set_memory_and_swap(dir, memory)?;
    if let Some(reservation) = given(memory.reservation) {
        write_file(&dir.join("memory.soft_limit_in_bytes"), &reservation.to_string())?;
    }
    if let Some(kernel) = given(memory.kernel) {
        match write(&dir.join("memory.kmem.limit_in_bytes"), &kernel.to_string()) {
            Err(error) if kernel != -1 => {
                return Err(format!(
                    "this kernel cannot limit kernel memory apart ({error}); drop memory.kernel, memory.limit counts it"
                ));
            }
            _ => {}
        }
    }
    if let Some(tcp) = given(memory.kernel_tcp) {
        write_file(&dir.join("memory.kmem.tcp.limit_in_bytes"), &tcp.to_string())?;
    }
    if let Some(swappiness) = memory.swappiness {
        write_file(&dir.join("memory.swappiness"), &swappiness.to_string())?;
    }
    match memory.disable_oom_killer {
        Some(disable) => write_file(&dir.join("memory.oom_control"), if disable { "1" } else { "0" }),
        None => Ok(()),
    }
}

/// Refuses a limit that is below what is used.
pub(super) fn check_usage(file: &Path, limit: Option<i64>) -> Result<(), String> {
    let Some(limit) = given(limit).filter(|limit| *limit > 0) else { return Ok(()) };
    let usage: u64 = read_file(file)?.parse().unwrap_or(0);
    if usage > limit.cast_unsigned() {
        return Err(format!("the memory limit {limit} is below the {usage} bytes in use; set one above"));
    }
    Ok(())
}

/// A limit, where one is given: 0 is none in practice.
pub(super) fn given(limit: Option<i64>) -> Option<i64> {
    limit.filter(|limit| *limit != 0)
}

/// The kernel keeps memory <= memory and swap at every moment, so that the order depends on where the limits are now.
fn set_memory_and_swap(dir: &Path, memory: &Memory) -> Result<(), String> {
    let limit = given(memory.limit);
    let swap = match (limit, given(memory.swap)) {
        (Some(-1), None) if dir.join("memory.memsw.limit_in_bytes").exists() => Some(-1),
        (_, swap) => swap,
    };
    if let (Some(limit), Some(swap)) = (limit, swap)
        && swap != -1
        && (limit == -1 || swap < limit)
    {
        return Err(format!("memory and swap together ({swap}) must not be below memory alone ({limit})"));
    }
    let current: u64 = read_file(&dir.join("memory.limit_in_bytes"))?.parse().unwrap_or(u64::MAX);
    let swap_first = swap.is_some_and(|swap| swap == -1 || current < swap.cast_unsigned());
    if swap_first {
        set_swap(dir, limit, swap)?;
    }
    if let Some(limit) = limit {
        set_limit(dir, limit)?;
    }
    if swap_first { Ok(()) } else { set_swap(dir, limit, swap) }
}

fn set_limit(dir: &Path, limit: i64) -> Result<(), String> {
    let number = |name: &str| read_file(&dir.join(name)).unwrap_or_default();
    write(&dir.join("memory.limit_in_bytes"), &limit.to_string()).map_err(|error| match error.kind() {
        ErrorKind::ResourceBusy => format!(
            "cannot set the memory limit to {limit}: {} bytes are in use, {} at most so far",
            number("memory.usage_in_bytes"),
            number("memory.max_usage_in_bytes"),
        ),
        ErrorKind::InvalidInput => format!(
            "cannot set the memory limit to {limit}: memory and swap together are limited to {}; set memory.swap (--memory-swap), too",
            number("memory.memsw.limit_in_bytes"),
        ),
        _ => format!("cannot set the memory limit to {limit} in {}: {error}", dir.display()),
    })
}

fn set_swap(dir: &Path, limit: Option<i64>, swap: Option<i64>) -> Result<(), String> {
    let Some(swap) = swap else { return Ok(()) };
    // Without swap accounting, no limit and no swap at all are what there is; as much swap as memory is what everybody asks for
    // who says nothing.
    let is_usual = swap == -1 || limit.is_some_and(|limit| swap == limit || swap == limit.saturating_mul(2));
    match write(&dir.join("memory.memsw.limit_in_bytes"), &swap.to_string()) {
        Err(error) if error.kind() == ErrorKind::NotFound && is_usual => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("this kernel does not count swap, which memory.swap (--memory-swap) needs; boot with swapaccount=1"
                .to_owned())
        }
        result => {
            result.map_err(|error| format!("cannot limit memory and swap to {swap} in {}: {error}", dir.display()))
        }
    }
}

/// Limits of CPU time, in the directory of the controller cpu.
pub(super) fn set_cpu(dir: &Path, cpu: &Cpu) -> Result<(), String> {
    if cpu.idle == Some(0) {
        write_file(&dir.join("cpu.idle"), "0")?;
    }
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        write_file(&dir.join("cpu.shares"), &shares.to_string())?;
    }
    // Shares are refused for a cgroup that is idle.
    if let Some(idle) = cpu.idle.filter(|idle| *idle != 0) {
        write_file(&dir.join("cpu.idle"), &idle.to_string())?;
    }
    // What is used of a period must not exceed it.
    let realtime = [
        ("cpu.rt_period_us", cpu.realtime_period.filter(|period| *period != 0).map(|period| period.to_string())),
        ("cpu.rt_runtime_us", given(cpu.realtime_runtime).map(|runtime| runtime.to_string())),
    ];
    write_dependent(dir, realtime)?;
    // What can be saved up must not exceed the quota, nor the quota of a period that of a parent.
    let bandwidth = [
        ("cpu.cfs_burst_us", cpu.burst.map(|burst| burst.to_string())),
        ("cpu.cfs_period_us", cpu.period.filter(|period| *period != 0).map(|period| period.to_string())),
        ("cpu.cfs_quota_us", given(cpu.quota).map(|quota| quota.to_string())),
    ];
    write_dependent(dir, bandwidth)
}

/// Writes files of which some take a value only after others: each is tried early, and again after the ones that it depends on.
fn write_dependent<const N: usize>(dir: &Path, files: [(&str, Option<String>); N]) -> Result<(), String> {
    let mut later = Vec::new();
    for (name, value) in files {
        let Some(value) = value else { continue };
        match write(&dir.join(name), &value) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => later.push((name, value)),
            result => {
                result.map_err(|error| format!("cannot write {value} to {}: {error}", dir.join(name).display()))?
            }
        }
    }
    later.reverse();
    later.into_iter().try_for_each(|(name, value)| write_file(&dir.join(name), &value))
}

/// CPUs and memory nodes, in the directory of the controller cpuset; of v2, too.
pub(super) fn set_cpuset(dir: &Path, cpu: &Cpu) -> Result<(), String> {
    for (kind, value) in [("cpus", &cpu.cpus), ("mems", &cpu.mems)] {
        if !value.is_empty() {
            write_file(&dir.join(format!("cpuset.{kind}")), value).map_err(|error| with_available(error, dir, kind))?;
        }
    }
    Ok(())
}

/// The error with the CPUs or nodes that there are.
fn with_available(error: String, dir: &Path, kind: &str) -> String {
    let files = [format!("cpuset.effective_{kind}"), format!("cpuset.{kind}.effective")];
    let available = |file: &String| read_file(&dir.parent()?.join(file)).ok();
    match files.iter().find_map(available) {
        Some(available) => format!("{error}; available are {available}"),
        None => error,
    }
}

/// Gives a cpuset that has none the CPUs and nodes of its parent: one without any takes no processes.
pub(super) fn inherit_cpuset(dir: &Path) -> Result<(), String> {
    let Some(parent) = dir.parent() else { return Ok(()) };
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if read_file(&dir.join(name))?.is_empty() {
            write_file(&dir.join(name), &read_file(&parent.join(name))?)?;
        }
    }
    Ok(())
}

/// The limit of processes; of v2, too.
pub(super) fn set_pids(dir: &Path, limit: i64) -> Result<(), String> {
    let limit = if limit > 0 { limit.to_string() } else { "max".to_owned() };
    write_file(&dir.join("pids.max"), &limit)
}

/// Limits of block I/O, in the directory of the controller blkio.
pub(super) fn set_block_io(dir: &Path, io: &BlockIo) -> Result<(), String> {
    let is_bfq = dir.join("blkio.bfq.weight").exists();
    let weight_file = if is_bfq { "blkio.bfq.weight" } else { "blkio.weight" };
    let weight_device_file = if is_bfq { "blkio.bfq.weight_device" } else { "blkio.weight_device" };
    let weight = |name: &str, value: &str| match write(&dir.join(name), value) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
            "no I/O scheduler here weighs cgroups, which {name} {value} needs; use bfq for the disk (modprobe bfq)"
        )),
        result => result.map_err(|error| format!("cannot write {value:?} to {}: {error}", dir.join(name).display())),
    };
    if let Some(value) = io.weight.filter(|weight| *weight != 0) {
        weight(weight_file, &value.to_string())?;
    }
    if let Some(value) = io.leaf_weight.filter(|weight| *weight != 0) {
        weight("blkio.leaf_weight", &value.to_string())?;
    }
    for device in &io.weight_device {
        let line = |value: u16| format!("{}:{} {value}", device.major, device.minor);
        if let Some(value) = device.weight {
            weight(weight_device_file, &line(value))?;
        }
        if let Some(value) = device.leaf_weight {
            weight("blkio.leaf_weight_device", &line(value))?;
        }
    }
    for (name, devices) in throttles(io) {
        for device in devices {
            let line = format!("{}:{} {}", device.major, device.minor, device.rate);
            write_file(&dir.join(format!("blkio.throttle.{name}")), &line)?;
        }
    }
    Ok(())
}

fn throttles(io: &BlockIo) -> [(&'static str, &[ThrottleDevice]); 4] {
    [
        ("read_bps_device", &io.throttle_read_bps_device),
        ("write_bps_device", &io.throttle_write_bps_device),
        ("read_iops_device", &io.throttle_read_iops_device),
        ("write_iops_device", &io.throttle_write_iops_device),
    ]
}

/// Limits of huge pages: `suffix` of the files is `limit_in_bytes` on v1, `max` on v2.
pub(super) fn set_huge_pages(dir: &Path, limits: &[HugepageLimit], suffix: &str) -> Result<(), String> {
    for limit in limits {
        let size = &limit.page_size;
        if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("{size:?} is no size of huge pages; write one such as 2MB"));
        }
        write(&dir.join(format!("hugetlb.{size}.{suffix}")), &limit.limit.to_string()).map_err(|error| match error
            .kind()
        {
            ErrorKind::NotFound => {
                format!("this kernel has no huge pages of {size}; /sys/kernel/mm/hugepages has the sizes")
            }
            _ => format!("cannot limit huge pages of {size} in {}: {error}", dir.display()),
        })?;
        let reserved = dir.join(format!("hugetlb.{size}.rsvd.{suffix}"));
        if reserved.exists() {
            write_file(&reserved, &limit.limit.to_string())?;
        }
    }
    Ok(())
}

/// The class of packets, in the directory of the controller `net_cls`.
pub(super) fn set_class(dir: &Path, network: &Network) -> Result<(), String> {
    match network.class_id {
        Some(class) => write_file(&dir.join("net_cls.classid"), &class.to_string()),
        None => Ok(()),
    }
}

/// Priorities of packets, in the directory of the controller `net_prio`.
pub(super) fn set_priorities(dir: &Path, network: &Network) -> Result<(), String> {
    for interface in &network.priorities {
        write_file(&dir.join("net_prio.ifpriomap"), &format!("{} {}", interface.name, interface.priority))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    fn fake(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn text(dir: &tempfile::TempDir, name: &str) -> String {
        fs::read_to_string(dir.path().join(name)).unwrap()
    }

    #[test]
    fn memory_alone_needs_no_counting_of_swap() {
        let dir = fake(&[("memory.limit_in_bytes", "0")]);
        let memory = Memory { limit: Some(4096), swap: Some(4096), ..Memory::default() };
        set_memory(dir.path(), &memory).unwrap();
        assert_eq!(text(&dir, "memory.limit_in_bytes"), "4096");
        let memory = Memory { limit: Some(4096), swap: Some(9000), ..Memory::default() };
        assert!(set_memory(dir.path(), &memory).unwrap_err().contains("swapaccount=1"));
    }

    #[test]
    fn swap_below_memory_is_refused() {
        let dir = fake(&[("memory.limit_in_bytes", "0"), ("memory.memsw.limit_in_bytes", "0")]);
        let memory = Memory { limit: Some(4096), swap: Some(1024), ..Memory::default() };
        assert_eq!(
            set_memory(dir.path(), &memory).unwrap_err(),
            "memory and swap together (1024) must not be below memory alone (4096)"
        );
    }

    #[test]
    fn a_limit_below_what_is_used_is_refused_where_that_is_asked_for() {
        let dir = fake(&[("memory.limit_in_bytes", "0"), ("memory.usage_in_bytes", "5000\n")]);
        let memory = Memory { limit: Some(4096), check_before_update: Some(true), ..Memory::default() };
        assert!(set_memory(dir.path(), &memory).unwrap_err().contains("5000 bytes in use"));
        assert_eq!(text(&dir, "memory.limit_in_bytes"), "0");
    }

    #[test]
    fn the_name_of_a_page_size_is_no_path() {
        let dir = fake(&[]);
        let limit = HugepageLimit { page_size: "2MB/../x".to_owned(), limit: 1 };
        assert!(set_huge_pages(dir.path(), &[limit], "max").unwrap_err().contains("no size of huge pages"));
        let limit = HugepageLimit { page_size: "3MB".to_owned(), limit: 1 };
        assert!(set_huge_pages(dir.path(), &[limit], "max").unwrap_err().contains("no huge pages of 3MB"));
    }

    #[test]
    fn no_limit_of_processes_is_max() {
        let dir = fake(&[("pids.max", "   ")]);
        set_pids(dir.path(), -1).unwrap();
        assert_eq!(text(&dir, "pids.max"), "max");
    }
}
