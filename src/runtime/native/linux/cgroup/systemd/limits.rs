//! Limits as properties of a unit: systemd.resource-control(5). What systemd does not know is in the files of the cgroup alone.

use std::path::Path;

use super::super::devices::{self, Allowed};
use super::super::hierarchy::{PROC_BYTES, read_bounded, read_words};
use super::super::v1::given;
use super::super::v1_place;
use super::super::v2::{swap_alone, weight_of_shares};
use super::bus::Property;
use crate::oci::runtime::{Cpu, DeviceRule, Memory, Resources};
use crate::runtime::native::CgroupRecord;

/// "No limit".
const INFINITY: u64 = u64::MAX;
/// From here on, what v1 tells as a limit of memory is none: the largest number, rounded down to pages of whatever size.
const V1_INFINITY: i64 = i64::MAX - (1 << 20);
/// The usual period of CPU time, in microseconds.
const PERIOD: u64 = 100_000;
/// How many CPUs or memory nodes a list may name.
const PLACES_MAX: usize = 65_536;

/// The cgroups of a scope.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Cgroups<'a> {
    /// Where they are. Those that are not made yet keep nothing.
    pub(in super::super) record: &'a CgroupRecord,
    /// Whether rules of devices are lines of v1.
    pub(in super::super) has_device_lines: bool,
}

impl Cgroups<'_> {
    /// The limit of memory that holds now, where there is one.
    fn memory(&self) -> Option<i64> {
        let text = match v1_place(self.record, "memory") {
            Some(dir) => read_words(&dir.join("memory.limit_in_bytes")),
            None => read_words(&self.record.unified.as_deref()?.join("memory.max")),
        };
        text.first()?.parse().ok().filter(|limit| *limit < V1_INFINITY)
    }

    /// The quota and the period of CPU time that hold now.
    fn cpu(&self) -> (Option<u64>, Option<u64>) {
        let number = |word: Option<&String>| word.and_then(|word| word.parse().ok());
        if let Some(dir) = v1_place(self.record, "cpu") {
            let read = |file| number(read_words(&dir.join(file)).first());
            return (read("cpu.cfs_quota_us"), read("cpu.cfs_period_us"));
        }
        let words = self.record.unified.as_ref().map(|dir| read_words(&dir.join("cpu.max"))).unwrap_or_default();
        (number(words.first()), number(words.get(1)))
    }
}

/// The properties that keep `resources`. What they leave open is looked up in the scope's cgroups.
pub(super) fn properties(resources: &Resources, cgroups: Cgroups<'_>) -> Result<Vec<Property>, String> {
    let mut all = Vec::new();
    if let Some(memory) = &resources.memory {
        push_memory(&mut all, memory, cgroups)?;
    }
    if let Some(cpu) = &resources.cpu {
        push_cpu(&mut all, cpu, cgroups);
        push_places(&mut all, "AllowedCPUs", &cpu.cpus)?;
        push_places(&mut all, "AllowedMemoryNodes", &cpu.mems)?;
    }
    if let Some(limit) = resources.pids.as_ref().map(|pids| pids.limit) {
        all.push(Property::number("TasksMax", if limit > 0 { limit.unsigned_abs() } else { INFINITY }));
    }
    for (file, value) in &resources.unified {
        push_file(&mut all, file, value.trim())?;
    }
    // A program of v2 stays what it is; lines of v1 are systemd's to write, too, and without these would allow everything then.
    if cgroups.has_device_lines && !resources.devices.is_empty() {
        push_devices(&mut all, &resources.devices, &read_bounded(Path::new("/proc/devices"), PROC_BYTES)?)?;
    }
    Ok(all)
}

fn push_memory(all: &mut Vec<Property>, memory: &Memory, cgroups: Cgroups<'_>) -> Result<(), String> {
    if let Some(limit) = given(memory.limit) {
        all.push(Property::number("MemoryMax", bytes(limit)));
    }
    if let Some(reservation) = given(memory.reservation) {
        all.push(Property::number("MemoryLow", bytes(reservation)));
    }
    let limit = given(memory.limit).or_else(|| cgroups.memory());
    // Without a limit of memory it is refused where it is written.
    if given(memory.swap).is_none_or(|swap| swap < 0) || limit.is_some_and(|limit| limit > 0) {
        let swap = swap_alone(memory.swap, limit)?;
        all.extend(swap.map(|swap| Property::number("MemorySwapMax", bytes(swap))));
    }
    Ok(())
}

fn push_cpu(all: &mut Vec<Property>, cpu: &Cpu, cgroups: Cgroups<'_>) {
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        all.push(match v1_place(cgroups.record, "cpu") {
            Some(_) => Property::number("CPUShares", shares),
            None => Property::number("CPUWeight", weight_of_shares(shares)),
        });
    }
    let period = cpu.period.filter(|period| *period != 0);
    let quota = given(cpu.quota);
    if quota.is_none() && period.is_none() {
        return;
    }
    let (quota_now, period_now) = cgroups.cpu();
    push_quota(all, quota.map_or(quota_now, |quota| u64::try_from(quota).ok()), period.or(period_now));
}

fn push_quota(all: &mut Vec<Property>, quota: Option<u64>, period: Option<u64>) {
    all.extend(period.map(|period| Property::number("CPUQuotaPeriodUSec", period)));
    let period = period.unwrap_or(PERIOD).max(1);
    let second = quota.map(|quota| quota.saturating_mul(1_000_000) / period);
    // systemd counts in hundredths of a CPU, and not below what is asked for.
    let second = second.map(|second| second.next_multiple_of(10_000));
    all.push(Property::number("CPUQuotaPerSecUSec", second.unwrap_or(INFINITY)));
}

/// A list such as `0-3,7` as a mask, the lowest first.
fn push_places(all: &mut Vec<Property>, name: &str, list: &str) -> Result<(), String> {
    if list.trim().is_empty() {
        return Ok(());
    }
    let invalid = || format!("{list:?} is no list of CPUs or memory nodes, such as 0-3,7");
    let mut mask: Vec<u8> = Vec::new();
    for part in list.trim().split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse().ok().filter(|number| *number < PLACES_MAX).ok_or_else(invalid);
        let (first, last): (usize, usize) = (number(first)?, number(last)?);
        if first > last {
            return Err(invalid());
        }
        mask.resize(mask.len().max(last / 8 + 1), 0);
        for place in first..=last {
            mask[place / 8] |= 1 << (place % 8);
        }
    }
    all.push(Property::bytes(name, &mask));
    Ok(())
}

/// Which devices may be used, by systemd's names for them. `table` is the text of /proc/devices.
fn push_devices(all: &mut Vec<Property>, rules: &[DeviceRule], table: &str) -> Result<(), String> {
    let allowed = devices::allowed_alone(rules)?;
    all.push(Property::text("DevicePolicy", if allowed.is_some() { "strict" } else { "auto" }));
    // The empty list forgets those of before.
    all.push(Property::pairs("DeviceAllow", &[]));
    let named = |one: Allowed| Some((device_name(&one, table)?, one.access));
    all.extend(
        allowed.map(|list| Property::pairs("DeviceAllow", &list.into_iter().filter_map(named).collect::<Vec<_>>())),
    );
    Ok(())
}

/// systemd's name for devices; none where it has no name for just them.
fn device_name(devices: &Allowed, table: &str) -> Option<String> {
    let kind = if devices.is_block { "block" } else { "char" };
    match (devices.major, devices.minor) {
        (None, None) => Some(format!("{kind}-*")),
        (None, Some(_)) => None,
        (Some(major), Some(minor)) => Some(format!("/dev/{kind}/{major}:{minor}")),
        (Some(major), None) => {
            let heading = if devices.is_block { "Block devices:" } else { "Character devices:" };
            let mut lines =
                table.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.is_empty());
            let name = lines.find_map(|line| line.trim().strip_prefix(&format!("{major} ")))?;
            Some(format!("{kind}-{name}"))
        }
    }
}

/// A file of cgroup v2 by its name.
fn push_file(all: &mut Vec<Property>, file: &str, value: &str) -> Result<(), String> {
    let limits = [
        ("memory.max", "MemoryMax"),
        ("memory.high", "MemoryHigh"),
        ("memory.low", "MemoryLow"),
        ("memory.min", "MemoryMin"),
        ("memory.swap.max", "MemorySwapMax"),
        ("pids.max", "TasksMax"),
        ("cpu.weight", "CPUWeight"),
    ];
    let amount = |value: &str| if value == "max" { Some(INFINITY) } else { value.parse().ok() };
    if let Some((_, name)) = limits.iter().find(|(name, _)| *name == file) {
        // What is no number is the kernel's to refuse, or to understand.
        all.extend(amount(value).map(|amount| Property::number(name, amount)));
    }
    match file {
        "cpuset.cpus" => push_places(all, "AllowedCPUs", value)?,
        "cpuset.mems" => push_places(all, "AllowedMemoryNodes", value)?,
        "cpu.max" => {
            let mut words = value.split_whitespace();
            let quota = words.next().and_then(|word| word.parse().ok());
            push_quota(all, quota, words.next().and_then(|word| word.parse().ok()));
        }
        _ => {}
    }
    Ok(())
}

/// Less than nothing is no limit.
fn bytes(limit: i64) -> u64 {
    u64::try_from(limit).unwrap_or(INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::native::V1Cgroup;

    fn words(json: &str, record: &CgroupRecord) -> String {
        let resources = serde_json::from_str(json).unwrap();
        text(&properties(&resources, Cgroups { record, has_device_lines: false }).unwrap())
    }

    fn text(all: &[Property]) -> String {
        all.iter().map(|one| format!("{}={}", one.name, one.words.join(","))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn limits_are_properties() {
        let table = [
            (
                r#"{"memory":{"limit":4096,"swap":8192,"reservation":512}}"#,
                "MemoryMax=4096 MemoryLow=512 MemorySwapMax=4096",
            ),
            (r#"{"memory":{"limit":-1}}"#, "MemoryMax=18446744073709551615 MemorySwapMax=18446744073709551615"),
            (r#"{"memory":{"swap":4096}}"#, ""),
            (r#"{"cpu":{"shares":1024}}"#, "CPUWeight=100"),
            (r#"{"cpu":{"quota":25000}}"#, "CPUQuotaPerSecUSec=250000"),
            (r#"{"cpu":{"quota":25001,"period":50000}}"#, "CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=510000"),
            (r#"{"cpu":{"quota":-1}}"#, "CPUQuotaPerSecUSec=18446744073709551615"),
            (r#"{"cpu":{"cpus":"0-2,8","mems":"0"}}"#, "AllowedCPUs=2,7,1 AllowedMemoryNodes=1,1"),
            (r#"{"pids":{"limit":7}}"#, "TasksMax=7"),
            (r#"{"pids":{"limit":-1}}"#, "TasksMax=18446744073709551615"),
            (
                r#"{"unified":{"memory.high":"max","cpu.max":"max 50000","pids.max":"9","io.max":"8:0 rbps=1"}}"#,
                "CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=18446744073709551615 MemoryHigh=18446744073709551615 TasksMax=9",
            ),
        ];
        for (json, expected) in table {
            assert_eq!(words(json, &CgroupRecord::default()), expected, "{json}");
        }
    }

    #[test]
    fn an_update_is_completed_by_what_holds_now() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cpu.max"), "20000 40000\n").unwrap();
        std::fs::write(dir.path().join("memory.max"), "1000\n").unwrap();
        let record = CgroupRecord { unified: Some(dir.path().to_owned()), ..CgroupRecord::default() };
        let with = |json| words(json, &record);
        assert_eq!(with(r#"{"cpu":{"period":80000}}"#), "CPUQuotaPeriodUSec=80000 CPUQuotaPerSecUSec=250000");
        assert_eq!(with(r#"{"cpu":{"quota":10000}}"#), "CPUQuotaPeriodUSec=40000 CPUQuotaPerSecUSec=250000");
        assert_eq!(with(r#"{"memory":{"swap":3000}}"#), "MemorySwapMax=2000");
    }

    #[test]
    fn what_v1_keeps_is_said_and_looked_up_as_v1_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        write("cpu.cfs_quota_us", "20000\n");
        write("cpu.cfs_period_us", "40000\n");
        write("memory.limit_in_bytes", "1000\n");
        let controllers = ["memory", "cpu", "cpuacct"].map(str::to_owned).to_vec();
        let v1 = vec![V1Cgroup { controllers, path: dir.path().to_owned() }];
        let record = CgroupRecord { v1, ..CgroupRecord::default() };
        let with = |json| words(json, &record);
        assert_eq!(with(r#"{"cpu":{"shares":512}}"#), "CPUShares=512");
        assert_eq!(with(r#"{"cpu":{"quota":10000}}"#), "CPUQuotaPeriodUSec=40000 CPUQuotaPerSecUSec=250000");
        assert_eq!(with(r#"{"memory":{"swap":3000}}"#), "MemorySwapMax=2000");
        write("cpu.cfs_quota_us", "-1\n");
        write("memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(
            with(r#"{"cpu":{"period":80000}}"#),
            "CPUQuotaPeriodUSec=80000 CPUQuotaPerSecUSec=18446744073709551615"
        );
        assert_eq!(with(r#"{"memory":{"swap":3000}}"#), "");
    }

    #[test]
    fn rules_of_devices_are_lists_of_names_and_allow_no_more() {
        let table = "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n136 other\n";
        let words = |json: &str| {
            let rules: Vec<DeviceRule> = serde_json::from_str(json).unwrap();
            let mut all = Vec::new();
            push_devices(&mut all, &rules, table).unwrap();
            let lists: Vec<String> = all.iter().skip(2).map(|list| list.words.join(" ")).collect();
            assert_eq!(all[1].words, ["0"], "{json}");
            format!("{} {}", all[0].words[0], lists.join(" "))
        };
        let usual = "char-* m block-* m /dev/char/1:3 rwm /dev/char/1:5 rwm /dev/char/1:7 rwm /dev/char/1:8 rwm \
                     /dev/char/1:9 rwm /dev/char/5:0 rwm /dev/char/5:2 rwm char-pts rwm";
        let none = r#"{"allow":false,"access":"rwm"}"#;
        assert_eq!(words(&format!("[{none}]")), format!("strict 10 {usual}"));
        assert_eq!(words(r#"[{"allow":true,"access":"rwm"}]"#), "auto ");
        let block = r#"{"allow":true,"type":"b","major":8,"access":"rw"}"#;
        assert_eq!(words(&format!("[{none},{block}]")), format!("strict 11 block-sd rw {usual}"));
        let but = r#"{"allow":false,"type":"b","major":8,"minor":1,"access":"w"}"#;
        assert_eq!(words(&format!("[{none},{block},{but}]")), format!("strict 11 block-sd r {usual}"));
        let unknown = r#"{"allow":true,"type":"c","major":99,"access":"rw"}"#;
        assert_eq!(words(&format!("[{none},{unknown}]")), format!("strict 10 {usual}"), "it has no name");
    }

    #[test]
    fn lists_that_are_none_are_refused() {
        for list in ["a", "1-", "3-1", "1,,2", "99999999", "-1"] {
            assert!(push_places(&mut Vec::new(), "AllowedCPUs", list).is_err(), "{list}");
        }
    }
}
