//! The clock that files are stamped with, where no cheaper one than the usual is known.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds and nanoseconds since 1970.
pub(super) fn tick() -> (i64, u32) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (time.as_secs() as i64, time.subsec_nanos())
}
