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
