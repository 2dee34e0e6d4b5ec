//! Makes new processes that go through a script: clone3(2).

use std::ffi::c_int;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use super::calls::{Outcome, check, hide, set_blocked, signal_set, syscall};
use super::channel::{self, Channel, Failure};
use super::ids::write_file;
use super::process::Child;
use super::script::Script;
use super::steps::{self, Walk};

/// `struct clone_args`, up to its cgroup.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Held while a child's end of a channel is open here, so that no other child inherits it: its channel would not close then.
static CHANNELS: Mutex<()> = Mutex::new(());

/// How a process is made.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// What it does.
    pub script: &'a Script,
    /// `CLONE_NEW*`: the namespaces that are new with it. The root of a new cgroup namespace is the cgroup of the caller, not
    /// `cgroup`: unshare that one in the script.
    pub namespaces: u64,
    /// The cgroup (version 2) that it begins in.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The process namespace that it is made in, if that is another; it needs `CAP_SYS_ADMIN` there, which those of `users` have in
    /// theirs. Without it here, too, all further children of the calling thread are made in that namespace.
    pub pid_namespace: Option<BorrowedFd<'a>>,
    /// The user namespace that it is in, if that is another: `namespaces` then belong to that one. It begins without ids there.
    pub users: Option<BorrowedFd<'a>>,
    /// What is done before, among the host's users.
    pub before: Vec<Before<'a>>,
}

/// What the surroundings of a new process are made of before it is there.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// setns(2): the namespace, and its `CLONE_NEW*`.
    Join(BorrowedFd<'a>, u64),
    /// A time namespace with these offsets: time_namespaces(7).
    Clocks(&'a str),
}

/// Makes a process, which goes through the script at once. A script with `DieWithParent` ends when the calling *thread* ends.
pub fn spawn(spawn: &Spawn<'_>) -> io::Result<(Child, Channel)> {
    let mut walk = Walk::new();
    let held = CHANNELS.lock().unwrap_or_else(PoisonError::into_inner);
    let (parent_end, child_end) = channel::pair()?;
    let elsewhere = spawn.pid_namespace.map(ChildrenElsewhere::enter).transpose();
    // Whoever may not go there from here may from within the user namespace.
    let is_refused = elsewhere.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let late_pids = spawn.pid_namespace.filter(|_| is_refused && spawn.users.is_some());
    let _elsewhere = if late_pids.is_some() { None } else { elsewhere? };
    let before = set_blocked(&signal_set(true));
    let flags = spawn.namespaces | spawn.cgroup.map_or(0, |_| CLONE_INTO_CGROUP);
    let cgroup = spawn.cgroup.map_or(0, |cgroup| cgroup.as_raw_fd());
    let moves = spawn.users.is_some() || !spawn.before.is_empty();
    let first_flags = if moves { 0 } else { flags };
    // SAFETY: the new process makes nothing but system calls, on what was prepared, and never returns from here.
    #[allow(unsafe_code)]
    let made = unsafe {
        let made = clone3(first_flags | CLONE_CLEAR_SIGHAND, cgroup);
        if let Ok((0, _)) = made {
            begin(&parent_end, spawn);
            if moves {
                go_on_as_another(spawn, late_pids, flags, cgroup, child_end.as_raw_fd());
            }
            steps::run(spawn.script, child_end.as_raw_fd(), &mut walk)
        }
        made
    };
    set_blocked(&before);
    drop(child_end);
    drop(held);
    let (pid, pidfd) = made.map_err(explain)?;
    // SAFETY: it is new, and nobody else has it.
    #[allow(unsafe_code)]
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let child = Child::new(pid as u32, pidfd);
    if !moves {
        return Ok((child, parent_end));
    }
    let moved = parent_end.moved();
    child.wait()?;
    let child = Child::of_pidfd(moved?.map_err(|failure| explain_move(spawn, &failure))?)?;
    parent_end.go_on(b"")?;
    Ok((child, parent_end))
}

/// Prepares its surroundings, then goes on in another process, which has them: namespaces that this one made would stay the
/// host's users', and a clock is another only for children. Both have the same parent, who is told of the new one. The calling
/// process ends.
///
/// # Safety
///
/// Called in a new process.
#[allow(unsafe_code)]
unsafe fn go_on_as_another(
    spawn: &Spawn<'_>,
    late_pids: Option<BorrowedFd<'_>>,
    flags: u64,
    cgroup: RawFd,
    channel: RawFd,
) {
    let mut number = 0;
    // SAFETY: as this function's own.
    let moved = unsafe {
        prepare(spawn, late_pids, &mut number).and_then(|()| clone3(flags | libc::CLONE_PARENT as u64, cgroup))
    };
    let (kind, errno, pidfd) = match moved {
        // Nothing that it says may come before the parent knows of it.
        Ok((0, _)) if channel::hear(channel) => return,
        // The parent is gone. SAFETY: the end of the process.
        Ok((0, _)) => unsafe { libc::_exit(255) },
        Ok((_, pidfd)) => (channel::MOVED, 0, pidfd),
        Err(errno) => (channel::FAILED, errno, -1),
    };
    let message = channel::Message { kind, number, errno, detail_len: 0, detail: [0; channel::DETAIL_MAX] };
    // SAFETY: a descriptor that is open or none; then the end of the process. Where the parent is gone nobody waits.
    unsafe {
        let _ = channel::send(channel, &message, pidfd);
        libc::_exit(0)
    }
}

/// Does what is done before, then joins the user namespace and `late_pids`. `number` counts what has been done.
///
/// # Safety
///
/// Called in a new process, whose only thread can do what one of several may not: join a time namespace.
#[allow(unsafe_code)]
unsafe fn prepare(spawn: &Spawn<'_>, late_pids: Option<BorrowedFd<'_>>, number: &mut u32) -> Outcome {
    // SAFETY: open descriptors, and numbers.
    unsafe {
        for before in &spawn.before {
            match before {
                Before::Join(namespace, kind) => check(libc::setns(namespace.as_raw_fd(), *kind as c_int))?,
                Before::Clocks(_) => check(libc::unshare(super::flags::CLONE_NEWTIME))?,
            };
            if let Before::Clocks(offsets) = before
                && !offsets.is_empty()
            {
                write_file(c"/proc/self/timens_offsets", offsets.as_bytes())?;
            }
            *number += 1;
        }
        if let Some(users) = spawn.users {
            // Its root may look into all that run there.
            hide()?;
            check(libc::setns(users.as_raw_fd(), libc::CLONE_NEWUSER))?;
        }
        if let Some(pids) = late_pids {
            check(libc::setns(pids.as_raw_fd(), libc::CLONE_NEWPID))?;
        }
        *number += 1;
        Ok(())
    }
}

fn explain_move(spawn: &Spawn<'_>, failure: &Failure) -> io::Error {
    let error = io::Error::from_raw_os_error(failure.errno);
    let number = failure.step as usize;
    let attempt = match spawn.before.get(number) {
        Some(Before::Join(..)) => "join a namespace",
        Some(Before::Clocks(_)) => "make a time namespace",
        None if number == spawn.before.len() => "join the user namespace",
        None => return explain(failure.errno),
    };
    io::Error::new(error.kind(), format!("{attempt}: {error}"))
}

/// The new process's first acts: it takes signals as any program does, and has only its own end of the channel.
///
/// # Safety
///
/// Called in the new process.
#[allow(unsafe_code)]
unsafe fn begin(parent_end: &Channel, spawn: &Spawn<'_>) {
    // SAFETY: calls on signals and a descriptor of this process.
    unsafe {
        // The C runtime of the host or whoever started it may have had them ignored.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::close(parent_end.as_raw_fd());
    }
    if spawn.pid_namespace.is_some() {
        // Those in the container see this process already. That it cannot be hidden is nothing that ever happens.
        let _ = hide();
    }
    set_blocked(&signal_set(false));
}

fn explain(errno: c_int) -> io::Error {
    let words = match errno {
        libc::ENOSYS => "clone3 is not there: this needs Linux 5.12 or newer, and no seccomp filter that hides clone3",
        libc::ENOSPC | libc::EUSERS => {
            "the system allows no more namespaces; see /proc/sys/user/max_*_namespaces and how deep they are nested"
        }
        _ => return io::Error::from_raw_os_error(errno),
    };
    io::Error::new(io::ErrorKind::Unsupported, words)
}

/// A new process with a copy of the memory: 0 in it, its number and descriptor in the caller.
///
/// # Safety
///
/// The new process allocates and locks nothing, and ends by exec or `_exit`.
#[allow(unsafe_code)]
unsafe fn clone3(flags: u64, cgroup: RawFd) -> Result<(libc::pid_t, RawFd), i32> {
    let mut pidfd: RawFd = -1;
    let arguments = CloneArguments {
        flags: flags | CLONE_PIDFD,
        pidfd: (&raw mut pidfd) as u64,
        // A sibling has that of who makes it.
        exit_signal: if flags & libc::CLONE_PARENT as u64 == 0 { libc::SIGCHLD as u64 } else { 0 },
        cgroup: cgroup as u64,
        ..CloneArguments::default()
    };
    // SAFETY: a structure of the size that is given; without CLONE_VM the new process goes on on a copy of this stack.
    let made = syscall(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>()) })?;
    Ok((made as libc::pid_t, pidfd))
}

/// While it lives, new processes of this thread are in another process namespace.
struct ChildrenElsewhere {
    own: OwnedFd,
}

impl ChildrenElsewhere {
    fn enter(namespace: BorrowedFd<'_>) -> io::Result<ChildrenElsewhere> {
        let own = fs::File::open("/proc/thread-self/ns/pid_for_children")?.into();
        set_children(namespace.as_raw_fd())?;
        Ok(ChildrenElsewhere { own })
    }
}

impl Drop for ChildrenElsewhere {
    fn drop(&mut self) {
        match set_children(self.own.as_raw_fd()) {
            // Only the host's root may go back; others have a thread for this alone.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            back => back.expect("a thread may go back to the process namespace that it is in"),
        }
    }
}

#[allow(unsafe_code)]
fn set_children(namespace: RawFd) -> io::Result<()> {
    // SAFETY: an open descriptor; only later children of this thread are concerned.
    check(unsafe { libc::setns(namespace, libc::CLONE_NEWPID) }).map_err(io::Error::from_raw_os_error)?;
    Ok(())
}

#[cfg(test)]
mod tests;
