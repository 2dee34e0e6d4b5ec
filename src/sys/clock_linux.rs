//! The clock that files are stamped with, on Linux.

use rustix::time::{ClockId, clock_gettime};

/// Seconds and nanoseconds since 1970, as of the last tick of the clock.
pub(super) fn tick() -> (i64, u32) {
    let time = clock_gettime(ClockId::RealtimeCoarse);
    (time.tv_sec, time.tv_nsec as u32)
}
