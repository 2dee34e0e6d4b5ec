//! What there is of the machine.

use super::write_sized;
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::Result;

pub(super) fn sys_info(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    let machine = guest.machine();
    let mut bytes = [0; 32];
    bytes[0..4].copy_from_slice(&machine.processors.to_le_bytes());
    bytes[4..8].copy_from_slice(&65_536_u32.to_le_bytes());
    bytes[8..16].copy_from_slice(&machine.memory.to_le_bytes());
    bytes[16..24].copy_from_slice(&machine.memory_free.to_le_bytes());
    bytes[24..32].copy_from_slice(&(machine.uptime.as_nanos() as u64).to_le_bytes());
    memory.write(result, &bytes)
}

/// The name that `/etc/hostname` gives the container.
pub(super) fn sys_hostname(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result<()> {
    let mut name = [0; 256];
    let len = guest.task.namespace.find(b"/etc/hostname").and_then(|file| file.read_at(&mut name, 0)).unwrap_or(0);
    write_sized(memory, name[..len].trim_ascii(), (buf, buf_len), used)
}
