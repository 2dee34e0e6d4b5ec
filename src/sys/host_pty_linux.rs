//! A pseudo-terminal of the host's kernel, on Linux: what ours is held against.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Both ends, which never wait.
pub(crate) struct HostPty {
    master: File,
    terminal: File,
}

impl HostPty {
    /// A terminal that is set as this `struct termios2` says.
    #[allow(unsafe_code)]
    pub(crate) fn open(termios: &[u8; 44]) -> io::Result<HostPty> {
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
        let master = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/ptmx")?;
        let unlocked: libc::c_int = 0;
        // SAFETY: TIOCSPTLCK reads an int, which lives on this stack.
        check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) })?;
        // SAFETY: TIOCGPTPEER takes open flags by value, and gives a new descriptor that nobody else has.
        let terminal = unsafe {
            let fd = check(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | flags))?;
            File::from_raw_fd(fd)
        };
        let pty = HostPty { master, terminal };
        pty.set(termios)?;
        Ok(pty)
    }

    #[allow(unsafe_code)]
    pub(crate) fn set(&self, termios: &[u8; 44]) -> io::Result<()> {
        // SAFETY: TCSETS2 reads a struct termios2, which has 44 bytes and may have any.
        check(unsafe { libc::ioctl(self.terminal.as_raw_fd(), libc::TCSETS2, termios.as_ptr()) })?;
        Ok(())
    }

    #[allow(unsafe_code)]
    pub(crate) fn termios(&self) -> io::Result<[u8; 44]> {
        let mut termios = [0; 44];
        // SAFETY: TCGETS2 writes a struct termios2, which has 44 bytes.
        check(unsafe { libc::ioctl(self.terminal.as_raw_fd(), libc::TCGETS2, termios.as_mut_ptr()) })?;
        Ok(termios)
    }

    /// Types, and waits until the kernel has seen it: poll(2) says when, where nothing could be read before.
    pub(crate) fn input(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.master.write(bytes)?;
        self.is_readable()?;
        Ok(len)
    }

    /// What was shown.
    pub(crate) fn output(&mut self) -> io::Result<Vec<u8>> {
        let mut shown = Vec::new();
        let mut buf = [0; 4096];
        loop {
            match self.master.read(&mut buf) {
                Ok(len) => shown.extend_from_slice(&buf[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(shown),
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.terminal.read(buf)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.terminal.write(bytes)
    }

    pub(crate) fn is_readable(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.terminal, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default()))?;
        Ok(fds[0].revents().contains(PollFlags::IN))
    }

    pub(crate) fn pending(&self) -> io::Result<u64> {
        Ok(rustix::io::ioctl_fionread(&self.terminal)?)
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
