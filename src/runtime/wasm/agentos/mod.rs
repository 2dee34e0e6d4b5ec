//! The process interface of agentOS (github.com/rivet-dev/agentos, `host_*`) over the kernel, so that programs which were
//! built for it run unchanged: their shell and commands are the npm package `@agentos-software/coreutils`.
//!
//! A mapping and no more: processes, signals and files are the kernel's. What a program imports and is not defined here
//! keeps it from being linked, by name. Their libc reaches all paths through a directory with a number beyond all
//! descriptors, so that those from 3 on are the program's own.
// The arguments of these functions are those of the interface.
#![allow(clippy::too_many_arguments)]

mod descriptors;
mod files;
mod processes;
mod users;

use std::sync::Arc;

use wasmtime::{Caller, Linker};

use super::calls::{call, define};
use super::guest::{Guest, Replaced};
use super::memory::GuestMemory;
use crate::kernel::{Descriptor, Object, OpenFile, flags};
use crate::vfs::Result;

/// The names that programs import from.
const MODULES: [&str; 5] = ["host_process", "host_fs", "host_user", "host_net", "host_tty"];

/// The number of the directory that paths start from.
const ROOT: u32 = 0x4000_0003;

/// The directory that Rust programs name with paths as they were given to them.
const AS_GIVEN: u32 = 3;

/// Whether a module belongs to the interface.
pub(super) fn is_module(name: &str) -> bool {
    MODULES.contains(&name)
}

/// Gives a program what its libc expects: the directory, and the working directory in `PWD`. Descriptor 3 is taken, so that
/// none that the program opens is mistaken for [`AS_GIVEN`].
pub(super) fn prepare(guest: &mut Guest) {
    guest.foreign.root = Some(ROOT);
    let task = &mut guest.task;
    if task.fds.file(AS_GIVEN).is_err() {
        let file = OpenFile::new(Object::Directory(task.cwd.clone()), flags::READ_ONLY);
        // With a limit this low the program will find out by itself.
        let _ = task.fds.replace(AS_GIVEN, Descriptor::closed_on_exec(Arc::new(file), true));
    }
    let Ok(path) = task.namespace.path_of(&task.cwd) else { return };
    let pair = [b"PWD=", path.as_bytes()].concat();
    if !task.env.contains(&pair) {
        let mut env: Vec<_> = task.env.iter().filter(|pair| !pair.starts_with(b"PWD=")).cloned().collect();
        env.push(pair);
        task.env = env.into();
    }
}

/// Adds all functions to a linker.
pub(super) fn define(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    define!(linker, "host_process";
        "proc_spawn_v3" => processes::proc_spawn_v3: (path: u32, path_len: u32, argv: u32, argv_len: u32, env: u32, env_len: u32,
            actions: u32, actions_len: u32, cwd: u32, cwd_len: u32, flags: u32, defaults_low: u32, defaults_high: u32,
            mask_low: u32, mask_high: u32, group: u32, pid: u32);
        "proc_waitpid_v2" => processes::proc_waitpid_v2: (pid: i32, options: u32, code: u32, signal: u32, waited: u32, core: u32);
        "proc_kill" => processes::proc_kill: (pid: i32, signal: u32);
        "proc_getpid" => processes::proc_getpid: (pid: u32);
        "proc_getppid" => processes::proc_getppid: (pid: u32);
        "proc_getpgid" => processes::proc_getpgid: (pid: i32, group: u32);
        "proc_setpgid" => processes::proc_setpgid: (pid: i32, group: i32);
        "proc_signal_mask_v2" => processes::proc_signal_mask_v2: (how: u32, low: u32, high: u32, old_low: u32, old_high: u32);
        "sleep_ms" => processes::sleep_ms: (milliseconds: u32);
        "umask" => processes::umask: (mask: u32, sets: u32, old: u32);
        "fd_pipe" => descriptors::fd_pipe: (reads: u32, writes: u32);
        "fd_dup" => descriptors::fd_dup: (fd: u32, new: u32);
        "fd_dup_min" => descriptors::fd_dup_min: (fd: u32, least: u32, new: u32);
        "fd_dup2" => descriptors::fd_dup2: (fd: u32, to: u32);
        "fd_getfd" => descriptors::fd_getfd: (fd: u32, flags: u32);
        "fd_setfd" => descriptors::fd_setfd: (fd: u32, flags: u32);
        "proc_closefrom" => descriptors::proc_closefrom: (least: u32);
    );
    define!(linker, "host_net";
        "net_recv" => descriptors::net_recv: (fd: u32, buf: u32, len: u32, flags: u32, received: u32);
        "net_send" => descriptors::net_send: (fd: u32, buf: u32, len: u32, flags: u32, sent: u32);
    );
    define!(linker, "host_tty";
        "set_raw_mode" => descriptors::set_raw_mode: (on: u32);
    );
    define!(linker, "host_fs";
        "set_open_mode" => files::set_open_mode: (mode: u32);
        "ftruncate" => files::ftruncate: (fd: u32, size: u64);
        "chmod" => files::chmod: (fd: u32, path: u32, path_len: u32, mode: u32);
        "fchmod" => files::fchmod: (fd: u32, mode: u32);
        "path_owner" => files::path_owner: (fd: u32, path: u32, path_len: u32, follow: u32, uid: u32, gid: u32);
        "path_chown" => files::path_chown: (fd: u32, path: u32, path_len: u32, uid: u32, gid: u32, follow: u32);
        "path_statfs" => files::path_statfs:
            (fd: u32, path: u32, path_len: u32, total: u32, used: u32, free: u32, inodes: u32, inodes_free: u32);
        "remount" => files::remount: (path: u32, path_len: u32, options: u32, options_len: u32);
    );
    define!(linker, "host_user";
        "getuid" => users::getuid: (result: u32);
        "geteuid" => users::geteuid: (result: u32);
        "getgid" => users::getgid: (result: u32);
        "getegid" => users::getegid: (result: u32);
        "getgroups" => users::getgroups: (count: u32, list: u32, used: u32);
        "setuid" => users::setuid: (uid: u32);
        "setgid" => users::setgid: (gid: u32);
        "setgroups" => users::setgroups: (count: u32, list: u32);
        "isatty" => descriptors::isatty: (fd: u32, result: u32);
        "getpwuid" => users::getpwuid: (uid: u32, buf: u32, buf_len: u32, used: u32);
        "getpwnam" => users::getpwnam: (name: u32, name_len: u32, buf: u32, buf_len: u32, used: u32);
        "getpwent" => users::getpwent: (index: u32, buf: u32, buf_len: u32, used: u32);
        "getgrgid" => users::getgrgid: (gid: u32, buf: u32, buf_len: u32, used: u32);
        "getgrnam" => users::getgrnam: (name: u32, name_len: u32, buf: u32, buf_len: u32, used: u32);
        "getgrent" => users::getgrent: (index: u32, buf: u32, buf_len: u32, used: u32);
    );
    define_values(linker)?;
    linker.func_wrap("host_process", "proc_exec", proc_exec)?;
    Ok(())
}

/// Adds the functions that return what was asked for, and something that cannot be it where that is not known.
fn define_values(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap("host_fs", "fd_mode", |mut caller: Caller<'_, Guest>, fd: u32| {
        value(&mut caller, 0_u32, |guest, _| files::fd_mode(guest, fd))
    })?;
    linker.func_wrap("host_fs", "fd_size", |mut caller: Caller<'_, Guest>, fd: u32| {
        value(&mut caller, u64::MAX, |guest, _| files::fd_size(guest, fd))
    })?;
    linker.func_wrap(
        "host_fs",
        "path_mode",
        |mut caller: Caller<'_, Guest>, fd: u32, path: u32, len: u32, follow: u32| {
            value(&mut caller, 0_u32, |guest, memory| files::path_mode(guest, memory, fd, (path, len), follow))
        },
    )?;
    linker.func_wrap(
        "host_fs",
        "path_size",
        |mut caller: Caller<'_, Guest>, fd: u32, path: u32, len: u32, follow: u32| {
            value(&mut caller, u64::MAX, |guest, memory| files::path_size(guest, memory, fd, (path, len), follow))
        },
    )?;
    linker.func_wrap(
        "host_fs",
        "path_rdev",
        |mut caller: Caller<'_, Guest>, fd: u32, path: u32, len: u32, follow: u32| {
            value(&mut caller, 0_u64, |guest, memory| files::path_rdev(guest, memory, fd, (path, len), follow))
        },
    )?;
    linker.func_wrap("host_tty", "read", |mut caller: Caller<'_, Guest>, buf: u32, len: u32, timeout: i32| {
        value(&mut caller, 0_u32, |guest, memory| descriptors::tty_read(guest, memory, (buf, len), timeout))
    })?;
    Ok(())
}

fn value<T: Copy>(
    caller: &mut Caller<'_, Guest>,
    unknown: T,
    mut function: impl FnMut(&mut Guest, &mut GuestMemory<'_>) -> Result<T>,
) -> wasmtime::Result<T> {
    let mut found = unknown;
    call(caller, |guest, memory| {
        found = function(guest, memory)?;
        Ok(())
    })?;
    Ok(found)
}

fn proc_exec(
    mut caller: Caller<'_, Guest>,
    path: u32,
    path_len: u32,
    argv: u32,
    argv_len: u32,
    env: u32,
    env_len: u32,
    closed: u32,
    closed_count: u32,
) -> wasmtime::Result<i32> {
    let errno = call(&mut caller, |guest, memory| {
        processes::proc_exec(guest, memory, (path, path_len), (argv, argv_len), (env, env_len), (closed, closed_count))
    })?;
    if caller.data().exec.is_some() { Err(Replaced.into()) } else { Ok(errno) }
}
