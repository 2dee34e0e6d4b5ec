//! Who a new process is and what it may do: ids, capabilities, limits, streams. Usable between clone and exec.

use std::ffi::{CStr, c_int};
use std::os::fd::RawFd;

use super::calls::{Outcome, check, errno, prctl, syscall};

/// Becomes root of the user namespace.
#[allow(unsafe_code)]
pub(super) fn become_root() -> Outcome {
    // SAFETY: system calls with numbers alone, on this process's one thread.
    unsafe {
        // Where setgroups(2) is denied the groups stay; they are not mapped and mean nothing inside.
        libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>());
        syscall(libc::syscall(libc::SYS_setresgid, 0, 0, 0))?;
        syscall(libc::syscall(libc::SYS_setresuid, 0, 0, 0)).map(drop)
    }
}

/// Becomes this user, keeping capabilities until they are set.
#[allow(unsafe_code)]
pub(super) fn identity(uid: u32, gid: u32, groups: Option<&[u32]>) -> Outcome {
    prctl(libc::PR_SET_KEEPCAPS, 1)?;
    let mut end_signal: c_int = 0;
    // SAFETY: a list that lives through the call; numbers; an int on this stack. The plain system calls concern this
    // process's one thread.
    unsafe {
        if let Some(groups) = groups {
            match syscall(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr())) {
                // A user namespace without a right to set groups has none to give.
                Err(libc::EPERM) if groups.is_empty() => {}
                done => drop(done?),
            }
        }
        check(libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut end_signal))?;
        syscall(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        syscall(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
    }
    // A change of user forgets it.
    prctl(libc::PR_SET_PDEATHSIG, end_signal as u64).map(drop)
}

/// Drops all capabilities but `kept` from the bounding set.
pub(super) fn bounding(kept: u64) -> Outcome {
    for capability in 0..64 {
        if kept & 1 << capability != 0 {
            continue;
        }
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            // The first number that the kernel does not know.
            Err(libc::EINVAL) => break,
            dropped => drop(dropped?),
        }
    }
    Ok(())
}

/// Sets all sets but the bounding one; what the bounding set or this process lacks is left out, as the kernel has fewer
/// capabilities than the names that are known.
#[allow(unsafe_code)]
pub(super) fn capabilities(effective: u64, permitted: u64, inheritable: u64, ambient: u64) -> Outcome {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let mut now = [[0_u32; 3]; 2];
    // SAFETY: a header of two words and data of two times three.
    syscall(unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), now.as_mut_ptr()) })?;
    let held = u64::from(now[0][1]) | u64::from(now[1][1]) << 32;
    let (effective, permitted) = (effective & held, permitted & held);
    let word = |set: u64, half: u32| (set >> (32 * half)) as u32;
    let data = [0, 1].map(|half| [word(effective, half), word(permitted, half), word(inheritable & held, half)]);
    // SAFETY: as above.
    syscall(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })?;
    for capability in 0..64_u64 {
        if ambient & permitted & inheritable & 1 << capability != 0 {
            let (raise, none) = (libc::PR_CAP_AMBIENT_RAISE, 0_u64);
            // SAFETY: numbers alone.
            check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, none, none) })?;
        }
    }
    Ok(())
}

/// setrlimit(2). Where the hard limit may not be raised both become what may be set.
#[allow(unsafe_code)]
pub(super) fn limit(resource: u32, soft: u64, hard: u64) -> Outcome {
    let wanted = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    let mut now = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let none = std::ptr::null_mut::<libc::rlimit64>();
    // SAFETY: structures on this stack.
    unsafe {
        let set = |limit: &libc::rlimit64| {
            syscall(libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const *limit, none)).map(drop)
        };
        match set(&wanted) {
            Err(libc::EPERM) => {}
            done => return done,
        }
        let nothing = std::ptr::null::<libc::rlimit64>();
        syscall(libc::syscall(libc::SYS_prlimit64, 0, resource, nothing, &raw mut now))?;
        set(&libc::rlimit64 { rlim_cur: soft.min(now.rlim_max), rlim_max: hard.min(now.rlim_max) })
    }
}

/// Brings `lo` of the network namespace up.
#[allow(unsafe_code)]
pub(super) fn loopback_up() -> Outcome {
    // SAFETY: a request structure on this stack, as both calls take it.
    unsafe {
        let socket = check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as _;
        request.ifr_name[1] = b'o' as _;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
        let done = check(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request));
        libc::close(socket);
        done.map(drop)
    }
}

/// These descriptors become 0, 1 and 2.
#[allow(unsafe_code)]
pub(super) fn streams(fds: &[RawFd; 3]) -> Outcome {
    let mut copies = *fds;
    // SAFETY: descriptors that are open.
    unsafe {
        for copy in &mut copies {
            // Beyond those that are about to be replaced.
            *copy = check(libc::fcntl(*copy, libc::F_DUPFD_CLOEXEC, 3))?;
        }
        for (number, copy) in copies.iter().enumerate() {
            check(libc::dup2(*copy, number as RawFd))?;
            libc::close(*copy);
        }
    }
    Ok(())
}

/// Writes a text to a file that is there.
#[allow(unsafe_code)]
pub(super) fn write_file(path: &CStr, text: &[u8]) -> Outcome {
    // SAFETY: a text that ends in NUL, and bytes of the length that is given.
    unsafe {
        let fd = check(libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC))?;
        let written = libc::write(fd, text.as_ptr().cast(), text.len());
        let outcome = if written < 0 { Err(errno()) } else { Ok(()) };
        libc::close(fd);
        outcome
    }
}
