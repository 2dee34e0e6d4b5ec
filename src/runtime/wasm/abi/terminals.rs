//! Terminals.

use super::descriptors::{only, write_pair};
use super::write_sized;
use crate::kernel::{Apply, Queues, TERMIOS_LEN, Termios, WindowSize, flags};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

pub(super) fn tty_getattr(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<()> {
    let termios = guest.task.terminal_attributes(fd)?;
    memory.write(result, &termios.to_bytes())
}

pub(super) fn tty_setattr(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, when: u32, new: u32) -> Result<()> {
    let apply = match when {
        0 => Apply::Now,
        1 => Apply::Drained,
        2 => Apply::Flushed,
        _ => return Err(Errno::Inval),
    };
    let bytes: [u8; TERMIOS_LEN] = memory.read(new)?;
    guest.task.set_terminal_attributes(fd, apply, Termios::from_bytes(&bytes))
}

pub(super) fn tty_getsize(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<()> {
    let size = guest.task.terminal_size(fd)?;
    let mut bytes = [0; 8];
    for (at, number) in [size.rows, size.columns, size.width, size.height].into_iter().enumerate() {
        bytes[at * 2..at * 2 + 2].copy_from_slice(&number.to_le_bytes());
    }
    memory.write(result, &bytes)
}

pub(super) fn tty_setsize(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, new: u32) -> Result<()> {
    let bytes: [u8; 8] = memory.read(new)?;
    let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let size = WindowSize { rows: number(0), columns: number(2), width: number(4), height: number(6) };
    guest.task.set_terminal_size(fd, size)
}

pub(super) fn tty_getpgrp(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, group: u32) -> Result<()> {
    let (_, foreground) = guest.task.terminal_owners(fd)?;
    memory.write_u32(group, foreground as u32)
}

pub(super) fn tty_setpgrp(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, group: i32) -> Result<()> {
    guest.task.set_terminal_foreground(fd, group)
}

pub(super) fn tty_getsid(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, session: u32) -> Result<()> {
    let (leader, _) = guest.task.terminal_owners(fd)?;
    memory.write_u32(session, leader as u32)
}

pub(super) fn tty_setctty(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    guest.task.claim_terminal(fd)
}

pub(super) fn tty_flush(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, what: u32) -> Result<()> {
    let queues = match what {
        0 => Queues::Input,
        1 => Queues::Output,
        2 => Queues::Both,
        _ => return Err(Errno::Inval),
    };
    guest.task.flush_terminal(fd, queues)
}

pub(super) fn tty_name(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result<()> {
    let name = guest.task.terminal_name(fd)?;
    write_sized(memory, name.as_bytes(), (buf, buf_len), used)
}

pub(super) fn pty_open(guest: &mut Guest, memory: &mut GuestMemory<'_>, status: u32, pair: u32) -> Result<()> {
    only(status, flags::CLOEXEC | flags::NO_CTTY)?;
    memory.slice(pair, 8)?;
    let made = guest.task.open_pty(status)?;
    write_pair(memory, pair, made)
}
