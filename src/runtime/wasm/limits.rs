//! The limits of a guest that the engine asks about when memories and tables grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use super::container::ContainerLimits;

/// Elements of all tables together: far beyond what compilers make, far below what would hurt (8 bytes each).
const TABLE_ELEMENTS_MAX: usize = 10_000_000;

/// The memory of all processes of a container.
pub(super) struct MemoryLimit {
    limit: Option<u64>,
    used: AtomicU64,
}

impl MemoryLimit {
    pub(super) fn new(limit: Option<u64>) -> MemoryLimit {
        MemoryLimit { limit, used: AtomicU64::new(0) }
    }

    /// The limit, in bytes.
    pub(super) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` more; in vain, and with what would be used then, where that is beyond the limit.
    fn take(&self, bytes: u64) -> Result<(), u64> {
        let more = |used: u64| used.checked_add(bytes).filter(|used| self.limit.is_none_or(|limit| *used <= limit));
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|used| used.saturating_add(bytes))
    }
}

/// Memory and tables of one process.
pub(super) struct MemoryUse {
    container: Arc<ContainerLimits>,
    used: u64,
    table_elements: usize,
    /// The request that was refused for the limit, in bytes in all.
    refused: Option<u64>,
}

impl MemoryUse {
    pub(super) fn new(container: Arc<ContainerLimits>) -> MemoryUse {
        MemoryUse { container, used: 0, table_elements: 0, refused: None }
    }

    /// Bytes of its memories.
    pub(super) fn bytes(&self) -> u64 {
        self.used
    }

    /// Says that the limit was reached, if it was.
    pub(super) fn message(&self) -> Option<String> {
        let (limit, refused) = (self.container.memory.limit?, self.refused?);
        Some(format!("memory limit of {} reached: the program asked for {}", size(limit), size(refused)))
    }
}

impl Drop for MemoryUse {
    fn drop(&mut self) {
        self.container.memory.used.fetch_sub(self.used, Ordering::Relaxed);
    }
}

impl ResourceLimiter for MemoryUse {
    fn memory_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired as u64).saturating_sub(current as u64);
        if let Err(wanted) = self.container.memory.take(more) {
            self.refused = Some(wanted);
            return Ok(false);
        }
        self.used += more;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        if wanted > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1_000
    }

    fn memories(&self) -> usize {
        100
    }
}

/// A size as people write limits: `64 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in units {
        if bytes >= unit {
            let tenths = bytes.saturating_mul(10) / unit;
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                rest => format!("{}.{rest} {name}", tenths / 10),
            };
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::wasm::guest::CpuLimit;

    #[test]
    fn all_memories_count_together_and_a_refusal_is_told() {
        let cpu = CpuLimit::new(None, None);
        let container = Arc::new(ContainerLimits { memory: MemoryLimit::new(Some(1 << 20)), cpu });
        let (mut limit, mut other) = (MemoryUse::new(container.clone()), MemoryUse::new(container));
        assert!(other.memory_growing(0, 600 << 10, None).unwrap());
        assert!(!limit.memory_growing(0, 600 << 10, None).unwrap());
        drop(other);
        assert!(limit.memory_growing(0, 600 << 10, None).unwrap());
        assert!(!limit.memory_growing(0, 600 << 10, None).unwrap());
        assert!(limit.memory_growing(600 << 10, 1 << 20, None).unwrap());
        assert_eq!(limit.message().unwrap(), "memory limit of 1 MiB reached: the program asked for 1.1 MiB");
    }

    #[test]
    fn sizes_are_written_in_binary_units() {
        let written = [(5, "5 bytes"), (1024, "1 KiB"), (1 << 20, "1 MiB"), (5 << 29, "2.5 GiB")];
        for (bytes, text) in written {
            assert_eq!(size(bytes), text);
        }
    }
}
