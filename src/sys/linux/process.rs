//! Processes by descriptor, which never leads to another: pidfd_open(2), waiting, signals, and what `/proc` tells of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use super::calls::syscall;

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

    /// The child that a descriptor stands for: pidfd_open(2), "Pid" in `/proc/self/fdinfo`.
    pub(super) fn of_pidfd(pidfd: OwnedFd) -> io::Result<Child> {
        let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
        let pid = about.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
        Ok(Child { pid: pid.ok_or(io::ErrorKind::InvalidData)?, pidfd })
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
        send(self.pidfd.as_fd(), number).map(drop)
    }
}

/// A process that need not be a child of this one.
#[derive(Debug)]
pub struct OtherProcess {
    pid: u32,
    pidfd: OwnedFd,
}

impl OtherProcess {
    /// The process `pid` that started at `start_time`; none where it has ended.
    pub fn open(pid: u32, start_time: u64) -> io::Result<Option<OtherProcess>> {
        let Some(number) = i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let pidfd = match pidfd_open(number, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            pidfd => pidfd?,
        };
        // Looked at after the descriptor was made: what it says is then true of the process that the descriptor holds.
        Ok((start_of(pid)? == Some(start_time)).then_some(OtherProcess { pid, pidfd }))
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal; whether there still was a process to take it.
    pub fn signal(&self, number: i32) -> io::Result<bool> {
        send(self.pidfd.as_fd(), number)
    }

    /// Waits until it has ended, at most for `limit`; returns whether it has.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        wait_for_end(&self.pidfd, Some(limit))
    }
}

/// Whether there was a process to take the signal.
#[allow(unsafe_code)]
fn send(pidfd: BorrowedFd<'_>, number: i32) -> io::Result<bool> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: an open descriptor and numbers; without a siginfo it makes that of kill(2).
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), number, none, 0) };
    match syscall(sent) {
        Ok(_) => Ok(true),
        Err(libc::ESRCH) => Ok(false),
        Err(errno) => Err(io::Error::from_raw_os_error(errno)),
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

/// When a process started, in ticks since boot: with its number it tells processes apart. `NotFound` where it has ended.
pub fn start_time(pid: u32) -> io::Result<u64> {
    start_of(pid)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// As [`start_time`]; none where there is no such process, or one that has ended.
pub fn start_of(pid: u32) -> io::Result<Option<u64>> {
    match read_proc(&format!("/proc/{pid}/stat")) {
        Ok(line) => start_in(&line).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A short file of `/proc`, which tells no size, in one go.
pub(super) fn read_proc(path: &str) -> io::Result<Vec<u8>> {
    const BYTES: usize = 4 << 10;
    let mut bytes = Vec::with_capacity(BYTES);
    File::open(path)?.take(BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The start in a line of proc_pid_stat(5), whose second field is a name that may hold anything.
fn start_in(line: &[u8]) -> Option<Option<u64>> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let mut fields = str::from_utf8(&line[end + 1..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    // The third field was the state, this is the 22nd.
    let start = fields.nth(18)?.parse().ok()?;
    Some((!matches!(state, "Z" | "X" | "x")).then_some(start))
}

/// The processes of the pid namespace whose first is `init`, and of namespaces below it: those that are in it, and what comes
/// from them.
pub fn members(init: u32) -> io::Result<Vec<u32>> {
    let own = namespace(init, "pid")?;
    let mut others = Vec::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        match namespace(pid, "pid") {
            Ok(namespace) if namespace == own => found.push(pid),
            Ok(_) => others.extend(parent(pid).map(|parent| (pid, parent))),
            // It has ended, or is one of the kernel's own.
            Err(_) => {}
        }
    }
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(others.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
    }
    Ok(found)
}

/// Whether it is the first process of its pid namespace.
pub fn is_first(pid: u32) -> io::Result<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    Ok(numbers.and_then(|numbers| numbers.split_whitespace().last()) == Some("1"))
}

/// The parent of a process that is there.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// A namespace of a process, by its file in `/proc/PID/ns`.
pub fn open_namespace(pid: u32, file: &str) -> io::Result<OwnedFd> {
    Ok(File::open(format!("/proc/{pid}/ns/{file}"))?.into())
}

/// What tells a namespace from others of its kind.
pub fn namespace(pid: u32, file: &str) -> io::Result<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{file}"))
}

/// Whether a namespace that is open is another than this process's own of that kind.
pub fn is_other_namespace(namespace: &OwnedFd, file: &str) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (other, own) = (rustix::fs::fstat(namespace)?, fs::metadata(format!("/proc/self/ns/{file}"))?);
    Ok((other.st_dev, other.st_ino) != (own.dev(), own.ino()))
}

/// What is known of the user namespace: nothing, that it has all ids, that it does not.
static USERS: AtomicU8 = AtomicU8::new(0);

/// Whether this process is in a user namespace that does not have all ids.
pub fn is_in_user_namespace() -> bool {
    match USERS.load(Ordering::Relaxed) {
        0 => {
            let is_in = super::users::own_map("uid_map") != [(0, 0, u32::MAX)];
            USERS.store(if is_in { 2 } else { 1 }, Ordering::Relaxed);
            is_in
        }
        known => known == 2,
    }
}

/// Forgets what is known of the user namespace, which this process has changed.
pub(super) fn forget_user_namespace() {
    USERS.store(0, Ordering::Relaxed);
}

/// Whether the kernel is of this version or a later one.
pub fn is_kernel_at_least(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers =
        release.split(|letter: char| !letter.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_name_with_brackets_and_spaces_hides_nothing() {
        let line =
            |name: &str, state: &str| format!("7 ({name}) {state} 1 7 7 0 -1 4 1 0 0 0 1 2 0 0 20 0 1 0 4711 9 9\n");
        assert_eq!(start_in(line("a) S (b", "S").as_bytes()), Some(Some(4711)));
        assert_eq!(start_in(line("a", "Z").as_bytes()), Some(None));
        assert_eq!(start_in(b"7 (a"), None);
        assert_eq!(start_in(b"7 (a) S 1"), None);
    }

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let start = start_time(child.id()).unwrap();
        assert!(OtherProcess::open(child.id(), start + 1).unwrap().is_none());
        let process = OtherProcess::open(child.id(), start).unwrap().unwrap();
        assert!(!process.wait(Duration::ZERO).unwrap());
        assert!(process.signal(libc::SIGKILL).unwrap());
        assert!(process.wait(Duration::from_secs(60)).unwrap());
        assert_eq!(start_of(child.id()).unwrap(), None, "it has ended and was not waited for");
        child.wait().unwrap();
        assert!(!process.signal(libc::SIGKILL).unwrap());
        for pid in [child.id(), 0, u32::MAX] {
            assert!(OtherProcess::open(pid, start).unwrap().is_none());
        }
    }
}
