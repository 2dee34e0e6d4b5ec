//! Files as Unix has them: modes, owners, fifos, extended attributes, locks. `std::fs` does the rest.

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::{self, LockOperation, RenameFlags, Stat, StatFs};

/// All that is known of a file, at the end of symbolic links.
pub fn stat(path: impl AsRef<Path>) -> io::Result<Stat> {
    Ok(sys::stat(path.as_ref())?)
}

/// All that is known of a file, which may be a symbolic link.
pub fn lstat(path: impl AsRef<Path>) -> io::Result<Stat> {
    Ok(sys::lstat(path.as_ref())?)
}

/// All that is known of an open file.
pub fn fstat(file: &impl std::os::fd::AsRawFd) -> io::Result<Stat> {
    Ok(sys::fstat(file.as_raw_fd())?)
}

/// Sets the mode of a file, at the end of symbolic links: `std::fs::set_permissions`.
pub fn set_mode(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    Ok(sys::chmod(path.as_ref(), mode)?)
}

/// Sets the owners of a file, at the end of symbolic links. `None` leaves one as it is.
pub fn chown(path: impl AsRef<Path>, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    Ok(sys::chown(path.as_ref(), uid, gid)?)
}

/// Sets the owners of a file, which may be a symbolic link.
pub fn lchown(path: impl AsRef<Path>, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    Ok(sys::lchown(path.as_ref(), uid, gid)?)
}

/// Makes a fifo.
pub fn mkfifo(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    Ok(sys::mkfifo(path.as_ref(), mode)?)
}

/// Makes a directory with this mode, before the umask.
pub fn create_dir(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    Ok(sys::mkdir(path.as_ref(), mode)?)
}

/// Makes a symbolic link `link` that says `original`.
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(original, link);
    #[cfg(target_os = "wasi")]
    {
        unsafe extern "C" {
            fn symlink(original: *const std::ffi::c_char, link: *const std::ffi::c_char) -> std::ffi::c_int;
        }
        let text = |path: &Path| {
            std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| io::Error::from(sys::Errno::EINVAL))
        };
        let (original, link) = (text(original.as_ref())?, text(link.as_ref())?);
        // SAFETY: both are strings that end with zeros.
        match unsafe { symlink(original.as_ptr(), link.as_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Renames a file where there is none of the new name: `AlreadyExists` else.
pub fn rename_new(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    Ok(sys::rename(from.as_ref(), to.as_ref(), RenameFlags::NOREPLACE)?)
}

/// What the file system of a file holds.
pub fn statfs(path: impl AsRef<Path>) -> io::Result<StatFs> {
    Ok(sys::statfs(path.as_ref())?)
}

/// Opens a file with a mode for a new one: what `OpenOptionsExt::mode` is for.
pub fn open(path: impl AsRef<Path>, flags: sys::OpenFlags, mode: u32) -> io::Result<std::fs::File> {
    let fd = sys::open(path.as_ref(), flags | sys::OpenFlags::CLOEXEC, mode)?;
    // SAFETY: the descriptor was just opened and is given away.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
}

/// A lock on an open file, given back when this is dropped.
#[derive(Debug)]
pub struct FileLock<'a, F: std::os::fd::AsRawFd>(&'a F);

impl<'a, F: std::os::fd::AsRawFd> FileLock<'a, F> {
    /// Waits for the lock.
    pub fn new(file: &'a F, operation: LockOperation) -> io::Result<FileLock<'a, F>> {
        sys::retry(|| sys::flock(file.as_raw_fd(), operation))?;
        Ok(FileLock(file))
    }
}

impl<F: std::os::fd::AsRawFd> Drop for FileLock<'_, F> {
    fn drop(&mut self) {
        // Closing the file does the same.
        let _ = sys::flock(self.0.as_raw_fd(), LockOperation::UNLOCK);
    }
}

/// The mode as `ls -l` shows it, with the type: `drwxr-xr-x`.
pub fn mode_text(mode: u32) -> String {
    let kind = match mode & sys::S_IFMT {
        sys::S_IFDIR => 'd',
        sys::S_IFLNK => 'l',
        sys::S_IFCHR => 'c',
        sys::S_IFBLK => 'b',
        sys::S_IFIFO => 'p',
        sys::S_IFSOCK => 's',
        sys::S_IFREG => '-',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift & 7;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// The names in a directory, without `.` and `..`, sorted.
pub fn names(path: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let mut names =
        std::fs::read_dir(path)?.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_as_in_ls() {
        for (mode, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o041_777, "drwxrwxrwt"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0o120_777, "lrwxrwxrwx"),
        ] {
            assert_eq!(mode_text(mode), text);
        }
    }
}
