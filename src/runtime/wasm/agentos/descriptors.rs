//! Descriptors, and the terminal.

use std::time::{Duration, Instant};

use crate::kernel::{Object, Ready};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

pub(super) fn fd_pipe(guest: &mut Guest, memory: &mut GuestMemory<'_>, reads: u32, writes: u32) -> Result<()> {
    memory.slice(reads, 4)?;
    memory.slice(writes, 4)?;
    let made = guest.task.pipe(0)?;
    memory.write_u32(reads, made.0)?;
    memory.write_u32(writes, made.1)
}

pub(super) fn fd_dup(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, new: u32) -> Result<()> {
    fd_dup_min(guest, memory, fd, 0, new)
}

pub(super) fn fd_dup_min(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, least: u32, new: u32) -> Result<()> {
    memory.slice(new, 4)?;
    let made = guest.task.dup(fd, least, false)?;
    memory.write_u32(new, made)
}

pub(super) fn fd_dup2(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, to: u32) -> Result<()> {
    guest.task.dup_to(fd, to, false)
}

pub(super) fn fd_getfd(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<()> {
    let cloexec = guest.task.fds.descriptor(fd)?.cloexec;
    memory.write_u32(flags, cloexec.into())
}

pub(super) fn fd_setfd(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<()> {
    guest.task.fds.descriptor_mut(fd)?.cloexec = flags & 1 != 0;
    Ok(())
}

pub(super) fn proc_closefrom(guest: &mut Guest, _: &mut GuestMemory<'_>, least: u32) -> Result<()> {
    guest.task.fds.remove_from(least);
    Ok(())
}

/// Their libc tries this first whenever it reads. What is no stream is [`Errno::BadF`], and then read as a file.
pub(super) fn net_recv(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    len: u32,
    _: u32,
    received: u32,
) -> Result<()> {
    let file = guest.task.fds.file(fd)?;
    let Object::Stream(stream) = &file.object else { return Err(Errno::BadF) };
    if !file.is_readable() {
        return Err(Errno::BadF);
    }
    let buf = memory.slice_mut(buf, len)?;
    let len = if buf.is_empty() { 0 } else { stream.read(&guest.task.process, buf, file.is_nonblocking())? };
    memory.write_u32(received, len as u32)
}

/// The same for writing.
pub(super) fn net_send(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    len: u32,
    _: u32,
    sent: u32,
) -> Result<()> {
    let file = guest.task.fds.file(fd)?;
    let Object::Stream(stream) = &file.object else { return Err(Errno::BadF) };
    if !file.is_writable() {
        return Err(Errno::BadF);
    }
    let bytes = memory.slice(buf, len)?;
    let len = match stream.write(&guest.task.process, bytes, file.is_nonblocking()) {
        Err(Errno::Pipe) => return Err(guest.task.broken_pipe()),
        written => written?,
    };
    memory.write_u32(sent, len as u32)
}

pub(super) fn isatty(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<()> {
    let is_terminal = guest.task.is_terminal(fd)?;
    memory.write_u32(result, is_terminal.into())
}

/// Whether keys come one by one. There is no terminal that a program of this kind sets up.
pub(super) fn set_raw_mode(guest: &mut Guest, _: &mut GuestMemory<'_>, _: u32) -> Result<()> {
    guest.task.fds.file(0)?;
    Err(Errno::NotTty)
}

/// Reads from descriptor 0; a negative timeout, in milliseconds, is none. 0 at the end, and when the time is over.
pub(super) fn tty_read(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    (buf, len): (u32, u32),
    timeout: i32,
) -> Result<u32> {
    let file = guest.task.fds.file(0)?.clone();
    let Object::Stream(stream) = &file.object else { return Err(Errno::NotTty) };
    let deadline = u64::try_from(timeout).ok().map(|timeout| Instant::now() + Duration::from_millis(timeout));
    let look = || file.ready().has(Ready::IN | Ready::HUP).then_some(());
    let process = &guest.task.process;
    if process.poll(std::slice::from_ref(&file), deadline, look)?.is_none() {
        return Ok(0);
    }
    stream.read(process, memory.slice_mut(buf, len)?, false).map(|len| len as u32)
}
