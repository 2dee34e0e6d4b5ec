//! The small init of `--init`: the first process of a container, which hands signals on and reaps.

use super::calls::{Outcome, check, hide, set_blocked, signal_set, syscall};

/// Goes on in a child; the caller itself stays behind as init and ends with the child's exit code.
#[allow(unsafe_code)]
pub(super) fn fork() -> Outcome {
    // Until the loop takes them they wait.
    let before = set_blocked(&signal_set(true));
    // SAFETY: a copy of this process, which has one thread; neither allocates.
    match syscall(unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) })? {
        0 => {
            set_blocked(&before);
            // SAFETY: numbers alone.
            unsafe {
                libc::setpgid(0, 0);
                // In a background group writing to the terminal, asking for it, would stop the process.
                let ttou = libc::signal(libc::SIGTTOU, libc::SIG_IGN);
                libc::tcsetpgrp(0, libc::getpid());
                libc::signal(libc::SIGTTOU, ttou);
            }
            Ok(())
        }
        child => stay(child as libc::pid_t),
    }
}

#[allow(unsafe_code)]
fn stay(child: libc::pid_t) -> ! {
    // Its memory is a copy of the runtime's: nobody in the container may look at it.
    let _ = hide();
    // SAFETY: system calls on this process's own signals, children and descriptors.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"cowbox-init".as_ptr());
        libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
        let all = signal_set(true);
        loop {
            let signal = libc::sigwaitinfo(&raw const all, std::ptr::null_mut());
            match signal {
                libc::SIGCHLD => reap(child),
                1.. => drop(libc::kill(child, signal)),
                _ => {}
            }
        }
    }
}

/// Reaps all that have ended, and ends with `child`.
#[allow(unsafe_code)]
fn reap(child: libc::pid_t) {
    // SAFETY: a status on this stack.
    unsafe {
        let mut status = 0;
        loop {
            match check(libc::waitpid(-1, &raw mut status, libc::WNOHANG)) {
                Ok(pid) if pid == child && libc::WIFEXITED(status) => libc::_exit(libc::WEXITSTATUS(status)),
                Ok(pid) if pid == child && libc::WIFSIGNALED(status) => libc::_exit(128 + libc::WTERMSIG(status)),
                Ok(1..) => {}
                Err(libc::EINTR) => {}
                _ => return,
            }
        }
    }
}
