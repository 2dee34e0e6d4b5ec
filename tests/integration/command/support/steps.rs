//! Kills a program at a step that is chosen beforehand: as it enters one of its system calls that change something.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null_mut;

use libc::{c_int, c_void, pid_t};

/// Calls that change nothing by which others could tell how far a program has come.
const HARMLESS: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_execve,
    libc::SYS_faccessat,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_geteuid,
    libc::SYS_getegid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_getxattr,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    libc::SYS_pread64,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_uname,
];

/// What became of a program.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It was killed as it was about to do this.
    Killed(String),
    /// It ended before it came to that step, after so many.
    Ended(usize),
}

/// Runs a program up to its step of this number, counted from 0, and kills it there. A step is a system call of its main
/// thread that changes something.
pub fn kill_at(command: &mut Command, step: usize) -> io::Result<End> {
    let trace_me = || match ptrace(libc::PTRACE_TRACEME, 0, 0) {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: one system call between fork and exec.
    #[allow(unsafe_code)]
    let child = unsafe { command.pre_exec(trace_me) }.spawn()?;
    let pid = child.id() as pid_t;
    // The stop of its exec.
    assert!(libc::WIFSTOPPED(wait(pid)?));
    ptrace(libc::PTRACE_SETOPTIONS, pid, libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL);
    let (mut signal, mut seen) = (0, 0);
    loop {
        ptrace(libc::PTRACE_SYSCALL, pid, signal);
        let status = wait(pid)?;
        if !libc::WIFSTOPPED(status) {
            return Ok(End::Ended(seen));
        }
        signal = libc::WSTOPSIG(status);
        if signal != libc::SIGTRAP | 0x80 {
            continue;
        }
        signal = 0;
        let Some(what) = change(pid) else { continue };
        if seen == step {
            rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::KILL)?;
            while libc::WIFSTOPPED(wait(pid)?) {}
            return Ok(End::Killed(what));
        }
        seen += 1;
    }
}

/// The call that the program is about to make, where that changes something.
fn change(pid: pid_t) -> Option<String> {
    // SAFETY: all zeros is a description of nothing; the kernel writes no more than its size.
    #[allow(unsafe_code)]
    let (info, len) = unsafe {
        let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
        let size = size_of_val(&info);
        let len = libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid, size, (&raw mut info).cast::<c_void>());
        (info, len)
    };
    if len < 0 || info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: it is the entry of a call.
    #[allow(unsafe_code)]
    let entry = unsafe { info.u.entry };
    let number = entry.nr as libc::c_long;
    let only_opens = match number {
        libc::SYS_openat => entry.args[2] as c_int & libc::O_CREAT == 0,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => entry.args[1] as c_int & libc::O_CREAT == 0,
        _ => false,
    };
    (!only_opens && !HARMLESS.contains(&number)).then(|| format!("call {number} {:x?}", entry.args))
}

#[allow(unsafe_code)]
fn ptrace(request: libc::c_uint, pid: pid_t, data: c_int) -> libc::c_long {
    // SAFETY: requests that take a number and no address.
    unsafe { libc::ptrace(request, pid, null_mut::<c_void>(), data as libc::c_long) }
}

/// Waits until the program stops or ends.
#[allow(unsafe_code)]
fn wait(pid: pid_t) -> io::Result<c_int> {
    let mut status = 0;
    // SAFETY: the status is written to a number that is alive.
    match unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(status),
    }
}
