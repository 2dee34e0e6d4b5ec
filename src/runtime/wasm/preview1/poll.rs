//! Waiting: witx `poll_oneoff`, for clocks and for descriptors.

use std::time::{Duration, Instant};

use super::Snapshot;
use super::clock::Clock;
use crate::runtime::wasm::fds::Object;
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::runtime::wasm::streams::{InputStream, Stream};
use crate::sys::stdio::Ready;
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

/// What is waited for while nothing is ready.
struct Wait {
    deadline: Option<Instant>,
    /// The descriptor of an input that is read ahead.
    ahead: bool,
    /// Whether this process's own standard input is waited for.
    host: bool,
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
    let mut wait = Wait { deadline: None, ahead: false, host: false };
    for index in 0..count {
        prepare(guest, list.subscription(memory, index)?.event, start, &mut wait);
    }
    loop {
        let ready = collect(guest, memory, list, events, start)?;
        if ready > 0 {
            return memory.write_u32(stored, ready);
        }
        rest(guest, memory, list, &wait)?;
    }
}

/// Adds what `event` waits for.
fn prepare(guest: &mut Guest, event: Event, start: Instant, wait: &mut Wait) {
    match event {
        Event::Clock { .. } => {
            if let Ok(due) = due(guest, event, start) {
                wait.deadline = match (wait.deadline, due) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        Event::Read(fd) => {
            if let Ok(Object::Stream(Stream::Input(input))) = guest.fds.descriptor(fd).map(|found| &found.object) {
                match input {
                    InputStream::Host => wait.host = true,
                    InputStream::Idle(_) | InputStream::Ahead(_) => wait.ahead = true,
                    InputStream::Null => {}
                }
            }
        }
        Event::Write(_) | Event::Unknown => {}
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
fn collect(guest: &mut Guest, memory: &mut GuestMemory<'_>, list: List, events: u32, start: Instant) -> Result<u32> {
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

fn outcome(guest: &mut Guest, event: Event, start: Instant) -> Result<Option<Outcome>> {
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
    let Guest { fds, control, .. } = guest;
    let Ok(descriptor) = fds.descriptor(fd) else { return Ok(Some(Outcome::error(Errno::BadF))) };
    Ok(match (&mut descriptor.object, reads) {
        (Object::Directory(_), _) => Some(Outcome::error(Errno::BadF)),
        // Files are always ready.
        (Object::File(file), true) => {
            let size = file.inode.attr().map_or(0, |attr| attr.size);
            Some(Outcome { bytes: size.saturating_sub(file.offset), ..Outcome::READY })
        }
        (Object::File(_), false) => Some(Outcome::READY),
        (Object::Stream(Stream::Input(input)), true) => match input.available(control) {
            Ok(available) => {
                available.map(|available| Outcome { errno: None, bytes: available.bytes, hung_up: available.ended })
            }
            Err(Errno::Intr) => return Err(Errno::Intr),
            Err(errno) => Some(Outcome::error(errno)),
        },
        // How much a writer takes is not known beforehand.
        (Object::Stream(Stream::Output(_)), false) => Some(Outcome { bytes: 4096, ..Outcome::READY }),
        (Object::Stream(_), _) => Some(Outcome::error(Errno::BadF)),
    })
}

/// Waits until something may be ready. [`Errno::Intr`] where the guest has to stop.
fn rest(guest: &mut Guest, memory: &GuestMemory<'_>, list: List, wait: &Wait) -> Result<()> {
    if wait.host {
        let timeout = wait.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        return match guest.control.stdin_waker()?.wait_for_stdin(timeout) {
            Ok(Ready::Woken) => Err(Errno::Intr),
            Ok(Ready::Input | Ready::TimedOut) => Ok(()),
            Err(error) => Err(Errno::from(&error)),
        };
    }
    let control = guest.control.clone();
    let mut any_input = || {
        (0..list.count).find_map(|index| match list.subscription(memory, index).ok()?.event {
            Event::Read(fd) => match &guest.fds.descriptor(fd).ok()?.object {
                Object::Stream(Stream::Input(InputStream::Ahead(ahead))) => ahead.is_ready().then_some(()),
                _ => None,
            },
            _ => None,
        })
    };
    control.wait_for(wait.deadline, || if wait.ahead { any_input() } else { None }).map(drop)
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
