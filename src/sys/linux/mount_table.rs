//! The table of mounts that this process sees: proc_pid_mountinfo(5).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What is read of it at most.
const BYTES: u64 = 16 << 20;

/// What was read last, and the open file that tells when it is no longer true.
static LAST: Mutex<Option<(File, Arc<str>)>> = Mutex::new(None);

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Which directory of the file system it shows.
    pub root: Cow<'a, str>,
    /// Where it is.
    pub point: Cow<'a, str>,
    /// The type of the file system.
    pub kind: &'a str,
    /// The options of the file system.
    pub options: &'a str,
}

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

/// The mounts of a table. Lines that are not understood are passed over.
pub fn mounts(table: &str) -> impl DoubleEndedIterator<Item = Mount<'_>> {
    table.lines().filter_map(|line| {
        // The fields before the separator are as many as there are peer groups, those behind it are three.
        let mut fields = line.rsplitn(4, ' ');
        let (options, _source, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let mut place = fields.next()?.strip_suffix(" -")?.split(' ').skip(3);
        Some(Mount { root: unescape(place.next()?)?, point: unescape(place.next()?)?, kind, options })
    })
}

/// A path without the escapes of the table: `\040` is a space. None where it is not UTF-8.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_mounted_where() {
        let table = "36 35 98:0 /mnt1 /my\\040place rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n\
                     nonsense\n\
                     30 23 0:26 / /bad\\9\\134 ro - cgroup2 cgroup2 rw\n";
        let found: Vec<Mount<'_>> = mounts(table).collect();
        let first =
            Mount { root: "/mnt1".into(), point: "/my place".into(), kind: "ext3", options: "rw,errors=continue" };
        let second = Mount { root: "/".into(), point: "/bad\\9\\".into(), kind: "cgroup2", options: "rw" };
        assert_eq!(found, [first, second]);
    }

    #[test]
    fn the_table_is_the_kernels_also_when_it_is_asked_for_again() {
        let of_kernel = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = |table: &str| mounts(table).map(|mount| mount.point).filter(|point| point == "/").count();
        assert_eq!((points(&read().unwrap()), points(&read().unwrap())), (points(&of_kernel), points(&of_kernel)));
        forget();
        assert_eq!(points(&read().unwrap()), points(&of_kernel));
    }
}
