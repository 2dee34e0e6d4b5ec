//! What a container uses, in the words of `runc events --stats`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::control::field_of;
use super::hierarchy::read_file;
use super::{Cgroup, Place};

/// All numbers: `data` of an event of the type `stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    cpu: CpuStats,
    cpuset: CpusetStats,
    memory: MemoryStats,
    pids: PidsStats,
    blkio: BlockStats,
    hugetlb: BTreeMap<String, HugePageStats>,
    /// Empty: it is not offered.
    intel_rdt: BTreeMap<String, u64>,
    /// None: networks are not the runtime's.
    network_interfaces: Option<Vec<u64>>,
}

/// CPU time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CpuStats {
    usage: CpuUsage,
    throttling: Throttling,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// Nanoseconds of CPU time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CpuUsage {
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu_kernel: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu_user: Vec<u64>,
    kernel: u64,
    user: u64,
}

/// How often, and for how many nanoseconds, the quota was used up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttling {
    #[serde(skip_serializing_if = "is_zero")]
    periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_time: u64,
}

/// CPUs and memory nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CpusetStats {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cpus: Vec<u16>,
    cpu_exclusive: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mems: Vec<u16>,
    mem_hardwall: u64,
    mem_exclusive: u64,
    memory_migrate: u64,
    memory_spread_page: u64,
    memory_spread_slab: u64,
    memory_pressure: u64,
    sched_load_balance: u64,
    sched_relax_domain_level: i64,
}

/// Bytes of memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MemoryStats {
    #[serde(skip_serializing_if = "is_zero")]
    cache: u64,
    usage: MemoryEntry,
    /// Memory and swap together.
    swap: MemoryEntry,
    kernel: MemoryEntry,
    #[serde(rename = "kernelTCP")]
    kernel_tcp: MemoryEntry,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    raw: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// Bytes of one kind of memory; `u64::MAX` is no limit on v2.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MemoryEntry {
    limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

/// Processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PidsStats {
    #[serde(skip_serializing_if = "is_zero")]
    current: u64,
    /// 0 is none.
    #[serde(skip_serializing_if = "is_zero")]
    limit: u64,
}

/// Block I/O.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStats {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_bytes_recursive: Vec<BlockEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_serviced_recursive: Vec<BlockEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// A number of one device and one kind of operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BlockEntry {
    #[serde(skip_serializing_if = "is_zero")]
    major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    minor: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    op: String,
    #[serde(skip_serializing_if = "is_zero")]
    value: u64,
}

/// Huge pages of one size.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HugePageStats {
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

/// How long some, or all, processes waited: Documentation/accounting/psi.rst.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Pressure {
    some: PressureLine,
    full: PressureLine,
}

/// Percents of the last 10, 60 and 300 seconds, and microseconds of all time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct PressureLine {
    avg10: f64,
    avg60: f64,
    avg300: f64,
    total: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Cgroup {
    /// What the container uses now. What no controller counts is 0.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        // On v2 the time of CPUs is counted without the controller, too.
        match (self.find("cpu"), self.find("cpuacct"), &self.record.unified) {
            (Some(Place::V1(cpu)), _, _) => stats.cpu.throttling = throttling_v1(cpu),
            (_, None, Some(unified)) => stats.cpu = cpu_v2(unified),
            _ => {}
        }
        if let Some(Place::V1(dir)) = self.find("cpuacct") {
            stats.cpu.usage = cpu_usage_v1(dir);
        }
        if let Some(Place::V1(dir)) = self.find("cpuset") {
            stats.cpuset = cpuset_v1(dir);
        }
        stats.memory = match self.find("memory") {
            Some(Place::V1(dir)) => memory_v1(dir),
            Some(Place::V2(dir)) => memory_v2(dir),
            None => MemoryStats::default(),
        };
        if let Some(Place::V1(dir) | Place::V2(dir)) = self.find("pids") {
            // "max" is 0.
            stats.pids = PidsStats { current: number(dir, "pids.current"), limit: number(dir, "pids.max") };
        }
        stats.blkio = match self.find("blkio").or_else(|| self.find("io")) {
            Some(Place::V1(dir)) => block_v1(dir),
            Some(Place::V2(dir)) => block_v2(dir),
            None => BlockStats::default(),
        };
        stats.hugetlb = match self.find("hugetlb") {
            Some(Place::V1(dir)) => huge_pages(dir, ".limit_in_bytes", huge_page_v1),
            Some(Place::V2(dir)) => huge_pages(dir, ".max", huge_page_v2),
            None => BTreeMap::new(),
        };
        stats
    }
}

fn text(dir: &Path, name: &str) -> String {
    read_file(&dir.join(name)).unwrap_or_default()
}

fn number(dir: &Path, name: &str) -> u64 {
    text(dir, name).parse().unwrap_or(0)
}

/// A limit of v2.
fn limit(dir: &Path, name: &str) -> u64 {
    match text(dir, name).as_str() {
        "max" => u64::MAX,
        number => number.parse().unwrap_or(0),
    }
}

fn throttling_v1(dir: &Path) -> Throttling {
    let text = text(dir, "cpu.stat");
    let field = |name| field_of(&text, name).unwrap_or(0);
    Throttling {
        periods: field("nr_periods"),
        throttled_periods: field("nr_throttled"),
        throttled_time: field("throttled_time"),
    }
}

fn cpu_usage_v1(dir: &Path) -> CpuUsage {
    let numbers = |name: &str| text(dir, name).split_whitespace().filter_map(|word| word.parse().ok()).collect();
    CpuUsage {
        total: number(dir, "cpuacct.usage"),
        percpu: numbers("cpuacct.usage_percpu"),
        percpu_kernel: numbers("cpuacct.usage_percpu_sys"),
        percpu_user: numbers("cpuacct.usage_percpu_user"),
        kernel: number(dir, "cpuacct.usage_sys"),
        user: number(dir, "cpuacct.usage_user"),
    }
}

fn cpu_v2(dir: &Path) -> CpuStats {
    let text = text(dir, "cpu.stat");
    let field = |name| field_of(&text, name).unwrap_or(0);
    let nanoseconds = |name| field(name).saturating_mul(1000);
    CpuStats {
        usage: CpuUsage {
            total: nanoseconds("usage_usec"),
            kernel: nanoseconds("system_usec"),
            user: nanoseconds("user_usec"),
            ..CpuUsage::default()
        },
        throttling: Throttling {
            periods: field("nr_periods"),
            throttled_periods: field("nr_throttled"),
            throttled_time: nanoseconds("throttled_usec"),
        },
        psi: pressure(dir, "cpu.pressure"),
    }
}

fn cpuset_v1(dir: &Path) -> CpusetStats {
    CpusetStats {
        cpus: list(&text(dir, "cpuset.cpus")),
        cpu_exclusive: number(dir, "cpuset.cpu_exclusive"),
        mems: list(&text(dir, "cpuset.mems")),
        mem_hardwall: number(dir, "cpuset.mem_hardwall"),
        mem_exclusive: number(dir, "cpuset.mem_exclusive"),
        memory_migrate: number(dir, "cpuset.memory_migrate"),
        memory_spread_page: number(dir, "cpuset.memory_spread_page"),
        memory_spread_slab: number(dir, "cpuset.memory_spread_slab"),
        memory_pressure: number(dir, "cpuset.memory_pressure"),
        sched_load_balance: number(dir, "cpuset.sched_load_balance"),
        sched_relax_domain_level: text(dir, "cpuset.sched_relax_domain_level").parse().unwrap_or(0),
    }
}

/// The numbers of a list such as `0-3,7`.
fn list(text: &str) -> Vec<u16> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u16>().ok()?..=last.parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

fn memory_v1(dir: &Path) -> MemoryStats {
    let entry = |kind: &str| MemoryEntry {
        limit: number(dir, &format!("memory.{kind}limit_in_bytes")),
        usage: number(dir, &format!("memory.{kind}usage_in_bytes")),
        max: number(dir, &format!("memory.{kind}max_usage_in_bytes")),
        failcnt: number(dir, &format!("memory.{kind}failcnt")),
    };
    let raw = fields(&text(dir, "memory.stat"));
    MemoryStats {
        cache: raw.get("cache").copied().unwrap_or(0),
        usage: entry(""),
        swap: entry("memsw."),
        kernel: entry("kmem."),
        kernel_tcp: entry("kmem.tcp."),
        raw,
        psi: None,
    }
}

fn memory_v2(dir: &Path) -> MemoryStats {
    let entry = |kind: &str| MemoryEntry {
        limit: limit(dir, &format!("memory.{kind}max")),
        usage: number(dir, &format!("memory.{kind}current")),
        max: number(dir, &format!("memory.{kind}peak")),
        failcnt: 0,
    };
    let raw = fields(&text(dir, "memory.stat"));
    let usage = entry("");
    // As on v1: memory and swap together.
    let mut swap = entry("swap.");
    swap.usage = swap.usage.saturating_add(usage.usage);
    swap.max = swap.max.saturating_add(usage.max);
    swap.limit = swap.limit.saturating_add(usage.limit);
    MemoryStats {
        cache: raw.get("file").copied().unwrap_or(0),
        usage,
        swap,
        raw,
        psi: pressure(dir, "memory.pressure"),
        ..MemoryStats::default()
    }
}

fn fields(text: &str) -> BTreeMap<String, u64> {
    let field = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(field).collect()
}

fn block_v1(dir: &Path) -> BlockStats {
    let entries = |names: [&str; 2]| {
        let found =
            names.into_iter().map(|name| block_entries_v1(&text(dir, name))).find(|entries| !entries.is_empty());
        found.unwrap_or_default()
    };
    BlockStats {
        io_service_bytes_recursive: entries([
            "blkio.bfq.io_service_bytes_recursive",
            "blkio.throttle.io_service_bytes_recursive",
        ]),
        io_serviced_recursive: entries(["blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"]),
        psi: None,
    }
}

/// Lines such as `8:0 Read 4096`; a total without a device is passed over.
fn block_entries_v1(text: &str) -> Vec<BlockEntry> {
    let entry = |line: &str| {
        let mut words = line.split([' ', ':']);
        let (major, minor) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(BlockEntry { major, minor, op: words.next()?.to_owned(), value: words.next()?.parse().ok()? })
    };
    text.lines().filter_map(entry).collect()
}

fn block_v2(dir: &Path) -> BlockStats {
    let mut stats = BlockStats { psi: pressure(dir, "io.pressure"), ..BlockStats::default() };
    for line in text(dir, "io.stat").lines() {
        let mut words = line.split_whitespace();
        let numbers = words.next().and_then(|device| device.split_once(':'));
        let Some((Ok(major), Ok(minor))) = numbers.map(|(major, minor)| (major.parse(), minor.parse())) else {
            continue;
        };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let Ok(value) = value.parse() else { continue };
            let (entries, op) = match name {
                "rbytes" => (&mut stats.io_service_bytes_recursive, "Read"),
                "wbytes" => (&mut stats.io_service_bytes_recursive, "Write"),
                "rios" => (&mut stats.io_serviced_recursive, "Read"),
                "wios" => (&mut stats.io_serviced_recursive, "Write"),
                _ => continue,
            };
            entries.push(BlockEntry { major, minor, op: op.to_owned(), value });
        }
    }
    stats
}

/// The sizes of huge pages that `dir` has files with `suffix` for.
fn huge_pages(dir: &Path, suffix: &str, read: fn(&Path, &str) -> HugePageStats) -> BTreeMap<String, HugePageStats> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let size = |name: String| {
        let size = name.strip_prefix("hugetlb.")?.strip_suffix(suffix)?;
        (!size.contains('.')).then(|| (size.to_owned(), read(dir, size)))
    };
    names.filter_map(size).collect()
}

fn huge_page_v1(dir: &Path, size: &str) -> HugePageStats {
    HugePageStats {
        usage: number(dir, &format!("hugetlb.{size}.usage_in_bytes")),
        max: number(dir, &format!("hugetlb.{size}.max_usage_in_bytes")),
        failcnt: number(dir, &format!("hugetlb.{size}.failcnt")),
    }
}

fn huge_page_v2(dir: &Path, size: &str) -> HugePageStats {
    let events = text(dir, &format!("hugetlb.{size}.events"));
    HugePageStats {
        usage: number(dir, &format!("hugetlb.{size}.current")),
        max: 0,
        failcnt: field_of(&events, "max").unwrap_or(0),
    }
}

/// None where the kernel does not count it.
fn pressure(dir: &Path, name: &str) -> Option<Pressure> {
    let text = read_file(&dir.join(name)).ok()?;
    let line = |kind: &str| {
        let mut line = PressureLine::default();
        let found = text.lines().find_map(|line| line.strip_prefix(kind)).unwrap_or_default();
        for (name, value) in found.split_whitespace().filter_map(|word| word.split_once('=')) {
            match name {
                "avg10" => line.avg10 = value.parse().unwrap_or(0.0),
                "avg60" => line.avg60 = value.parse().unwrap_or(0.0),
                "avg300" => line.avg300 = value.parse().unwrap_or(0.0),
                "total" => line.total = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        line
    };
    Some(Pressure { some: line("some "), full: line("full ") })
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

    #[test]
    fn nothing_is_counted_as_runc_writes_it() {
        let text = serde_json::to_string(&Stats::default()).unwrap();
        assert_eq!(
            text,
            r#"{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}"#
        );
    }

    #[test]
    fn swap_of_v2_is_told_together_with_memory() {
        let dir = fake(&[
            ("memory.current", "100\n"),
            ("memory.max", "max\n"),
            ("memory.swap.current", "20\n"),
            ("memory.swap.max", "50\n"),
            ("memory.stat", "anon 7\nfile 30\n"),
        ]);
        let stats = memory_v2(dir.path());
        assert_eq!((stats.usage.usage, stats.usage.limit), (100, u64::MAX));
        assert_eq!((stats.swap.usage, stats.swap.limit), (120, u64::MAX));
        assert_eq!((stats.cache, stats.raw.len()), (30, 2));
    }

    #[test]
    fn microseconds_of_v2_are_told_as_nanoseconds() {
        let dir = fake(&[(
            "cpu.stat",
            "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 4\nnr_throttled 1\nthrottled_usec 9\n",
        )]);
        let stats = cpu_v2(dir.path());
        assert_eq!((stats.usage.total, stats.usage.user, stats.usage.kernel), (5000, 3000, 2000));
        assert_eq!(stats.throttling, Throttling { periods: 4, throttled_periods: 1, throttled_time: 9000 });
        assert_eq!(stats.psi, None);
    }

    #[test]
    fn block_io_of_both_versions_is_told_alike() {
        let dir = fake(&[("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\nbad\n")]);
        let read = BlockEntry { major: 8, minor: 0, op: "Read".to_owned(), value: 10 };
        assert_eq!(block_v2(dir.path()).io_service_bytes_recursive[0], read);
        assert_eq!(block_entries_v1("8:0 Read 10\nTotal 10\n"), [read]);
    }

    #[test]
    fn lists_of_numbers_are_spread_out() {
        assert_eq!(list("0-3,7"), [0, 1, 2, 3, 7]);
        assert_eq!(list(""), [] as [u16; 0]);
    }

    #[test]
    fn pressure_has_two_lines() {
        let dir = fake(&[(
            "cpu.pressure",
            "some avg10=1.50 avg60=0.00 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.25 total=1\n",
        )]);
        let pressure = pressure(dir.path(), "cpu.pressure").unwrap();
        assert_eq!((pressure.some.avg10, pressure.some.total, pressure.full.avg300), (1.5, 42, 0.25));
    }
}
