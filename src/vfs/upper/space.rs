//! What a container's changes take, and the limit on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::vfs::errno::{Errno, Result};

/// Contents are charged for in units of this many bytes.
const UNIT: u64 = 4096;

/// The bytes in use, and how many there may be.
pub(super) struct Space {
    pub(super) limit: u64,
    used: AtomicU64,
    /// The part of `used` that is metadata.
    metadata: AtomicU64,
}

impl Space {
    pub(super) fn new(limit: u64) -> Space {
        Space { limit, used: AtomicU64::new(0), metadata: AtomicU64::new(0) }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes`. [`Errno::DQuot`] beyond the limit.
    pub(super) fn charge(&self, bytes: u64) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map(drop).map_err(|_| Errno::DQuot)
    }

    /// Takes `bytes`, limit or not: for what must be possible when all is used up, such as removing files.
    pub(super) fn charge_anyway(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether `bytes` more would fit. [`Errno::DQuot`] if not.
    pub(super) fn check(&self, bytes: u64) -> Result<()> {
        let sum = self.used().checked_add(bytes).filter(|&sum| sum <= self.limit);
        sum.map(drop).ok_or(Errno::DQuot)
    }

    /// What the metadata takes.
    pub(super) fn metadata(&self) -> u64 {
        self.metadata.load(Ordering::Relaxed)
    }

    pub(super) fn charge_metadata(&self, bytes: u64) -> Result<()> {
        self.charge(bytes)?;
        self.metadata.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn charge_metadata_anyway(&self, bytes: u64) {
        self.charge_anyway(bytes);
        self.metadata.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release_metadata(&self, bytes: u64) {
        self.release(bytes);
        self.metadata.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Which units of a file were written, so that holes cost nothing and nothing is charged twice.
#[derive(Default)]
pub(super) struct Extents {
    /// Begin and end of each run; runs neither touch nor overlap.
    runs: BTreeMap<u64, u64>,
    /// The run extended last, for the common case of sequential writes.
    last: (u64, u64),
    bytes: u64,
}

impl Extents {
    /// The first `bytes` bytes are taken.
    pub(super) fn of_len(bytes: u64) -> Extents {
        let mut extents = Extents::default();
        extents.insert(0, bytes);
        extents
    }

    /// The bytes taken, in whole units.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many bytes more `insert` would take.
    pub(super) fn growth(&self, begin: u64, end: u64) -> u64 {
        let (begin, end) = (floor(begin), ceil(end));
        if begin >= end || (self.last.0 <= begin && end <= self.last.1) {
            return 0;
        }
        let before = self.runs.range(..=begin).next_back().map_or(0, |(_, &run)| run.clamp(begin, end) - begin);
        let within: u64 = self.runs.range(begin + 1..end).map(|(&run, &run_end)| run_end.min(end) - run).sum();
        end - begin - before - within
    }

    /// Takes the units from `begin` to `end`.
    pub(super) fn insert(&mut self, begin: u64, end: u64) {
        let growth = self.growth(begin, end);
        if growth == 0 {
            return;
        }
        self.bytes += growth;
        let (mut begin, mut end) = (floor(begin), ceil(end));
        if let Some((&run, &run_end)) = self.runs.range(..=begin).next_back()
            && run_end >= begin
        {
            (begin, end) = (run, end.max(run_end));
        }
        while let Some((&run, &run_end)) = self.runs.range(begin + 1..=end).next() {
            end = end.max(run_end);
            self.runs.remove(&run);
        }
        self.runs.insert(begin, end);
        self.last = (begin, end);
    }

    /// Gives up what lies behind `len`; returns how many bytes that were.
    pub(super) fn truncate(&mut self, len: u64) -> u64 {
        let (len, before) = (ceil(len), self.bytes);
        for (run, end) in self.runs.split_off(&len) {
            self.bytes -= end - run;
        }
        if let Some(mut run) = self.runs.last_entry()
            && *run.get() > len
        {
            self.bytes -= *run.get() - len;
            run.insert(len);
        }
        self.last = (0, 0);
        before - self.bytes
    }
}

fn floor(offset: u64) -> u64 {
    offset / UNIT * UNIT
}

/// Offsets in files end well before the largest number.
fn ceil(offset: u64) -> u64 {
    offset.div_ceil(UNIT) * UNIT
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn extents_count_every_unit_once() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let (mut extents, mut model) = (Extents::default(), HashSet::new());
            for _ in 0..200 {
                let begin = random.u64(..200 * UNIT);
                if random.u8(..8) == 0 {
                    let before = model.len();
                    model.retain(|unit| unit * UNIT < begin);
                    assert_eq!(extents.truncate(begin), (before - model.len()) as u64 * UNIT);
                } else {
                    let end = begin + random.u64(..20 * UNIT);
                    let (before, growth) = (extents.bytes(), extents.growth(begin, end));
                    if begin < end {
                        model.extend(begin / UNIT..end.div_ceil(UNIT));
                    }
                    extents.insert(begin, end);
                    assert_eq!(extents.bytes(), before + growth);
                }
                assert_eq!(extents.bytes(), model.len() as u64 * UNIT);
            }
        }
    }

    #[test]
    fn the_limit_holds_but_for_what_must_be_possible() {
        let space = Space::new(100);
        assert_eq!(space.charge(100), Ok(()));
        assert_eq!(space.charge(1), Err(Errno::DQuot));
        space.charge_anyway(5);
        space.release(6);
        assert_eq!((space.used(), space.charge(1)), (99, Ok(())));
    }
}
