//! Going into a user namespace with the whole process, and what its maps say.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use super::calls::{check, prctl};
use super::ids;
use super::process::read_proc;

/// A map of ids: first inside, first outside, how many.
pub type Ranges = Vec<(u32, u32, u32)>;

/// The maps of this process's user namespace, by their files.
static OWN_MAPS: Mutex<Vec<(String, Ranges)>> = Mutex::new(Vec::new());

/// The user and the group that this process acts as.
pub fn effective_ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// How many threads this process has.
pub fn thread_count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// The process becomes root of a user namespace, with mounts of its own that follow the host's: mounting needs them, also
/// where nothing has a place. It must have one thread.
#[allow(unsafe_code)]
pub fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    let failed = io::Error::from_raw_os_error;
    // SAFETY: an open descriptor; the only thread is the calling one.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWUSER) }).map_err(failed)?;
    forget();
    ids::become_root(false).map_err(failed)?;
    // The kernel hides who changes its rights; `/proc/self/fd` would be root's then.
    prctl(libc::PR_SET_DUMPABLE, 1).map_err(failed)?;
    // SAFETY: a number; the working directory and the root stay.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) }).map_err(failed)?;
    super::mount_table::forget();
    Ok(())
}

/// The ranges of a map of this process, `uid_map` or `gid_map`: first inside, first outside, how many.
pub fn own_map(file: &str) -> Ranges {
    let mut known = OWN_MAPS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, ranges)) = known.iter().find(|(name, _)| name == file) {
        return ranges.clone();
    }
    let ranges = map_of("self", file);
    // A map is written once. Before that the namespace has no ids.
    if !ranges.is_empty() {
        known.push((file.to_owned(), ranges.clone()));
    }
    ranges
}

/// Forgets what is known of the user namespace, which this process has changed.
fn forget() {
    OWN_MAPS.lock().unwrap_or_else(PoisonError::into_inner).clear();
    super::process::forget_user_namespace();
}

/// The same of the process with this number.
pub fn map_of(pid: &str, file: &str) -> Ranges {
    ranges(&String::from_utf8_lossy(&read_proc(&format!("/proc/{pid}/{file}")).unwrap_or_default()))
}

fn ranges(map: &str) -> Ranges {
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map_while(|number| number.parse().ok());
        Some((numbers.next()?, numbers.next()?, numbers.next()?))
    };
    map.lines().filter_map(line).collect()
}

/// Whether groups may be chosen: user_namespaces(7) "setgroups".
pub fn may_set_groups() -> bool {
    read_proc("/proc/self/setgroups").is_ok_and(|word| word.trim_ascii() == b"allow")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_line_by_line() {
        assert_eq!(
            ranges("         0       1000          1\n         1     100000      65536\n"),
            [(0, 1000, 1), (1, 100_000, 65536)]
        );
        assert_eq!(ranges("0 x 1\n\n"), []);
    }
}
