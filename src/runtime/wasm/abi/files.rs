//! Files by path and by descriptor.

use super::{directory, write_sized};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Attr, Errno, Follow, InodeRef, NAME_MAX, RenameMode, Result};

/// `AT_SYMLINK_NOFOLLOW`.
const NO_FOLLOW: u32 = 0x100;
/// `AT_EACCESS`.
const EFFECTIVE: u32 = 0x200;
/// The longest value of an extended attribute, as on Linux.
const XATTR_MAX: u32 = 64 << 10;

fn follow(flags: u32, known: u32) -> Result<Follow> {
    match flags {
        flags if flags & !known != 0 => Err(Errno::Inval),
        flags if flags & NO_FOLLOW != 0 => Ok(Follow::No),
        _ => Ok(Follow::Yes),
    }
}

/// The inode that a path leads to. An empty path is the open file `dir` itself.
fn find(guest: &Guest, memory: &GuestMemory<'_>, dir: i32, (path, len): (u32, u32), flags: u32) -> Result<InodeRef> {
    let follow = follow(flags, NO_FOLLOW)?;
    if len == 0 && dir >= 0 {
        return guest.task.fds.file(dir as u32)?.inode().cloned();
    }
    guest.task.resolve(directory(dir)?, memory.slice(path, len)?, follow)?.found().cloned()
}

pub(super) fn path_stat(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    flags: u32,
    result: u32,
) -> Result<()> {
    let follow = follow(flags, NO_FOLLOW)?;
    let attr = {
        let walked = guest.task.resolve(directory(dir)?, memory.slice(path, path_len)?, follow)?;
        let inode = walked.found()?;
        match inode.descriptor_link().filter(|_| follow == Follow::Yes) {
            Some(fd) => guest.task.fds.file(fd).map_err(|_| Errno::NoEnt)?.attr()?,
            None => inode.attr()?,
        }
    };
    memory.write(result, &stat(&attr))
}

pub(super) fn fd_stat(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<()> {
    let attr = guest.task.fds.file(fd)?.attr()?;
    memory.write(result, &stat(&attr))
}

/// `docs/guest-abi.md`, `path_stat`.
fn stat(attr: &Attr) -> [u8; 120] {
    let mut bytes = [0; 120];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &attr.dev.to_le_bytes());
    put(8, &attr.ino.to_le_bytes());
    let mode = attr.kind.mode_bits() | u32::from(attr.mode);
    for (at, value) in [mode, attr.nlink, attr.uid, attr.gid, attr.rdev.major, attr.rdev.minor].into_iter().enumerate()
    {
        put(16 + at * 4, &value.to_le_bytes());
    }
    put(48, &attr.size.to_le_bytes());
    put(56, &attr.size.div_ceil(512).to_le_bytes());
    put(64, &4096_u32.to_le_bytes());
    for (at, time) in [attr.atime, attr.mtime, attr.ctime].into_iter().enumerate() {
        put(72 + at * 16, &time.sec.to_le_bytes());
        put(80 + at * 16, &time.nsec.to_le_bytes());
    }
    bytes
}

pub(super) fn path_access(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    mode: u32,
    flags: u32,
) -> Result<()> {
    let follow = follow(flags, NO_FOLLOW | EFFECTIVE)?;
    if mode > 7 {
        return Err(Errno::Inval);
    }
    let walked = guest.task.resolve(directory(dir)?, memory.slice(path, path_len)?, follow)?;
    let attr = walked.found()?.attr()?;
    let users = &guest.task.users;
    match flags & EFFECTIVE != 0 {
        true => users.check(&attr, mode),
        false => users.as_real().check(&attr, mode),
    }
}

pub(super) fn path_chmod(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    mode: u32,
    flags: u32,
) -> Result<()> {
    let inode = find(guest, memory, dir, (path, path_len), flags)?;
    guest.task.change_mode(&inode, mode)
}

pub(super) fn fd_chmod(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, mode: u32) -> Result<()> {
    guest.task.change_mode(guest.task.fds.file(fd)?.inode()?, mode)
}

fn id(id: u32) -> Option<u32> {
    (id != u32::MAX).then_some(id)
}

pub(super) fn path_chown(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    uid: u32,
    gid: u32,
    flags: u32,
) -> Result<()> {
    let inode = find(guest, memory, dir, (path, path_len), flags)?;
    guest.task.change_owner(&inode, id(uid), id(gid))
}

pub(super) fn fd_chown(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, uid: u32, gid: u32) -> Result<()> {
    guest.task.change_owner(guest.task.fds.file(fd)?.inode()?, id(uid), id(gid))
}

pub(super) fn path_mkdir(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    mode: u32,
) -> Result<()> {
    let walked = guest.task.resolve(directory(dir)?, memory.slice(path, path_len)?, Follow::No)?;
    guest.task.make_directory(&walked, mode as u16)
}

pub(super) fn path_mknod(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    mode: u32,
) -> Result<()> {
    let walked = guest.task.resolve(directory(dir)?, memory.slice(path, path_len)?, Follow::No)?;
    guest.task.make_node(&walked, mode)
}

pub(super) fn path_rename(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    from_dir: i32,
    from: u32,
    from_len: u32,
    to_dir: i32,
    to: u32,
    to_len: u32,
    flags: u32,
) -> Result<()> {
    let mode = match flags {
        0 => RenameMode::Replace,
        1 => RenameMode::NoReplace,
        2 => RenameMode::Exchange,
        _ => return Err(Errno::Inval),
    };
    let source = guest.task.resolve(directory(from_dir)?, memory.slice(from, from_len)?, Follow::No)?;
    let target = guest.task.resolve(directory(to_dir)?, memory.slice(to, to_len)?, Follow::No)?;
    guest.task.rename(&source, &target, mode)
}

fn write_statfs(memory: &mut GuestMemory<'_>, inode: &InodeRef, result: u32) -> Result<()> {
    let numbers = inode.stat_fs()?;
    // Nothing but memory limits how many files there can be.
    let inodes_free = u64::from(u32::MAX);
    let inodes = numbers.inodes.saturating_add(inodes_free);
    let all = [numbers.total, numbers.free, inodes, inodes_free, NAME_MAX as u64];
    let mut bytes = [0; 40];
    for (at, number) in all.into_iter().enumerate() {
        bytes[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
    }
    memory.write(result, &bytes)
}

pub(super) fn path_statfs(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    path: u32,
    path_len: u32,
    result: u32,
) -> Result<()> {
    let inode = find(guest, memory, super::CWD, (path, path_len), 0)?;
    write_statfs(memory, &inode, result)
}

pub(super) fn fd_statfs(guest: &mut Guest, memory: &mut GuestMemory<'_>, fd: u32, result: u32) -> Result<()> {
    let inode = guest.task.fds.file(fd)?.inode()?.clone();
    write_statfs(memory, &inode, result)
}

/// Whether the process may see or change an attribute: those of users go by the file's mode, `trusted.` is root's.
fn check_xattr(guest: &Guest, inode: &InodeRef, name: &[u8], writes: bool) -> Result<()> {
    let users = &guest.task.users;
    let wanted = if writes { crate::kernel::WRITE } else { crate::kernel::READ };
    match name {
        b"" => Err(Errno::Range),
        name if name.len() > NAME_MAX => Err(Errno::Range),
        name if name.starts_with(b"user.") => users.check_inode(inode, wanted),
        name if name.starts_with(b"trusted.") && !users.is_root() => Err(Errno::NoData),
        _ if writes && !users.is_root() => Err(Errno::Perm),
        _ => Ok(()),
    }
}

pub(super) fn path_getxattr(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
    flags: u32,
    used: u32,
) -> Result<()> {
    let inode = find(guest, memory, dir, (path, path_len), flags)?;
    let name = memory.slice(name, name_len)?;
    check_xattr(guest, &inode, name, false)?;
    let found = inode.xattr(name)?;
    write_sized(memory, &found, (value, value_len), used)
}

pub(super) fn path_setxattr(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
    flags: u32,
) -> Result<()> {
    let inode = find(guest, memory, dir, (path, path_len), flags)?;
    let name = memory.slice(name, name_len)?;
    check_xattr(guest, &inode, name, true)?;
    if value_len > XATTR_MAX {
        return Err(Errno::TooBig);
    }
    inode.set_xattr(name, memory.slice(value, value_len)?)
}

pub(super) fn path_listxattr(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    list: u32,
    list_len: u32,
    flags: u32,
    used: u32,
) -> Result<()> {
    let inode = find(guest, memory, dir, (path, path_len), flags)?;
    let is_shown = |name: &&Vec<u8>| guest.task.users.is_root() || !name.starts_with(b"trusted.");
    let names: Vec<u8> =
        inode.list_xattrs()?.iter().filter(is_shown).flat_map(|name| [name, &b"\0"[..]].concat()).collect();
    write_sized(memory, &names, (list, list_len), used)
}

pub(super) fn path_removexattr(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    dir: i32,
    path: u32,
    path_len: u32,
    name: u32,
    name_len: u32,
    flags: u32,
) -> Result<()> {
    let inode = find(guest, memory, dir, (path, path_len), flags)?;
    let name = memory.slice(name, name_len)?;
    check_xattr(guest, &inode, name, true)?;
    inode.remove_xattr(name)
}

pub(super) fn path_chdir(guest: &mut Guest, memory: &mut GuestMemory<'_>, path: u32, path_len: u32) -> Result<()> {
    let place = guest.task.resolve(None, memory.slice(path, path_len)?, Follow::Yes)?.place()?;
    guest.task.enter(place)
}

pub(super) fn fd_chdir(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32) -> Result<()> {
    let place = guest.task.fds.file(fd)?.directory()?.clone();
    guest.task.enter(place)
}

pub(super) fn path_getcwd(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result<()> {
    let path = guest.task.namespace.path_of(&guest.task.cwd)?;
    write_sized(memory, path.as_bytes(), (buf, buf_len), used)
}
