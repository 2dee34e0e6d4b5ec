//! Filters of system calls as the kernel takes them: seccomp(2), in classic BPF.

use std::io;

/// One instruction: `struct sock_filter` of `linux/filter.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SockFilter {
    /// What it does.
    pub code: u16,
    /// How many instructions are skipped where a comparison holds.
    pub jt: u8,
    /// How many are skipped where it does not.
    pub jf: u8,
    /// A constant.
    pub k: u32,
}

/// The architecture that cowbox is built for, as far as filters can be made for it.
pub const MACHINE: Option<&str> = if cfg!(target_arch = "x86_64") {
    Some("x86_64")
} else if cfg!(target_arch = "aarch64") {
    Some("aarch64")
} else if cfg!(target_arch = "x86") {
    Some("x86")
} else if cfg!(target_arch = "arm") {
    Some("arm")
} else {
    None
};

/// The most instructions a filter may have.
pub const MAX_INSTRUCTIONS: usize = 4096;

/// The instructions that are used: `linux/bpf_common.h`. `A` is the accumulator.
pub mod op {
    /// `A` becomes the word at offset `k` of the call's data.
    pub const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    /// `A` becomes `A & k`.
    pub const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    /// Skips `k` instructions.
    pub const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
    /// Whether `A == k`.
    pub const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    /// Whether `A > k`, unsigned.
    pub const IF_GREATER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
    /// Whether `A >= k`, unsigned.
    pub const IF_GREATER_OR_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    /// The verdict is `k`.
    pub const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
}

/// Where things are in a call's data: `struct seccomp_data`.
pub mod data {
    /// The call's number.
    pub const NUMBER: u32 = 0;
    /// The architecture it is made in, `AUDIT_ARCH_…`.
    pub const ARCH: u32 = 4;
    /// The six arguments, 64 bits each, in the byte order of the CPU.
    pub const ARGUMENTS: u32 = 16;
}

/// Verdicts: `SECCOMP_RET_…`. The lower 16 bits of some are a number.
pub mod verdict {
    /// The thread ends.
    pub const KILL_THREAD: u32 = libc::SECCOMP_RET_KILL_THREAD;
    /// The process ends.
    pub const KILL_PROCESS: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    /// SIGSYS.
    pub const TRAP: u32 = libc::SECCOMP_RET_TRAP;
    /// The call fails with the error of that number.
    pub const ERRNO: u32 = libc::SECCOMP_RET_ERRNO;
    /// The listener decides.
    pub const NOTIFY: u32 = libc::SECCOMP_RET_USER_NOTIF;
    /// A tracer decides, who is told the number.
    pub const TRACE: u32 = libc::SECCOMP_RET_TRACE;
    /// The call is made and logged.
    pub const LOG: u32 = libc::SECCOMP_RET_LOG;
    /// The call is made.
    pub const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
}

/// How a filter is loaded: `SECCOMP_FILTER_FLAG_…`.
pub mod flag {
    /// Verdicts other than allow are logged.
    pub const LOG: u32 = libc::SECCOMP_FILTER_FLAG_LOG as u32;
    /// The CPU may go on speculating about loads and stores.
    pub const SPEC_ALLOW: u32 = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW as u32;
    /// Loading gives the descriptor of who decides about calls.
    pub const NEW_LISTENER: u32 = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32;
    /// Only fatal signals interrupt a call that the listener has been told of.
    pub const WAIT_KILLABLE_RECV: u32 = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV as u32;
}

/// Errors that filters answer with, by their Linux numbers.
pub mod errno {
    /// Not permitted.
    pub const EPERM: u32 = libc::EPERM as u32;
    /// No such system call.
    pub const ENOSYS: u32 = libc::ENOSYS as u32;
}

/// Puts the calling thread under a filter for good. The result is the listener's descriptor (close-on-exec) with
/// [`flag::NEW_LISTENER`], else 0; the error is an errno.
///
/// It allocates nothing and takes no lock, so that it can be called between clone(2) and execve(2). The thread needs
/// `CAP_SYS_ADMIN` in its user namespace, or no_new_privs.
///
/// # Safety
///
/// `program` points to `len` instructions. What the filter denies must be nothing that the thread relies on.
#[allow(unsafe_code)]
pub unsafe fn load(program: *const SockFilter, len: u16, flags: u32) -> Result<i32, i32> {
    let program = libc::sock_fprog { len, filter: program.cast_mut().cast() };
    // SAFETY: the caller vouches for the instructions, which have the layout of the kernel's; the kernel copies them.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, libc::c_ulong::from(flags), &raw const program)
    };
    i32::try_from(result)
        .ok()
        .filter(|descriptor| *descriptor >= 0)
        .ok_or_else(|| io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL))
}

/// How a call ends under a filter, in a process that lives for it: its errno, 0 where it succeeds, or the signal that the
/// process dies of.
#[cfg(test)]
#[allow(unsafe_code)]
pub(crate) fn call_under(program: &[SockFilter], flags: u32, number: u32, args: [u64; 3]) -> Result<i32, i32> {
    let len = u16::try_from(program.len()).expect("a test's filter is short");
    // SAFETY: the child calls nothing but system calls until it exits, so that no other thread's lock can be held.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "fork: {}", io::Error::last_os_error());
        if child == 0 {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if load(program.as_ptr(), len, flags).is_err() {
                libc::_exit(255);
            }
            let result = libc::syscall(number as libc::c_long, args[0], args[1], args[2]);
            let errno = if result < 0 { io::Error::last_os_error().raw_os_error().unwrap_or(254) } else { 0 };
            libc::_exit(errno);
        }
        let mut status = 0;
        while libc::waitpid(child, &raw mut status, 0) < 0 {
            assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted);
        }
        if libc::WIFEXITED(status) { Ok(libc::WEXITSTATUS(status)) } else { Err(libc::WTERMSIG(status)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> SockFilter {
        SockFilter { code, jt, jf, k }
    }

    #[test]
    fn a_filter_decides_about_calls_of_the_thread_that_loads_it() {
        let refuses = [
            instruction(op::LOAD, 0, 0, data::NUMBER),
            instruction(op::IF_EQUAL, 0, 1, libc::SYS_getppid as u32),
            instruction(op::RETURN, 0, 0, verdict::ERRNO | 77),
            instruction(op::RETURN, 0, 0, verdict::ALLOW),
        ];
        assert_eq!(call_under(&refuses, 0, libc::SYS_getppid as u32, [0; 3]), Ok(77));
        assert_eq!(call_under(&refuses, 0, libc::SYS_getuid as u32, [0; 3]), Ok(0));
        let flags = flag::SPEC_ALLOW | flag::LOG;
        assert_eq!(call_under(&refuses, flags, libc::SYS_getuid as u32, [0; 3]), Ok(0));
    }

    #[test]
    fn a_program_that_the_kernel_refuses_is_an_error() {
        let endless = [instruction(op::LOAD, 0, 0, data::NUMBER)];
        assert_eq!(call_under(&endless, 0, libc::SYS_getuid as u32, [0; 3]), Ok(255));
    }
}
