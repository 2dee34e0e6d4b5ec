//! Waiting: witx `poll_oneoff`, for clocks and for descriptors.

use std::time::{Duration, Instant};

use super::Snapshot;
use super::clock::Clock;
use crate::kernel::{Object, Ready};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// How many subscriptions one call may have: as many as a guest can have descriptors open by default.
const SUBSCRIPTIONS_MAX: u32 = 1 << 16;

/// witx `subscription`, by the layout of its snapshot: 48 bytes, in snapshot 0 56.
#[derive(Clone, Copy, Debug)]
struct Subscription {
    userdata: u64,
    event: Event,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Clock { id: u32, timeout: u64, is_absolute: bool },
    Read(u32),
    Write(u32),
    Unknown,
}

/// What is told of a subscription: witx `event` without its user data and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    errno: Option<Errno>,
    bytes: u64,
    hung_up: bool,
}

impl Outcome {
    const READY: Outcome = Outcome { errno: None, bytes: 0, hung_up: false };

    fn error(errno: Errno) -> Outcome {
        Outcome { errno: Some(errno), ..Outcome::READY }
    }
}

/// The subscriptions of a call, which stay in the guest's memory.
#[derive(Clone, Copy)]
struct List {
    pointer: u32,
    count: u32,
    snapshot: Snapshot,
}

impl List {
    fn check(&self, memory: &GuestMemory<'_>) -> Result<()> {
        let len = self.count.checked_mul(self.size()).ok_or(Errno::Fault)?;
        memory.slice(self.pointer, len).map(drop)
    }

    fn size(&self) -> u32 {
        if self.snapshot == Snapshot::Zero { 56 } else { 48 }
    }

    fn subscription(&self, memory: &GuestMemory<'_>, index: u32) -> Result<Subscription> {
        let bytes = memory.slice(self.pointer + index * self.size(), self.size())?;
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        // Snapshot 0 has an identifier in front of the clock's id.
        let clock = if self.snapshot == Snapshot::Zero { 24 } else { 16 };
        let event = match bytes[8] {
            0 => {
                Event::Clock { id: u32_at(clock), timeout: u64_at(clock + 8), is_absolute: bytes[clock + 24] & 1 != 0 }
            }
            1 => Event::Read(u32_at(16)),
            2 => Event::Write(u32_at(16)),
            _ => Event::Unknown,
        };
        Ok(Subscription { userdata: u64_at(0), event })
    }
}

pub(super) fn poll_oneoff(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    snapshot: Snapshot,
    (pointer, count): (u32, u32),
    events: u32,
    stored: u32,
) -> Result<()> {
    let list = List { pointer, count, snapshot };
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Inval);
    }
    list.check(memory)?;
    memory.slice(events, count.checked_mul(32).ok_or(Errno::Fault)?)?;
    let start = Instant::now();
    let mut deadline: Option<Instant> = None;
    let mut files = Vec::new();
    for index in 0..count {
        match list.subscription(memory, index)?.event {
            event @ Event::Clock { .. } => {
                if let Ok(Some(due)) = due(guest, event, start) {
                    deadline = Some(deadline.map_or(due, |deadline| deadline.min(due)));
                }
            }
            Event::Read(fd) | Event::Write(fd) => files.extend(guest.task.fds.file(fd).ok().cloned()),
            Event::Unknown => {}
        }
    }
    guest.task.fails_when_interrupted = true;
    let guest = &*guest;
    loop {
        let mut look = || match collect(guest, memory, list, events, start) {
            Ok(0) => None,
            found => Some(found),
        };
        let found = guest.task.process.poll(&files, deadline, &mut look)?;
        if let Some(found) = found {
            return memory.write_u32(stored, found?);
        }
    }
}

/// When a clock's time comes, on the host's monotonic clock; none if that is beyond counting.
fn due(guest: &Guest, event: Event, start: Instant) -> Result<Option<Instant>> {
    let Event::Clock { id, timeout, is_absolute } = event else { return Ok(None) };
    let clock = Clock::new(id)?;
    if clock == Clock::CpuTime {
        return Err(Errno::NotSup);
    }
    match is_absolute {
        false => Ok(start.checked_add(Duration::from_nanos(timeout))),
        true => Ok(Instant::now().checked_add(Duration::from_nanos(timeout.saturating_sub(clock.now(guest))))),
    }
}

/// Writes the events of all subscriptions that are ready, and returns how many.
fn collect(guest: &Guest, memory: &mut GuestMemory<'_>, list: List, events: u32, start: Instant) -> Result<u32> {
    let mut ready = 0;
    for index in 0..list.count {
        let subscription = list.subscription(memory, index)?;
        if let Some(outcome) = outcome(guest, subscription.event, start)? {
            write_event(memory, events + ready * 32, subscription, outcome)?;
            ready += 1;
        }
    }
    Ok(ready)
}

fn outcome(guest: &Guest, event: Event, start: Instant) -> Result<Option<Outcome>> {
    let (fd, reads) = match event {
        Event::Clock { .. } => {
            return Ok(match due(guest, event, start) {
                Ok(Some(due)) if due <= Instant::now() => Some(Outcome::READY),
                Ok(_) => None,
                Err(errno) => Some(Outcome::error(errno)),
            });
        }
        Event::Unknown => return Ok(Some(Outcome::error(Errno::Inval))),
        Event::Read(fd) => (fd, true),
        Event::Write(fd) => (fd, false),
    };
    let Ok(file) = guest.task.fds.file(fd) else { return Ok(Some(Outcome::error(Errno::BadF))) };
    let ready = file.ready();
    Ok(match (&file.object, reads) {
        (Object::Directory(_), _) => Some(Outcome::error(Errno::BadF)),
        // Files are always ready.
        (Object::File(inode), true) => {
            let size = inode.attr().map_or(0, |attr| attr.size);
            Some(Outcome { bytes: size.saturating_sub(*file.offset()), ..Outcome::READY })
        }
        (Object::File(_), false) => Some(Outcome::READY),
        (Object::Stream(_), true) if !file.is_readable() => Some(Outcome::error(Errno::BadF)),
        (Object::Stream(_), false) if !file.is_writable() => Some(Outcome::error(Errno::BadF)),
        (Object::Stream(stream), true) => ready.has(Ready::IN | Ready::HUP | Ready::ERR).then(|| Outcome {
            errno: None,
            bytes: stream.available(),
            hung_up: ready.has(Ready::HUP),
        }),
        // How much is taken is not known beforehand.
        (Object::Stream(_), false) => ready.has(Ready::OUT | Ready::ERR).then_some(Outcome {
            bytes: 4096,
            hung_up: ready.has(Ready::ERR),
            ..Outcome::READY
        }),
    })
}

/// witx `event`: 32 bytes.
fn write_event(memory: &mut GuestMemory<'_>, at: u32, subscription: Subscription, outcome: Outcome) -> Result<()> {
    let mut bytes = [0; 32];
    bytes[0..8].copy_from_slice(&subscription.userdata.to_le_bytes());
    let errno = outcome.errno.map_or(0, super::errno::number) as u16;
    bytes[8..10].copy_from_slice(&errno.to_le_bytes());
    bytes[10] = match subscription.event {
        Event::Clock { .. } | Event::Unknown => 0,
        Event::Read(_) => 1,
        Event::Write(_) => 2,
    };
    bytes[16..24].copy_from_slice(&outcome.bytes.to_le_bytes());
    bytes[24] = u8::from(outcome.hung_up);
    memory.write(at, &bytes)
}
