//! Calls on paths: witx `path_*`.

use super::Snapshot;
use super::start::{self, Directory, Intent, walk, walk_from};
use super::types::{FileStat, set_times};
use crate::kernel::{Descriptor, flags};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::runtime::wasm::rights;
use crate::vfs::{Errno, Follow, RenameMode, Result};

/// The bits of witx `oflags`.
const CREAT: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCL: u32 = 4;
const TRUNC: u32 = 8;

/// witx `lookupflags`.
fn follow(lookup: u32) -> Result<Follow> {
    match lookup {
        0 => Ok(Follow::No),
        1 => Ok(Follow::Yes),
        _ => Err(Errno::Inval),
    }
}

pub(super) fn path_create_directory(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let walked = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Make)?;
    guest.task.make_directory(&walked, 0o777)
}

pub(super) fn path_filestat_get(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    lookup: u32,
    (path, len): (u32, u32),
    (snapshot, stat): (Snapshot, u32),
) -> Result<()> {
    let walked = walk(guest, fd, memory.slice(path, len)?, follow(lookup)?, Intent::Find)?;
    let found = FileStat::new(snapshot, &walked.found()?.attr()?);
    drop(walked);
    memory.write(stat, found.bytes())
}

pub(super) fn path_filestat_set_times(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    atim: u64,
    mtim: u64,
    flags: u32,
) -> Result<()> {
    let (change, is_now) = set_times(atim, mtim, flags)?;
    let walked = walk(guest, fd, memory.slice(path, len)?, follow(lookup)?, Intent::Find)?;
    guest.task.change_times(walked.found()?, &change, is_now)
}

pub(super) fn path_link(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    from_fd: u32,
    lookup: u32,
    from: u32,
    from_len: u32,
    to_fd: u32,
    to: u32,
    to_len: u32,
) -> Result<()> {
    // wasi-testsuite path_link: links are not followed here.
    if follow(lookup)? == Follow::Yes {
        return Err(Errno::Inval);
    }
    let (from_dir, to_dir) = (start::directory(guest, from_fd)?, start::directory(guest, to_fd)?);
    let source = walk_from(guest, &from_dir, memory.slice(from, from_len)?, Follow::No, Intent::Find, None)?;
    let target = source.walked.found()?;
    let prefer = Some(source.side);
    let made = walk_from(guest, &to_dir, memory.slice(to, to_len)?, Follow::No, Intent::Make, prefer)?.walked;
    guest.task.link(target, &made)
}

pub(super) fn path_open(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    flags: u32,
    opened: u32,
) -> Result<()> {
    let mut status = rights::status(flags)?;
    if oflags > 15 || oflags & (CREAT | DIRECTORY) == CREAT | DIRECTORY {
        return Err(Errno::Inval);
    }
    let is_exclusive = oflags & (CREAT | EXCL) == CREAT | EXCL;
    let (follow, intent) = match (is_exclusive, oflags & CREAT != 0) {
        (true, _) => (Follow::No, Intent::Make),
        (false, true) => (follow(lookup)?, Intent::FindOrMake),
        (false, false) => (follow(lookup)?, Intent::Find),
    };
    let mode = guest.foreign.mode.take().unwrap_or(0o666);
    guest.task.fds.check_room()?;
    let from = start::directory(guest, fd)?;
    if let (Directory::Open(descriptor, _), true) = (&from, oflags & TRUNC != 0) {
        rights::require(descriptor, rights::PATH_FILESTAT_SET_SIZE).map_err(|_| Errno::NotCapable)?;
    }
    for (bit, flag) in
        [(CREAT, flags::CREATE), (DIRECTORY, flags::DIRECTORY), (EXCL, flags::EXCLUSIVE), (TRUNC, flags::TRUNCATE)]
    {
        status |= if oflags & bit != 0 { flag } else { 0 };
    }
    status |= match (base & rights::FD_READ != 0, base & rights::FD_WRITE != 0) {
        (true, true) => flags::READ_WRITE,
        (false, true) => flags::WRITE_ONLY,
        (_, false) => flags::READ_ONLY,
    };
    let walked = walk_from(guest, &from, memory.slice(path, len)?, follow, intent, None)?.walked;
    let file = guest.task.open(&walked, status, mode)?;
    drop(walked);
    let descriptor = Descriptor { rights: base, inheriting, ..Descriptor::new(file) };
    let number = guest.task.fds.insert(descriptor)?;
    memory.write_u32(opened, number).inspect_err(|_| drop(guest.task.fds.remove(number)))
}

pub(super) fn path_readlink(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result<()> {
    let target = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Find)?.found()?.read_link()?;
    let fits = &target[..target.len().min(buf_len as usize)];
    memory.write(buf, fits)?;
    memory.write_u32(used, fits.len() as u32)
}

pub(super) fn path_remove_directory(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let walked = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Find)?;
    guest.task.remove_directory(&walked)
}

pub(super) fn path_unlink_file(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let walked = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Find)?;
    guest.task.unlink(&walked)
}

pub(super) fn path_rename(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    from_fd: u32,
    from: u32,
    from_len: u32,
    to_fd: u32,
    to: u32,
    to_len: u32,
) -> Result<()> {
    let (from_dir, to_dir) = (start::directory(guest, from_fd)?, start::directory(guest, to_fd)?);
    let source = walk_from(guest, &from_dir, memory.slice(from, from_len)?, Follow::No, Intent::Find, None)?;
    let prefer = Some(source.side);
    let target = walk_from(guest, &to_dir, memory.slice(to, to_len)?, Follow::No, Intent::FindOrMake, prefer)?.walked;
    guest.task.rename(&source.walked, &target, RenameMode::Replace)
}

pub(super) fn path_symlink(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let target = memory.slice(target, target_len)?;
    let from = start::directory(guest, fd)?;
    // Who holds a directory below `/` alone makes no links out of it (wasi-testsuite symlink_create); who holds `/` can
    // name everything anyway.
    if let Directory::Open(descriptor, _) = from
        && target.starts_with(b"/")
        && descriptor.preopened.is_none()
    {
        return Err(Errno::NotCapable);
    }
    let walked = walk_from(guest, &from, memory.slice(path, len)?, Follow::No, Intent::Make, None)?.walked;
    guest.task.make_link(target, &walked)
}
