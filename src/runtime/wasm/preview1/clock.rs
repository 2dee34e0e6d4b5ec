//! Clocks: witx `clock_res_get`, `clock_time_get`.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// witx `clockid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Realtime,
    Monotonic,
    CpuTime,
}

impl Clock {
    pub(super) fn new(id: u32) -> Result<Clock> {
        match id {
            0 => Ok(Clock::Realtime),
            1 => Ok(Clock::Monotonic),
            // A guest is one thread: its time is the process's.
            2 | 3 => Ok(Clock::CpuTime),
            _ => Err(Errno::Inval),
        }
    }

    /// Nanoseconds on this clock.
    pub(super) fn now(self, guest: &Guest) -> u64 {
        let time = match self {
            Clock::Realtime => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Clock::Monotonic => origin().elapsed(),
            Clock::CpuTime => guest.cpu(),
        };
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Where the monotonic clock begins: a second before it is first asked, since some programs take 0 for "never".
fn origin() -> &'static Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(std::time::Duration::from_secs(1)).unwrap_or(now)
    })
}

pub(super) fn clock_res_get(_: &mut Guest, memory: &mut GuestMemory<'_>, id: u32, resolution: u32) -> Result<()> {
    Clock::new(id)?;
    memory.write_u64(resolution, 1)
}

pub(super) fn clock_time_get(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Result<()> {
    let now = Clock::new(id)?.now(guest);
    memory.write_u64(time, now)
}
