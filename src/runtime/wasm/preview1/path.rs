//! Calls on paths: witx `path_*`.

use super::Snapshot;
use super::fd::checked_flags;
use super::start::{self, Intent, walk, walk_from};
use super::types::{FileStat, set_times};
use crate::runtime::wasm::fds::{Descriptor, Directory, File, Object, rights};
use crate::runtime::wasm::guest::Guest;
use crate::runtime::wasm::memory::GuestMemory;
use crate::vfs::{Errno, FileKind, Follow, InodeRef, NewInode, NewKind, RenameMode, Result, Walked};

/// What new files and directories lack of 0666 and 0777: the usual mask.
const UMASK: u16 = 0o022;

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

fn new_inode<'a>(guest: &Guest, kind: NewKind<'a>, mode: u16) -> NewInode<'a> {
    NewInode { kind, mode: mode & !UMASK, uid: guest.user.uid, gid: guest.user.gid, mtime: None }
}

pub(super) fn path_create_directory(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let walked = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Make)?;
    let (None, Some(name)) = (walked.target(), walked.name()) else { return Err(Errno::Exist) };
    walked.dir().create(name, &new_inode(guest, NewKind::Directory, 0o777)).map(drop)
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
    let change = set_times(atim, mtim, flags)?;
    let walked = walk(guest, fd, memory.slice(path, len)?, follow(lookup)?, Intent::Find)?;
    walked.found()?.set_attr(&change).map(drop)
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
    let (from_dir, _) = start::directory(guest, from_fd)?;
    let (to_dir, _) = start::directory(guest, to_fd)?;
    let source = walk_from(guest, from_dir, memory.slice(from, from_len)?, Follow::No, Intent::Find, None)?;
    let target = source.walked.found()?;
    let prefer = Some(source.side);
    let made = walk_from(guest, to_dir, memory.slice(to, to_len)?, Follow::No, Intent::Make, prefer)?.walked;
    if made.target().is_some() {
        return Err(Errno::Exist);
    }
    if made.wants_directory() {
        return Err(Errno::NoEnt);
    }
    if target.kind() == FileKind::Directory {
        return Err(Errno::Perm);
    }
    made.dir().link(made.name().ok_or(Errno::Exist)?, target)
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
    let flags = checked_flags(flags)?;
    if oflags > 15 || oflags & (CREAT | DIRECTORY) == CREAT | DIRECTORY {
        return Err(Errno::Inval);
    }
    let is_exclusive = oflags & (CREAT | EXCL) == CREAT | EXCL;
    let (follow, intent) = match (is_exclusive, oflags & CREAT != 0) {
        (true, _) => (Follow::No, Intent::Make),
        (false, true) => (follow(lookup)?, Intent::FindOrMake),
        (false, false) => (follow(lookup)?, Intent::Find),
    };
    guest.fds.check_room()?;
    let (from, from_descriptor) = start::directory(guest, fd)?;
    if oflags & TRUNC != 0 {
        from_descriptor.require(rights::PATH_FILESTAT_SET_SIZE).map_err(|_| Errno::NotCapable)?;
    }
    let walked = walk_from(guest, from, memory.slice(path, len)?, follow, intent, None)?.walked;
    let object = open(guest, &walked, oflags, is_exclusive, base & rights::FD_WRITE != 0)?;
    let mut descriptor = Descriptor::new(object);
    descriptor.rights &= base;
    descriptor.inheriting &= inheriting;
    descriptor.flags = flags;
    drop(walked);
    let number = guest.fds.insert(descriptor)?;
    memory.write_u32(opened, number).inspect_err(|_| drop(guest.fds.remove(number)))
}

/// Opens or makes what a walk has led to.
fn open(guest: &Guest, walked: &Walked<'_>, oflags: u32, is_exclusive: bool, writes: bool) -> Result<Object> {
    let inode = match walked.target() {
        None if oflags & CREAT == 0 => return Err(Errno::NoEnt),
        None => return make(guest, walked),
        Some(_) if is_exclusive => return Err(Errno::Exist),
        Some(inode) => inode.clone(),
    };
    match inode.kind() {
        FileKind::Directory if writes || oflags & (CREAT | TRUNC) != 0 => Err(Errno::IsDir),
        FileKind::Directory => Ok(Object::Directory(Directory { place: walked.place()?, preopened: None })),
        FileKind::Symlink if oflags & DIRECTORY != 0 => Err(Errno::NotDir),
        FileKind::Symlink => Err(Errno::Loop),
        _ if oflags & DIRECTORY != 0 => Err(Errno::NotDir),
        FileKind::Socket => Err(Errno::Nxio),
        FileKind::Fifo => Err(Errno::NotSup),
        kind => {
            if kind == FileKind::Regular && oflags & TRUNC != 0 {
                inode.set_len(0)?;
            }
            Ok(Object::File(File { inode, offset: 0 }))
        }
    }
}

fn make(guest: &Guest, walked: &Walked<'_>) -> Result<Object> {
    let name = walked.name().filter(|_| !walked.wants_directory()).ok_or(Errno::IsDir)?;
    let inode: InodeRef = walked.dir().create(name, &new_inode(guest, NewKind::Regular, 0o666))?;
    Ok(Object::File(File { inode, offset: 0 }))
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
    let name = walked.name().ok_or(Errno::Inval)?;
    if walked.found()?.kind() != FileKind::Directory {
        return Err(Errno::NotDir);
    }
    check_no_mount(guest, &walked)?;
    walked.dir().rmdir(name)
}

pub(super) fn path_unlink_file(
    guest: &mut Guest,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Result<()> {
    let walked = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Find)?;
    let (found, Some(name)) = (walked.found()?, walked.name()) else { return Err(Errno::IsDir) };
    if found.kind() == FileKind::Directory {
        return Err(Errno::IsDir);
    }
    check_no_mount(guest, &walked)?;
    walked.dir().unlink(name)
}

fn check_no_mount(guest: &Guest, walked: &Walked<'_>) -> Result<()> {
    match walked.name() {
        Some(name) if guest.namespace.is_mount_point(walked.dir(), name) => Err(Errno::Busy),
        _ => Ok(()),
    }
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
    let (from_dir, _) = start::directory(guest, from_fd)?;
    let (to_dir, _) = start::directory(guest, to_fd)?;
    let source = walk_from(guest, from_dir, memory.slice(from, from_len)?, Follow::No, Intent::Find, None)?;
    let prefer = Some(source.side);
    let target = walk_from(guest, to_dir, memory.slice(to, to_len)?, Follow::No, Intent::FindOrMake, prefer)?.walked;
    let source = source.walked;
    let is_directory = source.found()?.kind() == FileKind::Directory;
    let (Some(from_name), Some(to_name)) = (source.name(), target.name()) else { return Err(Errno::Busy) };
    if !is_directory && (source.wants_directory() || target.wants_directory()) {
        return Err(Errno::NotDir);
    }
    check_no_mount(guest, &source)?;
    check_no_mount(guest, &target)?;
    source.dir().rename(from_name, target.dir(), to_name, RenameMode::Replace)
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
    match target {
        b"" => return Err(Errno::NoEnt),
        target if target.len() > crate::vfs::PATH_MAX => return Err(Errno::NameTooLong),
        target if target.contains(&0) => return Err(Errno::Inval),
        _ => {}
    }
    let (from, _) = start::directory(guest, fd)?;
    // Who holds a directory below `/` alone makes no links out of it (wasi-testsuite symlink_create); who holds `/` can
    // name everything anyway.
    if target.starts_with(b"/") && from.preopened.is_none() {
        return Err(Errno::NotCapable);
    }
    let walked = walk(guest, fd, memory.slice(path, len)?, Follow::No, Intent::Make)?;
    let (None, Some(name)) = (walked.target(), walked.name()) else { return Err(Errno::Exist) };
    if walked.wants_directory() {
        return Err(Errno::NoEnt);
    }
    walked.dir().create(name, &new_inode(guest, NewKind::Symlink(target), 0o777)).map(drop)
}
