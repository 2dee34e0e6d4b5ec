//! Terminals.

use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

fn terminal(guest: &Guest, fd: u32) -> Result<()> {
    guest.task.fds.file(fd)?;
    Err(Errno::NotTty)
}

pub(super) fn tty_getattr(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_setattr(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_getsize(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_setsize(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_getpgrp(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_setpgrp(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: i32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_getsid(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_setctty(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_flush(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn tty_name(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32, _: u32, _: u32) -> Result<()> {
    terminal(guest, fd)
}

pub(super) fn pty_open(_: &mut Guest, _: &mut GuestMemory<'_>, _: u32, _: u32) -> Result<()> {
    Err(Errno::NoSys)
}
