//! The guest interface `cowbox_v1`: `docs/guest-abi.md`, call by call, over the kernel.
// The arguments of these functions are those of the document.
#![allow(clippy::too_many_arguments)]

mod descriptors;
mod files;
mod processes;
mod signals;
mod system;
mod terminals;

use wasmtime::{Caller, Extern, Linker};

use super::calls::{HANDLER, call, define};
use super::guest::{Guest, Replaced};
use super::memory::GuestMemory;
use crate::vfs::{Errno, Result};

/// The name that guests import from.
pub(super) const MODULE: &str = "cowbox_v1";

/// The directory that stands for the working directory.
const CWD: i32 = -100;

/// Adds all functions to a linker.
pub(super) fn define(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    define!(linker, MODULE;
        "proc_spawn" => processes::proc_spawn: (path: u32, path_len: u32, argv: u32, argv_len: u32, env: u32, env_len: u32,
            actions: u32, count: u32, attr: u32, pid: u32);
        "proc_wait" => processes::proc_wait: (pid: i32, options: u32, result: u32);
        "proc_explain" => processes::proc_explain: (buf: u32, buf_len: u32, used: u32);
        "proc_kill" => processes::proc_kill: (pid: i32, signal: u32);
        "proc_info" => processes::proc_info: (pid: i32, result: u32);
        "proc_setpgid" => processes::proc_setpgid: (pid: i32, group: i32);
        "proc_setsid" => processes::proc_setsid: (session: u32);
        "proc_times" => processes::proc_times: (result: u32);
        "proc_umask" => processes::proc_umask: (mask: u32, old: u32);
        "proc_rlimit" => processes::proc_rlimit: (resource: u32, new: u32, old: u32);
        "cred_get" => processes::cred_get: (result: u32);
        "cred_set" => processes::cred_set: (ids: u32);
        "cred_groups" => processes::cred_groups: (list: u32, count: u32, used: u32);
        "cred_setgroups" => processes::cred_setgroups: (list: u32, count: u32);
        "proc_alarm" => signals::proc_alarm: (value: u64, interval: u64, old: u32);
        "sig_mask" => signals::sig_mask: (how: u32, set: u64, old: u32);
        "sig_pending" => signals::sig_pending: (set: u32);
        "sig_suspend" => signals::sig_suspend: (mask: u64);
        "sig_wait" => signals::sig_wait: (set: u64, timeout: i64, signal: u32);
        "fd_pipe" => descriptors::fd_pipe: (flags: u32, pair: u32);
        "fd_socketpair" => descriptors::fd_socketpair: (kind: u32, flags: u32, pair: u32);
        "fd_memory" => descriptors::fd_memory: (flags: u32, fd: u32);
        "fd_dup" => descriptors::fd_dup: (fd: u32, least: u32, flags: u32, new: u32);
        "fd_dup2" => descriptors::fd_dup2: (fd: u32, to: u32, flags: u32);
        "fd_flags" => descriptors::fd_flags: (fd: u32, result: u32);
        "fd_set_cloexec" => descriptors::fd_set_cloexec: (fd: u32, on: u32);
        "fd_set_status" => descriptors::fd_set_status: (fd: u32, flags: u32);
        "fd_open" => descriptors::fd_open: (dir: i32, path: u32, path_len: u32, flags: u32, mode: u32, fd: u32);
        "fd_closefrom" => descriptors::fd_closefrom: (fd: u32);
        "fd_lock" => descriptors::fd_lock: (fd: u32, operation: u32);
        "fd_poll" => descriptors::fd_poll: (list: u32, count: u32, timeout: i64, ready: u32);
        "path_stat" => files::path_stat: (dir: i32, path: u32, path_len: u32, flags: u32, result: u32);
        "fd_stat" => files::fd_stat: (fd: u32, result: u32);
        "path_access" => files::path_access: (dir: i32, path: u32, path_len: u32, mode: u32, flags: u32);
        "path_chmod" => files::path_chmod: (dir: i32, path: u32, path_len: u32, mode: u32, flags: u32);
        "fd_chmod" => files::fd_chmod: (fd: u32, mode: u32);
        "path_chown" => files::path_chown: (dir: i32, path: u32, path_len: u32, uid: u32, gid: u32, flags: u32);
        "fd_chown" => files::fd_chown: (fd: u32, uid: u32, gid: u32);
        "path_mkdir" => files::path_mkdir: (dir: i32, path: u32, path_len: u32, mode: u32);
        "path_mknod" => files::path_mknod: (dir: i32, path: u32, path_len: u32, mode: u32);
        "path_rename" => files::path_rename:
            (from_dir: i32, from: u32, from_len: u32, to_dir: i32, to: u32, to_len: u32, flags: u32);
        "path_statfs" => files::path_statfs: (path: u32, path_len: u32, result: u32);
        "fd_statfs" => files::fd_statfs: (fd: u32, result: u32);
        "path_getxattr" => files::path_getxattr:
            (dir: i32, path: u32, path_len: u32, name: u32, name_len: u32, value: u32, value_len: u32, flags: u32, used: u32);
        "path_setxattr" => files::path_setxattr:
            (dir: i32, path: u32, path_len: u32, name: u32, name_len: u32, value: u32, value_len: u32, flags: u32);
        "path_listxattr" => files::path_listxattr:
            (dir: i32, path: u32, path_len: u32, list: u32, list_len: u32, flags: u32, used: u32);
        "path_removexattr" => files::path_removexattr:
            (dir: i32, path: u32, path_len: u32, name: u32, name_len: u32, flags: u32);
        "path_chdir" => files::path_chdir: (path: u32, path_len: u32);
        "fd_chdir" => files::fd_chdir: (fd: u32);
        "path_getcwd" => files::path_getcwd: (buf: u32, buf_len: u32, used: u32);
        "tty_getattr" => terminals::tty_getattr: (fd: u32, result: u32);
        "tty_setattr" => terminals::tty_setattr: (fd: u32, when: u32, new: u32);
        "tty_getsize" => terminals::tty_getsize: (fd: u32, result: u32);
        "tty_setsize" => terminals::tty_setsize: (fd: u32, new: u32);
        "tty_getpgrp" => terminals::tty_getpgrp: (fd: u32, group: u32);
        "tty_setpgrp" => terminals::tty_setpgrp: (fd: u32, group: i32);
        "tty_getsid" => terminals::tty_getsid: (fd: u32, session: u32);
        "tty_setctty" => terminals::tty_setctty: (fd: u32);
        "tty_flush" => terminals::tty_flush: (fd: u32, what: u32);
        "tty_name" => terminals::tty_name: (fd: u32, buf: u32, buf_len: u32, used: u32);
        "pty_open" => terminals::pty_open: (flags: u32, pair: u32);
        "sys_info" => system::sys_info: (result: u32);
        "sys_hostname" => system::sys_hostname: (buf: u32, buf_len: u32, used: u32);
    );
    linker.func_wrap(MODULE, "sig_action", sig_action)?;
    linker.func_wrap(MODULE, "proc_exec", proc_exec)?;
    Ok(())
}

fn sig_action(mut caller: Caller<'_, Guest>, signal: u32, new: u32, old: u32) -> wasmtime::Result<i32> {
    let handles = matches!(caller.get_export(HANDLER), Some(Extern::Func(_)));
    call(&mut caller, |guest, memory| signals::sig_action(guest, memory, signal, (new, handles), old))
}

fn proc_exec(
    mut caller: Caller<'_, Guest>,
    path: u32,
    path_len: u32,
    argv: u32,
    argv_len: u32,
    env: u32,
    env_len: u32,
    search: u32,
    search_len: u32,
) -> wasmtime::Result<i32> {
    let errno = call(&mut caller, |guest, memory| {
        processes::proc_exec(guest, memory, (path, path_len), (argv, argv_len), (env, env_len), (search, search_len))
    })?;
    if caller.data().exec.is_some() { Err(Replaced.into()) } else { Ok(errno) }
}

/// The directory of a call on a path.
fn directory(dir: i32) -> Result<Option<u32>> {
    match dir {
        CWD => Ok(None),
        fd => u32::try_from(fd).map(Some).map_err(|_| Errno::BadF),
    }
}

/// Writes as much of `bytes` as there is room for to `buf`, and its length to `used`; [`Errno::Range`] where it does not fit.
fn write_sized(memory: &mut GuestMemory<'_>, bytes: &[u8], (buf, len): (u32, u32), used: u32) -> Result<()> {
    if len != 0 {
        if bytes.len() > len as usize {
            return Err(Errno::Range);
        }
        memory.write(buf, bytes)?;
    }
    memory.write_u32(used, bytes.len() as u32)
}
