//! Limits as files of cgroup v2: Documentation/admin-guide/cgroup-v2.rst.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::hierarchy::{read_file, read_words, write, write_file};
use super::v1::{check_usage, given};
use crate::oci::runtime::{BlockIo, Cpu, Memory, RdmaLimit};

/// Limits of memory.
pub(super) fn set_memory(dir: &Path, memory: &Memory) -> Result<(), String> {
    if let Some(limit) = given(memory.kernel).or(given(memory.kernel_tcp))
        && limit != -1
    {
        return Err("cgroup v2 has no limit of kernel memory apart; drop memory.kernel and memory.kernelTCP, memory.limit counts it".to_owned());
    }
    if memory.swappiness.is_some() {
        return Err("cgroup v2 has no swappiness of a cgroup; drop memory.swappiness (--memory-swappiness)".to_owned());
    }
    if memory.disable_oom_killer == Some(true) {
        return Err(
            "cgroup v2 cannot disable the OOM killer; drop memory.disableOOMKiller (--oom-kill-disable)".to_owned()
        );
    }
    if memory.check_before_update == Some(true) {
        check_usage(&dir.join("memory.current"), memory.limit)?;
    }
    set_swap(dir, memory)?;
    if let Some(limit) = given(memory.limit) {
        write_file(&dir.join("memory.max"), &number_or_max(limit))?;
    }
    match given(memory.reservation) {
        Some(reservation) => write_file(&dir.join("memory.low"), &number_or_max(reservation)),
        None => Ok(()),
    }
}

fn set_swap(dir: &Path, memory: &Memory) -> Result<(), String> {
    let limit = match given(memory.limit) {
        // An update of swap alone: what memory is limited to now counts.
        None if given(memory.swap).is_some_and(|swap| swap > 0) => read_file(&dir.join("memory.max"))?.parse().ok(),
        limit => limit,
    };
    let Some(swap) = swap_alone(memory.swap, limit)? else { return Ok(()) };
    match write(&dir.join("memory.swap.max"), &number_or_max(swap)) {
        // Without swap in the kernel, no limit and no swap at all are what there is; as much as memory is what everybody asks for
        // who says nothing.
        Err(error) if error.kind() == ErrorKind::NotFound && (swap <= 0 || Some(swap) == limit) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("this kernel does not count swap, which memory.swap (--memory-swap) needs; boot with swapaccount=1"
                .to_owned())
        }
        result => result.map_err(|error| format!("cannot limit swap to {swap} in {}: {error}", dir.display())),
    }
}

/// What v2 limits, swap alone, of memory and swap together.
pub(super) fn swap_alone(both: Option<i64>, memory: Option<i64>) -> Result<Option<i64>, String> {
    match (given(both), memory) {
        (None, Some(-1)) | (Some(-1), _) => Ok(Some(-1)),
        (None, _) => Ok(None),
        (Some(both), Some(memory)) if memory > 0 && both >= memory => Ok(Some(both - memory)),
        (Some(both), Some(memory)) if memory > 0 => {
            Err(format!("memory and swap together ({both}) must not be below memory alone ({memory})"))
        }
        (Some(both), _) => Err(format!(
            "memory and swap together ({both}) are limited, but memory alone is not; set memory.limit, too"
        )),
    }
}

fn number_or_max(limit: i64) -> String {
    if limit < 0 { "max".to_owned() } else { limit.to_string() }
}

/// Limits of CPU time.
pub(super) fn set_cpu(dir: &Path, cpu: &Cpu) -> Result<(), String> {
    if given(cpu.realtime_runtime).is_some() || cpu.realtime_period.is_some_and(|period| period != 0) {
        return Err("cgroup v2 has no limit of realtime scheduling; drop cpu.realtimeRuntime and cpu.realtimePeriod (--cpu-rt-*)".to_owned());
    }
    if cpu.idle == Some(0) {
        write_file(&dir.join("cpu.idle"), "0")?;
    }
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        write_file(&dir.join("cpu.weight"), &weight_of_shares(shares).to_string())?;
    }
    // A weight is refused for a cgroup that is idle.
    if let Some(idle) = cpu.idle.filter(|idle| *idle != 0) {
        write_file(&dir.join("cpu.idle"), &idle.to_string())?;
    }
    let burst = cpu.burst.map(|burst| burst.to_string());
    // What can be saved up must not exceed the quota: it goes first when it is lowered, last when it is raised.
    let burst_file = dir.join("cpu.max.burst");
    let is_burst_set = burst.as_ref().is_some_and(|burst| write(&burst_file, burst).is_ok());
    if let Some(line) = cpu_max(cpu, &dir.join("cpu.max")) {
        write_file(&dir.join("cpu.max"), &line)?;
    }
    match burst {
        Some(burst) if !is_burst_set => write_file(&burst_file, &burst),
        _ => Ok(()),
    }
}

/// The line of `cpu.max`, with what is there now for what is not given.
fn cpu_max(cpu: &Cpu, file: &Path) -> Option<String> {
    let period = cpu.period.filter(|period| *period != 0);
    let quota = given(cpu.quota);
    if period.is_none() && quota.is_none() {
        return None;
    }
    let now = read_words(file);
    let quota = match quota {
        Some(quota) => number_or_max(quota),
        None => now.first().cloned().unwrap_or_else(|| "max".to_owned()),
    };
    match period {
        Some(period) => Some(format!("{quota} {period}")),
        None => Some(quota),
    }
}

/// The weight of v2, 1 to 10000, of shares of v1, 2 to 262144: the curve of runc and crun through the smallest, the largest and
/// the usual ones (1024 is 100).
pub(super) fn weight_of_shares(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            10f64.powf((log * log + 125.0 * log) / 612.0 - 7.0 / 34.0).ceil() as u64
        }
    }
}

/// Limits of block I/O.
pub(super) fn set_block_io(dir: &Path, io: &BlockIo) -> Result<(), String> {
    if io.leaf_weight.is_some_and(|weight| weight != 0)
        || io.weight_device.iter().any(|device| device.leaf_weight.is_some())
    {
        return Err("cgroup v2 has no weights against cgroups below; drop blockIO.leafWeight".to_owned());
    }
    let is_bfq = dir.join("io.bfq.weight").exists();
    let file = dir.join(if is_bfq { "io.bfq.weight" } else { "io.weight" });
    let write_weight = |device: &str, weight: u16| {
        let value = if is_bfq { u64::from(weight) } else { io_weight(weight) };
        write(&file, &format!("{device}{value}")).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                "no I/O scheduler here weighs cgroups, which blockIO.weight (--blkio-weight) needs; use bfq for the disk (modprobe bfq)".to_owned()
            }
            _ => format!("cannot write the weight {device}{value} to {}: {error}", file.display()),
        })
    };
    if let Some(weight) = io.weight.filter(|weight| *weight != 0) {
        write_weight("", weight)?;
    }
    for device in &io.weight_device {
        if let Some(weight) = device.weight {
            write_weight(&format!("{}:{} ", device.major, device.minor), weight)?;
        }
    }
    let throttles = [
        ("rbps", &io.throttle_read_bps_device),
        ("wbps", &io.throttle_write_bps_device),
        ("riops", &io.throttle_read_iops_device),
        ("wiops", &io.throttle_write_iops_device),
    ];
    for (name, devices) in throttles {
        for device in devices {
            let rate = if device.rate == 0 { "max".to_owned() } else { device.rate.to_string() };
            write_file(&dir.join("io.max"), &format!("{}:{} {name}={rate}", device.major, device.minor))?;
        }
    }
    Ok(())
}

/// The weight of `io.weight`, 1 to 10000, of one of blkio, 10 to 1000.
fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight.saturating_sub(10)) * 9999 / 990
}

/// Limits of RDMA devices; of v1, too.
pub(super) fn set_rdma(dir: &Path, limits: &BTreeMap<String, RdmaLimit>) -> Result<(), String> {
    for (device, limit) in limits {
        if device.is_empty() || device.contains(char::is_whitespace) {
            return Err(format!("{device:?} is no name of an RDMA device"));
        }
        let number = |limit: Option<u32>| limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
        let line =
            format!("{device} hca_handle={} hca_object={}", number(limit.hca_handles), number(limit.hca_objects));
        write_file(&dir.join("rdma.max"), &line)?;
    }
    Ok(())
}

/// Files by name: `unified` of a spec.
pub(super) fn set_unified(dir: &Path, files: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in files {
        write_lines(&dir.join(name), value).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let controller = name.split('.').next().unwrap_or_default();
                format!("there is no file {name}, which `unified` names: {}", super::limits::missing(controller, dir))
            }
            _ => format!("cannot write {value:?} to {}, which `unified` names: {error}", dir.join(name).display()),
        })?;
    }
    Ok(())
}

/// Each line by itself, as files with a line for each device want it.
fn write_lines(path: &Path, value: &str) -> io::Result<()> {
    match value.contains('\n') {
        true => value.split_inclusive('\n').try_for_each(|line| write(path, line)),
        false => write(path, value),
    }
}

/// The controllers that files by name need, once they are known to be names.
pub(super) fn unified_controllers(files: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let mut controllers = Vec::new();
    for name in files.keys() {
        if name.contains('/')
            || name.contains("..")
            || !name.contains('.')
            || name.starts_with('.')
            || name.contains('\0')
        {
            return Err(format!(
                "`unified` names {name:?}, which is no file of a cgroup; write one such as memory.high"
            ));
        }
        let controller = name.split('.').next().unwrap_or_default();
        if controller != "cgroup" {
            controllers.push(controller.to_owned());
        }
    }
    Ok(controllers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::oci::runtime::ThrottleDevice;
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
    fn swap_of_v2_is_swap_alone() {
        for (both, memory, alone) in [
            (Some(-1), None, Some(-1)),
            (Some(-1), Some(100), Some(-1)),
            (None, Some(-1), Some(-1)),
            (None, Some(100), None),
            (Some(0), Some(100), None),
            (Some(100), Some(100), Some(0)),
            (Some(300), Some(100), Some(200)),
        ] {
            assert_eq!(swap_alone(both, memory), Ok(alone), "{both:?} {memory:?}");
        }
        for (both, memory) in [(Some(50), Some(100)), (Some(50), None), (Some(50), Some(-1))] {
            assert!(swap_alone(both, memory).is_err(), "{both:?} {memory:?}");
        }
    }

    #[test]
    fn shares_become_weights_along_the_curve_of_other_runtimes() {
        let cases = [(1, 1), (2, 1), (1024, 100), (262_144, 10_000), (1_000_000, 10_000), (512, 59), (2048, 174)];
        for (shares, weight) in cases {
            assert_eq!(weight_of_shares(shares), weight, "{shares}");
        }
    }

    #[test]
    fn weights_of_block_io_span_the_range_of_v2() {
        assert_eq!([io_weight(10), io_weight(100), io_weight(1000), io_weight(0)], [1, 910, 10_000, 1]);
    }

    #[test]
    fn a_quota_without_a_period_keeps_the_period() {
        let dir = fake(&[("cpu.max", "max 50000\n")]);
        let cpu = |quota, period| Cpu { quota, period, ..Cpu::default() };
        let file = dir.path().join("cpu.max");
        assert_eq!(cpu_max(&cpu(Some(20_000), None), &file).as_deref(), Some("20000"));
        assert_eq!(cpu_max(&cpu(Some(-1), Some(1000)), &file).as_deref(), Some("max 1000"));
        assert_eq!(cpu_max(&cpu(None, Some(1000)), &file).as_deref(), Some("max 1000"));
        assert_eq!(cpu_max(&cpu(None, None), &file), None);
    }

    #[test]
    fn memory_is_written_as_v2_has_it() {
        let dir = fake(&[("memory.max", ""), ("memory.low", ""), ("memory.swap.max", "")]);
        let memory = Memory { limit: Some(4096), swap: Some(8000), reservation: Some(2048), ..Memory::default() };
        set_memory(dir.path(), &memory).unwrap();
        assert_eq!(
            ["memory.max", "memory.low", "memory.swap.max"].map(|name| text(&dir, name)),
            ["4096", "2048", "3904"]
        );
    }

    #[test]
    fn what_v2_lacks_is_refused() {
        let dir = fake(&[]);
        let kinds = [
            Memory { kernel: Some(1), ..Memory::default() },
            Memory { kernel_tcp: Some(1), ..Memory::default() },
            Memory { swappiness: Some(60), ..Memory::default() },
            Memory { disable_oom_killer: Some(true), ..Memory::default() },
        ];
        for memory in kinds {
            assert!(set_memory(dir.path(), &memory).unwrap_err().starts_with("cgroup v2"), "{memory:?}");
        }
        let cpu = Cpu { realtime_runtime: Some(1), ..Cpu::default() };
        assert!(set_cpu(dir.path(), &cpu).unwrap_err().contains("realtime"));
    }

    #[test]
    fn throttles_are_lines_of_io_max() {
        let dir = fake(&[("io.max", "")]);
        let device = ThrottleDevice { major: 8, minor: 0, rate: 1_048_576 };
        let io = BlockIo { throttle_write_bps_device: vec![device], ..BlockIo::default() };
        set_block_io(dir.path(), &io).unwrap();
        assert_eq!(text(&dir, "io.max"), "8:0 wbps=1048576");
        let io = BlockIo { weight: Some(100), ..BlockIo::default() };
        assert!(set_block_io(dir.path(), &io).unwrap_err().contains("--blkio-weight"));
    }

    #[test]
    fn lines_of_unified_are_written_one_after_the_other() {
        let dir = fake(&[("io.max", ""), ("memory.high", "")]);
        let files = [("io.max", "7:0 riops=1\n7:1 riops=2\n"), ("memory.high", "max")];
        set_unified(dir.path(), &files.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).unwrap();
        // Each from the beginning of the file, as the kernel takes them.
        assert_eq!(["io.max", "memory.high"].map(|name| text(&dir, name)), ["7:1 riops=2\n", "max"]);
    }

    #[test]
    fn names_of_unified_are_names_of_files() {
        let names = |name: &str| unified_controllers(&BTreeMap::from([(name.to_owned(), "1".to_owned())]));
        assert_eq!(names("memory.high"), Ok(vec!["memory".to_owned()]));
        assert_eq!(names("cgroup.max.depth"), Ok(vec![]));
        for name in ["../memory.high", "a/memory.max", "memory", "", ".", "..", "memory..max", ".x"] {
            assert!(names(name).is_err(), "{name:?}");
        }
    }
}
