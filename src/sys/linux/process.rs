//! Processes by descriptor: pidfd_open(2), waiting, signals, and what `/proc` tells of them.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// With this code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

/// A process that this one made.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    pidfd: OwnedFd,
}

impl Child {
    pub(super) fn new(pid: u32, pidfd: OwnedFd) -> Child {
        Child { pid, pidfd }
    }

    /// Its number, as this process sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end. Only one caller can be told.
    pub fn wait(&self) -> io::Result<WaitStatus> {
        loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(status) => {
                    let status = status.ok_or(io::ErrorKind::NotFound)?;
                    return Ok(match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => WaitStatus::Exited(code),
                        (None, signal) => WaitStatus::Signaled(signal.unwrap_or(0)),
                    });
                }
            }
        }
    }

    /// Its descriptor: readable when it has ended.
    pub fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Sends a signal. One that has ended needs none.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        send(&self.pidfd, number)
    }
}

/// Sends a signal to the process that has this number and started at that time. [`NotFound`](io::ErrorKind::NotFound)
/// where it has ended.
pub fn signal(pid: u32, started: u64, number: i32) -> io::Result<()> {
    // The descriptor comes first: whoever still has the number and that time afterwards is the process that it stands for.
    let pidfd = match open_pidfd(pid) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Err(io::ErrorKind::NotFound.into()),
        pidfd => pidfd?,
    };
    match start_time(pid)? == started {
        true => send(&pidfd, number),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

#[allow(unsafe_code)]
fn send(pidfd: &OwnedFd, number: i32) -> io::Result<()> {
    if !(1..=64).contains(&number) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is a signal of Linux, and is only sent: that the C library has some for itself binds this process alone.
    let signal = unsafe { Signal::from_raw_unchecked(number) };
    match pidfd_send_signal(pidfd, signal) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        sent => Ok(sent?),
    }
}

/// A descriptor of a process.
pub fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Waits until a process has ended, at most for `limit`; returns whether it has.
pub fn wait_for_end(pidfd: &OwnedFd, limit: Option<Duration>) -> io::Result<bool> {
    let until = limit.map(|limit| Instant::now() + limit);
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose().map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}

/// Tells a terminal of the size of its window.
pub fn set_window(master: &OwnedFd, rows: u16, columns: u16) {
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // A terminal that is gone has no window.
    let _ = rustix::termios::tcsetwinsize(master, size);
}

/// Whether this is the thread that the process began with.
pub fn is_main_thread() -> bool {
    rustix::thread::gettid() == rustix::process::getpid()
}

/// When a process started, in ticks since boot: with its number it tells processes apart.
pub fn start_time(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before it may hold anything, parentheses too.
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    let mut fields = fields.split(' ');
    if fields.next() == Some("Z") {
        return Err(io::ErrorKind::NotFound.into());
    }
    fields.nth(18).and_then(|field| field.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A namespace of a process, by its file in `/proc/PID/ns`.
pub fn open_namespace(pid: u32, file: &str) -> io::Result<OwnedFd> {
    Ok(File::open(format!("/proc/{pid}/ns/{file}"))?.into())
}

/// What tells a namespace from others of its kind.
pub fn namespace(pid: u32, file: &str) -> io::Result<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{file}"))
}

/// Whether this process is in a user namespace that does not have all ids.
pub fn is_in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// Whether the kernel is of this version or a later one.
pub fn is_kernel_at_least(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers =
        release.split(|letter: char| !letter.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}
