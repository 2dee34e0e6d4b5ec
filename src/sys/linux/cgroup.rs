//! What cgroups need of the system beside reading and writing their files.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Access, Mode, OFlags};
use rustix::process::{Pid, Signal};

/// The directory at `path`, as clone3(2) takes it for `CLONE_INTO_CGROUP`.
pub fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Whether we may write to `path`.
pub fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
}

/// Ends a process. One that is gone is no error.
pub fn kill(pid: u32) -> io::Result<()> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    match rustix::process::kill_process(pid, Signal::KILL) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        result => Ok(result?),
    }
}

/// Whether an error says that there is no such process.
pub fn is_no_process(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ESRCH)
}

/// Whether an error says that there is no such device (a cgroup that was removed).
pub fn is_no_device(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENODEV)
}

/// Whether the file system at `path` is that of cgroup v2.
pub fn is_unified(path: &Path) -> bool {
    // `CGROUP2_SUPER_MAGIC`.
    rustix::fs::statfs(path).is_ok_and(|about| about.f_type as u64 == 0x6367_7270)
}

/// Waits until the kernel says that a file of a cgroup has changed since it was read; false when `timeout` is over first.
pub fn wait_changed(file: &File, timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
    loop {
        match rustix::event::poll(&mut [PollFd::new(file, PollFlags::PRI)], Some(&timeout)) {
            Ok(count) => return Ok(count > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
