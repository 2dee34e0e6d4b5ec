//! A small first process for a container: it passes signals on to the program and waits for whatever has lost its parent.

use std::ffi::{c_int, c_uint};

use super::calls::{Outcome, check, hide, prctl, set_blocked, signal_set, syscall};

/// Signals that are about the process that gets them, or that are never delivered.
const NOT_PASSED_ON: [c_int; 12] = [
    libc::SIGCHLD,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGKILL,
    libc::SIGSTOP,
];

/// Splits the process in two. The child returns from here and goes on, in the foreground of the terminal where there is one.
/// The caller never returns: it has no descriptors any more, passes signals on to the child, waits for all that becomes its
/// child, and ends as the child has: with its code, or 128 and its signal.
///
/// # Safety
///
/// Called in a process of its own by its only thread.
#[allow(unsafe_code)]
pub(super) unsafe fn fork_off() -> Outcome {
    let all = signal_set(true);
    set_blocked(&all);
    // SAFETY: as this function's own; ids of this process.
    unsafe {
        let has_terminal = libc::isatty(0) == 1 && libc::tcgetsid(0) == libc::getpid();
        // The filter is loaded by now, and profiles hide clone3(2), whose arguments they cannot see.
        let pid = syscall(libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0))? as libc::pid_t;
        if pid == 0 {
            let placed = if has_terminal { come_to_the_foreground() } else { Ok(()) };
            set_blocked(&signal_set(false));
            return placed;
        }
        be_init(pid, &all)
    }
}

/// A group of its own, which the terminal's signals go to. Signals are blocked, so that the terminal stops nobody.
#[allow(unsafe_code)]
fn come_to_the_foreground() -> Outcome {
    // SAFETY: ids of this process.
    unsafe {
        check(libc::setpgid(0, 0))?;
        check(libc::tcsetpgrp(0, libc::getpid())).map(drop)
    }
}

/// # Safety
///
/// Called in a process of its own by its only thread. All its descriptors are closed.
#[allow(unsafe_code)]
unsafe fn be_init(child: libc::pid_t, all: &libc::sigset_t) -> ! {
    // Neither can fail in a way that something can be done about.
    let _ = hide();
    let _ = prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    // SAFETY: system calls on this process and its own variables.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"cowbox-init".as_ptr());
        let (first, last, flags): (c_uint, c_uint, c_uint) = (0, c_uint::MAX, 0);
        let _ = syscall(libc::syscall(libc::SYS_close_range, first, last, flags));
        let _ = libc::chdir(c"/".as_ptr());
        loop {
            let signal = libc::sigwaitinfo(&raw const *all, std::ptr::null_mut());
            if signal == libc::SIGCHLD {
                reap(child);
            } else if signal > 0 && !NOT_PASSED_ON.contains(&signal) {
                libc::kill(child, signal);
            }
        }
    }
}

/// Waits for all that have ended, and ends when the child is among them.
#[allow(unsafe_code)]
fn reap(child: libc::pid_t) {
    let mut ended = None;
    loop {
        let mut status = 0;
        // SAFETY: one number.
        match check(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) }) {
            Ok(pid) if pid == child => ended = Some(status),
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    if let Some(status) = ended {
        let code = if libc::WIFSIGNALED(status) { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) };
        // SAFETY: ends the process without running anything of its memory's owner.
        unsafe { libc::_exit(code) }
    }
}
