//! Descriptors.

use super::directory;
use super::signals::deadline;
use crate::kernel::{LockMode, Ready, flags};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// How many descriptors one poll may name.
const POLLED_MAX: u32 = 1 << 16;

pub(super) fn write_pair(memory: &mut GuestMemory<'_>, at: u32, pair: (u32, u32)) -> Result<()> {
    memory.write_u32(at, pair.0)?;
    memory.write_u32(at + 4, pair.1)
}

/// Only these flags of open(2) are known here.
pub(super) fn only(flags: u32, known: u32) -> Result<()> {
    if flags & !known == 0 { Ok(()) } else { Err(Errno::Inval) }
}

pub(super) fn fd_pipe(guest: &mut Guest, memory: &mut GuestMemory<'_>, status: u32, pair: u32) -> Result<()> {
    only(status, flags::CLOEXEC | flags::NONBLOCK)?;
    memory.slice(pair, 8)?;
    let made = guest.task.pipe(status)?;
    write_pair(memory, pair, made)
}

pub(super) fn fd_socketpair(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    kind: u32,
    status: u32,
    pair: u32,
) -> Result<()> {
    only(status, flags::CLOEXEC | flags::NONBLOCK)?;
    if kind != 1 {
        return Err(Errno::NotSup);
    }
    memory.slice(pair, 8)?;
    let made = guest.task.socket_pair(status)?;
    write_pair(memory, pair, made)
}

pub(super) fn fd_memory(guest: &mut Guest, memory: &mut GuestMemory<'_>, status: u32, fd: u32) -> Result<()> {
    only(status, flags::CLOEXEC)?;
    memory.slice(fd, 4)?;
    let made = guest.task.memory_file(status)?;
    memory.write_u32(fd, made)
}

pub(super) fn fd_dup(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    least: u32,
    status: u32,
    new: u32,
) -> Result<()> {
    only(status, flags::CLOEXEC)?;
    memory.slice(new, 4)?;
    let made = guest.task.dup(fd, least, status != 0)?;
    memory.write_u32(new, made)
}

pub(super) fn fd_dup2(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, to: u32, status: u32) -> Result<()> {
    only(status, flags::CLOEXEC)?;
    guest.task.dup_to(fd, to, status != 0)
}

pub(super) fn fd_flags(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<()> {
    let descriptor = guest.task.fds.descriptor(fd)?;
    write_pair(memory, result, (descriptor.cloexec.into(), descriptor.file.status()))
}

pub(super) fn fd_set_cloexec(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, on: u32) -> Result<()> {
    guest.task.fds.descriptor_mut(fd)?.cloexec = on != 0;
    Ok(())
}

pub(super) fn fd_set_status(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, status: u32) -> Result<()> {
    guest.task.fds.file(fd)?.set_status(status);
    Ok(())
}

pub(super) fn fd_open(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    status: u32,
    mode: u32,
    fd: u32,
) -> Result<()> {
    memory.slice(fd, 4)?;
    let opened = guest.task.open_path(directory(dir)?, memory.slice(path, path_len)?, status, mode as u16)?;
    memory.write_u32(fd, opened)
}

pub(super) fn fd_closefrom(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    guest.task.fds.remove_from(fd);
    Ok(())
}

pub(super) fn fd_lock(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, operation: u32) -> Result<()> {
    const NONBLOCKING: u32 = 4;
    let mode = match operation & !NONBLOCKING {
        1 => LockMode::Shared,
        2 => LockMode::Exclusive,
        8 => LockMode::Unlocked,
        _ => return Err(Errno::Inval),
    };
    guest.task.lock_file(fd, mode, operation & NONBLOCKING != 0)
}

/// `struct pollfd`.
#[derive(Clone, Copy)]
struct Polled {
    fd: i32,
    events: u16,
}

fn polled(memory: &GuestMemory<'_>, list: u32, index: u32) -> Result<Polled> {
    let [a, b, c, d, low, high, ..]: [u8; 8] = memory.read(list + index * 8)?;
    Ok(Polled { fd: i32::from_le_bytes([a, b, c, d]), events: u16::from_le_bytes([low, high]) })
}

pub(super) fn fd_poll(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    list: u32,
    count: u32,
    timeout: i64,
    ready: u32,
) -> Result<()> {
    if count > POLLED_MAX {
        return Err(Errno::Inval);
    }
    memory.slice(list, count.checked_mul(8).ok_or(Errno::Fault)?)?;
    memory.slice(ready, 4)?;
    let mut files = Vec::new();
    for index in 0..count {
        let fd = u32::try_from(polled(memory, list, index)?.fd);
        files.extend(fd.ok().and_then(|fd| guest.task.fds.file(fd).ok().cloned()));
    }
    guest.task.fails_when_interrupted = true;
    let (task, deadline) = (&guest.task, deadline(timeout));
    let mut look = || {
        let mut found = 0;
        for index in 0..count {
            let Ok(Polled { fd, events }) = polled(memory, list, index) else { continue };
            let events = match u32::try_from(fd).map(|fd| task.fds.file(fd)) {
                // Negative descriptors are passed over.
                Err(_) => 0,
                Ok(Err(_)) => Ready::INVALID,
                Ok(Ok(file)) => file.ready().0 & (events | Ready::ERR | Ready::HUP),
            };
            found += u32::from(events != 0);
            // The list was checked above.
            let _ = memory.write(list + index * 8 + 6, &events.to_le_bytes());
        }
        (found > 0).then_some(found)
    };
    let found = task.process.poll(&files, deadline, &mut look)?;
    memory.write_u32(ready, found.unwrap_or(0))
}
