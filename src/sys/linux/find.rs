//! Finds the program of a new process in its root, and runs it: never the host's own, and never through a magic link.

use std::ffi::{CStr, c_char};
use std::os::fd::RawFd;

use super::calls::{errno, syscall};
use super::place::{Place, openat2};
use super::script::Program;

/// How many interpreters may stand before one another.
const INTERPRETERS_MAX: usize = 5;

/// The most of a `#!` line that the kernel reads.
const LINE_MAX: usize = 256;

/// A program that was found.
pub(super) struct Found<'p> {
    /// Open for nothing but running it.
    program: Place,
    /// Open for reading where that is allowed.
    pub(super) content: Place,
    path: &'p CStr,
    is_script: bool,
}

/// Device and inode number of the program that this process runs.
pub(super) fn own_program() -> (u64, u64) {
    rustix::fs::stat("/proc/self/exe").map_or((0, 0), |stat| (stat.st_dev, stat.st_ino))
}

/// Opens a path of the process's root; magic links such as `/proc/self/exe` are refused with ELOOP.
pub(super) fn open_plain(path: &CStr, flags: i32) -> Result<RawFd, i32> {
    openat2(libc::AT_FDCWD, path, flags, libc::RESOLVE_NO_MAGICLINKS)
}

/// The first candidate that can be run, as execvp(3) looks for it: what is missing is passed over, and that something was
/// not allowed is said if nothing else is found.
pub(super) fn find(program: &Program) -> Result<Found<'_>, i32> {
    let mut outcome = libc::ENOENT;
    for path in &program.candidates {
        match open_program(path, program) {
            Ok(found) => return Ok(found),
            Err(libc::ENOENT | libc::ENOTDIR) => {}
            Err(errno) => outcome = errno,
        }
    }
    Err(outcome)
}

fn open_program<'p>(path: &'p CStr, program: &Program) -> Result<Found<'p>, i32> {
    let place = Place::of(open_plain(path, libc::O_PATH)?);
    check_file(&place, program)?;
    let content = read_only(path);
    let mut is_script = false;
    let mut line = [0_u8; LINE_MAX];
    let mut interpreter = head(&content, &mut line);
    for depth in 0.. {
        let Some(path) = interpreter else { break };
        is_script = true;
        if depth == INTERPRETERS_MAX {
            return Err(libc::ELOOP);
        }
        check_file(&Place::of(open_plain(path, libc::O_PATH)?), program)?;
        let content = read_only(path);
        interpreter = head(&content, &mut line);
    }
    Ok(Found { program: place, content, path, is_script })
}

/// A file whose content may not be read can still be run: then nothing is known of it.
fn read_only(path: &CStr) -> Place {
    Place::of(open_plain(path, libc::O_RDONLY | libc::O_NONBLOCK).unwrap_or(-1))
}

/// A regular file that may be executed, and is not the host's own program.
#[allow(unsafe_code)]
fn check_file(place: &Place, program: &Program) -> Result<(), i32> {
    let stat = place.stat()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Err(libc::EACCES);
    }
    if (stat.st_dev, stat.st_ino) == program.own {
        return Err(libc::EPERM);
    }
    let flags = libc::AT_EMPTY_PATH | libc::AT_EACCESS;
    // SAFETY: an open descriptor and an empty text.
    syscall(unsafe { libc::syscall(libc::SYS_faccessat2, place.fd(), c"".as_ptr(), libc::X_OK, flags) }).map(drop)
}

/// The interpreter that a `#!` line names, if the file begins with one.
#[allow(unsafe_code)]
fn head<'l>(content: &Place, line: &'l mut [u8; LINE_MAX]) -> Option<&'l CStr> {
    line.fill(0);
    // SAFETY: a buffer of one byte more than is read.
    let len = unsafe { libc::pread(content.fd(), line.as_mut_ptr().cast(), LINE_MAX - 1, 0) };
    if len < 3 || &line[..2] != b"#!" {
        return None;
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = 2 + line[2..].iter().position(|byte| !blank(byte))?;
    let end = start + line[start..].iter().position(|byte| blank(byte) || matches!(byte, b'\n' | 0))?;
    line[end] = 0;
    CStr::from_bytes_until_nul(&line[start..]).ok()
}

/// Runs the program; returns the errno where it cannot be run.
#[allow(unsafe_code)]
pub(super) fn execute(found: &Found<'_>, program: &Program) -> i32 {
    let (argv, envp) = (program.argv(), program.envp());
    let none: *const c_char = c"".as_ptr();
    // SAFETY: texts and lists of the program, which lives until this process is another.
    unsafe {
        if program.by_descriptor && !found.is_script {
            libc::syscall(libc::SYS_execveat, found.program.fd(), none, argv, envp, libc::AT_EMPTY_PATH);
        } else {
            libc::execve(found.path.as_ptr(), argv, envp);
        }
    }
    errno()
}
