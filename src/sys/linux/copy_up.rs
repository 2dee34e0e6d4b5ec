//! Copies what a directory holds into a new, empty file system between clone and exec: without allocating, by descriptors.

use std::ffi::{CStr, c_char, c_int};
use std::os::fd::RawFd;

use super::calls::{Outcome, check, errno, syscall};
use super::place::Place;

/// How deep directories may lie in each other; each level takes one listing on the stack.
const DEPTH_MAX: usize = 64;
/// The bytes of a listing that are read at a time.
const LISTING: usize = 2048;
/// Where the name begins in a `struct linux_dirent64`.
const NAME_OFFSET: usize = 19;

/// A listing as the kernel writes it: its entries begin at multiples of eight.
#[repr(C, align(8))]
struct Listing([u8; LISTING]);

/// Copies all entries of the directory `from` into the directory `to`, with kinds, modes, owners and contents.
pub(super) fn copy_entries(from: RawFd, to: RawFd) -> Outcome {
    copy_at(from, to, 0)
}

#[allow(unsafe_code)]
fn copy_at(from: RawFd, to: RawFd, depth: usize) -> Outcome {
    if depth == DEPTH_MAX {
        return Err(libc::ELOOP);
    }
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: an open directory and a literal text.
    let directory = Place::of(check(unsafe { libc::openat(from, c".".as_ptr(), flags) })?);
    let mut listing = Listing([0; LISTING]);
    loop {
        // SAFETY: a buffer as long as it is said to be.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.fd(), listing.0.as_mut_ptr(), LISTING) };
        let end = syscall(read)? as usize;
        if end == 0 {
            return Ok(());
        }
        let mut at = 0;
        while at < end {
            let entry = &listing.0[at..end];
            let len = u16::from_ne_bytes([entry[16], entry[17]]) as usize;
            let name = CStr::from_bytes_until_nul(&entry[NAME_OFFSET..]).map_err(|_| libc::EIO)?;
            if name != c"." && name != c".." {
                copy_entry(directory.fd(), to, name, depth)?;
            }
            at += len;
        }
    }
}

#[allow(unsafe_code)]
fn copy_entry(from: RawFd, to: RawFd, name: &CStr, depth: usize) -> Outcome {
    let name_ptr = name.as_ptr();
    // SAFETY: open directories, names that end in NUL, and a structure that the kernel fills.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        check(libc::fstatat(from, name_ptr, &raw mut stat, libc::AT_SYMLINK_NOFOLLOW))?;
        match stat.st_mode & libc::S_IFMT {
            libc::S_IFDIR => {
                check(libc::mkdirat(to, name_ptr, 0o700))?;
                let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
                let (below, made) = (open(from, name_ptr, flags)?, open(to, name_ptr, flags)?);
                copy_at(below.fd(), made.fd(), depth + 1)?;
            }
            libc::S_IFREG => {
                let content = open(from, name_ptr, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC)?;
                let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
                copy_content(&content, &open(to, name_ptr, flags)?)?;
            }
            libc::S_IFLNK => {
                let mut target = [0_u8; libc::PATH_MAX as usize];
                let len = libc::readlinkat(from, name_ptr, target.as_mut_ptr().cast(), target.len() - 1);
                let len = usize::try_from(len).map_err(|_| errno())?;
                target[len] = 0;
                check(libc::symlinkat(target.as_ptr().cast(), to, name_ptr))?;
            }
            _ => drop(check(libc::mknodat(to, name_ptr, stat.st_mode, stat.st_rdev))?),
        }
        check(libc::fchownat(to, name_ptr, stat.st_uid, stat.st_gid, libc::AT_SYMLINK_NOFOLLOW))?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFLNK {
            // Behind the owner, whose change takes set-user-id bits away.
            check(libc::fchmodat(to, name_ptr, stat.st_mode & 0o7777, 0))?;
        }
    }
    Ok(())
}

#[allow(unsafe_code)]
unsafe fn open(directory: RawFd, name: *const c_char, flags: c_int) -> Result<Place, i32> {
    let mode: libc::c_uint = 0o600;
    // SAFETY: an open directory and a name that ends in NUL.
    Ok(Place::of(check(unsafe { libc::openat(directory, name, flags, mode) })?))
}

#[allow(unsafe_code)]
fn copy_content(from: &Place, to: &Place) -> Outcome {
    loop {
        // SAFETY: two open files; the kernel keeps the offsets.
        match unsafe { libc::sendfile(to.fd(), from.fd(), std::ptr::null_mut(), 1 << 30) } {
            0 => return Ok(()),
            1.. => {}
            _ if errno() == libc::EINTR => {}
            _ => return Err(errno()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_tree_is_copied_with_its_modes_links_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("a/b/file"), vec![7; 100_000]).unwrap();
        fs::set_permissions(from.join("a/b/file"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(from.join("a"), fs::Permissions::from_mode(0o1777)).unwrap();
        symlink("/nowhere", from.join("a/link")).unwrap();
        for number in 0..200 {
            fs::write(from.join(format!("a rather long name of a file {number}")), "").unwrap();
        }
        copy_entries(File::open(&from).unwrap().as_raw_fd(), File::open(&to).unwrap().as_raw_fd()).unwrap();
        assert_eq!(fs::read(to.join("a/b/file")).unwrap(), vec![7; 100_000]);
        assert_eq!(fs::metadata(to.join("a/b/file")).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::metadata(to.join("a")).unwrap().mode() & 0o7777, 0o1777);
        assert_eq!(fs::read_link(to.join("a/link")).unwrap().to_str(), Some("/nowhere"));
        assert_eq!(fs::read_dir(&to).unwrap().count(), 201);
    }

    #[test]
    fn what_lies_too_deep_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (mut from, to) = (folder.path().join("from"), folder.path().join("to"));
        let root = from.clone();
        (0..=DEPTH_MAX).for_each(|_| from.push("d"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir(&to).unwrap();
        let copied = copy_entries(File::open(&root).unwrap().as_raw_fd(), File::open(&to).unwrap().as_raw_fd());
        assert_eq!(copied, Err(libc::ELOOP));
    }
}
