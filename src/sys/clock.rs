//! The clock that files are stamped with.

use super::clock_system;

/// Seconds and nanoseconds since 1970. The clock may advance in steps of some milliseconds, as that of the kernel's own
/// file systems does: it costs a few nanoseconds to read.
pub fn tick() -> (i64, u32) {
    clock_system::tick()
}
