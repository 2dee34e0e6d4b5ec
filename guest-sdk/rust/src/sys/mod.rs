//! System calls, with the names and the meaning they have on POSIX systems: in cowbox by the import module `cowbox_v1` (docs/guest-abi.md of the
//! project), on a host by its libc. Programs are mostly happier with [`crate::process`], [`crate::fs`] and [`crate::term`].

#[cfg(target_os = "wasi")]
mod cowbox;
mod errno;
#[cfg(target_os = "wasi")]
mod libc_overrides;
mod types;
#[cfg(unix)]
mod unix;

#[cfg(target_os = "wasi")]
pub use cowbox::*;
pub use errno::{Errno, Result};
pub use types::*;
#[cfg(unix)]
pub use unix::*;

/// Calls again what was interrupted by a signal.
pub fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}

/// Writes all of `bytes`, over interruptions.
pub fn write_all(fd: Fd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let written = retry(|| write(fd, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Reads to the end, over interruptions.
pub fn read_to_end(fd: Fd) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match retry(|| read(fd, &mut piece))? {
            0 => return Ok(all),
            length => all.extend_from_slice(&piece[..length]),
        }
    }
}

/// The real user.
pub fn getuid() -> u32 {
    credentials().uid
}

/// The effective user.
pub fn geteuid() -> u32 {
    credentials().euid
}

/// The real group.
pub fn getgid() -> u32 {
    credentials().gid
}

/// The effective group.
pub fn getegid() -> u32 {
    credentials().egid
}

/// setuid(2): for root all three users, for others the effective one.
pub fn setuid(uid: u32) -> Result<()> {
    if geteuid() == 0 { setresuid(Some(uid), Some(uid), Some(uid)) } else { setresuid(None, Some(uid), None) }
}

/// setgid(2): for root all three groups, for others the effective one.
pub fn setgid(gid: u32) -> Result<()> {
    if geteuid() == 0 { setresgid(Some(gid), Some(gid), Some(gid)) } else { setresgid(None, Some(gid), None) }
}

/// The effective user.
pub fn seteuid(uid: u32) -> Result<()> {
    setresuid(None, Some(uid), None)
}

/// The effective group.
pub fn setegid(gid: u32) -> Result<()> {
    setresgid(None, Some(gid), None)
}

/// This process.
pub fn getpid() -> Pid {
    info(0).map_or(1, |info| info.pid)
}

/// Its parent.
pub fn getppid() -> Pid {
    info(0).map_or(0, |info| info.ppid)
}

/// The process group of `pid`; 0 is the caller.
pub fn getpgid(pid: Pid) -> Result<Pid> {
    Ok(info(pid)?.pgid)
}

/// The session of `pid`; 0 is the caller.
pub fn getsid(pid: Pid) -> Result<Pid> {
    Ok(info(pid)?.sid)
}

/// What is known of the file `path`, at the end of symbolic links.
pub fn stat(path: impl Bytes) -> Result<Stat> {
    fstatat(AT_FDCWD, path, true)
}

/// What is known of the file `path`, which may be a symbolic link.
pub fn lstat(path: impl Bytes) -> Result<Stat> {
    fstatat(AT_FDCWD, path, false)
}

/// Opens a file. `mode` is that of a new one, before the umask.
pub fn open(path: impl Bytes, flags: OpenFlags, mode: u32) -> Result<Fd> {
    openat(AT_FDCWD, path, flags, mode)
}

/// Whether the real user may do this with the file `path`.
pub fn access(path: impl Bytes, what: Access) -> Result<()> {
    faccessat(AT_FDCWD, path, what, false)
}

/// Sets the mode of the file `path`, at the end of symbolic links.
pub fn chmod(path: impl Bytes, mode: u32) -> Result<()> {
    fchmodat(AT_FDCWD, path, mode)
}

/// Sets the owners of the file `path`, at the end of symbolic links. `None` leaves one as it is.
pub fn chown(path: impl Bytes, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    fchownat(AT_FDCWD, path, uid, gid, true)
}

/// Sets the owners of the file `path`, also of a symbolic link.
pub fn lchown(path: impl Bytes, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    fchownat(AT_FDCWD, path, uid, gid, false)
}

/// Makes a directory.
pub fn mkdir(path: impl Bytes, mode: u32) -> Result<()> {
    mkdirat(AT_FDCWD, path, mode)
}

/// Makes a fifo.
pub fn mkfifo(path: impl Bytes, mode: u32) -> Result<()> {
    mknodat(AT_FDCWD, path, S_IFIFO | mode & 0o7777)
}

/// The mask of blocked signals.
pub fn blocked() -> Result<SigSet> {
    sigmask(None)
}

/// The umask, unchanged.
pub fn current_umask() -> u32 {
    umask(None)
}
