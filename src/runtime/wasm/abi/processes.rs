//! Processes and users.

use crate::kernel::{FileAction, Pid, SignalSet, Spawn, Users, WaitFor};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// How many file actions one call may have.
const ACTIONS_MAX: u32 = 4096;

pub(super) fn proc_spawn(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    path: u32,
    path_len: u32,
    argv: u32,
    argv_len: u32,
    env: u32,
    env_len: u32,
    actions: u32,
    count: u32,
    attr: u32,
    pid: u32,
) -> Result<()> {
    memory.slice(pid, 4)?;
    let mut spawn = Spawn {
        path: memory.slice(path, path_len)?.to_vec(),
        args: strings(memory.slice(argv, argv_len)?)?,
        env: strings(memory.slice(env, env_len)?)?,
        actions: file_actions(memory, actions, count)?,
        ..Spawn::default()
    };
    if attr != 0 {
        set_attributes(&mut spawn, memory, attr)?;
    }
    let child = guest.task.spawn(spawn)?;
    memory.write_u32(pid, child as u32)
}

/// Strings with a zero behind each.
fn strings(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    match bytes.strip_suffix(&[0]) {
        Some(all) => Ok(all.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()),
        None if bytes.is_empty() => Ok(Vec::new()),
        None => Err(Errno::Inval),
    }
}

fn file_actions(memory: &GuestMemory<'_>, list: u32, count: u32) -> Result<Vec<FileAction>> {
    if count > ACTIONS_MAX {
        return Err(Errno::TooBig);
    }
    (0..count)
        .map(|index| {
            let at = list.checked_add(index * 24).ok_or(Errno::Fault)?;
            let bytes: [u8; 24] = memory.read(at)?;
            let field = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
            let (op, fd, arg, mode) = (field(0), field(4), field(8), field(12));
            let path = || Ok::<_, Errno>(memory.slice(field(16), field(20))?.to_vec());
            Ok(match op {
                1 => FileAction::Close(fd),
                2 => FileAction::Dup { from: arg, to: fd },
                3 => FileAction::Open { fd, path: path()?, status: arg, mode: mode as u16 },
                4 => FileAction::ChangeDirectory(path()?),
                5 => FileAction::EnterDirectory(fd),
                6 => FileAction::CloseFrom(fd),
                7 => FileAction::Foreground(fd),
                _ => return Err(Errno::Inval),
            })
        })
        .collect()
}

fn set_attributes(spawn: &mut Spawn, memory: &GuestMemory<'_>, attr: u32) -> Result<()> {
    const GROUP: u32 = 1;
    const SESSION: u32 = 2;
    const MASK: u32 = 4;
    const DEFAULTS: u32 = 8;
    const SEARCH: u32 = 16;
    const UMASK: u32 = 32;
    let bytes: [u8; 40] = memory.read(attr)?;
    let field = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let set = |at: usize| SignalSet(u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")));
    let flags = field(0);
    if flags & !(GROUP | SESSION | MASK | DEFAULTS | SEARCH | UMASK) != 0 {
        return Err(Errno::Inval);
    }
    if flags & GROUP != 0 {
        spawn.group = Some(Pid::try_from(field(4)).map_err(|_| Errno::Inval)?);
    }
    spawn.session = flags & SESSION != 0;
    spawn.mask = (flags & MASK != 0).then(|| set(8));
    if flags & DEFAULTS != 0 {
        spawn.defaults = set(16);
    }
    if flags & SEARCH != 0 {
        spawn.search = Some(memory.slice(field(24), field(28))?.to_vec());
    }
    spawn.umask = (flags & UMASK != 0).then_some(field(32) as u16);
    Ok(())
}

pub(super) fn proc_exec(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    (path, path_len): (u32, u32),
    (argv, argv_len): (u32, u32),
    (env, env_len): (u32, u32),
    (search, search_len): (u32, u32),
) -> Result<()> {
    let path = memory.slice(path, path_len)?;
    let search = if search_len == 0 { None } else { Some(memory.slice(search, search_len)?) };
    let args = strings(memory.slice(argv, argv_len)?)?;
    let env = strings(memory.slice(env, env_len)?)?;
    guest.exec = Some(guest.task.prepare_exec(path, search, args, env)?);
    Ok(())
}

pub(super) fn proc_wait(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    pid: i32,
    options: u32,
    result: u32,
) -> Result<()> {
    const NO_HANG: u32 = 1;
    const STOPPED: u32 = 2;
    const CONTINUED: u32 = 8;
    if options & !(NO_HANG | STOPPED | CONTINUED) != 0 {
        return Err(Errno::Inval);
    }
    memory.slice(result, 32)?;
    let has = |option: u32| options & option != 0;
    let what = WaitFor { pid, no_hang: has(NO_HANG), stopped: has(STOPPED), continued: has(CONTINUED) };
    let mut bytes = [0; 32];
    if let Some(waited) = guest.task.wait(what)? {
        bytes[0..4].copy_from_slice(&waited.pid.to_le_bytes());
        bytes[4..8].copy_from_slice(&waited.status.to_le_bytes());
        bytes[8..16].copy_from_slice(&waited.cpu.to_le_bytes());
        bytes[24..32].copy_from_slice(&waited.memory.to_le_bytes());
    }
    memory.write(result, &bytes)
}

/// As much of the text as there is room for.
pub(super) fn proc_explain(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result<()> {
    let text = guest.task.explanation().unwrap_or_default();
    let fits = text.floor_char_boundary(buf_len as usize);
    memory.write(buf, &text.as_bytes()[..fits])?;
    memory.write_u32(used, fits as u32)
}

pub(super) fn proc_kill(guest: &mut Guest, _: &mut GuestMemory<'_>, pid: i32, signal: u32) -> Result<()> {
    let signal = match signal {
        0 => None,
        number => Some(super::signals::signal(number)?),
    };
    guest.task.kill(pid, signal)
}

pub(super) fn proc_info(guest: &mut Guest, memory: &mut GuestMemory<'_>, pid: i32, result: u32) -> Result<()> {
    let pid = if pid == 0 { guest.task.process.pid } else { pid };
    let ids = guest.task.kernel.ids(pid)?;
    let mut bytes = [0; 16];
    for (at, id) in [ids.pid, ids.parent, ids.group, ids.session].into_iter().enumerate() {
        bytes[at * 4..at * 4 + 4].copy_from_slice(&id.to_le_bytes());
    }
    memory.write(result, &bytes)
}

pub(super) fn proc_setpgid(guest: &mut Guest, _: &mut GuestMemory<'_>, pid: i32, group: i32) -> Result<()> {
    guest.task.set_group(pid, group)
}

pub(super) fn proc_setsid(guest: &mut Guest, memory: &mut GuestMemory<'_>, session: u32) -> Result<()> {
    memory.slice(session, 4)?;
    let made = guest.task.set_session()?;
    memory.write_u32(session, made as u32)
}

pub(super) fn proc_times(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    guest.cpu();
    let (own, children) = guest.task.process.cpu();
    let mut bytes = [0; 32];
    bytes[0..8].copy_from_slice(&own.to_le_bytes());
    bytes[16..24].copy_from_slice(&children.to_le_bytes());
    memory.write(result, &bytes)
}

pub(super) fn proc_umask(guest: &mut Guest, memory: &mut GuestMemory<'_>, mask: u32, old: u32) -> Result<()> {
    memory.write_u32(old, guest.task.umask.into())?;
    if let Some(mask) = u16::try_from(mask).ok().filter(|mask| *mask <= 0o777) {
        guest.task.umask = mask;
    }
    Ok(())
}

pub(super) fn proc_rlimit(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    resource: u32,
    new: u32,
    old: u32,
) -> Result<()> {
    let limit = guest.task.limit(resource)?;
    if old != 0 {
        memory.slice(old, 16)?;
    }
    if new != 0 {
        let bytes: [u8; 16] = memory.read(new)?;
        let (soft, hard) = bytes.split_at(8);
        let value = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        guest.task.set_limit(resource, (value(soft), value(hard)))?;
    }
    if old != 0 {
        memory.write_u64(old, limit.0)?;
        memory.write_u64(old + 8, limit.1)?;
    }
    Ok(())
}

pub(super) fn cred_get(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    let Users { uids, gids, .. } = &guest.task.users;
    let mut bytes = [0; 24];
    for (at, id) in uids.iter().chain(gids).enumerate() {
        bytes[at * 4..at * 4 + 4].copy_from_slice(&id.to_le_bytes());
    }
    memory.write(result, &bytes)
}

pub(super) fn cred_set(guest: &mut Guest, memory: &mut GuestMemory<'_>, ids: u32) -> Result<()> {
    let bytes: [u8; 24] = memory.read(ids)?;
    let id = |at: usize| {
        let id = u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("four bytes"));
        (id != u32::MAX).then_some(id)
    };
    let users = guest.task.users.changed([id(0), id(1), id(2)], [id(3), id(4), id(5)])?;
    guest.task.set_users(users);
    Ok(())
}

pub(super) fn cred_groups(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    list: u32,
    count: u32,
    used: u32,
) -> Result<()> {
    let groups = &guest.task.users.groups;
    if count != 0 {
        if groups.len() > count as usize {
            return Err(Errno::Inval);
        }
        let bytes: Vec<u8> = groups.iter().flat_map(|group| group.to_le_bytes()).collect();
        memory.write(list, &bytes)?;
    }
    memory.write_u32(used, groups.len() as u32)
}

pub(super) fn cred_setgroups(guest: &mut Guest, memory: &mut GuestMemory<'_>, list: u32, count: u32) -> Result<()> {
    const GROUPS_MAX: u32 = 65_536;
    if !guest.task.users.is_root() {
        return Err(Errno::Perm);
    }
    if count > GROUPS_MAX {
        return Err(Errno::Inval);
    }
    let bytes = memory.slice(list, count * 4)?;
    let groups = bytes.chunks(4).map(|id| u32::from_le_bytes(id.try_into().expect("four bytes"))).collect();
    let users = Users { groups: std::sync::Arc::new(groups), ..guest.task.users.clone() };
    guest.task.set_users(users);
    Ok(())
}
