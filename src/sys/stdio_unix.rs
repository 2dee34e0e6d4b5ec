//! The standard streams, on Unix: poll(2) on the descriptor and a pipe that wakes.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::stdio::Ready;

pub(super) struct Waker {
    read: PipeReader,
    write: PipeWriter,
}

impl Waker {
    pub(super) fn new() -> io::Result<Waker> {
        let (read, write) = io::pipe()?;
        rustix::io::ioctl_fionbio(&read, true)?;
        rustix::io::ioctl_fionbio(&write, true)?;
        Ok(Waker { read, write })
    }

    pub(super) fn clear(&self) {
        let mut bytes = [0; 64];
        while rustix::io::read(&self.read, &mut bytes).is_ok_and(|len| len > 0) {}
    }

    pub(super) fn wake(&self) {
        // One byte is enough, and a pipe that is full of them wakes as well.
        let _ = rustix::io::write(&self.write, &[0]);
    }

    pub(super) fn wait_for_stdin(&self, timeout: Option<Duration>) -> io::Result<Ready> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [PollFd::new(&self.read, PollFlags::IN), PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(Ready::TimedOut),
                Ok(_) if !fds[0].revents().is_empty() => return Ok(Ready::Woken),
                Ok(_) => return Ok(Ready::Input),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn stdin() -> BorrowedFd<'static> {
    rustix::stdio::stdin()
}

pub(super) fn read_stdin(buf: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut *buf))?)
}

pub(super) fn is_stdin_ready() -> bool {
    let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

pub(super) fn stdin_available() -> Option<u64> {
    rustix::io::ioctl_fionread(stdin()).ok()
}

pub(super) fn write_stdout(buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stdout(), buf))?)
}

pub(super) fn write_stderr(buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stderr(), buf))?)
}
