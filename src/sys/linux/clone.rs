//! New processes in namespaces of their own: clone3(2), and the maps of their users.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};

use super::calls::{set_blocked, signal_set};
use super::channel::{self, Channel};
use super::process::{self, Child};
use super::script::Script;
use super::steps;

/// A process to be made.
pub struct Spawn<'a> {
    /// What it does.
    pub script: &'a Script,
    /// `CLONE_NEW*` of the namespaces that are made for it.
    pub namespaces: u64,
    /// The cgroup (v2) that it begins in.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// A pid namespace that is there, which it is made in.
    pub pid_namespace: Option<BorrowedFd<'a>>,
}

/// `struct clone_args`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
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
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes the process and returns the way to it. It runs its script with a copy of this process's memory.
#[allow(unsafe_code)]
pub fn spawn(spawn: &Spawn<'_>) -> io::Result<(Child, Channel)> {
    let (parent_end, child_end) = channel::pair()?;
    let own = spawn.pid_namespace.map(|_| process::open_namespace(std::process::id(), "pid")).transpose()?;
    if let Some(namespace) = spawn.pid_namespace {
        set_namespace_of_children(namespace)?;
    }
    let mut pidfd = -1;
    let mut args = CloneArgs {
        flags: spawn.namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = spawn.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // No handler of this process may run in the child, whose memory is a copy.
    let before = set_blocked(&signal_set(true));
    // SAFETY: the arguments are a structure of the size that is given. Without CLONE_VM the child has a memory of its own,
    // in which it runs nothing but its script, which neither allocates nor locks.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    if pid == 0 {
        // SAFETY: in the child, before anything else; then never back.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            set_blocked(&signal_set(false));
            libc::close(parent_end.raw());
            steps::run(spawn.script, child_end.as_raw_fd())
        }
    }
    let outcome = io::Error::last_os_error();
    set_blocked(&before);
    if let Some(own) = own {
        use std::os::fd::AsFd;
        set_namespace_of_children(own.as_fd())?;
    }
    if pid < 0 {
        return Err(outcome);
    }
    // SAFETY: the kernel has put a new descriptor there, which nobody else has.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok((Child::new(pid as u32, pidfd), parent_end))
}

#[allow(unsafe_code)]
fn set_namespace_of_children(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: of this thread nothing changes but where its children are made.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWPID) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Maps users and groups of a new user namespace: `(inside, outside, how many)`. What this process may not write itself is
/// written by newuidmap(1) and newgidmap(1), by `/etc/subuid` and `/etc/subgid`.
pub fn write_id_maps(pid: u32, users: &[(u32, u32, u32)], groups: &[(u32, u32, u32)]) -> io::Result<()> {
    write_map(pid, "uid_map", "newuidmap", users)?;
    write_map(pid, "gid_map", "newgidmap", groups)
}

fn write_map(pid: u32, file: &str, program: &str, map: &[(u32, u32, u32)]) -> io::Result<()> {
    let text = map.iter().map(|(inside, outside, count)| format!("{inside} {outside} {count}\n")).collect::<String>();
    let write = || OpenOptions::new().write(true).open(format!("/proc/{pid}/{file}"))?.write_all(text.as_bytes());
    match write() {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
        done => return done,
    }
    let output = Command::new(program)
        .arg(pid.to_string())
        .args(text.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("{program}: {error} (Debian's package uidmap has it)"))
        })?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{program}: {said}")))
        }
    }
}
