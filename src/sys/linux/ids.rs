//! Who a new process is and what it may do: ids, capabilities, limits; and the few things of its surroundings that are one call
//! each.
//!
//! All by system calls of its own: the C library's functions tell other threads of new ids, and wait for threads that are not
//! there in a new process.

use std::ffi::{CStr, c_int, c_short, c_uint, c_ulong};
use std::os::fd::RawFd;

use super::calls::{Outcome, check, errno, hide, prctl, syscall};
use super::place::{Place, with_exact_modes};

/// Becomes root of its user namespace, in no other groups where it may say so.
pub(super) fn become_root(keeps_groups: bool) -> Outcome {
    match if keeps_groups { Ok(()) } else { set_groups(&[]) } {
        Ok(()) | Err(libc::EPERM) => {}
        Err(errno) => return Err(errno),
    }
    set_ids(0, 0)
}

/// Becomes this user with these groups and keeps its capabilities, also the effective ones. In a user namespace in which groups
/// may not be chosen nobody has to who asks for none but its own. Without `groups` it keeps those it has.
pub(super) fn identity(uid: u32, gid: u32, groups: Option<&[u32]>) -> Outcome {
    prctl(libc::PR_SET_KEEPCAPS, 1)?;
    if let Some(groups) = groups {
        match set_groups(groups) {
            Err(libc::EPERM) if groups.iter().all(|group| *group == gid) && has_set_gid()? => {}
            set => set?,
        }
    }
    set_ids(uid, gid)?;
    prctl(libc::PR_SET_KEEPCAPS, 0)?;
    let mut sets = capget()?;
    for set in &mut sets {
        set.effective = set.permitted;
    }
    capset(&sets)?;
    hide()
}

#[allow(unsafe_code)]
fn set_groups(groups: &[u32]) -> Outcome {
    // SAFETY: a list as long as it is said to be.
    syscall(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }).map(drop)
}

#[allow(unsafe_code)]
fn set_ids(uid: u32, gid: u32) -> Outcome {
    // SAFETY: these change the ids of the calling thread only, which is the only one.
    unsafe {
        syscall(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        syscall(libc::syscall(libc::SYS_setresuid, uid, uid, uid)).map(drop)
    }
}

/// `struct __user_cap_data_struct`: the lower 32 capabilities, or the upper.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: c_int,
}

impl Header {
    /// `_LINUX_CAPABILITY_VERSION_3`, of the calling thread.
    const OWN: Header = Header { version: 0x2008_0522, pid: 0 };
}

#[allow(unsafe_code)]
fn capget() -> Result<[Sets; 2], i32> {
    let (mut header, mut sets) = (Header::OWN, [Sets::default(); 2]);
    // SAFETY: a header and two structures, as this version has them.
    syscall(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) })?;
    Ok(sets)
}

/// Whether this process has the capability to choose groups.
fn has_set_gid() -> Result<bool, i32> {
    const CAP_SETGID: u32 = 6;
    Ok(capget()?[0].effective >> CAP_SETGID & 1 == 1)
}

#[allow(unsafe_code)]
fn capset(sets: &[Sets; 2]) -> Outcome {
    let mut header = Header::OWN;
    // SAFETY: a header and two structures, as this version has them.
    syscall(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) }).map(drop)
}

/// Drops all capabilities but these from the bounding set.
pub(super) fn bounding(kept: u64) -> Outcome {
    for capability in (0..64).filter(|capability| kept >> capability & 1 == 0) {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            Ok(_) => {}
            // The kernel knows no more.
            Err(libc::EINVAL) => break,
            // Who may not drop any may not have it.
            Err(_) if matches!(prctl(libc::PR_CAPBSET_READ, capability), Ok(0)) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Sets what the process may do, now and over an exec. What it does not have itself it cannot give: that is left out, as the
/// specification asks for (runtime-spec config.md "capabilities").
#[allow(unsafe_code)]
pub(super) fn capabilities(effective: u64, permitted: u64, inheritable: u64, ambient: u64) -> Outcome {
    let own = capget()?;
    let own = u64::from(own[0].permitted) | u64::from(own[1].permitted) << 32;
    let (permitted, inheritable) = (permitted & own, inheritable & own);
    let (effective, ambient) = (effective & permitted, ambient & permitted & inheritable);
    let half = |shift: u32| Sets {
        effective: (effective >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    capset(&[half(0), half(32)])?;
    let none: c_ulong = 0;
    let ambient_call = |what: c_int, capability: c_ulong| {
        // SAFETY: changes a set of the calling thread.
        syscall(unsafe {
            libc::syscall(libc::SYS_prctl, libc::PR_CAP_AMBIENT, what as c_ulong, capability, none, none)
        })
    };
    ambient_call(libc::PR_CAP_AMBIENT_CLEAR_ALL, 0)?;
    for capability in (0..64).filter(|capability| ambient >> capability & 1 == 1) {
        ambient_call(libc::PR_CAP_AMBIENT_RAISE, capability)?;
    }
    hide()
}

/// `struct rlimit64`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Limit {
    soft: u64,
    hard: u64,
}

/// Sets a limit; where the hard limit may not be raised, what may be set.
pub(super) fn limit(resource: u32, soft: u64, hard: u64) -> Outcome {
    let mut old = Limit { soft: 0, hard: 0 };
    match prlimit(resource, Some(&Limit { soft, hard }), None) {
        Err(libc::EPERM) => {}
        set => return set,
    }
    prlimit(resource, None, Some(&mut old))?;
    let hard = hard.min(old.hard);
    prlimit(resource, Some(&Limit { soft: soft.min(hard), hard }), None)
}

#[allow(unsafe_code)]
fn prlimit(resource: u32, new: Option<&Limit>, old: Option<&mut Limit>) -> Outcome {
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    let old = old.map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: each is a structure that is alive, or null.
    syscall(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, new, old) }).map(drop)
}

/// `struct ifreq` with flags.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; libc::IFNAMSIZ],
    flags: c_short,
    padding: [u8; 22],
}

/// Brings the loopback interface up.
#[allow(unsafe_code)]
pub(super) fn loopback_up() -> Outcome {
    let mut request = InterfaceFlags { name: [0; libc::IFNAMSIZ], flags: 0, padding: [0; 22] };
    request.name[..2].copy_from_slice(b"lo");
    // SAFETY: a structure as these requests take it.
    unsafe {
        let socket = Place::of(check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))?);
        check(libc::ioctl(socket.fd(), libc::SIOCGIFFLAGS as _, &raw mut request))?;
        request.flags |= libc::IFF_UP as c_short;
        check(libc::ioctl(socket.fd(), libc::SIOCSIFFLAGS as _, &raw const request)).map(drop)
    }
}

/// Makes the session keyring of this name that of this process.
#[allow(unsafe_code)]
pub(super) fn join_keyring(name: &CStr) -> Outcome {
    const JOIN_SESSION_KEYRING: c_int = 1;
    const SETPERM: c_int = 5;
    // linux/keyctl.h: what a new one has, all for who has it and view, read and link for its user, and search for that one, too.
    const SHARED: c_uint = 0x3f1b_0000;
    // SAFETY: a string, and numbers.
    let joined = syscall(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) });
    match joined {
        Ok(keyring) => {
            // Where it may not be shared, further processes have one of their own.
            // SAFETY: as above.
            unsafe { libc::syscall(libc::SYS_keyctl, SETPERM, keyring, SHARED) };
            Ok(())
        }
        // A kernel without keyrings, or a filter around us that shows none.
        Err(libc::ENOSYS | libc::EPERM) => Ok(()),
        Err(code) => Err(code),
    }
}

/// Makes these descriptors 0, 1 and 2, whichever numbers they have.
#[allow(unsafe_code)]
pub(super) fn streams(fds: &[RawFd; 3]) -> Outcome {
    let mut copies: [Option<Place>; 3] = [const { None }; 3];
    // SAFETY: calls on numbers of descriptors.
    unsafe {
        // First those that another would be put in the place of.
        for (stream, fd) in fds.iter().enumerate() {
            if *fd < 3 && *fd != stream as RawFd {
                copies[stream] = Some(Place::of(check(libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, 3))?));
            }
        }
        for (stream, fd) in fds.iter().enumerate() {
            let fd = copies[stream].as_ref().map_or(*fd, Place::fd);
            match fd == stream as RawFd {
                true => check(libc::fcntl(fd, libc::F_SETFD, 0))?,
                false => check(libc::dup2(fd, stream as RawFd))?,
            };
        }
    }
    Ok(())
}

/// Closes all descriptors from `first` on, but for those that are `kept`.
///
/// # Safety
///
/// Nothing that still has one of the others uses it.
#[allow(unsafe_code)]
pub(super) unsafe fn close_but(first: u32, mut kept: [RawFd; 3]) -> Outcome {
    // SAFETY: as this function's own.
    let close = |from: u32, to: u32| unsafe { syscall(libc::syscall(libc::SYS_close_range, from, to, 0)).map(drop) };
    kept.sort_unstable();
    let mut from = first;
    for fd in kept {
        let fd = fd as u32;
        if from < fd {
            close(from, fd - 1)?;
        }
        from = from.max(fd + 1);
    }
    close(from, u32::MAX)
}

/// Writes a text to a file that is there, in one go as files of `/proc` want it.
#[allow(unsafe_code)]
pub(super) fn write_file(path: &CStr, text: &[u8]) -> Outcome {
    // SAFETY: a text that is alive.
    write_whole(text, || unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })
}

/// A new file with exactly this mode.
#[allow(unsafe_code)]
pub(super) fn make_file(path: &CStr, text: &[u8], mode: u32) -> Outcome {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    // SAFETY: as above.
    with_exact_modes(|| write_whole(text, || unsafe { libc::open(path.as_ptr(), flags, mode) }))
}

#[allow(unsafe_code)]
fn write_whole(text: &[u8], open: impl FnOnce() -> libc::c_int) -> Outcome {
    // SAFETY: a text that is alive.
    unsafe {
        let file = Place::of(check(open())?);
        match libc::write(file.fd(), text.as_ptr().cast(), text.len()) {
            len if len < 0 => Err(errno()),
            len if len as usize == text.len() => Ok(()),
            _ => Err(libc::EIO),
        }
    }
}
