//! Runs a hook between clone and exec, and waits for it.

use std::ffi::{c_int, c_ulong};
use std::os::fd::RawFd;

use super::calls::{check, errno, hide, prctl, syscall};
use super::find;
use super::place::Place;
use super::script::Program;

/// Runs a program with this input until it ends: its status, as of wait(2), and a file with what it said. `ETIMEDOUT`: it ran
/// for longer than so many seconds, and was killed. Anything else is why it could not run.
#[allow(unsafe_code)]
pub(super) fn run(program: &Program, input: &[u8], timeout: Option<u32>) -> Result<(c_int, Place), i32> {
    let mut found = find::find(program)?;
    found.check_interpreter(program)?;
    // Its output is none of the container's.
    let (stdin, said) = (file_of(input)?, file_of(b"")?);
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: an array of two; then a process of its own, which makes system calls until its exec.
    let (pid, pidfd, errno_of_exec) = unsafe {
        check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
        let [reading, writing] = ends.map(Place::of);
        let (pid, pidfd) = fork()?;
        if pid == 0 {
            let errno = in_child(program, &found, [&stdin, &said, &said]);
            let bytes = errno.to_ne_bytes();
            libc::write(writing.fd(), bytes.as_ptr().cast(), bytes.len());
            libc::_exit(127);
        }
        drop(writing);
        (pid, Place::of(pidfd), errno_told(&reading))
    };
    if errno_of_exec.is_none() && !ends_in_time(&pidfd, timeout)? {
        // SAFETY: a child that was not waited for, so that its number is still its own.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        wait(pid)?;
        return Err(libc::ETIMEDOUT);
    }
    let status = wait(pid)?;
    errno_of_exec.map_or(Ok((status, said)), Err)
}

/// A new process with a copy of the memory: 0 in it, its number and descriptor in the caller. By clone(2): under a filter
/// clone3(2) is hidden, as its arguments cannot be seen.
///
/// # Safety
///
/// The new process allocates and locks nothing, and ends by exec or `_exit`.
#[allow(unsafe_code)]
unsafe fn fork() -> Result<(libc::pid_t, RawFd), i32> {
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the new process goes on on a copy of this stack; the descriptor goes where a parent's number would.
    let pid = syscall(unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) })?;
    Ok((pid as libc::pid_t, pidfd))
}

/// A file in memory with these bytes, at its beginning.
#[allow(unsafe_code)]
fn file_of(bytes: &[u8]) -> Result<Place, i32> {
    // SAFETY: a literal text; a buffer that is alive.
    unsafe {
        let file = Place::of(check(libc::memfd_create(c"hook".as_ptr(), libc::MFD_CLOEXEC))?);
        let mut written = 0;
        while written < bytes.len() {
            let rest = &bytes[written..];
            match libc::write(file.fd(), rest.as_ptr().cast(), rest.len()) {
                len if len > 0 => written += len as usize,
                _ if errno() == libc::EINTR => {}
                _ => return Err(errno()),
            }
        }
        if libc::lseek(file.fd(), 0, libc::SEEK_SET) < 0 { Err(errno()) } else { Ok(file) }
    }
}

/// Becomes the hook; the result is why not.
///
/// # Safety
///
/// Called in a new process.
#[allow(unsafe_code)]
unsafe fn in_child(program: &Program, found: &find::Found, streams: [&Place; 3]) -> i32 {
    let prepared = || {
        prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong)?;
        hide()?;
        // SAFETY: open descriptors.
        unsafe {
            for (number, stream) in streams.into_iter().enumerate() {
                check(libc::dup2(stream.fd(), number as c_int))?;
            }
            syscall(libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC)).map(drop)
        }
    };
    match prepared() {
        // SAFETY: as this function's own.
        Ok(()) => unsafe { find::execute(found, program) },
        Err(errno) => errno,
    }
}

/// What the child says went wrong before or in its exec; the pipe closes without a word where nothing did.
#[allow(unsafe_code)]
fn errno_told(reading: &Place) -> Option<i32> {
    let mut bytes = [0_u8; 4];
    loop {
        // SAFETY: a buffer as long as it is said to be.
        match unsafe { libc::read(reading.fd(), bytes.as_mut_ptr().cast(), bytes.len()) } {
            4 => return Some(i32::from_ne_bytes(bytes)),
            len if len < 0 && errno() == libc::EINTR => {}
            _ => return None,
        }
    }
}

/// Waits until the process has ended; false where it has not within so many seconds.
#[allow(unsafe_code)]
fn ends_in_time(pidfd: &Place, timeout: Option<u32>) -> Result<bool, i32> {
    let Some(seconds) = timeout else { return Ok(true) };
    let deadline = now() + i64::from(seconds) * 1000;
    loop {
        let left = (deadline - now()).clamp(0, i64::from(c_int::MAX)) as c_int;
        let mut poll = libc::pollfd { fd: pidfd.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure.
        match check(unsafe { libc::poll(&raw mut poll, 1, left) }) {
            Ok(0) if now() >= deadline => return Ok(false),
            Ok(0) | Err(libc::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno),
        }
    }
}

/// Milliseconds on a clock that only goes forward.
#[allow(unsafe_code)]
fn now() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one structure.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[allow(unsafe_code)]
fn wait(pid: i32) -> Result<c_int, i32> {
    let mut status = 0;
    loop {
        // SAFETY: one number.
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Err(libc::EINTR) => {}
            waited => return waited.map(|_| status),
        }
    }
}
