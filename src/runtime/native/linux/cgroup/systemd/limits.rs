//! Limits as properties of a unit: systemd.resource-control(5). What systemd does not know is in the files of the cgroup alone.

use std::path::Path;

use super::super::hierarchy::read_words;
use super::super::v1::given;
use super::super::v2::{swap_alone, weight_of_shares};
use super::bus::Property;
use crate::oci::runtime::{Cpu, Memory, Resources};

/// "No limit".
const INFINITY: u64 = u64::MAX;
/// The usual period of CPU time, in microseconds.
const PERIOD: u64 = 100_000;
/// How many CPUs or memory nodes a list may name.
const PLACES_MAX: usize = 65_536;

/// The properties that keep `resources`. What they leave open is looked up in the cgroup `dir`, where there is one.
pub(super) fn properties(resources: &Resources, dir: Option<&Path>) -> Result<Vec<Property>, String> {
    let mut all = Vec::new();
    if let Some(memory) = &resources.memory {
        push_memory(&mut all, memory, dir)?;
    }
    if let Some(cpu) = &resources.cpu {
        push_cpu(&mut all, cpu, dir);
        push_places(&mut all, "AllowedCPUs", &cpu.cpus)?;
        push_places(&mut all, "AllowedMemoryNodes", &cpu.mems)?;
    }
    if let Some(limit) = resources.pids.as_ref().map(|pids| pids.limit) {
        all.push(Property::number("TasksMax", if limit > 0 { limit.unsigned_abs() } else { INFINITY }));
    }
    for (file, value) in &resources.unified {
        push_file(&mut all, file, value.trim())?;
    }
    Ok(all)
}

fn push_memory(all: &mut Vec<Property>, memory: &Memory, dir: Option<&Path>) -> Result<(), String> {
    if let Some(limit) = given(memory.limit) {
        all.push(Property::number("MemoryMax", bytes(limit)));
    }
    if let Some(reservation) = given(memory.reservation) {
        all.push(Property::number("MemoryLow", bytes(reservation)));
    }
    let now = || dir.and_then(|dir| read_words(&dir.join("memory.max")).first()?.parse().ok());
    let limit = given(memory.limit).or_else(now);
    // Without a limit of memory it is refused where it is written.
    if given(memory.swap).is_none_or(|swap| swap < 0) || limit.is_some_and(|limit| limit > 0) {
        let swap = swap_alone(memory.swap, limit)?;
        all.extend(swap.map(|swap| Property::number("MemorySwapMax", bytes(swap))));
    }
    Ok(())
}

fn push_cpu(all: &mut Vec<Property>, cpu: &Cpu, dir: Option<&Path>) {
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        all.push(Property::number("CPUWeight", weight_of_shares(shares)));
    }
    let now = dir.map(|dir| read_words(&dir.join("cpu.max"))).unwrap_or_default();
    let number = |at: usize| now.get(at).and_then(|word| word.parse::<u64>().ok());
    let period = cpu.period.filter(|period| *period != 0);
    let quota = match given(cpu.quota) {
        None if period.is_none() => return,
        None => number(0),
        Some(quota) => u64::try_from(quota).ok(),
    };
    push_quota(all, quota, period.or(number(1)));
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

    fn words(json: &str, dir: Option<&Path>) -> String {
        let resources = serde_json::from_str(json).unwrap();
        let all = properties(&resources, dir).unwrap();
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
            assert_eq!(words(json, None), expected, "{json}");
        }
    }

    #[test]
    fn an_update_is_completed_by_what_holds_now() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cpu.max"), "20000 40000\n").unwrap();
        std::fs::write(dir.path().join("memory.max"), "1000\n").unwrap();
        let with = |json| words(json, Some(dir.path()));
        assert_eq!(with(r#"{"cpu":{"period":80000}}"#), "CPUQuotaPeriodUSec=80000 CPUQuotaPerSecUSec=250000");
        assert_eq!(with(r#"{"cpu":{"quota":10000}}"#), "CPUQuotaPeriodUSec=40000 CPUQuotaPerSecUSec=250000");
        assert_eq!(with(r#"{"memory":{"swap":3000}}"#), "MemorySwapMax=2000");
    }

    #[test]
    fn lists_that_are_none_are_refused() {
        for list in ["a", "1-", "3-1", "1,,2", "99999999", "-1"] {
            assert!(push_places(&mut Vec::new(), "AllowedCPUs", list).is_err(), "{list}");
        }
    }
}
