//! The home directory of a user, as the container's `/etc/passwd` has it; without allocating.

use std::ffi::CStr;

use super::calls::errno;
use super::find::open_plain;
use super::place::Place;

/// What a variable begins with.
const NAME: &[u8] = b"HOME=";
/// How long the variable may be, with its name and the NUL at its end.
pub(super) const LEN: usize = 1024;
/// A longer line is passed over.
const LINE_MAX: usize = 2048;
/// What is read of a file.
const BYTES_MAX: usize = 1 << 20;

/// A variable `HOME=DIRECTORY`, with a NUL at its end.
pub(super) struct Home([u8; LEN]);

impl Home {
    /// The home of the user `uid` by a file in the form of passwd(5): `/` where it is not told.
    pub(super) fn of(passwd: &CStr, uid: u32) -> Home {
        let mut home = Home([0; LEN]);
        if !read_lines(passwd, |line| home_of(line, uid).is_some_and(|directory| home.set(directory))) {
            home.set(b"/");
        }
        home
    }

    /// The variable as C takes it.
    pub(super) fn as_ptr(&self) -> *const std::ffi::c_char {
        self.0.as_ptr().cast()
    }

    /// False where it is not a path, or too long.
    fn set(&mut self, directory: &[u8]) -> bool {
        let end = NAME.len() + directory.len();
        if directory.is_empty() || directory.contains(&0) || end >= LEN {
            return false;
        }
        self.0[..NAME.len()].copy_from_slice(NAME);
        self.0[NAME.len()..end].copy_from_slice(directory);
        self.0[end] = 0;
        true
    }
}

/// The home in a line of passwd(5) that is about the user `uid`.
fn home_of(line: &[u8], uid: u32) -> Option<&[u8]> {
    let mut fields = line.split(|byte| *byte == b':');
    let number = std::str::from_utf8(fields.nth(2)?).ok()?;
    if number.parse() != Ok(uid) {
        return None;
    }
    fields.nth(2)
}

/// Whether one of the lines of a file is `wanted`. A file that cannot be read has none.
#[allow(unsafe_code)]
fn read_lines(path: &CStr, mut wanted: impl FnMut(&[u8]) -> bool) -> bool {
    // Whatever the container has put there, opening and reading it waits for nobody.
    let Ok(file) = open_plain(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY).map(Place::of) else {
        return false;
    };
    if !file.stat().is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG) {
        return false;
    }
    let (mut chunk, mut line) = ([0_u8; 4096], [0_u8; LINE_MAX]);
    let (mut length, mut left) = (0, BYTES_MAX);
    while left > 0 {
        // SAFETY: a buffer as long as it is said to be.
        let count = match unsafe { libc::read(file.fd(), chunk.as_mut_ptr().cast(), chunk.len().min(left)) } {
            count @ 1.. => count as usize,
            -1 if errno() == libc::EINTR => continue,
            _ => break,
        };
        left -= count;
        for &byte in &chunk[..count] {
            if byte != b'\n' {
                if let Some(place) = line.get_mut(length) {
                    *place = byte;
                }
                length += 1;
                continue;
            }
            if length <= LINE_MAX && wanted(&line[..length]) {
                return true;
            }
            length = 0;
        }
    }
    length <= LINE_MAX && wanted(&line[..length])
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn the_home_is_that_of_the_first_line_about_the_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        let long = "x".repeat(LINE_MAX);
        let far = "x".repeat(LEN);
        let text = format!(
            "root:x:0:0::/root:/bin/sh\n#{long}:x:3:0::/long:\nbad\n:::\na:x:7:7:A, B:/home/a:/bin/sh\n\
             b:x:7:7::/home/b:\nnone:x:8:8:::\nfar:x:9:9::/{far}:\nlast:x:10:10::/last"
        );
        fs::write(&path, text).unwrap();
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        let home = |path: &CStr, uid| {
            let home = Home::of(path, uid);
            CStr::from_bytes_until_nul(&home.0).unwrap().to_str().unwrap().to_owned()
        };
        let table = [(0, "/root"), (3, "/"), (7, "/home/a"), (8, "/"), (9, "/"), (10, "/last"), (99, "/")];
        for (uid, expected) in table {
            assert_eq!(home(&path, uid), format!("HOME={expected}"), "{uid}");
        }
        assert_eq!(home(c"/nowhere/passwd", 0), "HOME=/");
        assert_eq!(home(c"/dev/zero", 0), "HOME=/");
    }
}
