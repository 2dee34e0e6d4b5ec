//! Signals.

use std::time::{Duration, Instant};

use crate::kernel::{Action, Disposition, Signal, SignalSet};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// The signal of a number, or [`Errno::Inval`].
pub(super) fn signal(number: u32) -> Result<Signal> {
    Signal::new(number).ok_or(Errno::Inval)
}

/// `handles`: whether the guest exports what handlers are called by.
pub(super) fn sig_action(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    number: u32,
    (new, handles): (u32, bool),
    old: u32,
) -> Result<()> {
    let signal = signal(number)?;
    let before = guest.task.process.action(signal);
    if new != 0 {
        let bytes: [u8; 16] = memory.read(new)?;
        let field = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let disposition = match field(0) {
            0 => Disposition::Default,
            1 => Disposition::Ignore,
            2 if handles => Disposition::Handler,
            2 => return Err(Errno::NoSys),
            _ => return Err(Errno::Inval),
        };
        let mask = SignalSet(u64::from_le_bytes(bytes[8..].try_into().expect("eight bytes")));
        guest.task.set_action(signal, Action { disposition, flags: field(4), mask })?;
    }
    if old != 0 {
        let mut bytes = [0; 16];
        let disposition: u32 = match before.disposition {
            Disposition::Default => 0,
            Disposition::Ignore => 1,
            Disposition::Handler => 2,
        };
        bytes[0..4].copy_from_slice(&disposition.to_le_bytes());
        bytes[4..8].copy_from_slice(&before.flags.to_le_bytes());
        bytes[8..16].copy_from_slice(&before.mask.0.to_le_bytes());
        memory.write(old, &bytes)?;
    }
    Ok(())
}

pub(super) fn sig_mask(guest: &mut Guest, memory: &mut GuestMemory<'_>, how: u32, set: u64, old: u32) -> Result<()> {
    let (before, set) = (guest.task.process.blocked(), SignalSet(set));
    if old != 0 {
        memory.write_u64(old, before.0)?;
    }
    match how {
        0 => guest.task.set_mask(before.with(set)),
        1 => guest.task.set_mask(before.without(set)),
        2 => guest.task.set_mask(set),
        3 => {}
        _ => return Err(Errno::Inval),
    }
    Ok(())
}

pub(super) fn sig_pending(guest: &mut Guest, memory: &mut GuestMemory<'_>, set: u32) -> Result<()> {
    memory.write_u64(set, guest.task.process.pending().0)
}

pub(super) fn sig_suspend(guest: &mut Guest, _: &mut GuestMemory<'_>, mask: u64) -> Result<()> {
    Err(guest.task.suspend(SignalSet(mask)))
}

pub(super) fn sig_wait(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    set: u64,
    timeout: i64,
    signal: u32,
) -> Result<()> {
    memory.slice(signal, 4)?;
    let taken = guest.task.take_signal(SignalSet(set), deadline(timeout))?.ok_or(Errno::Again)?;
    memory.write_u32(signal, taken.0.into())
}

/// When a timeout is over; none for a negative one, and for one beyond counting.
pub(super) fn deadline(timeout: i64) -> Option<Instant> {
    let timeout = u64::try_from(timeout).ok()?;
    Instant::now().checked_add(Duration::from_nanos(timeout))
}

pub(super) fn proc_alarm(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    value: u64,
    interval: u64,
    old: u32,
) -> Result<()> {
    memory.slice(old, 16)?;
    let before = guest.task.set_alarm(Duration::from_nanos(value), Duration::from_nanos(interval))?;
    memory.write_u64(old, before.0.as_nanos() as u64)?;
    memory.write_u64(old + 8, before.1.as_nanos() as u64)
}
