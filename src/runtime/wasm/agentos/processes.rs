//! Processes and signals.

use std::time::{Duration, Instant};

use crate::kernel::{FileAction, Pid, Signal, SignalSet, Spawn, WaitFor};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// How many bytes of file actions one call may have.
const ACTIONS_MAX: u32 = 1 << 20;

fn set(low: u32, high: u32) -> SignalSet {
    SignalSet(u64::from(high) << 32 | u64::from(low))
}

/// Strings with a zero behind each.
fn strings(bytes: &[u8]) -> Vec<Vec<u8>> {
    match bytes.strip_suffix(&[0]).unwrap_or(bytes) {
        b"" if bytes.is_empty() => Vec::new(),
        all => all.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect(),
    }
}

/// posix_spawn(3). `actions` are headers of 24 bytes, each with its path behind it. The mask is always the child's.
pub(super) fn proc_spawn_v3(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    path: u32,
    path_len: u32,
    argv: u32,
    argv_len: u32,
    env: u32,
    env_len: u32,
    actions: u32,
    actions_len: u32,
    cwd: u32,
    cwd_len: u32,
    flags: u32,
    defaults_low: u32,
    defaults_high: u32,
    mask_low: u32,
    mask_high: u32,
    group: u32,
    pid: u32,
) -> Result<()> {
    /// Bits of musl's `POSIX_SPAWN_*`.
    const SET_GROUP: u32 = 2;
    const SET_DEFAULTS: u32 = 4;
    const SET_SESSION: u32 = 128;
    memory.slice(pid, 4)?;
    if actions_len > ACTIONS_MAX {
        return Err(Errno::TooBig);
    }
    let mut steps = Vec::new();
    if cwd_len > 0 {
        steps.push(FileAction::ChangeDirectory(memory.slice(cwd, cwd_len)?.to_vec()));
    }
    file_actions(memory.slice(actions, actions_len)?, &mut steps)?;
    let env = strings(memory.slice(env, env_len)?);
    let search = env.iter().rev().find_map(|pair| pair.strip_prefix(b"PATH=")).map(<[u8]>::to_vec);
    let spawn = Spawn {
        path: memory.slice(path, path_len)?.to_vec(),
        search: Some(search.unwrap_or_else(|| crate::kernel::PATH.into())),
        args: strings(memory.slice(argv, argv_len)?),
        env,
        actions: steps,
        group: (flags & SET_GROUP != 0).then_some(group as Pid),
        session: flags & SET_SESSION != 0,
        mask: Some(set(mask_low, mask_high)),
        defaults: if flags & SET_DEFAULTS != 0 { set(defaults_low, defaults_high) } else { SignalSet::default() },
        umask: None,
    };
    let child = guest.task.spawn(spawn)?;
    memory.write_u32(pid, child as u32)
}

fn file_actions(mut bytes: &[u8], steps: &mut Vec<FileAction>) -> Result<()> {
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(24).ok_or(Errno::Inval)?;
        let field = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let (path, rest) = rest.split_at_checked(field(20) as usize).ok_or(Errno::Inval)?;
        let (fd, source) = (field(4), field(8));
        steps.push(match field(0) {
            1 => FileAction::Close(fd),
            2 => FileAction::Dup { from: source, to: fd },
            3 => FileAction::Open { fd, path: path.to_vec(), status: open_flags(field(12)), mode: field(16) as u16 },
            4 => FileAction::ChangeDirectory(path.to_vec()),
            5 => FileAction::EnterDirectory(fd),
            6 => FileAction::CloseFrom(fd),
            _ => return Err(Errno::Inval),
        });
        bytes = rest;
    }
    Ok(())
}

/// The flags of open(2) from those of wasi-libc, which has witx `oflags` in bits 12 to 15 and the access mode above them. The
/// standard library of the same programs passes those of Linux; they have nothing in common but bits that say the same.
fn open_flags(flags: u32) -> u32 {
    use crate::kernel::flags::{APPEND, CREATE, EXCLUSIVE, NONBLOCK, READ_WRITE, TRUNCATE, WRITE_ONLY};
    const READS: u32 = 0x0400_0000;
    const WRITES: u32 = 0x1000_0000;
    if flags & (READS | WRITES) == 0 {
        return flags;
    }
    let mut status = match (flags & READS != 0, flags & WRITES != 0) {
        (true, true) => READ_WRITE,
        (false, true) => WRITE_ONLY,
        _ => 0,
    };
    for (bit, flag) in [(1, APPEND), (4, NONBLOCK), (1 << 12, CREATE), (4 << 12, EXCLUSIVE), (8 << 12, TRUNCATE)] {
        status |= if flags & bit != 0 { flag } else { 0 };
    }
    status
}

/// execve(2), which closes `count` descriptors on success.
pub(super) fn proc_exec(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    (path, path_len): (u32, u32),
    (argv, argv_len): (u32, u32),
    (env, env_len): (u32, u32),
    (closed, count): (u32, u32),
) -> Result<()> {
    let env = strings(memory.slice(env, env_len)?);
    let search = env.iter().rev().find_map(|pair| pair.strip_prefix(b"PATH=")).map(<[u8]>::to_vec);
    let path = memory.slice(path, path_len)?;
    let args = strings(memory.slice(argv, argv_len)?);
    let closed = memory.slice(closed, count.checked_mul(4).ok_or(Errno::Fault)?)?;
    let closed: Vec<u32> = closed.chunks(4).map(|fd| u32::from_le_bytes(fd.try_into().expect("four bytes"))).collect();
    let search = search.unwrap_or_else(|| crate::kernel::PATH.into());
    let exec = guest.task.prepare_exec(path, Some(&search), args, env)?;
    for fd in closed {
        if let Ok(descriptor) = guest.task.fds.descriptor_mut(fd) {
            descriptor.cloexec = true;
        }
    }
    guest.exec = Some(exec);
    Ok(())
}

/// waitpid(2), with the status in parts.
pub(super) fn proc_waitpid_v2(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    pid: i32,
    options: u32,
    code: u32,
    signal: u32,
    waited: u32,
    core: u32,
) -> Result<()> {
    const NO_HANG: u32 = 1;
    let results = [code, signal, waited, core];
    for at in results {
        memory.slice(at, 4)?;
    }
    let what = WaitFor { pid, no_hang: options & NO_HANG != 0, stopped: false, continued: false };
    let found = guest.task.wait(what)?;
    let (pid, status) = found.map_or((0, 0), |found| (found.pid, found.status));
    for (at, value) in results.into_iter().zip([status >> 8 & 0xff, status & 0x7f, pid, status >> 7 & 1]) {
        memory.write_u32(at, value as u32)?;
    }
    Ok(())
}

pub(super) fn proc_kill(guest: &mut Guest, _: &mut GuestMemory<'_>, pid: i32, signal: u32) -> Result<()> {
    let signal = match signal {
        0 => None,
        number => Some(Signal::new(number).ok_or(Errno::Inval)?),
    };
    guest.task.kill(pid, signal)
}

pub(super) fn proc_getpid(guest: &mut Guest, memory: &mut GuestMemory<'_>, pid: u32) -> Result<()> {
    memory.write_u32(pid, guest.task.process.pid as u32)
}

pub(super) fn proc_getppid(guest: &mut Guest, memory: &mut GuestMemory<'_>, pid: u32) -> Result<()> {
    let ids = guest.task.kernel.ids(guest.task.process.pid)?;
    memory.write_u32(pid, ids.parent as u32)
}

pub(super) fn proc_getpgid(guest: &mut Guest, memory: &mut GuestMemory<'_>, pid: i32, group: u32) -> Result<()> {
    let pid = if pid == 0 { guest.task.process.pid } else { pid };
    let ids = guest.task.kernel.ids(pid)?;
    memory.write_u32(group, ids.group as u32)
}

pub(super) fn proc_setpgid(guest: &mut Guest, _: &mut GuestMemory<'_>, pid: i32, group: i32) -> Result<()> {
    guest.task.set_group(pid, group)
}

/// sigprocmask(2): 0 blocks, 1 unblocks, 2 sets, 3 only asks.
pub(super) fn proc_signal_mask_v2(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    how: u32,
    low: u32,
    high: u32,
    old_low: u32,
    old_high: u32,
) -> Result<()> {
    let (before, change) = (guest.task.process.blocked(), set(low, high));
    memory.write_u32(old_low, before.0 as u32)?;
    memory.write_u32(old_high, (before.0 >> 32) as u32)?;
    match how {
        0 => guest.task.set_mask(before.with(change)),
        1 => guest.task.set_mask(before.without(change)),
        2 => guest.task.set_mask(change),
        3 => {}
        _ => return Err(Errno::Inval),
    }
    Ok(())
}

pub(super) fn sleep_ms(guest: &mut Guest, _: &mut GuestMemory<'_>, milliseconds: u32) -> Result<()> {
    let until = Instant::now().checked_add(Duration::from_millis(milliseconds.into()));
    guest.task.fails_when_interrupted = true;
    guest.task.process.wait(&[], until, || None::<()>).map(drop)
}

pub(super) fn umask(guest: &mut Guest, memory: &mut GuestMemory<'_>, mask: u32, sets: u32, old: u32) -> Result<()> {
    memory.write_u32(old, guest.task.umask.into())?;
    if sets != 0 {
        guest.task.umask = (mask & 0o777) as u16;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_actions_carry_their_paths_behind_them() {
        let mut bytes = Vec::new();
        for (fields, path) in [([2_u32, 1, 5, 0, 0, 0], ""), ([3, 0, 0, 1, 0o600, 2], "/x"), ([4, 0, 0, 0, 0, 1], "/")]
        {
            bytes.extend(fields.into_iter().flat_map(u32::to_le_bytes));
            bytes.extend(path.bytes());
        }
        let mut steps = Vec::new();
        file_actions(&bytes, &mut steps).unwrap();
        let open = FileAction::Open { fd: 0, path: b"/x".to_vec(), status: 1, mode: 0o600 };
        assert_eq!(steps, [FileAction::Dup { from: 5, to: 1 }, open, FileAction::ChangeDirectory(b"/".to_vec())]);
        assert_eq!(file_actions(&bytes[..bytes.len() - 1], &mut steps), Err(Errno::Inval));
    }
}
