//! The table of mounts that this process sees, read no more often than it changes. [`mountinfo`](crate::sys::mountinfo) has its lines.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What is read of it at most.
const BYTES: u64 = 16 << 20;

/// What was read last, and the open file that tells when it is no longer true.
static LAST: Mutex<Option<(File, Arc<str>)>> = Mutex::new(None);

/// The table. It is read anew only when the kernel says that it has changed.
pub fn read() -> io::Result<Arc<str>> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, table)) = last.as_ref().filter(|(file, _)| is_as_read(file)) {
        return Ok(table.clone());
    }
    let file = File::open("/proc/self/mountinfo")?;
    let mut bytes = Vec::with_capacity(16 << 10);
    (&file).take(BYTES).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more mounts than anybody has"));
    }
    let table: Arc<str> = String::from_utf8_lossy(&bytes).into();
    *last = Some((file, table.clone()));
    Ok(table)
}

/// Whether nothing was mounted or unmounted since the file was opened.
fn is_as_read(file: &File) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(file, PollFlags::PRI)], Some(&at_once)).is_ok_and(|changed| changed == 0)
}

/// Forgets the table of a mount namespace that this process has left.
pub(super) fn forget() {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mountinfo::mounts;

    #[test]
    fn the_table_is_the_kernels_also_when_it_is_asked_for_again() {
        let of_kernel = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = |table: &str| mounts(table).map(|mount| mount.point).filter(|point| point == "/").count();
        assert_eq!((points(&read().unwrap()), points(&read().unwrap())), (points(&of_kernel), points(&of_kernel)));
        forget();
        assert_eq!(points(&read().unwrap()), points(&of_kernel));
    }
}
