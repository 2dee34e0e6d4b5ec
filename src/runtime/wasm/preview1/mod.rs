//! WASI preview 1 as host functions: witx `wasi_snapshot_preview1`, and `wasi_unstable` (snapshot 0) where it differs.
// The arguments of these functions are those of witx.
#![allow(clippy::too_many_arguments)]

mod args;
mod clock;
pub(super) mod errno;
mod fd;
mod path;
mod poll;
mod process;
mod start;
mod types;

use wasmtime::{Caller, Linker};

pub(super) use self::start::prepare;
use super::calls::{call, define};
use super::guest::Guest;

/// Both names of preview 1: the functions differ where the layout of a structure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snapshot {
    /// `wasi_unstable`.
    Zero,
    /// `wasi_snapshot_preview1`.
    One,
}

/// Adds all functions to a linker.
pub(super) fn define(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    for (module, snapshot) in [("wasi_unstable", Snapshot::Zero), ("wasi_snapshot_preview1", Snapshot::One)] {
        define!(linker, module;
            "args_get" => args::args_get: (argv: u32, buf: u32);
            "args_sizes_get" => args::args_sizes_get: (count: u32, size: u32);
            "environ_get" => args::environ_get: (environ: u32, buf: u32);
            "environ_sizes_get" => args::environ_sizes_get: (count: u32, size: u32);
            "clock_res_get" => clock::clock_res_get: (id: u32, resolution: u32);
            "clock_time_get" => clock::clock_time_get: (id: u32, precision: u64, time: u32);
            "fd_advise" => fd::fd_advise: (fd: u32, offset: u64, len: u64, advice: u32);
            "fd_allocate" => fd::fd_allocate: (fd: u32, offset: u64, len: u64);
            "fd_close" => fd::fd_close: (fd: u32);
            "fd_datasync" => fd::fd_sync: (fd: u32);
            "fd_fdstat_get" => fd::fd_fdstat_get: (fd: u32, stat: u32);
            "fd_fdstat_set_flags" => fd::fd_fdstat_set_flags: (fd: u32, flags: u32);
            "fd_fdstat_set_rights" => fd::fd_fdstat_set_rights: (fd: u32, base: u64, inheriting: u64);
            "fd_filestat_set_size" => fd::fd_filestat_set_size: (fd: u32, size: u64);
            "fd_filestat_set_times" => fd::fd_filestat_set_times: (fd: u32, atim: u64, mtim: u64, flags: u32);
            "fd_pread" => fd::fd_pread: (fd: u32, list: u32, count: u32, offset: u64, nread: u32);
            "fd_prestat_get" => fd::fd_prestat_get: (fd: u32, prestat: u32);
            "fd_prestat_dir_name" => fd::fd_prestat_dir_name: (fd: u32, path: u32, len: u32);
            "fd_pwrite" => fd::fd_pwrite: (fd: u32, list: u32, count: u32, offset: u64, nwritten: u32);
            "fd_read" => fd::fd_read: (fd: u32, list: u32, count: u32, nread: u32);
            "fd_readdir" => fd::fd_readdir: (fd: u32, buf: u32, len: u32, cookie: u64, used: u32);
            "fd_renumber" => fd::fd_renumber: (from: u32, to: u32);
            "fd_sync" => fd::fd_sync: (fd: u32);
            "fd_tell" => fd::fd_tell: (fd: u32, offset: u32);
            "fd_write" => fd::fd_write: (fd: u32, list: u32, count: u32, nwritten: u32);
            "path_create_directory" => path::path_create_directory: (fd: u32, path: u32, len: u32);
            "path_filestat_set_times" => path::path_filestat_set_times:
                (fd: u32, lookup: u32, path: u32, len: u32, atim: u64, mtim: u64, flags: u32);
            "path_link" => path::path_link:
                (from_fd: u32, lookup: u32, from: u32, from_len: u32, to_fd: u32, to: u32, to_len: u32);
            "path_open" => path::path_open:
                (fd: u32, lookup: u32, path: u32, len: u32, oflags: u32, base: u64, inheriting: u64, flags: u32, opened: u32);
            "path_readlink" => path::path_readlink: (fd: u32, path: u32, len: u32, buf: u32, buf_len: u32, used: u32);
            "path_remove_directory" => path::path_remove_directory: (fd: u32, path: u32, len: u32);
            "path_rename" => path::path_rename:
                (from_fd: u32, from: u32, from_len: u32, to_fd: u32, to: u32, to_len: u32);
            "path_symlink" => path::path_symlink: (target: u32, target_len: u32, fd: u32, path: u32, len: u32);
            "path_unlink_file" => path::path_unlink_file: (fd: u32, path: u32, len: u32);
            "proc_raise" => process::proc_raise: (signal: u32);
            "random_get" => process::random_get: (buf: u32, len: u32);
            "sched_yield" => process::sched_yield: ();
            "sock_accept" => process::sock_accept: (fd: u32, flags: u32, accepted: u32);
            "sock_recv" => process::sock_recv: (fd: u32, list: u32, count: u32, flags: u32, nread: u32, roflags: u32);
            "sock_send" => process::sock_send: (fd: u32, list: u32, count: u32, flags: u32, nwritten: u32);
            "sock_shutdown" => process::sock_shutdown: (fd: u32, how: u32);
        );
        linker.func_wrap(module, "proc_exit", process::proc_exit)?;
        linker.func_wrap(module, "fd_filestat_get", move |mut caller: Caller<'_, Guest>, fd: u32, stat: u32| {
            call(&mut caller, |guest, memory| fd::fd_filestat_get(guest, memory, snapshot, fd, stat))
        })?;
        linker.func_wrap(
            module,
            "fd_seek",
            move |mut caller: Caller<'_, Guest>, fd: u32, delta: i64, whence: u32, offset: u32| {
                call(&mut caller, |guest, memory| fd::fd_seek(guest, memory, fd, delta, (snapshot, whence), offset))
            },
        )?;
        linker.func_wrap(
            module,
            "path_filestat_get",
            move |mut caller: Caller<'_, Guest>, fd: u32, lookup: u32, path: u32, len: u32, stat: u32| {
                call(&mut caller, |guest, memory| {
                    path::path_filestat_get(guest, memory, fd, lookup, (path, len), (snapshot, stat))
                })
            },
        )?;
        linker.func_wrap(
            module,
            "poll_oneoff",
            move |mut caller: Caller<'_, Guest>, subscriptions: u32, events: u32, count: u32, stored: u32| {
                call(&mut caller, |guest, memory| {
                    poll::poll_oneoff(guest, memory, snapshot, (subscriptions, count), events, stored)
                })
            },
        )?;
    }
    Ok(())
}
