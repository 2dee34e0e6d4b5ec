//! What is left: witx `proc_exit`, `proc_raise`, `random_get`, `sched_yield`, and the calls on sockets, of which no guest
//! has any.

use wasmtime::Caller;

use crate::kernel::{Object, Signal};
use crate::runtime::wasm::guest::{Exit, Guest};
use crate::runtime::wasm::memory::GuestMemory;
use crate::sys::random;
use crate::vfs::{Errno, Result};

pub(super) fn proc_exit(_: Caller<'_, Guest>, code: u32) -> wasmtime::Result<()> {
    Err(Exit(code).into())
}

/// Raises a signal. witx `signal` counts as Linux does, without SIGSTKFLT (16).
pub(super) fn proc_raise(guest: &mut Guest, _: &mut GuestMemory<'_>, signal: u32) -> Result<()> {
    let number = match signal {
        0..=15 => signal as u8,
        16..=30 => signal as u8 + 1,
        _ => return Err(Errno::Inval),
    };
    guest.task.kill(guest.task.process.pid, Signal::new(number.into()))
}

pub(super) fn random_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, buf: u32, len: u32) -> Result<()> {
    for chunk in memory.slice_mut(buf, len)?.chunks_mut(1 << 20) {
        random::fill(chunk).map_err(|_| Errno::Io)?;
        if guest.task.process.is_interrupted() {
            return Err(Errno::Intr);
        }
    }
    Ok(())
}

pub(super) fn sched_yield(_: &mut Guest, _: &mut GuestMemory<'_>) -> Result<()> {
    std::thread::yield_now();
    Ok(())
}

/// [`Errno::NotSock`]; for directories [`Errno::BadF`], since wasi-testsuite sock_shutdown-invalid_fd takes 3 to be closed.
fn no_socket(guest: &mut Guest, fd: u32) -> Result<()> {
    match guest.task.fds.file(fd)?.object {
        Object::Directory(_) => Err(Errno::BadF),
        Object::File(_) | Object::Stream(_) => Err(Errno::NotSock),
    }
}

pub(super) fn sock_accept(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32, _: u32) -> Result<()> {
    no_socket(guest, fd)
}

pub(super) fn sock_recv(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<()> {
    no_socket(guest, fd)
}

pub(super) fn sock_send(
    guest: &mut Guest,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<()> {
    no_socket(guest, fd)
}

pub(super) fn sock_shutdown(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, _: u32) -> Result<()> {
    no_socket(guest, fd)
}
