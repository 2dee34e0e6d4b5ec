//! The calls in a guest: `cowbox_v1` as docs/guest-abi.md has it, and preview 1 for what that has already.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::errno::{Errno, Result};
use super::types::*;

mod imports {
    //! The imports as they are. A pointer is valid for as many bytes as the page on the interface says.

    #[link(wasm_import_module = "cowbox_v1")]
    unsafe extern "C" {
        pub fn proc_spawn(
            path: *const u8,
            path_len: usize,
            argv: *const u8,
            argv_len: usize,
            env: *const u8,
            env_len: usize,
            actions: *const u8,
            actions_count: usize,
            attr: *const u8,
            pid: *mut i32,
        ) -> i32;
        pub fn proc_exec(
            path: *const u8,
            path_len: usize,
            argv: *const u8,
            argv_len: usize,
            env: *const u8,
            env_len: usize,
            search: *const u8,
            search_len: usize,
        ) -> i32;
        pub fn proc_wait(pid: i32, options: u32, result: *mut u8) -> i32;
        pub fn proc_explain(buf: *mut u8, buf_len: usize, used: *mut usize) -> i32;
        pub fn proc_kill(pid: i32, signal: u32) -> i32;
        pub fn proc_info(pid: i32, result: *mut u8) -> i32;
        pub fn proc_setpgid(pid: i32, pgid: i32) -> i32;
        pub fn proc_setsid(sid: *mut i32) -> i32;
        pub fn proc_times(result: *mut u8) -> i32;
        pub fn proc_alarm(value_ns: u64, interval_ns: u64, old: *mut u8) -> i32;
        pub fn proc_umask(mask: u32, old: *mut u32) -> i32;
        pub fn proc_rlimit(resource: u32, new: *const u64, old: *mut u64) -> i32;
        pub fn cred_get(result: *mut u32) -> i32;
        pub fn cred_set(ids: *const u32) -> i32;
        pub fn cred_groups(list: *mut u32, count: u32, used: *mut u32) -> i32;
        pub fn cred_setgroups(list: *const u32, count: u32) -> i32;
        pub fn sig_action(signal: u32, new: *const u8, old: *mut u8) -> i32;
        pub fn sig_mask(how: u32, set: u64, old: *mut u64) -> i32;
        pub fn sig_pending(set: *mut u64) -> i32;
        pub fn sig_suspend(mask: u64) -> i32;
        pub fn sig_wait(set: u64, timeout_ns: i64, signal: *mut u32) -> i32;
        pub fn fd_pipe(flags: u32, pair: *mut i32) -> i32;
        pub fn fd_socketpair(kind: u32, flags: u32, pair: *mut i32) -> i32;
        pub fn fd_memory(flags: u32, fd: *mut i32) -> i32;
        pub fn fd_dup(fd: i32, least: u32, flags: u32, new: *mut i32) -> i32;
        pub fn fd_dup2(fd: i32, to: i32, flags: u32) -> i32;
        pub fn fd_flags(fd: i32, result: *mut u32) -> i32;
        pub fn fd_set_cloexec(fd: i32, on: u32) -> i32;
        pub fn fd_set_status(fd: i32, flags: u32) -> i32;
        pub fn fd_open(dir: i32, path: *const u8, path_len: usize, flags: u32, mode: u32, fd: *mut i32) -> i32;
        pub fn fd_closefrom(fd: i32) -> i32;
        pub fn fd_lock(fd: i32, operation: u32) -> i32;
        pub fn fd_poll(list: *mut u8, count: u32, timeout_ns: i64, ready: *mut u32) -> i32;
        pub fn path_stat(dir: i32, path: *const u8, path_len: usize, flags: u32, result: *mut u8) -> i32;
        pub fn fd_stat(fd: i32, result: *mut u8) -> i32;
        pub fn path_access(dir: i32, path: *const u8, path_len: usize, mode: u32, flags: u32) -> i32;
        pub fn path_chmod(dir: i32, path: *const u8, path_len: usize, mode: u32, flags: u32) -> i32;
        pub fn fd_chmod(fd: i32, mode: u32) -> i32;
        pub fn path_chown(dir: i32, path: *const u8, path_len: usize, uid: u32, gid: u32, flags: u32) -> i32;
        pub fn fd_chown(fd: i32, uid: u32, gid: u32) -> i32;
        pub fn path_mkdir(dir: i32, path: *const u8, path_len: usize, mode: u32) -> i32;
        pub fn path_mknod(dir: i32, path: *const u8, path_len: usize, mode: u32) -> i32;
        pub fn path_rename(
            from_dir: i32,
            from: *const u8,
            from_len: usize,
            to_dir: i32,
            to: *const u8,
            to_len: usize,
            flags: u32,
        ) -> i32;
        pub fn path_statfs(path: *const u8, path_len: usize, result: *mut u64) -> i32;
        pub fn fd_statfs(fd: i32, result: *mut u64) -> i32;
        pub fn path_getxattr(
            dir: i32,
            path: *const u8,
            path_len: usize,
            name: *const u8,
            name_len: usize,
            value: *mut u8,
            value_len: usize,
            flags: u32,
            used: *mut u32,
        ) -> i32;
        pub fn path_setxattr(
            dir: i32,
            path: *const u8,
            path_len: usize,
            name: *const u8,
            name_len: usize,
            value: *const u8,
            value_len: usize,
            flags: u32,
        ) -> i32;
        pub fn path_listxattr(
            dir: i32,
            path: *const u8,
            path_len: usize,
            list: *mut u8,
            list_len: usize,
            flags: u32,
            used: *mut u32,
        ) -> i32;
        pub fn path_removexattr(
            dir: i32,
            path: *const u8,
            path_len: usize,
            name: *const u8,
            name_len: usize,
            flags: u32,
        ) -> i32;
        pub fn path_chdir(path: *const u8, path_len: usize) -> i32;
        pub fn fd_chdir(fd: i32) -> i32;
        pub fn path_getcwd(buf: *mut u8, buf_len: usize, used: *mut u32) -> i32;
        pub fn tty_getattr(fd: i32, result: *mut u8) -> i32;
        pub fn tty_setattr(fd: i32, when: u32, new: *const u8) -> i32;
        pub fn tty_getsize(fd: i32, result: *mut u16) -> i32;
        pub fn tty_setsize(fd: i32, new: *const u16) -> i32;
        pub fn tty_getpgrp(fd: i32, group: *mut i32) -> i32;
        pub fn tty_setpgrp(fd: i32, group: i32) -> i32;
        pub fn tty_getsid(fd: i32, session: *mut i32) -> i32;
        pub fn tty_setctty(fd: i32) -> i32;
        pub fn tty_flush(fd: i32, what: u32) -> i32;
        pub fn tty_name(fd: i32, buf: *mut u8, buf_len: usize, used: *mut u32) -> i32;
        pub fn pty_open(flags: u32, pair: *mut i32) -> i32;
        pub fn sys_info(result: *mut u8) -> i32;
        pub fn sys_hostname(buf: *mut u8, buf_len: usize, used: *mut u32) -> i32;
    }

    /// A piece of memory to read into or to write.
    #[repr(C)]
    pub struct Iovec {
        pub base: *mut u8,
        pub len: usize,
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub fn fd_read(fd: i32, list: *const Iovec, count: usize, used: *mut usize) -> i32;
        pub fn fd_write(fd: i32, list: *const Iovec, count: usize, used: *mut usize) -> i32;
        pub fn fd_seek(fd: i32, offset: i64, whence: u32, position: *mut u64) -> i32;
        pub fn fd_close(fd: i32) -> i32;
        pub fn path_unlink_file(dir: i32, path: *const u8, path_len: usize) -> i32;
    }
}

const NOFOLLOW: u32 = 0x100;
const EFFECTIVE: u32 = 0x200;
/// In place of a user or group that stays as it is.
const SAME: u32 = u32::MAX;

fn check(number: i32) -> Result<()> {
    if number == 0 { Ok(()) } else { Err(Errno::from_raw(number)) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    u32_at(bytes, at).cast_signed()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn nanoseconds(duration: Option<Duration>) -> i64 {
    duration.map_or(-1, |duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// Strings one after another, a zero behind each. A zero within one would make two of it.
fn strings(list: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut all = Vec::with_capacity(list.iter().map(|string| string.len() + 1).sum());
    for string in list {
        if string.contains(&0) {
            return Err(Errno::EINVAL);
        }
        all.extend_from_slice(string);
        all.push(0);
    }
    Ok(all)
}

/// The environment as std has it.
fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .map(|(name, value)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat())
        .collect()
}

fn encoded_actions(actions: &[Action]) -> Vec<u8> {
    let mut all = Vec::with_capacity(actions.len() * 24);
    for action in actions {
        let (op, fd, arg, mode, path): (u32, i32, i32, u32, &[u8]) = match action {
            Action::Close(fd) => (1, *fd, 0, 0, b""),
            Action::Dup2 { from, to } => (2, *to, *from, 0, b""),
            Action::Open { fd, path, flags, mode } => (3, *fd, flags.0.cast_signed(), *mode, path),
            Action::Chdir(path) => (4, 0, 0, 0, path),
            Action::Fchdir(fd) => (5, *fd, 0, 0, b""),
            Action::CloseFrom(fd) => (6, *fd, 0, 0, b""),
            Action::SetForeground(fd) => (7, *fd, 0, 0, b""),
        };
        all.extend_from_slice(&op.to_le_bytes());
        all.extend_from_slice(&fd.to_le_bytes());
        all.extend_from_slice(&arg.to_le_bytes());
        all.extend_from_slice(&mode.to_le_bytes());
        all.extend_from_slice(&(path.as_ptr() as u32).to_le_bytes());
        all.extend_from_slice(&(path.len() as u32).to_le_bytes());
    }
    all
}

fn encoded_attributes(spawn: &Spawn) -> [u8; 40] {
    let mut attributes = [0; 40];
    let mut flags = 0_u32;
    if let Some(group) = spawn.pgroup {
        flags |= 1;
        attributes[4..8].copy_from_slice(&group.to_le_bytes());
    }
    if spawn.setsid {
        flags |= 2;
    }
    if let Some(mask) = spawn.sigmask {
        flags |= 4;
        attributes[8..16].copy_from_slice(&mask.0.to_le_bytes());
    }
    if let Some(defaults) = spawn.sigdefault {
        flags |= 8;
        attributes[16..24].copy_from_slice(&defaults.0.to_le_bytes());
    }
    if let Some(search) = &spawn.search {
        flags |= 16;
        attributes[24..28].copy_from_slice(&(search.as_ptr() as u32).to_le_bytes());
        attributes[28..32].copy_from_slice(&(search.len() as u32).to_le_bytes());
    }
    if let Some(mask) = spawn.umask {
        flags |= 32;
        attributes[32..36].copy_from_slice(&mask.to_le_bytes());
    }
    attributes[0..4].copy_from_slice(&flags.to_le_bytes());
    attributes
}

/// Starts a program as a child. That it cannot be found, loaded or prepared is an error here, not a status of the child.
pub fn spawn(spawn: &Spawn) -> Result<Pid> {
    let argv = strings(&spawn.argv)?;
    let env = match &spawn.env {
        Some(env) => strings(env)?,
        None => strings(&environment())?,
    };
    let actions = encoded_actions(&spawn.actions);
    let attributes = encoded_attributes(spawn);
    let mut pid = 0;
    // SAFETY: all pointers are to live buffers of the given lengths; those within the actions and attributes are to fields of `spawn`.
    check(unsafe {
        imports::proc_spawn(
            spawn.path.as_ptr(),
            spawn.path.len(),
            argv.as_ptr(),
            argv.len(),
            env.as_ptr(),
            env.len(),
            actions.as_ptr(),
            spawn.actions.len(),
            attributes.as_ptr(),
            &raw mut pid,
        )
    })?;
    Ok(pid)
}

/// Why the last program could not be started, in words, where more is known than the error says.
pub fn explanation() -> Option<String> {
    let mut text = vec![0; 1024];
    let mut used = 0;
    // SAFETY: both pointers are to live buffers of the given length.
    check(unsafe { imports::proc_explain(text.as_mut_ptr(), text.len(), &raw mut used) }).ok()?;
    text.truncate(used);
    String::from_utf8(text).ok().filter(|text| !text.is_empty())
}

/// Replaces the program of this process. With `search`, directories separated by `:`, a `path` without `/` is looked up in these.
pub fn exec(path: impl Bytes, argv: &[Vec<u8>], env: Option<&[Vec<u8>]>, search: Option<&[u8]>) -> Result<Infallible> {
    let path = path.bytes();
    let argv = strings(argv)?;
    let env = match env {
        Some(env) => strings(env)?,
        None => strings(&environment())?,
    };
    let search = search.unwrap_or_default();
    // SAFETY: all pointers are to live buffers of the given lengths.
    let number = unsafe {
        imports::proc_exec(
            path.as_ptr(),
            path.len(),
            argv.as_ptr(),
            argv.len(),
            env.as_ptr(),
            env.len(),
            search.as_ptr(),
            search.len(),
        )
    };
    Err(Errno::from_raw(number))
}

/// waitpid(2): `pid` > 0 is that child, -1 any, 0 any of the caller's group, others any of the group `-pid`. `None` is only with `NOHANG`.
pub fn wait(pid: Pid, options: WaitOptions) -> Result<Option<Waited>> {
    let mut result = [0; 32];
    // SAFETY: the result has its 32 bytes.
    check(unsafe { imports::proc_wait(pid, options.0, result.as_mut_ptr()) })?;
    let pid = i32_at(&result, 0);
    if pid == 0 {
        return Ok(None);
    }
    let usage = Usage {
        user: Duration::from_nanos(u64_at(&result, 8)),
        system: Duration::from_nanos(u64_at(&result, 16)),
        max_memory: u64_at(&result, 24),
    };
    Ok(Some(Waited { pid, status: Status(i32_at(&result, 4)), usage }))
}

/// kill(2): a process, 0 the caller's group, -1 all, others the group `-pid`. Signal 0 only checks.
pub fn kill(pid: Pid, signal: i32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::proc_kill(pid, signal.cast_unsigned()) })
}

/// Where a process belongs; 0 is the caller.
pub fn info(pid: Pid) -> Result<ProcessInfo> {
    let mut result = [0; 16];
    // SAFETY: the result has its 16 bytes.
    check(unsafe { imports::proc_info(pid, result.as_mut_ptr()) })?;
    Ok(ProcessInfo {
        pid: i32_at(&result, 0),
        ppid: i32_at(&result, 4),
        pgid: i32_at(&result, 8),
        sid: i32_at(&result, 12),
    })
}

/// Moves a process, 0 the caller, to a group, 0 one of its own.
pub fn setpgid(pid: Pid, pgid: Pid) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::proc_setpgid(pid, pgid) })
}

/// Makes a session of one's own and returns its number.
pub fn setsid() -> Result<Pid> {
    let mut sid = 0;
    // SAFETY: `sid` is live.
    check(unsafe { imports::proc_setsid(&raw mut sid) })?;
    Ok(sid)
}

/// What this process and its waited-for children used.
pub fn times() -> Result<Times> {
    let mut result = [0; 32];
    // SAFETY: the result has its 32 bytes.
    check(unsafe { imports::proc_times(result.as_mut_ptr()) })?;
    Ok(Times {
        user: Duration::from_nanos(u64_at(&result, 0)),
        system: Duration::from_nanos(u64_at(&result, 8)),
        children_user: Duration::from_nanos(u64_at(&result, 16)),
        children_system: Duration::from_nanos(u64_at(&result, 24)),
    })
}

/// Sends SIGALRM after `value`, none for zero, then every `interval`. Returns what was left of the one before, and its interval.
pub fn alarm(value: Duration, interval: Duration) -> Result<(Duration, Duration)> {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let mut old = [0; 16];
    // SAFETY: `old` has its 16 bytes.
    check(unsafe { imports::proc_alarm(nanoseconds(value), nanoseconds(interval), old.as_mut_ptr()) })?;
    Ok((Duration::from_nanos(u64_at(&old, 0)), Duration::from_nanos(u64_at(&old, 8))))
}

/// Sets the file mode creation mask, where one is given, and returns the one before.
pub fn umask(mask: Option<u32>) -> u32 {
    let mut old = 0;
    // SAFETY: `old` is live.
    match check(unsafe { imports::proc_umask(mask.map_or(u32::MAX, |mask| mask & 0o777), &raw mut old) }) {
        Ok(()) => old,
        // umask(2) cannot fail; a host without it applies this one.
        Err(_) => 0o022,
    }
}

/// Gets a limit, and sets it where a new one is given.
pub fn rlimit(resource: Resource, new: Option<Limit>) -> Result<Limit> {
    let new = new.map(|limit| [limit.soft, limit.hard]);
    let mut old = [0_u64; 2];
    let pointer = new.as_ref().map_or(std::ptr::null(), |new| new.as_ptr());
    // SAFETY: `old`, and `new` where there is one, have two numbers.
    check(unsafe { imports::proc_rlimit(resource as u32, pointer, old.as_mut_ptr()) })?;
    Ok(Limit { soft: old[0], hard: old[1] })
}

/// The users and groups of this process.
pub fn credentials() -> Credentials {
    let mut ids = [0; 6];
    // SAFETY: `ids` has its six numbers. It cannot fail; root is what programs without users are.
    let _ = unsafe { imports::cred_get(ids.as_mut_ptr()) };
    let [uid, euid, suid, gid, egid, sgid] = ids;
    Credentials { uid, euid, suid, gid, egid, sgid }
}

/// setresuid(2). `None` leaves one as it is.
pub fn setresuid(real: Option<u32>, effective: Option<u32>, saved: Option<u32>) -> Result<()> {
    let ids = [real.unwrap_or(SAME), effective.unwrap_or(SAME), saved.unwrap_or(SAME), SAME, SAME, SAME];
    // SAFETY: six numbers.
    check(unsafe { imports::cred_set(ids.as_ptr()) })
}

/// setresgid(2). `None` leaves one as it is.
pub fn setresgid(real: Option<u32>, effective: Option<u32>, saved: Option<u32>) -> Result<()> {
    let ids = [SAME, SAME, SAME, real.unwrap_or(SAME), effective.unwrap_or(SAME), saved.unwrap_or(SAME)];
    // SAFETY: six numbers.
    check(unsafe { imports::cred_set(ids.as_ptr()) })
}

/// The supplementary groups.
pub fn getgroups() -> Result<Vec<u32>> {
    let mut used = 0;
    // SAFETY: no room is announced, so none is written to but `used`.
    check(unsafe { imports::cred_groups(std::ptr::null_mut(), 0, &raw mut used) })?;
    let mut groups = vec![0; used as usize];
    if used > 0 {
        // SAFETY: the list has room for `used` numbers.
        check(unsafe { imports::cred_groups(groups.as_mut_ptr(), used, &raw mut used) })?;
        groups.truncate(used as usize);
    }
    Ok(groups)
}

/// Sets the supplementary groups.
pub fn setgroups(groups: &[u32]) -> Result<()> {
    // SAFETY: the list has the announced length.
    check(unsafe { imports::cred_setgroups(groups.as_ptr(), groups.len() as u32) })
}

/// The handlers by signal, as numbers: 0 is none.
static HANDLERS: [AtomicUsize; 65] = [const { AtomicUsize::new(0) }; 65];

/// What the kernel calls on the way back from a call when a signal with a handler has come.
#[unsafe(export_name = "__cowbox_signal")]
extern "C" fn dispatch(signal: i32) {
    let Some(handler) = usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal)) else { return };
    let address = handler.load(Ordering::Acquire);
    if address != 0 {
        // SAFETY: only functions of this type are stored, by `sigaction`.
        let handler: fn(i32) = unsafe { std::mem::transmute::<usize, fn(i32)>(address) };
        handler(signal);
    }
}

fn handler_of(signal: i32) -> Result<&'static AtomicUsize> {
    usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal)).ok_or(Errno::EINVAL)
}

fn decoded_action(signal: i32, old: &[u8; 16]) -> Result<SigAction> {
    let disposition = match u32_at(old, 0) {
        0 => Disposition::Default,
        1 => Disposition::Ignore,
        _ => match handler_of(signal)?.load(Ordering::Acquire) {
            0 => Disposition::Default,
            // SAFETY: only functions of this type are stored, by `sigaction`.
            address => Disposition::Handler(unsafe { std::mem::transmute::<usize, fn(i32)>(address) }),
        },
    };
    Ok(SigAction { disposition, flags: SigFlags(u32_at(old, 4)), mask: SigSet(u64_at(old, 8)) })
}

/// Says what a signal does, and returns what it did.
pub fn sigaction(signal: i32, action: impl Into<SigAction>) -> Result<SigAction> {
    let action = action.into();
    let before = sigaction_now(signal)?;
    let handler = handler_of(signal)?;
    let (kind, address) = match action.disposition {
        Disposition::Default => (0_u32, 0),
        Disposition::Ignore => (1, 0),
        Disposition::Handler(function) => (2, function as usize),
    };
    let mut new = [0; 16];
    new[0..4].copy_from_slice(&kind.to_le_bytes());
    new[4..8].copy_from_slice(&action.flags.0.to_le_bytes());
    new[8..16].copy_from_slice(&action.mask.0.to_le_bytes());
    // The function first: a signal may come on the way back from the very call that sets it.
    let replaced = handler.swap(address, Ordering::AcqRel);
    // SAFETY: `new` has its 16 bytes, and no old one is asked for.
    if let Err(errno) =
        check(unsafe { imports::sig_action(signal.cast_unsigned(), new.as_ptr(), std::ptr::null_mut()) })
    {
        handler.store(replaced, Ordering::Release);
        return Err(errno);
    }
    Ok(before)
}

/// What a signal does now.
pub fn sigaction_now(signal: i32) -> Result<SigAction> {
    let mut old = [0; 16];
    // SAFETY: `old` has its 16 bytes, and no new one is set.
    check(unsafe { imports::sig_action(signal.cast_unsigned(), std::ptr::null(), old.as_mut_ptr()) })?;
    decoded_action(signal, &old)
}

/// Changes which signals are blocked, where a change is given, and returns those that were.
pub fn sigmask(change: Option<(MaskHow, SigSet)>) -> Result<SigSet> {
    let (how, set) = match change {
        Some((MaskHow::Block, set)) => (0, set),
        Some((MaskHow::Unblock, set)) => (1, set),
        Some((MaskHow::Set, set)) => (2, set),
        None => (3, SigSet::EMPTY),
    };
    let mut old = 0;
    // SAFETY: `old` is live.
    check(unsafe { imports::sig_mask(how, set.0, &raw mut old) })?;
    Ok(SigSet(old))
}

/// Blocked signals that have come.
pub fn sigpending() -> Result<SigSet> {
    let mut set = 0;
    // SAFETY: `set` is live.
    check(unsafe { imports::sig_pending(&raw mut set) })?;
    Ok(SigSet(set))
}

/// Blocks exactly `mask` until a handler was called. Always ends with `EINTR`.
pub fn sigsuspend(mask: SigSet) -> Errno {
    // SAFETY: no pointers.
    Errno::from_raw(unsafe { imports::sig_suspend(mask.0) })
}

/// Waits for a signal of a set of blocked ones, and takes it. `EAGAIN` when the time is over.
pub fn sigwait(set: SigSet, timeout: Option<Duration>) -> Result<i32> {
    let mut signal = 0;
    // SAFETY: `signal` is live.
    check(unsafe { imports::sig_wait(set.0, nanoseconds(timeout), &raw mut signal) })?;
    Ok(signal.cast_signed())
}

/// Makes a pipe: the end to read, then the one to write. Of the flags `CLOEXEC` and `NONBLOCK` matter.
pub fn pipe(flags: OpenFlags) -> Result<(Fd, Fd)> {
    let mut pair = [0; 2];
    // SAFETY: two numbers.
    check(unsafe { imports::fd_pipe(flags.0, pair.as_mut_ptr()) })?;
    Ok((pair[0], pair[1]))
}

/// Makes a pair of connected stream sockets. Of the flags `CLOEXEC` and `NONBLOCK` matter.
pub fn socketpair(flags: OpenFlags) -> Result<(Fd, Fd)> {
    let mut pair = [0; 2];
    // SAFETY: two numbers.
    check(unsafe { imports::fd_socketpair(1, flags.0, pair.as_mut_ptr()) })?;
    Ok((pair[0], pair[1]))
}

/// Makes a file without a name. Of the flags `CLOEXEC` matters.
pub fn memory_file(flags: OpenFlags) -> Result<Fd> {
    let mut fd = 0;
    // SAFETY: `fd` is live.
    check(unsafe { imports::fd_memory(flags.0, &raw mut fd) })?;
    Ok(fd)
}

/// Makes a copy: the lowest free number from `least` on.
pub fn dup(fd: Fd, least: Fd, cloexec: bool) -> Result<Fd> {
    let flags = if cloexec { OpenFlags::CLOEXEC.0 } else { 0 };
    let mut new = 0;
    // SAFETY: `new` is live.
    check(unsafe { imports::fd_dup(fd, u32::try_from(least).map_err(|_| Errno::EINVAL)?, flags, &raw mut new) })?;
    Ok(new)
}

/// Makes `to` a copy of `from`. Does nothing where both are the same.
pub fn dup2(from: Fd, to: Fd, cloexec: bool) -> Result<()> {
    let flags = if cloexec { OpenFlags::CLOEXEC.0 } else { 0 };
    // SAFETY: no pointers.
    check(unsafe { imports::fd_dup2(from, to, flags) })
}

/// Closes it.
pub fn close(fd: Fd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_close(fd) })
}

/// Closes it and all above.
pub fn closefrom(fd: Fd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_closefrom(fd) })
}

fn descriptor_flags(fd: Fd) -> Result<[u32; 2]> {
    let mut result = [0; 2];
    // SAFETY: two numbers.
    check(unsafe { imports::fd_flags(fd, result.as_mut_ptr()) })?;
    Ok(result)
}

/// Whether it is closed on exec.
pub fn cloexec(fd: Fd) -> Result<bool> {
    Ok(descriptor_flags(fd)?[0] & 1 != 0)
}

/// Says whether it is closed on exec.
pub fn set_cloexec(fd: Fd, on: bool) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_set_cloexec(fd, u32::from(on)) })
}

/// How it was opened: the access mode, `APPEND`, `NONBLOCK`.
pub fn status_flags(fd: Fd) -> Result<OpenFlags> {
    Ok(OpenFlags(descriptor_flags(fd)?[1]))
}

/// Sets `APPEND` and `NONBLOCK` as they are in `flags`.
pub fn set_status_flags(fd: Fd, flags: OpenFlags) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_set_status(fd, (flags & (OpenFlags::APPEND | OpenFlags::NONBLOCK)).0) })
}

/// Opens a file, seen from the directory `dir`. `mode` is that of a new one, before the umask.
pub fn openat(dir: Fd, path: impl Bytes, flags: OpenFlags, mode: u32) -> Result<Fd> {
    let path = path.bytes();
    let mut fd = 0;
    // SAFETY: the path is live and of that length, and `fd` is live.
    check(unsafe { imports::fd_open(dir, path.as_ptr(), path.len(), flags.0, mode, &raw mut fd) })?;
    Ok(fd)
}

/// Reads what is there, 0 at the end.
pub fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    let piece = imports::Iovec { base: buffer.as_mut_ptr(), len: buffer.len() };
    let mut used = 0;
    // SAFETY: one piece, of a live buffer.
    check(unsafe { imports::fd_read(fd, &raw const piece, 1, &raw mut used) })?;
    Ok(used)
}

/// Writes some of it.
pub fn write(fd: Fd, bytes: &[u8]) -> Result<usize> {
    let piece = imports::Iovec { base: bytes.as_ptr().cast_mut(), len: bytes.len() };
    let mut used = 0;
    // SAFETY: one piece, of a live buffer that is only read.
    check(unsafe { imports::fd_write(fd, &raw const piece, 1, &raw mut used) })?;
    Ok(used)
}

/// Moves to a position.
pub fn seek(fd: Fd, to: std::io::SeekFrom) -> Result<u64> {
    let (offset, whence) = match to {
        std::io::SeekFrom::Start(offset) => (offset.cast_signed(), 0),
        std::io::SeekFrom::Current(offset) => (offset, 1),
        std::io::SeekFrom::End(offset) => (offset, 2),
    };
    let mut position = 0;
    // SAFETY: `position` is live.
    check(unsafe { imports::fd_seek(fd, offset, whence, &raw mut position) })?;
    Ok(position)
}

/// Locks a file, seen by processes of the same container.
pub fn flock(fd: Fd, operation: LockOperation) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_lock(fd, operation.0) })
}

/// Waits until some are ready, and returns how many.
pub fn poll(list: &mut [PollFd], timeout: Option<Duration>) -> Result<usize> {
    let mut encoded = Vec::with_capacity(list.len() * 8);
    for entry in &*list {
        encoded.extend_from_slice(&entry.fd.to_le_bytes());
        encoded.extend_from_slice(&(entry.events.0 as u16).to_le_bytes());
        encoded.extend_from_slice(&[0, 0]);
    }
    let mut ready = 0;
    // SAFETY: eight bytes an entry, and `ready` is live.
    check(unsafe { imports::fd_poll(encoded.as_mut_ptr(), list.len() as u32, nanoseconds(timeout), &raw mut ready) })?;
    for (entry, bytes) in list.iter_mut().zip(encoded.chunks_exact(8)) {
        entry.revents = PollEvents(u32::from(u16::from_le_bytes([bytes[6], bytes[7]])));
    }
    Ok(ready as usize)
}

fn decoded_stat(result: &[u8; 120]) -> Stat {
    let time = |at| Time { sec: u64_at(result, at).cast_signed(), nsec: u32_at(result, at + 8) };
    Stat {
        dev: u64_at(result, 0),
        ino: u64_at(result, 8),
        mode: u32_at(result, 16),
        nlink: u64::from(u32_at(result, 20)),
        uid: u32_at(result, 24),
        gid: u32_at(result, 28),
        rdev_major: u32_at(result, 32),
        rdev_minor: u32_at(result, 36),
        size: u64_at(result, 48),
        blocks: u64_at(result, 56),
        block_size: u32_at(result, 64),
        atime: time(72),
        mtime: time(88),
        ctime: time(104),
    }
}

/// What is known of a file, seen from the directory `dir`; `follow` goes to the end of symbolic links.
pub fn fstatat(dir: Fd, path: impl Bytes, follow: bool) -> Result<Stat> {
    let path = path.bytes();
    let mut result = [0; 120];
    let flags = if follow { 0 } else { NOFOLLOW };
    // SAFETY: the path is live and of that length, and the result has its 120 bytes.
    check(unsafe { imports::path_stat(dir, path.as_ptr(), path.len(), flags, result.as_mut_ptr()) })?;
    Ok(decoded_stat(&result))
}

/// What is known of an open file.
pub fn fstat(fd: Fd) -> Result<Stat> {
    let mut result = [0; 120];
    // SAFETY: the result has its 120 bytes.
    check(unsafe { imports::fd_stat(fd, result.as_mut_ptr()) })?;
    Ok(decoded_stat(&result))
}

/// Whether this may be done with the file, by the real user, or the effective one.
pub fn faccessat(dir: Fd, path: impl Bytes, what: Access, effective: bool) -> Result<()> {
    let path = path.bytes();
    // SAFETY: the path is live and of that length.
    check(unsafe {
        imports::path_access(dir, path.as_ptr(), path.len(), what.0, if effective { EFFECTIVE } else { 0 })
    })
}

/// Sets the mode of a file, seen from the directory `dir`, at the end of symbolic links.
pub fn fchmodat(dir: Fd, path: impl Bytes, mode: u32) -> Result<()> {
    let path = path.bytes();
    // SAFETY: the path is live and of that length.
    check(unsafe { imports::path_chmod(dir, path.as_ptr(), path.len(), mode, 0) })
}

/// Sets the mode of an open file.
pub fn fchmod(fd: Fd, mode: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_chmod(fd, mode) })
}

/// Sets the owners of a file, seen from the directory `dir`. `None` leaves one as it is.
pub fn fchownat(dir: Fd, path: impl Bytes, uid: Option<u32>, gid: Option<u32>, follow: bool) -> Result<()> {
    let path = path.bytes();
    let flags = if follow { 0 } else { NOFOLLOW };
    // SAFETY: the path is live and of that length.
    check(unsafe {
        imports::path_chown(dir, path.as_ptr(), path.len(), uid.unwrap_or(SAME), gid.unwrap_or(SAME), flags)
    })
}

/// Sets the owners of an open file. `None` leaves one as it is.
pub fn fchown(fd: Fd, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_chown(fd, uid.unwrap_or(SAME), gid.unwrap_or(SAME)) })
}

/// Makes a directory, seen from the directory `dir`.
pub fn mkdirat(dir: Fd, path: impl Bytes, mode: u32) -> Result<()> {
    let path = path.bytes();
    // SAFETY: the path is live and of that length.
    check(unsafe { imports::path_mkdir(dir, path.as_ptr(), path.len(), mode) })
}

/// Makes a fifo or a regular file, by the type in `mode`.
pub fn mknodat(dir: Fd, path: impl Bytes, mode: u32) -> Result<()> {
    let path = path.bytes();
    // SAFETY: the path is live and of that length.
    check(unsafe { imports::path_mknod(dir, path.as_ptr(), path.len(), mode) })
}

/// Removes a file.
pub fn unlink(path: impl Bytes) -> Result<()> {
    let path = path.bytes();
    // SAFETY: the path is live and of that length.
    check(unsafe { imports::path_unlink_file(AT_FDCWD, path.as_ptr(), path.len()) })
}

/// Renames a file.
pub fn rename(from: impl Bytes, to: impl Bytes, flags: RenameFlags) -> Result<()> {
    let (from, to) = (from.bytes(), to.bytes());
    // SAFETY: the paths are live and of those lengths.
    check(unsafe {
        imports::path_rename(AT_FDCWD, from.as_ptr(), from.len(), AT_FDCWD, to.as_ptr(), to.len(), flags.0)
    })
}

fn decoded_statfs(result: [u64; 5]) -> StatFs {
    let [bytes, bytes_free, inodes, inodes_free, name_max] = result;
    StatFs { bytes, bytes_free, inodes, inodes_free, name_max }
}

/// What the file system of `path` holds.
pub fn statfs(path: impl Bytes) -> Result<StatFs> {
    let path = path.bytes();
    let mut result = [0; 5];
    // SAFETY: the path is live and of that length, and the result has its five numbers.
    check(unsafe { imports::path_statfs(path.as_ptr(), path.len(), result.as_mut_ptr()) })?;
    Ok(decoded_statfs(result))
}

/// What the file system of an open file holds.
pub fn fstatfs(fd: Fd) -> Result<StatFs> {
    let mut result = [0; 5];
    // SAFETY: the result has its five numbers.
    check(unsafe { imports::fd_statfs(fd, result.as_mut_ptr()) })?;
    Ok(decoded_statfs(result))
}

fn link_flags(follow: bool) -> u32 {
    if follow { 0 } else { NOFOLLOW }
}

/// The value of an extended attribute.
pub fn getxattr(path: impl Bytes, name: impl Bytes, follow: bool) -> Result<Vec<u8>> {
    let (path, name) = (path.bytes(), name.bytes());
    sized(|buffer, used| {
        // SAFETY: all buffers are live and of those lengths.
        check(unsafe {
            imports::path_getxattr(
                AT_FDCWD,
                path.as_ptr(),
                path.len(),
                name.as_ptr(),
                name.len(),
                buffer.as_mut_ptr(),
                buffer.len(),
                link_flags(follow),
                used,
            )
        })
    })
}

/// The names of the extended attributes.
pub fn listxattr(path: impl Bytes, follow: bool) -> Result<Vec<Vec<u8>>> {
    let path = path.bytes();
    let list = sized(|buffer, used| {
        // SAFETY: all buffers are live and of those lengths.
        check(unsafe {
            imports::path_listxattr(
                AT_FDCWD,
                path.as_ptr(),
                path.len(),
                buffer.as_mut_ptr(),
                buffer.len(),
                link_flags(follow),
                used,
            )
        })
    })?;
    Ok(list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

/// Sets an extended attribute.
pub fn setxattr(path: impl Bytes, name: impl Bytes, value: &[u8], follow: bool) -> Result<()> {
    let (path, name) = (path.bytes(), name.bytes());
    // SAFETY: all buffers are live and of those lengths.
    check(unsafe {
        imports::path_setxattr(
            AT_FDCWD,
            path.as_ptr(),
            path.len(),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
            link_flags(follow),
        )
    })
}

/// Removes an extended attribute.
pub fn removexattr(path: impl Bytes, name: impl Bytes, follow: bool) -> Result<()> {
    let (path, name) = (path.bytes(), name.bytes());
    // SAFETY: all buffers are live and of those lengths.
    check(unsafe {
        imports::path_removexattr(AT_FDCWD, path.as_ptr(), path.len(), name.as_ptr(), name.len(), link_flags(follow))
    })
}

/// Asks for the size, then for the bytes, again where these became more meanwhile.
fn sized(call: impl Fn(&mut [u8], *mut u32) -> Result<()>) -> Result<Vec<u8>> {
    loop {
        let mut used = 0;
        call(&mut [], &raw mut used)?;
        let mut buffer = vec![0; used as usize];
        if buffer.is_empty() {
            return Ok(buffer);
        }
        match call(&mut buffer, &raw mut used) {
            Ok(()) => {
                buffer.truncate(used as usize);
                return Ok(buffer);
            }
            Err(Errno::ERANGE) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Calls with a buffer that grows while it is too short.
fn growing(call: impl Fn(*mut u8, usize, *mut u32) -> i32) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        let mut used = 0;
        match check(call(buffer.as_mut_ptr(), buffer.len(), &raw mut used)) {
            Ok(()) => {
                buffer.truncate(used as usize);
                return Ok(buffer);
            }
            Err(Errno::ERANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 4, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// Changes the working directory.
pub fn chdir(path: impl Bytes) -> Result<()> {
    let path = path.bytes();
    // SAFETY: the path is live and of that length.
    check(unsafe { imports::path_chdir(path.as_ptr(), path.len()) })
}

/// Changes the working directory to an open one.
pub fn fchdir(fd: Fd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_chdir(fd) })
}

/// The working directory. `ENOENT` where it was removed.
pub fn getcwd() -> Result<Vec<u8>> {
    // SAFETY: the buffer is live and of that length.
    growing(|buffer, length, used| unsafe { imports::path_getcwd(buffer, length, used) })
}

/// Whether it is a terminal.
pub fn isatty(fd: Fd) -> bool {
    tcgetattr(fd).is_ok()
}

/// The settings of a terminal.
pub fn tcgetattr(fd: Fd) -> Result<Termios> {
    let mut bytes = [0; 44];
    // SAFETY: the result has its 44 bytes.
    check(unsafe { imports::tty_getattr(fd, bytes.as_mut_ptr()) })?;
    Ok(Termios {
        iflag: u32_at(&bytes, 0),
        oflag: u32_at(&bytes, 4),
        cflag: u32_at(&bytes, 8),
        lflag: u32_at(&bytes, 12),
        line: bytes[16],
        cc: bytes[17..36].try_into().expect("19 bytes"),
        ispeed: u32_at(&bytes, 36),
        ospeed: u32_at(&bytes, 40),
    })
}

/// Changes the settings of a terminal.
pub fn tcsetattr(fd: Fd, when: SetWhen, termios: &Termios) -> Result<()> {
    let mut bytes = [0; 44];
    bytes[0..4].copy_from_slice(&termios.iflag.to_le_bytes());
    bytes[4..8].copy_from_slice(&termios.oflag.to_le_bytes());
    bytes[8..12].copy_from_slice(&termios.cflag.to_le_bytes());
    bytes[12..16].copy_from_slice(&termios.lflag.to_le_bytes());
    bytes[16] = termios.line;
    bytes[17..36].copy_from_slice(&termios.cc);
    bytes[36..40].copy_from_slice(&termios.ispeed.to_le_bytes());
    bytes[40..44].copy_from_slice(&termios.ospeed.to_le_bytes());
    // SAFETY: 44 bytes.
    check(unsafe { imports::tty_setattr(fd, when as u32, bytes.as_ptr()) })
}

/// Throws away what was typed or written.
pub fn tcflush(fd: Fd, what: FlushQueue) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::tty_flush(fd, what as u32) })
}

/// The size of a terminal.
pub fn winsize(fd: Fd) -> Result<WinSize> {
    let mut result = [0; 4];
    // SAFETY: four numbers.
    check(unsafe { imports::tty_getsize(fd, result.as_mut_ptr()) })?;
    let [rows, columns, width_pixels, height_pixels] = result;
    Ok(WinSize { rows, columns, width_pixels, height_pixels })
}

/// Changes the size of a terminal.
pub fn set_winsize(fd: Fd, size: WinSize) -> Result<()> {
    let new = [size.rows, size.columns, size.width_pixels, size.height_pixels];
    // SAFETY: four numbers.
    check(unsafe { imports::tty_setsize(fd, new.as_ptr()) })
}

/// The foreground group of a terminal.
pub fn tcgetpgrp(fd: Fd) -> Result<Pid> {
    let mut group = 0;
    // SAFETY: `group` is live.
    check(unsafe { imports::tty_getpgrp(fd, &raw mut group) })?;
    Ok(group)
}

/// Makes a group the foreground group of a terminal.
pub fn tcsetpgrp(fd: Fd, group: Pid) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::tty_setpgrp(fd, group) })
}

/// The session of a terminal.
pub fn tcgetsid(fd: Fd) -> Result<Pid> {
    let mut session = 0;
    // SAFETY: `session` is live.
    check(unsafe { imports::tty_getsid(fd, &raw mut session) })?;
    Ok(session)
}

/// Makes a terminal the controlling one of the caller's session, which has to have none.
pub fn set_controlling_terminal(fd: Fd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::tty_setctty(fd) })
}

/// The name of a terminal.
pub fn ttyname(fd: Fd) -> Result<Vec<u8>> {
    // SAFETY: the buffer is live and of that length.
    growing(|buffer, length, used| unsafe { imports::tty_name(fd, buffer, length, used) })
}

/// Makes a pseudo-terminal: the master, then the terminal. Of the flags `CLOEXEC` and `NOCTTY` matter.
pub fn openpty(flags: OpenFlags) -> Result<(Fd, Fd)> {
    let mut pair = [0; 2];
    // SAFETY: two numbers.
    check(unsafe { imports::pty_open(flags.0, pair.as_mut_ptr()) })?;
    Ok((pair[0], pair[1]))
}

/// The machine.
pub fn sysinfo() -> Result<SysInfo> {
    let mut result = [0; 32];
    // SAFETY: the result has its 32 bytes.
    check(unsafe { imports::sys_info(result.as_mut_ptr()) })?;
    Ok(SysInfo {
        processors: u32_at(&result, 0),
        page_size: u32_at(&result, 4),
        memory_total: u64_at(&result, 8),
        memory_free: u64_at(&result, 16),
        uptime: Duration::from_nanos(u64_at(&result, 24)),
    })
}

/// The name of the machine, here of the container.
pub fn hostname() -> Result<Vec<u8>> {
    // SAFETY: the buffer is live and of that length.
    growing(|buffer, length, used| unsafe { imports::sys_hostname(buffer, length, used) })
}
