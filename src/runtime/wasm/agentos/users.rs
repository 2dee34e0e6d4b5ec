//! Users and groups. The accounts are those of `/etc/passwd` and `/etc/group` in the container.

use std::sync::Arc;

use crate::kernel::Users;
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// How much of an account file is read.
const ACCOUNTS_MAX: usize = 1 << 20;

/// How many groups one call may set.
const GROUPS_MAX: u32 = 64;

pub(super) fn getuid(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    memory.write_u32(result, guest.task.users.uids[0])
}

pub(super) fn geteuid(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    memory.write_u32(result, guest.task.users.uid())
}

pub(super) fn getgid(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    memory.write_u32(result, guest.task.users.gids[0])
}

pub(super) fn getegid(guest: &mut Guest, memory: &mut GuestMemory<'_>, result: u32) -> Result<()> {
    memory.write_u32(result, guest.task.users.gid())
}

pub(super) fn getgroups(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    count: u32,
    list: u32,
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

/// setuid(2): root becomes the user for good.
pub(super) fn setuid(guest: &mut Guest, _: &mut GuestMemory<'_>, uid: u32) -> Result<()> {
    let all = guest.task.users.is_root();
    let kept = all.then_some(uid);
    let users = guest.task.users.changed([kept, Some(uid), kept], [None; 3])?;
    guest.task.set_users(users);
    Ok(())
}

/// setgid(2).
pub(super) fn setgid(guest: &mut Guest, _: &mut GuestMemory<'_>, gid: u32) -> Result<()> {
    let all = guest.task.users.is_root();
    let kept = all.then_some(gid);
    let users = guest.task.users.changed([None; 3], [kept, Some(gid), kept])?;
    guest.task.set_users(users);
    Ok(())
}

pub(super) fn setgroups(guest: &mut Guest, memory: &mut GuestMemory<'_>, count: u32, list: u32) -> Result<()> {
    if !guest.task.users.is_root() {
        return Err(Errno::Perm);
    }
    if count > GROUPS_MAX {
        return Err(Errno::Inval);
    }
    let bytes = memory.slice(list, count * 4)?;
    let groups = bytes.chunks(4).map(|id| u32::from_le_bytes(id.try_into().expect("four bytes"))).collect();
    let users = Users { groups: Arc::new(groups), ..guest.task.users.clone() };
    guest.task.set_users(users);
    Ok(())
}

/// Which line of an account file is wanted.
enum Wanted<'a> {
    Name(&'a [u8]),
    Id(u32),
    Index(u32),
}

/// Writes the line that is wanted of the account file `path`, without its end; [`Errno::NoEnt`] where there is none.
fn account(
    guest: &Guest,
    memory: &mut GuestMemory<'_>,
    path: &[u8],
    wanted: &Wanted<'_>,
    (buf, buf_len): (u32, u32),
    used: u32,
) -> Result<()> {
    let file = guest.task.namespace.find(path)?;
    let mut text = vec![0; usize::try_from(file.attr()?.size).unwrap_or(ACCOUNTS_MAX).min(ACCOUNTS_MAX)];
    let len = file.read_at(&mut text, 0)?;
    let line = line(&text[..len], wanted).ok_or(Errno::NoEnt)?;
    memory.write_u32(used, line.len() as u32)?;
    if line.len() > buf_len as usize {
        return Err(Errno::Range);
    }
    memory.write(buf, line)
}

fn line<'a>(text: &'a [u8], wanted: &Wanted<'_>) -> Option<&'a [u8]> {
    let mut lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let field = |line: &'a [u8], at: usize| line.split(|&byte| byte == b':').nth(at);
    match wanted {
        Wanted::Index(index) => lines.nth(*index as usize),
        Wanted::Name(name) => lines.find(|line| field(line, 0) == Some(name)),
        Wanted::Id(id) => lines.find(|line| field(line, 2) == Some(id.to_string().as_bytes())),
    }
}

const PASSWD: &[u8] = b"/etc/passwd";
const GROUP: &[u8] = b"/etc/group";

macro_rules! accounts {
    ($($by_id:ident, $by_name:ident, $by_index:ident: $file:expr;)*) => {
        $(
            pub(super) fn $by_id(
                guest: &mut Guest,
                memory: &mut GuestMemory<'_>,
                id: u32,
                buf: u32,
                buf_len: u32,
                used: u32,
            ) -> Result<()> {
                account(guest, memory, $file, &Wanted::Id(id), (buf, buf_len), used)
            }

            pub(super) fn $by_name(
                guest: &mut Guest,
                memory: &mut GuestMemory<'_>,
                name: u32,
                name_len: u32,
                buf: u32,
                buf_len: u32,
                used: u32,
            ) -> Result<()> {
                let name = memory.slice(name, name_len)?.to_vec();
                account(guest, memory, $file, &Wanted::Name(&name), (buf, buf_len), used)
            }

            pub(super) fn $by_index(
                guest: &mut Guest,
                memory: &mut GuestMemory<'_>,
                index: u32,
                buf: u32,
                buf_len: u32,
                used: u32,
            ) -> Result<()> {
                account(guest, memory, $file, &Wanted::Index(index), (buf, buf_len), used)
            }
        )*
    };
}

accounts! {
    getpwuid, getpwnam, getpwent: PASSWD;
    getgrgid, getgrnam, getgrent: GROUP;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_number_and_place() {
        let text = b"root:x:0:0:root:/root:/bin/sh\n\nuser:x:1000:1000::/:/bin/sh";
        let user: &[u8] = b"user:x:1000:1000::/:/bin/sh";
        for wanted in [Wanted::Name(b"user"), Wanted::Id(1000), Wanted::Index(1)] {
            assert_eq!(line(text, &wanted), Some(user));
        }
        assert_eq!((line(text, &Wanted::Index(2)), line(text, &Wanted::Name(b"us"))), (None, None));
    }
}
