//! Looks for a program as execve(2) would, refuses the host's own, and runs it.

use std::ffi::{CStr, c_long};
use std::os::fd::RawFd;

use super::calls::{check, errno, syscall};
use super::place::{Place, openat2};
use super::script::Program;

/// How many interpreters may stand behind each other; the kernel has the same limit.
const INTERPRETERS_MAX: usize = 4;

/// As many bytes of a file as the kernel looks at.
const HEAD_LEN: usize = 256;

/// A program that is there and can be run.
pub(super) struct Found {
    place: Place,
    /// Which candidate it is.
    index: usize,
    is_readable: bool,
    is_script: bool,
}

impl Found {
    /// Its descriptor.
    pub(super) fn fd(&self) -> RawFd {
        self.place.fd()
    }

    /// Looks for the interpreter of a script, and for that one's. `ENOENT`: it is not there.
    pub(super) fn check_interpreter(&mut self, program: &Program) -> Result<(), i32> {
        self.is_script = self.is_readable && check_interpreter(&self.place, program)?;
        Ok(())
    }

    /// The descriptor that its bytes can be read by, where they can be read at all; else -1.
    pub(super) fn fd_for_reading(&self) -> RawFd {
        if self.is_readable { self.place.fd() } else { -1 }
    }
}

/// Opens a path of the process, not through magic links (`/proc/self/exe`).
pub(super) fn open_plain(path: &CStr, flags: i32) -> Result<RawFd, i32> {
    openat2(libc::AT_FDCWD, path, flags, libc::RESOLVE_NO_MAGICLINKS)
}

/// The first candidate that can be run; its interpreter is another matter. Where none can, a file that may not be run is worse
/// news (`EACCES`) than none (`ENOENT`). The binary of the host's own that runs here is `EPERM`: a container that ran it could
/// write to it through `/proc/self/exe`.
pub(super) fn find(program: &Program) -> Result<Found, i32> {
    let mut failure = libc::ENOENT;
    for (index, path) in program.candidates.iter().enumerate() {
        match look_at(path, program) {
            Ok((place, is_readable)) => {
                return Ok(Found { place, index, is_readable, is_script: false });
            }
            Err(libc::ENOENT | libc::ENOTDIR) => {}
            Err(libc::EACCES) => failure = libc::EACCES,
            Err(errno) => return Err(errno),
        }
    }
    Err(failure)
}

/// A file that may be run, and whether it can be read.
#[allow(unsafe_code)]
fn look_at(path: &CStr, program: &Program) -> Result<(Place, bool), i32> {
    let place = Place::of(open_plain(path, libc::O_PATH)?);
    let stat = place.stat()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Err(libc::EACCES);
    }
    if program.own == Some((stat.st_dev, stat.st_ino)) {
        return Err(libc::EPERM);
    }
    let flags = libc::AT_EMPTY_PATH | libc::AT_EACCESS;
    // SAFETY: an open descriptor and a literal text.
    syscall(unsafe { libc::syscall(libc::SYS_faccessat2, place.fd(), c"".as_ptr(), libc::X_OK, flags) })?;
    // A file that can be run but not read is run all the same.
    let Ok(readable) = open_plain(path, libc::O_RDONLY | libc::O_NONBLOCK).map(Place::of) else {
        return Ok((place, false));
    };
    let again = readable.stat()?;
    match (again.st_dev, again.st_ino) == (stat.st_dev, stat.st_ino) {
        true => Ok((readable, true)),
        false => Err(libc::EAGAIN),
    }
}

/// Whether a file is a script; then its interpreter is there and can be run, and so is that one's.
fn check_interpreter(file: &Place, program: &Program) -> Result<bool, i32> {
    let mut head = [0; HEAD_LEN + 1];
    if !read_interpreter(file, &mut head)? {
        return Ok(false);
    }
    for _ in 0..INTERPRETERS_MAX {
        let path = CStr::from_bytes_until_nul(&head).map_err(|_| libc::ENOEXEC)?;
        let (interpreter, is_readable) = look_at(path, program)?;
        if !is_readable || !read_interpreter(&interpreter, &mut head)? {
            return Ok(true);
        }
    }
    Err(libc::ELOOP)
}

/// Puts the path behind `#!` at the beginning of a file, and a NUL, into the buffer. False where there is none.
#[allow(unsafe_code)]
fn read_interpreter(file: &Place, path: &mut [u8; HEAD_LEN + 1]) -> Result<bool, i32> {
    let mut head = [0_u8; HEAD_LEN];
    // SAFETY: a buffer as long as it is said to be.
    let len = unsafe { libc::pread(file.fd(), head.as_mut_ptr().cast(), HEAD_LEN, 0) };
    let len = usize::try_from(len).map_err(|_| errno())?;
    let Some(line) = head[..len].strip_prefix(b"#!") else { return Ok(false) };
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let line = &line[start..];
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0)).unwrap_or(line.len());
    if end == 0 {
        return Ok(false);
    }
    path[..end].copy_from_slice(&line[..end]);
    path[end] = 0;
    Ok(true)
}

/// Runs what was found; the result is why it did not.
///
/// # Safety
///
/// The process is not to be this program any more.
#[allow(unsafe_code)]
pub(super) unsafe fn execute(found: &Found, program: &Program) -> i32 {
    let path = program.candidates[found.index].as_ptr();
    // SAFETY: both lists end in null and lead to texts that end in NUL.
    unsafe {
        if program.by_descriptor && !found.is_script {
            // Exactly the file that was looked at.
            match execute_open(found.place.fd(), program) {
                // An interpreter for foreign formats (binfmt_misc) must open the file itself, by a path.
                Err(libc::ENOENT) => {}
                done => return done.err().unwrap_or(0),
            }
        }
        check(libc::execve(path, program.argv(), program.envp())).err().unwrap_or(0)
    }
}

/// Runs what a descriptor is open on; it returns only where that failed.
///
/// # Safety
///
/// The process is not to be this program any more.
#[allow(unsafe_code)]
pub(super) unsafe fn execute_open(file: RawFd, program: &Program) -> Result<c_long, i32> {
    let (argv, envp) = (program.argv(), program.envp());
    // SAFETY: a literal text; both lists end in null and lead to texts that end in NUL.
    syscall(unsafe { libc::syscall(libc::SYS_execveat, file, c"".as_ptr(), argv, envp, libc::AT_EMPTY_PATH) })
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn outcome(candidates: &[&Path]) -> Result<usize, i32> {
        let paths = candidates.iter().map(|path| CString::new(path.as_os_str().as_bytes()).unwrap()).collect();
        let program = Program::new(paths, vec![c"x".to_owned()], Vec::new());
        let mut found = find(&program)?;
        found.check_interpreter(&program).map(|()| found.index)
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn candidates_are_tried_in_order_and_the_worst_news_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (nothing, plain, program) = (dir.path().join("n"), dir.path().join("p"), dir.path().join("x"));
        write(&plain, "text", 0o644);
        write(&program, "text", 0o755);
        assert_eq!(outcome(&[&nothing, &plain, &program]), Ok(2));
        assert_eq!(outcome(&[&nothing]), Err(libc::ENOENT));
        assert_eq!(outcome(&[&plain.join("below")]), Err(libc::ENOENT));
        assert_eq!(outcome(&[&plain, &nothing]), Err(libc::EACCES));
        assert_eq!(outcome(&[dir.path(), &nothing]), Err(libc::EACCES));
    }

    #[test]
    fn a_script_needs_its_interpreter_and_that_ones() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad, second, endless) =
            (dir.path().join("good"), dir.path().join("bad"), dir.path().join("second"), dir.path().join("endless"));
        write(&good, "#! /bin/sh -e\n", 0o755);
        write(&bad, "#!/nowhere/sh\n", 0o755);
        write(&second, &format!("#!{}\n", bad.display()), 0o755);
        write(&endless, &format!("#!{}", endless.display()), 0o755);
        assert_eq!(outcome(&[&good]), Ok(0));
        assert_eq!(outcome(&[&bad]), Err(libc::ENOENT));
        assert_eq!(outcome(&[&second]), Err(libc::ENOENT));
        assert_eq!(outcome(&[&endless]), Err(libc::ELOOP));
    }

    #[test]
    fn the_binary_of_the_host_is_refused_by_every_way_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let own = std::env::current_exe().unwrap();
        let script = dir.path().join("script");
        write(&script, "#!/proc/self/exe\n", 0o755);
        assert_eq!(outcome(&[&own]), Err(libc::EPERM));
        assert_eq!(outcome(&[&script]), Err(libc::ELOOP));
        assert_eq!(outcome(&[Path::new("/proc/self/exe")]), Err(libc::ELOOP));
        write(&script, &format!("#!{}\n", own.display()), 0o755);
        assert_eq!(outcome(&[&script]), Err(libc::EPERM));
    }
}
