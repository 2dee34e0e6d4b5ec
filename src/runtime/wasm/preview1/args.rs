//! Arguments and environment: witx `args_get`, `environ_get` and their sizes.

use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

pub(super) fn args_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, argv: u32, buf: u32) -> Result<()> {
    write_strings(&guest.task.args, memory, argv, buf)
}

pub(super) fn args_sizes_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<()> {
    write_sizes(&guest.task.args, memory, count, size)
}

pub(super) fn environ_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, environ: u32, buf: u32) -> Result<()> {
    write_strings(&guest.task.env, memory, environ, buf)
}

pub(super) fn environ_sizes_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<()> {
    write_sizes(&guest.task.env, memory, count, size)
}

/// Writes the strings back to back with a NUL behind each, and the addresses of all.
fn write_strings(strings: &[Vec<u8>], memory: &mut GuestMemory<'_>, mut pointers: u32, mut buf: u32) -> Result<()> {
    for string in strings {
        memory.write_u32(pointers, buf)?;
        memory.write(buf, string)?;
        let end = buf.checked_add(string.len() as u32).ok_or(Errno::Fault)?;
        memory.write(end, &[0])?;
        pointers = pointers.checked_add(4).ok_or(Errno::Fault)?;
        buf = end.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

fn write_sizes(strings: &[Vec<u8>], memory: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<()> {
    let total: usize = strings.iter().map(|string| string.len() + 1).sum();
    memory.write_u32(count, u32::try_from(strings.len()).map_err(|_| Errno::TooBig)?)?;
    memory.write_u32(size, u32::try_from(total).map_err(|_| Errno::TooBig)?)
}
