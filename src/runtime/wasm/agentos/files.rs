//! Files: what preview 1 does not tell and cannot set.

use super::AS_GIVEN;
use crate::kernel::Object;
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Attr, Errno, Follow, InodeRef, Result};

/// The inode that a path leads to. From no directory (-1), and from the one of Rust programs, it is the path that was given.
fn find(guest: &Guest, memory: &GuestMemory<'_>, fd: u32, (path, len): (u32, u32), follow: Follow) -> Result<InodeRef> {
    let path = memory.slice(path, len)?;
    let start = match fd {
        u32::MAX | AS_GIVEN => guest.task.cwd.clone(),
        fd if guest.foreign.root == Some(fd) => guest.task.namespace.root().clone(),
        fd => guest.task.fds.file(fd)?.directory()?.clone(),
    };
    guest.task.walk(&start, path, follow, crate::vfs::Scope::Namespace)?.found().cloned()
}

fn follow(follow: u32) -> Follow {
    if follow == 0 { Follow::No } else { Follow::Yes }
}

fn attr(guest: &Guest, memory: &GuestMemory<'_>, fd: u32, path: (u32, u32), flags: u32) -> Result<Attr> {
    find(guest, memory, fd, path, follow(flags))?.attr()
}

fn mode(attr: &Attr) -> u32 {
    attr.kind.mode_bits() | u32::from(attr.mode)
}

pub(super) fn path_mode(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: (u32, u32),
    follow: u32,
) -> Result<u32> {
    Ok(mode(&attr(guest, memory, fd, path, follow)?))
}

pub(super) fn path_size(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: (u32, u32),
    follow: u32,
) -> Result<u64> {
    Ok(attr(guest, memory, fd, path, follow)?.size)
}

/// The device number as Linux' `makedev` has it.
pub(super) fn path_rdev(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: (u32, u32),
    follow: u32,
) -> Result<u64> {
    let device = attr(guest, memory, fd, path, follow)?.rdev;
    let (major, minor) = (u64::from(device.major), u64::from(device.minor));
    Ok((major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | minor & 0xff)
}

pub(super) fn fd_mode(guest: &mut Guest, fd: u32) -> Result<u32> {
    Ok(mode(&guest.task.fds.file(fd)?.attr()?))
}

pub(super) fn fd_size(guest: &mut Guest, fd: u32) -> Result<u64> {
    Ok(guest.task.fds.file(fd)?.attr()?.size)
}

/// The mode of what the next `path_open` makes.
pub(super) fn set_open_mode(guest: &mut Guest, _: &mut GuestMemory<'_>, mode: u32) -> Result<()> {
    guest.foreign.mode = Some((mode & 0o7777) as u16);
    Ok(())
}

pub(super) fn ftruncate(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, size: u64) -> Result<()> {
    let file = guest.task.fds.file(fd)?;
    let Object::File(inode) = &file.object else { return Err(Errno::Inval) };
    if !file.is_writable() {
        return Err(Errno::Inval);
    }
    guest.task.check_size(size)?;
    inode.set_len(size)
}

pub(super) fn chmod(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    mode: u32,
) -> Result<()> {
    let inode = find(guest, memory, fd, (path, path_len), Follow::Yes)?;
    guest.task.change_mode(&inode, mode)
}

pub(super) fn fchmod(guest: &mut Guest, _: &mut GuestMemory<'_>, fd: u32, mode: u32) -> Result<()> {
    guest.task.change_mode(guest.task.fds.file(fd)?.inode()?, mode)
}

pub(super) fn path_owner(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    follow: u32,
    uid: u32,
    gid: u32,
) -> Result<()> {
    let attr = attr(guest, memory, fd, (path, path_len), follow)?;
    memory.write_u32(uid, attr.uid)?;
    memory.write_u32(gid, attr.gid)
}

pub(super) fn path_chown(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    uid: u32,
    gid: u32,
    flags: u32,
) -> Result<()> {
    let inode = find(guest, memory, fd, (path, path_len), follow(flags))?;
    let id = |id: u32| (id != u32::MAX).then_some(id);
    guest.task.change_owner(&inode, id(uid), id(gid))
}

/// Five numbers, each a `u64`: bytes in all, used and free; inodes in all and free.
pub(super) fn path_statfs(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    total: u32,
    used: u32,
    free: u32,
    inodes: u32,
    inodes_free: u32,
) -> Result<()> {
    let numbers = find(guest, memory, fd, (path, path_len), Follow::Yes)?.stat_fs()?;
    let used_bytes = numbers.total.saturating_sub(numbers.free);
    let values = [numbers.total, used_bytes, numbers.free, numbers.inodes, u64::from(u32::MAX)];
    for (at, value) in [total, used, free, inodes, inodes_free].into_iter().zip(values) {
        memory.write_u64(at, value)?;
    }
    Ok(())
}

/// Nothing is mounted from inside of a container.
pub(super) fn remount(_: &mut Guest, _: &mut GuestMemory<'_>, _: u32, _: u32, _: u32, _: u32) -> Result<()> {
    Err(Errno::Perm)
}
