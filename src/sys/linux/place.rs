//! Finds and makes places below a container's root without ever leaving it, and without allocating.

use std::ffi::{CStr, c_char};
use std::os::fd::RawFd;

use super::calls::{check, syscall};
use super::script::{Make, Target};

/// How often a look-up is tried again that a rename elsewhere has disturbed.
const TRIES: usize = 128;

/// How many symbolic links that lead to nothing are followed to make a file where they lead.
pub(super) const LINKS_MAX: usize = 8;

const PATH_MAX: usize = libc::PATH_MAX as usize;
const NAME_MAX: usize = 255;

/// A descriptor that is closed when it is no longer needed.
#[derive(Debug)]
pub(super) struct Place(RawFd);

impl Place {
    /// Takes a descriptor over.
    pub(super) fn of(fd: RawFd) -> Place {
        Place(fd)
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0
    }

    pub(super) fn is_directory(&self) -> Result<bool, i32> {
        Ok(self.stat()?.st_mode & libc::S_IFMT == libc::S_IFDIR)
    }

    #[allow(unsafe_code)]
    pub(super) fn stat(&self) -> Result<libc::stat, i32> {
        // SAFETY: all zeros is a `stat`, and the kernel fills it.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            check(libc::fstat(self.0, &raw mut stat))?;
            Ok(stat)
        }
    }
}

impl Drop for Place {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the descriptor is this value's own.
        unsafe { libc::close(self.0) };
    }
}

/// The last part of a path, as C takes it.
pub(super) struct Name([u8; NAME_MAX + 1]);

impl Name {
    pub(super) fn of(name: &[u8]) -> Result<Name, i32> {
        match name {
            b"" | b"." | b".." => Err(libc::EINVAL),
            _ if name.len() > NAME_MAX => Err(libc::ENAMETOOLONG),
            _ => {
                let mut text = [0; NAME_MAX + 1];
                text[..name.len()].copy_from_slice(name);
                Ok(Name(text))
            }
        }
    }

    pub(super) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

/// A path that is put together on the stack.
pub(super) struct Path {
    text: [u8; PATH_MAX],
    len: usize,
}

impl Path {
    pub(super) fn new() -> Path {
        Path { text: [0; PATH_MAX], len: 0 }
    }

    fn of(path: &[u8]) -> Result<Path, i32> {
        let mut new = Path::new();
        new.push(path)?;
        Ok(new)
    }

    /// Adds bytes. One byte stays for the NUL at the end.
    fn push(&mut self, bytes: &[u8]) -> Result<(), i32> {
        let end = self.len + bytes.len();
        if end >= PATH_MAX {
            return Err(libc::ENAMETOOLONG);
        }
        self.text[self.len..end].copy_from_slice(bytes);
        self.text[end] = 0;
        self.len = end;
        Ok(())
    }

    pub(super) fn set(&mut self, path: &[u8]) -> Result<(), i32> {
        self.len = 0;
        self.push(path)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    fn c_str(&self) -> Result<&CStr, i32> {
        CStr::from_bytes_until_nul(&self.text).map_err(|_| libc::EINVAL)
    }
}

/// `struct open_how`.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// openat2(2), closed by exec. A look-up that a rename elsewhere has disturbed is tried again, often but not forever.
#[allow(unsafe_code)]
pub(super) fn openat2(directory: RawFd, path: &CStr, flags: i32, resolve: u64) -> Result<RawFd, i32> {
    let how = OpenHow { flags: (flags | libc::O_CLOEXEC) as u64, mode: 0, resolve };
    let mut outcome = Err(libc::EAGAIN);
    for _ in 0..TRIES {
        // SAFETY: a text that ends in NUL, and a structure of the size that is given.
        let opened =
            unsafe { libc::syscall(libc::SYS_openat2, directory, path.as_ptr(), &raw const how, size_of::<OpenHow>()) };
        outcome = syscall(opened).map(|fd| fd as RawFd);
        if !matches!(outcome, Err(libc::EAGAIN | libc::EINTR)) {
            break;
        }
    }
    outcome
}

/// Opens a path below the root with flags of open(2).
pub(super) fn open_file(root: RawFd, path: &CStr, flags: i32) -> Result<RawFd, i32> {
    openat2(root, path, flags, libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS)
}

/// The place of a path below the root.
pub(super) fn open_at(root: RawFd, path: &CStr) -> Result<Place, i32> {
    open_file(root, path, libc::O_PATH).map(Place::of)
}

/// The place of a target, which is made where nothing is and the target says so.
pub(super) fn open(root: RawFd, target: &Target) -> Result<Place, i32> {
    match target.make {
        Make::File => make_file(root, &target.path),
        Make::Directory => make_directories(root, &target.path, 0o755),
        Make::PlainDirectory => match open_file(root, &target.path, libc::O_PATH | libc::O_NOFOLLOW).map(Place::of) {
            Err(libc::ENOENT) => make_directories(root, &target.path, 0o755),
            Ok(place) if !place.is_directory()? => Err(libc::ENOTDIR),
            place => place,
        },
        Make::AsSource | Make::Nothing | Make::Skip => open_at(root, &target.path),
    }
}

/// The directory that a path's last part is in, made where it is missing, and that part.
fn parent(root: RawFd, path: &CStr) -> Result<(Place, Name), i32> {
    let (above, name) = split(path.to_bytes());
    Ok((make_all(root, above, 0o755, LINKS_MAX)?, Name::of(name)?))
}

/// A path without its last part, and that part.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = &path[..end];
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    path.split_at(start)
}

/// The directory of a path below the root; it and those above it are made where they are missing, the last with this mode.
pub(super) fn make_directories(root: RawFd, path: &CStr, mode: u32) -> Result<Place, i32> {
    make_all(root, path.to_bytes(), mode, LINKS_MAX)
}

/// The directory of a path below the root.
pub(super) fn open_below(root: RawFd, path: &[u8]) -> Result<Place, i32> {
    let path = if path.is_empty() { b"." } else { path };
    open_file(root, Path::of(path)?.c_str()?, libc::O_PATH | libc::O_DIRECTORY).map(Place::of)
}

pub(super) fn make_all(root: RawFd, path: &[u8], mode: u32, links: usize) -> Result<Place, i32> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let mut prefix = Path::new();
    let mut rest = path;
    let (above, name) = split(path);
    // Mostly no more than the last is missing.
    let mut reached = match open_below(root, path) {
        Err(libc::ENOENT) => match open_below(root, above) {
            Err(libc::ENOENT) => open_below(root, b"")?,
            above_it => {
                let above_it = above_it?;
                if let Some(made) = make_in(&above_it, &Name::of(name)?, mode)? {
                    return Ok(made);
                }
                prefix.push(above)?;
                rest = name;
                above_it
            }
        },
        whole => return whole,
    };
    let mut parts = rest.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        if !matches!(prefix.bytes().last(), None | Some(b'/')) {
            prefix.push(b"/")?;
        }
        prefix.push(part)?;
        reached = match open_file(root, prefix.c_str()?, flags) {
            Err(libc::ENOENT) => {
                let name = Name::of(part)?;
                let mode = if parts.peek().is_none() { mode } else { 0o755 };
                match make_in(&reached, &name, mode)? {
                    Some(made) => made,
                    // A link that leads to nothing: directories are made where it leads.
                    None if links > 0 => {
                        let target = led_on(&prefix, &reached, &name)?;
                        if target.bytes() != prefix.bytes() {
                            make_all(root, target.bytes(), mode, links - 1)?;
                        }
                        Place::of(open_file(root, prefix.c_str()?, flags)?)
                    }
                    None => return Err(libc::ELOOP),
                }
            }
            opened => Place::of(opened?),
        };
    }
    Ok(reached)
}

/// A new directory with exactly this mode; none where something has its name.
#[allow(unsafe_code)]
pub(super) fn make_in(parent: &Place, name: &Name, mode: u32) -> Result<Option<Place>, i32> {
    // SAFETY: an open directory and a name that ends in NUL.
    match with_exact_modes(|| check(unsafe { libc::mkdirat(parent.fd(), name.as_ptr(), mode) })) {
        Ok(_) => {}
        Err(libc::EEXIST) => return Ok(None),
        Err(errno) => return Err(errno),
    }
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: as above.
    let made = check(unsafe { libc::openat(parent.fd(), name.as_ptr(), flags) })?;
    Ok(Some(Place::of(made)))
}

/// Makes something while the mask of new files' modes takes no part.
#[allow(unsafe_code)]
pub(super) fn with_exact_modes<T>(make: impl FnOnce() -> T) -> T {
    // SAFETY: a number.
    let mask = unsafe { libc::umask(0) };
    let made = make();
    // SAFETY: as above.
    unsafe { libc::umask(mask) };
    made
}

/// The file of a path below the root; it and the directories above it are made where they are missing. Where the path is a
/// symbolic link that leads to nothing, the file is made where it leads.
#[allow(unsafe_code)]
pub(super) fn make_file(root: RawFd, path: &CStr) -> Result<Place, i32> {
    let mut path = Path::of(path.to_bytes())?;
    for _ in 0..LINKS_MAX {
        match open_at(root, path.c_str()?) {
            Err(libc::ENOENT) => {}
            place => return place,
        }
        let (parent, name) = parent(root, path.c_str()?)?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        // SAFETY: an open directory and a name that ends in NUL.
        match check(unsafe { libc::openat(parent.fd(), name.as_ptr(), flags, 0o644 as libc::mode_t) }) {
            Ok(fd) => return Ok(Place::of(fd)),
            Err(libc::EEXIST) => path = led_on(&path, &parent, &name)?,
            Err(errno) => return Err(errno),
        }
    }
    Err(libc::ELOOP)
}

/// Where the symbolic link of this path leads; the path itself where it is something else.
#[allow(unsafe_code)]
fn led_on(path: &Path, parent: &Place, name: &Name) -> Result<Path, i32> {
    let mut link = [0_u8; PATH_MAX];
    // SAFETY: an open directory, a name that ends in NUL, and a buffer as long as it is said to be.
    let len = unsafe { libc::readlinkat(parent.fd(), name.as_ptr(), link.as_mut_ptr().cast(), PATH_MAX) };
    let Ok(len) = usize::try_from(len) else { return Path::of(path.bytes()) };
    let link = &link[..len];
    if link.starts_with(b"/") {
        return Path::of(link);
    }
    let mut led = Path::of(split(path.bytes()).0)?;
    led.push(link)?;
    Ok(led)
}

/// Writes a prefix and a number in decimal into a buffer, and a NUL; false where it is too small.
pub(super) fn write_number(buffer: &mut [u8], prefix: &[u8], number: u32) -> bool {
    let mut digits = [0_u8; 10];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = &digits[start..];
    let end = prefix.len() + digits.len();
    if end >= buffer.len() {
        return false;
    }
    buffer[..prefix.len()].copy_from_slice(prefix);
    buffer[prefix.len()..end].copy_from_slice(digits);
    buffer[end] = 0;
    true
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    use super::*;

    fn target(path: &CStr, make: Make) -> Target {
        Target { path: path.to_owned(), make }
    }

    #[test]
    fn links_that_lead_out_stay_in_the_root() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        symlink("/etc", dir.path().join("absolute")).unwrap();
        symlink("../../../../../../etc", dir.path().join("above")).unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        for path in [c"absolute/a", c"above/b", c"../../etc/c"] {
            open(root.as_raw_fd(), &target(path, Make::File)).unwrap();
        }
        for name in ["a", "b", "c"] {
            assert!(dir.path().join("etc").join(name).is_file(), "{name}");
        }
    }

    #[test]
    fn files_and_directories_are_made_with_what_is_above_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let root = root.as_raw_fd();
        assert!(!open(root, &target(c"a/b/file", Make::File)).unwrap().is_directory().unwrap());
        assert!(open(root, &target(c"a//c/d/", Make::Directory)).unwrap().is_directory().unwrap());
        assert!(dir.path().join("a/b/file").is_file() && dir.path().join("a/c/d").is_dir());
        assert_eq!(open(root, &target(c"x/y", Make::Nothing)).unwrap_err(), libc::ENOENT);
        assert_eq!(open(root, &target(c"a/b/file/x", Make::Directory)).unwrap_err(), libc::ENOTDIR);
    }

    #[test]
    fn a_file_is_made_where_a_link_to_nothing_leads() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        symlink("../run/resolve/stub", dir.path().join("etc/resolv.conf")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        open(root.as_raw_fd(), &target(c"etc/resolv.conf", Make::File)).unwrap();
        assert!(dir.path().join("run/resolve/stub").is_file());
        assert_eq!(open(root.as_raw_fd(), &target(c"loop", Make::File)).unwrap_err(), libc::ELOOP);
    }

    #[test]
    fn magic_links_are_refused() {
        let root = fs::File::open("/").unwrap();
        let path = CString::new(format!("proc/self/fd/{}", root.as_raw_fd())).unwrap();
        assert_eq!(open(root.as_raw_fd(), &target(&path, Make::Nothing)).unwrap_err(), libc::ELOOP);
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        let mut buffer = [b'x'; 14];
        assert!(write_number(&mut buffer, b"pts/", 0));
        assert_eq!(&buffer[..6], b"pts/0\0");
        assert!(!write_number(&mut buffer, b"pts/", u32::MAX));
        assert!(write_number(&mut buffer, b"p/", u32::MAX));
        assert_eq!(&buffer[..13], b"p/4294967295\0");
    }
}
