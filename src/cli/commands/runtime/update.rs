//! `cowbox runtime update`: other limits for a container.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Container, Failure, Outcome};
use crate::cli::output::units;
use crate::oci::MAX_DOCUMENT;
use crate::oci::runtime::{BlockIo, Cpu, Memory, Pids, Resources};
use crate::runtime::native::Lifecycle;

/// Change limits of a container
#[derive(clap::Args)]
pub(super) struct Args {
    /// A file with resources as config.json has them, or - for standard input; all other options are then not looked at
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,
    /// The weight of block I/O, 10 to 1000
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u16>,
    /// Microseconds of a period of CPU time
    #[arg(long, value_name = "N")]
    cpu_period: Option<u64>,
    /// Microseconds of CPU time in each period
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// Microseconds that can be saved up
    #[arg(long, value_name = "N")]
    cpu_burst: Option<u64>,
    /// The weight of CPU time
    #[arg(long, value_name = "N", alias = "cpu-shares")]
    cpu_share: Option<u64>,
    /// Microseconds of a period of realtime scheduling
    #[arg(long, value_name = "N")]
    cpu_rt_period: Option<u64>,
    /// Microseconds of realtime scheduling in each period
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpu_rt_runtime: Option<i64>,
    /// 1 for idle scheduling
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpu_idle: Option<i64>,
    /// The CPUs
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// The memory nodes
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Memory
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    memory: Option<Bytes>,
    /// Memory that is kept when the host has little
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    memory_reservation: Option<Bytes>,
    /// Memory and swap together; -1 is no limit
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    memory_swap: Option<Bytes>,
    /// Memory of the kernel
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, hide = true)]
    kernel_memory: Option<Bytes>,
    /// Memory of TCP buffers
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, hide = true)]
    kernel_memory_tcp: Option<Bytes>,
    /// Processes
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    #[command(flatten)]
    container: Container,
}

/// A number of bytes with a unit, or a negative one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes(i64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Bytes, String> {
        if let Ok(number) = text.parse() {
            return Ok(Bytes(number));
        }
        let bytes = units::parse_size(text).map_err(|error| error.to_string())?;
        i64::try_from(bytes).map(Bytes).map_err(|_| format!("{text} is more than can be counted"))
    }
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        let id = self.container.id()?;
        let resources = match &self.resources {
            Some(path) => read(path)?,
            None => self.named(),
        };
        lifecycle.update(&id, &without_zeros(resources))?;
        Ok(0)
    }

    /// The limits that are named as options.
    fn named(self) -> Resources {
        let memory = Memory {
            limit: self.memory.map(|bytes| bytes.0),
            reservation: self.memory_reservation.map(|bytes| bytes.0),
            swap: self.memory_swap.map(|bytes| bytes.0),
            kernel: self.kernel_memory.map(|bytes| bytes.0),
            kernel_tcp: self.kernel_memory_tcp.map(|bytes| bytes.0),
            ..Memory::default()
        };
        let cpu = Cpu {
            shares: self.cpu_share,
            quota: self.cpu_quota,
            burst: self.cpu_burst,
            period: self.cpu_period,
            realtime_runtime: self.cpu_rt_runtime,
            realtime_period: self.cpu_rt_period,
            cpus: self.cpuset_cpus.unwrap_or_default(),
            mems: self.cpuset_mems.unwrap_or_default(),
            idle: self.cpu_idle,
        };
        Resources {
            memory: Some(memory),
            cpu: Some(cpu),
            pids: self.pids_limit.map(|limit| Pids { limit }),
            block_io: self.blkio_weight.map(|weight| BlockIo { weight: Some(weight), ..BlockIo::default() }),
            ..Resources::default()
        }
    }
}

fn read(path: &Path) -> Result<Resources, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_DOCUMENT as u64 + 1;
    match path.to_str() {
        Some("-") => std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?,
        _ => std::fs::File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?,
    };
    if bytes.len() > MAX_DOCUMENT {
        return Err(Failure::new(format!("{}: more than {MAX_DOCUMENT} bytes", path.display())));
    }
    serde_json::from_slice(&bytes).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Clients say with a zero that a limit stays as it is; so does what names nothing.
fn without_zeros(mut resources: Resources) -> Resources {
    fn drop_zero<T: Default + PartialEq>(value: &mut Option<T>) {
        if value.as_ref().is_some_and(|value| *value == T::default()) {
            *value = None;
        }
    }
    if let Some(memory) = &mut resources.memory {
        for value in [&mut memory.limit, &mut memory.reservation, &mut memory.swap] {
            drop_zero(value);
        }
        for value in [&mut memory.kernel, &mut memory.kernel_tcp] {
            drop_zero(value);
        }
    }
    if let Some(cpu) = &mut resources.cpu {
        for value in [&mut cpu.shares, &mut cpu.period, &mut cpu.realtime_period] {
            drop_zero(value);
        }
        for value in [&mut cpu.quota, &mut cpu.realtime_runtime] {
            drop_zero(value);
        }
    }
    if let Some(block_io) = &mut resources.block_io {
        drop_zero(&mut block_io.weight);
    }
    drop_zero(&mut resources.memory);
    drop_zero(&mut resources.cpu);
    drop_zero(&mut resources.pids);
    drop_zero(&mut resources.block_io);
    resources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_or_are_negative() {
        for (text, bytes) in [("100", 100), ("-1", -1), ("1k", 1024), ("2g", 2 << 30)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        assert!("x".parse::<Bytes>().is_err());
    }

    #[test]
    fn what_is_not_named_and_what_is_zero_stays() {
        let text = r#"{"memory":{"limit":0,"swap":7},"cpu":{"shares":0,"quota":0,"cpus":""},"blockIO":{"weight":0}}"#;
        let resources = without_zeros(serde_json::from_str(text).unwrap());
        let memory = Memory { swap: Some(7), ..Memory::default() };
        assert_eq!(resources, Resources { memory: Some(memory), ..Resources::default() });
    }
}
