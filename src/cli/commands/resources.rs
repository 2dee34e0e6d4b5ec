//! The options of `run` and `create` for what a container may use.

use std::path::PathBuf;

use crate::cli::context::Failure;
use crate::cli::output::units::parse_size;
use crate::store::{LimitsRecord, RateRecord, ResourcesRecord, WeightRecord};

/// The limits of a container's cgroup, of which WASI programs have the first three.
#[derive(Default, clap::Args)]
pub(super) struct Resources {
    /// Memory limit (such as 512m)
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<String>,
    /// Number of CPUs (such as 0.5)
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<f64>,
    /// Limit of processes at one time (-1 for the largest there is)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Swap limit equal to memory plus swap: -1 to enable unlimited swap
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    memory_swap: Option<String>,
    /// Memory soft limit
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<String>,
    /// Tune container memory swappiness (0 to 100)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    memory_swappiness: Option<i64>,
    /// Disable OOM killer
    #[arg(long)]
    oom_kill_disable: bool,
    /// CPU shares (relative weight)
    #[arg(short, long, value_name = "NUMBER")]
    cpu_shares: Option<u64>,
    /// Limit CPU CFS (Completely Fair Scheduler) period, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "CPUS")]
    cpuset_cpus: Option<String>,
    /// Memory nodes in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "NODES")]
    cpuset_mems: Option<String>,
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable
    #[arg(long, value_name = "NUMBER")]
    blkio_weight: Option<u16>,
    /// Block IO weight (relative device weight), between 10 and 1000
    #[arg(long, value_name = "DEVICE:WEIGHT")]
    blkio_weight_device: Vec<String>,
    /// Limit read rate (bytes per second) from a device
    #[arg(long, value_name = "DEVICE:RATE")]
    device_read_bps: Vec<String>,
    /// Limit write rate (bytes per second) to a device
    #[arg(long, value_name = "DEVICE:RATE")]
    device_write_bps: Vec<String>,
    /// Limit read rate (IO per second) from a device
    #[arg(long, value_name = "DEVICE:RATE")]
    device_read_iops: Vec<String>,
    /// Limit write rate (IO per second) to a device
    #[arg(long, value_name = "DEVICE:RATE")]
    device_write_iops: Vec<String>,
    /// Parent cgroup for the container
    #[arg(long, value_name = "PATH")]
    cgroup_parent: Option<String>,
}

impl Resources {
    /// The limits that all kinds of containers have; the other ones are the defaults.
    pub(super) fn limits(&self) -> Result<LimitsRecord, Failure> {
        if let Some(cpus) = self.cpus.filter(|cpus| !cpus.is_finite() || *cpus <= 0.0) {
            return Err(Failure::new(format!("invalid value for --cpus: {cpus} (expected a number above 0)")));
        }
        Ok(LimitsRecord {
            memory: self.memory.as_deref().map(parse_size).transpose()?,
            cpus: self.cpus,
            processes: self
                .pids_limit
                .map(|limit| u32::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(u32::MAX)),
            ..LimitsRecord::default()
        })
    }

    /// The limits that native containers alone have. Docker's zeros say nothing.
    pub(super) fn resolve(&self) -> Result<ResourcesRecord, Failure> {
        let bytes = |text: &str| parse_size(text).ok();
        let operations = |text: &str| text.parse().ok();
        Ok(ResourcesRecord {
            memory_reservation: self.memory_reservation.as_deref().map(parse_size).transpose()?.unwrap_or(0),
            memory_swap: match self.memory_swap.as_deref() {
                None => 0,
                Some("-1") => -1,
                // What is larger is no limit that a machine could reach.
                Some(text) => i64::try_from(parse_size(text)?).unwrap_or(i64::MAX),
            },
            memory_swappiness: match self.memory_swappiness {
                None | Some(-1) => None,
                Some(number) => Some(u8::try_from(number).ok().filter(|number| *number <= 100).ok_or_else(|| {
                    Failure::new(format!("invalid value: {number}, valid memory swappiness range is 0-100"))
                })?),
            },
            oom_kill_disable: self.oom_kill_disable,
            cpu_shares: self.cpu_shares.unwrap_or(0),
            cpu_period: self.cpu_period.unwrap_or(0),
            cpu_quota: self.cpu_quota.unwrap_or(0),
            cpuset_cpus: set("cpus", &self.cpuset_cpus)?,
            cpuset_mems: set("mems", &self.cpuset_mems)?,
            blkio_weight: self.blkio_weight.unwrap_or(0),
            blkio_weight_device: self.blkio_weight_device.iter().map(|text| weight(text)).collect::<Result<_, _>>()?,
            device_read_bps: rates(&self.device_read_bps, bytes)?,
            device_write_bps: rates(&self.device_write_bps, bytes)?,
            device_read_iops: rates(&self.device_read_iops, operations)?,
            device_write_iops: rates(&self.device_write_iops, operations)?,
            cgroup_parent: parent(self.cgroup_parent.as_deref().unwrap_or_default())?,
        })
    }
}

/// A list of CPUs or nodes, such as `0-3,7`.
fn set(what: &str, text: &Option<String>) -> Result<String, Failure> {
    let text = text.as_deref().unwrap_or_default();
    let is_range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if first <= last)
    };
    match text.is_empty() || text.split(',').all(is_range) {
        true => Ok(text.to_owned()),
        false => Err(Failure::new(format!("invalid value {text} for cpuset {what} (expected such as 0-3,7)"))),
    }
}

/// `DEVICE:WEIGHT`.
fn weight(text: &str) -> Result<WeightRecord, Failure> {
    let (device, weight) = text
        .rsplit_once(':')
        .and_then(|(device, weight)| Some((device, weight.parse().ok()?)))
        .filter(|(device, _)| device.starts_with("/dev/"))
        .ok_or_else(|| {
            Failure::new(format!("bad format: {text} (expected <device-path>:<weight>, as /dev/sda:200)"))
        })?;
    Ok(WeightRecord { device: PathBuf::from(device), weight })
}

/// `DEVICE:RATE` of each device.
fn rates(texts: &[String], number: impl Fn(&str) -> Option<u64>) -> Result<Vec<RateRecord>, Failure> {
    let rate = |text: &String| {
        let invalid = || Failure::new(format!("bad format: {text} (expected <device-path>:<number>, as /dev/sda:1mb)"));
        let (device, rate) = text.rsplit_once(':').ok_or_else(invalid)?;
        let rate = number(rate).filter(|_| device.starts_with("/dev/")).ok_or_else(invalid)?;
        Ok(RateRecord { device: PathBuf::from(device), rate })
    };
    texts.iter().map(rate).collect()
}

/// A cgroup by its path from the root.
fn parent(text: &str) -> Result<String, Failure> {
    match text {
        "" => Ok(String::new()),
        text if text.split('/').any(|part| part == "..") => {
            Err(Failure::new(format!("invalid --cgroup-parent {text:?}: it must not hold `..`")))
        }
        text => Ok(format!("/{}", text.trim_matches('/'))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_numbers_and_ranges() {
        for good in ["", "0", "0-3", "0,2-3"] {
            assert!(set("cpus", &Some(good.into())).is_ok(), "{good}");
        }
        for bad in ["a", "3-1", "0,", "-1", "0-", "99999"] {
            assert!(set("cpus", &Some(bad.into())).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_of_device_files() {
        let found = rates(&["/dev/sda:1mb".into()], |text| parse_size(text).ok()).unwrap();
        assert_eq!(found, [RateRecord { device: "/dev/sda".into(), rate: 1 << 20 }]);
        for bad in ["/dev/sda", "sda:1", "/dev/sda:", "/dev/sda:x"] {
            assert!(rates(&[bad.into()], |text| parse_size(text).ok()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parent_is_a_path_from_the_root() {
        assert_eq!(parent("jobs/").unwrap(), "/jobs");
        assert_eq!(parent("").unwrap(), "");
        assert!(parent("/a/../b").is_err());
    }
}
