//! The standard streams of this process, without buffers and without reading ahead, and waits that can be broken off.

use std::io;
use std::time::Duration;

use super::stdio_system as system;

/// How a wait for standard input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// There is something to read: bytes, the end, or an error.
    Input,
    /// [`Waker::wake`] was called.
    Woken,
    /// The time was over.
    TimedOut,
}

/// Breaks waits off. Once woken it stays so until it is cleared.
pub struct Waker(system::Waker);

impl Waker {
    /// A waker that nobody has woken.
    pub fn new() -> io::Result<Waker> {
        system::Waker::new().map(Waker)
    }

    /// Ends the waits that use this waker, now and later.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Forgets that it was woken.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Waits until standard input can be read; without a timeout for as long as it takes.
    pub fn wait_for_stdin(&self, timeout: Option<Duration>) -> io::Result<Ready> {
        self.0.wait_for_stdin(timeout)
    }
}

/// Reads what is there of standard input; blocks while there is nothing.
pub fn read_stdin(buf: &mut [u8]) -> io::Result<usize> {
    system::read_stdin(buf)
}

/// Whether a read of standard input would not block.
pub fn is_stdin_ready() -> bool {
    system::is_stdin_ready()
}

/// How many bytes of standard input can be read without blocking, where the system tells.
pub fn stdin_available() -> Option<u64> {
    system::stdin_available()
}

/// Standard output as [`write_stdout`] writes to it.
pub struct Stdout;

impl io::Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        write_stdout(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error as [`write_stderr`] writes to it.
pub struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        write_stderr(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to standard output, past any buffer of this process.
pub fn write_stdout(buf: &[u8]) -> io::Result<usize> {
    system::write_stdout(buf)
}

/// Writes to standard error.
pub fn write_stderr(buf: &[u8]) -> io::Result<usize> {
    system::write_stderr(buf)
}
