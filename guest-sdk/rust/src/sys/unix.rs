//! The calls on a host, by its libc: for tests, and for programs that are meant to run there too.

use std::convert::Infallible;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::errno::{Errno, Result};
use super::types::*;

fn last() -> Errno {
    Errno::from_io(&std::io::Error::last_os_error())
}

fn check(number: libc::c_int) -> Result<libc::c_int> {
    if number == -1 { Err(last()) } else { Ok(number) }
}

fn done(number: libc::c_int) -> Result<()> {
    check(number).map(drop)
}

fn c(path: impl Bytes) -> Result<CString> {
    CString::new(path.bytes()).map_err(|_| Errno::EINVAL)
}

// Flags, which are numbered as on Linux here.

const OPEN_FLAGS: [(OpenFlags, libc::c_int); 9] = [
    (OpenFlags::CREAT, libc::O_CREAT),
    (OpenFlags::EXCL, libc::O_EXCL),
    (OpenFlags::NOCTTY, libc::O_NOCTTY),
    (OpenFlags::TRUNC, libc::O_TRUNC),
    (OpenFlags::APPEND, libc::O_APPEND),
    (OpenFlags::NONBLOCK, libc::O_NONBLOCK),
    (OpenFlags::DIRECTORY, libc::O_DIRECTORY),
    (OpenFlags::NOFOLLOW, libc::O_NOFOLLOW),
    (OpenFlags::CLOEXEC, libc::O_CLOEXEC),
];

fn open_flags(flags: OpenFlags) -> libc::c_int {
    let access = match flags & OpenFlags::ACCMODE {
        OpenFlags::WRONLY => libc::O_WRONLY,
        OpenFlags::RDWR => libc::O_RDWR,
        _ => libc::O_RDONLY,
    };
    OPEN_FLAGS.into_iter().fold(access, |all, (flag, bit)| if flags.contains(flag) { all | bit } else { all })
}

// Processes.

struct Strings {
    _owned: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

fn strings(list: impl IntoIterator<Item = Vec<u8>>) -> Result<Strings> {
    let owned: Vec<CString> = list.into_iter().map(c).collect::<Result<_>>()?;
    let pointers = owned.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
    Ok(Strings { _owned: owned, pointers })
}

fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .map(|(name, value)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat())
        .collect()
}

/// The files to try, one after another.
fn candidates(path: &[u8], search: Option<&[u8]>) -> Result<Vec<CString>> {
    match search {
        Some(search) if !path.contains(&b'/') => search
            .split(|byte| *byte == b':')
            .map(|directory| if directory.is_empty() { c(path) } else { c([directory, b"/", path].concat()) })
            .collect(),
        _ => Ok(vec![c(path)?]),
    }
}

/// execve(2) of the first candidate that is one, as execvp(3) tries them. Makes no allocation.
fn execute(candidates: &[CString], argv: &Strings, env: &Strings) -> Errno {
    let mut seen = Errno::ENOENT;
    for candidate in candidates {
        // SAFETY: the path and both lists end with zeros.
        unsafe { libc::execve(candidate.as_ptr(), argv.pointers.as_ptr(), env.pointers.as_ptr()) };
        match last() {
            Errno::ENOENT | Errno::ENOTDIR if candidates.len() > 1 => {}
            Errno::EACCES => seen = Errno::EACCES,
            errno => return errno,
        }
    }
    seen
}

/// An action with what it needs prepared, for nothing may be allocated between fork and exec.
enum Prepared {
    Close(Fd),
    Dup2(Fd, Fd),
    Open(Fd, CString, libc::c_int, u32),
    Chdir(CString),
    Fchdir(Fd),
    CloseFrom(Fd),
    SetForeground(Fd),
}

fn prepared(action: &Action) -> Result<Prepared> {
    Ok(match action {
        Action::Close(fd) => Prepared::Close(*fd),
        Action::Dup2 { from, to } => Prepared::Dup2(*from, *to),
        Action::Open { fd, path, flags, mode } => Prepared::Open(*fd, c(path)?, open_flags(*flags), *mode),
        Action::Chdir(path) => Prepared::Chdir(c(path)?),
        Action::Fchdir(fd) => Prepared::Fchdir(*fd),
        Action::CloseFrom(fd) => Prepared::CloseFrom(*fd),
        Action::SetForeground(fd) => Prepared::SetForeground(*fd),
    })
}

/// Does an action in the child. `report` is kept out of its way.
///
/// # Safety
/// Only between fork and exec.
unsafe fn act(action: &Prepared, report: &mut Fd) -> Result<()> {
    let target = match action {
        Prepared::Dup2(_, to) => *to,
        Prepared::Open(fd, ..) => *fd,
        _ => -1,
    };
    // SAFETY: calls with plain numbers and strings that end with zeros.
    unsafe {
        if target == *report {
            *report = check(libc::fcntl(*report, libc::F_DUPFD_CLOEXEC, target + 1))?;
        }
        match action {
            Prepared::Close(fd) if fd == report => {}
            Prepared::Close(fd) => drop(libc::close(*fd)),
            Prepared::Dup2(from, to) if from == to => {
                let flags = check(libc::fcntl(*from, libc::F_GETFD))?;
                check(libc::fcntl(*from, libc::F_SETFD, flags & !libc::FD_CLOEXEC))?;
            }
            Prepared::Dup2(from, to) => drop(check(libc::dup2(*from, *to))?),
            Prepared::Open(fd, path, flags, mode) => {
                let opened = check(libc::open(path.as_ptr(), *flags, *mode as libc::c_uint))?;
                if opened != *fd {
                    check(libc::dup2(opened, *fd))?;
                    libc::close(opened);
                }
            }
            Prepared::Chdir(path) => done(libc::chdir(path.as_ptr()))?,
            Prepared::Fchdir(fd) => done(libc::fchdir(*fd))?,
            Prepared::CloseFrom(least) => {
                let limit = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65536) as Fd;
                for fd in (*least..limit).filter(|fd| fd != report) {
                    libc::close(fd);
                }
            }
            Prepared::SetForeground(fd) => done(libc::tcsetpgrp(*fd, libc::getpgrp()))?,
        }
    }
    Ok(())
}

/// Why the last program could not be started, in words, where more is known than the error says: never here.
pub fn explanation() -> Option<String> {
    None
}

/// Starts a program as a child. That it cannot be found, loaded or prepared is an error here, not a status of the child.
///
/// By fork and exec: posix_spawn(3) has no umask anywhere and fewer actions on some systems.
pub fn spawn(spawn: &Spawn) -> Result<Pid> {
    let candidates = candidates(&spawn.path, spawn.search.as_deref())?;
    let argv = strings(spawn.argv.iter().cloned())?;
    let env = strings(spawn.env.clone().unwrap_or_else(environment))?;
    let actions: Vec<Prepared> = spawn.actions.iter().map(prepared).collect::<Result<_>>()?;
    let (reader, writer) = pipe(OpenFlags::CLOEXEC)?;

    // SAFETY: the child makes only calls that are allowed after fork in a program of many threads, and allocates nothing.
    let pid = match unsafe { libc::fork() } {
        -1 => {
            let errno = last();
            let _ = (close(reader), close(writer));
            return Err(errno);
        }
        // SAFETY: as above.
        0 => unsafe { child(spawn, &actions, &candidates, &argv, &env, writer) },
        pid => pid,
    };
    let _ = close(writer);
    let mut number = [0; 4];
    let failed = super::retry(|| read(reader, &mut number)) == Ok(4);
    let _ = close(reader);
    if failed {
        let _ = super::retry(|| wait(pid, WaitOptions::empty()));
        return Err(Errno::from_raw(i32::from_ne_bytes(number)));
    }
    Ok(pid)
}

/// # Safety
/// Only in a process just forked.
unsafe fn child(
    spawn: &Spawn,
    actions: &[Prepared],
    candidates: &[CString],
    argv: &Strings,
    env: &Strings,
    mut report: Fd,
) -> ! {
    let mut prepare = || {
        // SAFETY: calls with plain numbers.
        unsafe {
            // Rust's runtime ignores it; in programs it ends writers to closed pipes. Handlers become the default by exec.
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            for signal in spawn.sigdefault.unwrap_or_default().iter().filter(|signal| *signal < 32) {
                libc::signal(signal, libc::SIG_DFL);
            }
            if spawn.setsid {
                check(libc::setsid())?;
            }
            if let Some(group) = spawn.pgroup {
                check(libc::setpgid(0, group))?;
            }
            if let Some(mask) = spawn.umask {
                libc::umask(mask as libc::mode_t);
            }
            for action in actions {
                act(action, &mut report)?;
            }
            if let Some(mask) = spawn.sigmask {
                sigmask(Some((MaskHow::Set, mask)))?;
            }
        }
        Ok(())
    };
    let errno = match prepare() {
        Ok(()) => execute(candidates, argv, env),
        Err(errno) => errno,
    };
    let _ = write(report, &errno.raw().to_ne_bytes());
    // SAFETY: ends without running what the parent has registered.
    unsafe { libc::_exit(127) }
}

/// Replaces the program of this process. With `search`, directories separated by `:`, a `path` without `/` is looked up in these.
pub fn exec(path: impl Bytes, argv: &[Vec<u8>], env: Option<&[Vec<u8>]>, search: Option<&[u8]>) -> Result<Infallible> {
    let candidates = candidates(path.bytes(), search)?;
    let argv = strings(argv.iter().cloned())?;
    let env = strings(env.map_or_else(environment, <[_]>::to_vec))?;
    Err(execute(&candidates, &argv, &env))
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000)
}

/// waitpid(2): `pid` > 0 is that child, -1 any, 0 any of the caller's group, others any of the group `-pid`. `None` is only with `NOHANG`.
pub fn wait(pid: Pid, options: WaitOptions) -> Result<Option<Waited>> {
    let table = [
        (WaitOptions::NOHANG, libc::WNOHANG),
        (WaitOptions::UNTRACED, libc::WUNTRACED),
        (WaitOptions::CONTINUED, libc::WCONTINUED),
    ];
    let options =
        table.into_iter().fold(0, |all, (option, bit)| if options.contains(option) { all | bit } else { all });
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both results are live.
    let pid = check(unsafe { libc::wait4(pid, &raw mut status, options, usage.as_mut_ptr()) })?;
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: zeros are a valid value, whether or not it was filled.
    let usage = unsafe { usage.assume_init() };
    // macOS counts in bytes.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    let usage = Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_memory: usage.ru_maxrss as u64 * unit,
    };
    // The layout of the number is the same everywhere but for a continued process.
    let status = if libc::WIFCONTINUED(status) { 0xffff } else { status };
    Ok(Some(Waited { pid, status: Status(status), usage }))
}

/// kill(2): a process, 0 the caller's group, -1 all, others the group `-pid`. Signal 0 only checks.
pub fn kill(pid: Pid, signal: i32) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::kill(pid, signal) })
}

/// Where a process belongs; 0 is the caller. Of others the parent is told as 0.
pub fn info(pid: Pid) -> Result<ProcessInfo> {
    // SAFETY: no pointers.
    unsafe {
        let own = libc::getpid();
        let ppid = if pid == 0 || pid == own { libc::getppid() } else { 0 };
        Ok(ProcessInfo {
            pid: if pid == 0 { own } else { pid },
            ppid,
            pgid: check(libc::getpgid(pid))?,
            sid: check(libc::getsid(pid))?,
        })
    }
}

/// Moves a process, 0 the caller, to a group, 0 one of its own.
pub fn setpgid(pid: Pid, pgid: Pid) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::setpgid(pid, pgid) })
}

/// Makes a session of one's own and returns its number.
pub fn setsid() -> Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::setsid() })
}

/// What this process and its waited-for children used.
pub fn times() -> Result<Times> {
    let usage = |who| {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the result is live, and zeros are a valid value.
        unsafe {
            done(libc::getrusage(who, usage.as_mut_ptr()))?;
            Ok(usage.assume_init())
        }
    };
    let (own, children) = (usage(libc::RUSAGE_SELF)?, usage(libc::RUSAGE_CHILDREN)?);
    Ok(Times {
        user: duration(own.ru_utime),
        system: duration(own.ru_stime),
        children_user: duration(children.ru_utime),
        children_system: duration(children.ru_stime),
    })
}

/// Sends SIGALRM after `value`, none for zero, then every `interval`. Returns what was left of the one before, and its interval.
pub fn alarm(value: Duration, interval: Duration) -> Result<(Duration, Duration)> {
    let time = |duration: Duration| libc::timeval {
        tv_sec: duration.as_secs() as libc::time_t,
        tv_usec: duration.subsec_micros() as libc::suseconds_t,
    };
    let new = libc::itimerval { it_interval: time(interval), it_value: time(value) };
    let mut old = MaybeUninit::<libc::itimerval>::zeroed();
    // The number of ITIMER_REAL is 0 everywhere; its type is not the same.
    // SAFETY: both are live, and zeros are a valid value.
    let old = unsafe {
        done(libc::setitimer(0, &raw const new, old.as_mut_ptr()))?;
        old.assume_init()
    };
    Ok((duration(old.it_value), duration(old.it_interval)))
}

/// Sets the file mode creation mask, where one is given, and returns the one before.
pub fn umask(mask: Option<u32>) -> u32 {
    // SAFETY: no pointers. Without a new mask it is another one for an instant, as there is no way to only ask.
    unsafe {
        let old = libc::umask(mask.unwrap_or(0o077) as libc::mode_t);
        if mask.is_none() {
            libc::umask(old);
        }
        #[allow(clippy::useless_conversion, reason = "16 bits on some systems")]
        u32::from(old)
    }
}

/// Gets a limit, and sets it where a new one is given.
pub fn rlimit(resource: Resource, new: Option<Limit>) -> Result<Limit> {
    let number = match resource {
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::FileSize => libc::RLIMIT_FSIZE,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Stack => libc::RLIMIT_STACK,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Rss => libc::RLIMIT_RSS,
        Resource::Processes => libc::RLIMIT_NPROC,
        Resource::Files => libc::RLIMIT_NOFILE,
        Resource::MemLock => libc::RLIMIT_MEMLOCK,
        Resource::AddressSpace => libc::RLIMIT_AS,
    };
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both are live.
    unsafe {
        done(libc::getrlimit(number, &raw mut old))?;
        if let Some(new) = new {
            let new = libc::rlimit { rlim_cur: new.soft as libc::rlim_t, rlim_max: new.hard as libc::rlim_t };
            done(libc::setrlimit(number, &raw const new))?;
        }
    }
    let count = |count| if count == libc::RLIM_INFINITY { u64::MAX } else { count };
    Ok(Limit { soft: count(old.rlim_cur), hard: count(old.rlim_max) })
}

// Users.

/// The users and groups of this process.
pub fn credentials() -> Credentials {
    // SAFETY: no pointers.
    unsafe {
        let (uid, euid, gid, egid) = (libc::getuid(), libc::geteuid(), libc::getgid(), libc::getegid());
        Credentials { uid, euid, suid: euid, gid, egid, sgid: egid }
    }
}

/// setresuid(2). `None` leaves one as it is. The saved one follows the effective one here.
pub fn setresuid(real: Option<u32>, effective: Option<u32>, _saved: Option<u32>) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::setreuid(real.unwrap_or(u32::MAX), effective.unwrap_or(u32::MAX)) })
}

/// setresgid(2). `None` leaves one as it is. The saved one follows the effective one here.
pub fn setresgid(real: Option<u32>, effective: Option<u32>, _saved: Option<u32>) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::setregid(real.unwrap_or(u32::MAX), effective.unwrap_or(u32::MAX)) })
}

/// The supplementary groups.
pub fn getgroups() -> Result<Vec<u32>> {
    // SAFETY: the list has the announced length.
    unsafe {
        let count = check(libc::getgroups(0, std::ptr::null_mut()))?;
        let mut groups = vec![0; count as usize];
        let count = check(libc::getgroups(count, groups.as_mut_ptr()))?;
        groups.truncate(count as usize);
        Ok(groups)
    }
}

/// Sets the supplementary groups.
pub fn setgroups(groups: &[u32]) -> Result<()> {
    // SAFETY: the list has the announced length.
    #[allow(clippy::useless_conversion, reason = "the type of the length differs between systems")]
    done(unsafe { libc::setgroups(groups.len().try_into().map_err(|_| Errno::EINVAL)?, groups.as_ptr()) })
}

// Signals.

static HANDLERS: [AtomicUsize; 65] = [const { AtomicUsize::new(0) }; 65];

extern "C" fn dispatch(signal: libc::c_int) {
    let Some(handler) = usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal)) else { return };
    let address = handler.load(Ordering::Acquire);
    if address != 0 {
        // SAFETY: only functions of this type are stored, by `sigaction`.
        let handler: fn(i32) = unsafe { std::mem::transmute::<usize, fn(i32)>(address) };
        handler(signal);
    }
}

fn native_set(set: SigSet) -> libc::sigset_t {
    let mut native = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset makes it valid; numbers that are no signals are refused.
    unsafe {
        libc::sigemptyset(native.as_mut_ptr());
        for signal in set.iter() {
            libc::sigaddset(native.as_mut_ptr(), signal);
        }
        native.assume_init()
    }
}

fn own_set(native: &libc::sigset_t) -> SigSet {
    // SAFETY: a live set.
    (1..=64).filter(|signal| unsafe { libc::sigismember(native, *signal) == 1 }).collect()
}

const SIGNAL_FLAGS: [(SigFlags, libc::c_int); 5] = [
    (SigFlags::NOCLDSTOP, libc::SA_NOCLDSTOP),
    (SigFlags::NOCLDWAIT, libc::SA_NOCLDWAIT),
    (SigFlags::RESTART, libc::SA_RESTART),
    (SigFlags::NODEFER, libc::SA_NODEFER),
    (SigFlags::RESETHAND, libc::SA_RESETHAND),
];

/// Says what a signal does, and returns what it did.
pub fn sigaction(signal: i32, action: impl Into<SigAction>) -> Result<SigAction> {
    let action = action.into();
    let slot = usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal)).ok_or(Errno::EINVAL)?;
    let before = sigaction_now(signal)?;
    // SAFETY: zeros are a valid value; all fields that matter are set.
    let mut new: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    new.sa_sigaction = match action.disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Handler(function) => {
            slot.store(function as usize, Ordering::Release);
            dispatch as extern "C" fn(libc::c_int) as libc::sighandler_t
        }
    };
    new.sa_flags =
        SIGNAL_FLAGS.into_iter().fold(0, |all, (flag, bit)| if action.flags.contains(flag) { all | bit } else { all });
    new.sa_mask = native_set(action.mask);
    // SAFETY: the new action is live and its handler a function that lives on.
    done(unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) })?;
    Ok(before)
}

/// What a signal does now.
pub fn sigaction_now(signal: i32) -> Result<SigAction> {
    let slot = usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal)).ok_or(Errno::EINVAL)?;
    // SAFETY: zeros are a valid value, and the result is live.
    let old = unsafe {
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        done(libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()))?;
        old.assume_init()
    };
    let disposition = match (old.sa_sigaction, slot.load(Ordering::Acquire)) {
        (libc::SIG_IGN, _) => Disposition::Ignore,
        (libc::SIG_DFL, _) | (_, 0) => Disposition::Default,
        // SAFETY: only functions of this type are stored, by `sigaction`.
        (_, address) => Disposition::Handler(unsafe { std::mem::transmute::<usize, fn(i32)>(address) }),
    };
    let flags = SIGNAL_FLAGS
        .into_iter()
        .fold(SigFlags::empty(), |all, (flag, bit)| if old.sa_flags & bit != 0 { all | flag } else { all });
    Ok(SigAction { disposition, flags, mask: own_set(&old.sa_mask) })
}

/// Changes which signals are blocked, where a change is given, and returns those that were.
pub fn sigmask(change: Option<(MaskHow, SigSet)>) -> Result<SigSet> {
    let (how, set) = match change {
        Some((MaskHow::Block, set)) => (libc::SIG_BLOCK, set),
        Some((MaskHow::Unblock, set)) => (libc::SIG_UNBLOCK, set),
        Some((MaskHow::Set, set)) => (libc::SIG_SETMASK, set),
        None => (libc::SIG_BLOCK, SigSet::EMPTY),
    };
    let new = native_set(set);
    let mut old = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both sets are live.
    unsafe {
        match libc::pthread_sigmask(how, &raw const new, old.as_mut_ptr()) {
            0 => Ok(own_set(&old.assume_init())),
            number => Err(Errno::from_raw(number)),
        }
    }
}

/// Blocked signals that have come.
pub fn sigpending() -> Result<SigSet> {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the set is live.
    unsafe {
        done(libc::sigpending(set.as_mut_ptr()))?;
        Ok(own_set(&set.assume_init()))
    }
}

/// Blocks exactly `mask` until a handler was called. Always ends with `EINTR`.
pub fn sigsuspend(mask: SigSet) -> Errno {
    let mask = native_set(mask);
    // SAFETY: the set is live.
    unsafe { libc::sigsuspend(&raw const mask) };
    last()
}

/// Waits for a signal of a set of blocked ones, and takes it. `EAGAIN` when the time is over.
pub fn sigwait(set: SigSet, timeout: Option<Duration>) -> Result<i32> {
    // By asking again and again, which works on every system.
    let end = timeout.map(|timeout| std::time::Instant::now() + timeout);
    loop {
        if sigpending()?.0 & set.0 != 0 {
            let native = native_set(set);
            let mut signal = 0;
            // SAFETY: both are live.
            return match unsafe { libc::sigwait(&raw const native, &raw mut signal) } {
                0 => Ok(signal),
                number => Err(Errno::from_raw(number)),
            };
        }
        if end.is_some_and(|end| std::time::Instant::now() >= end) {
            return Err(Errno::EAGAIN);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

// Descriptors.

/// Makes a pipe: the end to read, then the one to write. Of the flags `CLOEXEC` and `NONBLOCK` matter.
pub fn pipe(flags: OpenFlags) -> Result<(Fd, Fd)> {
    let mut pair = [0; 2];
    // SAFETY: two numbers.
    done(unsafe { libc::pipe(pair.as_mut_ptr()) })?;
    flagged(pair, flags)
}

/// Sets the flags of two new descriptors: not every system has pipe2(2).
fn flagged(pair: [Fd; 2], flags: OpenFlags) -> Result<(Fd, Fd)> {
    for fd in pair {
        if flags.contains(OpenFlags::CLOEXEC) {
            set_cloexec(fd, true)?;
        }
        if flags.contains(OpenFlags::NONBLOCK) {
            set_status_flags(fd, OpenFlags::NONBLOCK)?;
        }
    }
    Ok((pair[0], pair[1]))
}

/// Makes a pair of connected stream sockets. Of the flags `CLOEXEC` and `NONBLOCK` matter.
pub fn socketpair(flags: OpenFlags) -> Result<(Fd, Fd)> {
    let mut pair = [0; 2];
    // SAFETY: two numbers.
    done(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) })?;
    flagged(pair, flags)
}

/// Makes a file without a name. Of the flags `CLOEXEC` matters.
pub fn memory_file(flags: OpenFlags) -> Result<Fd> {
    let mut path = [std::env::temp_dir().as_os_str().as_encoded_bytes(), b"/unnamed-XXXXXX\0"].concat();
    // SAFETY: the template ends with a zero and is written in place.
    unsafe {
        let fd = check(libc::mkstemp(path.as_mut_ptr().cast()))?;
        libc::unlink(path.as_ptr().cast());
        set_cloexec(fd, flags.contains(OpenFlags::CLOEXEC))?;
        Ok(fd)
    }
}

/// Makes a copy: the lowest free number from `least` on.
pub fn dup(fd: Fd, least: Fd, cloexec: bool) -> Result<Fd> {
    let command = if cloexec { libc::F_DUPFD_CLOEXEC } else { libc::F_DUPFD };
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(fd, command, least) })
}

/// Makes `to` a copy of `from`. Does nothing where both are the same.
pub fn dup2(from: Fd, to: Fd, cloexec: bool) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::dup2(from, to) })?;
    if from != to && cloexec { set_cloexec(to, true) } else { Ok(()) }
}

/// Closes it.
pub fn close(fd: Fd) -> Result<()> {
    // SAFETY: no pointers. Whose descriptor it is, the caller knows.
    done(unsafe { libc::close(fd) })
}

/// Closes it and all above.
pub fn closefrom(fd: Fd) -> Result<()> {
    // SAFETY: no pointers.
    let limit = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }.clamp(256, 65536) as Fd;
    for fd in fd..limit {
        let _ = close(fd);
    }
    Ok(())
}

/// Whether it is closed on exec.
pub fn cloexec(fd: Fd) -> Result<bool> {
    // SAFETY: no pointers.
    Ok(check(unsafe { libc::fcntl(fd, libc::F_GETFD) })? & libc::FD_CLOEXEC != 0)
}

/// Says whether it is closed on exec.
pub fn set_cloexec(fd: Fd, on: bool) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::fcntl(fd, libc::F_SETFD, if on { libc::FD_CLOEXEC } else { 0 }) })
}

/// How it was opened: the access mode, `APPEND`, `NONBLOCK`.
pub fn status_flags(fd: Fd) -> Result<OpenFlags> {
    // SAFETY: no pointers.
    let native = check(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    let access = match native & libc::O_ACCMODE {
        libc::O_WRONLY => OpenFlags::WRONLY,
        libc::O_RDWR => OpenFlags::RDWR,
        _ => OpenFlags::RDONLY,
    };
    let table = [(OpenFlags::APPEND, libc::O_APPEND), (OpenFlags::NONBLOCK, libc::O_NONBLOCK)];
    Ok(table.into_iter().fold(access, |all, (flag, bit)| if native & bit != 0 { all | flag } else { all }))
}

/// Sets `APPEND` and `NONBLOCK` as they are in `flags`.
pub fn set_status_flags(fd: Fd, flags: OpenFlags) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::fcntl(fd, libc::F_SETFL, open_flags(flags & (OpenFlags::APPEND | OpenFlags::NONBLOCK))) })
}

/// Opens a file, seen from the directory `dir`. `mode` is that of a new one, before the umask.
pub fn openat(dir: Fd, path: impl Bytes, flags: OpenFlags, mode: u32) -> Result<Fd> {
    let path = c(path)?;
    // SAFETY: the path ends with a zero.
    check(unsafe { libc::openat(dir, path.as_ptr(), open_flags(flags), mode as libc::c_uint) })
}

fn length(number: isize) -> Result<usize> {
    usize::try_from(number).map_err(|_| last())
}

/// Reads what is there, 0 at the end.
pub fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer is live and of that length.
    length(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Writes some of it.
pub fn write(fd: Fd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the bytes are live and of that length.
    length(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}

/// Moves to a position.
pub fn seek(fd: Fd, to: std::io::SeekFrom) -> Result<u64> {
    let (offset, whence) = match to {
        std::io::SeekFrom::Start(offset) => (offset.cast_signed(), libc::SEEK_SET),
        std::io::SeekFrom::Current(offset) => (offset, libc::SEEK_CUR),
        std::io::SeekFrom::End(offset) => (offset, libc::SEEK_END),
    };
    // SAFETY: no pointers.
    u64::try_from(unsafe { libc::lseek(fd, offset as libc::off_t, whence) }).map_err(|_| last())
}

/// Locks a file.
pub fn flock(fd: Fd, operation: LockOperation) -> Result<()> {
    // SAFETY: no pointers; the numbers are the same everywhere.
    done(unsafe { libc::flock(fd, operation.0.cast_signed()) })
}

/// Waits until some are ready, and returns how many.
pub fn poll(list: &mut [PollFd], timeout: Option<Duration>) -> Result<usize> {
    let mut native: Vec<libc::pollfd> = list
        .iter()
        .map(|entry| libc::pollfd { fd: entry.fd, events: entry.events.0 as libc::c_short, revents: 0 })
        .collect();
    // Rounded up, for nobody may be told of a time that is not over.
    let timeout =
        timeout.map_or(-1, |timeout| timeout.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(libc::c_int::MAX));
    // SAFETY: the list is live and of that length.
    let ready = check(unsafe { libc::poll(native.as_mut_ptr(), native.len() as libc::nfds_t, timeout) })?;
    for (entry, native) in list.iter_mut().zip(&native) {
        entry.revents = PollEvents(u32::from(native.revents.cast_unsigned()));
    }
    Ok(ready as usize)
}

// Files.

#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the types differ between systems")]
fn own_stat(stat: &libc::stat) -> Stat {
    Stat {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        mode: u32::from(stat.st_mode),
        nlink: stat.st_nlink as u64,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev_major: libc::major(stat.st_rdev) as u32,
        rdev_minor: libc::minor(stat.st_rdev) as u32,
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
        block_size: stat.st_blksize as u32,
        atime: Time { sec: stat.st_atime as i64, nsec: stat.st_atime_nsec as u32 },
        mtime: Time { sec: stat.st_mtime as i64, nsec: stat.st_mtime_nsec as u32 },
        ctime: Time { sec: stat.st_ctime as i64, nsec: stat.st_ctime_nsec as u32 },
    }
}

fn link_flags(follow: bool) -> libc::c_int {
    if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW }
}

/// What is known of a file, seen from the directory `dir`; `follow` goes to the end of symbolic links.
pub fn fstatat(dir: Fd, path: impl Bytes, follow: bool) -> Result<Stat> {
    let path = c(path)?;
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path ends with a zero, and the result is live.
    unsafe {
        done(libc::fstatat(dir, path.as_ptr(), stat.as_mut_ptr(), link_flags(follow)))?;
        Ok(own_stat(&stat.assume_init()))
    }
}

/// What is known of an open file.
pub fn fstat(fd: Fd) -> Result<Stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the result is live.
    unsafe {
        done(libc::fstat(fd, stat.as_mut_ptr()))?;
        Ok(own_stat(&stat.assume_init()))
    }
}

/// Whether this may be done with the file, by the real user, or the effective one.
pub fn faccessat(dir: Fd, path: impl Bytes, what: Access, effective: bool) -> Result<()> {
    let path = c(path)?;
    let flags = if effective { libc::AT_EACCESS } else { 0 };
    // SAFETY: the path ends with a zero.
    done(unsafe { libc::faccessat(dir, path.as_ptr(), what.0.cast_signed(), flags) })
}

/// Sets the mode of a file, seen from the directory `dir`, at the end of symbolic links.
pub fn fchmodat(dir: Fd, path: impl Bytes, mode: u32) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path ends with a zero.
    done(unsafe { libc::fchmodat(dir, path.as_ptr(), mode as libc::mode_t, 0) })
}

/// Sets the mode of an open file.
pub fn fchmod(fd: Fd, mode: u32) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::fchmod(fd, mode as libc::mode_t) })
}

/// Sets the owners of a file, seen from the directory `dir`. `None` leaves one as it is.
pub fn fchownat(dir: Fd, path: impl Bytes, uid: Option<u32>, gid: Option<u32>, follow: bool) -> Result<()> {
    let path = c(path)?;
    let (uid, gid) = (uid.unwrap_or(u32::MAX), gid.unwrap_or(u32::MAX));
    // SAFETY: the path ends with a zero.
    done(unsafe { libc::fchownat(dir, path.as_ptr(), uid, gid, link_flags(follow)) })
}

/// Sets the owners of an open file. `None` leaves one as it is.
pub fn fchown(fd: Fd, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::fchown(fd, uid.unwrap_or(u32::MAX), gid.unwrap_or(u32::MAX)) })
}

/// Makes a directory, seen from the directory `dir`.
pub fn mkdirat(dir: Fd, path: impl Bytes, mode: u32) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path ends with a zero.
    done(unsafe { libc::mkdirat(dir, path.as_ptr(), mode as libc::mode_t) })
}

/// Makes a fifo or a regular file, by the type in `mode`. Only from the working directory on systems without mknodat(2).
pub fn mknodat(dir: Fd, path: impl Bytes, mode: u32) -> Result<()> {
    let path = c(path)?;
    if dir != AT_FDCWD {
        return Err(Errno::ENOSYS);
    }
    // SAFETY: the path ends with a zero.
    done(unsafe {
        if mode & S_IFMT == S_IFIFO {
            libc::mkfifo(path.as_ptr(), (mode & 0o7777) as libc::mode_t)
        } else {
            libc::mknod(path.as_ptr(), mode as libc::mode_t, 0)
        }
    })
}

/// Removes a file.
pub fn unlink(path: impl Bytes) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path ends with a zero.
    done(unsafe { libc::unlink(path.as_ptr()) })
}

/// Renames a file. `EXCHANGE` is `ENOSYS` but on Linux; `NOREPLACE` looks first there.
pub fn rename(from: impl Bytes, to: impl Bytes, flags: RenameFlags) -> Result<()> {
    let (from, to) = (c(from)?, c(to)?);
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the paths end with zeros.
        done(unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                libc::AT_FDCWD,
                from.as_ptr(),
                libc::AT_FDCWD,
                to.as_ptr(),
                flags.0 as libc::c_uint,
            ) as libc::c_int
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        if flags.contains(RenameFlags::EXCHANGE) {
            return Err(Errno::ENOSYS);
        }
        if flags.contains(RenameFlags::NOREPLACE) && super::lstat(to.as_c_str()).is_ok() {
            return Err(Errno::EEXIST);
        }
        // SAFETY: the paths end with zeros.
        done(unsafe { libc::rename(from.as_ptr(), to.as_ptr()) })
    }
}

#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the types differ between systems")]
fn own_statfs(stat: &libc::statvfs) -> StatFs {
    StatFs {
        bytes: stat.f_blocks as u64 * stat.f_frsize as u64,
        bytes_free: stat.f_bavail as u64 * stat.f_frsize as u64,
        inodes: stat.f_files as u64,
        inodes_free: stat.f_ffree as u64,
        name_max: stat.f_namemax as u64,
    }
}

/// What the file system of `path` holds.
pub fn statfs(path: impl Bytes) -> Result<StatFs> {
    let path = c(path)?;
    let mut stat = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero, and the result is live.
    unsafe {
        done(libc::statvfs(path.as_ptr(), stat.as_mut_ptr()))?;
        Ok(own_statfs(&stat.assume_init()))
    }
}

/// What the file system of an open file holds.
pub fn fstatfs(fd: Fd) -> Result<StatFs> {
    let mut stat = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the result is live.
    unsafe {
        done(libc::fstatvfs(fd, stat.as_mut_ptr()))?;
        Ok(own_statfs(&stat.assume_init()))
    }
}

/// The twins of Linux' calls for extended attributes: macOS has one of each, with options.
#[cfg(target_os = "linux")]
mod xattr {
    use super::{CString, length};
    use crate::sys::{Result, done_by};

    pub fn get(path: &CString, name: &CString, value: &mut [u8], follow: bool) -> Result<usize> {
        let call = if follow { libc::getxattr } else { libc::lgetxattr };
        // SAFETY: strings that end with zeros, and a live buffer of that length.
        length(unsafe { call(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) })
    }

    pub fn list(path: &CString, list: &mut [u8], follow: bool) -> Result<usize> {
        let call = if follow { libc::listxattr } else { libc::llistxattr };
        // SAFETY: a string that ends with a zero, and a live buffer of that length.
        length(unsafe { call(path.as_ptr(), list.as_mut_ptr().cast(), list.len()) })
    }

    pub fn set(path: &CString, name: &CString, value: &[u8], follow: bool) -> Result<()> {
        let call = if follow { libc::setxattr } else { libc::lsetxattr };
        // SAFETY: strings that end with zeros, and a live value of that length.
        done_by(unsafe { call(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) })
    }

    pub fn remove(path: &CString, name: &CString, follow: bool) -> Result<()> {
        let call = if follow { libc::removexattr } else { libc::lremovexattr };
        // SAFETY: strings that end with zeros.
        done_by(unsafe { call(path.as_ptr(), name.as_ptr()) })
    }
}

#[cfg(target_vendor = "apple")]
mod xattr {
    use super::{CString, length};
    use crate::sys::{Result, done_by};

    fn options(follow: bool) -> libc::c_int {
        if follow { 0 } else { libc::XATTR_NOFOLLOW }
    }

    pub fn get(path: &CString, name: &CString, value: &mut [u8], follow: bool) -> Result<usize> {
        // SAFETY: strings that end with zeros, and a live buffer of that length.
        length(unsafe {
            libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len(), 0, options(follow))
        })
    }

    pub fn list(path: &CString, list: &mut [u8], follow: bool) -> Result<usize> {
        // SAFETY: a string that ends with a zero, and a live buffer of that length.
        length(unsafe { libc::listxattr(path.as_ptr(), list.as_mut_ptr().cast(), list.len(), options(follow)) })
    }

    pub fn set(path: &CString, name: &CString, value: &[u8], follow: bool) -> Result<()> {
        // SAFETY: strings that end with zeros, and a live value of that length.
        done_by(unsafe {
            libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0, options(follow))
        })
    }

    pub fn remove(path: &CString, name: &CString, follow: bool) -> Result<()> {
        // SAFETY: strings that end with zeros.
        done_by(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr(), options(follow)) })
    }
}

pub(crate) fn done_by(number: libc::c_int) -> Result<()> {
    done(number)
}

/// Asks for the size, then for the bytes.
fn sized(call: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    loop {
        let mut buffer = vec![0; call(&mut [])?];
        match call(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::ERANGE) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The value of an extended attribute.
pub fn getxattr(path: impl Bytes, name: impl Bytes, follow: bool) -> Result<Vec<u8>> {
    let (path, name) = (c(path)?, c(name)?);
    sized(|buffer| xattr::get(&path, &name, buffer, follow))
}

/// The names of the extended attributes.
pub fn listxattr(path: impl Bytes, follow: bool) -> Result<Vec<Vec<u8>>> {
    let path = c(path)?;
    let list = sized(|buffer| xattr::list(&path, buffer, follow))?;
    Ok(list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

/// Sets an extended attribute.
pub fn setxattr(path: impl Bytes, name: impl Bytes, value: &[u8], follow: bool) -> Result<()> {
    xattr::set(&c(path)?, &c(name)?, value, follow)
}

/// Removes an extended attribute.
pub fn removexattr(path: impl Bytes, name: impl Bytes, follow: bool) -> Result<()> {
    xattr::remove(&c(path)?, &c(name)?, follow)
}

/// Changes the working directory.
pub fn chdir(path: impl Bytes) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the path ends with a zero.
    done(unsafe { libc::chdir(path.as_ptr()) })
}

/// Changes the working directory to an open one.
pub fn fchdir(fd: Fd) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::fchdir(fd) })
}

/// The working directory. `ENOENT` where it was removed.
pub fn getcwd() -> Result<Vec<u8>> {
    let path = std::env::current_dir().map_err(|error| Errno::from_io(&error))?;
    Ok(path.into_os_string().into_encoded_bytes())
}

// Terminals.

/// Whether it is a terminal.
pub fn isatty(fd: Fd) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::isatty(fd) == 1 }
}

fn native_termios(fd: Fd) -> Result<libc::termios> {
    let mut termios = MaybeUninit::<libc::termios>::zeroed();
    // SAFETY: the result is live.
    unsafe {
        done(libc::tcgetattr(fd, termios.as_mut_ptr()))?;
        Ok(termios.assume_init())
    }
}

/// The settings of a terminal.
#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
pub fn tcgetattr(fd: Fd) -> Result<Termios> {
    let native = native_termios(fd)?;
    let mut cc = [0; 19];
    for (own, native) in cc.iter_mut().zip(native.c_cc) {
        *own = native;
    }
    // SAFETY: a live structure.
    let (ispeed, ospeed) = unsafe { (libc::cfgetispeed(&raw const native), libc::cfgetospeed(&raw const native)) };
    Ok(Termios {
        iflag: native.c_iflag as u32,
        oflag: native.c_oflag as u32,
        cflag: native.c_cflag as u32,
        lflag: native.c_lflag as u32,
        line: 0,
        cc,
        ispeed: ispeed as u32,
        ospeed: ospeed as u32,
    })
}

/// Changes the settings of a terminal.
pub fn tcsetattr(fd: Fd, when: SetWhen, termios: &Termios) -> Result<()> {
    let mut native = native_termios(fd)?;
    native.c_iflag = termios.iflag as libc::tcflag_t;
    native.c_oflag = termios.oflag as libc::tcflag_t;
    native.c_cflag = termios.cflag as libc::tcflag_t;
    native.c_lflag = termios.lflag as libc::tcflag_t;
    for (native, own) in native.c_cc.iter_mut().zip(termios.cc) {
        *native = own;
    }
    let when = match when {
        SetWhen::Now => libc::TCSANOW,
        SetWhen::Drain => libc::TCSADRAIN,
        SetWhen::Flush => libc::TCSAFLUSH,
    };
    // SAFETY: a live structure.
    done(unsafe { libc::tcsetattr(fd, when, &raw const native) })
}

/// Throws away what was typed or written.
pub fn tcflush(fd: Fd, what: FlushQueue) -> Result<()> {
    let what = match what {
        FlushQueue::Input => libc::TCIFLUSH,
        FlushQueue::Output => libc::TCOFLUSH,
        FlushQueue::Both => libc::TCIOFLUSH,
    };
    // SAFETY: no pointers.
    done(unsafe { libc::tcflush(fd, what) })
}

/// The size of a terminal.
pub fn winsize(fd: Fd) -> Result<WinSize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the result is live.
    done(unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) })?;
    Ok(WinSize { rows: size.ws_row, columns: size.ws_col, width_pixels: size.ws_xpixel, height_pixels: size.ws_ypixel })
}

/// Changes the size of a terminal.
pub fn set_winsize(fd: Fd, size: WinSize) -> Result<()> {
    let size = libc::winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: size.width_pixels,
        ws_ypixel: size.height_pixels,
    };
    // SAFETY: a live structure.
    done(unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size) })
}

/// The foreground group of a terminal.
pub fn tcgetpgrp(fd: Fd) -> Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::tcgetpgrp(fd) })
}

/// Makes a group the foreground group of a terminal.
pub fn tcsetpgrp(fd: Fd, group: Pid) -> Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::tcsetpgrp(fd, group) })
}

/// The session of a terminal.
pub fn tcgetsid(fd: Fd) -> Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::tcgetsid(fd) })
}

/// Makes a terminal the controlling one of the caller's session, which has to have none.
#[allow(clippy::useless_conversion, reason = "the type of the request differs between systems")]
pub fn set_controlling_terminal(fd: Fd) -> Result<()> {
    // SAFETY: a number as its argument.
    done(unsafe { libc::ioctl(fd, libc::TIOCSCTTY.into(), 0) })
}

/// The name of a terminal.
pub fn ttyname(fd: Fd) -> Result<Vec<u8>> {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is live and of that length.
    match unsafe { libc::ttyname_r(fd, name.as_mut_ptr().cast(), name.len()) } {
        0 => Ok(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
        number => Err(Errno::from_raw(number)),
    }
}

/// Makes a pseudo-terminal: the master, then the terminal. Of the flags `CLOEXEC` matters.
pub fn openpty(flags: OpenFlags) -> Result<(Fd, Fd)> {
    let (mut master, mut terminal) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: both results are live; no name, settings or size.
    done(unsafe { libc::openpty(&raw mut master, &raw mut terminal, none, none.cast(), none.cast()) })?;
    flagged([master, terminal], flags & OpenFlags::CLOEXEC)
}

// The machine.

/// The machine. Memory that is free and the time since its start are told on Linux alone.
pub fn sysinfo() -> Result<SysInfo> {
    // SAFETY: no pointers.
    let (pages, page_size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    let mut info = SysInfo {
        processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        page_size: page_size as u32,
        memory_total: (pages * page_size) as u64,
        ..SysInfo::default()
    };
    #[cfg(target_os = "linux")]
    {
        let mut native = MaybeUninit::<libc::sysinfo>::zeroed();
        // SAFETY: the result is live.
        let native = unsafe {
            done(libc::sysinfo(native.as_mut_ptr()))?;
            native.assume_init()
        };
        info.memory_free = native.freeram * u64::from(native.mem_unit);
        info.uptime = Duration::from_secs(native.uptime as u64);
    }
    Ok(info)
}

/// The name of the machine.
pub fn hostname() -> Result<Vec<u8>> {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is live and longer than announced, so that a zero remains.
    done(unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) })?;
    Ok(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
}
